//! Many jobs on shared sites: from files to a plan, and to what is told about it.
//!
//! In: the jobs, sites and signals of the contract's fleet files. Out: a [`PlannedFleet`], as the plan's CSV,
//! as JSON `greenwich.fleet/1` or as text. The planner is `greenwich-fleet`; this opens the files.

use crate::document::DocumentError;
use crate::error::Error;
use crate::fleet_terms::FleetWeights;
use crate::forecasting::Family;
use crate::{fleet_grid, fleet_quotas, fleet_terms, load};
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_fleet::{
    BadRows, Fleet, FleetPlan, JobsReader, Options, Reason, Site, SiteRow, read_calendar, read_sites, write_plan,
};
use greenwich_report::text::sheet::co2e;
use greenwich_signals::Fill;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Unplaced jobs and scarce hours that are told to people by name.
const MOST_TOLD: usize = 10;
/// Unplaced jobs that JSON names for each reason.
const MOST_NAMED: usize = 100_000;
/// Most hours that are planned over: ten years.
const MOST_HOURS: u32 = 87_672;

/// What a fleet is planned from.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetOptions {
    /// The jobs file.
    pub jobs: PathBuf,
    /// The sites file.
    pub sites: PathBuf,
    /// The calendar file: capacity and PUE that change by the hour.
    pub calendar: Option<PathBuf>,
    /// The quotas file: what each project may emit.
    pub quotas: Option<PathBuf>,
    /// The folder of signals; empty where there is none, and kept histories and what is typical answer.
    pub signals: PathBuf,
    /// The plan is made at this instant: nothing in the traces stamped then or later is used, and forecasts go on.
    pub as_of: Option<Timestamp>,
    /// The folder of histories that were fetched and kept, where no strict reading of traces is asked for.
    pub kept: Option<PathBuf>,
    /// What forecasts may use besides intensity.
    pub inputs: Vec<Family>,
    /// The first planned instant, a whole hour.
    pub start: Timestamp,
    /// Hours planned over.
    pub hours: u32,
    /// What to do about a gap in a signal.
    pub fill: Fill,
    /// The intensity to plan by.
    pub signal: Signal,
    /// What an unplaced job is charged per accelerator-hour.
    pub unplaced_penalty_g: f64,
    /// What is weighed beside emissions, and what moving data takes.
    pub weights: FleetWeights,
    /// What to do about a bad row of the jobs file.
    pub bad_rows: BadRows,
    /// How long to try, against the usual 1.0.
    pub effort: f64,
    /// At most so many threads; the plan is the same on any number.
    pub threads: usize,
}

/// A fleet with its plan.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct PlannedFleet {
    /// What was planned.
    pub fleet: Fleet,
    /// Who runs where and when.
    pub plan: FleetPlan,
    /// What the reader should know.
    pub warnings: Vec<String>,
    pub(crate) weights: FleetWeights,
    start: Timestamp,
    signal: Signal,
    skipped: u64,
    threads: usize,
}

/// A fleet as its files have it.
#[derive(Debug)]
pub(crate) struct FleetRead {
    pub(crate) fleet: Fleet,
    warnings: Vec<String>,
    skipped: u64,
}

/// Plans a fleet from its files.
///
/// # Errors
/// [`Error::Fleet`] for a bad row, [`Error::Signal`] for a zone or hour without intensity, [`Error::Document`] for
/// a file that cannot be read.
pub fn plan_fleet(options: &FleetOptions) -> Result<PlannedFleet, Error> {
    plan_fleet_until(options, &AtomicBool::new(false))
}

/// Plans a fleet from its files, and ends soon after `stop` is set with the best plan so far, which says so.
///
/// # Errors
/// As [`plan_fleet`].
pub fn plan_fleet_until(options: &FleetOptions, stop: &AtomicBool) -> Result<PlannedFleet, Error> {
    let FleetRead { fleet, mut warnings, skipped } = read_fleet(options)?;
    let FleetOptions { unplaced_penalty_g, effort, threads, .. } = *options;
    let asked = Options { unplaced_penalty_g, effort, threads };
    let plan = greenwich_fleet::plan_until(&fleet, &asked, stop);
    if plan.stopped {
        warnings.push("stopped early: this is the best plan so far, and the bound is proven all the same".to_owned());
    }
    Ok(PlannedFleet {
        fleet,
        plan,
        warnings,
        weights: options.weights,
        start: options.start,
        signal: options.signal,
        skipped,
        threads: options.threads,
    })
}

/// The zones of the sites of a file, each once.
///
/// # Errors
/// As [`plan_fleet`], for the file of sites.
pub fn fleet_zones(sites: &Path) -> Result<Vec<ZoneId>, Error> {
    let rows = sites_of(sites)?;
    let zones: std::collections::BTreeSet<ZoneId> = rows.into_iter().map(|row| row.zone).collect();
    Ok(zones.into_iter().collect())
}

