//! ENTSO-E: XML in all its forms.

use crate::rig::{KEY, Server, Turn, ask, fetch, provider, refusal, status, told, xml};
use greenwich_providers::Ask;
use insta::assert_snapshot;

const NOW: &str = "2026-11-25T06:00:00Z";

fn series(fuel: &str, domain: &str, curve: &str, points: &[(usize, f64)]) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|(position, quantity)| {
            format!("<Point><position>{position}</position><quantity>{quantity}</quantity></Point>")
        })
        .collect();
    let points = points.concat();
    format!(
        "<TimeSeries><mRID>1</mRID><businessType>A01</businessType><objectAggregation>A08</objectAggregation>
        <{domain}BiddingZone_Domain.mRID codingScheme=\"A01\">10YFI-1--------U</{domain}BiddingZone_Domain.mRID>
        <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>{curve}</curveType>
        <MktPSRType><psrType>{fuel}</psrType></MktPSRType>
        <Period><timeInterval><start>2026-11-25T02:00Z</start><end>2026-11-25T04:00Z</end></timeInterval>
        <resolution>PT30M</resolution>{points}</Period></TimeSeries>"
    )
}

fn generation(series: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
        <GL_MarketDocument xmlns=\"urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0\">
        <mRID>x</mRID><type>A75</type><time_Period.timeInterval><start>2026-11-25T02:00Z</start><end>2026-11-25T04:00Z</end></time_Period.timeInterval>
        {series}</GL_MarketDocument>"
    )
}

fn fi(quantity: &str) -> Ask {
    ask("FI", quantity, "2026-11-25T02:00:00Z", "2026-11-25T04:00:00Z")
}

fn acknowledged(code: &str, text: &str) -> String {
    format!(
        "<Acknowledgement_MarketDocument xmlns=\"urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0\"><mRID>x</mRID>
        <Reason><code>{code}</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
    )
}

#[test]
fn generation_comes_by_fuel_and_what_pumps_take_counts_against_them() {
    let body = generation(
        &[
            series("B01", "in", "A01", &[(1, 700.0), (2, 701.5), (3, 702.0), (4, 703.0)]),
            series("B11", "in", "A01", &[(1, 10.0), (2, 10.0), (3, 10.0), (4, 10.0)]),
            series("B12", "in", "A01", &[(1, 5.0), (2, 6.0), (3, 7.0), (4, 8.0)]),
            series("B10", "in", "A01", &[(1, 100.0), (2, 0.0), (3, 0.0), (4, 0.0)]),
            series("B10", "out", "A01", &[(1, 0.0), (2, 250.0), (3, 0.0), (4, 30.0)]),
        ]
        .concat(),
    );
    let server = Server::new([xml(&body)]);
    let answer = fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-gas"), NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    generation-biomass MW 2026-11-25T02:00:00Z 1800s: 700 701.5 702 703
    generation-hydro MW 2026-11-25T02:00:00Z 1800s: 15 16 17 18
    generation-pumped-hydro MW 2026-11-25T02:00:00Z 1800s: 100 -250 0 -30
    ");
    let path = &server.paths()[0];
    assert!(path.contains("documentType=A75&processType=A16&in_Domain=10YFI-1--------U"), "{path}");
    assert!(path.contains("periodStart=202611250200&periodEnd=202611250400") && path.contains(KEY));
}

#[test]
fn a_position_left_out_repeats_the_one_before_under_curve_a03_only() {
    let sparse = [(1, 700.0), (4, 703.0)];
    for (curve, name) in [("A03", "held"), ("A01", "a gap")] {
        let server = Server::new([xml(&generation(&series("B14", "in", curve, &sparse)))]);
        let answer = fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-nuclear"), NOW);
        let shown = told(&answer.expect("an answer"));
        let wanted = if curve == "A03" { "700 700 700 703" } else { "700 - - 703" };
        assert!(shown.ends_with(wanted), "{name}: {shown}");
    }
    // It repeats to the end of the period.
    let server = Server::new([xml(&generation(&series("B14", "in", "A03", &[(2, 5.0)])))]);
    let answer = fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-nuclear"), NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"generation-nuclear MW 2026-11-25T02:30:00Z 1800s: 5 5 5");
}

/// Physical flows: a publication document whose series name both domains.
fn flows(out: &str, into: &str, points: &[(usize, f64)]) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|(position, quantity)| {
            format!("<Point><position>{position}</position><quantity>{quantity}</quantity></Point>")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
        <Publication_MarketDocument xmlns=\"urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:0\">
        <mRID>x</mRID><type>A11</type><period.timeInterval><start>2026-11-25T02:00Z</start><end>2026-11-25T04:00Z</end></period.timeInterval>
        <TimeSeries><mRID>1</mRID><businessType>A66</businessType>
        <in_Domain.mRID codingScheme=\"A01\">{into}</in_Domain.mRID><out_Domain.mRID codingScheme=\"A01\">{out}</out_Domain.mRID>
        <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A01</curveType>
        <Period><timeInterval><start>2026-11-25T02:00Z</start><end>2026-11-25T04:00Z</end></timeInterval>
        <resolution>PT60M</resolution>{}</Period></TimeSeries></Publication_MarketDocument>",
        points.concat()
    )
}

