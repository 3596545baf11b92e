//! From a job and a command to a proposal, and from that into an engine.
//!
//! In: a job file or what a batch script asks for, the sites, what time it is. Out: a [`Proposal`]: where and when, what
//! that saves, whether a budget allows it; and, where it is taken, a kept run. The planner for one job decides; the
//! keeper plans all of them together from then on.

use crate::document::Place as DocumentPlace;
use crate::error::Error;
use crate::job_file::{self, JobSpec, ScheduleSpec};
use crate::keeping::{Grounds, RUN_TAG};
use crate::machine::Machine;
use crate::planning::{self, PlanOptions, Planned};
use crate::resolve::Job as Resolved;
use crate::sbatch;
use crate::sites_file::SiteEntry;
use greenwich_core::{RegionId, Window};
use greenwich_facts::Precision;
use greenwich_keeper::{BudgetAction, Engine, Job, Keeper, OverBudget, Phase, Plan, Run, Segment, State, Told};
use greenwich_signals::Fill;
use greenwich_store::Id;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;

/// The least that a run is taken to be able to outlast its median by.
const LEAST_OVERRUN: f64 = 1.1;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The job.
    pub spec: JobSpec,
    /// Done by then, where the job has no schedule; in the grid's time.
    pub deadline: Option<Timestamp>,
    /// The command, each one word.
    pub command: Vec<String>,
    /// What runs from the second start on.
    pub resume: Option<Vec<String>>,
    /// The working directory.
    pub directory: PathBuf,
    /// The project.
    pub project: Option<String>,
    /// Who asks.
    pub owner: String,
    /// The sites that are allowed; all where none is named.
    pub only: Vec<String>,
    /// Fewest and most nodes.
    pub nodes: Option<(u32, u32)>,
    /// The engine ends it after so many seconds.
    pub time_limit_s: Option<i64>,
    /// Options of the engine's own.
    pub options: Vec<String>,
    /// The signal on which it writes a checkpoint.
    pub signal: Option<String>,
    /// Accelerators that it holds in the engine; those of the job where not given.
    pub accelerators: Option<u32>,
    /// This program, for the meter of a job; `None` for a job that is not metered.
    pub program: Option<String>,
}

/// Where and when a job would run, and what that saves.
#[derive(Debug, Clone)]
#[must_use]
pub struct Proposal {
    /// The plan as `plan` shows it, in the grid's time.
    pub planned: Planned,
    /// The job as it is kept.
    pub job: Job,
    /// Its plan in the clock's time.
    pub plan: Plan,
    /// The begin time that its engine gets.
    pub begin: Timestamp,
    /// Why a budget does not allow it, and what happens then.
    pub over_budget: Option<(String, BudgetAction)>,
    /// What to know.
    pub notes: Vec<String>,
}

