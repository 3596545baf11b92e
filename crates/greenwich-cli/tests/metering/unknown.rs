//! Rows 17, 18 and 20: nothing to read, how each joule is known, no network.

use crate::stage::{GREENWICH, Machine, has, stub};
use greenwich_meter::fixture::{INTEL_MAX_UJ, Power};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

fn summary(machine: &Machine, flags: &[&str], environment: &[(&str, &str)], words: &[&str]) -> (Option<i32>, Value) {
    let file = machine.path("summary.json");
    let file = file.to_str().expect("text");
    let mut command = machine.run(&[flags, &["--summary", file]].concat(), words);
    let output = command.envs(environment.iter().copied()).output().expect("it starts");
    let json = serde_json::from_slice(&fs::read(file).expect("it was written")).expect("JSON");
    (output.status.code(), json)
}

#[test]
fn without_a_sensor_the_child_runs_and_the_energy_is_an_estimate_with_a_range() {
    let machine = Machine::bare();
    let (status, json) = summary(&machine, &[], &[], &["sh", "-c", "sleep 0.2; exit 0"]);
    assert_eq!((status, &json["exit_status"]), (Some(0), &Value::from(0)));
    let devices = json["devices"].as_array().expect("a list");
    assert!(!devices.is_empty());
    for device in devices {
        assert_eq!(device["method"], "estimated", "{device}");
        assert!(device["energy_j"].as_f64() < device["most_energy_j"].as_f64(), "{device}");
    }
    let range = &json["location_based_co2e_kg"];
    assert!(range["p5"].as_f64() < range["p95"].as_f64(), "{range}");
    let warnings = json["warnings"].to_string();
    assert!(warnings.contains("a model by load stands in"), "{warnings}");
}

#[test]
fn without_even_a_proc_the_child_runs_and_nothing_is_claimed() {
    let machine = Machine::bare();
    let empty = machine.path("run").display().to_string();
    let output = machine.run(&["--proc-root", &empty], &["sh", "-c", "exit 4"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(4));
    let found = machine.ledger().entries().expect("a ledger");
    assert!(found.entries.iter().all(|entry| entry.it_energy_j != Some(0.0)), "unknown is null, never 0");
}

#[test]
fn an_unknown_place_is_the_world_with_a_warning_and_no_country() {
    let machine = Machine::server();
    let mut words = machine.words(&[], &["sleep", "0.1"]);
    let zone = words.iter().position(|word| word == "--zone").expect("it was given");
    words.drain(zone..zone + 2);
    let mut command = Command::new(GREENWICH);
    machine.settle(&mut command);
    assert!(command.args(words).status().expect("it starts").success());
    let entry = machine.entry();
    let told =
        entry.quantities.get("warnings").map(ToString::to_string).unwrap_or_default() + &entry.warnings.join("\n");
    assert!(told.contains("the place is not known, so the world's mean intensity is taken"), "{told}");
}

#[test]
fn the_record_says_of_each_device_how_its_joules_are_known() {
    let machine = Machine::with(|tree| {
        tree.zone("intel-rapl:0", "package-0", Power::Constant(150.0), 7_000_000, Some(INTEL_MAX_UJ));
        tree.sensor("hwmon0", "power_meter", "power1_average", Power::Constant(400.0));
    });
    let lib = stub();
    let script = [("GREENWICH_NVML_STUB", "gpus=2 no_energy=1")];
    let (_, json) = summary(&machine, &["--nvml-lib", &lib], &script, &["sleep", "0.4"]);
    let has_keys = |value: &Value, keys: &str| {
        let missing: Vec<&str> = keys.split_whitespace().filter(|key| value.get(key).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?} of {value}");
    };
    has_keys(&json, "schema id run command start end exit_status it_energy_j devices source software warnings");
    has_keys(&json, "facility_energy_kwh location_based_co2e_kg market_based_co2e_kg factors parts hosts");
    assert_eq!((&json["schema"], &json["source"]), (&"greenwich.run/1".into(), &"greenwich".into()));
    let mut methods = BTreeSet::new();
    for device in json["devices"].as_array().expect("a list") {
        has_keys(device, "host device kind domain energy_j most_energy_j method coverage inside_another");
        let coverage = device["coverage"].as_f64().expect("a share");
        assert!((0.0..=1.0).contains(&coverage), "{device}");
        methods.insert(device["method"].as_str().expect("a word").to_owned());
    }
    assert!(methods.contains("counted") && methods.contains("sampled"), "{methods:?}");
    let known = ["counted", "sampled", "estimated", "unknown"].map(str::to_owned).into();
    assert!(methods.is_subset(&known), "{methods:?}");
}

#[test]
fn nothing_is_connected_to_while_a_run_is_metered() {
    if !has("strace") {
        return;
    }
    for machine in [Machine::server(), Machine::bare()] {
        let trace = machine.path("trace");
        let mut command = Command::new("strace");
        machine.settle(&mut command);
        command.args(["-f", "-qq", "-e", "trace=connect,exit_group", "-o"]).arg(&trace).arg(GREENWICH);
        command.args(machine.words(&["--period", "100ms"], &["sleep", "0.5"]));
        assert!(command.output().expect("it starts").status.success());
        let text = fs::read_to_string(trace).expect("strace wrote it");
        assert!(text.contains("exit_group"), "it was watched");
        assert_eq!(text.lines().filter(|line| line.contains("connect(")).collect::<Vec<_>>(), [""; 0]);
    }
}
