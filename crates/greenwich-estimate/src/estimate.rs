//! The whole footprint of a run that has not run.
//!
//! In: [`Inputs`]. Out: a [`Footprint`] whose ranges are products of lognormals, with every factor that this crate
//! adds and a warning for each quantity that cannot be known, naming the key that would mend it.

use crate::duration::TimeBasis;
use crate::error::EstimateError;
use crate::figures::{Figures, figures};
use crate::flops::Work;
use crate::inputs::Inputs;
use crate::lognormal::LogNormal;
use crate::power::PowerBasis;
use greenwich_core::footprint::{Factor, Footprint, Stage};
use greenwich_core::quantity::Hours;
use greenwich_core::{Check, Fit, Range};

/// Estimates every quantity of the run.
///
/// # Errors
/// Inputs that cannot be, a model that cannot fit, and nothing that gives the time or the power.
pub fn run(inputs: &Inputs) -> Result<Footprint, EstimateError> {
    let figures = figures(inputs)?;
    let Figures { work, basis, power, .. } = figures;
    let mut footprint = Footprint {
        stage: Stage::Estimate,
        job: inputs.job.clone(),
        tier: figures.tier,
        setting: inputs.setting.clone(),
        params_total: inputs.model.params_total(),
        params_active: inputs.model.params_active(),
        forward_flops_per_token: work.forward_per_token,
        training_flops: work.training.map(Range::exact),
        accelerator_hours: figures.accelerator_hours.range(),
        hours: figures.hours.range(),
        mean_power: figures.mean_power.range(),
        it_energy: figures.it_energy.range(),
        facility_energy: figures.facility_energy.range(),
        location_based: figures.location_based.map(LogNormal::range),
        location_based_direct: figures.location_based_direct.map(LogNormal::range),
        market_based: figures.market_based.map(LogNormal::range),
        consequential: figures.consequential.map(LogNormal::range),
        embodied: figures.embodied.map(LogNormal::range),
        water: figures.water.map(LogNormal::range),
        cost: figures.cost.map(LogNormal::range),
        factors: inputs.factors.clone(),
        warnings: inputs.warnings.clone(),
    };
    footprint.factors.extend(own_factors(inputs, &work, basis, &power));
    let unknown = unknown_quantities(inputs, &footprint);
    footprint.warnings.extend(Work::warnings(&inputs.model, inputs.seq_len));
    footprint.warnings.extend(unknown);
    if let PowerBasis::Tdp { tdp } = power {
        footprint.warnings.push(format!(
            "mean power is scaled from the design power of {tdp}, which is a cap and no draw: give `machine.mean_power_w` if you have measured it"
        ));
    }
    footprint.warnings.extend(most_helpful(inputs, basis, figures.hours, &power));
    Ok(footprint)
}

fn own_factors(inputs: &Inputs, work: &Work, basis: TimeBasis, power: &PowerBasis) -> Vec<Factor> {
    let factor = |quantity: &str, value: f64, unit: &str, source: &str, fit: Fit| Factor {
        quantity: quantity.to_owned(),
        value,
        unit: unit.to_owned(),
        source: source.to_owned(),
        year: None,
        fit,
        check: Check::Derived,
    };
    let mut factors = Vec::new();
    if let Some(training) = work.training {
        let given = inputs.given.total_flops.is_some();
        let (source, fit) = if given { ("job file", Fit::Given) } else { (work.formula, Fit::Exact) };
        factors.push(factor("training FLOPs", training.flops(), "FLOP", source, fit));
    }
    match basis {
        TimeBasis::Hours => {
            let hours = inputs.given.hours.map_or(0.0, Hours::hours);
            factors.push(factor("running time", hours, "h", "job file", Fit::Given));
        }
        TimeBasis::TokensPerSecond => {
            let rate = inputs.given.tokens_per_s.unwrap_or_default();
            factors.push(factor("rate of the whole job while stepping", rate, "tokens/s", "job file", Fit::Given));
        }
        TimeBasis::Mfu => {
            let mfu = inputs.given.mfu.map_or(0.0, greenwich_core::quantity::Fraction::share);
            factors.push(factor("model FLOP utilisation (MFU)", mfu, "fraction", "job file", Fit::Given));
        }
        TimeBasis::UsefulShare => {
            if !inputs.factors.iter().any(|known| known.quantity.starts_with("useful share")) {
                let share = inputs.utilisation.median();
                let source = "fit on published runs of the generation";
                factors.push(factor("useful share of billed peak", share, "fraction", source, Fit::Exact));
            }
            if let (Some(training), Some(calibrated)) = (work.training, work.calibrated)
                && training != calibrated
            {
                let source = "6·N·D with causal attention beyond 4096 tokens, as the published runs are counted";
                factors.push(factor("FLOPs for the useful share", calibrated.flops(), "FLOP", source, Fit::Exact));
            }
        }
    }
    let goodput_enters = matches!(basis, TimeBasis::TokensPerSecond | TimeBasis::Mfu);
    if goodput_enters && !inputs.factors.iter().any(|known| known.quantity.starts_with("goodput")) {
        let source = "published runs that state both MFU and hours";
        let fit = Fit::Similar("published runs".to_owned());
        factors.push(factor("goodput", inputs.goodput.median(), "fraction", source, fit));
    }
    factors.extend(power.factor());
    factors
}

