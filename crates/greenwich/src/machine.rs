//! An accelerator as the estimator wants it: peak, memory, what it draws, what its making emitted.
//!
//! In: a name, a precision, the number of accelerators. Out: [`Machine`]: figures by value with their lines
//! for the factor list. Whether the power was measured or stands in for a measurement is said by
//! [`PowerBasis`] and the factor's fit.

use crate::factor::{assumed, cited};
use greenwich_core::quantity::{Bytes, FlopRate, Power, UsdPerAcceleratorHour};
use greenwich_core::{AcceleratorId, Check, Factor, Fit};
use greenwich_estimate::roofline::Rates;
use greenwich_estimate::{Chip, Embodied, Load, LogNormal, PowerBasis};
use greenwich_facts::{Accelerator, Catalog, FactsError, Precision};

/// Hours in a year, as amortisation counts them.
const HOURS_PER_YEAR: f64 = 8760.0;

/// An accelerator with everything known of it.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) id: AcceleratorId,
    /// Format of its matrix work, in which the peak is.
    pub(crate) precision: Precision,
    pub(crate) peak: Option<FlopRate>,
    pub(crate) memory: Option<Bytes>,
    /// Where the catalog has its links: what the roofline asks for.
    pub(crate) rates: Option<Rates>,
    pub(crate) power: Option<PowerBasis>,
    /// How that power follows the share of peak.
    pub(crate) load: Load,
    /// What of it is the chip's own.
    pub(crate) chip: Chip,
    pub(crate) embodied: Option<Embodied>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) warnings: Vec<String>,
    /// The catalog's own record, for prices.
    pub(crate) accelerator: Accelerator,
}

impl Machine {
    /// Looks an accelerator up.
    pub(crate) fn find(catalog: &Catalog, name: &str, precision: Precision) -> Result<Self, FactsError> {
        let accelerator = catalog.accelerator(name)?;
        let mut factors = Vec::new();
        let mut warnings = Vec::new();
        let peak = catalog.peak(&accelerator, precision);
        if let Some(row) = &peak {
            let quantity = format!("dense peak of {} in {}", accelerator.id, precision.as_str());
            factors.push(cited(catalog, &quantity, row.value.tflops(), "TFLOP/s", row));
        }
        let power = power(catalog, &accelerator, &mut factors, &mut warnings);
        let embodied = embodied(catalog, &accelerator, &mut factors);
        Ok(Self {
            id: accelerator.id.clone(),
            precision,
            peak: peak.as_ref().map(|row| row.value),
            memory: accelerator.memory.as_ref().map(|row| row.value),
            rates: peak.as_ref().and_then(|peak| rates(catalog, &accelerator, peak.value)),
            power,
            load: Load::usual(
                accelerator
                    .power_share
                    .as_ref()
                    .map_or_else(|| assumed(catalog, "power-at", "share"), |share| share.value),
                assumed(catalog, "power-curve", "share"),
            ),
            chip: chip(catalog, &accelerator),
            embodied,
            factors,
            warnings,
            accelerator,
        })
    }

    /// List price of an accelerator-hour from a provider, or of the median vendor, with its spread.
    pub(crate) fn price(
        &self,
        catalog: &Catalog,
        provider: Option<&str>,
    ) -> Option<(LogNormal<UsdPerAcceleratorHour>, Factor)> {
        let quote = catalog.price(&self.accelerator, provider)?;
        let list = assumed(catalog, "price-of-list", "log_sd");
        let vendors =
            (quote.high.usd_per_hour() / quote.low.usd_per_hour()).ln() / (2.0 * greenwich_estimate::lognormal::Z95);
        let log_sd = if quote.price.fit == Fit::Exact { list } else { list.hypot(vendors) };
        let quantity = format!("list price of {} on demand, {}", self.id, quote.price.scope);
        let value = quote.price.value.usd_per_hour();
        let factor = cited(catalog, &quantity, value, "USD/accelerator-hour", &quote.price);
        Some((LogNormal::new(quote.price.value, log_sd), factor))
    }
}

