//! The clock that a meter goes by.
//!
//! In: nothing. Out: monotonic time that goes on through a suspend (`CLOCK_BOOTTIME`), which energy is reckoned by,
//! and wall time, which only looks up the grid: a step of the wall clock changes no energy. Tests put their own
//! clock here and step it.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a sampler asks of a clock.
pub trait Clock: Send {
    /// Nanoseconds since boot, suspends included; never goes back.
    fn boot_ns(&self) -> u64;
    /// The wall clock.
    fn wall(&self) -> Timestamp;
    /// Waits until `boot_ns` or until `stop` is set and the thread unparked; it may wake early.
    fn wait_until(&mut self, boot_ns: u64, stop: &AtomicBool);
}

/// The kernel's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct KernelClock;

impl Clock for KernelClock {
    fn boot_ns(&self) -> u64 {
        let now = clock_gettime(ClockId::Boottime);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }
    fn wait_until(&mut self, boot_ns: u64, stop: &AtomicBool) {
        let left_ns = boot_ns.saturating_sub(self.boot_ns());
        if left_ns > 0 && !stop.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_nanos(left_ns));
        }
    }
}
