//! Takes a few tasks up and puts them down otherwise, as long as that pays.
//!
//! In: a board, prices, a fixed lot and how many tries. Out: a board that costs no more. Each try gives one
//! task a spot of its liking, moves those out of the way and finds them new places; what does not pay is undone.
//! Early tries may cost a little, later ones less and less: annealing. How much a try may cost is drawn before it is made,
//! so that it ends as soon as the best that can still come of it costs more.

use crate::courses::Tries;
use crate::lot::Lot;
use crate::model::{Model, Task};
use crate::place::{Board, NOWHERE, Spot, Taste};
use crate::stop::Stop;
use crate::tables::Tables;

/// Most tasks that one try moves.
const MOST_MOVED: usize = 24;
/// Occupants looked at for one that is to go.
const LOOKED_AT: usize = 6;
/// Up to so many tasks, half the tries clear a stretch of a site.
const FEW: usize = 5000;
/// Most tasks that one try puts where others have to go.
const MOST_FORCED: usize = 3;

/// The state of the exchange.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    model: &'a Model,
    /// Tables by falling weight of the prices; the last has none.
    tables: &'a [Tables],
    /// Tasks by site and hour, each with its version then: entries go stale when a task moves, and are dropped
    /// when met or when there are many.
    here: Vec<Vec<(u32, u32)>>,
    /// How often each task moved.
    version: Vec<u32>,
    /// Length at which the stale entries of a cell are dropped.
    ripe: Vec<usize>,
    unplaced: Vec<u32>,
    /// Whether a task stands in that list; it may have found a place since.
    listed: Vec<bool>,
    /// Tasks moved in this try, with their spots before.
    moved: Vec<(u32, Spot)>,
    lifted: Vec<bool>,
    spare: Vec<Spot>,
    queue: Vec<u32>,
    /// Tasks that are taken up, and those put aside until it is cooler, the least penalty first.
    within: Vec<u32>,
    aside: Vec<u32>,
    /// What an accelerator-hour emits on the whole.
    typical: f64,
    likings: &'a Likings,
    /// How much dearer this try may still become, in grams, if whoever has no place yet finds the cheapest there is.
    slack: f64,
    spot: Spot,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(model: &'a Model, tables: &'a [Tables], likings: &'a Likings, board: &Board) -> Self {
        let mut here = vec![Vec::new(); model.sites * model.hours];
        let mut unplaced = Vec::new();
        for index in 0..model.tasks.len() {
            if board.site[index] == NOWHERE {
                unplaced.push(index as u32);
            } else {
                let from = board.site[index] as usize * model.hours;
                board.visit_hours(model, index, |hour| here[from + hour as usize].push((index as u32, 0)));
            }
        }
        let ripe = here.iter().map(|here: &Vec<_>| 2 * here.len() + 16).collect();
        Self {
            model,
            tables,
            here,
            version: vec![0; model.tasks.len()],
            ripe,
            listed: board.site.iter().map(|&site| site == NOWHERE).collect(),
            unplaced,
            moved: Vec::new(),
            lifted: vec![false; model.tasks.len()],
            spare: Vec::new(),
            queue: Vec::new(),
            within: (0..model.tasks.len() as u32).collect(),
            aside: Vec::new(),
            typical: model.typical_cost(),
            likings,
            slack: 0.0,
            spot: Spot::default(),
        }
    }

    fn base(&self) -> &'a Tables {
        self.tables.last().expect("there is a table without prices")
    }

    /// Makes tries on the tasks of `part`, on all where there is none.
    pub(crate) fn run(&mut self, board: &mut Board, lot: &mut Lot, tries: &Tries, part: Option<Vec<u32>>, stop: Stop) {
        self.within = part.unwrap_or_else(|| (0..self.model.tasks.len() as u32).collect());
        self.put_aside(board, tries.large * tries.heat);
        let mut heat = tries.heat;
        for round in 0..tries.count {
            if stop.is_set() {
                break;
            }
            if let Some(from_here) = tries.heat_from(round) {
                heat = from_here;
                self.let_in(board, tries.large * heat);
            }
            self.attempt(board, lot, heat);
        }
        self.let_in(board, 0.0);
    }

    /// Takes off the board those whose penalty is less, but for the largest: while it is that hot, small tasks are
    /// only in the way of large ones, which make most of the cost.
    fn put_aside(&mut self, board: &mut Board, least: f64) {
        if least <= 0.0 {
            return;
        }
        let mut spot = std::mem::take(&mut self.spot);
        let mut within = std::mem::take(&mut self.within);
        within.sort_by(|&a, &b| self.model.penalty(a as usize).total_cmp(&self.model.penalty(b as usize)));
        let small = within.partition_point(|&index| self.model.penalty(index as usize) < least);
        let large = small.min(within.len().saturating_sub(1));
        self.within = within.split_off(large);
        for &index in &within {
            board.give_back(self.model, index as usize, &mut spot);
            self.version[index as usize] += 1;
        }
        self.unplaced.clear();
        self.listed.fill(false);
        for at in 0..self.within.len() {
            let index = self.within[at];
            if board.site[index as usize] == NOWHERE {
                self.list(index);
            }
        }
        self.aside = within;
        self.spot = spot;
    }

    /// Lets those in again whose penalty is at least so much.
    fn let_in(&mut self, board: &mut Board, least: f64) {
        let mut spot = std::mem::take(&mut self.spot);
        while let Some(index) = self.aside.pop_if(|index| self.model.penalty(*index as usize) >= least) {
            self.within.push(index);
            if board.site[index as usize] != NOWHERE {
                continue;
            }
            let limit = self.model.refusal(index as usize);
            if board.find(self.model, self.base(), index as usize, limit, &mut spot) {
                board.take(self.model, self.base(), index as usize, &spot);
            }
            self.show(board, index);
        }
        self.spot = spot;
    }

    fn attempt(&mut self, board: &mut Board, lot: &mut Lot, heat: f64) {
        let index = self.pick(board, lot);
        debug_assert!(self.moved.is_empty());
        // What pays is kept; what costs is kept the more seldom the more it costs.
        self.slack = -heat * (1.0 - lot.unit()).ln();
        self.lift(board, index);
        let mut spot = std::mem::take(&mut self.spot);
        self.queue.clear();
        let few = self.model.tasks.len() <= FEW;
        let mut forced = 0;
        let mut worth = true;
        if lot.below(if few { 2 } else { 8 }) == 0 {
            self.queue.push(index as u32);
            self.clear_around(board, index, lot);
            forced = MOST_FORCED - lot.below(2);
        } else {
            worth = self.force(board, index, lot, &mut spot);
        }
        let table = lot.below(self.tables.len());
        let by_size = lot.below(3) > 0;
        while worth && self.may_pay() && !self.queue.is_empty() {
            let at = if by_size { self.largest() } else { lot.below(self.queue.len()) };
            let other = self.queue.swap_remove(at) as usize;
            if self.find(board, table, other, &mut spot) {
                self.take(board, other, &spot);
            } else if forced < MOST_FORCED {
                forced += 1;
                worth = self.force(board, other, lot, &mut spot);
            } else {
                self.slack -= self.model.penalty(other) - self.likings.least(other);
            }
        }
        self.spot = spot;
        for (other, _) in &self.moved {
            self.lifted[*other as usize] = false;
        }
        if worth && self.may_pay() {
            self.note(board);
        } else {
            self.undo(board);
        }
    }

    fn may_pay(&self) -> bool {
        // A hair for the rounding of sums.
        self.slack >= -1e-9
    }

    /// Finds the cheapest place under the prices of a table: sites that cannot win are passed by.
    fn find(&self, board: &mut Board, table: usize, index: usize, spot: &mut Spot) -> bool {
        (spot.priced, spot.site) = (self.model.refusal(index), NOWHERE);
        for &(least, site) in self.likings.of(self.model, table, index) {
            if least >= spot.priced {
                break;
            }
            board.find_at(self.model, &self.tables[table], index, site, spot);
        }
        spot.site != NOWHERE
    }

    fn take(&mut self, board: &mut Board, index: usize, spot: &Spot) {
        board.take(self.model, self.base(), index, spot);
        self.slack -= board.grams[index] - self.likings.least(index);
    }

    /// Lifts tasks that run at about the same time on one of a task's sites, and one that has no place.
    fn clear_around(&mut self, board: &mut Board, index: usize, lot: &mut Lot) {
        let task = &self.model.tasks[index];
        let sites = self.model.sites_of(task);
        let site = sites[lot.below(sites.len())];
        let reach = 1 + lot.below(24) as u32;
        let middle = task.release + lot.below((task.deadline - task.release) as usize) as u32;
        let from = middle.saturating_sub(reach);
        let until = (middle + reach).min(self.model.hours as u32);
        for _ in 0..3 + lot.below(MOST_MOVED / 2) {
            let hour = from + lot.below((until - from) as usize) as u32;
            let cell = site as usize * self.model.hours + hour as usize;
            let size = self.model.tasks[lot.below(self.model.tasks.len())].accelerators as i32;
            if let Some(other) = self.occupant(board, cell, site, hour, size, lot) {
                self.lift(board, other);
                self.queue.push(other as u32);
            }
        }
        if !self.unplaced.is_empty() {
            let other = self.unplaced[lot.below(self.unplaced.len())];
            if board.site[other as usize] == NOWHERE && !self.lifted[other as usize] {
                self.lift(board, other as usize);
                self.queue.push(other);
            }
        }
    }

    fn largest(&self) -> usize {
        let size = |at: usize| self.model.tasks[self.queue[at] as usize].area();
        (1..self.queue.len()).fold(0, |best, at| if size(at) > size(best) { at } else { best })
    }

    /// Puts a task where it costs little and few are in its way, and queues those; `false` where that is too much.
    fn force(&mut self, board: &mut Board, index: usize, lot: &mut Lot, spot: &mut Spot) -> bool {
        let table = lot.below(self.tables.len());
        let sites = self.likings.of(self.model, table, index);
        let one = lot.below(sites.len());
        let sites = if lot.below(2) == 0 { sites } else { &sites[one..=one] };
        // What an accelerator-hour in the way counts: from nearly nothing to more than a penalty.
        let toll = self.model.penalty_g * (0.002_f64).powf(lot.unit());
        spot.site = NOWHERE;
        spot.priced = f64::INFINITY;
        let blur = if lot.below(4) == 0 { self.typical * lot.unit() } else { 0.0 };
        let mut taste = Taste { toll, blur, lot };
        for &(least, site) in sites {
            if least >= spot.priced {
                break;
            }
            board.wish(self.model, &self.tables[table], index, site, &mut taste, spot);
        }
        let from = self.moved.len();
        if spot.site == NOWHERE || !self.clear(board, index, spot, lot) {
            return false;
        }
        self.take(board, index, spot);
        self.queue.extend(self.moved[from..].iter().map(|(other, _)| *other));
        true
    }

    fn pick(&mut self, board: &Board, lot: &mut Lot) -> usize {
        while !self.unplaced.is_empty() && lot.below(4) > 0 {
            let at = lot.below(self.unplaced.len());
            let index = self.unplaced[at] as usize;
            if board.site[index] == NOWHERE {
                return index;
            }
            self.unplaced.swap_remove(at);
            self.listed[index] = false;
        }
        self.within[lot.below(self.within.len())] as usize
    }

    fn lift(&mut self, board: &mut Board, index: usize) {
        let mut spot = self.spare.pop().unwrap_or_default();
        self.slack += board.grams[index] - self.likings.least(index);
        board.give_back(self.model, index, &mut spot);
        self.lifted[index] = true;
        self.moved.push((index as u32, spot));
    }

    /// Moves others out of the way of a spot; `false` where that is too much.
    fn clear(&mut self, board: &mut Board, index: usize, spot: &Spot, lot: &mut Lot) -> bool {
        let task = &self.model.tasks[index];
        let needed = task.accelerators as i32;
        let from = spot.site as usize * self.model.hours;
        let whole = spot.start..spot.start + task.hours;
        let count = task.hours as usize;
        for at in 0..count {
            let hour = if task.interruptible { spot.hours[at] } else { whole.start + at as u32 };
            let cell = from + hour as usize;
            while board.free[cell] < needed {
                let lacking = needed - board.free[cell];
                let Some(other) = self.occupant(board, cell, spot.site, hour, lacking, lot) else { return false };
                if self.moved.len() >= MOST_MOVED {
                    return false;
                }
                self.lift(board, other);
            }
        }
        true
    }

    /// A task that runs there now, rather one that is large enough to make room and no larger.
    fn occupant(
        &mut self,
        board: &Board,
        cell: usize,
        site: u32,
        hour: u32,
        lacking: i32,
        lot: &mut Lot,
    ) -> Option<usize> {
        let mut best: Option<(i64, usize)> = None;
        let mut looked = 0;
        while looked < LOOKED_AT && !self.here[cell].is_empty() {
            let at = lot.below(self.here[cell].len());
            let (other, version) = self.here[cell][at];
            let other = other as usize;
            if version != self.version[other] {
                self.here[cell].swap_remove(at);
                continue;
            }
            looked += 1;
            if self.lifted[other] {
                continue;
            }
            debug_assert!(board.site[other] == site && board.runs(self.model, other, hour));
            let surplus = i64::from(self.model.tasks[other].accelerators) - i64::from(lacking);
            let misfit = if surplus < 0 { -4 * surplus } else { surplus };
            if best.is_none_or(|(least, _)| misfit < least) {
                best = Some((misfit, other));
            }
        }
        best.map(|(_, other)| other)
    }

    /// Keeps what was done: the moved tasks are found where they are now.
    fn note(&mut self, board: &Board) {
        let mut moved = std::mem::take(&mut self.moved);
        for (index, spot) in moved.drain(..) {
            self.show(board, index);
            self.spare.push(spot);
        }
        self.moved = moved;
    }

    /// Makes a task known where it is now.
    fn show(&mut self, board: &Board, index: u32) {
        let task = index as usize;
        self.version[task] += 1;
        let version = self.version[task];
        if board.site[task] == NOWHERE {
            self.list(index);
            return;
        }
        let from = board.site[task] as usize * self.model.hours;
        board.visit_hours(self.model, task, |hour| {
            let cell = &mut self.here[from + hour as usize];
            cell.push((index, version));
            if cell.len() > self.ripe[from + hour as usize] {
                cell.retain(|(task, version)| self.version[*task as usize] == *version);
                self.ripe[from + hour as usize] = 2 * cell.len() + 16;
            }
        });
    }

    /// Puts a task on the list of those without a place.
    fn list(&mut self, index: u32) {
        if !std::mem::replace(&mut self.listed[index as usize], true) {
            self.unplaced.push(index);
        }
    }

    fn undo(&mut self, board: &mut Board) {
        let mut now = std::mem::take(&mut self.spot);
        for (index, _) in &self.moved {
            board.give_back(self.model, *index as usize, &mut now);
        }
        self.spot = now;
        let base = self.base();
        let mut moved = std::mem::take(&mut self.moved);
        for (index, spot) in moved.drain(..) {
            if spot.site == NOWHERE {
                // It was unplaced before, and may have been struck from the list.
                self.list(index);
            } else {
                board.take(self.model, base, index as usize, &spot);
            }
            self.spare.push(spot);
        }
        self.moved = moved;
    }
}

