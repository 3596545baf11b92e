//! What is to be planned: jobs, sites and the hours between them.
//!
//! In: values as the files of the contract have them, intensities by hour. Out: a [`Fleet`] of plain values.
//! Whether a job can run at all is the planner's affair: a fleet may hold jobs that nobody can place.

use crate::terms::{Kind, Terms};
use greenwich_core::ZoneId;
use greenwich_core::quantity::{AverageIntensity, Bytes, Co2e, Power, Pue, UsdPerAcceleratorHour, UsdPerKwh};

/// A site: so many accelerators in one grid zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its name in the files.
    pub name: String,
    /// Its grid zone.
    pub zone: ZoneId,
    /// Facility over IT energy.
    pub pue: Pue,
    /// Accelerators that may run at once, hour by hour: maintenance and reservations are already taken off.
    pub capacity: Vec<u32>,
    /// Intensity of its zone, hour by hour from the start of the plan.
    pub intensity: Vec<AverageIntensity>,
    /// The kind of accelerator it has, where the file says so.
    pub accelerator: Option<String>,
    /// The cloud region, where the file says so.
    pub region: Option<String>,
    /// The price of energy, where the file says so.
    pub usd_per_kwh: Option<UsdPerKwh>,
    /// What would launch the jobs, where the file says so.
    pub backend: Option<String>,
}

/// The set of sites that a job may use: an index into [`Fleet::site_sets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteSet(pub u32);

/// One job. Hours count from the start of the plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Job {
    /// The first hour in which it may run.
    pub release: u32,
    /// The hour before which it has to be done.
    pub deadline: u32,
    /// Hours that it runs in all.
    pub hours: u32,
    /// Accelerators that it holds while it runs.
    pub accelerators: u32,
    /// Power per accelerator, whole system, before PUE.
    pub power: Power,
    /// The site where it would have run: an index into [`Fleet::sites`].
    pub home: u32,
    /// The sites where it may run.
    pub sites: SiteSet,
    /// Whether it may be paused between hours.
    pub interruptible: bool,
}

/// What the jobs file may say beyond the plain columns. `accelerator` has to match where a site says what it has; the
/// rest is reckoned with where the fleet has [`Terms`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extras {
    /// The one kind of accelerator that the job wants.
    pub accelerator: Option<String>,
    /// The kinds that it can run on, each with its speed and power; empty where it wants one or does not say.
    pub kinds: Vec<Kind>,
    /// Minutes at full power before work goes on after a pause.
    pub restart_minutes: Option<f64>,
    /// Data to be moved when it does not run at home.
    pub data: Option<Bytes>,
    /// The fewest accelerators it can run on.
    pub min_accelerators: Option<u32>,
    /// The most accelerators it can use.
    pub max_accelerators: Option<u32>,
    /// How much faster it is on so many accelerators: `(accelerators, factor)`.
    pub speedup: Vec<(u32, f64)>,
    /// What an accelerator-hour costs.
    pub price: Option<UsdPerAcceleratorHour>,
    /// Its project: an index into [`Fleet::projects`].
    pub project: Option<u32>,
}

/// A project: jobs that share a budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its name in the files.
    pub name: String,
    /// What its placed jobs may emit in all; `None` where it has no quota.
    pub quota: Option<Co2e>,
}

/// Names of many jobs, end to end: a million of them are one allocation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Names {
    text: String,
    ends: Vec<u32>,
}

impl Names {
    /// Adds a name.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u32);
    }
    /// The name at an index.
    pub fn get(&self, index: usize) -> &str {
        let begin = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.text[begin..self.ends[index] as usize]
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Jobs and sites over so many hours.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fleet {
    /// Hours planned over.
    pub hours: u32,
    /// The sites.
    pub sites: Vec<Site>,
    /// The sets of sites that jobs name, each ascending and without repetition.
    pub site_sets: Vec<Vec<u32>>,
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Their names, in the same order.
    pub names: Names,
    /// What the file says beyond the plain columns, in the same order; empty where no such column is there.
    pub extras: Vec<Extras>,
    /// The projects that jobs name.
    pub projects: Vec<Project>,
    /// What is weighed beyond power, PUE and intensity; `None` where nothing is.
    pub terms: Option<Terms>,
}

impl Fleet {
    /// What a job is charged where it has no place, in grams.
    pub(crate) fn penalty_g(&self, job: u32, unplaced_penalty_g: f64) -> f64 {
        let job = &self.jobs[job as usize];
        unplaced_penalty_g * f64::from(job.accelerators) * f64::from(job.hours)
    }
}

/// What the planner is told beyond the fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// What an unplaced job is charged per accelerator-hour.
    pub unplaced_penalty_g: f64,
    /// How long to try, against the usual 1.0: twice the effort is about twice the time.
    pub effort: f64,
    /// At most so many threads: the plan is the same on any number.
    pub threads: usize,
}
