//! What people read when their input is wrong: message, mend, code and exit status, by the real program.
//!
//! In: job files with one thing wrong each. Out: stderr and status, held by one snapshot. Every message names
//! the file, the line or key, what was found, what is allowed, and one act that mends it.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// A job that is right.
const JOB: &str = r#"schema = "greenwich.job/1"
name = "job"
[model]
params = 7e9
tokens = 1e11
seq_len = 4096
[machine]
accelerator = "a100-sxm4-80g"
count = 256
[site]
region = "gcp/us-central1"
[schedule]
release = 2026-01-05T00:00:00Z
deadline = 2026-02-05T00:00:00Z
regions = ["gcp/europe-*"]
"#;

/// Runs the program in a folder; its paths are shown as `DIR`.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_greenwich"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("COLUMNS")
        .output()
        .expect("the program runs");
    assert!(output.stdout.is_empty(), "nothing goes to stdout when there is no answer: {arguments:?}");
    let stderr = String::from_utf8(output.stderr).expect("messages are UTF-8");
    format!("{stderr}  exit: {}\n", output.status.code().expect("it was not killed"))
}

/// What happens when `from` in the right job is replaced by `to`.
fn changed(command: &str, from: &str, to: &str) -> String {
    assert!(JOB.contains(from), "the job holds `{from}`");
    given(command, JOB.replacen(from, to, 1).as_bytes())
}

fn given(command: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("job.toml"), bytes).expect("written");
    run(folder.path(), &[command, "job.toml"])
}

