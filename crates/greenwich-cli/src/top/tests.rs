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
        device(
            format!("GPU-{n}c2a9d1e-0000-4000-8000-000000000000"),
            DeviceKind::Gpu,
            "NVIDIA H100 80GB HBM3",
            Method::Counted,
        )
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
    let greenwich = Greenwich::load();
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
    assert_snapshot!(frame::text(&view, 80), @"
    greenwich top · 1 run in progress                        5 Jan 2026 09:23:01 UTC

    Command  torchrun --nproc-per-node 2 train.py
    Run      run-1 on node-1 · project llm-7b · phase final
    Since    5 Jan 09:13 UTC, 10 min · metered, heard of 1 s ago
    Power    1.07 kW now · 1.49 kW mean · 4 devices, before PUE
    Energy   297 Wh (295–301) after PUE 1.20 · 248 Wh IT
    CO2e     67.2 gCO2e (38.3–118) location-based, 90 % range
    Grid     226 g/kWh this hour in GB · typical 2021–2023, not a forecast
    24 h     ▇▇▇▇▇▇███████▇▇▆▆▆▆▆▆▇██ 180–260 g/kWh from 09:00 UTC · typical
    End      5 Jan 13:13 UTC · 7.13 kWh (7.07–7.23) · 1.58 kgCO2e (0.898–2.76) ·
             projected from tag hours and the mean so far

    device                    now     mean     energy method    last 20 s, from 0
    GPU-0c2a9d1e-0000-4…    140 W    556 W    92.7 Wh counted   ████▂████▂████▂████▂
    GPU-1c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    cpu-0 Xeon              230 W    230 W    38.3 Wh counted   ████████████████████
    dram-model 256 GB      40.0 W   40.0 W    6.67 Wh estimated ████████████████████
    ! fans, disks, network and power supplies are not metered
    grid: Electricity Maps through Hewlett Packard (ODbL-1.0)
    ");
    assert_snapshot!(frame::text(&view, 100), @"
    greenwich top · 1 run in progress                                            5 Jan 2026 09:23:01 UTC

    Command  torchrun --nproc-per-node 2 train.py
    Run      run-1 on node-1 · project llm-7b · phase final
    Since    5 Jan 09:13 UTC, 10 min · metered, heard of 1 s ago
    Power    1.07 kW now · 1.49 kW mean · 4 devices, before PUE
    Energy   297 Wh (295–301) after PUE 1.20 · 248 Wh IT
    CO2e     67.2 gCO2e (38.3–118) location-based, 90 % range
    Grid     226 g/kWh this hour in GB · typical 2021–2023, not a forecast
    24 h     ▇▇▇▇▇▇███████▇▇▆▆▆▆▆▆▇██ 180–260 g/kWh from 09:00 UTC · typical
    End      5 Jan 13:13 UTC · 7.13 kWh (7.07–7.23) · 1.58 kgCO2e (0.898–2.76) · projected from tag
             hours and the mean so far

    device                              now     mean     energy method    last 30 s, from 0
    GPU-0c2a9d1e-0000-4000-8000-0…    140 W    556 W    92.7 Wh counted   ████▂████▂████▂████▂████▂████▂
    GPU-1c2a9d1e-0000-4000-8000-0…    660 W    660 W     110 Wh counted   ██████████████████████████████
    cpu-0 Xeon                        230 W    230 W    38.3 Wh counted   ██████████████████████████████
    dram-model 256 GB                40.0 W   40.0 W    6.67 Wh estimated ██████████████████████████████
    ! fans, disks, network and power supplies are not metered
    grid: Electricity Maps through Hewlett Packard (ODbL-1.0)
    ");
}

#[test]
fn a_node_of_eight_gpus_fits_eighty_by_twenty_four_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _open = journal(folder.path(), "run-1", &["torchrun", "train.py"], 8, 600);
    let view = view(folder.path(), 601);
    assert_snapshot!(drawn(&view, 0, 80, 24, false).0, @"
    greenwich top · 1 run in progress                        5 Jan 2026 09:23:01 UTC

    Command  torchrun train.py
    Run      run-1 on node-1 · project llm-7b · phase final
    Since    5 Jan 09:13 UTC, 10 min · metered, heard of 1 s ago
    Power    5.03 kW now · 5.45 kW mean · 10 devices, before PUE
    Energy   1.09 kWh after PUE 1.20 · 908 Wh IT
    CO2e     246 gCO2e (140–432) location-based, 90 % range
    Grid     226 g/kWh this hour in GB · typical 2021–2023, not a forecast
    24 h     ▇▇▇▇▇▇███████▇▇▆▆▆▆▆▆▇██ 180–260 g/kWh from 09:00 UTC · typical
    End      5 Jan 13:13 UTC · 26.1 kWh (26.1–26.2) · 5.77 kgCO2e (3.29–10.1) ·
             projected from tag hours and the mean so far

    device                    now     mean     energy method    last 20 s, from 0
    GPU-0c2a9d1e-0000-4…    140 W    556 W    92.7 Wh counted   ████▂████▂████▂████▂
    GPU-1c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    GPU-2c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    GPU-3c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    GPU-4c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    GPU-5c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    GPU-6c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    GPU-7c2a9d1e-0000-4…    660 W    660 W     110 Wh counted   ████████████████████
    … and 2 more, 270 W
    q quit                 grid: Electricity Maps through Hewlett Packard (ODbL-1.0)
    ");
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
    assert_snapshot!(text, @"
    greenwich top · 2 runs in progress                       5 Jan 2026 09:14:01 UTC

      run                       lasted       now     energy         CO2e is
      python one.py              1 min     410 W    16.5 Wh   3.73 gCO2e metered
    ▸ python two.py               30 s     410 W    8.26 Wh   1.87 gCO2e silent

    Command  python two.py
    Run      run-2 on node-1 · project llm-7b · phase final
    Since    5 Jan 09:13 UTC, 30 s · silent, heard of 31 s ago
    Power    410 W now · 826 W mean · 3 devices, before PUE
    Energy   8.26 Wh (8.13–8.46) after PUE 1.20 · 6.88 Wh IT
    CO2e     1.87 gCO2e (1.06–3.28) location-based, 90 % range
    Grid     226 g/kWh this hour in GB · typical 2021–2023, not a forecast
    24 h     ▇▇▇▇▇▇███████▇▇▆▆▆▆▆▆▇██ 180–260 g/kWh from 09:00 UTC · typical

    device                    now     mean     energy method    last 20 s, from 0
    GPU-0c2a9d1e-0000-4…    140 W    556 W    4.63 Wh counted   ████▂████▂████▂████▂
    cpu-0 Xeon              230 W    230 W    1.92 Wh counted   ████████████████████
    dram-model 256 GB      40.0 W   40.0 W   0.333 Wh estimated ████████████████████
    ! fans, disks, network and power supplies are not metered



    ↑↓ choose a run · q quit
    ");
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
    assert_snapshot!(frame::text(&view(folder.path(), 0), 80), @"
    greenwich top · no run in progress                       5 Jan 2026 09:13:00 UTC

    No run is in progress in the ledger LEDGER.
    Start one with: greenwich run -- COMMAND

    The ledger holds no finished run either.
    ");
    let ledger = Ledger::at(folder.path());
    let journal = journal(folder.path(), "run-1", &["python", "one.py"], 1, 60);
    let path = journal.finish(End { end: at(60), exit_status: Some(0) }).expect("a disk with space");
    let closed = ledger.close(path).expect("nobody writes it");
    ledger.record(&Entry::of(&closed)).expect("a new entry");
    assert_snapshot!(frame::text(&view(folder.path(), 70), 100), @"
    greenwich top · no run in progress                                           5 Jan 2026 09:14:10 UTC

    No run is in progress in the ledger LEDGER.
    Start one with: greenwich run -- COMMAND

    Last runs
    run    start, UTC        lasted  project · phase   energy       CO2e  method     exit
    run-1  2026-01-05 09:13   1 min  llm-7b · final   13.9 Wh  not known  estimated     0

    1 run: 13.9 Wh (13.8–14.1) after PUE, CO2e not known.
    ");
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
    let run = chosen.run.clone();
    let path = first.path().expect("it has begun").to_owned();
    drop(first);
    std::fs::remove_file(path).expect("it is there");
    let left = view(folder.path(), 5);
    chosen.keep(&left);
    assert_eq!((chosen.at, left.runs.len(), &chosen.run), (0, 1, &run));
    assert!(chosen.press(key(KeyCode::Char('q')), &both) && chosen.press(key(KeyCode::Esc), &both));
    assert!(chosen.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &both));
}
