//! A year of published generation and the intensity that was published with it, seven areas of the United States.
//!
//! The factors are those that the publisher used: lifecycle medians of 2014.

use flate2::read::GzDecoder;
use greenwich_grid::{Factors, Fuel, Mix};
use std::fs::File;
use std::path::Path;

const FUELS: [(&str, Fuel, f64); 8] = [
    ("COL", Fuel::Coal, 820.0),
    ("NG", Fuel::Gas, 490.0),
    ("OIL", Fuel::Oil, 650.0),
    ("OTH", Fuel::Other, 230.0),
    ("SUN", Fuel::Solar, 41.0),
    ("WAT", Fuel::Hydro, 24.0),
    ("NUC", Fuel::Nuclear, 12.0),
    ("WND", Fuel::Wind, 11.0),
];

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read what the crate must not")]
fn the_intensity_of_every_hour_is_the_published_one_to_its_last_digit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/other");
    if !folder.is_dir() {
        eprintln!("skipped: there is no ../shared/data/other beside the repository");
        return;
    }
    let factors = Factors::from_g_per_kwh(FUELS.map(|(_, fuel, g)| (fuel, g)));
    let mut hours = 0;
    for area in ["AZPS", "BPAT", "CISO", "ERCO", "NYIS", "PJM", "SOCO"] {
        let file = File::open(folder.join(format!("eia2022-{area}.csv.gz"))).expect("the area's year is there");
        let mut reader = csv::Reader::from_reader(GzDecoder::new(file));
        let headers = reader.headers().expect("a header").clone();
        for record in reader.records() {
            let record = record.expect("a row");
            let cell = |name: &str| {
                let at = headers.iter().position(|header| header == name)?;
                record.get(at)?.parse::<f64>().ok()
            };
            let Some(published) = cell("gco2_per_kwh") else { continue };
            let mix = Mix::from_mw(FUELS.into_iter().filter_map(|(name, fuel, _)| Some((fuel, cell(name)?))));
            let found = mix.intensity(&factors, None).g_per_kwh.expect("every fuel has a factor");
            assert!((found - published).abs() <= 0.005_001, "{area} {}: {found} and {published}", &record[0]);
            hours += 1;
        }
    }
    assert_eq!(hours, 61_294);
}
