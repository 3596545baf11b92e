//! What the tests play on: a machine of its own for each test, and runs on it that wait for their cue.

use crate::heed::heed_signals;
use greenwich_meter::fixture::{INTEL_MAX_UJ, Live, Power, Tree};
use greenwich_store::{Entry, Ledger};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const GREENWICH: &str = env!("CARGO_BIN_EXE_greenwich");
/// A child that says that it is there and goes when its stdin ends.
pub(crate) const WAITS: [&str; 3] = ["sh", "-c", "echo ready; read line; exit 0"];
/// A test that hangs fails after this; nothing is measured by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A machine: its counters, its ledger, its folder for leases.
pub(crate) struct Machine {
    pub(crate) dir: tempfile::TempDir,
    live: Option<Live>,
    zones: Vec<String>,
}

impl Machine {
    /// Without a sensor.
    pub(crate) fn bare() -> Self {
        heed_signals();
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in ["sys", "run"] {
            fs::create_dir(dir.path().join(name)).expect("writable");
        }
        Self { dir, live: None, zones: Vec::new() }
    }

    /// With the zones that `plant` puts into its tree.
    pub(crate) fn with(plant: impl FnOnce(&mut Tree)) -> Self {
        let mut machine = Self::bare();
        let mut tree = Tree::new(&machine.dir.path().join("sys"));
        plant(&mut tree);
        machine.live = Some(Live::start(tree, 100.0));
        machine
    }

    /// One socket, one zone.
    pub(crate) fn socket(power: Power, start_uj: u64, max_uj: u64) -> Self {
        let mut machine = Self::with(|tree| {
            tree.zone("intel-rapl:0", "package-0", power, start_uj, Some(max_uj));
        });
        machine.zones = vec!["intel-rapl:0".to_owned()];
        machine
    }

    /// 150 W and 20 W of DRAM.
    pub(crate) fn server() -> Self {
        let mut machine = Self::with(|tree| {
            tree.zone("intel-rapl:0", "package-0", Power::Constant(150.0), 7_000_000, Some(INTEL_MAX_UJ));
            tree.zone("intel-rapl:0:0", "dram", Power::Constant(20.0), 9_000, Some(INTEL_MAX_UJ));
        });
        machine.zones = ["intel-rapl:0", "intel-rapl:0:0"].map(str::to_owned).into();
        machine
    }

    pub(crate) fn live(&self) -> &Live {
        self.live.as_ref().expect("this machine has counters")
    }

    /// What the zones that count have drawn so far, in joules.
    pub(crate) fn drawn_j(&self) -> f64 {
        self.live().with(|tree| self.zones.iter().map(|zone| tree.joules(zone)).sum())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `greenwich FLAGS run … -- WORDS` with this machine's counters and ledger.
    pub(crate) fn run(&self, flags: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new(GREENWICH);
        self.settle(&mut command);
        command.args(self.words(flags, words));
        command
    }

    /// The arguments of [`Machine::run`], for programs that start it.
    pub(crate) fn words(&self, flags: &[&str], words: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = ["run", "--zone", "DE", "--ledger"].map(str::to_owned).into();
        all.push(self.path("ledger").display().to_string());
        all.extend(["--sysfs-root".to_owned(), self.path("sys").display().to_string()]);
        if !flags.contains(&"--nvml-lib") {
            all.extend(["--nvml-lib".to_owned(), self.path("no-such-library.so").display().to_string()]);
        }
        all.extend(flags.iter().map(|word| (*word).to_owned()));
        all.push("--".to_owned());
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all
    }

    /// The environment: nothing of the tester's own.
    pub(crate) fn settle(&self, command: &mut Command) {
        command.current_dir(self.dir.path()).env("XDG_RUNTIME_DIR", self.path("run")).env("HOME", self.dir.path());
        for name in ["CUDA_VISIBLE_DEVICES", "GREENWICH_HOME", "SLURM_JOB_ID", "RANK", "LOCAL_RANK", "WORLD_SIZE"] {
            command.env_remove(name);
        }
    }

    /// Starts a run whose child is there when this returns.
    pub(crate) fn cue(&self, flags: &[&str]) -> Cued {
        Cued::start(&mut self.run(flags, &WAITS))
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::at(self.path("ledger"))
    }

    /// The one entry that no other corrects.
    pub(crate) fn entry(&self) -> Entry {
        let found = self.ledger().entries().expect("a ledger");
        assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
        let current: Vec<&Entry> = found.current().collect();
        let [entry] = current[..] else { panic!("one run, one entry: {current:?}") };
        entry.clone()
    }

    /// A whole run with what its counters drew while its child lived and while the program lived.
    pub(crate) fn bounded(&self, flags: &[&str], during: impl FnOnce(&Self)) -> (Entry, std::ops::RangeInclusive<f64>) {
        let before_j = self.drawn_j();
        let run = self.cue(flags);
        let first_j = self.drawn_j();
        during(self);
        let last_j = self.drawn_j();
        assert!(run.end().status.success());
        // Counters show whole microjoules, and there are a few of them.
        let bounds = (last_j - first_j - 1e-5)..=(self.drawn_j() - before_j + 1e-5);
        (self.entry(), bounds)
    }
}

/// A run that waits for the end of its stdin.
pub(crate) struct Cued {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Cued {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("readable");
        assert_eq!(line, "ready\n");
        Self { child, stdin, stdout }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that the child says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("readable");
        line.trim_end().to_owned()
    }

    /// Gives the cue and waits for the end.
    pub(crate) fn end(mut self) -> Output {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits for an end that somebody else brings about.
    pub(crate) fn wait(mut self) -> Output {
        let mut stdout = Vec::new();
        self.stdout.read_to_end(&mut stdout).expect("readable");
        let output = self.child.wait_with_output().expect("it is ours");
        Output { stdout, ..output }
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).expect("a pid is not 0"), signal).expect("the process is there");
}

/// The state letter of a process: `T` while it is stopped.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a tool is here; said aloud where it is not.
pub(crate) fn has(tool: &str) -> bool {
    let is_there = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !is_there {
        eprintln!("SKIPPED: `{tool}` is not here, so this test has not run");
    }
    is_there
}

/// Whether we may mount; said aloud where not.
pub(crate) fn may_mount() -> bool {
    let may = has("unshare") && Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|end| end.success());
    if !may {
        eprintln!("SKIPPED: a mount namespace takes root, so this test has not run");
    }
    may
}

/// Where cargo puts the shared library of a dependency: beside the test itself.
pub(crate) fn stub() -> String {
    let test = std::env::current_exe().expect("a test has a path");
    let path = test.with_file_name("libgreenwich_nvml_stub.so");
    assert!(Path::new(&path).is_file(), "the stand-in is built with this test");
    path.display().to_string()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Our own lines on stderr, but for the one that sums the run up.
pub(crate) fn notices(output: &Output) -> Vec<String> {
    text(&output.stderr).lines().filter(|line| line.starts_with("greenwich: ")).map(str::to_owned).collect()
}
