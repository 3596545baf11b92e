//! Filling the history: only what is not held is asked for, and only news is kept.
//!
//! In: a question, a provider, a door and a store. Out: what came of it, and the zone's history with it. What was
//! measured and has had two days to be revised is never asked for again; estimates, forecasts and gaps are, unless
//! they were fetched within the last ten minutes.

use crate::door::{Door, Validator};
use crate::error::ProviderError;
use crate::provider::{Ask, Provider};
use crate::store::Store;
use greenwich_core::{Window, ZoneId};
use greenwich_grid::{Cell, Decoded, History, Quantity, State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

const SETTLED: SignedDuration = SignedDuration::from_hours(48);
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The zone's history, with what came.
    pub history: History,
    /// The part of the window that was asked for; none where all of it was held.
    pub asked: Option<Window>,
    /// Values that are new, by quantity.
    pub new: BTreeMap<Quantity, usize>,
    /// Values that another took the place of.
    pub revised: usize,
    /// Whether the provider said that nothing has changed.
    pub unchanged: bool,
    /// What was odd, for the user to read.
    pub notes: Vec<String>,
}

/// Asks a provider for what a store does not hold of a window, and keeps what is new.
///
/// # Errors
/// [`ProviderError`] of the provider or the store. What was held before stays.
pub fn fill(store: &Store, provider: &dyn Provider, ask: &Ask, door: &Door<'_>) -> Result<Filled, ProviderError> {
    let Decoded { history, damage } = store.load(&ask.zone)?;
    let mut notes: Vec<String> = damage
        .iter()
        .map(|hurt| format!("a block of {}.history at byte {} is passed over: {}", ask.zone, hurt.at, hurt.problem))
        .collect();
    let source = provider.about().id;
    let asked = wanted(&history, source, ask, door.now());
    let mut filled = Filled { history, asked, new: BTreeMap::new(), revised: 0, unchanged: false, notes: Vec::new() };
    let Some(window) = asked else {
        filled.notes = notes;
        return Ok(filled);
    };
    let answer = provider.fetch(&Ask { window, ..ask.clone() }, door)?;
    let mut fresh = Vec::new();
    for block in &answer.blocks {
        let Some(news) = filled.history.news(block) else { continue };
        filled.revised += revised(&filled.history, &news);
        *filled.new.entry(news.quantity.clone()).or_default() += news.known();
        filled.history.append(news.clone());
        fresh.push(news);
    }
    store.append(&ask.zone, &fresh)?;
    keep(store, &ask.zone, door.validators())?;
    filled.unchanged = answer.unchanged;
    notes.extend(answer.notes);
    filled.notes = notes;
    Ok(filled)
}

/// What is kept of earlier answers, for [`Door::only_changes`]: only where the whole window is held, since
/// "unchanged" brings nothing.
///
/// # Errors
/// [`ProviderError::Store`] for a history that cannot be read.
pub fn validators(
    store: &Store,
    provider: &dyn Provider,
    ask: &Ask,
    now: Timestamp,
) -> Result<BTreeMap<String, Validator>, ProviderError> {
    let history = store.load(&ask.zone)?.history;
    let past = Window::new(ask.window.start(), ask.window.end().min(now)).ok();
    let source = provider.about().id;
    let whole =
        past.is_none_or(|past| cells(&history, source, &ask.quantity, past).iter().all(|(_, _, cell)| cell.is_some()));
    Ok(if whole { store.validators(&ask.zone) } else { BTreeMap::new() })
}

fn keep(store: &Store, zone: &ZoneId, found: BTreeMap<String, Validator>) -> Result<(), ProviderError> {
    let mut all = store.validators(zone);
    let before = all.clone();
    all.extend(found);
    if all == before { Ok(()) } else { store.keep_validators(zone, &all) }
}

/// The cells of a window, start and end in seconds, as far as the history knows its step.
fn cells(history: &History, source: &str, quantity: &Quantity, window: Window) -> Vec<(i64, i64, Option<Cell>)> {
    let known = match quantity {
        // All fuels come with one answer: any that is held stands for all.
        Quantity::Generation(_) => history
            .blocks()
            .iter()
            .find(|block| block.source == source && matches!(block.quantity, Quantity::Generation(_)))
            .map(|block| block.quantity.clone()),
        other => Some(other.clone()),
    };
    let slice = known.and_then(|known| history.slice(&known, source, window, Timestamp::MAX));
    let Some(slice) = slice else { return vec![(window.start().as_second(), window.end().as_second(), None)] };
    let step_s = slice.step().as_secs();
    slice.starts().map(|(start, cell)| (start.as_second(), start.as_second() + step_s, cell)).collect()
}

/// The smallest window that holds all that is worth asking for.
fn wanted(history: &History, source: &str, ask: &Ask, now: Timestamp) -> Option<Window> {
    let open = |(_, end_s, cell): &&(i64, i64, Option<Cell>)| {
        let Some(cell) = cell else { return true };
        let end = Timestamp::from_second(*end_s).unwrap_or(Timestamp::MAX);
        let settled = cell.state == State::Measured && cell.fetched_at.duration_since(end) >= SETTLED;
        !settled && now.duration_since(cell.fetched_at) >= FRESH
    };
    let all = cells(history, source, &ask.quantity, ask.window);
    let open: Vec<&(i64, i64, Option<Cell>)> = all.iter().filter(open).collect();
    let start = Timestamp::from_second(open.first()?.0).ok()?.max(ask.window.start());
    let end = Timestamp::from_second(open.last()?.1).ok()?.min(ask.window.end());
    Window::new(start, end).ok()
}

/// How many values of a block take the place of another.
fn revised(history: &History, block: &greenwich_grid::Block) -> usize {
    let Ok(window) = Window::new(block.start(), block.end()) else { return 0 };
    let Some(slice) = history.slice(&block.quantity, &block.source, window, Timestamp::MAX) else { return 0 };
    let before: BTreeMap<Timestamp, f64> =
        slice.starts().filter_map(|(start, cell)| Some((start, cell?.value))).collect();
    let starts = (0..block.len()).map(|index| (block.start() + block.step() * index as i32, block.cell(index)));
    starts
        .filter(|(start, cell)| cell.is_some_and(|(value, _)| before.get(start).is_some_and(|old| *old != value)))
        .count()
}