/// The rows of a sites file.
pub(crate) fn sites_of(file: &Path) -> Result<Vec<SiteRow>, Error> {
    let rows = read_sites(&file.display().to_string(), &load::whole(file)?);
    rows.map_err(|error| load::refused(file, error))
}

/// Reads a fleet from its files.
pub(crate) fn read_fleet(options: &FleetOptions) -> Result<FleetRead, Error> {
    let name = |path: &Path| path.display().to_string();
    let rows = sites_of(&options.sites)?;
    let (start, hours) = window_of(options)?;
    let end = options.start + SignedDuration::from_hours(i64::from(hours));
    let window = Window::new(options.start, end).expect("there is at least one hour");
    let zones = rows.iter().map(|row| row.zone.clone()).collect();
    let replay = fleet_grid::traces(options)?;
    let (by_zone, mut warnings) = fleet_grid::hourly(options, replay.as_ref(), &zones, window)?;
    let mut terms = fleet_terms::terms(options, &rows, replay.as_ref(), window)?;
    let mut sites: Vec<Site> = Vec::new();
    for row in rows {
        let mut intensity = by_zone[&row.zone].clone();
        if let Some(relative) = fleet_grid::relative_pue(options, &row, replay.as_ref(), window, &mut warnings)? {
            intensity.iter_mut().zip(&relative).for_each(|(grams, share)| *grams = *grams * *share);
            let prices = terms.usd_per_kwh.get_mut(sites.len()).into_iter().flatten();
            prices.zip(&relative).for_each(|(price, share)| *price = *price * *share);
        }
        sites.push(row.with(intensity));
    }
    if let Some(calendar) = &options.calendar {
        let bytes = load::whole(calendar)?;
        let read = read_calendar(&name(calendar), &bytes, start, &mut sites, &mut terms.usd_per_kwh);
        read.map_err(|error| load::refused(calendar, error))?;
    }
    let mut reader = JobsReader::new(&name(&options.jobs), start, sites, options.bad_rows);
    let refused = |error| load::refused(&options.jobs, error);
    load::pieces(&options.jobs, |piece| reader.feed(piece).map_err(refused))?;
    let mut read = reader.finish().map_err(refused)?;
    read.fleet.terms = Some(terms);
    if let Some(quotas) = &options.quotas {
        warnings.extend(fleet_quotas::read(quotas, &options.jobs, &mut read.fleet)?);
    }
    if let Some(first) = read.first_skipped.take() {
        warnings.push(format!("{} rows were left out; the first: {}", read.skipped, refused(first)));
    }
    if read.clipped > 0 {
        let clipped = read.clipped;
        warnings.push(format!("{clipped} deadlines lie after the planned hours: those jobs are planned to end within them, and the bound holds for plans that do"));
    }
    let faint = read.fleet.jobs.iter().filter(|job| job.power.watts() < 1.0).count();
    if faint > 0 {
        let have = if faint == 1 { "job has" } else { "jobs have" };
        warnings.push(format!("{faint} {have} a `power_w` below 1 W: it is watts an accelerator, so 0.7 kW is 700"));
    }
    warnings.extend(fleet_terms::passed_by(&read.fleet, options));
    Ok(FleetRead { fleet: read.fleet, warnings, skipped: read.skipped })
}

fn window_of(options: &FleetOptions) -> Result<(i64, u32), Error> {
    let refuse =
        |flag, reason: String, mend: &str| Error::Document(DocumentError::Flag { flag, reason, mend: mend.to_owned() });
    if options.start.as_second() % 3600 != 0 || options.start.subsec_nanosecond() != 0 {
        let reason = format!("`{}` is not a whole hour", options.start);
        return Err(refuse("--start", reason, "give --start 2022-07-04T00:00:00Z"));
    }
    if !(1..=MOST_HOURS).contains(&options.hours) {
        let reason = format!("`{}` hours", options.hours);
        return Err(refuse("--hours", reason, "plan over 1 to 87672 hours, for example --hours 168"));
    }
    Ok((options.start.as_second() / 3600, options.hours))
}

impl PlannedFleet {
    /// The first planned instant.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    /// The plan file: `job,site,start,end`, and `accelerators` where sizes may change.
    pub fn csv(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_plan(&self.fleet, &self.plan, self.start.as_second() / 3600, &mut out);
        out
    }

