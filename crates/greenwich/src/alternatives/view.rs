//! The choices as text and as JSON.
//!
//! In: [`Alternatives`]. Out: a table for people, `greenwich.alternatives/1` for programs.

use super::{Alternatives, Row};
use greenwich_report::Style;
use greenwich_report::text::sheet::{Align, NOT_KNOWN, Sheet};
use serde_json::{Value, json};

impl Alternatives {
    /// For people; explained, each row tells its source.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        let co2e = self.co2e.map_or_else(String::new, |co2e| format!(" ({co2e})"));
        sheet.headline(&format!("{}: what else would do, CO2e as a share of the job's{co2e}", self.job));
        if let Some(loss) = self.expected_loss {
            sheet.paragraph(&format!("Expected loss {loss:.3} by the dense law; the sizes below reach the same."));
        }
        for rows in self.rows.chunk_by(|a, b| a.lever == b.lever) {
            sheet.heading(rows[0].lever.as_str());
            let header = [("instead", Align::Left), ("CO2e", Align::Right), ("range", Align::Right)];
            sheet.table(&header, rows.iter().map(|row| vec![row.choice.clone(), share(row), range(row)]).collect());
            for (choices, note) in notes(rows) {
                sheet.item("- ", &format!("{choices}: {note}"));
            }
            for row in rows.iter().filter(|_| style.explain) {
                sheet.item("- ", &format!("{}: from {}", row.choice, row.source));
            }
        }
        sheet.finish()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "lever": row.lever.as_str(),
                "choice": row.choice,
                "ratio": row.ratio,
                "ratio_low": row.ratio_low,
                "ratio_high": row.ratio_high,
                "source": row.source,
                "note": row.note,
            })
        };
        json!({
            "schema": "greenwich.alternatives/1",
            "job": self.job,
            "co2e_location_based_kg": self.co2e.map(greenwich_core::quantity::Co2e::kg),
            "expected_loss": self.expected_loss,
            "alternatives": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn share(row: &Row) -> String {
    row.ratio.map_or_else(|| NOT_KNOWN.to_owned(), |ratio| format!("{ratio:.2}×"))
}

fn range(row: &Row) -> String {
    row.ratio_low.zip(row.ratio_high).map_or_else(String::new, |(low, high)| format!("{low:.2}–{high:.2}"))
}

/// Each note with the choices that it is about; one that is about all of several is told once.
fn notes(rows: &[Row]) -> Vec<(String, &str)> {
    let mut notes: Vec<(Vec<&str>, &str)> = Vec::new();
    for row in rows {
        let Some(note) = row.note.as_deref() else { continue };
        match notes.iter_mut().find(|(_, known)| *known == note) {
            Some((choices, _)) => choices.push(&row.choice),
            None => notes.push((vec![&row.choice], note)),
        }
    }
    let named = |choices: Vec<&str>| match choices.len() {
        many if many > 1 && many == rows.len() => "all of these".to_owned(),
        _ => choices.join(", "),
    };
    notes.into_iter().map(|(choices, note)| (named(choices), note)).collect()
}
