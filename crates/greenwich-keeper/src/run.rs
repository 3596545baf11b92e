//! A job that is kept: what was asked, where it stands, and its plan.
//!
//! In: values. Out: the same, as they are stored. Bare numbers have their unit in their name, since this is an edge.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was asked. It never changes. The environment lies apart and is dropped when the job is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name in marks, claims and tags.
    pub run: String,
    /// Its name for people.
    pub name: String,
    /// The project whose budget it counts in.
    pub project: Option<String>,
    /// Who handed it over.
    pub owner: String,
    /// When.
    pub asked: Timestamp,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What runs from the second start on, where it differs.
    pub resume: Option<Vec<String>>,
    /// What runs beside it on each node but its first.
    pub beside: Vec<String>,
    /// The working directory.
    pub directory: PathBuf,
    /// Accelerators in all.
    pub accelerators: u32,
    /// The kind of accelerator, by its catalog name.
    pub accelerator: Option<String>,
    /// Fewest and most nodes, where that is left to the engine.
    pub nodes: Option<(u32, u32)>,
    /// The engine ends it after so long.
    pub time_limit_s: Option<i64>,
    /// Options of the engine's own.
    pub options: Vec<String>,
    /// Where it may run.
    pub sites: Vec<String>,
    /// Where it would have run.
    pub home: String,
    /// Not before.
    pub release: Timestamp,
    /// Done by then.
    pub deadline: Timestamp,
    /// How long it is expected to run: the median.
    pub work_s: f64,
    /// How long it may run: one in twenty takes longer.
    pub work_safe_s: f64,
    /// Power per accelerator, whole system, before PUE.
    pub power_w: f64,
    /// Whether it may be paused.
    pub interruptible: bool,
    /// Lost before a pause.
    pub checkpoint_s: f64,
    /// Lost after it.
    pub restart_s: f64,
    /// The signal on which it writes a checkpoint.
    pub signal: Option<String>,
    /// Expected emissions of the plan it was handed over with, and of running at home at once.
    pub expected_co2e_g: Option<f64>,
    /// The same at home at once.
    pub baseline_co2e_g: Option<f64>,
    /// Expected energy at the building's meter.
    pub expected_kwh: Option<f64>,
}

/// A stretch of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Where.
    pub site: String,
    /// From.
    pub start: Timestamp,
    /// Until.
    pub end: Timestamp,
}

/// Where and when a job shall run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Ascending, apart; of one job on one site.
    pub segments: Vec<Segment>,
    /// What it is expected to emit.
    pub co2e_g: Option<f64>,
    /// When it was made.
    pub made: Timestamp,
}

impl Plan {
    /// The site of its first stretch.
    pub fn site(&self) -> Option<&str> {
        self.segments.first().map(|segment| segment.site.as_str())
    }
    /// When it first runs.
    pub fn start(&self) -> Option<Timestamp> {
        self.segments.first().map(|segment| segment.start)
    }
    /// When it is done.
    pub fn finish(&self) -> Option<Timestamp> {
        self.segments.last().map(|segment| segment.end)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its project's budget has no room for it: it is not handed over, or held in its engine.
    Held,
    /// To be handed over.
    New,
    /// In its engine, waiting.
    Waiting,
    /// Being withdrawn, to go elsewhere.
    Moving,
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It ended well.
    Done,
    /// It ended otherwise.
    Failed,
    /// Somebody gave it up.
    Cancelled,
}

impl Phase {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::New => "new",
            Self::Waiting => "waiting",
            Self::Moving => "moving",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
    /// Whether nothing more will happen to it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Where an attempt was handed over to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handed {
    /// The site.
    pub site: String,
    /// The engine's own name of it; `None` while that is not known.
    pub id: Option<String>,
}

/// What a project's budget says of a run that it has no room for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverBudget {
    /// The figures, in words.
    pub why: String,
    /// Whether it is held for that, rather than warned of.
    pub holds: bool,
    /// Whether it was told that its deadline cannot be kept any more.
    pub is_late: bool,
}

/// A job, where it stands and its plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What was asked.
    pub job: Job,
    /// Where it stands.
    pub phase: Phase,
    /// Its plan.
    pub plan: Plan,
    /// Counts the times it was handed over.
    pub attempt: u32,
    /// The last of them.
    pub handed: Option<Handed>,
    /// Work done in earlier starts, as of their checkpoints.
    pub done_s: f64,
    /// Run since the last start, when it was last seen.
    pub used_s: f64,
    /// How often it started.
    pub starts: u32,
    /// When it was told to write a checkpoint, before it is queued again.
    pub checkpoint_asked: Option<Timestamp>,
    /// Looks in a row at which its engine did not know it.
    pub missing: u32,
    /// Why it shall be ended, by whom.
    pub cancel: Option<String>,
    /// The exit status, once known.
    pub exit_status: Option<i32>,
    /// When it was seen to be over.
    pub ended: Option<Timestamp>,
    /// Why it does not get on, in the engine's words.
    pub words: String,
    /// Whether a pause was refused: none is tried again.
    pub cannot_pause: bool,
    /// How often handing it over was refused in a row, and when it is tried again.
    pub refused: Option<(u32, Timestamp)>,
    /// Whether its engine refused to move it: it is taken back and handed over instead.
    #[serde(default)]
    pub cannot_move: bool,
    /// Why its project's budget does not allow it.
    #[serde(default)]
    pub over_budget: Option<OverBudget>,
    /// Who let it go all the same, and why: no budget holds it any more.
    #[serde(default)]
    pub let_go: Option<String>,
}

impl Run {
    /// A run that nobody has handed over yet.
    #[must_use]
    pub fn new(job: Job, plan: Plan, phase: Phase) -> Self {
        Self {
            job,
            phase,
            plan,
            attempt: 0,
            handed: None,
            done_s: 0.0,
            used_s: 0.0,
            starts: 0,
            checkpoint_asked: None,
            missing: 0,
            cancel: None,
            exit_status: None,
            ended: None,
            words: String::new(),
            cannot_pause: false,
            refused: None,
            cannot_move: false,
            over_budget: None,
            let_go: None,
        }
    }

    /// Whether a budget keeps it from starting. What has started is not held.
    pub fn is_held(&self) -> bool {
        self.starts == 0 && self.over_budget.as_ref().is_some_and(|over| over.holds)
    }

    /// Where it is, or is to go.
    pub fn site(&self) -> &str {
        let planned = || self.plan.site().unwrap_or(&self.job.home);
        self.handed.as_ref().map_or_else(planned, |handed| &handed.site)
    }

    /// Expected work still to be done; one that outlasts what was expected always has a little left.
    pub fn left(&self) -> SignedDuration {
        let left = self.job.work_s - self.done_s - self.used_s;
        SignedDuration::from_secs_f64(left.max(self.job.work_s * 0.02).clamp(1.0, 1e9))
    }

    /// Work that may still have to be done.
    pub fn left_safe(&self) -> SignedDuration {
        let left = self.job.work_safe_s - self.done_s - self.used_s;
        SignedDuration::from_secs_f64(left.clamp(0.0, 1e9)).max(self.left())
    }

    /// Whether it has run longer than it was expected to.
    pub fn is_overdue(&self) -> bool {
        self.done_s + self.used_s >= self.job.work_s
    }

    /// When its work has to go on at the latest for the deadline to be kept.
    pub fn latest(&self) -> Timestamp {
        let restart = if self.starts > 0 { self.job.restart_s } else { 0.0 };
        self.job.deadline - self.left_safe() - SignedDuration::from_secs_f64(restart.clamp(0.0, 1e7))
    }
}
