//! Tables that fit: columns shrink and cells wrap until the rows are narrow enough.
//!
//! In: rows of cells and how wide the table may be. Out: lines. No cell is lost; on a narrow terminal
//! a row takes more lines.

use crate::text::wrap::{clean, columns, least, least_at_hyphens, left, right, wrap};

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

const GAP: usize = 2;

impl Table {
    /// A table with its header; a column is aligned as its header says.
    pub(crate) fn new(header: &[(&str, Align)]) -> Self {
        let rows = vec![header.iter().map(|(name, _)| (*name).to_owned()).collect()];
        Self { aligns: header.iter().map(|(_, align)| *align).collect(), rows }
    }
    /// Adds a row of as many cells as the header has.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.aligns.len(), "a row has as many cells as the header");
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }
    /// The lines, the header's first and `header_lines` in number.
    pub(crate) fn lines(&self, width: usize) -> (Vec<String>, usize) {
        let widths = self.widths(width);
        let mut lines = Vec::new();
        let mut header_lines = 0;
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(cell, width)| wrap(cell, *width)).collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for line in 0..height {
                let parts = cells.iter().zip(&widths).zip(&self.aligns).map(|((cell, width), align)| {
                    let text = cell.get(line).map_or("", String::as_str);
                    match align {
                        Align::Left => left(text, *width),
                        Align::Right => right(text, *width),
                    }
                });
                lines.push(parts.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned());
            }
            if index == 0 {
                header_lines = height;
            }
        }
        (lines, header_lines)
    }
    /// Natural widths, from which columns give way: first where words then stay whole, then where names
    /// break behind a hyphen, at last anywhere.
    fn widths(&self, width: usize) -> Vec<usize> {
        let over = |measure: fn(&str) -> usize| -> Vec<usize> {
            let column = |index: usize| self.rows.iter().map(|row| measure(&row[index])).max().unwrap_or(0);
            (0..self.aligns.len()).map(column).collect()
        };
        let mut widths = over(columns);
        let room = width.saturating_sub(GAP * self.aligns.len().saturating_sub(1));
        for floors in [over(least), over(least_at_hyphens), vec![1; widths.len()]] {
            while widths.iter().sum::<usize>() > room {
                let giving = (0..widths.len()).filter(|index| widths[*index] > floors[*index]);
                match giving.max_by_key(|index| widths[*index] - floors[*index]) {
                    Some(index) => widths[index] -= 1,
                    None => break,
                }
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn table() -> Table {
        let mut table = Table::new(&[("", Align::Left), ("planned", Align::Right)]);
        table.row(vec!["CO2e, location-based".into(), "2.42 tCO2e (2.06–2.91)".into()]);
        table.row(vec!["Cost".into(), "not known".into()]);
        table
    }

    #[test]
    fn a_wide_table_is_one_line_a_row() {
        assert_snapshot!(table().lines(60).0.join("\n"), @r"
                                             planned
        CO2e, location-based  2.42 tCO2e (2.06–2.91)
        Cost                               not known
        ");
    }

    #[test]
    fn a_narrow_table_wraps_its_cells() {
        assert_snapshot!(table().lines(30).0.join("\n"), @"
                               planned
        CO2e,               2.42 tCO2e
        location-based     (2.06–2.91)
        Cost                 not known
        ");
    }
}
