//! How long one training step takes in a given layout, and which layouts fit.
//!
//! In: a dense model's counts, the rates of a chip and its links, a batch, a layout. Out: seconds of one step with its
//! parts, and from it model MFU and hardware FLOP use. What a run loses between steps (restarts, evaluations,
//! checkpoints) is goodput, a third quantity, and enters after. Mixtures of experts are not read.
//!
//! ```text
//! layer  = products ÷ (peak × efficiency) + bytes of the element-wise work ÷ memory rate + all-reduces ÷ node link
//! step   = (m + (p − 1)/v) × (layers ÷ p × layer + hand-over) + head + gradients ÷ cross link + optimizer
//! ```

use crate::model::ModelCounts;
use greenwich_core::quantity::{Bytes, FlopRate, Flops, Hours};

/// Share of dense peak that the matrix products themselves reach: the one number that is fitted, on the 21 steps that
/// Narayanan 2021, Smith 2022 and Korthikanti 2022 publish with their layouts (`cargo xtask eval estimate`).
pub const PRODUCT_EFFICIENCY: f64 = 0.62;
/// Share of a node link's rate that all-reduces reach. Assumed, not fitted.
const LINK_EFFICIENCY: f64 = 0.75;
/// Bytes that a block's element-wise work moves, over those it keeps: each value is written and read again. Assumed.
const MOVED_OVER_KEPT: f64 = 1.5;
/// Bytes kept of a block per token and width, attention scores apart.
///
/// V. Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models", arXiv:2205.05198, section 4:
/// s·b·h·(34 + 5·a·s/h).
const BLOCK_BYTES: f64 = 34.0;
/// Bytes kept per attention score: softmax input and output, and the mask of dropout.
const SCORE_BYTES: f64 = 5.0;
/// How far tensor parallelism alone divides the element-wise bytes: norms and dropout are repeated on each.
const REPEATED_WIDTH: f64 = 1.7;
/// Bytes that Adam moves per parameter: master weight, two moments, gradient, read and written.
const OPTIMIZER_BYTES: f64 = 20.0;

/// The rates of one accelerator and its links.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Dense peak.
    pub peak: FlopRate,
    /// What one holds.
    pub memory: Bytes,
    /// Bytes a second of its memory.
    pub memory_bytes_per_s: f64,
    /// Bytes a second and direction between accelerators of one node.
    pub node_bytes_per_s: f64,
    /// Bytes a second and direction of one accelerator to another node.
    pub cross_bytes_per_s: f64,
    /// Accelerators of a node: tensor parallelism goes no further.
    pub node: u32,
}

impl Rates {
    /// A100 of 80 GB in nodes of eight, one 200 Gb/s card each: data sheets of the DGX A100, on which the step times
    /// that this model is held against were published.
    #[must_use]
    pub fn dgx_a100() -> Self {
        Self {
            peak: FlopRate::from_tflops(312.0),
            memory: Bytes::from_gb(80.0),
            memory_bytes_per_s: 2.039e12,
            node_bytes_per_s: 300e9,
            cross_bytes_per_s: 25e9,
            node: 8,
        }
    }
}

/// What is computed again on the way back, to keep less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recompute {
    /// Nothing.
    Nothing,
    /// The attention scores.
    Scores,
    /// Each block from its input.
    Blocks,
}

/// Whether attention scores pass through memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scores {
    /// They are written and read: kernels before 2022.
    Stored,
    /// They stay in the chip.
    Fused,
}

/// One step's work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Batch {
    /// Sequences of one step, over all accelerators.
    pub sequences: u32,
    /// Tokens of each.
    pub seq_len: u32,
    /// How attention is computed.
    pub scores: Scores,
}