#[test]
fn what_crosses_a_border_is_asked_in_both_directions_and_netted() {
    let (fi, ee) = ("10YFI-1--------U", "10Y1001A1001A39I");
    let server =
        Server::new([xml(&flows(ee, fi, &[(1, 0.0), (2, 120.5)])), xml(&flows(fi, ee, &[(1, 650.0), (2, 0.0)]))]);
    let asked = ask("FI", "import-EE", "2026-11-25T02:00:00Z", "2026-11-25T04:00:00Z");
    let answer = fetch(provider("entsoe", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"import-EE MW 2026-11-25T02:00:00Z 3600s: -650 120.5");
    let paths = server.paths();
    assert!(paths[0].contains(&format!("documentType=A11&in_Domain={fi}&out_Domain={ee}")), "{paths:?}");
    assert!(paths[1].contains(&format!("in_Domain={ee}&out_Domain={fi}")), "{paths:?}");
}

#[test]
fn a_step_that_is_told_in_one_direction_only_is_left_out_and_said() {
    let (fi, ee) = ("10YFI-1--------U", "10Y1001A1001A39I");
    let server = Server::new([xml(&flows(ee, fi, &[(1, 10.0), (2, 20.0)])), xml(&flows(fi, ee, &[(2, 5.0)]))]);
    let asked = ask("FI", "import-EE", "2026-11-25T02:00:00Z", "2026-11-25T04:00:00Z");
    let answer = fetch(provider("entsoe", &server.base).as_ref(), &asked, NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    import-EE MW 2026-11-25T03:00:00Z 3600s: 15
    note: steps of import-EE told in one direction only, and left out: 1
    ");
    let nothing = xml(&acknowledged("999", "No matching data found for Data item"));
    let server = Server::new([nothing, xml(&flows(fi, ee, &[(1, 5.0)]))]);
    let shown = refusal(fetch(provider("entsoe", &server.base).as_ref(), &asked, NOW));
    assert!(shown.starts_with("`entsoe` has no import-EE of zone `FI`"), "{shown}");
}

#[test]
fn a_border_that_is_none_is_not_asked_for() {
    let server = Server::new([]);
    let asked = ask("FI", "import-ES", "2026-11-25T02:00:00Z", "2026-11-25T04:00:00Z");
    let shown = refusal(fetch(provider("entsoe", &server.base).as_ref(), &asked, NOW));
    assert!(shown.contains("has no import-ES of zone `FI`") && server.heads().is_empty(), "{shown}");
}

#[test]
fn a_long_answer_comes_as_an_archive() {
    let (one, two) = (
        generation(&series("B16", "in", "A01", &[(1, 1.0)])),
        generation(&series("B19", "in", "A01", &[(1, 2.0), (2, 3.0)])),
    );
    let server = Server::new([Turn::Say(200, vec![("content-type", "application/zip".into())], stored(&[&one, &two]))]);
    let answer = fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-gas"), NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"
    generation-solar MW 2026-11-25T02:00:00Z 1800s: 1
    generation-wind-onshore MW 2026-11-25T02:00:00Z 1800s: 2 3
    ");
    let broken = stored(&[&one])[..200].to_vec();
    let server = Server::new([Turn::Say(200, vec![], broken)]);
    let shown = refusal(fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-gas"), NOW));
    assert!(shown.contains("an archive without its directory"), "{shown}");
}

/// An archive of stored files.
fn stored(files: &[&str]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let mut sum = flate2::Crc::new();
        sum.update(file.as_bytes());
        let length = (file.len() as u32).to_le_bytes();
        let sizes = [sum.sum().to_le_bytes(), length, length].concat();
        let at = (out.len() as u32).to_le_bytes();
        out.extend([b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0", &sizes[..], b"\x05\0\0\0a.xml", file.as_bytes()].concat());
        directory.extend(
            [b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0", &sizes[..], b"\x05\0\0\0\0\0\0\0\0\0\0\0\0\0"].concat(),
        );
        directory.extend(at);
        directory.extend(b"a.xml");
    }
    let (at, length, count) = (out.len() as u32, directory.len() as u32, (files.len() as u16).to_le_bytes());
    out.extend(directory);
    out.extend(
        [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &length.to_le_bytes(), &at.to_le_bytes(), b"\0\0"].concat(),
    );
    out
}

fn prices(resolution: &str, currency: &str, points: &str) -> String {
    format!(
        "<Publication_MarketDocument xmlns=\"urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3\"><type>A44</type><TimeSeries>
        <in_Domain.mRID codingScheme=\"A01\">10YFI-1--------U</in_Domain.mRID><out_Domain.mRID codingScheme=\"A01\">10YFI-1--------U</out_Domain.mRID>
        <currency_Unit.name>{currency}</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name><curveType>A03</curveType>
        <Period><timeInterval><start>2026-11-25T02:00Z</start><end>2026-11-25T04:00Z</end></timeInterval>
        <resolution>{resolution}</resolution>{points}</Period></TimeSeries></Publication_MarketDocument>"
    )
}

#[test]
fn prices_come_by_the_quarter_with_repeats_left_out() {
    let points: Vec<String> = [(1, "10.5"), (2, "-3"), (6, "40")]
        .iter()
        .map(|(position, amount)| {
            format!("<Point><position>{position}</position><price.amount>{amount}</price.amount></Point>")
        })
        .collect();
    let points = points.concat();
    let server = Server::new([xml(&prices("PT15M", "EUR", &points))]);
    let answer = fetch(provider("entsoe", &server.base).as_ref(), &fi("price-EUR"), NOW).expect("an answer");
    assert_snapshot!(told(&answer), @"price-EUR EUR/MWh 2026-11-25T02:00:00Z 900s: 10.5 -3 -3 -3 -3 40 40 40");
    assert!(server.paths()[0].contains("documentType=A44&in_Domain=10YFI-1--------U&out_Domain=10YFI-1--------U"));

    let server = Server::new([xml(&prices("PT15M", "PLN", &points))]);
    assert_snapshot!(refusal(fetch(provider("entsoe", &server.base).as_ref(), &fi("price-EUR"), NOW)), @"`entsoe`'s answer is not as documented: prices in `PLN` [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
    let server = Server::new([xml(&prices("P1D", "EUR", ""))]);
    assert_snapshot!(refusal(fetch(provider("entsoe", &server.base).as_ref(), &fi("price-EUR"), NOW)), @"`entsoe`'s answer is not as documented: the resolution P1D [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

#[test]
fn a_day_of_23_or_25_hours_has_so_many_positions() {
    for (start, end, count) in
        [("2026-03-28T23:00Z", "2026-03-29T22:00Z", 23), ("2026-10-24T22:00Z", "2026-10-25T23:00Z", 25)]
    {
        let points: Vec<String> = (1..=count)
            .map(|position| {
                format!("<Point><position>{position}</position><price.amount>{position}</price.amount></Point>")
            })
            .collect();
        let body = prices("PT60M", "EUR", &points.concat())
            .replace("2026-11-25T02:00Z", start)
            .replace("2026-11-25T04:00Z", end);
        let server = Server::new([xml(&body)]);
        let whole = |stamp: &str| stamp.replace('Z', ":00Z");
        let asked = ask("FI", "price-EUR", &whole(start), &whole(end));
        let answer = fetch(provider("entsoe", &server.base).as_ref(), &asked, NOW).expect("an answer");
        assert_eq!((answer.blocks.len(), answer.blocks[0].known()), (1, count));
    }
}

#[test]
fn no_data_is_told_as_such_under_either_status() {
    let none =
        acknowledged("999", "No matching data found for Data item Actual Generation [16.1.B&C] (10YFI-1--------U)");
    let none = none.replace("B&C", "B&amp;C");
    for turn in [xml(&none), status(400, &none)] {
        let server = Server::new([turn]);
        let shown = refusal(fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-gas"), NOW));
        assert!(shown.starts_with("`entsoe` has no generation-gas of zone `FI` from"), "{shown}");
    }
}

#[test]
fn other_refusals_are_told_in_its_words() {
    let much = acknowledged("999", "The amount of requested data exceeds allowed limit. Allowed: 200");
    let server = Server::new([xml(&much)]);
    assert_snapshot!(refusal(fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-gas"), NOW)), @"`entsoe` answered with status 200: The amount of requested data exceeds allowed limit. Allowed: 200 [Gone] help: check zone, quantity and window");
}

#[test]
fn documents_that_are_none_are_told() {
    for (body, found) in [
        ("", "an empty document"),
        ("<html><body>maintenance</body></html>", "a document `html`"),
        ("<GL_MarketDocument><TimeSeries>", "XML that is cut off"),
        ("<GL_MarketDocument></TimeSeries></GL_MarketDocument>", "broken XML"),
    ] {
        let server = Server::new([xml(body)]);
        let shown = refusal(fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-gas"), NOW));
        assert!(shown.contains(found), "{shown}");
    }
    let far = generation(&series("B14", "in", "A01", &[(5, 1.0)]));
    let server = Server::new([xml(&far)]);
    let shown = refusal(fetch(provider("entsoe", &server.base).as_ref(), &fi("generation-gas"), NOW));
    assert!(shown.contains("position 5 of 4"), "{shown}");
}
