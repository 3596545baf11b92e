//! Hour by hour: who arrives, what a policy lets run, what that emitted.
//!
//! In: a [`World`], a [`Foresight`], a policy. Out: an [`Outcome`]. A job that may not pause goes on once it began,
//! whatever the policy says. Work is counted in hours at a job's own size and speed and done once: what a restart takes is
//! paid for and does none.

use crate::foresight::Foresight;
use crate::now::{Hour, Now, Run, State};
use crate::outcome::{Outcome, Ran};
use crate::policy::Policy;
use crate::world::World;

/// Less than a third of a millisecond of work is none.
const DONE_H: f64 = 1e-7;

/// Who is told of each hour, before it is accounted: the hour and its runs. `false` stops the replay.
pub type Watched<'a> = &'a mut dyn FnMut(u32, &[Run]) -> bool;

/// Replays a policy; `None` where `watched` stopped it.
pub fn replay(world: &World, foresight: &Foresight, policy: &mut dyn Policy, watched: Watched<'_>) -> Option<Outcome> {
    let fleet = &world.fleet;
    let mut states: Vec<State> = fleet.jobs.iter().map(|job| State::new(job.hours)).collect();
    let mut ran = vec![Ran::default(); fleet.jobs.len()];
    let mut arrivals: Vec<u32> = (0..fleet.jobs.len() as u32).collect();
    arrivals.sort_by_key(|job| (fleet.jobs[*job as usize].release, *job));
    let mut arrivals = arrivals.into_iter().peekable();
    let mut waiting: Vec<u32> = Vec::new();
    let mut held = vec![0_u32; fleet.sites.len() * fleet.hours as usize];
    for hour in 0..fleet.hours {
        waiting.extend(std::iter::from_fn(|| arrivals.next_if(|job| fleet.jobs[*job as usize].release <= hour)));
        if waiting.is_empty() && arrivals.peek().is_none() {
            break;
        }
        let now = Now::new(hour, &waiting, &states, world, foresight);
        let mut filled = Hour::new(&now);
        for &job in &waiting {
            if let (false, Some(site), 1..) = (now.job(job).interruptible, now.state(job).site, now.state(job).held) {
                // Where maintenance has taken its place it pauses after all.
                _ = filled.run(&now, job, site, now.state(job).held);
            }
        }
        policy.fill(&now, &mut filled);
        if !watched(hour, filled.runs()) {
            return None;
        }
        let runs = filled.runs().to_vec();
        let mut on = vec![0; states.len()];
        for run in &runs {
            on[run.job as usize] = run.accelerators;
            held[run.site as usize * fleet.hours as usize + hour as usize] += run.accelerators;
            account(world, hour, *run, &mut states[run.job as usize], &mut ran[run.job as usize]);
        }
        for job in &waiting {
            states[*job as usize].held = on[*job as usize];
        }
        waiting.retain(|job| states[*job as usize].ended_h.is_none());
    }
    Some(Outcome::of(world, &states, ran, held))
}

/// One job over one hour.
fn account(world: &World, hour: u32, run: Run, state: &mut State, ran: &mut Ran) {
    let Run { job, site, accelerators } = run;
    if state.began.is_none() {
        state.began = Some(hour);
        state.site = Some(site);
        if let (false, Some(data)) = (site == world.job(job).home, world.extras(job).data) {
            let kwh = data.gb() * world.charges.transfer_kwh_per_gb;
            let intensity = world.fleet.sites[site as usize].intensity[hour as usize].g_per_kwh();
            ran.transfer_g = kwh * intensity;
        }
    } else if state.held == 0 {
        state.restarts += 1;
        state.owed_h = world.restart_hours(job);
    }
    let speed = world.curve(job, site).iter().find(|(size, _)| *size == accelerators).map_or(1.0, |(_, speed)| *speed);
    let owed = state.owed_h.min(1.0);
    let work = (1.0 - owed).min(state.left_h / speed);
    state.owed_h -= owed;
    state.left_h -= work * speed;
    ran.energy_kwh += world.energy(job, site, accelerators, owed + work).kwh();
    ran.run_g += world.grams(job, site, hour, accelerators, owed + work);
    ran.restart_g += world.grams(job, site, hour, accelerators, owed);
    ran.work_h += work * speed;
    if state.left_h <= DONE_H {
        state.ended_h = Some(f64::from(hour) + owed + work);
    }
}
