//! What the keeper's tests play on: an engine in memory, a grid, a keeper that may be killed, and the laws.
//!
//! In: a scene. Out: what the engine saw happen, held against the laws.

use crate::budget::{Budget, Sum};
use crate::keeper::{Engine, Keeper, Moment, Timing, Told};
use crate::outlook::{Account, Answer, Ask, Metered, Outlook};
use crate::run::{Job, Phase, Plan, Run, Segment};
use crate::state::{Durability, State};
use greenwich_engine::{
    Act, Ending, EngineError, Fault, Launcher, Mark, Order, Replay, ReplaySite, Seen, SeenState, SiteSeen, Survey,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, set_hook, take_hook};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

pub(super) const TICK_S: i64 = 20;
const POWER_W: f64 = 100.0;
/// A gram of CO2e a second of a run.
const G_PER_J: f64 = 0.01;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time of our age")
}

/// A job of so many seconds that may run from the start on; in the worst case it takes a fifth more.
pub(crate) fn job(run: &str, work_s: f64, deadline_s: i64) -> Job {
    Job {
        run: run.to_owned(),
        name: run.to_owned(),
        project: Some("trial".to_owned()),
        owner: "ada".to_owned(),
        asked: at(0),
        command: vec!["train".to_owned()],
        resume: None,
        beside: Vec::new(),
        directory: "/".into(),
        accelerators: 1,
        accelerator: None,
        nodes: None,
        time_limit_s: None,
        options: Vec::new(),
        sites: vec!["east".to_owned(), "west".to_owned()],
        home: "east".to_owned(),
        release: at(0),
        deadline: at(deadline_s),
        work_s,
        work_safe_s: work_s * 1.2,
        power_w: POWER_W,
        interruptible: false,
        checkpoint_s: 5.0,
        restart_s: 10.0,
        signal: None,
        expected_co2e_g: Some(1.0),
        baseline_co2e_g: Some(2.0),
        expected_kwh: Some(0.01),
    }
}

/// Kills whoever burns it for the n-th time.
#[derive(Debug, Clone)]
pub(crate) struct Fuse {
    left: Arc<AtomicI64>,
}

struct Blown;

impl Fuse {
    fn new(length: i64) -> Self {
        Self { left: Arc::new(AtomicI64::new(length)) }
    }
    pub(crate) fn burn(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            panic_any(Blown);
        }
    }
    pub(super) fn burnt(&self, length: i64) -> i64 {
        length - self.left.load(Ordering::SeqCst)
    }
}

/// Whether it was cut off; any other panic goes on.
fn cut_off<T>(act: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !info.payload().is::<Blown>() {
                usual(info);
            }
        }));
    });
    catch_unwind(AssertUnwindSafe(act))
        .map_err(|cause| {
            if !cause.is::<Blown>() {
                std::panic::resume_unwind(cause);
            }
        })
        .ok()
}

/// An engine at whose door the keeper may be killed, before and after each call.
struct Fused {
    inner: Replay,
    fuse: Fuse,
}

impl Fused {
    fn around<T>(&mut self, call: impl FnOnce(&mut Replay) -> T) -> T {
        self.fuse.burn();
        let value = call(&mut self.inner);
        self.fuse.burn();
        value
    }
}

impl Launcher for Fused {
    fn survey(&mut self) -> Result<Survey, EngineError> {
        self.around(Replay::survey)
    }
    fn jobs(&mut self, known: &[(Mark, String)]) -> Result<Vec<Seen>, EngineError> {
        self.around(|inner| inner.jobs(known))
    }
    fn submit(&mut self, order: &Order) -> Result<String, EngineError> {
        self.around(|inner| inner.submit(order))
    }
    fn act(&mut self, id: &str, act: &Act) -> Result<(), EngineError> {
        self.around(|inner| inner.act(id, act))
    }
}

/// Two sites whose clean stretches of 100 s take turns, in an order that each edition of the forecast changes.
pub(super) struct Grid {
    world: Replay,
    edition: u64,
    second: i64,
    pub(super) is_gone: bool,
    /// Its ledger.
    pub(super) is_unreadable: bool,
}

