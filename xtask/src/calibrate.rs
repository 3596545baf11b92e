//! Makes `utilisation.csv`: the share of the roofline that whole runs got on each chip generation.
//!
//! In: `published_utilisation.csv`, the peaks and links of the catalog, and the roofline of the estimator. Out: the fitted table, and
//! on the screen what each run got. `cargo xtask eval estimate` says how well runs are foretold. The same rows give the same
//! bytes; `--check` fails where the file would change.

use anyhow::{Context, Result, bail, ensure};
use greenwich_core::Check;
use greenwich_core::quantity::FlopRate;
use greenwich_estimate::Model;
use greenwich_estimate::calibrate::{self, Fitted, Run};
use greenwich_estimate::layouts::{FITTED_SEQ_LEN, Wanted, quickest, usual_batch_tokens};
use greenwich_estimate::roofline::{Rates, Scores};
use greenwich_facts::{Accelerator, Catalog, Precision, Row};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

const OUT: &str = "crates/greenwich-facts/data/utilisation.csv";
const SOURCE: &str = "greenwich-fit-2";
const FITTED_ON: &str = "2026-11-26";

/// Words in the note of hours that are a span of time, rounded or a bound.
const ROUNDED: [&str; 5] = ["about", "months", "just under", "upper bound", "significant digit"];

/// A published run with what it got from its chips.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) accelerator: String,
    pub(crate) params_active: f64,
    pub(crate) peak: FlopRate,
    pub(crate) memory_gb: f64,
    pub(crate) count: f64,
    pub(crate) year: i16,
    /// Whether its hours are a span that was rounded or is a bound.
    pub(crate) is_rounded: bool,
    pub(crate) mfu: Option<f64>,
    /// Whether its source states the MFU as such, and not a rate from which it is derived.
    pub(crate) states_mfu: bool,
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
    eprint!("{}", report(&published, &runs));
    Ok(())
}

/// What is asked of the roofline otherwise than for an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Asked {
    /// Tokens of a step, where not those of the size and count.
    pub(crate) tokens: Option<u64>,
    /// How many times those of the size and count.
    pub(crate) times: Option<f64>,
    /// Whether attention scores stay in the chip, where not by year.
    pub(crate) fused: Option<bool>,
}

/// Every run of the catalog's table, with 6·N·D over peak FLOPs paid for and what the roofline gives its machine in its year.
pub(crate) fn published(catalog: &Catalog) -> Result<Vec<Published>> {
    published_as(catalog, Asked::default())
}

/// The same with another roofline.
pub(crate) fn published_as(catalog: &Catalog, asked: Asked) -> Result<Vec<Published>> {
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
        let rates = rates(catalog, &accelerator)?;
        let useful = 6.0 * get("params_active")? * get("tokens")?;
        let paid_for = rates.peak.flops_per_second() * 3600.0 * hours.value;
        let model =
            Model::Bare { params_total: get("params_total")? as u64, params_active: get("params_active")? as u64 };
        let year = hours.valid_from.year();
        let scores = match asked.fused {
            Some(true) => Scores::Fused,
            Some(false) => Scores::Stored,
            None => Scores::of_year(Some(year)),
        };
        let count = get("accelerator_count")? as u32;
        let usual = usual_batch_tokens(get("params_active")?, count);
        let tokens = asked.tokens.or(asked.times.map(|times| (times * usual) as u64));
        let wanted = Wanted { tokens, ..Wanted::default() };
        let best = quickest(&model, &rates, count, FITTED_SEQ_LEN, scores, &wanted)
            .with_context(|| format!("`{name}` has no layout that divides"))?;
        Ok(Published {
            name: name.to_owned(),
            accelerator: accelerator.id.to_string(),
            params_active: get("params_active")?,
            peak: rates.peak,
            memory_gb: rates.memory.gb(),
            count: f64::from(count),
            year,
            is_rounded: ROUNDED.iter().any(|words| hours.note.contains(words)),
            mfu: rows.get("mfu").map(|row| row.value),
            states_mfu: rows.get("mfu").is_some_and(|row| row.check != Check::Derived),
            run: Run {
                generation: accelerator.identity.generation.clone(),
                organisation: noted("organisation")?.to_owned(),
                log_useful_share: (useful / paid_for).ln(),
                log_roofline: best.step.mfu.ln(),
            },
        })
    };
    by_run.into_iter().map(one).collect()
}

/// The rates of a chip in bf16, or in fp16 where it has no bf16.
pub(crate) fn rates(catalog: &Catalog, accelerator: &Accelerator) -> Result<Rates> {
    let lacks = |what: &str| format!("`{}` has no {what}", accelerator.id);
    let links = catalog.links(accelerator).with_context(|| lacks("links"))?;
    Ok(Rates {
        peak: catalog.peak(accelerator, Precision::Bf16).with_context(|| lacks("peak"))?.value,
        memory: accelerator.memory.as_ref().with_context(|| lacks("memory"))?.value,
        memory_bytes_per_s: links.memory.value,
        node_bytes_per_s: links.node.value,
        cross_bytes_per_s: links.network.value,
        node: links.node_size,
    })
}

fn table(fitted: &[Fitted]) -> String {
    let mut text = "generation,quantity,value,unit,scope,valid_from,source,check,note\n".to_owned();
    for Fitted { generation, share_of_roofline, log_sd, runs, organisations } in fitted {
        let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let note = format!("fitted on {} of {}", plural(*runs, "run"), plural(*organisations, "organisation"));
        let rows = [
            ("log_sd", format!("{log_sd:.4}"), "ln"),
            ("organisations", organisations.to_string(), "count"),
            ("runs", runs.to_string(), "count"),
            ("share_of_roofline", format!("{share_of_roofline:.4}"), "fraction"),
        ];
        for (quantity, value, unit) in rows {
            let _ = writeln!(text, "{generation},{quantity},{value},{unit},,{FITTED_ON},{SOURCE},derived,{note}");
        }
    }
    text
}

fn report(published: &[Published], runs: &[Run]) -> String {
    let mut text =
        "run                        accelerator     organisation         useful share  roofline   share of it\n"
            .to_owned();
    for Published { name, accelerator, run, .. } in published {
        let (share, roofline) = (run.log_useful_share.exp(), run.log_roofline.exp());
        let _ = writeln!(
            text,
            "{name:<26} {accelerator:<15} {:<20} {share:>12.3} {roofline:>9.3} {:>13.2}",
            run.organisation,
            share / roofline
        );
    }
    text.push_str("\ngeneration   share of the roofline   p5 – p95      ln sd   runs   organisations\n");
    for fitted in calibrate::fit(runs) {
        let Fitted { generation, share_of_roofline, log_sd, runs, organisations } = fitted;
        let end = |z: f64| share_of_roofline * (z * 1.645 * log_sd).exp();
        let (low, high) = (end(-1.0), end(1.0));
        let _ = writeln!(
            text,
            "{generation:<12} {share_of_roofline:>21.3}   {low:.2} – {high:.2}   {log_sd:>6.3} {runs:>6} {organisations:>15}"
        );
    }
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
}
