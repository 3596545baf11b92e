//! Electricity Maps, v3: intensity of consumption in some 350 zones, and day-ahead prices.
//!
//! In: a zone by its own key, which is ours as well. Out: lifecycle or direct intensity, by the hour, traced through
//! imports; estimated hours are marked. Prices are in the currency of their market. A free key gives one zone and the last day; what the plan does not give is
//! noted and the rest kept.

use crate::door::{Door, Key, Reply, Request};
use crate::error::ProviderError;
use crate::json::{instant, number, word};
use crate::provider::{About, Answer, Ask, DIRECT, Gathered, LIFECYCLE, Provider, not_covered, pieces};
use crate::secret::Secret;
use greenwich_core::{Window, ZoneId};
use greenwich_grid::{Currency, Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

static ABOUT: About = About {
    id: "electricity-maps",
    title: "Electricity Maps",
    base: "https://api.electricitymaps.com/v3",
    base_variables: &["GREENWICH_ELECTRICITY_MAPS_URL"],
    key_variables: &["ELECTRICITY_MAPS_API_KEY"],
    pace: Duration::from_millis(200),
    licence: "by plan; the free one is not for commercial use",
    covers: "its own zones, whose keys are ours: DE, US-CAL-CISO, IN-WE …",
    page: "docs/guide/providers/electricity-maps.md",
};
/// The most hours that one question of the past may span.
const MOST: SignedDuration = SignedDuration::from_hours(10 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const HORIZONS_H: [i64; 4] = [6, 24, 48, 72];

/// Electricity Maps, with a key.
#[derive(Debug, Clone)]
pub struct ElectricityMaps {
    base: String,
    key: Option<Secret>,
}

impl ElectricityMaps {
    /// Asks at an address by a key.
    pub fn new(base: Option<String>, key: Option<Secret>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()), key }
    }

    fn ask(
        &self,
        door: &Door<'_>,
        of: &Quantity,
        path: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Option<Reply>, ProviderError> {
        let key = self.key.clone().ok_or(ProviderError::NoKey {
            provider: ABOUT.id,
            variables: ABOUT.key_variables,
            page: ABOUT.page,
        })?;
        let family = if matches!(of, Quantity::Price(_)) { "price-day-ahead" } else { "carbon-intensity" };
        let url = format!("{}/{family}/{path}", self.base);
        door.get(&Request { about: &ABOUT, url, query, key: Key::Header("auth-token", "", key) })
    }

    /// The past: the last day by a question that every plan allows, more by one that some do.
    fn past(&self, ask: &Ask, window: Window, door: &Door<'_>, found: &mut Gathered) -> Result<(), ProviderError> {
        let last_day = door.now() - DAY;
        let recent = window.start() >= last_day;
        let mut refused = None;
        if !recent {
            for piece in pieces(window, MOST) {
                let mut query = common(ask);
                query.extend([("start", piece.start().to_string()), ("end", piece.end().to_string())]);
                match self.ask(door, &ask.quantity, "past-range", query) {
                    Ok(Some(reply)) => read(&reply, &ask.quantity, found)?,
                    Ok(None) => found.unchanged(),
                    Err(error @ (ProviderError::NotInPlan { .. } | ProviderError::KeyRefused { status: 403, .. })) => {
                        refused = Some(error);
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if recent || (refused.is_some() && window.end() > last_day) {
            match self.ask(door, &ask.quantity, "history", common(ask))? {
                Some(reply) => read(&reply, &ask.quantity, found)?,
                None => found.unchanged(),
            }
        }
        match refused {
            Some(error) if found.is_empty() => Err(error),
            Some(error) => {
                found.note(format!("only the last 24 h came: {error}"));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn future(&self, ask: &Ask, until: Timestamp, door: &Door<'_>, found: &mut Gathered) -> Result<(), ProviderError> {
        let hours = until.duration_since(door.now()).as_hours() + 1;
        let horizon = HORIZONS_H.into_iter().find(|horizon| *horizon >= hours).unwrap_or(HORIZONS_H[3]);
        let mut query = common(ask);
        query.push(("horizonHours", horizon.to_string()));
        match self.ask(door, &ask.quantity, "forecast", query) {
            Ok(Some(reply)) => read(&reply, &ask.quantity, found),
            Ok(None) => {
                found.unchanged();
                Ok(())
            }
            Err(error @ (ProviderError::NotInPlan { .. } | ProviderError::KeyRefused { status: 403, .. }))
                if !found.is_empty() =>
            {
                found.note(format!("no forecast came: {error}"));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn common(ask: &Ask) -> Vec<(&'static str, String)> {
    let zone = ("zone", ask.zone.to_string());
    match &ask.quantity {
        Quantity::Price(_) => vec![zone],
        wanted if *wanted == DIRECT => vec![zone, ("emissionFactorType", "direct".to_owned())],
        _ => vec![zone, ("emissionFactorType", "lifecycle".to_owned())],
    }
}

impl Provider for ElectricityMaps {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, _zone: &ZoneId) -> Vec<Quantity> {
        // Which zones there are changes, and its answer to an unknown one says so.
        let prices = [Currency::EUR, Currency::GBP, Currency::USD].map(Quantity::Price);
        [LIFECYCLE, DIRECT].into_iter().chain(prices).collect()
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        if !self.quantities(&ask.zone).contains(&ask.quantity) {
            return Err(not_covered(&ABOUT, ask));
        }
        let now = door.now();
        let mut found = Gathered::default();
        if let Ok(past) = Window::new(ask.window.start(), ask.window.end().min(now)) {
            self.past(ask, past, door, &mut found)?;
        }
        if ask.window.end() > now {
            self.future(ask, ask.window.end(), door, &mut found)?;
        }
        found.answer(&ABOUT, ask, now)
    }
}

/// `history`, `data` or `forecast`: a list of the same objects.
fn read(reply: &Reply, asked: &Quantity, found: &mut Gathered) -> Result<(), ProviderError> {
    let json = reply.json()?;
    let lists = ["history", "data", "forecast"];
    let Some((key, items)) = lists.iter().find_map(|key| Some((*key, json[*key].as_array()?))) else {
        return Err(reply.shape(format!("{} without `history`, `data` or `forecast`", word(&json))));
    };
    let step = step(&json["temporalGranularity"]);
    items
        .iter()
        .try_for_each(|item| {
            found
                .push(point(item, asked, key == "forecast", step).and_then(|point| priced(&json, item, asked, point))?);
            Ok(())
        })
        .map_err(|what: String| reply.shape(what))
}

/// The point, where its price is in the currency that was asked for.
fn priced(all: &Value, item: &Value, asked: &Quantity, point: Point) -> Result<Point, String> {
    let Quantity::Price(currency) = asked else { return Ok(point) };
    let unit = [&item["unit"], &all["unit"]].into_iter().find_map(Value::as_str);
    match unit {
        Some(unit) if unit.replace(' ', "") == format!("{}/MWh", currency.as_str()) => Ok(point),
        _ => Err(format!("prices in {} where {} are asked for", word(&item["unit"]), asked.unit())),
    }
}

fn point(item: &Value, asked: &Quantity, ahead: bool, of_all: SignedDuration) -> Result<Point, String> {
    let step = if item["temporalGranularity"].is_string() { step(&item["temporalGranularity"]) } else { of_all };
    let state = match (ahead, item["isEstimated"].as_bool()) {
        (true, _) => State::Forecast,
        (false, Some(true)) => State::Estimated,
        (false, _) => State::Measured,
    };
    let key = if matches!(asked, Quantity::Price(_)) { "value" } else { "carbonIntensity" };
    Ok(Point { start: instant(item, "datetime")?, step, value: number(&item[key])?, state })
}

fn step(granularity: &Value) -> SignedDuration {
    match granularity.as_str() {
        Some("5_minutes") => SignedDuration::from_mins(5),
        Some("15_minutes") => SignedDuration::from_mins(15),
        _ => HOUR,
    }
}
