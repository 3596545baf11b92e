//! Energy identification codes of Europe's zones.
//!
//! In: our zone. Out: its EIC.

use greenwich_core::ZoneId;

const CODES: [(&str, &str); 45] = [
    ("AT", "10YAT-APG------L"),
    ("BA", "10YBA-JPCC-----D"),
    ("BE", "10YBE----------2"),
    ("BG", "10YCA-BULGARIA-R"),
    ("CH", "10YCH-SWISSGRIDZ"),
    ("CZ", "10YCZ-CEPS-----N"),
    ("DE", "10Y1001A1001A82H"),
    ("DK-DK1", "10YDK-1--------W"),
    ("DK-DK2", "10YDK-2--------M"),
    ("EE", "10Y1001A1001A39I"),
    ("ES", "10YES-REE------0"),
    ("FI", "10YFI-1--------U"),
    ("FR", "10YFR-RTE------C"),
    ("GB", "10YGB----------A"),
    ("GB-NIR", "10Y1001A1001A016"),
    ("GR", "10YGR-HTSO-----Y"),
    ("HR", "10YHR-HEP------M"),
    ("HU", "10YHU-MAVIR----U"),
    ("IE", "10Y1001A1001A59C"),
    ("IT-CNO", "10Y1001A1001A70O"),
    ("IT-CSO", "10Y1001A1001A71M"),
    ("IT-NO", "10Y1001A1001A73I"),
    ("IT-SAR", "10Y1001A1001A74G"),
    ("IT-SIC", "10Y1001A1001A75E"),
    ("LT", "10YLT-1001A0008Q"),
    ("LV", "10YLV-1001A00074"),
    ("ME", "10YCS-CG-TSO---S"),
    ("MK", "10YMK-MEPSO----8"),
    ("NL", "10YNL----------L"),
    ("NO-NO1", "10YNO-1--------2"),
    ("NO-NO2", "10YNO-2--------T"),
    ("NO-NO3", "10YNO-3--------J"),
    ("NO-NO4", "10YNO-4--------9"),
    ("NO-NO5", "10Y1001A1001A48H"),
    ("PL", "10YPL-AREA-----S"),
    ("PT", "10YPT-REN------W"),
    ("RO", "10YRO-TEL------P"),
    ("RS", "10YCS-SERBIATSOV"),
    ("SE-SE1", "10Y1001A1001A44P"),
    ("SE-SE2", "10Y1001A1001A45N"),
    ("SE-SE3", "10Y1001A1001A46L"),
    ("SE-SE4", "10Y1001A1001A47J"),
    ("SI", "10YSI-ELES-----O"),
    ("SK", "10YSK-SEPS-----K"),
    ("XK", "10Y1001C--00100H"),
];

pub(super) fn eic(zone: &ZoneId) -> Option<&'static str> {
    CODES.iter().find(|(ours, _)| *ours == zone.as_str()).map(|(_, eic)| *eic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_sixteen_characters_and_is_one_zones_alone() {
        let codes: BTreeSet<&str> = CODES.iter().map(|(_, eic)| *eic).collect();
        assert!(codes.iter().all(|eic| eic.len() == 16 && eic.starts_with("10Y")));
        assert_eq!(codes.len(), CODES.len());
        assert!(CODES.is_sorted());
        assert_eq!(eic(&ZoneId::new("FI")), Some("10YFI-1--------U"));
    }

    /// The last character of an EIC checks the others: weights 16 down to 2, letters from 10 up, `-` 36, modulo 37.
    #[test]
    fn every_code_carries_its_check_character() {
        let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain(['-']).collect();
        let value = |letter: char| alphabet.iter().position(|known| *known == letter).expect("a letter of an EIC");
        for (zone, eic) in CODES {
            let sum: usize =
                eic.chars().take(15).zip((2..=16).rev()).map(|(letter, weight)| value(letter) * weight).sum();
            let check = alphabet[36 - (sum + 36) % 37];
            assert_eq!(eic.chars().last(), Some(check), "{zone}");
        }
    }
}
