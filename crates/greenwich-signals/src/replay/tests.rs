//! Traces of one zone and several, whole and broken.
//!
//! In: folders of small files. Out: series, refusals with their mends, and other columns.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use insta::assert_snapshot;
use miette::Diagnostic;
use std::io::Write as _;
use tempfile::TempDir;

const SIX_HOURS: &str = "utc,price_usd_per_mwh,gco2e_per_kwh,gco2_direct_per_kwh
2022-01-05T00:00:00Z,40,100,80
2022-01-05T01:00:00Z,40,200,
2022-01-05T02:00:00Z,,300,180
2022-01-05T03:00:00Z,41,400,280
2022-01-05T04:00:00Z,39,500,380
2022-01-05T05:00:00Z,39,600,480
";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("a file for the test");
    }
    folder
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// Hours of 5 January 2022, as `from` to `to`.
fn hours(from: &str, to: &str) -> Window {
    let at = |time: &str| format!("2022-01-05T{time}Z").parse().expect("a stamp");
    Window::new(at(from), at(to)).expect("forwards")
}

fn ask(files: &[(&str, &[u8])], fill: Fill, signal: Signal, window: Window) -> Result<IntensitySeries, String> {
    let folder = folder(files);
    let told = |error: SignalError| {
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        format!("{error}\nhelp: {help}").replace(&folder.path().display().to_string(), "DIR")
    };
    let replay = Replay::open(folder.path(), fill).map_err(told)?;
    replay.series(&ZoneId::new("ES"), signal, window).map_err(told)
}

/// What a trace of ES gives from 01:00 to 05:00: values with provenance, or the refusal.
fn es(text: &str, fill: Fill) -> String {
    let asked = ask(&[("ES.csv", text.as_bytes())], fill, Signal::Lifecycle, hours("01:00:00", "05:00:00"));
    asked.map_or_else(|refusal| refusal, |series| format!("{:?}\n{}", series.values_g_per_kwh(), series.provenance))
}

fn refusal(files: &[(&str, &[u8])]) -> String {
    ask(files, Fill::Refuse, Signal::Lifecycle, hours("01:00:00", "05:00:00")).expect_err("a bad trace")
}

#[test]
fn further_columns_are_given_by_name_with_their_gaps_left_out() {
    let columns = |text: &str, before: Option<&str>| {
        let folder = folder(&[("ES.csv", text.as_bytes())]);
        let replay = Replay::open(folder.path(), Fill::Refuse).expect("one trace");
        let before = before.map(|stamp| stamp.parse().expect("a stamp"));
        let found = replay.columns(&ZoneId::new("ES"), |name| name.starts_with("price_"), before);
        found.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
    };
    let (step, found) = columns(SIX_HOURS, None).expect("a column");
    let values: Vec<f64> = found[0].known.iter().map(|(_, value)| *value).collect();
    assert_eq!((step, found.len(), found[0].name.as_str()), (SignedDuration::from_hours(1), 1, "price_usd_per_mwh"));
    assert_eq!(values, [40.0, 40.0, 41.0, 39.0, 39.0]);
    assert_eq!(found[0].known[2].0 - found[0].known[1].0, 7200, "an empty cell is a gap");
    let broken = SIX_HOURS.replace(",39,600", ",dear,600");
    assert_snapshot!(columns(&broken, None).expect_err("no number"), @"DIR/ES.csv:7: `dear` in `price_usd_per_mwh` is not a number");
    let (_, before) = columns(&broken, Some("2022-01-05T02:30:00Z")).expect("the broken row comes later");
    assert_eq!(before[0].known.len(), 2);
}

