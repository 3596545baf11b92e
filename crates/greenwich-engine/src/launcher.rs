//! The seam to whatever runs jobs, and the words it speaks.
//!
//! In: orders and acts. Out: what is seen of jobs and sites. Nothing here knows why a job runs when it does.

use crate::error::EngineError;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The most bytes of an engine's own words that are kept.
pub(crate) const MOST_WORDS: usize = 200;
const STEM: &str = "greenwich";

/// Under which name an attempt of a run goes in the engine's own records: `greenwich:RUN:ATTEMPT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The run: letters, digits and `-`.
    pub run: String,
    /// Counts from 1; a run that moves to another site gets the next one.
    pub attempt: u32,
}

impl Mark {
    /// Reads what [`fmt::Display`] writes; `None` for the comment of a job that is not ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(':');
        let (stem, run, attempt) = (parts.next()?, parts.next()?, parts.next()?);
        let lawful = stem == STEM && parts.next().is_none() && lawful_run(run);
        lawful.then(|| attempt.parse().ok().map(|attempt| Self { run: run.to_owned(), attempt }))?
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{STEM}:{}:{}", self.run, self.attempt)
    }
}

/// Whether a run's name can stand in a mark and be the name of a folder.
pub fn lawful_run(run: &str) -> bool {
    (1..=64).contains(&run.len()) && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What is to be run, and from when on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its name in the engine's records.
    pub mark: Mark,
    /// Its name for people.
    pub name: String,
    /// The program and its arguments, never read by a shell.
    pub command: Vec<String>,
    /// What runs instead from the second start on, where it differs: to go on from a checkpoint.
    pub resume: Option<Vec<String>>,
    /// What runs beside it on each node but its first, for as long as it does; empty for nothing.
    pub beside: Vec<String>,
    /// The working directory.
    pub directory: PathBuf,
    /// Variables set for it over those of whoever hands it over.
    pub environment: Vec<(String, String)>,
    /// The site where it runs.
    pub site: String,
    /// It does not start before.
    pub begin: Timestamp,
    /// Accelerators in all; 0 for none.
    pub accelerators: u32,
    /// Fewest and most nodes, where that is left to the engine.
    pub nodes: Option<(u32, u32)>,
    /// The engine ends it after so long, where this is given.
    pub time_limit_s: Option<i64>,
    /// Options of the engine's own, each one word.
    pub options: Vec<String>,
    /// Handed over without being let go.
    pub held: bool,
}

/// What can be done to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Change when a waiting job may start.
    Begin(Timestamp),
    /// Keep a waiting job from starting, whatever its begin.
    Hold,
    /// Let a held job go.
    Release,
    /// Tell a running job to write a checkpoint: a signal by its name, such as `USR1`.
    Signal(String),
    /// Stop it where it stands; its memory and accelerators stay its own. The engine wakes it at `latest` by itself,
    /// whoever may have died until then.
    Pause {
        /// When it goes on at the latest.
        latest: Timestamp,
    },
    /// Wake it.
    Resume,
    /// End it and queue it again: the next start goes on from the checkpoint, by itself, from `begin` on.
    Requeue {
        /// The next start.
        begin: Timestamp,
    },
    /// Give up a job that has not started; one that runs is left alone.
    Withdraw,
    /// Let a waiting job start at another site instead, one with the same [`SiteSeen::exchange`]: it stays the same job.
    Move {
        /// The job.
        mark: Mark,
        /// The other site.
        site: String,
        /// Variables that are other ones there; `None` for those that are not set there.
        environment: Vec<(String, Option<String>)>,
    },
    /// End it, running or not.
    Cancel,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenState {
    /// It waits; held or not.
    Waiting {
        /// Whether it waits to be released as well.
        held: bool,
    },
    /// It runs.
    Running,
    /// It is stopped, and keeps what it holds.
    Paused,
    /// It is over.
    Ended(Ending),
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// With status 0.
    Done,
    /// With another status, or a signal: 128 + its number.
    Failed(i32),
    /// Somebody ended it before it started, or while it ran.
    Cancelled,
    /// Its node or its supervisor went away; the status is not known.
    Lost,
}

