//! Sources beside RAPL and NVML, and what happens where several of them, or none, are there.

mod rig;

use greenwich_core::Range;
use greenwich_core::quantity::{Fraction, Power as Watts};
use greenwich_core::reading::DeviceKind;
use greenwich_meter::attribution::CpuShare;
use greenwich_meter::fixture::{INTEL_MAX_UJ, Power, Tree};
use greenwich_meter::host::{Opened, Wall, Wanted, open_all};
use greenwich_meter::hwmon::Hwmon;
use greenwich_meter::lease::{Claimed, claim_all, of_machine};
use greenwich_meter::model::{Figures, Load, Model};
use greenwich_meter::wall::{Unit, WallFile, by_command};
use greenwich_meter::{Ceilings, EnergyCounter, KernelClock, Sampler, Setup, probe};
use insta::assert_snapshot;
use rig::{Memory, Rig, S, temp};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const W150: Power = Power::Constant(150.0);

fn wanted(root: &Path) -> Wanted {
    Wanted {
        sysfs_root: root.to_owned(),
        nvml_lib: Some(root.join("no-such-library.so")),
        visible: None,
        counter_every: SECOND,
        wall: None,
        ceilings: Ceilings::GENEROUS,
    }
}

fn one_socket(root: &Path) -> Tree {
    let mut tree = Tree::new(root);
    tree.zone("intel-rapl:0", "package-0", W150, 5_000_000, Some(INTEL_MAX_UJ));
    tree
}

fn opened(root: &Path) -> Opened {
    open_all(&wanted(root)).expect("no choice of GPUs can be wrong")
}

// hwmon

