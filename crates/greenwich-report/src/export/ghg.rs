//! A GHG Protocol Scope 2 record, by both methods.
//!
//! In: runs. Out: JSON, one record a site and zone, with the energy hour by hour so that the figures can be made
//! again under another method. Scope 2 is what the power plant emits, so the location-based figure takes the
//! direct factor where one is known; fuel chain and losses belong to Scope 3, category 3. The record says which
//! factor it took. We know no instruments (certificates, contracts) and no residual mix: those are `null`, which
//! is not the same as none.
//!
//! # Sources
//! GHG Protocol, Scope 2 Guidance, 2015, chapters 6 and 7 (dual reporting, quality criteria).

use crate::export::whole::Whole;
use crate::export::{document, record};
use crate::json::{self, Percentiles, stamp};
use crate::text::wrap::clean;
use greenwich_core::entry::{HourOfRun, RunEntry};
use greenwich_core::quantity::Co2e;
use greenwich_core::reading::Method;
use greenwich_core::{Factor, Range};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The hours hold the energy of the run to within this share, or a warning says what they hold.
const WHOLE: f64 = 0.001;

/// The record as a JSON document.
pub fn render(entries: &[RunEntry]) -> String {
    document(&value(entries))
}

/// The record, `greenwich.ghg-scope2/1`.
pub fn value(entries: &[RunEntry]) -> Value {
    let mut sites: BTreeMap<(Option<&str>, Option<&str>), Vec<RunEntry>> = BTreeMap::new();
    for run in Whole::of(entries).runs {
        let setting = &run.account.setting;
        let site = setting.region.as_ref().map(greenwich_core::RegionId::as_str);
        let zone = setting.zone.as_ref().map(greenwich_core::ZoneId::as_str);
        sites.entry((site, zone)).or_default().push(run.clone());
    }
    json::value(&Document {
        schema: "greenwich.ghg-scope2/1",
        standard: "GHG Protocol Scope 2 Guidance (2015)",
        records: sites.into_iter().map(|((site, zone), runs)| site_record(site, zone, &runs)).collect(),
    })
}

fn site_record(site: Option<&str>, zone: Option<&str>, runs: &[RunEntry]) -> Value {
    let whole = Whole::of(runs);
    let sum = &whole.sum;
    let direct = sum.location_based_direct.is_some();
    let co2e = if direct { sum.location_based_direct } else { sum.location_based };
    let scope = if direct { Some("direct") } else { whole.factor_scope() };
    let factors = whole.factors(
        &scope.map_or("location-based intensity".to_owned(), |scope| format!("location-based intensity ({scope})")),
    );
    let hours = hours(&whole);
    let mut warnings: Vec<String> = sum.warnings.iter().map(|warning| clean(warning)).collect();
    let held: f64 = whole.runs.iter().flat_map(|run| &run.hours).map(|hour| hour.it_energy.joules()).sum();
    let all = sum.it_energy.p50.joules();
    if (held - all).abs() > WHOLE * all {
        warnings.push(format!(
            "kwh_by_hour holds {} of the energy",
            crate::number::percent(if all > 0.0 { held / all } else { 0.0 })
        ));
    }
    if co2e.is_some() && scope == Some("lifecycle") {
        warnings.push(
            "lbm_kgco2e is by a lifecycle factor: its upstream part belongs to Scope 3, category 3; no direct \
             factor is known"
                .to_owned(),
        );
    }
    if sum.market_based.is_none() {
        warnings.push("mbm_kgco2e is not known: neither a contract nor a residual mix is given".to_owned());
    }
    let resolution = resolution(&whole);
    json::value(&Record {
        reporting_period: Period { start: whole.start().map(stamp), end: whole.end().map(stamp) },
        site,
        zone,
        kwh_by_hour: hours,
        lbm_factor: co2e.map(|co2e| LbmFactor {
            source: sources(&factors),
            year: latest(&factors),
            resolution,
            scope,
            gco2e_per_kwh: per_kwh(&co2e, &whole),
        }),
        lbm_kgco2e: co2e.map(|co2e| co2e.p50.kg()),
        instruments: None,
        residual_mix_factor: None,
        mbm_kgco2e: sum.market_based.map(|co2e| co2e.p50.kg()),
        matched_share_hourly: None,
        data_quality: Quality {
            method: whole.method().map(Method::as_str),
            energy_by_method: whole.known_by().into_iter().map(|(method, share)| (method.as_str(), share)).collect(),
            coverage: whole.least_coverage(),
            lbm_range_kgco2e: Percentiles::maybe(co2e.as_ref(), Co2e::kg),
            mbm_range_kgco2e: Percentiles::maybe(sum.market_based.as_ref(), Co2e::kg),
            fallbacks: sum.factors.iter().filter(|factor| !factor.fit.is_plain()).map(fallback).collect(),
            warnings,
        },
        greenwich: record::json(&whole),
    })
}

