//! The plan file of the contract, read back and doubted.
//!
//! In: a fleet and the bytes of a plan. Out: what the plan emits, reckoned anew, or the first row that breaks the
//! contract: a site, a window, a number of hours, a pause, a capacity.

use crate::bound::Sum;
use crate::csv::{Form, rows};
use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::hour;
use crate::plan::Placement;
use greenwich_core::quantity::Co2e;
use std::collections::HashMap;

const FORM: Form = Form { known: &["job", "site", "start", "end"], needed: 4, wanted: "job, site, start, end" };
const MEND: &str = "the plan belongs to other files, or was changed: plan again with --out";

/// A plan that keeps the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Jobs with a place.
    pub placed: usize,
    /// Jobs without.
    pub unplaced: usize,
    /// What it emits, penalties included.
    pub co2e: Co2e,
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
    let hours = fleet.hours as usize;
    let mut used = vec![0_u64; fleet.sites.len() * hours];
    let mut total = Sum::default();
    let (mut placed, mut rest) = (0, parts.as_slice());
    for (index, job) in fleet.jobs.iter().enumerate() {
        let count = rest.iter().take_while(|part| part.job as usize == index).count();
        let (own, others) = rest.split_at(count);
        rest = others;
        let Some(first) = own.first() else {
            total.add(unplaced_penalty_g * f64::from(job.accelerators) * f64::from(job.hours));
            continue;
        };
        placed += 1;
        let kind = fleet.extras.get(index).and_then(|extras| extras.accelerator.as_deref());
        let has = fleet.sites[first.site as usize].accelerator.as_deref();
        let length: u32 = own.iter().map(|part| part.end - part.start).sum();
        if own.iter().any(|part| part.site != first.site) {
            return Err(broken(index, "runs on several sites".to_owned()));
        } else if fleet.site_sets[job.sites.0 as usize].binary_search(&first.site).is_err() {
            return Err(broken(index, format!("may not run on `{}`", fleet.sites[first.site as usize].name)));
        } else if kind.is_some() && has.is_some() && kind != has {
            return Err(broken(index, format!("wants another accelerator than `{}`", has.unwrap_or_default())));
        } else if length != job.hours {
            return Err(broken(index, format!("runs {length} h and needs {}", job.hours)));
        } else if first.start < job.release || own[count - 1].end > job.deadline {
            return Err(broken(index, "leaves its window".to_owned()));
        } else if own.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return Err(broken(index, "overlaps itself".to_owned()));
        } else if !job.interruptible && own.windows(2).any(|pair| pair[0].end != pair[1].start) {
            return Err(broken(index, "is paused and may not be".to_owned()));
        }
        let place = &fleet.sites[first.site as usize];
        let kilowatts = job.power.watts() * f64::from(job.accelerators) / 1e3;
        for hour in own.iter().flat_map(|part| part.start..part.end) {
            let cell = &mut used[first.site as usize * hours + hour as usize];
            *cell += u64::from(job.accelerators);
            if *cell > u64::from(place.capacity[hour as usize]) {
                let (has, name) = (place.capacity[hour as usize], &place.name);
                return Err(broken(index, format!("makes `{name}` run {cell} accelerators of {has} in hour {hour}")));
            }
            total.add(kilowatts * place.pue.ratio() * place.intensity[hour as usize].g_per_kwh());
        }
    }
    Ok(Checked { placed, unplaced: fleet.jobs.len() - placed, co2e: Co2e::from_g(total.total()) })
}

/// The rows, by job and then by hour.
fn read(fleet: &Fleet, start: i64, file: &str, bytes: &[u8]) -> Result<Vec<Placement>, FleetError> {
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
        found.push(Placement { job, site, start: from, end: until });
        Ok(())
    })?;
    found.sort_unstable_by_key(|part| (part.job, part.start));
    Ok(found)
}
