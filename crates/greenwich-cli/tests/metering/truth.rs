//! Rows 8, 9, 10 and 16: the energy in the ledger against what the counters drew.
//!
//! The truth lies between what they drew while the child lived and what they drew while the program lived.

use crate::stage::Machine;
use greenwich_meter::fixture::{INTEL_MAX_UJ, Power, Tree};
use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

const W150: Power = Power::Constant(150.0);
const WAVE: Power = Power::Square { high_w: 400.0, low_w: 60.0, period: Duration::from_millis(730) };

#[test]
fn a_constant_power_and_a_wave_are_the_counters_own_energy() {
    for power in [W150, WAVE] {
        for period in ["1s", "100ms"] {
            let machine = Machine::socket(power, 5_000_000, INTEL_MAX_UJ);
            let (entry, bounds) = machine.bounded(&["--period", period], |_| sleep(Duration::from_secs(2)));
            let found_j = entry.it_energy_j.expect("it was counted");
            assert!(bounds.contains(&found_j), "{power:?} every {period}: {found_j} J, not {bounds:?}");
            assert_eq!(entry.most_it_energy_j, Some(found_j), "nothing is unknown");
        }
    }
}

#[test]
fn what_no_counter_sees_is_added_by_name_and_only_when_it_is_given() {
    let machine = Machine::server();
    let plain = machine.bounded(&[], |_| sleep(Duration::from_millis(300))).0;
    assert!(plain.quantities.get("node_assumptions").is_none() && plain.quantities.get("idle_energy_j").is_none());
    let machine = Machine::server();
    let settings = "[site]\npue = 1.0\n[node]\nidle_w = 40\nrest_w = 60\npsu_efficiency = 0.8\n";
    std::fs::write(machine.path("greenwich.toml"), settings).expect("writable");
    let entry = machine.bounded(&[], |_| sleep(Duration::from_millis(300))).0;
    let (metered_j, lasted_s) =
        (entry.it_energy_j.expect("metered"), entry.end.duration_since(entry.start).as_secs_f64());
    let idle_j = entry.quantity("idle_energy_j").expect("it is told");
    assert!((idle_j - 40.0 * lasted_s).abs() < 1e-3, "{idle_j} J in {lasted_s} s");
    assert!((entry.quantity("dynamic_energy_j").expect("it is told") - (metered_j - idle_j)).abs() < 1e-6);
    let wall_j = entry.quantity("facility_energy_kwh").expect("an account") * 3.6e6;
    assert!((wall_j / ((metered_j + 60.0 * lasted_s) / 0.8) - 1.0).abs() < 1e-3, "{wall_j} J of {metered_j} J");
    let factors = entry.quantities["factors"].to_string();
    assert!(factors.contains("rest of the node") && factors.contains("efficiency of the power supplies"), "{factors}");
}

#[test]
fn package_and_dram_are_summed_not_averaged() {
    let machine = Machine::server();
    let (entry, bounds) = machine.bounded(&[], |_| sleep(Duration::from_secs(1)));
    assert!(bounds.contains(&entry.it_energy_j.expect("it was counted")), "{entry:?}, not {bounds:?}");
    let devices: Vec<&str> = entry.devices.iter().map(|device| device.device.as_str()).collect();
    assert_eq!(devices, ["cpu-0", "dram-0"]);
}

#[test]
fn wraps_are_exact_or_unknown_with_a_bound_and_never_negative() {
    let cases = [
        ("one wrap", W150, INTEL_MAX_UJ - 90_000_000, INTEL_MAX_UJ),
        ("between the first and the second read", W150, INTEL_MAX_UJ - 20, INTEL_MAX_UJ),
        ("three wraps and more", Power::Constant(1500.0), 400_000_000, 500_000_000),
        ("a range filled within a tick", W150, 0, 100_000_000),
    ];
    for (case, power, start_uj, max_uj) in cases {
        let machine = Machine::socket(power, start_uj, max_uj);
        let (entry, bounds) = machine.bounded(&[], |_| sleep(Duration::from_millis(1500)));
        let (least_j, most_j) =
            (entry.it_energy_j.expect("never null here"), entry.most_it_energy_j.expect("never null here"));
        assert!(least_j >= 0.0 && least_j <= *bounds.end(), "{case}: {least_j} J, not {bounds:?}");
        assert!(most_j >= *bounds.start(), "{case}: at most {most_j} J, not {bounds:?}");
        if least_j < *bounds.start() {
            // On a machine so busy that two wraps fit between two reads, the span says that it is unknown.
            assert!(entry.devices.iter().any(|device| device.method == "unknown"), "{case}: {entry:?}");
        }
    }
}

#[test]
fn an_unreadable_range_is_counted_or_bounded() {
    let machine = Machine::with(|tree| {
        tree.zone("intel-rapl:0", "package-0", W150, INTEL_MAX_UJ - 80_000_000, None);
    });
    let run = machine.cue(&[]);
    sleep(Duration::from_millis(1200));
    assert!(run.end().status.success());
    let entry = machine.entry();
    let drawn_j = machine.live().with(|tree| tree.joules("intel-rapl:0"));
    assert!(entry.it_energy_j.is_some_and(|least_j| (0.0..=drawn_j).contains(&least_j)), "{entry:?}");
    assert!(entry.most_it_energy_j >= entry.it_energy_j);
}

