//! Images: transformers over patches, convolutional nets, and pairs of an image with its text.
//!
//! In: a config. Out: its counts. A token is a patch, or one of the few that stand beside them; where the number of
//! tokens changes from stage to stage, a token of the run is one of the first stage's.

use super::part::{Part, attend_to, conv, gated, layer_norm, linear, only_if, plain, table, vector};
use super::sample::Sample;
use super::shape::{Bias, HEADS, INNER, LAYERS, POSITIONS, Shape, VOCAB, WIDTH};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::{Extent, Reach};

type Counted = Result<ModelCounts, EstimateError>;

const PATCHES: &str = "a token is a patch or one that stands beside them";
const ONE: Extent = Extent::Fixed(1);

/// An image cut into squares.
struct Image {
    side: u128,
    patch: u128,
    channels: u128,
}

impl Image {
    fn read(config: &Config) -> Result<Self, EstimateError> {
        let (image, patch) = (edge(config, "image_size")?, edge(config, "patch_size")?);
        let channels = config.maybe(&["num_channels"])?.unwrap_or(3);
        if image < patch {
            return Err(config.bad("patch_size", &patch, "at most `image_size`"));
        }
        Ok(Self { side: image / patch, patch, channels })
    }
    fn patches(&self) -> u128 {
        self.side * self.side
    }
    /// One matrix for all patches.
    fn embedding(&self, width: u128, bias: bool) -> Part {
        conv(self.channels, width, self.patch * self.patch, bias).over(Extent::Fixed(self.patches() as u64))
    }
}

/// The edge of a square; some configs write it twice.
fn edge(config: &Config, name: &'static str) -> Result<u128, EstimateError> {
    if let Ok(Some(edges)) = config.list(&[name]) {
        let square = edges.len() == 2 && edges[0] == edges[1] && edges[0] > 0;
        return if square { Ok(edges[0].into()) } else { Err(config.bad(name, &format!("{edges:?}"), "a square")) };
    }
    config.known(&[name])
}

/// Classes that the head tells apart.
fn labels(config: &Config) -> Result<u128, EstimateError> {
    Ok(config.maybe(&["num_labels"])?.or(config.entries("id2label").map(u128::from)).unwrap_or(2))
}

fn stack(config: &Config) -> Result<Shape, EstimateError> {
    Shape::of_stack(config, config.need(WIDTH)?, config.need(LAYERS)?, config.need(HEADS)?)
}

/// The counts of a stack over patches; `tokens` of them are in a pass.
fn over_patches(config: &Config, s: &Shape, tokens: u128, model: &Part) -> Counted {
    let counts = s.counts(config, model)?;
    Ok(ModelCounts { max_seq_len: u64::try_from(tokens).ok(), left_out: Some(PATCHES.to_owned()), ..counts })
}

/// A block of a plain vision transformer.
fn block(s: &Shape, bias: Bias, inner: Part) -> Part {
    2 * layer_norm(s.width) + s.attention(bias, Reach::Every) + inner
}

/// Biases of query, key and value by `qkv_bias`, the output's always.
fn biases(config: &Config) -> Result<Bias, EstimateError> {
    Ok(if config.flag(&["qkv_bias"])? { Bias::All } else { Bias::Output })
}

/// ViT, with a classifier that one token of each image meets.
pub(super) fn vit(config: &Config) -> Counted {
    vit_with(config, 1)
}

/// DeiT: a second token beside the patches, for the teacher.
pub(super) fn deit(config: &Config) -> Counted {
    vit_with(config, 2)
}

fn vit_with(config: &Config, beside: u128) -> Counted {
    let (s, image) = (stack(config)?, Image::read(config)?);
    let tokens = image.patches() + beside;
    let embedding = image.embedding(s.width, true) + table(tokens + beside, s.width);
    let blocks = s.layers * block(&s, biases(config)?, plain(s.width, config.need(INNER)?, true));
    let head = linear(s.width, labels(config)?, true).over(ONE);
    over_patches(config, &s, tokens, &(embedding + blocks + layer_norm(s.width) + head))
}

