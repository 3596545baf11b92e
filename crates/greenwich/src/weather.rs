//! A site under its weather: PUE and site water hour by hour.
//!
//! In: what the site says of its cooling, and temperatures by hour from its own file or from its zone's trace. Out:
//! the PUE and the water of each hour of a span, and in words what they rest on. An hour whose temperature is not known
//! takes that of the same hour of the last week known, for up to two weeks; then the typical one that the site gives;
//! then the site's constants, and it is said how many hours took which.

use crate::cooling::{Bulb, CoolingSpec};
use crate::document::DocumentError;
use crate::error::Error;
use crate::factor::given;
use crate::site::Place;
use greenwich_core::quantity::{Pue, SiteWaterIntensity};
use greenwich_core::{Factor, PueSeries, Window, ZoneId};
use greenwich_estimate::LogNormal;
use greenwich_estimate::cooling::wet_bulb_c;
use greenwich_signals::{ColumnPast, GridSignal, Measure, Replay, SignalError, read_column};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const HOUR_S: i64 = 3600;
const WEEK_H: i64 = 168;
/// How long the last week known stands in after its end.
const LASTS_H: i64 = 2 * WEEK_H;

/// A column by the hour: mean of each hour since 1970, and the end of the last.
#[derive(Debug, Clone, PartialEq)]
struct Hourly {
    by_hour: BTreeMap<i64, f64>,
    end: i64,
    /// Mean of each hour of the day over the last week known.
    last_week: [Option<f64>; 24],
}

/// How the temperature of an hour is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Known,
    LastWeek,
    Typical,
}

impl Hourly {
    fn of(past: &ColumnPast) -> Option<Self> {
        let mut sums: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
        for (at, value) in &past.known {
            let (sum, count) = sums.entry(at.as_second().div_euclid(HOUR_S)).or_default();
            *sum += value;
            *count += 1;
        }
        let by_hour: BTreeMap<i64, f64> =
            sums.into_iter().map(|(hour, (sum, count))| (hour, sum / f64::from(count))).collect();
        let end = by_hour.keys().next_back()? + 1;
        let mut last_week = [None; 24];
        for (of_day, mean) in last_week.iter_mut().enumerate() {
            let same = by_hour.range(end - WEEK_H..).filter(|(hour, _)| hour.rem_euclid(24) == of_day as i64);
            let (sum, count) = same.fold((0.0, 0u32), |(sum, count), (_, value)| (sum + value, count + 1));
            *mean = (count > 0).then(|| sum / f64::from(count));
        }
        Some(Self { by_hour, end, last_week })
    }

    fn at(&self, hour: i64) -> Option<(f64, How)> {
        if let Some(value) = self.by_hour.get(&hour) {
            return Some((*value, How::Known));
        }
        let lasts = (self.end..self.end + LASTS_H).contains(&hour);
        let same = self.last_week[hour.rem_euclid(24) as usize].filter(|_| lasts)?;
        Some((same, How::LastWeek))
    }
}

/// What is wrong with a file of weather that is not there: its mend is another than that of a folder of traces.
fn unreadable(spec: &CoolingSpec, error: SignalError) -> Error {
    match (error, &spec.weather) {
        (SignalError::Read { path, cause }, Some(_)) => {
            let mend = "name a file of utc,temp_c,rh_pct by the hour, relative to the job file".to_owned();
            let is_missing = cause == std::io::ErrorKind::NotFound;
            let reason = if is_missing { "it is not there".to_owned() } else { cause.to_string() };
            DocumentError::Read { file: path, reason, mend }.into()
        }
        (error, _) => error.into(),
    }
}

/// A site's cooling with the temperatures that are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weather {
    spec: CoolingSpec,
    temperature: Option<Hourly>,
    humidity: Option<Hourly>,
    file: String,
}

impl Weather {
    /// Reads the temperatures of a site that has curves: from its own file, else from the trace of its zone. Nothing
    /// stamped `before` or later is used, where it is given.
    ///
    /// # Errors
    /// [`Error::Signal`] for a file that breaks the rules.
    pub(crate) fn of(
        spec: &CoolingSpec,
        zone: Option<&ZoneId>,
        replay: Option<&Replay>,
        before: Option<Timestamp>,
    ) -> Result<Option<Self>, Error> {
        if !spec.is_some() {
            return Ok(None);
        }
        let traced = replay.zip(zone).filter(|(replay, zone)| replay.zones().contains(zone));
        let column = |measure: &Measure| match (&spec.weather, traced) {
            (Some(file), _) => read_column(file, measure, before),
            (None, Some((replay, zone))) => replay.column(zone, measure, before),
            (None, None) => Ok(None),
        };
        let temperature = column(&Measure::TEMPERATURE).map_err(|error| unreadable(spec, error))?;
        if let (None, Some(file)) = (&temperature, &spec.weather) {
            return Err(Error::NoTemperatures { file: file.display().to_string() });
        }
        let humidity = if spec.bulb == Bulb::Wet { column(&Measure::HUMIDITY)? } else { None };
        Ok(Some(Self {
            spec: spec.clone(),
            file: temperature.as_ref().map(|past| past.file.clone()).unwrap_or_default(),
            temperature: temperature.as_ref().and_then(Hourly::of),
            humidity: humidity.as_ref().and_then(Hourly::of),
        }))
    }

