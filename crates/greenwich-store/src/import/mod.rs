//! Records of other meters, brought in and marked as what they are.
//!
//! In: CodeCarbon's `emissions.csv`, logs of `nvidia-smi --format=csv`, Slurm's `sacct -P`. Out: entries, and samples
//! where the file has a time series. Ids follow from the content, so that a file brought in twice is there once.
//! What a file does not say is unknown, never zero; what is wrong is told with file and line, and nothing is written.

mod codecarbon;
mod nvidia_smi;
mod sacct;

pub use codecarbon::codecarbon;
pub use nvidia_smi::{GAP, NvidiaSmiLog, nvidia_smi};
pub use sacct::sacct;

use crate::error::{Result, StoreError};
use crate::id::Id;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A table read by the names in its first line.
struct Table<'a> {
    file: &'a str,
    reader: csv::Reader<&'a [u8]>,
    columns: Vec<String>,
}

/// A row and its line.
struct Row<'a> {
    file: &'a str,
    columns: &'a [String],
    record: csv::StringRecord,
    line: u64,
}

impl<'a> Table<'a> {
    fn new(file: &'a str, bytes: &'a [u8], delimiter: u8, needs: &[&str]) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .quoting(delimiter == b',')
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let columns: Vec<String> =
            reader.headers().map_err(|cause| torn(file, &cause))?.iter().map(|name| plain(name).to_owned()).collect();
        let missing: Vec<&str> =
            needs.iter().copied().filter(|need| !columns.iter().any(|name| name == need)).collect();
        if missing.is_empty() {
            return Ok(Self { file, reader, columns });
        }
        Err(StoreError::Import {
            file: file.to_owned(),
            line: 1,
            problem: format!("no column `{}` among {}", missing.join("`, `"), columns.join(", ")),
            mend: format!("write the file with the columns `{}`", needs.join("`, `")),
        })
    }

    fn rows(&mut self) -> impl Iterator<Item = Result<Row<'_>>> {
        let Self { file, reader, columns } = self;
        let (file, columns) = (*file, columns.as_slice());
        reader.records().map(move |record| {
            let record = record.map_err(|cause| torn(file, &cause))?;
            let line = record.position().map_or(0, csv::Position::line);
            Ok(Row { file, columns, record, line })
        })
    }
}

/// `power.draw [W]` is `power.draw`.
fn plain(name: &str) -> &str {
    name.trim_start_matches('\u{feff}').split(" [").next().unwrap_or(name).trim()
}

fn torn(file: &str, cause: &csv::Error) -> StoreError {
    StoreError::Import {
        file: file.to_owned(),
        line: cause.position().map_or(1, csv::Position::line),
        problem: match cause.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} fields where the first line has {expected_len}")
            }
            _ => cause.to_string(),
        },
        mend: "mend the line, or remove it: a log that was cut off ends in half a line".to_owned(),
    }
}

impl Row<'_> {
    /// A field by name; `None` where the column or its text is missing, or says that nothing is known.
    fn text(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name == column)?;
        let text = self.record.get(at)?;
        let nothing = ["", "nan", "none", "null", "n/a", "[n/a]", "[not supported]", "[unknown error]", "unknown"];
        (!nothing.contains(&text.to_ascii_lowercase().as_str())).then_some(text)
    }

    /// A number that is finite and not negative.
    fn number(&self, column: &str) -> Result<Option<f64>> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let bare = text.split_whitespace().next().unwrap_or(text);
        match bare.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(self.wrong(column, text, "a number, 0 or more")),
        }
    }

    /// An instant. Without an offset of its own it is read at `offset`.
    fn moment(&self, column: &str, offset: Offset) -> Result<Option<Timestamp>> {
        let Some(text) = self.text(column) else { return Ok(None) };
        // nvidia-smi writes 2026/11/25 02:21:27.123.
        let iso = text.replace('/', "-");
        let moment = iso.parse::<Timestamp>().ok().or_else(|| {
            let civil: DateTime = iso.parse().ok()?;
            offset.to_timestamp(civil).ok()
        });
        moment.map(Some).ok_or_else(|| self.wrong(column, text, "a time such as 2026-11-25T02:21:27"))
    }

    fn wrong(&self, column: &str, found: &str, allowed: &str) -> StoreError {
        StoreError::Import {
            file: self.file.to_owned(),
            line: self.line,
            problem: format!("`{column}` is `{found}`"),
            mend: format!("write {allowed}, or leave the field empty where it is not known"),
        }
    }
}

/// The id of content: the same content of the same moment has the same id.
fn content_id(moment: Timestamp, content: &[&str]) -> Id {
    // FNV-1a, 128 bits.
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for part in content {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
        }
    }
    Id::at(moment, hash ^ (hash >> 61))
}

/// A run name made of what a foreign record calls itself.
fn run_name(text: &str) -> String {
    match crate::id::check_name(text) {
        Err(StoreError::Name { near, .. }) => near,
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
