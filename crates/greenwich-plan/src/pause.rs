//! Jobs that may pause.
//!
//! In: cells, the running time, what a pause costs, and the best run without one. Out: the run of least
//! exposure and a proven bound.
//!
//! **Model.** Each cell is on or off. A run uses its on-cells wholly, but leaves the last as soon as
//! it is done. With k pauses it runs W + k·o seconds, o = checkpoint + restart: the checkpoint ends
//! the segment before the pause and the restart begins the one after. Every segment does work: it is
//! longer than its overhead.
//!
//! **Method.** Labels (seconds still to run, exposure so far) move over the cells in two states, on
//! and off; o is charged on resuming. Of two labels in one state, the one with no more of both makes
//! the other useless. A label whose exposure plus the completion bound of `price` reaches the limit
//! is dropped. The limit first lies close above the root bound and is raised until a run is found
//! below it: that run is the optimum, since nothing below the limit was dropped.
//!
//! Labels may make a segment that does no work; leaving it out saves o and costs at most o seconds of
//! running, so it is never worse, and [`tidy`] does so at the end. Hence the relaxed optimum is the
//! optimum.

use crate::cells::{Cells, TIE, Timing};
use crate::price::{Prices, Task};

/// What a pause costs, in whole seconds at full power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overhead {
    pub(crate) checkpoint_s: i64,
    pub(crate) restart_s: i64,
}

impl Overhead {
    fn total_s(self) -> i64 {
        self.checkpoint_s + self.restart_s
    }
}

/// The best run and what is proven.
#[derive(Debug, Clone)]
pub(crate) struct Paused {
    pub(crate) timing: Timing,
    /// No run has less exposure, in gCO2e/kWh × s.
    pub(crate) bound: f64,
}

/// A partial run.
#[derive(Debug, Clone, Copy)]
struct Label {
    /// Seconds still to run, the overhead of a pause not yet ended left out.
    left_s: i64,
    /// Exposure so far, fees included.
    exposure: f64,
    /// Its last on-cell, an index into [`Solver::steps`].
    step: u32,
}

/// An on-cell of a partial run, and the one before.
#[derive(Debug, Clone, Copy)]
struct Step {
    before: u32,
    cell: u32,
}

const NO_STEP: u32 = u32::MAX;

/// What a sweep under a limit found.
enum Sweep {
    /// The least run below the limit, by its on-cells.
    Found(Vec<usize>, f64),
    /// There is none below the limit.
    Nothing,
    /// Out of room: the least run met below the limit, and a bound on all.
    Full(Option<Vec<usize>>, f64),
}

/// The exact solver; it keeps its buffers from one job to the next.
#[derive(Debug)]
pub(crate) struct Solver {
    prices: Prices,
    on: Vec<Label>,
    off: Vec<Label>,
    next_on: Vec<Label>,
    next_off: Vec<Label>,
    steps: Vec<Step>,
    /// Most on-cells that a sweep may remember: 8 B each.
    room: usize,
    /// Labels moved so far, over all jobs.
    moves: u64,
}

/// 256 MiB of steps. A year of hours with awkward overheads stays far below.
const ROOM: usize = 32 << 20;

/// Labels moved before jobs that cannot win are no longer solved to the end.
const MOVES: u64 = 32 << 20;

impl Solver {
    pub(crate) fn new() -> Self {
        Self::with_room(ROOM)
    }
    /// A solver that gives up its sweep after remembering `room` on-cells.
    pub(crate) fn with_room(room: usize) -> Self {
        let (on, off, next_on, next_off) = Default::default();
        Self { prices: Prices::default(), on, off, next_on, next_off, steps: Vec::new(), room, moves: 0 }
    }

