//! The best hours of one job, at hand-me-down costs an hour.
//!
//! In: what an hour of the job would cost, hour by hour. Out: the start of the cheapest run without a break, the
//! cheapest hours, the cheapest hours where a pause costs too, or sizes hour by hour of an elastic job. Of equals the earliest.

/// The start of the cheapest run of `length` hours, and what it costs; `None` where it does not fit.
pub fn cheapest_window(costs: &[f64], length: usize) -> Option<(usize, f64)> {
    if length == 0 || length > costs.len() {
        return None;
    }
    let mut sum: f64 = costs[..length].iter().sum();
    let mut best = (0, sum);
    for start in 1..=costs.len() - length {
        sum += costs[start + length - 1] - costs[start - 1];
        // Rounding gathers in a running sum: a difference that small is none.
        if sum < best.1 - 1e-9 * best.1.abs() {
            best = (start, sum);
        }
    }
    Some((best.0, costs[best.0..best.0 + length].iter().sum()))
}

/// The `count` cheapest hours, ascending; `None` where there are not so many.
pub fn cheapest_hours(costs: &[f64], count: usize) -> Option<Vec<usize>> {
    if count > costs.len() {
        return None;
    }
    let mut order: Vec<usize> = (0..costs.len()).collect();
    let by_cost = |a: &usize, b: &usize| costs[*a].total_cmp(&costs[*b]).then(a.cmp(b));
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, by_cost);
    }
    order.truncate(count);
    order.sort_unstable();
    Some(order)
}

/// The cheapest hours where going on after a pause costs `restart` of an hour at the price of that hour. `ran` says
/// whether the job ran in the hour before, `begun` whether it ever did: its first start is no restart.
///
/// Exact, by dynamic programming over hours, hours done, and whether it runs.
pub fn cheapest_hours_with_restarts(
    costs: &[f64],
    count: usize,
    restart: f64,
    begun: bool,
    ran: bool,
) -> Option<Vec<usize>> {
    if count > costs.len() {
        return None;
    }
    if restart <= 0.0 || count == 0 {
        return cheapest_hours(costs, count);
    }
    // Least cost of the hours from here on, with so many still to do, by whether the hour before was run in.
    let (hours, width) = (costs.len(), count + 1);
    let at = |hour: usize, left: usize, on: usize| (hour * width + left) * 2 + on;
    let mut least = vec![f64::INFINITY; (hours + 1) * width * 2];
    least[at(hours, 0, 0)] = 0.0;
    least[at(hours, 0, 1)] = 0.0;
    let start = |hour: usize, left: usize, on: usize| {
        let first = !begun && left == count;
        if on == 1 || first { 0.0 } else { restart * costs[hour] }
    };
    for hour in (0..hours).rev() {
        for left in 0..=count.min(hours - hour) {
            for on in 0..2 {
                let wait = least[at(hour + 1, left, 0)];
                let run = if left == 0 {
                    f64::INFINITY
                } else {
                    costs[hour] + start(hour, left, on) + least[at(hour + 1, left - 1, 1)]
                };
                least[at(hour, left, on)] = wait.min(run);
            }
        }
    }
    let (mut left, mut on, mut chosen) = (count, usize::from(ran), Vec::with_capacity(count));
    for hour in 0..hours {
        if left == 0 {
            break;
        }
        let run = costs[hour] + start(hour, left, on) + least[at(hour + 1, left - 1, 1)];
        if run <= least[at(hour + 1, left, 0)] {
            chosen.push(hour);
            (left, on) = (left - 1, 1);
        } else {
            on = 0;
        }
    }
    Some(chosen)
}

