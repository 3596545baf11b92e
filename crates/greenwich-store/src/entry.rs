//! The ledger's entry: one run, or a correction of one, as JSON: `greenwich.run/1`.
//!
//! In: a closed part, an account by value. Out: a file that is written once. Keys are only ever added; what a later
//! version of the same schema added is kept when an entry is read and written again.

use crate::archive::{About, Closed};
use crate::error::{Result, StoreError};
use crate::id::Id;
use crate::tally::Tally;
use greenwich_core::reading::{MeterHeader, Method};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The schema's name.
pub const RUN: &str = "greenwich.run/1";
const STEM: &str = "greenwich.run/";

/// What one device drew, known in one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceEnergy {
    /// The node.
    #[serde(default)]
    pub host: String,
    /// The device's id on it.
    pub device: String,
    /// `gpu`, `cpu`, `dram` …
    #[serde(default)]
    pub kind: String,
    /// The counter's own name.
    pub domain: String,
    /// Joules; the least that it can be. `null` where nothing is known.
    pub energy_j: Option<f64>,
    /// The most that it can be, in joules.
    #[serde(default)]
    pub most_energy_j: Option<f64>,
    /// `counted`, `sampled`, `estimated` or `unknown`.
    pub method: String,
    /// The share of the run's time that it is known for in this way.
    pub coverage: f64,
    /// Whether another device holds it already: it is not in the sum.
    #[serde(default)]
    pub inside_another: bool,
}

/// A closed part that an entry is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartOf {
    /// The part's id.
    pub part: String,
    /// The node.
    pub host: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// CRC-32C of its samples' file, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_crc32c: Option<String>,
    /// CRC-32C of its minutes' file, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes_crc32c: Option<String>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `greenwich.run/1`.
    pub schema: String,
    /// Unique, and the later the greater.
    pub id: String,
    /// The run.
    pub run: String,
    /// The command and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
    /// When it began.
    #[serde(with = "crate::stamp")]
    pub start: Timestamp,
    /// When it ended, or was last heard of.
    #[serde(with = "crate::stamp")]
    pub end: Timestamp,
    /// Its exit status, where its meter lived to see it.
    pub exit_status: Option<i32>,
    /// Energy of all devices that are in no other, in joules, before PUE. `null` where nothing is known.
    pub it_energy_j: Option<f64>,
    /// The most that it can be.
    #[serde(default)]
    pub most_it_energy_j: Option<f64>,
    /// By device and method.
    pub devices: Vec<DeviceEnergy>,
    /// The project.
    #[serde(default)]
    pub project: Option<String>,
    /// The model.
    #[serde(default)]
    pub model: Option<String>,
    /// `search`, `preliminary`, `final`.
    #[serde(default)]
    pub phase: Option<String>,
    /// Free tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The nodes that were metered.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// How many there should be, where the launcher told.
    #[serde(default)]
    pub nodes: Option<u32>,
    /// Those of which nothing was found.
    #[serde(default)]
    pub missing_nodes: Vec<String>,
    /// Entries that this one takes the place of.
    #[serde(default)]
    pub corrects: Vec<String>,
    /// The closed parts that it sums.
    #[serde(default)]
    pub parts: Vec<PartOf>,
    /// What measured: `greenwich`, `codecarbon 3.3.2`, `nvidia-smi`, `slurm sacct`.
    pub source: String,
    /// The version that wrote it.
    pub software: String,
    /// What to know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The quantities of an account, and keys of later versions.
    #[serde(flatten)]
    pub quantities: Map<String, Value>,
}

/// Keys that an account's JSON has for itself and an entry does not take.
const OF_THE_ACCOUNT: [&str; 1] = ["schema"];

impl Entry {
    /// The entry of a closed part.
    #[must_use]
    pub fn of(closed: &Closed) -> Self {
        let mut entry = Self::measured(&closed.header, &closed.about, &closed.tally);
        entry.parts = vec![PartOf {
            part: closed.part.clone(),
            host: closed.header.host.clone(),
            boot_id: closed.header.boot_id.clone(),
            samples_crc32c: Some(format!("{:08x}", closed.samples_crc32c)),
            minutes_crc32c: Some(format!("{:08x}", closed.minutes_crc32c)),
        }];
        let damaged: u64 = closed.damage.iter().map(|damage| damage.bytes).sum();
        if damaged > 0 {
            entry.warnings.push(format!(
                "{damaged} B of the journal were damaged, from byte {}; {} ticks in them are lost",
                closed.damage[0].offset, closed.about.lost_ticks
            ));
        }
        if closed.torn_bytes > 0 {
            entry.warnings.push(format!("a torn record of {} B at the journal's end was cut off", closed.torn_bytes));
        }
        entry
    }

