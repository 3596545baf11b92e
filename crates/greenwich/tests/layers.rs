//! Nets by the list of their layers against the library's own count: parameters and forward FLOPs to the digit.
//!
//! The lists are those of `examples/layers`; the table beside this is made by `scripts/dev/count_layers.py`.

use greenwich::layers_file::parse;
use greenwich::{Footprint, Greenwich, job_file};
use greenwich_estimate::ModelCounts;
use std::path::Path;

const COUNTS: &str = include_str!("layers.tsv");

fn example(name: &str) -> ModelCounts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../examples/layers/{name}.toml"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    counted(&format!("{name}.toml"), &bytes).expect("a net that we count")
}

fn counted(file: &str, bytes: &[u8]) -> Result<ModelCounts, String> {
    let list = parse(file, bytes).map_err(|error| told(&error))?;
    list.count().map_err(|error| told(&error))
}

fn told(error: &dyn miette::Diagnostic) -> String {
    let help = error.help().map_or_else(String::new, |help| help.to_string());
    format!("{error}\nhelp: {help}")
}

#[test]
fn parameters_and_forward_flops_of_every_example_are_the_librarys() {
    let mut nets = 0;
    for line in COUNTS.lines().skip(2) {
        let cells: Vec<&str> = line.split('\t').collect();
        let found = example(cells[0]);
        let (params, flops): (u64, f64) = (cells[1].parse().expect("a number"), cells[2].parse().expect("a number"));
        let tokens = found.sample_tokens().expect("a sample has one size");
        eprintln!(
            "{:<20} {:>11} parameters, {flops:.6e} FLOPs, {tokens} tokens an image",
            cells[0], found.params_total
        );
        assert_eq!((found.params_total, found.forward_flops(tokens).flops()), (params, flops), "{}", cells[0]);
        nets += 1;
    }
    assert_eq!(nets, 8);
}

fn small(layers: &str) -> String {
    let text = format!("schema = \"greenwich.layers/1\"\nname = \"net\"\nchannels = 3\nplaces = [8, 8]\n{layers}");
    counted("net.toml", text.as_bytes()).map_or_else(|told| told, |found| format!("{} parameters", found.params_total))
}

#[test]
fn what_cannot_be_names_the_layer_and_the_mend() {
    let wrong = [
        "layers = [\n{kind = \"conv2d\", out = 8, kernel = 3},\n{kind = \"conv2d\", name = \"second\", in = 16, out = 8, kernel = 3}]",
        "layers = [{kind = \"conv2d\", out = 8, kernel = 9}]",
        "layers = [{kind = \"conv1d\", out = 8, kernel = 3}]",
        "layers = [{kind = \"conv2d\", out = 8, kernel = 3, groups = 2}]",
        "layers = [{kind = \"conv2d\", out = 8, kernel = [3, 3, 3]}]",
        "layers = [{kind = \"embedding\", rows = 10, width = 8}]",
        "layers = [{kind = \"attention\", heads = 2}]",
        "layers = [{kind = \"add\", layers = [{kind = \"conv2d\", out = 8, kernel = 1}]}]",
        "layers = [{kind = \"concat\", layers = [{kind = \"pool\", kernel = 2}]}]",
        "layers = [{kind = \"norm\"}]",
        "layers = [{kind = \"upsample\", factor = 100000000}]",
    ];
    let all: Vec<String> = wrong.iter().map(|layers| small(layers)).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    line 7: conv2d `second`: it takes 16 channels, 8 reach it
    help: correct `in`, or the layer before it
    line 5: conv2d: its kernel covers 9 places, 8 reach it with their padding
    help: take a smaller `kernel`, more `padding` or a larger sample
    line 5: conv1d: 3 channels × 8 × 8 places reach it, places of 2 dimensions
    help: write kind = "conv2d"
    line 5: conv2d: its 2 groups do not divide both its 3 channels in and its 8 out
    help: give `groups` a divisor of both
    line 5: conv2d: `kernel` has 3 numbers, 3 channels × 8 × 8 places reach it
    help: give `kernel` one number, or 2
    line 5: embedding: 3 channels × 8 × 8 places reach it, it looks up indices
    help: leave `channels` of the sample out, or take a `linear` instead
    line 5: attention: 3 channels are not shared out evenly over 2 heads
    help: give `heads` a divisor of the channels, or `head_dim`
    line 5: add: what differs cannot be added: 8 channels × 8 × 8 places leave `layers`, 3 channels × 8 × 8 places leave `beside`
    help: give `beside` a convolution that brings it to one shape
    line 5: concat: they cannot stand beside each other: 3 channels × 4 × 4 places leave `layers`, 3 channels × 8 × 8 places leave `beside`
    help: pool or upsample one of them
    the net `net`: nothing in it multiplies
    help: add its convolutions, linear layers or attentions
    line 5: upsample: 3 channels × 800000000 × 800000000 places leave it
    help: check the sizes: none may be so large
    "#);
}

