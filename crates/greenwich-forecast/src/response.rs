//! What weather, prices and the operator's own forecasts add, used only where they won on the zone's own past.
//!
//! In: medians as they would have been issued, what came, and covariates. Out: by day ahead which families of covariates
//! have a say, and a correction by hour. A covariate is read as its departure from the same hour of the last
//! week: at the hour ahead, over the day ahead, and over the last day, so that nothing has a level. Each value is read as it
//! was known at its origin. The correction is linear, by ridge: coefficients of a day ahead, from which those of
//! its hours depart.

use crate::algebra::{Cholesky, Matrix};
use crate::covariate::{Covariate, Family, Measure};
use crate::levels::{Levels, WEEK};
use std::sync::Arc;

const DAY: usize = 24;
/// Features of each driver: the hour's departure, its day's, and that of the last day known.
const VIEWS: usize = 3;
/// The last days of the record, on which families have to win too, taught by the days before.
const JUDGED_DAYS: usize = 60;
/// Days of record before these, at least.
const LEAST_DAYS: usize = 90;
/// Days of a part of the record; what is corrected in one part is learnt in the others.
const PART_DAYS: usize = 60;
/// A set of families wins by at least this part of the absolute error of a day ahead.
const CLEARLY: f64 = 0.015;
/// Days that coefficients of nought count for, and those of the day ahead against those of an hour.
const HELD_DAYS: [f64; 2] = [20.0, 60.0];
/// Hours on each side that speak for an hour too.
const NEIGHBOURS: usize = 1;
/// °C above or below which buildings are cooled or heated.
const MILD_C: f64 = 16.0;

/// A covariate in the form in which an intensity answers to it.
#[derive(Debug, Clone)]
struct Driver {
    covariate: usize,
    family: Family,
    form: Form,
    /// Its usual departure, by which it is divided.
    scale: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Plain,
    /// Distance from mild air: demand rises on both sides.
    FromMild,
    /// The square of wind, which power follows up to full speed.
    Square,
    /// Logarithmic beyond the usual price, on both sides of nought.
    Tamed {
        usual: f64,
    },
}

impl Form {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::FromMild => (value - MILD_C).abs(),
            Self::Square => value * value,
            Self::Tamed { usual } => (value / usual).asinh(),
        }
    }
}

/// Corrections that won.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    drivers: Vec<Driver>,
    /// The families that have a say in each day ahead.
    by_day: Vec<Vec<Family>>,
    /// Hours ahead × features.
    coefficients: Matrix,
}

impl Response {
    /// Learns from a record of medians by origin, oldest first, a day apart, and corrects it where covariates win: each
    /// part by what the others taught.
    pub(crate) fn won(
        levels: &Levels,
        covariates: &Arc<[Covariate]>,
        record: &mut [(usize, Vec<f64>)],
    ) -> Option<Self> {
        record.len().checked_sub(JUDGED_DAYS).filter(|days| *days >= LEAST_DAYS)?;
        let horizon = record[0].1.len();
        let drivers = drivers(levels, covariates, record);
        let families: Vec<Family> = Family::ALL
            .into_iter()
            .filter(|family| drivers.iter().any(|driver| driver.family == *family))
            .filter(|family| is_at_hand(levels, covariates, &drivers, *family, horizon))
            .collect();
        let sets = subsets(&families);
        if sets.is_empty() {
            return None;
        }
        let rows: Vec<Matrix> =
            record.iter().map(|(origin, _)| features(levels, covariates, &drivers, *origin, horizon)).collect();
        let parts = parts(levels, record, &rows);
        // Of each part the coefficients of each set that the other parts taught.
        let folds: Vec<Vec<Matrix>> = (0..parts.len())
            .map(|part| sets.iter().map(|set| learn(&parts, |other| other != part, &drivers, set)).collect())
            .collect();
        let trial = Trial { levels, record, rows: &rows, drivers: &drivers, sets: &sets, folds: &folds };
        let by_day: Vec<Vec<Family>> = (0..horizon.div_ceil(DAY)).map(|day| trial.best(day)).collect();
        if by_day.iter().all(Vec::is_empty) {
            return None;
        }
        let chosen = |of_sets: &[Matrix]| {
            let mut coefficients = Matrix::zeros(horizon, VIEWS * drivers.len());
            for (set, learnt) in sets.iter().zip(of_sets) {
                for lead in (0..horizon).filter(|lead| by_day[lead / DAY] == *set) {
                    coefficients.row_mut(lead).copy_from_slice(learnt.row(lead));
                }
            }
            coefficients
        };
        for (part, of_sets) in folds.iter().enumerate() {
            let coefficients = chosen(of_sets);
            for at in part_of(record.len(), part) {
                correct(&mut record[at].1, &rows[at], &coefficients, &drivers, &by_day);
            }
        }
        let whole: Vec<Matrix> = sets.iter().map(|set| learn(&parts, |_| true, &drivers, set)).collect();
        let coefficients = chosen(&whole);
        Some(Self { drivers, by_day, coefficients })
    }

