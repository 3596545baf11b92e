//! A paragraph for a paper.
//!
//! In: runs. Out: what readers of a paper need to judge and repeat the figures (energy, CO2e by both methods, PUE,
//! intensity with source and year, hardware, hours, place, how it was measured, embodied apart, uncertainty), in
//! Markdown with a list of sources or in LaTeX with BibTeX. What is not known is said to be so.

use crate::amount::{amount, range};
use crate::export::record::{SOFTWARE, explained, source};
use crate::export::whole::Whole;
use crate::export::{latex, markdown};
use crate::number::{percent, three};
use crate::when::{lasted, span};
use greenwich_core::entry::RunEntry;
use greenwich_core::{Factor, Fit};
use std::fmt::Write as _;

/// What the paragraph is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Markup {
    /// Markdown, its sources numbered.
    Markdown,
    /// LaTeX, its sources cited by key and given as BibTeX below.
    Latex,
}

/// The paragraph with its sources.
pub fn render(entries: &[RunEntry], markup: Markup) -> String {
    let whole = Whole::of(entries);
    let mut text = Paragraph { markup, text: String::new(), cited: Vec::new() };
    compute(&mut text, &whole);
    energy(&mut text, &whole);
    emissions(&mut text, &whole);
    measured(&mut text, &whole);
    text.finish()
}

/// A text that grows by sentences and remembers whom it cited.
struct Paragraph<'a> {
    markup: Markup,
    text: String,
    cited: Vec<&'a Factor>,
}

impl<'a> Paragraph<'a> {
    fn say(&mut self, text: &str) {
        self.text.push_str(&match self.markup {
            Markup::Markdown => markdown::escape(text),
            Markup::Latex => latex::escape(text),
        });
    }
    /// Marks of the sources behind the words just said.
    fn cite(&mut self, factors: impl IntoIterator<Item = &'a Factor>) {
        let mut marks = Vec::new();
        for factor in factors {
            // What the user gave has no publication to cite.
            if factor.fit == Fit::Given {
                self.say(" (our own figure)");
                continue;
            }
            let at = self.cited.iter().position(|held| *held == factor).unwrap_or_else(|| {
                self.cited.push(factor);
                self.cited.len() - 1
            });
            marks.push(at + 1);
        }
        if marks.is_empty() {
            return;
        }
        match self.markup {
            Markup::Markdown => marks.iter().for_each(|mark| {
                let _ = write!(self.text, " [{mark}]");
            }),
            Markup::Latex => {
                let keys: Vec<String> = marks.iter().map(|mark| key(*mark)).collect();
                let _ = write!(self.text, "~\\cite{{{}}}", keys.join(","));
            }
        }
    }
    fn finish(mut self) -> String {
        self.text.push('\n');
        match self.markup {
            Markup::Markdown => {
                if !self.cited.is_empty() {
                    self.text.push_str("\nSources:\n\n");
                }
                for (at, factor) in self.cited.iter().enumerate() {
                    let line = format!("{}: {}; {}", factor.quantity, value(factor), source(factor));
                    let _ = writeln!(self.text, "{}. {}", at + 1, markdown::escape(&line));
                }
            }
            Markup::Latex => {
                for (at, factor) in self.cited.iter().enumerate() {
                    self.text.push_str(&bibtex(at + 1, factor));
                }
            }
        }
        self.text
    }
}

fn key(mark: usize) -> String {
    format!("greenwich-source-{mark}")
}

fn value(factor: &Factor) -> String {
    // A ratio has no unit that a reader would look for.
    let unit = if factor.unit == "ratio" { "" } else { factor.unit.as_str() };
    format!("{} {unit}", three(factor.value)).trim_end().to_owned()
}

/// The title is braced twice, so that styles keep its capitals. The year is the publication's, which ends the
/// source's name; the year that the figure speaks of stands in the note.
fn bibtex(mark: usize, factor: &Factor) -> String {
    let (title, year) = match factor.source.rsplit_once(", ") {
        Some((title, year)) if year.len() == 4 && year.bytes().all(|digit| digit.is_ascii_digit()) => (title, year),
        _ => (factor.source.as_str(), ""),
    };
    let year = if year.is_empty() { String::new() } else { format!("  year = {{{year}}},\n") };
    let data = factor.year.map_or_else(String::new, |year| format!("; data of {year}"));
    let note = format!("{}: {}{data}; {}", factor.quantity, value(factor), factor.fit);
    let (title, note) = (latex::escape(title), latex::escape(&note));
    format!("\n@misc{{{},\n  title = {{{{{title}}}}},\n{year}  note = {{{note}}},\n}}\n", key(mark))
}

fn compute(text: &mut Paragraph<'_>, whole: &Whole<'_>) {
    let sum = &whole.sum;
    let wall = whole.wall_s();
    let model = match whole.words(|run| run.model.as_deref()).as_slice() {
        [model] => format!("Training of {model}"),
        _ => "Training".to_owned(),
    };
    match whole.runs.len() {
        1 => text.say(&format!("{model} took {}", lasted(wall))),
        runs => text.say(&format!("{model} took {} in {runs} runs", lasted(wall))),
    }
    if whole.has_accelerators() {
        text.say(&format!(", {} accelerator-hours", three(sum.accelerator_hours.p50.hours())));
    }
    if let (Some(start), Some(end)) = (whole.start(), whole.end()) {
        text.say(&format!(", {}", span(start, end)));
    }
    if let Some(hardware) = whole.hardware_text() {
        text.say(&format!(", on {hardware}"));
    }
    match whole.place() {
        Some(place) => text.say(&format!(" in {place}. ")),
        None => text.say("; the place is not known. "),
    }
}

