//! The clock and the waiting, by value.
//!
//! In: nothing, or a script. Out: instants and pauses. A test waits for nobody.

use jiff::Timestamp;
use std::time::Duration;

/// Tells the time and waits.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, pause: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }
}
