//! Pages of the roof's own answers: lists of runs, sums, findings.
//!
//! In: headings, paragraphs, rows, and figures by value. Out: text in the same hand as every other report.

use crate::amount::amount;
use crate::number;
use crate::text::page::Page;
use crate::text::table::{Align as Side, Table};
use crate::view::Style;
use greenwich_core::quantity::{Co2e, FacilityEnergy, Power};
use jiff::Timestamp;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// A page that is being written.
#[derive(Debug)]
pub struct Sheet(Page);

impl Sheet {
    /// An empty page.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self(Page::new(style))
    }
    /// The line that says it all, bold where colour is on.
    pub fn headline(&mut self, text: &str) {
        self.0.headline(text);
    }
    /// A heading, after a blank line.
    pub fn heading(&mut self, text: &str) {
        self.0.heading(text);
    }
    /// An empty line.
    pub fn blank(&mut self) {
        self.0.blank();
    }
    /// A paragraph over the whole width.
    pub fn paragraph(&mut self, text: &str) {
        self.0.paragraph(text);
    }
    /// A paragraph behind a short name.
    pub fn named(&mut self, name: &str, text: &str) {
        self.0.named(name, text);
    }
    /// A paragraph behind a mark, its further lines below its text.
    pub fn item(&mut self, mark: &str, text: &str) {
        self.0.item(mark, text);
    }
    /// A table; each row has as many cells as the header.
    pub fn table(&mut self, header: &[(&str, Align)], rows: Vec<Vec<String>>) {
        let side = |align: Align| if align == Align::Left { Side::Left } else { Side::Right };
        let header: Vec<(&str, Side)> = header.iter().map(|(name, align)| (*name, side(*align))).collect();
        let mut table = Table::new(&header);
        for row in rows {
            table.row(row);
        }
        self.0.table(&table);
    }
    /// The text, which ends with a line break.
    #[must_use]
    pub fn finish(self) -> String {
        self.0.finish()
    }
}

/// What stands where nothing is known.
pub const NOT_KNOWN: &str = crate::text::quantities::NOT_KNOWN;

/// Energy with its unit: `9.82 kWh`.
pub fn energy(kwh: f64) -> String {
    amount(FacilityEnergy::from_kwh(kwh))
}

/// CO2e with its unit: `1.64 kgCO2e`.
pub fn co2e(kg: f64) -> String {
    amount(Co2e::from_kg(kg))
}

/// Power with its unit: `660 W`.
pub fn power(watts: f64) -> String {
    amount(Power::from_watts(watts))
}

/// Three significant figures.
pub fn three(figure: f64) -> String {
    number::three(figure)
}

/// A share as percent: `88 %`; one that is too small to show is not passed off as none.
pub fn percent(share: f64) -> String {
    if share > 0.0 && share < 5e-5 { "< 0.01 %".to_owned() } else { number::percent(share) }
}

/// A duration in its two greatest units: `2 h 14 min`.
pub fn lasted(seconds: f64) -> String {
    crate::when::lasted(seconds)
}

/// An instant: `2026-01-05 09:13`, UTC.
pub fn moment(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M").to_string()
}
