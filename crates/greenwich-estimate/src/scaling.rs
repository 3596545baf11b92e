//! What loss a model of a size reaches on a number of tokens, by published laws, each within its own fit.
//!
//! In: parameters and tokens. Out: a loss, the size that reaches the same loss with the fewest FLOPs, the tokens that
//! another size needs for it, and whether the law was ever seen so far out. Losses of two laws are never compared:
//! their data and tokenizers differ.

/// L(N, D) = E + A/N^α + B/D^β of dense models.
///
/// # Sources
/// T. Besiroglu et al., "Chinchilla Scaling: A replication attempt", arXiv:2404.10102, the re-fit of J. Hoffmann et al.,
/// arXiv:2203.15556.
const DENSE: Law = Law { floor: 1.8172, a: 482.01, alpha: 0.3478, b: 2085.43, beta: 0.3658 };
/// Parameters and tokens of the runs behind [`DENSE`].
const DENSE_PARAMS: (f64, f64) = (44e6, 16e9);
const DENSE_TOKENS: (f64, f64) = (1e9, 500e9);

/// L(N, D, G) = c + (g/G^γ + a)/N^α + b/D^β of mixtures of 64 times as many experts as one token passes, G = 1, and of
/// dense models, fitted together on the same data.
///
/// # Sources
/// J. Krajewski et al., "Scaling Laws for Fine-Grained Mixture of Experts", arXiv:2402.07871, table 4.
const KRAJEWSKI_DENSE: Law = Law { floor: 0.47, a: 16.3, alpha: 0.126, b: 26.7, beta: 0.127 };
const KRAJEWSKI_A: f64 = 18.1;
const KRAJEWSKI_G: f64 = 2.1;
const KRAJEWSKI_GAMMA: f64 = 0.58;
const KRAJEWSKI_ALPHA: f64 = 0.115;
const KRAJEWSKI_B: f64 = 30.8;
const KRAJEWSKI_BETA: f64 = 0.147;
const KRAJEWSKI_PARAMS: (f64, f64) = (129e6, 3.7e9);
const KRAJEWSKI_TOKENS: (f64, f64) = (16e9, 130e9);

/// A law of the form E + A/N^α + B/D^β.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    floor: f64,
    a: f64,
    alpha: f64,
    b: f64,
    beta: f64,
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

/// How far the question lies outside of the runs that a law was fitted on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// The largest factor by which size or tokens lie outside; 1 where both are inside.
    pub beyond: f64,
}

impl Reach {
    /// Beyond this nothing is said: a hundred times outside of the fitted range is a guess.
    pub const MOST: f64 = 100.0;

    fn of(recipe: Recipe, params: (f64, f64), tokens: (f64, f64)) -> Self {
        let out = |value: f64, (low, high): (f64, f64)| (value / high).max(low / value).max(1.0);
        Self { beyond: out(recipe.params_active, params).max(out(recipe.tokens, tokens)) }
    }
    /// Whether the law was seen there.
    pub fn is_inside(self) -> bool {
        self.beyond <= 1.0
    }
    /// Whether it is too far out to be asked.
    pub fn is_refused(self) -> bool {
        self.beyond > Self::MOST
    }
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
}

/// The law of dense models that is used.
pub const fn dense() -> &'static Law {
    &DENSE
}

/// Where the dense law stands for a recipe.
pub fn dense_reach(recipe: Recipe) -> Reach {
    Reach::of(recipe, DENSE_PARAMS, DENSE_TOKENS)
}

/// Where the sparse law stands for a recipe.
pub fn sparse_reach(recipe: Recipe) -> Reach {
    Reach::of(recipe, KRAJEWSKI_PARAMS, KRAJEWSKI_TOKENS)
}

/// The sparse law at a granularity: experts split that many ways, as many more chosen.
fn sparse(granularity: f64) -> Law {
    Law {
        floor: 0.47,
        a: KRAJEWSKI_G / granularity.powf(KRAJEWSKI_GAMMA) + KRAJEWSKI_A,
        alpha: KRAJEWSKI_ALPHA,
        b: KRAJEWSKI_B,
        beta: KRAJEWSKI_BETA,
    }
}

/// Experts for each one that a token passes, in the paper's fit.
const EXPANSION: f64 = 64.0;
/// Granularities that are tried.
const GRANULARITIES: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];

/// The mixture that reaches the loss of a dense recipe on as many tokens, both by the same paper's fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparse {
    /// All parameters.
    pub params_total: f64,
    /// Those that one token passes.
    pub params_active: f64,
    /// Parts that each expert is split into.
    pub granularity: f64,
    /// Training FLOPs over those of the dense recipe, routing counted.
    pub flops_ratio: f64,
}

