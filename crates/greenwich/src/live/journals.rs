//! The journals of a ledger that are still being written.
//!
//! In: a ledger. Out: what each of its open journals holds so far. A journal is read once and then only where it grew.
//! Nothing here takes the lock of a journal that was written to a moment ago: its meter may be closing it.

use super::observed::Observed;
use greenwich_core::reading::Tick;
use greenwich_store::{JournalFile, JournalState, Ledger, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A run of which nothing was heard for so long may have lost its meter.
const SILENT: SignedDuration = SignedDuration::from_secs(10);

/// The runs whose journals are open.
#[derive(Debug)]
pub struct OpenRuns {
    ledger: Ledger,
    host: String,
    followed: BTreeMap<PathBuf, Followed>,
    unreadable: Vec<String>,
}

#[derive(Debug)]
struct Followed {
    file: JournalFile,
    observed: Observed,
    ended: bool,
    left: bool,
}

impl Followed {
    fn shown(&self) -> OpenRun<'_> {
        OpenRun { observed: &self.observed, ended: self.ended, left: self.left }
    }
}

impl OpenRuns {
    /// The open runs of a ledger; `host` is this node's name.
    pub fn of(ledger: Ledger, host: &str) -> Self {
        Self { ledger, host: host.to_owned(), followed: BTreeMap::new(), unreadable: Vec::new() }
    }

    /// Reads what was written since the last look.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the ledger cannot be listed; a journal that cannot be read is told apart.
    pub fn look(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.unreadable.clear();
        let paths = self.ledger.journals()?;
        self.followed.retain(|path, _| paths.contains(path));
        for path in paths {
            if let Err(error) = self.follow(&path, now)
                && path.exists()
            {
                self.unreadable.push(error.to_string());
            }
        }
        Ok(())
    }

    fn follow(&mut self, path: &Path, now: Timestamp) -> Result<(), StoreError> {
        let followed = match self.followed.get_mut(path) {
            Some(followed) => {
                followed.file.look_again()?;
                followed
            }
            None => {
                let file = JournalFile::open(path)?;
                let observed = Observed::new(file.header(), file.context());
                let followed = Followed { file, observed, ended: false, left: false };
                self.followed.entry(path.to_owned()).or_insert(followed)
            }
        };
        while let Some(tick) = followed.file.next_tick()? {
            followed.observed.add(Tick { at_ns: tick.at_ns, wall: tick.wall, spans: &tick.spans });
        }
        followed.ended = followed.file.end().is_some();
        let silence = now.duration_since(followed.observed.heard());
        // A lock of another node is not seen on every shared file system, so nothing is concluded from it.
        let is_ours = followed.observed.header().host == self.host;
        followed.left = is_ours && !followed.ended && silence > patience(&followed.observed) && is_left(path);
        Ok(())
    }

    /// What each run's journal holds, the newest run first.
    pub fn runs(&self) -> Vec<OpenRun<'_>> {
        let mut runs: Vec<OpenRun<'_>> = self.followed.values().map(Followed::shown).collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.observed.header().started));
        runs
    }

    /// Journals that could not be read at the last look, in words.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }
}

/// One open journal.
#[derive(Debug, Clone, Copy)]
pub struct OpenRun<'a> {
    /// What it holds.
    pub observed: &'a Observed,
    /// Whether its end is written already.
    pub ended: bool,
    /// Whether nobody writes it any more.
    pub left: bool,
}

/// How long a run may be silent.
pub(super) fn patience(observed: &Observed) -> SignedDuration {
    SILENT.max(observed.header().period * 3)
}

fn is_left(path: &Path) -> bool {
    // The file is dropped at once, and the lock with it.
    JournalFile::open(path).is_ok_and(|file| file.state().is_ok_and(|state| state == JournalState::Left))
}
