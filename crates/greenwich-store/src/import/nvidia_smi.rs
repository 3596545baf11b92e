//! Logs of `nvidia-smi --query-gpu=timestamp,index,uuid,name,power.draw,power.limit --format=csv -l 1`.
//!
//! In: the log. Out: samples of each GPU: power between two readings is their mean (trapezoid), so energy is
//! `sampled`. Where readings are missing for longer than [`GAP`] periods the span is `unknown`: its least is
//! nothing, its most the power limit, or the highest power seen, all the time.

use super::{Table, content_id, run_name};
use crate::archive::{About, Sample, archive_rows};
use crate::entry::Entry;
use crate::error::{Result, StoreError};
use crate::header::RunContext;
use crate::ledger::Ledger;
use greenwich_core::reading::{Device, DeviceKind, MeterHeader, Method};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Median periods without a reading that make a gap.
pub const GAP: i64 = 5;

/// A log that was read: a run of GPUs, not yet in the ledger.
#[derive(Debug, Clone)]
pub struct NvidiaSmiLog {
    header: MeterHeader,
    part: String,
    rows: Vec<Vec<Sample>>,
    warnings: Vec<String>,
}

#[derive(Default)]
struct Gpu {
    model: String,
    limit_w: f64,
    readings: Vec<(i64, Option<f64>)>,
}

/// Reads a log. Its stamps have no offset: they are read at `offset`, that of the machine that wrote.
///
/// `run` is the run's name and `host` the node's.
///
/// # Errors
/// [`StoreError::Import`] with file and line.
pub fn nvidia_smi(file: &str, bytes: &[u8], offset: Offset, run: &str, host: &str) -> Result<NvidiaSmiLog> {
    // Newer drivers tell the mean of a second and the momentary value apart.
    let columns = ["power.draw", "power.draw.average", "power.draw.instant"];
    let mut table = Table::new(file, bytes, b',', &["timestamp"])?;
    let Some(power) = columns.into_iter().find(|name| table.columns.iter().any(|column| column == name)) else {
        let missing = Table::new(file, bytes, b',', &["timestamp", "power.draw"]);
        return Err(missing.err().expect("the column was looked for and is not there"));
    };
    let mut gpus: BTreeMap<String, Gpu> = BTreeMap::new();
    let mut last_line = 1;
    for row in table.rows() {
        let row = row?;
        last_line = row.line;
        let id = match (row.text("uuid").or(row.text("gpu_uuid")), row.text("index"), row.text("pci.bus_id")) {
            (Some(uuid), _, _) => uuid.to_owned(),
            (None, Some(index), _) => format!("gpu-{index}"),
            (None, None, Some(bus)) => format!("gpu-{bus}"),
            // A log of one GPU may name none.
            (None, None, None) => "gpu-0".to_owned(),
        };
        let Some(moment) = row.moment("timestamp", offset)? else {
            return Err(row.wrong("timestamp", "", "a time such as 2026/11/25 02:21:27.123"));
        };
        let gpu = gpus.entry(id.clone()).or_default();
        let at_us = moment.as_microsecond();
        if let Some((before_us, _)) = gpu.readings.last()
            && at_us <= *before_us
        {
            return Err(StoreError::Import {
                file: file.to_owned(),
                line: row.line,
                problem: format!("`{id}` was read at or before this time already"),
                mend: if gpus.len() == 1 && !table_has_id(&row) {
                    "log `uuid` or `index` as well, so that GPUs are told apart".to_owned()
                } else {
                    "give one log a file, in the order it was written; a change of the clock parts it in two".to_owned()
                },
            });
        }
        gpu.readings.push((at_us, row.number(power)?));
        gpu.limit_w = gpu.limit_w.max(row.number("power.limit")?.unwrap_or(0.0));
        if let Some(model) = row.text("name") {
            model.clone_into(&mut gpu.model);
        }
    }
    gpus.retain(|_, gpu| !gpu.readings.is_empty());
    let Some(start_us) = gpus.values().filter_map(|gpu| gpu.readings.first()).map(|(at, _)| *at).min() else {
        return Err(StoreError::Import {
            file: file.to_owned(),
            line: last_line,
            problem: "it has no reading".to_owned(),
            mend: "give a log with one line a reading".to_owned(),
        });
    };
    Ok(log(file, bytes, start_us, &gpus, run, host))
}

