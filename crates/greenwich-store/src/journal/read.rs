//! The reading side of a journal: a stream of ticks, whatever happened to the file.
//!
//! In: a file. Out: header, context, ticks; then how the run ended and what could not be read.

use super::frame::{self, Found, kind};
use super::record::{self, Recorded};
use crate::error::{Result, StoreError};
use crate::header::{End, HeaderWire, RunContext};
use greenwich_core::reading::{MeterHeader, Tick};
use rustix::fs::FlockOperation;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A stretch of a journal that could not be read, though sound records follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins, in bytes from the file's start.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// Ticks that were lost in it.
    pub ticks: u64,
}

/// Whether somebody still writes a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalState {
    /// Its writer holds the lock.
    Written,
    /// Nobody does.
    Left,
}

/// A journal opened for reading.
#[derive(Debug)]
pub struct JournalFile<R = File> {
    path: PathBuf,
    input: Input<R>,
    part: String,
    header: MeterHeader,
    context: RunContext,
    end: Option<End>,
    damage: Vec<Damage>,
    torn_bytes: u64,
    next_number: u64,
    done: bool,
}

impl JournalFile<File> {
    /// Opens a journal and reads its header.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Kind`] when it has no whole header, so that nothing was recorded;
    /// [`StoreError::Newer`] for a format of later days.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(StoreError::io("read", path))?;
        Self::from_reader(path, file)
    }

    /// Whether somebody still writes it.
    ///
    /// # Errors
    /// When the lock cannot be asked for.
    pub fn state(&self) -> io::Result<JournalState> {
        match rustix::fs::flock(&self.input.source, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(JournalState::Left),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(JournalState::Written),
            Err(cause) => Err(cause.into()),
        }
    }
}

