//! ENTSO-E Transparency: generation by fuel, load, physical flows and day-ahead prices of Europe's zones.
//!
//! In: a zone of the table, by its EIC. Out: megawatts by fuel (A75), where what stores take is negative; load (A65);
//! what crosses a border (A11), one question a direction; prices (A44). A position that is left out under curve A03 repeats the one before. The answer is XML, or a ZIP of it.

mod borders;
mod xml;
mod zones;

use crate::door::{Door, Key, Reply, Request};
use crate::error::ProviderError;
use crate::provider::{About, Answer, Ask, Gathered, Provider, no_data, not_covered, pieces};
use crate::secret::Secret;
use crate::zip;
use greenwich_core::ZoneId;
use greenwich_grid::{Currency, Fuel, Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use xml::{Document, Series};

static ABOUT: About = About {
    id: "entsoe",
    title: "ENTSO-E Transparency Platform",
    base: "https://web-api.tp.entsoe.eu/api",
    base_variables: &["GREENWICH_ENTSOE_URL", "ENTSOE_ENDPOINT_URL"],
    key_variables: &["ENTSOE_API_KEY", "ENTSOE_TOKEN"],
    pace: Duration::from_millis(200),
    licence: "free re-use under the platform's terms: name ENTSO-E Transparency Platform",
    covers: "bidding zones of Europe",
    page: "docs/guide/providers/entsoe.md",
};
/// Well below the year that one question may span, since a long one is slow.
const MOST: SignedDuration = SignedDuration::from_hours(31 * 24);
const MOST_BYTES: usize = 64 << 20;

/// The platform, with a token.
#[derive(Debug, Clone)]
pub struct Entsoe {
    base: String,
    key: Option<Secret>,
}

impl Entsoe {
    /// Asks at an address by a token.
    pub fn new(base: Option<String>, key: Option<Secret>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()), key }
    }
}

impl Provider for Entsoe {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        if zones::eic(zone).is_none() {
            return Vec::new();
        }
        let fuels = xml::FUELS.iter().map(|(_, fuel)| Quantity::Generation(*fuel));
        let imports = borders::of(zone).map(|neighbour| Quantity::Import(ZoneId::new(neighbour)));
        let mut all: Vec<Quantity> =
            fuels.chain([Quantity::Load, Quantity::Price(Currency::EUR)]).chain(imports).collect();
        all.sort();
        all.dedup();
        all
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        if let Quantity::Import(neighbour) = &ask.quantity {
            return self.imports(ask, neighbour, door);
        }
        let eic = zones::eic(&ask.zone).ok_or_else(|| not_covered(&ABOUT, ask))?;
        let text = |words: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            words.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        let what = match &ask.quantity {
            Quantity::Generation(_) => text(&[("documentType", "A75"), ("processType", "A16"), ("in_Domain", eic)]),
            Quantity::Load => text(&[("documentType", "A65"), ("processType", "A16"), ("outBiddingZone_Domain", eic)]),
            Quantity::Price(currency) if *currency == Currency::EUR => {
                text(&[("documentType", "A44"), ("in_Domain", eic), ("out_Domain", eic)])
            }
            _ => return Err(not_covered(&ABOUT, ask)),
        };
        let (found, unchanged) = self.ask(&what, ask, door)?;
        answer(found, unchanged, ask, door.now())
    }
}

