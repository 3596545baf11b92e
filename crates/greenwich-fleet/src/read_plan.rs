//! The plan file of the contract, read back and doubted.
//!
//! In: a fleet and the bytes of a plan. Out: what the plan emits, reckoned anew, or the first row that breaks the
//! contract: a site, a window, a number of hours, a pause, a capacity, a quota.

use crate::bound::Sum;
use crate::csv::{Form, rows};
use crate::error::FleetError;
use crate::fleet::{Fleet, Job, Project};
use crate::hour;
use crate::quota::{grams, nanograms};
use crate::terms::Way;
use greenwich_core::quantity::Co2e;
use std::collections::HashMap;

const FORM: Form =
    Form { known: &["job", "site", "start", "end", "accelerators"], needed: 4, wanted: "job, site, start, end" };
const MEND: &str = "the plan belongs to other files, or was changed: plan again with --out";

/// Sums of speeds agree to so many hours.
const WORK_HAIR_H: f64 = 1e-6;

/// A plan that keeps the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Jobs with a place.
    pub placed: usize,
    /// Jobs without.
    pub unplaced: usize,
    /// What it emits, penalties included.
    pub co2e: Co2e,
    /// What is minimised: the same, and what cost and delay weigh where they do.
    pub weighed: Co2e,
}

/// A row of the plan.
#[derive(Debug, Clone, Copy)]
struct Part {
    job: u32,
    site: u32,
    start: u32,
    end: u32,
    accelerators: u32,
}

/// Reads a plan and holds the contract against it. `start` is the first planned instant, in hours since 1970.
///
/// # Errors
/// [`FleetError`] for the first row that cannot be read, and [`FleetError::Broken`] for a plan that breaks a rule.
pub fn check_plan(
    fleet: &Fleet,
    start: i64,
    unplaced_penalty_g: f64,
    file: &str,
    bytes: &[u8],
) -> Result<Checked, FleetError> {
    let parts = read(fleet, start, file, bytes)?;
    let broken = |job: usize, rule: String| FleetError::Broken {
        file: file.to_owned(),
        job: fleet.names.get(job).to_owned(),
        rule,
    };
    let terms = fleet.more();
    let hours = fleet.hours as usize;
    let mut used = vec![0_u64; fleet.sites.len() * hours];
    let (mut total, mut weighed) = (Sum::default(), Sum::default());
    let mut left: Vec<Option<i128>> =
        fleet.projects.iter().map(|project| project.quota.map(|quota| nanograms(quota.g()))).collect();
    let (mut placed, mut rest) = (0, parts.as_slice());
    for (index, job) in fleet.jobs.iter().enumerate() {
        let count = rest.iter().take_while(|part| part.job as usize == index).count();
        let (own, others) = rest.split_at(count);
        rest = others;
        let Some(first) = own.first() else {
            total.add(fleet.penalty_g(index as u32, unplaced_penalty_g));
            if let Some(terms) = terms {
                weighed.add(fleet.refusal_g(index, unplaced_penalty_g, terms));
            }
            continue;
        };
        placed += 1;
        let way = terms.map(|_| fleet.way(index, first.site));
        let kind = fleet.extras.get(index).and_then(|extras| extras.accelerator.as_deref());
        let has = fleet.sites[first.site as usize].accelerator.as_deref();
        if own.iter().any(|part| part.site != first.site) {
            return Err(broken(index, "runs on several sites".to_owned()));
        } else if fleet.site_sets[job.sites.0 as usize].binary_search(&first.site).is_err() {
            return Err(broken(index, format!("may not run on `{}`", fleet.sites[first.site as usize].name)));
        } else if (kind.is_some() && has.is_some() && kind != has) || way == Some(None) {
            return Err(broken(index, format!("wants another accelerator than `{}`", has.unwrap_or_default())));
        } else if let Some(rule) = unlike(own, job, way.as_ref().and_then(Option::as_ref)) {
            return Err(broken(index, rule));
        } else if first.start < job.release || own[count - 1].end > job.deadline {
            return Err(broken(index, "leaves its window".to_owned()));
        } else if own.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return Err(broken(index, "overlaps itself".to_owned()));
        } else if !job.interruptible && own.windows(2).any(|pair| pair[0].end != pair[1].start) {
            return Err(broken(index, "is paused and may not be".to_owned()));
        }
        let place = &fleet.sites[first.site as usize];
        let kilowatts = job.power.watts() * f64::from(job.accelerators) / 1e3;
        let held = own.iter().flat_map(|part| (part.start..part.end).map(|hour| (hour, part.accelerators)));
        for (hour, accelerators) in held.clone() {
            let cell = &mut used[first.site as usize * hours + hour as usize];
            *cell += u64::from(accelerators);
            if *cell > u64::from(place.capacity[hour as usize]) {
                let (has, name) = (place.capacity[hour as usize], &place.name);
                return Err(broken(index, format!("makes `{name}` run {cell} accelerators of {has} in hour {hour}")));
            }
            if terms.is_none() {
                total.add(kilowatts * place.pue.ratio() * place.intensity[hour as usize].g_per_kwh());
            }
        }
        if let (Some(terms), Some(Some(way))) = (terms, way) {
            let bill = fleet.bill(index, first.site, &way, &held.collect::<Vec<_>>());
            total.add(bill.emitted_g());
            weighed.add(bill.weighed_g(terms));
            if let Some(project) = fleet.budget_of(index)
                && let Some(left) = &mut left[project as usize]
            {
                *left -= nanograms(bill.emitted_g());
                if *left < 0 {
                    let Project { name, quota } = &fleet.projects[project as usize];
                    let quota = quota.map_or(0.0, Co2e::kg);
                    let over = grams(-*left);
                    let rule = format!("takes its project `{name}` {over} g over its quota of {quota} kgCO2e");
                    return Err(broken(index, rule));
                }
            }
        }
    }
    let co2e = Co2e::from_g(total.total());
    let weighed = if terms.is_some() { Co2e::from_g(weighed.total()) } else { co2e };
    Ok(Checked { placed, unplaced: fleet.jobs.len() - placed, co2e, weighed })
}