/// How the accelerators share one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// Tensor parallel.
    pub tensor: u32,
    /// Pipeline parallel.
    pub pipeline: u32,
    /// Data parallel.
    pub data: u32,
    /// Sequences that pass at once.
    pub micro_batch: u32,
    /// Pieces of the pipeline on each accelerator.
    pub interleave: u32,
    /// ZeRO stage: 0 nothing, 1 the optimizer, 2 gradients too, 3 weights too are split over the data parallel.
    pub zero: u8,
    /// What is computed again.
    pub recompute: Recompute,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// All of it.
    pub time: Hours,
    /// The part in which the pipeline fills and drains.
    pub bubble: Hours,
    /// The part in which data move between accelerators and nothing is computed.
    pub moving: Hours,
    /// Model FLOPs over peak: recomputation not counted.
    pub mfu: f64,
    /// FLOPs done over peak: recomputation counted.
    pub hfu: f64,
}

/// Bytes that one accelerator holds in a layout.
pub fn held(model: &ModelCounts, batch: &Batch, sharing: &Sharing) -> Bytes {
    let (tensor, pipeline, data) = (f64::from(sharing.tensor), f64::from(sharing.pipeline), f64::from(sharing.data));
    let split = |from: u8| if sharing.zero >= from { data } else { 1.0 };
    let params = model.params_total as f64 / (tensor * pipeline);
    let states = params * (2.0 / split(3) + 2.0 / split(2) + 12.0 / split(1));
    let tokens = f64::from(sharing.micro_batch) * f64::from(batch.seq_len);
    let width = model.hidden as f64;
    let scores = SCORE_BYTES * model.heads as f64 * f64::from(batch.seq_len) * tokens / tensor;
    let block = BLOCK_BYTES * tokens * width / tensor;
    let kept = match (sharing.recompute, batch.scores) {
        (Recompute::Nothing, Scores::Stored) => block + scores,
        (Recompute::Nothing, Scores::Fused) | (Recompute::Scores, _) => block,
        (Recompute::Blocks, _) => 2.0 * tokens * width,
    };
    // The first stage keeps as many micro-batches as there are stages, each of its share of blocks: all blocks once.
    let logits = 4.0 * tokens * model.vocab as f64 / tensor;
    let one_block = if sharing.recompute == Recompute::Blocks { block } else { 0.0 };
    Bytes::from_bytes(states + kept * model.layers as f64 + one_block + logits)
}

