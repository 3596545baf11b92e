//! Laws of merging: order-free, idempotent, eight copies are one.
//!
//! In: random intervals, and meters that run side by side. Out: each moment once.

use super::*;
use crate::RunContext;
use crate::fixture::node::Node;
use crate::fixture::started;
use crate::header::End;
use greenwich_core::reading::TickSink;
use proptest::prelude::*;

fn any_intervals() -> impl Strategy<Value = Vec<Interval>> {
    let interval = (0usize..4, 0u64..1000, 0u64..200, 0u64..100_000, 0u64..500);
    prop::collection::vec(interval, 0..40).prop_map(|all| {
        let interval = |(method, start_us, length, energy_uj, more): (usize, u64, u64, u64, u64)| Interval {
            method: METHODS[method],
            start_us,
            end_us: start_us + length,
            energy_uj,
            most_uj: energy_uj + more,
            wall_us: start_us as i64,
        };
        all.into_iter().map(interval).collect()
    })
}

fn total(pieces: &[Interval]) -> (u64, u64, u64) {
    pieces.iter().fold((0, 0, 0), |(energy, most, time), one| {
        (energy + one.energy_uj, most + one.most_uj, time + one.end_us - one.start_us)
    })
}

proptest! {
    #[test]
    fn the_order_of_intervals_does_not_matter(mut all in any_intervals(), seed in any::<u64>()) {
        let before = once(all.clone());
        let length = all.len().max(1);
        all.rotate_left(seed as usize % length);
        all.reverse();
        prop_assert_eq!(once(all), before);
    }

    #[test]
    fn copies_change_nothing(all in any_intervals(), copies in 1usize..9) {
        prop_assert_eq!(once(all.repeat(copies)), once(all));
    }

    #[test]
    fn merging_what_was_merged_changes_nothing(all in any_intervals()) {
        let merged = once(all);
        prop_assert_eq!(total(&once(merged.clone())), total(&merged));
    }

    #[test]
    fn no_moment_counts_twice_and_none_is_lost(all in any_intervals()) {
        let mut moments = std::collections::HashSet::new();
        for one in &all {
            moments.extend(one.start_us..one.end_us);
        }
        let pieces = once(all.clone());
        prop_assert_eq!(total(&pieces).2, moments.len() as u64);
        prop_assert!(total(&pieces).0 <= total(&all).0);
        for piece in &pieces {
            prop_assert!((piece.start_us..piece.end_us).all(|moment| moments.remove(&moment)));
        }
    }

    #[test]
    fn intervals_that_do_not_overlap_are_kept_whole(lengths in prop::collection::vec((1u64..50, 0u64..10_000), 0..40)) {
        let mut at = 0;
        let all: Vec<Interval> = lengths
            .into_iter()
            .map(|(length, energy_uj)| {
                let start_us = at;
                at += length;
                Interval { method: Method::Counted, start_us, end_us: at, energy_uj, most_uj: energy_uj, wall_us: 0 }
            })
            .collect();
        prop_assert_eq!(once(all.clone()), all);
    }
}

/// A meter on a node, 60 s; `rank` wakes at its own moments.
fn meter(ledger: &Ledger, host: &str, rank: u64, seconds: u64) {
    let nodes =
        RunContext { nodes: Some(2), node_names: vec!["node-a".into(), "node-b".into()], ..RunContext::default() };
    let mut header = Node::header("job-7", started(), 9_000_000_000 + rank * 1_000);
    header.started = started() + jiff::SignedDuration::from_micros(rank as i64);
    header.host = host.to_owned();
    header.boot_id = format!("boot-of-{host}");
    let mut journal = ledger.journal(nodes);
    journal.begin(&header).expect("a folder that can be written");
    // Without noise, so that every rank reads the same power.
    let mut node = Node::new(rank, 1_000_000_000, 0.0);
    for _ in 0..seconds {
        journal.tick(node.tick(header.started)).expect("a disk with space");
    }
    let end = End { end: header.started + jiff::SignedDuration::from_secs(seconds as i64), exit_status: Some(0) };
    let closed = ledger.close(journal.finish(end).expect("a disk with space")).expect("a whole journal");
    ledger.record(&Entry::of(&closed)).expect("a disk with space");
}

#[test]
fn eight_ranks_on_a_node_count_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let one = Ledger::at(folder.path().join("one"));
    let eight = Ledger::at(folder.path().join("eight"));
    meter(&one, "node-a", 1, 60);
    for rank in 1..=8 {
        meter(&eight, "node-a", rank, 60);
    }
    let truth = one.merge("job-7", &[], &Expected::default()).expect("one part").entry.it_energy_j.expect("counted");
    let merged = eight.merge("job-7", &[], &Expected::default()).expect("eight parts");
    let found = merged.entry.it_energy_j.expect("counted");
    assert!((found / truth - 1.0).abs() < 1e-4, "{found} J of {truth} J");
    assert!((merged.duplicate_j / truth - 7.0).abs() < 1e-3);
    assert_eq!((merged.parts, merged.entry.corrects.len()), (8, 8));
    eight.record(&merged.entry).expect("a disk with space");
    let entries = eight.entries().expect("a ledger");
    assert_eq!(entries.current().map(|entry| &entry.id).collect::<Vec<_>>(), [&merged.entry.id]);
    let again = eight.merge("job-7", &[eight.clone(), one], &Expected::default()).expect("and again");
    assert!((again.entry.it_energy_j.expect("counted") / found - 1.0).abs() < 1e-4);
    assert!(again.entry.corrects.contains(&merged.entry.id));
}

#[test]
fn a_node_that_is_missing_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    meter(&ledger, "node-a.cluster", 1, 5);
    let merged = ledger.merge("job-7", &[], &Expected::default()).expect("one part");
    assert_eq!(merged.entry.missing_nodes, ["node-b"]);
    insta::assert_snapshot!(merged.entry.warnings.join("\n"), @"1 of 2 nodes: missing are node-b; the sum holds the nodes found alone");
    let more = Expected { count: Some(4), names: Vec::new() };
    let merged = ledger.merge("job-7", &[], &more).expect("one part");
    assert!(merged.entry.warnings[0].starts_with("1 of 4 nodes"));
}

#[test]
fn two_nodes_sum_and_a_run_queued_again_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (a, b) = (Ledger::at(folder.path().join("a")), Ledger::at(folder.path().join("b")));
    meter(&a, "node-a", 1, 30);
    meter(&b, "node-b", 1, 30);
    let alone = a.merge("job-7", &[], &Expected::default()).expect("a part").entry.it_energy_j.expect("counted");
    let both = a.merge("job-7", &[b], &Expected::default()).expect("two parts");
    let found = both.entry.it_energy_j.expect("counted");
    assert!((found / alone - 2.0).abs() < 1e-12, "{found} J is twice {alone} J");
    assert_eq!((both.entry.hosts.len(), both.entry.missing_nodes.len()), (2, 0));
    assert_eq!(both.duplicate_j, 0.0);
}
