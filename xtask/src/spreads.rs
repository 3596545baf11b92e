//! Measures what `assumptions.csv` assumes: how far a figure of another year, zone, fleet or week lies off.
//!
//! In: the rows of the catalog and, where they are, the hourly traces. Out: on the screen, each assumed spread
//! beside the one that our own figures show. Nothing is written: an assumption is changed by hand, in a
//! commit of its own.
//!
//! A spread is the root mean square of the logarithm of found ÷ taken, so that 0.1 is about 10 %.

use crate::profiles::{DEFAULT_DATA, gunzip, root, traces, when};
use anyhow::{Context, Result, bail};
use greenwich_facts::{Catalog, Row};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

const WEEK_H: usize = 7 * 24;
const TRAINED_ON: [i16; 2] = [2021, 2022];
const HELD_OUT: i16 = 2023;

/// Runs `cargo xtask spreads [--data DIR]`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let data = match arguments {
        [] => root().join(DEFAULT_DATA),
        ["--data", folder] => PathBuf::from(folder),
        _ => bail!("usage: cargo xtask spreads [--data DIR]"),
    };
    let catalog = Catalog::load();
    let assumed = |assumption: &str, quantity: &str| {
        catalog.lookup("assumptions", assumption, quantity, &[], None).map_or(f64::NAN, |row| row.value)
    };
    eprintln!("{:<44} {:>8} {:>9}   on", "spread (ln)", "assumed", "measured");
    let line = |what: &str, assumed: f64, logs: &[f64], on: &str| {
        eprintln!("{what:<44} {assumed:>8.3} {:>9.3}   {} {on}", rms(logs), logs.len());
    };
    let per_year = assumed("intensity-of-another-year", "log_sd_per_year");
    for lag in [1, 2] {
        let what = format!("yearly intensity, {lag} year(s) on");
        line(&what, per_year * f64::from(lag).sqrt(), &years_apart(&catalog, lag), "pairs of one zone and source");
    }
    let parent = assumed("intensity-of-parent-zone", "log_sd");
    line("a zone by the zone around", parent, &against_parent(&catalog), "zones with both");
    for (quantity, assumption) in [("pue", "pue-of-fleet"), ("wue", "wue-of-fleet")] {
        for provider in ["aws", "azure", "gcp"] {
            let logs = against_fleet(&catalog, provider, quantity);
            let what = format!("{quantity} of a region by the fleet, {provider}");
            if logs.is_empty() {
                continue;
            }
            line(&what, assumed(assumption, "log_sd"), &logs, "regional figures above zero");
        }
    }
    let a_year_on = assumed("typical-year", "log_sd").hypot(per_year);
    let grid = data.join("grid");
    if !grid.is_dir() {
        eprintln!("no traces at {}: give the folder with grid/ as --data for the typical years", data.display());
        return Ok(());
    }
    let mut all = Vec::new();
    for path in traces(&grid)? {
        let logs = weeks_against_typical(&gunzip(&path)?).with_context(|| format!("in {}", path.display()))?;
        if !logs.is_empty() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            line(&format!("  {}", name.trim_end_matches(".csv.gz")), a_year_on, &logs, "weeks of 2023");
            all.extend(logs);
        }
    }
    line("a week by the typical year before it, all", a_year_on, &all, "weeks of 2023, means of 2021 and 2022");
    Ok(())
}

fn rms(logs: &[f64]) -> f64 {
    (logs.iter().map(|log| log * log).sum::<f64>() / logs.len() as f64).sqrt()
}

fn lifecycle(catalog: &Catalog) -> impl Iterator<Item = &Row> {
    let is_one = |row: &&Row| row.table == "zones" && row.quantity == "average_intensity" && row.scope == "lifecycle";
    catalog.rows().filter(is_one).filter(|row| row.value > 0.0)
}

/// Later ÷ earlier figure of one zone by one source.
fn years_apart(catalog: &Catalog, lag: i16) -> Vec<f64> {
    let by_year: HashMap<(&str, &str, i16), f64> = lifecycle(catalog)
        .map(|row| ((row.subject.as_str(), row.source.as_str(), row.valid_from.year()), row.value))
        .collect();
    let mut pairs: Vec<_> = by_year
        .iter()
        .filter_map(|(&(zone, source, year), then)| {
            Some(((zone, source, year), (by_year.get(&(zone, source, year + lag))? / then).ln()))
        })
        .collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs.into_iter().map(|(_, log)| log).collect()
}

