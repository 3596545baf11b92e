//! One tick in bytes.
//!
//! In: a tick, its number, the run's start. Out: varints (LEB128, zigzag where signed) that need no other
//! record to be read, so that a record lost in the middle costs itself alone:
//!
//! `number · at_ns · wall − (started + at) in µs (zigzag) · n` and n times
//! `flags · [device] · at − since less that of the span before (zigzag) · energy_uj · [most_uj − energy_uj (zigzag)]`
//!
//! Flags: bits 0–1 method, bit 2 "device is the one before plus one", bit 3 "most equals energy".

use greenwich_core::reading::{Method, Span, Tick};
use jiff::Timestamp;

const NEXT_DEVICE: u8 = 1 << 2;
const EXACT: u8 = 1 << 3;

/// A tick read from a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number in the journal, from 0; one that is missing was lost.
    pub number: u64,
    /// Nanoseconds of monotonic time since the run's start.
    pub at_ns: u64,
    /// Wall clock, to the microsecond.
    pub wall: Timestamp,
    /// What each device drew.
    pub spans: Vec<Span>,
}

/// Most bytes that a tick of `spans` spans takes.
pub(super) const fn most_bytes(spans: usize) -> usize {
    40 + spans * 34
}

/// Appends a tick's payload to `out`.
pub(super) fn encode(out: &mut Vec<u8>, number: u64, started_us: i64, tick: Tick<'_>) {
    put(out, number);
    put(out, tick.at_ns);
    put_signed(out, tick.wall.as_microsecond().wrapping_sub(started_us).wrapping_sub((tick.at_ns / 1000) as i64));
    put(out, tick.spans.len() as u64);
    let mut next_device = 0;
    let mut width_before = 0i64;
    for span in tick.spans {
        let mut flags = method_bits(span.method);
        if span.device == next_device {
            flags |= NEXT_DEVICE;
        }
        if span.most_uj == span.energy_uj {
            flags |= EXACT;
        }
        out.push(flags);
        if flags & NEXT_DEVICE == 0 {
            put(out, u64::from(span.device));
        }
        // Wrapping on both sides: a meter that gives since > at is stored as it said.
        let width = tick.at_ns.wrapping_sub(span.since_ns) as i64;
        put_signed(out, width.wrapping_sub(width_before));
        put(out, span.energy_uj);
        if flags & EXACT == 0 {
            put_signed(out, span.most_uj.wrapping_sub(span.energy_uj) as i64);
        }
        next_device = span.device.wrapping_add(1);
        width_before = width;
    }
}

/// Reads a tick's payload. `None` when it is not one, or when bytes are left over.
pub(super) fn decode(mut bytes: &[u8], started_us: i64) -> Option<Recorded> {
    let bytes = &mut bytes;
    let number = take(bytes)?;
    let at_ns = take(bytes)?;
    let wall_us = take_signed(bytes)?.wrapping_add((at_ns / 1000) as i64).wrapping_add(started_us);
    let wall = Timestamp::from_microsecond(wall_us).ok()?;
    let count = usize::try_from(take(bytes)?).ok().filter(|count| *count <= usize::from(u16::MAX) + 1)?;
    let mut spans = Vec::with_capacity(count.min(bytes.len()));
    let mut next_device = 0u16;
    let mut width = 0i64;
    for _ in 0..count {
        let (&flags, rest) = bytes.split_first()?;
        *bytes = rest;
        let device = if flags & NEXT_DEVICE == 0 { u16::try_from(take(bytes)?).ok()? } else { next_device };
        width = width.wrapping_add(take_signed(bytes)?);
        let energy_uj = take(bytes)?;
        let most_uj = if flags & EXACT == 0 { energy_uj.wrapping_add(take_signed(bytes)? as u64) } else { energy_uj };
        spans.push(Span {
            device,
            since_ns: at_ns.wrapping_sub(width as u64),
            energy_uj,
            most_uj,
            method: method(flags),
        });
        next_device = device.wrapping_add(1);
    }
    bytes.is_empty().then_some(Recorded { number, at_ns, wall, spans })
}

const fn method_bits(method: Method) -> u8 {
    match method {
        Method::Counted => 0,
        Method::Sampled => 1,
        Method::Estimated => 2,
        Method::Unknown => 3,
    }
}

const fn method(flags: u8) -> Method {
    match flags & 3 {
        0 => Method::Counted,
        1 => Method::Sampled,
        2 => Method::Estimated,
        _ => Method::Unknown,
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for at in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
        if byte & 0x80 == 0 {
            return (at < 9 || byte <= 1).then_some(value);
        }
    }
    None
}

fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    take(bytes).map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::spans;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_tick_reads_back_as_it_was(number: u64, at_ns: u64, wall in 0i64..4_000_000_000_000_000, spans in spans()) {
            let wall = Timestamp::from_microsecond(wall).expect("before 2100");
            let mut bytes = Vec::new();
            encode(&mut bytes, number, 1_700_000_000_000_000, Tick { at_ns, wall, spans: &spans });
            prop_assert!(bytes.len() <= most_bytes(spans.len()));
            prop_assert_eq!(decode(&bytes, 1_700_000_000_000_000), Some(Recorded { number, at_ns, wall, spans }));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes, 0);
        }
    }
}
