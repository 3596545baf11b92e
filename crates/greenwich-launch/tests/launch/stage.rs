//! What the tests play on: the launcher's path, a child whose lines are read, a terminal with a session of its own.

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../../../greenwich-cli/tests/rig/heed.rs"]
mod heed;
pub(crate) use heed::heed_signals;

/// A test that hangs fails after this; nothing is measured by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A built example of this crate.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let path = test.parent().and_then(|deps| deps.parent()).expect("it lies in `deps`").join("examples").join(name);
    assert!(path.is_file(), "{} is not built: run `cargo test -p greenwich-launch`", path.display());
    path
}

/// The launcher with arguments of its own and a command.
pub(crate) fn launch(args: &[&str]) -> Command {
    heed_signals();
    let mut command = Command::new(example("launch"));
    command.args(args);
    command
}

/// The launcher over `examples/subject.rs`, as the leader of a process group of its own.
pub(crate) fn launch_subject(mode: &str) -> Talk {
    let subject = example("subject");
    let mut command = launch(&[subject.to_str().expect("the path is text"), mode]);
    command.process_group(0);
    Talk::with(command)
}

pub(crate) fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).expect("a pid is not 0"), signal).expect("the process is there");
}

/// The state letter of a process: `T` while it is stopped.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come about");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A running launcher whose output is read as it comes.
pub(crate) struct Talk {
    pub(crate) launcher: Child,
    output: Output,
}

impl Talk {
    pub(crate) fn with(mut command: Command) -> Self {
        let mut launcher = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the launcher starts");
        let output = Output::of(launcher.stdout.take().expect("it is piped"));
        Self { launcher, output }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.launcher.id()
    }

    /// Waits until `text` is there; gives all that came.
    pub(crate) fn hear(&mut self, text: &str) -> String {
        self.output.until(text)
    }

    /// Waits until nobody can say more; gives all that came.
    pub(crate) fn rest(&mut self) -> String {
        self.output.rest()
    }

    /// The subject's own pid, once it is ready.
    pub(crate) fn child_pid(&mut self) -> u32 {
        ready(&self.hear("\n")).0
    }

    /// Ends the subject by SIGXCPU to the launcher, which comes after every earlier signal; gives what it heard.
    pub(crate) fn heard(mut self) -> Vec<String> {
        send(self.pid(), Signal::XCPU);
        assert!(self.launcher.wait().expect("it is ours").success());
        let said = self.rest();
        said.lines().filter(|line| !line.starts_with("ready") && *line != "SIGXCPU").map(str::to_owned).collect()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.launcher.kill();
        let _ = self.launcher.wait();
    }
}

/// The pid of the subject and of its parent.
pub(crate) fn ready(said: &str) -> (u32, u32) {
    let line = said.lines().find_map(|line| line.strip_prefix("ready ")).expect("it says that it is ready");
    let (pid, parent) = line.trim().split_once(' ').expect("two numbers");
    (pid.parse().expect("a number"), parent.parse().expect("a number"))
}

/// A stream that is read by a thread, so that waiting for text can end.
struct Output {
    pieces: Receiver<Vec<u8>>,
    so_far: Vec<u8>,
}

impl Output {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // A terminal whose session has ended gives EIO: the end, like 0 bytes.
            while let Ok(n @ 1..) = stream.read(&mut piece) {
                if sender.send(piece[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { pieces, so_far: Vec::new() }
    }

    fn rest(&mut self) -> String {
        let start = Instant::now();
        loop {
            match self.pieces.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok(piece) => self.so_far.extend(piece),
                Err(RecvTimeoutError::Disconnected) => return String::from_utf8_lossy(&self.so_far).into_owned(),
                Err(RecvTimeoutError::Timeout) => panic!("somebody holds the stream open"),
            }
        }
    }

    fn until(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let said = String::from_utf8_lossy(&self.so_far).into_owned();
            if said.contains(text) {
                return said;
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.so_far.extend(piece),
                Err(e) => panic!("waited for {text:?} ({e}), had {said:?}"),
            }
        }
    }
}

/// A terminal, and a command that leads a session on it.
pub(crate) struct Terminal {
    leader: Child,
    /// Our side; `None` once it has gone away.
    keys: Option<Arc<File>>,
    screen: Output,
}

/// Reads our side for as long as it is there, without holding it open.
struct Screen(Weak<File>);

impl Read for Screen {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(side) = self.0.upgrade() else { return Ok(0) };
            match (&*side).read(piece) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            drop(side);
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Terminal {
    /// `None`, said aloud, where `setsid` of util-linux is missing: without it no safe code gives a child a terminal.
    pub(crate) fn with(program: &str, args: &[&str]) -> Option<Self> {
        for tool in ["setsid", program] {
            let is_there = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            if is_there.is_err() {
                eprintln!("SKIPPED: `{tool}` is not here, so this test of terminals has not run");
                return None;
            }
        }
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let slave = OpenOptions::new().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let slave = slave.expect("its other side");
        let side = || slave.try_clone().expect("a descriptor");
        heed_signals();
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program).args(args).stdin(side()).stdout(side()).stderr(side());
        let leader = command.env("PS1", "$ ").env("TERM", "dumb").spawn().expect("the session starts");
        rustix::io::ioctl_fionbio(&master, true).expect("it may be read without waiting");
        let keys = Arc::new(File::from(master));
        let screen = Output::of(Screen(Arc::downgrade(&keys)));
        Some(Self { leader, keys: Some(keys), screen })
    }

    /// An interactive shell.
    pub(crate) fn shell() -> Option<Self> {
        Self::with("bash", &["--norc", "--noprofile", "-i"])
    }

    /// Waits until nobody is left on the terminal; gives what came since the last look.
    pub(crate) fn rest(&mut self) -> String {
        self.screen.rest()
    }

    pub(crate) fn press(&mut self, keys: &str) {
        let mut side = self.keys.as_deref().expect("it has not gone away");
        side.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until `text` is on the screen; gives what is there up to its end, and looks on from there.
    pub(crate) fn see(&mut self, text: &str) -> String {
        let seen = self.screen.until(text);
        let end = seen.find(text).expect("it was waited for") + text.len();
        self.screen.so_far = seen[end..].into();
        seen[..end].to_owned()
    }

    /// Takes the terminal away, as a lost connection does.
    pub(crate) fn hang_up(&mut self) {
        self.keys = None;
    }

    pub(crate) fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.leader.kill();
        let _ = self.leader.wait();
    }
}
