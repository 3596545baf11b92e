//! From measured hours, accelerators and mean power to energy, CO2e, embodied, water and cost.
//!
//! In: one [`Measured`] a phase, its factors by value. Out: [`Account`]. The formulas are those of the
//! 2021 paper, with its words:
//!
//! - kWh = hours to train × number of processors × average power per processor × PUE ÷ 1000
//! - tCO2e = kWh × kgCO2e per kWh ÷ 1000
//!
//! and M = TE × (TiR ÷ EL) × (RR ÷ ToR) of the SCI specification for the embodied share, which arrives
//! here per accelerator-hour. Water is WUE × IT energy plus the power plants' water × facility energy, so
//! that PUE enters once.
//!
//! # Sources
//! Patterson et al. 2021 (arXiv:2104.10350), sections 2 and 2.5; SCI specification 1.1.0, "Embodied
//! emissions"; Li et al. 2025 for water.

use greenwich_core::footprint::{Account, Factor, Footprint, Phase, Setting, Stage};
use greenwich_core::quantity::{
    AcceleratorHours, AverageIntensity, Co2e, FacilityEnergy, Flops, Hours, Power, Pue, SiteWaterIntensity,
    SourceWaterIntensity, UsdPerAcceleratorHour, UsdPerKwh, Water,
};
use greenwich_core::range::{Quantity, Spread};
use greenwich_core::{Range, Tier};

/// One phase as it was measured, with the factors that apply to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The phase's name: `search`, `preliminary`, `final`.
    pub name: String,
    /// Where and on what.
    pub setting: Setting,
    /// All parameters, where the job file tells.
    pub params_total: Option<u64>,
    /// Parameters that one token passes.
    pub params_active: Option<u64>,
    /// FLOPs of one forward pass per token.
    pub forward_flops_per_token: Option<Flops>,
    /// Model FLOPs of the phase, where known.
    pub training_flops: Option<Flops>,
    /// Wall-clock time.
    pub hours: Hours,
    /// Mean power per accelerator: its share of the whole system, before PUE.
    pub mean_power: Range<Power>,
    /// Facility over IT energy.
    pub pue: Pue,
    /// How far that may be off.
    pub pue_spread: Spread,
    /// Grid mean (lifecycle where known), where known.
    pub location_based: Option<Range<AverageIntensity>>,
    /// Grid mean at the stack, where known.
    pub location_based_direct: Option<Range<AverageIntensity>>,
    /// After contracts, where known.
    pub market_based: Option<Range<AverageIntensity>>,
    /// Share of manufacture per accelerator-hour, where known.
    pub embodied_per_accelerator_hour: Option<Range<Co2e>>,
    /// Site water per IT kWh.
    pub wue: Option<Range<SiteWaterIntensity>>,
    /// Power plants' water per facility kWh.
    pub source_water: Option<Range<SourceWaterIntensity>>,
    /// Price of an accelerator-hour.
    pub price: Option<Range<UsdPerAcceleratorHour>>,
    /// Price of a facility kWh, for a room of one's own.
    pub electricity_price: Option<UsdPerKwh>,
    /// What entered.
    pub factors: Vec<Factor>,
    /// What to know.
    pub warnings: Vec<String>,
}

/// Emissions of a flight, for the equivalents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flights {
    /// One passenger's round trip San Francisco – New York.
    pub passenger: Co2e,
    /// The whole plane's.
    pub plane: Co2e,
}

/// Accounts for every phase and sums them.
///
/// `fleet_energy` is the yearly energy of the fleet that the job is a share of. A quantity that one
/// phase lacks is unknown in the total as well: a part is not passed off as the whole.
///
/// # Panics
/// When `phases` is empty: the job file's reader makes one phase of a file without any.
pub fn account(
    job: &str,
    phases: &[Measured],
    fleet_energy: Option<FacilityEnergy>,
    flights: Option<Flights>,
) -> Account {
    assert!(!phases.is_empty(), "an account has at least one phase");
    let footprints: Vec<Footprint> = phases.iter().map(|phase| footprint(job, phase)).collect();
    let total = total(job, &footprints);
    let phases = footprints
        .into_iter()
        .zip(phases)
        .map(|(footprint, measured)| Phase {
            name: measured.name.clone(),
            energy_share: footprint.facility_energy.p50 / total.facility_energy.p50,
            co2e_share: footprint.location_based.zip(total.location_based).map(|(part, whole)| part.p50 / whole.p50),
            footprint,
        })
        .collect();
    Account {
        passenger_flights: total.location_based.zip(flights).map(|(co2e, flights)| co2e.p50 / flights.passenger),
        planes: total.location_based.zip(flights).map(|(co2e, flights)| co2e.p50 / flights.plane),
        fleet_share: fleet_energy.map(|fleet| total.facility_energy.p50 / fleet),
        total,
        phases,
    }
}