    /// Why jobs are unplaced, with how many and the first by name.
    fn reasons(&self, most: usize) -> BTreeMap<&'static str, (usize, Vec<&str>)> {
        let mut found: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
        for (job, reason) in &self.plan.unplaced {
            let (count, names) = found.entry(word(*reason)).or_default();
            *count += 1;
            if names.len() < most {
                names.push(self.fleet.names.get(*job as usize));
            }
        }
        found
    }

    /// The hours in which one more accelerator would save most: site, hour, grams.
    fn scarce(&self) -> Vec<(&str, Timestamp, f64)> {
        let hours = self.fleet.hours as usize;
        let mut order: Vec<usize> = (0..self.plan.prices_g.len()).filter(|&at| self.plan.prices_g[at] > 0.0).collect();
        order.sort_by(|&a, &b| self.plan.prices_g[b].total_cmp(&self.plan.prices_g[a]).then(a.cmp(&b)));
        let told = order.into_iter().take(MOST_TOLD).map(|at| {
            let instant = self.start + SignedDuration::from_hours((at % hours) as i64);
            (self.fleet.sites[at / hours].name.as_str(), instant, self.plan.prices_g[at])
        });
        told.collect()
    }

    /// 1 − plan ÷ baseline; `None` where the baseline is zero.
    pub fn saving(&self) -> Option<f64> {
        let baseline = self.plan.baseline.g();
        (baseline > 0.0).then(|| 1.0 - self.plan.co2e.g() / baseline)
    }

    /// `greenwich.fleet/1`. `seconds` is how long the answer took, files included.
    pub fn json(&self, seconds: f64) -> Value {
        let reasons: Vec<Value> = self
            .reasons(MOST_NAMED)
            .into_iter()
            .map(|(reason, (jobs, first))| json!({"reason": reason, "jobs": jobs, "names": first}))
            .collect();
        let scarce: Vec<Value> = self
            .scarce()
            .into_iter()
            .map(|(site, start, grams)| json!({"site": site, "start": start.to_string(), "saving_g": grams}))
            .collect();
        let (split, delay) = (self.split(), self.delay());
        let mut value = json!({
            "schema": "greenwich.fleet/1",
            "jobs": self.fleet.jobs.len(),
            "placed": self.plan.placed,
            "unplaced": self.plan.unplaced.len(),
            "co2e_kg": self.plan.co2e.kg(),
            "baseline_co2e_kg": self.plan.baseline.kg(),
            "saving_fraction": self.saving(),
            "lower_bound_co2e_kg": self.plan.lower_bound.kg(),
            "gap": self.plan.gap(),
            "stopped": self.plan.stopped,
            "seconds": seconds,
            "threads": self.threads,
            "signal": self.signal.as_str(),
            "saving_by": {
                "place_kg": split.place / 1e3,
                "time_kg": split.time / 1e3,
                "unplaced_kg": split.unplaced / 1e3,
            },
            "mean_delay_h": delay.mean_h,
            "p95_delay_h": delay.p95_h,
            "most_delay_h": delay.most_h,
            "delay_by_home": self.delay_by_home().iter().map(|(home, delay)| delay.json(home)).collect::<Vec<_>>(),
            "unplaced_reasons": reasons,
            "scarce": scarce,
            "skipped_rows": self.skipped,
            "warnings": self.warnings,
        });
        self.tell_terms(&mut value);
        self.tell_quotas(&mut value);
        value
    }

    /// The plan for people; with `explain`, all that `--explain` adds.
    pub fn text(&self, explain: bool) -> String {
        let plan = &self.plan;
        let percent = |share: Option<f64>| share.map_or("unknown".to_owned(), |share| format!("{:.2} %", share * 1e2));
        let mut out = String::new();
        let (jobs, sites, hours) = (self.fleet.jobs.len(), self.fleet.sites.len(), self.fleet.hours);
        _ = writeln!(
            out,
            "{jobs} jobs on {sites} sites over {hours} h from {}, by {} intensity",
            self.start, self.signal
        );
        _ = writeln!(out, "  placed       {}", plan.placed);
        _ = writeln!(out, "  unplaced     {}", plan.unplaced.len());
        let with = if plan.unplaced.is_empty() { "" } else { ", penalties of unplaced jobs included" };
        _ = writeln!(out, "  CO2e         {}{with}", co2e(plan.co2e.kg()));
        let against = match self.saving() {
            Some(saving) if saving < 0.0 => format!("the plan is {} above it", percent(Some(-saving))),
            saving => format!("the plan saves {}", percent(saving)),
        };
        _ = writeln!(out, "  run at once  {} at home, capacity ignored: {against}", co2e(plan.baseline.kg()));
        self.terms_text(&mut out);
        self.quotas_text(&mut out);
        let what = if self.has_weights() { " so weighed" } else { "" };
        _ = writeln!(
            out,
            "  no plan      below {}{what}, proven: within {}",
            co2e(plan.lower_bound.kg()),
            percent(plan.gap())
        );
        for (reason, (count, names)) in self.reasons(MOST_TOLD) {
            let more = if count > names.len() { " …" } else { "" };
            _ = writeln!(out, "  {count} unplaced, {reason}: {}{more}", names.join(", "));
        }
        let scarce = self.scarce();
        if explain {
            self.explained(&mut out, &scarce);
        } else if let Some((site, start, grams)) = scarce.first() {
            _ = writeln!(out, "  scarcest     {site} at {start}: one more accelerator there would save {grams:.0} g");
        }
        out
    }

    /// What the saving is made of, who waits, and the scarcest hours.
    fn explained(&self, out: &mut String, scarce: &[(&str, Timestamp, f64)]) {
        let split = self.split();
        let causes = [("place", split.place), ("time", split.time), ("no place", split.unplaced)];
        let more = [("machine", split.machine), ("moving", split.transfer), ("restarts", split.restart)];
        for (what, grams) in causes.into_iter().chain(more.into_iter().filter(|(_, grams)| *grams != 0.0)) {
            let sign = if grams > 0.0 { "−" } else { "+" };
            let amount = co2e(grams.abs() / 1e3);
            _ = writeln!(out, "  {:<12} {sign}{amount} against run at once", format!("by {what}"));
        }
        _ = writeln!(out, "  delay        {}", self.delay());
        let homes = self.delay_by_home();
        for (home, delay) in homes.iter().take(MOST_TOLD) {
            _ = writeln!(out, "  waits        {home}: {delay}");
        }
        if let Some(more) = homes.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            _ = writeln!(out, "  waits        {more} more homes wait less");
        }
        for (site, start, grams) in scarce {
            _ = writeln!(out, "  scarce       {site} at {start}: one more accelerator there would save {grams:.0} g");
        }
    }

    /// The saving by its causes: at home but as the plan has them in time, then where the plan has them.
    pub fn split(&self) -> Split {
        if let Some(tally) = &self.plan.tally {
            let mut split = Split {
                place: tally.by_place.g(),
                time: tally.by_time.g(),
                machine: tally.by_machine.g(),
                transfer: -tally.transfer.g(),
                restart: -tally.restart.g(),
                unplaced: 0.0,
            };
            let told = split.place + split.time + split.machine + split.transfer + split.restart;
            if !self.plan.unplaced.is_empty() {
                split.unplaced = (self.plan.baseline.g() - self.plan.co2e.g()) - told;
            }
            return split;
        }
        let mut split = Split::default();
        let fleet = &self.fleet;
        let grams = |job: usize, site: u32, hours: std::ops::Range<u32>| {
            let (job, place) = (&fleet.jobs[job], &fleet.sites[site as usize]);
            let intensity = &place.intensity[hours.start as usize..hours.end as usize];
            let sum: f64 = intensity.iter().map(|now| now.g_per_kwh()).sum();
            sum * place.pue.ratio() * job.power.watts() * f64::from(job.accelerators) / 1e3
        };
        for own in self.plan.segments.chunk_by(|one, next| one.job == next.job) {
            let index = own[0].job as usize;
            let job = &fleet.jobs[index];
            let (mut there, mut at_home) = (0.0, 0.0);
            for part in own {
                there += grams(index, part.site, part.start..part.end);
                at_home += grams(index, job.home, part.start..part.end);
            }
            split.time += grams(index, job.home, job.release..job.release + job.hours) - at_home;
            split.place += at_home - there;
        }
        // Where every job has its place, what is left is the rounding of sums.
        if !self.plan.unplaced.is_empty() {
            split.unplaced = (self.plan.baseline.g() - self.plan.co2e.g()) - split.time - split.place;
        }
        split
    }
}

/// What a saving is made of, in grams.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Split {
    /// By running elsewhere, at the planned hours.
    pub place: f64,
    /// By running at other hours, at home.
    pub time: f64,
    /// By jobs without a place: below 0 where their penalties are above what they would emit.
    pub unplaced: f64,
    /// By running on other machines, which take more energy or less.
    pub machine: f64,
    /// By moving data: never above 0.
    pub transfer: f64,
    /// By restarts after pauses: never above 0.
    pub restart: f64,
}

pub(crate) fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::WindowTooShort => "the window, as far as it is planned over, is shorter than the job",
        Reason::NoSite => "no site is allowed",
        Reason::NoSuchAccelerator => "no allowed site has its accelerator",
        Reason::TooLarge => "no allowed site has so many accelerators",
        Reason::Quota => "the quota of its project leaves no CO2e for it",
        _ => "others use the capacity better",
    }
}
