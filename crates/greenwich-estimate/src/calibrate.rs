//! From published runs to the share of the roofline that whole runs got.
//!
//! In: one row a run: generation, organisation, the logarithm of useful FLOPs over peak FLOPs paid for, and that of the model MFU
//! that the roofline gives the quickest layout that fits. Out: for each generation the median of the one over the other, and the
//! spread of a run by an organisation that is not among them.
//!
//! ln u − ln roofline = μ + generation + run. A generation is drawn towards the mean of all by as much as the runs themselves say.
//! A run is Student-t with four degrees of freedom, so that the one run in ten that went badly wrong moves the median little and the
//! interval is not stretched for the other nine. Neither scale is picked: each point of a grid counts by its likelihood and a prior.

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
    /// ln of the model MFU of the quickest layout that fits, by the roofline; 0 to fit the share itself.
    pub log_roofline: f64,
}

impl Run {
    fn off_roofline(&self) -> f64 {
        self.log_useful_share - self.log_roofline
    }
}

/// The answer for one generation.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The generation, or [`UNKNOWN`].
    pub generation: String,
    /// Median of useful share over the roofline's MFU, for a run of another organisation.
    pub share_of_roofline: f64,
    /// Standard deviation of its logarithm, such that the 5th and 95th percentile are right.
    pub log_sd: f64,
    /// Runs of the generation.
    pub runs: usize,
    /// Organisations behind them.
    pub organisations: usize,
}

/// The name of the answer for a generation that no run covers.
pub const UNKNOWN: &str = "unknown";

/// A run foretold from the runs of others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Foretold {
    /// ln of the run's useful share over the one foretold: of the hours foretold over the hours.
    pub off: f64,
    /// Standard deviation of the logarithm that was told with it.
    pub log_sd: f64,
}

/// How well runs are foretold by those of other organisations.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidation {
    /// Runs foretold.
    pub runs: usize,
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
    /// Mean interval score at 90 % in ln hours: the width, and 20 times what a run lies outside.
    ///
    /// T. Gneiting and A. Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, equation 43.
    pub interval_score: f64,
}

/// Median and variance of μ before any run is seen.
const MEAN_PRIOR: (f64, f64) = (-0.5, 1.0);
/// Scale of the half-normal prior on the spread of runs.
const RUN_SCALE: f64 = 0.35;
/// Scale of the half-normal prior on the spread of generations: the roofline knows the chip's rates, so little is left.
const GENERATION_SCALE: f64 = 0.15;
/// Standard deviation that a generation of which no run is known adds: nobody has seen what its software gets.
const UNSEEN_LOG_SD: f64 = 0.3;
/// Degrees of freedom of a run's error.
const FREEDOM: f64 = 4.0;

/// Centres of the grid.
const CENTRES: usize = 85;
const fn centre(index: usize) -> f64 {
    -2.6 + 0.04 * index as f64
}
/// Spreads of runs on the grid.
const SPREADS: usize = 14;
const fn spread(index: usize) -> f64 {
    0.10 + 0.05 * index as f64
}
/// Spreads of generations on the grid.
const BETWEEN: [f64; 5] = [0.04, 0.10, 0.17, 0.25, 0.35];

/// The median and spread for each generation that a run covers, in alphabetical order, then for [`UNKNOWN`].
///
/// ```
/// use greenwich_estimate::calibrate::{Run, fit};
/// let run = |organisation: &str, share: f64| Run {
///     generation: "a100".into(),
///     organisation: organisation.into(),
///     log_useful_share: share.ln(),
///     log_roofline: 0.5f64.ln(),
/// };
/// let fitted = fit(&[run("one", 0.36), run("two", 0.40), run("three", 0.44)]);
/// assert!((fitted[0].share_of_roofline - 0.80).abs() < 0.02);
/// assert!(fitted[1].generation == "unknown" && fitted[1].log_sd > fitted[0].log_sd);
/// ```
pub fn fit(runs: &[Run]) -> Vec<Fitted> {
    let generations: BTreeSet<&str> = runs.iter().map(|run| run.generation.as_str()).collect();
    let grid = Grid::new(runs);
    let answer = |generation: &str, covers: &dyn Fn(&Run) -> bool| {
        let (median, log_sd) = grid.foretell(generation);
        let own: Vec<&Run> = runs.iter().filter(|run| covers(run)).collect();
        Fitted {
            generation: generation.to_owned(),
            share_of_roofline: median.exp(),
            log_sd,
            runs: own.len(),
            organisations: own.iter().map(|run| &run.organisation).collect::<BTreeSet<_>>().len(),
        }
    };
    let known = generations.iter().map(|generation| answer(generation, &|run| run.generation == *generation));
    known.chain([answer(UNKNOWN, &|_| true)]).collect()
}

