//! Language models that carry a state from token to token, alone or between blocks of attention.
//!
//! In: a config. Out: its counts. A scan's own work is what it multiplies as matrices: token by token, the read-out of
//! the state; in chunks, what goes into the state and out, and the tokens of a chunk with one another. The rest is
//! element by element and counts nothing, as everywhere.

use super::moe::{Choice, dense_blocks, shared_and_routed, stepped};
use super::part::{Part, attend, conv, gated, linear, only_if, state, vector};
use super::shape::{Bias, INNER, KV_HEADS, LAYERS, Shape, VOCAB, WIDTH};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::{Extent, Reach};

type Counted = Result<ModelCounts, EstimateError>;

/// A convolution of each channel by itself.
fn channelwise(channels: u128, kernel: u128, bias: bool) -> Part {
    conv(1, channels, kernel, bias)
}

/// The first kind of mixer: step size, input and output of the state depend on the token.
struct Mamba1 {
    inner: u128,
    state: u128,
    rank: u128,
    kernel: u128,
    bias: bool,
    conv_bias: bool,
}

impl Mamba1 {
    fn mixer(&self, width: u128) -> Part {
        linear(width, 2 * self.inner, self.bias)
            + channelwise(self.inner, self.kernel, self.conv_bias)
            + linear(self.inner, self.rank + 2 * self.state, false)
            + linear(self.rank, self.inner, true)
            + vector(self.inner * self.state + self.inner)
            + state(self.inner * self.state)
            + linear(self.inner, width, self.bias)
    }
}

/// The rank of the step size; a sixteenth of the width where the config says `auto`.
fn rank(config: &Config, name: &'static str, width: u128) -> Result<u128, EstimateError> {
    let auto = config.raw(name).is_none_or(|value| value.as_str() == Some("auto"));
    if auto { Ok(width.div_ceil(16)) } else { config.known(&[name]) }
}

/// Mamba and Falcon Mamba.
pub(super) fn mamba(config: &Config) -> Counted {
    let (width, layers) = (config.need(WIDTH)?, config.need(LAYERS)?);
    let mixer = Mamba1 {
        inner: config.known(&["expand"])? * width,
        state: config.known(&["state_size"])?,
        rank: rank(config, "time_step_rank", width)?,
        kernel: config.known(&["conv_kernel"])?,
        bias: config.flag(&["use_bias"])?,
        conv_bias: config.flag(&["use_conv_bias"])?,
    };
    let s = recurrent(width, layers, mixer.inner, config.need(VOCAB)?);
    let blocks = layers * (vector(width) + mixer.mixer(width));
    without_attention(config, &s, &(s.vocabulary(config)? + blocks + vector(width)))
}

/// The second kind of mixer: one step size a head, input and output shared by groups of heads.
struct Mamba2 {
    inner: u128,
    heads: u128,
    groups: u128,
    state: u128,
    kernel: u128,
    chunk: u128,
    bias: bool,
    output_bias: bool,
    conv_bias: bool,
}

impl Mamba2 {
    /// The spelling of the hybrids.
    fn read(config: &Config, width: u128) -> Result<Self, EstimateError> {
        let bias = config.flag(&["mamba_proj_bias"])?;
        Ok(Self {
            inner: config.known(&["mamba_expand"])? * width,
            heads: config.known(&["mamba_n_heads"])?,
            groups: config.known(&["mamba_n_groups"])?,
            state: config.known(&["mamba_d_state"])?,
            kernel: config.known(&["mamba_d_conv"])?,
            chunk: config.known(&["mamba_chunk_size"])?,
            bias,
            output_bias: bias,
            conv_bias: config.flag(&["mamba_conv_bias"])?,
        })
    }
    fn mixer(&self, width: u128) -> Part {
        let convolved = self.inner + 2 * self.groups * self.state;
        linear(width, self.inner + convolved + self.heads, self.bias)
            + channelwise(convolved, self.kernel, self.conv_bias)
            + vector(3 * self.heads)
            + state(2 * self.inner * self.state)
            + attend(self.heads * self.state + self.inner, Reach::Within(self.chunk as u64))
            + linear(self.inner, width, self.output_bias)
    }
    /// With a norm before the output.
    fn normed_mixer(&self, width: u128) -> Part {
        self.mixer(width) + vector(self.inner)
    }
}

