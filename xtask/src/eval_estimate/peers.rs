//! The formulas of others, on our rows.
//!
//! In: a published run, and all of them where a formula looks at the others. Out: the useful share of peak that it would take.

use crate::calibrate::Published;
use greenwich_estimate::calibrate::quantile_of;

/// Useful share of peak of a run, by a formula that may look at all other runs.
pub(super) type Peer = fn(&Published, &[Published]) -> f64;

/// Every formula with its name.
pub(super) fn peers() -> Vec<(&'static str, Peer)> {
    vec![
        ("6·N·D over 40 % of peak", |_, _| 0.40),
        ("6·N·D over 30 % of peak", |_, _| 0.30),
        ("8·N·D over 50 % of peak (recomputation counted)", |_, _| 0.50 * 6.0 / 8.0),
        ("median of the generation, other organisations' runs", generation_median),
        ("LLMCarbon's quadratics in the size", |one, _| {
            llmcarbon_tflops(one.params_active, one.memory_gb) / one.peak.tflops()
        }),
    ]
}

/// Median useful share of other organisations' runs on the generation, of all others where it has none.
fn generation_median(one: &Published, all: &[Published]) -> f64 {
    let others = all.iter().filter(|other| other.run.organisation != one.run.organisation);
    let (own, rest): (Vec<&Published>, Vec<&Published>) =
        others.partition(|other| other.run.generation == one.run.generation);
    let mut shares: Vec<f64> =
        if own.is_empty() { rest } else { own }.into_iter().map(|other| other.run.log_useful_share.exp()).collect();
    shares.sort_by(f64::total_cmp);
    quantile_of(&shares, 0.5)
}

/// TFLOP/s of one device by LLMCarbon: a quadratic in the parameters for models that tensor parallelism over a node of eight holds, and
/// another for those that need a pipeline, both fitted on A100 of 80 GB; any device of other memory is taken for a V100.
///
/// # Sources
/// A. Faiz et al., "LLMCarbon", arXiv:2309.14393; coefficients, 0.03 billion parameters a gigabyte and 7.76 ÷ 33.46 as in its repository
/// (SotaroKaneda/MLCarbon, `gpu_training.py`, `get_ptd` and `get_throughput`).
fn llmcarbon_tflops(params: f64, memory_gb: f64) -> f64 {
    let node = 8.0 * 0.03 * memory_gb * 1e9;
    let [square, linear, constant] = if params < node {
        [-8.820_790_68e-20, 1.685_911_16e-9, 133.954_735]
    } else {
        [-5.602_337_49e-23, 8.454_355_87e-11, 134.546_129]
    };
    let on_a100 = square * params * params + linear * params + constant;
    let of_80_gb = (memory_gb - 80.0).abs() < 0.5;
    if of_80_gb { on_a100 } else { on_a100 * (1.0 - 7.76 / 33.46) / 312.0 * 125.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llmcarbons_quadratics_pass_near_the_table_they_were_fitted_on() {
        // Narayanan 2021, table 1: 142 at 7.5 B, 140 at 76.1 B, 163 at 1,008 B.
        for (billions, published, tolerance) in [(7.5, 142.0, 5.0), (76.1, 140.0, 5.0), (1008.0, 163.0, 6.0)] {
            let found = llmcarbon_tflops(billions * 1e9, 80.0);
            assert!((found - published).abs() < tolerance, "{billions}: {found}");
        }
        assert!(llmcarbon_tflops(7.5e9, 40.0) < 45.0);
    }
}
