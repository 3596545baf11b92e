//! The history of one zone: what was said of which hours, by whom and when.
//!
//! In: blocks, each the even run of values that one answer gave. Out: slices of a window as it was known at
//! an instant. A later block revises an earlier one and does not remove it; a forecast never takes the place
//! of what was measured; what two sources say is never mixed.

mod block;
mod codec;
mod slice;

pub use block::{Block, Point, State, blocks};
pub use codec::{Damage, Decoded, decode, encode, first_line};
pub use slice::{Cell, Slice};

use crate::quantity::Quantity;
use greenwich_core::{Window, ZoneId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// All that is known of one zone.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The zone.
    pub zone: ZoneId,
    blocks: Vec<Block>,
}

/// One series of a history, in short.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What it measures.
    pub quantity: Quantity,
    /// Who said it.
    pub source: String,
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// The step of its newest block.
    pub step: SignedDuration,
    /// How many blocks it has.
    pub blocks: usize,
    /// When it was last fetched.
    pub fetched_at: Timestamp,
}

impl History {
    /// A history that knows nothing yet.
    pub fn new(zone: ZoneId) -> Self {
        Self { zone, blocks: Vec::new() }
    }

    /// Adds what an answer said.
    pub fn append(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// The blocks, in the order in which they came.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The series that are held, by quantity and source.
    pub fn held(&self) -> Vec<Held> {
        let mut found: BTreeMap<(&Quantity, &str), Held> = BTreeMap::new();
        for block in &self.blocks {
            let held = found.entry((&block.quantity, &block.source)).or_insert_with(|| Held {
                quantity: block.quantity.clone(),
                source: block.source.clone(),
                start: block.start(),
                end: block.end(),
                step: block.step(),
                blocks: 0,
                fetched_at: block.fetched_at,
            });
            held.start = held.start.min(block.start());
            held.end = held.end.max(block.end());
            held.blocks += 1;
            if block.fetched_at >= held.fetched_at {
                held.fetched_at = block.fetched_at;
                held.step = block.step();
            }
        }
        found.into_values().collect()
    }

    /// What a source says of a window, as it was known at an instant. Cells reach outwards to cover the window, at
    /// the finest step of the blocks there. `None` where no block of it was known.
    pub fn slice(&self, quantity: &Quantity, source: &str, window: Window, known_at: Timestamp) -> Option<Slice> {
        let mut known: Vec<&Block> = self
            .blocks
            .iter()
            .filter(|block| block.quantity == *quantity && block.source == source && block.fetched_at <= known_at)
            .filter(|block| block.start() < window.end() && window.start() < block.end())
            .collect();
        // Stable: of two that were fetched at one instant the later in the file stays the later.
        known.sort_by_key(|block| block.fetched_at);
        Slice::of(quantity, source, window, &known)
    }

    /// Time-weighted means over cells of `step` on multiples of it, reaching outwards to cover the window: the start
    /// of the first cell, and each mean, or `None` where any part of a cell is not known.
    ///
    /// # Panics
    /// When `step` is below a second.
    pub fn means(
        &self,
        quantity: &Quantity,
        source: &str,
        window: Window,
        step: SignedDuration,
        known_at: Timestamp,
    ) -> (Timestamp, Vec<Option<f64>>) {
        let step_s = step.as_secs();
        assert!(step_s > 0, "a cell is at least a second long");
        let start_s = window.start().as_second().div_euclid(step_s) * step_s;
        let end_s = slice::ceil_second(window.end()).div_euclid(step_s);
        let end_s = (end_s + i64::from(end_s * step_s < slice::ceil_second(window.end()))) * step_s;
        let start = slice::instant(start_s);
        let count = ((end_s - start_s) / step_s) as usize;
        let wide = Window::new(start, slice::instant(end_s)).expect("a window is not empty");
        let Some(found) = self.slice(quantity, source, wide, known_at) else { return (start, vec![None; count]) };
        (start, (0..count).map(|cell| found.mean(start_s + cell as i64 * step_s, step_s)).collect())
    }

    /// The part of a block that says something new: cells at either end that repeat what is known are cut off.
    /// `None` where it says nothing new.
    pub fn news(&self, block: &Block) -> Option<Block> {
        let window = Window::new(block.start(), block.end()).expect("a block is not empty");
        let known = self.slice(&block.quantity, &block.source, window, Timestamp::MAX);
        let says = |index: usize| {
            let Some((value, state)) = block.cell(index) else { return false };
            let Some(known) = &known else { return true };
            let at_s = block.start().as_second() + index as i64 * block.step().as_secs();
            !known.repeats(at_s, block.step().as_secs(), value, state)
        };
        let first = (0..block.len()).find(|index| says(*index))?;
        let last = (0..block.len()).rfind(|index| says(*index)).expect("the first is one");
        Some(block.part(first, last + 1))
    }
}

#[cfg(test)]
mod tests;