/// Plans a job over the sites.
///
/// # Errors
/// As `plan`; [`Error::NoSite`] where no site fits.
pub fn propose(grounds: &Grounds<'_>, state: Option<&State>, asked: Asked, now: Timestamp) -> Result<Proposal, Error> {
    let grid_now = grounds.pace.to_grid(now);
    let catalog = grounds.greenwich.catalog();
    let mut spec = asked.spec.clone();
    let schedule = schedule(&spec, asked.deadline, grid_now)?;
    let sites = sites(grounds, &spec, &asked.only)?;
    let home = grounds.sites.get(&grounds.sites.home).expect("the reader held that home is a site");
    spec.site = home.site.clone();
    spec.schedule = Some(ScheduleSpec { regions: None, accelerators: None, ..schedule.clone() });
    let mut job = Resolved::resolve(catalog, &spec)?;
    job.home.region = Some(RegionId::new(&home.name));
    let places = sites.iter().map(|site| grounds.place(site)).collect::<Result<Vec<_>, _>>()?;
    let options = PlanOptions {
        signals: grounds.sites.signals.clone(),
        fill: Fill::Hold,
        kept: grounds.kept.clone(),
        ..PlanOptions::default()
    };
    let planned = planning::plan_over(&job, &places, &options)?;
    let hours = grounds.greenwich.estimate(&spec)?.hours;
    let mut notes = Vec::new();
    let pace = grounds.pace;
    let best = &planned.plan.best;
    let to_clock_s = |grid_s: f64| grid_s / pace.scale;
    let work_s = to_clock_s(best.candidate.work.seconds());
    let overrun = (hours.p95.seconds() / hours.p50.seconds().max(1e-9)).max(LEAST_OVERRUN);
    let pue = places
        .iter()
        .find(|place| place.region.as_ref() == Some(&best.candidate.region))
        .map_or(1.0, |place| place.pue.median().ratio());
    let count = f64::from(best.candidate.count);
    let segments = best.segments.iter().map(|window| Segment {
        site: best.candidate.region.to_string(),
        start: pace.to_clock(window.start()),
        end: pace.to_clock(window.end()),
    });
    // Energy is drawn in the clock's time.
    let scaled = |grams: f64| grams / pace.scale;
    let plan = Plan { segments: segments.collect(), co2e_g: Some(scaled(best.co2e.g())), made: now };
    let run = Id::now().to_string();
    let job = Job {
        name: spec.name.clone(),
        project: asked.project,
        owner: asked.owner,
        asked: now,
        command: metered(asked.program.as_deref(), grounds, &run, asked.command),
        resume: asked.resume.map(|words| metered(asked.program.as_deref(), grounds, &run, words)),
        beside: asked.program.as_deref().map_or_else(Vec::new, |program| {
            let words = ["sleep", "infinity"].map(str::to_owned).to_vec();
            metered(Some(program), grounds, &run, words)
        }),
        directory: asked.directory,
        accelerators: asked.accelerators.unwrap_or(spec.machine.count),
        accelerator: Some(spec.machine.accelerator.clone()),
        nodes: asked.nodes,
        time_limit_s: asked.time_limit_s,
        options: asked.options,
        sites: sites.iter().map(|site| site.name.clone()).collect(),
        home: home.name.clone(),
        release: pace.to_clock(schedule.window.start()),
        deadline: pace.to_clock(schedule.window.end()),
        work_s,
        work_safe_s: work_s * overrun,
        power_w: best.candidate.facility_power.watts() / count / pue,
        interruptible: schedule.interruptible,
        checkpoint_s: to_clock_s(schedule.checkpoint_minutes * 60.0),
        restart_s: to_clock_s(schedule.restart_minutes * 60.0),
        signal: asked.signal,
        expected_co2e_g: plan.co2e_g,
        baseline_co2e_g: Some(scaled(planned.plan.baseline.co2e.g())),
        expected_kwh: Some(best.energy.kwh() / pace.scale),
        run,
    };
    let probe = Run::new(job, plan, Phase::New);
    let planned_start = probe.plan.start().unwrap_or(now);
    let begin = planned_start.min(probe.latest()).max(now);
    if begin < planned_start {
        notes.push(
            "it is handed over to begin before its planned start, since it may run longer than expected and its deadline goes first"
                .to_owned(),
        );
    }
    let over_budget = state.map(|state| over_budget(grounds, state, &probe, now)).transpose()?.flatten();
    Ok(Proposal { planned, job: probe.job, plan: probe.plan, begin, over_budget, notes })
}

fn over_budget(
    grounds: &Grounds<'_>,
    state: &State,
    run: &Run,
    now: Timestamp,
) -> Result<Option<(String, BudgetAction)>, Error> {
    let Some(budget) = grounds.sites.budget(run.job.project.as_deref()) else { return Ok(None) };
    let standings = grounds.budgets(state, Some(run), now)?;
    let words = standings.iter().find_map(|standing| standing.refused.get(&run.job.run).cloned());
    Ok(words.map(|words| (words, budget.action)))
}

