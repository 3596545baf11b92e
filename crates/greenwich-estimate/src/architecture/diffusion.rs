//! Diffusion transformers: patches of a latent, a time step that moves every norm, and the words that it goes by.
//!
//! In: a config of the diffusers library. Out: its counts. A token is a patch of the image; what it reads of its text has a
//! number of tokens that no config says, so those are the ones that its pipeline takes.

use super::part::{Part, attend_between, attend_to, conv, gated, layer_norm, linear, only_if, plain, table, vector};
use super::shape::{Bias, Shape};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::Extent;

type Counted = Result<ModelCounts, EstimateError>;

/// A vector that each image has one of.
pub(super) const ONE: Extent = Extent::Fixed(1);
/// Width of a time step's waves.
const WAVES: u128 = 256;
/// T5 alone, in PixArt's pipelines.
const PIXART_WORDS: u64 = 300;
/// CLIP's 77 and T5's 256.
const SD3_WORDS: u64 = 333;
/// T5 alone, in FLUX's pipeline.
const FLUX_WORDS: u64 = 512;
/// Patches of an image of 1024 × 1024: FLUX's config has no size.
const FLUX_PATCHES: u64 = 4096;

/// The dimensions of a stack over patches.
pub(super) struct Patches {
    pub(super) shape: Shape,
    pub(super) channels: u128,
    pub(super) out_channels: u128,
    pub(super) patch: u128,
}

impl Patches {
    pub(super) fn read(config: &Config) -> Result<Self, EstimateError> {
        Self::with_layers(config, "num_layers")
    }
    /// The same where another key says how many blocks there are.
    pub(super) fn with_layers(config: &Config, layers: &'static str) -> Result<Self, EstimateError> {
        Self::of(config, config.known(&[layers])?, config.known(&["patch_size"])?)
    }
    /// The same where a patch has so many places of several frames.
    pub(super) fn of_volume(config: &Config, volume: u128) -> Result<Self, EstimateError> {
        Self::of(config, config.known(&["num_layers"])?, volume)
    }
    fn of(config: &Config, layers: u128, patch: u128) -> Result<Self, EstimateError> {
        let (heads, head_dim) = (config.known(&["num_attention_heads"])?, config.known(&["attention_head_dim"])?);
        let width = heads * head_dim;
        let shape = Shape { width, layers, heads, kv_heads: heads, head_dim, value_dim: head_dim, vocab: 0 };
        let channels = config.known(&["in_channels"])?;
        let out_channels = config.maybe(&["out_channels"])?.unwrap_or(channels);
        Ok(Self { shape, channels, out_channels, patch })
    }
    /// The same with so many blocks more.
    pub(super) fn deeper(self, more: u128) -> Self {
        let layers = self.shape.layers + more;
        Self { shape: Shape { layers, ..self.shape }, ..self }
    }
    /// One matrix for all patches.
    pub(super) fn embedding(&self) -> Part {
        conv(self.channels, self.shape.width, self.patch * self.patch, true)
    }
    /// One matrix back to pixels.
    pub(super) fn output(&self) -> Part {
        linear(self.shape.width, self.patch * self.patch * self.out_channels, true)
    }
    /// The counts over so many patches, with so many words of text; `attentions` are in a pass.
    pub(super) fn counts(
        &self,
        config: &Config,
        patches: u128,
        words: Option<u64>,
        attentions: u128,
        model: &Part,
    ) -> Counted {
        let counts = self.shape.counts_of(config, model, vec![Extent::Sequence], attentions)?;
        let text = words.map_or_else(String::new, |words| format!(", counted with {words} tokens of text beside it"));
        let what = if config.model_type().contains("3D") { "video" } else { "image" };
        let said = format!("a token is a patch of the latent; a pass is one {what}{text}");
        Ok(ModelCounts { max_seq_len: u64::try_from(patches).ok(), left_out: Some(said), ..counts })
    }
    /// Patches of the square that the config is made for.
    pub(super) fn of_sample(&self, config: &Config) -> Result<u128, EstimateError> {
        let side = config.known(&["sample_size"])? / self.patch;
        if side == 0 { Err(config.bad("patch_size", &self.patch, "at most `sample_size`")) } else { Ok(side * side) }
    }
}