/// What each task costs least on each of its sites, whatever capacity is left: by table and task, the cheapest site first.
/// Of many tasks it is not known, and sites stand as they are named.
#[derive(Debug)]
pub(crate) struct Likings {
    each: Vec<(f64, u32)>,
    /// Where the sites of each table and task begin, or of each set; and the end.
    first: Vec<usize>,
    /// Grams of each task where it costs least: without prices, or its penalty. Empty where it is not known.
    least: Vec<f64>,
}

impl Likings {
    /// `tables` as an [`Exchange`] has them.
    pub(crate) fn new(model: &Model, tables: &[Tables]) -> Self {
        let mut found = Self { each: Vec::new(), first: vec![0], least: Vec::new() };
        if model.tasks.len() > FEW {
            for set in &model.sets {
                found.each.extend(set.iter().map(|&site| (f64::NEG_INFINITY, site)));
                found.first.push(found.each.len());
            }
            return found;
        }
        for table in tables {
            for (index, task) in model.tasks.iter().enumerate() {
                let from = found.each.len();
                let sites = model.sites_of(task).iter();
                found.each.extend(sites.map(|&site| (Board::least_at(model, table, index, site), site)));
                found.each[from..].sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                found.first.push(found.each.len());
            }
        }
        let base = tables.last().expect("there is a table without prices");
        let least = |(index, task): (usize, &Task)| Board::least(model, base, index) * f64::from(task.accelerators);
        found.least = model.tasks.iter().enumerate().map(least).collect();
        found
    }

    fn of(&self, model: &Model, table: usize, index: usize) -> &[(f64, u32)] {
        let at =
            if self.least.is_empty() { model.tasks[index].set as usize } else { table * model.tasks.len() + index };
        &self.each[self.first[at]..self.first[at + 1]]
    }

    fn least(&self, index: usize) -> f64 {
        self.least.get(index).copied().unwrap_or(0.0)
    }
}
