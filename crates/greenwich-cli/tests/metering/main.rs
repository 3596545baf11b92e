//! `greenwich run`, the real program, over stand-ins for hardware: the rows of the metering protocol as tests.
//!
//! In: trees of counters that run in real time, a stand-in for NVIDIA's library, children that say when they are
//! there. Out: counts, bounds and equalities; never a timing. Row 19 (steps of the clock) needs a clock that tests
//! turn: `crates/greenwich-meter/tests/powercap.rs`. Rows 1 to 7 are figures: `cargo xtask eval metering`.
#![cfg(target_os = "linux")]

mod devices;
mod ends;
mod harm;
#[path = "../rig/heed.rs"]
mod heed;
#[path = "../rig/server.rs"]
mod server;
mod stage;
mod streams;
mod truth;
mod unknown;