    /// The run of least exposure. `known` is the best run without a pause; it is kept where pausing
    /// gains no more than a 1e-12th. When much was spent already, a job whose every run has an
    /// exposure of `wanted` or more is only solved as well as its price does it.
    pub(crate) fn solve(
        &mut self,
        cells: &Cells,
        work_s: i64,
        overhead: Overhead,
        known: &Timing,
        wanted: f64,
    ) -> Paused {
        let mut scale = known.exposure;
        let mut paused = self.solve_from(cells, work_s, overhead, known, wanted);
        // Fees and margins are shares of the run known at the outset; they must stay small beside the answer.
        while 0.0 < paused.timing.exposure && paused.timing.exposure < scale / 64.0 {
            scale = paused.timing.exposure;
            paused = self.solve_from(cells, work_s, overhead, &paused.timing, wanted);
        }
        paused
    }
    fn solve_from(&mut self, cells: &Cells, work_s: i64, overhead: Overhead, known: &Timing, wanted: f64) -> Paused {
        // A fee of 1e-14 of the known run a pause, half a pause a cell, and rounding of sums.
        let count = cells.count() as f64;
        let fee = 1e-14 * known.exposure;
        let margin = known.exposure * TIE + fee * count / 2.0;
        if work_s == cells.seconds() || known.exposure == 0.0 {
            return Paused { timing: known.clone(), bound: (known.exposure - margin).max(0.0) };
        }
        let task = Task { cells, work_s, overhead_s: overhead.total_s(), fee };
        self.prices.maximise(task);
        let root = self.prices.root;
        // The sums of `price` run up to μ·W, those of the sweep up to the exposure.
        let rounding = 4.0 * f64::EPSILON * count * (known.exposure + self.prices.mu * work_s as f64);
        let proven = |exposure: f64| (exposure - margin - rounding).max(0.0);
        let priced = |timing: &Timing| timing.exposure + fee * timing.pauses() as f64;

        let mut best = known.clone();
        let path: Vec<usize> = (0..self.prices.path.len()).filter(|cell| self.prices.path[*cell]).collect();
        if let Some(repaired) = tidy(cells, work_s, overhead, path)
            && priced(&repaired) < priced(&best) * (1.0 - TIE)
        {
            best = repaired;
        }
        let ceiling = priced(&best);
        let mut slack = (ceiling - root) * FIRST_SLACK;
        if root >= ceiling * (1.0 - TIE) || (self.moves > MOVES && proven(root) >= wanted) {
            return Paused { bound: proven(root.min(ceiling)), timing: best };
        }
        loop {
            let limit = ceiling.min(root + slack);
            match self.sweep(task, limit) {
                Sweep::Found(on, exposure) => {
                    let found = tidy(cells, work_s, overhead, on).expect("a label that ended has run long enough");
                    let bound = proven(exposure);
                    let better = priced(&found) < ceiling * (1.0 - TIE);
                    return Paused { timing: if better { found } else { best }, bound };
                }
                Sweep::Nothing if limit >= ceiling => return Paused { timing: best, bound: proven(ceiling) },
                Sweep::Nothing => slack *= SLACK_GROWTH,
                Sweep::Full(met, bound) => {
                    if let Some(found) = met.and_then(|on| tidy(cells, work_s, overhead, on))
                        && priced(&found) < ceiling
                    {
                        best = found;
                    }
                    return Paused { timing: best, bound: proven(bound.max(root)) };
                }
            }
        }
    }

