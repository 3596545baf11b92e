//! `cargo xtask eval metering`: what `greenwich run` costs and how right it is, over stand-ins for hardware.
//!
//! In: a release build, made here or given by `--bin` and `--stub`; the rows wanted, all by default; a virtual
//! environment of other meters by `--peers`. Out: one line a figure on standard error, numbered as in `docs/performance.md` and
//! `docs/accuracy.md`. Timings are of this machine at this moment, and nothing here is asserted.

mod cost;
mod peers;
mod stage;
mod truth;

use anyhow::{Context, Result, bail};
use stage::Stage;
pub(crate) use stage::{children_cpu_s, quantile};
use std::path::PathBuf;
use std::process::Command;

const USAGE: &str =
    "usage: cargo xtask eval metering [--bin FILE] [--stub FILE] [--peers VENV] [--seconds N] [--kills N] \
                     [--long MINUTES] [ROW …]
rows: 1 2 3 4 5 6 7 8 11 peers, or one peer by its name; all by default, `peers` where --peers is given";

/// Rows that are figures; the others are tests.
const ROWS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "11", "peers"];

/// How much is measured.
struct Effort {
    /// Length of a steady measurement.
    seconds: u64,
    /// Kills of row 11.
    kills: u32,
    /// Length of the longer run of row 5, in minutes.
    long_min: u64,
}

/// Runs the rows that were asked for.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (mut bin, mut stub, mut venv) = (None, None, None);
    let mut effort = Effort { seconds: 60, kills: 1000, long_min: 10 };
    let mut rows = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value\n{USAGE}"));
        match *word {
            "--bin" => bin = Some(PathBuf::from(value()?)),
            "--stub" => stub = Some(PathBuf::from(value()?)),
            "--peers" => venv = Some(PathBuf::from(value()?)),
            "--seconds" => effort.seconds = value()?.parse()?,
            "--kills" => effort.kills = value()?.parse()?,
            "--long" => effort.long_min = value()?.parse()?,
            row if ROWS.contains(&row) || peers::names().any(|peer| peer == row) => rows.push(row),
            _ => bail!("{USAGE}"),
        }
    }
    let (bin, stub) = match (bin, stub) {
        (Some(bin), Some(stub)) => (bin, stub),
        _ => build()?,
    };
    let stage = Stage::new(bin, stub)?;
    let wanted = |row: &str| rows.is_empty() || rows.contains(&row);
    for (row, hertz) in [("1", 1), ("2", 10)] {
        if wanted(row) {
            cost::steady(&stage, row, hertz, effort.seconds)?;
        }
    }
    if wanted("3") {
        cost::with_processes(&stage, effort.seconds)?;
    }
    if wanted("4") {
        cost::with_gpus(&stage, effort.seconds)?;
    }
    if wanted("5") {
        cost::memory(&stage, effort.long_min)?;
    }
    if wanted("6") {
        cost::start_up(&stage)?;
    }
    if wanted("7") {
        cost::slowdown(&stage)?;
    }
    if wanted("8") {
        truth::energy(&stage, effort.seconds)?;
    }
    if wanted("11") {
        truth::kills(&stage, effort.kills)?;
    }
    let peers: Vec<&str> = peers::names().filter(|peer| wanted("peers") || wanted(peer)).collect();
    match venv {
        Some(venv) => peers::run(&stage, &venv, effort.seconds, &peers),
        None if !rows.is_empty() && !peers.is_empty() => bail!("peers want --peers VENV, where they are installed"),
        None => Ok(()),
    }
}

/// The child of row 7: a fixed amount of work, and what it cost this process alone on standard output.
pub(crate) fn work() -> Result<()> {
    cost::work()
}

/// The program as users would have it.
pub(crate) fn release_program() -> Result<PathBuf> {
    build().map(|(program, _)| program)
}

/// Builds the program and the stand-in for the NVIDIA library, as users would have it.
fn build() -> Result<(PathBuf, PathBuf)> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "-p", "greenwich-cli", "-p", "greenwich-nvml-stub"])
        .status()
        .context("cargo could not be started")?;
    if !status.success() {
        bail!("the release build failed");
    }
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    let folder = metadata.target_directory.as_std_path().join("release");
    Ok((folder.join("greenwich"), folder.join("libgreenwich_nvml_stub.so")))
}
