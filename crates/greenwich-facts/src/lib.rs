//! Dated facts, each with its source.
//!
//! In: the rows of `data/*.csv`, compiled into the program. Out: typed lookups that say where a
//! figure is from, of which year it is and how well it answers the question ([`Fit`]).
//!
//! **Invariant:** no network, no clock, no file at run time, and no arithmetic beyond unit conversion.
//! A number that someone could dispute is a row here, never a literal in code.
//!
//! [`Fit`]: greenwich_core::Fit

mod accelerator;
mod catalog;
mod error;
mod hardware;
mod names;
mod nearest;
mod place;
mod profiles;
mod schema;
mod sources;
mod table;

pub use accelerator::{Accelerator, MeanPower, Precision};
pub use catalog::Catalog;
pub use error::FactsError;
pub use hardware::{Embodied, Quote, Utilisation};
pub use names::{AcceleratorName, RegionName, ZoneName};
pub use nearest::nearest;
pub use place::Site;
pub use schema::{SCHEMA, TableSpec};
pub use sources::Source;
pub use table::Row;
