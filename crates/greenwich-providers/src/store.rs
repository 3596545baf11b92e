//! The cache that forgets nothing: a history file a zone, under one folder.
//!
//! In: blocks. Out: the zone's [`History`], with what of its file was damaged. Blocks are appended under a lock, in one
//! write, and forced to the disk; a torn end is left where it is and the next block begins on a line of its own.

use crate::door::Validator;
use crate::error::ProviderError;
use greenwich_core::ZoneId;
use greenwich_grid::{Block, Decoded, History, decode, encode, first_line};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const ENDING: &str = "history";
/// Validators kept of a zone: the newest so many addresses.
const MOST_VALIDATORS: usize = 400;

/// Histories under a folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The histories under a folder, which need not be there yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The zones of which something is held, ascending.
    ///
    /// # Errors
    /// [`ProviderError::Store`] for a folder that cannot be read. One that is not there holds nothing.
    pub fn zones(&self) -> Result<Vec<ZoneId>, ProviderError> {
        let listed = match fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ProviderError::store("read", &self.folder, &error)),
        };
        let mut zones = Vec::new();
        for entry in listed {
            let path = entry.map_err(|error| ProviderError::store("read", &self.folder, &error))?.path();
            if path.extension().is_some_and(|ending| ending == ENDING)
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                zones.push(ZoneId::new(name));
            }
        }
        zones.sort();
        Ok(zones)
    }

    /// What is held of a zone; an empty history where there is no file.
    ///
    /// # Errors
    /// [`ProviderError::Store`] for a file that cannot be read or is no history.
    pub fn load(&self, zone: &ZoneId) -> Result<Decoded, ProviderError> {
        let path = self.path(zone, ENDING)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(ProviderError::store("read", &path, &error)),
        };
        if bytes.is_empty() {
            return Ok(Decoded { history: History::new(zone.clone()), damage: Vec::new() });
        }
        decode(&bytes).map_err(|error| ProviderError::Store {
            act: "read",
            path: path.display().to_string(),
            cause: error.to_string(),
        })
    }

    /// Appends blocks to a zone's file.
    ///
    /// # Errors
    /// [`ProviderError::Store`] where the folder cannot be made or the file not be written.
    pub fn append(&self, zone: &ZoneId, blocks: &[Block]) -> Result<(), ProviderError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let path = self.path(zone, ENDING)?;
        let failed = |error: io::Error| ProviderError::store("write", &path, &error);
        create_folder(&self.folder).map_err(failed)?;
        let mut file = open(&path).map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let length = file.metadata().map_err(failed)?.len();
        let mut text = match length {
            0 => first_line(zone),
            _ if ends_a_line(&mut file, length).map_err(failed)? => String::new(),
            _ => "\n".to_owned(),
        };
        for block in blocks {
            text += &encode(zone, block);
        }
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_data().map_err(failed)
    }

    /// What earlier answers of a zone said of themselves.
    pub(crate) fn validators(&self, zone: &ZoneId) -> BTreeMap<String, Validator> {
        let Ok(path) = self.path(zone, "validators.json") else { return BTreeMap::new() };
        // They only save work: without them everything is asked for whole.
        let json: Value = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let one = |(url, value): (&String, &Value)| {
            (url.clone(), Validator { etag: text(&value["etag"]), modified: text(&value["last_modified"]) })
        };
        json.as_object().map(|all| all.iter().map(one).collect()).unwrap_or_default()
    }

    /// Keeps them, after what the answers said was appended.
    pub(crate) fn keep_validators(
        &self,
        zone: &ZoneId,
        all: &BTreeMap<String, Validator>,
    ) -> Result<(), ProviderError> {
        let path = self.path(zone, "validators.json")?;
        let failed = |error: io::Error| ProviderError::store("write", &path, &error);
        let surplus = all.len().saturating_sub(MOST_VALIDATORS);
        let one = |(url, validator): (&String, &Validator)| {
            (url.clone(), json!({ "etag": validator.etag, "last_modified": validator.modified }))
        };
        let object: serde_json::Map<String, Value> = all.iter().skip(surplus).map(one).collect();
        create_folder(&self.folder).map_err(failed)?;
        let whole = path.with_extension("json.new");
        fs::write(&whole, Value::Object(object).to_string()).map_err(failed)?;
        fs::rename(&whole, &path).map_err(failed)
    }

    /// A zone's file. A name that is no plain file name is refused.
    fn path(&self, zone: &ZoneId, ending: &str) -> Result<PathBuf, ProviderError> {
        let name = zone.as_str();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(ProviderError::Store {
                act: "write",
                path: self.folder.join(name).display().to_string(),
                cause: "a zone's name has letters, digits, `-` and `_` only".into(),
            });
        }
        Ok(self.folder.join(format!("{name}.{ending}")))
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn ends_a_line(file: &mut File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last[0] == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::LIFECYCLE;
    use greenwich_core::Window;
    use greenwich_grid::State;
    use jiff::{SignedDuration, Timestamp};

    fn block(hour: i64, value: f64) -> Block {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).expect("an instant");
        let step = SignedDuration::from_hours(1);
        Block::new(LIFECYCLE, "em", at(hour + 1), at(hour), step, [Some((value, State::Measured))]).expect("a block")
    }

    fn store() -> (tempfile::TempDir, Store, ZoneId) {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let store = Store::at(folder.path().join("signals"));
        (folder, store, ZoneId::new("DE"))
    }

    #[test]
    fn what_is_appended_is_there_the_next_time() {
        let (_folder, store, zone) = store();
        assert_eq!((store.zones(), store.load(&zone).expect("none").history.blocks().len()), (Ok(vec![]), 0));
        store.append(&zone, &[block(1, 5.0)]).expect("written");
        store.append(&zone, &[block(2, 6.0), block(3, 7.0)]).expect("written");
        let loaded = store.load(&zone).expect("read");
        assert_eq!((loaded.history.blocks().len(), loaded.damage.len()), (3, 0));
        assert_eq!(store.zones(), Ok(vec![zone]));
    }

    #[test]
    fn a_write_that_was_torn_costs_its_own_block_only() {
        let (_folder, store, zone) = store();
        store.append(&zone, &[block(1, 5.0), block(2, 6.0)]).expect("written");
        let path = store.folder().join("DE.history");
        let bytes = fs::read(&path).expect("it is there");
        fs::write(&path, &bytes[..bytes.len() - 2]).expect("our own file");
        store.append(&zone, &[block(3, 7.0)]).expect("written");
        let loaded = store.load(&zone).expect("read");
        assert_eq!((loaded.history.blocks().len(), loaded.damage.len()), (2, 1));
        let hour = |hour: i64| Timestamp::from_second(hour * 3600).expect("an instant");
        let window = Window::new(hour(1), hour(4)).expect("forwards");
        let (_, means) = loaded.history.means(&LIFECYCLE, "em", window, SignedDuration::from_hours(1), Timestamp::MAX);
        assert_eq!(means, [Some(5.0), None, Some(7.0)]);
    }

    #[test]
    fn writers_beside_one_another_lose_nothing() {
        let (_folder, store, zone) = store();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (store, zone) = (&store, &zone);
                scope.spawn(move || {
                    for index in 0..25 {
                        store.append(zone, &[block(writer * 25 + index, 1.0)]).expect("written");
                    }
                });
            }
        });
        let loaded = store.load(&zone).expect("read");
        assert_eq!((loaded.history.blocks().len(), loaded.damage.len()), (100, 0));
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        let (_folder, store, _) = store();
        for name in ["../DE", "a/b", "", "a b", "DE\0"] {
            assert!(store.append(&ZoneId::new(name), &[block(1, 5.0)]).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_of_others_is_not_appended_to_unread() {
        let (_folder, store, zone) = store();
        fs::create_dir_all(store.folder()).expect("our own folder");
        fs::write(store.folder().join("DE.history"), "greenwich.history/9 DE\n").expect("our own file");
        let error = store.load(&zone).expect_err("a later version").to_string();
        assert!(error.contains("greenwich.history/9"), "{error}");
    }

    #[test]
    fn validators_are_kept_and_only_so_many() {
        let (_folder, store, zone) = store();
        let one = Validator { etag: Some("\"a\"".into()), modified: None };
        let all: BTreeMap<String, Validator> = (0..500).map(|index| (format!("u{index:03}"), one.clone())).collect();
        store.keep_validators(&zone, &all).expect("written");
        let kept = store.validators(&zone);
        assert_eq!((kept.len(), kept.get("u499")), (400, Some(&one)));
    }
}
