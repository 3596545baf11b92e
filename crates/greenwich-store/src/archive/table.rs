//! Columns into Parquet and back, without Arrow.
//!
//! In: a schema in Parquet's own words and columns of values. Out: row groups, compressed by zstd unless they are short. Text is
//! dictionary-encoded UTF-8 with the plain STRING type, so that every reader takes the file as it lies.

use super::chunk::Chunk;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};
use std::io::Write;
use std::sync::Arc;

/// How a column of numbers is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// Differences, for what grows evenly.
    Delta,
    /// Byte by byte, for noise: the upper bytes repeat and the lower ones do not. Readers of today take it for
    /// real numbers alone.
    Bytes,
}

/// One column of a row group.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    /// Text: for each row its place in `words`.
    Text { words: &'a [ByteArray], rows: Vec<u16> },
    /// Text that may be missing.
    MaybeText(Vec<Option<String>>),
    /// Whole numbers.
    Whole(Vec<i64>),
    /// Real numbers.
    Real(Vec<f64>),
    /// Whole numbers that may be missing.
    MaybeWhole(Vec<Option<i64>>),
    /// Real numbers that may be missing.
    MaybeReal(Vec<Option<f64>>),
    /// Yes or no.
    Flag(Vec<bool>),
}

/// Whether columns are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// By zstd.
    Zstd,
    /// Not at all: of a few rows it saves nothing, and a compressor for each column costs a short run a millisecond.
    Plain,
}

/// Rows that are written at once.
const BATCH: usize = 4096;

/// A Parquet file that is being written.
pub(crate) struct TableWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> TableWriter<W> {
    pub(crate) fn new(
        sink: W,
        schema: &str,
        layouts: &[(&str, Layout)],
        packing: Packing,
        sorted_by: &[i32],
        metadata: Vec<(&str, String)>,
    ) -> Result<Self> {
        let compression = match packing {
            Packing::Zstd => Compression::ZSTD(ZstdLevel::try_new(3)?),
            Packing::Plain => Compression::UNCOMPRESSED,
        };
        let mut properties = WriterProperties::builder()
            .set_compression(compression)
            .set_created_by(format!("greenwich {}", env!("CARGO_PKG_VERSION")))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            // One page a column and group: zstd then sees that devices repeat one another's times.
            .set_data_page_row_count_limit(1 << 20)
            .set_data_page_size_limit(1 << 24)
            .set_write_batch_size(BATCH)
            .set_sorting_columns(Some(
                sorted_by
                    .iter()
                    .map(|at| SortingColumn { column_idx: *at, descending: false, nulls_first: false })
                    .collect(),
            ))
            .set_key_value_metadata(Some(
                metadata.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect(),
            ));
        // Bounds by which readers pass over groups; on the other columns they would be bytes for nothing.
        for column in ["device", "start", "run", "project"] {
            properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Chunk);
        }
        for (column, layout) in layouts {
            let column = ColumnPath::from(*column);
            let encoding = match layout {
                Layout::Delta => Encoding::DELTA_BINARY_PACKED,
                Layout::Bytes => Encoding::BYTE_STREAM_SPLIT,
            };
            properties =
                properties.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, encoding);
        }
        let schema = Arc::new(parse_message_type(schema)?);
        Ok(Self { writer: SerializedFileWriter::new(sink, schema, Arc::new(properties.build()))? })
    }

    /// Writes one row group; the columns come one after another in the schema's order.
    pub(crate) fn group(&mut self, columns: &mut dyn Iterator<Item = Column<'_>>) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        while let Some(mut place) = group.next_column()? {
            let column = columns.next().expect("a column for each of the schema");
            match (place.untyped(), column) {
                (ColumnWriter::ByteArrayColumnWriter(writer), Column::Text { words, rows }) => {
                    let mut batch = Vec::with_capacity(BATCH.min(rows.len()));
                    for rows in rows.chunks(BATCH) {
                        batch.clear();
                        batch.extend(rows.iter().map(|at| words[usize::from(*at)].clone()));
                        writer.write_batch(&batch, None, None)?;
                    }
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), Column::MaybeText(rows)) => {
                    let (values, levels) = present(rows);
                    let values: Vec<ByteArray> = values.into_iter().map(|text| text.into_bytes().into()).collect();
                    writer.write_batch(&values, Some(&levels), None)?;
                }
                (ColumnWriter::Int64ColumnWriter(writer), Column::Whole(rows)) => {
                    writer.write_batch(&rows, None, None)?;
                }
                (ColumnWriter::Int64ColumnWriter(writer), Column::MaybeWhole(rows)) => {
                    let (values, levels) = present(rows);
                    writer.write_batch(&values, Some(&levels), None)?;
                }
                (ColumnWriter::DoubleColumnWriter(writer), Column::Real(rows)) => {
                    writer.write_batch(&rows, None, None)?;
                }
                (ColumnWriter::DoubleColumnWriter(writer), Column::MaybeReal(rows)) => {
                    let (values, levels) = present(rows);
                    writer.write_batch(&values, Some(&levels), None)?;
                }
                (ColumnWriter::BoolColumnWriter(writer), Column::Flag(rows)) => {
                    writer.write_batch(&rows, None, None)?;
                }
                (_, column) => unreachable!("the schema has another type than {column:?}"),
            }
            place.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// The columns of the schema in their order.
    pub(crate) fn columns(&self) -> &[ColumnDescPtr] {
        self.writer.schema_descr().columns()
    }

    /// Writes one row group of chunks that were made elsewhere, in the schema's order.
    pub(crate) fn append(&mut self, chunks: Vec<Chunk>) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            group.append_column(&chunk.bytes, chunk.about)?;
        }
        group.close()?;
        Ok(())
    }

    /// Ends the file and gives back where it was written.
    pub(crate) fn finish(mut self, metadata: Vec<(&str, String)>) -> Result<W> {
        for (key, value) in metadata {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        let mut sink = self.writer.into_inner()?;
        sink.flush()?;
        Ok(sink)
    }
}

