//! The quickest layout of what is left open.
//!
//! In: a model, the rates of its machine, and as much of the layout as is known. Out: the quickest layout that divides and fits,
//! with how many do. Nothing known gives the roofline's best, which calibrates whole runs; everything known gives one step.

use crate::body::Body;
use crate::model::Model;
use crate::roofline::{Batch, PRODUCT_EFFICIENCY, Rates, Recompute, Scores, Sharing, Step, held_by, step_of};
use greenwich_core::quantity::Bytes;

/// Parameters and tokens of a step of a small and a large model, between which and beyond which batches are drawn: twice those of
/// T. Brown et al., "Language Models are Few-Shot Learners", arXiv:2005.14165, table 2.1, since later runs take 2 million from 70
/// million to 12 billion parameters (S. Biderman et al., arXiv:2304.01373) and 4 million from 7 to 70 billion (H. Touvron et al.,
/// arXiv:2307.09288).
const BATCHES: [(f64, f64); 2] = [(1.25e8, 1.0e6), (1.75e11, 6.4e6)];
/// No accelerator is given fewer tokens of a step: the least of the published steps is 1,170, of 530 billion parameters on 3,360
/// (S. Smith et al., arXiv:2201.11990). Assumed.
const LEAST_TOKENS_EACH: f64 = 1000.0;
/// A layout whose least step overshoots that batch by more is taken only where none does not: else long sequences would make it grow.
const MOST_OVER_BATCH: f64 = 1.5;
/// Tokens of a sequence of the runs on which the share of the roofline is fitted, and of a model of which only the size is known.
pub const FITTED_SEQ_LEN: u32 = 2048;
/// Tensor parallelism goes no further than this, however many accelerators a node has.
const WIDEST: u32 = 8;
/// The last year before attention that stays in the chip, and scores computed again without their blocks, were in common use.
///
/// T. Dao et al., "FlashAttention", arXiv:2205.14135, and V. Korthikanti et al., arXiv:2205.05198, both of May 2022.
const LAST_STORED_YEAR: i16 = 2022;

impl Scores {
    /// Those of a run of a year; today's where none is known.
    pub fn of_year(year: Option<i16>) -> Self {
        if year.is_some_and(|year| year <= LAST_STORED_YEAR) { Self::Stored } else { Self::Fused }
    }
}

/// What of a layout is known; the rest is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Tensor parallel.
    pub tensor: Option<u32>,
    /// Pipeline parallel.
    pub pipeline: Option<u32>,
    /// Data parallel.
    pub data: Option<u32>,
    /// Context parallel.
    pub context: Option<u32>,
    /// Expert parallel.
    pub expert: Option<u32>,
    /// ZeRO stage.
    pub zero: Option<u8>,
    /// Sequences that pass at once.
    pub micro_batch: Option<u32>,
    /// Pieces of the pipeline on each accelerator.
    pub interleave: Option<u32>,
    /// What is computed again.
    pub recompute: Option<Recompute>,
    /// Sequences of one step, over all accelerators.
    pub sequences: Option<u32>,
    /// Tokens of one step, about, where sequences are not known either; else [`usual_batch_tokens`].
    pub tokens: Option<u64>,
}

/// Tokens of a step where no batch is known: larger models take larger ones, and many accelerators are kept busy.
///
/// ```
/// use greenwich_estimate::layouts::usual_batch_tokens;
/// assert!((usual_batch_tokens(175e9, 1024) / 6.4e6 - 1.0).abs() < 1e-9);
/// assert_eq!(usual_batch_tokens(175e9, 16_384), 16_384_000.0);
/// ```
pub fn usual_batch_tokens(params_active: f64, count: u32) -> f64 {
    let [(small, few), (large, many)] = BATCHES;
    let exponent = (many / few).ln() / (large / small).ln();
    let by_size = few * (params_active / small).max(1.0).powf(exponent);
    by_size.max(LEAST_TOKENS_EACH * f64::from(count))
}

