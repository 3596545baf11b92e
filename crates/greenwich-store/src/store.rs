//! Where closed files lie: the seam of the ledger.
//!
//! In: a key (`entries/2026/03/….json`) and bytes. Out: the same. Keys are unique without coordination, nothing is
//! ever changed or removed, so that a local folder and an object store do alike.

use crate::error::{Result, StoreError};
use crate::private;
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is put under a key.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// A local file, which the store may move to its place.
    File(&'a Path),
}

/// A key that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// How many bytes lie there.
    pub bytes: u64,
}

/// Keeps closed files.
pub trait LedgerStore: Debug + Send + Sync {
    /// Puts content under a key, whole or not at all. The same content again does nothing.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the key holds other content; [`StoreError::Io`].
    fn put(&self, key: &str, content: Content<'_>) -> Result<()>;

    /// Reads what lies under a key, or some of its bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`], also when nothing is there.
    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Vec<u8>>;

    /// The keys that begin with `prefix` (whole folders), sorted.
    ///
    /// # Errors
    /// [`StoreError::Io`]; a prefix that holds nothing gives an empty list.
    fn list(&self, prefix: &str) -> Result<Vec<Stored>>;
}

/// A local folder.
#[derive(Debug, Clone)]
pub struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    /// The store in `root`, which is made when something is put.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn place(&self, key: &str) -> PathBuf {
        debug_assert!(key.split('/').all(|part| !part.is_empty() && part != ".."), "keys are made here");
        key.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    /// Makes a folder; gives those whose names are to be forced to the disk once a file lies in it: itself and, where it
    /// is new, all up to the first that was there.
    fn make<'a>(&self, folder: &'a Path) -> Result<Vec<&'a Path>> {
        let mut changed = vec![folder];
        let mut missing = folder;
        while !missing.exists()
            && let Some(above) = missing.parent().filter(|above| above.starts_with(&self.root))
        {
            changed.push(above);
            missing = above;
        }
        private::create_folder(folder).map_err(StoreError::io("create", folder))?;
        Ok(changed)
    }
}

/// Forces names to the disk.
fn sync(folders: &[&Path]) -> Result<()> {
    folders.iter().try_for_each(|folder| private::sync_folder(folder).map_err(StoreError::io("write", *folder)))
}

fn walk(folder: &Path, key: &str, found: &mut Vec<Stored>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(StoreError::io("list", folder)(cause)),
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list", folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What begins with a dot is being written, or was left by a writer that died.
        if name.starts_with('.') {
            continue;
        }
        let metadata = entry.metadata().map_err(StoreError::io("read", entry.path()))?;
        let key = format!("{key}/{name}");
        if metadata.is_dir() {
            walk(&entry.path(), &key, found)?;
        } else {
            found.push(Stored { key, bytes: metadata.len() });
        }
    }
    Ok(())
}

impl LedgerStore for FolderStore {
    fn put(&self, key: &str, content: Content<'_>) -> Result<()> {
        let path = self.place(key);
        if path.exists() {
            return if same(&path, content).map_err(StoreError::io("read", &path))? {
                Ok(())
            } else {
                Err(StoreError::Taken { key: key.to_owned() })
            };
        }
        let folder = path.parent().expect("a key lies below the root");
        let changed = self.make(folder)?;
        // A file of the same file system needs no copy: it is forced to the disk and gets a second name, which
        // refuses to replace what another writer put here meanwhile.
        if let Content::File(source) = content
            && File::open(source).and_then(|file| file.sync_all()).is_ok()
            && fs::hard_link(source, &path).is_ok()
        {
            return sync(&changed);
        }
        let unborn = folder.join(format!(".{}.tmp", crate::id::Id::now()));
        let written = fill(&unborn, content).and_then(|()| {
            // A link refuses to replace what another writer put here meanwhile; a rename would not.
            match fs::hard_link(&unborn, &path) {
                Ok(()) => fs::remove_file(&unborn),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(cause),
                // A file system without links.
                Err(_) => fs::rename(&unborn, &path),
            }
        });
        if let Err(cause) = written {
            let _ = fs::remove_file(&unborn);
            if cause.kind() == io::ErrorKind::AlreadyExists
                && same(&path, content).map_err(StoreError::io("read", &path))?
            {
                return Ok(());
            }
            return Err(StoreError::io("write", &path)(cause));
        }
        sync(&changed)
    }

    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Vec<u8>> {
        let path = self.place(key);
        let Some(range) = range else { return fs::read(&path).map_err(StoreError::io("read", &path)) };
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(StoreError::io("read", &path))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        let prefix = prefix.trim_end_matches('/');
        walk(&self.place(prefix), prefix, &mut found)?;
        found.sort();
        Ok(found)
    }
}

