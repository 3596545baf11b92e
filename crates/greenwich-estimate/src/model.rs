//! How large a model is: parameters, and FLOPs of one forward pass.
//!
//! In: the text of a Hugging Face `config.json`, or bare parameter counts. Out: [`ModelCounts`],
//! equal to the digit to a count over the library's own modules. What a training run of it costs
//! is in `flops`.

use crate::architecture;
use crate::error::EstimateError;
use crate::flops::CALIBRATED_SEQ_LEN;
use crate::pass::{Extent, Pass};
use greenwich_core::quantity::Flops;

/// The counts of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCounts {
    /// The config's `model_type`.
    pub model_type: String,
    /// All parameters, tied ones once, buffers not counted.
    pub params_total: u64,
    /// Total less the routed experts that a token does not pass.
    pub params_active: u64,
    /// Active parameters that are looked up and not multiplied: the input embedding where it is not
    /// tied to the head, and learned positions.
    pub embedding_params: u64,
    /// Parameters that tokens are multiplied with: the active ones less look-ups, norms and biases.
    pub matmul_params: u64,
    /// Width; of a net that changes it on the way, the one that keeps as much for the way back as its layers do.
    pub hidden: u64,
    /// Blocks.
    pub layers: u64,
    /// Attentions that a pass goes through: one a block, and one more where a decoder looks at an encoder.
    pub attention_blocks: u64,
    /// Stacks that a pass goes through, one sequence each: 2 for an encoder with a decoder, else 1.
    pub stacks: u64,
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Width of a query and key head.
    pub head_dim: u64,
    /// Width of a value head.
    pub value_dim: u64,
    /// Entries of the vocabulary.
    pub vocab: u64,
    /// Routed experts that a token passes in a block; 0 where there are none.
    pub chosen_experts: u64,
    /// Longest sequence that the config allows, where it says so.
    pub max_seq_len: Option<u64>,
    /// What the count leaves out, if anything: to be said in a report.
    pub left_out: Option<String>,
    /// What one forward pass multiplies.
    pub pass: Pass,
}

impl ModelCounts {
    /// Reads a Hugging Face `config.json`.
    ///
    /// ```
    /// let gpt2 = greenwich_estimate::ModelCounts::from_config(
    ///     r#"{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12}"#,
    /// )?;
    /// assert_eq!(gpt2.params_total, 124_439_808);
    /// # Ok::<(), greenwich_estimate::EstimateError>(())
    /// ```
    ///
    /// # Errors
    /// An unknown `model_type` (with the nearest known ones), a missing field (with its spellings)
    /// or one that cannot be.
    pub fn from_config(text: &str) -> Result<Self, EstimateError> {
        architecture::count(text)
    }
    /// FLOPs of one forward pass over one sequence, every token attending to every other:
    /// 2·S·(parameters multiplied) + 2·S²·H·(d_qk + d_v)·L, a multiply-add counting two.
    pub fn forward_flops(&self, seq_len: u64) -> Flops {
        self.pass.product_flops(seq_len) + self.pass.attention_flops(seq_len)
    }
    /// The same under the model's own mask: half of the S² term where a token attends to those before it only, less
    /// where blocks slide, all of it where every token sees every other.
    pub fn forward_flops_causal(&self, seq_len: u64) -> Flops {
        self.pass.product_flops(seq_len) + self.pass.masked_attention_flops(seq_len)
    }
    /// Tokens of one such pass: a sequence for each stack, of which a token passes one.
    pub fn tokens_per_pass(&self, seq_len: u64) -> f64 {
        self.pass.tokens(seq_len)
    }
    /// Tokens of a pass that is one sample of a fixed size, whatever a sequence is.
    pub fn sample_tokens(&self) -> Option<u64> {
        let fixed = self.pass.streams.iter().map(|stream| match stream {
            Extent::Fixed(tokens) => Some(*tokens),
            Extent::Sequence | Extent::Distances(_) => None,
        });
        fixed.sum::<Option<u64>>().filter(|tokens| *tokens > 0)
    }
    /// Tokens of a sequence that it is trained on, where nothing says how many: the config's longest, but no more than
    /// [`CALIBRATED_SEQ_LEN`]. Longer ones come in the last part of a run, if at all.
    ///
    /// # Sources
    /// A. Grattafiori et al., "The Llama 3 Herd of Models", arXiv:2407.21783, section 3.4.2: 128,000 tokens in the last 0.8 of 15
    /// trillion; DeepSeek-AI, "DeepSeek-V3", arXiv:2412.19437, section 4.3: 4,096 tokens but for two short phases at the end.
    pub fn usual_seq_len(&self) -> Option<u64> {
        self.max_seq_len.map(|longest| longest.min(CALIBRATED_SEQ_LEN))
    }
    /// Norms, biases and the like, which no product counts.
    pub(crate) fn small_params(&self) -> u64 {
        self.params_active - self.matmul_params - self.embedding_params
    }
}

/// What is known of the model that is trained.
#[expect(clippy::large_enum_variant, reason = "there is one to an estimate, and a shape is the common case")]
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// Its shape, from a config.
    Shape(ModelCounts),
    /// Its size alone.
    Bare {
        /// All parameters.
        params_total: u64,
        /// Parameters that one token passes.
        params_active: u64,
    },
    /// Nothing.
    Unknown,
}

impl Model {
    /// All parameters, where known.
    pub fn params_total(&self) -> Option<u64> {
        match self {
            Self::Shape(counts) => Some(counts.params_total),
            Self::Bare { params_total, .. } => Some(*params_total),
            Self::Unknown => None,
        }
    }
    /// Parameters that one token passes, where known.
    pub fn params_active(&self) -> Option<u64> {
        match self {
            Self::Shape(counts) => Some(counts.params_active),
            Self::Bare { params_active, .. } => Some(*params_active),
            Self::Unknown => None,
        }
    }
    /// The shape, where known.
    pub fn shape(&self) -> Option<&ModelCounts> {
        match self {
            Self::Shape(counts) => Some(counts),
            Self::Bare { .. } | Self::Unknown => None,
        }
    }
}
