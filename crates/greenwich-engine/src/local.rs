//! This machine as an engine: one supervisor a job, told by files.
//!
//! In: orders and acts. Out: what each job's folder says. Nothing runs between: a job's supervisor ([`crate::carry()`])
//! is a process of its own, and is started again where it is found dead. A restart of the machine ends it and the job.

use crate::carry::{LOCK, ORDER, Once, Phase, STATUS, Status, WISH, Wish, read, write};
use crate::error::EngineError;
use crate::launcher::{Abilities, Act, Launcher, Mark, Order, Seen, SeenState, SiteSeen, Survey, words};
use crate::private;
use crate::processes::VARIABLE;
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a supervisor has to heed a wish; one that ends a job waits for it to end.
const PATIENCE: Duration = Duration::from_secs(45);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOK: &str = "`greenwich jobs list`";

/// This machine.
#[derive(Debug, Clone)]
pub struct Local {
    folder: PathBuf,
    /// The words that start this program as a supervisor or starter.
    helper: Vec<OsString>,
    /// The sites' names, with their accelerators.
    sites: Vec<(String, u32)>,
}

impl Local {
    /// This machine under these names; jobs have their folders below `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, helper: Vec<OsString>, sites: Vec<(String, u32)>) -> Self {
        Self { folder, helper, sites }
    }

    fn place(&self, id: &str) -> Result<PathBuf, EngineError> {
        let lawful = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let folder = self.folder.join(id);
        if lawful && folder.join(ORDER).is_file() {
            return Ok(folder);
        }
        Err(EngineError::Gone { engine: "this machine".to_owned(), id: id.to_owned() })
    }

    /// Starts a supervisor where none lives; a second one ends at once by itself.
    fn revive(&self, folder: &Path) -> Result<(), EngineError> {
        let is_over = read::<Status>(folder, STATUS).is_ok_and(|status| matches!(status.phase, Phase::Ended(_)));
        let lives = || {
            File::open(folder.join(LOCK))
                .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
        };
        if is_over || lives() {
            return Ok(());
        }
        let begin = || {
            let (program, arguments) =
                self.helper.split_first().ok_or_else(|| io::Error::other("no helper is named"))?;
            let mut command = Command::new(program);
            command.args(arguments).arg("supervise").arg(folder).current_dir("/");
            // Where a job hands over another one, who carries that belongs to neither's tree.
            command.env(VARIABLE, "supervisor");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn()?;
            // Reaped in its own time, so that no dead supervisor is left standing.
            thread::spawn(move || child.wait());
            Ok(())
        };
        begin().map_err(|error: io::Error| EngineError::Refused {
            engine: "this machine".to_owned(),
            what: "start a supervisor".to_owned(),
            said: error.to_string(),
            mend: "see that processes can be started: `ulimit -u`".to_owned(),
        })
    }

    fn seen(folder: &Path, id: &str) -> io::Result<Seen> {
        let order: Order = read(folder, ORDER)?;
        let wish: Wish = read(folder, WISH)?;
        let status = match read::<Status>(folder, STATUS) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Status::new(),
            status => status?,
        };
        let state = match status.phase {
            Phase::Waiting => SeenState::Waiting { held: wish.held },
            Phase::Starting | Phase::Running => SeenState::Running,
            Phase::Paused => SeenState::Paused,
            Phase::Ended(ending) => SeenState::Ended(ending),
        };
        Ok(Seen {
            mark: order.mark,
            id: id.to_owned(),
            site: order.site,
            state,
            begin: matches!(state, SeenState::Waiting { .. }).then_some(wish.begin),
            used: status.used(Timestamp::now()),
            starts: status.ran.len() as u32,
            ran: status.ran,
            words: words(&status.words),
        })
    }

    fn wish(&self, id: &str, change: impl FnOnce(&mut Wish)) -> Result<(), EngineError> {
        let folder = self.place(id)?;
        let failed = |error: io::Error| EngineError::Refused {
            engine: "this machine".to_owned(),
            what: format!("change job `{id}`"),
            said: error.to_string(),
            mend: format!("see `{}`", folder.display()),
        };
        let mut wish: Wish = read(&folder, WISH).map_err(failed)?;
        wish.once = None;
        change(&mut wish);
        wish.number += 1;
        write(&folder, WISH, &wish).map_err(failed)?;
        self.revive(&folder)?;
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if let Ok(status) = read::<Status>(&folder, STATUS)
                && (status.heeded >= wish.number || matches!(status.phase, Phase::Ended(_)))
            {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
        Err(EngineError::Unreachable {
            engine: format!("the supervisor of `{id}`"),
            said: "it has not heeded a wish".to_owned(),
            look: LOOK,
        })
    }
}

