//! What a fleet's plan weighs beside emissions: cost, delay, and the energy that moves data.
//!
//! In: the options and rows of the sites, with the traces. Out: the planner's [`Terms`]; and of a plan, what they came to,
//! for JSON and for people.

use crate::document::DocumentError;
use crate::error::Error;
use crate::fleet::{FleetOptions, PlannedFleet};
use greenwich_core::Window;
use greenwich_core::quantity::{Co2e, UsdPerKwh};
use greenwich_fleet::{Fleet, SiteRow, Terms};
use greenwich_report::text::sheet::co2e;
use greenwich_signals::{Measure, Replay};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HOUR_S: i64 = 3600;
const G_PER_T: f64 = 1e6;

/// What weighs beside emissions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FleetWeights {
    /// Energy that moves a gigabyte from a job's home to another site, in kWh.
    pub transfer_kwh_per_gb: f64,
    /// What a tonne of CO2e costs, in US dollars; `None` where cost has no weight.
    pub carbon_price_usd_per_t: Option<f64>,
    /// What an accelerator-hour of waiting is charged, in grams.
    pub delay_penalty_g: f64,
}

impl FleetWeights {
    fn g_per_usd(&self) -> f64 {
        self.carbon_price_usd_per_t.map_or(0.0, |price| G_PER_T / price)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "transfer_kwh_per_gb": self.transfer_kwh_per_gb,
            "carbon_price_usd_per_t": self.carbon_price_usd_per_t,
            "delay_penalty_g": self.delay_penalty_g,
        })
    }

    /// The weights as a certificate has them; none where it is of a plain fleet.
    pub(crate) fn read(value: &Value) -> Self {
        Self {
            transfer_kwh_per_gb: value["transfer_kwh_per_gb"].as_f64().unwrap_or(0.0),
            carbon_price_usd_per_t: value["carbon_price_usd_per_t"].as_f64(),
            delay_penalty_g: value["delay_penalty_g"].as_f64().unwrap_or(0.0),
        }
    }
}

/// The planner's terms. Prices of energy are read where cost has a weight: a site's own, else its zone's day-ahead price.
pub(crate) fn terms(
    options: &FleetOptions,
    rows: &[SiteRow],
    replay: Option<&Replay>,
    window: Window,
) -> Result<Terms, Error> {
    let mut terms = Terms {
        transfer_kwh_per_gb: options.weights.transfer_kwh_per_gb,
        g_per_usd: options.weights.g_per_usd(),
        delay_g: options.weights.delay_penalty_g,
        usd_per_kwh: Vec::new(),
    };
    if terms.g_per_usd > 0.0 {
        for row in rows {
            terms.usd_per_kwh.push(match (row.usd_per_kwh, replay) {
                (Some(price), _) => vec![price; options.hours as usize],
                (None, Some(replay)) => day_ahead(options, row, replay, window)?,
                (None, None) => return Err(no_price(row, "has no `usd_per_kwh`, and there are no traces")),
            });
        }
    }
    Ok(terms)
}

fn no_price(row: &SiteRow, why: &str) -> Error {
    Error::Document(DocumentError::Flag {
        flag: "--carbon-price",
        reason: format!("cost weighs, and site `{}` {why}", row.name),
        mend: "give each site `usd_per_kwh`, or its zone's trace the column `price_usd_per_mwh`".to_owned(),
    })
}

/// The prices of a zone's trace hour by hour: the mean of what is known of each hour.
fn day_ahead(options: &FleetOptions, row: &SiteRow, replay: &Replay, window: Window) -> Result<Vec<UsdPerKwh>, Error> {
    let column = replay.column(&row.zone, &Measure::PRICE, options.as_of)?;
    let zone = row.zone.as_str();
    let Some(column) = column else {
        let why = format!("has no `usd_per_kwh`, and the trace of {zone} no `price_usd_per_mwh`");
        return Err(no_price(row, &why));
    };
    let hour_of = |at: &Timestamp| at.as_second().div_euclid(HOUR_S);
    let mut by_hour: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    let spans = (column.step.as_secs() + HOUR_S - 1).div_euclid(HOUR_S).max(1);
    for (at, price) in &column.known {
        // An interval longer than an hour holds in each of its hours.
        for hour in 0..spans {
            let (sum, count) = by_hour.entry(hour_of(at) + hour).or_default();
            (*sum, *count) = (*sum + price, *count + 1.0);
        }
    }
    let first = hour_of(&window.start());
    let price = |hour: i64| {
        let known = by_hour.get(&(first + hour)).map(|(sum, count)| UsdPerKwh::from_usd_per_kwh(sum / count / 1e3));
        known.ok_or_else(|| {
            let at = window.start() + SignedDuration::from_hours(hour);
            no_price(row, &format!("has no `usd_per_kwh`, and {zone} no `price_usd_per_mwh` at {at}"))
        })
    };
    (0..i64::from(options.hours)).map(price).collect()
}

