//! Whether a ledger is what it was when it was written.
//!
//! In: every file of a ledger. Out: findings, each with its key and a mend; none means that every checksum, sum
//! and schema holds.

use crate::archive::{SamplesReader, checksum, failed};
use crate::entry::{self, Entry};
use crate::error::Result;
use crate::journal::JournalFile;
use crate::ledger::{Ledger, Part, id_of};
use crate::store::StoredFile;
use crate::tally::Tally;
use std::collections::{BTreeMap, BTreeSet};

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub key: String,
    /// What was found.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Entries read.
    pub entries: usize,
    /// Closed parts read to their last row.
    pub parts: usize,
    /// Journals read.
    pub journals: usize,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

const COPY: &str = "bring the file back from a copy";

impl Verified {
    fn tell(&mut self, key: &str, what: impl Into<String>, mend: impl Into<String>) {
        self.findings.push(Finding { key: key.to_owned(), what: what.into(), mend: mend.into() });
    }
}

impl Ledger {
    /// Reads every file and checks checksums, sums and schemas.
    ///
    /// # Errors
    /// [`crate::StoreError::Io`] when the ledger cannot be listed.
    pub fn verify(&self) -> Result<Verified> {
        let mut verified = Verified::default();
        let parts = self.verify_parts(&mut verified)?;
        self.verify_entries(&parts, &mut verified)?;
        for path in self.journals()? {
            verified.journals += 1;
            let key = format!("open/{}", path.file_name().unwrap_or_default().to_string_lossy());
            let damage = JournalFile::open(&path).and_then(|mut file| {
                while file.next_tick()?.is_some() {}
                Ok(file.damage().to_vec())
            });
            match damage {
                Ok(damage) => {
                    for one in damage {
                        let what = format!(
                            "{} B from byte {} are damaged; {} ticks are lost",
                            one.bytes, one.offset, one.ticks
                        );
                        verified.tell(
                            &key,
                            what,
                            "run `greenwich ledger recover`: the rest is read and the file is kept",
                        );
                    }
                }
                Err(error) => verified.tell(&key, error.to_string(), "nothing can be read from it: remove it"),
            }
        }
        verified.findings.sort_by(|a, b| (&a.key, &a.what).cmp(&(&b.key, &b.what)));
        Ok(verified)
    }

    fn verify_parts(&self, verified: &mut Verified) -> Result<BTreeMap<String, Part>> {
        let mut parts = BTreeMap::new();
        let mut samples: BTreeMap<String, _> =
            self.store.list("samples")?.into_iter().map(|stored| (stored.key.clone(), stored)).collect();
        for stored in self.store.list("minutes")? {
            let key = stored.key.clone();
            let part = match self.part(stored) {
                Ok(part) => part,
                Err(error) => {
                    verified.tell(&key, error.to_string(), COPY);
                    samples.remove(&key.replacen("minutes/", "samples/", 1));
                    continue;
                }
            };
            verified.parts += 1;
            let mut minutes = Tally::new(part.header.devices.len());
            match part.minutes.for_each(|device, method, _, sum| minutes.add(device, method, sum)) {
                Err(cause) => verified.tell(&key, failed("archive", key.clone())(cause).to_string(), COPY),
                Ok(()) if !minutes.iter().eq(part.tally.iter()) => {
                    verified.tell(&key, "its rows do not sum to what it states", COPY);
                }
                Ok(()) => {}
            }
            match samples.remove(&part.samples_key) {
                None => verified.tell(&part.samples_key, "it is not there, and its minutes are", COPY),
                Some(stored) => {
                    let read = SamplesReader::new(StoredFile::new(&self.store, stored)).and_then(|reader| {
                        let stated = reader.stated()?;
                        Ok((reader.tally()?, stated))
                    });
                    match read {
                        Err(cause) => {
                            verified.tell(
                                &part.samples_key,
                                failed("archive", part.samples_key.clone())(cause).to_string(),
                                COPY,
                            );
                        }
                        Ok((rows, stated)) => {
                            if !rows.iter().eq(stated.iter()) {
                                verified.tell(&part.samples_key, "its rows do not sum to what it states", COPY);
                            }
                            if !rows.iter().eq(part.tally.iter()) {
                                verified.tell(&part.samples_key, "it does not sum to what its minutes state", COPY);
                            }
                        }
                    }
                }
            }
            parts.insert(part.id.clone(), part);
        }
        for key in samples.into_keys() {
            verified.tell(&key, "its minutes are not there", COPY);
        }
        Ok(parts)
    }

