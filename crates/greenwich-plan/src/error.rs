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
    #[diagnostic(
        code(greenwich::plan::no_candidates),
        help("allow at least one region and one accelerator that fit together, such as `gcp/*` with `a100-sxm4-80g`")
    )]
    NoCandidates,
    /// No candidate can finish inside the window.
    #[error(
        "no candidate finishes inside the window: the quickest, {count} `{accelerator}` in `{region}`, needs {:.2} h, the window holds {:.2} h",
        hundredths(*needs_h, f64::ceil), hundredths(*has_h, f64::floor)
    )]
    #[diagnostic(
        code(greenwich::plan::infeasible),
        help("move the deadline to {earliest_finish} or later{}", or_count(*least_count, accelerator))
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
        /// The least count that would fit if the work were shared evenly, where it is no absurd one.
        least_count: Option<u32>,
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
    #[diagnostic(
        code(greenwich::plan::bad_candidate),
        help("give `{accelerator}` in `{region}` a {quantity} {allowed}, or leave it out")
    )]
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
    #[diagnostic(code(greenwich::plan::bad_pause), help("give a {quantity} {allowed}"))]
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
    #[diagnostic(
        code(greenwich::plan::no_series),
        help("add the intensity series of `{zone}` and point `{region}` at it")
    )]
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
    /// A candidate whose PUE over time is not there for all its hours.
    #[error("the PUE of `{region}` over time does not cover {} to {}", window.start(), window.end())]
    #[diagnostic(
        code(greenwich::plan::pue_gap),
        help("give the PUE of `{region}` over the whole window, or one number for all hours")
    )]
    PueGap {
        /// The region.
        region: RegionId,
        /// The hours needed.
        window: Window,
    },
    /// Series that answer different questions cannot be compared.
    #[error("the intensity of `{zone}` is {found}, that of `{other_zone}` is {other}")]
    #[diagnostic(
        code(greenwich::plan::mixed_signals),
        help("give the {other} intensity of `{zone}`, or leave `{zone}` out")
    )]
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

/// Hours to two decimals, rounded so that what does not fit does not read as if it did.
fn hundredths(hours: f64, round: fn(f64) -> f64) -> f64 {
    let scaled = hours * 100.0;
    // A whole number of hundredths that binary fractions miss by a hair stays what it is.
    let near = scaled.round();
    if (scaled - near).abs() < 1e-6 { near / 100.0 } else { round(scaled) / 100.0 }
}

fn or_count(least_count: Option<u32>, accelerator: &AcceleratorId) -> String {
    least_count.map_or_else(String::new, |count| format!(", or use {count} or more `{accelerator}`"))
}

#[cfg(test)]
mod tests {
    use crate::plan;
    use greenwich_core::plan::{Candidate, PauseCost, Request};
    use greenwich_core::quantity::{FacilityEnergy, Hours, Power, Usd};
    use greenwich_core::{IntensitySeries, Provenance, Signal, Window};
    use insta::assert_snapshot;
    use jiff::{SignedDuration, Timestamp};
    use miette::Diagnostic;

    fn series(zone: &str, signal: Signal, g_per_kwh: Vec<f64>) -> IntensitySeries {
        let start = "2026-01-05T00:00:00Z".parse().expect("a stamp");
        let provenance = Provenance::Replayed { file: format!("{zone}.csv") };
        IntensitySeries::new(zone.into(), signal, provenance, start, SignedDuration::from_hours(1), g_per_kwh)
    }

    /// What a person reads when this change is made to a request that is in order.
    fn message(change: impl FnOnce(&mut Request)) -> String {
        let start: Timestamp = "2026-01-05T00:00:00Z".parse().expect("a stamp");
        let candidate = |region: &str, zone: &str, series: usize| Candidate {
            region: region.into(),
            zone: zone.into(),
            accelerator: "a100-sxm4-80g".into(),
            count: 64,
            series,
            work: Hours::from_hours(5.0),
            facility_power: Power::from_kw(30.0),
            pue: None,
            usd_per_hour: Some(Usd::from_usd(200.0)),
            transfer: FacilityEnergy::ZERO,
            transfer_g_per_kwh: 0.0,
        };
        let mut request = Request {
            window: Window::new(start, start + SignedDuration::from_hours(10)).expect("forwards"),
            pauses: Some(PauseCost { checkpoint: Hours::from_hours(0.1), restart: Hours::from_hours(0.2) }),
            candidates: vec![candidate("gcp/europe-west9", "FR", 0), candidate("aws/eu-north-1", "SE", 1)],
            baseline: candidate("gcp/europe-west9", "FR", 0),
            series: ["FR", "SE"].map(|zone| series(zone, Signal::Lifecycle, vec![50.0; 12])).into(),
            pue: Vec::new(),
        };
        change(&mut request);
        let error = plan(&request).expect_err("the request is out of order");
        format!("{error}\nhelp: {}", error.help().expect("every error tells the mend"))
    }

    fn longer(request: &mut Request, hours: f64) {
        request.candidates.iter_mut().for_each(|candidate| candidate.work = Hours::from_hours(hours));
    }

