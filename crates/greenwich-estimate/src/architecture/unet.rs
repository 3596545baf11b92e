//! Nets that go down to few wide places and up again: the U-Nets of diffusion, and the autoencoder around them.
//!
//! In: a config of the diffusers library. Out: its counts. A token is a place of the latent (of the image, where there is no
//! latent), and a pass is one image. Blocks other than plain, self-attending and text-attending ones are refused.

use super::diffusion::{ONE, cross_attention, default_attention, embedded};
use super::part::{Part, attend_to, conv, gated, layer_norm, linear, only_if, table};
use super::sample::Sample;
use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::Extent;
use serde_json::Value;

type Counted = Result<ModelCounts, EstimateError>;

/// CLIP's text.
const WORDS: u64 = 77;
/// Levels that there may be; each halves the sides.
const MOST_LEVELS: usize = 16;
/// Blocks of a level that there may be.
const MOST_BLOCKS: u128 = 1024;

/// Height and width at a level.
#[derive(Debug, Clone, Copy)]
struct Area {
    height: u128,
    width: u128,
}

impl Area {
    fn read(config: &Config) -> Result<Self, EstimateError> {
        match config.list(&["sample_size"]) {
            Ok(Some(sides)) if sides.len() == 2 && !sides.contains(&0) => {
                Ok(Self { height: sides[0].into(), width: sides[1].into() })
            }
            Ok(Some(sides)) => Err(config.bad("sample_size", &format!("{sides:?}"), "a side, or height and width")),
            _ => config.need(&["sample_size"]).map(|side| Self { height: side, width: side }),
        }
    }
    fn half(self) -> Self {
        Self { height: self.height.div_ceil(2), width: self.width.div_ceil(2) }
    }
    fn count(self) -> u128 {
        self.height * self.width
    }
    fn places(self) -> Extent {
        Extent::Fixed(u64::try_from(self.count()).unwrap_or(u64::MAX))
    }
}

/// What all blocks of a net share.
struct Net<'a> {
    config: &'a Config,
    widths: Vec<u128>,
    /// Height and width at each level.
    areas: Vec<Area>,
    /// Width of the time step's vector, where there is one.
    time: Option<u128>,
    /// Whether it scales too, rather than shifts alone.
    scales: bool,
}

