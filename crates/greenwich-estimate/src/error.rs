//! What can be wrong with the inputs of an estimate, and the act that mends it.
//!
//! In: what was asked and what was found. Out: one enum whose help names the key to type.

use miette::Diagnostic;
use thiserror::Error;

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
#[non_exhaustive]
pub enum EstimateError {
    /// The config is no JSON object.
    #[error("the model config is not a JSON object: {cause}")]
    #[diagnostic(
        code(greenwich::estimate::config_not_json),
        help("give the `config.json` of the model's repository, or `[model] params = …` instead")
    )]
    ConfigNotJson {
        /// What the parser found, with line and column.
        cause: String,
    },
    /// The config does not say what kind of model it is of.
    #[error("the model config has no `model_type`")]
    #[diagnostic(
        code(greenwich::estimate::no_model_type),
        help("add `\"model_type\": \"llama\"` or the like; the types read are {known}")
    )]
    NoModelType {
        /// The types that can be read.
        known: String,
    },
    /// A kind of model whose parameters we do not count.
    #[error("model_type `{found}` is not known")]
    #[diagnostic(
        code(greenwich::estimate::unknown_model_type),
        help(
            "the nearest known ones are {nearest}; or give `[model] params = …` and `active_params = …` instead of `config`"
        )
    )]
    UnknownModelType {
        /// The type in the config.
        found: String,
        /// Up to three known types, nearest first.
        nearest: String,
    },
    /// A class of the diffusers library whose parameters we do not count.
    #[error("_class_name `{found}` is not known")]
    #[diagnostic(code(greenwich::estimate::unknown_class), help("{}", other_class(found, nearest)))]
    UnknownClass {
        /// The class in the config.
        found: String,
        /// Up to three known classes, nearest first.
        nearest: String,
    },
    /// A hyper-parameter without which nothing can be counted.
    #[error("the `{model_type}` config has no `{field}`")]
    #[diagnostic(code(greenwich::estimate::missing_field), help("add it under one of its spellings: {spellings}"))]
    MissingField {
        /// The config's type.
        model_type: String,
        /// The spelling most used.
        field: &'static str,
        /// Every spelling that is read.
        spellings: String,
    },
    /// A hyper-parameter that cannot be.
    #[error("`{field}` in the `{model_type}` config is `{found}`")]
    #[diagnostic(code(greenwich::estimate::bad_field), help("it must be {allowed}"))]
    BadField {
        /// The config's type.
        model_type: String,
        /// The field.
        field: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A layer of a list that cannot be.
    #[error("{layer}: {problem}")]
    #[diagnostic(code(greenwich::estimate::bad_layer), help("{mend}"))]
    BadLayer {
        /// The layer, with file and line where there is one.
        layer: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        mend: String,
    },
    /// An input outside the range that it can have.
    #[error("`{key}` is `{found}`")]
    #[diagnostic(code(greenwich::estimate::out_of_range), help("`{key}` must be {allowed}"))]
    OutOfRange {
        /// The key of the job file.
        key: &'static str,
        /// What was found.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A layout that is not the machine's.
    #[error("the layout tp {tp} × pp {pp} × dp {dp}{} is {product} accelerators, `count` says {count}", context(*.cp))]
    #[diagnostic(
        code(greenwich::estimate::layout_mismatch),
        help("set `count = {product}`, or a layout whose product is {count}")
    )]
    LayoutMismatch {
        /// Tensor parallel.
        tp: u32,
        /// Pipeline parallel.
        pp: u32,
        /// Data parallel.
        dp: u32,
        /// Context parallel.
        cp: u32,
        /// Their product.
        product: u64,
        /// The machine's accelerators.
        count: u32,
    },
    /// The model does not fit in memory, however it is laid out.
    #[error(
        "training needs {needs_gb:.1} GB on each of {count} × `{accelerator}` even with full sharding and recomputation, each has {has_gb:.0} GB"
    )]
    #[diagnostic(code(greenwich::estimate::does_not_fit), help("{}", more_memory(*.least_count)))]
    DoesNotFit {
        /// Gigabytes needed on each accelerator.
        needs_gb: f64,
        /// Gigabytes that each has.
        has_gb: f64,
        /// The accelerator.
        accelerator: String,
        /// How many there are.
        count: u32,
        /// The fewest that would do, if any number would.
        least_count: Option<u32>,
    },
    /// Neither work nor time is known.
    #[error("nothing says how long `{job}` runs")]
    #[diagnostic(
        code(greenwich::estimate::no_work),
        help("give `[model]` with `tokens`, or `[machine] total_flops = …` or `hours = …`")
    )]
    NoWork {
        /// The job.
        job: String,
    },
    /// The chip's peak rate is not known and nothing else gives the time.
    #[error("the peak rate of `{accelerator}` in `{precision}` is not known")]
    #[diagnostic(
        code(greenwich::estimate::no_peak),
        help("give `[machine] hours = …` or `tokens_per_s = …`, or another `precision`")
    )]
    NoPeak {
        /// The accelerator.
        accelerator: String,
        /// The precision asked for.
        precision: String,
    },
    /// Nothing says what the chip draws.
    #[error("the mean power of `{accelerator}` is not known")]
    #[diagnostic(
        code(greenwich::estimate::no_power),
        help("give `[machine] mean_power_w = …` (per accelerator, whole system, before PUE)")
    )]
    NoPower {
        /// The accelerator.
        accelerator: String,
    },
}

/// Context parallelism, where there is any.
fn context(cp: u32) -> String {
    if cp == 1 { String::new() } else { format!(" × cp {cp}") }
}

/// A pipeline is many models, each with a config of its own.
fn other_class(found: &str, nearest: &str) -> String {
    if found.ends_with("Pipeline") {
        return "it is a pipeline: give the `config.json` in its `transformer` or `unet` folder".to_owned();
    }
    format!(
        "the nearest known ones are {nearest}; or give a list of its layers (docs/reference/layer-list.md), or `[model] params = …`"
    )
}

fn more_memory(least_count: Option<u32>) -> String {
    match least_count {
        Some(least) => format!("set `count = {least}` or more, or take an accelerator with more memory"),
        None => {
            "take a shorter `seq_len` or an accelerator with more memory: one sequence alone is too large".to_owned()
        }
    }
}
