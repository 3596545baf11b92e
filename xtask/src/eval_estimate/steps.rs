//! Step times whose layouts are published, against the roofline.
//!
//! In: the table of published runs. Out: seconds foretold and published, with the one fitted number fitted on the other
//! papers' rows. All rows are of one maker, so a paper and not an organisation is left out.

use super::hours::one_more;
use super::{Table, number, percent};
use crate::calibrate::Published;
use anyhow::{Context, Result};
use greenwich_estimate::ModelCounts;
use greenwich_estimate::calibrate::{Foretold, score};
use greenwich_estimate::roofline::{Batch, PRODUCT_EFFICIENCY, Rates, Recompute, Scores, Sharing, step};
use greenwich_facts::Catalog;
use std::collections::BTreeSet;
use std::fmt::Write as _;

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
    /// The same.
    interleave: Option<u32>,
    seconds: f64,
    /// Whether whole runs were projected from it; nothing is fitted on such a row.
    projected: bool,
}

impl Row {
    /// Seconds at an efficiency, in the quickest micro-batch and interleaving where they are not published.
    fn foretold(&self, efficiency: f64) -> Option<f64> {
        let micro: &[u32] = self.micro_batch.as_ref().map_or(&[1, 2, 4], std::slice::from_ref);
        let pieces = self.interleave.map_or(1..=4, |given| given..=given);
        let tries = micro.iter().flat_map(|micro| pieces.clone().map(move |interleave| (*micro, interleave)));
        let at = |(micro_batch, interleave)| {
            let sharing = Sharing {
                tensor: self.tensor,
                pipeline: self.pipeline,
                data: self.data,
                context: 1,
                expert: 1,
                micro_batch,
                interleave,
                zero: 0,
                recompute: self.recompute,
            };
            step(&self.model, &Rates::dgx_a100(), &self.batch, &sharing, efficiency).map(|step| step.time.seconds())
        };
        tries.filter_map(at).min_by(f64::total_cmp)
    }
    fn at_half_of_peak(&self) -> f64 {
        let repeated = if self.recompute == Recompute::Blocks { 4.0 } else { 3.0 };
        let tokens = f64::from(self.batch.sequences * self.batch.seq_len);
        let flops = repeated * 2.0 * self.model.params_total as f64 * tokens;
        flops / (0.5 * Rates::dgx_a100().peak.flops_per_second() * f64::from(self.tensor * self.pipeline * self.data))
    }
    fn off(&self, efficiency: f64) -> f64 {
        self.foretold(efficiency).map_or(f64::INFINITY, |seconds| seconds / self.seconds - 1.0)
    }
}

pub(super) fn section(table: &Table, catalog: &Catalog, published: &[Published]) -> Result<String> {
    let all = rows(table)?;
    let (rows, projected): (Vec<&Row>, Vec<&Row>) = all.iter().partition(|row| !row.projected);
    let papers: BTreeSet<&str> = rows.iter().map(|row| row.paper.as_str()).collect();
    let mut text = format!(
        "### Step times with the layout published

{} steps of {} papers, all of one maker on A100 of 80 GB, so a paper is left out and not an organisation. One number is fitted on the
other papers; the form and the assumed constants were chosen with all rows in sight.

| paper left out | rows | efficiency fitted on the others | error, mean | error, most | foretold ÷ published |
| --- | ---: | ---: | ---: | ---: | ---: |
",
        rows.len(),
        papers.len()
    );
    let (mut held_out, mut papers_off) = (Vec::new(), Vec::new());
    for paper in papers {
        let others: Vec<&Row> = rows.iter().copied().filter(|row| row.paper != paper).collect();
        let own: Vec<&Row> = rows.iter().copied().filter(|row| row.paper == paper).collect();
        let efficiency = fit(&others);
        let off: Vec<f64> = own.iter().map(|row| row.off(efficiency)).collect();
        let ratio = own.iter().map(|row| row.off(PRODUCT_EFFICIENCY).ln_1p()).sum::<f64>() / own.len() as f64;
        papers_off.push(-ratio);
        let name = own[0].name.split(',').next().unwrap_or_default();
        let _ = writeln!(
            text,
            "| arXiv:{} ({name} …) | {} | {efficiency:.2} | {} | {} | {:.2} |",
            paper.trim_start_matches("arXiv:"),
            own.len(),
            percent(mean(&off)),
            percent(most(&off)),
            ratio.exp()
        );
        held_out.extend(off);
    }
    let fitted: Vec<f64> = rows.iter().map(|row| row.off(PRODUCT_EFFICIENCY)).collect();
    let best = fit(&rows);
    // The rule of thumb: FLOPs done, recomputation counted, at half of peak.
    let thumb: Vec<f64> = rows.iter().map(|row| row.at_half_of_peak() / row.seconds - 1.0).collect();
    for (name, efficiency, off) in [
        ("**all, the paper left out**", "", &held_out),
        ("fitted on all, as shipped", &*format!("{PRODUCT_EFFICIENCY:.2}"), &fitted),
        ("FLOPs done over half of peak", "", &thumb),
    ] {
        let _ = writeln!(
            text,
            "| {name} | {} | {efficiency} | {} | {} | |",
            off.len(),
            percent(mean(off)),
            percent(most(off))
        );
    }
    let projected: Vec<f64> = projected.iter().map(|row| row.off(PRODUCT_EFFICIENCY)).collect();
    let _ = write!(
        text,
        "
Least squares over all rows give {best:.2}. Where micro-batch and interleaving are not published, the quickest is taken; MT-NLG ran on
DeepSpeed's pipeline, which does not interleave. {} more steps of the first paper, which it projects whole runs of 300 B tokens from
(its table 2: 175 B and 530 B on 384 to 2,240 chips) and which nothing was fitted on: {} mean, {} most.

",
        projected.len(),
        percent(mean(&projected)),
        percent(most(&projected))
    );
    text.push_str(&layouts(published, catalog, &papers_off)?);
    Ok(text)
}

