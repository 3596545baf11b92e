//! What else would do: the same expected loss by another model, on another chip, in another facility, place and hour.
//!
//! In: a job and the catalog. Out: [`Alternatives`]: one row a choice, in four levers, each with the ratio of its CO2e to
//! the job's and the source of that ratio. A scaling law that is asked beyond its runs is flagged, and far beyond refused.

mod view;

use crate::error::Error;
use crate::job_file::JobSpec;
use crate::pipeline::Greenwich;
use greenwich_core::Footprint;
use greenwich_core::Signal;
use greenwich_core::ZoneId;
use greenwich_core::quantity::Co2e;
use greenwich_estimate::scaling::{Reach, Recipe, dense, dense_reach, sparse_of, sparse_reach};
use greenwich_facts::Precision;

/// Accelerators of five generations whose power in training was measured, or a sibling's.
const CHIPS: [&str; 5] = ["v100-sxm2-32g", "a100-sxm4-80g", "h100-sxm5-80g", "tpu-v3", "tpu-v4"];
/// Regions that span clean and dirty grids, one a provider's own kind of place.
const REGIONS: [&str; 5] = ["gcp/europe-north1", "gcp/us-west1", "gcp/us-central1", "gcp/us-east1", "gcp/asia-south1"];

/// One of the four levers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lever {
    /// Which model.
    Model,
    /// Which accelerator.
    Machine,
    /// Which facility.
    Mechanization,
    /// Which place and hour.
    Map,
}

impl Lever {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Machine => "machine",
            Self::Mechanization => "mechanization",
            Self::Map => "map",
        }
    }
}

/// One other choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it changes.
    pub lever: Lever,
    /// What it is.
    pub choice: String,
    /// CO2e (energy where the intensity is not known) over the job's; `None` where nothing can be said.
    pub ratio: Option<f64>,
    /// The same for what is said to be likely: the ends of the range.
    pub ratio_low: Option<f64>,
    /// See `ratio_low`.
    pub ratio_high: Option<f64>,
    /// Where the ratio is from.
    pub source: String,
    /// What is to be minded, if anything.
    pub note: Option<String>,
}

/// Every choice that was looked at.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Alternatives {
    /// The job's name.
    pub job: String,
    /// Its median CO2e, location-based.
    pub co2e: Option<Co2e>,
    /// Its loss by the dense law, where its size and tokens are known and the law reaches so far.
    pub expected_loss: Option<f64>,
    /// The choices, lever by lever.
    pub rows: Vec<Row>,
}

/// Looks every lever up for a job.
///
/// # Errors
/// As [`Greenwich::estimate`] of the job itself; a choice that cannot be estimated is left out.
pub fn alternatives(greenwich: &Greenwich, spec: &JobSpec) -> Result<Alternatives, Error> {
    let base = greenwich.estimate(spec)?;
    let mut rows = Vec::new();
    let recipe = recipe(&base, spec);
    let reach = recipe.map(dense_reach);
    let expected_loss = recipe.filter(|_| reach.is_some_and(|reach| !reach.is_refused())).map(|r| dense().loss(r));
    match recipe {
        Some(recipe) => rows.extend(model_rows(recipe)),
        None => rows.push(Row {
            lever: Lever::Model,
            choice: "another size".to_owned(),
            ratio: None,
            ratio_low: None,
            ratio_high: None,
            source: BESIROGLU.to_owned(),
            note: Some("refused: the laws take dense models whose size and tokens are known".to_owned()),
        }),
    }
    rows.extend(precision_row(greenwich, spec, &base));
    rows.extend(CHIPS.iter().filter_map(|chip| machine_row(greenwich, spec, &base, chip)));
    rows.extend(pue_rows(&base));
    rows.extend(REGIONS.iter().filter_map(|region| region_row(greenwich, spec, &base, region)));
    rows.extend(hour_row(greenwich, &base));
    Ok(Alternatives { job: base.job.clone(), co2e: base.location_based.map(|range| range.p50), expected_loss, rows })
}

/// Size and tokens; the active parameters of a mixture are no size for a dense law.
fn recipe(base: &Footprint, spec: &JobSpec) -> Option<Recipe> {
    let (total, active, tokens) = (base.params_total?, base.params_active?, spec.model.tokens?);
    (total == active).then_some(Recipe { params_active: active as f64, tokens })
}

/// CO2e of one over another, or IT energy where an intensity is missing.
fn over(other: &Footprint, base: &Footprint) -> f64 {
    match (other.location_based, base.location_based) {
        (Some(other), Some(base)) => other.p50.kg() / base.p50.kg(),
        _ => other.facility_energy.p50.kwh() / base.facility_energy.p50.kwh(),
    }
}

fn flagged(reach: Reach) -> Option<String> {
    (!reach.is_inside()).then(|| format!("extrapolated: {:.1} times beyond the runs of the fit", reach.beyond))
}

