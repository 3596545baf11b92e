//! From prices to the plan of an extended fleet, and from a plan to a better one.
//!
//! In: the model and prices. Out: a board. Tasks are placed by falling size while prices follow what is left; then each
//! is taken up and put down with less and less weight of the prices; last come exchanges, as in the plain planner: a task takes
//! what it likes, those in its way find new places, and what does not pay is undone, with some patience at first (annealing).

use crate::ascent::Volume;
use crate::courses::{self, Exchanges, Tries};
use crate::effort::ExtendedWork;
use crate::extended::model::{Model, Task};
use crate::extended::oracle::{Choice, Look, NONE, Oracle, Priced, Room, Whim};
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
/// Tries between two looks at how hot it is.
const STEADY: usize = 64;
/// Hours of a stretch at least.
const LEAST_STRETCH: u32 = 24;

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
    let ground = Ground { model, tables: &tables, likings: Likings::new(model, &tables), quota_prices, stop };
    courses::best(&ground, board, mean, &mut lot, (&work.courses, threads))
}

/// The exchange of an extended fleet.
struct Ground<'a> {
    model: &'a Model,
    tables: &'a [Priced],
    likings: Likings,
    /// What a gram of each quota counts while tries go on that it is worth to leave some of it to others.
    quota_prices: Vec<f64>,
    stop: Stop<'a>,
}

impl Exchanges for Ground<'_> {
    type Board = Board;

    fn total(&self, board: &Board) -> f64 {
        board.grams.iter().sum()
    }

    fn run(&self, board: &mut Board, lot: &mut Lot, tries: &Tries, part: Option<Vec<u32>>) {
        Exchange::new(self, board).run(board, lot, tries, part, self.stop);
    }

    /// Tasks of one or two sites, or of a stretch of hours, and those without a place that could run there.
    fn part(&self, board: &Board, lot: &mut Lot) -> Vec<u32> {
        let model = self.model;
        let sites = [lot.below(model.sites) as u32, lot.below(model.sites) as u32];
        let begin = lot.below(model.hours) as u32;
        let stretch = begin..begin + LEAST_STRETCH + lot.below(model.hours) as u32;
        let by_site = lot.below(3) > 0;
        let belongs = |index: &u32| {
            let (task, choice) = (&model.tasks[*index as usize], &board.choices[*index as usize]);
            match (choice.slot, by_site) {
                (NONE, true) => model.slots_of(task).any(|(_, slot)| sites.contains(&slot.site)),
                (NONE, false) => task.release < stretch.end && task.deadline > stretch.start,
                (slot, true) => sites.contains(&model.slots[slot as usize].site),
                (_, false) => choice.hours.iter().any(|(hour, _)| stretch.contains(hour)),
            }
        };
        (0..model.tasks.len() as u32).filter(belongs).collect()
    }

    fn is_over(&self) -> bool {
        self.stop.is_set()
    }
}

/// What is looked at for a task that takes only what room is left.
fn look<'a>(model: &'a Model, priced: &'a Priced, board: &'a Board) -> Look<'a> {
    Look { model, priced, room: Some(Room { free: &board.free, left: &board.left }), toll_g: f64::INFINITY, only: None }
}

