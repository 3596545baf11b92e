//! What can be measured and run here, and what would open what cannot: `greenwich doctor`.
//!
//! In: where to look for sensors, the ledger, the settings. Out: one [`Examined`], as text or JSON. Nothing is
//! changed, but a file that is made in the ledger's folder and removed again to see whether it can be written.

use crate::doctor_engines::{self, EngineFound};
use crate::ledger_view::{OpenJournal, OpenState, counted, open, open_json, open_words};
use crate::metered;
use crate::running::{Metering, wanted};
use crate::settings::Settings;
use greenwich_core::Signal;
use greenwich_core::reading::{Device, DeviceKind, Method};
use greenwich_facts::Catalog;
use greenwich_meter::lease;
use greenwich_meter::probe::{self, Finding, State};
use greenwich_report::Style;
use greenwich_report::text::sheet::Sheet;
use greenwich_store::Ledger;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug)]
pub struct Examined {
    sources: Vec<Finding>,
    modelled: Vec<Device>,
    engines: Vec<EngineFound>,
    ledger: LedgerState,
    place: PlaceState,
    facts: FactsState,
}

#[derive(Debug)]
struct LedgerState {
    folder: PathBuf,
    refused: Option<String>,
    open: Vec<OpenJournal>,
    unreadable: Vec<String>,
}

#[derive(Debug)]
struct PlaceState {
    region: Option<String>,
    zone: Option<String>,
    pue: Option<f64>,
    grid: &'static str,
    grid_words: String,
    wrong: Option<(String, Option<String>)>,
}

#[derive(Debug, Default)]
struct FactsState {
    rows: usize,
    sources: usize,
    typical_years: usize,
    broken: Option<String>,
}

/// Looks at everything that a run would use.
pub fn examine(
    metering: &Metering,
    settings: &Settings,
    variable: &dyn Fn(&str) -> Option<String>,
    host: &str,
) -> Examined {
    let folder = lease::folder(variable, rustix::process::getuid().as_raw(), &std::env::temp_dir());
    let folder = lease::of_machine(&folder, &metering.sysfs_root, metering.nvml_lib.as_deref());
    let sources = probe::probe(&wanted(metering, variable), &metering.proc_root, &folder);
    let measures = |kind: DeviceKind| {
        let is = |device: &Device| {
            let in_platform = device.kind == DeviceKind::Platform && kind != DeviceKind::Gpu;
            device.kind == kind || in_platform || device.kind == DeviceKind::Node
        };
        sources.iter().filter(|finding| finding.state == State::Ready).flat_map(|finding| &finding.devices).any(is)
    };
    let (mut modelled, mut place_state, mut facts) = (Vec::new(), PlaceState::unknown(settings), FactsState::default());
    match Catalog::checked() {
        Ok(catalog) => {
            if !measures(DeviceKind::CpuPackage) {
                let model = metered::stand_in(&catalog, &metering.proc_root, !measures(DeviceKind::Dram));
                modelled = model
                    .iter()
                    .flat_map(greenwich_meter::EnergyCounter::domains)
                    .map(|domain| domain.device.clone())
                    .collect();
            }
            facts.rows = catalog.rows().count();
            facts.sources = catalog.sources().count();
            facts.typical_years = catalog.profiles().count();
            place_state = place(&catalog, metering, settings);
        }
        Err(error) => facts.broken = Some(error.to_string()),
    }
    Examined {
        sources,
        modelled,
        engines: Vec::new(),
        ledger: ledger(&metering.ledger, host),
        place: place_state,
        facts,
    }
}

fn ledger(folder: &Path, host: &str) -> LedgerState {
    let (open, mut unreadable) = match open(&Ledger::at(folder), host) {
        Ok(found) => found,
        Err(error) => (Vec::new(), vec![error.to_string()]),
    };
    unreadable.sort();
    LedgerState { folder: folder.to_owned(), refused: refused(folder), open, unreadable }
}

/// Why a folder, or the nearest one above it that is there, cannot be written.
fn refused(folder: &Path) -> Option<String> {
    let folder = if folder.is_absolute() { folder.to_owned() } else { Path::new(".").join(folder) };
    let there = folder.ancestors().find(|one| one.exists())?;
    let trial = there.join(format!(".greenwich-doctor-{}", std::process::id()));
    let written = std::fs::File::create_new(&trial);
    _ = std::fs::remove_file(&trial);
    written.err().map(|error| format!("`{}`: {error}", there.display()))
}

impl PlaceState {
    fn unknown(settings: &Settings) -> Self {
        let named = |place: &Option<(String, crate::document::Place)>| place.as_ref().map(|(name, _)| name.clone());
        Self {
            region: named(&settings.site.region),
            zone: named(&settings.site.zone),
            pue: settings.site.pue,
            grid: "unknown",
            grid_words: "not known".to_owned(),
            wrong: None,
        }
    }
}

