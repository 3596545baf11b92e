//! The next hours of a zone: from its history where there is one, else from what is typical there.
//!
//! In: a history by value, the catalog's typical year, an instant and how many hours. Out: [`Foretold`]: hourly points
//! with bands, what they were made of, and what to know before trusting them. A history that ends before the instant
//! is gone on from where it ends, so that bands are as wide as its age makes them. No intensity stamped at the instant or
//! later is used; prices and weather are where the caller says that they were known. The clock is the caller's.

use crate::error::Error;
use crate::signals::Signals;
use greenwich_core::{IntensitySeries, Provenance, Signal, TypicalProfile, Window, ZoneId};
use greenwich_facts::Catalog;
use greenwich_forecast::{
    Covariate, FARTHEST_HOURS, Forecast, ForecastError, Forecaster, MOST_HOURS_AHEAD, Measure, Prior, Reach, Realised,
    Rung, Settings,
};
use greenwich_signals::{Column, GridSignal, Past, Replay};
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

pub use greenwich_forecast::{Family, History, Point};

/// The farthest hour ahead that can be asked for: sixty days.
pub const MOST_HOURS: usize = FARTHEST_HOURS - MOST_HOURS_AHEAD;
/// A history that ends longer ago than a week tells nothing of the hours to come.
const STALE_HOURS: usize = MOST_HOURS_AHEAD;
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// What a forecast looks back on, in hours.
const LOOKS_BACK: usize = 672;

static PRIOR: LazyLock<Prior> = LazyLock::new(Prior::shipped);

/// The coefficients pooled over zones, read once.
pub(crate) fn prior() -> &'static Prior {
    &PRIOR
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The zone.
    pub zone: ZoneId,
    /// Which question the intensity answers.
    pub signal: Signal,
    /// The instant of issue.
    pub at: Timestamp,
    /// Hours ahead, 1 to [`MOST_HOURS`].
    pub hours: usize,
}

/// What is known of a zone, by value: whoever keeps histories hands one in here.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Its past, with the name of where it is from.
    pub history: Option<(History, String)>,
    /// Its typical year.
    pub typical: Option<TypicalProfile>,
    /// Its yearly mean in gCO2e/kWh, and the year.
    pub yearly: Option<(f64, i16)>,
}

impl Known {
    /// What the catalog knows of a zone; a zone that it does not hold is known by its history alone.
    pub fn of(catalog: &Catalog, zone: &ZoneId, signal: Signal) -> Self {
        let site = catalog.zone_names().any(|name| name.id == zone.as_str());
        let site = site.then(|| catalog.zone(zone.as_str(), None).ok()).flatten();
        let yearly = site.and_then(|site| match signal {
            Signal::Lifecycle => site.lifecycle,
            Signal::Direct => site.direct,
            Signal::Marginal => None,
        });
        Self {
            history: None,
            typical: catalog.profile(zone, signal),
            yearly: yearly.map(|row| (row.value.g_per_kwh(), row.valid_from.year())),
        }
    }

    /// The same with a history.
    #[must_use]
    pub fn with(self, history: History, source: impl Into<String>) -> Self {
        Self { history: Some((history, source.into())), ..self }
    }
}

/// The history that a trace holds, with the file's name; rows stamped `before` or later are passed over, but for the
/// columns of `families`: those are taken to hold what was published or foretold by then.
///
/// # Errors
/// [`Error::Signal`] for a zone without a trace, or a trace that breaks the rules.
pub fn read_history(
    replay: &Replay,
    zone: &ZoneId,
    signal: Signal,
    before: Option<Timestamp>,
    families: &[Family],
) -> Result<(History, String), Error> {
    let covariates = covariates_in(replay, zone, families)?;
    let Past { zone, signal, step, known, file, .. } = replay.past(zone, signal, before)?;
    Ok((History::from_known(zone, signal, step, &known).with_covariates(covariates), file))
}

