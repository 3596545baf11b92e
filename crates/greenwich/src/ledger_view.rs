//! What a ledger holds, as people and programs see it: `ledger list`, `ledger show`.
//!
//! In: a ledger. Out: its runs, the journals that are still open with what would become of them, and either as text
//! or JSON. Nothing is written.

use crate::remembered::run_entry;
use crate::{Error, Labels};
use greenwich_core::entry::RunEntry;
use greenwich_report::Style;
use greenwich_report::export::run_json;
use greenwich_report::text::{self, sheet};
use greenwich_store::journal::{JournalFile, JournalState};
use greenwich_store::{Entry, Ledger, SILENT, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Least letters of a run's name in a list.
const NAME_LETTERS: usize = 8;
/// A journal that was written so short a time ago is taken to be alive.
const YOUNG: Duration = Duration::from_secs(3);

/// What a ledger holds.
#[derive(Debug)]
pub struct Listed {
    /// Current entries, oldest first.
    pub entries: Vec<Entry>,
    /// Entries that others take the place of.
    pub corrected: usize,
    /// Journals, oldest first.
    pub open: Vec<OpenJournal>,
    /// Files that could not be read, each with why.
    pub unreadable: Vec<String>,
    /// How many runs were left out because they have other labels.
    pub left_out: usize,
}

/// A journal that has not been closed.
#[derive(Debug)]
pub struct OpenJournal {
    /// The file.
    pub path: PathBuf,
    /// How it stands.
    pub state: OpenState,
    /// The run.
    pub run: String,
    /// The node that writes or wrote.
    pub host: String,
    /// When it began.
    pub started: Timestamp,
    /// The command.
    pub command: Vec<String>,
    /// How long ago it was last written.
    pub silent: Option<Duration>,
}

/// How a journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenState {
    /// Its run goes on.
    Running,
    /// Another node may still write it.
    Elsewhere,
    /// Nobody writes it any more.
    LeftBehind,
}

impl OpenState {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Elsewhere => "elsewhere",
            Self::LeftBehind => "left behind",
        }
    }
}

impl Listed {
    /// Keeps the runs that have all of the labels that are given. Open journals stay: their runs have not ended.
    pub fn keep(&mut self, only: &Labels) {
        let has = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let before = self.entries.len();
        self.entries.retain(|entry| {
            has(&only.project, &entry.project)
                && has(&only.model, &entry.model)
                && has(&only.phase, &entry.phase)
                && only.tags.iter().all(|(key, value)| entry.tags.get(key) == Some(value))
        });
        self.left_out = before - self.entries.len();
    }
}

/// Looks at a ledger; `host` is this node's name.
///
/// # Errors
/// [`Error::Store`] when it cannot be listed. A folder that is not there holds nothing.
pub fn list(ledger: &Ledger, host: &str) -> Result<Listed, Error> {
    let found = ledger.entries()?;
    let entries: Vec<Entry> = found.current().cloned().collect();
    let corrected = found.entries.len() - entries.len();
    let (open, more) = open(ledger, host)?;
    let unreadable = found.unreadable.iter().map(ToString::to_string).chain(more).collect();
    Ok(Listed { entries, corrected, open, unreadable, left_out: 0 })
}

