//! Holding runs to the budget of their project, as they go on and after.
//!
//! In: the runs as they stand. Out: runs that are held, warned of or let go, each told with why. What has started is
//! never stopped for a budget: what it has drawn would be lost. A deadline does not let a held run go: who wrote the
//! budget wants it so, and is told when the deadline cannot be kept any more.

use super::{Keeper, Told};
use crate::budget::{BudgetAction, Standing, change, standings};
use crate::error::KeeperError;
use crate::outlook::Outlook;
use crate::run::{Phase, Run};
use jiff::Timestamp;

/// Who holds and lets go, among those who did something.
const WHO: &str = "budget";

impl Keeper {
    /// Looks at the budgets where a run has come, gone or changed, and every so often.
    pub(super) fn heed_budgets(
        &mut self,
        runs: &mut [Run],
        outlook: &mut dyn Outlook,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), KeeperError> {
        self.tell_late(runs, now, told)?;
        let is_touched = |run: &Run| run.over_budget.is_some() || run.phase == Phase::Held;
        if self.budgets.is_empty() && !runs.iter().any(is_touched) {
            return Ok(());
        }
        let listed: Vec<(String, Phase)> = runs.iter().map(|run| (run.job.run.clone(), run.phase)).collect();
        let every = self.timing.replan_every;
        let is_due = self.budgeted.is_none_or(|last| now.duration_since(last) >= every || now < last);
        if !is_due && listed == self.budgeted_for {
            return Ok(());
        }
        let found = standings(&self.budgets, &self.state, runs, &mut |some| outlook.drawn(some), now)?;
        for standing in &found {
            self.tell_overdrawn(standing, now, told)?;
        }
        for run in runs.iter_mut().filter(|run| run.ended.is_none()) {
            let own = |standing: &&Standing| Some(&standing.budget.project) == run.job.project.as_ref();
            let refused = found.iter().filter(own).find_map(|standing| standing.refused.get(&run.job.run));
            let action = found.iter().find(own).map_or(BudgetAction::Warn, |standing| standing.budget.action);
            let before = run.clone();
            let words = change(run, refused.map(String::as_str), action);
            run.phase = phase(run);
            if let Some(words) = words {
                self.state.tell(Some(&run.job.run), now, WHO, &words)?;
                told.lines.push(format!("{}: {words}", run.job.name));
            }
            if *run != before {
                self.state.save([&*run])?;
            }
        }
        let listed = runs.iter().map(|run| (run.job.run.clone(), run.phase)).collect();
        (self.budgeted, self.budgeted_for) = (Some(now), listed);
        Ok(())
    }

    fn tell_overdrawn(&mut self, standing: &Standing, now: Timestamp, told: &mut Told) -> Result<(), KeeperError> {
        let key = format!("overdrawn {} {}", standing.budget.project, standing.year);
        let words = standing.overdrawn();
        let was = self.state.setting(&key)?.is_some_and(|was| was == "yes");
        if was == words.is_some() {
            return Ok(());
        }
        self.state.set(&key, if words.is_some() { "yes" } else { "no" })?;
        let words = words.unwrap_or_else(|| format!("project {} is within its budget again", standing.budget.project));
        self.state.tell(None, now, WHO, &words)?;
        told.lines.push(words);
        Ok(())
    }

    /// Tells of each held run when its deadline cannot be kept any more, once.
    fn tell_late(&mut self, runs: &mut [Run], now: Timestamp, told: &mut Told) -> Result<(), KeeperError> {
        let late = |run: &&mut Run| run.is_held() && run.ended.is_none() && run.latest() <= now;
        for run in runs.iter_mut().filter(late) {
            let Some(over) = run.over_budget.as_mut().filter(|over| !over.is_late) else { continue };
            over.is_late = true;
            let words = "its deadline may be missed from now on, since its budget holds it";
            self.state.tell(Some(&run.job.run), now, WHO, words)?;
            told.lines.push(format!("{}: {words}", run.job.name));
            self.state.save([&*run])?;
        }
        Ok(())
    }
}

/// Where a run stands by whether it is held.
fn phase(run: &Run) -> Phase {
    match (run.phase, run.is_held(), &run.handed) {
        (Phase::New, true, None) | (Phase::Waiting, true, Some(_)) => Phase::Held,
        (Phase::Held, false, None) => Phase::New,
        (Phase::Held, false, Some(_)) => Phase::Waiting,
        (other, ..) => other,
    }
}
