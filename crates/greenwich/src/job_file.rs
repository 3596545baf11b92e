//! The job file, `greenwich.job/1`, TOML or JSON.
//!
//! In: bytes and the file's name. Out: [`JobSpec`]: what the user wrote, checked for type and range, with
//! no name resolved yet. Numbers are bare here, since this is an edge; their names end in the unit.

use crate::cooling::CoolingSpec;
use crate::document::{COMMAND_LINE, DocumentError, Place, Table, read};
use greenwich_core::Window;
use greenwich_estimate::roofline::Recompute;
use greenwich_facts::Precision;
use jiff::Timestamp;

/// The schema that this reader understands.
pub const SCHEMA: &str = "greenwich.job/1";

/// A job as its file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// The file as the user named it.
    pub file: String,
    /// The job's name.
    pub name: String,
    /// What is trained.
    pub model: ModelSpec,
    /// On what.
    pub machine: MachineSpec,
    /// Where, if nobody planned.
    pub site: SiteSpec,
    /// When it may run; a plan needs it.
    pub schedule: Option<ScheduleSpec>,
    /// Search, preliminary and final runs, for an account.
    pub phases: Vec<PhaseSpec>,
    /// Yearly energy of the fleet that the job is a share of, in MWh.
    pub fleet_yearly_energy_mwh: Option<f64>,
}

/// `[model]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelSpec {
    /// Path of a `config.json` or a layer list, relative to the job file.
    pub config: Option<String>,
    /// A row of the model catalog.
    pub name: Option<String>,
    /// Where `name` stands, for messages.
    pub name_place: Option<Place>,
    /// All parameters.
    pub params: Option<f64>,
    /// Parameters that one token passes.
    pub active_params: Option<f64>,
    /// Tokens trained on.
    pub tokens: Option<f64>,
    /// Sequences, images or other samples trained on, in place of tokens, and where they stand, for messages.
    pub samples: Option<(f64, Place)>,
    /// Sequence length in tokens.
    pub seq_len: Option<u32>,
    /// Sequences of one step, over all accelerators.
    pub batch: Option<u32>,
    /// Number format.
    pub precision: Option<Precision>,
}

/// `[machine]`.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineSpec {
    /// Accelerator name as written.
    pub accelerator: String,
    /// Where it is written, for messages.
    pub place: Place,
    /// How many.
    pub count: u32,
    /// Model FLOP utilisation, 0 to 1.
    pub mfu: Option<f64>,
    /// Of the whole job.
    pub tokens_per_s: Option<f64>,
    /// Wall clock.
    pub hours: Option<f64>,
    /// Model FLOPs of the run.
    pub total_flops: Option<f64>,
    /// Per accelerator, whole system, before PUE.
    pub mean_power_w: Option<f64>,
    /// How the accelerators share a step.
    pub layout: Option<LayoutSpec>,
}

/// `machine.layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutSpec {
    /// Tensor parallel.
    pub tp: u32,
    /// Pipeline parallel.
    pub pp: u32,
    /// Data parallel.
    pub dp: u32,
    /// Context parallel.
    pub cp: u32,
    /// Expert parallel, inside the data parallel.
    pub ep: u32,
    /// ZeRO stage.
    pub zero: Option<u8>,
    /// What is computed again on the way back.
    pub recompute: Option<Recompute>,
    /// Sequences that pass at once.
    pub micro_batch: Option<u32>,
    /// Pieces of the pipeline on each accelerator.
    pub interleave: Option<u32>,
}

/// Words of `machine.layout.recompute`.
pub(crate) const RECOMPUTE: [(&str, Recompute); 3] =
    [("none", Recompute::Nothing), ("selective", Recompute::Scores), ("full", Recompute::Blocks)];

/// The word of a recomputation.
pub(crate) fn recompute_word(policy: Recompute) -> &'static str {
    RECOMPUTE.iter().find(|(_, known)| *known == policy).map_or("none", |(word, _)| word)
}

impl MachineSpec {
    /// The same number of another accelerator: what was measured or predicted for this one is not carried over.
    pub fn replaced_by(&self, accelerator: &str) -> Self {
        Self {
            accelerator: accelerator.to_owned(),
            mfu: None,
            tokens_per_s: None,
            hours: None,
            mean_power_w: None,
            layout: None,
            ..self.clone()
        }
    }
}

