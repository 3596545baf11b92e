//! Flow tracing as a user runs it: fetched from a server that speaks the platform's XML, traced, kept, planned on.
//!
//! In: the worked example of the concepts page as three zones of the Baltic, a server on the loopback. Out: its figures,
//! in text, in JSON, as traces and in the history that a forecast takes.

#[path = "rig/server.rs"]
mod server;

use insta::assert_snapshot;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const WINDOW: [&str; 2] = ["--from=2026-01-05T00:00:00Z", "--until=2026-01-05T02:00:00Z"];
const FI: &str = "10YFI-1--------U";
const EE: &str = "10Y1001A1001A39I";
const LV: &str = "10YLV-1001A00074";

fn document(kind: &str, inside: &str, megawatts: f64) -> String {
    format!(
        "<{kind}_MarketDocument><TimeSeries>{inside}<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>
        <curveType>A03</curveType><Period><timeInterval><start>2026-01-05T00:00Z</start><end>2026-01-05T02:00Z</end></timeInterval>
        <resolution>PT60M</resolution><Point><position>1</position><quantity>{megawatts}</quantity></Point></Period></TimeSeries></{kind}_MarketDocument>"
    )
}

/// A makes 1000 MW of coal and sends 300 to B, which makes 500 of nuclear and sends 200 to C, which makes 200 of gas.
fn answer(path: &str) -> (u16, &'static str, String) {
    let asks = |words: &[&str]| words.iter().all(|word| path.contains(word));
    let flow = |from: &str, to: &str| asks(&["A11", &format!("in_Domain={to}"), &format!("out_Domain={from}")]);
    let fuel = |eic: &str| asks(&["A75", eic]);
    let made = |fuel: &str, megawatts: f64| {
        let inside = format!(
            "<inBiddingZone_Domain.mRID>x</inBiddingZone_Domain.mRID><MktPSRType><psrType>{fuel}</psrType></MktPSRType>"
        );
        document("GL", &inside, megawatts)
    };
    let flows = |megawatts: f64| document("Publication", "", megawatts);
    let body = match () {
        () if fuel(FI) => made("B05", 1000.0),
        () if fuel(EE) => made("B14", 500.0),
        () if fuel(LV) => made("B04", 200.0),
        () if flow(FI, EE) => flows(300.0),
        () if flow(EE, LV) => flows(200.0),
        () if flow(EE, FI) || flow(LV, EE) => flows(0.0),
        () if asks(&["A65", LV]) => document("GL", "", 395.0),
        () => "<Acknowledgement_MarketDocument><Reason><code>999</code><text>No matching data found</text></Reason></Acknowledgement_MarketDocument>".to_owned(),
    };
    (200, "text/xml", body)
}

struct Rig {
    home: tempfile::TempDir,
    base: String,
}

