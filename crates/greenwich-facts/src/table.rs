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
        let problem = match error.kind() {
            csv::ErrorKind::UnequalLengths { len, .. } => format!("the row has {len} columns"),
            _ => error.to_string(),
        };
        Place { file, line }.refuse(problem, format!("write {} columns, and quotes around a comma", expected.len()))
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
            let line = record.position().map_or(0, csv::Position::line);
            if let Some((column, field)) = expected.iter().zip(&record).find(|(_, field)| field.trim() != *field) {
                return Err(Place { file, line }
                    .refuse(format!("`{field}` in column `{column}` has spaces around it"), "write it without"));
            }
            Ok((line, record))
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
    let rows = read_each(spec, text)?;
    let file = format!("{}.csv", spec.name);
    let mut seen: HashMap<(&str, &'static str, &str, Date), u64> = HashMap::new();
    for row in &rows {
        if let Some(first) = seen.insert((&row.subject, row.quantity, &row.scope, row.valid_from), row.line) {
            return Err(Place { file: &file, line: row.line }.refuse(
                format!("{} of `{}` from {} stands on line {first} already", row.quantity, row.subject, row.valid_from),
                "keep the row with the better source, or give each its own date or scope",
            ));
        }
    }
    refuse_direct_above_lifecycle(&file, &rows)?;
    Ok(rows)
}

/// Reads a whole table by the rules for single rows.
///
/// # Errors
/// As [`read`], but for rules between rows.
pub(crate) fn read_each(spec: &TableSpec, text: &str) -> Result<Vec<Row>, FactsError> {
    let file = format!("{}.csv", spec.name);
    let columns: Vec<&str> = std::iter::once(spec.subject).chain(COLUMNS).collect();
    let read = |(line, record): (u64, csv::StringRecord)| read_row(spec, Place { file: &file, line }, &record);
    records(&file, text, &columns)?.into_iter().map(read).collect()
}

