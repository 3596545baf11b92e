//! Quantities as types: only the lawful products exist.
//!
//! In: a bare `f64` whose unit the constructor names. Out: the same, through a getter that names
//! the unit. Stored in SI base units (grams for mass, litres for water, seconds for time).
//!
//! The dear mistakes of this field have equal dimensions: IT energy used as facility energy,
//! a marginal factor in an inventory, site water taken for source water. So those are different
//! types here, and their unlawful product does not compile:
//!
//! ```
//! use greenwich_core::quantity::{AverageIntensity, ItEnergy, Pue};
//! let facility = ItEnergy::from_kwh(12.0) * Pue::new(1.12)?;
//! let co2e = facility * AverageIntensity::from_g_per_kwh(350.0);
//! assert!((co2e.kg() - 4.704).abs() < 1e-12);
//! # Ok::<(), greenwich_core::quantity::OutOfRange>(())
//! ```
//!
//! ```compile_fail
//! use greenwich_core::quantity::{AverageIntensity, ItEnergy};
//! let forgotten_pue = ItEnergy::from_kwh(12.0) * AverageIntensity::from_g_per_kwh(350.0);
//! ```

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Div, Mul, Sub};

const JOULES_PER_KWH: f64 = 3.6e6;
const SECONDS_PER_HOUR: f64 = 3600.0;

/// Declares a quantity: base unit, then further units as `from_x / x = base units in one x`.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $base_from:ident / $base:ident
     $(, $from:ident / $get:ident = $factor:expr)* $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(f64);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0.0);
            #[doc = concat!("Takes the amount in the unit that the name says: `", stringify!($base), "`.")]
            pub const fn $base_from(amount: f64) -> Self { Self(amount) }
            #[doc = concat!("The amount in the unit that the name says: `", stringify!($base), "`.")]
            pub const fn $base(self) -> f64 { self.0 }
            $(
                #[doc = concat!("Takes the amount in the unit that the name says: `", stringify!($get), "`.")]
                pub const fn $from(amount: f64) -> Self { Self(amount * $factor) }
                #[doc = concat!("The amount in the unit that the name says: `", stringify!($get), "`.")]
                pub const fn $get(self) -> f64 { self.0 / $factor }
            )*
        }
        impl Add for $name { type Output = Self; fn add(self, other: Self) -> Self { Self(self.0 + other.0) } }
        impl Sub for $name { type Output = Self; fn sub(self, other: Self) -> Self { Self(self.0 - other.0) } }
        impl Mul<f64> for $name { type Output = Self; fn mul(self, factor: f64) -> Self { Self(self.0 * factor) } }
        impl Div<f64> for $name { type Output = Self; fn div(self, divisor: f64) -> Self { Self(self.0 / divisor) } }
        /// The ratio of two like quantities is a bare number.
        impl Div for $name { type Output = f64; fn div(self, other: Self) -> f64 { self.0 / other.0 } }
        impl Sum for $name { fn sum<I: Iterator<Item = Self>>(parts: I) -> Self { parts.fold(Self::ZERO, Add::add) } }
        impl crate::range::Quantity for $name {
            fn from_base(amount: f64) -> Self { Self(amount) }
            fn base(self) -> f64 { self.0 }
        }
    };
}

quantity!(/// Energy at the accelerators and their share of host, memory, network and fans: before PUE.
    ItEnergy, from_joules / joules, from_kwh / kwh = JOULES_PER_KWH, from_mwh / mwh = 1e3 * JOULES_PER_KWH);
quantity!(/// Energy at the building's meter: IT energy times PUE.
    FacilityEnergy, from_joules / joules, from_kwh / kwh = JOULES_PER_KWH, from_mwh / mwh = 1e3 * JOULES_PER_KWH);
quantity!(/// Mean electric power, before PUE unless its name says otherwise.
    Power, from_watts / watts, from_kw / kw = 1e3);
quantity!(/// All greenhouse gases, by 100-year warming potential, from average intensities.
    Co2e, from_g / g, from_kg / kg = 1e3, from_tonnes / tonnes = 1e6);
