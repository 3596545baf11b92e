//! Encoders with a decoder that looks at them in each block. A pass is one sequence through each.
//!
//! In: a config. Out: its counts. A token of the run passes one of the two stacks.

use super::moe::Choice;
use super::part::{Part, attend_to, conv, gated, layer_norm, linear, only_if, plain, table, vector, vocabulary};
use super::shape::{Bias, HEADS, INNER, LAYERS, Shape, VOCAB, WIDTH, tied};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::{Extent, Reach};

type Counted = Result<ModelCounts, EstimateError>;

const BOTH: &str = "a pass is one sequence through each stack, both of the same length";
const PAIR: [Extent; 2] = [Extent::Sequence, Extent::Sequence];

/// T5 and its kin.
struct T5 {
    shape: Shape,
    encoder: u128,
    decoder: u128,
}

impl T5 {
    fn read(config: &Config) -> Result<Self, EstimateError> {
        let (encoder, heads) = (config.need(LAYERS)?, config.need(HEADS)?);
        let decoder = config.maybe(&["num_decoder_layers"])?.unwrap_or(encoder);
        let head_dim = config.known(&["d_kv"])?;
        let (width, vocab) = (config.need(WIDTH)?, config.need(VOCAB)?);
        let layers = encoder + decoder;
        let shape = Shape { width, layers, heads, kv_heads: heads, head_dim, value_dim: head_dim, vocab };
        Ok(Self { shape, encoder, decoder })
    }
    /// Everything but the feed-forwards: a norm before each half, relative positions of `tables` blocks.
    fn around(&self, config: &Config, tables: u128) -> Result<Part, EstimateError> {
        let s = &self.shape;
        let buckets = config.maybe(&["relative_attention_num_buckets"])?.unwrap_or(32);
        let encoder = self.encoder * (s.attention(Bias::None, Reach::Every) + 2 * vector(s.width));
        let decoder = self.decoder
            * (s.attention(Bias::None, Reach::Before) + s.attention(Bias::None, Reach::Every) + 3 * vector(s.width));
        // The library ties the head whatever the config says; published weights of the untied kind are not tied.
        let words = s.vocabulary(config)?;
        Ok(words + tables * table(buckets, s.heads) + encoder + decoder + 2 * vector(s.width))
    }
    fn counts(&self, config: &Config, model: &Part) -> Counted {
        let counts = self.shape.counts_of(config, model, PAIR.to_vec(), self.encoder + 2 * self.decoder)?;
        Ok(ModelCounts { left_out: Some(BOTH.to_owned()), ..counts })
    }
}

/// T5 and mT5: relative positions of the first block serve the stack.
pub(super) fn t5(config: &Config) -> Counted {
    t5_with(config, |_| 2)
}

/// UMT5: each block has its own relative positions.
pub(super) fn umt5(config: &Config) -> Counted {
    t5_with(config, |t5| t5.shape.layers)
}

fn t5_with(config: &Config, tables: impl Fn(&T5) -> u128) -> Counted {
    let t5 = T5::read(config)?;
    let (width, inner) = (t5.shape.width, config.need(INNER)?);
    let gate = config.text(&["feed_forward_proj"])?.is_some_and(|form| form.starts_with("gated"));
    let feed_forward = if gate { gated(width, inner, false) } else { plain(width, inner, false) };
    let model = t5.around(config, tables(&t5))? + t5.shape.layers * feed_forward;
    t5.counts(config, &model)
}

/// Switch Transformers: in the second block of each period, one expert of many.
pub(super) fn switch_transformers(config: &Config) -> Counted {
    let t5 = T5::read(config)?;
    let (width, inner) = (t5.shape.width, config.need(INNER)?);
    let sparse = |layers: u128, key: &'static str| -> Result<u128, EstimateError> {
        let wanted = config.some(&[key])?;
        // As the library divides: more sparse blocks than there are blocks leave none.
        let step = layers.checked_div(wanted).unwrap_or(layers);
        Ok(match step {
            0 => 0,
            1 => layers,
            _ => layers.saturating_sub(1).div_ceil(step),
        })
    };
    let sparse = sparse(t5.encoder, "num_sparse_encoder_layers")? + sparse(t5.decoder, "num_sparse_decoder_layers")?;
    let choice = Choice::of(config, config.known(&["num_experts"])?, 1)?;
    let router_bias = only_if(config.flag(&["router_bias"])?, vector(choice.total));
    let expert = plain(width, inner, false);
    let mixture = choice.mixture(width, &expert) + router_bias;
    t5.counts(config, &(t5.around(config, 2)? + sparse * mixture + (t5.shape.layers - sparse) * expert))
}