/// The job's schedule from now on, or one made of the deadline alone.
fn schedule(spec: &JobSpec, deadline: Option<Timestamp>, now: Timestamp) -> Result<ScheduleSpec, Error> {
    let place = || DocumentPlace { file: spec.file.clone(), line: None, key: "schedule.deadline".to_owned() };
    let own = spec.schedule.clone();
    let until = deadline.or(own.as_ref().map(|own| own.window.end()));
    let Some(until) = until else {
        let mend = "write [schedule] with release and deadline, or give --deadline 48h".to_owned();
        return Err(Error::Document(crate::document::DocumentError::Missing { place: place(), mend }));
    };
    let from = own.as_ref().map_or(now, |own| own.window.start().max(now));
    let window = Window::new(from, until).map_err(|_| {
        let place = own.as_ref().map_or_else(place, |own| own.deadline_place.clone());
        Error::from(place.refuse(
            format!("{until}, which is past: it is {now}"),
            "an instant that is to come",
            "give a later one, for example --deadline 48h",
        ))
    })?;
    let made = ScheduleSpec {
        window,
        deadline_place: place(),
        interruptible: false,
        checkpoint_minutes: 5.0,
        restart_minutes: 10.0,
        regions: None,
        accelerators: None,
        data_gb: 0.0,
    };
    Ok(own.map_or(made, |own| ScheduleSpec { window, ..own }))
}

/// The sites that can take the job, home first.
fn sites<'a>(grounds: &'a Grounds<'_>, spec: &JobSpec, only: &[String]) -> Result<Vec<&'a SiteEntry>, Error> {
    let catalog = grounds.greenwich.catalog();
    let wanted = Machine::find(catalog, &spec.machine.accelerator, spec.model.precision.unwrap_or(Precision::Bf16))
        .map_err(|source| Error::Named { place: spec.machine.place.clone(), source })?;
    let file = || grounds.sites.file.clone();
    for name in only {
        if grounds.sites.get(name).is_none() {
            let known: Vec<&str> = grounds.sites.sites.iter().map(|site| site.name.as_str()).collect();
            return Err(Error::NoSite {
                file: file(),
                job: spec.name.clone(),
                why: format!("there is no site `{name}`"),
                mend: format!("name one of {}", known.join(", ")),
            });
        }
    }
    let (mut fitting, mut reasons) = (Vec::new(), Vec::new());
    for site in &grounds.sites.sites {
        if !only.is_empty() && !only.contains(&site.name) {
            continue;
        }
        let has = site.accelerator.as_deref().map(|name| Machine::find(catalog, name, Precision::Bf16)).transpose()?;
        if let Some(has) = has.filter(|has| has.id != wanted.id) {
            reasons.push(format!("{} has {}", site.name, has.id));
        } else if site.accelerators < spec.machine.count {
            reasons.push(format!("{} has {} accelerators", site.name, site.accelerators));
        } else {
            fitting.push(site);
        }
    }
    fitting.sort_by_key(|site| site.name != grounds.sites.home);
    if fitting.is_empty() {
        return Err(Error::NoSite {
            file: file(),
            job: spec.name.clone(),
            why: format!("it wants {} {}, and {}", spec.machine.count, wanted.id, reasons.join(", ")),
            mend: "ask for fewer or another kind, or describe a site that has them".to_owned(),
        });
    }
    Ok(fitting)
}

/// A command under the meter.
fn metered(program: Option<&str>, grounds: &Grounds<'_>, run: &str, command: Vec<String>) -> Vec<String> {
    let Some(program) = program else { return command };
    let ledger = grounds.ledger.display().to_string();
    let tag = format!("{RUN_TAG}={run}");
    let mut words: Vec<String> = [program, "run", "--ledger", &ledger, "--tag", &tag, "--"].map(str::to_owned).to_vec();
    words.extend(command);
    words
}

