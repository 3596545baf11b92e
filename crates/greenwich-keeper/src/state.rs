//! The state: a private SQLite file, in which every step is written before it is done.
//!
//! In: runs, steps, accounts. Out: the same, as they were last written whole. Each commit is forced to the disk. A
//! ledger's entry can be accounted once: its id is a primary key. It is in WAL mode, but for a file system that several
//! machines share: there SQLite's WAL is not safe (<https://sqlite.org/wal.html>), and a rollback journal is kept.

use crate::budget::Sum;
use crate::desire::Step;
use crate::error::KeeperError;
use crate::outlook::{Account, Metered};
use crate::run::Run;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SCHEMA: i64 = 1;
const TABLES: &str = "
CREATE TABLE runs (run TEXT PRIMARY KEY, name TEXT NOT NULL, project TEXT, closed INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX runs_open ON runs (asked) WHERE closed = 0;
CREATE TABLE environments (run TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE steps (id INTEGER PRIMARY KEY, run TEXT NOT NULL, step TEXT NOT NULL, written TEXT NOT NULL, outcome TEXT)
    STRICT;
CREATE INDEX steps_run ON steps (run);
CREATE TABLE events (id INTEGER PRIMARY KEY, run TEXT, at TEXT NOT NULL, who TEXT NOT NULL, words TEXT NOT NULL) STRICT;
CREATE INDEX events_run ON events (run);
CREATE TABLE entries (entry TEXT PRIMARY KEY, run TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE accounts (run TEXT PRIMARY KEY, project TEXT, year INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
";
/// How long a reader waits for a writer.
const BUSY: Duration = Duration::from_secs(20);
/// Names that an error offers.
const MOST_NAMES: usize = 3;

/// How much a commit has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut.
    PowerCut,
    /// The end of the process: for trials, since a commit then waits for no disk.
    ProcessEnd,
}

/// The state of a folder.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    db: Connection,
    #[cfg(test)]
    pub(crate) before_commit: Option<crate::keeper::tests::Fuse>,
}

/// Something that was told of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who did it: a user, `keeper`.
    pub who: String,
    /// What.
    pub words: String,
}

/// A step as it was written down.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// Its number.
    pub id: i64,
    /// What was to be done.
    pub step: Step,
    /// When it was written.
    pub written: Timestamp,
    /// What came of it; `None` while that is not known.
    pub outcome: Option<String>,
}

