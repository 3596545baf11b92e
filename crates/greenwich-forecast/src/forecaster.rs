//! A forecaster of one zone, and what it issues.
//!
//! In: a history and an instant. Out: the next hours with their bands, and the rung of the ladder that answered:
//! typical year → last level → last day → pooled coefficients → the zone's own ridge → ridge and boosting. What is
//! stamped at the instant of issue or later is never read. The clock stays with the caller.

use crate::bands::Bands;
use crate::blend::{Shapes, Shares};
use crate::boost::Boost;
use crate::covariate::Covariate;
use crate::error::ForecastError;
use crate::history::{History, hour_of, stamp};
use crate::levels::{LAGS, Levels, WEEK};
use crate::prior::{MOST_HOURS_AHEAD, Prior};
use crate::realised::{self, Realised};
use crate::response::Response;
use crate::ridge::{self, Ridge, Strength};
use greenwich_core::{Signal, TypicalProfile, ZoneId};
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

/// Which model answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The typical year of the zone: less than a day is known.
    Typical,
    /// The level last known goes on: less than a day is known and there is no typical year.
    LastLevel,
    /// The last day again: less than a week is known.
    LastDay,
    /// Coefficients pooled over zones: less than six weeks are known.
    Pooled,
    /// The zone's own ridge.
    Ridge,
    /// Ridge and boosted trees, which won on the zone's own past.
    Boosted,
}

impl Rung {
    /// Whether the zone's own last days made it, so that it tells one day from another.
    pub const fn is_forecast(self) -> bool {
        !matches!(self, Self::Typical | Self::LastLevel)
    }
    /// The word in JSON and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Typical => "typical",
            Self::LastLevel => "last-level",
            Self::LastDay => "last-day",
            Self::Pooled => "pooled",
            Self::Ridge => "ridge",
            Self::Boosted => "ridge+trees",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One hour ahead, in gCO2e/kWh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The start of the hour.
    pub start: Timestamp,
    /// One in twenty is below this.
    pub p5_g_per_kwh: f64,
    /// The median.
    pub p50_g_per_kwh: f64,
    /// One in twenty is above this.
    pub p95_g_per_kwh: f64,
}

/// The next hours of a zone.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Forecast {
    /// The zone.
    pub zone: ZoneId,
    /// Which question it answers.
    pub signal: Signal,
    /// The instant of issue: nothing stamped then or later was used.
    pub issued: Timestamp,
    /// The model that answered.
    pub rung: Rung,
    /// Hours of history that were known.
    pub known_hours: usize,
    /// Hours up to the instant of issue that are not known: the history lags behind by as much.
    pub stale_hours: usize,
    /// The covariates that have a say, by their places in those of the history.
    pub covariates_used: Vec<usize>,
    /// One point an hour; the first is the hour that holds the instant of issue.
    pub points: Vec<Point>,
}

/// What a forecaster is fitted with.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Hours ahead, 1 to 168.
    pub hours: usize,
    /// Coefficients pooled over zones.
    pub prior: &'a Prior,
    /// The typical year, where there is one, for when less than a day is known.
    pub typical: Option<&'a TypicalProfile>,
    /// How strongly coefficients are held.
    pub strength: Strength,
}

impl<'a> Settings<'a> {
    /// The settings that were validated, for so many hours ahead.
    pub fn validated(hours: usize, prior: &'a Prior) -> Self {
        Self { hours, prior, typical: None, strength: Strength::CHOSEN }
    }
}

/// Days of past forecasts that bands and shares are told from.
const RECORD_DAYS: usize = 240;
/// Days between the pasts that coefficients of the record are fitted on.
const CUT_DAYS: usize = 60;
const DAY: usize = 24;
/// An hour is never foretold outside last year's extremes by more than this factor; nor a band by its square.
const BEYOND: f64 = 1.2;
/// A logarithm and back: what never varies must not fall out of its band by the last digit.
const ROUNDING: f64 = 1e-12;

/// What a zone's past has taught, at one hour of the day; goes on day by day without a new fit.
#[derive(Debug, Clone)]
pub struct Forecaster {
    zone: ZoneId,
    signal: Signal,
    horizon: usize,
    known: Known,
}

#[derive(Debug, Clone)]
enum Known {
    Levels(Box<Fitted>),
    Less { rung: Rung, points: Vec<Point>, issue_hour: i64, known_hours: usize },
}

#[derive(Debug, Clone)]
struct Fitted {
    levels: Levels,
    issue_hour: i64,
    rung: Rung,
    ridge: Ridge,
    shares: Shares,
    covariates: Arc<[Covariate]>,
    response: Option<Response>,
    boost: Option<Boost>,
    bands: Bands,
    /// Medians of the last days by origin, oldest first: what the bands are told the errors of.
    record: Vec<(usize, Vec<f64>)>,
}

