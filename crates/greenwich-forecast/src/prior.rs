//! What many zones have in common: how the next hours follow from the last four weeks.
//!
//! In: moments of many zones, or the text that holds what they gave. Out: pooled coefficients, lags × leads, towards
//! which each zone's own ridge is drawn, and pooled bands for a zone without a record. The same coefficients serve
//! any zone: levels are relative to its last week, so they have no unit and no level of their own.
//!
//! Coefficients are kept as a sum of few products of a column of lags and a row of leads; `cargo xtask pool` makes
//! the text and says what it was made of.

use crate::algebra::{Cholesky, Matrix, dot};
use crate::levels::LAGS;
use crate::moments::{INPUTS, Normal};
use crate::ridge::age_penalty;
use std::fmt::Write as _;

/// The longest horizon that the prior speaks of, in hours.
pub const MOST_HOURS_AHEAD: usize = 168;
/// Ridge strength of the pooled fit.
const POOLED_STRENGTH: f64 = 100.0;
const RANK: usize = 32;
/// Rounds of subspace iteration: the leading components of coefficients part quickly.
const ROUNDS: usize = 60;
/// Each column is written in whole numbers up to this.
const FULL_SCALE: f64 = 9999.0;

/// Coefficients and bands pooled over zones.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Lags × leads.
    coefficients: Matrix,
    /// Error of the median by lead, in standard deviations of the zone's hourly departure from its week: 5th and
    /// 95th percentile.
    bands: [Vec<f64>; 2],
}

impl Prior {
    /// The prior that ships: see `data/pooled.csv`.
    pub fn shipped() -> Self {
        Self::parse(include_str!("../data/pooled.csv")).expect("the shipped text is held by a test")
    }

    /// No prior: coefficients of nought (the last week's mean goes on) and bands as wide as the zone's own spread.
    pub fn none() -> Self {
        let wide = vec![1.645; MOST_HOURS_AHEAD];
        let narrow = wide.iter().map(|band| -band).collect();
        Self { coefficients: Matrix::zeros(LAGS, MOST_HOURS_AHEAD), bands: [narrow, wide] }
    }

    pub(crate) fn coefficients(&self) -> &Matrix {
        &self.coefficients
    }
    pub(crate) fn band(&self, lead: usize) -> [f64; 2] {
        [self.bands[0][lead], self.bands[1][lead]]
    }
    /// The same coefficients with other bands, one pair of offsets a lead.
    pub(crate) fn with_bands(self, bands: [Vec<f64>; 2]) -> Self {
        Self { bands, ..self }
    }

    /// Fits the coefficients of all zones at once; each zone counts by its hours, in units of its own spread.
    pub(crate) fn pooled<'a>(zones: impl Iterator<Item = &'a Normal>) -> Option<Self> {
        let mut gram = Matrix::zeros(LAGS, LAGS);
        let mut right = Matrix::zeros(LAGS, MOST_HOURS_AHEAD);
        for zone in zones.filter(|zone| zone.variance > 0.0) {
            for lag in 0..LAGS {
                let pairs = gram.row_mut(lag)[..=lag].iter_mut().zip(&zone.gram.row(lag)[..=lag]);
                pairs.for_each(|(sum, cell)| *sum += cell / zone.variance);
                let pairs = right.row_mut(lag).iter_mut().zip(zone.right.row(lag));
                pairs.for_each(|(sum, cell)| *sum += cell / zone.variance);
            }
        }
        for lag in 0..LAGS {
            gram.row_mut(lag)[lag] += POOLED_STRENGTH * age_penalty(lag);
        }
        let (lags, leads) = factors(&Cholesky::of(gram)?.solve(right));
        let none = Self::none();
        Some(Self { coefficients: product(&round(lags), &round(leads)), ..none })
    }

    /// The text of the prior, below `head`, whose lines begin with `#`.
    pub fn text(&self, head: &str) -> String {
        let (lags, leads) = factors(&self.coefficients);
        let mut text = head.to_owned();
        text.push_str("part,scale,values\n");
        let mut line = |part: &str, row: &[f64]| {
            let (scale, values) = whole(row);
            let words: Vec<String> = values.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "{part},{scale:e},{}", words.join(" "));
        };
        for row in &lags {
            line("lags", row);
        }
        for row in &leads {
            line("leads", row);
        }
        line("low", &self.bands[0]);
        line("high", &self.bands[1]);
        text
    }

    /// Reads what [`Prior::text`] wrote; `None` where a line is not of that form.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut lags, mut leads, mut bands) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
            let mut cells = line.split(',');
            let (part, scale, values) = (cells.next()?, cells.next()?.parse::<f64>().ok()?, cells.next()?);
            let row: Option<Vec<f64>> =
                values.split(' ').map(|word| Some(f64::from(word.parse::<i32>().ok()?) * scale)).collect();
            let (row, length, place) = match part {
                "lags" => (row?, LAGS, &mut lags),
                "leads" => (row?, MOST_HOURS_AHEAD, &mut leads),
                "low" | "high" => (row?, MOST_HOURS_AHEAD, &mut bands),
                _ => return None,
            };
            if row.len() != length {
                return None;
            }
            place.push(row);
        }
        let coefficients = product(&lags, &leads);
        (lags.len() == leads.len()).then_some(())?;
        Some(Self { coefficients, bands: bands.try_into().ok()? })
    }
}

