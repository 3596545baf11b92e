//! The keeper's outlook: the grid at each site, the fleet planner over what is left of all jobs, the ledger.
//!
//! In: sites, traces and forecasts, the ledger. Out: plans and accounts in the clock's time, in which the keeper goes;
//! the grid's time stays in here. Engines are made here as well, since a site says what runs jobs there.

use crate::error::Error;
use crate::forecasting::floor;
use crate::forecasting_grid::Ahead;
use crate::grid::Grid;
use crate::ledger_acts;
use crate::live::{Observed, OpenRun, OpenRuns};
use crate::metered::Terms;
use crate::pace::Pace;
use crate::pipeline::Greenwich;
use crate::resolve;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::site::Place;
use crate::sites_file::{Backend, SiteEntry, Sites};
use crate::weather::Weather;
use greenwich_core::quantity::{AverageIntensity, ItEnergy, Power, Pue};
use greenwich_core::{IntensitySeries, PueSeries, RegionId, Signal, Window};
use greenwich_engine::{Launcher, Local, SiteSeen, Slurm};
use greenwich_fleet::{Extras, Fleet, Job as FleetJob, Names, Options, Site as FleetSite, SiteSet};
use greenwich_keeper::{
    Account, ActLock, Answer, Ask, Engine, Metered, Outlook, Run, Segment, Standing, State, Sum, standings,
};
use greenwich_signals::{Fill, Replay};
use greenwich_store::{Entries, Ledger};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The tag that an entry of the ledger has for the run that it belongs to.
pub const RUN_TAG: &str = "greenwich_run";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Most hours that are planned over: as far as forecasts go.
const MOST_HOURS: i64 = 60 * 24;
/// What an unplaced job is charged per accelerator-hour, as `plan --jobs` has it.
const UNPLACED_PENALTY_G: f64 = 2000.0;
/// Above so many jobs the search is shortened, so that a look stays short.
const MANY_JOBS: usize = 200;

/// What plans of kept jobs stand on.
#[derive(Debug)]
pub struct Grounds<'a> {
    /// The facts.
    pub greenwich: &'a Greenwich,
    /// Where jobs can run.
    pub sites: &'a Sites,
    /// How fast the grid's time goes.
    pub pace: Pace,
    /// The ledger's folder.
    pub ledger: PathBuf,
    /// The folder of histories that were fetched and kept.
    pub kept: Option<PathBuf>,
    /// This node's name.
    pub host: String,
}

impl Grounds<'_> {
    /// A site's place under the site's own name.
    pub(crate) fn place(&self, site: &SiteEntry) -> Result<Place, Error> {
        let mut place = resolve::home(self.greenwich.catalog(), &site.site, None)?;
        place.region = Some(RegionId::new(&site.name));
        Ok(place)
    }

    fn replay(&self) -> Result<Option<Replay>, Error> {
        Ok(self.sites.signals.as_ref().map(|folder| Replay::open(folder, Fill::Hold)).transpose()?)
    }

    /// Intensity at a site over a span of the grid's time; `None` where nothing is known.
    fn series(&self, place: &Place, replay: Option<&Replay>, span: Window) -> Result<Option<IntensitySeries>, Error> {
        let kept = self.kept.as_ref().map(Signals::kept).transpose()?;
        let ahead = Some(Ahead::new(None, span, kept, Vec::new()));
        let grid =
            Grid { catalog: self.greenwich.catalog(), replay: replay.cloned(), signal: Signal::Lifecycle, ahead };
        grid.series(place, span)
    }

    /// The engines of the sites. `helper` are the words that start this program as a job's supervisor; what an engine
    /// writes lies in `folder`.
    pub fn engines(&self, folder: &Path, helper: &[OsString], lock: Option<&ActLock>) -> Vec<Engine> {
        let (mut local, mut slurm) = (Vec::new(), Vec::new());
        let mut environment = BTreeMap::new();
        for site in &self.sites.sites {
            let settings = Settings { site: site.site.clone(), ..Settings::default() };
            environment.insert(site.name.clone(), settings.variables());
            match &site.backend {
                Backend::Local => local.push((site.name.clone(), site.accelerators)),
                Backend::Slurm(there) => slurm.push(there.clone()),
            }
        }
        let mut engines = Vec::new();
        let mut add = |name: &str, launcher: Box<dyn Launcher>, sites: Vec<String>| {
            let of_sites = environment.iter().filter(|(site, _)| sites.contains(site));
            let environment = of_sites.map(|(site, set)| (site.clone(), set.clone())).collect();
            engines.push(Engine { name: name.to_owned(), launcher, sites, environment });
        };
        if !local.is_empty() {
            let names = local.iter().map(|(name, _)| name.clone()).collect();
            add("this machine", Box::new(Local::new(folder.join("jobs"), helper.to_vec(), local)), names);
        }
        if !slurm.is_empty() {
            let names = slurm.iter().map(|site| site.name.clone()).collect();
            let conf = self.sites.slurm_conf.clone();
            let lock = lock.map(ActLock::file);
            add("Slurm", Box::new(Slurm::new(slurm, folder.join("slurm"), conf, lock)), names);
        }
        engines
    }

    fn words(error: &Error) -> String {
        error.to_string()
    }
}

