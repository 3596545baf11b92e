//! Small fleets, exactly or as far as the work allows: branch and bound.
//!
//! In: the model, a board and prices. Out: a board that costs no more, and a bound that holds for every plan. What
//! is open is parted in two where the choices under prices differ most; each half has a bound of its own, and is
//! left alone when that reaches the best plan in hand. The least bound of all halves that are left is proven.

use crate::model::Model;
use crate::options::{Cut, Frame, Options};
use crate::place::{Board, NOWHERE, Spot};
use crate::relax::{Prices, REFUSED, Raised, Relax};
use crate::tables::Tables;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A half whose bound comes this near the best plan, as a share, is left alone.
const NEAR: f64 = 1e-10;
/// Rounds in which a cut is tried.
const TRY_ROUNDS: usize = 20;
/// Halves that wait at most: each keeps its prices.
const MOST_OPEN: usize = 6000;

/// What is open, and what is known about it.
#[derive(Debug)]
struct Node {
    open: Options,
    raised: Raised,
    number: u32,
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
                if was != NOWHERE && std::ptr::eq(tables, &raw const relax.tables) {
                    continue;
                }
                board.give_back(model, index, &mut spot);
                let limit = model.penalty_g * f64::from(model.tasks[index].hours);
                if board.find(model, tables, index, limit, &mut spot) {
                    board.take(model, self.base, index, &spot);
                }
            }
        }
        self.offer(board);
    }
}

/// Searches from a board and prices; `most_looks` is how much work it may do. Returns the best board and the bound.
pub(crate) fn search(
    model: &Model,
    board: Board,
    prices: &[f64],
    order: &[u32],
    base: &Tables,
    rounds: usize,
    most_looks: u64,
) -> (Board, f64) {
    let frame = Frame::new(model);
    let mut relax = Relax::new(model, &frame);
    let mut best = Best { model, base, total: board.total(), board };
    let mut open = frame.open(model);
    let centre: Vec<f32> = prices.iter().map(|price| *price as f32).collect();
    let first = Prices { mean: vec![0.0; centre.len()], centre };
    relax.narrow(&mut open, &first, best.total);
    let free = std::slice::from_ref(base);
    let raised = relax.raise(&open, &first, rounds * 10, best.total, |relax| best.take(relax));
    best.mend(&relax, order, free);
    relax.narrow(&mut open, &raised.prices, best.total);
    let mut waiting = BinaryHeap::from([Node { open, raised, number: 0 }]);
    let mut number = 0;
    let mut left_alone = f64::INFINITY;
    while let Some(mut node) = waiting.pop() {
        if node.raised.bound >= best.total * (1.0 - NEAR) {
            left_alone = left_alone.min(node.raised.bound);
            break;
        }
        if relax.looks > most_looks || waiting.len() >= MOST_OPEN {
            left_alone = left_alone.min(node.raised.bound);
            break;
        }
        if node.raised.cuts.is_empty() {
            // One plan is left. If it keeps every capacity it was taken when it was chosen; else there is none.
            continue;
        }
        let halves = match choose(&mut relax, &frame, &mut node, &mut best) {
            Choice::None => Vec::new(),
            Choice::Same => vec![node.open.clone()],
            Choice::Cut(cut) => vec![node.open.half(&frame, cut, true), node.open.half(&frame, cut, false)],
        };
        if halves.is_empty() {
            left_alone = left_alone.min(best.total * (1.0 - NEAR));
        }
        for mut open in halves {
            let mut raised = relax.raise(&open, &node.raised.prices, rounds, best.total, |relax| best.take(relax));
            raised.bound = raised.bound.max(node.raised.bound);
            if raised.bound < best.total * (1.0 - NEAR) {
                best.mend(&relax, order, free);
                let bound = relax.narrow(&mut open, &raised.prices, best.total);
                raised.bound = raised.bound.max(bound);
            }
            if raised.bound >= best.total * (1.0 - NEAR) {
                left_alone = left_alone.min(raised.bound);
                continue;
            }
            number += 1;
            waiting.push(Node { open, raised, number });
        }
    }
    (best.board, left_alone.min(best.total * (1.0 - NEAR)))
}

/// How to go on with a node.
enum Choice {
    /// No better plan is in it.
    None,
    /// Each cut left one half; what is left is looked at again.
    Same,
    /// Parted so.
    Cut(Cut),
}

/// Tries the cuts of a node for a few rounds each and takes the one whose halves gain most. A half that cannot hold
/// a better plan is taken away at once.
fn choose(relax: &mut Relax, frame: &Frame, node: &mut Node, best: &mut Best) -> Choice {
    let mut chosen: Option<(f64, Cut)> = None;
    let least_gain = 1e-6 * best.total;
    for at in 0..node.raised.cuts.len() {
        let cut = node.raised.cuts[at];
        let mut gains = [0.0; 2];
        for (gain, first) in gains.iter_mut().zip([true, false]) {
            let open = node.open.half(frame, cut, first);
            let tried = relax.raise(&open, &node.raised.prices, TRY_ROUNDS, best.total, |relax| best.take(relax));
            *gain = if tried.bound >= best.total * (1.0 - NEAR) {
                f64::INFINITY
            } else {
                (tried.bound - node.raised.bound).max(least_gain)
            };
        }
        match gains {
            [f64::INFINITY, f64::INFINITY] => return Choice::None,
            [f64::INFINITY, _] => node.open = node.open.half(frame, cut, false),
            [_, f64::INFINITY] => node.open = node.open.half(frame, cut, true),
            [one, two] => {
                let score = one * two;
                if chosen.is_none_or(|(most, _)| score > most) {
                    chosen = Some((score, cut));
                }
            }
        }
    }
    chosen.map_or(Choice::Same, |(_, cut)| Choice::Cut(cut))
}
