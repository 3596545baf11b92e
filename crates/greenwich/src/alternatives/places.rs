//! Which machine, facility, place and hour: the job again with one of them changed.
//!
//! In: the job and the catalog. Out: rows whose ratio is of CO2e. What is compared is chosen by the facts: the generations
//! measured in training, the best and the typical facility, regions from the cleanest to the dirtiest of the job's cloud.

use super::{Asked, Citation, Lever, Row};
use crate::job_file::JobSpec;
use crate::site::kind_pue;
use greenwich_core::{Check, Footprint, RegionId, Signal, ZoneId};
use greenwich_estimate::lognormal::Z95;
use greenwich_facts::Accelerator;

/// Of the regions in order of their CO2e: cleanest, quarter, half, three quarters, dirtiest.
const QUANTILES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Factors by which a machine's energy is told.
const OF_A_MACHINE: [&str; 7] =
    ["dense peak", "useful share", "model MFU", "mean power", "TDP", "host factor", "design power"];
/// Factors by which a place's CO2e is told.
const OF_A_PLACE: [&str; 2] = ["PUE", "location-based intensity"];

pub(super) fn rows(asked: &Asked<'_>) -> Vec<Row> {
    let machines = asked.catalog.measured_accelerators();
    let mut rows: Vec<Row> = machines.iter().filter_map(|machine| machine_row(asked, machine)).collect();
    rows.extend(facility_rows(asked));
    rows.extend(regions(asked).iter().filter_map(|region| region_row(asked, region)));
    rows.extend(hour_row(asked));
    rows
}

fn cited(found: &Footprint, by: &[&str]) -> Citation {
    let of = |quantity: &str| by.iter().any(|beginning| quantity.starts_with(beginning));
    Citation::of_factors(found.factors.iter().filter(|factor| of(&factor.quantity)))
}

/// Another accelerator, as many of them: hours by the useful share of its generation, power as measured where it was.
fn machine_row(asked: &Asked<'_>, machine: &Accelerator) -> Option<Row> {
    let chip = machine.id.as_str();
    if asked.base.setting.accelerator.as_ref().is_some_and(|own| own.as_str() == chip) {
        return None;
    }
    let other = JobSpec { machine: asked.spec.machine.replaced_by(chip), ..asked.spec.clone() };
    let found = asked.greenwich.estimate(&other).ok()?;
    let energy = found.it_energy;
    let own = asked.base.it_energy.p50.kwh();
    let provider = asked.base.setting.region.as_ref().and_then(RegionId::provider);
    let elsewhere = machine.identity.sold_by.as_deref().filter(|seller| provider.is_some_and(|own| own != *seller));
    let elsewhere = elsewhere.map(|seller| format!("rented by {seller} alone; "));
    Some(Row {
        lever: Lever::Machine,
        choice: chip.to_owned(),
        ratio: Some(energy.p50.kwh() / own),
        ratio_low: Some(energy.p5.kwh() / own),
        ratio_high: Some(energy.p95.kwh() / own),
        citation: cited(&found, &OF_A_MACHINE),
        note: Some(format!(
            "{}range of its own hours and power, the job's at their median",
            elsewhere.unwrap_or_default()
        )),
    })
}

/// The best of the hyperscale fleets, and a typical data centre.
fn facility_rows(asked: &Asked<'_>) -> Vec<Row> {
    let catalog = asked.catalog;
    let own = asked.base.facility_energy.p50.kwh() / asked.base.it_energy.p50.kwh();
    let row = |kind: &str, choice: &str| {
        let (row, spread) = (catalog.verified_pue(kind)?, kind_pue(catalog, kind).sigma());
        let pue = row.value.ratio();
        let end = |z: f64| (pue * (z * spread).exp()).max(1.0) / own;
        Some(Row {
            lever: Lever::Mechanization,
            choice: format!("{choice}, PUE {pue:.2}"),
            ratio: Some(pue / own),
            ratio_low: Some(end(-Z95)),
            ratio_high: Some(end(Z95)),
            citation: Citation::of(catalog, &row),
            note: None,
        })
    };
    let pue = |kind: &str| catalog.verified_pue(kind).map_or(f64::INFINITY, |row| row.value.ratio());
    let hyperscale = catalog.site_kinds().into_iter().filter(|kind| kind.starts_with(HYPERSCALE));
    let best = hyperscale.min_by(|a, b| pue(a).total_cmp(&pue(b)));
    let best = best.and_then(|kind| row(kind, &format!("hyperscale cloud ({})", kind.trim_start_matches(HYPERSCALE))));
    best.into_iter().chain(row("typical", "typical data centre")).collect()
}

