//! Rows 11, 12 and 13: `kill -9` of either side, signals, the disk.

use crate::stage::{Machine, WAITS, has, send, text, wait_until};
use greenwich_store::{Entry, JournalFile};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const KILLS: u32 = 100;

fn contents(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            contents(&path, into);
        } else {
            into.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
}

/// Whole ticks in a journal, and their joules; each begins where the one before it ended.
fn ticks(path: &Path) -> Option<(u64, f64)> {
    let mut file = JournalFile::open(path).ok()?;
    let (mut number, mut at_ns, mut sum_uj) = (0, 0, 0);
    while let Some(tick) = file.next_tick().expect("a readable disk") {
        assert!(
            tick.spans.iter().all(|span| span.since_ns / 1000 == at_ns / 1000),
            "no tick is missing before the last"
        );
        (number, at_ns) = (number + 1, tick.at_ns);
        sum_uj += tick.spans.iter().map(|span| span.energy_uj).sum::<u64>();
    }
    assert!(file.damage().is_empty());
    Some((number, sum_uj as f64 / 1e6))
}

#[test]
fn a_hundred_kills_lose_nothing_that_was_written_and_no_earlier_run() {
    let machine = Machine::server();
    let ledger = machine.ledger();
    assert!(machine.cue(&[]).end().status.success());
    let mut before = BTreeMap::new();
    contents(&machine.path("ledger"), &mut before);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id());
    let (mut with_ticks, mut unborn, mut all_ticks) = (0, 0, 0);
    for kill in 0..KILLS {
        let mut command = machine.run(&["--quiet", "--period", "10ms"], &["cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if kill % 2 == 0 {
            // However long it takes to start: half of them are at work when they are killed.
            let begun = || ledger.journals().expect("a ledger").first().and_then(|path| ticks(path));
            wait_until("a tick", || begun().is_some_and(|(number, _)| number > 0));
        }
        sleep(Duration::from_micros(state % 150_000));
        // What could be read a moment ago is there afterwards.
        let written = ledger.journals().expect("a ledger").first().and_then(|path| ticks(path)).map_or(0, |(n, _)| n);
        child.kill().expect("it is ours");
        // Its own child goes on until stdin ends, which `wait` sees to.
        child.wait().expect("it is ours");
        let journals = ledger.journals().expect("a ledger");
        let Some(path) = journals.first() else {
            assert_eq!(written, 0);
            unborn += 1;
            continue;
        };
        let (found, truth_j) = ticks(path).expect("a journal has a whole header from its first moment");
        assert!(found >= written, "{found} ticks of {written}");
        assert!(truth_j <= machine.drawn_j());
        all_ticks += found;
        with_ticks += u32::from(found > 0);
        let host = JournalFile::open(path).expect("it was read").header().host.clone();
        let mut entries = Vec::new();
        // Killed between fork and exec, its child holds the journal's lock for a moment longer.
        wait_until("recovery", || {
            entries = ledger.recover(&host).expect("a ledger").entries;
            !entries.is_empty()
        });
        let [entry] = entries.as_slice() else { panic!("one run was left: {entries:?}") };
        assert!((entry.it_energy_j.unwrap_or(0.0) - truth_j).abs() < 1e-6, "{entry:?}, not {truth_j} J");
        assert_eq!(entry.exit_status, None, "nobody saw it end");
    }
    assert!(ledger.verify().expect("a ledger").findings.is_empty());
    let mut after = BTreeMap::new();
    contents(&machine.path("ledger"), &mut after);
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "the earlier run was not touched");
    eprintln!("{KILLS} kills: {all_ticks} ticks read, {unborn} before a journal was begun, 0 unreadable");
    assert!(with_ticks >= KILLS / 2, "enough of them were killed while they wrote");
}

