//! What was left behind: journals whose writer died, closed parts without an entry, scratch files.
//!
//! In: the ledger. Out: the entries that were made good, each with its sums; earlier runs are not touched.

use crate::archive::{Closed, checksum};
use crate::entry::Entry;
use crate::error::{Result, StoreError};
use crate::journal::{EXTENSION, JournalFile, JournalState};
use crate::ledger::Ledger;
use rustix::fs::FlockOperation;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a journal of another node must have been silent before it is taken for left: a lock is not seen
/// across nodes on every shared file system.
pub const SILENT: Duration = Duration::from_secs(600);

/// What `recover` found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Entries that were made, with what they sum.
    pub entries: Vec<Entry>,
    /// Journals that somebody still writes, or may.
    pub alive: Vec<PathBuf>,
    /// Journals that could not be closed, with the reason; they are kept.
    pub kept: Vec<(PathBuf, StoreError)>,
}

impl Ledger {
    /// Closes every journal that nobody writes any more and makes an entry of each closed part that has none.
    ///
    /// `host` is this node's name: a journal of another node that was written to in the last [`SILENT`] is left
    /// alone.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the ledger cannot be read or an entry not be written.
    pub fn recover(&self, host: &str) -> Result<Recovered> {
        self.recover_with(host, |_| ())
    }

    /// As [`Ledger::recover`]; `complete` may add an account to each entry before it is written.
    ///
    /// # Errors
    /// As [`Ledger::recover`].
    pub fn recover_with(&self, host: &str, mut complete: impl FnMut(&mut Entry)) -> Result<Recovered> {
        let mut found = Recovered::default();
        let mut closed = Vec::new();
        for path in self.left()? {
            if path.extension().is_some_and(|end| end == "tmp") {
                sweep(&path);
                continue;
            }
            match self.recover_journal(&path, host) {
                Ok(Some(part)) => closed.push(part),
                Ok(None) => found.alive.push(path),
                // Another recovery was faster.
                Err(StoreError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound && !path.exists() => {}
                Err(error) => found.kept.push((path, error)),
            }
        }
        let known: BTreeSet<String> =
            self.entries()?.entries.into_iter().flat_map(|entry| entry.parts).map(|part| part.part).collect();
        for part in closed.iter().filter(|closed| !known.contains(&closed.part)) {
            found.entries.push(Entry::of(part));
        }
        let told: BTreeSet<&str> = closed.iter().map(|part| part.part.as_str()).collect();
        for stored in self.store.list("minutes")? {
            let name = stored.key.rsplit('/').next().unwrap_or_default().trim_end_matches(".parquet");
            if known.contains(name) || told.contains(name) {
                continue;
            }
            let key = PathBuf::from(&stored.key);
            match self.part(stored) {
                Ok(part) => found.entries.push(Entry::of(&Closed {
                    samples_crc32c: checksum(self.store.as_ref(), &part.samples_key)?,
                    minutes_crc32c: checksum(self.store.as_ref(), &part.minutes_key)?,
                    part: part.id,
                    header: part.header,
                    about: part.about,
                    tally: part.tally,
                    damage: Vec::new(),
                    torn_bytes: 0,
                    samples: part.samples_key,
                    minutes: part.minutes_key,
                })),
                Err(error) => found.kept.push((key, error)),
            }
        }
        for entry in &mut found.entries {
            complete(entry);
            self.record(entry)?;
        }
        Ok(found)
    }

    /// The journals in `open`, alive or left.
    ///
    /// # Errors
    /// [`StoreError::Io`]; a folder that is not there holds none.
    pub fn journals(&self) -> Result<Vec<PathBuf>> {
        Ok(self.left()?.into_iter().filter(|path| path.extension().is_some_and(|end| end == EXTENSION)).collect())
    }

    fn left(&self) -> Result<Vec<PathBuf>> {
        let folder = match fs::read_dir(&self.open) {
            Ok(folder) => folder,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(StoreError::io("list", &self.open)(cause)),
        };
        let mut paths = Vec::new();
        for entry in folder {
            let path = entry.map_err(StoreError::io("list", &self.open))?.path();
            if path.extension().is_some_and(|end| end == EXTENSION || end == "tmp") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn recover_journal(&self, path: &Path, host: &str) -> Result<Option<Closed>> {
        let file = JournalFile::open(path)?;
        if file.state().map_err(StoreError::io("lock", path))? == JournalState::Written {
            return Ok(None);
        }
        if file.header().host != host && silence(path).is_some_and(|silence| silence < SILENT) {
            return Ok(None);
        }
        drop(file);
        match self.close(path) {
            Err(StoreError::Alive { .. }) => Ok(None),
            closed => closed.map(Some),
        }
    }
}

fn silence(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

/// Removes a scratch file that nobody holds.
fn sweep(path: &Path) {
    let free =
        File::open(path).is_ok_and(|file| rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
    // Between being made and being locked a scratch file is free for a moment: it is given a minute.
    if free && silence(path).is_some_and(|silence| silence > Duration::from_secs(60)) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests;
