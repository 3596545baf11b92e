//! The numbers of an estimate without their words: what a sweep over a million settings needs of each.
//!
//! In: [`Inputs`]. Out: [`Figures`], every quantity with its range; nothing is written or allocated where the inputs can
//! be. `estimate` adds factors and warnings to the same numbers.

use crate::duration::{TimeBasis, time};
use crate::error::EstimateError;
use crate::flops::Work;
use crate::inputs::{Inputs, Transfer};
use crate::lognormal::LogNormal;
use crate::power::{Drawn, PowerBasis};
use crate::site::Site;
use greenwich_core::footprint::Tier;
use greenwich_core::quantity::{
    AcceleratorHours, AverageIntensity, Co2e, ConsequentialCo2e, FacilityEnergy, Hours, ItEnergy, MarginalIntensity,
    Power, Usd, Water,
};

/// Every quantity of one estimate, as a median and a spread; [`LogNormal::range`] gives its percentiles.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub struct Figures {
    /// How much was known.
    pub tier: Tier,
    /// What has to be computed.
    pub work: Work,
    /// Wall-clock time.
    pub hours: LogNormal<Hours>,
    /// Wall-clock time times accelerators.
    pub accelerator_hours: LogNormal<AcceleratorHours>,
    /// Mean power per accelerator with its share of the host, before PUE.
    pub mean_power: LogNormal<Power>,
    /// Before PUE.
    pub it_energy: LogNormal<ItEnergy>,
    /// After PUE.
    pub facility_energy: LogNormal<FacilityEnergy>,
    /// Scope 2 by grid average.
    pub location_based: Option<LogNormal<Co2e>>,
    /// The same by the direct factor.
    pub location_based_direct: Option<LogNormal<Co2e>>,
    /// Scope 2 by contracts.
    pub market_based: Option<LogNormal<Co2e>>,
    /// What the run adds at the margin.
    pub consequential: Option<LogNormal<ConsequentialCo2e>>,
    /// Share of the hardware's manufacture.
    pub embodied: Option<LogNormal<Co2e>>,
    /// On site and at the power plants.
    pub water: Option<LogNormal<Water>>,
    /// At dated list prices.
    pub cost: Option<LogNormal<Usd>>,
    /// How the power is known.
    pub(crate) power: PowerBasis,
    /// What it comes to.
    pub(crate) drawn: Drawn,
    /// What the time rests on.
    pub(crate) basis: TimeBasis,
}

/// Estimates every quantity of the run.
///
/// # Errors
/// Inputs that cannot be, a model that cannot fit, and nothing that gives the time or the power.
pub fn figures(inputs: &Inputs) -> Result<Figures, EstimateError> {
    inputs.check()?;
    let work = Work::of(inputs);
    let (hours, basis) = time(inputs, &work)?;
    let power = inputs.power.ok_or_else(|| EstimateError::NoPower { accelerator: inputs.accelerator() })?;
    let drawn = power.drawn(inputs.load, share_of_peak(inputs, &work, hours));
    let mean_power = drawn.power;

    let hours = hours.plus_exact(inputs.pause_overhead);
    let accelerator_hours = hours.map(|hours| hours.on(inputs.setting.count));
    let it_energy: ItEnergy = mean_power.median() * accelerator_hours.median();
    let of_hours = (1.0 - drawn.elasticity) * accelerator_hours.sigma();
    let it_energy = LogNormal::new(it_energy, drawn.own_sigma.hypot(of_hours));
    let run = Figures {
        tier: tier(inputs, basis),
        work,
        hours,
        accelerator_hours,
        mean_power,
        it_energy,
        facility_energy: it_energy.times(inputs.site.pue),
        location_based: None,
        location_based_direct: None,
        market_based: None,
        consequential: None,
        embodied: None,
        water: None,
        cost: None,
        power,
        drawn,
        basis,
    };
    Ok(run.at(&inputs.site, inputs.transfer))
}