/// Mamba 2.
pub(super) fn mamba2(config: &Config) -> Counted {
    let (width, layers) = (config.need(WIDTH)?, config.need(LAYERS)?);
    let bias = config.flag(&["use_bias"])?;
    let mixer = Mamba2 {
        inner: config.known(&["expand"])? * width,
        heads: config.need(&["num_heads"])?,
        groups: config.known(&["n_groups"])?,
        state: config.known(&["state_size"])?,
        kernel: config.known(&["conv_kernel"])?,
        chunk: config.known(&["chunk_size"])?,
        bias,
        output_bias: bias,
        conv_bias: config.flag(&["use_conv_bias"])?,
    };
    let s = recurrent(width, layers, mixer.inner, config.need(VOCAB)?);
    let blocks = layers * (vector(width) + mixer.normed_mixer(width));
    without_attention(config, &s, &(s.vocabulary(config)? + blocks + vector(width)))
}

/// A shape without heads: the state is one wide head.
fn recurrent(width: u128, layers: u128, inner: u128, vocab: u128) -> Shape {
    Shape { width, layers, heads: 1, kv_heads: 1, head_dim: inner, value_dim: inner, vocab }
}

fn without_attention(config: &Config, s: &Shape, model: &Part) -> Counted {
    s.counts_of(config, model, vec![Extent::Sequence], 0)
}

/// Jamba: a block of attention among many of Mamba, experts in every other one.
pub(super) fn jamba(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let mamba = Mamba1 {
        inner: config.known(&["mamba_expand"])? * s.width,
        state: config.known(&["mamba_d_state"])?,
        rank: rank(config, "mamba_dt_rank", s.width)?,
        kernel: config.known(&["mamba_d_conv"])?,
        bias: config.flag(&["mamba_proj_bias"])?,
        conv_bias: config.flag(&["mamba_conv_bias"])?,
    };
    let mixer = mamba.mixer(s.width) + vector(mamba.rank + 2 * mamba.state);
    let attending = periodic(config, s.layers, "attn_layer_period", "attn_layer_offset")?;
    let total = config.known(&["num_experts", "num_local_experts"])?;
    let sparse = if total == 1 { 0 } else { periodic(config, s.layers, "expert_layer_period", "expert_layer_offset")? };
    let choice = Choice::of(config, total, config.known(&["num_experts_per_tok"])?.min(total))?;
    let blocks = s.layers * (2 * vector(s.width))
        + attending * s.attention(Bias::None, Reach::Before)
        + (s.layers - attending) * mixer
        + sparse * choice.mixture(s.width, &gated(s.width, config.need(INNER)?, false))
        + dense_blocks(config, &s, s.layers - sparse, false)?;
    let model = s.vocabulary(config)? + blocks + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}

/// Blocks whose index leaves the offset when divided by the period.
fn periodic(config: &Config, layers: u128, period: &'static str, offset: &'static str) -> Result<u128, EstimateError> {
    let (every, first) = (config.known(&[period])?, config.some(&[offset])?);
    Ok(if first < every { layers.saturating_sub(first).div_ceil(every) } else { 0 })
}

/// Bamba: Mamba 2 with a few blocks of attention.
pub(super) fn bamba(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let attending = (config.list(&["attn_layer_indices"])?.unwrap_or_default().len() as u128).min(s.layers);
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let blocks = s.layers * (2 * vector(s.width) + inner)
        + attending * s.attention(bias, Reach::Before)
        + (s.layers - attending) * Mamba2::read(config, s.width)?.normed_mixer(s.width);
    let model = s.vocabulary(config)? + blocks + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}

/// Granite 4: the same, a feed-forward that all tokens share, and experts where there are any.
pub(super) fn granitemoehybrid(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let attending = named_blocks(config, "attention")?.unwrap_or(0).min(s.layers);
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let shared = gated(s.width, config.some(&["shared_intermediate_size"])?, false);
    let routed = match config.some(&["num_local_experts"])? {
        0 => Part::default(),
        _ => Choice::read(config)?.mixture(s.width, &gated(s.width, config.need(INNER)?, false)),
    };
    let blocks = s.layers * (2 * vector(s.width) + shared + routed)
        + attending * s.attention(bias, Reach::Before)
        + (s.layers - attending) * Mamba2::read(config, s.width)?.normed_mixer(s.width);
    let model = s.vocabulary(config)? + blocks + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}