#[test]
fn recover_by_the_command_line_says_what_the_killed_run_drew() {
    let machine = Machine::server();
    let run = machine.cue(&["--period", "10ms"]);
    wait_until("ten ticks", || {
        let journals = machine.ledger().journals().expect("a ledger");
        journals.first().and_then(|path| ticks(path)).is_some_and(|(n, _)| n > 10)
    });
    send(run.pid(), Signal::KILL);
    drop(run.end());
    let mut command = Command::new(crate::stage::GREENWICH);
    machine.settle(&mut command);
    let said = command.args(["ledger", "recover", "--ledger"]).arg(machine.path("ledger")).output().expect("it starts");
    assert!(said.status.success(), "{}", text(&said.stderr));
    let entry = machine.entry();
    assert!(entry.it_energy_j.is_some_and(|joules| joules > 0.0), "{entry:?}");
    assert_eq!(machine.ledger().entries().expect("a ledger").entries.len(), 1, "one entry, with its account");
    assert!(entry.quantity("location_based_co2e_kg").is_some_and(|kg| kg > 0.0), "{entry:?}");
    assert!(text(&said.stdout).contains(&entry.run), "{}", text(&said.stdout));
}

/// The status that a shell would see, and the one in the ledger.
fn ended(script: &str, signal: Option<Signal>) -> (Option<i32>, Entry) {
    let machine = Machine::server();
    let run = crate::stage::Cued::start(&mut machine.run(&[], &["sh", "-c", script]));
    if let Some(signal) = signal {
        send(run.pid(), signal);
    }
    let status = run.wait().status.code();
    (status, machine.entry())
}

#[test]
fn the_end_of_the_child_is_ours_and_is_in_the_ledger() {
    let waits = "echo ready; exec sleep 600";
    let cases = [
        ("echo ready; kill -9 $$", None, 137),
        ("echo ready; kill -SEGV $$", None, 139),
        (waits, Some(Signal::TERM), 143),
        (waits, Some(Signal::INT), 130),
        ("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done", Some(Signal::TERM), 7),
        ("echo ready; exit 3", None, 3),
    ];
    for (script, signal, code) in cases {
        let (status, entry) = ended(&format!("ulimit -c 0; {script}"), signal);
        assert_eq!((status, entry.exit_status), (Some(code), Some(code)), "{script}");
        assert!(entry.it_energy_j.is_some(), "{script}");
    }
}

#[test]
fn the_journal_is_forced_to_the_disk_each_five_seconds_and_not_at_each_tick() {
    if !has("strace") {
        return;
    }
    let machine = Machine::server();
    let trace = machine.path("trace");
    let mut command = Command::new("strace");
    machine.settle(&mut command);
    command
        .args(["-f", "-qq", "-e", "trace=fdatasync,fsync,exit_group", "-o"])
        .arg(&trace)
        .arg(crate::stage::GREENWICH);
    command.args(machine.words(&["--quiet", "--period", "100ms"], &["sleep", "6.5"]));
    let begun = Instant::now();
    assert!(command.status().expect("it starts").success());
    let most = (begun.elapsed().as_secs_f64() / 5.0) as usize;
    let text = fs::read_to_string(trace).expect("strace wrote it");
    let child_ends = text.find("exit_group").expect("the child ends before us");
    let while_it_ran = text[..child_ends].matches("fdatasync(").count();
    assert!((1..=most).contains(&while_it_ran), "{while_it_ran} times, not 1 to {most}");
    assert!(text[child_ends..].contains("fsync("), "and what it is closed into, at the end");
}

#[test]
fn an_orphaned_child_goes_on() {
    let machine = Machine::server();
    let script = "echo ready; read line; echo \"still here: $line\"";
    let mut run = crate::stage::Cued::start(&mut machine.run(&[], &[WAITS[0], WAITS[1], script]));
    send(run.pid(), Signal::KILL);
    wait_until("our end", || crate::stage::state(run.pid()).is_none_or(|state| state == 'Z'));
    let stdin = run.stdin.as_mut().expect("it is piped");
    std::io::Write::write_all(stdin, b"yes\n").expect("the child reads");
    assert_eq!(run.line(), "still here: yes");
}
