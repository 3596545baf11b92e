//! JSON as the contract has it: keys kept, units in the keys, full precision.
//!
//! In: the nouns of `greenwich-core`. Out: JSON values. An uncertain quantity has its three
//! percentiles, an exact one the same number thrice, an unknown one is `null`. The contract's keys
//! come in its order; ours come between the quantities and the factors.

use crate::breakdown::Breakdown;
use crate::sentence::sentence;
use crate::view::PlanView;
use greenwich_core::footprint::{Phase, Setting, Stage};
use greenwich_core::plan::{Candidate, Placement};
use greenwich_core::quantity::{
    AcceleratorHours, Co2e, ConsequentialCo2e, FacilityEnergy, Flops, Hours, ItEnergy, Power, Usd, Water,
};
use greenwich_core::range::Quantity;
use greenwich_core::{Account, Factor, Footprint, Range, Signal, levers::Levers};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// An estimate, `greenwich.estimate/1`; or the one part of an account, `greenwich.account/1`.
pub fn estimate(footprint: &Footprint) -> Value {
    value(&Document { schema: schema(footprint.stage), job: &footprint.job, body: Body::of(footprint) })
}

/// An account, `greenwich.account/1`, with its phases and equivalents.
pub fn account(account: &Account) -> Value {
    value(&AccountDocument {
        schema: schema(Stage::Account),
        job: &account.total.job,
        tier: account.total.tier.to_string(),
        quantities: Quantities::of(&account.total),
        phases: account.phases.iter().map(WirePhase::of).collect(),
        passenger_flights: account.passenger_flights,
        planes: account.planes,
        fleet_share: account.fleet_share,
        factors: factors(&account.total),
        warnings: &account.total.warnings,
    })
}

/// The four levers, `greenwich.levers/1`.
pub fn levers(levers: &Levers) -> Value {
    value(&LeversDocument {
        schema: "greenwich.levers/1",
        energy_ratio: levers.energy_ratio,
        co2e_ratio: levers.co2e_ratio,
        model: levers.model,
        machine: levers.machine,
        mechanization: levers.mechanization,
        map: levers.map,
        base: &levers.base,
        alternative: &levers.alternative,
        scope2: levers.scope2.as_str(),
        warnings: &levers.warnings,
    })
}

/// A plan for one job, `greenwich.plan/1`.
///
/// The frontier's `location_based_co2e_kg` is by the plan's signal; with a marginal one it is `null`
/// and `consequential_co2e_kg` holds the figure, which is never part of an account.
pub fn plan(view: &PlanView<'_>) -> Value {
    let plan = view.plan;
    value(&PlanDocument {
        schema: "greenwich.plan/1",
        job: view.job,
        segments: segments(view),
        planned: Body::of(view.planned),
        baseline: Body::of(view.baseline),
        saving_fraction: plan.saving_fraction(),
        lower_bound_co2e_kg: plan.lower_bound.kg(),
        gap: plan.gap(),
        alternatives: plan.alternatives.iter().map(|placement| Alternative::of(placement, view.signal)).collect(),
        signal: view.signal.as_str(),
        sentence: sentence(view.request, plan),
        saving_parts: view.breakdown().map(SavingParts::of),
        time_only_saving_fraction: view.time_only_saving(),
        too_slow: plan.too_slow.iter().map(|(candidate, needs)| TooSlow::of(candidate, *needs)).collect(),
        warnings: view.warnings,
    })
}

pub(crate) fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("the wire structs have string keys only")
}

const fn schema(stage: Stage) -> &'static str {
    match stage {
        Stage::Estimate => "greenwich.estimate/1",
        Stage::Account => "greenwich.account/1",
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    job: &'a str,
    #[serde(flatten)]
    body: Body<'a>,
}

/// What an estimate, a planned run and a baseline have alike.
#[derive(Serialize)]
struct Body<'a> {
    tier: String,
    #[serde(flatten)]
    quantities: Quantities<'a>,
    factors: Vec<WireFactor<'a>>,
    warnings: &'a [String],
}

impl<'a> Body<'a> {
    fn of(footprint: &'a Footprint) -> Self {
        Self {
            tier: footprint.tier.to_string(),
            quantities: Quantities::of(footprint),
            factors: factors(footprint),
            warnings: &footprint.warnings,
        }
    }
}

