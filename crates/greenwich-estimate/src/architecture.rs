//! The shapes of model families: which weights there are, and which of them every token is multiplied with.
//!
//! In: a [`Config`]. Out: [`ModelCounts`]. One function a family, written after the library's own modules;
//! what a family leaves out of its config by default is written there. Anything else is refused with
//! the nearest known type, since a wrong count is worse than none.

use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::nearest::nearest;

/// Counts the parameters of one config.
type Count = fn(&Config) -> Result<ModelCounts, EstimateError>;

/// Every `model_type` that is read.
const FAMILIES: &[(&str, Count)] = &[
    ("bert", bert),
    ("gemma", gemma),
    ("gemma2", gemma2),
    ("gpt2", gpt2),
    ("gpt_neox", gpt_neox),
    ("llama", llama),
    ("mistral", llama),
    ("mixtral", mixtral),
    ("olmo", olmo),
    ("opt", opt),
    ("phi", phi),
    ("qwen2", qwen2),
    ("qwen3", qwen3),
    ("qwen3_moe", qwen3_moe),
    ("t5", t5),
    ("vit", vit),
];

/// Every `model_type` that is read, sorted.
pub fn known_types() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(name, _)| *name)
}

/// Counts the model that a `config.json` describes.
///
/// # Errors
/// What [`ModelCounts::from_config`] says.
pub fn count(text: &str) -> Result<ModelCounts, EstimateError> {
    let known: Vec<&str> = known_types().collect();
    let config = Config::parse(text, &known)?;
    let family = FAMILIES.iter().find(|(name, _)| *name == config.model_type());
    let Some((_, family)) = family else {
        let near = nearest(config.model_type(), &known);
        return Err(EstimateError::UnknownModelType { found: config.model_type().to_owned(), nearest: near });
    };
    family(&config)
}

const WIDTH: &[&str] = &["hidden_size", "n_embd", "d_model"];
const LAYERS: &[&str] = &["num_hidden_layers", "n_layer", "num_layers"];
const HEADS: &[&str] = &["num_attention_heads", "n_head", "num_heads"];
const INNER: &[&str] = &["intermediate_size", "n_inner", "ffn_dim", "d_ff"];
const VOCAB: &[&str] = &["vocab_size"];
const POSITIONS: &[&str] = &["max_position_embeddings", "n_positions", "n_ctx"];

/// The dimensions that every family has. All fields are below 2^30, so products of four fit 128 bits.
struct Dimensions {
    width: u128,
    layers: u128,
    heads: u128,
    kv_heads: u128,
    head_dim: u128,
    vocab: u128,
}

/// Where the width of a head is read.
enum HeadDim {
    /// `head_dim`, else width over heads.
    Quotient,
    /// `head_dim`, else the family's own.
    Default(u128),
}

impl Dimensions {
    fn read(config: &Config, head_dim: &HeadDim) -> Result<Self, EstimateError> {
        let width = config.need(WIDTH)?;
        let heads = config.need(HEADS)?;
        let kv_heads = match config.maybe(&["num_key_value_heads", "num_kv_heads"])? {
            Some(number) => number,
            None if config.flag(&["multi_query"], false)? => 1,
            None => heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(config.bad("num_key_value_heads", &kv_heads, "a divisor of the number of heads"));
        }
        let head_dim = match (config.maybe(&["head_dim"])?, head_dim) {
            (Some(given), _) => u128::from(given),
            (None, HeadDim::Default(default)) => *default,
            (None, HeadDim::Quotient) if width.is_multiple_of(heads) => u128::from(width / heads),
            (None, HeadDim::Quotient) => {
                return Err(config.bad("hidden_size", &width, "a multiple of the number of heads, or give `head_dim`"));
            }
        };
        Ok(Self {
            width: width.into(),
            layers: config.need(LAYERS)?.into(),
            heads: heads.into(),
            kv_heads: kv_heads.into(),
            head_dim,
            vocab: config.maybe(VOCAB)?.unwrap_or(0).into(),
        })
    }
    fn queries(&self) -> u128 {
        self.heads * self.head_dim
    }
    fn keys(&self) -> u128 {
        self.kv_heads * self.head_dim
    }
    /// Query, key, value and output projections of one block.
    fn attention(&self) -> u128 {
        self.width * (2 * self.queries() + 2 * self.keys())
    }
    /// Biases of query, key and value.
    fn qkv_bias(&self) -> u128 {
        self.queries() + 2 * self.keys()
    }
    fn embedding(&self) -> u128 {
        self.vocab * self.width
    }
}

