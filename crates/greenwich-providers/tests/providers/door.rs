//! What the door does with a network that misbehaves, the same for every provider.

use crate::rig::{
    KEY, KEYED, Script, Server, Turn, ask, at, fetch, json, limits, provider, refusal, secret, status, told,
};
use greenwich_providers::door::{Key, Request};
use greenwich_providers::{Answer, Ask, Door, Limits, ProviderError};
use insta::assert_snapshot;
use std::io::Write as _;
use std::time::Duration;

const NOW: &str = "2026-11-25T06:00:00Z";
const ONE: &str = r#"{"data":[{"from":"2026-11-25T03:00Z","to":"2026-11-25T03:30Z","intensity":{"forecast":200,"actual":210,"index":"high"}}]}"#;

fn gb() -> Ask {
    ask("GB", "direct", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z")
}

fn neso(server: &Server, limits: Limits, clock: &Script) -> Result<Answer, ProviderError> {
    provider("neso", &server.base).fetch(&gb(), &Door::open(clock, limits))
}

#[test]
fn a_busy_server_is_asked_again_with_growing_pauses() {
    let server = Server::new([status(503, ""), status(500, "<html>oops</html>"), json(ONE)]);
    let clock = Script::at(NOW);
    assert_eq!(told(&neso(&server, limits(), &clock).expect("at the third time")).lines().count(), 1);
    assert_eq!((clock.slept_s(), server.heads().len()), (vec![2, 4], 3));
}

#[test]
fn a_server_that_stays_busy_is_told_with_its_words() {
    let server =
        Server::new([status(502, ""), status(502, ""), status(502, "<html><title>502 Bad Gateway</title></html>")]);
    let clock = Script::at(NOW);
    assert_snapshot!(refusal(neso(&server, limits(), &clock)), @"`neso` answered with status 502: an HTML page titled `502 Bad Gateway` [Retry] help: ask again later");
}

#[test]
fn retry_after_is_heeded_and_a_long_one_is_told_instead() {
    let wait = |seconds: &str| Turn::Say(429, vec![("retry-after", seconds.to_owned())], vec![]);
    let server = Server::new([wait("17"), json(ONE)]);
    let clock = Script::at(NOW);
    neso(&server, limits(), &clock).expect("after the wait");
    assert_eq!(clock.slept_s(), [17]);

    let server = Server::new([wait("Wed, 25 Nov 2026 07:30:00 GMT")]);
    let clock = Script::at(NOW);
    assert_snapshot!(refusal(neso(&server, limits(), &clock)), @"`neso` was asked too often and answers again at 2026-11-25T07:30:00Z [Retry] help: wait and ask again; what came before is kept");
    assert!(clock.slept_s().is_empty());
}

#[test]
fn too_many_requests_without_a_word_of_when_is_tried_thrice() {
    let server = Server::new([status(429, ""), status(429, ""), status(429, "")]);
    let clock = Script::at(NOW);
    assert_snapshot!(refusal(neso(&server, limits(), &clock)), @"`neso` was asked too often [Retry] help: wait and ask again; what came before is kept");
    assert_eq!(clock.slept_s(), [2, 4]);
}

#[test]
fn a_server_that_hangs_is_given_up_after_the_patience() {
    let hang = || Turn::Hang(Duration::from_millis(1500));
    let server = Server::new([hang()]);
    let short = Limits { patience: Duration::from_millis(200), tries: 1, ..limits() };
    assert_snapshot!(refusal(neso(&server, short, &Script::at(NOW))), @"`neso` did not answer within 1 s [Retry] help: ask again later, or for a shorter window");
}

#[test]
fn when_the_time_for_all_questions_is_over_nobody_is_asked_any_more() {
    let busy = || status(503, "down");
    let server = Server::new([busy(), busy(), busy()]);
    let clock = Script::at(NOW);
    let ends = at(NOW) + jiff::SignedDuration::from_secs(5);
    let bounded = Limits { until: Some((ends, 5)), ..limits() };
    // It waits 2 s and not the 4 s after them, which would lie beyond the end.
    let error = neso(&server, bounded, &clock).expect_err("it stays down");
    assert!(matches!(error, ProviderError::Status { status: 503, .. }), "{error:?}");
    assert_eq!((clock.slept_s(), server.heads().len()), (vec![2], 2));
    clock.go_to("2026-11-25T07:00:00Z");
    assert_snapshot!(refusal(neso(&server, bounded, &clock)), @"`neso` is not asked any more: 5 s of asking are over [Retry] help: ask again: what came before is kept");
    assert_eq!(server.heads().len(), 2);
}

#[test]
fn an_answer_that_is_cut_off_is_never_taken_for_a_whole_one() {
    for turn in [Turn::Cut(4000, ONE), Turn::CutChunk(ONE), Turn::Cut(4000, "")] {
        let server = Server::new([turn]);
        let once = Limits { tries: 1, ..limits() };
        let error = neso(&server, once, &Script::at(NOW)).expect_err("it is cut");
        assert!(matches!(error, ProviderError::CutOff { .. }), "{error:?}");
    }
    let server = Server::new([Turn::Cut(4000, ONE), json(ONE)]);
    neso(&server, limits(), &Script::at(NOW)).expect("the second is whole");
}

#[test]
fn a_connection_that_closes_at_once_is_tried_again() {
    let server = Server::new([Turn::Close, json(ONE)]);
    neso(&server, limits(), &Script::at(NOW)).expect("the second answers");
}

#[test]
fn nobody_at_the_address_is_told_with_the_host() {
    let server = Server::new([]);
    std::thread::sleep(Duration::from_millis(50));
    let clock = Script::at(NOW);
    assert_snapshot!(refusal(neso(&server, limits(), &clock)), @"`neso` cannot be reached at 127.0.0.1: the connection is refused [Retry] help: check the network and any proxy; without one, --offline answers from what is kept");
    assert!(clock.slept_s().is_empty(), "who has no network does not wait for it");
}

#[test]
fn more_than_the_bound_is_not_read_packed_or_not() {
    let small = Limits { most_bytes: 1 << 20, tries: 1, ..limits() };
    let server = Server::new([Turn::Say(200, vec![], vec![b' '; (1 << 20) + 1])]);
    assert_snapshot!(refusal(neso(&server, small, &Script::at(NOW))), @"`neso`'s answer is above 1 MiB [Gone] help: ask for a shorter window");

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 50 << 20]).expect("memory takes all");
    let bomb = encoder.finish().expect("memory takes all");
    assert!(bomb.len() < 1 << 20);
    let server = Server::new([Turn::Say(200, vec![("content-encoding", "gzip".into())], bomb)]);
    let error = neso(&server, small, &Script::at(NOW)).expect_err("it swells");
    assert!(matches!(error, ProviderError::TooLarge { .. }), "{error:?}");
}