/// The journals of a ledger, and those of which not even the header can be read.
pub(crate) fn open(ledger: &Ledger, host: &str) -> Result<(Vec<OpenJournal>, Vec<String>), Error> {
    let (mut open, mut unreadable) = (Vec::new(), Vec::new());
    for path in ledger.journals()? {
        match look(&path, host) {
            Ok(journal) => open.push(journal),
            // It was closed in this moment.
            Err(StoreError::Io { .. }) if !path.exists() => {}
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    open.sort_by(|a, b| (a.started, &a.path).cmp(&(b.started, &b.path)));
    Ok((open, unreadable))
}

fn look(path: &Path, host: &str) -> Result<OpenJournal, StoreError> {
    let file = JournalFile::open(path)?;
    let silent = std::fs::metadata(path).ok().and_then(|found| found.modified().ok()?.elapsed().ok());
    // To ask whether it is locked takes the lock for a moment, in which its own meter could not close it.
    let is_young = silent.is_none_or(|silent| silent < YOUNG);
    let written = is_young || file.state().map_or(true, |state| state == JournalState::Written);
    let elsewhere = file.header().host != host && silent.is_some_and(|silent| silent < SILENT);
    Ok(OpenJournal {
        path: path.to_owned(),
        state: match (written, elsewhere) {
            (true, _) => OpenState::Running,
            (false, true) => OpenState::Elsewhere,
            (false, false) => OpenState::LeftBehind,
        },
        run: file.header().run.clone(),
        host: file.header().host.clone(),
        started: file.header().started,
        command: file.context().command.clone(),
        silent,
    })
}

/// Finds a run by its name, an entry's id, an unambiguous beginning of either, or `last`.
///
/// # Errors
/// [`Error::EmptyLedger`], [`Error::Several`], [`Error::Store`] with the nearest names.
pub fn find(ledger: &Ledger, folder: &Path, name: &str) -> Result<Entry, Error> {
    match ledger.find(name) {
        Ok(entry) => Ok(entry),
        Err(StoreError::Unknown { name, nearest }) if nearest.is_empty() => {
            let folder = folder.display().to_string();
            let empty = ledger.entries().is_ok_and(|found| found.entries.is_empty());
            Err(if empty { Error::EmptyLedger { folder } } else { StoreError::Unknown { name, nearest }.into() })
        }
        Err(StoreError::Unknown { name, nearest })
            if !name.is_empty() && nearest.iter().all(|run| run.starts_with(&name)) =>
        {
            Err(Error::Several { name, runs: nearest })
        }
        Err(error) => Err(error.into()),
    }
}

/// A ledger as text, its newest runs last; `last` shows no more than so many.
pub fn list_text(listed: &Listed, last: Option<usize>, folder: &Path, style: Style) -> String {
    let shown = newest(&listed.entries, last);
    let mut runs: Vec<RunEntry> = shown.iter().map(run_entry).collect();
    shorten(&mut runs, &listed.entries);
    let mut out = if runs.is_empty() {
        let mut sheet = sheet::Sheet::new(style);
        if listed.left_out > 0 {
            sheet.headline(&format!("The ledger {} holds no run with these labels.", folder.display()));
        } else {
            sheet.headline(&format!("The ledger {} holds no run.", folder.display()));
            sheet.paragraph("`greenwich run -- COMMAND` records one.");
        }
        sheet.finish()
    } else {
        text::runs(&runs, style)
    };
    let mut sheet = sheet::Sheet::new(style);
    let hidden = listed.entries.len() - shown.len();
    if hidden > 0 {
        sheet.paragraph(&format!("{hidden} earlier, not shown and not in the sum."));
    }
    if listed.left_out > 0 {
        sheet.paragraph(&format!("{} with other labels, not shown.", counted(listed.left_out, "run", "runs")));
    }
    if listed.corrected > 0 {
        sheet.paragraph(&format!(
            "{}, not shown.",
            counted(listed.corrected, "entry that a later one corrects", "entries that later ones correct")
        ));
    }
    if !listed.open.is_empty() {
        sheet.heading("Open journals");
        for journal in &listed.open {
            sheet.item("- ", &open_words(journal));
        }
    }
    if !listed.unreadable.is_empty() {
        sheet.heading("Not readable");
        for words in &listed.unreadable {
            sheet.item("! ", words);
        }
    }
    out.push_str(&sheet.finish());
    out
}

/// `train.py on node-1 since …: still running`.
pub(crate) fn open_words(journal: &OpenJournal) -> String {
    let what = if journal.command.is_empty() { "a run".to_owned() } else { format!("`{}`", journal.command.join(" ")) };
    let silent = journal
        .silent
        .map_or_else(String::new, |silent| format!(", last written {} ago", sheet::lasted(silent.as_secs_f64())));
    let becomes = match journal.state {
        OpenState::Running => "still running; it is in the list when it ends".to_owned(),
        OpenState::Elsewhere => {
            format!(
                "may still run there; `greenwich ledger recover` takes it after {} of silence",
                sheet::lasted(SILENT.as_secs_f64())
            )
        }
        OpenState::LeftBehind => {
            "left behind; `greenwich ledger recover` makes an entry of what was recorded".to_owned()
        }
    };
    format!("{what} on {} since {} UTC{silent}: {becomes}", journal.host, sheet::moment(journal.started))
}

/// A ledger as JSON, `greenwich.runs/1`.
pub fn list_json(listed: &Listed, last: Option<usize>) -> Value {
    let runs: Vec<Value> = newest(&listed.entries, last).iter().map(entry_json).collect();
    let open: Vec<Value> = listed.open.iter().map(open_json).collect();
    json!({
        "schema": greenwich_store::RUNS, "runs": runs, "corrected": listed.corrected, "open": open,
        "unreadable": listed.unreadable,
    })
}

pub(crate) fn open_json(journal: &OpenJournal) -> Value {
    json!({
        "journal": journal.path.display().to_string(), "state": journal.state.as_str(), "run": journal.run,
        "host": journal.host, "start": journal.started.to_string(), "command": journal.command,
        "silent_s": journal.silent.map(|silent| silent.as_secs_f64()),
    })
}

/// A run as text.
pub fn show_text(entry: &Entry, style: Style) -> String {
    let mut run = run_entry(entry);
    if entry.source != "greenwich" {
        run.account.warnings.insert(0, format!("measured by {}, and brought in", entry.source));
    }
    text::run(&run, style)
}

/// A run as JSON, `greenwich.run/1`: the quantities as reports have them, with what the ledger keeps beside them.
/// What is not known is `null`.
pub fn entry_json(entry: &Entry) -> Value {
    let mut value = run_json::value(&run_entry(entry));
    let kept = serde_json::to_value(entry).unwrap_or_default();
    if let (Value::Object(fields), Value::Object(kept)) = (&mut value, kept) {
        if entry.it_energy_j.is_none() {
            for key in ["it_energy_j", "it_energy_range_j", "it_energy_kwh", "facility_energy_kwh", "mean_power_w"] {
                fields.insert(key.to_owned(), Value::Null);
            }
        }
        // Without an account no PUE is known, and energy before it is not passed off as energy after it.
        if !kept.contains_key("facility_energy_kwh") {
            fields.insert("facility_energy_kwh".to_owned(), Value::Null);
        }
        let own = ["id", "corrects", "hosts", "missing_nodes", "parts", "source", "software"];
        for key in own.into_iter().chain(crate::node::KEYS) {
            if let Some(value) = kept.get(key) {
                fields.insert(key.to_owned(), value.clone());
            }
        }
    }
    value
}

fn newest(entries: &[Entry], last: Option<usize>) -> &[Entry] {
    &entries[entries.len() - last.unwrap_or(usize::MAX).min(entries.len())..]
}

/// Cuts names of runs to beginnings that each mean one run.
fn shorten(runs: &mut [RunEntry], entries: &[Entry]) {
    let names: BTreeSet<&str> = entries.iter().flat_map(|entry| [entry.run.as_str(), entry.id.as_str()]).collect();
    let own =
        |run: &str| entries.iter().filter(|entry| entry.run == run).map(|entry| entry.id.as_str()).collect::<Vec<_>>();
    for run in runs {
        let (ids, name) = (own(&run.run), run.run.clone());
        // Only names that are ids are cut: words say more whole.
        if greenwich_store::Id::parse(&name).is_none() {
            continue;
        }
        let clashes = |length: usize| {
            names.iter().any(|other| *other != name && !ids.contains(other) && other.starts_with(&name[..length]))
        };
        if let Some(length) = (NAME_LETTERS..name.len()).find(|length| !clashes(*length)) {
            run.run.truncate(length);
        }
    }
}

/// `1 run`, `3 runs`.
pub(crate) fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