#[test]
fn keys_and_kinds_that_are_not_known_are_refused_with_the_nearest() {
    let wrong = [
        "",
        "layers = [{kind = \"conv2\", out = 8, kernel = 3}]",
        "layers = [{kind = \"conv2d\", out = 8, kernel = 3, strid = 2}]",
        "layers = [{kind = \"conv2d\", out = 8}]",
        "layers = [{out = 8}]",
        "layers = [{kind = \"conv2d\", out = 8, kernel = \"wide\"}]",
        "layers = [{kind = \"transformer\", heads = 3, context_places = 77}]",
    ];
    let all: Vec<String> = wrong.iter().map(|layers| small(layers)).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    net.toml: `layers`: missing
    help: write [[layers]] with kind = "conv2d" and its keys below
    net.toml:5: `layers.kind`: found "conv2", allowed is activation, add, attention, concat, conv1d, conv2d, conv3d, dropout, embedding, flatten, linear, multiply, norm, pool, positions, scale, sequence, tokens, transformer, upsample
    help: did you mean "conv2d"?
    net.toml:5: `layers.strid`: unknown key, allowed are kind, repeat, name, kernel, stride, groups, norm, output_padding, transposed, in, out, bias, padding, dilation, ceil
    help: did you mean `stride`?
    net.toml:5: `layers.kernel`: missing
    help: write kernel = 3
    net.toml:5: `layers.kind`: missing
    help: write kind = "conv2d"
    net.toml:5: `layers.kernel`: found wide, allowed is a whole number, or a list of one for each dimension
    help: write kernel = 3, or kernel = [3, 3]
    net.toml:5: `layers.context_width`: missing
    help: write context_width = 768 beside context_places
    "#);
    let json = r#"{"schema": "greenwich.layers/1", "name": "net", "channels": 3,
        "layers": [{"kind": "linear", "out": 8}, {"kind": "linear", "out": 8, "biass": true}]}"#;
    insta::assert_snapshot!(counted("net.json", json.as_bytes()).expect_err("a key that does not exist"), @r"
    net.json: `layers[2].biass`: unknown key, allowed are kind, repeat, name, out, in, bias
    help: did you mean `bias`?
    ");
}

