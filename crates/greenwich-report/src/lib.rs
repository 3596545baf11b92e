//! What people and programs read: text, JSON, SVG, and the forms that others ask for.
//!
//! In: the nouns of `greenwich-core` and how wide and how loud to be. Out: strings and JSON values.
//! Nothing here reads a file, a clock, the environment or the terminal, and nothing is printed:
//! that is for the command line.

pub mod export;
pub mod figures;
pub mod html;
pub mod json;
pub mod sentence;
pub mod svg;
pub mod telemetry;
pub mod text;
pub mod view;

mod amount;
mod breakdown;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod fixture_run;
mod number;
mod strip;
mod waterfall;
mod when;

pub use breakdown::Breakdown;
pub use sentence::sentence;
pub use view::{PlanView, Style};
