//! NVIDIA GPUs through `libnvidia-ml`, opened by path at run time.
//!
//! In: a library, the value of `CUDA_VISIBLE_DEVICES`. Out: one domain a card. The card's total energy counter comes
//! first; power is its cross-check, and where there is no counter (before Volta) it is sampled at 10 Hz instead. A
//! card that offers neither stays in the list as unknown, so that nobody takes it for 0 J.
//!
//! MIG: energy exists for the whole card only, and the domain's name says so.
//!
//! # Sources
//! NVML API reference, "Device Queries": the counter is in mJ since the driver was loaded. It under-reads when it is
//! read every 100 ms or less (HotCarbon 2026, RTX 4090: 13 % at 100 ms, 1.6 % at 1 s), so between the edges of a run
//! it is read once in [`Wish::counter_every`] at most.

use crate::counter::{Ceilings, CounterError, Domain, EnergyCounter, Miss, Moment, Purpose, Reading, Wrap};
use crate::visible::{Card, Choice, choose};
use greenwich_core::reading::{Device, DeviceKind, Method};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device as Handle, Nvml};
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::time::Duration;

const NAME: &str = "NVIDIA driver library";
/// Where the library is found, by name and at the places of distributions and of WSL. Containers often lack the
/// unversioned name.
const PLACES: [&str; 4] = [
    "libnvidia-ml.so.1",
    "libnvidia-ml.so",
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/wsl/lib/libnvidia-ml.so.1",
];
/// Power is sampled so often where there is no counter.
const POWER_EVERY: Duration = Duration::from_millis(100);
/// A cap on the mean, not on every burst.
const CEILING_PER_LIMIT: f64 = 2.0;
/// Counter and power are compared over windows of this length; two in a row that differ by more are told of.
const CHECK_NS: u64 = 30_000_000_000;
const CHECK_SHARE: f64 = 0.10;

/// What to open.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The library; without one, where systems keep it.
    pub lib: Option<&'a Path>,
    /// The value of `CUDA_VISIBLE_DEVICES`, if it is set.
    pub visible: Option<&'a str>,
    /// The shortest time between two reads of a card's counter.
    pub counter_every: Duration,
    /// Bounds for cards that do not tell their power limit.
    pub ceilings: Ceilings,
}

impl Wish<'_> {
    /// All cards of the system's library, each counter read once a second.
    pub const ALL: Self =
        Self { lib: None, visible: None, counter_every: Duration::from_secs(1), ceilings: Ceilings::GENEROUS };
}

/// The cards of a library.
pub struct NvmlGpus {
    domains: Vec<Domain>,
    gpus: Vec<Gpu>,
    every_ns: u64,
    notes: Vec<String>,
    notice: Option<String>,
}

impl fmt::Debug for NvmlGpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NvmlGpus").field("domains", &self.domains).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Counter,
    Power,
    /// It offers neither.
    Blind,
}

struct Gpu {
    handle: Handle<'static>,
    way: Way,
    read_ns: u64,
    check: Check,
}

/// Counter against sampled power.
#[derive(Debug, Clone, Copy, Default)]
struct Check {
    /// Instant, counter (mJ) and power (mW) of the last reading.
    last: Option<(u64, u64, u32)>,
    window_ns: u64,
    counted_mj: u64,
    sampled_mj: f64,
    strikes: i8,
    told: bool,
}

impl NvmlGpus {
    /// Opens the library and the cards wished for.
    ///
    /// # Errors
    /// [`CounterError::Absent`] where the library is missing; [`CounterError::Useless`] where a function is missing
    /// in it or the driver is not loaded, each told apart; [`CounterError::NoSuchDevice`] where the choice names a
    /// card that is not there.
    pub fn open(wish: &Wish<'_>) -> Result<Self, CounterError> {
        let nvml = load(wish.lib)?;
        let count = nvml.device_count().map_err(|e| refused(wish.lib, &e))?;
        let mut notes = Vec::new();
        let (mut cards, mut handles) = (Vec::new(), Vec::new());
        for index in 0..count {
            // A card hidden by a cgroup cannot be opened, and CUDA does not count it either.
            let card = nvml.device_by_index(index).and_then(|handle| Ok((card(&handle)?, handle)));
            match card {
                Ok((card, handle)) => {
                    cards.push(card);
                    handles.push(Some(handle));
                }
                Err(e) => notes.push(format!("GPU {index} is left out: {e}")),
            }
        }
        name_slices(nvml, wish.visible, &mut cards);
        let choices = choose(wish.visible, &cards)?;
        let (mut domains, mut gpus) = (Vec::new(), Vec::new());
        for choice in &choices {
            let handle = handles[choice.card].take().expect("a card is chosen once");
            let (gpu, domain) = open_card(handle, &cards[choice.card], choice, wish.ceilings);
            if gpu.way == Way::Blind {
                notes.push(format!("{} offers neither energy nor power: its energy is unknown", domain.device.id));
            }
            gpus.push(gpu);
            domains.push(domain);
        }
        if choices.iter().any(|choice| choice.by_index)
            && domains.iter().any(|d| d.device.model != domains[0].device.model)
        {
            notes.push(
                "indices are taken in the order of the bus; with unlike cards set CUDA_DEVICE_ORDER=PCI_BUS_ID".into(),
            );
        }
        let every_ns = u64::try_from(wish.counter_every.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self { domains, gpus, every_ns, notes, notice: None })
    }

