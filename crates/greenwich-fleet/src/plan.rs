//! From a fleet to its plan.
//!
//! In: a [`Fleet`] and [`Options`]. Out: a [`FleetPlan`] with its cost, the baseline's, a proven bound, and the
//! prices that prove it. Start reading here.

use crate::ascent::{self, Volume};
use crate::bound::{self, Sum};
use crate::certificate::Certificate;
use crate::dual::Jobs;
use crate::effort::{ExtendedWork, Work};
use crate::extended;
use crate::fleet::{Fleet, Options};
use crate::improve;
use crate::model::Model;
use crate::place::{Board, NOWHERE};
use crate::proof::{self, Proof};
use crate::quota::{QuotaUse, nanograms};
use crate::shapes::Shapes;
use crate::stop::Stop;
use crate::tables::Tables;
use crate::tally::{self, Tally};
use crate::terms::Terms;
use greenwich_core::quantity::Co2e;
use std::sync::atomic::AtomicBool;

/// Why a job has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its window holds fewer hours than it runs.
    WindowTooShort,
    /// It names no site.
    NoSite,
    /// None of its sites has its kind of accelerator.
    NoSuchAccelerator,
    /// It holds more accelerators than any of its sites ever has.
    TooLarge,
    /// There is room for it, and its project's quota of CO2e is used up by others, or is less than it emits anywhere.
    Quota,
    /// It would fit alone; others use the capacity better.
    Crowded,
}

/// A stretch of hours in which a job runs, counted from the start of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The job.
    pub job: u32,
    /// The site.
    pub site: u32,
    /// The first hour.
    pub start: u32,
    /// The hour after the last.
    pub end: u32,
}

/// Who runs where and when.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct FleetPlan {
    /// Stretches of hours, by job and then by hour.
    pub segments: Vec<Placement>,
    /// The accelerators of each segment; empty where every job runs on its own.
    pub sizes: Vec<u32>,
    /// What was reckoned with beyond power, PUE and intensity; `None` for a plain fleet.
    pub tally: Option<Tally>,
    /// Jobs with a place.
    pub placed: usize,
    /// Jobs without one, in the fleet's order.
    pub unplaced: Vec<(u32, Reason)>,
    /// Emissions of the plan, penalties of unplaced jobs included.
    pub co2e: Co2e,
    /// Emissions if each job ran at home from its release, whatever the capacity.
    pub baseline: Co2e,
    /// No plan costs less than this: of emissions, penalties included, or of the weighed sum where cost or delay
    /// weigh.
    pub lower_bound: Co2e,
    /// What one more accelerator would save, in grams an hour, by site and then by hour.
    pub prices_g: Vec<f64>,
    /// What the projects' quotas came to; empty where there is none.
    pub quotas: Vec<QuotaUse>,
    /// Whether it was told to stop before its work was done: the plan keeps every rule, and the bound is proven, but
    /// both may be worse than they would have been.
    pub stopped: bool,
    /// Prices that prove a bound to anyone; the reported one is higher where a tree was searched.
    pub certificate: Certificate,
    /// What proves the reported bound where it is higher than what the prices alone prove.
    pub proof: Option<Proof>,
}

impl FleetPlan {
    /// How far the plan can be from the best there is; `None` where the bound is zero.
    pub fn gap(&self) -> Option<f64> {
        let bound = self.lower_bound.g();
        (bound > 0.0).then(|| (self.weighed().g() - bound) / bound)
    }

    /// The accelerators that a segment holds.
    pub fn accelerators(&self, fleet: &Fleet, segment: usize) -> u32 {
        let own = || fleet.jobs[self.segments[segment].job as usize].accelerators;
        self.sizes.get(segment).copied().unwrap_or_else(own)
    }

    /// Who runs where and when, by job.
    fn runs(&self, fleet: &Fleet) -> Vec<Option<tally::Run>> {
        let mut runs: Vec<Option<tally::Run>> = vec![None; fleet.jobs.len()];
        for (at, part) in self.segments.iter().enumerate() {
            let size = self.accelerators(fleet, at);
            let run = runs[part.job as usize].get_or_insert_with(|| tally::Run { site: part.site, hours: Vec::new() });
            run.hours.extend((part.start..part.end).map(|hour| (hour, size)));
        }
        runs
    }

    /// What was minimised: emissions and penalties, and what cost and delay weigh.
    pub fn weighed(&self) -> Co2e {
        self.tally.as_ref().map_or(self.co2e, |tally| tally.weighed)
    }
}