/// The columns of some families in a trace. What of them is known when is theirs to say.
fn covariates_in(replay: &Replay, zone: &ZoneId, families: &[Family]) -> Result<Vec<Covariate>, Error> {
    if families.is_empty() {
        return Ok(Vec::new());
    }
    let measure = |name: &str| Measure::of_column(name).filter(|measure| families.contains(&measure.family()));
    let (step, columns) = replay.columns(zone, |name| measure(name).is_some(), None)?;
    let covariate = |column: Column| {
        let measure = measure(&column.name)?;
        let instant = |(at, value): &(i64, f64)| Some((Timestamp::from_second(*at).ok()?, *value));
        let known: Vec<(Timestamp, f64)> = column.known.iter().filter_map(instant).collect();
        Some(Covariate::from_known(column.name, measure, measure.reach(zone), step, &known))
    };
    Ok(columns.into_iter().filter_map(covariate).collect())
}

/// The history of a zone in a folder, where the folder has one.
///
/// # Errors
/// [`Error::Signal`] for a trace that breaks the rules.
pub fn history_in(
    replay: &Replay,
    zone: &ZoneId,
    signal: Signal,
    before: Option<Timestamp>,
    families: &[Family],
) -> Result<Option<(History, String)>, Error> {
    replay.zones().contains(zone).then(|| read_history(replay, zone, signal, before, families)).transpose()
}

/// Years of what is kept that a forecast is fitted on.
const KEPT_YEARS: i32 = 3;

/// The history of a zone that was fetched and kept, before an instant, with the price and load of those `families`;
/// nothing is fetched.
///
/// # Errors
/// [`Error::Provider`] for a history that cannot be read.
pub fn kept_history(
    signals: &Signals,
    zone: &ZoneId,
    signal: Signal,
    before: Timestamp,
    families: &[Family],
) -> Result<Option<(History, String)>, Error> {
    let end = floor(before);
    let window = Window::new(end - HOUR * (24 * 366 * KEPT_YEARS), end).expect("years pass");
    // Revisions are taken as they are known by now: what was fetched later may be of hours before.
    let known_at = Timestamp::from_second(7_258_118_400).expect("the year 2200 is an instant");
    let Some((history, words)) = signals.past(zone, signal, window, known_at)? else { return Ok(None) };
    let reach = Window::new(window.start(), end + HOUR * PUBLISHED_HOURS).expect("days pass");
    let covariates = signals.covariates(zone, reach, known_at, families)?;
    Ok(Some((history.with_covariates(covariates), words)))
}

/// Prices are never published farther ahead.
const PUBLISHED_HOURS: i32 = 48;

/// Something besides intensity that a forecast could use.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The column or series that it is from.
    pub name: String,
    /// What it is used or left out with.
    pub family: Family,
    /// Whether it has a say: it has where it won on the zone's own past.
    pub is_used: bool,
    /// The end of what was known of it, where anything was.
    pub known_until: Option<Timestamp>,
    /// What its hours after the issue are: `measured` (there are none), `day-ahead`, `as-if-foretold`.
    pub basis: &'static str,
}

/// What else a history holds, as it is known at an instant.
pub(crate) fn inputs(history: &History, at: Timestamp, used: &[usize]) -> Vec<Input> {
    let input = |(place, covariate): (usize, &Covariate)| Input {
        name: covariate.name.clone(),
        family: covariate.measure.family(),
        is_used: used.contains(&place),
        known_until: covariate.known_until(at),
        basis: match covariate.reach {
            Reach::Past => "measured",
            Reach::DayAhead { .. } => "day-ahead",
            Reach::Whole => "as-if-foretold",
        },
    };
    history.covariates().iter().enumerate().map(input).collect()
}

/// What is to be known of weather that has a say, with the columns that it is from.
pub(crate) fn flatters(columns: &str) -> String {
    format!(
        "{columns}: hours after each issue are taken as if they had been foretold; where they were measured, errors and bands flatter"
    )
}

