//! Whether a model can be trained on the accelerators at all.
//!
//! In: a model, a sequence length, a number format and the memory of one accelerator. Out: the least that each must
//! hold however the work is laid out, and the fewest accelerators that would do. A bound from below: what it
//! refuses cannot run, what it passes may still not.

use crate::model::Model;
use greenwich_core::quantity::Bytes;

/// Weight and gradient in 16 bits, master weight and two moments of Adam in 32.
///
/// The same 16 bytes hold weight, gradient and moments where all is 32 bits wide.
const STATE_BYTES: f64 = 16.0;
/// Widest tensor parallelism that is used in practice: one node of eight.
const WIDTHS: [u32; 4] = [1, 2, 4, 8];
/// Bytes of one block's activations per token and width, attention scores not stored.
///
/// V. Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models",
/// arXiv:2205.05198, section 4: s·b·h·(34 + 5·a·s/h), the second term recomputed.
const BLOCK_BYTES: f64 = 34.0;

/// What one accelerator must hold at least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    states: f64,
    activations: f64,
}

impl Need {
    /// The least that training a model needs, or `None` where its size is not known. Activations are counted
    /// where the shape and a sequence length are.
    pub fn new(model: &Model, seq_len: Option<u32>, precision: &str) -> Option<Self> {
        let states = STATE_BYTES * model.params_total()? as f64;
        let activations = model.shape().map_or(0.0, |shape| {
            let tokens =
                shape.sample_tokens().or(seq_len.map(u64::from)).or_else(|| shape.usual_seq_len()).unwrap_or(0) as f64;
            let bytes = if matches!(precision, "fp32" | "tf32") { 2.0 } else { 1.0 };
            let inputs_of_blocks = 2.0 * shape.hidden as f64 * shape.layers as f64;
            let one_block = BLOCK_BYTES * shape.hidden as f64;
            let logits = 4.0 * shape.vocab as f64;
            tokens * (bytes * (inputs_of_blocks + one_block) + logits)
        });
        Some(Self { states, activations })
    }
    /// Bytes on each of `count` accelerators, in the layout that needs least.
    pub fn each(self, count: u32) -> Bytes {
        let widest = WIDTHS.into_iter().filter(|width| count.is_multiple_of(*width)).max().unwrap_or(1);
        Bytes::from_bytes(self.states / f64::from(count) + self.activations / f64::from(widest))
    }
    /// The fewest accelerators on which it fits, if any number would do.
    pub fn least_count(self, memory: Bytes) -> Option<u32> {
        let at_width = |width: u32| {
            let left = memory.bytes() - self.activations / f64::from(width);
            let groups = (self.states / left / f64::from(width)).ceil().max(1.0);
            (left > 0.0 && groups < f64::from(u32::MAX / 8)).then(|| groups as u32 * width)
        };
        WIDTHS.into_iter().filter_map(at_width).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelCounts;
    use proptest::prelude::*;

    fn bare(params: u64) -> Model {
        Model::Bare { params_total: params, params_active: params }
    }

    fn llama_7b() -> Model {
        let text = r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
            "num_hidden_layers": 32, "num_attention_heads": 32}"#;
        Model::Shape(ModelCounts::from_config(text).expect("a known type"))
    }

    #[test]
    fn seven_billion_parameters_need_two_accelerators_of_80_gb() {
        let need = Need::new(&bare(7_000_000_000), None, "bf16").expect("known");
        assert_eq!(need.each(1).gb(), 112.0);
        assert_eq!(need.least_count(Bytes::from_gb(80.0)), Some(2));
        assert_eq!(need.least_count(Bytes::from_gb(16.0)), Some(7));
    }

    #[test]
    fn activations_are_shared_over_eight_at_most() {
        // 4096 tokens × (2·4096·32 + 34·4096 + 4·32000) bytes = 2.17 GB on one.
        let need = Need::new(&llama_7b(), Some(4096), "bf16").expect("known");
        let states = 16.0 * 6_738_415_616.0;
        let activations = 4096.0 * (262_144.0 + 139_264.0 + 128_000.0);
        assert!((need.each(8).bytes() - (states + activations) / 8.0).abs() < 1.0);
        assert!((need.each(16).bytes() - (states / 16.0 + activations / 8.0)).abs() < 1.0);
        assert!((need.each(3).bytes() - (states / 3.0 + activations)).abs() < 1.0);
    }

    #[test]
    fn one_sequence_can_be_too_long_for_any_number() {
        let need = Need::new(&llama_7b(), Some(4_000_000), "bf16").expect("known");
        assert_eq!(need.least_count(Bytes::from_gb(80.0)), None);
        assert_eq!(Need::new(&Model::Unknown, Some(4096), "bf16"), None);
    }

    proptest! {
        #[test]
        fn the_fewest_fit_and_one_less_does_not(params in 1_000_000u64..2_000_000_000_000, gb in 8.0..300.0f64) {
            let need = Need::new(&bare(params), None, "bf16").expect("known");
            let memory = Bytes::from_gb(gb);
            let least = need.least_count(memory).expect("states are shared over any number");
            prop_assert!(need.each(least).bytes() <= memory.bytes() * (1.0 + 1e-12));
            prop_assert!(least == 1 || need.each(least - 1).bytes() > memory.bytes());
        }
    }
}
