//! The bound under what is still open, and the choices that it makes.
//!
//! In: the model, prices and [`Options`]. Out: a bound that holds for every plan among them, rounded downwards;
//! how often each choice was made; and options that cannot be part of a plan better than the one in hand.

use crate::ascent::remember;
use crate::beside::Charges;
use crate::clash::Rows;
use crate::model::Model;
use crate::options::{Cut, Frame, Options, Slot};
use crate::tables::{Row, Tables};

/// The choice of a task that stays without a place.
pub(crate) const REFUSED: u32 = u32::MAX;
/// The share of a new answer in the remembered use, at most.
const SHARE: f64 = 0.1;
/// How far a step aims above the bound, against the bound, where the plan in hand is farther.
const AIM: f64 = 1.02;
/// The pace to begin with: a share of the way to the aim.
const PACE: f64 = 0.1;
/// Cuts that are tried at most before one is made.
const MOST_TRIED: usize = 8;

/// Prices, and the use remembered with them; in single precision, which is as good: any prices prove a bound.
#[derive(Debug, Clone)]
pub(crate) struct Prices {
    pub(crate) centre: Vec<f32>,
    pub(crate) mean: Vec<f32>,
}

/// Raises bounds.
#[derive(Debug)]
pub(crate) struct Relax<'a> {
    pub(crate) model: &'a Model,
    pub(crate) frame: &'a Frame,
    pub(crate) rows: &'a Rows,
    capacity: Vec<f64>,
    pub(crate) tables: Tables,
    /// The slot chosen by each task, and its start.
    pub(crate) choice: Vec<(u32, u32)>,
    /// Hours chosen by interruptible tasks, each with its own range.
    pub(crate) hours: Vec<Vec<u32>>,
    charges: Charges,
    /// Of each level of [`crate::beside`], by hour, what the large ask for.
    large: Vec<f64>,
    asked: Vec<f64>,
    prices: Vec<f64>,
    centre: Vec<f64>,
    mean: Vec<f64>,
    /// How often a slot was chosen, a start or hour on it, and no place.
    slot_count: Vec<u32>,
    bit_count: Vec<u32>,
    first_bit: Vec<u32>,
    refused_count: Vec<u32>,
    counted: u32,
    /// Options looked at so far: the measure of work.
    pub(crate) looks: u64,
}

/// What raising a bound came to.
#[derive(Debug, Clone)]
pub(crate) struct Raised {
    pub(crate) bound: f64,
    pub(crate) prices: Prices,
    /// How to go on, the most promising first; none where nothing is left to choose.
    pub(crate) cuts: Vec<Cut>,
}

impl<'a> Relax<'a> {
    pub(crate) fn new(model: &'a Model, frame: &'a Frame, rows: &'a Rows) -> Self {
        let mut capacity = model.stepped(&model.capacity);
        capacity.extend(&rows.beside.capacity);
        let cells = capacity.len();
        let mut first_bit = Vec::with_capacity(frame.slots.len());
        let mut bits = 0;
        for slot in &frame.slots {
            first_bit.push(bits);
            bits += slot.bits;
        }
        Self {
            model,
            frame,
            rows,
            tables: Tables::new(model),
            charges: Charges::new(model, frame, &rows.beside),
            large: vec![0.0; rows.beside.sizes.len() * model.sites * model.hours],
            choice: vec![(REFUSED, 0); model.tasks.len()],
            hours: vec![Vec::new(); model.tasks.len()],
            asked: vec![0.0; cells],
            prices: vec![0.0; cells],
            centre: vec![0.0; cells],
            mean: vec![0.0; cells],
            slot_count: vec![0; frame.slots.len()],
            bit_count: vec![0; bits as usize],
            first_bit,
            refused_count: vec![0; model.tasks.len()],
            counted: 0,
            looks: 0,
            capacity,
        }
    }

    /// Takes the prices in `self.prices`.
    fn fill(&mut self) {
        let (model, beside, prices) = (self.model, &self.rows.beside, &self.prices);
        self.charges.fill(model, beside, prices);
        let levels = beside.sizes.iter().copied().zip(self.charges.large.iter().map(Vec::as_slice));
        self.tables.fill_with(model, prices, 1.0, &levels);
        let tables = &self.tables;
        self.charges
            .fill_own(model, beside, prices, |odd| tables.row(model.tasks[odd.task as usize].class, odd.site).cost);
    }

