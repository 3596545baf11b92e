//! The seam: a provider is asked for one quantity of one zone over a window.
//!
//! In: an [`Ask`] and a [`Door`] to the network. Out: an [`Answer`] of blocks, each of which says what
//! it measures, in which unit and steps, what is measured, estimated or forecast, who said it and when it was
//! fetched. Nothing is filled in, and what is odd in an answer is noted.

use crate::door::Door;
use crate::error::ProviderError;
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_grid::{Block, Point, Quantity, blocks};
use jiff::Timestamp;
use std::time::Duration;

/// What a provider is, for people and for the door.
#[derive(Debug, PartialEq, Eq)]
pub struct About {
    /// Its key, the `source` of its blocks.
    pub id: &'static str,
    /// Its name.
    pub title: &'static str,
    /// Where it is reached unless its variable says otherwise.
    pub base: &'static str,
    /// Variables that hold another address, the first of them ours.
    pub base_variables: &'static [&'static str],
    /// Variables that hold its key; none where it wants none.
    pub key_variables: &'static [&'static str],
    /// The least time between two questions, so that its limits are kept.
    pub pace: Duration,
    /// What may be done with its data, and whom to name.
    pub licence: &'static str,
    /// What it covers, in a line.
    pub covers: &'static str,
    /// The page of the guide.
    pub page: &'static str,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The zone.
    pub zone: ZoneId,
    /// What of it. Generation of any one fuel asks for all of them.
    pub quantity: Quantity,
    /// From when until when; the part after now asks for a forecast.
    pub window: Window,
    /// Latitude and longitude, for providers that have zones of their own.
    pub at: Option<(f64, f64)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// What it says.
    pub blocks: Vec<Block>,
    /// What was odd, for the user to read.
    pub notes: Vec<String>,
    /// Whether the provider says that nothing has changed since it was last asked.
    pub unchanged: bool,
}

/// A source of grid signals.
pub trait Provider {
    /// What it is.
    fn about(&self) -> &'static About;
    /// What it has of a zone; nothing where it does not know it.
    fn quantities(&self, zone: &ZoneId) -> Vec<Quantity>;
    /// Asks it.
    ///
    /// # Errors
    /// [`ProviderError`], which tells by [`ProviderError::kind`] whether to ask again.
    fn fetch(&self, ask: &Ask, door: &Door<'_>) -> Result<Answer, ProviderError>;
}

/// What a provider's points of one quantity come to.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    points: Vec<Point>,
    empty: usize,
    unchanged: bool,
    notes: Vec<String>,
}

impl Gathered {
    pub(crate) fn push(&mut self, point: Point) {
        if point.value.is_none_or(|value| !value.is_finite()) {
            self.empty += 1;
        }
        self.points.push(point);
    }
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
    pub(crate) fn unchanged(&mut self) {
        self.unchanged = true;
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Blocks of the points inside the window, and what was odd about them.
    pub(crate) fn answer(mut self, about: &'static About, ask: &Ask, now: Timestamp) -> Result<Answer, ProviderError> {
        let inside = |point: &Point| point.start < ask.window.end() && ask.window.start() < point.start + point.step;
        self.points.retain(inside);
        let mut starts: Vec<Timestamp> = self.points.iter().map(|point| point.start).collect();
        starts.sort_unstable();
        let twice = starts.windows(2).filter(|pair| pair[0] == pair[1]).count();
        if self.empty > 0 {
            self.notes.push(format!("steps of {} that came without a value: {}", ask.quantity, self.empty));
        }
        if twice > 0 {
            self.notes.push(format!("steps of {} that came twice, of which the later stays: {twice}", ask.quantity));
        }
        let blocks = blocks(&ask.quantity, about.id, now, &self.points);
        if blocks.is_empty() && !self.unchanged {
            return Err(no_data(about, ask));
        }
        Ok(Answer { unchanged: self.unchanged && blocks.is_empty(), blocks, notes: self.notes })
    }
}

pub(crate) fn no_data(about: &'static About, ask: &Ask) -> ProviderError {
    ProviderError::NoData {
        provider: about.id,
        zone: ask.zone.clone(),
        quantity: ask.quantity.to_string(),
        window: ask.window,
    }
}

pub(crate) fn not_covered(about: &'static About, ask: &Ask) -> ProviderError {
    let mend =
        format!("it covers {}; `greenwich signals providers {}` lists who knows the zone", about.covers, ask.zone);
    ProviderError::NotCovered { provider: about.id, zone: ask.zone.clone(), quantity: ask.quantity.to_string(), mend }
}

pub(crate) const LIFECYCLE: Quantity = Quantity::Intensity(Signal::Lifecycle);
pub(crate) const DIRECT: Quantity = Quantity::Intensity(Signal::Direct);
pub(crate) const MARGINAL: Quantity = Quantity::Intensity(Signal::Marginal);

/// Cuts a window into pieces of at most `most`, so that each fits one question.
pub(crate) fn pieces(window: Window, most: jiff::SignedDuration) -> Vec<Window> {
    let mut found = Vec::new();
    let mut start = window.start();
    while start < window.end() {
        let end = (start + most).min(window.end());
        found.push(Window::new(start, end).expect("a piece steps forward"));
        start = end;
    }
    found
}