#[derive(Serialize)]
struct AccountDocument<'a> {
    schema: &'static str,
    job: &'a str,
    tier: String,
    #[serde(flatten)]
    quantities: Quantities<'a>,
    phases: Vec<WirePhase<'a>>,
    passenger_flights: Option<f64>,
    planes: Option<f64>,
    fleet_share: Option<f64>,
    factors: Vec<WireFactor<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct WirePhase<'a> {
    name: &'a str,
    energy_share: f64,
    co2e_share: Option<f64>,
    #[serde(flatten)]
    quantities: Quantities<'a>,
}

impl<'a> WirePhase<'a> {
    fn of(phase: &'a Phase) -> Self {
        Self {
            name: &phase.name,
            energy_share: phase.energy_share,
            co2e_share: phase.co2e_share,
            quantities: Quantities::of(&phase.footprint),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Percentiles {
    p5: f64,
    p50: f64,
    p95: f64,
}

impl Percentiles {
    pub(crate) fn of<Q: Quantity>(range: &Range<Q>, in_unit: impl Fn(Q) -> f64) -> Self {
        Self { p5: in_unit(range.p5), p50: in_unit(range.p50), p95: in_unit(range.p95) }
    }
    pub(crate) fn maybe<Q: Quantity>(range: Option<&Range<Q>>, in_unit: impl Fn(Q) -> f64) -> Option<Self> {
        range.map(|range| Self::of(range, in_unit))
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Quantities<'a> {
    params_total: Option<u64>,
    params_active: Option<u64>,
    forward_flops_per_token: Option<Percentiles>,
    training_flops: Option<Percentiles>,
    accelerator_hours: Percentiles,
    hours: Percentiles,
    mean_power_w: Percentiles,
    accelerator_power_w: Option<Percentiles>,
    facility_power_w: Option<Percentiles>,
    it_energy_kwh: Percentiles,
    facility_energy_kwh: Percentiles,
    location_based_co2e_kg: Option<Percentiles>,
    market_based_co2e_kg: Option<Percentiles>,
    embodied_co2e_kg: Option<Percentiles>,
    water_l: Option<Percentiles>,
    cost_usd: Option<Percentiles>,
    location_based_direct_co2e_kg: Option<Percentiles>,
    consequential_co2e_kg: Option<Percentiles>,
    setting: WireSetting<'a>,
}

impl<'a> Quantities<'a> {
    pub(crate) fn of(footprint: &'a Footprint) -> Self {
        let kg = |range: Option<&_>| Percentiles::maybe(range, Co2e::kg);
        let forward = footprint.forward_flops_per_token.map(Range::exact);
        Self {
            params_total: footprint.params_total,
            params_active: footprint.params_active,
            forward_flops_per_token: Percentiles::maybe(forward.as_ref(), Flops::flops),
            training_flops: Percentiles::maybe(footprint.training_flops.as_ref(), Flops::flops),
            accelerator_hours: Percentiles::of(&footprint.accelerator_hours, AcceleratorHours::hours),
            hours: Percentiles::of(&footprint.hours, Hours::hours),
            mean_power_w: Percentiles::of(&footprint.mean_power, Power::watts),
            accelerator_power_w: Percentiles::maybe(footprint.accelerator_power.as_ref(), Power::watts),
            facility_power_w: Percentiles::maybe(footprint.facility_power.as_ref(), Power::watts),
            it_energy_kwh: Percentiles::of(&footprint.it_energy, ItEnergy::kwh),
            facility_energy_kwh: Percentiles::of(&footprint.facility_energy, FacilityEnergy::kwh),
            location_based_co2e_kg: kg(footprint.location_based.as_ref()),
            market_based_co2e_kg: kg(footprint.market_based.as_ref()),
            embodied_co2e_kg: kg(footprint.embodied.as_ref()),
            water_l: Percentiles::maybe(footprint.water.as_ref(), Water::litres),
            cost_usd: Percentiles::maybe(footprint.cost.as_ref(), Usd::usd),
            location_based_direct_co2e_kg: kg(footprint.location_based_direct.as_ref()),
            consequential_co2e_kg: Percentiles::maybe(footprint.consequential.as_ref(), ConsequentialCo2e::kg),
            setting: WireSetting::of(&footprint.setting),
        }
    }
}

#[derive(Debug, Serialize)]
struct WireSetting<'a> {
    accelerator: Option<&'a str>,
    count: u32,
    region: Option<&'a str>,
    zone: Option<&'a str>,
}

impl<'a> WireSetting<'a> {
    fn of(setting: &'a Setting) -> Self {
        Self {
            accelerator: setting.accelerator.as_ref().map(greenwich_core::AcceleratorId::as_str),
            count: setting.count,
            region: setting.region.as_ref().map(greenwich_core::RegionId::as_str),
            zone: setting.zone.as_ref().map(greenwich_core::ZoneId::as_str),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct WireFactor<'a> {
    quantity: &'a str,
    value: f64,
    unit: &'a str,
    source: &'a str,
    year: Option<i16>,
    fit: String,
    check: &'static str,
}

pub(crate) fn factors(footprint: &Footprint) -> Vec<WireFactor<'_>> {
    footprint.factors.iter().map(wire_factor).collect()
}

fn wire_factor(factor: &Factor) -> WireFactor<'_> {
    WireFactor {
        quantity: &factor.quantity,
        value: factor.value,
        unit: &factor.unit,
        source: &factor.source,
        year: factor.year,
        fit: factor.fit.to_string(),
        check: factor.check.as_str(),
    }
}

#[derive(Serialize)]
struct LeversDocument<'a> {
    schema: &'static str,
    energy_ratio: f64,
    co2e_ratio: f64,
    model: Option<f64>,
    machine: f64,
    mechanization: f64,
    map: f64,
    base: &'a str,
    alternative: &'a str,
    scope2: &'static str,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct PlanDocument<'a> {
    schema: &'static str,
    job: &'a str,
    segments: Vec<Segment<'a>>,
    planned: Body<'a>,
    baseline: Body<'a>,
    saving_fraction: f64,
    lower_bound_co2e_kg: f64,
    gap: f64,
    alternatives: Vec<Alternative<'a>>,
    signal: &'static str,
    sentence: String,
    saving_parts: Option<SavingParts>,
    time_only_saving_fraction: Option<f64>,
    too_slow: Vec<TooSlow<'a>>,
    warnings: &'a [String],
}

/// Planned ÷ baseline as factors; their product is one less the saving.
#[derive(Serialize)]
struct SavingParts {
    machine: f64,
    place: f64,
    time: f64,
}

impl SavingParts {
    fn of(Breakdown { machine, place, time }: Breakdown) -> Self {
        Self { machine, place, time }
    }
}

#[derive(Serialize)]
struct Segment<'a> {
    region: &'a str,
    zone: &'a str,
    accelerator: &'a str,
    count: u32,
    start: String,
    end: String,
    mean_gco2e_per_kwh: Option<f64>,
}

fn segments<'a>(view: &PlanView<'a>) -> Vec<Segment<'a>> {
    let best = &view.plan.best;
    let candidate = &best.candidate;
    let series = view.request.series.get(candidate.series);
    let segment = |window: &greenwich_core::Window| Segment {
        region: candidate.region.as_str(),
        zone: candidate.zone.as_str(),
        accelerator: candidate.accelerator.as_str(),
        count: candidate.count,
        start: stamp(window.start()),
        end: stamp(window.end()),
        mean_gco2e_per_kwh: series.and_then(|series| series.mean_g_per_kwh(*window)),
    };
    best.segments.iter().map(segment).collect()
}

