//! The grid ahead, by the real program: forecasts, back-tests, what is known now, plans on forecasts, and waiting.
//!
//! In: histories by formula, files that break one rule each, signals sent while waiting. Out: no look into the future,
//! the keys and figures that the contract promises, messages, and the exit status of what was held.

#[path = "rig/heed.rs"]
mod heed;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const START: &str = "2022-01-03T00:00:00Z";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(stamp: &str) -> Timestamp {
    stamp.parse().expect("a stamp")
}

/// A grid with a sun, a week and some noise, in gCO2e/kWh.
fn grid(hour: i64) -> f64 {
    let day = (std::f64::consts::TAU * hour as f64 / 24.0).cos();
    let noise = ((hour as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 24) - 0.5;
    300.0 + 80.0 * day - if hour / 24 % 7 > 4 { 40.0 } else { 0.0 } + 60.0 * noise
}

/// The text of a history from `start`, one value an hour; `None` is a gap.
fn csv(start: Timestamp, hours: i64, value: impl Fn(i64) -> Option<f64>) -> String {
    let mut text = String::from("utc,price,gco2e_per_kwh\n");
    for hour in 0..hours {
        let cell = value(hour).map_or_else(String::new, |value| format!("{value:.1}"));
        _ = writeln!(text, "{},1,{cell}", start + HOUR * hour as i32);
    }
    text
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
    fn path(&self) -> &Path {
        self.0.path()
    }
    fn with(self, name: &str, text: &str) -> Self {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
        self
    }
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
        command.args(words.split_whitespace()).current_dir(self.path());
        for name in ["COLUMNS", "NO_COLOR", "CLICOLOR_FORCE", "GREENWICH_ZONE", "GREENWICH_REGION"] {
            command.env_remove(name);
        }
        command.env("GREENWICH_HOME", self.path().join("home")).env("XDG_CONFIG_HOME", self.path().join("config"));
        command
    }
    fn run(&self, words: &str) -> Output {
        self.command(words).output().expect("the program runs")
    }
    fn text(&self, words: &str) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
    fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.text(&format!("{words} --format json"))).expect("one JSON document")
    }
    /// What goes to stderr, with the exit status.
    fn refused(&self, words: &str) -> String {
        let output = self.run(words);
        assert!(output.stdout.is_empty(), "nothing goes to stdout when there is no answer: {words}");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        format!("{stderr}  exit: {}\n", output.status.code().expect("it was not killed"))
    }
}

#[test]
fn a_changed_future_changes_nothing() {
    let hours = 2400;
    let (now, known) = (at(START) + HOUR * 2000, csv(at(START), hours, |hour| Some(grid(hour))));
    let head: String = known.split_inclusive('\n').take(2001).collect();
    let with = |tail: &str| format!("{head}{tail}");
    let worse = csv(now, 300, |hour| (hour % 5 > 0).then_some(9000.0)).split_once('\n').expect("a header").1.to_owned();
    let futures = [
        known.clone(),
        with(""),
        with(&worse),
        with("2022-03-27T08:10:00Z,1,not a number\n2022-03-27T08:10:00Z,1,-7,more cells than there are names\n"),
    ];
    for ask in ["--hours 96", "--hours 200", "--hours 24 --signal lifecycle"] {
        let told: Vec<String> = futures
            .iter()
            .map(|text| {
                let folder = Folder::new().with("FR.csv", text);
                folder.text(&format!("forecast --history FR.csv --at {now} {ask} --format json"))
            })
            .collect();
        assert!(told.iter().all(|other| *other == told[0]), "{ask}");
    }
    // A plan and a wait are made of the same forecast.
    let plans: Vec<String> = futures[..3]
        .iter()
        .map(|text| {
            let folder = Folder::new().with("grid/FR.csv", text).with("job.toml", JOB);
            folder.text(&format!("plan job.toml --signals grid --at {now} --format json"))
        })
        .collect();
    assert!(plans.iter().all(|plan| *plan == plans[0]));
}

