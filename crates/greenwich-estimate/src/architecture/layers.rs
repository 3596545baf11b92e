//! A net by the list of its layers, where no config is known of it: convolutional nets above all.
//!
//! In: a [`LayerList`]: what a sample is, and its layers in order. Out: its counts, each layer's shape reckoned from the one
//! before. What cannot be is refused with the layer that it is about.

use super::part::{Part, attend, attend_to, conv, gated, linear, plain, table, vector};
use super::sample::Sample;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::pass::{Extent, Reach};

/// No channel count, kernel or number of places is above this, so that a product of them fits 128 bits.
const LARGEST: u128 = 1 << 40;
/// Layers that are gone through one by one, repeats with a change of shape counted again.
const MOST_LAYERS: u64 = 100_000;

/// A net.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerList {
    /// What it is called.
    pub name: String,
    /// Channels of a sample; none where it is a list of indices, such as words.
    pub channels: Option<u64>,
    /// Places of a sample: `[224, 224]` of an image, `[512]` of a text.
    pub places: Vec<u64>,
    /// What it goes through.
    pub layers: Vec<Layer>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// How messages call it.
    pub label: String,
    /// So many of them, one after the other.
    pub repeat: u64,
    /// What it does.
    pub kind: Kind,
}

/// One number for every dimension, or one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// The same along every dimension.
    All(u64),
    /// One a dimension.
    Each(Vec<u64>),
}

/// How much is put around a sample before a kernel goes over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Padding {
    /// So many places on either side.
    Sides(Sizes),
    /// As much as keeps the places, over the stride.
    Same,
}

/// A kernel and how it goes over the places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Places that it covers.
    pub kernel: Sizes,
    /// Places from one to the next.
    pub stride: Sizes,
    /// Places around the sample.
    pub padding: Padding,
    /// Places from one of its own to the next.
    pub dilation: Sizes,
    /// Whether one that hangs over the end counts too.
    pub ceil: bool,
}

/// A convolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    /// Dimensions that it goes over, 1 to 3.
    pub dimensions: usize,
    /// Channels that must reach it, where that is to be held.
    pub inputs: Option<u64>,
    /// Channels that it makes.
    pub outputs: u64,
    /// Groups of channels that do not see each other; none where each channel is one.
    pub groups: Option<u64>,
    /// Whether it has a bias.
    pub bias: bool,
    /// Its kernel.
    pub window: Window,
    /// Whether it goes back, from few places to many: places added at the end.
    pub transposed: Option<Sizes>,
}

/// Attention over all places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attending {
    /// Query heads.
    pub heads: u64,
    /// Key and value heads; as many unless said otherwise.
    pub kv_heads: Option<u64>,
    /// Width of a head; channels over heads unless said otherwise.
    pub head_dim: Option<u64>,
    /// Whether the projections have a bias.
    pub bias: bool,
    /// Whether a place sees those before it only.
    pub causal: bool,
    /// Places and width of another sequence whose keys and values it takes.
    pub context: Option<(u64, u64)>,
}

/// A block of attention and feed-forward, each behind a norm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its attention to its own places.
    pub attention: Attending,
    /// Places and width of another sequence, to which a second attention goes.
    pub context: Option<(u64, u64)>,
    /// Width of the feed-forward; four times the channels unless said otherwise.
    pub inner: Option<u64>,
    /// Whether the feed-forward has a gate.
    pub gated: bool,
    /// Weights of a norm per channel: 2 with a bias, 1 without.
    pub norm: u64,
}

/// How two branches become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// They are added: both must have one shape.
    Add,
    /// Their channels stand beside each other: both must have the same places.
    Beside,
    /// The first is multiplied with the second, which may have one place only.
    Multiply,
}