/// Parameters by what a token does with them.
#[derive(Default)]
struct Tally {
    /// Every token is multiplied with these.
    multiplied: u128,
    /// Looked up by index.
    looked_up: u128,
    /// Norms, biases, and weights that one token of a sequence meets.
    small: u128,
    /// Routed experts that a token does not pass.
    not_chosen: u128,
}

impl Tally {
    /// Input embedding and output head; a tied one is counted once and multiplied.
    fn embed(&mut self, embedding: u128, tied: bool) {
        self.multiplied += embedding;
        self.looked_up += if tied { 0 } else { embedding };
    }
    fn counts(self, config: &Config, dimensions: &Dimensions) -> Result<ModelCounts, EstimateError> {
        let whole = |number: u128| {
            u64::try_from(number).map_err(|_| config.bad("hidden_size", &dimensions.width, "smaller: 2^64 parameters"))
        };
        let active = self.multiplied + self.looked_up + self.small;
        Ok(ModelCounts {
            model_type: config.model_type().to_owned(),
            params_total: whole(active + self.not_chosen)?,
            params_active: whole(active)?,
            embedding_params: whole(self.looked_up)?,
            matmul_params: whole(self.multiplied)?,
            hidden: whole(dimensions.width)?,
            layers: whole(dimensions.layers)?,
            attention_blocks: whole(dimensions.layers)?,
            stacks: 1,
            heads: whole(dimensions.heads)?,
            kv_heads: whole(dimensions.kv_heads)?,
            head_dim: whole(dimensions.head_dim)?,
            value_dim: whole(dimensions.head_dim)?,
            vocab: whole(dimensions.vocab)?,
            max_seq_len: config.maybe(POSITIONS)?,
            left_out: None,
        })
    }
}

fn need_wide(config: &Config, spellings: &[&'static str]) -> Result<u128, EstimateError> {
    config.need(spellings).map(u128::from)
}

fn tied(config: &Config, default: bool) -> Result<bool, EstimateError> {
    config.flag(&["tie_word_embeddings"], default)
}

/// Llama and Mistral: RMS norms, gated FFN, no bias unless the config asks for one.
fn llama(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    tally.multiplied += d.layers * (d.attention() + 3 * d.width * inner);
    tally.small += d.layers * 2 * d.width + d.width;
    if config.flag(&["attention_bias"], false)? {
        tally.small += d.layers * (d.qkv_bias() + d.width);
    }
    if config.flag(&["mlp_bias"], false)? {
        tally.small += d.layers * (2 * inner + d.width);
    }
    tally.counts(config, &d)
}

/// OLMo 1: Llama's weights without any in the norms.
fn olmo(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    tally.multiplied += d.layers * (d.attention() + 3 * d.width * inner);
    if config.flag(&["attention_bias"], false)? {
        tally.small += d.layers * (d.qkv_bias() + d.width);
    }
    tally.counts(config, &d)
}

/// Qwen 2: Llama with a bias on query, key and value, whatever the config says.
fn qwen2(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    tally.multiplied += d.layers * (d.attention() + 3 * d.width * inner);
    tally.small += d.layers * (2 * d.width + d.qkv_bias()) + d.width;
    tally.counts(config, &d)
}

/// Qwen 3: heads of 128 by default, and a norm on queries and keys.
fn qwen3(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Default(128))?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    tally.multiplied += d.layers * (d.attention() + 3 * d.width * inner);
    tally.small += d.layers * (2 * d.width + 2 * d.head_dim) + d.width;
    if config.flag(&["attention_bias"], false)? {
        tally.small += d.layers * (d.qkv_bias() + d.width);
    }
    tally.counts(config, &d)
}

