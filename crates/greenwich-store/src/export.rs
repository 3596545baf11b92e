//! Entries as CSV, JSON or Parquet: one row a run.
//!
//! In: entries. Out: bytes. Unknown is an empty field, `null`, or a Parquet null; never zero.

use crate::archive::failed;
use crate::archive::table::{Column, Packing, TableWriter};
use crate::entry::Entry;
use crate::error::Result;

/// The forms that entries are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line and a row a run.
    Csv,
    /// An array of whole entries, `greenwich.run/1`.
    Json,
    /// The columns of the CSV, typed.
    Parquet,
}

/// The schema's name, in the Parquet file's metadata.
pub const RUNS: &str = "greenwich.runs/1";

enum Cell {
    Text(Option<String>),
    Whole(Option<i64>),
    Real(Option<f64>),
    Moment(jiff::Timestamp),
}

type Of = fn(&Entry) -> Cell;

/// Every column, its Parquet type and where it is from.
const COLUMNS: [(&str, &str, Of); 22] = [
    ("id", "BYTE_ARRAY id (STRING)", |e| text(&e.id)),
    ("run", "BYTE_ARRAY run (STRING)", |e| text(&e.run)),
    ("start", "INT64 start (TIMESTAMP(MICROS,true))", |e| Cell::Moment(e.start)),
    ("end", "INT64 end (TIMESTAMP(MICROS,true))", |e| Cell::Moment(e.end)),
    ("project", "BYTE_ARRAY project (STRING)", |e| Cell::Text(e.project.clone())),
    ("model", "BYTE_ARRAY model (STRING)", |e| Cell::Text(e.model.clone())),
    ("phase", "BYTE_ARRAY phase (STRING)", |e| Cell::Text(e.phase.clone())),
    ("tags", "BYTE_ARRAY tags (STRING)", |e| joined(e.tags.iter().map(|(key, value)| format!("{key}={value}")))),
    ("hosts", "BYTE_ARRAY hosts (STRING)", |e| joined(e.hosts.iter().cloned())),
    ("nodes", "INT64 nodes", |e| Cell::Whole(e.nodes.map(i64::from))),
    ("command", "BYTE_ARRAY command (STRING)", |e| joined_by(e.command.iter().cloned(), " ")),
    ("exit_status", "INT64 exit_status", |e| Cell::Whole(e.exit_status.map(i64::from))),
    ("it_energy_j", "DOUBLE it_energy_j", |e| Cell::Real(e.it_energy_j)),
    ("most_it_energy_j", "DOUBLE most_it_energy_j", |e| Cell::Real(e.most_it_energy_j)),
    ("methods", "BYTE_ARRAY methods (STRING)", |e| joined(methods(e))),
    ("facility_energy_kwh", "DOUBLE facility_energy_kwh", |e| Cell::Real(e.quantity("facility_energy_kwh"))),
    ("location_based_co2e_kg", "DOUBLE location_based_co2e_kg", |e| Cell::Real(e.quantity("location_based_co2e_kg"))),
    ("market_based_co2e_kg", "DOUBLE market_based_co2e_kg", |e| Cell::Real(e.quantity("market_based_co2e_kg"))),
    ("embodied_co2e_kg", "DOUBLE embodied_co2e_kg", |e| Cell::Real(e.quantity("embodied_co2e_kg"))),
    ("source", "BYTE_ARRAY source (STRING)", |e| text(&e.source)),
    ("corrects", "BYTE_ARRAY corrects (STRING)", |e| joined(e.corrects.iter().cloned())),
    ("software", "BYTE_ARRAY software (STRING)", |e| text(&e.software)),
];

fn text(text: &str) -> Cell {
    Cell::Text(Some(text.to_owned()))
}

fn joined(parts: impl Iterator<Item = String>) -> Cell {
    joined_by(parts, "|")
}

fn joined_by(parts: impl Iterator<Item = String>, between: &str) -> Cell {
    let parts: Vec<String> = parts.collect();
    Cell::Text((!parts.is_empty()).then(|| parts.join(between)))
}

fn methods(entry: &Entry) -> impl Iterator<Item = String> {
    let methods: std::collections::BTreeSet<String> =
        entry.devices.iter().map(|device| device.method.clone()).collect();
    methods.into_iter()
}