/// What a place may cost: what only seems dear is still better than none.
fn limit_g(task: &Task, seems: bool) -> f64 {
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
            prices.capacity = model.rows(&board.free, &board.left);
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

/// What each task costs least on each of its slots, whatever capacity is left: by table and task, the cheapest slot first.
/// Of many tasks it is reckoned without prices, which lies below what they cost under any.
struct Likings {
    each: Vec<(f64, u32)>,
    /// Where the slots of each table and task begin, and the end.
    first: Vec<usize>,
    /// Grams of each task where it costs least: without prices, or its penalty.
    least: Vec<f64>,
}

impl Likings {
    /// `tables` as an [`Exchange`] has them; the last is without prices.
    fn new(model: &Model, tables: &[Priced]) -> Self {
        let mut found = Self { each: Vec::new(), first: vec![0], least: Vec::new() };
        let tables = if model.tasks.len() > CLEARED { &tables[tables.len() - 1..] } else { tables };
        let (mut oracle, mut choice) = (Oracle::default(), Choice::default());
        for priced in tables {
            let look = Look { model, priced, room: None, toll_g: f64::INFINITY, only: None };
            for task in &model.tasks {
                let from = found.each.len();
                for slot in task.slots.clone() {
                    let one = [(f64::NEG_INFINITY, slot)];
                    oracle.find_among(&look, task, f64::INFINITY, &one, None, &mut choice);
                    found.each.push((oracle.bound, slot));
                }
                found.each[from..].sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                found.first.push(found.each.len());
            }
        }
        let least = |(index, task): (usize, &Task)| {
            let (grams, _) = found.of(model, tables.len() - 1, index)[0];
            grams.min(task.penalty_g)
        };
        found.least = model.tasks.iter().enumerate().map(least).collect();
        found
    }

    fn of(&self, model: &Model, table: usize, index: usize) -> &[(f64, u32)] {
        let at = (table * model.tasks.len() + index) % (self.first.len() - 1);
        &self.each[self.first[at]..self.first[at + 1]]
    }

    fn least(&self, index: usize) -> f64 {
        self.least[index]
    }
}

/// The state of the exchange.
struct Exchange<'a> {
    model: &'a Model,
    tables: &'a [Priced],
    likings: &'a Likings,
    oracle: Oracle,
    /// Tasks that hold something, by site and hour, as they were before this try.
    here: Vec<Vec<u32>>,
    unplaced: Vec<u32>,
    /// Tasks by the quota that they count against, and what a gram of each counts.
    members: Vec<Vec<u32>>,
    quota_prices: Vec<f64>,
    /// Tasks of this try that have no place yet.
    queue: Vec<u32>,
    /// Tasks moved in this try, with what they had.
    moved: Vec<(u32, Choice)>,
    lifted: Vec<bool>,
    /// Tasks that are taken up, and those put aside until it is cooler, the least penalty first.
    within: Vec<u32>,
    aside: Vec<u32>,
    typical_g: f64,
    /// How much dearer this try may still become, in grams, if whoever has no place yet finds the cheapest there is.
    slack: f64,
}

