//! What is known of a run before its first tick, on disk.
//!
//! In: the meter's header and the run's context. Out: JSON, the same in a journal's first records and in the
//! metadata of an archive. Keys are only ever added; a key that an older version does not know is passed over.

use crate::words;
use greenwich_core::reading::{Device, MeterHeader};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run is about: told by the user, written before the first tick, so that a run cut off by `kill -9`
/// still has its name, command and tags.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunContext {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The project that the run belongs to.
    pub project: Option<String>,
    /// The model that it trains.
    pub model: Option<String>,
    /// `search`, `preliminary` or `final`.
    pub phase: Option<String>,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
    /// Nodes that the run should have, where the launcher tells.
    pub nodes: Option<u32>,
    /// Their names, where the launcher tells.
    pub node_names: Vec<String>,
    /// Where it runs: dotted keys of the settings (`site.zone` …) with their values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub place: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeaderWire {
    part: String,
    run: String,
    host: String,
    boot_id: String,
    #[serde(with = "crate::stamp")]
    started: Timestamp,
    started_boot_ns: u64,
    period_ns: u64,
    devices: Vec<DeviceWire>,
    software: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DeviceWire {
    id: String,
    kind: String,
    domain: String,
    model: String,
    method: String,
    inside_another: bool,
}

impl HeaderWire {
    pub(crate) fn new(part: &str, header: &MeterHeader) -> Self {
        let devices = header.devices.iter().map(|device| DeviceWire {
            id: device.id.clone(),
            kind: device.kind.as_str().to_owned(),
            domain: device.domain.clone(),
            model: device.model.clone(),
            method: device.method.as_str().to_owned(),
            inside_another: device.inside_another,
        });
        Self {
            part: part.to_owned(),
            run: header.run.clone(),
            host: header.host.clone(),
            boot_id: header.boot_id.clone(),
            started: header.started,
            started_boot_ns: header.started_boot_ns,
            period_ns: u64::try_from(header.period.as_nanos()).unwrap_or(0),
            devices: devices.collect(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The part's id and the meter's header.
    pub(crate) fn into_parts(self) -> (String, MeterHeader) {
        let devices = self.devices.into_iter().map(|device| Device {
            kind: words::kind(&device.kind),
            method: words::method(&device.method),
            id: device.id,
            domain: device.domain,
            model: device.model,
            inside_another: device.inside_another,
        });
        let header = MeterHeader {
            run: self.run,
            host: self.host,
            boot_id: self.boot_id,
            started: self.started,
            started_boot_ns: self.started_boot_ns,
            period: SignedDuration::from_nanos(i64::try_from(self.period_ns).unwrap_or(i64::MAX)),
            devices: devices.collect(),
        };
        (self.part, header)
    }
}

/// How a run ended, where its meter lived to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When it ended.
    #[serde(with = "crate::stamp")]
    pub end: Timestamp,
    /// Its exit status; 128 + the signal where a signal ended it.
    pub exit_status: Option<i32>,
}
