//! The quotas file: what each project may emit.
//!
//! In: its bytes, and the fleet whose jobs name projects. Out: the fleet, its projects with their quotas, and the names
//! that no job has; or what is wrong with which cell.

use crate::csv::{Form, rows};
use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::read_jobs::nearest;
use greenwich_core::quantity::Co2e;
use std::collections::HashSet;

const FORM: Form = Form { known: &["project", "co2e_kg"], needed: 2, wanted: "project, co2e_kg" };

/// Reads quotas into the projects of a fleet; returns what the reader should know: projects of no job.
///
/// # Errors
/// [`FleetError`] for the first row or cell that cannot be, for a project that stands twice, and where there is no row.
pub fn read_quotas(file: &str, bytes: &[u8], fleet: &mut Fleet) -> Result<Vec<String>, FleetError> {
    let (mut seen, mut idle) = (HashSet::new(), Vec::new());
    rows(file, bytes, &FORM, |row| {
        let name = row.cell(0).into_owned();
        if name.is_empty() {
            return Err(row.refuse(0, "a name is wanted", "name the project as the jobs file does"));
        }
        let kg = row.cell(1).parse().ok().filter(|kg: &f64| kg.is_finite() && *kg >= 0.0);
        let help = "give what the project may emit, in kgCO2e, 0 or more";
        let quota = kg.map(Co2e::from_kg).ok_or_else(|| row.refuse(1, "not an amount of CO2e", help))?;
        if !seen.insert(name.clone()) {
            return Err(row.refuse(0, "stands twice", "give each project one row"));
        }
        match fleet.projects.iter_mut().find(|project| project.name == name) {
            Some(project) => project.quota = Some(quota),
            None => idle.push(name),
        }
        Ok(())
    })?;
    if seen.is_empty() {
        return Err(FleetError::Empty { file: file.to_owned(), what: "quota" });
    }
    Ok(idle.into_iter().map(|name| unknown(file, &name, fleet)).collect())
}

fn unknown(file: &str, name: &str, fleet: &Fleet) -> String {
    let free = fleet.projects.iter().filter(|project| project.quota.is_none()).map(|project| &project.name);
    match nearest(name, free) {
        near if near.is_empty() => format!("{file}: no job is of project `{name}`, so its quota holds nobody"),
        near => format!(
            "{file}: no job is of project `{name}`, so its quota holds nobody; the nearest without one is `{near}`"
        ),
    }
}
