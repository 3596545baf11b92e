//! Filling the history: what is asked for, what is kept, and what is not asked for twice.

use crate::rig::{Script, Server, Turn, ask, at, json, limits, provider, status};
use greenwich_core::{Signal, Window};
use greenwich_grid::Quantity;
use greenwich_providers::{Ask, Door, Filled, ProviderError, Store, fill, validators};
use jiff::{SignedDuration, Timestamp};

const DIRECT: Quantity = Quantity::Intensity(Signal::Direct);

fn half_hours(from: &str, cells: &str) -> String {
    let form = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%MZ").to_string();
    let item = |(index, cell): (usize, &str)| {
        let start = at(from) + SignedDuration::from_mins(30 * index as i64);
        let (actual, forecast) = match cell.strip_prefix('?') {
            Some(forecast) => ("null".to_owned(), forecast.to_owned()),
            None => (cell.to_owned(), "1".to_owned()),
        };
        let end = form(start + SignedDuration::from_mins(30));
        format!(r#"{{"from":"{}","to":"{end}","intensity":{{"forecast":{forecast},"actual":{actual}}}}}"#, form(start))
    };
    format!(r#"{{"data":[{}]}}"#, cells.split(' ').enumerate().map(item).collect::<Vec<_>>().join(","))
}

struct Rig {
    _folder: tempfile::TempDir,
    store: Store,
    clock: Script,
}

fn rig(now: &str) -> Rig {
    let folder = tempfile::tempdir().expect("a folder for the test");
    Rig { store: Store::at(folder.path().join("signals")), _folder: folder, clock: Script::at(now) }
}

impl Rig {
    fn fill(&self, server: &Server, asked: &Ask) -> Result<Filled, ProviderError> {
        let neso = provider("neso", &server.base);
        let known = validators(&self.store, neso.as_ref(), asked, at("2026-11-25T06:00:00Z"))?;
        fill(&self.store, neso.as_ref(), asked, &Door::open(&self.clock, limits()).only_changes(known))
    }

    fn means(&self, asked: &Ask, known_at: &str) -> Vec<Option<f64>> {
        let loaded = self.store.load(&asked.zone).expect("it is sound");
        assert!(loaded.damage.is_empty());
        let half = SignedDuration::from_mins(30);
        loaded.history.means(&DIRECT, "neso", asked.window, half, at(known_at)).1
    }
}

fn gb(from: &str, until: &str) -> Ask {
    ask("GB", "direct", from, until)
}

#[test]
fn what_is_settled_is_never_asked_for_again() {
    let rig = rig("2026-11-25T06:00:00Z");
    let asked = gb("2026-11-20T00:00:00Z", "2026-11-20T02:00:00Z");
    let server = Server::new([json(&half_hours("2026-11-20T00:00:00Z", "1 2 3 4"))]);
    let first = rig.fill(&server, &asked).expect("an answer");
    assert_eq!((first.new.get(&DIRECT), first.revised, first.asked), (Some(&4), 0, Some(asked.window)));
    let second = rig.fill(&server, &asked).expect("no question");
    assert_eq!((second.asked, second.new.len(), server.heads().len()), (None, 0, 1));
    assert_eq!(rig.means(&asked, "2027-01-01T00:00:00Z"), [Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
}

#[test]
fn only_the_part_that_is_missing_is_asked_for() {
    let rig = rig("2026-11-25T06:00:00Z");
    let server = Server::new([
        json(&half_hours("2026-11-20T00:00:00Z", "1 2")),
        json(&half_hours("2026-11-20T01:00:00Z", "3 4")),
    ]);
    rig.fill(&server, &gb("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z")).expect("an answer");
    rig.fill(&server, &gb("2026-11-20T00:00:00Z", "2026-11-20T02:00:00Z")).expect("an answer");
    assert_eq!(server.paths()[1], "/intensity/2026-11-20T01:00Z/2026-11-20T02:00Z");
}

#[test]
fn a_forecast_is_revised_by_what_was_measured_and_both_are_remembered() {
    let rig = rig("2026-11-25T06:00:00Z");
    let asked = gb("2026-11-25T05:00:00Z", "2026-11-25T07:00:00Z");
    let server = Server::new([
        json(&half_hours("2026-11-25T05:00:00Z", "100 110 ?120 ?130")),
        json(&half_hours("2026-11-25T05:00:00Z", "100 111 150 ?125")),
    ]);
    rig.fill(&server, &asked).expect("an answer");
    // Within ten minutes nothing is asked for anew.
    rig.clock.go_to("2026-11-25T06:09:00Z");
    assert_eq!(rig.fill(&server, &asked).expect("no question").asked, None);
    rig.clock.go_to("2026-11-25T06:45:00Z");
    let later = rig.fill(&server, &asked).expect("an answer");
    assert_eq!((later.new.get(&DIRECT), later.revised), (Some(&3), 3));
    let of = |values: [f64; 4]| values.map(Some).to_vec();
    assert_eq!(rig.means(&asked, "2026-11-25T06:44:00Z"), of([100.0, 110.0, 120.0, 130.0]));
    assert_eq!(rig.means(&asked, "2026-11-25T06:45:00Z"), of([100.0, 111.0, 150.0, 125.0]));
}

#[test]
fn a_failure_in_the_middle_leaves_what_was_held() {
    let rig = rig("2026-11-25T06:00:00Z");
    let held = gb("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z");
    let server = Server::new([json(&half_hours("2026-11-20T00:00:00Z", "1 2")), status(404, "gone")]);
    rig.fill(&server, &held).expect("an answer");
    let more = gb("2026-11-20T00:00:00Z", "2026-11-20T02:00:00Z");
    assert!(matches!(rig.fill(&server, &more), Err(ProviderError::Status { status: 404, .. })));
    assert_eq!(rig.means(&held, "2027-01-01T00:00:00Z"), [Some(1.0), Some(2.0)]);
}

#[test]
fn offline_what_is_held_answers_and_the_rest_says_how_to_get_it() {
    let rig = rig("2026-11-25T06:00:00Z");
    let asked = gb("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z");
    let server = Server::new([json(&half_hours("2026-11-20T00:00:00Z", "1 2"))]);
    rig.fill(&server, &asked).expect("an answer");
    let neso = provider("neso", &server.base);
    let door = Door::offline(&rig.clock);
    assert_eq!(fill(&rig.store, neso.as_ref(), &asked, &door).expect("it is held").asked, None);
    let more = gb("2026-11-20T00:00:00Z", "2026-11-20T02:00:00Z");
    assert_eq!(fill(&rig.store, neso.as_ref(), &more, &door), Err(ProviderError::Offline { provider: "neso" }));
}

#[test]
fn an_unchanged_answer_costs_no_body_and_changes_nothing() {
    let rig = rig("2026-11-25T06:00:00Z");
    let asked = gb("2026-11-25T04:00:00Z", "2026-11-25T05:00:00Z");
    let tagged = Turn::Say(
        200,
        vec![("etag", "\"v1\"".into()), ("last-modified", "Wed, 25 Nov 2026 05:10:00 GMT".into())],
        half_hours("2026-11-25T04:00:00Z", "1 2").into(),
    );
    let server = Server::new([tagged, status(304, ""), json(&half_hours("2026-11-25T03:00:00Z", "8 9 1 2"))]);
    rig.fill(&server, &asked).expect("an answer");
    rig.clock.go_to("2026-11-25T07:00:00Z");
    let again = rig.fill(&server, &asked).expect("unchanged");
    assert_eq!((again.unchanged, again.new.len()), (true, 0));
    let head = server.heads()[1].to_ascii_lowercase();
    assert!(head.contains("if-none-match: \"v1\"") && head.contains("if-modified-since: wed, 25 nov 2026"), "{head}");
    // Where something is missing no condition is set: "unchanged" would bring nothing.
    let wider = gb("2026-11-25T03:00:00Z", "2026-11-25T05:00:00Z");
    rig.fill(&server, &wider).expect("an answer");
    assert!(!server.heads()[2].to_ascii_lowercase().contains("if-none-match"), "{}", server.heads()[2]);
}

#[test]
fn what_is_asked_for_is_whole_steps_even_if_the_window_is_not() {
    let rig = rig("2026-11-25T06:00:00Z");
    let window = Window::new(at("2026-11-20T00:10:00Z"), at("2026-11-20T00:50:00Z")).expect("forwards");
    let asked = Ask { window, ..gb("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z") };
    let server = Server::new([json(&half_hours("2026-11-20T00:00:00Z", "1 2"))]);
    let filled = rig.fill(&server, &asked).expect("an answer");
    assert_eq!(filled.new.get(&DIRECT), Some(&2));
    assert_eq!(rig.fill(&server, &asked).expect("no question").asked, None);
}
