//! Quantities known up to a factor: a median and the standard deviation of the logarithm.
//!
//! In: a typed median with its spread. Out: exact products (the spreads add in squares), sums after
//! Fenton and Wilkinson, and the 5th, 50th and 95th percentile as a [`Range`]. Only the lawful
//! products of `greenwich-core` compile here too.

use greenwich_core::Range;
use greenwich_core::range::{Quantity, Spread};
use std::ops::Mul;

/// The standard normal's 95th percentile.
pub const Z95: f64 = 1.644_853_626_951_472_2;

/// A quantity whose logarithm is normal; a spread of zero makes it exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal<Q> {
    median: Q,
    sigma: f64,
}

impl<Q: Copy> LogNormal<Q> {
    /// A quantity that is known.
    pub const fn exact(median: Q) -> Self {
        Self { median, sigma: 0.0 }
    }
    /// A median and the standard deviation of the natural logarithm; below zero and NaN count as zero.
    pub const fn new(median: Q, sigma: f64) -> Self {
        Self { median, sigma: sigma.max(0.0) }
    }
    /// A median that is right up to `factor` (above 1) at one standard deviation.
    pub fn within_factor(median: Q, factor: f64) -> Self {
        Self::new(median, factor.ln())
    }
    /// The median.
    pub const fn median(self) -> Q {
        self.median
    }
    /// Standard deviation of the natural logarithm.
    pub const fn sigma(self) -> f64 {
        self.sigma
    }
    /// Factors down to the 5th and up to the 95th percentile.
    pub fn spread(self) -> Spread {
        let factor = (Z95 * self.sigma).exp();
        Spread { down: factor, up: factor }
    }
    /// The product with another, independent quantity.
    pub fn times<R: Copy, S: Copy>(self, other: LogNormal<R>) -> LogNormal<S>
    where
        Q: Mul<R, Output = S>,
    {
        self.with(other, Mul::mul)
    }
    /// A product or quotient that `f` writes down, with another, independent quantity.
    pub fn with<R: Copy, S: Copy>(self, other: LogNormal<R>, f: impl FnOnce(Q, R) -> S) -> LogNormal<S> {
        LogNormal { median: f(self.median, other.median), sigma: self.sigma.hypot(other.sigma) }
    }
    /// Another quantity in proportion to this one.
    pub fn map<R: Copy>(self, f: impl FnOnce(Q) -> R) -> LogNormal<R> {
        LogNormal { median: f(self.median), sigma: self.sigma }
    }
}

impl<Q: Quantity> LogNormal<Q> {
    /// The lognormal whose 5th and 95th percentile are these, both above zero.
    ///
    /// ```
    /// use greenwich_core::quantity::Co2e;
    /// use greenwich_estimate::LogNormal;
    /// let card = LogNormal::between(Co2e::from_kg(100.0), Co2e::from_kg(400.0));
    /// assert!((card.median().kg() - 200.0).abs() < 1e-9);
    /// assert!((card.range().p95.kg() - 400.0).abs() < 1e-9);
    /// ```
    pub fn between(p5: Q, p95: Q) -> Self {
        let (low, high) = (p5.base(), p95.base());
        Self::new(Q::from_base((low * high).sqrt()), (high / low).ln() / (2.0 * Z95))
    }
    /// Its 5th, 50th and 95th percentile.
    pub fn range(self) -> Range<Q> {
        let at = |z: f64| Q::from_base(self.median.base() * (z * self.sigma).exp());
        Range { p5: at(-Z95), p50: self.median, p95: at(Z95) }
    }
    /// The sum with an amount that is known: the median moves by the amount, and the 95th
    /// percentile too.
    pub fn plus_exact(self, amount: Q) -> Self {
        let median = self.median.base() + amount.base();
        if amount.base() == 0.0 || self.sigma == 0.0 || median <= 0.0 {
            return Self { median: Q::from_base(median), sigma: self.sigma };
        }
        let high = self.range().p95.base() + amount.base();
        Self { median: Q::from_base(median), sigma: (high / median).ln() / Z95 }
    }
    /// The sum of independent quantities, as the lognormal that has the sum's mean and variance.
    ///
    /// # Sources
    /// L. F. Fenton, "The sum of log-normal probability distributions in scatter transmission
    /// systems", 1960: with m and v the mean and variance of the sum, σ² = ln(1 + v/m²) and the
    /// median is m·exp(−σ²/2).
    pub fn sum(parts: &[Self]) -> Self {
        let (mut mean, mut variance) = (0.0, 0.0);
        for part in parts {
            let own = part.median.base() * (part.sigma * part.sigma / 2.0).exp();
            mean += own;
            variance += own * own * (part.sigma * part.sigma).exp_m1();
        }
        if mean <= 0.0 {
            return Self::exact(Q::from_base(mean));
        }
        let square = (variance / (mean * mean)).ln_1p();
        Self { median: Q::from_base(mean * (-square / 2.0).exp()), sigma: square.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_core::quantity::{AcceleratorHours, Co2e, Hours, ItEnergy, Power};
    use proptest::prelude::*;

    fn close(found: f64, expected: f64, tolerance: f64) -> bool {
        (found - expected).abs() <= tolerance * expected.abs()
    }

    #[test]
    fn a_product_adds_spreads_in_squares_and_keeps_units() {
        let power = LogNormal::new(Power::from_watts(500.0), 0.3);
        let hours = LogNormal::new(AcceleratorHours::from_hours(2000.0), 0.4);
        let energy: LogNormal<ItEnergy> = power.times(hours);
        assert!(close(energy.median().kwh(), 1000.0, 1e-12));
        assert!(close(energy.sigma(), 0.5, 1e-12));
        assert!(close(energy.range().p95.kwh(), 1000.0 * (0.5 * Z95).exp(), 1e-12));
    }

    #[test]
    fn an_exact_sum_is_exact() {
        let sum = LogNormal::sum(&[Co2e::from_kg(164.0), Co2e::from_kg(312.5)].map(LogNormal::exact));
        assert!(close(sum.median().kg(), 476.5, 1e-12));
        assert_eq!(sum.sigma(), 0.0);
    }

    #[test]
    fn a_sum_keeps_mean_and_variance() {
        // 2 × lognormal(100, 0.5): mean 2·113.3, variance 2·113.3²·(e^.25 − 1).
        let sum = LogNormal::sum(&[LogNormal::new(Co2e::from_kg(100.0), 0.5); 2]);
        let mean = sum.median().kg() * (sum.sigma() * sum.sigma() / 2.0).exp();
        assert!(close(mean, 2.0 * 100.0 * 0.125f64.exp(), 1e-12));
        assert!(sum.sigma() < 0.5);
    }

    #[test]
    fn known_overhead_moves_every_percentile_by_itself() {
        let hours = LogNormal::new(Hours::from_hours(100.0), 0.3);
        let (before, after) = (hours.range(), hours.plus_exact(Hours::from_hours(20.0)).range());
        assert!(close(after.p50.hours(), before.p50.hours() + 20.0, 1e-12));
        assert!(close(after.p95.hours(), before.p95.hours() + 20.0, 1e-12));
    }

    proptest! {
        #[test]
        fn percentiles_ascend(median in 1e-3..1e12f64, sigma in 0.0..2.0f64) {
            let range = LogNormal::new(ItEnergy::from_kwh(median), sigma).range();
            prop_assert!(range.p5 <= range.p50 && range.p50 <= range.p95);
        }
    }
}
