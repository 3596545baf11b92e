//! What proves a bound to someone who does not trust the planner.
//!
//! In: a fleet, and prices of capacity by step, site and hour. Out: grams that no plan can go below, reckoned job by
//! job from the fleet itself, with none of the planner's tables. The argument: `bound`, and
//! `docs/design/009-fleet-planner.md`.

use crate::bound::Sum;
use crate::extended::naive::{self, Charged};
use crate::fleet::{Fleet, Job};
use greenwich_core::quantity::Co2e;
use std::collections::HashMap;

/// Prices of capacity. A step of k counts capacity and jobs in whole multiples of k.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// The steps; 1 is among them.
    pub steps: Vec<u32>,
    /// Grams per accelerator-hour, by step, site and hour.
    pub prices_g: Vec<f64>,
    /// What a gram of CO2e counts beyond itself, by project: 0 for one without a quota. Empty where no project has one.
    pub quota_prices: Vec<f64>,
    /// The bound that the planner says they prove.
    pub bound: Co2e,
}

/// What jobs that cost the same have in common: window, hours, accelerators, power, sites, pauses.
type Alike = (u32, u32, u32, u32, u64, u32, bool);

/// Proves a bound from prices of capacity and of quotas; `None` where they do not belong to the fleet: too few, negative or
/// not numbers.
pub fn prove(
    fleet: &Fleet,
    unplaced_penalty_g: f64,
    steps: &[u32],
    prices_g: &[f64],
    quota_prices: &[f64],
) -> Option<Co2e> {
    let (sites, hours) = (fleet.sites.len(), fleet.hours as usize);
    let cells = sites * hours;
    let fine = |price: &f64| price.is_finite() && *price >= 0.0;
    if prices_g.len() != steps.len() * cells || !prices_g.iter().all(fine) || steps.contains(&0) {
        return None;
    }
    let mut held: Sum = fleet.quotas_held(quota_prices)?.into_iter().collect();
    for (&step, prices) in steps.iter().zip(prices_g.chunks_exact(cells)) {
        for (site, prices) in fleet.sites.iter().zip(prices.chunks_exact(hours)) {
            for (&capacity, price) in site.capacity.iter().zip(prices) {
                held.add(price * f64::from(capacity / step * step));
            }
        }
    }
    if let Some(terms) = fleet.more() {
        let charged = Charged { steps, prices_g, quota_prices };
        let (mut jobs, mut magnitude) = (Sum::default(), 0.0);
        for index in 0..fleet.jobs.len() {
            let (least, size) = naive::least(fleet, terms, index, unplaced_penalty_g, charged);
            jobs.add(least);
            magnitude += size;
        }
        let unit = f64::EPSILON * (3.0 * hours as f64 + steps.len() as f64 + 32.0) * 2.0;
        return Some(Co2e::from_g((jobs.total() - held.total()) - unit * (magnitude + held.total())));
    }
    // Many jobs are alike: what each costs is remembered.
    let mut known: HashMap<Alike, f64> = HashMap::new();
    let mut jobs = Sum::default();
    for (index, job) in fleet.jobs.iter().enumerate() {
        let kind = fleet.extras.get(index).and_then(|extras| extras.accelerator.as_deref());
        let cost = || least(fleet, job, kind, unplaced_penalty_g, steps, prices_g);
        let watts = job.power.watts().to_bits();
        let key = (job.release, job.deadline, job.hours, job.accelerators, watts, job.sites.0, job.interruptible);
        jobs.add(if kind.is_some() { cost() } else { *known.entry(key).or_insert_with(cost) });
    }
    let (jobs, held) = (jobs.total(), held.total());
    // Each term is a sum of at most `hours` products of numbers that are not negative; the sums carry their error.
    let unit = f64::EPSILON * (hours as f64 + 16.0) * 2.0;
    Some(Co2e::from_g(((jobs - held) - unit * (jobs + held)).max(0.0)))
}

/// The least that a job can cost under prices: on any of its sites, at any time, or its penalty.
fn least(fleet: &Fleet, job: &Job, kind: Option<&str>, penalty_g: f64, steps: &[u32], prices_g: &[f64]) -> f64 {
    let (sites, hours) = (fleet.sites.len(), fleet.hours as usize);
    let size = f64::from(job.accelerators);
    let refuse = penalty_g * size * f64::from(job.hours);
    let (release, deadline, length) =
        (job.release as usize, job.deadline.min(fleet.hours) as usize, job.hours as usize);
    if release + length > deadline || length == 0 {
        return refuse;
    }
    let mut best = refuse;
    for &site in &fleet.site_sets[job.sites.0 as usize] {
        let place = &fleet.sites[site as usize];
        let has = place.accelerator.as_deref();
        let largest = place.capacity.iter().copied().max().unwrap_or(0);
        if (kind.is_some() && has.is_some() && kind != has) || largest < job.accelerators {
            continue;
        }
        let cost = |hour: usize| {
            let emitted = size * job.power.watts() / 1e3 * place.pue.ratio() * place.intensity[hour].g_per_kwh();
            let at = site as usize * hours + hour;
            let charged = steps.iter().enumerate().map(|(level, &step)| {
                prices_g[level * sites * hours + at] * f64::from(step * (job.accelerators / step))
            });
            emitted + charged.sum::<f64>()
        };
        let mut costs: Vec<f64> = (release..deadline).map(cost).collect();
        if job.interruptible {
            costs.sort_unstable_by(f64::total_cmp);
            best = best.min(costs[..length].iter().sum());
        } else {
            let windows = costs.windows(length).map(|window| window.iter().sum::<f64>());
            best = windows.fold(best, f64::min);
        }
    }
    best
}