/// One step of a dense model, or `None` where the layout cannot be: blocks or sequences that do not divide, an
/// interleaved pipeline whose micro-batches do not, a mixture of experts.
pub fn step(model: &ModelCounts, rates: &Rates, batch: &Batch, sharing: &Sharing, efficiency: f64) -> Option<Step> {
    let &Sharing { tensor, pipeline, data, micro_batch, interleave, recompute, .. } = sharing;
    let layers = u32::try_from(model.layers).ok()?;
    let pieces = pipeline.checked_mul(interleave).filter(|pieces| *pieces > 0)?;
    let rank = data.checked_mul(micro_batch).filter(|rank| *rank > 0)?;
    let dense = model.params_total == model.params_active;
    let divides = layers.is_multiple_of(pieces) && batch.sequences.is_multiple_of(rank);
    let waves = batch.sequences / rank;
    if !dense || !divides || tensor == 0 || (interleave > 1 && (pipeline == 1 || !waves.is_multiple_of(pipeline))) {
        return None;
    }
    let (t, p, d, m) = (f64::from(tensor), f64::from(pipeline), f64::from(data), f64::from(waves));
    let (blocks, width) = (model.layers as f64, model.hidden as f64);
    let tokens = f64::from(micro_batch) * f64::from(batch.seq_len);
    let peak = rates.peak.flops_per_second();
    let at = |flops: f64| flops / t / (peak * efficiency);

    let attention = model.pass.attention_flops(u64::from(batch.seq_len)).flops() * f64::from(micro_batch) / blocks;
    let head = 2.0 * tokens * width * model.vocab as f64;
    let all = model.forward_flops(u64::from(batch.seq_len)).flops() * f64::from(micro_batch);
    let block = (all - head) / blocks;

    let shared_bytes = if recompute == Recompute::Blocks { t.min(REPEATED_WIDTH) } else { t };
    let bytes = MOVED_OVER_KEPT * BLOCK_BYTES * tokens * width / shared_bytes;
    let score_bytes = match batch.scores {
        Scores::Stored => MOVED_OVER_KEPT * SCORE_BYTES * model.heads as f64 * f64::from(batch.seq_len) * tokens / t,
        Scores::Fused => 0.0,
    };
    let forward = at(block) + (bytes + score_bytes) / rates.memory_bytes_per_s;
    let again = match (recompute, batch.scores) {
        (Recompute::Blocks, _) => forward,
        (Recompute::Scores, Scores::Stored) => at(attention) + score_bytes / rates.memory_bytes_per_s,
        _ => 0.0,
    };
    // Two all-reduces forward and two back, and two more where a block is computed again.
    let passes = if recompute == Recompute::Blocks { 3.0 } else { 2.0 };
    let reduced = 2.0 * tokens * width;
    let all_reduces = passes * 2.0 * 2.0 * (t - 1.0) / t * reduced / (rates.node_bytes_per_s * LINK_EFFICIENCY);
    let on_stage = blocks / p;
    let heads_per_wave = at(3.0 * head) / p;
    let hand_over =
        if pipeline > 1 { 2.0 * 2.0 * reduced / t / rates.cross_bytes_per_s * f64::from(interleave) } else { 0.0 };
    let wave = on_stage * (3.0 * forward + again + all_reduces) + heads_per_wave + hand_over;
    let filling = (p - 1.0) / f64::from(interleave);
    let last_head = if pipeline > 1 { at(3.0 * head) } else { 0.0 };
    let own = model.params_total as f64 / (t * p);
    // Half of the gradients' all-reduce hides behind the last backward passes. Assumed.
    let gradients = 2.0 * (d - 1.0) / d * own * 4.0 / rates.cross_bytes_per_s * 0.5;
    let optimizer = own * OPTIMIZER_BYTES / rates.memory_bytes_per_s;
    let seconds = (m + filling) * wave + last_head + gradients + optimizer;

    let useful = 3.0 * all * m * d;
    let repeated = match (recompute, batch.scores) {
        (Recompute::Blocks, _) => block * blocks,
        (Recompute::Scores, Scores::Stored) => attention * blocks,
        _ => 0.0,
    } * m
        * d;
    let share = |flops: f64| Flops::from_flops(flops).flops() / (peak * t * p * d * seconds);
    Some(Step {
        time: Hours::from_seconds(seconds),
        bubble: Hours::from_seconds(filling * wave),
        moving: Hours::from_seconds(m * (on_stage * all_reduces + hand_over) + gradients),
        mfu: share(useful),
        hfu: share(useful + repeated),
    })
}

/// Every layout of `count` accelerators that divides and fits in memory, quickest first.
pub fn feasible(model: &ModelCounts, rates: &Rates, batch: &Batch, count: u32) -> Vec<(Sharing, Step)> {
    let mut found = Vec::new();
    let node = rates.node.min(count).max(1);
    for tensor in (0..).map(|power| 1u32 << power).take_while(|tensor| *tensor <= node) {
        let heads_divide = model.heads.is_multiple_of(u64::from(tensor));
        if !heads_divide || !count.is_multiple_of(tensor) {
            continue;
        }
        let rest = count / tensor;
        let most = u32::try_from(model.layers).unwrap_or(u32::MAX).min(rest);
        for pipeline in (1..=most).filter(|stages| rest.is_multiple_of(*stages)) {
            for (micro_batch, interleave, zero, recompute) in choices(pipeline) {
                let data = rest / pipeline;
                let sharing = Sharing { tensor, pipeline, data, micro_batch, interleave, zero, recompute };
                // The cheap question first: most layouts fail it.
                if let Some(step) = step(model, rates, batch, &sharing, PRODUCT_EFFICIENCY)
                    && held(model, batch, &sharing).bytes() <= rates.memory.bytes()
                {
                    found.push((sharing, step));
                }
            }
        }
    }
    found.sort_by(|a, b| a.1.time.hours().total_cmp(&b.1.time.hours()));
    found
}