impl<'a> Net<'a> {
    fn read(config: &'a Config, time: Option<u128>) -> Result<Self, EstimateError> {
        let widths = config.list(&["block_out_channels"])?.unwrap_or_default();
        if widths.is_empty() || widths.len() > MOST_LEVELS || widths.contains(&0) {
            return Err(config.bad("block_out_channels", &format!("{widths:?}"), "a list of 1 to 16 numbers above 0"));
        }
        let mut areas = vec![Area::read(config)?];
        for level in 1..widths.len() {
            areas.push(areas[level - 1].half());
        }
        let scales = match config.text(&["resnet_time_scale_shift"])? {
            None | Some("default") => false,
            Some("scale_shift") => true,
            Some(other) => return Err(config.bad("resnet_time_scale_shift", &other, "`default` or `scale_shift`")),
        };
        Ok(Self { config, widths: widths.into_iter().map(u128::from).collect(), areas, time, scales })
    }
    fn levels(&self) -> usize {
        self.widths.len()
    }
    fn last(&self) -> usize {
        self.widths.len() - 1
    }
    /// Two convolutions, each behind a norm, around which goes what came in.
    fn residual(&self, inputs: u128, outputs: u128, area: Area) -> Part {
        let moved = if self.scales { 2 * outputs } else { outputs };
        let time = self.time.map_or_else(Part::default, |time| linear(time, moved, true).over(ONE));
        let convolutions = conv(inputs, outputs, 9, true) + conv(outputs, outputs, 9, true);
        let shortcut = only_if(inputs != outputs, conv(inputs, outputs, 1, true));
        layer_norm(inputs) + layer_norm(outputs) + (convolutions + shortcut).over(area.places()) + time
    }
    /// Attention of all places to each other.
    fn attention(width: u128, area: Area) -> Part {
        let all = 4 * linear(width, width, true) + attend_to(area.places(), 2 * width);
        layer_norm(width) + all.over(area.places())
    }
    /// The types of the blocks at each level, those of `known` alone.
    fn blocks(&self, key: &'static str, known: &[&'static str]) -> Result<Vec<&'static str>, EstimateError> {
        let types = self.config.words(&[key])?.unwrap_or_default();
        if types.len() != self.levels() {
            return Err(self.config.bad(key, &types.join(", "), "a block for each of `block_out_channels`"));
        }
        let find = |kind: &&str| known.iter().find(|known| *known == kind).copied();
        let unknown =
            |kind: &&str| self.config.bad(key, kind, "plain blocks, with attention or with attention to text");
        types.iter().map(|kind| find(kind).ok_or_else(|| unknown(kind))).collect()
    }
    /// A number for each level: one for all, or a list.
    fn each(&self, key: &'static str) -> Result<Vec<u128>, EstimateError> {
        match self.config.raw(key) {
            Some(Value::Array(_)) => {
                let list = self.config.list(&[key])?.unwrap_or_default();
                let wrong = list.len() != self.levels() || list.contains(&0);
                let bad = || self.config.bad(key, &format!("{list:?}"), "a number above 0 for each level");
                if wrong { Err(bad()) } else { Ok(list.into_iter().map(u128::from).collect()) }
            }
            _ => Ok(vec![self.config.known(&[key])?; self.levels()]),
        }
    }
    /// Blocks of each level.
    fn layers(&self) -> Result<Vec<u128>, EstimateError> {
        let layers = self.each("layers_per_block")?;
        match layers.iter().find(|layers| **layers > MOST_BLOCKS) {
            Some(many) => Err(self.config.bad("layers_per_block", many, "at most 1024")),
            None => Ok(layers),
        }
    }
    fn downsample(&self, level: usize) -> Part {
        let width = self.widths[level];
        conv(width, width, 9, true).over(self.areas[level + 1].places())
    }
    /// The counts, with a token for each of so many places.
    fn counts(&self, tokens: Area, (depth, attentions): (u128, u128), said: &str, model: &Part) -> Counted {
        let said = said.to_owned();
        let sample = Sample { model_type: self.config.model_type(), tokens: tokens.count(), depth, attentions, said };
        let too_many =
            || self.config.bad("block_out_channels", &format!("{:?}", self.widths), "smaller: 2^64 parameters");
        sample.counts(model).ok_or_else(too_many)
    }
}

/// How blocks look at places and text.
struct Sight {
    /// Heads at each level.
    heads: Vec<u128>,
    /// Width of the text at each level.
    text: Vec<u128>,
    /// Blocks of each transformer, by level and, inside it, by place.
    depths: Vec<Vec<u128>>,
    depths_up: Vec<Vec<u128>>,
    /// Whether the first attention goes to the text too.
    only_text: Vec<bool>,
}

