//! A BoAmps report: what a task drew, in the data model of its schema.
//!
//! In: runs. Out: JSON. `powerConsumption` is energy in kWh, as its examples have it. Required fields that no meter
//! knows (task family, dataset, country, confidentiality, date of publication) are `null` and named in
//! `greenwich.to_fill`, so that nothing is invented to please a schema.
//!
//! # Sources
//! BoAmps, `model/report_schema.json` and `model/hardware_schema.json`, as of 2025.

use crate::export::whole::Whole;
use crate::export::{document, figures, hf, record};
use greenwich_core::entry::RunEntry;
use greenwich_core::reading::{DeviceKind, Method};
use serde_json::{Value, json};

const TO_FILL: [&str; 7] = [
    "header.reportDatetime",
    "header.publisher.confidentialityLevel",
    "task.taskFamily",
    "task.dataset",
    "system.os",
    "software.language",
    "environment.country",
];

/// The report as a JSON document.
pub fn render(entries: &[RunEntry]) -> String {
    document(&value(entries))
}

/// The report.
pub fn value(entries: &[RunEntry]) -> Value {
    let whole = Whole::of(entries);
    let sum = &whole.sum;
    let stage = match hf::training_type(&whole) {
        Some("fine-tuning") => Some("finetuning"),
        Some(_) => Some("training"),
        None => None,
    };
    let provider = match whole.regions().as_slice() {
        [region] => region.split_once('/').map(|(provider, _)| provider),
        _ => None,
    };
    let mut to_fill = TO_FILL.to_vec();
    if stage.is_none() {
        to_fill.push("task.taskStage");
    }
    if provider.is_none() {
        to_fill.push("infrastructure.infraType");
    }
    let mut ours = record::json(&whole);
    ours["to_fill"] = json!(to_fill);
    json!({
        "header": {
            "reportId": whole.name(),
            "reportDatetime": null,
            "reportStatus": "draft",
            "publisher": {
                "projectName": whole.words(|run| run.project.as_deref()).first(),
                "confidentialityLevel": null,
            },
        },
        "task": {
            "taskStage": stage,
            "taskFamily": null,
            "algorithms": [{
                "foundationModelName": whole.words(|run| run.model.as_deref()).first(),
                // The schema counts parameters in billions.
                "parametersNumber": sum.params_total.map(|total| figures(total as f64 / 1e9, 6)),
            }],
            "dataset": null,
        },
        "measures": whole.runs.iter().map(|run| measure(run)).collect::<Vec<_>>(),
        "system": { "os": null },
        "software": { "language": null },
        "infrastructure": {
            "infraType": provider.map(|_| "publicCloud"),
            "cloudProvider": provider,
            "components": components(&whole),
        },
        "environment": {
            "country": null,
            "location": whole.place(),
            "powerSourceCarbonIntensity": whole.location_based_g_per_kwh().map(|g| figures(g, 6)),
        },
        "quality": quality(&whole),
        "greenwich": ours,
    })
}

fn measure(run: &RunEntry) -> Value {
    let tracking = |kind: DeviceKind| {
        let devices = run.counted_devices().filter(|device| device.kind == kind);
        devices.map(|device| device.method).max().map(Method::as_str)
    };
    json!({
        "measurementMethod": "greenwich",
        "version": env!("CARGO_PKG_VERSION"),
        "cpuTrackingMode": tracking(DeviceKind::CpuPackage),
        "gpuTrackingMode": tracking(DeviceKind::Gpu),
        "powerConsumption": run.method().map(|_| run.account.it_energy.p50.kwh()),
        "measurementDuration": run.end.duration_since(run.start).as_secs_f64(),
        "measurementDateTime": run.start.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    })
}

fn components(whole: &Whole<'_>) -> Vec<Value> {
    let part = |part: &crate::export::whole::Hardware<'_>| {
        json!({
            "componentName": (!part.model.is_empty()).then_some(part.model),
            "componentType": part.kind.as_str(),
            "nbComponent": part.count,
        })
    };
    whole.hardware().iter().map(part).collect()
}

/// The schema's three words: `high` within ±10 %, `medium` within ±25 %, `low` within ±50 %; wider has no word.
fn quality(whole: &Whole<'_>) -> Option<&'static str> {
    let energy = &whole.sum.it_energy;
    let middle = energy.p50.joules();
    if whole.method().is_none() || middle <= 0.0 {
        return None;
    }
    let off = (energy.p95.joules() / middle - 1.0).max(1.0 - energy.p5.joules() / middle);
    [(0.10, "high"), (0.25, "medium"), (0.50, "low")].into_iter().find(|(bound, _)| off <= *bound).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    #[test]
    fn the_schemas_required_fields_are_there_or_named_as_missing() {
        let value = value(&[fixture::counted()]);
        for key in ["header", "task", "measures", "infrastructure", "environment"] {
            assert!(!value[key].is_null(), "{key}");
        }
        for path in value["greenwich"]["to_fill"].as_array().expect("a list") {
            let pointer = format!("/{}", path.as_str().expect("a path").replace('.', "/"));
            assert_eq!(value.pointer(&pointer), Some(&Value::Null), "{pointer}");
        }
        assert_eq!(value["measures"][0]["powerConsumption"], 8.18);
        assert_eq!(value["quality"], "high");
    }

    #[test]
    fn quality_follows_the_range_by_the_schemas_bounds() {
        let value = value(&[fixture::estimated()]);
        assert_eq!(value["quality"], "low", "0.32 to 0.6 around 0.45 kWh is within 50 %");
    }
}
