//! Language models whose blocks choose among experts: some blocks dense, some experts shared by all tokens.
//!
//! In: a config. Out: its counts. A function a family, written as the list of its layers.

use super::part::{Part, attend, experts, gated, layer_norm, linear, only_if, plain, vector};
use super::shape::{Bias, INNER, Pattern, Shape, reaches, stack, tied};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::Reach;

type Counted = Result<ModelCounts, EstimateError>;

const TOTAL: &[&str] = &["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
pub(super) const CHOSEN: &[&str] = &["num_experts_per_tok", "moe_k", "moe_topk"];
const EXPERT: &[&str] = &["moe_intermediate_size"];

/// How many experts there are and how many a token passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) total: u128,
    pub(super) chosen: u128,
}

impl Choice {
    pub(super) fn read(config: &Config) -> Result<Self, EstimateError> {
        Self::of(config, config.known(TOTAL)?, config.known(CHOSEN)?)
    }
    pub(super) fn of(config: &Config, total: u128, chosen: u128) -> Result<Self, EstimateError> {
        if chosen > total {
            return Err(config.bad("num_experts_per_tok", &chosen, "at most the number of experts"));
        }
        Ok(Self { total, chosen })
    }
    /// A router and the experts behind it.
    pub(super) fn mixture(self, width: u128, expert: &Part) -> Part {
        linear(width, self.total, false) + experts(self.total, self.chosen, expert)
    }
}

/// Blocks with experts: every `decoder_sparse_step`-th, but those of `mlp_only_layers`.
pub(super) fn stepped(config: &Config, layers: u128) -> Result<u128, EstimateError> {
    let step = config.maybe(&["decoder_sparse_step"])?.unwrap_or(1);
    let mut dense = config.list(&["mlp_only_layers"])?.unwrap_or_default();
    dense.sort_unstable();
    dense.dedup();
    let of_step = |layer: &u64| u128::from(*layer) < layers && (u128::from(*layer) + 1).is_multiple_of(step);
    Ok(layers / step - dense.iter().filter(|layer| of_step(layer)).count() as u128)
}

/// The dense feed-forward, whose width is asked for only where there is one.
pub(super) fn dense_blocks(config: &Config, s: &Shape, dense: u128, bias: bool) -> Result<Part, EstimateError> {
    if dense == 0 {
        return Ok(Part::default());
    }
    Ok(dense * gated(s.width, config.need(INNER)?, bias))
}

/// Mixtral: experts in every block.
pub(super) fn mixtral(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let mixture = Choice::read(config)?.mixture(s.width, &gated(s.width, config.need(INNER)?, false));
    let block = |reach| 2 * vector(s.width) + s.attention(Bias::None, reach) + mixture.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::Every)?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Qwen 2 MoE: a shared expert behind a gate of its own.
pub(super) fn qwen2_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::inputs(config.flag(&["qkv_bias"])?);
    let sparse = stepped(config, s.layers)?;
    let block = |reach| 2 * vector(s.width) + s.attention(bias, reach);
    let blocks = stack(&reaches(config, s.layers, Pattern::FromLayer)?, block)
        + sparse * shared_and_routed(config, &s)?
        + dense_blocks(config, &s, s.layers - sparse, false)?;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Routed experts, and one that every token passes behind a gate.
pub(super) fn shared_and_routed(config: &Config, s: &Shape) -> Result<Part, EstimateError> {
    let routed = Choice::read(config)?.mixture(s.width, &gated(s.width, config.known(EXPERT)?, false));
    let shared = gated(s.width, config.known(&["shared_expert_intermediate_size"])?, false);
    Ok(routed + shared + linear(s.width, 1, false))
}

/// Qwen 3 MoE: norms on queries and keys, no shared expert.
pub(super) fn qwen3_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let sparse = stepped(config, s.layers)?;
    let mixture = Choice::read(config)?.mixture(s.width, &gated(s.width, config.known(EXPERT)?, false));
    let window = if config.flag(&["use_sliding_window"])? { Pattern::Every } else { Pattern::FromLayer };
    let block = |reach| 2 * vector(s.width) + s.attention(bias, reach) + 2 * vector(s.head_dim);
    let blocks = stack(&reaches(config, s.layers, window)?, block)
        + sparse * mixture
        + dense_blocks(config, &s, s.layers - sparse, false)?;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// OLMoE: norms over all queries and all keys.