impl Sight {
    fn read(net: &Net<'_>, layers: &[u128]) -> Result<Self, EstimateError> {
        let config = net.config;
        let down: Vec<usize> = layers.iter().map(|layers| *layers as usize).collect();
        let depths = nested(net, "transformer_layers_per_block", &down)?;
        let up: Vec<usize> = down.iter().rev().map(|layers| layers + 1).collect();
        let mirrored = |depths: &[Vec<u128>]| match config.raw("transformer_layers_per_block") {
            Some(Value::Array(list)) if list.iter().any(Value::is_array) => {
                Err(config.bad("reverse_transformer_layers_per_block", &"null", "a list for each level on the way up"))
            }
            _ => Ok(depths.iter().rev().zip(&up).map(|(level, layers)| vec![level[0]; *layers]).collect()),
        };
        let depths_up = match config.raw("reverse_transformer_layers_per_block") {
            None => mirrored(&depths)?,
            Some(_) => nested(net, "reverse_transformer_layers_per_block", &up)?,
        };
        let only_text = match config.raw("only_cross_attention") {
            Some(Value::Array(flags)) => flags.iter().map(|flag| flag.as_bool() == Some(true)).collect(),
            _ => vec![config.flag(&["only_cross_attention"])?; net.levels()],
        };
        if only_text.len() != net.levels() {
            return Err(config.bad("only_cross_attention", &only_text.len(), "true, false, or one of them a level"));
        }
        // A misnomer of the library's that every config lives with: it is the number of heads.
        let heads = net.each("attention_head_dim")?;
        Ok(Self { heads, text: net.each("cross_attention_dim")?, depths, depths_up, only_text })
    }
    /// A transformer over the places of a level.
    fn transformer(&self, net: &Net<'_>, level: usize, blocks: u128, mid: bool) -> Result<Part, EstimateError> {
        let (width, area) = (net.widths[level], net.areas[level]);
        if !width.is_multiple_of(self.heads[level]) {
            return Err(net.config.bad("attention_head_dim", &self.heads[level], "a divisor of the level's width"));
        }
        let text = || cross_attention(width, self.text[level], WORDS, false);
        let first = if self.only_text[level] && !mid {
            text()
        } else {
            3 * linear(width, width, false) + linear(width, width, true) + attend_to(Extent::Sequence, 2 * width)
        };
        let block = 3 * layer_norm(width) + first + text() + gated(width, 4 * width, true);
        let around = layer_norm(width) + 2 * linear(width, width, true);
        Ok((around + blocks * block).over(area.places()))
    }
}

/// Numbers by level and by place: one for all, one a level, or a list a level.
fn nested(net: &Net<'_>, key: &'static str, layers: &[usize]) -> Result<Vec<Vec<u128>>, EstimateError> {
    let bad = || net.config.bad(key, &"of another form", "a number, or one or a list of them for each level");
    let one = |value: &Value| value.as_u64().filter(|number| (1..1 << 20).contains(number)).map(u128::from);
    let level = |(value, layers): (&Value, &usize)| match value {
        Value::Array(list) if list.len() >= *layers => list.iter().map(one).collect::<Option<Vec<_>>>(),
        other => one(other).map(|number| vec![number; *layers]),
    };
    match net.config.raw(key) {
        Some(Value::Array(list)) if list.len() == layers.len() => {
            list.iter().zip(layers).map(level).collect::<Option<_>>().ok_or_else(bad)
        }
        Some(Value::Array(_)) => Err(bad()),
        _ => {
            let number = net.config.known(&[key])?;
            Ok(layers.iter().map(|layers| vec![number; *layers]).collect())
        }
    }
}

/// The vector of a time step, and what is added to it.
fn conditions(config: &Config, first: u128, width: u128) -> Result<Part, EstimateError> {
    if let Some(other) = config.text(&["time_embedding_type"])?.filter(|kind| *kind != "positional") {
        return Err(config.bad("time_embedding_type", &other, "`positional`"));
    }
    let projected = || config.known(&["projection_class_embeddings_input_dim"]);
    let classes = match (config.text(&["class_embed_type"])?, config.maybe(&["num_class_embeds"])?) {
        (None, Some(classes)) => table(classes, width),
        (None, None) | (Some("identity"), _) => Part::default(),
        (Some("timestep"), _) => embedded(first, width),
        (Some("projection"), _) => embedded(projected()?, width),
        (Some("simple_projection"), _) => linear(projected()?, width, true).over(ONE),
        (Some(other), _) => {
            let allowed = "`timestep`, `identity`, `projection`, `simple_projection` or null";
            return Err(config.bad("class_embed_type", &other, allowed));
        }
    };
    let added = match config.text(&["addition_embed_type"])? {
        None => Part::default(),
        Some("text_time") => embedded(projected()?, width),
        Some(other) => return Err(config.bad("addition_embed_type", &other, "`text_time` or null")),
    };
    // Guidance that is distilled into the net comes in here; others leave it out.
    let guided = config.maybe(&["time_cond_proj_dim"])?.map_or_else(Part::default, |dim| linear(dim, first, false));
    Ok(embedded(first, width) + classes + added + guided.resting())
}

