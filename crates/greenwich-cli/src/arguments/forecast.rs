//! What can be typed about the hours to come.
//!
//! In: nothing; it is the declaration. Out: one struct for `forecast`, `now`, `zones`, `backtest` and `wait` each.

use super::SignalName;
use clap::{Args, ValueEnum};
use greenwich::forecasting::Family;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Where a zone's past is from.
#[derive(Debug, Args)]
pub(crate) struct PastArguments {
    /// A folder of ZONE.csv[.gz]; else `signals` below GREENWICH_HOME, or in the user's data folder without one.
    #[arg(long, value_name = "DIR")]
    pub(crate) signals: Option<PathBuf>,
    /// First fetch what is not held of the zone's last twelve weeks from whoever has it, and keep it; what cannot be
    /// fetched is told, and the answer is made of what is held.
    #[arg(long, conflicts_with = "signals")]
    pub(crate) fetch: bool,
}

/// What a forecast may use besides intensity.
#[derive(Debug, Args)]
pub(crate) struct InputArguments {
    /// What may be used besides intensity: columns such as temp_c and price_eur_per_mwh, prices and loads that are kept.
    /// Rows stamped at the instant of issue or later are then taken for what was foretold or published by then. All
    /// where that instant is now, none where it is past: a file of the past holds what was measured.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHICH")]
    pub(crate) inputs: Vec<InputName>,
}

/// A family of inputs, or all, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputName {
    /// Temperature, humidity, wind, irradiance.
    Weather,
    /// The day-ahead price.
    Price,
    /// Load, and day-ahead forecasts of load, wind and sun.
    Grid,
    /// All of them.
    All,
    /// None of them.
    None,
}

impl InputArguments {
    /// The families to use, of a forecast that is issued now or was in the past.
    pub(crate) fn families(&self, is_now: bool) -> Vec<Family> {
        let all = self.inputs.contains(&InputName::All) || (self.inputs.is_empty() && is_now);
        let named = |family: &Family| {
            self.inputs.contains(&match family {
                Family::Weather => InputName::Weather,
                Family::Price => InputName::Price,
                Family::Grid => InputName::Grid,
            })
        };
        let none = self.inputs.contains(&InputName::None);
        Family::ALL.into_iter().filter(|family| !none && (all || named(family))).collect()
    }
}

/// The next hours of a zone.
#[derive(Debug, Args)]
pub(crate) struct ForecastArguments {
    /// The zone, where its history is in --signals or none is given.
    #[arg(value_name = "ZONE", required_unless_present = "history")]
    pub(crate) zone: Option<String>,
    /// The zone's past: ZONE.csv[.gz] with utc,gco2e_per_kwh.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["zone", "signals", "fetch"])]
    pub(crate) history: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) past: PastArguments,
    /// The instant of issue: nothing stamped then or later is used. Now, if not given.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) inputs: InputArguments,
    /// Hours ahead, up to sixty days.
    #[arg(long, value_name = "H", default_value_t = 96)]
    pub(crate) hours: usize,
    /// The intensity to foretell.
    #[arg(long, value_enum, default_value_t = SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: SignalName,
}

/// Forecasts of the past, held against what came.
#[derive(Debug, Args)]
pub(crate) struct BacktestArguments {
    /// The zone, where its history is in --signals.
    #[arg(value_name = "ZONE", required_unless_present = "history", requires = "signals")]
    pub(crate) zone: Option<String>,
    /// The zone's past: ZONE.csv[.gz] with utc,gco2e_per_kwh.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["zone", "signals"])]
    pub(crate) history: Option<PathBuf>,
    /// A folder of ZONE.csv[.gz].
    #[arg(long, value_name = "DIR")]
    pub(crate) signals: Option<PathBuf>,
    /// The first origin.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) from: String,
    /// The end of the origins: none is issued then or later.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) until: String,
    #[command(flatten)]
    pub(crate) inputs: InputArguments,
    /// Hours ahead, up to a week.
    #[arg(long, value_name = "H", default_value_t = 96)]
    pub(crate) hours: usize,
    /// Time between origins, in whole hours: 24h, 7d.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = span)]
    pub(crate) every: Duration,
    /// The intensity to foretell.
    #[arg(long, value_enum, default_value_t = SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: SignalName,
}

/// The intensity of a zone now.
#[derive(Debug, Args)]
pub(crate) struct NowArguments {
    /// The zone, such as DE or US-CAL-CISO.
    #[arg(value_name = "ZONE")]
    pub(crate) zone: String,
    #[command(flatten)]
    pub(crate) past: PastArguments,
    /// Another instant than now.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) inputs: InputArguments,
    /// Which intensity.
    #[arg(long, value_enum, default_value_t = SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: SignalName,
}

/// The zones, and what each is known by.
#[derive(Debug, Args)]
pub(crate) struct ZonesArguments {
    /// Only zones whose key begins so.
    #[arg(value_name = "BEGINNING", default_value = "", hide_default_value = true)]
    pub(crate) beginning: String,
    /// A folder of ZONE.csv[.gz]; else `signals` below GREENWICH_HOME, or in the user's data folder without one.
    #[arg(long, value_name = "DIR")]
    pub(crate) signals: Option<PathBuf>,
    /// Which intensity.
    #[arg(long, value_enum, default_value_t = SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: SignalName,
}

/// A command that is held until its window.
#[derive(Debug, Args)]
pub(crate) struct WaitArguments {
    /// The command with its arguments, after `--`.
    #[arg(required = true, last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
    /// How long the command runs, in hours.
    #[arg(long, value_name = "H", value_parser = run_hours)]
    pub(crate) hours: f64,
    /// By when it shall have ended: 48h from now, or an instant.
    #[arg(long, value_name = "TIME")]
    pub(crate) deadline: String,
    /// Grid zone; else that of greenwich.toml or the environment.
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// Cloud region, provider/region.
    #[arg(long, value_name = "REGION", conflicts_with = "zone")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) past: PastArguments,
    /// The intensity to wait by.
    #[arg(long, value_enum, default_value_t = SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: SignalName,
    #[command(flatten)]
    pub(crate) inputs: InputArguments,
    /// Wait by a typical year where there is no history; without this the command then begins at once.
    #[arg(long)]
    pub(crate) typical: bool,
    /// What a restart is known by; else the command and the folder it is given in.
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<String>,
    /// Meter the command and write the ledger, as `greenwich run` does with its defaults.
    #[arg(long)]
    pub(crate) meter: bool,
    /// Say when it would begin, and end.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn run_hours(text: &str) -> Result<f64, String> {
    let hours = text.parse::<f64>().ok().filter(|hours| (1.0 / 3600.0..=1440.0).contains(hours));
    hours.ok_or_else(|| "write a number of hours above 0 and up to 1440, for example 8".to_owned())
}

/// A length of time as people write it: `90min`, `48h`, `2d`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let mend = || "write it as 30s, 90min, 48h or 2d, up to 60d".to_owned();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let amount: f64 = text[..digits].parse().map_err(|_| mend())?;
    let seconds = match text[digits..].trim() {
        "s" => amount,
        "min" | "m" => amount * 60.0,
        "h" => amount * 3600.0,
        "d" => amount * 86_400.0,
        _ => return Err(mend()),
    };
    let most = 60.0 * 86_400.0;
    if seconds > 0.0 && seconds <= most { Ok(Duration::from_secs_f64(seconds)) } else { Err(mend()) }
}