/// The entries of the ledger that belong to a run.
fn entries_of(entries: &Entries, run: &Run) -> Vec<Metered> {
    let own = entries.current().filter(|entry| entry.tags.get(RUN_TAG) == Some(&run.job.run));
    let metered = own.map(|entry| Metered {
        entry: entry.id.clone(),
        start: entry.start,
        end: entry.end,
        it_energy_j: entry.it_energy_j,
        exit_status: entry.exit_status,
    });
    metered.collect()
}

/// PUE at a site hour by hour over a span of the grid's time, where it has a curve over the weather.
fn by_weather(
    (site, place): (&SiteEntry, &Place),
    replay: Option<&Replay>,
    span: Window,
) -> Result<Option<PueSeries>, Error> {
    let weather = Weather::of(&site.site.cooling, place.zone.as_ref(), replay, None)?;
    Ok(weather.and_then(|weather| weather.over(span, place).pue_series()))
}

/// A site over the planned hours.
struct Sight {
    name: String,
    pue: Pue,
    series: IntensitySeries,
    /// PUE by the hour, where it follows the weather.
    by_weather: Option<PueSeries>,
}

impl Sight {
    /// Grams over a stretch of the grid's time at so many watts of IT power; `None` where the grid is not known.
    fn grams(&self, window: Window, watts: f64) -> Option<f64> {
        let mean = AverageIntensity::from_g_per_kwh(self.g_per_kwh(window)?);
        let energy = ItEnergy::from_kwh(watts / 1e3 * window.hours());
        Some((energy * self.pue * mean).g())
    }

    /// Mean intensity of a stretch, each hour's times its PUE relative to the usual one, so that energy × usual PUE × it is
    /// what the weather makes of it.
    fn g_per_kwh(&self, window: Window) -> Option<f64> {
        match &self.by_weather {
            Some(pue) if pue.covers(window) => pue.weigh_g_per_kwh(&self.series, window),
            _ => self.series.mean_g_per_kwh(window),
        }
    }

    /// PUE of a stretch.
    fn pue(&self, window: Window) -> Pue {
        self.by_weather.as_ref().and_then(|pue| pue.mean(window)).unwrap_or(self.pue)
    }
}

