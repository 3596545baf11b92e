//! Rows 8 and 11: energy against analytic truth, and what `kill -9` costs.
//!
//! In: the stage, and how long or how often. Out: joules beside the truth; what each kill cost and whether all was read.

use super::stage::{Stage, quantile};
use anyhow::{Context, Result, bail};
use greenwich_meter::fixture::{Live, Power};
use greenwich_store::{Entry, JournalFile, Ledger};
use nix::sys::signal::{Signal, kill, killpg};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

const ZONES: [&str; 2] = ["intel-rapl:0", "intel-rapl:0:0"];
const PERIOD_MS: f64 = 100.0;
/// What row 11 allows beside the period.
const SLACK_MS: f64 = 5.0;

fn drawn_j(live: &Live) -> f64 {
    live.with(|tree| ZONES.iter().map(|zone| tree.joules(zone)).sum())
}

/// Row 8: what the entry says against what the counters drew from before the start to after the end.
pub(super) fn energy(stage: &Stage, seconds: u64) -> Result<()> {
    let wave = Power::Square { high_w: 400.0, low_w: 60.0, period: Duration::from_millis(1730) };
    for (what, power) in [("150 W + 20 W", Power::Constant(150.0)), ("400/60 W wave + 20 W", wave)] {
        for period in ["1s", "100ms"] {
            let (tree, live) = stage.tree("energy", power, 1);
            // The first value is written at once; the thread that moves it on needs a moment.
            sleep(Duration::from_millis(200));
            let summary = tree.join("summary.json");
            let mut command = stage.run("energy", &tree, period);
            command.arg("--summary").arg(&summary).args(["--", "sleep", &seconds.to_string()]);
            let before_j = drawn_j(&live);
            if !command.status()?.success() {
                bail!("it failed");
            }
            let truth_j = drawn_j(&live) - before_j;
            let entry = Entry::from_json("summary.json", &fs::read(&summary)?)?;
            let found_j = entry.it_energy_j.context("it was counted")?;
            let off = (found_j / truth_j - 1.0) * 100.0;
            if let Power::Constant(watts) = power {
                let child_j = (watts + 20.0) * seconds as f64;
                let off = (found_j / child_j - 1.0) * 100.0;
                eprintln!(
                    "8: {what}, every {period}: {found_j:.2} J of {child_j:.2} J in the child's {seconds} s, {off:+.3} %"
                );
            }
            eprintln!("8: {what}, every {period}: {found_j:.2} J of {truth_j:.2} J from launch to exit, {off:+.3} %");
        }
    }
    Ok(())
}

fn boot_ns() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
    Ok(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

/// Row 11.
pub(super) fn kills(stage: &Stage, kills: u32) -> Result<()> {
    let (tree, _live) = stage.tree("kills", Power::Constant(150.0), 1);
    let folder = stage.ledger("kills");
    let ledger = Ledger::at(&folder);
    if !stage.run("kills", &tree, "100ms").args(["--", "sleep", "0.3"]).status()?.success() {
        bail!("the earlier run failed");
    }
    let mut before = BTreeMap::new();
    contents(&folder, &mut before)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id());
    let (mut lost_ms, mut unborn, mut torn, mut wrong, mut late, mut ticks) = (Vec::new(), 0, 0, 0, 0, 0);
    for _ in 0..kills {
        let mut command = stage.run("kills", &tree, "100ms");
        command.args(["--", "sleep", "60"]).process_group(0).stdin(Stdio::null());
        let mut child = command.spawn()?;
        let pid = Pid::from_raw(child.id() as i32);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sleep(Duration::from_micros(state % 600_000));
        let killed_ns = boot_ns()?;
        kill(pid, Signal::SIGKILL)?;
        child.wait()?;
        // What it ran goes on, as it should, and is in its group.
        let _ = killpg(pid, Signal::SIGKILL);
        let [path] = ledger.journals()?.try_into().unwrap_or_else(|_| [PathBuf::new()]);
        if path.as_os_str().is_empty() {
            unborn += 1;
            continue;
        }
        let mut file = JournalFile::open(&path)?;
        let (mut at_ns, mut sum_uj) = (0, 0);
        while let Some(tick) = file.next_tick()? {
            ticks += 1;
            at_ns = tick.at_ns;
            sum_uj += tick.spans.iter().map(|span| span.energy_uj).sum::<u64>();
        }
        torn += u32::from(file.torn_bytes() > 0);
        lost_ms.push((killed_ns.saturating_sub(file.header().started_boot_ns + at_ns)) as f64 / 1e6);
        let host = file.header().host.clone();
        drop(file);
        let mut recovered = ledger.recover(&host)?;
        if !recovered.alive.is_empty() {
            // Killed between fork and exec, its child held the journal's lock for a moment longer.
            late += 1;
            sleep(Duration::from_millis(100));
            recovered = ledger.recover(&host)?;
        }
        let found_uj = recovered.entries.iter().filter_map(|entry| entry.it_energy_j).sum::<f64>() * 1e6;
        wrong += u32::from(recovered.entries.len() != 1 || (found_uj - sum_uj as f64).abs() > 1.0);
    }
    let unreadable = ledger.verify()?.findings.len();
    let mut after = BTreeMap::new();
    contents(&folder, &mut after)?;
    let touched = before.iter().filter(|(path, bytes)| after.get(*path) != Some(bytes)).count();
    let over = lost_ms.iter().filter(|lost| **lost > PERIOD_MS + SLACK_MS).count();
    let [middle, high, most] = [0.5, 0.99, 1.0].map(|share| quantile(&lost_ms, share));
    eprintln!(
        "11: {kills} kills at 10 Hz, {ticks} ticks: {unborn} before a journal was begun, {torn} torn tails, {unreadable} \
         unreadable, {wrong} recovered wrongly, {late} at the second try, {touched} earlier files touched"
    );
    eprintln!(
        "11: lost {middle:.1} ms (median), {high:.1} ms (99 of 100), {most:.1} ms (most); {over} of {} over {:.0} ms",
        lost_ms.len(),
        PERIOD_MS + SLACK_MS
    );
    Ok(())
}

fn contents(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            contents(&path, into)?;
        } else {
            into.insert(path.clone(), fs::read(&path)?);
        }
    }
    Ok(())
}
