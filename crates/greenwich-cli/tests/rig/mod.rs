//! A machine with counters and a ledger of its own, for tests of the real program.
//!
//! In: nothing. Out: a folder with a sysfs tree whose counters run, a ledger, and the program in it.

#![allow(dead_code, reason = "each test file takes what it needs")]

use greenwich_meter::fixture::{INTEL_MAX_UJ, Live, Power, Tree};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Watts of the package and of its memory.
pub const WATTS: [f64; 2] = [120.0, 20.0];

pub struct Rig {
    pub folder: tempfile::TempDir,
    _counters: Live,
}

impl Rig {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut tree = Tree::new(&folder.path().join("sys"));
        tree.zone("intel-rapl:0", "package-0", Power::Constant(WATTS[0]), 1000, Some(INTEL_MAX_UJ));
        tree.zone("intel-rapl:0:0", "dram", Power::Constant(WATTS[1]), 1000, Some(INTEL_MAX_UJ));
        Self { folder, _counters: Live::start(tree, 200.0) }
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// The program, which knows this ledger and no other setting.
    pub fn program(&self) -> Command {
        program(self.folder.path())
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.program().args(words).output().expect("the program runs")
    }

    /// Meters a command; the flags come before it.
    pub fn meter(&self, flags: &[&str], command: &[&str]) -> Output {
        let sensors = ["run", "--quiet", "--sysfs-root", "sys", "--period", "50ms"];
        self.run(&[&sensors[..], flags, &["--"], command].concat())
    }

    /// An answer as text; it must be one.
    pub fn answer(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {:?}\n{stderr}", output.status);
        String::from_utf8(output.stdout).expect("answers are UTF-8")
    }

    /// An answer as JSON.
    pub fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.answer(&[words, &["--format", "json"]].concat())).expect("one JSON document")
    }
}

/// The program in a folder, whose ledger is there and whose settings are none.
pub fn program(folder: &Path) -> Command {
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