/// A job of what a batch script asks for; `hours` over its time limit, `accelerator` where the sites have several.
///
/// # Errors
/// [`Error::Script`] with the line; [`Error::Document`] where the hours are not known.
pub fn of_script(
    file: &str,
    text: &str,
    overrides: &[(String, String)],
    grounds: &Grounds<'_>,
) -> Result<(JobSpec, sbatch::Asked), Error> {
    let asked = sbatch::read(text).map_err(|(line, problem, mend)| Error::Script {
        file: file.to_owned(),
        line,
        problem,
        mend,
    })?;
    let stem = || std::path::Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
    let name = asked.name.clone().or_else(stem).unwrap_or_else(|| "job".to_owned());
    let mut keys: Vec<(String, String)> = vec![("name".to_owned(), name)];
    let has = |key: &str| overrides.iter().any(|(own, _)| own == key);
    let home = grounds.sites.get(&grounds.sites.home);
    if !has("machine.accelerator") {
        let kinds = || grounds.sites.sites.iter().find_map(|site| site.accelerator.clone());
        if let Some(kind) = home.and_then(|site| site.accelerator.clone()).or_else(kinds) {
            keys.push(("machine.accelerator".to_owned(), kind));
        }
    }
    if !has("machine.count") {
        keys.push(("machine.count".to_owned(), asked.accelerators.unwrap_or(1).to_string()));
    }
    if !has("machine.hours") {
        let Some(limit) = asked.time_limit_s else {
            return Err(Error::Script {
                file: file.to_owned(),
                line: 1,
                problem: "how long it runs is not known: there is no `#SBATCH --time`".to_owned(),
                mend: "give --hours 6, or write `#SBATCH --time=6:00:00`".to_owned(),
            });
        };
        keys.push(("machine.hours".to_owned(), (limit as f64 / 3600.0).to_string()));
    }
    keys.extend_from_slice(overrides);
    Ok((job_file::from_flags(&keys)?, asked))
}

/// Takes a proposal: it is written down and handed over; one that a budget holds is written down alone.
///
/// # Errors
/// [`Error::Keeper`] of the state. What the engine refuses is told, and tried again by the keeper.
pub fn take(
    keeper: &mut Keeper,
    engines: &mut [Engine],
    proposal: &Proposal,
    environment: &[(String, String)],
    now: Timestamp,
) -> Result<(Run, Told), Error> {
    let held = proposal.over_budget.as_ref().filter(|(_, action)| *action == BudgetAction::Hold);
    let phase = if held.is_some() { Phase::Held } else { Phase::New };
    let mut run = Run::new(proposal.job.clone(), proposal.plan.clone(), phase);
    run.over_budget = proposal.over_budget.as_ref().map(|(why, action)| OverBudget {
        why: why.clone(),
        holds: *action == BudgetAction::Hold,
        is_late: false,
    });
    keeper.state.take(&run, environment)?;
    if let Some((words, action)) = &proposal.over_budget {
        let did = if *action == BudgetAction::Hold { "held" } else { "warned" };
        keeper.state.tell(Some(&run.job.run), now, "budget", &format!("{did}: {words}"))?;
    }
    let told = keeper.hand_over(&mut run, engines, now)?;
    Ok((run, told))
}

/// Lets a run go that a budget holds, for good; who does so and why is kept. One that waits in its engine is let go there
/// at the next look.
///
/// # Errors
/// [`Error::Keeper`].
pub fn release(
    keeper: &mut Keeper,
    engines: &mut [Engine],
    run: &mut Run,
    who: &str,
    why: &str,
    now: Timestamp,
) -> Result<Told, Error> {
    if run.phase == Phase::Held || run.is_held() {
        run.phase = if run.handed.is_some() { Phase::Waiting } else { Phase::New };
        run.let_go = Some(format!("{who}: {why}"));
        run.over_budget = run.over_budget.take().map(|over| OverBudget { holds: false, ..over });
        keeper.state.save([&*run])?;
        keeper.state.tell(Some(&run.job.run), now, who, &format!("let go over budget: {why}"))?;
    }
    Ok(keeper.hand_over(run, engines, now)?)
}

/// Seconds as they are written where hours are too long.
pub fn clock_of(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// How long a trial's grace is, in the clock's time: a share of real time's, a second at least.
pub fn timing(scale: f64) -> greenwich_keeper::Timing {
    let real = greenwich_keeper::Timing::default();
    let shrink = |duration: SignedDuration, least_ms: i64| {
        SignedDuration::from_secs_f64(duration.as_secs_f64() / scale).max(SignedDuration::from_millis(least_ms))
    };
    greenwich_keeper::Timing {
        begin_slack: shrink(real.begin_slack, 1000),
        replan_every: shrink(real.replan_every, 1000),
        entries_within: shrink(real.entries_within, 15_000),
        // A controller's nodes come back in seconds, whatever the grid's time does.
        down_after: shrink(real.down_after, 12_000),
        ..real
    }
}
