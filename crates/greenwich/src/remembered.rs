//! A run of the ledger as reports read it.
//!
//! In: an entry of the store, whose quantities are JSON. Out: [`RunEntry`]. Whatever the entry does not hold stays
//! unknown; nothing is computed again.

use greenwich_core::entry::{DeviceEnergy, HourOfRun, RunEntry};
use greenwich_core::footprint::{Setting, Stage};
use greenwich_core::quantity::{
    AcceleratorHours, Co2e, ConsequentialCo2e, FacilityEnergy, Flops, Hours, ItEnergy, Power, Pue, Usd, Water,
};
use greenwich_core::reading::{DeviceKind, Method};
use greenwich_core::{AcceleratorId, Check, Factor, Fit, Footprint, Range, RegionId, Tier, ZoneId};
use greenwich_store::Entry;
use serde_json::Value;
use std::collections::BTreeMap;

/// An entry as reports read it.
pub fn run_entry(entry: &Entry) -> RunEntry {
    let tags = entry.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    RunEntry {
        run: entry.run.clone(),
        command: entry.command.clone(),
        start: entry.start,
        end: entry.end,
        exit_status: entry.exit_status,
        nodes: u32::try_from(entry.hosts.len().max(1)).unwrap_or(u32::MAX),
        nodes_expected: entry.nodes,
        project: entry.project.clone(),
        model: entry.model.clone(),
        phase: entry.phase.clone(),
        tags,
        corrects: entry.corrects.clone(),
        devices: devices(entry),
        hours: hours(entry),
        account: footprint(entry),
    }
}

/// Devices, each once, whatever ways its energy is known in.
fn devices(entry: &Entry) -> Vec<DeviceEnergy> {
    let mut found: BTreeMap<(String, String), Vec<&greenwich_store::DeviceEnergy>> = BTreeMap::new();
    for device in &entry.devices {
        found.entry((device.host.clone(), device.device.clone())).or_default().push(device);
    }
    let one = |parts: Vec<&greenwich_store::DeviceEnergy>| {
        let longest = parts.iter().copied().max_by(|a, b| a.coverage.total_cmp(&b.coverage))?;
        let least: f64 = parts.iter().filter_map(|part| least_j(part)).sum();
        let most: f64 = parts.iter().filter_map(|part| part.most_energy_j.or(part.energy_j)).sum();
        // Sums of the same joules in another order differ in their last bit.
        let most = most.max(least);
        let likely: f64 = parts.iter().filter_map(|part| likely_j(part)).sum();
        let joules = ItEnergy::from_joules;
        let known = parts.iter().filter(|part| part.method != "unknown").map(|part| part.coverage).sum::<f64>();
        Some(DeviceEnergy {
            device: longest.device.clone(),
            host: longest.host.clone(),
            kind: kind(&longest.kind),
            domain: longest.domain.clone(),
            model: String::new(),
            energy: Range { p5: joules(least), p50: joules(likely.clamp(least, most)), p95: joules(most) },
            method: method(&longest.method),
            coverage: known.clamp(0.0, 1.0),
            inside_another: longest.inside_another,
        })
    };
    found.into_values().filter_map(one).collect()
}

/// What is reported of a part: of an unknown one the middle of its bounds.
pub(crate) fn likely_j(part: &greenwich_store::DeviceEnergy) -> Option<f64> {
    let energy = part.energy_j?;
    let most = part.most_energy_j.unwrap_or(energy);
    Some(if part.method == "unknown" { f64::midpoint(energy, most) } else { energy })
}

/// The least that a part can be. A model's likely value is kept with its upper bound: its lower one lies as far
/// below, as a ratio.
pub(crate) fn least_j(part: &greenwich_store::DeviceEnergy) -> Option<f64> {
    let energy = part.energy_j?;
    let most = part.most_energy_j.unwrap_or(energy);
    Some(if part.method == "estimated" && most > energy { energy * energy / most } else { energy })
}

