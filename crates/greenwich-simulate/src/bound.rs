//! What no policy can go below: the offline bound.
//!
//! In: a [`World`]. Out: grams that every replay emits or is charged at least, whoever decides and whatever he knows. The
//! fleet planner, told all jobs and all intensities at once, proves it by its prices.
//!
//! Why it holds: the hours in which a replay runs a job that is in time hold one choice of so many whole hours, at no
//! greater cost, since shares of an hour sum to its work at least (on a kind of its own speed: to the whole hours of it); a job
//! that is late is charged what an unplaced one is.
//! Restarts and transfers only add. It does not hold of elastic jobs, whose hours are of other sizes, nor of jobs that
//! maintenance may interrupt although they may not pause: then there is none.

use crate::world::World;
use greenwich_fleet::{Extras, Fleet, Job, Kind, Options, Terms, plan};

/// Hours that rounding took are none lost.
const HAIR_H: f64 = 1e-9;

/// The bound of a world, in g: emissions and the charge of late jobs. `effort` is the fleet planner's: more effort is a
/// higher bound. `None` where no bound is known.
pub fn bound_g(world: &World, effort: f64) -> Option<f64> {
    let fleet = &world.fleet;
    let is_elastic = (0..fleet.jobs.len() as u32).any(|job| world.sizes(job).len() > 1);
    let changes = fleet.sites.iter().any(|site| site.capacity.windows(2).any(|pair| pair[0] != pair[1]));
    if is_elastic || (changes && fleet.jobs.iter().any(|job| !job.interruptible)) {
        return None;
    }
    // Of what a row says beyond the model the kinds of accelerators alone bear on the bound.
    let kinds = fleet.extras.iter().zip(&fleet.jobs).map(|(extras, job)| Extras {
        accelerator: extras.accelerator.clone(),
        kinds: extras.kinds.iter().map(|kind| least(job, kind)).collect(),
        ..Extras::default()
    });
    let mut known = Fleet { extras: kinds.collect(), terms: Some(Terms::default()), ..fleet.clone() };
    for job in &mut known.jobs {
        job.deadline = job.deadline.min(fleet.hours);
    }
    Some(plan(&known, &Options { unplaced_penalty_g: world.charges.miss_g, effort, threads: 1 }).lower_bound.g())
}

/// A kind on which a job takes no more than in any replay. On a faster or slower kind its last hour may be a begun one: whole
/// hours alone are counted, or that one hour by its share.
fn least(job: &Job, kind: &Kind) -> Kind {
    let takes_h = f64::from(job.hours) / kind.speed;
    let whole_h = (takes_h + HAIR_H).floor().max(1.0);
    // Hours of which some are begun hold among them the cheapest whole ones, each at no less than their mean.
    let share = if job.interruptible || takes_h < 1.0 { takes_h / whole_h } else { 1.0 };
    let watts = kind.watts.unwrap_or(job.power.watts()) * share;
    Kind { name: kind.name.clone(), speed: f64::from(job.hours) / whole_h, watts: Some(watts) }
}
