//! Flow tracing over what is kept: whose power zones use, hour by hour.
//!
//! In: zones, a window, and what was fetched of their generation and borders. Out: production and consumption intensity
//! of each, kept as histories of their own or written as traces, with what could not be traced and why. A neighbour
//! outside the set counts by what is kept of it, else by its typical year or yearly mean, and the answer says which.

use super::{Quantity, Signals, Wanted, factors, reservoir};
use crate::error::Error;
use crate::forecasting::{History as Past, Known};
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_facts::Catalog;
use greenwich_grid::{Fuel, Traced, traced_source};
use greenwich_providers::{Clock, ProviderError};
use greenwich_report::Style;
use greenwich_report::text::sheet::{Align, NOT_KNOWN, Sheet, moment, three};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What power from a zone outside the set counts at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// What is kept of it, else its typical year, else its yearly mean.
    Known,
    /// Nothing: what it flows to is then not known.
    Nothing,
}

/// What shall be traced.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracing {
    /// The zones, each once.
    pub zones: Vec<ZoneId>,
    /// From when until when.
    pub window: Window,
    /// Lifecycle or direct.
    pub signal: Signal,
    /// Whose figures are taken; else the first provider of whom generation of a zone is kept.
    pub provider: Option<String>,
    /// What neighbours outside count at.
    pub beyond: Beyond,
}

/// What was traced.
#[derive(Debug, Clone)]
#[must_use]
pub struct TracedZones {
    /// What was asked.
    pub asked: Tracing,
    /// Zone by zone, in their order.
    pub zones: Vec<Traced>,
    /// Neighbours outside the set, and what they counted at.
    pub beyond: BTreeMap<ZoneId, String>,
    /// Values that are new in the histories.
    pub new: usize,
    /// What was odd.
    pub notes: Vec<String>,
}

