//! aWATTar: day-ahead prices of Germany and Austria.
//!
//! In: `DE` or `AT`. Out: prices in euro. No key.

use crate::door::{Door, Key, Request};
use crate::error::ProviderError;
use crate::json::{list, number, word};
use crate::provider::{About, Answer, Ask, Gathered, Provider, not_covered, pieces};
use greenwich_core::ZoneId;
use greenwich_grid::{Currency, Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

static ABOUT: About = About {
    id: "awattar",
    title: "aWATTar market data",
    base: "https://api.awattar.de",
    base_variables: &["GREENWICH_AWATTAR_URL"],
    key_variables: &[],
    pace: Duration::from_secs(2),
    licence: "free under its fair use; EPEX SPOT prices may not be passed on",
    covers: "prices of DE and AT",
    page: "docs/guide/providers/awattar.md",
};
const MOST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// aWATTar's market data.
#[derive(Debug, Clone)]
pub struct Awattar {
    base: Option<String>,
}

impl Awattar {
    /// Asks at an address, or at those of each country.
    pub fn new(base: Option<String>) -> Self {
        Self { base }
    }
}

impl Provider for Awattar {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        if matches!(zone.as_str(), "DE" | "AT") { vec![Quantity::Price(Currency::EUR)] } else { Vec::new() }
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        if !self.quantities(&ask.zone).contains(&ask.quantity) {
            return Err(not_covered(&ABOUT, ask));
        }
        let own = if ask.zone.as_str() == "AT" { "https://api.awattar.at" } else { ABOUT.base };
        let base = self.base.as_deref().unwrap_or(own);
        let mut found = Gathered::default();
        for piece in pieces(ask.window, MOST) {
            let (start, end) = (piece.start().as_millisecond().to_string(), piece.end().as_millisecond().to_string());
            let url = format!("{base}/v1/marketdata");
            let request = Request { about: &ABOUT, url, query: vec![("start", start), ("end", end)], key: Key::None };
            let Some(reply) = door.get(&request)? else {
                found.unchanged();
                continue;
            };
            let json = reply.json()?;
            let mut read = || -> Result<(), String> {
                list(&json, "data")?.iter().try_for_each(|item| {
                    found.push(point(item)?);
                    Ok(())
                })
            };
            read().map_err(|what| reply.shape(what))?;
        }
        found.answer(&ABOUT, ask, door.now())
    }
}

fn point(item: &Value) -> Result<Point, String> {
    let instant = |key: &str| {
        let millis = item[key].as_i64().ok_or_else(|| format!("{} in `{key}`", word(&item[key])))?;
        Timestamp::from_millisecond(millis).map_err(|_| format!("{millis} in `{key}`"))
    };
    let unit = item["unit"].as_str().unwrap_or_default();
    if !unit.eq_ignore_ascii_case("eur/mwh") {
        return Err(format!("{} in the place of the unit Eur/MWh", word(&item["unit"])));
    }
    let (start, end) = (instant("start_timestamp")?, instant("end_timestamp")?);
    let step = end.duration_since(start);
    if step <= SignedDuration::ZERO || step > SignedDuration::from_hours(1) {
        return Err(format!("a price for {} min", step.as_mins()));
    }
    Ok(Point { start, step, value: number(&item["marketprice"])?, state: State::Measured })
}
