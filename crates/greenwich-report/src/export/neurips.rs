//! The compute question of the NeurIPS paper checklist.
//!
//! In: runs. Out: an answer to paste under "Experiments compute resources": type of workers, memory, time of each
//! run, total compute, with energy and CO2e, which it does not ask for. What we cannot know is named.
//!
//! # Sources
//! NeurIPS Paper Checklist, question 8, "Experiments compute resources" (2024 and 2025 wording).

use crate::amount::range;
use crate::export::markdown::escape;
use crate::export::record::{SOFTWARE, known, method};
use crate::export::whole::Whole;
use crate::number::three;
use crate::when::lasted;
use greenwich_core::entry::RunEntry;
use std::fmt::Write as _;

/// Runs that are listed one by one.
const LISTED: usize = 12;

/// The answer as Markdown.
pub fn render(entries: &[RunEntry]) -> String {
    let whole = Whole::of(entries);
    let mut out = String::from(
        "NeurIPS Paper Checklist, 8. Experiments compute resources\n\nAnswer: [Yes]\n\nJustification:\n\n",
    );
    let place = whole.place().map_or_else(|| "place not known".to_owned(), |place| format!("in {place}"));
    let hardware = whole.hardware_text().unwrap_or_else(|| "hardware not known".to_owned());
    let _ = writeln!(out, "- Workers: {}", escape(&format!("{hardware}, {place}")));
    out.push_str("- Memory: not recorded by the meter; add GPU and host memory\n");
    for run in whole.runs.iter().take(LISTED) {
        let seconds = run.end.duration_since(run.start).as_secs_f64();
        let phase = run.phase.as_deref().map_or_else(String::new, |phase| format!(" ({phase})"));
        let failed = match run.exit_status {
            Some(0) => String::new(),
            Some(status) => format!(", exit status {status}"),
            None => ", end not seen".to_owned(),
        };
        let text = format!("{}{phase}: {}, {}{failed}", run.run, lasted(seconds), range(&run.account.it_energy));
        let _ = writeln!(out, "- Time of a run: {}", escape(&text));
    }
    if whole.runs.len() > LISTED {
        let _ = writeln!(out, "- and {} more runs", whole.runs.len() - LISTED);
    }
    let failed = whole.runs.iter().filter(|run| run.exit_status != Some(0)).count();
    let hours = if whole.has_accelerators() {
        format!("{} accelerator-hours", three(whole.sum.accelerator_hours.p50.hours()))
    } else {
        format!("{} on CPUs alone", lasted(whole.wall_s()))
    };
    let runs = whole.runs.len();
    let _ = writeln!(
        out,
        "- Total compute: {hours} over {runs} run{}, {failed} of them failed; runs outside this list \
         are not in it",
        if runs == 1 { "" } else { "s" }
    );
    let energy = format!("{} after PUE ({})", range(&whole.sum.facility_energy), method(&whole));
    let _ = writeln!(out, "- Energy: {}", escape(&energy));
    let _ =
        writeln!(out, "- CO2e, location-based: {}. Figures by {SOFTWARE}.", known(whole.sum.location_based.as_ref()));
    out
}
