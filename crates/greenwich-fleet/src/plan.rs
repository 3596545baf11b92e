//! From a fleet to its plan.
//!
//! In: a [`Fleet`] and [`Options`]. Out: a [`FleetPlan`] with its cost, the baseline's, a proven bound, and the
//! prices that prove it. Start reading here.

use crate::dual;
use crate::fleet::{Fleet, Options};
use crate::improve;
use crate::model::Model;
use crate::place::{Board, NOWHERE};
use crate::shapes::Shapes;
use greenwich_core::quantity::Co2e;

/// Why a job has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its window holds fewer hours than it runs.
    WindowTooShort,
    /// It names no site.
    NoSite,
    /// None of its sites has its kind of accelerator.
    NoSuchAccelerator,
    /// It holds more accelerators than any of its sites ever has.
    TooLarge,
    /// It would fit alone; others use the capacity better.
    Crowded,
}

/// A stretch of hours in which a job runs, counted from the start of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The job.
    pub job: u32,
    /// The site.
    pub site: u32,
    /// The first hour.
    pub start: u32,
    /// The hour after the last.
    pub end: u32,
}

/// Who runs where and when.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct FleetPlan {
    /// Stretches of hours, by job and then by hour.
    pub segments: Vec<Placement>,
    /// Jobs with a place.
    pub placed: usize,
    /// Jobs without one, in the fleet's order.
    pub unplaced: Vec<(u32, Reason)>,
    /// Emissions of the plan, penalties of unplaced jobs included.
    pub co2e: Co2e,
    /// Emissions if each job ran at home from its release, whatever the capacity.
    pub baseline: Co2e,
    /// No plan costs less than this.
    pub lower_bound: Co2e,
    /// What one more accelerator would save, in grams an hour, by site and then by hour.
    pub prices_g: Vec<f64>,
}

impl FleetPlan {
    /// How far the plan can be from the best there is; `None` where the bound is zero.
    pub fn gap(&self) -> Option<f64> {
        let bound = self.lower_bound.g();
        (bound > 0.0).then(|| (self.co2e.g() - bound) / bound)
    }
}

/// Plans a fleet.
pub fn plan(fleet: &Fleet, options: &Options) -> FleetPlan {
    plan_traced(fleet, options, &mut |_, _, _| ())
}

pub fn plan_traced(fleet: &Fleet, options: &Options, trace: &mut dyn FnMut(&str, f64, f64)) -> FleetPlan {
    let model = Model::new(fleet, options);
    let shapes = Shapes::new(&model);
    trace("shapes", shapes.shapes.len() as f64, shapes.groups.len() as f64);
    let rounds: usize = std::env::var("ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(60);
    let (prices, mean) = dual::begin(&model, &shapes, trace);
    let mut volume = dual::Volume::new(&model, &shapes, prices);
    volume.mean = mean;
    for round in 0..rounds {
        volume.round(&model, &shapes);
        if round % 20 == 19 {
            trace(&format!("dual {round} {:.5} {:.3}", volume.pace, volume.share), volume.top, volume.excess());
        }
    }
    let found = (volume.top, volume.centre.clone());
    let board = improve::search(&model, shapes, volume, trace);
    let total = board.total();
    trace("gap", total, total / found.0 - 1.0);
    finish(fleet, &model, &board, options, found)
}

fn finish(fleet: &Fleet, model: &Model, board: &Board, options: &Options, found: (f64, Vec<f64>)) -> FleetPlan {
    let mut segments: Vec<Placement> = Vec::with_capacity(model.tasks.len() * 2);
    let mut unplaced = model.hopeless.clone();
    let mut grams = 0.0;
    for (index, task) in model.tasks.iter().enumerate() {
        if board.site[index] == NOWHERE {
            unplaced.push((task.job, Reason::Crowded));
            continue;
        }
        let site = board.site[index];
        let mut last: Option<Placement> = None;
        board.visit_hours(model, index, |hour| match &mut last {
            Some(open) if open.end == hour => open.end += 1,
            open => {
                segments.extend(open.replace(Placement { job: task.job, site, start: hour, end: hour + 1 }));
            }
        });
        segments.extend(last);
    }
    unplaced.sort_unstable_by_key(|(job, _)| *job);
    let per_wh = |site: u32, hour: u32| model.grams_per_wh[site as usize * model.hours + hour as usize];
    for segment in &segments {
        let job = &fleet.jobs[segment.job as usize];
        let sum: f64 = (segment.start..segment.end).map(|hour| per_wh(segment.site, hour)).sum();
        grams += sum * job.power.watts() * f64::from(job.accelerators);
    }
    let charge = |job: u32| {
        let job = &fleet.jobs[job as usize];
        options.unplaced_penalty_g * f64::from(job.accelerators) * f64::from(job.hours)
    };
    grams += unplaced.iter().map(|(job, _)| charge(*job)).sum::<f64>();
    let hopeless: f64 = model.hopeless.iter().map(|(job, _)| charge(*job)).sum();
    let baseline = fleet.jobs.iter().map(|job| {
        let sum: f64 = (job.release..job.release + job.hours).map(|hour| per_wh(job.home, hour)).sum();
        sum * job.power.watts() * f64::from(job.accelerators)
    });
    FleetPlan {
        placed: fleet.jobs.len() - unplaced.len(),
        segments,
        unplaced,
        co2e: Co2e::from_g(grams),
        baseline: Co2e::from_g(baseline.sum()),
        lower_bound: Co2e::from_g(found.0 + hopeless),
        prices_g: found.1,
    }
}