/// How many experts there are and how many a token passes.
fn experts(config: &Config, total: &[&'static str]) -> Result<(u128, u128), EstimateError> {
    let total = config.need(total)?;
    let chosen = config.need(&["num_experts_per_tok"])?;
    if chosen > total {
        return Err(config.bad("num_experts_per_tok", &chosen, "at most the number of experts"));
    }
    Ok((total.into(), chosen.into()))
}

/// Mixtral: Llama's attention, a router and gated experts in each block.
fn mixtral(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let (total, chosen) = experts(config, &["num_local_experts", "num_experts"])?;
    let expert = 3 * d.width * need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    tally.multiplied += d.layers * (d.attention() + d.width * total + chosen * expert);
    tally.not_chosen += d.layers * (total - chosen) * expert;
    tally.small += d.layers * 2 * d.width + d.width;
    tally.counts(config, &d)
}

/// Qwen 3 MoE: every `decoder_sparse_step`-th block has experts, but those of `mlp_only_layers`.
fn qwen3_moe(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let (total, chosen) = experts(config, &["num_experts", "num_local_experts"])?;
    let expert = 3 * d.width * need_wide(config, &["moe_intermediate_size"])?;
    let step = u128::from(config.maybe(&["decoder_sparse_step"])?.unwrap_or(1));
    let mut dense_by_name = config.list(&["mlp_only_layers"])?;
    dense_by_name.sort_unstable();
    dense_by_name.dedup();
    let named = dense_by_name.iter().map(|layer| u128::from(*layer));
    let named_of_step = named.filter(|layer| *layer < d.layers && (layer + 1) % step == 0).count() as u128;
    let sparse = d.layers / step - named_of_step;
    let dense = d.layers - sparse;
    let inner = if dense > 0 { need_wide(config, INNER)? } else { 0 };
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    tally.multiplied += d.layers * d.attention() + sparse * (d.width * total + chosen * expert);
    tally.multiplied += dense * 3 * d.width * inner;
    tally.not_chosen += sparse * (total - chosen) * expert;
    tally.small += d.layers * (2 * d.width + 2 * d.head_dim) + d.width;
    if config.flag(&["attention_bias"], false)? {
        tally.small += d.layers * (d.qkv_bias() + d.width);
    }
    tally.counts(config, &d)
}

fn gemma(config: &Config) -> Result<ModelCounts, EstimateError> {
    gemma_like(config, 2)
}

fn gemma2(config: &Config) -> Result<ModelCounts, EstimateError> {
    gemma_like(config, 4)
}

/// Gemma: heads of 256 and a tied head by default; version 2 has norms after its sub-blocks too.
fn gemma_like(config: &Config, norms: u128) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Default(256))?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, true)?);
    tally.multiplied += d.layers * (d.attention() + 3 * d.width * inner);
    tally.small += d.layers * norms * d.width + d.width;
    if config.flag(&["attention_bias"], false)? {
        tally.small += d.layers * (d.qkv_bias() + d.width);
    }
    tally.counts(config, &d)
}

/// Weights and biases of a block with biases everywhere, a plain FFN and `norms` LayerNorms.
fn biased_blocks(tally: &mut Tally, d: &Dimensions, inner: u128, norms: u128) {
    tally.multiplied += d.layers * (d.attention() + 2 * d.width * inner);
    tally.small += d.layers * (d.qkv_bias() + 2 * d.width + inner + norms * 2 * d.width);
}

/// GPT-2: learned positions, tied head, FFN of four widths by default.
fn gpt2(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = config.maybe(INNER)?.map_or(4 * d.width, u128::from);
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, true)?);
    tally.looked_up += need_wide(config, &["n_positions", "n_ctx", "max_position_embeddings"])? * d.width;
    biased_blocks(&mut tally, &d, inner, 2);
    tally.small += 2 * d.width;
    tally.counts(config, &d)
}

/// GPT-NeoX and Pythia: rotary positions, untied head.
fn gpt_neox(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    biased_blocks(&mut tally, &d, inner, 2);
    if !config.flag(&["attention_bias"], true)? {
        tally.small -= d.layers * (d.qkv_bias() + d.width);
    }
    tally.small += 2 * d.width;
    tally.counts(config, &d)
}

/// OPT: positions with an offset of two, and for the 350M one an embedding narrower than the model.
fn opt(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let narrow = config.maybe(&["word_embed_proj_dim"])?.map_or(d.width, u128::from);
    let mut tally = Tally::default();
    tally.embed(d.vocab * narrow, tied(config, true)?);
    tally.looked_up += (need_wide(config, POSITIONS)? + 2) * d.width;
    if narrow != d.width {
        tally.multiplied += 2 * narrow * d.width;
    }
    biased_blocks(&mut tally, &d, inner, 2);
    if !config.flag(&["enable_bias"], true)? {
        tally.small -= d.layers * (d.qkv_bias() + 2 * d.width + inner);
    }
    let affine = config.flag(&["layer_norm_elementwise_affine"], true)?;
    let last_norm =
        config.flag(&["do_layer_norm_before"], true)? && !config.flag(&["_remove_final_layer_norm"], false)?;
    if !affine {
        tally.small -= d.layers * 4 * d.width;
    } else if last_norm {
        tally.small += 2 * d.width;
    }
    tally.counts(config, &d)
}