    /// What was left out and why, in words for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl EnergyCounter for NvmlGpus {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, moment: Moment, into: &mut [Reading]) {
        for ((gpu, domain), to) in self.gpus.iter_mut().zip(&self.domains).zip(into) {
            *to = gpu.read(moment, self.every_ns);
            if let Some(percent) = gpu.check.verdict() {
                let id = &domain.device.id;
                self.notice =
                    Some(format!("the energy counter of {id} reads {percent:.0} % against its own power sensor"));
            }
        }
    }
    fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }
}

impl Gpu {
    fn read(&mut self, moment: Moment, every_ns: u64) -> Reading {
        match self.way {
            Way::Blind => Reading::Missed(Miss::Io(std::io::ErrorKind::Unsupported)),
            Way::Power => self.handle.power_usage().map_or_else(|e| missed(&e), |mw| Reading::PowerMw(u64::from(mw))),
            Way::Counter => {
                // A tick may come a little early or late; a tenth of grace keeps the counter's pace at the tick's.
                let is_due = moment.at_ns.saturating_sub(self.read_ns) >= every_ns - every_ns / 10;
                if !(moment.purpose.is_edge() || moment.purpose == Purpose::Tick && is_due) {
                    return Reading::NotDue;
                }
                match self.handle.total_energy_consumption() {
                    Err(e) => missed(&e),
                    Ok(mj) => {
                        self.read_ns = moment.at_ns;
                        if let Ok(mw) = self.handle.power_usage() {
                            self.check.add(moment.at_ns, mj, mw);
                        }
                        Reading::EnergyUj(mj.saturating_mul(1000))
                    }
                }
            }
        }
    }
}

impl Check {
    fn add(&mut self, at_ns: u64, mj: u64, mw: u32) {
        if let Some((then_ns, then_mj, then_mw)) = self.last.replace((at_ns, mj, mw)) {
            // A counter that went back was reset: the window begins anew.
            let Some(counted_mj) = mj.checked_sub(then_mj) else {
                *self = Self { last: self.last, told: self.told, ..Self::default() };
                return;
            };
            let ns = at_ns.saturating_sub(then_ns);
            self.window_ns += ns;
            self.counted_mj += counted_mj;
            self.sampled_mj += f64::midpoint(f64::from(mw), f64::from(then_mw)) * ns as f64 / 1e9;
        }
    }

    /// The counter in per cent of sampled power, once, when they have differed for long.
    fn verdict(&mut self) -> Option<f64> {
        if self.window_ns < CHECK_NS {
            return None;
        }
        let ratio = self.counted_mj as f64 / self.sampled_mj.max(1.0);
        let strike = if (ratio - 1.0).abs() <= CHECK_SHARE {
            0
        } else if ratio > 1.0 {
            1
        } else {
            -1
        };
        let second = strike != 0 && strike == self.strikes && !self.told;
        *self = Self { last: self.last, strikes: strike, told: self.told || second, ..Self::default() };
        second.then_some(ratio * 100.0)
    }
}

/// The library stays open to the end of the process: handles borrow from it, and closing it could hang in a driver
/// that has lost its card.
fn load(lib: Option<&Path>) -> Result<&'static Nvml, CounterError> {
    let init = |path: &OsStr| Nvml::builder().lib_path(path).init();
    let nvml = match lib {
        Some(path) => init(path.as_os_str()),
        None => PLACES[1..].iter().fold(init(OsStr::new(PLACES[0])), |so_far, place| match so_far {
            Err(NvmlError::LibloadingError(_)) => init(OsStr::new(place)),
            found => found,
        }),
    };
    nvml.map(|nvml| &*Box::leak(Box::new(nvml))).map_err(|e| refused(lib, &e))
}