/// What tells the children of BART apart.
struct Bart {
    /// Rows of the two tables of positions beyond the longest sequence, or none to learn.
    positions: Option<u128>,
    /// A norm on each embedding.
    embedding_norm: bool,
    /// A norm at the end of each stack.
    last_norm: bool,
}

/// BART: positions with an offset of two, a norm on the embeddings.
pub(super) fn bart(config: &Config) -> Counted {
    bart_with(config, &Bart { positions: Some(2), embedding_norm: true, last_norm: false })
}

/// mBART: norms before each half, so one at the end.
pub(super) fn mbart(config: &Config) -> Counted {
    bart_with(config, &Bart { positions: Some(2), embedding_norm: true, last_norm: true })
}

/// Blenderbot: learned positions without an offset, a norm at the end alone.
pub(super) fn blenderbot(config: &Config) -> Counted {
    bart_with(config, &Bart { positions: Some(0), embedding_norm: false, last_norm: true })
}

/// Pegasus: positions of sines that the library counts as weights.
pub(super) fn pegasus(config: &Config) -> Counted {
    bart_with(config, &Bart { positions: Some(0), embedding_norm: false, last_norm: true })
}

/// Marian: the same without a norm at the end.
pub(super) fn marian(config: &Config) -> Counted {
    bart_with(config, &Bart { positions: Some(0), embedding_norm: false, last_norm: false })
}

/// M2M-100 and NLLB: positions of sines that are no weights.
pub(super) fn m2m_100(config: &Config) -> Counted {
    bart_with(config, &Bart { positions: None, embedding_norm: false, last_norm: true })
}

/// The two stacks' sizes under their own names.
struct Stacks {
    encoder: Shape,
    decoder: Shape,
    encoder_inner: u128,
    decoder_inner: u128,
}

impl Stacks {
    fn read(config: &Config) -> Result<Self, EstimateError> {
        let width = config.need(WIDTH)?;
        let stack = |layers: &'static str, heads: &'static str| {
            Shape::of_stack(config, width, config.need(&[layers])?, config.known(&[heads])?)
        };
        Ok(Self {
            encoder: stack("encoder_layers", "encoder_attention_heads")?,
            decoder: stack("decoder_layers", "decoder_attention_heads")?,
            encoder_inner: config.known(&["encoder_ffn_dim"])?,
            decoder_inner: config.known(&["decoder_ffn_dim"])?,
        })
    }
    fn encoder_block(&self, attention: Part) -> Part {
        let width = self.encoder.width;
        attention + plain(width, self.encoder_inner, true) + 2 * layer_norm(width)
    }
    fn decoder_block(&self, attentions: Part) -> Part {
        let width = self.decoder.width;
        attentions + plain(width, self.decoder_inner, true) + 3 * layer_norm(width)
    }
    /// The counts with both stacks in one; heads are the decoder's, which are most often the encoder's too.
    fn counts(&self, config: &Config, vocab: u128, model: &Part, streams: [Extent; 2], said: &str) -> Counted {
        let (encoder, decoder) = (self.encoder.layers, self.decoder.layers);
        let both = Shape { layers: encoder + decoder, vocab, ..self.decoder };
        let counts = both.counts_of(config, model, streams.to_vec(), encoder + 2 * decoder)?;
        Ok(ModelCounts { left_out: Some(said.to_owned()), ..counts })
    }
}