/// The cheapest mixture of 64-fold expansion with the loss of a dense recipe on the same tokens, if any reaches it.
///
/// The law's N is of all parameters: blocks × d² × (8 × 64 + 4), where a token passes blocks × d² × 12, and a block
/// does 14·d·E·G of routing beside 72·d² of the rest; blocks = d / 64 (section 4 and appendix A of the paper).
pub fn sparse_of(recipe: Recipe) -> Option<Sparse> {
    let loss = KRAJEWSKI_DENSE.loss(recipe);
    let at = |granularity: f64| {
        let law = sparse(granularity);
        let left = loss - law.floor - law.b / recipe.tokens.powf(law.beta);
        let params_total = (left > 0.0).then(|| (law.a / left).powf(1.0 / law.alpha))?;
        let params_active = params_total * 12.0 / (8.0 * EXPANSION + 4.0);
        let flops_ratio = params_active * routed(params_active, granularity) / recipe.params_active;
        Some(Sparse { params_total, params_active, granularity, flops_ratio })
    };
    GRANULARITIES.into_iter().filter_map(at).min_by(|a, b| a.flops_ratio.total_cmp(&b.flops_ratio))
}

/// FLOPs with routing over those without.
fn routed(params_active: f64, granularity: f64) -> f64 {
    let width = (params_active * 64.0 / 12.0).cbrt();
    1.0 + 14.0 * EXPANSION * granularity / (72.0 * width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_optimum_of_chinchillas_budget_is_as_re_fitted() {
        // Besiroglu et al.: at 5.76e23 FLOPs some 72 billion parameters, 18.4 tokens each.
        let budget = 5.76e23;
        let (a, alpha, b, beta) = (DENSE.a, DENSE.alpha, DENSE.b, DENSE.beta);
        let g = (alpha * a / (beta * b)).powf(1.0 / (alpha + beta));
        let size = g * (budget / 6.0f64).powf(beta / (alpha + beta));
        let recipe = Recipe { params_active: size, tokens: budget / 6.0 / size };
        assert!((size / 72e9 - 1.0).abs() < 0.03, "{size:e}");
        assert!((recipe.tokens / size / 18.4 - 1.0).abs() < 0.03);
        let found = DENSE.cheapest(DENSE.loss(recipe)).expect("above the floor");
        assert!((found.params_active / size - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_loss_under_the_floor_is_reached_by_no_tokens() {
        assert_eq!(DENSE.cheapest(1.8), None);
        assert_eq!(DENSE.tokens_for(2.0, 1e9), None);
    }

    #[test]
    fn far_out_is_flagged_and_further_out_refused() {
        let at = |params_active: f64, tokens: f64| dense_reach(Recipe { params_active, tokens });
        assert!(at(1e9, 20e9).is_inside());
        assert!(!at(70e9, 1.4e12).is_inside() && !at(70e9, 1.4e12).is_refused());
        assert!(at(1e13, 1e12).is_refused());
    }

    #[test]
    fn a_mixture_at_1e20_does_what_twenty_times_the_flops_do_densely() {
        // Krajewski et al., abstract and figure 1: about 20 times at 1e20, more beyond.
        let dense_over_sparse = |budget: f64| {
            let best = (0..400).flat_map(|step| {
                GRANULARITIES.map(|granularity| {
                    let active = 10f64.powf(6.0 + 0.015 * f64::from(step));
                    let tokens = budget / (6.0 * active * routed(active, granularity));
                    let law = sparse(granularity);
                    law.loss(Recipe { params_active: active * (8.0 * EXPANSION + 4.0) / 12.0, tokens })
                })
            });
            let loss = best.fold(f64::INFINITY, f64::min);
            KRAJEWSKI_DENSE.cheapest(loss).expect("above the floor").training_flops() / budget
        };
        assert!((dense_over_sparse(1e20) - 20.0).abs() < 2.5, "{}", dense_over_sparse(1e20));
        assert!(dense_over_sparse(1e25) > 1.4 * dense_over_sparse(1e20));
    }

    #[test]
    fn a_mixture_on_the_same_tokens_is_several_times_cheaper() {
        let found = sparse_of(Recipe { params_active: 1e9, tokens: 20e9 }).expect("it is reached");
        assert!(found.flops_ratio > 0.03 && found.flops_ratio < 0.3, "{found:?}");
        assert!(found.params_total > 40.0 * found.params_active);
    }

    proptest! {
        #[test]
        fn no_size_reaches_the_loss_with_fewer_flops_than_the_cheapest(params in 1e8..1e11f64, tokens in 1e9..1e13f64) {
            let recipe = Recipe { params_active: params, tokens };
            let cheapest = DENSE.cheapest(DENSE.loss(recipe)).expect("above the floor");
            prop_assert!(cheapest.training_flops() <= recipe.training_flops() * (1.0 + 1e-9));
        }

        #[test]
        fn the_tokens_of_a_size_give_the_loss_back(params in 1e8..1e11f64, tokens in 1e9..1e13f64) {
            let loss = DENSE.loss(Recipe { params_active: params, tokens });
            let found = DENSE.tokens_for(loss, params).expect("it was reached");
            prop_assert!((found / tokens - 1.0).abs() < 1e-6);
        }
    }
}
