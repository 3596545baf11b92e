//! The promise of sweeps: a million estimates and fifty thousand layouts a second on one core.
//!
//! In: Llama-2-7B's shape on 1,024 A100 for 2e12 tokens. Out: criterion's timings, which `docs/performance.md` quotes.
//! Nothing is asserted here.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{llama_7b, seven_b};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greenwich_core::quantity::{AverageIntensity, FlopRate, UsdPerAcceleratorHour};
use greenwich_core::range::Quantity;
use greenwich_estimate::layouts::{Wanted, quickest};
use greenwich_estimate::roofline::{Batch, PRODUCT_EFFICIENCY, Rates, Recompute, Scores, Sharing, held, step};
use greenwich_estimate::sweep::{Grid, Machine, Offer, Run};
use greenwich_estimate::{Figures, Inputs, LogNormal, Model, ModelCounts, Site, figures, run};
use std::hint::black_box;

/// The 5th, 50th and 95th percentile of everything that grows with the run.
fn percentiles(figures: &Figures) -> [[f64; 3]; 7] {
    fn of<Q: Quantity>(quantity: LogNormal<Q>) -> [f64; 3] {
        let range = quantity.range();
        [range.p5.base(), range.p50.base(), range.p95.base()]
    }
    let known = "the inputs name them all";
    [
        of(figures.hours),
        of(figures.it_energy),
        of(figures.facility_energy),
        of(figures.location_based.expect(known)),
        of(figures.embodied.expect(known)),
        of(figures.water.expect(known)),
        of(figures.cost.expect(known)),
    ]
}

/// Another setting each time, as a sweep has it.
fn next(inputs: &mut Inputs) {
    inputs.setting.count = inputs.setting.count % 4096 + 64;
    inputs.tokens = inputs.tokens.map(|tokens| tokens % 1e13 + 1e9);
}

fn estimates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("estimate");
    group.throughput(Throughput::Elements(1));
    let mut inputs = seven_b();
    group.bench_function("t0", |bench| {
        bench.iter(|| {
            next(&mut inputs);
            figures(black_box(&inputs)).expect("inputs that can be")
        });
    });
    group.bench_function("t0-with-percentiles", |bench| {
        bench.iter(|| {
            next(&mut inputs);
            percentiles(&figures(black_box(&inputs)).expect("inputs that can be"))
        });
    });
    group.bench_function("t0-with-words", |bench| {
        bench.iter(|| {
            next(&mut inputs);
            run(black_box(&inputs)).expect("inputs that can be")
        });
    });
    let config = llama_7b();
    group.bench_function("config", |bench| {
        bench.iter(|| ModelCounts::from_config(black_box(&config)).expect("a config that we read"));
    });
    group.finish();
}

/// Four machines, sixteen counts, thirty-two places: every figure with its percentiles, as a sweep writes them.
fn sweeps(criterion: &mut Criterion) {
    let machine = |tflops: f64| {
        let inputs = Inputs { peak: Some(FlopRate::from_tflops(tflops)), ..seven_b() };
        let Inputs { given, utilisation, power, .. } = inputs;
        let runs = (1..=16)
            .map(|step| Run {
                count: 64 * step,
                given,
                utilisation,
                power,
                load: None,
                sharing: None,
                short_of_gb: None,
            })
            .collect();
        Machine { inputs, runs }
    };
    let place = |g_per_kwh: f64| {
        let location_based = Some(LogNormal::new(AverageIntensity::from_g_per_kwh(g_per_kwh), 0.1));
        Site { location_based, price: None, ..seven_b().site }
    };
    let machines = [125.0, 312.0, 989.0, 2250.0].map(machine).to_vec();
    let grid = Grid::new(machines, (1..=32).map(|step| place(20.0 * f64::from(step))).collect(), |machine, place| {
        let usd = 1.0 + machine as f64 + 0.01 * place as f64;
        Some(Offer { price: Some(LogNormal::new(UsdPerAcceleratorHour::from_usd_per_hour(usd), 0.1)) })
    });
    let mut group = criterion.benchmark_group("sweep");
    group.throughput(Throughput::Elements(grid.len()));
    group.bench_function("t0-with-percentiles", |bench| {
        bench.iter(|| {
            let mut sum = 0.0;
            black_box(&grid).visit(0..grid.len(), |_, outcome| {
                let found = percentiles(&outcome.expect("all of them can run"));
                sum += found.iter().flatten().sum::<f64>();
            });
            sum
        });
    });
    group.finish();
}

/// Time and memory of one layout of a 7B model on 512 chips, as a search over layouts asks for them.
fn layouts(criterion: &mut Criterion) {
    let model = ModelCounts::from_config(&llama_7b()).expect("a config that we read");
    let rates = Rates::dgx_a100();
    let batch = Batch { sequences: 1024, seq_len: 4096, scores: Scores::Fused };
    let mut sharing = Sharing {
        tensor: 2,
        pipeline: 4,
        data: 64,
        context: 1,
        expert: 1,
        micro_batch: 1,
        interleave: 1,
        zero: 1,
        recompute: Recompute::Nothing,
    };
    let mut group = criterion.benchmark_group("layout");
    group.throughput(Throughput::Elements(1));
    group.bench_function("step-and-memory", |bench| {
        bench.iter(|| {
            sharing.micro_batch = if sharing.micro_batch == 4 { 1 } else { 2 * sharing.micro_batch };
            let sharing = black_box(&sharing);
            (step(&model, &rates, &batch, sharing, PRODUCT_EFFICIENCY), held(&model, &batch, sharing))
        });
    });
    // What the estimate of a whole run asks once: the quickest of all layouts.
    let (model, wanted) = (Model::Shape(model), Wanted::default());
    group.bench_function("quickest-of-all", |bench| {
        bench.iter(|| quickest(black_box(&model), &rates, 1024, 4096, Scores::Fused, &wanted));
    });
    group.finish();

    // The same on 512, in layouts a second: every one that divides is timed, those that fit are counted.
    let search = || quickest(black_box(&model), &rates, 512, 4096, Scores::Fused, &wanted);
    let found = search().map_or(0, |found| found.layouts);
    let mut group = criterion.benchmark_group("layout");
    group.throughput(Throughput::Elements(u64::from(found)));
    group.bench_function("search-of-512", |bench| bench.iter(search));
    group.finish();
}

criterion_group!(benches, estimates, sweeps, layouts);
criterion_main!(benches);
