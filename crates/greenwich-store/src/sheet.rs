//! A table of one's own as Parquet.
//!
//! In: columns by name, all as long. Out: the bytes of a file that DuckDB, Polars and pandas read. Unknown is a null.

use crate::archive::failed;
use crate::archive::table::{Column, Packing, TableWriter};
use crate::error::Result;

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Text.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Whole(Vec<Option<i64>>),
    /// Real numbers.
    Real(Vec<Option<f64>>),
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Text(rows) => rows.len(),
            Self::Whole(rows) => rows.len(),
            Self::Real(rows) => rows.len(),
        }
    }
}

/// Writes columns, in the order given, with the schema's name in the file's metadata.
///
/// # Errors
/// [`crate::StoreError::Kind`] when Parquet refuses a name.
///
/// # Panics
/// When columns are not as long as one another.
pub fn parquet_sheet(schema: &str, columns: Vec<(&str, Cells)>) -> Result<Vec<u8>> {
    let rows = columns.first().map_or(0, |(_, cells)| cells.len());
    assert!(columns.iter().all(|(_, cells)| cells.len() == rows), "columns are as long as one another");
    written(schema, columns, rows).map_err(failed("archive", schema.to_owned()))
}

fn written(schema: &str, columns: Vec<(&str, Cells)>, rows: usize) -> parquet::errors::Result<Vec<u8>> {
    let field = |(name, cells): &(&str, Cells)| match cells {
        Cells::Text(_) => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
        Cells::Whole(_) => format!("OPTIONAL INT64 {name};"),
        Cells::Real(_) => format!("OPTIONAL DOUBLE {name};"),
    };
    let fields: String = columns.iter().map(field).collect();
    let metadata = vec![("greenwich.schema", schema.to_owned())];
    let message = format!("message rows {{ {fields} }}");
    let mut table = TableWriter::new(Vec::new(), &message, &[], Packing::Zstd, &[], metadata)?;
    if rows > 0 {
        table.group(&mut columns.into_iter().map(|(_, cells)| match cells {
            Cells::Text(rows) => Column::MaybeText(rows),
            Cells::Whole(rows) => Column::MaybeWhole(rows),
            Cells::Real(rows) => Column::MaybeReal(rows),
        }))?;
    }
    table.finish(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::table::TableReader;
    use bytes::Bytes;

    #[test]
    fn a_sheet_says_its_schema_and_has_its_rows() {
        let columns = vec![
            ("job", Cells::Text(vec![Some("a".to_owned()), Some("b".to_owned())])),
            ("delay_h", Cells::Real(vec![Some(1.5), Some(2.0)])),
            ("restarts", Cells::Whole(vec![Some(0), Some(3)])),
            ("site", Cells::Text(vec![None, Some("x".to_owned())])),
        ];
        let bytes = parquet_sheet("greenwich.test/1", columns).expect("names are plain");
        let read = TableReader::new(Bytes::from(bytes)).expect("Parquet");
        assert_eq!(read.metadata("greenwich.schema").as_deref(), Some("greenwich.test/1"));
        assert_eq!((read.groups(), read.rows(0)), (1, 2));
    }

    #[test]
    fn a_table_without_rows_is_a_file() {
        let bytes = parquet_sheet("greenwich.test/1", vec![("job", Cells::Text(Vec::new()))]).expect("a name");
        assert_eq!(TableReader::new(Bytes::from(bytes)).expect("Parquet").groups(), 0);
    }
}
