//! Energy-Charts: intensity of European countries and day-ahead prices of bidding zones, by Fraunhofer ISE.
//!
//! In: a country, or a zone with a price. Out: lifecycle intensity in quarter hours, with a forecast of the next
//! hours; prices in euro. No key.

use crate::door::{Door, Key, Request};
use crate::error::ProviderError;
use crate::json::{list, number, steps_s, word};
use crate::provider::{About, Answer, Ask, Gathered, LIFECYCLE, Provider, not_covered, pieces};
use greenwich_core::ZoneId;
use greenwich_grid::{Currency, Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

static ABOUT: About = About {
    id: "energy-charts",
    title: "Energy-Charts, Fraunhofer ISE",
    base: "https://api.energy-charts.info",
    base_variables: &["GREENWICH_ENERGY_CHARTS_URL"],
    key_variables: &[],
    pace: Duration::from_secs(1),
    licence: "CC BY 4.0: name Energy-Charts.info; prices of some zones are for private use only",
    covers: "countries of Europe, and prices of their bidding zones",
    page: "docs/guide/providers/energy-charts.md",
};
const MOST: SignedDuration = SignedDuration::from_hours(31 * 24);
const COUNTRIES: [&str; 33] = [
    "AL", "AT", "BA", "BE", "BG", "CH", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "ME", "MK", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "XK",
];
/// Our zone, the bidding zone there, and whether its prices are CC BY 4.0.
const PRICES: [(&str, &str, bool); 22] = [
    ("AT", "AT", true),
    ("BE", "BE", true),
    ("CH", "CH", true),
    ("CZ", "CZ", true),
    ("DE", "DE-LU", true),
    ("LU", "DE-LU", true),
    ("DK-DK1", "DK1", true),
    ("DK-DK2", "DK2", true),
    ("EE", "EE", false),
    ("ES", "ES", false),
    ("FI", "FI", false),
    ("FR", "FR", true),
    ("HU", "HU", true),
    ("IT-NO", "IT-North", true),
    ("LT", "LT", false),
    ("LV", "LV", false),
    ("NL", "NL", true),
    ("NO-NO2", "NO2", true),
    ("PL", "PL", true),
    ("PT", "PT", false),
    ("SE-SE4", "SE4", true),
    ("SI", "SI", true),
];

/// Fraunhofer ISE's charts.
#[derive(Debug, Clone)]
pub struct EnergyCharts {
    base: String,
}

impl EnergyCharts {
    /// Asks at an address.
    pub fn new(base: Option<String>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()) }
    }
}

fn price_zone(zone: &ZoneId) -> Option<(&'static str, bool)> {
    PRICES.iter().find(|(ours, ..)| *ours == zone.as_str()).map(|(_, theirs, open)| (*theirs, *open))
}

impl Provider for EnergyCharts {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        let intensity = COUNTRIES.contains(&zone.as_str()).then_some(LIFECYCLE);
        intensity.into_iter().chain(price_zone(zone).map(|_| Quantity::Price(Currency::EUR))).collect()
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        if !self.quantities(&ask.zone).contains(&ask.quantity) {
            return Err(not_covered(&ABOUT, ask));
        }
        let price = price_zone(&ask.zone).filter(|_| ask.quantity != LIFECYCLE);
        let mut found = Gathered::default();
        if let Some((zone, false)) = price {
            found.note(format!("prices of {zone} are for private use only"));
        }
        for piece in pieces(ask.window, MOST) {
            let (path, which) = match price {
                Some((zone, _)) => ("price", ("bzn", zone.to_owned())),
                None => ("co2eq", ("country", ask.zone.as_str().to_ascii_lowercase())),
            };
            let (start, end) = (piece.start().as_second().to_string(), piece.end().as_second().to_string());
            let query = vec![which, ("start", start), ("end", end)];
            let request = Request { about: &ABOUT, url: format!("{}/{path}", self.base), query, key: Key::None };
            let reply = match door.get(&request) {
                Ok(Some(reply)) => reply,
                Ok(None) => {
                    found.unchanged();
                    continue;
                }
                // It answers so where it has no price of the days asked for.
                Err(ProviderError::Status { status: 404, .. }) => continue,
                Err(error) => return Err(error),
            };
            let json = reply.json()?;
            let columns: &[(&str, State)] = match price {
                Some(_) => &[("price", State::Measured)],
                None => &[("co2eq", State::Measured), ("co2eq_forecast", State::Forecast)],
            };
            read(&json, columns, &mut found).map_err(|what| reply.shape(what))?;
        }
        found.answer(&ABOUT, ask, door.now())
    }
}

/// Arrays in step with `unix_seconds`; of the columns the first with a value counts.
fn read(json: &Value, columns: &[(&str, State)], found: &mut Gathered) -> Result<(), String> {
    let stamps = list(json, "unix_seconds")?;
    let mut starts_s = Vec::with_capacity(stamps.len());
    for stamp in stamps {
        starts_s.push(stamp.as_i64().ok_or_else(|| format!("{} in `unix_seconds`", word(stamp)))?);
    }
    let mut arrays = Vec::new();
    for (name, state) in columns {
        if json[*name].is_null() {
            continue;
        }
        let array = list(json, name)?;
        if array.len() != stamps.len() {
            return Err(format!("{} values of `{name}` to {} instants", array.len(), stamps.len()));
        }
        arrays.push((array, *state));
    }
    if arrays.is_empty() && !stamps.is_empty() {
        return Err(format!("no list `{}`", columns[0].0));
    }
    for (index, (start_s, step_s)) in starts_s.iter().zip(steps_s(&starts_s)).enumerate() {
        let start = Timestamp::from_second(*start_s).map_err(|_| format!("the instant {start_s}"))?;
        let mut point = Point { start, step: SignedDuration::from_secs(step_s), value: None, state: State::Measured };
        for (array, state) in &arrays {
            if let Some(value) = number(&array[index])? {
                (point.value, point.state) = (Some(value), *state);
                break;
            }
        }
        found.push(point);
    }
    Ok(())
}
