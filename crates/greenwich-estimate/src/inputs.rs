//! What an estimate is made from, and what of it cannot be.
//!
//! In: values that were looked up or given. Out: the same, refused where a number is outside what it can have,
//! where a layout is not the machine's, or where the model cannot fit in memory.

use crate::error::EstimateError;
use crate::lognormal::LogNormal;
use crate::memory::Need;
use crate::model::Model;
use crate::power::{Chip, Load, PowerBasis};
use crate::site::Site;
use greenwich_core::Factor;
use greenwich_core::footprint::Setting;
use greenwich_core::quantity::{Bytes, FacilityEnergy, FlopRate, Flops, Fraction, Hours};
use greenwich_core::range::Quantity;

/// How the accelerators share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Tensor parallel.
    pub tensor: u32,
    /// Pipeline parallel.
    pub pipeline: u32,
    /// Data parallel.
    pub data: u32,
    /// Context parallel.
    pub context: u32,
}

/// What the user knows better than we predict it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Given {
    /// Model FLOPs over peak while stepping; recomputation not counted.
    pub mfu: Option<Fraction>,
    /// Tokens a second of the whole job while stepping.
    pub tokens_per_s: Option<f64>,
    /// Wall clock, pauses not counted: exact.
    pub hours: Option<Hours>,
    /// Model FLOPs of the whole run: exact.
    pub total_flops: Option<Flops>,
    /// Whether the mean power is the user's own.
    pub mean_power_given: bool,
    /// The layout.
    pub layout: Option<Layout>,
    /// Model MFU while stepping that the roofline gives this layout, with its spread.
    pub layout_mfu: Option<LogNormal<f64>>,
}

/// Data that is moved before the run, where it does not run at home.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer {
    /// Energy of the network.
    pub energy: FacilityEnergy,
    /// Intensity that it is charged with, in gCO2e/kWh.
    pub g_per_kwh: f64,
}

/// Everything that an estimate is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// The job's name.
    pub job: String,
    /// The model.
    pub model: Model,
    /// Tokens of the whole run, repeated ones counted again.
    pub tokens: Option<f64>,
    /// Tokens of one sequence.
    pub seq_len: Option<u32>,
    /// Number format of the matrix work: `bf16`, `fp32` …
    pub precision: String,
    /// Where and on what.
    pub setting: Setting,
    /// Dense peak of one accelerator in that format.
    pub peak: Option<FlopRate>,
    /// Memory of one accelerator.
    pub memory: Option<Bytes>,
    /// Useful FLOPs over peak FLOPs paid for, over whole runs (so with restarts and idle hours).
    pub utilisation: LogNormal<f64>,
    /// Share of paid hours that gave useful steps; enters where MFU or tokens a second are given.
    pub goodput: LogNormal<f64>,
    /// The same where the time of a step is known: nothing of it is owed to how FLOPs are counted.
    pub goodput_of_steps: LogNormal<f64>,
    /// How the mean power is known.
    pub power: Option<PowerBasis>,
    /// How it follows the share of peak, where that is known.
    pub load: Option<Load>,
    /// What of it the chip alone draws, where that can be told.
    pub chip: Option<Chip>,
    /// What the user knows better.
    pub given: Given,
    /// The place.
    pub site: Site,
    /// Time at full power that pauses cost, added to the running time as it is.
    pub pause_overhead: Hours,
    /// Data that is moved.
    pub transfer: Option<Transfer>,
    /// Factors that entered on the way here, passed on.
    pub factors: Vec<Factor>,
    /// Warnings from the way here, passed on.
    pub warnings: Vec<String>,
}

/// No quantity of a training run is above this in its base unit; products of a few stay finite.
const MOST: f64 = 1e40;

impl Inputs {
    /// The accelerator's key, for messages.
    pub(crate) fn accelerator(&self) -> String {
        self.setting.accelerator.as_ref().map_or_else(|| "accelerator".to_owned(), ToString::to_string)
    }

