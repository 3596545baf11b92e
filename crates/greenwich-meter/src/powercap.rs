//! RAPL through `/sys/class/powercap`: Intel and AMD packages, DRAM and whole platforms.
//!
//! In: the root of a sysfs tree. Out: a counter for each device that is to be counted, once. Zones are known by
//! their `name`, never by their place. Left out: `core` and `uncore`, which the package holds; `intel-rapl-mmio`
//! copies of an MSR zone; dies that mirror another's counter. A platform zone (psys) holds packages and DRAM, which
//! are then read and marked as inside another.
//!
//! # Sources
//! Linux `Documentation/power/powercap/powercap.rst`; `energy_uj` is readable by root alone since CVE-2020-8694.

use crate::counter::{Ceilings, CounterError, Domain, EnergyCounter, Moment, Reading, Wrap};
use crate::number_file::{NumberFile, first_line, number};
use greenwich_core::reading::{Device, DeviceKind, Method};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "RAPL powercap tree";
/// Zones are nested at most this deep: control type, package, die, domain.
const DEPTH: u32 = 4;
/// Two counters that might be one are watched so long at most, in so many steps.
const WATCH_STEP: Duration = Duration::from_millis(5);
const WATCH_STEPS: u32 = 8;

/// The counters of a powercap tree.
#[derive(Debug)]
pub struct Powercap {
    domains: Vec<Domain>,
    files: Vec<NumberFile>,
    notes: Vec<String>,
}

/// What a zone is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Platform,
    Package,
    Dram,
    Inner,
}

#[derive(Debug)]
struct Zone {
    id: String,
    name: String,
    dir: PathBuf,
    role: Role,
    /// `0` of `package-0`, the package's own for what lies below it.
    package: String,
    is_copy: bool,
}

impl Zone {
    /// `0` of `package-0-die-1`.
    fn socket(&self) -> &str {
        self.package.split('-').next().unwrap_or_default()
    }
}

impl Powercap {
    /// Finds the zones under `sysfs_root` (`/sys` on a real machine) and opens those that count.
    ///
    /// # Errors
    /// [`CounterError::Absent`] without a tree, [`CounterError::Closed`] where none of its counters may be read,
    /// [`CounterError::Useless`] where it holds no package, DRAM or platform.
    pub fn open(sysfs_root: &Path, ceilings: Ceilings) -> Result<Self, CounterError> {
        let mut zones = find_zones(sysfs_root);
        if zones.is_empty() {
            if let Some(cause) = masked(sysfs_root) {
                let mend = "start the container with: --security-opt systempaths=unconfined".into();
                return Err(CounterError::Useless { source_name: NAME, cause, mend });
            }
            return Err(CounterError::Absent {
                source_name: NAME,
                path: sysfs_root.join("class/powercap"),
                mend: "load it by: sudo modprobe intel_rapl_msr; virtual machines and many containers have none".into(),
            });
        }
        zones.retain(|zone| zone.role != Role::Inner);
        let has_original = |copy: &Zone, all: &[Zone]| {
            all.iter().any(|z| !z.is_copy && z.role == copy.role && z.socket() == copy.socket())
        };
        let keep: Vec<bool> = zones.iter().map(|zone| !(zone.is_copy && has_original(zone, &zones))).collect();
        let mut keep = keep.into_iter();
        zones.retain(|_| keep.next().unwrap_or(true));

        let mut notes = Vec::new();
        let (mut open, mut closed) = (Vec::new(), None);
        for zone in zones {
            let path = zone.dir.join("energy_uj");
            let file = NumberFile::open(path.clone()).and_then(|mut file| match file.read() {
                Err(crate::counter::Miss::Io(kind @ io::ErrorKind::PermissionDenied)) => Err(kind.into()),
                _ => Ok(file),
            });
            match file {
                Ok(file) => open.push((zone, file)),
                Err(e) => {
                    if e.kind() == io::ErrorKind::PermissionDenied {
                        closed = closed.or(Some(path.clone()));
                    }
                    notes.push(format!("`{}` of `{}` is left out: {}", path.display(), zone.name, e.kind()));
                }
            }
        }
        if let (true, Some(path)) = (open.is_empty(), closed) {
            return Err(CounterError::Closed { source_name: NAME, path, mend: opening_command(sysfs_root) });
        }
        drop_mirrors(&mut open, &mut notes);
        drop_dead_platform(&mut open, &mut notes);
        if open.is_empty() {
            return Err(CounterError::Useless {
                source_name: NAME,
                cause: "it has no package, dram or psys zone that can be read".into(),
                mend: "meter the node by another source, such as a wall meter".into(),
            });
        }
        open.sort_by(|(a, _), (b, _)| (a.role, &a.package, &a.id).cmp(&(b.role, &b.package, &b.id)));
        let has_platform = open.iter().any(|(zone, _)| zone.role == Role::Platform);
        let mut domains: Vec<Domain> = Vec::with_capacity(open.len());
        for (zone, _) in &open {
            let domain = domain(zone, has_platform, ceilings);
            let twins = domains.iter().filter(|other| other.device.id == domain.device.id).count();
            domains.push(match twins {
                0 => domain,
                _ => Domain {
                    device: Device { id: format!("{}@{}", domain.device.id, zone.id), ..domain.device },
                    ..domain
                },
            });
        }
        Ok(Self { domains, files: open.into_iter().map(|(_, file)| file).collect(), notes })
    }

