//! The catalog: every fact, read and checked once.
//!
//! In: the compiled-in data files. Out: rows by table and subject, and lookups by quantity, scope and
//! year that tell how they matched. Typed questions (a site, an accelerator) are in their own modules.

use crate::error::FactsError;
use crate::names::{self, AcceleratorName, RegionName, ZoneName};
use crate::schema::SCHEMA;
use crate::sources::{self, Source};
use crate::table::{self, Place, Row};
use crate::{nearest, profiles};
use greenwich_core::{Fit, Signal, SourceId, Sourced, TypicalProfile, ZoneId};
use std::collections::{BTreeMap, HashMap};

/// Every fact that Greenwich ships.
#[derive(Debug)]
pub struct Catalog {
    rows: Vec<Row>,
    by_subject: HashMap<(&'static str, String), Vec<usize>>,
    sources: BTreeMap<String, Source>,
    pub(crate) accelerators: BTreeMap<String, AcceleratorName>,
    pub(crate) regions: BTreeMap<String, RegionName>,
    pub(crate) zones: BTreeMap<String, ZoneName>,
    models: BTreeMap<String, String>,
    profiles: BTreeMap<(ZoneId, Signal), TypicalProfile>,
}

impl Catalog {
    /// Reads and checks the data files that are compiled in.
    ///
    /// # Errors
    /// [`FactsError::Row`] for the first row that breaks a rule; a test reads every row, so a released
    /// program never meets one.
    pub fn load() -> Result<Self, FactsError> {
        let sources = sources::read(include_str!("../data/sources.csv"))?;
        let mut rows = Vec::new();
        for spec in SCHEMA {
            rows.extend(table::read(spec, spec.text)?);
        }
        let mut by_subject: HashMap<(&'static str, String), Vec<usize>> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            by_subject.entry((row.table, row.subject.clone())).or_default().push(index);
        }
        let catalog = Self {
            by_subject,
            accelerators: names::accelerators(include_str!("../data/accelerator_names.csv"))?,
            regions: names::regions(include_str!("../data/region_names.csv"))?,
            zones: names::zones(include_str!("../data/zone_names.csv"))?,
            models: names::models(include_str!("../data/models.csv"))?,
            profiles: profiles::read(include_str!("../data/typical_profiles.csv"), &sources)?,
            sources,
            rows,
        };
        catalog.check()?;
        Ok(catalog)
    }

    /// Rules that need more than one file.
    fn check(&self) -> Result<(), FactsError> {
        for row in &self.rows {
            let file = format!("{}.csv", row.table);
            let place = Place { file: &file, line: row.line };
            if !self.sources.contains_key(&row.source) {
                let near = nearest(&row.source, self.sources.keys().map(String::as_str)).join(", ");
                return Err(place.refuse(
                    format!("unknown source `{}`", row.source),
                    format!("add it to sources.csv, or write {near}"),
                ));
            }
            let known = match row.table {
                "accelerators" | "prices" => self.accelerators.contains_key(&row.subject),
                "regions" => self.regions.contains_key(&row.subject),
                "zones" => self.zones.contains_key(&row.subject),
                _ => true,
            };
            if !known {
                return Err(place.refuse(format!("`{}` has no row in the names file", row.subject), "add it there"));
            }
        }
        for region in self.regions.values() {
            if !self.zones.contains_key(region.zone.as_str()) {
                return Err(Place { file: "region_names.csv", line: 1 }.refuse(
                    format!("`{}` lies in unknown zone `{}`", region.id, region.zone),
                    "add it to zone_names.csv",
                ));
            }
        }
        for zone in self.zones.values() {
            if let Some(parent) = &zone.parent
                && !self.zones.contains_key(parent.as_str())
            {
                return Err(Place { file: "zone_names.csv", line: 1 }
                    .refuse(format!("`{}` has unknown parent `{parent}`", zone.id), "add it to zone_names.csv"));
            }
        }
        Ok(())
    }

    /// Every row, table by table in the order of [`SCHEMA`].
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
    /// The rows of one subject in one table, in the file's order.
    pub fn rows_of<'a>(&'a self, table: &'static str, subject: &str) -> impl Iterator<Item = &'a Row> + use<'a> {
        self.by_subject.get(&(table, subject.to_owned())).into_iter().flatten().map(|&index| &self.rows[index])
    }
    /// Every source, by id.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }
    /// One source.
    pub fn source(&self, id: &str) -> Option<&Source> {
        self.sources.get(id)
    }
    /// Title and publisher of a source, as reports print them.
    pub fn cite(&self, id: &SourceId) -> String {
        self.source(id.as_str())
            .map_or_else(|| id.to_string(), |source| format!("{}, {} {}", source.title, source.publisher, source.year))
    }
    /// Every accelerator's identity, by key.
    pub fn accelerator_names(&self) -> impl Iterator<Item = &AcceleratorName> {
        self.accelerators.values()
    }
    /// Every region's identity, by key.
    pub fn region_names(&self) -> impl Iterator<Item = &RegionName> {
        self.regions.values()
    }
    /// Every zone's identity, by key.
    pub fn zone_names(&self) -> impl Iterator<Item = &ZoneName> {
        self.zones.values()
    }
    /// The published hyper-parameters of a model, as the text of a `config.json`, by its name or an
    /// unambiguous prefix.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] or [`FactsError::Ambiguous`].
    pub fn model_config(&self, name: &str) -> Result<&str, FactsError> {
        names::find("model", &self.models, name).map(|(_, config)| config.as_str())
    }
    /// Names of the models whose hyper-parameters we hold.
    pub fn model_names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
    /// The typical year of a zone, where we have one.
    pub fn profile(&self, zone: &ZoneId, signal: Signal) -> Option<&TypicalProfile> {
        self.profiles.get(&(zone.clone(), signal))
    }
    /// Every typical year.
    pub fn profiles(&self) -> impl Iterator<Item = &TypicalProfile> {
        self.profiles.values()
    }

    /// The row of a quantity whose scope is among `scopes` (any, if empty), nearest to `year`: the newest
    /// up to it, else the oldest after it; without a year, the newest. Among equal dates the scope that
    /// stands first in `scopes` wins.
    pub fn lookup(
        &self,
        table: &'static str,
        subject: &str,
        quantity: &str,
        scopes: &[&str],
        year: Option<i16>,
    ) -> Option<Sourced<f64>> {
        let rank = |row: &Row| scopes.iter().position(|scope| *scope == row.scope).unwrap_or(0);
        let fits = |row: &&Row| row.quantity == quantity && (scopes.is_empty() || scopes.contains(&row.scope.as_str()));
        let best = self.rows_of(table, subject).filter(fits).min_by_key(|row| {
            let found = row.valid_from.year();
            let late = year.is_some_and(|asked| found > asked);
            let distance = year.map_or(i32::from(i16::MAX) - i32::from(found), |asked| i32::from(asked - found).abs());
            (late, distance, rank(row), row.line)
        })?;
        let found = best.valid_from.year();
        let fit = match year {
            Some(asked) if asked != found => Fit::OtherYear { asked, found },
            _ => Fit::Exact,
        };
        Some(Sourced {
            value: best.value,
            source: SourceId::new(&best.source),
            valid_from: best.valid_from,
            scope: best.scope.clone(),
            check: best.check,
            fit,
        })
    }
}
