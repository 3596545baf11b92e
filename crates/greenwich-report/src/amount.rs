//! Quantities as people read them: one unit for an amount and its whole range.
//!
//! In: a quantity or its range. Out: `1.84 MWh (1.60–2.10)`: the unit is chosen by the median and
//! said once. JSON never passes here; it keeps full precision.

use crate::number::three;
use greenwich_core::Range;
use greenwich_core::quantity::{
    AcceleratorHours, Co2e, ConsequentialCo2e, FacilityEnergy, Flops, Hours, ItEnergy, Power, Usd, Water,
};
use greenwich_core::range::Quantity;
use std::fmt::Write as _;

/// A quantity that people read.
pub(crate) trait Printed: Quantity {
    /// Units, largest first, each with its size in the base unit.
    const UNITS: &'static [(f64, &'static str)];
}

macro_rules! printed {
    ($($name:ident: $($size:expr => $unit:literal),+);+ $(;)?) => {$(
        impl Printed for $name { const UNITS: &'static [(f64, &'static str)] = &[$(($size, $unit)),+]; }
    )+};
}
printed! {
    Flops: 1e24 => "YFLOP", 1e21 => "ZFLOP", 1e18 => "EFLOP", 1e15 => "PFLOP", 1e12 => "TFLOP", 1e9 => "GFLOP", 1.0 => "FLOP";
    Hours: 3600.0 => "h", 60.0 => "min", 1.0 => "s";
    AcceleratorHours: 3.6e9 => "M h", 3.6e3 => "h";
    Power: 1e6 => "MW", 1e3 => "kW", 1.0 => "W";
    ItEnergy: 3.6e15 => "TWh", 3.6e12 => "GWh", 3.6e9 => "MWh", 3.6e6 => "kWh", 3.6e3 => "Wh";
    FacilityEnergy: 3.6e15 => "TWh", 3.6e12 => "GWh", 3.6e9 => "MWh", 3.6e6 => "kWh", 3.6e3 => "Wh";
    Co2e: 1e9 => "ktCO2e", 1e6 => "tCO2e", 1e3 => "kgCO2e", 1.0 => "gCO2e";
    ConsequentialCo2e: 1e9 => "ktCO2e", 1e6 => "tCO2e", 1e3 => "kgCO2e", 1.0 => "gCO2e";
    Water: 1e6 => "ML", 1e3 => "m³", 1.0 => "L";
    Usd: 1e6 => "M USD", 1e3 => "k USD", 1.0 => "USD";
}

/// The unit in which an amount reads best, and its size in the base unit.
pub(crate) fn unit<Q: Printed>(amount: Q) -> (f64, &'static str) {
    let fits = |(size, _): &&(f64, &str)| amount.base().abs() / size >= 0.9995;
    *Q::UNITS.iter().find(fits).or(Q::UNITS.last()).expect("every quantity has a unit")
}

/// An amount with its unit.
pub(crate) fn amount<Q: Printed>(amount: Q) -> String {
    let (size, unit) = unit(amount);
    format!("{} {unit}", three(amount.base() / size))
}

/// A median with its unit and, where it is uncertain, the 90 % range in the same unit.
pub(crate) fn range<Q: Printed>(range: &Range<Q>) -> String {
    let (size, _) = unit(range.p50);
    let mut text = amount(range.p50);
    let (low, high) = (three(range.p5.base() / size), three(range.p95.base() / size));
    // A range that three figures cannot show is none to the reader.
    if low != high {
        let _ = write!(text, " ({low}–{high})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_unit() {
        let energy = |low, mid, high| Range {
            p5: ItEnergy::from_kwh(low),
            p50: ItEnergy::from_kwh(mid),
            p95: ItEnergy::from_kwh(high),
        };
        assert_eq!(range(&energy(1600.0, 1840.0, 2100.0)), "1.84 MWh (1.60–2.10)");
        assert_eq!(range(&energy(900.0, 1840.0, 4100.0)), "1.84 MWh (0.900–4.10)");
        assert_eq!(range(&energy(5.0, 5.0, 5.0)), "5.00 kWh");
        assert_eq!(range(&energy(4.999, 5.0, 5.001)), "5.00 kWh");
        assert_eq!(amount(Co2e::ZERO), "0 gCO2e");
        assert_eq!(amount(Hours::from_days(300.0)), "7,200 h");
    }
}
