//! The roof over providers, without a network: files of one's own stand in for one.
//!
//! In: a folder of files and a store. Out: what is fetched, held and told.

use super::*;
use crate::forecasting::kept_history;
use crate::signals_view::{fetched_text, held_text, offers_text};
use greenwich_grid::{Block, Currency};
use greenwich_report::Style;
use insta::assert_snapshot;
use std::time::Duration;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        at("2026-11-25T12:00:00Z")
    }
    fn sleep(&self, _: Duration) {
        unreachable!("nothing is waited for without a network")
    }
}

fn at(stamp: &str) -> Timestamp {
    stamp.parse().expect("a stamp")
}

struct Rig {
    folder: tempfile::TempDir,
    catalog: Catalog,
}

const CSV: &str = "utc,gco2e_per_kwh,estimated\n2026-11-20T00:00:00Z,100,0\n2026-11-20T01:00:00Z,220,1\n2026-11-20T02:00:00Z,,0\n2026-11-20T03:00:00Z,130,0\n";

fn rig() -> Rig {
    let folder = tempfile::tempdir().expect("a folder for the test");
    std::fs::create_dir(folder.path().join("files")).expect("a folder for the test");
    std::fs::write(folder.path().join("files/XX.csv"), CSV).expect("a file for the test");
    Rig { folder, catalog: Catalog::load() }
}

impl Rig {
    fn variable(&self) -> impl Fn(&str) -> Option<String> + use<> {
        let files = self.folder.path().join("files").display().to_string();
        move |name: &str| (name == "GREENWICH_SIGNALS").then(|| files.clone())
    }
    fn signals(&self) -> Signals {
        Signals::open(self.folder.path().join("kept"), None, self.variable(), true).expect("no file of keys")
    }
    fn wanted(zone: &str, quantity: Quantity) -> Wanted {
        let window = Window::new(at("2026-11-20T00:00:00Z"), at("2026-11-20T04:00:00Z")).expect("forwards");
        Wanted { zone: ZoneId::new(zone), quantity, window, at: None, provider: None }
    }
}

const LIFECYCLE: Quantity = Quantity::Intensity(Signal::Lifecycle);

fn plain() -> Style {
    Style { width: 100, colour: false, explain: true }
}

