//! What can be wrong with a trace of jobs, each with its mend.
//!
//! In: file, line, column and what was found there. Out: one enum, whose variants carry them.

use miette::Diagnostic;
use thiserror::Error;

/// Why a trace is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum TraceError {
    /// A column that has to be there is not.
    #[error("{file}:1: no column of {what}, found `{found}`")]
    #[diagnostic(code(greenwich::simulate::no_column), help("name one of {wanted} in the first line"))]
    NoColumn {
        /// The file.
        file: String,
        /// What it would say.
        what: &'static str,
        /// The first line.
        found: String,
        /// Columns that say it.
        wanted: &'static str,
    },
    /// A cell that cannot be read.
    #[error("{file}:{line}: column `{column}`: {problem}, found `{found}`")]
    #[diagnostic(code(greenwich::simulate::bad_cell), help("{help}"))]
    Cell {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The column.
        column: String,
        /// What is wrong.
        problem: &'static str,
        /// What stands there.
        found: String,
        /// What to do.
        help: &'static str,
    },
    /// A row with too few or too many cells.
    #[error("{file}:{line}: {found} cells in a row of {wanted}")]
    #[diagnostic(code(greenwich::simulate::cells), help("give each row {wanted} cells, empty ones included"))]
    Cells {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// Cells in the row.
        found: usize,
        /// Cells in the first line.
        wanted: usize,
    },
    /// A file that is not text.
    #[error("{file}: not UTF-8 text")]
    #[diagnostic(code(greenwich::simulate::not_text), help("save it as UTF-8; it may be packed by gzip"))]
    NotText {
        /// The file.
        file: String,
    },
    /// No job of the trace falls into the hours.
    #[error("{file}: none of its {rows} jobs is released within the {hours} h replayed")]
    #[diagnostic(code(greenwich::simulate::no_job), help("replay more --hours, or allow longer jobs by --longest"))]
    NoJob {
        /// The file.
        file: String,
        /// Jobs in it.
        rows: usize,
        /// Hours replayed.
        hours: u32,
    },
}