/// Two matrices that make a vector of another.
pub(super) fn embedded(inputs: u128, width: u128) -> Part {
    (linear(inputs, width, true) + linear(width, width, true)).over(ONE)
}

/// Shifts, scales and gates of norms that a vector makes.
pub(super) fn modulation(width: u128, times: u128) -> Part {
    linear(width, times * width, true).over(ONE)
}

/// Attention of a stack's own tokens, its output always with a bias.
fn self_attention(s: &Shape, bias: bool) -> Part {
    s.attention(if bias { Bias::All } else { Bias::Output }, crate::pass::Reach::Every)
}

/// Attention to so many tokens of another width.
pub(super) fn cross_attention(width: u128, other: u128, words: u64, bias: bool) -> Part {
    let words = Extent::Fixed(words);
    linear(width, width, bias)
        + 2 * linear(other, width, bias).over(words)
        + attend_to(words, 2 * width)
        + linear(width, width, true)
}

fn feed_forward(config: &Config, width: u128) -> Result<Part, EstimateError> {
    match config.text(&["activation_fn"])?.unwrap_or("gelu-approximate") {
        "gelu" | "gelu-approximate" | "geglu-approximate" | "linear-silu" => Ok(plain(width, 4 * width, true)),
        "geglu" | "swiglu" => Ok(gated(width, 4 * width, true)),
        other => Err(config.bad("activation_fn", &other, "`gelu`, `gelu-approximate`, `geglu` or `swiglu`")),
    }
}

/// A transformer over patches by its kind of norms: the name that both kinds had before.
pub(super) fn transformer(config: &Config) -> Counted {
    match config.text(&["norm_type"])? {
        Some("ada_norm_zero") => dit(config),
        Some("ada_norm_single") => pixart(config),
        other => Err(config.bad("norm_type", &other.unwrap_or("not given"), "`ada_norm_zero` or `ada_norm_single`")),
    }
}

/// `DiT`: each block embeds time step and class by itself.
pub(super) fn dit(config: &Config) -> Counted {
    let p = Patches::read(config)?;
    let (s, width) = (&p.shape, p.shape.width);
    let affine = only_if(config.flag(&["norm_elementwise_affine"])?, layer_norm(width));
    // One class more: none.
    let classes = table(config.known(&["num_embeds_ada_norm"])? + 1, width);
    let time = embedded(WAVES, width);
    let block = time.clone()
        + classes
        + modulation(width, 6)
        + self_attention(s, config.flag(&["attention_bias"])?)
        + affine
        + feed_forward(config, width)?;
    // The last norm asks the first block's embedding again.
    let last = time.shared() + modulation(width, 2) + p.output();
    p.counts(config, p.of_sample(config)?, None, s.layers, &(p.embedding() + s.layers * block + last))
}

/// `PixArt`: one embedding for all blocks, which add a table of their own to it, and look at the text.
pub(super) fn pixart(config: &Config) -> Counted {
    let p = Patches::read(config)?;
    let (s, width) = (&p.shape, p.shape.width);
    default_attention(config)?;
    let bias = config.flag(&["attention_bias"])?;
    let affine = only_if(config.flag(&["norm_elementwise_affine"])?, layer_norm(width));
    let crossing = config.maybe(&["cross_attention_dim"])?;
    let crossed = crossing.map_or_else(Part::default, |other| cross_attention(width, other, PIXART_WORDS, bias));
    let block = 2 * affine + self_attention(s, bias) + crossed + feed_forward(config, width)? + vector(6 * width);
    let conditions = match config.maybe_flag(&["use_additional_conditions"])? {
        Some(there) => there,
        None => config.known(&["sample_size"])? == 128,
    };
    let size = width / 3;
    // Height and width, then their ratio.
    let sizes = embedded(WAVES, size) + embedded(WAVES, size).shared() + embedded(WAVES, size);
    let words = config.maybe(&["caption_channels"])?.map_or_else(Part::default, |channels| {
        (linear(channels, width, true) + linear(width, width, true)).over(Extent::Fixed(PIXART_WORDS))
    });
    let around = embedded(WAVES, width) + only_if(conditions, sizes) + modulation(width, 6) + words;
    let model = p.embedding() + around + s.layers * block + vector(2 * width) + p.output();
    let attentions = if crossing.is_some() { 2 * s.layers } else { s.layers };
    p.counts(config, p.of_sample(config)?, crossing.map(|_| PIXART_WORDS), attentions, &model)
}

