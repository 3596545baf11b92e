//! One trace: the text of `<zone>.csv[.gz]`, read and held to its rules.
//!
//! In: a file with `utc` and other columns, each row the start of its interval. Out: stamps and values of one
//! column, ascending, evenly stepped, with gaps left as gaps. What a window needs and whether a gap may be
//! filled is `replay`'s affair. Further columns are given as they are.

use crate::column::Measure;
use crate::error::SignalError;
use csv::ByteRecord;
use flate2::read::MultiGzDecoder;
use greenwich_core::Signal;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::{fs, str};

const LEAST_STEP_S: i64 = 300;
const MOST_STEP_S: i64 = 3600;
/// Stamps outside these years, in seconds since 1970, are slips of the pen.
const STAMPS_S: std::ops::Range<i64> = -2_208_988_800..7_258_118_400; // 1900 to 2200.
const STAMP_EXAMPLE: &str = "2026-01-31T23:00:00Z";

const SIGNALS: [Signal; 3] = [Signal::Lifecycle, Signal::Direct, Signal::Marginal];

/// Values of one column at even steps, some of them missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    /// Start of the first interval, in seconds since 1970.
    pub(crate) start_s: i64,
    /// End of the last interval.
    pub(crate) end_s: i64,
    /// Length of an interval.
    pub(crate) step_s: i64,
    /// Start and value, in the column's unit, of each interval that has a value, ascending.
    pub(crate) known: Vec<(i64, f64)>,
}

/// The rows of a file, below a header that names `utc` at least.
struct Table<'a> {
    file: &'a str,
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    header: Vec<String>,
    utc: usize,
    held: Vec<Signal>,
}

/// The text of a file, unpacked where its name ends in `.gz`.
fn unpacked(path: &Path) -> Result<Vec<u8>, SignalError> {
    let file = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| SignalError::Read { path: file.clone(), cause: error.kind() })?;
    if path.extension().is_none_or(|end| end != "gz") {
        return Ok(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len() * 6);
    MultiGzDecoder::new(bytes.as_slice())
        .read_to_end(&mut text)
        .map_err(|cause| SignalError::NotGzip { file, cause: cause.to_string() })?;
    Ok(text)
}

impl<'a> Table<'a> {
    /// A file of which a measure is wanted.
    fn new(file: &'a str, bytes: &'a [u8], wanted: &Measure) -> Result<Self, SignalError> {
        if let Err(error) = str::from_utf8(bytes) {
            let good = &bytes[..error.valid_up_to()];
            let line = good.split(|byte| *byte == b'\n').count() as u64;
            let found = format!("byte 0x{:02x} is not UTF-8", bytes[error.valid_up_to()]);
            let mend = "save the file as UTF-8, uncompressed unless its name ends in .gz";
            return Err(refuse(file, line, found, mend));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut table = Self { file, bytes, reader, header: Vec::new(), utc: 0, held: Vec::new() };
        let mut record = ByteRecord::new();
        table.next(&mut record)?;
        table.header = record.iter().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()).collect();
        table.held = SIGNALS.into_iter().filter(|signal| table.find(Measure::of(*signal).name).is_some()).collect();
        match table.find("utc") {
            Some(utc) => Ok(Self { utc, ..table }),
            None => Err(table.refuse_header(wanted)),
        }
    }

    /// The same, where it holds a signal at all.
    fn of_signals(file: &'a str, bytes: &'a [u8], wanted: &Measure) -> Result<Self, SignalError> {
        let table = Self::new(file, bytes, wanted)?;
        if table.held.is_empty() { Err(table.refuse_header(wanted)) } else { Ok(table) }
    }

    fn refuse_header(&self, wanted: &Measure) -> SignalError {
        let found = match self.header.join(",") {
            none if none.is_empty() => "the file is empty".to_owned(),
            names => format!("the header is `{}`", names.chars().take(80).collect::<String>()),
        };
        let parted = self.header.len() == 1 && self.header.iter().any(|name| name.contains([';', '\t']));
        let by = if parted { ", its columns parted by commas" } else { "" };
        refuse(self.file, 1, found, &format!("begin the file with the line `utc,{}`{by}", wanted.name))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|field| field == name)
    }

    /// Reads the next row; `false` where there is none.
    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, SignalError> {
        let mend = "write one row a line, with commas between";
        self.reader.read_byte_record(record).map_err(|error| refuse(self.file, 0, error.to_string(), mend))
    }

    /// Holds a row to the header, and gives its line.
    fn whole(&self, record: &ByteRecord) -> Result<u64, SignalError> {
        let line = line_of(record, self.bytes);
        if record.len() != self.header.len() {
            let found = format!("{} cells where the header names {}", record.len(), self.header.len());
            return Err(refuse(self.file, line, found, "give every row one cell a column; an empty cell is a gap"));
        }
        Ok(line)
    }
}

