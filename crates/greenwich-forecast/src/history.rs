//! What is known of a zone: one value an hour, or a gap.
//!
//! In: values by stamp, at steps up to an hour. Out: hourly values on the hours of UTC, where nonsense (negative,
//! not a number, above any grid) has become a gap and is counted; beside them what else is known of the zone. Nothing is
//! filled in here.

use crate::covariate::{Covariate, Family};
use greenwich_core::{IntensitySeries, Signal, ZoneId};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

pub(crate) const HOUR_S: i64 = 3600;
/// No grid is above it, marginal or not: a larger number has another unit.
const MOST_G_PER_KWH: f64 = 10_000.0;
/// Hours farther apart than a century are a slip of the pen and would fill the memory with gaps.
const MOST_HOURS: i64 = 24 * 366 * 100;

/// Hourly intensity of one zone with its gaps, ascending from its first hour.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The zone it speaks of.
    pub zone: ZoneId,
    /// Which question it answers.
    pub signal: Signal,
    start_hour: i64,
    /// gCO2e/kWh; a gap is NaN.
    g_per_kwh: Vec<f64>,
    refused: usize,
    covariates: Arc<[Covariate]>,
}

impl History {
    /// Makes a history of hourly values from the hour that holds `start`; `None` is a gap.
    pub fn hourly(zone: ZoneId, signal: Signal, start: Timestamp, g_per_kwh: &[Option<f64>]) -> Self {
        let mut refused = 0;
        let values = g_per_kwh.iter().map(|value| match value {
            Some(value) if sane(*value) => *value,
            Some(_) => {
                refused += 1;
                f64::NAN
            }
            None => f64::NAN,
        });
        let g_per_kwh = values.collect();
        Self { zone, signal, start_hour: hour_of(start), g_per_kwh, refused, covariates: Arc::default() }
    }

    /// Makes a history from known intervals of `step` length, each by its start, in any order. An hour is the mean of
    /// its intervals and a gap where less than half of it is known.
    ///
    /// # Panics
    /// When `step` is not in (0, 1 h].
    pub fn from_known(zone: ZoneId, signal: Signal, step: SignedDuration, known: &[(Timestamp, f64)]) -> Self {
        let step_s = step.as_secs();
        assert!((1..=HOUR_S).contains(&step_s), "a step is above zero and at most an hour");
        let sound: Vec<(i64, f64)> =
            known.iter().filter(|(_, value)| sane(*value)).map(|(at, value)| (hour_of(*at), *value)).collect();
        let refused = known.len() - sound.len();
        let (first, g_per_kwh) = hourly(&sound, step_s);
        Self { zone, signal, start_hour: first, g_per_kwh, refused, covariates: Arc::default() }
    }

    /// The history that a series holds.
    ///
    /// # Panics
    /// When the series steps by more than an hour.
    pub fn from_series(series: &IntensitySeries) -> Self {
        let mut at = series.start();
        let known: Vec<(Timestamp, f64)> = series
            .values_g_per_kwh()
            .iter()
            .map(|value| {
                let point = (at, *value);
                at += series.step();
                point
            })
            .collect();
        Self::from_known(series.zone.clone(), series.signal, series.step(), &known)
    }

    /// The same with what else is known of the zone, in place of what was.
    #[must_use]
    pub fn with_covariates(self, covariates: Vec<Covariate>) -> Self {
        Self { covariates: covariates.into(), ..self }
    }
    /// The same without a family of covariates.
    #[must_use]
    pub fn without(self, family: Family) -> Self {
        let kept = self.covariates.iter().filter(|covariate| covariate.measure.family() != family).cloned().collect();
        Self { covariates: kept, ..self }
    }
    /// What else is known of the zone.
    pub fn covariates(&self) -> &[Covariate] {
        &self.covariates
    }

    /// The first hour, whether known or a gap.
    pub fn start(&self) -> Timestamp {
        stamp(self.start_hour)
    }
    /// The end of the last hour.
    pub fn end(&self) -> Timestamp {
        stamp(self.end_hour())
    }
    /// How many values were refused as nonsense and are gaps now.
    pub const fn refused(&self) -> usize {
        self.refused
    }
    /// How many hours are known.
    pub fn known_hours(&self) -> usize {
        self.g_per_kwh.iter().filter(|value| !value.is_nan()).count()
    }
    /// The value of the hour that holds the instant, in gCO2e/kWh, or `None` in a gap.
    pub fn at_g_per_kwh(&self, instant: Timestamp) -> Option<f64> {
        Some(self.value(hour_of(instant))).filter(|value| !value.is_nan())
    }
    /// The end of the last known hour of those that had ended by the instant.
    pub fn known_until(&self, instant: Timestamp) -> Option<Timestamp> {
        let end = hour_of(instant).min(self.end_hour());
        (self.start_hour..end).rev().find(|hour| !self.value(*hour).is_nan()).map(|hour| stamp(hour + 1))
    }
    /// The part that had ended by the instant: what a forecast issued then may use.
    pub fn until(&self, instant: Timestamp) -> Self {
        let hours = (hour_of(instant) - self.start_hour).clamp(0, self.g_per_kwh.len() as i64);
        Self { g_per_kwh: self.g_per_kwh[..hours as usize].to_vec(), ..self.clone() }
    }

