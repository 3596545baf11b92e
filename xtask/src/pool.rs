//! Makes `crates/greenwich-forecast/data/pooled.csv`: what the next hours owe to the last four weeks, over many zones.
//!
//! In: a folder of hourly traces. Out: the text of the prior that ships. Hours of 2023 are left out, so that figures on
//! 2023 are of hours that no part of the forecaster has seen. The same traces give the same bytes.

use crate::eval_forecast::{read, zones};
use anyhow::{Context, Result, bail};
use greenwich_forecast::{Pool, ZoneMoments};
use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

const OUT: &str = "crates/greenwich-forecast/data/pooled.csv";
/// Everything from here on is kept for reports.
pub(crate) const HELD_OUT: &str = "2023-01-01T00:00:00Z";

/// Runs `cargo xtask pool [--data DIR] [--check]`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository");
    let (mut data, mut check) = (root.join("../shared/data"), false);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match *word {
            "--data" => data = PathBuf::from(words.next().context("--data needs the folder with grid/")?),
            "--check" => check = true,
            other => bail!("unknown argument `{other}`: write --data DIR or --check"),
        }
    }
    let pool = pool(&data, HELD_OUT.parse().expect("a stamp"))?;
    let head = format!(
        "# Coefficients and bands pooled over {} zones by `cargo xtask pool`, hours of 2021 and 2022 (most zones 2022 alone).\n\
         # Made from hourly lifecycle intensity of Electricity Maps (ODbL-1.0); docs/design/008-forecaster.md tells how.\n\
         # A coefficient of lag a and lead h is the sum over components of lags[a] x leads[h]; low and high are 5th and\n\
         # 95th percentiles of the error by lead, in units of the zone's spread. A cell is a whole number times the scale.\n",
        pool.zones.len()
    );
    let text = pool.prior(None).context("the folder has no zone that varies")?.text(&head);
    let out = root.join(OUT);
    let current = fs::read_to_string(&out).is_ok_and(|found| found == text);
    match (current, check) {
        (true, _) => eprintln!("{OUT} is current"),
        (false, true) => bail!("{OUT} would change: run `cargo xtask pool` and commit it"),
        (false, false) => {
            fs::write(&out, text).with_context(|| format!("cannot write {OUT}"))?;
            eprintln!("{OUT} written");
        }
    }
    Ok(())
}

/// What each zone of the folder adds, of the hours before `until`.
pub(crate) fn pool(data: &Path, until: Timestamp) -> Result<Pool> {
    let mut pool = Pool::default();
    for path in zones(data)? {
        pool.zones.extend(ZoneMoments::of(&read(&path)?.until(until)));
    }
    Ok(pool)
}
