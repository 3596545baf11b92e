//! The choices as text and as JSON.
//!
//! In: [`Alternatives`]. Out: a table for people, `greenwich.alternatives/1` for programs.

use super::{Alternatives, Row};
use serde_json::{Value, json};
use std::fmt::Write as _;

impl Alternatives {
    /// For people; `explain` adds the source of each row.
    pub fn text(&self, explain: bool) -> String {
        let mut text = format!("{}: what else would do, CO2e as a share of the job's", self.job);
        if let Some(co2e) = self.co2e {
            let _ = write!(text, " ({co2e})");
        }
        text.push('\n');
        if let Some(loss) = self.expected_loss {
            let _ = writeln!(text, "expected loss {loss:.3} by the dense law; sizes below reach the same");
        }
        let mut lever = None;
        for row in &self.rows {
            if lever != Some(row.lever) {
                let _ = writeln!(text, "\n{}", row.lever.as_str());
                lever = Some(row.lever);
            }
            let _ = writeln!(text, "  {:<58} {}", row.choice, share(row));
            if let Some(note) = &row.note {
                let _ = writeln!(text, "      {note}");
            }
            if explain {
                let _ = writeln!(text, "      source: {}", row.source);
            }
        }
        text
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
    let range = match (row.ratio_low, row.ratio_high) {
        (Some(low), Some(high)) => format!(" ({low:.2} – {high:.2})"),
        _ => String::new(),
    };
    row.ratio.map_or("unknown".to_owned(), |ratio| format!("{ratio:.2}×{range}"))
}
