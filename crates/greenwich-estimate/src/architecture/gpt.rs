//! Dense language models after GPT: learned, rotary or linear positions, biases and plain norms.
//!
//! In: a config. Out: its counts. A function a family, written as the list of its layers.

use super::part::{layer_norm, linear, only_if, plain, table, vector, vocabulary};
use super::shape::{Bias, HEADS, INNER, LAYERS, POSITIONS, Shape, tied};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::Reach;

type Counted = Result<ModelCounts, EstimateError>;

/// The feed-forward's width; four times the model's where it is left out.
fn inner_or_four(config: &Config, width: u128) -> Result<u128, EstimateError> {
    Ok(config.maybe(INNER)?.unwrap_or(4 * width))
}

/// GPT-2 and GPT-BigCode: learned positions, biases everywhere but on the head.
pub(super) fn gpt2(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = plain(s.width, inner_or_four(config, s.width)?, true);
    let block = 2 * layer_norm(s.width) + s.attention(Bias::All, Reach::Before) + inner;
    let positions = table(config.known(&["n_positions", "n_ctx", "max_position_embeddings"])?, s.width);
    s.counts(config, &(s.vocabulary(config)? + positions + s.layers * block + layer_norm(s.width)))
}

/// GPT 1: norms after each half, so none at the end; always four widths inside.
pub(super) fn openai_gpt(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = plain(s.width, 4 * s.width, true);
    let block = s.attention(Bias::All, Reach::Before) + inner + 2 * layer_norm(s.width);
    let positions = table(config.known(POSITIONS)?, s.width);
    s.counts(config, &(s.vocabulary(config)? + positions + s.layers * block))
}

/// GPT-Neo: no bias on query, key and value; blocks that its list calls local slide.
pub(super) fn gpt_neo(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let window = Reach::Window(config.known(&["window_size"])? as u64);
    let local = local_blocks(config, s.layers)?;
    let inner = plain(s.width, inner_or_four(config, s.width)?, true);
    let block = |reach| 2 * layer_norm(s.width) + s.attention(Bias::Output, reach) + inner.clone();
    let blocks = (s.layers - local) * block(Reach::Before) + local * block(window);
    let positions = table(config.known(POSITIONS)?, s.width);
    s.counts(config, &(s.vocabulary(config)? + positions + blocks + layer_norm(s.width)))
}

/// `[[["global", "local"], 12]]`: the kinds in turn, so many times. Left out, they alternate.
fn local_blocks(config: &Config, layers: u128) -> Result<u128, EstimateError> {
    let Some(value) = config.raw("attention_types") else { return Ok(layers / 2) };
    let group = |group: &serde_json::Value| {
        let kinds = group.get(0)?.as_array()?;
        let local = kinds.iter().filter(|kind| kind.as_str() == Some("local")).count() as u128;
        Some((local.checked_mul(group.get(1)?.as_u64()?.into())?, kinds.len() as u128))
    };
    let groups: Option<Vec<_>> = value.as_array().and_then(|groups| groups.iter().map(group).collect());
    let bad = || config.bad("attention_types", value, "a list like `[[[\"global\", \"local\"], 12]]`");
    let local = groups.ok_or_else(bad)?.iter().map(|(local, _)| *local).fold(0, u128::saturating_add);
    if local > layers { Err(bad()) } else { Ok(local) }
}

/// GPT-NeoX and Pythia: rotary positions, untied by default.
pub(super) fn gpt_neox(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = plain(s.width, config.need(INNER)?, true);
    let block = 2 * layer_norm(s.width) + s.attention(bias, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + layer_norm(s.width)))
}

/// GPT-J and CodeGen: attention and feed-forward side by side behind one norm; biases inside and on the head.
pub(super) fn gptj(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = plain(s.width, inner_or_four(config, s.width)?, true);
    let block = layer_norm(s.width) + s.attention(Bias::None, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + vector(s.vocab) + s.layers * block + layer_norm(s.width)))
}

/// OPT: positions with an offset of two, and for the 350M one an embedding narrower than the model.
pub(super) fn opt(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let narrow = config.maybe(&["word_embed_proj_dim"])?.unwrap_or(s.width);
    let bias = config.flag(&["enable_bias"])?;
    let norm = only_if(config.flag(&["layer_norm_elementwise_affine"])?, layer_norm(s.width));
    let last = config.flag(&["do_layer_norm_before"])? && !config.flag(&["_remove_final_layer_norm"])?;
    let inner = plain(s.width, config.need(INNER)?, bias);
    let block = 2 * norm.clone() + s.attention(Bias::all(bias), Reach::Before) + inner;
    let words = vocabulary(s.vocab, narrow, tied(config)?);
    let in_and_out = only_if(narrow != s.width, 2 * linear(narrow, s.width, false));
    let positions = table(config.known(POSITIONS)? + 2, s.width);
    s.counts(config, &(words + in_and_out + positions + s.layers * block + only_if(last, norm)))
}

/// Bloom: no positions to learn, a norm on the embedding.
pub(super) fn bloom(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let block = 2 * layer_norm(s.width) + s.attention(Bias::All, Reach::Before) + plain(s.width, 4 * s.width, true);
    s.counts(config, &(s.vocabulary(config)? + layer_norm(s.width) + s.layers * block + layer_norm(s.width)))
}

/// Falcon: one key and value for all heads by default; the new kind has as many as it says, and two norms a block.
pub(super) fn falcon(config: &Config) -> Counted {
    let heads = config.need(HEADS)?;
    let new = config.flag(&["new_decoder_architecture"])?;
    let kv_heads = match (new, config.flag(&["multi_query"])?) {
        (true, _) => config.maybe(&["num_kv_heads"])?.unwrap_or(heads),
        (false, true) => 1,
        (false, false) => heads,
    };
    let s = Shape::of(config, heads, kv_heads)?;
    let bias = config.flag(&["bias"])?;
    let one_each = new && config.maybe(&["num_ln_in_parallel_attn"])?.unwrap_or(2) == 2;
    let norms = if one_each || !config.flag(&["parallel_attn"])? { 2 } else { 1 };
    let inner = config.maybe(&["ffn_hidden_size"])?.unwrap_or(4 * s.width);
    let block = norms * layer_norm(s.width) + s.attention(Bias::all(bias), Reach::Before) + plain(s.width, inner, bias);
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + layer_norm(s.width)))
}

/// MPT: no bias anywhere, positions linear in the distance; four widths inside, whatever the config says.
pub(super) fn mpt(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let block = 2 * vector(s.width) + s.attention(Bias::None, Reach::Before) + plain(s.width, 4 * s.width, false);
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// XGLM: positions of sines, so none to learn.
pub(super) fn xglm(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = plain(s.width, config.need(INNER)?, true);
    let block = 2 * layer_norm(s.width) + s.attention(Bias::All, Reach::Before) + inner;
    s.counts(config, &(s.vocabulary(config)? + config.need(LAYERS)? * block + layer_norm(s.width)))
}

/// BioGPT: learned positions with an offset of two.
pub(super) fn biogpt(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let inner = plain(s.width, config.need(INNER)?, true);
    let block = 2 * layer_norm(s.width) + s.attention(Bias::All, Reach::Before) + inner;
    let positions = table(config.known(POSITIONS)? + 2, s.width);
    s.counts(config, &(s.vocabulary(config)? + positions + s.layers * block + layer_norm(s.width)))
}
