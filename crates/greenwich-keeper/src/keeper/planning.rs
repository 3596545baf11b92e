//! When everything is planned anew, and when a new plan takes the place of an old one.
//!
//! In: what is left of each open run, sites as they stand, forecasts. Out: new plans. An old plan stays where a new one
//! saves too little, where there is no news, and where nobody can plan.

use super::{Engine, Keeper, Sight, Told};
use crate::error::KeeperError;
use crate::outlook::{Answer, Ask, Outlook};
use crate::run::{Phase, Plan, Run, Segment};
use jiff::Timestamp;

/// The name under which the state keeps which sites were last seen down.
const DOWN: &str = "down";

impl Keeper {
    /// Plans anew where there is a reason to.
    pub(super) fn plan(
        &mut self,
        runs: &mut [Run],
        engines: &mut [Engine],
        sight: &Sight,
        outlook: &mut dyn Outlook,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), KeeperError> {
        let open = |run: &&mut Run| run.ended.is_none() && run.phase != Phase::Held && run.cancel.is_none();
        let listed: Vec<(String, Phase)> = runs
            .iter()
            .filter(|run| run.ended.is_none())
            .map(|run| (run.job.run.clone(), if run.phase == Phase::Moving { Phase::New } else { run.phase }))
            .collect();
        if listed.is_empty() {
            self.planned_for = listed;
            return Ok(());
        }
        let edition = outlook.edition(now);
        let wrong = edition.as_ref().err().map(|words| format!("no new forecasts: {words}; plans stay as they are"));
        self.tell_once("forecasts", wrong, now, told)?;
        let Ok(edition) = edition else { return Ok(()) };
        let is_due = self.planned.is_none_or(|last| now.duration_since(last) >= self.timing.replan_every || now < last);
        if !is_due && self.edition == Some(edition) && self.planned_for == listed {
            return Ok(());
        }
        let in_doubt = self.survey(engines, sight, now, told)?;
        let asks: Vec<Ask> = runs.iter_mut().filter(open).map(|run| self.ask(run, now)).collect();
        let answers = outlook.plan(&asks, &self.sites, now);
        let wrong = answers.as_ref().err().map(|words| format!("no new plan: {words}; plans stay as they are"));
        self.tell_once("plans", wrong, now, told)?;
        let Ok(answers) = answers else { return Ok(()) };
        let mut changed = Vec::new();
        for ((run, ask), answer) in runs.iter_mut().filter(open).zip(&asks).zip(answers) {
            if !ask.is_fixed && self.is_better(run, ask, &answer) {
                run.plan = Plan { segments: answer.segments, co2e_g: answer.co2e_g, made: now };
                changed.push(run.clone());
            }
        }
        if !changed.is_empty() {
            self.state.save(&changed)?;
            // What is expected of them is another sum.
            self.budgeted = None;
            told.lines.push(format!("{} of {} open runs have a new plan", changed.len(), asks.len()));
        }
        // A site in doubt is looked at again soon.
        let planned = (!in_doubt).then_some(now);
        (self.edition, self.planned, self.planned_for) = (Some(edition), planned, listed);
        Ok(())
    }

    /// How sites stand. One is believed to be down when it has been for a while, since a controller that has just come
    /// back says so of all its nodes for a moment; says whether there is such a doubt.
    fn survey(
        &mut self,
        engines: &mut [Engine],
        sight: &Sight,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<bool, KeeperError> {
        let kept = self.state.setting(DOWN)?.unwrap_or_default();
        let since = |name: &str| {
            let found = kept.split_whitespace().filter_map(|word| word.split_once('='));
            found.filter(|(site, _)| *site == name).find_map(|(_, at)| at.parse::<Timestamp>().ok())
        };
        let (mut down, mut in_doubt) = (Vec::new(), false);
        for (engine, silent) in engines.iter_mut().zip(&sight.silent) {
            // A site whose engine does not answer keeps what was last known of it.
            if *silent {
                continue;
            }
            let Ok(survey) = engine.launcher.survey() else { continue };
            for mut site in survey.sites {
                if !site.is_up {
                    let first = since(&site.name).unwrap_or(now).min(now);
                    down.push(format!("{}={first}", site.name));
                    if now.duration_since(first) < self.timing.down_after {
                        in_doubt = true;
                        (site.is_up, site.accelerators) = (true, None);
                    }
                }
                let wrong = (!site.is_up).then(|| format!("site {}: no node takes work", site.name));
                self.tell_once(&format!("site {}", site.name), wrong, now, told)?;
                self.sites.retain(|one| one.name != site.name);
                self.sites.push(site);
            }
        }
        self.sites.sort_by(|a, b| a.name.cmp(&b.name));
        let down = down.join(" ");
        if down != kept {
            self.state.set(DOWN, &down)?;
        }
        Ok(in_doubt)
    }

    fn ask(&self, run: &Run, now: Timestamp) -> Ask {
        let has_begun = run.starts > 0;
        let runs = matches!(run.phase, Phase::Running | Phase::Paused);
        let current: Vec<Segment> = run.plan.segments.iter().filter(|segment| segment.end > now).cloned().collect();
        let is_up = |site: &String| self.sites.iter().find(|one| one.name == **site).is_none_or(|one| one.is_up);
        let mut sites = if has_begun { vec![run.site().to_owned()] } else { run.job.sites.clone() };
        if !has_begun && sites.iter().any(is_up) {
            sites.retain(is_up);
        }
        Ask {
            run: run.job.run.clone(),
            sites,
            home: run.job.home.clone(),
            release: run.job.release.max(now),
            deadline: run.job.deadline,
            left_s: run.left().as_secs_f64(),
            left_safe_s: run.left_safe().as_secs_f64(),
            accelerators: run.job.accelerators,
            accelerator: run.job.accelerator.clone(),
            power_w: run.job.power_w,
            interruptible: run.job.interruptible && !run.cannot_pause,
            // What outlasts its plan or its estimate runs on.
            is_fixed: runs && (!run.job.interruptible || run.cannot_pause || run.is_overdue() || current.is_empty()),
            current,
        }
    }

    /// Whether a new plan takes the place of the old one.
    fn is_better(&self, run: &Run, ask: &Ask, answer: &Answer) -> bool {
        if answer.segments.is_empty() {
            return false;
        }
        let is_there = |segment: &Segment| ask.sites.contains(&segment.site);
        let Some(current) =
            answer.current_co2e_g.filter(|_| ask.current.iter().all(is_there) && !ask.current.is_empty())
        else {
            return true;
        };
        let Some(new) = answer.co2e_g else { return false };
        // Each pause more costs the work that it takes to stop and to start again.
        let pauses = |segments: &[Segment]| segments.len().saturating_sub(1) as f64;
        let more = (pauses(&answer.segments) - pauses(&ask.current)).max(0.0);
        let lost = run.job.checkpoint_s + run.job.restart_s;
        let cost = current * more * lost / run.left().as_secs_f64().max(1.0);
        new + cost < current * (1.0 - self.timing.least_saving)
    }
}
