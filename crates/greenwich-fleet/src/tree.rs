//! Small fleets, exactly or as far as the work allows: branch and bound.
//!
//! In: the model, a board and prices. Out: a board that costs no more, and a bound that holds for every plan. What
//! is open is parted in two where the choices under prices differ most; each half has a bound of its own, and is
//! left alone when that reaches the best plan in hand. The least bound of all halves that are left is proven.

use crate::clash::Rows;
use crate::model::Model;
use crate::options::{Cut, Frame, Options};
use crate::place::{Board, NOWHERE, Spot};
use crate::proof::{Step, Then};
use crate::relax::{Prices, REFUSED, Raised, Relax};
use crate::stop::Stop;
use crate::tables::Tables;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A half whose bound comes this near the best plan, as a share, is left alone.
const NEAR: f64 = 1e-10;
/// Halves that wait at most: each keeps its prices.
const MOST_OPEN: usize = 6000;

/// Steps of a tree that is searched again, from which on it grows no more: each search goes through all of them.
const MOST_STEPS: usize = 600;

/// How far a search goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// Rounds that raise the bound of all that is open.
    pub(crate) first_rounds: usize,
    /// And of each half.
    pub(crate) rounds: usize,
    /// Rounds in which a cut is tried.
    pub(crate) try_rounds: usize,
    /// Cuts that are tried before one is made.
    pub(crate) tried: usize,
    /// Options that may be looked at.
    pub(crate) looks: u64,
    /// A half whose bound comes this near the best plan, in grams, is left alone.
    pub(crate) near_g: f64,
    /// Rounds that raise the bound of a half that was there before.
    pub(crate) known_rounds: usize,
}

/// What a search begins with.
pub(crate) struct Begin<'a> {
    /// A plan, and prices.
    pub(crate) board: Board,
    pub(crate) prices: &'a [f32],
    /// Tasks that may not run, and tasks that have to.
    pub(crate) barred: &'a [bool],
    pub(crate) forced: &'a [bool],
    /// A tree of an earlier search, under other charges or of more that was open.
    pub(crate) known: Option<&'a Grown>,
    /// A bound above this is as good as any.
    pub(crate) limit: f64,
}

/// A tree, to be searched again: a proof, and the use that is remembered with each of its prices.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grown {
    pub(crate) steps: Vec<Step>,
    pub(crate) means: Vec<Vec<f32>>,
}

/// What a search came to.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) board: Board,
    pub(crate) bound: f64,
    pub(crate) grown: Grown,
    /// Options that were looked at.
    pub(crate) looks: u64,
}

/// What is open, and what is known about it.
#[derive(Debug)]
struct Node {
    open: Options,
    raised: Raised,
    /// Its place in the proof.
    number: u32,
    /// And in the tree that was there before.
    known: Option<u32>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Node {}
impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Node {
    /// The greatest has the least bound, and of equals it is the oldest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.raised.bound.total_cmp(&self.raised.bound).then(other.number.cmp(&self.number))
    }
}

/// The best plan in hand.
struct Best<'a> {
    model: &'a Model,
    base: &'a Tables,
    board: Board,
    total: f64,
    barred: &'a [bool],
}

impl Best<'_> {
    fn offer(&mut self, board: Board) {
        let total = board.total();
        if total < self.total * (1.0 - 1e-12) {
            (self.board, self.total) = (board, total);
        }
    }

    fn spot(relax: &Relax, index: usize) -> Option<Spot> {
        let (slot, start) = relax.choice[index];
        (slot != REFUSED).then(|| Spot {
            site: relax.frame.slots[slot as usize].site,
            start: relax.model.tasks[index].release + start,
            hours: relax.hours[index].clone(),
            priced: 0.0,
        })
    }

    /// Takes the choices as they are: they keep every capacity.
    fn take(&mut self, relax: &Relax) {
        let mut board = Board::new(self.model);
        for index in 0..self.model.tasks.len() {
            if let Some(spot) = Self::spot(relax, index) {
                board.take(self.model, self.base, index, &spot);
            }
        }
        self.offer(board);
    }

    /// Takes the choices that fit beside each other in an order, then finds places for the rest.
    fn mend(&mut self, relax: &Relax, order: &[u32], weights: &[Tables]) {
        let model = self.model;
        let mut board = Board::new(model);
        let mut spot = Spot::default();
        for &index in order {
            let index = index as usize;
            if let Some(spot) = Self::spot(relax, index).filter(|spot| board.has_room(model, index, spot)) {
                board.take(model, self.base, index, &spot);
            }
        }
        for tables in [&relax.tables].into_iter().chain(weights) {
            for &index in order {
                let index = index as usize;
                let was = board.site[index];
                let stays = was != NOWHERE && std::ptr::eq(tables, &raw const relax.tables);
                if stays || self.barred.get(index) == Some(&true) {
                    continue;
                }
                board.give_back(model, index, &mut spot);
                let limit = model.refusal(index);
                if board.find(model, tables, index, limit, &mut spot) {
                    board.take(model, self.base, index, &spot);
                }
            }
        }
        self.offer(board);
    }
}

