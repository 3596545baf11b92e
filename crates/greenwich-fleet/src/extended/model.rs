//! An extended fleet as the planner reckons: what each job may choose, with what it costs.
//!
//! In: a [`Fleet`] with terms. Out: a [`Model`]: tasks that can be placed, their slots (a task on one of its sites) and
//! sizes, and why other jobs cannot.

use crate::ascent;
use crate::fleet::{Fleet, Options};
use crate::model::{stepped, steps};
use crate::plan::Reason;
use crate::quota::{grams, nanograms};
use crate::terms::{HAIR_H, Terms};
use std::collections::HashMap;
use std::ops::Range;

/// The least unit that a quota is counted in.
const LEAST_UNIT_G: f64 = 1e-9;

/// A job that can be placed.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// Its index in the fleet.
    pub(crate) job: u32,
    pub(crate) release: u32,
    pub(crate) deadline: u32,
    pub(crate) accelerators: u32,
    pub(crate) interruptible: bool,
    /// Hours of work, at its own size and speed 1.
    pub(crate) work_h: f64,
    /// Grams of each hour of waiting.
    pub(crate) wait_g: f64,
    pub(crate) penalty_g: f64,
    /// The quota that its CO2e counts against: an index into [`Model::quotas`].
    pub(crate) quota: Option<u32>,
    /// It emits no less wherever it runs; 0 where that does not matter.
    pub(crate) least_emitted_g: f64,
    /// Its slots: a range of [`Model::slots`].
    pub(crate) slots: Range<u32>,
}

impl Task {
    /// Accelerator-hours at its own size.
    pub(crate) fn area(&self) -> f64 {
        f64::from(self.accelerators) * self.work_h
    }
}

/// A task on one of its sites.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) site: u32,
    pub(crate) watts: f64,
    /// Grams per accelerator-hour that the hour does not change: what an accelerator-hour costs.
    pub(crate) rate_g: f64,
    /// Grams that it costs to be there at all: moving the data.
    pub(crate) fixed_g: f64,
    pub(crate) restart_h: f64,
    /// A range of [`Model::sizes`].
    pub(crate) sizes: Range<u32>,
}

/// A size of a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) accelerators: u32,
    pub(crate) speed: f64,
    /// Hours in all, if it never changes.
    pub(crate) hours: u32,
    /// Which prices it pays: an index into [`Model::profiles`].
    pub(crate) profile: u32,
}

/// A quota of a project, as a row beside those of capacity. It is counted in units of its own, in which a row of the whole
/// fleet answers prices about as an hour of a site does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// An index into the fleet's projects.
    pub(crate) project: u32,
    pub(crate) nanograms: i128,
    /// Grams of a unit.
    pub(crate) unit_g: f64,
}

/// The numbers of an extended fleet. Arrays by site and hour are laid out site by site.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) sites: usize,
    pub(crate) hours: usize,
    /// Grams per watt-hour of IT energy: PUE times intensity, and what its price weighs.
    pub(crate) grams_per_wh: Vec<f64>,
    /// Emissions alone, per kilowatt-hour of IT energy; empty where there is no quota.
    pub(crate) g_per_it_kwh: Vec<f64>,
    pub(crate) capacity: Vec<i32>,
    /// Steps in which capacity is counted, as the plain model has them.
    pub(crate) steps: Vec<u32>,
    /// How much of a size counts at each step.
    pub(crate) profiles: Vec<Vec<f64>>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) sizes: Vec<Size>,
    pub(crate) quotas: Vec<Quota>,
    /// Jobs that nobody can place, with the reason.
    pub(crate) hopeless: Vec<(u32, Reason)>,
}

impl Model {
    pub(crate) fn new(fleet: &Fleet, terms: &Terms, options: &Options) -> Self {
        let hours = fleet.hours as usize;
        let (mut grams_per_wh, mut capacity) = (Vec::new(), Vec::new());
        for (site, index) in fleet.sites.iter().zip(0..) {
            grams_per_wh.extend((0..fleet.hours).map(|hour| {
                (fleet.g_per_it_kwh(index, hour) + terms.g_per_usd * fleet.usd_per_it_kwh(index, hour)) / 1e3
            }));
            capacity.extend(site.capacity[..hours].iter().map(|&now| i32::try_from(now).unwrap_or(i32::MAX)));
        }
        let own = fleet.jobs.iter().map(|job| job.accelerators);
        let others = fleet.extras.iter().flat_map(|extras| extras.speedup.iter().map(|(size, _)| *size));
        let sizes = own.chain(others).filter(|size| *size > 0).collect();
        let mut model = Self {
            sites: fleet.sites.len(),
            hours,
            grams_per_wh,
            g_per_it_kwh: Vec::new(),
            capacity,
            steps: steps(fleet, sizes),
            profiles: Vec::new(),
            tasks: Vec::with_capacity(fleet.jobs.len()),
            slots: Vec::new(),
            sizes: Vec::new(),
            quotas: Vec::new(),
            hopeless: Vec::new(),
        };
        model.take_jobs(fleet, terms, options);
        if fleet.has_quotas() {
            model.take_quotas(fleet);
        }
        model
    }

