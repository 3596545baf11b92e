//! Traces of real clusters, and what they become: a fleet that can be planned.
//!
//! In: the bytes of a CSV with a job a row, when it was submitted, how long it ran and on how many accelerators. Out: the
//! jobs as they were, then a [`Fleet`] by rules that the trace does not tell: deadlines, who may pause or move, watts.

use crate::error::TraceError;
use crate::lot::Lot;
use greenwich_core::quantity::Power;
use greenwich_fleet::{Extras, Fleet, Job, Names, Site, SiteSet};

/// Columns that say the same, each with how many of its units an hour has; 0 for counts.
const SUBMIT: [(&str, f64); 2] = [("submit_s", 3600.0), ("submit_h", 1.0)];
const LENGTH: [(&str, f64); 3] = [("duration_s", 3600.0), ("duration_h", 1.0), ("hours", 1.0)];
const END: [(&str, f64); 1] = [("end_s", 3600.0)];
const BEGIN: [(&str, f64); 2] = [("scheduled_s", 3600.0), ("submit_s", 3600.0)];
const SIZE: [(&str, f64); 3] = [("accelerators", 1.0), ("gpus", 1.0), ("units", 1.0)];

/// A job as the trace has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Submitted {
    /// Hours from the beginning of the trace at which it was submitted.
    pub submit_h: f64,
    /// Hours that it ran.
    pub hours: f64,
    /// Accelerators that it held.
    pub accelerators: u32,
    /// Its line in the file.
    pub line: usize,
}

/// Reads a trace: columns by name, in any order; others are passed over. Rows that held no accelerator or ran no time
/// are left out.
///
/// # Errors
/// [`TraceError`] for the first row that cannot be.
pub fn read_trace(file: &str, bytes: &[u8]) -> Result<Vec<Submitted>, TraceError> {
    let text = std::str::from_utf8(bytes).map_err(|_| TraceError::NotText { file: file.to_owned() })?;
    let mut lines = text.lines().zip(1..);
    let head = lines.next().map_or("", |(line, _)| line).trim_start_matches('\u{feff}');
    let names = split(head);
    let of = |known: &[(&'static str, f64)]| {
        known.iter().find_map(|(name, per_h)| Some((names.iter().position(|found| *found == *name)?, *per_h)))
    };
    let absent = |what: &'static str, wanted: &'static str| TraceError::NoColumn {
        file: file.to_owned(),
        what,
        found: head.chars().take(120).collect(),
        wanted,
    };
    let submit = of(&SUBMIT).ok_or_else(|| absent("when a job was submitted", "submit_s, submit_h"))?;
    let length = of(&LENGTH);
    let span = of(&END).zip(of(&BEGIN));
    if length.is_none() && span.is_none() {
        return Err(absent("how long a job ran", "duration_s, duration_h, hours, or end_s with scheduled_s"));
    }
    let size = of(&SIZE).ok_or_else(|| absent("how many accelerators a job held", "accelerators, gpus, units"))?;
    let mut found = Vec::new();
    for (text, line) in lines.filter(|(text, _)| !text.trim().is_empty()) {
        let cells = split(text);
        if cells.len() != names.len() {
            let (found, wanted) = (cells.len(), names.len());
            return Err(TraceError::Cells { file: file.to_owned(), line, found, wanted });
        }
        let number = |(column, per_h): (usize, f64)| {
            let read = cells[column].parse::<f64>().ok().filter(|number| number.is_finite());
            read.map(|number| number / per_h).ok_or_else(|| TraceError::Cell {
                file: file.to_owned(),
                line,
                column: names[column].to_owned(),
                problem: "not a number",
                found: cells[column].to_owned(),
                help: "give a number, in the unit that the column's name ends in",
            })
        };
        let is_empty = |(column, _): (usize, f64)| cells[column].is_empty();
        let hours = match (length, span) {
            (Some(length), _) => number(length)?,
            // A job that had not ended or never began when the trace did has no length.
            (None, Some((end, begin))) if is_empty(end) || is_empty(begin) => 0.0,
            (None, Some((end, begin))) => number(end)? - number(begin)?,
            (None, None) => 0.0,
        };
        let accelerators = number(size)?.round();
        if hours > 0.0 && (1.0..1e9).contains(&accelerators) {
            found.push(Submitted { submit_h: number(submit)?, hours, accelerators: accelerators as u32, line });
        }
    }
    Ok(found)
}

/// The cells of a line, without their quotes; a quoted one may hold commas.
fn split(line: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let parts = line.split(|letter: char| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    });
    parts.map(str::trim).map(plain).collect()
}

fn plain(cell: &str) -> &str {
    cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell)
}

