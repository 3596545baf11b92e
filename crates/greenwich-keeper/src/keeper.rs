//! One look at everything, and what follows from it.
//!
//! In: the state, the engines, an outlook, and what time it is. Out: acts upon the engines, each written down before;
//! runs as they now stand; accounts of those that are over. A look that is cut off anywhere is made whole by the next
//! one: what an engine has is found by its mark, and what is to be done is decided from what is there.

use crate::budget::Budget;
use crate::desire::{Able, Slack, Step, desire};
use crate::error::KeeperError;
use crate::outlook::{Account, Metered, Outlook};
use crate::run::{Handed, Phase, Run};
use crate::state::State;
use greenwich_engine::{Abilities, Act, EngineError, Launcher, Mark, Seen, SiteSeen};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use steps::{act_of, order, prepare, said, settle};

/// The keeper's name among those who did something.
const WHO: &str = "keeper";
/// Looks in a row at which an engine that answers does not know a job, until that is believed.
const LOOKS_UNTIL_GONE: u32 = 3;
/// The same for a job of which it is not known whether it was taken.
const LOOKS_UNTIL_NOT_TAKEN: u32 = 2;
/// A clock that went on by so much more or less than time did was set.
const CLOCK_WAS_SET: f64 = 5.0;
/// The longest time between two tries to hand a job over that was refused.
const LONGEST_BACKOFF_S: i64 = 3600;

/// What time it is, by the clock that may be set and by the one that may not.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The clock.
    pub wall: Timestamp,
    /// Time since some beginning.
    pub steady: Duration,
}

/// How often and how exactly.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Begin times that differ by less are the same.
    pub begin_slack: SignedDuration,
    /// Everything is planned anew at least so often.
    pub replan_every: SignedDuration,
    /// A new plan has to emit less than the old one by this share.
    pub least_saving: f64,
    /// How long after its end the entries of a run are waited for.
    pub entries_within: SignedDuration,
    /// How long no node of a site has to have taken work until jobs go elsewhere.
    pub down_after: SignedDuration,
}

impl Default for Timing {
    /// Of real time: an hour's forecasts, a clock of seconds.
    fn default() -> Self {
        Self {
            begin_slack: SignedDuration::from_secs(30),
            replan_every: SignedDuration::from_mins(15),
            least_saving: 0.01,
            entries_within: SignedDuration::from_mins(10),
            down_after: SignedDuration::from_mins(2),
        }
    }
}

/// An engine, and which sites it serves.
pub struct Engine {
    /// Its name.
    pub name: String,
    /// The engine.
    pub launcher: Box<dyn Launcher>,
    /// Its sites.
    pub sites: Vec<String>,
    /// Variables of a job at a site, over those of whoever handed it over.
    pub environment: BTreeMap<String, Vec<(String, String)>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("name", &self.name).field("sites", &self.sites).finish_non_exhaustive()
    }
}

/// What a look found and did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// Runs that are not over.
    pub open: usize,
    /// What was done and what went wrong, in words.
    pub lines: Vec<String>,
    /// Runs that were closed.
    pub closed: Vec<String>,
    /// Steps that were taken.
    pub steps: usize,
}

/// The keeper.
#[derive(Debug)]
pub struct Keeper {
    /// The state.
    pub state: State,
    budgets: Vec<Budget>,
    timing: Timing,
    last: Option<Moment>,
    edition: Option<u64>,
    planned: Option<Timestamp>,
    /// What was planned last: runs with their phases. Another list is a reason to plan anew.
    planned_for: Vec<(String, Phase)>,
    /// When budgets were last looked at, and for which runs.
    budgeted: Option<Timestamp>,
    budgeted_for: Vec<(String, Phase)>,
    sites: Vec<SiteSeen>,
    /// What went wrong at the last look, so that it is told once.
    wrong: BTreeMap<String, String>,
}

/// A step that is due for a run, by its place in a list, upon a job by the engine's own name of it.
struct Due {
    index: usize,
    id: Option<String>,
    step: Step,
}

/// What the engines said at this look.
struct Sight {
    seen: Vec<Seen>,
    /// The places in that list of the jobs with a mark.
    by_mark: BTreeMap<Mark, Vec<usize>>,
    /// Engines that did not answer, by their place.
    silent: Vec<bool>,
}