/// Refuses attention with boxes and the like.
pub(super) fn default_attention(config: &Config) -> Result<(), EstimateError> {
    match config.text(&["attention_type"])? {
        None | Some("default") => Ok(()),
        Some(other) => Err(config.bad("attention_type", &other, "`default`")),
    }
}

/// Patches and words that attend to all of both.
pub(super) fn joint(width: u128, words: u64) -> Part {
    let (patches, words) = (Extent::Sequence, Extent::Fixed(words));
    let pairs = [(patches, patches), (patches, words), (words, patches), (words, words)];
    pairs.into_iter().map(|(queries, keys)| attend_between(queries, keys, 2 * width)).sum()
}

/// Projections of query, key and value.
pub(super) fn inputs(width: u128) -> Part {
    3 * linear(width, width, true)
}

/// Stable Diffusion 3: patches and words in two streams that attend to each other; the words' last half is not needed.
pub(super) fn sd3(config: &Config) -> Counted {
    let p = Patches::read(config)?;
    let (s, width, words) = (&p.shape, p.shape.width, Extent::Fixed(SD3_WORDS));
    let joined = config.known(&["caption_projection_dim"])?;
    if joined != width {
        return Err(config.bad("caption_projection_dim", &joined, "heads × width of a head"));
    }
    let norm = match config.text(&["qk_norm"])? {
        None => Part::default(),
        Some("rms_norm") => vector(2 * s.head_dim),
        Some("layer_norm") => vector(4 * s.head_dim),
        Some(other) => return Err(config.bad("qk_norm", &other, "`rms_norm`, `layer_norm` or null")),
    };
    let dual = config.list(&["dual_attention_layers"])?.unwrap_or_default();
    let dual = (0..s.layers).filter(|layer| dual.contains(&(*layer as u64))).count() as u128;
    let out = linear(width, width, true);
    let second = self_attention(s, true) + norm.clone() + modulation(width, 3);
    let image = modulation(width, 6) + inputs(width) + out.clone() + plain(width, 4 * width, true) + 2 * norm;
    let text = inputs(width).over(words);
    let text_on = modulation(width, 6) + (out + plain(width, 4 * width, true)).over(words);
    let block = image + text + joint(width, SD3_WORDS);
    let time = embedded(WAVES, width) + embedded(config.known(&["pooled_projection_dim"])?, width);
    let around = time
        + linear(config.known(&["joint_attention_dim"])?, width, true).over(words)
        + p.embedding()
        + modulation(width, 2)
        + p.output();
    let last = modulation(width, 2);
    let model = around + s.layers * block + (s.layers - 1) * text_on + last + dual * second;
    p.counts(config, p.of_sample(config)?, Some(SD3_WORDS), s.layers + dual, &model)
}

/// FLUX: blocks of two streams, then blocks of one in which attention and feed-forward stand side by side.
pub(super) fn flux(config: &Config) -> Counted {
    let p = Patches::read(config)?;
    let (s, width, words) = (&p.shape, p.shape.width, Extent::Fixed(FLUX_WORDS));
    let both = |part: Part| part.clone() + part.shared().over(words);
    let norm = vector(2 * s.head_dim);
    let stream = inputs(width) + linear(width, width, true) + plain(width, 4 * width, true);
    let double =
        2 * modulation(width, 6) + stream.clone() + stream.over(words) + 2 * norm.clone() + joint(width, FLUX_WORDS);
    let beside = inputs(width) + linear(width, 4 * width, true) + linear(5 * width, width, true);
    let single = modulation(width, 3) + both(beside) + norm + joint(width, FLUX_WORDS);
    let singles = config.some(&["num_single_layers"])?;
    let guided = only_if(config.flag(&["guidance_embeds"])?, embedded(WAVES, width));
    let around = embedded(WAVES, width)
        + guided
        + embedded(config.known(&["pooled_projection_dim"])?, width)
        + linear(config.known(&["joint_attention_dim"])?, width, true).over(words)
        + linear(p.channels, width, true)
        + modulation(width, 2)
        + p.output();
    let model = around + s.layers * double + singles * single;
    let p = p.deeper(singles);
    p.counts(config, FLUX_PATCHES.into(), Some(FLUX_WORDS), p.shape.layers, &model)
}
