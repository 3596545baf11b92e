//! What a training run will need, before it has run: FLOPs, hours, memory, power, energy, CO2e,
//! water and cost, each with a 90 % range.
//!
//! In: a model's shape or size, tokens, a chip with its peak, a site's factors, all by value. Out:
//! a [`greenwich_core::Footprint`]. Names are resolved and facts looked up before; nothing here
//! reads a clock, a file or the environment, so the same inputs give the same figures.
//!
//! ```text
//! config.json → model → flops ┐
//!     calibrate → utilisation ┼→ hours ┐
//!                             │  power ┼→ energy × site → Footprint
//!                      memory ┘(fits?) ┘
//! ```
//!
//! [`roofline`] times one step in a given layout, [`scaling`] says what loss a size reaches.
//! [`run`] gives the figures with every factor and warning, [`figures`] the same figures alone, [`sweep`] those of every
//! combination of machines, counts, layouts and places.

pub mod architecture;
mod body;
pub mod calibrate;
pub mod config;
pub mod cooling;
mod duration;
pub mod error;
pub mod estimate;
mod figures;
pub mod flops;
mod inputs;
pub mod layouts;
pub mod lognormal;
pub mod memory;
pub mod model;
mod nearest;
pub mod pass;
pub mod power;
pub mod roofline;
pub mod scaling;
pub mod site;
pub mod sweep;

pub use duration::duration;
pub use error::EstimateError;
pub use estimate::run;
pub use figures::{Figures, beyond_peak, figures};
pub use inputs::{Given, Inputs, Layout, Transfer};
pub use lognormal::LogNormal;
pub use model::{Model, ModelCounts};
pub use power::{Chip, Load, PowerBasis};
pub use site::{Embodied, Site};