impl Outlook for Grounds<'_> {
    fn edition(&mut self, now: Timestamp) -> Result<u64, String> {
        let mut hasher = DefaultHasher::new();
        floor(self.pace.to_grid(now)).as_second().hash(&mut hasher);
        if let Some(folder) = &self.sites.signals {
            let told = |error: io::Error| format!("`{}`: {error}", folder.display());
            let mut files = BTreeMap::new();
            for entry in fs::read_dir(folder).map_err(told)?.flatten() {
                let about = entry.metadata().map_err(told)?;
                files.insert(entry.file_name(), (about.len(), about.modified().ok()));
            }
            files.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }

    fn plan(&mut self, asks: &[Ask], sites: &[SiteSeen], now: Timestamp) -> Result<Vec<Answer>, String> {
        let planning = Planning::new(self, asks, sites, now).map_err(|error| Self::words(&error))?;
        Ok(planning.answers(asks))
    }

    fn metered(&mut self, run: &Run) -> Result<Vec<Metered>, String> {
        let ledger = Ledger::at(&self.ledger);
        // Its meter may have been killed with it: what was recorded is made an entry once it is over.
        let is_left = |path: &PathBuf| {
            greenwich_store::JournalFile::open(path)
                .is_ok_and(|file| file.context().tags.get(RUN_TAG) == Some(&run.job.run))
        };
        if run.ended.is_some() && ledger.journals().map_err(|error| error.to_string())?.iter().any(is_left) {
            let settings = Settings::default();
            let terms = Terms { settings: &settings, signals: None, accelerator: None };
            ledger_acts::recover(&ledger, &self.host, &[], &terms).map_err(|error| error.to_string())?;
        }
        Ok(entries_of(&ledger.entries().map_err(|error| error.to_string())?, run))
    }

    fn drawn(&mut self, runs: &[&Run]) -> Result<Vec<Option<Sum>>, String> {
        self.drawn_of(runs).map_err(|error| Self::words(&error))
    }

    fn account(&mut self, run: &Run, metered: &[Metered]) -> Account {
        let mut account = Account {
            entries: metered.len() as u32,
            it_energy_j: metered.iter().filter_map(|one| one.it_energy_j).reduce(|sum, one| sum + one),
            facility_energy_kwh: None,
            co2e_g: None,
            home_co2e_g: None,
            planned_co2e_g: run.job.expected_co2e_g,
            warnings: Vec::new(),
        };
        if let Err(error) = self.fill(run, metered, &mut account) {
            account.warnings.push(format!("there is no account: {error}"));
        }
        account
    }
}

