//! Why a command could not be started, each with its mend.
//!
//! In: the program, the system's word. Out: a message, one act that helps, and the exit status that a shell would give.

use miette::Diagnostic;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What the launcher answers instead of a child.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum LaunchError {
    /// No such file, or none of that name on `PATH`.
    #[error("there is no command `{program}` {looked}")]
    #[diagnostic(code(greenwich::launch::not_found), help("{mend}"))]
    NotFound {
        /// As it was asked for.
        program: String,
        /// Where it was looked for: `on PATH`, `in `/srv``.
        looked: String,
        /// What to type instead.
        mend: String,
    },
    /// The file is there, and the program that its first line names is not.
    #[error("`{path}` is to be run by `{interpreter}`, which is not there")]
    #[diagnostic(
        code(greenwich::launch::interpreter),
        help("install `{interpreter}`, or mend the first line of `{}`", path.display())
    )]
    NoInterpreter {
        /// The script, or the binary whose loader is missing.
        path: PathBuf,
        /// What its first line names; `its loader` for a binary.
        interpreter: String,
    },
    /// The file is there and may not be run.
    #[error("`{path}` cannot be run: {cause}")]
    #[diagnostic(code(greenwich::launch::not_executable), help("{mend}"))]
    NotExecutable {
        /// The file that was found.
        path: PathBuf,
        /// `it is a folder`, `it is not marked executable`, or the system's own word.
        cause: String,
        /// What to type.
        mend: String,
    },
    /// The folder to run it in cannot be entered.
    #[error("the working directory `{path}` cannot be entered: {cause}")]
    #[diagnostic(code(greenwich::launch::directory), help("create it by `mkdir -p {}`, or name another", path.display()))]
    Directory {
        /// The folder.
        path: PathBuf,
        /// The system's own word.
        cause: io::Error,
    },
    /// The system refused for a reason that lies in none of these.
    #[error("`{program}` could not be started: {cause}")]
    #[diagnostic(code(greenwich::launch::refused), help("{}", refused_help(cause)))]
    Refused {
        /// As it was asked for.
        program: String,
        /// The system's own word.
        cause: io::Error,
    },
    /// The child could not be waited for: something else in this process took its status.
    #[error("the exit status of process {pid} was lost: {cause}")]
    #[diagnostic(
        code(greenwich::launch::lost),
        help("let nothing else in this process wait for children while one runs")
    )]
    Lost {
        /// The child.
        pid: u32,
        /// The system's own word.
        cause: io::Error,
    },
}

impl LaunchError {
    /// The status to leave with: 127 for a command that is not there, 126 for one that cannot be run, as shells have
    /// it; 2 for a bad working directory and 8 where the system refused, as Greenwich has it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } | Self::NoInterpreter { .. } => 127,
            Self::NotExecutable { .. } => 126,
            Self::Directory { .. } => 2,
            Self::Refused { .. } => 8,
            Self::Lost { .. } => 1,
        }
    }
}

fn refused_help(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::ArgumentListTooLong => "shorten the arguments, or hand them over in a file",
        io::ErrorKind::WouldBlock => "too many processes: end some, or raise the limit shown by `ulimit -u`",
        io::ErrorKind::OutOfMemory => "free some memory, then run it again",
        _ => "run the command without Greenwich to see whether it starts at all",
    }
}
