//! Small worlds: zones by formula or by hand, and what a policy makes of them.

#![allow(dead_code, reason = "each test file uses a part")]

use greenwich_core::quantity::{AverageIntensity, Power, Pue};
use greenwich_core::{Signal, ZoneId};
use greenwich_fleet::{Extras, Fleet, Job, Names, Site, SiteSet};
use greenwich_forecast::{History, Prior};
use greenwich_simulate::{Charges, Foresight, Method, Outcome, PolicyKind, Run, Span, World, replay};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) const CHARGES: Charges = Charges { transfer_kwh_per_gb: 0.06, miss_g: 2000.0, restart_minutes: 0.0 };

pub(crate) fn start() -> Timestamp {
    "2022-03-01T00:00:00Z".parse().expect("an instant")
}

/// A site with PUE 1 and its intensities.
pub(crate) fn site(name: &str, accelerators: u32, g_per_kwh: &[f64]) -> Site {
    Site {
        name: name.to_owned(),
        zone: ZoneId::new(name),
        pue: Pue::new(1.0).expect("1 is the least"),
        capacity: vec![accelerators; g_per_kwh.len()],
        intensity: g_per_kwh.iter().copied().map(AverageIntensity::from_g_per_kwh).collect(),
        accelerator: None,
        region: None,
        usd_per_kwh: None,
        backend: None,
    }
}

/// A job of 1 kW accelerators on the first site.
pub(crate) fn job(release: u32, deadline: u32, hours: u32, accelerators: u32) -> Job {
    Job {
        release,
        deadline,
        hours,
        accelerators,
        power: Power::from_watts(1000.0),
        home: 0,
        sites: SiteSet(0),
        interruptible: false,
    }
}

pub(crate) fn pausing(job: Job) -> Job {
    Job { interruptible: true, ..job }
}

/// Every job may run on every site.
pub(crate) fn fleet(sites: Vec<Site>, jobs: Vec<Job>) -> Fleet {
    let mut names = Names::default();
    (0..jobs.len()).for_each(|index| names.push(&format!("job-{index}")));
    Fleet {
        hours: sites[0].intensity.len() as u32,
        site_sets: vec![(0..sites.len() as u32).collect(), vec![0]],
        sites,
        jobs,
        names,
        ..Fleet::default()
    }
}

pub(crate) fn with_extras(fleet: Fleet, extras: Extras) -> World {
    let extras = vec![extras; fleet.jobs.len()];
    World::new(Fleet { extras, ..fleet }, CHARGES)
}

/// Histories of a world's zones: a past of so many weeks, made of the first half day again and again, then what came.
pub(crate) fn histories(fleet: &Fleet, weeks: usize) -> BTreeMap<ZoneId, History> {
    let of = |site: &Site| {
        let came: Vec<f64> = site.intensity.iter().map(|now| now.g_per_kwh()).collect();
        let past = 168 * weeks;
        let again = came.len().min(12);
        let all: Vec<Option<f64>> =
            (0..past).map(|hour| Some(came[hour % again])).chain(came.iter().copied().map(Some)).collect();
        let begin = start() - SignedDuration::from_hours(past as i64);
        (site.zone.clone(), History::hourly(site.zone.clone(), Signal::Lifecycle, begin, &all))
    };
    fleet.sites.iter().map(of).collect()
}

pub(crate) fn foresight(fleet: &Fleet, histories: &BTreeMap<ZoneId, History>, method: Method, every: u32) -> Foresight {
    let span = Span { start: start(), hours: fleet.hours, every };
    Foresight::of(&fleet.sites, histories, method, span, 1, &Prior::shipped()).expect("a past is known")
}

/// What a policy decides and what comes of it, by intensities as they come unless another method is given.
pub(crate) fn run_by(world: &World, kind: PolicyKind, method: Method) -> (Outcome, Vec<Vec<Run>>) {
    let histories = histories(&world.fleet, 8);
    decide(world, kind, &foresight(&world.fleet, &histories, kind.method(method), 6))
}

pub(crate) fn decide(world: &World, kind: PolicyKind, foresight: &Foresight) -> (Outcome, Vec<Vec<Run>>) {
    let mut seen: Vec<Vec<Run>> = Vec::new();
    let mut note = |hour: u32, runs: &[Run]| {
        seen.resize(hour as usize, Vec::new());
        seen.push(runs.to_vec());
        true
    };
    let outcome = replay(world, foresight, &mut *kind.begin(1.0), &mut note).expect("nobody stops it");
    (outcome, seen)
}

/// The hours of each job as text: `site@hours×size`, a job a line.
pub(crate) fn told(world: &World, kind: PolicyKind) -> String {
    let (_, hours) = run_by(world, kind, Method::Perfect);
    let mut lines: Vec<String> = vec![String::new(); world.fleet.jobs.len()];
    for (hour, runs) in hours.iter().enumerate() {
        for run in runs {
            let name = &world.fleet.sites[run.site as usize].name;
            let line = &mut lines[run.job as usize];
            if line.is_empty() {
                line.push_str(name);
            }
            _ = write!(line, " {hour}");
            if run.accelerators != world.fleet.jobs[run.job as usize].accelerators {
                _ = write!(line, "×{}", run.accelerators);
            }
        }
    }
    lines.join("\n")
}
