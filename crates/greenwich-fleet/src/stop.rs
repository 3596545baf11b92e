//! Whether to go on.
//!
//! In: a flag that someone else sets, from a signal for example. Out: whether it is set. Loops ask between two pieces
//! of work, so that what they hold is whole whenever they end.

use std::sync::atomic::{AtomicBool, Ordering};

/// Asks for an end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Stop<'_> {
    pub(crate) fn is_set(self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
