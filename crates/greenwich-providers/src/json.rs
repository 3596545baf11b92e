//! Readings of JSON that say where something is not as documented.
//!
//! In: a value. Out: numbers, texts and instants, or a word for what was found instead.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// A number, written as one or as text; `None` for null, absent or empty.
pub(crate) fn number(value: &Value) -> Result<Option<f64>, String> {
    let found = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    found
        .filter(|number| number.is_finite())
        .map(Some)
        .ok_or_else(|| format!("{} in the place of a number", word(value)))
}

/// A list, at a key.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value[key].as_array().ok_or_else(|| format!("{} in the place of the list `{key}`", word(&value[key])))
}

/// An instant by RFC 3339, with or without seconds, at a key.
pub(crate) fn instant(value: &Value, key: &str) -> Result<Timestamp, String> {
    let text =
        value[key].as_str().ok_or_else(|| format!("{} in the place of the instant `{key}`", word(&value[key])))?;
    stamp(text)
        .ok_or_else(|| format!("`{}` in the place of the instant `{key}`", text.chars().take(40).collect::<String>()))
}

/// An instant: RFC 3339, or the same without a zone, which then is UTC; seconds may be left out.
pub(crate) fn stamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let civil = text.strip_suffix('Z').unwrap_or(text);
    // `2022-10-31T11`: an hour without minutes.
    let whole = if civil.len() == 13 { format!("{civil}:00") } else { civil.to_owned() };
    let civil: DateTime = whole.parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// What a value is, in a word.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) => "a yes or no".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => format!("the text `{}`", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The length of each step from their starts, ascending: the commonest distance, and a longer one only where
/// three in a row have it. A lone longer distance is a gap. At most an hour.
pub(crate) fn steps_s(starts_s: &[i64]) -> Vec<i64> {
    const MOST_S: i64 = 3600;
    let distances: Vec<i64> = starts_s.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut tally = std::collections::BTreeMap::new();
    for distance in distances.iter().filter(|distance| (1..=MOST_S).contains(*distance)) {
        *tally.entry(*distance).or_insert(0) += 1;
    }
    let common = tally.iter().max_by_key(|(step, count)| (**count, -**step)).map_or(MOST_S, |(step, _)| *step);
    let runs = |at: usize| {
        let same = |distance: &&i64| **distance == distances[at];
        let after = distances[at..].iter().take_while(same).count();
        after + distances[..at].iter().rev().take_while(same).count()
    };
    let mut last = None;
    let mut steps: Vec<i64> = (0..distances.len())
        .map(|at| {
            let own = (1..=MOST_S).contains(&distances[at]) && (distances[at] == common || runs(at) >= 3);
            let step = if own { distances[at] } else { last.unwrap_or(common) };
            last = Some(step);
            step
        })
        .collect();
    if !starts_s.is_empty() {
        steps.push(last.unwrap_or(common));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_come_as_numbers_or_text_and_null_is_none() {
        assert_eq!(number(&json!(20)), Ok(Some(20.0)));
        assert_eq!(number(&json!(" 20.5 ")), Ok(Some(20.5)));
        assert_eq!((number(&json!(null)), number(&json!(""))), (Ok(None), Ok(None)));
        assert_eq!(number(&json!([1])), Err("a list in the place of a number".into()));
        assert_eq!(number(&json!("n/a")), Err("the text `n/a` in the place of a number".into()));
    }

    #[test]
    fn instants_come_in_every_form_that_providers_write() {
        for (text, seconds) in [
            ("1970-01-01T01:00Z", 3600),
            ("1970-01-01T01:00:00.000Z", 3600),
            ("1970-01-01T11:00:00+10:00", 3600),
            ("1970-01-01T01:00:00", 3600),
            ("1970-01-01T01", 3600),
        ] {
            assert_eq!(stamp(text).map(Timestamp::as_second), Some(seconds), "{text}");
        }
        assert_eq!(stamp("yesterday"), None);
    }

    #[test]
    fn a_lone_longer_distance_is_a_gap_and_a_run_of_them_is_a_step() {
        assert_eq!(steps_s(&[0, 900, 1800, 3600, 4500]), [900, 900, 900, 900, 900]);
        assert_eq!(
            steps_s(&[0, 3600, 7200, 10800, 14400, 15300, 16200, 17100]),
            [3600, 3600, 3600, 3600, 900, 900, 900, 900]
        );
        assert_eq!(steps_s(&[0]), [3600]);
        assert!(steps_s(&[]).is_empty());
    }
}
