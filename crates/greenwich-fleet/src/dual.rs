//! Prices of capacity, one per site and hour, that make the jobs' own best choices add up to a strong bound.
//!
//! In: the model and its shapes. Out: prices, the bound they give, and the use they ask for. For any prices
//! that are not negative, Σ over jobs of the least priced cost, minus Σ price × capacity, lies below every
//! plan: see [`crate::bound`], which proves the figure that is reported.

use crate::model::Model;
use crate::shapes::{Part, Shape, Shapes};
use crate::stop::Stop;
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
pub(crate) fn ask(
    model: &Model,
    shapes: &Shapes,
    part: Part,
    tables: &Tables,
    prices: &[f64],
    capacity: &[f64],
    answer: &mut Answer,
) {
    let hours = model.hours;
    let cells = model.sites * hours;
    let mut asked = vec![0.0; model.profiles.len() * cells];
    // Whole jobs are added as differences, one a start and one an end.
    let mut edges = vec![0.0; model.profiles.len() * model.sites * (hours + 1)];
    let mut best = vec![0.0; model.sites];
    let mut taken = vec![0.0; model.sites];
    let mut value = 0.0;
    for (shape, groups, sites) in shapes.iter(part) {
        if groups.iter().all(|group| group.accelerators == 0.0) {
            continue;
        }
        let (release, deadline, length) = (shape.release as usize, shape.deadline as usize, shape.hours as usize);
        for &site in sites {
            best[site as usize] = cost_at(shape, tables, site);
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
            let row = tables.row(shape.class, site);
            let at = model.classes[shape.class as usize].profile as usize * model.sites + site as usize;
            if shape.interruptible {
                let mut left = length;
                let asked = &mut asked[at * hours..(at + 1) * hours];
                row.cheapest(release, deadline, |hour, _| {
                    asked[hour] += accelerators;
                    left -= 1;
                    left > 0
                });
            } else {
                let start = row.whole_start(release, deadline, length);
                let edges = &mut edges[at * (hours + 1)..];
                edges[start] += accelerators;
                edges[start + length] -= accelerators;
            }
        }
    }
    for (asked, edges) in asked.chunks_exact_mut(hours).zip(edges.chunks_exact(hours + 1)) {
        let mut running = 0.0;
        for (asked, edge) in asked.iter_mut().zip(edges) {
            running += edge;
            *asked += running;
        }
    }
    answer.asked.clear();
    answer.asked.resize(model.steps.len() * cells, 0.0);
    for (shares, asked) in model.profiles.iter().zip(asked.chunks_exact(cells)) {
        for (share, level) in shares.iter().zip(answer.asked.chunks_exact_mut(cells)) {
            if *share > 0.0 {
                level.iter_mut().zip(asked).for_each(|(level, asked)| *level += share * asked);
            }
        }
    }
    let held: f64 = prices.iter().zip(capacity).map(|(price, capacity)| price * capacity).sum();
    answer.value = value - held;
}

/// Tells, group by group, what its best choice costs under prices: never more than its penalty.
pub(crate) fn best_choices(model: &Model, shapes: &Shapes, tables: &Tables, mut tell: impl FnMut(f64)) {
    let mut best = vec![0.0; model.sites];
    for (shape, groups, sites) in shapes.iter(Part::ALL) {
        for &site in sites {
            best[site as usize] = cost_at(shape, tables, site);
        }
        let refuse = model.penalty_g * f64::from(shape.hours);
        for group in groups {
            let least = model.sets[group.set as usize].iter().map(|&site| best[site as usize]).fold(refuse, f64::min);
            tell(group.accelerators * least);
        }
    }
}

fn cost_at(shape: &Shape, tables: &Tables, site: u32) -> f64 {
    let (release, deadline, length) = (shape.release as usize, shape.deadline as usize, shape.hours as usize);
    let row = tables.row(shape.class, site);
    if shape.interruptible { row.pausing(release, deadline, length) } else { row.whole(release, deadline, length) }
}

/// Parts that the jobs answer in.
const PARTS: usize = 16;
/// How fast steps grow shorter: by pass, one over one plus so much of it.
const DECAY: f64 = 0.5;

