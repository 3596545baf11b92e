//! `greenwich.run/1`: a run as the contract has it, and as the ledger lists it.
//!
//! In: runs. Out: JSON. The contract's keys come in its order with the quantities of an account under their own
//! names; what we add follows. A number of joules is the median, with its percentiles beside it where it has some;
//! a device of which only bounds are known has `null`.

use crate::export::document;
use crate::json::{self, Percentiles, Quantities, WireFactor, stamp};
use greenwich_core::Range;
use greenwich_core::entry::{DeviceEnergy, HourOfRun, RunEntry};
use greenwich_core::quantity::ItEnergy;
use greenwich_core::reading::Method;
use serde::Serialize;
use serde_json::{Map, Value};

/// One run, `greenwich.run/1`.
pub fn value(run: &RunEntry) -> Value {
    json::value(&Document {
        schema: "greenwich.run/1",
        run: &run.run,
        command: &run.command,
        start: stamp(run.start),
        end: stamp(run.end),
        exit_status: run.exit_status,
        it_energy_j: run.account.it_energy.p50.joules(),
        devices: run.devices.iter().map(Device::of).collect(),
        tier: run.account.tier.to_string(),
        quantities: Quantities::of(&run.account),
        factors: json::factors(&run.account),
        warnings: &run.account.warnings,
        it_energy_range_j: uncertain(&run.account.it_energy),
        hosts: hosts(run),
        nodes: run.nodes,
        nodes_expected: run.nodes_expected,
        project: run.project.as_deref(),
        model: run.model.as_deref(),
        phase: run.phase.as_deref(),
        tags: run.tags.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect(),
        corrects: &run.corrects,
        method: run.method().map(Method::as_str),
        hours_of_run: run.hours.iter().map(Hour::of).collect(),
    })
}

/// Several runs, `greenwich.runs/1`: `runs` holds a `greenwich.run/1` each, in the order given.
pub fn values(runs: &[RunEntry]) -> Value {
    json::value(&Documents { schema: "greenwich.runs/1", runs: runs.iter().map(value).collect() })
}

/// One run as `greenwich.run/1`; none or several as `greenwich.runs/1`.
pub fn render(runs: &[RunEntry]) -> String {
    match runs {
        [run] => document(&value(run)),
        several => document(&values(several)),
    }
}

fn hosts(run: &RunEntry) -> Vec<&str> {
    let mut hosts: Vec<&str> = Vec::new();
    for device in &run.devices {
        if !hosts.contains(&device.host.as_str()) {
            hosts.push(&device.host);
        }
    }
    hosts
}

fn uncertain(energy: &Range<ItEnergy>) -> Option<Percentiles> {
    (!energy.is_exact()).then(|| Percentiles::of(energy, ItEnergy::joules))
}

#[derive(Serialize)]
struct Documents {
    schema: &'static str,
    runs: Vec<Value>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    run: &'a str,
    command: &'a [String],
    start: String,
    end: String,
    exit_status: Option<i32>,
    it_energy_j: f64,
    devices: Vec<Device<'a>>,
    tier: String,
    #[serde(flatten)]
    quantities: Quantities<'a>,
    factors: Vec<WireFactor<'a>>,
    warnings: &'a [String],
    it_energy_range_j: Option<Percentiles>,
    hosts: Vec<&'a str>,
    nodes: u32,
    nodes_expected: Option<u32>,
    project: Option<&'a str>,
    model: Option<&'a str>,
    phase: Option<&'a str>,
    tags: Map<String, Value>,
    corrects: &'a [String],
    method: Option<&'static str>,
    hours_of_run: Vec<Hour>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the contract names the key `device`")]
struct Device<'a> {
    device: &'a str,
    domain: &'a str,
    energy_j: Option<f64>,
    method: &'static str,
    coverage: f64,
    energy_range_j: Option<Percentiles>,
    kind: &'static str,
    model: Option<&'a str>,
    host: &'a str,
    inside_another: bool,
}

