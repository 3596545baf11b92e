//! Jobs that run in one piece.
//!
//! In: cells and a running time. Out: every start that emits less than all earlier ones; the last
//! of them is the optimum. Exact over starts at cell boundaries, in O(cells) by the running sum.

use crate::cells::{Cells, TIE, Timing};

/// The frontier of exposure and finish of whole runs, earliest first and least exposure last.
///
/// A later start counts as better only by more than a 1e-12th: of equal starts the earliest is kept.
/// Empty where the work does not fit.
pub(crate) fn record_lows(cells: &Cells, work_s: i64) -> Vec<Timing> {
    let mut lowest = f64::INFINITY;
    let mut starts = Vec::new();
    for start in (0..cells.count()).map(|cell| cells.begin_s(cell)).take_while(|at| at + work_s <= cells.seconds()) {
        let exposure = cells.between(start, start + work_s);
        if exposure < lowest * (1.0 - TIE) || starts.is_empty() {
            lowest = exposure;
            starts.push(start);
        }
    }
    starts.into_iter().map(|start| cells.timing(vec![(start, start + work_s)])).collect()
}

/// No whole run of this work has less exposure, given the least that was found: a tie passed over and
/// a few roundings lie below it.
pub(crate) fn lower_bound(cells: &Cells, least: &Timing) -> f64 {
    let twice_rounded = f64::EPSILON * f64::EPSILON * cells.count() as f64 * cells.total();
    (least.exposure * (1.0 - 2.0 * TIE) - 2.0 * twice_rounded).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::CELL_S;

    #[test]
    fn each_kept_start_beats_all_earlier_ones() {
        let cells = Cells::from_means(vec![300.0, 100.0, 200.0, 100.0, 50.0], 0, 5 * CELL_S);
        let starts: Vec<i64> = record_lows(&cells, CELL_S).iter().map(|run| run.start_s() / CELL_S).collect();
        assert_eq!(starts, [0, 1, 4]);
    }

    #[test]
    fn of_equal_starts_the_earliest_is_kept() {
        let cells = Cells::from_means(vec![0.1; 400], 0, 400 * CELL_S);
        assert_eq!(record_lows(&cells, 7 * CELL_S + 1).len(), 1);
    }

    #[test]
    fn a_job_longer_than_the_window_has_no_start() {
        assert!(record_lows(&Cells::from_means(vec![1.0, 1.0], 0, CELL_S + 10), CELL_S + 11).is_empty());
        assert_eq!(record_lows(&Cells::from_means(vec![1.0, 1.0], 0, CELL_S + 10), CELL_S + 10).len(), 1);
    }
}
