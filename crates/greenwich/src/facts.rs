//! The facts as people and programs look them up: `greenwich facts list|show|explain|check`.
//!
//! In: the catalog and a name. Out: text or JSON. Nothing is computed here; each row is shown with its unit,
//! date, source and mark.

use crate::job_file::SiteSpec;
use crate::machine::Machine;
use crate::site::Place;
use greenwich_core::{Check, Factor};
use greenwich_facts::{Catalog, FactsError, Precision, Row, SCHEMA, TableSpec, nearest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Schema of every JSON answer here.
const JSON_SCHEMA: &str = "greenwich.facts/1";

/// A look into the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Every table, or the subjects of one.
    List(Option<String>),
    /// Every row about a subject.
    Show(String),
    /// Every row about a subject with its source in full, and what a lookup would answer.
    Explain(String),
    /// Counts of rows by mark, and what is only quoted or unverified.
    Check,
}

/// Answers as text of at most `width` columns.
///
/// # Errors
/// [`FactsError::Unknown`] for a name that no table holds.
pub fn text(catalog: &Catalog, look: &Look, width: usize) -> Result<String, FactsError> {
    Ok(match look {
        Look::List(None) => tables_text(catalog),
        Look::List(Some(name)) => subjects_text(catalog, name)?,
        Look::Show(name) => {
            let (subject, rows) = find(catalog, name)?;
            show_text(catalog, &subject, &rows, width)
        }
        Look::Explain(name) => {
            let (subject, rows) = find(catalog, name)?;
            explain_text(catalog, &subject, &rows, width)
        }
        Look::Check => check_text(&Catalog::checked()?),
    })
}

/// Answers as JSON, `greenwich.facts/1`.
///
/// # Errors
/// [`FactsError::Unknown`] for a name that no table holds.
pub fn json(catalog: &Catalog, look: &Look) -> Result<Value, FactsError> {
    Ok(match look {
        Look::List(None) => {
            let table = |spec: &TableSpec| json!({"table": spec.name, "about": spec.about, "rows": catalog.rows_in(spec.name).len()});
            json!({"schema": JSON_SCHEMA, "tables": SCHEMA.iter().map(table).collect::<Vec<_>>()})
        }
        Look::List(Some(name)) => {
            let subjects: Vec<Value> = subjects(catalog, name)?
                .into_iter()
                .map(|(subject, about)| json!({"subject": subject, "about": about}))
                .collect();
            json!({"schema": JSON_SCHEMA, "table": name, "subjects": subjects})
        }
        Look::Show(name) | Look::Explain(name) => {
            let (subject, rows) = find(catalog, name)?;
            let rows: Vec<Value> = rows.into_iter().map(|row| row_json(catalog, row)).collect();
            let taken: Vec<Value> = taken(catalog, &subject).iter().map(factor_json).collect();
            json!({
                "schema": JSON_SCHEMA, "subject": subject, "about": identity(catalog, &subject), "taken": taken, "rows": rows,
            })
        }
        Look::Check => {
            let catalog = &Catalog::checked()?;
            let marks: BTreeMap<&str, usize> = marks(catalog).into_iter().map(|(mark, n)| (mark.as_str(), n)).collect();
            let sources = catalog.sources().count();
            json!({"schema": JSON_SCHEMA, "rows": catalog.rows().count(), "sources": sources, "by_check": marks})
        }
    })
}

fn row_json(catalog: &Catalog, row: &Row) -> Value {
    let source = catalog.source(&row.source);
    json!({
        "table": row.table, "subject": row.subject, "quantity": row.quantity, "value": row.value, "unit": row.unit,
        "scope": row.scope, "valid_from": row.valid_from.to_string(), "check": row.check.as_str(), "note": row.note,
        "source": row.source, "title": source.map(|s| s.title.clone()), "publisher": source.map(|s| s.publisher.clone()),
        "url": source.map(|s| s.url.clone()), "licence": source.map(|s| s.licence.clone()),
    })
}

fn factor_json(factor: &Factor) -> Value {
    json!({
        "quantity": factor.quantity, "value": factor.value, "unit": factor.unit, "source": factor.source,
        "year": factor.year, "fit": factor.fit.to_string(), "check": factor.check.as_str(),
    })
}

fn tables_text(catalog: &Catalog) -> String {
    let mut out = String::from("Tables (greenwich facts list TABLE shows what each is about):\n");
    for spec in SCHEMA {
        let rows = catalog.rows_in(spec.name).len();
        _ = writeln!(out, "  {:<22}{rows:>6} rows  {}", spec.name, spec.about);
    }
    _ = writeln!(
        out,
        "  {:<22}{:>6} models with their published hyper-parameters",
        "models",
        catalog.model_names().count()
    );
    _ = writeln!(out, "  {:<22}{:>6} typical years (month × hour)", "typical_profiles", catalog.profiles().count());
    _ = writeln!(out, "  {:<22}{:>6} documents and data files cited", "sources", catalog.sources().count());
    out
}