fn present<T>(rows: Vec<Option<T>>) -> (Vec<T>, Vec<i16>) {
    let levels = rows.iter().map(|row| i16::from(row.is_some())).collect();
    (rows.into_iter().flatten().collect(), levels)
}

/// A Parquet file that is being read.
pub(crate) struct TableReader {
    reader: Box<dyn FileReader>,
}

impl TableReader {
    pub(crate) fn new(source: impl ChunkReader + 'static) -> Result<Self> {
        Ok(Self { reader: Box::new(SerializedFileReader::new(source)?) })
    }

    /// A value of the file's metadata.
    pub(crate) fn metadata(&self, key: &str) -> Option<String> {
        let pairs = self.reader.metadata().file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone())
    }

    pub(crate) fn groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    pub(crate) fn rows(&self, group: usize) -> usize {
        usize::try_from(self.reader.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// The whole numbers of a column, read into `values`.
    pub(crate) fn whole(&self, group: usize, column: &str, values: &mut Vec<i64>) -> Result<()> {
        values.clear();
        let reader = self.column(group, column)?;
        get_typed_column_reader::<Int64Type>(reader).read_records(self.rows(group), None, None, values)?;
        self.all(group, column, values.len())
    }

    /// The real numbers of a column, read into `values`.
    pub(crate) fn real(&self, group: usize, column: &str, values: &mut Vec<f64>) -> Result<()> {
        values.clear();
        let reader = self.column(group, column)?;
        get_typed_column_reader::<DoubleType>(reader).read_records(self.rows(group), None, None, values)?;
        self.all(group, column, values.len())
    }

    /// The texts of a column.
    pub(crate) fn text(&self, group: usize, column: &str, values: &mut Vec<ByteArray>) -> Result<()> {
        values.clear();
        let reader = self.column(group, column)?;
        get_typed_column_reader::<ByteArrayType>(reader).read_records(self.rows(group), None, None, values)?;
        self.all(group, column, values.len())
    }

    fn column(&self, group: usize, column: &str) -> Result<ColumnReader> {
        let columns = self.reader.metadata().file_metadata().schema_descr().columns();
        let at = columns
            .iter()
            .position(|one| one.name() == column)
            .ok_or_else(|| ParquetError::General(format!("it has no column `{column}`")))?;
        self.reader.get_row_group(group)?.get_column_reader(at)
    }

    fn all(&self, group: usize, column: &str, read: usize) -> Result<()> {
        let rows = self.rows(group);
        if read == rows {
            return Ok(());
        }
        Err(ParquetError::General(format!("column `{column}` holds {read} of {rows} rows")))
    }
}

impl std::fmt::Debug for TableReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableReader").field("groups", &self.groups()).finish_non_exhaustive()
    }
}