    fn take_quotas(&mut self, fleet: &Fleet) {
        let sites = 0..fleet.sites.len() as u32;
        let each = sites.flat_map(|site| (0..fleet.hours).map(move |hour| fleet.g_per_it_kwh(site, hour)));
        self.g_per_it_kwh = each.collect();
        let mean = |numbers: &mut dyn Iterator<Item = f64>, count: usize| numbers.sum::<f64>() / count.max(1) as f64;
        let watts = mean(&mut self.slots.iter().map(|slot| slot.watts), self.slots.len());
        let grams = mean(&mut self.g_per_it_kwh.iter().copied(), self.g_per_it_kwh.len()) * watts / 1e3;
        let mut number_of = vec![None; fleet.projects.len()];
        let mut areas = Vec::new();
        for task in &mut self.tasks {
            let Some(project) = fleet.budget_of(task.job as usize) else { continue };
            let number = *number_of[project as usize].get_or_insert_with(|| {
                let quota = fleet.projects[project as usize].quota.map_or(0, |quota| nanograms(quota.g()));
                self.quotas.push(Quota { project, nanograms: quota, unit_g: 1.0 });
                areas.push(0.0);
                areas.len() - 1
            });
            task.quota = Some(number as u32);
            areas[number] += task.area();
        }
        let capacity = self.mean_capacity();
        for (quota, area) in self.quotas.iter_mut().zip(areas) {
            quota.unit_g = (grams * (area / capacity).sqrt()).max(LEAST_UNIT_G);
        }
        for index in 0..self.tasks.len() {
            if self.tasks[index].quota.is_some() {
                self.tasks[index].least_emitted_g = self.least_emitted_g(&self.tasks[index]);
            }
        }
    }

    /// What a task emits at least: on the cleanest hours of a site, at the size that takes least energy.
    fn least_emitted_g(&self, task: &Task) -> f64 {
        let on = |(_, slot): (u32, &Slot)| {
            let from = slot.site as usize * self.hours;
            let mut hours = self.g_per_it_kwh[from + task.release as usize..from + task.deadline as usize].to_vec();
            hours.sort_unstable_by(f64::total_cmp);
            let kw = |size: &Size| slot.watts * f64::from(size.accelerators) / 1e3;
            let of = |size: &Size| match self.sizes_of(slot) {
                [_] => hours.iter().take(size.hours as usize).sum::<f64>() * kw(size),
                _ => hours[0] * kw(size) * task.work_h / size.speed,
            };
            slot.fixed_g + self.sizes_of(slot).iter().map(of).fold(f64::INFINITY, f64::min)
        };
        // Other sums of the same come out a little otherwise.
        self.slots_of(task).map(on).fold(f64::INFINITY, f64::min) * (1.0 - HAIR_H)
    }

    /// Accelerators of a site in an hour, on the whole; 1 at least.
    fn mean_capacity(&self) -> f64 {
        let sum: f64 = self.capacity.iter().map(|&now| f64::from(now)).sum();
        (sum / self.capacity.len().max(1) as f64).max(1.0)
    }

    fn take_jobs(&mut self, fleet: &Fleet, terms: &Terms, options: &Options) {
        let most: Vec<u32> = fleet.sites.iter().map(|site| site.capacity.iter().copied().max().unwrap_or(0)).collect();
        let mut profile_of: HashMap<u32, u32> = HashMap::new();
        for (index, job) in fleet.jobs.iter().enumerate() {
            let deadline = job.deadline.min(fleet.hours);
            let window = deadline.saturating_sub(job.release);
            let first_slot = self.slots.len() as u32;
            let mut reason = Reason::NoSite;
            for &site in &fleet.site_sets[job.sites.0 as usize] {
                let Some(way) = fleet.way(index, site) else {
                    reason = worse(reason, Reason::NoSuchAccelerator);
                    continue;
                };
                let first_size = self.sizes.len();
                for size in way.sizes.iter().filter(|size| size.accelerators <= most[site as usize]) {
                    let profile =
                        *profile_of.entry(size.accelerators).or_insert_with(|| self.profile(size.accelerators));
                    let (accelerators, speed, hours) = (size.accelerators, size.speed, size.hours);
                    self.sizes.push(Size { accelerators, speed, hours, profile });
                }
                let fits = |size: &Size| {
                    let all = f64::from(window) * size.speed;
                    size.hours <= window
                        || (way.is_elastic() && job.interruptible && all + HAIR_H >= f64::from(job.hours))
                };
                let sizes = &self.sizes[first_size..];
                if sizes.is_empty() || job.hours == 0 || !sizes.iter().any(fits) {
                    let why = if sizes.is_empty() { Reason::TooLarge } else { Reason::WindowTooShort };
                    reason = worse(reason, why);
                    self.sizes.truncate(first_size);
                    continue;
                }
                self.slots.push(Slot {
                    site,
                    watts: way.watts,
                    rate_g: terms.g_per_usd * way.usd_per_accelerator_hour,
                    fixed_g: way.transfer_g,
                    restart_h: way.restart_h,
                    sizes: first_size as u32..self.sizes.len() as u32,
                });
            }
            if self.slots.len() as u32 == first_slot {
                self.hopeless.push((index as u32, reason));
                continue;
            }
            self.tasks.push(Task {
                job: index as u32,
                release: job.release,
                deadline,
                accelerators: job.accelerators,
                interruptible: job.interruptible,
                work_h: f64::from(job.hours),
                wait_g: terms.delay_g * f64::from(job.accelerators),
                penalty_g: fleet.refusal_g(index, options.unplaced_penalty_g, terms),
                quota: None,
                least_emitted_g: 0.0,
                slots: first_slot..self.slots.len() as u32,
            });
        }
    }

