//! Instants as people read them, always UTC, and the ticks of a time axis.
//!
//! In: timestamps and windows. Out: short dates, and tick instants at round hours and days.

use greenwich_core::Window;
use jiff::{SignedDuration, Timestamp};

/// `5 Jan 00:00`; the year and `UTC` are said beside it.
pub(crate) fn short(instant: Timestamp) -> String {
    instant.strftime("%-d %b %H:%M").to_string()
}

/// `Mon 5 Jan 2026 00:00`.
pub(crate) fn long(instant: Timestamp) -> String {
    instant.strftime("%a %-d %b %Y %H:%M").to_string()
}

/// `5 Jan 2026 00:00`.
fn dated(instant: Timestamp) -> String {
    instant.strftime("%-d %b %Y %H:%M").to_string()
}

/// `from 5 Jan 2026 00:00 to 12 Jan 07:00 UTC`: the end says only what the start has not said.
pub(crate) fn span(start: Timestamp, end: Timestamp) -> String {
    let part = |pattern: &str| [start, end].map(|instant| instant.strftime(pattern).to_string());
    let [start_year, end_year] = part("%Y");
    let [start_day, end_day] = part("%Y-%m-%d");
    let end = if start_year != end_year {
        dated(end)
    } else if start_day != end_day {
        short(end)
    } else {
        end.strftime("%H:%M").to_string()
    };
    format!("from {} to {end} UTC", dated(start))
}

/// How long something lasted, in its two greatest units: `2 h 14 min`.
pub(crate) fn lasted(seconds: f64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    if seconds < 59.5 {
        return format!("{} s", crate::number::three(seconds.max(0.0)));
    }
    // Rounded in the lesser unit first, so that 59.9 min is an hour and not `60 min`.
    let at = UNITS.iter().position(|(size, _)| seconds >= *size as f64 - 0.5).unwrap_or(UNITS.len() - 2);
    let ((great, great_unit), (less, less_unit)) = (UNITS[at.min(2)], UNITS[at.min(2) + 1]);
    let whole = (seconds / less as f64).round() as u64;
    let (greater, rest) = (whole / (great / less), whole % (great / less));
    if rest == 0 { format!("{greater} {great_unit}") } else { format!("{greater} {great_unit} {rest} {less_unit}") }
}

/// Ticks for an axis with room for `most` labels: round UTC hours or days inside the window.
pub(crate) fn ticks(window: Window, most: usize) -> Vec<(Timestamp, String)> {
    const STEPS_H: [i64; 13] = [1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 1440, 2880];
    let hours = window.hours();
    let step_h = STEPS_H.into_iter().find(|step| hours / *step as f64 <= most.max(1) as f64).unwrap_or(8760);
    let step_s = step_h * 3600;
    let from = window.start().as_second();
    let aligned = |second: i64| second.div_euclid(step_s) * step_s;
    // Days count from the window's first midnight, so that a week's ticks do not hang on 1970.
    let origin = if step_h > 24 { from.div_euclid(86_400) * 86_400 } else { aligned(from) };
    let mut ticks = Vec::new();
    let mut second = origin;
    while second < window.end().as_second() {
        if second >= from
            && let Ok(instant) = Timestamp::from_second(second)
        {
            let midnight = second.rem_euclid(86_400) == 0;
            let label = if midnight || step_h >= 24 { "%-d %b" } else { "%H:%M" };
            ticks.push((instant, instant.strftime(label).to_string()));
        }
        second += step_s;
    }
    ticks
}

/// The window cut in `count` equal buckets.
pub(crate) fn buckets(window: Window, count: usize) -> Vec<Window> {
    let seconds = window.duration().as_secs_f64();
    let edge = |index: usize| {
        if index == count {
            return window.end();
        }
        window.start() + SignedDuration::from_secs((seconds * index as f64 / count as f64).round() as i64)
    };
    (0..count).filter_map(|index| Window::new(edge(index), edge(index + 1)).ok()).collect()
}

/// Share of the bucket that the segments cover, 0 to 1.
pub(crate) fn covered(bucket: Window, segments: &[Window]) -> f64 {
    let inside = |segment: &Window| {
        let from = segment.start().max(bucket.start());
        let to = segment.end().min(bucket.end());
        to.duration_since(from).as_secs_f64().max(0.0)
    };
    segments.iter().map(inside).sum::<f64>() / bucket.duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str) -> Window {
        Window::new(from.parse().expect("a stamp"), to.parse().expect("a stamp")).expect("forwards")
    }

    #[test]
    fn ticks_are_round_and_few() {
        let labels = |window, most| ticks(window, most).into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        assert_eq!(labels(window("2026-01-05T03:30:00Z", "2026-01-06T13:00:00Z"), 4), ["12:00", "6 Jan", "12:00"]);
        assert_eq!(
            labels(window("2026-01-05T00:00:00Z", "2026-02-20T00:00:00Z"), 7),
            ["5 Jan", "12 Jan", "19 Jan", "26 Jan", "2 Feb", "9 Feb", "16 Feb"]
        );
    }

    #[test]
    fn a_span_does_not_say_the_day_or_the_year_twice() {
        let span = |from: &str, to: &str| span(from.parse().expect("a stamp"), to.parse().expect("a stamp"));
        assert_eq!(span("2026-01-05T00:00:00Z", "2026-01-05T06:00:00Z"), "from 5 Jan 2026 00:00 to 06:00 UTC");
        assert_eq!(span("2026-01-05T00:00:00Z", "2026-02-05T06:00:00Z"), "from 5 Jan 2026 00:00 to 5 Feb 06:00 UTC");
        assert_eq!(
            span("2026-12-31T00:00:00Z", "2027-01-05T06:00:00Z"),
            "from 31 Dec 2026 00:00 to 5 Jan 2027 06:00 UTC"
        );
    }

    #[test]
    fn a_time_has_two_units_at_most() {
        let said = [0.0, 0.25, 42.0, 59.7, 134.0 * 60.0, 3599.8, 7200.0, 86_399.9, 90_000.0].map(lasted);
        assert_eq!(said, ["0 s", "0.250 s", "42.0 s", "1 min", "2 h 14 min", "1 h", "2 h", "1 d", "1 d 1 h"]);
    }

    #[test]
    fn buckets_tile_the_window() {
        let whole = window("2026-01-05T00:00:00Z", "2026-01-05T10:00:01Z");
        let parts = buckets(whole, 7);
        assert_eq!(parts.len(), 7);
        assert_eq!((parts[0].start(), parts[6].end()), (whole.start(), whole.end()));
        assert!(parts.windows(2).all(|pair| pair[0].end() == pair[1].start()));
        assert!((covered(whole, &parts) - 1.0).abs() < 1e-12);
    }
}
