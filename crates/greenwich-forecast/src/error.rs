//! Why there is no forecast.
//!
//! In: what was asked and what was known. Out: a message, and the one act that mends it.

use greenwich_core::ZoneId;
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

/// Why there is no forecast or no back-test.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum ForecastError {
    /// Nothing is known of the zone before the instant, and no typical year was given.
    #[error("nothing is known of zone `{zone}` before {at}")]
    #[diagnostic(
        code(greenwich::forecast::no_history),
        help("give a history with hours before {at}; a day makes a forecast, six weeks make a good one")
    )]
    NoHistory {
        /// The zone.
        zone: ZoneId,
        /// The instant of issue.
        at: Timestamp,
    },
    /// The horizon is longer than any forecast reaches, or nought.
    #[error("{hours} h ahead were asked for, a forecast reaches 1 to {most} h")]
    #[diagnostic(code(greenwich::forecast::horizon), help("ask for 1 to {most} h"))]
    Horizon {
        /// Hours asked for.
        hours: usize,
        /// The longest horizon.
        most: usize,
    },
    /// No origin of the back-test has hours to be judged by.
    #[error("no forecast of zone `{zone}` from {from} to {until} has an hour to be judged by")]
    #[diagnostic(
        code(greenwich::forecast::no_origin),
        help("move --from and --until into the history, which ends at {end}")
    )]
    NothingToJudge {
        /// The zone.
        zone: ZoneId,
        /// First origin.
        from: Timestamp,
        /// End of the origins.
        until: Timestamp,
        /// End of the history.
        end: Timestamp,
    },
}
