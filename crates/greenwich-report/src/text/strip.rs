//! The heat strip: intensity by region over the window, the planned hours marked beneath.
//!
//! In: a plan. Out: one row a region. A bar's height is its place on one scale for all rows; colour,
//! where it is on, says the same once more. The chosen region has a second row on a scale of its own,
//! which shows why these hours.

use crate::number::three;
use crate::strip::{Row, Strip};
use crate::text::page::Page;
use crate::text::wrap::{columns, cut, left, right};
use crate::view::PlanView;
use crate::when::ticks;
use greenwich_core::Window;
use std::fmt::Write as _;

const ROWS: usize = 7;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// From clean to dirty in the 256 colours of a terminal: blue to yellow, told apart by the colour-blind.
const COLOURS: [u8; 8] = [24, 25, 61, 66, 102, 143, 178, 220];
/// How much of a column is covered: a little, half, most, all.
const MARKS: [char; 4] = ['░', '▒', '▓', '█'];
/// A region whose high is less than this many times its low has no shape worth a row of its own.
const STEADY: f64 = 1.02;
/// A row whose high is above this share of the common scale shows its shape there.
const READABLE: f64 = 0.5;
const PLANNED: u8 = 39;
const RANGE_COLUMNS: usize = 9;

/// Draws the strip with its scale, marks and dates.
pub(crate) fn draw(page: &mut Page, view: &PlanView<'_>) {
    let names = view.plan.by_region.iter().take(ROWS).map(|placement| &placement.candidate);
    let names = names.chain([&view.plan.best.candidate, &view.plan.baseline.candidate]);
    let longest = names.map(|candidate| columns(candidate.region.as_str())).max().unwrap_or(0);
    let label = (longest + 2).clamp(16, page.width() / 3);
    let room = page.width() - label - RANGE_COLUMNS - 2;
    let strip = Strip::of(view.request, view.plan, ROWS, room);
    // A short window is drawn with several columns an hour, so that marks and dates have room.
    let wide = (room / strip.buckets.len()).clamp(1, 4);
    let hours = strip.window.hours() / (strip.buckets.len() * wide) as f64;
    page.heading("Intensity over the window, gCO2e/kWh");
    let stands = if hours > 0.95 { format!("{} h", three(hours)) } else { format!("{} min", three(hours * 60.0)) };
    page.paragraph(&format!(
        "▸ planned here, ⌂ home. ▁ 0 to █ {} on one scale for all; a column is {stands}; ░▒▓█ how much of it the run \
         takes; right: low–high.",
        three(strip.top)
    ));
    for row in &strip.rows {
        let shades: Vec<Option<f64>> = row.cells.iter().map(|cell| cell.map(|value| strip.shade(value))).collect();
        draw_row(page, label, &mark(row), &bars(&shades, wide, page.style().colour), &extent(row));
        if row.role.is_chosen() {
            if let Some((low, high)) =
                row.extent().filter(|(low, high)| *high > low * STEADY && *high < strip.top * READABLE)
            {
                let own = |value: f64| (value - low) / (high - low);
                let shades: Vec<Option<f64>> = row.cells.iter().map(|cell| cell.map(own)).collect();
                draw_row(page, label, "  own scale", &bars(&shades, wide, false), "");
            }
            marks(page, label, "  planned", &strip, &view.plan.best.segments, wide);
        }
        if row.role.is_home() {
            marks(page, label, "  baseline", &strip, &view.plan.baseline.segments, wide);
        }
    }
    dates(page, label, &strip, wide);
}

fn mark(row: &Row<'_>) -> String {
    let mark = if row.role.is_chosen() {
        "▸ "
    } else if row.role.is_home() {
        "⌂ "
    } else {
        "  "
    };
    format!("{mark}{}", row.region)
}

fn extent(row: &Row<'_>) -> String {
    row.extent().map_or_else(String::new, |(low, high)| {
        let (low, high) = (three(low), three(high));
        let text = if low == high { low } else { format!("{low}–{high}") };
        right(&cut(&text, RANGE_COLUMNS), RANGE_COLUMNS)
    })
}

fn draw_row(page: &mut Page, label: usize, name: &str, cells: &str, extent: &str) {
    page.drawn(&cut(name, label - 1), label, &format!("{cells} {extent}"));
}

/// A bar a shade, each as many columns wide; colour says the same once more.
pub(crate) fn bars(shades: &[Option<f64>], wide: usize, colour: bool) -> String {
    let mut out = String::new();
    for shade in shades {
        match shade {
            None => out.push_str(&"·".repeat(wide)),
            Some(shade) => {
                let step = ((shade * 8.0) as usize).min(7);
                let bar = BARS[step].to_string().repeat(wide);
                if colour {
                    let _ = write!(out, "\x1b[38;5;{}m{bar}\x1b[0m", COLOURS[step]);
                } else {
                    out.push_str(&bar);
                }
            }
        }
    }
    out
}

fn marks(page: &mut Page, label: usize, name: &str, strip: &Strip<'_>, segments: &[Window], wide: usize) {
    let mut out = String::new();
    for share in strip.marks(segments) {
        let mark = match share {
            share if share <= 0.0 => ' ',
            share => MARKS[((share * 4.0).ceil() as usize).clamp(1, 4) - 1],
        };
        out.extend(std::iter::repeat_n(mark, wide));
    }
    let out = out.trim_end().to_owned();
    let out = if page.style().colour { format!("\x1b[38;5;{PLANNED}m{out}\x1b[0m") } else { out };
    page.drawn(name, label, &out);
}

/// Dates under the strip, each at its column.
fn dates(page: &mut Page, label: usize, strip: &Strip<'_>, wide: usize) {
    let cells = strip.buckets.len() * wide;
    let mut line = String::new();
    for (instant, text) in ticks(strip.window, (cells / 9).max(1)) {
        let share = instant.duration_since(strip.window.start()).as_secs_f64() / strip.window.duration().as_secs_f64();
        let at = (share * cells as f64) as usize;
        let text = format!("|{text}");
        if (line.is_empty() || at > columns(&line)) && at + columns(&text) <= cells + RANGE_COLUMNS {
            line = left(&line, at);
            line.push_str(&text);
        }
    }
    let year = strip.window.start().strftime("UTC, %Y").to_string();
    page.drawn(&format!("  {year}"), label, &line);
}