fn energy<'a>(text: &mut Paragraph<'a>, whole: &'a Whole<'_>) {
    let sum = &whole.sum;
    text.say(&format!("It drew {} at the building's meter", range(&sum.facility_energy)));
    match whole.pue() {
        Some(pue) => {
            text.say(&format!(", that is {} of IT energy at a PUE of {}", range(&sum.it_energy), three(pue)));
            text.cite(whole.factors("PUE"));
        }
        None => text.say(", PUE not known"),
    }
    let phases = phases(whole);
    if phases.len() > 1 {
        text.say(&format!(" ({})", phases.join(", ")));
    }
    text.say(". ");
}

/// Each phase's share of the energy, in order of its first run; runs without a phase are the rest.
fn phases(whole: &Whole<'_>) -> Vec<String> {
    let all = whole.sum.facility_energy.p50.joules();
    let mut parts: Vec<(Option<&str>, f64)> = Vec::new();
    for run in &whole.runs {
        let joules = run.account.facility_energy.p50.joules();
        match parts.iter_mut().find(|(phase, _)| *phase == run.phase.as_deref()) {
            Some((_, held)) => *held += joules,
            None => parts.push((run.phase.as_deref(), joules)),
        }
    }
    let share = |joules: f64| percent(if all > 0.0 { joules / all } else { 0.0 });
    parts.iter().map(|(phase, joules)| format!("{} {}", phase.unwrap_or("no phase"), share(*joules))).collect()
}

fn emissions<'a>(text: &mut Paragraph<'a>, whole: &'a Whole<'_>) {
    let sum = &whole.sum;
    match (&sum.location_based, whole.location_based_g_per_kwh()) {
        (Some(co2e), Some(intensity)) => {
            let scope = whole.factor_scope().map_or_else(String::new, |scope| format!(" by {scope} factors"));
            text.say(&format!("At a grid mean of {} gCO2e/kWh over its hours{scope}", three(intensity)));
            text.cite(whole.location_factors());
            text.say(&format!(", this emitted {}, location-based", range(co2e)));
        }
        _ => text.say("Its location-based CO2e is not known"),
    }
    match &sum.market_based {
        Some(co2e) => {
            text.say(&format!("; by contracts (market-based) it is {}", range(co2e)));
            text.cite(whole.factors("market-based intensity"));
        }
        None => text.say("; the market-based figure is not known"),
    }
    text.say(". ");
    match &sum.embodied {
        Some(co2e) => {
            text.say(&format!("The share of the hardware's manufacture, {}, comes on top", range(co2e)));
            text.cite(whole.factors("embodied"));
        }
        None => text.say("Embodied emissions are not known and not included"),
    }
    text.say(". ");
}

fn measured(text: &mut Paragraph<'_>, whole: &Whole<'_>) {
    let ways = whole.known_by();
    match ways.as_slice() {
        [] => text.say("No device was metered. "),
        [(only, _)] => text.say(&format!("All metered energy is known from {}. ", explained(*only))),
        several => {
            let parts: Vec<String> =
                several.iter().map(|(way, share)| format!("{} from {}", percent(*share), explained(*way))).collect();
            text.say(&format!("The metered energy is known to {}. ", parts.join(", to ")));
        }
    }
    if let Some(coverage) = whole.least_coverage() {
        let time = percent(coverage);
        text.say(&format!(
            "Metered were {}; the device read least was read for {time} of the time. ",
            whole.boundary()
        ));
    }
    if let Some((held, expected)) = whole.missing_nodes() {
        text.say(&format!("Only {held} of {expected} nodes are in these figures. "));
    }
    if whole.has_accelerators() {
        let power = amount(whole.sum.mean_power.p50);
        let host = if whole.holds_the_host() { "host included" } else { "host not metered" };
        text.say(&format!("Mean power was {power} per accelerator, {host}, before PUE. "));
    }
    text.say(&format!("Ranges in brackets hold nine in ten. Figures by {SOFTWARE}."));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    #[test]
    fn a_host_that_was_not_metered_and_a_place_that_was_not_set_are_not_claimed() {
        let mut run = fixture::counted();
        assert!(render(std::slice::from_ref(&run), Markup::Markdown).contains("host included"));
        run.devices.retain(|device| device.kind == greenwich_core::reading::DeviceKind::Gpu);
        run.account.it_energy = greenwich_core::Range::exact(run.devices.iter().map(|device| device.energy.p50).sum());
        run.account.setting.region = None;
        run.account.setting.zone = Some(greenwich_core::ZoneId::new("WORLD"));
        let text = render(&[run], Markup::Markdown);
        assert!(text.contains("host not metered") && text.contains("; the place is not known. "), "{text}");
    }

    #[test]
    fn a_paper_names_a_source_once_however_often_it_is_used() {
        let text = render(&fixture::phases(), Markup::Latex);
        assert_eq!((text.matches("@misc{").count(), text.matches("\\cite{").count()), (3, 3));
        assert!(text.contains("(our own figure)") && !text.contains("job file"), "{text}");
    }
}