fn table_has_id(row: &super::Row<'_>) -> bool {
    ["uuid", "gpu_uuid", "index", "pci.bus_id"].into_iter().any(|column| row.text(column).is_some())
}

fn log(file: &str, bytes: &[u8], start_us: i64, gpus: &BTreeMap<String, Gpu>, run: &str, host: &str) -> NvidiaSmiLog {
    let mut steps: Vec<i64> =
        gpus.values().flat_map(|gpu| gpu.readings.windows(2).map(|pair| pair[1].0 - pair[0].0)).collect();
    steps.sort_unstable();
    let period_us = steps.get(steps.len() / 2).copied().unwrap_or(1_000_000);
    let mut warnings = vec![format!("power as nvidia-smi logged it in `{file}`, integrated; not a counter")];
    let mut by_end: BTreeMap<u64, Vec<Sample>> = BTreeMap::new();
    for (device, (id, gpu)) in (0..).zip(gpus) {
        let highest_w = gpu.readings.iter().filter_map(|(_, power)| *power).fold(0.0, f64::max);
        let bound_w = if gpu.limit_w > 0.0 { gpu.limit_w } else { highest_w };
        let mut unknown_us = 0;
        // A reading that says nothing leaves its two spans to those beside it.
        let known: Vec<(i64, f64)> =
            gpu.readings.iter().filter_map(|(at, power)| power.map(|power| (*at, power))).collect();
        for pair in known.windows(2) {
            let [(since, before_w), (until, after_w)] = [pair[0], pair[1]];
            let seconds = (until - since) as f64 / 1e6;
            let gap = until - since > GAP * period_us;
            let (method, energy_uj, most_uj) = if gap {
                unknown_us += until - since;
                (Method::Unknown, 0, (bound_w * seconds * 1e6).round() as u64)
            } else {
                let energy_uj = (f64::midpoint(before_w, after_w) * seconds * 1e6).round() as u64;
                (Method::Sampled, energy_uj, energy_uj)
            };
            let [since_us, until_us] = [since, until].map(|at| (at - start_us) as u64);
            let sample = Sample { device, since_us, until_us, method, energy_uj, most_uj, clock_step_us: 0 };
            by_end.entry(until_us).or_default().push(sample);
        }
        if known.len() < 2 {
            warnings.push(format!("`{id}` has fewer than two readings: nothing is known of it"));
        }
        if unknown_us > 0 {
            let bound = if gpu.limit_w > 0.0 { "its power limit" } else { "the highest power seen" };
            let seconds = unknown_us as f64 / 1e6;
            warnings.push(format!("`{id}` was not read for {seconds:.0} s: unknown, at most {bound} all the time"));
        }
    }
    let started = Timestamp::from_microsecond(start_us).unwrap_or(Timestamp::UNIX_EPOCH);
    let text = String::from_utf8_lossy(bytes);
    let id = content_id(started, &[&text, run, host]).to_string();
    let header = MeterHeader {
        run: run_name(run),
        host: host.to_owned(),
        // Not of a boot that is known: it merges with nothing but itself.
        boot_id: format!("nvidia-smi-{id}"),
        started,
        started_boot_ns: 0,
        period: SignedDuration::from_micros(period_us),
        devices: gpus
            .iter()
            .map(|(id, gpu)| Device {
                id: id.clone(),
                kind: DeviceKind::Gpu,
                domain: "nvidia-smi power.draw".to_owned(),
                model: gpu.model.clone(),
                method: Method::Sampled,
                inside_another: false,
            })
            .collect(),
    };
    NvidiaSmiLog { header, part: id, rows: by_end.into_values().collect(), warnings }
}

impl Ledger {
    /// Puts a log's samples into the ledger and gives its entry, not written yet: [`Ledger::record`] does.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the same log again gives the same entry.
    pub fn import_log(&self, log: &NvidiaSmiLog, context: RunContext) -> Result<Entry> {
        let about = About { context, end: None, lost_ticks: 0 };
        let closed = archive_rows(&self.open, &log.part, &log.header, &about, &log.rows, &self.store)?;
        let mut entry = Entry::of(&closed);
        entry.id.clone_from(&log.part);
        "nvidia-smi".clone_into(&mut entry.source);
        entry.warnings.retain(|warning| !warning.starts_with("the meter did not live"));
        entry.warnings.extend(log.warnings.iter().cloned());
        Ok(entry)
    }
}
