//! How a bound was proven: what was parted in two, and the prices that prove each part.
//!
//! In: steps, as the search noted them. Out: the bound that they prove, followed step by step without any search:
//! [`replay`]. The reported bound of a tree is what this returns, so that whoever follows the certificate comes to
//! the same figure.

use crate::clash::Rows;
use crate::fleet::{Fleet, Options as Asked};
use crate::model::Model;
use crate::one_site::Place;
use crate::options::{Frame, Options};
use crate::relax::{Prices, Relax};
use crate::whereabouts::Where;
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
    /// Prices in grams per accelerator-hour: by step of capacity, site and hour, then those of jobs that do not fit beside
    /// others; zeros at the end may be left out. None where the step only parts.
    pub prices: Vec<f32>,
    /// What no plan cheaper than so many grams has is taken away; infinite where nothing is.
    pub narrowed_at: f64,
    /// What follows.
    pub then: Then,
}

/// How what all jobs may do is parted by who runs where, until each part has a bound.
#[derive(Debug, Clone, PartialEq)]
pub enum Split {
    /// All sites together, by the steps of this number.
    Whole(u32),
    /// Each site on its own.
    Sites {
        /// What each job that can be placed is charged per accelerator on a site that refuses it.
        refusals_g: Vec<f64>,
        /// The number of each site's steps, in the sites' order.
        parts: Vec<u32>,
    },
    /// Parted in two.
    Cut(Cut, u32, u32),
}

/// Splits, of which the first is of everything, and the steps that they name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proof {
    /// How everything was parted by who runs where.
    pub splits: Vec<Split>,
    /// Steps, each list a tree of its own.
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
    if let [Split::Whole(part)] = proof.splits.as_slice() {
        return part_bound(model, &Rows::default(), proof.parts.get(*part as usize)?, &[], &[]);
    }
    let frame = Frame::new(model);
    let mut sites = Sites::new(model, &frame);
    let mut waiting = vec![(0_u32, Where::all(model, &frame))];
    let mut least = f64::INFINITY;
    while let Some((number, allowed)) = waiting.pop() {
        match proof.splits.get(number as usize)? {
            Split::Whole(_) => return None,
            Split::Sites { refusals_g, parts } => {
                least = least.min(sites.bound(model, &frame, &allowed, refusals_g, (parts, &proof.parts))?);
            }
            Split::Cut(cut, first, second) => {
                let of_sites = matches!(cut, Cut::Place(_) | Cut::On(_));
                if !of_sites || !frame.has(cut, model) || *first <= number || *second <= number {
                    return None;
                }
                waiting.push((*first, allowed.half(&frame, *cut, true)));
                waiting.push((*second, allowed.half(&frame, *cut, false)));
            }
        }
    }
    Some(least)
}

/// What was asked of a site's steps, and what they came to.
struct Answered {
    part: u32,
    refusals: Vec<f64>,
    limits: (Vec<bool>, Vec<bool>),
    bound: f64,
}

/// Sites, each with what was asked of it before: most parts differ at few sites.
struct Sites(Vec<(Place, Vec<Answered>)>);

impl Sites {
    fn new(model: &Model, frame: &Frame) -> Self {
        let place = |site| Place::new(model, frame, site, &[]);
        Self((0..model.sites as u32).map(|site| (place(site), Vec::new())).collect())
    }

    /// The bound of one split: the sites' least charges, less what is charged more than once.
    fn bound(
        &mut self,
        model: &Model,
        frame: &Frame,
        allowed: &Where,
        refusals: &[f64],
        (parts, trees): (&[u32], &[Vec<Step>]),
    ) -> Option<f64> {
        if parts.len() != model.sites || refusals.len() != model.tasks.len() {
            return None;
        }
        if !(0..model.tasks.len()).all(|task| allowed.may_charge(model, task, refusals[task])) {
            return None;
        }
        let (mut bound, mut size) = (0.0, 0.0);
        for ((place, answered), &part) in self.0.iter_mut().zip(parts) {
            let own: Vec<f64> = place.tasks.iter().map(|&task| refusals[task as usize]).collect();
            let limits = allowed.at(frame, place);
            let before = answered.iter().find(|was| was.part == part && was.refusals == own && was.limits == limits);
            let found = if let Some(was) = before {
                was.bound
            } else {
                place.model.refusals.clone_from(&own);
                let steps = trees.get(part as usize)?;
                let found = part_bound(&place.model, &place.rows, steps, &limits.0, &limits.1)?;
                // Steps without prices prove nothing.
                if found == f64::NEG_INFINITY {
                    return Some(found);
                }
                answered.push(Answered { part, refusals: own, limits, bound: found });
                found
            };
            bound += found;
            size += found.abs();
        }
        for (task, &charge) in refusals.iter().enumerate() {
            let twice = allowed.charged_twice(model, frame, task, charge);
            bound -= twice;
            size += twice.abs();
        }
        // A site in which nothing is left to choose is infinite.
        if bound == f64::INFINITY {
            return Some(bound);
        }
        Some(bound - f64::EPSILON * 4.0 * (model.tasks.len() + model.sites) as f64 * size)
    }
}

/// The least that a plan of a model can cost, as its steps prove it, where some tasks may not run and others have to.
fn part_bound(model: &Model, rows: &Rows, steps: &[Step], barred: &[bool], forced: &[bool]) -> Option<f64> {
    let frame = Frame::new(model);
    let mut relax = Relax::new(model, &frame, rows);
    let mut open = frame.open_to(model, barred, forced);
    rows.tighten(&frame, &mut open);
    let cells = model.steps.len() * model.sites * model.hours + rows.beside.capacity.len();
    let mut waiting: Vec<(u32, Options, f64)> = vec![(0, open, f64::NEG_INFINITY)];
    let mut least = f64::INFINITY;
    while let Some((number, mut open, mut bound)) = waiting.pop() {
        let step = steps.get(number as usize)?;
        if !step.prices.is_empty() {
            let fine = |price: &f32| price.is_finite() && *price >= 0.0;
            if step.prices.len() > cells || !step.prices.iter().all(fine) {
                return None;
            }
            let mut prices = Prices { centre: step.prices.clone(), mean: Vec::new() };
            prices.centre.resize(cells, 0.0);
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
