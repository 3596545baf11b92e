//! The certificate of a fleet's plan: written with it, and verified without trusting the planner.
//!
//! In: a planned fleet; later the certificate alone, which names its files. Out: `greenwich.certificate/2`, and what
//! the check came to: the bound that its prices and its tree prove, reckoned anew from the files, and the plan file, read
//! back.

use crate::document::DocumentError;
use crate::error::Error;
use crate::fleet::{FleetOptions, PlannedFleet, read_fleet};
use crate::fleet_proof;
use crate::fleet_quotas;
use crate::fleet_terms::FleetWeights;
use crate::load;
use greenwich_core::Signal;
use greenwich_fleet::{BadRows, Checked, check_plan, follow, prove};
use greenwich_report::text::sheet::co2e;
use greenwich_signals::Fill;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "greenwich.certificate/2";

/// What a certificate claims, in kgCO2e.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claimed {
    /// The plan, penalties included.
    pub co2e_kg: f64,
    /// What was minimised, where that is more than the plan's CO2e: cost and delay weigh.
    pub weighed_kg: Option<f64>,
    /// The bound of what was minimised.
    pub lower_bound_kg: f64,
}

/// What a verification came to.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Verified {
    /// What the certificate claims.
    pub claimed: Claimed,
    /// The bound that it proves, in kgCO2e, by its prices or by its tree.
    pub proven_kg: f64,
    /// The plan file, where the certificate names one.
    pub plan: Option<Checked>,
    /// What does not hold.
    pub faults: Vec<String>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

impl PlannedFleet {
    /// `greenwich.certificate/2`: the inputs, what is claimed of them, and the prices that prove it.
    pub fn certificate(&self, options: &FleetOptions, out: Option<&Path>) -> Value {
        let path = |path: &Path| path.display().to_string();
        let plan = &self.plan;
        let cells = self.fleet.sites.len() * self.fleet.hours as usize;
        let hours = self.fleet.hours as usize;
        let steps: Vec<Value> = plan
            .certificate
            .steps
            .iter()
            .zip(plan.certificate.prices_g.chunks_exact(cells.max(1)))
            .map(|(step, prices)| {
                let sites: serde_json::Map<String, Value> = self
                    .fleet
                    .sites
                    .iter()
                    .zip(prices.chunks_exact(hours))
                    .map(|(site, prices)| (site.name.clone(), json!(prices)))
                    .collect();
                json!({"step": step, "prices_g_per_accelerator_hour": sites})
            })
            .collect();
        let mut value = json!({
            "schema": SCHEMA,
            "jobs": path(&options.jobs),
            "sites": path(&options.sites),
            "calendar": options.calendar.as_deref().map(path),
            "signals": path(&options.signals),
            "as_of": options.as_of.map(|at| at.to_string()),
            "start": options.start.to_string(),
            "hours": options.hours,
            "fill": options.fill.to_string(),
            "signal": options.signal.as_str(),
            "unplaced_penalty_g": options.unplaced_penalty_g,
            "skip_bad": options.bad_rows == BadRows::Skip,
            "plan": out.map(path),
            "co2e_kg": plan.co2e.kg(),
            "lower_bound_co2e_kg": plan.lower_bound.kg(),
            "lower_bound_by_prices_co2e_kg": plan.certificate.bound.kg(),
            "gap": plan.gap(),
            "steps": steps,
            "proof": plan.proof.as_ref().map(fleet_proof::write),
        });
        if self.has_weights() {
            value["weighed_co2e_kg"] = json!(plan.weighed().kg());
        }
        if plan.tally.is_some() {
            value["weights"] = options.weights.json();
        }
        if let Some(quotas) = &options.quotas {
            value["quotas"] = json!(path(quotas));
            value["quota_prices"] = fleet_quotas::prices(&self.fleet, &plan.certificate.quota_prices);
        }
        value
    }
}

