//! Other meters over the same tree, in a mount namespace of their own.
//!
//! In: a virtual environment with codecarbon, carbontracker, zeus or pyJoules. Out: what each cost and told of a
//! minute of 150 W + 20 W. Needs root for `unshare -m`, and says so loudly where it is missing.

use super::stage::Stage;
use anyhow::{Context, Result, bail};
use greenwich_meter::fixture::Power;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

const DRIVER: &str = include_str!("peers.py");
/// Each with the periods that are asked of it, in seconds.
const PEERS: [(&str, &[&str]); 4] =
    [("codecarbon", &["15", "1", "0.1"]), ("carbontracker", &["1", "0.1"]), ("zeus", &["1"]), ("pyjoules", &["1"])];
/// The tree's `class` over the system's, so that paths that are written into a program lead to the tree.
const OVER_SYS: &str = r#"mount --bind "$1" /sys/class && shift && exec "$@""#;

/// The meters that the driver knows.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PEERS.iter().map(|(name, _)| *name)
}

pub(super) fn run(stage: &Stage, venv: &Path, seconds: u64, wanted: &[&str]) -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: other meters read paths of their own; to give them the tree takes root (`unshare -m`)");
        return Ok(());
    }
    let python = venv.join("bin/python");
    if !python.is_file() {
        bail!("`{}` is not there: make it by `python3 -m venv`", python.display());
    }
    let (tree, live) = stage.tree("peers", Power::Constant(150.0), 1);
    // What the kernel has beside the zones: the control type's own folder, and the way back to all of them.
    let control = tree.join("devices/virtual/powercap/intel-rapl");
    symlink(tree.join("class/powercap"), control.join("subsystem"))?;
    symlink(&control, tree.join("class/powercap/intel-rapl"))?;
    let driver = tree.join("peers.py");
    fs::write(&driver, DRIVER)?;
    for (peer, periods) in PEERS.iter().filter(|(peer, _)| wanted.contains(peer)) {
        for period in *periods {
            let told = Command::new("unshare")
                .args(["-m", "sh", "-c", OVER_SYS, "sh"])
                .arg(tree.join("class"))
                .arg(&python)
                .arg(&driver)
                .args([*peer, *period, seconds.to_string().as_str()])
                .current_dir(&tree)
                .stderr(Stdio::piped())
                .output()?;
            let text = String::from_utf8_lossy(&told.stdout);
            let Some(told_json) = text.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok()) else {
                let cause = String::from_utf8_lossy(&told.stderr);
                eprintln!("peers: {peer} every {period} s: no figures: {}", cause.trim().lines().last().unwrap_or(""));
                continue;
            };
            let number = |key: &str| told_json.get(key).and_then(Value::as_f64).context("the driver tells it");
            eprintln!(
                "peers: {peer} every {period} s: {:.4} CPU-s/min, peak {:.0} MiB, start {:.2} s wall {:.2} s CPU, {:.0} J of {:.0} J",
                number("cpu_s_per_min")?,
                number("peak_mib")?,
                number("start_wall_s")?,
                number("start_cpu_s")?,
                number("energy_j")?,
                170.0 * seconds as f64,
            );
        }
    }
    drop(live);
    Ok(())
}
