//! A table of figures as one Parquet file, written group by group: what a sweep leaves.
//!
//! In: columns by name and kind, then their values in runs, some thousand rows at a time. Out: a file that every reader of Parquet
//! takes as it lies. Nothing of it is the ledger's.

use crate::archive::chunk::{Chunk, ChunkEncoder, Present, Run};
use crate::archive::table::{Packing, TableWriter};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::io::{self, Write};
use std::sync::Arc;

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

/// Values in the order of their rows, each with how often it comes in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Runs<T> {
    values: Vec<T>,
    counts: Vec<u32>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { values: Vec::new(), counts: Vec::new() }
    }
}

impl<T> Runs<T> {
    /// Another value.
    pub fn push(&mut self, value: T) {
        self.values.push(value);
        self.counts.push(1);
    }

    /// The last value once more; of none there is no more.
    pub fn again(&mut self) {
        if let Some(count) = self.counts.last_mut() {
            *count += 1;
        }
    }

    fn rows(&self) -> usize {
        self.counts.iter().map(|count| *count as usize).sum()
    }

    fn iter(&self) -> impl Iterator<Item = (&T, u32)> {
        self.values.iter().zip(self.counts.iter().copied())
    }
}

impl<T: PartialEq> FromIterator<T> for Runs<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut runs = Self::default();
        for value in values {
            if runs.values.last() == Some(&value) {
                runs.again();
            } else {
                runs.push(value);
            }
        }
        runs
    }
}

/// The values of a column of one group, all columns of equal length.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Places in the list of words.
    Word(Runs<u16>),
    /// Texts.
    Text(Runs<Option<String>>),
    /// Whole numbers.
    Whole(Runs<Option<i64>>),
    /// Real numbers.
    Real(Runs<Option<f64>>),
}

impl Values {
    /// No values yet, of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Word => Self::Word(Runs::default()),
            Kind::Text => Self::Text(Runs::default()),
            Kind::Whole => Self::Whole(Runs::default()),
            Kind::Real => Self::Real(Runs::default()),
        }
    }

    /// The last value once more.
    pub fn again(&mut self) {
        match self {
            Self::Word(runs) => runs.again(),
            Self::Text(runs) => runs.again(),
            Self::Whole(runs) => runs.again(),
            Self::Real(runs) => runs.again(),
        }
    }
}

/// One group of rows as it will stand in the file.
#[derive(Debug)]
pub struct Group {
    chunks: Vec<Chunk>,
}

/// Makes groups of a [`FigureTable`], on any thread.
#[derive(Debug, Clone)]
pub struct GroupEncoder {
    columns: Arc<[ColumnDescPtr]>,
    words: Arc<[String]>,
}

impl GroupEncoder {
    /// Encodes a group of rows, a [`Values`] for each column in their order.
    ///
    /// # Errors
    /// What the compressor says.
    pub fn encode(&self, columns: Vec<Values>) -> io::Result<Group> {
        let mut encoder = ChunkEncoder::new()?;
        let chunk = |(column, values): (&ColumnDescPtr, Values)| match values {
            Values::Word(runs) => self.words(&mut encoder, column, &runs),
            Values::Text(runs) => coded(&mut encoder, column, &runs, |text, entry: &mut Vec<u8>| plain(text, entry)),
            Values::Whole(runs) => coded(&mut encoder, column, &runs, |number, entry| {
                entry.extend_from_slice(&number.to_le_bytes());
            }),
            Values::Real(runs) => real(&mut encoder, column, &runs),
        };
        let chunks = self.columns.iter().zip(columns).map(chunk).collect::<Result<_, _>>().map_err(other)?;
        Ok(Group { chunks })
    }

    fn words(
        &self,
        encoder: &mut ChunkEncoder,
        column: &ColumnDescPtr,
        runs: &Runs<u16>,
    ) -> Result<Chunk, ParquetError> {
        let (mut dictionary, mut entries) = (Vec::new(), 0);
        let mut known: Vec<Option<u32>> = vec![None; self.words.len()];
        let codes: Vec<Run> = runs
            .iter()
            .map(|(word, count)| {
                let code = *known[usize::from(*word)].get_or_insert_with(|| {
                    plain(&self.words[usize::from(*word)], &mut dictionary);
                    entries += 1;
                    entries - 1
                });
                (code, count)
            })
            .collect();
        let present = Present::Coded { dictionary: &dictionary, entries, codes: &codes };
        encoder.chunk(column, runs.rows(), &[], &present)
    }
}

