//! Diffusion transformers after Stable Diffusion 3: of images by long prompts, and of video.
//!
//! In: a config of the diffusers library. Out: its counts. A token is a patch, of a frame or of several; where no config says
//! how large a sample is, it is the one that the model was published with.

use super::diffusion::{Patches, embedded, inputs, joint, modulation};
use super::part::{Part, attend_to, gated, layer_norm, linear, only_if, plain, table, vector};
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::Extent;

type Counted = Result<ModelCounts, EstimateError>;

/// Qwen-Image's and Wan's longest prompt.
const LONG_WORDS: u64 = 512;
/// AuraFlow's longest prompt, and tokens that only hold something.
const AURA_WORDS: u64 = 256;
const REGISTERS: u64 = 8;
/// Patches of an image of 1024 × 1024.
const IMAGE_PATCHES: u128 = 4096;
/// Patches of 81 frames of 832 × 480, four and eight by eight of which make a place of the latent.
const WAN_PATCHES: u128 = 21 * 30 * 52;
/// Frames that make one of the latent's, where the config leaves it out.
const FRAMES: u128 = 4;

/// Work of patches and words that go through the same weights.
fn both(part: &Part, words: Extent) -> Part {
    part.clone() + part.clone().shared().over(words)
}

/// Qwen-Image: FLUX's blocks of two streams alone, with one vector that is the time.
pub(super) fn qwen_image(config: &Config) -> Counted {
    let p = Patches::read(config)?;
    let (s, width, words) = (&p.shape, p.shape.width, Extent::Fixed(LONG_WORDS));
    if config.flag(&["zero_cond_t"])? {
        return Err(config.bad("zero_cond_t", &true, "`false`"));
    }
    let stream = inputs(width) + linear(width, width, true) + plain(width, 4 * width, true);
    let block = 2 * modulation(width, 6)
        + stream.clone()
        + stream.over(words)
        + vector(4 * s.head_dim)
        + joint(width, LONG_WORDS);
    let text = config.known(&["joint_attention_dim"])?;
    let around = embedded(256, width)
        + only_if(config.flag(&["use_additional_t_cond"])?, table(2, width))
        + vector(text)
        + linear(text, width, true).over(words)
        + linear(p.channels, width, true)
        + modulation(width, 2)
        + p.output();
    p.counts(config, IMAGE_PATCHES, Some(LONG_WORDS), s.layers, &(around + s.layers * block))
}

/// `AuraFlow`: no biases, gated feed-forwards, learned positions; blocks of two streams, then of one.
pub(super) fn aura_flow(config: &Config) -> Counted {
    let p = Patches::with_layers(config, "num_mmdit_layers")?;
    let (width, held) = (p.shape.width, AURA_WORDS + REGISTERS);
    let words = Extent::Fixed(held);
    let joined = config.known(&["caption_projection_dim"])?;
    if joined != width {
        return Err(config.bad("caption_projection_dim", &joined, "heads × width of a head"));
    }
    let moved = |times: u128| linear(width, times * width, false).over(Extent::Fixed(1));
    let inner = (8 * width / 3).next_multiple_of(256);
    let stream = 4 * linear(width, width, false) + gated(width, inner, false);
    let double = 2 * moved(6) + stream.clone() + stream.clone().over(words) + joint(width, held);
    let single = moved(6) + both(&stream, words) + joint(width, held);
    let singles = config.some(&["num_single_dit_layers"])?;
    let patch = p.patch * p.patch;
    let around = linear(patch * p.channels, width, true)
        + table(config.known(&["pos_embed_max_size"])? + u128::from(REGISTERS), width)
        + linear(config.known(&["joint_attention_dim"])?, width, false).over(Extent::Fixed(AURA_WORDS))
        + embedded(256, width)
        + moved(2)
        + linear(width, patch * p.out_channels, false);
    let model = around + p.shape.layers * double + singles * single;
    let patches = p.of_sample(config)?;
    let p = p.deeper(singles);
    p.counts(config, patches, Some(AURA_WORDS), p.shape.layers, &model)
}

