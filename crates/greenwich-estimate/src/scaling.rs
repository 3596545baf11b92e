//! What loss a model of a size reaches on a number of tokens, by published laws, each within its own fit.
//!
//! In: the coefficients of a law with the runs behind them, parameters and tokens. Out: a loss, the size that reaches the
//! same loss with the fewest FLOPs, the tokens that another size needs for it, how far out the law is asked, and between
//! which ends its own errors leave an answer. Losses of two laws are never compared: their data and tokenizers differ.

use crate::lognormal::Z95;
use std::ops::RangeInclusive;

/// L(N, D) = floor + a/N^alpha + b/D^beta, in nats a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// Loss that no size and no tokens go below.
    pub floor: f64,
    /// Coefficient of the parameters' part.
    pub a: f64,
    /// Exponent of the parameters.
    pub alpha: f64,
    /// Coefficient of the tokens' part.
    pub b: f64,
    /// Exponent of the tokens.
    pub beta: f64,
    /// Parameters of the runs that it was fitted on.
    pub params: RangeInclusive<f64>,
    /// Tokens of the runs that it was fitted on.
    pub tokens: RangeInclusive<f64>,
}

/// Standard errors of a law's coefficients, as published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Of the floor.
    pub floor: f64,
    /// Of the parameters' exponent.
    pub alpha: f64,
    /// Of the tokens' exponent.
    pub beta: f64,
}

/// A size with its tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Parameters that one token passes.
    pub params_active: f64,
    /// Tokens.
    pub tokens: f64,
}

impl Recipe {
    /// 6·N·D.
    pub fn training_flops(self) -> f64 {
        6.0 * self.params_active * self.tokens
    }
}

/// How far the question lies outside of the runs that a law was fitted on: the largest factor by which size or tokens do;
/// 1 where both are inside.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Reach {
    /// The factor.
    pub beyond: f64,
}

impl Reach {
    /// Whether the law was seen there.
    pub fn is_inside(self) -> bool {
        self.beyond <= 1.0
    }
}

/// An answer with the ends between which a law's errors leave it; an end is `None` where they leave it open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// By the law as published.
    pub central: f64,
    /// Least, one in twenty below it.
    pub low: Option<f64>,
    /// Most, one in twenty above it.
    pub high: Option<f64>,
}

impl Law {
    /// The loss of a recipe.
    pub fn loss(&self, recipe: Recipe) -> f64 {
        self.floor + self.a / recipe.params_active.powf(self.alpha) + self.b / recipe.tokens.powf(self.beta)
    }
    /// Tokens with which another size reaches a loss, if any number would do.
    pub fn tokens_for(&self, loss: f64, params_active: f64) -> Option<f64> {
        let left = loss - self.floor - self.a / params_active.powf(self.alpha);
        (left > 0.0).then(|| (self.b / left).powf(1.0 / self.beta))
    }
    /// The size that reaches a loss with the fewest training FLOPs.
    ///
    /// At the optimum α·A/N^α = β·B/D^β, so the loss above the floor splits as β : α between size and tokens.
    pub fn cheapest(&self, loss: f64) -> Option<Recipe> {
        let above = loss - self.floor;
        let of_size = above * self.beta / (self.alpha + self.beta);
        let of_tokens = above - of_size;
        (above > 0.0).then(|| Recipe {
            params_active: (self.a / of_size).powf(1.0 / self.alpha),
            tokens: (self.b / of_tokens).powf(1.0 / self.beta),
        })
    }
    /// Where the law stands for a recipe.
    pub fn reach(&self, recipe: Recipe) -> Reach {
        let out = |value: f64, seen: &RangeInclusive<f64>| (value / seen.end()).max(seen.start() / value).max(1.0);
        Reach { beyond: out(recipe.params_active, &self.params).max(out(recipe.tokens, &self.tokens)) }
    }