    /// The priced hours of a slot.
    fn row(&self, at: usize) -> Row<'_> {
        let slot = &self.frame.slots[at];
        match self.charges.own(at) {
            Some((cost, prefix)) => Row::plain(cost, prefix),
            None => self.tables.row(self.model.tasks[slot.task as usize].class, slot.site),
        }
    }

    /// The least cost of a slot and the start of a whole task; infinite where it is closed.
    fn least(&mut self, open: &Options, at: usize) -> (f64, u32) {
        let slot = &self.frame.slots[at];
        let task = &self.model.tasks[slot.task as usize];
        if !open.can_hold(slot, task) {
            return (f64::INFINITY, 0);
        }
        let (release, length) = (task.release as usize, task.hours as usize);
        self.looks += u64::from(slot.bits);
        let row = self.row(at);
        if task.interruptible {
            let mut sum = 0.0;
            cheapest(open, slot, row, release, length, |_, cost| sum += cost);
            return (sum, 0);
        }
        let mut best = (f64::INFINITY, 0);
        for (word, &bits) in open.allowed(slot).iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                let bit = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let sum = row.prefix[release + bit + length] - row.prefix[release + bit];
                if sum < best.0 {
                    best = (sum, bit as u32);
                }
            }
        }
        best
    }

    /// Every task chooses under the prices in `self.prices`. Returns the bound, rounded downwards; infinite where a
    /// task has no choice left.
    fn ask(&mut self, open: &Options, count: bool) -> f64 {
        let (model, frame) = (self.model, self.frame);
        self.fill();
        self.asked.fill(0.0);
        self.large.fill(0.0);
        let (hours, cells) = (model.hours, model.sites * model.hours);
        let (mut jobs, mut row_sum) = (0.0, 0.0);
        for (index, task) in model.tasks.iter().enumerate() {
            let size = f64::from(task.accelerators);
            let refuse = if open.refuse[index] { model.refusal(index) } else { f64::INFINITY };
            let mut best = (refuse, REFUSED, 0);
            for at in frame.of(index) {
                let (cost, start) = self.least(open, at);
                if cost < best.0 {
                    best = (cost, at as u32, start);
                }
            }
            jobs += size * best.0;
            row_sum += size;
            self.choice[index] = (best.1, best.2);
            if best.1 == REFUSED {
                self.refused_count[index] += u32::from(count);
                continue;
            }
            let slot = &frame.slots[best.1 as usize];
            let mut chosen = std::mem::take(&mut self.hours[index]);
            chosen.clear();
            if task.interruptible {
                let row = self.row(best.1 as usize);
                cheapest(open, slot, row, task.release as usize, task.hours as usize, |hour, _| chosen.push(hour));
            } else {
                chosen.extend(task.release + best.2..task.release + best.2 + task.hours);
            }
            if count {
                self.slot_count[best.1 as usize] += 1;
                let first = self.first_bit[best.1 as usize];
                if task.interruptible {
                    for hour in &chosen {
                        self.bit_count[(first + hour - task.release) as usize] += 1;
                    }
                } else {
                    self.bit_count[(first + best.2) as usize] += 1;
                }
            }
            let from = slot.site as usize * hours;
            let shares = &model.profiles[model.classes[task.class as usize].profile as usize];
            for (share, level) in shares.iter().zip(self.asked.chunks_exact_mut(cells)) {
                if *share > 0.0 {
                    for hour in &chosen {
                        level[from + *hour as usize] += share * size;
                    }
                }
            }
            for (&least, level) in self.rows.beside.sizes.iter().zip(self.large.chunks_exact_mut(cells)) {
                if task.accelerators >= least {
                    for hour in &chosen {
                        level[from + *hour as usize] += f64::from(least);
                    }
                }
            }
            self.hours[index] = chosen;
        }
        for odd in &self.rows.beside.odds {
            let level = &self.large[odd.level as usize * cells..][..cells];
            let asked = &mut self.asked[odd.cells()];
            asked.copy_from_slice(&level[odd.of_site(model)]);
            if self.choice[odd.task as usize].0 == odd.slot {
                let size = f64::from(self.rows.beside.sizes[odd.level as usize]);
                let inside = self.hours[odd.task as usize].iter().filter(|hour| (odd.begin..odd.end).contains(*hour));
                for hour in inside {
                    asked[(hour - odd.begin) as usize] += size;
                }
            }
        }
        self.counted += u32::from(count);
        if jobs.is_infinite() {
            return f64::INFINITY;
        }
        self.looks += (cells * model.classes.len() + self.rows.beside.capacity.len()) as u64;
        let held: f64 = self.prices.iter().zip(&self.capacity).map(|(price, capacity)| price * capacity).sum();
        // Sums of at most `hours`, `tasks` and `cells` numbers that are not negative; see `bound`.
        let unit = f64::EPSILON * (hours + model.tasks.len() + self.prices.len() + 16) as f64 * 2.0;
        (jobs - held) - unit * (jobs.abs() + held + row_sum * self.tables.largest_row().max(self.charges.largest()))
    }

    /// Where at most one plan is left of what is open: what it costs, infinite where it does not keep its capacity or
    /// none is left. `None` where there are more.
    pub(crate) fn only(&mut self, open: &Options) -> Option<f64> {
        self.prices.fill(0.0);
        let cost = self.ask(open, false);
        if cost.is_infinite() {
            return Some(cost);
        }
        self.any_cut(open).is_none().then(|| if self.fits() { cost } else { f64::INFINITY })
    }

    /// What each task costs least per accelerator under prices: on any of its sites, or without a place.
    pub(crate) fn leasts(&mut self, open: &Options, prices: &Prices) -> Vec<f64> {
        self.prices.iter_mut().zip(&prices.centre).for_each(|(to, from)| *to = f64::from(*from));
        self.fill();
        let (model, frame) = (self.model, self.frame);
        let mut least = |index: usize| {
            let slots = frame.of(index).map(|at| self.least(open, at).0);
            slots.fold(model.refusal(index), f64::min)
        };
        (0..model.tasks.len()).map(&mut least).collect()
    }

    /// Whether the last choices keep every capacity.
    pub(crate) fn fits(&self) -> bool {
        let cells = self.model.sites * self.model.hours;
        self.asked[..cells].iter().zip(&self.model.capacity).all(|(asked, &free)| *asked <= f64::from(free))
    }

    /// Raises the bound of what is open, from given prices, in so many rounds; `fits` is called whenever the
    /// choices keep every capacity. Ends early above `enough`; with `parts`, says how to go on.
    pub(crate) fn raise(
        &mut self,
        open: &Options,
        prices: &Prices,
        rounds: usize,
        enough: f64,
        parts: bool,
        mut fits: impl FnMut(&Self),
    ) -> Raised {
        self.centre.iter_mut().zip(&prices.centre).for_each(|(to, from)| *to = f64::from(*from));
        self.mean.iter_mut().zip(&prices.mean).for_each(|(to, from)| *to = f64::from(*from));
        self.slot_count.fill(0);
        self.bit_count.fill(0);
        self.refused_count.fill(0);
        self.counted = 0;
        self.prices.copy_from_slice(&self.centre);
        let mut top = self.ask(open, false);
        if self.fits() {
            fits(self);
        }
        let (mut pace, mut red) = (PACE, 0);
        for round in 0..rounds {
            if top >= enough {
                break;
            }
            let cells = self.mean.iter().zip(&self.capacity).zip(&self.centre);
            let over = cells.map(|((mean, capacity), price)| (mean - capacity, price));
            let norm: f64 =
                over.filter(|(over, price)| *over > 0.0 || **price > 0.0).map(|(over, _)| over * over).sum();
            if norm <= 0.0 {
                break;
            }
            let aim = enough.min(top.abs() * AIM + 1e-9) - top;
            let step = pace * aim / norm;
            for (at, price) in self.prices.iter_mut().enumerate() {
                // As a proof keeps them.
                let single = (self.centre[at] + step * (self.mean[at] - self.capacity[at])).max(0.0) as f32;
                *price = f64::from(single);
            }
            let value = self.ask(open, round * 3 >= rounds);
            if self.fits() {
                fits(self);
            }
            let ahead = remember(&mut self.mean, &self.asked, &self.capacity, SHARE) > 0.0;
            if value > top {
                top = value;
                self.centre.copy_from_slice(&self.prices);
                red = 0;
                if ahead {
                    pace = (pace * 1.1_f64).min(2.0);
                }
            } else {
                red += 1;
                if red >= 5 {
                    (pace, red) = ((pace * 0.7).max(1e-4), 0);
                }
            }
        }
        let cuts = if parts { self.cuts(open) } else { Vec::new() };
        let single = |numbers: &[f64]| numbers.iter().map(|number| *number as f32).collect();
        Raised { bound: top, prices: Prices { centre: single(&self.centre), mean: single(&self.mean) }, cuts }
    }

    /// Takes away what no plan cheaper than `best` has, by the prices of `raised`. Returns the bound they give.
    pub(crate) fn narrow(&mut self, open: &mut Options, prices: &Prices, best: f64) -> f64 {
        self.prices.iter_mut().zip(&prices.centre).for_each(|(to, from)| *to = f64::from(*from));
        let bound = self.ask(open, false);
        if bound >= best {
            return bound;
        }
        let (model, frame) = (self.model, self.frame);
        for (index, task) in model.tasks.iter().enumerate() {
            let size = f64::from(task.accelerators);
            let refuse = model.refusal(index);
            let costs: Vec<f64> = frame.of(index).map(|at| self.least(open, at).0).collect();
            let least = costs.iter().copied().fold(if open.refuse[index] { refuse } else { f64::INFINITY }, f64::min);
            // What the task's cost may rise above its least; a hair more, for rounding.
            let slack = (best - bound) / size * (1.0 + 1e-9) + 1e-9 * least.abs();
            if open.refuse[index] && refuse > least + slack {
                open.refuse[index] = false;
            }
            for (at, cost) in frame.of(index).zip(costs) {
                let slot = &frame.slots[at];
                if cost > least + slack {
                    open.close(slot);
                    continue;
                }
                let row = self.row(at);
                let (release, length) = (task.release, task.hours as usize);
                if !task.interruptible {
                    for bit in 0..slot.bits {
                        let start = (release + bit) as usize;
                        if open.has(slot, bit) && row.prefix[start + length] - row.prefix[start] > least + slack {
                            open.forbid(slot, bit);
                        }
                    }
                    continue;
                }
                // An hour in place of the dearest chosen one, or the next dearer one in place of a chosen hour.
                let mut chosen = Vec::with_capacity(length);
                cheapest(open, slot, row, release as usize, length, |hour, _| chosen.push(hour));
                let loose = |hour: &&u32| !open.needs(slot, **hour - release);
                let dearest = chosen.iter().filter(loose).map(|hour| row.cost[*hour as usize]).fold(0.0, f64::max);
                let rest = (0..slot.bits).filter(|bit| open.has(slot, *bit) && !chosen.contains(&(release + bit)));
                let rest: Vec<u32> = rest.collect();
                let next = rest.iter().map(|bit| row.cost[(release + bit) as usize]).fold(f64::INFINITY, f64::min);
                for bit in rest {
                    if cost - dearest + row.cost[(release + bit) as usize] > least + slack {
                        open.forbid(slot, bit);
                    }
                }
                for hour in chosen {
                    if cost - row.cost[hour as usize] + next > least + slack && cost.is_finite() {
                        open.need(slot, hour - release);
                    }
                }
            }
        }
        bound
    }

    /// Where the choices of the last rounds differ most: a cut a task, and no more than are tried.
    fn cuts(&mut self, open: &Options) -> Vec<Cut> {
        let (model, frame) = (self.model, self.frame);
        self.looks += self.rows.size();
        let count = f64::from(self.counted.max(1));
        let mut found: Vec<(f64, Cut)> = Vec::new();
        for (index, task) in model.tasks.iter().enumerate() {
            let mut best: (f64, Option<Cut>) = (0.0, None);
            let mut offer = |score: f64, cut: Cut| {
                if score > best.0 {
                    best = (score, Some(cut));
                }
            };
            let half = |times: u32| (f64::from(times) / count).min(1.0 - f64::from(times) / count);
            let watts = model.classes[task.class as usize].watts;
            let (weight, task_index) = (task.area() * watts, index as u32);
            offer(2.0 * weight * half(self.refused_count[index]), Cut::Place(task_index));
            for at in frame.of(index) {
                offer(weight * half(self.slot_count[at]), Cut::On(at as u32));
            }
            let bits = frame.slots[frame.of(index).start].bits;
            if task.interruptible {
                for at in frame.of(index) {
                    let counts = &self.bit_count[self.first_bit[at] as usize..][..bits as usize];
                    let weight = f64::from(task.accelerators) * watts;
                    for (times, bit) in counts.iter().zip(0..) {
                        offer(weight * half(*times), Cut::In(at as u32, bit));
                    }
                }
            } else {
                let mut before = self.refused_count[index];
                for bit in 0..bits.saturating_sub(1) {
                    let here = frame.of(index).map(|at| self.bit_count[(self.first_bit[at] + bit) as usize]);
                    before += here.sum::<u32>();
                    offer(weight * half(before) * 0.9, Cut::Until(task_index, bit));
                }
            }
            if let (score, Some(cut)) = best {
                found.push((score, cut));
            }
        }
        self.clashes(open, count, &mut found);
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.dedup_by_key(|(_, cut)| *cut);
        found.truncate(MOST_TRIED);
        if found.is_empty() {
            self.any_cut(open).into_iter().collect()
        } else {
            found.into_iter().map(|(_, cut)| cut).collect()
        }
    }

    /// Cuts around tasks that were chosen together and cannot be: one for each that has to give way.
    fn clashes(&self, open: &Options, count: f64, found: &mut Vec<(f64, Cut)>) {
        let often = |at: u32| 1.0 - f64::from(self.refused_count[at as usize]) / count;
        let mut worst: Vec<f64> = vec![0.0; self.model.tasks.len()];
        for row in &self.rows.stretches {
            let sum: f64 = row.members.iter().map(|(at, hours)| often(*at) * f64::from(*hours)).sum();
            let over = sum - f64::from(row.limit);
            if over <= 0.01 {
                continue;
            }
            for &(at, hours) in row.members.iter().filter(|(at, _)| open.refuse[*at as usize] && often(*at) > 0.01) {
                let worst = &mut worst[at as usize];
                *worst = worst.max((over / f64::from(hours)).min(1.0));
            }
        }
        for ((worst, task), index) in worst.into_iter().zip(&self.model.tasks).zip(0..) {
            if worst > 0.0 {
                let charge = self.model.refusal(index) * f64::from(task.accelerators);
                found.push((charge * worst, Cut::Place(index as u32)));
            }
        }
    }

    /// Any cut that leaves something on both sides, around what was chosen last.
    fn any_cut(&self, open: &Options) -> Option<Cut> {
        let frame = self.frame;
        for (index, task) in self.model.tasks.iter().enumerate() {
            let (chosen, start) = self.choice[index];
            let others = frame.of(index).any(|at| at as u32 != chosen && open.can_hold(&frame.slots[at], task));
            if chosen == REFUSED {
                if others {
                    return Some(Cut::Place(index as u32));
                }
                continue;
            }
            if others || open.refuse[index] {
                return Some(Cut::On(chosen));
            }
            let slot = &frame.slots[chosen as usize];
            if !task.interruptible {
                if (start + 1..slot.bits).any(|bit| open.has(slot, bit)) {
                    return Some(Cut::Until(index as u32, start));
                } else if start > 0 && (0..start).any(|bit| open.has(slot, bit)) {
                    return Some(Cut::Until(index as u32, start - 1));
                }
            } else if open.count(slot) > task.hours
                && let Some(hour) = self.hours[index].iter().find(|hour| !open.needs(slot, **hour - task.release))
            {
                return Some(Cut::In(chosen, hour - task.release));
            }
        }
        None
    }
}

/// Visits the needed hours of a slot, and the cheapest allowed ones up to its task's length.
fn cheapest(open: &Options, slot: &Slot, row: Row, release: usize, length: usize, mut visit: impl FnMut(u32, f64)) {
    let needed: u32 = open.needed(slot).iter().map(|word| word.count_ones()).sum();
    let mut left = length as i64 - i64::from(needed);
    if needed > 0 {
        for bit in (0..slot.bits).filter(|bit| open.needs(slot, *bit)) {
            visit(release as u32 + bit, row.cost[release + bit as usize]);
        }
    }
    if left <= 0 {
        return;
    }
    row.cheapest(release, release + slot.bits as usize, |hour, cost| {
        let bit = (hour - release) as u32;
        if open.has(slot, bit) && (needed == 0 || !open.needs(slot, bit)) {
            visit(hour as u32, cost);
            left -= 1;
        }
        left > 0
    });
}
