//! Running a command while it is metered: the child, the meter, the ledger, the account.
//!
//! In: a command, where to look for sensors, where the ledger is, where it runs. Out: [`Ran`]: how the child ended
//! and what it drew. The child comes first: whatever fails around it is a notice, never a failure of the run.

use crate::live::Watch;
use crate::metered;
use crate::settings::Settings;
use greenwich_core::reading::{DeviceKind, MeterHeader, Tick, TickSink};
use greenwich_facts::Catalog;
use greenwich_launch::{Command, Ended};
use greenwich_meter::attribution::{CpuShare, Usage};
use greenwich_meter::host::{self as sensors, Wanted};
use greenwich_meter::scheduler::Place;
use greenwich_meter::{Ceilings, KernelClock, Notice, Sampler, Setup, lease};
use greenwich_store::{About, Closed, End, Entry, Id, Journal, Ledger, RunContext};
use jiff::Timestamp;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use greenwich_launch::LaunchError;

/// A meter of the whole node, by file or command.
pub mod host {
    pub use greenwich_meter::host::Wall;
    pub use greenwich_meter::wall::{Ask, Unit};
}

/// The one act that mends a command that could not be started.
pub fn help_of(error: &LaunchError) -> Option<String> {
    miette::Diagnostic::help(error).map(|help| help.to_string())
}

/// Hours of a run that are kept without growing the list: half a year.
const HOURS_HELD: usize = 4400;

/// How a run is metered.
#[derive(Debug, Clone)]
pub struct Metering {
    /// The ledger's folder.
    pub ledger: PathBuf,
    /// Time between two readings.
    pub period: Duration,
    /// `/sys` on a real machine.
    pub sysfs_root: PathBuf,
    /// `/proc` on a real machine.
    pub proc_root: PathBuf,
    /// The NVIDIA driver's library, if not where systems keep it.
    pub nvml_lib: Option<PathBuf>,
    /// A meter of the whole node.
    pub wall: Option<sensors::Wall>,
    /// A folder of grid traces.
    pub signals: Option<PathBuf>,
    /// Who the run belongs to.
    pub labels: Labels,
    /// The accelerator by its catalog name, for embodied carbon and price.
    pub accelerator: Option<String>,
}

/// Who a run belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// The project.
    pub project: Option<String>,
    /// The model that it trains.
    pub model: Option<String>,
    /// `search`, `preliminary`, `final`, or another word.
    pub phase: Option<String>,
    /// Free tags.
    pub tags: Vec<(String, String)>,
}

/// A command that ran.
#[derive(Debug)]
pub struct Ran {
    /// How the child ended.
    pub ended: Ended,
    /// What it drew, with its account; nothing where another meter on this node counts the run.
    pub entry: Option<Entry>,
    /// What went wrong around it, in words for stderr.
    pub notices: Vec<String>,
}

/// Runs a command to its end under the meter.
///
/// `variable` gives an environment variable; `host` is this node's name.
///
/// # Errors
/// [`LaunchError`] when the command cannot be started. Nothing else fails.
pub fn run(
    words: &[OsString],
    metering: &Metering,
    settings: &Settings,
    variable: &dyn Fn(&str) -> Option<String>,
    host: &str,
) -> Result<Ran, LaunchError> {
    run_watched(words, metering, settings, variable, host, None)
}

/// As [`run`], with a window through which others look at the run while it goes on.
///
/// # Errors
/// As [`run`].
pub fn run_watched(
    words: &[OsString],
    metering: &Metering,
    settings: &Settings,
    variable: &dyn Fn(&str) -> Option<String>,
    host: &str,
    watch: Option<&Watch>,
) -> Result<Ran, LaunchError> {
    let (program, arguments) = words.split_first().expect("the command line asks for one word at least");
    let command = Command::new(program).args(arguments);
    let ledger = Ledger::at(&metering.ledger);
    // Each file is read when it is asked for: where sensors can be read that is after the child.
    let facts = Catalog::load();
    let around = Around { variable, host, watch, facts: &facts };
    let mut meter = Meter::start(words, metering, settings, &ledger, &around);
    let begun = command.spawn().and_then(|child| {
        meter.watch(child.pid(), &metering.proc_root);
        child.wait(|_| {})
    });
    let mut notices = std::mem::take(&mut meter.notices);
    let ended = match begun {
        Ok(ended) => ended,
        Err(error) => {
            meter.forget();
            return Err(error);
        }
    };
    let measured = meter.stop(&ended, &ledger, &mut notices);
    let entry = measured.map(|measured| {
        let mut entry = measured.entry;
        let terms = metered::Terms {
            settings,
            signals: metering.signals.as_deref(),
            accelerator: metering.accelerator.as_deref(),
        };
        metered::add_account(&facts, &mut entry, &measured.hours, &terms);
        notices.extend(entry.warnings.iter().filter(|words| words.starts_with(metered::NOT_USED)).cloned());
        // A disk that refuses refuses everything: that is one thing to say.
        match (ledger.record(&entry), measured.unkept) {
            (Ok(()), None) => {}
            (Ok(()), Some(Unkept { what, cause })) => notices.push(format!("{what}: {cause}")),
            (Err(error), None) => notices.push(format!("the run is not in the ledger: {error}")),
            (Err(_), Some(Unkept { what, cause })) => notices.push(format!("{what}, nor is it in the ledger: {cause}")),
        }
        entry
    });
    Ok(Ran { ended, entry, notices })
}