impl Forecaster {
    /// Learns from what had ended at the instant `at`.
    ///
    /// # Errors
    /// [`ForecastError::Horizon`], or [`ForecastError::NoHistory`] where nothing is known and no typical year is given.
    pub fn fit(history: &History, at: Timestamp, settings: Settings<'_>) -> Result<Self, ForecastError> {
        let horizon = settings.hours;
        if !(1..=MOST_HOURS_AHEAD).contains(&horizon) {
            return Err(ForecastError::Horizon { hours: horizon, most: MOST_HOURS_AHEAD });
        }
        let issue_hour = hour_of(at);
        let known = match Levels::new(history, issue_hour) {
            Some(levels) if known_of_last_week(&levels) >= DAY => {
                Known::Levels(Box::new(Fitted::new(levels, history.shared_covariates(), issue_hour, settings)))
            }
            levels => less(history, levels.as_ref(), issue_hour, settings)
                .ok_or_else(|| ForecastError::NoHistory { zone: history.zone.clone(), at })?,
        };
        Ok(Self { zone: history.zone.clone(), signal: history.signal, horizon, known })
    }

    /// Takes in the days that have ended since, without a new fit. `false`, and nothing done, where `at` is not whole
    /// days later or the last week has too many gaps: then fit anew.
    pub fn advance(&mut self, history: &History, at: Timestamp) -> bool {
        let Known::Levels(fitted) = &mut self.known else { return false };
        let hour = hour_of(at);
        if hour < fitted.issue_hour || (hour - fitted.issue_hour) % DAY as i64 != 0 {
            return false;
        }
        let mut levels = fitted.levels.clone();
        levels.extend(history, hour);
        if known_of_last_week(&levels) < WEEK / 2 && hour > fitted.issue_hour {
            return false;
        }
        fitted.levels = levels;
        fitted.covariates = history.shared_covariates();
        while fitted.issue_hour < hour {
            fitted.next_day();
        }
        true
    }

    /// The instant that the forecast would be issued at.
    pub fn at(&self) -> Timestamp {
        stamp(match &self.known {
            Known::Levels(fitted) => fitted.issue_hour,
            Known::Less { issue_hour, .. } => *issue_hour,
        })
    }

    /// Of what the best start of a run of `run` hours in a window of `window` would have saved on the days of the
    /// record, the share that starts by the forecasts of the day got; `None` where the record or the horizon is too
    /// short for it.
    pub fn realised(&self, run: usize, window: usize) -> Option<Realised> {
        match &self.known {
            Known::Levels(fitted) => realised::realised(&fitted.levels, &fitted.record, run, window),
            Known::Less { .. } => None,
        }
    }

    /// The next hours.
    pub fn forecast(&self) -> Forecast {
        let (rung, points, known_hours, stale_hours, covariates_used) = match &self.known {
            Known::Levels(fitted) => {
                let levels = &fitted.levels;
                let end = levels.x.len();
                let stale = (LAGS..end).rev().take_while(|at| !levels.is_known(*at)).count();
                let used = fitted.response.as_ref().map_or_else(Vec::new, Response::used);
                (fitted.rung, fitted.points(self.horizon), levels.known(LAGS, end), stale, used)
            }
            Known::Less { rung, points, known_hours, .. } => (*rung, points.clone(), *known_hours, 0, Vec::new()),
        };
        let (zone, signal, issued) = (self.zone.clone(), self.signal, self.at());
        Forecast { zone, signal, issued, rung, known_hours, stale_hours, covariates_used, points }
    }
}

fn known_of_last_week(levels: &Levels) -> usize {
    let end = levels.x.len();
    levels.known(end.saturating_sub(WEEK).max(LAGS), end)
}

/// The answer where less than a day of the last week is known.
fn less(history: &History, levels: Option<&Levels>, issue_hour: i64, settings: Settings<'_>) -> Option<Known> {
    let hours = issue_hour..issue_hour + settings.hours as i64;
    let known_hours = levels.map_or(0, |levels| levels.known(LAGS, levels.x.len()));
    let (rung, medians): (Rung, Vec<f64>) = if let Some(typical) = settings.typical {
        (Rung::Typical, hours.clone().map(|hour| typical.at_g_per_kwh(stamp(hour))).collect())
    } else {
        let known = (history.start_hour()..issue_hour).rev().map(|hour| history.value(hour));
        let last: Vec<f64> = known.filter(|value| !value.is_nan()).take(DAY).collect();
        let level = last.iter().sum::<f64>() / last.len() as f64;
        (Rung::LastLevel, (!last.is_empty()).then(|| vec![level; settings.hours])?)
    };
    let points = hours.zip(medians).map(|(hour, median)| Point {
        start: stamp(hour),
        p5_g_per_kwh: median / UNKNOWN_ZONE,
        p50_g_per_kwh: median,
        p95_g_per_kwh: median * UNKNOWN_ZONE,
    });
    Some(Known::Less { rung, points: points.collect(), issue_hour, known_hours })
}

/// Nine in ten hours of 2023 in fourteen zones lay within this factor of the typical hour of 2021–22.
const UNKNOWN_ZONE: f64 = 1.6;

