//! How long a run takes.
//!
//! In: FLOPs, peak and what the user knows better. Out: wall-clock time without pauses, with what it
//! rests on: given hours, a pilot's rate, the roofline of the layout, or the share of it that published runs got.

use crate::error::EstimateError;
use crate::flops::Work;
use crate::inputs::Inputs;
use crate::lognormal::LogNormal;
use greenwich_core::quantity::{Flops, Fraction, Hours};

/// What the hours rest on; the first that can be used is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeBasis {
    /// The user gave them.
    Hours,
    /// Tokens over the rate of a pilot and goodput.
    TokensPerSecond,
    /// FLOPs over peak, MFU and goodput.
    Mfu,
    /// FLOPs over peak, the roofline of the layout and goodput.
    Layout,
    /// FLOPs over peak and the useful share of published runs.
    UsefulShare,
}

/// Wall-clock time of the run, pauses not counted.
///
/// hours = FLOPs ÷ (count × peak × useful share), where the share stands for MFU × goodput.
///
/// # Errors
/// What cannot be (see [`EstimateError`]); [`EstimateError::NoWork`] and [`EstimateError::NoPeak`] where nothing gives
/// the time.
pub fn duration(inputs: &Inputs) -> Result<LogNormal<Hours>, EstimateError> {
    inputs.check()?;
    Ok(time(inputs, &Work::of(inputs))?.0)
}

impl Work {
    /// The FLOPs of these inputs.
    pub(crate) fn of(inputs: &Inputs) -> Self {
        Self::new(&inputs.model, inputs.tokens, inputs.seq_len, inputs.given.total_flops)
    }
}

/// The time with what it rests on.
pub(crate) fn time(inputs: &Inputs, work: &Work) -> Result<(LogNormal<Hours>, TimeBasis), EstimateError> {
    let given = &inputs.given;
    if let Some(hours) = given.hours {
        return Ok((LogNormal::exact(hours), TimeBasis::Hours));
    }
    if let (Some(rate), Some(tokens)) = (given.tokens_per_s, inputs.tokens) {
        let stepping = Hours::from_seconds(tokens / rate);
        return Ok((inputs.goodput_of_steps.map(|goodput| stepping / goodput), TimeBasis::TokensPerSecond));
    }
    if let Some(mfu) = given.mfu {
        // Goodput is fitted on runs whose FLOPs are counted so.
        let stepping = at_peak(inputs, work.calibrated)? / Fraction::share(mfu);
        return Ok((inputs.goodput.map(|goodput| stepping / goodput), TimeBasis::Mfu));
    }
    if let Some(mfu) = given.layout_mfu {
        let at_peak = at_peak(inputs, work.training)?;
        let paid = mfu.with(inputs.goodput_of_steps, |mfu, goodput| at_peak / (mfu * goodput));
        return Ok((paid, TimeBasis::Layout));
    }
    let at_peak = at_peak(inputs, work.calibrated)?;
    Ok((inputs.utilisation.map(|share| at_peak / share), TimeBasis::UsefulShare))
}

fn at_peak(inputs: &Inputs, flops: Option<Flops>) -> Result<Hours, EstimateError> {
    let flops = flops.ok_or_else(|| EstimateError::NoWork { job: inputs.job.clone() })?;
    let peak = inputs.peak.ok_or_else(|| EstimateError::NoPeak {
        accelerator: inputs.accelerator(),
        precision: inputs.precision.clone(),
    })?;
    Ok(flops.at(peak * f64::from(inputs.setting.count)))
}
