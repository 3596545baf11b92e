//! What an accelerator draws while it trains, its share of the host with it, before PUE.
//!
//! In: what is known: the user's figure, published means of whole systems, those of its family, or the design power; what share of
//! its peak the run gets, and how much it moves through memory. Out: mean power of the system's share with its range, and that of the
//! chip alone. A design power is a cap and no draw, so it is the last resort and says so.

use crate::lognormal::LogNormal;
use greenwich_core::quantity::Power;
use greenwich_core::{Check, Factor, Fit, Range};

/// Right up to this factor at one standard deviation, where whole systems of the chip were measured: no
/// less than runs of one chip differ among themselves (Patterson et al. 2021, table 3: 2 to 11 %).
/// Assumed; to be fitted once more runs state their energy.
const MEASURED_WITHIN: f64 = 1.12;
/// The same where another chip of the generation was measured. Assumed.
const SIBLING_WITHIN: f64 = 1.25;
/// Published mean power of a whole system's share over the design power of its chip, of GPUs: P100 271/300 and
/// V100 325/300 (Patterson et al. 2021, table 3), H100 843/700 (MLPerf Training 4.0, one node) and 969/700
/// (Newkirk et al. 2025). TPUs lie at 0.54 to 0.82 and their design power differs by source: it is no guide.
const SYSTEM_OVER_TDP: [f64; 4] = [271.0 / 300.0, 325.0 / 300.0, 843.0 / 700.0, 969.0 / 700.0];
/// Student's t over the normal at the 95th percentile, for the three degrees of freedom of four ratios.
const T3_OVER_NORMAL: f64 = 2.353 / 1.645;

/// How the mean power is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PowerBasis {
    /// The user says so: the whole system's share, before PUE.
    Given(Power),
    /// The whole system's share was measured in training.
    Measured {
        /// Mean over runs.
        mean: Power,
        /// Lowest of the runs, where told.
        low: Option<Power>,
        /// Highest of the runs, where told.
        high: Option<Power>,
    },
    /// Another chip of the generation was measured; scaled by design power.
    Sibling {
        /// The other's mean.
        mean: Power,
        /// The other's design power.
        sibling_tdp: Power,
        /// Our chip's design power.
        tdp: Power,
    },
    /// Other chips of its family were measured, and its design power is no guide.
    Family {
        /// Their mean.
        mean: Power,
        /// Spread of one more of them, as a standard deviation of the logarithm.
        log_sd: f64,
    },
    /// The design power alone.
    Tdp {
        /// The chip's.
        tdp: Power,
        /// Spread added where no system of its family was measured, as a standard deviation of the logarithm.
        foreign_log_sd: f64,
    },
}

/// How mean power follows the share of peak that a run gets: P(u) = P·(1 − moving + moving·u/at + traffic·u).
///
/// Linear in the share, so that idle hours, which lower both, are counted once. What does not move is leakage, clocks, memory kept
/// alive, fans and host. The memory traffic of a usual decoder is in the moving part; what a run moves more or less comes on top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Share of peak, over whole runs, at which the mean power holds.
    pub at: f64,
    /// The part of that power that goes with the share.
    pub moving: f64,
    /// What the run's memory traffic beyond a usual decoder's adds to it, for each share of peak; below zero where it is less.
    pub traffic: f64,
    /// Standard deviation of the logarithm of that.
    pub traffic_sigma: f64,
}

/// Part of a chip's own power in its system's, and what it cannot exceed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chip {
    /// Power of the chip alone over that of its share of the system.
    pub of_system: LogNormal<f64>,
    /// Its power limit, where known: no run's mean is above.
    pub limit: Option<Power>,
}

impl Chip {
    /// Power of the chip alone, without host, network and fans, from that of its share of the system.
    ///
    /// ```
    /// use greenwich_core::quantity::Power;
    /// use greenwich_estimate::{Chip, LogNormal};
    /// let chip = Chip { of_system: LogNormal::new(0.70, 0.18), limit: Some(Power::from_watts(700.0)) };
    /// let alone = chip.alone(LogNormal::exact(Power::from_watts(969.0)));
    /// assert!((alone.p50.watts() - 678.3).abs() < 0.1 && alone.p95.watts() <= 700.0);
    /// ```
    pub fn alone(&self, system: LogNormal<Power>) -> Range<Power> {
        let held = |power: Power| self.limit.map_or(power, |limit| if power > limit { limit } else { power });
        system.with(self.of_system, |power, share| power * share).range().map(held)
    }
}

/// No chip draws more than at so many times the share at which it was measured: its power limit holds it.
const MOST_OVER_MEASURED: f64 = 1.5;

