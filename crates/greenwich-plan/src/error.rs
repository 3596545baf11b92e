//! What can be wrong with a request for a plan.
//!
//! In: what was asked and what was found. Out: a message, and in its help the one act that mends it.

use greenwich_core::{AcceleratorId, RegionId, Signal, Window, ZoneId};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum PlanError {
    /// There is nowhere to run.
    #[error("there is no candidate: no region with an accelerator was given")]
    #[diagnostic(code(greenwich::plan::no_candidates), help("allow at least one region and one accelerator"))]
    NoCandidates,
    /// No candidate can finish inside the window.
    #[error(
        "no candidate finishes inside the window: the quickest, {count} `{accelerator}` in `{region}`, needs {needs_h:.2} h, the window holds {has_h:.2} h"
    )]
    #[diagnostic(
        code(greenwich::plan::infeasible),
        help("move the deadline to {earliest_finish} or later, or allow more than {count} accelerators")
    )]
    Infeasible {
        /// Region of the quickest candidate.
        region: RegionId,
        /// Its accelerator.
        accelerator: AcceleratorId,
        /// How many of them.
        count: u32,
        /// Hours that it needs without a pause.
        needs_h: f64,
        /// Hours from release to deadline.
        has_h: f64,
        /// When it would be done if it started at release.
        earliest_finish: Timestamp,
    },
    /// A series does not reach over the hours that are to be planned or accounted.
    #[error(
        "the intensity of `{zone}` runs from {found_from} to {found_to}, needed are the {:.2} h from {} to {}",
        window.hours(), window.start(), window.end()
    )]
    #[diagnostic(
        code(greenwich::plan::signal_gap),
        help("give an intensity series of `{zone}` that covers {} to {}", window.start(), window.end())
    )]
    SignalGap {
        /// The zone.
        zone: ZoneId,
        /// What must be covered: the request's window, or the baseline's run where that is longer.
        window: Window,
        /// The first instant that the series covers.
        found_from: Timestamp,
        /// The first instant that it no longer covers.
        found_to: Timestamp,
    },
    /// An intensity that no grid has.
    #[error("the intensity of `{zone}` at {at} is `{found}` gCO2e/kWh, allowed is 0 to 1000000")]
    #[diagnostic(
        code(greenwich::plan::bad_intensity),
        help("correct the value of `{zone}` at {at}, or leave `{zone}` out")
    )]
    BadIntensity {
        /// The zone.
        zone: ZoneId,
        /// The start of the step.
        at: Timestamp,
        /// Its value, in gCO2e/kWh.
        found: f64,
    },
    /// A candidate, or the baseline, with a number that cannot be.
    #[error("{quantity} of `{accelerator}` in `{region}` is `{found}`, allowed is {allowed}")]
    #[diagnostic(code(greenwich::plan::bad_candidate), help("set {quantity} to {allowed}"))]
    BadCandidate {
        /// The region.
        region: RegionId,
        /// The accelerator.
        accelerator: AcceleratorId,
        /// Which number, with its unit.
        quantity: &'static str,
        /// What was given.
        found: f64,
        /// The range allowed, in words.
        allowed: &'static str,
    },
    /// A pause whose cost cannot be.
    #[error("{quantity} of a pause is `{found}`, allowed is {allowed}")]
    #[diagnostic(code(greenwich::plan::bad_pause), help("set {quantity} of a pause to {allowed}"))]
    BadPause {
        /// Which number, with its unit.
        quantity: &'static str,
        /// What was given.
        found: f64,
        /// The range allowed, in words.
        allowed: &'static str,
    },
    /// A candidate that points at a series that is not there.
    #[error("`{accelerator}` in `{region}` points at series {series}, the request holds {held}")]
    #[diagnostic(code(greenwich::plan::no_series), help("give the intensity series of `{zone}`"))]
    NoSeries {
        /// The region.
        region: RegionId,
        /// The accelerator.
        accelerator: AcceleratorId,
        /// Its zone.
        zone: ZoneId,
        /// The index given, counted from 0.
        series: usize,
        /// How many series there are.
        held: usize,
    },
    /// Series that answer different questions cannot be compared.
    #[error("the intensity of `{zone}` is {found}, that of `{other_zone}` is {other}")]
    #[diagnostic(code(greenwich::plan::mixed_signals), help("give the {other} intensity of `{zone}`"))]
    MixedSignals {
        /// The zone whose signal differs from the first one's.
        zone: ZoneId,
        /// Its signal.
        found: Signal,
        /// The zone first met.
        other_zone: ZoneId,
        /// That one's signal.
        other: Signal,
    },
}