/// A text as Parquet's PLAIN encoding has it: its length and its bytes.
fn plain(text: &str, entry: &mut Vec<u8>) {
    entry.extend_from_slice(&(text.len() as u32).to_le_bytes());
    entry.extend_from_slice(text.as_bytes());
}

/// A chunk of values that may be missing, by a dictionary.
fn coded<T: Hash + Eq>(
    encoder: &mut ChunkEncoder,
    column: &ColumnDescPtr,
    runs: &Runs<Option<T>>,
    mut entry: impl FnMut(&T, &mut Vec<u8>),
) -> Result<Chunk, ParquetError> {
    let mut dictionary = Vec::new();
    let mut known: HashMap<&T, u32> = HashMap::new();
    let (mut codes, mut last): (Vec<Run>, Option<(&T, u32)>) = (Vec::with_capacity(runs.values.len()), None);
    for (value, count) in runs.iter() {
        let Some(value) = value else { continue };
        let code = match last {
            Some((known, code)) if known == value => code,
            _ => {
                let next = known.len() as u32;
                *known.entry(value).or_insert_with(|| {
                    entry(value, &mut dictionary);
                    next
                })
            }
        };
        last = Some((value, code));
        codes.push((code, count));
    }
    let present = Present::Coded { dictionary: &dictionary, entries: known.len() as u32, codes: &codes };
    encoder.chunk(column, runs.rows(), &levels(runs), &present)
}

/// A chunk of real numbers: by a dictionary where most repeat the one before, else byte by byte.
fn real(encoder: &mut ChunkEncoder, column: &ColumnDescPtr, runs: &Runs<Option<f64>>) -> Result<Chunk, ParquetError> {
    let rows = runs.rows();
    if runs.values.len() * MANY_IN_A_ROW <= rows {
        let bits = runs.values.iter().map(|value| value.map(f64::to_bits)).collect();
        let bits = Runs { values: bits, counts: runs.counts.clone() };
        return coded(encoder, column, &bits, |bits, entry| entry.extend_from_slice(&bits.to_le_bytes()));
    }
    let numbers: Vec<(f64, u32)> = runs.iter().filter_map(|(value, count)| Some(((*value)?, count))).collect();
    let count = numbers.iter().map(|(_, count)| *count as usize).sum();
    encoder.chunk(column, rows, &levels(runs), &Present::Split { numbers: &numbers, count })
}

/// Real numbers of which each comes so often in a row, in the mean, are few enough for a dictionary.
const MANY_IN_A_ROW: usize = 8;

/// Where there is a value (1) and where none (0).
fn levels<T>(runs: &Runs<Option<T>>) -> Vec<Run> {
    let mut levels: Vec<Run> = Vec::new();
    for (value, count) in runs.iter() {
        let level = u32::from(value.is_some());
        match levels.last_mut() {
            Some((last, known)) if *last == level => *known += count,
            _ => levels.push((level, count)),
        }
    }
    levels
}