/// `[site]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteSpec {
    /// Cloud region.
    pub region: Option<(String, Place)>,
    /// Grid zone.
    pub zone: Option<(String, Place)>,
    /// Facility over IT energy.
    pub pue: Option<f64>,
    /// Site water.
    pub wue_l_per_kwh: Option<f64>,
    /// Grid mean.
    pub location_based_gco2e_per_kwh: Option<f64>,
    /// After contracts.
    pub market_based_gco2e_per_kwh: Option<f64>,
    /// Rent.
    pub usd_per_accelerator_hour: Option<f64>,
    /// Electricity bill.
    pub usd_per_kwh: Option<f64>,
    /// How PUE and water follow the weather.
    pub cooling: CoolingSpec,
}

/// `[schedule]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleSpec {
    /// Release to deadline.
    pub window: Window,
    /// Where the deadline stands, for messages.
    pub deadline_place: Place,
    /// Whether it may pause.
    pub interruptible: bool,
    /// Work redone and state written at a pause.
    pub checkpoint_minutes: f64,
    /// At full power before work goes on.
    pub restart_minutes: f64,
    /// Patterns of regions allowed; none means home only.
    pub regions: Option<(Vec<String>, Place)>,
    /// Accelerators allowed; none means the job's own only.
    pub accelerators: Option<(Vec<String>, Place)>,
    /// To be moved when it does not run at home.
    pub data_gb: f64,
}

/// `[[phase]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseSpec {
    /// `search`, `preliminary`, `final`, or another word.
    pub name: String,
    /// Its machine with its measured hours and power; what it leaves out is the job's.
    pub machine: MachineSpec,
}

/// Reads a job file; `overrides` are dotted keys and values that flags put over it.
///
/// # Errors
/// [`DocumentError`] with file, line, key, what was found, what is allowed and the mend.
pub fn parse(file: &str, bytes: &[u8], overrides: &[(String, String)]) -> Result<JobSpec, DocumentError> {
    let mut root = read(file, bytes)?;
    for (key, text) in overrides {
        root.set(key, text);
    }
    spec(file, &root)
}

/// Reads a job that is given by flags alone.
///
/// # Errors
/// [`DocumentError`], as [`parse`].
pub fn from_flags(overrides: &[(String, String)]) -> Result<JobSpec, DocumentError> {
    let mut root = Table::empty();
    root.set("schema", SCHEMA);
    root.set("name", "job");
    for (key, text) in overrides {
        root.set(key, text);
    }
    spec(COMMAND_LINE, &root)
}

fn spec(file: &str, root: &Table) -> Result<JobSpec, DocumentError> {
    root.hold_to_schema(SCHEMA)?;
    let name = root.text("name", "llm-7b")?.ok_or_else(|| root.missing("name", "write name = \"llm-7b\""))?;
    let model = root.table("model")?.map(|table| model(&table)).transpose()?.unwrap_or_default();
    let machine_table = root.table("machine")?;
    let phase_tables = root.tables("phase")?;
    let machine = match &machine_table {
        Some(table) => machine(table, None)?,
        None => {
            let first = phase_tables.first().map(|table| table.table("machine")).transpose()?.flatten();
            match first {
                Some(table) => machine(&table, None)?,
                None => {
                    return Err(root.missing(
                        "machine",
                        if root.is_flags() {
                            "give --accelerator h100-sxm5-80g --count 8"
                        } else {
                            "write [machine] with accelerator = \"h100-sxm5-80g\" and count = 8"
                        },
                    ));
                }
            }
        }
    };
    let site = root.table("site")?.map(|table| site(&table)).transpose()?.unwrap_or_default();
    let schedule = root.table("schedule")?.map(|table| schedule(&table)).transpose()?;
    let phases = phase_tables.iter().map(|table| phase(table, &machine)).collect::<Result<_, _>>()?;
    let fleet = root.table("fleet")?;
    let fleet_yearly_energy_mwh = match &fleet {
        Some(table) => {
            let energy = table.number("yearly_energy_mwh", 1e-3..=1e9, "MWh")?;
            table.finish()?;
            energy
        }
        None => None,
    };
    root.finish()?;
    Ok(JobSpec { file: file.to_owned(), name, model, machine, site, schedule, phases, fleet_yearly_energy_mwh })
}

