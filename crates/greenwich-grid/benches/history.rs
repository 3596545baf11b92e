//! The promise of the history: a year of hours of one zone loads in under 2 ms.
//!
//! In: a year made by formula, in one block and as it grows day by day with revisions. Out: criterion's timings, which
//! `docs/performance.md` quotes. Nothing is asserted here.

use criterion::{Criterion, criterion_group, criterion_main};
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_grid::{Area, Block, Exchange, Quantity, State, consumption, decode, encode, first_line};
use jiff::{SignedDuration, Timestamp};
use std::hint::black_box;

const LIFECYCLE: Quantity = Quantity::Intensity(Signal::Lifecycle);
const HOURS: i64 = 8760;

fn start() -> Timestamp {
    "2025-01-01T00:00:00Z".parse().expect("a stamp")
}

fn value(hour: i64) -> f64 {
    (3000.0 + 1000.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin() + (hour * 7919 % 400) as f64).round() / 10.0
}

/// A year in blocks of `days`, each of which says the day before it again, revised.
fn year(days: i64, revised: bool) -> Vec<u8> {
    let zone = ZoneId::new("DE");
    let hour = SignedDuration::from_hours(1);
    let mut text = first_line(&zone);
    let mut from = 0;
    while from < HOURS {
        let to = (from + 24 * days).min(HOURS);
        let first = if revised { (from - 24).max(0) } else { from };
        let cells = (first..to).map(|hour| {
            let revision = if hour < from { 0.1 } else { 0.0 };
            Some((value(hour) + revision, if hour + 6 < to { State::Measured } else { State::Estimated }))
        });
        let at = |hours: i64| start() + SignedDuration::from_hours(hours);
        let block = Block::new(LIFECYCLE, "electricity-maps", at(to), at(first), hour, cells).expect("a block");
        text += &encode(&zone, &block);
        from = to;
    }
    text.into_bytes()
}

fn load(bytes: &[u8]) -> (Timestamp, Vec<Option<f64>>) {
    let decoded = decode(bytes).expect("a history");
    assert!(decoded.damage.is_empty(), "the year is sound");
    let window = Window::new(start(), start() + SignedDuration::from_hours(HOURS)).expect("forwards");
    let hour = SignedDuration::from_hours(1);
    decoded.history.means(&LIFECYCLE, "electricity-maps", window, hour, Timestamp::MAX)
}

fn history(criterion: &mut Criterion) {
    let (one, daily) = (year(400, false), year(1, true));
    criterion.bench_function("history/hourly-year/one-block", |bencher| bencher.iter(|| load(black_box(&one))));
    criterion.bench_function("history/hourly-year/daily-with-revisions", |bencher| {
        bencher.iter(|| load(black_box(&daily)));
    });
}

/// One hour of 66 areas in a ring with chords, as many as the United States have.
fn flow(criterion: &mut Criterion) {
    let name = |index: usize| ZoneId::new(format!("Z{index:02}"));
    let areas: Vec<Area> = (0..66)
        .map(|index| Area {
            zone: name(index),
            generation_mw: 500.0 + index as f64,
            g_per_kwh: Some(10.0 * index as f64),
        })
        .collect();
    let exchanges: Vec<Exchange> = (0..66)
        .flat_map(|from| [1, 7, 19].map(|hop| (from, (from + hop) % 66)))
        .map(|(from, to)| Exchange { from: name(from), to: name(to), mw: 20.0 + from as f64 })
        .collect();
    criterion.bench_function("flow/one-hour-x-66-areas", |bencher| {
        bencher.iter(|| consumption(black_box(&areas), black_box(&exchanges)));
    });
}

criterion_group!(benches, history, flow);
criterion_main!(benches);