/// What serving costs, and how far out the law is asked.
fn dense_note(recipe: Recipe, other: Recipe) -> String {
    let beyond = dense_reach(recipe).beyond.max(dense_reach(other).beyond);
    let served =
        format!("each token served later costs {:.2} times as much", other.params_active / recipe.params_active);
    flagged(Reach { beyond }).map_or_else(|| served.clone(), |words| format!("{words}; {served}"))
}

fn refused(lever: Lever, choice: &str, source: &str, reach: Reach) -> Row {
    Row {
        lever,
        choice: choice.to_owned(),
        ratio: None,
        ratio_low: None,
        ratio_high: None,
        source: source.to_owned(),
        note: Some(format!("refused: {:.0} times beyond the runs of the fit", reach.beyond)),
    }
}

const BESIROGLU: &str = "Besiroglu et al. 2024, re-fit of Hoffmann et al. 2022";
const KRAJEWSKI: &str = "Krajewski et al. 2024, dense and sparse of the same fit";

fn model_rows(recipe: Recipe) -> Vec<Row> {
    let mut rows = Vec::new();
    let reach = dense_reach(recipe);
    let dense_row = |choice: String, other: Recipe| Row {
        lever: Lever::Model,
        choice,
        ratio: Some(other.training_flops() / recipe.training_flops()),
        ratio_low: None,
        ratio_high: None,
        source: BESIROGLU.to_owned(),
        note: Some(dense_note(recipe, other)),
    };
    if reach.is_refused() {
        rows.push(refused(Lever::Model, "compute-optimal size, dense", BESIROGLU, reach));
    } else {
        let loss = dense().loss(recipe);
        if let Some(best) = dense().cheapest(loss).filter(|best| !dense_reach(*best).is_refused()) {
            let (size, tokens) = (best.params_active / 1e9, best.tokens / 1e9);
            rows.push(dense_row(format!("compute-optimal size: {size:.2} B on {tokens:.0} B tokens"), best));
        }
        for share in [0.5, 0.75, 1.5] {
            let params_active = share * recipe.params_active;
            let Some(tokens) = dense().tokens_for(loss, params_active) else { continue };
            let other = Recipe { params_active, tokens };
            if !dense_reach(other).is_refused() {
                let choice = format!("{:.2} B parameters on {:.0} B tokens", params_active / 1e9, tokens / 1e9);
                rows.push(dense_row(choice, other));
            }
        }
    }
    let reach = sparse_reach(recipe);
    let choice = "mixture of experts, expansion rate 64";
    if reach.is_refused() {
        rows.push(refused(Lever::Model, choice, KRAJEWSKI, reach));
    } else if let Some(sparse) = sparse_of(recipe) {
        let note = format!(
            "{:.2} B active of {:.0} B parameters, granularity {:.0}; FLOPs alone: routing between chips costs time on top{}",
            sparse.params_active / 1e9,
            sparse.params_total / 1e9,
            sparse.granularity,
            flagged(reach).map_or(String::new(), |words| format!("; {words}"))
        );
        rows.push(Row {
            lever: Lever::Model,
            choice: choice.to_owned(),
            ratio: Some(sparse.flops_ratio),
            ratio_low: None,
            ratio_high: None,
            source: KRAJEWSKI.to_owned(),
            note: Some(note),
        });
    }
    rows
}

/// The same work in a narrower format, where the chip has a rate for it.
fn precision_row(greenwich: &Greenwich, spec: &JobSpec, base: &Footprint) -> Option<Row> {
    let now = spec.model.precision.unwrap_or(Precision::Bf16);
    let narrower = match now {
        Precision::Bf16 | Precision::Fp16 => Precision::Fp8,
        Precision::Fp32 | Precision::Tf32 => Precision::Bf16,
        _ => return None,
    };
    let mut other = free(spec);
    other.model.precision = Some(narrower);
    let choice = format!("{} in place of {}", narrower.as_str(), now.as_str());
    let source = "peak rates of the data sheet at the same useful share and power";
    let found = estimated(greenwich, &other, base, Lever::Model, choice.clone());
    let (ratio, note) = match found {
        Some((row, _)) => (
            row.ratio,
            "a bound from below: a narrower format reaches less of its peak, and the loss is taken for unchanged",
        ),
        None => (None, "the accelerator's peak in that format is not known"),
    };
    let (source, note) = (source.to_owned(), Some(note.to_owned()));
    Some(Row { lever: Lever::Model, choice, ratio, ratio_low: None, ratio_high: None, source, note })
}

/// The job without what was measured or given for its own machine.
fn free(spec: &JobSpec) -> JobSpec {
    let mut other = spec.clone();
    other.machine = spec.machine.replaced_by(&spec.machine.accelerator);
    other
}