impl State {
    /// Opens the state of a folder, which is made, private, where it is not there.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn open(folder: &Path, durability: Durability) -> Result<Self, KeeperError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| KeeperError::File { path: folder.to_owned(), verb: "made", cause })?;
        Self::open_by(folder, durability, journal(kind_of(folder)))
    }

    fn open_by(folder: &Path, durability: Durability, journal: &str) -> Result<Self, KeeperError> {
        let path = folder.join("state.db");
        // Made before SQLite makes it, so that it is private from its first byte; the files beside it take its mode.
        // One that is there is never opened beside SQLite: a process that closes a file gives up every lock that it has
        // on it, and another would take the journal away under our hands.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => {
                return Err(KeeperError::File { path, verb: "made", cause });
            }
            _ => {}
        }
        if fs::metadata(&path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
            // Somebody else's choice, put right where that is allowed.
            _ = fs::set_permissions(&path, Permissions::from_mode(0o600));
        }
        let failed = |error: &rusqlite::Error| failure(&path, "opened", error);
        let db = Connection::open(&path).map_err(|error| failed(&error))?;
        let set_up = || {
            db.busy_timeout(BUSY)?;
            db.pragma_update(None, "journal_mode", journal)?;
            db.pragma_update(None, "synchronous", if durability == Durability::PowerCut { "FULL" } else { "OFF" })?;
            db.pragma_update(None, "secure_delete", "ON")?;
            db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        };
        let found = set_up().map_err(|error| failed(&error))?;
        if found > SCHEMA {
            return Err(KeeperError::Schema { path, found, known: SCHEMA });
        }
        let mut state = Self {
            path,
            db,
            #[cfg(test)]
            before_commit: None,
        };
        if found == 0 {
            state.write(|db| {
                // Another may have been faster.
                let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
                if version == 0 {
                    db.execute_batch(TABLES)?;
                    db.pragma_update(None, "user_version", SCHEMA)?;
                }
                Ok(())
            })?;
        }
        Ok(state)
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write<T>(&mut self, act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, KeeperError> {
        #[cfg(test)]
        if let Some(fuse) = &self.before_commit {
            fuse.burn();
        }
        let path = &self.path;
        let written = || {
            let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = act(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        written().map_err(|error| failure(path, "written", &error))
    }

    fn read<T>(&self, act: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, KeeperError> {
        act(&self.db).map_err(|error| failure(&self.path, "read", &error))
    }

    /// Takes a new run, with the environment that it is to have.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn take(&mut self, run: &Run, environment: &[(String, String)]) -> Result<(), KeeperError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO runs (run, name, project, asked, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![run.job.run, run.job.name, run.job.project, run.job.asked.as_millisecond(), json(run)?],
            )?;
            db.execute("INSERT INTO environments VALUES (?1, ?2)", params![run.job.run, json(&environment)?])?;
            tell(db, Some(&run.job.run), run.job.asked, &run.job.owner, "asked for")
        })
    }

    /// The environment of a run; empty once it is over.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn environment(&self, run: &str) -> Result<Vec<(String, String)>, KeeperError> {
        let body = self.read(|db| {
            let sql = "SELECT body FROM environments WHERE run = ?1";
            db.query_row(sql, [run], |row| row.get::<_, String>(0)).optional()
        })?;
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default())
    }

    /// The runs that are not closed, oldest first.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn open_runs(&self) -> Result<Vec<Run>, KeeperError> {
        self.read(|db| collect(db, "SELECT body FROM runs WHERE closed = 0 ORDER BY asked, run", ()))
    }

    /// All runs, newest first, so many at most.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn runs(&self, most: usize) -> Result<Vec<Run>, KeeperError> {
        self.read(|db| collect(db, "SELECT body FROM runs ORDER BY asked DESC, run DESC LIMIT ?1", [most as i64]))
    }

    /// A run by its name, an unambiguous beginning or end of it, its job's name, or `last`.
    ///
    /// # Errors
    /// [`KeeperError::Unknown`] with the newest names.
    pub fn find(&self, name: &str) -> Result<Run, KeeperError> {
        let all = self.runs(usize::MAX >> 1)?;
        let of = |matches: &dyn Fn(&Run) -> bool| {
            let mut found = all.iter().filter(|run| matches(run));
            found.next().filter(|_| found.next().is_none()).cloned()
        };
        let newest = || if name == "last" { all.first().cloned() } else { None };
        let begins = |run: &Run| !name.is_empty() && (run.job.run.starts_with(name) || run.job.run.ends_with(name));
        let named = || all.iter().find(|run| run.job.name == name).cloned();
        of(&|run| run.job.run == name).or_else(newest).or_else(|| of(&begins)).or_else(named).ok_or_else(|| {
            let known = all.iter().take(MOST_NAMES).map(|run| format!("`{}`", run.job.run)).collect();
            KeeperError::Unknown { name: name.to_owned(), known }
        })
    }

    /// Writes runs as they stand.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn save<'a>(&mut self, runs: impl IntoIterator<Item = &'a Run>) -> Result<(), KeeperError> {
        self.write(|db| runs.into_iter().try_for_each(|run| put(db, run)))
    }

    /// Writes down steps before they are done, with their runs as they stand from then on; gives the steps' numbers.
    ///
    /// # Errors
    /// [`KeeperError::State`]; nothing may be done then.
    pub fn begin_steps<'a>(
        &mut self,
        steps: impl IntoIterator<Item = (&'a Run, &'a Step)>,
        now: Timestamp,
    ) -> Result<Vec<i64>, KeeperError> {
        self.write(|db| {
            let mut insert = db.prepare_cached("INSERT INTO steps (run, step, written) VALUES (?1, ?2, ?3)")?;
            let mut one = |(run, step): (&Run, &Step)| {
                put(db, run)?;
                insert.execute(params![run.job.run, json(step)?, now.to_string()])?;
                Ok(db.last_insert_rowid())
            };
            steps.into_iter().map(&mut one).collect()
        })
    }

    /// Writes down what came of steps, by their numbers, with their runs as they now stand.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn finish_steps<'a>(
        &mut self,
        steps: impl IntoIterator<Item = (i64, &'a str, &'a Run)>,
    ) -> Result<(), KeeperError> {
        self.write(|db| {
            let mut update = db.prepare_cached("UPDATE steps SET outcome = ?2 WHERE id = ?1")?;
            steps.into_iter().try_for_each(|(id, outcome, run)| {
                update.execute(params![id, outcome])?;
                put(db, run)
            })
        })
    }

    /// Says of all open steps of a run what is now known of them.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn settle_steps(&mut self, run: &Run, outcome: &str) -> Result<(), KeeperError> {
        self.write(|db| {
            let sql = "UPDATE steps SET outcome = ?2 WHERE run = ?1 AND outcome IS NULL";
            db.execute(sql, params![run.job.run, outcome])?;
            put(db, run)
        })
    }

    /// The steps of a run, oldest first.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn steps(&self, run: &str) -> Result<Vec<StepRow>, KeeperError> {
        self.read(|db| {
            let mut rows = db.prepare("SELECT id, step, written, outcome FROM steps WHERE run = ?1 ORDER BY id")?;
            let rows = rows.query_map([run], |row| {
                Ok(StepRow {
                    id: row.get(0)?,
                    step: parsed(row.get_ref(1)?)?,
                    written: instant(row.get_ref(2)?)?,
                    outcome: row.get(3)?,
                })
            })?;
            rows.collect()
        })
    }

    /// The runs that have steps of which it is not known whether they were done.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn unsettled(&self) -> Result<Vec<String>, KeeperError> {
        self.read(|db| {
            let mut rows = db.prepare("SELECT DISTINCT run FROM steps WHERE outcome IS NULL")?;
            let rows = rows.query_map((), |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Tells something of a run, or of all.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn tell(&mut self, run: Option<&str>, at: Timestamp, who: &str, words: &str) -> Result<(), KeeperError> {
        self.write(|db| tell(db, run, at, who, words))
    }

    /// What was told of a run, oldest first; of no run in particular where none is named.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn events(&self, run: Option<&str>) -> Result<Vec<Event>, KeeperError> {
        self.read(|db| {
            let mut rows = db.prepare("SELECT at, who, words FROM events WHERE run IS ?1 ORDER BY id")?;
            let rows = rows.query_map([run], |row| {
                Ok(Event { at: instant(row.get_ref(0)?)?, who: row.get(1)?, words: row.get(2)? })
            })?;
            rows.collect()
        })
    }

    /// Closes a run with its account, once: entries that another account has are left to it.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn close(&mut self, run: &Run, metered: &[Metered], account: &Account) -> Result<(), KeeperError> {
        self.write(|db| {
            for one in metered {
                let sql = "INSERT OR IGNORE INTO entries VALUES (?1, ?2, ?3)";
                db.execute(sql, params![one.entry, run.job.run, json(one)?])?;
            }
            let year = run.ended.unwrap_or(run.job.asked).to_zoned(TimeZone::UTC).year();
            let sql = "INSERT OR REPLACE INTO accounts VALUES (?1, ?2, ?3, ?4)";
            db.execute(sql, params![run.job.run, run.job.project, i64::from(year), json(account)?])?;
            put(db, run)?;
            db.execute("UPDATE runs SET closed = 1 WHERE run = ?1", [&run.job.run])?;
            db.execute("DELETE FROM environments WHERE run = ?1", [&run.job.run])?;
            let sql = "UPDATE steps SET outcome = 'over' WHERE run = ?1 AND outcome IS NULL";
            db.execute(sql, [&run.job.run]).map(drop)
        })
    }

    /// The account of a run that is closed.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn account(&self, run: &str) -> Result<Option<Account>, KeeperError> {
        self.read(|db| {
            let sql = "SELECT body FROM accounts WHERE run = ?1";
            db.query_row(sql, [run], |row| parsed(row.get_ref(0)?)).optional()
        })
    }

    /// The entries that a run's account sums.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn entries(&self, run: &str) -> Result<Vec<Metered>, KeeperError> {
        self.read(|db| collect(db, "SELECT body FROM entries WHERE run = ?1 ORDER BY entry", [run]))
    }

    /// What a project's runs that are closed have drawn in a year, as metered.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn spent(&self, project: &str, year: i16) -> Result<Sum, KeeperError> {
        let accounts: Vec<Account> = self.read(|db| {
            let sql = "SELECT body FROM accounts WHERE project = ?1 AND year = ?2";
            collect(db, sql, params![project, i64::from(year)])
        })?;
        let mut spent = Sum::default();
        for account in accounts {
            spent.co2e_g += account.co2e_g.unwrap_or(0.0);
            spent.kwh += account.facility_energy_kwh.unwrap_or(0.0);
        }
        Ok(spent)
    }

    /// A setting of the state itself.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn setting(&self, name: &str) -> Result<Option<String>, KeeperError> {
        self.read(|db| db.query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0)).optional())
    }

    /// Sets a setting.
    ///
    /// # Errors
    /// [`KeeperError::State`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), KeeperError> {
        self.write(|db| db.execute("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", [name, value]).map(drop))
    }

    /// Lets the file grow to so many pages at most, as a disk that is full would.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: i64) {
        let set = self.db.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0));
        set.expect("it can be limited");
    }
}

