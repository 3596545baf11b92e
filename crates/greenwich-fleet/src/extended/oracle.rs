//! What one job would choose for itself under prices.
//!
//! In: a model, prices, a task, and the room that is left where that counts. Out: its cheapest [`Choice`], exactly:
//!
//! - whole: the cheapest window of each site;
//! - interruptible: the d cheapest hours, where pauses and waiting cost nothing;
//! - otherwise by dynamic programming over hour, hours run so far, and whether it runs. The d cheapest hours, with what it
//!   costs to be there, lie below that: they pass by sites that cannot win.
//!
//! A job whose size may change by the hour is asked in [`crate::extended::elastic`]: its choice is near the cheapest, and a
//! bound lies below all of its choices.

use crate::extended::elastic::Elastic;
use crate::extended::model::{Model, Size, Slot, Task};
use crate::lot::Lot;
use crate::quota::{grams, nanograms};

/// What a gram of CO2e counts where little else may.
const DEAREST: f64 = 1e6;
/// How often the lines of too much and of little enough are brought to cross.
const CROSSINGS: usize = 3;

/// The slot of a choice that has none.
pub(crate) const NONE: u32 = u32::MAX;

/// What prices charge.
#[derive(Debug, Clone)]
pub(crate) struct Priced {
    /// An accelerator-hour, by profile, site and hour.
    cells: Vec<f64>,
    /// A gram of CO2e beyond itself, by quota.
    quotas: Vec<f64>,
}

impl Priced {
    pub(crate) fn new(model: &Model) -> Self {
        let cells = model.profiles.len() * model.sites * model.hours;
        Self { cells: vec![0.0; cells], quotas: vec![0.0; model.quotas.len()] }
    }

    /// Takes prices of all rows, by step, site and hour and then by quota, each `weight` times what is given.
    pub(crate) fn fill(&mut self, model: &Model, prices: &[f64], weight: f64) {
        self.fill_apart(model, prices, &model.quota_prices(prices), weight);
    }

    /// The same, with the prices of quotas apart: in grams a gram.
    pub(crate) fn fill_apart(&mut self, model: &Model, prices: &[f64], quotas: &[f64], weight: f64) {
        self.quotas.clear();
        self.quotas.extend(quotas.iter().map(|price| weight * price));
        let cells = model.sites * model.hours;
        for (profile, priced) in model.profiles.iter().zip(self.cells.chunks_exact_mut(cells.max(1))) {
            priced.fill(0.0);
            for (counts, level) in profile.iter().zip(prices.chunks_exact(cells.max(1))) {
                let factor = weight * counts;
                if factor > 0.0 {
                    priced.iter_mut().zip(level).for_each(|(priced, price)| *priced += factor * price);
                }
            }
        }
    }
}

/// Where and when a task runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// An index into [`Model::slots`], or [`NONE`].
    pub(crate) slot: u32,
    /// Hours in order, each with the accelerators held.
    pub(crate) hours: Vec<(u32, u32)>,
    /// What it costs, prices included.
    pub(crate) priced: f64,
}

impl Default for Choice {
    fn default() -> Self {
        Self { slot: NONE, hours: Vec::new(), priced: f64::INFINITY }
    }
}

/// How hours may seem dearer than they are: up to so many grams an accelerator-hour, by lot.
pub(crate) struct Whim<'a> {
    pub(crate) blur_g: f64,
    pub(crate) lot: &'a mut Lot,
}

/// What is left of sites and quotas.
#[derive(Clone, Copy)]
pub(crate) struct Room<'a> {
    /// Accelerators by site and hour.
    pub(crate) free: &'a [i32],
    /// Nanograms by quota.
    pub(crate) left: &'a [i128],
}

/// What is looked at.
pub(crate) struct Look<'a> {
    pub(crate) model: &'a Model,
    pub(crate) priced: &'a Priced,
    /// What is left; `None` where every hour has room.
    pub(crate) room: Option<Room<'a>>,
    /// What each lacking accelerator-hour counts, in grams; infinite where none may lack.
    pub(crate) toll_g: f64,
    /// The one slot that is looked at, where it is one.
    pub(crate) only: Option<u32>,
}

/// Answers, with room to work in.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Cost by hour of the window; infinite where there is no room.
    cost: Vec<f64>,
    /// Grams of going on in an hour after a pause.
    restart: Vec<f64>,
    keyed: Vec<(f64, u32)>,
    run: Vec<f64>,
    idle: Vec<f64>,
    from: Vec<u8>,
    elastic: Elastic,
    /// Grams of being on the slot at all, prices included.
    fixed_g: f64,
    /// What a gram of CO2e counts beyond itself and its price, while a choice within a quota is looked for.
    dearer: f64,
    /// No choice of the last task asked costs less than this, prices included; nor does having none.
    pub(crate) bound: f64,
    /// The largest sum of costs that the last answer could have had: the measure of its rounding.
    pub(crate) magnitude: f64,
}

