//! Yearly budgets of projects, before and after runs are handed over.
//!
//! In: what a project's runs of a year have drawn, and what its open ones are expected to draw yet. Out: how the budget
//! stands, and which runs it has no room for. What has started, or was let go, is granted; the others are granted in the
//! order in which they were asked for, each one that still fits.

use crate::error::KeeperError;
use crate::run::{OverBudget, Run};
use crate::state::State;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

/// What happens when a budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BudgetAction {
    /// It is told.
    Warn,
    /// A run that has not started is held, until there is room for it or somebody lets it go and says why.
    Hold,
}

/// A project's yearly budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The project.
    pub project: String,
    /// Most emissions of a year, in kg.
    pub co2e_kg: Option<f64>,
    /// Most energy of a year at the building's meter, in kWh.
    pub kwh: Option<f64>,
    /// What happens then.
    pub action: BudgetAction,
}

/// Emissions and energy of runs, or of a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    /// In grams.
    pub co2e_g: f64,
    /// At the building's meter.
    pub kwh: f64,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, more: Self) {
        self.co2e_g += more.co2e_g;
        self.kwh += more.kwh;
    }
}

/// What each of some runs has drawn so far, as metered; why that is not known, in words.
pub type Drawn = Result<Vec<Option<Sum>>, String>;

/// What a run takes of its project's budget.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    pub(crate) run: String,
    pub(crate) drawn: Sum,
    pub(crate) expected: Sum,
    /// Nothing keeps it back any more: it has started, or somebody let it go.
    pub(crate) is_granted: bool,
}

/// How a budget stands in a year.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The budget.
    pub budget: Budget,
    /// The calendar year, UTC.
    pub year: i16,
    /// What runs that are over have drawn, as metered.
    pub spent: Sum,
    /// What open runs have drawn so far.
    pub drawn: Sum,
    /// What open runs are expected to draw yet, those that are held left out.
    pub expected: Sum,
    /// Runs that there is no room for, each with the figures in words.
    pub refused: BTreeMap<String, String>,
}

impl Standing {
    pub(crate) fn of(budget: &Budget, year: i16, spent: Sum, claims: &[Claim]) -> Self {
        let mut standing = Self {
            budget: budget.clone(),
            year,
            spent,
            drawn: Sum::default(),
            expected: Sum::default(),
            refused: BTreeMap::new(),
        };
        for claim in claims.iter().filter(|claim| claim.is_granted) {
            standing.grant(claim);
        }
        for claim in claims.iter().filter(|claim| !claim.is_granted) {
            let refused = standing.without_room_for(claim);
            if refused.is_none() || budget.action == BudgetAction::Warn {
                standing.grant(claim);
            }
            standing.refused.extend(refused.map(|words| (claim.run.clone(), words)));
        }
        standing
    }

    fn grant(&mut self, claim: &Claim) {
        self.drawn += claim.drawn;
        self.expected += claim.expected;
    }

