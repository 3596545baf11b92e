//! The names that facts are about: accelerators, regions, zones, models.
//!
//! In: `accelerator_names.csv`, `region_names.csv`, `zone_names.csv`, `models.csv`. Out: one record a name,
//! and [`find`], which takes an exact name (in any case) or an unambiguous prefix and refuses the rest with
//! the nearest.

use crate::error::FactsError;
use crate::nearest::nearest;
use crate::table::{Place, check, records};
use greenwich_core::{Check, SourceId, ZoneId};
use std::collections::{BTreeMap, BTreeSet};

/// An accelerator's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceleratorName {
    /// Key.
    pub id: String,
    /// Who makes it.
    pub maker: String,
    /// The maker's name for it.
    pub name: String,
    /// Chips that share a calibration.
    pub generation: String,
    /// Year of release.
    pub year: i16,
    /// What one is: chip, card or superchip.
    pub one_is: String,
    /// The only provider that rents it, if there is one.
    pub sold_by: Option<String>,
    /// Row of `sources.csv` for name and year.
    pub source: SourceId,
    /// Where we read it.
    pub check: Check,
    pub(crate) line: u64,
}

/// A cloud region's identity.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionName {
    /// Key, `provider/region`.
    pub id: String,
    /// Place.
    pub name: String,
    /// Grid zone, by place.
    pub zone: ZoneId,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// `operational`, or what the provider says of it.
    pub status: String,
    /// Where we read the place.
    pub check: Check,
    /// Why this zone, where that needs saying.
    pub note: String,
    /// Row of `sources.csv` for the place.
    pub source: SourceId,
    pub(crate) line: u64,
}

/// A grid zone's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneName {
    /// Key.
    pub id: String,
    /// Name.
    pub name: String,
    /// The country around, for a part of one.
    pub parent: Option<ZoneId>,
    /// Row of `sources.csv` for key and name.
    pub source: SourceId,
    pub(crate) line: u64,
}

/// Published hyper-parameters of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelConfig {
    /// The text of a `config.json`.
    pub(crate) config: String,
    pub(crate) source: SourceId,
    pub(crate) line: u64,
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn number<T: std::str::FromStr>(place: Place<'_>, what: &str, text: &str) -> Result<T, FactsError> {
    text.parse().map_err(|_| place.refuse(format!("`{text}` is no {what}"), format!("write the {what} as a number")))
}

fn put<T>(place: Place<'_>, into: &mut BTreeMap<String, T>, id: &str, what: T) -> Result<(), FactsError> {
    match into.insert(id.to_owned(), what) {
        None => Ok(()),
        Some(_) => Err(place.refuse(format!("`{id}` is there twice"), "keep one row a name")),
    }
}

pub(crate) fn accelerators(text: &str) -> Result<BTreeMap<String, AcceleratorName>, FactsError> {
    let file = "accelerator_names.csv";
    let columns =
        ["accelerator", "maker", "name", "generation", "year", "one_is", "sold_by", "source", "check", "note"];
    let mut names = BTreeMap::new();
    for (line, record) in records(file, text, &columns)? {
        let place = Place { file, line };
        let [id, maker, name, generation, year, one_is, sold_by] = std::array::from_fn(|column| &record[column]);
        let accelerator = AcceleratorName {
            id: id.to_owned(),
            maker: maker.to_owned(),
            name: name.to_owned(),
            generation: generation.to_owned(),
            year: number(place, "year", year)?,
            one_is: one_is.to_owned(),
            sold_by: some(sold_by),
            source: SourceId::new(&record[7]),
            check: check(place, &record[8])?,
            line,
        };
        put(place, &mut names, id, accelerator)?;
    }
    Ok(names)
}

pub(crate) fn regions(text: &str) -> Result<BTreeMap<String, RegionName>, FactsError> {
    let file = "region_names.csv";
    let columns = ["region", "name", "zone", "latitude", "longitude", "status", "source", "check", "note"];
    let mut names = BTreeMap::new();
    for (line, record) in records(file, text, &columns)? {
        let place = Place { file, line };
        let region = RegionName {
            id: record[0].to_owned(),
            name: record[1].to_owned(),
            zone: ZoneId::new(&record[2]),
            latitude: number(place, "latitude", &record[3])?,
            longitude: number(place, "longitude", &record[4])?,
            status: record[5].to_owned(),
            check: check(place, &record[7])?,
            note: record[8].to_owned(),
            source: SourceId::new(&record[6]),
            line,
        };
        if !(-90.0..=90.0).contains(&region.latitude) || !(-180.0..=180.0).contains(&region.longitude) {
            return Err(place.refuse("the place is not on this planet", "degrees north, then degrees east"));
        }
        put(place, &mut names, &record[0], region)?;
    }
    Ok(names)
}

