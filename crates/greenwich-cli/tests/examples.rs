//! The examples run as they stand, and the README's picture is what the program draws.
//!
//! In: `examples/` and the real program, from the repository's root as a newcomer would type it. Out: answers on
//! stdout, nothing on stderr, and `docs/images/llm-7b-plan.svg` made again byte for byte.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenwich"))
        .args(arguments)
        .current_dir(root())
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the program runs")
}

fn answer(arguments: &[&str]) -> String {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{arguments:?}: {:?}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("answers are UTF-8")
}

const DENSE: &str = "examples/moe-vs-dense/dense.toml";
const SPARSE: &str = "examples/moe-vs-dense/moe.toml";

#[test]
fn every_example_answers_in_a_hundred_columns() {
    let commands: &[&[&str]] = &[
        &["plan", "examples/llm-7b.toml"],
        &["plan", "examples/llm-7b.toml", "--explain"],
        &["plan", "examples/gpt-3.toml"],
        &["plan", "examples/on-premises.toml"],
        &["plan", "examples/on-premises.toml", "--signal", "direct", "--set", "site.zone=US-CAL-CISO"],
        &["plan", "examples/site-weather/job.toml"],
        &["estimate", "examples/site-weather/job.toml"],
        &["estimate", "examples/llm-7b.toml"],
        &["estimate", "examples/on-premises.toml"],
        &["estimate", "examples/llm-7b.toml", "--sweep", "examples/sweep.toml"],
        &["estimate", "examples/on-premises.toml", "--sweep", "chip=h100,mi300x", "--sweep", "zone=GR,FR,PL"],
        &[
            "estimate",
            "--config",
            "examples/layers/resnet50.toml",
            "--samples",
            "115.2e6",
            "--accelerator",
            "a100-sxm4-80g",
            "--count",
            "8",
        ],
        &["estimate", "examples/llm-7b.toml", "--sweep", "layout=8x1x128:zero=1/3:recompute=none/full"],
        &["alternatives", "examples/llm-7b.toml"],
        &["alternatives", "examples/llm-7b.toml", "--explain"],
        &["alternatives", "examples/gpt-3.toml"],
        &["alternatives", "examples/on-premises.toml"],
        &["account", "examples/gpt-3.toml"],
        &["account", DENSE],
        &["levers", DENSE, SPARSE],
        &["levers", DENSE, SPARSE, "--scope2", "market"],
        &["facts", "list"],
        &["facts", "explain", "gcp/us-central1"],
        &["facts", "show", "h100-sxm"],
        &["facts", "check"],
    ];
    for arguments in commands {
        let text = answer(arguments);
        assert!(!text.is_empty() && !text.contains('\u{1b}'), "{arguments:?}");
        if arguments[0] != "facts" {
            let long = text.lines().find(|line| line.chars().count() > 100);
            assert_eq!(long, None, "{arguments:?}");
        }
        let mut with_json = arguments.to_vec();
        with_json.extend(["--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&answer(&with_json)).expect("JSON");
        assert!(json["schema"].as_str().is_some_and(|schema| schema.starts_with("greenwich.")), "{arguments:?}");
    }
}

#[test]
fn the_same_question_has_the_same_answer() {
    let plan = ["plan", "examples/llm-7b.toml", "--format", "json"];
    assert_eq!(answer(&plan), answer(&plan));
}

#[test]
fn the_readmes_picture_is_what_the_program_draws() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let drawn = folder.path().join("plan.svg");
    answer(&["plan", "examples/llm-7b.toml", "--svg", drawn.to_str().expect("UTF-8")]);
    let drawn = std::fs::read_to_string(drawn).expect("written");
    let kept = root().join("docs/images/llm-7b-plan.svg");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&kept, &drawn).expect("writable");
    }
    let kept = std::fs::read_to_string(kept).unwrap_or_default();
    assert!(kept == drawn, "docs/images/llm-7b-plan.svg is old: run this test with UPDATE_DOCS=1 and look at it");
}

#[test]
fn colour_is_asked_for_and_never_needed() {
    let plain = answer(&["levers", DENSE, SPARSE, "--color", "never"]);
    let coloured = answer(&["levers", DENSE, SPARSE, "--color", "always"]);
    assert!(coloured.contains('\u{1b}'));
    let mut bare = String::new();
    let mut inside = false;
    for letter in coloured.chars() {
        match letter {
            '\u{1b}' => inside = true,
            'm' if inside => inside = false,
            _ if inside => {}
            _ => bare.push(letter),
        }
    }
    assert_eq!(bare, plain);
}
