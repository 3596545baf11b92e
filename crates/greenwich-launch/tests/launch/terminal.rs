//! Signals that come from a terminal, and job control by an interactive shell.

use crate::stage::{Terminal, example, ready, send, state, wait_until};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";
const CTRL_BACKSLASH: &str = "\x1c";

fn path(name: &str) -> String {
    example(name).to_str().expect("the path is text").to_owned()
}

/// How often a name stands on a line of its own.
fn count(screen: &str, name: &str) -> usize {
    // The terminal shows the key as well, before what the key brings: `^CSIGINT`.
    screen.lines().filter(|line| line.trim_end().ends_with(name)).count()
}

/// The subject on a terminal of its own, and the pids of it and its parent.
fn subject(mode: &str) -> Option<(Terminal, u32, u32)> {
    let mut terminal = Terminal::with(&path("launch"), &[&path("subject"), mode])?;
    let (child, launcher) = ready(&terminal.see("\n"));
    Some((terminal, child, launcher))
}

#[test]
fn a_key_of_the_terminal_reaches_the_child_once() {
    for mode in ["", "own-group"] {
        for (key, name) in [(CTRL_C, "SIGINT"), (CTRL_BACKSLASH, "SIGQUIT"), (CTRL_Z, "SIGTSTP")] {
            let Some((mut terminal, _, launcher)) = subject(mode) else { return };
            terminal.press(key);
            let first = terminal.see(name);
            send(launcher, Signal::XCPU);
            let screen = first + &terminal.rest();
            assert_eq!(count(&screen, name), 1, "{mode}: {screen:?}");
            assert!(terminal.leader().wait().expect("it is ours").success());
        }
    }
}

#[test]
fn ctrl_c_is_not_lost_while_the_child_starts() {
    let script = format!("echo go; exec '{}' sleep 600", path("launch"));
    for moment in 0..40 {
        let Some(mut terminal) = Terminal::with("sh", &["-c", &script]) else { return };
        terminal.see("go");
        thread::sleep(Duration::from_micros(100 * moment));
        terminal.press(CTRL_C);
        let status = terminal.leader().wait().expect("it is ours");
        // Whoever it met first, the shell or us, ends by it; and nobody is left.
        assert_eq!(status.signal(), Some(2), "{status}");
        terminal.rest();
    }
}

#[test]
fn a_terminal_that_goes_away_tells_the_child() {
    let script = "trap 'echo heard > \"$0\"; exit' HUP; echo ready; while :; do sleep 0.05; done";
    let file = tempfile::NamedTempFile::new().expect("a file");
    let name = file.path().to_str().expect("text").to_owned();
    let Some(mut terminal) = Terminal::with(&path("launch"), &["sh", "-c", script, &name]) else { return };
    terminal.see("ready");
    terminal.hang_up();
    wait_until("the child's word", || std::fs::read_to_string(&name).is_ok_and(|said| said == "heard\n"));
}

#[test]
fn a_child_reads_the_terminal_it_is_on() {
    let script = "printf 'name? '; read name </dev/tty; echo \"[$name]\"; test -t 0 && test -t 1 && exit 7";
    let Some(mut terminal) = Terminal::with(&path("launch"), &["sh", "-c", script]) else { return };
    terminal.see("name? ");
    terminal.press("Ada\n");
    terminal.see("[Ada]");
    assert_eq!(terminal.leader().wait().expect("it is ours").code(), Some(7));
}

#[test]
fn a_shell_stops_and_resumes_the_job() {
    let Some(mut shell) = Terminal::shell() else { return };
    let script = r#"echo "ready $$ $PPID"; read line; echo "got $line"; exit 3"#;
    shell.press(&format!("'{}' sh -c '{script}'\n", path("launch")));
    let (child, launcher) = ready(&(shell.see("\nready ") + &shell.see("\n")));
    shell.press(CTRL_Z);
    shell.see("Stopped");
    wait_until("both stopped", || state(child) == Some('T') && state(launcher) == Some('T'));
    shell.press("fg\n");
    wait_until("both awake", || state(child) != Some('T') && state(launcher) != Some('T'));
    shell.press("hello\n");
    shell.see("got hello");
    shell.press("echo code=$?.\n");
    shell.see("code=3.");
}

#[test]
fn a_resumed_child_is_told_once() {
    let Some(mut shell) = Terminal::shell() else { return };
    shell.press(&format!("'{}' '{}' stop\n", path("launch"), path("subject")));
    let (child, launcher) = ready(&(shell.see("\nready ") + &shell.see("\n")));
    shell.press(CTRL_Z);
    shell.see("Stopped");
    wait_until("both stopped", || state(child) == Some('T') && state(launcher) == Some('T'));
    shell.press("fg\n");
    let first = shell.see("SIGCONT");
    send(launcher, Signal::XCPU);
    let screen = first + &shell.see("SIGXCPU");
    assert_eq!(count(&screen, "SIGCONT"), 1, "{screen:?}");
}

#[test]
fn a_child_that_tidies_up_before_it_stops_is_followed() {
    let Some(mut shell) = Terminal::shell() else { return };
    shell.press(&format!("'{}' '{}' tidy\n", path("launch"), path("subject")));
    let (child, launcher) = ready(&(shell.see("\nready ") + &shell.see("\n")));
    shell.press(CTRL_Z);
    shell.see("SIGTSTP");
    shell.see("Stopped");
    wait_until("both stopped", || state(child) == Some('T') && state(launcher) == Some('T'));
    shell.press("fg\n");
    shell.see("SIGCONT");
    send(launcher, Signal::XCPU);
    shell.see("SIGXCPU");
}

#[test]
fn a_background_job_that_reads_is_stopped_until_it_has_the_terminal() {
    let Some(mut shell) = Terminal::shell() else { return };
    shell.press(&format!("'{}' cat &\n", path("launch")));
    shell.press("while ! jobs | grep -q Stop; do sleep 0.02; done; jobs\n");
    shell.see("Stopped");
    shell.press("fg\n");
    shell.see("$ fg\r\n");
    shell.see("cat\r\n");
    shell.press("a line\n");
    shell.see("a line\r\na line");
    shell.press("\x04");
    shell.press("echo code=$?.\n");
    shell.see("code=0.");
}

#[test]
fn an_interactive_shell_runs_inside() {
    let Some(mut outer) = Terminal::shell() else { return };
    outer.press(&format!("PS1='inner> ' '{}' bash --norc --noprofile -i\n", path("launch")));
    outer.see("\ninner> ");
    outer.press("sh -c 'echo up; exec sleep 600'\n");
    outer.see("\nup");
    outer.press(CTRL_C);
    outer.see("inner> ");
    outer.press("echo inner=$?.\n");
    outer.see("inner=130.");
    outer.press("exit 9\n");
    outer.press("echo outer=$?.\n");
    outer.see("outer=9.");
}

#[test]
fn ctrl_c_ends_the_loop_of_a_script_as_it_would_without_us() {
    let script = format!("for i in 1 2 3; do echo round $i; '{}' sleep 600; done; echo after", path("launch"));
    let Some(mut terminal) = Terminal::with("bash", &["-c", &script]) else { return };
    terminal.see("round 1");
    // Until the child has been started, the key would end the launcher as it ends any command that starts.
    terminal.press(CTRL_C);
    let status = terminal.leader().wait().expect("it is ours");
    assert_eq!(status.signal(), Some(2), "{status}");
}
