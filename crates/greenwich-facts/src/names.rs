//! The names that facts are about: accelerators, regions, zones.
//!
//! In: `accelerator_names.csv`, `region_names.csv`, `zone_names.csv`. Out: one record a name, and
//! [`find`], which takes an exact name or an unambiguous prefix and refuses the rest with the nearest.

use crate::error::FactsError;
use crate::nearest::nearest;
use crate::table::{Place, check, records};
use greenwich_core::{Check, ZoneId};
use std::collections::BTreeMap;

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
        check(place, &record[8])?;
        let accelerator = AcceleratorName {
            id: id.to_owned(),
            maker: maker.to_owned(),
            name: name.to_owned(),
            generation: generation.to_owned(),
            year: number(place, "year", year)?,
            one_is: one_is.to_owned(),
            sold_by: some(sold_by),
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
        };
        check(place, &record[5])?;
        put(place, &mut names, &record[0], zone)?;
    }
    Ok(names)
}

/// Published hyper-parameters of models, as the text of a `config.json`, by name.
pub(crate) fn models(text: &str) -> Result<BTreeMap<String, String>, FactsError> {
    let file = "models.csv";
    let mut models = BTreeMap::new();
    for (line, record) in records(file, text, &["model", "config", "source", "check", "note"])? {
        let place = Place { file, line };
        check(place, &record[3])?;
        put(place, &mut models, &record[0], record[1].to_owned())?;
    }
    Ok(models)
}

/// Finds an exact name, else the one name that `asked` begins.
///
/// # Errors
/// [`FactsError::Ambiguous`] when it begins several, [`FactsError::Unknown`] with the nearest when none.
pub(crate) fn find<'a, T>(
    kind: &'static str,
    known: &'a BTreeMap<String, T>,
    asked: &str,
) -> Result<(&'a str, &'a T), FactsError> {
    if let Some((id, found)) = known.get_key_value(asked) {
        return Ok((id, found));
    }
    let begun: Vec<(&String, &T)> =
        if asked.is_empty() { Vec::new() } else { known.iter().filter(|(id, _)| id.starts_with(asked)).collect() };
    match begun[..] {
        [(id, found)] => Ok((id, found)),
        [] => Err(FactsError::Unknown {
            kind,
            name: asked.to_owned(),
            nearest: nearest(asked, known.keys().map(String::as_str)),
        }),
        _ => Err(FactsError::Ambiguous {
            kind,
            name: asked.to_owned(),
            candidates: begun.iter().take(8).map(|(id, _)| (*id).clone()).collect(),
        }),
    }
}
