//! The layer list, `greenwich.layers/1`, TOML or JSON: a net of which there is no config.
//!
//! In: bytes and the file's name. Out: the list as the estimator counts it, each layer with the name that messages call it by.

use crate::document::{DocumentError, Table, read};
use greenwich_estimate::architecture::layers::{
    Attending, Block, Convolution, Joining, Kind, Layer, LayerList, Padding, Sizes, Window,
};
use greenwich_facts::nearest;
use std::path::Path;

/// The schema that this reader understands.
pub const SCHEMA: &str = "greenwich.layers/1";

/// No size is above this.
const LARGEST: f64 = 1e9;

/// What a kind of layer is read by.
type Read = fn(&Table) -> Result<Kind, DocumentError>;

/// Every kind of layer.
const KINDS: &[(&str, Read)] = &[
    ("activation", |_| Ok(Kind::Nothing)),
    ("add", |table| join(table, Joining::Add)),
    ("attention", |table| Ok(Kind::Attention(attending(table, context(table)?)?))),
    ("concat", |table| join(table, Joining::Beside)),
    ("conv1d", |table| convolution(table, 1)),
    ("conv2d", |table| convolution(table, 2)),
    ("conv3d", |table| convolution(table, 3)),
    ("dropout", |_| Ok(Kind::Nothing)),
    ("embedding", embedding),
    ("flatten", |_| Ok(Kind::Flatten)),
    ("linear", linear),
    ("multiply", |table| join(table, Joining::Multiply)),
    ("norm", |table| Ok(Kind::PerChannel(per_channel(table, "bias")?))),
    ("pool", pool),
    ("positions", |_| Ok(Kind::Positions)),
    ("scale", |_| Ok(Kind::PerChannel(1))),
    ("sequence", |table| Ok(Kind::Sequence(layers(table, "layers")?))),
    ("tokens", |table| Ok(Kind::Tokens(need(table, "add", "1")?))),
    ("transformer", transformer),
    ("upsample", |table| Ok(Kind::Upsample(sizes(table, "factor")?.unwrap_or(Sizes::All(2))))),
];

/// Whether a file is a layer list rather than a model's config: TOML always, JSON by its schema.
pub(crate) fn is_one(path: &Path, text: &str) -> bool {
    let toml = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
    toml || text.contains("\"greenwich.layers/")
}

/// Reads a layer list.
///
/// # Errors
/// [`DocumentError`] with file, line, key, what was found, what is allowed and the mend.
pub fn parse(file: &str, bytes: &[u8]) -> Result<LayerList, DocumentError> {
    let root = read(file, bytes)?;
    root.hold_to_schema(SCHEMA)?;
    let name = root.text("name", "resnet50")?.ok_or_else(|| root.missing("name", "write name = \"resnet50\""))?;
    let channels = size(&root, "channels")?;
    let places = match sizes(&root, "places")? {
        None => Vec::new(),
        Some(Sizes::All(size)) => vec![size],
        Some(Sizes::Each(sizes)) => sizes,
    };
    let layers = layers(&root, "layers")?;
    root.finish()?;
    if layers.is_empty() {
        return Err(root.missing("layers", "write [[layers]] with kind = \"conv2d\" and its keys below"));
    }
    Ok(LayerList { name, channels, places, layers })
}

fn layers(table: &Table, key: &str) -> Result<Vec<Layer>, DocumentError> {
    table.tables(key)?.iter().map(layer).collect::<Result<Vec<_>, _>>().map(|layers| layers.concat())
}

/// One layer; a convolution with `norm = true` is two.
fn layer(table: &Table) -> Result<Vec<Layer>, DocumentError> {
    let known = || KINDS.iter().map(|(kind, _)| *kind);
    let kind = table.text("kind", "conv2d")?.ok_or_else(|| table.missing("kind", "write kind = \"conv2d\""))?;
    let Some((_, read)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        let mend = match nearest(&kind, known()).first() {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "see docs/reference/layer-list.md".to_owned(),
        };
        let allowed = known().collect::<Vec<_>>().join(", ");
        return Err(table.place("kind").refuse(format!("\"{kind}\""), allowed, mend));
    };
    let repeat = table.whole("repeat", 1.0..=1e6, "times")?.map_or(1, |times| times as u64);
    let name = table.text("name", "stem")?;
    let at = table.place("kind");
    let line = at.line.map_or_else(|| at.key.trim_end_matches(".kind").to_owned(), |line| format!("line {line}"));
    let label = match name {
        Some(name) => format!("{line}: {kind} `{name}`"),
        None => format!("{line}: {kind}"),
    };
    let own = read(table)?;
    let normed = matches!(own, Kind::Convolution(_)) && table.flag("norm")?.unwrap_or(false);
    table.finish()?;
    let one = |kind: Kind, repeat: u64| Layer { label: label.clone(), repeat, kind };
    if normed {
        let both = vec![one(own, 1), one(Kind::PerChannel(2), 1)];
        return Ok(vec![one(Kind::Sequence(both), repeat)]);
    }
    Ok(vec![one(own, repeat)])
}

fn size(table: &Table, key: &str) -> Result<Option<u64>, DocumentError> {
    Ok(table.whole(key, 1.0..=LARGEST, "(a size)")?.map(|size| size as u64))
}

fn need(table: &Table, key: &str, example: &str) -> Result<u64, DocumentError> {
    size(table, key)?.ok_or_else(|| table.missing(key, format!("write {key} = {example}")))
}

