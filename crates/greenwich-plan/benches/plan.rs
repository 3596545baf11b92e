//! The planner's promise: a month at hourly steps × 150 regions × 5 accelerators in under 0.3 s.
//!
//! In: requests made by formula, the same every time. Out: criterion's timings, which
//! `docs/performance.md` quotes. Nothing is asserted here.

use criterion::{Criterion, criterion_group, criterion_main};
use greenwich_core::plan::{Candidate, PauseCost, Request};
use greenwich_core::quantity::{FacilityEnergy, Hours, Power, Usd};
use greenwich_core::{IntensitySeries, Provenance, Signal, Window};
use jiff::{SignedDuration, Timestamp};
use std::f64::consts::TAU;
use std::hint::black_box;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A number in 0..1 that looks random and is always the same.
fn hash(region: usize, hour: usize) -> f64 {
    let mut bits = (region as u64) << 32 | hour as u64;
    for _ in 0..3 {
        bits = (bits ^ (bits >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Hourly intensity of one region: a level, a sun, a wind that lasts for days, and some noise.
fn intensity(region: usize, hours: usize) -> Vec<f64> {
    let level = 40.0 + 5.0 * region as f64;
    let (sun, wind) = (0.3 * hash(region, 1), 0.5 * hash(region, 2));
    let mut weather = 0.0;
    (0..hours)
        .map(|hour| {
            weather = 0.97 * weather + 0.06 * (hash(region, 100 + hour) - 0.5);
            let day = -(TAU * (hour as f64 / 24.0 + hash(region, 3))).cos();
            let noise = 0.02 * (hash(region, 1_000_000 + hour) - 0.5);
            level * (1.0 + sun * day + wind * weather * 4.0 + noise).max(0.05)
        })
        .collect()
}

/// A typical profile: the same day again and again, rounded, and so full of ties.
fn typical(region: usize, hours: usize) -> Vec<f64> {
    let of = |hour: usize| (100.0 + 300.0 * hash(region, hour / 730 * 24 + hour % 24)).round();
    (0..hours).map(of).collect()
}

/// The first `machines` of 5 accelerators in each of `regions`, whose work takes `least_h` to six times that.
fn request(
    (hours, regions, machines): (usize, usize, usize),
    shape: fn(usize, usize) -> Vec<f64>,
    least_h: f64,
    pauses: Option<PauseCost>,
) -> Request {
    let start: Timestamp = "2026-01-05T00:00:00Z".parse().expect("a stamp");
    let series: Vec<IntensitySeries> = (0..regions)
        .map(|region| {
            let provenance = Provenance::Replayed { file: "by formula".into() };
            let zone = format!("zone {region:03}").as_str().into();
            IntensitySeries::new(zone, Signal::Lifecycle, provenance, start, HOUR, shape(region, hours))
        })
        .collect();
    let known = [
        ("v100", 6.0, 1.9, 0.9),
        ("a100", 2.7, 2.4, 1.6),
        ("h100", 1.3, 3.7, 3.1),
        ("tpu", 2.1, 1.5, 1.3),
        ("b200", 1.0, 4.9, 5.2),
    ];
    let candidates: Vec<Candidate> = (0..regions)
        .flat_map(|region| known[..machines].iter().map(move |machine| (region, *machine)))
        .map(|(region, (name, slowness, kw, usd))| Candidate {
            region: format!("region {region:03}").as_str().into(),
            zone: series[region].zone.clone(),
            accelerator: name.into(),
            count: 64,
            series: region,
            work: Hours::from_hours(least_h * slowness),
            facility_power: Power::from_kw(64.0 * kw * (1.1 + 0.4 * hash(region, 5))),
            pue: None,
            usd_per_hour: (region % 7 != 0).then(|| Usd::from_usd(64.0 * usd * (0.8 + 0.4 * hash(region, 6)))),
            transfer: FacilityEnergy::from_kwh(if region == regions / 3 { 0.0 } else { 720.0 }),
            transfer_g_per_kwh: 350.0,
        })
        .collect();
    let window = Window::new(start, start + HOUR * i32::try_from(hours).expect("a year at most")).expect("forwards");
    Request {
        window,
        pauses,
        baseline: candidates[regions / 3 * machines + 1].clone(),
        candidates,
        series,
        pue: Vec::new(),
    }
}

/// Five minutes to write the checkpoint, ten to come back.
fn a_quarter_hour() -> PauseCost {
    PauseCost { checkpoint: Hours::from_hours(5.0 / 60.0), restart: Hours::from_hours(10.0 / 60.0) }
}

fn plan(c: &mut Criterion) {
    let (month, year, six_weeks) = ((720, 150, 5), (8760, 150, 5), (1104, 60, 2));
    let pauses = Some(a_quarter_hour());
    let cases = [
        ("plan/month-hourly-x-150-regions-x-5-accelerators/whole", request(month, intensity, 61.7, None)),
        ("plan/month-hourly-x-150-regions-x-5-accelerators/interruptible", request(month, intensity, 61.7, pauses)),
        ("plan/month-typical-x-150-regions-x-5-accelerators/interruptible", request(month, typical, 61.7, pauses)),
        (
            "plan/six-weeks-hourly-x-60-regions-x-2-accelerators/interruptible",
            request(six_weeks, intensity, 120.4, pauses),
        ),
        (
            "plan/six-weeks-typical-x-60-regions-x-2-accelerators/interruptible",
            request(six_weeks, typical, 120.4, pauses),
        ),
        ("plan/year-hourly-x-150-regions-x-5-accelerators/whole", request(year, intensity, 400.3, None)),
        ("plan/year-hourly-x-150-regions-x-5-accelerators/interruptible", request(year, intensity, 400.3, pauses)),
        ("plan/year-typical-x-150-regions-x-5-accelerators/interruptible", request(year, typical, 400.3, pauses)),
    ];
    for (promise, request) in cases {
        c.bench_function(promise, |b| b.iter(|| greenwich_plan::plan(black_box(&request)).expect("feasible")));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = plan
}
criterion_main!(benches);
