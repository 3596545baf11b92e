//! From prices to a plan, and from a plan to a better one.
//!
//! In: the model, its shapes and the prices of the bound. Out: a board. Tasks are placed by falling size; after
//! each part of them the prices follow what is left, so that the large do not take what the small cannot do
//! without. Then every task is taken up and put down again with less and less weight of the prices, and last
//! come exchanges.

use crate::ascent::Volume;
use crate::assign;
use crate::clash::Rows;
use crate::courses::{self, Exchanges, Tries};
use crate::dual::Jobs;
use crate::effort::Work;
use crate::exchange::{Exchange, Likings};
use crate::lot::Lot;
use crate::model::Model;
use crate::place::{Board, NOWHERE, Spot};
use crate::proof::{Proof, Split};
use crate::shapes::{Part, Shapes};
use crate::stop::Stop;
use crate::tables::Tables;
use crate::tree::{self, Begin, Reach};

/// How far prices move in one round as they follow: a share of the bound over the squared excess.
const FOLLOW_STEP: f64 = 0.00015;
/// The share of a new answer in the remembered use as prices follow.
const FOLLOW_SHARE: f64 = 0.1;
/// Weights of the prices among which a try of the exchange draws; the last is none.
const EXCHANGE_WEIGHTS: [f64; 3] = [0.6, 0.2, 0.0];
/// Hours of a stretch at least.
const LEAST_STRETCH: u32 = 24;
/// The lot is drawn the same way every time.
const SEED: u64 = 0x6772_6565_6E77_6963;

/// Returns the best board, and what a tree proved on the way where there was one.
pub(crate) fn search(
    model: &Model,
    shapes: Shapes,
    volume: Volume,
    work: &Work,
    (threads, stop): (usize, Stop),
) -> (Board, Option<Proof>) {
    let prices = volume.centre.clone();
    let mut lot = Lot::new(SEED);
    let mut tables: Vec<Tables> = Vec::with_capacity(EXCHANGE_WEIGHTS.len());
    for weight in EXCHANGE_WEIGHTS {
        let mut filled = Tables::new(model);
        filled.fill(model, &prices, weight);
        tables.push(filled);
    }
    let base = tables.last().expect("the last weight is none");
    let order = order(model, &mut lot);
    let mut board = dive(model, shapes, volume, base, &order, work, stop);
    repeat(model, &prices, base, &order, work, &mut board, stop);
    if !model.tasks.is_empty() {
        let mean = board.total() / model.tasks.len() as f64;
        let plain = Plain { model, tables: &tables, likings: Likings::new(model, &tables), stop };
        board = courses::best(&plain, board, mean, &mut lot, (&work.courses, threads));
    }
    let (mut board, proof) = prove(model, board, &prices, (&order, base), work, stop);
    renew(model, base, base, &order, &mut board, stop);
    (board, proof)
}

/// What more than prices can be proven, in the work that there is for it, and the board, or a better one that was met.
fn prove(
    model: &Model,
    board: Board,
    prices: &[f64],
    (order, base): (&[u32], &Tables),
    work: &Work,
    stop: Stop,
) -> (Board, Option<Proof>) {
    if let Some(split) = work.split.as_ref().filter(|_| !stop.is_set()) {
        let (better, proof) = assign::raise(model, board, prices, (order, base), (split, stop));
        return (better, Some(proof));
    }
    if work.looks == 0 || stop.is_set() {
        return (board, None);
    }
    let reach = Reach {
        first_rounds: work.tree_rounds * 10,
        rounds: work.tree_rounds,
        try_rounds: 20,
        tried: 8,
        looks: work.looks,
        near_g: 0.0,
        known_rounds: 0,
    };
    let single: Vec<f32> = prices.iter().map(|price| *price as f32).collect();
    let begin = Begin { board, prices: &single, barred: &[], forced: &[], known: None, limit: f64::INFINITY };
    let found = tree::search(model, &Rows::default(), begin, order, base, (&reach, stop));
    let proof = Proof { splits: vec![Split::Whole(0)], parts: vec![found.grown.steps] };
    (found.board, Some(proof))
}

/// The exchange of a plain fleet.
struct Plain<'a> {
    model: &'a Model,
    tables: &'a [Tables],
    likings: Likings,
    stop: Stop<'a>,
}

impl Exchanges for Plain<'_> {
    type Board = Board;

    fn total(&self, board: &Board) -> f64 {
        board.total()
    }

    fn run(&self, board: &mut Board, lot: &mut Lot, tries: &Tries, part: Option<Vec<u32>>) {
        Exchange::new(self.model, self.tables, &self.likings, board).run(board, lot, tries, part, self.stop);
    }

    fn part(&self, board: &Board, lot: &mut Lot) -> Vec<u32> {
        part(self.model, board, lot)
    }

    fn is_over(&self) -> bool {
        self.stop.is_set()
    }
}

