//! The Software Carbon Intensity of runs.
//!
//! In: runs and the functional unit R. Out: JSON with E, I, M, R and the score. I is location-based: the standard
//! takes no market-based measure and no offset, so nothing of that is here. Without M there is no score, since the
//! standard asks for an estimate of all embodied emissions within the boundary.
//!
//! # Sources
//! SCI specification 1.1.0 (ISO/IEC 21031:2024), "Methodology summary" and "Functional unit".

use crate::export::whole::Whole;
use crate::export::{document, record};
use crate::json::{self, Percentiles};
use greenwich_core::Range;
use greenwich_core::entry::RunEntry;
use greenwich_core::quantity::{Co2e, FacilityEnergy};
use serde::Serialize;
use serde_json::Value;

/// The functional unit R: what the score is per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// A training run, which the specification names among its examples.
    #[default]
    Run,
    /// A token trained on, where the runs' tag `tokens` tells how many.
    Token,
    /// An hour of one accelerator.
    GpuHour,
}

impl Per {
    /// Every unit.
    pub const ALL: [Self; 3] = [Self::Run, Self::Token, Self::GpuHour];
    /// The word after `--per`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Token => "token",
            Self::GpuHour => "gpu-hour",
        }
    }
    /// The unit that the word after `--per` names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|per| per.as_str() == word)
    }
    /// How many units the runs are; `None` where they do not tell.
    fn count(self, whole: &Whole<'_>) -> Option<f64> {
        let count = match self {
            Self::Run => whole.runs.len() as f64,
            Self::Token => whole.runs.iter().map(|run| tokens(run)).sum::<Option<f64>>()?,
            Self::GpuHour => whole.sum.accelerator_hours.p50.hours(),
        };
        (count > 0.0 && count.is_finite()).then_some(count)
    }
}

fn tokens(run: &RunEntry) -> Option<f64> {
    let (_, tokens) = run.tags.iter().find(|(key, _)| key == "tokens")?;
    tokens.trim().replace('_', "").parse().ok()
}

/// The score as a JSON document.
pub fn render(entries: &[RunEntry], per: Per) -> String {
    document(&value(entries, per))
}

/// The score, `greenwich.sci/1`.
pub fn value(entries: &[RunEntry], per: Per) -> Value {
    let whole = Whole::of(entries);
    let (operational, embodied) = (whole.sum.location_based, whole.sum.embodied);
    let count = per.count(&whole);
    let mut missing = Vec::new();
    if operational.is_none() {
        missing.push("I: the location-based intensity is not known");
    }
    if embodied.is_none() {
        missing.push("M: the embodied emissions are not known");
    }
    if count.is_none() {
        missing.push(match per {
            Per::Token => "R: a run has no tag `tokens`; add `--tag tokens=…`",
            Per::Run => "R: there is no run",
            Per::GpuHour => "R: there are no accelerator-hours",
        });
    }
    let score = operational.zip(embodied).zip(count).map(|((o, m), r)| score(&o, &m, r));
    json::value(&Document {
        schema: "greenwich.sci/1",
        standard: "ISO/IEC 21031:2024, SCI specification 1.1.0",
        formula: "SCI = ((E × I) + M) / R",
        e_kwh: Percentiles::of(&whole.sum.facility_energy, FacilityEnergy::kwh),
        i_gco2e_per_kwh: whole.location_based_g_per_kwh(),
        o_gco2e: Percentiles::maybe(operational.as_ref(), Co2e::g),
        m_gco2e: Percentiles::maybe(embodied.as_ref(), Co2e::g),
        r: Unit { unit: per.as_str(), count },
        sci_gco2e_per_r: score.map(|score| score.p50.g()),
        sci_range_gco2e_per_r: Percentiles::maybe(score.as_ref(), Co2e::g),
        missing,
        software_boundary: format!("{}; E is that times PUE", whole.boundary()),
        quantification: record::method(&whole),
        market_based: "excluded by the standard",
        greenwich: record::json(&whole),
    })
}

