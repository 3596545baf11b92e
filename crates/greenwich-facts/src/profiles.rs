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

pub(crate) fn read(
    text: &str,
    sources: &BTreeMap<String, Source>,
) -> Result<BTreeMap<(ZoneId, Signal), TypicalProfile>, FactsError> {
    let hours: Vec<String> = (0..24).map(|hour| format!("h{hour:02}")).collect();
    let mut columns = vec!["zone", "scope", "from_year", "to_year", "source", "month"];
    columns.extend(hours.iter().map(String::as_str));
    let mut profiles: BTreeMap<(ZoneId, Signal), TypicalProfile> = BTreeMap::new();
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
    }
    for profile in profiles.values() {
        if profile.g_per_kwh.iter().flatten().any(|value| value.is_nan()) {
            return Err(Place { file: FILE, line: 1 }
                .refuse(format!("zone `{}` lacks a month", profile.zone), "give all twelve"));
        }
    }
    Ok(profiles)
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
            text.push_str(&format!("FR,lifecycle,2022,2022,em-2022,{month},{values}\n"));
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
}
