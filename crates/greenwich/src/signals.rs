//! Grid signals from providers, and what is kept of them.
//!
//! In: a folder of histories, a file of keys, the environment by value, and whether the network may be used. Out: what
//! was fetched of a zone, what is held, who could be asked, and a zone's history for whoever forecasts. Providers are
//! tried in one order and the first that has the zone answers; where only generation by fuel is to be had, production
//! intensity is reckoned from the catalog's factors, and its source says so.

use crate::document::DocumentError;
use crate::error::Error;
use greenwich_core::quantity::Fraction;
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_facts::Catalog;
use greenwich_forecast::{Covariate, Family, History as Past, Measure};
use greenwich_grid::history::Held;
use greenwich_grid::{Cell, Factors, Fuel, History, Reservoir, derived_source, production_intensity};
use greenwich_providers::{
    About, Ask, Clock, Door, KEY_VARIABLES, Keys, Limits, Provider, ProviderError, Store, Trust, fill, validators,
};
use jiff::{SignedDuration, Timestamp};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod trace;

pub use greenwich_grid::{Quantity, State};
pub use greenwich_providers::SystemClock;
pub use trace::{Beyond, TracedZones, Tracing};

/// Fuels that have no factor of their own in the catalog, by which they are counted.
const STAND_INS: [(Fuel, Fuel); 6] = [
    (Fuel::Lignite, Fuel::Coal),
    (Fuel::CoalGas, Fuel::Coal),
    (Fuel::Peat, Fuel::Coal),
    (Fuel::OilShale, Fuel::Oil),
    (Fuel::WindOnshore, Fuel::Wind),
    (Fuel::WindOffshore, Fuel::Wind),
];

/// Providers, the store, and whether the network may be used.
pub struct Signals {
    store: Store,
    keys_file: Option<PathBuf>,
    providers: Vec<Box<dyn Provider>>,
    is_offline: bool,
    /// Authorities of one's own.
    trust: Option<Trust>,
    /// How long all questions may take together.
    time: Option<SignedDuration>,
    begun: RefCell<Option<Timestamp>>,
    /// Providers that could not be reached: each is tried once.
    down: RefCell<BTreeMap<&'static str, ProviderError>>,
}

impl std::fmt::Debug for Signals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signals")
            .field("store", &self.store)
            .field("is_offline", &self.is_offline)
            .finish_non_exhaustive()
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The zone.
    pub zone: ZoneId,
    /// What of it.
    pub quantity: Quantity,
    /// From when until when.
    pub window: Window,
    /// Latitude and longitude, for providers that have zones of their own.
    pub at: Option<(f64, f64)>,
    /// The provider to ask, where it is not to be chosen.
    pub provider: Option<String>,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Fetched {
    /// What was asked.
    pub wanted: Wanted,
    /// Who answered.
    pub about: &'static About,
    /// The source of the series below: the provider, or what was reckoned from it.
    pub source: String,
    /// The part of the window that was asked for over the network; none where all was held.
    pub asked: Option<Window>,
    /// Values that are new.
    pub new: usize,
    /// Values that another took the place of.
    pub revised: usize,
    /// The length of a step.
    pub step: SignedDuration,
    /// The window, step by step: each start, and what is known.
    pub cells: Vec<(Timestamp, Option<Cell>)>,
    /// What was odd, and who could not answer.
    pub notes: Vec<String>,
    /// The addresses that were asked, without keys.
    pub log: Vec<String>,
}

/// A zone's past, and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// Hourly intensities, and where they are from; none where nothing is held.
    pub past: Option<(Past, String)>,
    /// What was odd, and who could not answer.
    pub notes: Vec<String>,
}

/// A provider as a zone sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// What it is.
    pub about: &'static About,
    /// Whether its key is set; none where it wants none.
    pub key_is_set: Option<bool>,
    /// What it has of the zone that was named.
    pub quantities: Vec<Quantity>,
}

impl Signals {
    /// Sets up from a folder of histories, a file of keys that need not be there, and the environment.
    ///
    /// # Errors
    /// [`Error::Provider`] for a file of keys that others may read.
    pub fn open(
        folder: impl Into<PathBuf>,
        keys_file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
        is_offline: bool,
    ) -> Result<Self, Error> {
        let keys = Keys::gather(&KEY_VARIABLES, &variable, keys_file)?;
        let providers = greenwich_providers::all(&variable, &keys);
        let trust = Trust::gather(&variable)?;
        Ok(Self {
            store: Store::at(folder),
            keys_file: keys_file.map(Path::to_owned),
            providers,
            is_offline,
            trust,
            time: None,
            begun: RefCell::default(),
            down: RefCell::default(),
        })
    }