fn refused(lib: Option<&Path>, error: &NvmlError) -> CounterError {
    let path = lib.unwrap_or(Path::new(PLACES[0])).to_owned();
    let useless = |cause: String, mend: &str| CounterError::Useless { source_name: NAME, cause, mend: mend.into() };
    match error {
        NvmlError::LibloadingError(_) => CounterError::Absent {
            source_name: NAME,
            path,
            mend: "install the NVIDIA driver; in a container run with the NVIDIA runtime and NVIDIA_DRIVER_CAPABILITIES=utility".into(),
        },
        NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            useless(format!("`{}` lacks a function: {error}", path.display()), "update the NVIDIA driver")
        }
        NvmlError::DriverNotLoaded => useless("the driver is not loaded".into(), "load it by: sudo modprobe nvidia"),
        _ => useless(error.to_string(), "ask `nvidia-smi` what is wrong with the driver"),
    }
}

fn card(handle: &Handle<'_>) -> Result<Card, NvmlError> {
    let migs = (0..handle.mig_device_count().unwrap_or(0))
        .filter_map(|slice| handle.mig_device_by_index(slice).and_then(|mig| mig.uuid()).ok());
    let pci = handle.pci_info().map(|info| info.bus_id).unwrap_or_default();
    Ok(Card { uuid: handle.uuid()?, pci, migs: migs.collect() })
}

/// Asks the driver for the card of each MIG device that is wished for and was not found among a card's own.
fn name_slices(nvml: &'static Nvml, visible: Option<&str>, cards: &mut [Card]) {
    for word in visible.unwrap_or_default().split(',').map(str::trim).filter(|word| word.starts_with("MIG-")) {
        let owner = nvml.device_by_uuid(word).and_then(|mig| mig.mig_parent_device()).and_then(|gpu| gpu.uuid());
        let card = owner.ok().and_then(|uuid| cards.iter_mut().find(|card| card.uuid == uuid));
        if let Some(card) = card.filter(|card| !card.migs.iter().any(|mig| mig == word)) {
            card.migs.push(word.to_owned());
        }
    }
}

fn is_cut(handle: &Handle<'_>) -> bool {
    handle.mig_mode().is_ok_and(|mode| mode.current == 1)
}

fn open_card(handle: Handle<'static>, card: &Card, choice: &Choice, ceilings: Ceilings) -> (Gpu, Domain) {
    let way = match (handle.total_energy_consumption(), handle.power_usage()) {
        (Ok(_), _) => Way::Counter,
        (Err(_), Ok(_)) => Way::Power,
        _ => Way::Blind,
    };
    let (what, method) = match way {
        Way::Counter => ("nvml total energy", Method::Counted),
        Way::Power => ("nvml power", Method::Sampled),
        Way::Blind => ("nvml offers nothing", Method::Unknown),
    };
    let whole = match &choice.through[..] {
        [] if is_cut(&handle) => ", whole GPU with all its MIG devices".to_owned(),
        [] => String::new(),
        through => format!(", whole GPU of {}", through.join(" and ")),
    };
    let device = Device {
        id: card.uuid.clone(),
        kind: DeviceKind::Gpu,
        domain: format!("{what}{whole}"),
        model: handle.name().unwrap_or_default(),
        method,
        inside_another: false,
    };
    let limit_w = handle.enforced_power_limit().map(|mw| f64::from(mw) / 1e3);
    let ceiling_w = limit_w.ok().filter(|w| *w > 0.0).map_or(ceilings.gpu_w, |w| w * CEILING_PER_LIMIT);
    let read_every = (way == Way::Power).then_some(POWER_EVERY);
    let domain = Domain { device, wrap: Wrap::Never, ceiling_w, read_every };
    let gpu = Gpu { handle, way, read_ns: 0, check: Check::default() };
    (gpu, domain)
}

fn missed(error: &NvmlError) -> Reading {
    use std::io::ErrorKind;
    Reading::Missed(match error {
        NvmlError::GpuLost | NvmlError::ResetRequired | NvmlError::Uninitialized | NvmlError::DriverNotLoaded => {
            Miss::Lost
        }
        NvmlError::NotSupported => Miss::Io(ErrorKind::Unsupported),
        NvmlError::NoPermission => Miss::Io(ErrorKind::PermissionDenied),
        NvmlError::Timeout => Miss::Io(ErrorKind::TimedOut),
        _ => Miss::Io(ErrorKind::Other),
    })
}