impl Oracle {
    /// Finds the cheapest choice that costs less than `limit`.
    pub(crate) fn find(
        &mut self,
        look: &Look,
        task: &Task,
        limit: f64,
        mut whim: Option<&mut Whim>,
        best: &mut Choice,
    ) -> bool {
        self.begin(limit, best);
        for (at, slot) in look.model.slots_of(task) {
            if look.only.is_none_or(|only| only == at) {
                self.ask(look, task, (at, slot), whim.as_deref_mut(), best);
            }
        }
        self.bound = self.bound.min(best.priced);
        best.slot != NONE
    }

    /// The same among some slots, each with what the task costs least there, in rising order: those that cannot win are
    /// passed by.
    pub(crate) fn find_among(
        &mut self,
        look: &Look,
        task: &Task,
        limit: f64,
        among: &[(f64, u32)],
        mut whim: Option<&mut Whim>,
        best: &mut Choice,
    ) -> bool {
        self.begin(limit, best);
        for &(least, at) in among {
            if least >= best.priced {
                break;
            }
            self.ask(look, task, (at, &look.model.slots[at as usize]), whim.as_deref_mut(), best);
        }
        self.bound = self.bound.min(best.priced);
        best.slot != NONE
    }

    fn find_in(
        &mut self,
        look: &Look,
        task: &Task,
        limit: f64,
        among: Option<&[(f64, u32)]>,
        whim: Option<&mut Whim>,
        best: &mut Choice,
    ) -> bool {
        match among {
            Some(among) => self.find_among(look, task, limit, among, whim, best),
            None => self.find(look, task, limit, whim, best),
        }
    }

    /// Finds the cheapest choice, among some slots or all, that costs less than `limit` and emits no more than its quota has left: where the cheapest
    /// of all emits more, CO2e counts for more and more until it does not. Near the cheapest then, not proven to be it.
    pub(crate) fn find_within(
        &mut self,
        look: &Look,
        task: &Task,
        limit: f64,
        among: Option<&[(f64, u32)]>,
        mut whim: Option<&mut Whim>,
        best: &mut Choice,
    ) -> bool {
        let Some(left) = look.room.zip(task.quota).map(|(room, quota)| room.left[quota as usize]) else {
            return self.find_in(look, task, limit, among, whim, best);
        };
        if nanograms(task.least_emitted_g) > left {
            best.slot = NONE;
            return false;
        }
        let model = look.model;
        if !self.find_in(look, task, limit, among, whim.as_deref_mut(), best) || model.emitted(best) <= left {
            return best.slot != NONE;
        }
        let mut low = (best.priced, model.emitted(best));
        let mut dearly = |oracle: &mut Self, dearer: f64, choice: &mut Choice| {
            oracle.dearer = dearer;
            let found = oracle.find_in(look, task, f64::INFINITY, among, whim.as_deref_mut(), choice);
            oracle.dearer = 0.0;
            let emitted = if found { model.emitted(choice) } else { i128::MAX };
            choice.priced -= dearer * grams(emitted);
            (choice.priced, emitted)
        };
        let enough = |found: &(f64, i128)| found.1 <= left;
        let mut high = dearly(self, DEAREST, best);
        if !enough(&high) {
            best.slot = NONE;
            return false;
        }
        let mut choice = Choice::default();
        for _ in 0..CROSSINGS {
            let dearer = (high.0 - low.0) / grams(low.1 - high.1);
            if dearer.is_nan() || dearer <= 0.0 {
                break;
            }
            let now = dearly(self, dearer, &mut choice);
            if now.1 == low.1 || now.1 == high.1 {
                break;
            } else if enough(&now) {
                high = now;
                std::mem::swap(best, &mut choice);
            } else {
                low = now;
            }
        }
        if best.priced >= limit {
            best.slot = NONE;
        }
        best.slot != NONE
    }

    fn begin(&mut self, limit: f64, best: &mut Choice) {
        (best.slot, best.priced) = (NONE, limit);
        (self.bound, self.magnitude) = (limit, limit.abs());
    }