impl Entsoe {
    /// What a kind of document holds of a window, asked for in pieces; and whether some of it is unchanged.
    fn ask(
        &self,
        what: &[(&'static str, String)],
        ask: &Ask,
        door: &Door<'_>,
    ) -> Result<(BTreeMap<Quantity, Sums>, bool), ProviderError> {
        let key = self.key.clone().ok_or(ProviderError::NoKey {
            provider: ABOUT.id,
            variables: ABOUT.key_variables,
            page: ABOUT.page,
        })?;
        let mut found: BTreeMap<Quantity, Sums> = BTreeMap::new();
        let mut unchanged = false;
        for piece in pieces(ask.window, MOST) {
            let mut query = what.to_vec();
            query.extend([("periodStart", minute(piece.start())), ("periodEnd", minute(piece.end()))]);
            let key = Key::Query("securityToken", key.clone());
            let request = Request { about: &ABOUT, url: self.base.clone(), query, key };
            match door.get(&request) {
                Ok(Some(reply)) => {
                    // Summed within an answer only: the next may begin with what this one ended by.
                    let mut sums = BTreeMap::new();
                    read(&reply, &ask.quantity, &mut sums)?;
                    for (quantity, sums) in sums {
                        found.entry(quantity).or_default().extend(sums);
                    }
                }
                Ok(None) => unchanged = true,
                // "No matching data" comes as status 400 as well as 200.
                Err(ProviderError::Status { status: 400, says, .. }) if says.contains("No matching data") => {}
                Err(error) => return Err(error),
            }
        }
        Ok((found, unchanged))
    }

    /// What comes over a border less what goes, in the steps in which both are told.
    fn imports(&self, ask: &Ask, neighbour: &ZoneId, door: &Door<'_>) -> Result<Answer, ProviderError> {
        let is_border = borders::of(&ask.zone).any(|known| known == neighbour.as_str());
        let (Some(here), Some(there), true) = (zones::eic(&ask.zone), zones::eic(neighbour), is_border) else {
            return Err(not_covered(&ABOUT, ask));
        };
        let flow = |from: &str, to: &str| {
            let what =
                [("documentType", "A11".to_owned()), ("in_Domain", to.to_owned()), ("out_Domain", from.to_owned())];
            // One direction that is known by its validator says nothing without the other: both come whole.
            let (mut found, _) = self.ask(&what, ask, door)?;
            Ok::<Sums, ProviderError>(found.remove(&ask.quantity).unwrap_or_default())
        };
        let (comes, goes) = (flow(there, here)?, flow(here, there)?);
        let both = comes.iter().filter_map(|(step, comes)| Some((*step, comes - goes.get(step)?)));
        let net: Sums = both.collect();
        let one_way = comes.len().max(goes.len()) - net.len();
        let mut answer = answer(BTreeMap::from([(ask.quantity.clone(), net)]), false, ask, door.now())?;
        if one_way > 0 {
            answer.notes.push(format!("steps of {} told in one direction only, and left out: {one_way}", ask.quantity));
        }
        Ok(answer)
    }
}

/// Values of one quantity by start and step; several series of it in one document are added up.
type Sums = BTreeMap<(Timestamp, SignedDuration), f64>;

fn answer(
    found: BTreeMap<Quantity, Sums>,
    unchanged: bool,
    ask: &Ask,
    now: Timestamp,
) -> Result<Answer, ProviderError> {
    let mut all = Answer { unchanged: unchanged && found.is_empty(), ..Answer::default() };
    for (quantity, sums) in found {
        let mut gathered = Gathered::default();
        for ((start, step), value) in sums {
            gathered.push(Point { start, step, value: Some(value), state: State::Measured });
        }
        match gathered.answer(&ABOUT, &Ask { quantity, ..ask.clone() }, now) {
            Ok(answer) => {
                all.blocks.extend(answer.blocks);
                all.notes.extend(answer.notes);
            }
            Err(ProviderError::NoData { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if all.blocks.is_empty() && !all.unchanged { Err(no_data(&ABOUT, ask)) } else { Ok(all) }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y%m%d%H%M").to_string()
}

fn read(reply: &Reply, asked: &Quantity, found: &mut BTreeMap<Quantity, Sums>) -> Result<(), ProviderError> {
    let documents = if zip::is_zip(&reply.body) {
        zip::files(&reply.body, MOST_BYTES).map_err(|what| reply.shape(what))?
    } else {
        vec![reply.body.clone()]
    };
    for document in documents {
        let text = std::str::from_utf8(&document).map_err(|_| reply.shape("XML that is not UTF-8".into()))?;
        match xml::read(text).map_err(|what| reply.shape(what))? {
            Document::Series(series) => {
                for one in series {
                    add(&one, asked, found).map_err(|what| reply.shape(what))?;
                }
            }
            Document::NoData => {}
            Document::Refused(says) => {
                return Err(ProviderError::Status { provider: ABOUT.id, status: reply.status, says });
            }
        }
    }
    Ok(())
}

/// Adds one series: a fuel's generation, or what its stores take, which counts against it.
fn add(series: &Series, asked: &Quantity, found: &mut BTreeMap<Quantity, Sums>) -> Result<(), String> {
    let (quantity, sign) = match asked {
        Quantity::Generation(_) => {
            let fuel = match &series.fuel {
                Some(code) => {
                    xml::FUELS.iter().find(|(known, _)| known == code).map_or(Fuel::Unknown, |(_, fuel)| *fuel)
                }
                None => Fuel::Unknown,
            };
            (Quantity::Generation(fuel), if series.is_consumption { -1.0 } else { 1.0 })
        }
        Quantity::Price(currency) => {
            let theirs = series.currency.as_deref().unwrap_or("EUR");
            if theirs != currency.as_str() {
                return Err(format!("prices in `{theirs}`"));
            }
            (asked.clone(), 1.0)
        }
        other => (other.clone(), 1.0),
    };
    let priced = matches!(quantity, Quantity::Price(_));
    let sums = found.entry(quantity).or_default();
    for (start, value) in &series.values {
        let sum = sums.entry((*start, series.step)).or_insert(0.0);
        // Generation of several units is one sum; a price that comes twice is the same price.
        *sum = if priced { *value } else { *sum + sign * value };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_core::Window;

    #[test]
    fn the_period_is_written_in_minutes_of_utc() {
        let at: Timestamp = "2026-03-29T02:15:00+02:00".parse().expect("a stamp");
        assert_eq!(minute(at), "202603290015");
        let window = Window::new(at, at + SignedDuration::from_hours(40 * 24)).expect("forwards");
        assert_eq!(pieces(window, MOST).len(), 2);
    }
}
