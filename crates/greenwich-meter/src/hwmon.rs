//! Sensors of `/sys/class/hwmon`: AMD GPUs, AMD sockets, INA rails on boards, the ACPI power meter.
//!
//! In: the root of a sysfs tree. Out: a domain for each sensor of a chip that is known: its energy counter where it
//! has one, else its power, sampled at 10 Hz. A chip that is not known is passed over, since nobody can tell what
//! it holds: counted, it might count a device twice.
//!
//! # Sources
//! Linux `Documentation/hwmon/sysfs-interface.rst` (energy in µJ, power in µW), `Documentation/gpu/amdgpu/thermal.rst`.

use crate::counter::{Ceilings, CounterError, Domain, EnergyCounter, Moment, Reading, Wrap};
use crate::number_file::{NumberFile, first_line};
use greenwich_core::reading::{Device, DeviceKind, Method};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "hwmon sensor";
const POWER_EVERY: Duration = Duration::from_millis(100);
/// Labels of an INA rail that feeds the whole board, all other rails among it.
const BOARD_INPUTS: [&str; 3] = ["VDD_IN", "POM_5V_IN", "VIN_SYS_5V0"];

/// The sensors of this host that are known.
#[derive(Debug)]
pub struct Hwmon {
    domains: Vec<Domain>,
    files: Vec<(NumberFile, Unit)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    EnergyUj,
    PowerUw,
}

impl Hwmon {
    /// Finds the sensors under `sysfs_root` and opens them.
    ///
    /// # Errors
    /// [`CounterError::Absent`] where no known chip is there.
    pub fn open(sysfs_root: &Path, ceilings: Ceilings) -> Result<Self, CounterError> {
        let top = sysfs_root.join("class/hwmon");
        let mut chips: Vec<PathBuf> =
            fs::read_dir(&top).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        chips.sort();
        let mut found = Vec::new();
        for chip in &chips {
            let name = first_line(&chip.join("name")).unwrap_or_default();
            found.extend(sensors(chip, &name, ceilings));
        }
        if found.is_empty() {
            return Err(CounterError::Absent {
                source_name: NAME,
                path: top,
                mend: "known are amdgpu, amd_energy, ina*, power_meter; load its driver by: sudo modprobe NAME".into(),
            });
        }
        let (domains, files) = found.into_iter().unzip();
        Ok(Self { domains, files })
    }
}

impl EnergyCounter for Hwmon {
    fn domains(&self) -> &[Domain] {
        &self.domains
    }
    fn read(&mut self, moment: Moment, into: &mut [Reading]) {
        for ((file, unit), to) in self.files.iter_mut().zip(into) {
            *to = match (file.read_at(moment), *unit) {
                (Err(miss), _) => Reading::Missed(miss),
                (Ok(uj), Unit::EnergyUj) => Reading::EnergyUj(uj),
                (Ok(uw), Unit::PowerUw) => Reading::PowerMw(uw / 1000),
            };
        }
    }
}

type Sensor = (Domain, (NumberFile, Unit));

fn sensors(chip: &Path, name: &str, ceilings: Ceilings) -> Vec<Sensor> {
    match name {
        "amdgpu" => gpu(chip, ceilings).into_iter().collect(),
        "amd_energy" => sockets(chip, ceilings),
        "power_meter" => board(chip, ceilings).into_iter().collect(),
        ina if ina.starts_with("ina") => rails(chip, ina, ceilings),
        _ => Vec::new(),
    }
}

/// One card: its address on the bus names it at every run.
fn gpu(chip: &Path, ceilings: Ceilings) -> Option<Sensor> {
    let device = fs::canonicalize(chip.join("device")).ok();
    let address = device.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).map(str::to_owned);
    let own = chip.file_name().and_then(|name| name.to_str()).unwrap_or("hwmon");
    let id = format!("amdgpu-{}", address.as_deref().unwrap_or(own));
    let model = device.and_then(|dir| first_line(&dir.join("product_name")).ok()).unwrap_or_default();
    let cap_w = fs::read_to_string(chip.join("power1_cap")).ok().and_then(|text| text.trim().parse::<f64>().ok());
    let ceiling_w = cap_w.filter(|uw| *uw > 0.0).map_or(ceilings.gpu_w, |uw| uw / 1e6 * 2.0);
    let (file, unit, what) = open_first(chip, &["energy1_input", "power1_average", "power1_input"])?;
    Some(sensor((id, DeviceKind::Gpu, format!("amdgpu {what}"), model), file, unit, ceiling_w, false))
}

