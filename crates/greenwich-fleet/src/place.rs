//! Who runs where and when, with what capacity is left.
//!
//! In: the model, priced tables, a task. Out: its best place on what is left, taken or given back. A place is
//! never taken where capacity lacks: every state of the board is a plan that can be carried out.

use crate::lot::Lot;
use crate::model::Model;
use crate::tables::Tables;

/// The site of a task that has none.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A place that was found for a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Spot {
    pub(crate) site: u32,
    /// The first hour of a whole job.
    pub(crate) start: u32,
    /// The hours of an interruptible job, in no order.
    pub(crate) hours: Vec<u32>,
    /// Priced cost per accelerator.
    pub(crate) priced: f64,
}

/// What a task that takes a place from others looks at.
#[derive(Debug)]
pub(crate) struct Taste<'a> {
    /// What each lacking accelerator-hour counts, in grams.
    pub(crate) toll: f64,
    /// Up to how many grams an hour may seem dearer than it is, by lot.
    pub(crate) blur: f64,
    pub(crate) lot: &'a mut Lot,
}

impl Taste<'_> {
    fn whim(&mut self) -> f64 {
        if self.blur > 0.0 { self.blur * self.lot.unit() } else { 0.0 }
    }
}

/// A plan that grows.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    hours: usize,
    pub(crate) free: Vec<i32>,
    pub(crate) site: Vec<u32>,
    start: Vec<u32>,
    /// Hours of interruptible tasks, as bits from their release; where each task's bits begin.
    bits: Vec<u64>,
    first_word: Vec<u32>,
    /// Grams of each task: its emissions, or its penalty while it has no place.
    pub(crate) grams: Vec<f64>,
    trial: Vec<u32>,
    keyed: Vec<(f64, u32)>,
}

impl Board {
    pub(crate) fn new(model: &Model) -> Self {
        let mut first_word = Vec::with_capacity(model.tasks.len() + 1);
        let mut words = 0;
        for task in &model.tasks {
            first_word.push(words);
            words += if task.interruptible { (task.deadline - task.release).div_ceil(64) } else { 0 };
        }
        Self {
            hours: model.hours,
            free: model.capacity.clone(),
            site: vec![NOWHERE; model.tasks.len()],
            start: vec![0; model.tasks.len()],
            bits: vec![0; words as usize],
            first_word,
            grams: (0..model.tasks.len()).map(|index| model.penalty(index)).collect(),
            trial: Vec::new(),
            keyed: Vec::new(),
        }
    }

    /// What the plan costs: emissions and penalties.
    pub(crate) fn total(&self) -> f64 {
        self.grams.iter().sum()
    }

    /// Finds the cheapest place under `tables` that costs less than `limit` per accelerator.
    pub(crate) fn find(&mut self, model: &Model, tables: &Tables, index: usize, limit: f64, spot: &mut Spot) -> bool {
        let task = &model.tasks[index];
        let (release, deadline, length) = (task.release as usize, task.deadline as usize, task.hours as usize);
        let needed = task.accelerators as i32;
        spot.priced = limit;
        spot.site = NOWHERE;
        for &site in model.sites_of(task) {
            let row = tables.row(task.class, site);
            let free = &self.free[site as usize * self.hours..(site as usize + 1) * self.hours];
            if task.interruptible {
                let (mut sum, mut left) = (0.0, length);
                self.trial.clear();
                let most = spot.priced;
                row.cheapest(release, deadline, |hour, cost| {
                    if free[hour] >= needed {
                        sum += cost;
                        left -= 1;
                        self.trial.push(hour as u32);
                    }
                    left > 0 && sum < most
                });
                if left == 0 && sum < spot.priced {
                    spot.priced = sum;
                    spot.site = site;
                    std::mem::swap(&mut spot.hours, &mut self.trial);
                }
            } else {
                let mut begin = release;
                let prefix = row.prefix;
                for hour in release..deadline {
                    if free[hour] < needed {
                        begin = hour + 1;
                        if begin + length > deadline {
                            break;
                        }
                    } else if hour + 1 - begin >= length {
                        let sum = prefix[hour + 1] - prefix[hour + 1 - length];
                        if sum < spot.priced {
                            spot.priced = sum;
                            spot.site = site;
                            spot.start = (hour + 1 - length) as u32;
                        }
                    }
                }
            }
        }
        spot.site != NOWHERE
    }

