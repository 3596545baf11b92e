//! Grid signals over the network, and the cache that forgets none of them.
//!
//! In: a zone, a quantity, a window; keys from the environment or a file. Out: blocks of a history, each with unit,
//! step, state, source and vintage, or an error that names the mend and never a key.
//!
//! **Invariant:** a socket is opened in one place ([`Door`]), and nowhere when that is shut; a key is read in one place
//! and shown in none; clock and waiting are given by value; what was once fetched is never removed.

pub mod all;
pub mod awattar;
pub mod carbon_aware;
pub mod clock;
pub mod door;
pub mod eia;
pub mod electricity_maps;
pub mod energinet;
pub mod energy_charts;
pub mod entsoe;
pub mod error;
pub mod files;
pub mod fill;
pub mod keys;
pub mod neso;
pub mod open_electricity;
pub mod provider;
pub mod secret;
pub mod store;
pub mod trust;
pub mod watttime;

mod json;
mod zip;

pub use all::{KEY_VARIABLES, all};
pub use clock::{Clock, SystemClock};
pub use door::{Door, Limits};
pub use error::{Kind, ProviderError};
pub use fill::{Filled, fill, validators};
pub use keys::Keys;
pub use provider::{About, Answer, Ask, Provider};
pub use secret::Secret;
pub use store::Store;
pub use trust::Trust;
