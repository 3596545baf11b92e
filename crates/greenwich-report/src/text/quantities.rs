//! The quantities of a footprint by name, boundary and printed range.
//!
//! In: a footprint. Out: one entry a quantity in the order of the contract. What is not known is
//! `None` and printed so, never left out and never 0.

use crate::amount::{Printed, range};
use crate::number::{change, count};
use greenwich_core::{Footprint, Range};

/// What stands where a quantity is not known.
pub(crate) const NOT_KNOWN: &str = "not known";

/// One quantity of a footprint.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What it is; its Scope 2 method and factor scope where it has them.
    pub(crate) name: String,
    /// Median and 90 % range in one unit.
    pub(crate) text: Option<String>,
    /// Where it is measured and what is in it.
    pub(crate) boundary: &'static str,
    median: Option<f64>,
}

impl Entry {
    fn of<Q: Printed>(name: impl Into<String>, amount: Option<&Range<Q>>, boundary: &'static str) -> Self {
        Self { name: name.into(), text: amount.map(range), boundary, median: amount.map(|amount| amount.p50.base()) }
    }
    /// The printed range, or that it is not known.
    pub(crate) fn shown(&self) -> String {
        self.text.clone().unwrap_or_else(|| NOT_KNOWN.to_owned())
    }
    /// The change of the median against a baseline, empty where either is unknown or the baseline is 0.
    pub(crate) fn change_from(&self, baseline: &Self) -> String {
        match (self.median, baseline.median) {
            (Some(new), Some(old)) if old != 0.0 => change(1.0 - new / old),
            _ => String::new(),
        }
    }
}

/// All quantities of a run, FLOPs left to the model's line.
pub(crate) fn entries(run: &Footprint) -> Vec<Entry> {
    let mut entries = vec![
        Entry::of("Hours", Some(&run.hours), "wall clock, running"),
        Entry::of("Accelerator-hours", Some(&run.accelerator_hours), "hours × accelerators"),
    ];
    // An account has one measured power; an estimate tells the three that are published under one name apart.
    if let Some(alone) = &run.accelerator_power {
        entries.push(Entry::of("Mean power, alone", Some(alone), "the accelerator without its host"));
    }
    entries.push(Entry::of("Mean power", Some(&run.mean_power), "per accelerator, whole system, before PUE"));
    if let Some(facility) = &run.facility_power {
        entries.push(Entry::of("Mean power, facility", Some(facility), "per accelerator, whole system × PUE"));
    }
    entries.extend([
        Entry::of("IT energy", Some(&run.it_energy), "before PUE"),
        Entry::of("Facility energy", Some(&run.facility_energy), "after PUE, at the building's meter"),
        Entry::of(location_based_name(run), run.location_based.as_ref(), "Scope 2, grid average"),
        Entry::of(
            "CO2e, location-based, direct",
            run.location_based_direct.as_ref(),
            "Scope 2, grid average, at the stack",
        ),
        Entry::of("CO2e, market-based", run.market_based.as_ref(), "Scope 2, by contracts"),
        Entry::of("CO2e, consequential", run.consequential.as_ref(), "at the margin; never part of an account"),
        Entry::of("Embodied CO2e", run.embodied.as_ref(), "share of the hardware's manufacture"),
        Entry::of("Water", run.water.as_ref(), "on site and at the power plants"),
        Entry::of("Cost", run.cost.as_ref(), "at dated list prices"),
    ]);
    entries
}

/// Which factor the location-based figure has; the factor list says it.
fn location_based_name(run: &Footprint) -> &'static str {
    let holds =
        |scope: &str| run.factors.iter().any(|factor| factor.quantity == format!("location-based intensity ({scope})"));
    if holds("lifecycle") {
        "CO2e, location-based, lifecycle"
    } else if holds("direct") && run.location_based == run.location_based_direct {
        "CO2e, location-based, direct only"
    } else {
        "CO2e, location-based"
    }
}

/// `6.74 B parameters (6.74 B active), 93.0 ZFLOP to train, 15.5 GFLOP forward a token`; `None` where
/// nothing of it is known.
pub(crate) fn model(run: &Footprint) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(total) = run.params_total {
        let active = match run.params_active {
            Some(active) if active != total => format!(" ({} active a token)", parameters(active)),
            _ => String::new(),
        };
        parts.push(format!("{} parameters{active}", parameters(total)));
    }
    if let Some(flops) = &run.training_flops {
        parts.push(format!("{} to train", range(flops)));
    }
    if let Some(forward) = run.forward_flops_per_token {
        parts.push(format!("{} forward a token", range(&Range::exact(forward))));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `6.74 billion`.
fn parameters(number: u64) -> String {
    let scales = [(1e12, "trillion"), (1e9, "billion"), (1e6, "million")];
    match scales.into_iter().find(|(size, _)| number as f64 >= 0.9995 * size) {
        Some((size, name)) => format!("{} {name}", crate::number::three(number as f64 / size)),
        None => count(number),
    }
}

/// `1,024 a100-sxm4-80g in gcp/us-central1 (grid US-MIDW-MISO)`, as much of it as is known.
pub(crate) fn setting(run: &Footprint) -> String {
    let setting = &run.setting;
    let machines = match &setting.accelerator {
        Some(accelerator) => format!("{} {accelerator}", count(setting.count)),
        None => format!("up to {} accelerators of several kinds", count(setting.count)),
    };
    match (&setting.region, &setting.zone) {
        (Some(region), Some(zone)) => format!("{machines} in {region} (grid {zone})"),
        (Some(region), None) => format!("{machines} in {region}"),
        (None, Some(zone)) => format!("{machines} on the grid of {zone}"),
        (None, None) => machines,
    }
}
