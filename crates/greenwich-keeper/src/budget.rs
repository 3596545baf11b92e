//! Yearly budgets of projects.
//!
//! In: accounts of a project's runs in a year, and what its live runs are expected to need. Out: whether one more fits.

use serde::{Deserialize, Serialize};

/// What happens when a budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BudgetAction {
    /// It is told.
    Warn,
    /// A run is held until somebody lets it go and says why.
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

/// What of a budget is spent or spoken for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Emissions of runs that are over.
    pub co2e_g: f64,
    /// Expected emissions of those that are not.
    pub expected_co2e_g: f64,
    /// Energy of runs that are over.
    pub kwh: f64,
    /// Expected energy of those that are not.
    pub expected_kwh: f64,
}

impl Budget {
    /// Why a run that needs so much does not fit; `None` where it does.
    pub fn refuses(&self, spent: &Spent, co2e_g: Option<f64>, kwh: Option<f64>) -> Option<String> {
        let over = |what: &str, unit: &str, limit: Option<f64>, had: f64, expected: f64, more: Option<f64>| {
            let limit = limit?;
            let sum = had + expected + more.unwrap_or(0.0);
            (sum > limit).then(|| {
                format!(
                    "project {} has a yearly budget of {limit:.4} {unit} {what}; {had:.4} are spent, {expected:.4} are expected of its other runs, this one needs {:.4}",
                    self.project,
                    more.unwrap_or(0.0)
                )
            })
        };
        let kg = |grams: f64| grams / 1e3;
        over("CO2e", "kg", self.co2e_kg, kg(spent.co2e_g), kg(spent.expected_co2e_g), co2e_g.map(kg))
            .or_else(|| over("energy", "kWh", self.kwh, spent.kwh, spent.expected_kwh, kwh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_over_either_budget_is_refused_with_the_figures() {
        let budget =
            Budget { project: "llm".to_owned(), co2e_kg: Some(10.0), kwh: Some(100.0), action: BudgetAction::Hold };
        let spent = Spent { co2e_g: 6000.0, expected_co2e_g: 1000.0, kwh: 20.0, expected_kwh: 10.0 };
        assert_eq!(budget.refuses(&spent, Some(3000.0), Some(70.0)), None);
        let words = budget.refuses(&spent, Some(3001.0), Some(1.0)).expect("it is over");
        assert!(words.contains("10.0000 kg CO2e; 6.0000 are spent, 1.0000 are expected"), "{words}");
        assert!(budget.refuses(&spent, None, Some(71.0)).is_some_and(|words| words.contains("kWh energy")));
    }
}
