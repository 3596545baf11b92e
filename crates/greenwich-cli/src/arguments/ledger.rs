//! What can be typed about runs that were metered: `ledger`, `report`, `doctor`, and `account` of a run.
//!
//! In: nothing; it is the declaration. Out: one struct a command.

use super::{JobArguments, PlaceArguments, RunPlace, SensorArguments};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A job, or a run of the ledger.
#[derive(Debug, Args)]
pub(crate) struct AccountArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// The ledger's folder, where JOB is no file but a run: its name, the beginning of it, or `last`.
    #[arg(long, value_name = "DIR", help_heading = "A run of the ledger")]
    pub(crate) ledger: Option<PathBuf>,
    /// Account for the run by these grid traces, a folder of ZONE.csv[.gz].
    #[arg(long, value_name = "DIR", help_heading = "A run of the ledger")]
    pub(crate) signals: Option<PathBuf>,
    /// Record the account as a new entry that takes the place of the run's old one.
    #[arg(long, help_heading = "A run of the ledger")]
    pub(crate) correct: bool,
}

/// A look into the ledger, or a change of it.
#[derive(Debug, Args)]
pub(crate) struct LedgerArguments {
    /// The ledger's folder; else GREENWICH_HOME, else `ledger` of greenwich.toml, else a folder of the user's.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) ledger: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) act: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// List the runs, newest last, and the journals that are still open.
    List {
        /// Show no more than so many, the newest.
        #[arg(long, value_name = "N")]
        last: Option<usize>,
        #[command(flatten)]
        only: OnlyArguments,
    },
    /// Show one run: what each device drew, hour by hour, with its account.
    Show {
        /// A run's name, the beginning of it, or `last`.
        run: String,
    },
    /// Sum runs by any label: what was final training, what came before it, what share of the fleet.
    Summary {
        /// project, phase, model, host, run, month, source, tag:NAME, joined by commas.
        #[arg(long, value_name = "LABELS", default_value = "project,phase")]
        by: String,
        /// Energy of the whole fleet over the same time, in kWh.
        #[arg(long, value_name = "KWH", value_parser = positive, allow_negative_numbers = true)]
        fleet_kwh: Option<f64>,
    },
    /// Energy by UTC hour, of one run or of all.
    Hours {
        /// A run's name, the beginning of it, or `last`; all runs where none is given.
        run: Option<String>,
    },
    /// Read every file and check checksums, sums and schemas; exit status 2 where one does not hold.
    Verify,
    /// Make entries of journals whose run was cut off, by power or kill -9.
    Recover(SiteArguments),
    /// Merge the files of a run's nodes, which lie in several ledgers, into one entry.
    Merge {
        /// The run's name.
        run: String,
        /// Folders of the other ledgers.
        #[arg(value_name = "DIR")]
        others: Vec<PathBuf>,
        #[command(flatten)]
        site: SiteArguments,
    },
    /// Write the runs as a table.
    Export {
        /// csv, parquet, or json with whole entries.
        #[arg(value_enum, value_name = "FORM")]
        form: TableForm,
        /// One run only: its name, the beginning of it, or `last`.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// The file to write; else stdout.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Bring in what another meter recorded, marked as what it is.
    Import(ImportArguments),
}

/// Which runs are wanted; all that is given must hold.
#[derive(Debug, Args)]
pub(crate) struct OnlyArguments {
    /// Runs of this project only.
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Runs that train this model only.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Runs of this phase only: search, preliminary, final.
    #[arg(long, value_name = "PHASE")]
    pub(crate) phase: Option<String>,
    /// Runs with this tag only; may repeat.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub(crate) tags: Vec<(String, String)>,
}

/// A form of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableForm {
    /// A header line and a line a run.
    Csv,
    /// The same, typed.
    Parquet,
    /// Whole entries, greenwich.run/1.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// What wrote the file.
    #[arg(value_enum, value_name = "METER")]
    pub(crate) meter: MeterName,
    /// The file; `-` is stdin.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Offset of stamps that have none of their own, such as +01:00.
    #[arg(long, value_name = "OFFSET", default_value = "+00:00", value_parser = offset, allow_hyphen_values = true)]
    pub(crate) utc_offset: i32,
    /// The run's name, of an nvidia-smi log; else the file's.
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// The node's name, of an nvidia-smi log; else this node's.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// The project that the runs belong to.
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// The model that they train.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// search, preliminary, final, or another word.
    #[arg(long, value_name = "WORD")]
    pub(crate) phase: Option<String>,
    #[command(flatten)]
    pub(crate) site: SiteArguments,
}

/// What wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MeterName {
    /// CodeCarbon's emissions.csv.
    #[value(name = "codecarbon")]
    CodeCarbon,
    /// nvidia-smi --query-gpu=timestamp,uuid,name,power.draw,power.limit --format=csv -l 1
    NvidiaSmi,
    /// sacct -P --format=JobID,JobName,Account,Start,End,ConsumedEnergyRaw
    Sacct,
}

/// Where and on what runs ran, for their accounts; else what the settings say.
#[derive(Debug, Args)]
#[command(next_help_heading = "Place")]
pub(crate) struct SiteArguments {
    #[command(flatten)]
    pub(crate) run: RunPlace,
    /// The accelerator by its catalog name, for embodied carbon and price.
    #[arg(long, value_name = "NAME", help_heading = "Place")]
    pub(crate) accelerator: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Runs: names, beginnings of names, or `last`. Several are summed.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// The form; it decides the format, whatever --format says.
    #[arg(long = "for", value_name = "FORM", value_parser = form)]
    pub(crate) form: greenwich::report::export::Form,
    /// What a sci score is per: run, token (the runs need a tag `tokens`) or gpu-hour.
    #[arg(long, value_name = "UNIT", default_value = "run", value_parser = per)]
    pub(crate) per: greenwich::report::export::sci::Per,
    /// The file to write; else stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The ledger's folder; else GREENWICH_HOME, else `ledger` of greenwich.toml, else a folder of the user's.
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// The sites file whose engines are looked at; else GREENWICH_SITES, else sites.toml here or beside the user's settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) sites: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sensors: SensorArguments,
}

fn form(word: &str) -> Result<greenwich::report::export::Form, String> {
    use greenwich::report::export::Form;
    Form::named(word).ok_or_else(|| format!("the forms are {}, md", Form::ALL.map(Form::as_str).join(", ")))
}

fn per(word: &str) -> Result<greenwich::report::export::sci::Per, String> {
    use greenwich::report::export::sci::Per;
    Per::named(word).ok_or_else(|| format!("the units are {}", Per::ALL.map(Per::as_str).join(", ")))
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "write a number greater than 0".to_owned())
}

/// Seconds east of UTC.
fn offset(text: &str) -> Result<i32, String> {
    let mend = || "write it as +01:00 or -05:00".to_owned();
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(mend()),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let number = |text: &str, most: i32| text.parse::<i32>().ok().filter(|number| (0..=most).contains(number));
    match (number(hours, 18), number(minutes, 59)) {
        (Some(hours), Some(minutes)) => Ok(sign * (hours * 3600 + minutes * 60)),
        _ => Err(mend()),
    }
}
