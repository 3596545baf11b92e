//! What is known of zones: `greenwich now` and `greenwich zones`.
//!
//! In: the catalog, a folder of histories where there is one, an instant. Out: the intensity of a zone now and in the
//! next hours, and a list of zones with what each is known by; each figure says what it is.

use crate::error::Error;
use crate::forecasting::{Asked, Foretold, History, Known, foretell, history_in, kept_history};
use crate::forecasting_view::{
    SAME, banded, best, drawn, inputs_json, inputs_words, points_json, signal_words, varies,
};
use crate::signals::Signals;
use greenwich_core::{Signal, ZoneId};
use greenwich_facts::Catalog;
use greenwich_report::Style;
use greenwich_report::figures::three;
use greenwich_report::text::sheet::{Align, NOT_KNOWN, Sheet, moment};
use greenwich_signals::{GridSignal, Replay};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const NOW_SCHEMA: &str = "greenwich.now/1";
const ZONES_SCHEMA: &str = "greenwich.zones/1";
/// Hours that `now` looks ahead.
const AHEAD: usize = 24;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The intensity of a zone now.
#[derive(Debug, Clone)]
#[must_use]
pub struct Now {
    /// The zone's name, where the catalog has one.
    pub name: Option<String>,
    /// This hour and the next.
    pub told: Foretold,
    /// The start of the last hour that is known, and its intensity in gCO2e/kWh.
    pub last_known: Option<(Timestamp, f64)>,
    /// The yearly mean in gCO2e/kWh, and its year.
    pub yearly: Option<(f64, i16)>,
}

/// The zone's key, by itself, its beginning, or the name of a trace.
///
/// # Errors
/// [`Error::Facts`] with the nearest names.
pub fn zone_named(catalog: &Catalog, replay: Option<&Replay>, name: &str) -> Result<ZoneId, Error> {
    let zone = ZoneId::new(name);
    if replay.is_some_and(|replay| replay.zones().contains(&zone)) {
        return Ok(zone);
    }
    Ok(catalog.zone(name, None)?.zone)
}

/// What is known of a zone now, with its history where there is one; the caller has cut it at the instant.
///
/// # Errors
/// [`Error::Forecast`] where nothing at all is known.
pub fn now(
    catalog: &Catalog,
    history: Option<(History, String)>,
    zone: &ZoneId,
    signal: Signal,
    at: Timestamp,
) -> Result<Now, Error> {
    let mut known = Known::of(catalog, zone, signal);
    let last_known = history.as_ref().and_then(|(history, _)| {
        let start = history.known_until(at)? - HOUR;
        Some((start, history.at_g_per_kwh(start)?))
    });
    if let Some((history, file)) = history {
        known = known.with(history, file);
    }
    let yearly = known.yearly;
    let told = foretell(&known, &Asked { zone: zone.clone(), signal, at, hours: AHEAD })?;
    let name = catalog.zone_names().find(|name| name.id == zone.as_str()).map(|name| name.name.clone());
    Ok(Now { name, told, last_known, yearly })
}

impl Now {
    /// `greenwich.now/1`.
    #[must_use]
    pub fn json(&self) -> Value {
        let told = &self.told;
        let point = &told.points[0];
        json!({
            "schema": NOW_SCHEMA, "zone": told.zone.as_str(), "name": self.name, "signal": told.signal.as_str(),
            "at": told.issued.to_string(),
            "gco2e_per_kwh": {"p5": point.p5_g_per_kwh, "p50": point.p50_g_per_kwh, "p95": point.p95_g_per_kwh},
            "source": told.source, "model": told.model, "stale_hours": told.stale_hours,
            "inputs": inputs_json(&told.inputs), "last_known": self.last_known.map(|(start, g)| json!({"start": start.to_string(), "gco2e_per_kwh": g})),
            "yearly_gco2e_per_kwh": self.yearly.map(|(mean, _)| mean), "year": self.yearly.map(|(_, year)| year),
            "points": points_json(&told.points), "warnings": told.warnings,
        })
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let told = &self.told;
        let mut sheet = Sheet::new(style);
        let name = self.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
        sheet.headline(&format!("{}{name}: {} gCO2e/kWh now", told.zone, banded(&told.points[0])));
        sheet.named("Signal", signal_words(told.signal));
        sheet.named("Source", &told.source);
        if let Some(words) = inputs_words(&told.inputs) {
            sheet.named("Inputs", &words);
        }
        sheet.named("At", &format!("{} UTC", moment(told.issued)));
        if let Some((start, g_per_kwh)) = self.last_known {
            sheet.named("Last known", &format!("{} g/kWh in the hour from {} UTC", three(g_per_kwh), moment(start)));
        }
        if let Some((mean, year)) = self.yearly {
            sheet.named("Yearly", &format!("{} g/kWh on average in {year}", three(mean)));
        }
        sheet.blank();
        let mut out = sheet.finish();
        let mut sheet = Sheet::new(style);
        if varies(&told.points) {
            out.push_str(&drawn(&told.points, style));
            sheet.named("Best 8 h", &best(&told.points, 8));
        } else {
            sheet.paragraph(SAME);
        }
        for warning in &told.warnings {
            sheet.item("! ", warning);
        }
        out + &sheet.finish()
    }
}

/// What a zone is known by.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneKnown {
    /// The zone.
    pub zone: ZoneId,
    /// Its name, where the catalog has one.
    pub name: Option<String>,
    /// Its yearly mean in gCO2e/kWh, and the year.
    pub yearly: Option<(f64, i16)>,
    /// The years of its typical year.
    pub typical: Option<(i16, i16)>,
    /// Its history.
    pub history: Option<HistoryKnown>,
}

