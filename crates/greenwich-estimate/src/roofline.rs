//! How long one training step takes in a given layout, and which layouts fit.
//!
//! In: a model, the rates of a chip and its links, a batch, a layout. Out: seconds of one step with its parts, and from it model MFU
//! and hardware FLOP use. What a run loses between steps (restarts, evaluations, checkpoints) is goodput, a third quantity, and
//! enters after. `layouts` looks for the quickest layout where not all of it is known.
//!
//! ```text
//! layer  = products ÷ (peak × efficiency) + bytes of the element-wise work ÷ memory rate + all-reduces and all-to-alls ÷ link
//! step   = (m + (p − 1)/v) × (layers ÷ p × layer + hand-over) + head + gradients ÷ cross link + optimizer
//! ```

use crate::body::Body;
use crate::model::ModelCounts;
use greenwich_core::quantity::{Bytes, FlopRate, Hours};

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
    /// Context parallel: pieces of each sequence.
    pub context: u32,
    /// Expert parallel: over how many of the data parallel the experts are spread.
    pub expert: u32,
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
    /// The part that waits for the accelerator's own memory: its share of the step is that of the memory's rate that is used.
    pub memory: Hours,
    /// Model FLOPs over peak: recomputation not counted.
    pub mfu: f64,
    /// FLOPs done over peak: recomputation counted.
    pub hfu: f64,
}

impl Step {
    /// Share of the memory's rate that is used for each share of peak that the model gets.
    pub fn traffic(&self) -> f64 {
        self.memory / self.time / self.mfu
    }
    /// Whether memory holds the step up for longer than the matrix products do.
    pub fn is_memory_bound(&self) -> bool {
        self.memory / self.time > self.hfu / PRODUCT_EFFICIENCY
    }
}

/// The same of a usual decoder: 4,096 wide, 2,048 tokens long, attention fused, nothing computed again.
pub fn usual_traffic(rates: &Rates) -> f64 {
    let (hidden, tokens) = (4096.0, 2048.0);
    let flops = 24.0 * hidden * hidden + 4.0 * tokens * hidden;
    MOVED_OVER_KEPT * BLOCK_BYTES * hidden / flops * rates.peak.flops_per_second() / rates.memory_bytes_per_s
}

/// Bytes that one accelerator holds in a layout.
pub fn held(model: &ModelCounts, batch: &Batch, sharing: &Sharing) -> Bytes {
    let body = Body::of_counts(model, batch.seq_len);
    body.map_or(Bytes::from_bytes(f64::INFINITY), |body| held_by(&body, batch, sharing))
}

/// The same of a body.
pub(crate) fn held_by(body: &Body, batch: &Batch, sharing: &Sharing) -> Bytes {
    let (tensor, data) = (f64::from(sharing.tensor), f64::from(sharing.data) * f64::from(sharing.context));
    let split = |from: u8| if sharing.zero >= from { data } else { 1.0 };
    let states = own_params(body, sharing) * (2.0 / split(3) + 2.0 / split(2) + 12.0 / split(1));
    let tokens = f64::from(sharing.micro_batch) * f64::from(batch.seq_len) / f64::from(sharing.context);
    let scores = SCORE_BYTES * body.heads * f64::from(batch.seq_len) * tokens / tensor;
    let block = BLOCK_BYTES * tokens * body.hidden / tensor;
    let (block, kept) = match (sharing.recompute, batch.scores) {
        (Recompute::Nothing, Scores::Stored) => (0.0, block + scores),
        (Recompute::Nothing, Scores::Fused) | (Recompute::Scores, _) => (0.0, block),
        (Recompute::Blocks, _) => (block, 2.0 * tokens * body.hidden),
    };
    // The first stage keeps as many micro-batches as there are stages, each of its share of blocks: all blocks once.
    let logits = 4.0 * tokens * body.vocab / tensor;
    Bytes::from_bytes(states + kept * body.layers + block + logits)
}

