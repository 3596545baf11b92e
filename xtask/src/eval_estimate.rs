//! Measures the estimator: refits it on the calibration rows, and foretells each organisation's from the others'.
//!
//! In: the catalog's published runs and, by flag, a folder with `published_runs.tsv` (step times, measured energies). Out: the
//! measured part of the Estimate section of `docs/accuracy.md`: hours by tier, step times, energy from true hours, and every
//! peer's formula on the same rows. `--write` puts it between its markers there.

#![expect(clippy::print_stdout, reason = "the figures are what was asked for")]

mod energy;
mod hours;
mod peers;
mod steps;
mod tried;

use crate::calibrate::published;
use anyhow::{Context, Result, bail, ensure};
use greenwich_estimate::calibrate::CrossValidation;
use greenwich_facts::Catalog;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const DOCUMENT: &str = "docs/accuracy.md";
const BEGIN: &str = "<!-- cargo xtask eval estimate --write: begin -->";
const END: &str = "<!-- cargo xtask eval estimate --write: end -->";

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (mut data, mut write) = (None, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "--data" => data = Some(Path::new(*rest.next().context("--data wants a folder")?)),
            "--write" => write = true,
            _ => bail!("usage: cargo xtask eval estimate [--data DIR] [--write]"),
        }
    }
    let catalog = Catalog::load();
    let published = published(&catalog)?;
    let mut text = hours::section(&published, &catalog)?;
    if let Some(folder) = data {
        let table =
            table(&folder.join("published_runs.tsv")).or_else(|_| table(&folder.join("runs/published_runs.tsv")))?;
        text.push_str(&steps::section(&table, &catalog, &published)?);
        text.push_str(&energy::section(&table, &catalog)?);
    } else {
        ensure!(!write, "--write needs --data DIR, or step times and energies would be lost from {DOCUMENT}");
        eprintln!("step times and energies are skipped: give --data DIR with published_runs.tsv in it");
    }
    println!("{text}");
    if write {
        let document = fs::read_to_string(DOCUMENT).with_context(|| format!("{DOCUMENT} cannot be read"))?;
        fs::write(DOCUMENT, between(&document, &text)?).with_context(|| format!("{DOCUMENT} cannot be written"))?;
    }
    Ok(())
}

/// The document with another text between its markers.
fn between(document: &str, text: &str) -> Result<String> {
    let marker = |mark: &str| document.find(mark).with_context(|| format!("{DOCUMENT} has no `{mark}`"));
    let (begin, end) = (marker(BEGIN)? + BEGIN.len(), marker(END)?);
    ensure!(begin <= end, "the markers of {DOCUMENT} stand the wrong way round");
    Ok(format!("{}\n\n{}\n\n{}", &document[..begin], text.trim(), &document[end..]))
}

/// A share as per cent.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A line of a table of predictors; a predictor without spreads has no interval.
fn line(name: &str, found: &CrossValidation) -> String {
    let CrossValidation {
        median_error, mean_error, p90_error, coverage90, coverage50, width90, interval_score, ..
    } = found;
    let interval = if *width90 > 1.0 {
        format!("{} | {} | ×/÷ {width90:.2} | {interval_score:.2}", percent(*coverage90), percent(*coverage50))
    } else {
        "– | – | none | –".to_owned()
    };
    let [median, mean, p90] = [median_error, mean_error, p90_error].map(|error| percent(*error));
    format!("| {name} | {median} | {mean} | {p90} | {interval} |\n")
}

const PREDICTORS: &str = "| predictor | median | mean | p90 | inside 90 % | inside 50 % | mean 90 % interval | score |
| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |
";

/// Rows of a table with a header, tab-separated, comments apart.
type Table = Vec<BTreeMap<String, String>>;

fn table(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<&str> = lines.next().context("the table is empty")?.split('\t').collect();
    let row = |line: &str| {
        header.iter().zip(line.split('\t')).map(|(key, cell)| ((*key).to_owned(), cell.to_owned())).collect()
    };
    Ok(lines.map(row).collect())
}

/// A cell as a number.
fn number(row: &BTreeMap<String, String>, key: &str) -> Option<f64> {
    row.get(key)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_between_its_markers_and_nothing_else_moves() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter");
        let once = between(&document, "new\n").expect("it has both markers");
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter"));
        assert_eq!(between(&once, "new").expect("it has both markers"), once);
        assert!(between("no markers", "new").is_err());
    }
}
