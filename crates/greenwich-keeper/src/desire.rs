//! What is to be done next with a job: from its plan, what is seen of it, and what time it is.
//!
//! In: values. Out: at most one [`Step`]. It is decided anew at every look from what is there, so that a step that was
//! lost is seen to be missing, whoever lost it. Pure: nothing is asked and nothing is done here.

use crate::run::{Phase, Run};
use greenwich_engine::{Abilities, Seen, SeenState};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Something done to a job, as it is written down before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Hand it over to a site, to start from `begin` on.
    Submit {
        /// The site.
        site: String,
        /// The begin time.
        begin: Timestamp,
        /// Which attempt it is.
        attempt: u32,
    },
    /// Change its begin time.
    Begin {
        /// The begin time.
        at: Timestamp,
    },
    /// Keep it from starting: its project's budget has no room for it.
    Hold,
    /// Let it go.
    Release,
    /// Tell it to write a checkpoint.
    Checkpoint {
        /// The signal's name.
        signal: String,
    },
    /// Pause it.
    Pause {
        /// Its engine wakes it then at the latest.
        latest: Timestamp,
    },
    /// Wake it.
    Resume,
    /// End it, to be started again.
    Requeue {
        /// The begin time.
        begin: Timestamp,
    },
    /// Let it start at another site, as the same job.
    Move {
        /// The site.
        site: String,
    },
    /// Take it back, to hand it over elsewhere.
    Withdraw,
    /// End it.
    Cancel {
        /// Why.
        why: String,
    },
}

/// By when a job has to start, whatever the grid does.
pub fn latest_start(run: &Run, now: Timestamp) -> Timestamp {
    run.latest().max(now)
}

/// How exactly a begin time has to be what it should be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slack {
    /// Begin times that differ by less are the same.
    pub(crate) begin: SignedDuration,
    /// A pause that is shorter than this beside what it costs is not made.
    pub(crate) pause: SignedDuration,
}

/// What can be done to a job where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Able {
    pub(crate) there: Abilities,
    /// Whether its engine can move it to the site of its plan while it waits.
    pub(crate) moves: bool,
}

/// The next step, if any.
pub(crate) fn desire(run: &Run, seen: Option<&Seen>, now: Timestamp, able: Able, slack: Slack) -> Option<Step> {
    if let Some(why) = &run.cancel {
        let lives = seen.is_some_and(|seen| !seen.is_over());
        return lives.then(|| Step::Cancel { why: why.clone() });
    }
    let Some(seen) = seen else {
        let begin = run.plan.start().unwrap_or(now).min(run.latest()).max(now);
        let site = run.plan.site().unwrap_or(&run.job.home).to_owned();
        let may = run.phase == Phase::New && run.refused.is_none_or(|(_, again)| again <= now);
        return may.then_some(Step::Submit { site, begin, attempt: run.attempt + 1 });
    };
    match seen.state {
        SeenState::Waiting { held } if run.is_held() => (!held).then_some(Step::Hold),
        // Its begin time is put right before it is let go, so that it does not start by an old one.
        SeenState::Waiting { held } => waiting(run, seen, now, able, slack).or(held.then_some(Step::Release)),
        SeenState::Running => running(run, now, able.there, slack),
        SeenState::Paused => {
            let due = run.latest() <= now || next_run(run, now).is_none_or(|next| next <= now);
            due.then_some(Step::Resume)
        }
        SeenState::Ended(_) => None,
    }
}

fn waiting(run: &Run, seen: &Seen, now: Timestamp, able: Able, slack: Slack) -> Option<Step> {
    let site = run.plan.site().unwrap_or(&seen.site);
    // One that has started before has its data and its checkpoint where it is.
    let goes = site != seen.site && run.starts == 0;
    if goes && !able.moves {
        return Some(Step::Withdraw);
    }
    let wanted = next_run(run, now).unwrap_or(now).min(run.latest()).max(now);
    let has = seen.begin.unwrap_or(now).max(now);
    let differs = wanted.duration_since(has).abs() > slack.begin;
    // Its begin time goes before it, so that it does not start there by one that was meant for here.
    differs.then_some(Step::Begin { at: wanted }).or_else(|| goes.then(|| Step::Move { site: site.to_owned() }))
}