/// Subjects of a table with a word about each.
fn subjects(catalog: &Catalog, name: &str) -> Result<Vec<(String, String)>, FactsError> {
    Ok(match name {
        "accelerators" => catalog
            .accelerator_names()
            .map(|one| (one.id.clone(), format!("{}, {} ({})", one.name, one.year, one.one_is)))
            .collect(),
        "regions" => {
            catalog.region_names().map(|one| (one.id.clone(), format!("{}, zone {}", one.name, one.zone))).collect()
        }
        "zones" => catalog.zone_names().map(|one| (one.id.clone(), one.name.clone())).collect(),
        "models" => catalog.model_names().map(|name| (name.to_owned(), String::new())).collect(),
        "typical_profiles" => catalog
            .profiles()
            .map(|profile| {
                let years = format!("{}–{}", profile.from_year, profile.to_year);
                (profile.zone.to_string(), format!("{}, {years}, {}", profile.signal, profile.attribution))
            })
            .collect(),
        "sources" => catalog
            .sources()
            .map(|source| (source.id.clone(), format!("{}, {} {}", source.title, source.publisher, source.year)))
            .collect(),
        _ => {
            let Some(spec) = SCHEMA.iter().find(|spec| spec.name == name) else {
                let known = SCHEMA.iter().map(|spec| spec.name).chain(["models", "typical_profiles", "sources"]);
                return Err(FactsError::Unknown {
                    kind: "table",
                    name: name.to_owned(),
                    nearest: nearest(name, known),
                });
            };
            let mut subjects: Vec<(String, String)> = Vec::new();
            for row in catalog.rows_in(spec.name) {
                if subjects.last().is_none_or(|(last, _)| *last != row.subject) {
                    subjects.push((row.subject.clone(), String::new()));
                }
            }
            subjects
        }
    })
}

fn subjects_text(catalog: &Catalog, name: &str) -> Result<String, FactsError> {
    let subjects = subjects(catalog, name)?;
    let widest = subjects.iter().map(|(subject, _)| subject.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (subject, about) in subjects {
        _ = writeln!(out, "{}", format!("{subject:<widest$}  {about}").trim_end());
    }
    Ok(out)
}

/// The key of a name in whatever table knows it, and every row about it.
fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<(String, Vec<&'a Row>), FactsError> {
    let found = catalog.find_subject(name)?;
    let subject = found.first().map_or_else(|| name.to_owned(), |(_, subject)| subject.clone());
    Ok((subject.clone(), catalog.rows().filter(|row| row.subject == subject).collect()))
}

/// What a name is, in words: its place, its maker, its hyper-parameters.
fn identity(catalog: &Catalog, subject: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for one in catalog.accelerator_names().filter(|one| one.id == subject) {
        let seller = one.sold_by.as_ref().map_or_else(String::new, |provider| format!(", rented by {provider} alone"));
        lines.push(format!("{}, {} {}, one is a {}{seller}", one.name, one.maker, one.year, one.one_is));
    }
    for one in catalog.region_names().filter(|one| one.id == subject) {
        let at = [degrees(one.latitude, ["N", "S"]), degrees(one.longitude, ["E", "W"])].join(" ");
        lines.push(format!("{}, grid zone {}, at {at}, {}", one.name, one.zone, one.status));
    }
    let of_generation = catalog.accelerator_names().filter(|one| one.generation == subject && one.id != subject);
    let chips: Vec<&str> = of_generation.map(|one| one.id.as_str()).collect();
    if !chips.is_empty() {
        lines.push(format!("a generation of accelerators: {}", chips.join(", ")));
    }
    for one in catalog.zone_names().filter(|one| one.id == subject) {
        let parent = one.parent.as_ref().map_or_else(String::new, |parent| format!(", part of {parent}"));
        lines.push(format!("{}{parent}", one.name));
    }
    if let Some(config) =
        catalog.model_names().find(|name| *name == subject).and_then(|name| catalog.model_config(name).ok())
    {
        lines.push(config.to_owned());
    }
    lines
}

fn degrees(value: f64, [positive, negative]: [&str; 2]) -> String {
    format!("{}° {}", value.abs(), if value < 0.0 { negative } else { positive })
}

/// What a run would take of a region, a zone or an accelerator, and how each figure answers.
fn taken(catalog: &Catalog, subject: &str) -> Vec<Factor> {
    if catalog.accelerator_names().any(|one| one.id == subject) {
        return Machine::find(catalog, subject, Precision::Bf16).map(|machine| machine.factors).unwrap_or_default();
    }
    let is_region = catalog.region_names().any(|one| one.id == subject);
    let site = if is_region { catalog.region(subject, None) } else { catalog.zone(subject, None) };
    site.map(|site| Place::new(catalog, Some(site), &SiteSpec::default(), None).factors).unwrap_or_default()
}

fn figure(row: &Row) -> String {
    let mut text = format!("{} {}", row.value, row.unit);
    if !row.scope.is_empty() {
        _ = write!(text, " ({})", row.scope);
    }
    text
}

fn mark(check: Check) -> &'static str {
    if check == Check::Unverified { "UNVERIFIED" } else { check.as_str() }
}

