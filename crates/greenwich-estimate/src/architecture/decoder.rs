//! Dense language models after Llama: rotary positions, norms before or after each half of a block, mostly no biases.
//!
//! In: a config. Out: its counts. A function a family, written as the list of its layers.

use super::part::{Part, gated, layer_norm, linear, only_if, plain, vector};
use super::shape::{Bias, INNER, Pattern, Shape, reaches, stack};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::Reach;

type Counted = Result<ModelCounts, EstimateError>;

/// Llama and those with its weights: gated feed-forward, biases if the config asks for them.
pub(super) fn llama(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let block = |reach| 2 * vector(s.width) + s.attention(bias, reach) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FromLayer)?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Mistral: Llama whose every block slides where there is a window.
pub(super) fn mistral(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = |reach| 2 * vector(s.width) + s.attention(Bias::None, reach) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::Every)?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Code World Model: Llama of whose blocks every fourth sees all, the first among them.
pub(super) fn cwm(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = gated(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let block = |reach| 2 * vector(s.width) + s.attention(Bias::None, reach) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FullFirstOf(4))?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// BitNet: norms before the output of each half too.
pub(super) fn bitnet(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = config.need(INNER)?;
    let attention = s.attention(bias, Reach::Before) + vector(s.width);
    let feed_forward = gated(s.width, inner, false) + vector(inner);
    let block = 2 * vector(s.width) + attention + feed_forward;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// SmolLM 3: Llama; with `use_sliding_window`, the blocks without rotary positions slide.
pub(super) fn smollm3(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let window =
        config.maybe(&["sliding_window"])?.filter(|_| matches!(config.flag(&["use_sliding_window"]), Ok(true)));
    let sliding = match (config.list(&["no_rope_layers"])?, config.maybe(&["no_rope_layer_interval"])?.unwrap_or(4)) {
        (Some(rotary), _) => rotary.iter().filter(|rotary| **rotary == 0).count() as u128,
        (None, interval) => s.layers / interval,
    };
    let sliding = if window.is_some() { sliding.min(s.layers) } else { 0 };
    let reach = window.map_or(Reach::Before, |width| Reach::Window(width as u64));
    let block = |reach| 2 * vector(s.width) + s.attention(bias, reach) + inner.clone();
    let blocks = (s.layers - sliding) * block(Reach::Before) + sliding * block(reach);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Arcee: Llama with a feed-forward of two matrices.
pub(super) fn arcee(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = plain(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Apertus: two matrices with an activation of two weights, norms on queries and keys.
pub(super) fn apertus(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = plain(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?) + vector(2);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + 2 * vector(s.head_dim) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Helium: the output projection is square and has no bias.
pub(super) fn helium(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::inputs(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Seed-OSS: biases of the inputs and of the output each by a key of its own.
pub(super) fn seed_oss(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = match (config.flag(&["attention_bias"])?, config.flag(&["attention_out_bias"])?) {
        (true, true) => Bias::All,
        (true, false) => Bias::Inputs,
        (false, true) => Bias::Output,
        (false, false) => Bias::None,
    };
    let inner = gated(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Qwen 2: a bias on query, key and value, whatever the config says.
pub(super) fn qwen2(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = |reach| 2 * vector(s.width) + s.attention(Bias::Inputs, reach) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FromLayer)?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Qwen 3 and Hunyuan: a norm on queries and keys.
pub(super) fn qwen3(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = |reach| 2 * vector(s.width) + s.attention(bias, reach) + 2 * vector(s.head_dim) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FromLayer)?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Exaone 4: norms after each half and on queries and keys; three of four blocks slide.
pub(super) fn exaone4(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = |reach| s.attention(Bias::None, reach) + 2 * vector(s.head_dim) + inner.clone() + 2 * vector(s.width);
    let blocks = stack(&reaches(config, s.layers, Pattern::FullEvery(4))?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Gemma: tied by default, all blocks see everything before.
pub(super) fn gemma(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + gated(s.width, config.need(INNER)?, false);
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Gemma 2: norms before and after each half; every other block slides.
pub(super) fn gemma2(config: &Config) -> Counted {
    gemma2_with(config, 4)
}

/// VaultGemma: Gemma 2 without the norms after.
pub(super) fn vaultgemma(config: &Config) -> Counted {
    gemma2_with(config, 2)
}

fn gemma2_with(config: &Config, norms: u128) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = |reach| norms * vector(s.width) + s.attention(bias, reach) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FullEvery(2))?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Gemma 3: Gemma 2 with norms on queries and keys; five of six blocks slide.
pub(super) fn gemma3(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = |reach| 4 * vector(s.width) + s.attention(bias, reach) + 2 * vector(s.head_dim) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FullEvery(6))?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Phi 1 to 2: attention and feed-forward side by side behind one norm, biases everywhere, the head's too.
pub(super) fn phi(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let query_and_key_norm = only_if(config.flag(&["qk_layernorm"])?, 2 * layer_norm(s.head_dim));
    let inner = plain(s.width, config.need(INNER)?, true);
    let block = layer_norm(s.width) + s.attention(Bias::All, Reach::Before) + query_and_key_norm + inner;
    s.counts(config, &(s.vocabulary(config)? + vector(s.vocab) + s.layers * block + layer_norm(s.width)))
}

/// OLMo 1: Llama's weights without any in the norms.
pub(super) fn olmo(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let block = s.attention(bias, Reach::Before) + gated(s.width, config.need(INNER)?, false);
    s.counts(config, &(s.vocabulary(config)? + s.layers * block))
}

/// OLMo 2: norms after each half, and over all queries and all keys.
pub(super) fn olmo2(config: &Config) -> Counted {
    olmo_2_or_3(config, |layers| Ok(vec![(layers, Reach::Before)]))
}

/// OLMo 3: OLMo 2 of which three of four blocks slide.
pub(super) fn olmo3(config: &Config) -> Counted {
    olmo_2_or_3(config, |layers| reaches(config, layers, Pattern::FullEvery(4)))
}

fn olmo_2_or_3(config: &Config, reaches: impl Fn(u128) -> Result<Vec<(u128, Reach)>, EstimateError>) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let norms = vector(s.queries()) + vector(s.keys()) + 2 * vector(s.width);
    let inner = gated(s.width, config.need(INNER)?, false);
    let blocks = stack(&reaches(s.layers)?, |reach| s.attention(bias, reach) + norms.clone() + inner.clone());
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// StableLM: norms with biases; side by side there is one norm a block, else two.
pub(super) fn stablelm(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::inputs(config.flag(&["use_qkv_bias"])?);
    let norms = if config.flag(&["use_parallel_residual"])? { 1 } else { 2 };
    let query_and_key_norm = only_if(config.flag(&["qk_layernorm"])?, vector(s.queries()) + vector(s.keys()));
    let block = norms * layer_norm(s.width)
        + s.attention(bias, Reach::Before)
        + query_and_key_norm
        + gated(s.width, config.need(INNER)?, false);
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + layer_norm(s.width)))
}

/// StarCoder 2: a feed-forward of two matrices, biases by one key, all blocks slide where there is a window.
pub(super) fn starcoder2(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = config.flag(&["use_bias"])?;
    let inner = plain(s.width, config.need(INNER)?, bias);
    let block = |reach| 2 * layer_norm(s.width) + s.attention(Bias::all(bias), reach) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::Every)?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + layer_norm(s.width)))
}

/// Cohere: attention and feed-forward side by side behind one norm without a bias; norms of each head if asked for.
pub(super) fn cohere(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let query_and_key_norm = only_if(config.flag(&["use_qk_norm"])?, vector(s.queries()) + vector(s.keys()));
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = vector(s.width) + s.attention(bias, Reach::Before) + query_and_key_norm + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Cohere 2: three of four blocks slide.
pub(super) fn cohere2(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = |reach| vector(s.width) + s.attention(bias, reach) + inner.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FullEvery(4))?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Nemotron: norms with biases and a feed-forward of two matrices.
pub(super) fn nemotron(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = plain(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let block = 2 * layer_norm(s.width) + s.attention(bias, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + layer_norm(s.width)))
}

/// Persimmon: biases everywhere but on the head, norms on queries and keys by default.
pub(super) fn persimmon(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let query_and_key_norm = only_if(config.flag(&["qk_layernorm"])?, 2 * layer_norm(s.head_dim));
    let inner = plain(s.width, config.need(INNER)?, true);
    let block = 2 * layer_norm(s.width) + s.attention(Bias::All, Reach::Before) + query_and_key_norm + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + layer_norm(s.width)))
}

/// GLM 4 9B: biases on query, key and value.
pub(super) fn glm(config: &Config) -> Counted {
    glm_with(config, 2)
}

/// GLM 4 0414: norms after each half too.
pub(super) fn glm4(config: &Config) -> Counted {
    glm_with(config, 4)
}

fn glm_with(config: &Config, norms: u128) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::inputs(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, false);
    let block = norms * vector(s.width) + s.attention(bias, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Ernie 4.5: one key for all biases.
pub(super) fn ernie4_5(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = config.flag(&["use_bias"])?;
    let inner = gated(s.width, config.need(INNER)?, bias);
    let block = 2 * vector(s.width) + s.attention(Bias::all(bias), Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Phi 3: Llama with query, key and value in one matrix and gate and inner in another; no biases.
pub(super) fn phi3(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = config.need(INNER)?;
    let feed_forward = linear(s.width, 2 * inner, false) + linear(inner, s.width, false);
    let block = |reach| -> Part { 2 * vector(s.width) + s.attention(Bias::None, reach) + feed_forward.clone() };
    let blocks = stack(&reaches(config, s.layers, Pattern::Every)?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}