fn place(catalog: &Catalog, metering: &Metering, settings: &Settings) -> PlaceState {
    let mut state = PlaceState::unknown(settings);
    let found = match crate::resolve::home(catalog, &settings.site, None) {
        Ok(found) => found,
        Err(error) => {
            state.wrong = Some((error.to_string(), error.help_text()));
            return state;
        }
    };
    state.zone = found.zone.as_ref().map(ToString::to_string).or(state.zone);
    state.region = found.region.as_ref().map(ToString::to_string).or(state.region);
    let profile = found.zone.as_ref().is_some_and(|zone| catalog.profile(zone, Signal::Lifecycle).is_some());
    (state.grid, state.grid_words) = if let Some(folder) = &metering.signals {
        ("traces", format!("traces in {}, else what is compiled in", folder.display()))
    } else if found.location_given {
        ("given", "the intensity that the settings give, at every hour".to_owned())
    } else if let Some(zone) = found.zone.as_ref().filter(|_| profile) {
        ("typical", format!("{zone} by its typical year, month by hour; --signals DIR takes your own traces"))
    } else if let Some(zone) = &found.zone {
        ("yearly", format!("{zone} by its yearly mean; --signals DIR takes your own traces"))
    } else {
        ("world", "the world's mean, since no place is set; its range is wide".to_owned())
    };
    state
}

impl Examined {
    /// With what was found of engines.
    #[must_use]
    pub fn with_engines(mut self, engines: Vec<EngineFound>) -> Self {
        self.engines = engines;
        self
    }

    /// Whether any energy can be measured, or at least estimated.
    pub fn can_meter(&self) -> bool {
        self.devices().next().is_some() || !self.modelled.is_empty()
    }

    /// Devices that can be read.
    fn devices(&self) -> impl Iterator<Item = &Device> {
        self.sources.iter().filter(|finding| finding.state == State::Ready).flat_map(|finding| &finding.devices)
    }

