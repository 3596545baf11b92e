//! What can be typed to plan a fleet.
//!
//! In: nothing; it is the declaration. Out: the part of `plan` that is about many jobs.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Many jobs on shared sites.
#[derive(Debug, Args)]
#[command(next_help_heading = "Planning a fleet")]
pub(crate) struct FleetArguments {
    /// Many jobs: CSV, or Parquet by its name, of job,release,deadline,hours,accelerators,power_w,home,sites,interruptible.
    #[arg(long, value_name = "FILE", conflicts_with = "job", requires_all = ["sites", "start", "hours"])]
    pub(crate) jobs: Option<PathBuf>,
    /// Their sites: CSV or Parquet of site,zone,pue,accelerators.
    #[arg(long, value_name = "FILE", requires = "jobs")]
    pub(crate) sites: Option<PathBuf>,
    /// What sites have in some hours and not in others: CSV or Parquet of site,start,end,accelerators,pue.
    #[arg(long, value_name = "FILE", requires = "jobs")]
    pub(crate) calendar: Option<PathBuf>,
    /// What each project may emit, by the jobs' column `project`: CSV or Parquet of project,co2e_kg.
    #[arg(long, value_name = "FILE", requires = "jobs")]
    pub(crate) quotas: Option<PathBuf>,
    /// The first planned hour; `--hours` says how many follow.
    #[arg(long, value_name = "INSTANT", requires = "jobs")]
    pub(crate) start: Option<String>,
    /// Write the plan here: job,site,start,end, as Parquet where the name ends in .parquet, else as CSV.
    #[arg(long, value_name = "FILE", requires = "jobs")]
    pub(crate) out: Option<PathBuf>,
    /// Write the prices that prove the bound here, for `greenwich plan verify`.
    #[arg(long, value_name = "FILE", requires = "jobs")]
    pub(crate) certificate: Option<PathBuf>,
    /// Let --svg show the jobs of this site one by one: a bar each over the hours' intensity.
    #[arg(long, value_name = "SITE", requires_all = ["jobs", "svg"])]
    pub(crate) svg_site: Option<String>,
    /// Say of this job why it runs where and when it does, and what other places would cost.
    #[arg(long, value_name = "JOB", requires = "jobs")]
    pub(crate) why: Option<String>,
    /// What a job without a place is charged, in gCO2e per accelerator-hour.
    #[arg(long, value_name = "G", default_value_t = 2000.0, requires = "jobs")]
    pub(crate) unplaced_penalty_g: f64,
    /// Energy that moves a job's `data_gb` from its home to another site, in kWh per GB.
    #[arg(long, visible_alias = "kwh-per-gb", value_name = "KWH", default_value_t = 0.06, requires = "jobs")]
    pub(crate) transfer_kwh_per_gb: f64,
    /// Let cost weigh beside emissions: what a tonne of CO2e costs, in US dollars. Cost is `usd_per_hour` of jobs and
    /// the price of energy.
    #[arg(long, value_name = "USD_PER_T", requires = "jobs")]
    pub(crate) carbon_price: Option<f64>,
    /// Let delay weigh beside emissions: what an accelerator-hour of waiting is charged, in gCO2e.
    #[arg(long, value_name = "G", default_value_t = 0.0, requires = "jobs")]
    pub(crate) delay_penalty_g: f64,
    /// Leave out rows that cannot be read, and say how many.
    #[arg(long, requires = "jobs")]
    pub(crate) skip_bad: bool,
    /// How long to try: 2 takes about twice as long as 1. Ctrl-C ends it with the best plan so far.
    #[arg(long, value_name = "N", default_value_t = 1.0, requires = "jobs")]
    pub(crate) effort: f64,
    /// At most so many threads; the plan is the same on any number. All cores, if not given.
    #[arg(long, value_name = "N", requires = "jobs", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
}

/// What else `plan` does.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanAct {
    /// Verify a certificate: reckon the bound anew from the files that it names, by its prices and its tree, and doubt the plan.
    #[command(
        before_help = "Usage by example:\n  greenwich plan verify certificate.json\n  greenwich plan verify certificate.json --format json"
    )]
    Verify {
        /// What `greenwich plan --jobs … --certificate FILE` wrote.
        #[arg(value_name = "FILE")]
        certificate: PathBuf,
    },
}