/// BEiT: keys without a bias, halves scaled by a learned vector, relative positions in each block or shared.
pub(super) fn beit(config: &Config) -> Counted {
    let (s, image) = (stack(config)?, Image::read(config)?);
    let tokens = image.patches() + 1;
    let absolute = only_if(config.flag(&["use_absolute_position_embeddings"])?, table(tokens, s.width));
    let mask = only_if(config.flag(&["use_mask_token"])?, table(1, s.width));
    let embedding = image.embedding(s.width, true) + table(1, s.width) + mask + absolute;
    let across = 2 * image.side - 1;
    let relative = table(across * across + 3, s.heads);
    let scaled = config.ratio(&["layer_scale_init_value"])?.unwrap_or(0.0) > 0.0;
    let mut one = block(&s, Bias::All, plain(s.width, config.need(INNER)?, true))
        + only_if(scaled, 2 * vector(s.width))
        + only_if(config.flag(&["use_relative_position_bias"])?, relative.clone());
    one.small -= s.keys();
    let shared = only_if(config.flag(&["use_shared_relative_position_bias"])?, relative);
    // The last norm is the pooler's where it takes the mean, else the stack's.
    let head = layer_norm(s.width) + linear(s.width, labels(config)?, true).over(ONE);
    over_patches(config, &s, tokens, &(embedding + s.layers * one + shared + head))
}

/// DINOv2 without a head, and with tokens that only hold something: halves scaled by a learned vector, a gated feed-forward if asked for.
pub(super) fn dinov2(config: &Config) -> Counted {
    let (s, image) = (stack(config)?, Image::read(config)?);
    let (positions, registers) = (image.patches() + 1, config.some(&["num_register_tokens"])?);
    let tokens = positions + registers;
    let mask = only_if(config.maybe_flag(&["use_mask_token"])?.unwrap_or(true), table(1, s.width));
    let embedding = image.embedding(s.width, true) + table(positions + 1 + registers, s.width) + mask;
    let inner = (config.ratio(&["mlp_ratio"])?.unwrap_or(4.0) * s.width as f64) as u128;
    let inner = if config.flag(&["use_swiglu_ffn"])? {
        gated(s.width, (2 * inner / 3).div_ceil(8) * 8, true)
    } else {
        plain(s.width, inner, true)
    };
    let blocks = s.layers * (block(&s, biases(config)?, inner) + 2 * vector(s.width));
    over_patches(config, &s, tokens, &(embedding + blocks + layer_norm(s.width)))
}

/// Swin: four stages of ever fewer and wider tokens, each attending inside a window.
pub(super) fn swin(config: &Config) -> Counted {
    let (width, depths, heads) =
        (config.need(&["embed_dim"])?, stages(config, "depths")?, stages(config, "num_heads")?);
    let image = Image::read(config)?;
    let ratio = config.ratio(&["mlp_ratio"])?.unwrap_or(4.0);
    let (window, bias) = (config.known(&["window_size"])?, biases(config)?);
    let absolute = only_if(config.flag(&["use_absolute_embeddings"])?, table(image.patches(), width));
    let mut model = image.embedding(width, true) + layer_norm(width) + absolute;
    let (mut side, mut last) = (image.side, width);
    for (stage, (depth, heads)) in depths.iter().zip(&heads).enumerate() {
        if stage > 0 {
            // Four neighbours become one token of twice the width.
            side = side.div_ceil(2);
            let merging = layer_norm(4 * last) + linear(4 * last, 2 * last, false);
            model = model + merging.over(squares(side));
            last *= 2;
        }
        let s = Shape::of_stack(config, last, *depth, *heads)?;
        // A window that the image is no larger than shrinks to it; the image is filled up to whole windows.
        let reach = window.min(side);
        let padded = side.div_ceil(reach) * reach;
        let seen = linear(s.width, s.width, bias == Bias::All).over(squares(padded));
        let attention = 3 * seen
            + attend_to(squares(reach), s.pair()).over(squares(padded))
            + linear(s.width, s.width, true).over(squares(padded))
            + table((2 * window - 1) * (2 * window - 1), s.heads);
        let inner = plain(s.width, (ratio * s.width as f64) as u128, true).over(squares(side));
        model = model + *depth * (2 * layer_norm(s.width) + attention + inner);
    }
    model = model + layer_norm(last) + linear(last, labels(config)?, true).over(ONE);
    let depth = depths.iter().sum();
    staged(config, image.patches(), (depth, depth), &model)
}

