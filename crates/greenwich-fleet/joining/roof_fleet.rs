//! Many jobs on shared sites: from files to a plan, and to what is told about it.
//!
//! In: the jobs, sites and signals of the contract's fleet files. Out: a [`PlannedFleet`], as the plan's CSV,
//! as JSON `greenwich.fleet/1` or as text. The planner is `greenwich-fleet`; this opens the files.

use crate::document::DocumentError;
use crate::error::Error;
use greenwich_core::quantity::AverageIntensity;
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_fleet::{BadRows, Fleet, FleetPlan, JobsReader, Options, Reason, read_sites, write_plan};
use greenwich_signals::{Fill, GridSignal, Replay};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of the jobs file that are read at a time.
const PIECE: usize = 1 << 20;
/// Unplaced jobs and scarce hours that are told by name.
const MOST_TOLD: usize = 10;
/// Most hours that are planned over: ten years.
const MOST_HOURS: u32 = 87_672;

/// What a fleet is planned from.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetOptions {
    /// The jobs file.
    pub jobs: PathBuf,
    /// The sites file.
    pub sites: PathBuf,
    /// The folder of signals.
    pub signals: PathBuf,
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
    /// What to do about a bad row of the jobs file.
    pub bad_rows: BadRows,
    /// How long to try, against the usual 1.0.
    pub effort: f64,
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
    start: Timestamp,
    signal: Signal,
    skipped: u64,
}

/// Plans a fleet from its files.
///
/// # Errors
/// [`Error::Fleet`] for a bad row, [`Error::Signal`] for a zone or hour without intensity, [`Error::Document`] for
/// a file that cannot be read.
pub fn plan_fleet(options: &FleetOptions) -> Result<PlannedFleet, Error> {
    let name = |path: &Path| path.display().to_string();
    let mut bytes = Vec::new();
    open(&options.sites)?.read_to_end(&mut bytes).map_err(|error| unreadable(&options.sites, &error))?;
    let rows = read_sites(&name(&options.sites), &bytes)?;
    let (start, hours) = window_of(options)?;
    let end = options.start + SignedDuration::from_hours(i64::from(hours));
    let window = Window::new(options.start, end).expect("there is at least one hour");
    let signals = Replay::open(&options.signals, options.fill)?;
    let mut warnings = Vec::new();
    let mut by_zone: BTreeMap<ZoneId, Vec<AverageIntensity>> = BTreeMap::new();
    for row in &rows {
        if !by_zone.contains_key(&row.zone) {
            let series = signals.series(&row.zone, options.signal, window)?;
            let hourly = series.cells_g_per_kwh(window, SignedDuration::from_hours(1));
            let hourly = hourly.expect("a signal that is given covers the window");
            let hourly = hourly.into_iter().map(AverageIntensity::from_g_per_kwh).collect();
            let provenance = series.provenance.to_string();
            if provenance.contains(" filled by ") {
                warnings.push(format!("{}: {provenance}", row.zone));
            }
            by_zone.insert(row.zone.clone(), hourly);
        }
    }
    let sites = rows.into_iter().map(|row| {
        let intensity = by_zone[&row.zone].clone();
        row.with(intensity)
    });
    let mut reader = JobsReader::new(&name(&options.jobs), start, sites.collect(), options.bad_rows);
    let mut file = open(&options.jobs)?;
    let mut piece = vec![0; PIECE];
    loop {
        let length = file.read(&mut piece).map_err(|error| unreadable(&options.jobs, &error))?;
        if length == 0 {
            break;
        }
        reader.feed(&piece[..length])?;
    }
    let read = reader.finish()?;
    if let Some(first) = &read.first_skipped {
        warnings.push(format!("{} rows were left out; the first: {first}", read.skipped));
    }
    if read.clipped > 0 {
        let clipped = read.clipped;
        warnings.push(format!("{clipped} deadlines lie after the planned hours: those jobs are planned to end within them, and the bound holds for plans that do"));
    }
    if !read.fleet.extras.is_empty() {
        warnings.push("optional columns are read; of them the plan reckons with `accelerator` alone".to_owned());
    }
    let plan = greenwich_fleet::plan(
        &read.fleet,
        &Options { unplaced_penalty_g: options.unplaced_penalty_g, effort: options.effort },
    );
    Ok(PlannedFleet {
        fleet: read.fleet,
        plan,
        warnings,
        start: options.start,
        signal: options.signal,
        skipped: read.skipped,
    })
}

