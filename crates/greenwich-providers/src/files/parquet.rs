//! Parquet, as pandas, Polars and DuckDB write it.
//!
//! In: a file's bytes and a column. Out: its rows. `utc` is a timestamp, or text; other columns are passed over unread.

use super::Row;
use crate::json::stamp;
use bytes::Bytes;
use greenwich_grid::State;
use jiff::Timestamp;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

/// The names of the columns; none where it is no Parquet.
pub(super) fn columns(bytes: Vec<u8>) -> Vec<String> {
    let Ok(reader) = SerializedFileReader::new(Bytes::from(bytes)) else { return Vec::new() };
    reader.metadata().file_metadata().schema().get_fields().iter().map(|field| field.name().to_owned()).collect()
}

/// The rows of a column; `None` where there is no such column. An error names the row, counted from 1, and the problem.
pub(super) fn rows(bytes: Vec<u8>, column: &str) -> Result<Option<Vec<Row>>, (u64, String)> {
    let broken = |error: parquet::errors::ParquetError| (0, format!("it is no sound Parquet: {error}"));
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(broken)?;
    let schema = reader.metadata().file_metadata().schema();
    let find = |name: &str| schema.get_fields().iter().find(|field| field.name() == name);
    let utc = find("utc").ok_or((0, "there is no column `utc`".to_owned()))?;
    let Some(value) = find(column) else { return Ok(None) };
    if [utc, value].iter().any(|field| !field.is_primitive()) {
        return Err((0, format!("`utc` or `{column}` is no plain column")));
    }
    let is_nanos =
        matches!(utc.get_basic_info().logical_type_ref(), Some(LogicalType::Timestamp { unit: TimeUnit::NANOS, .. }));
    let estimated = find("estimated").filter(|field| field.is_primitive());
    let wanted = [Some(utc), Some(value), estimated].into_iter().flatten().cloned().collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(wanted).build().map_err(broken)?;
    let mut rows = Vec::new();
    for (index, row) in reader.get_row_iter(Some(projection)).map_err(broken)?.enumerate() {
        let line = index as u64 + 1;
        let row = row.map_err(broken)?;
        let (mut start, mut found, mut state) = (None, None, State::Measured);
        for (name, field) in row.get_column_iter() {
            match name.as_str() {
                "utc" => start = instant(field, is_nanos),
                "estimated" if is_set(field) => state = State::Estimated,
                "estimated" => {}
                _ => found = number(field).map_err(|problem| (line, problem))?,
            }
        }
        rows.push((start.ok_or((line, "`utc` is no instant".to_owned()))?, found, state));
    }
    Ok(Some(rows))
}

fn instant(field: &Field, is_nanos: bool) -> Option<Timestamp> {
    match field {
        Field::TimestampMillis(millis) => Timestamp::from_millisecond(*millis).ok(),
        Field::TimestampMicros(micros) => Timestamp::from_microsecond(*micros).ok(),
        Field::Long(nanos) if is_nanos => Timestamp::from_nanosecond(i128::from(*nanos)).ok(),
        Field::Str(text) => stamp(text),
        _ => None,
    }
}

fn number(field: &Field) -> Result<Option<f64>, String> {
    let value = match field {
        Field::Null => return Ok(None),
        Field::Double(value) => *value,
        Field::Float(value) => f64::from(*value),
        Field::Int(value) => f64::from(*value),
        Field::Long(value) => *value as f64,
        other => return Err(format!("`{other}` is no number")),
    };
    // What is missing is not-a-number where a writer knows no null.
    Ok(value.is_finite().then_some(value))
}

fn is_set(field: &Field) -> bool {
    matches!(field, Field::Bool(true) | Field::Byte(1) | Field::Int(1) | Field::Long(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::data_type::{BoolType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    /// Three hours, the second without a value, the third estimated.
    fn file(unit: &str, per_second: i64, packed: Compression) -> Vec<u8> {
        let schema = format!(
            "message schema {{ REQUIRED INT64 utc ({unit}); REQUIRED INT64 other (TIME(MICROS,true)); OPTIONAL DOUBLE gco2e_per_kwh; REQUIRED BOOLEAN estimated; }}"
        );
        let schema = Arc::new(parse_message_type(&schema).expect("a schema"));
        let properties = Arc::new(WriterProperties::builder().set_compression(packed).build());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("a writer");
        let mut group = writer.next_row_group().expect("a group");
        let hours = [0, 3600, 7200].map(|second| second * per_second);
        let mut at = 0;
        while let Some(mut column) = group.next_column().expect("a column") {
            match at {
                0 | 1 => column.typed::<Int64Type>().write_batch(&hours, None, None),
                2 => column.typed::<DoubleType>().write_batch(&[100.0, 120.5], Some(&[1, 0, 1]), None),
                _ => column.typed::<BoolType>().write_batch(&[false, false, true], None, None),
            }
            .expect("written");
            column.close().expect("closed");
            at += 1;
        }
        group.close().expect("closed");
        writer.close().expect("closed");
        bytes
    }

    #[test]
    fn stamps_are_read_in_every_unit_and_columns_in_every_packing() {
        let at = |second: i64| Timestamp::from_second(second).expect("an instant");
        let wanted = vec![
            (at(0), Some(100.0), State::Measured),
            (at(3600), None, State::Measured),
            (at(7200), Some(120.5), State::Estimated),
        ];
        for (unit, per_second) in [
            ("TIMESTAMP(MILLIS,true)", 1_000),
            ("TIMESTAMP(MICROS,true)", 1_000_000),
            ("TIMESTAMP(NANOS,true)", 1_000_000_000),
        ] {
            for packed in [Compression::SNAPPY, Compression::UNCOMPRESSED, Compression::ZSTD(ZstdLevel::default())] {
                let bytes = file(unit, per_second, packed);
                assert_eq!(columns(bytes.clone()), ["utc", "other", "gco2e_per_kwh", "estimated"]);
                assert_eq!(rows(bytes, "gco2e_per_kwh"), Ok(Some(wanted.clone())), "{unit} {packed:?}");
            }
        }
    }

    #[test]
    fn what_is_not_there_or_no_parquet_is_told() {
        let bytes = file("TIMESTAMP(MILLIS,true)", 1_000, Compression::SNAPPY);
        assert_eq!(rows(bytes.clone(), "load_mw"), Ok(None));
        assert!(
            rows(b"utc,gco2e_per_kwh\n".to_vec(), "gco2e_per_kwh").expect_err("text").1.contains("no sound Parquet")
        );
        assert!(rows(bytes[..bytes.len() - 9].to_vec(), "gco2e_per_kwh").is_err());
        assert_eq!(columns(b"PAR1".to_vec()), Vec::<String>::new());
    }
}