    /// What a question about the law may be answered, given the errors of its exponents and floor and the other laws that
    /// were fitted on the same runs.
    ///
    /// A coefficient is so tied to its exponent that their errors mean nothing alone: the data hold the loss in their
    /// middle. So an exponent turns about the middle of the runs (the geometric mean of their ends), where its part of the
    /// loss stays; a floor that rises takes what it adds from both parts alike there. The three are taken for independent
    /// and their effects added in squares; another law's answer widens the range to hold it.
    pub fn spread(&self, errors: Errors, others: &[Self], question: impl Fn(&Self) -> Option<f64>) -> Option<Spread> {
        let middle = |seen: &RangeInclusive<f64>| (seen.start() * seen.end()).sqrt();
        let (params, tokens) = (middle(&self.params), middle(&self.tokens));
        let turned = |alpha: f64, beta: f64, floor: f64| {
            let above = self.loss(Recipe { params_active: params, tokens }) - self.floor;
            let left = (above - floor) / above;
            Self {
                floor: self.floor + floor,
                a: self.a * params.powf(alpha) * left,
                alpha: self.alpha + alpha,
                b: self.b * tokens.powf(beta) * left,
                beta: self.beta + beta,
                ..self.clone()
            }
        };
        let (alpha, beta, floor) = (Z95 * errors.alpha, Z95 * errors.beta, Z95 * errors.floor);
        let pairs = [
            [turned(-alpha, 0.0, 0.0), turned(alpha, 0.0, 0.0)],
            [turned(0.0, -beta, 0.0), turned(0.0, beta, 0.0)],
            [turned(0.0, 0.0, -floor), turned(0.0, 0.0, floor)],
        ];
        let answers: Vec<[Option<f64>; 2]> = pairs.map(|pair| pair.map(|law| question(&law))).to_vec();
        Some(widen(question(self)?, &answers, &others.iter().map(&question).collect::<Vec<_>>()))
    }
}

/// The ends of an answer above zero: the effects of independent errors, each seen at both its ends, added in squares on the
/// log scale; then widened to hold the other answers. One that has no answer leaves the end above open.
fn widen(central: f64, errors: &[[Option<f64>; 2]], others: &[Option<f64>]) -> Spread {
    let (mut down, mut up) = (Some(0.0), Some(0.0));
    for ends in errors {
        let logs = ends.map(|end| end.map(|end| (end / central).ln()));
        let add = |sum: Option<f64>, log: Option<f64>| Some(sum? + log?.powi(2));
        let least = logs.iter().flatten().copied().fold(0.0, f64::min);
        let most = logs.iter().flatten().copied().fold(0.0, f64::max);
        // What no longer reaches the loss would need without end: the end above is open.
        let open = logs.iter().any(Option::is_none);
        down = add(down, Some(least));
        up = add(up, (!open).then_some(most));
    }
    let low = down.map(|squares: f64| central * (-squares.sqrt()).exp());
    let high = up.filter(|_| others.iter().all(Option::is_some)).map(|squares: f64| central * squares.sqrt().exp());
    let others = others.iter().flatten();
    Spread {
        central,
        low: low.map(|low| others.clone().fold(low, |low, other| low.min(*other))),
        high: high.map(|high| others.fold(high, |high, other| high.max(*other))),
    }
}

/// The law of mixtures of experts: L = floor + (g/G^gamma + a)/N^alpha + b/D^beta, where N counts all parameters and G the
/// parts that each expert is split into, as many more chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseLaw {
    /// Everything but the granularity.
    pub law: Law,
    /// Coefficient of the granularity's part.
    pub g: f64,
    /// Exponent of the granularity.
    pub gamma: f64,
}

