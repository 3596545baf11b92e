//! The writing side of a journal.
//!
//! In: ticks. Out: records in a file, and sums in memory that are right even where the disk refuses.

use super::frame::{self, kind};
use super::record;
use crate::header::{End, HeaderWire, RunContext};
use crate::id::{Id, check_name};
use crate::private;
use crate::tally::Tally;
use greenwich_core::reading::{MeterHeader, Span, Tick, TickSink};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How often the journal is forced to the disk: the most that a power cut can cost.
pub const SYNC_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// A journal that is being written.
///
/// It holds a lock (`flock`) on its file while it lives; the kernel lets go of it when the process dies, by
/// which `recover` knows that nobody writes any more.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    context: RunContext,
    part: String,
    sync_every_ns: u64,
    writer: Option<Writer>,
    tally: Tally,
}

impl Journal {
    /// A journal that will lie in `folder`; nothing is written before [`TickSink::begin`].
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, context: RunContext) -> Self {
        Self {
            folder: folder.into(),
            context,
            part: Id::now().to_string(),
            sync_every_ns: SYNC_EVERY.as_nanos() as u64,
            writer: None,
            tally: Tally::default(),
        }
    }

    /// Forces to the disk at another interval than [`SYNC_EVERY`]; zero is each tick.
    #[must_use]
    pub fn synced_every(mut self, every: SignedDuration) -> Self {
        self.sync_every_ns = u64::try_from(every.as_nanos()).unwrap_or(0);
        self
    }

    /// The part's id: unique, in the file's name.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// Where it lies, once it has begun and while it is not lost.
    pub fn path(&self) -> Option<&Path> {
        self.writer.as_ref().map(|writer| writer.path.as_path())
    }

    /// The sums so far, right even where the disk refused.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether everything so far is in the file.
    pub fn is_whole(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| !writer.holding)
    }

    /// Ends the journal: writes how the run ended, lets go of the lock.
    ///
    /// Returns where it lies, for [`crate::Ledger::close`], which forces all that it holds to the disk: forcing it here
    /// as well would make every run wait twice.
    ///
    /// # Errors
    /// When it never began, was lost, or the disk refuses; what was written before can be recovered.
    pub fn finish(mut self, end: End) -> io::Result<PathBuf> {
        let mut writer =
            self.writer.take().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no journal was begun"))?;
        writer.flush_held()?;
        let payload = serde_json::to_vec(&end).map_err(io::Error::other)?;
        writer.append(kind::END, |out| out.extend_from_slice(&payload))?;
        Ok(writer.path)
    }
}

impl TickSink for Journal {
    fn begin(&mut self, header: &MeterHeader) -> io::Result<()> {
        check_name(&header.run).map_err(io::Error::other)?;
        self.tally = Tally::new(header.devices.len());
        self.writer = Some(Writer::create(&self.folder, &self.part, &self.context, header, self.sync_every_ns)?);
        Ok(())
    }

