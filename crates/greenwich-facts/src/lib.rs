//! Dated facts, each with its source.
//!
//! In: the rows of `data/*.csv`, compiled into the program. Out: typed lookups that say where a
//! figure is from, of which year it is and how well it answers the question ([`Fit`]).
//!
//! **Invariant:** no network, no clock, no file at run time. A number that someone could dispute is a row here,
//! never a literal in code. The only arithmetic beyond unit conversion is a share of a server and what hourly
//! contracts leave of an intensity ([`market_based_from_cfe`]); both say so in their scope or fit.
//!
//! [`Fit`]: greenwich_core::Fit

mod accelerator;
mod catalog;
mod embodied;
mod error;
mod hardware;
mod market;
mod names;
mod nearest;
mod place;
mod profiles;
mod schema;
mod sources;
mod subjects;
mod table;

pub use accelerator::{Accelerator, Links, MeanPower, Precision};
pub use catalog::Catalog;
pub use embodied::Embodied;
pub use error::FactsError;
pub use hardware::{Quote, Utilisation};
pub use market::market_based_from_cfe;
pub use names::{AcceleratorName, RegionName, ZoneName};
pub use nearest::nearest;
pub use place::Site;
pub use schema::{LICENCES, QuantitySpec, SCHEMA, TableSpec};
pub use sources::Source;
pub use table::Row;
