//! HiGHS beside the planner: the whole fleet as one mixed-integer programme.
//!
//! In: the files of a plain fleet and its signals. Out: what the relaxation proves, what the search finds and proves within its
//! seconds, and the CPU seconds of each. A whole job has a variable for each site and start; one that may pause has one for
//! each site, and one for each site and hour; every job has one for staying without a place, at its penalty. Rows: a job is on
//! one site or has no place; on its site it runs its hours, elsewhere none; no site-hour holds more than it has.

use super::instance;
use crate::eval_forecast::read;
use anyhow::{Context, Result};
use greenwich_core::quantity::AverageIntensity;
use greenwich_fleet::{BadRows, Fleet, Job, JobsReader, Options, read_sites};
use highs::{ColProblem, HighsModelStatus, HighsSolutionStatus, Model, Row, Sense};
use jiff::{SignedDuration, Timestamp};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::fs;
use std::path::Path;

/// Fleets that it is asked about have no more jobs: of more it does not come to an end.
const MOST_JOBS: usize = 1000;
/// The columns of the table.
pub(crate) const HEADS: &str = " HiGHS: relaxation, kg | CPU s | HiGHS: plan, kg | bound, kg | gap | CPU s |";
/// The line below them.
pub(crate) const RULE: &str = " ---: | ---: | ---: | ---: | ---: | ---: |";
/// What is said below the table.
pub(crate) const FOOT: &str = "HiGHS: one thread; – where it found or proved nothing within --highs-seconds, or was not asked: \
                               fleets beyond 1,000 jobs and those of --with";

/// What HiGHS makes of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Found {
    relaxed_kg: Option<f64>,
    relaxed_s: f64,
    plan_kg: Option<f64>,
    bound_kg: Option<f64>,
    searched_s: f64,
}

/// The cells of a fleet's row.
pub(crate) fn cells(jobs: &Path, sites: &Path, data: &Path, options: &Options, seconds: f64) -> Result<String> {
    let fleet = fleet(jobs, sites, data)?;
    if fleet.jobs.len() > MOST_JOBS {
        return Ok(none());
    }
    let found = solve(&fleet, options, seconds)?;
    let kg = |mass: Option<f64>| mass.map_or("–".to_owned(), |mass| format!("{mass:.3}"));
    let gap = found.plan_kg.zip(found.bound_kg).filter(|(_, bound)| *bound > 0.0);
    let gap = gap.map_or("–".to_owned(), |(plan, bound)| format!("{:.3} %", 1e2 * ((plan - bound) / bound).max(0.0)));
    Ok(format!(
        " {} | {:.2} | {} | {} | {gap} | {:.2} |",
        kg(found.relaxed_kg),
        found.relaxed_s,
        kg(found.plan_kg),
        kg(found.bound_kg),
        found.searched_s
    ))
}

/// The cells of a fleet that it is not asked about.
pub(crate) fn none() -> String {
    " – |".repeat(6)
}

fn fleet(jobs: &Path, sites: &Path, data: &Path) -> Result<Fleet> {
    let start: Timestamp = instance::START.parse()?;
    let hours: i64 = instance::HOURS_TEXT.parse()?;
    let with_signal = |row: greenwich_fleet::SiteRow| {
        let history = read(&data.join(format!("{}.csv.gz", row.zone)))?;
        let at = |hour| history.at_g_per_kwh(start + SignedDuration::from_hours(hour));
        let levels = (0..hours).map(|hour| at(hour).map(AverageIntensity::from_g_per_kwh)).collect::<Option<Vec<_>>>();
        let levels = levels.with_context(|| format!("{} has a gap", row.zone))?;
        Ok(row.with(levels))
    };
    let rows = read_sites("sites.csv", &fs::read(sites)?)?;
    let sites = rows.into_iter().map(with_signal).collect::<Result<Vec<_>>>()?;
    let mut reader = JobsReader::new("jobs.csv", start.as_second() / 3600, sites, BadRows::Refuse);
    reader.feed(&fs::read(jobs)?)?;
    Ok(reader.finish()?.fleet)
}

