//! What the keeper asks of those who know the grid, the planner and the meter.
//!
//! In: what is left of each job. Out: plans, and what was metered of a job that is over. The keeper itself knows no
//! intensity and no joule.

use crate::budget::Drawn;
use crate::run::{Run, Segment};
use greenwich_engine::SiteSeen;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is left of a job, for a planner.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The run.
    pub run: String,
    /// Where it may run now: one site, of a job that has started.
    pub sites: Vec<String>,
    /// Where it would have run.
    pub home: String,
    /// Not before.
    pub release: Timestamp,
    /// Done by then.
    pub deadline: Timestamp,
    /// Expected work left, in seconds.
    pub left_s: f64,
    /// Work that may be left, in seconds.
    pub left_safe_s: f64,
    /// Accelerators that it holds.
    pub accelerators: u32,
    /// Their kind, by its catalog name.
    pub accelerator: Option<String>,
    /// Power per accelerator, before PUE.
    pub power_w: f64,
    /// Whether it may pause.
    pub interruptible: bool,
    /// Whether it runs and cannot be moved in time: its capacity is taken.
    pub is_fixed: bool,
    /// Its plan so far.
    pub current: Vec<Segment>,
}

/// A planner's answer for one job.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Where and when; empty where there is no room.
    pub segments: Vec<Segment>,
    /// What that emits, in grams.
    pub co2e_g: Option<f64>,
    /// What the plan so far would emit by the same forecast; `None` where it can no longer be kept.
    pub current_co2e_g: Option<f64>,
}

/// An entry of the ledger that belongs to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metered {
    /// The entry's id.
    pub entry: String,
    /// From.
    pub start: Timestamp,
    /// Until.
    pub end: Timestamp,
    /// IT energy, where anything is known.
    pub it_energy_j: Option<f64>,
    /// The exit status that its meter saw.
    pub exit_status: Option<i32>,
}

/// The account of a run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Entries that it sums.
    pub entries: u32,
    /// IT energy in joules; `None` where nothing was metered.
    pub it_energy_j: Option<f64>,
    /// At the building's meter.
    pub facility_energy_kwh: Option<f64>,
    /// Where and when it ran.
    pub co2e_g: Option<f64>,
    /// The same energy at home from the release on.
    pub home_co2e_g: Option<f64>,
    /// What the plan expected.
    pub planned_co2e_g: Option<f64>,
    /// What it lacks.
    pub warnings: Vec<String>,
}

/// Knows the grid, the planner and the meter.
pub trait Outlook {
    /// A number that changes when there are new forecasts.
    ///
    /// # Errors
    /// What went wrong, in words: plans then stay as they are.
    fn edition(&mut self, now: Timestamp) -> Result<u64, String>;

    /// Plans what is left of all jobs together on sites as they stand: an answer for each, in the same order.
    ///
    /// # Errors
    /// What went wrong, in words: plans then stay as they are.
    fn plan(&mut self, asks: &[Ask], sites: &[SiteSeen], now: Timestamp) -> Result<Vec<Answer>, String>;

    /// What was metered of a run; where it is over, journals that were left behind are made entries first.
    ///
    /// # Errors
    /// What went wrong, in words: it is asked again.
    fn metered(&mut self, run: &Run) -> Result<Vec<Metered>, String>;

    /// What each of some runs has drawn so far, from its entries and from meters that are still at work, in the same
    /// order; `None` where nothing was metered.
    ///
    /// # Errors
    /// What went wrong, in words: what its plan expected stands in.
    fn drawn(&mut self, runs: &[&Run]) -> Drawn;

    /// The account of a run from its entries.
    fn account(&mut self, run: &Run, metered: &[Metered]) -> Account;
}
