//! The ratio of two runs, split into Model, Machine, Mechanization and Map.
//!
//! In: two footprints. Out: [`Levers`], base over alternative. The attribution rests on an identity:
//!
//! CO2e = training FLOPs × (IT energy ÷ training FLOP) × PUE × intensity
//!
//! Each lever is the ratio of one factor, so the four multiply to the whole exactly and no order of
//! taking them up changes any of them. A split by differences (how many tonnes each lever saved) would
//! depend on the order; that is why we do not give one.
//!
//! # Sources
//! Patterson et al. 2022 (arXiv:2204.05149), the 4Ms.

use greenwich_core::Footprint;
use greenwich_core::levers::{Levers, Scope2};
use miette::Diagnostic;
use thiserror::Error;

/// Why two runs cannot be compared.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum LeversError {
    /// A run has no CO2e by the method asked for.
    #[error("the {method}-based CO2e of `{job}` is not known")]
    #[diagnostic(
        code(greenwich::levers::unknown_co2e),
        help("give `site.{method}_based_gco2e_per_kwh` in its job file")
    )]
    UnknownCo2e {
        /// The run.
        job: String,
        /// `location` or `market`.
        method: &'static str,
    },
    /// A run emits nothing, so that there is no ratio.
    #[error("the {method}-based CO2e of `{job}` is zero, so it has no ratio to another")]
    #[diagnostic(code(greenwich::levers::zero), help("compare energies, or use the other method with --scope2"))]
    Zero {
        /// The run.
        job: String,
        /// `location` or `market`.
        method: &'static str,
    },
}

/// Splits base over alternative into the four levers.
///
/// # Errors
/// [`LeversError`] when either run's CO2e by the method is unknown or zero.
pub fn levers(base: &Footprint, alternative: &Footprint, scope2: Scope2) -> Result<Levers, LeversError> {
    let method = scope2.as_str();
    let emitted = |run: &Footprint| {
        let co2e = match scope2 {
            Scope2::Location => run.location_based,
            Scope2::Market => run.market_based,
        };
        match co2e {
            None => Err(LeversError::UnknownCo2e { job: run.job.clone(), method }),
            Some(co2e) if co2e.p50.g() <= 0.0 => Err(LeversError::Zero { job: run.job.clone(), method }),
            Some(co2e) => Ok(co2e.p50),
        }
    };
    let (base_co2e, alternative_co2e) = (emitted(base)?, emitted(alternative)?);
    let it = base.it_energy.p50 / alternative.it_energy.p50;
    let energy_ratio = base.facility_energy.p50 / alternative.facility_energy.p50;
    let co2e_ratio = base_co2e / alternative_co2e;
    let model =
        base.training_flops.zip(alternative.training_flops).map(|(base, alternative)| base.p50 / alternative.p50);
    let mut warnings = Vec::new();
    for run in [base, alternative] {
        if run.training_flops.is_none() {
            warnings.push(format!(
                "the training FLOPs of `{}` are not known, so Machine holds Model as well: give `machine.total_flops`",
                run.job
            ));
        }
    }
    Ok(Levers {
        base: base.job.clone(),
        alternative: alternative.job.clone(),
        scope2,
        energy_ratio,
        co2e_ratio,
        model,
        machine: it / model.unwrap_or(1.0),
        mechanization: energy_ratio / it,
        map: co2e_ratio / energy_ratio,
        warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Measured, account};
    use greenwich_core::Range;
    use greenwich_core::footprint::Setting;
    use greenwich_core::quantity::{AverageIntensity, Flops, Hours, Power, Pue};
    use proptest::prelude::*;

    fn run(flops: Option<f64>, days: f64, watts: f64, pue: f64, g: f64) -> Footprint {
        let measured = Measured {
            name: "final".into(),
            setting: Setting { accelerator: None, count: 8, region: None, zone: None },
            params_total: None,
            params_active: None,
            forward_flops_per_token: None,
            training_flops: flops.map(Flops::from_flops),
            hours: Hours::from_days(days),
            mean_power: Range::exact(Power::from_watts(watts)),
            pue: Pue::new(pue).expect("in range"),
            pue_spread: greenwich_core::range::Spread::NONE,
            location_based: Some(greenwich_core::Range::exact(AverageIntensity::from_g_per_kwh(g))),
            location_based_direct: None,
            market_based: None,
            embodied_per_accelerator_hour: None,
            wue: None,
            source_water: None,
            price: None,
            electricity_price: None,
            factors: Vec::new(),
            warnings: Vec::new(),
        };
        account("run", &[measured], None, None).total
    }

    #[test]
    fn without_flops_machine_holds_model_as_well_and_says_so() {
        let levers =
            levers(&run(None, 2.0, 300.0, 1.5, 400.0), &run(Some(1e20), 1.0, 300.0, 1.2, 100.0), Scope2::Location)
                .expect("comparable");
        assert_eq!(levers.model, None);
        assert!((levers.machine - 2.0).abs() < 1e-12);
        assert_eq!(levers.warnings.len(), 1);
    }

    proptest! {
        #[test]
        fn the_four_levers_multiply_to_the_whole(
            f1 in 1e18..1e25f64, f2 in 1e18..1e25f64, d1 in 0.1..90.0f64, d2 in 0.1..90.0f64,
            w1 in 50.0..900.0f64, w2 in 50.0..900.0f64, p1 in 1.0..2.0f64, p2 in 1.0..2.0f64, g1 in 1.0..900.0f64, g2 in 1.0..900.0f64,
        ) {
            let (a, b) = (run(Some(f1), d1, w1, p1, g1), run(Some(f2), d2, w2, p2, g2));
            let there = levers(&a, &b, Scope2::Location).expect("comparable");
            let product = there.model.expect("known") * there.machine * there.mechanization * there.map;
            prop_assert!((product / there.co2e_ratio - 1.0).abs() < 1e-9);
            prop_assert!((there.map - g1 / g2).abs() < 1e-9 * g1 / g2);
            let back = levers(&b, &a, Scope2::Location).expect("comparable");
            prop_assert!((there.machine * back.machine - 1.0).abs() < 1e-9);
        }
    }
}
