//! Prices of capacity, one per site and hour, that make the jobs' own best choices add up to a strong bound.
//!
//! In: the model and its shapes. Out: prices, the bound they give, and the use they ask for. For any prices
//! that are not negative, Σ over jobs of the least priced cost, minus Σ price × capacity, lies below every
//! plan: see [`crate::bound`], which proves the figure that is reported.

use crate::model::Model;
use crate::shapes::Shapes;
use crate::tables::Tables;

/// What prices give.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// The Lagrangian's value, as summed in passing.
    pub(crate) value: f64,
    /// Accelerators asked for, by site and hour.
    pub(crate) asked: Vec<f64>,
}

/// Asks every group for its best choice under prices.
pub(crate) fn ask(model: &Model, shapes: &Shapes, tables: &Tables, prices: &[f64], answer: &mut Answer) {
    let hours = model.hours;
    answer.asked.clear();
    answer.asked.resize(model.sites * hours, 0.0);
    // Whole jobs are added as differences, one a start and one an end.
    let mut edges = vec![0.0; model.sites * (hours + 1)];
    let mut best = vec![0.0; model.sites];
    let mut taken = vec![0.0; model.sites];
    let mut value = 0.0;
    for (shape, groups, sites) in shapes.iter() {
        let (release, deadline, length) = (shape.release as usize, shape.deadline as usize, shape.hours as usize);
        for &site in sites {
            let row = tables.row(shape.power, site);
            best[site as usize] = if shape.interruptible {
                row.pausing(release, deadline, length)
            } else {
                row.whole(release, deadline, length)
            };
        }
        let refuse = model.penalty_g * f64::from(shape.hours);
        for group in groups {
            let mut least = (refuse, u32::MAX);
            for &site in &model.sets[group.set as usize] {
                if best[site as usize] < least.0 {
                    least = (best[site as usize], site);
                }
            }
            value += group.accelerators * least.0;
            if least.1 != u32::MAX {
                taken[least.1 as usize] += group.accelerators;
            }
        }
        for &site in sites {
            let accelerators = std::mem::take(&mut taken[site as usize]);
            if accelerators == 0.0 {
                continue;
            }
            let row = tables.row(shape.power, site);
            if shape.interruptible {
                let mut left = length;
                let asked = &mut answer.asked[site as usize * hours..(site as usize + 1) * hours];
                row.cheapest(release, deadline, |hour, _| {
                    asked[hour] += accelerators;
                    left -= 1;
                    left > 0
                });
            } else {
                let start = row.whole_start(release, deadline, length);
                let edges = &mut edges[site as usize * (hours + 1)..];
                edges[start] += accelerators;
                edges[start + length] -= accelerators;
            }
        }
    }
    for site in 0..model.sites {
        let mut running = 0.0;
        for hour in 0..hours {
            running += edges[site * (hours + 1) + hour];
            answer.asked[site * hours + hour] += running;
        }
    }
    let held: f64 = prices.iter().zip(&model.capacity).map(|(price, &capacity)| price * f64::from(capacity)).sum();
    answer.value = value - held;
}

/// Prices found, with the bound they give.
#[derive(Debug, Clone)]
pub(crate) struct Prices {
    pub(crate) prices: Vec<f64>,
    pub(crate) value: f64,
}

/// Raises the bound for `rounds` rounds from the prices given: the volume algorithm of Barahona and Anbil.
///
/// `target` is a value that the bound cannot pass by much, such as the cost of a plan.
pub(crate) fn raise(model: &Model, shapes: &Shapes, from: &[f64], target: f64, rounds: usize, trace: &mut dyn FnMut(usize, f64, f64)) -> Prices {
    let cells = model.sites * model.hours;
    let mut tables = Tables::new(model);
    let mut answer = Answer::default();
    let mut centre = from.to_vec();
    tables.fill(model, &centre, 1.0);
    ask(model, shapes, &tables, &centre, &mut answer);
    let mut top = answer.value;
    let mut mean = answer.asked.clone();
    let capacity: Vec<f64> = model.capacity.iter().map(|&now| f64::from(now)).collect();
    let (mut pace, mut share, mut red) = (0.1_f64, 0.1_f64, 0);
    let mut prices = vec![0.0; cells];
    let mut target = target;
    let mut checkpoint = top;
    for round in 0..rounds {
        let mut norm = 0.0;
        for at in 0..cells {
            let over = mean[at] - capacity[at];
            if over > 0.0 || centre[at] > 0.0 {
                norm += over * over;
            }
        }
        if norm <= 0.0 {
            break;
        }
        if target < top + 1e-9 * top.abs() {
            target = top + 0.002 * top.abs();
        }
        let step = pace * (target - top) / norm;
        for at in 0..cells {
            prices[at] = (centre[at] + step * (mean[at] - capacity[at])).max(0.0);
        }
        tables.fill(model, &prices, 1.0);
        ask(model, shapes, &tables, &prices, &mut answer);
        // The share of the new answer in the remembered one: as short a mean excess as can be had.
        let (mut inner, mut across, mut both) = (0.0, 0.0, 0.0);
        for at in 0..cells {
            let (old, new) = (mean[at] - capacity[at], answer.asked[at] - capacity[at]);
            let turn = new - old;
            inner += turn * turn;
            across += old * turn;
            both += old * new;
        }
        let best_share = if inner > 0.0 { -across / inner } else { share };
        let alpha = if best_share < 0.0 { share / 10.0 } else { best_share.min(share) };
        for at in 0..cells {
            mean[at] += alpha * (answer.asked[at] - mean[at]);
        }
        if answer.value > top {
            top = answer.value;
            centre.copy_from_slice(&prices);
            if both > 0.0 {
                pace = (pace * 1.1).min(2.0);
            }
            red = 0;
        } else {
            red += 1;
            if red >= 10 {
                pace = (pace * 0.66).max(5e-4);
                red = 0;
            }
        }
        if round % 50 == 49 {
            if top - checkpoint < 1e-3 * top.abs() {
                share = (share * 0.7).max(1e-3);
            }
            checkpoint = top;
        }
        trace(round, top, pace);
    }
    Prices { prices: centre, value: top }
}
