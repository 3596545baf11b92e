//! A table that a user has as Parquet, row by row as the CSV that it would be.
//!
//! In: a file of plain columns: text, whole and real numbers, decimals, yes or no, dates, instants. Out: its rows as lines
//! of CSV, some thousand at a time, the names of the columns first. Instants are written in RFC 3339, those without a zone
//! taken as UTC; yes and no as 1 and 0; what is missing is an empty cell.

use crate::error::{Result, StoreError};
use jiff::Timestamp;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use std::fmt::{self, Write as _};
use std::io::Write as _;

/// Rows that are read at once.
const BATCH: usize = 8192;
const NANOS: i128 = 1_000_000_000;
const DAY_S: i128 = 86_400;

/// A Parquet file that is being read as text.
pub struct ParquetRows {
    file: String,
    reader: Box<dyn FileReader>,
    columns: Vec<Known>,
    group: usize,
    open: Vec<Pages>,
    left: usize,
    row: u64,
}

/// A column by name, and what its values mean.
#[derive(Debug, Clone)]
struct Known {
    name: String,
    meaning: Meaning,
    is_optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    Text,
    Flag,
    Whole {
        is_signed: bool,
    },
    Real,
    Decimal {
        scale: u32,
    },
    Date,
    /// So many to a second.
    Instant {
        per_second: i128,
    },
}

/// A column of the group that is being read, with the values of the batch.
struct Pages {
    reader: ColumnReader,
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    Flag(Vec<bool>),
    Short(Vec<i32>),
    Long(Vec<i64>),
    Old(Vec<Int96>),
    Half(Vec<f32>),
    Real(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl ParquetRows {
    /// Begins a file; `file` is how messages name it.
    ///
    /// # Errors
    /// [`StoreError::Table`] for what is no Parquet, and for a column that is not plain.
    pub fn open(file: &str, source: impl ChunkReader + 'static) -> Result<Self> {
        let reader = SerializedFileReader::new(source).map_err(|error| broken(file, &error))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let columns = schema.columns().iter().map(|column| {
            let name = column.path().parts().first().cloned().unwrap_or_default();
            let meaning = meaning(column).map_err(|(problem, mend)| StoreError::Table {
                file: file.to_owned(),
                problem: format!("column `{name}` {problem}"),
                mend: mend.to_owned(),
            })?;
            Ok(Known { name, meaning, is_optional: column.max_def_level() > 0 })
        });
        let columns = columns.collect::<Result<Vec<Known>>>()?;
        Ok(Self {
            file: file.to_owned(),
            reader: Box::new(reader),
            columns,
            group: 0,
            open: Vec::new(),
            left: 0,
            row: 0,
        })
    }

    /// The line that names the columns.
    pub fn names(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            quoted(&column.name, at, &mut out);
        }
        out.push(b'\n');
        out
    }

    /// Adds the next rows, a line each; `false` where there are none left.
    ///
    /// # Errors
    /// [`StoreError::Table`] for a file that is damaged or packed as it cannot be read, and for a cell that is no text or
    /// instant, with row (counted from 1) and column.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        while self.left == 0 {
            if self.group == self.reader.num_row_groups() {
                return Ok(false);
            }
            self.begin_group().map_err(|error| broken(&self.file, &error))?;
        }
        let rows = self.left.min(BATCH);
        for (column, pages) in self.columns.iter().zip(&mut self.open) {
            pages.read(rows, column.is_optional).map_err(|error| broken(&self.file, &error))?;
        }
        let mut at = vec![0; self.columns.len()];
        let mut text = String::new();
        for row in 0..rows {
            for (place, (column, pages)) in self.columns.iter().zip(&self.open).enumerate() {
                text.clear();
                if !column.is_optional || pages.levels.get(row).is_some_and(|level| *level > 0) {
                    let told = pages.values.tell(at[place], column.meaning, &mut text);
                    told.map_err(|(problem, mend)| self.bad_cell(row, &column.name, problem, mend))?;
                    at[place] += 1;
                }
                if text.contains(['\n', '\r']) {
                    return Err(self.bad_cell(row, &column.name, "holds a line end", "take it out of the text"));
                }
                quoted(&text, place, out);
            }
            out.push(b'\n');
        }
        self.left -= rows;
        self.row += rows as u64;
        Ok(true)
    }

    fn begin_group(&mut self) -> Result<(), ParquetError> {
        let group = self.reader.get_row_group(self.group)?;
        self.left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        self.open = (0..self.columns.len())
            .map(|at| Ok(Pages::new(group.get_column_reader(at)?)))
            .collect::<Result<_, ParquetError>>()?;
        self.group += 1;
        Ok(())
    }

    fn bad_cell(&self, row: usize, column: &str, problem: &str, mend: &str) -> StoreError {
        let row = self.row + row as u64 + 1;
        StoreError::Table {
            file: self.file.clone(),
            problem: format!("row {row}, column `{column}`: {problem}"),
            mend: mend.to_owned(),
        }
    }
}

