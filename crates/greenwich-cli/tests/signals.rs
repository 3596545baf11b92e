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
      help: write lifecycle, direct, marginal, price-EUR, load, generation-gas or import-FR
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
