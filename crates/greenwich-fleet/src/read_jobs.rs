//! The jobs file of the contract.
//!
//! In: its bytes, in pieces of any length, and the sites. Out: a [`Fleet`], or what is wrong with which cell.
//! A million rows are read in about a second, and a piece need not stay once it was fed.

use crate::csv::{Lines, cells, header, plain};
use crate::error::FleetError;
use crate::fleet::{Extras, Fleet, Job, Project, Site, SiteSet};
use crate::hour;
use crate::terms::Kind;
use greenwich_core::quantity::{Bytes, Power, UsdPerAcceleratorHour};
use std::collections::HashMap;
use std::ops::Range;

const KNOWN: [&str; 17] = [
    "job",
    "release",
    "deadline",
    "hours",
    "accelerators",
    "power_w",
    "home",
    "sites",
    "interruptible",
    "accelerator",
    "restart_minutes",
    "data_gb",
    "min_accelerators",
    "max_accelerators",
    "speedup",
    "usd_per_hour",
    "project",
];
const PROJECT: usize = 16;
const NEEDED: usize = 9;
const WANTED: &str = "job, release, deadline, hours, accelerators, power_w, home, sites, interruptible";

/// No accelerator draws more with its share of the system, by far: what does is a slip in the unit or the exponent.
const MOST_WATTS: f64 = 1e6;

/// What to do about a row that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRows {
    /// Stop there.
    Refuse,
    /// Leave it out and count it.
    Skip,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct JobsRead {
    /// Jobs and sites.
    pub fleet: Fleet,
    /// Rows left out.
    pub skipped: u64,
    /// The first of them, and what was wrong.
    pub first_skipped: Option<FleetError>,
    /// Jobs whose deadline lies after the planned hours: they are planned to end within those.
    pub clipped: u64,
}

/// Reads jobs as their bytes come in.
#[derive(Debug)]
pub struct JobsReader {
    file: String,
    start: i64,
    bad: BadRows,
    lines: Lines,
    columns: Vec<Option<usize>>,
    width: usize,
    site_by_name: HashMap<String, u32>,
    sets: HashMap<String, SiteSet>,
    projects: HashMap<String, u32>,
    read: JobsRead,
    /// The line of each job.
    line_of: Vec<u32>,
    ranges: Vec<Range<usize>>,
}

impl JobsReader {
    /// Begins a file. `start` is the first planned instant, in hours since 1970; the sites' intensities say how
    /// many hours are planned.
    pub fn new(file: &str, start: i64, sites: Vec<Site>, bad: BadRows) -> Self {
        let hours = sites.iter().map(|site| site.intensity.len()).min().unwrap_or(0) as u32;
        let site_by_name = sites.iter().zip(0..).map(|(site, index)| (site.name.clone(), index)).collect();
        Self {
            file: file.to_owned(),
            start,
            bad,
            lines: Lines::default(),
            columns: Vec::new(),
            width: 0,
            site_by_name,
            sets: HashMap::new(),
            projects: HashMap::new(),
            read: JobsRead {
                fleet: Fleet { hours, sites, ..Fleet::default() },
                skipped: 0,
                first_skipped: None,
                clipped: 0,
            },
            line_of: Vec::new(),
            ranges: Vec::new(),
        }
    }

