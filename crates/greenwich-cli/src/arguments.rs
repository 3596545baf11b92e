//! What can be typed.
//!
//! In: nothing; it is the declaration. Out: one struct a command, from which help and errors are made.

mod fleet;
mod forecast;
mod jobs;
mod ledger;
mod signals;
mod simulate;

pub(crate) use fleet::{FleetArguments, PlanAct};
pub(crate) use forecast::{
    BacktestArguments, ForecastArguments, InputArguments, NowArguments, WaitArguments, ZonesArguments, span,
};
pub(crate) use jobs::{
    CarryArguments, CarryVerb, HintArguments, JobsArguments, JobsCommand, KeepArguments, KeptArguments,
    SubmitArguments, WhenArguments,
};
pub(crate) use ledger::{
    AccountArguments, DoctorArguments, ImportArguments, LedgerArguments, LedgerCommand, MeterName, OnlyArguments,
    ReportArguments, SiteArguments, TableForm,
};
pub(crate) use signals::{FetchArguments, SignalsArguments, SignalsCommand, TraceArguments};
pub(crate) use simulate::SimulateArguments;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Energy and CO2e of training runs: plan, estimate, account.
#[derive(Debug, Parser)]
#[command(
    name = "greenwich",
    version,
    about = "Where, when and on which machine to train, what it will emit, and where each number is from",
    before_help = "Examples:\n  greenwich plan examples/llm-7b.toml\n  greenwich estimate --params 7e9 --tokens 2e12 --accelerator h100-sxm --count 512 --region gcp/us-central1",
    after_help = "Exit status: 0 done, 1 a bug of ours, 2 usage or bad input, 3 facts missing, 4 signal unavailable,\n  5 infeasible, 6 nothing can be metered, 7 over budget, 8 what runs jobs refused. `run` gives back its\n  command's own.",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command has.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// How the answer is written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// List each number's inputs with source, year and fit.
    #[arg(long, global = true)]
    pub(crate) explain: bool,
    /// Use no network: answer from what is kept and what is compiled in.
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Say on stderr how long the answer took; of `facts`, how many rows there are.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing on stderr but errors, whatever else is asked for.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to colour; colour never carries meaning alone.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; may get better at any time.
    Text,
    /// For programs; keys are kept.
    Json,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set; also where `CLICOLOR_FORCE` is.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say where, when and on which machine a run should go, and what that saves.
    #[command(
        before_help = "Examples:\n  greenwich plan examples/llm-7b.toml\n  greenwich plan examples/on-premises.toml --svg plan.svg --explain\n\nA fleet:\n  greenwich plan --jobs jobs.csv --sites sites.csv --signals grid --start 2022-07-04T00:00:00Z --hours 168 --out plan.csv"
    )]
    Plan(Box<PlanArguments>),
    /// Replay past hours with jobs of a trace: what each policy would have saved by the forecasts of the day.
    #[command(
        before_help = "Examples:\n  greenwich simulate --trace examples/fleet/trace.csv --sites examples/fleet/sites.csv --signals examples/fleet/grid --start 2025-03-15T00:00:00Z --hours 240\n\nA year of a cluster:\n  greenwich simulate --trace pai.csv.gz --sites sites.csv --signals grid --start 2022-01-01T00:00:00Z --hours 8000 --utilisation 0.5,0.77,0.9 --report simulation.html --out policies.parquet"
    )]
    Simulate(Box<SimulateArguments>),
    /// Say what a run will need and emit, before it runs.
    #[command(
        before_help = "Examples:\n  greenwich estimate examples/llm-7b.toml\n  greenwich estimate --params 7e9 --tokens 2e12 --accelerator h100-sxm --count 512 --region gcp/us-central1\n  greenwich estimate examples/llm-7b.toml --sweep chip=h100-sxm,a100-sxm4 --sweep count=64..1024 --sweep cloud=gcp --out sweep.csv --svg sweep.svg"
    )]
    Estimate(EstimateArguments),
    /// Say what a run needed and emitted, from its measured hours and power.
    #[command(
        before_help = "Examples:\n  greenwich account examples/gpt-3.toml\n  greenwich account --accelerator tpu-v3 --count 1024 --hours 74.4 --mean-power-w 288 --zone US"
    )]
    Account(AccountArguments),
    /// Split the ratio of two runs into Model, Machine, Mechanization and Map.
    #[command(
        before_help = "Examples:\n  greenwich levers examples/moe-vs-dense/dense.toml examples/moe-vs-dense/moe.toml\n  greenwich levers examples/moe-vs-dense/dense.toml examples/moe-vs-dense/moe.toml --scope2 market --svg levers.svg"
    )]
    Levers(LeversArguments),
    /// Say what else would do: another model of the same expected loss, chip, facility, place and hour.
    #[command(
        before_help = "Examples:\n  greenwich alternatives examples/llm-7b.toml\n  greenwich alternatives examples/llm-7b.toml --explain"
    )]
    Alternatives(JobArguments),
    /// Foretell a zone's next hours from its past, with bands; from a typical year where there is no past.
    #[command(
        before_help = "Examples:\n  greenwich forecast GB\n  greenwich forecast US-CAL-CISO --at 2026-06-01T00:00:00Z --hours 48 --format json\n\nWith a history:\n  greenwich forecast --history ES.csv.gz --at 2022-06-01T00:00:00Z --hours 96"
    )]
    Forecast(ForecastArguments),
    /// Say how good forecasts of a zone would have been.
    #[command(
        before_help = "Usage by example:\n  greenwich backtest --history ES.csv.gz --from 2022-07-01T00:00:00Z --until 2022-12-28T00:00:00Z --hours 96 --every 24h"
    )]
    Backtest(BacktestArguments),
    /// Say a zone's intensity now and in the next day, and what that is known by.
    #[command(before_help = "Examples:\n  greenwich now DE\n  greenwich now US-CAL-CISO --format json")]
    Now(NowArguments),
    /// List the zones, and what each is known by.
    #[command(before_help = "Examples:\n  greenwich zones\n  greenwich zones US-")]
    Zones(ZonesArguments),
    /// Fetch grid signals from providers, keep them, and list what is held and who can be asked.
    #[command(before_help = "Examples:\n  greenwich signals list\n  greenwich signals providers GB")]
    Signals(SignalsArguments),
    /// Hold a command until the cleanest hours before its deadline, then run it; its exit status is its own.
    #[command(
        before_help = "Examples:\n  greenwich wait --hours 8 --deadline 48h --zone DE -- python train.py\n  greenwich wait --hours 8 --deadline 48h --zone ES --id nightly -- greenwich run -- python train.py"
    )]
    Wait(WaitArguments),
    /// Run a command, meter what it draws, and write the ledger; its streams and exit status are its own.
    #[command(
        before_help = "Examples:\n  greenwich run -- python train.py\n  greenwich run --zone DE --project llm-7b --phase search --summary out.json -- torchrun --nproc-per-node 8 train.py"
    )]
    Run(RunArguments),
    /// Plan a job, show the plan, and hand it over to what runs it; then it is kept.
    #[command(
        before_help = "Examples:\n  greenwich submit examples/two-sites/job.toml --sites examples/two-sites/sites.toml --deadline 48h --dry-run -- python train.py\n\nWith a batch script:\n  greenwich submit --slurm train.sbatch --deadline 48h --sites sites.toml"
    )]
    Submit(Box<SubmitArguments>),
    /// Say where and when a batch script should be submitted, and submit nothing.
    #[command(
        before_help = "Examples:\n  greenwich hint examples/two-sites/train.sbatch --sites examples/two-sites/sites.toml --deadline 48h"
    )]
    Hint(HintArguments),
    /// List, show, end, plan anew and let go the jobs that were handed over.
    #[command(before_help = "Examples:\n  greenwich jobs list\n\nOf one job:\n  greenwich jobs show last")]
    Jobs(JobsArguments),
    /// Keep the jobs: follow new forecasts, plan anew, pause, wake and move, and close accounts.
    #[command(before_help = "Usage by example:\n  greenwich keep --sites sites.toml --fetch")]
    Keep(KeepArguments),
    #[command(hide = true)]
    Carry(CarryArguments),
    /// Watch the runs in progress: watts by device, energy, CO2e, the grid now and next.
    #[command(before_help = "Examples:\n  greenwich top --once\n  greenwich top --once --zone DE")]
    Top(TopArguments),
    /// List, show, sum, mend, merge, import and export the runs that were metered.
    #[command(
        before_help = "Examples:\n  greenwich ledger list\n  greenwich ledger summary --by project,phase --fleet-kwh 120000"
    )]
    Ledger(LedgerArguments),
    /// Write runs of the ledger in the form that a model card, paper, standard or checklist asks for.
    #[command(
        before_help = "Usage by example:\n  greenwich report last --for hf\n  greenwich report RUN1 RUN2 --for ghg --out scope2.json"
    )]
    Report(ReportArguments),
    /// Say what can be measured here and what runs jobs, and the command that opens what cannot.
    #[command(before_help = "Examples:\n  greenwich doctor\n  greenwich doctor --format json")]
    Doctor(DoctorArguments),
    /// List, show, explain and check the facts.
    #[command(before_help = "Examples:\n  greenwich facts list accelerators\n  greenwich facts explain h100-sxm5-80g")]
    Facts {
        #[command(subcommand)]
        look: FactsCommand,
    },
}