fn squares(side: u128) -> Extent {
    Extent::Fixed((side * side) as u64)
}

/// A list with one number a stage.
fn stages(config: &Config, name: &'static str) -> Result<Vec<u128>, EstimateError> {
    let list = config.list(&[name])?.unwrap_or_default();
    if list.is_empty() || list.len() > 16 || list.contains(&0) {
        return Err(config.bad(name, &format!("{list:?}"), "a list of 1 to 16 numbers above 0"));
    }
    Ok(list.into_iter().map(u128::from).collect())
}

fn staged(config: &Config, tokens: u128, (depth, attentions): (u128, u128), model: &Part) -> Counted {
    let said = "a token is a place of the first stage; a pass is one image, whatever the sequence".to_owned();
    let sample = Sample { model_type: config.model_type(), tokens, depth, attentions, said };
    sample.counts(model).ok_or_else(|| config.bad("depths", &depth, "smaller: 2^64 parameters"))
}

/// ConvNeXt: convolutions of each channel by itself, then a feed-forward, in stages of ever fewer and wider places.
pub(super) fn convnext(config: &Config) -> Counted {
    let (widths, depths, image) = (stages(config, "hidden_sizes")?, stages(config, "depths")?, Image::read(config)?);
    let scaled = config.ratio(&["layer_scale_init_value"])?.unwrap_or(0.0) > 0.0;
    let mut model = image.embedding(widths[0], true) + layer_norm(widths[0]);
    let (mut side, mut last) = (image.side, widths[0]);
    for (stage, (width, depth)) in widths.iter().zip(&depths).enumerate() {
        if stage > 0 {
            side /= 2;
            model = model + layer_norm(last) + conv(last, *width, 4, true).over(squares(side));
        }
        let one = conv(1, *width, 49, true)
            + layer_norm(*width)
            + plain(*width, 4 * width, true)
            + only_if(scaled, vector(*width));
        model = model + (*depth * one).over(squares(side));
        last = *width;
    }
    model = model + layer_norm(last) + linear(last, labels(config)?, true).over(ONE);
    staged(config, image.patches(), (depths.iter().sum(), 0), &model)
}

/// ResNet: a wide first convolution, then bottlenecks or pairs of small ones around a shortcut.
pub(super) fn resnet(config: &Config) -> Counted {
    let (widths, depths) = (stages(config, "hidden_sizes")?, stages(config, "depths")?);
    let (first, channels) = (config.known(&["embedding_size"])?, config.maybe(&["num_channels"])?.unwrap_or(3));
    let bottleneck = config.text(&["layer_type"])?.unwrap_or("bottleneck") == "bottleneck";
    let early = config.flag(&["downsample_in_bottleneck"])?;
    let side = config.maybe(&["image_size"])?.unwrap_or(224).div_ceil(2);
    let mut model = normed(channels, first, 7).over(squares(side));
    let (mut side, mut last) = (side.div_ceil(2), first);
    for (stage, (width, depth)) in widths.iter().zip(&depths).enumerate() {
        let halved = stage > 0 || config.flag(&["downsample_in_first_stage"])?;
        let before = side;
        side = if halved { side.div_ceil(2) } else { side };
        let one = |inputs: u128, before: u128| {
            if bottleneck {
                let narrow = width / 4;
                let middle = if early { side } else { before };
                normed(inputs, narrow, 1).over(squares(middle))
                    + normed(narrow, narrow, 3).over(squares(side))
                    + normed(narrow, *width, 1).over(squares(side))
            } else {
                (normed(inputs, *width, 3) + normed(*width, *width, 3)).over(squares(side))
            }
        };
        let shortcut = only_if(last != *width || halved, normed(last, *width, 1).over(squares(side)));
        model = model + shortcut + one(last, before) + (depth - 1) * one(*width, side);
        last = *width;
    }
    model = model + linear(last, labels(config)?, true).over(ONE);
    staged(config, before_stages(config)?, (depths.iter().sum(), 0), &model)
}

/// A convolution without a bias and its norm.
fn normed(inputs: u128, outputs: u128, kernel: u128) -> Part {
    conv(inputs, outputs, kernel * kernel, false) + layer_norm(outputs)
}

