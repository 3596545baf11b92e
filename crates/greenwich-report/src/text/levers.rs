//! The four levers as text.
//!
//! In: the levers between two jobs. Out: the whole in one sentence, a table of the factors, a waterfall
//! on a log axis, and the rule by which the whole is attributed.

use crate::number::{percent, three};
use crate::text::page::Page;
use crate::text::table::{Align, Table};
use crate::text::{factors, waterfall};
use crate::view::Style;
use crate::waterfall::{RULE, headline, method, steps};
use greenwich_core::levers::Levers;

/// The four levers as a person reads them.
pub fn levers(levers: &Levers, style: Style) -> String {
    let mut page = Page::new(style);
    page.headline(&headline(levers));
    page.blank();
    page.table(&table(levers));
    page.heading(&format!("CO2e against {}, {}, log axis", levers.base, method(levers.scope2)));
    waterfall::draw(&mut page, levers);
    page.blank();
    page.named("Rule", RULE);
    factors::warnings(&mut page, &levers.warnings);
    page.finish()
}

fn table(levers: &Levers) -> Table {
    let mut table = Table::new(&[
        ("lever", Align::Left),
        ("base ÷ alternative of", Align::Left),
        ("factor", Align::Right),
        ("share of the log", Align::Right),
    ]);
    let whole = levers.co2e_ratio.ln();
    if levers.model.is_none() {
        table.row(vec!["Model".into(), "training FLOPs".into(), "not known".into(), String::new()]);
    }
    for step in steps(levers) {
        let share = step.ratio.ln() / whole;
        let share = if whole.abs() > 0.005 && share.is_finite() { percent(share) } else { String::new() };
        table.row(vec![step.name.into(), step.of.into(), three(step.ratio), share]);
    }
    table.row(vec![
        "Product".into(),
        format!("CO2e, {}", method(levers.scope2)),
        three(levers.co2e_ratio),
        String::new(),
    ]);
    table.row(vec!["Without Map".into(), "facility energy".into(), three(levers.energy_ratio), String::new()]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use insta::assert_snapshot;

    #[test]
    fn levers_read_from_the_whole_to_the_rule() {
        assert_snapshot!(levers(&fixture::levers(), Style::default()), @"
        From dense-on-premises to moe-in-the-cloud: CO2e ÷30.2 (location-based), energy ÷3.73.

        lever          base ÷ alternative of         factor  share of the log
        Model          training FLOPs                 0.800            −6.5 %
        Machine        IT energy per training FLOP     4.20              42 %
        Mechanization  PUE                             1.11             3.1 %
        Map            intensity of the electricity    8.10              61 %
        Product        CO2e, location-based            30.2
        Without Map    facility energy                 3.73

        CO2e against dense-on-premises, location-based, log axis
        dense-on-premises                                                                ◆       100 %
        Model                                                                            ┣━━▶    ×1.25
        Machine                                                    ◀━━━━━━━━━━━━━━━━━━━━━━━━┫    ÷4.20
        Mechanization                                            ◀━┫                             ÷1.11
        Map                  ◀━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┫                               ÷8.10
        moe-in-the-cloud     ◆                                                                   3.31 %
                          ──────────┴───────────┴───────────┴───────────────┴────────────┴──────
                                   5 %        10 %        20 %            50 %         100 %

        Rule       CO2e = training FLOPs × (IT energy ÷ training FLOP) × PUE × intensity: each lever is the
                   ratio of one factor, so the four multiply to the whole and no order of taking them
                   changes any.
        ");
    }

    #[test]
    fn an_unknown_model_is_said_and_held_by_machine() {
        assert_snapshot!(levers(&fixture::levers_without_model(), Style::default()), @"
        From dense-on-premises to moe-in-the-cloud: CO2e ÷30.2 (location-based), energy ÷3.73.

        lever            base ÷ alternative of            factor  share of the log
        Model            training FLOPs                not known
        Model × Machine  IT energy                          3.36              36 %
        Mechanization    PUE                                1.11             3.1 %
        Map              intensity of the electricity       8.10              61 %
        Product          CO2e, location-based               30.2
        Without Map      facility energy                    3.73

        CO2e against dense-on-premises, location-based, log axis
        dense-on-premises                                                                   ◆    100 %
        Model × Machine                                               ◀━━━━━━━━━━━━━━━━━━━━━┫    ÷3.36
        Mechanization                                               ◀━┫                          ÷1.11
        Map                  ◀━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┫                            ÷8.10
        moe-in-the-cloud     ◆                                                                   3.31 %
                          ──────────┴────────────┴────────────┴────────────────┴────────────┴───
                                   5 %         10 %         20 %             50 %         100 %

        Rule       CO2e = training FLOPs × (IT energy ÷ training FLOP) × PUE × intensity: each lever is the
                   ratio of one factor, so the four multiply to the whole and no order of taking them
                   changes any.

        Warning
        ! the training FLOPs of `moe-in-the-cloud` are not known, so Machine holds Model as well: give
          `machine.total_flops`
        ");
    }
}
