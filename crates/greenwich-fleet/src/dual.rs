//! What the jobs of a plain fleet ask for under prices of capacity.
//!
//! In: the model and its shapes, prices in tables. Out: what each group's best choice costs, and the use it asks for.

use crate::ascent::Bidders;
use crate::model::Model;
use crate::shapes::{Part, Shape, Shapes};
use crate::tables::Tables;

/// The jobs of a model, as they answer prices.
#[derive(Debug)]
pub(crate) struct Jobs<'a> {
    pub(crate) model: &'a Model,
    pub(crate) shapes: &'a Shapes,
    /// Filled with the prices that were asked about last.
    pub(crate) tables: &'a mut Tables,
}

impl Bidders for Jobs<'_> {
    fn count(&self) -> usize {
        self.shapes.each.len()
    }

    fn ask(&mut self, prices: &[f64], part: Part, asked: &mut Vec<f64>) -> f64 {
        self.tables.fill(self.model, prices, 1.0);
        ask(self.model, self.shapes, part, self.tables, asked)
    }
}

/// Asks every group of a part for its best choice under the prices of the tables; returns what the choices cost.
fn ask(model: &Model, shapes: &Shapes, part: Part, tables: &Tables, asked_by_step: &mut Vec<f64>) -> f64 {
    let hours = model.hours;
    let cells = model.sites * hours;
    let mut asked = vec![0.0; model.profiles.len() * cells];
    // Whole jobs are added as differences, one a start and one an end.
    let mut edges = vec![0.0; model.profiles.len() * model.sites * (hours + 1)];
    let mut best = vec![0.0; model.sites];
    let mut taken = vec![0.0; model.sites];
    let mut value = 0.0;
    for (shape, groups, sites) in shapes.iter(part) {
        if groups.iter().all(|group| group.accelerators == 0.0) {
            continue;
        }
        let (release, deadline, length) = (shape.release as usize, shape.deadline as usize, shape.hours as usize);
        for &site in sites {
            best[site as usize] = cost_at(shape, tables, site);
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
            let row = tables.row(shape.class, site);
            let at = model.classes[shape.class as usize].profile as usize * model.sites + site as usize;
            if shape.interruptible {
                let mut left = length;
                let asked = &mut asked[at * hours..(at + 1) * hours];
                row.cheapest(release, deadline, |hour, _| {
                    asked[hour] += accelerators;
                    left -= 1;
                    left > 0
                });
            } else {
                let start = row.whole_start(release, deadline, length);
                let edges = &mut edges[at * (hours + 1)..];
                edges[start] += accelerators;
                edges[start + length] -= accelerators;
            }
        }
    }
    for (asked, edges) in asked.chunks_exact_mut(hours).zip(edges.chunks_exact(hours + 1)) {
        let mut running = 0.0;
        for (asked, edge) in asked.iter_mut().zip(edges) {
            running += edge;
            *asked += running;
        }
    }
    asked_by_step.clear();
    asked_by_step.resize(model.steps.len() * cells, 0.0);
    for (shares, asked) in model.profiles.iter().zip(asked.chunks_exact(cells)) {
        for (share, level) in shares.iter().zip(asked_by_step.chunks_exact_mut(cells)) {
            if *share > 0.0 {
                level.iter_mut().zip(asked).for_each(|(level, asked)| *level += share * asked);
            }
        }
    }
    value
}

/// Tells, group by group, what its best choice costs under prices: never more than its penalty.
pub(crate) fn best_choices(model: &Model, shapes: &Shapes, tables: &Tables, mut tell: impl FnMut(f64)) {
    let mut best = vec![0.0; model.sites];
    for (shape, groups, sites) in shapes.iter(Part::ALL) {
        for &site in sites {
            best[site as usize] = cost_at(shape, tables, site);
        }
        let refuse = model.penalty_g * f64::from(shape.hours);
        for group in groups {
            let least = model.sets[group.set as usize].iter().map(|&site| best[site as usize]).fold(refuse, f64::min);
            tell(group.accelerators * least);
        }
    }
}

fn cost_at(shape: &Shape, tables: &Tables, site: u32) -> f64 {
    let (release, deadline, length) = (shape.release as usize, shape.deadline as usize, shape.hours as usize);
    let row = tables.row(shape.class, site);
    if shape.interruptible { row.pausing(release, deadline, length) } else { row.whole(release, deadline, length) }
}