    /// The same, with so much time for all questions together, from the first one on.
    #[must_use]
    pub fn within(self, time: SignedDuration) -> Self {
        Self { time: Some(time), ..self }
    }

    /// The door for a provider: shut offline, for one that could not be reached, and when the time is over.
    fn door<'a>(
        &self,
        provider: &dyn Provider,
        ask: &Ask,
        clock: &'a dyn Clock,
    ) -> Result<(Door<'a>, Option<ProviderError>), Error> {
        let id = provider.about().id;
        if self.is_offline {
            return Ok((Door::offline(clock), None));
        }
        if let Some(error) = self.down.borrow().get(id) {
            return Ok((Door::offline(clock), Some(error.clone())));
        }
        let begun = *self.begun.borrow_mut().get_or_insert_with(|| clock.now());
        let until = self.time.map(|time| (begun + time, time.as_secs()));
        if let Some((_, seconds)) = until.filter(|(until, _)| clock.now() >= *until) {
            return Ok((Door::offline(clock), Some(ProviderError::OutOfTime { provider: id, seconds })));
        }
        let known = validators(&self.store, provider, ask, clock.now())?;
        let limits = Limits { until, ..Limits::default() };
        Ok((Door::trusting(clock, limits, self.trust.as_ref()).only_changes(known), None))
    }

    /// What was fetched and kept in a folder: no key is read and nobody is asked.
    ///
    /// # Errors
    /// None today; as [`Signals::open`].
    pub fn kept(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::open(folder, None, |_| None, true)
    }

    /// The folder of histories.
    pub fn folder(&self) -> &Path {
        self.store.folder()
    }

    /// Where there is nobody to be asked.
    fn nobody(&self, wanted: &Wanted) -> Error {
        if let Some(name) = &wanted.provider {
            let known: Vec<&str> = self.providers.iter().map(|provider| provider.about().id).collect();
            let reason = format!("no provider is called `{name}`");
            let mend = format!("name one of {}", known.join(", "));
            return DocumentError::Flag { flag: "--provider", reason, mend }.into();
        }
        let mend = format!("`greenwich signals providers {}` lists who knows the zone, and what of it", wanted.zone);
        let (zone, quantity) = (wanted.zone.clone(), wanted.quantity.to_string());
        ProviderError::NotCovered { provider: "greenwich", zone, quantity, mend }.into()
    }

    /// Fetches what is not held of a window, keeps it, and gives the window as it then is known.
    ///
    /// # Errors
    /// [`Error::Provider`] where no provider answers and the store holds nothing of it.
    pub fn fetch(&self, catalog: &Catalog, wanted: &Wanted, clock: &dyn Clock) -> Result<Fetched, Error> {
        let mut refusals: Vec<ProviderError> = Vec::new();
        for provider in self.candidates(wanted) {
            match self.from(catalog, provider, wanted, clock) {
                Ok(mut fetched) => {
                    let passed = refusals.iter().filter(|refusal| !is_quiet(refusal));
                    fetched.notes.extend(passed.map(ToString::to_string));
                    return Ok(fetched);
                }
                Err(Error::Provider(refusal)) => refusals.push(refusal),
                Err(other) => return Err(other),
            }
        }
        // What was tried and failed tells more than what has no key, and that more than what has no such zone.
        let not_covered = |refusal: &ProviderError| matches!(refusal, ProviderError::NotCovered { .. });
        let told = refusals.iter().position(|refusal| !is_quiet(refusal));
        let told = told.or_else(|| refusals.iter().position(|refusal| !not_covered(refusal))).unwrap_or(0);
        if refusals.is_empty() {
            return Err(self.nobody(wanted));
        }
        Err(refusals.swap_remove(told).into())
    }

    fn candidates<'a>(&'a self, wanted: &'a Wanted) -> impl Iterator<Item = &'a dyn Provider> + 'a {
        let named = |provider: &dyn Provider| wanted.provider.as_deref().is_none_or(|name| name == provider.about().id);
        let has = |provider: &dyn Provider| {
            let quantities = provider.quantities(&wanted.zone);
            quantities.contains(&wanted.quantity) || is_by_fuel(provider, wanted) || wanted.provider.is_some()
        };
        self.providers.iter().map(AsRef::as_ref).filter(move |provider| named(*provider) && has(*provider))
    }

    fn from(
        &self,
        catalog: &Catalog,
        provider: &dyn Provider,
        wanted: &Wanted,
        clock: &dyn Clock,
    ) -> Result<Fetched, Error> {
        let about = provider.about();
        let by_fuel = is_by_fuel(provider, wanted);
        let quantity = if by_fuel { Quantity::Generation(Fuel::Gas) } else { wanted.quantity.clone() };
        let ask = Ask { zone: wanted.zone.clone(), quantity, window: wanted.window, at: wanted.at };
        let (door, shut) = self.door(provider, &ask, clock)?;
        let filled = fill(&self.store, provider, &ask, &door).map_err(|error| match (error, shut) {
            (ProviderError::Offline { .. }, Some(why)) => why,
            (error, _) => error,
        });
        if let Err(error @ ProviderError::Unreachable { .. }) = &filled {
            self.down.borrow_mut().insert(about.id, error.clone());
        }
        let filled = match filled {
            Ok(filled) => filled,
            // What is held answers as far as it goes where the network does not.
            Err(error) if self.holds(wanted, about, by_fuel) => {
                let history = self.store.load(&wanted.zone)?.history;
                let notes = vec![format!("{error}: from what is kept")];
                greenwich_providers::Filled {
                    history,
                    asked: None,
                    new: BTreeMap::new(),
                    revised: 0,
                    unchanged: false,
                    notes,
                }
            }
            Err(error) => return Err(error.into()),
        };
        let mut history = filled.history;
        let mut notes = filled.notes;
        let source = if by_fuel {
            self.reckon(catalog, &mut history, about.id, wanted, &mut notes)?;
            derived_source(about.id)
        } else {
            about.id.to_owned()
        };
        let slice = history.slice(&wanted.quantity, &source, wanted.window, Timestamp::MAX);
        let slice = slice.ok_or_else(|| ProviderError::NoData {
            provider: about.id,
            zone: wanted.zone.clone(),
            quantity: wanted.quantity.to_string(),
            window: wanted.window,
        })?;
        Ok(Fetched {
            wanted: wanted.clone(),
            about,
            source,
            asked: filled.asked,
            new: filled.new.values().sum(),
            revised: filled.revised,
            step: slice.step(),
            cells: slice.starts().collect(),
            notes,
            log: door.log(),
        })
    }

    fn holds(&self, wanted: &Wanted, about: &About, by_fuel: bool) -> bool {
        let source = if by_fuel { derived_source(about.id) } else { about.id.to_owned() };
        let history = self.store.load(&wanted.zone).ok();
        let slice =
            history.and_then(|held| held.history.slice(&wanted.quantity, &source, wanted.window, Timestamp::MAX));
        slice.is_some_and(|slice| slice.cells().iter().any(Option::is_some))
    }

    /// Reckons production intensity from generation, and keeps it beside what it is from.
    fn reckon(
        &self,
        catalog: &Catalog,
        history: &mut History,
        source: &str,
        wanted: &Wanted,
        notes: &mut Vec<String>,
    ) -> Result<(), Error> {
        let Quantity::Intensity(signal) = wanted.quantity else { return Ok(()) };
        let factors = factors(catalog, signal);
        let store = reservoir(catalog);
        let Some(derived) = production_intensity(history, source, signal, wanted.window, &factors, store) else {
            return Ok(());
        };
        notes.push(format!(
            "reckoned from generation by fuel and the factors of `greenwich facts list fuels`: what is made in {}, imports not traced",
            wanted.zone
        ));
        let listed = |fuels: Vec<String>| fuels.join(", ");
        if !derived.missing.is_empty() {
            let missing = listed(derived.missing.iter().map(ToString::to_string).collect());
            notes.push(format!(
                "steps without an intensity, since there is no factor of {missing}: {}",
                derived.lacking
            ));
        }
        let stood_in: Vec<String> = derived
            .stood_in
            .iter()
            .filter(|(_, by)| *by != Fuel::Wind)
            .map(|(fuel, by)| format!("{fuel} by that of {by}"))
            .collect();
        if !stood_in.is_empty() {
            notes.push(format!("counted by another fuel's factor: {}", listed(stood_in)));
        }
        if derived.storage_left_out > 0 {
            notes.push(format!(
                "steps that leave storage out, since its charging is not known: {}",
                derived.storage_left_out
            ));
        }
        if let Some(news) = derived.block.and_then(|block| history.news(&block)) {
            self.store.append(&wanted.zone, std::slice::from_ref(&news))?;
            history.append(news);
        }
        Ok(())
    }

    /// What is held, by zone.
    ///
    /// # Errors
    /// [`Error::Provider`] for a history that cannot be read.
    pub fn held(&self, zone: Option<&ZoneId>) -> Result<Vec<(ZoneId, Vec<Held>)>, Error> {
        let zones = match zone {
            Some(zone) => vec![zone.clone()],
            None => self.store.zones()?,
        };
        let mut found = Vec::new();
        for zone in zones {
            let held = self.store.load(&zone)?.history.held();
            if !held.is_empty() {
                found.push((zone, held));
            }
        }
        Ok(found)
    }

    /// Who could be asked; with a zone, who has something of it.
    pub fn offers(&self, zone: Option<&ZoneId>, variable: impl Fn(&str) -> Option<String>) -> Vec<Offer> {
        let keys = Keys::gather(&KEY_VARIABLES, variable, self.keys_file.as_deref()).unwrap_or_default();
        let offer = |provider: &dyn Provider| {
            let about = provider.about();
            let quantities = zone.map(|zone| provider.quantities(zone)).unwrap_or_default();
            let wants = !about.key_variables.is_empty();
            // A user is no account without its password.
            let all = about.key_variables.iter().all(|name| keys.find(&[*name]).is_some());
            let any = about.key_variables.iter().any(|name| keys.find(&[*name]).is_some());
            let pair = about.key_variables.iter().any(|name| name.ends_with("PASSWORD"));
            Offer { about, key_is_set: wants.then_some(if pair { all } else { any }), quantities }
        };
        let offers = self.providers.iter().map(|provider| offer(provider.as_ref()));
        offers.filter(|offer| zone.is_none() || !offer.quantities.is_empty()).collect()
    }

    /// A zone's hourly past as a forecaster takes it, with where it is from: as it was known at an instant, from the
    /// source of the signal with the most hours in the window. Nothing is fetched. `None` where nothing is held.
    ///
    /// # Errors
    /// [`Error::Provider`] for a history that cannot be read.
    pub fn past(
        &self,
        zone: &ZoneId,
        signal: Signal,
        window: Window,
        known_at: Timestamp,
    ) -> Result<Option<(Past, String)>, Error> {
        let history = self.store.load(zone)?.history;
        let quantity = Quantity::Intensity(signal);
        let mut best: Option<(usize, Past, String)> = None;
        for held in history.held().into_iter().filter(|held| held.quantity == quantity) {
            let hour = SignedDuration::from_hours(1);
            let measured = measured(&history, &quantity, &held.source, window, known_at);
            let known = measured.iter().filter(|value| value.is_some()).count();
            // Of as many hours those that were traced through imports stand before those of what is made.
            let traced = greenwich_grid::is_traced(&held.source);
            if known == 0 || best.as_ref().is_some_and(|(most, ..)| *most > known || (*most == known && !traced)) {
                continue;
            }
            let (start, _) = history.means(&quantity, &held.source, window, hour, known_at);
            let words = format!("{} (kept, fetched {})", held.source, held.fetched_at.strftime("%Y-%m-%d %H:%M"));
            best = Some((known, Past::hourly(zone.clone(), signal, start, &measured), words));
        }
        Ok(best.map(|(_, past, words)| (past, words)))
    }

    /// The day-ahead price and the load of a zone as far as they are kept, of those families that are asked for: of each
    /// the series with the most hours in the window. Nothing is fetched.
    ///
    /// # Errors
    /// [`Error::Provider`] for a history that cannot be read.
    pub fn covariates(
        &self,
        zone: &ZoneId,
        window: Window,
        known_at: Timestamp,
        families: &[Family],
    ) -> Result<Vec<Covariate>, Error> {
        if families.is_empty() {
            return Ok(Vec::new());
        }
        let history = self.store.load(zone)?.history;
        let hour = SignedDuration::from_hours(1);
        let mut best: BTreeMap<Measure, (usize, Covariate)> = BTreeMap::new();
        for held in history.held() {
            let measure = match held.quantity {
                Quantity::Price(_) => Measure::Price,
                Quantity::Load => Measure::Load,
                _ => continue,
            };
            let (start, values) = history.means(&held.quantity, &held.source, window, hour, known_at);
            let known = values.iter().filter(|value| value.is_some()).count();
            let most = best.get(&measure).map_or(0, |(known, _)| *known);
            if families.contains(&measure.family()) && known > most {
                let name = format!("{} of {}", held.quantity, held.source);
                best.insert(measure, (known, Covariate::hourly(name, measure, measure.reach(zone), start, &values)));
            }
        }
        Ok(best.into_values().map(|(_, covariate)| covariate).collect())
    }
}

