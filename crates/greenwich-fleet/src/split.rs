//! A bound site by site, for fleets whose jobs are few and large.
//!
//! In: the model, a plan and prices. Out: a bound, with what each job is charged where it is refused. A job may run
//! on several sites; here each site is asked on its own which of its jobs it would take, when it is charged R for
//! each that it refuses. Let m be the sites a job may use: a plan refuses it on m − 1 of them, or on m and pays its
//! penalty P ≥ R. So Σ over sites of the least charge − Σ over jobs of (m − 1) R lies below every plan, for any R
//! from 0 to P (Lagrangian decomposition: Guignard and Kim 1987). Each site's least charge is searched for by a tree
//! of its own: ten trees of a hundred halves do what one tree would need 100¹⁰ for.

use crate::clash::Rows;
use crate::model::{Class, Model};
use crate::place::{Board, NOWHERE, Spot};
use crate::proof::Proof;
use crate::stop::Stop;
use crate::tables::Tables;
use crate::tree::{self, Found, Reach};

/// The share of the work that is dealt out evenly among the sites.
const EVEN: f64 = 0.4;
/// What one round remembers of the ones before.
const MEMORY: f64 = 0.6;

/// A site as a fleet of its own.
pub(crate) struct Place {
    site: u32,
    pub(crate) model: Model,
    pub(crate) rows: Rows,
    /// Its tasks, as the whole fleet numbers them.
    pub(crate) tasks: Vec<u32>,
    base: Tables,
    order: Vec<u32>,
    prices: Vec<f32>,
    /// The best plan of the last round.
    last: Option<Board>,
    /// How far that was from its bound, in grams.
    left_g: f64,
}

/// How much work a bound gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effort {
    /// Rounds that move the charges.
    pub(crate) rounds: usize,
    /// Options looked at in all of them.
    pub(crate) looks: u64,
    /// And at the end, to prove the best.
    pub(crate) last_looks: u64,
}

impl Place {
    /// `prices` and `order` are those of the fleet; empty where nothing will be searched.
    pub(crate) fn new(model: &Model, site: u32, prices: &[f64], order: &[u32]) -> Self {
        let (hours, from) = (model.hours, site as usize * model.hours);
        let cells = model.sites * hours;
        let mut own = Model {
            sites: 1,
            hours,
            grams_per_wh: model.grams_per_wh[from..from + hours].to_vec(),
            capacity: model.capacity[from..from + hours].to_vec(),
            steps: model.steps.clone(),
            profiles: model.profiles.clone(),
            classes: Vec::new(),
            sets: vec![vec![0]],
            tasks: Vec::new(),
            penalty_g: model.penalty_g,
            refusals: Vec::new(),
            hopeless: Vec::new(),
        };
        let most = own.capacity.iter().copied().max().unwrap_or(0);
        let mut tasks = Vec::new();
        for (task, index) in model.tasks.iter().zip(0..) {
            if task.accelerators as i32 > most || !model.sites_of(task).contains(&site) {
                continue;
            }
            let class: &Class = &model.classes[task.class as usize];
            let known = own.classes.iter().position(|known| known == class);
            let class = known.unwrap_or_else(|| {
                own.classes.push(class.clone());
                own.classes.len() - 1
            });
            tasks.push(index);
            own.tasks.push(crate::model::Task { class: class as u32, set: 0, ..*task });
        }
        let mut base = Tables::new(&own);
        base.fill(&own, &vec![0.0; own.steps.len() * hours], 0.0);
        let mut place_of = vec![u32::MAX; model.tasks.len()];
        tasks.iter().zip(0..).for_each(|(&task, own)| place_of[task as usize] = own);
        let order = order.iter().map(|&task| place_of[task as usize]).filter(|&own| own != u32::MAX).collect();
        let levels = prices.chunks_exact(cells).flat_map(|level| &level[from..from + hours]);
        let prices = levels.map(|price| *price as f32).collect();
        Self { site, rows: Rows::new(&own), model: own, tasks, base, order, prices, last: None, left_g: 0.0 }
    }

    /// The same under what refusals are charged.
    pub(crate) fn charged(mut self, refusals: &[f64]) -> Self {
        self.model.refusals = self.tasks.iter().map(|&task| refusals[task as usize]).collect();
        self
    }

    /// A plan as this site has it, under what refusals are charged now.
    fn board(&self, model: &Model, from: &Board, is_own: bool) -> Board {
        let mut board = Board::new(&self.model);
        let mut spot = Spot::default();
        for (own, &task) in self.tasks.iter().enumerate() {
            let (of, index) = if is_own { (&self.model, own) } else { (model, task as usize) };
            let there = if is_own { 0 } else { self.site };
            if from.site[index] == there && from.site[index] != NOWHERE {
                from.spot(of, index, &mut spot);
                spot.site = 0;
                board.take(&self.model, &self.base, own, &spot);
            }
        }
        board
    }

    fn search(&mut self, model: &Model, plan: &Board, refusals: &[f64], reach: (&Reach, Stop)) -> Found {
        self.model.refusals.clear();
        self.model.refusals.extend(self.tasks.iter().map(|&task| refusals[task as usize]));
        let mut board = self.board(model, plan, false);
        if let Some(last) = &self.last {
            let last = self.board(model, last, true);
            if last.total() < board.total() {
                board = last;
            }
        }
        let found = tree::search(&self.model, &self.rows, board, &self.prices, &self.order, &self.base, reach);
        if let Some(step) = found.proof.get(1).filter(|step| !step.prices.is_empty()) {
            self.prices.clone_from(&step.prices);
        }
        self.left_g = (found.board.total() - found.bound).max(0.0);
        self.last = Some(found.board.clone());
        found
    }
}