impl Load {
    /// A mean power that holds at a share of peak, with a usual decoder's memory traffic.
    pub const fn usual(at: f64, moving: f64) -> Self {
        Self { at, moving, traffic: 0.0, traffic_sigma: 0.0 }
    }
    /// The same for a run that moves more or less than a usual decoder: `beyond` is the share of the memory's rate that it takes for each
    /// share of peak, less that of a usual decoder; `full` the part of the mean power that the full rate adds.
    #[must_use]
    pub fn moving_beyond_usual(self, beyond: f64, full: LogNormal<f64>) -> Self {
        Self { traffic: full.median() * beyond, traffic_sigma: full.sigma(), ..self }
    }
    /// What the power rises by with a share of peak.
    fn slope(self) -> f64 {
        self.moving / self.at + self.traffic
    }
    /// Power at a share of peak over the power at [`Load::at`].
    fn factor(self, share: f64) -> f64 {
        let least = 0.5 * (1.0 - self.moving);
        (1.0 - self.moving + self.slope() * share.min(MOST_OVER_MEASURED * self.at)).max(least)
    }
    /// By how many per cent power rises with a per cent of share.
    fn elasticity(self, share: f64) -> f64 {
        if share / self.at < MOST_OVER_MEASURED { self.slope() * share / self.factor(share) } else { 0.0 }
    }
    /// Spread that the memory's part adds at a share.
    fn sigma(self, share: f64) -> f64 {
        let share = share.min(MOST_OVER_MEASURED * self.at);
        (self.traffic * share).abs() / self.factor(share) * self.traffic_sigma
    }
}

/// Mean power of a run, and how far its error undoes that of the hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drawn {
    /// Power at the share of peak, over the power that is published.
    pub(crate) factor: f64,
    /// Mean power with its range.
    pub(crate) power: LogNormal<Power>,
    /// Spread that power has of its own.
    pub(crate) own_sigma: f64,
    /// By how many per cent power rises with a per cent of share.
    pub(crate) elasticity: f64,
}

impl PowerBasis {
    /// Mean power at a share of peak.
    pub fn at(&self, load: Load, share: LogNormal<f64>) -> LogNormal<Power> {
        self.drawn(Some(load), Some(share)).power
    }
    /// Mean power at the share of peak that a run gets. A run that gets less takes longer and draws less: the two errors undo each
    /// other in part.
    pub(crate) fn drawn(&self, load: Option<Load>, share: Option<LogNormal<f64>>) -> Drawn {
        let reference = self.mean_power();
        let (Some(load), Some(share), false) = (load, share, matches!(self, Self::Given(_))) else {
            return Drawn { factor: 1.0, power: reference, own_sigma: reference.sigma(), elasticity: 0.0 };
        };
        let own_sigma = reference.sigma().hypot(load.sigma(share.median()));
        let elasticity = load.elasticity(share.median());
        let factor = load.factor(share.median());
        let power = reference.median() * factor;
        Drawn {
            factor,
            power: LogNormal::new(power, own_sigma.hypot(elasticity * share.sigma())),
            own_sigma,
            elasticity,
        }
    }
    /// Mean power per accelerator with its share of the host, before PUE.
    ///
    /// ```
    /// use greenwich_core::quantity::Power;
    /// use greenwich_estimate::PowerBasis;
    /// let given = PowerBasis::Given(Power::from_watts(330.0)).mean_power();
    /// assert!(given.range().is_exact());
    /// ```
    pub fn mean_power(&self) -> LogNormal<Power> {
        match *self {
            Self::Given(power) => LogNormal::exact(power),
            Self::Measured { mean, low, high } => {
                let ends = LogNormal::between(low.unwrap_or(mean), high.unwrap_or(mean)).sigma();
                LogNormal::new(mean, ends.max(MEASURED_WITHIN.ln()))
            }
            Self::Sibling { mean, sibling_tdp, tdp } => {
                LogNormal::within_factor(mean * (tdp / sibling_tdp), SIBLING_WITHIN)
            }
            Self::Family { mean, log_sd } => LogNormal::new(mean, log_sd),
            Self::Tdp { tdp, foreign_log_sd } => {
                let ratio = system_over_tdp();
                LogNormal::new(tdp * ratio.median(), ratio.sigma().hypot(foreign_log_sd))
            }
        }
    }
    /// Every power named in the basis, to be checked.
    pub(crate) fn parts(&self) -> Vec<Power> {
        match *self {
            Self::Given(power) | Self::Tdp { tdp: power, .. } | Self::Family { mean: power, .. } => vec![power],
            Self::Measured { mean, low, high } => [Some(mean), low, high].into_iter().flatten().collect(),
            Self::Sibling { mean, sibling_tdp, tdp } => vec![mean, sibling_tdp, tdp],
        }
    }
    /// What this module itself adds to the figure.
    pub(crate) fn factor(&self) -> Option<Factor> {
        let (quantity, value, unit, source, fit, check) = match *self {
            Self::Given(_) | Self::Family { .. } => return None,
            Self::Measured { .. } => (
                "spread of mean power between runs",
                self.mean_power().sigma().exp(),
                "factor at one standard deviation",
                "range of the measured runs, no less than 1.12 (assumed)",
                Fit::Assumed,
                Check::Derived,
            ),
            Self::Sibling { sibling_tdp, tdp, .. } => (
                "design power over that of the measured sibling",
                tdp / sibling_tdp,
                "ratio",
                "both data sheets; right within a factor of 1.25 (assumed)",
                Fit::Assumed,
                Check::Derived,
            ),
            Self::Tdp { .. } => (
                "host factor: mean power of the whole system over TDP",
                system_over_tdp().median(),
                "ratio",
                "geometric mean of P100 and V100 (Patterson et al. 2021, table 3) and H100 (MLPerf Training 4.0; Newkirk et al. 2025)",
                Fit::Similar("four GPU systems measured in training".to_owned()),
                Check::Derived,
            ),
        };
        Some(Factor {
            quantity: quantity.into(),
            value,
            unit: unit.into(),
            source: source.into(),
            year: None,
            fit,
            check,
        })
    }
}

