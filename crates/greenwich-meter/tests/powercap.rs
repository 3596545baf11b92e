//! The protocol's rows on RAPL counters, in simulated time: truth, wraps, failing reads, trees, clocks.

mod rig;

use greenwich_core::quantity::Fraction;
use greenwich_core::reading::Method;
use greenwich_meter::fixture::{AMD_MAX_UJ, INTEL_MAX_UJ, Power, Tree};
use greenwich_meter::powercap::Powercap;
use greenwich_meter::{Ceilings, CounterError, EnergyCounter};
use insta::assert_snapshot;
use rig::{BOOT_NS, Rig, S, temp};
use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);
const W150: Power = Power::Constant(150.0);
const WAVE: Power = Power::Square { high_w: 400.0, low_w: 60.0, period: Duration::from_millis(1730) };

fn socket(power: Power, start_uj: u64, max_uj: Option<u64>) -> (tempfile::TempDir, Tree) {
    let (dir, root) = temp();
    let mut tree = Tree::new(&root);
    tree.zone("intel-rapl:0", "package-0", power, start_uj, max_uj);
    (dir, tree)
}

// Row 8: energy against analytic truth.

#[test]
fn a_minute_is_the_truth_at_one_and_at_ten_hertz() {
    for power in [W150, WAVE] {
        for period in [SECOND, TENTH] {
            let (_dir, tree) = socket(power, 7_000_000, Some(INTEL_MAX_UJ));
            let metered = Rig::over(tree, period).run(60.0);
            let truth = power.joules(Duration::from_secs(60));
            assert!((metered.summary.energy().joules() - truth).abs() < 1e-5, "{power:?} {period:?}");
            assert!((metered.stored_j(0) - truth).abs() < 1e-5, "what the sink got is the same");
        }
    }
}

#[test]
fn a_wave_of_two_seconds_is_exact_however_seldom_it_is_read() {
    let wave = Power::Square { high_w: 400.0, low_w: 60.0, period: Duration::from_secs(2) };
    for hertz in [0.5, 1.0, 10.0, 100.0] {
        let (_dir, tree) = socket(wave, 0, Some(INTEL_MAX_UJ));
        let metered = Rig::over(tree, Duration::from_secs_f64(1.0 / hertz)).run(6.0);
        assert_eq!(metered.summary.energy().joules(), 1380.0, "{hertz} Hz");
    }
}

#[test]
fn package_and_dram_are_summed_not_averaged() {
    let (_dir, mut tree) = socket(W150, 0, Some(INTEL_MAX_UJ));
    tree.zone("intel-rapl:0:0", "dram", Power::Constant(20.0), 0, Some(65_712_999_613));
    tree.zone("intel-rapl:0:1", "core", Power::Constant(100.0), 0, Some(INTEL_MAX_UJ));
    let metered = Rig::over(tree, SECOND).run(14.0);
    assert_eq!(metered.summary.energy().joules(), 2380.0);
}

// Row 9: wraps.

#[test]
fn wraps_are_exact_or_unknown_with_a_bound_and_never_negative() {
    let near = INTEL_MAX_UJ - 700_000_000;
    let cases = [
        ("one wrap", INTEL_MAX_UJ, near, W150, 1.0),
        ("between the first and the second read", INTEL_MAX_UJ, INTEL_MAX_UJ - 10, W150, 1.0),
        ("AMD's range", AMD_MAX_UJ, AMD_MAX_UJ - 300_000_000, W150, 1.0),
        ("three wraps of a small range", 500_000_000, 499_000_000, W150, 1.0),
        ("a range filled within a tick", 100_000_000, 0, W150, 1.0),
        ("an hour between ticks", INTEL_MAX_UJ, near, Power::Constant(1000.0), 3600.0),
    ];
    for (case, max_uj, start_uj, power, period_s) in cases {
        let (_dir, tree) = socket(power, start_uj, Some(max_uj));
        let metered = Rig::over(tree, Duration::from_secs_f64(period_s)).run(12.0 * period_s);
        let truth = power.joules(Duration::from_secs_f64(12.0 * period_s));
        let sum = &metered.summary.devices[0];
        assert_eq!(sum.energy.joules(), truth, "{case}");
        assert_eq!(sum.method, Method::Counted, "{case}");
        assert_eq!(sum.coverage.map(Fraction::share), Some(1.0), "{case}");
    }
}

#[test]
fn where_two_wraps_are_possible_the_span_is_a_bound_that_holds_the_truth() {
    let (_dir, tree) = socket(W150, 0, Some(AMD_MAX_UJ));
    let rig = Rig::over(tree, SECOND);
    rig.hands.be_late(Duration::from_secs(1000));
    let metered = rig.run(1002.0);
    let sum = &metered.summary.devices[0];
    let truth = W150.joules(Duration::from_secs(1002));
    assert!(sum.least.joules() <= truth && truth <= sum.most.joules(), "{sum:?}");
    assert_eq!(sum.method, Method::Unknown);
    assert!(sum.coverage.expect("time has passed").share() < 0.01);
}

