//! Whole hours since 1970, as the files of the contract write them.
//!
//! In: an RFC 3339 instant. Out: its hour, if it is a whole one. And back.

use jiff::Timestamp;
use std::io::Write as _;

/// The hour of an instant; the error tells what is wrong with it.
pub(crate) fn read(text: &str) -> Result<i64, &'static str> {
    if let Some(hour) = plain(text.as_bytes()) {
        return Ok(hour);
    }
    let instant: Timestamp = text.parse().map_err(|_| "not an RFC 3339 instant")?;
    if instant.as_second() % 3600 != 0 || instant.subsec_nanosecond() != 0 {
        return Err("not a whole hour");
    }
    Ok(instant.as_second() / 3600)
}

/// `2022-07-04T00:00:00Z`, the form nearly every row has, without a general parser.
fn plain(text: &[u8]) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| {
        text[range].iter().try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    if text.len() != 20 || &text[13..] != b":00:00Z" || text[10] != b'T' || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day, hour) = (number(0..4)?, number(5..7)?, number(8..10)?, number(11..13)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    ((1..=longest).contains(&day) && hour < 24).then(|| days(year, month, day) * 24 + hour)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar: the year is counted from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Writes an hour as RFC 3339.
pub(crate) fn write(hour: i64, out: &mut Vec<u8>) {
    let instant = Timestamp::from_second(hour * 3600).expect("an hour that was read can be written");
    _ = write!(out, "{instant}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_agrees_with_the_general_parser() {
        for hour in (-2_000_000..4_000_000).step_by(997) {
            let mut text = Vec::new();
            write(hour, &mut text);
            assert_eq!(plain(&text), Some(hour), "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn offsets_are_understood_and_half_hours_refused() {
        assert_eq!(read("2022-07-04T02:00:00+02:00"), read("2022-07-04T00:00:00Z"));
        assert_eq!(read("2022-07-04T00:30:00Z"), Err("not a whole hour"));
        assert_eq!(read("2022-02-29T00:00:00Z"), Err("not an RFC 3339 instant"));
        assert_eq!(read("monday"), Err("not an RFC 3339 instant"));
    }
}
