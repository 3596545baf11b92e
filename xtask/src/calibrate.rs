//! Makes `utilisation.csv`: the useful share of peak of each chip generation, from published runs.
//!
//! In: `published_utilisation.csv` and the peaks of the catalog. Out: the fitted table, and on the screen what
//! each run got and how well runs are foretold by those of other organisations. The same rows give the
//! same bytes; `--check` fails where the file would change.

use anyhow::{Context, Result, bail, ensure};
use greenwich_estimate::calibrate::{self, CrossValidation, Fitted, Run, quantile_of};
use greenwich_facts::{Catalog, Precision, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

const OUT: &str = "crates/greenwich-facts/data/utilisation.csv";
const SOURCE: &str = "greenwich-fit-1";
const FITTED_ON: &str = "2026-01-01";

/// A published run with what it got from its chips.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Published {
    name: String,
    accelerator: String,
    pub(crate) params_active: f64,
    pub(crate) mfu: Option<f64>,
    pub(crate) run: Run,
}

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let check = match arguments {
        [] => false,
        ["--check"] => true,
        _ => bail!("usage: cargo xtask calibrate [--check]"),
    };
    let published = published(&Catalog::load())?;
    let runs: Vec<Run> = published.iter().map(|published| published.run.clone()).collect();
    let text = table(&calibrate::fit(&runs));
    if check {
        let found = fs::read_to_string(OUT).with_context(|| format!("{OUT} cannot be read"))?;
        ensure!(found == text, "{OUT} is not what its rows give: run `cargo xtask calibrate`");
        eprintln!("{OUT} is current");
        return Ok(());
    }
    fs::write(OUT, text).with_context(|| format!("{OUT} cannot be written"))?;
    eprint!("{}", report(&published, &runs)?);
    Ok(())
}

/// Every run of the catalog's table, with 6·N·D over peak FLOPs paid for.
pub(crate) fn published(catalog: &Catalog) -> Result<Vec<Published>> {
    let mut by_run: BTreeMap<&str, BTreeMap<&str, &Row>> = BTreeMap::new();
    for row in catalog.rows().filter(|row| row.table == "published_utilisation") {
        by_run.entry(&row.subject).or_default().insert(row.quantity, row);
    }
    let one = |(name, rows): (&str, BTreeMap<&str, &Row>)| {
        let get = |quantity: &str| {
            rows.get(quantity).map(|row| row.value).with_context(|| format!("`{name}` has no `{quantity}`"))
        };
        let hours = rows.get("accelerator_hours").with_context(|| format!("`{name}` has no `accelerator_hours`"))?;
        let noted = |key: &str| {
            let words = hours.note.split("; ").find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
            words.with_context(|| format!("the note of `{name}` does not say `{key}=`"))
        };
        let accelerator = catalog.accelerator(noted("accelerator")?)?;
        let peak = catalog.peak(&accelerator, Precision::Bf16);
        let peak = peak.with_context(|| format!("`{}` has no peak", accelerator.id))?.value;
        let useful = 6.0 * get("params_active")? * get("tokens")?;
        let paid_for = peak.flops_per_second() * 3600.0 * hours.value;
        Ok(Published {
            name: name.to_owned(),
            accelerator: accelerator.id.to_string(),
            params_active: get("params_active")?,
            mfu: rows.get("mfu").map(|row| row.value),
            run: Run {
                generation: accelerator.identity.generation.clone(),
                organisation: noted("organisation")?.to_owned(),
                log_useful_share: (useful / paid_for).ln(),
            },
        })
    };
    by_run.into_iter().map(one).collect()
}

fn table(fitted: &[Fitted]) -> String {
    let mut text = "generation,quantity,value,unit,scope,valid_from,source,check,note\n".to_owned();
    for Fitted { generation, useful_share, log_sd, runs, organisations } in fitted {
        let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let note = format!("fitted on {} of {}", plural(*runs, "run"), plural(*organisations, "organisation"));
        let rows = [
            ("log_sd", format!("{log_sd:.4}"), "ln"),
            ("organisations", organisations.to_string(), "count"),
            ("runs", runs.to_string(), "count"),
            ("useful_share", format!("{useful_share:.4}"), "fraction"),
        ];
        for (quantity, value, unit) in rows {
            let _ = writeln!(text, "{generation},{quantity},{value},{unit},,{FITTED_ON},{SOURCE},derived,{note}");
        }
    }
    text
}

