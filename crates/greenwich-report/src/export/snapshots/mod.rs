//! Every form over three fixtures: all counted; estimated in no known zone; the sum of three phases.
//!
//! In: fixtures. Out: inline snapshots, so that a change of a form is read before it ships. JSON is shown a line a
//! key, long lists by their first two items, and without our own record, which has a test of its own.

mod cards;
mod checklists;
mod records;
mod tables;

use crate::export::sci::Per;
use crate::export::{Form, render};
use crate::fixture_run as fixture;
use greenwich_core::entry::RunEntry;
use serde_json::Value;
use std::fmt::Write as _;

fn counted(form: Form) -> String {
    shown(form, &[fixture::counted()])
}

fn estimated(form: Form) -> String {
    shown(form, &[fixture::estimated()])
}

fn phases(form: Form) -> String {
    shown(form, &fixture::phases())
}

fn shown(form: Form, runs: &[RunEntry]) -> String {
    let text = render(runs, form, Per::Run);
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => lines(&value, 0),
        Err(_) => text,
    }
}

/// A line a key; the one record of a list is unfolded as well.
fn lines(value: &Value, depth: usize) -> String {
    let Some(object) = value.as_object() else { return short(value) };
    let mut out = String::new();
    for (key, value) in object.iter().filter(|(key, _)| *key != "greenwich") {
        let indent = "  ".repeat(depth);
        match value.as_array().map(Vec::as_slice) {
            Some([record @ Value::Object(_)]) if key == "records" => {
                let _ = write!(out, "{indent}{key}:\n{}", lines(record, depth + 1));
            }
            _ => {
                let _ = writeln!(out, "{indent}{key}: {}", short(value));
            }
        }
    }
    out
}

/// Compact JSON, its lists cut after two items.
fn short(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() > 2 => {
            format!("[{}, {}, … {} more]", short(&items[0]), short(&items[1]), items.len() - 2)
        }
        Value::Array(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}: {}", short(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[test]
fn every_json_form_but_ours_has_our_record_beside_it() {
    for form in [Form::Sci, Form::BoAmps] {
        let value: Value =
            serde_json::from_str(&render(&[fixture::counted()], form, Per::Run)).expect("the form is JSON");
        let record = &value["greenwich"];
        for key in ["boundary", "method", "coverage", "location_based_co2e_kg", "factors", "warnings"] {
            assert!(!record[key].is_null(), "{key} of {}", form.as_str());
        }
    }
}
