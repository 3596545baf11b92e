//! An account as text.
//!
//! In: an account. Out: the sum in one sentence, every quantity, the phases with their shares, and
//! what the sum compares to.

use crate::amount::range;
use crate::number::{percent, three};
use crate::text::page::Page;
use crate::text::quantities::NOT_KNOWN;
use crate::text::table::{Align, Table};
use crate::text::{estimate, factors};
use crate::view::Style;
use greenwich_core::Account;

/// Cells of a bar that stands for the whole.
const BAR_COLUMNS: f64 = 12.0;

/// An account as a person reads it.
pub fn account(account: &Account, style: Style) -> String {
    let mut page = Page::new(style);
    page.headline(&estimate::headline(&account.total));
    page.blank();
    estimate::basis(&mut page, &account.total);
    equivalents(&mut page, account);
    page.blank();
    estimate::quantities(&mut page, &account.total);
    phases(&mut page, account);
    let runs: Vec<_> = account.phases.iter().map(|phase| (phase.name.as_str(), &phase.footprint)).collect();
    let total = [("sum", &account.total)];
    factors::factors(&mut page, if account.total.factors.is_empty() { &runs } else { &total });
    let in_phases = account.phases.iter().flat_map(|phase| &phase.footprint.warnings);
    factors::warnings(&mut page, account.total.warnings.iter().chain(in_phases));
    page.finish()
}

fn equivalents(page: &mut Page, account: &Account) {
    let mut parts = Vec::new();
    if let Some(trips) = account.passenger_flights {
        parts.push(format!("{} passenger round trips San Francisco – New York", three(trips)));
    }
    if let Some(planes) = account.planes {
        parts.push(format!("or {} of a whole plane", three(planes)));
    }
    if !parts.is_empty() {
        page.named("Compares", &format!("to {} (location-based CO2e).", parts.join(", ")));
    }
    if let Some(share) = account.fleet_share {
        page.named("Fleet", &format!("{} of the yearly fleet energy that the job file gives.", percent(share)));
    }
}

/// Phases in the job file's order; nothing where there is one only.
fn phases(page: &mut Page, account: &Account) {
    if account.phases.len() < 2 {
        return;
    }
    page.heading("Phases");
    let mut table = Table::new(&[
        ("", Align::Left),
        ("hours", Align::Right),
        ("facility energy", Align::Right),
        ("share", Align::Right),
        ("", Align::Left),
        ("CO2e, location-based", Align::Right),
        ("share", Align::Right),
    ]);
    for phase in &account.phases {
        let run = &phase.footprint;
        table.row(vec![
            phase.name.clone(),
            range(&run.hours),
            range(&run.facility_energy),
            percent(phase.energy_share),
            bar(phase.energy_share),
            run.location_based.as_ref().map_or_else(|| NOT_KNOWN.to_owned(), range),
            phase.co2e_share.map_or_else(String::new, percent),
        ]);
    }
    page.table(&table);
}

/// A bar in eighths of a column; a share above nothing is never without one.
fn bar(share: f64) -> String {
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = ((share.clamp(0.0, 1.0) * BAR_COLUMNS * 8.0).round() as usize).max(usize::from(share > 0.0));
    let mut bar = "█".repeat(eighths / 8);
    if eighths % 8 > 0 {
        bar.push(EIGHTHS[eighths % 8 - 1]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use insta::assert_snapshot;

    #[test]
    fn an_account_reads_from_the_sum_to_the_phases() {
        assert_snapshot!(account(&fixture::account(), Style::default()), @"
        llm-7b emitted 42.0 tCO2e, location-based: 88.0 MWh on 1,024 a100-sxm4-80g in gcp/us-central1 (grid
        US-MIDW-MISO).

        Model      6.74 billion parameters, 93.0 ZFLOP to train, 15.5 GFLOP forward a token.
        Basis      measured or given power and hours (T3). In brackets: the range that holds nine in ten.
        Compares   to 35.0 passenger round trips San Francisco – New York, or 0.230 of a whole plane
                   (location-based CO2e).
        Fleet      0.007 % of the yearly fleet energy that the job file gives.

                                            median (90 % range)  boundary
        Hours                                             175 h  wall clock, running
        Accelerator-hours                             179,000 h  hours × accelerators
        Mean power                              444 W (377–533)  per accelerator, whole system, before PUE
        IT energy                                      80.0 MWh  before PUE
        Facility energy                                88.0 MWh  after PUE, at the building's meter
        CO2e, location-based, lifecycle              42.0 tCO2e  Scope 2, grid average
        CO2e, location-based, direct     28.8 tCO2e (24.5–34.6)  Scope 2, grid average, at the stack
        CO2e, market-based                            not known  Scope 2, by contracts
        CO2e, consequential                           not known  at the margin; never part of an account
        Embodied CO2e                    3.10 tCO2e (2.64–3.72)  share of the hardware's manufacture
        Water                                  159 m³ (135–191)  on site and at the power plants
        Cost                                323 k USD (274–387)  at dated list prices

        Phases
                              hours  facility energy  share             CO2e, location-based  share
        architecture search  43.8 h         22.0 MWh   25 %  ███                  10.5 tCO2e   25 %
        final                 131 h         66.0 MWh   75 %  █████████            31.5 tCO2e   75 %

        Fallbacks  PUE: fleet average of gcp; location-based intensity (lifecycle): 2022 figure for 2026;
                   embodied CO2e per accelerator: figure of a100-pcie-40g, UNVERIFIED.
        Sources    4 factors entered; --explain lists each with source and year.

        Warnings
        ! market-based CO2e is not known: no contract is given
        ! market-based CO2e is not known: the catalog has no contract of this region; set
          `market_based_gco2e_per_kwh`
        ! MFU is predicted from the typical run of this accelerator: give `mfu` or `tokens_per_s` for a
          narrower range
        ");
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!((bar(0.25).as_str(), bar(1.0).as_str()), ("███", "████████████"));
        assert_eq!((bar(0.000_1).as_str(), bar(0.0).as_str()), ("▏", ""));
    }
}
