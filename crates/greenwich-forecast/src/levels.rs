//! Log intensity without holes: what the models read.
//!
//! In: a history and the instant of issue. Out: one level an hour up to that instant, with a note of which were filled
//! in. A hole takes the level of a day before it, so that no level knows of a later hour; before the first hour
//! stand 28 days that repeat the first week, so that a young history can be read with long lags.

use crate::history::History;
use std::f64::consts::TAU;

/// The longest look back of a model, in hours: four weeks.
pub(crate) const LAGS: usize = 672;
/// The days over which the level of a zone is taken.
pub(crate) const WEEK: usize = 168;
/// Levels are floored at this share of the median, so that an hour of nought has a logarithm.
const FLOOR_SHARE: f64 = 0.01;
/// A row of lags and targets may hold one filled hour in this many.
const ONE_FILLED_IN: u32 = 24;

/// Log levels relative to a reference, ascending by hour.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    /// The hour of the first level, padding included.
    first_hour: i64,
    /// ln(g/kWh) − `reference`.
    pub(crate) x: Vec<f64>,
    /// How many of the levels before each index were filled in; padding counts.
    filled_before: Vec<u32>,
    reference: f64,
    floor: f64,
    seasons: bool,
}

/// Weekdays and season.
pub(crate) const CALENDAR: usize = 9;
const HOURS_OF_YEAR: f64 = 8765.82;
/// A season that was seen once is taken for a trend: fewer hours than these tell nothing of it.
const LEAST_FOR_SEASONS: usize = 450 * 24;

impl Levels {
    /// The levels of the hours that had ended at `issue_hour`; `None` where no hour is known.
    pub(crate) fn new(history: &History, issue_hour: i64) -> Option<Self> {
        let end = history.end_hour().min(issue_hour);
        let first = (history.start_hour()..end).find(|hour| !history.value(*hour).is_nan())?;
        let known: Vec<f64> = (first..end).map(|hour| history.value(hour)).filter(|value| !value.is_nan()).collect();
        let floor = (FLOOR_SHARE * median(&known)).max(f64::MIN_POSITIVE);
        let reference = known.iter().map(|value| value.max(floor).ln()).sum::<f64>() / known.len() as f64;
        let seasons = (end - first) as usize >= LEAST_FOR_SEASONS;
        let mut levels = Self { first_hour: first, x: Vec::new(), filled_before: vec![0], reference, floor, seasons };
        levels.extend(history, issue_hour);
        let period = [WEEK, 24].into_iter().find(|period| *period <= levels.x.len()).unwrap_or(1);
        let pad = |back: usize| levels.x[(period - back % period) % period];
        let mut x: Vec<f64> = (1..=LAGS).rev().map(pad).collect();
        x.append(&mut levels.x);
        let filled_before = (0..LAGS as u32).chain(levels.filled_before.iter().map(|count| count + LAGS as u32));
        Some(Self { first_hour: first - LAGS as i64, x, filled_before: filled_before.collect(), ..levels })
    }

    /// Adds the hours up to `issue_hour`.
    pub(crate) fn extend(&mut self, history: &History, issue_hour: i64) {
        for hour in self.first_hour + self.x.len() as i64..issue_hour {
            let value = history.value(hour);
            let filled = value.is_nan();
            let level = if filled {
                let before = self.x.len().checked_sub(24).or(self.x.len().checked_sub(1));
                before.map_or(0.0, |at| self.x[at])
            } else {
                value.max(self.floor).ln() - self.reference
            };
            self.x.push(level);
            self.filled_before.push(self.filled_before[self.filled_before.len() - 1] + u32::from(filled));
        }
    }