const OF_LATENT: &str = "a token is a place of the sample that goes in; a pass is one image";
const OF_TEXT: &str = "a token is a place of the latent; a pass is one image, counted with 77 tokens of text beside it";

/// A U-Net that reads a text: Stable Diffusion 1, 2 and XL.
pub(super) fn unet_2d_condition(config: &Config) -> Counted {
    default_attention(config)?;
    for key in ["dual_cross_attention", "resnet_skip_time_act"] {
        if config.flag(&[key])? {
            return Err(config.bad(key, &true, "`false`"));
        }
    }
    let first = config.list(&["block_out_channels"])?.and_then(|widths| widths.first().copied()).unwrap_or(1);
    let first = u128::from(first);
    let time = config.maybe(&["time_embedding_dim"])?.unwrap_or(4 * first);
    let seen = if config.flag(&["class_embeddings_concat"])? { 2 * time } else { time };
    let net = Net::read(config, Some(seen))?;
    let down = net.blocks("down_block_types", &["DownBlock2D", "CrossAttnDownBlock2D"])?;
    let up = net.blocks("up_block_types", &["UpBlock2D", "CrossAttnUpBlock2D"])?;
    let layers = net.layers()?;
    let sight = Sight::read(&net, &layers)?;
    let last = net.last();
    let words = match (config.text(&["encoder_hid_dim_type"])?, config.maybe(&["encoder_hid_dim"])?) {
        (None | Some("text_proj"), Some(dim)) => linear(dim, sight.text[0], true).over(Extent::Fixed(WORDS)),
        (None, None) => Part::default(),
        (kind, _) => return Err(config.bad("encoder_hid_dim_type", &kind.unwrap_or("null"), "`text_proj` or null")),
    };
    let looks = |kind: &str| kind.starts_with("Cross");
    let mut walk = Ladder::new(&net);
    for level in 0..net.levels() {
        walk.down(level, layers[level], |at| {
            only_if_ok(looks(down[level]), || sight.transformer(&net, level, sight.depths[level][at], false))
        })?;
    }
    let middle = match config.text(&["mid_block_type"])? {
        None => Part::default(),
        Some("UNetMidBlock2D") => net.residual(net.widths[last], net.widths[last], net.areas[last]),
        Some("UNetMidBlock2DCrossAttn") => {
            walk.attentions += 2 * sight.depths[last][0];
            2 * net.residual(net.widths[last], net.widths[last], net.areas[last])
                + sight.transformer(&net, last, sight.depths[last][0], true)?
        }
        Some(other) => {
            return Err(config.bad("mid_block_type", &other, "`UNetMidBlock2DCrossAttn`, `UNetMidBlock2D` or null"));
        }
    };
    for (step, kind) in up.iter().enumerate() {
        let level = last - step;
        walk.up(level, layers[level] + 1, |at| {
            only_if_ok(looks(kind), || sight.transformer(&net, level, sight.depths_up[step][at], false))
        })?;
    }
    let normed = only_if(config.maybe(&["norm_num_groups"])?.is_some(), layer_norm(first));
    let model = conditions(config, first, time)? + words + walk.sum.clone() + middle + walk.ends(normed)?;
    net.counts(net.areas[0], walk.depth(), OF_TEXT, &model)
}

/// A part that may fail, if it is there.
fn only_if_ok(there: bool, part: impl FnOnce() -> Result<Part, EstimateError>) -> Result<Part, EstimateError> {
    if there { part() } else { Ok(Part::default()) }
}