/// A grid that follows its wind, with the wind, its price and a temperature that tells nothing beside it.
fn windy(hours: i64) -> Vec<[f64; 4]> {
    let noise = |seed: u64, hour: i64| {
        let mut bits = seed << 40 | hour as u64;
        for _ in 0..3 {
            bits = (bits ^ (bits >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        (bits >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut wind = 0.0;
    (0..hours)
        .map(|hour| {
            wind = 0.9 * wind + 2.0 * noise(1, hour);
            let sun = 0.15 * (std::f64::consts::TAU * hour as f64 / 24.0).cos();
            let g_per_kwh = 300.0 * (sun - 0.12 * wind + 0.05 * noise(2, hour)).exp();
            [g_per_kwh, 6.0 + wind, 60.0 - 8.0 * wind, 15.0 + 20.0 * noise(3, hour)]
        })
        .collect()
}

/// The same as a file; intensities from row `known` on, and prices from row `priced` on, are other ones.
fn windy_csv(rows: &[[f64; 4]], known: usize, priced: usize) -> String {
    let mut text = String::from("utc,gco2e_per_kwh,wind_m_per_s,price_eur_per_mwh,temp_c\n");
    for (hour, [g_per_kwh, wind, price, temp]) in rows.iter().enumerate() {
        let g_per_kwh = if hour < known { *g_per_kwh } else { 4000.0 };
        let price = if hour < priced { *price } else { -77.0 };
        _ = writeln!(text, "{},{g_per_kwh:.1},{wind:.2},{price:.2},{temp:.1}", at(START) + HOUR * hour as i32);
    }
    text
}

#[test]
fn weather_and_prices_are_used_where_they_are_asked_for_and_it_is_said() {
    let (rows, now) = (windy(6200), 6000);
    let issued = at(START) + HOUR * now as i32; // Midnight UTC.
    let told = |text: &str, ask: &str| {
        let folder = Folder::new().with("DE.csv", text);
        folder.json(&format!("forecast --history DE.csv --at {issued} --hours 96 {ask}"))
    };
    let whole = windy_csv(&rows, rows.len(), rows.len());
    // A file of the past holds what was measured: nothing of it that is stamped at the issue or later is used unasked.
    let unasked = told(&whole, "");
    assert_eq!(unasked["inputs"], Value::Array(Vec::new()));
    assert_eq!(unasked, told(&windy_csv(&rows[..now], now, now), ""));
    assert_eq!(unasked, told(&windy_csv(&rows, now, now), "--inputs none"));

    let windy = told(&whole, "--inputs weather");
    let words = |value: &Value| -> Vec<String> {
        let inputs = value["inputs"].as_array().expect("a list");
        inputs.iter().map(|input| format!("{} {} {}", input["name"], input["basis"], input["used"])).collect()
    };
    assert_eq!(
        words(&windy),
        [r#""wind_m_per_s" "as-if-foretold" true"#, r#""temp_c" "as-if-foretold" true"#],
        "a family is used as a whole"
    );
    assert!(windy["warnings"].to_string().contains("errors and bands flatter"), "{windy}");
    let off = |told: &Value| -> f64 {
        let points = told["points"].as_array().expect("points");
        let one = |(point, row): (&Value, &[f64; 4])| (point["p50"].as_f64().expect("a number") / row[0]).ln().abs();
        points.iter().zip(&rows[now..]).map(one).sum::<f64>() / points.len() as f64
    };
    assert!(off(&windy) < 0.5 * off(&unasked), "{} against {}", off(&windy), off(&unasked));

    // At midnight UTC it is past midnight in central Europe: prices are known to 22 UTC and not beyond.
    let priced = told(&whole, "--inputs price");
    assert_eq!(priced["inputs"][0]["known_until"], (issued + HOUR * 22).to_string());
    assert_eq!(priced["inputs"][0]["used"], true);
    assert_eq!(priced, told(&windy_csv(&rows, now, now + 22), "--inputs price"));
    assert_ne!(priced["points"], told(&windy_csv(&rows, now, now + 20), "--inputs price")["points"]);

    let folder = Folder::new().with("grid/DE.csv", &whole);
    let text = folder.text(&format!("forecast DE --signals grid --at {issued} --inputs all"));
    let line = text.lines().find(|line| line.starts_with("Inputs")).expect("it is said");
    assert!(line.contains("wind_m_per_s (as if foretold)"), "{text}");
    assert!(text.contains("no intensity stamped then or later was used"), "{text}");
    let tested = folder.json(&format!(
        "backtest DE --signals grid --from {} --until {issued} --hours 48 --inputs weather",
        issued - HOUR * 240
    ));
    assert_eq!((&tested["inputs"][0]["name"], &tested["inputs"][0]["used"]), (&"wind_m_per_s".into(), &10.into()));
    assert!(tested["warnings"].to_string().contains("errors and bands flatter"), "{tested}");
    let broken = whole.replacen('\n', "\n2022-01-02T23:00:00Z,300.0,6.00,60.00,warm\n", 1);
    let ask = format!("forecast --history DE.csv --at {issued} --inputs weather");
    let refused = Folder::new().with("DE.csv", &broken).refused(&ask);
    assert!(
        refused.contains("is not a number") && refused.contains("`temp_c`") && refused.contains("exit: 2"),
        "{refused}"
    );
}

#[test]
fn a_forecast_has_the_keys_of_the_contract_and_an_hour_a_point() {
    let folder = Folder::new().with("FR.csv", &csv(at(START), 2400, |hour| Some(grid(hour))));
    let told = folder.json("forecast --history FR.csv --at 2022-04-01T00:00:00Z --hours 96");
    assert_eq!(told["schema"], "greenwich.forecast/1");
    assert_eq!((&told["zone"], &told["issued"]), (&Value::from("FR"), &Value::from("2022-04-01T00:00:00Z")));
    assert!(told["source"].as_str().expect("words").starts_with("FR.csv, "));
    let points = told["points"].as_array().expect("points");
    assert_eq!(points.len(), 96);
    for (hour, point) in points.iter().enumerate() {
        assert_eq!(point["start"], (at("2022-04-01T00:00:00Z") + HOUR * hour as i32).to_string());
        let [low, middle, high] = ["p5", "p50", "p95"].map(|key| point[key].as_f64().expect("a number"));
        assert!(0.0 < low && low <= middle && middle <= high, "{point}");
        assert!((middle / grid(2112 + hour as i64) - 1.0).abs() < 0.35, "{point}");
    }
    // Within the hour, that hour is foretold, for it has not ended.
    let within = folder.json("forecast --history FR.csv --at 2022-04-01T00:30:00Z --hours 2");
    assert_eq!((&within["points"][0]["start"], &within["known_hours"]), (&points[0]["start"], &Value::from(2112)));
    assert_eq!(
        within["points"][0]["p50"],
        folder.json("forecast --history FR.csv --at 2022-04-01T00:00:00Z --hours 2")["points"][0]["p50"]
    );
}

#[test]
fn less_is_known_and_it_is_said() {
    let all = csv(at(START), 2400, |hour| (hour % 50 != 7).then(|| grid(hour)));
    let folder = Folder::new().with("FR.csv", &all).with("XX-ROOM.csv", &all);
    let says = |words: &str| {
        let told = folder.json(&format!("forecast {words}"));
        let warnings: Vec<&str> =
            told["warnings"].as_array().expect("a list").iter().map(|words| words.as_str().expect("words")).collect();
        format!("{} | {}\n", told["model"].as_str().expect("a word"), warnings.join(" | "))
    };
    let mut all = String::new();
    for words in [
        "--history FR.csv --at 2022-04-01T00:00:00Z --hours 48",
        "--history FR.csv --at 2022-04-01T00:00:00Z --hours 200",
        "--history FR.csv --at 2022-04-14T00:00:00Z --hours 48",
        "--history FR.csv --at 2022-06-01T00:00:00Z --hours 48",
        "--history FR.csv --at 2023-06-01T00:00:00Z --hours 48",
        "--history FR.csv --at 2022-02-01T00:00:00Z --hours 48",
        "--history FR.csv --at 2022-01-06T00:00:00Z --hours 48",
        "--history FR.csv --at 2022-01-03T09:00:00Z --hours 48",
        "--history FR.csv --at 2021-01-06T00:00:00Z --hours 48",
        "XX-ROOM --signals . --at 2022-04-01T00:00:00Z --hours 48",
        "FR --at 2026-06-01T00:00:00Z --hours 48",
        "ES --at 2026-06-01T00:00:00Z --hours 48",
    ] {
        _ = write!(all, "# {words}\n{}", says(words));
    }
    insta::assert_snapshot!("less_is_known", all);
}

#[test]
fn bad_input_names_file_line_and_mend() {
    let hourly = csv(at(START), 48, |hour| Some(grid(hour)));
    let changed = |from: &str, to: &str| {
        assert!(hourly.contains(from), "{from}");
        hourly.replacen(from, to, 1)
    };
    let third = "2022-01-03T02:00:00Z,1,";
    let files = [
        ("a value that is no number", changed(third, "2022-01-03T02:00:00Z,1,n/a")),
        ("a negative value", changed(third, "2022-01-03T02:00:00Z,1,-")),
        ("a stamp twice", changed(third, "2022-01-03T01:00:00Z,1,")),
        ("a stamp too early", changed(third, "2022-01-02T02:00:00Z,1,")),
        ("a stamp that is none", changed(third, "3 January,1,")),
        ("a stamp off the step", changed(third, "2022-01-03T02:20:00Z,1,")),
        ("a cell too few", changed(",1,", ",")),
        ("another column", changed("gco2e_per_kwh", "g")),
        ("an empty file", String::new()),
    ];
    let mut all = String::new();
    for (what, text) in files {
        let folder = Folder::new().with("FR.csv", &text);
        let told = folder.refused("forecast --history FR.csv --at 2022-01-05T00:00:00Z --hours 24");
        _ = write!(all, "# {what}\n{told}");
    }
    let folder = Folder::new().with("FR.csv", &hourly).with("empty/readme.txt", "");
    for words in [
        "forecast --history nowhere.csv",
        "forecast --history empty",
        "forecast --history FR.csv --at yesterday",
        "forecast --history FR.csv --hours 1441",
        "forecast --history FR.csv --hours 0",
        "forecast --history FR.csv --at 2022-01-04T00:00:00Z --signal direct",
        "forecast FRR",
        "forecast FR --signal marginal --at 2022-01-04T00:00:00Z",
        "now FRR",
        "zones QQ",
        "backtest --history FR.csv --from 2022-01-04T00:00:00Z --until 2022-01-03T00:00:00Z",
        "backtest --history FR.csv --from 2023-01-04T00:00:00Z --until 2023-01-09T00:00:00Z",
        "backtest --history FR.csv --from 2022-01-04T00:00:00Z --until 2022-01-05T00:00:00Z --hours 169",
        "backtest --history FR.csv --from 2022-01-04T00:00:00Z --until 2022-01-05T00:00:00Z --every 90min",
        "wait --hours 8 --deadline soon -- true",
        "wait --hours 8 --deadline 2199-01-01T00:00:00Z -- true",
        "wait --hours 8 --deadline 48h --zone FRR -- true",
    ] {
        _ = write!(all, "# {words}\n{}", folder.refused(words));
    }
    insta::assert_snapshot!("bad_input", all);
}

#[test]
fn a_backtest_counts_its_origins_and_tells_fractions() {
    let folder = Folder::new().with("FR.csv", &csv(at(START), 2400, |hour| Some(grid(hour))));
    let asked =
        "backtest --history FR.csv --from 2022-03-20T00:00:00Z --until 2022-04-01T00:00:00Z --hours 96 --every 24h";
    let told = folder.json(asked);
    assert_eq!((&told["schema"], &told["origins"]), (&Value::from("greenwich.backtest/1"), &Value::from(12)));
    assert_eq!(told["mape_by_day"].as_array().expect("days").len(), 4);
    let number = |key: &str| told[key].as_f64().expect("a number");
    assert!(number("mape") > 0.0 && number("mape") < number("last_day_mape"), "{told}");
    assert!((0.5..=1.0).contains(&number("coverage90")), "{told}");
    assert!(number("mae_gco2e_per_kwh") > 1.0 && number("fit_seconds") > 0.0 && number("predict_seconds") > 0.0);
    assert!(folder.text(asked).contains("12 forecasts of 96 h"));
    // A forecast of the same instant is the one that the back-test judged.
    let one = "backtest --history FR.csv --from 2022-03-20T00:00:00Z --until 2022-03-20T01:00:00Z --hours 24";
    let judged = folder.json(one)["mape"].as_f64().expect("a number");
    let points = folder.json("forecast --history FR.csv --at 2022-03-20T00:00:00Z --hours 24")["points"].clone();
    let error = |hour: usize| {
        let came = (grid(76 * 24 + hour as i64) * 10.0).round() / 10.0;
        (points[hour]["p50"].as_f64().expect("a number") - came).abs() / came
    };
    assert!(((0..24).map(error).sum::<f64>() / 24.0 / judged - 1.0).abs() < 1e-9);
}

#[test]
fn the_next_days_are_drawn_within_the_terminal_and_without_colour_codes() {
    let folder = Folder::new().with("FR.csv", &csv(at(START), 2400, |hour| Some(grid(hour))));
    for (columns, hours) in [("60", 24), ("80", 96), ("100", 168), ("100", 400), ("200", 96)] {
        let words = format!("forecast --history FR.csv --at 2022-04-01T00:00:00Z --hours {hours}");
        let output = folder.command(&words).env("COLUMNS", columns).env("NO_COLOR", "1").output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains('━') && text.contains('░') && !text.contains('\x1b'), "{text}");
        let widest = text.lines().map(|line| line.chars().count()).max().expect("lines");
        assert!(widest <= columns.parse::<usize>().expect("a number"), "{hours} h in {columns}: {widest}\n{text}");
    }
}

#[test]
fn what_is_known_now_says_by_what_it_is_known() {
    let text = csv(at(START), 2400, |hour| Some(grid(hour)));
    let folder = Folder::new().with("home/signals/FR.csv", &text);
    let now = folder.json("now FR --at 2022-04-01T05:10:00Z");
    assert_eq!(
        (&now["schema"], &now["model"], &now["stale_hours"]),
        (&Value::from("greenwich.now/1"), &Value::from("ridge"), &Value::from(0))
    );
    assert_eq!(now["last_known"]["start"], "2022-04-01T04:00:00Z");
    assert_eq!(now["points"].as_array().expect("points").len(), 24);
    let elsewhere = Folder::new();
    let typical = elsewhere.json("now ES --at 2026-04-01T05:10:00Z");
    assert_eq!((&typical["model"], &typical["last_known"]), (&Value::from("typical"), &Value::Null));
    assert!(elsewhere.text("now DE --offline").contains("yearly mean of DE"));
    let zones = folder.json("zones fr");
    let fr =
        &zones["zones"].as_array().expect("zones").iter().find(|zone| zone["zone"] == "FR").expect("France").clone();
    assert_eq!((&fr["history"]["file"], &fr["history"]["known_hours"]), (&Value::from("FR.csv"), &Value::from(2400)));
    assert!(elsewhere.json("zones")["zones"].as_array().expect("zones").len() > 100);
    assert!(elsewhere.text("zones ES").contains("2022"));
}

/// Eight hours in two days from the end of March 2022.
const JOB: &str = r#"schema = "greenwich.job/1"
name = "night"
[machine]
accelerator = "a100-sxm4-80g"
count = 8
hours = 8
mean_power_w = 400
[site]
zone = "FR"
[schedule]
release = 2022-03-28T00:00:00Z
deadline = 2022-03-30T00:00:00Z
interruptible = false
"#;

#[test]
fn a_plan_goes_on_from_where_the_history_ends() {
    let text = csv(at(START), 2018, |hour| Some(grid(hour)));
    let folder = Folder::new().with("grid/FR.csv", &text).with("job.toml", JOB);
    let plan = folder.json("plan job.toml --signals grid");
    let told = &plan["forecasts"][0];
    assert_eq!(
        (&told["zone"], &told["model"], &told["issued"]),
        (&Value::from("FR"), &Value::from("ridge"), &Value::from("2022-03-28T02:00:00Z"))
    );
    assert!((0.3..=1.0).contains(&told["realised_share"].as_f64().expect("a share")), "{told}");
    let warnings = plan["warnings"].to_string();
    assert!(
        warnings.contains("planned on the median of forecasts") && warnings.contains("starts by such forecasts got"),
        "{warnings}"
    );
    let range = &plan["planned"]["location_based_co2e_kg"];
    assert!(range["p5"].as_f64() < range["p50"].as_f64() && range["p50"].as_f64() < range["p95"].as_f64(), "{range}");
    // The cleanest hours of this grid are around noon.
    let start = plan["segments"][0]["start"].as_str().expect("a stamp");
    assert!((8..=9).contains(&start[11..13].parse::<u32>().expect("an hour")), "{start}");
    // As of an instant, and with a known future, no forecast is asked.
    let as_of = folder.json("plan job.toml --signals grid --at 2022-03-27T12:00:00Z");
    assert_eq!(as_of["forecasts"][0]["issued"], "2022-03-27T12:00:00Z");
    let whole = Folder::new().with("grid/FR.csv", &csv(at(START), 2400, |hour| Some(grid(hour)))).with("job.toml", JOB);
    assert_eq!(whole.json("plan job.toml --history grid")["forecasts"], Value::Array(Vec::new()));
}

#[test]
fn a_history_that_ended_long_ago_gives_way_to_what_is_typical() {
    let text = csv(at(START), 1000, |hour| Some(grid(hour)));
    let job = JOB.replace("\"FR\"", "\"ES\"");
    let folder = Folder::new().with("grid/ES.csv", &text).with("job.toml", &job);
    let plan = folder.json("plan job.toml --signals grid");
    assert_eq!(plan["forecasts"], Value::Array(Vec::new()));
    let warnings = plan["warnings"].to_string();
    assert!(warnings.contains("ES (ends 2022-02-13)") && warnings.contains("typical years"), "{warnings}");
}

/// Sixty days up to this hour, clean in the two hours after next midday-like pair: `clean` hours from now.
fn recent(clean: i64) -> String {
    let now = Timestamp::now();
    let start = Timestamp::from_second(now.as_second().div_euclid(3600) * 3600).expect("an hour") - HOUR * (60 * 24);
    csv(start, 60 * 24, |hour| Some(if matches!((hour - clean).rem_euclid(24), 0 | 1) { 100.0 } else { 400.0 }))
}

fn wait(folder: &Folder, more: &str) -> String {
    format!("wait --hours 2 --deadline 24h --zone FR --signals {}/grid --id test {more}", folder.path().display())
}

/// What would be done with a command.
fn planned(folder: &Folder, command: &str) -> Value {
    serde_json::from_str(&folder.text(&wait(folder, &format!("--format json --dry-run -- {command}")))).expect("JSON")
}

#[test]
fn a_held_command_survives_signals_and_restarts_and_begins_in_its_window() {
    heed::heed_signals();
    let folder = Folder::new().with("grid/FR.csv", &recent(6));
    for (signal, status) in [(rustix::process::Signal::TERM, 143), (rustix::process::Signal::INT, 130)] {
        let mut command = folder.command(&wait(&folder, "-- touch ran"));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program runs");
        // What it says first it says when it listens to signals.
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        stderr.read_line(&mut said).expect("UTF-8");
        let pid = rustix::process::Pid::from_raw(child.id() as i32).expect("a process");
        rustix::process::kill_process(pid, signal).expect("sent");
        stderr.read_to_string(&mut said).expect("UTF-8");
        assert_eq!(child.wait().expect("it ends").code(), Some(status), "{said}");
        assert!(
            said.contains("the command begins at 2") && said.contains("stopped before the command began"),
            "{said}"
        );
    }
    assert!(!folder.path().join("ran").exists(), "nothing is started by a signal");
    // The same words go on with the same window, whatever the grid has become.
    let folder = folder.with("grid/FR.csv", &recent(12));
    let first = planned(&folder, "touch ran");
    assert_eq!(first["resumed"], true);
    let hours = first["start"].as_str().map(at).expect("a stamp").duration_since(Timestamp::now()).as_hours();
    assert!((4..=6).contains(&hours), "{first}");
    let other = planned(&folder, "touch other");
    assert_eq!(other["resumed"], false);
    // When its hour has come, the command runs, and the wait is over.
    let file =
        std::fs::read_dir(folder.path().join("home/waits")).expect("kept").next().expect("one").expect("read").path();
    let mut held: Value = serde_json::from_slice(&std::fs::read(&file).expect("read")).expect("JSON");
    held["start"] = Value::from((Timestamp::now() + SignedDuration::from_millis(1500)).to_string());
    std::fs::write(&file, held.to_string()).expect("written");
    let output = folder.run(&wait(&folder, "-- touch ran"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("going on with an earlier wait"), "{said}");
    assert!(folder.path().join("ran").exists() && !file.exists());
}

#[test]
fn what_is_missing_lets_the_command_begin_at_once() {
    let folder = Folder::new().with("grid/FR.csv", &recent(6)).with("broken/FR.csv", "utc,gco2e_per_kwh\nx,1\n");
    for (words, says) in [
        ("wait --hours 8 --deadline 48h -- sh", "no grid zone is known"),
        ("wait --hours 8 --deadline 48h --zone FR -- sh", "no history of its last days"),
        ("wait --hours 8 --deadline 48h --zone FR --signals nowhere -- sh", "cannot read `nowhere`"),
        ("wait --hours 8 --deadline 48h --zone FR --signals broken -- sh", "broken/FR.csv:2"),
        ("wait --hours 8 --deadline 4h --zone FR --signals grid -- sh", "leaves no room"),
        ("wait --hours 8 --deadline 2020-01-01T00:00:00Z --zone FR --signals grid -- sh", "leaves no room"),
    ] {
        let mut command = folder.command(words);
        let output = command.args(["-c", "echo begun; exit 7"]).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(7), b"begun\n".as_slice()),
            "{words}\n{said}"
        );
        assert!(said.contains(says) && said.contains("begins at once"), "{words}\n{said}");
    }
    let quiet = folder.run("wait --quiet --hours 8 --deadline 48h --zone FR -- true");
    assert!(quiet.status.success() && quiet.stderr.is_empty());
}
