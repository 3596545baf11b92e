//! What a place adds: overhead, intensity, water, hardware and price.
//!
//! In: factors with their spread, looked up before. Out: the same, named. A factor that is not known
//! is `None`, and what needs it is then unknown too.

use crate::lognormal::LogNormal;
use greenwich_core::quantity::{
    AverageIntensity, Co2e, Fraction, Hours, MarginalIntensity, Pue, SiteWaterIntensity, SourceWaterIntensity,
    UsdPerAcceleratorHour, UsdPerKwh,
};

/// The factors of one place for one accelerator.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Facility energy over IT energy.
    pub pue: LogNormal<Pue>,
    /// Grid average with the lifecycle factor, or the direct one where only that is known.
    pub location_based: Option<LogNormal<AverageIntensity>>,
    /// Grid average at the stack.
    pub location_based_direct: Option<LogNormal<AverageIntensity>>,
    /// By contracts.
    pub market_based: Option<LogNormal<AverageIntensity>>,
    /// Response to one more kWh.
    pub marginal: Option<LogNormal<MarginalIntensity>>,
    /// Site water per IT kWh.
    pub wue: Option<LogNormal<SiteWaterIntensity>>,
    /// The power plants' water per facility kWh.
    pub source_water: Option<LogNormal<SourceWaterIntensity>>,
    /// Manufacture of the hardware.
    pub embodied: Option<Embodied>,
    /// Price of an accelerator-hour; it holds the electricity.
    pub price: Option<LogNormal<UsdPerAcceleratorHour>>,
    /// Price of electricity, used where no accelerator-hour has a price.
    pub electricity_price: Option<LogNormal<UsdPerKwh>>,
}

/// Manufacture of one accelerator with its share of the host, and over what time it is shared out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embodied {
    /// One accelerator with its share of the host.
    pub total: LogNormal<Co2e>,
    /// How long it serves.
    pub lifespan: LogNormal<Hours>,
    /// Share of that time in which someone uses it.
    pub busy_share: Fraction,
}

impl Embodied {
    /// Manufacture per hour of use: total ÷ (lifespan × busy share).
    ///
    /// ```
    /// use greenwich_core::quantity::{Co2e, Fraction, Hours};
    /// use greenwich_estimate::{Embodied, LogNormal};
    /// // Luccioni et al. 2022: 150 kg over six years of 85 % use are 3.36 g an hour.
    /// let card = Embodied {
    ///     total: LogNormal::exact(Co2e::from_kg(150.0)),
    ///     lifespan: LogNormal::exact(Hours::from_days(6.0 * 365.0)),
    ///     busy_share: Fraction::new(0.85)?,
    /// };
    /// assert!((card.per_accelerator_hour().median().g() - 3.36).abs() < 0.01);
    /// # Ok::<(), greenwich_core::quantity::OutOfRange>(())
    /// ```
    ///
    /// # Sources
    /// SCI specification 1.1.0, "Embodied emissions": M = TE × (TiR / EL) × (RR / ToR).
    pub fn per_accelerator_hour(&self) -> LogNormal<Co2e> {
        let busy = self.busy_share.share();
        self.total.with(self.lifespan, |total, lifespan| total / (lifespan.hours() * busy))
    }
}
