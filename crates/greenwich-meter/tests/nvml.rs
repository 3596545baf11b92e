//! The protocol's rows on GPUs, over a stand-in for the driver's library whose truth is analytic.
#![cfg(feature = "nvml")]

mod rig;

use greenwich_core::reading::Method;
use greenwich_meter::nvml::{NvmlGpus, Wish};
use greenwich_meter::{CounterError, EnergyCounter};
use greenwich_nvml_stub::Script;
use insta::assert_snapshot;
use rig::{Metered, Rig, S};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A copy of the stand-in with a script of its own, and the file that is its clock.
struct Driver {
    dir: tempfile::TempDir,
    script: Script,
}

impl Driver {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let clock = dir.path().join("clock");
        fs::write(&clock, "0").expect("writable");
        let text = format!("{script} clock={}", clock.display());
        fs::copy(stub(), dir.path().join("libnvidia-ml.so.1")).expect("the stand-in is built with this test");
        fs::write(dir.path().join("libnvidia-ml.so.1.script"), &text).expect("writable");
        Self { script: Script::parse(&text), dir }
    }
    fn lib(&self) -> PathBuf {
        self.dir.path().join("libnvidia-ml.so.1")
    }
    fn open(&self, visible: Option<&str>) -> Result<NvmlGpus, CounterError> {
        NvmlGpus::open(&Wish { lib: Some(&self.lib()), visible, ..Wish::ALL })
    }
    fn run(&self, visible: Option<&str>, period: Duration, seconds: f64) -> Metered {
        let gpus = self.open(visible).expect("the stand-in opens");
        let clock = self.dir.path().join("clock");
        let world = move |at_ns: u64| fs::write(&clock, at_ns.to_string()).expect("writable");
        Rig::new(vec![Box::new(gpus)], period, world).run(seconds)
    }
}

/// Where cargo puts the shared library of a dependency: beside the test itself.
fn stub() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.with_file_name("libgreenwich_nvml_stub.so")
}

fn open_error(lib: &Path) -> String {
    let error = NvmlGpus::open(&Wish { lib: Some(lib), ..Wish::ALL }).expect_err("it cannot be opened");
    let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
    format!("{error}\n{help}").replace(&*lib.to_string_lossy(), "LIB")
}

// Row 15: choice.

#[test]
fn one_to_eight_cards_are_each_counted_exactly() {
    for gpus in [1, 2, 4, 8] {
        let metered = Driver::new(&format!("gpus={gpus}")).run(None, SECOND, 8.0);
        assert_eq!(metered.summary.energy().joules(), 2400.0 * f64::from(gpus));
    }
}

#[test]
fn cards_are_chosen_by_index_uuid_prefix_mig_and_bus() {
    let (whole, slice) = (Script::uuid(2), Script::mig_uuid(1, 1));
    let cases = [
        (Some("1"), vec![1]),
        (Some("3,0"), vec![3, 0]),
        (Some(whole.as_str()), vec![2]),
        (Some("GPU-00000003"), vec![3]),
        (Some(slice.as_str()), vec![1]),
        (Some("0000:3d:00.0"), vec![2]),
        (Some("-1"), vec![]),
        (None, vec![0, 1, 2, 3]),
    ];
    for (visible, expected) in cases {
        let metered = Driver::new("gpus=4 mig=2").run(visible, SECOND, 4.0);
        let ids: Vec<&str> = metered.summary.devices.iter().map(|sum| sum.device.id.as_str()).collect();
        let expected: Vec<String> = expected.into_iter().map(Script::uuid).collect();
        assert_eq!(ids, expected, "{visible:?}");
        assert_eq!(metered.summary.energy().joules(), 1200.0 * ids.len() as f64, "{visible:?}");
    }
}

#[test]
fn nonsense_is_an_error_that_tells_what_is_here() {
    let error = Driver::new("gpus=2").open(Some("GPU-dead")).expect_err("no such card");
    assert_snapshot!(error, @"`CUDA_VISIBLE_DEVICES=GPU-dead` names `GPU-dead`, and no such device is here");
    let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
    assert_snapshot!(help.unwrap_or_default(), @"the devices here are: 0 to 1: GPU-00000000-9c4e-4d1a-b7f3-000000000000, GPU-00000001-9c4e-4d1a-b7f3-000000000001");
}

#[test]
fn a_mig_device_is_metered_as_the_whole_card_and_says_so() {
    let driver = Driver::new("mig=2");
    let gpus = driver.open(Some(&Script::mig_uuid(0, 0))).expect("it opens");
    assert_snapshot!(gpus.domains()[0].device.domain, @"nvml total energy, whole GPU of MIG-00000000-5b2d-4f6c-8a90-000000000000");
    let gpus = driver.open(None).expect("it opens");
    assert_snapshot!(gpus.domains()[0].device.domain, @"nvml total energy, whole GPU with all its MIG devices");
}

#[test]
fn a_hidden_card_is_left_out_and_indices_count_the_others() {
    let driver = Driver::new("gpus=3 hidden=0");
    let gpus = driver.open(Some("0")).expect("it opens");
    assert_eq!(gpus.domains()[0].device.id, Script::uuid(1));
    assert_snapshot!(gpus.notes().join("\n"), @"GPU 0 is left out: the current user does not have permission to perform this operation");
}