fn running(run: &Run, now: Timestamp, able: Abilities, slack: Slack) -> Option<Step> {
    if !run.job.interruptible || run.cannot_pause || run.is_overdue() {
        return None;
    }
    // A plan that is over, or runs now, asks for no pause.
    let until = next_run(run, now).filter(|next| *next > now)?;
    let cost = SignedDuration::from_secs_f64((run.job.checkpoint_s + run.job.restart_s).clamp(0.0, 1e7));
    let restart = SignedDuration::from_secs_f64(run.job.restart_s.clamp(0.0, 1e7));
    let latest = if able.pauses { run.latest() } else { run.latest() - restart };
    let until = until.min(latest);
    if until <= now + cost + slack.pause {
        return None;
    }
    if able.pauses {
        return Some(Step::Pause { latest });
    }
    if !able.requeues {
        return None;
    }
    match (&run.job.signal, run.checkpoint_asked) {
        (Some(signal), None) => Some(Step::Checkpoint { signal: signal.clone() }),
        (Some(_), Some(asked)) => {
            let written = asked + SignedDuration::from_secs_f64(run.job.checkpoint_s.clamp(0.0, 1e7));
            (now >= written).then_some(Step::Requeue { begin: until })
        }
        // Without a checkpoint a start again would begin from nothing.
        (None, _) => None,
    }
}

