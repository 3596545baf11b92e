//! From published runs to the useful share of peak of each chip generation.
//!
//! In: one row a run: generation, organisation, and the logarithm of useful FLOPs over peak FLOPs paid for. Out: a
//! median for each generation, drawn towards the mean of all by as much as the runs themselves say, and the
//! spread of a run by an organisation that is not among them.
//!
//! ln u = μ + generation + organisation + run, each normal. Their three standard deviations are not
//! picked but summed over: each point of a grid counts by its likelihood and a prior, so that few rows
//! give a wide answer and many a narrow one.

use crate::lognormal::Z95;
use std::collections::BTreeSet;

/// A published run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Generation of its chip.
    pub generation: String,
    /// Who ran it.
    pub organisation: String,
    /// ln of useful FLOPs over peak FLOPs paid for.
    pub log_useful_share: f64,
}

/// The answer for one generation.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The generation, or [`UNKNOWN`].
    pub generation: String,
    /// Median useful share for a run of another organisation.
    pub useful_share: f64,
    /// Standard deviation of its logarithm, such that the 5th and 95th percentile are right.
    pub log_sd: f64,
    /// Runs of the generation.
    pub runs: usize,
    /// Organisations behind them.
    pub organisations: usize,
}

/// The name of the answer for a generation that no run covers.
pub const UNKNOWN: &str = "unknown";

/// How well runs are foretold by those of other organisations.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidation {
    /// Runs foretold.
    pub runs: usize,
    /// Organisations left out in turn.
    pub organisations: usize,
    /// Median of |hours foretold ÷ hours − 1|.
    pub median_error: f64,
    /// Mean of the same.
    pub mean_error: f64,
    /// Nine in ten are below this.
    pub p90_error: f64,
    /// Share of runs inside their 90 % interval.
    pub coverage90: f64,
    /// Share of runs inside their 50 % interval.
    pub coverage50: f64,
    /// Mean of the interval's upper end over its median.
    pub width90: f64,
}

/// Where the mean may lie before any run is seen: two thirds between an eighth and the whole of peak.
const MEAN_PRIOR: Normal = Normal { mean: -1.0, variance: 1.0 };
/// Scales of the half-normal priors on the standard deviations of generation, organisation and run.
const SCALES: [f64; 3] = [0.3, 0.3, 0.3];
/// Points of the grid along each standard deviation, from a twentieth of the scale to three scales.
const POINTS: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Normal {
    mean: f64,
    variance: f64,
}

/// The median and spread for each generation that a run covers, in alphabetical order, then for [`UNKNOWN`].
///
/// ```
/// use greenwich_estimate::calibrate::{Run, fit};
/// let run = |organisation: &str, share: f64| Run {
///     generation: "a100".into(),
///     organisation: organisation.into(),
///     log_useful_share: share.ln(),
/// };
/// let fitted = fit(&[run("one", 0.36), run("two", 0.40), run("three", 0.44)]);
/// assert!((fitted[0].useful_share - 0.40).abs() < 0.01);
/// assert!(fitted[1].generation == "unknown" && fitted[1].log_sd > fitted[0].log_sd);
/// ```
pub fn fit(runs: &[Run]) -> Vec<Fitted> {
    let generations: BTreeSet<&str> = runs.iter().map(|run| run.generation.as_str()).collect();
    let grid = Grid::new(runs);
    let answer = |generation: &str, covers: &dyn Fn(&Run) -> bool| {
        let mixture = grid.foretell(runs, generation);
        let (low, middle, high) = (mixture.quantile(0.05), mixture.quantile(0.5), mixture.quantile(0.95));
        let own: Vec<&Run> = runs.iter().filter(|run| covers(run)).collect();
        Fitted {
            generation: generation.to_owned(),
            useful_share: middle.exp(),
            log_sd: (high - low) / (2.0 * Z95),
            runs: own.len(),
            organisations: own.iter().map(|run| &run.organisation).collect::<BTreeSet<_>>().len(),
        }
    };
    let known = generations.iter().map(|generation| answer(generation, &|run| run.generation == *generation));
    known.chain([answer(UNKNOWN, &|_| true)]).collect()
}