/// How far stated MFUs lie off the roofline of the best layout, beside the papers with theirs: what the roofline of a given layout is
/// corrected by, and its spread.
fn layouts(published: &[Published], catalog: &Catalog, papers_off: &[f64]) -> Result<String> {
    let stated: Vec<(&str, f64)> = published
        .iter()
        .filter(|one| one.states_mfu)
        .filter_map(|one| Some((one.name.as_str(), one.mfu?.ln() - one.run.log_roofline)))
        .collect();
    let logs: Vec<f64> = stated.iter().map(|(_, log)| *log).chain(papers_off.iter().copied()).collect();
    let (middle, log_sd) = one_more(&logs);
    let told: Vec<Foretold> = (0..logs.len())
        .map(|own| {
            let others: Vec<f64> = logs.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, log)| *log).collect();
            let (mean, log_sd) = one_more(&others);
            Foretold { off: logs[own] - mean, log_sd }
        })
        .collect();
    let found = score(&told).context("some runs state their MFU")?;
    let shipped = |quantity| {
        catalog.lookup("assumptions", "roofline-of-layout", quantity, &[], None).map_or(f64::NAN, |row| row.value)
    };
    let each: Vec<String> = stated.iter().map(|(name, log)| format!("{name} {:.2}", log.exp())).collect();
    Ok(format!(
        "With a layout given (T1) hours are FLOPs over peak, the roofline's MFU of it × {:.2}, and goodput. That factor is MFU over
roofline of {} makers and papers, in the geometric mean: the three papers above with their layouts, and {} with the quickest layout that fits, since theirs
are not in the table (runs whose MFU is derived from a rate are left out: BloombergGPT computed every block again, of Luminous nothing is said). ln sd of one more {log_sd:.2}; shipped are {:.2} and, by Student's t, {:.2}. Each left out: {} median, {} mean,
×/÷ {:.2}, {} inside 90 %. No published run states both its layout and its hours, so the hours of T1 are held against nothing but
these and the projections.

",
        middle.exp(),
        logs.len(),
        each.join(", "),
        shipped("share"),
        shipped("log_sd"),
        percent(found.median_error),
        percent(found.mean_error),
        found.width90,
        percent(found.coverage90)
    ))
}

fn mean(offs: &[f64]) -> f64 {
    offs.iter().map(|off| off.abs()).sum::<f64>() / offs.len() as f64
}

fn most(offs: &[f64]) -> f64 {
    offs.iter().map(|off| off.abs()).fold(0.0, f64::max)
}

/// The efficiency with the least squares of ln seconds, to a hundredth.
fn fit(rows: &[&Row]) -> f64 {
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
        let projected = name.contains("PTD-P");
        let weak = name.contains("weak scaling") || projected;
        let iteration = hours.contains("s/iteration");
        if !weak && !iteration {
            continue;
        }
        let [layers, hidden, heads] = shape;
        let model = gpt(layers, hidden, heads)?;
        // MT-NLG: tensor 8, pipeline 35 (its section 2.4); Korthikanti: tensor 8, pipeline the rest.
        let (tensor, pipeline) = match (after(notes, "TP"), after(notes, "PP")) {
            (Some(tensor), Some(pipeline)) => (tensor, pipeline),
            _ if name.contains("MT-NLG") || (projected && layers == 105) => (8, 35),
            _ if projected => (8, 12),
            _ => (8, count / 8),
        };
        // Batches of the projected runs: table 2 of the paper.
        let of_table_2 = projected.then_some(if layers == 105 { 2240 } else { 1536 });
        let sequences = after(notes, "batch").or_else(|| after(hours, "batch")).or(of_table_2);
        let sequences = sequences.context("no batch is stated")?;
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
                micro_batch: (iteration || projected).then_some(if layers == 48 && count == 8 { 4 } else { 1 }),
                // DeepSpeed's pipeline runs one forward and one backward in turn and does not interleave.
                interleave: name.contains("MT-NLG").then_some(1),
                seconds,
                projected,
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
