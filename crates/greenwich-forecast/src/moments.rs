//! Sums of products over all hours of a history, at the price of one row of them.
//!
//! In: levels and a span of origins. Out: for each pair of places in the window of lags and targets the sum of their
//! product. The window slides by an hour from one origin to the next, so the sum of places (i + 1, j + 1) is that
//! of (i, j) less the first product and plus the last: 17,000 origins × 768² products cost 768² steps.

use crate::algebra::Matrix;
use crate::levels::{CALENDAR, LAGS, Levels, WEEK};
use std::ops::Range;

/// Sums over origins of one zone.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    horizon: usize,
    /// How many origins were added.
    pub(crate) origins: usize,
    /// Σ of products by pair of places in the window; upper half.
    pairs: Matrix,
    /// Σ of calendar × window.
    by_calendar: Matrix,
    /// Σ of calendar × calendar.
    calendars: [[f64; CALENDAR]; CALENDAR],
}

/// The normal equations of levels relative to the last week's mean: lags, then calendar, against targets.
#[derive(Debug, Clone)]
pub(crate) struct Normal {
    /// Inputs × inputs, lower half.
    pub(crate) gram: Matrix,
    /// Inputs × targets.
    pub(crate) right: Matrix,
    /// Mean square of the first target.
    pub(crate) variance: f64,
}

/// How many inputs a row has: lags and calendar.
pub(crate) const INPUTS: usize = LAGS + CALENDAR;

impl Moments {
    pub(crate) fn new(horizon: usize) -> Self {
        let window = LAGS + horizon;
        Self {
            horizon,
            origins: 0,
            pairs: Matrix::zeros(window, window),
            by_calendar: Matrix::zeros(CALENDAR, window),
            calendars: [[0.0; CALENDAR]; CALENDAR],
        }
    }

    /// Adds the origins of a span whose lags and targets are sound.
    pub(crate) fn add(&mut self, levels: &Levels, span: Range<usize>) {
        let mut from = span.start.max(LAGS);
        while from < span.end {
            let Some(first) = (from..span.end).find(|origin| levels.teaches(*origin, self.horizon)) else { return };
            let past = (first..span.end).find(|origin| !levels.teaches(*origin, self.horizon)).unwrap_or(span.end);
            self.add_run(levels, first..past);
            from = past;
        }
    }

    fn add_run(&mut self, levels: &Levels, run: Range<usize>) {
        let window = LAGS + self.horizon;
        let x = &levels.x;
        let mut row = vec![0.0; window];
        for origin in run.clone() {
            let lead = x[origin - LAGS];
            for (sum, level) in row.iter_mut().zip(&x[origin - LAGS..origin + self.horizon]) {
                *sum += lead * level;
            }
            let calendar = levels.calendar(origin);
            for (at, one) in calendar.iter().enumerate().filter(|(_, one)| **one != 0.0) {
                self.calendars[at].iter_mut().zip(&calendar).for_each(|(sum, other)| *sum += one * other);
                let sums = self.by_calendar.row_mut(at).iter_mut();
                sums.zip(&x[origin - LAGS..origin + self.horizon]).for_each(|(sum, level)| *sum += one * level);
            }
        }
        self.origins += run.len();
        let (first, past) = (&x[run.start - LAGS..], &x[run.end - LAGS..]);
        for place in 0..window {
            for (sum, add) in self.pairs.row_mut(place)[place..].iter_mut().zip(&row) {
                *sum += add;
            }
            // The next row begins one place later: each product moves one hour on.
            if place + 1 < window {
                let (leaves, enters) = (first[place], past[place]);
                row.pop();
                for (offset, sum) in row.iter_mut().enumerate() {
                    *sum += enters * past[place + offset] - leaves * first[place + offset];
                }
            }
        }
    }

    fn pair(&self, one: usize, other: usize) -> f64 {
        self.pairs.at(one.min(other), one.max(other))
    }

    /// The normal equations of all that was added.
    pub(crate) fn normal(&self) -> Normal {
        let window = LAGS + self.horizon;
        let week = LAGS - WEEK..LAGS;
        let of_week = |at: usize| week.clone().map(|day| self.pair(at, day)).sum::<f64>() / WEEK as f64;
        let with_week: Vec<f64> = (0..window).map(of_week).collect();
        let within = with_week[week.clone()].iter().sum::<f64>() / WEEK as f64;
        let centred = |one: usize, other: usize| self.pair(one, other) - with_week[one] - with_week[other] + within;
        let mut gram = Matrix::zeros(INPUTS, INPUTS);
        let mut right = Matrix::zeros(INPUTS, self.horizon);
        for lag in 0..LAGS {
            for other in 0..=lag {
                gram.row_mut(lag)[other] = centred(lag, other);
            }
            for target in 0..self.horizon {
                right.row_mut(lag)[target] = centred(lag, LAGS + target);
            }
        }
        for at in 0..CALENDAR {
            let sums = self.by_calendar.row(at);
            let level = sums[week.clone()].iter().sum::<f64>() / WEEK as f64;
            let row = gram.row_mut(LAGS + at);
            for (cell, sum) in row.iter_mut().zip(&sums[..LAGS]) {
                *cell = sum - level;
            }
            row[LAGS..].copy_from_slice(&self.calendars[at]);
            for (cell, sum) in right.row_mut(LAGS + at).iter_mut().zip(&sums[LAGS..]) {
                *cell = sum - level;
            }
        }
        let variance = centred(LAGS, LAGS) / self.origins.max(1) as f64;
        Normal { gram, right, variance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use greenwich_core::Signal;

    #[test]
    fn sums_that_slide_are_sums_that_were_added_up() {
        let value = |hour: i64| Some(300.0 + 90.0 * (hour as f64 * 0.26).sin() + 7.0 * ((hour * hour) % 13) as f64);
        let mut values: Vec<Option<f64>> = (0..1400).map(value).collect();
        values[1000..1060].fill(None);
        let start = "2022-01-01T00:00:00Z".parse().expect("a stamp");
        let history = History::hourly("FR".into(), Signal::Lifecycle, start, &values);
        let levels = Levels::new(&history, history.end_hour()).expect("known hours");
        let horizon = 24;
        let mut moments = Moments::new(horizon);
        let past = levels.x.len() - horizon + 1;
        moments.add(&levels, LAGS..900);
        moments.add(&levels, 900..past);
        let normal = moments.normal();
        let rows: Vec<usize> = (LAGS..past).filter(|origin| levels.teaches(*origin, horizon)).collect();
        assert_eq!(moments.origins, rows.len());
        assert!(rows.len() > 300 && rows.len() < past - LAGS);
        for (one, other) in [(0, 0), (671, 3), (500, 499), (675, 20), (678, 671), (680, 675), (679, 300)] {
            let input = |origin: usize, at: usize| {
                if at < LAGS { levels.lags(origin)[at] } else { levels.calendar(origin)[at - LAGS] }
            };
            let sum: f64 = rows.iter().map(|origin| input(*origin, one) * input(*origin, other)).sum();
            assert!((normal.gram.at(one, other) - sum).abs() < 1e-8, "{one} {other}");
            let target: f64 = rows.iter().map(|o| input(*o, one) * (levels.x[o + 23] - levels.week(*o))).sum();
            assert!((normal.right.at(one, 23) - target).abs() < 1e-8, "{one}");
        }
    }
}