/// Micro-batch, interleaving, ZeRO stage and recomputation, each within what is used in practice. Stage 3 moves all
/// weights at each block, which the step does not count, so it is not chosen.
fn choices(pipeline: u32) -> impl Iterator<Item = (u32, u32, u8, Recompute)> {
    let pieces: &[u32] = if pipeline > 1 { &[1, 2, 3, 4] } else { &[1] };
    [1, 2, 4, 8].into_iter().flat_map(move |micro_batch| {
        pieces.iter().flat_map(move |interleave| {
            [0, 1].into_iter().flat_map(move |zero| {
                [Recompute::Nothing, Recompute::Scores, Recompute::Blocks]
                    .into_iter()
                    .map(move |recompute| (micro_batch, *interleave, zero, recompute))
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpt(layers: u32, hidden: u32, heads: u32) -> ModelCounts {
        ModelCounts::from_config(&format!(
            r#"{{"model_type": "gpt2", "vocab_size": 51200, "n_positions": 2048, "n_embd": {hidden}, "n_layer": {layers}, "n_head": {heads}}}"#
        ))
        .expect("a known type")
    }

    const BATCH: Batch = Batch { sequences: 64, seq_len: 2048, scores: Scores::Stored };
    const KORTHIKANTI_175B: Sharing = Sharing {
        tensor: 8,
        pipeline: 8,
        data: 1,
        micro_batch: 1,
        interleave: 3,
        zero: 0,
        recompute: Recompute::Blocks,
    };

    fn seconds(sharing: Sharing) -> f64 {
        let rates = Rates::dgx_a100();
        let step = step(&gpt(96, 12288, 96), &rates, &BATCH, &sharing, PRODUCT_EFFICIENCY);
        step.map_or(f64::NAN, |step| step.time.hours() * 3600.0)
    }

    #[test]
    fn gpt_3_takes_about_as_long_as_published() {
        // Published: 18.13 s with every block computed again, interleaved threefold (arXiv:2205.05198, table 5). The
        // micro-batches are 64, which eight stages divide, and 96 blocks divide by 24 pieces.
        assert!((seconds(KORTHIKANTI_175B) / 18.13 - 1.0).abs() < 0.12, "{}", seconds(KORTHIKANTI_175B));
    }

    #[test]
    fn recomputing_less_is_quicker_and_holds_more() {
        let scores = Sharing { recompute: Recompute::Scores, ..KORTHIKANTI_175B };
        assert!(seconds(scores) < seconds(KORTHIKANTI_175B));
        let model = gpt(96, 12288, 96);
        assert!(held(&model, &BATCH, &scores).bytes() > held(&model, &BATCH, &KORTHIKANTI_175B).bytes());
    }

    #[test]
    fn a_longer_pipeline_with_few_waves_idles() {
        let plain = Sharing { interleave: 1, ..KORTHIKANTI_175B };
        assert!(seconds(plain) > seconds(KORTHIKANTI_175B));
    }

    #[test]
    fn what_does_not_divide_is_no_layout() {
        for broken in [
            Sharing { pipeline: 7, ..KORTHIKANTI_175B },
            Sharing { data: 3, ..KORTHIKANTI_175B },
            Sharing { tensor: 0, ..KORTHIKANTI_175B },
            Sharing { micro_batch: 0, ..KORTHIKANTI_175B },
        ] {
            assert!(seconds(broken).is_nan(), "{broken:?}");
        }
    }

    #[test]
    fn all_feasible_layouts_fit_and_use_every_accelerator() {
        let (model, rates) = (gpt(40, 6144, 48), Rates::dgx_a100());
        let batch = Batch { sequences: 1024, ..BATCH };
        let found = feasible(&model, &rates, &batch, 64);
        assert!(found.len() > 10);
        for (sharing, step) in &found {
            assert_eq!(sharing.tensor * sharing.pipeline * sharing.data, 64);
            assert!(held(&model, &batch, sharing).bytes() <= 80e9);
            assert!(step.mfu > 0.0 && step.mfu <= step.hfu && step.hfu < PRODUCT_EFFICIENCY, "{sharing:?} {step:?}");
        }
        assert!(found.windows(2).all(|pair| pair[0].1.time.hours() <= pair[1].1.time.hours()));
        assert!(feasible(&gpt(128, 25600, 160), &rates, &batch, 8).is_empty());
    }
}
