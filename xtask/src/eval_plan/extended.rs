//! The same fleets with columns, files and options beyond the plain ones.
//!
//! In: the files of a fleet, and what to add. Out: the files with more columns, by the index of the job or site, and the
//! options that make them count.

use crate::eval_plan::instance::Instance;
use anyhow::{Result, bail};

/// Gigabytes of one job after the other.
const GIGABYTES: [u32; 4] = [0, 10, 100, 1000];
/// Minutes of a restart.
const MINUTES: [u32; 4] = [0, 5, 15, 60];
/// Kinds of accelerators of one site after the other, with the speed and watts that each job has there.
const KINDS: [(&str, &str); 3] = [("one", "1:700"), ("fast", "2:1000"), ("slow", "0.5:300")];

/// Projects of one job after the other, with what they may emit an accelerator-hour, in grams: a quota that binds much, one
/// that does a little, one with room to spare, and none.
const PROJECTS: [(&str, Option<f64>); 4] =
    [("tight", Some(240.0)), ("close", Some(280.0)), ("slack", Some(500.0)), ("free", None)];

/// What can be added.
pub(crate) const ADDITIONS: &str = "data, restarts, kinds, sizes, cost, delay, quotas";

/// The cell of a row, by its index and what stands in it so far.
type Cell = Box<dyn Fn(usize, &str) -> String>;

/// Adds to a fleet; returns the options that go with it.
pub(crate) fn add(made: Instance, what: &str) -> Result<(Instance, Vec<&'static str>)> {
    let Instance { jobs, sites, .. } = made;
    let size = |row: &str| row.split(',').nth(4).and_then(|cell| cell.parse::<u32>().ok()).unwrap_or(1);
    let kinds = KINDS.map(|(name, figures)| format!("{name}:{figures}")).join("|");
    let job: (&str, Cell) = match what {
        "data" => ("data_gb", Box::new(|at, _| GIGABYTES[at % 4].to_string())),
        "restarts" => ("restart_minutes", Box::new(|at, _| MINUTES[at % 4].to_string())),
        "kinds" => ("accelerator", Box::new(move |_, _| kinds.clone())),
        "sizes" => (
            "speedup",
            Box::new(move |_, row| match size(row) {
                1 => "1:1|2:1.8".to_owned(),
                size => format!("{}:0.55|{size}:1|{}:1.8", size / 2, size * 2),
            }),
        ),
        "cost" => ("usd_per_hour", Box::new(|_, _| "2".to_owned())),
        "delay" => return Ok((Instance { jobs, sites, quotas: String::new() }, vec!["--delay-penalty-g", "5"])),
        "quotas" => ("project", Box::new(|at, _| PROJECTS[at % 4].0.to_owned())),
        _ => bail!("--with {what}: what can be added is {ADDITIONS}"),
    };
    let site: (&str, fn(usize) -> String) = match what {
        "kinds" => ("accelerator", |at| KINDS[at % 3].0.to_owned()),
        _ => ("usd_per_kwh", |at| format!("{:.2}", 0.05 + 0.02 * (at % 10) as f64)),
    };
    let options = if what == "cost" { vec!["--carbon-price", "100"] } else { Vec::new() };
    let quotas = if what == "quotas" { quotas(&jobs) } else { String::new() };
    let jobs = column(&jobs, job.0, |at, row| job.1(at, row));
    Ok((Instance { jobs, sites: column(&sites, site.0, |at, _| site.1(at)), quotas }, options))
}

/// The quotas file of such projects, by the accelerator-hours of their jobs.
fn quotas(jobs: &str) -> String {
    let mut areas = [0.0; PROJECTS.len()];
    for (at, row) in jobs.lines().skip(1).enumerate() {
        let cells: Vec<f64> = row.split(',').skip(3).take(2).filter_map(|cell| cell.parse().ok()).collect();
        areas[at % 4] += cells.iter().product::<f64>();
    }
    let row = |((project, grams), area): (&(&str, Option<f64>), f64)| {
        grams.map_or(String::new(), |grams| format!("{project},{}\n", grams * area / 1e3))
    };
    "project,co2e_kg\n".to_owned() + &PROJECTS.iter().zip(areas).map(row).collect::<String>()
}

fn column(table: &str, name: &str, cell: impl Fn(usize, &str) -> String) -> String {
    let rows = table.lines().enumerate().map(|(line, row)| match line.checked_sub(1) {
        None => format!("{row},{name}\n"),
        Some(at) => format!("{row},{}\n", cell(at, row)),
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_added_at_the_end_of_each_row() {
        let made = Instance::make(30, 10, 1);
        let (with, options) = add(made.clone(), "sizes").expect("it can be added");
        let (plain, longer) = (made.jobs.lines().nth(1), with.jobs.lines().nth(1));
        assert_eq!(longer.zip(plain).map(|(longer, plain)| longer.strip_prefix(plain)), Some(Some(",1:1|2:1.8")));
        assert_eq!((with.jobs.lines().count(), options.len()), (31, 0));
        assert!(add(made.clone(), "colour").is_err());
        let (with, _) = add(made, "quotas").expect("it can be added");
        assert!(with.jobs.lines().nth(2).is_some_and(|row| row.ends_with(",close")), "{}", with.jobs);
        assert_eq!(with.quotas.lines().count(), 4, "{}", with.quotas);
    }
}