/// Columns that the plan reads and does not reckon with.
pub(crate) fn passed_by(fleet: &Fleet, options: &FleetOptions) -> Vec<String> {
    let mut told = Vec::new();
    let has_range = |extras: &greenwich_fleet::Extras| {
        extras.speedup.is_empty() && (extras.min_accelerators.is_some() || extras.max_accelerators.is_some())
    };
    if fleet.extras.iter().any(has_range) {
        let words =
            "jobs with `min_accelerators` or `max_accelerators` and no `speedup` run on their own `accelerators`";
        told.push(words.to_owned());
    }
    let priced = fleet.extras.iter().any(|extras| extras.price.is_some());
    if priced && options.weights.carbon_price_usd_per_t.is_none() {
        told.push("`usd_per_hour` is read and has no weight without --carbon-price".to_owned());
    }
    told
}

impl PlannedFleet {
    /// Whether cost or delay have a weight.
    pub(crate) fn has_weights(&self) -> bool {
        self.weights.carbon_price_usd_per_t.is_some() || self.weights.delay_penalty_g > 0.0
    }

    /// Adds the keys of what is reckoned with beyond power, PUE and intensity; a plain fleet has none of them.
    pub(crate) fn tell_terms(&self, value: &mut Value) {
        let Some(tally) = &self.plan.tally else { return };
        let split = self.split();
        value["transfer_co2e_kg"] = json!(tally.transfer.kg());
        value["restart_co2e_kg"] = json!(tally.restart.kg());
        value["restarts"] = json!(tally.restarts);
        value["waiting_accelerator_hours"] = json!(tally.waiting.hours());
        value["saving_by"]["machine_kg"] = json!(split.machine / 1e3);
        value["saving_by"]["transfer_kg"] = json!(split.transfer / 1e3);
        value["saving_by"]["restart_kg"] = json!(split.restart / 1e3);
        value["weights"] = self.weights.json();
        if self.weights.carbon_price_usd_per_t.is_some() {
            value["cost_usd"] = json!(tally.cost.usd());
            value["baseline_cost_usd"] = json!(tally.baseline_cost.usd());
        }
        if self.has_weights() {
            value["weighed_co2e_kg"] = json!(tally.weighed.kg());
            value["lower_bound_weighed_co2e_kg"] = json!(self.plan.lower_bound.kg());
            // The bound is one of the weighed sum: emissions alone may lie below it.
            value["lower_bound_co2e_kg"] = Value::Null;
        }
    }

    /// The same for people.
    pub(crate) fn terms_text(&self, out: &mut String) {
        let Some(tally) = &self.plan.tally else { return };
        if tally.transfer > Co2e::ZERO {
            _ = writeln!(out, "  moving data  {}, part of the CO2e", co2e(tally.transfer.kg()));
        }
        if tally.restart > Co2e::ZERO {
            let (count, grams) = (tally.restarts, co2e(tally.restart.kg()));
            _ = writeln!(out, "  restarts     {count} after pauses: {grams}, part of the CO2e");
        }
        if let Some(price) = self.weights.carbon_price_usd_per_t {
            let (cost, at_once) = (tally.cost.usd(), tally.baseline_cost.usd());
            _ = writeln!(out, "  cost         {cost:.2} USD, {at_once:.2} if run at once; a tonne counts {price} USD");
        }
        if self.weights.delay_penalty_g > 0.0 {
            let (waiting, each) = (tally.waiting.hours(), self.weights.delay_penalty_g);
            _ = writeln!(out, "  waiting      {waiting:.0} accelerator-hours, {each} g each");
        }
        if self.has_weights() {
            _ = writeln!(out, "  weighed      {}: what was minimised", co2e(tally.weighed.kg()));
        }
    }
}