impl<'a> Device<'a> {
    fn of(device: &'a DeviceEnergy) -> Self {
        Self {
            device: &device.device,
            domain: &device.domain,
            energy_j: (device.method != Method::Unknown).then(|| device.energy.p50.joules()),
            method: device.method.as_str(),
            coverage: device.coverage,
            energy_range_j: uncertain(&device.energy),
            kind: device.kind.as_str(),
            model: (!device.model.is_empty()).then_some(device.model.as_str()),
            host: &device.host,
            inside_another: device.inside_another,
        }
    }
}

#[derive(Serialize)]
struct Hour {
    start: String,
    it_energy_j: f64,
    location_based_gco2e_per_kwh: Option<f64>,
    market_based_gco2e_per_kwh: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pue: Option<f64>,
}

impl Hour {
    fn of(hour: &HourOfRun) -> Self {
        Self {
            start: stamp(hour.start),
            it_energy_j: hour.it_energy.joules(),
            location_based_gco2e_per_kwh: hour.location_based_g_per_kwh,
            market_based_gco2e_per_kwh: hour.market_based_g_per_kwh,
            pue: hour.pue.map(greenwich_core::quantity::Pue::ratio),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().expect("an object").keys().map(String::as_str).collect()
    }

    #[test]
    fn a_run_has_the_contracts_keys_in_its_order_then_an_accounts_then_ours() {
        let run = fixture::counted();
        let value = value(&run);
        let contract = ["schema", "run", "command", "start", "end", "exit_status", "it_energy_j", "devices"];
        assert_eq!(keys(&value)[..8], contract);
        let account = json::estimate(&run.account);
        for key in keys(&account).into_iter().filter(|key| !matches!(*key, "schema" | "job")) {
            assert_eq!(value[key], account[key], "{key}");
        }
        let ours = [
            "it_energy_range_j",
            "hosts",
            "nodes",
            "nodes_expected",
            "project",
            "model",
            "phase",
            "tags",
            "corrects",
            "method",
            "hours_of_run",
        ];
        assert_eq!(keys(&value)[8 + keys(&account).len() - 2..], ours);
        assert_eq!(keys(&value["devices"][0])[..5], ["device", "domain", "energy_j", "method", "coverage"]);
        assert_eq!(value["it_energy_j"], 8.18 * 3.6e6);
        assert_eq!(value["tags"]["tokens"], "1.2e9");
    }

    #[test]
    fn an_uncertain_energy_has_its_median_and_its_percentiles_and_an_unknown_one_its_bounds_only() {
        let value = value(&fixture::estimated());
        let (cpu, dram) = (&value["devices"][0], &value["devices"][1]);
        assert_eq!(cpu["energy_j"], 0.4 * 3.6e6);
        assert_eq!(cpu["energy_range_j"]["p50"], cpu["energy_j"]);
        assert_eq!((&dram["energy_j"], &dram["method"]), (&Value::Null, &Value::from("unknown")));
        assert_eq!(dram["energy_range_j"]["p95"], 0.1 * 3.6e6);
        assert_eq!(value["it_energy_range_j"]["p50"], value["it_energy_j"]);
        assert_eq!((&value["exit_status"], &value["location_based_co2e_kg"]), (&Value::from(137), &Value::Null));
        assert_eq!(super::value(&fixture::counted())["devices"][0]["energy_range_j"], Value::Null);
    }

    #[test]
    fn one_run_is_a_run_and_several_are_runs() {
        let schema = |runs: &[RunEntry]| {
            let value: Value = serde_json::from_str(&render(runs)).expect("JSON");
            value["schema"].as_str().expect("a schema").to_owned()
        };
        assert_eq!(schema(&[fixture::counted()]), "greenwich.run/1");
        assert_eq!((schema(&fixture::phases()), schema(&[])), ("greenwich.runs/1".into(), "greenwich.runs/1".into()));
    }
}
