//! What changes a ledger: recovery, merging, import. Each new entry gets its account.
//!
//! In: a ledger, the terms of the account, files of other meters. Out: the entries that were made. None is ever
//! edited: each gets its account before it is written.

use crate::Error;
use crate::ledger_view::{counted, entry_json};
use crate::metered::{self, Terms};
use crate::reissue;
use crate::remembered::run_entry;
use crate::settings::Settings;
use greenwich_facts::Catalog;
use greenwich_report::Style;
use greenwich_report::text::{self, sheet::Sheet};
use greenwich_store::import;
use greenwich_store::journal::JournalFile;
use greenwich_store::{Entry, Expected, Ledger, RunContext};
use jiff::tz::Offset;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What an act did.
#[derive(Debug, Default)]
pub struct Done {
    /// Entries that were made.
    pub entries: Vec<Entry>,
    /// Entries that were in the ledger already.
    pub already: usize,
    /// What to know, in sentences.
    pub notes: Vec<String>,
}

/// Makes entries of journals that were left behind; each is accounted for at the place that its run was begun at,
/// with `site` over it, dotted keys with their values.
///
/// # Errors
/// [`Error::Store`].
pub fn recover(ledger: &Ledger, host: &str, site: &[(String, String)], terms: &Terms<'_>) -> Result<Done, Error> {
    let catalog = Catalog::load();
    terms.check(&catalog)?;
    let mut places = BTreeMap::new();
    for path in ledger.journals()? {
        // A journal without a readable header is told by the recovery itself.
        let Ok(file) = JournalFile::open(&path) else { continue };
        places.insert(file.part().to_owned(), file.context().place.clone());
    }
    let found = ledger.recover_with(host, |entry| {
        let place = entry.parts.first().and_then(|part| places.get(&part.part)).filter(|place| !place.is_empty());
        let own = place.map(|place| settings_at(place, site)).transpose();
        let accounted = own.and_then(|own| {
            let settings = own.as_ref().unwrap_or(terms.settings);
            account(ledger, &catalog, entry, &Terms { settings, ..*terms })
        });
        // What was measured is kept whatever its account lacks: `account RUN --correct` makes one later.
        if let Err(error) = accounted {
            entry.warnings.push(format!("there is no account: {error}"));
        }
    })?;
    let mut done = Done { entries: found.entries, ..Done::default() };
    for path in found.alive {
        done.notes.push(format!("`{}` is still written, or may be: it is left alone", path.display()));
    }
    for (path, error) in found.kept {
        done.notes.push(format!("`{}` is kept as it is: {error}", path.display()));
    }
    Ok(done)
}

/// The settings of a run's own place, with flags over it.
fn settings_at(place: &BTreeMap<String, String>, site: &[(String, String)]) -> Result<Settings, Error> {
    let moves = site.iter().any(|(key, _)| key == "site.zone" || key == "site.region");
    // A run that is moved leaves the figures of its old place behind.
    let kept = place.iter().filter(|_| !moves).map(|(key, value)| (key.clone(), value.clone()));
    let keys: Vec<(String, String)> = kept.chain(site.iter().cloned()).collect();
    Ok(Settings::of(None, |_| None, &keys)?)
}

/// Merges the parts of a run that lie in several ledgers into one entry.
///
/// # Errors
/// [`Error::Store`].
pub fn merge(ledger: &Ledger, run: &str, others: &[Ledger], terms: &Terms<'_>) -> Result<Done, Error> {
    let catalog = Catalog::load();
    terms.check(&catalog)?;
    let mut merged = ledger.merge(run, others, &Expected::default())?;
    let hours = std::iter::once(ledger).chain(others).map(|one| one.hours(Some(run))).collect::<Result<Vec<_>, _>>()?;
    // Parts that lie in two ledgers would count twice: each node's hours are spread over what the merged sum is.
    let mut by_hour = BTreeMap::new();
    for hour in hours.into_iter().flatten() {
        *by_hour.entry(hour.start).or_insert(0.0) += hour.it_energy_j;
    }
    let sum: f64 = by_hour.values().sum();
    let scale = merged.entry.it_energy_j.filter(|_| sum > 0.0).map_or(1.0, |joules| joules / sum);
    let hours: Vec<_> = by_hour.into_iter().map(|(start, joules)| (start, joules * scale)).collect();
    metered::add_account(&catalog, &mut merged.entry, &hours, terms);
    ledger.record(&merged.entry)?;
    let notes = vec![format!("summed from {}", counted(merged.parts, "part", "parts"))];
    Ok(Done { entries: vec![merged.entry], already: 0, notes })
}

