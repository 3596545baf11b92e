//! From prices to a plan, and from a plan to a better one.
//!
//! In: the model and prices. Out: a board: tasks placed by priced cost, then taken up and put down again.

use crate::dual::Volume;
use crate::exchange::Exchange;
use crate::lot::Lot;
use crate::model::Model;
use crate::place::{Board, NOWHERE, Spot};
use crate::shapes::Shapes;
use crate::tables::Tables;

fn env(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|r| r.parse().ok()).unwrap_or(default)
}

pub(crate) fn search(
    model: &Model,
    mut shapes: Shapes,
    mut volume: Volume,
    trace: &mut dyn FnMut(&str, f64, f64),
) -> Board {
    let prices = volume.centre.clone();
    let mut base = Tables::new(model);
    base.fill(model, &prices, 0.0);
    let mut tables = Tables::new(model);
    let mut board = Board::new(model);
    let mut lot = Lot::new(1);
    let n = model.tasks.len();
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        order.swap(i, lot.below(i + 1));
    }
    let choices = |index: u32| {
        let task = &model.tasks[index as usize];
        let starts = u64::from(task.deadline - task.release - task.hours + 1);
        starts * model.sites_of(task).len() as u64
    };
    let power: f64 = env("POW", 1.0);
    let size = |i: u32| {
        let t = &model.tasks[i as usize];
        let d = f64::from(t.hours);
        f64::from(t.accelerators) * d.powf(power)
    };
    order.sort_by(|&a, &b| {
        let forced = |i| choices(i) == 1;
        forced(b).cmp(&forced(a)).then(size(b).total_cmp(&size(a)))
    });
    let area: f64 = model.tasks.iter().map(|task| task.area()).sum();
    let chunks = env("CHUNKS", 40.0);
    let rounds = env("FOLLOW", 10.0) as usize;
    let theta = env("THETA", 0.0005);
    let share = env("SHARE", 0.1);
    let mut spot = Spot::default();
    let mut left = 0.0;
    let mut placed = 0.0;
    let top = volume.top;
    tables.fill(model, &prices, 1.0);
    for &index in &order {
        let index = index as usize;
        let task = &model.tasks[index];
        let limit = model.penalty_g * f64::from(task.hours);
        if board.find(model, &volume.tables, index, limit, &mut spot) {
            board.take(model, &base, index, &spot);
            let cells = model.sites * model.hours;
            let from = spot.site as usize * model.hours;
            let shares = &model.profiles[model.classes[task.class as usize].profile as usize];
            board.visit_hours(model, index, |hour| {
                for (level, share) in shares.iter().enumerate() {
                    let at = level * cells + from + hour as usize;
                    volume.mean[at] = (volume.mean[at] - share * f64::from(task.accelerators)).max(0.0);
                }
            });
        }
        shapes.groups[shapes.group_of[index] as usize].accelerators -= f64::from(task.accelerators);
        left += task.area();
        placed += task.area();
        if left > area / chunks {
            left = 0.0;
            volume.capacity = model.stepped(&board.free);
            for _ in 0..rounds {
                volume.follow(model, &shapes, theta * top * (1.0 - placed / area), share);
            }
            trace(&format!("dive {:.3} {}", placed / area, task.accelerators), board.total(), volume.excess());
        }
    }
    let un: Vec<usize> = (0..n).filter(|&i| board.site[i] == NOWHERE).collect();
    let unarea: f64 = un.iter().map(|&i| model.penalty(&model.tasks[i])).sum();
    trace("unplaced", un.len() as f64, unarea);
    let passes = env("PASSES", 10.0) as usize;
    for pass in 0..=passes {
        let weight = 1.0 - pass as f64 / passes as f64;
        tables.fill(model, &prices, weight);
        for &index in &order {
            let index = index as usize;
            board.give_back(model, index, &mut spot);
            let limit = model.penalty_g * f64::from(model.tasks[index].hours);
            if board.find(model, &tables, index, limit, &mut spot) {
                board.take(model, &base, index, &spot);
            }
        }
        trace(&format!("pass {weight:.2}"), board.total(), 0.0);
    }
    let weights = [0.6, 0.2, 0.0];
    let all: Vec<Tables> = weights.iter().map(|&w| {
        let mut t = Tables::new(model);
        t.fill(model, &prices, w);
        t
    }).collect();
    let mut exchange = Exchange::new(model, &all, &board);
    let tries = env("TRIES", 1e5) as usize;
    let mean = board.total() / n as f64;
    let heat = env("HEAT", 0.1) * mean;
    let cool = env("COOL", 0.001) * mean;
    for part in 0..10 {
        let at = |p: f64| heat * (cool / heat).powf(p / 10.0);
        exchange.run(&mut board, &mut lot, tries / 10, at(f64::from(part)), at(f64::from(part) + 1.0));
        trace(&format!("exchange {part} {}", exchange.accepted), board.total(), board.total() / top - 1.0);
    }
    let un: Vec<usize> = (0..n).filter(|&i| board.site[i] == NOWHERE).collect();
    let area: f64 = un.iter().map(|&i| model.penalty(&model.tasks[i])).sum();
    trace("unplaced", un.len() as f64, area);
    board
}