/// What a layer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A convolution.
    Convolution(Convolution),
    /// The largest or the mean of each window.
    Pool(Window),
    /// The mean or largest of as many parts: `[1, 1]` of the whole image.
    PoolTo(Vec<u64>),
    /// So many places for each.
    Upsample(Sizes),
    /// All places become channels of one.
    Flatten,
    /// A matrix that each place is multiplied with.
    Linear {
        /// Channels that must reach it, where that is to be held.
        inputs: Option<u64>,
        /// Channels that it makes.
        outputs: u64,
        /// Whether it has a bias.
        bias: bool,
    },
    /// So many weights for each channel: a norm, a scale.
    PerChannel(u64),
    /// A table of which each index looks up a row.
    Embedding {
        /// Rows.
        rows: u64,
        /// Channels of a row.
        width: u64,
    },
    /// A learned vector for each place.
    Positions,
    /// Learned places before the others, which then stand in one line.
    Tokens(u64),
    /// Attention.
    Attention(Attending),
    /// A block of a transformer.
    Block(Block),
    /// Nothing that has weights or changes the shape: an activation, dropout.
    Nothing,
    /// Layers one after the other.
    Sequence(Vec<Layer>),
    /// Two branches from one beginning.
    Join {
        /// How they end.
        joining: Joining,
        /// The one.
        layers: Vec<Layer>,
        /// The other; without layers what goes in comes out.
        beside: Vec<Layer>,
    },
}

impl LayerList {
    /// Counts the net.
    ///
    /// ```
    /// use greenwich_estimate::architecture::layers::{Kind, Layer, LayerList};
    /// let head = Kind::Linear { inputs: None, outputs: 10, bias: true };
    /// let layers = vec![Layer { label: "head".to_owned(), repeat: 1, kind: head }];
    /// let net = LayerList { name: "linear".to_owned(), channels: Some(784), places: Vec::new(), layers };
    /// assert_eq!(net.count()?.params_total, 7_850);
    /// # Ok::<(), greenwich_estimate::EstimateError>(())
    /// ```
    ///
    /// # Errors
    /// [`EstimateError::BadLayer`], which names the layer.
    pub fn count(&self) -> Result<ModelCounts, EstimateError> {
        let mut walk = Walk { depth: 0, attentions: 0, visited: 0, tokens: None };
        let places = self.places.iter().copied().map(u128::from).collect();
        let start = Shape { channels: self.channels.map(u128::from), places };
        let nowhere = |problem: &str, mend: &str| refuse(&format!("the net `{}`", self.name), problem, mend);
        if !start.is_sound() {
            return Err(nowhere(&format!("a sample of {start} cannot be"), "check `channels` and `places`"));
        }
        let (_, model) = walk.all(&self.layers, start)?;
        let Some(tokens) = walk.tokens else {
            return Err(nowhere("nothing in it multiplies", "add its convolutions, linear layers or attentions"));
        };
        let said =
            format!("one sample is {tokens} tokens, the places after its first layer; `model.samples` counts samples");
        let sample = Sample { model_type: &self.name, tokens, depth: walk.depth, attentions: walk.attentions, said };
        sample.counts(&model).ok_or_else(|| nowhere("it has 2^64 parameters", "make it smaller"))
    }
}

/// What leaves a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    channels: Option<u128>,
    places: Vec<u128>,
}

impl Shape {
    fn count(&self) -> u128 {
        self.places.iter().copied().fold(1, u128::saturating_mul)
    }
    fn is_sound(&self) -> bool {
        let sound = |size: &u128| (1..=LARGEST).contains(size);
        self.channels.iter().chain(&self.places).all(sound) && self.places.len() <= 3 && self.count() <= LARGEST
    }
    fn extent(&self) -> Extent {
        Extent::Fixed(u64::try_from(self.count()).unwrap_or(u64::MAX))
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places: Vec<String> = self.places.iter().map(u128::to_string).collect();
        match (self.channels, places.is_empty()) {
            (Some(channels), true) => write!(f, "{channels} channels"),
            (Some(channels), false) => write!(f, "{channels} channels × {} places", places.join(" × ")),
            (None, _) => write!(f, "{} indices", places.join(" × ")),
        }
    }
}