/// What is wrong with the hours and sizes of a run; `way` is how the job runs there, where that is not as the file has it.
fn unlike(own: &[Part], job: &Job, way: Option<&Way>) -> Option<String> {
    let length: u32 = own.iter().map(|part| part.end - part.start).sum();
    let Some(way) = way else {
        if let Some(part) = own.iter().find(|part| part.accelerators != job.accelerators) {
            return Some(format!("runs on {} accelerators and needs {}", part.accelerators, job.accelerators));
        }
        return (length != job.hours).then(|| format!("runs {length} h and needs {}", job.hours));
    };
    let mut work = 0.0;
    for part in own {
        let Some(size) = way.size(part.accelerators) else {
            return Some(format!("cannot run on {} accelerators", part.accelerators));
        };
        work += size.speed * f64::from(part.end - part.start);
    }
    let needed = way.size(own[0].accelerators).map_or(job.hours, |size| size.hours);
    if !way.is_elastic() || !job.interruptible {
        if own.iter().any(|part| part.accelerators != own[0].accelerators) {
            return Some("changes its size and may not".to_owned());
        }
        return (length != needed).then(|| format!("runs {length} h and needs {needed}"));
    }
    let needed = f64::from(job.hours);
    (work + WORK_HAIR_H < needed).then(|| format!("does {work} h of work and needs {needed}"))
}

/// The rows, by job and then by hour.
fn read(fleet: &Fleet, start: i64, file: &str, bytes: &[u8]) -> Result<Vec<Part>, FleetError> {
    let jobs: HashMap<&str, u32> = (0..fleet.jobs.len()).map(|index| (fleet.names.get(index), index as u32)).collect();
    let sites: HashMap<&str, u32> = fleet.sites.iter().zip(0..).map(|(site, index)| (&*site.name, index)).collect();
    let mut found = Vec::new();
    rows(file, bytes, &FORM, |row| {
        let refuse = |column: usize, problem: &str| row.refuse(column, problem, MEND);
        let job = *jobs.get(&*row.cell(0)).ok_or_else(|| refuse(0, "no such job"))?;
        let site = *sites.get(&*row.cell(1)).ok_or_else(|| refuse(1, "no such site"))?;
        let hour = |column: usize| {
            let hour = hour::read(&row.cell(column)).map_err(|problem| refuse(column, problem))? - start;
            u32::try_from(hour)
                .ok()
                .filter(|hour| *hour <= fleet.hours)
                .ok_or_else(|| refuse(column, "not planned over"))
        };
        let (from, until) = (hour(2)?, hour(3)?);
        if from >= until {
            return Err(refuse(3, "not after its start"));
        }
        let accelerators = match &*row.cell(4) {
            "" => fleet.jobs[job as usize].accelerators,
            size => size.parse().map_err(|_| refuse(4, "not a count"))?,
        };
        found.push(Part { job, site, start: from, end: until, accelerators });
        Ok(())
    })?;
    found.sort_unstable_by_key(|part| (part.job, part.start));
    Ok(found)
}
