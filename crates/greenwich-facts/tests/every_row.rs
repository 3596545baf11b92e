//! Every row that is shipped, held against what the facts promise.
//!
//! A row that breaks a rule of the loader fails `Catalog::checked` with its file and line. The rules here are
//! those of content: how many there are, that they agree with one another, and that none is a sparse peak.

use greenwich_core::{Check, Fit};
use greenwich_facts::{Catalog, LICENCES, Precision, Row};
use std::collections::BTreeSet;

fn catalog() -> Catalog {
    Catalog::checked().expect("the shipped facts load")
}

fn rows<'a>(catalog: &'a Catalog, table: &'a str) -> impl Iterator<Item = &'a Row> {
    catalog.rows().filter(move |row| row.table == table)
}

/// Subjects of a table that have every one of these quantities.
fn complete(catalog: &Catalog, table: &'static str, quantities: &[&str]) -> BTreeSet<String> {
    let has = |subject: &str, quantity: &str| catalog.lookup(table, subject, quantity, &[], None).is_some();
    let subjects = catalog.subjects(table).into_iter();
    subjects.filter(|subject| quantities.iter().all(|q| has(subject, q))).map(str::to_owned).collect()
}

fn value(catalog: &Catalog, table: &'static str, subject: &str, quantity: &str) -> Option<f64> {
    catalog.lookup(table, subject, quantity, &[], None).map(|row| row.value)
}

/// Value of a published run, which must be there.
fn run(catalog: &Catalog, subject: &str, quantity: &str) -> f64 {
    value(catalog, "published_runs", subject, quantity).unwrap_or_else(|| panic!("`{subject}` has no `{quantity}`"))
}

/// The paper rounds to two or three figures.
fn as_printed(computed: f64, printed: f64, tolerance: f64, what: &str) {
    assert!((computed / printed - 1.0).abs() <= tolerance, "{what}: {computed} against {printed}");
}

#[test]
fn every_row_loads_and_our_own_figures_are_marked_derived_and_say_from_what() {
    let catalog = catalog();
    assert!(catalog.rows().count() > 2500, "{} rows", catalog.rows().count());
    for row in catalog.rows() {
        assert!(row.value.is_finite() && !row.unit.is_empty(), "{}:{}", row.table, row.line);
        let derived_from = row.source == "own-derivation" || row.source == "own-assumption";
        assert!(
            !derived_from || row.check == Check::Derived,
            "{}.csv:{}: our own figure is derived",
            row.table,
            row.line
        );
        assert!(!derived_from || !row.note.is_empty(), "{}.csv:{}: a note says from what", row.table, row.line);
    }
}

#[test]
fn sixty_accelerators_have_peak_memory_bandwidth_and_tdp() {
    let catalog = catalog();
    let known = complete(&catalog, "accelerators", &["memory", "memory_bandwidth", "tdp"]);
    let with_peak = known.iter().filter(|id| {
        let accelerator = catalog.accelerator(id).expect("its own key");
        catalog.peak(&accelerator, Precision::Bf16).is_some()
    });
    let count = with_peak.count();
    assert!(count >= 60, "{count} accelerators");
}

#[test]
fn the_accelerators_that_people_ask_for_are_there() {
    let catalog = catalog();
    let asked = "v100-sxm2-32g a100-sxm4-80g h100-sxm5-80g h200-sxm-141g b200 gb200 mi250x mi300x mi355x gaudi2 gaudi3 \
                 tpu-v2 tpu-v3 tpu-v4 tpu-v5e tpu-v5p tpu-v6e tpu-v7 trn1 trn2 l4 l40s t4 rtx3090 rtx4090 rtx5090";
    for name in asked.split_whitespace() {
        let accelerator = catalog.accelerator(name).expect("asked for by name");
        assert!(catalog.peak(&accelerator, Precision::Bf16).is_some(), "{name}");
        assert!(catalog.embodied(&accelerator).is_some(), "{name}");
    }
}

