//! Measures the estimator: refits it on the calibration rows, and foretells each organisation's from the others'.
//!
//! In: the catalog's published runs and, by flag, a folder with `published_runs.tsv` (step times, measured energies). Out: the
//! figures of the Estimate section of `docs/accuracy.md`: hours by tier, energy from true hours, step times, and every
//! peer's formula on the same rows.

#![expect(clippy::print_stdout, reason = "the figures are what was asked for")]

mod energy;
mod steps;

use crate::calibrate::{Published, published};
use anyhow::{Context, Result, bail};
use greenwich_estimate::calibrate::{self, Fitted, Run, UNKNOWN, quantile_of};
use greenwich_facts::Catalog;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The standard normal's 95th and 75th percentile.
const Z: [f64; 2] = [1.644_853_626_951_472_2, 0.674_489_750_196_081_7];

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let data = match arguments {
        [] => None,
        ["--data", folder] => Some(Path::new(*folder)),
        _ => bail!("usage: cargo xtask eval estimate [--data DIR]"),
    };
    let published = published(&Catalog::load())?;
    let organisations: BTreeSet<&str> = published.iter().map(|one| one.run.organisation.as_str()).collect();
    println!(
        "hours, {} published runs of {} organisations, each left out in turn",
        published.len(),
        organisations.len()
    );
    println!(
        "predictor                                   median   mean    p90   in 90 %  in 50 %   width 90 %   score"
    );
    print_line("ours, T0: fit by generation", &left_out(&published));
    for (name, share) in peers() {
        let told =
            published.iter().map(|one| Told { off: one.run.log_useful_share - share(one, &published).ln(), sd: None });
        print_line(name, &told.collect::<Vec<_>>());
    }
    let with_mfu: Vec<&Published> = published.iter().filter(|one| one.mfu.is_some()).collect();
    println!("\nhours with the MFU given, {} runs, each left out in turn", with_mfu.len());
    print_line("ours, T2: MFU × goodput of the others", &by_mfu(&with_mfu));
    let plain = with_mfu.iter().map(|one| Told { off: one.run.log_useful_share - mfu(one).ln(), sd: None });
    print_line("6·N·D over peak × MFU, no goodput", &plain.collect::<Vec<_>>());

    let Some(folder) = data else {
        eprintln!("step times and energies are skipped: give --data DIR with published_runs.tsv in it");
        return Ok(());
    };
    let table =
        table(&folder.join("published_runs.tsv")).or_else(|_| table(&folder.join("runs/published_runs.tsv")))?;
    steps::print(&table)?;
    energy::print(&table);
    Ok(())
}

/// A run foretold: ln of its useful share over the one foretold, and the spread that was said.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Told {
    off: f64,
    sd: Option<f64>,
}

/// Each run from all other organisations'.
fn left_out(published: &[Published]) -> Vec<Told> {
    let organisations: BTreeSet<&str> = published.iter().map(|one| one.run.organisation.as_str()).collect();
    let mut told = Vec::new();
    for organisation in organisations {
        let (own, others): (Vec<&Run>, Vec<&Run>) =
            published.iter().map(|one| &one.run).partition(|run| run.organisation == organisation);
        let fitted = calibrate::fit(&others.into_iter().cloned().collect::<Vec<_>>());
        for run in own {
            let of = |name: &str| fitted.iter().find(|one: &&Fitted| one.generation == name);
            let fit = of(&run.generation).or_else(|| of(UNKNOWN)).expect("the unknown generation is always fitted");
            told.push(Told { off: run.log_useful_share - fit.useful_share.ln(), sd: Some(fit.log_sd) });
        }
    }
    told
}

fn mfu(one: &Published) -> f64 {
    one.mfu.expect("only runs that state it are asked")
}

/// Each run's hours from its MFU and the goodput of the other runs.
fn by_mfu(published: &[&Published]) -> Vec<Told> {
    let goodput = |one: &Published| one.run.log_useful_share - mfu(one).ln();
    let one = |own: &&Published| {
        let others: Vec<f64> =
            published.iter().filter(|other| !std::ptr::eq(**other, *own)).map(|o| goodput(o)).collect();
        let n = others.len() as f64;
        let mean = others.iter().sum::<f64>() / n;
        let variance = others.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Told { off: goodput(own) - mean, sd: Some((variance * (1.0 + 1.0 / n)).sqrt()) }
    };
    published.iter().map(one).collect()
}

/// Useful share of peak of a run, by a formula that may look at all other runs.
type Peer = fn(&Published, &[Published]) -> f64;

/// The formulas of others: useful share of peak that each would take.
fn peers() -> Vec<(&'static str, Peer)> {
    vec![
        ("6·N·D over 40 % of peak", |_, _| 0.40),
        ("6·N·D over 30 % of peak", |_, _| 0.30),
        ("8·N·D over 50 % of peak (recomputation)", |_, _| 0.50 * 6.0 / 8.0),
        ("median of the generation, others' runs", generation_median),
        ("regression on Narayanan 2021, table 1", |one, _| megatron_table(one.params_active)),
    ]
}

