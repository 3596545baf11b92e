//! Where a job of an extended fleet runs, and where else it could.
//!
//! In: a fleet with terms, its plan, a job. Out: [`Stay`]s: a site and hours, and what they come to.

use crate::extended::model::Model;
use crate::extended::oracle::{Choice, Look, Oracle, Priced};
use crate::fleet::{Fleet, Names, Options};
use crate::plan::FleetPlan;
use crate::quota::nanograms;
use crate::terms::{Bill, Terms};
use greenwich_core::quantity::{AcceleratorHours, Co2e, Usd};

/// What is cheaper by less than this share is not.
const HAIR: f64 = 1e-9;

/// A job on a site, and what that comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Stay {
    /// The site.
    pub site: u32,
    /// Hours in order, each with the accelerators held.
    pub hours: Vec<(u32, u32)>,
    /// Emissions, moved data and restarts included.
    pub co2e: Co2e,
    /// The part of it that moves data there.
    pub transfer: Co2e,
    /// The part of it that restarts after pauses take.
    pub restart: Co2e,
    /// What the room is worth to others, by the shadow prices.
    pub room: Co2e,
    /// What its share of its project's quota is worth to the others of the project, by the quota's shadow price.
    pub share: Co2e,
    /// What accelerators and energy cost, as far as prices are known.
    pub cost: Usd,
    /// Accelerator-hours of waiting.
    pub waiting: AcceleratorHours,
    /// What counts: emissions, and what cost and waiting weigh.
    pub weighed: Co2e,
}

impl Stay {
    fn new(fleet: &Fleet, plan: &FleetPlan, job: u32, site: u32, hours: Vec<(u32, u32)>, bill: &Bill) -> Self {
        let price = plan.quota_of(fleet, job).map_or(0.0, |quota| quota.saves_g_per_g);
        let from = site as usize * fleet.hours as usize;
        let room = hours.iter().map(|&(hour, size)| plan.prices_g[from + hour as usize] * f64::from(size));
        Self {
            site,
            co2e: Co2e::from_g(bill.emitted_g()),
            transfer: Co2e::from_g(bill.transfer_g),
            restart: Co2e::from_g(bill.restart_g),
            room: Co2e::from_g(room.sum()),
            share: Co2e::from_g(price * bill.emitted_g()),
            cost: Usd::from_usd(bill.usd),
            waiting: AcceleratorHours::from_hours(bill.waiting_h),
            weighed: Co2e::from_g(bill.weighed_g(fleet.terms.as_ref().unwrap_or(&Terms::default()))),
            hours,
        }
    }
}

/// Where the plan has a job; `None` where it has no place.
pub fn planned(fleet: &Fleet, plan: &FleetPlan, job: u32) -> Option<Stay> {
    let own = plan.segments.iter().enumerate().filter(|(_, part)| part.job == job);
    let site = own.clone().next()?.1.site;
    let sized = own.map(|(at, part)| (part, plan.accelerators(fleet, at)));
    let hours: Vec<(u32, u32)> =
        sized.flat_map(|(part, size)| (part.start..part.end).map(move |hour| (hour, size))).collect();
    let bill = fleet.bill(job as usize, site, &fleet.way(job as usize, site)?, &hours);
    Some(Stay::new(fleet, plan, job, site, hours, &bill))
}

/// At home from its release, as far as that is planned over, whatever the capacity.
pub fn at_once(fleet: &Fleet, plan: &FleetPlan, job: u32) -> Stay {
    let (way, hours) = fleet.run_at_once(job as usize);
    let home = fleet.jobs[job as usize].home;
    let bill = fleet.bill(job as usize, home, &way, &hours);
    Stay::new(fleet, plan, job, home, hours, &bill)
}

/// The best hours of each of a job's sites, what the room and its share of a quota are worth included; the best site first.
pub fn best_by_site(fleet: &Fleet, plan: &FleetPlan, job: u32) -> Vec<Stay> {
    let price = plan.quota_of(fleet, job).map_or(0.0, |quota| quota.saves_g_per_g);
    best(fleet, plan, job, price)
}

/// Where a job would rather be, what the room is worth included, if its project's quota did not keep it away; `None` where
/// the quota does not.
pub fn kept_away(fleet: &Fleet, plan: &FleetPlan, job: u32) -> Option<Stay> {
    let quota = plan.quota_of(fleet, job)?;
    let own = planned(fleet, plan, job);
    let least = own.as_ref().map_or(f64::INFINITY, |own| own.weighed.g() + own.room.g());
    let left_g = quota.quota.g() - quota.used.g() + own.map_or(0.0, |own| own.co2e.g());
    let rather = best(fleet, plan, job, 0.0).into_iter().next()?;
    let is_cheaper = rather.weighed.g() + rather.room.g() < least * (1.0 - HAIR);
    (is_cheaper && nanograms(rather.co2e.g()) > nanograms(left_g)).then_some(rather)
}

/// The best hours of each of a job's sites, where a gram of its CO2e counts so much beyond itself.
fn best(fleet: &Fleet, plan: &FleetPlan, job: u32, quota_price: f64) -> Vec<Stay> {
    let index = job as usize;
    let Some(terms) = &fleet.terms else { return Vec::new() };
    let mut names = Names::default();
    names.push(fleet.names.get(index));
    let alone = Fleet {
        hours: fleet.hours,
        sites: fleet.sites.clone(),
        site_sets: fleet.site_sets.clone(),
        jobs: vec![fleet.jobs[index]],
        names,
        extras: fleet.extras.get(index).cloned().into_iter().collect(),
        projects: fleet.projects.clone(),
        terms: Some(terms.clone()),
    };
    let model = Model::new(&alone, terms, &Options { unplaced_penalty_g: 0.0, effort: 0.0, threads: 1 });
    let Some(task) = model.tasks.first() else { return Vec::new() };
    let (mut priced, mut oracle, mut choice) = (Priced::new(&model), Oracle::default(), Choice::default());
    priced.fill_apart(&model, &plan.prices_g, &vec![quota_price; model.quotas.len()], 1.0);
    let mut found: Vec<(f64, Stay)> = Vec::new();
    for (at, slot) in model.slots_of(task) {
        let look = Look { model: &model, priced: &priced, room: None, toll_g: f64::INFINITY, only: Some(at) };
        if oracle.find(&look, task, f64::INFINITY, None, &mut choice)
            && let Some(way) = fleet.way(index, slot.site)
        {
            let bill = fleet.bill(index, slot.site, &way, &choice.hours);
            found.push((choice.priced, Stay::new(fleet, plan, job, slot.site, choice.hours.clone(), &bill)));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().map(|(_, stay)| stay).collect()
}
