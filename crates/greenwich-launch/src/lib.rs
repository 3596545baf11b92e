//! Runs a command as if nothing stood between.
//!
//! In: a [`Command`]. Out: a [`Running`] child, then how it [`Ended`]. The child has our stdin, stdout and stderr, our
//! process group and terminal, our environment; what is sent to us alone is passed on to it once, what the terminal
//! sends to both is not sent again, and when it stops we stop. No thread, no lock, no descriptor of ours is in it, and
//! when we are killed it goes on. Metering, and what is done before and after, are the caller's.

mod command;
mod error;
mod kin;
mod local;
mod route;
mod status;
mod usage;
mod watch;

pub use command::{Command, Orphans, Relay};
pub use error::LaunchError;
pub use local::{Ended, Event, Running};
pub use route::Route;
pub use status::ChildStatus;
pub use usage::LeftBehind;
