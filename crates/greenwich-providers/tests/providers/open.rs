//! Providers without a key: their shapes, and the odd forms of each.

use crate::rig::{Server, ask, fetch, json, provider, provider_with, refusal, status, told};
use insta::assert_snapshot;

const NOW: &str = "2026-11-25T06:00:00Z";

fn told_of(id: &str, asked: &greenwich_providers::Ask, turns: Vec<crate::rig::Turn>) -> String {
    let server = Server::new(turns);
    told(&fetch(provider(id, &server.base).as_ref(), asked, NOW).expect("an answer"))
}

#[test]
fn neso_places_a_postcode_in_its_region() {
    let body = r#"{"data":{"regionid":11,"dnoregion":"WPD South West","shortname":"South West England","postcode":"BS16",
        "data":[{"from":"2026-11-25T03:00Z","to":"2026-11-25T03:30Z","intensity":{"forecast":162,"index":"moderate"},"generationmix":[]}]}}"#;
    let server = Server::new([json(body), json("null")]);
    let asked = ask("GB-BS16", "direct", "2026-11-25T03:00:00Z", "2026-11-25T03:30:00Z");
    let answer = fetch(provider("neso", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"direct gCO2e/kWh 2026-11-25T03:00:00Z 1800s: ?162");
    assert_eq!(server.paths(), ["/regional/intensity/2026-11-25T03:00Z/2026-11-25T03:30Z/postcode/BS16"]);
    // A postcode that is none answers 200 with `null`.
    let shown = refusal(fetch(provider("neso", &server.base).as_ref(), &asked, NOW));
    assert!(shown.starts_with("`neso` has no direct of zone `GB-BS16` from"), "{shown}");
    for none in ["GB-18", "GB-NIR", "GB-bs16", "GB-BS1 6", "GB-ABC1"] {
        assert!(provider("neso", "").quantities(&none.into()).is_empty(), "{none}");
    }
}

#[test]
fn neso_gives_what_was_and_what_is_forecast() {
    let body = r#"{"data":[
        {"from":"2026-11-25T04:30Z","to":"2026-11-25T05:00Z","intensity":{"forecast":266,"actual":263,"index":"moderate"}},
        {"from":"2026-11-25T05:00Z","to":"2026-11-25T05:30Z","intensity":{"forecast":260,"actual":261,"index":"moderate"}},
        {"from":"2026-11-25T05:30Z","to":"2026-11-25T06:00Z","intensity":{"forecast":255,"actual":null,"index":"moderate"}},
        {"from":"2026-11-25T06:00Z","to":"2026-11-25T06:30Z","intensity":{"forecast":null,"actual":null,"index":"moderate"}},
        {"from":"2026-11-25T06:30Z","to":"2026-11-25T07:00Z","intensity":{"forecast":240,"actual":null,"index":"moderate"}}]}"#;
    let server = Server::new([json(body)]);
    let asked = ask("GB", "direct", "2026-11-25T05:00:00Z", "2026-11-25T07:00:00Z");
    let answer = fetch(provider("neso", &server.base).as_ref(), &asked, NOW).expect("an answer");
    // The half hour before the window comes as well, and is left out.
    assert_snapshot!(told(&answer), @"
    direct gCO2e/kWh 2026-11-25T05:00:00Z 1800s: 261 ?255 - ?240
    note: steps of direct that came without a value: 1
    ");
    assert_eq!(server.paths(), ["/intensity/2026-11-25T05:00Z/2026-11-25T07:00Z"]);
    let block = &answer.blocks[0];
    assert_eq!((block.source.as_str(), block.fetched_at.to_string().as_str()), ("neso", NOW));
}

