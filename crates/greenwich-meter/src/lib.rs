//! What a run drew: hardware counters, the sampler, the node lease.
//!
//! In: counters of this host, a clock, a sink. Out: ticks whose spans say for every joule how it is known, and their
//! sums. The crate knows joules only: no intensity, no CO2e, no network. Whatever fails here never stops, slows or
//! fails the run that is watched.

pub mod counter;

pub mod hwmon;
pub mod model;
#[cfg(feature = "nvml")]
pub mod nvml;
#[cfg(feature = "perf")]
pub mod perf;
pub mod powercap;
pub mod visible;
pub mod wall;

pub mod host;
pub mod probe;

pub mod apart;
pub mod clock;
pub mod integrate;
mod number_file;
pub mod sampler;
pub mod summary;

pub mod attribution;
pub mod lease;
pub mod scheduler;
#[cfg(feature = "perf")]
mod still;

#[cfg(any(test, feature = "fixture"))]
pub mod fixture;

pub use clock::{Clock, KernelClock};
pub use counter::{Ceilings, CounterError, Domain, EnergyCounter};
pub use sampler::{Running, Sampler, Setup};
pub use summary::{DeviceSum, Notice, Summary};
