//! What a rolling plan realises of the oracle's saving: zones one by one, jobs that are not in each other's way.
//!
//! In: three years of hours of fourteen zones. Out: for 2023, per kind of job and forecast, the mean saving over zones
//! beside the oracle's, and the share of it. Forecasts see the past alone; their pooled prior leaves the zone out.

use super::{data, past, print};
use crate::eval_forecast::zones;
use crate::pool;
use anyhow::Result;
use greenwich_core::quantity::{AverageIntensity, Power, Pue};
use greenwich_fleet::{Fleet, Job, Names, Site, SiteSet};
use greenwich_forecast::{History, Prior};
use greenwich_simulate::{Charges, Foresight, Method, Outcome, PolicyKind, Span, World, ZoneForesight, replay};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;

/// Hours between two releases: every hour of the day and week comes up.
const APART: u32 = 7;
/// Hours of 2023 in which jobs are released; the last eight days are for them to end.
const RELEASES: u32 = 8760 - 8 * 24;
const YEAR: u32 = 8760;
const EVERY: u32 = 6;

/// A kind of job: hours, hours from release to deadline, whether it may pause.
const CASES: [(&str, u32, u32, bool); 6] = [
    ("4 h in 24 h, whole", 4, 24, false),
    ("24 h in 96 h, whole", 24, 96, false),
    ("24 h in 120 h, whole", 24, 120, false),
    ("48 h in 120 h, whole", 48, 120, false),
    ("24 h in 96 h, interruptible", 24, 96, true),
    ("24 h in 120 h, interruptible", 24, 120, true),
];

pub(crate) fn rolling(words: &[&str]) -> Result<()> {
    let Some(folder) = data(words)? else { return Ok(()) };
    let start: Timestamp = "2023-01-01T00:00:00Z".parse().expect("an instant");
    let span = Span { start, hours: YEAR, every: EVERY };
    let pool = pool::pool(&folder, start)?;
    let histories = zones(&folder)?.iter().map(|path| past(path)).collect::<Result<Vec<History>>>()?;
    let zones: Vec<&History> = histories.iter().filter(|history| history.known_hours() > 2 * 8760).collect();
    print(&format!(
        "\nRolling, {} zones, 2023, a job every {APART} h, forecasts issued every {EVERY} h, no capacity: % saved, mean over zones",
        zones.len()
    ));
    let mut sums = vec![[Tally::default(); 5]; CASES.len()];
    for known in zones {
        let (zone, prior) = (known.zone.to_string(), pool.prior(Some(&known.zone)).unwrap_or_else(Prior::none));
        let foretold = |method| -> Result<Foresight> {
            let told = ZoneForesight::issue(known, method, span, 1, &prior, &mut || true)?.expect("nobody stops it");
            Ok(Foresight::new(vec![told], vec![(0, 1.0)]))
        };
        let (naive, model, noise, perfect) = (
            foretold(Method::Naive)?,
            foretold(Method::Forecaster)?,
            foretold(Method::Error(0.1))?,
            foretold(Method::Perfect)?,
        );
        for (case, sums) in CASES.iter().zip(&mut sums) {
            let world = world(known, start, *case);
            let run = |kind: PolicyKind, foresight: &Foresight| -> Outcome {
                replay(&world, foresight, &mut *kind.begin(1.0), &mut |_, _| true).expect("nobody stops it")
            };
            let awhile = if case.3 { PolicyKind::WaitAwhileInterrupting } else { PolicyKind::WaitAwhile };
            let (base, oracle) = (run(PolicyKind::RunAtOnce, &perfect), run(PolicyKind::Oracle, &perfect));
            let others = [
                (awhile, &naive),
                (awhile, &model),
                (PolicyKind::Greenwich, &naive),
                (PolicyKind::Greenwich, &model),
                (PolicyKind::Greenwich, &noise),
            ];
            let mut line =
                format!("{zone:12} {:34} oracle {:5.2}", case.0, 100.0 * oracle.saving(&base).unwrap_or(0.0));
            for ((kind, foresight), tally) in others.into_iter().zip(sums.iter_mut()) {
                let outcome = run(kind, foresight);
                tally.add(&base, &oracle, &outcome);
                _ = write!(line, "  {:5.2}", 100.0 * outcome.saving(&base).unwrap_or(0.0));
            }
            print(&line);
        }
    }
    print(
        "| job | oracle | wait-awhile, naive | wait-awhile, our forecast | ours, naive | ours, our forecast | ours, 10 % error | realised by ours | of all grams | misses |",
    );
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for ((name, ..), tallies) in CASES.iter().zip(&sums) {
        let percent = |tally: &Tally| format!("{:.2} %", 100.0 * tally.saved / tally.count);
        let ours = &tallies[3];
        print(&format!(
            "| {name} | {:.2} % | {} | {} | {} | {} | {} | {:.1} % | {:.1} % | {} |",
            100.0 * ours.oracle / ours.count,
            percent(&tallies[0]),
            percent(&tallies[1]),
            percent(&tallies[2]),
            percent(ours),
            percent(&tallies[4]),
            100.0 * ours.saved / ours.oracle,
            100.0 * ours.saved_g / ours.oracle_g,
            ours.misses,
        ));
    }
    Ok(())
}

/// Sums over zones.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: f64,
    saved: f64,
    oracle: f64,
    saved_g: f64,
    oracle_g: f64,
    misses: usize,
}

impl Tally {
    fn add(&mut self, base: &Outcome, oracle: &Outcome, outcome: &Outcome) {
        self.count += 1.0;
        self.saved += outcome.saving(base).unwrap_or(0.0);
        self.oracle += oracle.saving(base).unwrap_or(0.0);
        self.saved_g += base.co2e_g - outcome.co2e_g;
        self.oracle_g += base.co2e_g - oracle.co2e_g;
        self.misses += outcome.misses;
    }
}

/// One site without want of accelerators.
fn world(known: &History, start: Timestamp, (_, hours, window, interruptible): (&str, u32, u32, bool)) -> World {
    let level = |hour: u32| known.at_g_per_kwh(start + SignedDuration::from_hours(i64::from(hour)));
    let site = Site {
        name: known.zone.to_string(),
        zone: known.zone.clone(),
        pue: Pue::new(1.0).expect("1 is the least"),
        capacity: vec![1_000_000; YEAR as usize],
        intensity: (0..YEAR).map(|hour| AverageIntensity::from_g_per_kwh(level(hour).unwrap_or(0.0))).collect(),
        accelerator: None,
        region: None,
        usd_per_kwh: None,
        backend: None,
    };
    let mut names = Names::default();
    let jobs: Vec<Job> = (0..RELEASES)
        .step_by(APART as usize)
        .map(|release| {
            names.push(&format!("job-{release}"));
            Job {
                release,
                deadline: release + window,
                hours,
                accelerators: 1,
                power: Power::from_watts(1000.0),
                home: 0,
                sites: SiteSet(0),
                interruptible,
            }
        })
        .collect();
    let fleet = Fleet { hours: YEAR, sites: vec![site], site_sets: vec![vec![0]], jobs, names, ..Fleet::default() };
    World::new(fleet, Charges { transfer_kwh_per_gb: 0.0, miss_g: 0.0, restart_minutes: 0.0 })
}
