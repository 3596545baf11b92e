//! Laws of archives: nothing is lost between journal and Parquet, and a sample takes three bytes.
//!
//! In: journals. Out: archives that hold the same, and their size.

use super::minutes::{MINUTE_US, MinutesReader, share};
use super::sample::Sampling;
use super::samples::SamplesReader;
use super::*;
use crate::fixture::node::Node;
use crate::fixture::{OwnTick, header, run_of, started};
use crate::header::{End, RunContext};
use crate::journal::Journal;
use crate::store::{FolderStore, LedgerStore, MemoryStore, Stored, StoredFile};
use crate::tally::{Sum, Tally};
use greenwich_core::reading::{MeterHeader, Tick, TickSink};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn journal(folder: &Path, header: &MeterHeader, ticks: impl IntoIterator<Item = OwnTick>) -> PathBuf {
    let mut journal = Journal::new(folder, RunContext { project: Some("p".into()), ..RunContext::default() });
    journal.begin(header).expect("a folder that can be written");
    for tick in ticks {
        journal.tick(Tick { at_ns: tick.at_ns, wall: tick.wall, spans: &tick.spans }).expect("a disk with space");
    }
    journal.finish(End { end: started(), exit_status: Some(0) }).expect("a disk with space")
}

fn stored(store: &Arc<dyn LedgerStore>, key: &str) -> StoredFile {
    let bytes = store.get(key, None).expect("it is there").len() as u64;
    StoredFile::new(store, Stored { key: key.to_owned(), bytes })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_archive_holds_what_the_journal_held(ticks in run_of(4, 300)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store: Arc<dyn LedgerStore> = Arc::new(MemoryStore::default());
        let header = header("run-1", 4);
        let closed = close(journal(folder.path(), &header, ticks.clone()), &store).expect("a whole journal");
        let mut sampling = Sampling::new(&header);
        let mut expected: Vec<Sample> = ticks
            .iter()
            .flat_map(|tick| sampling.of(Tick { at_ns: tick.at_ns, wall: tick.wall, spans: &tick.spans }))
            .collect();
        let mut found = Vec::new();
        SamplesReader::new(stored(&store, &closed.samples)).expect("an archive").for_each(|s| found.push(s)).expect("rows");
        expected.sort();
        found.sort();
        prop_assert_eq!(&found, &expected);
        let mut minutes = Tally::new(4);
        MinutesReader::new(stored(&store, &closed.minutes))
            .expect("an archive")
            .for_each(|device, method, _, sum| minutes.add(device, method, sum))
            .expect("rows");
        prop_assert!(minutes.iter().eq(closed.tally.iter()));
        prop_assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0, "journal and scratch are gone");
    }

    #[test]
    fn shares_sum_to_the_whole(start in -10_000_000_000i64..10_000_000_000, energy_uj in 0u64..1 << 50, more in 0u64..1 << 40, covered_us in 0u64..1 << 36) {
        let whole = Sum { energy_uj, most_uj: energy_uj + more, covered_us };
        let mut total = Sum::default();
        let mut before = i64::MIN;
        share(start, whole, MINUTE_US, |minute, sum| {
            assert!(minute > before && minute % MINUTE_US == 0 && sum.covered_us <= MINUTE_US as u64);
            before = minute;
            total.add(sum);
        });
        prop_assert_eq!(total, whole);
    }
}

fn hour(noise: f64) -> (usize, u64, u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store: Arc<dyn LedgerStore> = Arc::new(MemoryStore::default());
    let header = Node::header("hour", started(), 7_000_000_000);
    let mut node = Node::new(3, 1_000_000_000, noise);
    let ticks = (0..3600).map(|_| {
        let tick = node.tick(started());
        OwnTick { at_ns: tick.at_ns, wall: tick.wall, spans: tick.spans.to_vec() }
    });
    let path = journal(folder.path(), &header, ticks);
    let in_journal = fs::metadata(&path).expect("it is there").len();
    let closed = close(path, &store).expect("a whole journal");
    let length = |key: &str| store.get(key, None).expect("it is there").len() as u64;
    eprintln!("noise {noise}: journal {in_journal} B, minutes {} B", length(&closed.minutes));
    (3600 * 12, length(&closed.samples), length(&closed.minutes))
}

