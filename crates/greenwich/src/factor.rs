//! A catalog figure as the estimator wants it: with a spread, and with its line in the factor list.
//!
//! In: a [`Sourced`] figure, or a number that the job file gives. Out: a [`LogNormal`] and a [`Factor`].
//! How wide a figure of another year, zone or fleet is taken to be is a row of `assumptions.csv`.

use greenwich_core::{Check, Factor, Fit, Sourced};
use greenwich_estimate::LogNormal;
use greenwich_facts::Catalog;

/// Returns the line of the factor list for a catalog figure.
pub(crate) fn cited<T>(catalog: &Catalog, quantity: &str, value: f64, unit: &str, row: &Sourced<T>) -> Factor {
    Factor {
        quantity: quantity.to_owned(),
        value,
        unit: unit.to_owned(),
        source: catalog.cite(&row.source),
        year: Some(row.valid_from.year()),
        fit: row.fit.clone(),
        check: row.check,
    }
}

/// Returns the line of the factor list for a figure that the job file gives.
pub(crate) fn given(quantity: &str, value: f64, unit: &str) -> Factor {
    Factor {
        quantity: quantity.to_owned(),
        value,
        unit: unit.to_owned(),
        source: "job file".to_owned(),
        year: None,
        fit: Fit::Given,
        check: Check::Primary,
    }
}

/// The spread, as a standard deviation of the logarithm, that `assumptions.csv` names.
///
/// # Panics
/// When the row is not there: a test of the catalog holds that it is.
pub(crate) fn assumed(catalog: &Catalog, assumption: &'static str, quantity: &'static str) -> f64 {
    let row = catalog.lookup("assumptions", assumption, quantity, &[], None);
    row.expect("assumptions.csv holds every spread that the roof asks for").value
}

/// Spread of a yearly mean intensity used for a run of `year`.
pub(crate) fn intensity_spread<T>(catalog: &Catalog, row: &Sourced<T>, year: Option<i16>) -> f64 {
    let own = assumed(catalog, "intensity-of-the-year", "log_sd");
    let per_year = assumed(catalog, "intensity-of-another-year", "log_sd_per_year");
    let years = year.map_or(0, |year| i32::from(year - row.valid_from.year()).abs());
    let vintage = per_year * f64::from(years).sqrt();
    let place = match row.fit {
        Fit::ParentZone(_) | Fit::WorldDefault => assumed(catalog, "intensity-of-parent-zone", "log_sd"),
        _ => 0.0,
    };
    own.hypot(vintage).hypot(place)
}

/// A typed median with a spread.
pub(crate) fn uncertain<T: Copy>(row: &Sourced<T>, log_sd: f64) -> LogNormal<T> {
    LogNormal::new(row.value, log_sd)
}
