//! The form on disk: text that one can read, append to, and check.
//!
//! In: blocks. Out: bytes, and back. A file begins with `greenwich.history/1 <zone>`. Each block is a line
//!
//! ```text
//! block <quantity> <unit> <source> <fetched at> <start> <step>s <cells> crc32c=<8 hex digits>
//! ```
//!
//! and a line a cell: the value, empty where there is none, with `~` before what was estimated and `?` before
//! what was forecast. The checksum is over the zone, the block's line up to ` crc32c=`, and its cells. A block
//! that is torn or changed is passed over and told of; the next line that begins with `block ` goes on.

use super::History;
use super::block::{Block, State};
use crate::error::HistoryError;
use crate::quantity::Quantity;
use greenwich_core::ZoneId;
use jiff::Timestamp;
use std::fmt::Write as _;

const MAGIC: &str = "greenwich.history/1 ";
const STEM: &str = "greenwich.history/";
const CRC: &str = " crc32c=";

/// A history, and what of its bytes could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What could be read.
    pub history: History,
    /// Blocks that were passed over.
    pub damage: Vec<Damage>,
}

/// A block that is torn or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its first byte in the file.
    pub at: usize,
    /// What was found.
    pub problem: &'static str,
}

/// The first line of a zone's file.
pub fn first_line(zone: &ZoneId) -> String {
    format!("{MAGIC}{zone}\n")
}

/// A block as bytes to append.
pub fn encode(zone: &ZoneId, block: &Block) -> String {
    let mut head = format!(
        "block {} {} {} {} {} {}s {}",
        block.quantity,
        block.quantity.unit(),
        block.source,
        block.fetched_at,
        block.start(),
        block.step_s(),
        block.len()
    );
    let mut body = String::with_capacity(block.len() * 8);
    for index in 0..block.len() {
        if let Some((value, state)) = block.cell(index) {
            body.push_str(match state {
                State::Measured => "",
                State::Estimated => "~",
                State::Forecast => "?",
            });
            // `{}` of an f64 is the shortest text that reads back as the same number.
            write!(body, "{value}").expect("a string takes all");
        }
        body.push('\n');
    }
    let crc = checksum(zone, &head, &body);
    writeln!(head, "{CRC}{crc:08x}").expect("a string takes all");
    head + &body
}

fn checksum(zone: &ZoneId, head: &str, body: &str) -> u32 {
    let crc = crc32c::crc32c(zone.as_str().as_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(crc, head.as_bytes()), body.as_bytes())
}

/// Reads a file's bytes.
///
/// # Errors
/// [`HistoryError::Header`] when the bytes are no history, or one of a later version.
pub fn decode(bytes: &[u8]) -> Result<Decoded, HistoryError> {
    let line_end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let line = String::from_utf8_lossy(&bytes[..line_end]);
    let Some(zone) = line.strip_prefix(MAGIC).map(str::trim).filter(|zone| !zone.is_empty()) else {
        let mend = if line.starts_with(STEM) {
            "read it with the version of greenwich that wrote it, or a later one"
        } else {
            "move the file away: it is not one of greenwich"
        };
        return Err(HistoryError::Header { found: line.chars().take(40).collect(), mend });
    };
    let mut decoded = Decoded { history: History::new(ZoneId::new(zone)), damage: Vec::new() };
    let mut at = (line_end + 1).min(bytes.len());
    while at < bytes.len() {
        match read_block(&decoded.history.zone, &bytes[at..]) {
            Ok((block, length)) => {
                decoded.history.append(block);
                at += length;
            }
            Err(problem) => {
                decoded.damage.push(Damage { at, problem });
                at = next_block(bytes, at);
            }
        }
    }
    Ok(decoded)
}

/// The next line after `at` that begins a block.
fn next_block(bytes: &[u8], at: usize) -> usize {
    let found = bytes[at..].windows(7).position(|window| window == b"\nblock ");
    found.map_or(bytes.len(), |found| at + found + 1)
}

/// Reads the block that `bytes` begin with, and how many it takes.
fn read_block(zone: &ZoneId, bytes: &[u8]) -> Result<(Block, usize), &'static str> {
    let line_end = bytes.iter().position(|byte| *byte == b'\n').ok_or("its first line is cut off")?;
    let line = std::str::from_utf8(&bytes[..line_end]).map_err(|_| "its first line is not text")?;
    let (head, crc) = line.rsplit_once(CRC).ok_or("its first line has no checksum")?;
    let words: Vec<&str> = head.split(' ').collect();
    let ["block", quantity, unit, source, fetched_at, start, step, count] = words[..] else {
        return Err("its first line is not that of a block");
    };
    let count: usize = count.parse().map_err(|_| "its count of cells is no number")?;
    let body = &bytes[line_end + 1..];
    if count > body.len() {
        return Err("it is cut off");
    }
    let mut values = Vec::with_capacity(count);
    let mut states = Vec::with_capacity(count);
    let mut used = 0;
    for _ in 0..count {
        let rest = &body[used..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or("it is cut off")?;
        let (state, digits) = match rest[..end].first() {
            Some(b'~') => (State::Estimated, &rest[1..end]),
            Some(b'?') => (State::Forecast, &rest[1..end]),
            _ => (State::Measured, &rest[..end]),
        };
        let value = if digits.is_empty() { f64::NAN } else { number(digits).ok_or("a cell is no number")? };
        values.push(value);
        states.push(state);
        used += end + 1;
    }
    let body = std::str::from_utf8(&body[..used]).map_err(|_| "its cells are not text")?;
    if u32::from_str_radix(crc, 16) != Ok(checksum(zone, head, body)) {
        return Err("its checksum does not fit");
    }
    let quantity =
        Quantity::of(quantity).filter(|quantity| quantity.unit() == unit).ok_or("its quantity is unknown")?;
    let fetched_at: Timestamp = fetched_at.parse().map_err(|_| "its vintage is no instant")?;
    let start: Timestamp = start.parse().map_err(|_| "its start is no instant")?;
    let step_s = step.strip_suffix('s').and_then(|step| step.parse().ok()).ok_or("its step is no length of time")?;
    Block::from_seconds(quantity, source, fetched_at, (start.as_second(), step_s), values, states)
        .map(|block| (block, line_end + 1 + used))
        .ok_or("its step or count is none that a block can have")
}

fn number(digits: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}
