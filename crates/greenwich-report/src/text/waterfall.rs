//! A waterfall whose steps multiply: a log axis on the terminal.
//!
//! In: the levers between two jobs. Out: a row for the base, one a lever and one for the alternative.
//! On a log axis a lever of one size has one length wherever it stands, so lengths add up as factors
//! multiply.

use crate::number::three;
use crate::text::page::Page;
use crate::text::wrap::{columns, cut, left};
use crate::waterfall::{course, effect, ends, plain, steps, ticks};
use greenwich_core::levers::Levers;

/// Columns kept for what a row says of itself, on its left and on its right.
const NAME_COLUMNS: usize = 17;
const EFFECT_COLUMNS: usize = 11;

/// Draws the waterfall.
pub(crate) fn draw(page: &mut Page, levers: &Levers) {
    let course = course(levers);
    let (low, high) = ends(&course);
    let width = page.width() - NAME_COLUMNS - EFFECT_COLUMNS - 2;
    let place = |value: f64| (((value / low).ln() / (high / low).ln()) * (width - 1) as f64).round() as usize;
    let mut row = |name: &str, cells: &[char], says: &str| {
        let cells: String = cells.iter().collect();
        page.drawn(name, NAME_COLUMNS + 1, &format!("{cells} {says}"));
    };
    let blank = || vec![' '; width];
    let point = |value: f64| {
        let mut cells = blank();
        cells[place(value)] = '◆';
        cells
    };
    let whole = |value: f64| format!("{} %", three(value * 100.0));
    row(&cut(&levers.base, NAME_COLUMNS), &point(course[0]), &whole(course[0]));
    for (index, step) in steps(levers).iter().enumerate() {
        row(step.name, &arrow(width, place(course[index]), place(course[index + 1])), &effect(step.ratio));
    }
    let last = course[course.len() - 1];
    row(&cut(&levers.alternative, NAME_COLUMNS), &point(last), &whole(last));
    let (axis, labels) = axis(&ticks(low, high, width / 8), width, place);
    row("", &axis, "");
    page.drawn("", NAME_COLUMNS + 1, &labels);
}

/// A bar from where the CO2e was to where the lever brings it, with its direction.
fn arrow(width: usize, from: usize, to: usize) -> Vec<char> {
    let mut cells = vec![' '; width];
    let (start, end) = (from.min(to), from.max(to));
    cells[start..=end].fill('━');
    if from == to {
        cells[from] = '│';
    } else {
        cells[to] = if to < from { '◀' } else { '▶' };
        cells[from] = if to < from { '┫' } else { '┣' };
    }
    cells
}

fn axis(ticks: &[f64], width: usize, place: impl Fn(f64) -> usize) -> (Vec<char>, String) {
    let mut line = vec!['─'; width];
    let mut labels = String::new();
    for tick in ticks {
        let at = place(*tick);
        line[at] = '┴';
        let label = format!("{} %", plain(*tick * 100.0));
        let starts = at.saturating_sub(columns(&label) / 2).min(width.saturating_sub(columns(&label)));
        if starts > columns(&labels) || labels.is_empty() {
            labels = left(&labels, starts);
            labels.push_str(&label);
        }
    }
    (line, labels)
}
