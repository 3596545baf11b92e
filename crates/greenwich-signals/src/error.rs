//! What can be wrong with a signal.
//!
//! In: what was asked and what was found, where. Out: a message with file and line or zone and hour,
//! the one act that mends it, and whether asking again may help.

use crate::replay::Fill;
use greenwich_core::{Signal, Window, ZoneId};
use jiff::Timestamp;
use miette::Diagnostic;
use std::io;
use thiserror::Error;

/// Whether asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It may work later.
    Retry,
    /// Stop asking: the same question gets the same answer.
    Gone,
}

/// Why there is no series.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum SignalError {
    /// The file or folder cannot be read.
    #[error("cannot read `{path}`: {}", plainly(*cause))]
    #[diagnostic(
        code(greenwich::signals::read),
        help("give a folder of <zone>.csv or <zone>.csv.gz, or one such file")
    )]
    Read {
        /// The path as it was given.
        path: String,
        /// The kind of failure.
        cause: io::ErrorKind,
    },
    /// The folder has no trace, or the file is named like none.
    #[error("`{path}` is no trace and holds none")]
    #[diagnostic(
        code(greenwich::signals::no_traces),
        help("name each trace after its zone: <zone>.csv or <zone>.csv.gz, such as DE.csv")
    )]
    NoTraces {
        /// The path as it was given.
        path: String,
    },
    /// One zone, two files.
    #[error("zone `{zone}` is there twice: `{first}` and `{second}`")]
    #[diagnostic(code(greenwich::signals::twice), help("move one of the two out of the folder"))]
    Twice {
        /// The zone.
        zone: ZoneId,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// No trace of the zone.
    #[error("`{path}` holds no trace of zone `{zone}`")]
    #[diagnostic(code(greenwich::signals::no_zone), help("add `{zone}.csv`, or ask for {}", some(held)))]
    NoZone {
        /// The zone asked for.
        zone: ZoneId,
        /// The folder or file.
        path: String,
        /// The zones that are there.
        held: Vec<ZoneId>,
    },
    /// No typical year of the zone and signal.
    #[error("there is no typical {signal} year of zone `{zone}`")]
    #[diagnostic(
        code(greenwich::signals::no_profile),
        help("give a trace `{zone}.csv` in a folder of signals, or ask for {}", some(held))
    )]
    NoProfile {
        /// The zone asked for.
        zone: ZoneId,
        /// The signal asked for.
        signal: Signal,
        /// The zones that are held.
        held: Vec<ZoneId>,
    },
    /// Named `.gz`, and is none, or is cut short.
    #[error("`{file}` is not a whole gzip file: {cause}")]
    #[diagnostic(code(greenwich::signals::not_gzip), help("compress it again by `gzip`, or name plain text .csv"))]
    NotGzip {
        /// The file.
        file: String,
        /// What the decoder says.
        cause: String,
    },
    /// A line breaks a rule of the format.
    #[error("{file}:{line}: {problem}")]
    #[diagnostic(code(greenwich::signals::row), help("{mend}"))]
    Row {
        /// The file.
        file: String,
        /// Its line, counted from 1.
        line: u64,
        /// What was found.
        problem: String,
        /// What to write instead.
        mend: String,
    },
    /// The trace is of other signals.
    #[error("`{file}` holds no {signal} intensity: it has no column `{column}`")]
    #[diagnostic(code(greenwich::signals::no_column), help("add the column `{column}`, or ask for {}", words(held)))]
    NoColumn {
        /// The file.
        file: String,
        /// The signal asked for.
        signal: Signal,
        /// The column that would hold it.
        column: &'static str,
        /// The signals that the file does hold.
        held: Vec<Signal>,
    },
    /// Hours inside the trace have no value.
    #[error(
        "the {signal} intensity of zone `{zone}` has a gap at {at}: {missing} of {needed} steps have no value in `{file}`"
    )]
    #[diagnostic(
        code(greenwich::signals::gap),
        help("write the missing values into `{file}`, or fill them by --fill hold or --fill mean")
    )]
    Gap {
        /// The zone.
        zone: ZoneId,
        /// The signal asked for.
        signal: Signal,
        /// The first step without a value.
        at: Timestamp,
        /// How many steps of the window have none.
        missing: usize,
        /// How many steps the window has.
        needed: usize,
        /// The file.
        file: String,
    },
    /// The window sticks out of the trace.
    #[error(
        "the {signal} intensity of zone `{zone}` has no value at {at}: `{file}` runs from {found_from} to {found_to}, the window ends at {window_end}"
    )]
    #[diagnostic(
        code(greenwich::signals::outside),
        help("keep the window inside {found_from} to {found_to}, or give a trace that covers it")
    )]
    Outside {
        /// The zone.
        zone: ZoneId,
        /// The signal asked for.
        signal: Signal,
        /// The first step that the trace does not hold.
        at: Timestamp,
        /// The file.
        file: String,
        /// Where the trace begins.
        found_from: Timestamp,
        /// The first instant that it no longer covers.
        found_to: Timestamp,
        /// Where the window ends.
        window_end: Timestamp,
    },
    /// Filling was allowed, and there is nothing to fill from.
    #[error("the gap of the {signal} intensity of zone `{zone}` at {at} cannot be filled by {fill}: {lacks}")]
    #[diagnostic(code(greenwich::signals::nothing_to_fill_from), help("give a trace of `{zone}` that covers {window}"))]
    NothingToFillFrom {
        /// The zone.
        zone: ZoneId,
        /// The signal asked for.
        signal: Signal,
        /// The first step without a value.
        at: Timestamp,
        /// How it should have been filled.
        fill: Fill,
        /// What is not there.
        lacks: &'static str,
        /// The window asked for.
        window: Window,
    },
}

impl SignalError {
    /// Whether asking again may help.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Read { cause, .. } if !lasting(*cause) => Kind::Retry,
            _ => Kind::Gone,
        }
    }
}

fn lasting(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as K;
    matches!(kind, K::NotFound | K::PermissionDenied | K::IsADirectory | K::NotADirectory | K::InvalidInput)
}

fn plainly(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::NotFound => "it is not there".into(),
        other => other.to_string(),
    }
}

/// The first few zones and how many more there are.
fn some(zones: &[ZoneId]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = zones.iter().take(SHOWN).map(|zone| format!("`{zone}`")).collect();
    if zones.len() > SHOWN {
        names.push(format!("{} more", zones.len() - SHOWN));
    }
    if names.is_empty() { "another source".into() } else { format!("one of {}", names.join(", ")) }
}

fn words(signals: &[Signal]) -> String {
    if signals.is_empty() {
        return "another trace".into();
    }
    signals.iter().map(|signal| signal.as_str()).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_worth_asking_again() {
        let read = |kind| SignalError::Read { path: "x".into(), cause: kind }.kind();
        assert_eq!(read(io::ErrorKind::TimedOut), Kind::Retry);
        assert_eq!(read(io::ErrorKind::NotFound), Kind::Gone);
        assert_eq!(SignalError::NoTraces { path: "x".into() }.kind(), Kind::Gone);
    }
}
