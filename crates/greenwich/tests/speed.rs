//! What a layout does to the hours of an estimate, from the job file on.
//!
//! In: job files that differ in their layout. Out: tier, range, factors and warnings.

use greenwich::{Footprint, Greenwich, job_file};
use greenwich_core::Tier;

/// A 7B model on 512 of a chip; `more` goes into `[machine]`.
fn job(accelerator: &str, count: u32, more: &str) -> String {
    format!(
        r#"
            schema = "greenwich.job/1"
            name = "seven"
            [model]
            name = "llama-2-7b"
            tokens = 2e12
            seq_len = 4096
            batch = 1024
            [machine]
            accelerator = "{accelerator}"
            count = {count}
            {more}
        "#
    )
}

fn estimate(accelerator: &str, count: u32, more: &str) -> Footprint {
    let text = job(accelerator, count, more);
    let job = job_file::parse("job.toml", text.as_bytes(), &[]).expect("a job file that can be read");
    Greenwich::load().estimate(&job).expect("inputs that can be")
}

fn width(run: &Footprint) -> f64 {
    run.hours.p95.hours() / run.hours.p50.hours()
}

fn warned(run: &Footprint, words: &str) -> bool {
    run.warnings.iter().any(|warning| warning.contains(words))
}

#[test]
fn each_input_that_tells_more_of_the_speed_narrows_the_hours() {
    let told = ["", "layout = {tp = 2, dp = 256}", "mfu = 0.5", "tokens_per_s = 1.6e6", "hours = 380"];
    let runs = told.map(|more| estimate("a100-sxm4-80g", 512, more));
    let tiers = runs.each_ref().map(|run| run.tier);
    assert_eq!(tiers, [Tier::T0, Tier::T1, Tier::T2, Tier::T2, Tier::T2]);
    let widths = runs.each_ref().map(width);
    assert!(widths.windows(2).all(|pair| pair[1] < pair[0]), "{widths:?}");
}

#[test]
fn a_layout_of_a_published_step_is_timed_within_its_range() {
    // Narayanan et al. 2021 (arXiv:2104.04473, table 2) project 84 days for 300 B tokens of GPT-3 on 384 A100, at the rate
    // of the steps that they measured: tensor 8, pipeline 12, every block computed again. Our catalog's kernels are of today,
    // which is quicker.
    let text = r#"
        schema = "greenwich.job/1"
        name = "gpt-3"
        [model]
        name = "gpt-3-175b"
        tokens = 3e11
        batch = 1536
        [machine]
        accelerator = "a100-sxm4-80g"
        count = 384
        layout = {tp = 8, pp = 12, dp = 4, recompute = "full", micro_batch = 1}
    "#;
    let job = job_file::parse("job.toml", text.as_bytes(), &[]).expect("a job file that can be read");
    let run = Greenwich::load().estimate(&job).expect("inputs that can be");
    let days = run.hours.p50.hours() / 24.0;
    assert!((days / 84.0 - 1.0).abs() < 0.10, "{days}");
}

#[test]
fn less_recomputation_and_fewer_stages_are_quicker() {
    let hours = |more: &str| estimate("a100-sxm4-80g", 512, more).hours.p50.hours();
    let plain = hours("layout = {tp = 2, dp = 256, recompute = \"selective\"}");
    assert!(hours("layout = {tp = 2, dp = 256, recompute = \"full\"}") > 1.2 * plain);
    assert!(hours("layout = {tp = 2, pp = 32, dp = 8, interleave = 1, recompute = \"selective\"}") > plain);
}

#[test]
fn a_layout_that_cannot_be_timed_says_why_and_leaves_the_range() {
    let without_links = estimate("l40s", 512, "layout = {dp = 512}");
    assert!(warned(&without_links, "the links of l40s are not in the catalog"));
    let open = estimate("a100-sxm4-80g", 512, "");
    let odd = estimate("a100-sxm4-80g", 510, "layout = {pp = 3, dp = 170}");
    assert!(warned(&odd, "its pipeline must divide the blocks"), "{:?}", odd.warnings);
    assert!((width(&odd) / width(&open) - 1.0).abs() < 1e-9);
}

#[test]
fn a_layout_that_by_our_count_does_not_fit_is_warned_of() {
    let whole = estimate("a100-sxm4-80g", 8, "layout = {dp = 8, zero = 0}");
    assert!(warned(&whole, "it may not fit"), "{:?}", whole.warnings);
    let sharded = estimate("a100-sxm4-80g", 8, "layout = {dp = 8, zero = 3}");
    assert!(!warned(&sharded, "it may not fit"), "{:?}", sharded.warnings);
}

#[test]
fn words_and_sizes_of_a_layout_are_held_to_what_is_allowed() {
    let refused = |more: &str| {
        let text = job("a100-sxm4-80g", 512, more);
        job_file::parse("job.toml", text.as_bytes(), &[]).expect_err("it cannot be").to_string()
    };
    assert!(refused("layout = {dp = 512, recompute = \"some\"}").contains("none, selective, full"));
    assert!(
        refused("layout = {dp = 512, zero = 4}").contains("0 to 3"),
        "{}",
        refused("layout = {dp = 512, zero = 4}")
    );
    assert!(refused("layout = {dp = 512, sp = 2}").contains("unknown key"));
}

#[test]
fn a_size_alone_takes_about_as_long_in_a_layout_as_the_model_of_that_size() {
    let hours = |model: &str, seq_len: u32| {
        let layout = "layout = {tp = 2, dp = 256, zero = 1, recompute = \"selective\", micro_batch = 1}";
        let text = job("a100-sxm4-80g", 512, layout).replace("seq_len = 4096", &format!("seq_len = {seq_len}"));
        let text = text.replace("name = \"llama-2-7b\"", model);
        let job = job_file::parse("job.toml", text.as_bytes(), &[]).expect("a job file that can be read");
        Greenwich::load().estimate(&job).expect("inputs that can be").hours.p50.hours()
    };
    for seq_len in [2048, 4096, 16_384] {
        let (size, shape) = (hours("params = 6738415616", seq_len), hours("name = \"llama-2-7b\"", seq_len));
        assert!((size / shape - 1.0).abs() < 0.08, "{seq_len} tokens: {size} h by size, {shape} h by shape");
    }
    assert!(hours("params = 6738415616", 16_384) > 1.1 * hours("params = 6738415616", 4096));
}

#[test]
fn longer_sequences_take_longer_without_a_layout_as_well() {
    let hours = |model: &str, seq_len: u32| {
        let text = job("a100-sxm4-80g", 512, "").replace("seq_len = 4096", &format!("seq_len = {seq_len}"));
        let text = text.replace("name = \"llama-2-7b\"", model);
        let job = job_file::parse("job.toml", text.as_bytes(), &[]).expect("a job file that can be read");
        Greenwich::load().estimate(&job).expect("inputs that can be").hours.p50.hours()
    };
    for model in ["params = 6738415616", "name = \"llama-2-7b\""] {
        let lengths = [1024, 2048, 4096, 8192, 16_384, 32_768];
        let found: Vec<f64> = lengths.iter().map(|seq_len| hours(model, *seq_len)).collect();
        // Up to 4,096 tokens a step's own cost, which more tokens share, weighs about as much as their attention.
        assert!(found.windows(2).all(|two| two[1] >= 0.97 * two[0]), "{model}: {found:?}");
        // Attention over 16,384 tokens is 55 % of the products' FLOPs of such a model, over 2,048 7 %.
        assert!(found[4] > 1.2 * found[1] && found[4] < 1.7 * found[1], "{model}: {found:?}");
    }
}
