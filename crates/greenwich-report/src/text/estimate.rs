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
        assert_snapshot!(estimate(&fixture::estimate(), Style::default()), @"
        llm-7b will emit 41.2 tCO2e (35.0–49.4), location-based: 87.5 MWh (74.4–105) on 1,024 a100-sxm4-80g
        in gcp/us-central1 (grid US-MIDW-MISO).

        Model      6.74 billion parameters, 93.0 ZFLOP to train, 15.5 GFLOP forward a token.
        Basis      model, tokens, accelerator and count; speed and power are predicted (T0). In brackets:
                   the range that holds nine in ten.

                                                 median (90 % range)  boundary
        Hours                                        175 h (149–210)  wall clock, running
        Accelerator-hours                179,000 h (152,000–215,000)  hours × accelerators
        Mean power                                   444 W (377–533)  per accelerator, whole system, before
                                                                      PUE
        IT energy                               79.5 MWh (67.6–95.5)  before PUE
        Facility energy                          87.5 MWh (74.4–105)  after PUE, at the building's meter
        CO2e, location-based, lifecycle       41.2 tCO2e (35.0–49.4)  Scope 2, grid average
        CO2e, location-based, direct          28.8 tCO2e (24.5–34.6)  Scope 2, grid average, at the stack
        CO2e, market-based                                 not known  Scope 2, by contracts
        CO2e, consequential                                not known  at the margin; never part of an
                                                                      account
        Embodied CO2e                         3.10 tCO2e (2.64–3.72)  share of the hardware's manufacture
        Water                                       159 m³ (135–191)  on site and at the power plants
        Cost                                     323 k USD (274–387)  at dated list prices

        Fallbacks  PUE: fleet average of gcp; location-based intensity (lifecycle): 2022 figure for 2026;
                   embodied CO2e per accelerator: figure of a100-pcie-40g, UNVERIFIED.
        Sources    4 factors entered; --explain lists each with source and year.

        Warnings
        ! market-based CO2e is not known: the catalog has no contract of this region; set
          `market_based_gco2e_per_kwh`
        ! MFU is predicted from the typical run of this accelerator: give `mfu` or `tokens_per_s` for a
          narrower range
        ");
    }

    #[test]
    fn a_narrow_terminal_loses_nothing() {
        let narrow = estimate(&fixture::estimate(), Style { width: 60, ..Style::default() });
        assert_snapshot!(narrow, @"
        llm-7b will emit 41.2 tCO2e (35.0–49.4), location-based:
        87.5 MWh (74.4–105) on 1,024 a100-sxm4-80g in
        gcp/us-central1 (grid US-MIDW-MISO).

        Model      6.74 billion parameters, 93.0 ZFLOP to train,
                   15.5 GFLOP forward a token.
        Basis      model, tokens, accelerator and count; speed and
                   power are predicted (T0). In brackets: the range
                   that holds nine in ten.

                                median (90 % range)  boundary
        Hours                       175 h (149–210)  wall clock,
                                                     running
        Accelerator-hours                 179,000 h  hours ×
                                  (152,000–215,000)  accelerators
        Mean power                  444 W (377–533)  per
                                                     accelerator,
                                                     whole system,
                                                     before PUE
        IT energy              79.5 MWh (67.6–95.5)  before PUE
        Facility energy         87.5 MWh (74.4–105)  after PUE, at
                                                     the building's
                                                     meter
        CO2e, location-based,            41.2 tCO2e  Scope 2, grid
        lifecycle                       (35.0–49.4)  average
        CO2e, location-based,            28.8 tCO2e  Scope 2, grid
        direct                          (24.5–34.6)  average, at the
                                                     stack
        CO2e, market-based                not known  Scope 2, by
                                                     contracts
        CO2e, consequential               not known  at the margin;
                                                     never part of
                                                     an account
        Embodied CO2e                    3.10 tCO2e  share of the
                                        (2.64–3.72)  hardware's
                                                     manufacture
        Water                      159 m³ (135–191)  on site and at
                                                     the power
                                                     plants
        Cost                    323 k USD (274–387)  at dated list
                                                     prices

        Fallbacks  PUE: fleet average of gcp; location-based
                   intensity (lifecycle): 2022 figure for 2026;
                   embodied CO2e per accelerator: figure of
                   a100-pcie-40g, UNVERIFIED.
        Sources    4 factors entered; --explain lists each with
                   source and year.

        Warnings
        ! market-based CO2e is not known: the catalog has no
          contract of this region; set `market_based_gco2e_per_kwh`
        ! MFU is predicted from the typical run of this accelerator:
          give `mfu` or `tokens_per_s` for a narrower range
        ");
    }

    #[test]
    fn an_unknown_co2e_is_said_in_the_first_sentence() {
        let mut run = fixture::estimate();
        run.location_based = None;
        assert!(headline(&run).ends_with("; its CO2e is not known."));
    }
}
