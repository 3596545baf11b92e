//! RAPL through perf events, where powercap is closed: the same counters, opened by `CAP_PERFMON`.
//!
//! In: the description of the `power` unit under a sysfs root. Out: a counter for each package, DRAM and platform.
//! The kernel widens these counters to 64 bits itself, so that they do not wrap. Opened so far in a
//! virtual machine alone, whose only event stood still at 0; elsewhere the description is tested, no more.
//!
//! # Sources
//! Linux `arch/x86/events/rapl.c` (units, `cpumask`, no sampling and no exclusion), `perf_event_open(2)`.

use crate::counter::{Ceilings, CounterError, Domain, EnergyCounter, Miss, Moment, Reading, Wrap};
use crate::number_file::first_line;
use crate::still::{part, still_at_zero};
use greenwich_core::reading::{Device, DeviceKind, Method};
use perf_event::events::Software;
use perf_event::{Builder, Counter};
use std::io;
use std::path::{Path, PathBuf};

const NAME: &str = "RAPL perf unit";

/// The RAPL events of this host.
pub struct Perf {
    domains: Vec<Domain>,
    counters: Vec<(Counter, f64)>,
    notes: Vec<String>,
}

impl std::fmt::Debug for Perf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Perf").field("domains", &self.domains).finish_non_exhaustive()
    }
}

/// One event on one CPU, as sysfs describes it.
#[derive(Debug, Clone, PartialEq)]
struct Described {
    unit: u32,
    config: u64,
    /// Joules a count.
    scale: f64,
    cpu: usize,
    package: u32,
    kind: DeviceKind,
    name: &'static str,
}

impl Perf {
    /// Opens the events that `sysfs_root` describes.
    ///
    /// # Errors
    /// [`CounterError::Absent`] without a `power` unit, [`CounterError::Closed`] without the right to open its events.
    pub fn open(sysfs_root: &Path, ceilings: Ceilings) -> Result<Self, CounterError> {
        let dir = sysfs_root.join("bus/event_source/devices/power");
        let described = describe(sysfs_root, &dir);
        if described.is_empty() {
            let mend = "load it by: sudo modprobe rapl; virtual machines have none".to_owned();
            return Err(CounterError::Absent { source_name: NAME, path: dir, mend });
        }
        let mut open = Vec::with_capacity(described.len());
        for event in described {
            let counter = open_event(&event).map_err(|e| refused(&dir, &e))?;
            open.push((event, counter));
        }
        let still = still_at_zero(&mut open, |(_, counter)| counter.read().is_ok_and(|count| count == 0));
        let (moving, dead) = part(open, &still);
        if moving.is_empty() {
            return Err(CounterError::Useless {
                source_name: NAME,
                cause: "its counters stand still at 0, as a virtual machine's do".into(),
                mend: "meter on the host itself, or by a wall meter; until then a model stands in".into(),
            });
        }
        let notes = dead
            .iter()
            .map(|(event, _)| format!("`{}` of CPU {} stands still at 0 and is left out", event.name, event.cpu))
            .collect();
        let (events, counters): (Vec<_>, Vec<_>) = moving.into_iter().unzip();
        let scales = events.iter().map(|event: &Described| event.scale * 1e6);
        let counters = counters.into_iter().zip(scales).collect();
        Ok(Self { domains: domains(&events, ceilings), counters, notes })
    }

    /// What was left out and why, in words for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl EnergyCounter for Perf {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, _: Moment, into: &mut [Reading]) {
        for ((counter, uj_per_count), to) in self.counters.iter_mut().zip(into) {
            *to = match counter.read() {
                Ok(count) => Reading::EnergyUj((count as f64 * *uj_per_count) as u64),
                Err(e) => Reading::Missed(Miss::Io(e.kind())),
            };
        }
    }
}

/// The command that lets this program open perf events of the whole host.
pub const OPENING_COMMAND: &str = "sudo setcap cap_perfmon=ep \"$(command -v greenwich)\"";

fn open_event(event: &Described) -> io::Result<Counter> {
    // The unit refuses any exclusion, and counts for a CPU, not for a process.
    // The builder knows no foreign units, so one of its own events gives its place to ours.
    let mut builder = Builder::new(Software::DUMMY);
    builder.any_pid().one_cpu(event.cpu).include_kernel().include_hv();
    builder.attrs_mut().type_ = event.unit;
    builder.attrs_mut().config = event.config;
    let mut counter = builder.build()?;
    counter.enable()?;
    Ok(counter)
}

fn refused(dir: &Path, error: &io::Error) -> CounterError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            CounterError::Closed { source_name: NAME, path: dir.join("events"), mend: OPENING_COMMAND.into() }
        }
        kind => CounterError::Useless {
            source_name: NAME,
            cause: format!("the kernel refuses its events: {kind}"),
            mend: "meter the CPUs through powercap instead".into(),
        },
    }
}