    fn profile(&mut self, size: u32) -> u32 {
        let shares: Vec<f64> = self.steps.iter().map(|&step| f64::from(step * (size / step))).collect();
        let found = self.profiles.iter().position(|profile| *profile == shares);
        found.unwrap_or_else(|| {
            self.profiles.push(shares);
            self.profiles.len() - 1
        }) as u32
    }

    /// What every row has left: capacity as each step counts it, by step, site and hour, and then the quotas.
    pub(crate) fn rows(&self, free: &[i32], left: &[i128]) -> Vec<f64> {
        let mut rows = stepped(&self.steps, free);
        rows.extend(self.quotas.iter().zip(left).map(|(quota, &left)| grams(left) / quota.unit_g));
        rows
    }

    /// What rows are measured by as prices begin to move.
    pub(crate) fn scales(&self) -> Vec<f64> {
        let mut scales = ascent::scales(&stepped(&self.steps, &self.capacity));
        scales.resize(scales.len() + self.quotas.len(), self.mean_capacity());
        scales
    }

    /// The prices of the quotas among those of all rows, in grams a gram.
    pub(crate) fn quota_prices(&self, prices: &[f64]) -> Vec<f64> {
        let cells = self.steps.len() * self.sites * self.hours;
        let own = prices.get(cells..).unwrap_or_default();
        self.quotas.iter().zip(own).map(|(quota, price)| price / quota.unit_g).collect()
    }

    pub(crate) fn slots_of(&self, task: &Task) -> impl Iterator<Item = (u32, &Slot)> {
        let from = task.slots.start;
        self.slots[task.slots.start as usize..task.slots.end as usize].iter().zip(from..).map(|(slot, at)| (at, slot))
    }

    pub(crate) fn sizes_of(&self, slot: &Slot) -> &[Size] {
        &self.sizes[slot.sizes.start as usize..slot.sizes.end as usize]
    }

    /// What an accelerator-hour costs on the whole: the scale of prices.
    pub(crate) fn typical_cost(&self) -> f64 {
        let mean = |sum: f64, count: usize| sum / count.max(1) as f64;
        let grams = mean(self.grams_per_wh.iter().map(|grams| grams.abs()).sum(), self.grams_per_wh.len());
        let each = self.slots.iter().map(|slot| slot.watts * grams + slot.rate_g);
        mean(each.sum(), self.slots.len())
    }

    /// How many numbers are looked at when every task is asked once: the measure of work.
    pub(crate) fn looks(&self) -> f64 {
        let of = |task: &Task| {
            let window = f64::from(task.deadline - task.release);
            let slots = self.slots_of(task).map(|(_, slot)| {
                let sizes = self.sizes_of(slot);
                let pauses = task.interruptible && (slot.restart_h > 0.0 || task.wait_g > 0.0);
                let depth = match sizes {
                    [size] if pauses => f64::from(size.hours.min(task.deadline - task.release - size.hours + 1)),
                    [_] => 1.0,
                    _ if task.interruptible => 12.0 * sizes.len() as f64,
                    _ => sizes.len() as f64,
                };
                window * (1.0 + depth)
            });
            slots.sum::<f64>()
        };
        self.tasks.iter().map(of).sum()
    }
}

/// The reason nearest to a place: what a job lacks on the site where it lacks least.
fn worse(one: Reason, other: Reason) -> Reason {
    let rank = |reason: Reason| match reason {
        Reason::NoSite => 0,
        Reason::NoSuchAccelerator => 1,
        Reason::TooLarge => 2,
        _ => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}
