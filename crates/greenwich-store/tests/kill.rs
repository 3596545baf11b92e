//! A meter that is killed at random moments loses at most the tick it was writing, and no earlier run.
//!
//! The child is this test binary: it journals at 100 Hz with energies that follow from time alone, so that the truth
//! is known without asking it. `GREENWICH_KILLS=1000` makes it the full harness; figures go to standard error.

use greenwich_core::reading::{Device, DeviceKind, MeterHeader, Method, Span, Tick, TickSink};
use greenwich_store::{End, Entry, JournalFile, Ledger, RunContext};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const FOLDER: &str = "GREENWICH_TEST_KILL_FOLDER";
const PERIOD: Duration = Duration::from_millis(10);
const HOST: &str = "node-1";

/// 700 W and 150 W: microjoules are microseconds times watts.
const WATTS: [u64; 2] = [700, 150];

fn header(run: String) -> MeterHeader {
    let device = |(at, kind): (usize, DeviceKind)| Device {
        id: format!("{}-{at}", kind.as_str()),
        kind,
        domain: "test".to_owned(),
        model: String::new(),
        method: Method::Counted,
        inside_another: false,
    };
    MeterHeader {
        run,
        host: HOST.to_owned(),
        boot_id: "boot".to_owned(),
        started: Timestamp::now(),
        started_boot_ns: 0,
        period: SignedDuration::try_from(PERIOD).expect("a short time"),
        devices: [(0, DeviceKind::Gpu), (1, DeviceKind::CpuPackage)].map(device).to_vec(),
    }
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let ledger = Ledger::at(folder);
    let mut journal = ledger.journal(RunContext::default());
    let header = header(format!("run-{}", std::process::id()));
    let begun = Instant::now();
    journal.begin(&header).expect("a folder that can be written");
    let mut since_us = 0;
    for number in 1.. {
        thread::sleep((begun + PERIOD * number).saturating_duration_since(Instant::now()));
        let at_us = begun.elapsed().as_micros() as u64;
        let spans = [0, 1].map(|device: u16| {
            let energy_uj = (at_us - since_us) * WATTS[usize::from(device)];
            Span { device, since_ns: since_us * 1000, energy_uj, most_uj: energy_uj, method: Method::Counted }
        });
        let wall = header.started + SignedDuration::from_micros(at_us as i64);
        journal.tick(Tick { at_ns: at_us * 1000, wall, spans: &spans }).expect("a disk with space");
        since_us = at_us;
    }
}

fn contents(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            contents(&path, into);
        } else {
            into.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
}

fn earlier_run(ledger: &Ledger) {
    let mut journal = ledger.journal(RunContext::default());
    let header = header("earlier".to_owned());
    journal.begin(&header).expect("a folder that can be written");
    let spans = [Span { device: 0, since_ns: 0, energy_uj: 5, most_uj: 5, method: Method::Counted }];
    journal.tick(Tick { at_ns: 1_000_000, wall: header.started, spans: &spans }).expect("a disk with space");
    let path = journal.finish(End { end: header.started, exit_status: Some(0) }).expect("a disk with space");
    ledger.record(&Entry::of(&ledger.close(path).expect("a whole journal"))).expect("a disk with space");
}

#[test]
fn a_meter_killed_at_any_moment_leaves_a_journal_that_reads() {
    let kills: u32 = env::var("GREENWICH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::at(folder.path());
    earlier_run(&ledger);
    let mut before = BTreeMap::new();
    contents(folder.path(), &mut before);

    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ u64::from(std::process::id());
    let (mut lost_ms, mut ticks, mut torn, mut unborn) = (Vec::new(), 0, 0u32, 0u32);
    for _ in 0..kills {
        let mut child = Command::new(env::current_exe().expect("this test is a file"))
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("this test can be started again");
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        thread::sleep(Duration::from_micros(state % 120_000));
        let killed = Timestamp::now();
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");

        let journals = ledger.journals().expect("a ledger");
        let Some(path) = journals.first() else {
            unborn += 1;
            continue;
        };
        let mut file = JournalFile::open(path).expect("it has a whole header from its first moment");
        let (mut at_us, mut sums, mut last) = (0, [0, 0], None);
        while let Some(tick) = file.next_tick().expect("a readable disk") {
            for span in &tick.spans {
                assert_eq!(span.since_ns / 1000, at_us, "no tick is missing before the last");
                sums[usize::from(span.device)] += span.energy_uj;
            }
            at_us = tick.at_ns / 1000;
            last = Some(tick.wall);
            ticks += 1;
        }
        assert!(file.damage().is_empty());
        assert_eq!(sums, WATTS.map(|watts| watts * at_us), "to the microjoule");
        torn += u32::from(file.torn_bytes() > 0);
        let heard = last.unwrap_or(file.header().started);
        lost_ms.push(killed.duration_since(heard).as_micros() as f64 / 1000.0);
        drop(file);

        let recovered = ledger.recover(HOST).expect("a ledger");
        let [entry] = recovered.entries.as_slice() else { panic!("one run was left: {recovered:?}") };
        let truth_j = (at_us * (WATTS[0] + WATTS[1])) as f64 / 1e6;
        let found_j = if at_us == 0 { entry.it_energy_j.unwrap_or(0.0) } else { entry.it_energy_j.expect("counted") };
        assert!((found_j - truth_j).abs() < 1e-6, "{found_j} J of {truth_j} J");
    }
    assert!(ledger.verify().expect("a ledger").findings.is_empty());
    let mut after = BTreeMap::new();
    contents(folder.path(), &mut after);
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "the earlier run was not touched");

    lost_ms.sort_by(f64::total_cmp);
    let (most, middle) =
        (lost_ms.last().copied().unwrap_or(0.0), lost_ms.get(lost_ms.len() / 2).copied().unwrap_or(0.0));
    eprintln!(
        "{kills} kills at 100 Hz: {ticks} ticks read, {torn} torn tails, 0 unreadable, {unborn} before the journal was begun; \
         lost {middle:.1} ms (median), {most:.1} ms (most)"
    );
    assert!(lost_ms.len() > kills as usize / 4, "enough of them were killed while they wrote");
}
