//! A machine with counters and a ledger of its own, for tests of the real program.
//!
//! In: nothing. Out: a folder with a sysfs tree whose counters run, a ledger, and the program in it.

#![allow(dead_code, reason = "each test file takes what it needs")]

use greenwich_meter::fixture::{INTEL_MAX_UJ, Live, Power, Tree};
use greenwich_store::{JournalFile, Ledger};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime};

/// A test that hangs fails after this; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Watts of the package and of its memory.
pub(crate) const WATTS: [f64; 2] = [120.0, 20.0];

pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    _counters: Live,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut tree = Tree::new(&folder.path().join("sys"));
        tree.zone("intel-rapl:0", "package-0", Power::Constant(WATTS[0]), 1000, Some(INTEL_MAX_UJ));
        tree.zone("intel-rapl:0:0", "dram", Power::Constant(WATTS[1]), 1000, Some(INTEL_MAX_UJ));
        Self { folder, _counters: Live::start(tree, 200.0) }
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// The program, which knows this ledger and no other setting.
    pub(crate) fn program(&self) -> Command {
        program(self.folder.path())
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.program().args(words).output().expect("the program runs")
    }

    /// Meters a command; the flags come before it.
    pub(crate) fn meter(&self, flags: &[&str], command: &[&str]) -> Output {
        let sensors = ["run", "--quiet", "--sysfs-root", "sys", "--period", "50ms"];
        self.run(&[&sensors[..], flags, &["--"], command].concat())
    }

    /// Starts a run, kills its meter and its child when so many joules are on record, and lets its journal grow old.
    pub(crate) fn kill(&self, flags: &[&str], joules: f64) {
        let mut command = self.program();
        command.args(["run", "--quiet", "--sysfs-root", "sys", "--period", "50ms"]).args(flags);
        let mut meter = command.args(["--", "sleep", "600"]).spawn().expect("the program runs");
        let begun = Instant::now();
        while self.recorded_j() < joules {
            assert!(begun.elapsed() < PATIENCE, "nothing is recorded");
            std::thread::sleep(Duration::from_millis(10));
        }
        let of_meter = fs::read_to_string(format!("/proc/{0}/task/{0}/children", meter.id())).unwrap_or_default();
        meter.kill().expect("it runs");
        meter.wait().expect("it ended");
        for child in of_meter.split_whitespace() {
            _ = Command::new("kill").args(["-9", child]).status();
        }
        for entry in fs::read_dir(self.ledger().join("open")).expect("a folder of journals") {
            let file = fs::File::options().append(true).open(entry.expect("readable").path()).expect("a journal");
            file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("its time can be set");
        }
    }

    /// What is on record of runs that are not closed.
    fn recorded_j(&self) -> f64 {
        let journals = Ledger::at(self.ledger()).journals().unwrap_or_default();
        let of = |path: &PathBuf| {
            let mut file = JournalFile::open(path).ok()?;
            let mut sum_uj = 0;
            while let Ok(Some(tick)) = file.next_tick() {
                sum_uj += tick.spans.iter().map(|span| span.energy_uj).sum::<u64>();
            }
            Some(sum_uj as f64 / 1e6)
        };
        journals.iter().filter_map(of).sum()
    }

    /// An answer as text; it must be one.
    pub(crate) fn answer(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {:?}\n{stderr}", output.status);
        String::from_utf8(output.stdout).expect("answers are UTF-8")
    }

    /// An answer as JSON.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.answer(&[words, &["--format", "json"]].concat())).expect("one JSON document")
    }
}

/// The program in a folder, whose ledger is there and whose settings are none.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenwich"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GREENWICH_") || name.starts_with("SLURM_")) {
        command.env_remove(name);
    }
    for name in ["COLUMNS", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .env("GREENWICH_HOME", folder.join("ledger"))
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_RUNTIME_DIR", folder);
    command
}
