//! From facts to a plan: the roof under which the rooms of Greenwich meet.
//!
//! In: a job file. Out: an estimate, an account, levers or a plan, each a plain value that
//! `greenwich-report` turns into text, JSON or SVG. This is what other programs `cargo add`; the command
//! line is a thin door to it.
//!
//! ```
//! use greenwich::{Greenwich, job_file};
//!
//! let job = job_file::parse(
//!     "job.toml",
//!     br#"
//!         schema = "greenwich.job/1"
//!         name = "gpt-3"
//!         [machine]
//!         accelerator = "v100-sxm2-32g"
//!         count = 10000
//!         hours = 355.2
//!         mean_power_w = 330
//!         [site]
//!         pue = 1.10
//!         location_based_gco2e_per_kwh = 429
//!     "#,
//!     &[],
//! )?;
//! let account = Greenwich::load().account(&job)?;
//! let tonnes = account.total.location_based.expect("the intensity is given").p50.tonnes();
//! assert!((tonnes / 552.1 - 1.0).abs() < 0.02);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod alternatives;
pub mod cleaning;
pub mod cooling;
pub mod doctor;
pub mod doctor_engines;
pub mod document;
pub mod error;
pub mod facts;
pub mod fleet;
pub mod fleet_certificate;
pub mod fleet_delay;
pub mod fleet_proof;
mod fleet_quotas;
pub mod fleet_terms;
mod fleet_views;
mod fleet_why;
pub mod forecasting;
pub mod forecasting_back;
pub mod forecasting_view;
pub mod forecasting_zones;
pub mod job_file;
pub mod jobs_view;
pub mod keeping;
pub mod layers_file;
pub mod ledger_acts;
pub mod ledger_sums;
pub mod ledger_view;
pub mod live;
pub mod node;
pub mod pace;
pub mod pipeline;
pub mod planning;
pub mod reissue;
pub mod remembered;
pub mod running;
pub mod sbatch;
pub mod settings;
pub mod signals;
pub mod signals_view;
pub mod simulating;
pub mod simulating_view;
pub mod sites_file;
pub mod submitting;
pub mod sweep;
pub mod waiting;

mod accounting;
mod factor;
mod fleet_grid;
mod forecasting_grid;
mod grid;
mod load;
mod machine;
mod metered;
mod resolve;
mod site;
mod speed;
mod weather;

pub use error::{Error, Exit};
pub use fleet::{FleetOptions, PlannedFleet, fleet_zones, plan_fleet, plan_fleet_until};
pub use fleet_certificate::verify_certificate;
pub use fleet_terms::FleetWeights;
pub use greenwich_core::levers::Scope2;
pub use greenwich_core::{Account, Check, Footprint, Signal, Window};
pub use greenwich_engine::{carry, start as carry_start};
pub use greenwich_facts::Catalog;
pub use greenwich_fleet::BadRows;
pub use greenwich_keeper as keeper;
pub use greenwich_report as report;
pub use greenwich_signals::{Fill, GridSignal, Replay};
pub use greenwich_store as store;
pub use jiff::SignedDuration;
pub use metered::Terms;
pub use pipeline::{Greenwich, read_job};
pub use planning::{PlanOptions, Planned};
pub use remembered::run_entry;
pub use running::{Labels, Metering, Ran};
pub use settings::Settings;