/// One number, or a list of one a dimension.
fn sizes(table: &Table, key: &str) -> Result<Option<Sizes>, DocumentError> {
    let Some(written) = table.listed(key, "3, 3")? else { return Ok(None) };
    let whole = |text: &String| text.parse::<u64>().ok().filter(|size| *size as f64 <= LARGEST);
    let sizes: Option<Vec<u64>> = written.iter().map(whole).collect();
    match sizes.as_deref() {
        Some([size]) => Ok(Some(Sizes::All(*size))),
        Some(sizes) => Ok(Some(Sizes::Each(sizes.to_vec()))),
        None => Err(table.place(key).refuse(
            written.join(", "),
            "a whole number, or a list of one for each dimension",
            format!("write {key} = 3, or {key} = [3, 3]"),
        )),
    }
}

fn window(table: &Table, kernel: Sizes, stride: Sizes) -> Result<Window, DocumentError> {
    let same = table.listed("padding", "1")?.is_some_and(|words| words == ["same"]);
    let padding = if same { Padding::Same } else { Padding::Sides(sizes(table, "padding")?.unwrap_or(Sizes::All(0))) };
    let dilation = sizes(table, "dilation")?.unwrap_or(Sizes::All(1));
    Ok(Window { kernel, stride, padding, dilation, ceil: table.flag("ceil")?.unwrap_or(false) })
}

fn convolution(table: &Table, dimensions: usize) -> Result<Kind, DocumentError> {
    let kernel = sizes(table, "kernel")?.ok_or_else(|| table.missing("kernel", "write kernel = 3"))?;
    let stride = sizes(table, "stride")?.unwrap_or(Sizes::All(1));
    let every = table.listed("groups", "1")?.is_some_and(|words| words == ["channels"]);
    let groups = if every { None } else { Some(size(table, "groups")?.unwrap_or(1)) };
    let norm = table.flag("norm")?.unwrap_or(false);
    let added = sizes(table, "output_padding")?;
    let transposed = table.flag("transposed")?.unwrap_or(false) || added.is_some();
    Ok(Kind::Convolution(Convolution {
        dimensions,
        inputs: size(table, "in")?,
        outputs: need(table, "out", "64")?,
        groups,
        bias: table.flag("bias")?.unwrap_or(!norm),
        window: window(table, kernel, stride)?,
        transposed: transposed.then(|| added.unwrap_or(Sizes::All(0))),
    }))
}

fn pool(table: &Table) -> Result<Kind, DocumentError> {
    let to = sizes(table, "to")?;
    match (to, sizes(table, "kernel")?) {
        (Some(Sizes::All(size)), None) => Ok(Kind::PoolTo(vec![size])),
        (Some(Sizes::Each(sizes)), None) => Ok(Kind::PoolTo(sizes)),
        (None, Some(kernel)) => {
            let stride = sizes(table, "stride")?.unwrap_or_else(|| kernel.clone());
            Ok(Kind::Pool(window(table, kernel, stride)?))
        }
        (Some(_), Some(_)) => Err(table.place("to").refuse("`to` beside `kernel`", "one of them", "delete one")),
        (None, None) => Err(table.missing("kernel", "write kernel = 2, or to = [1, 1] for the whole sample")),
    }
}

fn linear(table: &Table) -> Result<Kind, DocumentError> {
    let outputs = need(table, "out", "1000")?;
    Ok(Kind::Linear { inputs: size(table, "in")?, outputs, bias: table.flag("bias")?.unwrap_or(true) })
}

fn embedding(table: &Table) -> Result<Kind, DocumentError> {
    Ok(Kind::Embedding { rows: need(table, "rows", "32000")?, width: need(table, "width", "768")? })
}

/// Weights of a norm: 2 a channel, or 1 without its bias.
fn per_channel(table: &Table, bias: &str) -> Result<u64, DocumentError> {
    let weights = table.flag("weights")?.unwrap_or(true);
    Ok(match (weights, table.flag(bias)?.unwrap_or(true)) {
        (true, true) => 2,
        (true, false) => 1,
        (false, _) => 0,
    })
}

fn context(table: &Table) -> Result<Option<(u64, u64)>, DocumentError> {
    match (size(table, "context_places")?, size(table, "context_width")?) {
        (Some(places), Some(width)) => Ok(Some((places, width))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(table.missing("context_width", "write context_width = 768 beside context_places")),
        (None, Some(_)) => Err(table.missing("context_places", "write context_places = 77 beside context_width")),
    }
}

fn attending(table: &Table, context: Option<(u64, u64)>) -> Result<Attending, DocumentError> {
    Ok(Attending {
        heads: need(table, "heads", "12")?,
        kv_heads: size(table, "kv_heads")?,
        head_dim: size(table, "head_dim")?,
        bias: table.flag("bias")?.unwrap_or(true),
        causal: table.flag("causal")?.unwrap_or(false),
        context,
    })
}

fn transformer(table: &Table) -> Result<Kind, DocumentError> {
    Ok(Kind::Block(Block {
        attention: attending(table, None)?,
        context: context(table)?,
        inner: size(table, "inner")?,
        gated: table.flag("gated")?.unwrap_or(false),
        norm: per_channel(table, "norm_bias")?,
    }))
}

fn join(table: &Table, joining: Joining) -> Result<Kind, DocumentError> {
    let (own, beside) = (layers(table, "layers")?, layers(table, "beside")?);
    if own.is_empty() {
        return Err(table.missing(
            "layers",
            "write layers = [{ kind = \"conv2d\", … }]; without `beside` the other branch is what comes in",
        ));
    }
    Ok(Kind::Join { joining, layers: own, beside })
}