/// What a trace does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceRules {
    /// Hours of the trace at which the replay begins.
    pub from_h: f64,
    /// Hours in which jobs are released.
    pub hours: u32,
    /// Hours between a job's end had it run at once and its deadline.
    pub slack_h: u32,
    /// The share of jobs, by lot, that may pause.
    pub interruptible: f64,
    /// The share of jobs, by lot, that may run on every site; the others stay at home.
    pub movable: f64,
    /// The share of those that may pause, by lot, that are elastic.
    pub elastic: f64,
    /// Sizes of an elastic job in multiples of its own, and how much faster it is then.
    pub speedup: Vec<(f64, f64)>,
    /// Watts per accelerator, whole system, before PUE.
    pub power_w: f64,
    /// Jobs that ran longer are left out.
    pub longest_h: u32,
    /// Jobs that held more accelerators are left out.
    pub largest: u32,
    /// At most so many jobs, at even distances in the order of submission.
    pub most_jobs: usize,
    /// Where lots are drawn from.
    pub seed: u64,
}

/// A fleet made of a trace, and what was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// Jobs and sites. Jobs take whole hours, begun ones whole; their names are `trace-LINE`.
    pub fleet: Fleet,
    /// Jobs of the hours that ran longer than allowed.
    pub too_long: usize,
    /// Jobs of the hours that held more accelerators than allowed.
    pub too_large: usize,
    /// Jobs of the hours that fell between the even distances.
    pub passed_over: usize,
}