/// Parameters of one accelerator before data parallelism shares them out.
fn own_params(body: &Body, sharing: &Sharing) -> f64 {
    let experts = body.idle_params / f64::from(sharing.expert);
    (body.active_params + experts) / (f64::from(sharing.tensor) * f64::from(sharing.pipeline))
}

/// One step, or `None` where the layout cannot be: blocks, sequences or experts that do not divide, an interleaved
/// pipeline whose micro-batches do not.
pub fn step(model: &ModelCounts, rates: &Rates, batch: &Batch, sharing: &Sharing, efficiency: f64) -> Option<Step> {
    step_of(&Body::of_counts(model, batch.seq_len)?, rates, batch, sharing, efficiency)
}

/// The same of a body.
pub(crate) fn step_of(body: &Body, rates: &Rates, batch: &Batch, sharing: &Sharing, efficiency: f64) -> Option<Step> {
    let waves = waves(body, batch, sharing)?;
    let parts = Parts::new(body, rates, batch, sharing, efficiency);
    let Sharing { pipeline, interleave, .. } = *sharing;
    let (p, m) = (f64::from(pipeline), f64::from(waves));
    let filling = (p - 1.0) / f64::from(interleave);
    let last_head = if pipeline > 1 { parts.heads } else { 0.0 };
    let wave = body.layers / p * parts.block + parts.heads / p + parts.hand_over + parts.gathered;
    let seconds = (m + filling) * wave + last_head + parts.gradients + parts.optimizer;
    let accelerators =
        [sharing.tensor, sharing.pipeline, sharing.data, sharing.context].into_iter().map(f64::from).product::<f64>();
    let sequences = f64::from(batch.sequences);
    let share = |flops: f64| flops * sequences / (rates.peak.flops_per_second() * accelerators * seconds);
    let repeated = match (sharing.recompute, batch.scores) {
        (Recompute::Blocks, _) => body.block_flops() * body.layers,
        (Recompute::Scores, Scores::Stored) => body.attention_flops,
        _ => 0.0,
    };
    Some(Step {
        time: Hours::from_seconds(seconds),
        bubble: Hours::from_seconds(filling * wave),
        moving: Hours::from_seconds(
            m * (body.layers / p * parts.moving + parts.hand_over + parts.gathered) + parts.gradients,
        ),
        memory: Hours::from_seconds(m * body.layers / p * parts.traffic + parts.optimizer),
        mfu: share(3.0 * body.forward_flops),
        hfu: share(3.0 * body.forward_flops + repeated),
    })
}

/// Micro-batches of one step on each rank, where everything divides.
fn waves(body: &Body, batch: &Batch, sharing: &Sharing) -> Option<u32> {
    let &Sharing { tensor, pipeline, data, context, expert, micro_batch, interleave, .. } = sharing;
    let pieces = pipeline.checked_mul(interleave).filter(|pieces| *pieces > 0)?;
    let rank = data.checked_mul(micro_batch).filter(|rank| *rank > 0)?;
    let waves = batch.sequences / rank;
    let divides = (body.layers as u32).is_multiple_of(pieces) && batch.sequences.is_multiple_of(rank);
    let interleaved = interleave == 1 || (pipeline > 1 && waves.is_multiple_of(pipeline));
    let experts = expert > 0 && data.is_multiple_of(expert);
    (divides && interleaved && experts && tensor > 0 && context > 0 && waves > 0).then_some(waves)
}

/// Seconds of one micro-batch on one rank, and of what comes once a step.
struct Parts {
    /// One block forward and back, with what is computed again and what moves.
    block: f64,
    /// The part of it in which data move.
    moving: f64,
    /// The part of it that waits for memory.
    traffic: f64,
    /// Output head forward and back.
    heads: f64,
    /// Between the stages of the pipeline.
    hand_over: f64,
    /// Weights fetched, as far as nothing hides them.
    gathered: f64,
    /// All-reduce of the gradients, as far as nothing hides it.
    gradients: f64,
    /// Adam.
    optimizer: f64,
}

