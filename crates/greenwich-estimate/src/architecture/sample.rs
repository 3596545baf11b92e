//! Models of which a pass is one sample of a fixed size: an image, a clip, a latent.
//!
//! In: the sum of their layers. Out: their counts. What changes its width and its number of places on the way has no
//! width of its own; the one that stands for it keeps as much for the way back as its layers do.

use super::part::Part;
use crate::model::ModelCounts;
use crate::pass::Extent;

/// Bytes kept of a block per token and width, as the roofline and the memory count them.
///
/// V. Korthikanti et al., arXiv:2205.05198, section 4.
const BLOCK_BYTES: f64 = 34.0;
/// Bytes kept of each value that is fed to a product: in 16 bits, for itself and for the norm or activation before it.
const FED_BYTES: f64 = 4.0;

/// A sample and the net that it goes through.
pub(super) struct Sample<'a> {
    /// What the net is called.
    pub(super) model_type: &'a str,
    /// Tokens that the sample is counted as.
    pub(super) tokens: u128,
    /// Blocks, or layers that multiply.
    pub(super) depth: u128,
    /// Attentions among them.
    pub(super) attentions: u128,
    /// What a token is, for the report.
    pub(super) said: String,
}

impl Sample<'_> {
    /// The counts, or `None` where a number is above 2^64.
    pub(super) fn counts(self, model: &Part) -> Option<ModelCounts> {
        let whole = |number: u128| u64::try_from(number).ok();
        let (tokens, layers) = (whole(self.tokens)?, whole(self.depth.max(1))?);
        let kept = FED_BYTES * model.fed(tokens);
        let width = kept / (BLOCK_BYTES * layers as f64 * tokens as f64);
        let hidden = if width < 1e15 { width.ceil().max(1.0) as u64 } else { return None };
        Some(ModelCounts {
            model_type: self.model_type.to_owned(),
            params_total: whole(model.weights())?,
            params_active: whole(model.weights() - model.idle)?,
            embedding_params: whole(model.looked_up)?,
            matmul_params: whole(model.multiplied)?,
            hidden,
            layers,
            attention_blocks: whole(self.attentions)?,
            stacks: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: hidden,
            value_dim: hidden,
            vocab: 0,
            chosen_experts: 0,
            max_seq_len: Some(tokens),
            left_out: Some(self.said),
            pass: model.pass(vec![Extent::Fixed(tokens)])?,
        })
    }
}
