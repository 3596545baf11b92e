//! Every key that comes out is on the page of JSON answers, and every key on the page comes out.
//!
//! In: the real program on the examples, and `docs/reference/json.md`. Out: the keys that one has and the
//! other has not.

mod rig;
#[path = "rig/server.rs"]
mod server;

use rig::Rig;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Commands whose answers together hold every key.
const COMMANDS: [&str; 17] = [
    "estimate examples/llm-7b.toml",
    "estimate --params 7e9 --tokens 2e12 --accelerator h100-sxm --count 512",
    "estimate examples/llm-7b.toml --sweep chip=a100-sxm4-80g,tpu-v4 --sweep precision=bf16 --sweep count=8,512 --sweep layout=8x4x16,1x1x8 --sweep region=gcp/europe-north1,aws/eu-north-1 --sweep datacenter=typical",
    "account examples/gpt-3.toml",
    "account examples/gpt-3.toml --set fleet.yearly_energy_mwh=100000",
    "levers examples/moe-vs-dense/dense.toml examples/moe-vs-dense/moe.toml",
    "alternatives examples/llm-7b.toml",
    "plan examples/llm-7b.toml",
    "plan examples/llm-7b.toml --deadline 2026-01-10T00:00:00Z --set schedule.interruptible=false",
    "plan examples/gpt-3.toml --signal direct --set schedule.regions=azure/us*",
    "plan examples/on-premises.toml",
    "plan examples/site-weather/job.toml",
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
    rig.kill(&["--zone", "GB"], 20.0);
    let answers = OF_A_LEDGER.iter().map(|words| rig.json(&words.split(' ').collect::<Vec<_>>())).collect();
    std::fs::write(rig.ledger().join("entries/stray.json"), "{}").expect("writable");
    let broken = rig.run(&["ledger", "verify", "--format", "json"]);
    let broken = serde_json::from_slice(&broken.stdout).expect("one JSON document");
    [answers, vec![broken]].concat()
}

/// Commands on grid signals, by a file of one's own.
const OF_SIGNALS: [&str; 3] = [
    "signals fetch XX --from=2026-01-05T00:00:00Z --until=2026-01-05T02:00:00Z",
    "signals list",
    "signals providers XX",
];

fn answers_of_signals() -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let csv = "utc,gco2e_per_kwh\n2026-01-05T00:00:00Z,100\n2026-01-05T01:00:00Z,200\n";
    std::fs::write(folder.path().join("XX.csv"), csv).expect("writable");
    let answer = |command: &&str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_greenwich"));
        program.args(command.split(' ')).args(["--format", "json", "--offline"]).current_dir(folder.path());
        program.env("GREENWICH_HOME", folder.path().join("home")).env("GREENWICH_SIGNALS", folder.path());
        let output = program.output().expect("the program runs");
        assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    };
    OF_SIGNALS.iter().map(answer).collect()
}

/// What is traced of a zone whose neighbour is outside, from a platform on the loopback.
fn answer_of_a_tracing() -> Value {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let series = "<TimeSeries><MktPSRType><psrType>B14</psrType></MktPSRType><curveType>A03</curveType><Period><timeInterval>\
        <start>2026-01-05T00:00Z</start><end>2026-01-05T02:00Z</end></timeInterval><resolution>PT60M</resolution>\
        <Point><position>1</position><quantity>10</quantity></Point></Period></TimeSeries>";
    let document = move |_: &str| (200, "text/xml", format!("<GL_MarketDocument>{series}</GL_MarketDocument>"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_greenwich"));
    program.env("GREENWICH_HOME", folder.path()).env("ENTSOE_API_KEY", "k").current_dir(folder.path());
    program.env("GREENWICH_ENTSOE_URL", server::serve_by(document).0);
    let words =
        "signals trace PT --fetch --strict --format json --from=2026-01-05T00:00:00Z --until=2026-01-05T02:00:00Z";
    let output = program.args(words.split(' ')).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert!(value["outside"][0]["zone"].is_string(), "{value}");
    value
}

/// What is said of the hours to come, from a history by formula.
fn answers_of_the_grid() -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start: jiff::Timestamp = "2026-01-05T00:00:00Z".parse().expect("a stamp");
    let row = |hour: i32| {
        format!("{},{}\n", start + jiff::SignedDuration::from_hours(1) * hour, 200 + hour % 24 * 5 + hour % 7)
    };
    let rows: String = (0..2000).map(row).collect();
    std::fs::create_dir(folder.path().join("grid")).expect("made");
    std::fs::write(folder.path().join("grid/ES.csv"), format!("utc,gco2e_per_kwh\n{rows}")).expect("written");
    let job = "schema = \"greenwich.job/1\"\nname = \"j\"\n[machine]\naccelerator = \"a100-sxm4-80g\"\ncount = 8\nhours = 8\n[site]\nzone = \"ES\"\n[schedule]\nrelease = 2026-03-30T00:00:00Z\ndeadline = 2026-04-01T00:00:00Z\n";
    std::fs::write(folder.path().join("job.toml"), job).expect("written");
    let asked = [
        "forecast --history grid/ES.csv --at 2026-03-20T00:00:00Z",
        "backtest --history grid/ES.csv --from 2026-03-10T00:00:00Z --until 2026-03-12T00:00:00Z",
        "now ES --signals grid --at 2026-03-20T00:00:00Z",
        "zones ES --signals grid",
        "wait --hours 8 --deadline 48h --zone ES --typical --dry-run --format json -- true",
        "plan job.toml --signals grid",
    ];
    let answer = |words: &&str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
        command.args(words.split(' ')).current_dir(&folder).env("GREENWICH_HOME", folder.path().join("home"));
        let output =
            if words.contains("--format") { &mut command } else { command.args(["--format", "json"]) }.output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    };
    asked.iter().map(answer).collect()
}