fn read_row(spec: &TableSpec, place: Place<'_>, record: &csv::StringRecord) -> Result<Row, FactsError> {
    let [subject, quantity, value, unit, scope, valid_from, source, mark, note] =
        std::array::from_fn(|column| record.get(column).unwrap_or(""));
    if subject.is_empty() {
        return Err(place.refuse(format!("the {} has no name", spec.subject), "write its key in the first column"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::told;
    use crate::schema::SCHEMA;
    use insta::assert_snapshot;

    const HEADER: &str = "fuel,quantity,value,unit,scope,valid_from,source,check,note";

    /// What the loader says of a `fuels.csv` with this header and these rows.
    fn read_under(header: &str, rows: &[&str]) -> String {
        let spec = SCHEMA.iter().find(|spec| spec.name == "fuels").expect("a table of fuels");
        let text = format!("{header}\n{}\n", rows.join("\n"));
        read(spec, &text).map_or_else(|error| told(&error), |rows| format!("{} rows", rows.len()))
    }
    fn read_rows(rows: &[&str]) -> String {
        read_under(HEADER, rows)
    }

    const COAL: &str = "coal,emission_factor,820,gCO2e/kWh,lifecycle,2014-01-01,ipcc-ar5-wg3-annex3,quoted,median";

    #[test]
    fn a_row_as_the_schema_wants_it_is_read() {
        assert_eq!(read_rows(&[COAL]), "1 rows");
    }

    #[test]
    fn an_unknown_column_is_refused() {
        let header = HEADER.replace("scope", "boundary");
        assert_snapshot!(read_under(&header, &[COAL]), @"
        fuels.csv:1: unknown column `boundary`
        help: the header is `fuel,quantity,value,unit,scope,valid_from,source,check,note`
        ");
    }

    #[test]
    fn columns_out_of_order_are_refused() {
        let header = HEADER.replace("value,unit", "unit,value");
        assert_snapshot!(read_under(&header, &[COAL]), @"
        fuels.csv:1: columns out of order or missing
        help: the header is `fuel,quantity,value,unit,scope,valid_from,source,check,note`
        ");
    }

    #[test]
    fn a_row_with_too_few_columns_is_refused() {
        assert_snapshot!(read_rows(&["coal,emission_factor,820"]), @"
        fuels.csv:2: the row has 3 columns
        help: write 9 columns, and quotes around a comma
        ");
    }

    #[test]
    fn a_unit_that_the_quantity_does_not_have_is_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("gCO2e/kWh", "kgCO2e/MWh")]), @"
        fuels.csv:2: `emission_factor` in `kgCO2e/MWh`
        help: convert it to gCO2e/kWh
        ");
    }

    #[test]
    fn an_unknown_quantity_is_refused_with_the_nearest() {
        assert_snapshot!(read_rows(&[COAL, &COAL.replace("emission_factor", "emision_factor")]), @"
        fuels.csv:3: unknown quantity `emision_factor`
        help: fuels.csv holds emission_factor
        ");
        assert_snapshot!(read_rows(&[&COAL.replace("emission_factor", "colour")]), @"
        fuels.csv:2: unknown quantity `colour`
        help: fuels.csv holds emission_factor, emission_factor_low, emission_factor_high
        ");
    }

    #[test]
    fn an_unknown_scope_is_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("lifecycle", "marginal")]), @"
        fuels.csv:2: unknown scope `marginal` of `emission_factor`
        help: write one of lifecycle, direct
        ");
    }

    #[test]
    fn an_unknown_check_mark_is_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("quoted", "sure")]), @"
        fuels.csv:2: unknown check mark `sure`
        help: write primary, derived, quoted or unverified
        ");
    }

    #[test]
    fn a_value_outside_what_can_be_meant_is_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("820", "820000")]), @"
        fuels.csv:2: `emission_factor` of `coal` is 820000 gCO2e/kWh
        help: allowed is 0 to 3000 gCO2e/kWh: check the unit
        ");
        assert_snapshot!(read_rows(&[&COAL.replace("820", "-1")]), @"
        fuels.csv:2: `emission_factor` of `coal` is -1 gCO2e/kWh
        help: allowed is 0 to 3000 gCO2e/kWh: check the unit
        ");
        assert_snapshot!(read_rows(&[&COAL.replace("820", "NaN")]), @"
        fuels.csv:2: `emission_factor` of `coal` is NaN gCO2e/kWh
        help: allowed is 0 to 3000 gCO2e/kWh: check the unit
        ");
    }

    #[test]
    fn a_value_that_is_no_number_is_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("820", "820 g")]), @"
        fuels.csv:2: `820 g` is not a number
        help: write a plain decimal such as 408.5 or 3.14e23
        ");
    }

    #[test]
    fn a_date_that_is_none_is_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("2014-01-01", "01.01.2014")]), @"
        fuels.csv:2: `01.01.2014` is not a date
        help: write it as 2024-01-01
        ");
    }

    #[test]
    fn spaces_around_a_field_are_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("lifecycle", " lifecycle")]), @"
        fuels.csv:2: ` lifecycle` in column `scope` has spaces around it
        help: write it without
        ");
    }

    #[test]
    fn a_row_without_a_subject_is_refused() {
        assert_snapshot!(read_rows(&[&COAL.replace("coal,", ",")]), @"
        fuels.csv:2: the fuel has no name
        help: write its key in the first column
        ");
    }

    #[test]
    fn two_rows_for_one_key_and_date_are_refused() {
        assert_snapshot!(read_rows(&[COAL, &COAL.replace("820", "1001")]), @"
        fuels.csv:3: emission_factor of `coal` from 2014-01-01 stands on line 2 already
        help: keep the row with the better source, or give each its own date or scope
        ");
        assert_eq!(read_rows(&[COAL, &COAL.replace("2014-01-01", "2022-01-01")]), "2 rows");
    }

    #[test]
    fn a_direct_factor_above_its_lifecycle_one_is_refused() {
        let direct = COAL.replace("820", "821").replace("lifecycle", "direct");
        assert_snapshot!(read_rows(&[&direct, COAL]), @"
        fuels.csv:2: direct emission_factor of `coal` is 821, above its lifecycle 820
        help: the lifecycle factor holds the direct one: swap or correct them
        ");
    }

    #[test]
    fn a_note_may_hold_keys_for_programs() {
        let spec = SCHEMA.iter().find(|spec| spec.name == "fuels").expect("a table of fuels");
        let text = format!("{HEADER}\n{COAL}; plant=pulverised; region=world\n");
        let rows = read(spec, &text).expect("a good row");
        assert_eq!((rows[0].noted("region"), rows[0].noted("colour")), (Some("world"), None));
    }
}
