//! The catalog: every fact, read once.
//!
//! In: the compiled-in data files. Out: rows by table and subject, and lookups by quantity, scope and
//! year that tell how they matched. Typed questions (a site, an accelerator) are in their own modules.

use crate::error::FactsError;
use crate::names::{self, AcceleratorName, ModelConfig, RegionName, ZoneName};
use crate::schema::{SCHEMA, TableSpec};
use crate::sources::{self, Source};
use crate::table::{self, Place, Row};
use crate::{nearest, profiles};
use greenwich_core::quantity::Co2e;
use greenwich_core::{Fit, Signal, SourceId, Sourced, TypicalProfile, ZoneId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

/// Every fact that Greenwich ships.
///
/// A file is read when something of it is asked for: who meters a command for a second must not wait for the prices of
/// every provider.
#[derive(Debug)]
pub struct Catalog {
    texts: Texts,
    tables: [OnceLock<Table>; SCHEMA.len()],
    sources: OnceLock<BTreeMap<String, Source>>,
    accelerators: OnceLock<BTreeMap<String, AcceleratorName>>,
    regions: OnceLock<BTreeMap<String, RegionName>>,
    zones: OnceLock<BTreeMap<String, ZoneName>>,
    models: OnceLock<BTreeMap<String, ModelConfig>>,
    profiles: OnceLock<Years>,
}

/// A file's text by its name, where it is not the shipped one.
type Texts = BTreeMap<&'static str, &'static str>;
/// Typical years by zone and signal.
type Years = BTreeMap<(ZoneId, Signal), TypicalProfile>;

/// The rows of one file.
#[derive(Debug)]
struct Table {
    rows: Vec<Row>,
    by_subject: HashMap<String, Vec<usize>>,
}

impl Table {
    fn of(rows: Vec<Row>) -> Self {
        let mut by_subject: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            by_subject.entry(row.subject.clone()).or_default().push(index);
        }
        Self { rows, by_subject }
    }
}

/// The text of a file that is compiled in, or the one put in its place.
macro_rules! file {
    ($catalog:expr, $name:literal) => {
        $catalog.texts.get($name).copied().unwrap_or(include_str!(concat!("../data/", $name)))
    };
}

/// What a lazy read says of a file that breaks a rule: a test reads every row of the shipped ones.
const SHIPPED: &str = "a test holds every rule for every shipped row";

impl Catalog {
    /// The data files that are compiled in, each of which is read when it is first asked for; [`Catalog::checked`] reads
    /// them all.
    #[must_use]
    pub fn load() -> Self {
        Self::of(Texts::new())
    }

    /// As [`Catalog::load`], with every file read and every rule held, those between files too.
    ///
    /// # Errors
    /// [`FactsError::Row`] for the first row that breaks a rule.
    pub fn checked() -> Result<Self, FactsError> {
        Self::of(Texts::new()).read_all()
    }

    /// As [`Catalog::checked`], with other texts in the place of some files.
    #[cfg(test)]
    pub(crate) fn with_files(
        texts: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Result<Self, FactsError> {
        Self::of(texts.into_iter().collect()).read_all()
    }

    fn of(texts: Texts) -> Self {
        Self {
            texts,
            tables: [const { OnceLock::new() }; SCHEMA.len()],
            sources: OnceLock::new(),
            accelerators: OnceLock::new(),
            regions: OnceLock::new(),
            zones: OnceLock::new(),
            models: OnceLock::new(),
            profiles: OnceLock::new(),
        }
    }

    fn read_all(self) -> Result<Self, FactsError> {
        let sources = sources::read(file!(self, "sources.csv"))?;
        let mut catalog = Self::of(self.texts);
        for (index, spec) in SCHEMA.iter().enumerate() {
            catalog.tables[index] = OnceLock::from(Table::of(table::read(spec, catalog.text_of(spec))?));
        }
        catalog.accelerators = OnceLock::from(names::accelerators(file!(catalog, "accelerator_names.csv"))?);
        catalog.regions = OnceLock::from(names::regions(file!(catalog, "region_names.csv"))?);
        catalog.zones = OnceLock::from(names::zones(file!(catalog, "zone_names.csv"))?);
        catalog.models = OnceLock::from(names::models(file!(catalog, "models.csv"))?);
        catalog.profiles = OnceLock::from(profiles::read(file!(catalog, "typical_profiles.csv"), &sources)?);
        catalog.sources = OnceLock::from(sources);
        catalog.check()?;
        Ok(catalog)
    }

    fn text_of(&self, spec: &TableSpec) -> &'static str {
        let put = self.texts.iter().find(|(name, _)| name.strip_suffix(".csv") == Some(spec.name));
        put.map_or(spec.text, |(_, text)| text)
    }

