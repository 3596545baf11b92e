//! Who runs where, parted in two again and again, with a bound site by site.
//!
//! In: the model, a plan and prices. Out: a bound for every plan, with its proof, and a better plan where one is met. Each
//! site is asked on its own what it would take, when it is charged R for each job that it refuses. Let m be the sites that
//! a job may use: a plan refuses it on m − 1 of them, or on m and pays its penalty P ≥ R. So Σ over sites of the least
//! charge − Σ over jobs of (m − 1) R lies below every plan, for any R from 0 to P (Lagrangian decomposition: Guignard and
//! Kim 1987). Two sites may then still take one job, or none takes another: charges are moved against it, and in the end
//! what is open is parted (on this site or not, placed or not: branch and price, Savelsbergh 1997). Each half goes on with
//! the charges and the sites' trees that are there, and only sites whose plan it forbids are searched anew.

use crate::beside::Beside;
use crate::clash::Rows;
use crate::model::Model;
use crate::one_site::{Asked, Known, Place};
use crate::options::{Cut, Frame};
use crate::place::{Board, NOWHERE, Spot};
use crate::proof::{Proof, Split};
use crate::relax::{Prices, Relax};
use crate::stop::Stop;
use crate::tables::Tables;
use crate::tree::{Grown, Reach};
use crate::whereabouts::Where;
use std::rc::Rc;

/// The share of the work that is dealt out evenly among the sites.
const EVEN: f64 = 0.4;
/// What the way that charges move remembers of the rounds before.
const MEMORY: f64 = 0.6;
/// How much of the last round is mixed into how often a site takes a job.
const FADE: f64 = 0.3;
/// The pace to begin with, a share of the way to the aim; and the least at which a half begins.
const PACE: f64 = 0.1;
const LEAST_PACE: f64 = 0.02;
/// What the pace is multiplied by after a round that raised the bound, and after one that did not.
const FASTER: f64 = 1.3;
const SLOWER: f64 = 0.7;
/// How far a step aims above the bound, against the bound, where the plan in hand is farther.
const AIM: f64 = 1.05;
/// Where sites leave more than this share of the gap open they are searched on under the same charges.
const DEEP: f64 = 0.35;
/// Unless that closed less than this share of the gap the last time.
const LEAST_DEEPER: f64 = 0.02;
/// Cuts by place that are tried before one is made.
const TRIED: usize = 4;
/// Rounds that move the charges of each half.
const HALF_ROUNDS: usize = 3;
/// What a cut that settles whether a job is placed counts against one that settles where.
const PLACED: f64 = 2.0;
/// A half whose bound comes this near the plan, as a share, is left alone.
const NEAR: f64 = 1e-7;

/// How much work a bound gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effort {
    /// Rounds that raise the prices of all sites together.
    pub(crate) first_rounds: usize,
    /// Rounds that move the charges before anything is parted.
    pub(crate) rounds: usize,
    /// Options looked at in all of them.
    pub(crate) looks: u64,
    /// And in all, what is parted included.
    pub(crate) all_looks: u64,
    /// Options that a site may look at when a cut is tried.
    pub(crate) try_looks: u64,
    /// And all sites in a round of a half.
    pub(crate) half_looks: u64,
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
    /// Its place in the proof.
    number: u32,
}

impl Node {
    /// What the sites leave open between their plans and bounds.
    fn left(&self) -> f64 {
        self.sites.iter().map(|site| site.left_g).sum()
    }
}

struct Search<'a> {
    model: &'a Model,
    frame: Frame,
    places: Vec<Place>,
    base: &'a Tables,
    order: &'a [u32],
    plan: Board,
    looks: u64,
    /// How each part was parted.
    splits: Vec<Option<(Cut, u32, u32)>>,
    stop: Stop<'a>,
}

/// Raises the bound; returns a plan that is no worse than the one given, and the proof. `order` is the order in which
/// tasks find places, `base` holds their costs.
pub(crate) fn raise(
    model: &Model,
    plan: Board,
    prices: &[f64],
    (order, base): (&[u32], &Tables),
    (effort, stop): (&Effort, Stop),
) -> (Board, Proof) {
    let frame = Frame::new(model);
    let places = (0..model.sites as u32).map(|site| Place::new(model, &frame, site, order)).collect();
    let mut search = Search { model, frame, places, base, order, plan, looks: 0, splits: vec![None], stop };
    let root = search.root(prices, effort);
    let leaves = search.grow(root, effort);
    let proof = search.proof(leaves);
    (search.plan, proof)
}