#[test]
fn what_is_fetched_says_source_state_and_vintage() {
    let rig = rig();
    let fetched = rig.signals().fetch(&rig.catalog, &Rig::wanted("XX", LIFECYCLE), &Noon).expect("a file has it");
    assert_snapshot!(fetched_text(&fetched, plain()), @"
    XX lifecycle: 3 of 4 steps of 60 min known
    window     2026-11-20 00:00 to 2026-11-20 04:00 UTC
    source     files (files of one's own)
    known as   2 measured, 1 estimated
    values     mean 150 gCO2e/kWh, least 100 at 2026-11-20 00:00, most 220 at 2026-11-20 01:00
    came       3 new values, 0 of them revised, from 2026-11-20 00:00 to 2026-11-20 04:00
    licence    one's own
    ! steps of lifecycle that came without a value: 1

    Steps
    start (UTC)       gCO2e/kWh  known as   fetched
    2026-11-20 00:00        100  measured   2026-11-25 12:00
    2026-11-20 01:00        220  estimated  2026-11-25 12:00
    2026-11-20 02:00  not known
    2026-11-20 03:00        130  measured   2026-11-25 12:00
    ");
    let held = rig.signals().held(None).expect("readable");
    assert_snapshot!(held_text(&held, "kept", plain()), @"
    1 series of 1 zones in kept

    zone  quantity   source  from (UTC)        until               step  blocks  fetched
    XX    lifecycle  files   2026-11-20 00:00  2026-11-20 04:00  60 min       1  2026-11-25 12:00
    ");
}

#[test]
fn what_was_kept_answers_when_its_source_is_gone() {
    let rig = rig();
    let wanted = Rig::wanted("XX", LIFECYCLE);
    _ = rig.signals().fetch(&rig.catalog, &wanted, &Noon).expect("a file has it");
    std::fs::remove_file(rig.folder.path().join("files/XX.csv")).expect("our own file");
    let named = Wanted { provider: Some("files".into()), ..wanted };
    let again = rig.signals().fetch(&rig.catalog, &named, &Noon).expect("it is kept");
    assert_eq!((again.asked, again.cells.iter().filter(|(_, cell)| cell.is_some()).count()), (None, 3));
    assert!(again.notes[0].ends_with("from what is kept"), "{:?}", again.notes);
}

#[test]
fn the_past_is_what_a_forecaster_takes_and_none_of_the_future() {
    let rig = rig();
    let signals = rig.signals();
    let wanted = Rig::wanted("XX", LIFECYCLE);
    let Remembered { past, notes } =
        history(&signals, &rig.catalog, &wanted.zone, Signal::Lifecycle, wanted.window, &Noon).expect("kept");
    let (past, source) = past.expect("a file has it");
    assert_eq!(past.at_g_per_kwh(at("2026-11-20T01:00:00Z")), Some(220.0));
    assert_eq!(past.at_g_per_kwh(at("2026-11-20T02:00:00Z")), None);
    assert_eq!((source.as_str(), notes.len()), ("files (kept, fetched 2026-11-25 12:00)", 1));
    let before = signals.past(&wanted.zone, Signal::Lifecycle, wanted.window, at("2026-11-25T11:59:59Z"));
    assert!(before.expect("readable").is_none(), "it was not known then");
}

#[test]
fn a_forecast_of_the_source_is_no_past() {
    let rig = rig();
    let hour = SignedDuration::from_hours(1);
    let cells = [Some((10.0, State::Measured)), Some((20.0, State::Forecast))];
    let start = at("2026-11-20T00:00:00Z");
    let block = Block::new(LIFECYCLE, "neso", start, start, hour, cells).expect("a block");
    Store::at(rig.folder.path().join("kept")).append(&ZoneId::new("XX"), &[block]).expect("written");
    let wanted = Rig::wanted("XX", LIFECYCLE);
    let past = rig.signals().past(&wanted.zone, Signal::Lifecycle, wanted.window, Timestamp::MAX);
    let (past, _) = past.expect("readable").expect("an hour is known");
    assert_eq!(past.at_g_per_kwh(start), Some(10.0));
    assert_eq!(past.at_g_per_kwh(start + hour), None);
}

#[test]
fn prices_and_loads_that_are_kept_stand_beside_the_past_where_they_are_asked_for() {
    let rig = rig();
    let hour = SignedDuration::from_hours(1);
    let start = at("2026-11-20T00:00:00Z");
    let block = |quantity: Quantity, source: &str, values: &[f64]| {
        let cells = values.iter().map(|value| Some((*value, State::Measured)));
        Block::new(quantity, source, start, start, hour, cells).expect("a block")
    };
    let price = Quantity::Price(Currency::EUR);
    let blocks = [
        block(LIFECYCLE, "energy-charts", &[100.0, 200.0]),
        block(price.clone(), "awattar", &[50.0]),
        block(price, "energy-charts", &[40.0, -5.0, 60.0, 70.0]),
        block(Quantity::Load, "entsoe", &[5e4, 6e4, 7e4]),
    ];
    Store::at(rig.folder.path().join("kept")).append(&ZoneId::new("DE"), &blocks).expect("written");
    let told = |families: &[Family]| -> Vec<String> {
        let zone = ZoneId::new("DE");
        let issued = start + hour * 2;
        let past = kept_history(&rig.signals(), &zone, Signal::Lifecycle, issued, families).expect("readable");
        let (past, _) = past.expect("two hours are known");
        let until = |one: &Covariate| one.known_until(issued).map(|until| until.duration_since(start).as_hours());
        past.covariates().iter().map(|one| format!("{} to {:?} h", one.name, until(one))).collect()
    };
    // The price with the most hours, as far as it was published; the load as far as it was measured.
    assert_eq!(
        told(&[Family::Price, Family::Grid]),
        ["price-EUR of energy-charts to Some(4) h", "load of entsoe to Some(2) h"]
    );
    assert_eq!(told(&[Family::Weather, Family::Grid]), ["load of entsoe to Some(2) h"]);
    assert_eq!(told(&[]), [""; 0]);
}

#[test]
fn generation_by_fuel_becomes_intensity_by_the_catalogs_factors() {
    let rig = rig();
    let hour = SignedDuration::from_hours(1);
    let start = at("2026-11-20T00:00:00Z");
    let block = |fuel: Fuel, mw: f64| {
        let cells = vec![Some((mw, State::Measured)); 4];
        Block::new(Quantity::Generation(fuel), "eia", at("2026-11-25T11:55:00Z"), start, hour, cells).expect("a block")
    };
    let zone = ZoneId::new("US-CAL-CISO");
    let blocks = [block(Fuel::Gas, 300.0), block(Fuel::Solar, 100.0), block(Fuel::Lignite, 100.0)];
    Store::at(rig.folder.path().join("kept")).append(&zone, &blocks).expect("written");
    let wanted = Wanted { provider: Some("eia".into()), ..Rig::wanted("US-CAL-CISO", LIFECYCLE) };
    let fetched = rig.signals().fetch(&rig.catalog, &wanted, &Noon).expect("all of it is held");
    assert_eq!(fetched.source, "eia-production");
    let factor = |fuel: &str| {
        let row = rig
            .catalog
            .rows_of("fuels", fuel)
            .find(|row| row.quantity == "emission_factor" && row.scope == "lifecycle");
        row.expect("a fuel of the catalog").value
    };
    let mean = (300.0 * factor("gas") + 100.0 * factor("solar") + 100.0 * factor("coal")) / 500.0;
    let found = fetched.cells[0].1.expect("an intensity");
    assert!((found.value - mean).abs() < 1e-9 && found.state == State::Estimated, "{found:?} {mean}");
    assert_snapshot!(fetched.notes.join("\n"), @"
    reckoned from generation by fuel and the factors of `greenwich facts list fuels`: what is made in US-CAL-CISO, imports not traced
    counted by another fuel's factor: lignite by that of coal
    ");
}

#[test]
fn without_network_and_key_the_refusal_names_the_one_act_that_helps_most() {
    let rig = rig();
    let told = |zone: &str, quantity: Quantity| {
        let error = rig.signals().fetch(&rig.catalog, &Rig::wanted(zone, quantity), &Noon).expect_err("nobody has it");
        format!("{error}; {} [{:?}]", error.help_text().expect("a mend"), error.exit())
    };
    let direct = Quantity::Intensity(Signal::Direct);
    assert_snapshot!(told("GB", direct.clone()), @"`neso` is not asked: the network is not to be used; leave --offline out, or fetch the zone before: greenwich signals fetch ZONE [SignalUnavailable]");
    assert_snapshot!(told("YY", direct), @"`electricity-maps` wants a key that is not set: ELECTRICITY_MAPS_API_KEY; set ELECTRICITY_MAPS_API_KEY in the environment or in keys.toml; how to get it: docs/guide/providers/electricity-maps.md [SignalUnavailable]");
    assert_snapshot!(told("YY", Quantity::Price(Currency::of("CHF").expect("three letters"))), @"`greenwich` has no price-CHF of zone `YY`; `greenwich signals providers YY` lists who knows the zone, and what of it [SignalUnavailable]");
}

#[test]
fn offers_tell_whose_key_is_set_and_show_none() {
    let rig = rig();
    let files = rig.variable();
    let variable = move |name: &str| match name {
        "WATTTIME_USER" | "EIA_KEY" => Some("hunter2".to_owned()),
        other => files(other),
    };
    let zone = ZoneId::new("US-CAL-CISO");
    let offers = rig.signals().offers(Some(&zone), variable);
    let keys: Vec<(&str, Option<bool>)> = offers.iter().map(|offer| (offer.about.id, offer.key_is_set)).collect();
    assert_eq!(keys, [("electricity-maps", Some(false)), ("watttime", Some(false)), ("eia", Some(true))]);
    let text = offers_text(&offers, Some(&zone), plain());
    assert!(!text.contains("hunter2"), "{text}");
    assert_snapshot!(text, @"
    3 providers that may know US-CAL-CISO, in the order in which they are asked

    electricity-maps: Electricity Maps
    key        not set: ELECTRICITY_MAPS_API_KEY; see docs/guide/providers/electricity-maps.md
    covers     its own zones, whose keys are ours: DE, US-CAL-CISO, IN-WE …
    has        lifecycle, direct, price-EUR, price-GBP, price-USD
    licence    by plan; the free one is not for commercial use

    watttime: WattTime
    key        not set: WATTTIME_USER, WATTTIME_PASSWORD; see docs/guide/providers/watttime.md
    covers     most grids by their coordinates (--at LAT,LON); US-CAL-CISO without
    has        marginal, direct, health-damage
    licence    by plan; a free account gives the region CAISO_NORTH

    eia: EIA Hourly Electric Grid Monitor (EIA-930)
    key        set (EIA_API_KEY, EIA_KEY)
    covers     balancing areas of the United States: US-CAL-CISO, US-MIDA-PJM …
    has        load, generation of 13 fuels
    licence    public domain: U.S. Energy Information Administration
    ");
}
