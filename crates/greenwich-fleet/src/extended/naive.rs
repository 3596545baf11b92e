//! What a job can cost least under prices, reckoned again from the fleet for who doubts the planner.
//!
//! In: a fleet with terms, a job, prices by step, site and hour. Out: the least cost of its run on any site at any time, or
//! its penalty. Nothing here is the planner's but the meaning of the columns: every start is tried, and hours are chosen by
//! a table of all hours and all counts.

use crate::fleet::Fleet;
use crate::terms::{Size, Terms, Way};

/// Prices of capacity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charged<'a> {
    pub(crate) steps: &'a [u32],
    /// By step, site and hour.
    pub(crate) prices_g: &'a [f64],
}

/// The least cost of a job, and the size of the sums that it was found by.
pub(crate) fn least(fleet: &Fleet, terms: &Terms, index: usize, penalty_g: f64, charged: Charged) -> (f64, f64) {
    let job = &fleet.jobs[index];
    let refuse = fleet.refusal_g(index, penalty_g, terms);
    let window = job.release..job.deadline.min(fleet.hours);
    let (mut least, mut magnitude) = (refuse, refuse.abs());
    if window.is_empty() || job.hours == 0 {
        return (least, magnitude);
    }
    for &site in &fleet.site_sets[job.sites.0 as usize] {
        let Some(way) = fleet.way(index, site) else { continue };
        let largest = fleet.sites[site as usize].capacity.iter().copied().max().unwrap_or(0);
        for size in way.sizes.iter().filter(|size| size.accelerators <= largest && size.hours as usize <= window.len())
        {
            let hours: Vec<(f64, f64)> =
                window.clone().map(|hour| hour_cost(fleet, terms, site, &way, size, hour, charged)).collect();
            let wait_g = terms.delay_g * f64::from(job.accelerators);
            let run = if job.interruptible {
                pausing(&hours, size.hours as usize, wait_g)
            } else {
                let starts = hours.windows(size.hours as usize).enumerate();
                let costs = starts
                    .map(|(start, hours)| wait_g * start as f64 + hours.iter().map(|(cost, _)| cost).sum::<f64>());
                costs.fold(f64::INFINITY, f64::min)
            };
            least = least.min(run + way.transfer_g);
            let sum: f64 = hours.iter().map(|(cost, restart)| cost.abs() + restart.abs()).sum();
            magnitude = magnitude.max(sum + way.transfer_g + wait_g * hours.len() as f64);
        }
    }
    (least, magnitude)
}

/// What running in an hour costs, prices included, and what going on in it after a pause adds.
fn hour_cost(
    fleet: &Fleet,
    terms: &Terms,
    site: u32,
    way: &Way,
    size: &Size,
    hour: u32,
    charged: Charged,
) -> (f64, f64) {
    let accelerators = f64::from(size.accelerators);
    let kilowatts = way.watts * accelerators / 1e3;
    let energy = kilowatts * (fleet.g_per_it_kwh(site, hour) + terms.g_per_usd * fleet.usd_per_it_kwh(site, hour));
    let cells = fleet.sites.len() * fleet.hours as usize;
    let at = site as usize * fleet.hours as usize + hour as usize;
    let prices = charged
        .steps
        .iter()
        .enumerate()
        .map(|(level, &step)| charged.prices_g[level * cells + at] * f64::from(step * (size.accelerators / step)));
    let money = terms.g_per_usd * way.usd_per_accelerator_hour * accelerators;
    (energy + money + prices.sum::<f64>(), way.restart_h * energy)
}

/// The least cost of so many hours, by the count of hours run and whether the last hour was one of them.
fn pausing(hours: &[(f64, f64)], length: usize, wait_g: f64) -> f64 {
    let mut ran = vec![f64::INFINITY; length + 1];
    let mut idle = vec![f64::INFINITY; length + 1];
    idle[0] = 0.0;
    let mut least = f64::INFINITY;
    for &(cost, restart) in hours {
        let mut ran_now = vec![f64::INFINITY; length + 1];
        let idle_now = (0..=length).map(|count| wait_g + idle[count].min(ran[count])).collect();
        for count in 1..=length {
            let again = if count == 1 { 0.0 } else { restart };
            ran_now[count] = cost + ran[count - 1].min(idle[count - 1] + again);
        }
        least = least.min(ran_now[length]);
        (ran, idle) = (ran_now, idle_now);
    }
    least
}