#[test]
fn a_packed_answer_is_unpacked() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(ONE.as_bytes()).expect("memory takes all");
    let packed = encoder.finish().expect("memory takes all");
    let server = Server::new([Turn::Say(200, vec![("content-encoding", "gzip".into())], packed)]);
    neso(&server, limits(), &Script::at(NOW)).expect("it is unpacked");
    assert!(server.heads()[0].to_ascii_lowercase().contains("accept-encoding: gzip"), "{:?}", server.heads());
}

#[test]
fn a_redirect_is_followed_at_home_and_never_abroad() {
    let moved = |to: &str| Turn::Say(301, vec![("location", to.to_owned())], vec![]);
    let server = Server::new([moved("/moved"), json(ONE)]);
    neso(&server, limits(), &Script::at(NOW)).expect("the same host");
    assert_eq!(server.paths()[1], "/moved");

    let elsewhere = Server::new([json(ONE)]);
    let server = Server::new([moved(&format!("{}/?api_key={KEY}", elsewhere.base))]);
    let shown = refusal(neso(&server, limits(), &Script::at(NOW)));
    assert_snapshot!(shown.replace(&elsewhere.base, "ELSEWHERE"), @"`neso` sends on to ELSEWHERE/, which is not followed [Gone] help: if that is where it lives now, set GREENWICH_NESO_URL to its address");
    assert!(elsewhere.heads().is_empty());

    let server = Server::new([moved("/a"), moved("/a"), moved("/a"), moved("/a")]);
    assert!(refusal(neso(&server, limits(), &Script::at(NOW))).contains("more than 3 redirects"));
}

#[test]
fn a_page_in_the_place_of_data_is_told_by_its_title() {
    let html = Turn::Say(
        200,
        vec![("content-type", "text/html".into())],
        b"<html><title>Down for\n maintenance</title>".into(),
    );
    let server = Server::new([html]);
    assert_snapshot!(refusal(neso(&server, limits(), &Script::at(NOW))), @"`neso`'s answer is not as documented: an HTML page titled `Down for maintenance` in the place of JSON [Gone] help: ask again later; if it stays so the service has changed: report it with this message");
}

