//! The account of a job: what was measured, with the factors of its home.
//!
//! In: a resolved job with measured hours. Out: [`Account`]. Power that was not measured stands in from the
//! catalog with its range and is warned of.

use crate::document::{DocumentError, Place as Where};
use crate::error::Error;
use crate::job_file::MachineSpec;
use crate::machine::Machine;
use crate::resolve::{self, Job};
use greenwich_core::footprint::Setting;
use greenwich_core::quantity::{FacilityEnergy, Flops, Hours, Power};
use greenwich_core::{Account, Range};
use greenwich_estimate::{EstimateError, LogNormal};
use greenwich_ledger::{Flights, Measured};

/// Accounts for every phase of the job, or for the job as one.
pub(crate) fn account(job: &Job<'_>) -> Result<Account, Error> {
    let spec = job.spec;
    let phases = if spec.phases.is_empty() {
        vec![measured(job, "run", &spec.machine, &job.machine, true)?]
    } else {
        let one = |phase: &crate::job_file::PhaseSpec| {
            let machine = resolve::machine(job.catalog, &phase.machine, job.precision)?;
            measured(job, &phase.name, &phase.machine, &machine, false)
        };
        spec.phases.iter().map(one).collect::<Result<Vec<_>, Error>>()?
    };
    let fleet = spec.fleet_yearly_energy_mwh.map(FacilityEnergy::from_mwh);
    let flights =
        Flights { passenger: job.catalog.flight_per_passenger().value, plane: job.catalog.flight_per_plane().value };
    Ok(greenwich_ledger::account(&spec.name, &phases, fleet, Some(flights)))
}

fn measured(job: &Job<'_>, name: &str, spec: &MachineSpec, machine: &Machine, whole: bool) -> Result<Measured, Error> {
    let Some(hours) = spec.hours else {
        let place = Where { file: job.spec.file.clone(), line: None, key: "machine.hours".to_owned() };
        let mend = "write hours = 355.2, the measured wall clock; `greenwich estimate` predicts it instead".to_owned();
        return Err(DocumentError::Missing { place, mend }.into());
    };
    let inputs = job.inputs(spec, machine, &job.home);
    let mut warnings = inputs.warnings.clone();
    // A phase that does not state its FLOPs is not the whole of the model's.
    if whole || spec.total_flops.is_some() {
        warnings.extend(greenwich_estimate::beyond_peak(&inputs));
    }
    let mean_power = match spec.mean_power_w {
        Some(watts) => Range::exact(Power::from_watts(watts)),
        None => {
            let basis = inputs
                .power
                .as_ref()
                .ok_or_else(|| job.refuse(EstimateError::NoPower { accelerator: machine.id.to_string() }))?;
            warnings.push(format!(
                "the power of `{name}` was not measured: it stands in from the catalog; give `mean_power_w`"
            ));
            // A phase of which no FLOPs are told has no share of peak of its own, nor has a run that cannot be estimated.
            let at_share = (whole || spec.total_flops.is_some()).then(|| greenwich_estimate::figures(&inputs).ok());
            at_share.flatten().map_or_else(|| basis.mean_power(), |figures| figures.mean_power).range()
        }
    };
    let home = &job.home;
    let forward = job.model.shape().map(|shape| {
        let seq_len = u64::from(job.spec.model.seq_len.unwrap_or(0)).max(1);
        Flops::from_flops(shape.forward_flops(seq_len).flops() / shape.tokens_per_pass(seq_len))
    });
    // A phase's own FLOPs are known only where it states them; a run's also from its model and tokens.
    let training_flops = spec.total_flops.map(Flops::from_flops).or_else(|| {
        let tokens = job.tokens.filter(|_| whole)?;
        let per_token = forward
            .map(|flops| flops * 3.0)
            .or_else(|| Some(Flops::from_flops(6.0 * job.model.params_active()? as f64)))?;
        Some(per_token * tokens)
    });
    let known = |what: &str, key: &str, is: bool, warnings: &mut Vec<String>| {
        if !is {
            warnings.push(format!("{what} is not known: give `{key}`"));
        }
    };
    known(
        "location-based CO2e",
        "site.location_based_gco2e_per_kwh",
        home.lifecycle.or(home.direct).is_some(),
        &mut warnings,
    );
    known("market-based CO2e", "site.market_based_gco2e_per_kwh", home.market_based.is_some(), &mut warnings);
    warnings.extend(job.spec.site.cooling.unused());
    known("water", "site.wue_l_per_kwh", home.wue.is_some(), &mut warnings);
    if home.wue.is_some() && home.source_water.is_none() {
        warnings.push("water is not known: nothing is published of the power plants; give `site.zone`".to_owned());
    }
    known("embodied CO2e", "a catalog row of the accelerator", inputs.site.embodied.is_some(), &mut warnings);
    let priced = inputs.site.price.is_some() || home.electricity_price.is_some();
    known("the cost", "site.usd_per_accelerator_hour", priced, &mut warnings);
    Ok(Measured {
        name: name.to_owned(),
        setting: Setting {
            accelerator: Some(machine.id.clone()),
            count: spec.count,
            region: home.region.clone(),
            zone: home.zone.clone(),
        },
        params_total: job.model.params_total(),
        params_active: job.model.params_active(),
        forward_flops_per_token: forward,
        training_flops,
        hours: Hours::from_hours(hours),
        mean_power,
        pue: home.pue.median(),
        pue_spread: home.pue.spread(),
        location_based: home.lifecycle.or(home.direct).map(LogNormal::range),
        location_based_direct: home.direct.map(LogNormal::range),
        market_based: home.market_based.map(LogNormal::range),
        embodied_per_accelerator_hour: inputs
            .site
            .embodied
            .as_ref()
            .map(|embodied| embodied.per_accelerator_hour().range()),
        wue: home.wue.map(LogNormal::range),
        source_water: home.source_water.map(LogNormal::range),
        price: inputs.site.price.map(LogNormal::range),
        electricity_price: home.electricity_price,
        factors: inputs.factors.into_iter().filter(|factor| !factor.quantity.starts_with("useful share")).collect(),
        warnings,
    })
}