fn rates(catalog: &Catalog, accelerator: &Accelerator, peak: FlopRate) -> Option<Rates> {
    let links = catalog.links(accelerator)?;
    Some(Rates {
        peak,
        memory: accelerator.memory.as_ref()?.value,
        memory_bytes_per_s: links.memory.value,
        node_bytes_per_s: links.node.value,
        cross_bytes_per_s: links.network.value,
        node: links.node_size,
    })
}

/// What it draws: measured for the whole system, else a measured sibling scaled by TDP, else TDP.
fn power(
    catalog: &Catalog,
    accelerator: &Accelerator,
    factors: &mut Vec<Factor>,
    warnings: &mut Vec<String>,
) -> Option<PowerBasis> {
    if let Some(measured) = &accelerator.system_power {
        let quantity = format!("mean power of {} in training, measured ({})", accelerator.id, measured.mean.scope);
        factors.push(cited(catalog, &quantity, measured.mean.value.watts(), "W", &measured.mean));
        return Some(PowerBasis::Measured { mean: measured.mean.value, low: measured.low, high: measured.high });
    }
    if let Some(chip) = &accelerator.chip_power
        && let Some((other, system, alone)) = measured_whole_and_alone(catalog, accelerator)
    {
        let quantity = format!("mean power of {} in training, chip alone", accelerator.id);
        factors.push(cited(catalog, &quantity, chip.mean.value.watts(), "W", &chip.mean));
        warnings.push(format!(
            "the power of {} in training is published for the chip alone: host, network and fans are added as {} has them; give `machine.mean_power_w` where you know it",
            accelerator.id, other.id
        ));
        return Some(PowerBasis::Sibling { mean: system, sibling_tdp: alone, tdp: chip.mean.value });
    }
    if !accelerator.tdp_models_power {
        return Some(of_tpus(catalog, accelerator, factors, warnings));
    }
    let tdp = accelerator.tdp.as_ref()?;
    if let Some(sibling) = catalog.measured_sibling(accelerator)
        && let (Some(measured), Some(sibling_tdp)) = (&sibling.system_power, &sibling.tdp)
    {
        let quantity = format!("mean power of {} in training, measured ({})", sibling.id, measured.mean.scope);
        let mut factor = cited(catalog, &quantity, measured.mean.value.watts(), "W", &measured.mean);
        factor.fit = Fit::Similar(sibling.id.to_string());
        factors.push(factor);
        warnings.push(format!(
            "the power of {} in training is not published: that of {} is taken, scaled by TDP; give `machine.mean_power_w` where you know it",
            accelerator.id, sibling.id
        ));
        return Some(PowerBasis::Sibling { mean: measured.mean.value, sibling_tdp: sibling_tdp.value, tdp: tdp.value });
    }
    factors.push(cited(catalog, &format!("TDP of {}", accelerator.id), tdp.value.watts(), "W", tdp));
    let is_kin = same_maker(catalog, accelerator).any(|other| other.system_power.is_some());
    let foreign_log_sd = if is_kin { 0.0 } else { assumed(catalog, "power-of-another-family", "log_sd") };
    Some(PowerBasis::Tdp { tdp: tdp.value, foreign_log_sd })
}

/// What those of its family drew that were measured: a TPU's design power differs twofold by source and models nothing.
fn of_tpus(
    catalog: &Catalog,
    accelerator: &Accelerator,
    factors: &mut Vec<Factor>,
    warnings: &mut Vec<String>,
) -> PowerBasis {
    let mean = assumed(catalog, "power-of-tpu", "mean_power");
    factors.push(Factor {
        quantity: "mean power of TPUs in training, whole system".to_owned(),
        value: mean,
        unit: "W".to_owned(),
        source: "geometric mean of TPU v2 and v3 (Patterson et al. 2021) and v4 (Google)".to_owned(),
        year: None,
        fit: Fit::Similar("TPU v2, v3 and v4".to_owned()),
        check: Check::Derived,
    });
    warnings.push(format!(
        "the power of {} in training is not published: that of TPU v2, v3 and v4 is taken, with a wide range; give `machine.mean_power_w` where you know it",
        accelerator.id
    ));
    PowerBasis::Family { mean: Power::from_watts(mean), log_sd: assumed(catalog, "power-of-tpu", "log_sd") }
}

