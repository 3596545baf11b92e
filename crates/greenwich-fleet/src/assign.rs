//! Who runs where, parted in two again and again, with a bound site by site.
//!
//! In: the model, a plan and prices. Out: a bound for every plan, its proof, and a better plan where one is met. Charges
//! and sites' trees (see [`crate::split`]) prove what sites come to when each is asked on its own; two sites may then take
//! one job, or none takes another. So what is open is parted: a job is on this site or not, has a place or not. Each half
//! goes on with the charges and trees that are there, and only sites whose plan it forbids are searched anew.

use crate::beside::Beside;
use crate::clash::Rows;
use crate::model::Model;
use crate::options::{Cut, Frame};
use crate::place::{Board, NOWHERE, Spot};
use crate::proof::{Proof, Split};
use crate::relax::{Prices, Relax};
use crate::split::{Asked, Known, Place};
use crate::stop::Stop;
use crate::tables::Tables;
use crate::tree::Reach;
use std::rc::Rc;

/// The share of the work that is dealt out evenly among the sites.
const EVEN: f64 = 0.4;


/// How much work a bound gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effort {
    /// Rounds that move the charges before anything is parted.
    pub(crate) rounds: usize,
    /// Options looked at in all of them.
    pub(crate) looks: u64,
    /// And in all.
    pub(crate) last_looks: u64,
}

/// Which jobs may still run where, and who may stay without a place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Where {
    open: Vec<bool>,
    refuse: Vec<bool>,
}

impl Where {
    pub(crate) fn all(model: &Model, frame: &Frame) -> Self {
        Self { open: vec![true; frame.slots.len()], refuse: vec![true; model.tasks.len()] }
    }

    /// The half that a cut by place keeps.
    pub(crate) fn half(&self, frame: &Frame, cut: Cut, first: bool) -> Self {
        let mut half = self.clone();
        match cut {
            Cut::Place(task) if first => half.refuse[task as usize] = false,
            Cut::Place(task) => half.open[frame.of(task as usize)].fill(false),
            Cut::On(slot) | Cut::In(slot, _) if first => {
                let task = frame.slots[slot as usize].task as usize;
                let was = half.open[slot as usize];
                half.refuse[task] = false;
                half.open[frame.of(task)].fill(false);
                half.open[slot as usize] = was;
            }
            Cut::On(slot) | Cut::In(slot, _) => half.open[slot as usize] = false,
            Cut::Until(..) => {}
        }
        half
    }

    fn count(&self, frame: &Frame, task: usize) -> usize {
        self.open[frame.of(task)].iter().filter(|open| **open).count()
    }

    /// Whether a task may be charged so much per accelerator where it is refused: who may stay without a place, no
    /// more than that costs.
    pub(crate) fn may_charge(&self, model: &Model, task: usize, charge: f64) -> bool {
        charge >= 0.0 && charge.is_finite() && (!self.refuse[task] || charge <= model.refusal(task))
    }

    /// What sites charge for a task beyond what a plan pays.
    pub(crate) fn charged_twice(&self, model: &Model, frame: &Frame, task: usize, charge: f64) -> f64 {
        let sites = frame.of(task).len() as f64;
        let charge = charge * f64::from(model.tasks[task].accelerators);
        // Who may run nowhere pays its penalty, whatever sites charge.
        if self.count(frame, task) == 0 { sites * charge - model.penalty(task) } else { (sites - 1.0) * charge }
    }

    /// Which of a site's tasks may not run there, and which have to.
    pub(crate) fn at(&self, frame: &Frame, place: &Place) -> (Vec<bool>, Vec<bool>) {
        let barred = place.slots.iter().map(|&slot| !self.open[slot as usize]).collect();
        let only = |(&slot, &task): (&u32, &u32)| {
            self.open[slot as usize] && !self.refuse[task as usize] && self.count(frame, task as usize) == 1
        };
        (barred, place.slots.iter().zip(&place.tasks).map(only).collect())
    }
}

