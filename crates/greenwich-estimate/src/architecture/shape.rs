//! The dimensions that most families share, and how their attention reaches.
//!
//! In: a [`Config`]. Out: a [`Shape`] whose parts a family adds up, and the counts that come of the sum.

use super::moe::CHOSEN;
use super::part::{Part, attend, linear, vocabulary};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::{Extent, Reach};

pub(super) const WIDTH: &[&str] = &["hidden_size", "n_embd", "d_model", "dim"];
pub(super) const LAYERS: &[&str] = &["num_hidden_layers", "n_layer", "n_layers", "num_layers"];
pub(super) const HEADS: &[&str] = &["num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"];
pub(super) const KV_HEADS: &[&str] = &["num_key_value_heads", "num_kv_heads"];
pub(super) const INNER: &[&str] = &["intermediate_size", "n_inner", "ffn_dim", "d_ff", "hidden_dim"];
pub(super) const VOCAB: &[&str] = &["vocab_size"];
pub(super) const POSITIONS: &[&str] = &["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"];

type Counted = Result<ModelCounts, EstimateError>;

/// Dimensions of a stack of alike blocks. Each is at most 2^30, so products of four fit 128 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) width: u128,
    pub(super) layers: u128,
    pub(super) heads: u128,
    pub(super) kv_heads: u128,
    pub(super) head_dim: u128,
    pub(super) value_dim: u128,
    pub(super) vocab: u128,
}

/// Which projections of an attention have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    None,
    /// Query, key and value.
    Inputs,
    /// The output's alone.
    Output,
    All,
}

impl Bias {
    /// All four, or none.
    pub(super) fn all(there: bool) -> Self {
        if there { Self::All } else { Self::None }
    }
    /// Query, key and value, or none.
    pub(super) fn inputs(there: bool) -> Self {
        if there { Self::Inputs } else { Self::None }
    }
}

impl Shape {
    /// Reads a language model's: heads, the keys' and values' as many unless the config says otherwise, as wide as the
    /// quotient of width and heads unless it says otherwise.
    pub(super) fn read(config: &Config) -> Result<Self, EstimateError> {
        config.need(WIDTH)?;
        let heads = config.need(HEADS)?;
        let kv_heads = match config.maybe(KV_HEADS)? {
            Some(number) => number,
            None if config.flag(&["multi_query"])? => 1,
            None => heads,
        };
        Self::of(config, heads, kv_heads)
    }
    /// The same with other heads.
    pub(super) fn of(config: &Config, heads: u128, kv_heads: u128) -> Result<Self, EstimateError> {
        let width = config.need(WIDTH)?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(config.bad("num_key_value_heads", &kv_heads, "a divisor of the number of heads"));
        }
        let head_dim = match config.maybe(&["head_dim"])? {
            Some(given) => given,
            None => quotient(config, width, heads)?,
        };
        let (layers, vocab) = (config.need(LAYERS)?, config.need(VOCAB)?);
        Ok(Self { width, layers, heads, kv_heads, head_dim, value_dim: head_dim, vocab })
    }
    /// A stack without a vocabulary, its heads as wide as the quotient.
    pub(super) fn of_stack(config: &Config, width: u128, layers: u128, heads: u128) -> Result<Self, EstimateError> {
        let head_dim = quotient(config, width, heads)?;
        Ok(Self { width, layers, heads, kv_heads: heads, head_dim, value_dim: head_dim, vocab: 0 })
    }
    pub(super) fn queries(&self) -> u128 {
        self.heads * self.head_dim
    }
    pub(super) fn keys(&self) -> u128 {
        self.kv_heads * self.head_dim
    }
    /// Multiply-adds of a query with a key, and of the score with the value.
    pub(super) fn pair(&self) -> u128 {
        self.heads * (self.head_dim + self.value_dim)
    }
    /// Projections of query, key, value and output, and what they are for.
    pub(super) fn attention(&self, bias: Bias, reach: Reach) -> Part {
        let inputs = matches!(bias, Bias::Inputs | Bias::All);
        let output = matches!(bias, Bias::Output | Bias::All);
        linear(self.width, self.queries(), inputs)
            + 2 * linear(self.width, self.keys(), inputs)
            + attend(self.pair(), reach)
            + linear(self.queries(), self.width, output)
    }
    /// Input embedding and head, tied or not.
    pub(super) fn vocabulary(&self, config: &Config) -> Result<Part, EstimateError> {
        Ok(vocabulary(self.vocab, self.width, tied(config)?))
    }
    /// The counts of a model of one stack that sees the sequence.
    pub(super) fn counts(&self, config: &Config, model: &Part) -> Counted {
        self.counts_of(config, model, vec![Extent::Sequence], self.layers)
    }
    /// The counts of a model of other stacks, with so many attentions in a pass.
    pub(super) fn counts_of(&self, config: &Config, model: &Part, streams: Vec<Extent>, attentions: u128) -> Counted {
        let too_many = || config.bad("hidden_size", &self.width, "smaller: 2^64 parameters");
        let whole = |number: u128| u64::try_from(number).map_err(|_| too_many());
        let active = model.weights() - model.idle;
        let pass = model.pass(streams).ok_or_else(too_many)?;
        let around = config.is_inner().then(|| "the parts around `text_config` are left out".to_owned());
        Ok(ModelCounts {
            model_type: config.model_type().to_owned(),
            params_total: whole(model.weights())?,
            params_active: whole(active)?,
            embedding_params: whole(model.looked_up)?,
            matmul_params: whole(model.multiplied)?,
            hidden: whole(self.width)?,
            layers: whole(self.layers)?,
            attention_blocks: whole(attentions)?,
            stacks: pass.streams.len() as u64,
            heads: whole(self.heads)?,
            kv_heads: whole(self.kv_heads)?,
            head_dim: whole(self.head_dim)?,
            value_dim: whole(self.value_dim)?,
            vocab: whole(self.vocab)?,
            chosen_experts: if model.idle > 0 { whole(config.maybe(CHOSEN)?.unwrap_or(1))? } else { 0 },
            max_seq_len: config.said(POSITIONS)?.map(|longest| longest as u64),
            left_out: around,
            pass,
        })
    }
}