/// Phi 1 to 2: attention and FFN side by side behind one norm, a bias on the head.
fn phi(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, false)?);
    biased_blocks(&mut tally, &d, inner, 1);
    if config.flag(&["qk_layernorm"], false)? {
        tally.small += d.layers * 4 * d.head_dim;
    }
    tally.small += 2 * d.width + d.vocab;
    tally.counts(config, &d)
}

/// BERT with its masked-language head, as it is trained.
fn bert(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    config.need(VOCAB)?;
    let types = u128::from(config.maybe(&["type_vocab_size"])?.unwrap_or(2));
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, true)?);
    tally.looked_up += (need_wide(config, POSITIONS)? + types) * d.width;
    biased_blocks(&mut tally, &d, inner, 2);
    tally.multiplied += d.width * d.width;
    tally.small += 2 * d.width + d.width + 2 * d.width + d.vocab;
    let mut counts = tally.counts(config, &d)?;
    counts.left_out = Some("counted with the masked-language head and without the pooler".to_owned());
    Ok(counts)
}

/// ViT with its classifier, which one token of each image meets.
fn vit(config: &Config) -> Result<ModelCounts, EstimateError> {
    let d = Dimensions::read(config, &HeadDim::Quotient)?;
    let inner = need_wide(config, INNER)?;
    let (image, patch) = (config.need(&["image_size"])?, config.need(&["patch_size"])?);
    let channels = u128::from(config.maybe(&["num_channels"])?.unwrap_or(3));
    let labels = config.maybe(&["num_labels"])?.or(config.entries("id2label")).unwrap_or(2);
    let side = u128::from(image / patch);
    if side == 0 {
        return Err(config.bad("patch_size", &patch, "at most `image_size`"));
    }
    let tokens = side * side + 1;
    let mut tally = Tally { looked_up: tokens * d.width + d.width, ..Tally::default() };
    tally.multiplied += channels * u128::from(patch).pow(2) * d.width;
    biased_blocks(&mut tally, &d, inner, 2);
    if !config.flag(&["qkv_bias"], true)? {
        tally.small -= d.layers * d.qkv_bias();
    }
    tally.small += d.width + 2 * d.width + (d.width + 1) * u128::from(labels);
    let mut counts = tally.counts(config, &d)?;
    counts.max_seq_len = u64::try_from(tokens).ok();
    counts.left_out = Some("a token is a patch or the class token; the classifier's FLOPs are left out".to_owned());
    Ok(counts)
}

/// T5: two stacks; a token passes one of them, and the decoder looks at the encoder in each block.
fn t5(config: &Config) -> Result<ModelCounts, EstimateError> {
    let (width, heads) = (config.need(WIDTH)?, config.need(HEADS)?);
    let encoder = need_wide(config, LAYERS)?;
    let decoder = config.maybe(&["num_decoder_layers"])?.map_or(encoder, u128::from);
    let d = Dimensions {
        width: width.into(),
        layers: encoder + decoder,
        heads: heads.into(),
        kv_heads: heads.into(),
        head_dim: need_wide(config, &["d_kv"])?,
        vocab: need_wide(config, VOCAB)?,
    };
    let gates = if config.text(&["feed_forward_proj"])?.is_some_and(|form| form.starts_with("gated")) { 3 } else { 2 };
    let ffn = gates * d.width * need_wide(config, INNER)?;
    let buckets = u128::from(config.maybe(&["relative_attention_num_buckets"])?.unwrap_or(32));
    let mut tally = Tally::default();
    tally.embed(d.embedding(), tied(config, true)?);
    tally.multiplied += encoder * (d.attention() + ffn) + decoder * (2 * d.attention() + ffn);
    tally.looked_up += 2 * buckets * d.heads;
    tally.small += (2 * encoder + 3 * decoder + 2) * d.width;
    let mut counts = tally.counts(config, &d)?;
    counts.attention_blocks = u64::try_from(encoder + 2 * decoder).expect("layers are below 2^30");
    counts.stacks = 2;
    counts.left_out = Some("a pass is one sequence through each stack, both of the same length".to_owned());
    Ok(counts)
}