/// A warning for each quantity that is `None`, with the key that would mend it.
fn unknown_quantities(inputs: &Inputs, footprint: &Footprint) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |missing: bool, words: &str| {
        if missing {
            warnings.push(words.to_owned());
        }
    };
    let site = &inputs.site;
    warn(
        footprint.params_total.is_none(),
        "parameters are not known: give `model.config`, `model.name` or `model.params`",
    );
    warn(
        footprint.training_flops.is_none(),
        "training FLOPs are not known: give `model` with `model.tokens`, or `machine.total_flops`",
    );
    warn(
        footprint.location_based.is_none(),
        "location-based CO2e is not known: give `site.region`, `site.zone` or `site.location_based_gco2e_per_kwh`",
    );
    warn(footprint.market_based.is_none(), "market-based CO2e is not known: give `site.market_based_gco2e_per_kwh`");
    warn(footprint.embodied.is_none(), "embodied CO2e is not known: nothing is published for `machine.accelerator`");
    warn(site.wue.is_none(), "water is not known: give `site.wue_l_per_kwh`");
    warn(
        site.wue.is_some() && site.source_water.is_none(),
        "water is not known: nothing is published of the power plants; give `site.zone`",
    );
    warn(footprint.cost.is_none(), "cost is not known: give `site.usd_per_accelerator_hour` or `site.usd_per_kwh`");
    warn(
        site.price.is_none() && site.electricity_price.is_some(),
        "cost is electricity alone: give `site.usd_per_accelerator_hour` for the hardware too",
    );
    warn(
        inputs.memory.is_none() && inputs.given.hours.is_none(),
        "memory of the accelerator is not known: whether the model fits was not checked",
    );
    warnings
}

/// The input that would narrow the range of CO2e (or energy) most, with its share of the variance.
fn most_helpful(inputs: &Inputs, basis: TimeBasis, hours: LogNormal<Hours>, power: &PowerBasis) -> Option<String> {
    let pilot = match basis {
        TimeBasis::UsefulShare => "`machine.tokens_per_s` or `machine.mfu` of a pilot's first steps",
        _ => "`machine.hours`",
    };
    let intensity = inputs.site.location_based;
    let parts = [
        (hours.sigma(), pilot),
        (power.mean_power().sigma(), "`machine.mean_power_w`"),
        (inputs.site.pue.sigma(), "`site.pue`"),
        (intensity.map_or(0.0, LogNormal::sigma), "`site.location_based_gco2e_per_kwh`"),
    ];
    let whole: f64 = parts.iter().map(|(sigma, _)| sigma * sigma).sum();
    let (sigma, key) = parts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let what = if intensity.is_some() { "location-based CO2e" } else { "energy" };
    let share = 100.0 * sigma * sigma / whole;
    (whole > 0.0).then(|| format!("the range of {what} would narrow most by {key}: {share:.0} % of its variance"))
}
