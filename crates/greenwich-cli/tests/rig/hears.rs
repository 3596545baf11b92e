//! Waiting until a program heeds signals, by the kernel's word, so that none comes too early.
//!
//! In: a process and signals. Out: it has handlers for all of them.

use rustix::process::Signal;
use std::time::{Duration, Instant};

/// A program that never listens fails its test after this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a process has a handler for each of these signals.
pub(crate) fn wait_until_it_hears(pid: u32, signals: &[Signal]) {
    let begun = Instant::now();
    while !hears(pid, signals) {
        assert!(begun.elapsed() < PATIENCE, "it never listens");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn hears(pid: u32, signals: &[Signal]) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    signals.iter().all(|signal| mask >> (signal.as_raw() - 1) & 1 == 1)
}