impl Figures {
    /// The same run at a place: hours, power and IT energy stay, all that the place adds is reckoned anew. What the place
    /// says is taken as it is, where [`figures`] holds it to what can be.
    pub fn at(&self, site: &Site, transfer: Option<Transfer>) -> Self {
        let facility_energy: LogNormal<FacilityEnergy> = self.it_energy.times(site.pue);
        let emissions = |intensity: Option<LogNormal<AverageIntensity>>| Some(facility_energy.times(intensity?));
        let moved = |co2e: LogNormal<Co2e>| match transfer {
            Some(transfer) => co2e.plus_exact(transfer.energy * AverageIntensity::from_g_per_kwh(transfer.g_per_kwh)),
            None => co2e,
        };
        let consequential = site.marginal.map(|marginal| {
            let own = facility_energy.times(marginal);
            let transfer = transfer.map(|moved| moved.energy * MarginalIntensity::from_g_per_kwh(moved.g_per_kwh));
            transfer.map_or(own, |transfer| own.plus_exact(transfer))
        });
        let embodied = site.embodied.map(|embodied| {
            embodied
                .per_accelerator_hour()
                .with(self.accelerator_hours, |each, hours: AcceleratorHours| each * hours.hours())
        });
        Self {
            facility_energy,
            location_based: emissions(site.location_based).map(moved),
            location_based_direct: emissions(site.location_based_direct).map(moved),
            market_based: emissions(site.market_based),
            consequential,
            embodied,
            water: water(site, self.it_energy),
            cost: cost(site, self.accelerator_hours, facility_energy),
            ..*self
        }
    }
}

/// Useful FLOPs over peak FLOPs paid for, as power is published against it, with the spread of the hours.
fn share_of_peak(inputs: &Inputs, work: &Work, hours: LogNormal<Hours>) -> Option<LogNormal<f64>> {
    let paid_for = inputs.peak?.flops_per_second() * f64::from(inputs.setting.count);
    let flops = work.calibrated?.flops();
    Some(hours.map(|hours| flops / (paid_for * hours.seconds())))
}

/// A doubt about a time that only more than the peak of the accelerators could keep, by the key that it rests on.
pub fn beyond_peak(inputs: &Inputs) -> Option<String> {
    let work = Work::of(inputs);
    let (hours, basis) = time(inputs, &work).ok()?;
    let share = share_of_peak(inputs, &work, hours)?.median();
    let key = match basis {
        TimeBasis::Hours => "`machine.hours`",
        TimeBasis::TokensPerSecond => "`machine.tokens_per_s`",
        TimeBasis::Mfu | TimeBasis::Layout | TimeBasis::UsefulShare => return None,
    };
    (share > 1.0).then(|| {
        let (count, precision) = (inputs.setting.count, &inputs.precision);
        let times = if share < 10.0 { format!("{share:.1}") } else { format!("{share:.0}") };
        format!(
            "{key} cannot be: the run would take {times} times the peak of {count} {} in {precision}; check it, the tokens, the count and `model.precision`",
            inputs.accelerator()
        )
    })
}

fn tier(inputs: &Inputs, basis: TimeBasis) -> Tier {
    match basis {
        TimeBasis::Layout => Tier::T1,
        TimeBasis::UsefulShare if inputs.given.layout.is_some() => Tier::T1,
        TimeBasis::UsefulShare => Tier::T0,
        _ if inputs.given.mean_power_given => Tier::T3,
        _ => Tier::T2,
    }
}

/// On site with IT energy, at the power plants with facility energy: PUE enters once.
fn water(site: &Site, it_energy: LogNormal<ItEnergy>) -> Option<LogNormal<Water>> {
    let one = LogNormal::exact(ItEnergy::from_kwh(1.0));
    let on_site = one.times(site.wue?);
    let at_plants = one.times(site.pue).times(site.source_water?);
    let per_kwh: LogNormal<Water> = LogNormal::sum(&[on_site, at_plants]);
    Some(per_kwh.with(it_energy, |water, energy| water * energy.kwh()))
}

/// The accelerator-hour's price holds the electricity; without one, the electricity is what can be told.
fn cost(site: &Site, hours: LogNormal<AcceleratorHours>, energy: LogNormal<FacilityEnergy>) -> Option<LogNormal<Usd>> {
    let by_hour = site.price.map(|price| price.times(hours));
    by_hour.or_else(|| site.electricity_price.map(|price| price.times(energy)))
}
