//! Which signals are passed on to the child, and which it has already.
//!
//! In: a signal, who sent it, how the child stands to us. Out: a [`Route`]. Nothing here touches a process.
//!
//! The terminal sends to the whole foreground group, so a child in our group has what we have. What another process
//! sends is passed on, for `kill` names us alone as a rule. The system does not tell `kill PID` from `kill -PGID`:
//! a sender of the second sort makes a catching child see the signal twice, unless [`crate::Relay::Never`] is set.

use signal_hook::consts::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH, SIGXCPU,
};

/// The signals that are looked at. SIGKILL and SIGSTOP cannot be; real-time signals act on us by default.
pub(crate) const WATCHED: [i32; 11] =
    [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGWINCH, SIGTSTP, SIGCONT];

/// What becomes of a signal that reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// It was sent to us alone, and is passed on to the child.
    PassedOn,
    /// The terminal meant our group, and the child leads one of its own: passed on to all of that.
    PassedOnToGroup,
    /// The child has it already, from the terminal.
    Shared,
    /// The child, or a descendant of it, sent it, as `kill 0` does: not sent back.
    FromChild,
    /// Nothing is to be passed on.
    Held,
}

/// Who sent a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The terminal, or the system itself.
    Kernel,
    /// The child or its descendant, from our process group.
    Child,
    /// Any other process.
    Other,
}

/// How the child stands to us at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) group: Group,
    pub(crate) child_is_stopped: bool,
    /// We lead the session: the terminal's hang-up comes to us and to nobody else.
    pub(crate) we_lead_session: bool,
}

/// The child's process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Ours,
    /// It made its own and leads it, as `timeout` and shells do.
    Own,
    /// It moved to another's.
    Another,
}

/// Decides.
pub(crate) fn route(signal: i32, sender: Sender, child: Standing) -> Route {
    match (signal, sender) {
        // A child that runs needs no waking; a shell's `fg` wakes the whole group, and the child with it.
        (SIGCONT, _) if !child.child_is_stopped => Route::Shared,
        (_, Sender::Child) => Route::FromChild,
        (_, Sender::Other) => Route::PassedOn,
        (SIGCONT, Sender::Kernel) => Route::PassedOn,
        (SIGHUP, Sender::Kernel) if child.we_lead_session => Route::PassedOn,
        // The size of the terminal matters to its foreground, which a child outside our group is not or knows itself.
        (SIGWINCH, Sender::Kernel) => Route::Shared,
        (SIGHUP | SIGINT | SIGQUIT | SIGTSTP, Sender::Kernel) => match child.group {
            Group::Ours => Route::Shared,
            Group::Own => Route::PassedOnToGroup,
            Group::Another => Route::PassedOn,
        },
        // Timers and limits of ours: the child has its own.
        (SIGALRM | SIGXCPU, Sender::Kernel) => Route::Held,
        (_, Sender::Kernel) => Route::PassedOn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BESIDE_US: Standing = Standing { group: Group::Ours, child_is_stopped: false, we_lead_session: false };

    #[test]
    fn what_the_terminal_sends_is_not_sent_twice() {
        for signal in [SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGWINCH] {
            assert_eq!(route(signal, Sender::Kernel, BESIDE_US), Route::Shared, "{signal}");
        }
    }

    #[test]
    fn what_a_process_sends_is_passed_on() {
        for signal in WATCHED.into_iter().filter(|signal| *signal != SIGCONT) {
            assert_eq!(route(signal, Sender::Other, BESIDE_US), Route::PassedOn, "{signal}");
        }
    }

    #[test]
    fn a_child_with_its_own_group_has_the_terminals_signals_from_us() {
        let own = Standing { group: Group::Own, ..BESIDE_US };
        let moved = Standing { group: Group::Another, ..BESIDE_US };
        assert_eq!(route(SIGINT, Sender::Kernel, own), Route::PassedOnToGroup);
        assert_eq!(route(SIGTSTP, Sender::Kernel, moved), Route::PassedOn);
        assert_eq!(route(SIGWINCH, Sender::Kernel, own), Route::Shared);
    }

    #[test]
    fn a_hang_up_that_only_the_session_leader_hears_is_passed_on() {
        let leader = Standing { we_lead_session: true, ..BESIDE_US };
        assert_eq!(route(SIGHUP, Sender::Kernel, leader), Route::PassedOn);
        assert_eq!(route(SIGINT, Sender::Kernel, leader), Route::Shared);
    }

    #[test]
    fn only_a_stopped_child_is_woken() {
        let stopped = Standing { child_is_stopped: true, ..BESIDE_US };
        assert_eq!(route(SIGCONT, Sender::Other, stopped), Route::PassedOn);
        assert_eq!(route(SIGCONT, Sender::Other, BESIDE_US), Route::Shared);
    }

    #[test]
    fn the_childs_own_signals_do_not_return_to_it() {
        assert_eq!(route(SIGTERM, Sender::Child, BESIDE_US), Route::FromChild);
    }

    #[test]
    fn our_own_timers_and_limits_are_ours() {
        assert_eq!(route(SIGXCPU, Sender::Kernel, BESIDE_US), Route::Held);
        assert_eq!(route(SIGALRM, Sender::Kernel, BESIDE_US), Route::Held);
    }
}
