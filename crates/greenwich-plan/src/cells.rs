//! The hours of a window with one intensity each, and runs over them in whole seconds.
//!
//! In: a series and a span. Out: [`Cells`], and [`Timing`]s whose emissions per kilowatt are summed
//! over cells. Cells are counted from the window's start and not from the clock's hours; the last
//! is cut at the end. Within a cell the intensity is one value: its time-weighted mean.

use greenwich_core::{IntensitySeries, Window};
use jiff::{SignedDuration, Timestamp};

/// Length of a cell in seconds.
pub(crate) const CELL_S: i64 = 3600;

/// Differences below this share are rounding, not merit.
pub(crate) const TIE: f64 = 1e-12;

/// A sum that keeps what rounding would lose.
///
/// # Sources
/// Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54 (1974).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, part: f64) {
        let sum = self.sum + part;
        self.lost += if self.sum.abs() >= part.abs() { (self.sum - sum) + part } else { (part - sum) + self.sum };
        self.sum = sum;
    }
    pub(crate) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// Intensity by hour of a window, and its running sum.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    /// In gCO2e/kWh, one a cell.
    g_per_kwh: Vec<f64>,
    /// Σ intensity × seconds of the cells before; one longer than the cells.
    before: Vec<f64>,
    /// Length of the whole in seconds.
    seconds: i64,
}

impl Cells {
    /// Cells of the first `seconds` after `start`, or `None` where the series has a gap there.
    pub(crate) fn new(series: &IntensitySeries, start: Timestamp, seconds: i64) -> Option<Self> {
        let end = start.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        let window = Window::new(start, end).ok()?;
        Some(Self::from_means(series.cells_g_per_kwh(window, SignedDuration::from_secs(CELL_S))?, seconds))
    }
    /// Cells with these means, `seconds` long in all.
    pub(crate) fn from_means(g_per_kwh: Vec<f64>, seconds: i64) -> Self {
        let mut cells = Self { before: Vec::with_capacity(g_per_kwh.len() + 1), g_per_kwh, seconds };
        let mut sum = Sum::default();
        for cell in 0..cells.count() {
            cells.before.push(sum.total());
            sum.add(cells.g_per_kwh[cell] * cells.length_s(cell) as f64);
        }
        cells.before.push(sum.total());
        cells
    }
    /// The first `count` cells alone.
    pub(crate) fn first(&self, count: usize) -> Self {
        let count = count.min(self.count());
        Self {
            g_per_kwh: self.g_per_kwh[..count].to_vec(),
            before: self.before[..=count].to_vec(),
            seconds: self.seconds.min(count as i64 * CELL_S),
        }
    }
    pub(crate) fn count(&self) -> usize {
        self.g_per_kwh.len()
    }
    pub(crate) fn seconds(&self) -> i64 {
        self.seconds
    }
    pub(crate) fn g_per_kwh(&self) -> &[f64] {
        &self.g_per_kwh
    }
    /// Length of a cell in seconds: an hour, or what is left of the window.
    pub(crate) fn length_s(&self, cell: usize) -> i64 {
        CELL_S.min(self.seconds - cell as i64 * CELL_S)
    }
    /// Σ intensity × seconds from the start to the instant, in gCO2e/kWh × s, from the running sum.
    pub(crate) fn until(&self, second: i64) -> f64 {
        let cell = (second / CELL_S) as usize;
        let into = second - cell as i64 * CELL_S;
        if into == 0 { self.before[cell] } else { self.before[cell] + self.g_per_kwh[cell] * into as f64 }
    }
    /// The whole running sum: the scale of rounding in differences of [`Self::until`].
    pub(crate) fn total(&self) -> f64 {
        self.before[self.count()]
    }
    /// A run over these segments, its exposure summed anew cell by cell.
    pub(crate) fn timing(&self, segments: Vec<(i64, i64)>) -> Timing {
        let mut sum = Sum::default();
        for &(from, to) in &segments {
            let mut at = from;
            while at < to {
                let cell = at / CELL_S;
                let next = ((cell + 1) * CELL_S).min(to);
                sum.add(self.g_per_kwh[cell as usize] * (next - at) as f64);
                at = next;
            }
        }
        Timing { exposure: sum.total(), segments }
    }
}

/// When a job runs, in seconds from the window's start, and what each kilowatt of it meets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timing {
    /// Ascending, apart, half-open; at least one.
    pub(crate) segments: Vec<(i64, i64)>,
    /// Σ intensity × seconds, in gCO2e/kWh × s.
    pub(crate) exposure: f64,
}

impl Timing {
    pub(crate) fn start_s(&self) -> i64 {
        self.segments[0].0
    }
    pub(crate) fn finish_s(&self) -> i64 {
        self.segments[self.segments.len() - 1].1
    }
    pub(crate) fn running_s(&self) -> i64 {
        self.segments.iter().map(|(from, to)| to - from).sum()
    }
    pub(crate) fn pauses(&self) -> usize {
        self.segments.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_sum_and_the_sum_cell_by_cell_agree() {
        let cells = Cells::from_means(vec![100.0, 0.0, 300.0, 50.0], 3 * CELL_S + 600);
        assert_eq!(cells.length_s(2), CELL_S);
        assert_eq!(cells.length_s(3), 600);
        let timing = cells.timing(vec![(0, CELL_S), (2 * CELL_S, 3 * CELL_S + 60)]);
        assert_eq!(timing.exposure, 100.0 * 3600.0 + 300.0 * 3600.0 + 50.0 * 60.0);
        assert_eq!(cells.until(3 * CELL_S + 60) - cells.until(CELL_S), 300.0 * 3600.0 + 50.0 * 60.0);
        assert_eq!((timing.pauses(), timing.running_s()), (1, 2 * CELL_S + 60));
    }

    #[test]
    fn a_compensated_sum_keeps_the_small_part() {
        let mut sum = Sum::default();
        for part in [1.0, 1e100, 1.0, -1e100] {
            sum.add(part);
        }
        assert_eq!(sum.total(), 2.0);
    }
}
