//! WattTime, v3: marginal emissions in five minutes, and average ones where a plan has them.
//!
//! In: coordinates, from which it tells its own region, or a zone whose region is known. Out: marginal intensity
//! (`co2_moer`) or direct average (`co2_aoer`), from pounds a megawatt-hour into g/kWh here and nowhere else, or the
//! damage to health of one more megawatt-hour (`health_damage`). Its token lives for half an hour and is fetched anew when it is refused, once.

use crate::door::{Door, Key, Reply, Request};
use crate::error::ProviderError;
use crate::json::{instant, list, number, word};
use crate::provider::{About, Answer, Ask, DIRECT, Gathered, MARGINAL, Provider, not_covered, pieces};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use greenwich_core::{Window, ZoneId};
use greenwich_grid::{Point, Quantity, State};
use jiff::SignedDuration;
use serde_json::Value;
use std::cell::RefCell;
use std::time::Duration;

static ABOUT: About = About {
    id: "watttime",
    title: "WattTime",
    base: "https://api.watttime.org",
    base_variables: &["GREENWICH_WATTTIME_URL", "WATTTIME_API_URL"],
    key_variables: &["WATTTIME_USER", "WATTTIME_PASSWORD"],
    pace: Duration::from_millis(110),
    licence: "by plan; a free account gives the region CAISO_NORTH",
    covers: "most grids by their coordinates (--at LAT,LON); US-CAL-CISO without",
    page: "docs/guide/providers/watttime.md",
};
const MOST: SignedDuration = SignedDuration::from_hours(30 * 24);
const MOST_HORIZON_H: i64 = 72;
/// A pound in kilograms, by its definition; a pound a megawatt-hour is so many g/kWh.
const KG_PER_POUND: f64 = 0.453_592_37;
const POUNDS: Unit = Unit { words: &["lbs_co2_per_mwh", "lb_co2_per_mwh"], scale: KG_PER_POUND };
const DOLLARS: Unit = Unit { words: &["usd_per_mwh", "usd / mwh", "usd/mwh", "dollars_per_mwh"], scale: 1.0 };
/// Regions of zones that need no looking up.
const REGIONS: [(&str, &str); 1] = [("US-CAL-CISO", "CAISO_NORTH")];

/// What its values are in, and how many of ours one of them is.
struct Unit {
    /// Its names for it, in small letters.
    words: &'static [&'static str],
    scale: f64,
}

/// WattTime, with an account.
#[derive(Debug)]
pub struct WattTime {
    base: String,
    account: Option<(Secret, Secret)>,
    token: RefCell<Option<Secret>>,
}

impl WattTime {
    /// Asks at an address by a user and a password.
    pub fn new(base: Option<String>, account: Option<(Secret, Secret)>) -> Self {
        Self { base: base.unwrap_or_else(|| ABOUT.base.to_owned()), account, token: RefCell::default() }
    }

    fn login(&self, door: &Door<'_>) -> Result<Secret, ProviderError> {
        let (user, password) = self.account.as_ref().ok_or(ProviderError::NoKey {
            provider: ABOUT.id,
            variables: ABOUT.key_variables,
            page: ABOUT.page,
        })?;
        let pair = STANDARD.encode(format!("{}:{}", user.reveal(), password.reveal()));
        let basic = Secret::new(&pair).expect("a pair has a colon at least");
        let url = format!("{}/login", self.base);
        let key = Key::Header("Authorization", "Basic ", basic);
        let reply = door.get_whole(&Request { about: &ABOUT, url, query: Vec::new(), key })?;
        let token = reply.json()?["token"].as_str().and_then(Secret::new);
        token.ok_or_else(|| reply.shape("a login without a `token`".into()))
    }