    /// Takes the next piece of the file.
    ///
    /// # Errors
    /// [`FleetError`] for the first row that cannot be, unless such rows are skipped.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), FleetError> {
        let mut lines = std::mem::take(&mut self.lines);
        let fed = lines.feed(piece, |line, text| self.line(line, text));
        self.lines = lines;
        fed
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`FleetError`] for the last row, for a name that stands twice, and where there is no row.
    pub fn finish(mut self) -> Result<JobsRead, FleetError> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(|line, text| self.line(line, text))?;
        let names = &self.read.fleet.names;
        if names.is_empty() {
            return Err(FleetError::Empty { file: self.file, what: "job" });
        }
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        let sorted = order.is_sorted_by(|&a, &b| names.get(a as usize) < names.get(b as usize));
        if !sorted {
            order.sort_unstable_by(|&a, &b| names.get(a as usize).cmp(names.get(b as usize)));
        }
        match order.windows(2).find(|pair| names.get(pair[0] as usize) == names.get(pair[1] as usize)) {
            Some(pair) => {
                let [a, b] = [pair[0], pair[1]].map(|row| self.line_of[row as usize]);
                let (first, line) = (u64::from(a.min(b)), u64::from(a.max(b)));
                let name = names.get(pair[0] as usize).to_owned();
                Err(FleetError::Twice { file: self.file, line, first, name, what: "job" })
            }
            None => Ok(self.read),
        }
    }

    fn line(&mut self, line: u64, text: &[u8]) -> Result<(), FleetError> {
        let text = std::str::from_utf8(text).map_err(|_| FleetError::NotText { file: self.file.clone(), line });
        if self.columns.is_empty() {
            (self.columns, self.width) = header(&self.file, text?, &KNOWN, NEEDED, WANTED)?;
            return Ok(());
        }
        let mut ranges = std::mem::take(&mut self.ranges);
        let taken = text.and_then(|text| if text.is_empty() { Ok(()) } else { self.row(line, text, &mut ranges) });
        self.ranges = ranges;
        match (taken, self.bad) {
            (Err(error), BadRows::Skip) => {
                self.read.skipped += 1;
                self.read.first_skipped.get_or_insert(error);
                Ok(())
            }
            (taken, _) => taken,
        }
    }

    fn row(&mut self, line: u64, text: &str, ranges: &mut Vec<Range<usize>>) -> Result<(), FleetError> {
        cells(text, ranges);
        if ranges.len() != self.width {
            let (found, wanted) = (ranges.len(), self.width);
            return Err(FleetError::Cells { file: self.file.clone(), line, found, wanted });
        }
        let ranges = &*ranges;
        let columns = &self.columns;
        let cell = |column: usize| columns[column].map_or("", |at| &text[ranges[at].clone()]);
        let file = &self.file;
        let refuse = |column: usize, problem: &str, help: &str| FleetError::Cell {
            file: file.clone(),
            line,
            column: KNOWN[column],
            problem: problem.to_owned(),
            found: plain(cell(column)).into_owned(),
            help: help.to_owned(),
        };
        let hours_planned = i64::from(self.read.fleet.hours);
        let instant = |column: usize| {
            hour::read(&plain(cell(column))).map_err(|problem| {
                refuse(column, problem, "write a whole hour in UTC, for example 2022-07-04T00:00:00Z")
            })
        };
        let count = |column: usize| {
            let text = plain(cell(column));
            let whole = text.parse::<u32>().ok().or_else(|| {
                let number = text.parse::<f64>().ok()?;
                (number.fract() == 0.0 && (0.0..4e9).contains(&number)).then_some(number as u32)
            });
            whole.filter(|&whole| whole > 0 && i32::try_from(whole).is_ok())
        };
        let name = plain(cell(0));
        if name.is_empty() {
            return Err(refuse(0, "a name is wanted", "name the job"));
        }
        let hours = count(3).ok_or_else(|| refuse(3, "not whole hours", "give a whole number of hours, 1 or more"))?;
        let (release, until) = (instant(1)? - self.start, instant(2)? - self.start);
        if release < 0 {
            return Err(refuse(1, "before the planned hours", "plan from an earlier --start, or leave the job out"));
        }
        let accelerators =
            count(4).ok_or_else(|| refuse(4, "not a count", "give a whole number of accelerators, 1 or more"))?;
        let watts = plain(cell(5)).parse().ok().filter(|watts: &f64| *watts > 0.0 && *watts <= MOST_WATTS);
        let watts = watts.ok_or_else(|| {
            refuse(5, "not a power", "give watts per accelerator, whole system, before PUE, for example 700")
        })?;
        let known = |column: usize, name: &str| {
            self.site_by_name.get(name).copied().ok_or_else(|| {
                let near = nearest(name, self.site_by_name.keys());
                refuse(column, &format!("no site is called `{name}`"), &format!("the nearest name is `{near}`"))
            })
        };
        let home = known(6, &plain(cell(6)))?;
        let named = plain(cell(7));
        let sites = if let Some(&set) = self.sets.get(&*named) {
            set
        } else {
            let mut members = Vec::new();
            for name in named.split('|').map(str::trim) {
                members.push(known(7, name)?);
            }
            members.sort_unstable();
            members.dedup();
            let all = &mut self.read.fleet.site_sets;
            let index = all.iter().position(|set| *set == members).unwrap_or_else(|| {
                all.push(members);
                all.len() - 1
            });
            let set = SiteSet(index as u32);
            self.sets.insert(named.clone().into_owned(), set);
            set
        };
        if self.read.fleet.site_sets[sites.0 as usize].binary_search(&home).is_err() {
            return Err(refuse(7, "home is not among the sites", "add the job's home to its sites"));
        }
        let interruptible = match &*plain(cell(8)) {
            "0" | "false" => false,
            "1" | "true" => true,
            _ => return Err(refuse(8, "neither 0 nor 1", "give 1 for a job that may be paused, 0 for another")),
        };
        if columns[NEEDED..].iter().any(Option::is_some) {
            let mut extras = extras(cell, &refuse)?;
            elastic(&extras, accelerators, &refuse)?;
            let project = plain(cell(PROJECT));
            if !project.is_empty() {
                extras.project = Some(numbered(&mut self.projects, &mut self.read.fleet.projects, &project));
            }
            self.read.fleet.extras.push(extras);
        }
        let deadline = until.clamp(0, hours_planned);
        self.read.clipped += u64::from(until > hours_planned);
        self.read.fleet.names.push(&name);
        self.line_of.push(line as u32);
        self.read.fleet.jobs.push(Job {
            // One after the planned hours has no window, whatever it says.
            release: release.min(hours_planned) as u32,
            deadline: deadline as u32,
            hours,
            accelerators,
            power: Power::from_watts(watts),
            home,
            sites,
            interruptible,
        });
        Ok(())
    }
}