    /// Corrects the medians issued at an origin.
    pub(crate) fn correct(&self, levels: &Levels, covariates: &[Covariate], origin: usize, ahead: &mut [f64]) {
        if self.drivers.iter().any(|driver| driver.covariate >= covariates.len()) {
            return;
        }
        let rows = features(levels, covariates, &self.drivers, origin, ahead.len());
        correct(ahead, &rows, &self.coefficients, &self.drivers, &self.by_day);
    }

    /// The covariates that have a say in some hour ahead, by place, ascending.
    pub(crate) fn used(&self) -> Vec<usize> {
        let has_say = |driver: &&Driver| self.by_day.iter().any(|families| families.contains(&driver.family));
        let mut used: Vec<usize> = self.drivers.iter().filter(has_say).map(|driver| driver.covariate).collect();
        used.dedup();
        used
    }
}

/// All that can be told apart from nothing: each family, and each union of them.
fn subsets(families: &[Family]) -> Vec<Vec<Family>> {
    let picked = |mask: usize| {
        families.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, family)| *family).collect()
    };
    (1..1 << families.len()).map(picked).collect()
}

/// The covariates in the forms that are read, those that never depart from their week left out.
fn drivers(levels: &Levels, covariates: &[Covariate], record: &[(usize, Vec<f64>)]) -> Vec<Driver> {
    let mut drivers = Vec::new();
    for (at, covariate) in covariates.iter().enumerate() {
        let forms: &[Form] = match covariate.measure {
            Measure::Temperature => &[Form::Plain, Form::FromMild],
            Measure::WindSpeed => &[Form::Plain, Form::Square],
            Measure::Price => &[Form::Tamed { usual: usual(levels, covariate, record) }],
            _ => &[Form::Plain],
        };
        for form in forms {
            let family = covariate.measure.family();
            let mut driver = Driver { covariate: at, family, form: *form, scale: 1.0 };
            let mut sums = (0.0, 0.0);
            for (origin, _) in record {
                let departures = Departures::of(levels, covariate, &driver, *origin);
                let last = levels.hour(*origin) - DAY as i64;
                for departure in (last..last + DAY as i64).map(|hour| departures.at(hour)) {
                    if !departure.is_nan() {
                        sums = (sums.0 + departure * departure, sums.1 + 1.0);
                    }
                }
            }
            driver.scale = (sums.0 / f64::max(sums.1, 1.0)).sqrt();
            if sums.1 > (LEAST_DAYS * DAY) as f64 && driver.scale > 1e-9 {
                drivers.push(driver);
            }
        }
    }
    drivers
}