#[test]
fn reads_that_are_empty_or_garbage_lose_nothing() {
    // A stray number is held in the meter's own tests: twice the same one is a counter that started anew.
    for broken in ["", "\n", "nan\n", "-1\n"] {
        let machine = Machine::socket(W150, 50_000_000_000, INTEL_MAX_UJ);
        let (entry, bounds) = machine.bounded(&["--period", "100ms"], |machine| {
            sleep(Duration::from_millis(300));
            machine.live().with(|tree| tree.break_counter("intel-rapl:0", Some(broken)));
            sleep(Duration::from_millis(250));
            machine.live().with(|tree| tree.break_counter("intel-rapl:0", None));
            sleep(Duration::from_millis(450));
        });
        let found_j = entry.it_energy_j.expect("it was counted");
        assert!(bounds.contains(&found_j), "{broken:?}: {found_j} J, not {bounds:?}");
    }
}

/// Zones by id, name and watts; those with the same watts of one tree show one counter.
type Zones = &'static [(&'static str, &'static str, f64)];

fn plant(tree: &mut Tree, zones: Zones) {
    for (n, (id, name, watts)) in zones.iter().enumerate() {
        // Two counters that are kept up one after the other would at times be read apart.
        match zones[..n].iter().find(|(_, _, of)| of == watts) {
            Some((of, _, _)) => tree.mirror(id, name, of, Some(INTEL_MAX_UJ)),
            None => tree.zone(id, name, Power::Constant(*watts), 1_000_000 * (n as u64 + 1), Some(INTEL_MAX_UJ)),
        };
    }
}

#[test]
fn twelve_trees_are_counted_once() {
    const P: &str = "package-0";
    // What counts, and what is read and held by another.
    let trees: [(Zones, &str, &str); 12] = [
        (&[("intel-rapl:0", P, 150.0)], "cpu-0", ""),
        (
            &[("intel-rapl:0", P, 150.0), ("intel-rapl:0:0", "core", 100.0), ("intel-rapl:0:1", "uncore", 10.0)],
            "cpu-0",
            "",
        ),
        (&[("intel-rapl:0", P, 150.0), ("intel-rapl:0:0", "dram", 20.0)], "cpu-0 dram-0", ""),
        (
            &[
                ("intel-rapl:0", P, 150.0),
                ("intel-rapl:0:0", "dram", 20.0),
                ("intel-rapl:1", "package-1", 130.0),
                ("intel-rapl:1:0", "dram", 10.0),
            ],
            "cpu-0 cpu-1 dram-0 dram-1",
            "",
        ),
        (&[("intel-rapl:0", "package-1", 130.0), ("intel-rapl:1", P, 150.0)], "cpu-0 cpu-1", ""),
        (
            &[
                ("intel-rapl:0", P, 15.0),
                ("intel-rapl:0:0", "core", 9.0),
                ("intel-rapl:0:1", "dram", 2.0),
                ("intel-rapl:1", "psys", 30.0),
            ],
            "platform",
            "cpu-0 dram-0",
        ),
        (&[("intel-rapl:0", "psys", 30.0), ("intel-rapl:1", P, 15.0)], "platform", "cpu-0"),
        (&[("intel-rapl:0", P, 15.0), ("intel-rapl-mmio:0", P, 15.0)], "cpu-0", ""),
        (&[("intel-rapl-mmio:0", P, 15.0)], "cpu-0", ""),
        (&[("intel-rapl:0", "package-0-die-0", 68.0), ("intel-rapl:1", "package-0-die-1", 68.0)], "cpu-0-die-0", ""),
        (
            &[("intel-rapl:0", "package-0-die-0", 60.0), ("intel-rapl:1", "package-0-die-1", 70.0)],
            "cpu-0-die-0 cpu-0-die-1",
            "",
        ),
        (
            &[
                ("intel-rapl-mmio:0", P, 68.0),
                ("intel-rapl:0", "package-0-die-0", 68.0),
                ("intel-rapl:0:0", "core", 50.0),
                ("intel-rapl:0:1", "dram", 12.0),
                ("intel-rapl:1", "package-0-die-1", 68.0),
                ("intel-rapl:2", "psys", 140.0),
            ],
            "platform",
            "cpu-0-die-0 dram-0-die-0",
        ),
    ];
    for (zones, counted, held) in trees {
        let machine = Machine::with(|tree| plant(tree, zones));
        let run = machine.cue(&[]);
        sleep(Duration::from_millis(200));
        assert!(run.end().status.success());
        let entry = machine.entry();
        let named = |inside: bool| -> BTreeSet<&str> {
            let which = entry.devices.iter().filter(|device| device.inside_another == inside);
            which.map(|device| device.device.as_str()).collect()
        };
        assert_eq!(named(false), counted.split_whitespace().collect(), "{zones:?}");
        assert_eq!(named(true), held.split_whitespace().collect(), "{zones:?}");
        let outer = entry.devices.iter().filter(|device| !device.inside_another);
        let sum_j: f64 = outer.filter_map(|device| device.energy_j).sum();
        assert!((entry.it_energy_j.expect("it was counted") - sum_j).abs() < 1e-6, "{zones:?}");
    }
}