/// A stretch in which a job held its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// It started then.
    pub start: Timestamp,
    /// It was over then; `None` where it still runs.
    pub end: Option<Timestamp>,
}

/// What the engine says of one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its mark.
    pub mark: Mark,
    /// The engine's own name of it.
    pub id: String,
    /// Where it is.
    pub site: String,
    /// How it stands.
    pub state: SeenState,
    /// When it may start, of one that waits.
    pub begin: Option<Timestamp>,
    /// When it ran, as far as the engine still knows: each start is a stretch. Pauses are inside.
    pub ran: Vec<Stretch>,
    /// How often it has started, by the engine's own count: it may know more starts than stretches.
    pub starts: u32,
    /// How long it has been running since its last start, pauses left out.
    pub used: SignedDuration,
    /// The engine's own words: why it waits, or how it ended.
    pub words: String,
}

impl Seen {
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.state, SeenState::Ended(_))
    }
    /// Whether it has ever started.
    pub fn has_started(&self) -> bool {
        self.starts > 0 || !self.ran.is_empty()
    }
}

/// An engine and how its sites stand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survey {
    /// The engine and its version.
    pub version: String,
    /// Its sites.
    pub sites: Vec<SiteSeen>,
    /// What it lacks, with the mend, for `doctor`.
    pub notes: Vec<String>,
}

/// What an engine is able to do at a site, for this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// [`Act::Pause`] and [`Act::Resume`].
    pub pauses: bool,
    /// [`Act::Requeue`].
    pub requeues: bool,
}

/// How a site stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSeen {
    /// Its name.
    pub name: String,
    /// Accelerators on nodes that take work; `None` where the engine does not tell.
    pub accelerators: Option<u32>,
    /// Whether any node takes work.
    pub is_up: bool,
    /// What can be done there.
    pub abilities: Abilities,
    /// Sites with the same words here can exchange jobs that wait, by [`Act::Move`].
    pub exchange: Option<String>,
}

/// Runs jobs.
pub trait Launcher: Send {
    /// What the engine can do and how its sites stand.
    ///
    /// # Errors
    /// [`EngineError`]; of kind `Retry` when the engine does not answer.
    fn survey(&mut self) -> Result<Survey, EngineError>;

    /// All jobs that carry a mark and are not over, and those of `known` (by the engine's own names) even if they are.
    ///
    /// # Errors
    /// [`EngineError`].
    fn jobs(&mut self, known: &[(Mark, String)]) -> Result<Vec<Seen>, EngineError>;

    /// Hands a job over, and gives the engine's own name of it.
    ///
    /// # Errors
    /// [`EngineError`]. After a `Retry` the job may have been taken all the same: whoever hands over again looks at
    /// [`Launcher::jobs`] first.
    fn submit(&mut self, order: &Order) -> Result<String, EngineError>;

    /// Acts upon a job.
    ///
    /// # Errors
    /// [`EngineError`].
    fn act(&mut self, id: &str, act: &Act) -> Result<(), EngineError>;
}

/// The engine's own words on one line, no longer than they are kept.
pub(crate) fn words(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_WORDS).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_what_others_wrote_does_not() {
        let mark = Mark { run: "01a210da-699d-767e-8e64-19481df828ea".to_owned(), attempt: 12 };
        assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        for other in ["", "(null)", "greenwich:a:x", "greenwich:../x:1", "greenwich:a:1:2", "mine:a:1", "greenwich::1"]
        {
            assert_eq!(Mark::parse(other), None, "{other}");
        }
    }

    #[test]
    fn words_of_an_engine_are_one_bounded_line() {
        assert_eq!(words("  sbatch: error:\n  no \x1b[1m such  partition\n"), "sbatch: error: no [1m such partition");
        assert_eq!(words(&"x".repeat(5000)).len(), MOST_WORDS);
    }
}
