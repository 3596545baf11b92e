//! Where nothing can be read: power by a model, with a low and a high bound.
//!
//! In: idle and full power as ranges, by value from the facts; the CPU's load from `/proc/stat` or a load that was
//! assumed. Out: readings that are labelled estimated, never anything better.
//!
//! P = P_idle + (P_full − P_idle) × load, for each percentile of the two. Where the load itself is unknown, the low
//! bound is idle, the high bound full, and the likely value lies half-way.

use crate::counter::{Domain, EnergyCounter, Moment, Reading, Wrap};
use greenwich_core::Range;
use greenwich_core::quantity::{Fraction, Power};
use greenwich_core::reading::{Device, DeviceKind, Method};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is assumed of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Its name on this node.
    pub id: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Model name for people.
    pub model: String,
    /// Power when nothing runs.
    pub idle: Range<Power>,
    /// Power at full load.
    pub full: Range<Power>,
    /// Where its load is from.
    pub load: Load,
}

/// Where a load is from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// The host's busy CPU time.
    HostCpu,
    /// Assumed.
    Assumed(Fraction),
    /// Not known.
    Unknown,
}

/// Devices by their models.
#[derive(Debug)]
pub struct Model {
    domains: Vec<Domain>,
    figures: Vec<Figures>,
    stat: Option<File>,
    last: Option<CpuTime>,
}

/// Time that the host's CPUs were busy, and all their time, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTime {
    pub(crate) busy: u64,
    pub(crate) all: u64,
}

impl Model {
    /// Models the devices of `figures`; `proc_root` is `/proc` on a real machine.
    pub fn new(figures: Vec<Figures>, proc_root: &Path) -> Self {
        let domains = figures.iter().map(domain).collect();
        Self { domains, figures, stat: File::open(proc_root.join("stat")).ok(), last: None }
    }

    /// Share of CPU time that was busy since the last call.
    fn host_load(&mut self) -> Option<f64> {
        let now = cpu_time(self.stat.as_ref()?)?;
        let last = self.last.replace(now)?;
        let all = now.all.checked_sub(last.all).filter(|ticks| *ticks > 0)?;
        Some((now.busy.saturating_sub(last.busy) as f64 / all as f64).clamp(0.0, 1.0))
    }
}

fn domain(figures: &Figures) -> Domain {
    let domain = match figures.load {
        Load::HostCpu => "model: idle to full power by CPU load",
        Load::Assumed(_) => "model: idle to full power at an assumed load",
        Load::Unknown => "model: between idle and full power",
    };
    let device = Device {
        id: figures.id.clone(),
        kind: figures.kind,
        domain: domain.to_owned(),
        model: figures.model.clone(),
        method: Method::Estimated,
        inside_another: false,
    };
    Domain { device, wrap: Wrap::Never, ceiling_w: figures.full.p95.watts(), read_every: None }
}

impl EnergyCounter for Model {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, _: Moment, into: &mut [Reading]) {
        let host_load = self.host_load();
        for (figures, to) in self.figures.iter().zip(into) {
            let load = match figures.load {
                Load::HostCpu => host_load,
                Load::Assumed(share) => Some(share.share()),
                Load::Unknown => None,
            };
            let at = |idle: Power, full: Power, load: f64| {
                ((idle + (full - idle) * load).watts().max(0.0) * 1e3).round() as u64
            };
            *to = Reading::ModelMw {
                low: at(figures.idle.p5, figures.full.p5, load.unwrap_or(0.0)),
                likely: at(figures.idle.p50, figures.full.p50, load.unwrap_or(0.5)),
                high: at(figures.idle.p95, figures.full.p95, load.unwrap_or(1.0)),
            };
        }
    }
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal …; guest time is in user already.
pub(crate) fn cpu_time(stat: &File) -> Option<CpuTime> {
    let mut buffer = [0u8; 256];
    let length = stat.read_at(&mut buffer, 0).ok()?;
    let line = buffer[..length].split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    if words.next()? != "cpu" {
        return None;
    }
    let (mut busy, mut all) = (0u64, 0u64);
    for (n, word) in words.take(8).enumerate() {
        let ticks: u64 = word.parse().ok()?;
        all += ticks;
        let is_idle = matches!(n, 3 | 4);
        busy += if is_idle { 0 } else { ticks };
    }
    Some(CpuTime { busy, all })
}
