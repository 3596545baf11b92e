//! Who is whose: parents, process groups, and what we were told to ignore.
//!
//! In: process ids, `/proc` on Linux. Out: plain answers. Elsewhere than on Linux, what needs `/proc` answers as if
//! there were nothing to know, which its callers take for the common case.
//!
//! In a process namespace whose first process made neither, the group and the session have the number 0: they lie
//! outside. Two that lie outside are taken to be one, for a process that joined the namespace later is rare.

use nix::unistd;
use rustix::process::{Pid, getpid, getppid};
use std::fs;

/// No chain of parents is longer; a loop would be a fault of `/proc`.
const GENERATIONS: usize = 256;

/// Does `pid` descend from `ancestor`, or is it the same?
pub(crate) fn descends(pid: Pid, ancestor: Pid) -> bool {
    lineage(pid).any(|kin| kin == ancestor)
}

/// Would a shell see us stop, and wake us? So it is where the process group is not orphaned: one of our forebears
/// leads it from another group of the same session. Without one, a stop would last for ever.
pub(crate) fn has_job_control() -> bool {
    let (Some(session), group) = (session_of(getpid()), our_group()) else { return false };
    for kin in lineage(getpid()).skip(1) {
        match (session_of(kin), group_of(kin)) {
            (Some(its_session), _) if its_session != session => return false,
            (Some(_), Some(its_group)) if its_group != group => return true,
            (Some(_), Some(_)) => {}
            _ => return false,
        }
    }
    false
}

/// The number of a process group, 0 where it lies outside our namespace.
pub(crate) fn group_of(pid: Pid) -> Option<i32> {
    unistd::getpgid(Some(unistd::Pid::from_raw(pid.as_raw_nonzero().get()))).ok().map(unistd::Pid::as_raw)
}

/// The number of our own.
pub(crate) fn our_group() -> i32 {
    unistd::getpgrp().as_raw()
}

fn session_of(pid: Pid) -> Option<i32> {
    unistd::getsid(Some(unistd::Pid::from_raw(pid.as_raw_nonzero().get()))).ok().map(unistd::Pid::as_raw)
}

/// Is the session ours to lead? The terminal's hang-up reaches its leader alone.
pub(crate) fn leads_session() -> bool {
    session_of(getpid()).is_some_and(|session| session == getpid().as_raw_nonzero().get())
}

/// `pid`, its parent, its parent's parent and so on.
fn lineage(pid: Pid) -> impl Iterator<Item = Pid> {
    std::iter::successors(Some(pid), |pid| if *pid == getpid() { getppid() } else { parent(*pid) }).take(GENERATIONS)
}

fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    parent_in(&stat).and_then(Pid::from_raw)
}

/// The fourth field. The second is the name in brackets, which may hold spaces and brackets itself.
fn parent_in(stat: &str) -> Option<i32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

/// The signals that whoever started us had us ignore, such as SIGHUP under `nohup`. None where it is not known.
pub(crate) fn ignored() -> impl Fn(i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = mask(&status, "SigIgn:").unwrap_or(0);
    move |signal| holds(mask, signal)
}

/// Would `signal` act by default on a process that is there still, so that it cannot have come to it yet?
pub(crate) fn has_not_had(pid: Pid, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    acts_by_default(&status, signal)
}

fn acts_by_default(status: &str, signal: i32) -> bool {
    let lives = field(status, "State:").is_some_and(|state| !state.starts_with(['Z', 'X', 'T']));
    let masks = ["SigIgn:", "SigCgt:"].map(|name| mask(status, name));
    lives && masks.iter().all(|mask| mask.is_some_and(|mask| !holds(mask, signal)))
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn mask(status: &str, name: &str) -> Option<u64> {
    u64::from_str_radix(field(status, name)?, 16).ok()
}

fn holds(mask: u64, signal: i32) -> bool {
    (1..=64).contains(&signal) && mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_behind_any_name() {
        let cases = [
            ("7 (sh) S 5 7 7 0", Some(5)),
            ("7 (a b) c) R 12 7 7", Some(12)),
            ("7 (sh", None),
            ("7 (sh) S", None),
            ("", None),
        ];
        for (stat, parent) in cases {
            assert_eq!(parent_in(stat), parent, "{stat}");
        }
    }

    #[test]
    fn the_masks_of_signals_are_hexadecimal() {
        let status = "Name:\tx\nSigIgn:\t8000000000001001\nSigCgt:\t1\n";
        let ignored = mask(status, "SigIgn:").expect("it is there");
        let held: Vec<i32> = (-1..70).filter(|signal| holds(ignored, *signal)).collect();
        assert_eq!(held, [1, 13, 64]);
        assert_eq!(mask("Name:\tx\n", "SigIgn:"), None);
    }

    #[test]
    fn a_signal_that_would_have_ended_a_process_has_not_come_to_it() {
        let cases = [
            ("State:\tS (sleeping)\nSigIgn:\t0\nSigCgt:\t0\n", true),
            ("State:\tS (sleeping)\nSigIgn:\t2\nSigCgt:\t0\n", false),
            ("State:\tS (sleeping)\nSigIgn:\t0\nSigCgt:\t2\n", false),
            ("State:\tZ (zombie)\nSigIgn:\t0\nSigCgt:\t0\n", false),
            ("State:\tT (stopped)\nSigIgn:\t0\nSigCgt:\t0\n", false),
            ("", false),
        ];
        for (status, not_had) in cases {
            assert_eq!(acts_by_default(status, 2), not_had, "{status}");
        }
    }

    #[test]
    fn we_descend_from_ourselves_and_from_our_parent() {
        assert!(descends(getpid(), getpid()));
        assert!(getppid().is_none_or(|parent| descends(getpid(), parent)));
    }
}
