//! Reading one fact table, refusing what its schema does not allow.
//!
//! In: a CSV text and its [`TableSpec`]. Out: its rows, or the first thing wrong with file, line
//! and mend. Rules that need more than one row (two values for one key, direct above lifecycle) are
//! checked here too; rules that need another file (unknown source) are the catalog's.

use crate::error::FactsError;
use crate::nearest::nearest;
use crate::schema::TableSpec;
use greenwich_core::Check;
use jiff::civil::Date;
use std::collections::HashMap;

const COLUMNS: [&str; 8] = ["quantity", "value", "unit", "scope", "valid_from", "source", "check", "note"];

/// One fact: one value with its unit, date and source.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Table that it stands in.
    pub table: &'static str,
    /// Line in the table's file, counted from 1.
    pub line: u64,
    /// What the fact is about.
    pub subject: String,
    /// Which quantity.
    pub quantity: &'static str,
    /// Its value in `unit`.
    pub value: f64,
    /// The unit.
    pub unit: &'static str,
    /// Boundary, or the vendor of a price.
    pub scope: String,
    /// Since when it holds.
    pub valid_from: Date,
    /// Row of `sources.csv`.
    pub source: String,
    /// Where we read it.
    pub check: Check,
    /// What a reader should know.
    pub note: String,
}

impl Row {
    /// The value of `key` in a note such as `accelerator=tpu-v3; organisation=Google`.
    pub fn noted(&self, key: &str) -> Option<&str> {
        self.note
            .split(';')
            .find_map(|part| part.trim().strip_prefix(key)?.trim_start().strip_prefix('='))
            .map(str::trim)
    }
}

/// Where in which file, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: u64,
}

impl Place<'_> {
    pub(crate) fn refuse(self, problem: impl Into<String>, mend: impl Into<String>) -> FactsError {
        FactsError::Row { file: self.file.to_owned(), line: self.line, problem: problem.into(), mend: mend.into() }
    }
}

/// Reads the records of a CSV text whose header must be `expected`.
pub(crate) fn records(file: &str, text: &str, expected: &[&str]) -> Result<Vec<(u64, csv::StringRecord)>, FactsError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let broken = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Place { file, line }.refuse(error.to_string(), format!("write {} comma-separated columns", expected.len()))
    };
    let header = reader.headers().map_err(|error| broken(&error))?.clone();
    if header.iter().ne(expected.iter().copied()) {
        let unknown = header.iter().find(|column| !expected.contains(column));
        let problem =
            unknown.map_or_else(|| "columns out of order or missing".to_owned(), |c| format!("unknown column `{c}`"));
        return Err(Place { file, line: 1 }.refuse(problem, format!("the header is `{}`", expected.join(","))));
    }
    reader
        .records()
        .map(|record| {
            let record = record.map_err(|error| broken(&error))?;
            Ok((record.position().map_or(0, csv::Position::line), record))
        })
        .collect()
}

/// Reads a date, `2024-01-01`.
pub(crate) fn date(place: Place<'_>, text: &str) -> Result<Date, FactsError> {
    text.parse().map_err(|_| place.refuse(format!("`{text}` is not a date"), "write it as 2024-01-01"))
}

/// Reads a check mark.
pub(crate) fn check(place: Place<'_>, text: &str) -> Result<Check, FactsError> {
    [Check::Primary, Check::Derived, Check::Quoted, Check::Unverified]
        .into_iter()
        .find(|mark| mark.as_str() == text)
        .ok_or_else(|| {
            place.refuse(format!("unknown check mark `{text}`"), "write primary, derived, quoted or unverified")
        })
}

