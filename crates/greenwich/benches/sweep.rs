//! What a sweep costs from job to answer: reckoned alone, and written as CSV and Parquet.
//!
//! In: a 7B model on six chips, 64 counts, two precisions, every region of the catalog. Out: criterion's timings on one
//! thread, which `docs/performance.md` quotes. Nothing is asserted here.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greenwich::sweep::{Axes, SweepOptions, sweep};
use greenwich::{Greenwich, job_file};
use std::num::NonZeroUsize;

fn sweeps(criterion: &mut Criterion) {
    let keys = [
        ("model.params", "7e9"),
        ("model.tokens", "1e12"),
        ("machine.accelerator", "a100-sxm4-80g"),
        ("machine.count", "64"),
    ];
    let keys: Vec<(String, String)> =
        keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let job = job_file::from_flags(&keys).expect("the flags are right");
    let axes = ["chip=v100-sxm2-32g,a100-sxm4-80g,h100-sxm5-80g,b200,tpu-v4,mi300x", "count=64..4096+64", "region=*"];
    let axes = Axes::read(&axes.map(str::to_owned)).expect("the axes are right");
    let greenwich = Greenwich::load();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |out: Option<&str>| {
        let options = SweepOptions { out: out.map(|name| folder.path().join(name)), threads: NonZeroUsize::new(1) };
        sweep(&greenwich, &job, &axes, &options).expect("it can be swept")
    };
    let combinations = run(None).json()["combinations"].as_u64().unwrap_or(0);
    let mut group = criterion.benchmark_group("sweep");
    group.throughput(Throughput::Elements(combinations)).sample_size(10);
    group.bench_function("answer", |bench| bench.iter(|| run(None)));
    group.bench_function("answer-and-csv", |bench| bench.iter(|| run(Some("sweep.csv"))));
    group.bench_function("answer-and-parquet", |bench| bench.iter(|| run(Some("sweep.parquet"))));
    group.finish();
}

criterion_group!(benches, sweeps);
criterion_main!(benches);