/// Blocks whose layer type begins so, where the types are listed.
fn named_blocks(config: &Config, kind: &str) -> Result<Option<u128>, EstimateError> {
    let types = config.words(&["layer_types"])?;
    Ok(types.map(|types| types.iter().filter(|name| name.starts_with(kind)).count() as u128))
}

/// Falcon H1: every block has attention and Mamba 2 side by side.
pub(super) fn falcon_h1(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let mut mamba = Mamba2::read(config, s.width)?;
    mamba.inner = config.maybe(&["mamba_d_ssm"])?.unwrap_or(mamba.inner);
    let norm = only_if(config.flag(&["mamba_rms_norm"])?, vector(mamba.inner));
    mamba.output_bias = config.flag(&["projectors_bias"])?;
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let inner = gated(s.width, config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let block = 2 * vector(s.width) + s.attention(bias, Reach::Before) + mamba.mixer(s.width) + norm + inner;
    s.counts(config, &(s.vocabulary(config)? + s.layers * block + vector(s.width)))
}

/// Tokens that the delta rule takes at once.
const DELTA_CHUNK: u64 = 64;

/// Blocks that attend in full, and all the others' state by the delta rule; a norm before each half.
fn delta_and_full(config: &Config, s: &Shape) -> Result<(Part, u128), EstimateError> {
    let period = config.maybe(&["full_attention_interval"])?.unwrap_or(4);
    let attending = named_blocks(config, "full_attention")?.unwrap_or(s.layers / period).min(s.layers);
    let (key_heads, value_heads) =
        (config.known(&["linear_num_key_heads"])?, config.known(&["linear_num_value_heads"])?);
    let (key_dim, value_dim) = (config.known(&["linear_key_head_dim"])?, config.known(&["linear_value_head_dim"])?);
    let (keys, values) = (key_heads * key_dim, value_heads * value_dim);
    let delta = linear(s.width, 2 * keys + 2 * values, false)
        + linear(s.width, 2 * value_heads, false)
        + channelwise(2 * keys + values, config.known(&["linear_conv_kernel_dim"])?, false)
        + vector(2 * value_heads + value_dim)
        + state(3 * values * key_dim)
        + attend(value_heads * (2 * key_dim + value_dim), Reach::Within(DELTA_CHUNK))
        + linear(values, s.width, false);
    let bias = config.flag(&["attention_bias"])?;
    // The query's matrix makes the gate of the output too.
    let attention = linear(s.width, 2 * s.queries(), bias)
        + 2 * linear(s.width, s.keys(), bias)
        + 2 * vector(s.head_dim)
        + attend(s.pair(), Reach::Before)
        + linear(s.queries(), s.width, bias);
    let norms = s.layers * (2 * vector(s.width));
    Ok((norms + attending * attention + (s.layers - attending) * delta, attending))
}

/// Qwen 3 Next: three of four blocks keep a state by the delta rule, the fourth attends behind a gate.
pub(super) fn qwen3_next(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let (mixers, attending) = delta_and_full(config, &s)?;
    let sparse = stepped(config, s.layers)?;
    let halves = sparse * shared_and_routed(config, &s)? + dense_blocks(config, &s, s.layers - sparse, false)?;
    let model = s.vocabulary(config)? + mixers + halves + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}

/// Qwen 3.5: the same with a dense feed-forward.
pub(super) fn qwen3_5(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let (mixers, attending) = delta_and_full(config, &s)?;
    let model = s.vocabulary(config)? + mixers + dense_blocks(config, &s, s.layers, false)? + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}

/// Qwen 3.5 MoE: experts in every block.
pub(super) fn qwen3_5_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let (mixers, attending) = delta_and_full(config, &s)?;
    let model = s.vocabulary(config)? + mixers + s.layers * shared_and_routed(config, &s)? + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}