// Row 8: truth.

#[test]
fn a_square_wave_is_exact_at_any_period() {
    for period in [SECOND, Duration::from_millis(100), Duration::from_millis(730)] {
        let driver = Driver::new("high_w=700 low_w=120 period_s=0.37 duty=0.3");
        let metered = driver.run(None, period, 60.0);
        let ran_s = metered.summary.lasted.as_secs_f64();
        let truth_j = driver.script.energy_mj(ran_s) / 1e3;
        assert!((metered.summary.energy().joules() - truth_j).abs() < 0.002, "{period:?}");
        assert!((metered.stored_j(0) - truth_j).abs() < 0.002, "{period:?}");
    }
}

#[test]
fn at_ten_hertz_the_counter_is_read_once_a_second() {
    let metered = Driver::new("").run(None, Duration::from_millis(100), 10.0);
    let spans = metered.kept.ticks.iter().filter(|(_, _, spans)| !spans.is_empty()).count();
    assert!((10..=12).contains(&spans), "{spans} spans in 10 s");
}

#[test]
fn a_card_without_a_counter_is_sampled_at_ten_hertz() {
    let driver = Driver::new("no_energy=1 high_w=400 low_w=60 period_s=3");
    let metered = driver.run(None, SECOND, 30.0);
    let truth_j = driver.script.energy_mj(30.0) / 1e3;
    let error = metered.summary.energy().joules() / truth_j - 1.0;
    assert!(error.abs() < 0.03, "{error}");
    assert_eq!(metered.summary.devices[0].method, Method::Sampled);
    assert_eq!(metered.kept.ticks.len(), 31, "ticks keep their own pace");
}

#[test]
fn a_card_that_offers_nothing_is_unknown_and_not_zero() {
    let metered = Driver::new("no_energy=1 no_power=1").run(None, SECOND, 10.0);
    assert_snapshot!(metered.lines(), @"GPU-00000000-9c4e-4d1a-b7f3-000000000000 unknown 0.00 J (0 to 14000 J), 0 %");
}

// Faults.

#[test]
fn a_lost_card_is_a_gap_and_the_others_go_on() {
    let metered = Driver::new("gpus=2 lost=1@3.5").run(None, SECOND, 10.0);
    assert_snapshot!(metered.lines(), @r"
    GPU-00000000-9c4e-4d1a-b7f3-000000000000 counted 3000.00 J, 100 %
    GPU-00000001-9c4e-4d1a-b7f3-000000000001 unknown 900.00 J (900 to 10700 J), 30 %
    ");
    let notices: Vec<String> = metered.notices.iter().map(ToString::to_string).collect();
    assert_snapshot!(notices.join("\n"), @"`GPU-00000001-9c4e-4d1a-b7f3-000000000001` is gone: the device was lost or reset; its energy is a gap unless the counter comes back");
}

#[test]
fn a_counter_reset_splits_the_run() {
    let metered = Driver::new("reset=0@3.5").run(None, SECOND, 10.0);
    assert_snapshot!(metered.lines(), @"GPU-00000000-9c4e-4d1a-b7f3-000000000000 counted 2850.00 J (2850 to 4380 J), 90 %");
    let unknown: Vec<_> = metered
        .kept
        .ticks
        .iter()
        .flat_map(|(_, _, spans)| spans)
        .filter(|span| span.method == Method::Unknown)
        .collect();
    assert_eq!(unknown.len(), 1, "one span holds the reset, the rest is counted");
    assert_eq!(unknown[0].since_ns, 3 * S);
}

#[test]
fn a_counter_and_a_power_that_disagree_are_told_of_once() {
    let told = |script: &str| {
        let metered = Driver::new(script).run(None, SECOND, 200.0);
        metered.notices.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told("power_gain=1.25"), @"the energy counter of GPU-00000000-9c4e-4d1a-b7f3-000000000000 reads 80 % against its own power sensor");
    assert_eq!(told("power_gain=1.05"), "");
}

// The three states of a library that does not work.

#[test]
fn missing_library_missing_function_and_missing_driver_are_told_apart() {
    assert_snapshot!(open_error(Path::new("/nowhere/libnvidia-ml.so.1")), @r"
    there is no NVIDIA driver library: `LIB` is missing
    install the NVIDIA driver; in a container run with the NVIDIA runtime and NVIDIA_DRIVER_CAPABILITIES=utility
    ");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let libc = fs::read_to_string("/proc/self/maps").expect("Linux");
    let libc =
        libc.lines().find_map(|line| line.find('/').map(|at| &line[at..]).filter(|path| path.contains("libc.so")));
    let other = dir.path().join("other.so");
    match libc {
        Some(libc) => {
            fs::copy(libc, &other).expect("readable");
            let text = open_error(&other);
            assert!(text.contains("gives nothing to count: `LIB` lacks a function"), "{text}");
        }
        None => eprintln!("skipped: this test is not linked with a shared libc, so there is no library without NVML"),
    }
    assert_snapshot!(open_error(&Driver::new("no_driver=1").lib()), @r"
    NVIDIA driver library gives nothing to count: the driver is not loaded
    load it by: sudo modprobe nvidia
    ");
}