impl<R: Read> JournalFile<R> {
    /// Reads a journal from any source; `path` is for messages.
    ///
    /// # Errors
    /// As [`JournalFile::open`].
    pub fn from_reader(path: impl AsRef<Path>, source: R) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let mut input = Input { source, buffer: Vec::new(), at: 0, offset: 0, ended: false };
        let kind = |found: &str| StoreError::Kind {
            path: path.display().to_string(),
            kind: "journal",
            found: found.to_owned(),
        };
        input.fill(frame::MAGIC.len()).map_err(StoreError::io("read", &path))?;
        let magic = input.rest();
        if !magic.starts_with(frame::MAGIC) {
            if let Some(version) = magic.strip_prefix(frame::MAGIC_STEM) {
                let number: String =
                    version.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
                if !number.is_empty() && number != "1" {
                    return Err(StoreError::Newer {
                        path: path.display().to_string(),
                        found: format!("greenwich.journal/{number}"),
                        known: "greenwich.journal/1",
                        software: format!("that writes greenwich.journal/{number}"),
                    });
                }
            }
            return Err(kind(if magic.is_empty() {
                "it is empty"
            } else {
                "its first line is not `greenwich.journal/1`"
            }));
        }
        input.advance(frame::MAGIC.len());
        let first = input.frame(0).map_err(StoreError::io("read", &path))?;
        let Some((kind::HEADER, payload)) = first else { return Err(kind("its header is torn or damaged")) };
        let wire: HeaderWire =
            serde_json::from_slice(&payload).map_err(|cause| kind(&format!("its header cannot be read ({cause})")))?;
        let (part, header) = wire.into_parts();
        let mut journal = Self {
            path,
            input,
            part,
            header,
            context: RunContext::default(),
            end: None,
            damage: Vec::new(),
            torn_bytes: 0,
            next_number: 0,
            done: false,
        };
        // The context comes next; where it is damaged the ticks are read all the same.
        let salt = frame::salt(&journal.part);
        journal.input.fill(frame::FRAME).map_err(StoreError::io("read", &journal.path))?;
        if journal.input.rest().first() == Some(&kind::CONTEXT)
            && let Some((_, payload)) = journal.input.frame(salt).map_err(StoreError::io("read", &journal.path))?
        {
            journal.context = serde_json::from_slice(&payload).unwrap_or_default();
        }
        Ok(journal)
    }

    /// What the meter said before the first tick.
    pub fn header(&self) -> &MeterHeader {
        &self.header
    }

    /// What the run is about.
    pub fn context(&self) -> &RunContext {
        &self.context
    }

    /// The part's id.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// How the run ended; known only after the last tick, and only where the meter lived to write it.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Stretches that could not be read, so far.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Bytes of a torn record at the end; known after the last tick.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Reads the next tick.
    ///
    /// # Errors
    /// When the disk cannot be read. A torn or damaged record is not an error.
    pub fn next_tick(&mut self) -> Result<Option<Recorded>> {
        let salt = frame::salt(&self.part);
        let started_us = self.header.started.as_microsecond();
        while !self.done {
            let offset = self.input.offset;
            let found = self.input.frame(salt).map_err(StoreError::io("read", &self.path))?;
            let Some((kind, payload)) = found else {
                self.input.resync(salt).map_err(StoreError::io("read", &self.path))?;
                let bytes = self.input.offset - offset;
                if self.input.at_end() {
                    self.torn_bytes = bytes;
                    self.done = true;
                } else {
                    self.damage.push(Damage { offset, bytes, ticks: 0 });
                }
                continue;
            };
            match kind {
                kind::TICK => {
                    let devices = self.header.devices.len();
                    let tick = record::decode(&payload, started_us)
                        .filter(|tick| tick.number >= self.next_number)
                        .filter(|tick| tick.spans.iter().all(|span| usize::from(span.device) < devices));
                    let Some(tick) = tick else {
                        self.damage.push(Damage { offset, bytes: self.input.offset - offset, ticks: 0 });
                        continue;
                    };
                    if let Some(damage) = self.damage.last_mut().filter(|_| tick.number > self.next_number) {
                        damage.ticks += tick.number - self.next_number;
                    }
                    self.next_number = tick.number + 1;
                    return Ok(Some(tick));
                }
                kind::END => self.end = serde_json::from_slice(&payload).ok(),
                // Known kinds that were read already, and kinds of later versions.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Calls `each` with every tick that is left.
    ///
    /// # Errors
    /// As [`JournalFile::next_tick`], and what `each` answers.
    pub fn for_each(&mut self, mut each: impl FnMut(Tick<'_>) -> Result<()>) -> Result<()> {
        while let Some(tick) = self.next_tick()? {
            each(Tick { at_ns: tick.at_ns, wall: tick.wall, spans: &tick.spans })?;
        }
        Ok(())
    }
}

impl<R: Read + Seek> JournalFile<R> {
    /// Goes on where the last whole record ended: a journal that is still written may hold more by now.
    ///
    /// What looked torn at the end is read again from its beginning, since it may have been half a write.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn look_again(&mut self) -> Result<()> {
        self.input.offset -= self.torn_bytes;
        let offset = self.input.offset;
        self.input.source.seek(SeekFrom::Start(offset)).map_err(StoreError::io("read", &self.path))?;
        self.input.buffer.clear();
        (self.input.at, self.input.ended, self.torn_bytes, self.done) = (0, false, 0, false);
        Ok(())
    }
}

/// A window over the file: at most one record and a block of it are in memory.
#[derive(Debug)]
struct Input<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
    /// Of `buffer[at]` in the file.
    offset: u64,
    ended: bool,
}

const BLOCK: usize = 1 << 16;

impl<R: Read> Input<R> {
    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    fn at_end(&self) -> bool {
        self.ended && self.at == self.buffer.len()
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        self.offset += bytes as u64;
    }

    /// Makes at least `wanted` bytes present, or all there are.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while !self.ended && self.buffer.len() - self.at < wanted {
            if self.at >= BLOCK {
                self.buffer.drain(..self.at);
                self.at = 0;
            }
            let before = self.buffer.len();
            let read = (&mut self.source).take(BLOCK as u64).read_to_end(&mut self.buffer)?;
            self.ended = read < BLOCK;
            debug_assert_eq!(self.buffer.len(), before + read);
        }
        Ok(())
    }

    /// The record here, if a sound one begins here.
    fn frame(&mut self, salt: u32) -> io::Result<Option<(u8, Vec<u8>)>> {
        let mut wanted = frame::FRAME;
        loop {
            self.fill(wanted)?;
            match frame::read(self.rest(), salt) {
                Found::Record { kind, payload, bytes } => {
                    let found = (kind, payload.to_vec());
                    self.advance(bytes);
                    return Ok(Some(found));
                }
                Found::Short(more) if !self.ended && more > wanted => wanted = more,
                Found::Short(_) | Found::Broken => return Ok(None),
            }
        }
    }

    /// Goes on to the next sound record after a broken one, or to the end.
    fn resync(&mut self, salt: u32) -> io::Result<()> {
        loop {
            if self.at_end() {
                return Ok(());
            }
            self.advance(1);
            self.fill(frame::FRAME)?;
            let known = [kind::TICK, kind::END, kind::HEADER, kind::CONTEXT];
            if self.rest().first().is_none_or(|first| !known.contains(first)) {
                continue;
            }
            let wanted = match frame::read(self.rest(), salt) {
                Found::Record { .. } => return Ok(()),
                Found::Short(wanted) if !self.ended => wanted,
                Found::Short(_) | Found::Broken => continue,
            };
            self.fill(wanted)?;
            if matches!(frame::read(self.rest(), salt), Found::Record { .. }) {
                return Ok(());
            }
        }
    }
}
