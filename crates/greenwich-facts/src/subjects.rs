//! What the tables are about: their subjects, and a name that may be in any of them.
//!
//! In: a name or an unambiguous prefix. Out: every table that says something of it, with the subject's key.
//! `greenwich facts` is a view of this.

use crate::catalog::Catalog;
use crate::error::{ANY_KIND, FactsError};
use crate::names::find_among;
use crate::schema::{SCHEMA, TableSpec};
use std::collections::BTreeSet;

/// Where the published hyper-parameters are; it holds no quantities, so it is not in [`SCHEMA`].
const MODELS: &str = "models";

impl Catalog {
    /// Every fact table, with what it is about and the quantities that it may hold.
    pub fn tables(&self) -> impl Iterator<Item = &'static TableSpec> + use<> {
        SCHEMA.iter()
    }

    /// One table by its name.
    pub fn table(&self, name: &str) -> Option<&'static TableSpec> {
        SCHEMA.iter().find(|spec| spec.name == name)
    }

    /// Subjects of a table in alphabetical order: those with rows, and those known by name alone, such as a
    /// region of which nothing but its place is published. `models` lists the models.
    pub fn subjects(&self, table: &str) -> BTreeSet<&str> {
        let mut subjects: BTreeSet<&str> = self.rows_in(table).iter().map(|row| row.subject.as_str()).collect();
        match table {
            "accelerators" => subjects.extend(self.accelerators().keys().map(String::as_str)),
            "regions" => subjects.extend(self.regions().keys().map(String::as_str)),
            "zones" => subjects.extend(self.zones().keys().map(String::as_str)),
            MODELS => subjects.extend(self.model_names()),
            _ => {}
        }
        subjects
    }

    /// Every table that knows a subject by this name, with the subject's key: an accelerator, region, zone,
    /// fuel, gas, server, provider, published run, model …, or an unambiguous prefix of one. An accelerator
    /// is found twice, for its figures and for its prices.
    ///
    /// # Errors
    /// [`FactsError::Unknown`] with the nearest names of all tables, [`FactsError::Ambiguous`] with those it begins.
    pub fn find_subject(&self, name: &str) -> Result<Vec<(&'static str, String)>, FactsError> {
        let tables = || SCHEMA.iter().map(|spec| spec.name).chain([MODELS]);
        let every: Vec<(&'static str, BTreeSet<&str>)> = tables().map(|table| (table, self.subjects(table))).collect();
        let known = every.iter().flat_map(|(_, subjects)| subjects.iter().copied());
        let subject = find_among(ANY_KIND, known, name)?;
        Ok(every
            .iter()
            .filter(|(_, subjects)| subjects.contains(subject))
            .map(|(table, _)| (*table, subject.to_owned()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::told;
    use insta::assert_snapshot;

    fn found(name: &str) -> String {
        let catalog = Catalog::load();
        match catalog.find_subject(name) {
            Ok(found) => found.iter().map(|(table, id)| format!("{table}: {id}")).collect::<Vec<_>>().join("\n"),
            Err(error) => told(&error),
        }
    }

    #[test]
    fn a_name_of_any_kind_is_found_in_every_table_that_knows_it() {
        assert_eq!(found("a100-sxm4-80g"), "accelerators: a100-sxm4-80g\nprices: a100-sxm4-80g");
        assert_eq!(found("gcp/us-central1"), "regions: gcp/us-central1");
        assert_eq!(found("fr"), "zones: FR");
        assert_eq!(found("coal"), "fuels: coal");
        assert_eq!(found("n2o"), "gwp: n2o");
        assert_eq!(found("dell"), "servers: dell-r740");
        assert_eq!(found("table4-t5"), "published_runs: table4-t5-11b");
        assert_eq!(found("llama-2"), "models: llama-2-7b");
        assert_eq!(found("hyperscale-aws"), "pue: hyperscale-aws");
    }

    #[test]
    fn a_region_of_which_only_the_place_is_published_is_found() {
        assert_eq!(found("alibaba/cn-beijing"), "regions: alibaba/cn-beijing");
    }

    #[test]
    fn a_prefix_of_several_subjects_lists_them() {
        assert_snapshot!(found("mi30"), @"
        `mi30` could be more than one fact
        help: write one of `mi300a`, `mi300x`
        ");
    }

    #[test]
    fn an_unknown_subject_offers_the_nearest_of_all_tables() {
        assert_snapshot!(found("us-central1"), @"
        no fact is called `us-central1`
        help: did you mean `gcp/us-central1`? `greenwich facts list` shows all
        ");
        assert_snapshot!(found("zzzzzzzzzz"), @"
        no fact is called `zzzzzzzzzz`
        help: `greenwich facts list` shows those known
        ");
    }
}
