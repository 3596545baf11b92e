//! Taking away what runs have left beside the state that are over: folders of this machine's jobs, claims, copied scripts.
//!
//! In: the state and its folder. Out: what was taken away. The state itself, the ledger, and whatever a job has written are
//! left: a folder that holds a job's output stays, and so does all of a run that has no account yet.

use crate::error::Error;
use greenwich_engine::is_over;
use greenwich_keeper::{Run, State};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How long a run is over until the keeper takes away what it has left.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// More runs than any state has.
const ALL_RUNS: usize = usize::MAX >> 1;

/// What was taken away, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct Cleaned {
    /// Runs that had left anything.
    pub runs: usize,
    /// Their files, and how long those are.
    pub files: usize,
    /// In bytes.
    pub bytes: u64,
    /// What could not be taken away, in words.
    pub left: Vec<String>,
}

/// Whether what is found is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleaning {
    /// It is.
    Takes,
    /// It is only counted.
    Counts,
}

/// Cleans up behind runs that have had an account for so long.
///
/// # Errors
/// [`Error::Keeper`] where the state cannot be read.
pub fn clean(
    state: &State,
    folder: &Path,
    older_than: SignedDuration,
    now: Timestamp,
    cleaning: Cleaning,
) -> Result<Cleaned, Error> {
    let mut cleaned = Cleaned::default();
    for run in state.runs(ALL_RUNS)? {
        let is_old = run.ended.is_some_and(|ended| now.duration_since(ended) >= older_than);
        if !is_old || state.account(&run.job.run)?.is_none() {
            continue;
        }
        let before = cleaned.files;
        for place in places(folder, &run) {
            if let Err(error) = take_away(&place, cleaning, &mut cleaned)
                && error.kind() != io::ErrorKind::NotFound
            {
                cleaned.left.push(format!("`{}`: {error}", place.display()));
            }
        }
        cleaned.runs += usize::from(cleaned.files > before);
    }
    Ok(cleaned)
}

/// Where a run may have left something.
fn places(folder: &Path, run: &Run) -> Vec<PathBuf> {
    let claims = folder.join("slurm/claims");
    let mut places = Vec::new();
    for attempt in 1..=run.attempt {
        let name = format!("{}-{attempt}", run.job.run);
        let job = folder.join("jobs").join(&name);
        // A folder with a job's own output is the user's.
        let has_output = || listed(&job).iter().any(|file| file.extension().is_some_and(|end| end == "out"));
        if is_over(&job) && !has_output() {
            places.push(job);
        }
        let begins = |file: &PathBuf| {
            let file = file.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            file == name || file.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'))
        };
        places.extend(listed(&claims).into_iter().filter(begins));
    }
    // A batch script was copied into a folder of its own.
    let scripts = folder.join("scripts");
    let copied = run.job.command.iter().map(Path::new).filter_map(Path::parent);
    places.extend(copied.filter(|own| own.parent() == Some(&scripts)).map(Path::to_owned));
    places
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn take_away(place: &Path, cleaning: Cleaning, cleaned: &mut Cleaned) -> io::Result<()> {
    let about = fs::symlink_metadata(place)?;
    let files = if about.is_dir() { listed(place) } else { vec![place.to_owned()] };
    let sizes = files.iter().filter_map(|file| fs::symlink_metadata(file).ok()).map(|about| about.len());
    let (count, bytes) = (files.len(), sizes.sum::<u64>());
    match cleaning {
        Cleaning::Counts => {}
        Cleaning::Takes if about.is_dir() => fs::remove_dir_all(place)?,
        Cleaning::Takes => fs::remove_file(place)?,
    }
    cleaned.files += count;
    cleaned.bytes += bytes;
    Ok(())
}
