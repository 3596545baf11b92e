//! The processes of a job on this machine: found by a mark in their environment, and by descent.
//!
//! In: a mark. Out: process ids, and signals to all of them. A process that cleared its environment is found as long as
//! its parent lives; one that did both is out of reach, as it is for a shell.

use crate::launcher::Mark;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The variable that every process of a job has.
pub(crate) const VARIABLE: &str = "GREENWICH_JOB";
/// A tree that grows while it is being stopped is looked at again, so often at most.
const MOST_LOOKS: usize = 20;

/// The processes of a job. Zombies are none.
pub(crate) fn of(mark: &Mark) -> BTreeSet<i32> {
    let wanted = format!("{VARIABLE}={mark}");
    let (mut found, mut parents) = (BTreeSet::new(), BTreeMap::new());
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Some((state, parent)) = fs::read_to_string(entry.path().join("stat")).ok().and_then(|stat| state(&stat))
        else {
            continue;
        };
        if matches!(state, 'Z' | 'X') {
            continue;
        }
        parents.insert(pid, parent);
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes()) {
            found.insert(pid);
        }
    }
    loop {
        let next: Vec<i32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if next.is_empty() {
            return found;
        }
        found.extend(next);
    }
}

/// State and parent: the third and fourth fields. The second is the name in brackets, which may hold brackets itself.
fn state(stat: &str) -> Option<(char, i32)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Sends a signal to every process of a job but some.
pub(crate) fn signal_but(mark: &Mark, signal: Signal, but: &BTreeSet<i32>) {
    signal_each(|| &of(mark) - but, signal);
}

/// Sends a signal, once each, to all that are found now, and to those that are born meanwhile. Says whether there was any.
pub(crate) fn signal_each(find: impl Fn() -> BTreeSet<i32>, signal: Signal) -> bool {
    let mut had = BTreeSet::new();
    for _ in 0..MOST_LOOKS {
        let new = &find() - &had;
        if new.is_empty() {
            break;
        }
        for pid in new {
            // One that has ended meanwhile needs none.
            _ = Pid::from_raw(pid).map(|pid| kill_process(pid, signal));
            had.insert(pid);
        }
    }
    !had.is_empty()
}

/// A signal by its name, `USR1` or `SIGUSR1`.
pub(crate) fn named(name: &str) -> Option<Signal> {
    Some(match name.strip_prefix("SIG").unwrap_or(name) {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "TERM" => Signal::TERM,
        "ALRM" => Signal::ALARM,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_tree_of_a_job_is_found_and_stops_as_a_whole() {
        let mark = Mark { run: format!("tree-{}", std::process::id()), attempt: 1 };
        assert!(of(&mark).is_empty());
        let script = "sleep 600 & env -i sleep 600 & wait";
        let mut shell =
            Command::new("sh").args(["-c", script]).env(VARIABLE, mark.to_string()).spawn().expect("it runs");
        while of(&mark).len() < 3 {
            std::thread::yield_now();
        }
        assert!(signal_each(|| of(&mark), Signal::STOP));
        let all = of(&mark);
        let states =
            || all.iter().map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| state(&stat)));
        while !states().all(|state| state.is_some_and(|(state, _)| state == 'T')) {
            std::thread::yield_now();
        }
        assert!(signal_each(|| of(&mark), Signal::KILL));
        shell.wait().expect("it ended");
        while !of(&mark).is_empty() {
            std::thread::yield_now();
        }
        assert!(!signal_each(|| of(&mark), Signal::CONT));
    }
}
