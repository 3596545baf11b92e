//! Laws of the journal: whatever happens to the file, what is read was written.
//!
//! In: runs of random ticks, cut, damaged or overwritten at random. Out: what was written, or less of it.

use super::frame::MAGIC;
use super::*;
use crate::fixture::{OwnTick, header, run_of, started};
use crate::header::{End, RunContext};
use greenwich_core::reading::{Tick, TickSink};
use proptest::prelude::*;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

fn journal_of(folder: &Path, devices: u16, ticks: &[OwnTick]) -> PathBuf {
    let context = RunContext { command: vec!["python".into(), "train.py".into()], ..RunContext::default() };
    let mut journal = Journal::new(folder, context);
    journal.begin(&header("run-1", devices)).expect("a folder that can be written");
    for tick in ticks {
        journal.tick(Tick { at_ns: tick.at_ns, wall: tick.wall, spans: &tick.spans }).expect("a disk with space");
    }
    journal.path().expect("it has begun").to_owned()
}

type Read = (Vec<OwnTick>, JournalFile<Cursor<Vec<u8>>>);

fn read(bytes: &[u8]) -> crate::Result<Read> {
    let mut file = JournalFile::from_reader("memory", Cursor::new(bytes.to_vec()))?;
    let mut ticks = Vec::new();
    while let Some(tick) = file.next_tick()? {
        ticks.push(OwnTick { at_ns: tick.at_ns, wall: tick.wall, spans: tick.spans });
    }
    Ok((ticks, file))
}