/// A zone's hourly past: what is not held is fetched first, unless offline; what cannot be fetched is told by a note.
/// This is what `forecast`, `now` and `plan` call.
///
/// # Errors
/// [`Error::Provider`] for a history that cannot be read; a network or a key that is missing is no error.
pub fn history(
    signals: &Signals,
    catalog: &Catalog,
    zone: &ZoneId,
    signal: Signal,
    window: Window,
    clock: &dyn Clock,
) -> Result<Remembered, Error> {
    let wanted = Wanted { zone: zone.clone(), quantity: Quantity::Intensity(signal), window, at: None, provider: None };
    let notes = match signals.fetch(catalog, &wanted, clock) {
        Ok(fetched) => fetched.notes,
        Err(Error::Provider(error @ ProviderError::Store { .. })) => return Err(error.into()),
        Err(error) => vec![error.to_string()],
    };
    Ok(Remembered { past: signals.past(zone, signal, window, clock.now())?, notes })
}

/// Hourly means of what is no forecast of the source's own.
fn measured(
    history: &History,
    quantity: &Quantity,
    source: &str,
    window: Window,
    known_at: Timestamp,
) -> Vec<Option<f64>> {
    let hour = SignedDuration::from_hours(1);
    let (start, mut means) = history.means(quantity, source, window, hour, known_at);
    if let Some(slice) = history.slice(quantity, source, window, known_at) {
        for (at, cell) in slice.starts() {
            let foretold = cell.is_some_and(|cell| cell.state == State::Forecast);
            let index = (at.as_second() - start.as_second()).div_euclid(3600);
            if foretold && let Some(mean) = usize::try_from(index).ok().and_then(|index| means.get_mut(index)) {
                *mean = None;
            }
        }
    }
    means
}

