//! Quotas of CO2e that projects have in a fleet's plan.
//!
//! In: the quotas file and the fleet whose jobs name projects; later the plan. Out: the fleet with its quotas; what each came
//! to, for JSON, people and pictures; and their prices, as a certificate has them.

use crate::document::DocumentError;
use crate::error::Error;
use crate::fleet::PlannedFleet;
use crate::load;
use greenwich_fleet::{Fleet, QuotaUse, read_quotas};
use greenwich_report::text::sheet::co2e;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Quotas that are told to people by name.
const MOST_TOLD: usize = 10;
/// And by a picture.
const MOST_DRAWN: usize = 3;

/// Reads the quotas into the fleet; returns what the reader should know.
pub(crate) fn read(file: &Path, jobs: &Path, fleet: &mut Fleet) -> Result<Vec<String>, Error> {
    let warnings = read_quotas(&file.display().to_string(), &load::whole(file)?, fleet);
    let warnings = warnings.map_err(|error| load::refused(file, error))?;
    if fleet.projects.is_empty() {
        return Err(Error::Document(DocumentError::Read {
            file: file.display().to_string(),
            reason: format!("no job of `{}` names a project", jobs.display()),
            mend: "give the jobs file a column `project`, or leave --quotas out".to_owned(),
        }));
    }
    Ok(warnings)
}

/// The prices of the quotas by the names of their projects.
pub(crate) fn prices(fleet: &Fleet, prices: &[f64]) -> Value {
    let with = fleet.projects.iter().zip(prices).filter(|(project, _)| project.quota.is_some());
    with.map(|(project, price)| (project.name.clone(), json!(price))).collect::<Map<_, _>>().into()
}

/// The prices of a certificate, by project; `None` where they are not those of the fleet's quotas.
pub(crate) fn read_prices(fleet: &Fleet, value: &Value) -> Option<Vec<f64>> {
    if fleet.projects.iter().all(|project| project.quota.is_none()) {
        return value.is_null().then(Vec::new);
    }
    let price = |project: &greenwich_fleet::Project| match project.quota {
        None => Some(0.0),
        Some(_) => value[&project.name].as_f64().filter(|price| *price >= 0.0),
    };
    fleet.projects.iter().map(price).collect()
}

impl PlannedFleet {
    /// The quotas, those first whose shadow price is highest.
    fn quotas(&self) -> Vec<(&str, &QuotaUse)> {
        let mut quotas: Vec<(&str, &QuotaUse)> =
            self.plan.quotas.iter().map(|quota| (&*self.fleet.projects[quota.project as usize].name, quota)).collect();
        quotas.sort_by(|one, other| other.1.saves_g_per_g.total_cmp(&one.1.saves_g_per_g).then(one.0.cmp(other.0)));
        quotas
    }

    /// Adds `quotas`, where there are such.
    pub(crate) fn tell_quotas(&self, value: &mut Value) {
        if self.plan.quotas.is_empty() {
            return;
        }
        let told = |(project, quota): (&str, &QuotaUse)| {
            json!({
                "project": project,
                "quota_kg": quota.quota.kg(),
                "used_kg": quota.used.kg(),
                "saving_kg_per_kg": quota.saves_g_per_g,
                "jobs": quota.jobs,
                "unplaced": quota.unplaced,
            })
        };
        value["quotas"] = self.quotas().into_iter().map(told).collect();
    }

    /// The same for people.
    pub(crate) fn quotas_text(&self, out: &mut String) {
        let quotas = self.quotas();
        for (project, quota) in quotas.iter().take(MOST_TOLD) {
            _ = writeln!(out, "  quota        {}", self.quota_line(project, quota));
        }
        if let Some(more) = quotas.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            _ = writeln!(out, "  quota        {more} more, none with a higher shadow price");
        }
    }

    fn quota_line(&self, project: &str, quota: &QuotaUse) -> String {
        let (used, all) = (co2e(quota.used.kg()), co2e(quota.quota.kg()));
        let mut line = format!("{project}: {used} of {all}");
        if quota.saves_g_per_g > 0.0 {
            let weighed = if self.has_weights() { " so weighed" } else { "" };
            _ = write!(line, "; 1 kg more would save {}{weighed}", co2e(quota.saves_g_per_g));
        }
        match quota.unplaced {
            0 => {}
            1 => line.push_str("; 1 job has no place for it"),
            more => _ = write!(line, "; {more} jobs have no place for it"),
        }
        line
    }

    /// The quotas in a picture's foot note: those that are scarcest.
    pub(crate) fn quotas_note(&self) -> Option<String> {
        let quotas = self.quotas();
        let told: Vec<String> =
            quotas.iter().take(MOST_DRAWN).map(|(project, quota)| self.quota_line(project, quota)).collect();
        let more =
            if quotas.len() > told.len() { format!(" ({} more)", quotas.len() - told.len()) } else { String::new() };
        (!told.is_empty()).then(|| format!("Quotas: {}{more}", told.join(". ")))
    }
}
