//! Prices of capacity on their way up, whoever answers them.
//!
//! In: bidders, which say what their best choices under prices cost and ask for. Out: prices whose bound is strong, and the
//! use that is remembered with them. For any prices that are not negative, Σ of the least priced costs minus Σ price ×
//! capacity lies below every plan: see [`crate::bound`], which proves the figure that is reported.

use crate::shapes::Part;
use crate::stop::Stop;

/// Parts that the bidders answer in.
const PARTS: usize = 16;
/// How fast steps grow shorter: by pass, one over one plus so much of it.
const DECAY: f64 = 0.5;

/// Who answers prices.
pub(crate) trait Bidders {
    /// How many they are.
    fn count(&self) -> usize;
    /// What the best choices of a part cost under prices; `asked` becomes what they ask for, by step, site and hour, and of
    /// the quotas where there are such.
    fn ask(&mut self, prices: &[f64], part: Part, asked: &mut Vec<f64>) -> f64;
}

/// What rows of capacity are measured by: where a step leaves no capacity, the price still has to rise, and one accelerator
/// is the least scale.
pub(crate) fn scales(capacity: &[f64]) -> Vec<f64> {
    capacity.iter().map(|capacity| capacity.max(1.0)).collect()
}

/// Prices to go on from, and the use remembered with them: parts of the bidders answer in turn, prices move after
/// each part by how full the sites are asked to be, and the second half is averaged. One pass of 16 small
/// steps does what 16 passes of one step would: all at once, jobs swing to and fro between the same hours.
pub(crate) fn begin(
    bidders: &mut impl Bidders,
    (capacity, scales): (&[f64], &[f64]),
    start: Vec<f64>,
    typical_cost: f64,
    passes: usize,
    stop: Stop,
) -> (Vec<f64>, Vec<f64>) {
    let parts = PARTS.min(bidders.count()).max(1);
    let cells = capacity.len();
    let (mut prices, mut asked, mut answer) = (start, vec![0.0; cells], Vec::new());
    let mut answers = vec![vec![0.0; cells]; parts];
    let (mut mean, mut mean_asked, mut count) = (vec![0.0; cells], vec![0.0; cells], 0.0_f64);
    for pass in 0..=passes {
        for (first, before) in answers.iter_mut().enumerate() {
            bidders.ask(&prices, Part { first, step: parts }, &mut answer);
            for ((sum, now), before) in asked.iter_mut().zip(&answer).zip(&*before) {
                *sum += now - before;
            }
            std::mem::swap(before, &mut answer);
            if pass == 0 {
                continue;
            }
            let progress = (pass - 1) as f64 + first as f64 / parts as f64;
            let step = typical_cost / (1.0 + DECAY * progress) / parts as f64;
            for (((price, asked), capacity), scale) in prices.iter_mut().zip(&asked).zip(capacity).zip(scales) {
                *price = (*price + step * (asked - capacity) / scale).max(0.0);
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
    asked: Vec<f64>,
    prices: Vec<f64>,
}

impl Volume {
    /// Begins with prices and the use remembered with them.
    pub(crate) fn new(bidders: &mut impl Bidders, capacity: Vec<f64>, centre: Vec<f64>, mean: Vec<f64>) -> Self {
        let mut asked = Vec::new();
        let top = value(bidders, &centre, &capacity, &mut asked);
        Self {
            top,
            mean,
            capacity,
            pace: 0.02,
            share: 0.1,
            red: 0,
            target: top * 1.01,
            rounds: 0,
            checkpoint: top,
            asked,
            prices: centre.clone(),
            centre,
        }
    }

    fn norm(&self) -> f64 {
        let cells = self.mean.iter().zip(&self.capacity).zip(&self.centre);
        let over = cells.map(|((mean, capacity), price)| (mean - capacity, price));
        over.filter(|(over, price)| *over > 0.0 || **price > 0.0).map(|(over, _)| over * over).sum()
    }

    /// So many rounds, or fewer where it is to stop.
    pub(crate) fn rounds(&mut self, bidders: &mut impl Bidders, rounds: usize, stop: Stop) {
        for _ in 0..rounds {
            if stop.is_set() {
                break;
            }
            self.round(bidders);
        }
    }

    /// One round; the bound never falls.
    fn round(&mut self, bidders: &mut impl Bidders) {
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
        let now = value(bidders, &self.prices, &self.capacity, &mut self.asked);
        let both = remember(&mut self.mean, &self.asked, &self.capacity, self.share);
        if now > self.top {
            self.top = now;
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

    /// One round that always moves, for prices that follow a plan as it is made. Only a part of the bidders answers
    /// and stands for all: parts take turns, so that each is remembered alike.
    pub(crate) fn follow(&mut self, bidders: &mut impl Bidders, part: Part, theta: f64, share: f64) {
        let norm = self.norm();
        let step = if norm > 0.0 { theta / norm } else { 0.0 };
        for (at, price) in self.centre.iter_mut().enumerate() {
            *price = (*price + step * (self.mean[at] - self.capacity[at])).max(0.0);
        }
        bidders.ask(&self.centre, part, &mut self.asked);
        let all = part.step as f64;
        for (mean, asked) in self.mean.iter_mut().zip(&self.asked) {
            *mean += share * (all * asked - *mean);
        }
    }
}

/// Mixes an answer into what is remembered, by the share, up to `most`, that leaves the shortest mean excess over the
/// capacity. Above 0 where both point the same way.
pub(crate) fn remember(mean: &mut [f64], asked: &[f64], capacity: &[f64], most: f64) -> f64 {
    let (mut inner, mut across, mut both) = (0.0, 0.0, 0.0);
    for at in 0..mean.len() {
        let (old, new) = (mean[at] - capacity[at], asked[at] - capacity[at]);
        let turn = new - old;
        inner += turn * turn;
        across += old * turn;
        both += old * new;
    }
    let best = if inner > 0.0 { -across / inner } else { most };
    let alpha = if best < 0.0 { most / 10.0 } else { best.min(most) };
    mean.iter_mut().zip(asked).for_each(|(mean, asked)| *mean += alpha * (asked - *mean));
    both
}

/// The Lagrangian's value, as summed in passing.
fn value(bidders: &mut impl Bidders, prices: &[f64], capacity: &[f64], asked: &mut Vec<f64>) -> f64 {
    let cost = bidders.ask(prices, Part::ALL, asked);
    let held: f64 = prices.iter().zip(capacity).map(|(price, capacity)| price * capacity).sum();
    cost - held
}