    /// The entry of sums of which no journal could be kept.
    #[must_use]
    pub fn measured(header: &MeterHeader, about: &About, tally: &Tally) -> Self {
        let last = SignedDuration::from_micros(i64::try_from(tally.last_us()).unwrap_or(i64::MAX));
        let heard = header.started.checked_add(last).unwrap_or(Timestamp::MAX);
        let end = about.end.map_or(heard, |end| end.end.max(header.started));
        let mut entry = Self::empty(&header.run, header.started, end);
        entry.exit_status = about.end.and_then(|end| end.exit_status);
        let context = &about.context;
        entry.command.clone_from(&context.command);
        entry.project.clone_from(&context.project);
        entry.model.clone_from(&context.model);
        entry.phase.clone_from(&context.phase);
        entry.tags.clone_from(&context.tags);
        entry.nodes = context.nodes;
        entry.hosts = vec![header.host.clone()];
        if about.end.is_none() {
            entry.warnings.push("the meter did not live to see the end of the run".to_owned());
        }
        let duration_us = tally.last_us().max(1);
        for (at, device) in (0..).zip(&header.devices) {
            let known: Vec<_> = tally.iter().filter(|(of, _, _)| *of == at).collect();
            for (_, method, sum) in &known {
                entry.devices.push(DeviceEnergy::new(header, device, *method, *sum, duration_us));
            }
            if known.is_empty() {
                entry.devices.push(DeviceEnergy::new(
                    header,
                    device,
                    Method::Unknown,
                    crate::Sum::default(),
                    duration_us,
                ));
                entry.warnings.push(format!("nothing is known of `{}`", device.id));
            }
        }
        entry.sum_up();
        entry
    }

    /// An entry without energy, to be filled in.
    pub(crate) fn empty(run: &str, start: Timestamp, end: Timestamp) -> Self {
        Self {
            schema: RUN.to_owned(),
            id: Id::now().to_string(),
            run: run.to_owned(),
            command: Vec::new(),
            start,
            end,
            exit_status: None,
            it_energy_j: None,
            most_it_energy_j: None,
            devices: Vec::new(),
            project: None,
            model: None,
            phase: None,
            tags: BTreeMap::new(),
            hosts: Vec::new(),
            nodes: None,
            missing_nodes: Vec::new(),
            corrects: Vec::new(),
            parts: Vec::new(),
            source: "greenwich".to_owned(),
            software: format!("greenwich {}", env!("CARGO_PKG_VERSION")),
            warnings: Vec::new(),
            quantities: Map::new(),
        }
    }

    /// Sums the devices that are in no other.
    pub(crate) fn sum_up(&mut self) {
        let (energy_j, most_energy_j) = sums(&self.devices);
        self.it_energy_j = energy_j;
        self.most_it_energy_j = most_energy_j;
    }

    /// Adds the quantities of an account, given by value: `facility_energy_kwh`, `location_based_co2e_kg` …
    ///
    /// Its warnings join those of the entry; a key that the entry has itself is left as it is.
    pub fn add_account(&mut self, account: Map<String, Value>) {
        let own = serde_json::to_value(&*self).ok();
        for (key, value) in account {
            if key == "warnings" {
                self.warnings
                    .extend(value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            } else if !OF_THE_ACCOUNT.contains(&key.as_str()) && own.as_ref().is_none_or(|own| own.get(&key).is_none())
            {
                self.quantities.insert(key, value);
            }
        }
    }

    /// A new entry that takes the place of this one; its id is new.
    #[must_use]
    pub fn correction(&self) -> Self {
        Self {
            id: Id::now().to_string(),
            corrects: vec![self.id.clone()],
            software: format!("greenwich {}", env!("CARGO_PKG_VERSION")),
            ..self.clone()
        }
    }

    /// A quantity's middle: a number, or the `p50` of a range.
    pub fn quantity(&self, key: &str) -> Option<f64> {
        let value = self.quantities.get(key)?;
        value.as_f64().or_else(|| value.get("p50")?.as_f64())
    }

    /// The file's bytes.
    ///
    /// # Panics
    /// Never: every part of an entry is lawful JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("an entry has only text keys and finite numbers");
        bytes.push(b'\n');
        bytes
    }

