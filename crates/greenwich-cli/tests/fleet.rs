//! A fleet planned by the real program: Ctrl-C ends it with the best plan so far; threads change no byte.
//!
//! In: files that the test writes. Out: the plan and the answer that the program leaves.

#[path = "rig/hears.rs"]
mod hears;

use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// Jobs that nobody plans to the end within the test: three hundred large ones on four sites.
fn files(folder: &std::path::Path) {
    let mut jobs = "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible\n".to_owned();
    for job in 0..300 {
        let (hours, size, first) = (3 + job * 7 % 20, 1 + job * 5 % 8, job * 11 % 24);
        _ = writeln!(
            jobs,
            "j{job},2022-07-04T{first:02}:00:00Z,2022-07-07T00:00:00Z,{hours},{size},700,s{},s0|s1|s2|s3,{}",
            job % 4,
            job % 2
        );
    }
    std::fs::write(folder.join("jobs.csv"), jobs).expect("written");
    let sites = "site,zone,pue,accelerators\ns0,A,1.1,64\ns1,B,1.1,63\ns2,C,1.1,61\ns3,D,1.1,59\n";
    std::fs::write(folder.join("sites.csv"), sites).expect("written");
    for (zone, step) in [("A", 7), ("B", 11), ("C", 13), ("D", 17)] {
        let mut rows = "utc,gco2e_per_kwh\n".to_owned();
        for hour in 0..72 {
            let grams = 100 + hour * step * 37 % 500;
            _ = writeln!(rows, "2022-07-{:02}T{:02}:00:00Z,{grams}", 4 + hour / 24, hour % 24);
        }
        std::fs::write(folder.join(format!("{zone}.csv")), rows).expect("written");
    }
}

#[test]
fn an_interrupt_leaves_the_best_plan_so_far_with_its_gap() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    files(folder.path());
    let words = "plan --jobs jobs.csv --sites sites.csv --signals . --start 2022-07-04T00:00:00Z --hours 72 \
                 --out plan.csv --format json --effort 1000";
    let child = Command::new(env!("CARGO_BIN_EXE_greenwich"))
        .args(words.split_whitespace())
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let pid = Pid::from_child(&child);
    // The one signal is heeded before the other.
    hears::wait_until_it_hears(child.id(), &[Signal::INT, Signal::TERM]);
    kill_process(pid, Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}", output.status);
    assert!(told.contains("stopped early"), "{told}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["stopped"], true);
    assert!(answer["gap"].as_f64().is_some_and(|gap| gap >= 0.0), "{}", answer["gap"]);
    let plan = std::fs::read_to_string(folder.path().join("plan.csv")).expect("the plan is there");
    let placed: std::collections::BTreeSet<&str> =
        plan.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(Some(placed.len() as u64), answer["placed"].as_u64());
}

#[test]
fn one_and_two_threads_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    files(folder.path());
    let planned = |threads: &str, weights: &[&str]| {
        let words = "plan --jobs jobs.csv --sites sites.csv --signals . --start 2022-07-04T00:00:00Z --hours 72 \
                     --out plan.csv --certificate proof.json --format json --effort 0.02 --threads";
        let output = Command::new(env!("CARGO_BIN_EXE_greenwich"))
            .args(words.split_whitespace())
            .arg(threads)
            .args(weights)
            .current_dir(folder.path())
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        // What it took differs from run to run.
        let answer = answer.as_object_mut().expect("an object");
        answer.remove("seconds").expect("how long it took");
        assert_eq!(answer.remove("threads").expect("how many there were").to_string(), threads);
        let written = ["plan.csv", "proof.json"].map(|file| std::fs::read(folder.path().join(file)).expect("written"));
        (answer.clone(), written)
    };
    // A plain fleet, and one for which each job is asked on its own.
    for weights in [&[][..], &["--delay-penalty-g", "5"]] {
        let (one, two) = (planned("1", weights), planned("2", weights));
        assert!(one.1[0].len() > 1000, "a plan of hundreds of rows");
        assert!(one == two, "the plans of one and two threads differ {weights:?}");
    }
}
