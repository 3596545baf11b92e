//! The seam through which intensities enter.
//!
//! In: a zone, a signal, a window. Out: a series that covers the window, or why there is none.
//! Choosing among signals and judging what they say is left to the roof.

use crate::error::SignalError;
use greenwich_core::{IntensitySeries, Signal, Window, ZoneId};

/// Gives the intensity of grid zones over time.
pub trait GridSignal {
    /// The zones that it can speak of, ascending.
    fn zones(&self) -> Vec<ZoneId>;

    /// The intensity of a zone over a window, in gCO2e/kWh; the series may begin before the window
    /// and end after it, by less than a step each.
    ///
    /// # Errors
    /// [`SignalError`], which tells by [`SignalError::kind`] whether to ask again.
    fn series(&self, zone: &ZoneId, signal: Signal, window: Window) -> Result<IntensitySeries, SignalError>;
}

/// The steps that cover a window: the start of the first one and how many there are. Steps lie on
/// multiples of `step_s` after `origin_s`, both in seconds since 1970.
pub(crate) fn steps_over(window: Window, origin_s: i64, step_s: i64) -> (i64, usize) {
    let first = (window.start().as_second() - origin_s).div_euclid(step_s);
    let past = window.end().as_second() + i64::from(window.end().subsec_nanosecond() > 0) - origin_s;
    let end = past.div_euclid(step_s) + i64::from(past.rem_euclid(step_s) > 0);
    let count = usize::try_from(end - first).expect("a window ends after its start");
    (origin_s + first * step_s, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(start: &str, end: &str, origin_s: i64, step_s: i64) -> (i64, usize) {
        let at = |stamp: &str| stamp.parse().expect("a stamp");
        steps_over(Window::new(at(start), at(end)).expect("forwards"), origin_s, step_s)
    }

    #[test]
    fn steps_reach_outwards_to_cover_the_window() {
        assert_eq!(steps("1970-01-01T01:00:00Z", "1970-01-01T03:00:00Z", 0, 3600), (3600, 2));
        assert_eq!(steps("1970-01-01T01:30:00Z", "1970-01-01T03:00:00.5Z", 0, 3600), (3600, 3));
        assert_eq!(steps("1970-01-01T01:00:00Z", "1970-01-01T01:10:00Z", 300, 1800), (2100, 2));
        assert_eq!(steps("1969-12-31T23:30:00Z", "1970-01-01T00:00:00Z", 0, 3600), (-3600, 1));
    }
}
