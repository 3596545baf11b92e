//! Two promises of the forecaster: a fit in under 2 s and a forecast in under 1 ms, on two years of hours of one zone.
//!
//! In: two years made by formula, the same every time. Out: criterion's timings, which `docs/performance.md` quotes.
//! Nothing is asserted here.

use criterion::{Criterion, criterion_group, criterion_main};
use greenwich_core::Signal;
use greenwich_forecast::{Covariate, Forecaster, History, Measure, Prior, Reach, Settings};
use jiff::{SignedDuration, Timestamp};
use std::f64::consts::TAU;
use std::hint::black_box;

const HOURS: usize = 2 * 8760;

/// A number in 0..1 that looks random and is always the same.
fn hash(at: usize) -> f64 {
    let mut bits = at as u64;
    for _ in 0..3 {
        bits = (bits ^ (bits >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A level, a sun, a working week, a wind that lasts for days, and some noise.
fn two_years() -> History {
    let mut wind = 0.0;
    let values: Vec<Option<f64>> = (0..HOURS + 24)
        .map(|hour| {
            wind = 0.98 * wind + 0.2 * (hash(hour) - 0.5);
            let sun = 0.2 * (TAU * hour as f64 / 24.0).cos();
            let week = if hour / 24 % 7 < 2 { -0.1 } else { 0.0 };
            Some(350.0 * (1.0 + sun + week + 0.5 * wind + 0.05 * (hash(1_000_000 + hour) - 0.5)).max(0.1))
        })
        .collect();
    let start: Timestamp = "2022-01-01T00:00:00Z".parse().expect("a stamp");
    History::hourly("by formula".into(), Signal::Lifecycle, start, &values)
}

/// The same with all of the weather and a price, each of which tells something of the intensity.
fn with_weather_and_price(history: History) -> History {
    let start = history.start();
    let intensity =
        |hour: usize| history.at_g_per_kwh(start + SignedDuration::from_hours(hour as i64)).unwrap_or(350.0);
    let covariate = |(seed, measure): (usize, Measure)| {
        let reach = match measure {
            Measure::Price => Reach::DayAhead { utc_offset_hours: Some(1) },
            _ => Reach::Whole,
        };
        let value = |hour: usize| Some(0.02 * intensity(hour) + 10.0 * hash(seed * 2_000_000 + hour));
        let values: Vec<Option<f64>> = (0..HOURS + 144).map(value).collect();
        Covariate::hourly("by formula", measure, reach, start, &values)
    };
    let measures = [Measure::Temperature, Measure::Humidity, Measure::WindSpeed, Measure::Irradiance, Measure::Price];
    let covariates = measures.into_iter().enumerate().map(covariate).collect();
    history.with_covariates(covariates)
}

fn forecast(criterion: &mut Criterion) {
    let history = two_years();
    let prior = Prior::shipped();
    let settings = Settings::validated(96, &prior);
    let day = SignedDuration::from_hours(24);
    let at = history.end() - day;
    let fitted = Forecaster::fit(&history, at, settings).expect("two years are known");
    let mut group = criterion.benchmark_group("forecast");
    group.sample_size(10);
    group.bench_function("fit/two-years-x-96-h", |bencher| {
        bencher.iter(|| Forecaster::fit(black_box(&history), at, settings));
    });
    group.bench_function("next-day/one-zone", |bencher| {
        bencher.iter_batched(
            || fitted.clone(),
            |mut forecaster| forecaster.advance(&history, at + day),
            criterion::BatchSize::LargeInput,
        );
    });
    group.bench_function("predict/one-zone-x-96-h", |bencher| bencher.iter(|| black_box(&fitted).forecast()));
    let beside = with_weather_and_price(history);
    let fitted = Forecaster::fit(&beside, at, settings).expect("two years are known");
    group.bench_function("fit/two-years-x-96-h-with-five-covariates", |bencher| {
        bencher.iter(|| Forecaster::fit(black_box(&beside), at, settings));
    });
    group.bench_function("predict/one-zone-x-96-h-with-five-covariates", |bencher| {
        bencher.iter(|| black_box(&fitted).forecast());
    });
    group.finish();
}

criterion_group!(benches, forecast);
criterion_main!(benches);