/// RFC 3339 in UTC, as `jiff` writes a timestamp.
pub(crate) fn stamp(instant: Timestamp) -> String {
    instant.to_string()
}

#[derive(Serialize)]
struct Alternative<'a> {
    region: &'a str,
    accelerator: &'a str,
    start: String,
    end: String,
    location_based_co2e_kg: Option<f64>,
    cost_usd: Option<f64>,
    finish: String,
    zone: &'a str,
    count: u32,
    consequential_co2e_kg: Option<f64>,
}

impl<'a> Alternative<'a> {
    fn of(placement: &'a Placement, signal: Signal) -> Self {
        let candidate = &placement.candidate;
        let kg = placement.co2e.kg();
        let marginal = signal == Signal::Marginal;
        Self {
            region: candidate.region.as_str(),
            accelerator: candidate.accelerator.as_str(),
            start: stamp(placement.start()),
            end: stamp(placement.finish()),
            location_based_co2e_kg: (!marginal).then_some(kg),
            cost_usd: placement.cost.map(Usd::usd),
            finish: stamp(placement.finish()),
            zone: candidate.zone.as_str(),
            count: candidate.count,
            consequential_co2e_kg: marginal.then_some(kg),
        }
    }
}

#[derive(Serialize)]
struct TooSlow<'a> {
    region: &'a str,
    zone: &'a str,
    accelerator: &'a str,
    count: u32,
    hours: f64,
}