impl Signals {
    /// Fetches what a tracing rests on: generation by fuel, load and borders of each zone. Who could not answer is told.
    ///
    /// # Errors
    /// [`Error::Provider`] for a history that cannot be read or written; a network or key that is missing is a note.
    pub fn fetch_for_tracing(
        &self,
        catalog: &Catalog,
        tracing: &Tracing,
        clock: &dyn Clock,
    ) -> Result<Vec<String>, Error> {
        let mut notes: BTreeSet<String> = BTreeSet::new();
        for zone in &tracing.zones {
            let generates = |quantities: &[Quantity]| quantities.iter().any(|q| matches!(q, Quantity::Generation(_)));
            let found = self.providers.iter().find(|provider| {
                let named = tracing.provider.as_deref().is_none_or(|name| name == provider.about().id);
                named && generates(&provider.quantities(zone))
            });
            let Some(provider) = found else {
                notes.insert(format!("nobody who is asked has generation by fuel of {zone}"));
                continue;
            };
            let listed = provider.quantities(zone).into_iter().filter(|q| matches!(q, Quantity::Import(_)));
            let mut borders: Vec<Quantity> = listed.collect();
            let knows_borders = !borders.is_empty();
            if !knows_borders {
                let others = tracing.zones.iter().filter(|other| *other != zone);
                borders.extend(others.map(|other| Quantity::Import(other.clone())));
            }
            for quantity in [Quantity::Generation(Fuel::Gas), Quantity::Load].into_iter().chain(borders) {
                let is_border = matches!(quantity, Quantity::Import(_));
                let wanted = Wanted {
                    zone: zone.clone(),
                    quantity,
                    window: tracing.window,
                    at: None,
                    provider: Some(provider.about().id.to_owned()),
                };
                match self.fetch(catalog, &wanted, clock) {
                    Ok(fetched) => notes.extend(fetched.notes),
                    Err(Error::Provider(ProviderError::NoData { .. })) if is_border && !knows_borders => {}
                    Err(Error::Provider(error @ ProviderError::Store { .. })) => return Err(error.into()),
                    Err(Error::Provider(error)) => _ = notes.insert(error.to_string()),
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(notes.into_iter().collect())
    }

    /// Traces what is kept; nothing is fetched. `keep` appends what comes of it to the zones' histories.
    ///
    /// # Errors
    /// [`Error::Provider`] where no generation of a zone is kept, and for a history that cannot be read or written.
    pub fn trace(&self, catalog: &Catalog, tracing: &Tracing, keep: bool) -> Result<TracedZones, Error> {
        let mut pasts = Vec::new();
        for zone in &tracing.zones {
            let history = self.store.load(zone)?.history;
            let source = self.teller(&history, tracing)?;
            pasts.push((history, source));
        }
        let borrowed: Vec<greenwich_grid::Past<'_>> =
            pasts.iter().map(|(history, source)| greenwich_grid::Past { history, source }).collect();
        let inside: BTreeSet<&ZoneId> = tracing.zones.iter().collect();
        let neighbours: BTreeSet<ZoneId> = pasts
            .iter()
            .flat_map(|(history, source)| history.held().into_iter().filter(move |held| held.source == *source))
            .filter_map(|held| if let Quantity::Import(zone) = held.quantity { Some(zone) } else { None })
            .filter(|zone| !inside.contains(zone))
            .collect();
        let mut beyond = BTreeMap::new();
        for zone in neighbours {
            beyond.insert(zone.clone(), self.neighbour(catalog, &zone, tracing)?);
        }
        let outside = |zone: &ZoneId, at: Timestamp| beyond.get(zone).and_then(|known| known.at(at));
        let factors = factors(catalog, tracing.signal);
        let traced = greenwich_grid::trace(&borrowed, tracing.window, &factors, reservoir(catalog), &outside)?;
        let mut told = TracedZones {
            asked: tracing.clone(),
            beyond: beyond.into_iter().map(|(zone, known)| (zone, known.words)).collect(),
            zones: traced,
            new: 0,
            notes: Vec::new(),
        };
        if keep {
            for (zone, (history, _)) in told.zones.iter().zip(&pasts) {
                let Some(news) = zone.block(tracing.signal).and_then(|block| history.news(&block)) else { continue };
                told.new += news.known();
                self.store.append(&zone.zone, &[news])?;
            }
        }
        told.note();
        told.notes.extend(self.closed(&told.zones, &pasts));
        Ok(told)
    }

    /// Borders that a teller knows and of which nothing is kept: they count as if nothing crossed them.
    fn closed(&self, zones: &[Traced], pasts: &[(greenwich_grid::History, String)]) -> Option<String> {
        let mut closed: BTreeSet<(ZoneId, ZoneId)> = BTreeSet::new();
        let tells = |zone: &ZoneId, neighbour: &ZoneId| {
            let past = pasts.iter().find(|(history, _)| history.zone == *zone);
            let wanted = Quantity::Import(neighbour.clone());
            past.is_some_and(|(history, source)| {
                history.held().iter().any(|held| held.quantity == wanted && held.source == *source)
            })
        };
        for zone in zones {
            let teller = self.providers.iter().find(|provider| provider.about().id == zone.source);
            for quantity in teller.map(|provider| provider.quantities(&zone.zone)).unwrap_or_default() {
                let Quantity::Import(neighbour) = quantity else { continue };
                if !tells(&zone.zone, &neighbour) && !tells(&neighbour, &zone.zone) {
                    let (one, other) = (zone.zone.clone().min(neighbour.clone()), zone.zone.clone().max(neighbour));
                    closed.insert((one, other));
                }
            }
        }
        let listed: Vec<String> = closed.iter().map(|(one, other)| format!("{one}–{other}")).collect();
        (!listed.is_empty()).then(|| {
            format!(
                "no flows are kept over these borders, which count as if nothing crossed them: {}",
                listed.join(", ")
            )
        })
    }

    /// Who tells the generation of a zone: the provider that is named, else the first of whom some is kept.
    fn teller(&self, history: &greenwich_grid::History, tracing: &Tracing) -> Result<String, Error> {
        let held = history.held();
        let tells =
            |id: &str| held.iter().any(|held| held.source == id && matches!(held.quantity, Quantity::Generation(_)));
        let named = |id: &str| tracing.provider.as_deref().is_none_or(|name| name == id);
        let mut ids = self.providers.iter().map(|provider| provider.about().id);
        ids.find(|id| named(id) && tells(id)).map(str::to_owned).ok_or_else(|| {
            let error = ProviderError::NotHeld {
                zone: history.zone.clone(),
                what: "generation by fuel",
                mend: format!(
                    "fetch it: greenwich signals fetch {} --quantity generation-gas, or give --fetch",
                    history.zone
                ),
            };
            error.into()
        })
    }

    /// What is known of a zone outside the set.
    fn neighbour(&self, catalog: &Catalog, zone: &ZoneId, tracing: &Tracing) -> Result<Neighbour, Error> {
        let nothing = Neighbour { kept: None, known: Known::default(), words: "not known".to_owned() };
        if tracing.beyond == Beyond::Nothing {
            return Ok(Neighbour { words: "left unknown".to_owned(), ..nothing });
        }
        let kept = self.past(zone, tracing.signal, tracing.window, Timestamp::MAX)?;
        let known = Known::of(catalog, zone, tracing.signal);
        let otherwise = match (&known.typical, &known.yearly) {
            (Some(typical), _) => Some(format!("its typical {}–{}", typical.from_year, typical.to_year)),
            (None, Some((mean, year))) => Some(format!("its mean of {year}, {} g/kWh", three(*mean))),
            (None, None) => None,
        };
        let words = match (&kept, otherwise) {
            (Some((_, words)), Some(otherwise)) => format!("{words}, else {otherwise}"),
            (Some((_, words)), None) => words.clone(),
            (None, Some(otherwise)) => otherwise,
            (None, None) => nothing.words,
        };
        Ok(Neighbour { kept: kept.map(|(past, _)| past), known, words })
    }
}

/// What a zone outside the set counts at.
struct Neighbour {
    kept: Option<Past>,
    known: Known,
    words: String,
}

impl Neighbour {
    fn at(&self, at: Timestamp) -> Option<f64> {
        let kept = self.kept.as_ref().and_then(|past| past.at_g_per_kwh(at));
        kept.or_else(|| {
            let typical = self.known.typical.as_ref()?;
            let at = at.to_zoned(TimeZone::UTC);
            let month = typical.g_per_kwh.get(usize::from(at.month().unsigned_abs()) - 1)?;
            month.get(usize::from(at.hour().unsigned_abs())).copied()
        })
        .or(self.known.yearly.map(|(mean, _)| mean))
    }
}

/// The mean of what is known.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values.flatten().fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

impl TracedZones {
    fn note(&mut self) {
        let listed = |zones: &mut dyn Iterator<Item = String>| zones.collect::<Vec<_>>().join(", ");
        let fuels: BTreeSet<Fuel> = self.zones.iter().flat_map(|zone| zone.missing_fuels.iter().copied()).collect();
        if !fuels.is_empty() {
            let fuels = listed(&mut fuels.iter().map(ToString::to_string));
            self.notes
                .push(format!("hours have no intensity where these generate, since they have no factor: {fuels}"));
        }
        let stood_in: BTreeSet<(Fuel, Fuel)> = self
            .zones
            .iter()
            .flat_map(|zone| zone.stood_in.iter().copied())
            .filter(|(_, by)| *by != Fuel::Wind)
            .collect();
        if !stood_in.is_empty() {
            let stood_in = listed(&mut stood_in.iter().map(|(fuel, by)| format!("{fuel} by that of {by}")));
            self.notes.push(format!("counted by another fuel's factor: {stood_in}"));
        }
        let lacking = self.zones.iter().filter(|zone| !zone.missing.is_empty()).map(|zone| {
            let hours = zone.hours.iter().filter(|hour| hour.g_per_kwh.is_none()).count();
            let by = zone.missing.keys().map(ZoneId::as_str).collect::<Vec<_>>().join(", ");
            format!("{hours} h of {} are not traced, for want of {by}", zone.zone)
        });
        self.notes.extend(lacking);
    }

    /// A trace of each zone: its name and text, as `--signals` takes it.
    pub fn csvs(&self) -> Vec<(String, String)> {
        let column = greenwich_signals::Measure::of(self.asked.signal).name;
        let one = |zone: &Traced| {
            let mut text = format!("utc,{column},estimated\n");
            for (hour, number) in zone.hours.iter().zip(0..) {
                let value = hour.g_per_kwh.map_or_else(String::new, |g| format!("{g:.3}"));
                _ = writeln!(text, "{},{value},1", zone.start + HOUR * number);
            }
            (format!("{}.csv", zone.zone), text)
        };
        self.zones.iter().map(one).collect()
    }

    /// `greenwich.trace/1`.
    #[must_use]
    pub fn json(&self) -> Value {
        let window = self.asked.window;
        let missing = |(zone, hours): (&ZoneId, &usize)| json!({"zone": zone.as_str(), "hours": hours});
        let zone = |zone: &Traced| {
            let points = zone.hours.iter().zip(0..).map(|(hour, number)| {
                json!({
                    "start": (zone.start + HOUR * number).to_string(),
                    "consumption_gco2e_per_kwh": hour.g_per_kwh,
                    "production_gco2e_per_kwh": hour.production_g_per_kwh,
                    "generation_mw": hour.generation_mw,
                    "net_import_mw": hour.net_import_mw,
                    "load_mw": hour.load_mw,
                })
            });
            json!({
                "zone": zone.zone.as_str(), "source": traced_source(&zone.source),
                "hours_traced": zone.hours.iter().filter(|hour| hour.g_per_kwh.is_some()).count(),
                "missing": zone.missing.iter().map(missing).collect::<Vec<_>>(),
                "outside": zone.outside.iter().map(ZoneId::as_str).collect::<Vec<_>>(),
                "points": points.collect::<Vec<_>>(),
            })
        };
        let beyond = |(zone, words): (&ZoneId, &String)| json!({"zone": zone.as_str(), "counts_at": words});
        json!({
            "schema": "greenwich.trace/1", "signal": self.asked.signal.as_str(),
            "window": {"start": window.start().to_string(), "end": window.end().to_string()},
            "zones": self.zones.iter().map(zone).collect::<Vec<_>>(),
            "outside": self.beyond.iter().map(beyond).collect::<Vec<_>>(),
            "new_values": self.new, "notes": self.notes,
        })
    }

    /// The same as text: the means of each zone.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        let hours = self.zones.first().map_or(0, |zone| zone.hours.len());
        sheet.headline(&format!("{} zones traced over {hours} h, {} intensity", self.zones.len(), self.asked.signal));
        let window = self.asked.window;
        sheet.named("window", &format!("{} to {} UTC", moment(window.start()), moment(window.end())));
        let header = [
            ("zone", Align::Left),
            ("made at", Align::Right),
            ("used at", Align::Right),
            ("makes", Align::Right),
            ("net import", Align::Right),
            ("uses", Align::Right),
            ("load told", Align::Right),
            ("hours", Align::Right),
        ];
        let number = |value: Option<f64>| value.map_or_else(|| NOT_KNOWN.to_owned(), three);
        let row = |zone: &Traced| {
            let hours = || zone.hours.iter();
            vec![
                zone.zone.to_string(),
                number(mean(hours().map(|hour| hour.production_g_per_kwh))),
                number(mean(hours().map(|hour| hour.g_per_kwh))),
                number(mean(hours().map(|hour| hour.generation_mw))),
                number(mean(hours().map(|hour| hour.net_import_mw))),
                number(mean(hours().map(greenwich_grid::Hour::consumption_mw))),
                number(mean(hours().map(|hour| hour.load_mw))),
                hours().filter(|hour| hour.g_per_kwh.is_some()).count().to_string(),
            ]
        };
        sheet.blank();
        sheet.table(&header, self.zones.iter().map(row).collect());
        sheet.paragraph("made and used at: mean gCO2e/kWh of the hours known; the rest: mean MW.");
        if !self.beyond.is_empty() {
            sheet.heading("Neighbours outside, and what their power counts at");
            for (zone, words) in &self.beyond {
                sheet.named(zone.as_str(), words);
            }
        }
        for note in &self.notes {
            sheet.item("! ", note);
        }
        sheet.finish()
    }
}
