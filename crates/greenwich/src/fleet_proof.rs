//! The proof of a tree's bound, as a certificate keeps it.
//!
//! In: a [`Proof`]. Out: JSON, and back. Prices are written as `[cell, price, cell, price, …]`, those of 0 left out.

use greenwich_fleet::{Cut, Proof, Step, Then};
use serde_json::{Value, json};

/// The proof as JSON.
pub(crate) fn write(proof: &Proof) -> Value {
    let parts: Vec<Value> = proof.parts.iter().map(|steps| steps.iter().map(step).collect()).collect();
    json!({"refusals_g_per_accelerator": proof.refusals_g, "parts": parts})
}

fn step(step: &Step) -> Value {
    let mut told = json!({});
    if !step.prices.is_empty() {
        let priced = step.prices.iter().enumerate().filter(|(_, price)| **price > 0.0);
        // The shortest text that reads back as the same single.
        let short = |price: f32| price.to_string().parse::<f64>().unwrap_or_default();
        told["prices"] = priced.flat_map(|(cell, price)| [json!(cell), json!(short(*price))]).collect();
    }
    if step.narrowed_at.is_finite() {
        told["narrowed_at_g"] = json!(step.narrowed_at);
    }
    match step.then {
        Then::Done => {}
        Then::One => told["then"] = json!("one"),
        Then::Again(next) => told["again"] = json!(next),
        Then::Cut(cut, first, second) => {
            let (way, of) = match cut {
                Cut::Place(task) => ("place", vec![task]),
                Cut::On(slot) => ("on", vec![slot]),
                Cut::Until(task, last) => ("until", vec![task, last]),
                Cut::In(slot, hour) => ("in", vec![slot, hour]),
            };
            told["cut"] = json!({"by": way, "of": of, "halves": [first, second]});
        }
    }
    told
}

/// The proof that JSON holds; `cells` are the prices of a step for one site. `None` where it is none.
pub(crate) fn read(value: &Value, cells: usize, sites: usize) -> Option<Proof> {
    let refusals = value["refusals_g_per_accelerator"].as_array()?;
    let refusals_g: Vec<f64> = refusals.iter().map(Value::as_f64).collect::<Option<_>>()?;
    let cells = if refusals_g.is_empty() { cells * sites } else { cells };
    let part = |steps: &Value| steps.as_array()?.iter().map(|step| read_step(step, cells)).collect::<Option<Vec<_>>>();
    Some(Proof { refusals_g, parts: value["parts"].as_array()?.iter().map(part).collect::<Option<_>>()? })
}

fn read_step(value: &Value, cells: usize) -> Option<Step> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let mut prices = Vec::new();
    if let Some(told) = value["prices"].as_array() {
        prices = vec![0.0; cells];
        for pair in told.chunks(2) {
            *prices.get_mut(number(&pair[0])? as usize)? = pair.get(1)?.as_f64()? as f32;
        }
    }
    let cut = &value["cut"];
    let then = if value["then"] == "one" {
        Then::One
    } else if let Some(next) = number(&value["again"]) {
        Then::Again(next)
    } else if cut.is_object() {
        let (first, second) = (number(&cut["of"][0])?, number(&cut["of"][1]));
        let cut_by = match cut["by"].as_str()? {
            "place" => Cut::Place(first),
            "on" => Cut::On(first),
            "until" => Cut::Until(first, second?),
            "in" => Cut::In(first, second?),
            _ => return None,
        };
        Then::Cut(cut_by, number(&cut["halves"][0])?, number(&cut["halves"][1])?)
    } else {
        Then::Done
    };
    Some(Step { prices, narrowed_at: value["narrowed_at_g"].as_f64().unwrap_or(f64::INFINITY), then })
}
