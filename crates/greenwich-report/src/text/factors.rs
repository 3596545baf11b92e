//! Where the figures are from: every factor with `--explain`, the fallbacks without.
//!
//! In: footprints with the name each goes by. Out: lines on a page. A factor that several runs share
//! is listed once; an unverified one is marked in both forms.

use crate::number::three;
use crate::text::page::Page;
use greenwich_core::{Check, Factor, Footprint};

/// Lists the factors of the runs, `("planned", …)` each.
pub(crate) fn factors(page: &mut Page, runs: &[(&str, &Footprint)]) {
    let listed = listed(runs);
    if listed.is_empty() {
        return;
    }
    if page.style().explain {
        explain(page, runs, &listed);
    } else {
        fallbacks(page, &listed);
    }
}

/// Each factor once, with the names of the runs that have it.
fn listed<'a>(runs: &[(&'a str, &'a Footprint)]) -> Vec<(&'a Factor, Vec<&'a str>)> {
    let mut out: Vec<(&Factor, Vec<&str>)> = Vec::new();
    for (name, run) in runs {
        for factor in &run.factors {
            match out.iter_mut().find(|(held, _)| *held == factor) {
                Some((_, names)) if names.contains(name) => {}
                Some((_, names)) => names.push(name),
                None => out.push((factor, vec![name])),
            }
        }
    }
    out
}

fn explain(page: &mut Page, runs: &[(&str, &Footprint)], listed: &[(&Factor, Vec<&str>)]) {
    page.heading("Every factor: value, source, year, how it fits, where we read it");
    for (factor, names) in listed {
        let unit = if factor.unit.is_empty() { String::new() } else { format!(" {}", factor.unit) };
        let of = if names.len() < runs.len() { format!(" [{}]", names.join(", ")) } else { String::new() };
        let mark = if factor.check == Check::Unverified { "! " } else { "- " };
        page.item(mark, &format!("{}: {}{unit}{of}", factor.quantity, three(factor.value)));
        let year = factor.year.map_or_else(|| "no year".to_owned(), |year| year.to_string());
        page.item("    ", &format!("{} ({year}); fit: {}; check: {}", factor.source, factor.fit, check(factor)));
    }
}

fn check(factor: &Factor) -> String {
    match factor.check {
        Check::Unverified => "UNVERIFIED".to_owned(),
        read => read.to_string(),
    }
}

/// A fallback is never silent: what is not the row asked for, or not verified, is named in any case.
fn fallbacks(page: &mut Page, listed: &[(&Factor, Vec<&str>)]) {
    let note = |factor: &Factor| {
        let mut notes = Vec::new();
        if !factor.fit.is_plain() {
            notes.push(factor.fit.to_string());
        }
        if factor.check == Check::Unverified {
            notes.push("UNVERIFIED".to_owned());
        }
        (!notes.is_empty()).then(|| format!("{}: {}", factor.quantity, notes.join(", ")))
    };
    let mut notes: Vec<String> = Vec::new();
    for text in listed.iter().filter_map(|(factor, _)| note(factor)) {
        if !notes.contains(&text) {
            notes.push(text);
        }
    }
    page.blank();
    if !notes.is_empty() {
        page.named("Fallbacks", &format!("{}.", notes.join("; ")));
    }
    let counted = match listed.len() {
        1 => "1 factor".to_owned(),
        more => format!("{more} factors"),
    };
    page.named("Sources", &format!("{counted} entered; --explain lists each with source and year."));
}

/// What the reader must know, each once.
pub(crate) fn warnings<'a>(page: &mut Page, warnings: impl IntoIterator<Item = &'a String>) {
    let mut said: Vec<&String> = Vec::new();
    for warning in warnings {
        if !said.contains(&warning) {
            said.push(warning);
        }
    }
    if said.is_empty() {
        return;
    }
    page.heading(if said.len() == 1 { "Warning" } else { "Warnings" });
    for warning in said {
        page.item("! ", warning);
    }
}