#[test]
fn hwmon_sensors_are_counted_by_energy_else_by_power_and_unknown_chips_not_at_all() {
    let (_dir, root) = temp();
    let mut tree = Tree::new(&root);
    let card = root.join("devices/pci0000:00/0000:03:00.0");
    fs::create_dir_all(&card).expect("writable");
    tree.sensor("hwmon0", "amdgpu", "power1_average", Power::Constant(210.0));
    symlink(&card, root.join("class/hwmon/hwmon0/device")).expect("writable");
    tree.sensor("hwmon1", "nvme", "power1_input", Power::Constant(9.0));
    tree.sensor("hwmon2", "ina3221", "energy1_input", Power::Constant(30.0));
    tree.sensor("hwmon2", "ina3221", "power2_input", Power::Constant(12.0));
    for (file, label) in [("power1_label", "VDD_IN"), ("power2_label", "VDD_CPU")] {
        fs::write(root.join("class/hwmon/hwmon2").join(file), label).expect("writable");
    }
    tree.sensor("hwmon3", "power_meter", "power1_average", Power::Constant(400.0));
    tree.sensor("hwmon4", "amd_energy", "energy1_input", Power::Constant(90.0));
    fs::write(root.join("class/hwmon/hwmon4/energy1_label"), "Esocket0").expect("writable");
    tree.sensor("hwmon4", "amd_energy", "energy2_input", Power::Constant(5.0));
    fs::write(root.join("class/hwmon/hwmon4/energy2_label"), "Ecore000").expect("writable");
    let hwmon = Hwmon::open(&root, Ceilings::GENEROUS).expect("known chips");
    let metered = Rig::new(vec![Box::new(hwmon)], SECOND, move |at_ns| tree.advance(at_ns)).run(10.0);
    assert_snapshot!(metered.lines(), @r"
    amdgpu-0000:03:00.0 sampled 2100.00 J, 100 %, inside another
    ina3221-hwmon2-VDD_IN counted 300.00 J, 100 %
    ina3221-hwmon2-VDD_CPU sampled 120.00 J, 100 %, inside another
    node-acpi sampled 4000.00 J, 100 %, inside another
    cpu-0 counted 900.00 J, 100 %, inside another
    ");
}

// A wall meter

#[test]
fn a_wall_meter_holds_all_other_devices() {
    let (_dir, root) = temp();
    let mut tree = one_socket(&root);
    let file = root.join("watts");
    fs::write(&file, "230 W\n").expect("writable");
    let wall = Some(Wall::File { path: file, unit: Unit::Watts, stale_after: None });
    let opened = open_all(&Wanted { wall, ..wanted(&root) }).expect("no choice of GPUs");
    let metered = Rig::new(opened.sources, SECOND, move |at_ns| tree.advance(at_ns)).run(10.0);
    assert_snapshot!(metered.lines(), @r"
    node-wall sampled 2300.00 J, 100 %
    cpu-0 counted 1500.00 J, 100 %, inside another
    ");
    assert_eq!(metered.summary.energy().joules(), 2300.0);
}

#[test]
fn a_wall_meter_of_joules_is_counted() {
    let (_dir, root) = temp();
    let file = root.join("joules");
    fs::write(&file, "1000.0").expect("writable");
    let source = WallFile::new(&file, Unit::Joules, 1e4, None);
    let world =
        move |at_ns: u64| fs::write(&file, format!("{}", 1000.0 + 230.0 * at_ns as f64 / 1e9)).expect("writable");
    assert_eq!(Rig::new(vec![Box::new(source)], SECOND, world).run(10.0).lines(), "node-wall counted 2300.00 J, 100 %");
}

#[test]
fn a_slow_command_is_polled_apart_and_its_last_value_is_taken() {
    let words: Vec<String> =
        ["sh", "-c", "sleep 0.05; echo '  Instantaneous power reading:   212 Watts'"].map(String::from).into();
    let mut source = by_command(&words, Duration::from_millis(100), 1e4);
    let moment = greenwich_meter::counter::Moment { at_ns: 0, purpose: greenwich_meter::counter::Purpose::Tick };
    let mut into = [greenwich_meter::counter::Reading::NotDue];
    let until = Instant::now() + Duration::from_secs(20);
    while into[0] != greenwich_meter::counter::Reading::PowerMw(212_000) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
        source.read(moment, &mut into);
    }
    assert_eq!(into[0], greenwich_meter::counter::Reading::PowerMw(212_000));
}

// Row 17: no sensor.

fn range(low: f64, likely: f64, high: f64) -> Range<Watts> {
    Range { p5: Watts::from_watts(low), p50: Watts::from_watts(likely), p95: Watts::from_watts(high) }
}

#[test]
fn without_a_sensor_the_model_says_estimated_with_a_low_and_a_high_bound() {
    let (_dir, root) = temp();
    let none = opened(&root);
    assert!(!none.measures(DeviceKind::CpuPackage) && none.sources.is_empty());
    let stat = root.join("stat");
    fs::write(&stat, "cpu  0 0 0 0 0 0 0 0 0 0\n").expect("writable");
    let figures = Figures {
        id: "cpu-0".into(),
        kind: DeviceKind::CpuPackage,
        model: "a CPU of 200 W".into(),
        idle: range(30.0, 50.0, 80.0),
        full: range(160.0, 200.0, 240.0),
        load: Load::HostCpu,
    };
    let unknown = Figures { id: "cpu-1".into(), load: Load::Unknown, ..figures.clone() };
    let model = Model::new(vec![figures, unknown], &root);
    // A quarter of the time is busy; iowait is not.
    let world = move |at_ns: u64| {
        let ticks = at_ns / (S / 400);
        fs::write(&stat, format!("cpu  {} 0 {} {} {} 0 0 0 0 0\n", ticks / 8, ticks / 8, ticks / 2, ticks / 4))
            .expect("writable");
    };
    let metered = Rig::new(vec![Box::new(model)], SECOND, world).run(10.0);
    assert_snapshot!(metered.lines(), @r"
    cpu-0 estimated 875.00 J (625 to 1200 J), 100 %
    cpu-1 estimated 1250.00 J (300 to 2400 J), 100 %
    ");
}

// Row 18: a record says how each joule is known.

#[test]
fn each_device_says_its_joules_and_seconds_by_method() {
    let (_dir, root) = temp();
    let tree = one_socket(&root);
    let metered = Rig::scripted(tree, SECOND, |tree, at_ns| {
        tree.advance(at_ns);
        tree.break_counter("intel-rapl:0", (at_ns > 8 * S).then_some(""));
    })
    .run(10.0);
    let sum = &metered.summary.devices[0];
    let parts: Vec<String> =
        sum.by_method.iter().map(|(method, energy, time)| format!("{method} {} J {time:?}", energy.joules())).collect();
    assert_snapshot!(parts.join(", "), @"counted 1200 J 8s, sampled 0 J 0ns, estimated 0 J 0ns, unknown 0 J 2s");
    assert_eq!(sum.coverage.map(Fraction::share), Some(0.8));
    assert_eq!((sum.least.joules(), sum.most.joules()), (1200.0, 5200.0));
    let header = metered.kept.header.expect("the sink was told");
    assert_eq!(header.devices[0].domain, "intel-rapl:0 package-0");
}

// Row 14: ranks.

#[test]
fn four_and_eight_ranks_count_a_node_once() {
    for ranks in [4, 8] {
        let (_dir, root) = temp();
        let mut tree = one_socket(&root);
        tree.zone("intel-rapl:0:0", "dram", Power::Constant(20.0), 1, Some(INTEL_MAX_UJ));
        let folder = of_machine(&root.join("run"), &root, None);
        let claimed: Vec<Claimed> =
            (0..ranks).map(|rank| claim_all(&folder, &format!("run {rank}"), opened(&root).sources)).collect();
        let mut claimed = claimed.into_iter();
        let first = claimed.next().expect("there are ranks");
        assert_eq!((first.leases.len(), first.elsewhere.len()), (2, 0));
        for other in claimed {
            assert!(other.sources.is_empty(), "nothing is left to count twice");
            assert!(other.elsewhere.iter().map(|(_, holder)| holder.as_str()).eq(["run 0", "run 0"]));
        }
        let world = move |at_ns| tree.advance(at_ns);
        let joules = Rig::new(first.sources, SECOND, world).run(10.0).summary.energy().joules();
        assert_eq!(joules, 1700.0);
    }
}

#[test]
fn a_rank_takes_what_another_left() {
    let (_dir, root) = temp();
    let mut tree = one_socket(&root);
    tree.zone("intel-rapl:1", "package-1", Power::Constant(80.0), 1, Some(INTEL_MAX_UJ));
    let _held = greenwich_meter::lease::claim(&root.join("run"), "cpu-0", "another").expect("writable");
    let claimed = claim_all(&root.join("run"), "us", opened(&root).sources);
    assert_eq!(claimed.elsewhere, [("cpu-0".to_owned(), "another".to_owned())]);
    let metered = Rig::new(claimed.sources, SECOND, move |at_ns| tree.advance(at_ns)).run(10.0);
    assert_eq!(metered.lines(), "cpu-1 counted 800.00 J, 100 %");
}

#[test]
fn a_folder_that_cannot_be_written_leaves_the_run_metered_and_says_so() {
    let (_dir, root) = temp();
    let _tree = one_socket(&root);
    fs::write(root.join("file"), "").expect("writable");
    let claimed = claim_all(&root.join("file"), "us", opened(&root).sources);
    assert_eq!(claimed.sources.len(), 1);
    assert!(claimed.unguarded.is_some() && claimed.leases.is_empty());
}

// Real time.

#[test]
fn in_real_time_the_start_and_the_end_are_included() {
    let (_dir, root) = temp();
    let tree = one_socket(&root);
    let live = greenwich_meter::fixture::Live::start(tree, 200.0);
    let drawn = || live.with(|tree| tree.joules("intel-rapl:0"));
    let sink = Memory::default();
    let before_j = drawn();
    let sampler = Sampler::start(Setup {
        run: "run".into(),
        host: String::new(),
        boot_id: String::new(),
        period: Duration::from_millis(50),
        sources: opened(&root).sources,
        clock: Box::new(KernelClock),
        sink: Box::new(sink.clone()),
        notices: Box::new(|_| {}),
    });
    let after_start_j = drawn();
    let running = sampler.spawn();
    running.watch(CpuShare::of_tree(std::process::id(), Path::new("/proc")));
    std::thread::sleep(Duration::from_millis(620));
    let before_end_j = drawn();
    let summary = running.stop();
    let end_j = drawn();
    assert!(summary.cpu.expect("it was watched").host_busy.is_some());
    let metered_j = summary.energy().joules();
    // The counter shows whole microjoules.
    let (least_j, most_j) = (before_end_j - after_start_j - 2e-6, end_j - before_j + 2e-6);
    assert!((least_j..=most_j).contains(&metered_j), "{metered_j} J, not {least_j} to {most_j} J");
    let ticks = sink.0.lock().expect("nobody panics in it").ticks.len();
    assert!(ticks >= 2, "{ticks} ticks");
}

// What can be measured here.

#[test]
fn a_probe_names_each_source_and_what_would_open_it() {
    let (_dir, root) = temp();
    let _tree = one_socket(&root);
    let findings = probe::probe(&wanted(&root), Path::new("/proc"), &root.join("run"));
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let devices: Vec<&str> = finding.devices.iter().map(|device| device.id.as_str()).collect();
            format!("{}: {:?} {} {}", finding.source, finding.state, devices.join(" "), finding.mends.join(" | "))
        })
        .collect();
    assert_snapshot!(lines.join("\n"), @r"
    CPU and DRAM by RAPL powercap: Ready cpu-0 
    CPU and DRAM by perf events: Absent  load it by: sudo modprobe rapl; virtual machines have none
    NVIDIA GPUs by NVML: Absent  install the NVIDIA driver; in a container run with the NVIDIA runtime and NVIDIA_DRIVER_CAPABILITIES=utility
    AMD GPUs and board sensors by hwmon: Absent  known are amdgpu, amd_energy, ina*, power_meter; load its driver by: sudo modprobe NAME
    CPU share of a run by its process tree: Ready  
    node lease, so that no device is counted twice: Ready
    ");
}
