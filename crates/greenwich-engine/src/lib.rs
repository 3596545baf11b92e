//! Hands jobs to what runs them.
//!
//! In: an [`Order`], and acts upon jobs. Out: what the engine says of them: [`Seen`]. One seam, [`Launcher`], with three
//! engines behind it: [`Local`] (this machine), [`Slurm`] (by its command line tools) and, for tests, [`Replay`].
//!
//! **Invariant:** every job carries its [`Mark`] in the engine's own records, so that whoever comes back after a crash
//! finds it; every job has a begin time that the engine keeps by itself. No word of a user's is ever read by a shell.

mod carry;
mod error;
mod freezer;
mod launcher;
mod local;
mod private;
mod processes;
mod replay;
mod slurm;
mod slurm_asked;
mod slurm_environment;
mod slurm_refusal;
mod slurm_script;
mod slurm_text;
mod tools;

pub use carry::{carry, start};
pub use error::EngineError;
pub use freezer::own_group;
pub use launcher::{
    Abilities, Act, Ending, Launcher, Mark, Order, Seen, SeenState, SiteSeen, Stretch, Survey, lawful_run,
};
pub use local::{Local, is_over};
pub use replay::{Fault, Replay, ReplaySite};
pub use slurm::{Slurm, SlurmSite};