fn with_journal<T>(ticks: &[OwnTick], then: impl FnOnce(Vec<u8>) -> T) -> T {
    let folder = tempfile::tempdir().expect("a temporary folder");
    then(fs::read(journal_of(folder.path(), 5, ticks)).expect("the journal is there"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read(ticks in run_of(5, 40)) {
        with_journal(&ticks, |bytes| {
            let (read, file) = read(&bytes).expect("a whole journal");
            prop_assert_eq!(read, ticks.clone());
            prop_assert_eq!(file.header(), &header("run-1", 5));
            prop_assert_eq!(&file.context().command, &["python", "train.py"]);
            prop_assert!(file.damage().is_empty() && file.torn_bytes() == 0);
            Ok(())
        })?;
    }

    #[test]
    fn a_journal_cut_anywhere_gives_a_prefix(ticks in run_of(5, 40), cut in any::<prop::sample::Index>()) {
        with_journal(&ticks, |bytes| {
            let cut = cut.index(bytes.len() + 1);
            match read(&bytes[..cut]) {
                Ok((read, file)) => {
                    prop_assert!(ticks.starts_with(&read));
                    prop_assert!(file.damage().is_empty(), "a cut is not damage");
                    prop_assert!(cut < bytes.len() || read.len() == ticks.len());
                }
                Err(_) => prop_assert!(cut < bytes.len() && bytes[cut..].len() > 1, "only a cut header is an error"),
            }
            Ok(())
        })?;
    }

    #[test]
    fn damage_anywhere_never_makes_a_number(
        ticks in run_of(5, 40),
        places in prop::collection::vec((any::<prop::sample::Index>(), 1u8..=255), 1..6),
    ) {
        with_journal(&ticks, |mut bytes| {
            for (place, flip) in &places {
                let place = place.index(bytes.len());
                bytes[place] ^= flip;
            }
            if let Ok((read, file)) = read(&bytes) {
                let mut rest = ticks.iter();
                prop_assert!(read.iter().all(|tick| rest.any(|one| one == tick)), "what is read was written, in order");
                let lost = ticks.len() - read.len();
                prop_assert!(lost <= places.len(), "a record lost costs itself alone: {} of {}", lost, places.len());
                prop_assert!(lost == 0 || !file.damage().is_empty() || file.torn_bytes() > 0);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_stretch_overwritten_is_passed_over(ticks in run_of(5, 40), from in any::<prop::sample::Index>(), fill: u8, length in 1usize..600) {
        with_journal(&ticks, |mut bytes| {
            let from = from.index(bytes.len());
            let until = (from + length).min(bytes.len());
            bytes[from..until].fill(fill);
            if let Ok((read, _)) = read(&bytes) {
                let mut rest = ticks.iter();
                prop_assert!(read.iter().all(|tick| rest.any(|one| one == tick)));
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_bytes_at_all_are_read_without_panic(bytes: Vec<u8>) {
        let _ = read(&bytes);
        let _ = read(&[MAGIC, &bytes].concat());
    }
}

fn ticks(count: u64) -> Vec<OwnTick> {
    let mut node = crate::fixture::node::Node::new(1, 1_000_000_000, 0.01);
    let own = |node: &mut crate::fixture::node::Node| {
        let tick = node.tick(started());
        OwnTick { at_ns: tick.at_ns, wall: tick.wall, spans: tick.spans[..5].to_vec() }
    };
    (0..count).map(|_| own(&mut node)).collect()
}

#[test]
fn damage_in_the_middle_is_told_with_its_offset_and_the_ticks_it_cost() {
    let ticks = ticks(20);
    with_journal(&ticks, |mut bytes| {
        let at = bytes.len() * 3 / 4;
        bytes[at] ^= 0x40;
        let (read, file) = read(&bytes).expect("the header is whole");
        assert_eq!(read.len(), 19);
        let [damage] = file.damage() else { panic!("one stretch is damaged: {:?}", file.damage()) };
        assert!(damage.offset <= at as u64 && (at as u64) < damage.offset + damage.bytes, "{damage:?} holds {at}");
        assert_eq!(damage.ticks, 1);
    });
}

#[test]
fn records_of_another_journal_are_not_data() {
    let ticks = ticks(3);
    with_journal(&ticks, |first| {
        with_journal(&ticks, |second| {
            // What a disk may give back after a power cut: blocks of an old file behind the end of this one.
            let (read, file) = read(&[first.as_slice(), &second].concat()).expect("the header is whole");
            assert_eq!(read, ticks);
            assert!(file.torn_bytes() > 0);
        });
    });
}

#[test]
fn a_journal_of_later_days_is_refused_with_a_mend() {
    let error = read(b"greenwich.journal/7\nHxxx").expect_err("an unknown format");
    insta::assert_snapshot!(error, @"`memory` has schema `greenwich.journal/7`; this Greenwich reads up to `greenwich.journal/1`");
}

#[test]
fn a_run_that_was_finished_tells_how_it_ended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = Journal::new(folder.path(), RunContext::default());
    journal.begin(&header("run-1", 5)).expect("a folder that can be written");
    let end = End { end: started(), exit_status: Some(137) };
    let path = journal.finish(end).expect("a disk with space");
    let mut file = JournalFile::open(path).expect("a journal");
    assert_eq!(file.next_tick().expect("a readable disk"), None);
    assert_eq!(file.end(), Some(end));
}

#[test]
fn a_journal_is_locked_while_it_is_written_and_private() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = folder.path().join("ledger").join("open");
    let mut journal = Journal::new(&open, RunContext::default());
    journal.begin(&header("run-1", 5)).expect("a folder that can be written");
    let path = journal.path().expect("it has begun").to_owned();
    assert_eq!(JournalFile::open(&path).expect("a journal").state().expect("a lock"), JournalState::Written);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&open)), (0o600, 0o700));
    }
    drop(journal);
    assert_eq!(JournalFile::open(&path).expect("a journal").state().expect("a lock"), JournalState::Left);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_once_and_the_sums_go_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a-file");
    fs::write(&file, "").expect("a folder that can be written");
    let mut journal = Journal::new(file.join("open"), RunContext::default());
    assert!(journal.begin(&header("run-1", 5)).is_err());
    for tick in ticks(3) {
        journal.tick(Tick { at_ns: tick.at_ns, wall: tick.wall, spans: &tick.spans }).expect("quiet after the first");
    }
    assert_eq!(journal.tally().ticks(), 3);
    assert!(!journal.is_whole());
}

#[test]
fn a_deleted_folder_is_told_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = folder.path().join("open");
    let mut journal = Journal::new(&open, RunContext::default());
    journal.begin(&header("run-1", 5)).expect("a folder that can be written");
    let mut told = 0;
    for (number, tick) in ticks(20).into_iter().enumerate() {
        if number == 3 {
            fs::remove_dir_all(&open).expect("the folder is there");
        }
        told += usize::from(journal.tick(Tick { at_ns: tick.at_ns, wall: tick.wall, spans: &tick.spans }).is_err());
    }
    assert_eq!(told, 1);
    assert_eq!(journal.tally().ticks(), 20);
    assert!(journal.path().is_none());
}
