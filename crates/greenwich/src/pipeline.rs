//! The straight path from a job to an answer, room by room.
//!
//! In: job files as read, and the catalog. Out: estimates, accounts, levers and plans as plain values, each
//! of which can be printed, stored and tested. Start reading here.

use crate::accounting;
use crate::document::DocumentError;
use crate::error::Error;
use crate::job_file::{self, JobSpec};
use crate::load;
use crate::planning::{self, PlanOptions, Planned};
use crate::resolve::Job;
use greenwich_core::levers::{Levers, Scope2};
use greenwich_core::{Account, Footprint, ZoneId};
use greenwich_facts::Catalog;
use std::path::Path;

/// The roof: the catalog, and every question that can be asked of it.
#[derive(Debug)]
pub struct Greenwich {
    catalog: Catalog,
}

impl Greenwich {
    /// With the facts that are compiled in.
    #[must_use]
    pub fn load() -> Self {
        Self { catalog: Catalog::load() }
    }

    /// The facts.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Estimates what a run will need and emit, before it runs.
    ///
    /// # Errors
    /// [`Error::Named`] for unknown names, [`Error::Estimate`] for numbers that do not go together.
    pub fn estimate(&self, spec: &JobSpec) -> Result<Footprint, Error> {
        let job = Job::resolve(&self.catalog, spec)?;
        let inputs = job.inputs(&spec.machine, &job.machine, &job.home);
        let mut estimate = greenwich_estimate::run(&inputs).map_err(|source| job.refuse(source))?;
        estimate.warnings.extend(spec.site.cooling.unused());
        Ok(estimate)
    }

    /// Accounts for a run from its measured hours and power, phase by phase.
    ///
    /// # Errors
    /// As [`Greenwich::estimate`], and [`Error::Document`] where no hours are given.
    pub fn account(&self, spec: &JobSpec) -> Result<Account, Error> {
        accounting::account(&Job::resolve(&self.catalog, spec)?)
    }

    /// Splits the ratio of two runs into Model, Machine, Mechanization and Map. A run whose hours are given
    /// is accounted, another is estimated.
    ///
    /// # Errors
    /// As [`Greenwich::estimate`], and [`Error::Levers`] where a CO2e is unknown or zero.
    pub fn levers(&self, base: &JobSpec, alternative: &JobSpec, scope2: Scope2) -> Result<Levers, Error> {
        let footprint = |spec: &JobSpec| {
            let measured = spec.machine.hours.is_some() || !spec.phases.is_empty();
            if measured { self.account(spec).map(|account| account.total) } else { self.estimate(spec) }
        };
        Ok(greenwich_ledger::levers(&footprint(base)?, &footprint(alternative)?, scope2)?)
    }

    /// The zones whose grids a plan of the job looks at, each once.
    ///
    /// # Errors
    /// [`Error::Named`] for unknown names.
    pub fn zones_of(&self, spec: &JobSpec) -> Result<Vec<ZoneId>, Error> {
        planning::zones(&Job::resolve(&self.catalog, spec)?)
    }

    /// Plans where, when and on which machine a run goes.
    ///
    /// # Errors
    /// As [`Greenwich::estimate`]; [`Error::Plan`] where nothing fits the window; [`Error::Signal`] and
    /// [`Error::NoIntensity`] where the grid is not known.
    pub fn plan(&self, spec: &JobSpec, options: &PlanOptions) -> Result<Planned, Error> {
        planning::plan(&Job::resolve(&self.catalog, spec)?, options)
    }
}

/// Reads a job file, TOML or JSON; `overrides` are dotted keys and values that flags put over it.
///
/// # Errors
/// [`DocumentError`] with file, line, key, what was found, what is allowed and the mend.
pub fn read_job(path: &Path, overrides: &[(String, String)]) -> Result<JobSpec, DocumentError> {
    let bytes = load::bytes(path, "check the path; examples/llm-7b.toml is a job file that works")?;
    job_file::parse(&path.display().to_string(), &bytes, overrides)
}