impl Rig {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder for the test"), base: server::serve_by(answer).0 }
    }
    fn path(&self) -> &Path {
        self.home.path()
    }
    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
        command
            .env_clear()
            .env("GREENWICH_HOME", self.path())
            .env("XDG_CONFIG_HOME", self.path().join("none"))
            .env("GREENWICH_ENTSOE_URL", &self.base)
            .env("ENTSOE_API_KEY", "hunter2-s3cret")
            .current_dir(self.path());
        command.args(words).output().expect("the program runs")
    }
    fn trace(&self, more: &[&str]) -> Output {
        self.run(&[&["signals", "trace", "FI", "EE", "LV"], &WINDOW[..], more].concat())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn three_zones_in_a_row_are_traced_as_the_concepts_page_reckons_them() {
    let rig = Rig::new();
    let none = rig.trace(&[]);
    assert_eq!(none.status.code(), Some(4));
    assert_snapshot!(text(&none.stderr), @"
    error: no generation by fuel of zone `EE` is kept
      help: fetch it: greenwich signals fetch EE --quantity generation-gas, or give --fetch
      code: greenwich::providers::not_held
    ");
    let first = rig.trace(&["--fetch"]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert_snapshot!(text(&first.stdout), @"
    3 zones traced over 2 h, lifecycle intensity
    window     2026-01-05 00:00 to 2026-01-05 02:00 UTC

    zone  made at  used at  makes  net import  uses  load told  hours
    EE       12.0      315    500         100   600  not known      2
    FI        820      820  1,000        −300   700  not known      2
    LV        490      403    200         200   400        395      2
    made and used at: mean gCO2e/kWh of the hours known; the rest: mean MW.
    ! no flows are kept over these borders, which count as if nothing crossed them: FI–NO-NO4,
      FI–SE-SE1, FI–SE-SE3, LT–LV
    ");
    // What was traced is kept, and is what a forecast looks back on.
    let json = rig.trace(&["--offline", "--format", "json"]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("one JSON document");
    assert_eq!((json["schema"].as_str(), json["new_values"].as_u64()), (Some("greenwich.trace/1"), Some(0)));
    let used = |zone: usize| json["zones"][zone]["points"][1]["consumption_gco2e_per_kwh"].as_f64();
    assert_eq!([used(0), used(1), used(2)], [Some(315.0), Some(820.0), Some(402.5)]);
    let list = text(&rig.run(&["signals", "list", "LV"]).stdout);
    assert!(list.contains("entsoe-traced"), "{list}");
    let now = rig.run(&["now", "LV", "--at=2026-01-05T02:00:00Z", "--format", "json"]);
    let now: Value = serde_json::from_slice(&now.stdout).expect("one JSON document");
    assert_eq!(now["last_known"]["gco2e_per_kwh"].as_f64(), Some(402.5));
}

#[test]
fn traces_can_be_written_instead_and_are_read_like_any_other() {
    let rig = Rig::new();
    let output = rig.trace(&["--fetch", "--out", "traced", "--quiet"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let csv = std::fs::read_to_string(rig.path().join("traced/LV.csv")).expect("it is written");
    assert_eq!(csv, "utc,gco2e_per_kwh,estimated\n2026-01-05T00:00:00Z,402.500,1\n2026-01-05T01:00:00Z,402.500,1\n");
    assert!(!text(&rig.run(&["signals", "list"]).stdout).contains("traced"), "nothing is kept");
    let now = rig.run(&["now", "LV", "--signals", "traced", "--at=2026-01-05T02:00:00Z", "--format=json"]);
    let now: Value = serde_json::from_slice(&now.stdout).expect("one JSON document");
    assert_eq!(now["last_known"]["gco2e_per_kwh"].as_f64(), Some(402.5));
}

#[test]
fn slips_and_what_cannot_be_traced_are_told() {
    let rig = Rig::new();
    let told = |words: &[&str]| {
        let output = rig.run(&[&["signals", "trace"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        text(&output.stderr)
    };
    assert!(told(&["FI", "FI"]).contains("zone `FI` is named twice"));
    assert!(told(&["FI", "--signal", "marginal"]).contains("marginal intensity has no fuel factors"));
    // A set without A: B's power comes in part from there, and counts as what is known of A, or not at all.
    let of_two = |more: &[&str]| {
        let words = [&["signals", "trace", "EE", "LV", "--fetch", "--format=json"], &WINDOW[..], more].concat();
        let output = rig.run(&words);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    };
    let known = of_two(&[]);
    assert!(known["zones"][0]["points"][0]["consumption_gco2e_per_kwh"].is_number(), "{known}");
    assert!(known["outside"][0]["zone"] == "FI" && known["outside"].to_string().contains("its "), "{known}");
    let strict = of_two(&["--strict"]);
    assert!(strict["zones"][0]["points"][0]["consumption_gco2e_per_kwh"].is_null(), "{strict}");
    let missing = serde_json::json!([{"zone": "FI", "hours": 2}]);
    assert_eq!(strict["zones"][1]["missing"], missing, "{strict}");
}