impl Grounds<'_> {
    /// What each of some runs has drawn so far: its entries, and what the journals of meters hold that are still at work.
    ///
    /// # Errors
    /// As the ledger; where the grid is not known.
    pub(crate) fn drawn_of(&self, runs: &[&Run]) -> Result<Vec<Option<Sum>>, Error> {
        let ledger = Ledger::at(&self.ledger);
        let entries = ledger.entries()?;
        let mut open = OpenRuns::of(ledger.clone(), &self.host);
        open.look(Timestamp::now())?;
        let of = |run: &&Run| {
            let mut pieces = self.pieces_of(&ledger, &entries_of(&entries, run))?;
            let own = |one: &OpenRun<'_>| one.observed.context().tags.get(RUN_TAG) == Some(&run.job.run);
            open.runs().into_iter().filter(own).for_each(|one| self.add_open(one.observed, &mut pieces));
            let site = self.sites.get(run.site());
            let emitted = site.map(|site| self.emitted(site, &pieces)).transpose()?.flatten();
            Ok(emitted.map(|(kwh, co2e_g)| Sum { co2e_g, kwh }))
        };
        runs.iter().map(of).collect()
    }

    /// What a meter that is at work has seen drawn, piece by piece in the grid's time.
    fn add_open(&self, observed: &Observed, pieces: &mut Vec<(Window, ItEnergy)>) {
        let (from, until) = (observed.header().started, observed.heard());
        let mut add = |from: Timestamp, until: Timestamp, joules: f64| {
            let window = Window::new(self.pace.to_grid(from), self.pace.to_grid(until));
            pieces.extend(window.ok().map(|window| (window, ItEnergy::from_joules(joules))));
        };
        let hours = observed.hours();
        if self.pace.is_trial() {
            return add(from, until, hours.iter().map(|(_, joules)| joules).sum());
        }
        for (hour, joules) in hours {
            add(from.max(hour), until.min(hour + HOUR), joules);
        }
    }

    /// How all budgets stand, by the runs that are not closed and, behind them, one that may be.
    ///
    /// # Errors
    /// [`Error::Keeper`] of the state.
    pub fn budgets(&self, state: &State, more: Option<&Run>, now: Timestamp) -> Result<Vec<Standing>, Error> {
        if self.sites.budgets.is_empty() {
            return Ok(Vec::new());
        }
        let mut runs = state.open_runs()?;
        runs.extend(more.cloned());
        let drawn = &mut |some: &[&Run]| self.drawn_of(some).map_err(|error| Self::words(&error));
        Ok(standings(&self.sites.budgets, state, &runs, drawn, now)?)
    }

    /// What the entries of a run drew, piece by piece.
    fn pieces_of(&self, ledger: &Ledger, metered: &[Metered]) -> Result<Vec<(Window, ItEnergy)>, Error> {
        let (mut pieces, mut summed) = (Vec::new(), BTreeSet::new());
        for one in metered {
            // The nodes of one job are entries under one name, by which all of them are found.
            if summed.insert(ledger.find(&one.entry)?.run) {
                pieces.extend(self.pieces(ledger, one)?);
            }
        }
        Ok(pieces)
    }

    /// Energy at the building's meter and grams of pieces at a site; `None` where there is none, or no intensity known.
    fn emitted(&self, site: &SiteEntry, pieces: &[(Window, ItEnergy)]) -> Result<Option<(f64, f64)>, Error> {
        let from = pieces.iter().map(|(window, _)| window.start()).min();
        let until = pieces.iter().map(|(window, _)| window.end()).max();
        let Some((from, until)) = from.zip(until) else { return Ok(None) };
        let span = Window::new(floor(from), floor(until) + HOUR).expect("it ends after it begins");
        let (place, replay) = (self.place(site)?, self.replay()?);
        let Some(series) = self.series(&place, replay.as_ref(), span)? else { return Ok(None) };
        let by_weather = by_weather((site, &place), replay.as_ref(), span)?;
        let sight = Sight { name: site.name.clone(), pue: place.pue.median(), series, by_weather };
        let (mut grams, mut kwh) = (0.0, 0.0);
        for (window, energy) in pieces {
            let Some(mean) = sight.g_per_kwh(*window) else { return Ok(None) };
            kwh += (*energy * sight.pue(*window)).kwh();
            grams += (*energy * sight.pue * AverageIntensity::from_g_per_kwh(mean)).g();
        }
        Ok(Some((kwh, grams)))
    }

    /// What the metered energy emitted where it was drawn, and what it would have emitted at home from the release on.
    fn fill(&self, run: &Run, metered: &[Metered], account: &mut Account) -> Result<(), Error> {
        let pieces = self.pieces_of(&Ledger::at(&self.ledger), metered)?;
        if pieces.is_empty() {
            return Ok(());
        }
        let there = self.sites.get(run.site());
        let there = there.map(|site| self.emitted(site, &pieces)).transpose()?.flatten();
        if let Some((kwh, grams)) = there {
            (account.facility_energy_kwh, account.co2e_g) = (Some(kwh), Some(grams));
        } else {
            account.warnings.push(format!("no intensity is known of site `{}`", run.site()));
        }
        // At home the same pieces follow each other without a pause.
        let mut next = self.pace.to_grid(run.job.release.max(run.job.asked));
        let mut at_home = Vec::with_capacity(pieces.len());
        for (window, energy) in &pieces {
            let end = next + SignedDuration::from_secs_f64(window.hours() * 3600.0);
            if let Ok(window) = Window::new(next, end) {
                at_home.push((window, *energy));
            }
            next = end;
        }
        let home = self.sites.get(&run.job.home);
        let home = home.map(|site| self.emitted(site, &at_home)).transpose()?.flatten();
        account.home_co2e_g = home.map(|(_, grams)| grams);
        Ok(())
    }

    /// What an entry drew, piece by piece in the grid's time: by hour in earnest, by sample where time is compressed.
    fn pieces(&self, ledger: &Ledger, one: &Metered) -> Result<Vec<(Window, ItEnergy)>, Error> {
        let entry = ledger.find(&one.entry)?;
        let mut pieces = Vec::new();
        let mut add = |from: Timestamp, until: Timestamp, joules: f64| {
            if let Ok(window) = Window::new(self.pace.to_grid(from), self.pace.to_grid(until)) {
                pieces.push((window, ItEnergy::from_joules(joules)));
            }
        };
        if self.pace.is_trial() {
            for span in ledger.spans(&entry.run)? {
                add(span.start, span.start + SignedDuration::from_secs_f64(span.seconds), span.it_energy_j);
            }
        } else {
            for hour in ledger.hours(Some(&entry.run))? {
                let (from, until) = (hour.start.max(entry.start), (hour.start + HOUR).min(entry.end));
                add(from, until, hour.it_energy_j);
            }
        }
        if pieces.is_empty()
            && let Some(joules) = one.it_energy_j
        {
            // Its samples could not be kept: its sum is spread over its time.
            if let Ok(window) = Window::new(self.pace.to_grid(one.start), self.pace.to_grid(one.end)) {
                pieces.push((window, ItEnergy::from_joules(joules)));
            }
        }
        Ok(pieces)
    }
}

