//! Runs the command line tools of an engine: bounded in time and output, and known of when we are gone.
//!
//! In: a program and its arguments, each one word. Out: what it printed, or why there is nothing. Each tool has the
//! file of the act lock for its standard input, whose lock it thereby holds until it ends: where we are killed while a
//! tool of ours is under way, whoever comes next waits for it, and sees what it did.

use std::fs::File;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The most that a tool may print.
const MOST_BYTES: usize = 64 << 20;
/// How long after its end a tool is listened to whose streams somebody else holds open.
const UNTIL_QUIET: Duration = Duration::from_secs(5);
/// How often it is looked whether a tool has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a tool printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// How tools are run.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    /// A tool that takes longer is ended.
    pub(crate) patience: Duration,
    /// The act lock, where whoever acts holds one.
    pub(crate) lock: Option<Arc<File>>,
}

impl Tools {
    /// Runs a tool to its end. `Ok` says nothing of its status.
    ///
    /// # Errors
    /// `NotFound` for a tool that is not there, `TimedOut` for one that takes too long.
    pub(crate) fn run(&self, mut command: Command) -> io::Result<Said> {
        let stdin = match &self.lock {
            Some(lock) => Stdio::from(lock.try_clone()?),
            None => Stdio::null(),
        };
        let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take().map(listen), child.stderr.take().map(listen));
        let status = self.wait(&mut child)?;
        let quiet = Instant::now() + UNTIL_QUIET;
        let text = |pieces: Option<Receiver<Vec<u8>>>| {
            let mut bytes = Vec::new();
            // What it said is in the pipe by now; the end does not come while somebody whom it left behind holds it open.
            let next = || pieces.as_ref()?.recv_timeout(quiet.saturating_duration_since(Instant::now())).ok();
            while let Some(piece) = next() {
                bytes.extend(piece);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ok(Said { status, out: text(out), err: text(err) })
    }

    fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > self.patience {
                // It may have ended since: either way it is reaped.
                _ = child.kill();
                child.wait()?;
                let words = format!("no answer within {} s", self.patience.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Hears what is kept of a stream as it comes, and lets the rest run out, so that the tool is not held up by it.
fn listen(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, pieces) = channel();
    thread::spawn(move || {
        let (mut kept, mut piece) = (0, vec![0; 1 << 16]);
        loop {
            let length = match stream.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            let more = length.min(MOST_BYTES - kept);
            kept += more;
            if more > 0 && sender.send(piece[..more].to_vec()).is_err() {
                return;
            }
        }
    });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FlockOperation, flock};

    fn tools(lock: Option<Arc<File>>) -> Tools {
        // However slow the machine is: nothing is measured by it.
        Tools { patience: Duration::from_secs(600), lock }
    }

    #[test]
    fn a_word_with_every_sign_of_a_shell_arrives_as_it_is() {
        let mut command = Command::new("printf");
        command.args(["%s", "$(id) `id` ; \"|' * \n"]);
        assert_eq!(tools(None).run(command).expect("it runs").out, "$(id) `id` ; \"|' * \n");
    }

    #[test]
    fn a_tool_that_does_not_answer_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let impatient = Tools { patience: Duration::from_millis(50), lock: None };
        assert_eq!(impatient.run(command).expect_err("it is ended").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_tool_that_leaves_somebody_behind_who_holds_its_streams_has_answered() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; echo no >&2"]);
        let said = tools(None).run(command).expect("it runs");
        let left: i32 = said.out.trim().parse().expect("a pid");
        assert_eq!((said.status.success(), said.err.as_str()), (true, "no\n"));
        let left = rustix::process::Pid::from_raw(left).expect("not 0");
        rustix::process::kill_process(left, rustix::process::Signal::KILL).expect("it is still there");
    }

    #[test]
    fn of_a_tool_that_prints_without_end_only_so_much_is_kept() {
        let mut command = Command::new("head");
        command.args(["-c", &(MOST_BYTES + (1 << 20)).to_string(), "/dev/zero"]);
        assert_eq!(tools(None).run(command).expect("it runs").out.len(), MOST_BYTES);
    }

    #[test]
    fn a_tool_holds_the_lock_of_whoever_started_it_until_it_ends() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let ours = File::open(file.path()).expect("readable");
        flock(&ours, FlockOperation::LockExclusive).expect("free");
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::from(ours)).spawn().expect("it runs");
        // Our own handle is closed: what is left is the tool's.
        let next = File::open(file.path()).expect("readable");
        assert!(flock(&next, FlockOperation::NonBlockingLockExclusive).is_err(), "the tool is under way");
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        // Another test that forks just now may hold it for a moment, until its child is another program.
        let begun = Instant::now();
        while flock(&next, FlockOperation::NonBlockingLockExclusive).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody holds it now");
            thread::sleep(LOOK_EVERY);
        }
    }
}
