//! The `greenwich` command.
//!
//! In: arguments. Out: the answer on stdout and nothing else there; warnings and errors on stderr; an exit
//! status that scripts may rely on. No arithmetic on quantities: that is the library's.

mod answer;
mod arguments;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match arguments::Arguments::try_parse() {
        Ok(arguments) => terminal::finish(answer::answer(&arguments), arguments.common.quiet),
        Err(error) => {
            // `--help` and `--version` come here as well; clap knows which stream and status each has.
            _ = error.print();
            ExitCode::from(if error.use_stderr() { greenwich::Exit::Usage as u8 } else { 0 })
        }
    }
}