#[test]
fn no_peak_is_a_sparse_one() {
    // A sparse figure is twice the dense one, so it shows as a ratio of four to the format twice as wide.
    // The makers themselves give more than two in these places.
    let by_the_maker = ["trn3 fp8", "b300 fp4", "gb300 fp4", "gaudi3 bf16"];
    let catalog = catalog();
    for name in catalog.accelerator_names() {
        let accelerator = catalog.accelerator(&name.id).expect("its own key");
        let peak = |precision| catalog.peak(&accelerator, precision).map(|row| row.value.tflops());
        for (narrow, wide) in
            [(Precision::Fp8, Precision::Bf16), (Precision::Fp4, Precision::Fp8), (Precision::Bf16, Precision::Tf32)]
        {
            let case = format!("{} {}", name.id, narrow.as_str());
            if let (Some(fast), Some(slow)) = (peak(narrow), peak(wide)) {
                assert!(fast <= 2.1 * slow || by_the_maker.contains(&case.as_str()), "{case}: {fast} over {slow}");
                assert!(fast >= 0.99 * slow, "{case}: {fast} below {slow}");
            }
        }
        if let (Some(single), Some(half)) = (peak(Precision::Fp32), peak(Precision::Bf16)) {
            assert!(single <= half || name.id == "gtx1080ti", "{}: fp32 {single} above bf16 {half}", name.id);
        }
    }
}

#[test]
fn the_tdp_of_a_tpu_is_never_a_power_model_nor_called_measured() {
    let catalog = catalog();
    let tpus: Vec<&str> =
        catalog.accelerator_names().filter(|name| name.maker == "Google").map(|name| name.id.as_str()).collect();
    assert!(tpus.len() >= 7, "{tpus:?}");
    for id in tpus {
        assert!(!catalog.accelerator(id).expect("its own key").tdp_models_power, "{id}");
        for row in catalog.rows_of("accelerators", id).filter(|row| row.quantity == "tdp") {
            assert!(row.check > Check::Derived, "{id}: a TDP that we read at the maker's does not exist");
            assert!(!row.note.contains("measured"), "{id}: {}", row.note);
        }
    }
}

#[test]
fn measured_power_lies_between_a_third_and_one_and_a_half_of_tdp() {
    let catalog = catalog();
    for row in rows(&catalog, "accelerators").filter(|row| row.quantity.starts_with("mean_power") && row.unit == "W") {
        let tdp = value(&catalog, "accelerators", &row.subject, "tdp").expect("each has a TDP");
        assert!((0.3..=1.5).contains(&(row.value / tdp)), "accelerators.csv:{}", row.line);
    }
}

#[test]
fn a_hundred_and_fifty_regions_of_six_providers_have_zone_place_and_pue() {
    let catalog = catalog();
    let mut providers = BTreeSet::new();
    let mut fits = BTreeSet::new();
    for name in catalog.region_names() {
        let site = catalog.region(&name.id, Some(2024)).expect("its own key");
        fits.insert(match site.pue.fit {
            Fit::Exact | Fit::OtherYear { .. } => "own",
            Fit::FleetAverage(_) => "fleet",
            Fit::WorldDefault => "default",
            other => panic!("{}: {other}", name.id),
        });
        assert!(site.lifecycle.is_some(), "{} in {} has no intensity", name.id, name.zone);
        providers.insert(name.id.split_once('/').expect("provider/region").0);
    }
    assert!(catalog.region_names().count() >= 150);
    assert!(["gcp", "aws", "azure", "oci"].iter().all(|provider| providers.contains(provider)));
    assert!(providers.len() >= 6, "{providers:?}");
    assert_eq!(fits, BTreeSet::from(["own", "fleet", "default"]));
}

