//! Energy from true hours: how well the power is foretold.
//!
//! In: the table of published runs. Out: watts foretold against measured, a run's own row left out of those of its chip.
//! Energies that are hours times a constant say nothing of power and are not rows here.

use super::{Table, number, percent};
use anyhow::{Context, Result};
use greenwich_core::quantity::Power;
use greenwich_estimate::calibrate::quantile_of;
use greenwich_estimate::{Load, LogNormal, PowerBasis};
use greenwich_facts::Catalog;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Watts per gigabyte of memory that Green Algorithms adds, and the host memory of one accelerator: 512 GB for eight, assumed, since
/// no row says.
///
/// L. Lannelongue et al., "Green Algorithms", 2021, doi:10.1002/advs.202100707.
const GREEN_ALGORITHMS: (f64, f64) = (0.3725, 64.0);

/// A system whose mean power was measured.
#[derive(Debug)]
struct Row {
    name: String,
    chip: String,
    watts: f64,
    share_of_peak: f64,
    tdp: Option<f64>,
}

pub(super) fn section(table: &Table, catalog: &Catalog) -> Result<String> {
    let rows = rows(table);
    let moving = catalog.lookup("assumptions", "power-curve", "share", &[], None);
    let moving = moving.context("the catalog says how power moves with the share of peak")?.value;
    let mut text = format!(
        "### Energy from true hours

{} systems whose mean power was measured with their host (Patterson et al. 2021), each from the others on its chip, moved to its share of
peak: {:.0} % of a system's power goes with the share, which is from Google's least, mean and greatest power of TPU v3 and v4 chips and our
points of an H200, less the host, and not fitted on these rows. Energies that are hours times a constant (GLM-130B, FLM-101B, Granite)
are no test.

| system | share of peak | measured | foretold | off | flat mean | TDP × hours |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
",
        rows.len(),
        100.0 * moving
    );
    let (mut ours, mut flat, mut by_tdp, mut with_memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, row) in rows.iter().enumerate() {
        let others: Vec<&Row> = rows
            .iter()
            .enumerate()
            .filter(|(at, other)| *at != index && other.chip == row.chip)
            .map(|(_, other)| other)
            .collect();
        let off = |watts: f64| watts / row.watts - 1.0;
        let mean = (!others.is_empty()).then(|| of(&others, |other| other.watts));
        let moved = mean.map(|mean| {
            let load = Load::usual(of(&others, |other| other.share_of_peak), moving);
            let basis = PowerBasis::Measured { mean: Power::from_watts(mean), low: None, high: None };
            basis.at(load, LogNormal::exact(row.share_of_peak)).median().watts()
        });
        let tdp = row.tdp.map(off);
        ours.extend(moved.map(off));
        flat.extend(mean.map(off));
        by_tdp.extend(tdp);
        with_memory.extend(row.tdp.map(|tdp| off(tdp + GREEN_ALGORITHMS.0 * GREEN_ALGORITHMS.1)));
        let signed = |off: Option<f64>| off.map_or("–".to_owned(), |off| format!("{:+.1} %", 100.0 * off));
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.0} W | {} | {} | {} | {} |",
            row.name,
            row.share_of_peak,
            row.watts,
            moved.map_or("no other".to_owned(), |watts| format!("{watts:.0} W")),
            signed(moved.map(off)),
            signed(mean.map(off)),
            signed(tdp)
        );
    }
    text.push_str("\n| predictor | median | mean | of |\n| --- | ---: | ---: | ---: |\n");
    for (name, offs) in [
        ("others on the chip, at the share of peak", ours),
        ("others on the chip, flat", flat),
        ("TDP × hours", by_tdp),
        ("TDP and 0.3725 W/GB (Green Algorithms, 64 GB a chip assumed)", with_memory),
    ] {
        let mut errors: Vec<f64> = offs.into_iter().map(f64::abs).collect();
        errors.sort_by(f64::total_cmp);
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} |",
            percent(quantile_of(&errors, 0.5)),
            percent(mean),
            errors.len()
        );
    }
    text.push_str(&h200(catalog)?);
    Ok(text)
}

/// The usual share of peak, at which the moving part of a power is told.
const USUAL_SHARE: f64 = 0.3;