/// The median size of a price over the record, above nought.
fn usual(levels: &Levels, covariate: &Covariate, record: &[(usize, Vec<f64>)]) -> f64 {
    let sizes = record.iter().flat_map(|(origin, _)| {
        let issue = levels.hour(*origin);
        (issue - DAY as i64..issue).map(move |hour| covariate.value(hour, issue).abs())
    });
    let mut sizes: Vec<f64> = sizes.filter(|size| *size > 0.0).collect();
    if sizes.is_empty() {
        return 1.0;
    }
    let middle = sizes.len() / 2;
    *sizes.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Whether a family tells something of at least half of the hours ahead at the end of the levels.
fn is_at_hand(levels: &Levels, covariates: &[Covariate], drivers: &[Driver], family: Family, horizon: usize) -> bool {
    let rows = features(levels, covariates, drivers, levels.x.len(), horizon);
    let told = |lead: &usize| is_told(rows.row(*lead), drivers, &[family]);
    2 * (0..horizon).filter(told).count() >= horizon
}

fn is_told(row: &[f64], drivers: &[Driver], families: &[Family]) -> bool {
    let of = |driver: usize| &row[VIEWS * driver..VIEWS * (driver + 1)];
    let mut asked = drivers.iter().enumerate().filter(|(_, driver)| families.contains(&driver.family));
    asked.all(|(at, _)| of(at).iter().all(|cell| !cell.is_nan()))
}

/// A driver at an origin: its mean by hour of the day over the week before, and what is known around.
struct Departures<'a> {
    covariate: &'a Covariate,
    form: Form,
    scale: f64,
    issue_hour: i64,
    week: [f64; DAY],
}

impl<'a> Departures<'a> {
    fn of(levels: &Levels, covariate: &'a Covariate, driver: &Driver, origin: usize) -> Self {
        let issue_hour = levels.hour(origin);
        let mut sums = [(0.0, 0.0); DAY];
        for hour in issue_hour - WEEK as i64..issue_hour {
            let value = driver.form.of(covariate.value(hour, issue_hour));
            if !value.is_nan() {
                let (sum, count) = &mut sums[hour.rem_euclid(DAY as i64) as usize];
                (*sum, *count) = (*sum + value, *count + 1.0);
            }
        }
        let week = sums.map(|(sum, count)| sum / count);
        Self { covariate, form: driver.form, scale: driver.scale, issue_hour, week }
    }

    /// NaN where the hour, or its week, is not known.
    fn at(&self, hour: i64) -> f64 {
        let value = self.form.of(self.covariate.value(hour, self.issue_hour));
        (value - self.week[hour.rem_euclid(DAY as i64) as usize]) / self.scale
    }

    fn mean(&self, hours: std::ops::Range<i64>) -> f64 {
        let known = hours.map(|hour| self.at(hour)).filter(|departure| !departure.is_nan());
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), departure| (sum + departure, count + 1.0));
        sum / count
    }
}

/// Hours ahead × features. What cannot be known yet of a day ahead is taken from the last day that is; what could be known
/// and is not is NaN.
fn features(levels: &Levels, covariates: &[Covariate], drivers: &[Driver], origin: usize, horizon: usize) -> Matrix {
    let mut rows = Matrix::zeros(horizon, VIEWS * drivers.len());
    for (at, driver) in drivers.iter().enumerate() {
        let covariate = &covariates[driver.covariate];
        let departures = Departures::of(levels, covariate, driver, origin);
        let issue = departures.issue_hour;
        let last = departures.mean(issue - DAY as i64..issue);
        let mut of_day = last;
        for day in 0..horizon.div_ceil(DAY) {
            let leads = day * DAY..((day + 1) * DAY).min(horizon);
            let first = issue + leads.start as i64;
            let is_ahead = covariate.reaches(first, issue);
            if is_ahead {
                of_day = departures.mean(first..issue + leads.end as i64);
            }
            for lead in leads {
                let hour = issue + lead as i64;
                let known = if covariate.reaches(hour, issue) { departures.at(hour) } else { 0.0 };
                // A gap of an hour is taken for its day; where the day is a gap, this is one too.
                let of_hour = if known.is_nan() { of_day } else { known };
                rows.row_mut(lead)[VIEWS * at..VIEWS * (at + 1)].copy_from_slice(&[of_hour, of_day, last]);
            }
        }
    }
    rows
}

