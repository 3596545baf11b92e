//! A slice: one window as it was known at an instant.
//!
//! In: blocks, oldest first. Out: even cells at the finest step, each with its value, state and vintage.

use super::block::{Block, State};
use crate::quantity::Quantity;
use greenwich_core::Window;
use jiff::{SignedDuration, Timestamp};

/// What is known of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The value, in the quantity's unit.
    pub value: f64,
    /// How it is known.
    pub state: State,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// Even cells of one quantity by one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// What it measures.
    pub quantity: Quantity,
    /// Who says so.
    pub source: String,
    start_s: i64,
    step_s: i64,
    cells: Vec<Option<Cell>>,
}

/// Cells that a slice has at most: a century of minutes. More is a slip of the pen.
const MOST_CELLS: i64 = 60 * 24 * 366 * 100;

impl Slice {
    pub(super) fn of(quantity: &Quantity, source: &str, window: Window, blocks: &[&Block]) -> Option<Self> {
        let origin = blocks.first()?.start_s();
        let step_s = blocks.iter().fold(0, |step, block| gcd(gcd(step, block.step_s()), block.start_s() - origin));
        let first = (window.start().as_second() - origin).div_euclid(step_s);
        let end = ceil_second(window.end()) - origin;
        let end = end.div_euclid(step_s) + i64::from(end.rem_euclid(step_s) > 0);
        if end - first > MOST_CELLS {
            return None;
        }
        let start_s = origin + first * step_s;
        let mut cells: Vec<Option<Cell>> = vec![None; (end - first) as usize];
        for block in blocks {
            let each = block.step_s() / step_s;
            let offset = (block.start_s() - start_s) / step_s;
            let skip = (-offset).div_euclid(each).clamp(0, block.len() as i64) as usize;
            for index in skip..block.len() {
                let from = offset + index as i64 * each;
                if from >= cells.len() as i64 {
                    break;
                }
                let Some((value, state)) = block.cell(index) else { continue };
                for at in from.max(0)..(from + each).min(cells.len() as i64) {
                    let cell = &mut cells[at as usize];
                    if cell.is_none_or(|known| state > State::Forecast || known.state == State::Forecast) {
                        *cell = Some(Cell { value, state, fetched_at: block.fetched_at });
                    }
                }
            }
        }
        Some(Self { quantity: quantity.clone(), source: source.to_owned(), start_s, step_s, cells })
    }

    /// The first instant.
    pub fn start(&self) -> Timestamp {
        instant(self.start_s)
    }
    /// The length of a cell.
    pub fn step(&self) -> SignedDuration {
        SignedDuration::from_secs(self.step_s)
    }
    /// The cells, ascending in time.
    pub fn cells(&self) -> &[Option<Cell>] {
        &self.cells
    }
    /// The cells with the start of each.
    pub fn starts(&self) -> impl Iterator<Item = (Timestamp, Option<Cell>)> {
        self.cells.iter().enumerate().map(|(at, cell)| (instant(self.start_s + at as i64 * self.step_s), *cell))
    }

    fn at(&self, at_s: i64) -> Option<Cell> {
        let index = usize::try_from((at_s - self.start_s).div_euclid(self.step_s)).ok()?;
        *self.cells.get(index)?
    }

    /// The time-weighted mean of a span, where all of it is known.
    pub(super) fn mean(&self, start_s: i64, length_s: i64) -> Option<f64> {
        let end_s = start_s + length_s;
        let mut at_s = start_s;
        let mut weighted = 0.0;
        while at_s < end_s {
            let into = (at_s - self.start_s).rem_euclid(self.step_s);
            let next_s = (at_s + self.step_s - into).min(end_s);
            let value = self.at(at_s)?.value;
            if next_s - at_s == length_s {
                return Some(value);
            }
            weighted += value * (next_s - at_s) as f64;
            at_s = next_s;
        }
        Some(weighted / length_s as f64)
    }

    /// Whether a span already has this value, or something that a forecast cannot change.
    pub(super) fn repeats(&self, start_s: i64, length_s: i64, value: f64, state: State) -> bool {
        let mut at_s = start_s;
        while at_s < start_s + length_s {
            let same = |known: Cell| {
                (known.value == value && known.state == state)
                    || (state == State::Forecast && known.state > State::Forecast)
            };
            if !self.at(at_s).is_some_and(same) {
                return false;
            }
            at_s += self.step_s;
        }
        true
    }
}

fn gcd(one: i64, other: i64) -> i64 {
    let (mut one, mut other) = (one.abs(), other.abs());
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

pub(super) fn ceil_second(instant: Timestamp) -> i64 {
    instant.as_second() + i64::from(instant.subsec_nanosecond() > 0)
}

pub(super) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
