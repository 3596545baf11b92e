//! Why the keeper or its state cannot go on, each with its mend.
//!
//! In: what SQLite or the system said. Out: a message and one act that helps.

use miette::Diagnostic;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What stands in the way.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum KeeperError {
    /// The state cannot be read or written.
    #[error("the state `{path}` cannot be {verb}: {said}")]
    #[diagnostic(
        code(greenwich::keeper::state),
        help(
            "nothing is done that is not written first, and jobs keep the begin times that their engines have; free space, or name another folder by --state DIR"
        )
    )]
    State {
        /// Its file.
        path: PathBuf,
        /// `read`, `written`, `opened`.
        verb: &'static str,
        /// SQLite's words.
        said: String,
    },
    /// The state was written by a later version.
    #[error("the state `{path}` has schema {found}; this version knows schemas up to {known}")]
    #[diagnostic(code(greenwich::keeper::schema), help("use the version of Greenwich that wrote it, or a later one"))]
    Schema {
        /// Its file.
        path: PathBuf,
        /// What it has.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// Somebody else acts.
    #[error("another keeper or `greenwich submit` holds `{path}`, or a tool that it started is still under way")]
    #[diagnostic(code(greenwich::keeper::busy), help("wait for it, or see who holds it: `fuser {}`", path.display()))]
    Busy {
        /// The lock's file.
        path: PathBuf,
    },
    /// A file of the state folder.
    #[error("`{path}` cannot be {verb}: {cause}")]
    #[diagnostic(
        code(greenwich::keeper::file),
        help("name a folder of your own, on a file system that has locks, by --state DIR")
    )]
    File {
        /// The file.
        path: PathBuf,
        /// `opened`, `made`, `locked`.
        verb: &'static str,
        /// The system's words.
        cause: io::Error,
    },
    /// No such run.
    #[error("there is no run `{name}`")]
    #[diagnostic(code(greenwich::keeper::unknown), help("{}", nearest(known)))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The newest runs.
        known: Vec<String>,
    },
}

fn nearest(known: &[String]) -> String {
    if known.is_empty() {
        return "there is none yet: `greenwich submit job.toml -- COMMAND` makes one".to_owned();
    }
    format!("write {}; `greenwich jobs list` shows all", known.join(" or "))
}