impl Grid {
    fn g_per_s(&self, site: &str, second: i64) -> f64 {
        let turn = (second.div_euclid(100) as u64).wrapping_mul(7).wrapping_add(self.edition * 3) % 5;
        let turn = if site == "west" { (turn + 2) % 5 } else { turn };
        1.0 + turn as f64
    }
    fn cost(&self, segments: &[Segment]) -> f64 {
        let seconds = |segment: &Segment| {
            let from = segment.start.as_second() - at(0).as_second();
            let until = segment.end.as_second() - at(0).as_second();
            (from..until).map(|second| self.g_per_s(&segment.site, second)).sum::<f64>()
        };
        segments.iter().map(seconds).sum()
    }
    /// The cheapest stretches of 50 s of one site, or the cheapest start.
    fn best(&self, ask: &Ask, site: &str, now: Timestamp) -> Option<Vec<Segment>> {
        let second = |at_: Timestamp| at_.as_second() - at(0).as_second();
        let work = ask.left_s.ceil() as i64;
        let (from, until) = (second(ask.release.max(now)), second(ask.deadline));
        let segment = |start: i64, end: i64| Segment { site: site.to_owned(), start: at(start), end: at(end) };
        if !ask.interruptible {
            let latest = until - ask.left_safe_s.ceil() as i64;
            let starts = (from..=latest.max(from)).step_by(10);
            let whole = |start: i64| vec![segment(start, start + work)];
            return starts.map(whole).min_by(|a, b| self.cost(a).total_cmp(&self.cost(b)));
        }
        let mut slots: Vec<i64> = (from..until - 50).step_by(50).collect();
        slots.sort_by(|a, b| self.cost(&[segment(*a, a + 50)]).total_cmp(&self.cost(&[segment(*b, b + 50)])));
        slots.truncate(work.div_euclid(50) as usize + 1);
        slots.sort_unstable();
        let mut segments: Vec<Segment> = Vec::new();
        for slot in slots {
            match segments.last_mut() {
                Some(last) if last.end == at(slot) => last.end = at(slot + 50),
                _ => segments.push(segment(slot, slot + 50)),
            }
        }
        Some(segments).filter(|segments| !segments.is_empty())
    }
}

impl Outlook for Grid {
    fn edition(&mut self, _: Timestamp) -> Result<u64, String> {
        if self.is_gone { Err("the provider is gone".to_owned()) } else { Ok(self.edition) }
    }
    fn plan(&mut self, asks: &[Ask], _: &[SiteSeen], now: Timestamp) -> Result<Vec<Answer>, String> {
        let answer = |ask: &Ask| {
            let plans = ask.sites.iter().filter_map(|site| self.best(ask, site, now));
            let Some(best) = plans.min_by(|a, b| self.cost(a).total_cmp(&self.cost(b))) else {
                return Answer::default();
            };
            let keeps = ask.current.last().is_some_and(|last| last.end <= ask.deadline);
            Answer {
                co2e_g: Some(self.cost(&best)),
                current_co2e_g: keeps.then(|| self.cost(&ask.current)),
                segments: best,
            }
        };
        Ok(asks.iter().map(answer).collect())
    }
    fn metered(&mut self, run: &Run) -> Result<Vec<Metered>, String> {
        if self.is_unreadable {
            return Err("the ledger cannot be read".to_owned());
        }
        let mut found = Vec::new();
        for seen in self.world.history().into_iter().filter(|seen| seen.mark.run == run.job.run) {
            for (index, stretch) in seen.ran.iter().enumerate() {
                let Some(end) = stretch.end else { continue };
                found.push(Metered {
                    entry: format!("{}-{index}", seen.id),
                    start: stretch.start,
                    end,
                    it_energy_j: Some(end.duration_since(stretch.start).as_secs_f64() * POWER_W),
                    exit_status: None,
                });
            }
        }
        Ok(found)
    }
    fn drawn(&mut self, runs: &[&Run]) -> Result<Vec<Option<Sum>>, String> {
        let (now, history) = (at(self.second), self.world.history());
        let of = |run: &&Run| {
            let ran = history.iter().filter(|seen| seen.mark.run == run.job.run).flat_map(|seen| &seen.ran);
            let seconds = ran.map(|stretch| stretch.end.unwrap_or(now).duration_since(stretch.start).as_secs_f64());
            let joules = seconds.sum::<f64>() * POWER_W;
            Some(Sum { co2e_g: joules * G_PER_J, kwh: joules / 3.6e6 })
        };
        Ok(runs.iter().map(of).collect())
    }
    fn account(&mut self, _: &Run, metered: &[Metered]) -> Account {
        let joules: f64 = metered.iter().filter_map(|one| one.it_energy_j).sum();
        Account {
            entries: metered.len() as u32,
            it_energy_j: Some(joules),
            facility_energy_kwh: Some(joules / 3.6e6),
            co2e_g: Some(joules * G_PER_J),
            home_co2e_g: None,
            planned_co2e_g: None,
            warnings: Vec::new(),
        }
    }
}