#[test]
fn data_that_calls_itself_a_page_is_read_all_the_same() {
    let server = Server::new([Turn::Say(200, vec![("content-type", "text/html".into())], ONE.into())]);
    assert_snapshot!(told(&neso(&server, limits(), &Script::at(NOW)).expect("it is JSON")), @"direct gCO2e/kWh 2026-11-25T03:00:00Z 1800s: 210");
}

#[test]
fn an_empty_body_and_broken_json_are_told() {
    for (body, found) in [("", "an empty body"), ("{\"data\":[", "no JSON at line 1, column 9")] {
        let server = Server::new([json(body)]);
        let shown = refusal(neso(&server, limits(), &Script::at(NOW)));
        assert!(shown.contains(found), "{shown}");
    }
}

#[test]
fn a_shut_door_opens_no_socket() {
    let server = Server::new([json(ONE)]);
    let clock = Script::at(NOW);
    for id in ["neso", "energy-charts", "energinet", "awattar"] {
        let asked = match id {
            "neso" => gb(),
            "energy-charts" => ask("DE", "lifecycle", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z"),
            "energinet" => ask("DK-DK1", "direct", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z"),
            _ => ask("AT", "price-EUR", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z"),
        };
        let error = provider(id, &server.base).fetch(&asked, &Door::offline(&clock)).expect_err("the door is shut");
        assert_eq!(error, ProviderError::Offline { provider: provider(id, "").about().id });
    }
    for (id, zone, quantity) in KEYED {
        let asked = ask(zone, quantity, "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z");
        let error = provider(id, &server.base).fetch(&asked, &Door::offline(&clock)).expect_err("the door is shut");
        assert!(matches!(error, ProviderError::Offline { .. }), "{id}: {error:?}");
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(server.heads().is_empty());
}

#[test]
fn a_key_is_not_sent_in_the_open_nor_shown_in_the_log() {
    let plain = ask("DE", "lifecycle", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z");
    let shown = refusal(fetch(provider("electricity-maps", "http://example.org/v3").as_ref(), &plain, NOW));
    assert_snapshot!(shown, @"`electricity-maps`'s address example.org is not https, and a key would be read on the way [Gone] help: write https:// in GREENWICH_ELECTRICITY_MAPS_URL");

    let server = Server::new([json("{\"response\":{\"data\":[]}}")]);
    let clock = Script::at(NOW);
    let door = Door::open(&clock, limits());
    let asked = ask("US-CAL-CISO", "load", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z");
    _ = provider("eia", &server.base).fetch(&asked, &door);
    assert!(server.paths()[0].contains(&format!("api_key={KEY}")), "the server gets it");
    assert!(!door.log().is_empty() && !format!("{:?} {door:?}", door.log()).contains(KEY), "{:?}", door.log());
}

#[test]
fn a_request_shows_no_key() {
    let about = provider("eia", "").about();
    for key in [Key::Header("auth-token", "", secret()), Key::Query("api_key", secret())] {
        let request = Request { about, url: "https://host".into(), query: vec![], key };
        assert!(!format!("{request:?}").contains(KEY));
    }
}

#[test]
fn a_word_of_the_server_that_repeats_the_key_is_cleaned() {
    let server = Server::new([status(400, &format!("{{\"error\":\"bad value {KEY} in api_key\"}}"))]);
    let asked = ask("US-CAL-CISO", "load", "2026-11-25T03:00:00Z", "2026-11-25T04:00:00Z");
    assert_snapshot!(refusal(fetch(provider("eia", &server.base).as_ref(), &asked, NOW)), @"`eia` answered with status 400: bad value [secret] in api_key [Gone] help: check zone, quantity and window");
}

#[test]
fn the_pace_of_a_provider_is_kept() {
    let empty = "{\"data\":[]}";
    let server = Server::new([json(empty), json(empty), json(empty)]);
    let clock = Script::at(NOW);
    let long = ask("GB", "direct", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z");
    _ = provider("neso", &server.base).fetch(&long, &Door::open(&clock, limits()));
    assert_eq!(server.heads().len(), 3, "31 days are three questions of 14");
    assert_eq!(*clock.slept.borrow(), [Duration::from_millis(250), Duration::from_millis(250)]);
}
