//! What else would do: the same expected loss by another model, on another chip, in another facility, place and hour.
//!
//! In: a job and the catalog. Out: [`Alternatives`]: one row a choice, in four levers, each with the ratio of its CO2e to
//! the job's, the range of that ratio and its source; and of each lever what the papers say that it gains. A scaling law
//! that is asked beyond its runs is flagged, and far beyond refused.

mod laws;
mod model;
mod places;
mod view;

use crate::error::Error;
use crate::job_file::JobSpec;
use crate::pipeline::Greenwich;
use greenwich_core::quantity::Co2e;
use greenwich_core::{Check, Factor, Footprint, Sourced};
use greenwich_estimate::scaling::Recipe;
use greenwich_facts::Catalog;

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
    /// All four, in the order in which they are taken.
    pub const ALL: [Self; 4] = [Self::Model, Self::Machine, Self::Mechanization, Self::Map];

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

/// Where a figure is from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Citation {
    /// Titles and publishers.
    pub source: String,
    /// The newest year that they speak of.
    pub year: Option<i16>,
    /// The weakest mark among the rows behind it.
    pub check: Option<Check>,
}

impl Citation {
    /// Of one row of the catalog.
    fn of<T>(catalog: &Catalog, row: &Sourced<T>) -> Self {
        Self { source: catalog.cite(&row.source), year: Some(row.valid_from.year()), check: Some(row.check) }
    }

    /// Of factors of an estimate.
    fn of_factors<'a>(factors: impl Iterator<Item = &'a Factor>) -> Self {
        factors.fold(Self::default(), |citation, factor| {
            citation.and(&Self { source: factor.source.clone(), year: factor.year, check: Some(factor.check) })
        })
    }

    /// Both: titles once each, the newest year, the weakest mark.
    fn and(mut self, other: &Self) -> Self {
        let is_new = !self.source.split("; ").any(|known| known == other.source);
        if is_new && !other.source.is_empty() {
            let gap = if self.source.is_empty() { "" } else { "; " };
            self.source = format!("{}{gap}{}", self.source, other.source);
        }
        Self { source: self.source, year: self.year.max(other.year), check: self.check.max(other.check) }
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
    /// Lower end of the range that holds nine in ten.
    pub ratio_low: Option<f64>,
    /// Upper end; `None` where the range is open above, and where there is no ratio.
    pub ratio_high: Option<f64>,
    /// Where the ratio is from.
    pub citation: Citation,
    /// What is to be minded, if anything.
    pub note: Option<String>,
}

impl Row {
    /// A choice of which nothing can be said.
    fn without(lever: Lever, choice: impl Into<String>, citation: Citation, note: impl Into<String>) -> Self {
        let (choice, note) = (choice.into(), Some(note.into()));
        Self { lever, choice, ratio: None, ratio_low: None, ratio_high: None, citation, note }
    }
}

/// By how much a lever gains, as published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The lever.
    pub lever: Lever,
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
    /// Where it stands.
    pub citation: Citation,
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
    /// What the papers say of each lever.
    pub published: Vec<Published>,
}

impl Alternatives {
    /// From the dearest to the cheapest choice of a lever, the job among them: how many times as much the one emits.
    pub fn span(&self, lever: Lever) -> f64 {
        let ratios = self.rows.iter().filter(|row| row.lever == lever).filter_map(|row| row.ratio);
        let (low, high) = ratios.fold((1.0, 1.0), |(low, high): (f64, f64), ratio| (low.min(ratio), high.max(ratio)));
        high / low
    }

    /// The choice of a lever that emits least, if any emits less than the job.
    pub fn best(&self, lever: Lever) -> Option<&Row> {
        let rows = self.rows.iter().filter(|row| row.lever == lever && row.ratio.is_some_and(|ratio| ratio < 1.0));
        rows.min_by(|a, b| a.ratio.partial_cmp(&b.ratio).unwrap_or(std::cmp::Ordering::Equal))
    }
}

/// Looks every lever up for a job.
///
/// # Errors
/// As [`Greenwich::estimate`] of the job itself; a choice that cannot be estimated is left out.
pub fn alternatives(greenwich: &Greenwich, spec: &JobSpec) -> Result<Alternatives, Error> {
    let base = greenwich.estimate(spec)?;
    let asked = Asked { greenwich, catalog: greenwich.catalog(), spec, base: &base };
    let (expected_loss, mut rows) = model::rows(&asked);
    rows.extend(places::rows(&asked));
    let published = Lever::ALL.into_iter().filter_map(|lever| published(greenwich.catalog(), lever)).collect();
    let co2e = base.location_based.map(|range| range.p50);
    Ok(Alternatives { job: base.job.clone(), co2e, expected_loss, rows, published })
}

/// What all levers are asked of.
struct Asked<'a> {
    greenwich: &'a Greenwich,
    catalog: &'a Catalog,
    spec: &'a JobSpec,
    base: &'a Footprint,
}

impl Asked<'_> {
    /// Size and tokens; the active parameters of a mixture are no size for a dense law.
    fn recipe(&self) -> Option<Recipe> {
        let (total, active) = (self.base.params_total?, self.base.params_active?);
        let tokens = self.spec.model.tokens?;
        (total == active).then_some(Recipe { params_active: active as f64, tokens })
    }

    /// CO2e of another over the job's, or facility energy where an intensity is missing.
    fn over(&self, other: &Footprint) -> f64 {
        match (other.location_based, self.base.location_based) {
            (Some(other), Some(base)) => other.p50.kg() / base.p50.kg(),
            _ => other.facility_energy.p50.kwh() / self.base.facility_energy.p50.kwh(),
        }
    }
}

fn published(catalog: &Catalog, lever: Lever) -> Option<Published> {
    let end = |quantity: &str| catalog.lookup("levers", lever.as_str(), quantity, &[], None);
    let (low, high) = (end("gain_low")?, end("gain_high")?);
    let citation = Citation::of(catalog, &low).and(&Citation::of(catalog, &high));
    Some(Published { lever, low: low.value, high: high.value, citation })
}