#[test]
fn nothing_stamped_at_the_instant_or_later_is_read() {
    let before: Timestamp = "2022-01-05T03:00:00Z".parse().expect("a stamp");
    let past = |text: &str| {
        let folder = folder(&[("ES.csv", text.as_bytes())]);
        let replay = Replay::open(folder.path(), Fill::Refuse).expect("one trace");
        replay.past(&ZoneId::new("ES"), Signal::Lifecycle, Some(before))
    };
    let known = past(SIX_HOURS).expect("three rows");
    assert_eq!((known.known.len(), known.end), (3, before));
    let broken = SIX_HOURS.replace("03:00:00Z,41,400,280", "03:00:00Z,x,nonsense").replace("05:00:00Z", "04:10:00Z");
    assert_eq!(past(&broken).expect("what is wrong comes later"), known);
    let one_row = SIX_HOURS.lines().take(2).collect::<Vec<_>>().join("\n");
    assert_eq!(past(&one_row).expect("one row is an hour").known.len(), 1);
    let none = past("utc,gco2e_per_kwh\n2022-01-05T09:00:00Z,5\n").expect("an empty past");
    assert_eq!((none.known.len(), none.start, none.end), (0, before, before));
}

#[test]
fn other_columns_are_read_by_the_same_rules() {
    let text = "utc,gco2e_per_kwh,temp_c,rh_pct\n2022-01-05T00:00:00Z,100,-3.5,80\n2022-01-05T01:00:00Z,,,81\n2022-01-05T02:00:00Z,120,4,\n";
    let folder = folder(&[
        ("ES.csv", text.as_bytes()),
        ("temp.csv", b"utc,temp_c\n2022-01-05T00:00:00Z,99\n2022-01-05T01:00:00Z,1\n"),
    ]);
    let replay = Replay::open(&folder.path().join("ES.csv"), Fill::Refuse).expect("a trace");
    let of = |column: &Measure| replay.column(&ZoneId::new("ES"), column, None).expect("a good trace");
    let values = |past: ColumnPast| past.known.iter().map(|(_, value)| *value).collect::<Vec<_>>();
    assert_eq!(of(&Measure::TEMPERATURE).map(values), Some(vec![-3.5, 4.0]));
    assert_eq!(of(&Measure::HUMIDITY).map(values), Some(vec![80.0, 81.0]));
    let wind = Measure { name: "wind_m_per_s", ..Measure::TEMPERATURE };
    assert_eq!(of(&wind), None);
    let hot = read_column(&folder.path().join("temp.csv"), &Measure::TEMPERATURE, None).expect_err("too hot");
    assert_snapshot!(hot.to_string().rsplit('/').next().unwrap_or_default(), @"temp.csv:2: `99` in `temp_c`, allowed is -90 to 60");
}

