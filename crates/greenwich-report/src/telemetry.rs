//! Figures as a Prometheus scrape reads them: text exposition format 0.0.4.
//!
//! In: values. Out: one text with `# HELP` and `# TYPE` of each family, base units in the names. A figure that is
//! not known has no series: a scrape must not see 0 where nothing is known. The OpenTelemetry names of the same
//! figures stand in `docs/reference/report-formats.md`.

use greenwich_core::entry::RunEntry;
use greenwich_core::levers::Scope2;
use greenwich_core::quantity::{Co2e, ItEnergy, Power};
use greenwich_core::reading::{DeviceKind, Method};
use greenwich_core::{Signal, ZoneId};
use std::fmt::Write as _;

/// What one device drew in one run so far.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSample {
    /// The run; empty where the meter runs without one.
    pub run: String,
    /// The node, so that equal names on two nodes are two series; empty leaves the label out.
    pub host: String,
    /// The device's name on its node.
    pub device: String,
    /// What it is.
    pub component: DeviceKind,
    /// Energy so far; `None` where it could not be read.
    pub energy: Option<ItEnergy>,
    /// Power now; `None` where it is not read.
    pub power: Option<Power>,
    /// Share of the time over which it was read, 0 to 1.
    pub coverage: Option<f64>,
}

/// What the runs emitted so far, by one method and one signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmissionsSample {
    /// Location- or market-based.
    pub method: Scope2,
    /// Lifecycle or direct factors; a marginal signal is never an emission of an account.
    pub signal: Signal,
    /// The amount.
    pub co2e: Co2e,
}

/// Whether an intensity happened or is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It happened.
    Actual,
    /// It is expected for the hour that runs.
    Forecast,
    /// A typical or yearly mean stands in for it: not a forecast.
    Typical,
    /// The user's own number.
    Given,
}

/// A zone's intensity.
#[derive(Debug, Clone, PartialEq)]
pub struct IntensitySample {
    /// The grid zone.
    pub zone: ZoneId,
    /// What the intensity is.
    pub signal: Signal,
    /// Whether it happened.
    pub kind: Kind,
    /// In gCO2e/kWh.
    pub g_per_kwh: f64,
}

/// All that one scrape tells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scrape {
    /// Devices.
    pub devices: Vec<DeviceSample>,
    /// Emissions.
    pub emissions: Vec<EmissionsSample>,
    /// Intensities.
    pub intensities: Vec<IntensitySample>,
}

impl Scrape {
    /// What finished runs tell: energy and coverage by device, emissions by method. Devices that another holds are
    /// left out, so that the sum over series is the sum of energy.
    pub fn of_runs(runs: &[RunEntry]) -> Self {
        let whole = crate::export::whole::Whole::of(runs);
        let device = |run: &RunEntry, device: &greenwich_core::entry::DeviceEnergy| DeviceSample {
            run: run.run.clone(),
            host: device.host.clone(),
            device: device.device.clone(),
            component: device.kind,
            energy: (device.method != Method::Unknown).then_some(device.energy.p50),
            power: None,
            coverage: Some(device.coverage),
        };
        let devices = whole.runs.iter().flat_map(|run| run.counted_devices().map(|held| device(run, held))).collect();
        let sum = &whole.sum;
        let scope = if whole.factor_scope() == Some("direct") { Signal::Direct } else { Signal::Lifecycle };
        let mut emissions = Vec::new();
        let mut add = |method, signal, co2e: Option<greenwich_core::Range<Co2e>>| {
            emissions.extend(co2e.map(|co2e| EmissionsSample { method, signal, co2e: co2e.p50 }));
        };
        add(Scope2::Location, scope, sum.location_based);
        if scope == Signal::Lifecycle {
            add(Scope2::Location, Signal::Direct, sum.location_based_direct);
        }
        add(Scope2::Market, scope, sum.market_based);
        Self { devices, emissions, intensities: Vec::new() }
    }
}

/// The scrape's text.
pub fn prometheus(scrape: &Scrape) -> String {
    let mut out = String::new();
    let devices = |of: fn(&DeviceSample) -> Option<f64>| -> Vec<Series> {
        scrape.devices.iter().filter_map(|sample| Some((labels_of(sample), of(sample)?))).collect()
    };
    family(
        &mut out,
        "greenwich_energy_joules_total",
        "counter",
        "IT energy drawn by a device within a run, before PUE.",
        devices(|sample| sample.energy.map(ItEnergy::joules)),
    );
    family(
        &mut out,
        "greenwich_power_watts",
        "gauge",
        "Power that a device draws now, before PUE.",
        devices(|sample| sample.power.map(Power::watts)),
    );
    family(
        &mut out,
        "greenwich_coverage_ratio",
        "gauge",
        "Share of the run over which a device was read, 0 to 1.",
        devices(|sample| sample.coverage),
    );
    let emissions = scrape.emissions.iter().filter(|sample| sample.signal != Signal::Marginal);
    family(
        &mut out,
        "greenwich_emissions_grams_total",
        "counter",
        "Operational CO2e after PUE, by Scope 2 method and factor scope; methods are never added.",
        emissions
            .map(|sample| {
                (labels(&[("method", sample.method.as_str()), ("signal", sample.signal.as_str())]), sample.co2e.g())
            })
            .collect(),
    );
    family(
        &mut out,
        "greenwich_grid_intensity_grams_per_kwh",
        "gauge",
        "Grid intensity of a zone in gCO2e/kWh.",
        scrape
            .intensities
            .iter()
            .map(|sample| {
                let kind = match sample.kind {
                    Kind::Actual => "actual",
                    Kind::Forecast => "forecast",
                    Kind::Typical => "typical",
                    Kind::Given => "given",
                };
                let zone = sample.zone.as_str();
                (labels(&[("zone", zone), ("signal", sample.signal.as_str()), ("kind", kind)]), sample.g_per_kwh)
            })
            .collect(),
    );
    out
}