fn extras<'a>(
    cell: impl Fn(usize) -> &'a str,
    refuse: &impl Fn(usize, &str, &str) -> FleetError,
) -> Result<Extras, FleetError> {
    let text = |column: usize| Some(plain(cell(column)).into_owned()).filter(|text| !text.is_empty());
    let number = |column: usize| match text(column) {
        None => Ok(None),
        Some(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(refuse(column, "not a number", "give a number of 0 or more, or leave it empty")),
        },
    };
    let count = |column: usize| match text(column).map(|text| text.parse::<u32>()) {
        None => Ok(None),
        Some(Ok(count)) if count > 0 => Ok(Some(count)),
        Some(_) => Err(refuse(column, "not a count", "give a whole number of accelerators, or leave it empty")),
    };
    let mut speedup = Vec::new();
    for part in text(14).iter().flat_map(|text| text.split('|')) {
        let point = part.split_once(':').and_then(|(k, factor)| {
            let size = k.trim().parse().ok().filter(|size: &u32| *size > 0 && i32::try_from(*size).is_ok())?;
            Some((size, factor.trim().parse().ok().filter(|factor: &f64| *factor > 0.0 && factor.is_finite())?))
        });
        speedup.push(point.ok_or_else(|| refuse(14, "not `k:factor|…`", "write it as 1:1|2:1.9|4:3.4"))?);
    }
    let (accelerator, kinds) = match text(9) {
        Some(text) if text.contains([':', '|']) => {
            let help = "write kind:speed:watts, as a100:1:400|h100:2.2:700; speed is 1 and power the job's own \
                        where they are left out";
            (None, kinds(&text).ok_or_else(|| refuse(9, "not `kind:speed:power_w|…`", help))?)
        }
        accelerator => (accelerator, Vec::new()),
    };
    Ok(Extras {
        accelerator,
        kinds,
        restart_minutes: number(10)?,
        data: number(11)?.map(Bytes::from_gb),
        min_accelerators: count(12)?,
        max_accelerators: count(13)?,
        speedup,
        price: number(15)?.map(UsdPerAcceleratorHour::from_usd_per_hour),
        project: None,
    })
}

/// The number of a project, which is the next where it is new.
fn numbered(known: &mut HashMap<String, u32>, projects: &mut Vec<Project>, name: &str) -> u32 {
    if let Some(&number) = known.get(name) {
        return number;
    }
    let number = projects.len() as u32;
    projects.push(Project { name: name.to_owned(), quota: None });
    known.insert(name.to_owned(), number);
    number
}

/// Whether a speed-up goes with the job's own accelerators and with the sizes that it allows.
fn elastic(
    extras: &Extras,
    accelerators: u32,
    refuse: &impl Fn(usize, &str, &str) -> FleetError,
) -> Result<(), FleetError> {
    let (least, most) = (extras.min_accelerators.unwrap_or(1), extras.max_accelerators.unwrap_or(u32::MAX));
    if least > most {
        return Err(refuse(12, "above `max_accelerators`", "give the fewest accelerators first, then the most"));
    }
    let own = |(size, _): &(u32, f64)| *size == accelerators;
    if !extras.speedup.is_empty() && !extras.speedup.iter().any(own) {
        let problem = format!("nothing of its own {accelerators} accelerators");
        let help = format!("say how fast it is on {accelerators} as well: other sizes are measured against it");
        return Err(refuse(14, &problem, &help));
    }
    Ok(())
}

/// Kinds of accelerators, each named once.
fn kinds(text: &str) -> Option<Vec<Kind>> {
    let kind = |part: &str| {
        let mut figures = part.split(':').map(str::trim);
        let name = figures.next().filter(|name| !name.is_empty())?.to_owned();
        let mut above_zero = || match figures.next() {
            None | Some("") => Some(None),
            Some(figure) => figure.parse().ok().filter(|figure: &f64| figure.is_finite() && *figure > 0.0).map(Some),
        };
        let (speed, watts) = (above_zero()?.unwrap_or(1.0), above_zero()?);
        figures.next().is_none().then_some(Kind { name, speed, watts })
    };
    let kinds: Vec<Kind> = text.split('|').map(kind).collect::<Option<_>>()?;
    let is_once = |at: usize| kinds[..at].iter().all(|kind| kind.name != kinds[at].name);
    (0..kinds.len()).all(is_once).then_some(kinds)
}

/// The known name that shares most with this one: fewest letters to change.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let mut sorted: Vec<&String> = known.collect();
    sorted.sort();
    sorted.into_iter().min_by_key(|known| distance(name, known)).cloned().unwrap_or_default()
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let next = (corner + usize::from(a != *b)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[right.len()]
}
