//! Prices of capacity for an extended fleet, and the bound that they prove.
//!
//! In: the model. Out: prices by step, site and hour; the use that they ask for; and a bound, rounded downwards. The steps
//! are those of the plain planner (see [`crate::dual`]): parts of the jobs answer in turn, then the volume algorithm.

use crate::bound::Sum;
use crate::extended::model::Model;
use crate::extended::oracle::{Choice, Look, NONE, Oracle, Priced};
use crate::lot::Lot;
use crate::stop::Stop;

/// Parts that the tasks answer in.
const PARTS: usize = 16;
/// How fast steps grow shorter.
const DECAY: f64 = 0.5;
/// The lot that shares tasks out among parts is drawn the same way every time.
const SEED: u64 = 0x7061_7274_7321;

/// What tasks ask for under prices.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) model: &'a Model,
    oracle: Oracle,
    priced: Priced,
    choice: Choice,
    /// Tasks by lot, so that parts are alike.
    order: Vec<u32>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        let mut order: Vec<u32> = (0..model.tasks.len() as u32).collect();
        let mut lot = Lot::new(SEED);
        for last in (1..order.len()).rev() {
            order.swap(last, lot.below(last + 1));
        }
        Self { model, oracle: Oracle::default(), priced: Priced::new(model), choice: Choice::default(), order }
    }

    /// Asks a part of the tasks, but for those that `passed` says; adds what they ask for. Returns what their choices
    /// cost.
    fn ask(&mut self, prices: &[f64], part: (usize, usize), passed: impl Fn(u32) -> bool, asked: &mut [f64]) -> f64 {
        let model = self.model;
        self.priced.fill(model, prices, 1.0);
        let look = Look { model, priced: &self.priced, room: None, toll_g: f64::INFINITY, only: None };
        let cells = model.sites * model.hours;
        let mut value = 0.0;
        asked.fill(0.0);
        for &index in self.order.iter().skip(part.0).step_by(part.1).filter(|index| !passed(**index)) {
            let task = &model.tasks[index as usize];
            self.oracle.find(&look, task, task.penalty_g, None, &mut self.choice);
            value += self.oracle.bound;
            if self.choice.slot == NONE {
                continue;
            }
            let from = model.slots[self.choice.slot as usize].site as usize * model.hours;
            for &(hour, accelerators) in &self.choice.hours {
                for (&step, level) in model.steps.iter().zip(asked.chunks_exact_mut(cells)) {
                    level[from + hour as usize] += f64::from(step * (accelerators / step));
                }
            }
        }
        value
    }
}

/// Prices on their way up.
#[derive(Debug, Clone)]
pub(crate) struct Prices {
    pub(crate) centre: Vec<f64>,
    pub(crate) top: f64,
    /// Remembered use.
    pub(crate) mean: Vec<f64>,
    pub(crate) capacity: Vec<f64>,
}

/// How much work prices get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) passes: usize,
    pub(crate) rounds: usize,
}

/// Finds prices that give a strong bound.
pub(crate) fn raise(asking: &mut Asking, rounds: Rounds, stop: Stop) -> Prices {
    let (centre, mean) = begin(asking, rounds.passes, stop);
    let capacity = asking.model.stepped(&asking.model.capacity);
    let mut prices = Prices { centre, top: f64::NEG_INFINITY, mean, capacity };
    climb(asking, &mut prices, rounds.rounds, stop);
    prices
}

