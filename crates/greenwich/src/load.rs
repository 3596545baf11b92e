//! Reading the files that a user names.
//!
//! In: paths. Out: their bytes, or an error that names the file and what to do. Nothing else in this
//! crate opens a file but the replay of signals and what is kept of them.

use crate::document::DocumentError;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// No job file or model config is larger; it keeps a slip (`plan /dev/zero`, `plan model.safetensors`) harmless.
const MOST_BYTES: u64 = 16 << 20;

/// Opens a file of a fleet, which may be as large as the fleet.
pub(crate) fn open(path: &Path) -> Result<File, DocumentError> {
    if path.extension().is_some_and(|end| end == "parquet") {
        let reason = "plans are written as Parquet, but files of a fleet are not read so".to_owned();
        let mend = "give it as CSV".to_owned();
        return Err(DocumentError::Read { file: path.display().to_string(), reason, mend });
    }
    File::open(path).map_err(|error| unreadable(path, &error))
}

/// The bytes of a file of a fleet.
pub(crate) fn whole(path: &Path) -> Result<Vec<u8>, DocumentError> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

/// What to say of a file that the system refuses.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> DocumentError {
    let mend = "check the path, and that it may be read".to_owned();
    DocumentError::Read { file: path.display().to_string(), reason: error.to_string(), mend }
}

/// Reads a whole job file or model config; `mend` says what to do when it is not there.
pub(crate) fn bytes(path: &Path, mend: &str) -> Result<Vec<u8>, DocumentError> {
    let file = path.display().to_string();
    let refuse = |reason: String, mend: String| DocumentError::Read { file: file.clone(), reason, mend };
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => refuse("there is no such file".to_owned(), mend.to_owned()),
        _ => refuse(error.to_string(), "make it readable".to_owned()),
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
    std::fs::read(path).map_err(|error| refuse(error.to_string(), "make it readable".to_owned()))
}