    pub(crate) fn shared_covariates(&self) -> Arc<[Covariate]> {
        Arc::clone(&self.covariates)
    }
    pub(crate) const fn start_hour(&self) -> i64 {
        self.start_hour
    }
    pub(crate) fn end_hour(&self) -> i64 {
        self.start_hour + self.g_per_kwh.len() as i64
    }
    /// NaN in a gap and outside.
    pub(crate) fn value(&self, hour: i64) -> f64 {
        usize::try_from(hour - self.start_hour).ok().and_then(|at| self.g_per_kwh.get(at)).copied().unwrap_or(f64::NAN)
    }
}

/// The first hour and the mean of each hour that is half known, of sound values by hour.
pub(crate) fn hourly(sound: &[(i64, f64)], step_s: i64) -> (i64, Vec<f64>) {
    let last = sound.iter().map(|(hour, _)| *hour).max().unwrap_or(0);
    let first = sound.iter().map(|(hour, _)| *hour).filter(|hour| last - hour < MOST_HOURS).min().unwrap_or(0);
    let hours = if sound.is_empty() { 0 } else { (last - first + 1) as usize };
    let mut sums = vec![(0.0, 0_i64); hours];
    for (hour, value) in sound.iter().filter(|(hour, _)| *hour >= first) {
        let (sum, count) = &mut sums[(hour - first) as usize];
        *sum += value;
        *count += 1;
    }
    let mean = |(sum, count): (f64, i64)| if 2 * count * step_s >= HOUR_S { sum / count as f64 } else { f64::NAN };
    (first, sums.into_iter().map(mean).collect())
}

fn sane(value: f64) -> bool {
    (0.0..=MOST_G_PER_KWH).contains(&value)
}

/// Hours since 1970 of the hour that holds the instant.
pub(crate) fn hour_of(instant: Timestamp) -> i64 {
    instant.as_second().div_euclid(HOUR_S)
        - i64::from(instant.as_second() % HOUR_S == 0 && instant.subsec_nanosecond() < 0)
}

/// The instant at which an hour begins.
pub(crate) fn stamp(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * HOUR_S).expect("an hour near a known instant is an instant")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stamp: &str) -> Timestamp {
        stamp.parse().expect("a stamp")
    }

    #[test]
    fn nonsense_is_a_gap_and_is_counted() {
        let values = [Some(300.0), Some(-5.0), None, Some(f64::NAN), Some(1e9), Some(0.0)];
        let history = History::hourly("FR".into(), Signal::Lifecycle, at("2022-01-01T00:00:00Z"), &values);
        assert_eq!((history.refused(), history.known_hours()), (3, 2));
        assert_eq!(history.at_g_per_kwh(at("2022-01-01T00:59:00Z")), Some(300.0));
        assert_eq!(history.at_g_per_kwh(at("2022-01-01T01:00:00Z")), None);
        assert_eq!(history.at_g_per_kwh(at("2022-01-01T05:00:00Z")), Some(0.0));
        assert_eq!(history.at_g_per_kwh(at("2022-01-01T06:00:00Z")), None);
    }

    #[test]
    fn quarters_of_an_hour_become_their_mean_where_half_is_known() {
        let known = [
            (at("2022-01-01T02:15:00Z"), 90.0),
            (at("2022-01-01T00:00:00Z"), 100.0),
            (at("2022-01-01T00:45:00Z"), 200.0),
        ];
        let history = History::from_known("FR".into(), Signal::Direct, SignedDuration::from_mins(15), &known);
        assert_eq!(history.start().to_string(), "2022-01-01T00:00:00Z");
        assert_eq!(history.end().to_string(), "2022-01-01T03:00:00Z");
        assert_eq!(history.at_g_per_kwh(at("2022-01-01T00:00:00Z")), Some(150.0));
        assert_eq!(history.known_hours(), 1);
    }

    #[test]
    fn an_hour_that_has_not_ended_is_not_known_yet() {
        let values = [Some(100.0), Some(200.0), Some(300.0)];
        let history = History::hourly("FR".into(), Signal::Lifecycle, at("2022-01-01T00:00:00Z"), &values);
        assert_eq!(history.until(at("2022-01-01T02:30:00Z")).known_hours(), 2);
        assert_eq!(history.until(at("2021-01-01T00:00:00Z")).known_hours(), 0);
        assert_eq!(history.known_until(at("2022-01-01T02:30:00Z")), Some(at("2022-01-01T02:00:00Z")));
        assert_eq!(history.known_until(at("2023-01-01T00:00:00Z")), Some(at("2022-01-01T03:00:00Z")));
        assert_eq!(history.known_until(at("2022-01-01T00:30:00Z")), None);
    }
}
