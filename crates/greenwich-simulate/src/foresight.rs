//! What was foretold, and when: the one road by which hours to come reach a policy.
//!
//! In: histories of zones and how they are foretold. Out: for each hour the forecast that had last been issued, in
//! facility grams: PUE times intensity. A forecast is issued every few hours and reads nothing stamped then or later, but
//! for those that are there to be compared with: `perfect`, and `error`, which is perfect with noise.

use crate::lot::Lot;
use greenwich_core::ZoneId;
use greenwich_forecast::{ForecastError, Forecaster, History, MOST_HOURS_AHEAD, Prior, Settings};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Days after which a forecaster's coefficients are fitted anew.
const REFIT_DAYS: i64 = 28;
const DAY: usize = 24;
const WEEK: usize = 168;

/// How hours to come are foretold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// By `greenwich-forecast`, from the zone's past alone.
    Forecaster,
    /// The mean of the last day's hour and of the same hour over the last week.
    Naive,
    /// As they came.
    Perfect,
    /// As they came, with noise by lot: its deviation as a share of the zone's mean.
    Error(f64),
}

/// The forecasts of one zone: a row for each time of issue.
#[derive(Debug, Clone, PartialEq)]
struct Rows {
    /// Hours between issues.
    every: usize,
    /// g/kWh of the hours from each issue on.
    rows: Vec<Vec<f64>>,
}

/// All forecasts of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Foresight {
    every: usize,
    zones: Vec<Rows>,
    /// Zone and PUE of each site.
    sites: Vec<(usize, f64)>,
}

/// What is foretold from an hour on.
#[derive(Debug, Clone, Copy)]
pub struct Horizon<'a> {
    foresight: &'a Foresight,
    hour: usize,
}

impl Horizon<'_> {
    /// Hours that are foretold of every site.
    pub fn hours(&self) -> usize {
        self.foresight.zones.iter().map(|zone| zone.from(self.hour).len()).min().unwrap_or(0)
    }
    /// Intensity at a site, in g/kWh, from this hour on.
    pub fn g_per_kwh(&self, site: u32) -> &[f64] {
        self.foresight.zones[self.foresight.sites[site as usize].0].from(self.hour)
    }
    /// PUE times intensity at a site over the next `hours`, as far as they are foretold.
    pub fn facility_g_per_kwh(&self, site: u32, hours: usize) -> Vec<f64> {
        let pue = self.foresight.sites[site as usize].1;
        self.g_per_kwh(site).iter().take(hours).map(|value| pue * value).collect()
    }
}

impl Rows {
    fn from(&self, hour: usize) -> &[f64] {
        let (issue, since) = (hour / self.every, hour % self.every);
        self.rows.get(issue).and_then(|row| row.get(since..)).unwrap_or(&[])
    }
}

/// What is foretold of one zone, ready to be put together with others.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneForesight(Rows);

/// The span of a replay and how often forecasts are issued in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The first hour.
    pub start: Timestamp,
    /// Hours replayed.
    pub hours: u32,
    /// Hours between two issues, 1 to 24, a divisor of 24.
    pub every: u32,
}

impl ZoneForesight {
    /// Foretells a zone over a span. `seed` is for noise; `prior` for the forecaster. `tell` is called after each
    /// issue and says whether to go on.
    ///
    /// # Errors
    /// [`ForecastError`] where nothing is known of the zone before the span. `Ok(None)` where `tell` stopped it.
    pub fn issue(
        history: &History,
        method: Method,
        span: Span,
        seed: u64,
        prior: &Prior,
        tell: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self>, ForecastError> {
        let every = span.every as usize;
        let issues = (span.hours as usize).div_ceil(every);
        let mut rows = Vec::with_capacity(issues);
        let mut source = Source::new(history, method, span, seed);
        for issue in 0..issues {
            rows.push(source.row(issue * every, prior)?);
            if !tell() {
                return Ok(None);
            }
        }
        Ok(Some(Self(Rows { every, rows })))
    }
}

impl Foresight {
    /// Puts zones together: for each site its zone among them, and its PUE.
    pub fn new(zones: Vec<ZoneForesight>, sites: Vec<(usize, f64)>) -> Self {
        let zones: Vec<Rows> = zones.into_iter().map(|zone| zone.0).collect();
        let every = zones.first().map_or(1, |zone| zone.every);
        Self { every, zones, sites }
    }