quantity!(/// What one more kilowatt-hour causes: for decisions, never for an inventory.
    ConsequentialCo2e, from_g / g, from_kg / kg = 1e3);
quantity!(/// Grid-mean emissions per facility kWh: for accounts.
    AverageIntensity, from_g_per_joule / g_per_joule, from_g_per_kwh / g_per_kwh = 1.0 / JOULES_PER_KWH);
quantity!(/// Response of the grid to one more kWh: for decisions.
    MarginalIntensity, from_g_per_joule / g_per_joule, from_g_per_kwh / g_per_kwh = 1.0 / JOULES_PER_KWH);
quantity!(/// Water.
    Water, from_litres / litres, from_m3 / m3 = 1e3);
quantity!(/// Site water per kWh of *IT* energy (WUE).
    SiteWaterIntensity, from_l_per_joule / l_per_joule, from_l_per_kwh / l_per_kwh = 1.0 / JOULES_PER_KWH);
quantity!(/// Water of the power plants per kWh of *facility* energy.
    SourceWaterIntensity, from_l_per_joule / l_per_joule, from_l_per_kwh / l_per_kwh = 1.0 / JOULES_PER_KWH);
quantity!(/// US dollars of the price's date, not inflated.
    Usd, from_usd / usd);
quantity!(/// Wall-clock time.
    Hours, from_seconds / seconds, from_hours / hours = SECONDS_PER_HOUR, from_days / days = 24.0 * SECONDS_PER_HOUR);
quantity!(/// Wall-clock time times accelerators.
    AcceleratorHours, from_accelerator_seconds / accelerator_seconds, from_hours / hours = SECONDS_PER_HOUR);
quantity!(/// Floating-point operations, a multiply-add counting two.
    Flops, from_flops / flops);
quantity!(/// Floating-point operations a second.
    FlopRate, from_flops_per_second / flops_per_second, from_tflops / tflops = 1e12);
quantity!(/// Memory or data, in bytes; 1 GB is 1e9 bytes.
    Bytes, from_bytes / bytes, from_gb / gb = 1e9);
quantity!(/// Price of one accelerator for one hour.
    UsdPerAcceleratorHour, from_usd_per_hour / usd_per_hour);
quantity!(/// Price of a facility kWh.
    UsdPerKwh, from_usd_per_kwh / usd_per_kwh);

/// Declares a lawful product of two quantities and its mirror image.
macro_rules! product {
    ($($left:ident * $right:ident = $out:ident),* $(,)?) => {$(
        impl Mul<$right> for $left { type Output = $out; fn mul(self, other: $right) -> $out { $out(self.0 * other.0) } }
    )*};
}
product! {
    Power * Hours = ItEnergy,
    Power * AcceleratorHours = ItEnergy,
    FacilityEnergy * AverageIntensity = Co2e,
    FacilityEnergy * MarginalIntensity = ConsequentialCo2e,
    ItEnergy * SiteWaterIntensity = Water,
    FacilityEnergy * SourceWaterIntensity = Water,
}
impl Mul<AcceleratorHours> for UsdPerAcceleratorHour {
    type Output = Usd;
    fn mul(self, hours: AcceleratorHours) -> Usd {
        Usd(self.0 * hours.hours())
    }
}
impl Mul<FacilityEnergy> for UsdPerKwh {
    type Output = Usd;
    fn mul(self, energy: FacilityEnergy) -> Usd {
        Usd(self.0 * energy.kwh())
    }
}
impl Mul<Pue> for ItEnergy {
    type Output = FacilityEnergy;
    fn mul(self, pue: Pue) -> FacilityEnergy {
        FacilityEnergy(self.0 * pue.0)
    }
}
impl Mul<f64> for Pue {
    type Output = f64;
    fn mul(self, factor: f64) -> f64 {
        self.0 * factor
    }
}
impl Hours {
    /// Wall-clock time on `count` accelerators.
    pub fn on(self, count: u32) -> AcceleratorHours {
        AcceleratorHours(self.0 * f64::from(count))
    }
}
impl AcceleratorHours {
    /// Wall-clock time when `count` accelerators share the work evenly.
    pub fn across(self, count: u32) -> Hours {
        Hours(self.0 / f64::from(count))
    }
}
impl Flops {
    /// Time that the work takes at a rate.
    pub fn at(self, rate: FlopRate) -> Hours {
        Hours(self.0 / rate.0)
    }
}

