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

/// How far a quantity may lie off its median: factors of 1 or more down to its 5th and up to its 95th percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Median over 5th percentile; infinite where that is zero.
    pub down: f64,
    /// 95th percentile over median.
    pub up: f64,
}

impl Spread {
    /// That of a quantity that is known.
    pub const NONE: Self = Self { down: 1.0, up: 1.0 };
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
    /// How far it may lie off its median, which is above zero.
    pub fn spread(&self) -> Spread {
        let [low, mid, high] = [self.p5, self.p50, self.p95].map(Q::base);
        if mid > 0.0 { Spread { down: mid / low, up: high / mid } } else { Spread::NONE }
    }
    /// The same with the spread of an independent factor on top: logarithms of the distances add in squares, downwards and
    /// upwards apart, so that lopsided ranges stay lopsided.
    #[must_use]
    pub fn widened(self, by: Spread) -> Self {
        let own = self.spread();
        let off = |own: f64, other: f64| own.ln().hypot(other.ln()).exp();
        let at = |factor: f64| Q::from_base(self.p50.base() * factor);
        Self { p5: at(1.0 / off(own.down, by.down)), p50: self.p50, p95: at(off(own.up, by.up)) }
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

    #[test]
    fn spreads_add_in_squares_on_either_side() {
        let kwh = |p5, p50, p95| {
            let [p5, p50, p95] = [p5, p50, p95].map(ItEnergy::from_kwh);
            Range { p5, p50, p95 }
        };
        let off = |factor: f64, other: f64| factor.ln().hypot(other.ln()).exp();
        let wide = kwh(5.0, 10.0, 40.0).widened(Spread { down: 2.0, up: 3.0 });
        assert!((wide.p5.kwh() - 10.0 / off(2.0, 2.0)).abs() < 1e-12 && wide.p50 == ItEnergy::from_kwh(10.0));
        assert!((wide.p95.kwh() - 10.0 * off(4.0, 3.0)).abs() < 1e-12);
        assert!(kwh(10.0, 10.0, 10.0).widened(Spread::NONE).is_exact());
        // What may be nothing at all stays so.
        assert_eq!(kwh(0.0, 10.0, 20.0).widened(Spread { down: 1.1, up: 1.1 }).p5, ItEnergy::ZERO);
        assert_eq!(kwh(0.0, 0.0, 20.0).spread(), Spread::NONE);
    }
}
