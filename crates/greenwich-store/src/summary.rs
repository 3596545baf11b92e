//! Sums of entries by any label: what was final training, what came before it, what share of the fleet.
//!
//! In: current entries. Out: rows, greatest first, each with its share of the whole. A sum of which one part is
//! not known is not known either.

use crate::entry::Entry;
use crate::error::{Result, StoreError};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What entries may be summed by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dimension {
    /// The project.
    Project,
    /// The model.
    Model,
    /// `search`, `preliminary`, `final`.
    Phase,
    /// The nodes.
    Host,
    /// The run.
    Run,
    /// The month of its start, UTC.
    Month,
    /// What measured.
    Source,
    /// A free tag.
    Tag(String),
}

const KNOWN: &str = "`project`, `model`, `phase`, `host`, `run`, `month`, `source`, `tag:NAME`, joined by commas";

impl FromStr for Dimension {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.trim() {
            "project" => Self::Project,
            "model" => Self::Model,
            "phase" => Self::Phase,
            "host" => Self::Host,
            "run" => Self::Run,
            "month" => Self::Month,
            "source" => Self::Source,
            other => match other.strip_prefix("tag:").filter(|name| !name.is_empty()) {
                Some(name) => Self::Tag(name.to_owned()),
                None => return Err(StoreError::Dimension { found: other.to_owned(), known: KNOWN }),
            },
        })
    }
}

impl Dimension {
    /// Reads `project,phase`.
    ///
    /// # Errors
    /// [`StoreError::Dimension`].
    pub fn list(text: &str) -> Result<Vec<Self>> {
        text.split(',').map(str::parse).collect()
    }

    fn of(&self, entry: &Entry) -> Option<String> {
        match self {
            Self::Project => entry.project.clone(),
            Self::Model => entry.model.clone(),
            Self::Phase => entry.phase.clone(),
            Self::Host => (!entry.hosts.is_empty()).then(|| entry.hosts.join("+")),
            Self::Run => Some(entry.run.clone()),
            Self::Month => Some(entry.start.strftime("%Y-%m").to_string()),
            Self::Source => Some(entry.source.clone()),
            Self::Tag(name) => entry.tags.get(name).cloned(),
        }
    }
}

/// What a group of entries sums to; `None` where one of them does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amounts {
    /// Runs.
    pub runs: usize,
    /// IT energy in joules.
    pub it_energy_j: Option<f64>,
    /// Facility energy in kWh, where all were accounted.
    pub facility_energy_kwh: Option<f64>,
    /// Location-based CO2e in kg, where all were accounted.
    pub location_based_co2e_kg: Option<f64>,
}

impl Amounts {
    fn of(entries: &[&Entry]) -> Self {
        let quantity = |key: &str| entries.iter().map(|entry| entry.quantity(key)).sum();
        Self {
            runs: entries.len(),
            it_energy_j: entries.iter().map(|entry| entry.it_energy_j).sum(),
            facility_energy_kwh: quantity("facility_energy_kwh"),
            location_based_co2e_kg: quantity("location_based_co2e_kg"),
        }
    }

    /// Facility energy where it is known, else IT energy, in kWh: what a fleet's energy is compared with.
    pub fn energy_kwh(&self) -> Option<f64> {
        self.facility_energy_kwh.or(self.it_energy_j.map(|joules| joules / 3.6e6))
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The labels, in the order asked for; `None` where an entry has none.
    pub labels: Vec<Option<String>>,
    /// The sums.
    pub amounts: Amounts,
    /// Share of the whole's IT energy.
    pub share: Option<f64>,
    /// Share of the fleet's energy.
    pub fleet_share: Option<f64>,
}

/// A summary.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Summary {
    /// By label, greatest first; unknown ones last.
    pub rows: Vec<Row>,
    /// The whole.
    pub total: Amounts,
    /// The whole's share of the fleet's energy.
    pub fleet_share: Option<f64>,
}