/// Refuses, before the command starts, a place, an accelerator or traces that a flag names and nobody knows. What a variable
/// or a file names is told after the run, which it must not stop.
///
/// # Errors
/// [`crate::Error::Named`], [`crate::Error::Facts`], [`crate::Error::Signal`] with the nearest names.
pub fn check_flags(metering: &Metering, settings: &Settings, is_place_by_flag: bool) -> Result<(), crate::Error> {
    let nowhere = Settings::default();
    let settings = if is_place_by_flag { settings } else { &nowhere };
    let (signals, accelerator) = (metering.signals.as_deref(), metering.accelerator.as_deref());
    if is_place_by_flag || signals.is_some() || accelerator.is_some() {
        metered::Terms { settings, signals, accelerator }.check(&Catalog::load())?;
    }
    Ok(())
}

/// What a meter finds around it.
struct Around<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    host: &'a str,
    watch: Option<&'a Watch>,
    facts: &'a Catalog,
}

/// A started meter.
struct Meter {
    sampler: Option<greenwich_meter::Running>,
    shared: Arc<Mutex<Shared>>,
    _leases: Vec<lease::Lease>,
    header: Option<MeterHeader>,
    warnings: Vec<String>,
    notices: Vec<String>,
    said: Arc<Mutex<Vec<Notice>>>,
}

/// What the meter's thread hands on.
struct Shared {
    journal: Option<Journal>,
    /// Start of each UTC hour in seconds since 1970, and microjoules drawn in it.
    hours: Vec<(i64, u64)>,
    /// Which devices are in no other.
    outer: Vec<bool>,
}

/// The sink of the sampler: the journal, and a sum by hour beside it.
struct Sink {
    shared: Arc<Mutex<Shared>>,
    watch: Option<(Watch, RunContext)>,
}

