//! What is known of a zone besides its intensity: weather, day-ahead prices, what the grid's operator expects.
//!
//! In: one value an hour, or a gap, and until when such values are known at an instant of issue. Out: values that say
//! nothing of an hour that could not have been known. Nothing is filled in here.

use crate::history::{HOUR_S, hour_of, hourly};
use greenwich_core::ZoneId;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// What belongs together: families are used or left out as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Temperature, humidity, wind speed, irradiance.
    Weather,
    /// The day-ahead price.
    Price,
    /// Load, and the operator's day-ahead forecasts of load, wind and sun.
    Grid,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Weather, Self::Price, Self::Grid];

    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weather => "weather",
            Self::Price => "price",
            Self::Grid => "grid",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a covariate measures, and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Measure {
    /// Air temperature in °C.
    Temperature,
    /// Relative humidity in %.
    Humidity,
    /// Wind speed in m/s.
    WindSpeed,
    /// Irradiance on the flat in W/m².
    Irradiance,
    /// Day-ahead price of a megawatt-hour, in any one currency.
    Price,
    /// Load that was measured, in MW.
    Load,
    /// Load as foretold the day before, in MW.
    LoadForecast,
    /// Wind power as foretold the day before, in MW.
    WindForecast,
    /// Solar power as foretold the day before, in MW.
    SolarForecast,
}

impl Measure {
    /// What a column of a file of signals holds besides intensities: `temp_c`, `rh_pct`, `wind_m_per_s`,
    /// `irradiance_w_per_m2`, `price_CURRENCY_per_mwh`, `load_mw`, `load_forecast_mw`, `wind_forecast_mw`,
    /// `solar_forecast_mw`.
    pub fn of_column(name: &str) -> Option<Self> {
        Some(match name {
            "temp_c" => Self::Temperature,
            "rh_pct" => Self::Humidity,
            "wind_m_per_s" => Self::WindSpeed,
            "irradiance_w_per_m2" => Self::Irradiance,
            "load_mw" => Self::Load,
            "load_forecast_mw" => Self::LoadForecast,
            "wind_forecast_mw" => Self::WindForecast,
            "solar_forecast_mw" => Self::SolarForecast,
            _ => {
                let currency = name.strip_prefix("price_")?.strip_suffix("_per_mwh")?;
                let is_code = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_lowercase());
                return is_code.then_some(Self::Price);
            }
        })
    }

    /// Until when it is known in a zone, where rows after the issue are of what was published or foretold by then.
    pub fn reach(self, zone: &ZoneId) -> Reach {
        match self {
            Self::Load => Reach::Past,
            Self::Temperature | Self::Humidity | Self::WindSpeed | Self::Irradiance => Reach::Whole,
            Self::Price | Self::LoadForecast | Self::WindForecast | Self::SolarForecast => {
                Reach::DayAhead { utc_offset_hours: market_offset(zone) }
            }
        }
    }

    /// The family that it is used or left out with.
    pub const fn family(self) -> Family {
        match self {
            Self::Temperature | Self::Humidity | Self::WindSpeed | Self::Irradiance => Family::Weather,
            Self::Price => Family::Price,
            Self::Load | Self::LoadForecast | Self::WindForecast | Self::SolarForecast => Family::Grid,
        }
    }
}

/// Winter time of the market that a zone trades in, in hours ahead of UTC. All of Europe's coupled markets keep Central
/// European days; where a grid lies in two times the later one stands, since its day ends first.
fn market_offset(zone: &ZoneId) -> Option<i64> {
    const CENTRAL_EUROPE: [&str; 35] = [
        "AL", "AT", "BA", "BE", "BG", "CH", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE",
        "IT", "LT", "LU", "LV", "ME", "MK", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "UA", "XK",
    ];
    let mut parts = zone.as_str().split('-');
    Some(match (parts.next()?, parts.next()) {
        (country, _) if CENTRAL_EUROPE.contains(&country) => 1,
        ("US", Some("CAL" | "NW")) => -8,
        ("US", Some("SW")) => -7,
        ("US", Some("TEX" | "CENT")) | ("MX", _) => -6,
        ("US", Some("MIDW" | "NE" | "NY" | "MIDA" | "SE" | "FLA" | "CAR" | "TEN")) => -5,
        ("BR" | "CL", _) => -3,
        ("ZA", _) => 2,
        ("TR", _) => 3,
        ("IN", _) => 5,
        ("HK" | "SG" | "TW" | "PH", _) => 8,
        ("JP" | "KR", _) => 9,
        ("AU", _) => 10,
        ("NZ", _) => 12,
        _ => return None,
    })
}