fn begin(asking: &mut Asking, passes: usize, stop: Stop) -> (Vec<f64>, Vec<f64>) {
    let model = asking.model;
    let parts = PARTS.min(model.tasks.len()).max(1);
    let capacity = model.stepped(&model.capacity);
    let rows = capacity.len();
    let (mut prices, mut asked) = (vec![0.0; rows], vec![0.0; rows]);
    let mut answers = vec![vec![0.0; rows]; parts];
    let mut answer = vec![0.0; rows];
    let (mut mean, mut mean_asked, mut count) = (vec![0.0; rows], vec![0.0; rows], 0.0_f64);
    let scale = model.typical_cost();
    for pass in 0..=passes {
        for (part, before) in answers.iter_mut().enumerate() {
            asking.ask(&prices, (part, parts), |_| false, &mut answer);
            for ((sum, now), before) in asked.iter_mut().zip(&answer).zip(before.iter()) {
                *sum += now - before;
            }
            std::mem::swap(before, &mut answer);
            if pass == 0 {
                continue;
            }
            let progress = (pass - 1) as f64 + part as f64 / parts as f64;
            let step = scale / (1.0 + DECAY * progress) / parts as f64;
            for ((price, asked), capacity) in prices.iter_mut().zip(&asked).zip(&capacity) {
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

/// The volume algorithm of Barahona and Anbil.
fn climb(asking: &mut Asking, prices: &mut Prices, rounds: usize, stop: Stop) {
    let mut asked = vec![0.0; prices.centre.len()];
    let value = |asking: &mut Asking, at: &[f64], capacity: &[f64], asked: &mut [f64]| {
        let cost = asking.ask(at, (0, 1), |_| false, asked);
        cost - at.iter().zip(capacity).map(|(price, capacity)| price * capacity).sum::<f64>()
    };
    prices.top = value(asking, &prices.centre, &prices.capacity, &mut asked);
    let (mut pace, mut share, mut red) = (0.02, 0.1_f64, 0);
    let aim = |top: f64| top + top.abs() * 0.01 + 1e-9;
    let (mut target, mut checkpoint) = (aim(prices.top), prices.top);
    let mut trial = prices.centre.clone();
    for round in 1..=rounds {
        let norm = prices.norm();
        if norm <= 0.0 || stop.is_set() {
            return;
        }
        if prices.top > target - 0.002 * target.abs() {
            target = aim(prices.top);
        }
        let step = pace * (target - prices.top) / norm;
        for (at, price) in trial.iter_mut().enumerate() {
            *price = (prices.centre[at] + step * (prices.mean[at] - prices.capacity[at])).max(0.0);
        }
        let now = value(asking, &trial, &prices.capacity, &mut asked);
        let ahead = prices.remember(&asked, share);
        if now > prices.top {
            prices.top = now;
            prices.centre.copy_from_slice(&trial);
            pace = if ahead { (pace * 1.1_f64).min(2.0) } else { pace };
            red = 0;
        } else {
            red += 1;
            if red >= 10 {
                (pace, red) = ((pace * 0.66).max(1e-4), 0);
            }
        }
        if round % 50 == 0 {
            if prices.top - checkpoint < 2e-3 * prices.top.abs() {
                share = (share * 0.7).max(2e-3);
            }
            checkpoint = prices.top;
        }
    }
}

impl Prices {
    fn norm(&self) -> f64 {
        let rows = self.mean.iter().zip(&self.capacity).zip(&self.centre);
        let over = rows.map(|((mean, capacity), price)| (mean - capacity, price));
        over.filter(|(over, price)| *over > 0.0 || **price > 0.0).map(|(over, _)| over * over).sum()
    }

    /// Mixes an answer into what is remembered, by the share that leaves the shortest mean excess; whether both point
    /// the same way.
    fn remember(&mut self, asked: &[f64], share: f64) -> bool {
        let (mut inner, mut across, mut both) = (0.0, 0.0, 0.0);
        for (at, asked) in asked.iter().enumerate() {
            let (old, new) = (self.mean[at] - self.capacity[at], asked - self.capacity[at]);
            inner += (new - old) * (new - old);
            across += old * (new - old);
            both += old * new;
        }
        let best = if inner > 0.0 { -across / inner } else { share };
        let alpha = if best < 0.0 { share / 10.0 } else { best.min(share) };
        self.mean.iter_mut().zip(asked).for_each(|(mean, asked)| *mean += alpha * (asked - *mean));
        both > 0.0
    }

    /// One round that always moves, for prices that follow a plan as it is made: a part of the tasks that are not placed
    /// yet answers and stands for all of them.
    pub(crate) fn follow(
        &mut self,
        asking: &mut Asking,
        part: (usize, usize),
        theta: f64,
        share: f64,
        placed: impl Fn(u32) -> bool,
        asked: &mut [f64],
    ) {
        let norm = self.norm();
        let step = if norm > 0.0 { theta / norm } else { 0.0 };
        for (at, price) in self.centre.iter_mut().enumerate() {
            *price = (*price + step * (self.mean[at] - self.capacity[at])).max(0.0);
        }
        asking.ask(&self.centre, part, placed, asked);
        for (mean, asked) in self.mean.iter_mut().zip(&*asked) {
            *mean += share * (part.1 as f64 * asked - *mean);
        }
    }
}

/// The bound that prices prove, in grams, rounded downwards.
pub(crate) fn prove(model: &Model, prices: &[f64]) -> f64 {
    let (mut oracle, mut priced, mut choice) = (Oracle::default(), Priced::new(model), Choice::default());
    priced.fill(model, prices, 1.0);
    let look = Look { model, priced: &priced, room: None, toll_g: f64::INFINITY, only: None };
    let (mut jobs, mut magnitude) = (Sum::default(), 0.0);
    for task in &model.tasks {
        oracle.find(&look, task, task.penalty_g, None, &mut choice);
        jobs.add(oracle.bound);
        magnitude += oracle.magnitude;
    }
    let held: Sum =
        prices.iter().zip(model.stepped(&model.capacity)).map(|(price, capacity)| price * capacity).collect();
    // A choice's cost is a sum of at most a few times `hours` numbers, whose parts nowhere go above the magnitude that
    // the oracle noted; the sums over tasks and rows carry their error.
    let unit = f64::EPSILON * (3.0 * model.hours as f64 + model.steps.len() as f64 + 32.0) * 2.0;
    (jobs.total() - held.total()) - unit * (magnitude + held.total().abs())
}
