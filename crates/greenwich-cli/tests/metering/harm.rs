//! Row 21: a disk that is full, read-only or gone harms nobody.

use crate::stage::{GREENWICH, Machine, may_mount, notices, text};
use std::fs;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

const CHILD: [&str; 3] = ["sh", "-c", "echo out; echo err >&2; sleep 0.3; exit 6"];

/// The child's streams and status are its own, and we have said one thing.
fn unharmed(output: &Output, about: &str) {
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("out\n", Some(6)), "{about}");
    assert!(text(&output.stderr).starts_with("err\n"), "{about}: {}", text(&output.stderr));
    let said = notices(output);
    assert_eq!(said.len(), 1, "{about}: {said:?}");
}

#[test]
fn a_ledger_that_cannot_be_made_is_told_in_one_line() {
    let machine = Machine::server();
    fs::write(machine.path("ledger"), "a file").expect("writable");
    unharmed(&machine.run(&[], &CHILD).output().expect("it starts"), "a file in its place");
}

/// Runs in a mount namespace where the ledger's folder is a file system of its own.
fn on_mount(options: &str, prepare: &str) -> Option<Output> {
    if !may_mount() {
        return None;
    }
    let machine = Machine::server();
    fs::create_dir(machine.path("ledger")).expect("writable");
    let script = format!(r#"mount -t tmpfs {options} none ledger && {prepare} && exec "$0" "$@""#);
    let mut command = Command::new("unshare");
    machine.settle(&mut command);
    command.args(["-m", "sh", "-c", &script, GREENWICH]).args(machine.words(&["--period", "10ms"], &CHILD));
    Some(command.output().expect("it starts"))
}

#[test]
fn a_read_only_disk_is_told_in_one_line() {
    let Some(output) = on_mount("-o ro", "true") else { return };
    unharmed(&output, "read-only");
}

#[test]
fn a_full_disk_is_told_in_one_line() {
    let Some(output) = on_mount("-o size=16k", "{ head -c 20000 /dev/zero > ledger/filler 2>/dev/null || true; }")
    else {
        return;
    };
    unharmed(&output, "full from the start");
}

#[test]
fn a_disk_that_fills_up_in_the_run_is_told_in_one_line() {
    let Some(output) = on_mount("-o size=16k", "head -c 8192 /dev/zero > ledger/filler") else { return };
    unharmed(&output, "full after a while");
}

#[test]
fn a_folder_that_is_deleted_in_the_run_is_told_in_one_line() {
    let machine = Machine::server();
    let script = "echo out; echo err >&2; sleep 0.3; rm -r ledger; sleep 0.3; exit 6";
    let output = machine.run(&["--period", "10ms"], &["sh", "-c", script]).output().expect("it starts");
    unharmed(&output, "deleted");
}

#[test]
fn counters_that_vanish_in_the_run_harm_nobody() {
    let machine = Machine::server();
    let run = machine.cue(&["--period", "10ms"]);
    sleep(Duration::from_millis(100));
    for zone in ["intel-rapl:0", "intel-rapl:0:0"] {
        machine.live().with(|tree| tree.break_counter(zone, Some("")));
    }
    sleep(Duration::from_millis(300));
    let output = run.end();
    assert!(output.status.success());
    let entry = machine.entry();
    assert!(entry.most_it_energy_j > entry.it_energy_j, "what was not seen is a bound, not zero: {entry:?}");
}

#[test]
fn flags_that_cannot_be_are_refused_before_the_child_starts() {
    let machine = Machine::server();
    for flags in [["--period", "0s"], ["--accelerator", "h900"], ["--region", "gcp/moon"]] {
        let output = machine.run(&flags, &["touch", "ran"]).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(text(&output.stderr).contains(flags[1]) && !machine.path("ran").exists(), "{flags:?}");
    }
}

#[test]
fn slips_in_the_environment_are_told_in_one_line_and_the_run_has_an_account() {
    let machine = Machine::server();
    let mut words = machine.words(&[], &CHILD);
    let zone = words.iter().position(|word| word == "--zone").expect("it was given");
    words.drain(zone..zone + 2);
    for (number, (variable, value)) in [("GREENWICH_PUE", "low"), ("GREENWICH_ZONE", "Germany")].into_iter().enumerate()
    {
        let mut command = Command::new(GREENWICH);
        machine.settle(&mut command);
        let output = command.env(variable, value).args(&words).output().expect("it starts");
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("out\n", Some(6)), "{variable}");
        let said = notices(&output);
        assert!(said.len() == 1 && said[0].contains(variable), "{said:?}");
        let entries = machine.ledger().entries().expect("a ledger").entries;
        assert_eq!(entries.len(), number + 1);
        let has_account = entries.iter().all(|entry| entry.quantities.contains_key("location_based_co2e_kg"));
        assert!(has_account, "{variable}: {entries:?}");
    }
}
