//! Streams, descriptors, environment and signal state: a child is given what it would have had.

use crate::stage::launch;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Output, Stdio};
use std::thread;

/// Every byte there is, and far more of them than a pipe holds.
fn megabyte() -> Vec<u8> {
    (0..1_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// The same command through the launcher and without.
fn both(args: &[&str]) -> [Output; 2] {
    let direct = Command::new(args[0]).args(&args[1..]).output().expect("it starts");
    [launch(args).output().expect("the launcher starts"), direct]
}

#[test]
fn a_megabyte_passes_through_unchanged() {
    let bytes = megabyte();
    let mut child = launch(&["cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let sent = bytes.clone();
    let writer = thread::spawn(move || stdin.write_all(&sent));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("all was taken");
    assert!(output.stdout == bytes && output.status.success());
}

#[test]
fn stdout_and_stderr_are_the_childs_byte_for_byte() {
    let output = launch(&["sh", "-c", r"printf 'out\000\377\n'; printf 'err\r' >&2"]).output().expect("it starts");
    assert_eq!(output.stdout, b"out\0\xff\n");
    assert_eq!(output.stderr, b"err\r");
}

#[test]
fn a_closed_stdin_stays_closed() {
    let script = r#""$0" sh -c 'if [ -e /dev/fd/0 ]; then echo open; else echo closed; fi' <&-"#;
    let output = Command::new("sh").args(["-c", script]).arg(crate::stage::example("launch")).output().expect("sh");
    // Rust opens /dev/null over what is closed when it starts, so that no file takes the place of a stream; the child
    // then reads the end at once.
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(["open\n", "closed\n"].contains(&said.as_str()), "{said}");
    let script = r#""$0" cat <&-"#;
    let output = Command::new("sh").args(["-c", script]).arg(crate::stage::example("launch")).output().expect("sh");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_end_of_stdin_reaches_the_child() {
    let output = launch(&["cat"]).stdin(Stdio::null()).output().expect("it starts");
    assert!(output.status.success() && output.stdout.is_empty());
}

#[test]
fn a_reader_that_leaves_ends_the_child_by_sigpipe() {
    let script = r#"{ "$0" yes; echo "$?" >&2; } | head -n 1"#;
    let output = Command::new("sh").args(["-c", script]).arg(crate::stage::example("launch")).output().expect("sh");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (b"y\n".as_slice(), b"141\n".as_slice()));
}

#[cfg(target_os = "linux")]
#[test]
fn no_descriptor_of_ours_is_left_open_in_the_child() {
    let [ours, direct] = both(&["sh", "-c", "ls /proc/$$/fd"]);
    assert!(!direct.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&direct.stdout));
}

#[test]
fn a_descriptor_that_was_handed_to_us_is_handed_on() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let script = r#""$0" sh -c 'echo through >&7' 7>"$1""#;
    let ran = Command::new("sh").args(["-c", script]).arg(crate::stage::example("launch")).arg(file.path()).status();
    assert!(ran.expect("sh").success());
    assert_eq!(std::fs::read_to_string(file.path()).expect("it is there"), "through\n");
}

#[test]
fn the_environment_and_the_folder_are_the_same() {
    for args in [["env"].as_slice(), &["pwd", "-P"], &["sh", "-c", "umask; ulimit -a"]] {
        let [ours, direct] = both(args);
        assert!(!direct.stdout.is_empty());
        assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&direct.stdout), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn signals_are_ignored_blocked_and_caught_as_they_would_be() {
    let state = ["grep", "^Sig[BIC]", "/proc/self/status"];
    let [ours, direct] = both(&state);
    assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&direct.stdout));
    // As `nohup` and shells' background jobs have it.
    let under_nohup = |launcher: &str| {
        let script = format!("trap '' HUP INT QUIT USR1 TSTP; exec {launcher} grep '^SigIgn' /proc/self/status");
        let path = crate::stage::example("launch");
        let output = Command::new("sh").args(["-c", &script]).arg(path).output().expect("sh");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let mask = said.split_whitespace().nth(1).and_then(|mask| u64::from_str_radix(mask, 16).ok());
        // glibc keeps signals 32 and 33 to itself and spawns children that ignore them until it needs them.
        mask.expect("a mask") & !0x1_8000_0000
    };
    let (direct, ours) = (under_nohup(""), under_nohup("\"$0\""));
    // More only where the tests themselves were started so.
    assert_eq!((direct & 0x8_0207, ours), (0x8_0207, direct));
}

#[test]
fn a_child_that_writes_to_a_file_has_it_from_us() {
    let file = tempfile::tempfile().expect("a file");
    let clone: File = file.as_fd().try_clone_to_owned().expect("a descriptor").into();
    assert!(launch(&["sh", "-c", "echo one; echo two"]).stdout(clone).status().expect("it starts").success());
    let length = file.metadata().expect("it is open").len();
    assert_eq!(length, 8);
}