/// A file of another meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// CodeCarbon's `emissions.csv`.
    CodeCarbon,
    /// A log of `nvidia-smi --format=csv`.
    NvidiaSmi,
    /// Slurm's `sacct -P`.
    Sacct,
}

/// A file to be brought in.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// What wrote it.
    pub foreign: Foreign,
    /// Its name, for messages.
    pub file: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// Seconds east of UTC of its stamps, where they have no offset of their own.
    pub offset_s: i32,
    /// The run's name, of a log that has none.
    pub run: &'a str,
    /// The node's name, of a log that has none.
    pub host: &'a str,
    /// Project, model and phase, where the file does not tell.
    pub labels: &'a crate::Labels,
}

/// Brings a file of another meter into the ledger.
///
/// # Errors
/// [`Error::Store`] with file and line; nothing is written then.
pub fn bring_in(ledger: &Ledger, import: &Import<'_>, terms: &Terms<'_>) -> Result<Done, Error> {
    let Import { foreign, file, bytes, offset_s, run, host, labels } = *import;
    let offset = Offset::from_seconds(offset_s).unwrap_or(Offset::UTC);
    let catalog = Catalog::load();
    terms.check(&catalog)?;
    let mut entries = match foreign {
        Foreign::CodeCarbon => import::codecarbon(file, bytes, offset)?,
        Foreign::Sacct => import::sacct(file, bytes, offset)?,
        Foreign::NvidiaSmi => {
            let log = import::nvidia_smi(file, bytes, offset, run, host)?;
            vec![ledger.import_log(&log, RunContext::default())?]
        }
    };
    let known: BTreeSet<String> = ledger.entries()?.entries.into_iter().map(|entry| entry.id).collect();
    let mut done = Done::default();
    for entry in &mut entries {
        if known.contains(&entry.id) {
            done.already += 1;
            continue;
        }
        label(entry, labels);
        account(ledger, &catalog, entry, terms)?;
        ledger.record(entry)?;
        done.entries.push(entry.clone());
    }
    if done.entries.is_empty() && done.already == 0 {
        done.notes.push(format!("`{file}` holds no run that has ended"));
    }
    Ok(done)
}

fn label(entry: &mut Entry, labels: &crate::Labels) {
    for (own, given) in
        [(&mut entry.project, &labels.project), (&mut entry.model, &labels.model), (&mut entry.phase, &labels.phase)]
    {
        if given.is_some() {
            own.clone_from(given);
        }
    }
    entry.tags.extend(labels.tags.iter().cloned());
}

fn account(ledger: &Ledger, catalog: &Catalog, entry: &mut Entry, terms: &Terms<'_>) -> Result<(), Error> {
    let hours = reissue::hours(ledger, entry)?;
    metered::add_account(catalog, entry, &hours, terms);
    Ok(())
}

/// What was done, as text.
pub fn text(done: &Done, verb: &str, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    match done.entries.as_slice() {
        [] => sheet.headline(&format!("Nothing was {verb}.")),
        [entry] => sheet.headline(&format!("{} was {verb}.", entry.run)),
        several => sheet.headline(&format!("{} runs were {verb}.", several.len())),
    }
    if done.already > 0 {
        sheet.paragraph(&format!("{} in the ledger already.", counted(done.already, "run was", "runs were")));
    }
    for entry in &done.entries {
        sheet.item("", &text::run_line(&run_entry(entry)));
    }
    // What an account lacks is told by `ledger show`; here the place alone, which a flag would mend.
    let warnings: BTreeSet<&String> = done.entries.iter().flat_map(told).collect();
    for words in done.notes.iter().chain(warnings) {
        sheet.item("! ", words);
    }
    sheet.finish()
}

/// Warnings of an entry's measurement, and that of its place.
fn told(entry: &Entry) -> impl Iterator<Item = &String> {
    let of_account = entry.quantities.get(metered::ACCOUNT_WARNINGS).and_then(Value::as_array);
    let is_of_account = move |words: &str| of_account.is_some_and(|all| all.iter().any(|one| one == words));
    entry.warnings.iter().filter(move |words| words.starts_with("the place is not known") || !is_of_account(words))
}

/// What was done, as JSON, `greenwich.runs/1`.
pub fn json(done: &Done) -> Value {
    let runs: Vec<Value> = done.entries.iter().map(entry_json).collect();
    json!({"schema": greenwich_store::RUNS, "runs": runs, "already": done.already, "notes": done.notes})
}
