//! Where, when and on which machine one job runs with the least emissions, with a proven bound.
//!
//! In: a [`Request`](greenwich_core::plan::Request) whose hours, powers and intensities are already
//! known. Out: a [`Plan`](greenwich_core::plan::Plan), or a [`PlanError`] that tells the mend.
//! Estimating hours, fetching signals and handing the plan to a launcher is left to others.
//!
//! **Invariant:** no clock, no file, no thread, no randomness: equal requests give equal plans.
//! The model, the method and what was refused: `docs/design/003-one-job-plan.md`.

mod cells;
mod check;
mod error;
mod frontier;
mod one_job;
mod pause;
mod price;
mod whole;

pub use error::PlanError;
pub use one_job::plan;