    fn verify_entries(&self, parts: &BTreeMap<String, Part>, verified: &mut Verified) -> Result<()> {
        let mut entries: Vec<(String, Entry)> = Vec::new();
        for stored in self.store.list("entries")? {
            let Some(id) = id_of(&stored.key).map(str::to_owned) else {
                verified.tell(&stored.key, "it is no file of a ledger", "move it elsewhere");
                continue;
            };
            let bytes = self.store.get(&stored.key, None)?;
            let named = stored.key.trim_end_matches(".json").rsplit('.').next().unwrap_or_default().to_owned();
            let found = format!("{:08x}", crc32c::crc32c(&bytes));
            if named != found {
                let what =
                    format!("its checksum is {found}, its name says {named}: it was changed after it was written");
                verified.tell(&stored.key, what, "bring it back from a copy; to change it, record a correction");
            }
            match Entry::from_json(&stored.key, &bytes) {
                Ok(entry) if entry.id != id => verified.tell(&stored.key, format!("it holds entry {}", entry.id), COPY),
                Ok(entry) => entries.push((stored.key, entry)),
                Err(error) => verified.tell(&stored.key, error.to_string(), COPY),
            }
        }
        verified.entries = entries.len();
        let ids: BTreeSet<String> = entries.iter().map(|(_, entry)| entry.id.clone()).collect();
        for (key, entry) in &entries {
            let (least, most) = entry::sums(&entry.devices);
            // An entry brought in from another meter may give a sum without its parts.
            let sums = close(least, entry.it_energy_j) && close(most, entry.most_it_energy_j);
            if !sums && !entry.devices.is_empty() {
                let what = format!("its devices sum to {least:?} J, it states {:?} J", entry.it_energy_j);
                verified.tell(key, what, COPY);
            }
            for part in entry.parts.iter().filter(|part| !parts.contains_key(&part.part)) {
                // Of a merged run the parts of other nodes lie in their own ledgers.
                if entry.parts.len() == 1 {
                    verified.tell(key, format!("its part {} is not there", part.part), COPY);
                }
            }
            for of in &entry.parts {
                let Some(part) = parts.get(&of.part) else { continue };
                for (key, stated) in [(&part.samples_key, &of.samples_crc32c), (&part.minutes_key, &of.minutes_crc32c)]
                {
                    let Some(stated) = stated else { continue };
                    let found = format!("{:08x}", checksum(self.store.as_ref(), key)?);
                    if found != *stated {
                        verified.tell(key, format!("its checksum is {found}, entry {} says {stated}", entry.id), COPY);
                    }
                }
            }
            if let [part] = entry.parts.as_slice()
                && let Some(part) = parts.get(&part.part)
                && entry.corrects.is_empty()
            {
                let own = Entry::measured(&part.header, &part.about, &part.tally);
                if !close(own.it_energy_j, entry.it_energy_j) {
                    let what =
                        format!("it states {:?} J, its samples sum to {:?} J", entry.it_energy_j, own.it_energy_j);
                    verified.tell(key, what, COPY);
                }
            }
            for old in entry.corrects.iter().filter(|old| !ids.contains(*old) && entry.parts.len() < 2) {
                verified.tell(key, format!("it corrects {old}, which is not there"), COPY);
            }
        }
        Ok(())
    }
}

/// Equal but for the rounding of a sum of floats.
fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        (a, b) => a.is_none() && b.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunContext;
    use crate::fixture::node::Node;
    use crate::fixture::started;
    use crate::header::End;
    use greenwich_core::reading::TickSink;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn ledger_of_one_run(folder: &Path) -> Ledger {
        let ledger = Ledger::at(folder);
        let mut journal = ledger.journal(RunContext::default());
        journal.begin(&Node::header("run-1", started(), 0)).expect("a folder that can be written");
        let mut node = Node::new(1, 1_000_000_000, 0.01);
        for _ in 0..300 {
            journal.tick(node.tick(started())).expect("a disk with space");
        }
        let path = journal.finish(End { end: started(), exit_status: Some(0) }).expect("a disk with space");
        let closed = ledger.close(path).expect("a whole journal");
        ledger.record(&Entry::of(&closed)).expect("a disk with space");
        ledger
    }

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }

    #[test]
    fn a_ledger_as_it_was_written_holds() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let verified = ledger_of_one_run(folder.path()).verify().expect("a ledger");
        assert_eq!(verified, Verified { entries: 1, parts: 1, journals: 0, findings: Vec::new() });
    }

    #[test]
    fn a_changed_entry_is_found_by_its_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = ledger_of_one_run(folder.path());
        let mut found = Vec::new();
        files(&folder.path().join("entries"), &mut found);
        let text = fs::read_to_string(&found[0]).expect("an entry");
        fs::write(&found[0], text.replace("\"exit_status\": 0", "\"exit_status\": 1")).expect("a disk with space");
        let verified = ledger.verify().expect("a ledger");
        assert_eq!(verified.findings.len(), 1);
        assert!(verified.findings[0].what.contains("it was changed after it was written"));
    }

    #[test]
    fn a_flipped_bit_in_the_numbers_of_an_archive_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = ledger_of_one_run(folder.path());
        let mut found = Vec::new();
        files(&folder.path().join("samples"), &mut found);
        let sound = fs::read(&found[0]).expect("an archive");
        let mut missed = Vec::new();
        // Every 97th byte of the column data, one at a time; the footer begins some way before the end.
        let footer =
            u32::from_le_bytes(sound[sound.len() - 8..sound.len() - 4].try_into().expect("four bytes")) as usize;
        for at in (4..sound.len() - 8 - footer).step_by(97) {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            fs::write(&found[0], bytes).expect("a disk with space");
            if ledger.verify().expect("a ledger").findings.is_empty() {
                missed.push(at);
            }
        }
        eprintln!("{} of {} flips missed", missed.len(), (sound.len() - 8 - footer).div_ceil(97));
        assert!(missed.is_empty(), "not found: {missed:?}");
    }
}