/// Writes entries in a form, in the order given.
///
/// # Errors
/// [`crate::StoreError::Kind`] when Parquet refuses, which no entry should bring about.
pub fn export<'a>(entries: impl IntoIterator<Item = &'a Entry>, format: Format) -> Result<Vec<u8>> {
    let entries: Vec<&Entry> = entries.into_iter().collect();
    match format {
        Format::Csv => Ok(csv(&entries)),
        Format::Json => {
            let mut bytes =
                serde_json::to_vec_pretty(&entries).expect("an entry has only text keys and finite numbers");
            bytes.push(b'\n');
            Ok(bytes)
        }
        Format::Parquet => parquet(&entries).map_err(failed("archive", "the export".to_owned())),
    }
}

fn csv(entries: &[&Entry]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.map(|(name, _, _)| name)).expect("memory takes what is written");
    for entry in entries {
        let row = COLUMNS.map(|(_, _, of)| match of(entry) {
            Cell::Text(text) => text.unwrap_or_default(),
            Cell::Whole(number) => number.map(|number| number.to_string()).unwrap_or_default(),
            Cell::Real(number) => number.map(|number| number.to_string()).unwrap_or_default(),
            Cell::Moment(moment) => moment.to_string(),
        });
        writer.write_record(row).expect("memory takes what is written");
    }
    writer.into_inner().expect("memory takes what is written")
}

fn parquet(entries: &[&Entry]) -> parquet::errors::Result<Vec<u8>> {
    let fields: String = COLUMNS.map(|(_, of_type, _)| format!("OPTIONAL {of_type};")).concat();
    let metadata = vec![("greenwich.schema", RUNS.to_owned())];
    let mut table =
        TableWriter::new(Vec::new(), &format!("message runs {{ {fields} }}"), &[], Packing::Zstd, &[], metadata)?;
    let mut columns = COLUMNS.iter().map(|(_, of_type, of)| {
        let cells = entries.iter().map(|entry| of(entry));
        match of_type.split(' ').next() {
            Some("BYTE_ARRAY") => {
                Column::MaybeText(cells.map(|cell| if let Cell::Text(text) = cell { text } else { None }).collect())
            }
            Some("DOUBLE") => {
                Column::MaybeReal(cells.map(|cell| if let Cell::Real(number) = cell { number } else { None }).collect())
            }
            _ => Column::MaybeWhole(
                cells
                    .map(|cell| match cell {
                        Cell::Whole(number) => number,
                        Cell::Moment(moment) => Some(moment.as_microsecond()),
                        Cell::Text(_) | Cell::Real(_) => None,
                    })
                    .collect(),
            ),
        }
    });
    if !entries.is_empty() {
        table.group(&mut columns)?;
    }
    table.finish(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry::from_json("run-1.json", include_bytes!("../tests/entries/run-1.json")).expect("an entry")
    }

    #[test]
    fn a_run_is_a_row_and_unknown_is_empty() {
        let text = String::from_utf8(export([&entry()], Format::Csv).expect("bytes")).expect("text");
        insta::assert_snapshot!(text, @r"
        id,run,start,end,project,model,phase,tags,hosts,nodes,command,exit_status,it_energy_j,most_it_energy_j,methods,facility_energy_kwh,location_based_co2e_kg,market_based_co2e_kg,embodied_co2e_kg,source,corrects,software
        01931234-5678-7fff-bfff-ffffffffffff,llm-7b,2026-03-01T12:00:00Z,2026-03-01T12:00:10Z,llm,llm-7b,final,owner=nlp,node-1,1,python train.py,0,7310.25,7400.25,counted|estimated,,0.8,,,greenwich,,greenwich 0.1.0
        ");
    }

    #[test]
    fn json_is_what_is_in_the_ledger() {
        let bytes = export([&entry()], Format::Json).expect("bytes");
        let read: Vec<Entry> = serde_json::from_slice(&bytes).expect("entries");
        assert_eq!(read, [entry()]);
    }

    #[test]
    fn no_runs_are_an_empty_table_in_every_form() {
        for format in [Format::Csv, Format::Json, Format::Parquet] {
            assert!(!export([], format).expect("bytes").is_empty());
        }
    }
}