/// Makes a fleet of a trace; the sites' intensities reach as far as the replay may.
///
/// # Errors
/// [`TraceError::NoJob`] where none is left.
pub fn as_fleet(file: &str, jobs: &[Submitted], sites: Vec<Site>, rules: &TraceRules) -> Result<Traced, TraceError> {
    let last = rules.from_h + f64::from(rules.hours);
    let mut inside: Vec<&Submitted> = jobs.iter().filter(|job| (rules.from_h..last).contains(&job.submit_h)).collect();
    inside.sort_by(|a, b| a.submit_h.total_cmp(&b.submit_h).then(a.line.cmp(&b.line)));
    let whole = inside.len();
    inside.retain(|job| job.hours <= f64::from(rules.longest_h));
    let too_long = whole - inside.len();
    inside.retain(|job| job.accelerators <= rules.largest);
    let too_large = whole - too_long - inside.len();
    let (count, most) = (inside.len(), rules.most_jobs.min(inside.len()));
    let kept = inside.into_iter().enumerate().filter(|(at, _)| (at + 1) * most / count > at * most / count);
    let hours = sites.iter().map(|site| site.intensity.len()).min().unwrap_or(0) as u32;
    let all: Vec<u32> = (0..sites.len() as u32).collect();
    let mut fleet = Fleet {
        hours,
        site_sets: std::iter::once(all.clone()).chain(all.iter().map(|site| vec![*site])).collect(),
        sites,
        jobs: Vec::with_capacity(most),
        names: Names::default(),
        ..Fleet::default()
    };
    // A site is home to a part of the jobs as large as its part of the accelerators.
    let sizes = fleet.sites.iter().map(|site| site.capacity.iter().map(|room| f64::from(*room)).sum::<f64>());
    let upto: Vec<f64> = sizes
        .scan(0.0, |sum, size| {
            *sum += size;
            Some(*sum)
        })
        .collect();
    let home_of = |share: f64| {
        let at = share * upto.last().copied().unwrap_or(0.0);
        upto.iter().position(|end| at < *end).unwrap_or(0)
    };
    let mut lot = Lot::new(rules.seed);
    for (_, job) in kept {
        // Each job draws the same number of lots, so that a share changed leaves the others as they were.
        let (home, pauses, moves, grows) = (home_of(lot.share()), lot.share(), lot.share(), lot.share());
        let release = (job.submit_h - rules.from_h).ceil() as u32;
        let needs = job.hours.ceil().max(1.0) as u32;
        let interruptible = pauses < rules.interruptible;
        if release + needs > hours {
            continue;
        }
        fleet.names.push(&format!("trace-{}", job.line));
        fleet.jobs.push(Job {
            release,
            deadline: release + needs + rules.slack_h,
            hours: needs,
            accelerators: job.accelerators,
            power: Power::from_watts(rules.power_w),
            home: home as u32,
            sites: SiteSet(if moves < rules.movable { 0 } else { home as u32 + 1 }),
            interruptible,
        });
        let is_elastic = interruptible && grows < rules.elastic;
        let sizes = rules
            .speedup
            .iter()
            .map(|(multiple, factor)| (((f64::from(job.accelerators) * multiple).round() as u32).max(1), *factor));
        fleet.extras.push(Extras { speedup: sizes.filter(|_| is_elastic).collect(), ..Extras::default() });
    }
    if fleet.jobs.is_empty() {
        return Err(TraceError::NoJob { file: file.to_owned(), rows: jobs.len(), hours: rules.hours });
    }
    Ok(Traced { fleet, too_long, too_large, passed_over: count - most })
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_core::ZoneId;
    use greenwich_core::quantity::{AverageIntensity, Pue};
    use insta::assert_snapshot;

    fn read(text: &str) -> Result<Vec<(f64, f64, u32)>, String> {
        let told = |error: TraceError| {
            let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
            format!("{error}\nhelp: {help}")
        };
        let jobs = read_trace("trace.csv", text.as_bytes()).map_err(told)?;
        Ok(jobs.into_iter().map(|job| (job.submit_h, job.hours, job.accelerators)).collect())
    }

    #[test]
    fn the_columns_of_each_cluster_are_known() {
        assert_eq!(read("submit_s,duration_s,gpus,vc\n7200,5400,8,x\n"), Ok(vec![(2.0, 1.5, 8)]));
        assert_eq!(read("submit_h,duration_h,units\n0.5,25.25,1\n"), Ok(vec![(0.5, 25.25, 1)]));
        let openb = "submit_s,scheduled_s,end_s,gpus,gpu_milli,gpu_spec,qos\n3600,7200.0,10800,2,1000,,LS\n0,,7200,1,5,,BE\n0,5,9,0,0,,LS\n9,9,8,1,1,,LS\n";
        assert_eq!(read(openb), Ok(vec![(1.0, 1.0, 2)]));
        assert_eq!(read("hours,submit_h,accelerators\n3,1,4\n"), Ok(vec![(1.0, 3.0, 4)]));
        assert_eq!(read("\"who\",hours,submit_h,gpus\n\"a, b\",3,1,4\n"), Ok(vec![(1.0, 3.0, 4)]));
    }

    #[test]
    fn what_is_wrong_is_named_with_file_line_column_and_mend() {
        let refused = |text: &str| read(text).expect_err("it is wrong");
        assert_snapshot!(refused("job,duration_s,gpus\n"), @"
        trace.csv:1: no column of when a job was submitted, found `job,duration_s,gpus`
        help: name one of submit_s, submit_h in the first line
        ");
        assert_snapshot!(refused("submit_h,hours,gpus\n1,two,3\n"), @"
        trace.csv:2: column `hours`: not a number, found `two`
        help: give a number, in the unit that the column's name ends in
        ");
        assert_snapshot!(refused("submit_h,hours,gpus\n1,2\n"), @"
        trace.csv:2: 2 cells in a row of 3
        help: give each row 3 cells, empty ones included
        ");
    }

    fn sites(count: usize, hours: usize) -> Vec<Site> {
        let site = |index: usize| Site {
            name: format!("site-{index}"),
            zone: ZoneId::new("DE"),
            pue: Pue::new(1.1).expect("above 1"),
            capacity: vec![8; hours],
            intensity: vec![AverageIntensity::from_g_per_kwh(100.0); hours],
            accelerator: None,
            region: None,
            usd_per_kwh: None,
            backend: None,
        };
        (0..count).map(site).collect()
    }

    fn rules() -> TraceRules {
        TraceRules {
            from_h: 0.0,
            hours: 100,
            slack_h: 24,
            interruptible: 0.5,
            movable: 0.5,
            elastic: 0.0,
            speedup: Vec::new(),
            power_w: 400.0,
            longest_h: 50,
            largest: 4,
            most_jobs: usize::MAX,
            seed: 1,
        }
    }

    #[test]
    fn a_job_is_known_when_it_was_submitted_and_no_sooner() {
        let jobs = read_trace("t", b"submit_h,hours,gpus\n1.2,2.5,3\n99,60,1\n200,1,1\n5,1,8\n").expect("it is good");
        let traced = as_fleet("t", &jobs, sites(2, 300), &rules()).expect("one job is left");
        assert_eq!((traced.fleet.jobs.len(), traced.too_long, traced.too_large), (1, 1, 1));
        let job = traced.fleet.jobs[0];
        assert_eq!((job.release, job.hours, job.deadline, job.accelerators), (2, 3, 29, 3));
        assert_eq!(traced.fleet.names.get(0), "trace-2");
        let later = TraceRules { from_h: 50.0, hours: 10, ..rules() };
        assert!(matches!(as_fleet("t", &jobs, sites(1, 300), &later), Err(TraceError::NoJob { rows: 4, .. })));
    }

    #[test]
    fn shares_are_kept_and_few_jobs_are_taken_at_even_distances() {
        let rows: Vec<String> = (0..4000).map(|at| format!("{},1,1", f64::from(at) / 50.0)).collect();
        let jobs = read_trace("t", format!("submit_h,hours,gpus\n{}", rows.join("\n")).as_bytes()).expect("it is good");
        let all = as_fleet("t", &jobs, sites(4, 300), &rules()).expect("all are left").fleet;
        let share = |of: fn(&Job) -> bool| all.jobs.iter().filter(|job| of(job)).count() as f64 / 4000.0;
        assert!((share(|job| job.interruptible) - 0.5).abs() < 0.03);
        assert!((share(|job| job.sites.0 == 0) - 0.5).abs() < 0.03);
        assert!((share(|job| job.home == 3) - 0.25).abs() < 0.03);
        let few = as_fleet("t", &jobs, sites(4, 300), &TraceRules { most_jobs: 40, ..rules() }).expect("some are left");
        assert_eq!((few.fleet.jobs.len(), few.passed_over), (40, 3960));
        let releases: Vec<u32> = few.fleet.jobs.iter().map(|job| job.release).collect();
        assert!(releases.windows(2).all(|pair| pair[1] - pair[0] == 2), "{releases:?}");
    }
}