/// Our points of one H200 in training, and the line through those below the power limit.
fn h200(catalog: &Catalog) -> Result<String> {
    let figure =
        |point: &str, quantity| catalog.lookup("power_points", point, quantity, &[], None).map(|row| row.value);
    let names: BTreeSet<&str> = catalog
        .rows_in("power_points")
        .iter()
        .map(|row| row.subject.as_str())
        .filter(|point| point.starts_with("h200-training"))
        .collect();
    let mut points: Vec<(f64, f64)> =
        names.iter().filter_map(|point| Some((figure(point, "share_of_peak")?, figure(point, "power")?))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let greatest = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let free: Vec<(f64, f64)> = points.iter().copied().filter(|point| point.0 < 0.4).collect();
    let (level, slope) = through(&free);
    let usual = level + slope * USUAL_SHARE;
    let shown: Vec<String> = points.iter().map(|(share, watts)| format!("{watts:.0} W at {share:.2}")).collect();
    Ok(format!(
        "
One H200 alone in training, measured by us: {}. A line through the points below the limit has {usual:.0} W at {USUAL_SHARE} of peak, {:.0} % of
which go with the share; from 0.39 on the limit of 700 W holds it at {greatest:.0} W.

{}",
        shown.join(", "),
        100.0 * slope * USUAL_SHARE / usual,
        parts(catalog, usual)?
    ))
}

/// What running at all, products and memory traffic each add to the power of our H200, by least squares of the relative error over the
/// points below its limit of which both shares are known.
fn parts(catalog: &Catalog, usual: f64) -> Result<String> {
    let figure =
        |point: &str, quantity| catalog.lookup("power_points", point, quantity, &[], None).map(|row| row.value);
    let idle = figure("h200-idle", "power").context("the idle power was measured")?;
    let names: BTreeSet<&str> = catalog.rows_in("power_points").iter().map(|row| row.subject.as_str()).collect();
    let points: Vec<([f64; 3], f64)> = names
        .into_iter()
        .filter_map(|point| {
            let (memory, products) = (figure(point, "share_of_memory")?, figure(point, "share_of_peak")?);
            let busy = point.split("busy-").nth(1).and_then(|share| share.parse().ok()).unwrap_or(1.0);
            Some(([busy, products, memory], figure(point, "power")?))
        })
        .collect();
    let added = least_squares(&points, idle).context("the points tell the three apart")?;
    let off = |(shares, watts): &([f64; 3], f64)| {
        (idle + shares.iter().zip(added).map(|(share, watts)| share * watts).sum::<f64>()) / watts - 1.0
    };
    let most = points.iter().map(|point| off(point).abs()).fold(0.0, f64::max);
    let [running, products, memory] = added;
    Ok(format!(
        "Taken apart over {} points below the limit (copying, adding, thin products, products with pauses, training): {idle:.0} W idle, {running:.0} W
while anything runs, {products:.0} W for all of peak, {memory:.0} W for all of the memory's rate; furthest off {}. Memory's part is {:.2} of the chip's
usual {usual:.0} W; what a job moves beyond a usual decoder is charged with it, and with less where it moves less.
",
        points.len(),
        percent(most),
        memory / usual
    ))
}

/// What each of three shares adds to `level`, weighted by one over the figure: the normal equations, by Cramer's rule.
fn least_squares(points: &[([f64; 3], f64)], level: f64) -> Option<[f64; 3]> {
    let (mut square, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for (shares, figure) in points {
        for row in 0..3 {
            right[row] += shares[row] * (figure - level) / figure.powi(2);
            for column in 0..3 {
                square[row][column] += shares[row] * shares[column] / figure.powi(2);
            }
        }
    }
    let whole = determinant(&square);
    let part = |column: usize| {
        let mut replaced = square;
        for (row, value) in replaced.iter_mut().zip(right) {
            row[column] = value;
        }
        determinant(&replaced) / whole
    };
    (whole.abs() > 1e-30).then(|| [part(0), part(1), part(2)])
}

fn determinant(m: &[[f64; 3]; 3]) -> f64 {
    let minor = |a: usize, b: usize| m[1][a] * m[2][b] - m[1][b] * m[2][a];
    m[0][0] * minor(1, 2) - m[0][1] * minor(0, 2) + m[0][2] * minor(0, 1)
}

/// Level at zero and slope of the line of least squares.
fn through(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let up: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = up / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    (y - slope * x, slope)
}

fn of(rows: &[&Row], figure: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().map(|row| figure(row)).sum::<f64>() / rows.len() as f64
}

/// Whole systems measured, host counted, one row a model and chip.
fn rows(table: &Table) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in table {
        let cell = |key: &str| line.get(key).map_or("", String::as_str);
        let whole = cell("power_scope").starts_with("system_incl_host");
        let Some(watts) = number(line, "measured_avg_power_w_per_chip").filter(|_| whole) else { continue };
        let rates = (number(line, "achieved_tflops_per_chip"), number(line, "peak_tflops"));
        let (Some(achieved), Some(peak)) = rates else { continue };
        let chip = cell("hardware").replace(" SXM", "");
        // Transformer (Big) on P100 stands twice, for two places.
        if rows.iter().any(|row| row.chip == chip && (row.watts - watts).abs() < 0.5) {
            continue;
        }
        let name = cell("name").split(',').next().unwrap_or_default();
        let name = if name.contains(" on ") {
            name.to_owned()
        } else {
            format!("{name}, {}", chip.replace("Google ", "").replace("NVIDIA ", ""))
        };
        rows.push(Row { name, chip, watts, share_of_peak: achieved / peak, tdp: number(line, "tdp_w") });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_are_found_again() {
        let of = |[a, b, c]: [f64; 3]| ([a, b, c], 80.0 + 240.0 * a + 900.0 * b + 290.0 * c);
        let points = [of([1.0, 0.0, 0.9]), of([1.0, 0.1, 0.7]), of([0.5, 0.4, 0.0]), of([1.0, 0.3, 0.2])];
        let found = least_squares(&points, 80.0).expect("four points tell three apart");
        for (found, expected) in found.into_iter().zip([240.0, 900.0, 290.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let flat = [of([1.0, 0.0, 0.0]); 3];
        assert_eq!(least_squares(&flat, 80.0), None);
    }
}
