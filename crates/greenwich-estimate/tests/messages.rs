//! What a person reads when an estimate is refused: the message, then the act that mends it.

mod common;

use common::{bare, llama_7b, seven_b};
use greenwich_core::quantity::{Bytes, Flops, Fraction, Hours, Power};
use greenwich_estimate::{EstimateError, Inputs, Layout, LogNormal, Model, ModelCounts, PowerBasis, run};
use insta::assert_snapshot;
use miette::Diagnostic;

fn told(error: &EstimateError) -> String {
    let help = error.help().map_or_else(String::new, |help| help.to_string());
    format!("{error}\nhelp: {help}")
}

fn config(text: &str) -> String {
    told(&ModelCounts::from_config(text).expect_err("a config that cannot be read"))
}

fn refused(change: impl FnOnce(&mut Inputs)) -> String {
    let mut inputs = seven_b();
    change(&mut inputs);
    told(&run(&inputs).expect_err("inputs that cannot be"))
}

#[test]
fn configs_that_are_no_json_object() {
    assert_snapshot!(config("{\"model_type\": "), @r"
    the model config is not a JSON object: EOF while parsing a value at line 1 column 15
    help: give the `config.json` of the model's repository, or `[model] params = …` instead
    ");
    assert_snapshot!(config("[1, 2]"), @r"
    the model config is not a JSON object: found another kind of value
    help: give the `config.json` of the model's repository, or `[model] params = …` instead
    ");
}

#[test]
fn configs_of_no_or_of_an_unknown_type() {
    let none = config("{}");
    assert!(
        none.starts_with("the model config has no `model_type`\nhelp: add `\"model_type\": \"llama\"` or the like;")
    );
    assert!(none.contains("the types read are albert, apertus, ") && none.ends_with(", xglm, xlm-roberta"));
    assert_snapshot!(config(r#"{"model_type": "llama5"}"#), @r"
    model_type `llama5` is not known
    help: the nearest known ones are `llama`, `llama4_text`, `lfm2`; or give `[model] params = …` and `active_params = …` instead of `config`
    ");
    assert_snapshot!(config(r#"{"model_type": "qwen3_6_moe"}"#), @r"
    model_type `qwen3_6_moe` is not known
    help: the nearest known ones are `qwen3_moe`, `qwen3_5_text`, `qwen3_next`; or give `[model] params = …` and `active_params = …` instead of `config`
    ");
}

#[test]
fn classes_that_are_not_known_and_pipelines() {
    assert_snapshot!(config(r#"{"_class_name": "Flux2Transformer2DModel"}"#), @r"
    _class_name `Flux2Transformer2DModel` is not known
    help: the nearest known ones are `FluxTransformer2DModel`, `DiTTransformer2DModel`, `SD3Transformer2DModel`; or give a list of its layers (docs/reference/layer-list.md), or `[model] params = …`
    ");
    assert_snapshot!(config(r#"{"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}"#), @r"
    _class_name `StableDiffusionXLPipeline` is not known
    help: it is a pipeline: give the `config.json` in its `transformer` or `unet` folder
    ");
    let unet = |more: &str| format!(r#"{{"_class_name": "UNet2DModel", "sample_size": 32, {more}}}"#);
    assert_snapshot!(config(&unet(r#""down_block_types": ["SkipDownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"]"#)), @r"
    `down_block_types` in the `UNet2DModel` config is `SkipDownBlock2D`
    help: it must be plain blocks, with attention or with attention to text
    ");
    assert_snapshot!(config(&unet(r#""time_embedding_type": "fourier""#)), @r"
    `time_embedding_type` in the `UNet2DModel` config is `fourier`
    help: it must be `positional`
    ");
    assert_snapshot!(config(r#"{"_class_name": "UNet2DModel"}"#), @r"
    the `UNet2DModel` config has no `sample_size`
    help: add it under one of its spellings: `sample_size`
    ");
}

#[test]
fn fields_that_are_not_there() {
    assert_snapshot!(config(r#"{"model_type": "llama"}"#), @r"
    the `llama` config has no `hidden_size`
    help: add it under one of its spellings: `hidden_size`, `n_embd`, `d_model`, `dim`
    ");
    assert_snapshot!(config(&llama_7b().replace(r#""vocab_size": 32000, "#, "")), @r"
    the `llama` config has no `vocab_size`
    help: add it under one of its spellings: `vocab_size`
    ");
}

#[test]
fn fields_that_cannot_be() {
    assert_snapshot!(config(&llama_7b().replace("11008", "-5")), @r"
    `intermediate_size` in the `llama` config is `-5`
    help: it must be a whole number from 1 to 1073741824
    ");
    assert_snapshot!(config(&llama_7b().replace("11008", "11008.5")), @r"
    `intermediate_size` in the `llama` config is `11008.5`
    help: it must be a whole number from 1 to 1073741824
    ");
    assert_snapshot!(config(&llama_7b().replace(r#""num_attention_heads": 32"#, r#""num_attention_heads": 33"#)), @r"
    `hidden_size` in the `llama` config is `4096`
    help: it must be a multiple of the number of heads, or give `head_dim`
    ");
    assert_snapshot!(config(&llama_7b().replace("4096,", r#"4096, "num_key_value_heads": 5,"#)), @r"
    `num_key_value_heads` in the `llama` config is `5`
    help: it must be a divisor of the number of heads
    ");
    assert_snapshot!(config(&llama_7b().replace("4096,", r#"4096, "tie_word_embeddings": "no","#)), @r#"
    `tie_word_embeddings` in the `llama` config is `"no"`
    help: it must be `true` or `false`
    "#);
}

#[test]
fn sizes_that_no_number_holds() {
    let huge = llama_7b()
        .replace("11008", "1073741824")
        .replace(r#""num_hidden_layers": 32"#, r#""num_hidden_layers": 1073741824"#);
    assert_snapshot!(config(&huge), @r"
    `hidden_size` in the `llama` config is `4096`
    help: it must be smaller: 2^64 parameters
    ");
}

#[test]
fn more_experts_chosen_than_there_are() {
    let mixtral = r#"{"model_type": "mixtral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_local_experts": 8, "num_experts_per_tok": 9}"#;
    assert_snapshot!(config(mixtral), @r"
    `num_experts_per_tok` in the `mixtral` config is `9`
    help: it must be at most the number of experts
    ");
}

#[test]
fn numbers_out_of_range() {
    assert_snapshot!(refused(|inputs| inputs.tokens = Some(-2e12)), @r"
    `model.tokens` is `-2000000000000`
    help: `model.tokens` must be above 0 and below 1e40
    ");
    assert_snapshot!(refused(|inputs| inputs.tokens = Some(f64::NAN)), @r"
    `model.tokens` is `NaN`
    help: `model.tokens` must be above 0 and below 1e40
    ");
    assert_snapshot!(refused(|inputs| inputs.setting.count = 0), @r"
    `machine.count` is `0`
    help: `machine.count` must be above 0 and below 1e40
    ");
    assert_snapshot!(refused(|inputs| inputs.given.hours = Some(Hours::from_hours(0.0))), @r"
    `machine.hours` is `0`
    help: `machine.hours` must be above 0 and below 1e40
    ");
    assert_snapshot!(refused(|inputs| inputs.given.mfu = Some(Fraction::new(0.0).expect("a share"))), @r"
    `machine.mfu` is `0`
    help: `machine.mfu` must be above 0 and at most 1
    ");
    assert_snapshot!(refused(|inputs| inputs.given.total_flops = Some(Flops::from_flops(f64::INFINITY))), @r"
    `machine.total_flops` is `inf`
    help: `machine.total_flops` must be above 0 and below 1e40
    ");
    assert_snapshot!(refused(|inputs| inputs.power = Some(PowerBasis::Given(Power::from_watts(-1.0)))), @r"
    `machine.mean_power_w` is `-1`
    help: `machine.mean_power_w` must be above 0 and below 1e40
    ");
    assert_snapshot!(refused(|inputs| inputs.utilisation = LogNormal::new(1.5, 0.1)), @r"
    `useful share of peak` is `1.5`
    help: `useful share of peak` must be above 0 and at most 1
    ");
    assert_snapshot!(refused(|inputs| inputs.model = bare(7, 8)), @r"
    `model.active_params` is `8`
    help: `model.active_params` must be at most `model.params`
    ");
}

#[test]
fn a_layout_that_is_not_the_machines() {
    let layout = Layout { tensor: 8, pipeline: 4, data: 16, context: 1 };
    assert_snapshot!(refused(|inputs| inputs.given.layout = Some(layout)), @r"
    the layout tp 8 × pp 4 × dp 16 is 512 accelerators, `count` says 1024
    help: set `count = 512`, or a layout whose product is 1024
    ");
    let none = Layout { tensor: 0, pipeline: 4, data: 16, context: 1 };
    assert_snapshot!(refused(|inputs| inputs.given.layout = Some(none)), @r"
    `machine.layout` is `0`
    help: `machine.layout` must be above 0 and below 1e40
    ");
}

#[test]
fn a_model_that_does_not_fit() {
    assert_snapshot!(refused(|inputs| inputs.setting.count = 1), @r"
    training needs 110.0 GB on each of 1 × `a100-sxm4-80g` even with full sharding and recomputation, each has 80 GB
    help: set `count = 2` or more, or take an accelerator with more memory
    ");
    assert_snapshot!(refused(|inputs| inputs.seq_len = Some(4_000_000)), @r"
    training needs 264.8 GB on each of 1024 × `a100-sxm4-80g` even with full sharding and recomputation, each has 80 GB
    help: take a shorter `seq_len` or an accelerator with more memory: one sequence alone is too large
    ");
    assert_snapshot!(refused(|inputs| {
        inputs.model = bare(1_000_000_000_000, 1_000_000_000_000);
        inputs.memory = Some(Bytes::from_gb(40.0));
        inputs.setting.count = 256;
    }), @r"
    training needs 62.5 GB on each of 256 × `a100-sxm4-80g` even with full sharding and recomputation, each has 40 GB
    help: set `count = 400` or more, or take an accelerator with more memory
    ");
}

#[test]
fn nothing_that_gives_the_time_or_the_power() {
    assert_snapshot!(refused(|inputs| inputs.model = Model::Unknown), @r"
    nothing says how long `llm-7b` runs
    help: give `[model]` with `tokens`, or `[machine] total_flops = …` or `hours = …`
    ");
    assert_snapshot!(refused(|inputs| inputs.tokens = None), @r"
    nothing says how long `llm-7b` runs
    help: give `[model]` with `tokens`, or `[machine] total_flops = …` or `hours = …`
    ");
    assert_snapshot!(refused(|inputs| inputs.peak = None), @r"
    the peak rate of `a100-sxm4-80g` in `bf16` is not known
    help: give `[machine] hours = …` or `tokens_per_s = …`, or another `precision`
    ");
    assert_snapshot!(refused(|inputs| inputs.power = None), @r"
    the mean power of `a100-sxm4-80g` is not known
    help: give `[machine] mean_power_w = …` (per accelerator, whole system, before PUE)
    ");
}

#[test]
fn a_time_that_only_more_than_the_peak_could_keep() {
    let doubt = |change: fn(&mut Inputs)| {
        let mut inputs = seven_b();
        change(&mut inputs);
        greenwich_estimate::beyond_peak(&inputs)
    };
    assert_eq!(doubt(|inputs| inputs.given.hours = Some(Hours::from_hours(100.0))), None);
    assert_eq!(doubt(|inputs| inputs.given.mfu = Fraction::new(1.0).ok()), None);
    let words = doubt(|inputs| inputs.given.hours = Some(Hours::from_hours(0.7))).expect("a doubt");
    assert_snapshot!(words, @"`machine.hours` cannot be: the run would take 100 times the peak of 1024 a100-sxm4-80g in bf16; check it, the tokens, the count and `model.precision`");
    assert!(doubt(|inputs| inputs.given.tokens_per_s = Some(1e12)).is_some_and(|words| words.contains("tokens_per_s")));
}
