//! What is replayed: jobs and sites over past hours, and what is charged beside the hours run.
//!
//! In: a fleet whose sites hold what was measured. Out: a [`World`]; the same at another utilisation.

use greenwich_core::quantity::ItEnergy;
use greenwich_fleet::{Extras, Fleet, Job, Machine};

/// What is charged beside the hours that jobs run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charges {
    /// Energy that moves a gigabyte to another site, in kWh.
    pub transfer_kwh_per_gb: f64,
    /// What a job that is late is charged per accelerator-hour of its work, in g.
    pub miss_g: f64,
    /// Minutes at full power, without work, when a job goes on after a pause and its own row does not say.
    pub restart_minutes: f64,
}

/// Jobs and sites over past hours.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Jobs and sites; intensities are what was measured. Its hours reach past the last release, so that the last
    /// jobs can end.
    pub fleet: Fleet,
    /// What is charged.
    pub charges: Charges,
    /// The number of the job whose row is empty, for fleets without extra columns.
    none: Extras,
}

impl World {
    /// A fleet to be replayed.
    pub fn new(fleet: Fleet, charges: Charges) -> Self {
        Self { fleet, charges, none: Extras::default() }
    }

    /// A job by its number.
    pub fn job(&self, job: u32) -> &Job {
        &self.fleet.jobs[job as usize]
    }

    /// What its row says beyond the model.
    pub fn extras(&self, job: u32) -> &Extras {
        self.fleet.extras.get(job as usize).unwrap_or(&self.none)
    }

    /// Sites that have room for the job at its smallest and are of its kind.
    pub fn sites_of(&self, job: u32) -> impl Iterator<Item = u32> + '_ {
        let least = self.sizes(job).first().map_or(self.job(job).accelerators, |(size, _)| *size);
        self.fleet.site_sets[self.job(job).sites.0 as usize].iter().copied().filter(move |site| {
            let is_able = self.fleet.machine(job as usize, *site).is_some();
            is_able && self.fleet.sites[*site as usize].capacity.iter().any(|room| *room >= least)
        })
    }

    /// Hours at full power, without work, when it goes on after a pause.
    pub fn restart_hours(&self, job: u32) -> f64 {
        self.extras(job).restart_minutes.unwrap_or(self.charges.restart_minutes) / 60.0
    }

    /// How fast the job is on a site's accelerators and what each draws there: as its row says where the site has no
    /// kind that it can run on.
    pub fn machine(&self, job: u32, site: u32) -> Machine {
        let own = Machine { speed: 1.0, power: self.job(job).power };
        self.fleet.machine(job as usize, site).unwrap_or(own)
    }

    /// Hours that the whole job takes on a site at its own size.
    pub fn hours_at(&self, job: u32, site: u32) -> f64 {
        f64::from(self.job(job).hours) / self.machine(job, site).speed
    }

    /// The same sizes with the work of an hour on a site's accelerators.
    pub fn curve(&self, job: u32, site: u32) -> Vec<(u32, f64)> {
        let speed = self.machine(job, site).speed;
        self.sizes(job).into_iter().map(|(size, work)| (size, work * speed)).collect()
    }

    /// Sizes at which it may run and the work of an hour at each, its own size being 1: one entry where it is not
    /// elastic. Only jobs that may pause are elastic: to hold fewer accelerators is to pause a part.
    pub fn sizes(&self, job: u32) -> Vec<(u32, f64)> {
        let (job, extras) = (self.job(job), self.extras(job));
        let own = job.accelerators;
        let speed_of = |size: u32| extras.speedup.iter().find(|(k, _)| *k == size).map(|(_, factor)| *factor);
        let (Some(base), true) = (speed_of(own), job.interruptible) else { return vec![(own, 1.0)] };
        let least = extras.min_accelerators.unwrap_or(1);
        let most = extras.max_accelerators.unwrap_or(u32::MAX);
        let mut curve: Vec<(u32, f64)> = extras
            .speedup
            .iter()
            .filter(|(size, _)| (least..=most).contains(size))
            .map(|(size, factor)| (*size, factor / base))
            .collect();
        curve.sort_by_key(|(size, _)| *size);
        curve.dedup_by_key(|(size, _)| *size);
        if curve.is_empty() { vec![(own, 1.0)] } else { curve }
    }

    /// Grams of a site's grid for so many accelerators of a job over a share of an hour.
    pub(crate) fn grams(&self, job: u32, site: u32, hour: u32, accelerators: u32, share: f64) -> f64 {
        let place = &self.fleet.sites[site as usize];
        let energy = self.energy(job, site, accelerators, share).kwh() * place.pue.ratio();
        energy * place.intensity[hour as usize].g_per_kwh()
    }

    /// Energy before PUE.
    pub(crate) fn energy(&self, job: u32, site: u32, accelerators: u32, share: f64) -> ItEnergy {
        ItEnergy::from_kwh(self.machine(job, site).power.kw() * f64::from(accelerators) * share)
    }

    /// Accelerator-hours that the jobs ask for, at their own sizes and speeds.
    pub fn work(&self) -> f64 {
        work(&self.fleet)
    }
}

fn work(fleet: &Fleet) -> f64 {
    fleet.jobs.iter().map(|job| f64::from(job.accelerators) * f64::from(job.hours)).sum()
}

/// The fleet with sites of such a size that its jobs would fill this share of them over `hours`, each site keeping
/// its part of the whole; none is smaller than the largest job that may run there.
pub fn scaled(fleet: &Fleet, utilisation: f64, hours: u32) -> Fleet {
    let mut fleet = fleet.clone();
    let mean = |capacity: &[u32]| capacity.iter().map(|room| f64::from(*room)).sum::<f64>() / capacity.len() as f64;
    let parts: Vec<f64> = fleet.sites.iter().map(|site| mean(&site.capacity)).collect();
    let whole: f64 = parts.iter().sum();
    let wanted = work(&fleet) / (utilisation * f64::from(hours));
    let mut largest = vec![1; fleet.sites.len()];
    for job in &fleet.jobs {
        for site in &fleet.site_sets[job.sites.0 as usize] {
            let most = &mut largest[*site as usize];
            *most = job.accelerators.max(*most);
        }
    }
    for ((site, part), largest) in fleet.sites.iter_mut().zip(&parts).zip(largest) {
        let room = if whole > 0.0 { (wanted * part / whole).round() as u32 } else { 0 };
        let room = room.max(largest);
        // Hours in which the site has less keep their share of it.
        for now in &mut site.capacity {
            *now = if *part > 0.0 { (f64::from(*now) / part * f64::from(room)).round() as u32 } else { room };
        }
    }
    fleet
}
