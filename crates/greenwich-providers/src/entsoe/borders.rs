//! Borders between Europe's zones over which power flows.
//!
//! In: our zone. Out: the zones of the table beside it. Countries that publish nothing on the platform (Morocco, Turkey
//! and others) are no zones of the table, so what comes from there is not traced.

use greenwich_core::ZoneId;

/// Each once, in order of its names.
const BORDERS: [(&str, &str); 86] = [
    ("AT", "CH"),
    ("AT", "CZ"),
    ("AT", "DE"),
    ("AT", "HU"),
    ("AT", "IT-NO"),
    ("AT", "SI"),
    ("BA", "HR"),
    ("BA", "ME"),
    ("BA", "RS"),
    ("BE", "DE"),
    ("BE", "FR"),
    ("BE", "GB"),
    ("BE", "NL"),
    ("BG", "GR"),
    ("BG", "MK"),
    ("BG", "RO"),
    ("BG", "RS"),
    ("CH", "DE"),
    ("CH", "FR"),
    ("CH", "IT-NO"),
    ("CZ", "DE"),
    ("CZ", "PL"),
    ("CZ", "SK"),
    ("DE", "DK-DK1"),
    ("DE", "DK-DK2"),
    ("DE", "FR"),
    ("DE", "NL"),
    ("DE", "NO-NO2"),
    ("DE", "PL"),
    ("DE", "SE-SE4"),
    ("DK-DK1", "DK-DK2"),
    ("DK-DK1", "GB"),
    ("DK-DK1", "NL"),
    ("DK-DK1", "NO-NO2"),
    ("DK-DK1", "SE-SE3"),
    ("DK-DK2", "SE-SE4"),
    ("EE", "FI"),
    ("EE", "LV"),
    ("ES", "FR"),
    ("ES", "PT"),
    ("FI", "NO-NO4"),
    ("FI", "SE-SE1"),
    ("FI", "SE-SE3"),
    ("FR", "GB"),
    ("FR", "IT-NO"),
    ("GB", "IE"),
    ("GB", "NL"),
    ("GB", "NO-NO2"),
    ("GR", "MK"),
    ("HR", "HU"),
    ("HR", "RS"),
    ("HR", "SI"),
    ("HU", "RO"),
    ("HU", "RS"),
    ("HU", "SI"),
    ("HU", "SK"),
    ("IT-CNO", "IT-CSO"),
    ("IT-CNO", "IT-NO"),
    ("IT-CSO", "ME"),
    ("IT-CSO", "IT-SAR"),
    ("IT-NO", "SI"),
    ("LT", "LV"),
    ("LT", "PL"),
    ("LT", "SE-SE4"),
    ("ME", "RS"),
    ("ME", "XK"),
    ("MK", "RS"),
    ("MK", "XK"),
    ("NL", "NO-NO2"),
    ("NO-NO1", "NO-NO2"),
    ("NO-NO1", "NO-NO3"),
    ("NO-NO1", "NO-NO5"),
    ("NO-NO1", "SE-SE3"),
    ("NO-NO2", "NO-NO5"),
    ("NO-NO3", "NO-NO4"),
    ("NO-NO3", "NO-NO5"),
    ("NO-NO3", "SE-SE2"),
    ("NO-NO4", "SE-SE1"),
    ("NO-NO4", "SE-SE2"),
    ("PL", "SE-SE4"),
    ("PL", "SK"),
    ("RO", "RS"),
    ("RS", "XK"),
    ("SE-SE1", "SE-SE2"),
    ("SE-SE2", "SE-SE3"),
    ("SE-SE3", "SE-SE4"),
];

/// The zones beside a zone.
pub(super) fn of(zone: &ZoneId) -> impl Iterator<Item = &'static str> {
    let zone = zone.as_str().to_owned();
    BORDERS.iter().filter_map(
        move |(one, other)| {
            if *one == zone { Some(*other) } else { (*other == zone).then_some(*one) }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::zones::eic;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_border_lies_between_two_zones_of_the_table_and_is_told_once() {
        let all: Vec<(&str, &str)> = BORDERS.to_vec();
        let ordered: BTreeSet<(&str, &str)> = all.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
        assert_eq!(ordered.len(), all.len());
        for (one, other) in all {
            assert!(eic(&ZoneId::new(one)).is_some() && eic(&ZoneId::new(other)).is_some(), "{one} {other}");
            assert!(of(&ZoneId::new(other)).any(|back| back == one));
        }
    }
}
