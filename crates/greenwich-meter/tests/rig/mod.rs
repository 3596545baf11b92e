//! Runs a meter over a simulated tree and keeps what it handed on.
#![allow(dead_code, reason = "each test file uses its part")]

use greenwich_core::reading::{MeterHeader, Span, Tick, TickSink};
use greenwich_meter::fixture::{Hands, SteppedClock, Tree};
use greenwich_meter::powercap::Powercap;
use greenwich_meter::{Ceilings, EnergyCounter, Notice, Sampler, Setup, Summary};
use jiff::Timestamp;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const S: u64 = 1_000_000_000;

/// What a sink was given.
#[derive(Debug, Default, Clone)]
pub(crate) struct Kept {
    pub(crate) header: Option<MeterHeader>,
    pub(crate) ticks: Vec<(u64, Timestamp, Vec<Span>)>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<Kept>>);

impl TickSink for Memory {
    fn begin(&mut self, header: &MeterHeader) -> io::Result<()> {
        self.0.lock().expect("no test panics in it").header = Some(header.clone());
        Ok(())
    }
    fn tick(&mut self, tick: Tick<'_>) -> io::Result<()> {
        self.0.lock().expect("no test panics in it").ticks.push((tick.at_ns, tick.wall, tick.spans.to_vec()));
        Ok(())
    }
}

/// A sink whose disk is full.
pub(crate) struct Full;

impl TickSink for Full {
    fn begin(&mut self, _: &MeterHeader) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn tick(&mut self, _: Tick<'_>) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

pub(crate) type Notices = Arc<Mutex<Vec<Notice>>>;

/// A meter in simulated time.
pub(crate) struct Rig {
    pub(crate) sampler: Sampler,
    pub(crate) hands: Hands,
    pub(crate) kept: Arc<Mutex<Kept>>,
    pub(crate) notices: Notices,
}

pub(crate) const BOOT_NS: u64 = 5_000 * S;

impl Rig {
    /// `world` moves the hardware to an instant of the run.
    pub(crate) fn new(
        sources: Vec<Box<dyn EnergyCounter>>,
        period: Duration,
        world: impl FnMut(u64) + Send + 'static,
    ) -> Self {
        let sink = Memory::default();
        let kept = Arc::clone(&sink.0);
        Self::with_sink(sources, period, Box::new(sink), kept, world)
    }

    pub(crate) fn with_sink(
        sources: Vec<Box<dyn EnergyCounter>>,
        period: Duration,
        sink: Box<dyn TickSink>,
        kept: Arc<Mutex<Kept>>,
        world: impl FnMut(u64) + Send + 'static,
    ) -> Self {
        let (clock, hands) = SteppedClock::new(BOOT_NS, Box::new(world));
        let notices = Notices::default();
        let heard = Arc::clone(&notices);
        let sampler = Sampler::start(Setup {
            run: "run".into(),
            host: "node".into(),
            boot_id: "boot".into(),
            period,
            sources,
            clock: Box::new(clock),
            sink,
            notices: Box::new(move |notice| heard.lock().expect("no test panics in it").push(notice)),
        });
        Self { sampler, hands, kept, notices }
    }

    /// Over a tree's powercap zones.
    pub(crate) fn over(tree: Tree, period: Duration) -> Self {
        Self::scripted(tree, period, Tree::advance)
    }

    pub(crate) fn scripted(
        mut tree: Tree,
        period: Duration,
        mut script: impl FnMut(&mut Tree, u64) + Send + 'static,
    ) -> Self {
        let powercap = Powercap::open(tree.root(), Ceilings::GENEROUS).expect("the tree has zones");
        Self::new(vec![Box::new(powercap)], period, move |at_ns| script(&mut tree, at_ns))
    }

    /// Steps until `seconds` of the run have gone by.
    pub(crate) fn run(mut self, seconds: f64) -> Metered {
        let stop = AtomicBool::new(false);
        while self.hands.now_ns() < BOOT_NS + (seconds * 1e9) as u64 {
            self.sampler.step(&stop);
        }
        self.end()
    }

    pub(crate) fn end(self) -> Metered {
        let summary = self.sampler.finish();
        let kept = self.kept.lock().expect("no test panics in it").clone();
        let notices = self.notices.lock().expect("no test panics in it").clone();
        Metered { summary, kept, notices }
    }
}

/// What a rig's run gave.
#[derive(Debug)]
pub(crate) struct Metered {
    pub(crate) summary: Summary,
    pub(crate) kept: Kept,
    pub(crate) notices: Vec<Notice>,
}

impl Metered {
    /// One line a device: `cpu-0 counted 9000 J, 100 %`.
    pub(crate) fn lines(&self) -> String {
        let line = |sum: &greenwich_meter::DeviceSum| {
            let inside = if sum.device.inside_another { ", inside another" } else { "" };
            let bounds = if sum.least == sum.most {
                String::new()
            } else {
                format!(" ({:.0} to {:.0} J)", sum.least.joules(), sum.most.joules())
            };
            let coverage = sum.coverage.map_or(f64::NAN, |share| share.share() * 100.0);
            format!("{} {} {:.2} J{bounds}, {coverage:.0} %{inside}", sum.device.id, sum.method, sum.energy.joules())
        };
        self.summary.devices.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Energy of the spans that the sink got for a device, in joules.
    pub(crate) fn stored_j(&self, device: u16) -> f64 {
        let spans = self.kept.ticks.iter().flat_map(|(_, _, spans)| spans).filter(|span| span.device == device);
        spans.map(|span| span.energy_uj).sum::<u64>() as f64 / 1e6
    }
}

pub(crate) fn temp() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().to_owned();
    (dir, path)
}