/// Sums over the days of a part, by hour ahead.
struct Sums {
    grams: Vec<Matrix>,
    rights: Vec<Vec<f64>>,
}

/// The places in the record of a part; the last part is that which is judged.
fn part_of(days: usize, part: usize) -> std::ops::Range<usize> {
    let judged = days - JUDGED_DAYS;
    let from = part * PART_DAYS;
    if from >= judged { judged..days } else { from..(from + PART_DAYS).min(judged) }
}

fn parts(levels: &Levels, record: &[(usize, Vec<f64>)], rows: &[Matrix]) -> Vec<Sums> {
    let (horizon, width) = (rows[0].rows, rows[0].columns);
    let count = (record.len() - JUDGED_DAYS).div_ceil(PART_DAYS) + 1;
    let error = |at: usize, lead: usize| {
        let (origin, ahead) = &record[at];
        let hour = origin + lead;
        (hour < levels.x.len() && levels.is_known(hour)).then(|| levels.x[hour] - ahead[lead])
    };
    let sizes: Vec<f64> =
        (0..record.len()).flat_map(|at| (0..horizon).filter_map(move |lead| error(at, lead))).map(f64::abs).collect();
    // A storm counts as a bad day and no more: errors are cut at three times their usual size.
    let most = 3.0 * sizes.iter().sum::<f64>() / sizes.len().max(1) as f64;
    let of_part = |part: usize| {
        let days = part_of(record.len(), part);
        // What came after the next part had begun is not known to those who are judged on it.
        let past = record.get(days.end).map_or(levels.x.len(), |(origin, _)| *origin);
        let mut sums =
            Sums { grams: vec![Matrix::zeros(width, width); horizon], rights: vec![vec![0.0; width]; horizon] };
        for at in days {
            for lead in (0..horizon).filter(|lead| record[at].0 + lead < past) {
                let Some(error) = error(at, lead).map(|error| error.clamp(-most, most)) else { continue };
                let row: Vec<f64> =
                    rows[at].row(lead).iter().map(|cell| if cell.is_nan() { 0.0 } else { *cell }).collect();
                for (one, cell) in row.iter().enumerate() {
                    sums.rights[lead][one] += cell * error;
                    let gram = sums.grams[lead].row_mut(one)[..=one].iter_mut();
                    gram.zip(&row).for_each(|(sum, other)| *sum += cell * other);
                }
            }
        }
        sums
    };
    (0..count).map(of_part).collect()
}

/// Coefficients of the drivers of some families, by hour ahead, from some parts.
fn learn(parts: &[Sums], keep: impl Fn(usize) -> bool, drivers: &[Driver], families: &[Family]) -> Matrix {
    let (horizon, width) = (parts[0].grams.len(), VIEWS * drivers.len());
    let columns: Vec<usize> = (0..width).filter(|at| families.contains(&drivers[at / VIEWS].family)).collect();
    let kept: Vec<&Sums> = parts.iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, sums)| sums).collect();
    let sum_over = |leads: std::ops::Range<usize>| {
        let mut gram = Matrix::zeros(columns.len(), columns.len());
        let mut right = Matrix::zeros(columns.len(), 1);
        for (sums, lead) in kept.iter().flat_map(|sums| leads.clone().map(move |lead| (sums, lead))) {
            for (one, column) in columns.iter().enumerate() {
                right.row_mut(one)[0] += sums.rights[lead][*column];
                for (other, second) in columns[..=one].iter().enumerate() {
                    gram.row_mut(one)[other] += sums.grams[lead].at(*column, *second);
                }
            }
        }
        (gram, right)
    };
    let held = |mut gram: Matrix, right: Matrix, days: f64, hours: usize| {
        for at in 0..columns.len() {
            gram.row_mut(at)[at] += days * hours as f64;
        }
        Cholesky::of(gram).map(|factor| factor.solve(right).cells)
    };
    let mut coefficients = Matrix::zeros(horizon, width);
    for day in 0..horizon.div_ceil(DAY) {
        let leads = day * DAY..((day + 1) * DAY).min(horizon);
        let (gram, right) = sum_over(leads.clone());
        let Some(of_day) = held(gram, right, HELD_DAYS[0], leads.len()) else { continue };
        for lead in leads.clone() {
            let near = lead.saturating_sub(NEIGHBOURS).max(leads.start)..(lead + NEIGHBOURS + 1).min(leads.end);
            let (gram, mut right) = sum_over(near.clone());
            for one in 0..columns.len() {
                let told: f64 =
                    (0..columns.len()).map(|other| gram.at(one.max(other), one.min(other)) * of_day[other]).sum();
                right.row_mut(one)[0] -= told;
            }
            let departs = held(gram, right, HELD_DAYS[1], near.len());
            for (at, column) in columns.iter().enumerate() {
                let more = departs.as_ref().map_or(0.0, |cells| cells[at]);
                coefficients.row_mut(lead)[*column] = of_day[at] + more;
            }
        }
    }
    coefficients
}

