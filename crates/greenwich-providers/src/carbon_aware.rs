//! A Carbon Aware SDK web API as a source.
//!
//! In: a location of its own, by our zone's key. Out: the intensity that it serves. It does not say whether that is
//! average or marginal, since this depends on the source that it was set up with: the user says it, and without
//! that it covers nothing.

use crate::door::{Door, Key, Request};
use crate::error::ProviderError;
use crate::json::{instant, number, word};
use crate::provider::{About, Answer, Ask, Gathered, Provider, not_covered};
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_grid::{Point, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

static ABOUT: About = About {
    id: "carbon-aware-sdk",
    title: "a Carbon Aware SDK web API",
    base: "",
    base_variables: &["GREENWICH_CARBON_AWARE_URL"],
    key_variables: &[],
    pace: Duration::ZERO,
    licence: "that of the source it was set up with",
    covers: "the locations it was set up with, once GREENWICH_CARBON_AWARE_URL and GREENWICH_CARBON_AWARE_SIGNAL are set",
    page: "docs/guide/providers/carbon-aware-sdk.md",
};

/// A server of one's own.
#[derive(Debug, Clone)]
pub struct CarbonAware {
    base: Option<String>,
    signal: Option<Signal>,
}

impl CarbonAware {
    /// Asks at an address, and takes what it serves for this signal.
    pub fn new(base: Option<String>, signal: Option<Signal>) -> Self {
        Self { base: base.map(|base| base.trim_end_matches('/').to_owned()), signal }
    }
}

impl Provider for CarbonAware {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn quantities(&self, _zone: &ZoneId) -> Vec<Quantity> {
        self.base.as_ref().and(self.signal).map(Quantity::Intensity).into_iter().collect()
    }

    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError> {
        let base = self.base.as_ref().filter(|_| self.quantities(&ask.zone).contains(&ask.quantity));
        let base = base.ok_or_else(|| not_covered(&ABOUT, ask))?;
        let now = door.now();
        let mut found = Gathered::default();
        let request = |path: &str, query: [(&'static str, String); 3]| {
            door.get(&Request { about: &ABOUT, url: format!("{base}/{path}"), query: query.to_vec(), key: Key::None })
        };
        let location = ("location", ask.zone.to_string());
        if let Ok(past) = Window::new(ask.window.start(), ask.window.end().min(now)) {
            let span = [location.clone(), ("time", past.start().to_string()), ("toTime", past.end().to_string())];
            match request("emissions/bylocation", span)? {
                Some(reply) if reply.body.is_empty() => {}
                Some(reply) => measured(&reply.json()?, &mut found).map_err(|what| reply.shape(what))?,
                None => found.unchanged(),
            }
        }
        if ask.window.end() > now {
            let from = ask.window.start().max(now);
            let span = [location, ("dataStartAt", from.to_string()), ("dataEndAt", ask.window.end().to_string())];
            match request("emissions/forecasts/current", span) {
                Ok(Some(reply)) => forecasts(&reply.json()?, &mut found).map_err(|what| reply.shape(what))?,
                Ok(None) => found.unchanged(),
                // Sources without forecasts answer so; what was measured is kept.
                Err(ProviderError::Status { status, says, .. }) if !found.is_empty() => {
                    found.note(format!("no forecast came (status {status}): {says}"));
                }
                Err(error) => return Err(error),
            }
        }
        found.answer(&ABOUT, ask, now)
    }
}

fn measured(json: &Value, found: &mut Gathered) -> Result<(), String> {
    let items = json.as_array().ok_or_else(|| format!("{} in the place of a list", word(json)))?;
    for item in items {
        let text = item["duration"].as_str().unwrap_or_default();
        let step = duration(text).ok_or_else(|| format!("{} in the place of `duration`", word(&item["duration"])))?;
        found.push(Point {
            start: instant(item, "time")?,
            step,
            value: number(&item["rating"])?,
            state: State::Measured,
        });
    }
    Ok(())
}

fn forecasts(json: &Value, found: &mut Gathered) -> Result<(), String> {
    let items = json.as_array().ok_or_else(|| format!("{} in the place of a list", word(json)))?;
    for point in items.iter().flat_map(|forecast| forecast["forecastData"].as_array().into_iter().flatten()) {
        let minutes = point["duration"].as_i64().filter(|minutes| (1..=60).contains(minutes));
        let minutes = minutes.ok_or_else(|| format!("{} in the place of `duration`", word(&point["duration"])))?;
        let start: Timestamp = instant(point, "timestamp")?;
        let step = SignedDuration::from_mins(minutes);
        found.push(Point { start, step, value: number(&point["value"])?, state: State::Forecast });
    }
    Ok(())
}

/// `01:00:00`, or the same after days and a dot; at most an hour counts as a step.
fn duration(text: &str) -> Option<SignedDuration> {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().ok());
    let seconds = parts.next()?? * 3600 + parts.next()?? * 60 + parts.next().unwrap_or(Some(0))?;
    (1..=3600).contains(&seconds).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_written_as_hours_minutes_and_seconds() {
        assert_eq!(duration("01:00:00"), Some(SignedDuration::from_hours(1)));
        assert_eq!(duration("00:05:00"), Some(SignedDuration::from_mins(5)));
        for odd in ["", "02:00:00", "1.00:00:00", "00:00:00", "an hour"] {
            assert_eq!(duration(odd), None, "{odd}");
        }
    }
}