fn show_text(catalog: &Catalog, subject: &str, rows: &[&Row], width: usize) -> String {
    let mut out = format!("{subject}\n");
    for line in identity(catalog, subject) {
        wrapped(&mut out, "  ", &line, width);
    }
    let widest = |of: fn(&Row) -> String| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (quantity, value) = (widest(|row| row.quantity.to_owned()), widest(figure));
    for row in rows {
        let line = format!(
            "  {:<quantity$}  {:<value$}  {}  {:<10}  {}",
            row.quantity,
            figure(row),
            row.valid_from.year(),
            mark(row.check),
            row.source,
        );
        let cut: String = line.chars().take(width).collect();
        _ = writeln!(out, "{}", cut.trim_end());
    }
    if rows.is_empty() {
        _ = writeln!(out, "  no figures of its own");
    }
    out
}

fn explain_text(catalog: &Catalog, subject: &str, rows: &[&Row], width: usize) -> String {
    let mut out = format!("{subject}\n");
    for line in identity(catalog, subject) {
        wrapped(&mut out, "  ", &line, width);
    }
    let taken = taken(catalog, subject);
    if !taken.is_empty() {
        _ = writeln!(out, "\nWhat a run takes of it, the newest figure of each kind:");
        for factor in taken {
            let year = factor.year.map_or_else(String::new, |year| format!("; figure of {year}"));
            let value = greenwich_core::quantity::significant(factor.value, 4);
            let line =
                format!("{} {value} {}: {}; from {}{year}", factor.quantity, factor.unit, factor.fit, factor.source);
            wrapped(&mut out, "  ", &line, width);
        }
    }
    _ = writeln!(out, "\nRows about it:");
    for row in rows {
        _ = writeln!(out, "{} = {}", row.quantity, figure(row));
        _ = writeln!(out, "  holds from  {}", row.valid_from);
        if let Some(source) = catalog.source(&row.source) {
            wrapped(
                &mut out,
                "  source      ",
                &format!("{}, {} {}", source.title, source.publisher, source.year),
                width,
            );
            if !source.url.is_empty() {
                _ = writeln!(out, "              {}", source.url);
            }
            _ = writeln!(out, "  licence     {}, read {}", source.licence, source.retrieved);
        }
        _ = writeln!(out, "  check       {}", mark(row.check));
        if !row.note.is_empty() {
            wrapped(&mut out, "  note        ", &row.note, width);
        }
        _ = writeln!(out, "  stands in   {}.csv, line {}", row.table, row.line);
    }
    out
}

/// Writes a text behind a label, wrapped at words.
fn wrapped(out: &mut String, label: &str, text: &str, width: usize) {
    let room = width.saturating_sub(label.chars().count()).max(20);
    let mut line = String::new();
    let mut label = label.to_owned();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            _ = writeln!(out, "{label}{line}");
            label = " ".repeat(label.chars().count());
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    _ = writeln!(out, "{label}{line}");
}

fn marks(catalog: &Catalog) -> Vec<(Check, usize)> {
    [Check::Primary, Check::Derived, Check::Quoted, Check::Unverified]
        .into_iter()
        .map(|mark| (mark, catalog.rows().filter(|row| row.check == mark).count()))
        .collect()
}

fn check_text(catalog: &Catalog) -> String {
    let mut out = format!(
        "{} rows in {} tables, {} sources: every row read, every rule held.\n",
        catalog.rows().count(),
        SCHEMA.len(),
        catalog.sources().count()
    );
    for (mark, rows) in marks(catalog) {
        let meaning = match mark {
            Check::Primary => "read in the maker's or author's own text or data file",
            Check::Derived => "computed by us from rows or traces that the note names",
            Check::Quoted => "read in another document that quotes it",
            Check::Unverified => "read nowhere yet: reports print it as unverified",
        };
        _ = writeln!(out, "  {:<12}{rows:>6}  {meaning}", mark.as_str());
    }
    let unverified: Vec<String> = SCHEMA
        .iter()
        .map(|spec| (spec.name, catalog.rows_in(spec.name).iter().filter(|row| row.check == Check::Unverified).count()))
        .filter(|(_, rows)| *rows > 0)
        .map(|(name, rows)| format!("{name} {rows}"))
        .collect();
    _ = writeln!(
        out,
        "Unverified by table: {}",
        if unverified.is_empty() { "none".to_owned() } else { unverified.join(", ") }
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_names_its_chips_and_a_place_its_hemispheres() {
        let catalog = Catalog::load();
        let chips = identity(&catalog, "h100").concat();
        assert!(chips.contains("h100-pcie-80g") && chips.contains("h100-sxm5-80g"), "{chips}");
        assert!(identity(&catalog, "gcp/us-central1").concat().contains("41.26° N 95.86° W"));
        assert!(identity(&catalog, "gcp/australia-southeast1").concat().contains("° S"));
    }
}