/// A file that is being written.
pub struct FigureTable<W: Write + Send> {
    writer: TableWriter<W>,
    encoder: GroupEncoder,
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
        let writer = TableWriter::new(sink, &schema, &[], Packing::Zstd, &[], about).map_err(other)?;
        let encoder = GroupEncoder { columns: writer.columns().into(), words: words.into() };
        Ok(Self { writer, encoder })
    }

    /// What makes this file's groups.
    pub fn encoder(&self) -> GroupEncoder {
        self.encoder.clone()
    }

    /// Writes a group that this file's encoder made.
    ///
    /// # Errors
    /// What the sink says.
    pub fn append(&mut self, group: Group) -> io::Result<()> {
        self.writer.append(group.chunks).map_err(other)
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
        f.debug_struct("FigureTable").field("encoder", &self.encoder).finish_non_exhaustive()
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
    use parquet::data_type::ByteArray;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_back_with_its_gaps() {
        let columns = [("chip", Kind::Word), ("reason", Kind::Text), ("count", Kind::Whole), ("hours", Kind::Real)];
        let words = ["a100".to_owned(), "h100".to_owned()];
        let mut table = FigureTable::new(Vec::new(), &columns, &words, vec![("job", "llm".to_owned())])
            .expect("a vector takes all");
        for group in 0..2 {
            let values = vec![
                Values::Word([0, 1].into_iter().collect()),
                Values::Text([None, Some("too large".to_owned())].into_iter().collect()),
                Values::Whole([Some(8), Some(group)].into_iter().collect()),
                Values::Real([Some(1.5), None].into_iter().collect()),
            ];
            let group = table.encoder().encode(values).expect("memory takes all");
            table.append(group).expect("written");
        }
        let bytes = table.finish().expect("written");
        let reader = TableReader::new(Bytes::from(bytes)).expect("a Parquet file");
        assert_eq!((reader.groups(), reader.rows(1)), (2, 2));
        assert_eq!(reader.metadata("job").as_deref(), Some("llm"));
        let mut chips = Vec::new();
        reader.text(1, "chip", &mut chips).expect("a column of text");
        assert_eq!(chips, ["a100", "h100"].map(ByteArray::from));
    }

    /// Values, each with how often it comes in a row: single ones to bit-pack, and runs beside them.
    fn runs<T: Clone + std::fmt::Debug + 'static>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Runs<T>> {
        let count = prop_oneof![4 => Just(1u32), 2 => 2..20u32, 1 => 500..1500u32];
        vec((value, count), 1..300).prop_map(|runs| {
            let (values, counts) = runs.into_iter().unzip();
            Runs { values, counts }
        })
    }

    fn expanded<T: Clone>(runs: &Runs<T>) -> Vec<T> {
        runs.iter().flat_map(|(value, count)| std::iter::repeat_n(value.clone(), count as usize)).collect()
    }

    /// The one column of a file, as Parquet's own reader has it.
    fn read_back(kind: Kind, words: &[String], values: Values) -> Vec<Field> {
        let mut table = FigureTable::new(Vec::new(), &[("it", kind)], words, Vec::new()).expect("a vector takes all");
        let group = table.encoder().encode(vec![values]).expect("memory takes all");
        table.append(group).expect("written");
        let bytes = Bytes::from(table.finish().expect("written"));
        let rows = SerializedFileReader::new(bytes).expect("a Parquet file");
        let rows = rows.get_row_iter(None).expect("rows");
        rows.map(|row| row.expect("a row").get_column_iter().next().expect("a column").1.clone()).collect()
    }

    fn field<T>(value: Option<T>, field: impl Fn(T) -> Field) -> Field {
        value.map_or(Field::Null, field)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn whatever_runs_are_written_are_read_back(
            reals in runs(of(prop_oneof![any::<f64>().prop_filter("a NaN equals none", |real| !real.is_nan()), Just(0.5)])),
            wholes in runs(of(prop_oneof![any::<i64>(), 0..70i64])),
            texts in runs(of("[a-c]{0,2}")),
            places in runs(0..300u16),
        ) {
            let found = read_back(Kind::Real, &[], Values::Real(reals.clone()));
            prop_assert_eq!(found, expanded(&reals).into_iter().map(|it| field(it, Field::Double)).collect::<Vec<_>>());
            let found = read_back(Kind::Whole, &[], Values::Whole(wholes.clone()));
            prop_assert_eq!(found, expanded(&wholes).into_iter().map(|it| field(it, Field::Long)).collect::<Vec<_>>());
            let found = read_back(Kind::Text, &[], Values::Text(texts.clone()));
            prop_assert_eq!(found, expanded(&texts).into_iter().map(|it| field(it, Field::Str)).collect::<Vec<_>>());
            let words: Vec<String> = (0..300).map(|place| format!("word {place}")).collect();
            let found = read_back(Kind::Word, &words, Values::Word(places.clone()));
            let told = |place: u16| Field::Str(words[usize::from(place)].clone());
            prop_assert_eq!(found, expanded(&places).into_iter().map(told).collect::<Vec<_>>());
        }
    }
}
