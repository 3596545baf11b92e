//! Encoders of text, with the head that they are trained with.
//!
//! In: a config. Out: its counts. Every token attends to every other.

use super::part::{Part, attend_to, conv, layer_norm, linear, only_if, plain, table, vector, vocabulary};
use super::shape::{Bias, INNER, POSITIONS, Shape, tied};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::{Extent, Reach};

type Counted = Result<ModelCounts, EstimateError>;

const MASKED: &str = "counted with the masked-language head and without the pooler";

fn told(counted: Counted, left_out: &str) -> Counted {
    counted.map(|counts| ModelCounts { left_out: Some(left_out.to_owned()), ..counts })
}

/// Attention and a feed-forward of two matrices, biases everywhere, a norm after each.
fn block(s: &Shape, inner: u128) -> Part {
    s.attention(Bias::All, Reach::Every) + layer_norm(s.width) + plain(s.width, inner, true) + layer_norm(s.width)
}

/// BERT, RoBERTa, Ernie with its tasks, Megatron's with norms before each half and one at the end, and their kin: the head is a square matrix, a norm and the tied embedding with a bias; untied, the
/// head and its matrix have a bias each.
pub(super) fn bert(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let tasks = if config.flag(&["use_task_id"])? { config.known(&["task_type_vocab_size"])? } else { 0 };
    let rows = config.known(POSITIONS)? + config.some(&["type_vocab_size"])? + tasks;
    let embedding = table(rows, s.width) + layer_norm(s.width);
    let head = linear(s.width, s.width, true) + layer_norm(s.width) + biases(config, s.vocab)?;
    let blocks = s.layers * block(&s, config.need(INNER)?);
    told(s.counts(config, &(s.vocabulary(config)? + embedding + blocks + head)), MASKED)
}

/// The head's bias, which the matrix shares where it is the embedding.
fn biases(config: &Config, vocab: u128) -> Result<Part, EstimateError> {
    Ok(if tied(config)? { vector(vocab) } else { 2 * vector(vocab) })
}

/// DistilBERT: BERT without token types.
pub(super) fn distilbert(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let embedding = table(config.known(POSITIONS)?, s.width) + layer_norm(s.width);
    let head = linear(s.width, s.width, true) + layer_norm(s.width) + vector(s.vocab);
    let blocks = s.layers * block(&s, config.need(INNER)?);
    let counted = s.counts(config, &(s.vocabulary(config)? + embedding + blocks + head));
    told(counted, "counted with the masked-language head; the teacher's work is not in it")
}

/// ELECTRA's discriminator: a narrow embedding, and a head that tells replaced tokens.
pub(super) fn electra(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let narrow = config.known(&["embedding_size"])?;
    let rows = s.vocab + config.known(POSITIONS)? + config.some(&["type_vocab_size"])?;
    let widen = only_if(narrow != s.width, linear(narrow, s.width, true));
    let embedding = table(rows, narrow) + layer_norm(narrow) + widen;
    let head = linear(s.width, s.width, true) + linear(s.width, 1, true);
    let counted = s.counts(config, &(embedding + s.layers * block(&s, config.need(INNER)?) + head));
    told(counted, "counted as the discriminator; the generator that it is trained with is left out")
}

/// ALBERT: blocks of a group share their weights, so there are few weights and all the work.
pub(super) fn albert(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let narrow = config.known(&["embedding_size"])?;
    let rows = config.known(POSITIONS)? + config.some(&["type_vocab_size"])?;
    let embedding = table(rows, narrow) + layer_norm(narrow) + linear(narrow, s.width, true);
    let (groups, each) = (config.known(&["num_hidden_groups"])?, config.known(&["inner_group_num"])?);
    let one = each * block(&s, config.need(INNER)?);
    let blocks = (groups * one.clone()).resting() + (s.layers * one).shared();
    let head = linear(s.width, narrow, true) + layer_norm(narrow) + biases(config, s.vocab)?;
    let words = vocabulary(s.vocab, narrow, tied(config)?);
    told(s.counts_of(config, &(words + embedding + blocks + head), vec![Extent::Sequence], s.layers * each), MASKED)
}

/// MPNet: relative positions shared by all blocks beside the learned ones, which have an offset of two.
pub(super) fn mpnet(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let embedding = table(config.known(POSITIONS)?, s.width) + layer_norm(s.width);
    let relative = table(config.known(&["relative_attention_num_buckets"])?, s.heads);
    let head = linear(s.width, s.width, true) + layer_norm(s.width) + biases(config, s.vocab)?;
    let blocks = s.layers * block(&s, config.need(INNER)?);
    told(s.counts(config, &(s.vocabulary(config)? + embedding + relative + blocks + head)), MASKED)
}