/// Verifies a certificate: reads the files that it names, reckons the bound of its prices and of its
/// tree anew, and holds the contract against the plan file.
///
/// # Errors
/// [`Error::Document`] for what is no certificate, and the errors of the files that it names.
pub fn verify_certificate(file: &Path) -> Result<Verified, Error> {
    let bytes = load::whole(file)?;
    let name = file.display().to_string();
    let refuse = |reason: &str| {
        let mend = "name a file that `greenwich plan --jobs … --certificate FILE` wrote".to_owned();
        Error::Document(DocumentError::Read { file: name.clone(), reason: reason.to_owned(), mend })
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| refuse(&error.to_string()))?;
    let text = |key: &str| value[key].as_str().ok_or_else(|| refuse(&format!("`{key}` is no text")));
    let number = |key: &str| value[key].as_f64().ok_or_else(|| refuse(&format!("`{key}` is no number")));
    if text("schema")? != SCHEMA {
        return Err(refuse(&format!("its schema is not `{SCHEMA}`: plan anew with `--certificate`")));
    }
    let options = FleetOptions {
        jobs: PathBuf::from(text("jobs")?),
        sites: PathBuf::from(text("sites")?),
        calendar: value["calendar"].as_str().map(PathBuf::from),
        quotas: value["quotas"].as_str().map(PathBuf::from),
        signals: PathBuf::from(text("signals")?),
        as_of: value["as_of"].as_str().and_then(|at| at.parse().ok()),
        kept: None,
        inputs: Vec::new(),
        start: text("start")?.parse().map_err(|_| refuse("`start` is no instant"))?,
        hours: number("hours")? as u32,
        fill: match text("fill")? {
            "hold" => Fill::Hold,
            "mean" => Fill::Mean,
            _ => Fill::Refuse,
        },
        signal: match text("signal")? {
            "direct" => Signal::Direct,
            "marginal" => Signal::Marginal,
            _ => Signal::Lifecycle,
        },
        unplaced_penalty_g: number("unplaced_penalty_g")?,
        weights: FleetWeights::read(&value["weights"]),
        bad_rows: if value["skip_bad"] == json!(true) { BadRows::Skip } else { BadRows::Refuse },
        effort: 1.0,
        threads: 1,
    };
    let read = read_fleet(&options)?;
    let (mut steps, mut prices) = (Vec::new(), Vec::new());
    for step in value["steps"].as_array().ok_or_else(|| refuse("`steps` is no list"))? {
        let size = step["step"].as_u64().and_then(|size| u32::try_from(size).ok());
        steps.push(size.ok_or_else(|| refuse("`step` is no count"))?);
        for site in &read.fleet.sites {
            let row = step["prices_g_per_accelerator_hour"][&site.name].as_array();
            let row = row.ok_or_else(|| refuse(&format!("site `{}` has no prices", site.name)))?;
            prices.extend(row.iter().map(|price| price.as_f64().unwrap_or(f64::NAN)));
        }
    }
    let quota_prices = fleet_quotas::read_prices(&read.fleet, &value["quota_prices"])
        .ok_or_else(|| refuse("its `quota_prices` are not numbers of 0 or more, one for each project with a quota"))?;
    let proven = prove(&read.fleet, options.unplaced_penalty_g, &steps, &prices, &quota_prices)
        .ok_or_else(|| refuse("its prices are not those of these sites and hours, or are below 0"))?;
    let by_tree = if value["proof"].is_null() {
        None
    } else {
        let proof = fleet_proof::read(&value["proof"]);
        let followed = proof.and_then(|proof| follow(&read.fleet, options.unplaced_penalty_g, &proof));
        let followed = followed.ok_or_else(|| refuse("its proof is not one of these jobs, sites and hours"))?;
        Some(followed.kg())
    };
    let plan = match value["plan"].as_str() {
        None => None,
        Some(plan) => {
            let (path, start) = (Path::new(plan), options.start.as_second() / 3600);
            let checked = check_plan(&read.fleet, start, options.unplaced_penalty_g, plan, &load::whole(path)?);
            Some(checked.map_err(|error| load::refused(path, error))?)
        }
    };
    let claimed = Claimed {
        co2e_kg: number("co2e_kg")?,
        weighed_kg: value["weighed_co2e_kg"].as_f64(),
        lower_bound_kg: number("lower_bound_co2e_kg")?,
    };
    Ok(judge(&claimed, number("lower_bound_by_prices_co2e_kg")?, (proven.kg(), by_tree), plan))
}

/// Two ways to sum the same agree to so much.
const AGREES: f64 = 1e-9;