#[test]
fn an_unreadable_range_is_counted_until_it_wraps_and_a_bound_there() {
    let (_dir, tree) = socket(W150, INTEL_MAX_UJ - 900_000_000, None);
    let metered = Rig::over(tree, SECOND).run(12.0);
    let sum = &metered.summary.devices[0];
    assert!(sum.least.joules() <= 1800.0 && 1800.0 <= sum.most.joules(), "{sum:?}");
    assert_snapshot!(metered.lines(), @"cpu-0 counted 1800.00 J (1800 to 4050 J), 92 %");
}

// Row 10: failing reads.

#[test]
fn reads_that_are_empty_garbage_or_refused_lose_nothing() {
    for text in ["", "\n", "nan\n", "-1\n", "3\n", "184467440737095516150\n"] {
        let (_dir, tree) = socket(W150, 50_000_000_000, Some(INTEL_MAX_UJ));
        let metered = Rig::scripted(tree, SECOND, move |tree, at_ns| {
            tree.advance(at_ns);
            tree.break_counter("intel-rapl:0", (at_ns / S % 5 == 2).then_some(text));
        })
        .run(5.0);
        assert_eq!(metered.lines(), "cpu-0 counted 750.00 J, 100 %", "{text:?}");
        assert_eq!(metered.notices, [], "one failure that lost nothing is no news");
    }
}

#[test]
fn a_counter_that_stops_is_told_of_once_and_left_unknown() {
    let (_dir, tree) = socket(W150, 0, Some(INTEL_MAX_UJ));
    let metered = Rig::scripted(tree, SECOND, |tree, at_ns| {
        tree.advance(at_ns);
        tree.break_counter("intel-rapl:0", (at_ns > 3 * S).then_some(""));
    })
    .run(10.0);
    assert_snapshot!(metered.lines(), @"cpu-0 unknown 450.00 J (450 to 14450 J), 30 %");
    let notices: Vec<String> = metered.notices.iter().map(ToString::to_string).collect();
    assert_snapshot!(notices.join("\n"), @"`cpu-0` was empty; its energy is a gap unless the counter comes back");
}

#[test]
fn a_sink_that_fails_is_told_of_once_and_the_sums_are_right() {
    let (_dir, mut tree) = socket(W150, 0, Some(INTEL_MAX_UJ));
    let powercap = Powercap::open(tree.root(), Ceilings::GENEROUS).expect("a zone");
    let world = move |at_ns| tree.advance(at_ns);
    let rig = Rig::with_sink(vec![Box::new(powercap)], SECOND, Box::new(rig::Full), std::sync::Arc::default(), world);
    let metered = rig.run(10.0);
    assert_eq!(metered.summary.energy().joules(), 1500.0);
    assert_eq!(metered.notices.len(), 1);
}

// Row 16: trees.

type Zone = (&'static str, &'static str, f64);

/// Each zone's power is given; a mirrored one shows the energy of the zone before it.
fn tree_of(zones: &[Zone]) -> (tempfile::TempDir, Tree) {
    let (dir, root) = temp();
    let mut tree = Tree::new(&root);
    for (n, (id, name, watts)) in zones.iter().enumerate() {
        let start = if *watts == 68.0 { 4_000_000 } else { 1_000_000 * (n as u64 + 1) };
        tree.zone(id, name, Power::Constant(*watts), start, Some(INTEL_MAX_UJ));
    }
    (dir, tree)
}