/// Whether the head is the input embedding.
pub(super) fn tied(config: &Config) -> Result<bool, EstimateError> {
    config.flag(&["tie_word_embeddings"])
}

/// Width over heads, where it is whole.
fn quotient(config: &Config, width: u128, heads: u128) -> Result<u128, EstimateError> {
    let bad = || config.bad("hidden_size", &width, "a multiple of the number of heads, or give `head_dim`");
    if width.is_multiple_of(heads) { Ok(width / heads) } else { Err(bad()) }
}

/// How the blocks of a stack reach, where their list of layer types is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// All of them slide where the config has a window.
    Every,
    /// Every so many-th sees all, the others slide; the config may say another number.
    FullEvery(u128),
    /// The first of every so many sees all, the others slide.
    FullFirstOf(u128),
    /// Only with `use_sliding_window`, from `max_window_layers` on.
    FromLayer,
}

/// Blocks of a causal stack by how they reach: how many of each.
pub(super) fn reaches(config: &Config, layers: u128, pattern: Pattern) -> Result<Vec<(u128, Reach)>, EstimateError> {
    let window = config.maybe(&["sliding_window"])?.map(|width| Reach::Window(width as u64));
    let sliding = match (config.words(&["layer_types"])?, pattern) {
        (Some(types), _) => types.iter().filter(|kind| **kind == "sliding_attention").count() as u128,
        (None, Pattern::Every) => layers,
        (None, Pattern::FullEvery(period)) => {
            layers - layers / config.maybe(&["sliding_window_pattern"])?.unwrap_or(period)
        }
        (None, Pattern::FullFirstOf(period)) => layers - layers.div_ceil(period),
        (None, Pattern::FromLayer) if !config.flag(&["use_sliding_window"])? => 0,
        (None, Pattern::FromLayer) => layers - config.some(&["max_window_layers"])?.min(layers),
    };
    let sliding = if window.is_some() { sliding.min(layers) } else { 0 };
    let kinds = [(layers - sliding, Reach::Before), (sliding, window.unwrap_or(Reach::Before))];
    Ok(kinds.into_iter().filter(|(number, _)| *number > 0).collect())
}

/// A stack whose blocks differ in their reach alone.
pub(super) fn stack(reaches: &[(u128, Reach)], block: impl Fn(Reach) -> Part) -> Part {
    reaches.iter().map(|(number, reach)| *number * block(*reach)).sum()
}
