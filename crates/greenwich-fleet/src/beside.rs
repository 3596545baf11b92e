//! Jobs that are too large to run beside so many others, hour by hour.
//!
//! In: a model of one site. Out: rows that prices are put on. Where k = ⌊capacity ÷ s⌋ jobs of at least s accelerators
//! leave too little for a smaller job, at most k of them all run in that hour: k of the large, or the one and k − 1 of
//! them (the cover inequality of k of the large and the one, lifted over all that are as large: Balas 1975). Capacity
//! alone lets a job of the whole site run at three quarters beside one of a quarter. A row is counted in accelerators,
//! s for each job, so that its prices are of the scale of the others.

use crate::model::Model;

/// A stretch of hours in which a task does not fit beside as many large ones as fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Odd {
    pub(crate) task: u32,
    /// What counts as large: an index into [`Beside::sizes`].
    pub(crate) level: u32,
    pub(crate) begin: u32,
    pub(crate) end: u32,
    /// Its first hour among all prices.
    pub(crate) first: u32,
}

/// All rows of a site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    /// By task.
    pub(crate) odds: Vec<Odd>,
    /// The sizes from which jobs count as large.
    pub(crate) sizes: Vec<u32>,
    /// What the rows hold, in the order of their prices.
    pub(crate) capacity: Vec<f64>,
}

impl Beside {
    /// The rows of a model; none where it has several sites.
    pub(crate) fn new(model: &Model) -> Self {
        let mut found = Self::default();
        if model.sites != 1 {
            return found;
        }
        let mut sizes: Vec<u32> = model.tasks.iter().map(|task| task.accelerators).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let begins = model.steps.len() * model.hours;
        for (task, index) in model.tasks.iter().zip(0..) {
            for &size in sizes.iter().filter(|size| **size > task.accelerators) {
                let held = |hour: u32| model.capacity[hour as usize].max(0) as u32 / size;
                let is_odd = |hour: u32| {
                    let free = model.capacity[hour as usize].max(0) as u32;
                    held(hour) > 0 && task.accelerators <= free && task.accelerators > free % size
                };
                let mut begin = task.release;
                while begin < task.deadline {
                    let end = (begin..task.deadline).find(|hour| !is_odd(*hour)).unwrap_or(task.deadline);
                    if end > begin {
                        let first = (begins + found.capacity.len()) as u32;
                        let level = found.level(size);
                        found.odds.push(Odd { task: index, level, begin, end, first });
                        found.capacity.extend((begin..end).map(|hour| f64::from(size * held(hour))));
                    }
                    begin = end + 1;
                }
            }
        }
        found
    }

    fn level(&mut self, size: u32) -> u32 {
        let known = self.sizes.iter().position(|known| *known == size);
        known.unwrap_or_else(|| {
            self.sizes.push(size);
            self.sizes.len() - 1
        }) as u32
    }
}

impl Odd {
    /// Its cells among all prices.
    pub(crate) fn cells(&self) -> std::ops::Range<usize> {
        self.first as usize..(self.first + self.end - self.begin) as usize
    }
}

/// Prices of a row's hours as they meet tasks: what all rows of one size charge the large, hour by hour, and what each
/// odd task is charged itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Charges {
    /// By size, then by hour, per accelerator of the row.
    pub(crate) large: Vec<Vec<f64>>,
    /// By task: its priced hours and their sums, where it is charged anything.
    own: Vec<Option<(Vec<f64>, Vec<f64>)>>,
}

impl Charges {
    pub(crate) fn new(model: &Model, beside: &Beside) -> Self {
        let tasks = if beside.odds.is_empty() { 0 } else { model.tasks.len() };
        Self { large: vec![vec![0.0; model.hours]; beside.sizes.len()], own: vec![None; tasks] }
    }

    /// Takes new prices: what the large are charged.
    pub(crate) fn fill(&mut self, beside: &Beside, prices: &[f64]) {
        self.large.iter_mut().for_each(|level| level.fill(0.0));
        for odd in &beside.odds {
            let level = &mut self.large[odd.level as usize][odd.begin as usize..odd.end as usize];
            level.iter_mut().zip(&prices[odd.cells()]).for_each(|(level, price)| *level += price);
        }
    }

    /// What odd tasks pay by the hour, on top of `cost`, which says what each pays without.
    pub(crate) fn fill_own<'a>(&mut self, model: &Model, beside: &Beside, prices: &[f64], cost: impl Fn(u32) -> &'a [f64]) {
        let mut at = 0;
        while at < beside.odds.len() {
            let task = beside.odds[at].task;
            let until = beside.odds[at..].iter().position(|odd| odd.task != task).map_or(beside.odds.len(), |more| at + more);
            let odds = &beside.odds[at..until];
            at = until;
            let own = &mut self.own[task as usize];
            if odds.iter().all(|odd| prices[odd.cells()].iter().all(|price| *price == 0.0)) {
                *own = None;
                continue;
            }
            let (hours, sums) = own.get_or_insert_with(|| (vec![0.0; model.hours], vec![0.0; model.hours + 1]));
            hours.copy_from_slice(cost(task));
            let size = f64::from(model.tasks[task as usize].accelerators);
            for odd in odds {
                let share = f64::from(beside.sizes[odd.level as usize]) / size;
                let hours = &mut hours[odd.begin as usize..odd.end as usize];
                hours.iter_mut().zip(&prices[odd.cells()]).for_each(|(hour, price)| *hour += share * price);
            }
            let mut sum = 0.0;
            for (hour, after) in hours.iter().zip(&mut sums[1..]) {
                sum += hour;
                *after = sum;
            }
        }
    }

    /// A task's own hours and their sums.
    pub(crate) fn own(&self, task: usize) -> Option<(&[f64], &[f64])> {
        self.own.get(task)?.as_ref().map(|(hours, sums)| (hours.as_slice(), sums.as_slice()))
    }

    /// The dearest of all own rows, all hours together.
    pub(crate) fn largest(&self) -> f64 {
        let last = |own: &Option<(Vec<f64>, Vec<f64>)>| own.as_ref().and_then(|(_, sums)| sums.last().copied());
        self.own.iter().filter_map(last).fold(0.0, f64::max)
    }
}
