//! A ledger whose journal grows under our eyes.
//!
//! In: ticks of a node that draws constant watts. Out: what is told of it.

use super::*;
use crate::{Greenwich, Settings};
use greenwich_core::reading::{Device, MeterHeader, Span, Tick, TickSink};
use greenwich_store::{End, Journal, Ledger, RunContext};
use insta::assert_snapshot;
use jiff::SignedDuration;
use std::path::Path;

const NODE: &str = "node-1";

fn start() -> Timestamp {
    "2026-01-05T09:50:00Z".parse().expect("a stamp")
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn header() -> MeterHeader {
    let device = |id: &str, kind, inside_another| Device {
        id: id.to_owned(),
        kind,
        domain: "test".to_owned(),
        model: "Model X".to_owned(),
        method: Method::Counted,
        inside_another,
    };
    MeterHeader {
        run: "run-1".to_owned(),
        host: NODE.to_owned(),
        boot_id: "0f0e0d0c-0000-4000-8000-000000000001".to_owned(),
        started: start(),
        started_boot_ns: 5_000_000_000,
        period: SignedDuration::from_secs(1),
        devices: vec![
            device("GPU-0", DeviceKind::Gpu, false),
            device("cpu-0", DeviceKind::CpuPackage, false),
            device("dram-0", DeviceKind::Dram, true),
        ],
    }
}

/// Writes the ticks of these seconds: 660 W, 200 W, and 30 W that are inside another.
fn drive(sink: &mut impl TickSink, seconds: std::ops::RangeInclusive<u64>, method: Method) {
    for second in seconds {
        let at_ns = second * 1_000_000_000;
        let span = |device: u16, watts: u64| Span {
            device,
            since_ns: at_ns - 1_000_000_000,
            energy_uj: watts * 1_000_000,
            most_uj: watts * 1_000_000,
            method,
        };
        let spans = [span(0, 660), span(1, 200), span(2, 30)];
        sink.tick(Tick { at_ns, wall: after(second as i64), spans: &spans }).expect("a disk with space");
    }
}

fn journal(folder: &Path, tags: &[(&str, &str)]) -> Journal {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let context = RunContext {
        command: vec!["torchrun".into(), "train.py".into()],
        tags: tags.iter().map(pair).collect(),
        place: [("site.zone", "GB"), ("site.pue", "1.2")].iter().map(pair).collect(),
        ..RunContext::default()
    };
    let mut journal = Ledger::at(folder).journal(context);
    journal.begin(&header()).expect("a folder that can be written");
    journal
}

fn open_runs(folder: &Path) -> OpenRuns {
    OpenRuns::of(Ledger::at(folder), NODE)
}

/// Looks again and tells the only run, `seconds` after its start.
fn told(open: &mut OpenRuns, seconds: i64) -> RunNow {
    let greenwich = Greenwich::load();
    let live = Live::new(&greenwich, &Settings::default(), false, None, None).expect("no traces to read");
    open.look(after(seconds)).expect("a readable ledger");
    let runs = open.runs();
    assert_eq!((runs.len(), open.unreadable().len()), (1, 0));
    live.tell(runs[0], after(seconds))
}

/// What is told in one line.
fn line(run: &RunNow) -> String {
    let power = run.power.map_or_else(|| "not read".to_owned(), |power| power.to_string());
    let energy = run.entry.account.it_energy.p50;
    format!("{} {power} {energy} heard {:.0} s ago", run.state.as_str(), run.heard_s)
}

#[test]
fn a_journal_that_grows_is_read_on_from_where_it_ended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = journal(folder.path(), &[]);
    let mut open = open_runs(folder.path());
    assert_snapshot!(line(&told(&mut open, 1)), @"metered not read 0 Wh heard 1 s ago");
    drive(&mut journal, 1..=10, Method::Counted);
    assert_snapshot!(line(&told(&mut open, 10)), @"metered 860 W 2.39 Wh heard 0 s ago");
    drive(&mut journal, 11..=360, Method::Counted);
    assert_snapshot!(line(&told(&mut open, 362)), @"metered 860 W 86.0 Wh heard 2 s ago");
    assert_snapshot!(line(&told(&mut open, 380)), @"silent 860 W 86.0 Wh heard 20 s ago");
    // Whoever meters it still holds the lock; then it dies.
    drop(journal);
    assert_snapshot!(line(&told(&mut open, 380)), @"left behind 860 W 86.0 Wh heard 20 s ago");
}

#[test]
fn half_a_record_is_read_when_it_is_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = journal(folder.path(), &[]);
    drive(&mut journal, 1..=20, Method::Counted);
    let path = journal.path().expect("it has begun").to_owned();
    drop(journal);
    let bytes = std::fs::read(&path).expect("readable");
    for cut in 1..120 {
        let at = bytes.len() - cut;
        std::fs::write(&path, &bytes[..at]).expect("writable");
        let mut open = open_runs(folder.path());
        let mut ticks = || {
            open.look(after(20)).expect("a readable ledger");
            open.runs()[0].observed.tally().ticks()
        };
        assert!(ticks() < 20, "cut by {cut}");
        std::fs::write(&path, &bytes).expect("writable");
        assert_eq!(ticks(), 20, "cut by {cut}");
    }
}

