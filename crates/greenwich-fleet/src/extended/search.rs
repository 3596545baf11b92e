//! From prices to the plan of an extended fleet, and from a plan to a better one.
//!
//! In: the model and prices. Out: a board. Tasks are placed by falling size while prices follow what is left; then each
//! is taken up and put down with less and less weight of the prices; last come exchanges: a task takes what it likes, those
//! in its way find new places, and what does not pay is undone, with a little patience at first (annealing).

use crate::ascent::Volume;
use crate::effort::ExtendedWork;
use crate::extended::model::{Model, Quota, Task};
use crate::extended::oracle::{Choice, Look, NONE, Oracle, Priced, Whim};
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
/// How many times its price a quota counts, and a gram of CO2e once more than that, where an exchange is sparing of it.
const SPARING: f64 = 4.0;
/// The share of the tries in which what a quota's price says of it counts; in the rest, the last of it is used up.
const SPARED: f64 = 0.7;
/// How much dearer an hour may seem in a try, at most, against what an accelerator-hour costs on the whole.
const MOST_BLUR: f64 = 8.0;
/// Most tasks that one try puts where others have to go.
const MOST_FORCED: usize = 3;
/// Up to so many tasks, half the tries clear a stretch of a site.
const CLEARED: usize = 5000;
/// Most tasks that one try moves.
const MOST_MOVED: usize = 24;
/// The least that an accelerator-hour in the way counts, against what a place is worth.
const LEAST_TOLL: f64 = 0.002;
/// Occupants looked at for one that is to go.
const LOOKED_AT: usize = 6;
/// Up to so many tasks the best plan on the way is kept, and tries begin hot, more than once.
const FEW: usize = 60;
/// What a try may cost at first, as a share of a task's mean cost: of few tasks, and of more.
const HOT: f64 = 2.0;
const WARM: f64 = 0.1;
/// And at last.
const COOL: f64 = 0.003;
/// How often few tasks begin hot.
const CYCLES: usize = 5;

/// The best board that is found.
pub(crate) fn search(asking: &mut Asking, prices: Volume, work: &ExtendedWork, stop: Stop) -> Board {
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
            put(model, &mut oracle, &priced, &mut board, index as usize, None);
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
        tables.push(priced);
    }
    Exchange::new(model, &centre, &tables, oracle, &board).run(&mut board, &mut lot, work.tries, stop);
    board
}

/// Puts a task where it is cheapest, if that is less than its penalty.
fn put(
    model: &Model,
    oracle: &mut Oracle,
    priced: &Priced,
    board: &mut Board,
    index: usize,
    whim: Option<&mut Whim>,
) -> bool {
    let task = &model.tasks[index];
    let mut choice = Choice::default();
    let look = Look { model, priced, room: Some(&board.free), toll_g: f64::INFINITY, only: None };
    // What only seems dear is still better than no place.
    let limit = if whim.is_some() { f64::INFINITY } else { task.penalty_g };
    let found = oracle.find_within(&look, task, limit, whim, &board.left, &mut choice);
    if found {
        board.take(model, index, choice);
    }
    found
}