/// Plans a fleet.
pub fn plan(fleet: &Fleet, options: &Options) -> FleetPlan {
    plan_until(fleet, options, &AtomicBool::new(false))
}

/// Plans a fleet, and comes to an end soon after `stop` is set, with the best plan and bound so far.
pub fn plan_until(fleet: &Fleet, options: &Options, stop: &AtomicBool) -> FleetPlan {
    let stop = Stop(stop);
    if let Some(terms) = fleet.more() {
        return plan_extended(fleet, terms, options, stop);
    }
    plan_plain(fleet, options, stop)
}

/// Plans a fleet by power and hours alone.
fn plan_plain(fleet: &Fleet, options: &Options, stop: Stop) -> FleetPlan {
    let model = Model::new(fleet, options);
    let shapes = Shapes::new(&model);
    let work = Work::new(model.tasks.len(), options.effort);
    let volume = raise(&model, &shapes, &work, stop);
    let bound = bound::prove(&model, &shapes, &volume.centre);
    let prices = volume.centre.clone();
    let (board, proof) = improve::search(&model, shapes, volume, &work, (options.threads, stop));
    let tree = proof.as_ref().and_then(|proof| proof::replay(&model, proof)).unwrap_or(0.0);
    let proof = proof.filter(|_| tree > bound);
    let planned = finish(fleet, &model, &board, options, (bound, tree), prices);
    FleetPlan { stopped: stop.is_set(), proof, ..planned }
}

/// Prices that give a strong bound.
fn raise(model: &Model, shapes: &Shapes, work: &Work, stop: Stop) -> Volume {
    let (capacity, mut tables) = (model.stepped(&model.capacity), Tables::new(model));
    let mut jobs = Jobs { model, shapes, tables: &mut tables };
    let (scales, start) = (ascent::scales(&capacity), vec![0.0; capacity.len()]);
    let (prices, mean) = ascent::begin(&mut jobs, (&capacity, &scales), start, model.typical_cost(), work.passes, stop);
    let mut volume = Volume::new(&mut jobs, capacity, prices, mean);
    volume.rounds(&mut jobs, work.rounds, stop);
    volume
}

/// Plans a fleet that is more than plain: prices, a plan, and the bound of the prices.
fn plan_extended(fleet: &Fleet, terms: &Terms, options: &Options, stop: Stop) -> FleetPlan {
    let model = extended::model::Model::new(fleet, terms, options);
    let work = ExtendedWork::new(model.tasks.len(), model.looks(), options.effort);
    let mut asking = extended::prices::Asking::new(&model);
    let found = extended::prices::raise(&mut asking, work.rounds, stop);
    let prices = found.centre.clone();
    let mut quota_prices = vec![0.0; if fleet.has_quotas() { fleet.projects.len() } else { 0 }];
    for (quota, price) in model.quotas.iter().zip(model.quota_prices(&prices)) {
        quota_prices[quota.project as usize] = price;
    }
    if fleet.has_quotas()
        && quota_prices.iter().all(|price| *price == 0.0)
        && let Some(planned) = plan_within_quotas(fleet, terms, options, stop)
    {
        return planned;
    }
    let bound = extended::prices::prove(&model, &prices, &fleet.quotas_held(&quota_prices).unwrap_or_default());
    let board = extended::search::search(&mut asking, found, &work, (options.threads, stop));
    let mut runs: Vec<Option<tally::Run>> = vec![None; fleet.jobs.len()];
    let mut reasons = model.hopeless.clone();
    reasons.extend(extended::search::reasons(&model, &board));
    reasons.sort_unstable_by_key(|(job, _)| *job);
    for (task, choice) in model.tasks.iter().zip(board.choices) {
        if choice.slot != extended::oracle::NONE {
            let site = model.slots[choice.slot as usize].site;
            runs[task.job as usize] = Some(tally::Run { site, hours: choice.hours });
        }
    }
    let tally = tally::reckon(fleet, terms, options.unplaced_penalty_g, &runs);
    let charge = |job: u32| fleet.refusal_g(job as usize, options.unplaced_penalty_g, terms);
    let hopeless: f64 = model.hopeless.iter().map(|(job, _)| charge(*job)).sum();
    let bound = Co2e::from_g(bound + hopeless * (1.0 - 1e-12));
    let quotas = fleet.quota_uses(&runs, &quota_prices, &reasons);
    let (segments, mut sizes) = tally::segments(&runs);
    if fleet.extras.iter().all(|extras| extras.speedup.is_empty()) {
        sizes.clear();
    }
    FleetPlan {
        placed: fleet.jobs.len() - reasons.len(),
        segments,
        sizes,
        unplaced: reasons,
        co2e: tally.co2e,
        baseline: tally.baseline,
        lower_bound: bound,
        prices_g: prices[..model.sites * model.hours].to_vec(),
        stopped: stop.is_set(),
        proof: None,
        certificate: Certificate {
            steps: model.steps.clone(),
            prices_g: prices[..model.steps.len() * model.sites * model.hours].to_vec(),
            quota_prices,
            bound,
        },
        quotas,
        tally: Some(tally.beside),
    }
}

