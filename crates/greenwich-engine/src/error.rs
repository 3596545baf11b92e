//! Why an engine did not do what was asked, each with its mend.
//!
//! In: what the engine said. Out: a message, one act that helps, and whether to try again.

use miette::Diagnostic;
use thiserror::Error;

/// What an engine answers instead.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum EngineError {
    /// It does not answer now; a job that was being handed over may have been taken.
    #[error("{engine} does not answer: {said}")]
    #[diagnostic(
        code(greenwich::engine::unreachable),
        help("jobs it has keep their begin times; it is asked again at the next look, or look yourself: {look}")
    )]
    Unreachable {
        /// Which engine.
        engine: String,
        /// Its words, or the system's.
        said: String,
        /// The command that shows how it stands.
        look: &'static str,
    },
    /// It refused.
    #[error("{engine} refused to {what}: {said}")]
    #[diagnostic(code(greenwich::engine::refused), help("{mend}"))]
    Refused {
        /// Which engine.
        engine: String,
        /// What was asked.
        what: String,
        /// Its words.
        said: String,
        /// What to do.
        mend: String,
    },
    /// It cannot do this at all.
    #[error("{engine} cannot {what}")]
    #[diagnostic(code(greenwich::engine::unable), help("{mend}"))]
    Unable {
        /// Which engine.
        engine: String,
        /// What was asked.
        what: String,
        /// What to do.
        mend: String,
    },
    /// It knows no such job.
    #[error("{engine} has no job `{id}` that could be acted upon")]
    #[diagnostic(code(greenwich::engine::gone), help("`greenwich jobs list` shows what it has"))]
    Gone {
        /// Which engine.
        engine: String,
        /// The job.
        id: String,
    },
    /// It is not installed, or not set up.
    #[error("{engine} cannot be used: {said}")]
    #[diagnostic(code(greenwich::engine::absent), help("{mend}"))]
    Absent {
        /// Which engine.
        engine: String,
        /// What was found.
        said: String,
        /// What to do.
        mend: String,
    },
}

impl EngineError {
    /// Whether the same may work later without anything being mended.
    pub fn may_work_later(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
