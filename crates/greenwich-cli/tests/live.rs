//! A run in progress, seen by the real program: metrics, progress, one frame of `top`.
//!
//! In: a child that waits for us. Out: what others see of it meanwhile, and that its own streams and status stay.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The program with a ledger in a folder, at a place, and no sensors but a model of two CPUs.
fn greenwich(folder: &Path, words: &[&str]) -> Command {
    let proc_root = folder.join("proc");
    std::fs::create_dir_all(&proc_root).expect("a folder that can be written");
    std::fs::write(proc_root.join("stat"), "cpu  200 0 0 800\ncpu0 100 0 0 400\ncpu1 100 0 0 400\n").expect("writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
    command.args(words).args(["--ledger", "ledger", "--zone", "GB"]).current_dir(folder);
    // Leases and settings of whoever runs the tests are not touched.
    command.env("XDG_RUNTIME_DIR", folder).env("XDG_CONFIG_HOME", folder).env_remove("COLUMNS");
    command
}

fn run(folder: &Path, flags: &[&str], child: &[&str]) -> Command {
    let mut command = greenwich(folder, &["run", "--sysfs-root", "sys", "--proc-root", "proc", "--period", "50ms"]);
    command.args(flags).arg("--").args(child);
    command
}

#[test]
fn metrics_are_answered_while_the_command_runs_and_its_status_is_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wait = ["sh", "-c", "read line; echo \"$line\"; exit 7"];
    let mut command = run(folder.path(), &["--metrics", "127.0.0.1:0"], &wait);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut said = String::new();
    stderr.read_line(&mut said).expect("it is text");
    let address =
        said.trim().strip_prefix("greenwich: metrics at http://").and_then(|rest| rest.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("where the metrics are: {said}")).to_owned();
    let scrape = || {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is closed after the answer");
        answer
    };
    // The first tick comes after a period; until then the families without values are left out.
    let begun = Instant::now();
    let answer = loop {
        let answer = scrape();
        if answer.contains("greenwich_power_watts{") {
            break answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no tick: {answer}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for series in [
        "greenwich_energy_joules_total{device=\"cpu-model\",component=\"cpu\"",
        "greenwich_emissions_grams_total{method=\"location\",signal=\"lifecycle\"}",
        "greenwich_grid_intensity_grams_per_kwh{zone=\"GB\",signal=\"lifecycle\",kind=\"typical\"}",
    ] {
        assert!(answer.contains(series), "{series}\n{answer}");
    }
    let once = greenwich(folder.path(), &["top", "--once"]).output().expect("the program runs");
    let frame = String::from_utf8_lossy(&once.stdout).into_owned();
    assert!(once.status.success() && frame.contains("1 run in progress") && frame.contains("estimated"), "{frame}");
    child.stdin.take().expect("it is piped").write_all(b"hello\n").expect("the child reads");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("it is text");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), b"hello\n".as_slice()), "{rest}");
}

#[test]
fn an_address_that_others_reach_is_refused_before_the_command_starts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run(folder.path(), &["--metrics", "0.0.0.0:0"], &["touch", "started"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("started").exists());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("can be reached from other machines") && stderr.contains("--metrics-any-address"),
        "{stderr}"
    );
}

#[test]
fn an_address_that_is_taken_costs_the_metrics_and_not_the_command() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let output = run(folder.path(), &["--metrics", &address], &["touch", "started"]).output().expect("it runs");
    assert!(output.status.success() && folder.path().join("started").exists());
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("no metrics at {address}")));
}

#[test]
fn there_is_no_line_of_progress_where_stderr_is_no_terminal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run(folder.path(), &["--progress"], &["sleep", "0.3"]).output().expect("it runs");
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(!output.stderr.contains(&0x1b), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn top_without_a_terminal_names_the_frame_and_the_frame_names_what_is_missing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let screen = greenwich(folder.path(), &["top"]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&screen.stderr);
    assert!(screen.status.code() == Some(2) && stderr.contains("greenwich top --once"), "{stderr}");
    let once = greenwich(folder.path(), &["top", "--once"]).output().expect("it runs");
    let frame = String::from_utf8_lossy(&once.stdout);
    assert!(once.status.success() && frame.contains("No run is in progress in the ledger"), "{frame}");
    let json = greenwich(folder.path(), &["top", "--once", "--format", "json"]).output().expect("it runs");
    assert_eq!((json.status.code(), json.stdout.len()), (Some(2), 0));
}
