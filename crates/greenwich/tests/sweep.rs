//! Sweeps: what they hold, that their file does not depend on threads, and what they refuse.

use greenwich::sweep::{Axes, COLUMNS, QUANTITIES, SweepOptions, Swept, names, sweep};
use greenwich::{Greenwich, job_file};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

fn job(more: &[(&str, &str)]) -> job_file::JobSpec {
    let keys = [
        ("model.params", "7e9"),
        ("model.tokens", "1e12"),
        ("machine.accelerator", "a100-sxm4-80g"),
        ("machine.count", "64"),
        ("site.region", "gcp/us-central1"),
    ];
    let keys: Vec<(String, String)> =
        keys.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    job_file::from_flags(&keys).expect("the flags are right")
}

fn swept(job: &job_file::JobSpec, axes: &[&str], out: Option<PathBuf>, threads: usize) -> Swept {
    let axes: Vec<String> = axes.iter().map(|&axis| axis.to_owned()).collect();
    let axes = Axes::read(&axes).expect("the axes are right");
    let options = SweepOptions { out, threads: NonZeroUsize::new(threads) };
    sweep(&Greenwich::load(), job, &axes, &options).expect("it can be swept")
}

const AXES: [&str; 5] = [
    "chip=h100-sxm,a100-sxm4-80g,tpu-v4",
    "count=1,8..1024",
    "precision=bf16,fp8",
    "region=gcp/*,aws/eu-north-1",
    "datacenter=typical,1.1",
];

/// Rows of a CSV, each by column.
fn rows(path: &Path) -> Vec<std::collections::HashMap<String, String>> {
    let text = std::fs::read_to_string(path).expect("written");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(header, names());
    let row = |row: csv::StringRecord| header.iter().cloned().zip(row.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.expect("as many cells as the header"))).collect()
}

#[test]
fn every_combination_is_a_row_and_what_cannot_be_has_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sweep.csv");
    let answer = swept(&job(&[]), &AXES, Some(path.clone()), 1).json();
    let rows = rows(&path);
    assert_eq!(answer["combinations"], rows.len());
    let of = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
    assert_eq!(answer["feasible"], of("ok"));
    // One accelerator of 80 GB cannot hold 112 GB of states, TPUs are Google's, and the A100 has no fp8.
    assert!(of("does_not_fit") > 0 && of("not_offered") > 0 && of("no_peak") > 0);
    for row in &rows {
        let is_ok = row["status"] == "ok";
        assert_eq!(row["reason"].is_empty(), is_ok, "{row:?}");
        let end = |name: &str, end: &str| row[&format!("{name}_{end}")].parse::<f64>().ok();
        for (name, _) in QUANTITIES.iter().filter(|(name, _)| !["market_based_co2e_kg", "cost_usd"].contains(name)) {
            let [low, mid, high] = ["p5", "p50", "p95"].map(|p| end(name, p));
            assert!(
                if is_ok { low <= mid && mid <= high && low > Some(0.0) } else { mid.is_none() },
                "{name}: {row:?}"
            );
        }
    }
    assert!(rows.iter().any(|row| row["status"] == "does_not_fit" && row["least_count"] == "2"));
}

