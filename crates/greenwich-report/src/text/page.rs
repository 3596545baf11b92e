//! The page a text is written on: lines of at most so many columns.
//!
//! In: headings, paragraphs, tables and ready lines. Out: one string that ends with a line break.

use crate::text::table::Table;
use crate::text::wrap::{clean, columns, cut, left, wrap};
use crate::view::Style;

/// Columns of the names that stand before a paragraph.
const NAME_COLUMNS: usize = 10;

/// Lines so far.
#[derive(Debug)]
pub(crate) struct Page {
    style: Style,
    text: String,
}

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, text: String::new() }
    }
    /// Columns to fill.
    pub(crate) fn width(&self) -> usize {
        self.style.columns()
    }
    /// How the page looks.
    pub(crate) fn style(&self) -> Style {
        self.style
    }
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }
    /// A paragraph over the whole width.
    pub(crate) fn paragraph(&mut self, text: &str) {
        for line in wrap(text, self.width()) {
            self.push(&line);
        }
    }
    /// A paragraph in bold where colour is on.
    pub(crate) fn headline(&mut self, text: &str) {
        for line in wrap(text, self.width()) {
            let line = self.style.heading(&line);
            self.push(&line);
        }
    }
    /// A heading, after a blank line.
    pub(crate) fn heading(&mut self, text: &str) {
        self.blank();
        self.headline(text);
    }
    /// `Where     gcp/europe-north2 …`, further lines below the text.
    pub(crate) fn named(&mut self, name: &str, text: &str) {
        let indent = " ".repeat(NAME_COLUMNS + 1);
        for (index, line) in wrap(text, self.width() - NAME_COLUMNS - 1).iter().enumerate() {
            if index == 0 {
                let name = cut(name, NAME_COLUMNS);
                let gap = " ".repeat(NAME_COLUMNS + 1 - columns(&name));
                let name = self.style.heading(&name);
                self.push(&format!("{name}{gap}{line}"));
            } else {
                self.push(&format!("{indent}{line}"));
            }
        }
    }
    /// A paragraph behind a mark: `- `, `! `; further lines stand below its text.
    pub(crate) fn item(&mut self, mark: &str, text: &str) {
        let indent = columns(mark);
        for (index, line) in wrap(text, self.width() - indent).iter().enumerate() {
            let before = if index == 0 { mark.to_owned() } else { " ".repeat(indent) };
            self.push(&format!("{before}{line}"));
        }
    }
    /// A table, its header bold where colour is on.
    pub(crate) fn table(&mut self, table: &Table) {
        let (lines, header) = table.lines(self.width());
        for (index, line) in lines.iter().enumerate() {
            let line = if index < header { self.style.heading(line) } else { line.clone() };
            self.push(&line);
        }
    }
    /// A label of `label_columns` columns, then what is drawn beside it: `drawn` may hold colour and
    /// is as wide as the caller says it is.
    pub(crate) fn drawn(&mut self, label: &str, label_columns: usize, drawn: &str) {
        let label = left(&cut(&clean(label), label_columns), label_columns);
        self.push(&format!("{label}{drawn}"));
    }
    fn push(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
    pub(crate) fn finish(self) -> String {
        self.text
    }
}
