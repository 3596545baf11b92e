//! The intensity of what a zone generates: fuel mix times factors.
//!
//! In: megawatts by fuel, factors in g/kWh by value, the intensity that storage carries if it is known.
//! Out: the production intensity, or none with the fuels that lack a factor. Which scope the factors have
//! (lifecycle or direct) is the caller's to keep: one [`Factors`] is of one scope.

use crate::fuel::Fuel;
use std::collections::BTreeMap;

/// Grams of CO2e per kilowatt-hour by fuel, all of one scope.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Factors {
    g_per_kwh: BTreeMap<Fuel, f64>,
    stand_ins: BTreeMap<Fuel, Fuel>,
}

impl Factors {
    /// Takes factors in g/kWh; of two for one fuel the later stays. Storage has none: it carries what charged it.
    pub fn from_g_per_kwh(factors: impl IntoIterator<Item = (Fuel, f64)>) -> Self {
        let sane = factors.into_iter().filter(|(fuel, factor)| factor.is_finite() && !fuel.is_storage());
        Self { g_per_kwh: sane.collect(), stand_ins: BTreeMap::new() }
    }

    /// Lets one fuel be counted by the factor of another, such as lignite by that of coal. The answer lists it.
    #[must_use]
    pub fn stand_in(mut self, fuel: Fuel, by: Fuel) -> Self {
        self.stand_ins.insert(fuel, by);
        self
    }

    /// The factor of a fuel, and the fuel that stood in for it.
    fn of(&self, fuel: Fuel) -> Option<(f64, Option<Fuel>)> {
        let own = self.g_per_kwh.get(&fuel).map(|factor| (*factor, None));
        own.or_else(|| {
            let by = self.stand_ins.get(&fuel)?;
            Some((*self.g_per_kwh.get(by)?, Some(*by)))
        })
    }
}

/// What a zone generates in one interval, in megawatts by fuel. Storage is positive when it gives, negative
/// when it takes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mix {
    mw: BTreeMap<Fuel, f64>,
}

impl Mix {
    /// Takes mean megawatts by fuel; a fuel that is named twice is added up. What is not finite is left out.
    pub fn from_mw(parts: impl IntoIterator<Item = (Fuel, f64)>) -> Self {
        let mut mw = BTreeMap::new();
        for (fuel, part) in parts.into_iter().filter(|(_, part)| part.is_finite()) {
            *mw.entry(fuel).or_insert(0.0) += part;
        }
        Self { mw }
    }

    /// Megawatts of a fuel, where it is told.
    pub fn mw(&self, fuel: Fuel) -> Option<f64> {
        self.mw.get(&fuel).copied()
    }

    /// Megawatts that stores take.
    pub fn charging_mw(&self) -> f64 {
        self.mw.iter().filter(|(fuel, mw)| fuel.is_storage() && **mw < 0.0).map(|(_, mw)| -mw).sum()
    }

    /// Megawatts that stores give.
    pub fn discharging_mw(&self) -> f64 {
        self.mw.iter().filter(|(fuel, mw)| fuel.is_storage() && **mw > 0.0).map(|(_, mw)| *mw).sum()
    }

    /// The intensity of what is generated, with storage at what it carries.
    ///
    /// A small negative of a fuel is a plant's own use and counts as nothing. What stores take is
    /// consumption and does not change the mean. What they give counts at `carried_g_per_kwh`, and is left
    /// out where that is not known: the mean of the rest then stands for it.
    pub fn intensity(&self, factors: &Factors, carried_g_per_kwh: Option<f64>) -> MixIntensity {
        let mut answer = MixIntensity::default();
        let mut kg_per_h = 0.0;
        for (&fuel, &mw) in self.mw.iter().filter(|(fuel, mw)| !fuel.is_storage() && **mw > 0.0) {
            answer.generation_mw += mw;
            match factors.of(fuel) {
                // g/kWh × MW is kg/h.
                Some((factor, by)) => {
                    kg_per_h += factor * mw;
                    answer.stood_in.extend(by.map(|by| (fuel, by)));
                }
                None => answer.missing.push((fuel, mw)),
            }
        }
        let given = self.discharging_mw();
        if given > 0.0 {
            match carried_g_per_kwh {
                Some(carried) => {
                    answer.generation_mw += given;
                    kg_per_h += carried * given;
                }
                None => answer.storage_left_out_mw = given,
            }
        }
        if answer.missing.is_empty() && answer.generation_mw > 0.0 {
            answer.g_per_kwh = Some(kg_per_h / answer.generation_mw);
        }
        answer
    }
}

