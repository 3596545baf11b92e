//! The ledger from the command line: what is metered is listed, summed, reported, mended and never lost.
//!
//! In: the real program on counters that run, with a ledger of its own. Out: answers, exit statuses, and what people
//! read when their input is wrong.

mod rig;

use rig::Rig;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A ledger with two runs of search, a final one and one without labels that failed.
fn four_runs() -> Rig {
    let rig = Rig::new();
    let llm = ["--project", "llm-7b", "--zone", "DE"];
    for (phase, seconds) in [("search", "0.3"), ("search", "0.2"), ("final", "0.6")] {
        let output = rig.meter(&[&llm[..], &["--phase", phase, "--tag", "tokens=1000"]].concat(), &["sleep", seconds]);
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(rig.meter(&["--zone", "DE"], &["sh", "-c", "sleep 0.2; exit 3"]).status.code(), Some(3));
    rig
}

fn number(value: &Value, key: &str) -> f64 {
    let value = &value[key];
    value.as_f64().or_else(|| value["p50"].as_f64()).unwrap_or_else(|| panic!("`{key}` is a number: {value}"))
}

#[test]
fn a_command_that_was_waited_for_is_metered_where_that_is_asked_for() {
    let rig = Rig::new();
    let wait = |more: &[&str], command: &[&str]| {
        let words = [&["wait", "--hours=1", "--deadline=1h", "--zone=ES", "--quiet"], more, &["--"], command].concat();
        rig.run(&words).status.code()
    };
    assert_eq!(wait(&[], &["true"]), Some(0));
    assert_eq!(rig.json(&["ledger", "list"])["runs"].as_array().map(Vec::len), Some(0), "not unless it is asked for");
    assert_eq!(wait(&["--meter"], &["sh", "-c", "exit 3"]), Some(3), "its exit status is its own");
    let listed = rig.json(&["ledger", "list"]);
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[test]
fn runs_are_listed_shown_summed_and_reported() {
    let rig = four_runs();
    let list = rig.json(&["ledger", "list"]);
    let runs = list["runs"].as_array().expect("runs");
    assert_eq!(
        (list["schema"].as_str(), runs.len(), &list["open"]),
        (Some("greenwich.runs/1"), 4, &Value::Array(vec![]))
    );
    let whole_j: f64 = runs.iter().map(|run| number(run, "it_energy_j")).sum();
    assert!(whole_j > 10.0, "four runs of a fifth of a second and more at 140 W, {whole_j} J");

    let last = rig.json(&["ledger", "show", "last"]);
    assert_eq!((last["run"].clone(), last["exit_status"].as_i64()), (runs[3]["run"].clone(), Some(3)));
    let name = last["run"].as_str().expect("a name");
    assert_eq!(rig.json(&["ledger", "show", &name[..30]]), last, "a beginning that one run has is enough");
    assert_eq!(rig.json(&["account", name]), last, "and so it is for account");

    let summary = rig.json(&["ledger", "summary", "--fleet-kwh", "0.001"]);
    let rows = summary["rows"].as_array().expect("rows");
    let share: f64 = rows.iter().map(|row| number(row, "share")).sum();
    assert!((share - 1.0).abs() < 1e-9, "shares sum to the whole: {share}");
    assert!((number(&summary["total"], "it_energy_kwh") - whole_j / 3.6e6).abs() < 1e-12);
    assert_eq!(summary["final_share"], Value::Null, "one run has no phase");
    assert_eq!(summary["warnings"].as_array().map(Vec::len), Some(1));

    let hours = rig.json(&["ledger", "hours"]);
    let by_hour: f64 = hours["rows"].as_array().expect("rows").iter().map(|row| number(row, "it_energy_j")).sum();
    assert!((by_hour / whole_j - 1.0).abs() < 1e-6, "{by_hour} J by hour of {whole_j} J");

    let card = rig.answer(&["report", "last", "--for", "hf"]);
    let grams: f64 = card
        .lines()
        .find_map(|line| line.trim().strip_prefix("emissions: ")?.split_whitespace().next()?.parse().ok())
        .expect("emissions");
    assert!(
        (grams / (number(&last, "location_based_co2e_kg") * 1e3) - 1.0).abs() < 1e-4,
        "grams, as the card has them"
    );
    let out = rig.folder.path().join("report.json");
    let two = [runs[0]["run"].as_str().expect("a name"), runs[2]["run"].as_str().expect("a name")];
    rig.answer(&["report", two[0], two[1], "--for", "json", "--out", "report.json"]);
    let written: Value = serde_json::from_slice(&fs::read(out).expect("written")).expect("JSON");
    assert_eq!(written["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn every_screen_fits_a_hundred_columns_and_says_how_it_is_known() {
    let rig = four_runs();
    let screens: [&[&str]; 9] = [
        &["ledger", "list"],
        &["ledger", "list", "--last", "1"],
        &["ledger", "show", "last"],
        &["ledger", "summary", "--by", "month,project,phase", "--fleet-kwh", "10"],
        &["ledger", "hours"],
        &["ledger", "hours", "last"],
        &["ledger", "verify"],
        &["ledger", "recover"],
        &["doctor", "--sysfs-root", "sys", "--explain"],
    ];
    for words in screens {
        let text = rig.answer(words);
        // A folder's name has no place to break.
        let long = text.lines().find(|line| line.chars().count() > 100 && !line.contains('/'));
        assert_eq!(long, None, "{words:?}");
        assert!(!text.contains('\u{1b}'), "{words:?}");
    }
    assert!(rig.answer(&["ledger", "list"]).contains("counted"));
    assert!(rig.answer(&["ledger", "show", "last"]).contains("100 %"));
    assert!(rig.answer(&["ledger", "summary"]).contains("final"));
}

#[test]
fn a_table_of_runs_is_written_in_three_forms() {
    let rig = four_runs();
    let csv = rig.answer(&["ledger", "export", "csv"]);
    assert_eq!(csv.lines().count(), 5, "{csv}");
    let one = rig.answer(&["ledger", "export", "json", "--run", "last"]);
    let one: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(one.as_array().map(Vec::len), Some(1));
    let parquet = rig.run(&["ledger", "export", "parquet", "--out", "runs.parquet"]);
    assert!(parquet.status.success() && parquet.stdout.is_empty());
    assert!(fs::read(rig.folder.path().join("runs.parquet")).expect("written").starts_with(b"PAR1"));
}

#[test]
fn a_run_that_was_cut_off_is_told_and_made_good_at_its_own_place() {
    let rig = Rig::new();
    rig.kill(&["--zone", "PL", "--phase", "final"], 20.0);
    let before = rig.json(&["ledger", "list"]);
    assert_eq!(
        (before["runs"].as_array().map(Vec::len), before["open"][0]["state"].as_str()),
        (Some(0), Some("left behind"))
    );
    assert!(rig.answer(&["ledger", "list"]).contains("greenwich"), "it says what to do");
    assert!(rig.answer(&["doctor", "--sysfs-root", "sys"]).contains("left behind"));
    let recovered = rig.json(&["ledger", "recover"]);
    let run = &recovered["runs"][0];
    assert!(number(run, "it_energy_j") >= 20.0, "what was on record: {run}");
    assert_eq!((run["setting"]["zone"].as_str(), run["phase"].as_str()), (Some("PL"), Some("final")));
    assert!(number(run, "location_based_co2e_kg") > 0.0);
    let after = rig.json(&["ledger", "list"]);
    assert_eq!((after["runs"].as_array().map(Vec::len), after["open"].as_array().map(Vec::len)), (Some(1), Some(0)));
    assert_eq!(rig.json(&["ledger", "recover"])["runs"].as_array().map(Vec::len), Some(0), "once is enough");
}

#[test]
fn what_was_changed_after_it_was_written_is_found() {
    let rig = four_runs();
    assert_eq!(rig.json(&["ledger", "verify"])["findings"].as_array().map(Vec::len), Some(0));
    let entry = some_entry(&rig.ledger().join("entries"));
    let text = fs::read_to_string(&entry).expect("an entry");
    fs::write(&entry, text.replacen("search", "final!", 1).replacen("exit 3", "exit 0", 1)).expect("writable");
    let output = rig.run(&["ledger", "verify", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let verified: Value = serde_json::from_slice(&output.stdout).expect("the answer is given all the same");
    assert!(verified["findings"][0]["what"].as_str().is_some_and(|what| what.contains("checksum")), "{verified}");
}

fn some_entry(folder: &Path) -> std::path::PathBuf {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let first = paths.into_iter().next().expect("not empty");
    if first.is_dir() { some_entry(&first) } else { first }
}

#[test]
fn a_run_is_accounted_again_under_another_place_and_the_old_account_is_kept() {
    let rig = four_runs();
    let old = rig.json(&["account", "last"]);
    let other = rig.json(&["account", "last", "--zone", "PL", "--pue", "1.5"]);
    assert!(
        (number(&other, "it_energy_j") / number(&old, "it_energy_j") - 1.0).abs() < 1e-12,
        "joules are the meter's"
    );
    assert!((number(&other, "facility_energy_kwh") / (number(&old, "it_energy_j") / 3.6e6) - 1.5).abs() < 1e-6);
    assert!(number(&other, "location_based_co2e_kg") > number(&old, "location_based_co2e_kg"), "Poland's grid");
    assert_eq!(rig.json(&["account", "last"]), old, "nothing was recorded");
    rig.answer(&["account", "last", "--zone", "PL", "--pue", "1.5", "--correct"]);
    let new = rig.json(&["account", "last"]);
    assert_eq!((new["setting"]["zone"].as_str(), &new["corrects"][0]), (Some("PL"), &old["id"]));
    let list = rig.json(&["ledger", "list"]);
    assert_eq!((list["runs"].as_array().map(Vec::len), list["corrected"].as_u64()), (Some(4), Some(1)));
    // What is not named is as it was: the place of the correction, and the PUE that was given for it.
    let again = rig.json(&["account", "last", "--accelerator", "h100-sxm"]);
    assert_eq!(again["setting"]["zone"], "PL");
    let facility = |run: &Value| number(run, "facility_energy_kwh");
    assert!((facility(&again) / facility(&new) - 1.0).abs() < 1e-12, "but for rounding");
    let warned = |run: &Value| run["warnings"].as_array().map(Vec::len);
    assert!(warned(&again) <= warned(&new), "warnings of the old account are gone");
}

#[test]
fn a_foreign_record_comes_in_once_and_says_what_it_is() {
    let rig = Rig::new();
    let csv = "timestamp,project_name,run_id,duration,emissions,energy_consumed,cpu_energy,gpu_energy,ram_energy,codecarbon_version,pue\n\
        2026-03-01T12:30:00,bert,abc-1,5400,0.5,1.2,0.2,0.9,0.1,3.3.2,1\n";
    fs::write(rig.folder.path().join("emissions.csv"), csv).expect("writable");
    let first = rig.json(&["ledger", "import", "codecarbon", "emissions.csv", "--zone", "FR", "--phase", "final"]);
    let run = &first["runs"][0];
    assert_eq!((run["source"].as_str(), run["phase"].as_str()), (Some("codecarbon 3.3.2"), Some("final")));
    assert!((number(run, "it_energy_j") - 1.2 * 3.6e6).abs() < 1e-3);
    assert!(number(run, "location_based_co2e_kg") > 0.0, "accounted by our own factors");
    let hours: Vec<f64> = rig.json(&["ledger", "hours", "abc-1"])["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| number(row, "it_energy_j"))
        .collect();
    assert!((hours[0] / hours[1] - 2.0).abs() < 1e-9, "11:00 to 12:30, evenly: {hours:?}");
    let again = rig.json(&["ledger", "import", "codecarbon", "emissions.csv", "--zone", "FR"]);
    assert_eq!((again["runs"].as_array().map(Vec::len), again["already"].as_u64()), (Some(0), Some(1)));
}

#[test]
fn a_list_keeps_to_the_labels_that_are_asked_for() {
    let rig = four_runs();
    let all = rig.json(&["ledger", "list"])["runs"].clone();
    let all = all.as_array().expect("runs");
    for (flag, key) in [("--project", "project"), ("--phase", "phase"), ("--model", "model")] {
        for value in all.iter().filter_map(|run| run[key].as_str()) {
            let wanted = all.iter().filter(|run| run[key].as_str() == Some(value)).count();
            let kept = rig.json(&["ledger", "list", flag, value])["runs"].as_array().map(Vec::len);
            assert_eq!(kept, Some(wanted), "{flag} {value}");
        }
    }
    let none = rig.run(&["ledger", "list", "--tag", "no=where"]);
    let said = String::from_utf8_lossy(&none.stdout).into_owned();
    assert!(said.contains("holds no run with these labels") && said.contains("4 runs with other labels"), "{said}");
}

#[test]
fn logs_of_nvidia_smi_and_slurm_come_in_with_their_energy() {
    let rig = Rig::new();
    let smi = "timestamp, index, name, power.draw [W]\n\
        2026/03/01 12:00:00.000, 0, NVIDIA H100 80GB HBM3, 300.00 W\n\
        2026/03/01 12:00:10.000, 0, NVIDIA H100 80GB HBM3, 500.00 W\n\
        2026/03/01 12:00:20.000, 0, NVIDIA H100 80GB HBM3, 300.00 W\n";
    fs::write(rig.folder.path().join("smi.csv"), smi).expect("writable");
    let run = &rig.json(&["ledger", "import", "nvidia-smi", "smi.csv", "--zone", "DE"])["runs"][0];
    assert_eq!((run["source"].as_str(), run["devices"][0]["method"].as_str()), (Some("nvidia-smi"), Some("sampled")));
    assert!((number(run, "it_energy_j") - 8000.0).abs() < 1e-6, "two trapezoids of 400 W over 10 s: {run}");
    // Half a minute in which nobody looked: between nothing and the limit, and no less certain after PUE than before it.
    let gap = "timestamp, index, name, power.draw [W], power.limit [W]\n\
        2026/03/02 12:00:00.000, 0, NVIDIA H100 80GB HBM3, 400.00 W, 700.00 W\n\
        2026/03/02 12:00:05.000, 0, NVIDIA H100 80GB HBM3, 400.00 W, 700.00 W\n\
        2026/03/02 12:00:10.000, 0, NVIDIA H100 80GB HBM3, 400.00 W, 700.00 W\n\
        2026/03/02 12:00:40.000, 0, NVIDIA H100 80GB HBM3, 400.00 W, 700.00 W\n\
        2026/03/02 12:00:45.000, 0, NVIDIA H100 80GB HBM3, 400.00 W, 700.00 W\n";
    fs::write(rig.folder.path().join("gap.csv"), gap).expect("writable");
    let run = &rig.json(&["ledger", "import", "nvidia-smi", "gap.csv", "--zone", "DE", "--pue", "1.5"])["runs"][0];
    for at in ["p5", "p50", "p95"] {
        let [before, after] = ["it_energy_kwh", "facility_energy_kwh"].map(|key| number(&run[key], at));
        assert!((after - 1.5 * before).abs() < 1e-9 && after > 0.0, "{at}: {run}");
    }
    assert!(number(&run["it_energy_kwh"], "p5") < number(&run["it_energy_kwh"], "p95"));
    let sacct = "JobID|JobName|Account|Start|End|ConsumedEnergyRaw\n\
        77|train|vision|2026-03-01T12:00:00|2026-03-01T13:00:00|3600000\n\
        77.batch|batch|vision|2026-03-01T12:00:00|2026-03-01T13:00:00|3500000\n\
        78|idle|vision|2026-03-01T12:00:00|2026-03-01T13:00:00|0\n";
    fs::write(rig.folder.path().join("sacct.txt"), sacct).expect("writable");
    let runs = rig.json(&["ledger", "import", "sacct", "sacct.txt", "--zone", "DE"])["runs"].clone();
    let energies: Vec<Option<f64>> =
        runs.as_array().expect("runs").iter().map(|run| run["it_energy_j"].as_f64()).collect();
    assert_eq!(energies, [Some(3_600_000.0), None], "0 means that no plugin was set up");
    assert_eq!(runs[0]["project"], "vision");
    assert_eq!(rig.json(&["ledger", "list", "--project", "vision"])["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_copy_of_a_ledger_merges_into_what_was_there() {
    let rig = four_runs();
    let old = rig.json(&["ledger", "show", "last"]);
    copy(&rig.ledger(), &rig.folder.path().join("other"));
    let merged = rig.json(&["ledger", "merge", "last", "other", "--zone", "DE"]);
    let (new, was) = (number(&merged["runs"][0], "it_energy_j"), number(&old, "it_energy_j"));
    assert!((new / was - 1.0).abs() < 1e-9, "each moment counts once: {new} J of {was} J");
    assert_eq!(rig.json(&["ledger", "list"])["runs"].as_array().map(Vec::len), Some(4));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(|_| ()).expect("copied") }
    }
}

#[test]
fn doctor_says_what_is_measured_and_fails_where_nothing_can_be() {
    let rig = Rig::new();
    let found = rig.json(&["doctor", "--sysfs-root", "sys"]);
    assert_eq!((found["can_measure"].as_bool(), found["place"]["grid"].as_str()), (Some(true), Some("world")));
    let devices = found["sources"][0]["devices"].as_array().expect("devices").len();
    assert_eq!((devices, found["sources"][0]["state"].as_str()), (2, Some("ready")));
    let set = rig.json(&["doctor", "--sysfs-root", "sys", "--zone", "GB"]);
    assert_eq!((set["place"]["zone"].as_str(), set["place"]["grid"].as_str()), (Some("GB"), Some("typical")));
    fs::create_dir(rig.folder.path().join("nothing")).expect("writable");
    let none = rig.run(&["doctor", "--sysfs-root", "nothing", "--proc-root", "nothing", "--nvml-lib", "nothing"]);
    assert_eq!(none.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&none.stdout).starts_with("Nothing can be measured or estimated here."));
    let modelled = rig.json(&["doctor", "--sysfs-root", "nothing", "--nvml-lib", "nothing"]);
    assert_eq!((modelled["can_measure"].as_bool(), modelled["can_estimate"].as_bool()), (Some(false), Some(true)));
}

#[test]
fn bad_input_names_what_was_found_and_the_mend() {
    let rig = Rig::new();
    let folder = rig.folder.path();
    fs::write(folder.join("bad.csv"), "timestamp,duration\n2026-03-01T12:30:00,ten\n").expect("writable");
    let empty: &[&[&str]] = &[&["ledger", "show", "last"], &["report", "last", "--for", "hf"], &["account", "last"]];
    let mut all = String::new();
    let mut told = |words: &[&str]| {
        let output = rig.run(words);
        assert!(output.stdout.is_empty(), "nothing goes to stdout when there is no answer: {words:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).replace(&folder.display().to_string(), "DIR");
        let status = output.status.code().expect("it was not killed");
        _ = write!(all, "$ greenwich {}\n{stderr}  exit: {status}\n\n", words.join(" "));
    };
    for words in empty {
        told(words);
    }
    let log =
        "timestamp, index, power.draw [W]\n2026/03/01 12:00:00.000, 0, 100 W\n2026/03/01 12:00:10.000, 0, 100 W\n";
    for name in ["run-a", "run-b"] {
        fs::write(folder.join(format!("{name}.csv")), log).expect("writable");
    }
    // The same content has the same id: the second log is of another hour.
    fs::write(folder.join("run-b.csv"), log.replace(" 12:", " 13:")).expect("writable");
    for name in ["run-a.csv", "run-b.csv"] {
        rig.answer(&["ledger", "import", "nvidia-smi", name, "--host", "node-1", "--zone", "DE"]);
    }
    let cases: &[&[&str]] = &[
        &["ledger", "show", "nosuch"],
        &["ledger", "show", "run"],
        &["ledger", "summary", "--by", "team"],
        &["ledger", "summary", "--fleet-kwh", "-1"],
        &["ledger", "import", "codecarbon", "nowhere.csv"],
        &["ledger", "import", "codecarbon", "bad.csv"],
        &["ledger", "import", "sacct", "bad.csv", "--utc-offset", "CET"],
        &["ledger", "import", "nvidia-smi", "run-a.csv", "--zone", "DEE"],
        &["ledger", "merge", "run-a", "nowhere"],
        &["ledger", "export", "csv", "--out", "nowhere/runs.csv"],
        &["ledger", "export", "csv", "--run", "nosuch"],
        &["report", "run-a", "--for", "pdf"],
        &["report", "nosuch", "--for", "hf"],
        &["account", "nosuch"],
        &["account", "nosuch.toml"],
        &["account", "run"],
        &["account", "run-a", "--zone", "DEE"],
        &["account", "run-a", "--accelerator", "h100-xsm"],
        &["account", "run-a", "--signals", "nowhere"],
        &["account", "run-a", "--pue", "0.9"],
        &["account", "run-a", "--hours", "3"],
        &["account", "run-a", "--correct"],
        &["account", "--hours", "3", "--correct"],
    ];
    for words in cases {
        told(words);
    }
    insta::assert_snapshot!("bad_input", all);
}