    /// Moves labels over all cells, dropping what cannot end below `limit`.
    fn sweep(&mut self, task: Task<'_>, limit: f64) -> Sweep {
        let Task { cells, work_s, overhead_s, fee } = task;
        let Prices { mu, on: after_on, off: after_off, unborn: after_unborn, .. } = &self.prices;
        let mu = *mu;
        let mut limit = limit;
        let mut ended: Option<(u32, u32)> = None;
        self.steps.clear();
        self.on.clear();
        self.off.clear();
        for cell in 0..cells.count() {
            let length = cells.length_s(cell);
            let g_per_kwh = cells.g_per_kwh()[cell];
            let full = g_per_kwh * length as f64;
            let room_s = cells.seconds() - cells.begin_s(cell + 1);
            let unborn = Label { left_s: work_s, exposure: 0.0, step: NO_STEP };
            let begins = work_s <= room_s + length && mu * work_s as f64 + after_unborn[cell] < limit;
            if !begins && self.on.is_empty() && self.off.is_empty() {
                break;
            }

            // The cell is on: labels of all three states, ascending in seconds left.
            self.next_on.clear();
            let (mut i, mut j, mut fresh) = (0, 0, begins);
            let mut least = f64::INFINITY;
            loop {
                let mut label = Label { left_s: i64::MAX, exposure: f64::INFINITY, step: NO_STEP };
                let mut from = 0;
                if let Some(running) = self.on.get(i) {
                    (label, from) = (*running, 1);
                }
                if let Some(paused) = self.off.get(j) {
                    let left_s = paused.left_s + overhead_s;
                    let exposure = paused.exposure + fee;
                    if (left_s, exposure) < (label.left_s, label.exposure) {
                        (label, from) = (Label { left_s, exposure, step: paused.step }, 2);
                    }
                }
                if fresh && (unborn.left_s, unborn.exposure) < (label.left_s, label.exposure) {
                    (label, from) = (unborn, 3);
                }
                match from {
                    1 => i += 1,
                    2 => j += 1,
                    3 => fresh = false,
                    _ => break,
                }
                if label.exposure >= least {
                    continue;
                }
                least = label.exposure;
                if label.left_s <= length {
                    let exposure = label.exposure + g_per_kwh * label.left_s as f64;
                    if exposure < limit {
                        limit = exposure;
                        ended = Some((label.step, cell as u32));
                    }
                    continue;
                }
                let left_s = label.left_s - length;
                if left_s > room_s {
                    break;
                }
                let exposure = label.exposure + full;
                if exposure + mu * left_s as f64 + after_on[cell + 1] < limit {
                    let step = self.steps.len() as u32;
                    self.steps.push(Step { before: label.step, cell: cell as u32 });
                    self.next_on.push(Label { left_s, exposure, step });
                }
            }

            // The cell is off: running labels pause, pausing ones wait.
            self.next_off.clear();
            let (mut i, mut j) = (0, 0);
            let mut least = f64::INFINITY;
            loop {
                let label = match (self.on.get(i), self.off.get(j)) {
                    (Some(a), Some(b)) if (b.left_s, b.exposure) <= (a.left_s, a.exposure) => {
                        j += 1;
                        *b
                    }
                    (Some(a), _) => {
                        i += 1;
                        *a
                    }
                    (None, Some(b)) => {
                        j += 1;
                        *b
                    }
                    (None, None) => break,
                };
                if label.left_s + overhead_s > room_s {
                    break;
                }
                if label.exposure >= least {
                    continue;
                }
                least = label.exposure;
                if label.exposure + mu * label.left_s as f64 + after_off[cell + 1] < limit {
                    self.next_off.push(label);
                }
            }
            self.moves += (self.on.len() + self.off.len() + 1) as u64;
            std::mem::swap(&mut self.on, &mut self.next_on);
            std::mem::swap(&mut self.off, &mut self.next_off);

            if self.steps.len() > self.room {
                let open = |labels: &[Label], after: f64| {
                    labels.iter().map(|l| l.exposure + mu * l.left_s as f64 + after).fold(f64::INFINITY, f64::min)
                };
                let bound = limit
                    .min(open(&self.on, after_on[cell + 1]))
                    .min(open(&self.off, after_off[cell + 1]))
                    .min(mu * work_s as f64 + after_unborn[cell + 1]);
                return Sweep::Full(ended.map(|end| self.on_cells(end)), bound);
            }
        }
        ended.map_or(Sweep::Nothing, |end| Sweep::Found(self.on_cells(end), limit))
    }

    /// The on-cells of a run, ascending, from its last step and last cell.
    fn on_cells(&self, (mut step, last): (u32, u32)) -> Vec<usize> {
        let mut cells = vec![last as usize];
        while step != NO_STEP {
            let Step { before, cell } = self.steps[step as usize];
            cells.push(cell as usize);
            step = before;
        }
        cells.reverse();
        cells
    }
}

/// Where the first limit lies between the root bound and the best run known.
const FIRST_SLACK: f64 = 1.0 / 32.0;
/// By how much the distance to the root grows when no run was found.
const SLACK_GROWTH: f64 = 4.0;

