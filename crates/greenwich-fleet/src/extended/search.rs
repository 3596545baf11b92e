//! From prices to the plan of an extended fleet, and from a plan to a better one.
//!
//! In: the model and prices. Out: a board. Tasks are placed by falling size while prices follow what is left; then each
//! is taken up and put down with less and less weight of the prices; last come exchanges, as in the plain planner: a task takes
//! what it likes, those in its way find new places, and what does not pay is undone, with some patience at first (annealing).

use crate::ascent::Volume;
use crate::courses;
use crate::effort::ExtendedWork;
use crate::extended::exchange::Ground;
use crate::extended::model::{Model, Quota, Task};
use crate::extended::oracle::{Choice, Look, NONE, Oracle, Priced, Room};
use crate::extended::place::Board;
use crate::extended::prices::Asking;
use crate::lot::Lot;
use crate::plan::Reason;
use crate::quota::{grams, nanograms};
use crate::shapes::Part;
use crate::stop::Stop;

const SEED: u64 = 0x6772_6565_6E77_6963;
/// How far prices move in one round as they follow: a share of the bound over the squared excess.
const FOLLOW_STEP: f64 = 0.00015;
/// The share of a new answer in the remembered use as prices follow.
const FOLLOW_SHARE: f64 = 0.1;
/// Rounds in which prices follow after each part of the tasks.
const FOLLOW: usize = 4;
/// Parts that tasks answer in as prices follow.
const FOLLOW_PARTS: usize = 4;
/// Weights of the prices as tasks are taken up and put down.
const WEIGHTS: [f64; 2] = [0.5, 0.0];
/// Weights of the prices among which an exchange draws.
const EXCHANGE_WEIGHTS: [f64; 3] = [0.6, 0.2, 0.0];
/// The share of a quota that prices keep back as tasks are placed: who finds its hours taken emits more than prices say.
const KEPT_BACK: f64 = 0.03;
/// Of no more tasks than these, exchanges mend that.
const MOST_MENDED: usize = 5000;
/// How many times its price a quota counts, and a gram of CO2e once more than that, where an exchange is sparing of it.
const SPARING: f64 = 4.0;

/// The best board that is found.
pub(crate) fn search(
    asking: &mut Asking,
    prices: Volume,
    work: &ExtendedWork,
    (threads, stop): (usize, Stop),
) -> Board {
    let model = asking.model;
    let mut lot = Lot::new(SEED);
    let order = order(model, &mut lot);
    let centre = prices.centre.clone();
    let mut oracle = Oracle::default();
    let mut board = dive(asking, prices, &mut oracle, &order, (work, stop));
    let mut priced = Priced::new(model);
    for weight in WEIGHTS {
        priced.fill(model, &centre, weight);
        for &index in &order {
            if stop.is_set() {
                return board;
            }
            board.give_back(model, index as usize);
            put(model, &mut oracle, &priced, &mut board, index as usize);
        }
    }
    let mut tables: Vec<Priced> = EXCHANGE_WEIGHTS
        .iter()
        .map(|&weight| {
            let mut priced = Priced::new(model);
            priced.fill(model, &centre, weight);
            priced
        })
        .collect();
    if !model.quotas.is_empty() {
        // Who takes what is cleaner than it need be leaves more of the quota to others.
        let sparing: Vec<f64> = model.quota_prices(&centre).iter().map(|price| 1.0 + SPARING * price).collect();
        let mut priced = Priced::new(model);
        priced.fill_apart(model, &vec![0.0; centre.len()], &sparing, 1.0);
        // The last stays the one without prices.
        tables.insert(0, priced);
    }
    if model.tasks.is_empty() {
        return board;
    }
    let mean = board.grams.iter().map(|grams| grams.abs()).sum::<f64>() / model.tasks.len() as f64;
    let quota_prices = model.quota_prices(&centre);
    let ground = Ground::new(model, &tables, quota_prices, stop);
    let mut board = courses::best(&ground, board, mean, &mut lot, (&work.courses, threads));
    settle(model, &mut oracle, &tables[tables.len() - 1], &mut board, (&order, stop));
    board
}

/// Takes each task up and puts it down where it costs least: of hours that cost the same, the first.
fn settle(model: &Model, oracle: &mut Oracle, priced: &Priced, board: &mut Board, (order, stop): (&[u32], Stop)) {
    for &index in order {
        if stop.is_set() {
            return;
        }
        let index = index as usize;
        let before = board.grams[index];
        let choice = board.give_back(model, index);
        put(model, oracle, priced, board, index);
        // Within a quota, and where sizes change, what is found is near the cheapest alone.
        if board.grams[index] > before {
            board.give_back(model, index);
            board.take(model, index, choice);
        }
    }
}

