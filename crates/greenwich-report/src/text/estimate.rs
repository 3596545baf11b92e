//! An estimate as text.
//!
//! In: a footprint. Out: the figure in one sentence, every quantity with range and boundary, where the
//! figures are from and what to know before quoting them.

use crate::amount::range;
use crate::text::factors;
use crate::text::page::Page;
use crate::text::quantities::{entries, model, setting};
use crate::text::table::{Align, Table};
use crate::view::Style;
use greenwich_core::footprint::Stage;
use greenwich_core::{Footprint, Tier};

/// An estimate, or the one part of an account, as a person reads it.
pub fn estimate(run: &Footprint, style: Style) -> String {
    let mut page = Page::new(style);
    page.headline(&headline(run));
    page.blank();
    basis(&mut page, run);
    page.blank();
    quantities(&mut page, run);
    factors::factors(&mut page, &[("run", run)]);
    factors::warnings(&mut page, &run.warnings);
    page.finish()
}

/// `llm-7b will emit 41.2 tCO2e (35.0–49.4), location-based: 85.8 MWh on 1,024 …`.
pub(crate) fn headline(run: &Footprint) -> String {
    let (needs, emits) = match run.stage {
        Stage::Estimate => ("will need", "will emit"),
        Stage::Account => ("needed", "emitted"),
    };
    let energy = range(&run.facility_energy);
    let on = setting(run);
    match &run.location_based {
        Some(co2e) => format!("{} {emits} {}, location-based: {energy} on {on}.", run.job, range(co2e)),
        None => format!("{} {needs} {energy} on {on}; its CO2e is not known.", run.job),
    }
}

/// The model, and how much was told.
pub(crate) fn basis(page: &mut Page, run: &Footprint) {
    if let Some(model) = model(run) {
        page.named("Model", &format!("{model}."));
    }
    page.named("Basis", &format!("{} ({}). In brackets: the range that holds nine in ten.", told(run.tier), run.tier));
}

/// What the tier says was given.
pub(crate) const fn told(tier: Tier) -> &'static str {
    match tier {
        Tier::T0 => "model, tokens, accelerator and count; speed and power are predicted",
        Tier::T1 => "model, tokens, machine and layout; speed and power are predicted",
        Tier::T2 => "speed or hours as given; power is predicted",
        Tier::T3 => "measured or given power and hours",
    }
}

/// Every quantity with its boundary.
pub(crate) fn quantities(page: &mut Page, run: &Footprint) {
    let mut table = Table::new(&[("", Align::Left), ("median (90 % range)", Align::Right), ("boundary", Align::Left)]);
    for entry in entries(run) {
        table.row(vec![entry.name.clone(), entry.shown(), entry.boundary.to_owned()]);
    }
    page.table(&table);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use insta::assert_snapshot;

    #[test]
    fn an_estimate_reads_from_the_sentence_to_the_warnings() {
        assert_snapshot!(estimate(&fixture::estimate(), Style::default()), @"");
    }

    #[test]
    fn a_narrow_terminal_loses_nothing() {
        let narrow = estimate(&fixture::estimate(), Style { width: 60, ..Style::default() });
        assert_snapshot!(narrow, @"");
    }

    #[test]
    fn an_unknown_co2e_is_said_in_the_first_sentence() {
        let mut run = fixture::estimate();
        run.location_based = None;
        assert!(headline(&run).ends_with("; its CO2e is not known."));
    }
}
