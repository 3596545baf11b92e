//! The table of the four levers: what it holds, and where it refuses.

use greenwich::alternatives::{Alternatives, Lever, alternatives};
use greenwich::{Greenwich, job_file};

fn of(keys: &[(&str, &str)]) -> Alternatives {
    let keys: Vec<(String, String)> =
        keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let spec = job_file::from_flags(&keys).expect("the flags are right");
    alternatives(&Greenwich::load(), &spec).expect("it is estimated")
}

const JOB: [(&str, &str); 5] = [
    ("model.params", "2e9"),
    ("model.tokens", "4e10"),
    ("machine.accelerator", "h100-sxm"),
    ("machine.count", "64"),
    ("site.region", "gcp/us-central1"),
];

fn with(changes: &[(&'static str, &'static str)]) -> Alternatives {
    let kept = JOB.into_iter().filter(|(key, _)| changes.iter().all(|(other, _)| other != key));
    of(&kept.chain(changes.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn every_lever_has_a_row_with_a_source() {
    let found = with(&[]);
    for lever in [Lever::Model, Lever::Machine, Lever::Mechanization, Lever::Map] {
        let mut rows = found.rows.iter().filter(|row| row.lever == lever && row.ratio.is_some());
        assert!(rows.any(|row| !row.source.is_empty()), "{lever:?}");
    }
}

#[test]
fn the_compute_optimal_size_costs_no_more_than_the_job() {
    for (params, tokens) in [("1e9", "1e12"), ("2e9", "4e10"), ("1.3e10", "1e11")] {
        let found = with(&[("model.params", params), ("model.tokens", tokens)]);
        let best = found.rows.iter().find(|row| row.choice.starts_with("compute-optimal")).expect("it is there");
        assert!(best.ratio.is_some_and(|ratio| ratio > 0.0 && ratio <= 1.0 + 1e-9), "{best:?}");
    }
}

#[test]
fn a_sparse_model_needs_under_a_third_of_the_dense_work() {
    let found = with(&[]);
    let sparse = found.rows.iter().find(|row| row.choice.starts_with("mixture")).expect("it is there");
    assert!(sparse.ratio.is_some_and(|ratio| ratio > 0.01 && ratio < 0.33), "{sparse:?}");
}

#[test]
fn a_law_is_marked_outside_of_its_runs_and_refused_far_outside() {
    let marked = with(&[("model.params", "7e9"), ("model.tokens", "2e12")]);
    let of_the_model = |found: &Alternatives| -> Vec<String> {
        found.rows.iter().filter(|row| row.lever == Lever::Model).filter_map(|row| row.note.clone()).collect()
    };
    assert!(of_the_model(&marked).iter().any(|note| note.contains("extrapolated: 4.0 times beyond")), "{marked:?}");
    let refused = with(&[("model.params", "1e12"), ("model.tokens", "6e13"), ("machine.count", "4096")]);
    assert_eq!(refused.expected_loss, None);
    assert!(of_the_model(&refused).iter().filter(|note| note.starts_with("refused")).count() >= 2);
}

#[test]
fn a_mixture_is_no_size_for_a_dense_law() {
    let found = with(&[("model.active_params", "5e8")]);
    assert_eq!(found.expected_loss, None);
    assert!(found.rows.iter().any(|row| row.choice == "another size" && row.ratio.is_none()));
}

#[test]
fn every_range_holds_its_ratio() {
    for row in with(&[]).rows {
        if let (Some(ratio), Some(low), Some(high)) = (row.ratio, row.ratio_low, row.ratio_high) {
            assert!(low <= ratio && ratio <= high && low < high, "{row:?}");
        }
    }
}
