//! What a request must hold before anything is planned.
//!
//! In: a request. Out: nothing, or the first number that cannot be, by name. Coverage of series is
//! checked here as well; whether the work fits is the planner's finding.

use crate::error::PlanError;
use greenwich_core::plan::{Candidate, PauseCost, Request};
use greenwich_core::{IntensitySeries, PueSeries, Window};
use jiff::SignedDuration;

/// Hours above this are a slip of the pen: a century and more.
const MOST_HOURS: f64 = 1e6;
/// So are gCO2e/kWh above this.
const MOST_G_PER_KWH: f64 = 1e6;

/// Refuses numbers that cannot be in candidates, baseline and pause cost.
pub(crate) fn numbers(request: &Request) -> Result<(), PlanError> {
    if request.candidates.is_empty() {
        return Err(PlanError::NoCandidates);
    }
    if let Some(PauseCost { checkpoint, restart }) = request.pauses {
        for (quantity, found) in [("checkpoint (h)", checkpoint.hours()), ("restart (h)", restart.hours())] {
            if !(0.0..=MOST_HOURS).contains(&found) {
                return Err(PlanError::BadPause { quantity, found, allowed: "from 0 to 1000000" });
            }
        }
    }
    for candidate in request.candidates.iter().chain([&request.baseline]) {
        self::candidate(candidate, &request.series)?;
    }
    Ok(())
}

fn candidate(candidate: &Candidate, series: &[IntensitySeries]) -> Result<(), PlanError> {
    let positive = f64::MIN_POSITIVE;
    let price = candidate.usd_per_hour.map_or(0.0, greenwich_core::quantity::Usd::usd);
    let limits = [
        ("work (h)", candidate.work.hours(), positive, MOST_HOURS, "above 0 and up to 1000000"),
        ("facility power (W)", candidate.facility_power.watts(), positive, 1e12, "above 0 and up to 1e12"),
        ("price (USD/h)", price, 0.0, 1e12, "from 0 to 1e12"),
        ("transfer energy (kWh)", candidate.transfer.kwh(), 0.0, 1e12, "from 0 to 1e12"),
        ("transfer intensity (gCO2e/kWh)", candidate.transfer_g_per_kwh, 0.0, MOST_G_PER_KWH, "from 0 to 1000000"),
    ];
    for (quantity, found, least, most, allowed) in limits {
        if !(least..=most).contains(&found) {
            return Err(PlanError::BadCandidate {
                region: candidate.region.clone(),
                accelerator: candidate.accelerator.clone(),
                quantity,
                found,
                allowed,
            });
        }
    }
    if candidate.series >= series.len() {
        return Err(PlanError::NoSeries {
            region: candidate.region.clone(),
            accelerator: candidate.accelerator.clone(),
            zone: candidate.zone.clone(),
            series: candidate.series,
            held: series.len(),
        });
    }
    Ok(())
}

/// The PUE of a candidate over time, where it changes; refused where it is not held or has a gap in the window.
pub(crate) fn pue<'a>(
    request: &'a Request,
    candidate: &Candidate,
    window: Window,
) -> Result<Option<&'a PueSeries>, PlanError> {
    let Some(index) = candidate.pue else { return Ok(None) };
    let held = request.pue.get(index).filter(|pue| pue.covers(window));
    held.map(Some).ok_or_else(|| PlanError::PueGap { region: candidate.region.clone(), window })
}

/// Refuses a series that answers another question than the first.
pub(crate) fn signal(series: &IntensitySeries, first: &IntensitySeries) -> Result<(), PlanError> {
    if series.signal == first.signal {
        return Ok(());
    }
    Err(PlanError::MixedSignals {
        zone: series.zone.clone(),
        found: series.signal,
        other_zone: first.zone.clone(),
        other: first.signal,
    })
}

/// Refuses a series that does not cover the window, or holds there what no grid has.
pub(crate) fn intensities(series: &IntensitySeries, window: Window) -> Result<(), PlanError> {
    if !series.covers(window) {
        return Err(PlanError::SignalGap {
            zone: series.zone.clone(),
            window,
            found_from: series.start(),
            found_to: series.end(),
        });
    }
    let step_s = series.step().as_secs_f64();
    let steps_to = |span: SignedDuration| span.as_secs_f64() / step_s;
    let values = series.values_g_per_kwh();
    let from = steps_to(window.start().duration_since(series.start())) as usize;
    let to = (steps_to(window.end().duration_since(series.start())).ceil() as usize).min(values.len());
    for (index, &found) in values.iter().enumerate().take(to).skip(from) {
        if !(0.0..=MOST_G_PER_KWH).contains(&found) {
            let into = SignedDuration::from_secs_f64(step_s * index as f64);
            let at = series.start().checked_add(into).unwrap_or(window.end());
            return Err(PlanError::BadIntensity { zone: series.zone.clone(), at, found });
        }
    }
    Ok(())
}
