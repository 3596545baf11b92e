//! Question C1 of the ACL's responsible-research checklist.
//!
//! In: runs. Out: an answer to paste: parameters, total budget in GPU hours, infrastructure; and runtime and energy,
//! which NAACL's reproducibility criteria ask for.
//!
//! # Sources
//! ACL Rolling Review, Responsible NLP Research checklist, C1; NAACL reproducibility criteria, "average runtime, or
//! estimated energy cost".

use crate::amount::range;
use crate::export::markdown::escape;
use crate::export::record::{SOFTWARE, known, method};
use crate::export::whole::Whole;
use crate::number::three;
use crate::when::lasted;
use greenwich_core::entry::RunEntry;
use std::fmt::Write as _;

/// The answer as Markdown.
pub fn render(entries: &[RunEntry]) -> String {
    let whole = Whole::of(entries);
    let sum = &whole.sum;
    let mut out = String::from("ARR Responsible NLP Research checklist, C1\n\n");
    let parameters = sum.params_total.map_or_else(
        || "not known to the meter; add them".to_owned(),
        |total| format!("{} billion", three(total as f64 / 1e9)),
    );
    let _ = writeln!(out, "- Parameters: {parameters}");
    let runs = whole.runs.len();
    let budget = if whole.has_accelerators() {
        format!("{} GPU hours", three(sum.accelerator_hours.p50.hours()))
    } else {
        format!("no GPU; {} on CPUs", lasted(whole.wall_s()))
    };
    let _ = writeln!(out, "- Computational budget: {budget} over {runs} run{}", if runs == 1 { "" } else { "s" });
    let hardware = whole.hardware_text().unwrap_or_else(|| "hardware not known".to_owned());
    let place = whole.place().map_or_else(|| "place not known".to_owned(), |place| format!("in {place}"));
    let _ = writeln!(out, "- Infrastructure: {}", escape(&format!("{hardware}, {place}")));
    if runs > 0 {
        let _ = writeln!(out, "- Average runtime: {}", lasted(whole.wall_s() / runs as f64));
    }
    let energy = format!("{} after PUE ({})", range(&sum.facility_energy), method(&whole));
    let _ = writeln!(out, "- Energy: {}", escape(&energy));
    let _ = writeln!(out, "- CO2e, location-based: {}. Figures by {SOFTWARE}.", known(sum.location_based.as_ref()));
    out
}