fn refuse(layer: &str, problem: &str, mend: &str) -> EstimateError {
    EstimateError::BadLayer { layer: layer.to_owned(), problem: problem.to_owned(), mend: mend.to_owned() }
}

type Walked = Result<(Shape, Part), EstimateError>;

/// What is known on the way through the layers.
struct Walk {
    depth: u128,
    attentions: u128,
    visited: u64,
    /// Places after the first layer that multiplies or looks up.
    tokens: Option<u128>,
}

impl Walk {
    fn all(&mut self, layers: &[Layer], start: Shape) -> Walked {
        let mut shape = start;
        let mut sum = Part::default();
        for layer in layers {
            let (next, part) = self.repeated(layer, shape)?;
            (shape, sum) = (next, sum + part);
        }
        Ok((shape, sum))
    }

    fn repeated(&mut self, layer: &Layer, start: Shape) -> Walked {
        let (mut shape, mut sum) = (start, Part::default());
        let mut left = layer.repeat;
        while left > 0 {
            let before = (self.depth, self.attentions);
            let (next, part) = self.one(layer, &shape)?;
            // Those that change nothing are alike: the rest of them are counted at once.
            let alike = if next == shape { left } else { 1 };
            self.depth += (self.depth - before.0) * u128::from(alike - 1);
            self.attentions += (self.attentions - before.1) * u128::from(alike - 1);
            left -= alike;
            (shape, sum) = (next, sum + u128::from(alike) * part);
        }
        Ok((shape, sum))
    }

    fn one(&mut self, layer: &Layer, shape: &Shape) -> Walked {
        self.visited += 1;
        if self.visited > MOST_LAYERS {
            let most = format!("more than {MOST_LAYERS} layers");
            return Err(refuse(&layer.label, &most, "repeat less, or give `[model] params = …` instead"));
        }
        let here = Here { layer, shape };
        let (next, part) = match &layer.kind {
            Kind::Convolution(conv) => here.convolution(conv)?,
            Kind::Pool(window) => (here.windowed(window)?, Part::default()),
            Kind::PoolTo(places) => (here.pooled_to(places)?, Part::default()),
            Kind::Upsample(factor) => (here.upsampled(factor)?, Part::default()),
            Kind::Flatten => {
                let channels = here.channels()?.saturating_mul(shape.count());
                (Shape { channels: Some(channels), places: Vec::new() }, Part::default())
            }
            Kind::Linear { inputs, outputs, bias } => here.linear(*inputs, *outputs, *bias)?,
            Kind::PerChannel(weights) => (shape.clone(), vector(here.channels()? * u128::from(*weights))),
            Kind::Embedding { rows, width } => here.embedding(*rows, *width)?,
            Kind::Positions => (shape.clone(), table(shape.count(), here.channels()?)),
            Kind::Tokens(number) => {
                let number = u128::from(*number);
                let places = vec![shape.count() + number];
                (Shape { places, ..shape.clone() }, table(number, here.channels()?))
            }
            Kind::Attention(attending) => (shape.clone(), here.attention(attending, attending.context)?),
            Kind::Block(block) => (shape.clone(), here.block(block)?),
            Kind::Nothing => (shape.clone(), Part::default()),
            Kind::Sequence(layers) => self.all(layers, shape.clone())?,
            Kind::Join { joining, layers, beside } => {
                let (one, first) = self.all(layers, shape.clone())?;
                let (other, second) = self.all(beside, shape.clone())?;
                (here.joined(*joining, &one, &other)?, first + second)
            }
        };
        if !next.is_sound() {
            return Err(refuse(&layer.label, &format!("{next} leave it"), "check the sizes: none may be so large"));
        }
        self.note(&layer.kind, &next);
        Ok((next, part))
    }

