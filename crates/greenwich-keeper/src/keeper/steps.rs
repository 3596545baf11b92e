//! What a step is: to a run, to an engine, and in words.
//!
//! In: a step. Out: the run as it stands before and after it, the act or the order that it is, a line that tells it.

use super::mark;
use crate::desire::Step;
use crate::run::{Handed, Phase, Run};
use greenwich_engine::{Act, Order};
use jiff::Timestamp;

/// What holds of a run from the moment on in which a step may have been done.
pub(super) fn prepare(run: &mut Run, step: &Step, now: Timestamp) {
    match step {
        Step::Submit { site, attempt, .. } => {
            run.attempt = *attempt;
            run.handed = Some(Handed { site: site.clone(), id: None });
            run.phase = Phase::Waiting;
            run.missing = 0;
        }
        Step::Withdraw => run.phase = Phase::Moving,
        Step::Checkpoint { .. } => run.checkpoint_asked = Some(now),
        _ => {}
    }
}

/// What holds of a run once a step was done.
pub(super) fn settle(run: &mut Run, step: &Step, now: Timestamp) {
    match step {
        Step::Requeue { .. } => {
            let since = run.checkpoint_asked.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
            run.done_s += (run.used_s - since.max(0.0)).max(0.0);
            run.used_s = 0.0;
            run.checkpoint_asked = None;
            run.phase = Phase::Waiting;
        }
        Step::Resume => run.checkpoint_asked = None,
        // By which name its engine goes there is seen at the next look.
        Step::Move { site } => {
            if let Some(handed) = &mut run.handed {
                handed.site.clone_from(site);
            }
        }
        _ => {}
    }
}

pub(super) fn order(run: &Run, environment: Vec<(String, String)>, site: &str, begin: Timestamp) -> Order {
    let job = &run.job;
    Order {
        mark: mark(run),
        name: job.name.clone(),
        command: job.command.clone(),
        resume: job.resume.clone(),
        beside: job.beside.clone(),
        directory: job.directory.clone(),
        environment,
        site: site.to_owned(),
        begin,
        accelerators: job.accelerators,
        nodes: job.nodes,
        time_limit_s: job.time_limit_s,
        options: job.options.clone(),
        held: false,
    }
}

pub(super) fn act_of(step: &Step) -> Act {
    match step {
        Step::Begin { at } => Act::Begin(*at),
        Step::Hold => Act::Hold,
        Step::Release => Act::Release,
        Step::Checkpoint { signal } => Act::Signal(signal.clone()),
        Step::Pause { latest } => Act::Pause { latest: *latest },
        Step::Resume => Act::Resume,
        Step::Requeue { begin } => Act::Requeue { begin: *begin },
        Step::Withdraw => Act::Withdraw,
        Step::Submit { .. } | Step::Move { .. } | Step::Cancel { .. } => Act::Cancel,
    }
}

/// A step in words.
pub(super) fn said(step: &Step) -> String {
    let at = |at: &Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    match step {
        Step::Submit { site, begin, .. } => format!("handed over to {site}, to begin {}", at(begin)),
        Step::Begin { at: begin } => format!("to begin {}", at(begin)),
        Step::Hold => "held".to_owned(),
        Step::Release => "let go".to_owned(),
        Step::Checkpoint { signal } => format!("told by SIG{signal} to write a checkpoint"),
        Step::Pause { latest } => format!("paused, until {} at the latest", at(latest)),
        Step::Resume => "woken".to_owned(),
        Step::Requeue { begin } => format!("queued again, to begin {}", at(begin)),
        Step::Move { site } => format!("moved to {site}"),
        Step::Withdraw => "taken back, to go elsewhere".to_owned(),
        Step::Cancel { why } => format!("ended ({why})"),
    }
}
