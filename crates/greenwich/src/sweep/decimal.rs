//! Numbers of a CSV cell: six significant figures, without an exponent and without zeros at the end.
//!
//! In: a real number. Out: its digits at the end of a row. Nearly every figure of a sweep lies where whole arithmetic gives
//! the digits that the standard library's exact formatter would; what does not is left to that formatter.

use std::io::Write;

/// Powers of ten that a double holds exactly and that six figures need.
const TENS: [f64; 13] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/// What whole arithmetic takes: below it there are more than twelve decimals, above it a double no longer holds every
/// whole number.
const LEAST: f64 = 1e-6;
const MOST: f64 = 1e15;
/// A number so near to the middle between two, and a share so near to a power of ten, are the exact formatter's to settle.
const NEAR: f64 = 1e-9;

/// Appends a number.
pub(super) fn six(bytes: &mut Vec<u8>, number: f64) {
    match figures(number) {
        Some((figures, decimals)) => digits(bytes, figures, decimals),
        None => exactly(bytes, number),
    }
}

/// The number as a whole one with so many decimals; without decimals it is already rounded to six figures.
fn figures(number: f64) -> Option<(u64, usize)> {
    if !(LEAST..MOST).contains(&number) {
        return None;
    }
    let magnitude = magnitude(number)?;
    if magnitude >= 5 {
        let unit = TENS[magnitude as usize - 5];
        // Both factors and the product are whole and below 2^53.
        return Some(((number / unit).round() as u64 * unit as u64, 0));
    }
    let decimals = (5 - magnitude) as usize;
    // The product is off by half a unit in its last place, some 6e-11 below a million.
    let scaled = number * TENS[decimals];
    let whole = scaled.trunc();
    let rest = scaled - whole;
    ((rest - 0.5).abs() > NEAR).then(|| (whole as u64 + u64::from(rest > 0.5), decimals))
}

/// The power of ten that a number has before its first figure; `None` where it is a power of ten itself, or as good as.
fn magnitude(number: f64) -> Option<i32> {
    let power = |ten: i32| if ten < 0 { 1.0 / TENS[ten.unsigned_abs() as usize] } else { tens(ten as usize) };
    // The binary exponent times log10(2) is the power of ten or one above it.
    let binary = (number.to_bits() >> 52) as i32 - 1023;
    let mut ten = (binary * 1233) >> 12;
    if number >= power(ten + 1) {
        ten += 1;
    }
    let above = number / power(ten);
    (above > 1.0 + NEAR && above < 10.0 - NEAR).then_some(ten)
}

fn tens(power: usize) -> f64 {
    if power < TENS.len() { TENS[power] } else { 1e12 * TENS[power - 12] }
}

/// Two digits at a time.
const PAIRS: &[u8; 200] =
    b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

fn digits(bytes: &mut Vec<u8>, mut number: u64, mut decimals: usize) {
    while decimals > 0 && number.is_multiple_of(10) {
        (number, decimals) = (number / 10, decimals - 1);
    }
    let mut text = [b'0'; 24];
    let mut at = text.len();
    while number > 0 {
        let pair = 2 * (number % 100) as usize;
        number /= 100;
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    let first = text.iter().position(|digit| *digit != b'0').unwrap_or(text.len());
    let point = text.len() - decimals;
    bytes.extend_from_slice(&text[first.min(point - 1)..point]);
    if decimals > 0 {
        bytes.push(b'.');
        bytes.extend_from_slice(&text[point..]);
    }
}

/// Any number.
fn exactly(bytes: &mut Vec<u8>, number: f64) {
    let magnitude = if number == 0.0 { 0 } else { number.abs().log10().floor() as i32 };
    let decimals = (5 - magnitude).clamp(0, 12) as usize;
    let begin = bytes.len();
    // Writing to a vector cannot fail.
    if decimals == 0 {
        let unit = 10f64.powi((magnitude - 5).max(0));
        _ = write!(bytes, "{:.0}", (number / unit).round() * unit);
    } else {
        _ = write!(bytes, "{number:.decimals$}");
    }
    if bytes[begin..].contains(&b'.') {
        while bytes.last() == Some(&b'0') {
            bytes.pop();
        }
        if bytes.last() == Some(&b'.') {
            bytes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl Fn(&mut Vec<u8>, f64), number: f64) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, number);
        String::from_utf8(bytes).expect("digits are ASCII")
    }

    #[test]
    fn six_figures_are_told_and_no_zeros_behind_them() {
        let told =
            [0.0, 1.0, 0.1, 1234.5678, 99999.96, 999_999.5, 123_456_789.0, 0.000_123_456_78, 1e-13, 2.5e20, -3.25];
        let texts: Vec<String> = told.iter().map(|number| text(six, *number)).collect();
        assert_eq!(
            texts,
            [
                "0",
                "1",
                "0.1",
                "1234.57",
                "100000",
                "1000000",
                "123457000",
                "0.000123457",
                "0",
                "250000000000000000000",
                "-3.25"
            ]
        );
    }

    /// Numbers that are hard to round: halves of the seventh figure, powers of ten, and their neighbours.
    fn hard() -> impl Strategy<Value = f64> {
        let halves =
            (100_000u32..1_000_000, -13i32..14).prop_map(|(figures, ten)| (f64::from(figures) + 0.5) * 10f64.powi(ten));
        let short = (1u32..1000, -13i32..16).prop_map(|(figures, ten)| f64::from(figures) * 10f64.powi(ten));
        let any = (-13.0..18.0f64).prop_map(|log| 10f64.powf(log));
        (prop_oneof![halves, short, any], -3i64..=3)
            .prop_map(|(number, step)| f64::from_bits(number.to_bits().wrapping_add_signed(step)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn whole_arithmetic_gives_the_digits_of_the_exact_formatter(number in hard()) {
            prop_assert_eq!(text(six, number), text(exactly, number), "{:e}", number);
        }
    }
}