/// Foretells each run from the runs that `others` leaves of all, in the runs' order.
fn foretell_each(runs: &[Run], key: impl Fn(&Run) -> &str) -> Vec<Foretold> {
    let keys: BTreeSet<&str> = runs.iter().map(&key).collect();
    let mut told = vec![Foretold { off: 0.0, log_sd: 0.0 }; runs.len()];
    for left_out in keys {
        let others: Vec<Run> = runs.iter().filter(|run| key(run) != left_out).cloned().collect();
        let grid = Grid::new(&others);
        for (run, told) in runs.iter().zip(&mut told).filter(|(run, _)| key(run) == left_out) {
            let (median, log_sd) = grid.foretell(&run.generation);
            // Hours go as one over the share.
            *told = Foretold { off: run.off_roofline() - median, log_sd };
        }
    }
    told
}

/// Foretells each organisation's runs from all others', in the runs' order.
pub fn leave_organisation_out(runs: &[Run]) -> Vec<Foretold> {
    foretell_each(runs, |run| &run.organisation)
}

/// Foretells each generation's runs from all others', in the runs' order: how a chip fares that no run covers.
pub fn leave_generation_out(runs: &[Run]) -> Vec<Foretold> {
    foretell_each(runs, |run| &run.generation)
}

/// How well runs were foretold; `None` of none.
pub fn score(told: &[Foretold]) -> Option<CrossValidation> {
    let n = told.len() as f64;
    let mean = |of: &dyn Fn(&Foretold) -> f64| told.iter().map(of).sum::<f64>() / n;
    let inside = |z: f64| mean(&|told| f64::from(u8::from(told.off.abs() <= z * told.log_sd)));
    let error = |told: &Foretold| told.off.exp_m1().abs();
    let mut errors: Vec<f64> = told.iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    (!told.is_empty()).then(|| CrossValidation {
        runs: told.len(),
        median_error: quantile_of(&errors, 0.5),
        mean_error: mean(&error),
        p90_error: quantile_of(&errors, 0.9),
        coverage90: inside(Z95),
        coverage50: inside(Z75),
        width90: mean(&|told| (Z95 * told.log_sd).exp()),
        interval_score: mean(&|told| {
            let half = Z95 * told.log_sd;
            2.0 * half + 20.0 * (told.off.abs() - half).max(0.0)
        }),
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

/// What the runs say of each centre and spread: the posterior of the model's own, and the likelihood of each generation's.
#[derive(Debug)]
struct Grid {
    /// Weight of each (spread between generations, spread of runs, μ), summing to one.
    posterior: Vec<f64>,
    /// Of each generation, the likelihood of its runs at each (spread of runs, centre), the greatest one.
    likelihoods: Vec<(String, Vec<f64>)>,
}

/// Position of a spread of runs and a centre.
const fn at(spread: usize, centre: usize) -> usize {
    spread * CENTRES + centre
}

impl Grid {
    fn new(runs: &[Run]) -> Self {
        let generations: BTreeSet<&str> = runs.iter().map(|run| run.generation.as_str()).collect();
        let likelihoods: Vec<(String, Vec<f64>)> = generations
            .iter()
            .map(|generation| {
                let own = runs.iter().filter(|run| run.generation == *generation).map(Run::off_roofline);
                let own: Vec<f64> = own.collect();
                let mut logs = vec![0.0; SPREADS * CENTRES];
                for (s, c) in (0..SPREADS).flat_map(|s| (0..CENTRES).map(move |c| (s, c))) {
                    logs[at(s, c)] =
                        own.iter().map(|off| log_density((off - centre(c)) / spread(s)) - spread(s).ln()).sum();
                }
                let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                ((*generation).to_owned(), logs.into_iter().map(|log| (log - greatest).exp()).collect())
            })
            .collect();
        let mut posterior = Vec::with_capacity(BETWEEN.len() * SPREADS * CENTRES);
        for between in BETWEEN {
            let kernel = kernel(between);
            let between_prior = (-(between / GENERATION_SCALE).powi(2) / 2.0).exp();
            for (s, mean) in (0..SPREADS).flat_map(|s| (0..CENTRES).map(move |mean| (s, mean))) {
                let off = (centre(mean) - MEAN_PRIOR.0).powi(2) / MEAN_PRIOR.1;
                let prior = between_prior * (-(spread(s) / RUN_SCALE).powi(2) / 2.0 - off / 2.0).exp();
                let of_generations: f64 =
                    likelihoods.iter().map(|(_, likelihood)| around(&kernel, likelihood, s, mean)).product();
                posterior.push(prior * of_generations);
            }
        }
        let sum: f64 = posterior.iter().sum();
        for weight in &mut posterior {
            *weight /= sum;
        }
        Self { posterior, likelihoods }
    }

    /// Median and standard deviation of the logarithm, such that the 5th and 95th percentile are right, of a run of
    /// this generation.
    fn foretell(&self, generation: &str) -> (f64, f64) {
        let own = self.likelihoods.iter().find(|(name, _)| name == generation).map(|(_, likelihood)| likelihood);
        let mut weights = vec![0.0; SPREADS * CENTRES];
        let mut posterior = self.posterior.iter();
        for between in BETWEEN {
            let kernel = kernel(between);
            for (s, mean) in (0..SPREADS).flat_map(|s| (0..CENTRES).map(move |mean| (s, mean))) {
                let weight = posterior.next().copied().unwrap_or(0.0);
                if weight < 1e-9 {
                    continue;
                }
                let whole = own.map_or(1.0, |likelihood| around(&kernel, likelihood, s, mean));
                for c in reached(mean) {
                    let own = own.map_or(1.0, |likelihood| likelihood[at(s, c)]);
                    weights[at(s, c)] += weight * kernel[c.abs_diff(mean)] * own / whole;
                }
            }
        }
        let whole: f64 = weights.iter().sum();
        let below = |x: f64| {
            let part = |(index, weight): (usize, &f64)| {
                weight * student_below((x - centre(index % CENTRES)) / spread(index / CENTRES))
            };
            weights.iter().enumerate().filter(|(_, weight)| **weight > 1e-9).map(part).sum::<f64>() / whole
        };
        let (low, median, high) = (quantile(&below, 0.05), quantile(&below, 0.5), quantile(&below, 0.95));
        let known = (high - low) / (2.0 * Z95);
        (median, if own.is_some() { known } else { known.hypot(UNSEEN_LOG_SD) })
    }
}

/// Centres near enough to a mean to matter.
fn reached(mean: usize) -> std::ops::Range<usize> {
    mean.saturating_sub(REACH)..(mean + REACH + 1).min(CENTRES)
}

/// Steps over which a generation's centre may lie off the mean: above three of the widest spread.
const REACH: usize = 27;

/// Weights of centres by their distance from the mean in steps, summing to one.
fn kernel(between: f64) -> Vec<f64> {
    let one = |steps: usize| (-(0.04 * steps as f64 / between).powi(2) / 2.0).exp();
    let sum = one(0) + 2.0 * (1..=REACH).map(one).sum::<f64>();
    (0..=REACH).map(|steps| one(steps) / sum).collect()
}

/// A generation's likelihood over all centres that it may have around a mean.
fn around(kernel: &[f64], likelihood: &[f64], s: usize, mean: usize) -> f64 {
    reached(mean).map(|c| kernel[c.abs_diff(mean)] * likelihood[at(s, c)]).sum()
}

fn quantile(below: &dyn Fn(f64) -> f64, share: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 5.0);
    for _ in 0..48 {
        let middle = f64::midpoint(low, high);
        if below(middle) < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// ln of Student's density with four degrees of freedom: Γ(5/2) ÷ (√(4π) Γ(2)) = 3/8.
fn log_density(x: f64) -> f64 {
    (3.0 / 8.0f64).ln() - 0.5 * (FREEDOM + 1.0) * (x * x / FREEDOM).ln_1p()
}

/// Student's distribution function with four degrees of freedom, in closed form.
fn student_below(x: f64) -> f64 {
    let q = 1.0 + x * x / FREEDOM;
    0.5 + 3.0 / 8.0 * x / q.sqrt() * (1.0 - x * x / (12.0 * q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(generation: &str, organisation: &str, share: f64) -> Run {
        Run {
            generation: generation.into(),
            organisation: organisation.into(),
            log_useful_share: share.ln(),
            log_roofline: 0.0,
        }
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
        assert!((many.share_of_roofline - 0.40).abs() < 0.02, "{many:?}");
        assert!(one.share_of_roofline > 0.20 && one.share_of_roofline < 0.40, "{one:?}");
        assert!(one.log_sd > many.log_sd && of(&fitted, UNKNOWN).log_sd > many.log_sd);
        assert_eq!((many.runs, many.organisations, of(&fitted, UNKNOWN).runs), (12, 12, 13));
    }

    #[test]
    fn one_run_gone_wrong_moves_the_median_little() {
        let mut runs: Vec<Run> = two_chips().into_iter().filter(|run| run.generation == "a100").collect();
        let before = of(&fit(&runs), "a100").share_of_roofline;
        runs.push(run("a100", "unlucky", 0.04));
        let after = of(&fit(&runs), "a100").share_of_roofline;
        assert!((after / before - 1.0).abs() < 0.03, "{before} {after}");
    }

    #[test]
    fn what_the_roofline_explains_is_not_left_to_the_fit() {
        // Two chips that each got 60 % of their own roofline.
        let runs: Vec<Run> = (0..6)
            .flat_map(|i| {
                let own = |generation: &str, roofline: f64| Run {
                    log_roofline: roofline.ln(),
                    ..run(generation, &format!("organisation {i}"), roofline * (0.6 + 0.01 * f64::from(i)))
                };
                [own("a100", 0.5), own("v100", 0.25)]
            })
            .collect();
        let told = score(&leave_generation_out(&runs)).expect("there are runs");
        assert!(told.median_error < 0.05, "{told:?}");
        let blind: Vec<Run> = runs.into_iter().map(|run| Run { log_roofline: 0.0, ..run }).collect();
        assert!(score(&leave_generation_out(&blind)).expect("there are runs").median_error > 0.4);
    }

    #[test]
    fn no_run_at_all_leaves_the_prior() {
        let fitted = fit(&[]);
        assert_eq!(fitted.len(), 1);
        // The grid cuts the prior's tails: nobody gets more than twice the roofline.
        assert!((fitted[0].share_of_roofline.ln() - MEAN_PRIOR.0).abs() < 0.4 && fitted[0].log_sd > 0.7);
        assert_eq!(score(&[]), None);
    }

    #[test]
    fn an_organisation_is_foretold_without_its_own_runs() {
        let found = score(&leave_organisation_out(&two_chips())).expect("there are runs");
        assert_eq!(found.runs, 13);
        // The lone chip at half the others' share is foretold at theirs: its hours by half.
        assert!(found.p90_error < 0.25 && found.median_error < 0.10, "{found:?}");
    }

    #[test]
    fn intervals_hold_what_they_say_when_the_model_is_true() {
        // Quantiles of Student's t in place of draws.
        let runs: Vec<Run> = (0..24)
            .map(|i| {
                let at = (f64::from(i * 7 % 24) + 0.5) / 24.0;
                run("a100", &i.to_string(), (-1.0 + 0.2 * quantile(&student_below, at)).exp())
            })
            .collect();
        let found = score(&leave_organisation_out(&runs)).expect("there are runs");
        assert!((0.82..=1.0).contains(&found.coverage90) && (0.37..=0.67).contains(&found.coverage50), "{found:?}");
    }

    #[test]
    fn students_distribution_is_the_one_in_the_tables() {
        assert!((student_below(2.131_847) - 0.95).abs() < 1e-6 && (student_below(-0.740_697) - 0.25).abs() < 1e-6);
        let rise = (student_below(0.7 + 1e-4) - student_below(0.7 - 1e-4)) / 2e-4;
        assert!((rise.ln() - log_density(0.7)).abs() < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn the_order_of_runs_does_not_matter(shares in prop::collection::vec(0.05..0.9f64, 2..6)) {
            let runs: Vec<Run> =
                shares.iter().enumerate().map(|(i, share)| run(["a", "b"][i % 2], &(i / 2).to_string(), *share)).collect();
            let backwards: Vec<Run> = runs.iter().rev().cloned().collect();
            for (one, other) in fit(&runs).iter().zip(fit(&backwards)) {
                prop_assert!((one.share_of_roofline - other.share_of_roofline).abs() < 1e-6 && (one.log_sd - other.log_sd).abs() < 1e-6);
            }
        }
    }
}
