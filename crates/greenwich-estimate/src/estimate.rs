//! The whole footprint of a run that has not run.
//!
//! In: [`Inputs`]. Out: a [`Footprint`] whose ranges are products of lognormals, with every factor that this crate
//! adds and a warning for each quantity that cannot be known, naming the key that would mend it.

use crate::duration::TimeBasis;
use crate::error::EstimateError;
use crate::figures::{Figures, beyond_peak, figures};
use crate::flops::Work;
use crate::inputs::Inputs;
use crate::lognormal::{LogNormal, Z95};
use crate::power::{Drawn, PowerBasis};
use greenwich_core::footprint::{Factor, Footprint, Stage};
use greenwich_core::quantity::Hours;
use greenwich_core::{Check, Fit, Range};

/// Estimates every quantity of the run.
///
/// # Errors
/// Inputs that cannot be, a model that cannot fit, and nothing that gives the time or the power.
pub fn run(inputs: &Inputs) -> Result<Footprint, EstimateError> {
    let figures = figures(inputs)?;
    let Figures { work, basis, power, drawn, .. } = figures;
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
        accelerator_power: inputs.chip.map(|chip| chip.alone(figures.mean_power)),
        facility_power: Some(figures.mean_power.with(inputs.site.pue, |power, pue| power * pue.ratio()).range()),
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
    footprint.factors.extend(own_factors(inputs, &work, basis, &power, drawn));
    let unknown = unknown_quantities(inputs, &footprint);
    footprint.warnings.extend(Work::warnings(&inputs.model, inputs.seq_len));
    footprint.warnings.extend(beyond_peak(inputs));
    footprint.warnings.extend(unknown);
    if basis == TimeBasis::UsefulShare && inputs.model.shape().is_some_and(|shape| shape.vocab == 0) {
        footprint.warnings.push(
            "the hours rest on published runs of language models, none of a model without words: their range may be too narrow".to_owned(),
        );
    }
    if let PowerBasis::Tdp { tdp, .. } = power {
        footprint.warnings.push(format!(
            "mean power is scaled from the design power of {tdp}, which is a cap and no draw: give `machine.mean_power_w` if you have measured it"
        ));
    }
    footprint.warnings.extend(most_helpful(inputs, &figures));
    Ok(footprint)
}

fn own_factors(inputs: &Inputs, work: &Work, basis: TimeBasis, power: &PowerBasis, drawn: Drawn) -> Vec<Factor> {
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
        TimeBasis::Layout => {
            let mfu = inputs.given.layout_mfu.map_or(0.0, LogNormal::median);
            let source = "roofline of the layout, corrected as published steps and MFUs lie off it";
            factors.push(factor("model FLOP utilisation (MFU) of the layout", mfu, "fraction", source, Fit::Exact));
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
    let goodput = match basis {
        TimeBasis::Mfu => Some((inputs.goodput, "published runs that state both MFU and hours")),
        TimeBasis::TokensPerSecond | TimeBasis::Layout => {
            Some((inputs.goodput_of_steps, "published runs that state both the time of a step and hours"))
        }
        TimeBasis::Hours | TimeBasis::UsefulShare => None,
    };
    if let Some((goodput, source)) = goodput {
        let fit = Fit::Similar("published runs".to_owned());
        factors.push(factor("goodput", goodput.median(), "fraction", source, fit));
    }
    factors.extend(power.factor());
    if (drawn.factor - 1.0).abs() > 1e-9 {
        let source = "linear in the useful share of peak, about the share at which the mean power was measured, and in the memory traffic beyond a usual decoder's";
        let quantity = "mean power at the run's share of peak over the mean power measured";
        factors.push(factor(quantity, drawn.factor, "ratio", source, Fit::Exact));
    }
    if let Some(chip) = inputs.chip {
        let fit = Fit::Similar("systems measured with and without their host".to_owned());
        let source = "V100 (Dodge et al. 2022), H200 against H100 nodes, TPU v3";
        let quantity = "power of the accelerator alone over that of its share of the system";
        factors.push(factor(quantity, chip.of_system.median(), "fraction", source, fit));
    }
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

/// The input that would narrow the range of CO2e (or energy) most, and from what to what.
///
/// The range is made anew for each input that could be given, with all others as they are.
fn most_helpful(inputs: &Inputs, figures: &Figures) -> Option<String> {
    let Drawn { own_sigma, elasticity, .. } = figures.drawn;
    let (hours, pue) = (figures.accelerator_hours.sigma(), inputs.site.pue.sigma());
    let intensity = inputs.site.location_based.map_or(0.0, LogNormal::sigma);
    let whole = |hours: f64, power: f64, elasticity: f64, pue: f64, intensity: f64| {
        ((1.0 - elasticity) * hours).hypot(power).hypot(pue).hypot(intensity)
    };
    let now = whole(hours, own_sigma, elasticity, pue, intensity);
    let paced = match figures.basis {
        TimeBasis::UsefulShare | TimeBasis::Layout | TimeBasis::Mfu => inputs.goodput_of_steps.sigma(),
        TimeBasis::Hours | TimeBasis::TokensPerSecond => hours,
    };
    let options = [
        (whole(paced, own_sigma, elasticity, pue, intensity), "`machine.tokens_per_s` of a pilot's first steps"),
        (whole(hours, 0.0, 0.0, pue, intensity), "`machine.mean_power_w`"),
        (whole(hours, own_sigma, elasticity, 0.0, intensity), "`site.pue`"),
        (whole(hours, own_sigma, elasticity, pue, 0.0), "`site.location_based_gco2e_per_kwh`"),
    ];
    let (then, key) = options.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let what = if inputs.site.location_based.is_some() { "location-based CO2e" } else { "energy" };
    let (now, then) = ((Z95 * now).exp(), (Z95 * then).exp());
    let narrower = then < now - 0.005;
    narrower.then(|| format!("the range of {what} would narrow most by {key}: from ×/÷ {now:.2} to ×/÷ {then:.2}"))
}