/// A row in whole numbers and what one of them is worth.
fn whole(row: &[f64]) -> (f64, Vec<i32>) {
    let most = row.iter().fold(0.0, |most: f64, cell| most.max(cell.abs())).max(f64::MIN_POSITIVE);
    // The scale itself is written with few digits, so that reading gives the very numbers that were made.
    let scale: f64 = format!("{:.4e}", most / FULL_SCALE).parse().expect("a number was just written");
    (scale, row.iter().map(|cell| (cell / scale).round() as i32).collect())
}

fn round(rows: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let written = |row: Vec<f64>| {
        let (scale, values) = whole(&row);
        values.into_iter().map(|value| f64::from(value) * scale).collect()
    };
    rows.into_iter().map(written).collect()
}

/// Σ over components of column × row.
fn product(lags: &[Vec<f64>], leads: &[Vec<f64>]) -> Matrix {
    let mut coefficients = Matrix::zeros(LAGS, MOST_HOURS_AHEAD);
    for (column, row) in lags.iter().zip(leads) {
        for (lag, factor) in column.iter().enumerate() {
            coefficients.row_mut(lag).iter_mut().zip(row).for_each(|(cell, lead)| *cell += factor * lead);
        }
    }
    coefficients
}

/// The leading components of coefficients: columns of lags, and orthonormal rows of leads.
fn factors(coefficients: &Matrix) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let width = coefficients.columns;
    let times = |row: &[f64]| -> Vec<f64> { (0..LAGS).map(|lag| dot(coefficients.row(lag), row)).collect() };
    // Starts from cosines: fixed, full rank, and never orthogonal to a smooth component.
    let wave = |k: usize, at: usize| (std::f64::consts::PI * (at as f64 + 0.5) * k as f64 / width as f64).cos();
    let mut leads: Vec<Vec<f64>> = (0..RANK).map(|k| (0..width).map(|at| wave(k, at)).collect()).collect();
    orthonormal(&mut leads);
    for _ in 0..ROUNDS {
        leads = leads.iter().map(|row| coefficients.left_times(&times(row))).collect();
        orthonormal(&mut leads);
    }
    (leads.iter().map(|row| times(row)).collect(), leads)
}

/// Gram and Schmidt, twice, which is enough; a row without a direction of its own becomes nought.
fn orthonormal(rows: &mut [Vec<f64>]) {
    for at in 0..rows.len() {
        let (before, rest) = rows.split_at_mut(at);
        let row = &mut rest[0];
        let whole = dot(row, row).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let share = dot(row, other);
                row.iter_mut().zip(other).for_each(|(cell, other)| *cell -= share * other);
            }
        }
        let length = dot(row, row).sqrt();
        let factor = if length > 1e-12 * whole { 1.0 / length } else { 0.0 };
        for cell in row.iter_mut() {
            *cell *= factor;
        }
    }
}

const _: () = assert!(INPUTS > LAGS, "the prior speaks of lags alone, weekdays are each zone's own");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_gives_back_the_prior() {
        let shipped = Prior::shipped();
        let again = Prior::parse(&shipped.text("# again\n")).expect("its own text");
        for lag in 0..LAGS {
            for lead in 0..MOST_HOURS_AHEAD {
                let apart = shipped.coefficients.at(lag, lead) - again.coefficients.at(lag, lead);
                assert!(apart.abs() < 2e-3, "{lag} {lead}: {apart}");
            }
        }
        assert!(Prior::parse("part,scale,values\nlags,1,1 2 3\n").is_none());
        assert!(Prior::parse("part,scale,values\nwhat,1,1\n").is_none());
    }

    #[test]
    fn pooled_bands_hold_the_median_and_widen_with_the_lead() {
        let shipped = Prior::shipped();
        let width = |lead: usize| shipped.band(lead)[1] - shipped.band(lead)[0];
        assert!((0..MOST_HOURS_AHEAD).all(|lead| shipped.band(lead)[0] < 0.0 && shipped.band(lead)[1] > 0.0));
        assert!(width(0) < width(12) && width(12) < width(95));
    }
}
