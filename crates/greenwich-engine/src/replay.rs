//! An engine in memory, for tests and trials: a clock that is told, sites with a capacity, faults that are asked for.
//!
//! In: orders, acts, and what time it is. Out: jobs that start at their begin time where there is room, run as long as
//! their work takes, and end. Clones share one world, so that it outlives whoever uses it.

use crate::error::EngineError;
use crate::launcher::{Abilities, Act, Ending, Launcher, Mark, Order, Seen, SeenState, SiteSeen, Stretch, Survey};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not answer, and does nothing.
    Silent,
    /// It does what was asked, and its answer is lost.
    AnswerLost,
    /// It refuses.
    Refuses,
    /// It does what was asked, and says that it refuses: a proxy or a tool lost its word.
    RefusesWhatItDid,
}

/// A site of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySite {
    /// Its name.
    pub name: String,
    /// Its accelerators.
    pub accelerators: u32,
    /// Whether its nodes take new work.
    pub is_up: bool,
}

#[derive(Debug, Clone)]
struct Job {
    order: Order,
    begin: Timestamp,
    held: bool,
    state: SeenState,
    ran: Vec<Stretch>,
    /// Work still to be done.
    left: SignedDuration,
    /// Run since the last start.
    used: SignedDuration,
    latest: Option<Timestamp>,
    /// Work at the last checkpoint.
    saved: SignedDuration,
}

/// Of which jobs it tells when they ran.
#[derive(Debug, Default, PartialEq, Eq)]
enum Stretches {
    #[default]
    OfAll,
    OfWhatRuns,
}

#[derive(Debug, Default)]
struct World {
    now: Timestamp,
    sites: Vec<ReplaySite>,
    jobs: BTreeMap<String, Job>,
    work: BTreeMap<String, SignedDuration>,
    fails: BTreeMap<String, i32>,
    faults: VecDeque<Fault>,
    is_down: bool,
    next: u64,
    pauses: bool,
    exchanges: bool,
    told: Stretches,
    calls: u64,
}

/// An engine in memory.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    world: Arc<Mutex<World>>,
}

