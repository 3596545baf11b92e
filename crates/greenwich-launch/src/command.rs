//! What is to be run, and starting it.
//!
//! In: a program, arguments, additions to the environment, a folder. Out: a [`Running`] child, or why there is none.
//! The child is spawned without a fork of our memory, with our own descriptors left open only where they were handed
//! to us so; it gets back the default SIGPIPE that Rust took from us, and keeps what we were started with ignoring.

use crate::error::LaunchError;
use crate::kin;
use crate::local::Running;
use crate::usage::Waited;
use crate::watch::Watch;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;

/// What runs a script that names no interpreter, as shells do.
const SHELL: &str = "/bin/sh";

/// A command to run.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    orphans: Orphans,
    relay: Relay,
}

/// What becomes of descendants whose own parent has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orphans {
    /// They go to the system, as they would without us.
    #[default]
    Left,
    /// They come to us until the child ends (`PR_SET_CHILD_SUBREAPER`, Linux), so that their CPU time is counted. All
    /// children of this process are then waited for, so nothing else in it may spawn one meanwhile.
    Adopted,
}

/// What becomes of signals that another process sends to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Relay {
    /// They are passed on to the child.
    #[default]
    PassOn,
    /// They are not: the sender reaches the child by itself, as it does where every process of a job, or our whole
    /// group, is signalled. Otherwise the child would have them twice.
    Never,
}