/// A history in few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryKnown {
    /// The file's name.
    pub file: String,
    /// Its first hour.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Hours that have a value.
    pub known_hours: usize,
}

/// The zones whose key begins so, with what each is known by: a trace, else what was fetched and kept by now.
///
/// # Errors
/// [`Error::Signal`] for a broken trace of one of them.
pub fn zones(
    catalog: &Catalog,
    replay: Option<&Replay>,
    kept: Option<(&Signals, Timestamp)>,
    signal: Signal,
    beginning: &str,
) -> Result<Vec<ZoneKnown>, Error> {
    let named = catalog.zone_names().map(|name| ZoneId::new(name.id.as_str()));
    let mut zones: Vec<ZoneId> = named.chain(replay.map(GridSignal::zones).unwrap_or_default()).collect();
    let held = kept.map(|(signals, _)| signals.held(None)).transpose()?.unwrap_or_default();
    let held: std::collections::BTreeSet<ZoneId> = held.into_iter().map(|(zone, _)| zone).collect();
    zones.extend(held.iter().cloned());
    zones.retain(|zone| zone.as_str().to_ascii_lowercase().starts_with(&beginning.to_ascii_lowercase()));
    zones.sort();
    zones.dedup();
    let names: std::collections::BTreeMap<&str, &str> =
        catalog.zone_names().map(|name| (name.id.as_str(), name.name.as_str())).collect();
    // All typical years are read at once: one by one would read the table as often as there are zones.
    let typical: std::collections::BTreeMap<&ZoneId, (i16, i16)> = catalog
        .profiles()
        .filter(|profile| profile.signal == signal)
        .map(|profile| (&profile.zone, (profile.from_year, profile.to_year)))
        .collect();
    zones
        .iter()
        .map(|zone| {
            let mut history = replay.map(|replay| history_in(replay, zone, signal, None, &[])).transpose()?.flatten();
            if let (None, Some((signals, now))) = (&history, kept.filter(|_| held.contains(zone))) {
                history = kept_history(signals, zone, signal, now, &[])?;
            }
            Ok(ZoneKnown {
                zone: zone.clone(),
                name: names.get(zone.as_str()).map(|name| (*name).to_owned()),
                yearly: Known::of(catalog, zone, signal).yearly,
                typical: typical.get(zone).copied(),
                history: history.map(|(history, file)| HistoryKnown {
                    file,
                    from: first_known(&history),
                    until: history.known_until(history.end()).unwrap_or_else(|| history.end()),
                    known_hours: history.known_hours(),
                }),
            })
        })
        .collect()
}

/// The start of the first hour that has a value: what is kept may be looked for over years.
fn first_known(history: &History) -> Timestamp {
    let hours = std::iter::successors(Some(history.start()), |at| at.checked_add(HOUR).ok());
    let mut hours = hours.take_while(|at| *at < history.end());
    hours.find(|at| history.at_g_per_kwh(*at).is_some()).unwrap_or_else(|| history.start())
}

/// `greenwich.zones/1`.
#[must_use]
pub fn zones_json(zones: &[ZoneKnown], signal: Signal) -> Value {
    let zone = |known: &ZoneKnown| {
        let history = known.history.as_ref().map(|history| {
            json!({
                "file": history.file, "from": history.from.to_string(), "until": history.until.to_string(),
                "known_hours": history.known_hours,
            })
        });
        json!({
            "zone": known.zone.as_str(), "name": known.name, "yearly_gco2e_per_kwh": known.yearly.map(|(mean, _)| mean),
            "year": known.yearly.map(|(_, year)| year), "typical_from_year": known.typical.map(|(from, _)| from),
            "typical_to_year": known.typical.map(|(_, to)| to), "history": history,
        })
    };
    json!({"schema": ZONES_SCHEMA, "signal": signal.as_str(), "zones": zones.iter().map(zone).collect::<Vec<_>>()})
}

/// The same as a table.
#[must_use]
pub fn zones_text(zones: &[ZoneKnown], signal: Signal, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let typical = zones.iter().filter(|zone| zone.typical.is_some()).count();
    let history = zones.iter().filter(|zone| zone.history.is_some()).count();
    sheet.headline(&format!(
        "{} zones, {}: {history} with a history, {typical} with a typical year",
        zones.len(),
        signal_words(signal)
    ));
    let header = [
        ("zone", Align::Left),
        ("name", Align::Left),
        ("g/kWh", Align::Right),
        ("year", Align::Right),
        ("typical", Align::Left),
        ("history (UTC)", Align::Left),
    ];
    let row = |known: &ZoneKnown| {
        let years = |(from, to): (i16, i16)| if from == to { from.to_string() } else { format!("{from}–{to}") };
        let history = |history: &HistoryKnown| {
            format!("{} to {}", history.from.strftime("%Y-%m-%d"), history.until.strftime("%Y-%m-%d"))
        };
        vec![
            known.zone.to_string(),
            known.name.clone().unwrap_or_default(),
            known.yearly.map_or_else(|| NOT_KNOWN.to_owned(), |(mean, _)| three(mean)),
            known.yearly.map_or_else(String::new, |(_, year)| year.to_string()),
            known.typical.map_or_else(|| "–".to_owned(), years),
            known.history.as_ref().map_or_else(|| "–".to_owned(), history),
        ]
    };
    sheet.table(&header, zones.iter().map(row).collect());
    sheet.finish()
}
