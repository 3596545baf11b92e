//! The fleet as the planner reckons: numbers by site and hour, jobs that can run at all, and why others cannot.
//!
//! In: a [`Fleet`]. Out: a [`Model`], whose jobs all fit their window and at least one of their sites.

use crate::fleet::{Fleet, Options};
use crate::plan::Reason;
use std::collections::HashMap;

/// The share of the capacity that rounding has to lose for a step to be worth its prices.
const LEAST_LOSS: f64 = 0.02;
/// Most steps beside the first.
const MOST_STEPS: usize = 8;

/// A job that can be placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// Its index in the fleet.
    pub(crate) job: u32,
    pub(crate) release: u32,
    pub(crate) deadline: u32,
    pub(crate) hours: u32,
    pub(crate) accelerators: u32,
    /// Its class of power and size: an index into [`Model::classes`].
    pub(crate) class: u32,
    /// Its sites: an index into [`Model::sets`].
    pub(crate) set: u32,
    pub(crate) interruptible: bool,
}

impl Task {
    /// Accelerator-hours.
    pub(crate) fn area(&self) -> f64 {
        f64::from(self.accelerators) * f64::from(self.hours)
    }
}

/// Jobs that cost alike per accelerator: by power, and by how far their size counts at each level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Class {
    pub(crate) watts: f64,
    pub(crate) profile: u32,
    /// The size, where sizes are told apart; else 0.
    pub(crate) size: u32,
}

/// The numbers of a fleet. Arrays by site and hour are laid out site by site.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) sites: usize,
    pub(crate) hours: usize,
    /// Grams per watt-hour of IT energy: PUE times intensity.
    pub(crate) grams_per_wh: Vec<f64>,
    pub(crate) capacity: Vec<i32>,
    /// Steps in which capacity is counted; the first is 1. At step k, jobs count in whole multiples of k and so
    /// does capacity: Σ k⌊size/k⌋ ≤ k⌊capacity/k⌋ (a Chvátal–Gomory cut). Where two jobs of 8 cannot share 14
    /// accelerators, the step of 8 says so.
    pub(crate) steps: Vec<u32>,
    /// For each profile, how much of a job's size counts at each step.
    pub(crate) profiles: Vec<Vec<f64>>,
    pub(crate) classes: Vec<Class>,
    pub(crate) sets: Vec<Vec<u32>>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) penalty_g: f64,
    /// What each task is charged per accelerator when it does not run, where that is not the penalty times its hours.
    pub(crate) refusals: Vec<f64>,
    /// Jobs that nobody can place, with the reason.
    pub(crate) hopeless: Vec<(u32, Reason)>,
}

impl Model {
    pub(crate) fn new(fleet: &Fleet, options: &Options) -> Self {
        let hours = fleet.hours as usize;
        let mut grams_per_wh = Vec::with_capacity(fleet.sites.len() * hours);
        let mut capacity = Vec::with_capacity(fleet.sites.len() * hours);
        for site in &fleet.sites {
            let grams = site.intensity[..hours].iter().map(|now| site.pue.ratio() * now.g_per_kwh() / 1e3);
            grams_per_wh.extend(grams);
            capacity.extend(site.capacity[..hours].iter().map(|&now| i32::try_from(now).unwrap_or(i32::MAX)));
        }
        let mut model = Self {
            sites: fleet.sites.len(),
            hours,
            grams_per_wh,
            capacity,
            steps: steps(fleet, fleet.jobs.iter().map(|job| job.accelerators).collect()),
            profiles: Vec::new(),
            classes: Vec::new(),
            sets: Vec::new(),
            tasks: Vec::with_capacity(fleet.jobs.len()),
            penalty_g: options.unplaced_penalty_g,
            refusals: Vec::new(),
            hopeless: Vec::new(),
        };
        model.take_jobs(fleet);
        model
    }

    fn take_jobs(&mut self, fleet: &Fleet) {
        let most: Vec<u32> = fleet.sites.iter().map(|site| site.capacity.iter().copied().max().unwrap_or(0)).collect();
        let mut classes: HashMap<(u64, u32), u32> = HashMap::new();
        let mut profile_of: HashMap<u32, u32> = HashMap::new();
        let mut sets: HashMap<Vec<u32>, u32> = HashMap::new();
        // Which sites of a set are large enough and of the right kind, by set, size and kind.
        let mut fitting: HashMap<(u32, u32, Option<&str>), Result<u32, Reason>> = HashMap::new();
        for (index, job) in fleet.jobs.iter().enumerate() {
            let kind = fleet.extras.get(index).and_then(|extras| extras.accelerator.as_deref());
            let deadline = job.deadline.min(fleet.hours);
            let set = *fitting.entry((job.sites.0, job.accelerators, kind)).or_insert_with(|| {
                let named = &fleet.site_sets[job.sites.0 as usize];
                let of_kind = |site: &&u32| {
                    let has = fleet.sites[**site as usize].accelerator.as_deref();
                    kind.is_none() || has.is_none() || kind == has
                };
                let right: Vec<u32> = named.iter().filter(of_kind).copied().collect();
                let large = right.iter().copied().filter(|&site| most[site as usize] >= job.accelerators);
                let large: Vec<u32> = large.collect();
                if named.is_empty() {
                    return Err(Reason::NoSite);
                } else if right.is_empty() {
                    return Err(Reason::NoSuchAccelerator);
                } else if large.is_empty() {
                    return Err(Reason::TooLarge);
                }
                let next = sets.len() as u32;
                Ok(*sets.entry(large.clone()).or_insert_with(|| {
                    self.sets.push(large);
                    next
                }))
            });
            let window = deadline.checked_sub(job.release).filter(|&window| window >= job.hours && job.hours > 0);
            let reason = match (set, window) {
                (_, None) => Reason::WindowTooShort,
                (Err(reason), _) => reason,
                (Ok(set), Some(_)) => {
                    let size = job.accelerators;
                    let profile = *profile_of.entry(size).or_insert_with(|| self.profile(size));
                    let next = classes.len() as u32;
                    let watts = job.power.watts();
                    let class = *classes.entry((watts.to_bits(), profile)).or_insert_with(|| {
                        self.classes.push(Class { watts, profile, size: 0 });
                        next
                    });
                    self.tasks.push(Task {
                        job: index as u32,
                        release: job.release,
                        deadline,
                        hours: job.hours,
                        accelerators: job.accelerators,
                        class,
                        set,
                        interruptible: job.interruptible,
                    });
                    continue;
                }
            };
            self.hopeless.push((index as u32, reason));
        }
    }