/// The intensity of a mix, or what is missing for one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MixIntensity {
    /// Grams of CO2e per kilowatt-hour generated; none where a fuel lacks a factor or nothing is generated.
    pub g_per_kwh: Option<f64>,
    /// Megawatts that the mean is over.
    pub generation_mw: f64,
    /// Fuels that generate and have no factor, with their megawatts.
    pub missing: Vec<(Fuel, f64)>,
    /// Fuels that were counted by the factor of another.
    pub stood_in: Vec<(Fuel, Fuel)>,
    /// Megawatts from storage that were left out, since what charged it is not known.
    pub storage_left_out_mw: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors() -> Factors {
        Factors::from_g_per_kwh([(Fuel::Coal, 820.0), (Fuel::Gas, 490.0), (Fuel::Wind, 11.0)])
    }

    #[test]
    fn the_mean_weighs_each_fuel_by_its_megawatts() {
        let found = Mix::from_mw([(Fuel::Gas, 300.0), (Fuel::Wind, 100.0)]).intensity(&factors(), None);
        assert_eq!(found.g_per_kwh, Some((490.0 * 300.0 + 11.0 * 100.0) / 400.0));
        assert_eq!(found.generation_mw, 400.0);
    }

    #[test]
    fn a_fuel_without_a_factor_gives_no_intensity_and_is_named() {
        let found = Mix::from_mw([(Fuel::Wind, 900.0), (Fuel::Waste, 1.0)]).intensity(&factors(), None);
        assert_eq!((found.g_per_kwh, found.missing), (None, vec![(Fuel::Waste, 1.0)]));
    }

    #[test]
    fn a_fuel_without_a_factor_that_makes_nothing_is_in_nobodys_way() {
        let found = Mix::from_mw([(Fuel::Wind, 9.0), (Fuel::Waste, 0.0), (Fuel::Peat, -0.2)]);
        assert_eq!(found.intensity(&factors(), None).g_per_kwh, Some(11.0));
    }

    #[test]
    fn nothing_generated_has_no_intensity() {
        assert_eq!(Mix::from_mw([(Fuel::Gas, 0.0)]).intensity(&factors(), Some(5.0)).g_per_kwh, None);
    }

    #[test]
    fn a_stand_in_is_used_and_told() {
        let mix = Mix::from_mw([(Fuel::Lignite, 10.0)]);
        let found = mix.intensity(&factors().stand_in(Fuel::Lignite, Fuel::Coal), None);
        assert_eq!((found.g_per_kwh, found.stood_in), (Some(820.0), vec![(Fuel::Lignite, Fuel::Coal)]));
    }

    #[test]
    fn charging_changes_nothing_and_discharging_counts_at_what_it_carries() {
        let charging = Mix::from_mw([(Fuel::Gas, 100.0), (Fuel::PumpedHydro, -40.0)]);
        assert_eq!(charging.intensity(&factors(), None).g_per_kwh, Some(490.0));
        assert_eq!(charging.charging_mw(), 40.0);
        let giving = Mix::from_mw([(Fuel::Gas, 100.0), (Fuel::Battery, 100.0)]);
        assert_eq!(giving.intensity(&factors(), Some(90.0)).g_per_kwh, Some(290.0));
        let unknown = giving.intensity(&factors(), None);
        assert_eq!((unknown.g_per_kwh, unknown.storage_left_out_mw), (Some(490.0), 100.0));
    }
}
