//! Providers with a key, ENTSO-E apart: shapes, refusals, tokens, and that no key is ever shown.

use crate::rig::{
    KEY, KEYED, Script, Server, Turn, ask, fetch, json, limits, provider, refusal, status, told, without_key,
};
use greenwich_providers::{Ask, Door};
use insta::assert_snapshot;

const NOW: &str = "2026-11-25T06:00:00Z";

#[test]
fn without_a_key_each_says_which_variable_to_set_and_where_to_get_it() {
    let mut lines = Vec::new();
    for (id, zone, quantity) in KEYED {
        let asked = ask(zone, quantity, "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z");
        let error = fetch(without_key(id).as_ref(), &asked, NOW).expect_err("there is no key");
        lines.push(format!("{error}; {}", miette::Diagnostic::help(&error).expect("a mend")));
    }
    assert_snapshot!(lines.join("\n"), @"
    `electricity-maps` wants a key that is not set: ELECTRICITY_MAPS_API_KEY; set ELECTRICITY_MAPS_API_KEY in the environment or in keys.toml; how to get it: docs/guide/providers/electricity-maps.md
    `watttime` wants a key that is not set: WATTTIME_USER and WATTTIME_PASSWORD; set WATTTIME_USER and WATTTIME_PASSWORD in the environment or in keys.toml; how to get it: docs/guide/providers/watttime.md
    `entsoe` wants a key that is not set: ENTSOE_API_KEY (or ENTSOE_TOKEN); set ENTSOE_API_KEY (or ENTSOE_TOKEN) in the environment or in keys.toml; how to get it: docs/guide/providers/entsoe.md
    `eia` wants a key that is not set: EIA_API_KEY (or EIA_KEY); set EIA_API_KEY (or EIA_KEY) in the environment or in keys.toml; how to get it: docs/guide/providers/eia.md
    `open-electricity` wants a key that is not set: OPENELECTRICITY_API_KEY; set OPENELECTRICITY_API_KEY in the environment or in keys.toml; how to get it: docs/guide/providers/open-electricity.md
    ");
}

#[test]
fn a_key_that_is_refused_is_told_by_its_variable() {
    for (id, zone, quantity, body) in [
        ("electricity-maps", "DE", "lifecycle", format!("{{\"error\":\"Invalid auth-token {KEY}\"}}")),
        ("watttime", "US-CAL-CISO", "marginal", "<html><title>403 Forbidden</title></html>".to_owned()),
        ("entsoe", "FI", "generation-gas", "<html>Unauthorized</html>".to_owned()),
        (
            "eia",
            "US-CAL-CISO",
            "load",
            "{\"error\":{\"code\":\"API_KEY_INVALID\",\"message\":\"An invalid api_key was supplied.\"}}".to_owned(),
        ),
        ("open-electricity", "AU-NSW", "direct", "{\"detail\":\"Invalid key\"}".to_owned()),
    ] {
        for code in [401, 403] {
            let server = Server::new([status(code, &body)]);
            let asked = ask(zone, quantity, "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z");
            let shown = refusal(fetch(provider(id, &server.base).as_ref(), &asked, NOW));
            let about = provider(id, "").about();
            assert!(shown.contains("refuses the key in") && shown.contains(about.key_variables[0]), "{shown}");
            assert!(shown.contains(about.page) && shown.contains("[Gone]"), "{shown}");
            assert_eq!(server.heads().len(), 1, "a refused key is not tried again");
        }
    }
}

fn de(from: &str, until: &str) -> Ask {
    ask("DE", "lifecycle", from, until)
}

#[test]
fn electricity_maps_marks_what_it_estimated_and_skips_null() {
    let body = r#"{"zone":"DE","history":[
        {"zone":"DE","carbonIntensity":302,"datetime":"2026-11-25T03:00:00.000Z","updatedAt":"2026-11-25T05:48:27.926Z",
         "emissionFactorType":"lifecycle","isEstimated":false,"estimationMethod":null,"temporalGranularity":"hourly"},
        {"zone":"DE","carbonIntensity":null,"datetime":"2026-11-25T04:00:00.000Z","isEstimated":false,"temporalGranularity":"hourly"},
        {"zone":"DE","carbonIntensity":299.5,"datetime":"2026-11-25T05:00:00.000Z","isEstimated":true,
         "estimationMethod":"TIME_SLICER_AVERAGE","temporalGranularity":"hourly"}]}"#;
    let server = Server::new([json(body)]);
    let asked = de("2026-11-25T03:00:00Z", "2026-11-25T06:00:00Z");
    let answer = fetch(provider("electricity-maps", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    lifecycle gCO2e/kWh 2026-11-25T03:00:00Z 3600s: 302 - ~299.5
    note: steps of lifecycle that came without a value: 1
    ");
    assert_eq!(server.paths(), ["/carbon-intensity/history?zone=DE&emissionFactorType=lifecycle"]);
    assert!(server.heads()[0].contains(&format!("auth-token: {KEY}")), "{:?}", server.heads());
}

#[test]
fn electricity_maps_has_day_ahead_prices_in_the_currency_of_the_market() {
    let body = r#"{"zone":"DE","data":[
        {"zone":"DE","datetime":"2026-11-23T03:00:00.000Z","createdAt":"2026-11-22T12:10:00.000Z","updatedAt":"2026-11-22T12:10:00.000Z",
         "value":-4.07,"unit":"EUR/MWh","source":"nordpool.com","temporalGranularity":"hourly"},
        {"zone":"DE","datetime":"2026-11-23T04:00:00.000Z","value":88.5,"unit":"EUR/MWh","source":"nordpool.com","temporalGranularity":"hourly"}]}"#;
    let asked =
        |currency: &str| ask("DE", &format!("price-{currency}"), "2026-11-23T03:00:00Z", "2026-11-23T05:00:00Z");
    let server = Server::new([json(body), json(body)]);
    let answer = fetch(provider("electricity-maps", &server.base).as_ref(), &asked("EUR"), NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"price-EUR EUR/MWh 2026-11-23T03:00:00Z 3600s: -4.07 88.5");
    let path = &server.paths()[0];
    assert!(path.starts_with("/price-day-ahead/past-range?zone=DE&start=") && !path.contains("emission"), "{path}");
    let shown = refusal(fetch(provider("electricity-maps", &server.base).as_ref(), &asked("USD"), NOW));
    assert!(shown.contains("where USD/MWh are asked for"), "{shown}");
}

