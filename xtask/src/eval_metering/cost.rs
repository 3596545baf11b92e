//! Rows 1 to 7: CPU time, memory, start-up and slowdown.
//!
//! In: the stage. Out: one line a figure; CPU time is the kernel's own, memory that of `/proc/PID/status`.

use super::stage::{SETTLED, Stage, Steady, children_cpu_s, cpu_s, quantile};
use anyhow::{Context, Result, bail};
use greenwich_meter::fixture::Power;
use nix::sys::resource::UsageWho;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const W150: Power = Power::Constant(150.0);
const STARTS: usize = 50;
const PAIRS: usize = 20;
/// Some two seconds of arithmetic.
const ROUNDS: u64 = 1_200_000_000;

/// CPU time a minute of a program that has settled.
pub(super) fn per_minute(command: &mut Command, seconds: u64) -> Result<(f64, f64)> {
    let steady = Steady::start(command)?;
    sleep(SETTLED);
    let (began, before_s) = (Instant::now(), steady.cpu_s()?);
    sleep(Duration::from_secs(seconds));
    let used_s = steady.cpu_s()? - before_s;
    let minute = used_s * 60.0 / began.elapsed().as_secs_f64();
    let peak_mib = steady.status_mib("VmHWM")?;
    steady.end()?;
    Ok((minute, peak_mib))
}

/// Rows 1 and 2.
pub(super) fn steady(stage: &Stage, row: &str, hertz: u32, seconds: u64) -> Result<()> {
    let (tree, _live) = stage.tree("steady", W150, 1);
    let mut command = stage.run("steady", &tree, &format!("{}ms", 1000 / hertz));
    let (cpu_s, peak_mib) = per_minute(command.args(["--", "sleep", "100000"]), seconds)?;
    eprintln!("{row}: package + dram at {hertz} Hz: {cpu_s:.4} CPU-s/min over {seconds} s, peak {peak_mib:.2} MiB");
    Ok(())
}

/// Row 3: the run is a tree of 129 processes.
pub(super) fn with_processes(stage: &Stage, seconds: u64) -> Result<()> {
    let (tree, _live) = stage.tree("processes", W150, 1);
    let script = "i=0; while [ $i -lt 128 ]; do sleep 100000 & i=$((i+1)); done; trap 'kill $(jobs -p)' TERM; wait";
    let mut command = stage.run("processes", &tree, "1s");
    let (cpu_s, _) = per_minute(command.args(["--", "bash", "-c", script]), seconds)?;
    eprintln!("3: a tree of 129 processes at 1 Hz: {cpu_s:.4} CPU-s/min over {seconds} s");
    Ok(())
}

/// Row 4.
pub(super) fn with_gpus(stage: &Stage, seconds: u64) -> Result<()> {
    for hertz in [1, 10] {
        let (tree, _live) = stage.tree("gpus", W150, 2);
        let mut command = stage.run_with(&stage.stub, "gpus", &tree, &format!("{}ms", 1000 / hertz));
        command.env("GREENWICH_NVML_STUB", "gpus=8").args(["--", "sleep", "100000"]);
        let (cpu_s, peak_mib) = per_minute(&mut command, seconds)?;
        eprintln!(
            "4: 8 GPUs + 2 packages + 2 dram at {hertz} Hz: {cpu_s:.4} CPU-s/min over {seconds} s, peak {peak_mib:.2} MiB"
        );
    }
    Ok(())
}

/// Row 5.
pub(super) fn memory(stage: &Stage, minutes: u64) -> Result<()> {
    let (tree, _live) = stage.tree("memory", W150, 1);
    let steady = Steady::start(stage.run("memory", &tree, "100ms").args(["--", "sleep", "100000"]))?;
    for minute in 1..=minutes {
        sleep(Duration::from_secs(60));
        if minute == 1 || minute == minutes {
            let [peak, anon] = [steady.status_mib("VmHWM")?, steady.status_mib("RssAnon")?];
            eprintln!("5: after {minute} min at 10 Hz: peak {peak:.2} MiB, of which {anon:.2} MiB are not files");
        }
    }
    steady.end()
}

/// Row 6: `greenwich run -- true` minus `true`.
pub(super) fn start_up(stage: &Stage) -> Result<()> {
    let (tree, _live) = stage.tree("start", W150, 1);
    let (mut wall_ms, mut cpu_ms) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..STARTS {
        let mut with = stage.run("start", &tree, "1s");
        with.args(["--", "true"]);
        for (which, command) in [(0, &mut Command::new("true")), (1, &mut with)] {
            let (began, before_s) = (Instant::now(), children_cpu_s()?);
            if !command.status()?.success() {
                bail!("it failed");
            }
            wall_ms[which].push(began.elapsed().as_secs_f64() * 1e3);
            cpu_ms[which].push((children_cpu_s()? - before_s) * 1e3);
        }
    }
    for (what, both) in [("wall", wall_ms), ("CPU", cpu_ms)] {
        let added = |share: f64| quantile(&both[1], share) - quantile(&both[0], share);
        let (least, middle) = (added(0.0), added(0.5));
        eprintln!(
            "6: added to `true`, {what}: {middle:.2} ms by the medians of {STARTS} runs, {least:.2} ms by the least"
        );
    }
    Ok(())
}

/// Row 7: CPU time of the child itself, metered and not, in turns.
pub(super) fn slowdown(stage: &Stage) -> Result<()> {
    let (tree, _live) = stage.tree("slowdown", W150, 1);
    let own = std::env::current_exe()?;
    let told = |command: &mut Command| -> Result<f64> {
        let output = command.stderr(Stdio::inherit()).output()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().context("the child tells its CPU time")
    };
    let mut ratios = Vec::new();
    for pair in 0..PAIRS {
        let alone = |own: &Path| told(Command::new(own).arg("eval-work"));
        let metered = |own: &Path| told(stage.run("slowdown", &tree, "100ms").arg("--").arg(own).arg("eval-work"));
        // Which comes first changes from pair to pair.
        let (alone_s, metered_s) = if pair % 2 == 0 {
            let first = alone(&own)?;
            (first, metered(&own)?)
        } else {
            let first = metered(&own)?;
            (alone(&own)?, first)
        };
        ratios.push((metered_s / alone_s - 1.0) * 100.0);
    }
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&ratios, share));
    eprintln!(
        "7: user + system of a busy child at 10 Hz: {middle:+.2} % (median of {PAIRS} pairs; quartiles {low:+.2} to {high:+.2} %)"
    );
    Ok(())
}

/// The child of row 7.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(super) fn work() -> Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..ROUNDS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    std::hint::black_box(state);
    let _ = fs::metadata("/");
    println!("{}", cpu_s(UsageWho::RUSAGE_SELF)?);
    Ok(())
}
