//! What a child and its descendants used, by the system's own account.
//!
//! In: `getrusage(RUSAGE_CHILDREN)` before and after. Out: the difference. It holds every descendant that was waited
//! for, by its own parent or by us; one that outlives the run, or that nobody waits for, is not in it.

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use std::time::Duration;

/// Are descendants left that outlive the child?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftBehind {
    /// Orphans were not adopted, so it is not known: see [`crate::Orphans`].
    Unknown,
    /// None: whatever the child left behind has ended, and its CPU time is counted.
    None,
    /// Some go on, and their CPU time is not counted.
    Some,
}

/// What was used up to now by children that have been waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waited(Option<Usage>);

/// What a child used. Unknown is `None`, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) user_cpu: Option<Duration>,
    pub(crate) system_cpu: Option<Duration>,
    pub(crate) peak_rss_bytes: Option<u64>,
}

impl Waited {
    pub(crate) fn so_far() -> Self {
        Self(getrusage(UsageWho::RUSAGE_CHILDREN).ok())
    }

    /// What came since `before`.
    pub(crate) fn since(self, before: Self) -> Used {
        let (Some(now), Some(before)) = (self.0, before.0) else {
            return Used { user_cpu: None, system_cpu: None, peak_rss_bytes: None };
        };
        // The system keeps the largest of all children: only a new largest is known to be of this one.
        let peak = (now.max_rss() > before.max_rss()).then(|| now.max_rss() as u64 * RSS_UNIT);
        Used {
            user_cpu: elapsed(before.user_time(), now.user_time()),
            system_cpu: elapsed(before.system_time(), now.system_time()),
            peak_rss_bytes: peak,
        }
    }
}

/// `ru_maxrss` is in KiB on Linux and the BSDs, in bytes on macOS.
const RSS_UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };

fn elapsed(from: TimeVal, to: TimeVal) -> Option<Duration> {
    u64::try_from(to.num_microseconds() - from.num_microseconds()).ok().map(Duration::from_micros)
}
