//! One trace: the text of `<zone>.csv[.gz]`, read and held to its rules.
//!
//! In: a file with `utc` and other columns, each row the start of its interval. Out: stamps and values of
//! one column, ascending, evenly stepped, with gaps left as gaps. What a window needs and whether a gap may
//! be filled is `replay`'s affair.

use crate::column::Column;
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
/// The byte order mark that some programs begin UTF-8 with.
const MARK: &[u8] = b"\xef\xbb\xbf";
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

impl Trace {
    /// Reads one signal of a file; rows stamped `before_s` or later are passed over unread, where it is given.
    pub(crate) fn read(path: &Path, signal: Signal, before_s: Option<i64>) -> Result<Self, SignalError> {
        let (file, bytes) = load(path)?;
        let column = Column::of(signal);
        Self::parse(&file, &bytes, column, before_s, |header| {
            let has = |column: &Column| header.iter().any(|field| field == column.name);
            let held: Vec<Signal> = SIGNALS.into_iter().filter(|signal| has(Column::of(*signal))).collect();
            if held.is_empty() || held.contains(&signal) {
                return None;
            }
            Some(SignalError::NoColumn { file: file.clone(), signal, column: column.name, held })
        })
    }

    /// Reads another column of a file, such as its temperatures; `None` where the header does not name it.
    pub(crate) fn read_column(
        path: &Path,
        column: &Column,
        before_s: Option<i64>,
    ) -> Result<Option<Self>, SignalError> {
        let (file, bytes) = load(path)?;
        let text = String::from_utf8_lossy(bytes.strip_prefix(MARK).unwrap_or(&bytes));
        let header = text.lines().next().unwrap_or_default();
        if !header.split(',').any(|name| name.trim().trim_matches('"') == column.name) {
            return Ok(None);
        }
        Self::parse(&file, &bytes, column, before_s, |_| None).map(Some)
    }

    fn parse(
        file: &str,
        bytes: &[u8],
        column: &Column,
        before_s: Option<i64>,
        other: impl Fn(&[String]) -> Option<SignalError>,
    ) -> Result<Self, SignalError> {
        let refuse = |line: u64, problem: String, mend: &str| SignalError::Row {
            file: file.to_owned(),
            line,
            problem,
            mend: mend.to_owned(),
        };
        if let Err(error) = str::from_utf8(bytes) {
            let good = &bytes[..error.valid_up_to()];
            let line = good.split(|byte| *byte == b'\n').count() as u64;
            let found = format!("byte 0x{:02x} is not UTF-8", bytes[error.valid_up_to()]);
            return Err(refuse(line, found, "save the file as UTF-8, uncompressed unless its name ends in .gz"));
        }
        let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut record = ByteRecord::new();
        let broken = |error: &csv::Error| refuse(0, error.to_string(), "write one row a line, with commas between");

        reader.read_byte_record(&mut record).map_err(|error| broken(&error))?;
        let header: Vec<String> =
            record.iter().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()).collect();
        if let Some(error) = other(&header) {
            return Err(error);
        }
        let find = |name: &str| header.iter().position(|field| field == name);
        let (Some(utc), Some(value_at)) = (find("utc"), find(column.name)) else {
            let found = match header.join(",") {
                none if none.is_empty() => "the file is empty".to_owned(),
                names => format!("the header is `{}`", names.chars().take(80).collect::<String>()),
            };
            return Err(refuse(1, found, &format!("begin the file with the line `utc,{}`", column.name)));
        };

        let mut stamps: Vec<(i64, u64)> = Vec::with_capacity(bytes.len() / 40);
        let mut known: Vec<(i64, f64)> = Vec::with_capacity(bytes.len() / 40);
        while reader.read_byte_record(&mut record).map_err(|error| broken(&error))? {
            if before_s.is_some_and(|before_s| stamp_s(&record, utc).is_some_and(|at| at >= before_s)) {
                continue;
            }
            let line = line_of(&record, bytes);
            if record.len() != header.len() {
                let found = format!("{} cells where the header names {}", record.len(), header.len());
                return Err(refuse(line, found, "give every row one cell a column; an empty cell is a gap"));
            }
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
                Ok(value) if (column.least..=column.most).contains(&value) => known.push((at, value)),
                Ok(value) if value.is_finite() => {
                    let Column { name, least, most, .. } = column;
                    let found = format!("`{cell}` in `{name}`, allowed is {least} to {most}");
                    return Err(refuse(line, found, column.mend));
                }
                _ => {
                    let found = format!("`{cell}` in `{}` is not a number", column.name);
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

/// The file's name as it is shown, and its text.
fn load(path: &Path) -> Result<(String, Vec<u8>), SignalError> {
    let file = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| SignalError::Read { path: file.clone(), cause: error.kind() })?;
    if path.extension().is_some_and(|end| end == "gz") {
        let mut text = Vec::with_capacity(bytes.len() * 6);
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut text)
            .map_err(|cause| SignalError::NotGzip { file: file.clone(), cause: cause.to_string() })?;
        return Ok((file, text));
    }
    Ok((file, bytes))
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
