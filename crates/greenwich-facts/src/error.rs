//! What can be wrong with a fact or with a question about one.
//!
//! In: what was found and where. Out: a message that names file and line, or the nearest names.

use miette::Diagnostic;
use thiserror::Error;

/// The kind of a name that may be in any table.
pub(crate) const ANY_KIND: &str = "fact";

/// A row that the loader refuses, or a name that the catalog does not know.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum FactsError {
    /// A row breaks a rule of the schema.
    #[error("{file}:{line}: {problem}")]
    #[diagnostic(code(greenwich::facts::row), help("{mend}"))]
    Row {
        /// The data file.
        file: String,
        /// Its line, counted from 1.
        line: u64,
        /// What was found.
        problem: String,
        /// What to write instead.
        mend: String,
    },
    /// No such name.
    #[error("no {kind} is called `{name}`")]
    #[diagnostic(code(greenwich::facts::unknown), help("{}", unknown_help(kind, nearest)))]
    Unknown {
        /// `accelerator`, `region`, `zone`, `model`, or `fact` for a name that may be any of them.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The nearest known names, best first.
        nearest: Vec<String>,
    },
    /// A prefix that several names share.
    #[error("`{name}` could be more than one {kind}")]
    #[diagnostic(code(greenwich::facts::ambiguous), help("write one of {}", quoted(candidates)))]
    Ambiguous {
        /// `accelerator`, `region`, `zone`, `model`, or `fact` for a name that may be any of them.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The names that it begins.
        candidates: Vec<String>,
    },
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn unknown_help(kind: &str, nearest: &[String]) -> String {
    let list = if [ANY_KIND, "table"].contains(&kind) {
        "greenwich facts list".to_owned()
    } else {
        format!("greenwich facts list {kind}s")
    };
    if nearest.is_empty() {
        format!("`{list}` shows those known")
    } else {
        format!("did you mean {}? `{list}` shows all", quoted(nearest))
    }
}

/// Message and help as a person reads them, for snapshots.
#[cfg(test)]
pub(crate) fn told(error: &FactsError) -> String {
    let help = miette::Diagnostic::help(error).expect("every error of this room tells the mend");
    format!("{error}\nhelp: {help}")
}
