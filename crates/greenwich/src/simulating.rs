//! Policies side by side on a past year: from files to what each would have realised.
//!
//! In: sites and signals of the contract's fleet files, a trace of a cluster or a jobs file, and how hours to come are
//! foretold. Out: [`Simulated`], shown by [`crate::simulating_view`]. Replays are `greenwich-simulate`'s; this opens the files
//! and shares the work among threads, which changes nothing in the answer.

use crate::document::DocumentError;
use crate::error::Error;
use crate::fleet::sites_of;
use crate::forecasting::prior;
use crate::load;
use flate2::read::MultiGzDecoder;
use greenwich_core::quantity::AverageIntensity;
use greenwich_core::threads::shared;
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_fleet::{BadRows, Fleet, JobsReader, Site};
use greenwich_forecast::{ForecastError, History};
use greenwich_signals::{Fill, GridSignal, Replay};
use greenwich_simulate::{
    Foresight, Outcome, Span, World, ZoneForesight, as_fleet, bound_g, read_trace, replay, scaled,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub use greenwich_simulate::{Charges, Method, PolicyKind, TraceRules};

/// Hours after the last release for which signals are read, beyond what the longest job is allowed.
const TAIL_H: u32 = 336;
/// Most hours that are replayed: ten years.
const MOST_HOURS: u32 = 87_672;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Where jobs are from.
#[derive(Debug, Clone, PartialEq)]
pub enum JobSource {
    /// A trace of a cluster, and what it does not tell. `from_h` and `hours` of the rules are set by the replay's.
    Trace(PathBuf, TraceRules),
    /// A jobs file of the contract.
    Jobs(PathBuf),
}

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulateOptions {
    /// The jobs.
    pub jobs: JobSource,
    /// The sites file.
    pub sites: PathBuf,
    /// The folder of signals.
    pub signals: PathBuf,
    /// The first hour.
    pub start: Timestamp,
    /// Hours in which jobs are released.
    pub hours: u32,
    /// The intensity that is measured by and planned by.
    pub signal: Signal,
    /// What to do about a gap in a signal.
    pub fill: Fill,
    /// How hours to come are foretold.
    pub method: Method,
    /// Hours between two forecasts: a divisor of 24.
    pub every: u32,
    /// Shares of the sites that the jobs would fill; empty: the sites as they are.
    pub utilisation: Vec<f64>,
    /// Policies beside run-at-once and the oracle, which are always there.
    pub policies: Vec<PolicyKind>,
    /// What is charged beside hours run.
    pub charges: Charges,
    /// The fleet planner's effort.
    pub effort: f64,
    /// Whether what no policy can go below is proven as well.
    pub bound: bool,
    /// Where noise of `error` is drawn from.
    pub seed: u64,
    /// Threads that share the work.
    pub threads: usize,
}

/// How far a simulation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: &'static str,
    /// Steps done of this phase.
    pub done: usize,
    /// Steps of this phase.
    pub of: usize,
}

/// One policy at one utilisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The policy.
    pub kind: PolicyKind,
    /// What it realised.
    pub outcome: Outcome,
}

/// All policies at one utilisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The share of the sites that was asked for; `None` where they are as their file has them.
    pub asked: Option<f64>,
    /// The share that the jobs would fill were none refused.
    pub utilisation: f64,
    /// Jobs and sites.
    pub world: World,
    /// What no policy can go below, emissions and charges of late jobs, in g; where it was asked for and is known.
    pub bound_g: Option<f64>,
    /// In the order of [`PolicyKind::ALL`].
    pub results: Vec<Replayed>,
}

/// A simulation.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Simulated {
    /// What was asked.
    pub options: SimulateOptions,
    /// Hours replayed, those after the last release included.
    pub replayed_h: u32,
    /// One a utilisation.
    pub scenarios: Vec<Scenario>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

impl Scenario {
    /// What a policy realised.
    pub fn outcome(&self, kind: PolicyKind) -> Option<&Outcome> {
        self.results.iter().find(|result| result.kind == kind).map(|result| &result.outcome)
    }
}

