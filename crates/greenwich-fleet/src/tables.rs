//! Priced hours, laid out so that a job's best hours are found without looking at each job's window anew.
//!
//! In: the model and a price per site and hour. Out: [`Tables`]: for each power class and site, prefix sums of
//! cost plus price (whole jobs), and the hours by rank with a mask of ranks for every hour (interruptible jobs:
//! the cheapest hours of a window are the first bits of two masks' difference).

use crate::model::{Class, Model};

/// Masks of ranks are kept up to so many hours; beyond, a window is sorted when it is asked for.
const MOST_MASKED_HOURS: usize = 1024;

/// Priced hours by power class and site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    sites: usize,
    hours: usize,
    words: usize,
    cost: Vec<f64>,
    prefix: Vec<f64>,
    order: Vec<u16>,
    ranked: Vec<f64>,
    masks: Vec<u64>,
    /// Power classes that have interruptible jobs.
    pausing: Vec<bool>,
}

/// One power class on one site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Cost plus price per accelerator-hour, by hour.
    pub(crate) cost: &'a [f64],
    /// Sums of the hours before each hour.
    pub(crate) prefix: &'a [f64],
    order: &'a [u16],
    ranked: &'a [f64],
    masks: &'a [u64],
    words: usize,
}

impl Tables {
    pub(crate) fn new(model: &Model) -> Self {
        let (sites, hours, classes) = (model.sites, model.hours, model.classes.len());
        let mut pausing = vec![false; classes];
        for task in model.tasks.iter().filter(|task| task.interruptible) {
            pausing[task.class as usize] = true;
        }
        let words = if hours <= MOST_MASKED_HOURS { hours.div_ceil(64) } else { 0 };
        let rows = classes * sites;
        let ranks = if pausing.iter().any(|&is| is) && words > 0 { rows } else { 0 };
        Self {
            sites,
            hours,
            words,
            cost: vec![0.0; rows * hours],
            prefix: vec![0.0; rows * (hours + 1)],
            order: vec![0; ranks * hours],
            ranked: vec![0.0; ranks * hours],
            masks: vec![0; ranks * (hours + 1) * words],
            pausing,
        }
    }

    /// Takes new prices by step, site and hour, each `weight` times what is given.
    pub(crate) fn fill(&mut self, model: &Model, prices: &[f64], weight: f64) {
        self.fill_with(model, prices, weight, &std::iter::empty());
    }

    /// The same, and what jobs of at least a size are charged for each accelerator of that size, by site and hour.
    pub(crate) fn fill_with<'a>(
        &mut self,
        model: &Model,
        prices: &[f64],
        weight: f64,
        levels: &(impl Iterator<Item = (u32, &'a [f64])> + Clone),
    ) {
        let (sites, hours) = (self.sites, self.hours);
        let cells = sites * hours;
        let mut priced = vec![0.0; cells];
        let mut order: Vec<usize> = (0..model.classes.len()).collect();
        order.sort_by_key(|&class| (model.classes[class].profile, model.classes[class].size));
        let mut last = None;
        for class in order {
            let Class { watts, profile, size } = model.classes[class];
            if last.replace((profile, size)) != Some((profile, size)) {
                priced.fill(0.0);
                for (share, level) in model.profiles[profile as usize].iter().zip(prices.chunks_exact(cells)) {
                    let factor = weight * share;
                    if factor > 0.0 {
                        priced.iter_mut().zip(level).for_each(|(priced, price)| *priced += factor * price);
                    }
                }
                for (least, level) in levels.clone().filter(|(least, _)| *least <= size) {
                    let factor = weight * f64::from(least) / f64::from(size);
                    priced.iter_mut().zip(level).for_each(|(priced, price)| *priced += factor * price);
                }
            }
            for site in 0..sites {
                let row = class * sites + site;
                let cost = &mut self.cost[row * hours..(row + 1) * hours];
                let prefix = &mut self.prefix[row * (hours + 1)..(row + 1) * (hours + 1)];
                let mut sum = 0.0;
                for hour in 0..hours {
                    let at = site * hours + hour;
                    cost[hour] = watts * model.grams_per_wh[at] + priced[at];
                    sum += cost[hour];
                    prefix[hour + 1] = sum;
                }
                if self.pausing[class] && !self.order.is_empty() {
                    self.rank(row);
                }
            }
        }
    }

    fn rank(&mut self, row: usize) {
        let (hours, words) = (self.hours, self.words);
        let cost = &self.cost[row * hours..(row + 1) * hours];
        let order = &mut self.order[row * hours..(row + 1) * hours];
        // The order of the last prices is nearly that of these: sorting it again is quick.
        if order.iter().all(|&hour| hour == 0) {
            for (hour, slot) in order.iter_mut().enumerate() {
                *slot = hour as u16;
            }
        }
        order.sort_by(|&a, &b| cost[a as usize].total_cmp(&cost[b as usize]).then(a.cmp(&b)));
        let masks = &mut self.masks[row * (hours + 1) * words..(row + 1) * (hours + 1) * words];
        let mut rank_of = vec![0_usize; hours];
        for (rank, &hour) in order.iter().enumerate() {
            self.ranked[row * hours + rank] = cost[hour as usize];
            rank_of[hour as usize] = rank;
        }
        for hour in 0..hours {
            let (before, after) = masks.split_at_mut((hour + 1) * words);
            after[..words].copy_from_slice(&before[hour * words..]);
            after[rank_of[hour] / 64] |= 1 << (rank_of[hour] % 64);
        }
    }

    /// The cost of the dearest row, all its hours together.
    pub(crate) fn largest_row(&self) -> f64 {
        self.prefix.iter().copied().fold(0.0, f64::max)
    }

    /// The row of a class on a site.
    pub(crate) fn row(&self, class: u32, site: u32) -> Row<'_> {
        let (hours, words) = (self.hours, self.words);
        let row = class as usize * self.sites + site as usize;
        let ranked = !self.order.is_empty();
        Row {
            cost: &self.cost[row * hours..(row + 1) * hours],
            prefix: &self.prefix[row * (hours + 1)..(row + 1) * (hours + 1)],
            order: if ranked { &self.order[row * hours..(row + 1) * hours] } else { &[] },
            ranked: if ranked { &self.ranked[row * hours..(row + 1) * hours] } else { &[] },
            masks: if ranked { &self.masks[row * (hours + 1) * words..(row + 1) * (hours + 1) * words] } else { &[] },
            words,
        }
    }
}