impl Search<'_> {
    /// A bound that is as good as the plan.
    fn enough(&self) -> f64 {
        self.plan.total() * (1.0 - NEAR)
    }

    fn bound(&self, allowed: &Where, refusals: &[f64], sites: &[Known]) -> f64 {
        let twice = |task: usize| allowed.charged_twice(self.model, &self.frame, task, refusals[task]);
        let twice: f64 = (0..self.model.tasks.len()).map(twice).sum();
        sites.iter().map(|site| site.bound).sum::<f64>() - twice
    }

    /// What a site's bound has to reach for a node to be as good as the plan, as long as charges stay.
    fn limit(&self, node: &Node, site: usize) -> f64 {
        let others = self.bound(&node.allowed, &node.refusals, &node.sites) - node.sites[site].bound;
        self.plan.total() - others
    }

    /// Searches a site under charges, as far as so many looks and the limit of its bound.
    fn site(
        &mut self,
        site: usize,
        allowed: &Where,
        refusals: &[f64],
        known: Option<&Known>,
        (looks, limit): (u64, f64),
    ) -> Known {
        let (barred, forced) = allowed.at(&self.frame, &self.places[site]);
        let reach = Reach {
            first_rounds: if known.is_some() { 80 } else { 300 },
            rounds: 60,
            try_rounds: 12,
            tried: 6,
            looks,
            near_g: self.plan.total() * 3e-4 / self.places.len() as f64,
            known_rounds: 6,
        };
        let asked = Asked { refusals, barred: &barred, forced: &forced, plan: &self.plan, known, limit };
        let found = self.places[site].search(self.model, asked, (&reach, self.stop));
        self.looks += found.looks;
        found
    }

    /// Searches all sites under charges, on from what is known of each.
    fn sites(&mut self, allowed: &Where, refusals: &[f64], known: &[Known], looks: u64) -> Vec<Known> {
        let left: f64 = known.iter().map(|site| site.left_g).sum();
        let even = 1.0 / self.places.len() as f64;
        let mut found = Vec::with_capacity(self.places.len());
        for site in 0..self.places.len() {
            // Where the last round left most open there is most to be done.
            let share = if left > 0.0 { EVEN * even + (1.0 - EVEN) * known[site].left_g / left } else { even };
            let looks = (looks as f64 * share) as u64;
            found.push(self.site(site, allowed, refusals, known.get(site), (looks, f64::INFINITY)));
        }
        found
    }

    /// Raises the prices of all sites together, where jobs that do not fit beside others have prices too. Sites begin
    /// with these; returns what each task costs least.
    fn begin(&mut self, prices: &[f64], rounds: usize) -> Vec<f64> {
        let (whole, _) = self.model.of_sites(0..self.model.sites);
        let rows = Rows { stretches: Vec::new(), beside: Beside::new(&whole, &self.frame) };
        let mut relax = Relax::new(&whole, &self.frame, &rows);
        let mut centre: Vec<f32> = prices.iter().map(|price| *price as f32).collect();
        centre.resize(centre.len() + rows.beside.capacity.len(), 0.0);
        let begin = Prices { mean: vec![0.0; centre.len()], centre };
        let open = self.frame.open(&whole);
        let raised = relax.raise(&open, &begin, rounds, self.plan.total(), false, |_| {});
        self.looks += relax.looks;
        for place in &mut self.places {
            place.take_prices(&whole, &rows.beside, &raised.prices.centre);
        }
        relax.leasts(&open, &raised.prices)
    }

    /// All that is open, with charges that began at what tasks cost least and were moved.
    fn root(&mut self, prices: &[f64], effort: &Effort) -> Node {
        let model = self.model;
        let least = self.begin(prices, effort.first_rounds);
        let charge = |task: usize| {
            let most = model.refusal(task);
            if self.frame.of(task).len() == 1 { most } else { least[task].clamp(0.0, most) }
        };
        let refusals: Vec<f64> = (0..model.tasks.len()).map(charge).collect();
        let mut root = Node {
            allowed: Where::all(model, &self.frame),
            refusals: refusals.clone(),
            sites: Vec::new(),
            bound: f64::NEG_INFINITY,
            turn: vec![0.0; model.tasks.len()],
            taken: vec![0.5; self.frame.slots.len()],
            pace: PACE,
            number: 0,
        };
        let looks = effort.looks / effort.rounds.max(1) as u64;
        root.sites = self.sites(&root.allowed, &refusals, &[], looks);
        root.bound = self.bound(&root.allowed, &refusals, &root.sites);
        self.join(&root.sites);
        self.ascend(&mut root, effort.rounds, (looks, effort.looks));
        root
    }

    /// Moves charges towards what leaves each job with one site; where the sites leave much open, searches on instead.
    /// A round gets so many looks, all that was done so far and is done here not more than so many.
    fn ascend(&mut self, node: &mut Node, rounds: usize, (looks, all_looks): (u64, u64)) {
        let mut latest = node.sites.clone();
        let mut gained_little = false;
        for _ in 0..rounds {
            let gap = self.plan.total() - node.bound;
            if self.stop.is_set() || self.looks >= all_looks || node.bound >= self.enough() {
                break;
            }
            if node.left() > DEEP * gap && !gained_little {
                let before = node.bound;
                self.deepen(node, looks);
                latest.clone_from(&node.sites);
                gained_little = node.bound - before < LEAST_DEEPER * gap;
            } else {
                gained_little = false;
                let Some(trial) = self.moved(node, &latest) else { break };
                latest = self.sites(&node.allowed, &trial, &latest, looks);
                let bound = self.bound(&node.allowed, &trial, &latest);
                if bound > node.bound {
                    node.bound = bound;
                    node.refusals = trial;
                    node.sites.clone_from(&latest);
                    node.pace *= FASTER;
                } else {
                    node.pace *= SLOWER;
                }
            }
            self.join(&latest);
        }
    }

    /// Searches on where most is left open, under the same charges.
    fn deepen(&mut self, node: &mut Node, looks: u64) {
        let left = node.left();
        for site in 0..self.places.len() {
            let known = node.sites[site].clone();
            if known.left_g * 20.0 < left {
                continue;
            }
            // A search goes through what was parted before; it has to go on from there.
            let looks = (looks as f64 * known.left_g / left) as u64 + known.looks / 2;
            let limit = self.limit(node, site);
            let found = self.site(site, &node.allowed, &node.refusals, Some(&known), (looks, limit));
            if found.bound > known.bound {
                node.sites[site] = found;
            }
        }
        node.bound = node.bound.max(self.bound(&node.allowed, &node.refusals, &node.sites));
    }

    /// The charges that are tried next; none where every job has one site.
    fn moved(&self, node: &mut Node, latest: &[Known]) -> Option<Vec<f64>> {
        let (model, frame) = (self.model, &self.frame);
        let mut taken = vec![0.0; frame.slots.len()];
        for (place, known) in self.places.iter().zip(latest) {
            for (&slot, &site) in place.slots.iter().zip(&known.board.site) {
                taken[slot as usize] = f64::from(u8::from(site != NOWHERE));
            }
        }
        node.taken.iter_mut().zip(&taken).for_each(|(mean, now)| *mean += FADE * (now - *mean));
        let most: Vec<f64> = (0..model.tasks.len())
            .map(|task| if node.allowed.refuse[task] { model.refusal(task) } else { f64::INFINITY })
            .collect();
        let mut norm = 0.0;
        for (task, of) in model.tasks.iter().enumerate() {
            let placed: f64 = frame.of(task).map(|slot| taken[slot]).sum();
            let lacks = 1.0 - placed;
            let stuck = lacks > 0.0 && node.refusals[task] >= most[task] || lacks < 0.0 && node.refusals[task] <= 0.0;
            let lacks = if stuck { 0.0 } else { lacks };
            let turn = MEMORY * node.turn[task] + (1.0 - MEMORY) * lacks;
            node.turn[task] = if node.allowed.is_settled(frame, task) { 0.0 } else { turn };
            norm += node.turn[task].powi(2) * of.area();
        }
        if norm <= 0.0 {
            return None;
        }
        let aim = self.plan.total().min(node.bound * AIM);
        let step = node.pace * (aim - node.bound).max(0.0) / norm;
        let moved = |(task, of): (usize, &crate::model::Task)| {
            // By the hour: the charges of long jobs are the larger.
            (node.refusals[task] + step * node.turn[task] * f64::from(of.hours)).clamp(0.0, most[task])
        };
        Some(model.tasks.iter().enumerate().map(moved).collect())
    }

    /// Makes one plan of the sites' own, and keeps it where it is better.
    fn join(&mut self, sites: &[Known]) {
        let model = self.model;
        // Of each task, the cheapest spot that a site has for it.
        let mut cheapest: Vec<Option<(f64, usize, usize)>> = vec![None; model.tasks.len()];
        for (at, (place, known)) in self.places.iter().zip(sites).enumerate() {
            for (own, &task) in place.tasks.iter().enumerate().filter(|(own, _)| known.board.site[*own] != NOWHERE) {
                let grams = known.board.grams[own];
                let best = &mut cheapest[task as usize];
                if best.is_none_or(|(least, ..)| grams < least) {
                    *best = Some((grams, at, own));
                }
            }
        }
        let (mut board, mut spot) = (Board::new(model), Spot::default());
        for (task, found) in cheapest.into_iter().enumerate() {
            if let Some((_, at, own)) = found {
                sites[at].board.spot(&self.places[at].model, own, &mut spot);
                spot.site = at as u32;
                board.take(model, self.base, task, &spot);
            }
        }
        for &task in self.order.iter().chain(self.order) {
            let task = task as usize;
            board.give_back(model, task, &mut spot);
            if board.find(model, self.base, task, model.refusal(task), &mut spot) {
                board.take(model, self.base, task, &spot);
            }
        }
        if board.total() < self.plan.total() * (1.0 - 1e-12) {
            self.plan = board;
        }
    }

    /// A half of a node: sites whose plan it forbids are searched, the others prove what they did.
    fn half(&mut self, node: &Node, cut: Cut, first: bool, looks: u64) -> Node {
        let mut half = node.clone();
        half.allowed = node.allowed.half(&self.frame, cut, first);
        let task = match cut {
            Cut::Place(task) | Cut::Until(task, _) => task,
            Cut::On(slot) | Cut::In(slot, _) => self.frame.slots[slot as usize].task,
        } as usize;
        for slot in self.frame.of(task) {
            let site = self.frame.slots[slot].site as usize;
            let Some(own) = self.places[site].slots.iter().position(|of| *of as usize == slot) else { continue };
            let is_taken = node.sites[site].board.site[own] != NOWHERE;
            let is_forced = half.allowed.open[slot] && half.allowed.is_settled(&self.frame, task);
            if is_taken == half.allowed.open[slot] || !is_taken && !is_forced {
                continue;
            }
            let known = half.sites[site].clone();
            let limit = self.limit(&half, site);
            let found = self.site(site, &half.allowed, &half.refusals, Some(&known), (looks, limit));
            half.sites[site] = if found.bound < known.bound {
                // The tree that was there proves no less of what is left.
                Known { board: found.board, left_g: found.left_g, ..known }
            } else {
                found
            };
        }
        half.bound = node.bound.max(self.bound(&half.allowed, &half.refusals, &half.sites));
        half
    }

    /// Where the sites' choices differ most: a cut a job.
    fn cuts(&self, node: &Node) -> Vec<Cut> {
        let mut found: Vec<(f64, Cut)> = Vec::new();
        for (task, of) in self.model.tasks.iter().enumerate() {
            if node.allowed.is_settled(&self.frame, task) {
                continue;
            }
            let mut best: (f64, Option<Cut>) = (0.0, None);
            let mut sum = 0.0;
            for slot in self.frame.of(task).filter(|&slot| node.allowed.open[slot]) {
                let taken = node.taken[slot];
                sum += taken;
                let score = of.area() * taken.min(1.0 - taken);
                if score > best.0 {
                    best = (score, Some(Cut::On(slot as u32)));
                }
            }
            // Where to leave it without a place is too dear at once, nothing is gained by saying so.
            let dearer = self.model.penalty(task) - node.refusals[task] * f64::from(of.accelerators);
            let score = PLACED * of.area() * f64::min(sum, 1.0 - sum);
            if node.allowed.refuse[task] && score > best.0 && node.bound + dearer < self.enough() {
                best = (score, Some(Cut::Place(task as u32)));
            }
            if let (score, Some(cut)) = best {
                found.push((score, cut));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(TRIED);
        found.into_iter().map(|(_, cut)| cut).collect()
    }

    /// The halves of the cut that gains most of those that are tried.
    fn part(&mut self, node: &Node, looks: u64) -> Option<(Cut, [Node; 2])> {
        let mut best: Option<(f64, Cut, [Node; 2])> = None;
        for cut in self.cuts(node) {
            let halves = [true, false].map(|first| self.half(node, cut, first, looks));
            let gain = |half: &Node| (half.bound.min(self.plan.total()) - node.bound).max(1e-6 * node.bound);
            let score = gain(&halves[0]) * gain(&halves[1]);
            if best.as_ref().is_none_or(|best| score > best.0) {
                best = Some((score, cut, halves));
            }
        }
        best.map(|(_, cut, halves)| (cut, halves))
    }

    /// Parts the node of the least bound, as long as there is work to be had. Returns the parts that are left.
    fn grow(&mut self, root: Node, effort: &Effort) -> Vec<Node> {
        let mut waiting = vec![root];
        let mut leaves = Vec::new();
        while self.looks < effort.all_looks && !self.stop.is_set() {
            let least = (0..waiting.len()).min_by(|&a, &b| waiting[a].bound.total_cmp(&waiting[b].bound));
            let Some(node) = least.map(|at| waiting.swap_remove(at)) else { break };
            let parted = if node.bound < self.enough() { self.part(&node, effort.try_looks) } else { None };
            let Some((cut, halves)) = parted else {
                leaves.push(node);
                break;
            };
            let first = self.splits.len() as u32;
            self.splits.extend([None, None]);
            self.splits[node.number as usize] = Some((cut, first, first + 1));
            for (mut half, number) in halves.into_iter().zip(first..) {
                half.number = number;
                half.pace = half.pace.max(LEAST_PACE);
                self.ascend(&mut half, HALF_ROUNDS, (effort.half_looks, effort.all_looks));
                waiting.push(half);
            }
        }
        leaves.append(&mut waiting);
        leaves
    }

    fn proof(&self, leaves: Vec<Node>) -> Proof {
        let mut known: Vec<Rc<Grown>> = Vec::new();
        let cut = |split: &Option<(Cut, u32, u32)>| split.map(|(cut, first, second)| Split::Cut(cut, first, second));
        let mut splits: Vec<Option<Split>> = self.splits.iter().map(cut).collect();
        for leaf in leaves {
            let number = |site: &Known| {
                let at = known.iter().position(|known| Rc::ptr_eq(known, &site.grown));
                at.unwrap_or_else(|| {
                    known.push(Rc::clone(&site.grown));
                    known.len() - 1
                }) as u32
            };
            let parts = leaf.sites.iter().map(number).collect();
            splits[leaf.number as usize] = Some(Split::Sites { refusals_g: leaf.refusals, parts });
        }
        let parts = known.iter().map(|grown| grown.steps.clone()).collect();
        Proof { splits: splits.into_iter().flatten().collect(), parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Fleet, Job, Options, Site, SiteSet};
    use crate::lot::Lot;
    use crate::plan::plan;
    use crate::proof;
    use greenwich_core::ZoneId;
    use greenwich_core::quantity::{AverageIntensity, Power, Pue};
    use std::sync::atomic::AtomicBool;

    /// Two sites over twelve hours, and jobs that are large for them.
    fn crowded(lot: &mut Lot) -> Fleet {
        let mut fleet = Fleet { hours: 12, site_sets: vec![vec![0], vec![1], vec![0, 1]], ..Fleet::default() };
        for site in 0..2 {
            let grams = (0..12).map(|_| AverageIntensity::from_g_per_kwh(900.0 * lot.unit())).collect();
            fleet.sites.push(Site {
                name: format!("s{site}"),
                zone: ZoneId::new("DE"),
                pue: Pue::new(1.1).expect("a PUE"),
                capacity: vec![4; 12],
                intensity: grams,
                accelerator: None,
                region: None,
                usd_per_kwh: None,
                backend: None,
            });
        }
        for _ in 0..7 {
            let (hours, set) = (1 + lot.below(6) as u32, lot.below(3) as u32);
            let release = lot.below(13 - hours as usize) as u32;
            fleet.names.push(&format!("j{}", fleet.jobs.len()));
            fleet.jobs.push(Job {
                release,
                deadline: (release + hours + lot.below(5) as u32).min(12),
                hours,
                accelerators: [1, 2, 3, 4][lot.below(4)],
                power: Power::from_watts(700.0),
                home: set.min(1),
                sites: SiteSet(set),
                interruptible: lot.below(2) == 0,
            });
        }
        fleet
    }

    #[test]
    fn the_bound_site_by_site_lies_below_the_optimum_and_is_followed_by_its_proof() {
        let mut lot = Lot::new(7);
        let stop = AtomicBool::new(false);
        let (mut above, mut all, mut parted) = (0, 0, 0);
        for _ in 0..25 {
            let fleet = crowded(&mut lot);
            let options = Options { unplaced_penalty_g: 2000.0, effort: 0.2, threads: 1 };
            let optimum = plan(&fleet, &options);
            assert!(
                optimum.gap().is_none_or(|gap| gap < 1e-6),
                "gap {:?}: the tree is not searched to its end",
                optimum.gap()
            );
            let model = Model::new(&fleet, &options);
            let prices = optimum.certificate.prices_g.clone();
            let mut base = Tables::new(&model);
            base.fill(&model, &prices, 0.0);
            let order: Vec<u32> = (0..model.tasks.len() as u32).collect();
            let effort = Effort {
                first_rounds: 200,
                rounds: 4,
                looks: 1_000_000,
                all_looks: 3_000_000,
                try_looks: 20_000,
                half_looks: 100_000,
            };
            let board = Board::new(&model);
            let (plan, proof) = raise(&model, board, &prices, (&order, &base), (&effort, Stop(&stop)));
            parted += usize::from(proof.splits.len() > 1);
            assert!(plan.total() >= optimum.co2e.g() * (1.0 - 1e-12), "a plan costs less than the optimum");
            let proven = proof::replay(&model, &proof).expect("the proof is of this fleet");
            assert!(proven <= optimum.co2e.g() * (1.0 + 1e-12), "{proven} is above {}", optimum.co2e.g());
            all += 1;
            above += usize::from(proven >= optimum.certificate.bound.g() * 1.001);
        }
        assert!(parted * 4 > all, "{parted} of {all} are parted by who runs where");
        assert!(above * 4 > all, "{above} of {all} bounds are above what prices prove");
    }

    #[test]
    fn a_proof_that_parts_by_hours_or_leads_back_is_refused() {
        let fleet = crowded(&mut Lot::new(3));
        let model = Model::new(&fleet, &Options { unplaced_penalty_g: 2000.0, effort: 1.0, threads: 1 });
        let leaf =
            |charge: f64| Split::Sites { refusals_g: vec![charge; model.tasks.len()], parts: vec![0; model.sites] };
        let parts = vec![vec![crate::proof::Step {
            prices: vec![0.0],
            narrowed_at: f64::INFINITY,
            then: crate::proof::Then::Done,
        }]];
        let replay = |splits: Vec<Split>| proof::replay(&model, &Proof { splits, parts: parts.clone() });
        assert!(replay(vec![Split::Cut(Cut::Place(0), 1, 2), leaf(0.0), leaf(0.0)]).is_some());
        assert_eq!(replay(vec![Split::Cut(Cut::Place(0), 0, 1), leaf(0.0)]), None);
        assert_eq!(replay(vec![Split::Cut(Cut::In(0, 0), 1, 2), leaf(0.0), leaf(0.0)]), None);
        assert_eq!(replay(vec![Split::Cut(Cut::Place(0), 1, 7), leaf(0.0)]), None);
        // No more than a job's penalty may be charged where it may stay without a place.
        assert_eq!(replay(vec![leaf(1e9)]), None);
        assert_eq!(replay(vec![leaf(-1.0)]), None);
        assert_eq!(replay(vec![leaf(f64::NAN)]), None);
        let step =
            crate::proof::Step { prices: Vec::new(), narrowed_at: f64::INFINITY, then: crate::proof::Then::Done };
        let nothing = Proof { splits: vec![leaf(0.0)], parts: vec![vec![step]] };
        assert_eq!(proof::replay(&model, &nothing), Some(f64::NEG_INFINITY), "steps without prices prove nothing");
    }
}