#[test]
fn bad_input_names_place_finding_limits_and_mend() {
    let changes: &[(&str, &str, &str, &str)] = &[
        ("an unknown key", "plan", "count = 256", "coumt = 256"),
        ("an unknown table", "plan", "[site]", "[sites]"),
        ("an unknown key with nothing near", "plan", "count = 256", "count = 256\nzzz = 1"),
        ("text where a number belongs, with its unit", "plan", "tokens = 1e11", "tokens = \"100 B\""),
        ("a number where text belongs", "plan", "region = \"gcp/us-central1\"", "region = 7"),
        ("a negative value", "plan", "count = 256", "count = -256"),
        ("an absurd value: PUE", "plan", "[schedule]", "pue = 11\n[schedule]"),
        ("an absurd value: MFU in per cent", "plan", "count = 256", "count = 256\nmfu = 45"),
        (
            "an absurd value: power in kilowatts",
            "account",
            "count = 256",
            "count = 256\nhours = 10\nmean_power_w = 0.4",
        ),
        ("half an accelerator", "plan", "count = 256", "count = 0.5"),
        ("an unknown accelerator", "plan", "a100-sxm4-80g", "a100-smx4-80g"),
        ("an ambiguous accelerator", "plan", "a100-sxm4-80g", "a100"),
        ("an unknown region", "plan", "gcp/us-central1", "gcp/us-centrl1"),
        ("a pattern that no region matches", "plan", "gcp/europe-*", "gpc/*"),
        ("an unknown zone", "plan", "region = \"gcp/us-central1\"", "zone = \"DEE\""),
        ("a country for a zone", "plan", "region = \"gcp/us-central1\"", "zone = \"Germany\""),
        ("an accelerator as its driver calls it", "plan", "a100-sxm4-80g", "NVIDIA H100 80GB HBM3"),
        ("a provider for its regions", "plan", "gcp/europe-*", "gcp"),
        (
            "a zone that is not the region's",
            "plan",
            "region = \"gcp/us-central1\"",
            "region = \"gcp/us-central1\"\nzone = \"DE\"",
        ),
        ("a deadline too near", "plan", "2026-02-05", "2026-01-06"),
        ("a deadline before the release", "plan", "2026-02-05", "2025-02-05"),
        ("a deadline centuries away", "plan", "2026-02-05", "2226-02-05"),
        ("a date without a time", "plan", "2026-01-05T00:00:00Z", "2026-01-05"),
        ("a time without an offset", "plan", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00"),
        ("a date that is none", "plan", "2026-01-05T00:00:00Z", "\"next Monday\""),
        (
            "no schedule",
            "plan",
            "[schedule]\nrelease = 2026-01-05T00:00:00Z\ndeadline = 2026-02-05T00:00:00Z\nregions = [\"gcp/europe-*\"]\n",
            "",
        ),
        ("a model too large", "estimate", "params = 7e9", "params = 7e12"),
        ("more active than all parameters", "estimate", "params = 7e9", "params = 7e9\nactive_params = 8e9"),
        ("two ways to name the model", "estimate", "params = 7e9", "params = 7e9\nname = \"llama-2-7b\""),
        ("an unknown model", "estimate", "params = 7e9", "name = \"llama-3-7b\""),
        ("a config that is not there", "estimate", "params = 7e9", "config = \"config.json\""),
        ("a layout of another size", "estimate", "count = 256", "count = 256\nlayout = {tp = 8, pp = 4, dp = 4}"),
        ("an unknown precision", "estimate", "seq_len = 4096", "seq_len = 4096\nprecision = \"bf8\""),
        ("nothing that tells the work", "estimate", "tokens = 1e11\n", ""),
        ("no accelerator", "estimate", "accelerator = \"a100-sxm4-80g\"\n", ""),
        ("no hours to account for", "account", "count = 256", "count = 256"),
        ("a wrong schema", "plan", "greenwich.job/1", "greenwich.job/2"),
        ("no schema", "plan", "schema = \"greenwich.job/1\"\n", ""),
        ("broken TOML", "plan", "count = 256", "count = "),
        ("an empty list", "plan", "[\"gcp/europe-*\"]", "[]"),
        ("a flag in quotes", "plan", "[schedule]", "[schedule]\ninterruptible = \"yes\""),
    ];
    let mut all = String::new();
    for (what, command, from, to) in changes {
        _ = write!(all, "# {what}\n{}\n", changed(command, from, to));
    }
    insta::assert_snapshot!("bad_input", all);
}

#[test]
fn files_that_are_not_job_files_are_told_apart() {
    let mut all = String::new();
    _ = write!(all, "# not UTF-8\n{}\n", given("plan", b"name = \"caf\xe9\""));
    _ = write!(all, "# empty\n{}\n", given("plan", b""));
    let folder = tempfile::tempdir().expect("a temporary folder");
    _ = write!(all, "# a file that is not there\n{}\n", run(folder.path(), &["plan", "nowhere.toml"]));
    _ = write!(all, "# a folder\n{}\n", run(folder.path(), &["plan", "."]));
    std::fs::write(folder.path().join("job.json"), b"{\"schema\": ").expect("written");
    _ = write!(all, "# broken JSON\n{}\n", run(folder.path(), &["plan", "job.json"]));
    std::fs::write(folder.path().join("list.json"), b"[1, 2]").expect("written");
    _ = write!(all, "# JSON of another kind\n{}\n", run(folder.path(), &["plan", "list.json"]));
    std::fs::write(folder.path().join("config.json"), b"{\"model_type\": \"llamma\"}").expect("written");
    std::fs::write(folder.path().join("job.toml"), JOB.replace("params = 7e9", "config = \"config.json\""))
        .expect("written");
    _ = write!(all, "# a config of unknown type\n{}\n", run(folder.path(), &["estimate", "job.toml"]));
    _ = write!(all, "# a model's config for a job\n{}\n", run(folder.path(), &["estimate", "config.json"]));
    insta::assert_snapshot!("bad_files", all);
}

#[test]
fn flags_and_signals_are_told_apart_as_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("job.toml"), JOB).expect("written");
    std::fs::create_dir(folder.path().join("traces")).expect("made");
    let trace = "utc,gco2e_per_kwh\n2026-01-05T00:00:00Z,300\n2026-01-05T01:00:00Z,\n2026-01-05T02:00:00Z,310\n";
    std::fs::write(folder.path().join("traces/US-MIDW-MISO.csv"), trace).expect("written");
    let cases: &[(&str, &[&str])] = &[
        ("no job", &["estimate"]),
        ("a flag out of range", &["estimate", "job.toml", "--mfu", "45"]),
        ("flags that do not make a job", &["estimate", "--params", "7e9"]),
        ("an unknown key by --set", &["plan", "job.toml", "--set", "schedule.dedline=2026-03-01T00:00:00Z"]),
        ("--set without a value", &["plan", "job.toml", "--set", "schedule"]),
        ("an unknown flag", &["plan", "job.toml", "--sginals", "x"]),
        ("an unknown command", &["paln", "job.toml"]),
        ("a trace with a gap", &["plan", "job.toml", "--signals", "traces"]),
        ("no traces there", &["plan", "job.toml", "--signals", "nowhere"]),
        ("a signal that is not known", &["plan", "job.toml", "--signal", "marginal"]),
        ("a picture that cannot be written", &["plan", "job.toml", "--svg", "nowhere/plan.svg"]),
        ("an unknown fact", &["facts", "show", "h100-xsm"]),
        ("an unknown table of facts", &["facts", "list", "acelerators"]),
    ];
    let mut all = String::new();
    for (what, arguments) in cases {
        _ = write!(all, "# {what}\n{}\n", run(folder.path(), arguments));
    }
    insta::assert_snapshot!("bad_flags", all);
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 2, "nothing was written");
}