/// Raises the bound. `least` is what each task costs least per accelerator, under the prices.
pub(crate) fn raise(
    model: &Model,
    plan: &Board,
    prices: &[f64],
    least: &[f64],
    order: &[u32],
    (effort, stop): (&Effort, Stop),
) -> (f64, Proof) {
    let mut places: Vec<Place> = (0..model.sites as u32).map(|site| Place::new(model, site, prices, order)).collect();
    let mut sites_of = vec![0_u32; model.tasks.len()];
    places.iter().flat_map(|place| &place.tasks).for_each(|&task| sites_of[task as usize] += 1);
    let total = plan.total();
    let most: Vec<f64> = (0..model.tasks.len()).map(|index| model.refusal(index)).collect();
    let mut refusals: Vec<f64> = least
        .iter()
        .zip(&most)
        .zip(&sites_of)
        .map(|((least, most), &sites)| if sites == 1 { *most } else { least.clamp(0.0, *most) })
        .collect();
    let weight: Vec<f64> = model.tasks.iter().map(|task| task.area() / f64::from(task.accelerators)).collect();
    let mut best = (f64::NEG_INFINITY, Proof::default());
    let mut pace = 0.04;
    let mut centre = refusals.clone();
    let mut turn = vec![0.0; model.tasks.len()];
    let even = 1.0 / model.sites as f64;
    for round in 0..=effort.rounds {
        if stop.is_set() {
            break;
        }
        let last = round == effort.rounds;
        if last {
            refusals.clone_from(&centre);
        }
        let looks = if last { effort.last_looks } else { effort.looks / effort.rounds as u64 };
        let reach = Reach {
            first_rounds: if round == 0 { 300 } else { 80 },
            rounds: 60,
            try_rounds: 12,
            tried: 6,
            looks: 0,
            near_g: total * 3e-4 / places.len() as f64,
        };
        let mut bound = 0.0;
        let mut placed = vec![0_u32; model.tasks.len()];
        let mut parts = Vec::with_capacity(places.len());
        let left: f64 = places.iter().map(|place| place.left_g).sum();
        for place in &mut places {
            // Where the last round left most open there is most to be done.
            let share = if left > 0.0 { EVEN * even + (1.0 - EVEN) * place.left_g / left } else { even };
            let reach = Reach { looks: (looks as f64 * share) as u64, ..reach };
            let found = place.search(model, plan, &refusals, (&reach, stop));
            bound += found.bound;
            for (own, &task) in place.tasks.iter().enumerate() {
                placed[task as usize] += u32::from(found.board.site[own] != NOWHERE);
            }
            parts.push(found.proof);
        }
        for (index, task) in model.tasks.iter().enumerate() {
            bound -= f64::from(sites_of[index].max(1) - 1) * refusals[index] * f64::from(task.accelerators);
        }
        if bound > best.0 {
            best = (bound, Proof { refusals_g: refusals.clone(), parts });
            centre.clone_from(&refusals);
            pace *= 1.3;
        } else {
            pace *= 0.6;
        }
        let mut norm = 0.0;
        for (index, task) in model.tasks.iter().enumerate() {
            let lacks = if sites_of[index] == 1 { 0.0 } else { 1.0 - f64::from(placed[index]) };
            let stuck = lacks > 0.0 && refusals[index] >= most[index] || lacks < 0.0 && refusals[index] <= 0.0;
            let lacks = if stuck { 0.0 } else { lacks };
            turn[index] = MEMORY * turn[index] + (1.0 - MEMORY) * lacks;
            let size = weight[index] * f64::from(task.accelerators);
            norm += (turn[index] * size).powi(2);
        }
        if norm <= 0.0 {
            continue;
        }
        let step = pace * (total.min(best.0 * 1.05) - best.0) / norm;
        for (index, task) in model.tasks.iter().enumerate() {
            let size = weight[index] * f64::from(task.accelerators);
            // By the hour: the charges of long jobs are the larger.
            let moved = centre[index] + step * turn[index] * size * weight[index];
            if sites_of[index] > 1 {
                refusals[index] = moved.clamp(0.0, most[index]);
            }
        }
    }
    best
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
        let (mut above, mut all) = (0, 0);
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
            let mut priced = Tables::new(&model);
            priced.fill(&model, &prices, 1.0);
            let least: Vec<f64> = (0..model.tasks.len()).map(|index| Board::least(&model, &priced, index)).collect();
            let order: Vec<u32> = (0..model.tasks.len() as u32).collect();
            let effort = Effort { rounds: 8, looks: 2_000_000, last_looks: 1_000_000 };
            let (_, proof) = raise(&model, &Board::new(&model), &prices, &least, &order, (&effort, Stop(&stop)));
            let proven = proof::replay(&model, &proof).expect("the proof is of this fleet");
            assert!(proven <= optimum.co2e.g() * (1.0 + 1e-12), "{proven} is above {}", optimum.co2e.g());
            all += 1;
            above += usize::from(proven >= optimum.certificate.bound.g() * 1.001);
        }
        assert!(above * 4 > all, "{above} of {all} bounds are above what prices prove");
    }
}
