//! What a meter saw: devices, and for each tick what each of them drew since the tick before.
//!
//! In: counters read by the meter. Out: plain values that the ledger stores and the account integrates.
//! Energies stay whole microjoules, as counters give them, until they are summed. How each joule is known
//! travels with it ([`Method`]); what could not be known is a gap with a bound, never zero.

use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// How an energy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Difference of a hardware energy counter.
    Counted,
    /// Power sampled and integrated.
    Sampled,
    /// A model from facts, with a range.
    Estimated,
    /// Not known; only a bound is.
    Unknown,
}

impl Method {
    /// The word in JSON and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Sampled => "sampled",
            Self::Estimated => "estimated",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What part of a node a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DeviceKind {
    /// CPU package with its caches; not its DRAM.
    CpuPackage,
    /// Memory beside the package.
    Dram,
    /// Whole platform (psys), which holds package and DRAM.
    Platform,
    /// GPU or other accelerator, whole card.
    Gpu,
    /// Whole node at its supply (IPMI, Redfish, a wall meter).
    Node,
    /// Another sensor.
    Other,
}

impl DeviceKind {
    /// The word in JSON and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CpuPackage => "cpu",
            Self::Dram => "dram",
            Self::Platform => "platform",
            Self::Gpu => "gpu",
            Self::Node => "node",
            Self::Other => "other",
        }
    }
}

/// One metered device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name on this node, the same at every run: a GPU's UUID, `cpu-0`, `dram-1`.
    pub id: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The counter's own name: `intel-rapl:0 package-0`, `nvml total energy`.
    pub domain: String,
    /// Model name for people, where known.
    pub model: String,
    /// How its energy is usually known; a single span may be known worse.
    pub method: Method,
    /// Whether another device of the same run holds its energy already, so that sums leave it out.
    pub inside_another: bool,
}

/// What is known of a run before its first tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterHeader {
    /// Unique without coordination.
    pub run: String,
    /// Node name.
    pub host: String,
    /// The kernel's boot id: monotonic stamps compare only within one.
    pub boot_id: String,
    /// Wall clock at monotonic zero of the run.
    pub started: Timestamp,
    /// Monotonic clock (CLOCK_BOOTTIME) at that instant, in nanoseconds since boot.
    pub started_boot_ns: u64,
    /// Time between ticks.
    pub period: SignedDuration,
    /// The devices; spans point at them by index.
    pub devices: Vec<Device>,
}

/// What one device drew between two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Index into [`MeterHeader::devices`].
    pub device: u16,
    /// Start, in nanoseconds of monotonic time since the run's start; its end is the tick's.
    pub since_ns: u64,
    /// Energy in microjoules; for [`Method::Unknown`] the least that it can be.
    pub energy_uj: u64,
    /// The most that it can be, in microjoules; equal to `energy_uj` where it is counted.
    pub most_uj: u64,
    /// How it is known.
    pub method: Method,
}

/// One round of reading: all devices at (nearly) one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick<'a> {
    /// Nanoseconds of monotonic time since the run's start.
    pub at_ns: u64,
    /// Wall clock, for looking up the grid.
    pub wall: Timestamp,
    /// At most one span a device; a device that was not read has none, and its next span is longer.
    pub spans: &'a [Span],
}

/// Where ticks go.
///
/// A sink that fails never stops the meter: the meter warns once and goes on.
pub trait TickSink: Send {
    /// Called once, before the first tick.
    ///
    /// # Errors
    /// When the sink cannot take the run.
    fn begin(&mut self, header: &MeterHeader) -> std::io::Result<()>;
    /// Called at each tick. It does not allocate in the steady state.
    ///
    /// # Errors
    /// When the tick was not stored.
    fn tick(&mut self, tick: Tick<'_>) -> std::io::Result<()>;
}