/// The quickest layout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The layout.
    pub sharing: Sharing,
    /// Its step.
    pub batch: Batch,
    /// The step's time and shares of peak.
    pub step: Step,
    /// Share of the step's model FLOPs that is attention: what 6·N·D leaves out.
    pub attention_share: f64,
    /// What each accelerator holds.
    pub held: Bytes,
    /// Whether it fits; where nothing does, the one that needs least is given.
    pub fits: bool,
    /// How many layouts divide and fit.
    pub layouts: u32,
    /// Model MFU of the slowest of them.
    pub slowest_mfu: f64,
}

/// The quickest layout of `count` accelerators, or `None` where none divides or nothing is known of the model.
pub fn quickest(
    model: &Model,
    rates: &Rates,
    count: u32,
    seq_len: u32,
    scores: Scores,
    wanted: &Wanted,
) -> Option<Found> {
    let body = Body::of(model, seq_len)?;
    let tokens = wanted.tokens.map_or_else(|| usual_batch_tokens(body.active_params, count), |tokens| tokens as f64);
    let attention_share = body.attention_flops / body.forward_flops;
    let mut found: Option<Found> = None;
    let (mut layouts, mut slowest_mfu) = (0, f64::INFINITY);
    let mut holds_batch = false;
    let most_sequences = wanted.sequences.map_or(MOST_OVER_BATCH * tokens / f64::from(seq_len), f64::from);
    for sharing in sharings(&body, rates, count, wanted) {
        for recompute in recomputations(scores, wanted) {
            let sharing = Sharing { recompute, ..sharing };
            let batch = batch(&sharing, seq_len, scores, (wanted.sequences, tokens));
            let held = held_by(&body, &batch, &sharing);
            let fits = held.bytes() <= rates.memory.bytes();
            // What does not fit is of use only while nothing does.
            if !fits && found.as_ref().is_some_and(|found| found.fits || found.held.bytes() <= held.bytes()) {
                continue;
            }
            let Some(step) = step_of(&body, rates, &batch, &sharing, PRODUCT_EFFICIENCY) else { continue };
            let step = idle(step, f64::from(used(&sharing)) / f64::from(count));
            if fits {
                layouts += 1;
                slowest_mfu = step.mfu.min(slowest_mfu);
            }
            let holds = f64::from(batch.sequences) <= most_sequences;
            let is_better = |found: &Found| (holds, step.mfu) > (holds_batch, found.step.mfu);
            if found.as_ref().is_none_or(|found| !found.fits || is_better(found)) {
                holds_batch = holds;
                found = Some(Found { sharing, batch, step, attention_share, held, fits, layouts, slowest_mfu });
            }
        }
    }
    found.map(|found| Found { layouts, slowest_mfu, ..found })
}

/// The same step where only a share of the accelerators takes part.
fn idle(step: Step, share: f64) -> Step {
    Step { mfu: step.mfu * share, hfu: step.hfu * share, ..step }
}

/// Accelerators that take part.
fn used(sharing: &Sharing) -> u32 {
    sharing.tensor * sharing.pipeline * sharing.data * sharing.context
}

/// One step of the sequences that are given, else of about so many tokens in whole fillings of the pipeline.
fn batch(sharing: &Sharing, seq_len: u32, scores: Scores, (sequences, tokens): (Option<u32>, f64)) -> Batch {
    let rank = u64::from(sharing.data) * u64::from(sharing.micro_batch);
    let sequences = sequences.unwrap_or_else(|| {
        let waves = (tokens / f64::from(seq_len) / rank as f64).round().max(1.0) as u64;
        let whole = rank * waves.next_multiple_of(u64::from(sharing.pipeline));
        u32::try_from(whole).unwrap_or(u32::MAX)
    });
    Batch { sequences, seq_len, scores }
}

/// Recomputations to try.
fn recomputations(scores: Scores, wanted: &Wanted) -> Vec<Recompute> {
    match (wanted.recompute, scores) {
        (Some(given), _) => vec![given],
        (None, Scores::Stored) => vec![Recompute::Blocks],
        (None, Scores::Fused) => vec![Recompute::Nothing, Recompute::Scores, Recompute::Blocks],
    }
}

