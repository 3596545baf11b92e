//! Storage carries the intensity of the hours that charged it.
//!
//! In: what goes in, at which intensity, and what comes out. Out: the intensity of what comes out, or none
//! where some of what is inside is not known. Losses are charged to what comes out.

use crate::mix::{Factors, Mix, MixIntensity};
use greenwich_core::quantity::Fraction;

/// What is in store: energy that can come out, and the emissions it carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reservoir {
    round_trip: f64,
    held_mwh: f64,
    held_kg: f64,
    unknown_mwh: f64,
}

impl Reservoir {
    /// An empty store that gives back `round_trip` of what it takes.
    pub fn empty(round_trip: Fraction) -> Self {
        Self { round_trip: round_trip.share(), held_mwh: 0.0, held_kg: 0.0, unknown_mwh: 0.0 }
    }

    /// Takes energy in. Of energy whose intensity is not known, what comes out is not known either.
    pub fn charge(&mut self, mwh: f64, g_per_kwh: Option<f64>) {
        let gain = mwh.max(0.0) * self.round_trip;
        match g_per_kwh {
            Some(intensity) => {
                self.held_mwh += gain;
                // g/kWh × MWh is kg.
                self.held_kg += intensity * mwh.max(0.0);
            }
            None => self.unknown_mwh += gain,
        }
    }

    /// The intensity at which the next `mwh` would come out: none where more is asked than what is known to be inside.
    pub fn carried_g_per_kwh(&self, mwh: f64) -> Option<f64> {
        let known = self.unknown_mwh <= 0.0 && self.held_mwh > 0.0 && mwh <= self.held_mwh * (1.0 + 1e-9);
        known.then(|| self.held_kg / self.held_mwh)
    }

    /// Takes energy out, at the mean of what is inside. What was more than inside was there before we looked.
    pub fn discharge(&mut self, mwh: f64) {
        let inside = self.held_mwh + self.unknown_mwh;
        let left = if inside > 0.0 { (1.0 - mwh.max(0.0) / inside).max(0.0) } else { 0.0 };
        self.held_mwh *= left;
        self.held_kg *= left;
        self.unknown_mwh *= left;
    }

    /// Kilograms of CO2e that are inside.
    pub fn held_kg(&self) -> f64 {
        self.held_kg
    }

    /// Megawatt-hours that can come out and whose intensity is known.
    pub fn held_mwh(&self) -> f64 {
        self.held_mwh
    }
}

/// The production intensity of steps in a row, each of `step_h` hours, with storage carried from one to the next.
pub fn production(mixes: &[Mix], step_h: f64, factors: &Factors, mut store: Reservoir) -> Vec<MixIntensity> {
    let one = |mix: &Mix| {
        let out_mwh = mix.discharging_mw() * step_h;
        let found = mix.intensity(factors, store.carried_g_per_kwh(out_mwh));
        store.discharge(out_mwh);
        let in_mwh = mix.charging_mw() * step_h;
        if in_mwh > 0.0 {
            store.charge(in_mwh, found.g_per_kwh);
        }
        found
    };
    mixes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuel::Fuel;

    fn store(round_trip: f64) -> Reservoir {
        Reservoir::empty(Fraction::new(round_trip).expect("a share"))
    }

    #[test]
    fn what_comes_out_carries_what_went_in_with_the_losses() {
        let mut water = store(0.75);
        water.charge(100.0, Some(300.0));
        assert_eq!((water.held_mwh(), water.carried_g_per_kwh(75.0)), (75.0, Some(400.0)));
        water.discharge(30.0);
        assert!((water.held_kg() - 0.6 * 30_000.0).abs() < 1e-6);
        assert_eq!(water.carried_g_per_kwh(60.0), None, "more than is inside");
    }

    #[test]
    fn an_unknown_charge_makes_the_rest_unknown_until_it_is_empty() {
        let mut water = store(1.0);
        water.charge(10.0, Some(100.0));
        water.charge(10.0, None);
        assert_eq!(water.carried_g_per_kwh(1.0), None);
        water.discharge(20.0);
        water.charge(5.0, Some(50.0));
        assert_eq!(water.carried_g_per_kwh(5.0), Some(50.0));
    }

    #[test]
    fn a_night_of_pumping_is_paid_for_in_the_evening() {
        let factors = Factors::from_g_per_kwh([(Fuel::Coal, 800.0), (Fuel::Gas, 400.0)]);
        let mixes = [
            Mix::from_mw([(Fuel::Coal, 100.0), (Fuel::PumpedHydro, -50.0)]),
            Mix::from_mw([(Fuel::Gas, 60.0), (Fuel::PumpedHydro, 40.0)]),
        ];
        let found = production(&mixes, 1.0, &factors, store(0.8));
        assert_eq!(found[0].g_per_kwh, Some(800.0));
        // 50 MWh at 800 g come out as 40 MWh at 1000 g.
        assert_eq!(found[1].g_per_kwh, Some(0.6 * 400.0 + 0.4 * 1000.0));
    }
}