/// The way down and up, with the widths that are set beside each other again.
struct Ladder<'n> {
    net: &'n Net<'n>,
    sum: Part,
    /// Widths that wait to be set beside what comes up.
    skipped: Vec<u128>,
    width: u128,
    blocks: u128,
    attentions: u128,
}

impl<'n> Ladder<'n> {
    fn new(net: &'n Net<'n>) -> Self {
        let first = net.widths[0];
        Self { net, sum: Part::default(), skipped: vec![first], width: first, blocks: 0, attentions: 0 }
    }
    fn down(
        &mut self,
        level: usize,
        layers: u128,
        mut beside: impl FnMut(usize) -> Result<Part, EstimateError>,
    ) -> Result<(), EstimateError> {
        let (width, area) = (self.net.widths[level], self.net.areas[level]);
        for at in 0..layers {
            self.add(self.net.residual(self.width, width, area), beside(at as usize)?);
            self.width = width;
            self.skipped.push(width);
        }
        if level < self.net.last() {
            self.sum = std::mem::take(&mut self.sum) + self.net.downsample(level);
            self.skipped.push(width);
        }
        Ok(())
    }
    fn up(
        &mut self,
        level: usize,
        layers: u128,
        mut beside: impl FnMut(usize) -> Result<Part, EstimateError>,
    ) -> Result<(), EstimateError> {
        let (width, area) = (self.net.widths[level], self.net.areas[level]);
        for at in 0..layers {
            let inputs = self.width + self.skipped.pop().unwrap_or(0);
            self.add(self.net.residual(inputs, width, area), beside(at as usize)?);
            self.width = width;
        }
        if level > 0 {
            let wider = conv(width, width, 9, true).over(self.net.areas[level - 1].places());
            self.sum = std::mem::take(&mut self.sum) + wider;
        }
        Ok(())
    }
    fn add(&mut self, block: Part, beside: Part) {
        self.blocks += 1;
        self.attentions += u128::from(beside.weights() > 0);
        self.sum = std::mem::take(&mut self.sum) + block + beside;
    }
    fn depth(&self) -> (u128, u128) {
        (self.blocks, self.attentions)
    }
    /// The first convolution, the last norm and the last convolution.
    fn ends(&self, norm: Part) -> Result<Part, EstimateError> {
        let (config, first) = (self.net.config, self.net.widths[0]);
        let kernel = |key: &'static str| Ok::<_, EstimateError>(config.maybe(&[key])?.unwrap_or(3));
        let (begin, end) = (kernel("conv_in_kernel")?, kernel("conv_out_kernel")?);
        let both = conv(config.known(&["in_channels"])?, first, begin * begin, true)
            + conv(first, config.known(&["out_channels"])?, end * end, true);
        Ok(norm + both.over(self.net.areas[0].places()))
    }
}

/// A U-Net without text: DDPM and the like.
pub(super) fn unet_2d(config: &Config) -> Counted {
    let first = config.list(&["block_out_channels"])?.and_then(|widths| widths.first().copied()).unwrap_or(1);
    let first = u128::from(first);
    let time = config.maybe(&["time_embedding_dim"])?.unwrap_or(4 * first);
    let net = Net::read(config, Some(time))?;
    for key in ["downsample_type", "upsample_type"] {
        if let Some(other) = config.text(&[key])?.filter(|kind| *kind != "conv") {
            return Err(config.bad(key, &other, "`conv`"));
        }
    }
    let down = net.blocks("down_block_types", &["DownBlock2D", "AttnDownBlock2D"])?;
    let up = net.blocks("up_block_types", &["UpBlock2D", "AttnUpBlock2D"])?;
    let (layers, last) = (net.layers()?, net.last());
    let attends = |kind: &str| kind.starts_with("Attn");
    let own = |level: usize| Net::attention(net.widths[level], net.areas[level]);
    let mut walk = Ladder::new(&net);
    for level in 0..net.levels() {
        walk.down(level, layers[level], |_| Ok(only_if(attends(down[level]), own(level))))?;
    }
    let mut middle = Part::default();
    if config.text(&["mid_block_type"])?.is_some() {
        let attention = config.maybe_flag(&["add_attention"])?.unwrap_or(true);
        let grouped = !net.scales || config.maybe(&["attn_norm_num_groups"])?.is_some();
        let mut seen = only_if(attention, own(last));
        seen.small -= if attention && !grouped { 2 * net.widths[last] } else { 0 };
        middle = 2 * net.residual(net.widths[last], net.widths[last], net.areas[last]) + seen;
    }
    for (step, kind) in up.iter().enumerate() {
        let level = last - step;
        walk.up(level, layers[level] + 1, |_| Ok(only_if(attends(kind), own(level))))?;
    }
    let model = conditions(config, first, time)? + walk.sum.clone() + middle + walk.ends(layer_norm(first))?;
    net.counts(net.areas[0], walk.depth(), OF_LATENT, &model)
}