    #[test]
    fn a_pue_that_is_not_there() {
        assert_snapshot!(message(|request| request.candidates[0].pue = Some(0)), @r"
        the PUE of `gcp/europe-west9` over time does not cover 2026-01-05T00:00:00Z to 2026-01-05T10:00:00Z
        help: give the PUE of `gcp/europe-west9` over the whole window, or one number for all hours
        ");
    }

    #[test]
    fn nowhere_to_run() {
        assert_snapshot!(message(|request| request.candidates.clear()), @r"
        there is no candidate: no region with an accelerator was given
        help: allow at least one region and one accelerator that fit together, such as `gcp/*` with `a100-sxm4-80g`
        ");
    }

    #[test]
    fn a_deadline_too_near_names_the_earliest_finish_and_the_count_that_would_do() {
        assert_snapshot!(message(|request| longer(request, 12.5)), @r"
        no candidate finishes inside the window: the quickest, 64 `a100-sxm4-80g` in `gcp/europe-west9`, needs 12.50 h, the window holds 10.00 h
        help: move the deadline to 2026-01-05T12:30:00Z or later, or use 80 or more `a100-sxm4-80g`
        ");
        assert_snapshot!(message(|request| longer(request, 10.001)), @r"
        no candidate finishes inside the window: the quickest, 64 `a100-sxm4-80g` in `gcp/europe-west9`, needs 10.01 h, the window holds 10.00 h
        help: move the deadline to 2026-01-05T10:00:04Z or later, or use 65 or more `a100-sxm4-80g`
        ");
    }

    #[test]
    fn no_count_is_named_that_nobody_has() {
        assert_snapshot!(message(|request| longer(request, 1000.0)), @r"
        no candidate finishes inside the window: the quickest, 64 `a100-sxm4-80g` in `gcp/europe-west9`, needs 1000.00 h, the window holds 10.00 h
        help: move the deadline to 2026-02-15T16:00:00Z or later
        ");
    }

    #[test]
    fn a_series_too_short_for_the_window_or_the_baseline() {
        assert_snapshot!(message(|request| request.series[1] = series("SE", Signal::Lifecycle, vec![50.0; 9])), @r"
        the intensity of `SE` runs from 2026-01-05T00:00:00Z to 2026-01-05T09:00:00Z, needed are the 10.00 h from 2026-01-05T00:00:00Z to 2026-01-05T10:00:00Z
        help: give an intensity series of `SE` that covers 2026-01-05T00:00:00Z to 2026-01-05T10:00:00Z
        ");
        assert_snapshot!(message(|request| request.baseline.work = Hours::from_hours(30.0)), @r"
        the intensity of `FR` runs from 2026-01-05T00:00:00Z to 2026-01-05T12:00:00Z, needed are the 30.00 h from 2026-01-05T00:00:00Z to 2026-01-06T06:00:00Z
        help: give an intensity series of `FR` that covers 2026-01-05T00:00:00Z to 2026-01-06T06:00:00Z
        ");
    }

    #[test]
    fn an_intensity_that_no_grid_has() {
        let with = |found: f64| {
            move |request: &mut Request| {
                request.series[1] = series("SE", Signal::Lifecycle, [vec![50.0; 3], vec![found; 9]].concat());
            }
        };
        assert_snapshot!(message(with(-1.0)), @r"
        the intensity of `SE` at 2026-01-05T03:00:00Z is `-1` gCO2e/kWh, allowed is 0 to 1000000
        help: correct the value of `SE` at 2026-01-05T03:00:00Z, or leave `SE` out
        ");
        assert_snapshot!(message(with(f64::NAN)), @r"
        the intensity of `SE` at 2026-01-05T03:00:00Z is `NaN` gCO2e/kWh, allowed is 0 to 1000000
        help: correct the value of `SE` at 2026-01-05T03:00:00Z, or leave `SE` out
        ");
    }

    #[test]
    fn a_candidate_with_a_number_that_cannot_be() {
        assert_snapshot!(message(|request| longer(request, 0.0)), @r"
        work (h) of `a100-sxm4-80g` in `gcp/europe-west9` is `0`, allowed is above 0 and up to 1000000
        help: give `a100-sxm4-80g` in `gcp/europe-west9` a work (h) above 0 and up to 1000000, or leave it out
        ");
        assert_snapshot!(message(|request| request.baseline.facility_power = Power::from_watts(f64::INFINITY)), @r"
        facility power (W) of `a100-sxm4-80g` in `gcp/europe-west9` is `inf`, allowed is above 0 and up to 1e12
        help: give `a100-sxm4-80g` in `gcp/europe-west9` a facility power (W) above 0 and up to 1e12, or leave it out
        ");
        assert_snapshot!(message(|request| request.candidates[1].usd_per_hour = Some(Usd::from_usd(-2.0))), @r"
        price (USD/h) of `a100-sxm4-80g` in `aws/eu-north-1` is `-2`, allowed is from 0 to 1e12
        help: give `a100-sxm4-80g` in `aws/eu-north-1` a price (USD/h) from 0 to 1e12, or leave it out
        ");
    }

    #[test]
    fn a_pause_whose_cost_cannot_be() {
        let pauses = PauseCost { checkpoint: Hours::ZERO, restart: Hours::from_hours(-0.5) };
        assert_snapshot!(message(|request| request.pauses = Some(pauses)), @r"
        restart (h) of a pause is `-0.5`, allowed is from 0 to 1000000
        help: give a restart (h) from 0 to 1000000
        ");
    }

    #[test]
    fn a_candidate_without_a_series() {
        assert_snapshot!(message(|request| request.series.truncate(1)), @r"
        `a100-sxm4-80g` in `aws/eu-north-1` points at series 1, the request holds 1
        help: add the intensity series of `SE` and point `aws/eu-north-1` at it
        ");
    }

    #[test]
    fn signals_that_answer_different_questions() {
        assert_snapshot!(message(|request| request.series[1].signal = Signal::Marginal), @r"
        the intensity of `SE` is marginal, that of `FR` is lifecycle
        help: give the lifecycle intensity of `SE`, or leave `SE` out
        ");
    }
}
