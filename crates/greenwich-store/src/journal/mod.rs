//! The journal of a run while it is metered: append-only, checksummed, one `write` a tick.
//!
//! In: ticks from the meter. Out: `<run>.<part>.journal` in the ledger's `open` folder, which `kill -9` costs at
//! most the tick being written and a power cut at most [`SYNC_EVERY`]. The run's name need not be unique: the
//! part is a UUID of version 7, made here for each journal.
//!
//! **Invariant:** a failure is told once and never again. While the disk refuses, what each device draws is held
//! in memory and written as one longer span when the disk takes it again, so that a full disk costs resolution
//! and not energy.

mod frame;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Damage, JournalFile, JournalState};
pub use record::Recorded;
pub use write::{Journal, SYNC_EVERY};

/// How journals end.
pub(crate) const EXTENSION: &str = "journal";
