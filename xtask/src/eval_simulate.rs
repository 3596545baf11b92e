//! Measures policies: the tables of `docs/accuracy.md` on waiting, rolling plans and policies side by side.
//!
//! In: hourly traces and traces of jobs by `--data`. Out: tables on standard error. Nothing here is asserted.

mod awhile;
mod numpy;
mod policies;
mod rolling;

use crate::eval_forecast::read;
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use greenwich_forecast::History;
use jiff::Timestamp;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub(crate) use awhile::awhile;
pub(crate) use policies::policies;
pub(crate) use rolling::rolling;

/// All tables of policies.
pub(crate) fn all() -> Result<()> {
    awhile(&[])?;
    rolling(&[])?;
    policies(&[])
}

/// A zone's past intensity alone: the weather that these traces hold is what came, which no forecast of the day knew.
fn past(path: &Path) -> Result<History> {
    Ok(read(path)?.with_covariates(Vec::new()))
}

/// The folder of traces: `--data DIR`, else the one beside the repository; `None`, said loudly, where it is not there.
fn data(words: &[&str]) -> Result<Option<PathBuf>> {
    let folder = match words {
        [] => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        ["--data", folder] => PathBuf::from(folder),
        _ => bail!("write --data DIR, the folder with grid/, jobs/ and other/"),
    };
    if !folder.join("grid").is_dir() {
        eprintln!("skipped: no grid/ in {}; name the folder of traces by --data", folder.display());
        return Ok(None);
    }
    Ok(Some(folder))
}

/// Instants and lifecycle intensities of a trace.
fn intensities(file: &Path) -> Result<Vec<(Timestamp, Option<f64>)>> {
    let mut text = String::new();
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    MultiGzDecoder::new(opened).read_to_string(&mut text)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers()?.clone();
    let column = |name: &str| head.iter().position(|found| found == name).with_context(|| format!("no column {name}"));
    let (utc, level) = (column("utc")?, column("gco2e_per_kwh")?);
    reader
        .records()
        .map(|row| {
            let row = row?;
            Ok((row[utc].parse()?, row[level].parse().ok()))
        })
        .collect()
}

fn print(text: &str) {
    eprintln!("{text}");
}