/// The autoencoder of latent diffusion: an encoder and a decoder without a time step.
pub(super) fn autoencoder_kl(config: &Config) -> Counted {
    let mut net = Net::read(config, None)?;
    // The encoder puts its padding on one side only.
    for level in 1..net.levels() {
        let above = net.areas[level - 1];
        net.areas[level] = Area { height: (above.height / 2).max(1), width: (above.width / 2).max(1) };
    }
    net.blocks("down_block_types", &["DownEncoderBlock2D"])?;
    net.blocks("up_block_types", &["UpDecoderBlock2D"])?;
    let (layers, latent, last) =
        (config.known(&["layers_per_block"])?, config.known(&["latent_channels"])?, net.last());
    let (channels, out_channels) = (config.known(&["in_channels"])?, config.known(&["out_channels"])?);
    let (first, wide) = (net.widths[0], net.widths[last]);
    let (image, least) = (net.areas[0].places(), net.areas[last].places());
    let attention = config.maybe_flag(&["mid_block_add_attention"])?.unwrap_or(true);
    let middle =
        2 * net.residual(wide, wide, net.areas[last]) + only_if(attention, Net::attention(wide, net.areas[last]));
    let mut encoder = conv(channels, first, 9, true).over(image);
    let mut width = first;
    for level in 0..net.levels() {
        encoder = encoder
            + net.residual(width, net.widths[level], net.areas[level])
            + (layers - 1) * net.residual(net.widths[level], net.widths[level], net.areas[level]);
        width = net.widths[level];
        encoder = encoder + only_if_ok(level < last, || Ok(net.downsample(level)))?;
    }
    encoder = encoder + middle.clone() + layer_norm(wide) + conv(wide, 2 * latent, 9, true).over(least);
    let mut decoder = conv(latent, wide, 9, true).over(least) + middle;
    for level in (0..net.levels()).rev() {
        decoder = decoder
            + net.residual(width, net.widths[level], net.areas[level])
            + layers * net.residual(net.widths[level], net.widths[level], net.areas[level]);
        width = net.widths[level];
        if level > 0 {
            decoder = decoder + conv(width, width, 9, true).over(net.areas[level - 1].places());
        }
    }
    decoder = decoder + layer_norm(first) + conv(first, out_channels, 9, true).over(image);
    let quantised = only_if(
        config.maybe_flag(&["use_quant_conv"])?.unwrap_or(true),
        conv(2 * latent, 2 * latent, 1, true).over(least),
    ) + only_if(
        config.maybe_flag(&["use_post_quant_conv"])?.unwrap_or(true),
        conv(latent, latent, 1, true).over(least),
    );
    let depth = net.levels() as u128 * (2 * layers + 1) + 4;
    let said = "a token is a place of the latent; a pass encodes one image and decodes it again";
    net.counts(net.areas[last], (depth, 2 * u128::from(attention)), said, &(encoder + decoder + quantised))
}
