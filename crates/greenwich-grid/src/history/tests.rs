//! What a history remembers, revises and survives.
//!
//! In: blocks by hand. Out: what slices of them say.

use super::*;
use crate::quantity::Currency;
use greenwich_core::Signal;
use insta::assert_snapshot;
use proptest::prelude::*;

const LIFECYCLE: Quantity = Quantity::Intensity(Signal::Lifecycle);

fn at(stamp: &str) -> Timestamp {
    stamp.parse().expect("a stamp")
}

/// The instant of an hour and minute of the day that all tests are of.
fn hm(text: &str) -> Timestamp {
    at(&format!("2026-11-24T{text}:00Z"))
}

fn window(start: &str, end: &str) -> Window {
    Window::new(hm(start), hm(end)).expect("forwards")
}

/// A block from words: `491.5`, `~3` estimated, `?4` forecast, `-` none.
fn block(source: &str, fetched: &str, start: &str, step_min: i64, cells: &str) -> Block {
    let cell = |word: &str| {
        let state = match word.as_bytes()[0] {
            b'~' => State::Estimated,
            b'?' => State::Forecast,
            b'-' => return None,
            _ => State::Measured,
        };
        Some((word.trim_start_matches(['~', '?']).parse().expect("a number"), state))
    };
    let step = SignedDuration::from_mins(step_min);
    let cells: Vec<_> = cells.split(' ').map(cell).collect();
    Block::new(LIFECYCLE, source, hm(fetched), hm(start), step, cells).expect("a sound block")
}

fn history(blocks: impl IntoIterator<Item = Block>) -> History {
    let mut history = History::new(ZoneId::new("DE"));
    for block in blocks {
        history.append(block);
    }
    history
}