    /// Reads an entry; `path` is for messages.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a schema of later days, [`StoreError::Kind`] for what is no entry.
    pub fn from_json(path: &str, bytes: &[u8]) -> Result<Self> {
        let kind = |found: String| StoreError::Kind { path: path.to_owned(), kind: "entry", found };
        let value: Value = serde_json::from_slice(bytes).map_err(|cause| kind(cause.to_string()))?;
        let schema = value.get("schema").and_then(Value::as_str).unwrap_or("none");
        match schema.strip_prefix(STEM).and_then(|version| version.parse::<u32>().ok()) {
            Some(1) => serde_json::from_value(value).map_err(|cause| kind(cause.to_string())),
            Some(2..) => Err(StoreError::Newer {
                path: path.to_owned(),
                found: schema.to_owned(),
                known: RUN,
                software: value
                    .get("software")
                    .and_then(Value::as_str)
                    .map_or("of its writer".to_owned(), |software| {
                        software.trim_start_matches("greenwich ").to_owned()
                    }),
            }),
            _ => Err(kind(format!("its schema is `{schema}`"))),
        }
    }

    /// Where it lies in a store: by month, with the checksum of its bytes in its name.
    pub(crate) fn key(&self, bytes: &[u8]) -> String {
        let moment = Id::parse(&self.id).map_or(self.start, Id::moment);
        let month = moment.strftime("%Y/%m");
        format!("entries/{month}/{}.{:08x}.json", self.id, crc32c::crc32c(bytes))
    }
}

impl DeviceEnergy {
    pub(crate) fn new(
        header: &MeterHeader,
        device: &greenwich_core::reading::Device,
        method: Method,
        sum: crate::Sum,
        duration_us: u64,
    ) -> Self {
        // Of an unknown span only bounds are known; no energy at all is not a measurement of zero.
        let nothing = method == Method::Unknown && sum.energy_uj == 0;
        Self {
            host: header.host.clone(),
            device: device.id.clone(),
            kind: device.kind.as_str().to_owned(),
            domain: device.domain.clone(),
            energy_j: (!nothing).then_some(sum.energy_uj as f64 / 1e6),
            most_energy_j: (!nothing || sum.most_uj > 0).then_some(sum.most_uj as f64 / 1e6),
            method: method.as_str().to_owned(),
            coverage: sum.covered_us as f64 / duration_us.max(1) as f64,
            inside_another: device.inside_another,
        }
    }
}

/// Least and most of all devices that are in no other; `None` where nothing is known of any, and no most where
/// one has none.
pub(crate) fn sums(devices: &[DeviceEnergy]) -> (Option<f64>, Option<f64>) {
    let counted = || devices.iter().filter(|device| !device.inside_another);
    let known = counted().any(|device| device.energy_j.is_some());
    let least = known.then(|| counted().filter_map(|device| device.energy_j).sum());
    let most = known.then(|| counted().map(|device| device.most_energy_j).sum::<Option<f64>>()).flatten();
    (least, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIRST: &str = include_str!("../tests/entries/run-1.json");

    #[test]
    fn every_version_ever_written_is_read() {
        let entry = Entry::from_json("run-1.json", FIRST.as_bytes()).expect("an entry of the first version");
        assert_eq!((entry.run.as_str(), entry.it_energy_j), ("llm-7b", Some(7_310.25)));
        assert_eq!(entry.quantity("location_based_co2e_kg"), Some(0.8));
        assert_eq!(entry.quantities.get("a_key_of_later_days"), Some(&json!([1, 2])));
        assert_eq!(String::from_utf8(entry.to_json()).expect("JSON is text"), FIRST, "and written as it was");
    }

    #[test]
    fn an_entry_with_the_contract_alone_is_read() {
        let bare = json!({
            "schema": "greenwich.run/1", "id": "x", "run": "r", "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-01T01:00:00Z", "exit_status": null, "it_energy_j": null, "devices": [],
            "source": "greenwich", "software": "greenwich 0.1.0"
        });
        assert!(Entry::from_json("bare", bare.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn a_later_version_is_refused_with_a_mend() {
        let later = json!({"schema": "greenwich.run/2", "software": "greenwich 3.1.0"});
        let error = Entry::from_json("entries/x.json", later.to_string().as_bytes()).expect_err("a later version");
        insta::assert_snapshot!(error, @"`entries/x.json` has schema `greenwich.run/2`; this Greenwich reads up to `greenwich.run/1`");
        let help = miette::Diagnostic::help(&error).expect("a mend").to_string();
        insta::assert_snapshot!(help, @"read it with Greenwich 3.1.0 or later; nothing was changed");
    }

    #[test]
    fn an_account_fills_in_and_never_overwrites() {
        let mut entry = Entry::from_json("run-1.json", FIRST.as_bytes()).expect("an entry");
        let account = json!({"schema": "greenwich.account/1", "run": "other", "water_l": 2.5, "warnings": ["w"]});
        let Value::Object(account) = account else { panic!("an object") };
        entry.add_account(account);
        assert_eq!((entry.run.as_str(), entry.quantity("water_l")), ("llm-7b", Some(2.5)));
        assert_eq!(entry.warnings.last().map(String::as_str), Some("w"));
        assert_eq!(entry.schema, RUN);
    }
}