/// Labels and value.
type Series = (String, f64);

fn labels_of(sample: &DeviceSample) -> String {
    let component = sample.component.as_str();
    let all =
        [("device", sample.device.as_str()), ("component", component), ("run", &sample.run), ("host", &sample.host)];
    // An empty label is the same as none; a host is told only where it is known.
    let kept = if sample.host.is_empty() { &all[..3] } else { &all[..] };
    labels(kept)
}

/// A family without series is left out; of two series with equal labels the first stands, since a scrape with both
/// is refused whole.
fn family(out: &mut String, name: &str, kind: &str, help: &str, series: Vec<Series>) {
    let mut seen: Vec<String> = Vec::new();
    for (labels, value) in series {
        if !value.is_finite() || seen.contains(&labels) {
            continue;
        }
        if seen.is_empty() {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        }
        let _ = writeln!(out, "{name}{labels} {value}");
        seen.push(labels);
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// A label's value: backslash, quote and line break are escaped; other control characters are no text.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;
    use insta::assert_snapshot;

    fn sample(device: &str, energy: Option<f64>, power: Option<f64>) -> DeviceSample {
        DeviceSample {
            run: "r1".into(),
            host: String::new(),
            device: device.into(),
            component: DeviceKind::Gpu,
            energy: energy.map(ItEnergy::from_joules),
            power: power.map(Power::from_watts),
            coverage: None,
        }
    }

    #[test]
    fn families_have_help_and_type_and_the_unknown_has_no_series() {
        let scrape = Scrape {
            devices: vec![
                sample("GPU-0", Some(1234.5), Some(f64::NAN)),
                sample("a \"b\"\\\n", None, Some(250.0)),
                sample("GPU-0", Some(9.0), None),
            ],
            emissions: vec![
                EmissionsSample { method: Scope2::Location, signal: Signal::Lifecycle, co2e: Co2e::from_kg(1.5) },
                EmissionsSample { method: Scope2::Location, signal: Signal::Marginal, co2e: Co2e::from_kg(9.0) },
            ],
            intensities: vec![IntensitySample {
                zone: ZoneId::new("GB"),
                signal: Signal::Direct,
                kind: Kind::Forecast,
                g_per_kwh: 151.5,
            }],
        };
        assert_snapshot!(prometheus(&scrape), @r#"
        # HELP greenwich_energy_joules_total IT energy drawn by a device within a run, before PUE.
        # TYPE greenwich_energy_joules_total counter
        greenwich_energy_joules_total{device="GPU-0",component="gpu",run="r1"} 1234.5
        # HELP greenwich_power_watts Power that a device draws now, before PUE.
        # TYPE greenwich_power_watts gauge
        greenwich_power_watts{device="a \"b\"\\\n",component="gpu",run="r1"} 250
        # HELP greenwich_emissions_grams_total Operational CO2e after PUE, by Scope 2 method and factor scope; methods are never added.
        # TYPE greenwich_emissions_grams_total counter
        greenwich_emissions_grams_total{method="location",signal="lifecycle"} 1500
        # HELP greenwich_grid_intensity_grams_per_kwh Grid intensity of a zone in gCO2e/kWh.
        # TYPE greenwich_grid_intensity_grams_per_kwh gauge
        greenwich_grid_intensity_grams_per_kwh{zone="GB",signal="direct",kind="forecast"} 151.5
        "#);
    }

    #[test]
    fn a_scrape_of_runs_sums_to_their_energy_and_names_each_host() {
        let runs = fixture::phases();
        let text = prometheus(&Scrape::of_runs(&runs));
        let joules: f64 = text
            .lines()
            .filter(|line| line.starts_with("greenwich_energy_joules_total{"))
            .map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number"))
            .sum();
        let energy: f64 = runs.iter().map(|run| run.account.it_energy.p50.joules()).sum();
        assert!((joules / energy - 1.0).abs() < 1e-9);
        assert!(text.contains("host=\"node01\""));
        assert_eq!(prometheus(&Scrape::of_runs(&[])), "");
    }
}
