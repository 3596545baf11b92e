//! The handlers of this process while a child runs.
//!
//! In: which signals were ignored when we were started. Out: the signals that reach us, with who sent each. Handlers
//! only note a signal and wake [`Watch::next`]; nothing is decided in them. When the child has ended, SIGINT, SIGQUIT,
//! SIGTERM and SIGHUP do to us what they do by default, so that a user is never shut out.

use crate::command::Orphans;
use crate::route::WATCHED;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::process::getpid;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::exfiltrator::origin::Origin;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Signals that end us by default once no child runs.
const ENDING: [i32; 4] = [SIGINT, SIGQUIT, SIGTERM, SIGHUP];

/// The signals that reach us, from the start of a child to its end.
pub(crate) struct Watch {
    signals: SignalsInfo<WithOrigin>,
    is_reaper: bool,
}

impl Watch {
    /// Sets the handlers of all that is not `ignored`.
    pub(crate) fn start(ignored: &impl Fn(i32) -> bool) -> io::Result<Self> {
        // A signal between the parts of this would be swallowed by one that is there while the next is not, so it is
        // kept back meanwhile. The mask is as it was when the child is spawned, for the child inherits it.
        let before = watched().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let started = Self::set_handlers(ignored);
        before.thread_set_mask()?;
        started
    }

    fn set_handlers(ignored: &impl Fn(i32) -> bool) -> io::Result<Self> {
        let heeded = WATCHED.into_iter().filter(|signal| !ignored(*signal));
        // SIGCHLD is handled even where it is ignored, for then the system would keep the child's status from us.
        let signals = SignalsInfo::new(heeded.chain([SIGCHLD]))?;
        ending(|state| state.enter(ENDING.into_iter().filter(|signal| !ignored(*signal))))?;
        Ok(Self { signals, is_reaper: false })
    }

    /// Makes us the parent of orphans, where that is asked for and can be. We are it in any case as the first process
    /// of a container.
    pub(crate) fn adopt(&mut self, orphans: Orphans) -> bool {
        if orphans == Orphans::Adopted {
            self.is_reaper = set_reaper(true);
        }
        self.is_reaper || getpid().is_init()
    }

    /// After the spawn: handles what the child ignores with us, and lets through what we were started with blocked.
    pub(crate) fn complete(&self, ignored: &impl Fn(i32) -> bool) {
        // Should a handler be refused, that signal goes on being ignored: the child is not harmed.
        for signal in WATCHED.into_iter().filter(|signal| ignored(*signal)) {
            let _ = self.signals.add_signal(signal);
        }
        let _ = watched().thread_unblock();
    }

    /// What has come by now.
    pub(crate) fn pending(&mut self) -> Vec<Origin> {
        self.signals.pending().collect()
    }

    /// Waits for signals; SIGCHLD, which only wakes, is among them.
    pub(crate) fn next(&mut self) -> Vec<Origin> {
        self.signals.wait().collect()
    }
}

fn watched() -> SigSet {
    WATCHED.into_iter().chain([SIGCHLD]).filter_map(|signal| Signal::try_from(signal).ok()).collect()
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.is_reaper {
            set_reaper(false);
        }
        ending(Ending::leave);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("is_reaper", &self.is_reaper).finish_non_exhaustive()
    }
}

#[cfg(target_os = "linux")]
fn set_reaper(on: bool) -> bool {
    rustix::process::set_child_subreaper(on.then(getpid)).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set_reaper(_: bool) -> bool {
    false
}

/// Handlers cannot be taken back, only added to, so the default is emulated while nobody watches.
struct Ending {
    watchers: u32,
    by_default: Arc<AtomicBool>,
    arranged: Vec<i32>,
}

fn ending<T>(act: impl FnOnce(&mut Ending) -> T) -> T {
    static ENDING: LazyLock<Mutex<Ending>> = LazyLock::new(|| {
        Mutex::new(Ending { watchers: 0, by_default: Arc::new(AtomicBool::new(false)), arranged: Vec::new() })
    });
    act(&mut ENDING.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Ending {
    fn enter(&mut self, signals: impl Iterator<Item = i32>) -> io::Result<()> {
        self.by_default.store(false, Ordering::SeqCst);
        for signal in signals {
            if !self.arranged.contains(&signal) {
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&self.by_default))?;
                self.arranged.push(signal);
            }
        }
        self.watchers += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.watchers = self.watchers.saturating_sub(1);
        self.by_default.store(self.watchers == 0, Ordering::SeqCst);
    }
}
