//! From journal to archive.
//!
//! In: a journal that nobody writes, or samples of another meter. Out: two files in the store, read back.

use super::about::About;
use super::minutes::{MinutesReader, MinutesWriter};
use super::sample::{Sample, Sampling};
use super::samples::{SamplesReader, SamplesWriter};
use super::table::Packing;
use crate::error::{Result, StoreError};
use crate::id::check_name;
use crate::journal::{Damage, JournalFile, JournalState};
use crate::private;
use crate::store::{Content, LedgerStore, StoredFile};
use crate::tally::Tally;
use greenwich_core::reading::MeterHeader;
use parquet::errors::ParquetError;
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A part of a run that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The part's id.
    pub part: String,
    /// What the meter said before the first tick.
    pub header: MeterHeader,
    /// Context, end, lost ticks.
    pub about: About,
    /// Its sums.
    pub tally: Tally,
    /// Stretches of the journal that could not be read.
    pub damage: Vec<Damage>,
    /// Bytes of a torn record that was cut off.
    pub torn_bytes: u64,
    /// The samples' key.
    pub samples: String,
    /// The minutes' key.
    pub minutes: String,
    /// CRC-32C of the samples' file.
    pub samples_crc32c: u32,
    /// CRC-32C of the minutes' file.
    pub minutes_crc32c: u32,
}

/// A journal that is not longer holds some dozens of ticks.
const SHORT_BYTES: u64 = 8192;

/// Closes a journal into the store and removes it.
///
/// A journal of which bytes are damaged is closed as far as it can be read and then kept under `.damaged`.
///
/// # Errors
/// [`StoreError::Alive`] while somebody writes it, [`StoreError::Kind`] when it holds nothing,
/// [`StoreError::Disagree`] when what was read back differs, [`StoreError::Io`]; the journal is kept in each case.
pub fn close(journal: impl AsRef<Path>, store: &Arc<dyn LedgerStore>) -> Result<Closed> {
    let path = journal.as_ref();
    let mut file = JournalFile::open(path)?;
    if file.state().map_err(StoreError::io("lock", path))? == JournalState::Written {
        let header = file.header();
        return Err(StoreError::Alive { run: header.run.clone(), host: header.host.clone(), path: path.to_owned() });
    }
    // The lock is held from here until the file is dropped: two closers do not meet.
    let header = file.header().clone();
    let part = file.part().to_owned();
    let mut sampling = Sampling::new(&header);
    let folder = path.parent().unwrap_or(Path::new("."));
    let length = fs::metadata(path).map_err(StoreError::io("read", path))?.len();
    let packing = if length <= SHORT_BYTES { Packing::Plain } else { Packing::Zstd };
    let closed = archive(folder, &part, &header, packing, store, |each| {
        file.for_each(|tick| each(&mut sampling.of(tick)))?;
        Ok(About {
            context: file.context().clone(),
            end: file.end(),
            lost_ticks: file.damage().iter().map(|damage| damage.ticks).sum(),
        })
    })?;
    let closed = Closed { damage: file.damage().to_vec(), torn_bytes: file.torn_bytes(), ..closed };
    if closed.damage.is_empty() {
        fs::remove_file(path).map_err(StoreError::io("remove", path))?;
    } else {
        fs::rename(path, damaged(path)).map_err(StoreError::io("rename", path))?;
    }
    // Not forced to the disk: a journal that a power cut brings back is closed once more, and its sums decide.
    Ok(closed)
}

fn damaged(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    name.into()
}

/// Archives samples that do not come from a journal: each row is given as one tick.
pub(crate) fn archive_rows(
    scratch: &Path,
    part: &str,
    header: &MeterHeader,
    about: &About,
    rows: &[Vec<Sample>],
    store: &Arc<dyn LedgerStore>,
) -> Result<Closed> {
    archive(scratch, part, header, Packing::Zstd, store, |each| {
        rows.iter().try_for_each(|row| each(&mut row.iter().copied()))?;
        Ok(about.clone())
    })
}

type Each<'a> = dyn FnMut(&mut dyn Iterator<Item = Sample>) -> Result<()> + 'a;