fn kind(word: &str) -> DeviceKind {
    let kinds = [DeviceKind::CpuPackage, DeviceKind::Dram, DeviceKind::Platform, DeviceKind::Gpu, DeviceKind::Node];
    kinds.into_iter().find(|kind| kind.as_str() == word).unwrap_or(DeviceKind::Other)
}

fn method(word: &str) -> Method {
    let methods = [Method::Counted, Method::Sampled, Method::Estimated];
    methods.into_iter().find(|method| method.as_str() == word).unwrap_or(Method::Unknown)
}

fn hours(entry: &Entry) -> Vec<HourOfRun> {
    let rows = entry.quantities.get("hours_of_run").and_then(Value::as_array);
    let one = |row: &Value| {
        let number = |key: &str| row.get(key).and_then(Value::as_f64);
        Some(HourOfRun {
            start: row.get("start")?.as_str()?.parse().ok()?,
            it_energy: ItEnergy::from_kwh(number("it_energy_kwh")?),
            location_based_g_per_kwh: number("location_based_gco2e_per_kwh"),
            market_based_g_per_kwh: number("market_based_gco2e_per_kwh"),
            pue: number("pue").and_then(|ratio| Pue::new(ratio).ok()),
        })
    };
    rows.into_iter().flatten().filter_map(one).collect()
}

fn typed<Q>(range: Range<f64>, of: fn(f64) -> Q) -> Range<Q> {
    Range { p5: of(range.p5), p50: of(range.p50), p95: of(range.p95) }
}

fn footprint(entry: &Entry) -> Footprint {
    let quantities = &entry.quantities;
    let range = |key: &str| -> Option<Range<f64>> {
        let value = quantities.get(key)?;
        if let Some(number) = value.as_f64() {
            return Some(Range { p5: number, p50: number, p95: number });
        }
        let at = |percentile: &str| value.get(percentile).and_then(Value::as_f64);
        Some(Range { p5: at("p5")?, p50: at("p50")?, p95: at("p95")? })
    };
    let whole = |key: &str| quantities.get(key).and_then(Value::as_u64);
    let text = |key: &str| {
        quantities.get("setting").and_then(|setting| setting.get(key)).and_then(Value::as_str).map(str::to_owned)
    };
    let lasted = entry.end.duration_since(entry.start).as_secs_f64().max(0.0) / 3600.0;
    let joules = entry.it_energy_j.unwrap_or(0.0);
    let most = entry.most_it_energy_j.unwrap_or(joules);
    let measured = Range { p5: joules / 3.6e6, p50: f64::midpoint(joules, most) / 3.6e6, p95: most / 3.6e6 };
    let it_kwh = range("it_energy_kwh").unwrap_or(measured);
    let count = quantities.get("setting").and_then(|setting| setting.get("count")).and_then(Value::as_u64).unwrap_or(1);
    let hours = range("hours").unwrap_or(Range { p5: lasted, p50: lasted, p95: lasted });
    let accelerator_hours = range("accelerator_hours").unwrap_or(Range {
        p5: hours.p5 * count as f64,
        p50: hours.p50 * count as f64,
        p95: hours.p95 * count as f64,
    });
    let watts = |kwh: f64| if accelerator_hours.p50 > 0.0 { kwh * 1e3 / accelerator_hours.p50 } else { 0.0 };
    let power =
        range("mean_power_w").unwrap_or(Range { p5: watts(it_kwh.p5), p50: watts(it_kwh.p50), p95: watts(it_kwh.p95) });
    let co2e = |key: &str| range(key).map(|range| typed(range, Co2e::from_kg));
    let tier = match quantities.get("tier").and_then(Value::as_str) {
        Some("T0") => Tier::T0,
        Some("T1") => Tier::T1,
        Some("T2") => Tier::T2,
        _ => Tier::T3,
    };
    Footprint {
        stage: Stage::Account,
        job: entry.run.clone(),
        tier,
        setting: Setting {
            accelerator: text("accelerator").map(AcceleratorId::new),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            region: text("region").map(RegionId::new),
            zone: text("zone").map(ZoneId::new),
        },
        params_total: whole("params_total"),
        params_active: whole("params_active"),
        forward_flops_per_token: range("forward_flops_per_token").map(|range| Flops::from_flops(range.p50)),
        training_flops: range("training_flops").map(|range| typed(range, Flops::from_flops)),
        accelerator_hours: typed(accelerator_hours, AcceleratorHours::from_hours),
        hours: typed(hours, Hours::from_hours),
        mean_power: typed(power, Power::from_watts),
        accelerator_power: range("accelerator_power_w").map(|range| typed(range, Power::from_watts)),
        facility_power: range("facility_power_w").map(|range| typed(range, Power::from_watts)),
        it_energy: typed(it_kwh, ItEnergy::from_kwh),
        // Without an account there is no PUE: what the building drew is at least what the devices drew.
        facility_energy: typed(range("facility_energy_kwh").unwrap_or(it_kwh), FacilityEnergy::from_kwh),
        location_based: co2e("location_based_co2e_kg"),
        location_based_direct: co2e("location_based_direct_co2e_kg"),
        market_based: co2e("market_based_co2e_kg"),
        consequential: range("consequential_co2e_kg").map(|range| typed(range, ConsequentialCo2e::from_kg)),
        embodied: co2e("embodied_co2e_kg"),
        water: range("water_l").map(|range| typed(range, Water::from_litres)),
        cost: range("cost_usd").map(|range| typed(range, Usd::from_usd)),
        factors: factors(quantities.get("factors")),
        warnings: entry.warnings.clone(),
    }
}

