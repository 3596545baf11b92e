//! Names that are unique without coordination, and names that may be part of a file name.
//!
//! In: a clock and the operating system's randomness. Out: a UUID of version 7 (RFC 9562): 48 bits of Unix
//! milliseconds, then 74 random bits, so that ids sort by time and two nodes never need to agree.

use crate::error::{Result, StoreError};
use jiff::Timestamp;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// A time-ordered random id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u128);

impl Id {
    /// A new id, of this moment.
    ///
    /// Its random bits come from the seed that the standard library's hasher takes from the operating
    /// system, over clock, process and thread; a forked process differs by its id.
    #[must_use]
    pub fn now() -> Self {
        let now = Timestamp::now();
        let salt = (now.as_nanosecond(), std::process::id(), std::thread::current().id());
        let random =
            (u128::from(RandomState::new().hash_one(salt)) << 64) | u128::from(RandomState::new().hash_one(salt));
        Self::at(now, random)
    }

    /// The id of a moment, with its random bits given.
    #[must_use]
    pub fn at(moment: Timestamp, random: u128) -> Self {
        let milliseconds = (moment.as_millisecond().max(0) as u128) & ((1 << 48) - 1);
        let rand_a = (random >> 64) & 0xfff;
        let rand_b = random & ((1 << 62) - 1);
        Self((milliseconds << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b)
    }

    /// When it was made, to the millisecond.
    pub fn moment(self) -> Timestamp {
        Timestamp::from_millisecond((self.0 >> 80) as i64).expect("48 bits of milliseconds lie within jiff's years")
    }

    /// Reads the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            });
        let id = shape.then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok())?.map(Self)?;
        ((id.0 >> 76) & 0xf == 7 && (id.0 >> 80) < 253_402_300_799_000).then_some(id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let x = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            x >> 96,
            (x >> 80) & 0xffff,
            (x >> 64) & 0xffff,
            (x >> 48) & 0xffff,
            x & 0xffff_ffff_ffff
        )
    }
}

/// Refuses a run name that could not be part of a file name everywhere.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=128).contains(&name.len()) && !name.starts_with('.') && name.chars().all(lawful) {
        return Ok(());
    }
    let near: String = name.chars().map(|c| if lawful(c) { c } else { '-' }).take(128).collect();
    let near = near.trim_start_matches('.');
    Err(StoreError::Name {
        name: name.to_owned(),
        near: if near.is_empty() { "run".to_owned() } else { near.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_7_and_sorts_by_time() {
        let at = |ms: i64| Id::at(Timestamp::from_millisecond(ms).expect("a moment"), u128::MAX);
        assert_eq!(at(0x0193_1234_5678).to_string(), "01931234-5678-7fff-bfff-ffffffffffff");
        assert!(at(1).to_string() < at(2).to_string());
        assert_eq!(at(1_700_000_000_123).moment().as_millisecond(), 1_700_000_000_123);
    }

    #[test]
    fn an_id_reads_back_and_a_near_miss_does_not() {
        let id = Id::now();
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        for wrong in ["", "run", "01931234-5678-4fff-bfff-ffffffffffff", "01931234-5678-7FFF-bfff-ffffffffffff", "ü"] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ten_thousand_ids_of_one_moment_all_differ() {
        let ids: std::collections::HashSet<Id> = (0..10_000).map(|_| Id::now()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn a_run_name_that_climbs_out_of_its_folder_is_refused() {
        for name in ["", ".", "..", "../x", "a/b", "a b", ".hidden", "ü", &"x".repeat(129)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("slurm-123_4.batch").is_ok());
    }
}
