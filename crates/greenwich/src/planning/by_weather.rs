//! PUE and water of the planned hours, place by place.
//!
//! In: a job, the places that it may run at, how to see the grid. Out: each place's hours, by its own curves and its own
//! weather, and what they rest on.

use super::{PlanOptions, region_of};
use crate::document::{DocumentError, Place as DocumentPlace};
use crate::error::Error;
use crate::grid::Grid;
use crate::resolve::Job;
use crate::site::Place;
use crate::weather::{ByHour, Weather};
use greenwich_core::{RegionId, Window};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What PUE and water rest on: of home, and of the other sites that have curves.
pub(super) fn json(home: &RegionId, weather: &BTreeMap<RegionId, ByHour>) -> Option<Value> {
    let elsewhere = weather.iter().filter(|(region, _)| *region != home);
    let elsewhere: Map<String, Value> = elsewhere.map(|(region, of)| (region.to_string(), of.json())).collect();
    let mut answer =
        weather.get(home).map(ByHour::json).or_else(|| (!elsewhere.is_empty()).then(|| serde_json::json!({})))?;
    if !elsewhere.is_empty() {
        answer["elsewhere"] = Value::Object(elsewhere);
    }
    Some(answer)
}

/// PUE and water by the hour of home and of each other place whose curves and temperatures are known.
pub(super) fn of_places(
    job: &Job<'_>,
    places: &[Place],
    options: &PlanOptions,
    grid: &Grid<'_>,
    span: Window,
) -> Result<BTreeMap<RegionId, ByHour>, Error> {
    let cooling = job.spec.site.cooling.clone().under(options.weather.clone());
    if options.weather.is_some() && !cooling.is_some() {
        let place = DocumentPlace { file: job.spec.file.clone(), line: None, key: "site.pue_curve".to_owned() };
        let mend = "write pue_curve = [[-10, 1.08], [20, 1.12], [35, 1.30]] or wue_curve below [site]: temperatures alone change nothing";
        return Err(DocumentError::Missing { place, mend: mend.to_owned() }.into());
    }
    let home = region_of(&job.home);
    let elsewhere = places.iter().filter(|place| region_of(place) != home).map(|place| (place, &place.cooling));
    let mut found = BTreeMap::new();
    for (place, cooling) in elsewhere.chain([(&job.home, &cooling)]) {
        let weather = Weather::of(cooling, place.zone.as_ref(), grid.replay.as_ref(), options.as_of)?;
        found.extend(weather.map(|weather| (region_of(place), weather.over(span, place))));
    }
    Ok(found)
}
