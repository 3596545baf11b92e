//! `cargo xtask eval answers`: how long the program takes from the shell to its answer.
//!
//! In: a release build, made here or given by `--bin`; `--runs`, 51 by default. Out: a line a command on standard error:
//! wall clock and CPU time (user + system) of the whole process. Timings are of this machine at this moment, and nothing
//! here is asserted.

use crate::eval_metering::{children_cpu_s, quantile, release_program};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const USAGE: &str = "usage: cargo xtask eval answers [--bin FILE] [--runs N]";

/// What is asked: the first is the cost of a process alone.
const ASKED: [&[&str]; 5] = [
    &["--version"],
    &[
        "estimate",
        "--config",
        "examples/llm-7b.config.json",
        "--tokens",
        "2e12",
        "--accelerator",
        "h100-sxm5-80g",
        "--count",
        "512",
    ],
    &[
        "estimate",
        "--config",
        "examples/llm-7b.config.json",
        "--tokens",
        "2e12",
        "--accelerator",
        "h100-sxm5-80g",
        "--count",
        "512",
        "--format",
        "json",
    ],
    &[
        "estimate",
        "--config",
        "examples/layers/resnet50.toml",
        "--samples",
        "115.2e6",
        "--accelerator",
        "a100-sxm4-80g",
        "--count",
        "8",
    ],
    &["estimate", "examples/llm-7b.toml"],
];

/// Asks each question in turn, so that a busy moment falls on all of them.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (mut bin, mut runs) = (None, 51);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value\n{USAGE}"));
        match *word {
            "--bin" => bin = Some(PathBuf::from(value()?)),
            "--runs" => runs = value()?.parse()?,
            _ => bail!("{USAGE}"),
        }
    }
    let bin = match bin {
        Some(bin) => bin.canonicalize()?,
        None => release_program()?,
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = ASKED.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..runs {
        for (asked, (wall_ms, cpu_ms)) in ASKED.iter().zip(&mut found) {
            let mut command = Command::new(&bin);
            command.args(*asked).current_dir(&root).stdout(Stdio::null());
            let (began, before_s) = (Instant::now(), children_cpu_s()?);
            if !command.status()?.success() {
                bail!("`greenwich {}` failed", asked.join(" "));
            }
            wall_ms.push(began.elapsed().as_secs_f64() * 1e3);
            cpu_ms.push((children_cpu_s()? - before_s) * 1e3);
        }
    }
    for (asked, (wall_ms, cpu_ms)) in ASKED.iter().zip(&found) {
        let of = |values: &[f64]| [0.5, 0.0, 0.9].map(|share| quantile(values, share));
        let ([wall, least_wall, high_wall], [cpu, least_cpu, high_cpu]) = (of(wall_ms), of(cpu_ms));
        eprintln!(
            "{cpu:6.2} ms CPU ({least_cpu:.2} to {high_cpu:.2}), {wall:6.2} ms wall ({least_wall:.2} to {high_wall:.2}): greenwich {}",
            asked.join(" ")
        );
    }
    eprintln!("medians of {runs} runs; in brackets the least, and what nine in ten are below");
    Ok(())
}