/// Sums entries by labels. `fleet_kwh` is the energy of the fleet over the same time.
///
/// Give it current entries alone ([`crate::Entries::current`]): an entry and its correction would count twice.
pub fn summary<'a>(entries: impl IntoIterator<Item = &'a Entry>, by: &[Dimension], fleet_kwh: Option<f64>) -> Summary {
    let mut groups: BTreeMap<Vec<Option<String>>, Vec<&Entry>> = BTreeMap::new();
    let mut all = Vec::new();
    for entry in entries {
        groups.entry(by.iter().map(|dimension| dimension.of(entry)).collect()).or_default().push(entry);
        all.push(entry);
    }
    let total = Amounts::of(&all);
    let of_fleet = |amounts: &Amounts| amounts.energy_kwh().zip(fleet_kwh).map(|(part, fleet)| part / fleet);
    let mut rows: Vec<Row> = groups
        .into_iter()
        .map(|(labels, entries)| {
            let amounts = Amounts::of(&entries);
            let share =
                amounts.it_energy_j.zip(total.it_energy_j).filter(|(_, all)| *all > 0.0).map(|(part, all)| part / all);
            Row { labels, amounts, share, fleet_share: of_fleet(&amounts) }
        })
        .collect();
    rows.sort_by(|a, b| {
        let energy = |row: &Row| row.amounts.it_energy_j.unwrap_or(-1.0);
        energy(b).total_cmp(&energy(a)).then_with(|| a.labels.cmp(&b.labels))
    });
    Summary { rows, fleet_share: of_fleet(&total), total }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn entry(project: Option<&str>, phase: &str, kwh: Option<f64>) -> Entry {
        let mut entry = Entry::empty("run", Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        entry.project = project.map(str::to_owned);
        entry.phase = Some(phase.to_owned());
        entry.it_energy_j = kwh.map(|kwh| kwh * 3.6e6);
        entry
    }

    fn text(entries: &[Entry], by: &str, fleet_kwh: Option<f64>) -> String {
        let summary = summary(entries, &Dimension::list(by).expect("known labels"), fleet_kwh);
        let part = |share: Option<f64>| share.map_or("?".to_owned(), |share| format!("{:.1} %", share * 100.0));
        let mut lines = Vec::new();
        for row in &summary.rows {
            let labels: Vec<&str> = row.labels.iter().map(|label| label.as_deref().unwrap_or("-")).collect();
            let kwh = row.amounts.it_energy_j.map_or("?".to_owned(), |joules| format!("{:.1}", joules / 3.6e6));
            let (share, fleet) = (part(row.share), part(row.fleet_share));
            lines.push(format!("{} {} runs {kwh} kWh {share} fleet {fleet}", labels.join("/"), row.amounts.runs));
        }
        lines.join("\n")
    }

    #[test]
    fn final_training_is_told_from_what_came_before_it() {
        let entries = [
            entry(Some("llm"), "search", Some(20.0)),
            entry(Some("llm"), "search", Some(10.0)),
            entry(Some("llm"), "final", Some(60.0)),
            entry(None, "final", Some(10.0)),
        ];
        insta::assert_snapshot!(text(&entries, "project,phase", Some(1000.0)), @r"
        llm/final 1 runs 60.0 kWh 60.0 % fleet 6.0 %
        llm/search 2 runs 30.0 kWh 30.0 % fleet 3.0 %
        -/final 1 runs 10.0 kWh 10.0 % fleet 1.0 %
        ");
    }

    #[test]
    fn a_part_is_not_passed_off_as_the_whole() {
        let entries = [entry(Some("llm"), "search", None), entry(Some("llm"), "final", Some(60.0))];
        insta::assert_snapshot!(text(&entries, "phase", None), @r"
        final 1 runs 60.0 kWh ? fleet ?
        search 1 runs ? kWh ? fleet ?
        ");
    }

    #[test]
    fn an_unknown_label_is_refused_with_those_known() {
        let error = Dimension::list("project,team").expect_err("no such label");
        insta::assert_snapshot!(error, @"a summary by `team` is not known");
        assert_eq!(Dimension::list("tag:team").expect("a tag"), [Dimension::Tag("team".to_owned())]);
    }
}