/// Simulates; `tell` is asked now and then, from any thread, and stops it by `false`: then there is no answer, `Ok(None)`.
///
/// # Errors
/// [`Error::Fleet`] and [`Error::Trace`] for a bad row, [`Error::Signal`] for a zone or hour without intensity,
/// [`Error::Forecast`] for a zone without a past, [`Error::Document`] for a file or number that cannot be.
pub fn simulate(
    options: &SimulateOptions,
    tell: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<Option<Simulated>, Error> {
    check(options)?;
    let mut warnings = Vec::new();
    let grid = Grid::read(options, &mut warnings)?;
    let fleet = jobs(options, &grid, &mut warnings)?;
    let fleets: Vec<(Option<f64>, Fleet)> = if options.utilisation.is_empty() {
        vec![(None, fleet)]
    } else {
        options.utilisation.iter().map(|share| (Some(*share), scaled(&fleet, *share, options.hours))).collect()
    };
    let worlds: Vec<(Option<f64>, World)> =
        fleets.into_iter().map(|(asked, fleet)| (asked, World::new(fleet, options.charges))).collect();
    let Some((told, perfect)) = grid.foresights(options, tell)? else { return Ok(None) };
    let mut kinds = options.policies.clone();
    kinds.extend([PolicyKind::RunAtOnce, PolicyKind::Oracle]);
    kinds.sort_unstable();
    kinds.dedup();
    let tasks: Vec<(usize, PolicyKind)> =
        (0..worlds.len()).flat_map(|world| kinds.iter().map(move |kind| (world, *kind))).collect();
    let of = tasks.len() * grid.hours as usize;
    let done = AtomicUsize::new(0);
    let outcomes = shared(options.threads, tasks.len(), |task| {
        let (world, kind) = (&worlds[tasks[task].0].1, tasks[task].1);
        let foresight = if kind == PolicyKind::Oracle { &perfect } else { &told };
        let mut seen = 0;
        let mut watch = |hour: u32, _: &[greenwich_simulate::Run]| {
            let before = std::mem::replace(&mut seen, hour as usize + 1);
            let done = done.fetch_add(hour as usize + 1 - before, Ordering::Relaxed);
            tell(Progress { phase: "replaying", done, of })
        };
        let outcome = replay(world, foresight, &mut *kind.begin(options.effort), &mut watch);
        // A replay whose jobs are done ends early.
        done.fetch_add(grid.hours as usize - seen, Ordering::Relaxed);
        outcome
    });
    let Some(outcomes) = outcomes.into_iter().collect::<Option<Vec<Outcome>>>() else { return Ok(None) };
    let Some(bounds) = bounds(options, &worlds, tell, &mut warnings) else { return Ok(None) };
    let mut bounds = bounds.into_iter();
    let mut outcomes = outcomes.into_iter();
    let scenarios: Vec<Scenario> = worlds
        .into_iter()
        .map(|(asked, world)| {
            let room: f64 = world
                .fleet
                .sites
                .iter()
                .map(|site| site.capacity[..options.hours as usize].iter().map(|room| f64::from(*room)).sum::<f64>())
                .sum();
            let results = kinds.iter().zip(outcomes.by_ref()).map(|(kind, outcome)| Replayed { kind: *kind, outcome });
            let bound_g = bounds.next().flatten();
            Scenario { asked, utilisation: world.work() / room, bound_g, results: results.collect(), world }
        })
        .collect();
    for scenario in &scenarios {
        let unfinished: Vec<String> = scenario
            .results
            .iter()
            .filter(|result| result.outcome.unfinished > 0)
            .map(|result| format!("{} {}", result.kind, result.outcome.unfinished))
            .collect();
        if !unfinished.is_empty() {
            warnings.push(format!(
                "at a utilisation of {:.0} % jobs were not done when the replay ended; what was left of them is in no sum of emissions: {}",
                100.0 * scenario.utilisation,
                unfinished.join(", ")
            ));
        }
    }
    Ok(Some(Simulated { options: options.clone(), replayed_h: grid.hours, scenarios, warnings }))
}

/// The bound of each world where bounds are asked for; `None` where it was stopped.
fn bounds(
    options: &SimulateOptions,
    worlds: &[(Option<f64>, World)],
    tell: &(dyn Fn(Progress) -> bool + Sync),
    warnings: &mut Vec<String>,
) -> Option<Vec<Option<f64>>> {
    if !options.bound {
        return Some(Vec::new());
    }
    let done = AtomicUsize::new(0);
    let found = shared(options.threads, worlds.len(), |at| {
        let goes_on = tell(Progress { phase: "proving", done: done.load(Ordering::Relaxed), of: worlds.len() });
        let bound = goes_on.then(|| bound_g(&worlds[at].1, options.effort));
        done.fetch_add(1, Ordering::Relaxed);
        bound
    });
    let found = found.into_iter().collect::<Option<Vec<Option<f64>>>>()?;
    if found.iter().any(Option::is_none) {
        warnings.push("no bound is proven where jobs are elastic".to_owned());
    }
    Some(found)
}

fn check(options: &SimulateOptions) -> Result<(), Error> {
    let refuse =
        |flag, reason, mend: &str| Err(Error::Document(DocumentError::Flag { flag, reason, mend: mend.to_owned() }));
    if options.start.as_second() % 3600 != 0 || options.start.subsec_nanosecond() != 0 {
        return refuse(
            "--start",
            format!("`{}` is not a whole hour", options.start),
            "give --start 2022-03-01T00:00:00Z",
        );
    }
    if !(1..=MOST_HOURS).contains(&options.hours) {
        return refuse(
            "--hours",
            format!("`{}` hours", options.hours),
            "replay 1 to 87672 hours, for example --hours 720",
        );
    }
    if options.every == 0 || 24 % options.every != 0 {
        return refuse(
            "--every",
            format!("forecasts every `{}` hours", options.every),
            "give a divisor of 24: 1, 2, 3, 4, 6, 8, 12 or 24",
        );
    }
    if let Some(share) = options.utilisation.iter().find(|share| !(0.01..=10.0).contains(*share)) {
        return refuse("--utilisation", format!("`{share}`"), "give shares such as 0.5,0.77,0.9");
    }
    Ok(())
}

/// The zones of the sites: what was measured in the hours replayed, and before.
struct Grid {
    hours: u32,
    sites: Vec<Site>,
    histories: BTreeMap<ZoneId, History>,
}

impl Grid {
    fn read(options: &SimulateOptions, warnings: &mut Vec<String>) -> Result<Self, Error> {
        let rows = sites_of(&options.sites)?;
        let replay = Replay::open(&options.signals, options.fill)?;
        let wanted = options.hours + tail(options);
        let mut pasts = BTreeMap::new();
        let mut hours = wanted;
        for row in &rows {
            if pasts.contains_key(&row.zone) {
                continue;
            }
            let past = replay.past(&row.zone, options.signal, None)?;
            let left = past.end.duration_since(options.start).as_hours();
            let left = u32::try_from(left).unwrap_or(0).max(options.hours);
            if left < hours {
                hours = left;
                warnings.push(format!(
                    "the signal of {} ends {} h after the last release, {} h are wanted: a job that is not done then counts as late",
                    row.zone,
                    left - options.hours,
                    wanted - options.hours
                ));
            }
            pasts.insert(row.zone.clone(), past);
        }
        let end = options.start + SignedDuration::from_hours(i64::from(hours));
        let window = Window::new(options.start, end).expect("there is at least one hour");
        let (mut histories, mut by_zone) = (BTreeMap::new(), BTreeMap::new());
        for (zone, past) in pasts {
            let series = replay.series(&zone, options.signal, window)?;
            let provenance = series.provenance.to_string();
            if provenance.contains(" filled by ") {
                warnings.push(format!("{zone}: {provenance}"));
            }
            let hourly = series.cells_g_per_kwh(window, HOUR).expect("a signal that is given covers the window");
            // What came is as it is filled; what was before stays with its gaps.
            let known = past.known.into_iter().filter(|(at, _)| *at < options.start);
            let came = hourly.iter().enumerate().flat_map(|(hour, value)| {
                let begin = options.start + SignedDuration::from_hours(hour as i64);
                let parts = HOUR.as_secs() / past.step.as_secs().max(1);
                (0..parts.max(1)).map(move |part| (begin + past.step * i32::try_from(part).unwrap_or(0), *value))
            });
            let known: Vec<(Timestamp, f64)> = known.chain(came).collect();
            histories.insert(zone.clone(), History::from_known(zone.clone(), options.signal, past.step, &known));
            let intensity: Vec<AverageIntensity> = hourly.into_iter().map(AverageIntensity::from_g_per_kwh).collect();
            by_zone.insert(zone, intensity);
        }
        let sites = rows.into_iter().map(|row| {
            let intensity = by_zone[&row.zone].clone();
            row.with(intensity)
        });
        Ok(Self { hours, sites: sites.collect(), histories })
    }

    /// What is foretold, and what came, of all zones.
    fn foresights(
        &self,
        options: &SimulateOptions,
        tell: &(dyn Fn(Progress) -> bool + Sync),
    ) -> Result<Option<(Foresight, Foresight)>, Error> {
        let span = Span { start: options.start, hours: self.hours, every: options.every };
        let zones: Vec<&ZoneId> = self.histories.keys().collect();
        let of = zones.len() * (self.hours as usize).div_ceil(options.every as usize);
        let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let issue = |method: Method, zone: &ZoneId, count: bool| {
            ZoneForesight::issue(&self.histories[zone], method, span, options.seed, prior(), &mut || {
                let done = if count { done.fetch_add(1, Ordering::Relaxed) } else { 0 };
                let goes_on = !count || tell(Progress { phase: "foretelling", done, of });
                stopped.fetch_or(!goes_on, Ordering::Relaxed);
                goes_on
            })
        };
        let both = shared(options.threads, zones.len(), |at| {
            Ok::<_, ForecastError>((issue(options.method, zones[at], true)?, issue(Method::Perfect, zones[at], false)?))
        });
        let (mut told, mut perfect) = (Vec::new(), Vec::new());
        for pair in both {
            let (Some(as_told), Some(as_came)) = pair? else { return Ok(None) };
            told.push(as_told);
            perfect.push(as_came);
        }
        let places: Vec<(usize, f64)> = self
            .sites
            .iter()
            .map(|site| {
                let zone = zones.iter().position(|zone| **zone == site.zone).expect("each site's zone was read");
                (zone, site.pue.ratio())
            })
            .collect();
        Ok(Some((Foresight::new(told, places.clone()), Foresight::new(perfect, places))))
    }
}

fn tail(options: &SimulateOptions) -> u32 {
    match &options.jobs {
        JobSource::Trace(_, rules) => rules.slack_h + rules.longest_h + TAIL_H / 2,
        JobSource::Jobs(_) => TAIL_H,
    }
}

/// The jobs, on the sites.
fn jobs(options: &SimulateOptions, grid: &Grid, warnings: &mut Vec<String>) -> Result<Fleet, Error> {
    match &options.jobs {
        JobSource::Trace(file, rules) => {
            let rules = TraceRules { hours: options.hours, ..rules.clone() };
            let name = file.display().to_string();
            let refused = |error| load::trace_refused(file, error);
            let found = read_trace(&name, &unpacked(file)?).map_err(refused)?;
            let traced = as_fleet(&name, &found, grid.sites.clone(), &rules)?;
            if traced.too_long > 0 {
                warnings
                    .push(format!("{} jobs that ran longer than {} h are left out", traced.too_long, rules.longest_h));
            }
            if traced.too_large > 0 {
                warnings.push(format!(
                    "{} jobs that held more than {} accelerators are left out",
                    traced.too_large, rules.largest
                ));
            }
            Ok(traced.fleet)
        }
        JobSource::Jobs(file) => {
            let name = file.display().to_string();
            let start = options.start.as_second() / 3600;
            let mut reader = JobsReader::new(&name, start, grid.sites.clone(), BadRows::Refuse);
            let refused = |error| load::refused(file, error);
            reader.feed(&unpacked(file)?).map_err(refused)?;
            let read = reader.finish().map_err(refused)?;
            if read.clipped > 0 {
                warnings.push(format!(
                    "{} deadlines lie after the replay: those jobs have to be done when it ends",
                    read.clipped
                ));
            }
            let late = read.fleet.jobs.iter().filter(|job| job.release >= options.hours).count();
            if late > 0 {
                warnings.push(format!(
                    "{late} jobs are released after the {} h asked for; they run as well",
                    options.hours
                ));
            }
            Ok(read.fleet)
        }
    }
}

/// The bytes of a file as CSV, unpacked where its name ends in `.gz`.
fn unpacked(file: &Path) -> Result<Vec<u8>, Error> {
    let bytes = load::whole(file)?;
    if file.extension().is_none_or(|end| end != "gz") {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map_err(|error| load::unreadable(file, &error))?;
    Ok(plain)
}
