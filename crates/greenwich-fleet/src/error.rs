//! What can be wrong with the files of a fleet, each with its mend.
//!
//! In: file, line, column and what was found there. Out: one enum, whose variants carry them.

use miette::Diagnostic;
use thiserror::Error;

/// Why a fleet file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum FleetError {
    /// A column that has to be there is not.
    #[error("{file}:1: no column `{column}`, found `{found}`")]
    #[diagnostic(code(greenwich::fleet::no_column), help("let the first line name the columns: {wanted}"))]
    NoColumn {
        /// The file.
        file: String,
        /// The column.
        column: &'static str,
        /// The first line.
        found: String,
        /// The columns that are needed.
        wanted: &'static str,
    },
    /// A column that means nothing here.
    #[error("{file}:1: unknown column `{column}`")]
    #[diagnostic(code(greenwich::fleet::unknown_column), help("{help}"))]
    UnknownColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What to do.
        help: String,
    },
    /// A cell that cannot be read, or that cannot be.
    #[error("{file}:{line}: column `{column}`: {problem}, found `{found}`")]
    #[diagnostic(code(greenwich::fleet::bad_cell), help("{help}"))]
    Cell {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What is wrong.
        problem: String,
        /// What stands there.
        found: String,
        /// What to do.
        help: String,
    },
    /// A row with too few or too many cells.
    #[error("{file}:{line}: {found} cells in a row of {wanted}")]
    #[diagnostic(
        code(greenwich::fleet::cells),
        help("give each row {wanted} cells, empty ones included; quote a cell that holds a comma")
    )]
    Cells {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// Cells in the row.
        found: usize,
        /// Cells in the first line.
        wanted: usize,
    },
    /// A name that stands twice.
    #[error("{file}:{line}: `{name}` stands twice, first on line {first}")]
    #[diagnostic(code(greenwich::fleet::twice), help("give each {what} a name of its own"))]
    Twice {
        /// The file.
        file: String,
        /// The line of the second, counted from 1.
        line: u64,
        /// The line of the first.
        first: u64,
        /// The name.
        name: String,
        /// What is named.
        what: &'static str,
    },
    /// A file without a row.
    #[error("{file}: no {what}")]
    #[diagnostic(code(greenwich::fleet::empty), help("give it at least one row below the names of the columns"))]
    Empty {
        /// The file.
        file: String,
        /// What is not there.
        what: &'static str,
    },
    /// A file that is not text.
    #[error("{file}:{line}: not UTF-8 text")]
    #[diagnostic(code(greenwich::fleet::not_text), help("save the file as UTF-8"))]
    NotText {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
    },
    /// A plan that breaks a rule of the contract.
    #[error("{file}: `{job}` {rule}")]
    #[diagnostic(code(greenwich::fleet::broken), help("do not use this plan: plan again with --out"))]
    Broken {
        /// The file.
        file: String,
        /// The job.
        job: String,
        /// What it does.
        rule: String,
    },
}
