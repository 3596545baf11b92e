//! Jobs that are too large to run beside so many others, hour by hour.
//!
//! In: a model whose classes tell sizes apart. Out: rows that prices are put on. Where k = ⌊capacity ÷ s⌋ jobs of at least s accelerators
//! leave too little for a smaller job, at most k of them all run in that hour: k of the large, or the one and k − 1 of
//! them (the cover inequality of k of the large and the one, lifted over all that are as large: Balas 1975). Capacity
//! alone lets a job of the whole site run at three quarters beside one of a quarter. A row is counted in accelerators,
//! s for each job, so that its prices are of the scale of the others.

use crate::model::Model;
use crate::options::Frame;

/// A stretch of hours in which a task does not fit beside as many large ones as fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Odd {
    pub(crate) task: u32,
    pub(crate) slot: u32,
    pub(crate) site: u32,
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
    /// By slot.
    pub(crate) odds: Vec<Odd>,
    /// The sizes from which jobs count as large.
    pub(crate) sizes: Vec<u32>,
    /// What the rows hold, in the order of their prices.
    pub(crate) capacity: Vec<f64>,
}

impl Beside {
    /// The rows of a model; none where its classes do not tell sizes apart.
    pub(crate) fn new(model: &Model, frame: &Frame) -> Self {
        let mut found = Self::default();
        if model.classes.iter().any(|class| class.size == 0) {
            return found;
        }
        let mut sizes: Vec<u32> = model.tasks.iter().map(|task| task.accelerators).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for (slot, at) in frame.slots.iter().zip(0..) {
            let task = &model.tasks[slot.task as usize];
            let free = |hour: u32| model.capacity[slot.site as usize * model.hours + hour as usize].max(0) as u32;
            for &size in sizes.iter().filter(|size| **size > task.accelerators) {
                let is_odd = |hour: u32| {
                    let free = free(hour);
                    free >= size && task.accelerators > free % size
                };
                let mut begin = task.release;
                while begin < task.deadline {
                    let end = (begin..task.deadline).find(|hour| !is_odd(*hour)).unwrap_or(task.deadline);
                    if end > begin {
                        let first = (model.steps.len() * model.sites * model.hours + found.capacity.len()) as u32;
                        let level = found.level(size);
                        found.odds.push(Odd { task: slot.task, slot: at, site: slot.site, level, begin, end, first });
                        found.capacity.extend((begin..end).map(|hour| f64::from(free(hour) / size * size)));
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
    /// Its hours among those of all sites.
    pub(crate) fn of_site(&self, model: &Model) -> std::ops::Range<usize> {
        let from = self.site as usize * model.hours;
        from + self.begin as usize..from + self.end as usize
    }

    /// Its cells among all prices.
    pub(crate) fn cells(&self) -> std::ops::Range<usize> {
        self.first as usize..(self.first + self.end - self.begin) as usize
    }
}

/// Prices of a row's hours as they meet tasks: what all rows of one size charge the large, hour by hour, and what each
/// odd task is charged itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Charges {
    /// By size, then by site and hour, per accelerator of the row.
    pub(crate) large: Vec<Vec<f64>>,
    /// By slot: its priced hours and their sums, where it is charged anything.
    own: Vec<Option<(Vec<f64>, Vec<f64>)>>,
}

impl Charges {
    pub(crate) fn new(model: &Model, frame: &Frame, beside: &Beside) -> Self {
        let slots = if beside.odds.is_empty() { 0 } else { frame.slots.len() };
        Self { large: vec![vec![0.0; model.sites * model.hours]; beside.sizes.len()], own: vec![None; slots] }
    }

    /// Takes new prices: what the large are charged.
    pub(crate) fn fill(&mut self, model: &Model, beside: &Beside, prices: &[f64]) {
        self.large.iter_mut().for_each(|level| level.fill(0.0));
        for odd in &beside.odds {
            let level = &mut self.large[odd.level as usize][odd.of_site(model)];
            level.iter_mut().zip(&prices[odd.cells()]).for_each(|(level, price)| *level += price);
        }
    }

    /// What odd tasks pay by the hour, on top of `cost`, which says what each pays without.
    pub(crate) fn fill_own<'a>(
        &mut self,
        model: &Model,
        beside: &Beside,
        prices: &[f64],
        cost: impl Fn(&Odd) -> &'a [f64],
    ) {
        let mut at = 0;
        while at < beside.odds.len() {
            let one = beside.odds[at];
            let until = beside.odds[at..]
                .iter()
                .position(|odd| odd.slot != one.slot)
                .map_or(beside.odds.len(), |more| at + more);
            let odds = &beside.odds[at..until];
            at = until;
            let own = &mut self.own[one.slot as usize];
            if odds.iter().all(|odd| prices[odd.cells()].iter().all(|price| *price == 0.0)) {
                *own = None;
                continue;
            }
            let (hours, sums) = own.get_or_insert_with(|| (vec![0.0; model.hours], vec![0.0; model.hours + 1]));
            hours.copy_from_slice(cost(&one));
            let size = f64::from(model.tasks[one.task as usize].accelerators);
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

    /// A slot's own hours and their sums.
    pub(crate) fn own(&self, slot: usize) -> Option<(&[f64], &[f64])> {
        self.own.get(slot)?.as_ref().map(|(hours, sums)| (hours.as_slice(), sums.as_slice()))
    }

    /// The dearest of all own rows, all hours together.
    pub(crate) fn largest(&self) -> f64 {
        let last = |own: &Option<(Vec<f64>, Vec<f64>)>| own.as_ref().and_then(|(_, sums)| sums.last().copied());
        self.own.iter().filter_map(last).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Class, Task};

    /// One site for an hour, and a job of each size.
    fn hour(capacity: i32, sizes: &[u32]) -> Model {
        let class = |&size: &u32| Class { watts: 700.0, profile: 0, size };
        let task = |(&accelerators, at): (&u32, u32)| Task {
            job: at,
            release: 0,
            deadline: 1,
            hours: 1,
            accelerators,
            class: at,
            set: 0,
            interruptible: false,
        };
        Model {
            sites: 1,
            hours: 1,
            grams_per_wh: vec![0.4],
            capacity: vec![capacity],
            steps: vec![1],
            profiles: vec![vec![1.0]],
            classes: sizes.iter().map(class).collect(),
            sets: vec![vec![0]],
            tasks: sizes.iter().zip(0..).map(task).collect(),
            penalty_g: 2000.0,
            refusals: Vec::new(),
            hopeless: Vec::new(),
        }
    }

    #[test]
    fn every_row_holds_of_all_that_fits_and_is_met_by_some_of_it() {
        let sizes = [1, 1, 2, 3, 4, 4, 5, 8, 8];
        let mut rows = 0;
        for capacity in 1..=24 {
            let model = hour(capacity, &sizes);
            let found = Beside::new(&model, &Frame::new(&model));
            for (odd, &held) in found.odds.iter().zip(&found.capacity) {
                let size = found.sizes[odd.level as usize];
                let sets = (0_u32..1 << sizes.len()).filter(|set| {
                    let load: u32 = (0..sizes.len()).filter(|at| set >> at & 1 == 1).map(|at| sizes[at]).sum();
                    load as i32 <= capacity
                });
                let asked = sets.map(|set| {
                    let large = (0..sizes.len()).filter(|at| set >> at & 1 == 1 && sizes[*at] >= size).count() as u32;
                    f64::from(size * (large + (set >> odd.task & 1)))
                });
                let most = asked.fold(0.0, f64::max);
                assert!(
                    most <= held,
                    "{capacity}: {} beside {size}s asks for {most} of {held}",
                    sizes[odd.task as usize]
                );
                // As many jobs of just that size as fit meet it, where there are so many.
                let alike = sizes.iter().filter(|own| **own == size).count() as u32;
                assert!(most == held || f64::from(alike * size) < held, "{capacity}: a row of {held} is never met");
                rows += 1;
            }
        }
        assert!(rows > 100, "{rows} rows");
    }

    #[test]
    fn a_job_of_the_whole_site_and_one_of_a_quarter_share_no_hour() {
        let model = hour(4, &[4, 4, 1]);
        let found = Beside::new(&model, &Frame::new(&model));
        let rows: Vec<(u32, f64)> =
            found.odds.iter().zip(&found.capacity).map(|(odd, held)| (odd.task, *held)).collect();
        assert_eq!(rows, [(2, 4.0)]);
    }
}