#[test]
fn neso_answers_a_region_by_one_object_of_forecasts() {
    let body = r#"{"data":{"regionid":13,"dnoregion":"UKPN London","shortname":"London","data":[
        {"from":"2026-11-25T05:00Z","to":"2026-11-25T05:30Z","intensity":{"forecast":162,"index":"moderate"},
         "generationmix":[{"fuel":"gas","perc":40.1}]},
        {"from":"2026-11-25T05:30Z","to":"2026-11-25T06:00Z","intensity":{"forecast":0,"index":"very low"}}]}}"#;
    let server = Server::new([json(body)]);
    let asked = ask("GB-13", "direct", "2026-11-25T05:00:00Z", "2026-11-25T06:00:00Z");
    let answer = fetch(provider("neso", &server.base).as_ref(), &asked, NOW).expect("an answer");
    // Zero is a value here: it is what the region was said to have.
    assert_snapshot!(told(&answer), @"direct gCO2e/kWh 2026-11-25T05:00:00Z 1800s: ?162 ?0");
    assert_eq!(server.paths(), ["/regional/intensity/2026-11-25T05:00Z/2026-11-25T06:00Z/regionid/13"]);
}

#[test]
fn neso_answers_null_and_empty_lists_where_it_has_nothing() {
    let asked = ask("GB", "direct", "2026-11-25T05:00:00Z", "2026-11-25T06:00:00Z");
    for body in ["null", r#"{"data":[]}"#] {
        let server = Server::new([json(body)]);
        let shown = refusal(fetch(provider("neso", &server.base).as_ref(), &asked, NOW));
        assert!(shown.starts_with("`neso` has no direct of zone `GB` from 2026-11-25T05:00:00Z"), "{shown}");
    }
    let server =
        Server::new([status(400, r#"{"error":{"code":"400 Bad Request","message":"Please enter a valid datetime"}}"#)]);
    assert_snapshot!(refusal(fetch(provider("neso", &server.base).as_ref(), &asked, NOW)), @"`neso` answered with status 400: Please enter a valid datetime [Gone] help: check zone, quantity and window");
    let server = Server::new([json(r#"{"data":[{"from":"2026-11-25T05:00Z","to":"noon"}]}"#)]);
    assert_snapshot!(refusal(fetch(provider("neso", &server.base).as_ref(), &asked, NOW)), @"`neso`'s answer is not as documented: `noon` in the place of the instant `to` [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

#[test]
fn neso_has_one_day_of_25_hours_as_any_other_since_it_speaks_utc() {
    let item = |half: i64| {
        let start = crate::rig::at("2026-10-24T23:00:00Z") + jiff::SignedDuration::from_mins(30 * half);
        let form = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%MZ").to_string();
        let end = form(start + jiff::SignedDuration::from_mins(30));
        format!(r#"{{"from":"{}","to":"{end}","intensity":{{"forecast":1,"actual":{half}}}}}"#, form(start))
    };
    let body = format!(r#"{{"data":[{}]}}"#, (0..50).map(item).collect::<Vec<_>>().join(","));
    let asked = ask("GB", "direct", "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z");
    let server = Server::new([json(&body)]);
    let answer = fetch(provider("neso", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_eq!((answer.blocks.len(), answer.blocks[0].len(), answer.blocks[0].known()), (1, 50, 50));
}

#[test]
fn energy_charts_gives_arrays_in_step_with_seconds() {
    // 2026-11-25T05:00Z is 1795582800.
    let body = r#"{"unix_seconds":[1795582800,1795583700,1795584600,1795586400,1795587300],
        "co2eq":[491.5,null,488,null,null],"co2eq_forecast":[490,null,487,505.0,"506.5"],"deprecated":false}"#;
    let asked = ask("DE", "lifecycle", "2026-11-25T05:00:00Z", "2026-11-25T07:00:00Z");
    let server = Server::new([json(body)]);
    let answer = fetch(provider("energy-charts", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    lifecycle gCO2e/kWh 2026-11-25T05:00:00Z 900s: 491.5 - 488 - ?505 ?506.5
    note: steps of lifecycle that came without a value: 1
    ");
    assert_eq!(server.paths(), ["/co2eq?country=de&start=1795582800&end=1795590000"]);
}

#[test]
fn energy_charts_prices_change_their_step_inside_one_answer() {
    // The last hours of September 2025 by the hour, then quarters.
    let body = r#"{"license_info":"CC BY 4.0","unix_seconds":[1759255200,1759258800,1759262400,1759266000,1759269600,1759270500,1759271400,1759272300],
        "price":[80.1,79,70,65,-1.5,0,2,3],"unit":"EUR / MWh","deprecated":false}"#;
    let asked = ask("DE", "price-EUR", "2025-09-30T18:00:00Z", "2025-09-30T23:00:00Z");
    assert_snapshot!(told_of("energy-charts", &asked, vec![json(body)]), @"
    price-EUR EUR/MWh 2025-09-30T18:00:00Z 3600s: 80.1 79 70 65
    price-EUR EUR/MWh 2025-09-30T22:00:00Z 900s: -1.5 0 2 3
    ");
}

#[test]
fn energy_charts_has_no_data_by_404_and_refuses_by_422() {
    let asked = ask("ES", "price-EUR", "2026-11-25T05:00:00Z", "2026-11-25T07:00:00Z");
    let server = Server::new([status(404, "{\"detail\":\"no data\"}")]);
    assert_snapshot!(refusal(fetch(provider("energy-charts", &server.base).as_ref(), &asked, NOW)), @"`energy-charts` has no price-EUR of zone `ES` from 2026-11-25T05:00:00Z to 2026-11-25T07:00:00Z [Gone] help: ask for another window, or another provider");
    let server = Server::new([status(
        422,
        r#"{"detail":[{"loc":["query","bzn"],"msg":"value is not a valid enumeration member","type":"x"}]}"#,
    )]);
    assert_snapshot!(refusal(fetch(provider("energy-charts", &server.base).as_ref(), &asked, NOW)), @"`energy-charts` answered with status 422: value is not a valid enumeration member [Gone] help: check zone, quantity and window");
    let lopsided = r#"{"unix_seconds":[1795582800,1795583700],"price":[1]}"#;
    let server = Server::new([json(lopsided)]);
    assert_snapshot!(refusal(fetch(provider("energy-charts", &server.base).as_ref(), &asked, NOW)), @"`energy-charts`'s answer is not as documented: 1 values of `price` to 2 instants [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

#[test]
fn energinet_joins_what_was_and_what_is_forecast() {
    let was = r#"{"total":3,"limit":0,"dataset":"CO2Emis","records":[
        {"Minutes5UTC":"2026-11-25T05:50:00","Minutes5DK":"2026-11-25T06:50:00","PriceArea":"DK1","CO2Emission":96.0},
        {"Minutes5UTC":"2026-11-25T05:50:00","Minutes5DK":"2026-11-25T06:50:00","PriceArea":"DK1","CO2Emission":97.0},
        {"Minutes5UTC":"2026-11-25T05:55:00","Minutes5DK":"2026-11-25T06:55:00","PriceArea":"DK1","CO2Emission":null}]}"#;
    let ahead = r#"{"total":1,"dataset":"CO2EmisProg","records":[
        {"Minutes5UTC":"2026-11-25T06:00:00","Minutes5DK":"2026-11-25T07:00:00","PriceArea":"DK1","CO2Emission":99.0}]}"#;
    let asked = ask("DK-DK1", "direct", "2026-11-25T05:50:00Z", "2026-11-25T06:05:00Z");
    let server = Server::new([json(was), json(ahead)]);
    let answer = fetch(provider("energinet", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    direct gCO2e/kWh 2026-11-25T05:50:00Z 300s: 97 - ?99
    note: steps of direct that came without a value: 1
    note: steps of direct that came twice, of which the later stays: 1
    ");
    assert!(
        server.paths()[0].starts_with("/dataset/CO2Emis?start=2026-11-25T05%3A50&end=2026-11-25T06%3A00&timezone=UTC")
    );
    assert!(server.paths()[1].starts_with("/dataset/CO2EmisProg?start=2026-11-25T06%3A00"), "{:?}", server.paths());
}

#[test]
fn energinet_keeps_both_hours_that_danish_time_calls_two_o_clock() {
    let record = |utc: &str, dk: &str, price: f64| {
        format!(r#"{{"HourUTC":"{utc}","HourDK":"{dk}","PriceArea":"DK2","SpotPriceEUR":{price}}}"#)
    };
    // 2024-10-27: the clock goes back from 03:00 to 02:00.
    let records = [
        record("2024-10-26T23:00:00", "2024-10-27T01:00:00", 1.0),
        record("2024-10-27T00:00:00", "2024-10-27T02:00:00", 2.0),
        record("2024-10-27T01:00:00", "2024-10-27T02:00:00", 3.0),
        record("2024-10-27T02:00:00", "2024-10-27T03:00:00", 4.0),
    ];
    let body = format!(r#"{{"records":[{}]}}"#, records.join(","));
    let asked = ask("DK-DK2", "price-EUR", "2024-10-26T23:00:00Z", "2024-10-27T03:00:00Z");
    assert_snapshot!(told_of("energinet", &asked, vec![json(&body)]), @"price-EUR EUR/MWh 2024-10-26T23:00:00Z 3600s: 1 2 3 4");
}

#[test]
fn energinet_prices_go_over_to_quarters_in_october_2025() {
    let old = r#"{"records":[{"HourUTC":"2025-09-30T21:00:00","PriceArea":"DK1","SpotPriceEUR":50.5}]}"#;
    let new = r#"{"records":[{"TimeUTC":"2025-09-30T22:00:00","TimeDK":"2025-10-01T00:00:00","PriceArea":"DK1","DayAheadPriceEUR":40,"DayAheadPriceDKK":300},
        {"TimeUTC":"2025-09-30T22:15:00","PriceArea":"DK1","DayAheadPriceEUR":41}]}"#;
    let asked = ask("DK-DK1", "price-EUR", "2025-09-30T21:00:00Z", "2025-09-30T22:30:00Z");
    let server = Server::new([json(old), json(new)]);
    let answer = fetch(provider("energinet", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    price-EUR EUR/MWh 2025-09-30T21:00:00Z 3600s: 50.5
    price-EUR EUR/MWh 2025-09-30T22:00:00Z 900s: 40 41
    ");
    assert!(
        server.paths()[0].starts_with("/dataset/Elspotprices")
            && server.paths()[1].starts_with("/dataset/DayAheadPrices")
    );
}

#[test]
fn awattar_gives_prices_by_milliseconds() {
    let body = r#"{"object":"list","data":[
        {"start_timestamp":1795582800000,"end_timestamp":1795586400000,"marketprice":42.09,"unit":"Eur/MWh"},
        {"start_timestamp":1795586400000,"end_timestamp":1795590000000,"marketprice":-3.5,"unit":"Eur/MWh"}]}"#;
    let asked = ask("DE", "price-EUR", "2026-11-25T05:00:00Z", "2026-11-25T07:00:00Z");
    assert_snapshot!(told_of("awattar", &asked, vec![json(body)]), @"price-EUR EUR/MWh 2026-11-25T05:00:00Z 3600s: 42.09 -3.5");
    let server = Server::new([json(&body.replace("Eur/MWh", "Cent/kWh"))]);
    assert_snapshot!(refusal(fetch(provider("awattar", &server.base).as_ref(), &asked, NOW)), @"`awattar`'s answer is not as documented: the text `Cent/kWh` in the place of the unit Eur/MWh [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

#[test]
fn a_zone_that_is_not_covered_is_refused_before_anything_is_sent() {
    for (id, zone, quantity) in [
        ("neso", "GB-18", "direct"),
        ("neso", "GB", "lifecycle"),
        ("energy-charts", "US", "lifecycle"),
        ("energinet", "DK", "direct"),
        ("awattar", "FR", "price-EUR"),
        ("carbon-aware-sdk", "DE", "lifecycle"),
        ("files", "DE", "lifecycle"),
    ] {
        let asked = ask(zone, quantity, "2026-11-25T05:00:00Z", "2026-11-25T07:00:00Z");
        let shown = refusal(fetch(crate::rig::without_key(id).as_ref(), &asked, NOW));
        assert!(shown.contains(&format!("has no {quantity} of zone `{zone}`")), "{shown}");
    }
}

#[test]
fn a_carbon_aware_server_is_read_once_its_signal_is_named() {
    let was = r#"[{"location":"eastus","time":"2026-11-25T05:00:00+00:00","rating":70.5,"duration":"00:30:00"},
        {"location":"eastus","time":"2026-11-25T05:30:00+00:00","rating":71,"duration":"00:30:00"}]"#;
    let ahead = r#"[{"requestedAt":"2026-11-25T06:00:00+00:00","generatedAt":"2026-11-25T05:55:00+00:00","location":"eastus",
        "dataStartAt":"2026-11-25T06:00:00+00:00","dataEndAt":"2026-11-25T07:00:00+00:00","windowSize":10,
        "optimalDataPoints":[{"location":"eastus","timestamp":"2026-11-25T06:30:00+00:00","duration":10,"value":1}],
        "forecastData":[{"location":"eastus","timestamp":"2026-11-25T06:00:00+00:00","duration":30,"value":448.4}]}]"#;
    let asked = ask("eastus", "marginal", "2026-11-25T05:00:00Z", "2026-11-25T07:00:00Z");
    let signal = |name: &str| (name == "GREENWICH_CARBON_AWARE_SIGNAL").then(|| "marginal".to_owned());
    let server = Server::new([json(was), json(ahead)]);
    let own = provider_with("carbon-aware-sdk", &server.base, signal);
    assert_snapshot!(told(&fetch(own.as_ref(), &asked, NOW).expect("an answer")), @"marginal gCO2e/kWh 2026-11-25T05:00:00Z 1800s: 70.5 71 ?448.4");

    let problem = r#"{"title":"NotImplementedException","status":501,"detail":"no forecasts here","errors":{}}"#;
    let server = Server::new([json(was), status(400, problem)]);
    let own = provider_with("carbon-aware-sdk", &server.base, signal);
    assert_snapshot!(told(&fetch(own.as_ref(), &asked, NOW).expect("what was measured")), @"
    marginal gCO2e/kWh 2026-11-25T05:00:00Z 1800s: 70.5 71
    note: no forecast came (status 400): no forecasts here
    ");
}

#[test]
fn files_of_one_s_own_are_read_as_a_provider() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let csv = "utc,gco2e_per_kwh,estimated,price_usd_per_mwh\n2026-11-25T05:00:00Z,100,0,3\n2026-11-25T06:00:00Z,,0,4\n2026-11-25T07:00:00Z,120.5,1,\n";
    std::fs::write(folder.path().join("XX.csv"), csv).expect("a file for the test");
    let list = r#"[{"utc":"2026-11-25T05:00Z","gco2e_marginal_per_kwh":7},{"utc":"2026-11-25T05:05Z","gco2e_marginal_per_kwh":null},
        {"utc":"2026-11-25T05:10Z","gco2e_marginal_per_kwh":8},{"utc":"2026-11-25T05:15Z","gco2e_marginal_per_kwh":9}]"#;
    std::fs::write(folder.path().join("YY.json"), list).expect("a file for the test");
    let path = folder.path().display().to_string();
    let files = provider_with("files", "", |name| (name == "GREENWICH_SIGNALS").then(|| path.clone()));
    let window = ("2026-11-25T05:00:00Z", "2026-11-25T08:00:00Z");
    let read = |zone: &str, quantity: &str| fetch(files.as_ref(), &ask(zone, quantity, window.0, window.1), NOW);
    assert_snapshot!(told(&read("XX", "lifecycle").expect("a column")), @"
    lifecycle gCO2e/kWh 2026-11-25T05:00:00Z 3600s: 100 - ~120.5
    note: steps of lifecycle that came without a value: 1
    ");
    assert_snapshot!(told(&read("XX", "price-USD").expect("a column")), @"
    price-USD USD/MWh 2026-11-25T05:00:00Z 3600s: 3 4
    note: steps of price-USD that came without a value: 1
    ");
    assert_snapshot!(told(&read("YY", "marginal").expect("a key")), @"
    marginal gCO2e/kWh 2026-11-25T05:00:00Z 300s: 7 - 8 9
    note: steps of marginal that came without a value: 1
    ");
    assert!(refusal(read("XX", "direct")).contains("has no direct of zone `XX`"));
    std::fs::write(folder.path().join("ZZ.csv"), "utc,gco2e_per_kwh\n2026-11-25T05:00:00Z,1\nnoon,2\n")
        .expect("a file");
    let shown = refusal(read("ZZ", "lifecycle")).replace(&path, "FOLDER");
    assert_snapshot!(shown, @"FOLDER/ZZ.csv:3: `noon` is no instant [Gone] help: write UTC as in 2026-01-31T23:00:00Z, and numbers or empty cells");
}
