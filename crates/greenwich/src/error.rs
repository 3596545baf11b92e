//! What can go wrong on the way from a job file to an answer, with its exit status.
//!
//! In: the errors of the rooms. Out: one enum that says where in which file the question came from, and
//! [`Exit`], the statuses that scripts may rely on.

use crate::document::{DocumentError, Place};
use greenwich_engine::EngineError;
use greenwich_estimate::EstimateError;
use greenwich_facts::FactsError;
use greenwich_fleet::FleetError;
use greenwich_forecast::ForecastError;
use greenwich_grid::FlowError;
use greenwich_keeper::KeeperError;
use greenwich_ledger::LeversError;
use greenwich_plan::PlanError;
use greenwich_providers::ProviderError;
use greenwich_signals::SignalError;
use greenwich_simulate::TraceError;
use greenwich_store::StoreError;
use miette::Diagnostic;
use thiserror::Error;

/// Exit statuses of the command line, as the contract has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// A bug of ours.
    Bug = 1,
    /// Usage, or bad input.
    Usage = 2,
    /// A fact is missing.
    FactsMissing = 3,
    /// A signal is unavailable.
    SignalUnavailable = 4,
    /// What is asked cannot be done.
    Infeasible = 5,
    /// Nothing can be measured or estimated.
    MeterUnavailable = 6,
    /// A budget is spent.
    OverBudget = 7,
    /// What runs jobs refused.
    LauncherRefused = 8,
}

/// Why there is no answer.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// A file that the user wrote.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Document(#[from] DocumentError),
    /// A name in a job file that the catalog does not know.
    #[error("{place}: {source}")]
    #[diagnostic(forward(source))]
    Named {
        /// Where the name stands.
        place: Place,
        /// What the catalog says.
        source: FactsError,
    },
    /// A name on the command line, or a broken fact of ours.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Facts(#[from] FactsError),
    /// The job's numbers do not go together.
    #[error("{file}: {source}")]
    #[diagnostic(forward(source))]
    Estimate {
        /// The job file, or the model config that it names.
        file: String,
        /// What the estimator says.
        source: EstimateError,
    },
    /// There is no plan.
    #[error("{place}: {source}")]
    #[diagnostic(forward(source))]
    Plan {
        /// The key that the mend would change.
        place: Place,
        /// What the planner says.
        source: Box<PlanError>,
    },
    /// Two runs cannot be compared.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Levers(#[from] LeversError),
    /// A file of a fleet.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fleet(#[from] FleetError),
    /// A trace of jobs.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Trace(#[from] TraceError),
    /// A folder of signals.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Signal(#[from] SignalError),
    /// A forecast.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Forecast(#[from] ForecastError),
    /// A provider of grid signals, or what is kept of them.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provider(#[from] ProviderError),
    /// Flows that no grid has.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Flow(#[from] FlowError),
    /// The ledger.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The state of kept jobs.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Keeper(#[from] KeeperError),
    /// What runs jobs.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Engine(#[from] EngineError),
    /// A job that no site can take.
    #[error("no site of {file} can take `{job}`: {why}")]
    #[diagnostic(code(greenwich::submit::no_site), help("{mend}"))]
    NoSite {
        /// The sites file.
        file: String,
        /// The job.
        job: String,
        /// Why, site by site.
        why: String,
        /// What to do.
        mend: String,
    },
    /// A batch script that cannot be kept.
    #[error("{file}:{line}: {problem}")]
    #[diagnostic(code(greenwich::submit::script), help("{mend}"))]
    Script {
        /// The script.
        file: String,
        /// The line.
        line: usize,
        /// What was found.
        problem: String,
        /// What to do.
        mend: String,
    },
    /// A ledger without a run.
    #[error("the ledger `{folder}` holds no run")]
    #[diagnostic(
        code(greenwich::ledger::empty),
        help("`greenwich run -- COMMAND` records one; another ledger is named by --ledger DIR or GREENWICH_HOME")
    )]
    EmptyLedger {
        /// The ledger's folder.
        folder: String,
    },
    /// A name that is neither a job file nor a run.
    #[error("`{name}` is neither a file nor a run of the ledger `{folder}`")]
    #[diagnostic(code(greenwich::ledger::neither), help("{}", neither_help(nearest)))]
    Neither {
        /// What was asked for.
        name: String,
        /// The ledger's folder.
        folder: String,
        /// Runs whose names begin alike, or the newest.
        nearest: Vec<String>,
    },
    /// A name under which several runs go.
    #[error("`{name}` is the beginning of several runs of the ledger")]
    #[diagnostic(code(greenwich::ledger::several), help("write one of {}", listed(runs)))]
    Several {
        /// What was asked for.
        name: String,
        /// The runs.
        runs: Vec<String>,
    },
    /// What is asked of a run cannot be had from what was stored of it.
    #[error("run `{run}`: {problem}")]
    #[diagnostic(code(greenwich::ledger::run), help("{mend}"))]
    Run {
        /// The run.
        run: String,
        /// What was found.
        problem: String,
        /// What to do.
        mend: String,
    },
    /// A file of weather without temperatures.
    #[error("`{file}` holds no temperatures: it has no column `temp_c`")]
    #[diagnostic(code(greenwich::weather::no_temperatures), help("begin the file with the line `utc,temp_c,rh_pct`"))]
    NoTemperatures {
        /// The file.
        file: String,
    },
    /// A file that cannot be written.
    #[error("cannot write `{file}`: {reason}")]
    #[diagnostic(code(greenwich::file::write), help("{mend}"))]
    Write {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        mend: &'static str,
    },
    /// No intensity is known where the job would run.
    #[error("{place}: no {signal} intensity is known of zone `{zone}`")]
    #[diagnostic(code(greenwich::no_intensity), help("{mend}"))]
    NoIntensity {
        /// Where region or zone stand.
        place: Place,
        /// The zone.
        zone: String,
        /// The signal asked for.
        signal: &'static str,
        /// What to do.
        mend: String,
    },
}

