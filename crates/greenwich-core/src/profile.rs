//! A typical year in 288 numbers: the mean of each hour of the day in each month.
//!
//! In: a table of means. Out: the mean for an instant. It has the daily and yearly shape of a zone
//! and is never a forecast.

use crate::name::ZoneId;
use crate::series::Signal;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Month × hour-of-day mean intensity of a zone, in UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct TypicalProfile {
    /// The zone it speaks of.
    pub zone: ZoneId,
    /// Lifecycle or direct.
    pub signal: Signal,
    /// First year averaged.
    pub from_year: i16,
    /// Last year averaged.
    pub to_year: i16,
    /// The row of `sources.csv`.
    pub source: crate::name::SourceId,
    /// Who to name for it.
    pub attribution: String,
    /// gCO2e/kWh, by month (0 is January) and hour of the day in UTC.
    pub g_per_kwh: [[f64; 24]; 12],
}

impl TypicalProfile {
    /// The typical intensity in gCO2e/kWh at the hour that holds the instant.
    pub fn at_g_per_kwh(&self, instant: Timestamp) -> f64 {
        let civil = instant.to_zoned(TimeZone::UTC).datetime();
        self.g_per_kwh[civil.month() as usize - 1][civil.hour() as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_and_month_of_the_instant_are_looked_up_in_utc() {
        let mut table = [[0.0; 24]; 12];
        table[5][23] = 99.0;
        let profile = TypicalProfile {
            zone: ZoneId::new("ES"),
            signal: Signal::Lifecycle,
            from_year: 2022,
            to_year: 2022,
            source: "em-2022".into(),
            attribution: String::new(),
            g_per_kwh: table,
        };
        assert_eq!(profile.at_g_per_kwh("2026-06-30T23:59:59Z".parse().expect("a stamp")), 99.0);
        assert_eq!(profile.at_g_per_kwh("2026-07-01T00:00:00Z".parse().expect("a stamp")), 0.0);
    }
}
