//! Energi Data Service: Denmark's two bidding zones, by Energinet.
//!
//! In: `DK-DK1` or `DK-DK2`. Out: direct intensity in five minutes, with a forecast to the end of the next day;
//! day-ahead prices in euro, by the hour until the end of September 2025 and by the quarter since. No key.

use crate::door::{Door, Key, Request};
use crate::error::ProviderError;
use crate::json::{instant, list, number};
use crate::provider::{About, Answer, Ask, DIRECT, Gathered, Provider, not_covered, pieces};
use greenwich_core::{Window, ZoneId};
use greenwich_grid::{Currency, Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

static ABOUT: About = About {
    id: "energinet",
    title: "Energi Data Service, Energinet",
    base: "https://api.energidataservice.dk",
    base_variables: &["GREENWICH_ENERGINET_URL"],
    key_variables: &[],
    pace: Duration::from_secs(1),
    licence: "free to use with attribution: name Energi Data Service (Energinet)",
    covers: "DK-DK1 and DK-DK2",
    page: "docs/guide/providers/energinet.md",
};
const MOST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// When prices went over to another data set: midnight in Denmark on 2025-10-01, in seconds since 1970.
const QUARTERS_SINCE_S: i64 = 1_759_269_600;
const FIVE_MINUTES: SignedDuration = SignedDuration::from_mins(5);

/// Denmark's grid operator.
#[derive(Debug, Clone)]
pub struct Energinet {
    base: String,
}

/// A data set, the columns of its instant and value, and what its values are.
struct DataSet {
    name: &'static str,
    at: &'static str,
    value: &'static str,
    step: SignedDuration,
    state: State,
}

const ACTUAL: DataSet =
    DataSet { name: "CO2Emis", at: "Minutes5UTC", value: "CO2Emission", step: FIVE_MINUTES, state: State::Measured };
const AHEAD: DataSet = DataSet { name: "CO2EmisProg", state: State::Forecast, ..ACTUAL };
const HOURLY: DataSet = DataSet {
    name: "Elspotprices",
    at: "HourUTC",
    value: "SpotPriceEUR",
    step: SignedDuration::from_hours(1),
    state: State::Measured,
};
const QUARTERS: DataSet = DataSet {
    name: "DayAheadPrices",
    at: "TimeUTC",
    value: "DayAheadPriceEUR",
    step: SignedDuration::from_mins(15),
    state: State::Measured,
};

impl Energinet {
    /// Asks at an address.
    pub fn new(base: Option<String>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()) }
    }

    fn read(
        &self,
        set: &DataSet,
        area: &str,
        window: Window,
        door: &Door<'_>,
        found: &mut Gathered,
    ) -> Result<(), ProviderError> {
        for piece in pieces(window, MOST) {
            let query = vec![
                ("start", minute(piece.start())),
                ("end", minute(piece.end())),
                // Without it the two are Danish time, in which one hour of autumn is there twice.
                ("timezone", "UTC".to_owned()),
                ("filter", format!("{{\"PriceArea\":[\"{area}\"]}}")),
                ("sort", format!("{} ASC", set.at)),
                ("limit", "0".to_owned()),
            ];
            let url = format!("{}/dataset/{}", self.base, set.name);
            let Some(reply) = door.get(&Request { about: &ABOUT, url, query, key: Key::None })? else {
                found.unchanged();
                continue;
            };
            let json = reply.json()?;
            let mut read = || -> Result<(), String> {
                for record in list(&json, "records")? {
                    if record["PriceArea"].as_str().is_none_or(|named| named == area) {
                        found.push(point(record, set)?);
                    }
                }
                Ok(())
            };
            read().map_err(|what| reply.shape(what))?;
        }
        Ok(())
    }
}

fn point(record: &Value, set: &DataSet) -> Result<Point, String> {
    // Its stamps carry no zone mark; the columns named UTC are UTC.
    Ok(Point { start: instant(record, set.at)?, step: set.step, value: number(&record[set.value])?, state: set.state })
}

fn area(zone: &ZoneId) -> Option<&str> {
    zone.as_str().strip_prefix("DK-").filter(|area| matches!(*area, "DK1" | "DK2"))
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

impl Provider for Energinet {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        area(zone).map(|_| vec![DIRECT, Quantity::Price(Currency::EUR)]).unwrap_or_default()
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        if !self.quantities(&ask.zone).contains(&ask.quantity) {
            return Err(not_covered(&ABOUT, ask));
        }
        let area = area(&ask.zone).expect("only its two zones have a quantity");
        let now = door.now();
        let change = Timestamp::from_second(QUARTERS_SINCE_S).expect("an instant of 2025");
        let (first, then, border) =
            if ask.quantity == DIRECT { (ACTUAL, AHEAD, now) } else { (HOURLY, QUARTERS, change) };
        let mut found = Gathered::default();
        if let Ok(before) = Window::new(ask.window.start(), ask.window.end().min(border)) {
            self.read(&first, area, before, door, &mut found)?;
        }
        if let Ok(after) = Window::new(ask.window.start().max(border), ask.window.end()) {
            self.read(&then, area, after, door, &mut found)?;
        }
        found.answer(&ABOUT, ask, now)
    }
}