impl fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetRows").field("file", &self.file).field("row", &self.row).finish_non_exhaustive()
    }
}

fn broken(file: &str, error: &ParquetError) -> StoreError {
    let says = error.to_string();
    StoreError::Table {
        file: file.to_owned(),
        problem: match says.split_once("Disabled feature at compile time: ") {
            Some((_, packing)) => format!("it is packed by {packing}, which is not read"),
            None => format!("it is no sound Parquet: {}", says.trim_start_matches("Parquet error: ")),
        },
        mend: "write it again as Parquet, packed by zstd, snappy or gzip, or not at all; or give it as CSV".to_owned(),
    }
}

/// What the values of a column mean, or what is wrong with it and the mend.
fn meaning(column: &ColumnDescriptor) -> Result<Meaning, (&'static str, &'static str)> {
    if column.max_rep_level() > 0 || column.path().parts().len() != 1 {
        return Err(("is a list or has parts", "write it as text, several names parted by `|`"));
    }
    let instant = |unit: &TimeUnit| Meaning::Instant {
        per_second: match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => NANOS,
        },
    };
    let refuse = Err(("is of a kind that no cell here has", "write text, a number, yes or no, or an instant"));
    Ok(match (column.logical_type_ref(), column.physical_type()) {
        (Some(LogicalType::Timestamp { unit, .. }), Physical::INT64) => instant(unit),
        (Some(LogicalType::Date), _) => Meaning::Date,
        (
            Some(LogicalType::Decimal { scale, .. }),
            Physical::INT32 | Physical::INT64 | Physical::FIXED_LEN_BYTE_ARRAY,
        ) => Meaning::Decimal { scale: u32::try_from(*scale).unwrap_or(0) },
        (Some(LogicalType::Integer { is_signed, .. }), _) => Meaning::Whole { is_signed: *is_signed },
        (None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), Physical::BYTE_ARRAY)
            if column.converted_type() != ConvertedType::DECIMAL =>
        {
            Meaning::Text
        }
        (None, Physical::INT96) => Meaning::Instant { per_second: NANOS },
        (None, Physical::BOOLEAN) => Meaning::Flag,
        (None, Physical::FLOAT | Physical::DOUBLE) => Meaning::Real,
        (None, Physical::INT32 | Physical::INT64) => match column.converted_type() {
            ConvertedType::TIMESTAMP_MILLIS => instant(&TimeUnit::MILLIS),
            ConvertedType::TIMESTAMP_MICROS => instant(&TimeUnit::MICROS),
            ConvertedType::DATE => Meaning::Date,
            ConvertedType::DECIMAL => Meaning::Decimal { scale: u32::try_from(column.type_scale()).unwrap_or(0) },
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                Meaning::Whole { is_signed: false }
            }
            ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS => return refuse,
            _ => Meaning::Whole { is_signed: true },
        },
        _ => return refuse,
    })
}

