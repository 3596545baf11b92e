//! The catalog: every fact, read and checked once.
//!
//! In: the compiled-in data files. Out: rows by table and subject, and lookups by quantity, scope and
//! year that tell how they matched. Typed questions (a site, an accelerator) are in their own modules.

use crate::error::FactsError;
use crate::names::{self, AcceleratorName, ModelConfig, RegionName, ZoneName};
use crate::schema::SCHEMA;
use crate::sources::{self, Source};
use crate::table::{self, Place, Row};
use crate::{nearest, profiles};
use greenwich_core::quantity::Co2e;
use greenwich_core::{Fit, Signal, SourceId, Sourced, TypicalProfile, ZoneId};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Every fact that Greenwich ships.
#[derive(Debug)]
pub struct Catalog {
    rows: Vec<Row>,
    by_subject: HashMap<(&'static str, String), Vec<usize>>,
    sources: BTreeMap<String, Source>,
    pub(crate) accelerators: BTreeMap<String, AcceleratorName>,
    pub(crate) regions: BTreeMap<String, RegionName>,
    pub(crate) zones: BTreeMap<String, ZoneName>,
    models: BTreeMap<String, ModelConfig>,
    profiles: BTreeMap<(ZoneId, Signal), TypicalProfile>,
}

impl Catalog {
    /// Reads and checks the data files that are compiled in.
    ///
    /// # Errors
    /// [`FactsError::Row`] for the first row that breaks a rule; a test reads every row, so a released
    /// program never meets one.
    pub fn load() -> Result<Self, FactsError> {
        Self::build(|_, shipped| Cow::Borrowed(shipped))
    }