fn model(table: &Table) -> Result<ModelSpec, DocumentError> {
    let precision = match table.text("precision", "bf16")? {
        None => None,
        Some(word) => {
            Some(Precision::ALL.iter().find(|(_, known)| *known == word).map(|(p, _)| *p).ok_or_else(|| {
                let known: Vec<&str> = Precision::ALL.iter().map(|(_, known)| *known).collect();
                table.place("precision").refuse(format!("\"{word}\""), known.join(", "), "write precision = \"bf16\"")
            })?)
        }
    };
    let spec = ModelSpec {
        config: table.text("config", "config.json")?,
        name: table.text("name", "llama-2-7b")?,
        name_place: Some(table.place("name")),
        params: table.number("params", 1e3..=1e15, "parameters")?,
        active_params: table.number("active_params", 1e3..=1e15, "parameters")?,
        tokens: table.number("tokens", 1e3..=1e16, "tokens")?,
        samples: table
            .number("samples", 1.0..=1e15, "(sequences, images or other samples)")?
            .map(|samples| (samples, table.place("samples"))),
        seq_len: table.whole("seq_len", 1.0..=1e8, "tokens")?.map(|n| n as u32),
        batch: table.whole("batch", 1.0..=1e9, "sequences of one step")?.map(|n| n as u32),
        precision,
    };
    table.finish()?;
    let given =
        [spec.config.is_some(), spec.name.is_some(), spec.params.is_some()].iter().filter(|given| **given).count();
    if given > 1 {
        return Err(table.place("config").refuse(
            "more than one of config, name and params",
            "one of them",
            "keep config, which knows the most, or the one you trust",
        ));
    }
    if let (Some(_), Some((_, place))) = (spec.tokens, &spec.samples) {
        return Err(place.refuse(
            "samples beside tokens",
            "one of them",
            "delete one: the other follows from the model",
        ));
    }
    if spec.active_params.is_some() && spec.params.is_none() {
        return Err(table.place("active_params").refuse(
            "a number beside a model whose shape is known",
            "params and active_params together, or neither",
            "delete active_params: the model's own shape tells it",
        ));
    }
    if let (Some(params), Some(active)) = (spec.params, spec.active_params)
        && active > params
    {
        return Err(table.place("active_params").refuse(
            format!("{active:e}, more than params = {params:e}"),
            "at most params",
            "swap the two, or leave active_params out for a dense model",
        ));
    }
    Ok(spec)
}

fn machine(table: &Table, base: Option<&MachineSpec>) -> Result<MachineSpec, DocumentError> {
    let accelerator = table.text("accelerator", "h100-sxm5-80g")?;
    let place = if accelerator.is_none() { base.map(|base| base.place.clone()) } else { None };
    let accelerator = accelerator.or_else(|| base.map(|base| base.accelerator.clone())).ok_or_else(|| {
        table.missing(
            "accelerator",
            format!(
                "{}; `greenwich facts list accelerators` shows all",
                if table.is_flags() {
                    "give --accelerator h100-sxm5-80g"
                } else {
                    "write accelerator = \"h100-sxm5-80g\""
                }
            ),
        )
    })?;
    let count = table
        .whole("count", 1.0..=1e7, "accelerators")?
        .map(|n| n as u32)
        .or_else(|| base.map(|base| base.count))
        .ok_or_else(|| {
            table.missing(
                "count",
                if table.is_flags() {
                    "give --count 8, the number of accelerators"
                } else {
                    "write count = 8, the number of accelerators"
                },
            )
        })?;
    let layout = table.table("layout")?.map(|table| layout(&table)).transpose()?;
    let spec = MachineSpec {
        accelerator,
        place: place.unwrap_or_else(|| table.place("accelerator")),
        count,
        mfu: table.number("mfu", 0.001..=1.0, "(a share, not per cent)")?,
        tokens_per_s: table.number("tokens_per_s", 1e-3..=1e12, "tokens/s of the whole job")?,
        hours: table.number("hours", 1e-6..=1e6, "hours of wall clock")?,
        total_flops: table.number("total_flops", 1e6..=1e32, "FLOP")?,
        mean_power_w: table.number("mean_power_w", 1.0..=10_000.0, "W per accelerator")?,
        layout,
    };
    table.finish()?;
    Ok(spec)
}

fn layout(table: &Table) -> Result<LayoutSpec, DocumentError> {
    let size = |key: &str| Ok(table.whole(key, 1.0..=1e6, "accelerators")?.map(|size| size as u32));
    let recompute = match table.text("recompute", "selective")? {
        None => None,
        Some(word) => {
            Some(RECOMPUTE.iter().find(|(known, _)| *known == word).map(|(_, policy)| *policy).ok_or_else(|| {
                let known: Vec<&str> = RECOMPUTE.iter().map(|(known, _)| *known).collect();
                let place = table.place("recompute");
                place.refuse(format!("\"{word}\""), known.join(", "), "write recompute = \"selective\"")
            })?)
        }
    };
    let spec = LayoutSpec {
        tp: size("tp")?.unwrap_or(1),
        pp: size("pp")?.unwrap_or(1),
        dp: size("dp")?.unwrap_or(1),
        cp: size("cp")?.unwrap_or(1),
        ep: size("ep")?.unwrap_or(1),
        zero: table.whole("zero", 0.0..=3.0, "(a ZeRO stage)")?.map(|stage| stage as u8),
        recompute,
        micro_batch: table.whole("micro_batch", 1.0..=1e6, "sequences")?.map(|n| n as u32),
        interleave: table.whole("interleave", 1.0..=1e3, "pieces of the pipeline")?.map(|n| n as u32),
    };
    table.finish()?;
    Ok(spec)
}

