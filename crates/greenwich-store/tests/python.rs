//! Parquet files of the ledger open in pandas, Polars and DuckDB as they lie.
//!
//! Needs a `python3` (or `GREENWICH_PYTHON`) that has at least one of them; says so and passes otherwise.

use greenwich_core::reading::{Device, DeviceKind, MeterHeader, Method, Span, Tick, TickSink};
use greenwich_store::{End, Entry, Format, Ledger, RunContext, export};
use jiff::{SignedDuration, Timestamp};
use std::process::Command;
use std::{env, fs};

const SCRIPT: &str = r#"
import sys, json
samples, minutes, runs = sys.argv[1:4]
found = {}
def note(name, version, answer):
    found[name] = [version] + [int(x) for x in answer]
ENERGY = "energy_mj::bigint * 1000 + energy_rest_uj"
try:
    import duckdb
    q = f"select sum({ENERGY}), count(*), count(distinct device), epoch_us(min(start)), sum(duration_us) from '{samples}' where run = 'py'"
    one = duckdb.execute(q).fetchall()[0]
    m = duckdb.execute(f"select sum(energy_uj) from '{minutes}'").fetchall()[0]
    r = duckdb.execute(f"select count(*) from '{runs}' where project = 'p' and market_based_co2e_kg is null").fetchall()[0]
    types = {c[0]: str(c[1]) for c in duckdb.execute(f"describe select * from '{samples}'").fetchall()}
    assert types["device"] == "VARCHAR" and types["start"] == "TIMESTAMP WITH TIME ZONE", types
    note("duckdb", duckdb.__version__, one + m + r)
except ImportError:
    pass
try:
    import polars as pl
    d = pl.read_parquet(samples).filter(pl.col("run") == "py")
    assert d.schema["device"] == pl.String and d.schema["start"] == pl.Datetime("us", "UTC"), d.schema
    e = (d["energy_mj"] * 1000 + d["energy_rest_uj"]).sum()
    m = pl.read_parquet(minutes)["energy_uj"].sum()
    r = pl.read_parquet(runs).filter(pl.col("market_based_co2e_kg").is_null()).height
    note("polars", pl.__version__, (e, d.height, d["device"].n_unique(), d["start"].dt.epoch("us").min(), d["duration_us"].sum(), m, r))
except ImportError:
    pass
try:
    import pandas as pd, pyarrow
    d = pd.read_parquet(samples)
    assert d["device"].map(type).eq(str).all() and str(d["start"].dt.tz) == "UTC"
    e = (d["energy_mj"] * 1000 + d["energy_rest_uj"]).sum()
    start = int((d["start"].min() - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1))
    m = pd.read_parquet(minutes)["energy_uj"].sum()
    r = pd.read_parquet(runs)["market_based_co2e_kg"].isna().sum()
    note("pandas", pd.__version__, (e, len(d), d["device"].nunique(), start, d["duration_us"].sum(), m, r))
except ImportError:
    pass
print(json.dumps(found))
"#;

#[test]
fn pandas_polars_and_duckdb_read_the_ledger_as_it_lies() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    let started: Timestamp = "2026-03-01T12:34:56.5Z".parse().expect("a moment");
    let device = |id: &str, kind| Device {
        id: id.to_owned(),
        kind,
        domain: "test".to_owned(),
        model: String::new(),
        method: Method::Counted,
        inside_another: false,
    };
    let header = MeterHeader {
        run: "py".to_owned(),
        host: "nœud-1".to_owned(),
        boot_id: "boot".to_owned(),
        started,
        started_boot_ns: 0,
        period: SignedDuration::from_secs(1),
        devices: vec![device("GPU-0", DeviceKind::Gpu), device("cpu-0", DeviceKind::CpuPackage)],
    };
    let mut journal = ledger.journal(RunContext { project: Some("p".into()), ..RunContext::default() });
    journal.begin(&header).expect("a folder that can be written");
    let mut energy_uj = 0;
    for second in 1..=1000u64 {
        let spans = [0u16, 1].map(|device| {
            let drawn_uj = 600_000_123 + second * 7_919 + u64::from(device);
            energy_uj += drawn_uj;
            let since_ns = (second - 1) * 1_000_000_000;
            Span { device, since_ns, energy_uj: drawn_uj, most_uj: drawn_uj, method: Method::Counted }
        });
        let at_ns = second * 1_000_000_000;
        let wall = started + SignedDuration::from_secs(second as i64);
        journal.tick(Tick { at_ns, wall, spans: &spans }).expect("a disk with space");
    }
    let path = journal.finish(End { end: started, exit_status: Some(0) }).expect("a disk with space");
    let closed = ledger.close(path).expect("a whole journal");
    let entry = Entry::of(&closed);
    let runs = folder.path().join("runs.parquet");
    fs::write(&runs, export([&entry], Format::Parquet).expect("bytes")).expect("a disk with space");

    let python = env::var_os("GREENWICH_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python)
        .args(["-c", SCRIPT])
        .args([folder.path().join(&closed.samples), folder.path().join(&closed.minutes), runs])
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: no {} here", python.to_string_lossy());
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let found = found.as_object().expect("by library");
    if found.is_empty() {
        eprintln!("SKIPPED: {} has none of duckdb, polars, pandas with pyarrow", python.to_string_lossy());
    }
    let start_us = started.as_microsecond() as u64;
    for (library, answer) in found {
        eprintln!("{library} {}", answer[0]);
        let numbers: Vec<u64> =
            answer.as_array().expect("a list").iter().filter_map(serde_json::Value::as_u64).collect();
        assert_eq!(numbers, [energy_uj, 2000, 2, start_us, 2_000_000_000, energy_uj, 1], "{library}");
    }
}
