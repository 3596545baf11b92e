//! What can be typed about grid signals: `signals fetch`, `list` and `providers`.
//!
//! In: nothing; it is the declaration. Out: one struct a command. No key is typed: `docs/guide/providers`.

use clap::{Args, Subcommand};

/// Grid signals from providers.
#[derive(Debug, Args)]
pub(crate) struct SignalsArguments {
    #[command(subcommand)]
    pub(crate) act: SignalsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SignalsCommand {
    /// Fetch what is not held of a zone, and keep it.
    #[command(
        before_help = "Usage by example:\n  greenwich signals fetch GB --signal direct\n  greenwich signals fetch DK-DK1 --signal direct --from 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z\n  greenwich signals fetch DE --quantity price-EUR --provider awattar"
    )]
    Fetch(FetchArguments),
    /// Trace flows through a set of zones: whose power each uses, hour by hour, from what is kept.
    #[command(
        before_help = "Usage by example:\n  greenwich signals trace FI EE LV LT --from 2026-01-01T00:00:00Z --until 2026-01-08T00:00:00Z --fetch\n  greenwich signals trace US-CAL-CISO US-NW-BPAT --signal direct --out traced"
    )]
    Trace(TraceArguments),
    /// List what is held: zone, quantity, source, from when until when.
    #[command(before_help = "Examples:\n  greenwich signals list\n  greenwich signals list --format json")]
    List {
        /// One zone only.
        #[arg(value_name = "ZONE")]
        zone: Option<String>,
    },
    /// List who can be asked, and whether their keys are set.
    #[command(before_help = "Examples:\n  greenwich signals providers\n  greenwich signals providers DE")]
    Providers {
        /// Those that may know this zone.
        #[arg(value_name = "ZONE")]
        zone: Option<String>,
    },
}

/// What is traced.
#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    /// The zones, each once: those among which power is followed.
    #[arg(value_name = "ZONE", required = true)]
    pub(crate) zones: Vec<String>,
    /// From this instant; seven days ago, if not given.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) from: Option<String>,
    /// Until this instant; now, if not given.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) until: Option<String>,
    /// Whether fuels count with their chain and plants, or at the stack.
    #[arg(long, value_enum, default_value_t = super::SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: super::SignalName,
    /// Take this provider's figures; else the first of whom generation of a zone is kept.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// First fetch generation, load and borders of each zone.
    #[arg(long)]
    pub(crate) fetch: bool,
    /// Leave power from zones outside the set unknown, and with it those to which it flows; else it counts by what is
    /// kept of them, their typical year or yearly mean.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Write ZONE.csv into this folder, as --signals takes it, instead of keeping what was traced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<std::path::PathBuf>,
}

/// What is fetched.
#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// The grid zone: GB, DE, DK-DK1, US-CAL-CISO …
    #[arg(value_name = "ZONE")]
    pub(crate) zone: String,
    /// From this instant; 24 hours ago, if not given.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) from: Option<String>,
    /// Until this instant; what lies after now is a forecast. In 24 hours, if not given.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) until: Option<String>,
    /// The intensity to fetch.
    #[arg(long, value_enum, default_value_t = super::SignalName::Lifecycle, value_name = "SIGNAL")]
    pub(crate) signal: super::SignalName,
    /// Something else than an intensity: price-EUR, health-damage, load, generation-gas, import-FR.
    #[arg(long, value_name = "QUANTITY", conflicts_with = "signal")]
    pub(crate) quantity: Option<String>,
    /// Ask this provider and no other.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Latitude and longitude, for providers that have zones of their own.
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
}