impl<'a> Row<'a> {
    /// Hours of one task alone.
    pub(crate) fn plain(cost: &'a [f64], prefix: &'a [f64]) -> Self {
        Self { cost, prefix, order: &[], ranked: &[], masks: &[], words: 0 }
    }

    /// The least cost of `hours` in a row inside `[release, deadline)`.
    pub(crate) fn whole(&self, release: usize, deadline: usize, hours: usize) -> f64 {
        let begins = &self.prefix[release..=deadline - hours];
        let ends = &self.prefix[release + hours..=deadline];
        let mut least = [f64::INFINITY; 4];
        let (first, second) = (begins.chunks_exact(4), ends.chunks_exact(4));
        let (left, right) = (first.remainder(), second.remainder());
        for (begin, end) in first.zip(second) {
            for lane in 0..4 {
                let sum = end[lane] - begin[lane];
                least[lane] = if sum < least[lane] { sum } else { least[lane] };
            }
        }
        let rest = left.iter().zip(right).map(|(begin, end)| end - begin);
        rest.chain(least).fold(f64::INFINITY, |a, b| if b < a { b } else { a })
    }

    /// The first hour from which `hours` in a row cost least.
    pub(crate) fn whole_start(&self, release: usize, deadline: usize, hours: usize) -> usize {
        let mut best = (f64::INFINITY, release);
        for start in release..=deadline - hours {
            let sum = self.prefix[start + hours] - self.prefix[start];
            if sum < best.0 {
                best = (sum, start);
            }
        }
        best.1
    }

    /// Visits the hours of a window from the cheapest up, with their cost, while `visit` says go on.
    pub(crate) fn cheapest(&self, release: usize, deadline: usize, mut visit: impl FnMut(usize, f64) -> bool) {
        if self.order.is_empty() {
            let mut hours: Vec<usize> = (release..deadline).collect();
            hours.sort_unstable_by(|&a, &b| self.cost[a].total_cmp(&self.cost[b]).then(a.cmp(&b)));
            _ = hours.into_iter().all(|hour| visit(hour, self.cost[hour]));
            return;
        }
        let words = self.words;
        let before = &self.masks[release * words..(release + 1) * words];
        let until = &self.masks[deadline * words..(deadline + 1) * words];
        for word in 0..words {
            let mut bits = until[word] & !before[word];
            while bits != 0 {
                let rank = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if !visit(usize::from(self.order[rank]), self.ranked[rank]) {
                    return;
                }
            }
        }
    }

    /// The sum of the `hours` cheapest hours of a window.
    pub(crate) fn pausing(&self, release: usize, deadline: usize, hours: usize) -> f64 {
        let (mut sum, mut left) = (0.0, hours);
        self.cheapest(release, deadline, |_, cost| {
            sum += cost;
            left -= 1;
            left > 0
        });
        sum
    }
}