    /// Reads and checks what `text` gives for each file, called with the file's name and its shipped text.
    pub(crate) fn build(text: impl Fn(&str, &'static str) -> Cow<'static, str>) -> Result<Self, FactsError> {
        macro_rules! file {
            ($name:literal) => {
                text($name, include_str!(concat!("../data/", $name)))
            };
        }
        let sources = sources::read(&file!("sources.csv"))?;
        let mut rows = Vec::new();
        for spec in SCHEMA {
            rows.extend(table::read(spec, &text(&format!("{}.csv", spec.name), spec.text))?);
        }
        let mut by_subject: HashMap<(&'static str, String), Vec<usize>> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            by_subject.entry((row.table, row.subject.clone())).or_default().push(index);
        }
        let catalog = Self {
            by_subject,
            accelerators: names::accelerators(&file!("accelerator_names.csv"))?,
            regions: names::regions(&file!("region_names.csv"))?,
            zones: names::zones(&file!("zone_names.csv"))?,
            models: names::models(&file!("models.csv"))?,
            profiles: profiles::read(&file!("typical_profiles.csv"), &sources)?,
            sources,
            rows,
        };
        catalog.check()?;
        Ok(catalog)
    }

    /// Rules that need more than one file.
    fn check(&self) -> Result<(), FactsError> {
        let (accelerators, regions, zones) = (keys(&self.accelerators), keys(&self.regions), keys(&self.zones));
        for row in &self.rows {
            let file = format!("{}.csv", row.table);
            let place = Place { file: &file, line: row.line };
            self.check_source(place, &row.source)?;
            let (kind, known) = match row.table {
                "accelerators" | "prices" => ("accelerator", &accelerators),
                "regions" => ("region", &regions),
                "zones" => ("zone", &zones),
                _ => continue,
            };
            if !known.contains(row.subject.as_str()) {
                return Err(place.refuse(
                    format!("no {kind} is called `{}`", row.subject),
                    or_nearest(&format!("add it to {kind}_names.csv"), &row.subject, known),
                ));
            }
        }
        for name in self.accelerators.values() {
            self.check_source(Place { file: "accelerator_names.csv", line: name.line }, name.source.as_str())?;
        }
        for model in self.models.values() {
            self.check_source(Place { file: "models.csv", line: model.line }, model.source.as_str())?;
        }
        for region in self.regions.values() {
            let place = Place { file: "region_names.csv", line: region.line };
            self.check_source(place, region.source.as_str())?;
            if !zones.contains(region.zone.as_str()) {
                return Err(place.refuse(
                    format!("`{}` lies in unknown zone `{}`", region.id, region.zone),
                    or_nearest("add it to zone_names.csv", region.zone.as_str(), &zones),
                ));
            }
        }
        for zone in self.zones.values() {
            let place = Place { file: "zone_names.csv", line: zone.line };
            self.check_source(place, zone.source.as_str())?;
            if let Some(parent) = &zone.parent
                && !zones.contains(parent.as_str())
            {
                return Err(place.refuse(
                    format!("`{}` has unknown parent `{parent}`", zone.id),
                    or_nearest("add it to zone_names.csv", parent.as_str(), &zones),
                ));
            }
        }
        Ok(())
    }

    fn check_source(&self, place: Place<'_>, id: &str) -> Result<(), FactsError> {
        if self.sources.contains_key(id) {
            return Ok(());
        }
        Err(place
            .refuse(format!("unknown source `{id}`"), or_nearest("add it to sources.csv", id, &keys(&self.sources))))
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
    /// Ids of the sources that anything cites: rows, names, models, typical years.
    pub fn cited_sources(&self) -> BTreeSet<&str> {
        let rows = self.rows.iter().map(|row| row.source.as_str());
        let names = self.accelerators.values().map(|name| &name.source);
        let names = names.chain(self.regions.values().map(|name| &name.source));
        let names = names.chain(self.zones.values().map(|name| &name.source));
        let names = names.chain(self.models.values().map(|model| &model.source));
        let names = names.chain(self.profiles.values().map(|profile| &profile.source));
        rows.chain(names.map(SourceId::as_str)).collect()
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
        names::find("model", &self.models, name).map(|(_, model)| model.config.as_str())
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

    /// Emissions of one passenger's round trip San Francisco – New York, as the 2021 paper counts.
    ///
    /// # Panics
    /// Never in a released program: a test holds that the row is there.
    pub fn flight_per_passenger(&self) -> Sourced<Co2e> {
        self.flight("flight-sf-ny-round-trip-passenger")
    }
    /// The same of the whole plane.
    ///
    /// # Panics
    /// As [`Catalog::flight_per_passenger`].
    pub fn flight_per_plane(&self) -> Sourced<Co2e> {
        self.flight("flight-sf-ny-round-trip-plane")
    }
    fn flight(&self, run: &str) -> Sourced<Co2e> {
        let row = self.lookup("published_runs", run, "co2e", &[], None);
        row.expect("the flights are in the table").map(Co2e::from_tonnes)
    }

    /// The row of a quantity whose scope is among `scopes` (any, if empty), nearest to `year`: the newest
    /// up to it, else the oldest after it; without a year, the newest. Within one year the scope that stands
    /// first in `scopes` wins, then the later date.
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
            (late, distance, rank(row), Reverse(row.valid_from), row.line)
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

fn keys<T>(map: &BTreeMap<String, T>) -> BTreeSet<&str> {
    map.keys().map(String::as_str).collect()
}

/// One act, or the nearest known names where the one given looks like a slip of the pen.
fn or_nearest(act: &str, given: &str, known: &BTreeSet<&str>) -> String {
    match nearest(given, known.iter().copied()).as_slice() {
        [] => act.to_owned(),
        near => format!("{act}, or write {}", near.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::told;
    use insta::assert_snapshot;

    /// What the loader says of the shipped data when one file is another.
    fn with_file(name: &'static str, text: &'static str) -> String {
        let catalog = Catalog::build(|file, shipped| Cow::Borrowed(if file == name { text } else { shipped }));
        catalog.map_or_else(|error| told(&error), |_| "loads".to_owned())
    }

    #[test]
    fn an_unknown_source_is_refused_with_the_nearest() {
        let text = "gas,quantity,value,unit,scope,valid_from,source,check,note\n\
                    co2,gwp_100,1,kgCO2e/kg,ar5,2013-01-01,ipcc-ar5-wg7,quoted,\n";
        assert_snapshot!(with_file("gwp.csv", text), @"
        gwp.csv:2: unknown source `ipcc-ar5-wg7`
        help: add it to sources.csv, or write ipcc-ar5-wg1 or ipcc-ar4-wg1 or ipcc-ar5-wg3-annex3
        ");
    }

    #[test]
    fn an_unknown_subject_is_refused_with_the_names_file_and_the_nearest() {
        let row = "accelerator,quantity,value,unit,scope,valid_from,source,check,note\n\
                   a100-smx4-80g,tdp,400,W,chip,2020-01-01,epoch-ml-hardware,quoted,\n";
        assert_snapshot!(with_file("accelerators.csv", row), @"
        accelerators.csv:2: no accelerator is called `a100-smx4-80g`
        help: add it to accelerator_names.csv, or write a100-sxm4-80g or a100-sxm4-40g
        ");
        let row = "zone,quantity,value,unit,scope,valid_from,source,check,note\n\
                   ATLANTIS,average_intensity,1,gCO2e/kWh,lifecycle,2020-01-01,ember-yearly,quoted,\n";
        assert_snapshot!(with_file("zones.csv", row), @"
        zones.csv:2: no zone is called `ATLANTIS`
        help: add it to zone_names.csv
        ");
    }

    #[test]
    fn a_region_in_an_unknown_zone_is_refused() {
        let row = "region,name,zone,latitude,longitude,status,source,check,note\n\
                   aws/eu-west-3,Paris,FRA,48.86,2.35,operational,own-placement,derived,\n";
        let regions = "region,quantity,value,unit,scope,valid_from,source,check,note\n";
        let catalog = Catalog::build(|file, shipped| {
            Cow::Borrowed(match file {
                "region_names.csv" => row,
                "regions.csv" => regions,
                _ => shipped,
            })
        });
        assert_snapshot!(told(&catalog.expect_err("FRA is no zone")), @"
        region_names.csv:2: `aws/eu-west-3` lies in unknown zone `FRA`
        help: add it to zone_names.csv, or write FR
        ");
    }

    #[test]
    fn a_zone_with_an_unknown_parent_is_refused() {
        let zones = "zone,name,parent,iso3,source,check,note\nXA,A part,XX,,own-zone-names,derived,\n";
        let catalog = Catalog::build(|file, shipped| {
            Cow::Borrowed(match file {
                "zone_names.csv" => zones,
                "zones.csv" => "zone,quantity,value,unit,scope,valid_from,source,check,note\n",
                "regions.csv" => "region,quantity,value,unit,scope,valid_from,source,check,note\n",
                "region_names.csv" => "region,name,zone,latitude,longitude,status,source,check,note\n",
                _ => shipped,
            })
        });
        assert_snapshot!(told(&catalog.expect_err("XX is no zone")), @"
        zone_names.csv:2: `XA` has unknown parent `XX`
        help: add it to zone_names.csv
        ");
    }

    fn found(table: &'static str, subject: &str, quantity: &str, scopes: &[&str], year: Option<i16>) -> String {
        let catalog = Catalog::load().expect("the shipped facts load");
        let row = catalog.lookup(table, subject, quantity, scopes, year);
        row.map_or("none".to_owned(), |row| format!("{} of {} ({})", row.value, row.valid_from, row.fit))
    }

    #[test]
    fn a_lookup_takes_the_newest_up_to_the_year_asked_else_the_oldest_after_it() {
        let pue = |year| found("pue", "hyperscale-aws", "pue", &[], year);
        assert_snapshot!(pue(Some(2024)), @"1.15 of 2024-01-01 (exact)");
        assert_snapshot!(pue(Some(2030)), @"1.14 of 2025-01-01 (2025 figure for 2030)");
        assert_snapshot!(pue(Some(2015)), @"1.15 of 2023-01-01 (2023 figure for 2015)");
        assert_snapshot!(pue(None), @"1.14 of 2025-01-01 (exact)");
    }

    #[test]
    fn a_lookup_of_a_scope_that_nobody_publishes_finds_nothing() {
        assert_eq!(found("zones", "FR", "average_intensity", &["marginal"], None), "none");
    }

    #[test]
    fn the_flights_of_the_2021_paper_are_rows() {
        let catalog = Catalog::load().expect("the shipped facts load");
        let (passenger, plane) = (catalog.flight_per_passenger(), catalog.flight_per_plane());
        assert_eq!((passenger.value.kg(), passenger.source.as_str()), (1200.0, "patterson-2021"));
        assert_eq!((plane.value.kg(), plane.source.as_str()), (180_400.0, "patterson-2021"));
    }
}