fn footprint(job: &str, phase: &Measured) -> Footprint {
    let accelerator_hours = phase.hours.on(phase.setting.count);
    let it_energy = phase.mean_power.map(|power| power * accelerator_hours);
    let facility_energy = it_energy.map(|energy| energy * phase.pue).widened(phase.pue_spread);
    let emitted = |intensity: Range<AverageIntensity>| {
        facility_energy.map(|energy| energy * intensity.p50).widened(intensity.spread())
    };
    let water = phase.wue.zip(phase.source_water).map(|(site, source)| {
        let at_site = it_energy.map(|energy| energy * site.p50).widened(site.spread());
        let at_plants = facility_energy.map(|energy| energy * source.p50).widened(source.spread());
        sum_of_two(at_site, at_plants)
    });
    let rent = phase.price.map(|price| price.map(|price| price * accelerator_hours));
    let bill = phase.electricity_price.map(|price| facility_energy.map(|energy| price * energy));
    Footprint {
        stage: Stage::Account,
        job: job.to_owned(),
        // Power that stands in from the catalog was not measured.
        tier: if phase.mean_power.is_exact() { Tier::T3 } else { Tier::T2 },
        setting: phase.setting.clone(),
        params_total: phase.params_total,
        params_active: phase.params_active,
        forward_flops_per_token: phase.forward_flops_per_token,
        training_flops: phase.training_flops.map(Range::exact),
        accelerator_hours: Range::exact(accelerator_hours),
        hours: Range::exact(phase.hours),
        mean_power: phase.mean_power,
        accelerator_power: None,
        facility_power: None,
        it_energy,
        facility_energy,
        location_based: phase.location_based.map(emitted),
        location_based_direct: phase.location_based_direct.map(emitted),
        market_based: phase.market_based.map(emitted),
        consequential: None,
        embodied: phase.embodied_per_accelerator_hour.map(|share| share.map(|co2e| co2e * accelerator_hours.hours())),
        water,
        cost: rent.or(bill),
        factors: phase.factors.clone(),
        warnings: phase.warnings.clone(),
    }
}

/// Of two that err independently: distances from the median add in squares.
fn sum_of_two(a: Range<Water>, b: Range<Water>) -> Range<Water> {
    let litres = |amount: Water| amount.litres();
    let off = |at: fn(&Range<Water>) -> Water| (litres(at(&a)) - litres(a.p50)).hypot(litres(at(&b)) - litres(b.p50));
    let mid = litres(a.p50 + b.p50);
    Range {
        p5: Water::from_litres(mid - off(|range| range.p5)),
        p50: a.p50 + b.p50,
        p95: Water::from_litres(mid + off(|range| range.p95)),
    }
}

/// Percentile by percentile: the phases share their errors (one PUE, one meter), so they do not average out.
fn add<Q: Quantity + std::ops::Add<Output = Q>>(a: Range<Q>, b: Range<Q>) -> Range<Q> {
    Range { p5: a.p5 + b.p5, p50: a.p50 + b.p50, p95: a.p95 + b.p95 }
}