/// The kind of file system that a folder is on, by its number in the kernel; 0 where that is not told.
fn kind_of(folder: &Path) -> u32 {
    #[cfg(target_os = "linux")]
    return rustix::fs::statfs(folder).map_or(0, |about| about.f_type as u32);
    #[cfg(not(target_os = "linux"))]
    return u32::from(folder.as_os_str().is_empty());
}

/// File systems that several machines may share, by `statfs(2)`: NFS, SMB and CIFS, Lustre, GPFS, BeeGFS, Ceph, PanFS,
/// OrangeFS, OCFS2, GFS2, AFS, 9P, and FUSE, which may be anything.
const SHARED: [u32; 15] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x0bd0_0bd0,
    0x4750_4653,
    0x1983_0326,
    0x00c3_6400,
    0xaad7_aaea,
    0x2003_0528,
    0x7461_636f,
    0x0116_1970,
    0x5346_414f,
    0x0102_1997,
    0x6573_5546,
];

/// SQLite's journal mode for a kind of file system.
fn journal(kind: u32) -> &'static str {
    if SHARED.contains(&kind) { "DELETE" } else { "WAL" }
}

fn failure(path: &Path, verb: &'static str, error: &rusqlite::Error) -> KeeperError {
    KeeperError::State { path: path.to_owned(), verb, said: error.to_string() }
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn parsed<T: serde::de::DeserializeOwned>(value: ValueRef<'_>) -> rusqlite::Result<T> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error)
    };
    serde_json::from_str(value.as_str().map_err(|error| wrong(Box::new(error)))?)
        .map_err(|error| wrong(Box::new(error)))
}