    /// Asks about one slot, and keeps what `best` holds if that is no dearer.
    fn ask(
        &mut self,
        look: &Look,
        task: &Task,
        (at, slot): (u32, &Slot),
        mut whim: Option<&mut Whim>,
        best: &mut Choice,
    ) {
        let sizes = look.model.sizes_of(slot);
        if task.interruptible && sizes.len() > 1 {
            if self.changing(look, task, slot, sizes, whim, best) {
                best.slot = at;
            }
            return;
        }
        for size in sizes.iter().filter(|size| size.hours <= task.deadline - task.release) {
            self.fill(look, task, slot, size, whim.as_deref_mut());
            let found = if !task.interruptible {
                self.whole(task, size, best)
            } else if task.wait_g > 0.0 || slot.restart_h > 0.0 {
                self.pausing_at_a_price(task, size, best)
            } else {
                self.pausing(task, size, best)
            };
            if found {
                best.slot = at;
            }
        }
    }

    /// The hours of a job whose size may change by the hour, and each hour's size.
    fn changing(
        &mut self,
        look: &Look,
        task: &Task,
        slot: &Slot,
        sizes: &[Size],
        mut whim: Option<&mut Whim>,
        best: &mut Choice,
    ) -> bool {
        let mut elastic = std::mem::take(&mut self.elastic);
        elastic.begin(task.work_h, task.wait_g);
        for size in sizes {
            self.fill(look, task, slot, size, whim.as_deref_mut());
            elastic.add(size.speed, &self.cost, &self.restart);
        }
        // Prices look at many jobs many times, and do without the last grams.
        let fixed_g = self.fixed_g;
        let found = elastic.solve(best.priced - fixed_g, look.room.is_some() || look.only.is_some());
        self.magnitude = self.magnitude.max(elastic.magnitude() + fixed_g);
        self.bound = self.bound.min(elastic.bound + fixed_g);
        if let Some(cost) = found {
            best.priced = cost + fixed_g;
            best.hours.clear();
            let hours = elastic.best.iter();
            best.hours.extend(hours.map(|&(hour, at)| (task.release + hour as u32, sizes[at].accelerators)));
        }
        self.elastic = elastic;
        found.is_some()
    }

    fn fill(&mut self, look: &Look, task: &Task, slot: &Slot, size: &Size, whim: Option<&mut Whim>) {
        let model = look.model;
        let window = task.release as usize..task.deadline as usize;
        let from = slot.site as usize * model.hours;
        let cells = from + window.start..from + window.end;
        let accelerators = f64::from(size.accelerators);
        let (watts, rate) = (slot.watts * accelerators, slot.rate_g * accelerators);
        let priced = size.profile as usize * model.sites * model.hours;
        let priced = &look.priced.cells[priced + cells.start..priced + cells.end];
        let grams = &model.grams_per_wh[cells.clone()];
        let dearer = task.quota.map_or(0.0, |quota| look.priced.quotas[quota as usize] + self.dearer);
        let emitted = if dearer > 0.0 { &model.g_per_it_kwh[cells.clone()] } else { &[] };
        let beyond_g = |hour: usize| emitted.get(hour).map_or(0.0, |grams| dearer * grams / 1e3);
        self.fixed_g = slot.fixed_g * (1.0 + dearer);
        self.cost.clear();
        let each = grams.iter().zip(priced).enumerate();
        self.cost.extend(each.map(|(hour, (grams, priced))| watts * (grams + beyond_g(hour)) + rate + priced));
        self.restart.clear();
        if slot.restart_h > 0.0 && task.interruptible {
            let each = grams.iter().enumerate();
            self.restart.extend(each.map(|(hour, grams)| slot.restart_h * watts * (grams + beyond_g(hour))));
        }
        // Where energy has a price below 0, what emissions count may hide behind it.
        let beyond = (0..emitted.len()).map(beyond_g).sum::<f64>() * watts * (1.0 + slot.restart_h);
        let sum = self.cost.iter().chain(&self.restart).map(|cost| cost.abs()).sum::<f64>() + 2.0 * beyond;
        self.magnitude = self.magnitude.max(sum + self.fixed_g + task.wait_g * window.len() as f64);
        if let Some(whim) = whim {
            let blur_g = whim.blur_g * accelerators;
            self.cost.iter_mut().for_each(|cost| *cost += blur_g * whim.lot.unit());
        }
        if let Some(room) = look.room {
            let needed = size.accelerators as i32;
            for (cost, free) in self.cost.iter_mut().zip(&room.free[cells]) {
                if *free < needed {
                    *cost += look.toll_g * f64::from(needed - free);
                }
            }
        }
    }

