//! A table of one's own as Parquet: a [`FigureTable`] in memory that says its schema.
//!
//! In: columns by name, all as long. Out: the bytes of a file that DuckDB, Polars and pandas read. Unknown is a null.

use crate::error::{Result, StoreError};
use crate::figures::{FigureTable, Kind, Values};
use std::io;

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
    fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Whole(_) => Kind::Whole,
            Self::Real(_) => Kind::Real,
        }
    }
}

impl From<Cells> for Values {
    fn from(cells: Cells) -> Self {
        match cells {
            Cells::Text(rows) => Self::Text(rows.into_iter().collect()),
            Cells::Whole(rows) => Self::Whole(rows.into_iter().collect()),
            Cells::Real(rows) => Self::Real(rows.into_iter().collect()),
        }
    }
}

/// Writes columns, in the order given, with the schema's name in the file's metadata.
///
/// # Errors
/// [`StoreError::Io`] when Parquet refuses a name.
///
/// # Panics
/// When columns are not as long as one another.
pub fn parquet_sheet(schema: &str, columns: Vec<(&str, Cells)>) -> Result<Vec<u8>> {
    let rows = columns.first().map_or(0, |(_, cells)| cells.len());
    assert!(columns.iter().all(|(_, cells)| cells.len() == rows), "columns are as long as one another");
    let kinds: Vec<(&str, Kind)> = columns.iter().map(|(name, cells)| (*name, cells.kind())).collect();
    let values = columns.into_iter().map(|(_, cells)| Values::from(cells)).collect();
    parquet_groups(schema, &kinds, (rows > 0).then_some(values))
}

/// The same for rows that come some thousand at a time: one item of `groups` has them for each column.
///
/// # Errors
/// As [`parquet_sheet`].
pub fn parquet_groups(
    schema: &str,
    columns: &[(&str, Kind)],
    groups: impl IntoIterator<Item = Vec<Values>>,
) -> Result<Vec<u8>> {
    let written = || -> io::Result<Vec<u8>> {
        let about = vec![("greenwich.schema", schema.to_owned())];
        let mut table = FigureTable::new(Vec::new(), columns, &[], about)?;
        for group in groups {
            let group = table.encoder().encode(group)?;
            table.append(group)?;
        }
        table.finish()
    };
    written().map_err(|cause| StoreError::Io { act: "write", path: schema.into(), cause })
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
