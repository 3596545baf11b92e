//! The supervisor of one job on this machine: a process of its own that outlives whoever started it.
//!
//! In: a job's folder with its order and what is wished for. Out: its state, in that folder. It starts the job at its
//! begin time, freezes or stops its process tree and wakes it, wakes it by itself at the latest instant of a pause, and notes how it
//! ended. Killed at any instant and started again, it finds the job where it was: a start is a file that can be made
//! once, so that no start happens twice, and processes are known by the mark in their environment.

use crate::freezer::{self, Freezer};
use crate::launcher::{Ending, Mark, Order, Stretch};
use crate::private;
use crate::processes::{self, VARIABLE};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Signal, setsid};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How soon a wish, a begin time or an end is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a job has between the signal to end and the one that it cannot refuse.
const TO_END: Duration = Duration::from_secs(30);
/// The exit status of a start that has happened already, or that could not be written down.
const STARTED_ALREADY: i32 = 79;
/// A clock that went on by so much more or less than time did was set.
const CLOCK_WAS_SET_S: f64 = 5.0;
/// Times a start is put off twice as long as the time before.
const MOST_DOUBLINGS: u32 = 6;

pub(crate) const ORDER: &str = "order.json";
pub(crate) const WISH: &str = "wish.json";
pub(crate) const STATUS: &str = "status.json";
pub(crate) const LOCK: &str = "lock";

/// What is wished of a job. Each wish counts one up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) number: u64,
    pub(crate) begin: Timestamp,
    pub(crate) held: bool,
    /// Stopped until woken, or until this instant.
    pub(crate) paused: Option<Timestamp>,
    /// What is to be done once.
    pub(crate) once: Option<Once>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Once {
    Signal(String),
    Requeue,
    Withdraw,
    Cancel,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The last wish that was heeded.
    pub(crate) heeded: u64,
    pub(crate) phase: Phase,
    pub(crate) ran: Vec<Stretch>,
    /// Seconds run since the last start, up to `since`.
    pub(crate) used_s: f64,
    /// Running since then.
    pub(crate) since: Option<Timestamp>,
    pub(crate) words: String,
    /// Its control group, where it was given one.
    #[serde(default)]
    pub(crate) group: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Waiting,
    Starting,
    Running,
    Paused,
    Ended(Ending),
}

impl Status {
    pub(crate) fn new() -> Self {
        Self {
            heeded: 0,
            phase: Phase::Waiting,
            ran: Vec::new(),
            used_s: 0.0,
            since: None,
            words: String::new(),
            group: None,
        }
    }

    pub(crate) fn used(&self, now: Timestamp) -> SignedDuration {
        let running = self.since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        SignedDuration::from_secs_f64(self.used_s + running)
    }

    /// After the clock was set: what has run since the last start is what it was.
    fn heed_clock(&mut self, stepped: SignedDuration) {
        self.since = self.since.and_then(|since| since.checked_add(stepped).ok());
    }

    fn stand_still(&mut self, now: Timestamp) {
        self.used_s = self.used(now).as_secs_f64();
        self.since = None;
    }

    fn end_stretch(&mut self, now: Timestamp) {
        self.stand_still(now);
        if let Some(last) = self.ran.last_mut().filter(|last| last.end.is_none()) {
            last.end = Some(now.max(last.start));
        }
    }
}

pub(crate) fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> io::Result<T> {
    let bytes = private::read(&folder.join(name))?;
    serde_json::from_slice(&bytes).map_err(io::Error::from)
}

pub(crate) fn write(folder: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    private::write(&folder.join(name), &serde_json::to_vec_pretty(value)?)
}