/// One round of planning: the fleet of what is left.
struct Planning {
    pace: Pace,
    now: Timestamp,
    start: Timestamp,
    hours: u32,
    sights: Vec<Sight>,
    fleet: Fleet,
    /// For each ask its place in the fleet.
    places: Vec<Option<u32>>,
}

impl Planning {
    fn new(grounds: &Grounds<'_>, asks: &[Ask], sites: &[SiteSeen], now: Timestamp) -> Result<Self, Error> {
        let pace = grounds.pace;
        let grid_now = pace.to_grid(now);
        let start = floor(grid_now);
        let last = asks.iter().map(|ask| pace.to_grid(ask.deadline)).max().unwrap_or(start);
        let hours = last.duration_since(start).as_secs().div_euclid(3600).clamp(1, MOST_HOURS);
        let span = Window::new(start, start + HOUR * hours as i32).expect("there is at least one hour");
        let replay = grounds.replay()?;
        let mut sights = Vec::new();
        let mut fleet = Fleet { hours: hours as u32, ..Fleet::default() };
        for site in &grounds.sites.sites {
            let place = grounds.place(site)?;
            let Some(series) = grounds.series(&place, replay.as_ref(), span)? else { continue };
            let by_weather = by_weather((site, &place), replay.as_ref(), span)?;
            let sight = Sight { name: site.name.clone(), pue: place.pue.median(), series, by_weather };
            let starts = (0..hours as i32).map(|hour| start + HOUR * hour);
            let cells = starts.map(|at| sight.g_per_kwh(Window::new(at, at + HOUR).expect("an hour")));
            let Some(cells) = cells.collect::<Option<Vec<f64>>>() else { continue };
            let seen = sites.iter().find(|seen| seen.name == site.name).and_then(|seen| seen.accelerators);
            let capacity = seen.map_or(site.accelerators, |seen| seen.min(site.accelerators));
            fleet.sites.push(FleetSite {
                name: site.name.clone(),
                zone: sight.series.zone.clone(),
                pue: sight.pue,
                capacity: vec![capacity; hours as usize],
                intensity: cells.into_iter().map(AverageIntensity::from_g_per_kwh).collect(),
                accelerator: None,
                region: None,
                usd_per_kwh: None,
                backend: None,
            });
            sights.push(sight);
        }
        let mut planning = Self { pace, now: grid_now, start, hours: hours as u32, sights, fleet, places: Vec::new() };
        planning.take(asks);
        Ok(planning)
    }

    fn index(&self, site: &str) -> Option<u32> {
        self.sights.iter().position(|sight| sight.name == site).map(|index| index as u32)
    }

    fn grid_hours(&self, seconds: f64) -> f64 {
        seconds * self.pace.scale / 3600.0
    }

    fn take(&mut self, asks: &[Ask]) {
        for ask in asks.iter().filter(|ask| ask.is_fixed) {
            let Some(site) = ask.sites.first().and_then(|site| self.index(site)) else { continue };
            let held = (self.grid_hours(ask.left_s).ceil() as usize).clamp(1, self.hours as usize);
            for free in &mut self.fleet.sites[site as usize].capacity[..held] {
                *free = free.saturating_sub(ask.accelerators.max(1));
            }
        }
        let mut names = Names::default();
        for ask in asks {
            let sites: Vec<u32> = {
                let mut sites: Vec<u32> = ask.sites.iter().filter_map(|site| self.index(site)).collect();
                sites.sort_unstable();
                sites.dedup();
                sites
            };
            if ask.is_fixed || sites.is_empty() {
                self.places.push(None);
                continue;
            }
            let set = self.fleet.site_sets.iter().position(|known| *known == sites).unwrap_or_else(|| {
                self.fleet.site_sets.push(sites.clone());
                self.fleet.site_sets.len() - 1
            });
            let hour_of = |at: Timestamp| at.duration_since(self.start).as_secs_f64() / 3600.0;
            let spare = self.grid_hours((ask.left_safe_s - ask.left_s).max(0.0));
            let release = hour_of(self.pace.to_grid(ask.release)).max(0.0).floor();
            let deadline = (hour_of(self.pace.to_grid(ask.deadline)) - spare).max(0.0).floor();
            self.places.push(Some(self.fleet.jobs.len() as u32));
            names.push(&ask.run);
            self.fleet.jobs.push(FleetJob {
                release: (release as u32).min(self.hours),
                deadline: (deadline as u32).min(self.hours),
                hours: (self.grid_hours(ask.left_s) - 1e-6).ceil().clamp(1.0, f64::from(self.hours) + 1.0) as u32,
                accelerators: ask.accelerators.max(1),
                power: Power::from_watts(ask.power_w),
                home: self.index(&ask.home).unwrap_or(sites[0]),
                sites: SiteSet(set as u32),
                interruptible: ask.interruptible,
            });
        }
        self.fleet.names = names;
        self.fleet.extras = vec![Extras::default(); self.fleet.jobs.len()];
    }