pub(super) fn olmoe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let mixture = Choice::read(config)?.mixture(s.width, &gated(s.width, config.need(INNER)?, false));
    let norms = 2 * vector(s.width) + vector(s.queries()) + vector(s.keys());
    let block = norms + s.attention(bias, Reach::Before) + mixture;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Phi 3.5 MoE: norms with biases, and one on the head if asked for.
pub(super) fn phimoe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let mixture = Choice::read(config)?.mixture(s.width, &gated(s.width, config.need(INNER)?, false));
    let head_bias = only_if(config.flag(&["lm_head_bias"])?, vector(s.vocab));
    let block = |reach| 2 * layer_norm(s.width) + s.attention(bias, reach) + mixture.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::Every)?, block);
    s.counts(config, &(s.vocabulary(config)? + head_bias + blocks + layer_norm(s.width)))
}

/// Granite MoE, with a feed-forward that all tokens share where it has a width.
pub(super) fn granitemoe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let mixture = Choice::read(config)?.mixture(s.width, &gated(s.width, config.need(INNER)?, false));
    let shared = gated(s.width, config.some(&["shared_intermediate_size"])?, false);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + mixture + shared;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// GPT-OSS: experts with biases, a sink for each head, every other block slides.
pub(super) fn gpt_oss(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let Choice { total, chosen } = Choice::read(config)?;
    let routed = linear(s.width, total, true) + experts(total, chosen, &gated(s.width, config.need(INNER)?, true));
    let block = |reach| 2 * vector(s.width) + s.attention(bias, reach) + vector(s.heads) + routed.clone();
    let blocks = stack(&reaches(config, s.layers, Pattern::FullEvery(2))?, block);
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// DeepSeek V2 and V3: keys and values through a narrow latent, dense blocks first, then shared and routed experts.
pub(super) fn deepseek(config: &Config) -> Counted {
    let (mut s, attention) = latent_attention(config)?;
    s.kv_heads = s.heads;
    let blocks = s.layers * (2 * vector(s.width) + attention) + dense_then_routed(config, &s)?;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// GLM 4.7 Flash: the same; the first block is dense where no list says otherwise.
pub(super) fn glm4_moe_lite(config: &Config) -> Counted {
    let (s, attention) = latent_attention(config)?;
    let dense = if config.raw("mlp_layer_types").is_some() { dense_count(config, s.layers)? } else { 1 };
    let blocks = s.layers * (2 * vector(s.width) + attention) + dense_and_routed(config, &s, dense)?;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Multi-head latent attention: the query through a rank too, where it has one.
fn latent_attention(config: &Config) -> Result<(Shape, Part), EstimateError> {
    let heads = config.need(super::shape::HEADS)?;
    let (plain_dim, rotary_dim) =
        (config.known(&["qk_nope_head_dim"])?, config.maybe(&["qk_rope_head_dim"])?.unwrap_or(64));
    let (value_dim, rank) = (config.known(&["v_head_dim"])?, config.known(&["kv_lora_rank"])?);
    let bias = config.flag(&["attention_bias"])?;
    let s = Shape {
        width: config.need(super::shape::WIDTH)?,
        layers: config.need(super::shape::LAYERS)?,
        heads,
        kv_heads: heads,
        head_dim: plain_dim + rotary_dim,
        value_dim,
        vocab: config.need(super::shape::VOCAB)?,
    };
    let query = match config.maybe(&["q_lora_rank"])? {
        Some(rank) => linear(s.width, rank, bias) + vector(rank) + linear(rank, s.queries(), false),
        None => linear(s.width, s.queries(), false),
    };
    let latent = linear(s.width, rank + rotary_dim, bias) + vector(rank);
    let key_and_value = linear(rank, heads * (plain_dim + value_dim), false);
    let output = linear(heads * value_dim, s.width, bias);
    Ok((s, query + latent + key_and_value + attend(s.pair(), Reach::Before) + output))
}

/// Dense blocks by `first_k_dense_replace`, or by the list of their types.
fn dense_count(config: &Config, layers: u128) -> Result<u128, EstimateError> {
    let dense = match config.words(&["mlp_layer_types"])? {
        Some(types) => types.iter().filter(|kind| **kind == "dense").count() as u128,
        None => config.some(&["first_k_dense_replace"])?,
    };
    Ok(dense.min(layers))
}

fn dense_then_routed(config: &Config, s: &Shape) -> Result<Part, EstimateError> {
    dense_and_routed(config, s, dense_count(config, s.layers)?)
}

/// So many dense blocks; in the others routed experts beside shared ones.
fn dense_and_routed(config: &Config, s: &Shape, dense: u128) -> Result<Part, EstimateError> {
    let expert = config.known(EXPERT)?;
    let shared = gated(s.width, expert * config.some(&["n_shared_experts", "num_shared_experts"])?, false);
    let sparse = s.layers - dense;
    let routed = match sparse {
        0 => Part::default(),
        _ => Choice::read(config)?.mixture(s.width, &gated(s.width, expert, false)),
    };
    Ok(dense_blocks(config, s, dense, false)? + sparse * (routed + shared))
}

/// EXAONE MoE: the same behind norms on queries and keys; three of four blocks slide.
pub(super) fn exaone_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let block = |reach| 2 * vector(s.width) + s.attention(Bias::None, reach) + 2 * vector(s.head_dim);
    let blocks = stack(&reaches(config, s.layers, Pattern::FullEvery(4))?, block) + dense_then_routed(config, &s)?;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// MiniMax M2: OLMoE without biases, its heads of a width of their own.
pub(super) fn minimax_m2(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let mixture = Choice::read(config)?.mixture(s.width, &gated(s.width, config.need(INNER)?, false));
    let norms = 2 * vector(s.width) + vector(s.queries()) + vector(s.keys());
    let block = norms + s.attention(Bias::None, Reach::Before) + mixture;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Hunyuan A13B: one shared feed-forward as wide as an expert, norms on queries and keys.
pub(super) fn hunyuan_v1_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let total = same_in_all(config, "num_experts")?;
    let choice = Choice::of(config, total, same_in_all(config, "moe_topk")?)?;
    let expert = gated(s.width, config.need(INNER)?, false);
    let norms = 2 * vector(s.width) + 2 * vector(s.head_dim);
    let block = norms + s.attention(bias, Reach::Before) + choice.mixture(s.width, &expert) + expert;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// A number, or a list with the same number for each block.
fn same_in_all(config: &Config, name: &'static str) -> Result<u128, EstimateError> {
    match config.list(&[name]) {
        Ok(Some(list)) => match list.first() {
            Some(first) if *first > 0 && list.iter().all(|each| each == first) => Ok(u128::from(*first)),
            _ => Err(config.bad(name, &format!("{list:?}"), "the same number above 0 for every block")),
        },
        _ => config.known(&[name]),
    }
}

/// GLM 4.5: DeepSeek's experts behind plain attention, norms on queries and keys if asked for.
pub(super) fn glm4_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::inputs(config.flag(&["attention_bias"])?);
    let query_and_key_norm = only_if(config.flag(&["use_qk_norm"])?, 2 * vector(s.head_dim));
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + query_and_key_norm;
    let blocks = s.layers * block + dense_then_routed(config, &s)?;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// dots.llm1: the same with norms on queries and keys always.
pub(super) fn dots1(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + 2 * vector(s.head_dim);
    let blocks = s.layers * block + dense_then_routed(config, &s)?;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Ernie 4.5 MoE: experts in every so many-th block of a range, a correction to each expert's score.
pub(super) fn ernie4_5_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = config.flag(&["use_bias"])?;
    let interval = config.maybe(&["moe_layer_interval"])?.unwrap_or(1);
    let start = config.some(&["moe_layer_start_index"])?;
    let end = config.some(&["moe_layer_end_index"])?;
    let end = if end == 0 { s.layers } else { s.layers.min(end + 1) };
    // Of the blocks counted from 1, the multiples of the interval in the range.
    let sparse = (end / interval).saturating_sub(start / interval);
    let choice = Choice::read(config)?;
    let expert = config.known(EXPERT)?;
    let shared = config.some(&["moe_num_shared_experts"])?;
    let shared = only_if(shared > 0, gated(s.width, expert * shared, bias));
    let routed = choice.mixture(s.width, &gated(s.width, expert, false)) + vector(choice.total);
    let blocks = s.layers * (2 * vector(s.width) + s.attention(Bias::all(bias), Reach::Before))
        + sparse * (routed + shared)
        + dense_blocks(config, &s, s.layers - sparse, bias)?;
    s.counts(config, &(s.vocabulary(config)? + only_if(bias, vector(s.vocab)) + blocks + vector(s.width)))
}

/// Llama 4: a shared expert beside the routed ones, dense blocks between; blocks with rotary positions see a chunk.
pub(super) fn llama4(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let sparse = match config.list(&["moe_layers"])? {
        Some(named) => (named.len() as u128).min(s.layers),
        None => s.layers / config.maybe(&["interleave_moe_layer_step"])?.unwrap_or(1),
    };
    let expert = gated(s.width, config.need(INNER)?, false);
    let sparse_half = Choice::read(config)?.mixture(s.width, &expert) + expert;
    let dense_half = gated(s.width, config.known(&["intermediate_size_mlp"])?, false);
    let block = |reach| 2 * vector(s.width) + s.attention(bias, reach);
    let blocks = stack(&chunked(config, s.layers)?, block) + sparse * sparse_half + (s.layers - sparse) * dense_half;
    s.counts(config, &(s.vocabulary(config)? + blocks + vector(s.width)))
}

/// Every so many-th block has no rotary positions and sees all.
fn chunked(config: &Config, layers: u128) -> Result<[(u128, Reach); 2], EstimateError> {
    let chunk = config.maybe(&["attention_chunk_size"])?.map(|width| Reach::Chunk(width as u64));
    let rotary = config.list(&["no_rope_layers"])?.filter(|list| !list.is_empty());
    let full = match (config.words(&["layer_types"])?, rotary) {
        (Some(types), _) => types.iter().filter(|kind| **kind == "full_attention").count() as u128,
        (None, Some(rotary)) => rotary.iter().filter(|rotary| **rotary == 0).count() as u128,
        (None, None) => layers / config.maybe(&["no_rope_layer_interval"])?.unwrap_or(4),
    };
    let full = full.min(layers);
    Ok([(full, Reach::Before), (layers - full, chunk.unwrap_or(Reach::Before))])
}

/// DBRX: sizes of attention and feed-forward in tables of their own.
pub(super) fn dbrx(config: &Config) -> Counted {
    let (attention, feed_forward) = (config.part("attn_config", "dbrx")?, config.part("ffn_config", "dbrx")?);
    let kv_heads = attention.maybe(&["kv_n_heads"])?.unwrap_or(1);
    let s = Shape::of(config, config.need(super::shape::HEADS)?, kv_heads)?;
    let total = feed_forward.maybe(&["moe_num_experts"])?.unwrap_or(4);
    let choice = Choice::of(config, total, feed_forward.maybe(&["moe_top_k"])?.unwrap_or(1))?;
    let inner = feed_forward.maybe(&["ffn_hidden_size"])?.unwrap_or(3584);
    let mixture = choice.mixture(s.width, &gated(s.width, inner, false));
    let block = 2 * vector(s.width) + s.attention(Bias::None, Reach::Before) + mixture;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// JetMoE: query and output projections are experts too; each chosen one asks all keys with its own heads.
pub(super) fn jetmoe(config: &Config) -> Counted {
    let (width, layers) = (config.need(super::shape::WIDTH)?, config.need(super::shape::LAYERS)?);
    let (kv_heads, head_dim) = (config.known(super::shape::KV_HEADS)?, config.known(&["kv_channels"])?);
    let choice = Choice::read(config)?;
    let vocab = config.need(super::shape::VOCAB)?;
    let s = Shape { width, layers, heads: choice.chosen * kv_heads, kv_heads, head_dim, value_dim: head_dim, vocab };
    let asking = choice.mixture(width, &plain(width, s.keys(), false)) + vector(width);
    let attention = asking + 2 * linear(width, s.keys(), false) + attend(s.pair(), Reach::Before);
    let mixture = choice.mixture(width, &gated(width, config.need(INNER)?, false)) + vector(width);
    let block = 2 * vector(width) + attention + mixture;
    let words = super::part::vocabulary(vocab, width, tied(config)?);
    s.counts(config, &(words + layers * block + vector(width)))
}
