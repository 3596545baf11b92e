//! What holds of forecasts with weather, prices and day-ahead forecasts beside the intensity.
//!
//! In: a grid by formula that follows its wind, which nothing but the covariates tells. Out: the laws: nothing is read before
//! it was known, a covariate has a say where it tells something and none where it is noise, gaps are no values, and
//! what is left out is as if it had never been given.

use greenwich_core::{Signal, Window};
use greenwich_forecast::{Covariate, Family, Forecast, Forecaster, History, Measure, Prior, Reach, Settings, backtest};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::f64::consts::TAU;
use std::sync::LazyLock;

const HOURS: usize = 8000;
const AHEAD: usize = 96;
static PRIOR: LazyLock<Prior> = LazyLock::new(Prior::shipped);

fn start() -> Timestamp {
    "2022-01-03T00:00:00Z".parse().expect("a stamp")
}

fn after(hours: usize) -> Timestamp {
    start() + SignedDuration::from_hours(hours as i64)
}

/// A number in 0..1 that looks random and is always the same.
fn hash(seed: u64, at: usize) -> f64 {
    let mut bits = seed << 40 | at as u64;
    for _ in 0..3 {
        bits = (bits ^ (bits >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Wind by the hour in m/s: it turns every half day or so, and no past tells how.
fn wind(seed: u64) -> Vec<f64> {
    let mut wind = 0.0;
    (0..HOURS + AHEAD)
        .map(|hour| {
            wind = 0.9 * wind + 2.0 * (hash(seed, hour) - 0.5);
            6.0 + wind
        })
        .collect()
}

/// Intensity falls with the wind, and follows the sun and some noise.
fn intensity(seed: u64) -> Vec<Option<f64>> {
    let level = |(hour, wind): (usize, f64)| {
        let sun = 0.15 * (TAU * hour as f64 / 24.0).cos();
        Some(350.0 * (sun - 0.12 * (wind - 6.0) + 0.05 * (hash(seed + 1, hour) - 0.5)).exp())
    };
    wind(seed).into_iter().enumerate().map(level).collect()
}

fn some(values: impl IntoIterator<Item = f64>) -> Vec<Option<f64>> {
    values.into_iter().map(Some).collect()
}

fn covariate(measure: Measure, reach: Reach, values: &[Option<f64>]) -> Covariate {
    Covariate::hourly("column", measure, reach, start(), values)
}

fn history(values: &[Option<f64>], covariates: Vec<Covariate>) -> History {
    History::hourly("DE".into(), Signal::Lifecycle, start(), values).with_covariates(covariates)
}

fn forecast(history: &History, at: Timestamp) -> Forecast {
    Forecaster::fit(history, at, Settings::validated(AHEAD, &PRIOR)).expect("enough is known").forecast()
}

/// Mean |ln(p50 ÷ actual)| over some hours ahead.
fn error(forecast: &Forecast, actual: &[Option<f64>], from: usize, leads: std::ops::Range<usize>) -> f64 {
    let count = leads.len() as f64;
    let one = |lead: usize| (forecast.points[lead].p50_g_per_kwh / actual[from + lead].expect("by formula")).ln().abs();
    leads.map(one).sum::<f64>() / count
}

#[test]
fn weather_that_drives_the_grid_has_a_say_and_makes_the_forecast_better() {
    let values = intensity(1);
    let without = history(&values[..HOURS], Vec::new());
    let with = history(&values[..HOURS], vec![covariate(Measure::WindSpeed, Reach::Whole, &some(wind(1)))]);
    let (one, other) = (forecast(&without, after(HOURS)), forecast(&with, after(HOURS)));
    assert_eq!((one.covariates_used.as_slice(), other.covariates_used.as_slice()), ([].as_slice(), [0].as_slice()));
    let (blind, seeing) = (error(&one, &values, HOURS, 0..AHEAD), error(&other, &values, HOURS, 0..AHEAD));
    assert!(seeing < 0.5 * blind, "{seeing} against {blind}");
    for point in &other.points {
        assert!(point.p5_g_per_kwh <= point.p50_g_per_kwh && point.p50_g_per_kwh <= point.p95_g_per_kwh);
    }
    let wide = |forecast: &Forecast| -> f64 {
        forecast.points.iter().map(|point| (point.p95_g_per_kwh / point.p5_g_per_kwh).ln()).sum()
    };
    assert!(wide(&other) < 0.7 * wide(&one), "bands are as narrow as what is known makes them");
}

#[test]
fn noise_has_no_say_and_changes_nothing() {
    let values = intensity(2);
    let noise = some((0..HOURS + AHEAD).map(|hour| 20.0 * hash(77, hour)));
    let without = history(&values[..HOURS], Vec::new());
    for measure in [Measure::Temperature, Measure::Price, Measure::LoadForecast] {
        let with = history(&values[..HOURS], vec![covariate(measure, Reach::Whole, &noise)]);
        assert_eq!(forecast(&with, after(HOURS)), forecast(&without, after(HOURS)), "{measure:?}");
    }
}

#[test]
fn what_could_not_be_known_at_the_issue_changes_nothing() {
    let now = HOURS - 300;
    let values = intensity(3);
    let mut worse = values.clone();
    worse[now..].iter_mut().for_each(|value| *value = Some(4000.0));
    let central = Reach::DayAhead { utc_offset_hours: Some(1) };
    let unknown = Reach::DayAhead { utc_offset_hours: None };
    for (measure, reach) in [
        (Measure::Price, central),
        (Measure::Price, unknown),
        (Measure::WindForecast, central),
        (Measure::Load, Reach::Past),
    ] {
        let known = some(wind(3));
        let given =
            |values: &[Option<f64>], beside: &[Option<f64>]| history(values, vec![covariate(measure, reach, beside)]);
        let ours = forecast(&given(&values, &known), after(now));
        // Every value that was not known yet is altered, or taken away.
        let until = covariate(measure, reach, &known).known_until(after(now)).expect("known");
        let first = until.duration_since(start()).as_hours() as usize;
        assert!(first >= now && first < now + 48, "{measure:?} {reach:?}");
        for altered in [Some(-500.0), Some(f64::NAN), None] {
            let mut other = known.clone();
            other[first..].iter_mut().for_each(|value| *value = altered);
            assert_eq!(ours, forecast(&given(&worse, &other), after(now)), "{measure:?} {reach:?} {altered:?}");
            assert_eq!(ours, forecast(&given(&values[..now], &other[..first]), after(now)), "{measure:?} {reach:?}");
        }
        // The last value that was known does tell something, where it tells at all.
        let mut other = known.clone();
        other[first - 1] = Some(60.0);
        let has_say = !ours.covariates_used.is_empty();
        assert_eq!(ours != forecast(&given(&values, &other), after(now)), has_say, "{measure:?} {reach:?}");
        assert!(has_say || reach != central, "{measure:?}: what tells of tomorrow has a say");
    }
}

#[test]
fn each_forecast_of_a_back_test_reads_prices_as_they_were_known() {
    let values = intensity(4);
    let origins = Window::new(after(6000), after(6480)).expect("forwards");
    let reach = Reach::DayAhead { utc_offset_hours: Some(-8) };
    let issued = |values: &[Option<f64>], beside: &[Option<f64>]| -> Vec<Forecast> {
        let history = history(values, vec![covariate(Measure::Price, reach, beside)]);
        let every = SignedDuration::from_hours(24);
        let settings = Settings::validated(AHEAD, &PRIOR);
        let test = backtest(&history, origins, every, settings, || SignedDuration::ZERO).expect("known");
        test.judged.into_iter().map(|judged| judged.forecast).collect()
    };
    let known = some(wind(4));
    let ours = issued(&values, &known);
    assert!(ours.iter().any(|forecast| !forecast.covariates_used.is_empty()));
    // From 16 h local time at the issue on: until 7 UTC of the day after the next midnight.
    let cut = 6240;
    let (mut worse, mut other) = (values.clone(), known);
    worse[cut..].iter_mut().for_each(|value| *value = Some(1.0));
    other[cut + 31..].iter_mut().for_each(|value| *value = Some(1e6));
    let theirs = issued(&worse, &other);
    let days = (cut - 6000) / 24 + 1;
    assert_eq!(ours[..days], theirs[..days]);
    assert_ne!(ours[days + 2..], theirs[days + 2..]);
}

#[test]
fn a_gap_is_no_value_and_a_column_that_ends_at_the_issue_has_no_say() {
    let values = intensity(5);
    let whole = some(wind(5));
    let ended = history(&values[..HOURS], vec![covariate(Measure::WindSpeed, Reach::Whole, &whole[..HOURS])]);
    assert_eq!(forecast(&ended, after(HOURS)), forecast(&ended.clone().without(Family::Weather), after(HOURS)));
    let mut holes = whole.clone();
    holes[2000..2050].fill(None);
    holes[HOURS + 30] = None;
    holes[HOURS + 48..HOURS + 72].fill(None);
    let of = |beside: &[Option<f64>]| {
        forecast(&history(&values[..HOURS], vec![covariate(Measure::WindSpeed, Reach::Whole, beside)]), after(HOURS))
    };
    let (ours, gappy) = (of(&whole), of(&holes));
    assert_eq!(gappy.covariates_used, [0]);
    // The day without weather is told as well as the past alone tells it.
    let third = error(&gappy, &values, HOURS, 48..72);
    assert!(third.is_finite() && third < 0.5, "{third}");
    assert!((error(&gappy, &values, HOURS, 0..24) - error(&ours, &values, HOURS, 0..24)).abs() < 0.02);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn whatever_stands_beside_the_bands_are_in_order_and_the_same_gives_the_same(
        seed in 0_u64..1000, hours in 1100_usize..7000, holes in 0_usize..400, flat in any::<bool>(),
    ) {
        let values = intensity(seed);
        let mut price = some((0..HOURS).map(|hour| if flat { 0.0 } else { 1e4 * (hash(seed + 5, hour) - 0.3).powi(3) }));
        for hole in 0..holes {
            price[(hash(seed + 2, hole) * HOURS as f64) as usize] = None;
        }
        let beside = || vec![
            covariate(Measure::Price, Reach::DayAhead { utc_offset_hours: Some(9) }, &price),
            covariate(Measure::WindSpeed, Reach::Whole, &some(wind(seed))),
        ];
        let one = forecast(&history(&values[..hours], beside()), after(hours));
        for point in &one.points {
            prop_assert!(0.0 < point.p5_g_per_kwh && point.p5_g_per_kwh <= point.p50_g_per_kwh);
            prop_assert!(point.p50_g_per_kwh <= point.p95_g_per_kwh && point.p95_g_per_kwh.is_finite());
        }
        prop_assert_eq!(one, forecast(&history(&values[..hours], beside()), after(hours)));
    }
}
