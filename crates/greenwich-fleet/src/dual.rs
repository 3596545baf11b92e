//! Prices of capacity, one per site and hour, that make the jobs' own best choices add up to a strong bound.
//!
//! In: the model and its shapes. Out: prices, the bound they give, and the use they ask for. For any prices
//! that are not negative, Σ over jobs of the least priced cost, minus Σ price × capacity, lies below every
//! plan: see [`crate::bound`], which proves the figure that is reported.

use crate::model::Model;
use crate::shapes::Shapes;
use crate::tables::Tables;

/// What prices give.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// The Lagrangian's value, as summed in passing.
    pub(crate) value: f64,
    /// Accelerators asked for, by site and hour.
    pub(crate) asked: Vec<f64>,
}

/// Asks every group for its best choice under prices.
pub(crate) fn ask(model: &Model, shapes: &Shapes, tables: &Tables, prices: &[f64], answer: &mut Answer) {
    let hours = model.hours;
    answer.asked.clear();
    answer.asked.resize(model.sites * hours, 0.0);
    // Whole jobs are added as differences, one a start and one an end.
    let mut edges = vec![0.0; model.sites * (hours + 1)];
    let mut best = vec![0.0; model.sites];
    let mut taken = vec![0.0; model.sites];
    let mut value = 0.0;
    for (shape, groups, sites) in shapes.iter() {
        if groups.iter().all(|group| group.accelerators == 0.0) {
            continue;
        }
        let (release, deadline, length) = (shape.release as usize, shape.deadline as usize, shape.hours as usize);
        for &site in sites {
            let row = tables.row(shape.power, site);
            best[site as usize] = if shape.interruptible {
                row.pausing(release, deadline, length)
            } else {
                row.whole(release, deadline, length)
            };
        }
        let refuse = model.penalty_g * f64::from(shape.hours);
        for group in groups {
            let mut least = (refuse, u32::MAX);
            for &site in &model.sets[group.set as usize] {
                if best[site as usize] < least.0 {
                    least = (best[site as usize], site);
                }
            }
            value += group.accelerators * least.0;
            if least.1 != u32::MAX {
                taken[least.1 as usize] += group.accelerators;
            }
        }
        for &site in sites {
            let accelerators = std::mem::take(&mut taken[site as usize]);
            if accelerators == 0.0 {
                continue;
            }
            let row = tables.row(shape.power, site);
            if shape.interruptible {
                let mut left = length;
                let asked = &mut answer.asked[site as usize * hours..(site as usize + 1) * hours];
                row.cheapest(release, deadline, |hour, _| {
                    asked[hour] += accelerators;
                    left -= 1;
                    left > 0
                });
            } else {
                let start = row.whole_start(release, deadline, length);
                let edges = &mut edges[site as usize * (hours + 1)..];
                edges[start] += accelerators;
                edges[start + length] -= accelerators;
            }
        }
    }
    for site in 0..model.sites {
        let mut running = 0.0;
        for hour in 0..hours {
            running += edges[site * (hours + 1) + hour];
            answer.asked[site * hours + hour] += running;
        }
    }
    let held: f64 = prices.iter().zip(&model.capacity).map(|(price, &capacity)| price * f64::from(capacity)).sum();
    answer.value = value - held;
}

/// Prices on their way up: the volume algorithm of Barahona and Anbil.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    /// The best prices so far, and the bound they give.
    pub(crate) centre: Vec<f64>,
    pub(crate) top: f64,
    /// Remembered use: what a mixture of the answers so far asks for.
    pub(crate) mean: Vec<f64>,
    pub(crate) capacity: Vec<f64>,
    pub(crate) pace: f64,
    pub(crate) share: f64,
    red: usize,
    target: f64,
    rounds: usize,
    checkpoint: f64,
    pub(crate) tables: Tables,
    pub(crate) answer: Answer,
    prices: Vec<f64>,
}

