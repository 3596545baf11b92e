//! The child's streams, signals and terminal are its own.
//!
//! The launcher's own tests (`crates/greenwich-launch/tests`) hold every signal and corner; these hold that the whole
//! program keeps what the launcher promises.

use crate::stage::{Cued, GREENWICH, Machine, PATIENCE, has, send, state, text, wait_until};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_megabyte_of_every_byte_passes_through_unchanged() {
    let machine = Machine::server();
    let bytes: Vec<u8> = (0..1_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut command = machine.run(&["--quiet"], &["cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let sent = bytes.clone();
    let writer = thread::spawn(move || stdin.write_all(&sent));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("all was taken");
    assert!(output.stdout == bytes && output.status.success());
}

#[test]
fn quiet_leaves_both_streams_to_the_child_byte_for_byte() {
    let machine = Machine::server();
    let words = ["sh", "-c", r"printf 'out\000\377\n'; printf 'err\r' >&2"];
    let output = machine.run(&["--quiet"], &words).output().expect("it starts");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (b"out\0\xff\n".as_slice(), b"err\r".as_slice()));
}

#[test]
fn what_we_say_is_one_line_on_stderr_after_the_child() {
    let machine = Machine::server();
    let output = machine.run(&[], &["sh", "-c", "echo out; echo err >&2"]).output().expect("it starts");
    assert_eq!(text(&output.stdout), "out\n");
    let stderr = text(&output.stderr);
    let ours = stderr.strip_prefix("err\n").expect("the child comes first");
    assert_eq!(ours.lines().count(), 1, "{ours}");
}

#[test]
fn the_end_of_stdin_and_a_closed_stdin_reach_the_child() {
    let machine = Machine::server();
    let output = machine.run(&["--quiet"], &["cat"]).stdin(Stdio::null()).output().expect("it starts");
    assert!(output.status.success() && output.stdout.is_empty());
    let mut shell = Command::new("sh");
    machine.settle(&mut shell);
    shell.args(["-c", r#"exec "$0" "$@" <&-"#, GREENWICH]).args(machine.words(&["--quiet"], &["cat"]));
    assert!(shell.output().expect("sh").stdout.is_empty());
}

#[test]
fn a_reader_that_leaves_ends_the_child_by_sigpipe() {
    let machine = Machine::server();
    let mut shell = Command::new("sh");
    machine.settle(&mut shell);
    shell.args(["-c", r#"{ "$0" "$@"; echo "$?" >&2; } | head -n 1"#, GREENWICH]);
    let output = shell.args(machine.words(&["--quiet"], &["yes"])).output().expect("sh");
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), ("y\n", "141\n"));
}

#[test]
fn a_stop_stops_both_and_a_continue_wakes_both() {
    let machine = Machine::server();
    let script = "echo ready; echo $$; read line; exit 9";
    // A group of its own, with us outside it in the session: the kernel stops no group that nobody could wake.
    let mut run = Cued::start(machine.run(&[], &["sh", "-c", script]).process_group(0));
    let child: u32 = run.line().parse().expect("a pid");
    send(run.pid(), Signal::TSTP);
    wait_until("both stopped", || state(child) == Some('T') && state(run.pid()) == Some('T'));
    send(run.pid(), Signal::CONT);
    wait_until("both awake", || state(child) != Some('T') && state(run.pid()) != Some('T'));
    assert_eq!(run.end().status.code(), Some(9));
    assert_eq!(machine.entry().exit_status, Some(9));
}

/// An interactive shell on a terminal of its own; `setsid` gives it the terminal.
struct Terminal {
    shell: Child,
    side: File,
    seen: String,
}

impl Terminal {
    fn open(machine: &Machine) -> Option<Self> {
        if !has("setsid") || !has("bash") {
            return None;
        }
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let slave = OpenOptions::new().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let slave = slave.expect("its other side");
        let side = || slave.try_clone().expect("a descriptor");
        let mut command = Command::new("setsid");
        machine.settle(&mut command);
        command.args(["--ctty", "bash", "--norc", "--noprofile", "-i"]).stdin(side()).stdout(side()).stderr(side());
        let shell = command.env("PS1", "$ ").env("TERM", "dumb").spawn().expect("the session starts");
        rustix::io::ioctl_fionbio(&master, true).expect("it may be read without waiting");
        Some(Self { shell, side: File::from(master), seen: String::new() })
    }

    fn press(&mut self, keys: &str) {
        self.side.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until `text` is on the screen, and looks on from there; gives what was before it.
    fn see(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                self.seen.truncate(at);
                return std::mem::replace(&mut self.seen, rest);
            }
            assert!(start.elapsed() < PATIENCE, "waited for {text:?}, saw {:?}", self.seen);
            let mut piece = [0; 4096];
            match self.side.read(&mut piece) {
                Ok(n) => self.seen.push_str(&String::from_utf8_lossy(&piece[..n])),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// A line for the shell.
fn typed(machine: &Machine, script: &str) -> String {
    let words = machine.words(&["--quiet"], &["sh", "-c", script]);
    let quoted: Vec<String> =
        std::iter::once(GREENWICH.to_owned()).chain(words).map(|word| format!("'{word}'")).collect();
    quoted.join(" ") + "\n"
}

#[test]
fn a_shell_stops_resumes_and_interrupts_the_job() {
    let machine = Machine::server();
    let Some(mut shell) = Terminal::open(&machine) else { return };
    shell.press(&typed(&machine, "echo up$((1+1)) $$.; read line; echo \"got $line\"; exit 3"));
    shell.see("up2 ");
    let child: u32 = shell.see(".").parse().expect("a pid");
    shell.press("\x1a");
    shell.see("Stopped");
    wait_until("the child stopped", || state(child) == Some('T'));
    shell.press("fg\n");
    wait_until("the child awake", || state(child) != Some('T'));
    shell.press("hello\n");
    shell.see("got hello");
    shell.press("echo code=$?.\n");
    shell.see("code=3.");
    shell.press(&typed(&machine, "echo up$((2+1)); exec sleep 600"));
    shell.see("up3");
    shell.press("\x03");
    shell.press("echo code=$?.\n");
    shell.see("code=130.");
}
