//! Rows of a CSV file that may arrive in pieces.
//!
//! In: bytes, in pieces of any length. Out: lines with their number, and the cells of each. A cell may be
//! quoted; a quoted cell may hold commas and doubled quotes, not line ends.

use crate::error::FleetError;
use std::borrow::Cow;
use std::ops::Range;

/// Cuts pieces into lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
    line: u64,
}

impl Lines {
    /// Visits each line that ends in this piece; what is left waits for the next.
    pub(crate) fn feed(
        &mut self,
        piece: &[u8],
        mut visit: impl FnMut(u64, &[u8]) -> Result<(), FleetError>,
    ) -> Result<(), FleetError> {
        let mut from = 0;
        while let Some(length) = piece[from..].iter().position(|&byte| byte == b'\n') {
            self.line += 1;
            let line = &piece[from..from + length];
            from += length + 1;
            if self.rest.is_empty() {
                visit(self.line, trim(line))?;
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                visit(self.line, trim(&whole))?;
            }
        }
        self.rest.extend_from_slice(&piece[from..]);
        Ok(())
    }

    /// Visits the last line, if no line end follows it.
    pub(crate) fn finish(
        &mut self,
        visit: impl FnOnce(u64, &[u8]) -> Result<(), FleetError>,
    ) -> Result<(), FleetError> {
        let rest = std::mem::take(&mut self.rest);
        self.line += 1;
        if rest.is_empty() { Ok(()) } else { visit(self.line, trim(&rest)) }
    }
}

fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Finds the cells of a line.
pub(crate) fn cells(line: &str, found: &mut Vec<Range<usize>>) {
    found.clear();
    let bytes = line.as_bytes();
    let (mut begin, mut quoted) = (0, false);
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == b',' && !quoted {
            found.push(begin..at);
            begin = at + 1;
        }
    }
    found.push(begin..bytes.len());
}

/// A cell without its quotes and the blanks around it.
pub(crate) fn plain(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    match cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
        Some(inside) if inside.contains("\"\"") => Cow::Owned(inside.replace("\"\"", "\"")),
        Some(inside) => Cow::Borrowed(inside),
        None => Cow::Borrowed(cell),
    }
}

/// Where the known columns stand, by the order of `known`.
pub(crate) fn header(
    file: &str,
    line: &str,
    known: &[&'static str],
    needed: usize,
    wanted: &'static str,
) -> Result<(Vec<Option<usize>>, usize), FleetError> {
    let line = line.trim_start_matches('\u{feff}');
    let mut ranges = Vec::new();
    cells(line, &mut ranges);
    let mut places = vec![None; known.len()];
    for (place, range) in ranges.iter().enumerate() {
        let name = plain(&line[range.clone()]);
        let Some(index) = known.iter().position(|column| *column == name) else {
            return Err(FleetError::UnknownColumn {
                file: file.to_owned(),
                column: name.clone().into_owned(),
                help: match ranges.len() {
                    1 if line.contains([';', '\t']) => "part the columns by commas".to_owned(),
                    _ => format!("known columns are {}; take this one out", known.join(", ")),
                },
            });
        };
        if places[index].replace(place).is_some() {
            let (file, name) = (file.to_owned(), name.into_owned());
            return Err(FleetError::Twice { file, line: 1, first: 1, name, what: "column" });
        }
    }
    match places[..needed].iter().position(Option::is_none) {
        Some(absent) => Err(FleetError::NoColumn {
            file: file.to_owned(),
            column: known[absent],
            found: line.chars().take(120).collect(),
            wanted,
        }),
        None => Ok((places, ranges.len())),
    }
}

/// A kind of file: its columns, how many of them are needed, and those in words.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) known: &'static [&'static str],
    pub(crate) needed: usize,
    pub(crate) wanted: &'static str,
}

/// A row below the names of the columns.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    file: &'a str,
    line: u64,
    form: &'a Form,
    text: &'a str,
    columns: &'a [Option<usize>],
    ranges: &'a [Range<usize>],
}

impl<'a> Row<'a> {
    /// The cell of a column, by its place in the form; empty where the file has no such column.
    pub(crate) fn cell(&self, column: usize) -> Cow<'a, str> {
        self.columns[column].map_or_else(Default::default, |at| plain(&self.text[self.ranges[at].clone()]))
    }

    /// What is wrong with that cell, and the mend.
    pub(crate) fn refuse(&self, column: usize, problem: &str, help: &str) -> FleetError {
        FleetError::Cell {
            file: self.file.to_owned(),
            line: self.line,
            column: self.form.known[column],
            problem: problem.to_owned(),
            found: self.cell(column).into_owned(),
            help: help.to_owned(),
        }
    }
}

/// Visits the rows of a whole file, empty ones passed over.
pub(crate) fn rows(
    file: &str,
    bytes: &[u8],
    form: &Form,
    mut visit: impl FnMut(&Row<'_>) -> Result<(), FleetError>,
) -> Result<(), FleetError> {
    let (mut columns, mut width, mut ranges) = (Vec::new(), 0, Vec::new());
    let mut each = |line: u64, text: &[u8]| {
        let text = std::str::from_utf8(text).map_err(|_| FleetError::NotText { file: file.to_owned(), line })?;
        if columns.is_empty() {
            (columns, width) = header(file, text, form.known, form.needed, form.wanted)?;
            return Ok(());
        } else if text.trim().is_empty() {
            return Ok(());
        }
        cells(text, &mut ranges);
        if ranges.len() != width {
            return Err(FleetError::Cells { file: file.to_owned(), line, found: ranges.len(), wanted: width });
        }
        visit(&Row { file, line, form, text, columns: &columns, ranges: &ranges })
    };
    let mut lines = Lines::default();
    lines.feed(bytes, &mut each)?;
    lines.finish(&mut each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_pieces_of_any_length() {
        let text = b"a,b\r\n1,\"x,y\"\n\n2,z";
        for length in 1..text.len() {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            let mut note = |number: u64, line: &[u8]| {
                seen.push((number, String::from_utf8_lossy(line).into_owned()));
                Ok(())
            };
            for piece in text.chunks(length) {
                lines.feed(piece, &mut note).expect("nothing is refused");
            }
            lines.finish(&mut note).expect("nothing is refused");
            let told: Vec<(u64, &str)> = seen.iter().map(|(number, line)| (*number, line.as_str())).collect();
            assert_eq!(told, [(1, "a,b"), (2, "1,\"x,y\""), (3, ""), (4, "2,z")]);
        }
    }

    #[test]
    fn a_quoted_cell_keeps_its_comma() {
        let mut found = Vec::new();
        let line = "1,\"x,\"\"y\"\"\", z ";
        cells(line, &mut found);
        let told: Vec<String> = found.iter().map(|range| plain(&line[range.clone()]).into_owned()).collect();
        assert_eq!(told, ["1", "x,\"y\"", "z"]);
    }
}