    fn tick(&mut self, tick: Tick<'_>) -> io::Result<()> {
        self.tally.add_tick(tick);
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let outcome = writer.tick(tick);
        if writer.lost {
            self.writer = None;
        }
        outcome
    }
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about one file")]
struct Writer {
    file: File,
    path: PathBuf,
    folder: PathBuf,
    salt: u32,
    started_us: i64,
    /// Bytes of the file up to its last whole record.
    sound: u64,
    number: u64,
    buffer: Vec<u8>,
    sync_every_ns: u64,
    next_sync_ns: u64,
    /// What the disk did not take, by device.
    held: Vec<Option<Span>>,
    held_tick: Option<(u64, Timestamp)>,
    holding: bool,
    next_try_ns: u64,
    scratch: Vec<Span>,
    complained: bool,
    folder_synced: bool,
    lost: bool,
}

/// How long to leave a disk alone that refused.
const RETRY_NS: u64 = 5_000_000_000;

impl Writer {
    fn create(
        folder: &Path,
        part: &str,
        context: &RunContext,
        header: &MeterHeader,
        sync_every_ns: u64,
    ) -> io::Result<Self> {
        private::create_folder(folder)?;
        let name = format!("{}.{part}.{}", header.run, super::EXTENSION);
        let path = folder.join(&name);
        // Under its own name it is locked and has a whole header from its first moment.
        let unborn = folder.join(format!(".{name}.tmp"));
        let file = private::create_new(&unborn)?;
        let salt = frame::salt(part);
        let mut buffer = Vec::with_capacity(4096.max(frame::FRAME + record::most_bytes(header.devices.len())));
        buffer.extend_from_slice(frame::MAGIC);
        for (kind, salt, payload) in [
            (kind::HEADER, 0, serde_json::to_vec(&HeaderWire::new(part, header))),
            (kind::CONTEXT, salt, serde_json::to_vec(context)),
        ] {
            let payload = payload.map_err(io::Error::other)?;
            if payload.len() > frame::LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the run's header is longer than 16 MiB"));
            }
            let at = frame::open(&mut buffer);
            buffer.extend_from_slice(&payload);
            frame::close(&mut buffer, at, kind, salt);
        }
        let begun = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(io::Error::from)
            .and_then(|()| (&file).write_all(&buffer))
            .and_then(|()| fs::rename(&unborn, &path));
        if let Err(cause) = begun {
            // The folder may be gone or full: what is left is swept by `recover`.
            let _ = fs::remove_file(&unborn);
            return Err(cause);
        }
        Ok(Self {
            file,
            path,
            folder: folder.to_owned(),
            salt,
            started_us: header.started.as_microsecond(),
            sound: buffer.len() as u64,
            number: 0,
            buffer,
            sync_every_ns,
            next_sync_ns: sync_every_ns,
            held: vec![None; header.devices.len()],
            held_tick: None,
            holding: false,
            next_try_ns: 0,
            scratch: Vec::with_capacity(header.devices.len()),
            complained: false,
            folder_synced: false,
            lost: false,
        })
    }

    fn tick(&mut self, tick: Tick<'_>) -> io::Result<()> {
        let outcome = if self.holding {
            self.hold(tick);
            if tick.at_ns < self.next_try_ns { Ok(()) } else { self.flush_held() }
        } else {
            self.store(tick).inspect_err(|_| self.hold(tick))
        };
        let outcome = outcome.and_then(|()| self.sync(tick.at_ns));
        outcome.or_else(|cause| {
            self.next_try_ns = tick.at_ns.saturating_add(RETRY_NS);
            if std::mem::replace(&mut self.complained, true) { Ok(()) } else { Err(cause) }
        })
    }

    fn store(&mut self, tick: Tick<'_>) -> io::Result<()> {
        let (number, started_us) = (self.number, self.started_us);
        self.append(kind::TICK, |out| record::encode(out, number, started_us, tick))?;
        self.number += 1;
        Ok(())
    }

    /// Writes one record by one `write`.
    fn append(&mut self, kind: u8, payload: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.buffer.clear();
        let at = frame::open(&mut self.buffer);
        payload(&mut self.buffer);
        frame::close(&mut self.buffer, at, kind, self.salt);
        if let Err(cause) = (&self.file).write_all(&self.buffer) {
            // A part may have been written: it is cut off, or else the reader passes over it.
            let _ = self.file.set_len(self.sound);
            return Err(cause);
        }
        self.sound += self.buffer.len() as u64;
        Ok(())
    }

    /// Adds to what each device drew while the disk refuses.
    fn hold(&mut self, tick: Tick<'_>) {
        self.holding = true;
        self.held_tick = Some((tick.at_ns, tick.wall));
        for span in tick.spans {
            let Some(place) = self.held.get_mut(usize::from(span.device)) else { continue };
            *place = Some(place.map_or(*span, |held| Span {
                device: span.device,
                since_ns: held.since_ns.min(span.since_ns),
                energy_uj: held.energy_uj.saturating_add(span.energy_uj),
                most_uj: held.most_uj.saturating_add(span.most_uj),
                method: held.method.max(span.method),
            }));
        }
    }

