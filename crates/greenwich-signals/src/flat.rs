//! A yearly mean as a series: the same at every hour.
//!
//! In: a zone's mean in gCO2e/kWh and its year. Out: a series of it over a window. It shows where to
//! run and cannot show when, and its provenance says so.

use crate::signal::steps_over;
use greenwich_core::{IntensitySeries, Provenance, Signal, Window, ZoneId};
use jiff::{SignedDuration, Timestamp};

const HOUR_S: i64 = 3600;

/// A yearly mean over a window, in hourly steps on the hours of UTC.
///
/// # Panics
/// When the window ends within an hour of the last instant that a timestamp can hold.
pub fn series(zone: &ZoneId, signal: Signal, window: Window, mean_g_per_kwh: f64, year: i16) -> IntensitySeries {
    let (start_s, count) = steps_over(window, 0, HOUR_S);
    let start = Timestamp::from_second(start_s).expect("the hour of an instant is an instant");
    let provenance = Provenance::Flat { year, zone: zone.clone() };
    let hour = SignedDuration::from_secs(HOUR_S);
    IntensitySeries::new(zone.clone(), signal, provenance, start, hour, vec![mean_g_per_kwh; count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn the_mean_of_any_window_is_the_yearly_mean() {
        let at = |stamp: &str| stamp.parse().expect("a stamp");
        let window = Window::new(at("2026-01-05T00:20:00Z"), at("2026-01-07T03:40:00Z")).expect("forwards");
        let series = series(&ZoneId::new("PL"), Signal::Lifecycle, window, 660.0, 2024);
        let mean = series.mean_g_per_kwh(window).expect("covered");
        assert!((mean - 660.0).abs() < 1e-9, "{mean}");
        assert_snapshot!(series.provenance, @"yearly mean of PL 2024, flat");
    }
}
