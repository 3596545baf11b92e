//! Energy from true hours: how well the power is foretold.
//!
//! In: the table of published runs. Out: watts foretold against measured, a run's own row left out of the mean of its chip.
//! Energies that are hours times a constant say nothing of power and are not rows here.

use super::{Table, number};
use greenwich_estimate::calibrate::quantile_of;

/// A system whose mean power was measured.
#[derive(Debug)]
struct Row {
    name: String,
    chip: String,
    watts: f64,
    tdp: Option<f64>,
}

pub(super) fn print(table: &Table) {
    let rows = rows(table);
    println!("\nenergy from true hours, {} systems measured whole, each left out of its chip's mean", rows.len());
    println!("row                                             measured   foretold      off   TDP alone");
    let (mut ours, mut by_tdp) = (Vec::new(), Vec::new());
    for (index, row) in rows.iter().enumerate() {
        let others: Vec<f64> = rows
            .iter()
            .enumerate()
            .filter(|(at, other)| *at != index && other.chip == row.chip)
            .map(|(_, other)| other.watts)
            .collect();
        let foretold = (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64);
        let tdp = row.tdp.map(|tdp| tdp / row.watts - 1.0);
        by_tdp.extend(tdp.map(f64::abs));
        let percent = |off: Option<f64>| off.map_or("-".to_owned(), |off| format!("{:+.1} %", 100.0 * off));
        let off = foretold.map(|watts| watts / row.watts - 1.0);
        ours.extend(off.map(f64::abs));
        let watts = foretold.map_or("no other".to_owned(), |watts| format!("{watts:.0} W"));
        println!("{:<46} {:>7.0} W {watts:>10} {:>8} {:>9}", row.name, row.watts, percent(off), percent(tdp));
    }
    for (name, mut errors) in [("ours", ours), ("TDP × hours", by_tdp)] {
        errors.sort_by(f64::total_cmp);
        let (n, mean) = (errors.len(), errors.iter().sum::<f64>() / errors.len() as f64);
        if n > 0 {
            println!("{name:<12} median {:.1} %, mean {:.1} % of {n}", 100.0 * quantile_of(&errors, 0.5), 100.0 * mean);
        }
    }
}

/// Whole systems measured, host counted, one row a model and chip.
fn rows(table: &Table) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in table {
        let cell = |key: &str| line.get(key).map_or("", String::as_str);
        let whole = cell("power_scope").starts_with("system_incl_host");
        let Some(watts) = number(line, "measured_avg_power_w_per_chip").filter(|_| whole) else { continue };
        let chip = cell("hardware").replace(" SXM", "");
        // Transformer (Big) on P100 stands twice, for two places.
        if rows.iter().any(|row| row.chip == chip && (row.watts - watts).abs() < 0.5) {
            continue;
        }
        let name = cell("name").split(',').next().unwrap_or_default().to_owned();
        rows.push(Row { name, chip, watts, tdp: number(line, "tdp_w") });
    }
    rows
}