/// Newest figure of a zone ÷ newest of the zone around.
fn against_parent(catalog: &Catalog) -> Vec<f64> {
    let mut newest: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in lifecycle(catalog) {
        let held = newest.entry(&row.subject).or_insert(row);
        if row.valid_from > held.valid_from {
            *held = row;
        }
    }
    let ratio = |zone: &str, around: &str| Some((newest.get(zone)?.value / newest.get(around)?.value).ln());
    catalog.zone_names().filter_map(|zone| ratio(&zone.id, zone.parent.as_ref()?.as_str())).collect()
}

/// Figure of a region ÷ the fleet's of the year, or of the last year before it.
fn against_fleet(catalog: &Catalog, provider: &str, quantity: &str) -> Vec<f64> {
    let of = |table: &'static str| {
        catalog.rows().filter(move |row| row.table == table && row.quantity == quantity && row.value > 0.0)
    };
    let fleet: BTreeMap<i16, f64> =
        of("providers").filter(|row| row.subject == provider).map(|row| (row.valid_from.year(), row.value)).collect();
    of("regions")
        .filter(|row| row.subject.split('/').next() == Some(provider))
        .filter_map(|row| Some((row.value / fleet.range(..=row.valid_from.year()).next_back()?.1).ln()))
        .collect()
}

/// Mean of each week of the year held out ÷ what the month × hour means of the years before say.
fn weeks_against_typical(text: &str) -> Result<Vec<f64>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let at = |name: &str| header.iter().position(|field| field == name).with_context(|| format!("no column `{name}`"));
    let (utc, value) = (at("utc")?, at("gco2e_per_kwh")?);
    let mut typical = [[(0.0_f64, 0_u32); 24]; 12];
    let mut held_out = Vec::new();
    for record in reader.records() {
        let record = record?;
        let Ok(found) = record[value].parse::<f64>() else { continue };
        let (year, month, hour) = when(&record[utc]).with_context(|| format!("`{}` is no hour", &record[utc]))?;
        if TRAINED_ON.contains(&year) {
            let (sum, count) = &mut typical[month][hour];
            *sum += found;
            *count += 1;
        } else if year == HELD_OUT {
            held_out.push((month, hour, found));
        }
    }
    if held_out.is_empty() || typical.iter().flatten().any(|(_, count)| *count == 0) {
        return Ok(Vec::new());
    }
    let taken = |&(month, hour, _): &(usize, usize, f64)| typical[month][hour].0 / f64::from(typical[month][hour].1);
    let weeks = held_out.chunks_exact(WEEK_H);
    Ok(weeks
        .map(|week| (week.iter().map(|one| one.2).sum::<f64>() / week.iter().map(taken).sum::<f64>()).ln())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn a_week_a_tenth_above_its_typical_year_is_a_tenth_off() {
        let mut text = String::from("utc,gco2e_per_kwh\n");
        for (year, value) in [(2021, 90), (2022, 110), (2023, 110)] {
            for month in 1..=12 {
                for (day, hour) in (1..=28).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
                    writeln!(text, "{year}-{month:02}-{day:02}T{hour:02}:00:00Z,{value}").expect("a String takes all");
                }
            }
        }
        let logs = weeks_against_typical(&text).expect("a good trace");
        assert_eq!(logs.len(), 48);
        assert!((rms(&logs) - 1.1_f64.ln()).abs() < 1e-12);
        let without = text.lines().filter(|line| !line.starts_with("2021") && !line.starts_with("2022"));
        let without: Vec<&str> = without.collect();
        assert!(weeks_against_typical(&without.join("\n")).expect("readable").is_empty(), "nothing to hold it against");
    }

    #[test]
    fn every_spread_is_measured_on_rows() {
        let catalog = Catalog::load();
        assert!(years_apart(&catalog, 1).len() >= 10);
        assert!(against_parent(&catalog).len() >= 30);
        for (provider, quantity) in [("aws", "pue"), ("azure", "wue")] {
            assert!(against_fleet(&catalog, provider, quantity).len() >= 10, "{quantity} of {provider}");
        }
    }
}