fn report(published: &[Published], runs: &[Run]) -> Result<String> {
    let mut text = "run                        accelerator     organisation         useful share\n".to_owned();
    for Published { name, accelerator, run, .. } in published {
        let share = run.log_useful_share.exp();
        let _ = writeln!(text, "{name:<26} {accelerator:<15} {:<20} {share:>12.3}", run.organisation);
    }
    text.push_str("\ngeneration   useful share   p5 – p95        ln sd   runs   organisations\n");
    for fitted in calibrate::fit(runs) {
        let Fitted { generation, useful_share, log_sd, runs, organisations } = fitted;
        let end = |z: f64| useful_share * (z * 1.645 * log_sd).exp();
        let (low, high) = (end(-1.0), end(1.0));
        let _ = writeln!(
            text,
            "{generation:<12} {useful_share:>12.3}   {low:.3} – {high:.3}   {log_sd:>6.3} {runs:>6} {organisations:>15}"
        );
    }
    text.push_str("\nhours foretold from other organisations' runs alone\n");
    text.push_str("predictor                       median   mean     p90   in 90 %   in 50 %   width of 90 %\n");
    let whole = calibrate::leave_organisation_out(runs).context("there are not two organisations")?;
    let _ = writeln!(text, "{}", line("hierarchical fit", &whole));
    let _ = writeln!(text, "{}", line("constant 0.40", &against_constant(runs)));
    text.push_str(&goodput(published));
    Ok(text)
}

fn line(predictor: &str, found: &CrossValidation) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let (median, mean, p90) = (percent(found.median_error), percent(found.mean_error), percent(found.p90_error));
    let interval = if found.width90.is_finite() {
        let (in90, in50) = (percent(found.coverage90), percent(found.coverage50));
        format!("{in90:>9} {in50:>9}          ×/÷ {:.2}", found.width90)
    } else {
        "   has no interval".to_owned()
    };
    format!("{predictor:<30} {median:>8} {mean:>6} {p90:>7} {interval}")
}

/// The rule of thumb that the fit has to beat: 6·N·D over 40 % of peak, whatever the chip.
fn against_constant(runs: &[Run]) -> CrossValidation {
    let mut errors: Vec<f64> = runs.iter().map(|run| (run.log_useful_share.exp() / 0.40 - 1.0).abs()).collect();
    errors.sort_by(f64::total_cmp);
    CrossValidation {
        runs: runs.len(),
        organisations: runs.iter().map(|run| &run.organisation).collect::<BTreeSet<_>>().len(),
        median_error: quantile_of(&errors, 0.5),
        mean_error: errors.iter().sum::<f64>() / errors.len() as f64,
        p90_error: quantile_of(&errors, 0.9),
        coverage90: f64::NAN,
        coverage50: f64::NAN,
        width90: f64::NAN,
    }
}

/// Useful share over MFU, of the runs that state both.
fn goodput(published: &[Published]) -> String {
    let ratios: Vec<(f64, &str)> = published
        .iter()
        .filter_map(|found| Some((found.run.log_useful_share - found.mfu?.ln(), found.name.as_str())))
        .collect();
    let n = ratios.len() as f64;
    let mean = ratios.iter().map(|(log, _)| log).sum::<f64>() / n;
    let squares: f64 = ratios.iter().map(|(log, _)| (log - mean).powi(2)).sum();
    let one_more = (squares / (n - 1.0) * (1.0 + 1.0 / n)).sqrt();
    let mut text = "\ngoodput: useful share over the MFU that the run states\n".to_owned();
    for (log, name) in &ratios {
        let _ = writeln!(text, "{name:<26} {:.3}", log.exp());
    }
    let _ = writeln!(text, "geometric mean {:.3}, ln sd of one more run {one_more:.3} ({n} runs)", mean.exp());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_its_rows_give() {
        let published = published(&Catalog::load()).expect("each run says what it needs");
        let runs: Vec<Run> = published.into_iter().map(|published| published.run).collect();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/greenwich-facts/data/utilisation.csv");
        let found = fs::read_to_string(file).expect("the table is there");
        assert!(found == table(&calibrate::fit(&runs)), "run `cargo xtask calibrate`");
    }

    #[test]
    fn no_run_got_more_than_its_peak() {
        for found in published(&Catalog::load()).expect("each run says what it needs") {
            let share = found.run.log_useful_share.exp();
            assert!((0.02..0.7).contains(&share), "{}: {share}", found.name);
        }
    }

    #[test]
    fn the_fit_beats_the_rule_of_thumb() {
        let published = published(&Catalog::load()).expect("each run says what it needs");
        let runs: Vec<Run> = published.into_iter().map(|published| published.run).collect();
        let fit = calibrate::leave_organisation_out(&runs).expect("more than one organisation");
        assert!(fit.median_error < against_constant(&runs).median_error);
    }
}