fn describe(sysfs_root: &Path, dir: &Path) -> Vec<Described> {
    let word = |path: PathBuf| first_line(&path).ok().filter(|line| !line.is_empty());
    let unit = word(dir.join("type")).and_then(|text| text.parse().ok());
    let cpus = word(dir.join("cpumask")).map(|text| cpu_list(&text)).unwrap_or_default();
    let Some(unit) = unit else { return Vec::new() };
    let kinds = [
        ("energy-psys", DeviceKind::Platform),
        ("energy-pkg", DeviceKind::CpuPackage),
        ("energy-ram", DeviceKind::Dram),
    ];
    let mut found = Vec::new();
    for (name, kind) in kinds {
        let config = word(dir.join("events").join(name)).and_then(|text| event_code(&text));
        let scale = word(dir.join("events").join(format!("{name}.scale"))).and_then(|text| text.parse::<f64>().ok());
        let (Some(config), Some(scale)) = (config, scale.filter(|scale| *scale > 0.0)) else { continue };
        // One platform, however many packages tell of it.
        let cpus = if kind == DeviceKind::Platform { &cpus[..cpus.len().min(1)] } else { &cpus[..] };
        for &cpu in cpus {
            let topology = sysfs_root.join(format!("devices/system/cpu/cpu{cpu}/topology/physical_package_id"));
            let package = word(topology).and_then(|text| text.parse().ok()).unwrap_or(0);
            found.push(Described { unit, config, scale, cpu, package, kind, name });
        }
    }
    found
}

/// `event=0x02`.
fn event_code(text: &str) -> Option<u64> {
    let code = text.split(',').find_map(|part| part.trim().strip_prefix("event="))?;
    u64::from_str_radix(code.trim_start_matches("0x"), 16).ok()
}

/// `0,28` or `0-1`.
fn cpu_list(text: &str) -> Vec<usize> {
    text.split(',')
        .filter_map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            Some(from.trim().parse::<usize>().ok()?..=to.trim().parse().ok()?)
        })
        .flatten()
        .take(1024)
        .collect()
}

/// A device for each event, each with a name of its own. A platform holds all the others.
fn domains(events: &[Described], ceilings: Ceilings) -> Vec<Domain> {
    let has_platform = events.iter().any(|event| event.kind == DeviceKind::Platform);
    let mut domains: Vec<Domain> = Vec::with_capacity(events.len());
    for event in events {
        let mut domain = domain(event, ceilings);
        domain.device.inside_another = has_platform && event.kind != DeviceKind::Platform;
        if domains.iter().any(|other| other.device.id == domain.device.id) {
            domain.device.id = format!("{}@cpu{}", domain.device.id, event.cpu);
        }
        domains.push(domain);
    }
    domains
}

fn domain(event: &Described, ceilings: Ceilings) -> Domain {
    let (id, ceiling_w) = match event.kind {
        DeviceKind::Platform => ("platform".to_owned(), ceilings.node_w),
        DeviceKind::Dram => (format!("dram-{}", event.package), ceilings.dram_w),
        _ => (format!("cpu-{}", event.package), ceilings.package_w),
    };
    let device = Device {
        id,
        kind: event.kind,
        domain: format!("perf power/{}/ cpu{}", event.name, event.cpu),
        model: String::new(),
        method: Method::Counted,
        inside_another: false,
    };
    Domain { device, wrap: Wrap::Never, ceiling_w, read_every: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn two_sockets_are_described_by_package_and_the_platform_once() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let unit = dir.path().join("bus/event_source/devices/power");
        fs::create_dir_all(unit.join("events")).expect("writable");
        let put = |name: &str, text: &str| fs::write(unit.join(name), text).expect("writable");
        put("type", "9\n");
        put("cpumask", "0,28\n");
        for (name, code) in
            [("energy-pkg", "0x02"), ("energy-ram", "0x03"), ("energy-cores", "0x01"), ("energy-psys", "0x05")]
        {
            put(&format!("events/{name}"), &format!("event={code}\n"));
            put(&format!("events/{name}.scale"), "2.3283064365386962890625e-10\n");
        }
        for (cpu, package) in [(0, "0"), (28, "1")] {
            let topology = dir.path().join(format!("devices/system/cpu/cpu{cpu}/topology"));
            fs::create_dir_all(&topology).expect("writable");
            fs::write(topology.join("physical_package_id"), package).expect("writable");
        }
        let found = describe(dir.path(), &unit);
        let lines = |events: &[Described]| -> Vec<String> {
            let domains = domains(events, Ceilings::GENEROUS);
            let line = |(e, d): (&Described, &Domain)| {
                let inside = if d.device.inside_another { ", inside another" } else { "" };
                format!("{} {:#x} on cpu{}{inside}", d.device.id, e.config, e.cpu)
            };
            events.iter().zip(&domains).map(line).collect()
        };
        let expected = [
            "platform 0x5 on cpu0",
            "cpu-0 0x2 on cpu0, inside another",
            "cpu-1 0x2 on cpu28, inside another",
            "dram-0 0x3 on cpu0, inside another",
            "dram-1 0x3 on cpu28, inside another",
        ];
        assert_eq!(lines(&found), expected);
        // Where the platform's counter is dead, the others are no part of anything.
        assert_eq!(lines(&found[1..2]), ["cpu-0 0x2 on cpu0"]);
        assert_eq!(found[0].unit, 9);
    }

    #[test]
    fn a_host_without_the_unit_says_so() {
        let error = Perf::open(Path::new("/nowhere"), Ceilings::GENEROUS).expect_err("nothing is there");
        assert!(matches!(error, CounterError::Absent { .. }), "{error}");
    }
}
