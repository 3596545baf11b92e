//! A block: the even run of values that one answer gave of one quantity.
//!
//! In: points in any order, with gaps and repeats. Out: blocks, ascending, evenly stepped, gaps kept as gaps.

use crate::quantity::Quantity;
use jiff::{SignedDuration, Timestamp};

/// How a value is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Said before the time it speaks of.
    Forecast,
    /// Reckoned by the source, since it had not measured it.
    Estimated,
    /// Measured, or reckoned from what was measured.
    Measured,
}

impl State {
    /// The word in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forecast => "forecast",
            Self::Estimated => "estimated",
            Self::Measured => "measured",
        }
    }
}

/// One value as a source gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Start of its interval.
    pub start: Timestamp,
    /// Length of its interval.
    pub step: SignedDuration,
    /// The value in the quantity's unit; `None` where the source says that it has none.
    pub value: Option<f64>,
    /// How it is known.
    pub state: State,
}

/// Even values of one quantity by one source, fetched at one instant.
#[derive(Debug, Clone)]
pub struct Block {
    /// What it measures.
    pub quantity: Quantity,
    /// Who said it: a provider's key, or a file's.
    pub source: String,
    /// When it was fetched: its vintage.
    pub fetched_at: Timestamp,
    start_s: i64,
    step_s: i64,
    /// NaN where there is none.
    values: Vec<f64>,
    states: Vec<State>,
}

/// Two blocks are equal where all their cells are, those without a value as well.
impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.quantity == other.quantity
            && self.source == other.source
            && self.fetched_at == other.fetched_at
            && (self.start_s, self.step_s, self.len()) == (other.start_s, other.step_s, other.len())
            && (0..self.len()).all(|index| self.cell(index) == other.cell(index))
    }
}

impl Block {
    /// Makes a block of cells from its parts; `None` for a step below a second, no cell, or an end beyond all time.
    pub fn new(
        quantity: Quantity,
        source: &str,
        fetched_at: Timestamp,
        start: Timestamp,
        step: SignedDuration,
        cells: impl IntoIterator<Item = Option<(f64, State)>>,
    ) -> Option<Self> {
        let (values, states): (Vec<f64>, Vec<State>) =
            cells.into_iter().map(|cell| cell.unwrap_or((f64::NAN, State::Measured))).unzip();
        Self::from_seconds(quantity, source, fetched_at, (start.as_second(), step.as_secs()), values, states)
    }

    pub(super) fn from_seconds(
        quantity: Quantity,
        source: &str,
        fetched_at: Timestamp,
        (start_s, step_s): (i64, i64),
        values: Vec<f64>,
        states: Vec<State>,
    ) -> Option<Self> {
        let count = i64::try_from(values.len()).ok().filter(|count| *count > 0)?;
        let end_s = step_s.checked_mul(count)?.checked_add(start_s)?;
        let sane = step_s > 0 && Timestamp::from_second(start_s).is_ok() && Timestamp::from_second(end_s).is_ok();
        // A source's name is one word of the file's header line.
        let source: String = source.split_whitespace().collect::<Vec<_>>().join("-");
        let named = !source.is_empty();
        (sane && named).then_some(Self { quantity, source, fetched_at, start_s, step_s, values, states })
    }

    /// Its first instant.
    pub fn start(&self) -> Timestamp {
        super::slice::instant(self.start_s)
    }
    /// The first instant after it.
    pub fn end(&self) -> Timestamp {
        super::slice::instant(self.start_s + self.step_s * self.values.len() as i64)
    }
    /// The length of a cell.
    pub fn step(&self) -> SignedDuration {
        SignedDuration::from_secs(self.step_s)
    }
    /// How many cells it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }
    /// Whether it has no cell, which none is.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
    /// How many cells have a value.
    pub fn known(&self) -> usize {
        self.values.iter().filter(|value| !value.is_nan()).count()
    }
    /// A cell's value and state.
    pub fn cell(&self, index: usize) -> Option<(f64, State)> {
        let value = *self.values.get(index)?;
        (!value.is_nan()).then(|| (value, self.states[index]))
    }
    pub(super) fn start_s(&self) -> i64 {
        self.start_s
    }
    pub(super) fn step_s(&self) -> i64 {
        self.step_s
    }

    /// Its cells from `first` up to, not including, `end`.
    pub(super) fn part(&self, first: usize, end: usize) -> Self {
        Self {
            start_s: self.start_s + first as i64 * self.step_s,
            values: self.values[first..end].to_vec(),
            states: self.states[first..end].to_vec(),
            ..self.clone()
        }
    }
}

/// Cells in a row without a value that still stay in one block; longer gaps begin another.
const MOST_GAP_CELLS: i64 = 96;

/// Makes blocks of an answer's points, in any order. Of two at one instant the later with a value stays. What is not
/// finite counts as none.
pub fn blocks(quantity: &Quantity, source: &str, fetched_at: Timestamp, points: &[Point]) -> Vec<Block> {
    let mut sorted: Vec<&Point> = points.iter().filter(|point| point.value.is_some_and(f64::is_finite)).collect();
    sorted.sort_by_key(|point| point.start);
    let mut kept: Vec<&Point> = Vec::with_capacity(sorted.len());
    for point in sorted {
        match kept.last_mut() {
            Some(last) if last.start == point.start => *last = point,
            _ => kept.push(point),
        }
    }
    let mut found = Vec::new();
    let mut rest = kept.as_slice();
    while let Some(first) = rest.first() {
        let (start_s, step_s) = (first.start.as_second(), first.step.as_secs());
        let mut values = Vec::new();
        let mut states = Vec::new();
        let mut taken = 0;
        for point in rest {
            let Some(index) = (point.start.as_second() - start_s).checked_div(step_s) else { break };
            let gap = index - values.len() as i64;
            let on_grid = (point.start.as_second() - start_s) % step_s == 0;
            if point.step != first.step || !on_grid || gap > MOST_GAP_CELLS {
                break;
            }
            values.resize(index as usize, f64::NAN);
            states.resize(index as usize, State::Measured);
            values.push(point.value.expect("only points with a value are left"));
            states.push(point.state);
            taken += 1;
        }
        rest = &rest[taken.max(1)..];
        let when = (start_s, step_s);
        found.extend(Block::from_seconds(quantity.clone(), source, fetched_at, when, values, states));
    }
    found
}