impl Error {
    /// The exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Facts(FactsError::Row { .. }) | Self::Named { source: FactsError::Row { .. }, .. } => Exit::Bug,
            Self::Document(_)
            | Self::Fleet(_)
            | Self::Trace(_)
            | Self::Named { .. }
            | Self::Facts(_)
            | Self::Levers(_) => Exit::Usage,
            Self::Estimate { source: EstimateError::DoesNotFit { .. }, .. } => Exit::Infeasible,
            Self::Estimate { source: EstimateError::NoPeak { .. } | EstimateError::NoPower { .. }, .. } => {
                Exit::FactsMissing
            }
            Self::Estimate { .. } => Exit::Usage,
            Self::Plan { source, .. } => match **source {
                PlanError::Infeasible { .. } => Exit::Infeasible,
                PlanError::SignalGap { .. } | PlanError::BadIntensity { .. } => Exit::SignalUnavailable,
                _ => Exit::Usage,
            },
            Self::Signal(
                SignalError::Read { .. }
                | SignalError::NoTraces { .. }
                | SignalError::Twice { .. }
                | SignalError::NotGzip { .. }
                | SignalError::Row { .. },
            ) => Exit::Usage,
            Self::Forecast(ForecastError::NoHistory { .. }) => Exit::SignalUnavailable,
            Self::Forecast(_)
            | Self::Store(_)
            | Self::Flow(_)
            | Self::EmptyLedger { .. }
            | Self::Neither { .. }
            | Self::Several { .. }
            | Self::NoTemperatures { .. }
            | Self::Write { .. }
            | Self::Run { .. } => Exit::Usage,
            Self::Keeper(KeeperError::Unknown { .. }) | Self::Script { .. } => Exit::Usage,
            Self::NoSite { .. } => Exit::Infeasible,
            Self::Keeper(_) | Self::Engine(_) => Exit::LauncherRefused,
            Self::Provider(
                ProviderError::KeysFile { .. } | ProviderError::CaFile { .. } | ProviderError::File { .. },
            ) => Exit::Usage,
            Self::Signal(_) | Self::Provider(_) => Exit::SignalUnavailable,
            Self::NoIntensity { signal: "marginal", .. } => Exit::SignalUnavailable,
            Self::NoIntensity { .. } => Exit::FactsMissing,
        }
    }
}

impl Error {
    /// The stable code of the error, such as `greenwich::plan::infeasible`.
    pub fn code_text(&self) -> Option<String> {
        self.code().map(|code| code.to_string())
    }
    /// The one act that mends it.
    pub fn help_text(&self) -> Option<String> {
        self.help().map(|help| help.to_string())
    }
}

fn neither_help(nearest: &[String]) -> String {
    let file = "name a job file such as examples/llm-7b.toml";
    match nearest {
        [] => format!("{file}, or meter a run first: `greenwich run -- COMMAND`"),
        runs => format!("{file}, or a run: {}; `last` is the newest", listed(runs)),
    }
}

/// Names that a help line lists.
const MOST_NAMES: usize = 3;

fn listed(names: &[String]) -> String {
    let more = if names.len() > MOST_NAMES { " …" } else { "" };
    names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ") + more
}