/// Asks for the relaxation, then for the plan.
fn solve(fleet: &Fleet, options: &Options, seconds: f64) -> Result<Found> {
    let mut found = Found::default();
    let before = cpu_seconds()?;
    // The interior point alone: a vertex of the relaxation is not asked for, and takes longer.
    let mut relaxed = model(fleet, options, false, seconds);
    relaxed.set_option("solver", "ipm");
    relaxed.set_option("run_crossover", "off");
    let relaxed = relaxed.solve();
    found.relaxed_kg = (relaxed.status() == HighsModelStatus::Optimal).then(|| relaxed.objective_value());
    found.relaxed_s = cpu_seconds()? - before;
    drop(relaxed);
    let before = cpu_seconds()?;
    let searched = model(fleet, options, true, seconds).solve();
    if searched.primal_solution_status() == HighsSolutionStatus::Feasible {
        found.plan_kg = Some(searched.objective_value());
    }
    found.bound_kg = searched.double_info_value(c"mip_dual_bound").ok().filter(|bound| bound.is_finite());
    found.searched_s = cpu_seconds()? - before;
    Ok(found)
}

fn model(fleet: &Fleet, options: &Options, is_whole: bool, seconds: f64) -> Model {
    let mut model = Programme::of(fleet, options, is_whole).optimise(Sense::Minimise);
    model.make_quiet();
    model.set_option("time_limit", seconds);
    model.set_option("threads", 1);
    model.set_option("parallel", "off");
    model.set_option("mip_rel_gap", 0.0);
    model
}

/// The programme as it is built.
struct Programme {
    made: ColProblem,
    is_whole: bool,
    /// By site and hour.
    capacity: Vec<Vec<Row>>,
}

impl Programme {
    /// Costs are in kg. `is_whole` says whether what is chosen is chosen wholly, or shares may be.
    fn of(fleet: &Fleet, options: &Options, is_whole: bool) -> ColProblem {
        let mut made = ColProblem::default();
        let mut rows = |room: &[u32]| room.iter().map(|room| made.add_row(..=f64::from(*room))).collect();
        let capacity = fleet.sites.iter().map(|site| rows(&site.capacity)).collect();
        let mut programme = Self { made, is_whole, capacity };
        for job in &fleet.jobs {
            let placed = programme.made.add_row(1.0..=1.0);
            let area = f64::from(job.accelerators) * f64::from(job.hours);
            programme.choose(options.unplaced_penalty_g * area / 1e3, vec![(placed, 1.0)]);
            for &site in &fleet.site_sets[job.sites.0 as usize] {
                if job.interruptible {
                    programme.add_hours(fleet, job, site, placed);
                } else {
                    programme.add_starts(fleet, job, site, placed);
                }
            }
        }
        programme.made
    }

    /// Something that is chosen or not.
    fn choose(&mut self, kg: f64, rows: Vec<(Row, f64)>) {
        if self.is_whole {
            self.made.add_integer_column(kg, 0.0..=1.0, rows);
        } else {
            self.made.add_column(kg, 0.0..=1.0, rows);
        }
    }

    fn add_starts(&mut self, fleet: &Fleet, job: &Job, site: u32, placed: Row) {
        let last = job.deadline.min(fleet.hours);
        for start in (job.release..last).take_while(|start| start + job.hours <= last) {
            let hours = start..start + job.hours;
            if hours.clone().all(|hour| fits(fleet, job, site, hour)) {
                let kg = hours.clone().map(|hour| hour_kg(fleet, job, site, hour)).sum();
                let held = hours.map(|hour| self.hold(job, site, hour));
                let rows = std::iter::once((placed, 1.0)).chain(held).collect();
                self.choose(kg, rows);
            }
        }
    }

    fn add_hours(&mut self, fleet: &Fleet, job: &Job, site: u32, placed: Row) {
        let able: Vec<u32> =
            (job.release..job.deadline.min(fleet.hours)).filter(|hour| fits(fleet, job, site, *hour)).collect();
        if able.len() < job.hours as usize {
            return;
        }
        let count = self.made.add_row(0.0..=0.0);
        // An hour is run in only where the job is: without these rows shares of a site would buy its cleanest hours.
        let links: Vec<Row> = able.iter().map(|_| self.made.add_row(..=0.0)).collect();
        for (hour, link) in able.iter().zip(&links) {
            let rows = vec![(count, 1.0), (*link, 1.0), self.hold(job, site, *hour)];
            self.choose(hour_kg(fleet, job, site, *hour), rows);
        }
        let here = [(placed, 1.0), (count, -f64::from(job.hours))];
        self.choose(0.0, here.into_iter().chain(links.into_iter().map(|link| (link, -1.0))).collect());
    }