/// Wan, from text to video: one table of shifts for all blocks, attention to the video and then to the text.
pub(super) fn wan(config: &Config) -> Counted {
    for key in ["image_dim", "added_kv_proj_dim"] {
        if let Some(there) = config.maybe(&[key])? {
            return Err(config.bad(key, &there, "null: models that start from an image are not counted"));
        }
    }
    let volume = match config.list(&["patch_size"])? {
        Some(sides) if sides.len() == 3 => sides.into_iter().map(u128::from).product(),
        other => return Err(config.bad("patch_size", &format!("{other:?}"), "frames, height and width")),
    };
    let p = Patches::of_volume(config, volume)?;
    let (s, width, words) = (&p.shape, p.shape.width, Extent::Fixed(LONG_WORDS));
    let crossed = linear(width, width, true)
        + 2 * linear(width, width, true).over(words)
        + attend_to(words, 2 * width)
        + linear(width, width, true);
    let block = s.attention(super::shape::Bias::All, crate::pass::Reach::Every)
        + crossed
        + 4 * vector(width)
        + only_if(config.flag(&["cross_attn_norm"])?, layer_norm(width))
        + plain(width, config.known(&["ffn_dim"])?, true)
        + vector(6 * width);
    let text = linear(config.known(&["text_dim"])?, width, true) + linear(width, width, true);
    let around = embedded(config.known(&["freq_dim"])?, width)
        + modulation(width, 6)
        + text.over(words)
        + linear(volume * p.channels, width, true)
        + vector(2 * width)
        + linear(width, volume * p.out_channels, true);
    p.counts(config, WAN_PATCHES, Some(LONG_WORDS), 2 * s.layers, &(around + s.layers * block))
}

/// `CogVideoX`: text and video in one stream, each with shifts of its own.
pub(super) fn cog_video_x(config: &Config) -> Counted {
    let p = Patches::read(config)?;
    let (s, width) = (&p.shape, p.shape.width);
    let words = u64::try_from(config.known(&["max_text_seq_length"])?).unwrap_or(u64::MAX);
    let text = Extent::Fixed(words);
    let deep = config.maybe(&["patch_size_t"])?;
    let volume = p.patch * p.patch * deep.unwrap_or(1);
    let time = config.known(&["time_embed_dim"])?;
    let moved = |times: u128| linear(time, times * width, true).over(Extent::Fixed(1));
    let affine = only_if(config.flag(&["norm_elementwise_affine"])?, layer_norm(width));
    let bias = config.flag(&["attention_bias"])?;
    let through = 3 * linear(width, width, bias) + linear(width, width, true) + plain(width, 4 * width, true);
    let block = 2 * moved(6) + 2 * affine.clone() + both(&through, text) + vector(4 * s.head_dim) + joint(width, words);
    let offset = config.maybe(&["ofs_embed_dim"])?.map_or_else(Part::default, |dim| embedded(dim, dim));
    let around = linear(volume * p.channels, width, deep.is_some() || config.flag(&["patch_bias"])?)
        + linear(config.known(&["text_embed_dim"])?, width, true).over(text)
        + embedded(width, time)
        + offset
        + 2 * affine
        + moved(2)
        + linear(width, volume * p.out_channels, true);
    let frames =
        (config.known(&["sample_frames"])? - 1) / config.maybe(&["temporal_compression_ratio"])?.unwrap_or(FRAMES) + 1;
    let sides = (config.known(&["sample_height"])? / p.patch) * (config.known(&["sample_width"])? / p.patch);
    let patches = frames.div_ceil(deep.unwrap_or(1)) * sides;
    if patches == 0 {
        return Err(config.bad("patch_size", &p.patch, "at most `sample_height` and `sample_width`"));
    }
    p.counts(config, patches, Some(words), s.layers, &(around + s.layers * block))
}
