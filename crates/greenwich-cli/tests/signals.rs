//! `greenwich signals` as a user runs it, against a server on the loopback.
//!
//! In: the real program, a folder of its own, a server that counts who asks. Out: what is printed, kept and asked for.

#[path = "rig/server.rs"]
mod server;

use insta::assert_snapshot;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

const KEY: &str = "hunter2-s3cret";

struct Rig {
    home: tempfile::TempDir,
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// With a server that gives every question the same answer.
fn rig(status: u16, body: &'static str) -> Rig {
    let (base, asked) = server::serve(status, body);
    Rig { home: tempfile::tempdir().expect("a folder for the test"), base, asked }
}

impl Rig {
    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
        command
            .env_clear()
            .env("GREENWICH_HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("none"));
        for name in ["GREENWICH_NESO_URL", "GREENWICH_ENERGY_CHARTS_URL", "GREENWICH_ELECTRICITY_MAPS_URL"] {
            command.env(name, &self.base);
        }
        command.env("ELECTRICITY_MAPS_API_KEY", KEY).current_dir(self.home.path());
        command.args(words).output().expect("the program runs")
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no test panics here").len()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

const GB: &str = r#"{"data":[
    {"from":"2026-01-05T00:00Z","to":"2026-01-05T00:30Z","intensity":{"forecast":200,"actual":210,"index":"high"}},
    {"from":"2026-01-05T00:30Z","to":"2026-01-05T01:00Z","intensity":{"forecast":190,"actual":null,"index":"high"}}]}"#;
const FETCH: [&str; 8] = [
    "signals",
    "fetch",
    "GB",
    "--signal",
    "direct",
    "--from=2026-01-05T00:00:00Z",
    "--until=2026-01-05T01:00:00Z",
    "-v",
];

#[test]
fn what_is_fetched_once_answers_offline_ever_after() {
    let rig = rig(200, GB);
    let first = rig.run(&FETCH);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(
        text(&first.stderr).contains("/intensity/2026-01-05T00:00Z/2026-01-05T01:00Z: "),
        "{}",
        text(&first.stderr)
    );
    let lines: Vec<String> = text(&first.stdout).lines().map(str::to_owned).collect();
    assert_snapshot!(lines.join("\n"), @"
    GB direct: 2 of 2 steps of 30 min known
    window     2026-01-05 00:00 to 2026-01-05 01:00 UTC
    source     neso (Carbon Intensity API, National Energy System Operator)
    known as   1 measured, 1 forecast
    values     mean 200 gCO2e/kWh, least 190 at 2026-01-05 00:30, most 210 at 2026-01-05 00:00
    came       2 new values, 0 of them revised, from 2026-01-05 00:00 to 2026-01-05 01:00
    licence    CC BY 4.0: name the National Energy System Operator
    ");
    assert_eq!(rig.asked(), 1);

    let offline = rig.run(&[&FETCH[..], &["--offline", "--format", "json"]].concat());
    assert!(offline.status.success(), "{}", text(&offline.stderr));
    let json: serde_json::Value = serde_json::from_slice(&offline.stdout).expect("one JSON document");
    assert_eq!((json["schema"].as_str(), json["asked"].is_null()), (Some("greenwich.signals/1"), true));
    assert_eq!(
        (json["points"][0]["value"].as_f64(), json["points"][1]["state"].as_str()),
        (Some(210.0), Some("forecast"))
    );
    assert_eq!(rig.asked(), 1, "the door stays shut");
    let kept = std::fs::read_to_string(rig.home.path().join("signals/GB.history")).expect("it is kept");
    assert!(kept.starts_with("greenwich.history/1 GB\nblock direct gCO2e/kWh neso "), "{kept}");
}

#[test]
fn offline_and_unknown_ends_with_the_status_of_a_signal_that_is_unavailable() {
    let rig = rig(200, GB);
    let output = rig.run(&["signals", "fetch", "GB", "--signal", "direct", "--offline"]);
    assert_eq!((output.status.code(), output.stdout.len(), rig.asked()), (Some(4), 0, 0));
    assert_snapshot!(text(&output.stderr), @"
    error: `neso` is not asked: the network is not to be used
      help: leave --offline out, or fetch the zone before: greenwich signals fetch ZONE
      code: greenwich::providers::offline
    ");
}

#[test]
fn a_refused_key_is_told_and_never_shown() {
    let rig = rig(401, r#"{"error":"Invalid auth-token hunter2-s3cret"}"#);
    let output = rig.run(&["signals", "fetch", "DE", "--provider", "electricity-maps", "-v", "--explain"]);
    assert_eq!((output.status.code(), rig.asked()), (Some(4), 1));
    let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!shown.contains(KEY), "{shown}");
    assert_snapshot!(shown, @"
    error: `electricity-maps` refuses the key in ELECTRICITY_MAPS_API_KEY (status 401)
      help: copy the key again from your account there into ELECTRICITY_MAPS_API_KEY, or get one: docs/guide/providers/electricity-maps.md
      code: greenwich::providers::key_refused
    ");
}

#[test]
#[cfg(unix)]
fn a_file_of_keys_that_others_may_read_is_refused() {
    let rig = rig(200, GB);
    let path = rig.home.path().join("keys.toml");
    std::fs::write(&path, "EIA_API_KEY = \"hunter2-s3cret\"\n").expect("our own folder");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("our own file");
    let output = rig.run(&["signals", "list"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr).replace(&rig.home.path().display().to_string(), "HOME");
    assert_snapshot!(shown, @"
    error: `HOME/keys.toml` is not used: its mode is 644: others than its owner may read or write it
      help: chmod 600 HOME/keys.toml
      code: greenwich::providers::keys_file
    ");
}

#[test]
fn slips_of_the_pen_are_told() {
    let rig = rig(200, GB);
    let told = |words: &[&str]| {
        let output = rig.run(&[&["signals", "fetch", "GB"], words].concat());
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr)
    };
    assert_snapshot!(told(&["--at", "north"]), @"
    error: --at `north` is no latitude and longitude
      help: write degrees, north and east positive, for example --at 39.75,-104.98
    ");
    assert_snapshot!(told(&["--quantity", "joy"]), @"
    error: --quantity `joy` is none that is known
      help: write lifecycle, direct, marginal, price-EUR, health-damage, load, generation-gas or import-FR
    ");
    assert_snapshot!(told(&["--from=2026-01-05T01:00:00Z", "--until=2026-01-05T01:00:00Z"]), @"
    error: --until 2026-01-05T01:00:00Z is not after --from 2026-01-05T01:00:00Z
      help: give the first instant by --from and a later one by --until
    ");
    assert_eq!(rig.asked(), 0);
}

#[test]
fn a_forecast_fetches_when_it_is_asked_to_and_answers_without_a_network_all_the_same() {
    let hour = r#"{"data":[
        {"from":"2026-01-04T22:00Z","to":"2026-01-04T22:30Z","intensity":{"forecast":200,"actual":210,"index":"high"}},
        {"from":"2026-01-04T22:30Z","to":"2026-01-04T23:00Z","intensity":{"forecast":190,"actual":190,"index":"high"}}]}"#;
    let rig = rig(200, hour);
    let words = ["forecast", "GB", "--signal", "direct", "--at=2026-01-05T00:00:00Z", "--hours=3", "--format", "json"];
    let plain = rig.run(&words);
    assert!(plain.status.success(), "{}", text(&plain.stderr));
    assert_eq!(rig.asked(), 0, "nothing is asked for unless --fetch is given");
    let offline = rig.run(&[&words[..], &["--fetch", "--offline"]].concat());
    assert!(offline.status.success(), "{}", text(&offline.stderr));
    assert_eq!((rig.asked(), &offline.stdout), (0, &plain.stdout), "the door stays shut");
    assert!(text(&offline.stderr).contains("`neso` is not asked"), "{}", text(&offline.stderr));
    let fetched = rig.run(&[&words[..], &["--fetch"]].concat());
    assert!(fetched.status.success() && rig.asked() > 0, "{}", text(&fetched.stderr));
    let zones = text(&rig.run(&["zones", "GB", "--signal", "direct"]).stdout);
    assert!(zones.contains("1 with a history") && zones.contains("2026-01-04"), "{zones}");
}

/// A job at home in Great Britain that may go to Germany, ten days before its window.
const JOB: &str = "schema = \"greenwich.job/1\"\nname = \"j\"\n[machine]\naccelerator = \"h100-sxm5-80g\"\ncount = 8\nhours = 6\n[site]\nregion = \"gcp/europe-west2\"\n[schedule]\nrelease = 2026-01-05T00:00:00Z\ndeadline = 2026-01-07T00:00:00Z\nregions = [\"gcp/europe-west3\", \"gcp/europe-west4\"]\n";
const FLEET: [(&str, &str); 2] = [
    (
        "jobs.csv",
        "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible\na,2026-01-05T00:00:00Z,2026-01-06T00:00:00Z,3,8,500,one,one,0\n",
    ),
    ("sites.csv", "site,zone,pue,accelerators\none,GB,1.2,8\n"),
];

impl Rig {
    fn with_jobs(self) -> Self {
        for (name, text) in [("job.toml", JOB)].into_iter().chain(FLEET) {
            std::fs::write(self.home.path().join(name), text).expect("written");
        }
        self
    }
}

const PLAN: [&str; 4] = ["plan", "job.toml", "--signal", "direct"];
const PLAN_FLEET: [&str; 10] = [
    "plan",
    "--jobs",
    "jobs.csv",
    "--sites",
    "sites.csv",
    "--start=2026-01-05T00:00:00Z",
    "--hours=24",
    "--signal",
    "direct",
    "--format=json",
];

#[test]
fn a_plan_fetches_when_it_is_asked_to_one_job_and_many() {
    for words in [&PLAN[..], &PLAN_FLEET] {
        let rig = rig(200, GB).with_jobs();
        let plain = rig.run(words);
        assert!(plain.status.success(), "{}", text(&plain.stderr));
        assert_eq!(rig.asked(), 0, "nothing is asked for unless --fetch is given");
        let offline = rig.run(&[words, &["--fetch", "--offline"]].concat());
        assert!(offline.status.success() && rig.asked() == 0, "{}", text(&offline.stderr));
        assert!(text(&offline.stderr).contains("`neso` is not asked"), "{}", text(&offline.stderr));
        let fetched = rig.run(&[words, &["--fetch"]].concat());
        assert!(fetched.status.success() && rig.asked() > 0, "{}", text(&fetched.stderr));
    }
}

#[test]
fn a_fleet_is_foretold_from_what_is_kept_and_else_says_what_stands_in() {
    let rig = rig(200, GB).with_jobs();
    let typical = rig.run(&PLAN_FLEET);
    assert!(text(&typical.stderr).contains("a typical year or yearly mean stands in"), "{}", text(&typical.stderr));
    let mut history = String::from("utc,gco2_direct_per_kwh\n");
    let start: jiff::Timestamp = "2025-11-01T00:00:00Z".parse().expect("a stamp");
    for hour in 0..65 * 24 {
        use std::fmt::Write as _;
        let clean = (10..14).contains(&(hour % 24));
        let at = start + jiff::SignedDuration::from_hours(hour);
        _ = writeln!(history, "{at},{}", if clean { 100 } else { 300 });
    }
    std::fs::create_dir_all(rig.home.path().join("grid")).expect("made");
    std::fs::write(rig.home.path().join("grid/GB.csv"), history).expect("written");
    let at = ["--signals=grid", "--at=2026-01-05T00:00:00Z"];
    let told = rig.run(&[&PLAN_FLEET[..], &at].concat());
    assert!(text(&told.stderr).contains("forecasts from history of GB"), "{}", text(&told.stderr));
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).expect("one JSON document");
    // 3 h × 8 × 500 W × 1.2 at some 100 g/kWh, in the four clean hours of the day.
    let kg = json["co2e_kg"].as_f64().expect("a number");
    assert!((1.3..1.7).contains(&kg), "{kg}");
    // Traces alone are read strictly: the contract's error, with zone and hour.
    let strict = rig.run(&[&PLAN_FLEET[..], &["--signals=grid"]].concat());
    assert_eq!(strict.status.code(), Some(4), "{}", text(&strict.stderr));
    assert!(text(&strict.stderr).contains("`GB` has no value at 2026-01-05T00:00:00Z"), "{}", text(&strict.stderr));
}

/// Every provider at a port where nobody listens.
fn nowhere(home: &std::path::Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
    command.env_clear().env("GREENWICH_HOME", home).env("XDG_CONFIG_HOME", home.join("none")).current_dir(home);
    let names = ["NESO", "ENERGY_CHARTS", "ENERGINET", "AWATTAR", "ELECTRICITY_MAPS", "WATTTIME", "ENTSOE", "EIA"];
    for name in names.into_iter().chain(["OPEN_ELECTRICITY"]) {
        command.env(format!("GREENWICH_{name}_URL"), "http://127.0.0.1:9");
    }
    command.args(words).output().expect("the program runs")
}

#[test]
fn without_a_network_and_without_a_key_everything_answers_and_is_labelled() {
    let rig = rig(200, GB).with_jobs();
    let commands: [(&[&str], &str); 5] = [
        (&["forecast", "GB", "--signal=direct", "--fetch"], "typical"),
        (&["now", "DE", "--fetch"], "yearly mean of DE"),
        (&["plan", "job.toml", "--fetch"], "not forecasts"),
        (&["wait", "--hours=1", "--deadline=8h", "--zone=GB", "--fetch", "--dry-run", "--", "true"], "begins at once"),
        (&["zones", "GB"], "GB"),
    ];
    for (words, label) in commands {
        let output = nowhere(rig.home.path(), words);
        let (out, said) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{words:?}: {said}");
        assert!(out.contains(label), "{words:?}: {out}");
        // Each host is tried once, however many zones ask for it.
        for provider in ["`neso`", "`energy-charts`"] {
            assert!(said.matches(&format!("{provider} cannot be reached")).count() <= 1, "{words:?}: {said}");
        }
        if words.contains(&"--fetch") {
            assert!(said.contains("cannot be reached") || said.contains("not set"), "{words:?}: {said}");
        }
    }
    let fetch = nowhere(rig.home.path(), &["signals", "fetch", "GB", "--signal=direct"]);
    assert_eq!(fetch.status.code(), Some(4));
    assert!(text(&fetch.stderr).contains("`neso` cannot be reached at 127.0.0.1"), "{}", text(&fetch.stderr));
}

#[test]
fn a_file_of_authorities_that_holds_none_is_told() {
    let rig = rig(200, GB);
    std::fs::write(rig.home.path().join("ca.pem"), "nothing").expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
    command.env_clear().env("GREENWICH_HOME", rig.home.path()).env("GREENWICH_CA_FILE", "ca.pem");
    let output = command.current_dir(rig.home.path()).args(["signals", "list"]).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot!(text(&output.stderr), @"
    error: `ca.pem` is not used: it holds no certificate
      help: name a PEM file of certificates by GREENWICH_CA_FILE, or unset it
      code: greenwich::providers::ca_file
    ");
}

#[test]
fn traces_and_histories_lie_in_one_folder_with_or_without_a_home() {
    let data = tempfile::tempdir().expect("a folder for the test");
    let run = |home: bool, words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
        command.env_clear().env("XDG_CONFIG_HOME", data.path().join("none")).current_dir(data.path());
        let name = if home { "GREENWICH_HOME" } else { "XDG_DATA_HOME" };
        command.env(name, data.path()).args(words).output().expect("the program runs")
    };
    let trace = "utc,gco2e_per_kwh\n2026-01-05T00:00:00Z,123\n2026-01-05T01:00:00Z,124\n";
    let now = ["now", "ES", "--at=2026-01-05T02:00:00Z", "--format=json"];
    for (home, folder) in [(true, "signals"), (false, "greenwich/signals")] {
        let folder = data.path().join(folder);
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("ES.csv"), trace).expect("written");
        let output = run(home, &now);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(json["last_known"]["gco2e_per_kwh"].as_f64(), Some(124.0), "{home}");
        let zones = text(&run(home, &["zones", "ES"]).stdout);
        assert!(zones.contains("1 with a history"), "{zones}");
    }
}
