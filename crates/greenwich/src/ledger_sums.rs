//! Sums over a ledger, and whether it is sound: `ledger summary`, `hours`, `verify`.
//!
//! In: a ledger. Out: sums by label with the share of final training, energy by hour, findings; as text or JSON.

use crate::Error;
use crate::ledger_view::counted;
use greenwich_core::reading::Method;
use greenwich_report::Style;
use greenwich_report::text::sheet::{self, Align, NOT_KNOWN, Sheet};
use greenwich_store::{Amounts, Dimension, Entry, Hour, Ledger, Summary, Verified, summary};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Sums with what was asked.
#[derive(Debug)]
pub struct Summed {
    by: Vec<String>,
    fleet_kwh: Option<f64>,
    summary: Summary,
    /// By phase alone, whatever was asked: what was final, what came before.
    phases: Summary,
    unknown: usize,
    /// Shares of the IT energy by how it is known, best known first.
    known_by: Vec<(Method, f64)>,
}

/// Sums the current entries by labels, written `project,phase`.
///
/// # Errors
/// [`Error::Store`] for a label that is not known.
pub fn sum(ledger: &Ledger, by: &str, fleet_kwh: Option<f64>) -> Result<Summed, Error> {
    let dimensions = Dimension::list(by)?;
    let found = ledger.entries()?;
    let entries: Vec<&Entry> = found.current().collect();
    Ok(Summed {
        by: by.split(',').map(|word| word.trim().to_owned()).collect(),
        fleet_kwh,
        unknown: entries.iter().filter(|entry| entry.it_energy_j.is_none()).count(),
        known_by: known_by(&entries),
        summary: summary(entries.iter().copied(), &dimensions, fleet_kwh),
        phases: summary(entries.iter().copied(), &[Dimension::Phase], fleet_kwh),
    })
}

/// Shares of what all devices drew, by method; empty where nothing was.
fn known_by(entries: &[&Entry]) -> Vec<(Method, f64)> {
    let joules = |method: Method| -> f64 {
        let devices = entries.iter().flat_map(|entry| &entry.devices);
        let counted = devices.filter(|device| !device.inside_another && device.method == method.as_str());
        counted.filter_map(crate::remembered::likely_j).sum()
    };
    let all = [Method::Counted, Method::Sampled, Method::Estimated, Method::Unknown].map(|one| (one, joules(one)));
    let whole: f64 = all.iter().map(|(_, joules)| joules).sum();
    all.into_iter().filter(|(_, joules)| *joules > 0.0).map(|(method, joules)| (method, joules / whole)).collect()
}

impl Summed {
    /// Share of final training in the IT energy of all runs; `None` where a run's phase or energy is not known.
    pub fn final_share(&self) -> Option<f64> {
        let rows = &self.phases.rows;
        let is_final = |label: &Option<String>| label.as_deref() == Some("final");
        if rows.is_empty() || rows.iter().any(|row| row.labels[0].is_none()) {
            return None;
        }
        rows.iter().filter(|row| is_final(&row.labels[0])).map(|row| row.share).sum::<Option<f64>>()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.unknown > 0 {
            warnings.push(format!(
                "of {} the energy is not known, so no sum that holds one is known",
                counted(self.unknown, "run", "runs")
            ));
        }
        let unnamed: usize =
            self.phases.rows.iter().filter(|row| row.labels[0].is_none()).map(|row| row.amounts.runs).sum();
        if unnamed > 0 && self.by.iter().any(|by| by == "phase") {
            warnings.push(format!(
                "{} no phase, so the share of final training is not known: name it by `greenwich run --phase search|preliminary|final`",
                counted(unnamed, "run has", "runs have")
            ));
        }
        warnings
    }