/// What each set of families would have made of the record.
struct Trial<'a> {
    levels: &'a Levels,
    record: &'a [(usize, Vec<f64>)],
    rows: &'a [Matrix],
    drivers: &'a [Driver],
    sets: &'a [Vec<Family>],
    folds: &'a [Vec<Matrix>],
}

impl Trial<'_> {
    /// The families that win a day ahead clearly over the whole record, and on its last part too; else none.
    fn best(&self, day: usize) -> Vec<Family> {
        let last = self.folds.len() - 1;
        let (mut whole, mut recent) = (vec![0.0; self.sets.len() + 1], Vec::new());
        for part in 0..=last {
            recent = self.errors(part, day);
            whole.iter_mut().zip(&recent).for_each(|(sum, error)| *sum += error);
        }
        let least = (1..whole.len()).min_by(|one, other| whole[*one].total_cmp(&whole[*other]));
        let wins = |at: &usize| whole[*at] < whole[0] * (1.0 - CLEARLY) && recent[*at] < recent[0];
        least.filter(wins).map_or_else(Vec::new, |at| self.sets[at - 1].clone())
    }

    /// The absolute error of a day ahead over a part, without covariates and then with each set.
    fn errors(&self, part: usize, day: usize) -> Vec<f64> {
        let Self { levels, record, rows, drivers, sets, folds } = self;
        let mut sums = vec![0.0; sets.len() + 1];
        for at in part_of(record.len(), part) {
            let (origin, ahead) = &record[at];
            let known = |lead: &usize| origin + lead < levels.x.len() && levels.is_known(origin + lead);
            for lead in (day * DAY..((day + 1) * DAY).min(ahead.len())).filter(known) {
                let hour = origin + lead;
                let error = levels.x[hour] - ahead[lead];
                sums[0] += error.abs();
                for ((sum, set), coefficients) in sums[1..].iter_mut().zip(*sets).zip(&folds[part]) {
                    let told = correction(rows[at].row(lead), coefficients.row(lead), drivers, set);
                    *sum += (error - told).abs();
                }
            }
        }
        sums
    }
}

fn correct(ahead: &mut [f64], rows: &Matrix, coefficients: &Matrix, drivers: &[Driver], by_day: &[Vec<Family>]) {
    for (lead, level) in ahead.iter_mut().enumerate() {
        *level += correction(rows.row(lead), coefficients.row(lead), drivers, &by_day[lead / DAY]);
    }
}

/// Nought where a driver of the families has a gap.
fn correction(row: &[f64], coefficients: &[f64], drivers: &[Driver], families: &[Family]) -> f64 {
    if !is_told(row, drivers, families) {
        return 0.0;
    }
    let pairs = row.iter().zip(coefficients).enumerate();
    pairs.filter(|(at, _)| families.contains(&drivers[at / VIEWS].family)).map(|(_, (cell, by))| cell * by).sum()
}
