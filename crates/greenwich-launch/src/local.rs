//! A child that runs here, from its start to its end.
//!
//! In: the child and the signals that reach us. Out: events as they come, then how it ended and what it used. The
//! child is only ever signalled before it has been waited for, so its number cannot have become another's.
//!
//! When the child is stopped by the terminal (or stops itself after the terminal asked), we stop too, so that the
//! shell sees a stopped job; `fg` wakes both. Where no shell would wake us, we stay awake: a child that some other
//! process stops and continues must find us there when it ends.

use crate::command::Relay;
use crate::error::LaunchError;
use crate::kin;
use crate::route::{Group, Route, Sender, Standing, route};
use crate::status::ChildStatus;
use crate::usage::{LeftBehind, Waited};
use crate::watch::Watch;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, wait, waitpid};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH};
use signal_hook::iterator::exfiltrator::origin::Origin;
use signal_hook::low_level::siginfo::Cause;
use std::time::Duration;

/// A child that has been started.
///
/// Dropped without [`Running::wait`], it goes on by itself.
#[derive(Debug)]
#[must_use = "the child's end is seen by `wait`"]
pub struct Running {
    pid: u32,
    watch: Watch,
    before: Waited,
    /// Orphans come to us and are waited for too.
    adopted: bool,
    relay: Relay,
    stop: Stop,
    /// The terminal's SIGINT was the last that reached both.
    interrupted: bool,
    /// What came while the child was being started, and was passed on.
    early: Vec<(i32, Route)>,
}

/// Where the child stands with job control.
#[derive(Debug, Default)]
struct Stop {
    /// The signal that stopped it, while it is stopped.
    by: Option<i32>,
    /// SIGTSTP reached us since it last ran.
    asked: bool,
    /// We stopped with it, or found that we must not.
    followed: bool,
}

/// What happens to a child before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A signal reached us; what was to be done for the child is done.
    Signal {
        /// Its number.
        signal: i32,
        /// What became of it.
        route: Route,
    },
    /// The child was stopped. We may be stopped next, until somebody wakes us.
    Stopped {
        /// By this signal.
        signal: i32,
    },
    /// The child goes on.
    Continued,
}

/// How a child ended, and what it and its descendants used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// How it ended.
    pub status: ChildStatus,
    /// CPU time in user mode, of the child and of all descendants that were waited for.
    pub user_cpu: Option<Duration>,
    /// CPU time in the system, likewise.
    pub system_cpu: Option<Duration>,
    /// Largest resident set of one process of the tree, at least what this process itself held when it spawned the
    /// child. `None` where an earlier child of this process held more.
    pub peak_rss_bytes: Option<u64>,
    /// Whether descendants outlive it.
    pub left_behind: LeftBehind,
    interrupted: bool,
}

impl Running {
    pub(crate) fn new(pid: u32, watch: Watch, before: Waited, adopted: bool, relay: Relay) -> Self {
        let (stop, early) = (Stop::default(), Vec::new());
        let mut running = Self { pid, watch, before, adopted, relay, stop, interrupted: false, early };
        for origin in running.watch.pending().into_iter().filter(|origin| origin.signal != SIGCHLD) {
            running.pass_on_early(&origin);
        }
        running
    }

    /// The child's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the child's end, passing signals on and stopping with it meanwhile. `on_event` hears of each after
    /// the child has had it; it should be quick, for the next signal waits for it.
    ///
    /// # Errors
    /// [`LaunchError::Lost`] where something else in this process has taken the child's status.
    pub fn wait(mut self, mut on_event: impl FnMut(Event)) -> Result<Ended, LaunchError> {
        for (signal, route) in std::mem::take(&mut self.early) {
            on_event(Event::Signal { signal, route });
        }
        loop {
            if let Some(status) = self.reap(&mut on_event)? {
                return Ok(self.ended(status));
            }
            self.stop_with_child();
            let signals = self.watch.next();
            // A shell wakes the child with us: whether it needs waking is known only from what it does now.
            let status = self.reap(&mut on_event)?;
            for origin in signals.iter().filter(|origin| origin.signal != SIGCHLD) {
                let sender = self.heed(origin);
                if status.is_none() {
                    let route = self.pass_on(origin.signal, sender);
                    on_event(Event::Signal { signal: origin.signal, route });
                }
            }
            if let Some(status) = status {
                return Ok(self.ended(status));
            }
        }
    }

    fn child(&self) -> Pid {
        Pid::from_raw(self.pid as i32).expect("a spawned child has a number above 0")
    }