/// What is said of a fleet, from files of one's own.
fn answers_of_a_fleet() -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let jobs = "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible\n\
                a,2022-07-04T00:00:00Z,2022-07-04T04:00:00Z,2,1,700,north,north,0\n\
                b,2022-07-04T00:00:00Z,2022-07-04T04:00:00Z,2,9,700,north,north,1\n\
                c,2022-07-04T00:00:00Z,2022-07-04T02:00:00Z,2,1,700,north,north,0\n";
    let rows = [300, 200, 100, 100].iter().zip(0..).map(|(grams, hour)| format!("2022-07-04T0{hour}:00:00Z,{grams}\n"));
    let trace = format!("utc,gco2e_per_kwh\n{}", rows.collect::<String>());
    // One that moves its data, pauses and changes its size, of a project with a quota.
    let more = "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible,data_gb,restart_minutes,speedup,project\n\
                a,2022-07-04T00:00:00Z,2022-07-04T04:00:00Z,2,1,700,old,old|new,1,1,5,1:1|2:1.9,p\n";
    let dear = "utc,gco2e_per_kwh\n2022-07-04T00:00:00Z,900\n2022-07-04T01:00:00Z,900\n2022-07-04T02:00:00Z,900\n\
                2022-07-04T03:00:00Z,900\n";
    let files = [
        ("jobs.csv", jobs),
        ("sites.csv", "site,zone,pue,accelerators\nnorth,ES,1.1,1\n"),
        ("ES.csv", &trace),
        ("more.csv", more),
        ("two.csv", "site,zone,pue,accelerators,usd_per_kwh\nold,PL,1.1,1,0.1\nnew,ES,1.1,2,0.1\n"),
        ("PL.csv", dear),
        ("quotas.csv", "project,co2e_kg\np,1\n"),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("writable");
    }
    let asked = [
        "plan --jobs jobs.csv --sites sites.csv --signals . --start 2022-07-04T00:00:00Z --hours 4 --out plan.csv --certificate c.json --why a",
        "plan verify c.json",
        "plan --jobs more.csv --sites two.csv --signals . --start 2022-07-04T00:00:00Z --hours 4 --out more-plan.csv \
         --certificate more.json --why a --carbon-price 100 --delay-penalty-g 1 --quotas quotas.csv",
        "plan verify more.json",
    ];
    let answer = |words: &&str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
        let words_of = words.split_whitespace();
        let output = command.args(words_of).args(["--format", "json"]).current_dir(&folder).output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    };
    asked.iter().map(answer).collect()
}

/// What is said of jobs that are kept: one that is planned, one that waits on this machine and is ended.
fn answers_of_kept_jobs() -> Vec<Value> {
    let rig = Rig::new();
    let sites = "schema = \"greenwich.sites/1\"\n[[site]]\nname = \"here\"\nzone = \"GB\"\naccelerators = 8\n\
                 backend = \"local\"\n[[budget]]\nproject = \"poor\"\nenergy_kwh = 0\naction = \"warn\"\n";
    std::fs::write(rig.folder.path().join("sites.toml"), sites).expect("writable");
    let job = "submit --accelerator h100-sxm --count 8 --hours 2 --project poor --deadline 48h \
               --time-scale 2 --origin 2026-06-01T00:00:00Z --set schedule.release=2026-06-02T00:00:00Z \
               --set schedule.deadline=2026-06-03T00:00:00Z --format json --quiet";
    let of = |words: &str| {
        let output = rig.run(&words.split_whitespace().collect::<Vec<_>>());
        assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    };
    vec![
        of(&format!("{job} --dry-run -- true")),
        of(&format!("{job} -- true")),
        of("jobs list --format json"),
        of("jobs cancel last --why tried --format json"),
        of("jobs clean --format json"),
    ]
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
    for answer in COMMANDS
        .into_iter()
        .map(answer)
        .chain(answers_of_a_ledger())
        .chain(answers_of_the_grid())
        .chain(answers_of_signals())
        .chain(answers_of_a_fleet())
        .chain([answer_of_a_tracing()])
        .chain(answers_of_kept_jobs())
    {
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
            "greenwich.kept/1" => named(sections["greenwich.jobs/1"]),
            "greenwich.submit/1" => &named(sections["greenwich.plan/1"]) | &named(sections["greenwich.estimate/1"]),
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