/// South, north, west and east end of the part of the world where a zone can be.
const PLACES: &[(&str, f64, f64, f64, f64)] = &[
    ("AE", 22.6, 26.1, 51.5, 56.4),
    ("AT", 46.3, 49.1, 9.5, 17.2),
    ("AU-NSW", -37.6, -28.1, 140.9, 153.7),
    ("AU-VIC", -39.2, -33.9, 140.9, 150.1),
    ("BE", 49.4, 51.6, 2.5, 6.5),
    ("BH", 25.7, 26.4, 50.3, 50.9),
    ("BR-CS", -26.0, -12.0, -53.5, -39.8),
    ("CA-AB", 48.9, 60.1, -120.1, -109.9),
    ("CA-ON", 41.6, 56.9, -95.2, -74.3),
    ("CA-QC", 44.9, 62.6, -79.8, -57.1),
    ("CH", 45.8, 47.9, 5.9, 10.6),
    ("CL-SEN", -43.0, -17.4, -75.0, -66.9),
    ("CN", 18.1, 53.6, 73.5, 134.8),
    ("CO", -4.3, 12.5, -79.1, -66.8),
    ("DE", 47.2, 55.1, 5.8, 15.1),
    ("DK-DK2", 54.5, 56.3, 10.8, 15.3),
    ("ES", 36.0, 43.9, -9.4, 3.4),
    ("FI", 59.7, 70.1, 20.5, 31.6),
    ("FR", 42.3, 51.1, -5.2, 8.3),
    ("GB", 49.9, 59.0, -6.5, 1.8),
    ("GR", 34.8, 41.8, 19.3, 28.3),
    ("HK", 22.1, 22.6, 113.8, 114.5),
    ("ID", -11.1, 6.1, 95.0, 141.1),
    ("IE", 51.4, 55.4, -10.6, -5.9),
    ("IL", 29.4, 33.4, 34.2, 35.9),
    ("IN-NO", 24.0, 37.1, 69.4, 84.7),
    ("IN-SO", 8.0, 19.9, 74.0, 84.8),
    ("IN-WE", 14.8, 26.9, 68.1, 84.4),
    ("IT-NO", 43.7, 47.1, 6.6, 14.0),
    ("JP-KN", 33.4, 36.0, 134.2, 136.9),
    ("JP-TK", 34.5, 37.2, 138.0, 140.9),
    ("KR", 33.1, 38.7, 125.0, 129.7),
    ("MX", 14.5, 32.8, -117.2, -86.7),
    ("MY-WM", 1.2, 6.8, 99.6, 104.6),
    ("NL", 50.7, 53.6, 3.3, 7.3),
    ("NO-NO1", 58.8, 62.8, 8.0, 12.9),
    ("NO-NO2", 57.9, 60.3, 5.0, 9.9),
    ("NZ", -47.4, -34.3, 166.4, 178.6),
    ("PL", 49.0, 54.9, 14.1, 24.2),
    ("QA", 24.4, 26.2, 50.7, 51.7),
    ("RS", 42.2, 46.2, 18.8, 23.0),
    ("SA", 16.3, 32.2, 34.5, 55.7),
    ("SE-SE3", 56.9, 61.9, 11.1, 19.4),
    ("SE-SE4", 55.3, 57.3, 12.4, 16.7),
    ("SG", 1.1, 1.5, 103.6, 104.1),
    ("TH", 5.6, 20.5, 97.3, 105.7),
    ("TW", 21.8, 25.4, 119.9, 122.1),
    ("US-CAL-CISO", 32.5, 41.0, -124.2, -114.1),
    ("US-CAR-SC", 32.0, 35.2, -83.4, -78.5),
    ("US-CENT-SWPP", 30.0, 49.0, -105.0, -90.0),
    ("US-MIDA-PJM", 35.8, 42.5, -90.6, -73.9),
    ("US-MIDW-MISO", 29.0, 49.4, -104.0, -82.4),
    ("US-NW-BPAT", 42.0, 49.0, -124.7, -111.0),
    ("US-NW-GCPD", 46.6, 48.0, -120.1, -118.9),
    ("US-NW-NEVP", 35.0, 42.0, -120.0, -114.0),
    ("US-NW-PACE", 37.0, 45.0, -114.1, -104.0),
    ("US-NW-PACW", 41.0, 47.0, -124.5, -117.0),
    ("US-NW-PGE", 44.7, 45.9, -123.8, -121.8),
    ("US-NW-WACM", 36.9, 45.1, -111.1, -102.0),
    ("US-SE-SOCO", 29.3, 35.1, -91.7, -80.8),
    ("US-SW-AZPS", 31.3, 37.1, -114.9, -109.0),
    ("US-TEN-TVA", 32.3, 37.3, -90.4, -81.6),
    ("US-TEX-ERCO", 25.8, 36.6, -104.6, -93.5),
    ("ZA", -34.9, -22.1, 16.4, 32.9),
];

#[test]
fn every_region_lies_where_its_grid_zone_is() {
    for name in catalog().region_names() {
        let place = PLACES.iter().find(|(zone, ..)| *zone == name.zone.as_str());
        let (_, south, north, west, east) =
            place.unwrap_or_else(|| panic!("{} lies in {}, whose place this test does not know", name.id, name.zone));
        assert!(
            (*south..=*north).contains(&name.latitude) && (*west..=*east).contains(&name.longitude),
            "{} at {} {} is not in {}",
            name.id,
            name.latitude,
            name.longitude,
            name.zone
        );
    }
}

