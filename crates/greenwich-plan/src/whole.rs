//! Jobs that run in one piece.
//!
//! In: cells and a running time. Out: every start that emits less than all earlier ones; the last
//! of them is the optimum. Exact over starts at cell boundaries, in O(cells) by the running sum.

use crate::cells::{CELL_S, Cells, TIE, Timing};

/// The frontier of exposure and finish of whole runs, earliest first and least exposure last.
///
/// A later start counts as better only by more than a 1e-12th (or what rounding of the running sum
/// could feign): of equal starts the earliest is kept. Empty where the work does not fit.
pub(crate) fn record_lows(cells: &Cells, work_s: i64) -> Vec<Timing> {
    let noise = rounding(cells);
    let mut lowest = f64::INFINITY;
    let mut starts = Vec::new();
    for start in (0..cells.count() as i64).map(|cell| cell * CELL_S).take_while(|at| at + work_s <= cells.seconds()) {
        let exposure = cells.until(start + work_s) - cells.until(start);
        if exposure < lowest * (1.0 - TIE) - noise || starts.is_empty() {
            lowest = exposure;
            starts.push(start);
        }
    }
    starts.into_iter().map(|start| cells.timing(vec![(start, start + work_s)])).collect()
}

/// No whole run of this work has less exposure, given the least that was found.
pub(crate) fn lower_bound(cells: &Cells, least: &Timing) -> f64 {
    (least.exposure * (1.0 - 2.0 * TIE) - 2.0 * rounding(cells)).max(0.0)
}

/// What a difference of two running sums can be wrong by.
fn rounding(cells: &Cells) -> f64 {
    4.0 * f64::EPSILON * cells.total()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kept_start_beats_all_earlier_ones() {
        let cells = Cells::from_means(vec![300.0, 100.0, 200.0, 100.0, 50.0], 5 * CELL_S);
        let starts: Vec<i64> = record_lows(&cells, CELL_S).iter().map(|run| run.start_s() / CELL_S).collect();
        assert_eq!(starts, [0, 1, 4]);
    }

    #[test]
    fn of_equal_starts_the_earliest_is_kept() {
        let cells = Cells::from_means(vec![0.1; 400], 400 * CELL_S);
        assert_eq!(record_lows(&cells, 7 * CELL_S + 1).len(), 1);
    }

    #[test]
    fn a_job_longer_than_the_window_has_no_start() {
        assert!(record_lows(&Cells::from_means(vec![1.0, 1.0], CELL_S + 10), CELL_S + 11).is_empty());
        assert_eq!(record_lows(&Cells::from_means(vec![1.0, 1.0], CELL_S + 10), CELL_S + 10).len(), 1);
    }
}
