//! The rim: the terminal's width and colours, the streams, files written, and the exit status.
//!
//! In: an answer or a failure. Out: bytes on stdout or stderr, and the status.

use crate::arguments::Colour;
use greenwich::Exit;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why there is no answer, in the words for stderr.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: u8,
    message: String,
    code: Option<String>,
    help: Option<String>,
}

impl Failure {
    /// A fault in how the command was used.
    pub(crate) fn usage(message: &str, help: &str) -> Self {
        Self { exit: Exit::Usage as u8, message: message.to_owned(), code: None, help: Some(help.to_owned()) }
    }

    /// A signal that ended the work before anything was written; the status is the one that a shell would leave with.
    pub(crate) fn stopped(signal: usize) -> Self {
        let message = "stopped before it was done: nothing is written".to_owned();
        Self { exit: 128 + signal as u8, message, code: None, help: None }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<greenwich::Error> for Failure {
    fn from(error: greenwich::Error) -> Self {
        Self { exit: error.exit() as u8, message: error.to_string(), code: error.code_text(), help: error.help_text() }
    }
}

/// An answer: what goes to stdout, and the status that says how it is.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) exit: Exit,
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self { bytes: text.into_bytes(), exit: Exit::Done }
    }
}

/// Prints the answer or the failure and returns the exit status.
#[expect(clippy::print_stderr, reason = "errors are for stderr, and this is the one place that prints them")]
pub(crate) fn finish(answer: Result<Answer, Failure>) -> ExitCode {
    match answer {
        Ok(Answer { bytes, exit }) => {
            let mut stdout = std::io::stdout().lock();
            match stdout.write_all(&bytes).and_then(|()| stdout.flush()) {
                Ok(()) => ExitCode::from(exit as u8),
                // `greenwich plan … | head` has read all that it wants.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(exit as u8),
                Err(error) => {
                    eprintln!("error: cannot write the answer to stdout: {error}");
                    ExitCode::from(Exit::Usage as u8)
                }
            }
        }
        Err(failure) => {
            eprintln!("error: {}", failure.message);
            if let Some(help) = &failure.help {
                eprintln!("  help: {help}");
            }
            if let Some(code) = &failure.code {
                eprintln!("  code: {code}");
            }
            ExitCode::from(failure.exit)
        }
    }
}

/// Says why a command could not be started; the status is the one that a shell would leave with.
#[expect(clippy::print_stderr, reason = "errors are for stderr, and this is the one place that prints them")]
pub(crate) fn not_launched(error: &greenwich::running::LaunchError) -> ExitCode {
    eprintln!("error: {error}");
    if let Some(help) = greenwich::running::help_of(error) {
        eprintln!("  help: {help}");
    }
    ExitCode::from(error.exit_code())
}

/// Says something beside the answer, on stderr.
#[expect(clippy::print_stderr, reason = "this is the one place that says what is not the answer")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Columns of the terminal, from `COLUMNS`, else 100.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    columns.filter(|columns| (40..=1000).contains(columns)).unwrap_or(100)
}

/// Whether to colour.
pub(crate) fn colour(when: Colour) -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let no_colour = set("NO_COLOR").is_some();
    match when {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if no_colour => false,
        Colour::Auto => set("CLICOLOR_FORCE").is_some_and(|value| value != "0") || std::io::stdout().is_terminal(),
    }
}

/// JSON as people can read it, with a line end.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// Makes a folder, where it is not there.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::usage(
            &format!("cannot make the folder `{}`: {error}", folder.display()),
            "name a folder that may be made, or one that is there",
        )
    })
}

/// Writes a file whole or not at all; what a link leads to, and into a device or a pipe as it is.
pub(crate) fn write_file(file: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    let target = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let is_special = target.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir());
    let written = if is_special { std::fs::write(&target, content) } else { replace(&target, content) };
    written.map_err(|error| {
        let mend = if error.kind() == std::io::ErrorKind::StorageFull {
            "make room there, or name a file elsewhere"
        } else {
            "name a file in a folder that exists and that you may write to"
        };
        Failure::usage(&format!("cannot write `{}`: {error}", file.display()), mend)
    })
}

fn replace(file: &Path, content: impl AsRef<[u8]>) -> std::io::Result<()> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = std::fs::write(&beside, content).and_then(|()| std::fs::rename(&beside, file));
    if written.is_err() {
        _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt;

    #[test]
    fn a_pipe_stays_a_pipe_and_a_link_a_link() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (real, link) = (folder.path().join("real.svg"), folder.path().join("link.svg"));
        std::fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        write_file(&link, "new").unwrap_or_else(|_| panic!("a link can be written through"));
        assert!(link.symlink_metadata().is_ok_and(|there| there.is_symlink()));
        assert_eq!(std::fs::read_to_string(&real).expect("readable"), "new");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("every Unix has mkfifo");
        assert!(made.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe)
        });
        write_file(&pipe, "through").unwrap_or_else(|_| panic!("a pipe can be written to"));
        assert!(pipe.metadata().is_ok_and(|there| there.file_type().is_fifo()));
        assert_eq!(reader.join().expect("no panic").expect("readable"), "through");
        let left = std::fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(left, 3, "nothing is left beside the files");
    }
}