impl Pages {
    fn new(reader: ColumnReader) -> Self {
        let values = match &reader {
            ColumnReader::BoolColumnReader(_) => Values::Flag(Vec::new()),
            ColumnReader::Int32ColumnReader(_) => Values::Short(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::Long(Vec::new()),
            ColumnReader::Int96ColumnReader(_) => Values::Old(Vec::new()),
            ColumnReader::FloatColumnReader(_) => Values::Half(Vec::new()),
            ColumnReader::DoubleColumnReader(_) => Values::Real(Vec::new()),
            ColumnReader::ByteArrayColumnReader(_) => Values::Bytes(Vec::new()),
            ColumnReader::FixedLenByteArrayColumnReader(_) => Values::Fixed(Vec::new()),
        };
        Self { reader, levels: Vec::new(), values }
    }

    fn read(&mut self, rows: usize, is_optional: bool) -> Result<(), ParquetError> {
        let levels = &mut self.levels;
        match (&mut self.reader, &mut self.values) {
            (ColumnReader::BoolColumnReader(reader), Values::Flag(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            (ColumnReader::Int32ColumnReader(reader), Values::Short(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            (ColumnReader::Int64ColumnReader(reader), Values::Long(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            (ColumnReader::Int96ColumnReader(reader), Values::Old(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            (ColumnReader::FloatColumnReader(reader), Values::Half(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            (ColumnReader::DoubleColumnReader(reader), Values::Real(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            (ColumnReader::ByteArrayColumnReader(reader), Values::Bytes(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            (ColumnReader::FixedLenByteArrayColumnReader(reader), Values::Fixed(values)) => {
                fill(reader, values, levels, rows, is_optional)
            }
            _ => unreachable!("values are made for their reader"),
        }
    }
}

fn fill<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    values: &mut Vec<T::T>,
    levels: &mut Vec<i16>,
    rows: usize,
    is_optional: bool,
) -> Result<(), ParquetError> {
    values.clear();
    levels.clear();
    let (read, _, _) = reader.read_records(rows, is_optional.then_some(levels), None, values)?;
    if read == rows { Ok(()) } else { Err(ParquetError::EOF(format!("a column ends after {read} of {rows} rows"))) }
}

impl Values {
    /// The text of a value, or what is wrong with it and the mend.
    fn tell(&self, at: usize, meaning: Meaning, out: &mut String) -> Result<(), (&'static str, &'static str)> {
        let fixed = |bytes: &[u8]| {
            let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { u8::MAX } else { 0 };
            let mut wide = [sign; 16];
            let kept = bytes.len().min(16);
            wide[16 - kept..].copy_from_slice(&bytes[bytes.len() - kept..]);
            i128::from_be_bytes(wide)
        };
        let whole = match self {
            Self::Flag(values) => i128::from(values[at]),
            Self::Short(values) if meaning == (Meaning::Whole { is_signed: false }) => {
                i128::from(values[at].cast_unsigned())
            }
            Self::Long(values) if meaning == (Meaning::Whole { is_signed: false }) => {
                i128::from(values[at].cast_unsigned())
            }
            Self::Short(values) => i128::from(values[at]),
            Self::Long(values) => i128::from(values[at]),
            Self::Old(values) => i128::from(values[at].to_nanos()),
            Self::Fixed(values) => fixed(values[at].data()),
            Self::Half(values) => {
                write(out, values[at]);
                return Ok(());
            }
            Self::Real(values) => {
                write(out, values[at]);
                return Ok(());
            }
            Self::Bytes(values) => {
                let text = std::str::from_utf8(values[at].data());
                out.push_str(text.map_err(|_| ("not UTF-8 text", "write the column as text in UTF-8"))?);
                return Ok(());
            }
        };
        let instant = match meaning {
            Meaning::Date => Some(whole * DAY_S * NANOS),
            Meaning::Instant { per_second } => Some(whole * (NANOS / per_second)),
            Meaning::Decimal { scale } => {
                decimal(whole, scale, out);
                None
            }
            _ => {
                write(out, whole);
                None
            }
        };
        if let Some(nanos) = instant {
            let instant = Timestamp::from_nanosecond(nanos);
            write(out, instant.map_err(|_| ("no instant", "write an instant between the years -9999 and 9999"))?);
        }
        Ok(())
    }
}

fn write(out: &mut String, what: impl fmt::Display) {
    // Writing to a string cannot fail.
    _ = write!(out, "{what}");
}

/// 12345 at scale 2 is 123.45; zeros at the end are left out.
fn decimal(whole: i128, scale: u32, out: &mut String) {
    let unit = 10_u128.pow(scale.min(38));
    let (before, after) = (whole.unsigned_abs() / unit, whole.unsigned_abs() % unit);
    if whole < 0 {
        out.push('-');
    }
    write(out, before);
    if after > 0 {
        let digits = format!("{after:0width$}", width = scale as usize);
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// A cell, quoted where it has to be, and parted from the one before.
fn quoted(text: &str, place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
    if text.contains([',', '"']) || text.trim().len() != text.len() {
        // Writing to a vector cannot fail.
        _ = write!(out, "\"{}\"", text.replace('"', "\"\""));
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    use parquet::column::writer::ColumnWriter;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    const HOUR_S: i64 = 1_656_892_800;
    const SCHEMA: &str = "message m {
        required binary job (STRING); optional int64 millis (TIMESTAMP(MILLIS,true)); required int64 micros (TIMESTAMP(MICROS,false));
        required int64 nanos (TIMESTAMP(NANOS,true)); required int96 old; required int32 day (DATE); optional double hours;
        required float share; required int32 count; required int64 large (INTEGER(64,false)); required boolean yes;
        required int32 price (DECIMAL(9,3)); required fixed_len_byte_array(5) cost (DECIMAL(11,2)); }";

    /// Rows of every kind in two groups; texts and hours are given, `None` is missing.
    fn file(jobs: &[&str], hours: &[Option<f64>], packed: Compression) -> Vec<u8> {
        let properties = Arc::new(WriterProperties::builder().set_compression(packed).build());
        let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("a writer");
        for (jobs, hours) in [(&jobs[..1], &hours[..1]), (&jobs[1..], &hours[1..])] {
            let count = jobs.len();
            let levels: Vec<i16> = hours.iter().map(|hours| i16::from(hours.is_some())).collect();
            let known = levels.iter().filter(|level| **level == 1).count();
            let mut group = writer.next_row_group().expect("a group");
            let mut at = 0;
            while let Some(mut column) = group.next_column().expect("a column") {
                let (per_second, whole) = ([0, 1_000, 1_000_000, 1_000_000_000][at.min(3)], [700, -7][at % 2]);
                match column.untyped() {
                    ColumnWriter::ByteArrayColumnWriter(writer) => {
                        let texts: Vec<ByteArray> = jobs.iter().map(|job| ByteArray::from(*job)).collect();
                        writer.write_batch(&texts, None, None)
                    }
                    ColumnWriter::Int64ColumnWriter(writer) if at == 1 => {
                        writer.write_batch(&vec![HOUR_S * per_second; known], Some(&levels), None)
                    }
                    ColumnWriter::Int64ColumnWriter(writer) if at < 4 => {
                        writer.write_batch(&vec![HOUR_S * per_second; count], None, None)
                    }
                    ColumnWriter::Int64ColumnWriter(writer) => writer.write_batch(&vec![-1; count], None, None),
                    ColumnWriter::Int96ColumnWriter(writer) => {
                        let mut instant = Int96::new();
                        // 2 h after the midnight of the Julian day 2459765, which is 2022-07-04.
                        let nanos = 7_200_000_000_000_u64;
                        instant.set_data(nanos as u32, (nanos >> 32) as u32, 2_459_765);
                        writer.write_batch(&vec![instant; count], None, None)
                    }
                    ColumnWriter::DoubleColumnWriter(writer) => {
                        let values: Vec<f64> = hours.iter().flatten().copied().collect();
                        writer.write_batch(&values, Some(&levels), None)
                    }
                    ColumnWriter::FloatColumnWriter(writer) => writer.write_batch(&vec![0.1; count], None, None),
                    ColumnWriter::BoolColumnWriter(writer) => writer.write_batch(&vec![true; count], None, None),
                    ColumnWriter::Int32ColumnWriter(writer) if at == 5 => {
                        writer.write_batch(&vec![19_177; count], None, None)
                    }
                    ColumnWriter::Int32ColumnWriter(writer) => writer.write_batch(&vec![whole; count], None, None),
                    ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
                        let cents = (-12_340_i64).to_be_bytes()[3..].to_vec();
                        writer.write_batch(&vec![FixedLenByteArray::from(cents); count], None, None)
                    }
                }
                .expect("written");
                column.close().expect("closed");
                at += 1;
            }
            group.close().expect("closed");
        }
        writer.close().expect("closed");
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<String> {
        let mut rows = ParquetRows::open("jobs.parquet", Bytes::from(bytes))?;
        let mut out = rows.names();
        while rows.next(&mut out)? {}
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn every_kind_of_column_is_told_as_csv_would_have_it_in_every_packing() {
        let packings = [
            Compression::SNAPPY,
            Compression::UNCOMPRESSED,
            Compression::ZSTD(ZstdLevel::default()),
            Compression::GZIP(GzipLevel::default()),
        ];
        let told = packings.map(|packed| {
            read(file(&["a", "b, \"c\"", " d"], &[Some(2.0), None, Some(2.5)], packed)).expect("it is sound")
        });
        assert!(told.iter().all(|other| *other == told[0]));
        insta::assert_snapshot!(told[0], @r#"
        job,millis,micros,nanos,old,day,hours,share,count,large,yes,price,cost
        a,2022-07-04T00:00:00Z,2022-07-04T00:00:00Z,2022-07-04T00:00:00Z,2022-07-04T02:00:00Z,2022-07-04T00:00:00Z,2,0.1,700,18446744073709551615,1,-0.007,-123.4
        "b, ""c""",,2022-07-04T00:00:00Z,2022-07-04T00:00:00Z,2022-07-04T02:00:00Z,2022-07-04T00:00:00Z,,0.1,700,18446744073709551615,1,-0.007,-123.4
        " d",2022-07-04T00:00:00Z,2022-07-04T00:00:00Z,2022-07-04T00:00:00Z,2022-07-04T02:00:00Z,2022-07-04T00:00:00Z,2.5,0.1,700,18446744073709551615,1,-0.007,-123.4
        "#);
    }

    #[test]
    fn what_cannot_be_a_cell_or_a_file_is_told_with_row_column_and_mend() {
        let refused = |bytes: Vec<u8>| {
            let error = read(bytes).expect_err("it is not sound");
            format!("{error}\nhelp: {}", miette::Diagnostic::help(&error).expect("each error has its mend"))
        };
        let good = file(&["a", "b"], &[None, None], Compression::SNAPPY);
        insta::assert_snapshot!(refused(file(&["a", "b", "c\nd"], &[None; 3], Compression::SNAPPY)), @"
        cannot read `jobs.parquet`: row 3, column `job`: holds a line end
        help: take it out of the text
        ");
        assert!(refused(good[..good.len() - 9].to_vec()).contains("it is no sound Parquet"));
        assert!(refused(b"job,hours\n".to_vec()).contains("or give it as CSV"));
        let packed = ParquetError::General("Disabled feature at compile time: lz4".to_owned());
        let told = broken("jobs.parquet", &packed).to_string();
        assert_eq!(told, "cannot read `jobs.parquet`: it is packed by lz4, which is not read");
    }

    #[test]
    fn more_rows_than_are_read_at_once_all_come() {
        let names: Vec<String> = (0..2 * BATCH + 5).map(|at| format!("job-{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hours: Vec<Option<f64>> = (0..names.len()).map(|at| (at % 3 > 0).then_some(at as f64)).collect();
        let told = read(file(&names, &hours, Compression::SNAPPY)).expect("it is sound");
        assert_eq!(told.lines().count(), names.len() + 1);
        for (at, line) in told.lines().skip(1).enumerate() {
            let hours = if at % 3 > 0 { at.to_string() } else { String::new() };
            let mut cells = line.split(',');
            assert_eq!((cells.next(), cells.nth(5)), (Some(names[at]), Some(&*hours)));
        }
    }

    #[test]
    fn a_list_and_a_time_of_day_are_no_cells() {
        for (column, says) in [
            ("repeated binary sites (STRING);", "is a list or has parts"),
            ("required group place { required int32 x; }", "is a list or has parts"),
            ("required int32 at (TIME(MILLIS,true));", "of a kind that no cell here has"),
        ] {
            let schema = Arc::new(parse_message_type(&format!("message m {{ {column} }}")).expect("a schema"));
            let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).expect("a writer");
            let error = read(writer.into_inner().expect("written")).expect_err("it is refused").to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