/// A job: a file, flags, or a file with flags over it.
#[derive(Debug, Args)]
pub(crate) struct JobArguments {
    /// Job file, TOML or JSON; flags go over what it says.
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: Keys,
}

/// One estimate, or one for every combination of what is swept.
#[derive(Debug, Args)]
pub(crate) struct EstimateArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Go over chip, count, precision, layout, region, cloud, zone or datacenter: chip=h100,a100 count=64,128..1024; or a
    /// file of them. May be given again.
    #[arg(long, value_name = "KEY=VALUES", help_heading = "Sweep")]
    pub(crate) sweep: Vec<String>,
    /// Write every combination with its ranges, as .csv or .parquet; those that cannot be had with the reason.
    #[arg(long, value_name = "FILE", help_heading = "Sweep", requires = "sweep")]
    pub(crate) out: Option<PathBuf>,
    /// Draw the frontier of hours, CO2e and cost.
    #[arg(long, value_name = "FILE", help_heading = "Sweep", requires = "sweep")]
    pub(crate) svg: Option<PathBuf>,
    /// At most so many threads; the answer is the same on any number.
    #[arg(long, value_name = "N", help_heading = "Sweep", requires = "sweep")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
}

/// Keys of the job file as flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys of the job file")]
pub(crate) struct Keys {
    /// A Hugging Face config.json, or a layer list.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// A model of the catalog.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Parameters.
    #[arg(long, value_name = "N")]
    params: Option<String>,
    /// Parameters that one token passes.
    #[arg(long, value_name = "N")]
    active_params: Option<String>,
    /// Tokens trained on.
    #[arg(long, value_name = "N")]
    tokens: Option<String>,
    /// Images, sequences or other samples trained on, in place of tokens.
    #[arg(long, value_name = "N")]
    samples: Option<String>,
    /// Sequence length in tokens.
    #[arg(long, value_name = "N")]
    seq_len: Option<String>,
    /// bf16, fp16, tf32, fp32, fp8 or fp4.
    #[arg(long, value_name = "WORD")]
    precision: Option<String>,
    /// Accelerator, by name or unambiguous prefix.
    #[arg(long, value_name = "NAME")]
    accelerator: Option<String>,
    /// Accelerators.
    #[arg(long, value_name = "N")]
    count: Option<String>,
    /// Model FLOP utilisation, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    mfu: Option<String>,
    /// Tokens per second of the whole job.
    #[arg(long, value_name = "N")]
    tokens_per_s: Option<String>,
    /// Wall-clock hours; of a fleet, the hours planned over.
    #[arg(long, value_name = "H")]
    pub(crate) hours: Option<String>,
    /// Model FLOPs of the run.
    #[arg(long, value_name = "FLOP")]
    total_flops: Option<String>,
    /// Mean power per accelerator, whole system, before PUE.
    #[arg(long, value_name = "W")]
    mean_power_w: Option<String>,
    /// Cloud region, provider/region.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Grid zone.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Facility over IT energy.
    #[arg(long, value_name = "RATIO")]
    pue: Option<String>,
    /// Any other key: --set schedule.interruptible=true
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

impl Keys {
    /// The keys that were given, dotted, with their values.
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        let flags = [
            ("model.config", &self.config),
            ("model.name", &self.model),
            ("model.params", &self.params),
            ("model.active_params", &self.active_params),
            ("model.tokens", &self.tokens),
            ("model.samples", &self.samples),
            ("model.seq_len", &self.seq_len),
            ("model.precision", &self.precision),
            ("machine.accelerator", &self.accelerator),
            ("machine.count", &self.count),
            ("machine.mfu", &self.mfu),
            ("machine.tokens_per_s", &self.tokens_per_s),
            ("machine.hours", &self.hours),
            ("machine.total_flops", &self.total_flops),
            ("machine.mean_power_w", &self.mean_power_w),
            ("site.region", &self.region),
            ("site.zone", &self.zone),
            ("site.pue", &self.pue),
        ];
        let given = flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        given.chain(self.set.iter().cloned()).collect()
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write it as key=value, for example schedule.interruptible=true".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Not before this instant (schedule.release).
    #[arg(long, help_heading = "Planning", value_name = "INSTANT")]
    pub(crate) release: Option<String>,
    /// Done by this instant (schedule.deadline).
    #[arg(long, help_heading = "Planning", value_name = "INSTANT")]
    pub(crate) deadline: Option<String>,
    /// A folder of ZONE.csv[.gz] with utc,gco2e_per_kwh to plan by; where a trace ends, a forecast goes on.
    #[arg(long, help_heading = "Planning", value_name = "DIR", visible_alias = "history")]
    pub(crate) signals: Option<PathBuf>,
    /// First fetch what is not held of the last twelve weeks of each zone that the plan looks at, and keep it; what
    /// cannot be fetched within a minute is told, and the plan is made of what is held.
    #[arg(long, help_heading = "Planning", conflicts_with = "signals")]
    pub(crate) fetch: bool,
    /// Plan as of this instant: nothing in the traces stamped then or later is used.
    #[arg(long, help_heading = "Planning", value_name = "INSTANT", requires = "signals")]
    pub(crate) at: Option<String>,
    #[command(flatten, next_help_heading = "Planning")]
    pub(crate) inputs: InputArguments,
    /// The intensity to plan by.
    #[arg(long, help_heading = "Planning", value_enum, default_value_t = SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: SignalName,
    /// What to do about a gap in a trace.
    #[arg(long, help_heading = "Planning", value_enum, default_value_t = FillName::Refuse, value_name = "HOW")]
    pub(crate) fill: FillName,
    /// Temperatures by hour of the job's own site (utc,temp_c,rh_pct), for its pue_curve and wue_curve; else `weather`
    /// of the site, else temp_c of the zone's trace.
    #[arg(long, help_heading = "Planning", value_name = "FILE", conflicts_with = "jobs")]
    pub(crate) weather: Option<PathBuf>,
    /// Also write the plan as a picture; of a fleet, each site's use, intensity and shadow price by the hour.
    #[arg(long, help_heading = "Planning", value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) fleet: FleetArguments,
    #[command(subcommand)]
    pub(crate) act: Option<PlanAct>,
}

/// A command to be metered.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The command with its arguments, after `--`.
    #[arg(required = true, last = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
    /// Time between two readings: 100ms, 1s.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(crate) period: std::time::Duration,
    /// Also write the run's entry, greenwich.run/1, to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
    /// The project that the run belongs to.
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// The model that it trains.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// search, preliminary, final, or another word.
    #[arg(long, value_name = "WORD")]
    pub(crate) phase: Option<String>,
    /// A free tag; may be given often.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) tags: Vec<(String, String)>,
    /// The accelerator by its catalog name, for embodied carbon and price.
    #[arg(long, value_name = "NAME")]
    pub(crate) accelerator: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    #[command(flatten)]
    pub(crate) sensors: SensorArguments,
    /// A file that holds the watts of the whole node and is kept up to date.
    #[arg(long, value_name = "FILE", help_heading = "Sensors")]
    pub(crate) wall_file: Option<PathBuf>,
    /// A command that prints the watts of the whole node, such as "ipmitool dcmi power reading".
    #[arg(long, value_name = "COMMAND", help_heading = "Sensors", conflicts_with = "wall_file")]
    pub(crate) wall_command: Option<String>,
    /// An address that answers with the node's watts (a plug, a PDU, Redfish), asked every 10 s.
    #[arg(long, value_name = "URL", help_heading = "Sensors", conflicts_with_all = ["wall_file", "wall_command"])]
    pub(crate) wall_url: Option<String>,
    /// The key of the JSON answer that holds the watts, where none has `watts` in its name.
    #[arg(long, value_name = "KEY", help_heading = "Sensors", requires = "wall_url")]
    pub(crate) wall_key: Option<String>,
    #[command(flatten)]
    pub(crate) live: LiveArguments,
}

