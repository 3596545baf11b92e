//! Reading the files that a user names.
//!
//! In: paths. Out: their bytes, or an error that names the file and what to do. Nothing else in this
//! crate opens a file but the replay of signals and what is kept of them.

use crate::document::DocumentError;
use crate::error::Error;
use greenwich_fleet::FleetError;
use greenwich_simulate::TraceError;
use greenwich_store::{ParquetRows, StoreError};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// No job file or model config is larger; it keeps a slip (`plan /dev/zero`, `plan model.safetensors`) harmless.
const MOST_BYTES: u64 = 16 << 20;

/// Bytes of a file of a fleet that are read at a time.
const PIECE: usize = 1 << 20;

/// Visits a file of a fleet as CSV, piece by piece: it may be as large as the fleet, and is Parquet where its name says so.
pub(crate) fn pieces(path: &Path, mut visit: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if !is_parquet(path) {
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece).map_err(|error| unreadable(path, &error))? {
                0 => return Ok(()),
                length => visit(&piece[..length])?,
            }
        }
    }
    let name = path.display().to_string();
    let mut rows = ParquetRows::open(&name, file).map_err(table)?;
    let mut piece = rows.names();
    visit(&piece)?;
    loop {
        piece.clear();
        if !rows.next(&mut piece).map_err(table)? {
            return Ok(());
        }
        visit(&piece)?;
    }
}

/// The bytes of a file of a fleet, as CSV.
pub(crate) fn whole(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    pieces(path, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(bytes)
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "parquet")
}

/// What is wrong with a file of a fleet: of Parquet the row, counted from 1, where CSV has a line.
pub(crate) fn refused(path: &Path, error: FleetError) -> Error {
    if !is_parquet(path) {
        return error.into();
    }
    let (reason, mend) = match error {
        FleetError::Cell { line, column, problem, found, help, .. } => {
            (format!("row {}, column `{column}`: {problem}, found `{found}`", line.saturating_sub(1)), help)
        }
        FleetError::NoColumn { column, found, wanted, .. } => {
            (format!("no column `{column}`, found `{found}`"), format!("give it the columns {wanted}"))
        }
        FleetError::UnknownColumn { column, help, .. } => (format!("unknown column `{column}`"), help),
        other => return other.into(),
    };
    DocumentError::Read { file: path.display().to_string(), reason, mend }.into()
}

/// The same of a trace.
pub(crate) fn trace_refused(path: &Path, error: TraceError) -> Error {
    let (reason, mend) = match error {
        TraceError::Cell { line, column, problem, found, help, .. } if is_parquet(path) => {
            (format!("row {}, column `{column}`: {problem}, found `{found}`", line.saturating_sub(1)), help.to_owned())
        }
        TraceError::NoColumn { what, found, wanted, .. } if is_parquet(path) => {
            (format!("no column of {what}, found `{found}`"), format!("name one of {wanted}"))
        }
        other => return other.into(),
    };
    DocumentError::Read { file: path.display().to_string(), reason, mend }.into()
}

fn table(error: StoreError) -> Error {
    match error {
        StoreError::Table { file, problem, mend } => DocumentError::Read { file, reason: problem, mend }.into(),
        other => other.into(),
    }
}

/// What to say of a file that the system refuses.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> DocumentError {
    let mend = "check the path, and that it may be read".to_owned();
    DocumentError::Read { file: path.display().to_string(), reason: reason(error), mend }
}

/// Why the system refuses a file, in words of ours where it is one of the common reasons.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::PermissionDenied => "you may not read it".to_owned(),
        _ => error.to_string(),
    }
}

/// Reads a whole job file or model config; `mend` says what to do when it is not there.
pub(crate) fn bytes(path: &Path, mend: &str) -> Result<Vec<u8>, DocumentError> {
    let file = path.display().to_string();
    let refuse = |reason: String, mend: String| DocumentError::Read { file: file.clone(), reason, mend };
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => refuse(reason(&error), mend.to_owned()),
        _ => refuse(reason(&error), "make it readable".to_owned()),
    })?;
    if metadata.is_dir() {
        return Err(refuse("it is a folder".to_owned(), "name the file in it".to_owned()));
    }
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        let reason = if metadata.is_file() {
            format!("it is {} bytes long", metadata.len())
        } else {
            "it is no file".to_owned()
        };
        return Err(refuse(reason, format!("name a text file of at most {} MiB", MOST_BYTES >> 20)));
    }
    std::fs::read(path).map_err(|error| refuse(reason(&error), "make it readable".to_owned()))
}
