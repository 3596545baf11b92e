//! Files of every version ever written, and that they are still read.
//!
//! In: `tests/formats/`, made once by `a_new_version_is_written` when its format was new and never made again.
//! Out: the sums that were in them on that day.

use super::samples::SamplesReader;
use super::{MinutesReader, close};
use crate::fixture::node::Node;
use crate::fixture::started;
use crate::header::{End, RunContext};
use crate::journal::{Journal, JournalFile};
use crate::store::{FolderStore, LedgerStore};
use crate::tally::Tally;
use bytes::Bytes;
use greenwich_core::reading::{Method, TickSink};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

const JOURNAL_1: &[u8] = include_bytes!("../../tests/formats/journal-1.journal");
const SAMPLES_1: &[u8] = include_bytes!("../../tests/formats/samples-1.parquet");
const MINUTES_1: &[u8] = include_bytes!("../../tests/formats/minutes-1.parquet");

/// GPU 0, package 0, memory 0, in microjoules, as they were written.
const ENERGIES_1: [u64; 3] = [24_292_575_000, 8_888_515_075, 1_459_201_217];

fn energies(tally: &Tally) -> [u64; 3] {
    [0, 8, 10].map(|device| tally.of(device, Method::Counted).energy_uj)
}

#[test]
fn a_journal_of_the_first_version_is_read() {
    let mut file = JournalFile::from_reader("journal-1", Cursor::new(JOURNAL_1)).expect("a journal");
    let mut tally = Tally::new(file.header().devices.len());
    file.for_each(|tick| {
        tally.add_tick(tick);
        Ok(())
    })
    .expect("bytes in memory");
    assert_eq!((energies(&tally), tally.ticks()), (ENERGIES_1, 40));
    assert_eq!(file.end().and_then(|end| end.exit_status), Some(7));
    assert_eq!(file.context().project.as_deref(), Some("golden"));
    assert!(file.damage().is_empty() && file.torn_bytes() == 0);
}

#[test]
fn archives_of_the_first_version_are_read() {
    let samples = SamplesReader::new(Bytes::from_static(SAMPLES_1)).expect("an archive");
    assert_eq!(energies(&samples.tally().expect("rows")), ENERGIES_1);
    let minutes = MinutesReader::new(Bytes::from_static(MINUTES_1)).expect("an archive");
    let (about, stated) = minutes.about().expect("metadata");
    assert_eq!((energies(&stated), about.context.project.as_deref()), (ENERGIES_1, Some("golden")));
    let mut rows = Tally::new(minutes.header().devices.len());
    minutes.for_each(|device, method, _, sum| rows.add(device, method, sum)).expect("rows");
    assert_eq!(energies(&rows), ENERGIES_1);
}

#[test]
#[ignore = "run once when a format is new, with the folder to write to"]
fn a_new_version_is_written() {
    let folder = std::env::var("GREENWICH_FORMATS").expect("the folder to write to");
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let store: Arc<dyn LedgerStore> = Arc::new(FolderStore::new(scratch.path()));
    let context = RunContext { project: Some("golden".into()), ..RunContext::default() };
    let mut journal = Journal::new(scratch.path().join("open"), context);
    journal.begin(&Node::header("golden", started(), 1)).expect("a folder that can be written");
    let mut node = Node::new(1, 1_000_000_000, 0.01);
    for _ in 0..40 {
        journal.tick(node.tick(started())).expect("a disk with space");
    }
    let path = journal.finish(End { end: started(), exit_status: Some(7) }).expect("a disk with space");
    let into = Path::new(&folder);
    fs::copy(&path, into.join("journal-1.journal")).expect("a folder that can be written");
    let closed = close(&path, &store).expect("a whole journal");
    fs::copy(scratch.path().join(&closed.samples), into.join("samples-1.parquet")).expect("a folder");
    fs::copy(scratch.path().join(&closed.minutes), into.join("minutes-1.parquet")).expect("a folder");
    eprintln!("{:?}", energies(&closed.tally));
}
