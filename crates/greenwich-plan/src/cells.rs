//! The hours of a window with one intensity each, and runs over them in whole seconds.
//!
//! In: a series and a span. Out: [`Cells`], and [`Timing`]s whose emissions per kilowatt are summed
//! over cells. Cells change where the series does: at its stamps where its step is an hour or more,
//! at the clock's full hours where it is finer. So the first cell is cut at the window's start and
//! the last at its end, and an hourly series is met exactly. Within a cell the intensity is one
//! value: its time-weighted mean, and where the site's PUE changes that of intensity × PUE relative to the
//! usual one, so that what a cell counts for holds the weather too.

use greenwich_core::{IntensitySeries, PueSeries, Window};
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
    /// Σ intensity × seconds of the cells before, with what rounding lost; one longer than the cells.
    before: Vec<Sum>,
    /// What of the first cell lies before the start: below [`CELL_S`].
    lead_s: i64,
    /// Length of the whole in seconds.
    seconds: i64,
}

impl Cells {
    /// Cells of the first `seconds` after `start`, or `None` where the series or the PUE has a gap there.
    pub(crate) fn new(
        series: &IntensitySeries,
        pue: Option<&PueSeries>,
        start: Timestamp,
        seconds: i64,
    ) -> Option<Self> {
        let end = start.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        let window = Window::new(start, end).ok()?;
        if !series.covers(window) {
            return None;
        }
        let cell = SignedDuration::from_secs(CELL_S);
        let since_stamp_s = start.duration_since(series.start()).as_secs();
        let lead_s = if series.step() < cell { start.as_second() } else { since_stamp_s }.rem_euclid(CELL_S);
        let g_per_kwh = if let Some(pue) = pue {
            let ends = (1..).map(|count| start.checked_add(SignedDuration::from_secs(CELL_S * count - lead_s)).ok());
            let (mut at, mut means) = (start, Vec::new());
            for next in ends {
                let next = next?.min(end);
                means.push(pue.weigh_g_per_kwh(series, Window::new(at, next).ok()?)?);
                at = next;
                if at == end {
                    break;
                }
            }
            means
        } else if series.step() == cell {
            let first = (since_stamp_s / CELL_S) as usize;
            let count = (lead_s + seconds).unsigned_abs().div_ceil(CELL_S.unsigned_abs()) as usize;
            series.values_g_per_kwh()[first..first + count].to_vec()
        } else {
            let second = start.checked_add(SignedDuration::from_secs(CELL_S - lead_s)).ok()?.min(end);
            let mut means = vec![series.mean_g_per_kwh(Window::new(start, second).ok()?)?];
            if let Ok(rest) = Window::new(second, end) {
                means.extend(series.cells_g_per_kwh(rest, cell)?);
            }
            means
        };
        Some(Self::from_means(g_per_kwh, lead_s, seconds))
    }
    /// Cells with these means, `seconds` long in all, the first `lead_s` shorter than an hour.
    pub(crate) fn from_means(g_per_kwh: Vec<f64>, lead_s: i64, seconds: i64) -> Self {
        let mut cells = Self { before: Vec::with_capacity(g_per_kwh.len() + 1), g_per_kwh, lead_s, seconds };
        let mut sum = Sum::default();
        for cell in 0..cells.count() {
            cells.before.push(sum);
            sum.add(cells.g_per_kwh[cell] * cells.length_s(cell) as f64);
        }
        cells.before.push(sum);
        cells
    }
    /// The first `count` cells alone.
    pub(crate) fn first(&self, count: usize) -> Self {
        let count = count.min(self.count());
        Self {
            g_per_kwh: self.g_per_kwh[..count].to_vec(),
            before: self.before[..=count].to_vec(),
            lead_s: self.lead_s,
            seconds: self.begin_s(count),
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
    /// Where a cell begins, in seconds from the window's start; one past the last gives the end.
    pub(crate) fn begin_s(&self, cell: usize) -> i64 {
        (cell as i64 * CELL_S - self.lead_s).clamp(0, self.seconds)
    }
    /// Length of a cell in seconds: an hour, or what of it lies in the window.
    pub(crate) fn length_s(&self, cell: usize) -> i64 {
        self.begin_s(cell + 1) - self.begin_s(cell)
    }
    /// Σ intensity × seconds between two instants, in gCO2e/kWh × s, right to a few roundings of itself.
    pub(crate) fn between(&self, from_s: i64, to_s: i64) -> f64 {
        let (from, to) = (self.until(from_s), self.until(to_s));
        (to.sum - from.sum) + (to.lost - from.lost)
    }
    fn until(&self, second: i64) -> Sum {
        let cell = ((second + self.lead_s) / CELL_S) as usize;
        let into_s = second - self.begin_s(cell);
        let mut sum = self.before[cell];
        if into_s > 0 {
            sum.add(self.g_per_kwh[cell] * into_s as f64);
        }
        sum
    }
    /// The whole running sum.
    pub(crate) fn total(&self) -> f64 {
        self.before[self.count()].total()
    }
    /// A run over these segments, with its exposure.
    pub(crate) fn timing(&self, segments: Vec<(i64, i64)>) -> Timing {
        let mut sum = Sum::default();
        for &(from_s, to_s) in &segments {
            sum.add(self.between(from_s, to_s));
        }
        Timing { exposure: sum.total(), segments }
    }
}

/// When a job runs, in seconds from the window's start, and what each kilowatt of it meets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timing {
    /// Ascending, apart, half-open; at least one.
    pub(crate) segments: Vec<(i64, i64)>,
    /// Σ intensity × relative PUE × seconds, in gCO2e/kWh × s.
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
        let cells = Cells::from_means(vec![100.0, 0.0, 300.0, 50.0], 0, 3 * CELL_S + 600);
        assert_eq!(cells.length_s(2), CELL_S);
        assert_eq!(cells.length_s(3), 600);
        let timing = cells.timing(vec![(0, CELL_S), (2 * CELL_S, 3 * CELL_S + 60)]);
        assert_eq!(timing.exposure, 100.0 * 3600.0 + 300.0 * 3600.0 + 50.0 * 60.0);
        assert_eq!(cells.between(CELL_S, 3 * CELL_S + 60), 300.0 * 3600.0 + 50.0 * 60.0);
        assert_eq!((timing.pauses(), timing.running_s()), (1, 2 * CELL_S + 60));
    }