    /// Some of its sites as a fleet of their own, with the tasks that could run there as this one numbers them. Its
    /// classes tell sizes apart.
    pub(crate) fn of_sites(&self, sites: std::ops::Range<usize>) -> (Self, Vec<u32>) {
        let cells = sites.start * self.hours..sites.end * self.hours;
        let mut own = Self {
            sites: sites.len(),
            hours: self.hours,
            grams_per_wh: self.grams_per_wh[cells.clone()].to_vec(),
            capacity: self.capacity[cells].to_vec(),
            steps: self.steps.clone(),
            profiles: self.profiles.clone(),
            classes: Vec::new(),
            sets: Vec::new(),
            tasks: Vec::new(),
            penalty_g: self.penalty_g,
            refusals: Vec::new(),
            hopeless: Vec::new(),
        };
        for set in &self.sets {
            let inside = set.iter().filter(|site| sites.contains(&(**site as usize)));
            own.sets.push(inside.map(|site| site - sites.start as u32).collect());
        }
        let mut tasks = Vec::new();
        for (task, index) in self.tasks.iter().zip(0..) {
            if own.sets[task.set as usize].is_empty() {
                continue;
            }
            let class = Class { size: task.accelerators, ..self.classes[task.class as usize].clone() };
            let known = own.classes.iter().position(|known| *known == class);
            let class = known.unwrap_or_else(|| {
                own.classes.push(class);
                own.classes.len() - 1
            });
            tasks.push(index);
            own.tasks.push(Task { class: class as u32, ..*task });
        }
        (own, tasks)
    }

    /// The index of the profile of a size.
    fn profile(&mut self, size: u32) -> u32 {
        let shares: Vec<f64> =
            self.steps.iter().map(|&step| f64::from(step * (size / step)) / f64::from(size)).collect();
        let found = self.profiles.iter().position(|profile| *profile == shares);
        found.unwrap_or_else(|| {
            self.profiles.push(shares);
            self.profiles.len() - 1
        }) as u32
    }

    /// Capacity as each step counts it: by step, site and hour.
    pub(crate) fn stepped(&self, free: &[i32]) -> Vec<f64> {
        stepped(&self.steps, free)
    }

    /// What an accelerator-hour emits on the whole: the scale of prices.
    pub(crate) fn typical_cost(&self) -> f64 {
        let grams = self.grams_per_wh.iter().sum::<f64>() / self.grams_per_wh.len().max(1) as f64;
        let watts = self.classes.iter().map(|class| class.watts).sum::<f64>() / self.classes.len().max(1) as f64;
        grams * watts
    }

    /// The sites where a task may run.
    pub(crate) fn sites_of(&self, task: &Task) -> &[u32] {
        &self.sets[task.set as usize]
    }

    /// What a task is charged when it does not run.
    pub(crate) fn penalty(&self, index: usize) -> f64 {
        self.refusal(index) * f64::from(self.tasks[index].accelerators)
    }

    /// The same per accelerator.
    pub(crate) fn refusal(&self, index: usize) -> f64 {
        self.refusals.get(index).copied().unwrap_or_else(|| self.penalty_g * f64::from(self.tasks[index].hours))
    }
}

/// Capacity as each step counts it: by step, site and hour.
pub(crate) fn stepped(steps: &[u32], free: &[i32]) -> Vec<f64> {
    let rounded = |step: u32| free.iter().map(move |&free| f64::from(free.max(0) / step as i32 * step as i32));
    steps.iter().flat_map(|&step| rounded(step)).collect()
}

/// The steps that matter: sizes of jobs at which capacity loses something when it is rounded down.
pub(crate) fn steps(fleet: &Fleet, mut sizes: Vec<u32>) -> Vec<u32> {
    sizes.sort_unstable();
    sizes.dedup();
    let cells = || fleet.sites.iter().flat_map(|site| site.capacity.iter().map(|&now| u64::from(now)));
    let all: u64 = cells().sum();
    let loses = |step: u32| cells().map(|now| now % u64::from(step)).sum::<u64>() as f64 > LEAST_LOSS * all as f64;
    let mut steps = vec![1];
    steps.extend(sizes.into_iter().rev().filter(|&size| size > 1 && loses(size)).take(MOST_STEPS));
    steps
}