fn timing() -> Timing {
    Timing {
        begin_slack: SignedDuration::from_secs(1),
        replan_every: SignedDuration::from_secs(100),
        least_saving: 0.01,
        entries_within: SignedDuration::from_secs(60),
        down_after: SignedDuration::from_secs(TICK_S),
    }
}

/// What is played: jobs, when they are asked for, how long they really take.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) jobs: Vec<(Job, i64, i64)>,
    pub(super) accelerators: u32,
    pub(super) pauses: bool,
    pub(super) exchanges: bool,
    /// At which look what goes wrong.
    pub(super) faults: Vec<(i64, Fault)>,
    pub(super) budget: Option<Budget>,
}

pub(super) struct Stage {
    pub(super) folder: tempfile::TempDir,
    pub(super) world: Replay,
    pub(super) fuse: Fuse,
    pub(super) grid: Grid,
    pub(super) keeper: Keeper,
    pub(super) kills: u32,
    /// Where it is killed after that, counted from each revival.
    pub(super) more: Vec<i64>,
    budgets: Vec<Budget>,
}

pub(super) const LONG: i64 = 1 << 40;

impl Stage {
    pub(super) fn new(accelerators: u32, fuse: i64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sites = ["east", "west"].map(|name| ReplaySite { name: name.to_owned(), accelerators, is_up: true });
        let world = Replay::new(at(0), sites.to_vec());
        let fuse = Fuse::new(fuse);
        let keeper = Self::open(folder.path(), &fuse);
        let grid = Grid { world: world.clone(), edition: 0, second: 0, is_gone: false, is_unreadable: false };
        Self { folder, world, fuse, grid, keeper, kills: 0, more: Vec::new(), budgets: Vec::new() }
    }

    pub(super) fn hold_to(&mut self, budget: Budget) {
        self.budgets = vec![budget];
        self.keeper = Self::open(self.folder.path(), &self.fuse).with_budgets(self.budgets.clone());
    }

    fn open(folder: &Path, fuse: &Fuse) -> Keeper {
        let mut state = State::open(folder, Durability::ProcessEnd).expect("it opens");
        state.before_commit = Some(fuse.clone());
        Keeper::new(state, timing())
    }

    pub(super) fn engines(&self) -> Vec<Engine> {
        let launcher = Fused { inner: self.world.clone(), fuse: self.fuse.clone() };
        let sites = vec!["east".to_owned(), "west".to_owned()];
        vec![Engine { name: "replay".to_owned(), launcher: Box::new(launcher), sites, environment: BTreeMap::new() }]
    }

    /// After a kill: another keeper.
    fn revive(&mut self) {
        self.kills += 1;
        if let Some(next) = self.more.pop() {
            self.fuse.left.store(next, Ordering::SeqCst);
        }
        self.keeper = Self::open(self.folder.path(), &self.fuse).with_budgets(self.budgets.clone());
    }

    pub(super) fn look(&mut self, second: i64) -> Option<Told> {
        self.world.advance(at(second));
        self.grid.second = second;
        let moment = Moment { wall: at(second), steady: Duration::from_secs(second.max(0) as u64) };
        let mut engines = self.engines();
        let (keeper, grid) = (&mut self.keeper, &mut self.grid);
        let told = cut_off(|| keeper.look(&mut engines, grid, moment).expect("the state can be written"));
        if told.is_none() {
            self.revive();
        }
        told
    }