impl Command {
    /// Runs `program`, looked for on `PATH` unless it holds a slash, with our streams, environment and directory.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            directory: None,
            orphans: Orphans::default(),
            relay: Relay::default(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable for the child, over ours of that name.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Runs it in another folder.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Says what becomes of orphans.
    #[must_use]
    pub fn orphans(mut self, orphans: Orphans) -> Self {
        self.orphans = orphans;
        self
    }

    /// Says what becomes of signals that are sent to us.
    #[must_use]
    pub fn relay(mut self, relay: Relay) -> Self {
        self.relay = relay;
        self
    }

    /// Starts it. From here to the end of [`Running::wait`] this process handles the signals that concern the child.
    ///
    /// # Errors
    /// [`LaunchError`], whose [`exit_code`](LaunchError::exit_code) is what a shell would leave with.
    pub fn spawn(&self) -> Result<Running, LaunchError> {
        let refused = |cause| LaunchError::Refused { program: text(&self.program), cause };
        // Handlers come before the child, so that no signal falls between; `exec` clears them in it. What we were
        // started with ignoring it must go on ignoring, so handlers for that come after.
        let ignored = kin::ignored();
        let mut watch = Watch::start(&ignored).map_err(refused)?;
        let before = Waited::so_far();
        let adopted = watch.adopt(self.orphans);
        let child = self.start().map_err(|cause| self.explain(cause))?;
        watch.complete(&ignored);
        Ok(Running::new(child.id(), watch, before, adopted, self.relay))
    }

    fn start(&self) -> io::Result<process::Child> {
        let started = self.prepared(&self.program).args(&self.args).spawn();
        let is_unnamed = |e: &io::Error| Errno::from_io_error(e) == Some(Errno::NOEXEC);
        if started.as_ref().is_err_and(is_unnamed)
            && let Some(path) = self.found().filter(|path| is_text(path))
        {
            return self.prepared(OsStr::new(SHELL)).arg(path).args(&self.args).spawn();
        }
        started
    }

    fn prepared(&self, program: &OsStr) -> process::Command {
        let mut command = process::Command::new(program);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    /// The file that the program's name leads to: the first that may be run, else the first that is there.
    fn found(&self) -> Option<PathBuf> {
        let here = self.directory.clone().unwrap_or_default();
        if text(&self.program).contains('/') {
            return Some(here.join(&self.program)).filter(|path| path.exists());
        }
        let ours = self.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let path = ours.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let there = |dir: PathBuf| Some(here.join(dir).join(&self.program)).filter(|path| path.is_file());
        let all: Vec<PathBuf> = std::env::split_paths(&path).filter_map(there).collect();
        all.iter().find(|path| is_executable(path)).or(all.first()).cloned()
    }

    fn explain(&self, cause: io::Error) -> LaunchError {
        if let Some(path) = &self.directory
            && let Err(cause) = fs::metadata(path.join("."))
        {
            return LaunchError::Directory { path: path.clone(), cause };
        }
        let not_executable =
            |path: PathBuf, cause: String, mend: String| LaunchError::NotExecutable { path, cause, mend };
        match (self.found(), cause.kind()) {
            (None, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => self.not_found(),
            (Some(path), _) if path.is_dir() => {
                not_executable(path, "it is a folder".into(), "name a file in it".into())
            }
            (Some(path), io::ErrorKind::PermissionDenied) if !is_executable(&path) => {
                let mend = format!("mark it by `chmod +x {}`, or name what runs it before it", path.display());
                not_executable(path, "it is not marked executable".into(), mend)
            }
            (Some(path), io::ErrorKind::PermissionDenied) => {
                let mend = "see that it lies on no `noexec` mount and that you may read it".into();
                not_executable(path, cause.to_string(), mend)
            }
            (Some(path), io::ErrorKind::NotFound) => {
                LaunchError::NoInterpreter { interpreter: interpreter(&path), path }
            }
            (Some(path), _) if Errno::from_io_error(&cause) == Some(Errno::NOEXEC) => {
                let mend = format!("see what `file {}` says, and build it for this machine", path.display());
                not_executable(path, "it is damaged, or built for another kind of machine".into(), mend)
            }
            _ => LaunchError::Refused { program: text(&self.program), cause },
        }
    }

    fn not_found(&self) -> LaunchError {
        let program = text(&self.program);
        let here = self.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let (looked, mend) = if program.contains('/') {
            ("at that path".into(), "give a path that exists".into())
        } else if program.is_empty() {
            ("without a name".into(), "give the command after `--`".into())
        } else if here.join(&program).is_file() {
            ("on PATH".into(), format!("for the file of that name here, type `./{program}`"))
        } else if program.contains(' ') && self.args.is_empty() {
            ("on PATH".into(), format!("leave out the quotes around it: type `{program}`"))
        } else {
            ("on PATH".into(), "see to its spelling, or give the path of its file".into())
        };
        LaunchError::NotFound { program, looked, mend }
    }
}

fn text(s: &OsStr) -> String {
    s.to_string_lossy().into_owned()
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    // What cannot be read is like an empty file here: the error that is being explained says enough.
    let _ = fs::File::open(path).and_then(|file| file.take(256).read_to_end(&mut head));
    head
}

/// Shells tell a script from a binary by a NUL in its beginning.
fn is_text(path: &Path) -> bool {
    !head(path).contains(&0)
}

/// What runs the file by its first line; escaped, so that the `\r` of a foreign line end is seen.
fn interpreter(path: &Path) -> String {
    let head = String::from_utf8_lossy(&head(path)).into_owned();
    let named = head.strip_prefix("#!").and_then(|rest| rest.split('\n').next());
    let word = named.and_then(|line| line.trim_start_matches([' ', '\t']).split([' ', '\t']).next());
    word.map_or_else(|| "its loader".into(), |word| word.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use miette::Diagnostic;
    use std::time::{Duration, Instant};

    fn error_text(command: &Command) -> String {
        let begun = Instant::now();
        let error = loop {
            let error = command.spawn().expect_err("it cannot be started");
            // Another test that forks just now holds the file that was written here, until its child is another program.
            if !error.to_string().contains("Text file busy") {
                break error;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "somebody holds the file: {error}");
            std::thread::sleep(Duration::from_millis(5));
        };
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        format!("{}: {error}\n{help}", error.exit_code())
    }

    fn file(name: &str, text: &[u8], mode: u32) -> (tempfile::TempDir, Command) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        let command = Command::new(format!("./{name}")).directory(dir.path());
        (dir, command)
    }

    #[test]
    fn a_command_that_is_not_there_is_127() {
        assert_snapshot!(error_text(&Command::new("no-such-command-anywhere")), @r"
        127: there is no command `no-such-command-anywhere` on PATH
        see to its spelling, or give the path of its file
        ");
        assert_snapshot!(error_text(&Command::new("/no/such/file")), @r"
        127: there is no command `/no/such/file` at that path
        give a path that exists
        ");
        assert_snapshot!(error_text(&Command::new("python train.py")), @r"
        127: there is no command `python train.py` on PATH
        leave out the quotes around it: type `python train.py`
        ");
        assert_snapshot!(error_text(&Command::new("Cargo.toml")), @r"
        127: there is no command `Cargo.toml` on PATH
        for the file of that name here, type `./Cargo.toml`
        ");
        assert_snapshot!(error_text(&Command::new("")), @r"
        127: there is no command `` without a name
        give the command after `--`
        ");
    }

    #[test]
    fn a_file_that_may_not_be_run_is_126() {
        let (dir, command) = file("plain.txt", b"words\n", 0o644);
        let said = error_text(&command).replace(&dir.path().display().to_string(), "DIR");
        assert_snapshot!(said, @r"
        126: `DIR/./plain.txt` cannot be run: it is not marked executable
        mark it by `chmod +x DIR/./plain.txt`, or name what runs it before it
        ");
        let (dir, command) = file("wrong", b"\x7fELF\0\0\0\0", 0o755);
        let said = error_text(&command).replace(&dir.path().display().to_string(), "DIR");
        assert_snapshot!(said, @r"
        126: `DIR/./wrong` cannot be run: it is damaged, or built for another kind of machine
        see what `file DIR/./wrong` says, and build it for this machine
        ");
        assert_snapshot!(error_text(&Command::new("/")), @r"
        126: `/` cannot be run: it is a folder
        name a file in it
        ");
    }

    #[test]
    fn a_script_whose_interpreter_is_missing_names_it() {
        let (dir, command) = file("script", b"#!/bin/sh\r\necho\r\n", 0o755);
        let said = error_text(&command).replace(&dir.path().display().to_string(), "DIR");
        assert_snapshot!(said, @r"
        127: `DIR/./script` is to be run by `/bin/sh\r`, which is not there
        install `/bin/sh\r`, or mend the first line of `DIR/./script`
        ");
    }

    #[test]
    fn a_folder_that_is_not_there_is_bad_input() {
        assert_snapshot!(error_text(&Command::new("true").directory("/no/such/folder")), @r"
        2: the working directory `/no/such/folder` cannot be entered: No such file or directory (os error 2)
        create it by `mkdir -p /no/such/folder`, or name another
        ");
    }
}
