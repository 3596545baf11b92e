//! What holds of any forecast, whatever the zone.
//!
//! In: histories made by formula and by chance. Out: the laws: nothing of the future is read, bands are in order, a unit is
//! only a unit, what does not vary is foretold as it is, what repeats is learnt, a gap is no value, the same
//! gives the same, and the rung that answered is said.

use greenwich_core::{Signal, TypicalProfile, Window};
use greenwich_forecast::{Forecast, ForecastError, Forecaster, History, Naive, Prior, Rung, Settings, backtest};
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::f64::consts::TAU;
use std::sync::LazyLock;

const START: &str = "2022-01-03T00:00:00Z"; // A Monday.
static PRIOR: LazyLock<Prior> = LazyLock::new(Prior::shipped);

fn start() -> Timestamp {
    START.parse().expect("a stamp")
}

fn after(hours: i64) -> Timestamp {
    start() + SignedDuration::from_hours(hours)
}

fn history(values: &[Option<f64>]) -> History {
    History::hourly("FR".into(), Signal::Lifecycle, start(), values)
}

fn forecast(history: &History, at: Timestamp, hours: usize) -> Forecast {
    Forecaster::fit(history, at, Settings::validated(hours, &PRIOR)).expect("enough is known").forecast()
}

/// A number in 0..1 that looks random and is always the same.
fn hash(seed: u64, at: usize) -> f64 {
    let mut bits = seed << 40 | at as u64;
    for _ in 0..3 {
        bits = (bits ^ (bits >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A grid with a sun, a working week, a wind that lasts for days, and noise.
fn grid(seed: u64, hours: usize) -> Vec<Option<f64>> {
    let mut wind = 0.0;
    (0..hours)
        .map(|hour| {
            wind = 0.98 * wind + 0.2 * (hash(seed, hour) - 0.5);
            let sun = 0.2 * (TAU * hour as f64 / 24.0).cos();
            let week = if hour / 24 % 7 > 4 { -0.1 } else { 0.0 };
            let noise = 0.05 * (hash(seed + 1, hour) - 0.5);
            Some(350.0 * (1.0 + sun + week + 0.5 * wind + noise).max(0.05))
        })
        .collect()
}

fn medians(forecast: &Forecast) -> Vec<f64> {
    forecast.points.iter().map(|point| point.p50_g_per_kwh).collect()
}

#[test]
fn a_changed_future_changes_nothing() {
    for hours in [30, 200, 900, 2400, 6000] {
        let now = hours - 10;
        let one = grid(1, hours);
        let mut other = one.clone();
        other.truncate(now);
        other.extend((0..200).map(|hour| (hour % 3 > 0).then_some(9000.0 * hash(9, hour))));
        let at = after(now as i64);
        let ours = forecast(&history(&one), at, 96);
        assert_eq!(ours, forecast(&history(&other), at, 96), "{hours} h");
        assert_eq!(ours, forecast(&history(&one[..now]), at, 96), "{hours} h");
        assert_eq!(ours.issued, ours.points[0].start);
    }
}

#[test]
fn a_forecaster_that_goes_on_reads_no_future_either() {
    let now = 3000;
    let one = grid(2, now + 240);
    let mut other = one.clone();
    other[now + 72..].iter_mut().for_each(|value| *value = Some(1.0));
    let went_on = |values: &[Option<f64>]| {
        let history = history(values);
        let settings = Settings::validated(96, &PRIOR);
        let mut forecaster = Forecaster::fit(&history, after(now as i64), settings).expect("known");
        assert!(forecaster.advance(&history, after(now as i64 + 72)));
        forecaster.forecast()
    };
    assert_eq!(went_on(&one), went_on(&other));
    assert_eq!(went_on(&one).issued, after(now as i64 + 72));
}

#[test]
fn each_forecast_of_a_back_test_ignores_what_came_after_it() {
    let one = grid(3, 2600);
    let mut other = one.clone();
    other[2400..].iter_mut().for_each(|value| *value = Some(5.0));
    let issued = |values: &[Option<f64>]| {
        let origins = Window::new(after(2100), after(2500)).expect("forwards");
        let every = SignedDuration::from_hours(12);
        let settings = Settings::validated(48, &PRIOR);
        let test = backtest(&history(values), origins, every, settings, || SignedDuration::ZERO).expect("known");
        test.judged
            .into_iter()
            .map(|judged| judged.forecast)
            .filter(|forecast| forecast.issued <= after(2400))
            .collect::<Vec<_>>()
    };
    let issued_before = issued(&one);
    assert_eq!(issued_before.len(), 26);
    assert_eq!(issued_before, issued(&other));
}

#[test]
fn a_forecast_within_the_hour_begins_with_that_hour_and_does_not_know_it() {
    let mut values = grid(4, 1000);
    let at = after(900) + SignedDuration::from_mins(20);
    let before = forecast(&history(&values), at, 24);
    assert_eq!(before.points[0].start, after(900));
    values[900] = Some(1.0);
    assert_eq!(before, forecast(&history(&values), at, 24));
}

#[test]
fn what_does_not_vary_is_foretold_as_it_is() {
    for hours in [48, 400, 3000, 9000] {
        let known = vec![Some(435.0); hours];
        for point in forecast(&history(&known), after(hours as i64), 96).points {
            for value in [point.p5_g_per_kwh, point.p50_g_per_kwh, point.p95_g_per_kwh] {
                assert!((value - 435.0).abs() < 1e-6, "{hours} h: {value}");
            }
        }
    }
}

#[test]
fn a_weekly_pattern_is_learnt() {
    let pattern =
        |hour: usize| 300.0 + 80.0 * (TAU * hour as f64 / 24.0).sin() - 70.0 * f64::from(u8::from(hour / 24 % 7 > 4));
    let known: Vec<Option<f64>> = (0..4000).map(|hour| Some(pattern(hour))).collect();
    let foretold = forecast(&history(&known), after(4000), 168);
    assert!(foretold.rung >= Rung::Ridge);
    let errors: Vec<f64> =
        medians(&foretold).iter().enumerate().map(|(lead, value)| (value / pattern(4000 + lead) - 1.0).abs()).collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(mean < 0.03, "mean error {mean}");
}

#[test]
fn a_level_that_shifts_is_followed_within_a_week() {
    let mut known = grid(5, 6000);
    known[5800..].iter_mut().for_each(|value| *value = value.map(|value| 2.5 * value));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let last: Vec<f64> = known[5832..].iter().map(|value| value.expect("known")).collect();
    let foretold = mean(&medians(&forecast(&history(&known), after(6000), 96)));
    assert!((foretold / mean(&last) - 1.0).abs() < 0.25, "{foretold} after {}", mean(&last));
}

#[test]
fn gaps_are_told_and_not_taken_for_values() {
    let whole = grid(6, 5000);
    let mut holes = whole.clone();
    holes[1000..1012].fill(None);
    holes[2000..2400].fill(None);
    holes[4994..].fill(None);
    let (one, other) = (forecast(&history(&whole), after(5000), 96), forecast(&history(&holes), after(5000), 96));
    assert_eq!((other.stale_hours, other.known_hours, other.rung), (6, 5000 - 418, Rung::Ridge));
    for (one, other) in medians(&one).iter().zip(medians(&other)) {
        assert!((other / one - 1.0).abs() < 0.35, "{other} against {one}");
    }
}

#[test]
fn nonsense_is_no_value() {
    let sane = grid(7, 3000);
    let mut nonsense = sane.clone();
    let mut gaps = sane;
    for (at, value) in [(500, -40.0), (1500, f64::INFINITY), (2500, 1e12), (2990, f64::NAN)] {
        nonsense[at] = Some(value);
        gaps[at] = None;
    }
    assert_eq!(forecast(&history(&nonsense), after(3000), 96), forecast(&history(&gaps), after(3000), 96));
    assert_eq!(history(&nonsense).refused(), 4);
}

#[test]
fn the_rung_falls_with_what_is_known() {
    let values = grid(8, 9000);
    let rungs: Vec<String> = [10, 30, 200, 900, 1100, 9000]
        .iter()
        .map(|hours| format!("{hours} h {}", forecast(&history(&values[..*hours]), after(*hours as i64), 96).rung))
        .collect();
    assert_snapshot!(rungs.join(", "), @"10 h last-level, 30 h last-day, 200 h pooled, 900 h pooled, 1100 h ridge, 9000 h ridge");
}

#[test]
fn without_history_a_typical_year_answers_or_the_mend_is_told() {
    let nothing = history(&[None; 48]);
    let typical = TypicalProfile {
        zone: "FR".into(),
        signal: Signal::Lifecycle,
        from_year: 2022,
        to_year: 2022,
        source: "made".into(),
        attribution: String::new(),
        g_per_kwh: [[60.0; 24]; 12],
    };
    let settings = Settings::validated(24, &PRIOR);
    let with = Settings { typical: Some(&typical), ..settings };
    let forecast = Forecaster::fit(&nothing, after(48), with).expect("a typical year").forecast();
    assert_eq!((forecast.rung, forecast.points.len(), forecast.points[5].p50_g_per_kwh), (Rung::Typical, 24, 60.0));
    let refusal = Forecaster::fit(&nothing, after(48), settings).expect_err("nothing is known");
    assert_snapshot!(refusal, @"nothing is known of zone `FR` before 2022-01-05T00:00:00Z");
    let refusal = Forecaster::fit(&nothing, after(48), Settings::validated(169, &PRIOR)).expect_err("too long");
    assert_eq!(refusal, ForecastError::Horizon { hours: 169, most: 168 });
}

#[test]
fn a_history_that_ended_long_ago_is_not_gone_on_from() {
    let values = grid(9, 3000);
    assert_eq!(forecast(&history(&values), after(3000 + 150), 24).rung, Rung::LastLevel);
    let settings = Settings::validated(24, &PRIOR);
    let history = history(&values);
    let mut forecaster = Forecaster::fit(&history, after(3000), settings).expect("known");
    assert!(!forecaster.advance(&history, after(3000 + 240)), "ten days without a value");
    assert!(!forecaster.advance(&history, after(3001)), "another hour of the day");
    assert_eq!(forecaster.at(), after(3000));
}

#[test]
fn a_back_test_scores_itself_and_its_yardsticks() {
    let values = grid(10, 3000);
    let history = history(&values);
    let origins = Window::new(after(2400), after(2880)).expect("forwards");
    let mut ticks = 0;
    let clock = || {
        ticks += 1;
        SignedDuration::from_millis(ticks)
    };
    let day = SignedDuration::from_hours(24);
    let test = backtest(&history, origins, day, Settings::validated(96, &PRIOR), clock).expect("known");
    let score = test.score();
    let by_day: Vec<f64> = score.mape_by_day.iter().map(|day| day.expect("judged")).collect();
    let mape = score.mape.expect("judged");
    assert_eq!((test.judged.len(), by_day.len()), (20, 4));
    assert!((by_day.iter().sum::<f64>() / 4.0 - mape).abs() < 1e-12, "every day has its hours");
    assert!(mape < test.yardstick(&history, Naive::LastDay).mape.expect("judged"));
    assert_eq!((test.slowest_fit, test.mean_predict), (SignedDuration::from_millis(1), SignedDuration::from_millis(1)));
    let late = Window::new(after(4000), after(4100)).expect("forwards");
    let refusal = backtest(&history, late, day, Settings::validated(96, &PRIOR), || SignedDuration::ZERO);
    assert_snapshot!(refusal.expect_err("after the end"), @"no forecast of zone `FR` from 2022-06-18T16:00:00Z to 2022-06-22T20:00:00Z has an hour to be judged by");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn bands_are_in_order_and_the_same_history_gives_the_same_bits(seed in 0_u64..1000, hours in 24_usize..2500, holes in 0_usize..60) {
        let mut values = grid(seed, hours);
        for hole in 0..holes {
            values[(hash(seed + 2, hole) * hours as f64) as usize] = None;
        }
        let history = history(&values);
        if let Ok(forecaster) = Forecaster::fit(&history, after(hours as i64), Settings::validated(96, &PRIOR)) {
            let one = forecaster.forecast();
            for point in &one.points {
                prop_assert!(0.0 < point.p5_g_per_kwh && point.p5_g_per_kwh <= point.p50_g_per_kwh);
                prop_assert!(point.p50_g_per_kwh <= point.p95_g_per_kwh && point.p95_g_per_kwh.is_finite());
            }
            prop_assert_eq!(one, forecast(&history, after(hours as i64), 96));
        }
    }

    #[test]
    // Factors that keep every hour below what counts as nonsense.
    fn another_unit_scales_the_forecast_and_nothing_else(seed in 0_u64..1000, factor in 0.05_f64..4.0) {
        let hours = 1500;
        let values = grid(seed, hours);
        let scaled: Vec<Option<f64>> = values.iter().map(|value| value.map(|value| factor * value)).collect();
        let (one, other) = (forecast(&history(&values), after(hours as i64), 96), forecast(&history(&scaled), after(hours as i64), 96));
        for (one, other) in one.points.iter().zip(&other.points) {
            for (one, other) in [
                (one.p5_g_per_kwh, other.p5_g_per_kwh),
                (one.p50_g_per_kwh, other.p50_g_per_kwh),
                (one.p95_g_per_kwh, other.p95_g_per_kwh),
            ] {
                prop_assert!((other / (factor * one) - 1.0).abs() < 1e-6, "{one} {other}");
            }
        }
    }
}
