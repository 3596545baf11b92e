//! Typical years: a plan without a forecast still sees the day and the seasons.
//!
//! In: month × hour means, given by value. Out: hourly series whose provenance says "typical, not a
//! forecast". A window of any year is answered from the same 288 means.

use crate::error::SignalError;
use crate::signal::{GridSignal, steps_over};
use greenwich_core::{IntensitySeries, Provenance, Signal, TypicalProfile, Window, ZoneId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

const HOUR_S: i64 = 3600;

/// The typical intensity over a window, in hourly steps on the hours of UTC.
///
/// # Panics
/// When the window ends within an hour of the last instant that a timestamp can hold.
pub fn series(profile: &TypicalProfile, window: Window) -> IntensitySeries {
    let (start_s, count) = steps_over(window, 0, HOUR_S);
    let start = Timestamp::from_second(start_s).expect("the hour of an instant is an instant");
    let hour = SignedDuration::from_secs(HOUR_S);
    let values = (start_s..)
        .step_by(HOUR_S as usize)
        .take(count)
        .map(|at_s| profile.at_g_per_kwh(Timestamp::from_second(at_s).expect("an hour of the window is an instant")));
    let provenance = Provenance::Typical {
        from_year: profile.from_year,
        to_year: profile.to_year,
        attribution: profile.attribution.clone(),
    };
    IntensitySeries::new(profile.zone.clone(), profile.signal, provenance, start, hour, values.collect())
}

/// Several zones' typical years.
#[derive(Debug, Clone, Default)]
pub struct Typical {
    profiles: BTreeMap<(ZoneId, Signal), TypicalProfile>,
}

impl Typical {
    /// Holds the profiles given; of two with one zone and signal the later stays.
    pub fn new(profiles: impl IntoIterator<Item = TypicalProfile>) -> Self {
        let key = |profile: TypicalProfile| ((profile.zone.clone(), profile.signal), profile);
        Self { profiles: profiles.into_iter().map(key).collect() }
    }
}

impl GridSignal for Typical {
    fn zones(&self) -> Vec<ZoneId> {
        let mut zones: Vec<ZoneId> = self.profiles.keys().map(|(zone, _)| zone.clone()).collect();
        zones.dedup();
        zones
    }

    fn series(&self, zone: &ZoneId, signal: Signal, window: Window) -> Result<IntensitySeries, SignalError> {
        let profile = self.profiles.get(&(zone.clone(), signal));
        let none = || SignalError::NoProfile { zone: zone.clone(), signal, held: self.zones() };
        Ok(series(profile.ok_or_else(none)?, window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn profile(zone: &str, signal: Signal) -> TypicalProfile {
        let mut g_per_kwh = [[0.0; 24]; 12];
        for (month, hours) in g_per_kwh.iter_mut().enumerate() {
            for (hour, value) in hours.iter_mut().enumerate() {
                *value = (100 * (month + 1) + hour) as f64;
            }
        }
        TypicalProfile {
            zone: ZoneId::new(zone),
            signal,
            from_year: 2021,
            to_year: 2023,
            source: "em-2021-2023".into(),
            attribution: "Electricity Maps (ODbL-1.0)".into(),
            g_per_kwh,
        }
    }

    fn window(start: &str, end: &str) -> Window {
        Window::new(start.parse().expect("a stamp"), end.parse().expect("a stamp")).expect("forwards")
    }

    #[test]
    fn a_window_that_starts_within_the_hour_is_covered_by_whole_hours() {
        let window = window("2026-01-31T22:30:00Z", "2026-02-01T00:15:00Z");
        let series = series(&profile("GB", Signal::Lifecycle), window);
        assert!(series.covers(window));
        assert_eq!(series.start().to_string(), "2026-01-31T22:00:00Z");
        assert_eq!(series.values_g_per_kwh(), [122.0, 123.0, 200.0]);
        assert_snapshot!(series.provenance, @"typical 2021–2023, not a forecast");
    }

    #[test]
    fn a_profile_is_found_by_zone_and_signal() {
        let typical = Typical::new([profile("GB", Signal::Lifecycle), profile("GB", Signal::Direct)]);
        let day = window("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z");
        assert_eq!(typical.zones(), [ZoneId::new("GB")]);
        let found = typical.series(&ZoneId::new("GB"), Signal::Direct, day).expect("held");
        assert_eq!((found.signal, found.values_g_per_kwh().len()), (Signal::Direct, 24));
        let refusal = typical.series(&ZoneId::new("FR"), Signal::Lifecycle, day).expect_err("not held");
        assert_snapshot!(refusal, @"there is no typical lifecycle year of zone `FR`");
    }
}