#[test]
fn a_window_takes_its_hours_from_the_column_of_the_signal() {
    assert_snapshot!(es(SIX_HOURS, Fill::Refuse), @"
    [200.0, 300.0, 400.0, 500.0]
    replayed from ES.csv
    ");
    let direct = ask(&[("ES.csv.gz", &gzip(SIX_HOURS))], Fill::Refuse, Signal::Direct, hours("02:30:00", "03:30:00"));
    let direct = direct.expect("a good trace");
    assert_eq!((direct.signal, direct.values_g_per_kwh()), (Signal::Direct, [180.0, 280.0].as_slice()));
    assert_eq!(direct.mean_g_per_kwh(hours("02:30:00", "03:30:00")), Some(230.0));
}

#[test]
fn a_single_file_is_a_folder_of_one_zone() {
    let folder = folder(&[("ES.csv", SIX_HOURS.as_bytes()), ("notes.txt", b"not read")]);
    let one = Replay::open(&folder.path().join("ES.csv"), Fill::Refuse).expect("a trace");
    let all = Replay::open(folder.path(), Fill::Refuse).expect("a folder");
    assert_eq!((one.zones(), all.zones()), (vec![ZoneId::new("ES")], vec![ZoneId::new("ES")]));
}

#[test]
fn steps_from_five_minutes_to_an_hour_are_told_from_the_rows() {
    let text = "\u{feff}\"utc\",\"gco2e_per_kwh\"\r\n2022-01-05T01:00:00Z,100\r\n2022-01-05T01:15:00+00:00, 200 \r\n\r\n2022-01-05T01:30:00Z,300\r\n";
    let asked = ask(&[("ES.csv", text.as_bytes())], Fill::Refuse, Signal::Lifecycle, hours("01:20:00", "01:40:00"));
    let series = asked.expect("a good trace");
    assert_eq!(series.step(), SignedDuration::from_mins(15));
    assert_eq!(series.start().to_string(), "2022-01-05T01:15:00Z");
    assert_eq!(series.values_g_per_kwh(), [200.0, 300.0]);
}

fn with_gaps() -> String {
    SIX_HOURS.replace("40,200", "40,").replace("2022-01-05T03:00:00Z,41,400,280\n", "")
}

#[test]
fn a_gap_inside_the_window_is_refused_with_zone_and_hour() {
    assert_snapshot!(es(&with_gaps(), Fill::Refuse), @"
    the lifecycle intensity of zone `ES` has a gap at 2022-01-05T01:00:00Z: 2 of 4 steps have no value in `DIR/ES.csv`
    help: write the missing values into `DIR/ES.csv`, or fill them by --fill hold or --fill mean
    ");
}

#[test]
fn a_gap_outside_the_window_does_no_harm() {
    assert_snapshot!(es(&SIX_HOURS.replace("39,600", "39,"), Fill::Refuse), @"
    [200.0, 300.0, 400.0, 500.0]
    replayed from ES.csv
    ");
}

#[test]
fn held_or_averaged_gaps_are_said() {
    assert_snapshot!(es(&with_gaps(), Fill::Hold), @"
    [100.0, 300.0, 300.0, 500.0]
    replayed from ES.csv, 2 of 4 steps filled by hold
    ");
    assert_snapshot!(es(&with_gaps(), Fill::Mean), @"
    [400.0, 300.0, 400.0, 500.0]
    replayed from ES.csv, 2 of 4 steps filled by mean
    ");
}

#[test]
fn what_has_nothing_to_fill_from_is_refused() {
    let head = SIX_HOURS.replace("40,100", "40,").replace("40,200", "40,");
    assert_snapshot!(es(&head, Fill::Hold), @"
    the gap of the lifecycle intensity of zone `ES` at 2022-01-05T01:00:00Z cannot be filled by hold: no hour before it has a value
    help: give a trace of `ES` that covers 2022-01-05T01:00:00Z to 2022-01-05T05:00:00Z
    ");
    let later = SIX_HOURS.replace("2022-01", "2022-02");
    assert_snapshot!(es(&later, Fill::Mean), @"
    the gap of the lifecycle intensity of zone `ES` at 2022-01-05T01:00:00Z cannot be filled by mean: no hour of the window has a value
    help: give a trace of `ES` that covers 2022-01-05T01:00:00Z to 2022-01-05T05:00:00Z
    ");
}

#[test]
fn a_window_that_sticks_out_of_the_trace_is_refused() {
    let asked =
        ask(&[("ES.csv", SIX_HOURS.as_bytes())], Fill::Refuse, Signal::Lifecycle, hours("04:00:00", "08:00:00"));
    assert_snapshot!(asked.expect_err("sticks out"), @"
    the lifecycle intensity of zone `ES` has no value at 2022-01-05T06:00:00Z: `DIR/ES.csv` runs from 2022-01-05T00:00:00Z to 2022-01-05T06:00:00Z, the window ends at 2022-01-05T08:00:00Z
    help: keep the window inside 2022-01-05T00:00:00Z to 2022-01-05T06:00:00Z, or give a trace that covers it
    ");
}

#[test]
fn a_signal_that_the_trace_lacks_is_refused() {
    let asked = ask(&[("ES.csv", SIX_HOURS.as_bytes())], Fill::Refuse, Signal::Marginal, hours("01:00:00", "05:00:00"));
    assert_snapshot!(asked.expect_err("no such column"), @"
    `DIR/ES.csv` holds no marginal intensity: it has no column `gco2e_marginal_per_kwh`
    help: add the column `gco2e_marginal_per_kwh`, or ask for lifecycle or direct
    ");
}

#[test]
fn a_zone_that_is_not_there_or_twice_there_is_refused() {
    assert_snapshot!(refusal(&[("FR.csv", b""), ("DE.csv", b"")]), @"
    `DIR` holds no trace of zone `ES`
    help: add `ES.csv`, or ask for one of `DE`, `FR`
    ");
    assert_snapshot!(refusal(&[("ES.csv", b""), ("ES.csv.gz", b"")]), @"
    zone `ES` is there twice: `DIR/ES.csv` and `DIR/ES.csv.gz`
    help: move one of the two out of the folder
    ");
    assert_snapshot!(refusal(&[("readme.txt", b"")]), @"
    `DIR` is no trace and holds none
    help: name each trace after its zone: <zone>.csv or <zone>.csv.gz, such as DE.csv
    ");
}

#[test]
fn a_path_that_is_not_there_is_refused() {
    let error = Replay::open(Path::new("no/such/folder"), Fill::Refuse).expect_err("not there");
    assert_snapshot!(error, @"cannot read `no/such/folder`: it is not there");
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_refused() {
    assert_snapshot!(refusal(&[("ES.csv.gz", SIX_HOURS.as_bytes())]), @"
    `DIR/ES.csv.gz` is not a whole gzip file: invalid gzip header
    help: compress it again by `gzip`, or name plain text .csv
    ");
    let cut = gzip(SIX_HOURS);
    assert_snapshot!(refusal(&[("ES.csv.gz", &cut[..cut.len() - 12])]), @"
    `DIR/ES.csv.gz` is not a whole gzip file: incomplete deflate stream
    help: compress it again by `gzip`, or name plain text .csv
    ");
    assert_snapshot!(refusal(&[("ES.csv", &gzip(SIX_HOURS))]), @"
    DIR/ES.csv:1: byte 0x8b is not UTF-8
    help: save the file as UTF-8, uncompressed unless its name ends in .gz
    ");
    assert_snapshot!(refusal(&[("ES.csv", b"utc,gco2e_per_kwh\n2022-01-05T00:00:00Z,1\xe9\n")]), @"
    DIR/ES.csv:2: byte 0xe9 is not UTF-8
    help: save the file as UTF-8, uncompressed unless its name ends in .gz
    ");
}

#[test]
fn a_header_without_the_columns_is_refused() {
    assert_snapshot!(refusal(&[("ES.csv", b"time,carbon\n2022-01-05T00:00:00Z,100\n")]), @"
    DIR/ES.csv:1: the header is `time,carbon`
    help: begin the file with the line `utc,gco2e_per_kwh`
    ");
    assert_snapshot!(refusal(&[("ES.csv", b"")]), @"
    DIR/ES.csv:1: the file is empty
    help: begin the file with the line `utc,gco2e_per_kwh`
    ");
}

#[test]
fn a_row_that_breaks_a_rule_is_refused_with_its_line() {
    let broken = |from: &str, to: &str| es(&SIX_HOURS.replace(from, to), Fill::Refuse);
    assert_snapshot!(broken("T02:00:00Z", "T01:00:00Z"), @"
    DIR/ES.csv:4: `2022-01-05T01:00:00Z` is there twice, first on line 3
    help: keep one row an interval
    ");
    assert_snapshot!(broken("T02:00:00Z", "T00:30:00Z"), @"
    DIR/ES.csv:4: `2022-01-05T00:30:00Z` is earlier than the row before it
    help: sort the rows by `utc`, earliest first
    ");
    assert_snapshot!(broken("2022-01-05T02:00:00Z", "05/01/2022 02:00"), @"
    DIR/ES.csv:4: `05/01/2022 02:00` is no instant that a trace can hold
    help: write UTC in whole seconds as in 2026-01-31T23:00:00Z, years 1900 to 2199
    ");
    assert_snapshot!(broken("2022-01-05T02:00:00Z", "2922-01-05T02:00:00Z"), @"
    DIR/ES.csv:4: `2922-01-05T02:00:00Z` is no instant that a trace can hold
    help: write UTC in whole seconds as in 2026-01-31T23:00:00Z, years 1900 to 2199
    ");
    assert_snapshot!(broken(",300,", ",n/a,"), @"
    DIR/ES.csv:4: `n/a` in `gco2e_per_kwh` is not a number
    help: leave the cell empty where the value is not known
    ");
    assert_snapshot!(broken(",300,", ",NaN,"), @"
    DIR/ES.csv:4: `NaN` in `gco2e_per_kwh` is not a number
    help: leave the cell empty where the value is not known
    ");
    assert_snapshot!(broken(",300,", ",inf,"), @"
    DIR/ES.csv:4: `inf` in `gco2e_per_kwh` is not a number
    help: leave the cell empty where the value is not known
    ");
    assert_snapshot!(broken(",300,", ",-300,"), @"
    DIR/ES.csv:4: `-300` in `gco2e_per_kwh`, allowed is 0 to 10000
    help: write grams of CO2e per kWh, and leave the cell empty if unknown
    ");
    assert_snapshot!(broken(",300,", ",300000,"), @"
    DIR/ES.csv:4: `300000` in `gco2e_per_kwh`, allowed is 0 to 10000
    help: write grams of CO2e per kWh, and leave the cell empty if unknown
    ");
    assert_snapshot!(broken(",300,180", ",300"), @"
    DIR/ES.csv:4: 3 cells where the header names 4
    help: give every row one cell a column; an empty cell is a gap
    ");
}

#[test]
fn rows_without_one_even_step_are_refused() {
    assert_snapshot!(es("utc,gco2e_per_kwh\n2022-01-05T00:00:00Z,1\n", Fill::Refuse), @"
    DIR/ES.csv:2: no step can be told from fewer than two rows
    help: give rows at one even step between 5 min and 1 h, at least two of them
    ");
    assert_snapshot!(es("utc,gco2e_per_kwh\n2022-01-05T00:00:00Z,1\n2022-01-05T03:00:00Z,1\n", Fill::Refuse), @"
    DIR/ES.csv:2: the rows are at least 180 min apart
    help: give rows at one even step between 5 min and 1 h, at least two of them
    ");
    assert_snapshot!(es("utc,gco2e_per_kwh\n2022-01-05T00:00:00Z,1\n2022-01-05T00:01:00Z,1\n", Fill::Refuse), @"
    DIR/ES.csv:2: the rows are 60 s apart
    help: give rows at one even step between 5 min and 1 h, at least two of them
    ");
    assert_snapshot!(es(&SIX_HOURS.replace("T04:00", "T03:30"), Fill::Refuse), @"
    DIR/ES.csv:6: `2022-01-05T03:30:00Z` does not lie on the step of 60 min from the first row
    help: give rows at one even step between 5 min and 1 h, at least two of them
    ");
}

#[test]
fn the_line_told_is_that_of_an_editor() {
    let blank = SIX_HOURS.replace("2022-01-05T02", "\n\n2022-01-05T02").replace(",300,", ",x,");
    assert!(es(&blank, Fill::Refuse).starts_with("DIR/ES.csv:6: "), "after blank lines");
    let dos = SIX_HOURS.replace('\n', "\r\n").replace(",300,", ",x,");
    assert!(es(&dos, Fill::Refuse).starts_with("DIR/ES.csv:4: "), "after carriage returns");
}