#[test]
fn a_part_of_a_country_has_that_country_for_parent() {
    let catalog = catalog();
    for zone in catalog.zone_names() {
        let country = zone.id.split('-').next().expect("the first piece");
        match &zone.parent {
            Some(parent) => assert_eq!(parent.as_str(), country, "{}", zone.id),
            None => assert_eq!(zone.id, country, "a part of a country without parent"),
        }
    }
}

#[test]
fn two_hundred_zones_have_a_yearly_intensity() {
    let catalog = catalog();
    let known = complete(&catalog, "zones", &["average_intensity"]);
    assert!(known.len() >= 200, "{} zones", known.len());
}

#[test]
fn the_direct_intensity_of_a_zone_is_never_above_its_lifecycle_one_of_the_same_year() {
    let catalog = catalog();
    for table in ["zones", "regions"] {
        for row in rows(&catalog, table).filter(|row| row.quantity == "average_intensity" && row.scope == "direct") {
            let year = Some(row.valid_from.year());
            let whole = catalog.lookup(table, &row.subject, row.quantity, &["lifecycle"], year);
            if let Some(whole) = whole.filter(|whole| whole.fit == Fit::Exact) {
                assert!(row.value <= whole.value, "{table}.csv:{}: {} above {}", row.line, row.value, whole.value);
            }
        }
    }
}

#[test]
fn fuels_have_the_medians_of_the_ipcc_and_the_ranges_of_unece() {
    let catalog = catalog();
    let medians = [("coal", 820.0), ("gas", 490.0), ("hydro", 24.0), ("nuclear", 12.0), ("wind-onshore", 11.0)];
    for (fuel, median) in medians {
        let row = catalog.lookup("fuels", fuel, "emission_factor", &["lifecycle"], Some(2014)).expect("a median");
        assert_eq!((row.value, row.source.as_str()), (median, "ipcc-ar5-wg3-annex3"), "{fuel}");
    }
    let unece = catalog.subjects("fuels").into_iter().filter(|fuel| fuel.ends_with("-unece")).count();
    assert!(unece >= 10, "{unece} fuels of UNECE");
    for fuel in catalog.subjects("fuels") {
        let get = |quantity, scope: &str| catalog.lookup("fuels", fuel, quantity, &[scope], None).map(|row| row.value);
        let central = get("emission_factor", "lifecycle").unwrap_or_else(|| panic!("{fuel} has no lifecycle factor"));
        assert!(get("emission_factor", "direct").is_none_or(|direct| direct <= central), "{fuel}");
        assert!(get("emission_factor_low", "lifecycle").is_none_or(|low| low <= central), "{fuel}");
        assert!(get("emission_factor_high", "lifecycle").is_none_or(|high| high >= central), "{fuel}");
    }
}

#[test]
fn warming_potentials_of_three_reports_are_there() {
    let catalog = catalog();
    for gas in ["co2", "ch4", "n2o", "sf6", "nf3"] {
        let reports: BTreeSet<&str> = catalog.rows_of("gwp", gas).map(|row| row.scope.as_str()).collect();
        assert_eq!(reports, BTreeSet::from(["ar4", "ar5", "ar6"]), "{gas}");
    }
}

#[test]
fn kinds_of_site_prices_servers_and_water_are_there() {
    let catalog = catalog();
    for kind in [
        "hyperscale-aws",
        "hyperscale-google",
        "hyperscale-meta",
        "hyperscale-microsoft",
        "typical",
        "on-premises",
        "unknown",
    ] {
        assert!(value(&catalog, "pue", kind, "pue").is_some(), "{kind}");
    }
    assert!(complete(&catalog, "prices", &["on_demand"]).len() >= 30);
    for server in ["typical-8-gpu-host", "aws-p5-48xlarge", "hpe-apollo-6500", "dell-r740", "8-gpu-h100-server"] {
        assert!(value(&catalog, "servers", server, "embodied").is_some(), "{server}");
    }
    assert!(complete(&catalog, "zones", &["water_intensity"]).len() >= 40);
    assert!(value(&catalog, "zones", "WORLD", "water_intensity").is_some());
    for provider in ["gcp", "aws", "azure"] {
        assert!(value(&catalog, "providers", provider, "pue").is_some(), "{provider}");
        assert!(value(&catalog, "providers", provider, "cfe_share").is_some(), "{provider}");
    }
}

const TABLE_1: [&str; 5] = [
    "table1-transformer-big-p100-us",
    "table1-transformer-big-p100-iowa",
    "table1-evolved-transformer-p100-iowa",
    "table1-transformer-big-tpuv2-iowa",
    "table1-evolved-transformer-tpuv2-iowa",
];
const TABLE_4: [&str; 6] = [
    "table4-evolved-transformer-nas",
    "table4-t5-11b",
    "table4-meena",
    "table4-gshard-600b",
    "table4-switch-1.5t",
    "table4-gpt-3",
];

