//! Prices of capacity for an extended fleet, and the bound that they prove.
//!
//! In: the model. Out: prices by step, site and hour; the use that they ask for; and a bound, rounded downwards. The steps
//! are those of the plain planner: see [`crate::ascent`].

use crate::ascent::{self, Bidders, Volume};
use crate::bound::Sum;
use crate::extended::model::Model;
use crate::extended::oracle::{Choice, Look, NONE, Oracle, Priced};
use crate::lot::Lot;
use crate::quota::grams;
use crate::shapes::Part;
use crate::stop::Stop;

/// The lot that shares tasks out among parts is drawn the same way every time.
const SEED: u64 = 0x7061_7274_7321;
/// How often the price of a quota is doubled at most, and halved then.
const DOUBLINGS: usize = 24;
const HALVINGS: usize = 8;
/// A price so near to the one sought is it.
const NEAR: f64 = 0.05;

/// What tasks ask for under prices.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) model: &'a Model,
    oracle: Oracle,
    priced: Priced,
    choice: Choice,
    /// Tasks by lot, so that parts are alike.
    order: Vec<u32>,
    /// Tasks that do not answer, since they have been placed.
    pub(crate) passed: Vec<bool>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        let mut order: Vec<u32> = (0..model.tasks.len() as u32).collect();
        let passed = vec![false; order.len()];
        let mut lot = Lot::new(SEED);
        for last in (1..order.len()).rev() {
            order.swap(last, lot.below(last + 1));
        }
        Self { model, oracle: Oracle::default(), priced: Priced::new(model), choice: Choice::default(), order, passed }
    }
}

impl Bidders for Asking<'_> {
    fn count(&self) -> usize {
        self.order.len()
    }

    fn ask(&mut self, prices: &[f64], part: Part, asked: &mut Vec<f64>) -> f64 {
        let model = self.model;
        self.priced.fill(model, prices, 1.0);
        let look = Look { model, priced: &self.priced, room: None, toll_g: f64::INFINITY, only: None };
        let cells = model.sites * model.hours;
        let mut value = 0.0;
        asked.clear();
        asked.resize(model.steps.len() * cells + model.quotas.len(), 0.0);
        let open = |index: &&u32| !self.passed[**index as usize];
        for &index in self.order.iter().skip(part.first).step_by(part.step).filter(open) {
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
            if let Some(quota) = task.quota {
                let row = model.steps.len() * cells + quota as usize;
                asked[row] += grams(model.emitted(&self.choice)) / model.quotas[quota as usize].unit_g;
            }
        }
        value
    }
}

/// How much work prices get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) passes: usize,
    pub(crate) rounds: usize,
}

/// Finds prices that give a strong bound.
pub(crate) fn raise(asking: &mut Asking, rounds: Rounds, stop: Stop) -> Volume {
    let model = asking.model;
    let whole: Vec<i128> = model.quotas.iter().map(|quota| quota.nanograms).collect();
    let capacity = model.rows(&model.capacity, &whole);
    let mut start = vec![0.0; capacity.len()];
    settle(asking, &capacity, &mut start);
    let rows = (capacity.as_slice(), model.scales());
    let (centre, mean) = ascent::begin(asking, (rows.0, &rows.1), start, model.typical_cost(), rounds.passes, stop);
    let mut volume = Volume::new(asking, capacity, centre, mean);
    volume.rounds(asking, rounds.rounds, stop);
    volume
}

/// Gives quotas the prices at which jobs ask for what there is, each on its own, while those of capacity stay: the tasks of
/// two quotas have nothing in common then. Prices are doubled until a quota is kept, and halved in between.
fn settle(asking: &mut Asking, capacity: &[f64], prices: &mut [f64]) {
    let first = capacity.len() - asking.model.quotas.len();
    let mut ends: Vec<(f64, Option<f64>)> = vec![(0.0, None); asking.model.quotas.len()];
    prices[first..].fill(0.0);
    let mut asked = Vec::new();
    let near = |(low, high): &(f64, Option<f64>)| high.is_some_and(|high| high - low <= NEAR * high);
    for turn in 0..DOUBLINGS + HALVINGS {
        if ends.iter().all(near) {
            break;
        }
        asking.ask(prices, Part::ALL, &mut asked);
        for (at, (low, high)) in (first..).zip(&mut ends) {
            let price = prices[at];
            if asked[at] <= capacity[at] {
                *high = Some(price);
            } else {
                *low = price;
            }
            prices[at] = match *high {
                Some(high) => f64::midpoint(*low, high),
                None if turn >= DOUBLINGS => price,
                None => (2.0 * price).max(asking.model.quotas[at - first].unit_g / 8.0),
            };
        }
    }
}

/// The bound that prices prove, in grams, rounded downwards; `quotas_held` is the quotas are worth by them.
pub(crate) fn prove(model: &Model, prices: &[f64], quotas_held: &[f64]) -> f64 {
    let (mut oracle, mut priced, mut choice) = (Oracle::default(), Priced::new(model), Choice::default());
    priced.fill(model, prices, 1.0);
    let look = Look { model, priced: &priced, room: None, toll_g: f64::INFINITY, only: None };
    let (mut jobs, mut magnitude) = (Sum::default(), 0.0);
    for task in &model.tasks {
        oracle.find(&look, task, task.penalty_g, None, &mut choice);
        jobs.add(oracle.bound);
        magnitude += oracle.magnitude;
    }
    let cells = prices.iter().zip(model.rows(&model.capacity, &[])).map(|(price, capacity)| price * capacity);
    let held: Sum = cells.chain(quotas_held.iter().copied()).collect();
    // A choice's cost is a sum of at most a few times `hours` numbers, whose parts nowhere go above the magnitude that
    // the oracle noted; the sums over tasks and rows carry their error.
    let unit = f64::EPSILON * (3.0 * model.hours as f64 + model.steps.len() as f64 + 32.0) * 2.0;
    (jobs.total() - held.total()) - unit * (magnitude + held.total().abs())
}
