//! The rows of a sweep as columns of numbers and words.
//!
//! In: cells, group by group. Out: [`Values`] for each column, in runs: a group that is as in the row before only counts on.

use super::columns::{Cell, GROUPS, Pen};
use greenwich_store::figures::{Kind, Values};

/// Rows on their way to a file.
#[derive(Debug)]
pub(super) struct ParquetRows {
    columns: Vec<Values>,
}

impl ParquetRows {
    pub(super) fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self { columns: kinds.into_iter().map(Values::of).collect() }
    }

    pub(super) fn into_columns(self) -> Vec<Values> {
        self.columns
    }
}

impl Pen for ParquetRows {
    fn group(&mut self, group: usize, is_as_before: bool, cells: impl FnOnce(&mut dyn FnMut(Cell<'_>))) {
        let begin: usize = GROUPS[..group].iter().sum();
        let columns = &mut self.columns[begin..begin + GROUPS[group]];
        if is_as_before {
            columns.iter_mut().for_each(Values::again);
            return;
        }
        let mut columns = columns.iter_mut();
        cells(&mut |cell| match (columns.next(), cell) {
            (Some(Values::Word(runs)), Cell::Word(at)) => runs.push(at),
            (Some(Values::Text(runs)), Cell::Text(text)) => runs.push(text.map(str::to_owned)),
            (Some(Values::Whole(runs)), Cell::Whole(number)) => runs.push(number.map(i64::from)),
            (Some(Values::Real(runs)), Cell::Real(number)) => runs.push(number),
            _ => unreachable!("cells come in the order and of the kinds of the columns"),
        });
    }
}
