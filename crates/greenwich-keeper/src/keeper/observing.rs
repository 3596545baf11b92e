//! Bringing runs to what their engines say of them.
//!
//! In: what was seen. Out: runs as they now stand. An engine that does not answer changes nothing.

use super::{Engine, Keeper, LOOKS_UNTIL_GONE, LOOKS_UNTIL_NOT_TAKEN, Sight, Told, is_silent};
use crate::error::KeeperError;
use crate::outlook::Outlook;
use crate::run::{Handed, Phase, Run};
use greenwich_engine::{Ending, Seen, SeenState};
use jiff::Timestamp;

impl Keeper {
    /// Brings a run to what is seen of it; says whether that is worth a write.
    pub(super) fn observe(
        &mut self,
        run: &mut Run,
        engines: &[Engine],
        sight: &Sight,
        outlook: &mut dyn Outlook,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<bool, KeeperError> {
        let before = run.clone();
        if run.handed.is_none()
            && run.ended.is_none()
            && let Some(seen) = sight.taken(run)
        {
            run.attempt = seen.mark.attempt;
            run.handed = Some(Handed { site: seen.site.clone(), id: Some(seen.id.clone()) });
            run.refused = None;
        }
        let Some(handed) = run.handed.clone() else {
            if run.cancel.is_some() && run.ended.is_none() && matches!(run.phase, Phase::New | Phase::Held) {
                run.phase = Phase::Cancelled;
                run.ended = Some(now);
            }
            return Ok(*run != before);
        };
        if run.ended.is_some() || is_silent(engines, sight, &handed.site) {
            return Ok(false);
        }
        let Some(seen) = sight.current(run) else { return self.unseen(run, &handed, outlook, now, told) };
        let was_unsure = handed.id.is_none();
        run.missing = 0;
        // One that was moved, by whoever was killed before that was known.
        let went = handed.id.as_ref().is_some_and(|id| *id != seen.id) || self.exchange(&handed.site, &seen.site);
        let site = if went { seen.site.clone() } else { handed.site };
        run.handed = Some(Handed { site, id: Some(seen.id.clone()) });
        run.words.clone_from(&seen.words);
        run.starts = run.starts.max(seen.starts).max(seen.ran.len() as u32);
        match seen.state {
            SeenState::Waiting { .. } => {
                if matches!(before.phase, Phase::Running | Phase::Paused) && before.checkpoint_asked.is_none() {
                    told.lines.push(format!("{}: its engine has queued it again: {}", run.job.name, seen.words));
                }
                run.phase = if run.is_held() { Phase::Held } else { Phase::Waiting };
                run.used_s = 0.0;
            }
            SeenState::Running => {
                run.phase = Phase::Running;
                run.used_s = seen.used.as_secs_f64();
            }
            SeenState::Paused => {
                run.phase = Phase::Paused;
                run.used_s = seen.used.as_secs_f64();
            }
            SeenState::Ended(ending) => {
                run.used_s = seen.used.as_secs_f64();
                ended(run, ending, seen, outlook, now);
            }
        }
        if was_unsure {
            self.state.settle_steps(run, "found done")?;
        }
        // What it has run so far is not worth a write of its own.
        Ok(Run { used_s: before.used_s, ..run.clone() } != before)
    }
    /// A run that was handed over to an engine that answers and does not know it.
    fn unseen(
        &mut self,
        run: &mut Run,
        handed: &Handed,
        outlook: &mut dyn Outlook,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<bool, KeeperError> {
        run.missing += 1;
        let name = run.job.name.clone();
        if handed.id.is_none() {
            if run.missing >= LOOKS_UNTIL_NOT_TAKEN {
                // It is handed over again under the same mark, which can be claimed once.
                run.handed = None;
                run.phase = Phase::New;
                run.attempt -= 1;
                run.missing = 0;
                told.lines.push(format!("{name}: it had not been taken, and is handed over again"));
                self.state.settle_steps(run, "not taken")?;
            }
        } else if run.missing >= LOOKS_UNTIL_GONE {
            // Where nobody can say whether it ran it is not run again.
            let Ok(ran) = outlook.metered(run) else { return Ok(true) };
            run.missing = 0;
            if run.starts > 0 || !ran.is_empty() {
                run.exit_status = ran.last().and_then(|last| last.exit_status);
                run.phase = if run.exit_status == Some(0) { Phase::Done } else { Phase::Failed };
                run.ended = ran.last().map(|last| last.end).or(Some(now));
                "its engine knows it no more".clone_into(&mut run.words);
            } else if run.cancel.is_some() {
                (run.phase, run.ended) = (Phase::Cancelled, Some(now));
            } else {
                run.handed = None;
                run.phase = Phase::New;
                told.lines.push(format!("{name}: its engine has lost it before it ran; it is handed over again"));
            }
        }
        Ok(true)
    }
}

/// A run whose job is over.
fn ended(run: &mut Run, ending: Ending, seen: &Seen, outlook: &mut dyn Outlook, now: Timestamp) {
    match ending {
        Ending::Cancelled if run.phase == Phase::Moving && !seen.has_started() && run.cancel.is_none() => {
            run.phase = Phase::New;
            run.handed = None;
            return;
        }
        Ending::Done => (run.phase, run.exit_status) = (Phase::Done, Some(0)),
        Ending::Failed(status) => (run.phase, run.exit_status) = (Phase::Failed, Some(status)),
        Ending::Cancelled => {
            run.phase = Phase::Cancelled;
            if run.cancel.is_none() {
                "it was ended in its engine, not by Greenwich".clone_into(&mut run.words);
            }
        }
        Ending::Lost => {
            // The meter may have seen what the engine has not.
            let status = outlook.metered(run).ok().and_then(|all| all.last().and_then(|last| last.exit_status));
            run.exit_status = status;
            run.phase = if status == Some(0) { Phase::Done } else { Phase::Failed };
        }
    }
    run.ended = seen.ran.last().and_then(|last| last.end).or(Some(now));
}
