//! The core: four weeks of log levels, weekday and season against each of the next hours, by ridge.
//!
//! In: levels, the ends of pasts to learn from, the pooled prior. Out: coefficients for each past. Two steps: origins
//! at every hour draw the pooled coefficients towards the zone's own; then origins at the hour of issue draw
//! these towards what holds at that hour of the day.

use crate::algebra::{Cholesky, Matrix, gram_of_rows};
use crate::levels::{LAGS, Levels, WEEK};
use crate::moments::{INPUTS, Moments, Normal};
use crate::prior::Prior;

/// Fewer rows than these teach nothing that the prior does not know.
const LEAST_ORIGINS: usize = 240;
/// How many rows of one hour of the day are read at most: two years.
const MOST_DAYS: usize = 730;

/// How strongly coefficients are held, chosen over all zones at once (docs/design/008-forecaster.md).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// Of the pooled coefficients over a year of the zone's own hours; twice as strong over half a year.
    pub pooled: f64,
    /// Of the zone's coefficients over those of one hour of the day.
    pub hour_of_day: f64,
    /// Of nought for a coefficient of the calendar, as a share of the above.
    pub calendar: f64,
}

impl Strength {
    /// What walk-forward validation over July to December 2022 chose, for all zones at once.
    pub const CHOSEN: Self = Self { pooled: 12_000.0, hour_of_day: 700.0, calendar: 0.005 };
}

/// An old lag is held more strongly than a young one.
pub(crate) fn age_penalty(lag: usize) -> f64 {
    ((LAGS - lag) as f64 / 24.0).powf(1.5)
}

/// Coefficients of lags and calendar by lead.
#[derive(Debug, Clone)]
pub(crate) struct Ridge {
    coefficients: Matrix,
}

impl Ridge {
    /// The pooled coefficients alone.
    pub(crate) fn pooled(prior: &Prior, horizon: usize) -> Self {
        let mut coefficients = Matrix::zeros(INPUTS, horizon);
        for lag in 0..LAGS {
            coefficients.row_mut(lag).copy_from_slice(&prior.coefficients().row(lag)[..horizon]);
        }
        Self { coefficients }
    }

    /// Levels of the next hours from an origin.
    pub(crate) fn predict(&self, levels: &Levels, origin: usize) -> Vec<f64> {
        let week = levels.week(origin);
        let mut ahead = self.coefficients.left_times(&inputs(levels, origin));
        for level in &mut ahead {
            *level += week;
        }
        ahead
    }
}

fn inputs(levels: &Levels, origin: usize) -> Vec<f64> {
    let mut row = levels.lags(origin);
    row.extend(levels.calendar(origin));
    row
}

/// Coefficients for each of `ends`, ascending, from the hours before it; `None` where those are too few.
pub(crate) fn fit(
    levels: &Levels,
    ends: &[usize],
    horizon: usize,
    prior: &Prior,
    strength: Strength,
) -> Vec<Option<Ridge>> {
    let mut moments = Moments::new(horizon);
    let mut from = LAGS;
    let mut normals = Vec::with_capacity(ends.len());
    for end in ends {
        let past = (end + 1).saturating_sub(horizon).max(from);
        moments.add(levels, from..past);
        from = past;
        normals.push((moments.origins >= LEAST_ORIGINS).then(|| (moments.normal(), moments.origins)));
    }
    let variance = normals.last().and_then(Option::as_ref).map_or(0.0, |(normal, _)| normal.variance);
    if variance <= f64::EPSILON {
        return ends.iter().map(|_| None).collect();
    }
    let by_hour = HourOfDay::new(levels, *ends.last().expect("one end at least"), horizon, variance, strength);
    let pooled = Ridge::pooled(prior, horizon).coefficients;
    let fitted = normals.into_iter().zip(ends).map(|(found, end)| {
        let (normal, origins) = found?;
        let zone = towards(normal, origins, &pooled, strength)?;
        Some(Ridge { coefficients: by_hour.draw(zone, *end, horizon) })
    });
    fitted.collect()
}

