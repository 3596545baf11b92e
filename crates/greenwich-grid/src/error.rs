//! What can be wrong with exchanges or with a block of history.
//!
//! In: what was found. Out: a message that names it, and the one act that mends it.

use greenwich_core::ZoneId;
use miette::Diagnostic;
use thiserror::Error;

/// Why flows cannot be traced.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum FlowError {
    /// One zone, two areas.
    #[error("zone `{zone}` is given twice")]
    #[diagnostic(code(greenwich::grid::twice), help("give each zone one area, with its generation added up"))]
    Twice {
        /// The zone.
        zone: ZoneId,
    },
    /// An exchange with a zone that is not there.
    #[error("an exchange names zone `{zone}`, which is not among the areas")]
    #[diagnostic(
        code(greenwich::grid::unknown_zone),
        help("add `{zone}` with its generation, or with an intensity given for what it sends")
    )]
    UnknownZone {
        /// The zone.
        zone: ZoneId,
    },
    /// A number that no grid has.
    #[error("zone `{zone}` has {what} {found}")]
    #[diagnostic(code(greenwich::grid::number), help("give finite numbers, generation and intensity zero or above"))]
    Number {
        /// The zone.
        zone: ZoneId,
        /// Which number.
        what: &'static str,
        /// As it was found.
        found: f64,
    },
}

/// Why a block cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum HistoryError {
    /// Not a history, or of a later version.
    #[error("it begins with `{found}`, not with `greenwich.history/1 <zone>`")]
    #[diagnostic(code(greenwich::history::version), help("{mend}"))]
    Header {
        /// The first line, cut short.
        found: String,
        /// What to do.
        mend: &'static str,
    },
}
