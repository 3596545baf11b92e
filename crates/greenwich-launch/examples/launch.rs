//! Runs its arguments and leaves as they left: the subject of this crate's tests and timings.
//!
//! `--adopt` before the command adopts its orphans; `--usage` writes what it used to stderr; `--events` writes each
//! event there.

use greenwich_launch::{Command, Orphans};
use std::process::exit;

fn main() {
    let mut args = std::env::args_os().skip(1).peekable();
    let mut flag = |name: &str| args.next_if(|arg| arg == name).is_some();
    let orphans = if flag("--adopt") { Orphans::Adopted } else { Orphans::Left };
    let (usage, events) = (flag("--usage"), flag("--events"));
    let command = Command::new(args.next().unwrap_or_default()).args(args).orphans(orphans);
    let ended = command.spawn().and_then(|child| {
        child.wait(|event| {
            if events {
                eprintln!("{event:?}");
            }
        })
    });
    match ended {
        Ok(ended) => {
            if usage {
                eprintln!("{ended:?}");
            }
            ended.pass_on()
        }
        Err(e) => {
            eprintln!("launch: {e}");
            exit(i32::from(e.exit_code()))
        }
    }
}