/// Tasks of one or two sites, or of a stretch of hours, and those without a place that could run there.
fn part(model: &Model, board: &Board, lot: &mut Lot) -> Vec<u32> {
    let all = 0..model.tasks.len() as u32;
    if lot.below(3) > 0 {
        let sites = [lot.below(model.sites) as u32, lot.below(model.sites) as u32];
        let there = |index: &u32| match board.site[*index as usize] {
            NOWHERE => model.sites_of(&model.tasks[*index as usize]).iter().any(|site| sites.contains(site)),
            site => sites.contains(&site),
        };
        return all.filter(there).collect();
    }
    let begin = lot.below(model.hours) as u32;
    let stretch = begin..begin + LEAST_STRETCH + lot.below(model.hours) as u32;
    let then = |index: &u32| {
        let task = &model.tasks[*index as usize];
        if board.site[*index as usize] == NOWHERE {
            return task.release < stretch.end && task.deadline > stretch.start;
        }
        let mut runs = false;
        board.visit_hours(model, *index as usize, |hour| runs |= stretch.contains(&hour));
        runs
    };
    all.filter(then).collect()
}

/// Those without a choice first, then by falling accelerator-hours; among equals by lot.
fn order(model: &Model, lot: &mut Lot) -> Vec<u32> {
    let mut order: Vec<u32> = (0..model.tasks.len() as u32).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, lot.below(last + 1));
    }
    order.sort_by_cached_key(|&index| {
        let task = &model.tasks[index as usize];
        let forced = task.deadline - task.release == task.hours && model.sites_of(task).len() == 1;
        (!forced, std::cmp::Reverse(u64::from(task.accelerators) * u64::from(task.hours)))
    });
    order
}

/// Places tasks in order; prices follow.
fn dive(
    model: &Model,
    mut shapes: Shapes,
    mut volume: Volume,
    base: &Tables,
    order: &[u32],
    work: &Work,
    stop: Stop,
) -> Board {
    let mut board = Board::new(model);
    let mut spot = Spot::default();
    let all: f64 = model.tasks.iter().map(crate::model::Task::area).sum();
    let (cells, part) = (model.sites * model.hours, all / work.chunks as f64);
    let (mut placed, mut since, mut turn) = (0.0, 0.0, 0);
    let mut tables = Tables::new(model);
    tables.fill(model, &volume.centre, 1.0);
    for &index in order {
        let index = index as usize;
        let task = &model.tasks[index];
        let limit = model.refusal(index);
        if board.find(model, &tables, index, limit, &mut spot) {
            board.take(model, base, index, &spot);
            let from = spot.site as usize * model.hours;
            let shares = &model.profiles[model.classes[task.class as usize].profile as usize];
            board.visit_hours(model, index, |hour| {
                for (level, share) in shares.iter().enumerate() {
                    let mean = &mut volume.mean[level * cells + from + hour as usize];
                    *mean = (*mean - share * f64::from(task.accelerators)).max(0.0);
                }
            });
        }
        shapes.groups[shapes.group_of[index] as usize].accelerators -= f64::from(task.accelerators);
        since += task.area();
        if since >= part && !stop.is_set() {
            placed += since;
            since = 0.0;
            volume.capacity = model.stepped(&board.free);
            let step = FOLLOW_STEP * volume.top.abs() * (1.0 - placed / all).max(0.0);
            for _ in 0..work.follow {
                turn = (turn + 1) % work.followers;
                let mut jobs = Jobs { model, shapes: &shapes, tables: &mut tables };
                volume.follow(&mut jobs, Part { first: turn, step: work.followers }, step, FOLLOW_SHARE);
            }
        }
    }
    board
}

/// Takes every task up and puts it down again.
fn repeat(model: &Model, prices: &[f64], base: &Tables, order: &[u32], work: &Work, board: &mut Board, stop: Stop) {
    let mut tables = Tables::new(model);
    for &weight in work.weights {
        tables.fill(model, prices, weight);
        renew(model, &tables, base, order, board, stop);
    }
}

/// The same once, by what tasks cost under `tables`: of hours that cost the same, each takes the first.
fn renew(model: &Model, tables: &Tables, base: &Tables, order: &[u32], board: &mut Board, stop: Stop) {
    let mut spot = Spot::default();
    for &index in order {
        if stop.is_set() {
            return;
        }
        let index = index as usize;
        board.give_back(model, index, &mut spot);
        let limit = model.refusal(index);
        if board.find(model, tables, index, limit, &mut spot) {
            board.take(model, base, index, &spot);
        }
    }
}
