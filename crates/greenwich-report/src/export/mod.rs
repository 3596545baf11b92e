//! Runs in the forms that others ask for: `greenwich report RUN --for X`.
//!
//! In: runs of the ledger, with their accounts. Out: one string a form, ready to paste or to send. No foreign form
//! holds range, source, coverage and boundary together, so each has our own record beside it where it has room.
//! What a run does not tell is left empty or `null`, never 0; `docs/reference/report-formats.md` says which and why.

pub mod acl;
pub mod ai_act;
pub mod boamps;
pub mod codecarbon;
pub mod ghg;
pub mod hf;
pub mod impact_framework;
pub mod neurips;
pub mod paper;
pub mod run_json;
pub mod sci;

mod latex;
mod markdown;
pub(crate) mod record;
#[cfg(test)]
mod snapshots;
pub(crate) mod whole;
mod yaml;

use greenwich_core::entry::RunEntry;
use paper::Markup;
use sci::Per;

/// A form that a report can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// The metadata of a Hugging Face model card.
    Hf,
    /// A paragraph for a paper, in Markdown.
    Paper,
    /// The same in LaTeX, with BibTeX.
    Latex,
    /// A GHG Protocol Scope 2 record by both methods.
    Ghg,
    /// A Software Carbon Intensity score.
    Sci,
    /// The figures of the EU AI Act, Annex XI.
    AiAct,
    /// CodeCarbon's `emissions.csv`.
    CodeCarbon,
    /// The compute question of the NeurIPS checklist.
    Neurips,
    /// Question C1 of the ACL checklist.
    Acl,
    /// A BoAmps report.
    BoAmps,
    /// An Impact Framework manifest.
    ImpactFramework,
    /// Our own `greenwich.run/1`.
    Json,
}

impl Form {
    /// Every form, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Hf,
        Self::Paper,
        Self::Latex,
        Self::Ghg,
        Self::Sci,
        Self::AiAct,
        Self::CodeCarbon,
        Self::Neurips,
        Self::Acl,
        Self::BoAmps,
        Self::ImpactFramework,
        Self::Json,
    ];
    /// The word after `--for`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hf => "hf",
            Self::Paper => "paper",
            Self::Latex => "latex",
            Self::Ghg => "ghg",
            Self::Sci => "sci",
            Self::AiAct => "ai-act",
            Self::CodeCarbon => "codecarbon",
            Self::Neurips => "neurips",
            Self::Acl => "acl",
            Self::BoAmps => "boamps",
            Self::ImpactFramework => "if",
            Self::Json => "json",
        }
    }
    /// The form that the word after `--for` names; `md` is another word for `paper`.
    pub fn named(word: &str) -> Option<Self> {
        let word = if word == "md" { "paper" } else { word };
        Self::ALL.into_iter().find(|form| form.as_str() == word)
    }
}

/// The runs in a form; `per` is the functional unit of [`Form::Sci`] and of no other.
pub fn render(entries: &[RunEntry], form: Form, per: Per) -> String {
    match form {
        Form::Hf => hf::render(entries),
        Form::Paper => paper::render(entries, Markup::Markdown),
        Form::Latex => paper::render(entries, Markup::Latex),
        Form::Ghg => ghg::render(entries),
        Form::Sci => sci::render(entries, per),
        Form::AiAct => ai_act::render(entries),
        Form::CodeCarbon => codecarbon::render(entries),
        Form::Neurips => neurips::render(entries),
        Form::Acl => acl::render(entries),
        Form::BoAmps => boamps::render(entries),
        Form::ImpactFramework => impact_framework::render(entries),
        Form::Json => run_json::render(entries),
    }
}

/// A JSON document as a file holds it.
fn document(value: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a value of string keys can be written");
    text.push('\n');
    text
}

/// A number with so many significant figures and without an exponent.
fn figures(number: f64, figures: i32) -> f64 {
    greenwich_core::quantity::significant(number, figures).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    #[test]
    fn every_form_is_found_by_its_name() {
        for form in Form::ALL {
            assert_eq!(Form::named(form.as_str()), Some(form));
        }
        assert_eq!((Form::named("md"), Form::named("pdf")), (Some(Form::Paper), None));
    }

    #[test]
    fn every_form_column_and_metric_is_in_the_documentation() {
        let page = include_str!("../../../../docs/reference/report-formats.md");
        for form in Form::ALL {
            let word = form.as_str();
            assert!(page.lines().any(|line| line.starts_with(&format!("| `{word}`"))), "a row of {word}");
            assert!(
                page.lines().any(|line| line.starts_with("## ") && line.contains(&format!("`--for {word}`"))),
                "{word}"
            );
        }
        // A column that stays empty although everything is known is named with its reason.
        let file = codecarbon::render(&[fixture::counted()]);
        let row = file.lines().nth(1).expect("a row");
        for (column, cell) in codecarbon::COLUMNS.iter().zip(row.split(',')) {
            assert!(!cell.is_empty() || *column == "wue" || page.contains(&format!("`{column}`")), "{column}");
        }
        for run in [fixture::counted(), fixture::estimated()] {
            let scrape = crate::telemetry::prometheus(&crate::telemetry::Scrape::of_runs(&[run]));
            for name in scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
                let name = name.split(' ').next().expect("a name");
                assert!(page.contains(&format!("| `{name}`")), "{name}");
            }
        }
    }

    #[test]
    fn every_key_of_a_json_form_is_in_the_documentation() {
        let page = include_str!("../../../../docs/reference/report-formats.md");
        let run = [fixture::estimated()];
        let ghg = ghg::value(&run)["records"][0].clone();
        let account: Vec<String> = keys(&crate::json::estimate(&run[0].account));
        for value in
            [ghg, sci::value(&run, Per::Run), run_json::value(&run[0]), run_json::value(&run[0])["devices"][0].clone()]
        {
            for key in keys(&value).iter().filter(|key| !account.contains(key)) {
                let known = ["greenwich", "formula", "standard", "market_based"].contains(&key.as_str());
                assert!(known || page.contains(&format!("`{key}`")), "{key}");
            }
        }
    }

    fn keys(value: &serde_json::Value) -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn no_name_breaks_a_form_or_reaches_the_terminal() {
        for form in Form::ALL {
            for (name, runs) in fixture::all() {
                let text = render(&runs, form, Per::Run);
                let control = text.chars().find(|letter| letter.is_control() && *letter != '\n');
                assert_eq!(control, None, "{} of {name}", form.as_str());
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{} of {name}", form.as_str());
                // A line break in a name would begin a line of its own, with a key that nobody meant.
                assert!(!text.lines().any(|line| line.starts_with(" co2_eq_emissions")), "{} of {name}", form.as_str());
            }
        }
    }

    #[test]
    fn json_forms_are_json_and_never_hold_what_is_no_number() {
        for form in [Form::Ghg, Form::Sci, Form::BoAmps, Form::Json] {
            for (name, runs) in fixture::all() {
                let text = render(&runs, form, Per::Token);
                let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
                assert!(read.is_ok(), "{} of {name}", form.as_str());
                assert!(!text.contains("NaN") && !text.contains("inf,"), "{} of {name}", form.as_str());
            }
        }
    }
}