/// What shows a run while it goes on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live")]
pub(crate) struct LiveArguments {
    /// Keep a line on the terminal's last row with watts, energy and CO2e so far; nothing where stderr is no terminal.
    #[arg(long)]
    pub(crate) progress: bool,
    /// Answer http://ADDR/metrics while the command runs; without ADDR 127.0.0.1:9477.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:9477", value_parser = crate::metrics::address)]
    pub(crate) metrics: Option<std::net::SocketAddr>,
    /// Let --metrics listen on an address that other machines can reach.
    #[arg(long, requires = "metrics")]
    pub(crate) metrics_any_address: bool,
}

/// The runs in progress.
#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    /// Print one frame as text and end.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
}

/// Where a run runs, and where the ledger is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Place")]
pub(crate) struct PlaceArguments {
    /// The ledger's folder; else GREENWICH_HOME, else `ledger` of greenwich.toml, else a folder of the user's.
    #[arg(long, value_name = "DIR", help_heading = "Place")]
    pub(crate) ledger: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunPlace,
}

/// Where a run runs; else what the settings say.
#[derive(Debug, Args)]
#[command(next_help_heading = "Place")]
pub(crate) struct RunPlace {
    /// Cloud region, provider/region.
    #[arg(long, value_name = "REGION", help_heading = "Place")]
    region: Option<String>,
    /// Grid zone.
    #[arg(long, value_name = "ZONE", help_heading = "Place")]
    zone: Option<String>,
    /// Facility over IT energy.
    #[arg(long, value_name = "RATIO", help_heading = "Place")]
    pue: Option<String>,
    /// A folder of ZONE.csv[.gz] with utc,gco2e_per_kwh.
    #[arg(long, value_name = "DIR", help_heading = "Place")]
    pub(crate) signals: Option<PathBuf>,
}