#[test]
fn the_same_bytes_are_written_on_one_and_two_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    for form in ["csv", "parquet"] {
        let written = [1, 2].map(|threads| {
            let path = folder.path().join(format!("{threads}.{form}"));
            let axes = ["chip=h100,a100-sxm4,tpu-v4", "count=8..400+8", "region=*"];
            let mut answer = swept(&job(&[]), &axes, Some(path.clone()), threads).json();
            assert!(answer["combinations"].as_u64() > Some(30_000), "several parts");
            answer["out"] = serde_json::Value::Null;
            (std::fs::read(&path).expect("written"), answer.to_string())
        });
        assert!(written[0] == written[1], "{form}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
    assert_eq!(left.len(), 4, "nothing is left beside the files");
}

/// Cells of a Parquet file, each as its text and, where it is one, its number.
fn parquet_rows(path: &Path) -> Vec<Vec<(String, Option<f64>)>> {
    let file = std::fs::File::open(path).expect("written");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let cell = |field: &Field| match field {
        Field::Null => (String::new(), None),
        Field::Str(text) => (text.clone(), None),
        Field::Long(whole) => (whole.to_string(), None),
        Field::Double(real) => (String::new(), Some(*real)),
        other => panic!("no column holds {other:?}"),
    };
    let rows = reader.get_row_iter(None).expect("rows");
    rows.map(|row| row.expect("a row").get_column_iter().map(|(_, field)| cell(field)).collect()).collect()
}

#[test]
fn both_files_hold_the_same_cells() {
    let folder = tempfile::tempdir().expect("a folder");
    let layouts = [
        "layout=all:zero=0/1:recompute=none/full,2x4x8:cp=2",
        "count=64,96",
        "region=gcp/*",
        "chip=h100-sxm,a100-sxm4-80g,tpu-v4",
    ];
    for axes in [&AXES[..], &layouts] {
        let [text, columns] = ["sweep.csv", "sweep.parquet"].map(|name| folder.path().join(name));
        let job = job(&[]);
        let _ = swept(&job, axes, Some(text.clone()), 2);
        let _ = swept(&job, axes, Some(columns.clone()), 2);
        let (text, columns) = (rows(&text), parquet_rows(&columns));
        assert!(text.len() == columns.len() && text.len() > 1000, "{} and {}", text.len(), columns.len());
        for (text, columns) in text.iter().zip(columns) {
            for (name, (words, number)) in names().iter().zip(columns) {
                match number {
                    None => assert_eq!(text[name], words, "{name}"),
                    Some(number) => {
                        let short: f64 = text[name].parse().expect("a number");
                        assert!((short / number - 1.0).abs() < 5.1e-6, "{name}: {short} for {number}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_point_of_the_job_itself_is_its_estimate() {
    let greenwich = Greenwich::load();
    for more in [&[][..], &[("machine.hours", "300"), ("machine.mean_power_w", "480")]] {
        let job = job(more);
        let estimate = greenwich.estimate(&job).expect("it is estimated");
        let answer = swept(&job, &["count=64"], None, 1).json();
        let point = &answer["best"]["hours"];
        for (key, found) in [
            ("hours", estimate.hours.p95.hours()),
            ("it_energy_kwh", estimate.it_energy.p95.kwh()),
            ("location_based_co2e_kg", estimate.location_based.expect("known").p95.kg()),
            ("embodied_co2e_kg", estimate.embodied.expect("known").p95.kg()),
            ("water_l", estimate.water.expect("known").p95.litres()),
            ("cost_usd", estimate.cost.expect("known").p95.usd()),
        ] {
            let swept = point[key]["p95"].as_f64().expect("known");
            assert!((swept / found - 1.0).abs() < 1e-12, "{key}: {swept} against {found}");
        }
        assert_eq!(point["tier"], estimate.tier.to_string());
    }
}

#[test]
fn no_combination_beats_one_of_the_frontier_and_each_other_is_beaten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sweep.csv");
    let answer = swept(&job(&[]), &AXES, Some(path.clone()), 2).json();
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::INFINITY);
    let aims = ["hours", "location_based_co2e_kg", "cost_usd"];
    let all: Vec<[f64; 3]> = rows(&path)
        .iter()
        .filter(|row| row["status"] == "ok")
        .map(|row| aims.map(|aim| number(&row[&format!("{aim}_p50")])))
        .collect();
    let frontier: Vec<[f64; 3]> = answer["frontier"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| aims.map(|aim| row[aim]["p50"].as_f64().unwrap_or(f64::INFINITY)))
        .collect();
    // The file has six figures: a difference below that is none.
    let beats = |a: &[f64; 3], b: &[f64; 3], by: f64| a.iter().zip(b).all(|(a, b)| *a <= b * by) && a != b;
    assert!(!frontier.is_empty());
    for of_frontier in &frontier {
        assert!(!all.iter().any(|other| beats(other, of_frontier, 1.0 - 1e-5)), "{of_frontier:?}");
    }
    for other in &all {
        let near = |way: &[f64; 3]| way.iter().zip(other).all(|(a, b)| (a - b).abs() <= b * 1e-5 || a == b);
        assert!(frontier.iter().any(|way| near(way) || beats(way, other, 1.0 + 1e-5)), "{other:?}");
    }
    for (aim, index) in [("hours", 0), ("co2e", 1), ("cost", 2)] {
        let least = all.iter().map(|way| way[index]).fold(f64::INFINITY, f64::min);
        let best = answer["best"][aim][aims[index]]["p50"].as_f64().expect("known");
        assert!((best / least - 1.0).abs() < 1e-5, "{aim}");
    }
}

#[test]
fn layouts_are_those_asked_for_or_every_one_that_divides() {
    let keys: Vec<(String, String)> = [
        ("model.name", "llama-2-7b"),
        ("model.tokens", "1e12"),
        ("machine.accelerator", "a100-sxm4-80g"),
        ("machine.count", "64"),
    ]
    .iter()
    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
    .collect();
    let job = job_file::from_flags(&keys).expect("right");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sweep.csv");
    let _ = swept(&job, &["layout=8x4x2,8x8x8", "count=64"], Some(path.clone()), 1);
    let found = rows(&path);
    assert_eq!(found.iter().map(|row| row["status"].as_str()).collect::<Vec<_>>(), ["ok", "layout"]);
    let _ = swept(&job, &["layout=all", "count=64,96"], Some(path.clone()), 1);
    let found = rows(&path);
    let number =
        |row: &std::collections::HashMap<String, String>, key: &str| row[key].parse::<u32>().expect("a number");
    assert!(found.len() > 30, "{}", found.len());
    let hours: std::collections::BTreeSet<&str> = found.iter().map(|row| row["hours_p50"].as_str()).collect();
    assert!(hours.len() > 10, "layouts differ in their hours: {hours:?}");
    for row in &found {
        let product = number(row, "tensor") * number(row, "pipeline") * number(row, "data");
        assert_eq!(product, number(row, "count"));
        assert!(32u32.is_multiple_of(number(row, "pipeline")), "{row:?}");
        assert!(row["tier"] == "T1" || row["status"] == "does_not_fit", "{row:?}");
    }
}

#[test]
fn what_a_layout_fixes_stands_in_its_row_and_the_rest_is_chosen() {
    let job = |more: &[(&str, &str)]| {
        let keys = [("model.tokens", "1e12"), ("machine.accelerator", "a100-sxm4-80g"), ("machine.count", "64")];
        let keys: Vec<_> =
            keys.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        job_file::from_flags(&keys).expect("right")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sweep.csv");
    let told = |job: &job_file::JobSpec, layout: &str| {
        let _ = swept(job, &[layout], Some(path.clone()), 1);
        let keys = [
            "tensor",
            "pipeline",
            "data",
            "context",
            "expert",
            "zero",
            "recompute",
            "micro_batch",
            "interleave",
            "status",
        ];
        let row = |row: &std::collections::HashMap<String, String>| keys.map(|key| row[key].clone()).join(",");
        let hours: Vec<f64> = rows(&path).iter().filter_map(|row| row["hours_p50"].parse().ok()).collect();
        (rows(&path).iter().map(row).collect::<Vec<_>>().join("\n"), hours)
    };
    let dense = job(&[("model.name", "llama-2-7b")]);
    let (found, hours) = told(&dense, "layout=4x1x16:zero=1:recompute=none/full:micro_batch=1/2");
    insta::assert_snapshot!(found, @r"
    4,1,16,1,1,1,none,1,1,ok
    4,1,16,1,1,1,none,2,1,ok
    4,1,16,1,1,1,full,1,1,ok
    4,1,16,1,1,1,full,2,1,ok
    ");
    assert!(hours[2] > 1.2 * hours[0], "computing every block again takes longer: {hours:?}");
    let (found, _) = told(&dense, "layout=2x4x4:cp=2:interleave=2,2x4x8:cp=2");
    insta::assert_snapshot!(found, @r"
    2,4,4,2,1,1,none,1,2,ok
    2,4,8,2,,,,,,layout
    ");
    // A mixture of 400 billion parameters, of which a token passes 20: no more than its experts spread out fit.
    let sparse = job(&[("model.params", "4e11"), ("model.active_params", "2e10"), ("machine.count", "512")]);
    let (found, _) = told(&sparse, "layout=8x1x64:zero=1:recompute=full:ep=1/64,all:ep=64:zero=1:recompute=full");
    insta::assert_snapshot!(found, @r"
    8,1,64,1,1,1,full,1,1,does_not_fit
    8,1,64,1,64,1,full,1,1,ok
    1,1,512,1,64,1,full,1,1,does_not_fit
    1,2,256,1,64,1,full,1,4,ok
    1,4,128,1,64,1,full,1,2,ok
    1,8,64,1,64,1,full,1,1,ok
    2,1,256,1,64,1,full,1,1,ok
    2,2,128,1,64,1,full,1,4,ok
    2,4,64,1,64,1,full,1,2,ok
    4,1,128,1,64,1,full,1,1,ok
    4,2,64,1,64,1,full,1,4,ok
    ");
}

#[test]
fn the_page_of_sweep_files_tells_every_column_and_key() {
    const PAGE: &str = include_str!("../../../docs/reference/sweep-files.md");
    let told = |name: &str, about: &str| {
        PAGE.lines().any(|line| line.starts_with(&format!("| `{name}` |")) && line.contains(about))
    };
    for (name, about) in COLUMNS.iter().chain(&QUANTITIES).chain(&greenwich::sweep::KEYS) {
        assert!(told(name, about), "`{name}`: {about}");
    }
}
