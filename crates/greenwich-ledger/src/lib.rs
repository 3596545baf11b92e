//! The account after the run, and the levers between two runs.
//!
//! In: what was measured, and factors by value. Out: an account, phase by phase, and the ratio of two
//! runs split into its four levers. The store of runs will live here too; it is not built yet.
//!
//! **Invariant:** it asks nobody: readings, intensities and factors come by value. It never rounds.

pub mod account;
pub mod levers;

pub use account::{Flights, Measured, account};
pub use levers::{LeversError, levers};