/// Plans a fleet that is plain but for quotas as if it had none; `None` where that plan goes over one. What no plan without
/// quotas goes below, no plan with them does.
fn plan_within_quotas(fleet: &Fleet, terms: &Terms, options: &Options, stop: Stop) -> Option<FleetPlan> {
    if !fleet.is_plain_but_for_quotas() {
        return None;
    }
    let planned = plan_plain(fleet, options, stop);
    let runs = planned.runs(fleet);
    let mut certificate = planned.certificate.clone();
    certificate.quota_prices = vec![0.0; fleet.projects.len()];
    let quotas = fleet.quota_uses(&runs, &certificate.quota_prices, &planned.unplaced);
    if quotas.iter().any(|quota| nanograms(quota.used.g()) > nanograms(quota.quota.g())) {
        return None;
    }
    let tally = tally::reckon(fleet, terms, options.unplaced_penalty_g, &runs);
    Some(FleetPlan { quotas, certificate, co2e: tally.co2e, tally: Some(tally.beside), ..planned })
}

/// `bounds` are the prices' and the tree's.
fn finish(
    fleet: &Fleet,
    model: &Model,
    board: &Board,
    options: &Options,
    bounds: (f64, f64),
    prices: Vec<f64>,
) -> FleetPlan {
    let mut segments: Vec<Placement> = Vec::with_capacity(model.tasks.len() * 2);
    let mut unplaced = model.hopeless.clone();
    for (index, task) in model.tasks.iter().enumerate() {
        let site = board.site[index];
        if site == NOWHERE {
            unplaced.push((task.job, Reason::Crowded));
            continue;
        }
        let mut open: Option<Placement> = None;
        board.visit_hours(model, index, |hour| match &mut open {
            Some(open) if open.end == hour => open.end += 1,
            _ => segments.extend(open.replace(Placement { job: task.job, site, start: hour, end: hour + 1 })),
        });
        segments.extend(open);
    }
    unplaced.sort_unstable_by_key(|(job, _)| *job);
    let run = |job: u32, site: u32, hours: std::ops::Range<u32>| {
        let (job, from) = (&fleet.jobs[job as usize], site as usize * model.hours);
        let grams = &model.grams_per_wh[from + hours.start as usize..from + hours.end as usize];
        grams.iter().sum::<f64>() * job.power.watts() * f64::from(job.accelerators)
    };
    let charge = |job: u32| fleet.penalty_g(job, options.unplaced_penalty_g);
    let ran = segments.iter().map(|placed| run(placed.job, placed.site, placed.start..placed.end));
    let co2e: Sum = ran.chain(unplaced.iter().map(|(job, _)| charge(*job))).collect();
    let at_home = fleet.jobs.iter().zip(0..).map(|(job, index)| {
        // Of a job that would end after the planned hours, what lies within them.
        let within = |hour: u32| hour.min(fleet.hours);
        run(index, job.home, within(job.release)..within(job.release.saturating_add(job.hours)))
    });
    let baseline: Sum = at_home.collect();
    let hopeless: f64 = model.hopeless.iter().map(|(job, _)| charge(*job)).sum();
    let proven = |bound: f64| Co2e::from_g((bound + hopeless * (1.0 - 1e-12)).max(0.0));
    // An accelerator more is worth the prices of every step that it helps to fill; the first step is each one's.
    let prices_g = prices[..model.sites * model.hours].to_vec();
    FleetPlan {
        placed: fleet.jobs.len() - unplaced.len(),
        segments,
        sizes: Vec::new(),
        unplaced,
        co2e: Co2e::from_g(co2e.total()),
        baseline: Co2e::from_g(baseline.total()),
        lower_bound: proven(bounds.0.max(bounds.1)),
        prices_g,
        tally: None,
        quotas: Vec::new(),
        stopped: false,
        proof: None,
        certificate: Certificate {
            steps: model.steps.clone(),
            prices_g: prices,
            quota_prices: Vec::new(),
            bound: proven(bounds.0),
        },
    }
}
