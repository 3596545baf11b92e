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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::told;
    use insta::assert_snapshot;

    fn read_rows(rows: &str) -> String {
        let text = format!("{}\n{rows}\n", COLUMNS.join(","));
        read(&text).map_or_else(|error| told(&error), |sources| format!("{} sources", sources.len()))
    }

    const EMBER: &str = "ember,Yearly data,Ember,2026,https://ember-energy.org,2026-11-24,CC-BY-4.0";

    #[test]
    fn a_licence_that_we_may_not_redistribute_is_refused() {
        assert_eq!(read_rows(EMBER), "1 sources");
        assert_snapshot!(read_rows(&EMBER.replace("CC-BY-4.0", "AGPL-3.0")), @"
        sources.csv:2: `ember` has licence `AGPL-3.0`, which we may not redistribute
        help: cite the primary source; allowed are facts, public-domain, CC0-1.0, CC-BY-4.0, CC-BY-3.0, ODbL-1.0, OGL-UK-3.0, Apache-2.0, MIT, Apache-2.0 OR MIT
        ");
        assert_snapshot!(read_rows(&EMBER.replace("CC-BY-4.0", "")), @"
        sources.csv:2: `ember` has licence ``, which we may not redistribute
        help: cite the primary source; allowed are facts, public-domain, CC0-1.0, CC-BY-4.0, CC-BY-3.0, ODbL-1.0, OGL-UK-3.0, Apache-2.0, MIT, Apache-2.0 OR MIT
        ");
    }

    #[test]
    fn a_source_that_is_there_twice_is_refused() {
        assert_snapshot!(read_rows(&format!("{EMBER}\n{EMBER}")), @"
        sources.csv:3: `ember` is there twice
        help: keep one row a source
        ");
    }

    #[test]
    fn a_year_or_a_day_of_reading_that_is_none_is_refused() {
        assert_snapshot!(read_rows(&EMBER.replace("2026,", "soon,")), @"
        sources.csv:2: `soon` is not a year
        help: write four digits
        ");
        assert_snapshot!(read_rows(&EMBER.replace("2026-11-24", "yesterday")), @"
        sources.csv:2: `yesterday` is not a date
        help: write it as 2024-01-01
        ");
    }
}
