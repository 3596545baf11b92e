//! What no policy can go below: the offline bound.
//!
//! In: a [`World`]. Out: grams that every replay emits or is charged at least, whoever decides and whatever he knows. The
//! fleet planner, told all jobs and all intensities at once, proves it by its prices.
//!
//! Why it holds: the hours in which a replay runs a job that is in time hold one choice of so many whole hours, at no
//! greater cost, since shares of an hour sum to its work at least; a job that is late is charged what an unplaced one is.
//! Restarts and transfers only add. It does not hold of elastic jobs, whose hours are of other sizes, nor of jobs that
//! maintenance may interrupt although they may not pause: then there is none.

use crate::world::World;
use greenwich_fleet::{Extras, Fleet, Options, plan};

/// The bound of a world, in g: emissions and the charge of late jobs. `effort` is the fleet planner's: more effort is a
/// higher bound. `None` where no bound is known.
pub fn bound_g(world: &World, effort: f64) -> Option<f64> {
    let fleet = &world.fleet;
    let is_elastic = (0..fleet.jobs.len() as u32).any(|job| world.curve(job).len() > 1);
    let changes = fleet.sites.iter().any(|site| site.capacity.windows(2).any(|pair| pair[0] != pair[1]));
    if is_elastic || (changes && fleet.jobs.iter().any(|job| !job.interruptible)) {
        return None;
    }
    // Of what a row says beyond the model the kind of accelerator alone bears on the bound.
    let kinds =
        fleet.extras.iter().map(|extras| Extras { accelerator: extras.accelerator.clone(), ..Extras::default() });
    let mut known = Fleet { extras: kinds.collect(), ..fleet.clone() };
    for job in &mut known.jobs {
        job.deadline = job.deadline.min(fleet.hours);
    }
    Some(plan(&known, &Options { unplaced_penalty_g: world.charges.miss_g, effort, threads: 1 }).lower_bound.g())
}