/// Foretells each organisation's runs from all others'; `None` with fewer than two organisations.
pub fn leave_organisation_out(runs: &[Run]) -> Option<CrossValidation> {
    let organisations: BTreeSet<&str> = runs.iter().map(|run| run.organisation.as_str()).collect();
    if organisations.len() < 2 {
        return None;
    }
    let (mut errors, mut inside90, mut inside50, mut widths) = (Vec::new(), 0.0, 0.0, 0.0);
    for organisation in &organisations {
        let (left_out, others): (Vec<Run>, Vec<Run>) =
            runs.iter().cloned().partition(|run| run.organisation == *organisation);
        let grid = Grid::new(&others);
        for run in left_out {
            let mixture = grid.foretell(&others, &run.generation);
            let middle = mixture.quantile(0.5);
            let sd = (mixture.quantile(0.95) - mixture.quantile(0.05)) / (2.0 * Z95);
            // Hours go as one over the share.
            let off = run.log_useful_share - middle;
            errors.push(off.exp_m1().abs());
            inside90 += f64::from(u8::from(off.abs() <= Z95 * sd));
            inside50 += f64::from(u8::from(off.abs() <= Z75 * sd));
            widths += (Z95 * sd).exp();
        }
    }
    errors.sort_by(f64::total_cmp);
    let n = errors.len() as f64;
    Some(CrossValidation {
        runs: errors.len(),
        organisations: organisations.len(),
        median_error: quantile_of(&errors, 0.5),
        mean_error: errors.iter().sum::<f64>() / n,
        p90_error: quantile_of(&errors, 0.9),
        coverage90: inside90 / n,
        coverage50: inside50 / n,
        width90: widths / n,
    })
}

/// The standard normal's 75th percentile.
const Z75: f64 = 0.674_489_750_196_081_7;