    pub(super) fn submit(&mut self, job: &Job, second: i64) {
        self.world.advance(at(second));
        loop {
            if self.keeper.state.find(&job.run).is_ok() {
                return;
            }
            let mut engines = self.engines();
            let ask = Ask {
                run: job.run.clone(),
                sites: job.sites.clone(),
                home: job.home.clone(),
                release: job.release.max(at(second)),
                deadline: job.deadline,
                left_s: job.work_s,
                left_safe_s: job.work_safe_s,
                accelerators: 1,
                accelerator: None,
                power_w: POWER_W,
                interruptible: job.interruptible,
                is_fixed: false,
                current: Vec::new(),
            };
            let segments = self
                .grid
                .best(&ask, job.sites.first().map_or("east", String::as_str), ask.release)
                .expect("there is room");
            let plan = Plan { segments, co2e_g: None, made: at(second) };
            let mut run = Run::new(job.clone(), plan, Phase::New);
            let keeper = &mut self.keeper;
            let done = cut_off(|| {
                keeper.state.take(&run, &[("A".to_owned(), "b".to_owned())]).expect("written");
                keeper.hand_over(&mut run, &mut engines, at(second)).expect("written");
            });
            if done.is_none() {
                self.revive();
            }
        }
    }

    /// Plays to the end, and holds the laws.
    pub(super) fn play(&mut self, scene: &Scene) {
        self.world.set_pauses(scene.pauses);
        self.world.set_exchanges(scene.exchanges);
        scene.budget.iter().for_each(|budget| self.hold_to(budget.clone()));
        for (job, _, takes) in &scene.jobs {
            self.world.takes(&job.run, SignedDuration::from_secs(*takes));
        }
        let mut second = 0;
        loop {
            for (job, _, _) in scene.jobs.iter().filter(|(_, asked, _)| (second - TICK_S..second).contains(asked)) {
                self.submit(job, second);
            }
            for (_, fault) in scene.faults.iter().filter(|(look, _)| look * TICK_S == second) {
                self.world.fault(*fault);
            }
            self.grid.edition = second.div_euclid(500) as u64;
            self.look(second);
            second += TICK_S;
            let all_asked = scene.jobs.iter().all(|(_, asked, _)| *asked < second - TICK_S);
            if all_asked && self.keeper.state.open_runs().expect("readable").is_empty() {
                break;
            }
            assert!(second < 20_000, "some run never ends: {:#?}", self.keeper.state.open_runs());
        }
        self.hold_the_laws(scene);
    }

    fn hold_the_laws(&self, scene: &Scene) {
        let history = self.world.history();
        let mut entries = BTreeSet::new();
        for (job, _, takes) in &scene.jobs {
            let run = self.keeper.state.find(&job.run).expect("no job is lost");
            assert_eq!((run.phase, run.exit_status), (Phase::Done, Some(0)), "{run:#?}");
            let jobs: Vec<&Seen> = history.iter().filter(|seen| seen.mark.run == job.run).collect();
            let done = jobs.iter().filter(|seen| seen.state == SeenState::Ended(Ending::Done)).count();
            assert_eq!(done, 1, "run once: {jobs:#?}");
            let started = jobs.iter().filter(|seen| seen.has_started()).count();
            assert_eq!(started, 1, "no second job of one run ever starts: {jobs:#?}");
            // Every stretch is in the account, once.
            let ran: f64 = jobs
                .iter()
                .flat_map(|seen| &seen.ran)
                .map(|stretch| stretch.end.expect("it is over").duration_since(stretch.start).as_secs_f64())
                .sum();
            let account = self.keeper.state.account(&job.run).expect("readable").expect("every run has an account");
            assert_eq!(account.it_energy_j, Some(ran * POWER_W), "{account:?}");
            assert!(ran >= *takes as f64, "{ran} {takes}");
            for entry in self.keeper.state.entries(&job.run).expect("readable") {
                assert!(entries.insert(entry.entry.clone()), "{} is accounted twice", entry.entry);
            }
            assert!(self.keeper.state.environment(&job.run).expect("readable").is_empty(), "it is dropped at the end");
        }
        assert_eq!(self.keeper.state.unsettled().expect("readable"), [""; 0]);
        let all: usize = history.iter().map(|seen| seen.ran.len()).sum();
        assert_eq!(entries.len(), all, "no stretch is left out");
    }
}
