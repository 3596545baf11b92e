//! A file that holds one number and is read again and again, as sysfs has them.
//!
//! In: a path. Out: its number now. The file stays open and is read in place, so that a read costs one system call
//! and allocates nothing. A file that was replaced under its name is opened anew.

use crate::counter::{Miss, Moment};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// At a run's start and end a failing read is tried again so often, so long apart.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(1);

/// An open file of one number.
#[derive(Debug)]
pub(crate) struct NumberFile {
    path: PathBuf,
    file: Option<File>,
    last: Option<u64>,
}

impl NumberFile {
    /// Opens it; reading may still be refused later.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let file = File::open(&path)?;
        Ok(Self { path, file: Some(file), last: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number now, tried again at the edges of a run.
    pub(crate) fn read_at(&mut self, moment: Moment) -> Result<u64, Miss> {
        let mut answer = self.read();
        for _ in 1..TRIES {
            if answer.is_ok() || !moment.purpose.is_edge() {
                break;
            }
            std::thread::sleep(PAUSE);
            answer = self.read();
        }
        answer
    }

    /// The number now.
    pub(crate) fn read(&mut self) -> Result<u64, Miss> {
        let answer = self.read_open();
        // No news may mean that the file was replaced and that we hold the old one.
        let stands_still = answer.is_err() || (answer.is_ok() && answer.ok() == self.last);
        let answer = if stands_still && self.was_replaced() { self.reopen() } else { answer };
        self.last = answer.ok().or(self.last);
        answer
    }

    fn read_open(&self) -> Result<u64, Miss> {
        let file = self.file.as_ref().ok_or(Miss::Io(io::ErrorKind::NotFound))?;
        let mut buffer = [0u8; 32];
        let length = file.read_at(&mut buffer, 0).map_err(|e| Miss::Io(e.kind()))?;
        number(&buffer[..length])
    }

    fn was_replaced(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.metadata().is_ok_and(|found| found.nlink() == 0))
    }

    fn reopen(&mut self) -> Result<u64, Miss> {
        self.file = File::open(&self.path).ok();
        self.read_open()
    }
}

/// The whole number of the first line.
pub(crate) fn number(bytes: &[u8]) -> Result<u64, Miss> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    if line.is_empty() {
        return Err(Miss::Empty);
    }
    let text = std::str::from_utf8(line).map_err(|_| Miss::Garbage)?;
    text.parse().map_err(|_| Miss::Garbage)
}

/// The first line of a small text file.
pub(crate) fn first_line(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_number_is_a_number() {
        let read = |text: &str| match number(text.as_bytes()) {
            Ok(number) => number.to_string(),
            Err(miss) => miss.to_string(),
        };
        let cases = [
            ("262143328850\n", "262143328850"),
            ("  7 \n", "7"),
            ("12\n999999\n", "12"),
            ("", "was empty"),
            ("\n", "was empty"),
            ("-5\n", "held no number"),
            ("1e9", "held no number"),
            ("99999999999999999999999", "held no number"),
            ("\u{0}\u{0}", "held no number"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_file_replaced_under_its_name_is_found_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("energy_uj");
        std::fs::write(&path, "5\n").expect("writable");
        let mut file = NumberFile::open(path.clone()).expect("it is there");
        assert_eq!(file.read(), Ok(5));
        std::fs::write(dir.path().join("new"), "9\n").expect("writable");
        std::fs::rename(dir.path().join("new"), &path).expect("same folder");
        file.read().expect("the old or the new one");
        assert_eq!(file.read(), Ok(9));
        std::fs::remove_file(&path).expect("it is there");
        file.read().expect_err("it is gone");
        std::fs::write(&path, "11\n").expect("writable");
        assert_eq!(file.read(), Ok(11));
    }
}