    fn table_at(&self, index: usize) -> &Table {
        let spec = &SCHEMA[index];
        self.tables[index].get_or_init(|| Table::of(table::read_each(spec, self.text_of(spec)).expect(SHIPPED)))
    }

    fn sources_by_id(&self) -> &BTreeMap<String, Source> {
        self.sources.get_or_init(|| sources::read(file!(self, "sources.csv")).expect(SHIPPED))
    }
    pub(crate) fn accelerators(&self) -> &BTreeMap<String, AcceleratorName> {
        self.accelerators.get_or_init(|| names::accelerators(file!(self, "accelerator_names.csv")).expect(SHIPPED))
    }
    pub(crate) fn regions(&self) -> &BTreeMap<String, RegionName> {
        self.regions.get_or_init(|| names::regions(file!(self, "region_names.csv")).expect(SHIPPED))
    }
    pub(crate) fn zones(&self) -> &BTreeMap<String, ZoneName> {
        self.zones.get_or_init(|| names::zones(file!(self, "zone_names.csv")).expect(SHIPPED))
    }
    fn models(&self) -> &BTreeMap<String, ModelConfig> {
        self.models.get_or_init(|| names::models(file!(self, "models.csv")).expect(SHIPPED))
    }
    fn years(&self) -> &Years {
        self.profiles
            .get_or_init(|| profiles::read(file!(self, "typical_profiles.csv"), self.sources_by_id()).expect(SHIPPED))
    }