/// Whether the job of a folder is over; so is one of which there is no folder any more.
pub fn is_over(folder: &Path) -> bool {
    match read::<Status>(folder, STATUS) {
        Ok(status) => matches!(status.phase, Phase::Ended(_)),
        Err(error) => error.kind() == io::ErrorKind::NotFound && !folder.exists(),
    }
}

impl Launcher for Local {
    fn survey(&mut self) -> Result<Survey, EngineError> {
        let sites = self.sites.iter().map(|(name, accelerators)| SiteSeen {
            name: name.clone(),
            accelerators: Some(*accelerators),
            is_up: true,
            abilities: Abilities { pauses: true, requeues: true },
            exchange: None,
        });
        Ok(Survey { version: "this machine".to_owned(), sites: sites.collect(), notes: Vec::new() })
    }

    fn jobs(&mut self, known: &[(Mark, String)]) -> Result<Vec<Seen>, EngineError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                let engine = format!("`{}`", self.folder.display());
                return Err(EngineError::Unreachable { engine, said: error.to_string(), look: LOOK });
            }
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| EngineError::Unreachable {
                engine: format!("`{}`", self.folder.display()),
                said: error.to_string(),
                look: LOOK,
            })?;
            // What begins with a dot was not handed over to its end.
            let Some(id) = entry.file_name().into_string().ok().filter(|id| !id.starts_with('.')) else { continue };
            let folder = entry.path();
            let seen = match Self::seen(&folder, &id) {
                Ok(seen) => seen,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                // A job that cannot be read is not one that is gone.
                Err(error) => {
                    let engine = format!("`{}`", folder.display());
                    return Err(EngineError::Unreachable { engine, said: error.to_string(), look: LOOK });
                }
            };
            if seen.is_over() {
                all.extend(known.iter().any(|(_, one)| *one == id).then_some(seen));
            } else {
                self.revive(&folder)?;
                all.push(seen);
            }
        }
        Ok(all)
    }

    fn submit(&mut self, order: &Order) -> Result<String, EngineError> {
        let id = format!("{}-{}", order.mark.run, order.mark.attempt);
        let folder = self.folder.join(&id);
        let put = || {
            if folder.join(ORDER).is_file() {
                return Ok(());
            }
            // Whole or not at all: it counts from the rename on.
            let unborn = self.folder.join(format!(".{id}.{}", std::process::id()));
            private::create_folder(&unborn)?;
            write(&unborn, ORDER, order)?;
            let wish = Wish { number: 1, begin: order.begin, held: order.held, paused: None, once: None };
            write(&unborn, WISH, &wish)?;
            fs::rename(&unborn, &folder).inspect_err(|_| _ = fs::remove_dir_all(&unborn))
        };
        put().map_err(|error: io::Error| EngineError::Refused {
            engine: "this machine".to_owned(),
            what: "take a job".to_owned(),
            said: format!("`{}`: {error}", self.folder.display()),
            mend: "name a state folder that can be written, by --state DIR".to_owned(),
        })?;
        self.revive(&folder)?;
        Ok(id)
    }

    fn act(&mut self, id: &str, act: &Act) -> Result<(), EngineError> {
        if let Act::Move { site, .. } = act {
            return Err(EngineError::Unable {
                engine: "this machine".to_owned(),
                what: format!("move a job to `{site}`"),
                mend: "it is taken back and handed over there".to_owned(),
            });
        }
        self.wish(id, |wish| match act {
            Act::Move { .. } => {}
            Act::Begin(at) => wish.begin = *at,
            Act::Hold => wish.held = true,
            Act::Release => wish.held = false,
            Act::Signal(name) => wish.once = Some(Once::Signal(name.clone())),
            Act::Pause { latest } => wish.paused = Some(*latest),
            Act::Resume => wish.paused = None,
            Act::Requeue { begin } => {
                wish.begin = *begin;
                wish.paused = None;
                wish.once = Some(Once::Requeue);
            }
            Act::Withdraw => wish.once = Some(Once::Withdraw),
            Act::Cancel => wish.once = Some(Once::Cancel),
        })
    }
}
