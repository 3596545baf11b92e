//! What electricity is made from, as grids report it.
//!
//! In: the key of a fuel. Out: a [`Fuel`]. What a kilowatt-hour of it emits is given by value, in
//! [`Factors`](crate::Factors).

use std::fmt;

/// A source of electricity. The keys are those of the table of fuels where that has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fuel {
    /// Wood, crops and gas from them.
    Biomass,
    /// Hard coal, or coal whose kind is not told.
    Coal,
    /// Brown coal.
    Lignite,
    /// Gas that is made from coal.
    CoalGas,
    /// Natural gas.
    Gas,
    /// Oil and its products.
    Oil,
    /// Oil shale.
    OilShale,
    /// Peat.
    Peat,
    /// Heat of the earth.
    Geothermal,
    /// Rivers and reservoirs, pumped storage apart.
    Hydro,
    /// Tides and waves.
    Ocean,
    /// Nuclear fission.
    Nuclear,
    /// Sunlight.
    Solar,
    /// Wind, where on land or at sea is not told.
    Wind,
    /// Wind on land.
    WindOnshore,
    /// Wind at sea.
    WindOffshore,
    /// Waste.
    Waste,
    /// Renewable, of no kind above.
    OtherRenewable,
    /// Of no kind above.
    Other,
    /// The grid does not tell.
    Unknown,
    /// Pumped water: storage, not a source.
    PumpedHydro,
    /// Batteries: storage, not a source.
    Battery,
    /// Other storage, or storage whose kind is not told.
    Storage,
}

impl Fuel {
    /// Every fuel and store.
    pub const ALL: [Self; 23] = [
        Self::Biomass,
        Self::Coal,
        Self::Lignite,
        Self::CoalGas,
        Self::Gas,
        Self::Oil,
        Self::OilShale,
        Self::Peat,
        Self::Geothermal,
        Self::Hydro,
        Self::Ocean,
        Self::Nuclear,
        Self::Solar,
        Self::Wind,
        Self::WindOnshore,
        Self::WindOffshore,
        Self::Waste,
        Self::OtherRenewable,
        Self::Other,
        Self::Unknown,
        Self::PumpedHydro,
        Self::Battery,
        Self::Storage,
    ];

    /// The key in files and facts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Biomass => "biomass",
            Self::Coal => "coal",
            Self::Lignite => "lignite",
            Self::CoalGas => "coal-gas",
            Self::Gas => "gas",
            Self::Oil => "oil",
            Self::OilShale => "oil-shale",
            Self::Peat => "peat",
            Self::Geothermal => "geothermal",
            Self::Hydro => "hydro",
            Self::Ocean => "ocean",
            Self::Nuclear => "nuclear",
            Self::Solar => "solar",
            Self::Wind => "wind",
            Self::WindOnshore => "wind-onshore",
            Self::WindOffshore => "wind-offshore",
            Self::Waste => "waste",
            Self::OtherRenewable => "other-renewable",
            Self::Other => "other",
            Self::Unknown => "unknown",
            Self::PumpedHydro => "pumped-hydro",
            Self::Battery => "battery",
            Self::Storage => "storage",
        }
    }

    /// The fuel of a key.
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fuel| fuel.as_str() == key)
    }

    /// Whether it gives back what it took before, rather than generate.
    pub const fn is_storage(self) -> bool {
        matches!(self, Self::PumpedHydro | Self::Battery | Self::Storage)
    }
}

impl fmt::Display for Fuel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_names_one_fuel() {
        for fuel in Fuel::ALL {
            assert_eq!(Fuel::of(fuel.as_str()), Some(fuel));
        }
        assert_eq!(Fuel::of("phlogiston"), None);
    }
}