/// ModernBERT: gated feed-forward, two of three blocks see their surroundings alone, the first has no norm before.
pub(super) fn modernbert(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let norm = only_if(true, if config.flag(&["norm_bias"])? { layer_norm(s.width) } else { vector(s.width) });
    let bias = Bias::all(config.flag(&["attention_bias"])?);
    let (inner, inner_bias) = (config.need(INNER)?, config.flag(&["mlp_bias"])?);
    let feed_forward = linear(s.width, 2 * inner, inner_bias) + linear(inner, s.width, inner_bias);
    let period = config.maybe(&["global_attn_every_n_layers"])?.unwrap_or(3);
    let full = match config.words(&["layer_types"])? {
        Some(types) => types.iter().filter(|kind| **kind == "full_attention").count() as u128,
        None => s.layers.div_ceil(period),
    };
    let full = full.min(s.layers);
    let near = Reach::Around(config.known(&["local_attention"])? as u64);
    let block = |reach| norm.clone() + s.attention(bias, reach) + norm.clone() + feed_forward.clone();
    let mut blocks = full * block(Reach::Every) + (s.layers - full) * block(near);
    blocks.small -= norm.small;
    let head = linear(s.width, s.width, config.flag(&["classifier_bias"])?)
        + norm.clone()
        + only_if(config.flag(&["decoder_bias"])?, vector(s.vocab));
    let model = s.vocabulary(config)? + norm.clone() + blocks + norm + head;
    told(s.counts(config, &model), MASKED)
}

/// What DeBERTa adds to a block for the distance between two tokens.
struct Distance {
    content_to_position: bool,
    position_to_content: bool,
    furthest: u128,
}

impl Distance {
    fn read(config: &Config) -> Result<Option<Self>, EstimateError> {
        if !config.flag(&["relative_attention"])? {
            return Ok(None);
        }
        let kinds = config.words(&["pos_att_type"])?.unwrap_or_default();
        let furthest = match config.some(&["max_relative_positions"])? {
            0 => config.known(POSITIONS)?,
            given => given,
        };
        Ok(Some(Self {
            content_to_position: kinds.contains(&"c2p"),
            position_to_content: kinds.contains(&"p2c"),
            furthest,
        }))
    }
    /// How many of the two there are.
    fn kinds(&self) -> u128 {
        u128::from(self.content_to_position) + u128::from(self.position_to_content)
    }
}

/// DeBERTa: query, key and value in one matrix with biases on two of them.
pub(super) fn deberta(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let mut attention = s.attention(Bias::All, Reach::Every);
    attention.small -= s.keys();
    let mut distances = Part::default();
    if let Some(distance) = Distance::read(config)? {
        let span = Extent::Distances(distance.furthest as u64);
        let projection = |there, bias| only_if(there, linear(s.width, s.queries(), bias).over(span));
        attention = attention
            + projection(distance.content_to_position, false)
            + projection(distance.position_to_content, true)
            + attend_to(span, distance.kinds() * s.queries());
        distances = table(2 * distance.furthest, s.width);
    }
    let inner = plain(s.width, config.need(INNER)?, true);
    let blocks = s.layers * (attention + layer_norm(s.width) + inner + layer_norm(s.width));
    deberta_with(config, &s, s.width, distances + blocks)
}

/// DeBERTa 2 and 3: distances in buckets, a convolution beside the first block if asked for, keys shared with positions.
pub(super) fn deberta_v2(config: &Config) -> Counted {
    let s = Shape::read(config)?;
    let narrow = config.maybe(&["embedding_size"])?.unwrap_or(s.width);
    let mut attention = s.attention(Bias::All, Reach::Every);
    let mut around = Part::default();
    if let Some(distance) = Distance::read(config)? {
        let span = match config.some(&["position_buckets"])? {
            0 => distance.furthest,
            buckets => buckets,
        };
        let rows = Extent::Fixed(2 * span as u64);
        let projection = linear(s.width, s.queries(), true).over(rows);
        // Shared ones both go over the distances, whichever kinds there are.
        let shared = config.flag(&["share_att_key"])?;
        attention = attention
            + if shared { (2 * projection).shared() } else { distance.kinds() * projection }
            + attend_to(rows, distance.kinds() * s.queries());
        around = table(2 * span, s.width);
    }
    let norms = config.words(&["norm_rel_ebd"])?.unwrap_or_default();
    around = around + only_if(norms.contains(&"layer_norm"), layer_norm(s.width));
    let kernel = config.some(&["conv_kernel_size"])?;
    let groups = config.maybe(&["conv_groups"])?.unwrap_or(1);
    let convolution = conv(s.width / groups, s.width, kernel, true) + layer_norm(s.width);
    around = around + only_if(kernel > 0, convolution);
    let inner = plain(s.width, config.need(INNER)?, true);
    let blocks = s.layers * (attention + layer_norm(s.width) + inner + layer_norm(s.width));
    deberta_with(config, &s, narrow, around + blocks)
}

fn deberta_with(config: &Config, s: &Shape, narrow: u128, blocks: Part) -> Counted {
    let rows = only_if(config.flag(&["position_biased_input"])?, table(config.known(POSITIONS)?, narrow));
    let types = table(config.some(&["type_vocab_size"])?, narrow);
    let widen = only_if(narrow != s.width, linear(narrow, s.width, false));
    let embedding = rows + types + widen + layer_norm(s.width);
    // The older head goes through the embedding's width, the newer one keeps the model's.
    let legacy = config.flag(&["legacy"])?;
    let out = if legacy { narrow } else { s.width };
    let head =
        linear(s.width, out, true) + layer_norm(out) + if legacy { biases(config, s.vocab)? } else { vector(s.vocab) };
    let words = vocabulary(s.vocab, narrow, tied(config)? || !legacy);
    told(s.counts(config, &(words + embedding + blocks + head)), MASKED)
}