    /// Rules that need more than one file.
    fn check(&self) -> Result<(), FactsError> {
        let (accelerators, regions, zones) = (keys(self.accelerators()), keys(self.regions()), keys(self.zones()));
        for row in self.rows() {
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
        for name in self.accelerators().values() {
            self.check_source(Place { file: "accelerator_names.csv", line: name.line }, name.source.as_str())?;
        }
        for model in self.models().values() {
            self.check_source(Place { file: "models.csv", line: model.line }, model.source.as_str())?;
        }
        for region in self.regions().values() {
            let place = Place { file: "region_names.csv", line: region.line };
            self.check_source(place, region.source.as_str())?;
            if !zones.contains(region.zone.as_str()) {
                return Err(place.refuse(
                    format!("`{}` lies in unknown zone `{}`", region.id, region.zone),
                    or_nearest("add it to zone_names.csv", region.zone.as_str(), &zones),
                ));
            }
        }
        for zone in self.zones().values() {
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
        if self.sources_by_id().contains_key(id) {
            return Ok(());
        }
        Err(place.refuse(
            format!("unknown source `{id}`"),
            or_nearest("add it to sources.csv", id, &keys(self.sources_by_id())),
        ))
    }

    /// Every row, table by table in the order of [`SCHEMA`].
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        (0..SCHEMA.len()).flat_map(|index| &self.table_at(index).rows)
    }
    /// The rows of one table; none of a table that is not in [`SCHEMA`].
    pub fn rows_in(&self, table: &str) -> &[Row] {
        let index = SCHEMA.iter().position(|spec| spec.name == table);
        index.map_or(&[], |index| &self.table_at(index).rows)
    }
    /// The rows of one subject in one table, in the file's order.
    pub fn rows_of<'a>(&'a self, table: &'static str, subject: &str) -> impl Iterator<Item = &'a Row> + use<'a> {
        let table = SCHEMA.iter().position(|spec| spec.name == table).map(|index| self.table_at(index));
        let found = table.and_then(|table| Some((table, table.by_subject.get(subject)?)));
        found.into_iter().flat_map(|(table, indices)| indices.iter().map(|&index| &table.rows[index]))
    }
    /// Every source, by id.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources_by_id().values()
    }
    /// One source.
    pub fn source(&self, id: &str) -> Option<&Source> {
        self.sources_by_id().get(id)
    }
    /// Ids of the sources that anything cites: rows, names, models, typical years.
    pub fn cited_sources(&self) -> BTreeSet<&str> {
        let rows = self.rows().map(|row| row.source.as_str());
        let names = self.accelerators().values().map(|name| &name.source);
        let names = names.chain(self.regions().values().map(|name| &name.source));
        let names = names.chain(self.zones().values().map(|name| &name.source));
        let names = names.chain(self.models().values().map(|model| &model.source));
        let names = names.chain(self.years().values().map(|profile| &profile.source));
        rows.chain(names.map(SourceId::as_str)).collect()
    }
    /// Title and publisher of a source, as reports print them.
    pub fn cite(&self, id: &SourceId) -> String {
        self.source(id.as_str())
            .map_or_else(|| id.to_string(), |source| format!("{}, {} {}", source.title, source.publisher, source.year))
    }
    /// Every accelerator's identity, by key.
    pub fn accelerator_names(&self) -> impl Iterator<Item = &AcceleratorName> {
        self.accelerators().values()
    }
    /// Every region's identity, by key.
    pub fn region_names(&self) -> impl Iterator<Item = &RegionName> {
        self.regions().values()
    }
    /// Every zone's identity, by key.
    pub fn zone_names(&self) -> impl Iterator<Item = &ZoneName> {
        self.zones().values()
    }
    /// The published hyper-parameters of a model, as the text of a `config.json`, by its name or an
    /// unambiguous prefix.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] or [`FactsError::Ambiguous`].
    pub fn model_config(&self, name: &str) -> Result<&str, FactsError> {
        names::find("model", self.models(), name).map(|(_, model)| model.config.as_str())
    }
    /// Names of the models whose hyper-parameters we hold.
    pub fn model_names(&self) -> impl Iterator<Item = &str> {
        self.models().keys().map(String::as_str)
    }
    /// The typical year of a zone, where we have one.
    pub fn profile(&self, zone: &ZoneId, signal: Signal) -> Option<TypicalProfile> {
        if let Some(years) = self.profiles.get() {
            return years.get(&(zone.clone(), signal)).cloned();
        }
        // One zone's lines are read in a fiftieth of the time.
        let text = profiles::lines_of(file!(self, "typical_profiles.csv"), zone);
        profiles::read(&text, self.sources_by_id()).expect(SHIPPED).remove(&(zone.clone(), signal))
    }
    /// Every typical year.
    pub fn profiles(&self) -> impl Iterator<Item = &TypicalProfile> {
        self.years().values()
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
        Catalog::with_files([(name, text)]).map_or_else(|error| told(&error), |_| "loads".to_owned())
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
        let catalog = Catalog::with_files([("region_names.csv", row), ("regions.csv", regions)]);
        assert_snapshot!(told(&catalog.expect_err("FRA is no zone")), @"
        region_names.csv:2: `aws/eu-west-3` lies in unknown zone `FRA`
        help: add it to zone_names.csv, or write FR
        ");
    }

    #[test]
    fn a_zone_with_an_unknown_parent_is_refused() {
        let zones = "zone,name,parent,iso3,source,check,note\nXA,A part,XX,,own-zone-names,derived,\n";
        let catalog = Catalog::with_files([
            ("zone_names.csv", zones),
            ("zones.csv", "zone,quantity,value,unit,scope,valid_from,source,check,note\n"),
            ("regions.csv", "region,quantity,value,unit,scope,valid_from,source,check,note\n"),
            ("region_names.csv", "region,name,zone,latitude,longitude,status,source,check,note\n"),
        ]);
        assert_snapshot!(told(&catalog.expect_err("XX is no zone")), @"
        zone_names.csv:2: `XA` has unknown parent `XX`
        help: add it to zone_names.csv
        ");
    }

    fn found(table: &'static str, subject: &str, quantity: &str, scopes: &[&str], year: Option<i16>) -> String {
        let catalog = Catalog::load();
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
        let catalog = Catalog::load();
        let (passenger, plane) = (catalog.flight_per_passenger(), catalog.flight_per_plane());
        assert_eq!((passenger.value.kg(), passenger.source.as_str()), (1200.0, "patterson-2021"));
        assert_eq!((plane.value.kg(), plane.source.as_str()), (180_400.0, "patterson-2021"));
    }
}
