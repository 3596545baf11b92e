//! Intensity over time, with where it is from.
//!
//! In: evenly stepped gCO2e/kWh from a signal source. Out: means over windows. A mean over a window
//! that the series does not wholly cover is `None`: a gap is never filled here.

use crate::name::ZoneId;
use crate::quantity::Pue;
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

/// Facility over IT energy of one site over time: evenly stepped, ascending and without gaps.
///
/// A site that cools with outside air draws more in the heat. What it draws is told relative to its `usual` PUE, so
/// that a power that was reckoned with that one stays what it is where nothing is known of the weather.
#[derive(Debug, Clone, PartialEq)]
pub struct PueSeries {
    usual: Pue,
    start: Timestamp,
    step: SignedDuration,
    by_step: Vec<Pue>,
}

impl PueSeries {
    /// Makes a series from the PUE that powers are reckoned with, its first stamp, its step and one PUE a step.
    ///
    /// # Panics
    /// When `step` is not positive: a source of ours made a mistake.
    pub fn new(usual: Pue, start: Timestamp, step: SignedDuration, by_step: Vec<Pue>) -> Self {
        assert!(step > SignedDuration::ZERO, "a series steps forward");
        Self { usual, start, step, by_step }
    }
    /// The PUE that powers are reckoned with.
    pub fn usual(&self) -> Pue {
        self.usual
    }
    /// The first instant covered.
    pub fn start(&self) -> Timestamp {
        self.start
    }
    /// The first instant no longer covered.
    pub fn end(&self) -> Timestamp {
        self.start + self.step * i32::try_from(self.by_step.len()).expect("fewer than 2^31 steps")
    }
    /// Whether every instant of the window is covered.
    pub fn covers(&self, window: Window) -> bool {
        self.start <= window.start() && window.end() <= self.end()
    }
    /// What the site draws over the window relative to its usual PUE, the same IT power all the while; `None` where the
    /// series has a gap.
    pub fn relative(&self, window: Window) -> Option<f64> {
        self.integral(window, |_| Some(1.0)).map(|sum| sum / window.duration().as_secs_f64())
    }
    /// The mean PUE over the window; `None` where the series has a gap.
    pub fn mean(&self, window: Window) -> Option<Pue> {
        Pue::new(self.relative(window)? * self.usual.ratio()).ok()
    }
    /// The mean over the window of intensity × PUE relative to the usual one, in gCO2e/kWh: what a kilowatt-hour at the
    /// usual PUE stands for. `None` where either has a gap.
    pub fn weigh_g_per_kwh(&self, intensity: &IntensitySeries, window: Window) -> Option<f64> {
        if !intensity.covers(window) {
            return None;
        }
        let sum = self.integral(window, |part| intensity.mean_g_per_kwh(part))?;
        Some(sum / window.duration().as_secs_f64())
    }
    /// Σ relative PUE × what `of` says of the step × seconds.
    fn integral(&self, window: Window, of: impl Fn(Window) -> Option<f64>) -> Option<f64> {
        if !self.covers(window) {
            return None;
        }
        let step_ns = self.step.as_nanos();
        let index = |at: Timestamp| at.duration_since(self.start).as_nanos().div_euclid(step_ns);
        let (mut at, mut sum) = (window.start(), 0.0);
        while at < window.end() {
            let step = i32::try_from(index(at)).ok()?;
            let next = (self.start + self.step * (step + 1)).min(window.end());
            let part = Window::new(at, next).expect("steps go forward");
            let relative = self.by_step[step as usize].ratio() / self.usual.ratio();
            sum += relative * of(part)? * part.duration().as_secs_f64();
            at = next;
        }
        Some(sum)
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

    #[test]
    fn a_hot_hour_counts_for_more_than_a_cool_one() {
        let pue = |ratio| Pue::new(ratio).expect("in range");
        let by_hour = vec![pue(1.0), pue(1.2), pue(1.4), pue(1.0)];
        let series = PueSeries::new(pue(1.2), at("2026-01-05T00:00:00Z"), SignedDuration::from_hours(1), by_hour);
        let window = Window::new(at("2026-01-05T00:30:00Z"), at("2026-01-05T03:00:00Z")).expect("forwards");
        let mean = series.mean(window).expect("covered").ratio();
        assert!((mean - (0.5 * 1.0 + 1.2 + 1.4) / 2.5).abs() < 1e-12, "{mean}");
        let weighed = series.weigh_g_per_kwh(&four_hours(), window).expect("covered");
        assert!((weighed - (0.5 * 100.0 + 1.2 * 200.0 + 1.4 * 300.0) / 1.2 / 2.5).abs() < 1e-9, "{weighed}");
        let late = Window::new(at("2026-01-05T03:30:00Z"), at("2026-01-05T05:00:00Z")).expect("forwards");
        assert_eq!((series.relative(late), series.weigh_g_per_kwh(&four_hours(), late)), (None, None));
    }
}