    /// What was left out and why, in words for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The files that are read at each tick.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(NumberFile::path)
    }
}

impl EnergyCounter for Powercap {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, moment: Moment, into: &mut [Reading]) {
        for (file, to) in self.files.iter_mut().zip(into) {
            *to = file.read_at(moment).map_or_else(Reading::Missed, Reading::EnergyUj);
        }
    }
}

/// The command that lets everyone read the counters until the next boot, and the one that lasts.
pub fn opening_command(sysfs_root: &Path) -> String {
    format!("sudo chmod a+r {}/class/powercap/*/energy_uj", sysfs_root.display())
}

/// The udev rule that opens the counters at each boot.
pub const UDEV_RULE: &str = "echo 'SUBSYSTEM==\"powercap\", ACTION==\"add\", RUN+=\"/bin/chmod a+r /sys%p/energy_uj\"' | sudo tee /etc/udev/rules.d/60-greenwich-rapl.rules && sudo udevadm trigger --subsystem-match=powercap --action=add";

fn find_zones(sysfs_root: &Path) -> Vec<Zone> {
    let mut dirs = BTreeMap::new();
    for top in ["class/powercap", "devices/virtual/powercap"] {
        collect(&sysfs_root.join(top), DEPTH, &mut dirs);
    }
    let names: BTreeMap<String, String> =
        dirs.iter().filter_map(|(id, dir)| Some((id.clone(), first_line(&dir.join("name")).ok()?))).collect();
    dirs.into_iter()
        .filter_map(|(id, dir)| {
            let name = names.get(&id)?.clone();
            let role = match name.as_str() {
                "psys" => Role::Platform,
                "dram" => Role::Dram,
                package if package.starts_with("package") => Role::Package,
                _ => Role::Inner,
            };
            // `intel-rapl:1:0` lies below `intel-rapl:1`, whose name tells the package.
            let owner = (role == Role::Dram).then(|| id.rsplit_once(':').and_then(|(up, _)| names.get(up))).flatten();
            let package = owner.unwrap_or(&name);
            let package = package.strip_prefix("package").map_or("", |rest| rest.trim_start_matches('-')).to_owned();
            let package = if package.is_empty() && role != Role::Platform { place(&id) } else { package };
            let is_copy = id.contains("mmio");
            Some(Zone { id, name, dir, role, package, is_copy })
        })
        .collect()
}

/// Containers leave the links of `class/powercap` and hide what they lead to.
fn masked(sysfs_root: &Path) -> Option<String> {
    let entries = fs::read_dir(sysfs_root.join("class/powercap")).ok()?;
    let mut links = entries.flatten().map(|entry| entry.path());
    let dangling = links.find(|path| path.is_symlink() && !path.exists())?;
    Some(format!("`{}` leads nowhere: this container hides the counters of its host", dangling.display()))
}

/// The number of the top zone, for want of one in its name: `1` of `intel-rapl:1:0`.
fn place(id: &str) -> String {
    id.split(':').nth(1).unwrap_or("0").to_owned()
}

