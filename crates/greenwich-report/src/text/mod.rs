//! Text for people: fits the terminal, three significant figures, ranges, and sources on demand.
//!
//! In: the nouns of `greenwich-core` and a [`Style`](crate::Style). Out: strings whose lines are no wider
//! than the style says. Without colour no escape is in them; with it, colour says nothing that is not
//! there without it. Text is not a promise; JSON is.

mod account;
mod estimate;
mod factors;
mod levers;
mod page;
mod plan;
pub(crate) mod quantities;
mod run;
pub mod sheet;
pub(crate) mod strip;
mod table;
mod waterfall;
pub(crate) mod wrap;

#[cfg(test)]
mod width;

pub use account::account;
pub use estimate::estimate;
pub use levers::levers;
pub use plan::plan;
pub use run::{run, run_line, runs};