    fn answers(&self, asks: &[Ask]) -> Vec<Answer> {
        let effort = if self.fleet.jobs.len() > MANY_JOBS { 0.1 } else { 1.0 };
        let options = Options { unplaced_penalty_g: UNPLACED_PENALTY_G, effort, threads: 1 };
        let plan = greenwich_fleet::plan(&self.fleet, &options);
        let mut by_job: BTreeMap<u32, Vec<(u32, u32, u32)>> = BTreeMap::new();
        for segment in &plan.segments {
            by_job.entry(segment.job).or_default().push((segment.site, segment.start, segment.end));
        }
        let answer = |(ask, place): (&Ask, &Option<u32>)| {
            let segments = place.and_then(|job| by_job.get(&job)).map(|found| self.segments(ask, found));
            let segments = segments.unwrap_or_default();
            Answer { co2e_g: self.grams(ask, &segments), current_co2e_g: self.current(ask), segments }
        };
        asks.iter().zip(&self.places).map(answer).collect()
    }

    /// Whole hours, cut to what is left and to the instant that it is now.
    fn segments(&self, ask: &Ask, found: &[(u32, u32, u32)]) -> Vec<Segment> {
        let earliest = self.pace.to_grid(ask.release).max(self.now);
        let mut left = SignedDuration::from_secs_f64(ask.left_s * self.pace.scale);
        let mut segments = Vec::new();
        for (index, (site, start, end)) in found.iter().enumerate() {
            let from = (self.start + HOUR * *start as i32).max(earliest);
            let is_last = index + 1 == found.len();
            let whole = (self.start + HOUR * *end as i32).duration_since(from).max(SignedDuration::ZERO);
            // What the first hour lacks is made good at the end.
            let lasts = if is_last { left } else { whole.min(left) };
            if lasts > SignedDuration::ZERO {
                segments.push(Segment {
                    site: self.sights[*site as usize].name.clone(),
                    start: self.pace.to_clock(from),
                    end: self.pace.to_clock(from + lasts),
                });
            }
            left -= lasts;
        }
        segments
    }

    /// What stretches emit; energy is drawn in the clock's time.
    fn grams(&self, ask: &Ask, segments: &[Segment]) -> Option<f64> {
        if segments.is_empty() {
            return None;
        }
        let watts = ask.power_w * f64::from(ask.accelerators.max(1)) / self.pace.scale;
        let one = |segment: &Segment| {
            let sight = &self.sights[self.index(&segment.site)? as usize];
            let (from, until) = (self.pace.to_grid(segment.start).max(self.now), self.pace.to_grid(segment.end));
            let until = until.min(sight.series.end());
            // What lies behind is neither saved nor lost.
            Window::new(from, until).map_or(Some(0.0), |window| sight.grams(window, watts))
        };
        segments.iter().map(one).sum()
    }

    /// What the plan so far would emit, if it can still be kept. A stretch whose time has come and which has not begun is
    /// late, not lost: what it lacks is made good behind the last one.
    fn current(&self, ask: &Ask) -> Option<f64> {
        let now = self.pace.to_clock(self.now);
        let ahead = |segment: &Segment| segment.end.duration_since(segment.start.max(now)).as_secs_f64().max(0.0);
        let lacks = ask.left_s - ask.current.iter().map(ahead).sum::<f64>();
        let mut kept = ask.current.clone();
        let is_late = kept.first()?.start <= now;
        let last = kept.last_mut()?;
        if is_late && lacks > 0.0 {
            last.end += SignedDuration::from_secs_f64(lacks);
        }
        let can_be_kept = (is_late || lacks <= 0.1 * ask.left_s) && last.end <= ask.deadline;
        can_be_kept.then(|| self.grams(ask, &kept)).flatten()
    }
}
