//! What can be typed to simulate.
//!
//! In: nothing; it is the declaration. Out: the arguments of `simulate`.

use super::{FillName, SignalName};
use clap::Args;
use greenwich::simulating::{Method, PolicyKind};
use std::path::PathBuf;

/// Policies side by side on past hours.
#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// A trace of a cluster: CSV[.gz] or Parquet with submit_s or submit_h, duration_s, duration_h or end_s, and gpus, units or accelerators.
    #[arg(long, value_name = "FILE", required_unless_present = "jobs", conflicts_with = "jobs")]
    pub(crate) trace: Option<PathBuf>,
    /// Jobs in the form of `plan --jobs`: CSV or Parquet of job,release,deadline,hours,accelerators,power_w,home,sites,interruptible.
    #[arg(long, value_name = "FILE")]
    pub(crate) jobs: Option<PathBuf>,
    /// The sites: CSV or Parquet of site,zone,pue,accelerators.
    #[arg(long, value_name = "FILE")]
    pub(crate) sites: PathBuf,
    /// A folder of ZONE.csv[.gz] with utc,gco2e_per_kwh: the hours replayed, and a past to foretell from.
    #[arg(long, value_name = "DIR", visible_alias = "history")]
    pub(crate) signals: PathBuf,
    /// The first hour that is replayed.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) start: String,
    /// Hours in which jobs are released; the replay goes on until they are done.
    #[arg(long, value_name = "H")]
    pub(crate) hours: u32,
    /// The intensity to account and plan by.
    #[arg(long, value_enum, default_value_t = SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: SignalName,
    /// What to do about a gap in a trace of intensity.
    #[arg(long, value_enum, default_value_t = FillName::Refuse, value_name = "HOW")]
    pub(crate) fill: FillName,
    /// How hours to come are foretold: greenwich, naive, perfect, or error=0.05 (perfect with noise of that share of the mean).
    #[arg(long, default_value = "greenwich", value_name = "HOW", value_parser = method)]
    pub(crate) forecast: Method,
    /// Hours between two forecasts, a divisor of 24; jobs in between are planned by the last one.
    #[arg(long, default_value_t = 6, value_name = "H")]
    pub(crate) every: u32,
    /// Scale the sites so that jobs would fill these shares of them, for example 0.5,0.77,0.9; as they are, if not given.
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',')]
    pub(crate) utilisation: Vec<f64>,
    /// Policies, parted by commas; all, if not given. Run-at-once and the oracle are always there.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) policies: Vec<PolicyKind>,
    /// Where lots are drawn from: homes, who may pause or move, noise.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Energy that moves a gigabyte to another site, in kWh.
    #[arg(long, default_value_t = 0.06, value_name = "KWH", help_heading = "Charges")]
    pub(crate) transfer_kwh_per_gb: f64,
    /// What a late job is charged, in gCO2e per accelerator-hour of its work.
    #[arg(long, default_value_t = 2000.0, value_name = "G", help_heading = "Charges")]
    pub(crate) miss_g: f64,
    /// Minutes at full power, without work, when a job goes on after a pause, unless its row says.
    #[arg(long, default_value_t = 0.0, value_name = "MIN", help_heading = "Charges")]
    pub(crate) restart_minutes: f64,
    /// Hours of the trace at which the replay begins.
    #[arg(long, default_value_t = 0.0, value_name = "H", help_heading = "What a trace does not tell")]
    pub(crate) trace_from_h: f64,
    /// Hours between a job's end had it run at once and its deadline.
    #[arg(long, default_value_t = 24, value_name = "H", help_heading = "What a trace does not tell")]
    pub(crate) slack: u32,
    /// The share of jobs that may pause.
    #[arg(long, default_value_t = 0.5, value_name = "SHARE", help_heading = "What a trace does not tell")]
    pub(crate) interruptible: f64,
    /// The share of jobs that may run on every site; the others stay at home.
    #[arg(long, default_value_t = 1.0, value_name = "SHARE", help_heading = "What a trace does not tell")]
    pub(crate) movable: f64,
    /// The share of those that may pause that are elastic.
    #[arg(
        long,
        default_value_t = 0.0,
        value_name = "SHARE",
        help_heading = "What a trace does not tell",
        requires = "speedup"
    )]
    pub(crate) elastic: f64,
    /// Sizes of elastic jobs in multiples of their own, and how much faster they are then: 0.5:0.55|1:1|2:1.8.
    #[arg(long, value_name = "K:FACTOR|…", help_heading = "What a trace does not tell", value_parser = speedup)]
    pub(crate) speedup: Option<Speedup>,
    /// Watts per accelerator, whole system, before PUE.
    #[arg(long, default_value_t = 700.0, value_name = "W", help_heading = "What a trace does not tell")]
    pub(crate) power_w: f64,
    /// Leave out jobs that ran longer.
    #[arg(long, default_value_t = 96, value_name = "H", help_heading = "What a trace does not tell")]
    pub(crate) longest: u32,
    /// Leave out jobs that held more accelerators.
    #[arg(long, value_name = "N", help_heading = "What a trace does not tell")]
    pub(crate) largest: Option<u32>,
    /// At most so many jobs, at even distances.
    #[arg(long, value_name = "N", help_heading = "What a trace does not tell")]
    pub(crate) most_jobs: Option<usize>,
    /// Write a row a policy here, as .csv, .json or .parquet; may be given often.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Vec<PathBuf>,
    /// Write a row a job and policy here, as .csv, .json or .parquet; may be given often.
    #[arg(long, value_name = "FILE")]
    pub(crate) jobs_out: Vec<PathBuf>,
    /// Write a page with plots here, one HTML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Prove as well what no policy could have gone below, knowing all jobs and hours at once, and tell how far above it each is.
    #[arg(long)]
    pub(crate) bound: bool,
    /// How long to plan where sites are crowded: 2 takes about twice as long as 1.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub(crate) effort: f64,
    /// At most so many threads; the answer is the same on any number. All cores, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
}

/// Sizes in multiples of a job's own, and how much faster it is then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Speedup(pub(crate) Vec<(f64, f64)>);

fn speedup(text: &str) -> Result<Speedup, String> {
    let point = |part: &str| {
        let (size, factor) = part.split_once(':')?;
        let above = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
        Some((above(size)?, above(factor)?))
    };
    let points: Option<Vec<(f64, f64)>> = text.split('|').map(point).collect();
    let whole = points.filter(|points| points.iter().any(|(size, _)| (size - 1.0).abs() < 1e-9));
    whole.map(Speedup).ok_or_else(|| "write it as 0.5:0.55|1:1|2:1.8, the size of 1 among them".to_owned())
}

fn method(text: &str) -> Result<Method, String> {
    match text {
        "greenwich" => Ok(Method::Forecaster),
        "naive" => Ok(Method::Naive),
        "perfect" => Ok(Method::Perfect),
        _ => text
            .strip_prefix("error=")
            .and_then(|share| share.parse().ok())
            .filter(|share: &f64| (0.0..=10.0).contains(share))
            .map(Method::Error)
            .ok_or_else(|| "write greenwich, naive, perfect, or error= with a share such as error=0.05".to_owned()),
    }
}