/// `amd_energy` has a counter a core and one a socket, told apart by label; sockets hold their cores.
fn sockets(chip: &Path, ceilings: Ceilings) -> Vec<Sensor> {
    let mut found = Vec::new();
    for (n, label) in labels(chip, "energy") {
        let Some(socket) = label.strip_prefix("Esocket") else { continue };
        if let Ok(file) = NumberFile::open(chip.join(format!("energy{n}_input"))) {
            let names = (format!("cpu-{socket}"), DeviceKind::CpuPackage, format!("amd_energy {label}"), String::new());
            found.push(sensor(names, file, Unit::EnergyUj, ceilings.package_w, false));
        }
    }
    found
}

/// The ACPI power meter sees the whole node and is mostly slow: a check beside the others, not summed with them.
fn board(chip: &Path, ceilings: Ceilings) -> Option<Sensor> {
    let (file, unit, what) = open_first(chip, &["power1_average", "power1_input"])?;
    let names = ("node-acpi".to_owned(), DeviceKind::Node, format!("power_meter {what}"), String::new());
    Some(sensor(names, file, unit, ceilings.node_w, true))
}

/// Rails add up, unless one of them feeds the board.
fn rails(chip: &Path, name: &str, ceilings: Ceilings) -> Vec<Sensor> {
    let own = chip.file_name().and_then(|name| name.to_str()).unwrap_or("hwmon");
    let mut numbered = labels(chip, "power");
    if numbered.is_empty() {
        numbered.push((1, "power1".into()));
    }
    let has_input = numbered.iter().any(|(_, label)| BOARD_INPUTS.contains(&label.as_str()));
    let mut found = Vec::new();
    for (n, label) in numbered {
        let (energy, power) = (format!("energy{n}_input"), format!("power{n}_input"));
        let Some((file, unit, what)) = open_first(chip, &[&energy, &power]) else { continue };
        let is_input = BOARD_INPUTS.contains(&label.as_str());
        let kind = if is_input { DeviceKind::Node } else { DeviceKind::Other };
        let names = (format!("{name}-{own}-{label}"), kind, format!("{name} {label} {what}"), String::new());
        found.push(sensor(names, file, unit, ceilings.node_w, has_input && !is_input));
    }
    found
}

fn labels(chip: &Path, quantity: &str) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = fs::read_dir(chip)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let n = name.strip_prefix(quantity)?.strip_suffix("_label")?.parse().ok()?;
            Some((n, first_line(&entry.path()).ok()?))
        })
        .collect();
    found.sort();
    found
}

fn open_first<'a>(chip: &Path, names: &[&'a str]) -> Option<(NumberFile, Unit, &'a str)> {
    names.iter().find_map(|name| {
        let mut file = NumberFile::open(chip.join(name)).ok()?;
        file.read().ok()?;
        Some((file, if name.starts_with("energy") { Unit::EnergyUj } else { Unit::PowerUw }, *name))
    })
}

fn sensor(
    (id, kind, domain, model): (String, DeviceKind, String, String),
    file: NumberFile,
    unit: Unit,
    ceiling_w: f64,
    inside_another: bool,
) -> Sensor {
    let (method, read_every) = match unit {
        Unit::EnergyUj => (Method::Counted, None),
        Unit::PowerUw => (Method::Sampled, Some(POWER_EVERY)),
    };
    let device = Device { id, kind, domain, model, method, inside_another };
    (Domain { device, wrap: Wrap::Never, ceiling_w, read_every }, (file, unit))
}