    /// Refuses what cannot be.
    pub(crate) fn check(&self) -> Result<(), EstimateError> {
        positive("machine.count", Some(f64::from(self.setting.count)))?;
        positive("model.tokens", self.tokens)?;
        positive("model.seq_len", self.seq_len.map(f64::from))?;
        if let Model::Bare { params_total, params_active } = self.model {
            positive("model.params", Some(params_total as f64))?;
            positive("model.active_params", Some(params_active as f64))?;
            if params_active > params_total {
                return Err(EstimateError::OutOfRange {
                    key: "model.active_params",
                    found: params_active.to_string(),
                    allowed: "at most `model.params`",
                });
            }
        }
        share("machine.mfu", self.given.mfu.map(Fraction::share))?;
        positive("machine.tokens_per_s", self.given.tokens_per_s)?;
        positive("machine.hours", self.given.hours.map(Hours::hours))?;
        positive("machine.total_flops", self.given.total_flops.map(Flops::flops))?;
        positive("machine.peak", self.peak.map(FlopRate::flops_per_second))?;
        positive("machine.memory", self.memory.map(Bytes::bytes))?;
        for power in self.power.iter().flat_map(PowerBasis::parts) {
            positive("machine.mean_power_w", Some(power.watts()))?;
        }
        share("useful share of peak", Some(self.utilisation.median()))?;
        share("goodput", Some(self.goodput.median()))?;
        share("goodput", Some(self.goodput_of_steps.median()))?;
        share("MFU of the layout", self.given.layout_mfu.map(LogNormal::median))?;
        spread("useful share of peak", self.utilisation)?;
        spread("goodput", self.goodput)?;
        not_negative("pause overhead", Some(self.pause_overhead.hours()))?;
        not_negative("transfer energy", self.transfer.map(|transfer| transfer.energy.kwh()))?;
        not_negative("transfer intensity", self.transfer.map(|transfer| transfer.g_per_kwh))?;
        self.check_site()?;
        self.check_layout()?;
        self.check_memory()
    }

    fn check_site(&self) -> Result<(), EstimateError> {
        let site = &self.site;
        spread("site.pue", site.pue)?;
        amount("site.location_based_gco2e_per_kwh", site.location_based)?;
        amount("site.location_based_gco2e_per_kwh", site.location_based_direct)?;
        amount("site.market_based_gco2e_per_kwh", site.market_based)?;
        amount("marginal intensity", site.marginal)?;
        amount("site.wue_l_per_kwh", site.wue)?;
        amount("off-site water", site.source_water)?;
        amount("site.usd_per_accelerator_hour", site.price)?;
        amount("site.usd_per_kwh", site.electricity_price)?;
        if let Some(embodied) = site.embodied {
            amount("embodied carbon", Some(embodied.total))?;
            spread("lifespan", embodied.lifespan)?;
            positive("lifespan", Some(embodied.lifespan.median().hours()))?;
            share("busy share", Some(embodied.busy_share.share()))?;
        }
        Ok(())
    }

    fn check_layout(&self) -> Result<(), EstimateError> {
        let Some(Layout { tensor, pipeline, data, context }) = self.given.layout else { return Ok(()) };
        let degrees = [tensor, pipeline, data, context];
        for degree in degrees {
            positive("machine.layout", Some(f64::from(degree)))?;
        }
        let product = degrees.into_iter().map(u64::from).fold(1, u64::saturating_mul);
        let count = self.setting.count;
        if product == u64::from(count) {
            return Ok(());
        }
        Err(EstimateError::LayoutMismatch { tp: tensor, pp: pipeline, dp: data, cp: context, product, count })
    }

    /// A run whose hours are given did fit, whatever we think.
    fn check_memory(&self) -> Result<(), EstimateError> {
        let need = Need::new(&self.model, self.seq_len, &self.precision);
        let (Some(need), Some(memory), None) = (need, self.memory, self.given.hours) else { return Ok(()) };
        let count = self.setting.count;
        if need.each(count).bytes() <= memory.bytes() {
            return Ok(());
        }
        Err(EstimateError::DoesNotFit {
            needs_gb: need.each(count).gb(),
            has_gb: memory.gb(),
            accelerator: self.accelerator(),
            count,
            least_count: need.least_count(memory),
        })
    }
}

fn within(
    key: &'static str,
    found: Option<f64>,
    allowed: &'static str,
    fits: impl Fn(f64) -> bool,
) -> Result<(), EstimateError> {
    match found {
        Some(number) if !fits(number) => Err(EstimateError::OutOfRange { key, found: number.to_string(), allowed }),
        _ => Ok(()),
    }
}

fn positive(key: &'static str, found: Option<f64>) -> Result<(), EstimateError> {
    within(key, found, "above 0 and below 1e40", |number| number > 0.0 && number < MOST)
}

fn not_negative(key: &'static str, found: Option<f64>) -> Result<(), EstimateError> {
    within(key, found, "0 to 1e40", |number| (0.0..MOST).contains(&number))
}

fn share(key: &'static str, found: Option<f64>) -> Result<(), EstimateError> {
    within(key, found, "above 0 and at most 1", |number| number > 0.0 && number <= 1.0)
}

fn spread<Q: Copy>(key: &'static str, quantity: LogNormal<Q>) -> Result<(), EstimateError> {
    within(key, Some(quantity.sigma()), "known within a factor of 1000", |sigma| sigma < 1000f64.ln())
}

fn amount<Q: Quantity>(key: &'static str, quantity: Option<LogNormal<Q>>) -> Result<(), EstimateError> {
    let Some(quantity) = quantity else { return Ok(()) };
    not_negative(key, Some(quantity.median().base()))?;
    spread(key, quantity)
}
