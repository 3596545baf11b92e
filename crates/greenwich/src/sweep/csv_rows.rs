//! The rows of a sweep as comma-separated text.
//!
//! In: cells, group by group. Out: bytes as they will stand in the file. A group that is as in the row before is copied, not
//! written anew.

use super::columns::{Cell, GROUPS, Pen};
use super::decimal::six;
use std::io::Write;

/// Rows on their way to a file.
#[derive(Debug)]
pub(super) struct CsvRows<'a> {
    words: &'a [String],
    bytes: Vec<u8>,
    /// What was last written of each group, every cell with its comma.
    last: Vec<Vec<u8>>,
}

impl<'a> CsvRows<'a> {
    pub(super) fn new(words: &'a [String]) -> Self {
        Self { words, bytes: Vec::new(), last: vec![Vec::new(); GROUPS.len()] }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Pen for CsvRows<'_> {
    fn group(&mut self, group: usize, is_as_before: bool, cells: impl FnOnce(&mut dyn FnMut(Cell<'_>))) {
        let text = &mut self.last[group];
        if !is_as_before {
            text.clear();
            cells(&mut |cell| {
                match cell {
                    Cell::Word(at) => quoted(text, &self.words[usize::from(at)]),
                    Cell::Text(words) => quoted(text, words.unwrap_or_default()),
                    // Writing to a vector cannot fail.
                    Cell::Whole(number) => _ = number.map(|number| write!(text, "{number}")),
                    Cell::Real(number) => _ = number.map(|number| six(text, number)),
                }
                text.push(b',');
            });
        }
        self.bytes.extend_from_slice(text);
        if group == GROUPS.len() - 1 {
            self.bytes.pop();
            self.bytes.push(b'\n');
        }
    }
}

/// A text of a cell, between quotes where it needs them.
fn quoted(bytes: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"', '\n', '\r']) {
        bytes.push(b'"');
        bytes.extend(text.replace('"', "\"\"").bytes());
        bytes.push(b'"');
    } else {
        bytes.extend_from_slice(text.as_bytes());
    }
}
