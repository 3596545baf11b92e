//! Who may act: one at a time, tools of the dead included.
//!
//! In: the state's folder. Out: a lock that an engine's tools inherit. Where whoever holds it is killed, it stays held
//! until the last tool that was under way has ended: only then can be seen what that tool did.

use crate::error::KeeperError;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The right to act, until it is dropped with all that were made of it.
#[derive(Debug, Clone)]
pub struct ActLock {
    file: Arc<File>,
}

impl ActLock {
    /// Takes the lock of a state's folder; waits for it so long.
    ///
    /// # Errors
    /// [`KeeperError::Busy`], [`KeeperError::File`].
    pub fn take(folder: &Path, patience: Duration) -> Result<Self, KeeperError> {
        let path = folder.join("act.lock");
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = file.map_err(|cause| KeeperError::File { path: path.clone(), verb: "opened", cause })?;
        let begun = Instant::now();
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if !matches!(error, Errno::WOULDBLOCK | Errno::INTR) {
                // A file system that knows no locks, say: nobody would ever let go of it.
                return Err(KeeperError::File { path, verb: "locked", cause: error.into() });
            }
            if begun.elapsed() > patience {
                return Err(KeeperError::Busy { path });
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(Self { file: Arc::new(file) })
    }

    /// The open file, for tools to inherit.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}