/// The ratio of another job to the base, with the other's figures.
fn estimated(
    greenwich: &Greenwich,
    other: &JobSpec,
    base: &Footprint,
    lever: Lever,
    choice: String,
) -> Option<(Row, Footprint)> {
    let found = greenwich.estimate(other).ok()?;
    let row = Row {
        lever,
        choice,
        ratio: Some(over(&found, base)),
        ratio_low: None,
        ratio_high: None,
        source: String::new(),
        note: None,
    };
    Some((row, found))
}

/// Another accelerator, as many of them: hours by the useful share of its generation, power as measured where it was.
fn machine_row(greenwich: &Greenwich, spec: &JobSpec, base: &Footprint, chip: &str) -> Option<Row> {
    let mut other = spec.clone();
    other.machine = spec.machine.replaced_by(chip);
    if base.setting.accelerator.as_ref().is_some_and(|own| own.to_string() == chip) {
        return None;
    }
    let (row, found) = estimated(greenwich, &other, base, Lever::Machine, format!("{chip}, as many"))?;
    let spread = |end: f64| found.it_energy.p50.kwh() / base.it_energy.p50.kwh() * end;
    let ends = [found.it_energy.p5.kwh(), found.it_energy.p95.kwh()].map(|end| end / found.it_energy.p50.kwh());
    Some(Row {
        ratio_low: Some(spread(ends[0])),
        ratio_high: Some(spread(ends[1])),
        source: "achieved: useful share of published runs, mean power of whole systems".to_owned(),
        note: Some("range of its own hours and power; the job's are taken at their median".to_owned()),
        ..row
    })
}

/// The best and a typical facility.
fn pue_rows(base: &Footprint) -> Vec<Row> {
    let own = base.facility_energy.p50.kwh() / base.it_energy.p50.kwh();
    let at = |pue: f64, choice: &str, source: &str| Row {
        lever: Lever::Mechanization,
        choice: format!("{choice}, PUE {pue:.2}"),
        ratio: Some(pue / own),
        ratio_low: None,
        ratio_high: None,
        source: source.to_owned(),
        note: None,
    };
    vec![
        at(1.09, "hyperscale cloud", "Google fleet mean of 2024 (environmental report)"),
        at(1.58, "typical data centre", "Uptime Institute mean, as Patterson et al. 2021 have it"),
    ]
}

fn region_row(greenwich: &Greenwich, spec: &JobSpec, base: &Footprint, region: &str) -> Option<Row> {
    if base.setting.region.as_ref().is_some_and(|own| own.as_str() == region) {
        return None;
    }
    let mut other = spec.clone();
    other.site.zone = None;
    other.site.location_based_gco2e_per_kwh = None;
    other.site.market_based_gco2e_per_kwh = None;
    other.site.pue = None;
    let place = spec.machine.place.clone();
    other.site.region = Some((region.to_owned(), place));
    let (row, found) = estimated(greenwich, &other, base, Lever::Map, region.to_owned())?;
    // Hours and power are the same in both places: what spreads is PUE and intensity, of each by itself.
    let spread = |of: &Footprint| {
        let (co2e, energy) = (of.location_based?, of.it_energy);
        let (all, shared) = ((co2e.p95.kg() / co2e.p50.kg()).ln(), (energy.p95.kwh() / energy.p50.kwh()).ln());
        Some((all * all - shared * shared).max(0.0))
    };
    let rest = (spread(&found)? + spread(base)?).sqrt();
    let own_spread = |end: f64| row.ratio.map(|ratio| ratio * end);
    Some(Row {
        ratio_low: own_spread((-rest).exp()),
        ratio_high: own_spread(rest.exp()),
        source: "grid of the region and PUE of the provider (`greenwich facts explain` of it)".to_owned(),
        ..row
    })
}

/// The cleanest hours of the typical day against its mean, over the months of the zone's typical year.
fn hour_row(greenwich: &Greenwich, base: &Footprint) -> Option<Row> {
    let zone: &ZoneId = base.setting.zone.as_ref()?;
    let profile = greenwich.catalog().profile(zone, Signal::Lifecycle)?;
    let mut ratios: Vec<f64> = profile
        .g_per_kwh
        .iter()
        .map(|hours| {
            let mean = hours.iter().sum::<f64>() / 24.0;
            let mut sorted = *hours;
            sorted.sort_by(f64::total_cmp);
            sorted[..8].iter().sum::<f64>() / 8.0 / mean
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    Some(Row {
        lever: Lever::Map,
        choice: format!("the cleanest 8 hours of each day in {zone}"),
        ratio: Some(f64::midpoint(ratios[5], ratios[6])),
        ratio_low: Some(ratios[0]),
        ratio_high: Some(ratios[11]),
        source: format!("typical year {}–{}, {}", profile.from_year, profile.to_year, profile.source),
        note: Some("range over the months; the run takes three times as long".to_owned()),
    })
}