pub(crate) fn zones(text: &str) -> Result<BTreeMap<String, ZoneName>, FactsError> {
    let file = "zone_names.csv";
    let mut names = BTreeMap::new();
    for (line, record) in records(file, text, &["zone", "name", "parent", "iso3", "source", "check", "note"])? {
        let place = Place { file, line };
        let zone = ZoneName {
            id: record[0].to_owned(),
            name: record[1].to_owned(),
            parent: some(&record[2]).map(ZoneId::new),
            source: SourceId::new(&record[4]),
            line,
        };
        check(place, &record[5])?;
        put(place, &mut names, &record[0], zone)?;
    }
    Ok(names)
}

pub(crate) fn models(text: &str) -> Result<BTreeMap<String, ModelConfig>, FactsError> {
    let file = "models.csv";
    let mut models = BTreeMap::new();
    for (line, record) in records(file, text, &["model", "config", "source", "check", "note"])? {
        let place = Place { file, line };
        check(place, &record[3])?;
        let model = ModelConfig { config: record[1].to_owned(), source: SourceId::new(&record[2]), line };
        put(place, &mut models, &record[0], model)?;
    }
    Ok(models)
}

/// Finds an exact name, else the same in another case, else the one name that `asked` begins.
///
/// # Errors
/// [`FactsError::Ambiguous`] when it begins several, [`FactsError::Unknown`] with the nearest when none.
pub(crate) fn find<'a, T>(
    kind: &'static str,
    known: &'a BTreeMap<String, T>,
    asked: &str,
) -> Result<(&'a str, &'a T), FactsError> {
    let id = find_among(kind, known.keys().map(String::as_str), asked)?;
    Ok((id, &known[id]))
}

/// The same among bare names, which may repeat.
pub(crate) fn find_among<'a>(
    kind: &'static str,
    known: impl Iterator<Item = &'a str>,
    asked: &str,
) -> Result<&'a str, FactsError> {
    let known: BTreeSet<&str> = known.collect();
    if let Some(id) = known.get(asked) {
        return Ok(id);
    }
    let wanted = asked.to_lowercase();
    if let Some(id) = known.iter().find(|id| id.to_lowercase() == wanted) {
        return Ok(id);
    }
    let begun: Vec<&str> = if asked.is_empty() {
        Vec::new()
    } else {
        known.iter().copied().filter(|id| id.to_lowercase().starts_with(&wanted)).collect()
    };
    match begun[..] {
        [id] => Ok(id),
        [] => Err(FactsError::Unknown { kind, name: asked.to_owned(), nearest: nearest(asked, known) }),
        _ => Err(FactsError::Ambiguous {
            kind,
            name: asked.to_owned(),
            candidates: begun.iter().take(8).map(|&id| id.to_owned()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::told;
    use insta::assert_snapshot;

    fn found(asked: &str) -> String {
        let known = ["a100-pcie-80g", "a100-sxm4-80g", "DE", "FR", "h100-sxm5-80g"];
        match find_among("accelerator", known.into_iter(), asked) {
            Ok(id) => id.to_owned(),
            Err(error) => told(&error),
        }
    }

    #[test]
    fn an_exact_name_another_case_and_a_prefix_of_one_name_are_found() {
        assert_eq!(found("a100-sxm4-80g"), "a100-sxm4-80g");
        assert_eq!(found("fr"), "FR");
        assert_eq!(found("H100"), "h100-sxm5-80g");
    }

    #[test]
    fn a_prefix_of_several_names_lists_them() {
        assert_snapshot!(found("a100"), @"
        `a100` could be more than one accelerator
        help: write one of `a100-pcie-80g`, `a100-sxm4-80g`
        ");
    }

    #[test]
    fn a_place_off_this_planet_and_a_name_given_twice_are_refused() {
        let header = "region,name,zone,latitude,longitude,status,source,check,note";
        let paris = "aws/eu-west-3,Paris,FR,48.86,2.35,operational,own-placement,derived,";
        let read =
            |rows: &str| regions(&format!("{header}\n{rows}\n")).map_or_else(|error| told(&error), |_| String::new());
        assert_snapshot!(read(&paris.replace("48.86", "488.6")), @"
        region_names.csv:2: the place is not on this planet
        help: degrees north, then degrees east
        ");
        assert_snapshot!(read(&paris.replace("48.86", "north")), @"
        region_names.csv:2: `north` is no latitude
        help: write the latitude as a number
        ");
        assert_snapshot!(read(&format!("{paris}\n{paris}")), @"
        region_names.csv:3: `aws/eu-west-3` is there twice
        help: keep one row a name
        ");
    }

    #[test]
    fn an_unknown_name_offers_the_nearest() {
        assert_snapshot!(found("h100-smx5-80g"), @"
        no accelerator is called `h100-smx5-80g`
        help: did you mean `h100-sxm5-80g`? `greenwich facts list accelerators` shows all
        ");
        assert_snapshot!(found(""), @"
        no accelerator is called ``
        help: `greenwich facts list accelerators` shows those known
        ");
    }
}
