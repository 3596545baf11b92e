//! NESO: Great Britain, the whole and its seventeen regions.
//!
//! In: `GB`, `GB-1` to `GB-17`, or the outward part of a postcode, `GB-BS16`, which it places in its region. Out: direct intensity in half hours, imports counted; for the whole what was
//! reckoned afterwards and two days of forecast, for a region forecasts only.

use crate::door::{Door, Key, Request};
use crate::error::ProviderError;
use crate::json::{instant, number, word};
use crate::provider::{About, Answer, Ask, DIRECT, Gathered, Provider, not_covered, pieces};
use greenwich_core::ZoneId;
use greenwich_grid::{Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

static ABOUT: About = About {
    id: "neso",
    title: "Carbon Intensity API, National Energy System Operator",
    base: "https://api.carbonintensity.org.uk",
    base_variables: &["GREENWICH_NESO_URL"],
    key_variables: &[],
    pace: Duration::from_millis(250),
    licence: "CC BY 4.0: name the National Energy System Operator",
    covers: "GB, its regions GB-1 to GB-17, and postcodes by their outward part: GB-BS16",
    page: "docs/guide/providers/neso.md",
};
/// The most that one question may span.
const MOST: SignedDuration = SignedDuration::from_hours(14 * 24);
const REGIONS: std::ops::RangeInclusive<u8> = 1..=17;

/// Great Britain's grid operator.
#[derive(Debug, Clone)]
pub struct Neso {
    base: String,
}

impl Neso {
    /// Asks at an address.
    pub fn new(base: Option<String>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()) }
    }
}

/// A part of Great Britain.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    Whole,
    Region(u8),
    /// The outward part of a postcode.
    Postcode(&'a str),
}

fn part(zone: &ZoneId) -> Option<Part<'_>> {
    let rest = zone.as_str().strip_prefix("GB")?;
    if rest.is_empty() {
        return Some(Part::Whole);
    }
    let name = rest.strip_prefix('-')?;
    let number = name.parse().ok().filter(|number| REGIONS.contains(number)).map(Part::Region);
    number.or_else(|| is_outward(name).then_some(Part::Postcode(name)))
}

/// One or two letters, a digit, and at most one digit or letter more: `N1`, `BS16`, `EC1A`.
fn is_outward(name: &str) -> bool {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = &name.as_bytes()[letters..];
    let is_rest = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    (1..=2).contains(&letters)
        && (1..=2).contains(&rest.len())
        && rest[0].is_ascii_digit()
        && rest[1..].iter().all(is_rest)
}

impl Provider for Neso {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        part(zone).map(|_| DIRECT).into_iter().collect()
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        let part = part(&ask.zone).filter(|_| ask.quantity == DIRECT).ok_or_else(|| not_covered(&ABOUT, ask))?;
        let mut found = Gathered::default();
        for piece in pieces(ask.window, MOST) {
            let (from, to) = (minute(piece.start()), minute(piece.end()));
            let url = match part {
                Part::Whole => format!("{}/intensity/{from}/{to}", self.base),
                Part::Region(number) => format!("{}/regional/intensity/{from}/{to}/regionid/{number}", self.base),
                Part::Postcode(name) => format!("{}/regional/intensity/{from}/{to}/postcode/{name}", self.base),
            };
            let request = Request { about: &ABOUT, url, query: Vec::new(), key: Key::None };
            let Some(reply) = door.get(&request)? else {
                found.unchanged();
                continue;
            };
            let json = reply.json()?;
            read(&json, &mut found).map_err(|what| reply.shape(what))?;
        }
        found.answer(&ABOUT, ask, door.now())
    }
}

/// `2018-01-20T12:00Z`, the form that the address wants.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// `data` is a list, or one object; a region's object has a list `data` of its own. The body of what is not known
/// is `null`.
fn read(json: &Value, found: &mut Gathered) -> Result<(), String> {
    match json {
        Value::Null => Ok(()),
        Value::Object(_) if json["data"].is_array() || json["data"].is_object() => read(&json["data"], found),
        Value::Object(_) if json.get("from").is_some() => half_hour(json, found),
        Value::Array(items) => items.iter().try_for_each(|item| read(item, found)),
        other => Err(format!("{} in the place of half hours", word(other))),
    }
}

fn half_hour(json: &Value, found: &mut Gathered) -> Result<(), String> {
    let (start, end) = (instant(json, "from")?, instant(json, "to")?);
    let intensity = &json["intensity"];
    let (actual, forecast) = (number(&intensity["actual"])?, number(&intensity["forecast"])?);
    let (value, state) = match actual {
        Some(actual) => (Some(actual), State::Measured),
        None => (forecast, State::Forecast),
    };
    let step = end.duration_since(start);
    if step <= SignedDuration::ZERO || step > SignedDuration::from_hours(1) {
        return Err(format!("a half hour that lasts {} min", step.as_mins()));
    }
    found.push(Point { start, step, value, state });
    Ok(())
}
