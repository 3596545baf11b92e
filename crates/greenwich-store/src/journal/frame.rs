//! The frame around each record of a journal: kind, length, checksum.
//!
//! In: a payload. Out: `kind u8 · length u24 · crc32c u32 · payload`, little-endian. The checksum is taken over
//! the first four bytes and the payload, and begins with a salt of the journal's own, so that neither a torn
//! record nor one of another file that the disk gave back is ever taken for data.

/// First bytes of every journal; `head -1` shows them.
pub(super) const MAGIC: &[u8] = b"greenwich.journal/1\n";
/// What every version's magic begins with.
pub(super) const MAGIC_STEM: &[u8] = b"greenwich.journal/";
/// Bytes before the payload.
pub(super) const FRAME: usize = 8;
/// Longest payload that a frame can tell.
pub(super) const LONGEST: usize = (1 << 24) - 1;

/// Kinds of record. Another kind with a sound checksum is passed over: later versions may add some.
pub(super) mod kind {
    pub(in super::super) const HEADER: u8 = b'H';
    pub(in super::super) const CONTEXT: u8 = b'C';
    pub(in super::super) const TICK: u8 = b'T';
    pub(in super::super) const END: u8 = b'E';
}

/// The salt of a journal's checksums.
pub(super) fn salt(part: &str) -> u32 {
    crc32c::crc32c(part.as_bytes())
}

/// Begins a frame at the end of `buffer` and returns where.
pub(super) fn open(buffer: &mut Vec<u8>) -> usize {
    let at = buffer.len();
    buffer.extend_from_slice(&[0; FRAME]);
    at
}

/// Fills in the frame that began at `at`.
pub(super) fn close(buffer: &mut [u8], at: usize, kind: u8, salt: u32) {
    let length = buffer.len() - at - FRAME;
    debug_assert!(length <= LONGEST, "the callers check the length");
    let head = ((length as u32) << 8 | u32::from(kind)).to_le_bytes();
    buffer[at..at + 4].copy_from_slice(&head);
    let crc = checksum(head, &buffer[at + FRAME..], salt);
    buffer[at + 4..at + FRAME].copy_from_slice(&crc.to_le_bytes());
}

/// What was found at a place.
pub(super) enum Found<'a> {
    /// A sound record and the bytes it takes.
    Record { kind: u8, payload: &'a [u8], bytes: usize },
    /// The bytes end before the frame does; so many are wanted.
    Short(usize),
    /// No record begins here.
    Broken,
}

/// Reads the frame that `bytes` begin with.
pub(super) fn read(bytes: &[u8], salt: u32) -> Found<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return Found::Short(FRAME) };
    let word = u32::from_le_bytes(*head);
    let (kind, length) = (word as u8, (word >> 8) as usize);
    if !kind.is_ascii_uppercase() {
        return Found::Broken;
    }
    if bytes.len() < FRAME + length {
        return Found::Short(FRAME + length);
    }
    let (crc, rest) = rest.split_first_chunk::<4>().expect("the length was checked");
    let payload = &rest[..length];
    if checksum(*head, payload, salt) == u32::from_le_bytes(*crc) {
        Found::Record { kind, payload, bytes: FRAME + length }
    } else {
        Found::Broken
    }
}

fn checksum(head: [u8; 4], payload: &[u8], salt: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &head), payload)
}