impl Fitted {
    fn new(levels: Levels, covariates: Arc<[Covariate]>, issue_hour: i64, settings: Settings<'_>) -> Self {
        let (horizon, end) = (settings.hours, levels.x.len());
        let cuts = (1..=RECORD_DAYS / CUT_DAYS).rev().filter_map(|cut| end.checked_sub(cut * CUT_DAYS * DAY));
        let mut ends: Vec<usize> = cuts.filter(|cut| *cut > LAGS).collect();
        ends.push(end);
        let spread = ridge::spread(&levels, end);
        let pooled = Ridge::pooled(settings.prior, horizon);
        let mut ridges = ridge::fit(&levels, &ends, horizon, settings.prior, settings.strength);
        let own = ridges.pop().expect("one end at least");
        let rung = match &own {
            Some(_) => Rung::Ridge,
            None if levels.span() >= WEEK => Rung::Pooled,
            None => Rung::LastDay,
        };
        // What would have been foretold each day, by coefficients that had not seen it.
        let origins = (1..=RECORD_DAYS).rev().filter_map(|day| end.checked_sub(day * DAY));
        let mut record: Vec<(usize, Vec<f64>)> = origins
            .filter(|origin| *origin >= LAGS + WEEK)
            .map(|origin| {
                let fitted = ends.iter().zip(&ridges).rev().find(|(cut, _)| **cut <= origin);
                let ridge = fitted.and_then(|(_, ridge)| ridge.as_ref()).unwrap_or(&pooled);
                (origin, ridge.predict(&levels, origin))
            })
            .collect();
        let ridge = own.unwrap_or(pooled);
        let shares = Shares::of(&levels, &record, horizon);
        for (origin, ahead) in &mut record {
            shares.apply(ahead, &Shapes::at(&levels, *origin));
        }
        let response = rung.ge(&Rung::Ridge).then(|| Response::won(&levels, &covariates, &mut record)).flatten();
        let boost = rung.ge(&Rung::Ridge).then(|| Boost::won(&levels, &mut record)).flatten();
        let rung = if boost.is_some() { Rung::Boosted } else { rung };
        let mut fitted = Self {
            bands: Bands::new(settings.prior, spread, horizon),
            levels,
            issue_hour,
            rung,
            ridge,
            shares,
            covariates,
            response,
            boost,
            record: Vec::new(),
        };
        for (at, (origin, ahead)) in record.into_iter().enumerate() {
            if at > 0 {
                fitted.judge(origin);
            }
            fitted.record.push((origin, ahead));
        }
        fitted.judge(end);
        fitted
    }

    /// Tells the bands what became of the forecasts before `origin`, a day after the last of them.
    fn judge(&mut self, origin: usize) {
        let (levels, record) = (&self.levels, &self.record);
        self.bands.next_day(|ago, lead| {
            let Some(at) = record.len().checked_sub(ago) else { return f64::NAN };
            let (issued, ahead) = &record[at];
            let hour = issued + lead;
            if hour < origin && levels.is_known(hour) { levels.x[hour] - ahead[lead] } else { f64::NAN }
        });
    }

    fn next_day(&mut self) {
        let origin = self.levels.x.len() - (self.levels.hour(self.levels.x.len()) - self.issue_hour) as usize;
        let ahead = self.median(origin);
        self.record.push((origin, ahead));
        self.issue_hour += DAY as i64;
        self.judge(origin + DAY);
    }

    /// Levels of the hours ahead.
    fn median(&self, origin: usize) -> Vec<f64> {
        if self.rung == Rung::LastDay {
            return (0..self.bands.offsets().len()).map(|lead| self.levels.x[origin - DAY + lead % DAY]).collect();
        }
        let mut ahead = self.ridge.predict(&self.levels, origin);
        self.shares.apply(&mut ahead, &Shapes::at(&self.levels, origin));
        if let Some(response) = &self.response {
            response.correct(&self.levels, &self.covariates, origin, &mut ahead);
        }
        if let Some(boost) = &self.boost {
            boost.correct(&self.levels, origin, &mut ahead);
        }
        ahead
    }

    fn points(&self, horizon: usize) -> Vec<Point> {
        let levels = &self.levels;
        let (low, high) = levels.extremes();
        let beyond = BEYOND.ln();
        let medians = self.median(levels.x.len());
        let point = |lead: usize| {
            let median = medians[lead].clamp(low - beyond, high + beyond);
            let [below, above] = self.bands.offsets()[lead];
            let band = |level: f64| levels.g_per_kwh(level.clamp(low - 2.0 * beyond, high + 2.0 * beyond));
            Point {
                start: stamp(self.issue_hour + lead as i64),
                p5_g_per_kwh: band(median + below) * (1.0 - ROUNDING),
                p50_g_per_kwh: levels.g_per_kwh(median),
                p95_g_per_kwh: band(median + above) * (1.0 + ROUNDING),
            }
        };
        (0..horizon).map(point).collect()
    }
}