/// Until when values are known at an instant of issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Hours that had ended: it was measured.
    Past,
    /// To the end of the day, from [`PUBLISHED_HOUR`] on to the end of the next, in the market's time. Days are taken
    /// to end an hour early, so that summer time adds nothing. `None` where that time is not known: then
    /// [`LEAST_AHEAD_HOURS`], which every market keeps to.
    DayAhead {
        /// Hours by which the market's winter time is ahead of UTC.
        utc_offset_hours: Option<i64>,
    },
    /// As far as there are values: it was foretold, or stands in for what was.
    Whole,
}

/// Day-ahead results are out at this hour of the market's time: most between 12 and 13 h, some at 14 h.
pub const PUBLISHED_HOUR: i64 = 14;
/// What is known of a day-ahead market wherever it may be: the hours from publication to the end of the day, less one.
pub const LEAST_AHEAD_HOURS: i64 = 24 - PUBLISHED_HOUR - 1;

impl Reach {
    /// The first hour, since 1970, that is not known at the start of `issue_hour`.
    fn end_hour(self, issue_hour: i64) -> i64 {
        match self {
            Self::Past => issue_hour,
            Self::DayAhead { utc_offset_hours: None } => issue_hour + LEAST_AHEAD_HOURS,
            Self::DayAhead { utc_offset_hours: Some(offset) } => {
                let local = issue_hour + offset;
                let days = 1 + i64::from(local.rem_euclid(24) >= PUBLISHED_HOUR);
                24 * (local.div_euclid(24) + days) - offset - 1
            }
            Self::Whole => i64::MAX,
        }
    }
}

/// One covariate of a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariate {
    /// The column or series that it is from.
    pub name: String,
    /// What it measures.
    pub measure: Measure,
    /// Until when it is known.
    pub reach: Reach,
    start_hour: i64,
    /// A gap is NaN.
    values: Vec<f64>,
}

impl Covariate {
    /// Hourly values from the hour that holds `start`; `None` is a gap, and so is what is no finite number.
    pub fn hourly(
        name: impl Into<String>,
        measure: Measure,
        reach: Reach,
        start: Timestamp,
        values: &[Option<f64>],
    ) -> Self {
        let value = |value: &Option<f64>| value.filter(|value| value.is_finite()).unwrap_or(f64::NAN);
        let values = values.iter().map(value).collect();
        Self { name: name.into(), measure, reach, start_hour: hour_of(start), values }
    }

    /// Known intervals of `step` length, each by its start, in any order. An hour is the mean of its intervals and a gap
    /// where less than half of it is known.
    ///
    /// # Panics
    /// When `step` is not in (0, 1 h].
    pub fn from_known(
        name: impl Into<String>,
        measure: Measure,
        reach: Reach,
        step: SignedDuration,
        known: &[(Timestamp, f64)],
    ) -> Self {
        let step_s = step.as_secs();
        assert!((1..=HOUR_S).contains(&step_s), "a step is above zero and at most an hour");
        let sound: Vec<(i64, f64)> =
            known.iter().filter(|(_, value)| value.is_finite()).map(|(at, value)| (hour_of(*at), *value)).collect();
        let (start_hour, values) = hourly(&sound, step_s);
        Self { name: name.into(), measure, reach, start_hour, values }
    }

