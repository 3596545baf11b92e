//! What else was tried on the hours of whole runs, and what it gave.
//!
//! In: the catalog's published runs. Out: one table, each line the shipped form with one thing changed, the organisation left out. All
//! lines are fitted alike, by reweighted least squares with Student's t of four degrees of freedom and normal priors, so that terms and
//! weights can be added; the shipped figures of the table above are of the finer grid of `calibrate`.

use super::percent;
use crate::calibrate::{Asked, Published, published_as};
use anyhow::{Context, Result};
use greenwich_estimate::calibrate::{Foretold, score};
use greenwich_facts::Catalog;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A figure of a run.
type Term = fn(&Published) -> f64;

/// One thing changed.
struct Variant {
    name: &'static str,
    asked: Asked,
    /// Terms beside mean and generations, each with the standard deviation of its prior.
    terms: Vec<(Term, f64)>,
    /// Whether the share of peak itself is fitted.
    blind: bool,
    generation_sd: f64,
    weight: Term,
}

/// Prior on the spread of generations, as shipped.
const GENERATION_SD: f64 = 0.15;

fn variants() -> Vec<Variant> {
    let shipped = || Variant {
        name: "as shipped",
        asked: Asked::default(),
        terms: Vec::new(),
        blind: false,
        generation_sd: GENERATION_SD,
        weight: |_| 1.0,
    };
    let small: Term = |one| (billions(one).log10() - 1.0).min(0.0);
    let large: Term = |one| (billions(one).log10() - 1.5).max(0.0);
    let many: Term = |one| one.count.log10() - 2.7;
    let size_and_count = || vec![(small, 0.4), (large, 0.3), (many, 0.25)];
    vec![
        shipped(),
        Variant {
            name: "4 M tokens a step, whatever the size",
            asked: Asked { tokens: Some(4_000_000), ..Asked::default() },
            ..shipped()
        },
        Variant {
            name: "1 M tokens a step, whatever the size",
            asked: Asked { tokens: Some(1_000_000), ..Asked::default() },
            ..shipped()
        },
        Variant {
            name: "half the tokens a step (those of 2020)",
            asked: Asked { times: Some(0.5), ..Asked::default() },
            ..shipped()
        },
        Variant { name: "twice the tokens a step", asked: Asked { times: Some(2.0), ..Asked::default() }, ..shipped() },
        Variant {
            name: "today's kernels for every year",
            asked: Asked { fused: Some(true), ..Asked::default() },
            ..shipped()
        },
        Variant {
            name: "the same, and a step at 2023",
            asked: Asked { fused: Some(true), ..Asked::default() },
            terms: vec![(|one| f64::from(u8::from(one.year > 2022)), 0.3)],
            ..shipped()
        },
        Variant {
            name: "a term in the year (sd 0.1)",
            terms: vec![(|one| f64::from(one.year) - 2023.0, 0.1)],
            ..shipped()
        },
        Variant { name: "a term in the count (sd 0.25)", terms: vec![(many, 0.25)], ..shipped() },
        Variant { name: "terms in size and count (sd 0.4, 0.3, 0.25)", terms: size_and_count(), ..shipped() },
        Variant {
            name: "the same without the roofline",
            terms: size_and_count(),
            blind: true,
            generation_sd: 0.3,
            ..shipped()
        },
        Variant { name: "generations drawn together half as much (sd 0.3)", generation_sd: 0.3, ..shipped() },
        Variant { name: "generations drawn together twice as much (sd 0.08)", generation_sd: 0.08, ..shipped() },
        Variant {
            name: "hours that are a rounded span count half",
            weight: |one| if one.is_rounded { 0.5 } else { 1.0 },
            ..shipped()
        },
        Variant {
            name: "models below a billion of before 2021 count a quarter",
            weight: |one| if one.year < 2021 && billions(one) < 1.0 { 0.25 } else { 1.0 },
            ..shipped()
        },
    ]
}

fn billions(one: &Published) -> f64 {
    one.params_active / 1e9
}

