//! The sources that facts cite.
//!
//! In: `sources.csv`. Out: one record a source; a licence that we may not redistribute is refused.

use crate::error::FactsError;
use crate::schema::LICENCES;
use crate::table::{Place, date, records};
use jiff::civil::Date;
use std::collections::BTreeMap;

const FILE: &str = "sources.csv";
const COLUMNS: [&str; 7] = ["id", "title", "publisher", "year", "url", "retrieved", "licence"];

/// A document or data file that facts cite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Key that rows name.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Who published it.
    pub publisher: String,
    /// When.
    pub year: i16,
    /// Where; empty for our own.
    pub url: String,
    /// When we read it.
    pub retrieved: Date,
    /// SPDX id, `public-domain`, or `facts` for a bare figure cited.
    pub licence: String,
}

/// Reads the sources.
///
/// # Errors
/// [`FactsError::Row`] for an id that is there twice, a year that is none, or a licence not in [`LICENCES`].
pub(crate) fn read(text: &str) -> Result<BTreeMap<String, Source>, FactsError> {
    let mut sources = BTreeMap::new();
    for (line, record) in records(FILE, text, &COLUMNS)? {
        let place = Place { file: FILE, line };
        let [id, title, publisher, year, url, retrieved, licence] =
            std::array::from_fn(|column| record.get(column).unwrap_or("").to_owned());
        if !LICENCES.contains(&licence.as_str()) {
            return Err(place.refuse(
                format!("`{id}` has licence `{licence}`, which we may not redistribute"),
                format!("cite the primary source; allowed are {}", LICENCES.join(", ")),
            ));
        }
        let year = year.parse().map_err(|_| place.refuse(format!("`{year}` is not a year"), "write four digits"))?;
        let retrieved = date(place, &retrieved)?;
        let source = Source { id: id.clone(), title, publisher, year, url, retrieved, licence };
        if sources.insert(id.clone(), source).is_some() {
            return Err(place.refuse(format!("`{id}` is there twice"), "keep one row a source"));
        }
    }
    Ok(sources)
}
