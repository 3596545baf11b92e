//! The `greenwich` command.
//!
//! In: arguments. Out: the answer on stdout and nothing else there; warnings and errors on stderr; an exit
//! status that scripts may rely on. No arithmetic on quantities: that is the library's.

mod answer;
mod arguments;
mod doctor;
mod fleet;
mod forecast;
mod home;
mod jobs;
mod keep;
mod ledger;
mod metrics;
mod progress;
mod run;
mod signals;
mod simulate;
mod terminal;
mod top;
mod wait;
mod wall;

use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

/// `help plan` is what people type for `plan --help`.
fn words(mut given: Vec<OsString>) -> Vec<OsString> {
    if given.get(1).is_some_and(|word| word == "help") {
        given.remove(1);
        given.push("--help".into());
    }
    given
}

fn main() -> ExitCode {
    match arguments::Arguments::try_parse_from(words(std::env::args_os().collect())) {
        Ok(arguments) => {
            if let arguments::Command::Run(run) = &arguments.command {
                return run::run(run, &arguments.common);
            }
            if let arguments::Command::Wait(wait) = &arguments.command {
                return wait::wait(wait, &arguments.common);
            }
            if let arguments::Command::Keep(asked) = &arguments.command {
                return keep::keep(asked, &arguments.common);
            }
            if let arguments::Command::Carry(asked) = &arguments.command {
                return keep::carry(&asked.verb);
            }
            if let arguments::Command::Top(top) = &arguments.command
                && !top.once
            {
                return top::top(top, &arguments.common);
            }
            let begun = Instant::now();
            let answer = answer::any(&arguments);
            if arguments.common.verbose > 0 && !arguments.common.quiet && answer.is_ok() {
                terminal::say(&format!("answered in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3));
            }
            terminal::finish(answer)
        }
        Err(error) => {
            // `--help` and `--version` come here as well; clap knows which stream and status each has.
            _ = error.print();
            ExitCode::from(if error.use_stderr() { greenwich::Exit::Usage as u8 } else { 0 })
        }
    }
}
