//! Pages that stand by themselves: one file, no script, nothing fetched.
//!
//! In: views by value. Out: HTML with its pictures inside, for light and dark.

mod page;
mod plots;
mod simulation;

pub use simulation::{HoursView, PolicyRow, ScenarioView, SimulationView, SiteHours, policy_table, simulation};