/// The quantile of sorted numbers, linear between neighbours.
pub fn quantile_of(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// One choice of the three standard deviations, with its weight and what it makes of the runs.
#[derive(Debug)]
struct Point {
    weight: f64,
    variances: [f64; 3],
    factor: Cholesky,
    /// V⁻¹ (y − mean).
    weighted: Vec<f64>,
}

#[derive(Debug)]
struct Grid {
    points: Vec<Point>,
}

impl Grid {
    fn new(runs: &[Run]) -> Self {
        let mut points = Vec::with_capacity(POINTS.pow(3));
        for index in 0..POINTS.pow(3) {
            let places = [index % POINTS, index / POINTS % POINTS, index / POINTS / POINTS];
            let sd = |which: usize| SCALES[which] * (0.05 + 2.95 * places[which] as f64 / (POINTS - 1) as f64);
            let log_prior: f64 = (0..3).map(|which| -(sd(which) / SCALES[which]).powi(2) / 2.0).sum();
            let variances = [sd(0).powi(2), sd(1).powi(2), sd(2).powi(2)];
            let factor = Cholesky::new(runs.len(), |i, j| covariance(&runs[i], &runs[j], variances, i == j));
            let off: Vec<f64> = runs.iter().map(|run| run.log_useful_share - MEAN_PRIOR.mean).collect();
            let weighted = factor.solve(&off);
            let square: f64 = off.iter().zip(&weighted).map(|(a, b)| a * b).sum();
            points.push(Point {
                weight: log_prior - square / 2.0 - factor.half_log_determinant(),
                variances,
                factor,
                weighted,
            });
        }
        let best = points.iter().map(|point| point.weight).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = points.iter().map(|point| (point.weight - best).exp()).sum();
        for point in &mut points {
            point.weight = (point.weight - best).exp() / sum;
        }
        Self { points }
    }

    /// A run of this generation by an organisation that has none.
    fn foretell(&self, runs: &[Run], generation: &str) -> Mixture {
        let one = |point: &Point| {
            let [of_generation, of_organisation, of_run] = point.variances;
            let shared: Vec<f64> = runs
                .iter()
                .map(|run| MEAN_PRIOR.variance + if run.generation == generation { of_generation } else { 0.0 })
                .collect();
            let mean: f64 = shared.iter().zip(&point.weighted).map(|(a, b)| a * b).sum();
            let known: f64 = shared.iter().zip(point.factor.solve(&shared)).map(|(a, b)| a * b).sum();
            let variance = MEAN_PRIOR.variance + of_generation + of_organisation + of_run - known;
            (point.weight, Normal { mean: MEAN_PRIOR.mean + mean, variance })
        };
        Mixture(self.points.iter().map(one).collect())
    }
}

fn covariance(a: &Run, b: &Run, [of_generation, of_organisation, of_run]: [f64; 3], same: bool) -> f64 {
    let when = |shared: bool, variance: f64| if shared { variance } else { 0.0 };
    MEAN_PRIOR.variance
        + when(a.generation == b.generation, of_generation)
        + when(a.organisation == b.organisation, of_organisation)
        + when(same, of_run)
}

/// Normals with weights that sum to one.
#[derive(Debug)]
struct Mixture(Vec<(f64, Normal)>);

impl Mixture {
    fn below(&self, x: f64) -> f64 {
        self.0.iter().map(|(weight, part)| weight * normal_below((x - part.mean) / part.variance.sqrt())).sum()
    }
    fn quantile(&self, share: f64) -> f64 {
        let (mut low, mut high) = (-20.0, 10.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.below(middle) < share { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }
}

/// The standard normal's distribution function, right to 7.5e-8.
///
/// # Sources
/// M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", formula 26.2.17.
fn normal_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let above =
        series.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if z > 0.0 { 1.0 - above } else { above }
}

/// The lower triangle L of a covariance V = L·Lᵀ.
#[derive(Debug)]
struct Cholesky(Vec<Vec<f64>>);

impl Cholesky {
    fn new(size: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let mut lower: Vec<Vec<f64>> = Vec::with_capacity(size);
        for i in 0..size {
            let mut row: Vec<f64> = Vec::with_capacity(i + 1);
            for (j, above) in lower.iter().enumerate() {
                let dot: f64 = row.iter().zip(above).map(|(a, b)| a * b).sum();
                row.push((entry(i, j) - dot) / above[j]);
            }
            let own: f64 = row.iter().map(|value| value * value).sum();
            row.push((entry(i, i) - own).sqrt());
            lower.push(row);
        }
        Self(lower)
    }
    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut answer = right.to_vec();
        for (i, row) in self.0.iter().enumerate() {
            let dot: f64 = row.iter().zip(&answer).take(i).map(|(a, b)| a * b).sum();
            answer[i] = (answer[i] - dot) / row[i];
        }
        for i in (0..self.0.len()).rev() {
            let dot: f64 = (i + 1..self.0.len()).map(|below| self.0[below][i] * answer[below]).sum();
            answer[i] = (answer[i] - dot) / self.0[i][i];
        }
        answer
    }
    fn half_log_determinant(&self) -> f64 {
        self.0.iter().enumerate().map(|(i, row)| row[i].ln()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(generation: &str, organisation: &str, share: f64) -> Run {
        Run { generation: generation.into(), organisation: organisation.into(), log_useful_share: share.ln() }
    }

    fn of<'a>(fitted: &'a [Fitted], generation: &str) -> &'a Fitted {
        fitted.iter().find(|fitted| fitted.generation == generation).expect("it was fitted")
    }

    /// Twelve organisations on one chip and one on another, which is far off.
    fn two_chips() -> Vec<Run> {
        let mut runs: Vec<Run> = (0..12)
            .map(|i| run("a100", &format!("organisation {i}"), 0.40 * (1.0 + 0.02 * f64::from(i - 6))))
            .collect();
        runs.push(run("v100", "another", 0.20));
        runs
    }

    #[test]
    fn a_chip_with_one_run_is_drawn_towards_the_others() {
        let fitted = fit(&two_chips());
        let (many, one) = (of(&fitted, "a100"), of(&fitted, "v100"));
        assert!((many.useful_share - 0.40).abs() < 0.02, "{many:?}");
        assert!(one.useful_share > 0.20 && one.useful_share < 0.40, "{one:?}");
        assert!(one.log_sd > many.log_sd && of(&fitted, UNKNOWN).log_sd > many.log_sd);
        assert_eq!((many.runs, many.organisations, of(&fitted, UNKNOWN).runs), (12, 12, 13));
    }

    #[test]
    fn runs_of_one_organisation_count_for_less_than_as_many_of_others() {
        let own: Vec<Run> = (0..6).map(|_| run("a100", "one", 0.40)).collect();
        let others: Vec<Run> = (0..6).map(|i| run("a100", &format!("organisation {i}"), 0.40)).collect();
        assert!(of(&fit(&own), "a100").log_sd > of(&fit(&others), "a100").log_sd);
    }

    #[test]
    fn no_run_at_all_leaves_the_prior() {
        let fitted = fit(&[]);
        assert_eq!(fitted.len(), 1);
        assert!((fitted[0].useful_share - (-1f64).exp()).abs() < 1e-6 && fitted[0].log_sd > 1.0);
    }

    #[test]
    fn an_organisation_is_foretold_without_its_own_runs() {
        let mut runs = two_chips();
        let found = leave_organisation_out(&runs).expect("many organisations");
        assert_eq!((found.runs, found.organisations), (13, 13));
        // The lone chip at half the others' share is foretold at theirs: its hours by half.
        assert!(found.p90_error < 0.25 && found.median_error < 0.10, "{found:?}");
        runs.truncate(1);
        assert_eq!(leave_organisation_out(&runs), None);
    }

    #[test]
    fn intervals_hold_what_they_say_when_the_model_is_true() {
        // Quantiles of a normal in place of draws: 15 organisations, 2 runs each, sd 0.2 between and 0.1 within.
        let quantile = |share: f64| {
            let normal = Mixture(vec![(1.0, Normal { mean: 0.0, variance: 1.0 })]);
            normal.quantile(share)
        };
        let mut runs = Vec::new();
        for organisation in 0..15 {
            let between = 0.2 * quantile((f64::from(organisation * 7 % 15) + 0.5) / 15.0);
            for again in 0..2 {
                let within = 0.1 * quantile((f64::from((organisation * 2 + again) * 11 % 30) + 0.5) / 30.0);
                runs.push(run("a100", &organisation.to_string(), (-1.0 + between + within).exp()));
            }
        }
        let found = leave_organisation_out(&runs).expect("many organisations");
        assert!((0.82..=1.0).contains(&found.coverage90) && (0.37..=0.63).contains(&found.coverage50), "{found:?}");
    }

    #[test]
    fn the_normal_distribution_is_the_one_in_the_tables() {
        assert!((normal_below(Z95) - 0.95).abs() < 1e-6 && (normal_below(-Z75) - 0.25).abs() < 1e-6);
        assert!((normal_below(0.0) - 0.5).abs() < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_order_of_runs_does_not_matter(shares in prop::collection::vec(0.05..0.9f64, 2..6)) {
            let runs: Vec<Run> =
                shares.iter().enumerate().map(|(i, share)| run(["a", "b"][i % 2], &(i / 2).to_string(), *share)).collect();
            let backwards: Vec<Run> = runs.iter().rev().cloned().collect();
            for (one, other) in fit(&runs).iter().zip(fit(&backwards)) {
                prop_assert!((one.useful_share - other.useful_share).abs() < 1e-6 && (one.log_sd - other.log_sd).abs() < 1e-6);
            }
        }
    }
}