/// Prices to begin with, and the use remembered with them: parts of the jobs answer in turn, prices move after
/// each part by how full the sites are asked to be, and the second half is averaged. One pass of 16 small
/// steps does what 16 passes of one step would: all at once, jobs swing to and fro between the same hours.
pub(crate) fn begin(model: &Model, shapes: &Shapes, passes: usize, stop: Stop) -> (Vec<f64>, Vec<f64>) {
    let parts = PARTS.min(shapes.each.len()).max(1);
    let capacity = model.stepped(&model.capacity);
    let cells = capacity.len();
    let mut prices = vec![0.0; cells];
    let mut tables = Tables::new(model);
    let mut answers = vec![Answer::default(); parts];
    let mut asked = vec![0.0; cells];
    let (mut mean, mut mean_asked, mut count) = (vec![0.0; cells], vec![0.0; cells], 0.0_f64);
    let scale = model.typical_cost();
    for pass in 0..=passes {
        for (first, answer) in answers.iter_mut().enumerate() {
            tables.fill(model, &prices, 1.0);
            let before = std::mem::take(&mut answer.asked);
            ask(model, shapes, Part { first, step: parts }, &tables, &prices, &capacity, answer);
            for (at, now) in answer.asked.iter().enumerate() {
                asked[at] += now - before.get(at).copied().unwrap_or(0.0);
            }
            if pass == 0 {
                continue;
            }
            let progress = (pass - 1) as f64 + first as f64 / parts as f64;
            let step = scale / (1.0 + DECAY * progress) / parts as f64;
            for ((price, asked), capacity) in prices.iter_mut().zip(&asked).zip(&capacity) {
                // Where a step leaves no capacity, the price still has to rise: one accelerator is the least scale.
                *price = (*price + step * (asked - capacity) / capacity.max(1.0)).max(0.0);
            }
            if pass * 2 > passes || stop.is_set() {
                count += 1.0;
                mean.iter_mut().zip(&prices).for_each(|(mean, price)| *mean += price);
                mean_asked.iter_mut().zip(&asked).for_each(|(mean, asked)| *mean += asked);
            }
        }
        if stop.is_set() && pass > 0 {
            break;
        }
    }
    mean.iter_mut().chain(&mut mean_asked).for_each(|sum| *sum /= count.max(1.0));
    (mean, mean_asked)
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
    pace: f64,
    share: f64,
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
    pub(crate) fn new(model: &Model, shapes: &Shapes, centre: Vec<f64>, mean: Vec<f64>) -> Self {
        let mut tables = Tables::new(model);
        let mut answer = Answer::default();
        tables.fill(model, &centre, 1.0);
        let capacity = model.stepped(&model.capacity);
        ask(model, shapes, Part::ALL, &tables, &centre, &capacity, &mut answer);
        Self {
            top: answer.value,
            mean,
            capacity,
            pace: 0.02,
            share: 0.1,
            red: 0,
            target: answer.value * 1.01,
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
        if self.top > self.target * 0.998 {
            self.target = self.top * 1.01;
        }
        let step = self.pace * (self.target - self.top) / norm;
        for (at, price) in self.prices.iter_mut().enumerate() {
            *price = (self.centre[at] + step * (self.mean[at] - self.capacity[at])).max(0.0);
        }
        self.tables.fill(model, &self.prices, 1.0);
        ask(model, shapes, Part::ALL, &self.tables, &self.prices, &self.capacity, &mut self.answer);
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
        if self.rounds.is_multiple_of(50) {
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

    /// One round that always moves, for prices that follow a plan as it is made. Only a part of the jobs answers
    /// and stands for all: parts take turns, so that each is remembered alike.
    pub(crate) fn follow(&mut self, model: &Model, shapes: &Shapes, part: Part, theta: f64, share: f64) {
        let norm = self.norm();
        let step = if norm > 0.0 { theta / norm } else { 0.0 };
        for (at, price) in self.centre.iter_mut().enumerate() {
            *price = (*price + step * (self.mean[at] - self.capacity[at])).max(0.0);
        }
        self.tables.fill(model, &self.centre, 1.0);
        ask(model, shapes, part, &self.tables, &self.centre, &self.capacity, &mut self.answer);
        let all = part.step as f64;
        for (mean, asked) in self.mean.iter_mut().zip(&self.answer.asked) {
            *mean += share * (all * asked - *mean);
        }
    }
}