impl TickSink for Sink {
    fn begin(&mut self, header: &MeterHeader) -> io::Result<()> {
        if let Some((watch, context)) = &self.watch {
            watch.begin(header, context);
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.outer = header.devices.iter().map(|device| !device.inside_another).collect();
        shared.journal.as_mut().map_or(Ok(()), |journal| journal.begin(header))
    }
    fn tick(&mut self, tick: Tick<'_>) -> io::Result<()> {
        if let Some((watch, _)) = &self.watch {
            watch.add(tick);
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let hour_s = tick.wall.as_second().div_euclid(3600) * 3600;
        let outer = &shared.outer;
        let is_outer = |device: u16| outer.get(usize::from(device)).copied().unwrap_or(true);
        let drawn: u64 = tick.spans.iter().filter(|span| is_outer(span.device)).map(|span| span.energy_uj).sum();
        match shared.hours.last_mut() {
            Some((last_s, sum)) if *last_s == hour_s => *sum += drawn,
            _ => shared.hours.push((hour_s, drawn)),
        }
        shared.journal.as_mut().map_or(Ok(()), |journal| journal.tick(tick))
    }
}

/// What a stopped meter gives.
struct Measured {
    entry: Entry,
    hours: Vec<(Timestamp, f64)>,
    unkept: Option<Unkept>,
}

/// Samples that are not where they should be.
struct Unkept {
    what: &'static str,
    cause: String,
}

impl Meter {
    fn start(
        words: &[OsString],
        metering: &Metering,
        settings: &Settings,
        ledger: &Ledger,
        around: &Around<'_>,
    ) -> Self {
        let Around { variable, host, watch, facts } = *around;
        let (mut warnings, mut notices) = (Vec::new(), Vec::new());
        let place = Place::from_settings(variable);
        let run = name_of(&place);
        let sources = open(metering, facts, variable, &mut warnings, &mut notices);
        let folder = lease::folder(variable, rustix::process::getuid().as_raw(), &std::env::temp_dir());
        let folder = lease::of_machine(&folder, &metering.sysfs_root, metering.nvml_lib.as_deref());
        let holder = format!("run {run}, process {}", std::process::id());
        let claimed = lease::claim_all(&folder, &holder, sources);
        if let Some((_, words)) = claimed.elsewhere.first() {
            let how_many = claimed.elsewhere.len();
            let text = format!("{how_many} of this node's devices are metered already by {}", one_line(words));
            if claimed.sources.is_empty() { notices.push(text) } else { warnings.push(text) }
        }
        if let Some(cause) = &claimed.unguarded {
            warnings.push(format!("no lease could be taken, so another meter may count the same devices: {cause}"));
        }
        let shared =
            Arc::new(Mutex::new(Shared { journal: None, hours: Vec::with_capacity(HOURS_HELD), outer: Vec::new() }));
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut meter = Self {
            sampler: None,
            shared: Arc::clone(&shared),
            _leases: claimed.leases,
            header: None,
            warnings,
            notices,
            said: Arc::clone(&said),
        };
        if claimed.sources.is_empty() {
            return meter;
        }
        let context = context(words, metering, settings, &place);
        let watch = watch.map(|watch| (watch.clone(), context.clone()));
        shared.lock().unwrap_or_else(PoisonError::into_inner).journal = Some(ledger.journal(context));
        let sampler = Sampler::start(Setup {
            run,
            host: host.to_owned(),
            boot_id: boot_id(&metering.proc_root),
            period: metering.period,
            sources: claimed.sources,
            clock: Box::new(KernelClock),
            sink: Box::new(Sink { shared, watch }),
            notices: Box::new(move |notice| {
                said.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
            }),
        });
        meter.header = Some(sampler.header().clone());
        meter.sampler = Some(sampler.spawn());
        meter
    }

    /// Has the sampler look at the child's CPU time as well.
    fn watch(&self, pid: u32, proc_root: &Path) {
        if let Some(sampler) = &self.sampler {
            let cgroups = Path::new("/sys/fs/cgroup");
            sampler.watch(CpuShare::of_process(pid, std::process::id(), proc_root, cgroups));
        }
    }

    /// Stops the meter and closes its journal into the ledger.
    fn stop(mut self, ended: &Ended, ledger: &Ledger, notices: &mut Vec<String>) -> Option<Measured> {
        let summary = self.sampler.take()?.stop();
        let header = self.header.take()?;
        let end = End { end: Timestamp::now(), exit_status: Some(i32::from(ended.status.exit_code())) };
        let (journal, hours) = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            (shared.journal.take()?, std::mem::take(&mut shared.hours))
        };
        let said = std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner));
        let (tally, whole) = (journal.tally().clone(), journal.is_whole());
        let closed: Result<Closed, String> = journal
            .finish(end)
            .map_err(|error| error.to_string())
            .and_then(|path| ledger.close(path).map_err(|error| error.to_string()));
        let (mut entry, unkept) = match closed {
            Ok(closed) => (Entry::of(&closed), None),
            Err(error) => {
                let first = said.iter().find_map(|notice| match notice {
                    Notice::Sink { cause } => Some(cause.clone()),
                    _ => None,
                });
                let unkept = if whole {
                    Unkept { what: "the samples of this run are kept in its journal alone", cause: error }
                } else {
                    Unkept { what: "the samples of this run could not be kept", cause: first.unwrap_or(error) }
                };
                (Entry::measured(&header, &About { end: Some(end), ..About::default() }, &tally), Some(unkept))
            }
        };
        entry.warnings.append(&mut self.warnings);
        for notice in said {
            let words = notice.to_string();
            if !entry.warnings.contains(&words) {
                if !(unkept.is_some() && matches!(notice, Notice::Sink { .. })) {
                    notices.push(words.clone());
                }
                entry.warnings.push(words);
            }
        }
        if let Some(words) = cpu_share(&summary, ended) {
            entry.warnings.push(words);
        }
        let hours =
            hours.into_iter().filter_map(|(second, uj)| Some((Timestamp::from_second(second).ok()?, uj as f64 / 1e6)));
        Some(Measured { entry, hours: hours.collect(), unkept })
    }

    /// Leaves no trace of a command that was never started.
    fn forget(mut self) {
        drop(self.sampler.take().map(greenwich_meter::Running::stop));
        let journal = self.shared.lock().unwrap_or_else(PoisonError::into_inner).journal.take();
        if let Some(path) = journal.as_ref().and_then(Journal::path) {
            _ = std::fs::remove_file(path);
        }
    }
}