/// SCI = (O + M) / R, with O = E × I; percentile by percentile, as a sum of ours is.
fn score(o: &Range<Co2e>, m: &Range<Co2e>, r: f64) -> Range<Co2e> {
    Range { p5: (o.p5 + m.p5) / r, p50: (o.p50 + m.p50) / r, p95: (o.p95 + m.p95) / r }
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    standard: &'static str,
    formula: &'static str,
    e_kwh: Percentiles,
    i_gco2e_per_kwh: Option<f64>,
    o_gco2e: Option<Percentiles>,
    m_gco2e: Option<Percentiles>,
    r: Unit,
    sci_gco2e_per_r: Option<f64>,
    sci_range_gco2e_per_r: Option<Percentiles>,
    missing: Vec<&'static str>,
    software_boundary: String,
    quantification: String,
    market_based: &'static str,
    greenwich: Value,
}

#[derive(Serialize)]
struct Unit {
    unit: &'static str,
    count: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    fn run(kwh: f64, g_per_kwh: f64, embodied_g: f64) -> RunEntry {
        let mut run = fixture::counted();
        run.account.facility_energy = Range::exact(FacilityEnergy::from_kwh(kwh));
        run.account.location_based = Some(Range::exact(Co2e::from_g(kwh * g_per_kwh)));
        run.account.embodied = Some(Range::exact(Co2e::from_g(embodied_g)));
        run
    }

    /// SCI specification 1.1.0, "Embodied emissions": a device of 1000 kg that lasts four years, held for one hour,
    /// answers for 1000 * 1/(4*365*24) kg, around 28 g. "Methodology summary": SCI = (O + M) per R, O = (E * I).
    #[test]
    fn the_specifications_embodied_example_enters_the_score_in_grams() {
        let embodied_g = 1_000_000.0 / (4.0 * 365.0 * 24.0);
        let value = value(&[run(2.0, 350.0, embodied_g)], Per::Run);
        let number = |key: &str| value[key].as_f64().expect("a number");
        assert!((number("sci_gco2e_per_r") - (700.0 + 28.538_812_785)).abs() < 1e-6);
        assert!((number("i_gco2e_per_kwh") - 350.0).abs() < 1e-9);
        assert_eq!(value["r"]["unit"], "run");
        assert_eq!(value["missing"].as_array().map(Vec::len), Some(0));
    }

    /// SCI specification 1.1.0, "Functional unit conversion": all parts scale by the same R.
    #[test]
    fn the_score_scales_by_the_unit_asked_for() {
        let entries = [run(2.0, 350.0, 100.0)];
        let per = |per: Per| value(&entries, per)["sci_gco2e_per_r"].as_f64().expect("a number");
        let hours = entries[0].account.accelerator_hours.p50.hours();
        assert!((per(Per::GpuHour) - 800.0 / hours).abs() < 1e-9);
        assert!((per(Per::Token) - 800.0 / 1.2e9).abs() < 1e-15);
    }

    /// SCI specification 1.1.0, "Region-specific carbon intensity" and "Exclusions": no market-based measure.
    #[test]
    fn a_contract_does_not_change_the_score() {
        let mut cleaner = run(2.0, 350.0, 100.0);
        cleaner.account.market_based = Some(Range::exact(Co2e::ZERO));
        let mut none = cleaner.clone();
        none.account.market_based = None;
        let score = |run: RunEntry| value(&[run], Per::Run)["sci_gco2e_per_r"].clone();
        assert_eq!(score(cleaner), score(none));
    }

    #[test]
    fn without_embodied_intensity_or_tokens_there_is_no_score() {
        let value = value(&[fixture::estimated()], Per::Token);
        assert_eq!((&value["sci_gco2e_per_r"], &value["r"]["count"]), (&Value::Null, &Value::Null));
        assert_eq!(value["missing"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn every_unit_is_found_by_its_name() {
        assert!(Per::ALL.into_iter().all(|per| Per::named(per.as_str()) == Some(per)));
    }
}
