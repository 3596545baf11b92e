//! Time as the grid has it, beside time as the clock has it.
//!
//! In: an instant of either. Out: the same instant of the other. They are one, unless a trial compresses time: then an
//! hour of the signal lasts a few seconds of the clock, and only the signal's hours, windows and job lengths are read
//! so; engines, meters and the keeper go by the clock.

use jiff::{SignedDuration, Timestamp};

/// How fast the grid's time goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Seconds of the grid in a second of the clock; 1 in earnest.
    pub scale: f64,
    /// This instant of the clock …
    pub clock: Timestamp,
    /// … is this one of the grid.
    pub grid: Timestamp,
}

impl Pace {
    /// The grid's time is the clock's.
    pub const EARNEST: Self = Self { scale: 1.0, clock: Timestamp::UNIX_EPOCH, grid: Timestamp::UNIX_EPOCH };

    /// The grid's time at an instant of the clock.
    pub fn to_grid(self, at: Timestamp) -> Timestamp {
        self.grid.saturating_add(times(at.duration_since(self.clock), self.scale)).unwrap_or(at)
    }

    /// The clock's time at an instant of the grid.
    pub fn to_clock(self, at: Timestamp) -> Timestamp {
        self.clock.saturating_add(times(at.duration_since(self.grid), 1.0 / self.scale)).unwrap_or(at)
    }

    /// Whether time is compressed.
    pub fn is_trial(self) -> bool {
        self != Self::EARNEST
    }

    /// As the state keeps it.
    pub fn to_text(self) -> String {
        format!("{} {} {}", self.scale, self.clock, self.grid)
    }

    /// Reads what [`Pace::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let pace = Self {
            scale: words.next()?.parse().ok().filter(|scale| (1.0..=1e6).contains(scale))?,
            clock: words.next()?.parse().ok()?,
            grid: words.next()?.parse().ok()?,
        };
        Some(pace)
    }
}

/// Exact where the factor is 1: a second of two thousand years is lost in a float otherwise.
fn times(duration: SignedDuration, factor: f64) -> SignedDuration {
    if factor == 1.0 {
        return duration;
    }
    SignedDuration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_earnest_both_times_are_one_and_in_a_trial_an_hour_is_five_seconds() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let now = at("2026-11-26T19:33:21.123456789Z");
        assert_eq!((Pace::EARNEST.to_grid(now), Pace::EARNEST.to_clock(now)), (now, now));
        let trial = Pace { scale: 720.0, clock: at("2026-11-26T12:00:00Z"), grid: at("2022-07-04T00:00:00Z") };
        assert_eq!(trial.to_grid(at("2026-11-26T12:00:10Z")), at("2022-07-04T02:00:00Z"));
        assert_eq!(trial.to_clock(at("2022-07-04T01:00:00Z")), at("2026-11-26T12:00:05Z"));
        assert_eq!(Pace::parse(&trial.to_text()), Some(trial));
        assert_eq!(Pace::parse("0 x y"), None);
    }
}
