//! What a policy realised.
//!
//! In: how far each job came and what it emitted. Out: sums over the fleet, and a row a job.

use crate::now::State;
use crate::world::World;

/// One job's part.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ran {
    /// Where it ran.
    pub site: Option<u32>,
    /// The hour in which it began.
    pub began: Option<u32>,
    /// Hours from the start at which it ended; `None` where the replay ended before it did.
    pub ended_h: Option<f64>,
    /// Hours of work done, at its own size and speed.
    pub work_h: f64,
    /// Hours between its end and the end had it run at once.
    pub delay_h: f64,
    /// Whether it was not done by its deadline.
    pub missed: bool,
    /// Times that it went on after a pause.
    pub restarts: u32,
    /// Energy before PUE.
    pub energy_kwh: f64,
    /// Emissions of the hours run, restarts included.
    pub run_g: f64,
    /// The part of them that restarts took.
    pub restart_g: f64,
    /// Emissions of moving its data.
    pub transfer_g: f64,
}

/// A policy over all jobs.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Outcome {
    /// A row a job, in the fleet's order.
    pub jobs: Vec<Ran>,
    /// Accelerators held, by site and then by hour.
    pub held: Vec<u32>,
    /// Emissions: runs, restarts and transfers.
    pub co2e_g: f64,
    /// Of them restarts.
    pub restart_g: f64,
    /// Of them transfers.
    pub transfer_g: f64,
    /// Energy before PUE.
    pub energy_kwh: f64,
    /// What late jobs are charged beside.
    pub miss_charge_g: f64,
    /// Jobs not done by their deadline.
    pub misses: usize,
    /// Of them jobs that the replay ended before.
    pub unfinished: usize,
    /// Times that jobs went on after a pause.
    pub restarts: u64,
    /// Jobs that ran elsewhere than at home.
    pub moved: usize,
    /// Hours between ends and ends had jobs run at once: the mean.
    pub mean_delay_h: f64,
    /// And of twenty jobs nineteen waited no longer than this.
    pub p95_delay_h: f64,
}

impl Outcome {
    pub(crate) fn of(world: &World, states: &[State], mut jobs: Vec<Ran>, held: Vec<u32>) -> Self {
        let end = f64::from(world.fleet.hours);
        for (((ran, state), job), index) in jobs.iter_mut().zip(states).zip(&world.fleet.jobs).zip(0..) {
            ran.site = state.site;
            ran.began = state.began;
            ran.ended_h = state.ended_h;
            ran.restarts = state.restarts;
            // On the kind of accelerators that its home has.
            let at_once_h = world.hours_at(index, job.home);
            ran.delay_h = state.ended_h.unwrap_or(end) - f64::from(job.release) - at_once_h;
            // An elastic job may end before it would have at its own size.
            ran.missed = state.ended_h.is_none_or(|ended| ended > f64::from(job.deadline) + 1e-6);
        }
        let sum = |of: fn(&Ran) -> f64| jobs.iter().map(of).sum::<f64>();
        let count = |of: fn(&Ran) -> bool| jobs.iter().filter(|ran| of(ran)).count();
        let late = jobs.iter().zip(&world.fleet.jobs).filter(|(ran, _)| ran.missed);
        let late: f64 = late.map(|(_, job)| f64::from(job.accelerators) * f64::from(job.hours)).sum();
        let moved = jobs.iter().zip(&world.fleet.jobs).filter(|(ran, job)| ran.site.is_some_and(|at| at != job.home));
        let mut delays: Vec<f64> = jobs.iter().map(|ran| ran.delay_h).collect();
        delays.sort_by(f64::total_cmp);
        let p95 = (0.95 * delays.len() as f64).ceil() as usize;
        Self {
            co2e_g: sum(|ran| ran.run_g) + sum(|ran| ran.transfer_g),
            restart_g: sum(|ran| ran.restart_g),
            transfer_g: sum(|ran| ran.transfer_g),
            energy_kwh: sum(|ran| ran.energy_kwh),
            miss_charge_g: late * world.charges.miss_g,
            misses: count(|ran| ran.missed),
            unfinished: count(|ran| ran.ended_h.is_none()),
            restarts: jobs.iter().map(|ran| u64::from(ran.restarts)).sum(),
            moved: moved.count(),
            mean_delay_h: delays.iter().sum::<f64>() / delays.len().max(1) as f64,
            p95_delay_h: delays.get(p95.saturating_sub(1)).copied().unwrap_or(0.0),
            jobs,
            held,
        }
    }

    /// 1 − this ÷ base; `None` where the base emitted nothing.
    pub fn saving(&self, base: &Self) -> Option<f64> {
        (base.co2e_g > 0.0).then(|| 1.0 - self.co2e_g / base.co2e_g)
    }

    /// The same with what late jobs are charged, on both sides.
    pub fn charged_saving(&self, base: &Self) -> Option<f64> {
        let whole = |outcome: &Self| outcome.co2e_g + outcome.miss_charge_g;
        (whole(base) > 0.0).then(|| 1.0 - whole(self) / whole(base))
    }

    /// The share of the oracle's saving over the base that this one got; `None` where the oracle saved nothing.
    pub fn realised(&self, base: &Self, oracle: &Self) -> Option<f64> {
        let there = base.co2e_g - oracle.co2e_g;
        (there > 1e-9 * base.co2e_g).then(|| (base.co2e_g - self.co2e_g) / there)
    }

    /// How far what it emitted and was charged lies above a proven bound, as a fraction; `None` where that is zero.
    pub fn above(&self, bound_g: f64) -> Option<f64> {
        (bound_g > 0.0).then(|| (self.co2e_g + self.miss_charge_g) / bound_g - 1.0)
    }

    /// How much more this one emitted than the oracle, as a fraction; `None` where that emitted nothing.
    pub fn regret(&self, oracle: &Self) -> Option<f64> {
        (oracle.co2e_g > 0.0).then(|| self.co2e_g / oracle.co2e_g - 1.0)
    }
}
