//! A tick allocates nothing in the steady state: an allocator counts.

mod rig;

use greenwich_core::reading::{MeterHeader, Tick, TickSink};
use greenwich_meter::fixture::{INTEL_MAX_UJ, Power, Tree};
use greenwich_meter::powercap::Powercap;
use greenwich_meter::{Ceilings, EnergyCounter};
use rig::{Rig, temp};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Looks at each tick and lets it go.
struct Passing;

impl TickSink for Passing {
    fn begin(&mut self, _: &MeterHeader) -> std::io::Result<()> {
        Ok(())
    }
    fn tick(&mut self, tick: Tick<'_>) -> std::io::Result<()> {
        assert!(!tick.spans.is_empty());
        Ok(())
    }
}

fn allocations_of_a_thousand_ticks(sources: Vec<Box<dyn EnergyCounter>>) -> u64 {
    // The hardware stands still, so that only the meter works.
    let mut rig = Rig::with_sink(sources, Duration::from_millis(100), Box::new(Passing), Arc::default(), |_| {});
    let stop = AtomicBool::new(false);
    (0..10).for_each(|_| rig.sampler.step(&stop));
    allocation_counter::measure(|| (0..1000).for_each(|_| rig.sampler.step(&stop))).count_total
}

#[test]
fn a_thousand_ticks_over_powercap_allocate_nothing() {
    let (_dir, root) = temp();
    let mut tree = Tree::new(&root);
    tree.zone("intel-rapl:0", "package-0", Power::Constant(150.0), 5_000_000, Some(INTEL_MAX_UJ));
    tree.zone("intel-rapl:0:0", "dram", Power::Constant(20.0), 0, Some(INTEL_MAX_UJ));
    let powercap = Powercap::open(&root, Ceilings::GENEROUS).expect("zones");
    assert_eq!(allocations_of_a_thousand_ticks(vec![Box::new(powercap)]), 0);
}

#[cfg(feature = "nvml")]
#[test]
fn a_thousand_ticks_over_eight_cards_allocate_nothing_of_ours() {
    use greenwich_meter::nvml::{NvmlGpus, Wish};
    let dir = tempfile::tempdir().expect("a temporary folder");
    let stub = std::env::current_exe().expect("a test has a path").with_file_name("libgreenwich_nvml_stub.so");
    let lib = dir.path().join("libnvidia-ml.so.1");
    std::fs::copy(stub, &lib).expect("the stand-in is built with this test");
    std::fs::write(dir.path().join("libnvidia-ml.so.1.script"), "gpus=8").expect("writable");
    let gpus = NvmlGpus::open(&Wish { lib: Some(&lib), ..Wish::ALL }).expect("the stand-in opens");
    let source: Box<dyn EnergyCounter> = Box::new(gpus);
    let mut rig = Rig::with_sink(vec![source], Duration::from_secs(1), Box::new(Passing), Arc::default(), |_| {});
    let stop = AtomicBool::new(false);
    (0..10).for_each(|_| rig.sampler.step(&stop));
    // The cross-check's notice is the one thing that would allocate; the stand-in's clock does not follow ours.
    let count = allocation_counter::measure(|| (0..20).for_each(|_| rig.sampler.step(&stop))).count_total;
    assert_eq!(count, 0);
}
