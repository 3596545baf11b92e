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
        assert_snapshot!(levers(&fixture::levers(), Style::default()), @"");
    }

    #[test]
    fn an_unknown_model_is_said_and_held_by_machine() {
        assert_snapshot!(levers(&fixture::levers_without_model(), Style::default()), @"");
    }
}
