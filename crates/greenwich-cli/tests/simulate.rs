//! `greenwich simulate` as its user meets it: the same bytes on any number of threads, what is refused, and what Ctrl-C leaves.

#[path = "rig/hears.rs"]
mod hears;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const EXAMPLE: [&str; 12] = [
    "simulate",
    "--trace",
    "examples/fleet/trace.csv",
    "--sites",
    "examples/fleet/sites.csv",
    "--signals",
    "examples/fleet/grid",
    "--start",
    "2025-03-15T00:00:00Z",
    "--hours",
    "120",
    "--every=12",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn command(more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
    command.args(EXAMPLE).args(more).current_dir(root()).env_remove("COLUMNS").env_remove("CLICOLOR_FORCE");
    command
}

fn refused(more: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(more).output().expect("the program runs");
    assert!(stdout.is_empty());
    format!("{:?}\n{}", status.code(), String::from_utf8_lossy(&stderr))
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = |threads: &str| {
        let names = ["p.csv", "p.json", "p.parquet", "j.csv", "j.json", "j.parquet", "page.html"];
        let files: Vec<String> = names.iter().map(|name| folder.path().join(name).display().to_string()).collect();
        let mut more =
            vec!["--threads", threads, "--utilisation", "0.5,0.9", "--forecast", "naive", "--restart-minutes", "10"];
        for file in &files[..3] {
            more.extend(["--out", file]);
        }
        for file in &files[3..6] {
            more.extend(["--jobs-out", file]);
        }
        more.extend(["--report", &files[6]]);
        let output = command(&more).output().expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("it was written")).collect();
        (output.stdout, written)
    };
    let (one, two) = (run("1"), run("2"));
    assert_eq!(one.0, two.0);
    assert!(one.1 == two.1, "a file differs");
    let rows = String::from_utf8(one.1[0].clone()).expect("CSV is text");
    assert_eq!(rows.lines().count(), 1 + 2 * 9);
    let json: serde_json::Value = serde_json::from_slice(&one.1[1]).expect("JSON");
    assert_eq!(json["schema"], "greenwich.simulation/1");
    let jobs = json["scenarios"][0]["jobs"].as_u64().expect("a count") as usize;
    assert_eq!(String::from_utf8_lossy(&one.1[3]).lines().count(), 1 + 2 * 9 * jobs);
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 7, "nothing else is left there");
}

#[test]
fn what_cannot_be_is_named_with_its_mend() {
    assert_snapshot!(refused(&["--forecast", "clairvoyant"]), @"
    Some(2)
    error: invalid value 'clairvoyant' for '--forecast <HOW>': write greenwich, naive, perfect, or error= with a share such as error=0.05

    For more information, try '--help'.
    ");
    assert_snapshot!(refused(&["--out", "table.xlsx"]), @"
    Some(2)
    error: `table.xlsx` does not say its form
      help: let its name end in .csv, .json or .parquet
    ");
    assert_snapshot!(refused(&["--utilisation", "77"]), @"
    Some(2)
    error: --utilisation `77` is out of range
      help: give shares such as 0.5,0.77,0.9
    ");
    assert_snapshot!(refused(&["--policies", "greenwich,luck"]), @"
    Some(2)
    error: invalid value 'luck' for '--policies <NAME,…>': no policy is called `luck`; there are run-at-once, cheapest-region, lowest-window, wait-awhile, wait-awhile-pausing, threshold, carbon-scaler, greenwich, oracle

    For more information, try '--help'.
    ");
}

#[test]
fn ctrl_c_leaves_nothing_written() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (table, page) = (folder.path().join("p.csv"), folder.path().join("page.html"));
    let mut child = command(&["--utilisation", "0.9", "--forecast", "naive", "--effort", "200"])
        .arg("--out")
        .arg(&table)
        .arg("--report")
        .arg(&page)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // With that effort it goes on for minutes. The one signal is heeded before the other.
    hears::wait_until_it_hears(child.id(), &[Signal::INT, Signal::TERM]);
    let process = Pid::from_child(&child);
    kill_process(process, Signal::INT).expect("it is running");
    let status = child.wait().expect("it ends");
    let output = child.wait_with_output().expect("its streams are read");
    assert_eq!(status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"error: stopped before it was done: nothing is written");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
}
