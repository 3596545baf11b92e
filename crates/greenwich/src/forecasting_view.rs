//! A forecast as people and programs read it: the next days drawn with their bands, and `greenwich.forecast/1`.
//!
//! In: what was foretold and how wide to be. Out: text, JSON. The scale stands on nought, so that a steady grid
//! looks steady.

use crate::forecasting::{Foretold, Input, Point};
use greenwich_core::Signal;
use greenwich_report::Style;
use greenwich_report::figures::{columns, cut, three};
use greenwich_report::text::sheet::{Align, Sheet};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write as _;

const SCHEMA: &str = "greenwich.forecast/1";
/// Rows of the drawing.
const ROWS: usize = 10;
/// Columns of the scale's figures and its line.
const SCALE_COLUMNS: usize = 8;
/// Days that the table lists.
const MOST_DAYS: usize = 14;
const DAY_S: i64 = 86_400;

/// `greenwich.forecast/1`.
pub fn json(told: &Foretold) -> Value {
    json!({
        "schema": SCHEMA, "zone": told.zone.as_str(), "signal": told.signal.as_str(), "issued": told.issued.to_string(),
        "source": told.source, "model": told.model, "known_hours": told.known_hours, "stale_hours": told.stale_hours,
        "inputs": inputs_json(&told.inputs), "points": points_json(&told.points), "warnings": told.warnings,
    })
}

/// What else was at hand, for JSON.
pub(crate) fn inputs_json(inputs: &[Input]) -> Vec<Value> {
    let input = |input: &Input| {
        json!({
            "name": input.name, "family": input.family.as_str(), "used": input.is_used, "basis": input.basis,
            "known_until": input.known_until.map(|until| until.to_string()),
        })
    };
    inputs.iter().map(input).collect()
}

/// What else had a say, and what did not; `None` where nothing else was at hand.
pub(crate) fn inputs_words(inputs: &[Input]) -> Option<String> {
    let listed = |used: bool| -> Vec<String> {
        let words = |input: &Input| match (input.is_used, input.basis, input.known_until) {
            (true, "as-if-foretold", _) => format!("{} (as if foretold)", input.name),
            (true, "day-ahead", Some(until)) => format!("{} (to {} UTC)", input.name, until.strftime("%a %H:%M")),
            _ => input.name.clone(),
        };
        inputs.iter().filter(|input| input.is_used == used).map(words).collect()
    };
    let (used, idle) = (listed(true), listed(false));
    let idle =
        (!idle.is_empty()).then(|| format!("not used, since it did not win on this zone's past: {}", idle.join(", ")));
    let used = (!used.is_empty()).then(|| used.join(", "));
    match (used, idle) {
        (Some(used), Some(idle)) => Some(format!("{used}; {idle}")),
        (used, idle) => used.or(idle),
    }
}

pub(crate) fn points_json(points: &[Point]) -> Vec<Value> {
    points.iter().map(|point| {
        json!({
            "start": point.start.to_string(), "p5": point.p5_g_per_kwh, "p50": point.p50_g_per_kwh, "p95": point.p95_g_per_kwh,
        })
    }).collect()
}

/// The forecast as text.
#[must_use]
pub fn text(told: &Foretold, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let first = told.points[0];
    let mean = mean(&told.points);
    sheet.headline(&format!(
        "{}: {} gCO2e/kWh in the hour from {} UTC, {} on average over {} h",
        told.zone,
        banded(&first),
        first.start.strftime("%a %-d %b %Y %H:%M"),
        three(mean),
        told.points.len(),
    ));
    sheet.named("Signal", signal_words(told.signal));
    sheet.named("Source", &told.source);
    if let Some(words) = inputs_words(&told.inputs) {
        sheet.named("Inputs", &words);
    }
    let nothing = if told.inputs.iter().any(|input| input.is_used) { "no intensity" } else { "nothing" };
    sheet.named(
        "Issued",
        &format!("{} UTC; {nothing} stamped then or later was used", told.issued.strftime("%Y-%m-%d %H:%M")),
    );
    sheet.blank();
    let mut out = sheet.finish();
    let mut sheet = Sheet::new(style);
    if varies(&told.points) {
        out.push_str(&drawn(&told.points, style));
        sheet.blank();
        sheet.table(&DAY_TABLE, by_day(&told.points).into_iter().take(MOST_DAYS).map(day_row).collect());
        let more = by_day(&told.points).len().saturating_sub(MOST_DAYS);
        if more > 0 {
            sheet.paragraph(&format!("… and {more} more; --format json has every hour"));
        }
        for hours in [8, 24].into_iter().filter(|hours| told.points.len() >= 2 * hours) {
            sheet.named(&format!("Best {hours} h"), &best(&told.points, hours));
        }
    } else {
        sheet.paragraph(SAME);
    }
    for warning in &told.warnings {
        sheet.item("! ", warning);
    }
    out + &sheet.finish()
}