/// A part of what is open.
#[derive(Clone)]
struct Node {
    allowed: Where,
    refusals: Vec<f64>,
    sites: Vec<Known>,
    bound: f64,
    /// Which way charges were moved.
    turn: Vec<f64>,
    /// How often each slot was taken in the last rounds.
    taken: Vec<f64>,
    pace: f64,
    number: u32,
}

struct Search<'a> {
    model: &'a Model,
    frame: Frame,
    places: Vec<Place>,
    base: &'a Tables,
    order: &'a [u32],
    plan: Board,
    looks: u64,
    splits: Vec<Option<(Cut, u32, u32)>>,
    stop: Stop<'a>,
}

fn env(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Raises the bound.
pub(crate) fn raise(
    model: &Model,
    plan: &Board,
    prices: &[f64],
    (order, base): (&[u32], &Tables),
    (effort, stop): (&Effort, Stop),
) -> (Board, Proof) {
    let frame = Frame::new(model);
    let places = (0..model.sites as u32).map(|site| Place::new(model, &frame, site, prices, order)).collect();
    let mut search =
        Search { model, frame, places, base, order, plan: plan.clone(), looks: 0, splits: vec![None], stop };
    let leaves = search.grow(prices, effort);
    (search.plan.clone(), search.proof(leaves))
}

impl Search<'_> {
    fn reach(&self, looks: u64, known: bool) -> Reach {
        Reach {
            first_rounds: if known { 80 } else { 300 },
            rounds: 60,
            try_rounds: 12,
            tried: env("TRIED", 6.0) as usize,
            looks,
            near_g: self.plan.total() * 3e-4 / self.places.len() as f64,
            known_rounds: env("KNOWN", 6.0) as usize,
        }
    }

    fn twice(&self, allowed: &Where, refusals: &[f64]) -> f64 {
        let each = |task: usize| allowed.charged_twice(self.model, &self.frame, task, refusals[task]);
        (0..self.model.tasks.len()).map(each).sum()
    }

    /// Searches a site.
    fn site(&mut self, site: usize, allowed: &Where, refusals: &[f64], known: Option<&Known>, limit: f64, looks: u64) -> Known {
        let (barred, forced) = allowed.at(&self.frame, &self.places[site]);
        let reach = self.reach(looks, known.is_some());
        let asked = Asked { refusals, barred: &barred, forced: &forced, plan: &self.plan, known, limit };
        let found = self.places[site].search(self.model, asked, (&reach, self.stop));
        self.looks += found.looks;
        found
    }

    /// Searches all sites under charges.
    fn sites(&mut self, allowed: &Where, refusals: &[f64], known: &[Known], looks: u64) -> (Vec<Known>, f64) {
        let left: f64 = known.iter().map(|site| site.left_g).sum();
        let even = 1.0 / self.places.len() as f64;
        let mut found = Vec::with_capacity(self.places.len());
        for site in 0..self.places.len() {
            let share = if left > 0.0 { EVEN * even + (1.0 - EVEN) * known[site].left_g / left } else { even };
            let looks = (looks as f64 * share) as u64;
            found.push(self.site(site, allowed, refusals, known.get(site), f64::INFINITY, looks));
        }
        let bound = found.iter().map(|site| site.bound).sum::<f64>() - self.twice(allowed, refusals);
        (found, bound)
    }

    /// Moves charges towards what leaves each job with one site.
    fn ascend(&mut self, node: &mut Node, rounds: usize, looks: u64) {
        let mut latest = node.sites.clone();
        let mut deepened = false;
        for _ in 0..rounds {
            if self.stop.is_set() || node.bound >= self.enough() {
                break;
            }
            let left: f64 = node.sites.iter().map(|site| site.left_g).sum();
            if left > env("DEEP", 0.35) * (self.plan.total() - node.bound) && !deepened {
                let before = node.bound;
                self.deepen(node, looks);
                latest.clone_from(&node.sites);
                self.join(&latest);
                deepened = node.bound - before < env("DGAIN", 0.02) * (self.plan.total() - before);
                if std::env::var_os("TRACE").is_some() {
                    eprintln!("    deeper {:.1} to {:.1} left {:.1} to {:.1} looks {:.1e}", before / 1e3, node.bound / 1e3, left / 1e3, node.sites.iter().map(|site| site.left_g).sum::<f64>() / 1e3, self.looks as f64);
                }
                continue;
            }
            deepened = false;
            let Some(trial) = self.moved(node, &latest) else { break };
            let (found, bound) = self.sites(&node.allowed, &trial, &latest, looks);
            if std::env::var_os("TRACE").is_some() {
                eprintln!("    round bound {:.1} pace {:.3} steps {} looks {:.1e}", bound / 1e3, node.pace, found.iter().map(|site| site.grown.steps.len()).sum::<usize>(), self.looks as f64);
            }
            if bound > node.bound {
                node.bound = bound;
                node.refusals = trial;
                node.sites.clone_from(&found);
                node.pace *= env("UP", 1.3);
            } else {
                node.pace *= env("DOWN", 0.7);
            }
            latest = found;
            self.join(&latest);
        }
    }

    /// Searches on where most is left open, under the same charges.
    fn deepen(&mut self, node: &mut Node, looks: u64) {
        let left: f64 = node.sites.iter().map(|site| site.left_g).sum();
        for site in 0..self.places.len() {
            let own = (looks as f64 * node.sites[site].left_g / left) as u64;
            // A search goes through what was parted before; it has to go on from there.
            let own = own + node.sites[site].looks / 2;
            if node.sites[site].left_g * 20.0 < left {
                continue;
            }
            let others = node.sites.iter().map(|site| site.bound).sum::<f64>() - node.sites[site].bound;
            let limit = self.plan.total() - (others - self.twice(&node.allowed, &node.refusals));
            let found = self.site(site, &node.allowed, &node.refusals, Some(&node.sites[site]), limit, own);
            if found.bound > node.sites[site].bound {
                node.sites[site] = found;
            }
        }
        let bound = node.sites.iter().map(|site| site.bound).sum::<f64>() - self.twice(&node.allowed, &node.refusals);
        node.bound = node.bound.max(bound);
    }

    /// The charges that are tried next.
    fn moved(&self, node: &mut Node, latest: &[Known]) -> Option<Vec<f64>> {
        let (model, frame) = (self.model, &self.frame);
        let mut taken = vec![0.0; frame.slots.len()];
        for (place, known) in self.places.iter().zip(latest) {
            for (own, &slot) in place.slots.iter().enumerate() {
                taken[slot as usize] = f64::from(u8::from(known.board.site[own] != NOWHERE));
            }
        }
        let mut norm = 0.0;
        for (task, of) in model.tasks.iter().enumerate() {
            let placed: f64 = frame.of(task).map(|slot| taken[slot]).sum();
            let open = node.allowed.count(frame, task);
            let is_fixed = open == 0 || open == 1 && !node.allowed.refuse[task];
            let lacks = if is_fixed { 0.0 } else { 1.0 - placed };
            let most = if node.allowed.refuse[task] { model.refusal(task) } else { f64::INFINITY };
            let stuck = lacks > 0.0 && node.refusals[task] >= most || lacks < 0.0 && node.refusals[task] <= 0.0;
            let lacks = if stuck { 0.0 } else { lacks };
            node.turn[task] = if is_fixed { 0.0 } else { env("MEM", 0.6) * node.turn[task] + (1.0 - env("MEM", 0.6)) * lacks };
            norm += node.turn[task].powi(2) * of.area();
        }
        let fade = env("FADE", 0.3);
        node.taken.iter_mut().zip(&taken).for_each(|(mean, now)| *mean += fade * (now - *mean));
        if norm <= 0.0 {
            return None;
        }
        let step = node.pace * (self.plan.total().min(node.bound * env("AIM", 1.05)) - node.bound).max(0.0) / norm;
        let mut trial = node.refusals.clone();
        for (task, of) in model.tasks.iter().enumerate() {
            let most = if node.allowed.refuse[task] { model.refusal(task) } else { f64::INFINITY };
            // By the hour: the charges of long jobs are the larger.
            trial[task] = (trial[task] + step * node.turn[task] * f64::from(of.hours)).clamp(0.0, most);
        }
        Some(trial)
    }

    /// A bound that is as good as the plan.
    fn enough(&self) -> f64 {
        self.plan.total() * (1.0 - 1e-7)
    }

    /// Makes one plan of the sites' own, and keeps it where it is better.
    fn join(&mut self, sites: &[Known]) {
        let model = self.model;
        let mut board = Board::new(model);
        let mut spot = Spot::default();
        let mut own_of: Vec<Vec<u32>> = self.places.iter().map(|_| vec![u32::MAX; model.tasks.len()]).collect();
        for (place, own_of) in self.places.iter().zip(&mut own_of) {
            place.tasks.iter().zip(0..).for_each(|(&task, own)| own_of[task as usize] = own);
        }
        for &task in self.order {
            let task = task as usize;
            let taking = (0..sites.len()).filter(|&site| {
                let own = own_of[site][task];
                own != u32::MAX && sites[site].board.site[own as usize] != NOWHERE
            });
            let cheapest = taking.min_by(|&a, &b| {
                let grams = |site: usize| sites[site].board.grams[own_of[site][task] as usize];
                grams(a).total_cmp(&grams(b))
            });
            if let Some(site) = cheapest {
                sites[site].board.spot(&self.places[site].model, own_of[site][task] as usize, &mut spot);
                spot.site = site as u32;
                board.take(model, self.base, task, &spot);
            }
        }
        for _ in 0..2 {
            for &task in self.order {
                let task = task as usize;
                board.give_back(model, task, &mut spot);
                if board.find(model, self.base, task, model.refusal(task), &mut spot) {
                    board.take(model, self.base, task, &spot);
                }
            }
        }
        if board.total() < self.plan.total() * (1.0 - 1e-12) {
            if std::env::var_os("TRACE").is_some() {
                eprintln!("plan {:.1} from {:.1}", board.total() / 1e3, self.plan.total() / 1e3);
            }
            self.plan = board;
        }
    }

    /// The half of a node, searched where its sites' plans are forbidden.
    fn half(&mut self, node: &Node, cut: Cut, first: bool, looks: u64) -> Node {
        let mut half = node.clone();
        half.allowed = node.allowed.half(&self.frame, cut, first);
        let task = match cut {
            Cut::Place(task) | Cut::Until(task, _) => task,
            Cut::On(slot) | Cut::In(slot, _) => self.frame.slots[slot as usize].task,
        };
        let index = task as usize;
        let mut again = Vec::new();
        for site in 0..self.places.len() {
            let Some(own) = self.places[site].tasks.iter().position(|of| *of == task) else { continue };
            let slot = self.places[site].slots[own] as usize;
            let takes = node.sites[site].board.site[own] != NOWHERE;
            let forced = half.allowed.open[slot] && !half.allowed.refuse[index] && half.allowed.count(&self.frame, index) == 1;
            // Where it may no longer run, and where it is now the only place.
            if if takes { !half.allowed.open[slot] } else { forced } {
                again.push(site);
            }
        }
        for site in again {
            let others: f64 = half.sites.iter().map(|site| site.bound).sum::<f64>() - half.sites[site].bound;
            let limit = self.plan.total() - (others - self.twice(&half.allowed, &half.refusals));
            let before = half.sites[site].clone();
            let allowed = half.allowed.clone();
            let refusals = half.refusals.clone();
            let found = self.site(site, &allowed, &refusals, Some(&before), limit, looks);
            half.sites[site] = if found.bound < before.bound {
                // The old tree proves no less of what is left.
                Known { board: found.board, left_g: found.left_g, ..before }
            } else {
                found
            };
        }
        let bound = half.sites.iter().map(|site| site.bound).sum::<f64>() - self.twice(&half.allowed, &half.refusals);
        half.bound = bound.max(node.bound);
        half
    }

    /// Where the sites' choices differ most.
    fn cuts(&self, node: &Node, most: usize) -> Vec<Cut> {
        let mut found: Vec<(f64, Cut)> = Vec::new();
        for (task, of) in self.model.tasks.iter().enumerate() {
            let slots = self.frame.of(task).filter(|&slot| node.allowed.open[slot]);
            let mut best = (0.0, None);
            let mut sum = 0.0;
            let area = of.area();
            for slot in slots {
                let taken = node.taken[slot];
                sum += taken;
                let score = area * taken.min(1.0 - taken);
                if score > best.0 && (node.allowed.count(&self.frame, task) > 1 || node.allowed.refuse[task]) {
                    best = (score, Some(Cut::On(slot as u32)));
                }
            }
            let place = area * f64::min(sum, 1.0 - sum) * env("PLACE", 2.0);
            let dearer = self.model.penalty(task) - node.refusals[task] * f64::from(of.accelerators);
            let must = node.bound + dearer >= self.enough();
            if node.allowed.refuse[task] && place > best.0 && !must {
                best = (place, Some(Cut::Place(task as u32)));
            }
            if let (score, Some(cut)) = best {
                found.push((score, cut));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(most);
        found.into_iter().map(|(_, cut)| cut).collect()
    }

    /// Raises the prices of all sites together, where jobs that do not fit beside others have prices too. Sites begin
    /// with these; returns what each task costs least.
    fn begin(&mut self, prices: &[f64]) -> Vec<f64> {
        let (whole, _) = self.model.of_sites(0..self.model.sites);
        let rows = Rows { stretches: Vec::new(), beside: Beside::new(&whole, &self.frame) };
        let mut relax = Relax::new(&whole, &self.frame, &rows);
        let mut centre: Vec<f32> = prices.iter().map(|price| *price as f32).collect();
        centre.resize(centre.len() + rows.beside.capacity.len(), 0.0);
        let begin = Prices { mean: vec![0.0; centre.len()], centre };
        let open = self.frame.open(&whole);
        let raised = relax.raise(&open, &begin, env("ROOT", 1000.0) as usize, self.plan.total(), false, |_| {});
        if std::env::var_os("TRACE").is_some() {
            eprintln!("beside {:.1} looks {:.2e} rows {}", raised.bound / 1e3, relax.looks as f64, rows.beside.capacity.len());
        }
        self.looks += relax.looks;
        for place in &mut self.places {
            place.take_prices(&whole, &rows.beside, &raised.prices.centre);
        }
        relax.leasts(&open, &raised.prices)
    }

    fn grow(&mut self, prices: &[f64], effort: &Effort) -> Vec<Node> {
        let trace = std::env::var_os("TRACE").is_some();
        let model = self.model;
        let allowed = Where::all(model, &self.frame);
        let least = &self.begin(prices);
        let refusals: Vec<f64> = (0..model.tasks.len())
            .map(|task| {
                let most = model.refusal(task);
                if self.frame.of(task).len() == 1 { most } else { least[task].clamp(0.0, most) }
            })
            .collect();
        let looks = effort.looks / effort.rounds.max(1) as u64;
        let (sites, bound) = self.sites(&allowed, &refusals, &[], looks);
        self.join(&sites);
        let taken = vec![0.5; self.frame.slots.len()];
        let turn = vec![0.0; model.tasks.len()];
        let mut root = Node { allowed, refusals, sites, bound, turn, taken, pace: env("PACE0", 0.1), number: 0 };
        if trace {
            eprintln!("first {:.1}", root.bound / 1e3);
        }
        self.ascend(&mut root, effort.rounds, looks);
        if trace {
            eprintln!("root {:.1} looks {:.2e}", root.bound / 1e3, self.looks as f64);
            for site in &root.sites { eprintln!("  left {:.2} steps {} looks {:.1e}", site.left_g / 1e3, site.grown.steps.len(), site.looks as f64); }
            let mut each: Vec<(f64, usize)> = (0..model.tasks.len()).map(|t| (self.frame.of(t).map(|s| root.taken[s]).sum::<f64>(), t)).collect();
            each.retain(|(sum, t)| (sum - 1.0).abs() > 0.2 && self.frame.of(*t).len() > 1 || model.tasks[*t].area() > 100.0);
            each.sort_by(|a, b| model.tasks[b.1].area().total_cmp(&model.tasks[a.1].area()));
            for (sum, t) in each { let x = &model.tasks[t]; eprintln!("  {t} n{} h{} [{},{}) {} sum {sum:.2} R {:.0} of {:.0} at {:?}", x.accelerators, x.hours, x.release, x.deadline, x.interruptible, root.refusals[t] * f64::from(x.accelerators) / 1e3, model.penalty(t) / 1e3, self.frame.of(t).map(|s| (self.frame.slots[s].site, (root.taken[s] * 100.0) as i32)).filter(|x| x.1 > 5).collect::<Vec<_>>()); }
        }
        let mut waiting = vec![root];
        let mut leaves = Vec::new();
        let tries = env("OTRIED", 4.0) as usize;
        let touch = env("TOUCH", 4e6) as u64;
        let rounds = env("OROUNDS", 3.0) as usize;
        let round_looks = env("OLOOKS", 2e7) as u64;
        while self.looks < effort.last_looks && !self.stop.is_set() {
            let Some(at) = (0..waiting.len()).min_by(|&a, &b| waiting[a].bound.total_cmp(&waiting[b].bound)) else {
                break;
            };
            if waiting[at].bound >= self.enough() {
                break;
            }
            let node = waiting.swap_remove(at);
            let mut best: Option<(f64, Cut, [Node; 2])> = None;
            for cut in self.cuts(&node, tries) {
                let halves = [true, false].map(|first| self.half(&node, cut, first, touch));
                let gain = |half: &Node| (half.bound.min(self.plan.total()) - node.bound).max(1e-6 * node.bound);
                let score = gain(&halves[0]) * gain(&halves[1]);
                if best.as_ref().is_none_or(|best| score > best.0) {
                    best = Some((score, cut, halves));
                }
            }
            let Some((_, cut, halves)) = best else {
                leaves.push(node);
                break;
            };
            let first = self.splits.len() as u32;
            self.splits.extend([None, None]);
            self.splits[node.number as usize] = Some((cut, first, first + 1));
            if trace {
                eprintln!("pop {:.1} waiting {} cut {cut:?} -> {:.1} {:.1}", node.bound / 1e3, waiting.len(), halves[0].bound / 1e3, halves[1].bound / 1e3);
            }
            for (mut half, number) in halves.into_iter().zip(first..) {
                half.number = number;
                half.pace = half.pace.max(env("PACE", 0.02));
                self.ascend(&mut half, rounds, round_looks);
                if trace {
                    eprintln!("   half {:.1} looks {:.2e}", half.bound / 1e3, self.looks as f64);
                }
                if half.bound >= self.enough() { leaves.push(half) } else { waiting.push(half) }
            }
        }
        leaves.append(&mut waiting);
        if trace {
            leaves.sort_by_key(|l| std::cmp::Reverse(l.number));
            for l in &leaves { for s in &l.sites { eprint!(" {:.1}", s.bound / 1e3); } eprintln!("= claimed {} {:.1}", l.number, l.bound / 1e3); }
        }
        leaves
    }

    fn proof(&self, leaves: Vec<Node>) -> Proof {
        let mut known: Vec<Rc<crate::tree::Grown>> = Vec::new();
        let mut splits: Vec<Split> =
            self.splits.iter().map(|split| split.map_or(Split::Whole(0), |(cut, a, b)| Split::Cut(cut, a, b))).collect();
        for leaf in leaves {
            let mut parts = Vec::with_capacity(leaf.sites.len());
            for site in &leaf.sites {
                let at = known.iter().position(|known| Rc::ptr_eq(known, &site.grown)).unwrap_or_else(|| {
                    known.push(Rc::clone(&site.grown));
                    known.len() - 1
                });
                parts.push(at as u32);
            }
            splits[leaf.number as usize] = Split::Sites { refusals_g: leaf.refusals, parts };
        }
        Proof { splits, parts: known.iter().map(|grown| grown.steps.clone()).collect() }
    }
}
