//! The ledger: journals that are being written, closed parts, entries.
//!
//! In: a folder, or a folder for journals and any store. Out: what the commands need: a journal for a run, its
//! closing, entries written once and found again.

use crate::archive::{self, About, Closed, MinutesReader, failed};
use crate::entry::Entry;
use crate::error::{Result, StoreError};
use crate::header::RunContext;
use crate::journal::Journal;
use crate::store::{Content, FolderStore, LedgerStore, Stored, StoredFile};
use crate::tally::Tally;
use greenwich_core::reading::MeterHeader;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) open: PathBuf,
    pub(crate) store: Arc<dyn LedgerStore>,
}

/// The entries that could be read, and what could not.
#[derive(Debug, Default)]
pub struct Entries {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// Files that are no entries, or of later versions.
    pub unreadable: Vec<StoreError>,
}

impl Entries {
    /// Those that no other takes the place of.
    pub fn current(&self) -> impl Iterator<Item = &Entry> {
        let replaced: BTreeSet<&str> =
            self.entries.iter().flat_map(|entry| entry.corrects.iter().map(String::as_str)).collect();
        self.entries.iter().filter(move |entry| !replaced.contains(entry.id.as_str()))
    }
}

/// A closed part, with what its file says of itself.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) header: MeterHeader,
    pub(crate) about: About,
    pub(crate) tally: Tally,
    pub(crate) minutes: MinutesReader,
    pub(crate) samples_key: String,
    pub(crate) minutes_key: String,
    pub(crate) store: Arc<dyn LedgerStore>,
}

impl Ledger {
    /// The ledger in a local folder: journals in `open/`, the rest beside it. Nothing is written yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self { open: folder.join("open"), store: Arc::new(FolderStore::new(folder)) }
    }

    /// A ledger whose closed files lie in any store; journals need a local folder, `open`.
    #[must_use]
    pub fn with_store(open: impl Into<PathBuf>, store: Arc<dyn LedgerStore>) -> Self {
        Self { open: open.into(), store }
    }

    /// A journal for a run, to be given to the meter as its sink.
    #[must_use]
    pub fn journal(&self, context: RunContext) -> Journal {
        Journal::new(&self.open, context)
    }

    /// Closes a journal that was finished; see [`archive::close`].
    ///
    /// # Errors
    /// As [`archive::close`].
    pub fn close(&self, journal: impl AsRef<Path>) -> Result<Closed> {
        let journal = journal.as_ref();
        archive::close(journal, &self.store).inspect_err(|_| {
            // The journal stays what holds the run. Should the disk refuse this too, the system writes it when it can.
            let _ = std::fs::File::open(journal).and_then(|file| file.sync_all());
        })
    }

    /// Writes an entry. The same entry again does nothing.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another entry has its id; [`StoreError::Io`].
    pub fn record(&self, entry: &Entry) -> Result<()> {
        let bytes = entry.to_json();
        let key = entry.key(&bytes);
        let folder = key.rsplit_once('/').map_or("entries", |(folder, _)| folder);
        let taken = self
            .store
            .list(folder)?
            .into_iter()
            .find(|stored| stored.key != key && id_of(&stored.key).is_some_and(|id| id == entry.id));
        match taken {
            Some(stored) => Err(StoreError::Taken { key: stored.key }),
            None => self.store.put(&key, Content::Bytes(&bytes)),
        }
    }

    /// Every entry, oldest first, corrections included.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the store cannot be listed; files that cannot be read are told beside the others.
    pub fn entries(&self) -> Result<Entries> {
        let mut found = Entries::default();
        for stored in self.store.list("entries")? {
            if id_of(&stored.key).is_none() {
                continue;
            }
            match self.store.get(&stored.key, None).and_then(|bytes| Entry::from_json(&stored.key, &bytes)) {
                Ok(entry) => found.entries.push(entry),
                Err(error) => found.unreadable.push(error),
            }
        }
        found.entries.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        Ok(found)
    }

    /// Finds one current entry by run name, entry id, an unambiguous beginning of either, or `last`.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] with the names it could be.
    pub fn find(&self, name: &str) -> Result<Entry> {
        let entries = self.entries()?;
        let current: Vec<&Entry> = entries.current().collect();
        let newest =
            |entries: &[&Entry]| entries.iter().max_by_key(|entry| (entry.end, &entry.id)).map(|one| (*one).clone());
        let exact: Vec<&Entry> = current.iter().copied().filter(|one| one.run == name || one.id == name).collect();
        // A run that was queued again has one name and several entries: the newest is meant.
        if let Some(entry) = newest(&exact).or_else(|| (name == "last").then(|| newest(&current)).flatten()) {
            return Ok(entry);
        }
        // An entry that was corrected is still found by its own id.
        if let Some(entry) = entries.entries.iter().find(|entry| entry.id == name) {
            return Ok(entry.clone());
        }
        let begins: Vec<&Entry> = current
            .iter()
            .copied()
            .filter(|one| !name.is_empty() && (one.run.starts_with(name) || one.id.starts_with(name)))
            .collect();
        let runs: BTreeSet<&str> = begins.iter().map(|entry| entry.run.as_str()).collect();
        if runs.len() == 1
            && let Some(entry) = newest(&begins)
        {
            return Ok(entry);
        }
        let from = if begins.is_empty() { &current } else { &begins };
        let mut nearest: Vec<String> = Vec::new();
        for entry in from.iter().rev() {
            if !nearest.contains(&entry.run) && nearest.len() < 5 {
                nearest.push(entry.run.clone());
            }
        }
        Err(StoreError::Unknown { name: name.to_owned(), nearest })
    }

    /// The closed parts, of one run or of all.
    pub(crate) fn parts(&self, run: Option<&str>) -> Result<Vec<Part>> {
        let folder = run.map_or("minutes".to_owned(), |run| format!("minutes/{run}"));
        self.store
            .list(&folder)?
            .into_iter()
            .filter(|stored| stored.key.ends_with(".parquet"))
            .map(|stored| self.part(stored))
            .collect()
    }

    pub(crate) fn part(&self, stored: Stored) -> Result<Part> {
        let key = stored.key.clone();
        let bad = failed("archive", key.clone());
        let minutes = MinutesReader::new(StoredFile::new(&self.store, stored)).map_err(&bad)?;
        let (about, tally) = minutes.about().map_err(&bad)?;
        Ok(Part {
            id: minutes.part().to_owned(),
            header: minutes.header().clone(),
            about,
            tally,
            minutes,
            samples_key: key.replacen("minutes/", "samples/", 1),
            minutes_key: key,
            store: Arc::clone(&self.store),
        })
    }
}

/// The id in an entry's key.
pub(crate) fn id_of(key: &str) -> Option<&str> {
    let name = key.rsplit('/').next()?.strip_suffix(".json")?;
    let (id, checksum) = name.rsplit_once('.')?;
    (checksum.len() == 8).then_some(id)
}