#[test]
fn what_is_told_is_what_the_entry_would_hold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = journal(folder.path(), &[]);
    // Half an hour each side of ten o'clock: two hours of the grid.
    drive(&mut journal, 1..=1800, Method::Counted);
    let run = told(&mut open_runs(folder.path()), 1800);
    assert!(run.accounted);
    let account = &run.entry.account;
    assert!((account.facility_energy.p50.kwh() - 0.43 * 1.2).abs() < 1e-9, "PUE as the journal has it");
    let grams: f64 = run
        .entry
        .hours
        .iter()
        .map(|hour| hour.it_energy.kwh() * 1.2 * hour.location_based_g_per_kwh.expect("a typical year of GB"))
        .sum();
    assert_eq!(run.entry.hours.len(), 2);
    assert!((account.location_based.expect("known").p50.g() / grams - 1.0).abs() < 1e-9);
    let grid = run.grid.expect("GB is known");
    assert_eq!((grid.zone.as_str(), grid.next.len()), ("GB", 24));
    assert_eq!(grid.next[0], ("2026-01-05T10:00:00Z".parse().expect("a stamp"), grid.g_per_kwh));
    assert!(matches!(grid.provenance, Provenance::Typical { .. }));
    let device = &run.devices[2];
    assert!(device.drawn.inside_another && device.drawn.device == "dram-0" && device.drawn.model == "Model X");
    assert_eq!(device.mean.map(|power| power.watts().round()), Some(30.0));
}

#[test]
fn what_was_not_read_has_no_power_and_no_bar() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = journal(folder.path(), &[]);
    drive(&mut journal, 1..=3, Method::Counted);
    drive(&mut journal, 4..=5, Method::Unknown);
    let run = told(&mut open_runs(folder.path()), 5);
    assert_eq!((run.power, run.devices[0].power), (None, None));
    let watts = Some(660.0);
    assert_eq!(run.devices[0].recent_w, [watts, watts, watts, None, None]);
}

#[test]
fn a_long_span_is_spread_and_old_seconds_fall_out() {
    let mut observed = Observed::new(&header(), &RunContext::default());
    let mut add = |since_s: u64, at_s: u64, joules: u64| {
        let (since_ns, at_ns, energy_uj) = (since_s * 1_000_000_000, at_s * 1_000_000_000, joules * 1_000_000);
        let spans = [Span { device: 0, since_ns, energy_uj, most_uj: energy_uj, method: Method::Sampled }];
        observed.add(Tick { at_ns, wall: after(at_s as i64), spans: &spans });
    };
    add(0, 10, 1000);
    add(12, 14, 400);
    let (hundred, two) = (Some(100.0), Some(200.0));
    assert_eq!(observed.recent_w(0), [[hundred; 10].as_slice(), &[None, None, two, two]].concat());
    let mut later = observed.clone();
    let spans =
        [Span { device: 0, since_ns: 99_000_000_000, energy_uj: 7_000_000, most_uj: 0, method: Method::Counted }];
    later.add(Tick { at_ns: 100_000_000_000, wall: after(100), spans: &spans });
    let recent = later.recent_w(0);
    assert_eq!((recent.len(), recent[58], recent[59]), (60, None, Some(7.0)));
    assert!(recent[..59].iter().all(Option::is_none), "{recent:?}");
}

#[test]
fn the_end_is_projected_only_where_the_run_tells_its_hours() {
    let projected = |hours: &str, seconds: u64| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tags = if hours.is_empty() { vec![] } else { vec![("hours", hours)] };
        let mut journal = journal(folder.path(), &tags);
        drive(&mut journal, 1..=seconds, Method::Counted);
        told(&mut open_runs(folder.path()), seconds as i64).projected.map_or_else(
            || "none".to_owned(),
            |end| {
                let co2e = end.co2e.map_or_else(|| "not known".to_owned(), |co2e| co2e.p50.to_string());
                format!("{} {} {co2e}", end.end, end.facility_energy.p50)
            },
        )
    };
    assert_snapshot!(projected("2.5", 600), @"2026-01-05T12:20:00Z 2.58 kWh 568 gCO2e");
    for (hours, seconds) in [("", 600), ("2.5", 30), ("0.1", 600), ("soon", 600), ("-1", 600), ("1e9", 600)] {
        assert_eq!(projected(hours, seconds), "none", "hours={hours} after {seconds} s");
    }
}

#[test]
fn a_run_that_is_closing_says_so_and_is_gone_when_closed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = journal(folder.path(), &[]);
    drive(&mut journal, 1..=5, Method::Counted);
    let path = journal.finish(End { end: after(5), exit_status: Some(0) }).expect("a disk with space");
    let mut open = open_runs(folder.path());
    assert_eq!(told(&mut open, 6).state, State::Ended);
    Ledger::at(folder.path()).close(path).expect("nobody writes it");
    open.look(after(7)).expect("a readable ledger");
    assert!(open.runs().is_empty());
}

#[test]
fn a_scrape_sums_to_the_energy_and_names_what_the_intensity_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journal = journal(folder.path(), &[]);
    drive(&mut journal, 1..=10, Method::Counted);
    let run = told(&mut open_runs(folder.path()), 10);
    let text = greenwich_report::telemetry::prometheus(&scrape(&[run]));
    let values = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    assert_snapshot!(values, @r#"
    greenwich_energy_joules_total{device="GPU-0",component="gpu",run="run-1",host="node-1"} 6600
    greenwich_energy_joules_total{device="cpu-0",component="cpu",run="run-1",host="node-1"} 2000
    greenwich_power_watts{device="GPU-0",component="gpu",run="run-1",host="node-1"} 660
    greenwich_power_watts{device="cpu-0",component="cpu",run="run-1",host="node-1"} 200
    greenwich_coverage_ratio{device="GPU-0",component="gpu",run="run-1",host="node-1"} 1
    greenwich_coverage_ratio{device="cpu-0",component="cpu",run="run-1",host="node-1"} 1
    greenwich_emissions_grams_total{method="location",signal="lifecycle"} 0.6478666666666666
    greenwich_emissions_grams_total{method="location",signal="direct"} 0.46153333333333335
    greenwich_grid_intensity_grams_per_kwh{zone="GB",signal="lifecycle",kind="typical"} 226
    "#);
}