    /// Foretells all zones of a world's sites at once.
    ///
    /// # Errors
    /// [`ForecastError`] where nothing is known of a zone before the span.
    ///
    /// # Panics
    /// When a site's zone has no history.
    pub fn of(
        sites: &[greenwich_fleet::Site],
        histories: &BTreeMap<ZoneId, History>,
        method: Method,
        span: Span,
        seed: u64,
        prior: &Prior,
    ) -> Result<Self, ForecastError> {
        let mut zones = Vec::new();
        let mut order: Vec<&ZoneId> = Vec::new();
        let mut placed = Vec::with_capacity(sites.len());
        for site in sites {
            let zone = order.iter().position(|zone| **zone == site.zone);
            let zone = match zone {
                Some(zone) => zone,
                None => {
                    let history = &histories[&site.zone];
                    let told = ZoneForesight::issue(history, method, span, seed, prior, &mut || true)?;
                    zones.extend(told);
                    order.push(&site.zone);
                    order.len() - 1
                }
            };
            placed.push((zone, site.pue.ratio()));
        }
        Ok(Self::new(zones, placed))
    }

    pub(crate) fn from(&self, hour: u32) -> Horizon<'_> {
        Horizon { foresight: self, hour: hour as usize }
    }
    pub(crate) fn is_issued(&self, hour: u32) -> bool {
        (hour as usize).is_multiple_of(self.every)
    }
}

/// Makes rows.
struct Source<'a> {
    history: &'a History,
    method: Method,
    span: Span,
    /// Noise of each hour, the same in every row.
    noise: Vec<f64>,
    by_hour: BTreeMap<usize, (usize, Forecaster)>,
}

impl<'a> Source<'a> {
    fn new(history: &'a History, method: Method, span: Span, seed: u64) -> Self {
        let noise = if let Method::Error(share) = method {
            let hours = span.hours as usize + MOST_HOURS_AHEAD + DAY;
            let known: Vec<f64> =
                (0..span.hours).filter_map(|hour| history.at_g_per_kwh(at(span.start, hour as usize))).collect();
            let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
            // Each zone has numbers of its own, whatever the others are.
            let name = history.zone.as_str().bytes().fold(seed, |sum, byte| sum.wrapping_mul(257) ^ u64::from(byte));
            let mut lot = Lot::new(name);
            (0..hours).map(|_| share * mean * lot.normal()).collect()
        } else {
            Vec::new()
        };
        Self { history, method, span, noise, by_hour: BTreeMap::new() }
    }

    fn row(&mut self, hour: usize, prior: &Prior) -> Result<Vec<f64>, ForecastError> {
        // A row is used until the next one is issued: it reaches as far beyond.
        let reach = MOST_HOURS_AHEAD;
        let known = |hour: usize| self.history.at_g_per_kwh(at(self.span.start, hour));
        match self.method {
            Method::Perfect => Ok((hour..hour + reach).map_while(known).collect()),
            Method::Error(_) => {
                let noised = |hour: usize| Some((known(hour)? + self.noise[hour]).max(0.0));
                Ok((hour..hour + reach).map_while(noised).collect())
            }
            Method::Naive => naive(self.history, at(self.span.start, hour), reach),
            Method::Forecaster => self.foretold(hour, reach, prior),
        }
    }

    fn foretold(&mut self, hour: usize, reach: usize, prior: &Prior) -> Result<Vec<f64>, ForecastError> {
        let issued = at(self.span.start, hour);
        let held = self.by_hour.get_mut(&(hour % DAY));
        let goes_on = held.is_some_and(|(fitted, forecaster)| {
            hour - *fitted < DAY * REFIT_DAYS as usize && forecaster.advance(self.history, issued)
        });
        if !goes_on {
            let fitted = Forecaster::fit(self.history, issued, Settings::validated(reach, prior))?;
            self.by_hour.insert(hour % DAY, (hour, fitted));
        }
        let forecast = self.by_hour[&(hour % DAY)].1.forecast();
        Ok(forecast.points.iter().map(|point| point.p50_g_per_kwh).collect())
    }
}

fn at(start: Timestamp, hour: usize) -> Timestamp {
    start + SignedDuration::from_hours(hour as i64)
}

/// The mean of the last day's hour and of the same hour over the last week, for `reach` hours from an instant.
fn naive(history: &History, issued: Timestamp, reach: usize) -> Result<Vec<f64>, ForecastError> {
    let back = |hours: usize| history.at_g_per_kwh(issued - SignedDuration::from_hours(hours as i64));
    let hours = (0..reach).map(|lead| {
        let first = DAY - lead % DAY;
        let mut days = (0..WEEK / DAY).filter_map(|day| back(first + DAY * day));
        let last = days.next()?;
        let (sum, count) = days.fold((last, 1.0), |(sum, count), value| (sum + value, count + 1.0));
        Some(f64::midpoint(last, sum / count))
    });
    let told: Option<Vec<f64>> = hours.collect();
    told.ok_or_else(|| ForecastError::NoHistory { zone: history.zone.clone(), at: issued })
}
