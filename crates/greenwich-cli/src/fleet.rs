//! `greenwich plan --jobs …`: a fleet from its files. `greenwich plan verify`: its certificate, doubted.
//!
//! In: the arguments of `plan`. Out: the answer, with plan and certificate written where that was asked for, and
//! warnings on stderr. Planning, reading and proving are the library's.

use crate::arguments::{Common, Format, PlanAct, PlanArguments};
use crate::forecast::{fetch, instant_or_now};
use crate::terminal::{self, Answer, Failure};
use greenwich::{
    BadRows, Exit, FleetOptions, FleetWeights, Greenwich, PlanOptions, fleet_zones, plan_fleet_until,
    verify_certificate,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;
use std::time::Instant;

/// A tonne of CO2e for a cent: below that, emissions weigh nothing against cost.
const LEAST_CARBON_PRICE: f64 = 0.01;

/// Plans a fleet.
pub(crate) fn fleet(asked: &PlanArguments, options: PlanOptions, common: &Common) -> Result<Answer, Failure> {
    let begun = Instant::now();
    let options = fleet_options(asked, options)?;
    if asked.fleet.certificate.is_some() && options.signals.as_os_str().is_empty() {
        let help = "give the traces by --signals DIR: what is kept may be another tomorrow, and then proves nothing";
        return Err(Failure::usage("a certificate names files that can be read again, and no traces are given", help));
    }
    let is_parquet = |file: &PathBuf| file.extension().is_some_and(|end| end == "parquet");
    let as_parquet = asked.fleet.out.as_ref().is_some_and(is_parquet);
    if asked.fetch {
        let (zones, now) = (fleet_zones(&options.sites)?, instant_or_now("--at", None)?);
        fetch(&Greenwich::load(), &zones, options.signal, now, common)?;
    }
    let planned = plan_fleet_until(&options, &*interrupted()?)?;
    if let Some(file) = &asked.fleet.out {
        terminal::write_file(file, if as_parquet { planned.parquet()? } else { planned.csv() })?;
    }
    if let Some(file) = &asked.svg {
        let picture = match &asked.fleet.svg_site {
            Some(site) => planned.site_svg(site)?,
            None => planned.svg(),
        };
        terminal::write_file(file, picture)?;
    }
    if let Some(file) = &asked.fleet.certificate {
        let certificate = planned.certificate(&options, asked.fleet.out.as_deref());
        terminal::write_file(file, format!("{certificate}\n"))?;
    }
    if !common.quiet {
        for warning in &planned.warnings {
            terminal::say(&format!("warning: {warning}"));
        }
    }
    let why = match &asked.fleet.why {
        Some(job) => Some(planned.why(job)?),
        None => None,
    };
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Answer::from(if common.format == Format::Json {
        let mut value = planned.json(seconds);
        if let Some(why) = why {
            value["why"] = why.json();
        }
        terminal::pretty(&value)
    } else {
        let why = why.map_or(String::new(), |why| why.text());
        planned.text(common.explain) + &why
    }))
}

/// A flag that Ctrl-C sets. Who presses it twice is not kept waiting.
fn interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let second = signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag));
        let first = second.and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)));
        first
            .map_err(|error| Failure::usage(&format!("signals cannot be heard: {error}"), "plan with less --effort"))?;
    }
    Ok(flag)
}

/// Does what else `plan` does.
pub(crate) fn act(act: Option<&PlanAct>, common: &Common) -> Result<Answer, Failure> {
    let Some(PlanAct::Verify { certificate }) = act else {
        return Err(Failure::usage("nothing is asked for", "write `greenwich plan verify certificate.json`"));
    };
    let verified = verify_certificate(certificate)?;
    let is_json = common.format == Format::Json;
    let text = if is_json { terminal::pretty(&verified.json()) } else { verified.text() };
    Ok(Answer { bytes: text.into_bytes(), exit: if verified.holds() { Exit::Done } else { Exit::Usage } })
}

fn fleet_options(asked: &PlanArguments, options: PlanOptions) -> Result<FleetOptions, Failure> {
    let start = asked.fleet.start.as_deref().unwrap_or_default();
    let hours = asked.job.keys.hours.as_deref().unwrap_or_default();
    let fine = |amount: f64| amount.is_finite() && amount >= 0.0;
    if !fine(asked.fleet.unplaced_penalty_g) || !fine(asked.fleet.effort) {
        let help = "give a number of 0 or more, for example --unplaced-penalty-g 2000 --effort 1";
        return Err(Failure::usage("--unplaced-penalty-g and --effort are not below 0", help));
    }
    if !fine(asked.fleet.transfer_kwh_per_gb) || !fine(asked.fleet.delay_penalty_g) {
        let help = "give a number of 0 or more, for example --transfer-kwh-per-gb 0.06 --delay-penalty-g 5";
        return Err(Failure::usage("--transfer-kwh-per-gb and --delay-penalty-g are not below 0", help));
    }
    let carbon_price_usd_per_t = asked.fleet.carbon_price;
    if carbon_price_usd_per_t.is_some_and(|price| !fine(price) || price < LEAST_CARBON_PRICE) {
        let help = "give US dollars per tonne of CO2e, for example --carbon-price 100";
        return Err(Failure::usage("--carbon-price is 0.01 or more", help));
    }
    Ok(FleetOptions {
        jobs: asked.fleet.jobs.clone().unwrap_or_default(),
        sites: asked.fleet.sites.clone().unwrap_or_default(),
        calendar: asked.fleet.calendar.clone(),
        quotas: asked.fleet.quotas.clone(),
        signals: options.signals.unwrap_or_default(),
        as_of: options.as_of,
        kept: options.kept,
        inputs: options.inputs,
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
        unplaced_penalty_g: asked.fleet.unplaced_penalty_g,
        weights: FleetWeights {
            transfer_kwh_per_gb: asked.fleet.transfer_kwh_per_gb,
            carbon_price_usd_per_t,
            delay_penalty_g: asked.fleet.delay_penalty_g,
        },
        bad_rows: if asked.fleet.skip_bad { BadRows::Skip } else { BadRows::Refuse },
        effort: asked.fleet.effort,
        threads: asked
            .fleet
            .threads
            .map_or_else(|| available_parallelism().map_or(1, usize::from), |count| count as usize),
    })
}
