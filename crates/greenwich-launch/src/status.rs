//! How a child ended, in one value.
//!
//! In: what the system says of it. Out: a code, or the signal that ended it, and the status to pass on.

use rustix::process::WaitStatus;
use std::fmt;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildStatus {
    /// It left with this code, 0 to 255.
    Exited(u8),
    /// This signal ended it.
    Signalled(i32),
}

impl ChildStatus {
    /// `None` for a child that has not ended.
    pub(crate) fn of(status: WaitStatus) -> Option<Self> {
        let exited = status.exit_status().map(|code| Self::Exited(code as u8));
        exited.or_else(|| status.terminating_signal().map(Self::Signalled))
    }

    /// What a shell's `$?` holds: the code, or 128 and the signal.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signalled(signal) => (128 + signal) as u8,
        }
    }

    /// Left with code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl fmt::Display for ChildStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit status {code}"),
            Self::Signalled(signal) => write!(f, "ended by {}", signal_name(*signal)),
        }
    }
}

/// `SIGTERM` for 15; `signal 35` for one without a name.
pub(crate) fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_the_shell_gives_it() {
        let cases = [
            (ChildStatus::Exited(0), 0, "exit status 0"),
            (ChildStatus::Exited(255), 255, "exit status 255"),
            (ChildStatus::Signalled(9), 137, "ended by SIGKILL"),
            (ChildStatus::Signalled(15), 143, "ended by SIGTERM"),
            (ChildStatus::Signalled(64), 192, "ended by signal 64"),
        ];
        for (status, code, text) in cases {
            assert_eq!((status.exit_code(), status.to_string().as_str()), (code, text));
            assert_eq!(status.is_success(), code == 0);
        }
    }
}
