//! Why a provider gave nothing.
//!
//! In: what was asked, what came back. Out: a message that names provider and cause, the one act that mends it, and
//! whether to ask again. No message holds a key: addresses are shown without their query.

use greenwich_core::{Window, ZoneId};
use jiff::Timestamp;
use miette::Diagnostic;
use std::io;
use thiserror::Error;

/// Whether asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It may work later.
    Retry,
    /// Stop asking: the same question gets the same answer.
    Gone,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum ProviderError {
    /// The network is not to be used.
    #[error("`{provider}` is not asked: the network is not to be used")]
    #[diagnostic(
        code(greenwich::providers::offline),
        help("leave --offline out, or fetch the zone before: greenwich signals fetch ZONE")
    )]
    Offline {
        /// The provider's key.
        provider: &'static str,
    },
    /// It wants a key, and none is set.
    #[error("`{provider}` wants a key that is not set: {}", listed(variables))]
    #[diagnostic(
        code(greenwich::providers::no_key),
        help("set {} in the environment or in keys.toml; how to get it: {page}", listed(variables))
    )]
    NoKey {
        /// The provider's key.
        provider: &'static str,
        /// The variables that would hold it.
        variables: &'static [&'static str],
        /// The page that tells how to get one.
        page: &'static str,
    },
    /// The key that is set is not taken.
    #[error("`{provider}` refuses the key in {} (status {status})", listed(variables))]
    #[diagnostic(
        code(greenwich::providers::key_refused),
        help("copy the key again from your account there into {}, or get one: {page}", listed(variables))
    )]
    KeyRefused {
        /// The provider's key.
        provider: &'static str,
        /// The status that it answered by.
        status: u16,
        /// The variables that hold it.
        variables: &'static [&'static str],
        /// The page that tells how to get one.
        page: &'static str,
    },
    /// The key is sound, and the plan does not have this.
    #[error("`{provider}` does not give this under your plan: {says}")]
    #[diagnostic(
        code(greenwich::providers::not_in_plan),
        help("ask for what the plan covers, another provider, or another plan; {page} lists them")
    )]
    NotInPlan {
        /// The provider's key.
        provider: &'static str,
        /// What it said.
        says: String,
        /// The page that lists plans.
        page: &'static str,
    },
    /// Nothing of it is kept.
    #[error("no {what} of zone `{zone}` is kept")]
    #[diagnostic(code(greenwich::providers::not_held), help("{mend}"))]
    NotHeld {
        /// The zone.
        zone: ZoneId,
        /// What would be needed.
        what: &'static str,
        /// What to do.
        mend: String,
    },
    /// It does not know the zone, or does not have this of it.
    #[error("`{provider}` has no {quantity} of zone `{zone}`")]
    #[diagnostic(code(greenwich::providers::not_covered), help("{mend}"))]
    NotCovered {
        /// The provider's key.
        provider: &'static str,
        /// The zone.
        zone: ZoneId,
        /// What was asked for.
        quantity: String,
        /// What to ask instead.
        mend: String,
    },
    /// It knows the zone and has nothing of this window.
    #[error("`{provider}` has no {quantity} of zone `{zone}` from {window}")]
    #[diagnostic(code(greenwich::providers::no_data), help("ask for another window, or another provider"))]
    NoData {
        /// The provider's key.
        provider: &'static str,
        /// The zone.
        zone: ZoneId,
        /// What was asked for.
        quantity: String,
        /// The window.
        window: Window,
    },
    /// Asked too often.
    #[error("`{provider}` was asked too often{}", again.map(|at| format!(" and answers again at {at}")).unwrap_or_default())]
    #[diagnostic(code(greenwich::providers::limited), help("wait and ask again; what came before is kept"))]
    Limited {
        /// The provider's key.
        provider: &'static str,
        /// When it says that it will answer.
        again: Option<Timestamp>,
    },
    /// No connection.
    #[error("`{provider}` cannot be reached at {host}: {cause}")]
    #[diagnostic(
        code(greenwich::providers::unreachable),
        help("check the network and any proxy; without one, --offline answers from what is kept")
    )]
    Unreachable {
        /// The provider's key.
        provider: &'static str,
        /// Where it was sought.
        host: String,
        /// What the network said.
        cause: String,
    },
    /// It took too long.
    #[error("`{provider}` did not answer within {seconds} s")]
    #[diagnostic(code(greenwich::providers::timed_out), help("ask again later, or for a shorter window"))]
    TimedOut {
        /// The provider's key.
        provider: &'static str,
        /// The patience.
        seconds: u64,
    },
    /// The answer ended before its end.
    #[error("`{provider}`'s answer is cut off after {bytes} bytes")]
    #[diagnostic(code(greenwich::providers::cut_off), help("ask again; nothing of it was kept"))]
    CutOff {
        /// The provider's key.
        provider: &'static str,
        /// How much came.
        bytes: usize,
    },
    /// The answer is larger than any of its kind.
    #[error("`{provider}`'s answer is above {most_mib} MiB")]
    #[diagnostic(code(greenwich::providers::too_large), help("ask for a shorter window"))]
    TooLarge {
        /// The provider's key.
        provider: &'static str,
        /// The bound.
        most_mib: usize,
    },
    /// It sends elsewhere, where a key must not follow.
    #[error("`{provider}` sends on to {to}, which is not followed")]
    #[diagnostic(
        code(greenwich::providers::redirected),
        help("if that is where it lives now, set {variable} to its address")
    )]
    Redirected {
        /// The provider's key.
        provider: &'static str,
        /// Where to, without the query.
        to: String,
        /// The variable that holds its address.
        variable: &'static str,
    },
    /// A key would go over the wire in the open.
    #[error("`{provider}`'s address {host} is not https, and a key would be read on the way")]
    #[diagnostic(code(greenwich::providers::in_the_open), help("write https:// in {variable}"))]
    InTheOpen {
        /// The provider's key.
        provider: &'static str,
        /// The host.
        host: String,
        /// The variable that holds its address.
        variable: &'static str,
    },
    /// It answered with a failure.
    #[error("`{provider}` answered with status {status}: {says}")]
    #[diagnostic(code(greenwich::providers::status), help("{}", if *status >= 500 { "ask again later" } else { "check zone, quantity and window" }))]
    Status {
        /// The provider's key.
        provider: &'static str,
        /// The status.
        status: u16,
        /// What it said, cut short.
        says: String,
    },
    /// The answer has not the documented shape.
    #[error("`{provider}`'s answer is not as documented: {found}")]
    #[diagnostic(
        code(greenwich::providers::shape),
        help("ask again later; if it stays so the service has changed: report it with this message")
    )]
    Shape {
        /// The provider's key.
        provider: &'static str,
        /// What was found and where.
        found: String,
    },
    /// The file of keys is not to be used.
    #[error("`{path}` is not used: {problem}")]
    #[diagnostic(code(greenwich::providers::keys_file), help("{mend}"))]
    KeysFile {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        mend: String,
    },
    /// The file of authorities is not to be used.
    #[error("`{path}` is not used: {problem}")]
    #[diagnostic(
        code(greenwich::providers::ca_file),
        help("name a PEM file of certificates by GREENWICH_CA_FILE, or unset it")
    )]
    CaFile {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The time that was given for all questions is over.
    #[error("`{provider}` is not asked any more: {seconds} s of asking are over")]
    #[diagnostic(code(greenwich::providers::out_of_time), help("ask again: what came before is kept"))]
    OutOfTime {
        /// The provider's key.
        provider: &'static str,
        /// The time that was given.
        seconds: i64,
    },
    /// The history cannot be read or written.
    #[error("cannot {act} `{path}`: {cause}")]
    #[diagnostic(
        code(greenwich::providers::store),
        help("make the folder writable, or name another by GREENWICH_HOME")
    )]
    Store {
        /// `read` or `write`.
        act: &'static str,
        /// The path.
        path: String,
        /// What the system says.
        cause: String,
    },
    /// A file of signals breaks a rule.
    #[error("{file}:{line}: {problem}")]
    #[diagnostic(code(greenwich::providers::file), help("{mend}"))]
    File {
        /// The file.
        file: String,
        /// Its line or row, counted from 1; 0 for the whole.
        line: u64,
        /// What was found.
        problem: String,
        /// What to write instead.
        mend: String,
    },
}

impl ProviderError {
    /// Whether asking again may help.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Limited { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::OutOfTime { .. }
            | Self::CutOff { .. } => Kind::Retry,
            Self::Status { status, .. } if *status >= 500 => Kind::Retry,
            _ => Kind::Gone,
        }
    }

    pub(crate) fn store(act: &'static str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::Store { act, path: path.display().to_string(), cause: error.kind().to_string() }
    }
}

fn listed(variables: &[&str]) -> String {
    match variables {
        [] => "no variable".to_owned(),
        [one] => (*one).to_owned(),
        // Two names of one key; a user and a password are both wanted.
        [first, second, ..] if second.ends_with("PASSWORD") => format!("{first} and {second}"),
        [first, rest @ ..] => format!("{first} (or {})", rest.join(", ")),
    }
}
