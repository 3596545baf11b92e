//! The choices as text and as JSON.
//!
//! In: [`Alternatives`]. Out: the four levers in one table and each in its own for people, `greenwich.alternatives/1` for
//! programs.

use super::{Alternatives, Citation, Lever, Published, Row};
use greenwich_core::Check;
use greenwich_report::Style;
use greenwich_report::figures::three;
use greenwich_report::text::sheet::{Align, NOT_KNOWN, Sheet};
use serde_json::{Value, json};

impl Alternatives {
    /// For people; explained, each row tells its source.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        let co2e = self.co2e.map_or_else(String::new, |co2e| format!(" ({co2e})"));
        sheet.headline(&format!("{}: what else would do, CO2e as a multiple of the job's{co2e}", self.job));
        if let Some(loss) = self.expected_loss {
            sheet.paragraph(&format!(
                "Expected loss {loss:.3} by the dense law; the sizes below reach the same. 0.50× emits half as much."
            ));
        }
        sheet.heading("The four levers");
        self.levers(&mut sheet);
        for rows in self.rows.chunk_by(|a, b| a.lever == b.lever) {
            sheet.heading(title(rows[0].lever));
            let header = [("instead", Align::Left), ("CO2e", Align::Right), ("90 % range", Align::Right)];
            sheet.table(&header, rows.iter().map(|row| vec![row.choice.clone(), share(row), range(row)]).collect());
            let shared = shared(rows);
            for part in &shared {
                let said = |row: &Row| parts(row).any(|own| own == part).then(|| part.clone());
                for (choices, note) in grouped(rows, said) {
                    sheet.item("- ", &format!("{choices}: {note}"));
                }
            }
            let own = |row: &Row| {
                let own: Vec<&str> = parts(row).filter(|part| !shared.iter().any(|known| known == part)).collect();
                (!own.is_empty()).then(|| own.join("; "))
            };
            for (choices, note) in grouped(rows, own) {
                sheet.item("- ", &format!("{choices}: {note}"));
            }
            let marked = |row: &Row| (row.citation.check == Some(Check::Unverified)).then(|| "UNVERIFIED".to_owned());
            let told =
                |row: &Row| if style.explain { Some(format!("from {}", cited(&row.citation))) } else { marked(row) };
            for (choices, words) in grouped(rows, told) {
                sheet.item("- ", &format!("{choices}: {words}"));
            }
        }
        if style.explain {
            sheet.heading("What the papers say");
            for published in &self.published {
                let lever = published.lever.as_str();
                sheet.item("- ", &format!("{lever}, {}: {}", gain(published), cited(&published.citation)));
            }
        } else {
            sheet.blank();
            sheet.paragraph("--explain tells the source of each row, its year and where we read it.");
        }
        sheet.finish()
    }

    /// One line a lever: its best choice, how far its choices lie apart, and what the papers say that it gains.
    fn levers(&self, sheet: &mut Sheet) {
        let header = [
            ("lever", Align::Left),
            ("best instead", Align::Left),
            ("CO2e", Align::Right),
            ("90 % range", Align::Right),
            ("worst ÷ best", Align::Right),
            ("papers", Align::Right),
        ];
        let row = |lever: Lever| {
            let best = self.best(lever);
            let published = self.published.iter().find(|published| published.lever == lever);
            vec![
                lever.as_str().to_owned(),
                best.map_or_else(|| "the job's own".to_owned(), |row| row.choice.clone()),
                best.map_or_else(|| "1.00×".to_owned(), share),
                best.map_or_else(String::new, range),
                three(self.span(lever)),
                published.map_or_else(String::new, gain),
            ]
        };
        sheet.table(&header, Lever::ALL.map(row).to_vec());
        sheet.paragraph(
            "Worst ÷ best: from the dearest to the cheapest choice below. Papers: gains by Patterson et al. 2021 and 2022.",
        );
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
                "source": row.citation.source,
                "year": row.citation.year,
                "check": row.citation.check.map(Check::as_str),
                "note": row.note,
            })
        };
        let lever = |lever: Lever| {
            let published = self.published.iter().find(|published| published.lever == lever);
            json!({
                "lever": lever.as_str(),
                "best": self.best(lever).map(|row| &row.choice),
                "worst_over_best": self.span(lever),
                "published_low": published.map(|published| published.low),
                "published_high": published.map(|published| published.high),
                "published_source": published.map(|published| &published.citation.source),
            })
        };
        json!({
            "schema": "greenwich.alternatives/1",
            "job": self.job,
            "co2e_location_based_kg": self.co2e.map(greenwich_core::quantity::Co2e::kg),
            "expected_loss": self.expected_loss,
            "levers": Lever::ALL.map(lever),
            "alternatives": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

const fn title(lever: Lever) -> &'static str {
    match lever {
        Lever::Model => "Model: the same expected loss by another",
        Lever::Machine => "Machine: energy as achieved in training, as many accelerators",
        Lever::Mechanization => "Mechanization: the facility",
        Lever::Map => "Map: place and hour",
    }
}

fn gain(published: &Published) -> String {
    let plain = |number: f64| three(number).trim_end_matches('0').trim_end_matches('.').to_owned();
    let plain = |number: f64| if number >= 10.0 { format!("{number:.0}") } else { plain(number) };
    format!("{}–{}", plain(published.low), plain(published.high))
}

fn cited(citation: &Citation) -> String {
    let year = citation.year.map_or_else(String::new, |year| format!(" ({year})"));
    match citation.check {
        Some(Check::Unverified) => format!("{}{year}, UNVERIFIED", citation.source),
        Some(check) => format!("{}{year}, {}", citation.source, check.as_str()),
        None => "no law that could be asked".to_owned(),
    }
}

fn share(row: &Row) -> String {
    row.ratio.map_or_else(|| NOT_KNOWN.to_owned(), |ratio| format!("{ratio:.2}×"))
}

fn range(row: &Row) -> String {
    match (row.ratio_low, row.ratio_high) {
        (Some(low), Some(high)) => format!("{low:.2}–{high:.2}"),
        (Some(low), None) => format!("{low:.2} and more"),
        _ => String::new(),
    }
}

/// The parts of a row's note.
fn parts(row: &Row) -> impl Iterator<Item = &str> {
    row.note.iter().flat_map(|note| note.split("; "))
}

/// Parts that the notes of several rows have alike.
fn shared(rows: &[Row]) -> Vec<String> {
    let mut shared: Vec<String> = Vec::new();
    for part in rows.iter().flat_map(parts) {
        let is_shared = rows.iter().filter(|row| parts(row).any(|own| own == part)).count() > 1;
        if is_shared && !shared.iter().any(|known| known == part) {
            shared.push(part.to_owned());
        }
    }
    shared
}

/// Words with the choices that they are about; those that are about all of several are told once.
fn grouped(rows: &[Row], words: impl Fn(&Row) -> Option<String>) -> Vec<(String, String)> {
    let mut all: Vec<(Vec<&str>, String)> = Vec::new();
    for row in rows {
        let Some(said) = words(row) else { continue };
        match all.iter_mut().find(|(_, known)| *known == said) {
            Some((choices, _)) => choices.push(&row.choice),
            None => all.push((vec![&row.choice], said)),
        }
    }
    let named = |choices: Vec<&str>| match choices.len() {
        many if many > 1 && many == rows.len() => "all of these".to_owned(),
        _ => choices.join(", "),
    };
    all.into_iter().map(|(choices, said)| (named(choices), said)).collect()
}