/// Median useful share of other organisations' runs on the generation, of all others where it has none.
fn generation_median(one: &Published, all: &[Published]) -> f64 {
    let others = all.iter().filter(|other| other.run.organisation != one.run.organisation);
    let (own, rest): (Vec<&Published>, Vec<&Published>) =
        others.partition(|other| other.run.generation == one.run.generation);
    let mut shares: Vec<f64> =
        if own.is_empty() { rest } else { own }.into_iter().map(|other| other.run.log_useful_share.exp()).collect();
    shares.sort_by(f64::total_cmp);
    quantile_of(&shares, 0.5)
}

/// Achieved share of an A100's peak over parameters, between the points of Narayanan et al. 2021, table 1, as a
/// regression on that table gives it whatever the chip; their figures count recomputation, and so does this.
fn megatron_table(params: f64) -> f64 {
    const POINTS: [(f64, f64); 10] = [
        (1.7, 0.44),
        (3.6, 0.44),
        (7.5, 0.46),
        (18.4, 0.43),
        (39.1, 0.44),
        (76.1, 0.45),
        (145.6, 0.47),
        (310.1, 0.50),
        (529.6, 0.52),
        (1008.0, 0.52),
    ];
    let at = (params / 1e9).ln();
    let logs: Vec<f64> = POINTS.iter().map(|(size, _)| size.ln()).collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / POINTS.len() as f64;
    let (x, y) = (mean(&mut logs.iter().copied()), mean(&mut POINTS.iter().map(|(_, share)| *share)));
    let up: f64 = logs.iter().zip(POINTS).map(|(log, (_, share))| (log - x) * (share - y)).sum();
    let across: f64 = logs.iter().map(|log| (log - x).powi(2)).sum();
    y + up / across * (at - x)
}

fn print_line(name: &str, told: &[Told]) {
    let mut errors: Vec<f64> = told.iter().map(|one| one.off.exp_m1().abs()).collect();
    errors.sort_by(f64::total_cmp);
    let n = told.len() as f64;
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mean = errors.iter().sum::<f64>() / n;
    let intervals: Vec<(f64, f64)> = told.iter().filter_map(|one| Some((one.off, one.sd?))).collect();
    let interval = if intervals.is_empty() {
        "no interval".to_owned()
    } else {
        let inside = |z: f64| intervals.iter().filter(|(off, sd)| off.abs() <= z * sd).count() as f64 / n;
        let width = intervals.iter().map(|(_, sd)| (Z[0] * sd).exp()).sum::<f64>() / n;
        // Gneiting and Raftery 2007, interval score at 90 %: width plus 2/α for each unit of a miss, in ln hours.
        let score =
            intervals.iter().map(|(off, sd)| 2.0 * Z[0] * sd + 20.0 * (off.abs() - Z[0] * sd).max(0.0)).sum::<f64>()
                / n;
        format!("{:>7}  {:>7}     ×/÷ {width:.2}   {score:.2}", percent(inside(Z[0])), percent(inside(Z[1])))
    };
    println!(
        "{name:<42} {:>7} {:>7} {:>7}  {interval}",
        percent(quantile_of(&errors, 0.5)),
        percent(mean),
        percent(quantile_of(&errors, 0.9))
    );
}

/// Rows of a table with a header, tab-separated, comments apart.
type Table = Vec<BTreeMap<String, String>>;

fn table(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<&str> = lines.next().context("the table is empty")?.split('\t').collect();
    let row = |line: &str| {
        header.iter().zip(line.split('\t')).map(|(key, cell)| ((*key).to_owned(), cell.to_owned())).collect()
    };
    Ok(lines.map(row).collect())
}

/// A cell as a number.
fn number(row: &BTreeMap<String, String>, key: &str) -> Option<f64> {
    row.get(key)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_no_worse_than_the_rule_of_thumb() {
        let published = published(&Catalog::load()).expect("each run says what it needs");
        let median = |mut errors: Vec<f64>| {
            errors.sort_by(f64::total_cmp);
            quantile_of(&errors, 0.5)
        };
        let ours = median(left_out(&published).iter().map(|one| one.off.exp_m1().abs()).collect());
        let thumb = median(published.iter().map(|one| (one.run.log_useful_share.exp() / 0.4 - 1.0).abs()).collect());
        assert!(ours < thumb, "{ours} {thumb}");
    }

    #[test]
    fn a_regression_goes_through_the_middle_of_its_points() {
        assert!((megatron_table(40e9) - 0.46).abs() < 0.02);
        assert!(megatron_table(1e12) > megatron_table(1e9));
    }
}
