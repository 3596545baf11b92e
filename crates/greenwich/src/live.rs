//! The runs in progress: what each draws now, what it drew so far, and where that ends if it goes on so.
//!
//! In: journals that grow, or the ticks of this very process; the place; what time it is. Out: [`RunNow`]: plain
//! values that a terminal program, a line of progress or a scrape shows. The figures so far are those that the entry
//! would have if the run ended now: one code makes both.

mod journals;
mod observed;
mod scrape;
#[cfg(test)]
mod tests;
mod told;

pub use greenwich_core::entry::{DeviceEnergy, RunEntry};
pub use greenwich_core::quantity::{Co2e, FacilityEnergy, ItEnergy, Power};
pub use greenwich_core::reading::{DeviceKind, Method};
pub use greenwich_core::{Provenance, Range, ZoneId};
pub use jiff::Timestamp;
pub use journals::{OpenRun, OpenRuns};
pub use observed::{Observed, Watch};
pub use scrape::scrape;
pub use told::{DeviceNow, GridNow, Live, Projected, RunNow, State};