    fn series(start: &str, step_min: i64, g_per_kwh: Vec<f64>) -> IntensitySeries {
        let provenance = greenwich_core::Provenance::Replayed { file: "FR.csv".into() };
        let start = start.parse().expect("a stamp");
        let step = SignedDuration::from_mins(step_min);
        IntensitySeries::new("FR".into(), greenwich_core::Signal::Lifecycle, provenance, start, step, g_per_kwh)
    }

    fn cells(series: &IntensitySeries, start: &str, minutes: i64) -> Vec<(i64, f64)> {
        let cells = Cells::new(series, None, start.parse().expect("a stamp"), minutes * 60).expect("covered");
        (0..cells.count()).map(|cell| (cells.length_s(cell) / 60, cells.g_per_kwh()[cell])).collect()
    }

    #[test]
    fn a_window_off_the_hour_meets_each_hour_of_the_series_as_it_is() {
        let hourly = series("2026-01-05T00:00:00Z", 60, vec![100.0, 200.0, 300.0, 400.0]);
        assert_eq!(cells(&hourly, "2026-01-05T00:20:00Z", 130), [(40, 100.0), (60, 200.0), (30, 300.0)]);
        assert_eq!(cells(&hourly, "2026-01-05T01:20:00Z", 25), [(25, 200.0)]);
        let at_half_past = series("2026-01-05T00:30:00Z", 60, vec![100.0, 200.0]);
        assert_eq!(cells(&at_half_past, "2026-01-05T01:00:00Z", 90), [(30, 100.0), (60, 200.0)]);
    }

    #[test]
    fn a_finer_series_is_averaged_over_the_hours_of_the_clock() {
        let half_hourly = series("2026-01-05T00:30:00Z", 30, vec![100.0, 200.0, 300.0, 400.0]);
        assert_eq!(cells(&half_hourly, "2026-01-05T00:45:00Z", 105), [(15, 100.0), (60, 250.0), (30, 400.0)]);
        let two_hourly = series("2026-01-05T00:00:00Z", 120, vec![100.0, 200.0]);
        assert_eq!(cells(&two_hourly, "2026-01-05T01:30:00Z", 60), [(30, 100.0), (30, 200.0)]);
    }

    #[test]
    fn a_clean_hour_among_dirty_ones_is_not_lost_in_the_running_sum() {
        let cells = Cells::from_means(vec![1e6, 1e-9, 0.0, 1e6], 0, 4 * CELL_S);
        assert_eq!(cells.between(CELL_S, CELL_S + 1), 1e-9);
        assert_eq!(cells.between(2 * CELL_S, 3 * CELL_S), 0.0);
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