impl Sight {
    /// A job that is not over of the attempt of a run that comes next: it was taken, whatever was answered.
    fn taken(&self, run: &Run) -> Option<&Seen> {
        let next = Mark { attempt: run.attempt + 1, ..mark(run) };
        let places = self.by_mark.get(&next).into_iter().flatten();
        places.map(|place| &self.seen[*place]).find(|seen| !seen.is_over())
    }

    /// What is seen of the last attempt of a run; of two jobs with its mark the one that lives.
    fn current(&self, run: &Run) -> Option<&Seen> {
        let own = run.handed.as_ref().and_then(|handed| handed.id.as_deref());
        let all = || self.by_mark.get(&mark(run)).into_iter().flatten().map(|place| &self.seen[*place]);
        let by_id = || all().find(|seen| own == Some(seen.id.as_str()));
        all().find(|seen| !seen.is_over()).or_else(by_id).or_else(|| all().next())
    }
}

impl Keeper {
    /// A keeper of this state.
    #[must_use]
    pub fn new(state: State, timing: Timing) -> Self {
        Self {
            state,
            budgets: Vec::new(),
            timing,
            last: None,
            edition: None,
            planned: None,
            planned_for: Vec::new(),
            budgeted: None,
            budgeted_for: Vec::new(),
            sites: Vec::new(),
            wrong: BTreeMap::new(),
        }
    }