/// Solves the normal equations with coefficients held towards `pooled`.
fn towards(normal: Normal, origins: usize, pooled: &Matrix, strength: Strength) -> Option<Matrix> {
    let Normal { mut gram, mut right, variance } = normal;
    let held = strength.pooled * (8766.0 / origins as f64).max(0.5);
    for input in 0..INPUTS {
        let penalty = penalty(input, held, variance, strength.calendar);
        gram.row_mut(input)[input] += penalty;
        let pairs = right.row_mut(input).iter_mut().zip(pooled.row(input));
        pairs.for_each(|(cell, pooled)| *cell += penalty * pooled);
    }
    Some(Cholesky::of(gram)?.solve(right))
}

fn penalty(input: usize, held: f64, variance: f64, calendar: f64) -> f64 {
    if input < LAGS { held * age_penalty(input) * variance } else { held * calendar }
}

/// The rows of one hour of the day, solved by rows rather than by inputs: they are few, and each past is a
/// beginning of the last, so that one factor serves them all.
struct HourOfDay {
    origins: Vec<usize>,
    rows: Matrix,
    targets: Matrix,
    free: Vec<f64>,
    factor: Option<Cholesky>,
}

impl HourOfDay {
    fn new(levels: &Levels, end: usize, horizon: usize, variance: f64, strength: Strength) -> Self {
        let days = (1..=MOST_DAYS).rev().filter_map(|day| end.checked_sub(24 * day));
        let origins: Vec<usize> = days
            .filter(|origin| *origin >= LAGS && origin + horizon <= end && levels.teaches(*origin, horizon))
            .collect();
        let mut rows = Matrix::zeros(origins.len(), INPUTS);
        let mut targets = Matrix::zeros(origins.len(), horizon);
        for (at, origin) in origins.iter().enumerate() {
            rows.row_mut(at).copy_from_slice(&inputs(levels, *origin));
            let week = levels.week(*origin);
            let ahead = targets.row_mut(at).iter_mut().zip(&levels.x[*origin..]);
            ahead.for_each(|(cell, level)| *cell = level - week);
        }
        let free: Vec<f64> =
            (0..INPUTS).map(|input| 1.0 / penalty(input, strength.hour_of_day, variance, strength.calendar)).collect();
        let mut kernel = gram_of_rows(&rows, &free);
        (0..origins.len()).for_each(|at| kernel.row_mut(at)[at] += 1.0);
        Self { origins, rows, targets, free, factor: Cholesky::of(kernel) }
    }

    /// Coefficients drawn towards the rows that had ended by `end`.
    fn draw(&self, mut zone: Matrix, end: usize, horizon: usize) -> Matrix {
        let known = self.origins.iter().take_while(|origin| **origin + horizon <= end).count();
        let Some(factor) = self.factor.as_ref().filter(|_| known > 0) else { return zone };
        let mut errors = Matrix::zeros(known, horizon);
        for at in 0..known {
            let foretold = zone.left_times(self.rows.row(at));
            let cells = self.targets.row(at).iter().zip(&foretold).map(|(target, foretold)| target - foretold);
            errors.row_mut(at).iter_mut().zip(cells).for_each(|(error, cell)| *error = cell);
        }
        let weights = factor.solve(errors);
        let mut column = vec![0.0; known];
        for input in 0..INPUTS {
            column.iter_mut().enumerate().for_each(|(at, cell)| *cell = self.rows.at(at, input) * self.free[input]);
            let moved = weights.left_times(&column);
            zone.row_mut(input).iter_mut().zip(moved).for_each(|(cell, moved)| *cell += moved);
        }
        zone
    }
}

/// Root mean square departure of an hour from the week before it: the spread in which pooled bands are told.
pub(crate) fn spread(levels: &Levels, end: usize) -> f64 {
    let from = LAGS + if levels.span() > 2 * WEEK { WEEK } else { levels.span().min(24) };
    let origins: Vec<usize> = (from..end).step_by(STRIDE).collect();
    let squares = origins.iter().map(|origin| (levels.x[*origin] - levels.week(*origin)).powi(2));
    (squares.sum::<f64>() / origins.len().max(1) as f64).sqrt()
}

/// Every fifth hour is read: five has no factor in common with a day.
const STRIDE: usize = 5;
