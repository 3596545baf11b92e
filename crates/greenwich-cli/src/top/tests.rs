//! Frames of fixed states, as text and as the cells of a terminal.
//!
//! In: a ledger with journals that are open. Out: what is drawn.

use super::frame::{self, Look, Room, View};
use super::{Chosen, Watcher};
use greenwich::live::{DeviceKind, Live, Method, Timestamp};
use greenwich::store::{End, Entry, Journal, Ledger};
use greenwich::{Greenwich, Settings};
use greenwich_core::reading::{Device, MeterHeader, Span, Tick, TickSink};
use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use ratatui::widgets::Paragraph;
use std::path::Path;
use std::time::Duration;

const START: &str = "2026-01-05T09:13:00Z";

fn at(seconds: u64) -> Timestamp {
    START.parse::<Timestamp>().expect("a stamp") + Duration::from_secs(seconds)
}

/// A node of so many GPUs with a package and a memory; the first GPU idles every fifth second.
fn header(run: &str, gpus: u16) -> MeterHeader {
    let device = |id: String, kind, model: &str, method| Device {
        id,
        kind,
        domain: "test".into(),
        model: model.into(),
        method,
        inside_another: false,
    };
    let gpu = |n| {
        device(format!("GPU-{n}c2a9d1e-0000-4000-8000-000000000000"), DeviceKind::Gpu, "NVIDIA H100 80GB HBM3", Method::Counted)
    };
    let cpu = device("cpu-0".into(), DeviceKind::CpuPackage, "Xeon", Method::Counted);
    let dram = device("dram-model".into(), DeviceKind::Dram, "256 GB", Method::Estimated);
    MeterHeader {
        run: run.into(),
        host: "node-1".into(),
        boot_id: "0f0e0d0c-0000-4000-8000-000000000001".into(),
        started: at(0),
        started_boot_ns: 5_000_000_000,
        period: jiff_seconds(1),
        devices: (0..gpus).map(gpu).chain([cpu, dram]).collect(),
    }
}

fn jiff_seconds(seconds: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(seconds)
}

fn journal(ledger: &Path, run: &str, command: &[&str], gpus: u16, seconds: u64) -> Journal {
    let context = greenwich::store::RunContext {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        project: Some("llm-7b".into()),
        phase: Some("final".into()),
        tags: [("hours".to_owned(), "4".to_owned())].into(),
        place: [("site.zone".to_owned(), "GB".to_owned()), ("site.pue".to_owned(), "1.2".to_owned())].into(),
        ..Default::default()
    };
    let mut journal = Ledger::at(ledger).journal(context);
    journal.begin(&header(run, gpus)).expect("a folder that can be written");
    for second in 1..=seconds {
        let at_ns = second * 1_000_000_000;
        let span = |device: u16, watts: u64, most: u64, method| Span {
            device,
            since_ns: at_ns - 1_000_000_000,
            energy_uj: watts * 1_000_000,
            most_uj: most * 1_000_000,
            method,
        };
        let gpu = |device| {
            let watts = if second % 5 == 0 && device == 0 { 140 } else { 660 };
            span(device, watts, watts, Method::Counted)
        };
        let others = [span(gpus, 230, 230, Method::Counted), span(gpus + 1, 40, 60, Method::Estimated)];
        let spans: Vec<Span> = (0..gpus).map(gpu).chain(others).collect();
        journal.tick(Tick { at_ns, wall: at(second), spans: &spans }).expect("a disk with space");
    }
    journal
}

fn view(ledger: &Path, seconds: u64) -> View {
    let greenwich = Greenwich::load().expect("the shipped facts");
    let live = Live::new(&greenwich, &Settings::default(), false, None, None).expect("no traces to read");
    Watcher::of(Ledger::at(ledger), "LEDGER".into(), live, None, "node-1").look(at(seconds))
}

/// The cells of a terminal of this size, as text.
fn drawn(view: &View, chosen: usize, width: u16, height: u16, colour: bool) -> (String, Vec<Color>) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
    let draw = |frame: &mut ratatui::Frame<'_>| {
        let room = Room { width: width.into(), height: height.into() };
        frame.render_widget(Paragraph::new(frame::lines(view, chosen, room, Look { colour })), frame.area());
    };
    terminal.draw(draw).expect("memory takes everything");
    let buffer = terminal.backend().buffer();
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    let colours = buffer.content().iter().map(|cell| cell.fg).filter(|colour| *colour != Color::Reset).collect();
    ((0..height).map(row).collect(), colours)
}