fn archive(
    scratch: &Path,
    part: &str,
    header: &MeterHeader,
    packing: Packing,
    store: &Arc<dyn LedgerStore>,
    source: impl FnOnce(&mut Each<'_>) -> Result<About>,
) -> Result<Closed> {
    check_name(&header.run)?;
    private::create_folder(scratch).map_err(StoreError::io("create", scratch))?;
    let samples = Unborn::new(scratch, &format!(".{part}.samples.tmp"))?;
    let minutes = Unborn::new(scratch, &format!(".{part}.minutes.tmp"))?;
    let bad = |path: &Path| failed("archive", path.display().to_string());

    let mut to_samples =
        SamplesWriter::new(BufWriter::new(&samples.file), part, header, packing).map_err(bad(&samples.path))?;
    let mut to_minutes =
        MinutesWriter::new(BufWriter::new(&minutes.file), part, header, packing).map_err(bad(&minutes.path))?;
    let mut row = Vec::with_capacity(header.devices.len());
    let about = source(&mut |tick| {
        row.clear();
        row.extend(tick);
        row.iter().try_for_each(|sample| to_minutes.sample(sample)).map_err(bad(&minutes.path))?;
        to_samples.tick(row.iter().copied()).map_err(bad(&samples.path))
    })?;
    let (_, tally) = to_samples.finish(&about).map_err(bad(&samples.path))?;
    to_minutes.finish(&about).map_err(bad(&minutes.path))?;

    let keys = [
        (format!("samples/{}/{part}.parquet", header.run), &samples),
        (format!("minutes/{}/{part}.parquet", header.run), &minutes),
    ];
    // Minutes first: where the samples are, both are.
    for (key, unborn) in keys.iter().rev() {
        check(key, &unborn.path, &tally)?;
        let there = store.list(&format!("{}/{}", key.split('/').next().unwrap_or_default(), header.run))?;
        match there.into_iter().find(|stored| stored.key == *key) {
            // An earlier closing came this far, perhaps with another version: its sums decide.
            Some(stored) => agrees(&stored.key.clone(), StoredFile::new(store, stored), &tally)?,
            None => store.put(key, Content::File(&unborn.path))?,
        }
        let stored = store.list(key.rsplit_once('/').map_or(key.as_str(), |(folder, _)| folder))?;
        let stored = stored.into_iter().find(|stored| stored.key == *key).ok_or_else(|| StoreError::Disagree {
            path: key.clone(),
            what: "it is not in the store after it was put there".to_owned(),
            mend: "check the disk below the ledger; the journal was kept".to_owned(),
        })?;
        agrees(key, StoredFile::new(store, stored), &tally)?;
    }
    let [(samples_key, _), (minutes_key, _)] = keys;
    Ok(Closed {
        samples_crc32c: checksum(store.as_ref(), &samples_key)?,
        minutes_crc32c: checksum(store.as_ref(), &minutes_key)?,
        part: part.to_owned(),
        header: header.clone(),
        about,
        tally,
        damage: Vec::new(),
        torn_bytes: 0,
        samples: samples_key,
        minutes: minutes_key,
    })
}

/// CRC-32C of what lies under a key.
pub(crate) fn checksum(store: &dyn LedgerStore, key: &str) -> Result<u32> {
    const BLOCK: u64 = 1 << 20;
    let folder = key.rsplit_once('/').map_or(key, |(folder, _)| folder);
    let bytes = store.list(folder)?.into_iter().find(|stored| stored.key == key).map_or(0, |stored| stored.bytes);
    (0..bytes.div_ceil(BLOCK)).try_fold(0, |crc, block| {
        let piece = store.get(key, Some(block * BLOCK..((block + 1) * BLOCK).min(bytes)))?;
        Ok(crc32c::crc32c_append(crc, &piece))
    })
}

/// A temporary file that is removed whatever happens.
struct Unborn {
    path: PathBuf,
    file: File,
}

impl Unborn {
    fn new(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", &path)(cause));
            }
            _ => {}
        }
        let file = private::create_new(&path).map_err(StoreError::io("create", &path))?;
        // `recover` sweeps scratch files that nobody holds.
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|cause| StoreError::io("lock", &path)(cause.into()))?;
        Ok(Self { path, file })
    }
}

impl Drop for Unborn {
    fn drop(&mut self) {
        // Nothing is lost when it stays: names with a dot are never read.
        let _ = fs::remove_file(&self.path);
    }
}

fn check(key: &str, path: &Path, tally: &Tally) -> Result<()> {
    agrees(key, File::open(path).map_err(StoreError::io("read", path))?, tally)
}

/// Reads an archive to its end and compares its sums.
fn agrees(key: &str, source: impl parquet::file::reader::ChunkReader + 'static, tally: &Tally) -> Result<()> {
    let found = sums(key, source)?;
    if tally.iter().eq(found.iter()) {
        return Ok(());
    }
    Err(StoreError::Disagree {
        path: key.to_owned(),
        what: "its sums are not those of the journal".to_owned(),
        mend: "the journal was kept; remove this file and run `greenwich ledger recover`".to_owned(),
    })
}

fn sums(key: &str, source: impl parquet::file::reader::ChunkReader + 'static) -> Result<Tally> {
    let bad = failed("archive", key.to_owned());
    if key.starts_with("samples/") {
        return SamplesReader::new(source).and_then(|reader| reader.tally()).map_err(bad);
    }
    let reader = MinutesReader::new(source).map_err(&bad)?;
    let mut tally = Tally::new(reader.header().devices.len());
    reader.for_each(|device, method, _, sum| tally.add(device, method, sum)).map_err(&bad)?;
    Ok(tally)
}

/// Turns what Parquet says into what the store says.
pub(crate) fn failed(kind: &'static str, path: String) -> impl Fn(ParquetError) -> StoreError {
    move |cause| match cause {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(cause) => StoreError::Io { act: "write", path: PathBuf::from(&path), cause: *cause },
            Err(inner) => StoreError::Kind { path: path.clone(), kind, found: inner.to_string() },
        },
        cause => StoreError::Kind { path: path.clone(), kind, found: cause.to_string() },
    }
}
