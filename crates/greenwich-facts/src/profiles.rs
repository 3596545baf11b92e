//! Typical years: month × hour-of-day means of a zone.
//!
//! In: `typical_profiles.csv`, which `cargo xtask profiles` makes from hourly traces. Out:
//! [`TypicalProfile`]s by zone and signal.

use crate::error::FactsError;
use crate::sources::Source;
use crate::table::{Place, records};
use greenwich_core::{Signal, SourceId, TypicalProfile, ZoneId};
use std::collections::BTreeMap;

const FILE: &str = "typical_profiles.csv";
/// Both scopes are rounded to whole grams, so that equal means may come out one apart.
const ROUNDING_G_PER_KWH: f64 = 1.0;

/// The header and the lines of one zone.
pub(crate) fn lines_of(text: &str, zone: &ZoneId) -> String {
    let is_its = |line: &&str| line.strip_prefix(zone.as_str()).is_some_and(|rest| rest.starts_with(','));
    let mut lines = text.lines();
    let header = lines.next().into_iter();
    header.chain(lines.filter(is_its)).flat_map(|line| [line, "\n"]).collect()
}

pub(crate) fn read(
    text: &str,
    sources: &BTreeMap<String, Source>,
) -> Result<BTreeMap<(ZoneId, Signal), TypicalProfile>, FactsError> {
    let hours: Vec<String> = (0..24).map(|hour| format!("h{hour:02}")).collect();
    let mut columns = vec!["zone", "scope", "from_year", "to_year", "source", "month"];
    columns.extend(hours.iter().map(String::as_str));
    let mut profiles: BTreeMap<(ZoneId, Signal), TypicalProfile> = BTreeMap::new();
    let mut direct = Vec::new();
    for (line, record) in records(FILE, text, &columns)? {
        let place = Place { file: FILE, line };
        let signal = match &record[1] {
            "lifecycle" => Signal::Lifecycle,
            "direct" => Signal::Direct,
            "marginal" => Signal::Marginal,
            other => {
                return Err(place.refuse(format!("unknown scope `{other}`"), "write lifecycle, direct or marginal"));
            }
        };
        let number = |column: usize| -> Result<f64, FactsError> {
            let text = &record[column];
            text.parse()
                .ok()
                .filter(|value| (0.0..3000.0).contains(value))
                .ok_or_else(|| place.refuse(format!("`{text}` in column {column}"), "write a number from 0 to 3000"))
        };
        let source = sources
            .get(&record[4])
            .ok_or_else(|| place.refuse(format!("unknown source `{}`", &record[4]), "add it to sources.csv"))?;
        let zone = ZoneId::new(&record[0]);
        let profile = profiles.entry((zone.clone(), signal)).or_insert(TypicalProfile {
            zone,
            signal,
            from_year: number(2)? as i16,
            to_year: number(3)? as i16,
            source: SourceId::new(&source.id),
            attribution: format!("{} ({})", source.publisher, source.licence),
            g_per_kwh: [[f64::NAN; 24]; 12],
        });
        let month = number(5)? as usize;
        if !(1..=12).contains(&month) {
            return Err(place.refuse(format!("month {month}"), "write 1 to 12"));
        }
        for hour in 0..24 {
            profile.g_per_kwh[month - 1][hour] = number(6 + hour)?;
        }
        if signal == Signal::Direct {
            direct.push((place, month, profile.zone.clone()));
        }
    }
    for profile in profiles.values() {
        if profile.g_per_kwh.iter().flatten().any(|value| value.is_nan()) {
            return Err(Place { file: FILE, line: 1 }
                .refuse(format!("zone `{}` lacks a month", profile.zone), "give all twelve"));
        }
    }
    for (place, month, zone) in direct {
        refuse_direct_above_lifecycle(place, month, &zone, &profiles)?;
    }
    Ok(profiles)
}