pub(super) fn section(catalog: &Catalog) -> Result<String> {
    let mut text = "
What else was tried, one thing changed at a time, all lines fitted alike by a coarser fit that takes terms and weights. Better: the share of
2,000 draws of the organisations, with replacement, in which the mean |ln error| is below that of the first line; between 0.1 and 0.9 is noise.

| changed | median | mean | p90 | inside 90 % | score | better |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
"
    .to_owned();
    let mut shipped: Option<Vec<f64>> = None;
    for variant in variants() {
        let published = published_as(catalog, variant.asked)?;
        let told = leave_organisation_out(&published, &variant)?;
        let found = score(&told).context("there are runs")?;
        let offs: Vec<f64> = told.iter().map(|told| told.off.abs()).collect();
        let better = shipped.as_ref().map(|first| better(&published, &offs, first));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {:.2} | {} |",
            variant.name,
            percent(found.median_error),
            percent(found.mean_error),
            percent(found.p90_error),
            percent(found.coverage90),
            found.interval_score,
            better.map_or("–".to_owned(), |better| format!("{better:.2}"))
        );
        shipped.get_or_insert(offs);
    }
    Ok(text)
}

fn leave_organisation_out(published: &[Published], variant: &Variant) -> Result<Vec<Foretold>> {
    let generations: BTreeSet<&str> = published.iter().map(|one| one.run.generation.as_str()).collect();
    let row = |one: &Published| -> Vec<f64> {
        let mut row = vec![1.0];
        row.extend(generations.iter().map(|generation| f64::from(u8::from(one.run.generation == *generation))));
        row.extend(variant.terms.iter().map(|(term, _)| term(one)));
        row
    };
    let mut priors = vec![1.0];
    priors.extend(generations.iter().map(|_| variant.generation_sd));
    priors.extend(variant.terms.iter().map(|(_, sd)| *sd));
    let off = |one: &Published| one.run.log_useful_share - if variant.blind { 0.0 } else { one.run.log_roofline };
    let rows: Vec<Row> =
        published.iter().map(|one| Row { of: row(one), off: off(one), weight: (variant.weight)(one) }).collect();
    let mut told = Vec::with_capacity(rows.len());
    for (one, own) in published.iter().zip(&rows) {
        let others = published.iter().zip(&rows).filter(|(other, _)| other.run.organisation != one.run.organisation);
        let others: Vec<&Row> = others.map(|(_, row)| row).collect();
        told.push(fit(&others, &priors).context("the priors make every fit one")?.foretell(own));
    }
    Ok(told)
}

/// Draws of the organisations.
const DRAWS: u32 = 2000;