/// When the plan has the job run next: now or earlier within a stretch; `None` when it is over.
fn next_run(run: &Run, now: Timestamp) -> Option<Timestamp> {
    run.plan.segments.iter().find(|segment| segment.end > now).map(|segment| segment.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::{at, job};
    use crate::run::{Plan, Segment};
    use greenwich_engine::{Mark, Stretch};

    const ABLE: Able = Able { there: Abilities { pauses: true, requeues: true }, moves: false };
    const SLACK: Slack = Slack { begin: SignedDuration::from_secs(1), pause: SignedDuration::ZERO };

    /// A job of 100 s, in the worst case 120 s, planned in these stretches; it may run until 1000 s.
    fn run(stretches: &[(i64, i64)]) -> Run {
        let segments =
            stretches.iter().map(|(start, end)| Segment { site: "east".to_owned(), start: at(*start), end: at(*end) });
        let plan = Plan { segments: segments.collect(), co2e_g: None, made: at(0) };
        Run::new(job("r", 100.0, 1000), plan, Phase::New)
    }

    fn seen(state: SeenState, begin: i64) -> Seen {
        Seen {
            mark: Mark { run: "r".to_owned(), attempt: 1 },
            id: "1".to_owned(),
            site: "east".to_owned(),
            state,
            begin: matches!(state, SeenState::Waiting { .. }).then(|| at(begin)),
            ran: if state == SeenState::Running { vec![Stretch { start: at(begin), end: None }] } else { Vec::new() },
            starts: u32::from(state == SeenState::Running),
            used: SignedDuration::ZERO,
            words: String::new(),
        }
    }

    #[test]
    fn a_new_job_is_handed_over_with_a_begin_that_keeps_its_deadline() {
        let begin = |stretches: &[(i64, i64)], now: i64| match desire(&run(stretches), None, at(now), ABLE, SLACK) {
            Some(Step::Submit { begin, .. }) => begin,
            other => panic!("{other:?}"),
        };
        assert_eq!(begin(&[(300, 400)], 0), at(300));
        // In the worst case it runs 120 s.
        assert_eq!(begin(&[(950, 1050)], 0), at(880));
        assert_eq!(begin(&[(300, 400)], 990), at(990));
    }

    #[test]
    fn a_waiting_job_follows_its_plan_in_time_and_place() {
        let waits = |begin: i64| seen(SeenState::Waiting { held: false }, begin);
        let next = |run: &Run, seen: &Seen| desire(run, Some(seen), at(10), ABLE, SLACK);
        assert_eq!(next(&run(&[(300, 400)]), &waits(300)), None);
        assert_eq!(next(&run(&[(300, 400)]), &waits(500)), Some(Step::Begin { at: at(300) }));
        assert_eq!(next(&run(&[(950, 1050)]), &waits(300)), Some(Step::Begin { at: at(880) }));
        let elsewhere = Seen { site: "west".to_owned(), ..waits(300) };
        assert_eq!(next(&run(&[(300, 400)]), &elsewhere), Some(Step::Withdraw));
        let started = Run { starts: 1, ..run(&[(300, 400)]) };
        assert_eq!(next(&started, &elsewhere), None, "its checkpoint is there");
        let moved = |begin: i64| {
            let able = Able { moves: true, ..ABLE };
            desire(&run(&[(300, 400)]), Some(&Seen { site: "west".to_owned(), ..waits(begin) }), at(10), able, SLACK)
        };
        assert_eq!(moved(100), Some(Step::Begin { at: at(300) }), "it must not start there by its old begin time");
        assert_eq!(moved(300), Some(Step::Move { site: "east".to_owned() }));
        let held = |begin: i64| seen(SeenState::Waiting { held: true }, begin);
        assert_eq!(next(&run(&[(300, 400)]), &held(300)), Some(Step::Release));
        assert_eq!(next(&run(&[(300, 400)]), &held(5)), Some(Step::Begin { at: at(300) }), "first its begin time");
    }

    #[test]
    fn a_job_that_a_budget_holds_is_held_in_its_engine_until_it_has_started() {
        let over = crate::OverBudget { why: "spent".to_owned(), holds: true, is_late: false };
        let held = Run { over_budget: Some(over.clone()), ..run(&[(300, 400)]) };
        let next = |run: &Run, state: SeenState| desire(run, Some(&seen(state, 500)), at(10), ABLE, SLACK);
        assert_eq!(next(&held, SeenState::Waiting { held: false }), Some(Step::Hold));
        assert_eq!(next(&held, SeenState::Waiting { held: true }), None, "nor is it moved");
        let started = Run { starts: 1, ..held.clone() };
        assert_eq!(next(&started, SeenState::Waiting { held: false }), Some(Step::Begin { at: at(300) }));
        let warned = Run { over_budget: Some(crate::OverBudget { holds: false, ..over }), ..held };
        assert_eq!(next(&warned, SeenState::Waiting { held: true }), Some(Step::Begin { at: at(300) }));
    }

    #[test]
    fn a_running_job_pauses_where_its_plan_does_and_the_engine_wakes_it_in_time() {
        let mut one = run(&[(0, 50), (500, 550)]);
        (one.used_s, one.starts, one.job.interruptible) = (50.0, 1, true);
        let next = |run: &Run, now: i64, able| desire(run, Some(&seen(SeenState::Running, 0)), at(now), able, SLACK);
        // 70 s may be left, and 10 s to start again.
        assert_eq!(next(&one, 60, ABLE), Some(Step::Pause { latest: at(920) }));
        assert_eq!(next(&one, 40, ABLE), None, "it runs in a stretch");
        assert_eq!(next(&one, 495, ABLE), None, "a pause would cost more than it lasts");
        assert_eq!(next(&Run { used_s: 100.0, ..one.clone() }, 60, ABLE), None, "it is overdue");
        let whole = Run { job: crate::Job { interruptible: false, ..one.job.clone() }, ..one.clone() };
        assert_eq!(next(&whole, 60, ABLE), None);
        let requeues = Able { there: Abilities { pauses: false, requeues: true }, ..ABLE };
        assert_eq!(next(&one, 60, requeues), None, "there is no checkpoint to go on from");
        one.job.signal = Some("USR1".to_owned());
        assert_eq!(next(&one, 60, requeues), Some(Step::Checkpoint { signal: "USR1".to_owned() }));
        one.checkpoint_asked = Some(at(60));
        assert_eq!(next(&one, 64, requeues), None, "the checkpoint is being written");
        assert_eq!(next(&one, 65, requeues), Some(Step::Requeue { begin: at(500) }));
    }

    #[test]
    fn a_paused_job_is_woken_by_its_plan_or_its_deadline() {
        let mut one = run(&[(0, 50), (500, 550)]);
        (one.used_s, one.starts) = (50.0, 1);
        let next = |run: &Run, now: i64| desire(run, Some(&seen(SeenState::Paused, 0)), at(now), ABLE, SLACK);
        assert_eq!(next(&one, 60), None);
        assert_eq!(next(&one, 500), Some(Step::Resume));
        let late = Run { plan: run(&[(0, 50), (960, 1010)]).plan, ..one.clone() };
        assert_eq!(next(&late, 919), None);
        assert_eq!(next(&late, 920), Some(Step::Resume), "the deadline beats carbon");
        let over = Run { plan: run(&[(0, 50)]).plan, ..one };
        assert_eq!(next(&over, 60), Some(Step::Resume), "nothing says that it shall stand");
    }

    #[test]
    fn a_job_that_is_given_up_is_ended_once() {
        let gone = Run { cancel: Some("ada: wrong data".to_owned()), ..run(&[(300, 400)]) };
        let next = |seen: Option<&Seen>| desire(&gone, seen, at(10), ABLE, SLACK);
        assert!(matches!(next(Some(&seen(SeenState::Running, 0))), Some(Step::Cancel { .. })));
        assert_eq!(next(None), None, "it is not handed over any more");
    }
}