#[test]
fn twelve_trees_are_counted_once() {
    let trees: [(&str, &[Zone]); 12] = [
        ("one socket", &[("intel-rapl:0", "package-0", 150.0)]),
        (
            "core and uncore",
            &[
                ("intel-rapl:0", "package-0", 150.0),
                ("intel-rapl:0:0", "core", 100.0),
                ("intel-rapl:0:1", "uncore", 10.0),
            ],
        ),
        ("dram", &[("intel-rapl:0", "package-0", 150.0), ("intel-rapl:0:0", "dram", 20.0)]),
        (
            "two sockets",
            &[
                ("intel-rapl:0", "package-0", 150.0),
                ("intel-rapl:0:0", "dram", 20.0),
                ("intel-rapl:1", "package-1", 130.0),
                ("intel-rapl:1:0", "dram", 10.0),
            ],
        ),
        ("sockets in the other order", &[("intel-rapl:0", "package-1", 130.0), ("intel-rapl:1", "package-0", 150.0)]),
        (
            "psys",
            &[
                ("intel-rapl:0", "package-0", 15.0),
                ("intel-rapl:0:0", "core", 9.0),
                ("intel-rapl:0:1", "dram", 2.0),
                ("intel-rapl:1", "psys", 30.0),
            ],
        ),
        ("psys first", &[("intel-rapl:0", "psys", 30.0), ("intel-rapl:1", "package-0", 15.0)]),
        ("mmio copy", &[("intel-rapl:0", "package-0", 15.0), ("intel-rapl-mmio:0", "package-0", 15.0)]),
        ("mmio alone", &[("intel-rapl-mmio:0", "package-0", 15.0)]),
        ("mirrored dies", &[("intel-rapl:0", "package-0-die-0", 68.0), ("intel-rapl:1", "package-0-die-1", 68.0)]),
        ("dies of their own", &[("intel-rapl:0", "package-0-die-0", 60.0), ("intel-rapl:1", "package-0-die-1", 70.0)]),
        (
            "everything",
            &[
                ("intel-rapl-mmio:0", "package-0", 68.0),
                ("intel-rapl:0", "package-0-die-0", 68.0),
                ("intel-rapl:0:0", "core", 50.0),
                ("intel-rapl:0:1", "dram", 12.0),
                ("intel-rapl:1", "package-0-die-1", 68.0),
                ("intel-rapl:2", "psys", 140.0),
            ],
        ),
    ];
    let mut lines = Vec::new();
    for (name, zones) in trees {
        let (_dir, tree) = tree_of(zones);
        let metered = Rig::over(tree, SECOND).run(10.0);
        lines.push(format!("{name}: {} J", metered.summary.energy().joules()));
        for sum in &metered.summary.devices {
            let inside = if sum.device.inside_another { ", inside another" } else { "" };
            lines.push(format!("  {} ({}) {} J{inside}", sum.device.id, sum.device.domain, sum.energy.joules()));
        }
    }
    assert_snapshot!(lines.join("\n"), @r"
    one socket: 1500 J
      cpu-0 (intel-rapl:0 package-0) 1500 J
    core and uncore: 1500 J
      cpu-0 (intel-rapl:0 package-0) 1500 J
    dram: 1700 J
      cpu-0 (intel-rapl:0 package-0) 1500 J
      dram-0 (intel-rapl:0:0 dram) 200 J
    two sockets: 3100 J
      cpu-0 (intel-rapl:0 package-0) 1500 J
      cpu-1 (intel-rapl:1 package-1) 1300 J
      dram-0 (intel-rapl:0:0 dram) 200 J
      dram-1 (intel-rapl:1:0 dram) 100 J
    sockets in the other order: 2800 J
      cpu-0 (intel-rapl:1 package-0) 1500 J
      cpu-1 (intel-rapl:0 package-1) 1300 J
    psys: 300 J
      platform (intel-rapl:1 psys) 300 J
      cpu-0 (intel-rapl:0 package-0) 150 J, inside another
      dram-0 (intel-rapl:0:1 dram) 20 J, inside another
    psys first: 300 J
      platform (intel-rapl:0 psys) 300 J
      cpu-0 (intel-rapl:1 package-0) 150 J, inside another
    mmio copy: 150 J
      cpu-0 (intel-rapl:0 package-0) 150 J
    mmio alone: 150 J
      cpu-0 (intel-rapl-mmio:0 package-0) 150 J
    mirrored dies: 680 J
      cpu-0-die-0 (intel-rapl:0 package-0-die-0) 680 J
    dies of their own: 1300 J
      cpu-0-die-0 (intel-rapl:0 package-0-die-0) 600 J
      cpu-0-die-1 (intel-rapl:1 package-0-die-1) 700 J
    everything: 1400 J
      platform (intel-rapl:2 psys) 1400 J
      cpu-0-die-0 (intel-rapl:0 package-0-die-0) 680 J, inside another
      dram-0-die-0 (intel-rapl:0:1 dram) 120 J, inside another
    ");
}

#[test]
fn a_dead_psys_does_not_hide_the_packages() {
    let (_dir, mut tree) = socket(W150, 5_000_000, Some(INTEL_MAX_UJ));
    tree.zone("intel-rapl:1", "psys", Power::Constant(0.0), 0, Some(INTEL_MAX_UJ));
    let powercap = Powercap::open(tree.root(), Ceilings::GENEROUS).expect("a zone");
    assert_eq!(powercap.domains().len(), 1);
    assert_snapshot!(powercap.notes().join("\n"), @"`psys` of intel-rapl:1 stands at 0 while others count and is left out");
}

#[test]
fn a_tree_that_is_missing_or_empty_says_so() {
    let (_dir, root) = temp();
    let absent = Powercap::open(&root, Ceilings::GENEROUS).expect_err("nothing there");
    assert!(matches!(absent, CounterError::Absent { .. }));
    let mut tree = Tree::new(&root);
    tree.zone("intel-rapl:0", "core", W150, 0, None);
    let useless = Powercap::open(&root, Ceilings::GENEROUS).expect_err("cores alone");
    assert_snapshot!(useless.to_string(), @"RAPL powercap tree gives nothing to count: it has no package, dram or psys zone that can be read");
}

#[test]
fn a_container_that_hides_the_counters_is_told_apart_from_a_host_without() {
    let (_dir, mut tree) = socket(W150, 0, Some(INTEL_MAX_UJ));
    tree.zone("intel-rapl:0:0", "dram", W150, 0, None);
    fs::remove_dir_all(tree.root().join("devices/virtual/powercap/intel-rapl")).expect("it is there");
    let error = Powercap::open(tree.root(), Ceilings::GENEROUS).expect_err("all is hidden");
    assert!(error.to_string().ends_with("leads nowhere: this container hides the counters of its host"), "{error}");
}

#[test]
fn a_zone_without_its_counter_is_named_and_the_others_count() {
    let (_dir, mut tree) = socket(W150, 0, Some(INTEL_MAX_UJ));
    tree.zone("intel-rapl:1", "package-1", W150, 0, Some(INTEL_MAX_UJ));
    fs::remove_file(tree.root().join("class/powercap/intel-rapl:1/energy_uj")).expect("it is there");
    let powercap = Powercap::open(tree.root(), Ceilings::GENEROUS).expect("a zone");
    assert_eq!(powercap.domains().len(), 1);
    assert!(powercap.notes()[0].ends_with("of `package-1` is left out: entity not found"), "{:?}", powercap.notes());
}

// Row 19: clocks.

#[test]
fn steps_of_the_wall_clock_change_no_energy() {
    let (_dir, tree) = socket(W150, 0, Some(INTEL_MAX_UJ));
    let mut rig = Rig::over(tree, SECOND);
    let stop = AtomicBool::new(false);
    for second in 0..12 {
        match second {
            4 => rig.hands.step_wall(3600),
            8 => rig.hands.step_wall(-7200),
            _ => {}
        }
        rig.sampler.step(&stop);
    }
    let metered = rig.end();
    assert_eq!(metered.lines(), "cpu-0 counted 1800.00 J, 100 %");
    let walls: Vec<i64> =
        metered.kept.ticks.windows(2).map(|pair| pair[1].1.as_second() - pair[0].1.as_second()).collect();
    assert_eq!(walls, [1, 1, 1, 3601, 1, 1, 1, -7199, 1, 1, 1, 0], "each tick has the wall time of its day");
}

#[test]
fn a_suspend_of_ten_seconds_is_one_longer_span() {
    let (_dir, mut tree) = socket(Power::Constant(150.0), 0, Some(INTEL_MAX_UJ));
    let powercap = Powercap::open(tree.root(), Ceilings::GENEROUS).expect("a zone");
    // Nothing is drawn from the third to the thirteenth second.
    let world =
        move |at_ns: u64| tree.advance(if at_ns > 3 * S { at_ns.saturating_sub(10 * S).max(3 * S) } else { at_ns });
    let mut rig = Rig::new(vec![Box::new(powercap)], SECOND, world);
    let stop = AtomicBool::new(false);
    for second in 0..9 {
        if second == 3 {
            rig.hands.be_late(Duration::from_secs(10));
        }
        rig.sampler.step(&stop);
    }
    let metered = rig.end();
    assert_eq!(metered.lines(), "cpu-0 counted 1350.00 J, 100 %");
    let lengths: Vec<u64> =
        metered.kept.ticks.iter().flat_map(|(at, _, spans)| spans.iter().map(move |s| (at - s.since_ns) / S)).collect();
    assert_eq!(lengths, [1, 1, 1, 11, 1, 1, 1, 1, 1]);
}

#[test]
fn late_ticks_do_not_drift() {
    let (_dir, tree) = socket(WAVE, 0, Some(INTEL_MAX_UJ));
    let mut rig = Rig::over(tree, TENTH);
    let stop = AtomicBool::new(false);
    for n in 0..50 {
        rig.hands.be_late(Duration::from_millis(if n % 7 == 3 { 250 } else { 3 }));
        rig.sampler.step(&stop);
    }
    let ran = Duration::from_nanos(rig.hands.now_ns() - BOOT_NS);
    let metered = rig.end();
    assert!((metered.summary.energy().joules() - WAVE.joules(ran)).abs() < 1e-5);
    let late: Vec<u64> = metered.kept.ticks.iter().map(|(at, _, _)| at % 100_000_000 / 1_000_000).collect();
    assert!(late[..50].iter().all(|ms| *ms == 3 || *ms == 50), "{late:?}");
}