    fn hold(&self, job: &Job, site: u32, hour: u32) -> (Row, f64) {
        (self.capacity[site as usize][hour as usize], f64::from(job.accelerators))
    }
}

fn fits(fleet: &Fleet, job: &Job, site: u32, hour: u32) -> bool {
    fleet.sites[site as usize].capacity[hour as usize] >= job.accelerators
}

/// What an hour of a job emits.
fn hour_kg(fleet: &Fleet, job: &Job, site: u32, hour: u32) -> f64 {
    let place = &fleet.sites[site as usize];
    let facility_kwh = job.power.kw() * f64::from(job.accelerators) * place.pue.ratio();
    facility_kwh * place.intensity[hour as usize].g_per_kwh() / 1e3
}

fn cpu_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_fleet::plan;

    /// The generator's jobs on sites whose intensity is told by formula.
    fn small(jobs: usize, seed: u64) -> Fleet {
        let made = instance::Instance::make(jobs, 3, seed);
        let start: Timestamp = instance::START.parse().expect("an instant");
        let rows = read_sites("sites.csv", made.sites.as_bytes()).expect("the generator's rows are good");
        let sites = rows.into_iter().zip(1..).map(|(row, at)| {
            let wave = |hour: u32| 300.0 + 40.0 * f64::from(at) + 200.0 * (f64::from(hour * at) * 0.26).sin();
            row.with((0..168).map(|hour| AverageIntensity::from_g_per_kwh(wave(hour))).collect())
        });
        let sites = sites.collect();
        let mut reader = JobsReader::new("jobs.csv", start.as_second() / 3600, sites, BadRows::Refuse);
        reader.feed(made.jobs.as_bytes()).expect("the generator's rows are good");
        reader.finish().expect("the generator's rows are good").fleet
    }

    #[test]
    fn each_bound_lies_below_the_others_plan_and_small_plans_are_equal() {
        for (jobs, seed) in (0..6).flat_map(|seed| [(4, seed), (9, seed)]) {
            let fleet = small(jobs, seed);
            let options = Options { unplaced_penalty_g: 2000.0, effort: 1.0, threads: 1 };
            let ours = plan(&fleet, &options);
            let (plan_kg, bound_kg) = (ours.co2e.kg(), ours.lower_bound.kg());
            let found = solve(&fleet, &options, 60.0).expect("CPU time is told");
            let theirs = found.plan_kg.zip(found.bound_kg).zip(found.relaxed_kg);
            let ((their_plan_kg, their_bound_kg), relaxed_kg) = theirs.expect("such fleets are solved at once");
            // HiGHS keeps its rows to a millionth.
            let hair = 1e-5 * plan_kg;
            let told = format!("{jobs} jobs, seed {seed}: {plan_kg} {bound_kg}, {found:?}");
            assert!(bound_kg <= their_plan_kg + hair, "{told}");
            assert!(their_bound_kg <= plan_kg + hair && relaxed_kg <= plan_kg + hair, "{told}");
            assert!((plan_kg - their_plan_kg).abs() <= hair, "{told}");
        }
    }

    #[test]
    fn a_job_that_fits_nowhere_pays_its_penalty() {
        let mut fleet = small(4, 1);
        for site in &mut fleet.sites {
            site.capacity.fill(0);
        }
        let options = Options { unplaced_penalty_g: 2000.0, effort: 1.0, threads: 1 };
        let area: u32 = fleet.jobs.iter().map(|job| job.accelerators * job.hours).sum();
        let found = solve(&fleet, &options, 60.0).expect("CPU time is told");
        let plan_kg = found.plan_kg.expect("it is solved at once");
        assert!((plan_kg - 2.0 * f64::from(area)).abs() < 1e-9 * plan_kg, "{plan_kg} {area}");
    }
}
