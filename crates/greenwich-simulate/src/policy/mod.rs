//! Policies: who runs in the coming hour, by what is known now.
//!
//! In: [`Now`]. Out: a filled [`Hour`]. Each is told in `docs/concepts/policies.md`, with whose it is.

mod arrivals;
mod at_once;
mod booked;
mod carbon_scaler;
mod crowd;
mod lowest_window;
mod rolling;
mod threshold;
mod wait_awhile;

use crate::foresight::Method;
use crate::now::{Hour, Now};
use booked::Booked;
use std::fmt;

/// Fills hours, one after another.
pub trait Policy: fmt::Debug {
    /// Lets jobs run in the coming hour. Jobs that may not pause and have begun are in it already.
    fn fill(&mut self, now: &Now<'_>, hour: &mut Hour);
}

/// The policies that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// At home, as soon as there is room.
    RunAtOnce,
    /// As soon as there is room, on the site with room that is cleanest over the job's hours.
    CheapestRegion,
    /// GAIA's: at home, at the cleanest start by the mean length of jobs of its queue.
    LowestWindow,
    /// At home, at the cleanest start before the deadline, without a break.
    WaitAwhile,
    /// At home, in the cleanest hours before the deadline, where the job may pause.
    WaitAwhileInterrupting,
    /// At home, while the intensity is among the cleanest three tenths of the day ahead.
    Threshold,
    /// CarbonScaler's: at home, elastic jobs grow where work is cleanest; others as in wait-awhile.
    CarbonScaler,
    /// Ours: all jobs that are known, planned together on all sites whenever a forecast is issued.
    Greenwich,
    /// Ours with intensities as they came; jobs still arrive one by one.
    Oracle,
}

impl PolicyKind {
    /// All of them, in the order that they are told in.
    pub const ALL: [Self; 9] = [
        Self::RunAtOnce,
        Self::CheapestRegion,
        Self::LowestWindow,
        Self::WaitAwhile,
        Self::WaitAwhileInterrupting,
        Self::Threshold,
        Self::CarbonScaler,
        Self::Greenwich,
        Self::Oracle,
    ];

    /// The word of flags and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunAtOnce => "run-at-once",
            Self::CheapestRegion => "cheapest-region",
            Self::LowestWindow => "lowest-window",
            Self::WaitAwhile => "wait-awhile",
            Self::WaitAwhileInterrupting => "wait-awhile-pausing",
            Self::Threshold => "threshold",
            Self::CarbonScaler => "carbon-scaler",
            Self::Greenwich => "greenwich",
            Self::Oracle => "oracle",
        }
    }

    /// How it is foretold to this policy when it is to others by `method`.
    pub const fn method(self, method: Method) -> Method {
        match self {
            Self::Oracle => Method::Perfect,
            _ => method,
        }
    }

    /// The policy, at its beginning. `effort` is the fleet planner's.
    pub fn begin(self, effort: f64) -> Box<dyn Policy> {
        match self {
            Self::RunAtOnce => Box::new(Booked::new(at_once::AtOnce)),
            Self::CheapestRegion => Box::new(Booked::new(at_once::CheapestRegion)),
            Self::LowestWindow => Box::new(Booked::new(lowest_window::LowestWindow::default())),
            Self::WaitAwhile => Box::new(Booked::new(wait_awhile::WaitAwhile { interrupts: false })),
            Self::WaitAwhileInterrupting => Box::new(Booked::new(wait_awhile::WaitAwhile { interrupts: true })),
            Self::Threshold => Box::new(Booked::new(threshold::Threshold)),
            Self::CarbonScaler => Box::new(Booked::new(carbon_scaler::CarbonScaler)),
            Self::Greenwich | Self::Oracle => Box::new(rolling::Rolling::new(effort)),
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for PolicyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("no policy is called `{text}`; there are {}", known()))
    }
}