/// Whether an intensity would be reckoned from a provider's generation by fuel.
fn is_by_fuel(provider: &dyn Provider, wanted: &Wanted) -> bool {
    let quantities = provider.quantities(&wanted.zone);
    matches!(wanted.quantity, Quantity::Intensity(Signal::Lifecycle | Signal::Direct))
        && !quantities.contains(&wanted.quantity)
        && quantities.iter().any(|quantity| matches!(quantity, Quantity::Generation(_)))
}

fn is_quiet(refusal: &ProviderError) -> bool {
    matches!(refusal, ProviderError::NotCovered { .. } | ProviderError::NoKey { .. })
}

/// The catalog's factors of fuels, of the scope that goes with a signal.
fn factors(catalog: &Catalog, signal: Signal) -> Factors {
    let of = |fuel: Fuel| {
        let rows = catalog.rows_of("fuels", fuel.as_str());
        let row = rows.filter(|row| row.quantity == "emission_factor" && row.scope == signal.as_str()).last()?;
        Some((fuel, row.value))
    };
    let factors = Factors::from_g_per_kwh(Fuel::ALL.into_iter().filter_map(of));
    STAND_INS.into_iter().fold(factors, |factors, (fuel, by)| factors.stand_in(fuel, by))
}

/// An empty store that gives back what the catalog says.
fn reservoir(catalog: &Catalog) -> Reservoir {
    let row = catalog.lookup("assumptions", "storage-round-trip", "share", &[], None);
    let share = row.expect("assumptions.csv holds what the roof asks for").value;
    Reservoir::empty(Fraction::new(share).expect("the schema allows 0 to 1"))
}

#[cfg(test)]
mod tests;
