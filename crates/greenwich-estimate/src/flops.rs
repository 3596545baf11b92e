//! What a training run has to compute.
//!
//! In: a model, tokens, a sequence length. Out: the model FLOPs of the run, and beside them the FLOPs
//! as the published runs behind the useful share of peak count them. Recomputation is hardware's
//! affair: it is in the share, never in the FLOPs.

use crate::model::{Model, ModelCounts};
use greenwich_core::quantity::Flops;

/// Backward passes cost twice a forward one.
const PASSES: f64 = 3.0;

/// The longest sequence that the published runs train on; attention over up to so many tokens is inside
/// the useful share that is fitted on them.
pub const CALIBRATED_SEQ_LEN: u64 = 4096;

/// The FLOPs of a run, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Model FLOPs of the whole run.
    pub training: Option<Flops>,
    /// The same as the calibration counts them: 6·N·D, and causal attention beyond
    /// [`CALIBRATED_SEQ_LEN`] on top.
    pub calibrated: Option<Flops>,
    /// Forward FLOPs a token.
    pub forward_per_token: Option<Flops>,
    /// The formula, for the list of factors.
    pub formula: &'static str,
}

impl Work {
    /// The FLOPs of a model and its tokens; `total` stands above both.
    ///
    /// ```
    /// use greenwich_estimate::{Model, flops::Work};
    /// let seven = Model::Bare { params_total: 7_000_000_000, params_active: 7_000_000_000 };
    /// let work = Work::new(&seven, Some(2e12), None, None);
    /// assert_eq!(work.training.map(|flops| flops.flops()), Some(8.4e22));
    /// ```
    pub fn new(model: &Model, tokens: Option<f64>, seq_len: Option<u32>, total: Option<Flops>) -> Self {
        let mut work = match model {
            Model::Shape(counts) => Self::of_shape(counts, tokens, seq_len),
            Model::Bare { params_active, .. } => {
                let per_token = 2.0 * *params_active as f64;
                let training = tokens.map(|tokens| Flops::from_flops(PASSES * per_token * tokens));
                Self {
                    training,
                    calibrated: training,
                    forward_per_token: Some(Flops::from_flops(per_token)),
                    formula: "6 × active parameters × tokens",
                }
            }
            Model::Unknown => Self { training: None, calibrated: None, forward_per_token: None, formula: "not known" },
        };
        if let Some(total) = total {
            work.training = Some(total);
            work.calibrated = Some(total);
            work.formula = "given";
        }
        work
    }

    /// What the FLOPs of a model leave out or take from elsewhere.
    pub fn warnings(model: &Model, seq_len: Option<u32>) -> Vec<String> {
        let Model::Shape(counts) = model else { return Vec::new() };
        let mut warnings = Vec::new();
        let asked = seq_len.map(u64::from);
        match (asked, counts.max_seq_len) {
            (Some(_), Some(tokens)) if counts.sample_tokens().is_some() && asked != Some(tokens) => warnings
                .push(format!("`model.seq_len` has no bearing: a pass of this model is one sample of {tokens} tokens")),
            _ if counts.sample_tokens().is_some() => {}
            (None, Some(longest)) if longest > CALIBRATED_SEQ_LEN => warnings.push(format!(
                "`model.seq_len` is not given: {CALIBRATED_SEQ_LEN} is taken, since the config's longest, {longest}, comes in the last part of a run, if at all"
            )),
            (None, Some(longest)) => {
                warnings.push(format!("`model.seq_len` is not given: the config's longest, {longest}, is taken"));
            }
            (None, None) => warnings.push(
                "neither `model.seq_len` nor the config says how long a sequence is: FLOPs of attention are left out"
                    .to_owned(),
            ),
            (Some(asked), Some(longest)) if asked > longest => warnings.push(format!(
                "`model.seq_len` is {asked}, the config's longest is {longest}: parameters of positions are not added"
            )),
            (Some(_), _) => {}
        }
        warnings.extend(counts.left_out.iter().map(|what| format!("`{}` model: {what}", counts.model_type)));
        warnings
    }