/// A law of mixtures beside the law of dense models that was fitted on the same data.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsity {
    /// Of dense models.
    pub dense: Law,
    /// Of mixtures.
    pub sparse: SparseLaw,
    /// The same fitted on fewer of the runs.
    pub refit: SparseLaw,
    /// Root mean square of the loss on runs held out.
    pub rmse: f64,
    /// Experts for each one that a token passes.
    pub expansion: f64,
    /// Most parts that an expert was split into.
    pub granularity_high: f64,
    /// FLOPs per parameter of the router and token: least, as published, most.
    pub routing_flops: [f64; 3],
}

/// The mixture that reaches the loss of a dense recipe on as many tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparse {
    /// All parameters, embeddings left out.
    pub params_total: f64,
    /// Those that one token passes.
    pub params_active: f64,
    /// Parts that each expert is split into.
    pub granularity: f64,
    /// Training FLOPs over those of the dense recipe, routing counted.
    pub flops_ratio: f64,
}

/// FLOPs per parameter and token of all but the router (appendix E of Krajewski et al. 2024).
const FLOPS: f64 = 6.0;
/// Width of a model over its blocks (section 6.1 there).
const WIDTH_OVER_BLOCKS: f64 = 64.0;
/// Parameters of a dense block over its width squared.
const BLOCK: f64 = 12.0;

impl Sparsity {
    /// How far out the two laws are asked by a dense recipe and its mixture.
    pub fn reach(&self, recipe: Recipe, sparse: &Sparse) -> Reach {
        let of_sparse = self.sparse.law.reach(Recipe { params_active: sparse.params_total, tokens: recipe.tokens });
        Reach { beyond: self.dense.reach(recipe).beyond.max(of_sparse.beyond) }
    }

    /// The cheapest mixture with the loss of a dense recipe on the same tokens, if any reaches it.
    ///
    /// The law's N is of all parameters: blocks × d² × (8E + 4), where a token passes blocks × d² × 12, and a block does
    /// 14·d·E·G of routing beside 72·d² of the rest; blocks = d / 64 (Krajewski et al. 2024, section 6.1, equation 10).
    pub fn mixture(&self, recipe: Recipe) -> Option<Sparse> {
        self.cheapest(&self.sparse, recipe, self.dense.loss(recipe), self.routing_flops[1])
    }

    /// Its FLOPs over the dense recipe's, between the ends that the law's errors on runs held out (of both laws,
    /// independently), its re-fit on fewer runs and the count of routing leave.
    pub fn flops_ratio(&self, recipe: Recipe) -> Option<Spread> {
        let loss = self.dense.loss(recipe);
        let ratio = |sparse: &SparseLaw, loss: f64, routing: f64| {
            self.cheapest(sparse, recipe, loss, routing).map(|found| found.flops_ratio)
        };
        let [few, counted, many] = self.routing_flops;
        let error = Z95 * self.rmse * std::f64::consts::SQRT_2;
        let central = ratio(&self.sparse, loss, counted)?;
        let errors = [
            [ratio(&self.sparse, loss + error, counted), ratio(&self.sparse, loss - error, counted)],
            [ratio(&self.sparse, loss, few), ratio(&self.sparse, loss, many)],
        ];
        Some(widen(central, &errors, &[ratio(&self.refit, loss, counted)]))
    }

    fn cheapest(&self, sparse: &SparseLaw, recipe: Recipe, loss: f64, routing_flops: f64) -> Option<Sparse> {
        let at = |granularity: f64| {
            let a = sparse.g / granularity.powf(sparse.gamma) + sparse.law.a;
            let left = loss - sparse.law.floor - sparse.law.b / recipe.tokens.powf(sparse.law.beta);
            let params_total = (left > 0.0).then(|| (a / left).powf(1.0 / sparse.law.alpha))?;
            let params_active = params_total / self.total_over_active();
            let routed = self.routed(params_active, granularity, routing_flops);
            let flops_ratio = params_active * routed / recipe.params_active;
            Some(Sparse { params_total, params_active, granularity, flops_ratio })
        };
        let splits = std::iter::successors(Some(1.0), |split| Some(2.0 * split));
        let splits = splits.take_while(|split| *split <= self.granularity_high);
        splits.filter_map(at).min_by(|a, b| a.flops_ratio.total_cmp(&b.flops_ratio))
    }