    /// One that holds projects to these budgets.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Vec<Budget>) -> Self {
        self.budgets = budgets;
        self
    }

    /// Everything is planned anew at the next look.
    pub fn plan_anew(&mut self) {
        self.planned = None;
    }

    /// Looks, plans, acts and closes. The act lock is the caller's.
    ///
    /// # Errors
    /// [`KeeperError`] of the state: nothing is done that could not be written. What engines and the outlook refuse is
    /// told in [`Told`].
    pub fn look(
        &mut self,
        engines: &mut [Engine],
        outlook: &mut dyn Outlook,
        moment: Moment,
    ) -> Result<Told, KeeperError> {
        let mut told = Told::default();
        let now = moment.wall;
        self.heed_clock(moment, &mut told)?;
        let mut runs = self.state.open_runs()?;
        if runs.is_empty() {
            self.last = Some(moment);
            return Ok(told);
        }
        let sight = self.see(engines, &runs, now, &mut told)?;
        self.remove_doubles(engines, &mut runs, &sight, now, &mut told)?;
        let mut changed = Vec::new();
        for (index, run) in runs.iter_mut().enumerate() {
            if self.observe(run, engines, &sight, outlook, now, &mut told)? {
                changed.push(index);
            }
        }
        if !changed.is_empty() {
            self.state.save(changed.iter().map(|index| &runs[*index]))?;
        }
        if self.last.is_none() {
            self.settle_old_steps(&runs)?;
        }
        self.heed_budgets(&mut runs, outlook, now, &mut told)?;
        self.plan(&mut runs, engines, &sight, outlook, now, &mut told)?;
        let mut steps = Vec::new();
        for (index, run) in runs.iter_mut().enumerate().filter(|(_, run)| run.ended.is_none()) {
            steps.extend(self.next(run, engines, &sight, now)?.map(|(id, step)| Due { index, id, step }));
        }
        self.take(&mut runs, &steps, engines, now, &mut told)?;
        for run in runs.iter_mut().filter(|run| run.ended.is_some()) {
            self.close(run, outlook, now, &mut told)?;
        }
        told.open = runs.iter().filter(|run| run.ended.is_none()).count();
        self.last = Some(moment);
        Ok(told)
    }

    /// Steps that an earlier keeper wrote down and did not live to see through: what is to be done is decided anew.
    fn settle_old_steps(&mut self, runs: &[Run]) -> Result<(), KeeperError> {
        let unsettled = self.state.unsettled()?;
        let is_known = |run: &&Run| run.handed.as_ref().is_none_or(|handed| handed.id.is_some());
        for run in runs.iter().filter(is_known).filter(|run| unsettled.contains(&run.job.run)) {
            self.state.settle_steps(run, "not seen to its end")?;
        }
        Ok(())
    }

    fn heed_clock(&mut self, moment: Moment, told: &mut Told) -> Result<(), KeeperError> {
        let Some(last) = self.last else { return Ok(()) };
        let by_clock = moment.wall.duration_since(last.wall).as_secs_f64();
        let by_time = moment.steady.saturating_sub(last.steady).as_secs_f64();
        let stepped = by_clock - by_time;
        if stepped.abs() > CLOCK_WAS_SET {
            let words = format!("the clock was set by {stepped:+.0} s: everything is planned anew");
            self.state.tell(None, moment.wall, WHO, &words)?;
            told.lines.push(words);
            self.planned = None;
        }
        Ok(())
    }

    /// Tells something that is wrong the first time, and when it is over.
    fn tell_once(
        &mut self,
        key: &str,
        wrong: Option<String>,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), KeeperError> {
        if self.wrong.get(key) == wrong.as_ref() {
            return Ok(());
        }
        let words = wrong.clone().unwrap_or_else(|| format!("{key}: well again"));
        self.state.tell(None, now, WHO, &words)?;
        told.lines.push(words);
        match wrong {
            Some(words) => self.wrong.insert(key.to_owned(), words),
            None => self.wrong.remove(key),
        };
        Ok(())
    }

    fn see(
        &mut self,
        engines: &mut [Engine],
        runs: &[Run],
        now: Timestamp,
        told: &mut Told,
    ) -> Result<Sight, KeeperError> {
        let mut sight = Sight { seen: Vec::new(), by_mark: BTreeMap::new(), silent: Vec::new() };
        for engine in engines {
            let known: Vec<(Mark, String)> = runs
                .iter()
                .filter(|run| engine.sites.iter().any(|site| site == run.site()))
                .filter_map(|run| Some((mark(run), run.handed.as_ref()?.id.clone()?)))
                .collect();
            let answer = engine.launcher.jobs(&known);
            sight.silent.push(answer.is_err());
            let wrong = answer.as_ref().err().map(ToString::to_string);
            self.tell_once(&engine.name, wrong, now, told)?;
            sight.seen.extend(answer.unwrap_or_default());
        }
        for (place, seen) in sight.seen.iter().enumerate() {
            sight.by_mark.entry(seen.mark.clone()).or_default().push(place);
        }
        Ok(sight)
    }

    /// Of several live jobs of one run all but one are ended: the one that has started stays, else the last attempt.
    fn remove_doubles(
        &mut self,
        engines: &mut [Engine],
        runs: &mut [Run],
        sight: &Sight,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), KeeperError> {
        let mut live: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
        for seen in sight.seen.iter().filter(|seen| !seen.is_over()) {
            live.entry(&seen.mark.run).or_default().push(seen);
        }
        for (name, mut several) in live.into_iter().filter(|(_, several)| several.len() > 1) {
            let Some(run) = runs.iter_mut().find(|run| run.job.run == name) else { continue };
            let own = run.handed.as_ref().and_then(|handed| handed.id.clone());
            several.sort_by_key(|seen| {
                (!seen.has_started(), own.as_ref() != Some(&seen.id), u32::MAX - seen.mark.attempt)
            });
            let kept = several[0];
            run.attempt = kept.mark.attempt;
            run.handed = Some(Handed { site: kept.site.clone(), id: Some(kept.id.clone()) });
            for double in &several[1..] {
                let step = Step::Cancel { why: format!("job {} has the same mark", kept.id) };
                let rows = self.state.begin_steps([(&*run, &step)], now)?;
                let Some(engine) = engine_of(engines, &double.site) else { continue };
                let done = engine.launcher.act(&double.id, &Act::Cancel);
                let outcome = done.as_ref().map_or_else(ToString::to_string, |()| "done".to_owned());
                self.state.finish_steps(rows.into_iter().map(|row| (row, outcome.as_str(), &*run)))?;
                told.steps += 1;
                told.lines.push(format!("{name}: job {} was a double and is ended: {outcome}", double.id));
            }
        }
        Ok(())
    }

    /// The next step of a run, and the job that it is taken upon.
    fn next(
        &mut self,
        run: &mut Run,
        engines: &[Engine],
        sight: &Sight,
        now: Timestamp,
    ) -> Result<Option<(Option<String>, Step)>, KeeperError> {
        // A step of which it is not known whether it was done is waited for.
        if run.handed.as_ref().is_some_and(|handed| handed.id.is_none() || is_silent(engines, sight, &handed.site)) {
            return Ok(None);
        }
        let seen = run.handed.as_ref().and_then(|_| sight.current(run));
        if run.handed.is_some() && seen.is_none() {
            return Ok(None);
        }
        let here = seen.map_or(run.site(), |seen| &seen.site);
        let there = self.sites.iter().find(|one| one.name == here).map(|one| one.abilities).unwrap_or_default();
        let moves = !run.cannot_move && run.plan.site().is_some_and(|site| self.exchange(here, site));
        let able = Able { there, moves };
        let slack = Slack { begin: self.timing.begin_slack, pause: SignedDuration::ZERO };
        match desire(run, seen, now, able, slack) {
            Some(step) => Ok(Some((seen.map(|seen| seen.id.clone()), step))),
            None => self.forget_checkpoint(run, now).map(|()| None),
        }
    }

    /// Whether an engine can move a waiting job from one site to another.
    fn exchange(&self, from: &str, to: &str) -> bool {
        let of = |name: &str| self.sites.iter().find(|one| one.name == name).and_then(|one| one.exchange.as_ref());
        from != to && of(from).is_some() && of(from) == of(to)
    }

    /// A checkpoint that was asked for before a plan that is now another is too old for the next pause.
    fn forget_checkpoint(&mut self, run: &mut Run, now: Timestamp) -> Result<(), KeeperError> {
        let written = SignedDuration::from_secs_f64(run.job.checkpoint_s.clamp(0.0, 1e7));
        if run.phase == Phase::Running && run.checkpoint_asked.is_some_and(|asked| now > asked + written) {
            run.checkpoint_asked = None;
            return self.state.save([&*run]);
        }
        Ok(())
    }

    /// Hands a new run over at once, as `submit` does. The act lock is the caller's.
    ///
    /// # Errors
    /// [`KeeperError`] of the state. What the engine refuses is told in [`Told`], and tried again by the keeper.
    pub fn hand_over(&mut self, run: &mut Run, engines: &mut [Engine], now: Timestamp) -> Result<Told, KeeperError> {
        let mut told = Told::default();
        let slack = Slack { begin: self.timing.begin_slack, pause: SignedDuration::ZERO };
        let able = Able { there: Abilities::default(), moves: false };
        if let Some(step) = desire(run, None, now, able, slack) {
            let due = Due { index: 0, id: None, step };
            self.take(std::slice::from_mut(run), &[due], engines, now, &mut told)?;
        }
        Ok(told)
    }

    /// Writes steps down, takes them, and writes down what came of them: all of a look in one commit before and one
    /// after, since a commit waits for the disk.
    fn take(
        &mut self,
        runs: &mut [Run],
        steps: &[Due],
        engines: &mut [Engine],
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), KeeperError> {
        if steps.is_empty() {
            return Ok(());
        }
        for due in steps {
            prepare(&mut runs[due.index], &due.step, now);
        }
        let rows = self.state.begin_steps(steps.iter().map(|due| (&runs[due.index], &due.step)), now)?;
        let mut finished = Vec::with_capacity(steps.len());
        for (due, row) in steps.iter().zip(rows) {
            if let Some(words) = self.do_step(&mut runs[due.index], due, engines, now, told)? {
                finished.push((row, words, due.index));
            }
        }
        let finished = finished.iter().map(|(row, words, index)| (*row, words.as_str(), &runs[*index]));
        self.state.finish_steps(finished)
    }

    /// Takes a step that is written down. What came of it, in words; `None` while that is not known.
    fn do_step(
        &self,
        run: &mut Run,
        due: &Due,
        engines: &mut [Engine],
        now: Timestamp,
        told: &mut Told,
    ) -> Result<Option<String>, KeeperError> {
        let step = &due.step;
        let site = run.site().to_owned();
        let Some(engine) = engine_of(engines, &site) else {
            let error = EngineError::Absent {
                engine: format!("site `{site}`"),
                said: "no engine serves it".to_owned(),
                mend: format!("describe site `{site}` in sites.toml again, or cancel the run"),
            };
            self.refused(run, step, &error, now);
            told.lines.push(format!("{}: {error}", run.job.name));
            return Ok(Some(error.to_string()));
        };
        told.steps += 1;
        let outcome = match (step, &due.id) {
            (Step::Submit { begin, .. }, _) => {
                let own = engine.environment.get(&site).cloned().unwrap_or_default();
                let environment = self.state.environment(&run.job.run)?.into_iter().chain(own).collect();
                engine.launcher.submit(&order(run, environment, &site, *begin)).map(|id| {
                    run.handed = Some(Handed { site: site.clone(), id: Some(id) });
                    run.refused = None;
                })
            }
            (Step::Move { site: to }, Some(id)) => {
                let environment = other_variables(&engine.environment, &site, to);
                engine.launcher.act(id, &Act::Move { mark: mark(run), site: to.clone(), environment })
            }
            (_, Some(id)) => engine.launcher.act(id, &act_of(step)),
            (_, None) => Ok(()),
        };
        let words = match &outcome {
            Ok(()) => {
                settle(run, step, now);
                "done".to_owned()
            }
            // Whether a job was taken is seen at the next look.
            Err(error) if error.may_work_later() && matches!(step, Step::Submit { .. }) => {
                told.lines.push(format!("{}: {error}", run.job.name));
                return Ok(None);
            }
            Err(error) => {
                self.refused(run, step, error, now);
                error.to_string()
            }
        };
        told.lines.push(format!("{}: {}: {words}", run.job.name, said(step)));
        Ok(Some(words))
    }

    fn refused(&self, run: &mut Run, step: &Step, error: &EngineError, now: Timestamp) {
        match step {
            Step::Submit { .. } => {
                let times = run.refused.map_or(0, |(times, _)| times) + 1;
                let wait =
                    (30_i64 << times.min(7)).min(LONGEST_BACKOFF_S).min(self.timing.replan_every.as_secs().max(1));
                run.refused = Some((times, now + SignedDuration::from_secs(wait)));
                run.handed = None;
                run.phase = Phase::New;
                // Should it have been taken all the same, the next one has its mark, which can be claimed once.
                run.attempt -= 1;
                run.words = error.to_string();
            }
            Step::Move { .. } if !error.may_work_later() => run.cannot_move = true,
            Step::Pause { .. } | Step::Requeue { .. } | Step::Checkpoint { .. } if !error.may_work_later() => {
                run.cannot_pause = !matches!(error, EngineError::Gone { .. });
            }
            _ => {}
        }
    }

    /// Closes the account of a run that is over.
    fn close(
        &mut self,
        run: &mut Run,
        outlook: &mut dyn Outlook,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), KeeperError> {
        let metered = outlook.metered(run);
        let waits = match &metered {
            Ok(entries) => entries.is_empty() && run.starts > 0,
            Err(_) => true,
        };
        if waits && now.duration_since(run.ended.unwrap_or(now)) < self.timing.entries_within {
            return Ok(());
        }
        let wrong = metered.as_ref().err().cloned();
        let metered: Vec<Metered> = metered.unwrap_or_default();
        let mut account: Account = outlook.account(run, &metered);
        account.warnings.extend(wrong.map(|words| format!("the ledger could not be read: {words}")));
        if metered.is_empty() && run.starts > 0 {
            account.warnings.push("it ran, and no entry of it is in the ledger".to_owned());
        }
        self.state.close(run, &metered, &account)?;
        told.closed.push(run.job.run.clone());
        told.lines.push(format!("{}: {}", run.job.name, run.phase.as_str()));
        Ok(())
    }
}

fn mark(run: &Run) -> Mark {
    Mark { run: run.job.run.clone(), attempt: run.attempt }
}

/// Variables that are other ones at another site.
fn other_variables(
    all: &BTreeMap<String, Vec<(String, String)>>,
    from: &str,
    to: &str,
) -> Vec<(String, Option<String>)> {
    let of = |site: &str| all.get(site).into_iter().flatten();
    let gone = of(from).filter(|(name, _)| of(to).all(|(other, _)| other != name));
    let gone = gone.map(|(name, _)| (name.clone(), None));
    gone.chain(of(to).map(|(name, value)| (name.clone(), Some(value.clone())))).collect()
}

fn engine_of<'a>(engines: &'a mut [Engine], site: &str) -> Option<&'a mut Engine> {
    engines.iter_mut().find(|engine| engine.sites.iter().any(|one| one == site))
}

fn is_silent(engines: &[Engine], sight: &Sight, site: &str) -> bool {
    let place = engines.iter().position(|engine| engine.sites.iter().any(|one| one == site));
    place.is_none_or(|place| sight.silent[place])
}

mod budgeting;
mod observing;
mod planning;
mod steps;
#[cfg(test)]
pub(crate) mod tests;
