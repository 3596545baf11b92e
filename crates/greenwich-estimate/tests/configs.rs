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

/// How far a count may be from the counter's, by type. LED's plain form multiplies whole overlapping blocks around the
/// band that its tokens see, and strikes out what is beside it.
fn bound(model_type: &str) -> f64 {
    if model_type == "led" { 1e-2 } else { 1e-3 }
}

#[test]
fn forward_flops_agree_with_the_counter() {
    let mut worst: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for row in rows() {
        let Some((tokens, counted)) = row.forward else { continue };
        let found = ModelCounts::from_config(row.config).expect("a config that we read");
        let off = (found.forward_flops(tokens).flops() / counted - 1.0).abs();
        let of_type = worst.entry(row.model_type).or_default();
        *of_type = (of_type.0 + 1, of_type.1.max(off));
        assert!(off <= bound(row.model_type), "off by {off}: {}", row.config);
    }
    let exact = worst.values().filter(|(_, off)| *off < 1e-12).count();
    eprintln!(
        "{} passes of {} types, {exact} of them equal",
        worst.values().map(|(n, _)| n).sum::<usize>(),
        worst.len()
    );
    for (model_type, (passes, off)) in worst.iter().filter(|(_, (_, off))| *off >= 1e-12) {
        eprintln!("{model_type:<20} {passes} {:.4} %", 100.0 * off);
    }
    assert_eq!(worst.len(), architecture::known_types().count());
}

#[test]
fn a_mask_never_costs_more_than_none() {
    for row in rows() {
        let found = ModelCounts::from_config(row.config).expect("a config that we read");
        for tokens in [1, 64, 1000, 100_000] {
            let (full, masked) = (found.forward_flops(tokens).flops(), found.forward_flops_causal(tokens).flops());
            assert!(masked > 0.0 && masked <= full, "{tokens} tokens, {masked} of {full}: {}", row.config);
        }
    }
}

#[test]
fn a_field_that_cannot_be_is_refused_and_never_a_panic() {
    let mut last = "";
    for row in rows() {
        if std::mem::replace(&mut last, row.model_type) == row.model_type {
            continue;
        }
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(row.config) else { panic!("a config") };
        for key in fields.keys() {
            for odd in ["0", "1", "-1", "1073741824", "1.5", "null", "[]", "[1073741824]", "\"odd\"", "true", "{}"] {
                let mut fields = fields.clone();
                fields.insert(key.clone(), serde_json::from_str(odd).expect("a value"));
                if let Ok(found) = ModelCounts::from_config(&serde_json::Value::Object(fields).to_string()) {
                    assert!(found.params_active <= found.params_total, "{key} = {odd}: {}", row.config);
                }
            }
        }
    }
}