    fn of_shape(counts: &ModelCounts, tokens: Option<f64>, seq_len: Option<u32>) -> Self {
        let sample = counts.sample_tokens();
        let seq_len = sample.or(seq_len.map(u64::from)).or_else(|| counts.usual_seq_len());
        let at = seq_len.unwrap_or(1);
        let tokens_of_pass = counts.tokens_per_pass(at);
        let products = counts.pass.product_flops(at).flops();
        let per_token = match seq_len {
            Some(length) => counts.forward_flops(length).flops() / tokens_of_pass,
            None => products / tokens_of_pass,
        };
        let longer = seq_len.map_or(0.0, |length| {
            let masked = |at: u64| counts.pass.masked_attention_flops(at).flops() / counts.tokens_per_pass(at);
            (masked(length) - masked(CALIBRATED_SEQ_LEN)).max(0.0)
        });
        // 2·N of a token: published counts take in what is looked up, norms and biases.
        let not_multiplied = (counts.embedding_params + counts.small_params()) as f64;
        let published = (products + 2.0 * at as f64 * not_multiplied) / tokens_of_pass;
        // The published runs are of words. An image has its norms at fewer places than it has tokens, and often more work
        // in its attention than in its products.
        let of_words = sample.is_none() && counts.vocab > 0;
        let calibrated = if of_words { published + longer } else { per_token };
        let over_run = |per_token: f64| tokens.map(|tokens| Flops::from_flops(PASSES * per_token * tokens));
        Self {
            training: over_run(per_token),
            calibrated: over_run(calibrated),
            forward_per_token: Some(Flops::from_flops(per_token)),
            formula: if seq_len.is_some() {
                "3 × (2·S·multiplied parameters + 2·S²·H·(d_qk + d_v)·L) × tokens ÷ tokens of a pass"
            } else {
                "3 × 2·S·multiplied parameters × tokens ÷ tokens of a pass"
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA_2_7B: &str = r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096,
        "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 4096}"#;

    fn llama() -> Model {
        Model::Shape(ModelCounts::from_config(LLAMA_2_7B).expect("a known type"))
    }

    #[test]
    fn attention_is_part_of_the_training_flops() {
        // 3·(2·6,607,077,376 + 2·4096·32·256·32)·2e12: 14 % above 6·N·D with N = 6.738e9.
        let work = Work::new(&llama(), Some(2e12), Some(4096), None);
        let expected = 3.0 * (2.0 * 6_607_077_376.0 + 2.0 * 4096.0 * 32.0 * 256.0 * 32.0) * 2e12;
        assert!((work.training.expect("known").flops() / expected - 1.0).abs() < 1e-12);
        assert_eq!(work.calibrated.expect("known").flops(), 6.0 * 6_738_415_616.0 * 2e12);
        assert!(Work::warnings(&llama(), Some(4096)).is_empty());
    }

    #[test]
    fn attention_beyond_the_calibrated_length_takes_time() {
        let (short, long) =
            (Work::new(&llama(), Some(1e9), Some(4096), None), Work::new(&llama(), Some(1e9), Some(8192), None));
        // Causal: S·H·(d + d)·L more FLOPs a token and forward pass.
        let more = 3.0 * 4096.0 * 32.0 * 256.0 * 32.0 * 1e9;
        let found = long.calibrated.expect("known").flops() - short.calibrated.expect("known").flops();
        assert!((found / more - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_missing_sequence_length_is_taken_from_the_config_or_left_out_aloud() {
        let work = Work::new(&llama(), Some(1e9), None, None);
        assert_eq!(work.training, Work::new(&llama(), Some(1e9), Some(4096), None).training);
        insta::assert_snapshot!(Work::warnings(&llama(), None).join("\n"), @"`model.seq_len` is not given: the config's longest, 4096, is taken");
        let long = LLAMA_2_7B.replace("4096}", "131072}");
        let long = Model::Shape(ModelCounts::from_config(&long).expect("known"));
        assert_eq!(Work::new(&long, Some(1e9), None, None), Work::new(&llama(), Some(1e9), Some(4096), None));
        insta::assert_snapshot!(Work::warnings(&long, None).join("\n"), @"`model.seq_len` is not given: 4096 is taken, since the config's longest, 131072, comes in the last part of a run, if at all");
        let without = LLAMA_2_7B.replace(r#", "max_position_embeddings": 4096"#, "");
        let without = Model::Shape(ModelCounts::from_config(&without).expect("known"));
        let work = Work::new(&without, Some(1e9), None, None);
        assert_eq!(work.training.expect("known").flops(), 6.0 * 6_607_077_376.0 * 1e9);
        insta::assert_snapshot!(Work::warnings(&without, None).join("\n"), @"neither `model.seq_len` nor the config says how long a sequence is: FLOPs of attention are left out");
    }

    #[test]
    fn a_given_total_stands_above_model_and_tokens() {
        let total = Some(Flops::from_flops(3.14e23));
        assert_eq!(Work::new(&llama(), Some(1e9), Some(4096), total).training, total);
        assert_eq!(Work::new(&Model::Unknown, None, None, total).calibrated, total);
    }
}
