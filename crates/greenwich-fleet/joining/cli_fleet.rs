//! `greenwich plan --jobs …`: a fleet from its files.
//!
//! In: the arguments of `plan`. Out: the answer, with the plan written where it was asked for, and warnings on
//! stderr. Planning and reading are the library's.

use crate::arguments::{Common, Format, PlanArguments};
use crate::terminal::{self, Answer, Failure};
use greenwich::{BadRows, FleetOptions, PlanOptions, plan_fleet};
use std::time::Instant;

pub(crate) fn fleet(asked: &PlanArguments, options: PlanOptions, common: &Common) -> Result<Answer, Failure> {
    let begun = Instant::now();
    let options = fleet_options(asked, options)?;
    let planned = plan_fleet(&options)?;
    if let Some(file) = &asked.out {
        terminal::write_file(file, planned.csv())?;
    }
    if !common.quiet {
        for warning in &planned.warnings {
            terminal::say(&format!("warning: {warning}"));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let text = if common.format == Format::Json { terminal::pretty(&planned.json(seconds)) } else { planned.text() };
    Ok(Answer::from(text))
}

fn fleet_options(asked: &PlanArguments, options: PlanOptions) -> Result<FleetOptions, Failure> {
    let start = asked.start.as_deref().unwrap_or_default();
    let hours = asked.job.keys.hours.as_deref().unwrap_or_default();
    let fine = |amount: f64| amount.is_finite() && amount >= 0.0;
    if !fine(asked.unplaced_penalty_g) || !fine(asked.effort) {
        let help = "give a number of 0 or more, for example --unplaced-penalty-g 2000 --effort 1";
        return Err(Failure::usage("--unplaced-penalty-g and --effort are not below 0", help));
    }
    Ok(FleetOptions {
        jobs: asked.jobs.clone().unwrap_or_default(),
        sites: asked.sites.clone().unwrap_or_default(),
        signals: options.signals.unwrap_or_default(),
        start: start.parse().map_err(|_| {
            Failure::usage(&format!("--start `{start}` is no instant"), "write it as --start 2022-07-04T00:00:00Z")
        })?,
        hours: hours.parse().map_err(|_| {
            Failure::usage(
                &format!("--hours `{hours}` is no whole number"),
                "give the hours planned over, for example --hours 168",
            )
        })?,
        fill: options.fill,
        signal: options.signal,
        unplaced_penalty_g: asked.unplaced_penalty_g,
        bad_rows: if asked.skip_bad { BadRows::Skip } else { BadRows::Refuse },
        effort: asked.effort,
    })
}