/// Places of a ResNet's first stage.
fn before_stages(config: &Config) -> Result<u128, EstimateError> {
    let side = config.maybe(&["image_size"])?.unwrap_or(224).div_ceil(2).div_ceil(2);
    Ok(side * side)
}

/// The two halves of an image with its text.
struct Pair {
    text_config: Config,
    text: Shape,
    vision: Shape,
    image: Image,
    vision_inner: u128,
    text_inner: u128,
}

impl Pair {
    fn read(config: &Config, text: &str, vision: &str) -> Result<(Self, Config), EstimateError> {
        let text_config = config.part("text_config", text)?;
        let vision_config = config.part("vision_config", vision)?;
        let pair = Self {
            text: Shape { vocab: text_config.need(VOCAB)?, ..stack(&text_config)? },
            vision: stack(&vision_config)?,
            image: Image::read(&vision_config)?,
            vision_inner: vision_config.need(INNER)?,
            text_inner: text_config.need(INNER)?,
            text_config,
        };
        Ok((pair, vision_config))
    }
    /// Words, positions, blocks and the last norm of the text's half.
    fn text(&self, reach: Reach) -> Result<Part, EstimateError> {
        let s = &self.text;
        let rows = s.vocab + self.text_config.known(POSITIONS)?;
        let one = 2 * layer_norm(s.width) + s.attention(Bias::All, reach) + plain(s.width, self.text_inner, true);
        Ok(table(rows, s.width) + s.layers * one + layer_norm(s.width))
    }
    /// Blocks of the image's half over so many tokens.
    fn vision(&self, tokens: Extent) -> Part {
        let s = &self.vision;
        (s.layers * block(s, Bias::All, plain(s.width, self.vision_inner, true))).over(tokens)
    }
    fn counts(&self, config: &Config, seen: Extent, model: &Part) -> Counted {
        let layers = self.text.layers + self.vision.layers;
        let both = Shape { layers, vocab: self.text.vocab, ..self.vision };
        let counts = both.counts_of(config, model, vec![seen, Extent::Sequence], layers)?;
        let longest = self.text_config.maybe(POSITIONS)?.map(|longest| longest as u64);
        let said = "a pass is one image and one text; a token is a patch of the one or a word of the other";
        Ok(ModelCounts { max_seq_len: longest, left_out: Some(said.to_owned()), ..counts })
    }
}

/// CLIP: a class token beside the patches, each half projected to one space.
pub(super) fn clip(config: &Config) -> Counted {
    let (pair, _) = Pair::read(config, "clip_text_model", "clip_vision_model")?;
    let s = &pair.vision;
    let tokens = pair.image.patches() + 1;
    let seen = Extent::Fixed(tokens as u64);
    let vision = pair.image.embedding(s.width, false)
        + vector(s.width)
        + table(tokens, s.width)
        + 2 * layer_norm(s.width)
        + pair.vision(seen);
    let shared = config.known(&["projection_dim"])?;
    let projections = (linear(s.width, shared, false) + linear(pair.text.width, shared, false)).over(ONE);
    pair.counts(config, seen, &(pair.text(Reach::Before)? + vision + projections + vector(1)))
}

/// SigLIP: no class token; one learned question asks all patches.
pub(super) fn siglip(config: &Config) -> Counted {
    let (pair, vision_config) = Pair::read(config, "siglip_text_model", "siglip_vision_model")?;
    let s = &pair.vision;
    let seen = Extent::Fixed(pair.image.patches() as u64);
    let keys = 2 * linear(s.width, s.width, true);
    let asked = linear(s.width, s.width, true) + attend_to(seen, s.pair());
    let asked = asked.over(ONE) + keys.over(seen);
    let pooled = linear(s.width, s.width, true) + layer_norm(s.width) + plain(s.width, pair.vision_inner, true);
    let head = table(1, s.width) + asked + pooled.over(ONE);
    let vision = pair.image.embedding(s.width, true)
        + table(pair.image.patches(), s.width)
        + pair.vision(seen)
        + layer_norm(s.width)
        + only_if(vision_config.flag(&["vision_use_head"])?, head);
    let projected = pair.text_config.maybe(&["projection_size"])?.unwrap_or(pair.text.width);
    let text_head = linear(pair.text.width, projected, true).over(ONE);
    pair.counts(config, seen, &(pair.text(Reach::Every)? + text_head + vision + vector(2)))
}
