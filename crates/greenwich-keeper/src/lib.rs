//! Keeps planned jobs: what was asked, what was done, what is to be done next.
//!
//! In: jobs with their windows, plans from whoever plans ([`Outlook`]), what engines say of them. Out: acts upon the
//! engines, each written down before it is done; an account of each job from what was metered. The state is a private
//! SQLite file in WAL mode ([`State`]); whoever acts holds its lock ([`ActLock`]).
//!
//! **Invariant:** killed at any instant, no job is lost and none runs twice. A job always waits in its engine with a
//! begin time by which its deadline can be kept, and a paused one is woken by its engine in time: the keeper may die.
//! The deadline always beats carbon.

mod budget;
mod desire;
mod error;
mod keeper;
mod lock;
mod outlook;
mod run;
mod state;

pub use budget::{Budget, BudgetAction, Drawn, Standing, Sum, standings};
pub use desire::{Step, latest_start};
pub use error::KeeperError;
pub use keeper::{Engine, Keeper, Moment, Timing, Told};
pub use lock::ActLock;
pub use outlook::{Account, Answer, Ask, Metered, Outlook};
pub use run::{Handed, Job, OverBudget, Phase, Plan, Run, Segment};
pub use state::{Durability, Event, State, StepRow};