/// A number outside the range that its quantity can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{quantity} is `{found}`, allowed is {allowed}")]
pub struct OutOfRange {
    /// What was given, in the field's words.
    pub quantity: &'static str,
    /// The number found.
    pub found: f64,
    /// The range allowed, in words.
    pub allowed: &'static str,
}

/// Power usage effectiveness: facility energy over IT energy, 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Pue(f64);

impl Pue {
    /// Accepts 1 to 5; 0.9 is below what physics allows and 11 is a slip of the pen for 1.1.
    ///
    /// # Errors
    /// [`OutOfRange`] outside 1 to 5.
    pub fn new(ratio: f64) -> Result<Self, OutOfRange> {
        if (1.0..=5.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err(OutOfRange { quantity: "PUE", found: ratio, allowed: "1 to 5" })
        }
    }
    /// Facility energy over IT energy.
    pub const fn ratio(self) -> f64 {
        self.0
    }
}

/// A share between 0 and 1, never 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Fraction(f64);

impl Fraction {
    /// Accepts 0 to 1.
    ///
    /// # Errors
    /// [`OutOfRange`] outside 0 to 1.
    pub fn new(share: f64) -> Result<Self, OutOfRange> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(OutOfRange { quantity: "share", found: share, allowed: "0 to 1" })
        }
    }
    /// The share, 0 to 1.
    pub const fn share(self) -> f64 {
        self.0
    }
}

/// Writes a number with three significant figures: `1840000` as `1.84e6` is left to the caller's unit.
///
/// ```
/// use greenwich_core::quantity::significant;
/// assert_eq!(significant(1234.5, 3), "1230");
/// assert_eq!(significant(0.012345, 3), "0.0123");
/// assert_eq!(significant(99.95, 3), "100");
/// assert_eq!(significant(0.0, 3), "0");
/// ```
pub fn significant(number: f64, figures: i32) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let magnitude = |x: f64| x.abs().log10().floor() as i32;
    let scale = 10f64.powi(figures - 1 - magnitude(number));
    let rounded = (number * scale).round() / scale;
    let decimals = (figures - 1 - magnitude(rounded)).max(0) as usize;
    format!("{rounded:.decimals$}")
}

/// A scale of units for print: the largest whose amount is at least one.
fn scaled(f: &mut fmt::Formatter<'_>, base: f64, units: &[(f64, &str)]) -> fmt::Result {
    let (factor, unit) = units
        .iter()
        .find(|(factor, _)| base.abs() / factor >= 0.9995)
        .or(units.last())
        .expect("every quantity has a unit");
    write!(f, "{} {unit}", significant(base / factor, 3))
}