/// Runs over the on-cells until done, leaving out segments that do no work; `None` where they do not suffice.
fn tidy(cells: &Cells, work_s: i64, overhead: Overhead, mut on: Vec<usize>) -> Option<Timing> {
    loop {
        let mut left_s = work_s;
        let mut segments: Vec<(i64, i64)> = Vec::new();
        for &cell in &on {
            let from = cells.begin_s(cell);
            match segments.last_mut() {
                Some(segment) if segment.1 == from => {}
                Some(_) => {
                    left_s += overhead.total_s();
                    segments.push((from, from));
                }
                None => segments.push((from, from)),
            }
            let used = cells.length_s(cell).min(left_s);
            left_s -= used;
            segments.last_mut().expect("just pushed").1 = from + used;
            if left_s == 0 {
                break;
            }
        }
        if left_s > 0 {
            return None;
        }
        let idle = (0..segments.len() - 1).find(|&index| {
            let (from, to) = segments[index];
            to - from <= overhead.checkpoint_s + if index == 0 { 0 } else { overhead.restart_s }
        });
        let Some(idle) = idle else { return Some(cells.timing(segments)) };
        let (from, to) = segments[idle];
        on.retain(|cell| !(from..to).contains(&cells.begin_s(*cell)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::CELL_S;
    use crate::whole::record_lows;

    fn solve(g_per_kwh: &[f64], work_h: f64, checkpoint_s: i64, restart_s: i64) -> Paused {
        let cells = Cells::from_means(g_per_kwh.to_vec(), 0, g_per_kwh.len() as i64 * CELL_S);
        let work_s = (work_h * 3600.0) as i64;
        let whole = record_lows(&cells, work_s).pop().expect("fits");
        Solver::new().solve(&cells, work_s, Overhead { checkpoint_s, restart_s }, &whole, 0.0)
    }

    fn hours(run: &Paused) -> Vec<(f64, f64)> {
        run.timing.segments.iter().map(|(a, b)| (*a as f64 / 3600.0, *b as f64 / 3600.0)).collect()
    }

    #[test]
    fn free_pauses_pick_the_cleanest_hours() {
        assert_eq!(hours(&solve(&[9.0, 1.0, 9.0, 2.0, 9.0, 3.0], 2.5, 0, 0)), [(1.0, 2.0), (3.0, 4.0), (5.0, 5.5)]);
    }

    #[test]
    fn a_pause_is_taken_only_where_it_earns_its_overhead() {
        let day = [1.0, 1.0, 1.2, 1.0, 1.0, 1.0];
        assert_eq!(hours(&solve(&day, 5.0, 0, 360)), [(0.0, 5.0)]);
        assert_eq!(hours(&solve(&day, 3.0, 0, 0)), [(3.0, 6.0)]);
        assert_eq!(hours(&solve(&[1.0, 1.0, 9.0, 1.0, 1.0, 9.0], 3.0, 180, 180)), [(0.0, 2.0), (3.0, 4.1)]);
    }

    #[test]
    fn equal_hours_give_one_piece_from_the_start() {
        assert_eq!(hours(&solve(&[5.0; 30], 7.3, 0, 0)), [(0.0, 7.3)]);
    }

    #[test]
    fn a_segment_too_short_for_its_overhead_is_left_out() {
        let cells = Cells::from_means(vec![0.0; 8], 0, 8 * CELL_S);
        let overhead = Overhead { checkpoint_s: 1800, restart_s: 1800 };
        let run = tidy(&cells, 4 * CELL_S, overhead, vec![0, 1, 3, 5, 6, 7]).expect("suffices");
        assert_eq!(run.segments, [(0, 2 * CELL_S), (5 * CELL_S, 8 * CELL_S)]);
    }

    #[test]
    fn when_much_was_spent_only_a_job_that_could_win_is_solved_to_the_end() {
        let g: Vec<f64> = (0..300).map(|i: i32| 100.0 + f64::from((i * 7919) % 101)).collect();
        let cells = Cells::from_means(g, 1200, 300 * CELL_S - 1200);
        let overhead = Overhead { checkpoint_s: 400, restart_s: 37 };
        let whole = record_lows(&cells, 77 * CELL_S).pop().expect("fits");
        let exact = Solver::new().solve(&cells, 77 * CELL_S, overhead, &whole, 0.0);
        let spent = |wanted: f64| {
            let mut solver = Solver::new();
            solver.moves = u64::MAX / 2;
            solver.solve(&cells, 77 * CELL_S, overhead, &whole, wanted)
        };
        assert_eq!(spent(f64::INFINITY).timing, exact.timing);
        let rough = spent(whole.exposure / 2.0);
        assert!(rough.bound < exact.bound && exact.timing.exposure < rough.timing.exposure);
        assert!(rough.timing.exposure < exact.timing.exposure * 1.01);
    }

    #[test]
    fn out_of_room_the_bound_stays_honest() {
        let g: Vec<f64> = (0..200).map(|i: i32| 100.0 + f64::from((i * 7919) % 101)).collect();
        let cells = Cells::from_means(g, 0, 200 * CELL_S);
        let whole = record_lows(&cells, 70 * CELL_S).pop().expect("fits");
        let overhead = Overhead { checkpoint_s: 400, restart_s: 37 };
        let exact = Solver::new().solve(&cells, 70 * CELL_S, overhead, &whole, 0.0);
        for room in [1, 10, 100, 1000] {
            let cut = Solver::with_room(room).solve(&cells, 70 * CELL_S, overhead, &whole, 0.0);
            assert!(cut.bound <= exact.timing.exposure && exact.timing.exposure <= cut.timing.exposure * (1.0 + TIE));
        }
        assert!(exact.bound <= exact.timing.exposure && exact.bound > exact.timing.exposure * (1.0 - 1e-11));
    }
}
