//! Open Electricity: Australia, by network region.
//!
//! In: `AU-NSW`, `AU-QLD`, `AU-SA`, `AU-TAS`, `AU-VIC` or `AU-WA`. Out: direct intensity by the hour: emissions over
//! energy of the same hour, of what is generated in the region.

use crate::door::{Door, Key, Request};
use crate::error::ProviderError;
use crate::json::{list, number, stamp, word};
use crate::provider::{About, Answer, Ask, DIRECT, Gathered, Provider, not_covered, pieces};
use crate::secret::Secret;
use greenwich_core::ZoneId;
use greenwich_grid::{Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

static ABOUT: About = About {
    id: "open-electricity",
    title: "Open Electricity",
    base: "https://api.openelectricity.org.au/v4",
    base_variables: &["GREENWICH_OPEN_ELECTRICITY_URL", "OPENELECTRICITY_API_URL"],
    key_variables: &["OPENELECTRICITY_API_KEY"],
    pace: Duration::from_millis(500),
    licence: "CC BY-NC 4.0 on the community plan: name Open Electricity",
    covers: "AU-NSW, AU-QLD, AU-SA, AU-TAS, AU-VIC and AU-WA",
    page: "docs/guide/providers/open-electricity.md",
};
/// The most that one question by the hour may span.
const MOST: SignedDuration = SignedDuration::from_hours(31 * 24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Our zone, the network, its region, and hours that the network's clock is ahead of UTC, all year.
const REGIONS: [(&str, &str, &str, i64); 6] = [
    ("AU-NSW", "NEM", "NSW1", 10),
    ("AU-QLD", "NEM", "QLD1", 10),
    ("AU-SA", "NEM", "SA1", 10),
    ("AU-TAS", "NEM", "TAS1", 10),
    ("AU-VIC", "NEM", "VIC1", 10),
    ("AU-WA", "WEM", "WEM", 8),
];

/// Open Electricity, with a key.
#[derive(Debug, Clone)]
pub struct OpenElectricity {
    base: String,
    key: Option<Secret>,
}

impl OpenElectricity {
    /// Asks at an address by a key.
    pub fn new(base: Option<String>, key: Option<Secret>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()), key }
    }
}

fn region(zone: &ZoneId) -> Option<&'static (&'static str, &'static str, &'static str, i64)> {
    REGIONS.iter().find(|(ours, ..)| *ours == zone.as_str())
}

impl Provider for OpenElectricity {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity> {
        region(zone).map(|_| DIRECT).into_iter().collect()
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        let known = region(&ask.zone).filter(|_| ask.quantity == DIRECT);
        let (_, network, region, ahead_h) = *known.ok_or_else(|| not_covered(&ABOUT, ask))?;
        let key = self.key.clone().ok_or(ProviderError::NoKey {
            provider: ABOUT.id,
            variables: ABOUT.key_variables,
            page: ABOUT.page,
        })?;
        // Its dates are the network's own, written without a zone.
        let local = |at: Timestamp| (at + HOUR * ahead_h as i32).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let mut found = Gathered::default();
        for piece in pieces(ask.window, MOST) {
            let query = vec![
                ("metrics", "emissions".to_owned()),
                ("metrics", "energy".to_owned()),
                ("interval", "1h".to_owned()),
                ("date_start", local(piece.start())),
                ("date_end", local(piece.end())),
                ("primary_grouping", "network_region".to_owned()),
            ];
            let url = format!("{}/data/network/{network}", self.base);
            let key = Key::Header("Authorization", "Bearer ", key.clone());
            let Some(reply) = door.get(&Request { about: &ABOUT, url, query, key })? else {
                found.unchanged();
                continue;
            };
            let json = reply.json()?;
            read(&json, region, &mut found).map_err(|what| reply.shape(what))?;
        }
        found.answer(&ABOUT, ask, door.now())
    }
}

fn read(json: &Value, region: &str, found: &mut Gathered) -> Result<(), String> {
    if json["success"].as_bool() == Some(false) {
        return Err(format!("a failure: {}", word(&json["error"])));
    }
    let mut columns: BTreeMap<&str, BTreeMap<Timestamp, Option<f64>>> = BTreeMap::new();
    for part in list(json, "data")? {
        let metric = part["metric"].as_str().unwrap_or_default();
        let unit = part["unit"].as_str().unwrap_or_default();
        let expected = match metric {
            "emissions" => "t",
            "energy" => "MWh",
            _ => continue,
        };
        if unit != expected && !(metric == "emissions" && unit == "tCO2e") {
            return Err(format!("{metric} in {}", word(&part["unit"])));
        }
        for result in list(part, "results")? {
            let named = result["columns"]["region"].as_str().or_else(|| result["columns"]["network_region"].as_str());
            if named.is_some_and(|named| named != region) {
                continue;
            }
            for pair in list(result, "data")? {
                let at = pair[0].as_str().and_then(stamp);
                let at = at.ok_or_else(|| format!("{} in the place of an instant", word(&pair[0])))?;
                columns.entry(metric).or_default().insert(at, number(&pair[1])?);
            }
        }
    }
    let (emissions, energy) =
        (columns.remove("emissions").unwrap_or_default(), columns.remove("energy").unwrap_or_default());
    for (start, energy_mwh) in energy {
        let tonnes = emissions.get(&start).copied().flatten();
        // t/MWh is kg/kWh. An hour that generates nothing has no intensity.
        let value = tonnes.zip(energy_mwh.filter(|mwh| *mwh > 0.0)).map(|(tonnes, mwh)| tonnes / mwh * 1000.0);
        let value = value.filter(|value| *value >= 0.0);
        found.push(Point { start, step: HOUR, value, state: State::Measured });
    }
    Ok(())
}
