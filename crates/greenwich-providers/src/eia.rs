//! EIA-930: generation by fuel, load and interchange of the balancing areas of the United States.
//!
//! In: a zone whose key ends in the code of a balancing area (`US-CAL-CISO`). Out: megawatts by the hour. Its stamps
//! are the END of an hour: an hour is taken off here and nowhere else. Numbers come as numbers or text.

use crate::door::{Door, Key, Request};
use crate::error::ProviderError;
use crate::json::{list, number, stamp, word};
use crate::provider::{About, Answer, Ask, Gathered, Provider, no_data, not_covered, pieces};
use crate::secret::Secret;
use greenwich_core::{Window, ZoneId};
use greenwich_grid::{Fuel, Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

static ABOUT: About = About {
    id: "eia",
    title: "EIA Hourly Electric Grid Monitor (EIA-930)",
    base: "https://api.eia.gov/v2",
    base_variables: &["GREENWICH_EIA_URL"],
    key_variables: &["EIA_API_KEY", "EIA_KEY"],
    pace: Duration::from_millis(750),
    licence: "public domain: U.S. Energy Information Administration",
    covers: "balancing areas of the United States: US-CAL-CISO, US-MIDA-PJM …",
    page: "docs/guide/providers/eia.md",
};
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Rows that one question gives at most.
const PAGE: usize = 5000;
/// So that an answer of a window has few pages: 14 fuels of 15 days are 5040 rows.
const MOST: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Pages that a piece has at most: more would be a loop.
const MOST_PAGES: usize = 40;
const FUELS: [(&str, Fuel); 15] = [
    ("BAT", Fuel::Battery),
    ("COL", Fuel::Coal),
    ("GEO", Fuel::Geothermal),
    ("NG", Fuel::Gas),
    ("NUC", Fuel::Nuclear),
    ("OIL", Fuel::Oil),
    ("OTH", Fuel::Other),
    ("PS", Fuel::PumpedHydro),
    ("SNB", Fuel::Solar),
    ("SUN", Fuel::Solar),
    ("UES", Fuel::Storage),
    ("UNK", Fuel::Unknown),
    ("WAT", Fuel::Hydro),
    ("WNB", Fuel::Wind),
    ("WND", Fuel::Wind),
];

/// The monitor, with a key.
#[derive(Debug, Clone)]
pub struct Eia {
    base: String,
    key: Option<Secret>,
}

/// Values by quantity and start of the hour; fuels that we count as one are added up.
type Hours = BTreeMap<Quantity, BTreeMap<Timestamp, Option<f64>>>;

impl Eia {
    /// Asks at an address by a key.
    pub fn new(base: Option<String>, key: Option<Secret>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()), key }
    }

    fn rows(
        &self,
        path: &str,
        facets: &[(&'static str, String)],
        window: Window,
        door: &Door<'_>,
        mut each: impl FnMut(&Value, Timestamp) -> Result<(), String>,
    ) -> Result<(), ProviderError> {
        let key = self.key.clone().ok_or(ProviderError::NoKey {
            provider: ABOUT.id,
            variables: ABOUT.key_variables,
            page: ABOUT.page,
        })?;
        for page in 0..MOST_PAGES {
            let mut query = vec![("frequency", "hourly".to_owned()), ("data[]", "value".to_owned())];
            query.extend_from_slice(facets);
            query.extend([
                // The hour that begins at the window's start ends an hour later, and that is its stamp.
                ("start", hour(window.start() + HOUR)),
                ("end", hour(window.end() + SignedDuration::from_secs(3599))),
                ("sort[0][column]", "period".to_owned()),
                ("sort[0][direction]", "asc".to_owned()),
                ("offset", (page * PAGE).to_string()),
                ("length", PAGE.to_string()),
            ]);
            let url = format!("{}/electricity/rto/{path}/data/", self.base);
            let key = Key::Query("api_key", key.clone());
            let reply = door.get_whole(&Request { about: &ABOUT, url, query, key })?;
            let json = reply.json()?;
            let mut read = || -> Result<usize, String> {
                let rows = list(&json["response"], "data")?;
                for row in rows {
                    let period = row["period"].as_str().and_then(stamp);
                    let end = period.ok_or_else(|| format!("{} in the place of `period`", word(&row["period"])))?;
                    each(row, end - HOUR)?;
                }
                Ok(rows.len())
            };
            if read().map_err(|what| reply.shape(what))? < PAGE {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H").to_string()
}

/// The code of a balancing area: the last part of our key.
fn area(zone: &ZoneId) -> Option<&str> {
    let (rest, code) = zone.as_str().rsplit_once('-')?;
    let letters = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    (rest.starts_with("US-") && (2..=4).contains(&code.len()) && code.chars().all(letters)).then_some(code)
}

impl Provider for Eia {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        if area(zone).is_none() {
            return Vec::new();
        }
        let fuels = FUELS.iter().map(|(_, fuel)| Quantity::Generation(*fuel));
        let mut all: Vec<Quantity> = fuels.chain([Quantity::Load]).collect();
        all.sort();
        all.dedup();
        all
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        let area = area(&ask.zone).ok_or_else(|| not_covered(&ABOUT, ask))?;
        let mut hours = Hours::new();
        for piece in pieces(ask.window, MOST) {
            let respondent = ("facets[respondent][]", area.to_owned());
            match &ask.quantity {
                Quantity::Generation(_) => self.rows("fuel-type-data", &[respondent], piece, door, |row, start| {
                    let code = row["fueltype"].as_str().unwrap_or_default();
                    let fuel = FUELS.iter().find(|(known, _)| *known == code).map_or(Fuel::Unknown, |(_, fuel)| *fuel);
                    put(&mut hours, Quantity::Generation(fuel), start, number(&row["value"])?);
                    Ok(())
                })?,
                Quantity::Load => {
                    let facets = [respondent, ("facets[type][]", "D".to_owned())];
                    self.rows("region-data", &facets, piece, door, |row, start| {
                        put(&mut hours, Quantity::Load, start, number(&row["value"])?);
                        Ok(())
                    })?;
                }
                Quantity::Import(from) => {
                    let from = crate::eia::area(from).ok_or_else(|| not_covered(&ABOUT, ask))?;
                    let facets = [("facets[fromba][]", from.to_owned()), ("facets[toba][]", area.to_owned())];
                    self.rows("interchange-data", &facets, piece, door, |row, start| {
                        put(&mut hours, ask.quantity.clone(), start, number(&row["value"])?);
                        Ok(())
                    })?;
                }
                _ => return Err(not_covered(&ABOUT, ask)),
            }
        }
        answer(hours, ask, door.now())
    }
}

fn put(hours: &mut Hours, quantity: Quantity, start: Timestamp, value: Option<f64>) {
    // What a plant uses itself comes as a small negative; stores and exchanges are negative for good reason.
    let floor = match &quantity {
        Quantity::Generation(fuel) if !fuel.is_storage() => 0.0,
        _ => f64::NEG_INFINITY,
    };
    let cell = hours.entry(quantity).or_default().entry(start).or_insert(None);
    if let Some(value) = value {
        *cell = Some(cell.unwrap_or(0.0) + value.max(floor));
    }
}

fn answer(hours: Hours, ask: &Ask, now: Timestamp) -> Result<Answer, ProviderError> {
    let mut all = Answer::default();
    for (quantity, values) in hours {
        let mut found = Gathered::default();
        for (start, value) in values {
            found.push(Point { start, step: HOUR, value, state: State::Measured });
        }
        match found.answer(&ABOUT, &Ask { quantity, ..ask.clone() }, now) {
            Ok(answer) => {
                all.blocks.extend(answer.blocks);
                all.notes.extend(answer.notes);
            }
            Err(ProviderError::NoData { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if all.blocks.is_empty() { Err(no_data(&ABOUT, ask)) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_balancing_area_is_the_end_of_our_key() {
        let code = |zone: &str| area(&ZoneId::new(zone)).map(str::to_owned);
        assert_eq!(code("US-CAL-CISO").as_deref(), Some("CISO"));
        assert_eq!(code("US-CAR-SC").as_deref(), Some("SC"));
        assert_eq!((code("US"), code("DE"), code("AU-NSW"), code("US-cal")), (None, None, None, None));
    }
}