/// Why tasks have no place, by job: their quota, where they emit more than that anywhere, or would fit into the room that is
/// left; else others.
pub(crate) fn reasons(model: &Model, board: &Board) -> Vec<(u32, Reason)> {
    let (priced, mut oracle, mut choice) = (Priced::new(model), Oracle::default(), Choice::default());
    let look = Look { model, priced: &priced, room: Some(&board.free), toll_g: f64::INFINITY, only: None };
    let unplaced = model.tasks.iter().zip(&board.choices).filter(|(_, choice)| choice.slot == NONE);
    let mut is_kept_out = |task: &Task| {
        let Some(quota) = task.quota else { return false };
        nanograms(task.least_emitted_g) > model.quotas[quota as usize].nanograms
            || (oracle.find(&look, task, task.penalty_g, None, &mut choice)
                && !oracle.find_within(&look, task, task.penalty_g, None, &board.left, &mut choice))
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
        if put(model, oracle, &priced, &mut board, index, None) {
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
            let share = if model.tasks.len() > CLEARED { KEPT_BACK } else { 0.0 };
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

/// The state of the exchange.
struct Exchange<'a> {
    model: &'a Model,
    tables: &'a [Priced],
    oracle: Oracle,
    /// Tasks that hold something, by site and hour.
    here: Vec<Vec<u32>>,
    unplaced: Vec<u32>,
    /// Tasks by the quota that they count against.
    members: Vec<Vec<u32>>,
    /// What a gram of each quota counts in a try, while tries go on that it is worth to leave some of it to others.
    quota_prices: Vec<f64>,
    /// Tasks of this try that have no place yet.
    queue: Vec<u32>,
    /// Tasks moved in this try, with what they had.
    moved: Vec<(u32, Choice)>,
    typical_g: f64,
}

impl<'a> Exchange<'a> {
    fn new(model: &'a Model, prices: &[f64], tables: &'a [Priced], oracle: Oracle, board: &Board) -> Self {
        let mut found = Self {
            model,
            tables,
            oracle,
            here: vec![Vec::new(); model.sites * model.hours],
            unplaced: Vec::new(),
            members: vec![Vec::new(); model.quotas.len()],
            quota_prices: model.quota_prices(prices),
            queue: Vec::new(),
            moved: Vec::new(),
            typical_g: model.typical_cost(),
        };
        for (index, task) in model.tasks.iter().enumerate() {
            found.note(board, index as u32);
            if let Some(quota) = task.quota {
                found.members[quota as usize].push(index as u32);
            }
        }
        found
    }

    fn cells(model: &Model, choice: &Choice) -> impl Iterator<Item = usize> {
        let from = model.slots[choice.slot as usize].site as usize * model.hours;
        choice.hours.iter().map(move |(hour, _)| from + *hour as usize)
    }

    fn note(&mut self, board: &Board, index: u32) {
        let choice = &board.choices[index as usize];
        if choice.slot == NONE {
            self.unplaced.push(index);
            return;
        }
        for cell in Self::cells(self.model, choice) {
            self.here[cell].push(index);
        }
    }

    fn forget(&mut self, choice: &Choice, index: u32) {
        if choice.slot == NONE {
            self.unplaced.retain(|other| *other != index);
            return;
        }
        for cell in Self::cells(self.model, choice) {
            if let Some(at) = self.here[cell].iter().position(|other| *other == index) {
                self.here[cell].swap_remove(at);
            }
        }
    }

    fn lift(&mut self, board: &mut Board, index: u32) {
        let choice = board.give_back(self.model, index as usize);
        self.forget(&choice, index);
        self.moved.push((index, choice));
    }

    fn run(mut self, board: &mut Board, lot: &mut Lot, tries: usize, stop: Stop) {
        let count = self.model.tasks.len();
        if count == 0 {
            return;
        }
        let mean = board.grams.iter().map(|grams| grams.abs()).sum::<f64>() / count as f64;
        let is_few = count <= FEW;
        let (hot, cycles) = if is_few { (HOT, CYCLES) } else { (WARM, 1) };
        let length = tries.div_ceil(cycles) as f64;
        let (mut total, mut least) = (0.0, 0.0);
        let mut best = is_few.then(|| board.clone());
        for round in 0..tries {
            if stop.is_set() {
                break;
            }
            let heat = mean * hot * (COOL / hot).powf(round as f64 / length % 1.0);
            if round == (SPARED * tries as f64) as usize {
                self.quota_prices.fill(0.0);
            }
            total += self.attempt(board, lot, heat);
            if let Some(best) = best.as_mut().filter(|_| total < least - 1e-9 * mean) {
                least = total;
                best.clone_from(board);
            }
        }
        if let Some(best) = best.filter(|_| total > least) {
            *board = best;
        }
    }

    /// One try; returns how much dearer the plan became.
    fn attempt(&mut self, board: &mut Board, lot: &mut Lot, heat: f64) -> f64 {
        let index = self.pick(lot);
        self.moved.clear();
        self.lift(board, index);
        self.queue.clear();
        let (mut forced, mut worth) = (0, true);
        if lot.below(if self.model.tasks.len() <= CLEARED { 2 } else { 8 }) == 0 {
            self.queue.push(index);
            self.clear_around(board, index, lot);
            forced = MOST_FORCED - lot.below(2);
        } else {
            worth = self.force(board, index, lot);
        }
        let priced = &self.tables[lot.below(self.tables.len())];
        let by_size = lot.below(3) > 0;
        while worth && !self.queue.is_empty() {
            let at = if by_size { self.largest() } else { lot.below(self.queue.len()) };
            let other = self.queue.swap_remove(at);
            let blur_g = self.blur_g(lot, 4);
            let mut whim = Whim { blur_g, lot };
            let whim = (blur_g > 0.0).then_some(&mut whim);
            if !put(self.model, &mut self.oracle, priced, board, other as usize, whim) && forced < MOST_FORCED {
                forced += 1;
                worth = self.force(board, other, lot);
            }
        }
        let mut dearer = 0.0;
        if worth {
            let new: f64 = self.moved.iter().map(|(other, _)| board.grams[*other as usize]).sum();
            let old: f64 = self.moved.iter().map(|(other, choice)| self.grams(*other, choice)).sum();
            dearer = new - old;
            let scarcer = self.scarcer_g(board);
            worth = dearer + scarcer <= 0.0 || lot.unit() < (-(dearer + scarcer) / heat).exp();
        }
        let moved = std::mem::take(&mut self.moved);
        if !worth {
            dearer = 0.0;
            for (other, _) in &moved {
                board.give_back(self.model, *other as usize);
            }
        }
        for (other, choice) in moved {
            if !worth && choice.slot != NONE {
                board.take(self.model, other as usize, choice);
            }
            self.note(board, other);
        }
        dearer
    }

    /// What the moved take more of their quotas than before, by the quotas' prices.
    fn scarcer_g(&self, board: &Board) -> f64 {
        let of = |index: u32, choice: &Choice| match self.model.tasks[index as usize].quota {
            Some(quota) if choice.slot != NONE => self.quota_prices[quota as usize] * grams(self.model.emitted(choice)),
            _ => 0.0,
        };
        let more = |(index, old): &(u32, Choice)| of(*index, &board.choices[*index as usize]) - of(*index, old);
        self.moved.iter().map(more).sum()
    }

    fn largest(&self) -> usize {
        let area = |at: usize| self.model.tasks[self.queue[at] as usize].area();
        (1..self.queue.len()).fold(0, |best, at| if area(at) > area(best) { at } else { best })
    }

    /// Lifts tasks that run at about the same time on one of a task's sites, and one or two anywhere.
    fn clear_around(&mut self, board: &mut Board, index: u32, lot: &mut Lot) {
        let model = self.model;
        let task = &model.tasks[index as usize];
        let slot = task.slots.start as usize + lot.below(task.slots.len());
        let from = model.slots[slot].site as usize * model.hours;
        let reach = 1 + lot.below(24) as u32;
        let middle = task.release + lot.below((task.deadline - task.release) as usize) as u32;
        let (first, end) = (middle.saturating_sub(reach), (middle + reach).min(model.hours as u32));
        for _ in 0..3 + lot.below(MOST_MOVED / 2) {
            let hour = first + lot.below((end - first) as usize) as u32;
            let size = model.tasks[lot.below(model.tasks.len())].accelerators as i32;
            if let Some(other) = self.occupant(from + hour as usize, size, lot) {
                self.queue.push(other);
                self.lift(board, other);
            }
        }
        for list in 0..2 {
            let other = if list == 0 {
                lot.below(model.tasks.len()) as u32
            } else if self.unplaced.is_empty() {
                continue;
            } else {
                self.unplaced[lot.below(self.unplaced.len())]
            };
            if self.moved.iter().all(|(moved, _)| *moved != other) {
                self.queue.push(other);
                self.lift(board, other);
            }
        }
    }

    /// A task that runs there, rather one that is large enough to make room and no larger.
    fn occupant(&self, cell: usize, lacking: i32, lot: &mut Lot) -> Option<u32> {
        let held = &self.here[cell];
        let misfit = |other: &u32| {
            let surplus = i64::from(self.model.tasks[*other as usize].accelerators) - i64::from(lacking);
            if surplus < 0 { -4 * surplus } else { surplus }
        };
        let looked = (0..LOOKED_AT.min(held.len())).map(|_| held[lot.below(held.len())]);
        looked.min_by_key(misfit)
    }

    fn grams(&self, index: u32, choice: &Choice) -> f64 {
        if choice.slot == NONE {
            self.model.tasks[index as usize].penalty_g
        } else {
            self.model.cost(index as usize, choice)
        }
    }

    /// How far an accelerator-hour may seem dearer than it is: in one of so many tries, mostly little, at times much.
    fn blur_g(&self, lot: &mut Lot, one_of: usize) -> f64 {
        if lot.below(one_of) > 0 {
            return 0.0;
        }
        MOST_BLUR * self.typical_g * lot.unit().powi(3)
    }

    fn pick(&self, lot: &mut Lot) -> u32 {
        if !self.unplaced.is_empty() && lot.below(4) > 0 {
            return self.unplaced[lot.below(self.unplaced.len())];
        }
        lot.below(self.model.tasks.len()) as u32
    }

    /// Gives a task what it likes and lifts those in its way; `false` where that is too much.
    fn force(&mut self, board: &mut Board, index: u32, lot: &mut Lot) -> bool {
        let model = self.model;
        let task = &model.tasks[index as usize];
        let priced = &self.tables[lot.below(self.tables.len())];
        let slots = task.slots.len();
        let only = (lot.below(2) == 0).then(|| task.slots.start + lot.below(slots) as u32);
        // What an accelerator-hour in the way counts: from nearly nothing to more than a place is worth.
        let toll_g = task.penalty_g / task.area() * LEAST_TOLL.powf(lot.unit());
        let blur_g = self.blur_g(lot, 2);
        let mut choice = Choice::default();
        let look = Look { model, priced, room: Some(&board.free), toll_g, only };
        let mut whim = Whim { blur_g, lot };
        if !self.oracle.find(&look, task, f64::INFINITY, Some(&mut whim), &mut choice) {
            return false;
        }
        let from = model.slots[choice.slot as usize].site as usize * model.hours;
        for &(hour, accelerators) in &choice.hours {
            let cell = from + hour as usize;
            while board.free[cell] < accelerators as i32 {
                if self.moved.len() >= MOST_MOVED {
                    return false;
                }
                let lacking = accelerators as i32 - board.free[cell];
                let Some(other) = self.occupant(cell, lacking, lot) else { return false };
                self.queue.push(other);
                self.lift(board, other);
            }
        }
        if !self.force_quota(board, task, &choice, lot) {
            return false;
        }
        board.take(model, index as usize, choice);
        true
    }

    /// Lifts tasks that use up the quota of one; `false` where that is too much.
    fn force_quota(&mut self, board: &mut Board, task: &Task, choice: &Choice, lot: &mut Lot) -> bool {
        let Some(quota) = task.quota.map(|quota| quota as usize) else { return true };
        let emitted = self.model.emitted(choice);
        if emitted > self.model.quotas[quota].nanograms {
            return false;
        }
        while board.left[quota] < emitted {
            let lacking = emitted - board.left[quota];
            let members = &self.members[quota];
            let looked = (0..LOOKED_AT).map(|_| members[lot.below(members.len())]);
            // Who was moved in this try stays: undoing it takes each back once.
            let is_moved = |other: &u32| self.moved.iter().any(|(moved, _)| moved == other);
            let placed = looked.filter(|other| board.choices[*other as usize].slot != NONE && !is_moved(other));
            let misfit = |other: &u32| {
                let surplus = self.model.emitted(&board.choices[*other as usize]) - lacking;
                if surplus < 0 { -4 * surplus } else { surplus }
            };
            let Some(other) = placed.min_by_key(misfit).filter(|_| self.moved.len() < MOST_MOVED) else {
                return false;
            };
            self.queue.push(other);
            self.lift(board, other);
        }
        true
    }
}
