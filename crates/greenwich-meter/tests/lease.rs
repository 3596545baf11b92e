//! A lease across processes: the kernel frees it when its holder is killed.

use greenwich_meter::lease::{Claim, claim};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FOLDER: &str = "GREENWICH_TEST_LEASE_FOLDER";

/// The other process: this test binary, started again with a folder to hold a lease in.
#[test]
fn holder() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let held = claim(&folder, "cpu-0", "the other process").expect("the folder can be written");
    assert!(matches!(held, Claim::Held(_)));
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_lease_is_free_again_when_its_holder_is_killed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut other = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", "holder"])
        .env(FOLDER, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("this binary starts");
    let file = dir.path().join("lease-cpu-0");
    let until = Instant::now() + Duration::from_secs(30);
    while std::fs::read_to_string(&file).unwrap_or_default() != "the other process" && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let ask = || claim(dir.path(), "cpu-0", "we").expect("the folder can be written");
    assert!(matches!(ask(), Claim::Elsewhere(holder) if holder == "the other process"));
    other.kill().expect("it runs");
    other.wait().expect("it was started");
    assert!(matches!(ask(), Claim::Held(_)));
}