    /// Takes in all that the system has to say of the child; `Some` when it has ended.
    fn reap(&mut self, on_event: &mut impl FnMut(Event)) -> Result<Option<ChildStatus>, LaunchError> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        loop {
            let news = match if self.adopted { wait(options) } else { waitpid(Some(self.child()), options) } {
                Ok(news) => news,
                Err(Errno::INTR) => continue,
                Err(e) => return Err(LaunchError::Lost { pid: self.pid, cause: e.into() }),
            };
            let Some((pid, status)) = news else { return Ok(None) };
            if pid != self.child() {
                continue;
            }
            if let Some(status) = ChildStatus::of(status) {
                return Ok(Some(status));
            }
            on_event(self.stop.take_in(status));
        }
    }

    fn pass_on(&mut self, signal: i32, sender: Sender) -> Route {
        let decided = match (self.relay, sender) {
            (Relay::Never, Sender::Other) => Route::Held,
            _ => route(signal, sender, self.standing()),
        };
        self.take(signal, decided);
        decided
    }

    /// A key pressed between our handlers and the child's first moment was not shared with it. Whether it came then or
    /// a moment later is seen from the child: had it come later, the child would have ended or stopped by it, or have
    /// arranged for it.
    fn pass_on_early(&mut self, origin: &Origin) {
        let sender = self.heed(origin);
        let by_key = sender == Sender::Kernel && [SIGINT, SIGQUIT, SIGTSTP, SIGHUP].contains(&origin.signal);
        let route = if by_key && kin::has_not_had(self.child(), origin.signal) {
            self.take(origin.signal, Route::PassedOn);
            Route::PassedOn
        } else {
            self.pass_on(origin.signal, sender)
        };
        self.early.push((origin.signal, route));
    }

    /// Carries out what was decided.
    fn take(&mut self, signal: i32, decided: Route) {
        self.stop.asked |= signal == SIGTSTP;
        let named = Signal::from_named_raw(signal).expect("every watched signal has a name");
        // A child that is gone has no need of it, and one that may not be signalled (it changed its user) would not
        // have it from the sender either: nothing is to be done about a refusal.
        let _ = match decided {
            Route::PassedOn => kill_process(self.child(), named),
            Route::PassedOnToGroup => kill_process_group(self.child(), named),
            Route::Shared | Route::FromChild | Route::Held => Ok(()),
        };
    }

    /// Who sent it; and notes the terminal's SIGINT.
    fn heed(&mut self, origin: &Origin) -> Sender {
        let sender = self.sender(origin);
        if origin.signal == SIGINT {
            self.interrupted = sender == Sender::Kernel;
        }
        sender
    }

    fn sender(&self, origin: &Origin) -> Sender {
        let by_terminal = [SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGCONT].contains(&origin.signal);
        match (origin.cause, &origin.process) {
            (Cause::Kernel, _) => Sender::Kernel,
            // Some systems do not tell; there, what a terminal can send is taken to be the terminal's.
            (Cause::Unknown, _) if by_terminal => Sender::Kernel,
            (_, Some(process)) => match Pid::from_raw(process.pid) {
                Some(pid) if shares_group(pid) && kin::descends(pid, self.child()) => Sender::Child,
                _ => Sender::Other,
            },
            _ => Sender::Other,
        }
    }

    fn standing(&self) -> Standing {
        let group = match kin::group_of(self.child()) {
            Some(group) if group == kin::our_group() => Group::Ours,
            Some(group) if group == self.child().as_raw_nonzero().get() => Group::Own,
            Some(_) => Group::Another,
            None => Group::Ours,
        };
        Standing { group, child_is_stopped: self.stop.by.is_some(), we_lead_session: kin::leads_session() }
    }

    /// Stops us where the child is stopped, a shell watches, and the stop is the terminal's.
    fn stop_with_child(&mut self) {
        if self.stop.is_to_follow() && kin::has_job_control() {
            self.stop.followed = true;
            // The next line runs when somebody has woken us.
            let _ = kill_process(getpid(), Signal::STOP);
        }
    }

    fn ended(self, status: ChildStatus) -> Ended {
        let left_behind = if self.adopted { sweep() } else { LeftBehind::Unknown };
        let used = Waited::so_far().since(self.before);
        Ended {
            status,
            user_cpu: used.user_cpu,
            system_cpu: used.system_cpu,
            peak_rss_bytes: used.peak_rss_bytes,
            left_behind,
            interrupted: self.interrupted,
        }
    }
}

/// Takes in the orphans that have ended by now.
fn sweep() -> LeftBehind {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return LeftBehind::Some,
            Err(Errno::CHILD) => return LeftBehind::None,
            Err(_) => return LeftBehind::Unknown,
        }
    }
}

fn shares_group(pid: Pid) -> bool {
    kin::group_of(pid) == Some(kin::our_group())
}

impl Stop {
    fn take_in(&mut self, status: WaitStatus) -> Event {
        match status.stopping_signal() {
            Some(signal) => {
                (self.by, self.followed) = (Some(signal), false);
                Event::Stopped { signal }
            }
            None => {
                *self = Self::default();
                Event::Continued
            }
        }
    }

    fn is_to_follow(&self) -> bool {
        let by_terminal = |signal| [SIGTSTP, SIGTTIN, SIGTTOU].contains(&signal);
        !self.followed && self.by.is_some_and(|signal| by_terminal(signal) || self.asked)
    }
}

impl Ended {
    /// Leaves this process as the child left: with its code, or 128 and its signal. Where the terminal's Ctrl-C ended
    /// the child, we end by SIGINT too, for by that alone a shell knows to end its loop as well; `$?` is 130 both ways.
    pub fn pass_on(&self) -> ! {
        if self.interrupted && self.status == ChildStatus::Signalled(SIGINT) {
            // Should it be refused, the code below tells the same.
            let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
        }
        std::process::exit(i32::from(self.status.exit_code()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGSTOP;

    #[test]
    fn we_follow_the_terminals_stops_and_no_others() {
        let cases = [
            (Some(SIGTSTP), false, true),
            (Some(SIGTTIN), false, true),
            (Some(SIGTTOU), false, true),
            // A program that tidies the screen on SIGTSTP stops itself by SIGSTOP.
            (Some(SIGSTOP), true, true),
            // Somebody pauses the child alone, and will wake it alone.
            (Some(SIGSTOP), false, false),
            (None, true, false),
        ];
        for (by, asked, follow) in cases {
            assert_eq!(Stop { by, asked, followed: false }.is_to_follow(), follow, "{by:?} asked: {asked}");
            assert!(!Stop { by, asked, followed: true }.is_to_follow());
        }
    }
}