fn per_kwh(co2e: &Range<Co2e>, whole: &Whole<'_>) -> Option<f64> {
    let kwh = whole.sum.facility_energy.p50.kwh();
    (kwh > 0.0).then(|| co2e.p50.g() / kwh)
}

fn sources(factors: &[&Factor]) -> Option<String> {
    let sources: Vec<&str> = factors.iter().map(|factor| factor.source.as_str()).collect();
    (!sources.is_empty()).then(|| sources.join(" | "))
}

fn latest(factors: &[&Factor]) -> Option<i16> {
    factors.iter().filter_map(|factor| factor.year).max()
}

fn fallback(factor: &Factor) -> String {
    format!("{}: {}", factor.quantity, factor.fit)
}

/// `hourly` where the intensity follows the hours, `annual` where it does not; one hour alone does not tell.
fn resolution(whole: &Whole<'_>) -> Option<&'static str> {
    let hours = || whole.runs.iter().flat_map(|run| &run.hours);
    let known: Vec<f64> = hours().filter_map(|hour| hour.location_based_g_per_kwh).collect();
    if known.len() < 2 || known.len() < hours().count() {
        return None;
    }
    Some(if known.iter().all(|value| *value == known[0]) { "annual" } else { "hourly" })
}

/// Facility energy of each hour, the runs of one hour added; the intensity is their mean by energy.
fn hours(whole: &Whole<'_>) -> Vec<Hour> {
    let mut by_hour: BTreeMap<i64, Vec<(&HourOfRun, f64)>> = BTreeMap::new();
    for run in &whole.runs {
        let (it, facility) = (run.account.it_energy.p50.kwh(), run.account.facility_energy.p50.kwh());
        let pue = if it > 0.0 { facility / it } else { 1.0 };
        for hour in &run.hours {
            let start = hour.start.as_second().div_euclid(3600) * 3600;
            let pue = hour.pue.map_or(pue, greenwich_core::quantity::Pue::ratio);
            by_hour.entry(start).or_default().push((hour, hour.it_energy.kwh() * pue));
        }
    }
    let mean = |parts: &[(&HourOfRun, f64)], of: fn(&HourOfRun) -> Option<f64>| {
        let kwh: f64 = parts.iter().map(|(_, kwh)| kwh).sum();
        let grams = parts.iter().map(|(hour, kwh)| of(hour).map(|g| g * kwh)).sum::<Option<f64>>()?;
        if kwh > 0.0 { Some(grams / kwh) } else { of(parts.first()?.0) }
    };
    by_hour
        .into_iter()
        .filter_map(|(second, parts)| {
            Some(Hour {
                start: stamp(Timestamp::from_second(second).ok()?),
                kwh: parts.iter().map(|(_, kwh)| kwh).sum(),
                location_based_gco2e_per_kwh: mean(&parts, |hour| hour.location_based_g_per_kwh),
                market_based_gco2e_per_kwh: mean(&parts, |hour| hour.market_based_g_per_kwh),
            })
        })
        .collect()
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    standard: &'static str,
    records: Vec<Value>,
}

#[derive(Serialize)]
struct Record<'a> {
    reporting_period: Period,
    site: Option<&'a str>,
    zone: Option<&'a str>,
    kwh_by_hour: Vec<Hour>,
    lbm_factor: Option<LbmFactor>,
    lbm_kgco2e: Option<f64>,
    instruments: Option<Vec<Value>>,
    residual_mix_factor: Option<f64>,
    mbm_kgco2e: Option<f64>,
    matched_share_hourly: Option<f64>,
    data_quality: Quality,
    greenwich: Value,
}