    /// Each limit with its unit, what is granted of it, and what a claim adds.
    fn limits(&self, claim: &Claim) -> [(&'static str, Option<f64>, [f64; 3]); 2] {
        let kg = |sum: Sum| sum.co2e_g / 1e3;
        let kwh = |sum: Sum| sum.kwh;
        let more =
            Sum { co2e_g: claim.drawn.co2e_g + claim.expected.co2e_g, kwh: claim.drawn.kwh + claim.expected.kwh };
        let mut used = self.spent;
        used += self.drawn;
        [
            ("kg CO2e", self.budget.co2e_kg, [used, self.expected, more].map(kg)),
            ("kWh energy", self.budget.kwh, [used, self.expected, more].map(kwh)),
        ]
    }

    fn without_room_for(&self, claim: &Claim) -> Option<String> {
        self.limits(claim).into_iter().find_map(|(unit, limit, [used, expected, more])| {
            let limit = limit.filter(|limit| used + expected + more > *limit)?;
            let [limit, used, expected, more] = [limit, used, expected, more].map(figure);
            Some(format!(
                "project {} has a budget of {limit} {unit} for {}; {used} are drawn, {expected} are expected of its other runs, this one needs {more}",
                self.budget.project, self.year
            ))
        })
    }

    /// Why the budget is overdrawn by what cannot be kept back; `None` where it is not.
    pub fn overdrawn(&self) -> Option<String> {
        let nothing = Claim { run: String::new(), drawn: Sum::default(), expected: Sum::default(), is_granted: true };
        self.limits(&nothing).into_iter().find_map(|(unit, limit, [used, expected, _])| {
            let limit = limit.filter(|limit| used + expected > *limit)?;
            let [limit, used, expected] = [limit, used, expected].map(figure);
            Some(format!(
                "project {} goes over its budget of {limit} {unit} for {}: {used} are drawn, {expected} are expected yet; what has started runs on",
                self.budget.project, self.year
            ))
        })
    }
}

/// Four significant figures.
fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let decimals = (3.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// How all budgets stand, by the runs that are not closed, oldest first; `drawn` tells what each of some runs has drawn so
/// far as metered, `None` where nothing was. A run counts in the year in which it ends, or is planned to.
///
/// # Errors
/// [`KeeperError`] of the state. Where `drawn` fails, what a run should have drawn by its plan stands in.
pub fn standings(
    budgets: &[Budget],
    state: &State,
    runs: &[Run],
    drawn: &mut dyn FnMut(&[&Run]) -> Drawn,
    now: Timestamp,
) -> Result<Vec<Standing>, KeeperError> {
    let has_budget = |run: &Run| budgets.iter().any(|budget| run.job.project.as_ref() == Some(&budget.project));
    let started: Vec<&Run> = runs.iter().filter(|run| run.starts > 0 && has_budget(run)).collect();
    let known = if started.is_empty() { Vec::new() } else { drawn(&started).unwrap_or_default() };
    let known: BTreeMap<&str, Sum> =
        started.iter().zip(known).filter_map(|(run, sum)| Some((run.job.run.as_str(), sum?))).collect();
    let mut found = Vec::new();
    for budget in budgets {
        let own = |run: &&Run| run.job.project.as_deref() == Some(&budget.project);
        let mut by_year: BTreeMap<i16, Vec<Claim>> = BTreeMap::new();
        for run in runs.iter().filter(own) {
            let end = run.ended.or(run.plan.finish()).unwrap_or(now).max(run.ended.unwrap_or(now));
            by_year.entry(year_of(end)).or_default().push(claim(run, known.get(run.job.run.as_str()).copied()));
        }
        let years: BTreeSet<i16> = by_year.keys().copied().chain([year_of(now)]).collect();
        for year in years {
            let claims = by_year.remove(&year).unwrap_or_default();
            found.push(Standing::of(budget, year, state.spent(&budget.project, year)?, &claims));
        }
    }
    Ok(found)
}

/// What of a run is drawn, and what its plan expects yet of the work that is left.
fn claim(run: &Run, metered: Option<Sum>) -> Claim {
    let work_s = run.job.work_s.max(1.0);
    let whole = Sum {
        co2e_g: run.job.expected_co2e_g.or(run.plan.co2e_g).unwrap_or(0.0),
        kwh: run.job.expected_kwh.unwrap_or(0.0),
    };
    let share = |of: f64| Sum { co2e_g: whole.co2e_g * of, kwh: whole.kwh * of };
    let so_far = if run.starts > 0 { metered } else { Some(Sum::default()) };
    let is_over = run.ended.is_some() || run.cancel.is_some();
    let left_s = if is_over { 0.0 } else { run.left().as_secs_f64() };
    // A plan's emissions are those of the work that was left when it was made.
    let planned_s: f64 =
        run.plan.segments.iter().map(|segment| segment.end.duration_since(segment.start).as_secs_f64()).sum();
    let by_plan = run.plan.co2e_g.filter(|_| planned_s > 0.0).map(|grams| grams * left_s / planned_s);
    let expected = share(left_s / work_s);
    Claim {
        run: run.job.run.clone(),
        drawn: so_far.unwrap_or_else(|| share((run.done_s + run.used_s) / work_s)),
        expected: Sum { co2e_g: by_plan.unwrap_or(expected.co2e_g), kwh: expected.kwh },
        is_granted: run.starts > 0 || run.let_go.is_some() || is_over,
    }
}

fn year_of(at: Timestamp) -> i16 {
    at.to_zoned(TimeZone::UTC).year()
}

/// What is told of a run, where what its budget says of it has changed; its mark is set accordingly.
pub(crate) fn change(run: &mut Run, refused: Option<&str>, action: BudgetAction) -> Option<String> {
    let may_be_held = run.starts == 0 && run.let_go.is_none() && run.ended.is_none() && run.cancel.is_none();
    let holds = action == BudgetAction::Hold && may_be_held;
    let before = run.over_budget.take();
    let (over, words) = match (refused, before) {
        (Some(why), None) => {
            let did = if holds { "held" } else { "warned" };
            (Some(OverBudget { why: why.to_owned(), holds, is_late: false }), Some(format!("{did}: {why}")))
        }
        // Figures change with every look; the first ones are kept.
        (Some(_), Some(before)) if before.holds == holds => (Some(before), None),
        (Some(why), Some(_)) => {
            let words = holds.then(|| format!("held: {why}"));
            (Some(OverBudget { why: why.to_owned(), holds, is_late: false }), words)
        }
        (None, Some(before)) if before.holds && may_be_held => {
            (None, Some("let go: the budget of its project has room for it".to_owned()))
        }
        (None, _) => (None, None),
    };
    run.over_budget = over;
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(action: BudgetAction) -> Budget {
        Budget { project: "llm".to_owned(), co2e_kg: Some(10.0), kwh: Some(100.0), action }
    }

    fn claim(run: &str, co2e_g: f64, kwh: f64, is_granted: bool) -> Claim {
        Claim { run: run.to_owned(), drawn: Sum::default(), expected: Sum { co2e_g, kwh }, is_granted }
    }

    #[test]
    fn runs_are_granted_in_their_order_and_one_that_goes_over_either_limit_is_refused_with_the_figures() {
        let spent = Sum { co2e_g: 6000.0, kwh: 20.0 };
        let claims = [
            claim("fits", 1000.0, 10.0, false),
            claim("too-much", 3001.0, 1.0, false),
            claim("fits-too", 3000.0, 1.0, false),
            claim("energy", 0.0, 70.0, false),
        ];
        let standing = Standing::of(&budget(BudgetAction::Hold), 2026, spent, &claims);
        let refused: Vec<&str> = standing.refused.keys().map(String::as_str).collect();
        assert_eq!(refused, ["energy", "too-much"]);
        let words = "project llm has a budget of 10 kg CO2e for 2026; 6 are drawn, 1 are expected of its other runs, \
                     this one needs 3.001";
        assert_eq!(standing.refused["too-much"], words);
        assert!(standing.refused["energy"].contains("100 kWh energy"));
        assert_eq!(standing.expected, Sum { co2e_g: 4000.0, kwh: 11.0 });
        assert_eq!(standing.overdrawn(), None);
        let warned = Standing::of(&budget(BudgetAction::Warn), 2026, spent, &claims);
        assert_eq!(warned.expected.co2e_g, 7001.0, "what is only warned of goes on, and counts");
    }

    #[test]
    fn what_has_started_is_granted_whatever_its_place_in_the_order() {
        let spent = Sum { co2e_g: 6000.0, kwh: 0.0 };
        let claims = [claim("waits", 1000.0, 1.0, false), claim("runs", 5000.0, 1.0, true)];
        let standing = Standing::of(&budget(BudgetAction::Hold), 2026, spent, &claims);
        assert_eq!(standing.refused.keys().collect::<Vec<_>>(), ["waits"]);
        assert!(standing.overdrawn().is_some_and(|words| words.contains("6 are drawn, 5 are expected yet")));
    }

    #[test]
    fn figures_have_four_significant_digits() {
        let told: Vec<String> = [0.0, 1000.0, 6.0, 3.001, 0.000_012_347, 123_456.7].map(figure).to_vec();
        assert_eq!(told, ["0", "1000", "6", "3.001", "0.00001235", "123457"]);
    }
}
