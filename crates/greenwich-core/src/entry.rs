//! A run as the ledger remembers it: what ran, what each device drew, and its account.
//!
//! In: the meter's sums and the account made of them. Out: one plain value that reports print and the ledger
//! stores. An entry is never edited: a correction is a new entry that names the old one.

use crate::footprint::Footprint;
use crate::quantity::{ItEnergy, Pue};
use crate::range::Range;
use crate::reading::{DeviceKind, Method};
use jiff::Timestamp;

/// What one device drew over the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceEnergy {
    /// Its name on the node: a GPU's UUID, `cpu-0`.
    pub device: String,
    /// The node, where there are several.
    pub host: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The counter's own name.
    pub domain: String,
    /// Model name for people; empty where not known.
    pub model: String,
    /// Energy; a range where some of it is estimated or unknown.
    pub energy: Range<ItEnergy>,
    /// How most of it is known.
    pub method: Method,
    /// Share of the run's time over which it was read, 0 to 1.
    pub coverage: f64,
    /// Whether another device holds this energy already, so that sums leave it out.
    pub inside_another: bool,
}

/// One hour of the grid's clock within a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HourOfRun {
    /// Start of the hour in UTC; the first and last may be cut.
    pub start: Timestamp,
    /// What was drawn in it.
    pub it_energy: ItEnergy,
    /// Grid mean (lifecycle where known), in gCO2e/kWh.
    pub location_based_g_per_kwh: Option<f64>,
    /// After contracts, in gCO2e/kWh.
    pub market_based_g_per_kwh: Option<f64>,
    /// The site's PUE in it, where that follows the weather; else the run's.
    pub pue: Option<Pue>,
}

/// A run with its account.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct RunEntry {
    /// Unique without coordination.
    pub run: String,
    /// The command with its arguments.
    pub command: Vec<String>,
    /// When the child began.
    pub start: Timestamp,
    /// When it ended, or when it was last heard of.
    pub end: Timestamp,
    /// The child's own status, 128 + signal where one ended it; `None` where it was never known.
    pub exit_status: Option<i32>,
    /// Nodes that the entry holds.
    pub nodes: u32,
    /// Nodes that the job had, where the scheduler tells.
    pub nodes_expected: Option<u32>,
    /// The project that the run belongs to.
    pub project: Option<String>,
    /// The model that it trains.
    pub model: Option<String>,
    /// `search`, `preliminary`, `final`, or another word.
    pub phase: Option<String>,
    /// Free tags.
    pub tags: Vec<(String, String)>,
    /// The entries that this one takes the place of.
    pub corrects: Vec<String>,
    /// Device by device.
    pub devices: Vec<DeviceEnergy>,
    /// Hour by hour, so that the figures can be made again under another method.
    pub hours: Vec<HourOfRun>,
    /// Energy, CO2e by both methods, embodied, water, cost, with factors and warnings.
    pub account: Footprint,
}

impl RunEntry {
    /// Devices whose energy no other device holds.
    pub fn counted_devices(&self) -> impl Iterator<Item = &DeviceEnergy> {
        self.devices.iter().filter(|device| !device.inside_another)
    }
    /// How the worst-known of the counted devices is known; `None` where nothing was metered.
    pub fn method(&self) -> Option<Method> {
        self.counted_devices().map(|device| device.method).max()
    }
}
