//! Exit status, and what was used.

use crate::stage::{PATIENCE, launch, send};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::Instant;

fn run(args: &[&str]) -> Output {
    launch(args).output().expect("the launcher starts")
}

fn status_of(script: &str) -> Option<i32> {
    run(&["sh", "-c", script]).status.code()
}

#[test]
fn an_exit_status_is_passed_on() {
    for code in [0, 1, 2, 3, 126, 127, 128, 130, 255] {
        assert_eq!(status_of(&format!("exit {code}")), Some(code));
    }
}

#[test]
fn a_child_ended_by_a_signal_is_128_and_the_signal() {
    let mut cases = vec![("HUP", 129), ("INT", 130), ("ABRT", 134), ("KILL", 137), ("SEGV", 139), ("TERM", 143)];
    if cfg!(target_os = "linux") {
        // Real-time signals have numbers only.
        cases.extend([("34", 162), ("64", 192)]);
    }
    for (signal, code) in cases {
        assert_eq!(status_of(&format!("ulimit -c 0; kill -{signal} $$")), Some(code), "{signal}");
    }
}

#[test]
fn a_command_that_cannot_be_run_is_127_or_126() {
    assert_eq!(run(&["no-such-command-anywhere"]).status.code(), Some(127));
    assert_eq!(run(&["/etc/passwd"]).status.code(), Some(126));
    assert_eq!(run(&["/"]).status.code(), Some(126));
}

#[test]
fn a_script_without_a_first_line_runs_as_a_shell_would_run_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("script");
    std::fs::write(&path, "echo \"$1\"; exit 5\n").expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let path = path.to_str().expect("text");
    let mut output = run(&[path, "an argument"]);
    let begun = Instant::now();
    // Another test that forks just now holds the file that was written here, until its child is another program.
    while String::from_utf8_lossy(&output.stderr).contains("Text file busy") && begun.elapsed() < PATIENCE {
        output = run(&[path, "an argument"]);
    }
    assert_eq!((output.stdout.as_slice(), output.status.code()), (b"an argument\n".as_slice(), Some(5)));
}

#[test]
fn what_children_of_children_used_is_counted() {
    let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    let output = run(&["--usage", "sh", "-c", &format!("sh -c '{busy}'; exit 4")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4));
    assert!(said.contains("user_cpu: Some(") && !said.contains("user_cpu: Some(0ns)"), "{said}");
    assert!(said.contains("peak_rss_bytes: Some(") && said.contains("left_behind: Unknown"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn adopted_orphans_are_waited_for_and_those_that_go_on_are_told() {
    // `kill -0` finds a process until its parent has waited for it: the child ends only if the orphan was ours.
    let ends = r#"pid=$( (sleep 0.05 >/dev/null & echo $!) ); while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done"#;
    for (script, left) in [(ends, "left_behind: None"), ("sleep 600 >/dev/null 2>&1 & echo $!", "left_behind: Some")] {
        let output = run(&["--adopt", "--usage", "sh", "-c", script]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(left), "{said}");
        if let Ok(pid) = String::from_utf8_lossy(&output.stdout).trim().parse() {
            send(pid, Signal::KILL);
        }
    }
}
