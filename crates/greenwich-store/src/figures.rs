//! A table of figures as one Parquet file, written group by group: what a sweep leaves.
//!
//! In: columns by name and kind, then their values, some thousand rows at a time. Out: a file that every reader of Parquet
//! takes as it lies. Nothing of it is the ledger's.

use crate::archive::table::{Column, Layout, Packing, TableWriter};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use std::fmt::Write as _;
use std::io::{self, Write};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of few texts.
    Word,
    /// Text that may be missing.
    Text,
    /// A whole number that may be missing.
    Whole,
    /// A real number that may be missing.
    Real,
}

/// The values of a column of one group, all columns of equal length.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Places in the list of words.
    Word(Vec<u16>),
    /// Texts.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Whole(Vec<Option<i64>>),
    /// Real numbers.
    Real(Vec<Option<f64>>),
}

impl Values {
    /// No values yet, of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Word => Self::Word(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Whole => Self::Whole(Vec::new()),
            Kind::Real => Self::Real(Vec::new()),
        }
    }
}

/// A file that is being written.
pub struct FigureTable<W: Write + Send> {
    writer: TableWriter<W>,
    words: Vec<ByteArray>,
}

impl<W: Write + Send> FigureTable<W> {
    /// Begins a file of these columns; `words` are the texts that [`Values::Word`] points at, `about` goes into the file's
    /// metadata.
    ///
    /// # Errors
    /// What the sink says.
    pub fn new(sink: W, columns: &[(&str, Kind)], words: &[String], about: Vec<(&str, String)>) -> io::Result<Self> {
        let mut schema = "message figures {\n".to_owned();
        for (name, kind) in columns {
            let kind = match kind {
                Kind::Word => ("required binary", " (STRING)"),
                Kind::Text => ("optional binary", " (STRING)"),
                Kind::Whole => ("optional int64", ""),
                Kind::Real => ("optional double", ""),
            };
            // Writing to a string cannot fail.
            _ = writeln!(schema, "{} {name}{};", kind.0, kind.1);
        }
        schema.push('}');
        let real = columns.iter().filter(|(_, kind)| *kind == Kind::Real);
        let layouts: Vec<(&str, Layout)> = real.map(|(name, _)| (*name, Layout::Bytes)).collect();
        let writer = TableWriter::new(sink, &schema, &layouts, Packing::Zstd, &[], about).map_err(other)?;
        Ok(Self { writer, words: words.iter().map(|word| word.as_bytes().to_vec().into()).collect() })
    }

    /// Writes one group of rows, a [`Values`] for each column in their order.
    ///
    /// # Errors
    /// What the sink says.
    pub fn group(&mut self, columns: Vec<Values>) -> io::Result<()> {
        let words = &self.words;
        let mut columns = columns.into_iter().map(|values| match values {
            Values::Word(rows) => Column::Text { words, rows },
            Values::Text(rows) => Column::MaybeText(rows),
            Values::Whole(rows) => Column::MaybeWhole(rows),
            Values::Real(rows) => Column::MaybeReal(rows),
        });
        self.writer.group(&mut columns).map_err(other)
    }

    /// Ends the file and gives the sink back.
    ///
    /// # Errors
    /// What the sink says.
    pub fn finish(self) -> io::Result<W> {
        self.writer.finish(Vec::new()).map_err(other)
    }
}

impl<W: Write + Send> std::fmt::Debug for FigureTable<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FigureTable").field("words", &self.words.len()).finish_non_exhaustive()
    }
}

fn other(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::table::TableReader;
    use bytes::Bytes;

    #[test]
    fn what_is_written_is_read_back_with_its_gaps() {
        let columns = [("chip", Kind::Word), ("reason", Kind::Text), ("count", Kind::Whole), ("hours", Kind::Real)];
        let words = ["a100".to_owned(), "h100".to_owned()];
        let mut table = FigureTable::new(Vec::new(), &columns, &words, vec![("job", "llm".to_owned())])
            .expect("a vector takes all");
        for group in 0..2 {
            let values = vec![
                Values::Word(vec![0, 1]),
                Values::Text(vec![None, Some("too large".to_owned())]),
                Values::Whole(vec![Some(8), Some(group)]),
                Values::Real(vec![Some(1.5), None]),
            ];
            table.group(values).expect("written");
        }
        let bytes = table.finish().expect("written");
        let reader = TableReader::new(Bytes::from(bytes)).expect("a Parquet file");
        assert_eq!((reader.groups(), reader.rows(1)), (2, 2));
        assert_eq!(reader.metadata("job").as_deref(), Some("llm"));
        let mut chips = Vec::new();
        reader.text(1, "chip", &mut chips).expect("a column of text");
        assert_eq!(chips, [ByteArray::from("a100"), ByteArray::from("h100")]);
    }
}