#[test]
fn watttime_has_the_damage_to_health_in_dollars() {
    let login = || json(r#"{"token":"t1"}"#);
    let body = |units: &str| {
        json(&format!(
            r#"{{"data":[{{"point_time":"2026-11-25T03:00:00+00:00","value":31.5}},{{"point_time":"2026-11-25T03:05:00+00:00","value":30.0}}],
            "meta":{{"region":"CAISO_NORTH","signal_type":"health_damage","units":"{units}","data_point_period_seconds":300,"warnings":[]}}}}"#
        ))
    };
    let asked = ask("US-CAL-CISO", "health-damage", "2026-11-25T03:00:00Z", "2026-11-25T03:10:00Z");
    let server = Server::new([login(), body("usd_per_mwh")]);
    let answer = fetch(provider("watttime", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"health-damage USD/MWh 2026-11-25T03:00:00Z 300s: 31.5 30");
    assert!(server.paths()[1].contains("signal_type=health_damage"), "{:?}", server.paths());
    let server = Server::new([login(), body("lbs_co2_per_mwh")]);
    let shown = refusal(fetch(provider("watttime", &server.base).as_ref(), &asked, NOW));
    assert!(shown.contains("in the place of the unit usd_per_mwh"), "{shown}");
}

#[test]
fn electricity_maps_gives_the_last_day_where_the_plan_has_no_more() {
    let refused = status(403, r#"{"status":"error","message":"You do not have access to this endpoint"}"#);
    let day = json(
        r#"{"zone":"DE","history":[{"carbonIntensity":1,"datetime":"2026-11-25T05:00:00.000Z","isEstimated":false}]}"#,
    );
    let again = status(403, r#"{"status":"error","message":"Your plan has no access to forecasts"}"#);
    let server = Server::new([refused, day, again]);
    let asked = de("2026-11-20T00:00:00Z", "2026-11-26T00:00:00Z");
    let answer = fetch(provider("electricity-maps", &server.base).as_ref(), &asked, NOW).expect("the last day");
    assert_snapshot!(told(&answer), @"
    lifecycle gCO2e/kWh 2026-11-25T05:00:00Z 3600s: 1
    note: only the last 24 h came: `electricity-maps` does not give this under your plan: You do not have access to this endpoint
    note: no forecast came: `electricity-maps` does not give this under your plan: Your plan has no access to forecasts
    ");
}

#[test]
fn electricity_maps_gives_long_spans_in_pieces_and_forecasts_apart() {
    let past = |stamp: &str| {
        json(&format!(r#"{{"zone":"DE","data":[{{"carbonIntensity":5,"datetime":"{stamp}","isEstimated":false}}]}}"#))
    };
    let ahead = json(
        r#"{"zone":"DE","forecast":[{"carbonIntensity":280,"datetime":"2026-11-25T06:00:00.000Z"}],"updatedAt":"2026-11-25T05:00:00.000Z"}"#,
    );
    let server = Server::new([past("2026-11-10T00:00:00.000Z"), past("2026-11-20T00:00:00.000Z"), ahead]);
    let asked = de("2026-11-10T00:00:00Z", "2026-11-26T06:00:00Z");
    let answer = fetch(provider("electricity-maps", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    lifecycle gCO2e/kWh 2026-11-10T00:00:00Z 3600s: 5
    lifecycle gCO2e/kWh 2026-11-20T00:00:00Z 3600s: 5
    lifecycle gCO2e/kWh 2026-11-25T06:00:00Z 3600s: ?280
    ");
    assert!(
        server.paths()[2].ends_with("/forecast?zone=DE&emissionFactorType=lifecycle&horizonHours=24"),
        "{:?}",
        server.paths()
    );
}

#[test]
fn electricity_maps_says_what_it_does_not_know() {
    let server = Server::new([status(404, r#"{"status":"no-data","message":"No recent data for zone XX"}"#)]);
    let asked = ask("XX", "direct", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z");
    assert_snapshot!(refusal(fetch(provider("electricity-maps", &server.base).as_ref(), &asked, NOW)), @"`electricity-maps` answered with status 404: No recent data for zone XX [Gone] help: check zone, quantity and window");
    let server = Server::new([json(r#"{"zone":"DE"}"#)]);
    assert_snapshot!(refusal(fetch(provider("electricity-maps", &server.base).as_ref(), &asked, NOW)), @"`electricity-maps`'s answer is not as documented: an object without `history`, `data` or `forecast` [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

const LOGIN: &str = r#"{"token":"a-token"}"#;
const MOER: &str = r#"{"data":[
    {"point_time":"2026-11-25T05:00:00+00:00","value":500.0,"last_updated":"2026-11-25T05:20:00+00:00","imputed_data_used":false},
    {"point_time":"2026-11-25T05:05:00+00:00","value":870.0,"imputed_data_used":true}],
    "meta":{"region":"CAISO_NORTH","signal_type":"co2_moer","units":"lbs_co2_per_mwh","data_point_period_seconds":300,
    "model":{"date":"2023-03-01"},"warnings":[{"type":"EXAMPLE_WARNING","message":"older model"}]}}"#;

fn moer(until: &str) -> Ask {
    ask("US-CAL-CISO", "marginal", "2026-11-25T05:00:00Z", until)
}

#[test]
fn watttime_comes_in_pounds_and_is_kept_in_grams() {
    let ahead = MOER.replace("2026-11-25T05:", "2026-11-25T06:");
    let server = Server::new([json(LOGIN), json(MOER), json(&ahead)]);
    let answer = fetch(provider("watttime", &server.base).as_ref(), &moer("2026-11-25T06:10:00Z"), NOW);
    assert_snapshot!(told(&answer.expect("an answer")), @"
    marginal gCO2e/kWh 2026-11-25T05:00:00Z 300s: 226.796 ~394.625 - - - - - - - - - - ?226.796 ?394.625
    note: WattTime says: older model
    ");
    let heads = server.heads();
    assert!(heads[0].to_ascii_lowercase().contains("authorization: basic "), "{}", heads[0]);
    assert!(heads[1].contains("Bearer a-token") && heads[2].contains("Bearer a-token"));
    assert!(server.paths()[2].contains("/v3/forecast?region=CAISO_NORTH&signal_type=co2_moer&horizon_hours=1"));
}

#[test]
fn watttime_logs_in_again_when_its_token_is_refused_in_mid_run() {
    let expired = || status(403, "<html><title>403 Forbidden</title></html>");
    let server = Server::new([json(LOGIN), json(MOER), expired(), json(r#"{"token":"b-token"}"#), json(MOER)]);
    let own = provider("watttime", &server.base);
    fetch(own.as_ref(), &moer("2026-11-25T05:10:00Z"), NOW).expect("by the first token");
    fetch(own.as_ref(), &moer("2026-11-25T05:10:00Z"), NOW).expect("by the second token");
    assert!(server.heads()[4].contains("Bearer b-token"));

    // A token that is refused twice is no matter of its age.
    let server = Server::new([json(LOGIN), json(MOER), expired(), json(LOGIN), expired()]);
    let own = provider("watttime", &server.base);
    fetch(own.as_ref(), &moer("2026-11-25T05:10:00Z"), NOW).expect("by the first token");
    assert!(refusal(fetch(own.as_ref(), &moer("2026-11-25T05:10:00Z"), NOW)).contains("refuses the key"));
}

#[test]
fn watttime_is_never_asked_whether_its_token_has_changed() {
    let tagged = |body: &str| Turn::Say(200, vec![("etag", "\"v1\"".into())], body.into());
    let server = Server::new([tagged(LOGIN), tagged(MOER), tagged(LOGIN), status(304, "")]);
    let clock = Script::at(NOW);
    let first = Door::open(&clock, limits());
    provider("watttime", &server.base).fetch(&moer("2026-11-25T05:10:00Z"), &first).expect("an answer");
    let again = Door::open(&clock, limits()).only_changes(first.validators());
    let answer = provider("watttime", &server.base).fetch(&moer("2026-11-25T05:10:00Z"), &again).expect("unchanged");
    let asks = |index: usize| server.heads()[index].to_ascii_lowercase().contains("if-none-match");
    assert_eq!((answer.unchanged, asks(2), asks(3)), (true, false, true));
}

#[test]
fn watttime_tells_the_region_of_coordinates() {
    let region = r#"{"region":"PSCO","region_full_name":"Public Service Co of Colorado","signal_type":"co2_moer"}"#;
    let server = Server::new([json(LOGIN), json(region), json(MOER)]);
    let mut asked = ask("US-NW-PSCO", "marginal", "2026-11-25T05:00:00Z", "2026-11-25T05:10:00Z");
    let lost = refusal(fetch(provider("watttime", &server.base).as_ref(), &asked, NOW));
    assert!(lost.contains("--at LAT,LON"), "{lost}");
    asked.at = Some((39.75, -104.98));
    fetch(provider("watttime", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_eq!(server.paths()[1], "/v3/region-from-loc?latitude=39.75&longitude=-104.98&signal_type=co2_moer");
    assert!(server.paths()[2].contains("region=PSCO"));

    let nowhere =
        r#"{"error":"No coverage available for these coordinates and signal_type","latitude":"0","longitude":"0"}"#;
    let server = Server::new([json(LOGIN), status(404, nowhere)]);
    asked.at = Some((0.0, 0.0));
    assert!(
        refusal(fetch(provider("watttime", &server.base).as_ref(), &asked, NOW)).contains("has no marginal of zone")
    );
}

#[test]
fn watttime_names_what_the_plan_lacks_and_refuses_other_units() {
    let scope = r#"{"error":"Invalid query parameters","message":"Invalid scope. You do not have sufficient access for region ERCOT"}"#;
    let server = Server::new([json(LOGIN), status(403, scope)]);
    assert_snapshot!(refusal(fetch(provider("watttime", &server.base).as_ref(), &moer("2026-11-25T05:10:00Z"), NOW)), @"`watttime` does not give this under your plan: Invalid scope. You do not have sufficient access for region ERCOT [Gone] help: ask for what the plan covers, another provider, or another plan; docs/guide/providers/watttime.md lists them");
    let server = Server::new([json(LOGIN), json(&MOER.replace("lbs_co2_per_mwh", "percentile"))]);
    assert_snapshot!(refusal(fetch(provider("watttime", &server.base).as_ref(), &moer("2026-11-25T05:10:00Z"), NOW)), @"`watttime`'s answer is not as documented: the text `percentile` in the place of the unit lbs_co2_per_mwh [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

#[test]
fn eia_stamps_are_the_end_of_the_hour_and_numbers_may_be_text() {
    let body = r#"{"response":{"total":"5","dateFormat":"YYYY-MM-DD\"T\"HH24","frequency":"hourly","data":[
        {"period":"2022-10-31T11","respondent":"BPAT","fueltype":"WND","type-name":"Wind","value":"20","value-units":"megawatthours"},
        {"period":"2022-10-31T11","respondent":"BPAT","fueltype":"WAT","value":4000,"value-units":"megawatthours"},
        {"period":"2022-10-31T11","respondent":"BPAT","fueltype":"NG","value":"-3"},
        {"period":"2022-10-31T11","respondent":"BPAT","fueltype":"BAT","value":"-70"},
        {"period":"2022-10-31T12","respondent":"BPAT","fueltype":"WND","value":null},
        {"period":"2022-10-31T12","respondent":"BPAT","fueltype":"SNB","value":1},
        {"period":"2022-10-31T12","respondent":"BPAT","fueltype":"SUN","value":2},
        {"period":"2022-10-31T12","respondent":"BPAT","fueltype":"XYZ","value":9}]},"apiVersion":"2.1.8"}"#;
    let server = Server::new([json(body)]);
    let asked = ask("US-NW-BPAT", "generation-wind", "2022-10-31T10:00:00Z", "2022-10-31T12:00:00Z");
    let answer = fetch(provider("eia", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    generation-gas MW 2022-10-31T10:00:00Z 3600s: 0
    generation-hydro MW 2022-10-31T10:00:00Z 3600s: 4000
    generation-solar MW 2022-10-31T11:00:00Z 3600s: 3
    generation-wind MW 2022-10-31T10:00:00Z 3600s: 20
    generation-unknown MW 2022-10-31T11:00:00Z 3600s: 9
    generation-battery MW 2022-10-31T10:00:00Z 3600s: -70
    note: steps of generation-wind that came without a value: 1
    ");
    let path = &server.paths()[0];
    assert!(path.starts_with(
        "/electricity/rto/fuel-type-data/data/?frequency=hourly&data%5B%5D=value&facets%5Brespondent%5D%5B%5D=BPAT"
    ));
    assert!(path.contains("start=2022-10-31T11&end=2022-10-31T12&"), "{path}");
}

#[test]
fn eia_is_paged_until_a_page_is_not_full() {
    let row = |hour: usize| {
        let at = crate::rig::at("2026-01-01T01:00:00Z") + jiff::SignedDuration::from_hours((hour % 300) as i64);
        format!(r#"{{"period":"{}","respondent":"CISO","type":"D","value":"{hour}"}}"#, at.strftime("%Y-%m-%dT%H"))
    };
    let page = |rows: std::ops::Range<usize>| {
        json(&format!(r#"{{"response":{{"data":[{}]}}}}"#, rows.map(row).collect::<Vec<_>>().join(",")))
    };
    let server = Server::new([page(0..5000), page(0..3)]);
    let asked = ask("US-CAL-CISO", "load", "2026-01-01T00:00:00Z", "2026-01-10T00:00:00Z");
    fetch(provider("eia", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert!(
        server.paths()[0].contains("offset=0&length=5000") && server.paths()[1].contains("offset=5000&length=5000")
    );
}

#[test]
fn eia_interchange_is_what_comes_from_a_neighbour() {
    let body = r#"{"response":{"data":[{"period":"2026-01-01T01","fromba":"BPAT","toba":"CISO","value":"1500"},
        {"period":"2026-01-01T02","fromba":"BPAT","toba":"CISO","value":-20}]}}"#;
    let server = Server::new([json(body)]);
    let asked = ask("US-CAL-CISO", "import-US-NW-BPAT", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z");
    assert_snapshot!(told(&fetch(provider("eia", &server.base).as_ref(), &asked, NOW).expect("an answer")), @"import-US-NW-BPAT MW 2026-01-01T00:00:00Z 3600s: 1500 -20");
}

#[test]
fn eia_over_its_limit_is_a_matter_of_waiting() {
    let over = || status(429, r#"{"error":{"code":"OVER_RATE_LIMIT","message":"You have exceeded your rate limit."}}"#);
    let server = Server::new([over(), over(), over()]);
    let asked = ask("US-CAL-CISO", "load", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert!(refusal(fetch(provider("eia", &server.base).as_ref(), &asked, NOW)).contains("asked too often"));
}

#[test]
fn open_electricity_is_emissions_over_energy_of_the_same_hour() {
    let part = |metric: &str, unit: &str, values: [&str; 4]| {
        let hour = |(index, value): (usize, &&str)| format!(r#"["2026-11-25T{:02}:00:00+10:00",{value}]"#, index + 13);
        let data: Vec<String> = values.iter().enumerate().map(hour).collect();
        format!(
            r#"{{"network_code":"NEM","metric":"{metric}","unit":"{unit}","interval":"1h","results":[
            {{"name":"{metric}_TAS1","columns":{{"region":"TAS1"}},"data":[["2026-11-25T13:00:00+10:00",1]]}},
            {{"name":"{metric}_NSW1","columns":{{"region":"NSW1"}},"data":[{}]}}]}}"#,
            data.join(",")
        )
    };
    let body = format!(
        r#"{{"version":"4.4.5","success":true,"error":null,"data":[{},{}]}}"#,
        part("emissions", "t", ["4200", "4000", "null", "5"]),
        part("energy", "MWh", ["7000", "8000", "8000", "0"])
    );
    let server = Server::new([json(&body)]);
    let asked = ask("AU-NSW", "direct", "2026-11-25T03:00:00Z", "2026-11-25T07:00:00Z");
    let answer = fetch(provider("open-electricity", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    direct gCO2e/kWh 2026-11-25T03:00:00Z 3600s: 600 500
    note: steps of direct that came without a value: 2
    ");
    assert!(server.paths()[0].contains("date_start=2026-11-25T13%3A00%3A00&date_end=2026-11-25T17%3A00%3A00"));
    assert!(server.heads()[0].contains(&format!("Bearer {KEY}")));

    let server = Server::new([json(r#"{"success":false,"error":"Date range too large","data":[]}"#)]);
    assert_snapshot!(refusal(fetch(provider("open-electricity", &server.base).as_ref(), &asked, NOW)), @"`open-electricity`'s answer is not as documented: a failure: the text `Date range too large` [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

#[test]
fn a_redirect_to_another_host_does_not_take_the_key_there() {
    let elsewhere = Server::new([json("{}")]);
    let moved = Turn::Say(302, vec![("location", format!("{}/v3", elsewhere.base))], vec![]);
    let server = Server::new([moved]);
    let asked = de("2026-11-25T03:00:00Z", "2026-11-25T06:00:00Z");
    let shown = refusal(fetch(provider("electricity-maps", &server.base).as_ref(), &asked, NOW));
    assert!(shown.contains("sends on to") && shown.contains("GREENWICH_ELECTRICITY_MAPS_URL"), "{shown}");
    assert!(elsewhere.heads().is_empty());
}