    fn flush_held(&mut self) -> io::Result<()> {
        let Some((at_ns, wall)) = self.held_tick else { return Ok(()) };
        let mut spans = std::mem::take(&mut self.scratch);
        spans.clear();
        spans.extend(self.held.iter().flatten());
        let outcome = self.store(Tick { at_ns, wall, spans: &spans });
        self.scratch = spans;
        if outcome.is_ok() {
            self.held.fill(None);
            self.held_tick = None;
            self.holding = false;
        }
        outcome
    }

    fn sync(&mut self, at_ns: u64) -> io::Result<()> {
        if at_ns < self.next_sync_ns || self.holding {
            return Ok(());
        }
        self.next_sync_ns = at_ns.saturating_add(self.sync_every_ns);
        if private::is_deleted(&self.file)? {
            self.lost = true;
            return Err(io::Error::new(io::ErrorKind::NotFound, "the journal was deleted while the run was metered"));
        }
        self.file.sync_data()?;
        if !self.folder_synced {
            private::sync_folder(&self.folder)?;
            self.folder_synced = true;
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::fixture::{header, started};
    use crate::journal::JournalFile;
    use greenwich_core::reading::Method;
    use std::fs::OpenOptions;

    fn second(number: u64) -> (u64, [Span; 2]) {
        let at_ns = number * 1_000_000_000;
        let span = |device: u16| Span {
            device,
            since_ns: at_ns - 1_000_000_000,
            energy_uj: 100 + number,
            most_uj: 100 + number,
            method: Method::Counted,
        };
        (at_ns, [span(0), span(1)])
    }

    #[test]
    fn a_full_disk_is_told_once_and_costs_resolution_and_not_energy() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut journal = Journal::new(folder.path(), RunContext::default());
        journal.begin(&header("run-1", 2)).expect("a folder that can be written");
        let mut told = Vec::new();
        let mut disk = None;
        for number in 1..=40 {
            let writer = journal.writer.as_mut().expect("it has begun");
            // From 10 s to 20 s the disk is full: this device refuses every write with ENOSPC.
            if number == 10 {
                let full = OpenOptions::new().append(true).open("/dev/full").expect("Linux has it");
                disk = Some(std::mem::replace(&mut writer.file, full));
            } else if number == 20 {
                writer.file = disk.take().expect("it was put aside");
            }
            let (at_ns, spans) = second(number);
            let wall = started() + SignedDuration::from_nanos(at_ns as i64);
            if let Err(cause) = journal.tick(Tick { at_ns, wall, spans: &spans }) {
                told.push((number, cause.kind()));
            }
        }
        assert_eq!(told, [(10, io::ErrorKind::StorageFull)]);
        assert!(journal.is_whole());
        let (path, tally) = (journal.path().expect("it was not lost").to_owned(), journal.tally().clone());
        drop(journal);
        let mut file = JournalFile::open(path).expect("a journal");
        let mut found = Tally::new(2);
        let mut longest = 0;
        file.for_each(|tick| {
            found.add_tick(tick);
            longest = longest.max(tick.at_ns - tick.spans[0].since_ns);
            Ok(())
        })
        .expect("a readable disk");
        assert!(found.iter().eq(tally.iter()), "every microjoule is there");
        assert_eq!(longest, 11_000_000_000, "in one span of ten seconds and the tick that went through");
        assert!(file.damage().is_empty() && file.torn_bytes() == 0);
    }

    #[test]
    fn a_tick_does_not_allocate_more_room_than_the_first() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut journal = Journal::new(folder.path(), RunContext::default());
        journal.begin(&header("run-1", 2)).expect("a folder that can be written");
        let room = |journal: &Journal| {
            let writer = journal.writer.as_ref().expect("it has begun");
            (writer.buffer.capacity(), writer.scratch.capacity(), writer.held.capacity(), writer.buffer.as_ptr())
        };
        let before = room(&journal);
        for number in 1..=100 {
            let (_, mut spans) = second(number);
            // The longest that a record can be.
            for span in &mut spans {
                (span.since_ns, span.energy_uj, span.most_uj) = (u64::MAX / 3, u64::MAX, u64::MAX / 2);
            }
            let tick = Tick { at_ns: number, wall: started(), spans: &spans };
            journal.tick(tick).expect("a disk with space");
        }
        assert_eq!(room(&journal), before);
    }
}