/// Sizes hour by hour of an elastic job: where work per cost is best, first (CarbonScaler, Hanafy et al. 2023; optimal
/// for a concave curve). `curve` holds allowed sizes, ascending, with the work that each does in an hour; a step up
/// is weighed by the work and accelerators that it adds. `None` where all hours at the greatest size do not do it.
pub fn greedy_sizes(costs: &[f64], curve: &[(u32, f64)], work: f64) -> Option<Vec<u32>> {
    let mut steps: Vec<(f64, usize, usize)> = Vec::with_capacity(costs.len() * curve.len());
    for (hour, cost) in costs.iter().enumerate() {
        let (mut size, mut done) = (0, 0.0);
        for (level, (more, speed)) in curve.iter().enumerate() {
            let worth = (speed - done) / (f64::from(more - size) * cost.max(f64::MIN_POSITIVE));
            steps.push((worth, hour, level));
            (size, done) = (*more, *speed);
        }
    }
    // Of one hour lower steps come first, also where a curve is not concave.
    steps.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut level: Vec<usize> = vec![0; costs.len()];
    let mut left = work;
    while left > 1e-9 {
        let next = steps.iter().position(|(_, hour, step)| level[*hour] == *step)?;
        let (_, hour, step) = steps.remove(next);
        let before = if step == 0 { 0.0 } else { curve[step - 1].1 };
        left -= (curve[step].1 - before).max(0.0);
        level[hour] += 1;
    }
    Some(level.into_iter().map(|level| if level == 0 { 0 } else { curve[level - 1].0 }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_job_takes_the_least_sum_and_of_equals_the_first() {
        assert_eq!(cheapest_window(&[5.0, 1.0, 4.0, 2.0, 2.0, 9.0], 2), Some((3, 4.0)));
        assert_eq!(cheapest_window(&[3.0; 6], 4), Some((0, 12.0)));
        assert_eq!((cheapest_window(&[1.0], 2), cheapest_window(&[1.0], 0)), (None, None));
    }

    #[test]
    fn one_that_may_pause_takes_the_cheapest_hours_and_never_more_of_them() {
        assert_eq!(cheapest_hours(&[5.0, 1.0, 4.0, 1.0, 2.0], 3), Some(vec![1, 3, 4]));
        assert_eq!(cheapest_hours(&[2.0; 5], 2), Some(vec![0, 1]));
        assert_eq!(cheapest_hours(&[2.0], 2), None);
    }

    #[test]
    fn restarts_bring_hours_together() {
        let costs = [1.0, 3.0, 1.0, 3.0, 1.0];
        assert_eq!(cheapest_hours_with_restarts(&costs, 3, 0.5, false, false), Some(vec![0, 2, 4]));
        assert_eq!(cheapest_hours_with_restarts(&costs, 3, 2.5, false, false), Some(vec![0, 1, 2]));
        // It runs: to go on costs nothing more than the hour.
        assert_eq!(cheapest_hours_with_restarts(&[2.0, 1.9], 1, 0.5, true, true), Some(vec![0]));
        assert_eq!(cheapest_hours_with_restarts(&[2.0, 1.9], 1, 0.5, true, false), Some(vec![1]));
    }

    #[test]
    fn restarts_agree_with_every_choice_tried() {
        let mut lot = crate::Lot::new(3);
        for _ in 0..300 {
            let hours = 1 + lot.below(9);
            let costs: Vec<f64> = (0..hours).map(|_| 1.0 + lot.below(9) as f64).collect();
            let (count, restart) = (1 + lot.below(hours), lot.share() * 3.0);
            let begun = lot.share() < 0.5;
            let ran = begun && lot.share() < 0.5;
            let priced = |chosen: &[usize]| {
                let (mut sum, mut begun, mut before) = (0.0, begun, if ran { Some(0) } else { None });
                for &hour in chosen {
                    let follows = before == Some(hour);
                    sum += costs[hour] * if begun && !follows { 1.0 + restart } else { 1.0 };
                    (begun, before) = (true, Some(hour + 1));
                }
                sum
            };
            let all = (0_u32..1 << hours).filter(|set| set.count_ones() as usize == count);
            let of = |set: u32| (0..hours).filter(|hour| set >> hour & 1 == 1).collect::<Vec<_>>();
            let best = all.map(|set| priced(&of(set))).fold(f64::INFINITY, f64::min);
            let found = cheapest_hours_with_restarts(&costs, count, restart, begun, ran).expect("it fits");
            assert_eq!(found.len(), count);
            assert!((priced(&found) - best).abs() < 1e-9, "{costs:?} {count} {restart}: {found:?}");
        }
    }

    #[test]
    fn an_elastic_job_grows_where_work_is_cheapest() {
        // Two hours at 1 and 4: the second accelerator in the clean hour does 0.8 at 1, the first in the other 1 at 4.
        let curve = [(1, 1.0), (2, 1.8)];
        assert_eq!(greedy_sizes(&[1.0, 4.0], &curve, 1.8), Some(vec![2, 0]));
        assert_eq!(greedy_sizes(&[1.0, 4.0], &curve, 2.5), Some(vec![2, 1]));
        assert_eq!(greedy_sizes(&[1.0, 1.1], &curve, 2.0), Some(vec![1, 1]));
        assert_eq!(greedy_sizes(&[1.0, 1.1], &curve, 4.0), None);
    }
}