/// What is looked at for a task that takes only what room is left.
pub(crate) fn look<'a>(model: &'a Model, priced: &'a Priced, board: &'a Board) -> Look<'a> {
    Look { model, priced, room: Some(Room { free: &board.free, left: &board.left }), toll_g: f64::INFINITY, only: None }
}

/// What a place may cost: what only seems dear is still better than none.
pub(crate) fn limit_g(task: &Task, seems: bool) -> f64 {
    if seems { f64::INFINITY } else { task.penalty_g }
}

/// Puts a task where it is cheapest, if that is less than its penalty.
fn put(model: &Model, oracle: &mut Oracle, priced: &Priced, board: &mut Board, index: usize) -> bool {
    let task = &model.tasks[index];
    let mut choice = Choice::default();
    let limit = limit_g(task, false);
    let found = oracle.find_within(&look(model, priced, board), task, limit, None, None, &mut choice);
    if found {
        board.take(model, index, choice);
    }
    found
}

/// Why tasks have no place, by job: their quota, where they emit more than that anywhere, or would fit into the room that is
/// left; else others.
pub(crate) fn reasons(model: &Model, board: &Board) -> Vec<(u32, Reason)> {
    let (priced, mut oracle, mut choice) = (Priced::new(model), Oracle::default(), Choice::default());
    let look = look(model, &priced, board);
    let unplaced = model.tasks.iter().zip(&board.choices).filter(|(_, choice)| choice.slot == NONE);
    let mut is_kept_out = |task: &Task| {
        let Some(quota) = task.quota else { return false };
        nanograms(task.least_emitted_g) > model.quotas[quota as usize].nanograms
            || (oracle.find(&look, task, task.penalty_g, None, &mut choice)
                && !oracle.find_within(&look, task, task.penalty_g, None, None, &mut choice))
    };
    let reason = |(task, _): (&Task, _)| (task.job, if is_kept_out(task) { Reason::Quota } else { Reason::Crowded });
    unplaced.map(reason).collect()
}

/// By falling accelerator-hours; among equals by lot.
fn order(model: &Model, lot: &mut Lot) -> Vec<u32> {
    let mut order: Vec<u32> = (0..model.tasks.len() as u32).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, lot.below(last + 1));
    }
    let area = |index: u32| model.tasks[index as usize].area();
    order.sort_by(|&a, &b| area(b).total_cmp(&area(a)));
    order
}

/// Places tasks in order; prices follow.
fn dive(
    asking: &mut Asking,
    mut prices: Volume,
    oracle: &mut Oracle,
    order: &[u32],
    (work, stop): (&ExtendedWork, Stop),
) -> Board {
    let model = asking.model;
    let mut board = Board::new(model);
    let mut priced = Priced::new(model);
    priced.fill(model, &prices.centre, 1.0);
    let cells = model.sites * model.hours;
    let area = |index: usize| model.tasks[index].area();
    let all: f64 = (0..model.tasks.len()).map(area).sum();
    let (mut done, mut since, mut turn) = (0.0, 0.0, 0);
    for &index in order {
        let index = index as usize;
        asking.passed[index] = true;
        if put(model, oracle, &priced, &mut board, index) {
            let choice = &board.choices[index];
            let from = model.slots[choice.slot as usize].site as usize * model.hours;
            for &(hour, accelerators) in &choice.hours {
                for (&step, level) in model.steps.iter().zip(prices.mean.chunks_exact_mut(cells)) {
                    let mean = &mut level[from + hour as usize];
                    *mean = (*mean - f64::from(step * (accelerators / step))).max(0.0);
                }
            }
            if let Some(quota) = model.tasks[index].quota {
                let mean = &mut prices.mean[model.steps.len() * cells + quota as usize];
                *mean = (*mean - grams(model.emitted(choice)) / model.quotas[quota as usize].unit_g).max(0.0);
            }
        }
        since += area(index);
        if since >= all / work.chunks && !stop.is_set() {
            done += since;
            since = 0.0;
            // Of fewer tasks, exchanges share a quota out better by themselves.
            let share = if model.tasks.len() > MOST_MENDED { KEPT_BACK } else { 0.0 };
            let kept_back = |quota: &Quota| (share * quota.nanograms as f64) as i128;
            let left = board.left.iter().zip(&model.quotas).map(|(left, quota)| (left - kept_back(quota)).max(0));
            prices.capacity = model.rows(&board.free, &left.collect::<Vec<_>>());
            let step = FOLLOW_STEP * prices.top.abs() * (1.0 - done / all).max(0.0);
            for _ in 0..FOLLOW {
                turn = (turn + 1) % FOLLOW_PARTS;
                prices.follow(asking, Part { first: turn, step: FOLLOW_PARTS }, step, FOLLOW_SHARE);
            }
            priced.fill(model, &prices.centre, 1.0);
        }
    }
    board
}
