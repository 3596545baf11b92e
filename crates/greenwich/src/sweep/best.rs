//! The least of each aim, and what cannot be bettered in hours, CO2e and cost at once.
//!
//! In: outcomes in the grid's order. Out: places in the grid, the same whether outcomes came one by one or in parts joined in
//! order. Medians are compared; what is not known counts as more than anything known, and of equals the first in the grid
//! stays.

use super::columns::status;
use greenwich_estimate::Figures;
use greenwich_estimate::sweep::{Outcome, Point};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Medians of hours, kilograms of CO2e and dollars; infinite where not known.
pub(super) type Aims = [f64; 3];

pub(super) fn aims(figures: &Figures) -> Aims {
    let co2e = figures.location_based.map_or(f64::INFINITY, |co2e| co2e.median().kg());
    let cost = figures.cost.map_or(f64::INFINITY, |cost| cost.median().usd());
    [figures.hours.median().hours(), co2e, cost]
}

/// A combination that can be run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    index: u64,
    aims: Aims,
}

impl Candidate {
    /// No worse in anything; of equals the earlier one.
    fn beats(&self, other: &Self) -> bool {
        let no_worse = self.aims.iter().zip(&other.aims).all(|(own, other)| own <= other);
        no_worse && (self.aims != other.aims || self.index < other.index)
    }
}

/// Combinations that cannot be had for one reason: how many, and where in the grid the first is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) combinations: u64,
    pub(super) first: u64,
}

/// What a part of the grid comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Best {
    /// Of hours, CO2e and cost.
    least: [Option<Candidate>; 3],
    /// Those that no other beats, in no order.
    frontier: Vec<Candidate>,
    /// Every so many-th that can be run, for a picture.
    pub(super) sample: Vec<Aims>,
    pub(super) feasible: u64,
    pub(super) refused: BTreeMap<&'static str, Refused>,
    /// One in so many is sampled.
    stride: u64,
}

impl Best {
    pub(super) fn new(stride: u64) -> Self {
        Self {
            least: [None; 3],
            frontier: Vec::new(),
            sample: Vec::new(),
            feasible: 0,
            refused: BTreeMap::new(),
            stride: stride.max(1),
        }
    }

    pub(super) fn take(&mut self, point: &Point, outcome: &Outcome) {
        match outcome {
            Ok(figures) => {
                let candidate = Candidate { index: point.index, aims: aims(figures) };
                self.feasible += 1;
                if point.index.is_multiple_of(self.stride) {
                    self.sample.push(candidate.aims);
                }
                self.try_least(candidate);
                self.try_frontier(candidate);
            }
            Err(refusal) => self.refuse(status(refusal), Refused { combinations: 1, first: point.index }),
        }
    }

    /// Joins what comes later in the grid.
    pub(super) fn join(&mut self, later: Self) {
        self.feasible += later.feasible;
        self.sample.extend(later.sample);
        for candidate in later.least.into_iter().flatten() {
            self.try_least(candidate);
        }
        for candidate in later.frontier {
            self.try_frontier(candidate);
        }
        for (status, refused) in later.refused {
            self.refuse(status, refused);
        }
    }

    fn refuse(&mut self, status: &'static str, refused: Refused) {
        let known = self.refused.entry(status);
        known.and_modify(|known| known.combinations += refused.combinations).or_insert(refused);
    }

    fn try_least(&mut self, candidate: Candidate) {
        for (aim, least) in self.least.iter_mut().enumerate() {
            // Of those equal in the aim the one that is less in the others, hours first.
            let order = |of: &Candidate| [of.aims[aim], of.aims[0], of.aims[1], of.aims[2]];
            let is_less = |known: &Candidate| order(&candidate).partial_cmp(&order(known)) == Some(Ordering::Less);
            if candidate.aims[aim].is_finite() && least.as_ref().is_none_or(is_less) {
                *least = Some(candidate);
            }
        }
    }

    fn try_frontier(&mut self, candidate: Candidate) {
        if let Some(at) = self.frontier.iter().position(|known| known.beats(&candidate)) {
            // What beat one will beat its neighbours: the next is asked of it first.
            self.frontier.swap(0, at);
            return;
        }
        self.frontier.retain(|known| !candidate.beats(known));
        self.frontier.push(candidate);
    }

    /// Where in the grid the least of each aim is.
    pub(super) fn least(&self) -> [Option<u64>; 3] {
        self.least.map(|least| least.map(|candidate| candidate.index))
    }

    /// Where in the grid the frontier is, quickest first.
    pub(super) fn frontier(&self) -> Vec<u64> {
        let mut frontier = self.frontier.clone();
        frontier.sort_by(|a, b| {
            let aims = a.aims.iter().zip(&b.aims).map(|(a, b)| a.total_cmp(b));
            aims.fold(Ordering::Equal, Ordering::then).then(a.index.cmp(&b.index))
        });
        frontier.into_iter().map(|candidate| candidate.index).collect()
    }
}