    /// As text.
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        sheet.headline(&self.sentence());
        sheet.heading("Sensors");
        for finding in &self.sources {
            let (mark, state) = match finding.state {
                State::Ready => ("+ ", "ready"),
                State::Closed => ("! ", "closed"),
                State::Useless => ("! ", "of no use"),
                State::Absent => ("- ", "not here"),
            };
            let what = match finding.devices.as_slice() {
                [] => String::new(),
                devices => format!(", {}", measured(devices)),
            };
            let says = if finding.says.is_empty() { String::new() } else { format!("; {}", finding.says.join("; ")) };
            let is_told = finding.state != State::Absent || style.explain;
            let says = if is_told { says } else { String::new() };
            sheet.item(mark, &format!("{}: {state}{what}{says}", finding.source));
            if is_told {
                for mend in &finding.mends {
                    sheet.item("    fix: ", mend);
                }
            }
        }
        if !self.modelled.is_empty() {
            sheet.item(
                "~ ",
                &format!(
                    "Stand-in for what cannot be read: {}, a model by load, with a wide range",
                    measured(&self.modelled)
                ),
            );
        }
        let absent = self.sources.iter().any(|finding| finding.state == State::Absent);
        if absent && !style.explain {
            sheet.paragraph("--explain says of what is not here where it was looked for.");
        }
        doctor_engines::text(&self.engines, style.explain, &mut sheet);
        sheet.heading("Settings");
        self.ledger_text(&mut sheet);
        self.place_text(&mut sheet);
        let facts = &self.facts;
        match &facts.broken {
            Some(words) => sheet.named("Facts", &format!("broken, a bug of ours: {words}")),
            None => sheet.named(
                "Facts",
                &format!(
                    "{} rows of {} sources and {} typical years, compiled in",
                    facts.rows, facts.sources, facts.typical_years
                ),
            ),
        }
        sheet.finish()
    }

    fn sentence(&self) -> String {
        let mut kinds: Vec<&str> = Vec::new();
        for device in self.devices() {
            if !kinds.contains(&word(device.kind)) {
                kinds.push(word(device.kind));
            }
        }
        let mut estimated: Vec<&str> = Vec::new();
        for device in &self.modelled {
            if !estimated.contains(&word(device.kind)) {
                estimated.push(word(device.kind));
            }
        }
        match (kinds.as_slice(), estimated.as_slice()) {
            ([], []) => "Nothing can be measured or estimated here.".to_owned(),
            (measured, []) => format!("A run here is measured: {}.", measured.join(", ")),
            ([], estimated) => {
                format!("A run here is estimated, by a model: {}. Nothing can be measured.", estimated.join(", "))
            }
            (measured, estimated) => {
                format!(
                    "A run here is measured for {}, and estimated for {}.",
                    measured.join(", "),
                    estimated.join(", ")
                )
            }
        }
    }

    fn ledger_text(&self, sheet: &mut Sheet) {
        let ledger = &self.ledger;
        let state = match &ledger.refused {
            None if ledger.folder.exists() => ", can be written".to_owned(),
            None => ", made by the first run".to_owned(),
            Some(words) => format!(" cannot be written ({words}); runs go on without it: give another by --ledger DIR"),
        };
        sheet.named("Ledger", &format!("{}{state}", ledger.folder.display()));
        for journal in ledger.open.iter().filter(|journal| journal.state != OpenState::Running) {
            sheet.named("", &open_words(journal));
        }
        let running = ledger.open.iter().filter(|journal| journal.state == OpenState::Running).count();
        if running > 0 {
            sheet.named("", &format!("{} now", counted(running, "run is metered", "runs are metered")));
        }
        for words in &ledger.unreadable {
            sheet.named("", words);
        }
    }

    fn place_text(&self, sheet: &mut Sheet) {
        let place = &self.place;
        if let Some((words, help)) = &place.wrong {
            let help = help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
            sheet.named("Place", &format!("{words}{help}"));
            return;
        }
        let pue = place.pue.map_or_else(String::new, |pue| format!(", PUE {pue}"));
        let named = match (&place.region, &place.zone) {
            (Some(region), Some(zone)) => format!("{region}, grid zone {zone}{pue}"),
            (Some(region), None) => format!("{region}{pue}"),
            (None, Some(zone)) => format!("grid zone {zone}{pue}"),
            (None, None) => format!(
                "not set{pue}: give --zone DE or --region gcp/europe-west3, set GREENWICH_ZONE=DE, or write zone = \"DE\" below [site] in greenwich.toml"
            ),
        };
        sheet.named("Place", &named);
        sheet.named("Grid", &place.grid_words);
    }

    /// As JSON, `greenwich.doctor/1`.
    pub fn json(&self) -> Value {
        let device = |device: &Device| {
            json!({
                "device": device.id, "kind": device.kind.as_str(), "domain": device.domain, "model": device.model,
                "method": device.method.as_str(), "inside_another": device.inside_another,
            })
        };
        let state = |state: State| match state {
            State::Ready => "ready",
            State::Closed => "closed",
            State::Useless => "useless",
            State::Absent => "absent",
        };
        let sources: Vec<Value> = self
            .sources
            .iter()
            .map(|finding| {
                json!({
                    "source": finding.source, "state": state(finding.state), "says": finding.says,
                    "mends": finding.mends, "devices": finding.devices.iter().map(device).collect::<Vec<_>>(),
                })
            })
            .collect();
        let ledger = &self.ledger;
        let place = &self.place;
        json!({
            "schema": "greenwich.doctor/1",
            "can_measure": self.devices().next().is_some(),
            "can_estimate": !self.modelled.is_empty(),
            "sources": sources,
            "stand_in": self.modelled.iter().map(device).collect::<Vec<_>>(),
            "engines": doctor_engines::as_json(&self.engines),
            "ledger": {
                "folder": ledger.folder.display().to_string(), "writable": ledger.refused.is_none(),
                "open": ledger.open.iter().map(open_json).collect::<Vec<_>>(), "unreadable": ledger.unreadable,
            },
            "place": {
                "region": place.region, "zone": place.zone, "pue": place.pue, "grid": place.grid,
                "wrong": place.wrong.as_ref().map(|(words, _)| words),
            },
            "facts": {"rows": self.facts.rows, "sources": self.facts.sources, "typical_years": self.facts.typical_years},
        })
    }
}

const fn word(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::CpuPackage => "CPU",
        DeviceKind::Dram => "memory",
        DeviceKind::Platform => "platform",
        DeviceKind::Gpu => "GPU",
        DeviceKind::Node => "whole node",
        _ => "other sensors",
    }
}

/// `2 CPU, 2 memory counted`: devices by kind and method; those inside others in brackets.
fn measured(devices: &[Device]) -> String {
    let mut by: BTreeMap<Method, BTreeMap<&str, usize>> = BTreeMap::new();
    for device in devices.iter().filter(|device| !device.inside_another) {
        *by.entry(device.method).or_default().entry(word(device.kind)).or_default() += 1;
    }
    let parts: Vec<String> = by
        .into_iter()
        .map(|(method, kinds)| {
            let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            format!("{} {}", kinds.join(", "), method.as_str())
        })
        .collect();
    parts.join("; ")
}
