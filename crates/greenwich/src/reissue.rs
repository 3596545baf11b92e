//! The account of a run of the ledger under another place or method.
//!
//! In: an entry with its hours, and what shall be other than it was. Out: a new entry that names the old one. The
//! joules stay as the meter gave them; PUE, intensity, water and price are those of the place that is asked for.

use crate::Error;
use crate::cooling::COOLING;
use crate::metered::{self, ACCOUNT_WARNINGS, Terms};
use crate::node::ASSUMPTIONS;
use crate::settings::Settings;
use greenwich_facts::Catalog;
use greenwich_store::{Entry, Ledger};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::fmt::Write;
use std::path::Path;

/// What shall be other than it was.
#[derive(Debug, Clone, Default)]
pub struct Change<'a> {
    /// Dotted keys of `[site]` with their values.
    pub site: Vec<(String, String)>,
    /// A folder of grid traces.
    pub signals: Option<&'a Path>,
    /// The accelerator by its catalog name.
    pub accelerator: Option<&'a str>,
}

impl Change<'_> {
    /// Whether everything shall be as it was.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.site.is_empty() && self.signals.is_none() && self.accelerator.is_none()
    }
}

/// Accounts for a run again; what is not changed is as it was when the run was recorded.
///
/// The new entry corrects the old one. It is not written: [`Ledger::record`] does.
///
/// # Errors
/// [`Error::Run`] where nothing was metered or an account cannot be made; [`Error::Document`] for a bad value.
pub fn account(ledger: &Ledger, old: &Entry, change: &Change<'_>) -> Result<Entry, Error> {
    if old.it_energy_j.is_none() {
        return Err(Error::Run {
            run: old.run.clone(),
            problem: "nothing was metered, so there is nothing to account for".to_owned(),
            mend: "`greenwich doctor` says what can be measured here".to_owned(),
        });
    }
    let as_was = site_of(old, &change.site);
    let settings = Settings::of(Some((&format!("run {}", old.run), as_was.as_bytes())), |_| None, &change.site)?;
    let mut entry = old.correction();
    forget(&mut entry);
    let accelerator = setting(old, "accelerator").map(str::to_owned);
    let terms = Terms {
        settings: &settings,
        signals: change.signals,
        accelerator: change.accelerator.or(accelerator.as_deref()),
    };
    let catalog = Catalog::load();
    terms.check(&catalog)?;
    metered::add_account(&catalog, &mut entry, &hours(ledger, old)?, &terms);
    match entry.warnings.last() {
        Some(words) if !entry.quantities.contains_key("facility_energy_kwh") => Err(Error::Run {
            run: old.run.clone(),
            problem: words.clone(),
            mend: format!("`greenwich ledger show {}` has what was measured", old.run),
        }),
        _ => Ok(entry),
    }
}

fn setting<'a>(entry: &'a Entry, key: &str) -> Option<&'a str> {
    entry.quantities.get("setting")?.get(key)?.as_str()
}

/// The place of an entry as a settings file; a PUE that was given belongs to its place alone.
fn site_of(entry: &Entry, changed: &[(String, String)]) -> String {
    let mut text = "[site]\n".to_owned();
    let moves = changed.iter().any(|(key, _)| key == "site.zone" || key == "site.region");
    let place = ["region", "zone"].into_iter().find_map(|key| Some((key, setting(entry, key)?)));
    // The world stands for a place that was not known, and is no place that was set.
    if let Some((key, name)) = place.filter(|(_, name)| !moves && *name != "WORLD") {
        _ = writeln!(text, "{key} = {}", Value::from(name));
    }
    let factors = entry.quantities.get("factors").and_then(Value::as_array);
    let pue = factors.into_iter().flatten().find(|factor| {
        factor.get("quantity").and_then(Value::as_str) == Some("PUE")
            && factor.get("fit").and_then(Value::as_str) == Some("given")
    });
    let cooling = entry.quantities.get(COOLING).and_then(Value::as_object).filter(|_| !moves);
    for (key, value) in cooling.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        match key.as_str() {
            "temp_c" => _ = writeln!(text, "{key} = [{value}]"),
            "rh_pct" => _ = writeln!(text, "{key} = {value}"),
            _ => _ = writeln!(text, "{key} = {}", Value::from(value)),
        }
    }
    // The mean of a curve over a run's hours is no constant of the site.
    let has_curve = cooling.is_some_and(|cooling| cooling.contains_key("pue_curve"));
    if let Some(pue) = pue.filter(|_| !moves && !has_curve).and_then(|factor| factor.get("value")?.as_f64()) {
        _ = writeln!(text, "pue = {pue:?}");
    }
    // The node is the same wherever the account places it.
    if let Some(node) = entry.quantities.get(ASSUMPTIONS).and_then(Value::as_object) {
        text += "[node]\n";
        for (key, value) in node {
            _ = writeln!(text, "{key} = {value}");
        }
    }
    text
}

/// Takes an account out of an entry that is being made again.
fn forget(entry: &mut Entry) {
    let of_account = entry.quantities.shift_remove(ACCOUNT_WARNINGS);
    let of_account: Vec<&str> =
        of_account.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    entry.warnings.retain(|words| !of_account.contains(&words.as_str()));
    // What an importer keeps of a foreign account stands under the foreign name.
    let foreign = |key: &str| ["codecarbon", "slurm"].contains(&key);
    let kept: Map<String, Value> =
        std::mem::take(&mut entry.quantities).into_iter().filter(|(key, _)| foreign(key)).collect();
    entry.quantities = kept;
}

/// The UTC hours of a run with their joules: as its account kept them, as its samples tell, or spread evenly.
///
/// # Errors
/// [`Error::Store`] when its samples cannot be read.
pub(crate) fn hours(ledger: &Ledger, entry: &Entry) -> Result<Vec<(Timestamp, f64)>, Error> {
    let kept = crate::remembered::run_entry(entry).hours;
    if !kept.is_empty() {
        return Ok(kept.into_iter().map(|hour| (hour.start, hour.it_energy.joules())).collect());
    }
    if !entry.parts.is_empty() {
        let hours = ledger.hours(Some(&entry.run))?;
        if !hours.is_empty() {
            return Ok(hours.into_iter().map(|hour| (hour.start, hour.it_energy_j)).collect());
        }
    }
    Ok(evenly(entry))
}

fn evenly(entry: &Entry) -> Vec<(Timestamp, f64)> {
    let Some(joules) = entry.it_energy_j else { return Vec::new() };
    let hour = SignedDuration::from_hours(1);
    let lasted_s = entry.end.duration_since(entry.start).as_secs_f64();
    let mut start = Timestamp::from_second(entry.start.as_second().div_euclid(3600) * 3600).unwrap_or(entry.start);
    let mut hours = Vec::new();
    while start < entry.end || hours.is_empty() {
        let end = start.saturating_add(hour).unwrap_or(entry.end);
        let seconds = end.min(entry.end).duration_since(start.max(entry.start)).as_secs_f64();
        let share = if lasted_s > 0.0 { seconds / lasted_s } else { 1.0 };
        hours.push((start, joules * share));
        if end <= start {
            break;
        }
        start = end;
    }
    hours
}