/// Gathers zone folders by their names; the same zone is often to be found on several ways.
fn collect(dir: &Path, depth: u32, into: &mut BTreeMap<String, PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let Ok(id) = entry.file_name().into_string() else { continue };
        if !id.contains("rapl") {
            continue;
        }
        let path = entry.path();
        if id.contains(':') {
            into.entry(id).or_insert_with(|| path.clone());
        }
        if depth > 1 {
            collect(&path, depth - 1, into);
        }
    }
}

fn domain(zone: &Zone, has_platform: bool, ceilings: Ceilings) -> Domain {
    let (kind, id, ceiling_w) = match zone.role {
        Role::Platform => (DeviceKind::Platform, "platform".to_owned(), ceilings.node_w),
        Role::Dram => (DeviceKind::Dram, format!("dram-{}", zone.package), ceilings.dram_w),
        Role::Package | Role::Inner => (DeviceKind::CpuPackage, format!("cpu-{}", zone.package), ceilings.package_w),
    };
    let range = fs::read(zone.dir.join("max_energy_range_uj")).ok().and_then(|text| number(&text).ok());
    let wrap = match range {
        Some(max) if max > 0 => Wrap::At(max.saturating_add(1)),
        _ => Wrap::Unreadable,
    };
    // Four reads in the shortest time that could fill the range.
    let read_every = match wrap {
        Wrap::At(range) => Some(Duration::from_secs_f64((range as f64 / 1e6 / ceiling_w / 4.0).clamp(0.01, 3600.0))),
        Wrap::Never | Wrap::Unreadable => Some(Duration::from_secs(5)),
    };
    let inside_another = has_platform && zone.role != Role::Platform;
    let domain = format!("{} {}", zone.id, zone.name);
    let device = Device { id, kind, domain, model: String::new(), method: Method::Counted, inside_another };
    Domain { device, wrap, ceiling_w, read_every }
}

/// Leaves out each counter that shows the same energy as one before it of the same package and kind.
fn drop_mirrors(open: &mut Vec<(Zone, NumberFile)>, notes: &mut Vec<String>) {
    let mut at = 1;
    while at < open.len() {
        let (before, rest) = open.split_at_mut(at);
        let (zone, file) = &mut rest[0];
        let original = before
            .iter_mut()
            .find(|(other, held)| other.role == zone.role && other.socket() == zone.socket() && is_mirror(held, file));
        match original {
            Some((other, _)) => {
                notes.push(format!("`{}` of {} mirrors {} and is left out", zone.name, zone.id, other.id));
                open.remove(at);
            }
            None => at += 1,
        }
    }
}

/// Whether two counters are one. A value read between two of the other's and lying between them is no chance: two
/// counters of their own, of 2^32 steps, would meet so once in millions. Where they stand still they are watched
/// for a moment.
fn is_mirror(one: &NumberFile, other: &NumberFile) -> bool {
    let mut previous = None;
    for step in 0..=WATCH_STEPS {
        let read = |file: &NumberFile| {
            NumberFile::open(file.path().to_owned()).and_then(|mut f| f.read().map_err(io::Error::other))
        };
        let (Ok(before), Ok(between), Ok(after)) = (read(one), read(other), read(one)) else { return false };
        if !(before..=after).contains(&between) {
            return false;
        }
        match previous {
            // Both have moved and are together still.
            Some(value) if value != between => return true,
            _ => previous = Some(between),
        }
        if step < WATCH_STEPS {
            std::thread::sleep(WATCH_STEP);
        }
    }
    // Neither moves: equal values other than a fresh start's zero are the same counter.
    previous != Some(0)
}

/// A platform zone that has never counted is not wired up on this board.
fn drop_dead_platform(open: &mut Vec<(Zone, NumberFile)>, notes: &mut Vec<String>) {
    let others_count =
        open.iter_mut().any(|(zone, file)| zone.role != Role::Platform && file.read().is_ok_and(|uj| uj > 0));
    open.retain_mut(|(zone, file)| {
        let dead = zone.role == Role::Platform && others_count && file.read() == Ok(0);
        if dead {
            notes.push(format!("`{}` of {} stands at 0 while others count and is left out", zone.name, zone.id));
        }
        !dead
    });
}
