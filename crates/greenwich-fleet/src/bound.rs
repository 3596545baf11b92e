//! The bound that is reported, proven against rounding.
//!
//! In: the model and prices that are not negative. Out: grams that no plan can go below.
//!
//! For whole accelerators, what runs at a site in an hour keeps Σ k⌊size/k⌋ ≤ k⌊capacity/k⌋ at every step k.
//! Charge each job `price × k⌊size/k⌋` for every hour and step, and give `price × k⌊capacity/k⌋` back: a plan that
//! keeps its capacity costs no more than before. What is left splits by job, so
//! Σ over jobs of the least charged cost − Σ price × capacity lies below every plan. Each term below is a sum of
//! numbers that are not negative, so its rounding error is at most a known share of it; the terms are added with
//! the error carried along (Neumaier), and what rounding could have added is taken off.

use crate::dual::best_choices;
use crate::model::Model;
use crate::shapes::Shapes;
use crate::tables::Tables;

/// A sum that carries its rounding error along.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        let next = self.high + term;
        self.low += if self.high.abs() >= term.abs() { (self.high - next) + term } else { (term - next) + self.high };
        self.high = next;
    }

    pub(crate) fn total(self) -> f64 {
        self.high + self.low
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }
}

/// The bound that prices prove, in grams, rounded downwards.
pub(crate) fn prove(model: &Model, shapes: &Shapes, prices: &[f64]) -> f64 {
    debug_assert!(prices.iter().all(|price| *price >= 0.0));
    let mut tables = Tables::new(model);
    tables.fill(model, prices, 1.0);
    let mut jobs = Sum::default();
    best_choices(model, shapes, &tables, |grams| jobs.add(grams));
    let held: Sum =
        prices.iter().zip(model.stepped(&model.capacity)).map(|(price, capacity)| price * capacity).collect();
    // A whole job's cost is a difference of two prefix sums of at most `hours` terms each: it is off by at most
    // hours × ε of the larger, which is the cost of the whole row. One row is charged to each accelerator.
    let unit = f64::EPSILON * (model.hours as f64 + 16.0) * 2.0;
    let row = tables.largest_row();
    let accelerators: f64 = model.tasks.iter().map(|task| f64::from(task.accelerators)).sum();
    let (jobs, held) = (jobs.total(), held.total());
    (jobs - held) - unit * (jobs.abs() + held.abs() + accelerators * row)
}
