//! Half-open spans of time, always UTC.
//!
//! In: two instants. Out: a [`Window`] that holds its start and not its end.

use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// A half-open span `[start, end)`; never empty and never backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

/// A window whose end is not after its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the window ends at {end}, which is not after its start {start}")]
pub struct BackwardsWindow {
    /// The start given.
    pub start: Timestamp,
    /// The end given.
    pub end: Timestamp,
}

impl Window {
    /// Makes the window `[start, end)`.
    ///
    /// # Errors
    /// [`BackwardsWindow`] when `end` is not after `start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, BackwardsWindow> {
        if start < end { Ok(Self { start, end }) } else { Err(BackwardsWindow { start, end }) }
    }
    /// The first instant inside.
    pub const fn start(self) -> Timestamp {
        self.start
    }
    /// The first instant after.
    pub const fn end(self) -> Timestamp {
        self.end
    }
    /// How long it is.
    pub fn duration(self) -> SignedDuration {
        self.end.duration_since(self.start)
    }
    /// How long it is, in hours.
    pub fn hours(self) -> f64 {
        self.duration().as_secs_f64() / 3600.0
    }
    /// Whether the instant is inside.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let at = |s: &str| s.parse::<Timestamp>().expect("a stamp");
        let window = Window::new(at("2026-01-05T00:00:00Z"), at("2026-01-05T06:30:00Z")).expect("forwards");
        assert!(window.contains(window.start()) && !window.contains(window.end()));
        assert!((window.hours() - 6.5).abs() < 1e-12);
        assert!(Window::new(window.end(), window.start()).is_err());
        assert!(Window::new(window.end(), window.end()).is_err());
    }
}
