//! The proof of a tree's bound, as a certificate keeps it.
//!
//! In: a [`Proof`]. Out: JSON, and back. Prices are written as `[cell, price, cell, price, …]`, those of 0 left out.

use greenwich_fleet::{Cut, Proof, Split, Step, Then};
use serde_json::{Value, json};

/// Prices of a step at most: far more than any fleet that is searched has.
const MOST_PRICES: usize = 1 << 24;

/// The proof as JSON.
pub(crate) fn write(proof: &Proof) -> Value {
    let parts: Vec<Value> = proof.parts.iter().map(|steps| steps.iter().map(step).collect()).collect();
    let splits: Vec<Value> = proof.splits.iter().map(split).collect();
    json!({"splits": splits, "parts": parts})
}

fn split(split: &Split) -> Value {
    match split {
        Split::Whole(part) => json!({"whole": part}),
        Split::Sites { refusals_g, parts } => json!({"refusals_g_per_accelerator": refusals_g, "parts": parts}),
        Split::Cut(cut, first, second) => json!({"cut": write_cut(*cut, *first, *second)}),
    }
}

fn write_cut(cut: Cut, first: u32, second: u32) -> Value {
    let (way, of) = match cut {
        Cut::Place(task) => ("place", vec![task]),
        Cut::On(slot) => ("on", vec![slot]),
        Cut::Until(task, last) => ("until", vec![task, last]),
        Cut::In(slot, hour) => ("in", vec![slot, hour]),
    };
    json!({"by": way, "of": of, "halves": [first, second]})
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
        Then::Cut(cut, first, second) => told["cut"] = write_cut(cut, first, second),
    }
    told
}

/// The proof that JSON holds. `None` where it is none.
pub(crate) fn read(value: &Value) -> Option<Proof> {
    let steps = |steps: &Value| -> Option<Vec<Step>> { steps.as_array()?.iter().map(read_step).collect() };
    Some(Proof {
        splits: value["splits"].as_array()?.iter().map(read_split).collect::<Option<_>>()?,
        parts: value["parts"].as_array()?.iter().map(steps).collect::<Option<_>>()?,
    })
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn read_split(value: &Value) -> Option<Split> {
    if let Some(part) = number(&value["whole"]) {
        return Some(Split::Whole(part));
    }
    if let Some((cut, first, second)) = read_cut(&value["cut"]) {
        return Some(Split::Cut(cut, first, second));
    }
    let refusals = value["refusals_g_per_accelerator"].as_array()?;
    Some(Split::Sites {
        refusals_g: refusals.iter().map(Value::as_f64).collect::<Option<_>>()?,
        parts: value["parts"].as_array()?.iter().map(number).collect::<Option<_>>()?,
    })
}

fn read_cut(cut: &Value) -> Option<(Cut, u32, u32)> {
    let (first, second) = (number(&cut["of"][0])?, number(&cut["of"][1]));
    let by = match cut["by"].as_str()? {
        "place" => Cut::Place(first),
        "on" => Cut::On(first),
        "until" => Cut::Until(first, second?),
        "in" => Cut::In(first, second?),
        _ => return None,
    };
    Some((by, number(&cut["halves"][0])?, number(&cut["halves"][1])?))
}

fn read_step(value: &Value) -> Option<Step> {
    let mut prices = Vec::new();
    if let Some(told) = value["prices"].as_array() {
        // A step with prices of 0 only has prices too.
        prices.push(0.0);
        for pair in told.chunks(2) {
            let cell = number(&pair[0])? as usize;
            if cell >= MOST_PRICES {
                return None;
            }
            if cell >= prices.len() {
                prices.resize(cell + 1, 0.0);
            }
            prices[cell] = pair.get(1)?.as_f64()? as f32;
        }
    }
    let then = if value["then"] == "one" {
        Then::One
    } else if let Some(next) = number(&value["again"]) {
        Then::Again(next)
    } else if value["cut"].is_object() {
        let (cut, first, second) = read_cut(&value["cut"])?;
        Then::Cut(cut, first, second)
    } else {
        Then::Done
    };
    Some(Step { prices, narrowed_at: value["narrowed_at_g"].as_f64().unwrap_or(f64::INFINITY), then })
}
