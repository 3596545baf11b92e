//! What can be typed to hand jobs over and to keep them.
//!
//! In: nothing; it is the declaration. Out: one struct a command.

use super::forecast::span;
use super::{JobArguments, duration};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where jobs can run, and where what is known of them is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keeping")]
pub(crate) struct KeptArguments {
    /// The sites file; else GREENWICH_SITES, else sites.toml here or beside the user's settings, else this machine alone.
    #[arg(long, value_name = "FILE", help_heading = "Keeping")]
    pub(crate) sites: Option<PathBuf>,
    /// The folder of the keeper's state; else `keeper` in the ledger's folder. Nodes of a cluster have to see it.
    #[arg(long, value_name = "DIR", help_heading = "Keeping")]
    pub(crate) state: Option<PathBuf>,
    /// The ledger's folder; else GREENWICH_HOME, else `ledger` of greenwich.toml, else a folder of the user's.
    #[arg(long, value_name = "DIR", help_heading = "Keeping")]
    pub(crate) ledger: Option<PathBuf>,
    /// For trials: so many seconds of the grid's time in a second; kept with a state that is new.
    #[arg(long, value_name = "N", help_heading = "Keeping", requires = "origin", value_parser = scale)]
    pub(crate) time_scale: Option<f64>,
    /// For trials: the instant of the grid's time that it is now.
    #[arg(long, value_name = "INSTANT", help_heading = "Keeping", requires = "time_scale")]
    pub(crate) origin: Option<String>,
}

/// A job to be handed over.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// The command with its arguments, after `--`.
    #[arg(last = true, value_name = "CMD", required_unless_present = "slurm", conflicts_with = "slurm")]
    pub(crate) command: Vec<OsString>,
    /// A batch script whose #SBATCH lines say what it needs; it is copied, and runs as it stands.
    #[arg(help_heading = "Handing over", long, value_name = "SCRIPT", conflicts_with = "job")]
    pub(crate) slurm: Option<PathBuf>,
    /// Show the plan and hand nothing over.
    #[arg(help_heading = "Handing over", long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) when: WhenArguments,
    /// The project whose budget it counts in.
    #[arg(help_heading = "Handing over", long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Nodes that it can use, where Slurm may choose.
    #[arg(help_heading = "Handing over", long, value_name = "LEAST-MOST", value_parser = nodes)]
    pub(crate) nodes: Option<(u32, u32)>,
    /// The signal on which it writes a checkpoint: USR1. Where jobs are not suspended, a pause needs one.
    #[arg(help_heading = "Handing over", long, value_name = "NAME", value_parser = signal)]
    pub(crate) checkpoint_signal: Option<String>,
    /// What runs instead after a pause that ended it, parted by blanks: "python train.py --resume".
    #[arg(help_heading = "Handing over", long, value_name = "COMMAND")]
    pub(crate) resume: Option<String>,
    /// Its engine ends it after so long: 90min, 6h.
    #[arg(help_heading = "Handing over", long, value_name = "TIME", value_parser = span)]
    pub(crate) time_limit: Option<Duration>,
    /// An option of the engine's own, one word; may be given often: --option=--account=ml
    #[arg(help_heading = "Handing over", long = "option", value_name = "OPTION", allow_hyphen_values = true)]
    pub(crate) options: Vec<String>,
    /// Run it without the meter.
    #[arg(help_heading = "Handing over", long)]
    pub(crate) unmetered: bool,
    #[command(flatten)]
    pub(crate) kept: KeptArguments,
}

/// By when and where.
#[derive(Debug, Args)]
pub(crate) struct WhenArguments {
    /// By when it has to have ended: 48h from now, or an instant; else schedule.deadline of the job file.
    #[arg(help_heading = "When and where", long, value_name = "TIME")]
    pub(crate) deadline: Option<String>,
    /// A site that is allowed; may be given often. All of the sites file where none is given.
    #[arg(help_heading = "When and where", long = "site", value_name = "NAME")]
    pub(crate) only: Vec<String>,
}

/// A batch script to be hinted at.
#[derive(Debug, Args)]
pub(crate) struct HintArguments {
    /// The batch script.
    #[arg(value_name = "SCRIPT")]
    pub(crate) script: PathBuf,
    /// How long it runs; else its time limit.
    #[arg(long, value_name = "H")]
    pub(crate) hours: Option<f64>,
    #[command(flatten)]
    pub(crate) when: WhenArguments,
    #[command(flatten)]
    pub(crate) kept: KeptArguments,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArguments {
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the jobs that are kept.
    List {
        /// Those that are over as well.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        kept: KeptArguments,
    },
    /// Show a job: its plan, what was done, and its account.
    Show {
        /// The run, the end of its name, its job's name, or `last`.
        run: String,
        #[command(flatten)]
        kept: KeptArguments,
    },
    /// End a job, wherever it stands.
    Cancel {
        /// The run, the end of its name, its job's name, or `last`.
        run: String,
        /// Why; it is kept.
        #[arg(long, value_name = "WORDS", default_value = "no reason given")]
        why: String,
        #[command(flatten)]
        kept: KeptArguments,
    },
    /// Plan all open jobs anew, and do what follows from it.
    Replan {
        #[command(flatten)]
        kept: KeptArguments,
    },
    /// Let a job go that a budget holds.
    Release {
        /// The run, the end of its name, its job's name, or `last`.
        run: String,
        /// Why; it is kept with who says so.
        #[arg(long, value_name = "WORDS")]
        why: String,
        #[command(flatten)]
        kept: KeptArguments,
    },
    /// Take away what runs that are over have left beside the state; the state, the ledger and outputs stay.
    Clean {
        /// Only of runs that have been over for so long.
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
        older_than: Duration,
        /// Only say what would be taken away.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        kept: KeptArguments,
    },
}

/// The keeper.
#[derive(Debug, Args)]
pub(crate) struct KeepArguments {
    /// Look once and end, for cron.
    #[arg(long)]
    pub(crate) once: bool,
    /// Time between two looks.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) every: Duration,
    /// Fetch each zone's newest hours once an hour.
    #[arg(long)]
    pub(crate) fetch: bool,
    #[command(flatten)]
    pub(crate) kept: KeptArguments,
}

/// The supervisor of a job of this machine; for Greenwich itself.
#[derive(Debug, Args)]
pub(crate) struct CarryArguments {
    #[command(subcommand)]
    pub(crate) verb: CarryVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CarryVerb {
    /// Carries the job of a folder to its end.
    Supervise {
        /// The folder.
        folder: PathBuf,
    },
    /// Becomes the job of a folder.
    Start {
        /// The folder.
        folder: PathBuf,
    },
}

fn scale(text: &str) -> Result<f64, String> {
    let scale: Option<f64> = text.parse().ok().filter(|scale| (1.0..=1e6).contains(scale));
    scale.ok_or_else(|| "write a number from 1 to 1000000, for example 720: an hour is five seconds".to_owned())
}

fn nodes(text: &str) -> Result<(u32, u32), String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|count| *count > 0);
    match (number(least), number(most)) {
        (Some(least), Some(most)) if least <= most => Ok((least, most)),
        _ => Err("write the fewest and most nodes, for example 2-4".to_owned()),
    }
}

fn signal(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    match name {
        "USR1" | "USR2" | "TERM" | "INT" | "HUP" => Ok(name.to_owned()),
        _ => Err("write USR1, USR2, TERM, INT or HUP".to_owned()),
    }
}