/// The ratio for a chip that is not among the four: their geometric mean, and the spread of one more draw.
fn system_over_tdp() -> LogNormal<f64> {
    let n = SYSTEM_OVER_TDP.len() as f64;
    let mean = SYSTEM_OVER_TDP.iter().map(|ratio| ratio.ln()).sum::<f64>() / n;
    let squares: f64 = SYSTEM_OVER_TDP.iter().map(|ratio| (ratio.ln() - mean).powi(2)).sum();
    let one_more = (squares / (n - 1.0) * (1.0 + 1.0 / n)).sqrt();
    LogNormal::new(mean.exp(), one_more * T3_OVER_NORMAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watts(basis: &PowerBasis) -> String {
        basis.mean_power().range().to_string()
    }

    #[test]
    fn the_less_is_known_the_wider_the_range() {
        let w = Power::from_watts;
        let known = PowerBasis::Measured { mean: w(283.0), low: Some(w(245.0)), high: Some(w(310.0)) };
        let sibling = PowerBasis::Sibling { mean: w(969.0), sibling_tdp: w(700.0), tdp: w(350.0) };
        insta::assert_snapshot!(watts(&PowerBasis::Given(w(330.0))), @"330 W");
        insta::assert_snapshot!(watts(&known), @"283 W (235 W – 341 W)");
        insta::assert_snapshot!(watts(&sibling), @"485 W (336 W – 699 W)");
        insta::assert_snapshot!(watts(&PowerBasis::Tdp { tdp: w(400.0), foreign_log_sd: 0.0 }), @"452 W (282 W – 726 W)");
        let tdp = |foreign_log_sd| PowerBasis::Tdp { tdp: w(400.0), foreign_log_sd };
        let sigmas = [known, sibling, tdp(0.0), tdp(0.2)].map(|basis| basis.mean_power().sigma());
        assert!(sigmas.is_sorted());
    }

    #[test]
    fn power_follows_the_share_of_peak_and_is_held_by_the_limit() {
        let load = Some(Load::usual(0.4, 0.5));
        let basis = PowerBasis::Measured { mean: Power::from_watts(300.0), low: None, high: None };
        let at = |share: f64| basis.drawn(load, Some(LogNormal::new(share, 0.3)));
        let watts = [0.0001, 0.2, 0.4, 0.6, 0.9].map(|share| at(share).power.median().watts().round());
        assert_eq!(watts, [150.0, 225.0, 300.0, 375.0, 375.0]);
        assert!(at(0.4).power.sigma() > at(0.9).power.sigma());
        assert!((at(0.4).elasticity - 0.5).abs() < 1e-12);
        let given = PowerBasis::Given(Power::from_watts(330.0)).drawn(load, Some(LogNormal::new(0.2, 0.3)));
        assert!(given.power.range().is_exact());
    }

    #[test]
    fn a_run_that_moves_more_through_memory_draws_more_at_the_same_share() {
        let basis = PowerBasis::Measured { mean: Power::from_watts(300.0), low: None, high: None };
        let at = |beyond: f64| {
            let load = Load::usual(0.3, 0.33).moving_beyond_usual(beyond, LogNormal::new(0.32, 0.5));
            basis.drawn(Some(load), Some(LogNormal::exact(0.2)))
        };
        // 300·(1 − .33 + .33·.2/.3) without, and 300·.32·.2·2 W more for two full rates a share.
        assert!((at(0.0).power.median().watts() - 267.0).abs() < 0.01);
        assert!((at(2.0).power.median().watts() - 305.4).abs() < 0.01);
        assert!(at(2.0).own_sigma > at(0.0).own_sigma && at(-0.5).power.median() < at(0.0).power.median());
        // A share that cannot be leaves the spread where the limit holds the power.
        let load = Load::usual(0.3, 0.33).moving_beyond_usual(2.0, LogNormal::new(0.32, 0.5));
        let spread = |share: f64| basis.drawn(Some(load), Some(LogNormal::exact(share))).own_sigma;
        assert!((spread(1e5) - spread(0.45)).abs() < 1e-12);
    }

    #[test]
    fn runs_further_apart_than_assumed_widen_the_range() {
        let w = Power::from_watts;
        let far = PowerBasis::Measured { mean: w(200.0), low: Some(w(100.0)), high: Some(w(400.0)) }.mean_power();
        assert!((far.range().p95.watts() - 400.0).abs() < 1e-9);
    }
}
