//! The nouns every room of Greenwich speaks.
//!
//! In: numbers from an edge, with their unit in the constructor's name. Out: typed
//! quantities, windows, series, footprints and plans that rooms hand to one another by value.
//!
//! **Invariant:** no clock, no file, no network, no environment, no vendor's name and no
//! factor that someone could dispute: those are rows of `greenwich-facts`.

pub mod entry;
pub mod footprint;
pub mod levers;
pub mod name;
pub mod plan;
pub mod profile;
pub mod quantity;
pub mod range;
pub mod reading;
pub mod series;
pub mod sourced;
pub mod threads;
pub mod window;

pub use footprint::{Account, Factor, Footprint, Tier};
pub use name::{AcceleratorId, RegionId, SourceId, ZoneId};
pub use profile::TypicalProfile;
pub use range::Range;
pub use series::{IntensitySeries, Provenance, PueSeries, Signal};
pub use sourced::{Check, Fit, Sourced};
pub use window::Window;
