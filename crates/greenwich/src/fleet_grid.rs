//! The hours of a fleet's zones: traces as far as they are known, what is kept, and forecasts beyond.
//!
//! In: the zones of the sites, the planned hours, a folder of traces, a folder of fetched histories, an instant. Out: an
//! intensity for every zone and hour, and in words what is no trace. With traces alone and no instant, a gap or an end
//! inside the planned hours is an error, as the contract has it; where an instant is given, or no traces, forecasts go on
//! from what is known, and what is typical stands in where nothing is.

use crate::cooling::CoolingSpec;
use crate::error::Error;
use crate::fleet::FleetOptions;
use crate::forecasting_grid::Ahead;
use crate::planning::threads;
use crate::signals::Signals;
use crate::weather::Weather;
use greenwich_core::quantity::AverageIntensity;
use greenwich_core::{IntensitySeries, Provenance, Window, ZoneId};
use greenwich_estimate::cooling::Curve;
use greenwich_facts::Catalog;
use greenwich_fleet::SiteRow;
use greenwich_signals::{GridSignal, Replay, SignalError, flat, typical};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Zones that a warning names.
const MOST_NAMED: usize = 5;

/// Intensity of each zone, hour by hour, and what to know of it.
pub(crate) type Hourly = (BTreeMap<ZoneId, Vec<AverageIntensity>>, Vec<String>);

/// The traces of a fleet's zones, where there are any.
pub(crate) fn traces(options: &FleetOptions) -> Result<Option<Replay>, Error> {
    let has_traces = !options.signals.as_os_str().is_empty();
    Ok(has_traces.then(|| Replay::open(&options.signals, options.fill)).transpose()?)
}

/// Reads or foretells the hours of some zones.
pub(crate) fn hourly(
    options: &FleetOptions,
    replay: Option<&Replay>,
    zones: &BTreeSet<ZoneId>,
    window: Window,
) -> Result<Hourly, Error> {
    let strict = replay.is_some() && options.as_of.is_none();
    let catalog = Catalog::load();
    let kept = options.kept.as_ref().filter(|_| !strict).map(Signals::kept).transpose()?;
    let ahead = (!strict).then(|| Ahead::new(options.as_of, window, kept, options.inputs.clone()));
    if let Some(ahead) = &ahead {
        ahead.prepare(&catalog, replay, zones.iter().cloned(), options.signal, threads());
    }
    let (mut by_zone, mut warnings) = (BTreeMap::new(), Vec::new());
    let (mut foretold, mut stood_in) = (Vec::new(), Vec::new());
    for zone in zones {
        let series = match &ahead {
            None => replay.expect("strict reading has traces").series(zone, options.signal, window)?,
            Some(ahead) => known(ahead, &catalog, replay, zone, options, window)?,
        };
        match &series.provenance {
            Provenance::Forecast { .. } => foretold.push(zone),
            Provenance::Typical { .. } | Provenance::Flat { .. } => stood_in.push(zone),
            other if other.to_string().contains(" filled by ") => warnings.push(format!("{zone}: {other}")),
            _ => {}
        }
        warnings.extend(crate::grid::series_in_kilograms(&series));
        let cells = series.cells_g_per_kwh(window, HOUR).expect("a series that is given covers the window");
        by_zone.insert(zone.clone(), cells.into_iter().map(AverageIntensity::from_g_per_kwh).collect());
    }
    let named = |zones: &[&ZoneId]| {
        let shown: Vec<&str> = zones.iter().take(MOST_NAMED).map(|zone| zone.as_str()).collect();
        let more = zones.len().saturating_sub(MOST_NAMED);
        shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    };
    if !foretold.is_empty() {
        warnings.push(format!("planned on the median of forecasts from history of {}", named(&foretold)));
    }
    if !stood_in.is_empty() {
        warnings.push(format!(
            "no history of {} from which the planned hours could be foretold: a typical year or yearly mean stands in",
            named(&stood_in)
        ));
    }
    Ok((by_zone, warnings))
}

/// A site's PUE hour by hour relative to its usual one, where it has a curve and the weather is known; else `None`. Intensity
/// and price of energy are multiplied by it, so that PUE times either is what the weather makes of it.
pub(crate) fn relative_pue(
    options: &FleetOptions,
    row: &SiteRow,
    replay: Option<&Replay>,
    window: Window,
    warnings: &mut Vec<String>,
) -> Result<Option<Vec<f64>>, Error> {
    let Ok(curve) = Curve::new(row.pue_curve.clone()) else { return Ok(None) };
    let cooling = CoolingSpec { pue: Some(curve), ..CoolingSpec::default() };
    let Some(weather) = Weather::of(&cooling, Some(&row.zone), replay, options.as_of)? else {
        return Ok(None);
    };
    let by_hour = weather.by_hour(window, row.pue, None);
    warnings.extend(by_hour.warnings().into_iter().map(|words| format!("{}: {words}", row.name)));
    let starts = std::iter::successors(Some(window.start()), |at| Some(*at + HOUR)).take(options.hours as usize);
    let relative = |at| by_hour.hour(at).map_or(1.0, |hour| hour.pue.ratio() / row.pue.ratio());
    Ok(Some(starts.map(relative).collect()))
}

/// The past and the forecast of a zone, else what is typical there.
fn known(
    ahead: &Ahead,
    catalog: &Catalog,
    replay: Option<&Replay>,
    zone: &ZoneId,
    options: &FleetOptions,
    window: Window,
) -> Result<IntensitySeries, Error> {
    let own = replay.filter(|replay| replay.zones().contains(zone));
    if let Some(series) = ahead.series(catalog, own, zone, options.signal, window)? {
        return Ok(series);
    }
    let known = crate::forecasting::Known::of(catalog, zone, options.signal);
    if let Some(profile) = &known.typical {
        return Ok(typical::series(profile, window));
    }
    if let Some((mean, year)) = known.yearly {
        return Ok(flat::series(zone, options.signal, window, mean, year));
    }
    let path = match replay {
        Some(_) => options.signals.display().to_string(),
        None => "the folder of signals".to_owned(),
    };
    let held = replay.map(GridSignal::zones).unwrap_or_default();
    Err(SignalError::NoZone { zone: zone.clone(), path, held }.into())
}
