//! How good forecasts would have been.
//!
//! In: a history, the origins, and a stopwatch of the caller's. Out: each forecast as it would have been issued with what
//! came, and their score. Coefficients are fitted anew every four weeks, for each hour of the day that has
//! origins; in between the forecaster goes on day by day. Nothing of an origin's future is read.

use crate::error::ForecastError;
use crate::forecaster::{Forecast, Forecaster, Settings};
use crate::history::{HOUR_S, History, hour_of, stamp};
use crate::naive::Naive;
use greenwich_core::{Window, ZoneId};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Days after which coefficients are fitted anew.
pub const REFIT_DAYS: i64 = 28;

/// A forecast and what came: gCO2e/kWh of each of its points, `None` where it is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// As it would have been issued.
    pub forecast: Forecast,
    /// What came.
    pub actual_g_per_kwh: Vec<Option<f64>>,
}

/// All forecasts of a back-test.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// The zone.
    pub zone: ZoneId,
    /// In order of issue.
    pub judged: Vec<Judged>,
    /// The slowest single fit.
    pub slowest_fit: SignedDuration,
    /// The mean time of issuing a forecast.
    pub mean_predict: SignedDuration,
}

/// The score of a back-test.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mean of |p50 − actual| ÷ actual over the hours judged; hours of nought are left out. `None` where none is left.
    pub mape: Option<f64>,
    /// The same by day ahead.
    pub mape_by_day: Vec<Option<f64>>,
    /// Mean of |p50 − actual|, in gCO2e/kWh.
    pub mae_g_per_kwh: Option<f64>,
    /// The share of hours within p5 to p95.
    pub coverage90: Option<f64>,
}

/// Issues a forecast every `every` from the start of `origins` to before its end.
///
/// `now` tells the time that has passed since any fixed instant; it times fits and forecasts and nothing else.
///
/// # Errors
/// [`ForecastError`], of the settings or where no origin has an hour to be judged by.
pub fn backtest(
    history: &History,
    origins: Window,
    every: SignedDuration,
    settings: Settings<'_>,
    mut now: impl FnMut() -> SignedDuration,
) -> Result<Backtest, ForecastError> {
    let step = (every.as_secs() / HOUR_S).max(1);
    let mut by_hour: BTreeMap<i64, (i64, Forecaster)> = BTreeMap::new();
    let mut judged = Vec::new();
    let (mut slowest_fit, mut predicting) = (SignedDuration::ZERO, SignedDuration::ZERO);
    let mut at = hour_of(origins.start());
    while stamp(at) < origins.end() && at < history.end_hour() {
        let hour_of_day = at.rem_euclid(24);
        let held = by_hour.get_mut(&hour_of_day);
        let held = held.is_some_and(|(fitted, forecaster)| {
            at - *fitted < 24 * REFIT_DAYS && forecaster.advance(history, stamp(at))
        });
        if !held {
            let began = now();
            let fitted = Forecaster::fit(history, stamp(at), settings);
            slowest_fit = slowest_fit.max(now() - began);
            match fitted {
                Ok(forecaster) => by_hour.insert(hour_of_day, (at, forecaster)),
                Err(ForecastError::NoHistory { .. }) => {
                    at += step;
                    continue;
                }
                Err(error) => return Err(error),
            };
        }
        let began = now();
        let forecast = by_hour[&hour_of_day].1.forecast();
        predicting += now() - began;
        let actual = |lead: i64| Some(history.value(at + lead)).filter(|value| !value.is_nan());
        let actual_g_per_kwh = (0..settings.hours as i64).map(actual).collect();
        judged.push(Judged { forecast, actual_g_per_kwh });
        at += step;
    }
    if judged.iter().all(|judged| judged.actual_g_per_kwh.iter().all(Option::is_none)) {
        let (zone, from, until) = (history.zone.clone(), origins.start(), origins.end());
        return Err(ForecastError::NothingToJudge { zone, from, until, end: history.end() });
    }
    let mean_predict = predicting / i32::try_from(judged.len()).expect("fewer than 2^31 origins");
    Ok(Backtest { zone: history.zone.clone(), judged, slowest_fit, mean_predict })
}

impl Backtest {
    /// The score of the medians and bands issued.
    pub fn score(&self) -> Score {
        let point = |judged: &Judged, lead: usize| {
            let point = judged.forecast.points[lead];
            [point.p5_g_per_kwh, point.p50_g_per_kwh, point.p95_g_per_kwh]
        };
        let rows = self.judged.iter().map(|judged| {
            let points = (0..judged.forecast.points.len()).map(|lead| Some(point(judged, lead))).collect();
            (points, judged.actual_g_per_kwh.as_slice())
        });
        Score::of(rows)
    }

    /// The score that a yardstick would have had at the same origins; it has no bands.
    pub fn yardstick(&self, history: &History, naive: Naive) -> Score {
        let rows = self.judged.iter().map(|judged| {
            let issue_hour = hour_of(judged.forecast.issued);
            let ahead = |lead| naive.ahead(history, issue_hour, lead).map(|value| [f64::NAN, value, f64::NAN]);
            ((0..judged.actual_g_per_kwh.len()).map(ahead).collect(), judged.actual_g_per_kwh.as_slice())
        });
        Score::of(rows)
    }
}

/// p5, p50 and p95 of an hour.
type Foretold = [f64; 3];

impl Score {
    fn of<'a>(rows: impl Iterator<Item = (Vec<Option<Foretold>>, &'a [Option<f64>])>) -> Self {
        let mut by_day: Vec<Mean> = Vec::new();
        let (mut relative, mut absolute, mut covered) = (Mean::default(), Mean::default(), Mean::default());
        for (foretold, actual) in rows {
            by_day.resize(by_day.len().max(foretold.len().div_ceil(24)), Mean::default());
            for (lead, pair) in foretold.into_iter().zip(actual).enumerate() {
                let (Some([low, median, high]), Some(actual)) = (pair.0, *pair.1) else { continue };
                let error = (median - actual).abs();
                absolute.add(error);
                if !low.is_nan() {
                    covered.add(f64::from(u8::from((low..=high).contains(&actual))));
                }
                if actual > 0.0 {
                    relative.add(error / actual);
                    by_day[lead / 24].add(error / actual);
                }
            }
        }
        Self {
            mape: relative.get(),
            mape_by_day: by_day.into_iter().map(Mean::get).collect(),
            mae_g_per_kwh: absolute.get(),
            coverage90: covered.get(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }
    fn get(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}
