//! What a policy sees, and the hour that it fills.
//!
//! In: the jobs that have arrived, how far each is, and the forecasts of the day. Out: runs of the coming hour, none
//! beyond what a site has, none of a job that has not arrived, is done, or belongs elsewhere.

use crate::foresight::{Foresight, Horizon};
use crate::world::World;
use greenwich_core::quantity::Power;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Hours of work left, at its own size and speed.
    pub left_h: f64,
    /// Where it began; it stays there.
    pub site: Option<u32>,
    /// Accelerators that it held in the last hour; 0 where it did not run.
    pub held: u32,
    /// The hour in which it began.
    pub began: Option<u32>,
    /// Hours from the start of the replay at which it ended.
    pub ended_h: Option<f64>,
    /// Times that it went on after a pause.
    pub restarts: u32,
    /// Hours at full power that it still owes before its work goes on.
    pub owed_h: f64,
}

impl State {
    pub(crate) fn new(hours: u32) -> Self {
        Self { left_h: f64::from(hours), site: None, held: 0, began: None, ended_h: None, restarts: 0, owed_h: 0.0 }
    }
}

/// One hour as a policy sees it.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// The hour, counted from the start.
    pub hour: u32,
    /// Jobs that have arrived and are not done, in the order of their arrival.
    pub waiting: &'a [u32],
    /// How far each job is.
    pub states: &'a [State],
    world: &'a World,
    foresight: &'a Foresight,
}

impl<'a> Now<'a> {
    pub(crate) fn new(
        hour: u32,
        waiting: &'a [u32],
        states: &'a [State],
        world: &'a World,
        foresight: &'a Foresight,
    ) -> Self {
        Self { hour, waiting, states, world, foresight }
    }

    /// What is foretold, from this hour on.
    pub fn ahead(&self) -> Horizon<'a> {
        self.foresight.from(self.hour)
    }
    /// Whether a forecast is issued at this hour.
    pub fn is_issued(&self) -> bool {
        self.foresight.is_issued(self.hour)
    }
    /// How far a job is.
    pub fn state(&self, job: u32) -> &State {
        &self.states[job as usize]
    }
    /// A job that has arrived.
    pub fn job(&self, job: u32) -> &greenwich_fleet::Job {
        self.world.job(job)
    }
    /// What its row says beyond the model.
    pub fn extras(&self, job: u32) -> &greenwich_fleet::Extras {
        self.world.extras(job)
    }
    /// Sizes at which it may run on a site, with the work of an hour at each.
    pub fn curve(&self, job: u32, site: u32) -> Vec<(u32, f64)> {
        self.world.curve(job, site)
    }
    /// Whether it may change its size.
    pub fn is_elastic(&self, job: u32) -> bool {
        self.world.sizes(job).len() > 1
    }
    /// What an accelerator of a site draws under this job, whole system, before PUE.
    pub fn power(&self, job: u32, site: u32) -> Power {
        self.world.machine(job, site).power
    }
    /// Hours that the whole job takes on a site, begun ones whole.
    pub fn hours_at(&self, job: u32, site: u32) -> u32 {
        whole(self.world.hours_at(job, site))
    }
    /// Hours of work that are left of it on a site, at its own size.
    pub fn left_at(&self, job: u32, site: u32) -> f64 {
        self.state(job).left_h / self.world.machine(job, site).speed
    }
    /// Hours at full power, without work, when it goes on after a pause.
    pub fn restart_hours(&self, job: u32) -> f64 {
        self.world.restart_hours(job)
    }
    /// Where it may run: where it began, or else all its sites that can hold it.
    pub fn sites_of(&self, job: u32) -> Vec<u32> {
        match self.state(job).site {
            Some(site) => vec![site],
            None => self.world.sites_of(job).collect(),
        }
    }
    /// Where a job like this one may run when it comes anew.
    pub fn expected_sites_of(&self, job: u32) -> impl Iterator<Item = u32> + '_ {
        self.world.sites_of(job)
    }
    /// The site that it runs on when nobody chooses: where it began, its home, or else the first that can hold it.
    pub fn home_of(&self, job: u32) -> Option<u32> {
        let home = self.job(job).home;
        let mut able = self.world.sites_of(job);
        self.state(job).site.or_else(|| {
            let first = able.next()?;
            Some(if first == home || able.any(|site| site == home) { home } else { first })
        })
    }
    /// Accelerators of a site, hour by hour: maintenance is announced.
    pub fn capacity(&self, site: u32) -> &'a [u32] {
        &self.world.fleet.sites[site as usize].capacity[self.hour as usize..]
    }
    /// The sites.
    pub fn sites(&self) -> &'a [greenwich_fleet::Site] {
        &self.world.fleet.sites
    }
    /// Energy that moves a job's data to a site, in kWh; none to its home or once it began.
    pub fn transfer_kwh(&self, job: u32, site: u32) -> f64 {
        let moves = site != self.job(job).home && self.state(job).began.is_none();
        let data = self.extras(job).data.filter(|_| moves);
        data.map_or(0.0, |data| data.gb() * self.world.charges.transfer_kwh_per_gb)
    }
    /// The charge of an accelerator-hour of work that is late, in g.
    pub fn miss_g(&self) -> f64 {
        self.world.charges.miss_g
    }
    /// Hours that it needs on a site if it runs from now on at its own size: what is left, and the restart after a pause.
    pub fn needs(&self, job: u32, site: u32) -> u32 {
        let state = self.state(job);
        let paused = state.began.is_some() && state.held == 0;
        let restart = if paused { self.restart_hours(job) } else { state.owed_h };
        whole(self.left_at(job, site) + restart)
    }
    /// The same on the site where it needs the fewest; its own hours where it has no site.
    pub fn needs_at_least(&self, job: u32) -> u32 {
        let needs = self.sites_of(job).into_iter().map(|site| self.needs(job, site)).min();
        needs.unwrap_or_else(|| whole(self.state(job).left_h))
    }
    /// Hours until its deadline, 0 where that has passed.
    pub fn window(&self, job: u32) -> u32 {
        self.job(job).deadline.saturating_sub(self.hour)
    }
    /// Whether it has to run now to be in time on a site; or is late already. Who runs has to go on where there is no time
    /// left for the restart after a pause.
    pub fn is_pressed(&self, job: u32, site: u32) -> bool {
        let window = self.window(job);
        let paused_h = self.left_at(job, site) + self.restart_hours(job);
        self.needs(job, site) >= window || (self.state(job).held > 0 && whole(paused_h) >= window)
    }
}