    /// As text.
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        let Summary { rows, total, fleet_share } = &self.summary;
        if total.runs == 0 {
            sheet.headline("The ledger holds no run, so there is nothing to sum.");
            return sheet.finish();
        }
        sheet.headline(&self.sentence());
        sheet.blank();
        let mut header: Vec<(&str, Align)> = self.by.iter().map(|by| (by.as_str(), Align::Left)).collect();
        header.extend([("runs", Align::Right), ("IT energy", Align::Right), ("energy after PUE", Align::Right)]);
        header.extend([("CO2e, location-based", Align::Right), ("share", Align::Right)]);
        if self.fleet_kwh.is_some() {
            header.push(("of the fleet", Align::Right));
        }
        let cells = |labels: Vec<String>, amounts: &Amounts, share: Option<f64>, fleet: Option<f64>| {
            let known = |value: Option<String>| value.unwrap_or_else(|| NOT_KNOWN.to_owned());
            let mut row = labels;
            row.push(amounts.runs.to_string());
            row.push(known(amounts.it_energy_j.map(|joules| sheet::energy(joules / 3.6e6))));
            row.push(known(amounts.facility_energy_kwh.map(sheet::energy)));
            row.push(known(amounts.location_based_co2e_kg.map(sheet::co2e)));
            row.push(share.map_or_else(|| "?".to_owned(), sheet::percent));
            if self.fleet_kwh.is_some() {
                row.push(fleet.map_or_else(|| "?".to_owned(), sheet::percent));
            }
            row
        };
        let label = |label: &Option<String>| label.clone().unwrap_or_else(|| "(none)".to_owned());
        let mut table: Vec<Vec<String>> = rows
            .iter()
            .map(|row| cells(row.labels.iter().map(label).collect(), &row.amounts, row.share, row.fleet_share))
            .collect();
        if rows.len() > 1 {
            let mut labels = vec![String::new(); self.by.len()];
            "all".clone_into(&mut labels[0]);
            table.push(cells(labels, total, total.it_energy_j.map(|_| 1.0), *fleet_share));
        }
        sheet.table(&header, table);
        let warnings = self.warnings();
        sheet.blank();
        if !self.known_by.is_empty() {
            let parts = self.known_by.iter().map(|(method, share)| format!("{method} {}", sheet::percent(*share)));
            sheet.paragraph(&format!("How the energy is known: {}.", parts.collect::<Vec<_>>().join(", ")));
        }
        for words in warnings {
            sheet.item("! ", &words);
        }
        sheet.finish()
    }

    /// `12 runs drew 41.2 kWh; final training is 62 % of it, all that came before 38 %.`
    fn sentence(&self) -> String {
        let total = &self.summary.total;
        let runs = counted(total.runs, "run", "runs");
        let energy = match (total.facility_energy_kwh, total.it_energy_j) {
            (Some(kwh), _) => format!("{runs}: {} after PUE", sheet::energy(kwh)),
            (None, Some(joules)) => format!("{runs}: {} before PUE", sheet::energy(joules / 3.6e6)),
            (None, None) => format!("{runs} of which not all energy is known"),
        };
        let co2e =
            total.location_based_co2e_kg.map_or_else(String::new, |kg| format!(", {} location-based", sheet::co2e(kg)));
        let fleet = match (self.summary.fleet_share, self.fleet_kwh) {
            (Some(share), Some(kwh)) => format!(", {} of the fleet's {}", sheet::percent(share), sheet::energy(kwh)),
            _ => String::new(),
        };
        let phases = match self.final_share() {
            Some(share) if (share - 1.0).abs() < 1e-9 => "; all of it final training".to_owned(),
            Some(share) if share > 0.0 => format!(
                "; final training is {} of the IT energy, all that came before it {}",
                sheet::percent(share),
                sheet::percent(1.0 - share)
            ),
            Some(_) => "; none of it final training".to_owned(),
            None => String::new(),
        };
        format!("{energy}{co2e}{fleet}{phases}.")
    }

    /// As JSON, `greenwich.summary/1`.
    pub fn json(&self) -> Value {
        let amounts = |amounts: &Amounts| {
            json!({
                "runs": amounts.runs, "it_energy_kwh": amounts.it_energy_j.map(|joules| joules / 3.6e6),
                "facility_energy_kwh": amounts.facility_energy_kwh,
                "location_based_co2e_kg": amounts.location_based_co2e_kg,
            })
        };
        let with = |mut value: Value, more: Vec<(&str, Value)>| {
            if let Value::Object(fields) = &mut value {
                fields.extend(more.into_iter().map(|(key, value)| (key.to_owned(), value)));
            }
            value
        };
        let rows = self.summary.rows.iter().map(|row| {
            let labels: Map<String, Value> =
                self.by.iter().cloned().zip(row.labels.iter().map(|label| json!(label))).collect();
            let own = vec![
                ("share", json!(row.share)),
                ("fleet_share", json!(row.fleet_share)),
                ("labels", Value::Object(labels)),
            ];
            with(amounts(&row.amounts), own)
        });
        let known_by: Map<String, Value> =
            self.known_by.iter().map(|(method, share)| (method.as_str().to_owned(), json!(share))).collect();
        json!({
            "schema": "greenwich.summary/1", "by": self.by, "rows": rows.collect::<Vec<_>>(),
            "total": amounts(&self.summary.total), "final_share": self.final_share(), "known_by": known_by, "fleet_kwh": self.fleet_kwh,
            "fleet_share": self.summary.fleet_share, "warnings": self.warnings(),
        })
    }
}