#[test]
fn what_has_no_example_is_counted_by_hand() {
    // Words: 100 rows of 12, 6 places of 12, a causal block of 12·12·4 + 2·12·48 weights, biases and norms.
    let words = "schema = \"greenwich.layers/1\"\nname = \"words\"\nplaces = [6]\nlayers = [{kind = \"embedding\", rows = 100, width = 12},
        {kind = \"positions\"}, {kind = \"transformer\", heads = 3, causal = true}, {kind = \"linear\", out = 100, bias = false}]";
    let found = counted("words.toml", words.as_bytes()).expect("a net that we count");
    let block = 4 * 12 * 12 + 4 * 12 + 2 * 12 * 48 + 48 + 12 + 4 * 12;
    assert_eq!(found.params_total, 100 * 12 + 6 * 12 + block + 12 * 100);
    assert_eq!(found.embedding_params, 100 * 12 + 6 * 12);
    let products = 2.0 * 6.0 * f64::from(4 * 12 * 12 + 2 * 12 * 48 + 12 * 100);
    let pairs = 2.0 * 36.0 * 24.0;
    assert_eq!(found.forward_flops(6).flops(), products + pairs);
    assert_eq!(found.forward_flops_causal(6).flops(), products + pairs / 2.0);
    // A sound: strided, dilated, transposed, and in groups.
    let sound = "schema = \"greenwich.layers/1\"\nname = \"sound\"\nchannels = 4\nplaces = 100\nlayers = [
        {kind = \"conv1d\", out = 8, kernel = 5, stride = 2, padding = 2, groups = 4},
        {kind = \"conv1d\", out = 8, kernel = 3, dilation = 2, padding = \"same\", bias = false},
        {kind = \"conv1d\", out = 6, kernel = 4, stride = 2, padding = 1, transposed = true}]";
    let found = counted("sound.toml", sound.as_bytes()).expect("a net that we count");
    assert_eq!(found.params_total, (8 * 5 + 8) + (8 * 8 * 3) + (8 * 6 * 4 + 6));
    assert_eq!(found.forward_flops(50).flops(), 2.0 * 50.0 * f64::from(8 * 5 + 8 * 8 * 3 + 8 * 6 * 4));
    // A clip, pooled with a window that hangs over its end: 5 frames of 4 × 4 become 3 of 2 × 2.
    let clip = "schema = \"greenwich.layers/1\"\nname = \"clip\"\nchannels = 2\nplaces = [5, 4, 4]\nlayers = [
        {kind = \"pool\", kernel = 2, ceil = true}, {kind = \"conv3d\", out = 3, kernel = 1}, {kind = \"flatten\"},
        {kind = \"linear\", in = 36, out = 5}]";
    let found = counted("clip.toml", clip.as_bytes()).expect("a net that we count");
    assert_eq!((found.params_total, found.sample_tokens()), (2 * 3 + 3 + 36 * 5 + 5, Some(12)));
}

/// An estimate on eight A100, by flags.
fn estimate(model: &[(&str, &str)]) -> Result<Footprint, String> {
    let machine = [("machine.accelerator", "a100-sxm4-80g"), ("machine.count", "8")];
    let keys: Vec<_> =
        model.iter().chain(&machine).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let spec = job_file::from_flags(&keys).map_err(|error| told(&error))?;
    Greenwich::load().estimate(&spec).map_err(|error| told(&error))
}

#[test]
fn a_run_over_samples_is_three_forward_passes_each() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/layers/resnet50.toml");
    let path = path.to_str().expect("a path in UTF-8");
    let config = ("model.config", path);
    let by_samples = estimate(&[config, ("model.samples", "115.2e6")]).expect("90 epochs of 1.28 million images");
    let flops = by_samples.training_flops.expect("the model is known").p50.flops();
    assert!((flops / (3.0 * 8_178_368_512.0 * 115.2e6) - 1.0).abs() < 1e-12);
    let tokens = (115.2e6 * 12_544.0).to_string();
    let by_tokens = estimate(&[config, ("model.tokens", &tokens)]).expect("the same in tokens");
    assert_eq!(by_samples.hours, by_tokens.hours);
    let said = by_samples.factors.iter().find(|factor| factor.quantity.starts_with("tokens trained on"));
    assert_eq!(
        said.map(|factor| factor.quantity.as_str()),
        Some("tokens trained on: 115200000 samples of 12544 tokens each")
    );
    assert!(by_samples.warnings.iter().any(|warning| warning.contains("one sample is 12544 tokens")));
    assert!(by_samples.warnings.iter().any(|warning| warning.contains("none of a model without words")));
    // A sequence has no bearing on an image.
    let asked =
        estimate(&[config, ("model.samples", "115.2e6"), ("model.seq_len", "4096")]).expect("a warning, no more");
    assert_eq!(asked.hours, by_samples.hours);
    assert!(asked.warnings.iter().any(|warning| warning.starts_with("`model.seq_len` has no bearing")));
}

#[test]
fn samples_of_no_known_length_are_refused() {
    let bare = [("model.params", "7e9"), ("model.samples", "1e9")];
    insta::assert_snapshot!(estimate(&bare).expect_err("no length"), @r"
    command line: `model.samples`: found samples of a length that is not known, allowed is samples with their length
    help: give `model.seq_len` beside it, or `model.tokens` instead
    ");
    let [size, samples] = bare;
    let known = estimate(&[size, samples, ("model.seq_len", "4096")]).expect("sequences of 4096 tokens");
    let same = estimate(&[size, ("model.tokens", "4.096e12"), ("model.seq_len", "4096")]).expect("as many tokens");
    assert_eq!(known.training_flops, same.training_flops);
    insta::assert_snapshot!(estimate(&[size, samples, ("model.tokens", "1e12")]).expect_err("both"), @r"
    command line: `model.samples`: found samples beside tokens, allowed is one of them
    help: delete one: the other follows from the model
    ");
}