    /// Finds a spot on a site where the task costs little and lacks little, as `taste` weighs it. Keeps what
    /// `spot` holds if that is better.
    pub(crate) fn wish(
        &mut self,
        model: &Model,
        tables: &Tables,
        index: usize,
        site: u32,
        taste: &mut Taste,
        spot: &mut Spot,
    ) {
        let task = &model.tasks[index];
        let (release, deadline, length) = (task.release as usize, task.deadline as usize, task.hours as usize);
        let needed = task.accelerators as i32;
        let toll = taste.toll / f64::from(task.accelerators);
        let row = tables.row(task.class, site);
        let free = &self.free[site as usize * self.hours..(site as usize + 1) * self.hours];
        let cost = |hour: usize| row.cost[hour] + toll * f64::from((needed - free[hour]).max(0));
        if !task.interruptible {
            let mut sum: f64 = (release..release + length).map(cost).sum();
            for start in release..=deadline - length {
                let seen = sum + taste.whim() * length as f64;
                if seen < spot.priced {
                    (spot.priced, spot.site, spot.start) = (seen, site, start as u32);
                }
                if start + length < deadline {
                    sum += cost(start + length) - cost(start);
                }
            }
            return;
        }
        self.keyed.clear();
        self.keyed.extend((release..deadline).map(|hour| (cost(hour) + taste.whim(), hour as u32)));
        if length < self.keyed.len() {
            let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            self.keyed.select_nth_unstable_by(length - 1, order);
        }
        let sum: f64 = self.keyed[..length].iter().map(|(cost, _)| cost).sum();
        if sum < spot.priced {
            (spot.priced, spot.site) = (sum, site);
            spot.hours.clear();
            spot.hours.extend(self.keyed[..length].iter().map(|(_, hour)| *hour));
        }
    }

    /// Whether a place has room for a task now.
    pub(crate) fn has_room(&self, model: &Model, index: usize, spot: &Spot) -> bool {
        let task = &model.tasks[index];
        let free = &self.free[spot.site as usize * self.hours..(spot.site as usize + 1) * self.hours];
        let needed = task.accelerators as i32;
        if task.interruptible {
            return spot.hours.iter().all(|&hour| free[hour as usize] >= needed);
        }
        free[spot.start as usize..(spot.start + task.hours) as usize].iter().all(|&free| free >= needed)
    }

    /// Takes a place that was found. `base` are the tables without prices.
    pub(crate) fn take(&mut self, model: &Model, base: &Tables, index: usize, spot: &Spot) {
        let task = &model.tasks[index];
        let row = base.row(task.class, spot.site);
        let free = &mut self.free[spot.site as usize * self.hours..(spot.site as usize + 1) * self.hours];
        let needed = task.accelerators as i32;
        self.site[index] = spot.site;
        let mut grams = 0.0;
        if task.interruptible {
            let first = self.first_word[index] as usize;
            let words = (task.deadline - task.release).div_ceil(64) as usize;
            self.bits[first..first + words].fill(0);
            for &hour in &spot.hours {
                free[hour as usize] -= needed;
                grams += row.cost[hour as usize];
                let at = (hour - task.release) as usize;
                self.bits[first + at / 64] |= 1 << (at % 64);
            }
        } else {
            self.start[index] = spot.start;
            let (from, until) = (spot.start as usize, (spot.start + task.hours) as usize);
            for cell in &mut free[from..until] {
                *cell -= needed;
            }
            grams = row.prefix[until] - row.prefix[from];
        }
        self.grams[index] = grams * f64::from(task.accelerators);
    }

    /// Where a task has its place.
    pub(crate) fn spot(&self, model: &Model, index: usize, spot: &mut Spot) {
        spot.site = self.site[index];
        spot.start = self.start[index];
        spot.hours.clear();
        if spot.site != NOWHERE {
            self.visit_hours(model, index, |hour| spot.hours.push(hour));
        }
    }

    /// Gives the place of a task back, and tells which it was.
    pub(crate) fn give_back(&mut self, model: &Model, index: usize, spot: &mut Spot) {
        self.spot(model, index, spot);
        if spot.site == NOWHERE {
            return;
        }
        let task = &model.tasks[index];
        let free = &mut self.free[spot.site as usize * self.hours..(spot.site as usize + 1) * self.hours];
        for &hour in &spot.hours {
            free[hour as usize] += task.accelerators as i32;
        }
        self.site[index] = NOWHERE;
        self.grams[index] = model.penalty(index);
    }

    /// Whether a placed task runs in an hour.
    pub(crate) fn runs(&self, model: &Model, index: usize, hour: u32) -> bool {
        let task = &model.tasks[index];
        if !task.interruptible {
            return (self.start[index]..self.start[index] + task.hours).contains(&hour);
        }
        let Some(at) = hour.checked_sub(task.release).filter(|_| hour < task.deadline) else { return false };
        self.bits[self.first_word[index] as usize + at as usize / 64] >> (at % 64) & 1 == 1
    }

    /// Visits the hours in which a placed task runs, in order.
    pub(crate) fn visit_hours(&self, model: &Model, index: usize, mut visit: impl FnMut(u32)) {
        let task = &model.tasks[index];
        if !task.interruptible {
            (self.start[index]..self.start[index] + task.hours).for_each(visit);
            return;
        }
        let first = self.first_word[index] as usize;
        let words = (task.deadline - task.release).div_ceil(64);
        for word in 0..words {
            let mut bits = self.bits[first + word as usize];
            while bits != 0 {
                visit(task.release + word * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }
}