/// LFM 2: short convolutions behind gates, attention in some blocks.
pub(super) fn lfm2(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let listed = config.list(&["full_attn_idxs"])?.map_or(s.layers, |list| list.len() as u128);
    let attending = named_blocks(config, "full_attention")?.unwrap_or(listed).min(s.layers);
    let halves = s.layers * gated(s.width, lfm2_inner(config)?, false);
    lfm2_with(config, &s, attending, halves)
}

/// LFM 2 MoE: a few dense blocks, then experts.
pub(super) fn lfm2_moe(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let attending = match named_blocks(config, "full_attention")? {
        Some(attending) => attending.min(s.layers),
        None => config.known(&["layer_types"])?,
    };
    let dense = config.some(&["num_dense_layers"])?.min(s.layers);
    let expert = gated(s.width, config.known(&["moe_intermediate_size"])?, false);
    let mixture = Choice::read(config)?.mixture(s.width, &expert);
    let halves = dense_blocks(config, &s, dense, false)? + (s.layers - dense) * mixture;
    lfm2_with(config, &s, attending, halves)
}

fn lfm2_with(config: &Config, s: &Shape, attending: u128, halves: Part) -> Counted {
    let bias = config.flag(&["conv_bias"])?;
    let short = linear(s.width, 3 * s.width, bias)
        + channelwise(s.width, config.known(&["conv_L_cache"])?, bias)
        + linear(s.width, s.width, bias);
    let attention = s.attention(Bias::None, Reach::Before) + 2 * vector(s.head_dim);
    let blocks = s.layers * (2 * vector(s.width)) + attending * attention + (s.layers - attending) * short + halves;
    let tied = config.maybe_flag(&["tie_embedding", "tie_word_embeddings"])?.unwrap_or(true);
    let model = super::part::vocabulary(s.vocab, s.width, tied) + blocks + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}

/// Two thirds of the width that is given, times a factor, up to the next multiple.
fn lfm2_inner(config: &Config) -> Result<u128, EstimateError> {
    let given = config.maybe(&["block_ff_dim"])?.map_or_else(|| config.need(INNER), Ok)?;
    if !config.flag(&["block_auto_adjust_ff_dim"])? {
        return Ok(given);
    }
    let thirds = 2 * given / 3;
    let Some(factor) = config.ratio(&["block_ffn_dim_multiplier"])? else { return Ok(thirds) };
    let multiple = config.known(&["block_multiple_of"])?;
    Ok(((factor * thirds as f64) as u128).div_ceil(multiple) * multiple)
}

/// Recurrent Gemma: two blocks with a gated linear recurrence, then one with a window.
pub(super) fn recurrent_gemma(config: &Config) -> Counted {
    let heads = config.need(super::shape::HEADS)?;
    let s = Shape::of(config, heads, config.maybe(KV_HEADS)?.unwrap_or(heads))?;
    let kinds =
        config.words(&["block_types", "_block_types"])?.unwrap_or_else(|| vec!["recurrent", "recurrent", "attention"]);
    if kinds.is_empty() {
        return Err(config.bad("block_types", &"[]", "a list of `recurrent` and `attention`"));
    }
    let of_kinds = |upto: usize| kinds[..upto].iter().filter(|kind| **kind == "attention").count() as u128;
    let round = kinds.len() as u128;
    let attending = s.layers / round * of_kinds(kinds.len()) + of_kinds((s.layers % round) as usize);
    let window = Reach::Window(config.known(&["attention_window_size"])? as u64);
    let bias = if config.flag(&["attention_bias"])? { Bias::All } else { Bias::Output };
    let inner = config.maybe(&["lru_width"])?.unwrap_or(s.width);
    let gate = linear(inner / heads, inner / heads, true);
    let recurrence = 2 * linear(s.width, inner, true)
        + channelwise(inner, config.known(&["conv1d_width"])?, true)
        + vector(inner)
        + 2 * heads * gate
        + linear(inner, s.width, true);
    let blocks = s.layers * (2 * vector(s.width) + gated(s.width, config.need(INNER)? / 2, true))
        + attending * s.attention(bias, window)
        + (s.layers - attending) * recurrence;
    let model = s.vocabulary(config)? + blocks + vector(s.width);
    s.counts_of(config, &model, vec![Extent::Sequence], attending)
}