/// Layouts that what is known leaves open, recomputation apart: as many replicas of the model as the accelerators hold.
fn sharings(body: &Body, rates: &Rates, count: u32, wanted: &Wanted) -> Vec<Sharing> {
    let mut all = Vec::new();
    let context = wanted.context.unwrap_or(1).max(1);
    let widest = rates.node.min(WIDEST).min(count).max(1);
    for tensor in either(wanted.tensor, (0..).map(|power| 1 << power).take_while(|tensor| *tensor <= widest)) {
        let rest = count / tensor.max(1) / context;
        let layers = body.layers as u32;
        for pipeline in either(wanted.pipeline, (1..=layers.min(rest)).filter(|stages| layers.is_multiple_of(*stages)))
        {
            // A count that does not divide leaves some idle.
            let data = wanted.data.unwrap_or(rest.checked_div(pipeline).unwrap_or(0));
            if data == 0 || data > rest.checked_div(pipeline).unwrap_or(0) {
                continue;
            }
            let pieces = if pipeline > 1 { 1..=4 } else { 1..=1 };
            let stages = if pipeline > 1 { 1..=1 } else { 1..=3 };
            for expert in either(wanted.expert, experts(body, data)) {
                for interleave in either(wanted.interleave, pieces.clone()) {
                    for zero in either(wanted.zero, stages.clone()) {
                        for micro_batch in either(wanted.micro_batch, [1].into_iter()) {
                            all.push(Sharing {
                                tensor,
                                pipeline,
                                data,
                                context,
                                expert,
                                micro_batch,
                                interleave,
                                zero,
                                recompute: Recompute::Nothing,
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

/// Over how many of the data parallel experts may be spread: all on each, or in eights.
fn experts(body: &Body, data: u32) -> impl Iterator<Item = u32> + use<> {
    let spread = body.idle_params > 0.0;
    [1, 8, 16, 32, 64].into_iter().filter(move |ranks| *ranks == 1 || (spread && data.is_multiple_of(*ranks)))
}

/// What is given, or all that may be.
fn either<T: Copy>(given: Option<T>, open: impl Iterator<Item = T>) -> Vec<T> {
    given.map_or_else(|| open.collect(), |given| vec![given])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelCounts;
    use proptest::prelude::*;

    fn gpt_3() -> Model {
        let text = r#"{"model_type": "gpt2", "vocab_size": 51200, "n_positions": 2048, "n_embd": 12288, "n_layer": 96, "n_head": 96}"#;
        Model::Shape(ModelCounts::from_config(text).expect("a known type"))
    }

    fn found(model: &Model, count: u32, wanted: Wanted) -> Option<Found> {
        quickest(model, &Rates::dgx_a100(), count, 2048, Scores::Fused, &wanted)
    }

    #[test]
    fn everything_known_is_that_one_layout() {
        let wanted = Wanted {
            tensor: Some(8),
            pipeline: Some(8),
            data: Some(2),
            zero: Some(0),
            micro_batch: Some(1),
            interleave: Some(3),
            recompute: Some(Recompute::Blocks),
            sequences: Some(128),
            ..Wanted::default()
        };
        let found = found(&gpt_3(), 128, wanted).expect("it divides");
        assert_eq!((found.layouts, found.batch.sequences, found.sharing.data), (1, 128, 2));
        assert!(found.fits && (found.slowest_mfu - found.step.mfu).abs() < 1e-15);
    }

    #[test]
    fn what_is_left_open_is_chosen_no_slower() {
        let given = Wanted { tensor: Some(8), pipeline: Some(8), ..Wanted::default() };
        let (part, open) = (found(&gpt_3(), 128, given), found(&gpt_3(), 128, Wanted::default()));
        let (part, open) = (part.expect("it divides"), open.expect("some fit"));
        assert!(open.step.mfu >= part.step.mfu && open.layouts > part.layouts && open.fits);
        assert_eq!((part.sharing.tensor, part.sharing.pipeline), (8, 8));
    }

    #[test]
    fn a_layout_too_large_is_given_as_one_that_does_not_fit() {
        let alone = Wanted { tensor: Some(1), pipeline: Some(1), zero: Some(0), ..Wanted::default() };
        let found = found(&gpt_3(), 128, alone).expect("it divides");
        assert!(!found.fits && found.layouts == 0 && found.held.gb() > 1000.0);
    }

    #[test]
    fn what_does_not_divide_is_none() {
        let odd = Wanted { pipeline: Some(7), ..Wanted::default() };
        assert_eq!(found(&gpt_3(), 128, odd), None);
        assert_eq!(found(&Model::Unknown, 128, Wanted::default()), None);
    }

    #[test]
    fn sizes_beyond_all_reason_are_no_layout() {
        let most = 1_000_000;
        let wanted = Wanted { micro_batch: Some(most), context: Some(most), pipeline: Some(96), ..Wanted::default() };
        assert_eq!(found(&gpt_3(), 10_000_000, wanted), None);
        let none = Wanted { tensor: Some(0), pipeline: Some(0), expert: Some(0), ..Wanted::default() };
        assert_eq!(found(&gpt_3(), 128, none), None);
        let huge = Wanted { micro_batch: Some(most), ..Wanted::default() };
        assert!(found(&gpt_3(), 10_000_000, huge).is_none_or(|found| !found.fits));
    }

    #[test]
    fn a_run_has_the_kernels_of_its_year() {
        let of = |year| Scores::of_year(year) == Scores::Fused;
        assert!(of(None) && of(Some(2023)) && !of(Some(2022)));
    }

    #[test]
    fn kernels_of_before_2023_are_slower() {
        let at = |scores| quickest(&gpt_3(), &Rates::dgx_a100(), 1024, 2048, scores, &Wanted::default());
        let mfu = |scores| at(scores).expect("some fit").step.mfu;
        assert!(mfu(Scores::Stored) < mfu(Scores::Fused));
    }

    #[test]
    fn longer_sequences_leave_the_batch_as_it_is() {
        let model = Model::Bare { params_total: 8_000_000_000, params_active: 8_000_000_000 };
        let tokens = |seq_len: u32| {
            let found = quickest(&model, &Rates::dgx_a100(), 1024, seq_len, Scores::Fused, &Wanted::default())
                .expect("some fit");
            f64::from(found.batch.sequences) * f64::from(seq_len)
        };
        for seq_len in [2048, 8192, 16_384] {
            assert!(tokens(seq_len) <= MOST_OVER_BATCH * usual_batch_tokens(8e9, 1024), "{}", tokens(seq_len));
        }
    }

    #[test]
    fn spread_experts_make_a_mixture_fit() {
        let model = Model::Bare { params_total: 400_000_000_000, params_active: 20_000_000_000 };
        let one = found(&model, 512, Wanted { expert: Some(1), pipeline: Some(1), zero: Some(1), ..Wanted::default() });
        let spread =
            found(&model, 512, Wanted { expert: Some(64), pipeline: Some(1), zero: Some(1), ..Wanted::default() });
        assert!(!one.expect("it divides").fits && spread.expect("it divides").fits);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_quickest_fits_and_uses_less_than_the_peak(size in 8.0..11.5f64, count in 1u32..5000) {
            let params = 10f64.powf(size) as u64;
            let model = Model::Bare { params_total: params, params_active: params };
            if let Some(found) = found(&model, count, Wanted::default()) {
                let Sharing { tensor, pipeline, data, context, .. } = found.sharing;
                prop_assert!(tensor * pipeline * data * context <= count);
                prop_assert!(found.step.mfu > 0.0 && found.step.mfu <= PRODUCT_EFFICIENCY);
                prop_assert!(!found.fits || found.slowest_mfu <= found.step.mfu);
                prop_assert_eq!(found.fits, found.held.gb() <= 80.0);
            }
        }
    }
}