/// A busy CPU below this share of the run is worth a word: others had a part in what the node drew.
const MOSTLY_OURS: f64 = 0.8;

/// What share of the host's busy CPU time the run had, where others had a part that shows.
fn cpu_share(summary: &greenwich_meter::Summary, ended: &Ended) -> Option<String> {
    let usage = summary.cpu?;
    let seen = ended.user_cpu.unwrap_or_default() + ended.system_cpu.unwrap_or_default();
    // The tree is last looked at before its root is reaped; the kernel's own sum may hold more.
    let share = Usage { run: usage.run.max(seen), ..usage }.share()?.share();
    (share < MOSTLY_OURS).then(|| {
        format!(
            "the run had {:.0} % of the node's busy CPU time; the energy of CPU and memory is that of the whole node",
            share * 100.0
        )
    })
}

/// Opens every source; where no CPU can be read, a model stands in.
fn open(
    metering: &Metering,
    facts: &Catalog,
    variable: &dyn Fn(&str) -> Option<String>,
    warnings: &mut Vec<String>,
    notices: &mut Vec<String>,
) -> Vec<Box<dyn greenwich_meter::EnergyCounter>> {
    let mut wanted = wanted(metering, variable);
    let mut opened = sensors::open_all(&wanted).unwrap_or_else(|error| {
        // A choice of GPUs that names none is told, and must not keep the job from its work.
        let text = format!("GPUs are not metered: {error}");
        notices.push(text.clone());
        warnings.push(text);
        wanted.visible = Some(String::new());
        sensors::open_all(&wanted).unwrap_or_else(|_| sensors::Opened {
            sources: Vec::new(),
            notes: Vec::new(),
            closed: Vec::new(),
        })
    });
    warnings.append(&mut opened.notes);
    if !opened.measures(DeviceKind::CpuPackage) {
        let with_memory = !opened.measures(DeviceKind::Dram);

        let model = metered::stand_in(facts, &metering.proc_root, with_memory);
        if let Some(model) = model {
            warnings.push(
                "CPU and memory cannot be read here: a model by load stands in (`greenwich doctor` says what would open them)"
                    .to_owned(),
            );
            opened.sources.push(Box::new(model));
        }
    }
    opened.sources
}

/// What to look for on this machine.
pub(crate) fn wanted(metering: &Metering, variable: &dyn Fn(&str) -> Option<String>) -> Wanted {
    Wanted {
        sysfs_root: metering.sysfs_root.clone(),
        nvml_lib: metering.nvml_lib.clone(),
        visible: variable("CUDA_VISIBLE_DEVICES"),
        // Read more often, the counter of some cards tells too little.
        counter_every: Duration::from_secs(1),
        wall: metering.wall.clone(),
        ceilings: Ceilings::GENEROUS,
    }
}

/// The ranks of one job on several nodes are one run; anything else is a run of its own.
fn name_of(place: &Place) -> String {
    let several = place.nodes.is_some_and(|nodes| nodes > 1);
    match &place.job {
        Some(job) if several => {
            let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let restarts =
                place.restarts.filter(|restarts| *restarts > 0).map_or_else(String::new, |n| format!("-r{n}"));
            format!("{}{restarts}", job.chars().map(safe).collect::<String>())
        }
        _ => Id::now().to_string(),
    }
}

fn context(words: &[OsString], metering: &Metering, settings: &Settings, place: &Place) -> RunContext {
    let labels = &metering.labels;
    let mut tags: std::collections::BTreeMap<String, String> = labels.tags.iter().cloned().collect();
    for (tag, value) in [("job", place.job.clone()), ("rank", place.rank.map(|rank| rank.to_string()))] {
        if let Some(value) = value {
            tags.entry(tag.to_owned()).or_insert(value);
        }
    }
    RunContext {
        command: words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        project: labels.project.clone().or_else(|| settings.project.clone()),
        model: labels.model.clone(),
        phase: labels.phase.clone(),
        tags,
        nodes: place.nodes,
        node_names: place.node_names.clone(),
        place: settings.place(),
    }
}

fn boot_id(proc_root: &Path) -> String {
    let text = std::fs::read_to_string(proc_root.join("sys/kernel/random/boot_id")).unwrap_or_default();
    text.trim().to_owned()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