fn refuse(file: &str, line: u64, problem: String, mend: &str) -> SignalError {
    SignalError::Row { file: file.to_owned(), line, problem, mend: mend.to_owned() }
}

/// A further column of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// Start and value of each row that has one, in seconds since 1970, in the order of the file.
    pub known: Vec<(i64, f64)>,
}

/// The length of an interval in seconds, and the columns of a file that are wanted. Rows stamped `before_s` or later are
/// passed over unread, where it is given.
pub(crate) fn columns(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
    before_s: Option<i64>,
) -> Result<(i64, Vec<Column>), SignalError> {
    let (file, bytes) = (path.display().to_string(), unpacked(path)?);
    let mut table = Table::of_signals(&file, &bytes, Measure::of(Signal::Lifecycle))?;
    let places: Vec<usize> = (0..table.header.len()).filter(|at| wanted(&table.header[*at])).collect();
    let column = |at: &usize| Column { name: table.header[*at].clone(), known: Vec::new() };
    let mut found: Vec<Column> = places.iter().map(column).collect();
    let mut stamps = Vec::new();
    let mut record = ByteRecord::new();
    while !found.is_empty() && table.next(&mut record)? {
        // A stamp that is none is told where the intensity is read.
        let Some(at) = stamp_s(&record, table.utc) else { continue };
        if before_s.is_some_and(|before_s| at >= before_s) {
            continue;
        }
        let line = table.whole(&record)?;
        stamps.push((at, line));
        for (column, place) in found.iter_mut().zip(&places) {
            let cell = text(&record[*place]);
            match cell.parse::<f64>() {
                _ if cell.is_empty() => {}
                Ok(value) if value.is_finite() => column.known.push((at, value)),
                _ => {
                    let problem = format!("`{cell}` in `{}` is not a number", column.name);
                    return Err(refuse(&file, line, problem, "leave the cell empty where the value is not known"));
                }
            }
        }
    }
    Ok((step(&stamps).unwrap_or(MOST_STEP_S), found))
}

impl Trace {
    /// Reads one signal of a file; rows stamped `before_s` or later are passed over unread, where it is given.
    pub(crate) fn read(path: &Path, signal: Signal, before_s: Option<i64>) -> Result<Self, SignalError> {
        let (file, bytes, wanted) = (path.display().to_string(), unpacked(path)?, Measure::of(signal));
        let table = Table::of_signals(&file, &bytes, wanted)?;
        let Some(value_at) = table.find(wanted.name) else {
            let held = table.held;
            return Err(SignalError::NoColumn { file, signal, column: wanted.name, held });
        };
        Self::parse(table, value_at, wanted, before_s)
    }

    /// Reads another measure of a file, such as its temperatures; `None` where the header does not name it.
    pub(crate) fn read_column(
        path: &Path,
        wanted: &Measure,
        before_s: Option<i64>,
    ) -> Result<Option<Self>, SignalError> {
        let (file, bytes) = (path.display().to_string(), unpacked(path)?);
        let table = Table::new(&file, &bytes, wanted)?;
        let value_at = table.find(wanted.name);
        value_at.map(|value_at| Self::parse(table, value_at, wanted, before_s)).transpose()
    }