fn bart_with(config: &Config, kind: &Bart) -> Counted {
    let stacks = Stacks::read(config)?;
    let (e, d, vocab) = (&stacks.encoder, &stacks.decoder, config.need(VOCAB)?);
    let width = e.width;
    let positions = match kind.positions {
        Some(offset) => 2 * table(config.known(&["max_position_embeddings"])? + offset, width),
        None => Part::default(),
    };
    let embedding = positions + only_if(kind.embedding_norm, 2 * layer_norm(width));
    let encoder = e.layers * stacks.encoder_block(e.attention(Bias::All, Reach::Every));
    let attentions = d.attention(Bias::All, Reach::Before) + d.attention(Bias::All, Reach::Every);
    let decoder = d.layers * stacks.decoder_block(attentions);
    let last = only_if(kind.last_norm, 2 * layer_norm(width));
    stacks.counts(config, vocab, &(words(config, vocab, width)? + embedding + encoder + decoder + last), PAIR, BOTH)
}

/// One embedding for both stacks and the head; untied, each has its own, and one that none looks at is kept.
fn words(config: &Config, vocab: u128, width: u128) -> Result<Part, EstimateError> {
    let tied = tied(config)?;
    Ok(vocabulary(vocab, width, tied) + only_if(!tied, 2 * table(vocab, width)))
}

/// LED: BART whose encoder sees its surroundings, with a second set of projections for tokens that see all.
pub(super) fn led(config: &Config) -> Counted {
    let stacks = Stacks::read(config)?;
    let (e, d, vocab) = (&stacks.encoder, &stacks.decoder, config.need(VOCAB)?);
    let width = e.width;
    let rows =
        config.known(&["max_encoder_position_embeddings"])? + config.known(&["max_decoder_position_embeddings"])?;
    let embedding = table(rows, width) + 2 * layer_norm(width);
    let window = match config.list(&["attention_window"]) {
        Ok(Some(widths)) => widths.first().copied().unwrap_or(512),
        _ => config.maybe(&["attention_window"])?.unwrap_or(512) as u64,
    };
    // The second set works for the few tokens that see all: none of it is in a pass.
    let for_all = vector(3 * (width + 1) * width);
    let near = e.attention(Bias::All, Reach::Band(window)) + for_all;
    let encoder = e.layers * stacks.encoder_block(near);
    let attentions = d.attention(Bias::All, Reach::Before) + d.attention(Bias::All, Reach::Every);
    let decoder = d.layers * stacks.decoder_block(attentions);
    stacks.counts(config, vocab, &(words(config, vocab, width)? + embedding + encoder + decoder), PAIR, BOTH)
}

/// Whisper: two convolutions over frames of sound, half of which the encoder sees; the decoder writes the sequence.
pub(super) fn whisper(config: &Config) -> Counted {
    let stacks = Stacks::read(config)?;
    let (e, d, vocab) = (&stacks.encoder, &stacks.decoder, config.need(VOCAB)?);
    let width = e.width;
    let source = config.known(&["max_source_positions"])?;
    let (frames, heard) = (Extent::Fixed(2 * source as u64), Extent::Fixed(source as u64));
    let target = config.known(&["max_target_positions"])?;
    let ear = conv(config.known(&["num_mel_bins"])?, width, 3, true).over(frames)
        + conv(width, width, 3, true).over(heard)
        + table(source, width);
    let block = stacks.encoder_block(no_key_bias(e, e.attention(Bias::All, Reach::Every)));
    let encoder = (e.layers * block).over(heard) + layer_norm(width);
    let own = no_key_bias(d, d.attention(Bias::All, Reach::Before));
    let queries_and_output = 2 * linear(width, width, true);
    let keys_and_values = (linear(width, width, false) + linear(width, width, true)).over(heard);
    let cross = queries_and_output + keys_and_values + attend_to(heard, d.pair());
    let decoder = d.layers * stacks.decoder_block(own + cross) + layer_norm(width) + table(target, width);
    let words = vocabulary(vocab, width, tied(config)?);
    let said = "a pass is one stretch of sound through the encoder and one sequence through the decoder";
    let streams = [heard, Extent::Sequence];
    let counts = stacks.counts(config, vocab, &(words + ear + encoder + decoder), streams, said)?;
    Ok(ModelCounts { max_seq_len: u64::try_from(target).ok(), ..counts })
}

/// Whisper's keys have no bias.
fn no_key_bias(s: &Shape, mut attention: Part) -> Part {
    attention.small -= s.keys();
    attention
}