/// The next hours of a zone.
#[derive(Debug, Clone)]
#[must_use]
pub struct Foretold {
    /// The zone.
    pub zone: ZoneId,
    /// Which question the intensity answers.
    pub signal: Signal,
    /// The instant of issue.
    pub issued: Timestamp,
    /// What it was made of, in words.
    pub source: String,
    /// The model that answered: `ridge+trees` … `typical`, `flat`.
    pub model: &'static str,
    /// Whether the zone's own last days made it, so that it tells one day from another.
    pub is_forecast: bool,
    /// Hours of history that were known.
    pub known_hours: usize,
    /// Hours between the end of the history and the instant of issue.
    pub stale_hours: Option<usize>,
    /// One point an hour, from the hour that holds the instant of issue.
    pub points: Vec<Point>,
    /// What else was at hand, and whether it had a say.
    pub inputs: Vec<Input>,
    /// What to know before trusting it.
    pub warnings: Vec<String>,
    forecaster: Option<Forecaster>,
}

/// The next hours of a zone, as they could be told at the instant.
///
/// # Errors
/// [`Error::Forecast`] where nothing at all is known of the zone, or the horizon is out of reach.
pub fn foretell(known: &Known, asked: &Asked) -> Result<Foretold, Error> {
    let Asked { zone, signal, at, hours } = asked;
    let (hours, at) = (*hours, *at);
    if !(1..=MOST_HOURS).contains(&hours) {
        return Err(ForecastError::Horizon { hours, most: MOST_HOURS }.into());
    }
    let empty = History::hourly(zone.clone(), *signal, at, &[]);
    let history = known.history.as_ref().map_or(&empty, |(history, _)| history);
    let end = history.known_until(at);
    let now = floor(at);
    let stale = end.map(|end| hours_between(end, now));
    let lag = stale.filter(|stale| *stale <= STALE_HOURS).unwrap_or(0);
    let from = now - HOUR * lag as i32;
    // A typical year that averages the hours to come is no past of theirs: it answers only where nothing else can.
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
    let typical = known.typical.as_ref().filter(|typical| end.is_none() || typical.to_year < year);
    let flat = known.yearly.map(|(mean, year)| constant(zone, *signal, mean, year));
    let horizon = (lag + hours).min(MOST_HOURS_AHEAD);
    let settings = Settings {
        typical: typical.or(flat.as_ref().filter(|_| end.is_none())),
        ..Settings::validated(horizon, prior())
    };
    let forecaster = Forecaster::fit(history, from, settings)?;
    let Forecast { rung, known_hours, covariates_used, mut points, .. } =
        forecaster.forecast().reaching(lag + hours)?;
    points.drain(..lag);
    let is_flat = rung == Rung::Typical && typical.is_none();
    let file = known.history.as_ref().map_or("", |(_, file)| file.as_str());
    let source = match (rung, typical, known.yearly) {
        (Rung::Typical, Some(typical), _) => typical_words(typical),
        (Rung::Typical, None, Some((_, year))) => Provenance::Flat { year, zone: zone.clone() }.to_string(),
        _ => format!("{file}, {} on {known_hours} h", model_words(rung)),
    };
    let mut told = Foretold {
        zone: zone.clone(),
        signal: *signal,
        issued: at,
        source,
        model: if is_flat { "flat" } else { rung.as_str() },
        is_forecast: rung.is_forecast(),
        known_hours,
        stale_hours: stale,
        points,
        inputs: inputs(history, from, &covariates_used),
        warnings: Vec::new(),
        forecaster: rung.is_forecast().then_some(forecaster),
    };
    told.warn(rung, history, from);
    if told.is_forecast {
        told.warnings.extend(crate::grid::series_in_kilograms(&told.series()));
    }
    Ok(told)
}

impl Foretold {
    /// The medians as a series, and what they are.
    pub fn series(&self) -> IntensitySeries {
        let values = self.points.iter().map(|point| point.p50_g_per_kwh).collect();
        let provenance = Provenance::Forecast { issued: self.issued, source: self.source.clone() };
        IntensitySeries::new(self.zone.clone(), self.signal, provenance, self.points[0].start, HOUR, values)
    }