    /// The temperature of an hour since 1970 that the curves are over, in °C.
    fn felt_c(&self, hour: i64) -> Option<(f64, How)> {
        let dry = self.temperature.as_ref().and_then(|hourly| hourly.at(hour)).or_else(|| self.typical_c(hour));
        let (dry, how) = dry?;
        if self.spec.bulb == Bulb::Dry {
            return Some((dry, how));
        }
        let typical = || self.spec.typical_rh_pct.map(|rh| (rh, How::Typical));
        let (rh, damp) = self.humidity.as_ref().and_then(|hourly| hourly.at(hour)).or_else(typical)?;
        Some((wet_bulb_c(dry, rh), how.max(damp)))
    }

    fn typical_c(&self, hour: i64) -> Option<(f64, How)> {
        let typical = &self.spec.typical_c;
        let value = match typical.len() {
            0 => return None,
            1 => typical[0],
            _ => {
                let at = Timestamp::from_second(hour * HOUR_S).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
                *typical.get(at.month().unsigned_abs() as usize - 1)?
            }
        };
        Some((value, How::Typical))
    }

    /// The hours of a span at a place, whose constants stand in where no temperature is known.
    pub(crate) fn over(&self, span: Window, place: &Place) -> ByHour {
        self.by_hour(span, place.pue.median(), place.wue.map(LogNormal::median))
    }

    /// The same, by the constants themselves.
    pub(crate) fn by_hour(&self, span: Window, pue: Pue, wue: Option<SiteWaterIntensity>) -> ByHour {
        let first = span.start().as_second().div_euclid(HOUR_S);
        let end = span.end().as_second() + i64::from(span.end().subsec_nanosecond() > 0);
        let last = (end + HOUR_S - 1).div_euclid(HOUR_S).max(first + 1);
        let hours = (first..last).map(|hour| {
            let felt = self.felt_c(hour);
            let at_c = felt.map(|(at_c, _)| at_c);
            HourOfSite {
                felt_c: at_c,
                how: felt.map(|(_, how)| how),
                pue: at_c.and_then(|at_c| self.spec.pue_at(at_c)),
                wue: at_c.and_then(|at_c| self.spec.wue_at(at_c)),
            }
        });
        ByHour {
            start: first,
            hours: hours.collect(),
            spec: self.spec.clone(),
            usual_pue: pue,
            usual_wue: wue,
            file: self.file.clone(),
        }
    }
}

/// An hour of a site.
#[derive(Debug, Clone, Copy, PartialEq)]
struct HourOfSite {
    /// What the curves are over, in °C.
    felt_c: Option<f64>,
    how: Option<How>,
    pue: Option<Pue>,
    wue: Option<SiteWaterIntensity>,
}

/// An hour of a site with its constants where no temperature is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HourTold {
    pub(crate) pue: Pue,
    pub(crate) wue: Option<SiteWaterIntensity>,
    /// What the curves are over, in °C.
    pub(crate) felt_c: Option<f64>,
}

/// PUE and water of a site by the hour.
#[derive(Debug, Clone)]
pub(crate) struct ByHour {
    /// The first hour, in hours since 1970.
    start: i64,
    hours: Vec<HourOfSite>,
    spec: CoolingSpec,
    /// What stands in where no temperature is known.
    usual_pue: Pue,
    usual_wue: Option<SiteWaterIntensity>,
    file: String,
}

impl ByHour {
    /// The PUE over time, where a curve says it.
    pub(crate) fn pue_series(&self) -> Option<PueSeries> {
        self.spec.pue.as_ref()?;
        let usual = self.usual_pue;
        let by_hour = self.hours.iter().map(|hour| hour.pue.unwrap_or(usual)).collect();
        let start = Timestamp::from_second(self.start * HOUR_S).expect("the hour of an instant is one");
        Some(PueSeries::new(usual, start, HOUR, by_hour))
    }

    /// Mean PUE and water of hours that weigh so much each, put into a place with their lines of the factor list; the
    /// spread of the place's constants is kept for the share of hours that rest on them.
    pub(crate) fn set(&self, weights: &[(Window, f64)], place: &mut Place) {
        let parts = || weights.iter().flat_map(|(window, weight)| self.parts(*window, *weight));
        let whole: f64 = parts().map(|(_, weight)| weight).sum();
        if whole <= 0.0 {
            return;
        }
        let share = |of: &dyn Fn(&HourOfSite) -> bool| {
            parts().filter(|(hour, _)| of(hour)).map(|(_, weight)| weight).sum::<f64>() / whole
        };
        let source = self.source();
        if self.spec.pue.is_some() {
            let usual = place.pue;
            let of = |hour: &HourOfSite| hour.pue.unwrap_or(usual.median()).ratio();
            let mean = parts().map(|(hour, weight)| of(&hour) * weight).sum::<f64>() / whole;
            let constant = share(&|hour| hour.pue.is_none());
            if let Ok(pue) = Pue::new(mean) {
                place.pue = LogNormal::new(pue, usual.sigma() * constant);
            }
            replace(&mut place.factors, "PUE", mean, "ratio", &source);
        }
        if self.spec.wue.is_some() {
            let usual = place.wue;
            let of = |hour: &HourOfSite| Some(hour.wue.or(usual.map(LogNormal::median))?.l_per_kwh());
            let constant = share(&|hour| hour.wue.is_none());
            let sum = parts().map(|(hour, weight)| Some(of(&hour)? * weight)).sum::<Option<f64>>();
            place.wue = sum.map(|sum| {
                let sigma = usual.map_or(0.0, LogNormal::sigma);
                LogNormal::new(SiteWaterIntensity::from_l_per_kwh(sum / whole), sigma * constant)
            });
            if let Some(sum) = sum {
                replace(&mut place.factors, "water on site (WUE)", sum / whole, "L/kWh", &source);
            }
        }
    }