impl<'a> Exchange<'a> {
    fn new(ground: &'a Ground, board: &Board) -> Self {
        let model = ground.model;
        let mut found = Self {
            model,
            tables: ground.tables,
            likings: &ground.likings,
            oracle: Oracle::default(),
            here: vec![Vec::new(); model.sites * model.hours],
            unplaced: Vec::new(),
            members: vec![Vec::new(); model.quotas.len()],
            quota_prices: ground.quota_prices.clone(),
            queue: Vec::new(),
            moved: Vec::new(),
            lifted: vec![false; model.tasks.len()],
            within: Vec::new(),
            aside: Vec::new(),
            typical_g: model.typical_cost(),
            slack: 0.0,
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
        self.slack += self.counted_g(board, index) - self.likings.least(index as usize);
        let choice = board.give_back(self.model, index as usize);
        self.lifted[index as usize] = true;
        self.moved.push((index, choice));
    }

    /// Makes tries on the tasks of `part`, on all where there is none.
    fn run(mut self, board: &mut Board, lot: &mut Lot, tries: &Tries, part: Option<Vec<u32>>, stop: Stop) {
        self.within = part.unwrap_or_else(|| (0..self.model.tasks.len() as u32).collect());
        self.put_aside(board, tries.large * tries.heat);
        let mut heat = tries.heat;
        for round in 0..tries.count {
            if stop.is_set() {
                break;
            }
            if round == (SPARED * tries.count as f64) as usize {
                self.quota_prices.fill(0.0);
            }
            if round.is_multiple_of(STEADY) {
                heat = tries.heat * (tries.cool / tries.heat).powf(round as f64 / tries.count as f64);
                self.let_in(board, tries.large * heat);
            }
            self.attempt(board, lot, heat);
        }
        self.let_in(board, 0.0);
    }

    /// Takes off the board those whose penalty is less, but for the largest: see the plain exchange.
    fn put_aside(&mut self, board: &mut Board, least_g: f64) {
        if least_g <= 0.0 {
            return;
        }
        let penalty_g = |index: u32| self.model.tasks[index as usize].penalty_g;
        self.within.sort_by(|&a, &b| penalty_g(a).total_cmp(&penalty_g(b)));
        let small = self.within.partition_point(|&index| penalty_g(index) < least_g);
        let large = self.within.split_off(small.min(self.within.len().saturating_sub(1)));
        self.aside = std::mem::replace(&mut self.within, large);
        for index in self.aside.clone() {
            let choice = board.give_back(self.model, index as usize);
            self.forget(&choice, index);
        }
    }

    /// Lets those in again whose penalty is at least so much.
    fn let_in(&mut self, board: &mut Board, least_g: f64) {
        while let Some(index) = self.aside.pop_if(|index| self.model.tasks[*index as usize].penalty_g >= least_g) {
            self.within.push(index);
            let put = self.find(board, self.tables.len() - 1, index, None);
            if let Some(choice) = put {
                board.take(self.model, index as usize, choice);
            }
            self.note(board, index);
        }
    }

    /// One try.
    fn attempt(&mut self, board: &mut Board, lot: &mut Lot, heat: f64) {
        let index = self.pick(lot);
        // What pays is kept; what costs is kept the more seldom the more it costs.
        self.slack = -heat * (1.0 - lot.unit()).ln();
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
        let table = lot.below(self.tables.len());
        let by_size = lot.below(3) > 0;
        while worth && self.may_pay() && !self.queue.is_empty() {
            let at = if by_size { self.largest() } else { lot.below(self.queue.len()) };
            let other = self.queue.swap_remove(at);
            let blur_g = self.blur_g(lot, 4);
            let mut whim = Whim { blur_g, lot };
            let whim = (blur_g > 0.0).then_some(&mut whim);
            if let Some(choice) = self.find(board, table, other, whim) {
                self.take(board, other, choice);
            } else if forced < MOST_FORCED {
                forced += 1;
                worth = self.force(board, other, lot);
            } else {
                self.slack -= self.model.tasks[other as usize].penalty_g - self.likings.least(other as usize);
            }
        }
        worth &= self.may_pay();
        let mut moved = std::mem::take(&mut self.moved);
        if !worth {
            for (other, _) in &moved {
                board.give_back(self.model, *other as usize);
            }
        }
        for (other, choice) in moved.drain(..) {
            self.lifted[other as usize] = false;
            if worth {
                self.forget(&choice, other);
                self.note(board, other);
            } else if choice.slot != NONE {
                board.take(self.model, other as usize, choice);
            }
        }
        self.moved = moved;
    }

    fn may_pay(&self) -> bool {
        // A hair for the rounding of sums.
        self.slack >= -1e-9
    }

    /// Where a task is cheapest under a table, if that is less than its penalty.
    fn find(&mut self, board: &Board, table: usize, index: u32, whim: Option<&mut Whim>) -> Option<Choice> {
        let (model, likings) = (self.model, self.likings);
        let task = &model.tasks[index as usize];
        let look = look(model, &self.tables[table], board);
        let among = likings.of(model, table, index as usize);
        let mut choice = Choice::default();
        let limit = limit_g(task, whim.is_some());
        self.oracle.find_within(&look, task, limit, Some(among), whim, &mut choice).then_some(choice)
    }

    fn take(&mut self, board: &mut Board, index: u32, choice: Choice) {
        board.take(self.model, index as usize, choice);
        self.slack -= self.counted_g(board, index) - self.likings.least(index as usize);
    }

    /// What a task costs, and what it takes of its quota by that one's price.
    fn counted_g(&self, board: &Board, index: u32) -> f64 {
        let choice = &board.choices[index as usize];
        let scarce_g = match self.model.tasks[index as usize].quota {
            Some(quota) if choice.slot != NONE => self.quota_prices[quota as usize] * grams(self.model.emitted(choice)),
            _ => 0.0,
        };
        board.grams[index as usize] + scarce_g
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
                self.within[lot.below(self.within.len())]
            } else if self.unplaced.is_empty() {
                continue;
            } else {
                self.unplaced[lot.below(self.unplaced.len())]
            };
            if !self.lifted[other as usize] {
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
        looked.filter(|other| !self.lifted[*other as usize]).min_by_key(misfit)
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
        self.within[lot.below(self.within.len())]
    }

    /// Gives a task what it likes and lifts those in its way; `false` where that is too much.
    fn force(&mut self, board: &mut Board, index: u32, lot: &mut Lot) -> bool {
        let model = self.model;
        let task = &model.tasks[index as usize];
        let table = lot.below(self.tables.len());
        let slots = self.likings.of(model, table, index as usize);
        let one = lot.below(slots.len());
        let slots = if lot.below(2) == 0 { slots } else { &slots[one..=one] };
        // What an accelerator-hour in the way counts: from nearly nothing to more than a place is worth.
        let toll_g = task.penalty_g / task.area() * LEAST_TOLL.powf(lot.unit());
        let blur_g = self.blur_g(lot, 2);
        let mut choice = Choice::default();
        let look = Look { toll_g, ..look(model, &self.tables[table], board) };
        let mut whim = Whim { blur_g, lot };
        if !self.oracle.find_among(&look, task, f64::INFINITY, slots, Some(&mut whim), &mut choice) {
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
        self.take(board, index, choice);
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
            let may_go = |other: &u32| board.choices[*other as usize].slot != NONE && !self.lifted[*other as usize];
            let placed = looked.filter(may_go);
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