fn factors(rows: Option<&Value>) -> Vec<Factor> {
    let one = |row: &Value| {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let checks = [Check::Primary, Check::Derived, Check::Quoted];
        Some(Factor {
            quantity: text("quantity"),
            value: row.get("value")?.as_f64()?,
            unit: text("unit"),
            source: text("source"),
            year: row.get("year").and_then(Value::as_i64).and_then(|year| i16::try_from(year).ok()),
            fit: fit(&text("fit")),
            check: checks.into_iter().find(|check| check.as_str() == text("check")).unwrap_or(Check::Unverified),
        })
    };
    rows.and_then(Value::as_array).into_iter().flatten().filter_map(one).collect()
}

/// A fit from its words.
fn fit(words: &str) -> Fit {
    let years =
        words.split_once(" figure for ").and_then(|(found, asked)| Some((found.parse().ok()?, asked.parse().ok()?)));
    match (words, years) {
        ("exact", _) => Fit::Exact,
        ("given", _) => Fit::Given,
        ("assumed", _) => Fit::Assumed,
        ("world default", _) => Fit::WorldDefault,
        (_, Some((found, asked))) => Fit::OtherYear { asked, found },
        _ => {
            let parent =
                words.strip_prefix("figure of the parent zone ").map(|zone| Fit::ParentZone(ZoneId::new(zone)));
            let fleet = words.strip_prefix("fleet average of ").map(|fleet| Fit::FleetAverage(fleet.to_owned()));
            parent.or(fleet).unwrap_or_else(|| Fit::Similar(words.trim_start_matches("figure of ").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_is_read_back_from_its_words() {
        let fits = [
            Fit::Exact,
            Fit::OtherYear { asked: 2026, found: 2024 },
            Fit::ParentZone(ZoneId::new("SE")),
            Fit::FleetAverage("gcp".to_owned()),
            Fit::Similar("h100-sxm5-80g".to_owned()),
            Fit::WorldDefault,
            Fit::Given,
            Fit::Assumed,
        ];
        for one in fits {
            assert_eq!(fit(&one.to_string()), one);
        }
    }
}
