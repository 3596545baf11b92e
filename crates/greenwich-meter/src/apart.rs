//! Slow sources, polled apart: a thread asks, the sampler takes the last answer.
//!
//! In: a question that may take seconds. Out: a domain whose reading costs one load. An answer older than three
//! polls is a gap, since nobody knows what has happened since.

use crate::counter::{Domain, EnergyCounter, Miss, Moment, Reading};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

const NEVER: u64 = u64::MAX;

/// A source that is polled by a thread of its own.
#[derive(Debug)]
pub struct Apart {
    domains: [Domain; 1],
    shared: Arc<Shared>,
    began: Instant,
    fresh_ms: u64,
    poller: Option<Thread>,
}

#[derive(Debug)]
struct Shared {
    power_mw: AtomicU64,
    /// Milliseconds since the beginning, or [`NEVER`].
    answered_ms: AtomicU64,
    stop: AtomicBool,
}

impl Apart {
    /// Starts to ask `question`, which gives watts, `every` so often.
    pub fn start(domain: Domain, every: Duration, mut question: impl FnMut() -> Option<f64> + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            power_mw: AtomicU64::new(0),
            answered_ms: AtomicU64::new(NEVER),
            stop: AtomicBool::new(false),
        });
        let began = Instant::now();
        let of_thread = Arc::clone(&shared);
        let poll = move || {
            while !of_thread.stop.load(Ordering::Acquire) {
                if let Some(watts) = question() {
                    of_thread.power_mw.store((watts * 1e3).round() as u64, Ordering::Relaxed);
                    of_thread.answered_ms.store(millis(began.elapsed()), Ordering::Release);
                }
                thread::park_timeout(every);
            }
        };
        // Without a thread there is never an answer, which the sampler reports as a gap.
        let poller = thread::Builder::new().name("greenwich-slow".into()).spawn(poll).ok().map(|t| t.thread().clone());
        Self { domains: [domain], shared, began, fresh_ms: millis(every).saturating_mul(3), poller }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER - 1)
}

impl EnergyCounter for Apart {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, _: Moment, into: &mut [Reading]) {
        let answered_ms = self.shared.answered_ms.load(Ordering::Acquire);
        let age_ms = millis(self.began.elapsed()).saturating_sub(answered_ms);
        into[0] = if answered_ms == NEVER || age_ms > self.fresh_ms {
            Reading::Missed(Miss::Stale)
        } else {
            Reading::PowerMw(self.shared.power_mw.load(Ordering::Relaxed))
        };
    }
}

impl Drop for Apart {
    /// Tells the thread to end and does not wait for it: its question may take long.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(poller) = &self.poller {
            poller.unpark();
        }
    }
}
