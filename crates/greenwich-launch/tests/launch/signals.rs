//! Signals that come by `kill`.

use crate::stage::{Talk, launch, launch_subject, send, state, wait_until};
use rustix::process::Signal;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

const PASSED_ON: [(Signal, &str); 8] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::TERM, "SIGTERM"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::WINCH, "SIGWINCH"),
];

#[test]
fn a_signal_to_us_alone_reaches_the_child_once() {
    for (signal, name) in PASSED_ON {
        let mut talk = launch_subject("");
        talk.hear("ready");
        send(talk.pid(), signal);
        talk.hear(name);
        assert_eq!(talk.heard(), [name]);
    }
}

#[test]
fn a_signal_while_the_child_starts_leaves_no_child_alone() {
    for moment in 0..60 {
        let mut talk = Talk::with(launch(&["sleep", "600"]));
        thread::sleep(Duration::from_micros(50 * moment));
        send(talk.pid(), Signal::TERM);
        let status = talk.launcher.wait().expect("it is ours");
        // By default before we heed signals, passed on after.
        assert!(status.signal() == Some(15) || status.code() == Some(143), "{status}");
        talk.rest();
    }
}

#[test]
fn a_signal_to_the_child_alone_does_not_return_from_us() {
    let mut talk = launch_subject("");
    let child = talk.child_pid();
    send(child, Signal::TERM);
    talk.hear("SIGTERM");
    assert_eq!(talk.heard(), ["SIGTERM"]);
}

#[test]
fn what_the_child_sends_to_its_whole_group_is_not_sent_back() {
    let mut talk = launch_subject("kill-group");
    talk.hear("SIGTERM");
    assert_eq!(talk.heard(), ["SIGTERM"]);
}

#[test]
fn a_child_that_a_signal_ends_is_reported_so() {
    for (signal, code) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143), (Signal::USR1, 138)] {
        let mut talk = Talk::with(launch(&["sh", "-c", "echo ready; exec sleep 600"]));
        talk.hear("ready");
        send(talk.pid(), signal);
        assert_eq!(talk.launcher.wait().expect("it is ours").code(), Some(code));
    }
}

#[test]
fn a_child_that_is_killed_is_137() {
    let mut talk = launch_subject("");
    let child = talk.child_pid();
    send(child, Signal::KILL);
    assert_eq!(talk.launcher.wait().expect("it is ours").code(), Some(137));
}

#[test]
fn when_we_are_killed_the_child_goes_on() {
    let mut talk = Talk::with(launch(&["sh", "-c", "echo ready; read line; echo \"still here: $line\""]));
    talk.hear("ready");
    talk.launcher.kill().expect("it runs");
    // Not `wait`: that would close the child's stdin, which is in our hand.
    wait_until("our end", || state(talk.pid()).is_none_or(|state| state == 'Z'));
    talk.launcher.stdin.as_mut().expect("it is piped").write_all(b"yes\n").expect("the child reads");
    assert_eq!(talk.hear("here: yes\n"), "ready\nstill here: yes\n");
}

#[test]
fn signals_that_come_together_are_all_passed_on() {
    for _ in 0..50 {
        let mut talk = launch_subject("");
        talk.hear("ready");
        for signal in [Signal::USR1, Signal::USR2, Signal::HUP] {
            send(talk.pid(), signal);
        }
        for name in ["SIGHUP", "SIGUSR1", "SIGUSR2"] {
            talk.hear(name);
        }
        let mut heard = talk.heard();
        heard.sort();
        assert_eq!(heard, ["SIGHUP", "SIGUSR1", "SIGUSR2"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_stop_by_kill_stops_both_and_a_continue_wakes_both() {
    let mut talk = launch_subject("stop");
    let child = talk.child_pid();
    send(talk.pid(), Signal::TSTP);
    wait_until("both stopped", || state(child) == Some('T') && state(talk.pid()) == Some('T'));
    send(talk.pid(), Signal::CONT);
    talk.hear("SIGCONT");
    wait_until("both awake", || state(child) != Some('T') && state(talk.pid()) != Some('T'));
    assert_eq!(talk.heard(), ["SIGCONT"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_another_pauses_finds_us_awake() {
    let mut talk = launch_subject("");
    let child = talk.child_pid();
    send(child, Signal::STOP);
    wait_until("the child stopped", || state(child) == Some('T'));
    // Each signal is handled after the stop was seen; the child has it when it wakes.
    send(talk.pid(), Signal::USR1);
    send(child, Signal::CONT);
    talk.hear("SIGUSR1");
    assert_ne!(state(talk.pid()), Some('T'));
    assert_eq!(talk.heard().len(), 2);
}