/// How the kinds of hyperscale fleets begin.
const HYPERSCALE: &str = "hyperscale-";

/// Regions of the job's cloud, or of all where it has none, spread from the cleanest to the dirtiest.
fn regions(asked: &Asked<'_>) -> Vec<RegionId> {
    let catalog = asked.catalog;
    let own = asked.base.setting.region.as_ref();
    let provider = own.and_then(RegionId::provider);
    let mut known: Vec<(f64, RegionId)> = catalog
        .region_names()
        .map(|name| RegionId::new(&name.id))
        .filter(|region| provider.is_none_or(|provider| region.provider() == Some(provider)))
        .filter_map(|region| {
            let site = catalog.region(region.as_str(), None).ok()?;
            let g_per_kwh = site.lifecycle?.value.g_per_kwh();
            Some((g_per_kwh * site.pue.value.ratio(), region))
        })
        .collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let mut chosen: Vec<RegionId> = Vec::new();
    for quantile in QUANTILES {
        let at = (quantile * known.len().saturating_sub(1) as f64).round() as usize;
        if let Some((_, region)) = known.get(at)
            && Some(region) != own
            && !chosen.contains(region)
        {
            chosen.push(region.clone());
        }
    }
    chosen
}

fn region_row(asked: &Asked<'_>, region: &RegionId) -> Option<Row> {
    let mut other = asked.spec.clone();
    other.site.zone = None;
    other.site.location_based_gco2e_per_kwh = None;
    other.site.market_based_gco2e_per_kwh = None;
    other.site.pue = None;
    other.site.region = Some((region.to_string(), asked.spec.machine.place.clone()));
    let found = asked.greenwich.estimate(&other).ok()?;
    // Hours and power are the same in both places: what spreads is PUE and intensity, of each by itself.
    let spread = |of: &Footprint| {
        let (co2e, energy) = (of.location_based?, of.it_energy);
        let (all, shared) = ((co2e.p95.kg() / co2e.p50.kg()).ln(), (energy.p95.kwh() / energy.p50.kwh()).ln());
        Some((all * all - shared * shared).max(0.0))
    };
    let rest = (spread(&found)? + spread(asked.base)?).sqrt();
    let ratio = asked.over(&found);
    Some(Row {
        lever: Lever::Map,
        choice: region.to_string(),
        ratio: Some(ratio),
        ratio_low: Some(ratio * (-rest).exp()),
        ratio_high: Some(ratio * rest.exp()),
        citation: cited(&found, &OF_A_PLACE),
        note: None,
    })
}

/// Hours of a day that a run keeps to.
const CLEANEST: usize = 8;

/// The cleanest hours of the typical day against its mean, over the months of the zone's typical year.
fn hour_row(asked: &Asked<'_>) -> Option<Row> {
    let zone: &ZoneId = asked.base.setting.zone.as_ref()?;
    let profile = asked.catalog.profile(zone, Signal::Lifecycle)?;
    let ratio = |hours: &[f64; 24]| {
        let mean = hours.iter().sum::<f64>() / 24.0;
        let mut sorted = *hours;
        sorted.sort_by(f64::total_cmp);
        sorted[..CLEANEST].iter().sum::<f64>() / CLEANEST as f64 / mean
    };
    let mut ratios: Vec<f64> = profile.g_per_kwh.iter().map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let source = asked.catalog.cite(&profile.source);
    Some(Row {
        lever: Lever::Map,
        choice: format!("the cleanest {CLEANEST} hours of each day in {zone}"),
        ratio: Some(f64::midpoint(ratios[5], ratios[6])),
        ratio_low: Some(ratios[0]),
        ratio_high: Some(ratios[11]),
        citation: Citation { source, year: Some(profile.to_year), check: Some(Check::Derived) },
        note: Some(format!(
            "by the typical year {}–{}; range over the months; the run takes three times as long",
            profile.from_year, profile.to_year
        )),
    })
}
