//! CodeCarbon's `emissions.csv`, read by column name: versions differ in their columns.
//!
//! In: the file. Out: an entry a row. CodeCarbon multiplies each energy by the PUE that it was given, so it is
//! divided by it here. No column says whether a figure was measured: GPU energy comes from the driver and is
//! marked `sampled`; CPU energy may be a counter's or a share of TDP, and memory is a model: both are `estimated`.

use super::{Table, content_id, run_name};
use crate::entry::{DeviceEnergy, Entry, sums};
use crate::error::Result;
use greenwich_core::reading::Method;
use jiff::SignedDuration;
use jiff::tz::Offset;
use serde_json::{Map, Value};

const JOULES_PER_KWH: f64 = 3.6e6;

/// Reads CodeCarbon's rows. Its stamps have no offset: they are read at `offset`, that of the machine that wrote.
///
/// # Errors
/// [`crate::StoreError::Import`] with file and line.
pub fn codecarbon(file: &str, bytes: &[u8], offset: Offset) -> Result<Vec<Entry>> {
    let mut table = Table::new(file, bytes, b',', &["timestamp", "duration", "energy_consumed"])?;
    let mut entries = Vec::new();
    for row in table.rows() {
        let row = row?;
        let Some(end) = row.moment("timestamp", offset)? else {
            return Err(row.wrong("timestamp", "", "a time such as 2026-11-25T02:21:27"));
        };
        let seconds = row.number("duration")?.ok_or_else(|| row.wrong("duration", "", "the run's seconds"))?;
        let length = SignedDuration::try_from_secs_f64(seconds)
            .map_err(|_| row.wrong("duration", &seconds.to_string(), "the run's seconds"))?;
        let start =
            end.checked_sub(length).map_err(|_| row.wrong("duration", &seconds.to_string(), "the run's seconds"))?;
        let pue = row.number("pue")?.filter(|pue| *pue >= 1.0).unwrap_or(1.0);
        let id = row.text("run_id").unwrap_or("codecarbon");
        let mut entry = Entry::empty(&run_name(id), start, end);
        let content: Vec<&str> = row.record.iter().collect();
        entry.id = content_id(end, &content).to_string();
        entry.project = row.text("project_name").map(str::to_owned);
        if let Some(experiment) = row.text("experiment_id") {
            entry.tags.insert("experiment_id".to_owned(), experiment.to_owned());
        }
        let version = row.text("codecarbon_version").unwrap_or("of unknown version");
        entry.source = format!("codecarbon {version}");
        for (kind, column, method) in [
            ("cpu", "cpu_energy", Method::Estimated),
            ("gpu", "gpu_energy", Method::Sampled),
            ("dram", "ram_energy", Method::Estimated),
        ] {
            let Some(kwh) = row.number(column)? else { continue };
            // It writes 0 both for a device that is not there and for one that it could not read.
            if kwh == 0.0 {
                if row.number(&format!("{kind}_count"))?.is_some_and(|count| count > 0.0) {
                    entry.warnings.push(format!("codecarbon wrote 0 kWh for `{column}`: taken as not known"));
                }
                continue;
            }
            entry.devices.push(DeviceEnergy {
                host: String::new(),
                device: kind.to_owned(),
                kind: kind.to_owned(),
                domain: format!("codecarbon {column}"),
                energy_j: Some(kwh / pue * JOULES_PER_KWH),
                most_energy_j: None,
                method: method.as_str().to_owned(),
                coverage: 1.0,
                inside_another: false,
            });
        }
        entry.it_energy_j = sums(&entry.devices)
            .0
            .or(row.number("energy_consumed")?.filter(|kwh| *kwh > 0.0).map(|kwh| kwh / pue * JOULES_PER_KWH));
        if entry.it_energy_j.is_none() {
            entry.warnings.push("codecarbon recorded no energy".to_owned());
        }
        if pue > 1.0 {
            entry.warnings.push(format!("energies are those of codecarbon divided by its PUE of {pue}"));
        }
        entry.quantities.insert("codecarbon".to_owned(), Value::Object(foreign(&row)?));
        entries.push(entry);
    }
    Ok(entries)
}

/// What CodeCarbon made of the energy, kept beside it under its own names and not taken for an account of ours.
fn foreign(row: &super::Row<'_>) -> Result<Map<String, Value>> {
    let mut kept = Map::new();
    for column in ["emissions", "energy_consumed", "water_consumed", "pue", "wue"] {
        if let Some(number) = row.number(column)? {
            kept.insert(column.to_owned(), number.into());
        }
    }
    for column in
        ["country_iso_code", "region", "cloud_provider", "cloud_region", "cpu_model", "gpu_model", "tracking_mode"]
    {
        if let Some(text) = row.text(column) {
            kept.insert(column.to_owned(), text.into());
        }
    }
    Ok(kept)
}
