//! How a bound was proven: what was parted in two, and the prices that prove each part.
//!
//! In: steps, as the search noted them. Out: the bound that they prove, followed step by step without any search:
//! [`replay`]. The reported bound of a tree is what this returns, so that whoever follows the certificate comes to
//! the same figure.

use crate::fleet::{Fleet, Options as Asked};
use crate::model::Model;
use crate::options::{Frame, Options};
use crate::relax::{Prices, Relax};
use crate::split::Place;
use greenwich_core::quantity::Co2e;

pub use crate::options::Cut;

/// What is taken away is dearer than what was noted, by a hair for rounding.
const HAIR: f64 = 1e-9;

/// How a step goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Then {
    /// Its bound is what it is.
    Done,
    /// One plan is left.
    One,
    /// What is left is looked at again, under other prices.
    Again(u32),
    /// Parted in two.
    Cut(Cut, u32, u32),
}

/// A step of a proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Prices in grams per accelerator-hour, by step of capacity, site and hour; none where the step only parts.
    pub prices: Vec<f32>,
    /// What no plan cheaper than so many grams has is taken away; infinite where nothing is.
    pub narrowed_at: f64,
    /// What follows.
    pub then: Then,
}

/// A bound for all sites at once, or for each on its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proof {
    /// What each job that can be placed is charged per accelerator on a site that refuses it; empty where all sites
    /// are looked at together.
    pub refusals_g: Vec<f64>,
    /// The steps of each site, in the sites' order; one list where all are looked at together.
    pub parts: Vec<Vec<Step>>,
}

/// Follows a proof; `None` where it does not belong to the fleet.
pub fn follow(fleet: &Fleet, unplaced_penalty_g: f64, proof: &Proof) -> Option<Co2e> {
    // The tree knows neither sizes, kinds and weights nor what they save; quotas only make plans dearer.
    if !fleet.is_plain_but_for_quotas() {
        return None;
    }
    let model = Model::new(fleet, &Asked { unplaced_penalty_g, effort: 1.0, threads: 1 });
    let hopeless: f64 = model.hopeless.iter().map(|(job, _)| fleet.penalty_g(*job, unplaced_penalty_g)).sum();
    let bound = replay(&model, proof)?;
    Some(Co2e::from_g((bound + hopeless * (1.0 - 1e-12)).max(0.0)))
}

/// The bound that a proof comes to, in grams, rounded downwards.
pub(crate) fn replay(model: &Model, proof: &Proof) -> Option<f64> {
    if proof.refusals_g.is_empty() {
        let [steps] = proof.parts.as_slice() else { return None };
        return part(model, &crate::clash::Rows::default(), steps);
    }
    if proof.parts.len() != model.sites || proof.refusals_g.len() != model.tasks.len() {
        return None;
    }
    let charged = |index: usize| (0.0..=model.refusal(index)).contains(&proof.refusals_g[index]);
    if !(0..model.tasks.len()).all(charged) {
        return None;
    }
    let (mut bound, mut size) = (0.0, 0.0);
    let mut sites_of = vec![0_u32; model.tasks.len()];
    for (site, steps) in proof.parts.iter().enumerate() {
        let place = Place::new(model, site as u32, &[], &[]).charged(&proof.refusals_g);
        place.tasks.iter().for_each(|&task| sites_of[task as usize] += 1);
        let own = part(&place.model, &place.rows, steps)?;
        bound += own;
        size += own.abs();
    }
    for (index, task) in model.tasks.iter().enumerate() {
        let charged = proof.refusals_g[index] * f64::from(task.accelerators);
        // No site can hold it: it is refused on none, and pays its penalty.
        let twice = if sites_of[index] == 0 { -model.penalty(index) } else { f64::from(sites_of[index] - 1) * charged };
        bound -= twice;
        size += twice.abs();
    }
    Some(bound - f64::EPSILON * 4.0 * (model.tasks.len() + model.sites) as f64 * size)
}

/// The least that a plan of a model can cost, as its steps prove it.
fn part(model: &Model, rows: &crate::clash::Rows, steps: &[Step]) -> Option<f64> {
    let frame = Frame::new(model);
    let mut relax = Relax::new(model, &frame, rows);
    let cells = model.steps.len() * model.sites * model.hours;
    let mut waiting: Vec<(u32, Options, f64)> = vec![(0, frame.open(model), f64::NEG_INFINITY)];
    let mut least = f64::INFINITY;
    while let Some((number, mut open, mut bound)) = waiting.pop() {
        let step = steps.get(number as usize)?;
        if !step.prices.is_empty() {
            let fine = |price: &f32| price.is_finite() && *price >= 0.0;
            if step.prices.len() != cells || !step.prices.iter().all(fine) {
                return None;
            }
            let prices = Prices { centre: step.prices.clone(), mean: Vec::new() };
            let at = step.narrowed_at - step.narrowed_at.abs() * HAIR;
            if at.is_finite() {
                least = least.min(at);
            }
            bound = bound.max(relax.narrow(&mut open, &prices, at));
            rows.tighten(&frame, &mut open);
        }
        let later = |next: u32| (next > number).then_some(next);
        match step.then {
            Then::One => least = least.min(relax.only(&open).unwrap_or(bound)),
            Then::Done => least = least.min(bound),
            Then::Again(next) => waiting.push((later(next)?, open, bound)),
            Then::Cut(cut, first, second) => {
                if !frame.has(&cut, model) {
                    return None;
                }
                for (next, is_first) in [(first, true), (second, false)] {
                    let mut half = open.half(&frame, cut, is_first);
                    rows.tighten(&frame, &mut half);
                    waiting.push((later(next)?, half, bound));
                }
            }
        }
    }
    Some(least)
}
