//! Files and folders that only their owner reads: modes 0600 and 0700.
//!
//! In: a path. Out: a file or folder of these modes.
//!
//! A ledger tells commands, projects and host names. On systems without modes they are plain files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a folder with those above it; one that is there keeps its mode.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file that must not be there yet, for appending.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether no name is left for an open file.
pub(crate) fn is_deleted(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::nlink(&metadata) == 0);
    #[cfg(not(unix))]
    Ok(!metadata.is_file())
}

/// Forces a folder's names to the disk, after a file was made or renamed in it.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