fn window_of(options: &FleetOptions) -> Result<(i64, u32), Error> {
    let refuse = |reason: String, mend: &str| {
        Error::Document(DocumentError::Read { file: "--start, --hours".to_owned(), reason, mend: mend.to_owned() })
    };
    if options.start.as_second() % 3600 != 0 || options.start.subsec_nanosecond() != 0 {
        return Err(refuse(format!("`{}` is not a whole hour", options.start), "give --start 2022-07-04T00:00:00Z"));
    }
    if !(1..=MOST_HOURS).contains(&options.hours) {
        return Err(refuse(
            format!("`{}` hours", options.hours),
            "plan over 1 to 87672 hours, for example --hours 168",
        ));
    }
    Ok((options.start.as_second() / 3600, options.hours))
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let mend = "check the path, and that it may be read";
    let (file, reason) = (path.display().to_string(), error.to_string());
    Error::Document(DocumentError::Read { file, reason, mend: mend.to_owned() })
}

impl PlannedFleet {
    /// The plan file: `job,site,start,end`.
    pub fn csv(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_plan(&self.fleet, &self.plan, self.start.as_second() / 3600, &mut out);
        out
    }

    /// Why jobs are unplaced, with how many and the first by name.
    fn reasons(&self) -> BTreeMap<&'static str, (usize, Vec<&str>)> {
        let mut found: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
        for (job, reason) in &self.plan.unplaced {
            let (count, names) = found.entry(word(*reason)).or_default();
            *count += 1;
            if names.len() < MOST_TOLD {
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
            .reasons()
            .into_iter()
            .map(|(reason, (jobs, first))| json!({"reason": reason, "jobs": jobs, "first": first}))
            .collect();
        let scarce: Vec<Value> = self
            .scarce()
            .into_iter()
            .map(|(site, start, grams)| json!({"site": site, "start": start.to_string(), "saving_g": grams}))
            .collect();
        json!({
            "schema": "greenwich.fleet/1",
            "jobs": self.fleet.jobs.len(),
            "placed": self.plan.placed,
            "unplaced": self.plan.unplaced.len(),
            "co2e_kg": self.plan.co2e.kg(),
            "baseline_co2e_kg": self.plan.baseline.kg(),
            "saving_fraction": self.saving(),
            "lower_bound_co2e_kg": self.plan.lower_bound.kg(),
            "gap": self.plan.gap(),
            "seconds": seconds,
            "threads": 1,
            "signal": self.signal.as_str(),
            "unplaced_reasons": reasons,
            "scarce": scarce,
            "skipped_rows": self.skipped,
            "warnings": self.warnings,
        })
    }

    /// The plan for people.
    pub fn text(&self) -> String {
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
        _ = writeln!(out, "  CO2e         {:.6e} kg, penalties of unplaced jobs included", plan.co2e.kg());
        _ = writeln!(
            out,
            "  run at once  {:.6e} kg at home, capacity ignored: {} saved",
            plan.baseline.kg(),
            percent(self.saving())
        );
        _ = writeln!(
            out,
            "  no plan      below {:.6e} kg, proven: within {}",
            plan.lower_bound.kg(),
            percent(plan.gap())
        );
        for (reason, (count, names)) in self.reasons() {
            let more = if count > names.len() { " …" } else { "" };
            _ = writeln!(out, "  {count} unplaced, {reason}: {}{more}", names.join(", "));
        }
        let scarce = self.scarce();
        if let Some((site, start, grams)) = scarce.first() {
            _ = writeln!(out, "  scarcest     {site} at {start}: one more accelerator there would save {grams:.0} g");
        }
        out
    }
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::WindowTooShort => "the window is shorter than the job",
        Reason::NoSite => "no site is allowed",
        Reason::NoSuchAccelerator => "no allowed site has its accelerator",
        Reason::TooLarge => "no allowed site has so many accelerators",
        _ => "others use the capacity better",
    }
}
