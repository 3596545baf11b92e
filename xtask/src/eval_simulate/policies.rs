//! Policies side by side on traces of real clusters, three zones, at up to three utilisations.
//!
//! In: traces of jobs and of intensity. Out: a table a trace. Forecasts are the forecaster's, of the zones' past alone.

use super::{data, print};
use crate::eval_forecast::read;
use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use greenwich_core::quantity::{AverageIntensity, Pue};
use greenwich_fleet::Site;
use greenwich_forecast::{History, Prior};
use greenwich_simulate::{
    Charges, Foresight, Method, Outcome, PolicyKind, Span, TraceRules, World, as_fleet, read_trace, replay, scaled,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

const START: &str = "2023-04-01T00:00:00Z";
const HOURS: u32 = 35 * 24;
const TAIL: u32 = 24 + 96 + 168;
const EVERY: u32 = 6;
const JOBS: usize = 4000;
/// Larger jobs would need sites larger than the jobs fill.
const LARGEST: u32 = 4;
const ZONES: [(&str, f64); 3] = [("US-CAL-CISO", 1.10), ("GB", 1.14), ("AU-NSW", 1.16)];
/// Traces, and the hour of each at which the replay begins: where its cluster is in full use.
const TRACES: [(&str, f64, &[f64]); 4] = [
    ("alibaba-pai2020-gaia-100k", 0.0, &[0.9, 0.77, 0.5]),
    ("philly-2017", 480.0, &[0.77]),
    ("azure-vm-gaia-100k", 0.0, &[0.77]),
    ("alibaba-gpu-v2023-openb", 2700.0, &[0.77]),
];

pub(crate) fn policies(words: &[&str]) -> Result<()> {
    let Some(folder) = data(words)? else { return Ok(()) };
    let start: Timestamp = START.parse().expect("an instant");
    let histories = ZONES
        .iter()
        .map(|(zone, _)| read(&folder.join("grid").join(format!("{zone}.csv.gz"))))
        .collect::<Result<Vec<History>>>()?;
    let sites = sites(&histories, start)?;
    let known: BTreeMap<_, _> = histories.into_iter().map(|history| (history.zone.clone(), history)).collect();
    let span = Span { start, hours: HOURS + TAIL, every: EVERY };
    let told = |method| Foresight::of(&sites, &known, method, span, 1, &Prior::shipped());
    let (model, perfect) = (told(Method::Forecaster)?, told(Method::Perfect)?);
    for (name, from_h, utilisations) in TRACES {
        let file = folder.join("jobs").join(format!("{name}.csv.gz"));
        let rules = TraceRules {
            from_h,
            hours: HOURS,
            slack_h: 24,
            interruptible: 0.5,
            movable: 0.3,
            elastic: 0.0,
            speedup: Vec::new(),
            power_w: 700.0,
            longest_h: 96,
            largest: LARGEST,
            most_jobs: JOBS,
            seed: 1,
        };
        let traced = as_fleet(name, &read_trace(name, &unpacked(&file)?)?, sites.clone(), &rules)?;
        let work = World::new(traced.fleet.clone(), CHARGES).work();
        print(&format!(
            "\n{name}: {} jobs, {work:.0} accelerator-hours, {HOURS} h from {START}",
            traced.fleet.jobs.len()
        ));
        print(
            "| utilisation | policy | saved | charged | of oracle | regret | mean delay | p95 delay | late | restarts | moved |",
        );
        print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for &utilisation in utilisations {
            let world = World::new(scaled(&traced.fleet, utilisation, HOURS), CHARGES);
            let outcomes: Vec<(PolicyKind, Outcome)> = PolicyKind::ALL
                .into_iter()
                .map(|kind| {
                    let foresight = if kind == PolicyKind::Oracle { &perfect } else { &model };
                    let outcome = replay(&world, foresight, &mut *kind.begin(1.0), &mut |_, _| true);
                    (kind, outcome.expect("nobody stops it"))
                })
                .collect();
            let (base, oracle) = (&outcomes[0].1, &outcomes[outcomes.len() - 1].1);
            let room: f64 = world.fleet.sites.iter().map(|site| f64::from(site.capacity[0])).sum();
            for (kind, outcome) in &outcomes {
                print(&row(work / (room * f64::from(HOURS)), *kind, outcome, base, oracle));
            }
        }
    }
    Ok(())
}

const CHARGES: Charges = Charges { transfer_kwh_per_gb: 0.06, miss_g: 2000.0, restart_minutes: 5.0 };

fn row(utilisation: f64, kind: PolicyKind, outcome: &Outcome, base: &Outcome, oracle: &Outcome) -> String {
    let percent = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    format!(
        "| {:.0} % | {kind} | {} | {} | {} | {} | {:.1} h | {:.1} h | {} | {} | {} |",
        100.0 * utilisation,
        percent(outcome.saving(base)),
        percent(outcome.charged_saving(base)),
        percent(outcome.realised(base, oracle)),
        percent(outcome.regret(oracle)),
        outcome.mean_delay_h,
        outcome.p95_delay_h,
        outcome.misses,
        outcome.restarts,
        outcome.moved,
    )
}

fn sites(histories: &[History], start: Timestamp) -> Result<Vec<Site>> {
    let site = |(history, (zone, pue)): (&History, (&str, f64))| {
        let levels = (0..HOURS + TAIL).map(|hour| {
            let at = start + SignedDuration::from_hours(i64::from(hour));
            history.at_g_per_kwh(at).map(AverageIntensity::from_g_per_kwh).with_context(|| format!("{zone} at {at}"))
        });
        Ok(Site {
            name: zone.to_lowercase(),
            zone: history.zone.clone(),
            pue: Pue::new(pue)?,
            capacity: vec![100; (HOURS + TAIL) as usize],
            intensity: levels.collect::<Result<_>>()?,
            accelerator: None,
            region: None,
            usd_per_kwh: None,
            backend: None,
        })
    };
    histories.iter().zip(ZONES).map(site).collect()
}

fn unpacked(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    MultiGzDecoder::new(opened).read_to_end(&mut bytes)?;
    Ok(bytes)
}
