//! CodeCarbon's `emissions.csv`: 38 columns, a row a run.
//!
//! In: runs. Out: CSV with its header. Emissions are in kg, energies in kWh, powers in W. CodeCarbon multiplies each
//! energy by the PUE as it reads it, so the energies here are after PUE, and the powers before it, as there. What a
//! run does not tell is an empty cell.
//!
//! # Sources
//! CodeCarbon 3.x, "Output" of its documentation, and its `emissions_tracker` for what PUE multiplies.

use crate::export::figures;
use crate::export::whole::Whole;
use crate::text::wrap::clean;
use greenwich_core::entry::RunEntry;
use greenwich_core::reading::{DeviceKind, Method};

/// The columns in their order.
pub const COLUMNS: [&str; 38] = [
    "timestamp",
    "project_name",
    "run_id",
    "experiment_id",
    "duration",
    "emissions",
    "emissions_rate",
    "cpu_power",
    "gpu_power",
    "ram_power",
    "cpu_energy",
    "gpu_energy",
    "ram_energy",
    "energy_consumed",
    "water_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_count",
    "cpu_model",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "cpu_utilization_percent",
    "gpu_utilization_percent",
    "ram_utilization_percent",
    "ram_used_gb",
    "on_cloud",
    "pue",
    "wue",
];

/// Digits enough to give a figure again, without the dust of binary fractions.
const FIGURES: i32 = 9;

/// The file: a header and a row for each run that no other corrects.
pub fn render(entries: &[RunEntry]) -> String {
    let mut out = COLUMNS.join(",");
    out.push('\n');
    for run in Whole::of(entries).runs {
        let cells: Vec<String> = COLUMNS.iter().map(|column| cell(&value(run, column))).collect();
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

fn value(run: &RunEntry, column: &str) -> String {
    let one = std::slice::from_ref(run);
    let whole = Whole::of(one);
    let seconds = run.end.duration_since(run.start).as_secs_f64();
    let location_kg = run.account.location_based.map(|co2e| co2e.p50.kg());
    let pue = whole.pue();
    let rate = |amount: f64| (seconds > 0.0).then(|| amount / seconds);
    let cloud = run.account.setting.region.as_ref().and_then(|region| region.as_str().split_once('/'));
    match column {
        "timestamp" => run.end.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        "project_name" => run.project.clone().unwrap_or_default(),
        "run_id" => run.run.clone(),
        "duration" => number(Some(seconds)),
        "emissions" => number(location_kg),
        "emissions_rate" => number(location_kg.and_then(rate)),
        "cpu_power" => number(joules(run, DeviceKind::CpuPackage).and_then(rate)),
        "gpu_power" => number(joules(run, DeviceKind::Gpu).and_then(rate)),
        "ram_power" => number(joules(run, DeviceKind::Dram).and_then(rate)),
        "cpu_energy" => number(kwh(run, DeviceKind::CpuPackage, pue)),
        "gpu_energy" => number(kwh(run, DeviceKind::Gpu, pue)),
        "ram_energy" => number(kwh(run, DeviceKind::Dram, pue)),
        "energy_consumed" => number(Some(run.account.facility_energy.p50.kwh())),
        "water_consumed" => number(run.account.water.map(|water| water.p50.litres())),
        "cloud_provider" => cloud.map(|(provider, _)| provider.to_owned()).unwrap_or_default(),
        "cloud_region" => cloud.map(|(_, region)| region.to_owned()).unwrap_or_default(),
        "cpu_model" => model(&whole, DeviceKind::CpuPackage),
        "gpu_model" => model(&whole, DeviceKind::Gpu),
        "gpu_count" => count(&whole, DeviceKind::Gpu),
        "on_cloud" => cloud.map(|_| "Y".to_owned()).unwrap_or_default(),
        "pue" => number(pue),
        "wue" => number(whole.factors("water on site (WUE)").first().map(|factor| factor.value)),
        _ => String::new(),
    }
}

/// What the devices of a kind drew; `None` where there is none, or one could not be read.
fn joules(run: &RunEntry, kind: DeviceKind) -> Option<f64> {
    let mut devices = run.counted_devices().filter(|device| device.kind == kind).peekable();
    devices.peek()?;
    devices.map(|device| (device.method != Method::Unknown).then(|| device.energy.p50.joules())).sum()
}

fn kwh(run: &RunEntry, kind: DeviceKind, pue: Option<f64>) -> Option<f64> {
    Some(greenwich_core::quantity::ItEnergy::from_joules(joules(run, kind)?).kwh() * pue?)
}

fn model(whole: &Whole<'_>, kind: DeviceKind) -> String {
    let hardware = whole.hardware();
    let of_kind = hardware.iter().filter(|part| part.kind == kind && !part.model.is_empty());
    // CodeCarbon writes GPUs with their number, a CPU without.
    let named = of_kind.map(|part| match kind {
        DeviceKind::Gpu => format!("{} x {}", part.count, part.model),
        _ => part.model.to_owned(),
    });
    named.collect::<Vec<_>>().join(" | ")
}

fn count(whole: &Whole<'_>, kind: DeviceKind) -> String {
    let count: u32 = whole.hardware().iter().filter(|part| part.kind == kind).map(|part| part.count).sum();
    if count > 0 { count.to_string() } else { String::new() }
}

fn number(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| figures(number, FIGURES).to_string())
}

/// Quoted where a comma, a quote or a break asks for it (RFC 4180).
fn cell(text: &str) -> String {
    let text = clean(text);
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    fn row(run: RunEntry) -> Vec<(&'static str, String)> {
        let text = render(&[run]);
        let line = text.lines().nth(1).expect("a row").to_owned();
        COLUMNS.into_iter().zip(line.split(',').map(str::to_owned)).collect()
    }

    fn at<'a>(row: &'a [(&str, String)], column: &str) -> &'a str {
        &row.iter().find(|(name, _)| *name == column).expect("a column").1
    }

    #[test]
    fn there_are_38_columns_in_kg_kwh_and_w() {
        let run = fixture::counted();
        let kg = run.account.location_based.expect("known").p50.kg();
        let row = row(run);
        assert_eq!(row.len(), 38);
        let number = |column: &str| at(&row, column).parse::<f64>().expect("a number");
        assert!((number("emissions") - kg).abs() < 1e-8);
        assert!((number("energy_consumed") - 8.18 * 1.2).abs() < 1e-8);
        assert!((number("gpu_power") - 7.2e3 / (134.0 / 60.0)).abs() < 1e-3, "before PUE");
        let parts = number("cpu_energy") + number("gpu_energy") + number("ram_energy");
        assert!((parts - number("energy_consumed")).abs() < 1e-8, "the three energies are after PUE as their sum is");
        assert_eq!(
            (at(&row, "timestamp"), at(&row, "gpu_model")),
            ("2026-01-05T11:27:00", "8 x NVIDIA H100 80GB HBM3")
        );
    }

    #[test]
    fn what_is_not_known_is_empty_and_never_zero() {
        let row = row(fixture::estimated());
        for column in ["emissions", "emissions_rate", "gpu_energy", "gpu_count", "ram_energy", "ram_power", "on_cloud"]
        {
            assert_eq!(at(&row, column), "", "{column}");
        }
        assert_eq!(at(&row, "cpu_energy"), "0.6");
    }

    #[test]
    fn a_cell_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!((cell("a,b"), cell("a\"b"), cell("a\nb")), ("\"a,b\"".into(), "\"a\"\"b\"".into(), "a b".into()));
    }
}
