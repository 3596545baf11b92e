//! The metadata of a Hugging Face model card.
//!
//! In: runs. Out: YAML to paste between the `---` lines of a README. `emissions` is in **grams**: cards in the wild
//! hold kilograms there, a thousand times too little.
//!
//! # Sources
//! Hugging Face, Hub documentation, "Displaying carbon emissions for your model", "Carbon footprint metadata".

use crate::export::record::{self, SOFTWARE};
use crate::export::whole::Whole;
use crate::export::{figures, yaml};
use greenwich_core::entry::RunEntry;
use std::fmt::Write as _;

/// The card's metadata, and our own record as comments below it.
pub fn render(entries: &[RunEntry]) -> String {
    let whole = Whole::of(entries);
    let mut out = String::from("co2_eq_emissions:\n");
    match &whole.sum.location_based {
        Some(co2e) => {
            // Six figures: the card wants a plain number, and its range stands below.
            let _ = writeln!(
                out,
                "  emissions: {}  # grams of CO2e, operational, location-based",
                figures(co2e.p50.g(), 6)
            );
        }
        None => out.push_str("  # emissions: not known; see the warnings below\n"),
    }
    let source = format!("{SOFTWARE} ({}; location-based)", record::method(&whole));
    let _ = writeln!(out, "  source: {}", yaml::quoted(&source));
    match training_type(&whole) {
        Some(kind) => {
            let _ = writeln!(out, "  training_type: {}", yaml::quoted(kind));
        }
        None => out.push_str("  # training_type: pre-training or fine-tuning; no tag `training_type` tells\n"),
    }
    match whole.place() {
        Some(place) => {
            let _ = writeln!(out, "  geographical_location: {}", yaml::quoted(&place));
        }
        None => out.push_str("  # geographical_location: not known; set `site.zone`\n"),
    }
    match whole.hardware_text() {
        Some(hardware) => {
            let _ = writeln!(out, "  hardware_used: {}", yaml::quoted(&hardware));
        }
        None => out.push_str("  # hardware_used: not known; no device was metered\n"),
    }
    out.push_str(&yaml::comment(0, &format!("{SOFTWARE}, what the fields above have no room for:")));
    for (name, text) in record::lines(&whole) {
        out.push_str(&yaml::comment(2, &format!("{name}: {text}")));
    }
    out
}

/// The card's two words, from the tag `training_type` or a phase that is one of them; runs that differ have none.
pub(super) fn training_type(whole: &Whole<'_>) -> Option<&'static str> {
    let word = |run: &RunEntry| {
        let tag = run.tags.iter().find(|(key, _)| key == "training_type").map(|(_, value)| value.as_str());
        let word = tag.or(run.phase.as_deref())?.to_lowercase();
        match word.replace(['-', '_', ' '], "").as_str() {
            "pretraining" | "pretrain" => Some("pre-training"),
            "finetuning" | "finetune" => Some("fine-tuning"),
            _ => None,
        }
    };
    let words: Vec<_> = whole.runs.iter().map(|run| word(run)).collect();
    let first = *words.first()?;
    words.iter().all(|word| *word == first).then_some(first)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;
    use greenwich_core::Range;
    use greenwich_core::quantity::Co2e;

    /// Hub documentation, "Carbon footprint metadata": `emissions: number (in grams of CO2)`.
    #[test]
    fn emissions_are_grams_where_cards_in_the_wild_hold_kilograms() {
        let mut run = fixture::counted();
        run.account.location_based = Some(Range::exact(Co2e::from_kg(83.524)));
        let text = render(&[run]);
        assert_eq!(text.lines().nth(1), Some("  emissions: 83524  # grams of CO2e, operational, location-based"));
    }

    #[test]
    fn runs_of_two_kinds_have_no_training_type() {
        let (mut a, mut b) = (fixture::counted(), fixture::counted());
        a.tags.clear();
        a.phase = Some("fine-tuning".into());
        assert!(render(&[a.clone()]).contains("  training_type: \"fine-tuning\"\n"));
        b.run = "b".into();
        assert!(!render(&[a, b]).contains("\n  training_type:"));
    }
}