const DAY_TABLE: [(&str, Align); 7] = [
    ("UTC day", Align::Left),
    ("mean", Align::Right),
    ("lowest", Align::Right),
    ("at", Align::Right),
    ("highest", Align::Right),
    ("at", Align::Right),
    ("90 % band", Align::Right),
];
/// What is said where nothing varies.
pub(crate) const SAME: &str = "The same at every hour, as far as is known: nothing to gain by waiting can be seen.";

/// Whether the medians differ.
pub(crate) fn varies(points: &[Point]) -> bool {
    points.iter().any(|point| point.p50_g_per_kwh != points[0].p50_g_per_kwh)
}

/// When so many hours are cleanest, and by how much.
pub(crate) fn best(points: &[Point], hours: usize) -> String {
    let (start, g_per_kwh) = cleanest(points, hours);
    format!(
        "from {} UTC: {} gCO2e/kWh expected, {:.0} % below the mean of these {} h",
        start.strftime("%a %-d %b %H:%M"),
        three(g_per_kwh),
        (1.0 - g_per_kwh / mean(points)).max(0.0) * 100.0,
        points.len()
    )
}

/// `152 (110–210)`.
pub(crate) fn banded(point: &Point) -> String {
    let (low, high) = (three(point.p5_g_per_kwh), three(point.p95_g_per_kwh));
    format!("{} ({low}–{high})", three(point.p50_g_per_kwh))
}

pub(crate) const fn signal_words(signal: Signal) -> &'static str {
    match signal {
        Signal::Lifecycle => "average intensity, lifecycle",
        Signal::Direct => "average intensity, direct",
        Signal::Marginal => "marginal intensity, for decisions only",
    }
}

pub(crate) fn mean(points: &[Point]) -> f64 {
    points.iter().map(|point| point.p50_g_per_kwh).sum::<f64>() / points.len() as f64
}

/// The start of the so many hours that are cleanest by the medians, and their mean; the earliest of equals.
pub(crate) fn cleanest(points: &[Point], hours: usize) -> (Timestamp, f64) {
    let means = points.windows(hours).map(|run| (run[0].start, mean(run)));
    // What differs in the last digits alone is equal.
    let earlier =
        |best: (Timestamp, f64), next: (Timestamp, f64)| if next.1 < best.1 * (1.0 - 1e-9) { next } else { best };
    means.reduce(earlier).expect("the caller asks for no more hours than there are")
}

fn by_day(points: &[Point]) -> Vec<&[Point]> {
    points.chunk_by(|a, b| a.start.as_second().div_euclid(DAY_S) == b.start.as_second().div_euclid(DAY_S)).collect()
}

fn day_row(day: &[Point]) -> Vec<String> {
    let by = |a: &&Point, b: &&Point| a.p50_g_per_kwh.total_cmp(&b.p50_g_per_kwh);
    let low = day.iter().min_by(by).expect("a day has an hour");
    // Of equals the earliest here too.
    let high = day.iter().rev().max_by(by).expect("a day has an hour");
    let least = day.iter().map(|point| point.p5_g_per_kwh).fold(f64::INFINITY, f64::min);
    let most = day.iter().map(|point| point.p95_g_per_kwh).fold(0.0, f64::max);
    let clock = |point: &Point| point.start.strftime("%H:%M").to_string();
    vec![
        day[0].start.strftime("%a %-d %b").to_string(),
        three(mean(day)),
        three(low.p50_g_per_kwh),
        clock(low),
        three(high.p50_g_per_kwh),
        clock(high),
        format!("{}–{}", three(least), three(most)),
    ]
}

/// A column of the drawing: some hours, and how many columns wide.
struct Bucket {
    start: Timestamp,
    /// p5, p50 and p95 in gCO2e/kWh.
    band: [f64; 3],
}