impl Volume {
    /// Begins with prices.
    pub(crate) fn new(model: &Model, shapes: &Shapes, centre: Vec<f64>) -> Self {
        let mut tables = Tables::new(model);
        let mut answer = Answer::default();
        tables.fill(model, &centre, 1.0);
        ask(model, shapes, &tables, &centre, &mut answer);
        Self {
            top: answer.value,
            mean: answer.asked.clone(),
            capacity: model.capacity.iter().map(|&now| f64::from(now)).collect(),
            pace: 0.1,
            share: 0.1,
            red: 0,
            target: answer.value * 1.05,
            rounds: 0,
            checkpoint: answer.value,
            tables,
            answer,
            prices: centre.clone(),
            centre,
        }
    }

    fn norm(&self) -> f64 {
        let cells = self.mean.iter().zip(&self.capacity).zip(&self.centre);
        let over = cells.map(|((mean, capacity), price)| (mean - capacity, price));
        over.filter(|(over, price)| *over > 0.0 || **price > 0.0).map(|(over, _)| over * over).sum()
    }

    /// One round; the bound never falls.
    pub(crate) fn round(&mut self, model: &Model, shapes: &Shapes) {
        let norm = self.norm();
        if norm <= 0.0 {
            return;
        }
        if self.top > self.target * 0.98 {
            self.target = self.top * 1.04;
        }
        let step = self.pace * (self.target - self.top) / norm;
        for (at, price) in self.prices.iter_mut().enumerate() {
            *price = (self.centre[at] + step * (self.mean[at] - self.capacity[at])).max(0.0);
        }
        self.tables.fill(model, &self.prices, 1.0);
        ask(model, shapes, &self.tables, &self.prices, &mut self.answer);
        let both = self.remember();
        if self.answer.value > self.top {
            self.top = self.answer.value;
            self.centre.copy_from_slice(&self.prices);
            if both > 0.0 {
                self.pace = (self.pace * 1.1).min(2.0);
            }
            self.red = 0;
        } else {
            self.red += 1;
            if self.red >= 10 {
                self.pace = (self.pace * 0.66).max(1e-4);
                self.red = 0;
            }
        }
        self.rounds += 1;
        if self.rounds % 50 == 0 {
            if self.top - self.checkpoint < 2e-3 * self.top.abs() {
                self.share = (self.share * 0.7).max(2e-3);
            }
            self.checkpoint = self.top;
        }
    }

    /// Mixes the answer into what is remembered, by the share that leaves the shortest mean excess.
    fn remember(&mut self) -> f64 {
        let (mut inner, mut across, mut both) = (0.0, 0.0, 0.0);
        for at in 0..self.mean.len() {
            let (old, new) = (self.mean[at] - self.capacity[at], self.answer.asked[at] - self.capacity[at]);
            let turn = new - old;
            inner += turn * turn;
            across += old * turn;
            both += old * new;
        }
        let best = if inner > 0.0 { -across / inner } else { self.share };
        let alpha = if best < 0.0 { self.share / 10.0 } else { best.min(self.share) };
        for (mean, asked) in self.mean.iter_mut().zip(&self.answer.asked) {
            *mean += alpha * (asked - *mean);
        }
        both
    }

    /// One round that always moves, for prices that follow a plan as it is made.
    pub(crate) fn follow(&mut self, model: &Model, shapes: &Shapes, theta: f64, share: f64) {
        let norm = self.norm();
        let step = if norm > 0.0 { theta / norm } else { 0.0 };
        for (at, price) in self.centre.iter_mut().enumerate() {
            *price = (*price + step * (self.mean[at] - self.capacity[at])).max(0.0);
        }
        self.tables.fill(model, &self.centre, 1.0);
        ask(model, shapes, &self.tables, &self.centre, &mut self.answer);
        for (mean, asked) in self.mean.iter_mut().zip(&self.answer.asked) {
            *mean += share * (asked - *mean);
        }
    }

    /// The share of the capacity by which remembered use exceeds it.
    pub(crate) fn excess(&self) -> f64 {
        let over: f64 = self.mean.iter().zip(&self.capacity).map(|(mean, capacity)| (mean - capacity).max(0.0)).sum();
        over / self.capacity.iter().sum::<f64>()
    }
}