    /// Asks for values.
    fn ask(
        &self,
        door: &Door<'_>,
        path: &str,
        query: &[(&'static str, String)],
    ) -> Result<Option<Reply>, ProviderError> {
        self.by_token(door, path, query, |request| door.get(request))
    }

    /// Sends by the token; by a new one where it is refused, once.
    fn by_token<T>(
        &self,
        door: &Door<'_>,
        path: &str,
        query: &[(&'static str, String)],
        send: impl Fn(&Request) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let held = self.token.borrow().clone();
        let is_new = held.is_none();
        let token = match held {
            Some(token) => token,
            None => self.login(door)?,
        };
        self.token.replace(Some(token.clone()));
        let request = |token: Secret| Request {
            about: &ABOUT,
            url: format!("{}/v3/{path}", self.base),
            query: query.to_vec(),
            key: Key::Header("Authorization", "Bearer ", token),
        };
        match send(&request(token)) {
            Err(ProviderError::KeyRefused { .. }) if !is_new => {
                let token = self.login(door)?;
                self.token.replace(Some(token.clone()));
                send(&request(token))
            }
            answered => answered,
        }
    }

    fn region(&self, ask: &Ask, signal: &str, door: &Door<'_>) -> Result<String, ProviderError> {
        let known = REGIONS.iter().find(|(zone, _)| *zone == ask.zone.as_str()).map(|(_, region)| *region);
        let Some((latitude, longitude)) = ask.at else {
            return known.map(str::to_owned).ok_or_else(|| not_covered(&ABOUT, ask));
        };
        let query = [
            ("latitude", latitude.to_string()),
            ("longitude", longitude.to_string()),
            ("signal_type", signal.to_owned()),
        ];
        match self.by_token(door, "region-from-loc", &query, |request| door.get_whole(request)) {
            Ok(reply) => {
                let json = reply.json()?;
                let region = json["region"].as_str().map(str::to_owned);
                region.ok_or_else(|| reply.shape(format!("{} in the place of `region`", word(&json["region"]))))
            }
            // So it answers where no region of its own covers the coordinates.
            Err(ProviderError::Status { status: 404, .. }) => Err(not_covered(&ABOUT, ask)),
            Err(error) => Err(error),
        }
    }
}

impl Provider for WattTime {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, _zone: &ZoneId) -> Vec<Quantity> {
        // Any zone may be named whose coordinates are given.
        vec![MARGINAL, DIRECT, Quantity::HealthDamage]
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        let signal = match &ask.quantity {
            wanted if *wanted == MARGINAL => "co2_moer",
            wanted if *wanted == DIRECT => "co2_aoer",
            Quantity::HealthDamage => "health_damage",
            _ => return Err(not_covered(&ABOUT, ask)),
        };
        let unit = if ask.quantity == Quantity::HealthDamage { &DOLLARS } else { &POUNDS };
        let now = door.now();
        let region = self.region(ask, signal, door)?;
        let mut found = Gathered::default();
        let common = [("region", region), ("signal_type", signal.to_owned())];
        if let Ok(past) = Window::new(ask.window.start(), ask.window.end().min(now)) {
            for piece in pieces(past, MOST) {
                let span = [
                    ("start", piece.start().to_string()),
                    ("end", piece.end().to_string()),
                    ("include_imputed_marker", "true".to_owned()),
                ];
                match self.ask(door, "historical", &[&common[..], &span].concat())? {
                    Some(reply) => read(&reply, unit, false, &mut found)?,
                    None => found.unchanged(),
                }
            }
        }
        if ask.window.end() > now {
            let hours = (ask.window.end().duration_since(now).as_hours() + 1).min(MOST_HORIZON_H);
            let horizon = [("horizon_hours", hours.to_string())];
            match self.ask(door, "forecast", &[&common[..], &horizon].concat())? {
                Some(reply) => read(&reply, unit, true, &mut found)?,
                None => found.unchanged(),
            }
        }
        found.answer(&ABOUT, ask, now)
    }
}

fn read(reply: &Reply, unit: &Unit, ahead: bool, found: &mut Gathered) -> Result<(), ProviderError> {
    let json = reply.json()?;
    let mut read = || -> Result<(), String> {
        let meta = &json["meta"];
        let units = meta["units"].as_str().unwrap_or_default().to_ascii_lowercase();
        if !unit.words.contains(&units.as_str()) {
            return Err(format!("{} in the place of the unit {}", word(&meta["units"]), unit.words[0]));
        }
        let seconds = meta["data_point_period_seconds"].as_i64().filter(|seconds| (1..=3600).contains(seconds));
        let step = SignedDuration::from_secs(seconds.unwrap_or(300));
        for item in list(&json, "data")? {
            found.push(point(item, unit, step, ahead)?);
        }
        for warning in meta["warnings"].as_array().into_iter().flatten() {
            if let Some(message) = warning["message"].as_str() {
                found.note(format!("WattTime says: {message}"));
            }
        }
        Ok(())
    };
    read().map_err(|what| reply.shape(what))
}

fn point(item: &Value, unit: &Unit, step: SignedDuration, ahead: bool) -> Result<Point, String> {
    let state = match (ahead, item["imputed_data_used"].as_bool()) {
        (true, _) => State::Forecast,
        (false, Some(true)) => State::Estimated,
        (false, _) => State::Measured,
    };
    let value = number(&item["value"])?.map(|value| value * unit.scale);
    Ok(Point { start: instant(item, "point_time")?, step, value, state })
}