/// Share of draws of the organisations in which the first of two has the smaller mean.
fn better(published: &[Published], offs: &[f64], than: &[f64]) -> f64 {
    let organisations: Vec<&str> =
        published.iter().map(|one| one.run.organisation.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let sums: Vec<f64> = organisations
        .iter()
        .map(|organisation| {
            let own = published.iter().zip(offs.iter().zip(than));
            own.filter(|(one, _)| one.run.organisation == *organisation).map(|(_, (a, b))| a - b).sum()
        })
        .collect();
    let mut state = 1u64;
    let mut draw = || {
        // Knuth's linear congruential generator: the same draws each time.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sums.len()
    };
    let wins = (0..DRAWS).filter(|_| (0..sums.len()).map(|_| sums[draw()]).sum::<f64>() < 0.0).count();
    wins as f64 / f64::from(DRAWS)
}

struct Row {
    of: Vec<f64>,
    off: f64,
    weight: f64,
}

struct Fit {
    coefficients: Vec<f64>,
    covariance: Matrix,
    spread: f64,
}

/// Student's t over the normal at the 95th percentile, for four degrees of freedom.
const T4_OVER_NORMAL: f64 = 2.132 / 1.645;
/// Median of the mean before any run is seen, and scale of the half-normal prior on the spread of runs, as shipped.
const MEAN_PRIOR: f64 = -0.5;
const RUN_SCALE: f64 = 0.35;

impl Fit {
    fn foretell(&self, row: &Row) -> Foretold {
        let middle = dot(&row.of, &self.coefficients);
        let of_fit: f64 = row.of.iter().zip(&self.covariance).map(|(x, line)| x * dot(line, &row.of)).sum();
        Foretold { off: row.off - middle, log_sd: (T4_OVER_NORMAL * self.spread).hypot(of_fit.max(0.0).sqrt()) }
    }
}

/// The spread of the greatest posterior on a grid, each with its coefficients by reweighted least squares.
fn fit(rows: &[&Row], priors: &[f64]) -> Option<Fit> {
    let mut best: Option<(f64, Fit)> = None;
    for step in 0..23 {
        let spread = 0.10 + 0.03 * f64::from(step);
        let (coefficients, covariance, log_determinant) = at_spread(rows, priors, spread)?;
        let likelihood: f64 = rows
            .iter()
            .map(|row| {
                let off = (row.off - dot(&row.of, &coefficients)) / spread;
                row.weight * (-2.5 * (off * off / 4.0).ln_1p() - spread.ln())
            })
            .sum();
        let prior: f64 = coefficients
            .iter()
            .zip(priors)
            .enumerate()
            .map(|(index, (c, sd))| -0.5 * ((c - if index == 0 { MEAN_PRIOR } else { 0.0 }) / sd).powi(2))
            .sum();
        let posterior = likelihood + prior - 0.5 * (spread / RUN_SCALE).powi(2) - 0.5 * log_determinant;
        if best.as_ref().is_none_or(|(known, _)| posterior > *known) {
            best = Some((posterior, Fit { coefficients, covariance, spread }));
        }
    }
    best.map(|(_, fit)| fit)
}

type Matrix = Vec<Vec<f64>>;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Coefficients, their covariance and the logarithm of the determinant of its inverse, at a spread of runs.
fn at_spread(rows: &[&Row], priors: &[f64], spread: f64) -> Option<(Vec<f64>, Matrix, f64)> {
    let mut coefficients = vec![0.0; priors.len()];
    coefficients[0] = MEAN_PRIOR;
    let mut covariance = Vec::new();
    let mut log_determinant = 0.0;
    for _ in 0..25 {
        let diagonal = |(at, sd): (usize, &f64)| {
            let mut line = vec![0.0; priors.len()];
            line[at] = sd.powi(-2);
            line
        };
        let mut square: Matrix = priors.iter().enumerate().map(diagonal).collect();
        let mut right = vec![0.0; priors.len()];
        right[0] = MEAN_PRIOR * priors[0].powi(-2);
        for row in rows {
            let off = (row.off - dot(&row.of, &coefficients)) / spread;
            let weight = row.weight * 5.0 / (4.0 + off * off) / (spread * spread);
            for ((line, right), x) in square.iter_mut().zip(&mut right).zip(&row.of) {
                *right += weight * x * row.off;
                for (cell, y) in line.iter_mut().zip(&row.of) {
                    *cell += weight * x * y;
                }
            }
        }
        (covariance, log_determinant) = inverted(square)?;
        coefficients = covariance.iter().map(|line| dot(line, &right)).collect();
    }
    Some((coefficients, covariance, log_determinant))
}

/// The inverse and the logarithm of the determinant of a symmetric positive matrix, by elimination.
fn inverted(mut rows: Matrix) -> Option<(Matrix, f64)> {
    let size = rows.len();
    for (at, line) in rows.iter_mut().enumerate() {
        line.extend((0..size).map(|column| f64::from(u8::from(column == at))));
    }
    let mut log_determinant = 0.0;
    for pivot in 0..size {
        let head = rows[pivot][pivot];
        if head <= 0.0 {
            return None;
        }
        log_determinant += head.ln();
        let own: Vec<f64> = rows[pivot].iter().map(|cell| cell / head).collect();
        for (at, line) in rows.iter_mut().enumerate() {
            if at == pivot {
                line.clone_from(&own);
                continue;
            }
            let factor = line[pivot];
            for (cell, above) in line.iter_mut().zip(&own) {
                *cell -= factor * above;
            }
        }
    }
    let inverse = rows.into_iter().map(|mut line| line.split_off(size)).collect();
    Some((inverse, log_determinant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_times_its_matrix_is_one() {
        let square = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, 0.2], vec![0.5, 0.2, 2.0]];
        let (inverse, log_determinant) = inverted(square.clone()).expect("it is positive");
        for (i, line) in square.iter().enumerate() {
            for (j, column) in inverse.iter().enumerate() {
                assert!((dot(line, column) - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
        // 4·(6 − .04) − 1·(2 − .1) + .5·(.2 − 1.5).
        assert!((log_determinant - 21.29f64.ln()).abs() < 1e-12);
        assert!(inverted(vec![vec![0.0]]).is_none());
    }

    #[test]
    fn a_term_that_the_runs_follow_is_found() {
        let rows: Vec<Row> = (0..20)
            .map(|i| {
                let x = f64::from(i) / 10.0 - 1.0;
                Row { of: vec![1.0, x], off: -0.4 + 0.3 * x + 0.02 * f64::from(i % 3 - 1), weight: 1.0 }
            })
            .collect();
        let fit = fit(&rows.iter().collect::<Vec<_>>(), &[1.0, 1.0]).expect("it has one");
        assert!((fit.coefficients[0] + 0.4).abs() < 0.02 && (fit.coefficients[1] - 0.3).abs() < 0.03);
    }
}
