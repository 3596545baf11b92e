//! What a job can cost least under prices, reckoned again from the fleet for who doubts the planner.
//!
//! In: a fleet with terms, a job, prices by step, site and hour, and of quotas. Out: the least cost of its run on any site at any time, or
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
    /// By project, in grams a gram.
    pub(crate) quota_prices: &'a [f64],
}

/// The least cost of a job, and the size of the sums that it was found by.
pub(crate) fn least(fleet: &Fleet, terms: &Terms, index: usize, penalty_g: f64, charged: Charged) -> (f64, f64) {
    let job = &fleet.jobs[index];
    let refuse = fleet.refusal_g(index, penalty_g, terms);
    let window = job.release..job.deadline.min(fleet.hours);
    // A gram that is emitted counts once for itself, and by the price of its project's quota.
    let counts = 1.0 + fleet.quota_price(index, charged.quota_prices);
    let (mut least, mut magnitude) = (refuse, refuse.abs());
    if window.is_empty() || job.hours == 0 {
        return (least, magnitude);
    }
    for &site in &fleet.site_sets[job.sites.0 as usize] {
        let Some(way) = fleet.way(index, site) else { continue };
        let transfer_g = counts * way.transfer_g;
        let hour_cost = |size: &Size, hour: u32| hour_cost(fleet, terms, site, &way, size, hour, (counts, charged));
        let largest = fleet.sites[site as usize].capacity.iter().copied().max().unwrap_or(0);
        let fits = way.sizes.iter().filter(|size| size.accelerators <= largest);
        if job.interruptible && fits.clone().count() > 1 {
            let costs: Vec<(f64, Vec<(f64, f64)>)> = fits
                .map(|size| {
                    let hours = window.clone().map(|hour| hour_cost(size, hour));
                    (size.speed, hours.collect())
                })
                .collect();
            let needed = f64::from(job.hours);
            let (bound, sum) = changing(&costs, needed, terms.delay_g * f64::from(job.accelerators));
            least = least.min(bound + transfer_g);
            magnitude = magnitude.max(sum + transfer_g);
            continue;
        }
        for size in fits.filter(|size| size.hours as usize <= window.len()) {
            let hours: Vec<(f64, f64)> = window.clone().map(|hour| hour_cost(size, hour)).collect();
            let wait_g = terms.delay_g * f64::from(job.accelerators);
            let run = if job.interruptible {
                pausing(&hours, size.hours as usize, wait_g)
            } else {
                let starts = hours.windows(size.hours as usize).enumerate();
                let costs = starts
                    .map(|(start, hours)| wait_g * start as f64 + hours.iter().map(|(cost, _)| cost).sum::<f64>());
                costs.fold(f64::INFINITY, f64::min)
            };
            least = least.min(run + transfer_g);
            let sum: f64 = hours.iter().map(|(cost, restart)| cost.abs() + restart.abs()).sum();
            magnitude = magnitude.max(sum + transfer_g + wait_g * hours.len() as f64);
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
    (counts, charged): (f64, Charged),
) -> (f64, f64) {
    let accelerators = f64::from(size.accelerators);
    let kilowatts = way.watts * accelerators / 1e3;
    let energy =
        kilowatts * (counts * fleet.g_per_it_kwh(site, hour) + terms.g_per_usd * fleet.usd_per_it_kwh(site, hour));
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

/// What a path costs, and the work that it does; `reduced` counts work as a gain.
#[derive(Debug, Clone, Copy)]
struct Path {
    reduced: f64,
    cost: f64,
    work: f64,
}

impl Path {
    const NONE: Self = Self { reduced: f64::INFINITY, cost: f64::INFINITY, work: 0.0 };

    fn or(self, other: Self) -> Self {
        if other.reduced < self.reduced { other } else { self }
    }

    fn and(self, cost: f64, work: f64, reward: f64) -> Self {
        Self { reduced: self.reduced + cost - reward * work, cost: self.cost + cost, work: self.work + work }
    }
}

/// A number that no run costs less than that does the work in sizes that change by the hour; `costs` are speed and hours by
/// size. With it, the size of the sums.
fn changing(costs: &[(f64, Vec<(f64, f64)>)], needed: f64, wait_g: f64) -> (f64, f64) {
    let window = costs[0].1.len();
    let cheapest = |reward: f64| {
        let (mut ran, mut idle, mut best) = (Path::NONE, Path::NONE, Path::NONE);
        let mut not_begun = Path { reduced: 0.0, cost: 0.0, work: 0.0 };
        for hour in 0..window {
            let mut now = Path::NONE;
            for (speed, hours) in costs {
                let (cost, restart) = hours[hour];
                now = now.or(ran.or(not_begun).and(cost, *speed, reward));
                now = now.or(idle.and(cost + restart, *speed, reward));
            }
            idle = idle.or(ran).and(wait_g, 0.0, reward);
            not_begun = not_begun.and(wait_g, 0.0, reward);
            ran = now;
            best = best.or(ran);
        }
        best
    };
    let sum: f64 = (0..window)
        .map(|hour| {
            costs.iter().map(|(_, hours)| hours[hour].0.abs() + hours[hour].1.abs()).fold(0.0, f64::max) + wait_g
        })
        .sum();
    let fastest = costs.iter().map(|(speed, _)| *speed).fold(0.0, f64::max);
    if fastest * window as f64 + 1e-9 < needed {
        return (f64::INFINITY, sum);
    }
    let value = |reward: f64, path: Path| path.cost + reward * (needed - path.work);
    let mut low = cheapest(0.0);
    let (mut bound, mut most_reward) = (low.cost, 0.0);
    // Twice the reward until enough is done, then where the lines of too little and of enough cross.
    let mut reward = (sum / window as f64).max(1e-9);
    let mut high = cheapest(reward);
    let mut doublings = 0;
    while high.work + 1e-9 < needed && doublings < 200 {
        reward *= 2.0;
        high = cheapest(reward);
        doublings += 1;
    }
    for _ in 0..200 {
        if low.work + 1e-9 >= needed || high.work <= low.work {
            break;
        }
        let reward = (high.cost - low.cost) / (high.work - low.work);
        let now = cheapest(reward);
        bound = value(reward, now).max(bound);
        most_reward = reward.max(most_reward);
        if value(reward, now) >= value(reward, low) * (1.0 - 1e-12) {
            break;
        } else if now.work + 1e-9 < needed {
            low = now;
        } else {
            high = now;
        }
    }
    (bound, sum + most_reward * (fastest * window as f64 + needed))
}