#[test]
fn an_hour_of_a_node_takes_three_bytes_a_sample() {
    // Noise of 3 % is above what a second's energy of steady training shows; it is told and not held.
    for (noise, held) in [(0.003, true), (0.01, true), (0.03, false)] {
        let (samples, bytes, _) = hour(noise);
        let each = bytes as f64 / samples as f64;
        eprintln!("noise {noise}: {each:.3} bytes a sample");
        assert!(!held || each <= 3.0, "{each:.3} bytes a sample at {noise} noise");
    }
}

#[test]
fn a_step_of_the_clock_moves_the_stamps_and_not_the_energy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store: Arc<dyn LedgerStore> = Arc::new(MemoryStore::default());
    let header = Node::header("step", started(), 0);
    let mut node = Node::new(3, 1_000_000_000, 0.01);
    let ticks = (0..20).map(|number| {
        let tick = node.tick(started());
        let step = jiff::SignedDuration::from_secs(if number < 10 { 0 } else { -3600 });
        OwnTick { at_ns: tick.at_ns, wall: tick.wall + step, spans: tick.spans.to_vec() }
    });
    let closed = close(journal(folder.path(), &header, ticks), &store).expect("a whole journal");
    let mut steps = std::collections::BTreeMap::<i64, (u64, u64)>::new();
    let reader = SamplesReader::new(stored(&store, &closed.samples)).expect("an archive");
    reader
        .for_each(|sample| {
            let of = steps.entry(sample.clock_step_us).or_default();
            *of = (of.0 + 1, of.1 + sample.duration_us());
        })
        .expect("rows");
    assert_eq!(steps.keys().copied().collect::<Vec<_>>(), [-3_600_000_000, 0]);
    assert!(steps.values().all(|(rows, _)| *rows == 120));
    assert_eq!(closed.tally.last_us(), steps.values().map(|(_, us)| us / 12).sum::<u64>());
}

#[test]
fn closing_twice_ends_in_the_same_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store: Arc<dyn LedgerStore> = Arc::new(FolderStore::new(folder.path()));
    let open = folder.path().join("open");
    let header = Node::header("twice", started(), 0);
    let mut node = Node::new(3, 1_000_000_000, 0.01);
    let ticks: Vec<_> = (0..700)
        .map(|_| {
            let tick = node.tick(started());
            OwnTick { at_ns: tick.at_ns, wall: tick.wall, spans: tick.spans.to_vec() }
        })
        .collect();
    let path = journal(&open, &header, ticks);
    let kept = fs::read(&path).expect("it is there");
    let first = close(&path, &store).expect("a whole journal");
    let files =
        |store: &Arc<dyn LedgerStore>| ["samples", "minutes"].map(|folder| store.list(folder).expect("a folder"));
    let before = files(&store);
    // As if the machine had gone down before the journal was removed.
    fs::write(&path, kept).expect("a disk with space");
    assert_eq!(close(&path, &store).expect("again"), first);
    assert_eq!(files(&store), before);
    assert!(!path.exists());
}

#[test]
fn a_journal_that_is_being_written_is_not_closed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store: Arc<dyn LedgerStore> = Arc::new(MemoryStore::default());
    let mut journal = Journal::new(folder.path(), RunContext::default());
    journal.begin(&header("run-1", 2)).expect("a folder that can be written");
    let path = journal.path().expect("it has begun").to_owned();
    let error = close(&path, &store).expect_err("its writer lives").to_string();
    insta::assert_snapshot!(error, @"run `run-1` is still being written on `node-1`");
    drop(journal);
    assert_eq!(close(&path, &store).expect("left").tally.ticks(), 0);
}

#[test]
fn a_damaged_journal_is_closed_as_far_as_it_reads_and_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store: Arc<dyn LedgerStore> = Arc::new(MemoryStore::default());
    let mut node = Node::new(3, 1_000_000_000, 0.01);
    let header = Node::header("damaged", started(), 0);
    let ticks: Vec<_> = (0..50)
        .map(|_| {
            let tick = node.tick(started());
            OwnTick { at_ns: tick.at_ns, wall: tick.wall, spans: tick.spans.to_vec() }
        })
        .collect();
    let path = journal(folder.path(), &header, ticks);
    let mut bytes = fs::read(&path).expect("it is there");
    let middle = bytes.len() * 2 / 3;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("a disk with space");
    let closed = close(&path, &store).expect("its header is whole");
    assert_eq!((closed.about.lost_ticks, closed.damage.len()), (1, 1));
    assert!(!path.exists() && folder.path().read_dir().expect("it is there").count() == 1);
}