fn instant(value: ValueRef<'_>) -> rusqlite::Result<Timestamp> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error)
    };
    value.as_str().map_err(|error| wrong(Box::new(error)))?.parse().map_err(|error: jiff::Error| wrong(Box::new(error)))
}

fn collect<T: serde::de::DeserializeOwned>(
    db: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<T>> {
    let mut rows = db.prepare_cached(sql)?;
    let rows = rows.query_map(parameters, |row| parsed(row.get_ref(0)?))?;
    rows.collect()
}

fn put(db: &Connection, run: &Run) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE runs SET body = ?2 WHERE run = ?1")?.execute(params![run.job.run, json(run)?]).map(drop)
}

fn tell(db: &Connection, run: Option<&str>, at: Timestamp, who: &str, words: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (run, at, who, words) VALUES (?1, ?2, ?3, ?4)";
    db.execute(sql, params![run, at.to_string(), who, words]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::{at, job};
    use crate::run::{Phase, Plan};

    #[test]
    fn where_machines_share_the_folder_the_journal_is_one_that_they_can_share() {
        let (nfs, lustre, ext4, tmpfs) = (0x6969, 0x0bd0_0bd0, 0xef53, 0x0102_1994);
        assert_eq!([nfs, lustre, ext4, tmpfs, 0].map(journal), ["DELETE", "DELETE", "WAL", "WAL", "WAL"]);
        let folder = tempfile::tempdir().expect("a folder");
        // One that was in WAL mode before is taken over.
        drop(State::open_by(folder.path(), Durability::ProcessEnd, "WAL").expect("it opens"));
        let mut one = State::open_by(folder.path(), Durability::ProcessEnd, journal(nfs)).expect("it opens");
        let other = State::open_by(folder.path(), Durability::ProcessEnd, journal(nfs)).expect("it opens");
        let plan = Plan { segments: Vec::new(), co2e_g: None, made: at(0) };
        one.take(&Run::new(job("a", 100.0, 1000), plan, Phase::New), &[]).expect("written");
        assert_eq!(other.find("a").expect("it is seen at once").job.run, "a");
        assert!(!folder.path().join("state.db-wal").exists(), "there is no journal of one machine's memory");
    }
}
