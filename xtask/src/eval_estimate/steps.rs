//! Step times whose layouts are published, against the roofline.
//!
//! In: the table of published runs. Out: seconds foretold and published, with the one fitted number fitted on the other
//! papers' rows. All rows are of one maker, so a paper and not an organisation is left out.

use super::{Table, number};
use anyhow::{Context, Result};
use greenwich_estimate::ModelCounts;
use greenwich_estimate::roofline::{Batch, PRODUCT_EFFICIENCY, Rates, Recompute, Scores, Sharing, step};
use std::collections::BTreeSet;

#[derive(Debug)]
struct Row {
    name: String,
    paper: String,
    model: ModelCounts,
    batch: Batch,
    tensor: u32,
    pipeline: u32,
    data: u32,
    recompute: Recompute,
    /// As published, or one of 1 to 4 that is quickest.
    micro_batch: Option<u32>,
    seconds: f64,
}

impl Row {
    /// Seconds at an efficiency, in the quickest micro-batch and interleaving where they are not published.
    fn foretold(&self, efficiency: f64) -> Option<f64> {
        let micro: &[u32] = self.micro_batch.as_ref().map_or(&[1, 2, 4], std::slice::from_ref);
        let tries = micro.iter().flat_map(|micro_batch| (1..=4).map(move |interleave| (*micro_batch, interleave)));
        let at = |(micro_batch, interleave)| {
            let sharing = Sharing {
                tensor: self.tensor,
                pipeline: self.pipeline,
                data: self.data,
                micro_batch,
                interleave,
                zero: 0,
                recompute: self.recompute,
            };
            step(&self.model, &Rates::dgx_a100(), &self.batch, &sharing, efficiency).map(|step| step.time.seconds())
        };
        tries.filter_map(at).min_by(f64::total_cmp)
    }
    fn off(&self, efficiency: f64) -> f64 {
        self.foretold(efficiency).map_or(f64::INFINITY, |seconds| seconds / self.seconds - 1.0)
    }
}

pub(super) fn print(table: &Table) -> Result<()> {
    let rows = rows(table)?;
    let papers: BTreeSet<&str> = rows.iter().map(|row| row.paper.as_str()).collect();
    println!("\nstep times, {} rows of {} papers with published layouts, the paper left out", rows.len(), papers.len());
    println!("row                                             published   foretold      off   fitted on all, off");
    let (mut held_out, mut fitted) = (Vec::new(), Vec::new());
    for paper in papers {
        let efficiency = fit(rows.iter().filter(|row| row.paper != paper));
        for row in rows.iter().filter(|row| row.paper == paper) {
            let (off, own) = (row.off(efficiency), row.off(PRODUCT_EFFICIENCY));
            let foretold = row.foretold(efficiency).context("a published layout divides")?;
            println!(
                "{:<46} {:>8.2} s {foretold:>8.2} s {:>+7.1} % {:>+10.1} %",
                row.name,
                row.seconds,
                100.0 * off,
                100.0 * own
            );
            held_out.push(off.abs());
            fitted.push(own.abs());
        }
        println!("{paper:<46} efficiency of the products fitted on the others: {efficiency:.2}");
    }
    let mean = |errors: &[f64]| 100.0 * errors.iter().sum::<f64>() / errors.len() as f64;
    let most = |errors: &[f64]| 100.0 * errors.iter().copied().fold(0.0, f64::max);
    println!("mean {:.1} %, most {:.1} % with the paper left out", mean(&held_out), most(&held_out));
    println!(
        "mean {:.1} %, most {:.1} % with all; least squares give {:.2}, shipped is {PRODUCT_EFFICIENCY}",
        mean(&fitted),
        most(&fitted),
        fit(rows.iter())
    );
    // A fixed share of peak on the same rows: 8·N·D (blocks computed again) over half of peak.
    let fixed: Vec<f64> = rows
        .iter()
        .map(|row| {
            let repeated = if row.recompute == Recompute::Blocks { 4.0 } else { 3.0 };
            let flops =
                repeated * 2.0 * row.model.params_total as f64 * f64::from(row.batch.sequences * row.batch.seq_len);
            let chips = f64::from(row.tensor * row.pipeline * row.data);
            (flops / (0.5 * 312e12 * chips) / row.seconds - 1.0).abs()
        })
        .collect();
    println!("mean {:.1} %, most {:.1} % by FLOPs done over half of peak", mean(&fixed), most(&fixed));
    Ok(())
}

