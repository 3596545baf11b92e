//! Grid intensity from what is generated and exchanged, and a history that forgets nothing.
//!
//! In: megawatts by fuel, factors and exchanges by value; bytes of a history file. Out: production and
//! consumption intensities, or what is missing for one; blocks, and slices of them as they were known at
//! an instant.
//!
//! **Invariant:** no clock, no file, no network and no factor of its own. An unknown fuel gives no
//! intensity and says which fuel, never zero; a revision is added beside what it revises.

pub mod derive;
pub mod error;
pub mod flow;
pub mod fuel;
pub mod history;
pub mod mix;
pub mod quantity;
pub mod storage;
pub mod trace;

mod solve;

pub use derive::{Derived, derived_source, production_intensity};
pub use error::{FlowError, HistoryError};
pub use flow::{Area, Consumed, Exchange, consumption};
pub use fuel::Fuel;
pub use history::{
    Block, Cell, Damage, Decoded, Held, History, Point, Slice, State, blocks, decode, encode, first_line,
};
pub use mix::{Factors, Mix, MixIntensity};
pub use quantity::{Currency, Quantity};
pub use storage::{Reservoir, production};
pub use trace::{Hour, Neighbours, Past, Traced, is_traced, trace, traced_source};