/// Carries a job from here to its end. `helper` are the words that start this program again as a helper: with `start`
/// and the folder behind them, it calls [`start`].
///
/// # Errors
/// When the folder cannot be read or written. Where another supervisor carries the job, there is nothing to do.
pub fn carry(helper: &[OsString], folder: &Path) -> io::Result<()> {
    // Whoever started us may close its terminal; one that leads a group already has a session as good.
    _ = setsid();
    let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(LOCK))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(());
    }
    freezer::leave_that_of_a_job();
    let order: Order = read(folder, ORDER)?;
    let status = match read(folder, STATUS) {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Status::new(),
        Err(error) => return Err(error),
    };
    let mut carried = Carried {
        helper,
        folder,
        mark: order.mark.clone(),
        order,
        status,
        child: None,
        is_saved: true,
        put_off: (0, Instant::now()),
        last: (Timestamp::now(), Instant::now()),
    };
    // What cannot be written down now, since a disk is full, is so at a later look: who leaves now leaves a job that
    // nobody starts or wakes.
    _ = carried.find();
    while !matches!(carried.status.phase, Phase::Ended(_)) {
        if let Err(error) = carried.look()
            && !folder.exists()
        {
            carried.wake();
            return Err(error);
        }
        thread::sleep(LOOK_EVERY);
    }
    while carried.close().is_err() && folder.exists() {
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Becomes the job of a folder, once a start: the file that says so can be made by one process alone. Returns only with
/// the exit status of a start that was not to be.
pub fn start(folder: &Path) -> i32 {
    let Ok(order) = read::<Order>(folder, ORDER) else { return STARTED_ALREADY };
    let (starts, group) = read::<Status>(folder, STATUS).map_or((0, None), |status| (status.ran.len(), status.group));
    let place = folder.join(started(starts));
    let Ok(mut claim) = private_new(&place) else { return STARTED_ALREADY };
    if io::Write::write_all(&mut claim, std::process::id().to_string().as_bytes()).is_err() {
        // It is not begun: who carries it tries again.
        _ = fs::remove_file(&place);
        return STARTED_ALREADY;
    }
    drop(claim);
    // One that cannot enter its group is stopped by signals.
    _ = group.as_deref().map(|group| Freezer::at(group).enter());
    let words = order.resume.as_ref().filter(|_| starts > 1).unwrap_or(&order.command);
    let Some((program, arguments)) = words.split_first() else { return 127 };
    let error = Command::new(program).args(arguments).exec();
    let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    // The job's own output is where it is looked for.
    _ = io::Write::write_all(
        &mut io::stderr(),
        format!("greenwich: `{program}` cannot be started: {error}\n").as_bytes(),
    );
    code
}

fn started(starts: usize) -> String {
    format!("started-{starts}")
}

fn private_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A job and its supervisor's knowledge of it.
struct Carried<'a> {
    helper: &'a [OsString],
    folder: &'a Path,
    mark: Mark,
    order: Order,
    status: Status,
    /// `None` where it was started by an earlier supervisor.
    child: Option<Child>,
    /// Whether the status on the disk is this one.
    is_saved: bool,
    /// How often in a row a start was put off, and until when.
    put_off: (u32, Instant),
    /// The clock that may be set and the one that may not, at the last look.
    last: (Timestamp, Instant),
}

