//! The grid's intensity at a place over a span: the best that is known, and what it is.
//!
//! In: a place, a signal, a span, and a folder of traces where the user gives one. Out: a series, or nothing
//! where nothing is known. The order is: the job file's own number, the user's trace, the zone's typical year,
//! its yearly mean. What was taken is said by the series' provenance, which the report prints.

use crate::error::Error;
use crate::forecasting::Known;
use crate::forecasting_grid::Ahead;
use crate::site::Place;
use greenwich_core::{IntensitySeries, Provenance, Signal, Window, ZoneId};
use greenwich_facts::Catalog;
use greenwich_signals::{GridSignal, Replay, flat, typical};
use jiff::SignedDuration;

/// Below this an intensity that is not 0 is more likely kilograms taken for grams.
const LEAST_OF_A_GRID_G_PER_KWH: f64 = 2.0;

/// A doubt about a lifecycle intensity that is lower than any grid's.
pub(crate) fn in_kilograms(what: &str, g_per_kwh: f64) -> Option<String> {
    (g_per_kwh > 0.0 && g_per_kwh < LEAST_OF_A_GRID_G_PER_KWH)
        .then(|| format!("{what} is {g_per_kwh} g/kWh, less than any grid has: it is in grams, so 0.4 kg/kWh is 400"))
}

/// The same of a user's own hours, by the highest of them.
pub(crate) fn series_in_kilograms(series: &IntensitySeries) -> Option<String> {
    let is_own = matches!(series.provenance, Provenance::Replayed { .. } | Provenance::Forecast { .. });
    let highest = series.values_g_per_kwh().iter().copied().fold(0.0, f64::max);
    let doubted = is_own && series.signal == Signal::Lifecycle;
    let shown = (highest * 1e3).round() / 1e3;
    doubted.then(|| in_kilograms(&format!("the highest intensity of {} in these hours", series.zone), shown)).flatten()
}

/// Where intensities come from.
#[derive(Debug)]
pub(crate) struct Grid<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) replay: Option<Replay>,
    pub(crate) signal: Signal,
    /// Where traces that end too early are gone on from by forecasts; else they are errors.
    pub(crate) ahead: Option<Ahead>,
}

impl Grid<'_> {
    /// Intensity by another signal than the one planned by, for the figures beside: the user's trace where it has
    /// such a column without gaps, else what the catalog knows.
    pub(crate) fn beside(&self, place: &Place, signal: Signal, span: Window) -> Option<IntensitySeries> {
        let traced = place.zone.as_ref().and_then(|zone| self.traced(zone, signal, span).ok().flatten());
        let known = Grid { catalog: self.catalog, replay: None, signal, ahead: None };
        traced.or_else(|| known.series(place, span).ok().flatten())
    }

    /// Intensity at a place over a span.
    ///
    /// # Errors
    /// [`Error::Signal`] for a broken or gappy trace of the zone.
    pub(crate) fn series(&self, place: &Place, span: Window) -> Result<Option<IntensitySeries>, Error> {
        if place.location_given
            && self.signal != Signal::Marginal
            && let Some(given) = place.lifecycle
        {
            let zone = place.zone.clone().unwrap_or_else(|| ZoneId::new("home"));
            return Ok(Some(constant(zone, self.signal, span, given.median().g_per_kwh())));
        }
        let Some(zone) = &place.zone else { return Ok(None) };
        if let Some(series) = self.traced(zone, self.signal, span)? {
            return Ok(Some(series));
        }
        if let Some(profile) = self.catalog.profile(zone, self.signal) {
            return Ok(Some(typical::series(&profile, span)));
        }
        let yearly = match self.signal {
            Signal::Lifecycle => place.yearly_lifecycle.as_ref(),
            Signal::Direct => place.yearly_direct.as_ref(),
            Signal::Marginal => None,
        };
        Ok(yearly.map(|row| flat::series(zone, self.signal, span, row.value.g_per_kwh(), row.valid_from.year())))
    }
}

impl Grid<'_> {
    /// What the user's trace, or a history that is kept, says of a span; `None` where there is none, or where it ends
    /// too long before and something typical is known.
    fn traced(&self, zone: &ZoneId, signal: Signal, span: Window) -> Result<Option<IntensitySeries>, Error> {
        let replay = self.replay.as_ref().filter(|replay| replay.zones().contains(zone));
        if let Some(ahead) = &self.ahead {
            let told = ahead.series(self.catalog, replay, zone, signal, span)?;
            let known = || Known::of(self.catalog, zone, signal);
            if told.is_some() || known().typical.is_some() || known().yearly.is_some() {
                return Ok(told);
            }
        }
        Ok(replay.map(|replay| replay.series(zone, signal, span)).transpose()?)
    }
}

/// The job file's own number at every hour of a span.
fn constant(zone: ZoneId, signal: Signal, span: Window, g_per_kwh: f64) -> IntensitySeries {
    let hours = span.hours().ceil().max(1.0) as usize;
    let step = SignedDuration::from_hours(1);
    IntensitySeries::new(zone, signal, Provenance::Given, span.start(), step, vec![g_per_kwh; hours])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilograms_where_grams_should_stand_are_doubted_in_a_users_own_hours_alone() {
        let start = "2026-01-05T00:00:00Z".parse().expect("an instant");
        let doubt = |signal, provenance, values: &[f64]| {
            let step = SignedDuration::from_hours(1);
            let series = IntensitySeries::new(ZoneId::new("ES"), signal, provenance, start, step, values.to_vec());
            series_in_kilograms(&series)
        };
        let own = || Provenance::Replayed { file: "ES.csv".to_owned() };
        let told = doubt(Signal::Lifecycle, own(), &[0.2, 0.41]).expect("a doubt");
        assert!(told.contains("0.41 g/kWh") && told.contains("in grams"), "{told}");
        assert_eq!(doubt(Signal::Lifecycle, own(), &[0.2, 410.0]), None, "an hour of wind is no slip");
        assert_eq!(doubt(Signal::Direct, own(), &[0.2, 0.41]), None, "a grid of water emits next to nothing itself");
        assert_eq!(doubt(Signal::Lifecycle, own(), &[0.0, 0.0]), None);
        assert_eq!(doubt(Signal::Lifecycle, Provenance::Given, &[0.41]), None, "told where it is given");
    }
}
