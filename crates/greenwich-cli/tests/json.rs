//! Every key that comes out is on the page of JSON answers, and every key on the page comes out.
//!
//! In: the real program on the examples, and `docs/reference/json.md`. Out: the keys that one has and the
//! other has not.

mod rig;

use rig::Rig;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Commands whose answers together hold every key.
const COMMANDS: [&str; 14] = [
    "estimate examples/llm-7b.toml",
    "estimate --params 7e9 --tokens 2e12 --accelerator h100-sxm --count 512",
    "account examples/gpt-3.toml",
    "account examples/gpt-3.toml --set fleet.yearly_energy_mwh=100000",
    "levers examples/moe-vs-dense/dense.toml examples/moe-vs-dense/moe.toml",
    "plan examples/llm-7b.toml",
    "plan examples/llm-7b.toml --deadline 2026-01-10T00:00:00Z --set schedule.interruptible=false",
    "plan examples/gpt-3.toml --signal direct --set schedule.regions=azure/us*",
    "plan examples/on-premises.toml",
    "facts list",
    "facts list models",
    "facts show h100-sxm5-80g",
    "facts explain coal",
    "facts check",
];
/// Commands on a ledger that holds a run, one that was cut off and one that was corrected.
const OF_A_LEDGER: [&str; 11] = [
    "ledger list",
    "ledger show last",
    "ledger summary --by project,phase --fleet-kwh 10",
    "ledger hours last",
    "ledger verify",
    "ledger import codecarbon emissions.csv",
    "ledger recover",
    "account last --zone PL --accelerator h100-sxm",
    "report last --for json",
    "doctor --sysfs-root sys",
    "doctor --sysfs-root nowhere",
];
/// Parts of the page that hold for more than one schema.
const SHARED: [&str; 2] = ["Quantities", "Factors"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every answer that a ledger gives, after something happened in it.
fn answers_of_a_ledger() -> Vec<Value> {
    let rig = Rig::new();
    let node = "[node]\nidle_w = 40\nrest_w = 60\npsu_efficiency = 0.9\n";
    std::fs::write(rig.folder.path().join("greenwich.toml"), node).expect("writable");
    assert!(rig.meter(&["--zone", "GB", "--project", "p", "--phase", "final"], &["sleep", "0.3"]).status.success());
    let csv = "timestamp,run_id,duration,energy_consumed,codecarbon_version\n2026-03-01T12:30:00,a,5400,1.2,3.3.2\n";
    std::fs::write(rig.folder.path().join("emissions.csv"), csv).expect("writable");
    rig.kill(&["--zone", "GB"]);
    let answers = OF_A_LEDGER.iter().map(|words| rig.json(&words.split(' ').collect::<Vec<_>>())).collect();
    std::fs::write(rig.ledger().join("entries/stray.json"), "{}").expect("writable");
    let broken = rig.run(&["ledger", "verify", "--format", "json"]);
    let broken = serde_json::from_slice(&broken.stdout).expect("one JSON document");
    [answers, vec![broken]].concat()
}

fn answer(command: &str) -> Value {
    let words = command.split_whitespace().chain(["--format", "json"]);
    let output = Command::new(env!("CARGO_BIN_EXE_greenwich")).args(words).current_dir(root()).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                found.insert(key.clone());
                keys(inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

/// What the page says below each of its headings.
fn sections(page: &str) -> BTreeMap<&str, &str> {
    page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect()
}

/// The words in code marks that have the form of a key.
fn named(section: &str) -> BTreeSet<String> {
    let marked = section.split('`').skip(1).step_by(2);
    let is_key = |word: &&str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '_' | '0'..='9'))
    };
    marked.filter(is_key).map(str::to_owned).collect()
}

#[test]
fn every_key_that_comes_out_is_named_under_its_schema_and_every_key_named_first_comes_out() {
    let page = std::fs::read_to_string(root().join("docs/reference/json.md")).expect("the page is there");
    let sections = sections(&page);
    let shared: BTreeSet<String> = SHARED.iter().flat_map(|heading| named(sections[heading])).collect();
    let general = named(page.split("\n## ").next().expect("the page begins"));
    let mut seen = BTreeMap::<String, BTreeSet<String>>::new();
    for answer in COMMANDS.into_iter().map(answer).chain(answers_of_a_ledger()) {
        let schema = answer["schema"].as_str().expect("every answer names its schema").to_owned();
        keys(&answer, seen.entry(schema).or_default());
    }
    let schemas: BTreeSet<&str> = seen.keys().map(String::as_str).collect();
    let described: BTreeSet<&str> =
        sections.keys().copied().filter(|heading| heading.starts_with("greenwich.")).collect();
    assert_eq!(schemas, described, "schemas that come out, and schemas that the page describes");
    for (schema, keys) in &seen {
        // An account is described as an estimate with more, and several runs as runs.
        let of_another = match schema.as_str() {
            "greenwich.account/1" => named(sections["greenwich.estimate/1"]),
            "greenwich.runs/1" => named(sections["greenwich.run/1"]),
            _ => BTreeSet::new(),
        };
        let own = named(sections[schema.as_str()]);
        let unnamed: Vec<&String> = keys
            .iter()
            .filter(|key| ![&own, &of_another, &shared, &general].iter().any(|named| named.contains(*key)))
            .collect();
        assert!(unnamed.is_empty(), "docs/reference/json.md does not name these keys of {schema}: {unnamed:?}");
    }
    let all: BTreeSet<&String> = seen.values().flatten().collect();
    for (heading, text) in &sections {
        let firsts = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
        let stale: Vec<String> = firsts.flat_map(named).filter(|key| !all.contains(key)).collect();
        assert!(stale.is_empty(), "docs/reference/json.md names under {heading} what no answer has: {stale:?}");
    }
}