impl Replay {
    /// An engine with these sites at this instant.
    #[must_use]
    pub fn new(now: Timestamp, sites: Vec<ReplaySite>) -> Self {
        let world = World { now, sites, pauses: true, ..World::default() };
        Self { world: Arc::new(Mutex::new(world)) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a run's work takes, whatever was estimated.
    pub fn takes(&self, run: &str, work: SignedDuration) {
        self.world().work.insert(run.to_owned(), work);
    }

    /// A run ends with this status when half its work is done.
    pub fn fails(&self, run: &str, status: i32) {
        self.world().fails.insert(run.to_owned(), status);
    }

    /// What goes wrong with the next calls, one each.
    pub fn fault(&self, fault: Fault) {
        self.world().faults.push_back(fault);
    }

    /// Whether every call goes unanswered from now on.
    pub fn set_down(&self, is_down: bool) {
        self.world().is_down = is_down;
    }

    /// Whether it can pause.
    pub fn set_pauses(&self, pauses: bool) {
        self.world().pauses = pauses;
    }

    /// Whether its sites exchange jobs that wait.
    pub fn set_exchanges(&self, exchanges: bool) {
        self.world().exchanges = exchanges;
    }

    /// It tells of no stretch of a job that waits again, as a queue without accounting does.
    pub fn forgets_stretches(&self) {
        self.world().told = Stretches::OfWhatRuns;
    }

    /// Whether a site's nodes take new work from now on.
    pub fn set_up(&self, site: &str, is_up: bool) {
        if let Some(found) = self.world().sites.iter_mut().find(|one| one.name == site) {
            found.is_up = is_up;
        }
    }

    /// Forgets a job, as an engine without accounting does in time.
    pub fn forget(&self, run: &str) {
        self.world().jobs.retain(|_, job| job.order.mark.run != run);
    }

    /// How many calls it has had.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// Goes on to an instant, second by second. An earlier one changes the clock alone.
    pub fn advance(&self, to: Timestamp) {
        let mut world = self.world();
        while world.now < to {
            let step = SignedDuration::from_secs(1).min(to.duration_since(world.now));
            world.step(step);
        }
        world.now = to;
    }

    /// What happened, by run: marks, endings and stretches of every job, whoever knows of it.
    pub fn history(&self) -> Vec<Seen> {
        let world = self.world();
        world.jobs.iter().map(|(id, job)| job.seen(id)).collect()
    }

    /// The world, and what is answered instead of what was done.
    fn call(&self) -> Result<(MutexGuard<'_, World>, Option<EngineError>), EngineError> {
        let mut world = self.world();
        world.calls += 1;
        if world.is_down {
            return Err(silent());
        }
        match world.faults.pop_front() {
            None => Ok((world, None)),
            Some(Fault::AnswerLost) => Ok((world, Some(silent()))),
            Some(Fault::RefusesWhatItDid) => Ok((world, Some(refused()))),
            Some(Fault::Silent) => Err(silent()),
            Some(Fault::Refuses) => Err(refused()),
        }
    }
}

fn refused() -> EngineError {
    EngineError::Refused {
        engine: "the replay".to_owned(),
        what: "do that".to_owned(),
        said: "a fault that was asked for".to_owned(),
        mend: "ask for none".to_owned(),
    }
}

fn silent() -> EngineError {
    EngineError::Unreachable {
        engine: "the replay".to_owned(),
        said: "it was told to be silent".to_owned(),
        look: "`greenwich jobs list`",
    }
}

impl World {
    fn step(&mut self, step: SignedDuration) {
        let until = self.now + step;
        let begun: Vec<String> = self.jobs.keys().cloned().collect();
        for id in begun {
            let free = |site: &str| {
                let found = self.sites.iter().find(|one| one.name == site && one.is_up)?;
                let taken: u32 = self
                    .jobs
                    .values()
                    .filter(|job| job.order.site == site && matches!(job.state, SeenState::Running | SeenState::Paused))
                    .map(|job| job.order.accelerators)
                    .sum();
                found.accelerators.checked_sub(taken)
            };
            let Some(job) = self.jobs.get(&id) else { continue };
            let starts = matches!(job.state, SeenState::Waiting { .. })
                && !job.held
                && job.begin <= self.now
                && free(&job.order.site).is_some_and(|free| free >= job.order.accelerators);
            let fails = self.fails.get(&job.order.mark.run).copied();
            let whole = self.work.get(&job.order.mark.run).copied().unwrap_or(SignedDuration::from_secs(60));
            let now = self.now;
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            if starts {
                job.state = SeenState::Running;
                job.used = SignedDuration::ZERO;
                job.ran.push(Stretch { start: now, end: None });
            }
            if job.state == SeenState::Paused && job.latest.is_some_and(|latest| latest <= now) {
                job.state = SeenState::Running;
            }
            if job.state == SeenState::Running {
                job.left -= step;
                job.used += step;
                let ending = match fails {
                    Some(status) if job.left * 2 <= whole => Some(Ending::Failed(status)),
                    _ => (job.left <= SignedDuration::ZERO).then_some(Ending::Done),
                };
                if let Some(ending) = ending {
                    job.end(ending, until);
                }
            }
        }
        self.now = until;
    }
}

impl Job {
    fn end(&mut self, ending: Ending, at: Timestamp) {
        self.state = SeenState::Ended(ending);
        self.close(at);
    }

    fn close(&mut self, at: Timestamp) {
        if let Some(last) = self.ran.last_mut().filter(|last| last.end.is_none()) {
            last.end = Some(at);
        }
    }

    fn seen(&self, id: &str) -> Seen {
        let state = match self.state {
            SeenState::Waiting { .. } => SeenState::Waiting { held: self.held },
            other => other,
        };
        Seen {
            mark: self.order.mark.clone(),
            id: id.to_owned(),
            site: self.order.site.clone(),
            state,
            begin: matches!(state, SeenState::Waiting { .. }).then_some(self.begin),
            ran: self.ran.clone(),
            starts: self.ran.len() as u32,
            used: self.used,
            words: String::new(),
        }
    }
}

impl Launcher for Replay {
    fn survey(&mut self) -> Result<Survey, EngineError> {
        let (world, lost) = self.call()?;
        if let Some(answer) = lost {
            return Err(answer);
        }
        let sites = world.sites.iter().map(|site| SiteSeen {
            name: site.name.clone(),
            accelerators: Some(if site.is_up { site.accelerators } else { 0 }),
            is_up: site.is_up,
            abilities: Abilities { pauses: world.pauses, requeues: true },
            exchange: world.exchanges.then(|| "replay".to_owned()),
        });
        Ok(Survey { version: "replay".to_owned(), sites: sites.collect(), notes: Vec::new() })
    }

    fn jobs(&mut self, known: &[(Mark, String)]) -> Result<Vec<Seen>, EngineError> {
        let (world, lost) = self.call()?;
        if let Some(answer) = lost {
            return Err(answer);
        }
        let wanted = |id: &str| known.iter().any(|(_, one)| one == id);
        let seen = world.jobs.iter().map(|(id, job)| job.seen(id)).filter(|seen| !seen.is_over() || wanted(&seen.id));
        let told = |mut seen: Seen| {
            if world.told == Stretches::OfWhatRuns && matches!(seen.state, SeenState::Waiting { .. }) {
                seen.ran.clear();
            }
            seen
        };
        Ok(seen.map(told).collect())
    }

    fn submit(&mut self, order: &Order) -> Result<String, EngineError> {
        let (mut world, lost) = self.call()?;
        world.next += 1;
        let id = world.next.to_string();
        let work = world.work.get(&order.mark.run).copied().unwrap_or(SignedDuration::from_secs(60));
        let job = Job {
            begin: order.begin,
            held: order.held,
            state: SeenState::Waiting { held: order.held },
            ran: Vec::new(),
            left: work,
            saved: work,
            used: SignedDuration::ZERO,
            latest: None,
            order: order.clone(),
        };
        world.jobs.insert(id.clone(), job);
        lost.map_or(Ok(id), Err)
    }

    fn act(&mut self, id: &str, act: &Act) -> Result<(), EngineError> {
        let (mut world, lost) = self.call()?;
        let (now, pauses, exchanges) = (world.now, world.pauses, world.exchanges);
        let gone = || EngineError::Gone { engine: "the replay".to_owned(), id: id.to_owned() };
        let job = world.jobs.get_mut(id).filter(|job| !matches!(job.state, SeenState::Ended(_))).ok_or_else(gone)?;
        let waits = matches!(job.state, SeenState::Waiting { .. });
        match act {
            Act::Begin(at) => job.begin = *at,
            Act::Hold => job.held = true,
            Act::Release => job.held = false,
            Act::Signal(_) => job.saved = job.left,
            Act::Pause { .. } if !pauses => {
                return Err(EngineError::Unable {
                    engine: "the replay".to_owned(),
                    what: "pause".to_owned(),
                    mend: "queue the job again".to_owned(),
                });
            }
            Act::Pause { latest } if job.state == SeenState::Running => {
                job.state = SeenState::Paused;
                job.latest = Some(*latest);
            }
            Act::Resume if job.state == SeenState::Paused => job.state = SeenState::Running,
            Act::Requeue { begin } if !waits => {
                job.close(now);
                job.state = SeenState::Waiting { held: false };
                job.begin = *begin;
                job.left = job.saved;
            }
            Act::Withdraw if waits => job.end(Ending::Cancelled, now),
            Act::Move { .. } if !exchanges => {
                return Err(EngineError::Unable {
                    engine: "the replay".to_owned(),
                    what: "move a job".to_owned(),
                    mend: "take it back and hand it over".to_owned(),
                });
            }
            Act::Move { site, .. } if waits => job.order.site.clone_from(site),
            Act::Cancel => job.end(Ending::Cancelled, now),
            Act::Pause { .. } | Act::Resume | Act::Requeue { .. } | Act::Withdraw | Act::Move { .. } => {}
        }
        lost.map_or(Ok(()), Err)
    }
}