/// Declares `Display` with three significant figures and the largest fitting unit.
macro_rules! display {
    ($($name:ident: $($factor:expr => $unit:literal),+);+ $(;)?) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                scaled(f, self.0, &[$(($factor, $unit)),+])
            }
        }
    )+};
}
display! {
    ItEnergy: 3.6e12 => "GWh", 3.6e9 => "MWh", 3.6e6 => "kWh", 3.6e3 => "Wh";
    FacilityEnergy: 3.6e12 => "GWh", 3.6e9 => "MWh", 3.6e6 => "kWh", 3.6e3 => "Wh";
    Power: 1e6 => "MW", 1e3 => "kW", 1.0 => "W";
    Co2e: 1e9 => "ktCO2e", 1e6 => "tCO2e", 1e3 => "kgCO2e", 1.0 => "gCO2e";
    ConsequentialCo2e: 1e9 => "ktCO2e", 1e6 => "tCO2e", 1e3 => "kgCO2e", 1.0 => "gCO2e";
    AverageIntensity: 1.0 / JOULES_PER_KWH => "gCO2e/kWh";
    MarginalIntensity: 1.0 / JOULES_PER_KWH => "gCO2e/kWh";
    Water: 1e6 => "ML", 1e3 => "m3", 1.0 => "L";
    SiteWaterIntensity: 1.0 / JOULES_PER_KWH => "L/kWh";
    SourceWaterIntensity: 1.0 / JOULES_PER_KWH => "L/kWh";
    Usd: 1e6 => "M USD", 1e3 => "k USD", 1.0 => "USD";
    Hours: 3600.0 => "h", 60.0 => "min", 1.0 => "s";
    AcceleratorHours: 3.6e9 => "M accelerator-hours", 3.6e6 => "k accelerator-hours", 3.6e3 => "accelerator-hours";
    Flops: 1e24 => "YFLOP", 1e21 => "ZFLOP", 1e18 => "EFLOP", 1e15 => "PFLOP", 1e12 => "TFLOP", 1.0 => "FLOP";
    FlopRate: 1e12 => "TFLOP/s", 1.0 => "FLOP/s";
    Bytes: 1e12 => "TB", 1e9 => "GB", 1e6 => "MB", 1.0 => "B";
    UsdPerAcceleratorHour: 1.0 => "USD/accelerator-hour";
    UsdPerKwh: 1.0 => "USD/kWh";
}
impl fmt::Display for Pue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PUE {}", significant(self.0, 3))
    }
}
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", significant(self.0 * 100.0, 3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uom::si::f64::{Energy, Power as UomPower, Time};
    use uom::si::{energy, power, time};

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
    }

    #[test]
    fn conversion_factors_agree_with_uom() {
        let kwh = Energy::new::<energy::kilowatt_hour>(7.0);
        assert!(close(ItEnergy::from_kwh(7.0).joules(), kwh.get::<energy::joule>()));
        assert!(close(FacilityEnergy::from_mwh(7.0).joules(), 1e3 * kwh.get::<energy::joule>()));
        let days = Time::new::<time::day>(3.5);
        assert!(close(Hours::from_days(3.5).hours(), days.get::<time::hour>()));
        let power = UomPower::new::<power::kilowatt>(2.0);
        assert!(close((Power::from_kw(2.0) * Hours::from_days(3.5)).joules(), (power * days).get::<energy::joule>()));
    }

    #[test]
    fn pue_and_shares_refuse_what_cannot_be() {
        assert!(Pue::new(0.9).is_err());
        assert!(Pue::new(f64::NAN).is_err());
        assert!(Pue::new(11.0).is_err());
        assert!(Fraction::new(78.0).is_err());
        assert_eq!(Pue::new(0.9).expect_err("too low").to_string(), "PUE is `0.9`, allowed is 1 to 5");
    }

    #[test]
    fn prints_three_figures_in_the_largest_unit() {
        assert_eq!(ItEnergy::from_kwh(1287e3).to_string(), "1.29 GWh");
        assert_eq!(Co2e::from_kg(999.96).to_string(), "1.00 tCO2e");
        assert_eq!(Co2e::from_g(0.0).to_string(), "0 gCO2e");
        assert_eq!(Hours::from_days(20.0).to_string(), "480 h");
        assert_eq!(AverageIntensity::from_g_per_kwh(82.25).to_string(), "82.3 gCO2e/kWh");
    }

    proptest! {
        #[test]
        fn a_higher_pue_never_lowers_co2e(kwh in 0.0..1e9f64, low in 1.0..3.0f64, more in 0.0..2.0f64, g in 0.0..1200.0f64) {
            let at = |pue: f64| (ItEnergy::from_kwh(kwh) * Pue::new(pue).expect("in range") * AverageIntensity::from_g_per_kwh(g)).g();
            prop_assert!(at(low + more) >= at(low));
        }
    }
}
