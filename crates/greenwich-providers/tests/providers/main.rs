//! Providers against a server of our own on the loopback, which speaks the documented shapes and the odd ones.
//!
//! All samples are written by hand from the documentation; nothing is recorded.

mod door;
mod entsoe;
mod filling;
mod keyed;
mod open;
mod rig;