    /// The hours of a window, each with its part of a weight.
    fn parts(&self, window: Window, weight: f64) -> Vec<(HourOfSite, f64)> {
        let seconds = window.duration().as_secs_f64();
        let skipped = usize::try_from(window.start().as_second().div_euclid(HOUR_S) - self.start).unwrap_or(0);
        let many = usize::try_from(window.duration().as_secs() / HOUR_S).unwrap_or(0) + 2;
        let hours = self.hours.iter().zip(self.start..).skip(skipped).take(many);
        let part = |(hour, number): (&HourOfSite, i64)| {
            let begin = (number * HOUR_S).max(window.start().as_second());
            let end = ((number + 1) * HOUR_S).min(window.end().as_second());
            (end > begin).then(|| (*hour, weight * (end - begin) as f64 / seconds))
        };
        hours.filter_map(part).collect()
    }

    /// The PUE of an hour, and what it rests on, for rows of an account.
    pub(crate) fn hour(&self, start: Timestamp) -> Option<HourTold> {
        let index = start.as_second().div_euclid(HOUR_S) - self.start;
        let hour = self.hours.get(usize::try_from(index).ok()?)?;
        let wue = hour.wue.or(self.usual_wue);
        Some(HourTold { pue: hour.pue.unwrap_or(self.usual_pue), wue, felt_c: hour.felt_c })
    }

    fn count(&self, how: Option<How>) -> usize {
        self.hours.iter().filter(|hour| hour.how == how).count()
    }

    fn clamped(&self) -> usize {
        let beyond = |at_c: f64| {
            let curves = [&self.spec.pue, &self.spec.wue];
            curves.into_iter().flatten().any(|curve| curve.is_beyond(at_c))
        };
        self.hours.iter().filter(|hour| hour.felt_c.is_some_and(beyond)).count()
    }

    fn source(&self) -> String {
        let file = if self.file.is_empty() { "typical temperatures" } else { self.file.as_str() };
        format!("the site's curve over {} temperatures, {file}", self.spec.bulb.as_str())
    }

    /// What to know before quoting: which hours do not rest on a temperature that is known.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let all = self.hours.len();
        let mut told = Vec::new();
        let mut say = |count: usize, words: &str| {
            if count > 0 {
                told.push(format!("site weather: {count} of {all} h {words}"));
            }
        };
        say(
            self.count(Some(How::LastWeek)),
            &format!("lie beyond the temperatures of {}: the same hours of its last week stand in", self.file),
        );
        say(self.count(Some(How::Typical)), "take the typical temperature or humidity of `[site]`");
        let missing = match self.spec.bulb {
            Bulb::Dry => "no temperature",
            Bulb::Wet => "no temperature or no humidity",
        };
        let constants = "the constant PUE and WUE stand in; give temperatures by --weather FILE, or a typical `temp_c`";
        say(self.count(None), &format!("have {missing}: {constants}"));
        say(self.clamped(), "lie beyond the ends of the curve: its last point stands in");
        told
    }

    /// What the hours rest on, for JSON.
    pub(crate) fn json(&self) -> Value {
        let ratios = || self.hours.iter().map(|hour| hour.pue.unwrap_or(self.usual_pue).ratio());
        let has_pue = self.spec.pue.is_some();
        json!({
            "curve_over": self.spec.bulb.as_str(),
            "file": (!self.file.is_empty()).then_some(&self.file),
            "hours": self.hours.len(),
            "known_hours": self.count(Some(How::Known)),
            "last_week_hours": self.count(Some(How::LastWeek)),
            "typical_hours": self.count(Some(How::Typical)),
            "constant_hours": self.count(None),
            "clamped_hours": self.clamped(),
            "least_pue": has_pue.then(|| ratios().fold(f64::INFINITY, f64::min)),
            "most_pue": has_pue.then(|| ratios().fold(0.0, f64::max)),
        })
    }
}

fn replace(factors: &mut Vec<Factor>, quantity: &str, value: f64, unit: &str, source: &str) {
    factors.retain(|factor| factor.quantity != quantity);
    factors.push(Factor { source: source.to_owned(), ..given(quantity, value, unit) });
}
