//! Hours of whole runs, the organisation left out.
//!
//! In: the catalog's published runs. Out: the tables of hours with model and chip alone, with the MFU given, and what is shipped.

use super::peers::peers;
use super::{PREDICTORS, line, percent, tried};
use crate::calibrate::Published;
use anyhow::{Context, Result};
use greenwich_estimate::calibrate::{Fitted, Foretold, Run, fit, leave_generation_out, leave_organisation_out, score};
use greenwich_facts::Catalog;
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) fn section(published: &[Published], catalog: &Catalog) -> Result<String> {
    let runs: Vec<Run> = published.iter().map(|one| one.run.clone()).collect();
    let organisations: BTreeSet<&str> = runs.iter().map(|run| run.organisation.as_str()).collect();
    let mut text = format!(
        "### Accelerator-hours, organisation left out

{} published runs of {} organisations; each is foretold from the runs of all other organisations, from active parameters,
tokens, chip and count alone (T0). Error is |foretold ÷ actual − 1| of the hours. The interval score is that of Gneiting and Raftery at
90 %, in ln hours: the width, and 20 times what a run lies outside.

{PREDICTORS}",
        runs.len(),
        organisations.len()
    );
    let blind: Vec<Run> = runs.iter().map(|run| Run { log_roofline: 0.0, ..run.clone() }).collect();
    let own = leave_organisation_out(&runs);
    let plain = leave_organisation_out(&blind);
    let mut add = |name: &str, told: &[Foretold]| -> Result<()> {
        text.push_str(&line(name, &score(told).context("there are runs")?));
        Ok(())
    };
    add("share of the roofline by generation, t₄ (shipped)", &own)?;
    add("one of the two, chosen without the run's organisation", &nested(&runs, &blind))?;
    add("share of peak by generation, t₄, no roofline", &plain)?;
    for (name, share) in peers() {
        let told =
            |one: &Published| Foretold { off: one.run.log_useful_share - share(one, published).ln(), log_sd: 0.0 };
        add(name, &published.iter().map(told).collect::<Vec<_>>())?;
    }
    add("**generation left out**: a chip that no run covers", &leave_generation_out(&runs))?;
    let mut worst: Vec<(&str, &Foretold)> = published.iter().map(|one| one.name.as_str()).zip(&own).collect();
    worst.sort_by(|a, b| b.1.off.exp_m1().abs().total_cmp(&a.1.off.exp_m1().abs()));
    let worst: Vec<String> =
        worst.iter().take(5).map(|(name, told)| format!("{name} {:+.0} %", 100.0 * told.off.exp_m1())).collect();
    let _ = write!(
        text,
        "
Furthest off: {}. LLMCarbon's quadratics are those of its repository (SotaroKaneda/MLCarbon, gpu_training.py), with their own rule
that any device below 80 GB is a V100.

| generation | share of the roofline | p5 – p95 | 90 % interval | runs | organisations |
| --- | ---: | --- | --- | ---: | ---: |
",
        worst.join(", ")
    );
    for Fitted { generation, share_of_roofline, log_sd, runs, organisations } in fit(&runs) {
        let width = (1.645 * log_sd).exp();
        let (low, high) = (share_of_roofline / width, share_of_roofline * width);
        let _ = writeln!(
            text,
            "| {generation} | {share_of_roofline:.3} | {low:.3} – {high:.3} | ×/÷ {width:.2} | {runs} | {organisations} |"
        );
    }
    text.push_str(&tried::section(catalog)?);
    text.push_str(&with_mfu(published)?);
    Ok(text)
}

/// Each organisation's runs by whichever of the two fits the others' runs foretell each other better with, by interval score.
fn nested(with: &[Run], without: &[Run]) -> Vec<Foretold> {
    let organisations: BTreeSet<&str> = with.iter().map(|run| run.organisation.as_str()).collect();
    let outer = [leave_organisation_out(with), leave_organisation_out(without)];
    let mut told = Vec::new();
    for left_out in organisations {
        let inner = [with, without].map(|runs| {
            let others: Vec<Run> = runs.iter().filter(|run| run.organisation != left_out).cloned().collect();
            score(&leave_organisation_out(&others)).map_or(f64::INFINITY, |found| found.interval_score)
        });
        let chosen = &outer[usize::from(inner[1] < inner[0])];
        told.extend(with.iter().zip(chosen).filter(|(run, _)| run.organisation == left_out).map(|(_, told)| *told));
    }
    told
}

/// Runs that state their MFU: each run's hours from it and the goodput of the other runs.
fn with_mfu(published: &[Published]) -> Result<String> {
    let logs: Vec<(&str, f64)> = published
        .iter()
        .filter_map(|one| Some((one.name.as_str(), one.run.log_useful_share - one.mfu?.ln())))
        .collect();
    let others = |own: usize| -> Vec<f64> {
        logs.iter().enumerate().filter(|(index, _)| *index != own).map(|(_, (_, log))| *log).collect()
    };
    let told: Vec<Foretold> = logs
        .iter()
        .enumerate()
        .map(|(index, (_, log))| {
            let (mean, log_sd) = one_more(&others(index));
            Foretold { off: log - mean, log_sd }
        })
        .collect();
    let plain: Vec<Foretold> = logs.iter().map(|(_, log)| Foretold { off: *log, log_sd: 0.0 }).collect();
    let ours = score(&told).context("some runs state their MFU")?;
    let without = score(&plain).context("some runs state their MFU")?;
    let (mean, log_sd) = one_more(&logs.iter().map(|(_, log)| *log).collect::<Vec<_>>());
    let each: Vec<String> = logs.iter().map(|(name, log)| format!("{name} {:.2}", log.exp())).collect();
    Ok(format!(
        "
With the MFU given (T2), {} runs, each left out in turn: MFU × goodput of the others {} median, {} mean, ×/÷ {:.2}; MFU without goodput {}
median. Useful share over MFU: {}; geometric mean {:.3}, ln sd of one more run {log_sd:.3}. It holds what 6·N·D leaves out
of the FLOPs that makers count in their MFU, and two of the spans of time (GLM-130B, PLaMo-13B) are longest ones. Three state a rate: FLM-101B and
Luminous without recomputation, since with it the rate would be below 6·N·D of the whole hours, and BloombergGPT with, as it says.

",
        logs.len(),
        percent(ours.median_error),
        percent(ours.mean_error),
        ours.width90,
        percent(without.median_error),
        each.join(", "),
        mean.exp(),
    ))
}

/// Mean, and standard deviation of one more draw.
pub(super) fn one_more(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance * (1.0 + 1.0 / n)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::published;

    #[test]
    fn ours_beats_every_peer_in_the_mean_and_the_fit_without_the_roofline_in_score() {
        let published = published(&Catalog::load()).expect("each run says what it needs");
        let runs: Vec<Run> = published.iter().map(|one| one.run.clone()).collect();
        let ours = score(&leave_organisation_out(&runs)).expect("there are runs");
        for (name, share) in peers() {
            let off = |one: &Published| (one.run.log_useful_share - share(one, &published).ln()).exp_m1().abs();
            let mean = published.iter().map(off).sum::<f64>() / published.len() as f64;
            assert!(ours.mean_error < mean, "{name}: {} {mean}", ours.mean_error);
        }
        let blind: Vec<Run> = runs.into_iter().map(|run| Run { log_roofline: 0.0, ..run }).collect();
        let plain = score(&leave_organisation_out(&blind)).expect("there are runs");
        assert!(ours.interval_score < plain.interval_score);
    }
}