fn total(job: &str, phases: &[Footprint]) -> Footprint {
    let (first, rest) = phases.split_first().expect("an account has at least one phase");
    if rest.is_empty() {
        return first.clone();
    }
    let mut sum = first.clone();
    job.clone_into(&mut sum.job);
    for phase in rest {
        let both = |a: Option<Range<Co2e>>, b| a.zip(b).map(|(a, b)| add(a, b));
        sum.tier = sum.tier.min(phase.tier);
        sum.training_flops = sum.training_flops.zip(phase.training_flops).map(|(a, b)| add(a, b));
        sum.accelerator_hours = add(sum.accelerator_hours, phase.accelerator_hours);
        sum.hours = add(sum.hours, phase.hours);
        sum.it_energy = add(sum.it_energy, phase.it_energy);
        sum.facility_energy = add(sum.facility_energy, phase.facility_energy);
        sum.location_based = both(sum.location_based, phase.location_based);
        sum.location_based_direct = both(sum.location_based_direct, phase.location_based_direct);
        sum.market_based = both(sum.market_based, phase.market_based);
        sum.embodied = both(sum.embodied, phase.embodied);
        sum.water = sum.water.zip(phase.water).map(|(a, b)| add(a, b));
        sum.cost = sum.cost.zip(phase.cost).map(|(a, b)| add(a, b));
        for factor in &phase.factors {
            if !sum.factors.contains(factor) {
                sum.factors.push(factor.clone());
            }
        }
        for warning in &phase.warnings {
            if !sum.warnings.contains(warning) {
                sum.warnings.push(warning.clone());
            }
        }
    }
    let hours: AcceleratorHours = sum.accelerator_hours.p50;
    sum.mean_power = sum.it_energy.map(|energy| Power::from_watts(energy.joules() / hours.accelerator_seconds()));
    let first = &phases[0].setting;
    let differ = |of: fn(&Setting, &Setting) -> bool| phases.iter().any(|phase| !of(&phase.setting, first));
    // What the phases do not share is not said of the whole.
    if differ(|a, b| a.accelerator == b.accelerator) {
        sum.setting.accelerator = None;
    }
    if differ(|a, b| a.region == b.region) {
        sum.setting.region = None;
    }
    if differ(|a, b| a.zone == b.zone) {
        sum.setting.zone = None;
    }
    sum.setting.count = phases.iter().map(|phase| phase.setting.count).max().unwrap_or(0);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn measured(name: &str, count: u32, days: f64, watts: f64, pue: f64, g: f64) -> Measured {
        Measured {
            name: name.into(),
            setting: Setting { accelerator: None, count, region: None, zone: None },
            params_total: None,
            params_active: None,
            forward_flops_per_token: None,
            training_flops: None,
            hours: Hours::from_days(days),
            mean_power: Range::exact(Power::from_watts(watts)),
            pue: Pue::new(pue).expect("in range"),
            pue_spread: Spread::NONE,
            location_based: Some(Range::exact(AverageIntensity::from_g_per_kwh(g))),
            location_based_direct: None,
            market_based: None,
            embodied_per_accelerator_hour: None,
            wue: Some(Range::exact(SiteWaterIntensity::from_l_per_kwh(1.0))),
            source_water: Some(Range::exact(SourceWaterIntensity::from_l_per_kwh(3.1))),
            price: None,
            electricity_price: None,
            factors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn energy_and_co2e_follow_the_papers_formula() {
        let account = account("t5", &[measured("final", 512, 20.0, 310.0, 1.12, 545.0)], None, None);
        let mwh = 20.0 * 24.0 * 512.0 * 310.0 * 1.12 / 1e6;
        assert!((account.total.facility_energy.p50.mwh() - mwh).abs() < 1e-9);
        assert!((account.total.location_based.expect("known").p50.tonnes() - mwh * 0.545).abs() < 1e-9);
    }

    #[test]
    fn what_was_measured_is_exact_and_what_was_looked_up_is_not() {
        let mut phase = measured("final", 512, 20.0, 310.0, 1.12, 400.0);
        phase.pue_spread = Spread { down: 1.1, up: 1.2 };
        let g = AverageIntensity::from_g_per_kwh;
        phase.location_based = Some(Range { p5: g(200.0), p50: g(400.0), p95: g(800.0) });
        phase.wue = phase.wue.map(|wue| wue.widened(Spread { down: 4.0, up: 4.0 }));
        let total = account("t", &[phase], None, None).total;
        assert!(total.it_energy.is_exact());
        assert!((total.facility_energy.p95 / total.facility_energy.p50 - 1.2).abs() < 1e-12);
        let co2e = total.location_based.expect("known");
        assert!((co2e.p50 / co2e.p5 - 1.1f64.ln().hypot(2f64.ln()).exp()).abs() < 1e-12);
        let water = total.water.expect("known");
        assert!(water.p5.litres() > 0.0 && water.p5 < water.p50 && water.p50 < water.p95);
    }

    #[test]
    fn water_takes_pue_once() {
        let account = account("w", &[measured("final", 1, 1.0, 1000.0, 1.5, 0.0)], None, None);
        let litres = 24.0 * 1.0 + 24.0 * 1.5 * 3.1;
        assert!((account.total.water.expect("known").p50.litres() - litres).abs() < 1e-9);
    }

    #[test]
    fn phases_are_summed_with_their_shares_and_a_part_is_not_passed_off_as_the_whole() {
        let mut search = measured("search", 8, 10.0, 300.0, 1.1, 400.0);
        search.market_based = None;
        let mut last = measured("final", 8, 30.0, 300.0, 1.1, 400.0);
        last.market_based = Some(Range::exact(AverageIntensity::from_g_per_kwh(10.0)));
        let flights = Flights { passenger: Co2e::from_tonnes(1.2), plane: Co2e::from_tonnes(180.4) };
        let account = account("both", &[search, last], Some(FacilityEnergy::from_mwh(100.0)), Some(flights));
        assert!((account.phases[0].energy_share - 0.25).abs() < 1e-12);
        assert!((account.phases[1].co2e_share.expect("known") - 0.75).abs() < 1e-12);
        assert_eq!(account.total.market_based, None);
        let tonnes = account.total.location_based.expect("known").p50.tonnes();
        assert!((account.passenger_flights.expect("known") - tonnes / 1.2).abs() < 1e-12);
        assert!((account.fleet_share.expect("given") - account.total.facility_energy.p50.mwh() / 100.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn energy_is_conserved_when_a_run_is_cut(count in 1u32..5000, days in 0.1..90.0f64, watts in 50.0..1500.0f64, cut in 0.01..0.99f64) {
            let whole = account("whole", &[measured("final", count, days, watts, 1.2, 300.0)], None, None);
            let parts = [measured("a", count, days * cut, watts, 1.2, 300.0), measured("b", count, days * (1.0 - cut), watts, 1.2, 300.0)];
            let cut = account("cut", &parts, None, None);
            let (a, b) = (whole.total.facility_energy.p50.kwh(), cut.total.facility_energy.p50.kwh());
            prop_assert!((a - b).abs() <= 1e-9 * a);
        }
    }
}
