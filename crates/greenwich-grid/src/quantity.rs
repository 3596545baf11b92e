//! What a series of a grid measures, and its unit.
//!
//! In: the key in a history file or flag. Out: a [`Quantity`]. Lifecycle, direct and marginal intensity
//! are different quantities, and so are prices in different currencies: none is ever mixed with another.

use crate::fuel::Fuel;
use greenwich_core::{Signal, ZoneId};
use std::fmt;

/// A currency by its three letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");
    /// The US dollar.
    pub const USD: Self = Self(*b"USD");
    /// The pound sterling.
    pub const GBP: Self = Self(*b"GBP");

    /// Takes three letters, in any case.
    pub fn of(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.trim().to_ascii_uppercase().into_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters")
    }
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Quantity {
    /// Grams of CO2e per kilowatt-hour.
    Intensity(Signal),
    /// Day-ahead price of a megawatt-hour.
    Price(Currency),
    /// Damage to people's health by the pollution of one more megawatt-hour, in US dollars: for decisions.
    HealthDamage,
    /// Mean megawatts consumed.
    Load,
    /// Mean megawatts of a fuel; of storage negative where it takes.
    Generation(Fuel),
    /// Mean megawatts that come from a neighbour; negative where they go there.
    Import(ZoneId),
}

impl Quantity {
    /// The unit of its values.
    pub fn unit(&self) -> String {
        match self {
            Self::Intensity(_) => "gCO2e/kWh".to_owned(),
            Self::Price(currency) => format!("{}/MWh", currency.as_str()),
            Self::HealthDamage => "USD/MWh".to_owned(),
            Self::Load | Self::Generation(_) | Self::Import(_) => "MW".to_owned(),
        }
    }

    /// The quantity of a key: `lifecycle`, `direct`, `marginal`, `price-EUR`, `health-damage`, `load`, `generation-gas`,
    /// `import-FR`.
    pub fn of(key: &str) -> Option<Self> {
        let signals = [Signal::Lifecycle, Signal::Direct, Signal::Marginal];
        if let Some(signal) = signals.into_iter().find(|signal| signal.as_str() == key) {
            return Some(Self::Intensity(signal));
        }
        match key.split_once('-') {
            None => (key == "load").then_some(Self::Load),
            Some(("health", "damage")) => Some(Self::HealthDamage),
            Some(("price", currency)) => Currency::of(currency).map(Self::Price),
            Some(("generation", fuel)) => Fuel::of(fuel).map(Self::Generation),
            Some(("import", zone)) if !zone.is_empty() => Some(Self::Import(ZoneId::new(zone))),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intensity(signal) => f.pad(signal.as_str()),
            Self::Price(currency) => f.pad(&format!("price-{}", currency.as_str())),
            Self::HealthDamage => f.pad("health-damage"),
            Self::Load => f.pad("load"),
            Self::Generation(fuel) => f.pad(&format!("generation-{fuel}")),
            Self::Import(zone) => f.pad(&format!("import-{zone}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        let keys =
            ["lifecycle", "direct", "marginal", "price-EUR", "health-damage", "load", "generation-wind-offshore"];
        for key in keys.into_iter().chain(["import-DK-DK1"]) {
            assert_eq!(Quantity::of(key).expect("a key").to_string(), key);
        }
        for slip in ["intensity", "price-", "price-E1R", "generation-phlogiston", "import-", ""] {
            assert_eq!(Quantity::of(slip), None, "{slip}");
        }
        assert_eq!(Quantity::of("price-usd").expect("a price").unit(), "USD/MWh");
    }
}