/// The efficiency with the least squares of ln seconds, to a hundredth.
fn fit<'a>(rows: impl Iterator<Item = &'a Row>) -> f64 {
    let rows: Vec<&Row> = rows.collect();
    let squares = |efficiency: f64| rows.iter().map(|row| row.off(efficiency).ln_1p().powi(2)).sum::<f64>();
    let grid = (40..=90).map(|hundredths| f64::from(hundredths) / 100.0);
    grid.min_by(|a, b| squares(*a).total_cmp(&squares(*b))).expect("the grid is not empty")
}

fn rows(table: &Table) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for line in table {
        let cell = |key: &str| line.get(key).map_or("", String::as_str);
        let (name, notes, hours) = (cell("name"), cell("notes"), cell("train_hours_or_days"));
        let after = |text: &str, mark: &str| -> Option<u32> {
            let rest = &text[text.find(mark)? + mark.len()..];
            rest.trim_start().chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
        };
        let count = number(line, "chip_count").unwrap_or(0.0) as u32;
        let shape = ["layers", "hidden", "heads"].map(|key| number(line, key).unwrap_or(0.0) as u32);
        let paper = cell("source").split_whitespace().next().unwrap_or_default().to_owned();
        let weak = name.contains("weak scaling");
        let iteration = hours.contains("s/iteration");
        if !weak && !iteration {
            continue;
        }
        let [layers, hidden, heads] = shape;
        let model = gpt(layers, hidden, heads)?;
        // MT-NLG: tensor 8, pipeline 35 (its section 2.4); Korthikanti: tensor 8, pipeline the rest.
        let (tensor, pipeline) = match (after(notes, "TP"), after(notes, "PP")) {
            (Some(tensor), Some(pipeline)) => (tensor, pipeline),
            _ if name.contains("MT-NLG") => (8, 35),
            _ => (8, count / 8),
        };
        let sequences = after(notes, "batch").or_else(|| after(hours, "batch")).context("no batch is stated")?;
        let batch = Batch { sequences, seq_len: 2048, scores: Scores::Stored };
        let mut push = |recompute, seconds: f64, suffix: &str| {
            rows.push(Row {
                name: format!("{}{suffix}", name.split(" (").next().unwrap_or(name)),
                paper: paper.clone(),
                model: model.clone(),
                batch,
                tensor,
                pipeline,
                data: count / (tensor * pipeline),
                recompute,
                micro_batch: (iteration).then_some(if layers == 48 && count == 8 { 4 } else { 1 }),
                seconds,
            });
        };
        if weak {
            // Published as rate of FLOPs done, recomputation counted: 96·B·s·l·h²·(1 + s/6h + V/16lh).
            let rate = number(line, "achieved_tflops_per_chip").context("no rate is stated")?;
            let (l, h, s) = (f64::from(layers), f64::from(hidden), 2048.0);
            let flops = 96.0 * f64::from(sequences) * s * l * h * h * (1.0 + s / (6.0 * h) + 51200.0 / (16.0 * l * h));
            push(Recompute::Blocks, flops / (rate * 1e12 * f64::from(count)), "");
            continue;
        }
        let seconds: f64 = hours.split("s/iter").next().unwrap_or_default().parse().context("no seconds are stated")?;
        if let Some(full) = notes.split("full recompute: ").nth(1).and_then(|rest| rest.split(' ').next()) {
            push(Recompute::Scores, seconds, ", scores again");
            push(Recompute::Blocks, full.parse()?, ", blocks again");
        } else {
            push(Recompute::Blocks, seconds, &format!(", {count} chips"));
        }
    }
    Ok(rows)
}

fn gpt(layers: u32, hidden: u32, heads: u32) -> Result<ModelCounts> {
    Ok(ModelCounts::from_config(&format!(
        r#"{{"model_type": "gpt2", "vocab_size": 51200, "n_positions": 2048, "n_embd": {hidden}, "n_layer": {layers}, "n_head": {heads}}}"#
    ))?)
}
