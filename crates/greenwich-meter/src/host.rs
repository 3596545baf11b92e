//! All sources of a host, opened together.
//!
//! In: the roots of sysfs and proc, a driver library, a choice of GPUs, a wall meter if there is one. Out: what can
//! be read, and for what cannot why not and what would open it. One error stops a run before it starts: a choice of
//! GPUs that names none, since its energy would be taken for zero.

use crate::counter::{Ceilings, CounterError, EnergyCounter};
use crate::hwmon::Hwmon;
use crate::powercap::Powercap;
use crate::wall::{self, WallFile};
use greenwich_core::reading::{Device, DeviceKind, Method};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to look for, and where.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// `/sys` on a real machine.
    pub sysfs_root: PathBuf,
    /// The NVIDIA driver's library, if not where systems keep it.
    pub nvml_lib: Option<PathBuf>,
    /// The value of `CUDA_VISIBLE_DEVICES`, if it is set.
    pub visible: Option<String>,
    /// The shortest time between two reads of a GPU's energy counter; see [`crate::visible`]'s neighbour `nvml`.
    pub counter_every: Duration,
    /// A wall meter.
    pub wall: Option<Wall>,
    /// Bounds of what was not seen.
    pub ceilings: Ceilings,
}

/// A meter of the whole node, which then holds all other devices.
#[derive(Debug, Clone)]
pub enum Wall {
    /// A file that somebody keeps up to date.
    File {
        /// The file.
        path: PathBuf,
        /// What its number is, where it does not say.
        unit: wall::Unit,
        /// Not written for so long, it is a gap.
        stale_after: Option<Duration>,
    },
    /// A question that its owner answers in words with watts in them, over the network say: this crate opens no
    /// connection.
    Question {
        /// What is asked, as the record names it: an address.
        name: String,
        /// How often.
        every: Duration,
        /// The question; it may take a while, and tells nothing where there is no answer.
        ask: wall::Ask,
    },
    /// A command that prints watts, such as `ipmitool dcmi power reading`.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// How often it is run.
        every: Duration,
    },
}

/// What there is.
pub struct Opened {
    /// The sources, to be handed to a sampler.
    pub sources: Vec<Box<dyn EnergyCounter>>,
    /// What was left out of them, in words for people.
    pub notes: Vec<String>,
    /// Sources that could not be opened.
    pub closed: Vec<CounterError>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let devices: Vec<&Device> = self.devices().collect();
        f.debug_struct("Opened").field("devices", &devices).field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl Opened {
    /// The devices of all sources.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.sources.iter().flat_map(|source| source.domains()).map(|domain| &domain.device)
    }
    /// Whether some device of this kind, or one that holds it, is really measured; if not, a model may stand in.
    pub fn measures(&self, kind: DeviceKind) -> bool {
        let holds = |device: &Device| {
            let in_platform =
                device.kind == DeviceKind::Platform && matches!(kind, DeviceKind::CpuPackage | DeviceKind::Dram);
            !device.inside_another && (device.kind == kind || device.kind == DeviceKind::Node || in_platform)
        };
        self.devices().any(|device| holds(device) && device.method != Method::Unknown)
    }
}

/// Opens all that can be read. CPUs: powercap, and perf events where it is closed or absent.
///
/// # Errors
/// [`CounterError::NoSuchDevice`], and nothing else: whatever cannot be opened is in [`Opened::closed`].
pub fn open_all(wanted: &Wanted) -> Result<Opened, CounterError> {
    let mut opened = Opened { sources: Vec::new(), notes: Vec::new(), closed: Vec::new() };
    match &wanted.wall {
        Some(Wall::File { path, unit, stale_after }) => {
            opened.sources.push(Box::new(WallFile::new(path, *unit, wanted.ceilings.node_w, *stale_after)));
        }
        Some(Wall::Command { words, every }) => {
            opened.sources.push(Box::new(wall::by_command(words, *every, wanted.ceilings.node_w)));
        }
        Some(Wall::Question { name, every, ask }) => {
            opened.sources.push(Box::new(wall::by_question(name, *every, ask.clone(), wanted.ceilings.node_w)));
        }
        None => {}
    }
    open_cpus(&wanted.sysfs_root, wanted.ceilings, &mut opened);
    open_gpus(wanted, &mut opened)?;
    match Hwmon::open(&wanted.sysfs_root, wanted.ceilings) {
        Ok(sensors) => opened.sources.push(Box::new(sensors)),
        Err(e) => opened.closed.push(e),
    }
    Ok(opened)
}

fn open_cpus(sysfs_root: &Path, ceilings: Ceilings, opened: &mut Opened) {
    match Powercap::open(sysfs_root, ceilings) {
        Ok(powercap) => {
            opened.notes.extend_from_slice(powercap.notes());
            opened.sources.push(Box::new(powercap));
        }
        Err(e) => {
            opened.closed.push(e);
            #[cfg(feature = "perf")]
            match crate::perf::Perf::open(sysfs_root, ceilings) {
                Ok(perf) => {
                    opened.notes.extend_from_slice(perf.notes());
                    opened.sources.push(Box::new(perf));
                }
                Err(e) => opened.closed.push(e),
            }
        }
    }
}

#[cfg(feature = "nvml")]
fn open_gpus(wanted: &Wanted, opened: &mut Opened) -> Result<(), CounterError> {
    use crate::nvml::{NvmlGpus, Wish};
    let wish = Wish {
        lib: wanted.nvml_lib.as_deref(),
        visible: wanted.visible.as_deref(),
        counter_every: wanted.counter_every,
        ceilings: wanted.ceilings,
    };
    match NvmlGpus::open(&wish) {
        Ok(gpus) => {
            opened.notes.extend_from_slice(gpus.notes());
            opened.sources.push(Box::new(gpus));
        }
        Err(e @ CounterError::NoSuchDevice { .. }) => return Err(e),
        Err(e) => opened.closed.push(e),
    }
    Ok(())
}

#[cfg(not(feature = "nvml"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature `nvml` it can fail")]
fn open_gpus(wanted: &Wanted, opened: &mut Opened) -> Result<(), CounterError> {
    if wanted.nvml_lib.is_some() || wanted.visible.as_ref().is_some_and(|value| !value.is_empty()) {
        opened.notes.push("this build cannot meter NVIDIA GPUs: it was made without the feature `nvml`".into());
    }
    Ok(())
}