impl Parts {
    fn new(body: &Body, rates: &Rates, batch: &Batch, sharing: &Sharing, efficiency: f64) -> Self {
        let &Sharing { tensor, pipeline, data, context, expert, recompute, .. } = sharing;
        let (t, p, c, e) = (f64::from(tensor), f64::from(pipeline), f64::from(context), f64::from(expert));
        let sequences = f64::from(sharing.micro_batch);
        let tokens = sequences * f64::from(batch.seq_len) / c;
        let at = |flops: f64| sequences * flops / (t * c) / (rates.peak.flops_per_second() * efficiency);
        let near = |ranks: u32| ranks <= rates.node;
        let link = |near: bool| if near { rates.node_bytes_per_s * LINK_EFFICIENCY } else { rates.cross_bytes_per_s };

        let shared_bytes = if recompute == Recompute::Blocks { t.min(REPEATED_WIDTH) } else { t };
        let bytes = MOVED_OVER_KEPT * BLOCK_BYTES * tokens * body.hidden / shared_bytes;
        let score_bytes = match batch.scores {
            Scores::Stored => MOVED_OVER_KEPT * SCORE_BYTES * body.heads * f64::from(batch.seq_len) * tokens / t,
            Scores::Fused => 0.0,
        };
        let attention = at(body.attention_flops / body.layers);
        let through_memory = (bytes + score_bytes) / rates.memory_bytes_per_s;
        let forward = at(body.block_flops()) + through_memory;
        let (again, memory_again) = match (recompute, batch.scores) {
            (Recompute::Blocks, _) => (forward, through_memory),
            (Recompute::Scores, Scores::Stored) => {
                let scores_again = score_bytes / rates.memory_bytes_per_s;
                (attention + scores_again, scores_again)
            }
            _ => (0.0, 0.0),
        };
        // Two all-reduces forward and two back, and two more where a block is computed again; so with all-to-alls.
        let passes = if recompute == Recompute::Blocks { 3.0 } else { 2.0 };
        let reduced = 2.0 * tokens * body.hidden;
        let all_reduces = passes * 2.0 * 2.0 * (t - 1.0) / t * reduced / link(true);
        let all_to_alls = passes * 2.0 * (e - 1.0) / e * reduced * body.chosen_experts
            / t
            / link(near(tensor.saturating_mul(expert)));
        // Keys and values go around, and their gradients back, behind the attention to those that are there.
        let around = 2.0 * tokens * (c - 1.0) * body.kv_width / t / link(near(tensor.saturating_mul(context)));
        let around = 3.0 * (around - attention).max(0.0);
        let moving = all_reduces + all_to_alls + around;
        let block = 3.0 * forward + again + moving;

        let own = own_params(body, sharing);
        let group = f64::from(data) * c;
        let all = tensor.saturating_mul(pipeline).saturating_mul(data).saturating_mul(context);
        let cross = if near(all) { rates.node_bytes_per_s } else { rates.cross_bytes_per_s };
        let parted = (group - 1.0) / group;
        // Weights of stage 3 come twice for each micro-batch, while the ones before are worked with.
        let gather = if sharing.zero >= 3 { 2.0 * parted * own * 2.0 / cross } else { 0.0 };
        let reductions = if sharing.zero >= 3 { 1.0 } else { 2.0 };
        Self {
            block,
            moving,
            traffic: 3.0 * through_memory + memory_again,
            heads: at(3.0 * body.head_flops),
            hand_over: if pipeline > 1 {
                2.0 * 2.0 * reduced / t / rates.cross_bytes_per_s * f64::from(sharing.interleave)
            } else {
                0.0
            },
            gathered: (gather - body.layers / p * (3.0 * forward + again)).max(0.0),
            // Half of the gradients' all-reduce hides behind the last backward passes. Assumed.
            gradients: reductions * parted * own * 4.0 / cross * 0.5,
            optimizer: own * OPTIMIZER_BYTES / rates.memory_bytes_per_s / if sharing.zero >= 1 { group } else { 1.0 },
        }
    }
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
        context: 1,
        expert: 1,
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
}