fn words(history: &History, source: &str, window: Window, known: &str) -> String {
    let Some(slice) = history.slice(&LIFECYCLE, source, window, hm(known)) else { return "nothing".into() };
    let cell = |cell: &Option<Cell>| match cell {
        None => "-".to_owned(),
        Some(Cell { value, state: State::Measured, .. }) => value.to_string(),
        Some(Cell { value, state: State::Estimated, .. }) => format!("~{value}"),
        Some(Cell { value, state: State::Forecast, .. }) => format!("?{value}"),
    };
    slice.cells().iter().map(cell).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_file_is_text_that_one_can_read() {
    let block = block("energy-charts", "06:00", "04:00", 60, "491.5 - ~488 ?505.25");
    let text = first_line(&ZoneId::new("DE")) + &encode(&ZoneId::new("DE"), &block);
    assert_snapshot!(text, @"
    greenwich.history/1 DE
    block lifecycle gCO2e/kWh energy-charts 2026-11-24T06:00:00Z 2026-11-24T04:00:00Z 3600s 4 crc32c=6632292b
    491.5

    ~488
    ?505.25
    ");
    let decoded = decode(text.as_bytes()).expect("a history");
    assert_eq!((decoded.history, decoded.damage), (history([block]), vec![]));
}

#[test]
fn an_hour_is_told_as_it_was_known_then() {
    let history =
        history([block("em", "02:00", "00:00", 60, "100 ~200 ?300"), block("em", "04:00", "01:00", 60, "210 310")]);
    assert_eq!(words(&history, "em", window("00:00", "03:00"), "01:59"), "nothing");
    assert_eq!(words(&history, "em", window("00:00", "03:00"), "02:00"), "100 ~200 ?300");
    assert_eq!(words(&history, "em", window("00:00", "04:00"), "23:00"), "100 210 310 -");
}

#[test]
fn a_vintage_counts_by_when_it_was_fetched_not_by_its_place_in_the_file() {
    let history = history([block("em", "04:00", "00:00", 60, "2"), block("em", "02:00", "00:00", 60, "1")]);
    assert_eq!(words(&history, "em", window("00:00", "01:00"), "23:00"), "2");
}

#[test]
fn a_forecast_never_takes_the_place_of_a_measurement() {
    let history = history([block("em", "02:00", "00:00", 60, "100 ?5"), block("em", "03:00", "00:00", 60, "?1 ?2")]);
    assert_eq!(words(&history, "em", window("00:00", "02:00"), "23:00"), "100 ?2");
}

#[test]
fn an_empty_cell_says_nothing_and_takes_nothing_back() {
    let history = history([block("em", "02:00", "00:00", 60, "100 200"), block("em", "03:00", "00:00", 60, "- 201")]);
    assert_eq!(words(&history, "em", window("00:00", "02:00"), "23:00"), "100 201");
}

#[test]
fn two_sources_are_never_mixed() {
    let history = history([block("em", "02:00", "00:00", 60, "100"), block("neso", "02:00", "01:00", 60, "7")]);
    assert_eq!(words(&history, "em", window("00:00", "02:00"), "23:00"), "100 -");
    let held: Vec<String> = history.held().iter().map(|held| format!("{} {}", held.quantity, held.source)).collect();
    assert_eq!(held, ["lifecycle em", "lifecycle neso"]);
}

#[test]
fn a_change_of_step_is_cut_at_the_finer_one() {
    let history = history([block("em", "02:00", "00:00", 60, "100 200"), block("em", "03:00", "01:30", 15, "8 9")]);
    assert_eq!(words(&history, "em", window("00:30", "02:00"), "23:00"), "100 100 200 200 8 9");
}

#[test]
fn means_reach_outwards_to_whole_hours_and_need_every_part_of_one() {
    let history = history([block("em", "06:00", "00:00", 15, "1 2 3 4 5 6 - 8 9 9 9 9")]);
    let (start, means) =
        history.means(&LIFECYCLE, "em", window("00:20", "02:10"), SignedDuration::from_hours(1), hm("23:00"));
    assert_eq!((start, means), (hm("00:00"), vec![Some(2.5), None, Some(9.0)]));
    let (_, none) =
        history.means(&LIFECYCLE, "neso", window("00:20", "02:10"), SignedDuration::from_hours(1), hm("23:00"));
    assert_eq!(none, [None, None, None]);
}

#[test]
fn only_news_is_worth_a_block() {
    let known = history([block("em", "02:00", "00:00", 60, "100 200 300 ?400")]);
    let news =
        |cells: &str| known.news(&block("em", "05:00", "00:00", 60, cells)).map(|block| encode(&known.zone, &block));
    assert_eq!(news("100 200 300 ?400"), None);
    assert_eq!(news("- - ?7 -"), None, "a forecast of a measured hour");
    let told = news("100 200 301 410 420").expect("three hours are new");
    assert!(told.contains("T02:00:00Z 3600s 3 ") && told.ends_with("\n301\n410\n420\n"), "{told}");
}

#[test]
fn points_become_even_blocks() {
    let hour = SignedDuration::from_hours(1);
    let quarter = SignedDuration::from_mins(15);
    let point = |start: &str, step, value: f64| Point {
        start: hm(start),
        step,
        value: value.is_finite().then_some(value),
        state: State::Measured,
    };
    let points = [
        point("03:00", hour, 3.0),
        point("01:00", hour, 1.0),
        point("01:00", hour, 1.5),
        point("02:00", hour, f64::NAN),
        point("04:00", quarter, 4.0),
        point("04:15", quarter, 5.0),
    ];
    let found: Vec<String> = blocks(&Quantity::Price(Currency::EUR), "x y", hm("06:00"), &points)
        .iter()
        .map(|block| encode(&ZoneId::new("DE"), block).replace('\n', "|"))
        .map(|line| line[..line.find(" crc").expect("a checksum")].to_owned() + &line[line.find('|').expect("one")..])
        .collect();
    assert_eq!(
        found,
        [
            "block price-EUR EUR/MWh x-y 2026-11-24T06:00:00Z 2026-11-24T01:00:00Z 3600s 3|1.5||3|",
            "block price-EUR EUR/MWh x-y 2026-11-24T06:00:00Z 2026-11-24T04:00:00Z 900s 2|4|5|"
        ]
    );
}

#[test]
fn another_file_is_refused_with_the_mend() {
    let refused = |bytes: &[u8]| {
        let error = decode(bytes).expect_err("no history");
        format!("{error}; {}", miette::Diagnostic::help(&error).expect("a mend"))
    };
    assert_snapshot!(refused(b"utc,value\n"), @"it begins with `utc,value`, not with `greenwich.history/1 <zone>`; move the file away: it is not one of greenwich");
    assert_snapshot!(refused(b"greenwich.history/9 DE\n"), @"it begins with `greenwich.history/9 DE`, not with `greenwich.history/1 <zone>`; read it with the version of greenwich that wrote it, or a later one");
    assert_snapshot!(refused(b""), @"it begins with ``, not with `greenwich.history/1 <zone>`; move the file away: it is not one of greenwich");
}

/// A file of three blocks, and where each begins.
fn three() -> (Vec<u8>, Vec<usize>) {
    let zone = ZoneId::new("DE");
    let mut text = first_line(&zone);
    let mut starts = Vec::new();
    for (fetched, cells) in [("02:00", "1 2 3"), ("03:00", "4 5 6"), ("04:00", "7 8 9")] {
        starts.push(text.len());
        text += &encode(&zone, &block("em", fetched, "00:00", 60, cells));
    }
    (text.into_bytes(), starts)
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_block() {
    let (bytes, starts) = three();
    let ends = [&starts[1..], &[bytes.len()]].concat();
    for cut in starts[0]..=bytes.len() {
        let decoded = decode(&bytes[..cut]).expect("its first line is whole");
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(decoded.history.blocks().len(), whole, "cut at {cut}");
        let torn = !starts.contains(&cut) && cut != bytes.len();
        assert_eq!(decoded.damage.len(), usize::from(torn), "cut at {cut}");
        // What is appended after a torn block, on a line of its own, is found again.
        let mut mended = bytes[..cut].to_vec();
        mended.push(b'\n');
        mended.extend_from_slice(encode(&ZoneId::new("DE"), &block("em", "09:00", "00:00", 60, "77")).as_bytes());
        let again = decode(&mended).expect("its first line is whole");
        assert_eq!(words(&again.history, "em", window("00:00", "01:00"), "23:00"), "77", "cut at {cut}");
    }
}

#[test]
fn a_changed_byte_is_never_taken_for_data() {
    let (bytes, starts) = three();
    let first = String::from_utf8(first_line(&ZoneId::new("DE")).into_bytes()).expect("text").len();
    let whole = decode(&bytes).expect("whole").history;
    for place in first..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let decoded = decode(&changed).expect("its first line is whole");
        let hurt = starts.iter().rposition(|start| *start <= place).expect("inside a block");
        let same = |block: &&Block| whole.blocks().contains(block);
        assert!(decoded.history.blocks().iter().all(|block| same(&block)), "byte {place}");
        assert!(!decoded.history.blocks().is_empty() && !decoded.history.blocks().contains(&whole.blocks()[hurt]));
        assert!(!decoded.damage.is_empty());
    }
}

#[test]
fn a_block_of_another_zone_is_not_taken() {
    let text = first_line(&ZoneId::new("FR")) + &encode(&ZoneId::new("DE"), &block("em", "02:00", "00:00", 60, "1"));
    let decoded = decode(text.as_bytes()).expect("a history");
    assert_eq!((decoded.history.blocks().len(), decoded.damage.len()), (0, 1));
}

proptest! {
    #[test]
    fn any_block_is_read_back_to_the_bit(
        values in prop::collection::vec(prop::option::of((-1e12..1e12_f64, 0..3_u8)), 1..60),
        start_s in -2_000_000_000..4_000_000_000_i64,
        step_s in 1..90_000_i64,
    ) {
        let cells = values.iter().map(|cell| cell.map(|(value, state)| {
            (value, [State::Measured, State::Estimated, State::Forecast][state as usize])
        }));
        let start = Timestamp::from_second(start_s).expect("in range");
        let block = Block::new(LIFECYCLE, "any", hm("06:00"), start, SignedDuration::from_secs(step_s), cells);
        let block = block.expect("a sound block");
        let zone = ZoneId::new("US-CAL-CISO");
        let decoded = decode((first_line(&zone) + &encode(&zone, &block)).as_bytes()).expect("a history");
        prop_assert!(decoded.damage.is_empty());
        let back = &decoded.history.blocks()[0];
        prop_assert_eq!((back.start(), back.step(), back.len()), (block.start(), block.step(), block.len()));
        for index in 0..block.len() {
            prop_assert_eq!(back.cell(index), block.cell(index));
        }
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let whole = [first_line(&ZoneId::new("DE")).as_bytes(), b"block ", &bytes].concat();
        _ = decode(&whole);
        _ = decode(&bytes);
    }
}