fn fill(path: &Path, content: Content<'_>) -> io::Result<()> {
    let mut file = private::create_new(path)?;
    match content {
        Content::Bytes(bytes) => file.write_all(bytes)?,
        Content::File(source) => {
            io::copy(&mut File::open(source)?, &mut file)?;
        }
    }
    file.sync_all()
}

fn same(path: &Path, content: Content<'_>) -> io::Result<bool> {
    match content {
        Content::Bytes(bytes) => Ok(fs::metadata(path)?.len() == bytes.len() as u64 && fs::read(path)? == bytes),
        Content::File(source) => {
            let (mut here, mut there) = (File::open(path)?, File::open(source)?);
            if here.metadata()?.len() != there.metadata()?.len() {
                return Ok(false);
            }
            let (mut a, mut b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
            loop {
                let read = here.read(&mut a)?;
                if read == 0 {
                    return Ok(true);
                }
                there.read_exact(&mut b[..read])?;
                if a[..read] != b[..read] {
                    return Ok(false);
                }
            }
        }
    }
}

/// The store in memory: for tests and for questions over files that lie elsewhere.
#[derive(Debug, Default)]
pub struct MemoryStore {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl LedgerStore for MemoryStore {
    fn put(&self, key: &str, content: Content<'_>) -> Result<()> {
        let bytes = match content {
            Content::Bytes(bytes) => bytes.to_vec(),
            Content::File(path) => fs::read(path).map_err(StoreError::io("read", path))?,
        };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.get(key) {
            Some(there) if *there != bytes => Err(StoreError::Taken { key: key.to_owned() }),
            _ => {
                files.insert(key.to_owned(), bytes);
                Ok(())
            }
        }
    }

    fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Vec<u8>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || StoreError::io("read", key)(io::ErrorKind::NotFound.into());
        let bytes = files.get(key).ok_or_else(missing)?;
        match range {
            None => Ok(bytes.clone()),
            Some(range) => bytes
                .get(range.start as usize..range.end as usize)
                .map(<[u8]>::to_vec)
                .ok_or_else(|| StoreError::io("read", key)(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Stored>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = format!("{}/", prefix.trim_end_matches('/'));
        let within = files.iter().filter(|(key, _)| key.starts_with(&folder));
        Ok(within.map(|(key, bytes)| Stored { key: key.clone(), bytes: bytes.len() as u64 }).collect())
    }
}

/// A Parquet file in a store, read in pieces.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    store: Arc<dyn LedgerStore>,
    file: Stored,
}

impl StoredFile {
    pub(crate) fn new(store: &Arc<dyn LedgerStore>, file: Stored) -> Self {
        Self { store: Arc::clone(store), file }
    }

    fn piece(&self, start: u64, length: u64) -> Result<Vec<u8>, ParquetError> {
        let end = start.saturating_add(length).min(self.file.bytes);
        self.store
            .get(&self.file.key, Some(start.min(end)..end))
            .map_err(|cause| ParquetError::External(Box::new(cause)))
    }
}

impl Length for StoredFile {
    fn len(&self) -> u64 {
        self.file.bytes
    }
}

impl ChunkReader for StoredFile {
    type T = Pieces;

    fn get_read(&self, start: u64) -> Result<Pieces, ParquetError> {
        Ok(Pieces { file: self.clone(), at: start, buffer: Vec::new(), used: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.piece(start, length as u64)?;
        if bytes.len() == length {
            return Ok(bytes.into());
        }
        Err(ParquetError::EOF(format!("{} of {length} bytes at {start}", bytes.len())))
    }
}

/// Reads on from a place, block by block.
#[derive(Debug)]
pub(crate) struct Pieces {
    file: StoredFile,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

/// Page headers are short; what follows them is read apart.
const BLOCK: u64 = 4096;

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.used == self.buffer.len() {
            self.buffer = self.file.piece(self.at, BLOCK.max(out.len() as u64)).map_err(io::Error::other)?;
            self.at += self.buffer.len() as u64;
            self.used = 0;
        }
        let read = (&self.buffer[self.used..]).read(out)?;
        self.used += read;
        Ok(read)
    }
}