/// The hours against a scale in g/kWh: `━` the median, `░` the band in which nine in ten hours lie.
pub(crate) fn drawn(points: &[Point], style: Style) -> String {
    let room = style.width.clamp(60, 100) - SCALE_COLUMNS;
    let per = [1, 2, 3, 4, 6, 8, 12, 24, 48].into_iter().find(|per| points.len().div_ceil(*per) <= room).unwrap_or(48);
    let of = |hours: &[Point], pick: fn(&Point) -> f64| hours.iter().map(pick).sum::<f64>() / hours.len() as f64;
    let buckets: Vec<Bucket> = points
        .chunks(per)
        .map(|hours| Bucket {
            start: hours[0].start,
            band: [of(hours, |p| p.p5_g_per_kwh), of(hours, |p| p.p50_g_per_kwh), of(hours, |p| p.p95_g_per_kwh)],
        })
        .collect();
    let wide = (room / buckets.len()).clamp(1, 3);
    let top = round_up(buckets.iter().map(|bucket| bucket.band[2]).fold(0.0, f64::max));
    let row_of = |value: f64| ((value / top * ROWS as f64) as usize).min(ROWS - 1);
    let mut out = String::new();
    for row in (0..ROWS).rev() {
        let label = if row % 2 == 1 { three(top * (row + 1) as f64 / ROWS as f64) } else { String::new() };
        let mut line = String::new();
        for bucket in &buckets {
            let [low, middle, high] = bucket.band.map(row_of);
            let mark = if row == middle {
                "━"
            } else if (low..=high).contains(&row) {
                "░"
            } else {
                " "
            };
            line.push_str(&mark.repeat(wide));
        }
        _ = writeln!(out, "{}", format!("{label:>6} ┤{line}").trim_end());
    }
    _ = writeln!(out, "{:>6} └{}", "0", "─".repeat(buckets.len() * wide));
    _ = writeln!(out, "{}", cut(axis(&buckets, wide).trim_end(), style.width.max(60)));
    _ = writeln!(
        out,
        "{}gCO2e/kWh: ━ median, ░ 90 % band{}",
        " ".repeat(SCALE_COLUMNS),
        if per == 1 { String::new() } else { format!("; a column is {per} h") }
    );
    out
}

/// Days below the columns where they begin, as many as have room.
fn axis(buckets: &[Bucket], wide: usize) -> String {
    let span = SignedDuration::from_hours(30);
    let short = buckets[buckets.len() - 1].start.duration_since(buckets[0].start) <= span;
    let step_s = if short { DAY_S / 4 } else { DAY_S };
    let mut out = String::new();
    for (at, bucket) in buckets.iter().enumerate() {
        let begins = at == 0
            || bucket.start.as_second().div_euclid(step_s) != buckets[at - 1].start.as_second().div_euclid(step_s);
        let column = SCALE_COLUMNS + at * wide;
        let fits = columns(&out) < column || out.is_empty();
        if begins && fits {
            out.push_str(&" ".repeat(column - columns(&out)));
            out.push_str(&bucket.start.strftime(if short { "%a %H:%M" } else { "%a %-d %b" }).to_string());
        }
    }
    out
}

/// The next round number: 1, 2, 2.5, 4, 5 or 8 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 2.5, 4.0, 5.0, 8.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn points(hours: usize) -> Vec<Point> {
        let start: Timestamp = "2022-06-01T00:00:00Z".parse().expect("a stamp");
        let point = |hour: usize| {
            let p50 = 200.0 - 83.0 * (std::f64::consts::TAU * (hour as f64 - 6.0) / 24.0).sin();
            let wide = 1.0 + 0.1 + hour as f64 / 400.0;
            Point {
                start: start + SignedDuration::from_hours(hour as i64),
                p5_g_per_kwh: p50 / wide,
                p50_g_per_kwh: p50,
                p95_g_per_kwh: p50 * wide,
            }
        };
        (0..hours).map(point).collect()
    }

    #[test]
    fn days_are_drawn_with_their_bands_on_a_scale_from_nought() {
        assert_snapshot!(drawn(&points(48), Style { width: 60, ..Style::default() }), @"
         400 ┤
             ┤                       ░░░                    ░░
         320 ┤━━░░                 ░░━━━░░░               ░░░━
             ┤░░━━━░             ░━━━░░░━━━░            ░░━━━░
         240 ┤   ░░━━          ░━━░░░   ░░░━━░         ░░━░░░░
             ┤     ░░━░      ░░━░░         ░░━░░     ░░━━░░
         160 ┤       ░━━━░░░━━━░             ░━━━░░░━━━░
             ┤          ░━━━░                  ░░━━━░░
        80.0 ┤
             ┤
           0 └────────────────────────────────────────────────
              Wed 1 Jun               Thu 2 Jun
              gCO2e/kWh: ━ median, ░ 90 % band
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_long_spans_take_hours_together() {
        for (hours, width) in [(1, 60), (24, 80), (96, 100), (168, 100), (336, 72), (1440, 60)] {
            let text = drawn(&points(hours), Style { width, ..Style::default() });
            let widest = text.lines().map(columns).max().expect("it has lines");
            assert!(widest <= width, "{hours} h in {width}: {widest}\n{text}");
            assert_eq!(text.lines().count(), ROWS + 3);
        }
    }

    #[test]
    fn the_cleanest_hours_are_the_earliest_of_equals() {
        let (start, mean) = cleanest(&points(48), 2);
        assert_eq!(start.to_string(), "2022-06-01T11:00:00Z");
        assert!((mean - 118.41).abs() < 0.01, "{mean}");
    }
}
