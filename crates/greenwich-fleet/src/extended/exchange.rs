//! Takes a few tasks of an extended fleet up and puts them down otherwise, as long as that pays.
//!
//! In: a board, prices, a fixed lot and how many tries. Out: a board that costs no more. As the plain exchange does, but each
//! task is asked on its own: see [`crate::exchange`].

use crate::courses::{Exchanges, Tries};
use crate::extended::model::{Model, Task};
use crate::extended::oracle::{Choice, Look, NONE, Oracle, Priced, Whim};
use crate::extended::place::Board;
use crate::extended::search::{limit_g, look};
use crate::lot::Lot;
use crate::quota::grams;
use crate::stop::Stop;

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
/// Hours of a stretch at least.
const LEAST_STRETCH: u32 = 24;

/// The exchange of an extended fleet.
pub(crate) struct Ground<'a> {
    model: &'a Model,
    tables: &'a [Priced],
    likings: Likings,
    /// What a gram of each quota counts while tries go on that it is worth to leave some of it to others.
    quota_prices: Vec<f64>,
    stop: Stop<'a>,
}

impl<'a> Ground<'a> {
    /// `tables` under falling weights of the prices; the last is without.
    pub(crate) fn new(model: &'a Model, tables: &'a [Priced], quota_prices: Vec<f64>, stop: Stop<'a>) -> Self {
        Self { model, tables, likings: Likings::new(model, tables), quota_prices, stop }
    }
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
            if let Some(from_here) = tries.heat_from(round) {
                heat = from_here;
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
