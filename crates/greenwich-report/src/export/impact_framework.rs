//! An Impact Framework manifest of the runs' hours.
//!
//! In: runs. Out: YAML that `if-run` computes: a child a run, an input an hour with energy after PUE, the grid's
//! intensity, and the hour's share of the embodied emissions. Where an hour's intensity is not known, the key is left
//! out and the pipeline stays empty, so that nothing is computed from a hole.
//!
//! # Sources
//! Green Software Foundation, Impact Framework 1.x documentation, "Structure of an IMP file".

use crate::export::whole::Whole;
use crate::export::{figures, record, yaml};
use crate::json::stamp;
use greenwich_core::entry::{HourOfRun, RunEntry};
use std::fmt::Write as _;

const FIGURES: i32 = 9;

const PLUGINS: &str = "initialize:
  plugins:
    operational-carbon:
      path: builtin
      method: Multiply
      config:
        input-parameters: [energy, grid/carbon-intensity]
        output-parameter: carbon-operational
    carbon:
      path: builtin
      method: Sum
      config:
        input-parameters: [carbon-operational, carbon-embodied]
        output-parameter: carbon
";

/// The manifest.
pub fn render(entries: &[RunEntry]) -> String {
    let whole = Whole::of(entries);
    let mut out = String::new();
    for (name, text) in record::lines(&whole) {
        out.push_str(&yaml::comment(0, &format!("{name}: {text}")));
    }
    let _ = writeln!(out, "name: {}", yaml::quoted(whole.name()));
    let about = format!("Energy of runs, hour by hour, as metered by {}", record::SOFTWARE);
    let _ = writeln!(out, "description: {}", yaml::quoted(&about));
    out.push_str("tags:\n  kind: training\n");
    out.push_str(PLUGINS);
    if whole.runs.is_empty() {
        out.push_str("tree:\n  children: {}\n");
        return out;
    }
    out.push_str("tree:\n  children:\n");
    for run in &whole.runs {
        child(&mut out, run);
    }
    out
}

fn child(out: &mut String, run: &RunEntry) {
    let hours = hours(run);
    let _ = writeln!(out, "    {}:", yaml::quoted(&run.run));
    let intense = hours.iter().all(|hour| hour.location_based_g_per_kwh.is_some());
    let computed = match (intense, run.account.embodied.is_some()) {
        (true, true) => "[operational-carbon, carbon]",
        (true, false) => "[operational-carbon]",
        (false, _) => "[]",
    };
    let _ = writeln!(out, "      pipeline:\n        compute: {computed}\n      inputs:");
    let pue = Whole::of(std::slice::from_ref(run)).pue().unwrap_or(1.0);
    let wall = run.end.duration_since(run.start).as_secs_f64();
    for (at, hour) in hours.iter().enumerate() {
        // Hours are full ones: the first holds the run from its start on, the last up to its end.
        let start = hour.start.max(run.start);
        let end = hours.get(at + 1).map_or(run.end, |next| next.start).min(run.end);
        let seconds = end.duration_since(start).as_secs_f64().max(0.0);
        let _ = writeln!(out, "        - timestamp: {}", yaml::quoted(&stamp(start)));
        let _ = writeln!(out, "          duration: {}", figures(seconds, FIGURES));
        let pue = hour.pue.map_or(pue, greenwich_core::quantity::Pue::ratio);
        let _ = writeln!(out, "          energy: {}", figures(hour.it_energy.kwh() * pue, FIGURES));
        if let Some(g) = hour.location_based_g_per_kwh {
            let _ = writeln!(out, "          grid/carbon-intensity: {}", figures(g, FIGURES));
        }
        if let Some(embodied) = run.account.embodied.filter(|_| wall > 0.0) {
            let _ = writeln!(out, "          carbon-embodied: {}", figures(embodied.p50.g() * seconds / wall, FIGURES));
        }
    }
}

/// The run's hours; where none are kept, the run as one, at the intensity that it met.
fn hours(run: &RunEntry) -> Vec<HourOfRun> {
    if !run.hours.is_empty() {
        return run.hours.clone();
    }
    let whole = Whole::of(std::slice::from_ref(run));
    vec![HourOfRun {
        start: run.start,
        it_energy: run.account.it_energy.p50,
        location_based_g_per_kwh: whole.location_based_g_per_kwh(),
        market_based_g_per_kwh: None,
        pue: None,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    /// Sums the numbers of a key over the manifest.
    fn total(text: &str, key: &str) -> f64 {
        text.lines().filter_map(|line| line.trim().strip_prefix(key)?.trim().parse::<f64>().ok()).sum()
    }

    #[test]
    fn the_inputs_sum_to_the_run() {
        let run = fixture::counted();
        let text = render(std::slice::from_ref(&run));
        assert!((total(&text, "energy:") - run.account.facility_energy.p50.kwh()).abs() < 1e-6);
        assert!((total(&text, "duration:") - 134.0 * 60.0).abs() < 1e-6);
        assert!((total(&text, "carbon-embodied:") - 620.0).abs() < 1e-6);
        let mut flat = run;
        flat.hours.clear();
        assert!((total(&render(&[flat]), "energy:") - 8.18 * 1.2).abs() < 1e-6);
    }

    #[test]
    fn a_run_that_begins_within_an_hour_lasts_no_longer_than_it_did() {
        let mut run = fixture::counted();
        run.hours[0].start -= jiff::SignedDuration::from_mins(13);
        let text = render(std::slice::from_ref(&run));
        assert!((total(&text, "duration:") - 134.0 * 60.0).abs() < 1e-6, "{text}");
        assert!((total(&text, "carbon-embodied:") - 620.0).abs() < 1e-6);
        assert!(text.contains(&format!("- timestamp: \"{}\"", stamp(run.start))), "{text}");
    }

    #[test]
    fn nothing_is_computed_from_an_hour_without_intensity() {
        let text = render(&[fixture::estimated()]);
        assert!(text.contains("compute: []") && !text.contains("grid/carbon-intensity:"));
    }
}
