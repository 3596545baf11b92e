//! Our own record, which stands beside every foreign form.
//!
//! In: runs taken as one. Out: named lines for people and a JSON object for programs, each with range, boundary,
//! source and how the figures are known: what no foreign form holds together.

use crate::amount::range;
use crate::export::whole::Whole;
use crate::json::{self, Quantities, WireFactor, stamp};
use crate::number::{percent, three};
use crate::text::quantities::NOT_KNOWN;
use crate::when::{lasted, span};
use greenwich_core::quantity::Co2e;
use greenwich_core::reading::Method;
use greenwich_core::{Check, Factor, Range};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The program that made the record.
pub(crate) const SOFTWARE: &str = concat!("Greenwich ", env!("CARGO_PKG_VERSION"));

/// A quantity with its range, or that it is not known.
pub(crate) fn known(co2e: Option<&Range<Co2e>>) -> String {
    co2e.map_or_else(|| NOT_KNOWN.to_owned(), range)
}

/// `counted 88 %, estimated 12 %`: the shares of metered energy; one way only is said without a share.
pub(crate) fn method(whole: &Whole<'_>) -> String {
    match whole.known_by().as_slice() {
        [] => "nothing was metered".to_owned(),
        [(only, _)] => only.to_string(),
        several => {
            several.iter().map(|(way, share)| format!("{way} {}", percent(*share))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// What a method means, for readers who do not know ours.
pub(crate) const fn explained(method: Method) -> &'static str {
    match method {
        Method::Counted => "hardware energy counters",
        Method::Sampled => "power sampled and integrated",
        Method::Estimated => "a power model (not metered)",
        Method::Unknown => "bounds alone (could not be read)",
    }
}

/// `Google data centers: efficiency, Google, 2025 (data of 2024); fleet average of gcp`.
pub(crate) fn source(factor: &Factor) -> String {
    let year = factor.year.map_or_else(String::new, |year| format!(" (data of {year})"));
    let fit = if factor.fit.is_plain() { String::new() } else { format!("; {}", factor.fit) };
    let check = if factor.check == Check::Unverified { "; UNVERIFIED" } else { "" };
    format!("{}{year}{fit}{check}", factor.source)
}

fn sources(factors: &[&Factor]) -> String {
    factors.iter().map(|factor| source(factor)).collect::<Vec<_>>().join(" | ")
}

/// A number and the sources of its factors: `1.20: Google …`.
pub(crate) fn sourced(number: Option<f64>, unit: &str, factors: &[&Factor]) -> String {
    let Some(number) = number else { return NOT_KNOWN.to_owned() };
    let number = format!("{}{unit}", three(number));
    if factors.is_empty() { format!("{number}, source not told") } else { format!("{number}: {}", sources(factors)) }
}

/// The record as named lines.
pub(crate) fn lines(whole: &Whole<'_>) -> Vec<(&'static str, String)> {
    let sum = &whole.sum;
    let mut lines = vec![("runs", if whole.runs.is_empty() { "none".to_owned() } else { whole.names().join(", ") })];
    if let (Some(start), Some(end)) = (whole.start(), whole.end()) {
        let wall = whole.wall_s();
        lines.push(("when", format!("{}, {} in all", span(start, end), lasted(wall))));
    }
    let scope = whole.factor_scope().map_or_else(String::new, |scope| format!(", {scope} factors"));
    let co2e = sum.location_based.as_ref();
    lines.push(("CO2e, location-based", co2e.map_or_else(|| known(None), |co2e| format!("{}{scope}", range(co2e)))));
    lines.push(("CO2e, market-based", known(sum.market_based.as_ref())));
    lines.push(("embodied CO2e, apart", known(sum.embodied.as_ref())));
    lines.push(("energy after PUE", range(&sum.facility_energy)));
    lines.push(("IT energy", range(&sum.it_energy)));
    lines.push(("PUE", sourced(whole.pue(), "", &whole.factors("PUE"))));
    let intensity = whole.location_factors();
    lines.push(("grid intensity met", sourced(whole.location_based_g_per_kwh(), " gCO2e/kWh", &intensity)));
    lines.push(("boundary", whole.boundary()));
    let coverage =
        whole.least_coverage().map_or_else(String::new, |share| format!("; least coverage {}", percent(share)));
    lines.push(("method", format!("{}{coverage}", method(whole))));
    lines.push(("ranges", "hold nine in ten".to_owned()));
    if let Some((held, expected)) = whole.missing_nodes() {
        lines.push(("NODES MISSING", format!("{held} of {expected} nodes are in these figures")));
    }
    lines.extend(sum.warnings.iter().map(|warning| ("warning", warning.clone())));
    lines
}

/// The record as JSON, under the key `greenwich` of a foreign document.
pub(crate) fn json(whole: &Whole<'_>) -> Value {
    json::value(&Record {
        software: SOFTWARE,
        runs: whole.names(),
        start: whole.start().map(stamp),
        end: whole.end().map(stamp),
        boundary: whole.boundary(),
        method: whole.method().map(Method::as_str),
        energy_by_method: whole.known_by().into_iter().map(|(method, share)| (method.as_str(), share)).collect(),
        coverage: whole.least_coverage(),
        nodes: whole.runs.iter().map(|run| run.nodes).sum(),
        missing_nodes: whole.missing_nodes().map(|(held, expected)| expected - held),
        quantities: Quantities::of(&whole.sum),
        factors: json::factors(&whole.sum),
        warnings: &whole.sum.warnings,
    })
}

#[derive(Serialize)]
struct Record<'a> {
    software: &'static str,
    runs: Vec<&'a str>,
    start: Option<String>,
    end: Option<String>,
    boundary: String,
    method: Option<&'static str>,
    energy_by_method: BTreeMap<&'static str, f64>,
    coverage: Option<f64>,
    nodes: u32,
    missing_nodes: Option<u32>,
    #[serde(flatten)]
    quantities: Quantities<'a>,
    factors: Vec<WireFactor<'a>>,
    warnings: &'a [String],
}