    /// What plans of such a run by such forecasts got of the saving that was there, on the last days of the history.
    pub fn realised(&self, run_hours: usize, window_hours: usize) -> Option<Realised> {
        self.forecaster.as_ref()?.realised(run_hours, window_hours)
    }

    fn warn(&mut self, rung: Rung, history: &History, from: Timestamp) {
        let zone = &self.zone;
        let mut say = |words: String| self.warnings.push(words);
        if let Some(stale) = self.stale_hours.filter(|stale| *stale > 0) {
            let words =
                if stale > STALE_HOURS { "it is not gone on from" } else { "the bands are as wide as that makes them" };
            say(format!("the history of {zone} ends {stale} h before the forecast is issued: {words}"));
        }
        match rung {
            Rung::Typical if self.stale_hours.is_none() => say(format!(
                "no history of {zone} before {} UTC: {}, in bands of a factor 1.6; it tells no day from another",
                self.issued.strftime("%Y-%m-%d %H:%M"),
                self.source
            )),
            Rung::Typical => say(format!(
                "less than a day of the last week is known of {zone}: {}, in bands of a factor 1.6",
                self.source
            )),
            Rung::LastLevel => say(format!(
                "less than a day of the last week is known of {zone} and no typical year before: its last level goes on, in bands of a factor 1.6"
            )),
            Rung::LastDay => {
                say(format!("less than a week is known of {zone}: its last day is repeated, in bands of other zones"));
            }
            Rung::Pooled => say(format!(
                "less than six weeks are known of {zone}: the forecast is by what other zones have in common"
            )),
            Rung::Ridge | Rung::Boosted => {}
        }
        let weather = self.inputs.iter().filter(|input| input.is_used && input.basis == "as-if-foretold");
        let weather: Vec<&str> = weather.map(|input| input.name.as_str()).collect();
        if !weather.is_empty() {
            say(flatters(&weather.join(", ")));
        }
        if rung.is_forecast() {
            let back = LOOKS_BACK.min(hours_between(history.start(), from));
            let missing = (1..=back).filter(|ago| history.at_g_per_kwh(from - HOUR * *ago as i32).is_none()).count();
            if missing > 0 {
                say(format!(
                    "{missing} of the last {back} h known of {zone} have no value; that of a day before stands in"
                ));
            }
            let lag = self.stale_hours.unwrap_or(0);
            if lag + self.points.len() > MOST_HOURS_AHEAD {
                say(format!(
                    "hours beyond {MOST_HOURS_AHEAD} after the history of {zone} ends are the mean day of the four before: they tell no day from another"
                ));
            }
        }
    }
}

/// A typical year that is the same at every hour.
fn constant(zone: &ZoneId, signal: Signal, mean_g_per_kwh: f64, year: i16) -> TypicalProfile {
    TypicalProfile {
        zone: zone.clone(),
        signal,
        from_year: year,
        to_year: year,
        source: "yearly".into(),
        attribution: String::new(),
        g_per_kwh: [[mean_g_per_kwh; 24]; 12],
    }
}

fn typical_words(typical: &TypicalProfile) -> String {
    let TypicalProfile { from_year, to_year, attribution, .. } = typical.clone();
    Provenance::Typical { from_year, to_year, attribution }.to_string()
}

fn model_words(rung: Rung) -> &'static str {
    match rung {
        Rung::Typical => "typical year",
        Rung::LastLevel => "last level",
        Rung::LastDay => "last day",
        Rung::Pooled => "pooled coefficients",
        Rung::Ridge => "ridge",
        Rung::Boosted => "ridge and trees",
    }
}

/// The start of the hour that holds the instant.
pub(crate) fn floor(at: Timestamp) -> Timestamp {
    let early = i64::from(at.subsec_nanosecond() < 0 && at.as_second() % 3600 == 0);
    Timestamp::from_second((at.as_second().div_euclid(3600) - early) * 3600).expect("the hour of an instant is one")
}

fn hours_between(from: Timestamp, to: Timestamp) -> usize {
    usize::try_from(to.duration_since(from).as_hours()).unwrap_or(0)
}
