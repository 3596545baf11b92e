//! What a plan is not, in words.
//!
//! In: the request and its plan. Out: warnings about intensities that are typical, flat or filled, and about what is
//! taken for granted; and the refusal where no intensity is known at all.

use super::Offer;
use crate::error::Error;
use crate::job_file::ScheduleSpec;
use crate::resolve::Job;
use greenwich_core::plan::{Plan, Request};
use greenwich_core::{Provenance, Signal, ZoneId};
use jiff::SignedDuration;

/// Warns of what the intensities are not.
pub(super) fn say_what_the_grid_is(request: &Request, warnings: &mut Vec<String>) {
    let zones = |of: fn(&Provenance) -> bool| {
        let mut zones: Vec<&ZoneId> =
            request.series.iter().filter(|series| of(&series.provenance)).map(|series| &series.zone).collect();
        zones.sort();
        zones.dedup();
        zones.len()
    };
    let typical = zones(|provenance| matches!(provenance, Provenance::Typical { .. }));
    let flat = zones(|provenance| matches!(provenance, Provenance::Flat { .. }));
    if typical > 0 {
        warnings.push(
            "intensities by month and hour are typical years, not forecasts: the weeks to come will differ".to_owned(),
        );
    }
    for series in &request.series {
        if let Provenance::Replayed { file } = &series.provenance
            && file.contains("filled by")
        {
            warnings.push(format!("the trace of {} has gaps: {file}", series.zone));
        }
        let doubt = crate::grid::series_in_kilograms(series);
        warnings.extend(doubt.filter(|doubt| !warnings.contains(doubt)));
    }
    if flat > 0 {
        warnings.push(format!(
            "of {flat} {} only a yearly mean is known, so that what waiting there saves cannot be seen",
            if flat == 1 { "zone" } else { "zones" }
        ));
    }
}

/// Warns of what the plan takes for granted.
pub(super) fn say_what_is_not_checked(
    plan: &Plan,
    machines: &[Offer],
    schedule: &ScheduleSpec,
    warnings: &mut Vec<String>,
) {
    let best = &plan.best;
    if (&best.candidate.region, &best.candidate.accelerator)
        != (&plan.baseline.candidate.region, &plan.baseline.candidate.accelerator)
    {
        warnings.push(format!(
            "whether {} has {} {} free then is not checked",
            best.candidate.region, best.candidate.count, best.candidate.accelerator
        ));
    }
    let work = machines.iter().find(|option| option.machine.id == best.candidate.accelerator).map(|option| option.work);
    if let Some(work) = work {
        let longest =
            best.finish() + SignedDuration::from_secs_f64(work.range().p95.seconds() - work.median().seconds());
        if longest > schedule.window.end() {
            let late = longest.duration_since(schedule.window.end()).as_secs_f64() / 3600.0;
            warnings.push(format!(
                "one run in twenty takes so long that this plan would finish {late:.0} h or more after the deadline: give `machine.mfu` or `tokens_per_s` of a pilot run, or an earlier deadline"
            ));
        }
    }
}

/// Why there is no plan where the grid of home is not known.
pub(super) fn no_intensity(job: &Job<'_>, signal: Signal) -> Error {
    let site = &job.spec.site;
    let place = site.region.as_ref().or(site.zone.as_ref()).map(|(_, place)| place.clone());
    Error::NoIntensity {
        place: place.unwrap_or(crate::document::Place {
            file: job.spec.file.clone(),
            line: None,
            key: "site".to_owned(),
        }),
        zone: job.home.zone.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string),
        signal: signal.as_str(),
        mend: match (signal, &job.home.zone) {
            (Signal::Marginal, _) => {
                "give traces with a column gco2e_marginal_per_kwh by --signals DIR, or plan by --signal lifecycle"
                    .to_owned()
            }
            (_, None) => "write region = \"gcp/us-central1\" or zone = \"DE\" below [site]".to_owned(),
            (_, Some(_)) => {
                "write location_based_gco2e_per_kwh = … below [site], or give a trace by --signals DIR".to_owned()
            }
        },
    }
}