/// Searches from what it begins with, as far as `reach` goes.
pub(crate) fn search(
    model: &Model,
    rows: &Rows,
    begin: Begin,
    order: &[u32],
    base: &Tables,
    (reach, stop): (&Reach, Stop),
) -> Found {
    let frame = Frame::new(model);
    let relax = Relax::new(model, &frame, rows);
    let mut open = frame.open_to(model, begin.barred, begin.forced);
    rows.tighten(&frame, &mut open);
    let best = Best { model, base, total: begin.board.total(), board: begin.board, barred: begin.barred };
    let grown = Grown::default();
    let known = begin.known;
    Tree { relax, best, frame: &frame, order, reach: *reach, stop, limit: begin.limit, known, grown }
        .grow(open, begin.prices)
}

struct Tree<'a> {
    relax: Relax<'a>,
    best: Best<'a>,
    frame: &'a Frame,
    order: &'a [u32],
    reach: Reach,
    stop: Stop<'a>,
    limit: f64,
    known: Option<&'a Grown>,
    grown: Grown,
}

impl Tree<'_> {
    /// What a better plan has to stay below.
    fn mark(&self) -> f64 {
        self.best.total.min(self.limit)
    }

    /// A bound that is as good as the best plan.
    fn enough(&self) -> f64 {
        self.mark() - (NEAR * self.mark().abs()).max(self.reach.near_g)
    }

    fn raise(&mut self, open: &Options, prices: &Prices, rounds: usize, parts: bool) -> Raised {
        let (enough, best) = (self.enough(), &mut self.best);
        self.relax.raise(open, prices, rounds, enough, parts, |relax| best.take(relax))
    }

    fn half(&self, open: &Options, cut: Cut, first: bool) -> Options {
        let mut half = open.half(self.frame, cut, first);
        self.relax.rows.tighten(self.frame, &mut half);
        half
    }

    /// A step of the proof that is not parted yet.
    fn note(&mut self, prices: Prices) -> u32 {
        self.grown.steps.push(Step { prices: prices.centre, narrowed_at: f64::INFINITY, then: Then::Done });
        self.grown.means.push(prices.mean);
        self.grown.steps.len() as u32 - 1
    }

    fn then(&mut self, number: u32, then: Then) {
        self.grown.steps[number as usize].then = then;
    }

    /// Takes away what no better plan has, and notes by which prices.
    fn narrow(&mut self, open: &mut Options, prices: &Prices, step: u32) -> f64 {
        let mark = self.mark();
        self.grown.steps[step as usize].narrowed_at = mark;
        let bound = self.relax.narrow(open, prices, mark);
        self.relax.rows.tighten(self.frame, open);
        bound
    }

    /// A step of the tree that was there before.
    fn step(&self, known: Option<u32>) -> Option<&Step> {
        known.and_then(|number| self.known?.steps.get(number as usize))
    }

    /// How a step of it went on, unless it was a last one.
    fn went_on(&self, known: Option<u32>) -> Option<Then> {
        self.step(known).map(|step| step.then).filter(|then| matches!(then, Then::Again(_) | Then::Cut(..)))
    }

    /// The prices of a step of it.
    fn known_prices(&self, known: Option<u32>) -> Option<Prices> {
        let step = self.step(known).filter(|step| !step.prices.is_empty())?;
        let mean = self.known?.means.get(known? as usize)?;
        Some(Prices { centre: step.prices.clone(), mean: mean.clone() })
    }

    /// All that is open: narrowed by the first prices and raised.
    fn root(&mut self, mut open: Options, prices: &[f32]) -> Node {
        let free = std::slice::from_ref(self.best.base);
        let first = Prices { mean: vec![0.0; prices.len()], centre: prices.to_vec() };
        let root = self.note(first.clone());
        self.narrow(&mut open, &first, root);
        // The tree before begins with such a step too.
        let known = match self.went_on(Some(0)) {
            Some(Then::Again(next)) => Some(next),
            _ => None,
        };
        let goes_on = self.went_on(known).is_some();
        let rounds = if goes_on { self.reach.known_rounds * 3 } else { self.reach.first_rounds };
        let raised = self.raise(&open, &self.known_prices(known).unwrap_or(first), rounds, !goes_on);
        self.best.mend(&self.relax, self.order, free);
        let number = self.note(raised.prices.clone());
        self.then(root, Then::Again(number));
        self.narrow(&mut open, &raised.prices, number);
        Node { open, raised, number, known }
    }

    fn grow(mut self, open: Options, prices: &[f32]) -> Found {
        let (order, base) = (self.order, self.best.base);
        let free = std::slice::from_ref(base);
        let root = self.root(open, prices);
        let mut waiting = BinaryHeap::from([root]);
        let mut left_alone = f64::INFINITY;
        while let Some(mut node) = waiting.pop() {
            let done = node.raised.bound >= self.enough();
            let went_on = self.went_on(node.known);
            // What was parted before is parted again, whatever it takes: else less would be proven than before.
            let is_large = waiting.len() >= MOST_OPEN || self.known.is_some() && self.grown.steps.len() >= MOST_STEPS;
            let spent = went_on.is_none() && (self.relax.looks > self.reach.looks || is_large);
            if done || spent || self.stop.is_set() {
                left_alone = left_alone.min(node.raised.bound);
                break;
            }
            if went_on.is_none() && node.raised.cuts.is_empty() {
                // One plan is left. If it keeps every capacity it was taken when it was chosen; else there is none.
                self.then(node.number, Then::One);
                continue;
            }
            let (choice, known) = match went_on {
                Some(Then::Cut(cut, first, second)) => (Choice::Cut(cut), [Some(first), Some(second)]),
                Some(Then::Again(next)) => (Choice::Same, [Some(next), None]),
                _ => (self.choose(&mut node), [None, None]),
            };
            let halves = match choice {
                Choice::None => Vec::new(),
                Choice::Same => vec![node.open.clone()],
                Choice::Cut(cut) => [true, false].map(|first| self.half(&node.open, cut, first)).to_vec(),
            };
            let mut numbers = Vec::with_capacity(2);
            for (mut open, known) in halves.into_iter().zip(known) {
                let begin = self.known_prices(known).unwrap_or_else(|| node.raised.prices.clone());
                let goes_on = self.went_on(known).is_some();
                let rounds = if goes_on { self.reach.known_rounds } else { self.reach.rounds };
                let mut raised = self.raise(&open, &begin, rounds, !goes_on);
                let number = self.note(raised.prices.clone());
                numbers.push(number);
                raised.bound = raised.bound.max(node.raised.bound);
                if raised.bound < self.enough() {
                    if !goes_on {
                        self.best.mend(&self.relax, order, free);
                    }
                    let bound = self.narrow(&mut open, &raised.prices, number);
                    raised.bound = raised.bound.max(bound);
                }
                if raised.bound >= self.enough() {
                    left_alone = left_alone.min(raised.bound);
                    continue;
                }
                waiting.push(Node { open, raised, number, known });
            }
            match (choice, numbers.as_slice()) {
                (Choice::Cut(cut), [first, second]) => self.then(node.number, Then::Cut(cut, *first, *second)),
                (Choice::Same, [next]) => self.then(node.number, Then::Again(*next)),
                _ => left_alone = left_alone.min(self.enough()),
            }
        }
        let bound = left_alone.min(self.mark() * (1.0 - NEAR));
        Found { board: self.best.board, bound, grown: self.grown, looks: self.relax.looks }
    }

    /// Tries the cuts of a node for a few rounds each and takes the one whose halves gain most. A half that cannot
    /// hold a better plan is taken away at once.
    fn choose(&mut self, node: &mut Node) -> Choice {
        let mut chosen: Option<(f64, Cut)> = None;
        for at in 0..node.raised.cuts.len().min(self.reach.tried) {
            let cut = node.raised.cuts[at];
            let least_gain = 1e-6 * self.best.total.abs();
            let mut gains = [0.0; 2];
            let mut closed: [Option<Prices>; 2] = [None, None];
            for (side, first) in [true, false].into_iter().enumerate() {
                let open = self.half(&node.open, cut, first);
                let tried = self.raise(&open, &node.raised.prices, self.reach.try_rounds, false);
                if tried.bound >= self.enough() {
                    closed[side] = Some(tried.prices);
                } else {
                    gains[side] = (tried.bound - node.raised.bound).max(least_gain);
                }
            }
            let is_closed = [closed[0].is_some(), closed[1].is_some()];
            if is_closed != [false, false] {
                // What is not closed goes on from here with the prices that it has.
                let none = || Prices { centre: Vec::new(), mean: Vec::new() };
                let [first, second] = closed.map(|prices| self.note(prices.unwrap_or_else(none)));
                self.then(node.number, Then::Cut(cut, first, second));
                if is_closed == [true, true] {
                    return Choice::None;
                }
                node.open = self.half(&node.open, cut, !is_closed[0]);
                node.number = if is_closed[0] { second } else { first };
            } else if chosen.is_none_or(|(most, _)| gains[0] * gains[1] > most) {
                chosen = Some((gains[0] * gains[1], cut));
            }
        }
        chosen.map_or(Choice::Same, |(_, cut)| Choice::Cut(cut))
    }
}

/// How to go on with a node.
#[derive(Clone, Copy)]
enum Choice {
    /// No better plan is in it.
    None,
    /// Each cut left one half; what is left is looked at again.
    Same,
    /// Parted so.
    Cut(Cut),
}
