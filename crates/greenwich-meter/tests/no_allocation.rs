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