    fn parse(
        mut table: Table<'_>,
        value_at: usize,
        wanted: &Measure,
        before_s: Option<i64>,
    ) -> Result<Self, SignalError> {
        let (file, bytes, utc) = (table.file, table.bytes, table.utc);
        let refuse = |line: u64, problem: String, mend: &str| refuse(file, line, problem, mend);
        let mut stamps: Vec<(i64, u64)> = Vec::with_capacity(bytes.len() / 40);
        let mut known: Vec<(i64, f64)> = Vec::with_capacity(bytes.len() / 40);
        let mut record = ByteRecord::new();
        while table.next(&mut record)? {
            if before_s.is_some_and(|before_s| stamp_s(&record, utc).is_some_and(|at| at >= before_s)) {
                continue;
            }
            let line = table.whole(&record)?;
            let stamp = text(&record[utc]);
            let Some(at) = stamp_s(&record, utc).filter(|at| STAMPS_S.contains(at)) else {
                let mend = format!("write UTC in whole seconds as in {STAMP_EXAMPLE}, years 1900 to 2199");
                return Err(refuse(line, format!("`{stamp}` is no instant that a trace can hold"), &mend));
            };
            if let Some(&(before, before_line)) = stamps.last() {
                if at == before {
                    let found = format!("`{stamp}` is there twice, first on line {before_line}");
                    return Err(refuse(line, found, "keep one row an interval"));
                }
                if at < before {
                    let found = format!("`{stamp}` is earlier than the row before it");
                    return Err(refuse(line, found, "sort the rows by `utc`, earliest first"));
                }
            }
            stamps.push((at, line));
            let cell = text(&record[value_at]);
            if cell.is_empty() {
                continue;
            }
            match cell.parse::<f64>() {
                Ok(value) if (wanted.least..=wanted.most).contains(&value) => known.push((at, value)),
                Ok(value) if value.is_finite() => {
                    let Measure { name, least, most, .. } = wanted;
                    let found = format!("`{cell}` in `{name}`, allowed is {least} to {most}");
                    return Err(refuse(line, found, wanted.mend));
                }
                _ => {
                    let found = format!("`{cell}` in `{}` is not a number", wanted.name);
                    return Err(refuse(line, found, "leave the cell empty where the value is not known"));
                }
            }
        }
        if let (Some(before_s), [] | [_]) = (before_s, stamps.as_slice()) {
            // Too little came before to tell a step: what is there is an hour.
            let start_s = stamps.first().map_or(before_s, |(at, _)| *at);
            return Ok(Self {
                start_s,
                end_s: start_s + MOST_STEP_S * stamps.len() as i64,
                step_s: MOST_STEP_S,
                known,
            });
        }
        let step_s = step(&stamps).map_err(|(line, problem)| {
            refuse(line, problem, "give rows at one even step between 5 min and 1 h, at least two of them")
        })?;
        let (start_s, end_s) = (stamps[0].0, stamps[stamps.len() - 1].0 + step_s);
        Ok(Self { start_s, end_s, step_s, known })
    }
}

/// The stamp of a row, in whole seconds.
fn stamp_s(record: &ByteRecord, utc: usize) -> Option<i64> {
    let at: Timestamp = text(record.get(utc)?).parse().ok()?;
    (at.subsec_nanosecond() == 0).then(|| at.as_second())
}

/// The line on which a record begins. The reader's own count stands before the line ends that it skips.
fn line_of(record: &ByteRecord, bytes: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let rest = &bytes[position.byte() as usize..];
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n');
    position.line() + skipped.count() as u64
}

fn text(cell: &[u8]) -> &str {
    str::from_utf8(cell.trim_ascii()).expect("the whole file is UTF-8")
}

/// The commonest distance of neighbours that is not above an hour: longer ones are gaps. Every row must
/// lie on it, counted from the first.
fn step(stamps: &[(i64, u64)]) -> Result<i64, (u64, String)> {
    let [(first, first_line), .., _] = stamps else {
        return Err((stamps.first().map_or(1, |row| row.1), "no step can be told from fewer than two rows".into()));
    };
    let mut tally: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in stamps.windows(2) {
        *tally.entry(pair[1].0 - pair[0].0).or_default() += 1;
    }
    let short = tally.iter().filter(|(step, _)| **step <= MOST_STEP_S);
    let Some((&step, _)) = short.max_by_key(|(step, count)| (**count, -**step)) else {
        let least = tally.keys().next().expect("two rows have a distance");
        return Err((*first_line, format!("the rows are at least {} min apart", least / 60)));
    };
    if step < LEAST_STEP_S {
        return Err((*first_line, format!("the rows are {step} s apart")));
    }
    let off = stamps.iter().find(|(at, _)| (at - first) % step != 0);
    off.map_or(Ok(step), |&(at, line)| {
        let stamp = Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string());
        Err((line, format!("`{stamp}` does not lie on the step of {} min from the first row", step / 60)))
    })
}