#[test]
fn tables_1_and_4_of_the_2021_paper_are_complete_and_agree_with_themselves() {
    let catalog = catalog();
    for subject in TABLE_1.into_iter().chain(TABLE_4) {
        let get = |quantity| run(&catalog, subject, quantity);
        let mwh = get("hours") * get("accelerator_count") * get("mean_power") * get("pue") / 1e6;
        as_printed(mwh, get("facility_energy"), 0.02, subject);
        let gross = get("facility_energy") * get("location_based_intensity") / 1000.0;
        as_printed(gross, get("location_based_co2e"), 0.02, subject);
        let net = get("facility_energy") * get("market_based_intensity") / 1000.0;
        as_printed(net, get("market_based_co2e"), 0.02, subject);
        let flops = get("hours") * 3600.0 * get("accelerator_count") * get("achieved") * 1e12;
        as_printed(flops, get("total_flops"), 0.05, subject);
    }
    for subject in TABLE_4 {
        let share = run(&catalog, subject, "facility_energy") / run(&catalog, "google-2019", "facility_energy");
        as_printed(share, run(&catalog, subject, "share_of_google_energy"), 0.03, subject);
    }
}

#[test]
fn the_comparisons_of_both_papers_follow_from_their_rows() {
    let catalog = catalog();
    let get = |subject, quantity| run(&catalog, subject, quantity);
    let (estimate, actual) = ("nas-strubell-2019", "table4-evolved-transformer-nas");
    let tonnes = get(estimate, "location_based_co2e");
    as_printed(
        tonnes / get("nas-average-organisation", "location_based_co2e"),
        get(estimate, "overestimate_of_proxy_ratio"),
        0.01,
        "18.7",
    );
    as_printed(tonnes / get(actual, "location_based_co2e"), get(estimate, "overestimate_of_actual_ratio"), 0.01, "88");
    as_printed(
        tonnes / get("nas-rerun-iowa", "market_based_co2e"),
        get(estimate, "overestimate_of_rerun_ratio"),
        0.01,
        "476",
    );
    as_printed(
        get(TABLE_1[0], "market_based_co2e") / get(TABLE_1[4], "market_based_co2e"),
        get("table1-first-to-last", "market_based_co2e_ratio"),
        0.02,
        "57",
    );
    as_printed(
        get("table4-gpt-3", "facility_energy") / get("glam", "facility_energy"),
        get("glam", "energy_ratio"),
        0.01,
        "GLaM energy",
    );
    as_printed(
        get("table4-gpt-3", "market_based_co2e") / get("glam", "market_based_co2e"),
        get("glam", "market_based_co2e_ratio"),
        0.01,
        "GLaM net",
    );
    as_printed(
        get("table4-gpt-3", "location_based_co2e") / get("table4-gshard-600b", "location_based_co2e"),
        get("table4-gshard-600b", "location_based_co2e_ratio"),
        0.01,
        "GShard gross",
    );
    assert_eq!((get("best-practices-2022", "energy_ratio"), get("best-practices-2022", "co2e_ratio")), (100.0, 1000.0));
}

#[test]
fn every_source_is_cited_and_may_be_redistributed() {
    let catalog = catalog();
    let cited = catalog.cited_sources();
    for source in catalog.sources() {
        assert!(cited.contains(source.id.as_str()), "nothing cites `{}`", source.id);
        assert!(LICENCES.contains(&source.licence.as_str()), "{}", source.id);
        let ours = source.publisher == "Greenwich";
        assert_eq!(source.url.is_empty(), ours, "`{}`: a source that is not ours has an address", source.id);
    }
}

#[test]
fn typical_years_of_25_known_zones_name_whom_to_thank() {
    let catalog = catalog();
    let zones: BTreeSet<&str> = catalog.profiles().map(|profile| profile.zone.as_str()).collect();
    assert!(zones.len() >= 25, "{} zones", zones.len());
    for profile in catalog.profiles() {
        assert!(catalog.zone_id(profile.zone.as_str()).is_ok(), "{}", profile.zone);
        assert!(!profile.attribution.is_empty(), "{}", profile.zone);
        assert!(profile.from_year <= profile.to_year, "{}", profile.zone);
    }
}