/// Energy by hour, of one entry or of all runs.
#[derive(Debug)]
pub struct ByHour {
    rows: Vec<Hour>,
    /// Intensities of the run's hours, where one was asked for and was accounted.
    intensity: BTreeMap<Timestamp, f64>,
    run: Option<String>,
}

/// Sums by hour.
///
/// # Errors
/// [`Error::Store`] when a part cannot be read.
pub fn hours(ledger: &Ledger, entry: Option<&Entry>) -> Result<ByHour, Error> {
    let Some(entry) = entry else {
        return Ok(ByHour { rows: ledger.hours(None)?, intensity: BTreeMap::new(), run: None });
    };
    let of_run = crate::reissue::hours(ledger, entry)?;
    let row = |(start, it_energy_j)| Hour { run: entry.run.clone(), start, it_energy_j };
    let kept = crate::remembered::run_entry(entry).hours;
    let intensity = kept.iter().filter_map(|hour| Some((hour.start, hour.location_based_g_per_kwh?))).collect();
    Ok(ByHour { rows: of_run.into_iter().map(row).collect(), intensity, run: Some(entry.run.clone()) })
}

impl ByHour {
    /// As text: of one run each hour, of all the sum over the runs.
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        let mut hours: BTreeMap<Timestamp, (f64, BTreeSet<&str>)> = BTreeMap::new();
        for row in &self.rows {
            let hour = hours.entry(row.start).or_default();
            hour.0 += row.it_energy_j;
            hour.1.insert(&row.run);
        }
        if hours.is_empty() {
            sheet.headline("No hour with energy is in the ledger.");
            return sheet.finish();
        }
        let whole: f64 = hours.values().map(|(joules, _)| joules).sum();
        let of = self.run.as_ref().map_or_else(|| "all runs".to_owned(), |run| format!("run {run}"));
        sheet.headline(&format!(
            "IT energy of {of} by hour: {} in {}.",
            sheet::energy(whole / 3.6e6),
            counted(hours.len(), "hour", "hours")
        ));
        sheet.blank();
        let last = if self.run.is_some() { "grid intensity" } else { "runs" };
        let header =
            [("hour, UTC", Align::Left), ("IT energy", Align::Right), ("share", Align::Right), (last, Align::Right)];
        let rows = hours.iter().map(|(start, (joules, runs))| {
            let last = match self.intensity.get(start) {
                Some(g_per_kwh) => format!("{} g/kWh", sheet::three(*g_per_kwh)),
                None if self.run.is_some() => NOT_KNOWN.to_owned(),
                None => runs.len().to_string(),
            };
            let share = if whole > 0.0 { sheet::percent(joules / whole) } else { String::new() };
            vec![sheet::moment(*start), sheet::energy(joules / 3.6e6), share, last]
        });
        sheet.table(&header, rows.collect());
        sheet.finish()
    }

    /// As JSON, `greenwich.hours/1`.
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "run": row.run, "start": row.start.to_string(), "it_energy_j": row.it_energy_j,
                "location_based_gco2e_per_kwh": self.intensity.get(&row.start),
            })
        });
        json!({"schema": "greenwich.hours/1", "rows": rows.collect::<Vec<_>>()})
    }
}

/// What was verified, as text.
pub fn verified_text(verified: &Verified, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let read = format!(
        "{}, {} and {} read",
        counted(verified.entries, "entry", "entries"),
        counted(verified.parts, "closed part", "closed parts"),
        counted(verified.journals, "journal", "journals")
    );
    if verified.findings.is_empty() {
        sheet.headline(&format!("{read}: every checksum, sum and schema holds."));
        return sheet.finish();
    }
    let count = verified.findings.len();
    sheet.headline(&format!("{read}: {}.", counted(count, "finding", "findings")));
    for finding in &verified.findings {
        sheet.blank();
        sheet.item("! ", &format!("`{}`: {}", finding.key, finding.what));
        sheet.item("  mend: ", &finding.mend);
    }
    sheet.finish()
}

/// What was verified, as JSON, `greenwich.verify/1`.
pub fn verified_json(verified: &Verified) -> Value {
    let findings: Vec<Value> = verified
        .findings
        .iter()
        .map(|finding| json!({"key": finding.key, "what": finding.what, "mend": finding.mend}))
        .collect();
    json!({
        "schema": "greenwich.verify/1", "entries": verified.entries, "parts": verified.parts,
        "journals": verified.journals, "findings": findings,
    })
}