/// `proven` are what the prices prove, and what the tree does where there is one.
fn judge(claimed: &Claimed, by_prices_kg: f64, proven: (f64, Option<f64>), plan: Option<Checked>) -> Verified {
    let (mut faults, mut notes) = (Vec::new(), Vec::new());
    let proven_kg = proven.1.map_or(proven.0, |tree| tree.max(proven.0));
    let above = |claimed: f64, proven: f64| claimed > proven + AGREES * (proven.abs() + 1.0);
    if above(by_prices_kg, proven.0) {
        faults.push(format!("the prices prove {} kg, not the {by_prices_kg} kg that are claimed of them", proven.0));
    }
    if above(claimed.lower_bound_kg, proven_kg) {
        faults.push(format!("the bound of {} kg is not proven: {proven_kg} kg are", claimed.lower_bound_kg));
    }
    if proven.1.is_some_and(|tree| tree >= proven.0) {
        notes.push(format!(
            "the prices alone prove {} kg; the rest was proven by following the tree step by step",
            proven.0
        ));
    }
    match &plan {
        None => notes.push("no plan file is named: plan with --out to have it verified as well".to_owned()),
        Some(plan) => {
            let found = plan.co2e.kg();
            if (found - claimed.co2e_kg).abs() > AGREES * found.abs() {
                faults.push(format!("the plan emits {found} kg, not the {} kg that are claimed", claimed.co2e_kg));
            }
            let weighed = plan.weighed.kg();
            if let Some(claimed) = claimed.weighed_kg
                && (weighed - claimed).abs() > AGREES * weighed.abs()
            {
                faults.push(format!("the plan weighs {weighed} kg, not the {claimed} kg that are claimed"));
            }
            if proven_kg > weighed + AGREES * weighed.abs() {
                faults.push(format!("the bound of {proven_kg} kg lies above the plan's {weighed} kg"));
            }
        }
    }
    Verified { claimed: *claimed, proven_kg, plan, faults, notes }
}

impl Verified {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// How far the plan can be from the best there is, by what was proven here alone.
    pub fn gap(&self) -> Option<f64> {
        let plan = self
            .plan
            .as_ref()
            .map_or(self.claimed.weighed_kg.unwrap_or(self.claimed.co2e_kg), |plan| plan.weighed.kg());
        (self.proven_kg > 0.0).then(|| (plan - self.proven_kg) / self.proven_kg)
    }

    /// `greenwich.verified/1`.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "schema": "greenwich.verified/1",
            "holds": self.holds(),
            "claimed_co2e_kg": self.claimed.co2e_kg,
            "claimed_lower_bound_co2e_kg": self.claimed.lower_bound_kg,
            "proven_lower_bound_co2e_kg": self.proven_kg,
            "plan_co2e_kg": self.plan.as_ref().map(|plan| plan.co2e.kg()),
            "placed": self.plan.as_ref().map(|plan| plan.placed),
            "unplaced": self.plan.as_ref().map(|plan| plan.unplaced),
            "proven_gap": self.gap(),
            "faults": self.faults,
            "notes": self.notes,
        });
        if let Some(claimed) = self.claimed.weighed_kg {
            value["claimed_weighed_co2e_kg"] = json!(claimed);
            value["plan_weighed_co2e_kg"] = json!(self.plan.as_ref().map(|plan| plan.weighed.kg()));
        }
        value
    }

    /// The verification for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        _ = writeln!(out, "{}", if self.holds() { "the certificate holds" } else { "the certificate does not hold" });
        if let Some(plan) = &self.plan {
            _ = writeln!(
                out,
                "  plan      {}, {} placed, {} not; no rule is broken",
                co2e(plan.co2e.kg()),
                plan.placed,
                plan.unplaced
            );
        }
        let gap = self.gap().map_or("unknown".to_owned(), |gap| format!("{:.3} %", gap * 1e2));
        let what = if self.claimed.weighed_kg.is_some() { " so weighed" } else { "" };
        _ = writeln!(out, "  no plan   below {}{what}, proven here: within {gap}", co2e(self.proven_kg));
        for fault in &self.faults {
            _ = writeln!(out, "  fault     {fault}");
        }
        for note in &self.notes {
            _ = writeln!(out, "  note      {note}");
        }
        out
    }
}