impl RunPlace {
    /// The keys that were given, dotted, with their values.
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        let flags = [("site.region", &self.region), ("site.zone", &self.zone), ("site.pue", &self.pue)];
        flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect()
    }
}

/// Where sensors are looked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sensors")]
pub(crate) struct SensorArguments {
    /// Another tree in place of /sys.
    #[arg(long, value_name = "DIR", default_value = "/sys", help_heading = "Sensors")]
    pub(crate) sysfs_root: PathBuf,
    /// Another tree in place of /proc.
    #[arg(long, value_name = "DIR", default_value = "/proc", help_heading = "Sensors")]
    pub(crate) proc_root: PathBuf,
    /// Another library in place of the system's libnvidia-ml.
    #[arg(long, value_name = "PATH", help_heading = "Sensors")]
    pub(crate) nvml_lib: Option<PathBuf>,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let mend = || "write it as 100ms or 1s, from 10ms to 1h".to_owned();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let amount: f64 = text[..digits].parse().map_err(|_| mend())?;
    let seconds = match &text[digits..] {
        "ms" => amount / 1e3,
        "s" | "" => amount,
        "min" => amount * 60.0,
        "h" => amount * 3600.0,
        _ => return Err(mend()),
    };
    if (0.01..=3600.0).contains(&seconds) { Ok(std::time::Duration::from_secs_f64(seconds)) } else { Err(mend()) }
}

