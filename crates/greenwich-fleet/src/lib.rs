//! Where and when many jobs run with the least emissions when they share sites, with a proven bound.
//!
//! In: a [`Fleet`]: jobs, sites with their capacity, intensities by hour. Out: a [`FleetPlan`]: who runs where
//! and when, what that emits, and a figure that no plan can go below. Beside it the files of the contract, as
//! bytes: [`read_sites`], [`JobsReader`], [`write_plan`]; and what others need to doubt it: [`prove`], [`check_plan`].
//!
//! **Invariant:** no clock, no file; what is drawn by lot is drawn from a fixed seed, and threads share nothing but
//! what none of them changes: equal fleets give equal plans on any number of threads. The model, the method and what was refused: `docs/design/009-fleet-planner.md`.

mod ascent;
mod assign;
mod beside;
mod bound;
mod certificate;
mod clash;
mod courses;
mod csv;
mod dual;
mod effort;
mod error;
mod exchange;
mod extended;
mod fleet;
mod hour;
mod improve;
mod lot;
mod model;
mod one_site;
mod options;
mod place;
mod plan;
mod proof;
mod quota;
mod read_calendar;
mod read_jobs;
mod read_plan;
mod read_quotas;
mod read_sites;
mod relax;
mod shapes;
mod stop;
mod tables;
mod tally;
mod terms;
mod tree;
mod whereabouts;
mod write_plan;

pub use certificate::{Certificate, prove};
pub use error::FleetError;
pub use extended::explain::{Stay, at_once, best_by_site, kept_away, planned};
pub use fleet::{Extras, Fleet, Job, Names, Options, Project, Site, SiteSet};
pub use plan::{FleetPlan, Placement, Reason, plan, plan_until};
pub use proof::{Cut, Proof, Split, Step, Then, follow};
pub use quota::QuotaUse;
pub use read_calendar::read_calendar;
pub use read_jobs::{BadRows, JobsRead, JobsReader};
pub use read_plan::{Checked, check_plan};
pub use read_quotas::read_quotas;
pub use read_sites::{SiteRow, read_sites};
pub use tally::Tally;
pub use terms::{Kind, Machine, Terms};
pub use write_plan::write_plan;