impl<'a> TooSlow<'a> {
    fn of(candidate: &'a Candidate, needs: Hours) -> Self {
        Self {
            region: candidate.region.as_str(),
            zone: candidate.zone.as_str(),
            accelerator: candidate.accelerator.as_str(),
            count: candidate.count,
            hours: needs.hours(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use greenwich_core::levers::Scope2;

    const QUANTITIES: [&str; 16] = [
        "params_total",
        "params_active",
        "forward_flops_per_token",
        "training_flops",
        "accelerator_hours",
        "hours",
        "mean_power_w",
        "accelerator_power_w",
        "facility_power_w",
        "it_energy_kwh",
        "facility_energy_kwh",
        "location_based_co2e_kg",
        "market_based_co2e_kg",
        "embodied_co2e_kg",
        "water_l",
        "cost_usd",
    ];
    const OURS: [&str; 3] = ["location_based_direct_co2e_kg", "consequential_co2e_kg", "setting"];

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().expect("an object").keys().map(String::as_str).collect()
    }

    fn chain<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
        parts.concat()
    }

    #[test]
    fn an_estimate_has_the_contracts_keys_in_its_order() {
        let value = estimate(&fixture::estimate());
        let expected = chain(&[&["schema", "job", "tier"], &QUANTITIES, &OURS, &["factors", "warnings"]]);
        assert_eq!(keys(&value), expected);
        assert_eq!(value["schema"], "greenwich.estimate/1");
        assert_eq!(value["params_total"], 6_738_415_616_u64);
        assert_eq!(keys(&value["setting"]), ["accelerator", "count", "region", "zone"]);
        assert_eq!(keys(&value["factors"][0]), ["quantity", "value", "unit", "source", "year", "fit", "check"]);
        assert_eq!(value["factors"][3]["year"], Value::Null);
        assert_eq!(value["factors"][3]["check"], "unverified");
    }

    #[test]
    fn the_unknown_is_null_and_the_exact_has_three_equal_percentiles() {
        let value = estimate(&fixture::estimate());
        assert_eq!(value["market_based_co2e_kg"], Value::Null);
        assert_eq!(value["consequential_co2e_kg"], Value::Null);
        let flops = &value["training_flops"];
        assert_eq!(keys(flops), ["p5", "p50", "p95"]);
        assert!(flops["p5"] == 9.3e22 && flops["p50"] == 9.3e22 && flops["p95"] == 9.3e22);
        assert_eq!(value["forward_flops_per_token"]["p50"], 1.55e10);
        let hours = &value["hours"];
        assert!(hours["p5"].as_f64() < hours["p50"].as_f64() && hours["p50"].as_f64() < hours["p95"].as_f64());
        assert_eq!(hours["p50"], 175.0);
    }

    #[test]
    fn an_account_adds_phases_and_equivalents() {
        let value = account(&fixture::account());
        let added = ["phases", "passenger_flights", "planes", "fleet_share"];
        let expected = chain(&[&["schema", "job", "tier"], &QUANTITIES, &OURS, &added, &["factors", "warnings"]]);
        assert_eq!(keys(&value), expected);
        assert_eq!(value["schema"], "greenwich.account/1");
        let phase = &value["phases"][1];
        assert_eq!(keys(phase), chain(&[&["name", "energy_share", "co2e_share"], &QUANTITIES, &OURS]));
        assert_eq!(phase["energy_share"], 0.75);
        assert_eq!(estimate(&fixture::account().total)["schema"], "greenwich.account/1");
    }

    #[test]
    fn levers_have_the_contracts_keys() {
        let value = levers(&Levers {
            base: "gpt-3".into(),
            alternative: "glam".into(),
            scope2: Scope2::Location,
            energy_ratio: 2.8,
            co2e_ratio: 14.0,
            model: None,
            machine: 2.5,
            mechanization: 1.12,
            map: 5.0,
            warnings: vec!["the FLOPs of `glam` are not known".into()],
        });
        let contract = ["schema", "energy_ratio", "co2e_ratio", "model", "machine", "mechanization", "map"];
        assert_eq!(keys(&value), chain(&[&contract, &["base", "alternative", "scope2", "warnings"]]));
        assert_eq!(value["model"], Value::Null);
        assert_eq!(value["scope2"], "location");
    }

    #[test]
    fn a_plan_has_the_contracts_keys_in_its_order() {
        let fixture = fixture::moved();
        let value = plan(&fixture.view());
        assert_eq!(
            keys(&value),
            [
                "schema",
                "job",
                "segments",
                "planned",
                "baseline",
                "saving_fraction",
                "lower_bound_co2e_kg",
                "gap",
                "alternatives",
                "signal",
                "sentence",
                "saving_parts",
                "time_only_saving_fraction",
                "too_slow",
                "warnings"
            ]
        );
        let segment = &value["segments"][0];
        assert_eq!(keys(segment), ["region", "zone", "accelerator", "count", "start", "end", "mean_gco2e_per_kwh"]);
        assert!(segment["start"].as_str().expect("a stamp").ends_with('Z'));
        let alternative = &value["alternatives"][0];
        let contract = ["region", "accelerator", "start", "end", "location_based_co2e_kg", "cost_usd", "finish"];
        assert_eq!(keys(alternative), chain(&[&contract, &["zone", "count", "consequential_co2e_kg"]]));
        assert_eq!(keys(&value["too_slow"][0]), ["region", "zone", "accelerator", "count", "hours"]);
        assert_eq!(keys(&value["planned"]), chain(&[&["tier"], &QUANTITIES, &OURS, &["factors", "warnings"]]));
        assert_eq!(value["signal"], "lifecycle");
        assert_eq!(keys(&value["saving_parts"]), ["machine", "place", "time"]);
        let part = |name: &str| value["saving_parts"][name].as_f64().expect("a factor");
        let whole = part("machine") * part("place") * part("time");
        assert!((whole - (1.0 - fixture.plan.saving_fraction())).abs() < 1e-12);
        assert_eq!(value["time_only_saving_fraction"].as_f64(), view_time_only(&fixture));
        let saving = value["saving_fraction"].as_f64().expect("a number");
        assert!((saving - fixture.plan.saving_fraction()).abs() == 0.0, "full precision");
    }

    fn view_time_only(fixture: &fixture::Fixture) -> Option<f64> {
        let moved = fixture.plan.time_only.as_ref()?;
        Some(1.0 - moved.co2e / fixture.plan.baseline.co2e)
    }

    #[test]
    fn a_saving_that_cannot_be_split_has_no_parts() {
        let mut fixture = fixture::moved();
        let late = fixture.request.window.start() + jiff::SignedDuration::from_hours(500);
        for series in &mut fixture.request.series {
            let values = series.values_g_per_kwh()[500..].to_vec();
            let (zone, signal, provenance) = (series.zone.clone(), series.signal, series.provenance.clone());
            *series = greenwich_core::IntensitySeries::new(zone, signal, provenance, late, series.step(), values);
        }
        fixture.plan.time_only = None;
        let value = plan(&fixture.view());
        assert_eq!(value["saving_parts"], Value::Null);
        assert_eq!(value["time_only_saving_fraction"], Value::Null);
    }

    #[test]
    fn a_marginal_plan_has_no_location_based_frontier() {
        let fixture = fixture::moved();
        let mut view = fixture.view();
        view.signal = Signal::Marginal;
        let value = plan(&view);
        assert_eq!(value["alternatives"][0]["location_based_co2e_kg"], Value::Null);
        assert!(value["alternatives"][0]["consequential_co2e_kg"].is_f64());
    }
}