/// What of a system's power is the chip's own. A TPU's design power holds nothing.
fn chip(catalog: &Catalog, accelerator: &Accelerator) -> Chip {
    let is_gpu = accelerator.tdp_models_power;
    let assumption = if is_gpu { "gpu-of-system" } else { "tpu-of-system" };
    Chip {
        of_system: LogNormal::new(assumed(catalog, assumption, "share"), assumed(catalog, assumption, "log_sd")),
        limit: accelerator.tdp.as_ref().filter(|_| is_gpu).map(|tdp| tdp.value),
    }
}

/// An accelerator by the same maker of which both the whole system's share and the chip alone were measured.
fn measured_whole_and_alone(catalog: &Catalog, accelerator: &Accelerator) -> Option<(Accelerator, Power, Power)> {
    same_maker(catalog, accelerator).find_map(|other| {
        let (system, alone) = (other.system_power.as_ref()?.mean.value, other.chip_power.as_ref()?.mean.value);
        Some((other, system, alone))
    })
}

/// Every accelerator by the same maker.
fn same_maker<'a>(catalog: &'a Catalog, accelerator: &'a Accelerator) -> impl Iterator<Item = Accelerator> + 'a {
    let names = catalog.accelerator_names().filter(|name| name.maker == accelerator.identity.maker);
    names.filter_map(|name| catalog.accelerator(&name.id).ok())
}

/// What the making of one and of its share of the host emitted, over how long and how busy a life.
fn embodied(catalog: &Catalog, accelerator: &Accelerator, factors: &mut Vec<Factor>) -> Option<Embodied> {
    let card = catalog.embodied(accelerator)?;
    let host = catalog.host_embodied(accelerator);
    let spread = match (card.low, card.high) {
        (Some(low), Some(high)) if low < high => LogNormal::between(low, high).sigma(),
        _ => assumed(catalog, "embodied", "log_sd"),
    };
    let mut parts = vec![LogNormal::new(card.central.value, spread)];
    let quantity = format!("embodied carbon of {} ({})", accelerator.id, card.central.scope);
    factors.push(cited(catalog, &quantity, card.central.value.kg(), "kgCO2e", &card.central));
    // A share of a server holds the host already.
    if card.central.scope != "server_share"
        && let Some(host) = host
    {
        factors.push(cited(catalog, "embodied carbon of its share of the host", host.value.kg(), "kgCO2e", &host));
        parts.push(LogNormal::new(host.value, assumed(catalog, "embodied", "log_sd")));
    }
    let (lifespan, busy) = (catalog.lifespan(), catalog.busy_share());
    factors.push(cited(catalog, "life of a server", lifespan.value.hours() / HOURS_PER_YEAR, "years", &lifespan));
    factors.push(cited(catalog, "share of its life that a server is busy", busy.value.share(), "fraction", &busy));
    Some(Embodied {
        total: LogNormal::sum(&parts),
        lifespan: LogNormal::new(lifespan.value, assumed(catalog, "lifespan", "log_sd")),
        busy_share: busy.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Machine {
        Machine::find(&Catalog::load(), name, Precision::Bf16).expect("a known chip")
    }

    fn sigma(name: &str) -> f64 {
        found(name).power.expect("some power is known").mean_power().sigma()
    }

    #[test]
    fn the_further_a_chip_is_from_what_was_measured_the_wider_its_power() {
        let measured = ["h100-sxm5-80g", "h200-sxm-141g", "a100-sxm4-80g", "mi300x"].map(sigma);
        assert!(measured.is_sorted() && measured[3] > measured[2], "{measured:?}");
        assert!(sigma("tpu-v3") < sigma("tpu-v4") && sigma("tpu-v4") < sigma("tpu-v5p"));
    }

    #[test]
    fn a_tpu_draws_what_tpus_drew_whatever_its_design_power() {
        let (small, large) = (found("tpu-v5e"), found("tpu-v7"));
        assert_eq!(small.power, large.power);
        assert!(small.chip.limit.is_none() && small.warnings.iter().any(|warning| warning.contains("not published")));
        assert!(found("a100-sxm4-80g").chip.limit.is_some_and(|limit| limit.watts() == 400.0));
    }
}