    /// The end of what is known of it at an instant, where anything is: the end of its last value within reach.
    pub fn known_until(&self, at: Timestamp) -> Option<Timestamp> {
        let issue_hour = hour_of(at);
        let end = self.reach.end_hour(issue_hour).min(self.start_hour + self.values.len() as i64);
        let last = (self.start_hour..end).rev().find(|hour| !self.value(*hour, issue_hour).is_nan())?;
        Timestamp::from_second((last + 1) * HOUR_S).ok()
    }

    /// The value of an hour as it is known at the start of `issue_hour`; NaN in a gap, and of all that is not yet known.
    pub(crate) fn value(&self, hour: i64, issue_hour: i64) -> f64 {
        if hour >= self.reach.end_hour(issue_hour) {
            return f64::NAN;
        }
        usize::try_from(hour - self.start_hour).ok().and_then(|at| self.values.get(at)).copied().unwrap_or(f64::NAN)
    }

    /// Whether an hour can be known at the start of `issue_hour`, be it a gap or not.
    pub(crate) fn reaches(&self, hour: i64, issue_hour: i64) -> bool {
        hour < self.reach.end_hour(issue_hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stamp: &str) -> Timestamp {
        stamp.parse().expect("a stamp")
    }

    fn until(reach: Reach, issued: &str) -> String {
        let values = vec![Some(1.0); 24 * 10];
        let price = Covariate::hourly("price", Measure::Price, reach, at("2022-06-01T00:00:00Z"), &values);
        price.known_until(at(issued)).expect("known").to_string()
    }

    #[test]
    fn tomorrow_is_known_once_it_is_published() {
        let europe = Reach::DayAhead { utc_offset_hours: Some(1) };
        // 13:59 of winter time: until the end of the day. The day ends at 22 UTC, as in summer.
        assert_eq!(until(europe, "2022-06-03T12:59:00Z"), "2022-06-03T22:00:00Z");
        assert_eq!(until(europe, "2022-06-03T13:00:00Z"), "2022-06-04T22:00:00Z");
        assert_eq!(until(europe, "2022-06-03T23:30:00Z"), "2022-06-04T22:00:00Z");
        let pacific = Reach::DayAhead { utc_offset_hours: Some(-8) };
        assert_eq!(until(pacific, "2022-06-03T00:00:00Z"), "2022-06-04T07:00:00Z");
        let unknown = Reach::DayAhead { utc_offset_hours: None };
        assert_eq!(until(unknown, "2022-06-03T12:00:00Z"), "2022-06-03T21:00:00Z");
    }

    #[test]
    fn what_was_measured_ends_at_the_issue_and_what_was_foretold_where_it_ends() {
        assert_eq!(until(Reach::Past, "2022-06-03T12:40:00Z"), "2022-06-03T12:00:00Z");
        assert_eq!(until(Reach::Whole, "2022-06-03T12:40:00Z"), "2022-06-11T00:00:00Z");
    }

    #[test]
    fn a_market_whose_time_is_not_known_is_never_seen_farther_into() {
        let unknown = Reach::DayAhead { utc_offset_hours: None };
        for hour in 0..48 {
            let known = (-12..=14).map(|offset| Reach::DayAhead { utc_offset_hours: Some(offset) }.end_hour(hour));
            assert!(known.min().expect("offsets") >= unknown.end_hour(hour));
        }
    }

    #[test]
    fn what_is_not_known_yet_has_no_value() {
        let start = at("2022-06-01T00:00:00Z");
        let values = [Some(1.0), None, Some(f64::INFINITY), Some(4.0)];
        let measured = Covariate::hourly("temp_c", Measure::Temperature, Reach::Past, start, &values);
        let first = hour_of(start);
        let seen =
            |issue: i64| -> Vec<f64> { (0..4).map(|hour| measured.value(first + hour, first + issue)).collect() };
        assert_eq!(seen(1)[0], 1.0);
        assert!(seen(1)[1..].iter().all(|value| value.is_nan()));
        assert_eq!(seen(4)[3], 4.0);
        assert!(seen(4)[1].is_nan() && seen(4)[2].is_nan(), "gaps stay gaps");
    }
}