#[test]
fn one_frame_of_a_run_in_eighty_and_in_a_hundred_columns() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _open = journal(folder.path(), "run-1", &["torchrun", "--nproc-per-node", "2", "train.py"], 2, 600);
    let view = view(folder.path(), 601);
    assert_snapshot!(frame::text(&view, 80), @"");
    assert_snapshot!(frame::text(&view, 100), @"");
}

#[test]
fn a_node_of_eight_gpus_fits_eighty_by_twenty_four_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _open = journal(folder.path(), "run-1", &["torchrun", "train.py"], 8, 600);
    let view = view(folder.path(), 601);
    assert_snapshot!(drawn(&view, 0, 80, 24, false).0, @"");
    let (small, _) = drawn(&view, 0, 80, 18, false);
    assert!(small.contains("more, "), "{small}");
}

#[test]
fn of_two_runs_the_chosen_one_is_marked_and_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _first = journal(folder.path(), "run-1", &["python", "one.py"], 1, 60);
    let _second = journal(folder.path(), "run-2", &["python", "two.py"], 1, 30);
    let view = view(folder.path(), 61);
    let (text, _) = drawn(&view, 1, 80, 24, false);
    assert_snapshot!(text, @"");
}

#[test]
fn colour_only_adds_and_no_size_breaks_the_frame() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _open = journal(folder.path(), "run-1", &["torchrun", "train.py"], 2, 30);
    let view = view(folder.path(), 90);
    let (plain, none) = drawn(&view, 0, 80, 24, false);
    let (coloured, some) = drawn(&view, 0, 80, 24, true);
    assert_eq!(plain, coloured);
    assert!(none.is_empty() && some.contains(&Color::Cyan) && some.contains(&Color::Yellow));
    assert!(plain.contains("silent"), "what is yellow is also said: {plain}");
    for (width, height) in [(1, 1), (10, 3), (40, 8), (80, 2), (300, 100)] {
        let (text, _) = drawn(&view, 0, width, height, true);
        assert_eq!(text.lines().count(), usize::from(height));
    }
    for width in [40, 60, 80, 100, 140] {
        for line in frame::text(&view, width).lines() {
            assert!(greenwich::report::figures::columns(line) <= width, "{width}: {line}");
        }
    }
}

#[test]
fn with_no_run_in_progress_the_last_ones_are_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_snapshot!(frame::text(&view(folder.path(), 0), 80), @"");
    let ledger = Ledger::at(folder.path());
    let journal = journal(folder.path(), "run-1", &["python", "one.py"], 1, 60);
    let path = journal.finish(End { end: at(60), exit_status: Some(0) }).expect("a disk with space");
    let closed = ledger.close(path).expect("nobody writes it");
    ledger.record(&Entry::of(&closed)).expect("a new entry");
    assert_snapshot!(frame::text(&view(folder.path(), 70), 100), @"");
}

#[test]
fn the_choice_stays_with_its_run_and_q_asks_for_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = journal(folder.path(), "run-1", &["one"], 1, 3);
    let _second = journal(folder.path(), "run-2", &["two"], 1, 3);
    let both = view(folder.path(), 4);
    let mut chosen = Chosen::default();
    chosen.keep(&both);
    let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
    assert!(!chosen.press(key(KeyCode::Down), &both) && !chosen.press(key(KeyCode::Down), &both));
    assert_eq!(chosen.at, 1, "there is no third run");
    let run = chosen.run.clone().expect("a run is chosen");
    let kept = if run.0 == "run-1" { Some(first) } else { drop(first); None };
    if kept.is_none() {
        let one = std::fs::read_dir(folder.path().join("open")).expect("the journals are there");
        for file in one.flatten().filter(|file| file.file_name().to_string_lossy().starts_with("run-1")) {
            std::fs::remove_file(file.path()).expect("removable");
        }
        let left = view(folder.path(), 5);
        chosen.keep(&left);
        assert_eq!((chosen.at, left.runs.len(), chosen.run.clone()), (0, 1, Some(run)));
    }
    assert!(chosen.press(key(KeyCode::Char('q')), &both) && chosen.press(key(KeyCode::Esc), &both));
    assert!(chosen.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &both));
}
