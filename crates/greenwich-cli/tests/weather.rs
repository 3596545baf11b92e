//! A site under its weather, by the real program: plans in the cool hours, accounts by the hours of a run.
//!
//! In: curves over the outside temperature, temperatures by formula. Out: what the planner weighs, what is said where a
//! temperature is not known, and the same figures reckoned by hand.

#[path = "rig/mod.rs"]
mod rig;

use rig::Rig;
use serde_json::Value;
use std::fmt::Write as _;

/// Sixteen kilowatts for six hours where the grid is the same all day.
const JOB: &str = r#"
schema = "greenwich.job/1"
name = "cool"
[machine]
accelerator = "h100-sxm5-80g"
count = 16
hours = 6
mean_power_w = 1000
[site]
zone = "ES"
pue = 1.2
wue_l_per_kwh = 0.5
location_based_gco2e_per_kwh = 300
pue_curve = [[10, 1.1], [30, 1.5]]
wue_curve = [[10, 0.0], [30, 2.0]]
[schedule]
release = 2026-07-06T06:00:00Z
deadline = 2026-07-08T06:00:00Z
"#;

/// 10 °C from 22 to 6 o'clock, 30 °C else.
fn temperature_c(hour: i64) -> f64 {
    if (6..22).contains(&hour.rem_euclid(24)) { 30.0 } else { 10.0 }
}

fn temperatures(hours: i64, rest: &str) -> String {
    let mut text = format!("utc,temp_c{}\n", if rest.is_empty() { "" } else { ",rh_pct" });
    let start: jiff::Timestamp = "2026-07-06T00:00:00Z".parse().expect("a stamp");
    for hour in 0..hours {
        let at = start + jiff::SignedDuration::from_hours(hour);
        _ = writeln!(text, "{at},{}{rest}", temperature_c(hour));
    }
    text
}

fn rig(job: &str, weather: &str) -> Rig {
    let rig = Rig::new();
    std::fs::write(rig.folder.path().join("job.toml"), job).expect("written");
    std::fs::write(rig.folder.path().join("temp.csv"), weather).expect("written");
    rig
}