/// The intensity to plan by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignalName {
    /// Grid mean with fuel chain and plant.
    Lifecycle,
    /// Grid mean at the stack.
    Direct,
    /// Response to one more kWh.
    Marginal,
}

/// What to do about a gap in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FillName {
    /// Refuse it.
    Refuse,
    /// Hold the last value.
    Hold,
    /// Take the trace's mean.
    Mean,
}

#[derive(Debug, Args)]
pub(crate) struct LeversArguments {
    /// Job file of the base.
    #[arg(value_name = "BASE")]
    pub(crate) base: PathBuf,
    /// Job file of the alternative.
    #[arg(value_name = "ALT")]
    pub(crate) alternative: PathBuf,
    /// Which Scope 2 method `map` compares.
    #[arg(long, value_enum, default_value_t = Method::Location, value_name = "METHOD")]
    pub(crate) scope2: Method,
    /// Also write the waterfall as a picture.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// A Scope 2 method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Grid average where consumed.
    Location,
    /// Contracts, then residual mix.
    Market,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FactsCommand {
    /// List the tables, or what one table is about.
    List {
        /// accelerators, regions, zones, models, sources …
        table: Option<String>,
    },
    /// Show every row about a name.
    Show {
        /// An accelerator, region, zone, fuel, run … or its beginning.
        name: String,
    },
    /// Show every row about a name with its source, licence, mark and note.
    Explain {
        /// An accelerator, region, zone, fuel, run … or its beginning.
        name: String,
    },
    /// Read every row, hold every rule, and count the marks.
    Check,
}