    /// The cheapest window of a job that does not pause.
    fn whole(&self, task: &Task, size: &Size, best: &mut Choice) -> bool {
        let length = size.hours as usize;
        let (mut sum, mut since, mut found) = (0.0, 0, None);
        for (hour, &cost) in self.cost.iter().enumerate() {
            if cost.is_infinite() {
                (sum, since) = (0.0, hour + 1);
                continue;
            }
            sum += cost;
            if hour + 1 - since > length {
                sum -= self.cost[since];
                since += 1;
            }
            if hour + 1 - since == length {
                let all = sum + self.fixed_g + task.wait_g * since as f64;
                if all < best.priced {
                    (best.priced, found) = (all, Some(since));
                }
            }
        }
        let Some(start) = found else { return false };
        best.hours.clear();
        best.hours.extend((0..size.hours).map(|hour| (task.release + start as u32 + hour, size.accelerators)));
        true
    }

    /// The sum of the cheapest hours, which stand first in `keyed` then; infinite where there are too few.
    fn cheapest(&mut self, length: usize) -> f64 {
        self.keyed.clear();
        let open = self.cost.iter().zip(0..).filter(|(cost, _)| cost.is_finite());
        self.keyed.extend(open.map(|(&cost, hour)| (cost, hour)));
        if self.keyed.len() < length {
            return f64::INFINITY;
        } else if self.keyed.len() > length {
            let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            self.keyed.select_nth_unstable_by(length - 1, order);
        }
        self.keyed[..length].iter().map(|(cost, _)| cost).sum()
    }

    /// The cheapest hours of a job for which pauses and waiting cost nothing.
    fn pausing(&mut self, task: &Task, size: &Size, best: &mut Choice) -> bool {
        let length = size.hours as usize;
        let all = self.cheapest(length) + self.fixed_g;
        if all >= best.priced {
            return false;
        }
        best.priced = all;
        best.hours.clear();
        best.hours.extend(self.keyed[..length].iter().map(|(_, hour)| (task.release + hour, size.accelerators)));
        best.hours.sort_unstable();
        true
    }

    /// The cheapest hours where going on after a pause, or waiting, costs something.
    fn pausing_at_a_price(&mut self, task: &Task, size: &Size, best: &mut Choice) -> bool {
        const RAN: u8 = 1;
        const PAUSED_AFTER_RUNNING: u8 = 2;
        let (window, length) = (self.cost.len(), size.hours as usize);
        // Where energy has a price below 0, going on may pay.
        let gains: f64 = self.restart.iter().map(|restart| restart.min(0.0)).sum();
        if self.cheapest(length) + gains + self.fixed_g >= best.priced {
            return false;
        }
        // By hours run so far: the least cost where it ran in the last hour, and where it did not.
        for costs in [&mut self.run, &mut self.idle] {
            costs.clear();
            costs.resize(length + 1, f64::INFINITY);
        }
        self.idle[0] = 0.0;
        self.from.clear();
        self.from.resize(window * (length + 1), 0);
        let (mut least, mut end) = (best.priced - self.fixed_g, None);
        for hour in 0..window {
            let cost = self.cost[hour];
            let restart = self.restart.get(hour).copied().unwrap_or(0.0);
            let from = &mut self.from[hour * (length + 1)..(hour + 1) * (length + 1)];
            // Who has run fewer hours than this cannot be done in time.
            let fewest = length.saturating_sub(window - hour - 1);
            for count in (fewest..=length.min(hour + 1)).rev() {
                let (ran, was_idle) = (self.run[count], self.idle[count]);
                self.idle[count] = task.wait_g + ran.min(was_idle);
                from[count] |= if ran < was_idle { PAUSED_AFTER_RUNNING } else { 0 };
                self.run[count] = f64::INFINITY;
                if count == 0 {
                    continue;
                }
                let again = if count > 1 { restart } else { 0.0 };
                let (on, anew) = (self.run[count - 1], self.idle[count - 1] + again);
                self.run[count] = cost + on.min(anew);
                from[count] |= if on <= anew { RAN } else { 0 };
            }
            if self.run[length] < least {
                (least, end) = (self.run[length], Some(hour));
            }
        }
        let Some(mut hour) = end else { return false };
        best.priced = least + self.fixed_g;
        best.hours.clear();
        let (mut count, mut runs) = (length, true);
        while count > 0 {
            let from = self.from[hour * (length + 1) + count];
            if runs {
                best.hours.push((task.release + hour as u32, size.accelerators));
                count -= 1;
                runs = from & RAN != 0;
            } else {
                runs = from & PAUSED_AFTER_RUNNING != 0;
            }
            hour = hour.wrapping_sub(1);
        }
        best.hours.reverse();
        true
    }
}