#[derive(Serialize)]
struct Period {
    start: Option<String>,
    end: Option<String>,
}

#[derive(Serialize)]
struct Hour {
    start: String,
    kwh: f64,
    location_based_gco2e_per_kwh: Option<f64>,
    market_based_gco2e_per_kwh: Option<f64>,
}

#[derive(Serialize)]
struct LbmFactor {
    source: Option<String>,
    year: Option<i16>,
    resolution: Option<&'static str>,
    scope: Option<&'static str>,
    gco2e_per_kwh: Option<f64>,
}

#[derive(Serialize)]
struct Quality {
    method: Option<&'static str>,
    energy_by_method: BTreeMap<&'static str, f64>,
    coverage: Option<f64>,
    lbm_range_kgco2e: Option<Percentiles>,
    mbm_range_kgco2e: Option<Percentiles>,
    fallbacks: Vec<String>,
    warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;
    use greenwich_core::ZoneId;

    /// GHG Protocol Scope 2 Guidance (2015), chapter 7, dual reporting: both methods, each by its own factor.
    #[test]
    fn both_methods_stand_side_by_side_and_the_hours_give_them_again() {
        let run = fixture::counted();
        let value = value(std::slice::from_ref(&run));
        let record = &value["records"][0];
        let hours = record["kwh_by_hour"].as_array().expect("hours");
        let kwh: f64 = hours.iter().map(|hour| hour["kwh"].as_f64().expect("a number")).sum();
        assert!((kwh - run.account.facility_energy.p50.kwh()).abs() < 1e-9);
        let again = |key: &str| -> f64 {
            hours.iter().map(|hour| hour["kwh"].as_f64().expect("kWh") * hour[key].as_f64().expect("g") / 1e3).sum()
        };
        let market = record["mbm_kgco2e"].as_f64().expect("a number");
        assert!((again("market_based_gco2e_per_kwh") - market).abs() < 1e-9);
        let lifecycle = run.account.location_based.expect("known").p50.kg();
        assert!((again("location_based_gco2e_per_kwh") - lifecycle).abs() < 1e-9);
    }

    /// GHG Protocol Scope 2 Guidance (2015): upstream emissions and losses are Scope 3, category 3.
    #[test]
    fn scope_2_takes_the_direct_factor_where_one_is_known_and_warns_where_not() {
        let mut run = fixture::counted();
        let direct = run.account.location_based_direct.expect("known").p50.kg();
        let first = |run: &RunEntry| value(std::slice::from_ref(run))["records"][0].clone();
        assert_eq!(
            (first(&run)["lbm_kgco2e"].as_f64(), &first(&run)["lbm_factor"]["scope"]),
            (Some(direct), &Value::from("direct"))
        );
        run.account.location_based_direct = None;
        let record = first(&run);
        assert_eq!(record["lbm_factor"]["scope"], "lifecycle");
        assert!(record["data_quality"]["warnings"][0].as_str().expect("a warning").contains("Scope 3, category 3"));
    }

    #[test]
    fn two_zones_are_two_records_and_one_hour_of_two_runs_is_one_row() {
        let mut runs = vec![fixture::counted(), fixture::counted(), fixture::counted()];
        runs[1].run = "second".into();
        runs[2].run = "third".into();
        runs[2].account.setting.zone = Some(ZoneId::new("FR"));
        let value = value(&runs);
        let records = value["records"].as_array().expect("records");
        assert_eq!(records.len(), 2);
        assert_eq!((&records[0]["zone"], &records[1]["zone"]), (&Value::from("FR"), &Value::from("GB")));
        assert_eq!(records[1]["kwh_by_hour"].as_array().map(Vec::len), Some(3));
        assert_eq!(records[1]["kwh_by_hour"][0]["start"], "2026-01-05T09:00:00Z");
    }

    #[test]
    fn hours_that_do_not_hold_the_energy_say_so() {
        let mut run = fixture::counted();
        run.hours.pop();
        let text = render(&[run]);
        assert!(text.contains("kwh_by_hour holds 80 % of the energy"), "{text}");
    }
}