/// Hours, begun ones whole and one at least. A last minute that rounding left is none.
fn whole(hours: f64) -> u32 {
    (hours - 1e-9).ceil().max(1.0) as u32
}

/// A job that runs in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The job.
    pub job: u32,
    /// The site.
    pub site: u32,
    /// Accelerators that it holds.
    pub accelerators: u32,
}

/// The coming hour, as it is filled.
#[derive(Debug, Clone)]
pub struct Hour {
    free: Vec<u32>,
    runs: Vec<Run>,
    takes_part: Vec<bool>,
}

impl Hour {
    pub(crate) fn new(now: &Now<'_>) -> Self {
        let free = (0..now.sites().len()).map(|site| now.capacity(site as u32)[0]).collect();
        Self { free, runs: Vec::new(), takes_part: vec![false; now.states.len()] }
    }

    /// Accelerators of a site that nobody holds yet.
    pub fn free(&self, site: u32) -> u32 {
        self.free[site as usize]
    }
    /// Whether a job runs already.
    pub fn has(&self, job: u32) -> bool {
        self.takes_part[job as usize]
    }
    /// Who runs so far.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Lets a job run at a size that it has; `false`, and nothing done, where it cannot: there is no room, it runs
    /// already, has not arrived, is done, began elsewhere, or may not run there.
    pub fn run(&mut self, now: &Now<'_>, job: u32, site: u32, accelerators: u32) -> bool {
        let state = now.state(job);
        let is_open = now.job(job).release <= now.hour && state.ended_h.is_none() && !self.has(job);
        let may = is_open && now.sites_of(job).contains(&site);
        let sized = may && now.curve(job, site).iter().any(|(size, _)| *size == accelerators);
        if !sized || self.free(site) < accelerators {
            return false;
        }
        self.free[site as usize] -= accelerators;
        self.takes_part[job as usize] = true;
        self.runs.push(Run { job, site, accelerators });
        true
    }
}
