//! What can go wrong with the store, each with its mend.
//!
//! In: a path, an offset, what was found. Out: a message that names them and one act that helps.

use miette::Diagnostic;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What the store answers instead of a value.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {act} `{path}`: {cause}")]
    #[diagnostic(code(greenwich::store::io), help("{}", io_help(cause)))]
    Io {
        /// What was tried: `read`, `write`, `create`.
        act: &'static str,
        /// The file or folder, or the store's key.
        path: PathBuf,
        /// The system's own word.
        cause: io::Error,
    },
    /// Written by a Greenwich that is newer than this one.
    #[error("`{path}` has schema `{found}`; this Greenwich reads up to `{known}`")]
    #[diagnostic(
        code(greenwich::store::newer),
        help("read it with Greenwich {software} or later; nothing was changed")
    )]
    Newer {
        /// The file or key.
        path: String,
        /// The schema it names.
        found: String,
        /// The newest that is known here.
        known: &'static str,
        /// The version that wrote it, where it says so.
        software: String,
    },
    /// Not a file of the kind that its name says.
    #[error("`{path}` is not a {kind}: {found}")]
    #[diagnostic(
        code(greenwich::store::kind),
        help("move it out of the ledger, or bring it in by `greenwich ledger import`")
    )]
    Kind {
        /// The file or key.
        path: String,
        /// `journal`, `archive`, `entry`.
        kind: &'static str,
        /// What was found instead.
        found: String,
    },
    /// Two things that must agree do not.
    #[error("`{path}`: {what}")]
    #[diagnostic(code(greenwich::store::disagree), help("{mend}"))]
    Disagree {
        /// The file or key.
        path: String,
        /// What differs, with both values.
        what: String,
        /// What to do.
        mend: String,
    },
    /// A key that holds something else already.
    #[error("`{key}` is in the ledger already, with other content")]
    #[diagnostic(
        code(greenwich::store::taken),
        help("entries are never edited: record a correction, which is a new entry that names this one")
    )]
    Taken {
        /// The key.
        key: String,
    },
    /// A journal that somebody still writes.
    #[error("run `{run}` is still being written on `{host}`")]
    #[diagnostic(code(greenwich::store::alive), help("wait for it to end; its journal is `{}`", path.display()))]
    Alive {
        /// The run.
        run: String,
        /// The node that writes.
        host: String,
        /// The journal.
        path: PathBuf,
    },
    /// A name that cannot be part of a file name.
    #[error("run name `{name}` cannot be a file name")]
    #[diagnostic(
        code(greenwich::store::name),
        help("use 1 to 128 of `A-Z a-z 0-9 . _ -`, the first of them no dot: `{near}`")
    )]
    Name {
        /// What was given.
        name: String,
        /// The nearest name that would do.
        near: String,
    },
    /// No entry or run has this id.
    #[error("no run or entry of the ledger is called `{name}`")]
    #[diagnostic(code(greenwich::store::unknown), help("{}", unknown_help(nearest)))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Ids that begin alike, or the newest.
        nearest: Vec<String>,
    },
    /// A line of a file to be imported.
    #[error("{file}:{line}: {problem}")]
    #[diagnostic(code(greenwich::store::import), help("{mend}"))]
    Import {
        /// The file as it was named.
        file: String,
        /// Its line, counted from 1.
        line: u64,
        /// What was found.
        problem: String,
        /// What to write instead.
        mend: String,
    },
    /// A user's own table.
    #[error("cannot read `{file}`: {problem}")]
    #[diagnostic(code(greenwich::store::table), help("{mend}"))]
    Table {
        /// The file as it was named.
        file: String,
        /// What was found, with row and column where there is one.
        problem: String,
        /// What to do.
        mend: String,
    },
    /// A question that the ledger does not know.
    #[error("a summary by `{found}` is not known")]
    #[diagnostic(code(greenwich::store::dimension), help("use any of {known}"))]
    Dimension {
        /// What was asked for.
        found: String,
        /// What may be asked for.
        known: &'static str,
    },
}

impl StoreError {
    pub(crate) fn io(act: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |cause| Self::Io { act, path, cause }
    }
}

/// The answer of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

fn io_help(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "check the path given by --ledger or GREENWICH_HOME",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give another folder by --ledger DIR, one that you may write"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or give another folder by --ledger DIR"
        }
        _ => "check the disk below the ledger, or give another folder by --ledger DIR",
    }
}

fn unknown_help(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "`greenwich ledger list` shows those known".to_owned()
    } else {
        let list: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
        format!("the nearest are {}", list.join(", "))
    }
}
