//! An uncertain quantity: its 5th, 50th and 95th percentile.
//!
//! In: three amounts of one quantity, ascending. Out: the same, and maps that keep them in order.
//! How the percentiles were come by is the estimator's affair; this is only what travels.

use std::fmt;

/// What a [`Range`] can hold: a newtype around an `f64` in its base unit.
pub trait Quantity: Copy + PartialOrd {
    /// Takes the amount in the base unit of the type.
    fn from_base(amount: f64) -> Self;
    /// The amount in the base unit of the type.
    fn base(self) -> f64;
}

/// The 5th, 50th and 95th percentile of a quantity; the three are equal where it is exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range<Q> {
    /// One in twenty is below this.
    pub p5: Q,
    /// The median.
    pub p50: Q,
    /// One in twenty is above this.
    pub p95: Q,
}

impl<Q: Quantity> Range<Q> {
    /// A quantity that is known.
    pub fn exact(amount: Q) -> Self {
        Self { p5: amount, p50: amount, p95: amount }
    }
    /// Whether the quantity is known.
    pub fn is_exact(&self) -> bool {
        self.p5.base() == self.p50.base() && self.p50.base() == self.p95.base()
    }
    /// Applies a rising function to each percentile.
    pub fn map<R: Quantity>(self, f: impl Fn(Q) -> R) -> Range<R> {
        Range { p5: f(self.p5), p50: f(self.p50), p95: f(self.p95) }
    }
    /// Whether the amount lies between p5 and p95.
    pub fn holds(&self, amount: Q) -> bool {
        self.p5 <= amount && amount <= self.p95
    }
}

impl<Q: Quantity + fmt::Display> fmt::Display for Range<Q> {
    /// `1.84 MWh (1.60 MWh – 2.10 MWh)`, or the one amount where it is exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            write!(f, "{}", self.p50)
        } else {
            write!(f, "{} ({} – {})", self.p50, self.p5, self.p95)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::ItEnergy;

    #[test]
    fn an_exact_range_prints_one_amount() {
        assert_eq!(Range::exact(ItEnergy::from_kwh(12.0)).to_string(), "12.0 kWh");
        let range = Range { p5: ItEnergy::from_kwh(1.0), p50: ItEnergy::from_kwh(2.0), p95: ItEnergy::from_kwh(4.0) };
        assert_eq!(range.to_string(), "2.00 kWh (1.00 kWh – 4.00 kWh)");
        assert!(range.holds(ItEnergy::from_kwh(3.0)) && !range.holds(ItEnergy::from_kwh(5.0)));
    }
}