fn refuse_direct_above_lifecycle(
    place: Place<'_>,
    month: usize,
    zone: &ZoneId,
    profiles: &BTreeMap<(ZoneId, Signal), TypicalProfile>,
) -> Result<(), FactsError> {
    let of = |signal| Some(&profiles.get(&(zone.clone(), signal))?.g_per_kwh[month - 1]);
    let (Some(direct), Some(lifecycle)) = (of(Signal::Direct), of(Signal::Lifecycle)) else { return Ok(()) };
    match (0..24).find(|&hour| direct[hour] > lifecycle[hour] + ROUNDING_G_PER_KWH) {
        None => Ok(()),
        Some(hour) => Err(place.refuse(
            format!("direct of `{zone}` at {hour:02}:00 is {}, above its lifecycle {}", direct[hour], lifecycle[hour]),
            "the lifecycle figure holds the direct one: make both from one trace",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::told;
    use insta::assert_snapshot;

    /// A profile of these months, 100 g/kWh in every hour, with one text put for another.
    fn read_months(months: std::ops::RangeInclusive<u8>, from: &str, to: &str) -> String {
        let sources = crate::sources::read(include_str!("../data/sources.csv")).expect("the shipped sources");
        let hours = |write: &dyn Fn(u8) -> String| (0..24).map(write).collect::<Vec<_>>().join(",");
        let header = hours(&|hour| format!("h{hour:02}"));
        let values = hours(&|_| "100".to_owned());
        let mut text = format!("zone,scope,from_year,to_year,source,month,{header}\n");
        for month in months {
            text += &["FR,lifecycle,2022,2022,em-2022", &month.to_string(), &values].join(",");
            text.push('\n');
        }
        read(&text.replace(from, to), &sources)
            .map_or_else(|error| told(&error), |profiles| format!("{} profiles", profiles.len()))
    }

    #[test]
    fn twelve_months_of_twenty_four_hours_are_a_profile() {
        assert_eq!(read_months(1..=12, "", ""), "1 profiles");
    }

    #[test]
    fn a_profile_that_lacks_a_month_is_refused() {
        assert_snapshot!(read_months(1..=11, "", ""), @"
        typical_profiles.csv:1: zone `FR` lacks a month
        help: give all twelve
        ");
    }

    #[test]
    fn an_unknown_scope_source_month_or_value_is_refused() {
        assert_snapshot!(read_months(1..=12, "lifecycle", "average"), @"
        typical_profiles.csv:2: unknown scope `average`
        help: write lifecycle, direct or marginal
        ");
        assert_snapshot!(read_months(1..=12, "em-2022", "em-1922"), @"
        typical_profiles.csv:2: unknown source `em-1922`
        help: add it to sources.csv
        ");
        assert_snapshot!(read_months(13..=13, "", ""), @"
        typical_profiles.csv:2: month 13
        help: write 1 to 12
        ");
        assert_snapshot!(read_months(1..=12, "100,", "-1,"), @"
        typical_profiles.csv:2: `-1` in column 6
        help: write a number from 0 to 3000
        ");
    }

    #[test]
    fn a_direct_hour_above_its_lifecycle_one_is_refused() {
        let sources = crate::sources::read(include_str!("../data/sources.csv")).expect("the shipped sources");
        let hours = |write: &dyn Fn(u8) -> String| (0..24).map(write).collect::<Vec<_>>().join(",");
        let with_direct = |at_noon: u8| {
            let mut text =
                format!("zone,scope,from_year,to_year,source,month,{}\n", hours(&|hour| format!("h{hour:02}")));
            for month in 1..=12 {
                let direct = hours(&|hour| if hour == 12 && month == 3 { at_noon } else { 90 }.to_string());
                text += &["FR,direct,2022,2022,em-2022", &month.to_string(), &direct].join(",");
                text.push('\n');
            }
            for month in 1..=12 {
                let lifecycle = hours(&|_| "100".to_owned());
                text += &["FR,lifecycle,2022,2022,em-2022", &month.to_string(), &lifecycle].join(",");
                text.push('\n');
            }
            read(&text, &sources).map_or_else(|error| told(&error), |profiles| format!("{} profiles", profiles.len()))
        };
        assert_eq!(with_direct(101), "2 profiles", "one apart may be rounding");
        assert_snapshot!(with_direct(102), @"
        typical_profiles.csv:4: direct of `FR` at 12:00 is 102, above its lifecycle 100
        help: the lifecycle figure holds the direct one: make both from one trace
        ");
    }
}
