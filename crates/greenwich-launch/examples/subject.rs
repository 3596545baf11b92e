//! A child to try a launcher with: says `ready PID PARENT`, then the name of each signal that reaches it, and leaves
//! at SIGXCPU.
//!
//! `stop` leaves SIGTSTP to the system; `tidy` stops by SIGSTOP when SIGTSTP comes, as programs do that restore the
//! screen first; `own-group` leads a process group of its own; `kill-group` sends SIGTERM to its whole group first.

use rustix::process::{Signal, getpid, getppid, kill_current_process_group, kill_process, setpgid};
use signal_hook::consts::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH, SIGXCPU,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;
use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let mut heeded = vec![SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGXCPU];
    if mode != "stop" {
        heeded.push(SIGTSTP);
    }
    let mut signals = Signals::new(heeded)?;
    if mode == "own-group" {
        setpgid(None, None)?;
    }
    let parent = getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    say(&format!("ready {} {parent}", getpid().as_raw_nonzero()))?;
    if mode == "kill-group" {
        kill_current_process_group(Signal::TERM)?;
    }
    while let Some(signal) = signals.forever().next() {
        say(signal_name(signal).unwrap_or("?"))?;
        match signal {
            SIGXCPU => return end(&mut signals),
            SIGTSTP if mode == "tidy" => kill_process(getpid(), Signal::STOP)?,
            _ => {}
        }
    }
    Ok(())
}

/// What came together with the last signal is said as well.
fn end(signals: &mut Signals) -> io::Result<()> {
    signals.pending().try_for_each(|signal| say(signal_name(signal).unwrap_or("?")))
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
