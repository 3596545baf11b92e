//! What the roofline must know of a model: a few numbers of one sequence.
//!
//! In: counts of a shape, or a size alone, which then stands for a plain decoder of that size. Out: [`Body`].

use crate::model::{Model, ModelCounts};

/// A model as one sequence sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Body {
    /// Parameters that a token passes.
    pub(crate) active_params: f64,
    /// Routed experts that it does not.
    pub(crate) idle_params: f64,
    /// Routed experts of a block that it passes.
    pub(crate) chosen_experts: f64,
    /// Blocks.
    pub(crate) layers: f64,
    /// Width.
    pub(crate) hidden: f64,
    /// Query heads.
    pub(crate) heads: f64,
    /// Widths of keys and values together.
    pub(crate) kv_width: f64,
    /// Entries of the vocabulary.
    pub(crate) vocab: f64,
    /// FLOPs forward of a sequence, every token attending to every other.
    pub(crate) forward_flops: f64,
    /// The attention in them.
    pub(crate) attention_flops: f64,
    /// The output head in them.
    pub(crate) head_flops: f64,
}

/// Width of a head of a model of which only the size is known.
const HEAD: f64 = 128.0;
/// Vocabulary of the same.
const VOCAB: f64 = 50_000.0;

impl Body {
    /// What is known of a model, at a sequence length; `None` where nothing is, or where it has no blocks.
    pub(crate) fn of(model: &Model, seq_len: u32) -> Option<Self> {
        match model {
            Model::Shape(counts) => Self::of_counts(counts, seq_len),
            Model::Bare { params_total, params_active } => {
                Some(Self::typical(*params_total as f64, *params_active as f64, f64::from(seq_len)))
            }
            Model::Unknown => None,
        }
    }

    pub(crate) fn of_counts(model: &ModelCounts, seq_len: u32) -> Option<Self> {
        let tokens = u64::from(seq_len);
        let attention_flops = model.pass.attention_flops(tokens).flops();
        let forward_flops = model.pass.product_flops(tokens).flops() + attention_flops;
        let head_flops = 2.0 * f64::from(seq_len) * model.hidden as f64 * model.vocab as f64;
        let body = Self {
            active_params: model.params_active as f64,
            idle_params: (model.params_total - model.params_active) as f64,
            chosen_experts: model.chosen_experts as f64,
            layers: model.layers as f64,
            hidden: model.hidden as f64,
            heads: model.heads as f64,
            kv_width: (model.kv_heads * (model.head_dim + model.value_dim)) as f64,
            vocab: model.vocab as f64,
            forward_flops,
            attention_flops,
            head_flops: if head_flops < 0.5 * forward_flops { head_flops } else { 0.0 },
        };
        (body.layers >= 1.0 && body.hidden >= 1.0 && forward_flops > 0.0).then_some(body)
    }

    /// A plain decoder of a size: 12 widths squared a block, and a width over blocks that grows with the size as
    /// the shapes of Brown et al. 2020 (arXiv:2005.14165, table 2.1) do, 64 at 125 million and 128 at 175 billion.
    fn typical(total: f64, active: f64, seq_len: f64) -> Self {
        let aspect = 64.0 * (active / 1.25e8).max(1.0).powf(0.096);
        let layers = (active / (12.0 * aspect * aspect)).cbrt();
        // In eights, as makers choose them, so that pipelines divide them.
        let layers = if layers < 12.0 { layers.round().max(1.0) } else { 8.0 * (layers / 8.0).round() };
        let hidden = (active / (12.0 * layers)).sqrt();
        let attention_flops = 4.0 * seq_len * seq_len * hidden * layers;
        Self {
            active_params: active,
            idle_params: total - active,
            chosen_experts: if total > active { 2.0 } else { 0.0 },
            layers,
            hidden,
            heads: (hidden / HEAD).round().max(1.0),
            kv_width: 2.0 * hidden,
            vocab: VOCAB,
            forward_flops: 2.0 * active * seq_len + attention_flops,
            attention_flops,
            head_flops: 0.0,
        }
    }

    /// FLOPs of one block forward.
    pub(crate) fn block_flops(&self) -> f64 {
        (self.forward_flops - self.head_flops) / self.layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_alone_stands_for_a_decoder_of_that_size() {
        // GPT-3: 96 blocks of 12,288 (arXiv:2005.14165, table 2.1).
        let body = Body::typical(175e9, 175e9, 2048.0);
        assert!((body.layers - 96.0).abs() < 8.0 && (body.hidden / 12288.0 - 1.0).abs() < 0.05, "{body:?}");
        assert!((12.0 * body.layers * body.hidden * body.hidden / 175e9 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn blocks_and_head_are_the_whole_pass() {
        let text = r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
            "num_hidden_layers": 32, "num_attention_heads": 32}"#;
        let counts = ModelCounts::from_config(text).expect("a known type");
        let body = Body::of_counts(&counts, 4096).expect("it has blocks");
        let whole = body.block_flops() * body.layers + body.head_flops;
        assert!((whole / counts.forward_flops(4096).flops() - 1.0).abs() < 1e-12);
        assert!(Body::of(&Model::Unknown, 4096).is_none());
    }
}