pub(crate) fn site(table: &Table) -> Result<SiteSpec, DocumentError> {
    let spec = SiteSpec { cooling: CoolingSpec::read(table)?, ..site_keys(table)? };
    table.finish()?;
    Ok(spec)
}

/// A site without how it follows the weather; other keys may stand beside.
pub(crate) fn site_keys(table: &Table) -> Result<SiteSpec, DocumentError> {
    let placed = |key: &str, example: &str| Ok(table.text(key, example)?.map(|text| (text, table.place(key))));
    Ok(SiteSpec {
        region: placed("region", "gcp/us-central1")?,
        zone: placed("zone", "DE")?,
        pue: table.number("pue", 1.0..=5.0, "(facility over IT energy)")?,
        wue_l_per_kwh: table.number("wue_l_per_kwh", 0.0..=20.0, "L/kWh")?,
        location_based_gco2e_per_kwh: table.number("location_based_gco2e_per_kwh", 0.0..=2000.0, "gCO2e/kWh")?,
        market_based_gco2e_per_kwh: table.number("market_based_gco2e_per_kwh", 0.0..=2000.0, "gCO2e/kWh")?,
        usd_per_accelerator_hour: table.number("usd_per_accelerator_hour", 0.0..=1000.0, "USD/accelerator-hour")?,
        usd_per_kwh: table.number("usd_per_kwh", 0.0..=10.0, "USD/kWh")?,
        cooling: CoolingSpec::default(),
    })
}

fn schedule(table: &Table) -> Result<ScheduleSpec, DocumentError> {
    let instant = |key: &str| -> Result<Timestamp, DocumentError> {
        table.instant(key)?.ok_or_else(|| table.missing(key, format!("write {key} = 2026-01-05T00:00:00Z")))
    };
    let (release, deadline) = (instant("release")?, instant("deadline")?);
    let window = Window::new(release, deadline).map_err(|_| {
        table.place("deadline").refuse(
            format!("{deadline}, not after the release {release}"),
            "an instant after the release",
            "move the deadline, or swap the two",
        )
    })?;
    if window.hours() > 2.0 * 8784.0 {
        return Err(table.place("deadline").refuse(
            format!("{deadline}, {} days after the release", (window.hours() / 24.0).round()),
            "at most two years after the release",
            "check the year",
        ));
    }
    let listed = |key: &str, example: &str| Ok(table.texts(key, example)?.map(|texts| (texts, table.place(key))));
    let spec = ScheduleSpec {
        window,
        deadline_place: table.place("deadline"),
        interruptible: table.flag("interruptible")?.unwrap_or(false),
        checkpoint_minutes: table.number("checkpoint_minutes", 0.0..=1440.0, "minutes")?.unwrap_or(5.0),
        restart_minutes: table.number("restart_minutes", 0.0..=1440.0, "minutes")?.unwrap_or(10.0),
        regions: listed("regions", "gcp/*")?,
        accelerators: listed("accelerators", "h100-sxm5-80g")?,
        data_gb: table.number("data_gb", 0.0..=1e9, "GB")?.unwrap_or(0.0),
    };
    table.finish()?;
    Ok(spec)
}

fn phase(table: &Table, job: &MachineSpec) -> Result<PhaseSpec, DocumentError> {
    let name = table
        .text("name", "search")?
        .ok_or_else(|| table.missing("name", "write name = \"search\", \"preliminary\" or \"final\""))?;
    let mut spec = match table.table("machine")? {
        Some(own) => machine(&own, Some(job))?,
        None => MachineSpec { hours: None, total_flops: None, ..job.clone() },
    };
    spec.hours = table.number("hours", 1e-6..=1e6, "hours of wall clock")?.or(spec.hours);
    spec.mean_power_w = table.number("mean_power_w", 1.0..=10_000.0, "W per accelerator")?.or(spec.mean_power_w);
    spec.total_flops = table.number("total_flops", 1e6..=1e32, "FLOP")?.or(spec.total_flops);
    table.finish()?;
    if spec.hours.is_none() {
        return Err(table.missing("hours", format!("write hours = 120, the measured wall clock of `{name}`")));
    }
    Ok(PhaseSpec { name, machine: spec })
}