    /// How many hours there are behind the padding.
    pub(crate) fn span(&self) -> usize {
        self.x.len() - LAGS
    }
    /// The hour since 1970 of an index.
    pub(crate) fn hour(&self, index: usize) -> i64 {
        self.first_hour + index as i64
    }
    /// How many levels in `[from, to)` are known.
    pub(crate) fn known(&self, from: usize, to: usize) -> usize {
        to - from - (self.filled_before[to] - self.filled_before[from]) as usize
    }
    /// Whether a level was seen rather than filled in.
    pub(crate) fn is_known(&self, index: usize) -> bool {
        self.filled_before[index + 1] == self.filled_before[index]
    }
    /// Whether lags and targets around an origin are sound enough to learn from.
    pub(crate) fn teaches(&self, origin: usize, horizon: usize) -> bool {
        let (from, to) = (origin - LAGS, origin + horizon);
        to <= self.x.len() && self.filled_before[to] - self.filled_before[from] <= (to - from) as u32 / ONE_FILLED_IN
    }
    /// The mean of the last week before an origin.
    pub(crate) fn week(&self, origin: usize) -> f64 {
        self.x[origin - WEEK..origin].iter().sum::<f64>() / WEEK as f64
    }
    /// The last four weeks before an origin, relative to the mean of the last.
    pub(crate) fn lags(&self, origin: usize) -> Vec<f64> {
        let week = self.week(origin);
        self.x[origin - LAGS..origin].iter().map(|level| level - week).collect()
    }
    /// The day of the week of an origin in UTC, Monday first, as seven cells of which one is set; then the season, for
    /// a history that has seen enough of them to tell.
    pub(crate) fn calendar(&self, origin: usize) -> [f64; CALENDAR] {
        let mut cells = [0.0; CALENDAR];
        let hour = self.hour(origin);
        cells[(hour.div_euclid(24) + 3).rem_euclid(7) as usize] = 1.0;
        if self.seasons {
            (cells[7], cells[8]) = (TAU * (hour as f64 / HOURS_OF_YEAR).fract()).sin_cos();
        }
        cells
    }
    /// g/kWh of a level.
    pub(crate) fn g_per_kwh(&self, level: f64) -> f64 {
        (level + self.reference).exp()
    }
    /// The lowest and highest known level of the last year.
    pub(crate) fn extremes(&self) -> (f64, f64) {
        let from = self.x.len().saturating_sub(366 * 24).max(LAGS);
        let known = (from..self.x.len()).filter(|at| self.is_known(*at)).map(|at| self.x[at]);
        known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), level| (low.min(level), high.max(level)))
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_core::Signal;

    fn history(values: &[Option<f64>]) -> History {
        let start = "2022-01-03T00:00:00Z".parse().expect("a stamp");
        History::hourly("FR".into(), Signal::Lifecycle, start, values)
    }

    #[test]
    fn a_hole_takes_the_level_of_the_day_before() {
        let mut values: Vec<Option<f64>> = (0..72).map(|hour| Some(100.0 + f64::from(hour))).collect();
        values[30] = None;
        let levels = Levels::new(&history(&values), 1_000_000).expect("known hours");
        let at = LAGS + 30;
        assert!((levels.g_per_kwh(levels.x[at]) - 106.0).abs() < 1e-9);
        assert!(!levels.is_known(at) && levels.is_known(at + 1));
        assert_eq!(levels.known(LAGS, LAGS + 72), 71);
    }

    #[test]
    fn padding_repeats_the_first_week_in_phase() {
        let values: Vec<Option<f64>> = (0..400).map(|hour| Some(100.0 + f64::from(hour % 168))).collect();
        let levels = Levels::new(&history(&values), 1_000_000).expect("known hours");
        for at in 0..LAGS {
            assert!((levels.x[at] - levels.x[at + 168]).abs() < 1e-12, "{at}");
        }
        assert_eq!(levels.calendar(LAGS)[0], 1.0, "the third of January 2022 is a Monday");
    }

    #[test]
    fn levels_end_at_the_instant_of_issue() {
        let values = [Some(100.0); 48];
        let history = history(&values);
        let levels = Levels::new(&history, history.start_hour() + 30).expect("known hours");
        assert_eq!(levels.span(), 30);
        assert!(Levels::new(&history, history.start_hour()).is_none());
    }
}