impl Carried<'_> {
    fn save(&mut self) -> io::Result<()> {
        let saved = write(self.folder, STATUS, &self.status);
        self.is_saved = saved.is_ok();
        saved
    }

    /// After a supervisor that died: what became of the job.
    fn find(&mut self) -> io::Result<()> {
        let lives = !self.tree().is_empty();
        match self.status.phase {
            Phase::Starting if !lives && !self.claim().exists() => self.take_back(),
            Phase::Starting if lives => self.status.phase = Phase::Running,
            _ => {}
        }
        self.save()
    }

    /// The file that says that the last start has happened, and whose it is.
    fn claim(&self) -> PathBuf {
        self.folder.join(started(self.status.ran.len()))
    }

    /// The process that became the job.
    fn starter(&self) -> Option<i32> {
        private::read(&self.claim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok())
    }

    /// A start that never happened is taken back, and tried again a little later.
    fn take_back(&mut self) {
        self.status.ran.pop();
        self.status.phase = Phase::Waiting;
        self.status.since = None;
        self.is_saved = false;
        let (times, _) = self.put_off;
        self.put_off = (times + 1, Instant::now() + LOOK_EVERY * (1 << times.min(MOST_DOUBLINGS)));
    }

    fn look(&mut self) -> io::Result<()> {
        let wish: Wish = read(self.folder, WISH)?;
        let now = self.now();
        if wish.number > self.status.heeded {
            if let Some(once) = &wish.once {
                self.do_once(once, now)?;
            }
            self.status.heeded = wish.number;
            self.is_saved = false;
        }
        // Ending a tree may have taken its time.
        let now = self.now();
        self.keep(&wish, now)?;
        if self.is_saved { Ok(()) } else { self.save() }
    }

    /// What time it is; what was reckoned from a clock that has been set since is put right.
    fn now(&mut self) -> Timestamp {
        let (now, steady) = (Timestamp::now(), Instant::now());
        if let Some(stepped) = stepped(self.last, (now, steady)) {
            self.status.heed_clock(stepped);
            self.is_saved = false;
        }
        self.last = (now, steady);
        now
    }

    /// Brings the job to where it should be at this instant.
    fn keep(&mut self, wish: &Wish, now: Timestamp) -> io::Result<()> {
        match self.status.phase {
            Phase::Waiting if !wish.held && now >= wish.begin && Instant::now() >= self.put_off.1 => self.begin(now),
            Phase::Running | Phase::Starting | Phase::Paused => {
                if let Some(ending) = self.ended()? {
                    self.end(ending, now);
                    return Ok(());
                }
                let stop = wish.paused.is_some_and(|latest| now < latest);
                match self.status.phase {
                    Phase::Running if stop => {
                        self.stop();
                        self.status.stand_still(now);
                        self.status.phase = Phase::Paused;
                        self.save()
                    }
                    Phase::Paused if !stop => {
                        self.wake();
                        self.status.since = Some(now);
                        self.status.phase = Phase::Running;
                        self.save()
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, now: Timestamp) -> io::Result<()> {
        let begun = self.try_to_begin(now);
        if begun.is_err() && self.status.phase == Phase::Starting {
            self.take_back();
        }
        begun
    }

    fn try_to_begin(&mut self, now: Timestamp) -> io::Result<()> {
        self.status.ran.push(Stretch { start: now, end: None });
        self.status.used_s = 0.0;
        self.status.since = Some(now);
        self.status.phase = Phase::Starting;
        self.status.group = freezer::make(&self.mark);
        self.save()?;
        let output = self.output()?;
        let (program, arguments) = self.helper.split_first().ok_or_else(|| io::Error::other("no helper is named"))?;
        let mut command = Command::new(program);
        command.args(arguments).arg("start").arg(self.folder);
        command.envs(self.order.environment.iter().map(|(name, value)| (name, value)));
        command.env(VARIABLE, self.mark.to_string()).current_dir(&self.order.directory).process_group(0);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        match command.spawn() {
            Ok(child) => {
                self.child = Some(child);
                self.put_off = (0, Instant::now());
                self.status.phase = Phase::Running;
                self.save()
            }
            // The machine has no room for a process or a file just now.
            Err(error) if is_passing(&error) => Err(error),
            Err(error) => {
                self.status.words = format!("it cannot be started: {error}");
                self.end(Ending::Failed(126), now);
                Ok(())
            }
        }
    }

    /// Where the job's words go: beside its work, as a scheduler has it, else into its own folder.
    fn output(&self) -> io::Result<File> {
        let name = format!("greenwich-{}.out", self.mark.run);
        let open = |folder: &Path| OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(&name));
        open(&self.order.directory).or_else(|_| open(self.folder))
    }

    fn ended(&mut self) -> io::Result<Option<Ending>> {
        let Some(child) = &mut self.child else {
            let is_over = self.tree().is_empty();
            if is_over {
                "how it ended was seen by nobody".clone_into(&mut self.status.words);
            }
            return Ok(is_over.then_some(Ending::Lost));
        };
        let Some(status) = child.try_wait()? else { return Ok(None) };
        let own = child.id() as i32;
        if status.code() != Some(STARTED_ALREADY) || self.starter() == Some(own) {
            return Ok(Some(ending_of(status)));
        }
        // It did not become the job. Another start has, which is followed from here on, or none could be written down.
        self.child = None;
        if !self.claim().exists() {
            self.take_back();
        }
        Ok(None)
    }

    fn end(&mut self, ending: Ending, now: Timestamp) {
        self.status.end_stretch(now);
        self.status.phase = Phase::Ended(ending);
        _ = self.group().map(Freezer::remove);
    }

    /// Writes down how it ended; whoever reads that finds no environment any more, which may hold what is secret.
    fn close(&mut self) -> io::Result<()> {
        let order = Order { environment: Vec::new(), ..self.order.clone() };
        write(self.folder, ORDER, &order)?;
        self.save()
    }

    fn group(&self) -> Option<Freezer<'_>> {
        self.status.group.as_deref().map(Freezer::at)
    }

    /// Stops the tree: what is in its control group by that, what is not, or where there is none, by signals.
    fn stop(&self) {
        let frozen = self.group().filter(|group| group.freeze()).map(Freezer::members);
        processes::signal_but(&self.mark, Signal::STOP, &frozen.unwrap_or_default());
    }

    fn wake(&self) {
        let thawed = self.group().filter(|group| group.thaw()).map(Freezer::members);
        processes::signal_but(&self.mark, Signal::CONT, &thawed.unwrap_or_default());
    }

    fn do_once(&mut self, once: &Once, now: Timestamp) -> io::Result<()> {
        let runs = matches!(self.status.phase, Phase::Running | Phase::Paused | Phase::Starting);
        match once {
            Once::Signal(name) if runs => {
                // The root of the tree alone: it passes on what it wants its own to have.
                if let Some(signal) = processes::named(name) {
                    processes::signal_each(|| self.root().into_iter().collect(), signal);
                }
                Ok(())
            }
            Once::Requeue if runs => {
                self.stop_all()?;
                self.status.end_stretch(Timestamp::now());
                self.status.phase = Phase::Waiting;
                self.child = None;
                Ok(())
            }
            Once::Withdraw | Once::Cancel if self.status.phase == Phase::Waiting => {
                self.end(Ending::Cancelled, now);
                Ok(())
            }
            Once::Cancel if runs => {
                self.stop_all()?;
                self.end(Ending::Cancelled, Timestamp::now());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The process that the job was started as, while it lives.
    fn root(&self) -> Option<i32> {
        let tree = self.tree();
        let own = self.child.as_ref().map(|child| child.id() as i32).or_else(|| self.starter());
        own.filter(|own| tree.contains(own))
    }

    /// All that runs for the job: what carries its mark or descends from that, and what its control group holds besides.
    fn tree(&self) -> BTreeSet<i32> {
        let grouped = self.group().map(Freezer::members).unwrap_or_default();
        &processes::of(&self.mark) | &grouped
    }

    /// Asks the tree to end, wakes it for that, and ends what does not.
    fn stop_all(&mut self) -> io::Result<()> {
        processes::signal_each(|| self.tree(), Signal::TERM);
        self.wake();
        let asked = Instant::now();
        while asked.elapsed() < TO_END {
            if let Some(child) = &mut self.child {
                // Reaped, so that it is no process any more.
                _ = child.try_wait()?;
            }
            if self.tree().is_empty() {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
        processes::signal_each(|| self.tree(), Signal::KILL);
        if let Some(child) = &mut self.child {
            child.wait()?;
        }
        Ok(())
    }
}

/// By how much the clock was set between two looks; `None` where it was not.
fn stepped(before: (Timestamp, Instant), now: (Timestamp, Instant)) -> Option<SignedDuration> {
    let by_time = SignedDuration::try_from(now.1.saturating_duration_since(before.1)).ok()?;
    let stepped = now.0.duration_since(before.0) - by_time;
    (stepped.as_secs_f64().abs() > CLOCK_WAS_SET_S).then_some(stepped)
}

/// Whether the system may be able to do it a little later.
fn is_passing(error: &io::Error) -> bool {
    let passing = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY, Errno::INTR];
    Errno::from_io_error(error).is_some_and(|errno| passing.contains(&errno))
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ending::Done,
        (Some(code), _) => Ending::Failed(code),
        (None, signal) => Ending::Failed(128 + signal.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_adds_nothing_to_what_has_run() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("an instant");
        let begun = Instant::now();
        let after = |seconds: u64| begun + Duration::from_secs(seconds);
        assert_eq!(stepped((at(0), begun), (at(64), after(60))), None, "it runs a little fast");
        let forward = stepped((at(0), begun), (at(3660), after(60))).expect("it was set");
        let back = stepped((at(0), begun), (at(-3540), after(60))).expect("it was set back");
        let mut status = Status { since: Some(at(-40)), ..Status::new() };
        for (step, now) in [(forward, 3660), (back, 60)] {
            status.heed_clock(step);
            assert_eq!(status.used(at(now)), SignedDuration::from_secs(100));
        }
    }

    #[test]
    fn a_start_is_put_off_where_the_system_is_short_of_something_and_fails_where_it_cannot_be() {
        let error = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert!(is_passing(&error(Errno::AGAIN)) && is_passing(&error(Errno::MFILE)));
        assert!(!is_passing(&error(Errno::NOENT)) && !is_passing(&error(Errno::ACCESS)));
    }
}
