//! What is made good after a crash, and what is left alone.
//!
//! In: ledgers as a crash leaves them. Out: entries, each once.

use super::*;
use crate::fixture::node::Node;
use crate::fixture::started;
use crate::header::{End, RunContext};
use crate::journal::Journal;
use greenwich_core::reading::TickSink;

const HOST: &str = "node-0017";

fn begin(ledger: &Ledger, run: &str, seconds: u64) -> Journal {
    let mut journal = ledger.journal(RunContext { project: Some("p".into()), ..RunContext::default() });
    journal.begin(&Node::header(run, started(), 0)).expect("a folder that can be written");
    let mut node = Node::new(1, 1_000_000_000, 0.01);
    for _ in 0..seconds {
        journal.tick(node.tick(started())).expect("a disk with space");
    }
    journal
}

#[test]
fn a_run_whose_meter_was_killed_becomes_an_entry_with_its_labels() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    let journal = begin(&ledger, "killed", 10);
    let truth_j = journal.tally().iter().map(|(_, _, sum)| sum.energy_uj).sum::<u64>() as f64 / 1e6;
    assert_eq!(ledger.recover(HOST).expect("a ledger").alive.len(), 1, "while it is written it is left alone");
    // The lock goes with the process.
    drop(journal);
    let recovered = ledger.recover(HOST).expect("a ledger");
    let [entry] = recovered.entries.as_slice() else { panic!("one run was left: {recovered:?}") };
    assert!((entry.it_energy_j.expect("counted") - truth_j).abs() < 1e-6);
    assert_eq!((entry.exit_status, entry.project.as_deref()), (None, Some("p")));
    assert_eq!(entry.warnings, ["the meter did not live to see the end of the run"]);
    assert!(ledger.recover(HOST).expect("a ledger").entries.is_empty(), "and it is made good once");
    assert!(ledger.verify().expect("a ledger").findings.is_empty());
}

#[test]
fn a_part_that_was_closed_and_not_entered_becomes_an_entry() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    let end = End { end: started() + jiff::SignedDuration::from_secs(11), exit_status: Some(3) };
    let closed = ledger.close(begin(&ledger, "closed", 10).finish(end).expect("a disk with space")).expect("whole");
    let recovered = ledger.recover(HOST).expect("a ledger");
    let mut expected = Entry::of(&closed);
    expected.id.clone_from(&recovered.entries[0].id);
    assert_eq!(recovered.entries, [expected]);
}

#[test]
fn a_journal_of_another_node_that_was_just_written_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    drop(begin(&ledger, "elsewhere", 3));
    let recovered = ledger.recover("login-1").expect("a ledger");
    assert_eq!((recovered.alive.len(), recovered.entries.len()), (1, 0));
}

#[test]
fn a_file_that_is_no_journal_is_kept_and_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    drop(begin(&ledger, "sound", 3));
    fs::write(folder.path().join("open/x.journal"), "").expect("a disk with space");
    let recovered = ledger.recover(HOST).expect("a ledger");
    assert_eq!(recovered.entries.len(), 1, "the others are made good");
    let [(path, error)] = recovered.kept.as_slice() else { panic!("one file is kept: {recovered:?}") };
    assert!(path.exists() && error.to_string().ends_with("is not a journal: it is empty"));
}

#[test]
fn an_empty_ledger_has_nothing_to_recover() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recovered = Ledger::at(folder.path().join("none")).recover(HOST).expect("no ledger is no error");
    assert!(recovered.entries.is_empty() && recovered.alive.is_empty() && recovered.kept.is_empty());
    assert!(!folder.path().join("none").exists(), "and nothing is written");
}
