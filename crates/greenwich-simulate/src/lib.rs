//! What policies would have realised: jobs of a trace on past hours, planned by the forecasts of the day.
//!
//! In: a [`World`]: a fleet over past hours, and what is done by them; a [`Foresight`]: what was foretold and when.
//! Out: an [`Outcome`] a policy: what it emitted, whom it made wait, what it missed. A policy sees [`Now`] and fills an
//! [`Hour`]; hours to come reach it through the foresight alone.
//!
//! **Invariant:** no clock, no file, no thread; what is drawn by lot is drawn from the seed given; nothing that a policy
//! decides at an hour depends on what is stamped then or later.

pub mod search;

mod bound;
mod engine;
mod error;
mod foresight;
mod lot;
mod now;
mod outcome;
mod policy;
mod trace;
mod world;

pub use bound::bound_g;
pub use engine::{Watched, replay};
pub use error::TraceError;
pub use foresight::{Foresight, Horizon, Method, Span, ZoneForesight};
pub use lot::Lot;
pub use now::{Hour, Now, Run, State};
pub use outcome::{Outcome, Ran};
pub use policy::{Policy, PolicyKind};
pub use trace::{Submitted, TraceRules, Traced, as_fleet, read_trace};
pub use world::{Charges, World, scaled};
