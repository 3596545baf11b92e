//! Promises of the ledger: what a tick costs, and how fast a year is summed.
//!
//! The year (one 8-GPU node at 1 Hz, 12 devices, 52 weeks of a run each) is made once and kept below the target
//! folder; it takes about 1.1 GB.

#[path = "../src/fixture/node.rs"]
#[allow(dead_code, reason = "tests use the rest of it")]
mod node;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greenwich_core::reading::TickSink;
use greenwich_store::{End, Entry, Ledger, RunContext};
use jiff::{SignedDuration, Timestamp};
use node::Node;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::{env, fs, thread};

const WEEKS: i64 = 52;
const WEEK_S: i64 = 7 * 24 * 3600;

fn week(ledger: &Ledger, number: i64) {
    let first: Timestamp = "2025-01-01T00:00:00Z".parse().expect("a moment");
    let started = first + SignedDuration::from_secs(number * WEEK_S);
    let mut journal = ledger.journal(RunContext::default()).synced_every(SignedDuration::from_hours(1_000_000));
    journal.begin(&Node::header(&format!("week-{number:02}"), started, 0)).expect("a folder that can be written");
    let mut node = Node::new(number as u64, 1_000_000_000, 0.01);
    for _ in 0..WEEK_S {
        journal.tick(node.tick(started)).expect("a disk with space");
    }
    let end = End { end: started + SignedDuration::from_secs(WEEK_S), exit_status: Some(0) };
    let closed = ledger.close(journal.finish(end).expect("a disk with space")).expect("a whole journal");
    ledger.record(&Entry::of(&closed)).expect("a disk with space");
}

fn year() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("greenwich-year");
    if !folder.join("made").exists() {
        let _ = fs::remove_dir_all(&folder);
        let (ledger, next) = (Ledger::at(&folder), AtomicI64::new(0));
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= WEEKS {
                            break;
                        }
                        week(&ledger, number);
                    }
                });
            }
        });
        fs::write(folder.join("made"), "").expect("a disk with space");
    }
    folder
}

fn append(criterion: &mut Criterion) {
    let started: Timestamp = "2026-03-01T00:00:00Z".parse().expect("a moment");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("ledger");
    for (name, every) in [("append-a-tick-of-12-devices", 1_000_000), ("append-and-force-to-disk", 0)] {
        let ledger = Ledger::at(folder.path());
        let mut journal = ledger.journal(RunContext::default()).synced_every(SignedDuration::from_hours(every));
        journal.begin(&Node::header("bench", started, 0)).expect("a folder that can be written");
        let mut node = Node::new(1, 1_000_000_000, 0.01);
        let tick = node.tick(started);
        group
            .bench_function(name, |bencher| bencher.iter(|| journal.tick(black_box(tick)).expect("a disk with space")));
        fs::remove_file(journal.path().expect("it has begun")).expect("it is ours");
    }
    group.finish();
}

fn close(criterion: &mut Criterion) {
    let started: Timestamp = "2026-03-01T00:00:00Z".parse().expect("a moment");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("ledger");
    group.sample_size(10).throughput(Throughput::Elements(3600 * 12));
    let journal = || {
        let ledger = Ledger::at(folder.path());
        let mut journal = ledger.journal(RunContext::default());
        journal.begin(&Node::header("bench", started, 0)).expect("a folder that can be written");
        let mut node = Node::new(1, 1_000_000_000, 0.01);
        for _ in 0..3600 {
            journal.tick(node.tick(started)).expect("a disk with space");
        }
        (ledger, journal.finish(End { end: started, exit_status: Some(0) }).expect("a disk with space"))
    };
    group.bench_function("close-an-hour-of-12-devices", |bencher| {
        bencher.iter_batched(
            journal,
            |(ledger, path)| ledger.close(path).expect("a whole journal"),
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn sum(criterion: &mut Criterion) {
    if env::args().any(|argument| argument == "--test") {
        eprintln!("the year is not made in a test of the benches");
        return;
    }
    if !(env::args().any(|argument| argument.contains("year")) || env::args().len() < 3) {
        return;
    }
    let ledger = Ledger::at(year());
    let mut group = criterion.benchmark_group("ledger");
    group.sample_size(10);
    group.bench_function("year-by-run-and-hour-from-minutes", |bencher| {
        bencher.iter(|| ledger.hours(None).expect("a ledger").len());
    });
    group.bench_function("year-by-run-and-hour-from-samples", |bencher| {
        bencher.iter(|| ledger.hours_from_samples(None).expect("a ledger").len());
    });
    group.bench_function("year-of-entries-listed", |bencher| {
        bencher.iter(|| ledger.entries().expect("a ledger").entries.len());
    });
    group.finish();
}

criterion_group!(benches, append, close, sum);
criterion_main!(benches);