/// Reads a whole table.
///
/// # Errors
/// [`FactsError::Row`] for an unknown column, quantity, unit, scope or mark, a value outside what can be
/// meant, two values for one key and date, and a `direct` factor above its `lifecycle` one.
pub(crate) fn read(spec: &TableSpec, text: &str) -> Result<Vec<Row>, FactsError> {
    let file = format!("{}.csv", spec.name);
    let columns: Vec<&str> = std::iter::once(spec.subject).chain(COLUMNS).collect();
    let mut rows: Vec<Row> = Vec::new();
    let mut seen: HashMap<(String, &'static str, String, Date), u64> = HashMap::new();
    for (line, record) in records(&file, text, &columns)? {
        let place = Place { file: &file, line };
        let row = read_row(spec, place, &record)?;
        let key = (row.subject.clone(), row.quantity, row.scope.clone(), row.valid_from);
        if let Some(first) = seen.insert(key, line) {
            return Err(place.refuse(
                format!("`{} {}` of {} stands on line {first} already", row.subject, row.quantity, row.valid_from),
                "keep the row with the better source, or give each its own date or scope",
            ));
        }
        rows.push(row);
    }
    refuse_direct_above_lifecycle(&file, &rows)?;
    Ok(rows)
}

fn read_row(spec: &TableSpec, place: Place<'_>, record: &csv::StringRecord) -> Result<Row, FactsError> {
    let [subject, quantity, value, unit, scope, valid_from, source, mark, note] =
        std::array::from_fn(|column| record.get(column).unwrap_or(""));
    if subject.is_empty() || subject.trim() != subject {
        return Err(place.refuse(format!("`{subject}` is no {}", spec.subject), "name it, without spaces around"));
    }
    let known = spec.quantities.iter().find(|known| known.name == quantity).ok_or_else(|| {
        let near = nearest(quantity, spec.quantities.iter().map(|known| known.name));
        place.refuse(
            format!("unknown quantity `{quantity}`"),
            format!(
                "{} holds {}",
                place.file,
                if near.is_empty() {
                    spec.quantities.iter().map(|k| k.name).collect::<Vec<_>>().join(", ")
                } else {
                    near.join(", ")
                }
            ),
        )
    })?;
    if unit != known.unit {
        return Err(place.refuse(format!("`{quantity}` in `{unit}`"), format!("convert it to {}", known.unit)));
    }
    if !known.scopes.is_empty() && !known.scopes.contains(&scope) {
        return Err(place.refuse(
            format!("unknown scope `{scope}` of `{quantity}`"),
            format!("write one of {}", known.scopes.join(", ")),
        ));
    }
    let value: f64 = value.parse().map_err(|_| {
        place.refuse(format!("`{value}` is not a number"), "write a plain decimal such as 408.5 or 3.14e23")
    })?;
    if !(known.least..=known.most).contains(&value) {
        return Err(place.refuse(
            format!("`{quantity}` of `{subject}` is {value} {unit}"),
            format!("allowed is {} to {} {unit}: check the unit", known.least, known.most),
        ));
    }
    Ok(Row {
        table: spec.name,
        line: place.line,
        subject: subject.to_owned(),
        quantity: known.name,
        value,
        unit: known.unit,
        scope: scope.to_owned(),
        valid_from: date(place, valid_from)?,
        source: source.to_owned(),
        check: check(place, mark)?,
        note: note.to_owned(),
    })
}

fn refuse_direct_above_lifecycle(file: &str, rows: &[Row]) -> Result<(), FactsError> {
    let mut lifecycle: HashMap<(&str, &str, Date, &str), f64> = HashMap::new();
    for row in rows.iter().filter(|row| row.scope == "lifecycle") {
        lifecycle.insert((&row.subject, row.quantity, row.valid_from, &row.source), row.value);
    }
    for row in rows.iter().filter(|row| row.scope == "direct") {
        if let Some(&whole) = lifecycle.get(&(&row.subject, row.quantity, row.valid_from, &row.source))
            && row.value > whole
        {
            return Err(Place { file, line: row.line }.refuse(
                format!("direct {} of `{}` is {}, above its lifecycle {whole}", row.quantity, row.subject, row.value),
                "the lifecycle factor holds the direct one: swap or correct them",
            ));
        }
    }
    Ok(())
}
