//! Intensity over time, with where it is from.
//!
//! In: evenly stepped gCO2e/kWh from a signal source. Out: means over windows. A mean over a window
//! that the series does not wholly cover is `None`: a gap is never filled here.

use crate::name::ZoneId;
use crate::window::Window;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// Which question an intensity answers. The three are never mixed in one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Grid mean with fuel chain and plant: for accounts.
    Lifecycle,
    /// Grid mean at the stack only: for accounts.
    Direct,
    /// Response to one more kWh: for decisions, never for an inventory.
    Marginal,
}

impl Signal {
    /// The word in job files, flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Direct => "direct",
            Self::Marginal => "marginal",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a series came about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provenance {
    /// Read from a file of past or forecast values that the user gave.
    Replayed {
        /// The file's name, for the report.
        file: String,
    },
    /// A typical year's mean for this month and hour: not a forecast.
    Typical {
        /// First year averaged.
        from_year: i16,
        /// Last year averaged.
        to_year: i16,
        /// Who to name for it.
        attribution: String,
    },
    /// Foretold from the zone's own past: medians, whose bands are with whoever issued them.
    Forecast {
        /// Nothing stamped then or later was used.
        issued: Timestamp,
        /// The history and the model, in words.
        source: String,
    },
    /// One number that the user gave, the same at every hour.
    Given,
    /// One yearly mean, the same at every hour: nothing to gain by waiting can be seen.
    Flat {
        /// The figure's year.
        year: i16,
        /// The zone whose figure it is.
        zone: ZoneId,
    },
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("given in the job file, flat"),
            Self::Replayed { file } => write!(f, "replayed from {file}"),
            Self::Forecast { issued, source } => write!(f, "forecast of {issued} from {source}"),
            Self::Typical { from_year, to_year, .. } if from_year == to_year => {
                write!(f, "typical {from_year}, not a forecast")
            }
            Self::Typical { from_year, to_year, .. } => write!(f, "typical {from_year}–{to_year}, not a forecast"),
            Self::Flat { year, zone } => write!(f, "yearly mean of {zone} {year}, flat"),
        }
    }
}

/// Evenly stepped intensity of one zone, ascending and without gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct IntensitySeries {
    /// The zone it speaks of.
    pub zone: ZoneId,
    /// Which question it answers.
    pub signal: Signal,
    /// How it came about.
    pub provenance: Provenance,
    start: Timestamp,
    step: SignedDuration,
    g_per_kwh: Vec<f64>,
}

impl IntensitySeries {
    /// Makes a series from its first stamp, its step and one value a step, in gCO2e/kWh.
    ///
    /// # Panics
    /// When `step` is not positive: a source of ours made a mistake.
    pub fn new(
        zone: ZoneId,
        signal: Signal,
        provenance: Provenance,
        start: Timestamp,
        step: SignedDuration,
        g_per_kwh: Vec<f64>,
    ) -> Self {
        assert!(step > SignedDuration::ZERO, "a series steps forward");
        Self { zone, signal, provenance, start, step, g_per_kwh }
    }
    /// The first instant covered.
    pub fn start(&self) -> Timestamp {
        self.start
    }
    /// The first instant no longer covered.
    pub fn end(&self) -> Timestamp {
        self.start + self.step * i32::try_from(self.g_per_kwh.len()).expect("fewer than 2^31 steps")
    }
    /// The length of a step.
    pub fn step(&self) -> SignedDuration {
        self.step
    }
    /// One value a step, in gCO2e/kWh, ascending in time.
    pub fn values_g_per_kwh(&self) -> &[f64] {
        &self.g_per_kwh
    }
    /// Whether every instant of the window is covered.
    pub fn covers(&self, window: Window) -> bool {
        self.start <= window.start() && window.end() <= self.end()
    }
    /// The time-weighted mean over the window in gCO2e/kWh, or `None` where the series has a gap.
    pub fn mean_g_per_kwh(&self, window: Window) -> Option<f64> {
        if !self.covers(window) {
            return None;
        }
        let step = self.step.as_secs_f64();
        let from = window.start().duration_since(self.start).as_secs_f64() / step;
        let to = window.end().duration_since(self.start).as_secs_f64() / step;
        let mut weighted = 0.0;
        for index in from as usize..(to.ceil() as usize).min(self.g_per_kwh.len()) {
            let share = (to.min(index as f64 + 1.0) - from.max(index as f64)).max(0.0);
            weighted += share * self.g_per_kwh[index];
        }
        Some(weighted / (to - from))
    }
    /// Means over `count` equal cells of `cell` length from `start`, each in gCO2e/kWh; the last cell
    /// is cut at `end`. `None` where the series has a gap.
    pub fn cells_g_per_kwh(&self, window: Window, cell: SignedDuration) -> Option<Vec<f64>> {
        let mut means = Vec::new();
        let mut at = window.start();
        while at < window.end() {
            let next = (at + cell).min(window.end());
            means.push(self.mean_g_per_kwh(Window::new(at, next).expect("cells step forward"))?);
            at = next;
        }
        Some(means)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stamp: &str) -> Timestamp {
        stamp.parse().expect("a stamp")
    }

    fn four_hours() -> IntensitySeries {
        IntensitySeries::new(
            ZoneId::new("FR"),
            Signal::Lifecycle,
            Provenance::Replayed { file: "FR.csv".into() },
            at("2026-01-05T00:00:00Z"),
            SignedDuration::from_hours(1),
            vec![100.0, 200.0, 300.0, 400.0],
        )
    }

    #[test]
    fn a_mean_weighs_each_step_by_the_time_inside_the_window() {
        let window = Window::new(at("2026-01-05T00:30:00Z"), at("2026-01-05T02:00:00Z")).expect("forwards");
        let mean = four_hours().mean_g_per_kwh(window).expect("covered");
        assert!((mean - (0.5 * 100.0 + 200.0) / 1.5).abs() < 1e-9);
    }

    #[test]
    fn a_window_that_sticks_out_has_no_mean() {
        let window = Window::new(at("2026-01-05T03:00:00Z"), at("2026-01-05T05:00:00Z")).expect("forwards");
        assert_eq!(four_hours().mean_g_per_kwh(window), None);
    }

    #[test]
    fn cells_start_at_the_window_and_the_last_is_cut() {
        let window = Window::new(at("2026-01-05T00:30:00Z"), at("2026-01-05T02:00:00Z")).expect("forwards");
        let cells = four_hours().cells_g_per_kwh(window, SignedDuration::from_hours(1)).expect("covered");
        assert_eq!(cells, vec![150.0, 200.0]);
    }
}