fn median(value: &Value, key: &str) -> f64 {
    value[key]["p50"].as_f64().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn warnings(value: &Value) -> String {
    value["warnings"].to_string()
}

#[test]
fn where_the_grid_is_flat_the_cool_hours_are_taken_and_pue_counts_once() {
    let rig = rig(JOB, &temperatures(96, ""));
    let plan = rig.json(&["plan", "job.toml", "--weather", "temp.csv"]);
    assert_eq!(plan["segments"][0]["start"], "2026-07-06T22:00:00Z");
    let (planned, baseline) = (&plan["planned"], &plan["baseline"]);
    // 16 accelerators at 1 kW for six hours: at PUE 1.1 by night, 1.5 by day.
    let it_kwh = 96.0;
    for (run, pue, wue) in [(planned, 1.1, 0.0), (baseline, 1.5, 2.0)] {
        let facility_kwh = median(run, "facility_energy_kwh");
        assert!((facility_kwh - it_kwh * pue).abs() < 1e-6, "{facility_kwh}");
        assert!((median(run, "location_based_co2e_kg") - facility_kwh * 0.3).abs() < 1e-6);
        let plants = run["factors"].as_array().expect("factors").iter();
        let plants = plants.clone().find(|factor| factor["quantity"] == "water of the power plants");
        let plants = plants.and_then(|factor| factor["value"].as_f64()).expect("it is known of ES");
        let water_l = median(run, "water_l");
        assert!((water_l / (it_kwh * wue + facility_kwh * plants) - 1.0).abs() < 0.1, "{water_l} L at WUE {wue}");
    }
    let saving = plan["saving_fraction"].as_f64().expect("a number");
    assert!((saving - (1.0 - 1.1 / 1.5)).abs() < 1e-9, "{saving}");
    let weather = &plan["site_weather"];
    assert_eq!((&weather["known_hours"], &weather["constant_hours"]), (&48.into(), &0.into()));
    assert!((weather["planned_pue"].as_f64().expect("a number") - 1.1).abs() < 1e-9);
    let text = rig.answer(&["plan", "job.toml", "--weather", "temp.csv"]);
    assert!(text.contains("1.100 over the running hours, 1.500 in the baseline"), "{text}");
}

#[test]
fn a_temperature_that_is_not_known_is_said_and_the_constants_stand_in() {
    let rig = rig(JOB, &temperatures(96, ""));
    let plan = rig.json(&["plan", "job.toml"]);
    assert!((median(&plan["planned"], "facility_energy_kwh") - 96.0 * 1.2).abs() < 1e-6);
    assert!(warnings(&plan).contains("48 of 48 h have no temperature: the constant PUE and WUE stand in"));
    // Nothing stamped then or later is used: the day before stands in for the next.
    std::fs::write(
        rig.folder.path().join("ES.csv"),
        temperatures(96, "")
            .replace("temp_c", "gco2e_per_kwh,temp_c")
            .replace(",10", ",300,10")
            .replace(",30\n", ",300,30\n"),
    )
    .expect("written");
    let job = JOB
        .replace("location_based_gco2e_per_kwh = 300\n", "")
        .replace("2026-07-06T06", "2026-07-07T06")
        .replace("2026-07-08T06", "2026-07-09T06");
    std::fs::write(rig.folder.path().join("job.toml"), job).expect("written");
    let plan = rig.json(&["plan", "job.toml", "--signals", "ES.csv", "--at", "2026-07-07T06:00:00Z"]);
    assert_eq!(plan["site_weather"]["last_week_hours"], 48, "{}", plan["site_weather"]);
    assert!(warnings(&plan).contains("the same hours of its last week stand in"), "{}", warnings(&plan));
    let whole = rig.json(&["plan", "job.toml", "--signals", "ES.csv"]);
    assert_eq!(whole["site_weather"]["known_hours"], 48);
    assert_eq!(whole["segments"][0]["start"], "2026-07-07T22:00:00Z");
}

#[test]
fn a_typical_temperature_serves_where_there_is_no_hour_at_all() {
    let rig = rig(&JOB.replace("pue = 1.2\nwue_l_per_kwh = 0.5\n", "temp_c = 20\n"), "");
    let estimate = rig.json(&["estimate", "job.toml"]);
    assert!((median(&estimate, "facility_energy_kwh") - 96.0 * 1.3).abs() < 1e-6);
    let plan = rig.json(&["plan", "job.toml"]);
    assert!((median(&plan["planned"], "facility_energy_kwh") - 96.0 * 1.3).abs() < 1e-6);
    assert_eq!(plan["site_weather"]["typical_hours"], 48);
    let without = rig.json(&["estimate", "job.toml", "--set", "site.temp_c=-40"]);
    assert!((median(&without, "facility_energy_kwh") - 96.0 * 1.1).abs() < 1e-6, "beyond the curve its end stands");
}

#[test]
fn wet_bulbs_want_humidity_and_curves_want_sense() {
    let wet = JOB.replace("pue = 1.2", "pue = 1.2\ncurve_over = \"wet-bulb\"");
    let rig = rig(&wet, &temperatures(96, ",50"));
    let plan = rig.json(&["plan", "job.toml", "--weather", "temp.csv"]);
    // Half-dry air of 30 °C is felt as 22 °C by water.
    let pue = plan["site_weather"]["baseline_pue"].as_f64().expect("a number");
    assert!((pue - 1.34).abs() < 0.01, "{pue}");
    std::fs::write(rig.folder.path().join("dry.csv"), temperatures(96, "")).expect("written");
    let plan = rig.json(&["plan", "job.toml", "--weather", "dry.csv"]);
    assert!(warnings(&plan).contains("have no temperature or no humidity"), "{}", warnings(&plan));
    for (flags, says) in [
        (["--set", "site.pue_curve=10:0.9,30:1.5"], "found 0.9 at 10 °C, allowed is a PUE of 1 to 5"),
        (["--set", "site.pue_curve=30:1.1,10:1.5"], "10 °C after 30 °C"),
        (["--weather", "job.toml"], "job.toml"),
        (["--weather", "none.csv"], "none.csv"),
    ] {
        let output = rig.run(&[&["plan", "job.toml"][..], &flags].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{flags:?}: {stderr}");
    }
}

#[test]
fn a_metered_run_is_accounted_by_the_pue_of_its_hours() {
    let rig = Rig::new();
    let now = jiff::Timestamp::now();
    let hour = jiff::Timestamp::from_second(now.as_second().div_euclid(3600) * 3600).expect("an hour");
    let mut text = String::from("utc,temp_c\n");
    for back in [1, 0] {
        _ = writeln!(text, "{},{}", hour - jiff::SignedDuration::from_hours(back), 30);
    }
    _ = writeln!(text, "{},30", hour + jiff::SignedDuration::from_hours(1));
    std::fs::write(rig.folder.path().join("temp.csv"), text).expect("written");
    let settings = "[site]\nzone = \"ES\"\npue = 1.2\npue_curve = [[10, 1.1], [30, 1.5]]\nweather = \"temp.csv\"\n";
    std::fs::write(rig.folder.path().join("greenwich.toml"), settings).expect("written");
    assert!(rig.meter(&[], &["sleep", "0.4"]).status.success());
    let ratio = |run: &Value| median(run, "facility_energy_kwh") / median(run, "it_energy_kwh");
    let run = rig.json(&["ledger", "show", "last"]);
    assert!((ratio(&run) - 1.5).abs() < 1e-6, "{run}");
    // Another grid, the same site: the curve is kept with the run.
    let again = rig.json(&["account", "last", "--accelerator", "h100-sxm5-80g"]);
    assert!((ratio(&again) - 1.5).abs() < 1e-6, "{again}");
    // A file that cannot be read costs the run nothing but the curve.
    std::fs::write(rig.folder.path().join("temp.csv"), "nonsense\n").expect("written");
    assert!(rig.meter(&[], &["sleep", "0.3"]).status.success());
    let run = rig.json(&["ledger", "show", "last"]);
    assert!((ratio(&run) - 1.2).abs() < 1e-6, "{run}");
    assert!(warnings(&run).contains("PUE and WUE are the constant ones"), "{}", warnings(&run));
}