    fn total_over_active(&self) -> f64 {
        (8.0 * self.expansion + 4.0) / BLOCK
    }

    /// FLOPs with routing over those without.
    fn routed(&self, params_active: f64, granularity: f64, routing_flops: f64) -> f64 {
        let width = (params_active * WIDTH_OVER_BLOCKS / BLOCK).cbrt();
        1.0 + routing_flops * self.expansion * granularity / (FLOPS * BLOCK * width)
    }
}

/// How much of its parameters' worth a number format keeps, by the law of precision: 1 − exp(−P/γ) of weights and of
/// activations of P bits, over the same at `base` bits.
pub fn worth(bits: f64, base: f64, bits_of_weights: f64, bits_of_activations: f64) -> f64 {
    let kept = |bits: f64| (1.0 - (-bits / bits_of_weights).exp()) * (1.0 - (-bits / bits_of_activations).exp());
    kept(bits) / kept(base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `scaling_laws.csv` has them.
    fn dense() -> Law {
        Law {
            floor: 1.8172,
            a: 482.01,
            alpha: 0.3478,
            b: 2085.43,
            beta: 0.3658,
            params: 5.73e7..=1.62e10,
            tokens: 8.1e8..=3.18e11,
        }
    }
    const ERRORS: Errors = Errors { floor: 0.03, alpha: 0.02, beta: 0.02 };

    fn sparsity() -> Sparsity {
        let of = |floor, a, alpha, b, beta| Law {
            floor,
            a,
            alpha,
            b,
            beta,
            params: 1.29e8..=3.7e9,
            tokens: 1.6e10..=1.3e11,
        };
        Sparsity {
            dense: Law { params: 3e6..=8.5e7, tokens: 1.6e10..=6.6e10, ..of(0.47, 16.3, 0.126, 26.7, 0.127) },
            sparse: SparseLaw { law: of(0.47, 18.1, 0.115, 30.8, 0.147), g: 2.1, gamma: 0.58 },
            refit: SparseLaw { law: of(0.472, 17.6, 0.114, 26.7, 0.14), g: 2.07, gamma: 0.57 },
            rmse: 0.019,
            expansion: 64.0,
            granularity_high: 16.0,
            routing_flops: [6.0, 14.0, 20.0],
        }
    }

    #[test]
    fn the_optimum_of_chinchillas_budget_is_as_re_fitted() {
        // Besiroglu et al.: at 5.76e23 FLOPs some 72 billion parameters, 18.4 tokens each.
        let (budget, law) = (5.76e23, dense());
        let g = (law.alpha * law.a / (law.beta * law.b)).powf(1.0 / (law.alpha + law.beta));
        let size = g * (budget / 6.0f64).powf(law.beta / (law.alpha + law.beta));
        let recipe = Recipe { params_active: size, tokens: budget / 6.0 / size };
        assert!((size / 72e9 - 1.0).abs() < 0.03, "{size:e}");
        assert!((recipe.tokens / size / 18.4 - 1.0).abs() < 0.03);
        let found = law.cheapest(law.loss(recipe)).expect("above the floor");
        assert!((found.params_active / size - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_loss_under_the_floor_is_reached_by_no_tokens() {
        assert_eq!(dense().cheapest(1.8), None);
        assert_eq!(dense().tokens_for(2.0, 1e9), None);
    }

    #[test]
    fn far_out_is_told_by_the_larger_factor() {
        let at = |params_active: f64, tokens: f64| dense().reach(Recipe { params_active, tokens });
        assert!(at(1e9, 20e9).is_inside());
        assert!((at(1.62e11, 3.18e11).beyond - 10.0).abs() < 1e-9);
        assert!((at(1e9, 3.18e13).beyond - 100.0).abs() < 1e-9);
    }

    #[test]
    fn an_exponent_turns_about_the_middle_of_the_runs() {
        // A question that the data answer well spreads little, one far outside much.
        let loss_at = |params_active: f64, tokens: f64| {
            let spread = dense().spread(ERRORS, &[], |law| Some(law.loss(Recipe { params_active, tokens })));
            let spread = spread.expect("a loss is always there");
            spread.high.expect("closed") / spread.low.expect("closed")
        };
        let middle = loss_at((5.73e7f64 * 1.62e10).sqrt(), (8.1e8f64 * 3.18e11).sqrt());
        assert!((middle - 1.0).abs() < 1e-9, "{middle}");
        assert!(loss_at(7e10, 1.4e12) > 1.02 && loss_at(7e10, 1.4e12) < 1.2, "{}", loss_at(7e10, 1.4e12));
    }

    #[test]
    fn a_size_that_may_not_reach_the_loss_has_no_end_above() {
        let (law, recipe) = (dense(), Recipe { params_active: 7e9, tokens: 2e12 });
        let at_share = |share: f64| {
            law.spread(ERRORS, &[], |law| {
                let params_active = share * recipe.params_active;
                let tokens = law.tokens_for(law.loss(recipe), params_active)?;
                Some(Recipe { params_active, tokens }.training_flops() / recipe.training_flops())
            })
        };
        let near = at_share(0.9).expect("it reaches the loss");
        assert!(near.low.is_some_and(|low| low < near.central) && near.high.is_some_and(|high| high > near.central));
        let is_open = |share: f64| at_share(share).is_some_and(|far| far.high.is_none() && far.low.is_some());
        assert!((300..600).any(|thousandths| is_open(f64::from(thousandths) / 1e3)));
    }

    #[test]
    fn another_fit_of_the_same_runs_widens_the_range_to_hold_it() {
        let recipe = Recipe { params_active: 7e9, tokens: 2e12 };
        let hoffmann = Law { floor: 1.6934, a: 406.4, alpha: 0.3392, b: 410.7, beta: 0.2849, ..dense() };
        let best = |law: &Law| Some(law.cheapest(law.loss(recipe))?.training_flops() / recipe.training_flops());
        let (alone, both) =
            (dense().spread(ERRORS, &[], best), dense().spread(ERRORS, std::slice::from_ref(&hoffmann), best));
        let (alone, both) = (alone.expect("reached"), both.expect("reached"));
        let other = best(&hoffmann).expect("reached");
        assert_eq!(alone.central, both.central);
        assert!(both.low <= alone.low && both.high >= alone.high);
        assert!(both.low.is_some_and(|low| low <= other) && both.high.is_some_and(|high| high >= other));
    }

    #[test]
    fn a_mixture_at_1e20_does_what_twenty_times_the_flops_do_densely() {
        // Krajewski et al., abstract and figure 1: about 20 times at 1e20, more beyond.
        let laws = sparsity();
        let dense_over_sparse = |budget: f64| {
            let best = (0..400).flat_map(|step| {
                let laws = &laws;
                [1.0, 2.0, 4.0, 8.0, 16.0].map(|granularity: f64| {
                    let active = 10f64.powf(6.0 + 0.015 * f64::from(step));
                    let tokens = budget / (6.0 * active * laws.routed(active, granularity, 14.0));
                    let a = laws.sparse.g / granularity.powf(laws.sparse.gamma) + laws.sparse.law.a;
                    let law = Law { a, ..laws.sparse.law.clone() };
                    law.loss(Recipe { params_active: active * laws.total_over_active(), tokens })
                })
            });
            let loss = best.fold(f64::INFINITY, f64::min);
            laws.dense.cheapest(loss).expect("above the floor").training_flops() / budget
        };
        assert!((dense_over_sparse(1e20) - 20.0).abs() < 2.5, "{}", dense_over_sparse(1e20));
        assert!(dense_over_sparse(1e25) > 1.4 * dense_over_sparse(1e20));
    }

    #[test]
    fn the_mixtures_of_the_papers_second_table_lose_what_it_prints() {
        // Table 2: N, D, G and loss; the coefficients that the paper prints are rounded.
        let laws = sparsity();
        for (active, tokens, granularity, printed) in [
            (1e8, 4.37e9, 8.0, 3.133),
            (1e9, 28.94e9, 16.0, 2.491),
            (3e9, 72.9e9, 16.0, 2.245),
            (7e9, 137.6e9, 32.0, 2.076),
        ] {
            let a = laws.sparse.g / f64::powf(granularity, laws.sparse.gamma) + laws.sparse.law.a;
            let law = Law { a, ..laws.sparse.law.clone() };
            let loss = law.loss(Recipe { params_active: active * laws.total_over_active(), tokens });
            assert!((loss - printed).abs() < 0.03, "{active:e}: {loss} against {printed}");
        }
    }

    #[test]
    fn a_mixture_on_the_same_tokens_is_several_times_cheaper() {
        let recipe = Recipe { params_active: 1e9, tokens: 20e9 };
        let found = sparsity().mixture(recipe).expect("it is reached");
        assert!(found.flops_ratio > 0.03 && found.flops_ratio < 0.3, "{found:?}");
        assert!(found.params_total > 40.0 * found.params_active);
        let spread = sparsity().flops_ratio(recipe).expect("it is reached");
        assert_eq!(spread.central, found.flops_ratio);
        assert!(spread.low.is_some_and(|low| low < 0.8 * found.flops_ratio), "{spread:?}");
        assert!(spread.high.is_some_and(|high| high > 1.2 * found.flops_ratio && high < 0.5), "{spread:?}");
        // A dense model of a billion parameters is twelve times as large as any of that fit.
        assert!((sparsity().reach(recipe, &found).beyond - 1e9 / 8.5e7).abs() < 1e-6);
    }

    #[test]
    fn eight_bits_keep_nine_tenths_of_the_parameters_worth() {
        // Kumar et al.: 0.950 of the weights and 0.973 of the activations at 8 bits, nearly all at 16.
        let kept = worth(8.0, 16.0, 2.6745, 2.2102);
        assert!((kept - 0.9498 * 0.9732 / (0.9975 * 0.9993)).abs() < 1e-3, "{kept}");
        assert_eq!(worth(16.0, 16.0, 2.6745, 2.2102), 1.0);
    }

    proptest! {
        #[test]
        fn no_size_reaches_the_loss_with_fewer_flops_than_the_cheapest(params in 1e8..1e11f64, tokens in 1e9..1e13f64) {
            let recipe = Recipe { params_active: params, tokens };
            let cheapest = dense().cheapest(dense().loss(recipe)).expect("above the floor");
            prop_assert!(cheapest.training_flops() <= recipe.training_flops() * (1.0 + 1e-9));
        }

        #[test]
        fn the_tokens_of_a_size_give_the_loss_back(params in 1e8..1e11f64, tokens in 1e9..1e13f64) {
            let loss = dense().loss(Recipe { params_active: params, tokens });
            let found = dense().tokens_for(loss, params).expect("it was reached");
            prop_assert!((found / tokens - 1.0).abs() < 1e-6);
        }

        #[test]
        fn a_spread_holds_its_centre(params in 1e8..1e11f64, tokens in 1e9..1e13f64) {
            let recipe = Recipe { params_active: params, tokens };
            let best = |law: &Law| Some(law.cheapest(law.loss(recipe))?.training_flops() / recipe.training_flops());
            let spread = dense().spread(ERRORS, &[], best).expect("above the floor");
            prop_assert!(spread.low.is_none_or(|low| low <= spread.central));
            prop_assert!(spread.high.is_none_or(|high| high >= spread.central));
        }
    }
}
