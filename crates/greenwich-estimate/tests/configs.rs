//! Every config of `counts.tsv` against the library's own count: parameters to the digit, FLOPs within their bound.
//!
//! The table is made by `scripts/dev/count_models.py`: several shapes of every type, and each type's own defaults with
//! everything but the sizes left out.

use greenwich_estimate::{ModelCounts, architecture};
use std::collections::BTreeMap;

const COUNTS: &str = include_str!("counts.tsv");

struct Counted {
    model_type: &'static str,
    params: [u64; 4],
    forward: Option<(u64, f64)>,
    config: &'static str,
}

fn rows() -> Vec<Counted> {
    let row = |line: &'static str| {
        let cells: Vec<&'static str> = line.split('\t').collect();
        let number = |cell: usize| cells[cell].parse::<u64>().ok();
        let whole = |cell: usize| number(cell).expect("a whole number");
        let forward = number(5).zip(number(6)).map(|(tokens, flops)| (tokens, flops as f64));
        Counted { model_type: cells[0], params: [1, 2, 3, 4].map(whole), forward, config: cells[7] }
    };
    COUNTS.lines().skip(2).map(row).collect()
}

fn params(found: &ModelCounts) -> [u64; 4] {
    [found.params_total, found.params_active, found.embedding_params, found.matmul_params]
}

#[test]
fn total_active_looked_up_and_multiplied_parameters_are_equal_to_the_digit() {
    let mut configs: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows() {
        *configs.entry(row.model_type).or_default() += 1;
        match ModelCounts::from_config(row.config) {
            Ok(found) if params(&found) == row.params => {}
            Ok(found) => wrong.push(format!("{:?} counted {:?}: {}", params(&found), row.params, row.config)),
            Err(error) => wrong.push(format!("{error}: {}", row.config)),
        }
    }
    eprintln!("{} configs of {} types", configs.values().sum::<usize>(), configs.len());
    for (model_type, configs) in &configs {
        eprintln!("{model_type:<20} {configs}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(configs.into_keys().collect::<Vec<_>>(), architecture::known_types().collect::<Vec<_>>());
}

#[test]
fn forward_flops_agree_with_the_counter() {
    let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
    for row in rows() {
        let (Some((tokens, counted)), Ok(found)) = (row.forward, ModelCounts::from_config(row.config)) else { continue };
        let off = (found.forward_flops(tokens).flops() / counted - 1.0).abs();
        let of_type = worst.entry(row.model_type).or_default();
        if off > 1e-3 { eprintln!("{off:.5} {} {counted} {}", found.forward_flops(tokens).flops(), row.config); }
        *of_type = of_type.max(off);
    }
    for (model_type, off) in &worst {
        eprintln!("{model_type:<20} {:.4} %", 100.0 * off);
    }
    assert!(worst.values().all(|off| *off <= 1e-3));
}
