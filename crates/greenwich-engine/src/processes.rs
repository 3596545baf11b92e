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
const MOST_LOOKS: usize = 40;

/// The processes of a job. Zombies are none, nor is what belongs to another job that this one has handed over.
pub(crate) fn of(mark: &Mark) -> BTreeSet<i32> {
    let (wanted, stem) = (format!("{VARIABLE}={mark}"), format!("{VARIABLE}="));
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
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        match environment.split(|byte| *byte == 0).find(|one| one.starts_with(stem.as_bytes())) {
            Some(own) if own == wanted.as_bytes() => _ = found.insert(pid),
            Some(_) => {}
            None => _ = parents.insert(pid, parent),
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
/// Each is found twice, and held in between: a number that has gone to a stranger meanwhile is not signalled.
pub(crate) fn signal_each(find: impl Fn() -> BTreeSet<i32>, signal: Signal) -> bool {
    let (mut had, mut held) = (BTreeSet::new(), BTreeMap::<i32, Held>::new());
    for _ in 0..MOST_LOOKS {
        let found = find();
        let mut has_signalled = false;
        for (pid, process) in std::mem::take(&mut held) {
            if found.contains(&pid) {
                process.signal(signal);
                has_signalled |= had.insert(pid);
            }
        }
        held = found.difference(&had).filter_map(|pid| Some((*pid, Held::of(*pid)?))).collect();
        // One may have been born just before its parent was signalled.
        if held.is_empty() && !has_signalled {
            break;
        }
    }
    !had.is_empty()
}

/// A process that is held by more than its number, where the system can.
enum Held {
    #[cfg(target_os = "linux")]
    Handle(std::os::fd::OwnedFd),
    Number(Pid),
}

impl Held {
    /// `None` for one that has ended.
    fn of(pid: i32) -> Option<Self> {
        let pid = Pid::from_raw(pid)?;
        #[cfg(target_os = "linux")]
        match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            Ok(handle) => return Some(Self::Handle(handle)),
            Err(rustix::io::Errno::SRCH) => return None,
            // Before Linux 5.3, or where a filter forbids it.
            Err(_) => {}
        }
        Some(Self::Number(pid))
    }

    fn signal(&self, signal: Signal) {
        // One that has ended meanwhile needs none.
        _ = match self {
            #[cfg(target_os = "linux")]
            Self::Handle(handle) => rustix::process::pidfd_send_signal(handle, signal),
            Self::Number(pid) => kill_process(*pid, signal),
        };
    }
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
    use std::cell::Cell;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// A process that does not get on fails a test after this.
    const LONG: Duration = Duration::from_secs(60);

    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < LONG, "{what} did not come about");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn state_of(pid: i32) -> Option<char> {
        state(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|(state, _)| state)
    }

    #[test]
    fn the_tree_of_a_job_is_found_and_stops_as_a_whole_and_what_it_handed_over_does_not() {
        let mark = Mark { run: format!("tree-{}", std::process::id()), attempt: 1 };
        assert!(of(&mark).is_empty());
        let script = format!("sleep 600 & env -i sleep 600 & env {VARIABLE}=supervisor sleep 600 & echo $!; wait");
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .env(VARIABLE, mark.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().expect("it is piped")).read_line(&mut line).expect("it is text");
        let other: i32 = line.trim().parse().expect("a pid");
        wait_until("each its own", || of(&mark).len() == 3 && !of(&mark).contains(&other));
        assert!(signal_each(|| of(&mark), Signal::STOP));
        let all = of(&mark);
        wait_until("all stopped", || all.iter().all(|pid| state_of(*pid) == Some('T')));
        assert_ne!(state_of(other), Some('T'));
        assert!(signal_each(|| of(&mark), Signal::KILL));
        shell.wait().expect("it ended");
        wait_until("all gone", || of(&mark).is_empty());
        assert!(!signal_each(|| of(&mark), Signal::CONT));
        assert!(signal_each(|| BTreeSet::from([other]), Signal::KILL));
    }

    #[test]
    fn one_that_is_born_while_its_parent_is_signalled_is_signalled_too() {
        let mut all: Vec<_> = (0..2).map(|_| Command::new("sleep").arg("600").spawn().expect("it runs")).collect();
        let [parent, child] = [0, 1].map(|index| all[index].id() as i32);
        let looks = Cell::new(0);
        let find = || {
            looks.set(looks.get() + 1);
            // Whoever has ended is found no more.
            match looks.get() {
                1 | 2 => BTreeSet::from([parent]),
                _ => BTreeSet::from([child]),
            }
        };
        assert!(signal_each(find, Signal::KILL));
        for one in &mut all {
            wait_until("both ended", || state_of(one.id() as i32).is_none_or(|state| state == 'Z'));
            one.wait().expect("it ended");
        }
    }

    #[test]
    fn a_number_that_goes_to_a_stranger_between_two_looks_is_not_signalled() {
        let mut stranger = Command::new("sleep").arg("600").spawn().expect("it runs");
        let pid = stranger.id() as i32;
        let looks = Cell::new(0);
        let find = || {
            looks.set(looks.get() + 1);
            if looks.get() == 1 { BTreeSet::from([pid]) } else { BTreeSet::new() }
        };
        assert!(!signal_each(find, Signal::KILL), "whoever has the number now is none of ours");
        assert!(stranger.try_wait().expect("it is ours").is_none());
        stranger.kill().expect("it runs");
        stranger.wait().expect("it ended");
    }
}