    fn note(&mut self, kind: &Kind, next: &Shape) {
        let attends = match kind {
            Kind::Attention(_) => 1,
            Kind::Block(block) => 1 + u128::from(block.context.is_some()),
            _ => 0,
        };
        self.attentions += attends;
        self.depth += u128::from(attends > 0 || matches!(kind, Kind::Convolution(_) | Kind::Linear { .. }));
        if attends > 0 || matches!(kind, Kind::Convolution(_) | Kind::Linear { .. } | Kind::Embedding { .. }) {
            self.tokens.get_or_insert(next.count());
        }
    }
}

/// A layer and what reaches it.
struct Here<'a> {
    layer: &'a Layer,
    shape: &'a Shape,
}

impl Here<'_> {
    fn refuse(&self, problem: &str, mend: &str) -> EstimateError {
        refuse(&self.layer.label, problem, mend)
    }

    /// Channels that reach it.
    fn channels(&self) -> Result<u128, EstimateError> {
        let indices = || format!("{} reach it, which have no channels", self.shape);
        self.shape.channels.ok_or_else(|| self.refuse(&indices(), "put an `embedding` before it"))
    }

    fn held_channels(&self, said: Option<u64>) -> Result<u128, EstimateError> {
        let found = self.channels()?;
        match said.map(u128::from) {
            Some(said) if said != found => {
                let problem = format!("it takes {said} channels, {found} reach it");
                Err(self.refuse(&problem, "correct `in`, or the layer before it"))
            }
            _ => Ok(found),
        }
    }

    /// A size that is there and not beyond reason.
    fn size(&self, size: u64, key: &str) -> Result<u128, EstimateError> {
        let size = u128::from(size);
        let sound = (1..=LARGEST).contains(&size);
        sound.then_some(size).ok_or_else(|| self.refuse(&format!("`{key}` is {size}"), "give a size above 0"))
    }

    /// One number for each dimension of the places.
    fn each(&self, sizes: &Sizes, key: &str, least: u64) -> Result<Vec<u128>, EstimateError> {
        let dimensions = self.shape.places.len();
        let each = match sizes {
            Sizes::All(size) => vec![*size; dimensions],
            Sizes::Each(each) if each.len() == dimensions => each.clone(),
            Sizes::Each(each) => {
                let problem = format!("`{key}` has {} numbers, {} reach it", each.len(), self.shape);
                return Err(self.refuse(&problem, &format!("give `{key}` one number, or {dimensions}")));
            }
        };
        each.into_iter().map(|size| if size == 0 && least == 0 { Ok(0) } else { self.size(size, key) }).collect()
    }

    /// What a kernel leaves of the places.
    fn windowed(&self, window: &Window) -> Result<Shape, EstimateError> {
        let [kernel, stride, dilation] = self.sizes_of(window)?;
        let padding = self.sides(window)?;
        let mut places = Vec::new();
        for (at, size) in self.shape.places.iter().enumerate() {
            let Some(padding) = &padding else {
                places.push(size.div_ceil(stride[at]));
                continue;
            };
            let (covered, there) = (dilation[at] * (kernel[at] - 1) + 1, size + 2 * padding[at]);
            if covered > there {
                let problem = format!("its kernel covers {covered} places, {there} reach it with their padding");
                return Err(self.refuse(&problem, "take a smaller `kernel`, more `padding` or a larger sample"));
            }
            let steps = if window.ceil {
                let steps = (there - covered).div_ceil(stride[at]);
                // The last window must begin inside the sample.
                steps - u128::from(steps * stride[at] >= size + padding[at])
            } else {
                (there - covered) / stride[at]
            };
            places.push(steps + 1);
        }
        Ok(Shape { places, ..self.shape.clone() })
    }

    fn sizes_of(&self, window: &Window) -> Result<[Vec<u128>; 3], EstimateError> {
        Ok([
            self.each(&window.kernel, "kernel", 1)?,
            self.each(&window.stride, "stride", 1)?,
            self.each(&window.dilation, "dilation", 1)?,
        ])
    }

    fn sides(&self, window: &Window) -> Result<Option<Vec<u128>>, EstimateError> {
        match &window.padding {
            Padding::Sides(sides) => Ok(Some(self.each(sides, "padding", 0)?)),
            Padding::Same => Ok(None),
        }
    }

    fn convolution(&self, conv_of: &Convolution) -> Walked {
        let inputs = self.held_channels(conv_of.inputs)?;
        let there = self.shape.places.len();
        if there != conv_of.dimensions {
            let problem = format!("{} reach it, places of {there} dimensions", self.shape);
            let mend = match there {
                0 => "take the `flatten` or `pool` before it away".to_owned(),
                _ => format!("write kind = \"conv{there}d\""),
            };
            return Err(self.refuse(&problem, &mend));
        }
        let (outputs, groups) = (self.size(conv_of.outputs, "out")?, conv_of.groups.map_or(inputs, u128::from));
        if !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            let problem =
                format!("its {groups} groups do not divide both its {inputs} channels in and its {outputs} out");
            return Err(self.refuse(&problem, "give `groups` a divisor of both"));
        }
        let kernel = self.each(&conv_of.window.kernel, "kernel", 1)?.into_iter().fold(1, u128::saturating_mul);
        if kernel > LARGEST {
            return Err(self.refuse(&format!("its kernel covers {kernel} places"), "take a smaller `kernel`"));
        }
        let places = match &conv_of.transposed {
            None => self.windowed(&conv_of.window)?.places,
            Some(added) => self.widened(&conv_of.window, added)?,
        };
        let next = Shape { channels: Some(outputs), places };
        // A transposed kernel is laid down at each place that comes in.
        let multiplied = if conv_of.transposed.is_some() { self.shape.extent() } else { next.extent() };
        let part = conv(inputs / groups, outputs, kernel, conv_of.bias).over(multiplied);
        Ok((next, part.fed_by(self.shape.extent(), inputs)))
    }

    /// Places after a kernel that goes back.
    fn widened(&self, window: &Window, added: &Sizes) -> Result<Vec<u128>, EstimateError> {
        let [kernel, stride, dilation] = self.sizes_of(window)?;
        let added = self.each(added, "output_padding", 0)?;
        let Some(padding) = self.sides(window)? else {
            return Err(self.refuse("`padding` is \"same\"", "give a transposed convolution a number"));
        };
        let one = |(at, size): (usize, &u128)| {
            let grown = (size - 1) * stride[at] + dilation[at] * (kernel[at] - 1) + added[at] + 1;
            grown.checked_sub(2 * padding[at]).filter(|places| *places > 0)
        };
        let places: Option<Vec<u128>> = self.shape.places.iter().enumerate().map(one).collect();
        places.ok_or_else(|| self.refuse("its padding leaves no place", "take less `padding`"))
    }

    fn pooled_to(&self, places: &[u64]) -> Result<Shape, EstimateError> {
        if places.len() != self.shape.places.len() {
            let problem = format!("`to` has {} numbers, {} reach it", places.len(), self.shape);
            return Err(self.refuse(&problem, "give `to` one number for each dimension"));
        }
        Ok(Shape { places: places.iter().copied().map(u128::from).collect(), ..self.shape.clone() })
    }

    fn upsampled(&self, factor: &Sizes) -> Result<Shape, EstimateError> {
        let factors = self.each(factor, "factor", 1)?;
        let places = self.shape.places.iter().zip(factors).map(|(size, factor)| size * factor).collect();
        Ok(Shape { places, ..self.shape.clone() })
    }

    fn linear(&self, inputs: Option<u64>, outputs: u64, bias: bool) -> Walked {
        let (inputs, outputs) = (self.held_channels(inputs)?, self.size(outputs, "out")?);
        let next = Shape { channels: Some(outputs), ..self.shape.clone() };
        Ok((next, linear(inputs, outputs, bias).over(self.shape.extent())))
    }

    fn embedding(&self, rows: u64, width: u64) -> Walked {
        if self.shape.channels.is_some() {
            let problem = format!("{} reach it, it looks up indices", self.shape);
            return Err(self.refuse(&problem, "leave `channels` of the sample out, or take a `linear` instead"));
        }
        let next = Shape { channels: Some(u128::from(width)), ..self.shape.clone() };
        Ok((next, table(rows.into(), self.size(width, "width")?)))
    }

    fn attention(&self, attending: &Attending, context: Option<(u64, u64)>) -> Result<Part, EstimateError> {
        let width = self.channels()?;
        let heads = self.size(attending.heads, "heads")?;
        let kv_heads = attending.kv_heads.map_or(heads, u128::from);
        if !heads.is_multiple_of(kv_heads) {
            let problem = format!("{heads} heads share {kv_heads} of keys");
            return Err(self.refuse(&problem, "give `kv_heads` a divisor of `heads`"));
        }
        let head_dim = match attending.head_dim {
            Some(given) => self.size(given, "head_dim")?,
            None if width.is_multiple_of(heads) => width / heads,
            None => {
                let problem = format!("{width} channels are not shared out evenly over {heads} heads");
                return Err(self.refuse(&problem, "give `heads` a divisor of the channels, or `head_dim`"));
            }
        };
        let (own, bias) = (self.shape.extent(), attending.bias);
        let (queries, keys) = (heads * head_dim, kv_heads * head_dim);
        let (seen, seen_width) = match context {
            Some((places, width)) => (Extent::Fixed(places), self.size(width, "context_width")?),
            None => (own, width),
        };
        let scores = match (context.is_some(), attending.causal) {
            (false, true) => attend(2 * queries, Reach::Before),
            _ => attend_to(seen, 2 * queries),
        };
        Ok(linear(width, queries, bias).over(own)
            + 2 * linear(seen_width, keys, bias).over(seen)
            + scores.over(own)
            + linear(queries, width, bias).over(own))
    }

    fn block(&self, block: &Block) -> Result<Part, EstimateError> {
        let width = self.channels()?;
        let inner = block.inner.map_or(Ok(4 * width), |inner| self.size(inner, "inner"))?;
        let bias = block.attention.bias;
        let feed_forward = if block.gated { gated(width, inner, bias) } else { plain(width, inner, bias) };
        let norm = vector(width * u128::from(block.norm));
        let mut sum =
            2 * norm.clone() + self.attention(&block.attention, None)? + feed_forward.over(self.shape.extent());
        if block.context.is_some() {
            sum = sum + norm + self.attention(&block.attention, block.context)?;
        }
        Ok(sum)
    }

    fn joined(&self, joining: Joining, one: &Shape, other: &Shape) -> Result<Shape, EstimateError> {
        let differ = |words: &str, mend: &str| {
            Err(self.refuse(&format!("{words}: {one} leave `layers`, {other} leave `beside`"), mend))
        };
        match joining {
            Joining::Add if one == other => Ok(one.clone()),
            Joining::Add => {
                differ("what differs cannot be added", "give `beside` a convolution that brings it to one shape")
            }
            Joining::Beside if one.places == other.places => {
                let sum = one.channels.zip(other.channels).map(|(one, other)| one + other);
                Ok(Shape { channels: sum, places: one.places.clone() })
            }
            Joining::Beside => differ("they cannot stand beside each other", "pool or upsample one of them"),
            Joining::Multiply if one.channels == other.channels && (one.places == other.places || one.count() == 1) => {
                Ok(other.clone())
            }
            Joining::Multiply => {
                differ("they cannot be multiplied", "let `layers` end in as many channels, at one place or at all")
            }
        }
    }
}
