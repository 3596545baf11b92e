//! A fleet through the roof: files in, a plan out, and what is told of it.
//!
//! In: small files that the tests write. Out: what people read, keys, and the check of the certificate.

use bytes::Bytes;
use greenwich::{BadRows, Fill, FleetOptions, FleetWeights, Signal, plan_fleet, plan_fleet_until, verify_certificate};
use insta::assert_snapshot;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

const JOBS: &str = "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible
long,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,3,2,700,north,north|south,0
loose,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,2,2,700,south,north|south,1
short,2022-07-04T02:00:00Z,2022-07-04T03:00:00Z,2,1,700,north,north,0
huge,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,1,9,700,north,north,0
";
const SITES: &str = "site,zone,pue,accelerators\nnorth,NO,1.1,2\nsouth,ES,1.2,2\n";

fn folder(jobs: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = |grams: [f64; 6]| {
        let rows = grams.iter().enumerate().map(|(hour, grams)| format!("2022-07-04T0{hour}:00:00Z,{grams}\n"));
        format!("utc,gco2e_per_kwh\n{}", rows.collect::<String>())
    };
    let files = [
        ("jobs.csv", jobs.to_owned()),
        ("sites.csv", SITES.to_owned()),
        ("grid/NO.csv", trace([50.0, 40.0, 30.0, 20.0, 20.0, 20.0])),
        ("grid/ES.csv", trace([300.0, 100.0, 300.0, 300.0, 100.0, 300.0])),
    ];
    std::fs::create_dir(folder.path().join("grid")).expect("made");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn options(folder: &Path) -> FleetOptions {
    FleetOptions {
        jobs: folder.join("jobs.csv"),
        sites: folder.join("sites.csv"),
        calendar: None,
        quotas: None,
        signals: folder.join("grid"),
        as_of: None,
        kept: None,
        inputs: Vec::new(),
        start: "2022-07-04T00:00:00Z".parse().expect("an instant"),
        hours: 6,
        fill: Fill::Refuse,
        signal: Signal::Lifecycle,
        unplaced_penalty_g: 2000.0,
        weights: FleetWeights::default(),
        bad_rows: BadRows::Refuse,
        effort: 1.0,
        threads: 1,
    }
}

#[test]
fn a_fleet_is_told_with_its_saving_its_bound_and_who_has_no_place() {
    let folder = folder(JOBS);
    let planned = plan_fleet(&options(folder.path())).expect("a plan");
    assert_snapshot!(planned.text(true), @r"
    4 jobs on 2 sites over 6 h from 2022-07-04T00:00:00Z, by lifecycle intensity
      placed       2
      unplaced     2
      CO2e         22.2 kgCO2e, penalties of unplaced jobs included
      run at once  1.24 kgCO2e at home, capacity ignored: the plan is 1687.74 % above it
      no plan      below 22.2 kgCO2e, proven: within 0.00 %
      1 unplaced, no allowed site has so many accelerators: huge
      1 unplaced, the window, as far as it is planned over, is shorter than the job: short
      by place     −580 gCO2e against run at once
      by time      −77.0 gCO2e against run at once
      by no place  +21.6 kgCO2e against run at once
      delay        3.0 h mean of 2 jobs, 95 % wait 4 h at most, the longest 4 h
      waits        south: 4.0 h mean of 1 job, 95 % wait 4 h at most, the longest 4 h
      waits        north: 2.0 h mean of 1 job, 95 % wait 2 h at most, the longest 2 h
      scarce       north at 2022-07-04T03:00:00Z: one more accelerator there would save 16 g
      scarce       north at 2022-07-04T05:00:00Z: one more accelerator there would save 15 g
      scarce       north at 2022-07-04T04:00:00Z: one more accelerator there would save 15 g
      scarce       north at 2022-07-04T02:00:00Z: one more accelerator there would save 8 g
    ");
}

#[test]
fn a_job_is_told_why_it_runs_where_it_does() {
    let folder = folder(JOBS);
    let planned = plan_fleet(&options(folder.path())).expect("a plan");
    let why = |job: &str| planned.why(job).expect("the job is there").text();
    assert_snapshot!(why("loose") + &why("huge"), @r"
    why `loose`
      planned   north from 2022-07-04T01:00:00Z to 2022-07-04T06:00:00Z: 92 g, and room worth 31 g to others
      at once   south from 2022-07-04T00:00:00Z to 2022-07-04T02:00:00Z: 672 g, and room worth 0 g to others
      best on   north from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z: 92 g, and room worth 31 g to others
      best on   south from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z: 336 g, and room worth 0 g to others
    why `huge`
      unplaced  no allowed site has so many accelerators
      at once   north from 2022-07-04T00:00:00Z to 2022-07-04T01:00:00Z: 347 g, and room worth 0 g to others
    ");
    let unknown = planned.why("lose").expect_err("no such job");
    assert_snapshot!(unknown, @"command line: `--why`: no job is called `lose`");
}

#[test]
fn a_certificate_is_verified_from_the_files_it_names_and_a_forged_one_is_not() {
    let folder = folder(JOBS);
    let options = options(folder.path());
    let planned = plan_fleet(&options).expect("a plan");
    let (plan, file) = (folder.path().join("plan.csv"), folder.path().join("certificate.json"));
    std::fs::write(&plan, planned.csv()).expect("written");
    let mut certificate = planned.certificate(&options, Some(&plan));
    let verified = |certificate: &serde_json::Value| {
        std::fs::write(&file, certificate.to_string()).expect("written");
        verify_certificate(&file)
    };
    let found = verified(&certificate).expect("it is a certificate");
    assert!(found.holds(), "{:?}", found.faults);
    assert!(found.proven_kg <= planned.plan.co2e.kg());
    let claimed = planned.plan.lower_bound.kg();
    assert!(
        (found.proven_kg - claimed).abs() <= 1e-9 * claimed,
        "{} is proven, {claimed} was printed",
        found.proven_kg
    );
    assert!(certificate["proof"].is_object(), "two jobs on two sites are searched to the end");
    let mut forged = certificate.clone();
    forged["proof"]["parts"][0] = serde_json::json!([{}]);
    let forged = verified(&forged).expect("it is a certificate");
    assert!(!forged.holds(), "a proof without its steps proves nothing");
    certificate["lower_bound_by_prices_co2e_kg"] = serde_json::json!(planned.plan.co2e.kg() * 2.0);
    certificate["co2e_kg"] = serde_json::json!(planned.plan.co2e.kg() / 2.0);
    assert_eq!(verified(&certificate).expect("it is a certificate").faults.len(), 2);
    let paused = String::from_utf8(planned.csv()).expect("text").replace("loose,north", "loose,south");
    std::fs::write(&plan, paused).expect("written");
    let moved = verified(&certificate);
    assert!(moved.is_ok_and(|found| !found.holds()), "the plan emits another amount");
    let late = "job,site,start,end\nlong,north,2022-07-04T04:00:00Z,2022-07-04T06:00:00Z\n";
    std::fs::write(&plan, late).expect("written");
    let error = verified(&certificate).expect_err("the plan breaks a rule").to_string();
    assert!(error.ends_with("`long` runs 2 h and needs 3"), "{error}");
}

#[test]
fn parquet_has_the_rows_of_the_csv() {
    let folder = folder(JOBS);
    let planned = plan_fleet(&options(folder.path())).expect("a plan");
    let reader = SerializedFileReader::new(Bytes::from(planned.parquet().expect("written"))).expect("a Parquet file");
    let mut rows = vec!["job,site,start,end".to_owned()];
    for row in reader.get_row_iter(None).expect("rows") {
        let row = row.expect("a row");
        let cells: Vec<&String> = (0..4).map(|at| row.get_string(at).expect("text")).collect();
        rows.push(cells.into_iter().map(String::as_str).collect::<Vec<_>>().join(","));
    }
    assert!(rows.len() > 2);
    assert_eq!(rows.join("\n") + "\n", String::from_utf8(planned.csv()).expect("text"));
}

/// A table as Parquet with columns of their own kinds: instants, counts, real numbers, yes or no, text.
fn as_parquet(csv: &str, file: &Path) {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().expect("the names of the columns");
    let rows: Vec<Vec<&str>> = lines.collect();
    let kinds = names.iter().map(|name| match *name {
        "release" | "deadline" | "start" | "end" => format!("required int64 {name} (TIMESTAMP(MICROS,true));"),
        "hours" | "accelerators" => format!("required int32 {name};"),
        "power_w" | "pue" => format!("required double {name};"),
        "interruptible" => format!("required boolean {name};"),
        _ => format!("required binary {name} (STRING);"),
    });
    let schema = parse_message_type(&format!("message m {{ {} }}", kinds.collect::<String>())).expect("a schema");
    let sink = std::fs::File::create(file).expect("made");
    let mut writer = SerializedFileWriter::new(sink, Arc::new(schema), Arc::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let mut at = 0;
    while let Some(mut column) = group.next_column().expect("a column") {
        let cells = rows.iter().map(|row| row[at]);
        match column.untyped() {
            ColumnWriter::Int64ColumnWriter(writer) => {
                let instants = cells.map(|cell| cell.parse::<jiff::Timestamp>().expect("an instant").as_microsecond());
                writer.write_batch(&instants.collect::<Vec<_>>(), None, None)
            }
            ColumnWriter::Int32ColumnWriter(writer) => {
                writer.write_batch(&cells.map(|cell| cell.parse().expect("a count")).collect::<Vec<_>>(), None, None)
            }
            ColumnWriter::DoubleColumnWriter(writer) => {
                writer.write_batch(&cells.map(|cell| cell.parse().expect("a number")).collect::<Vec<_>>(), None, None)
            }
            ColumnWriter::BoolColumnWriter(writer) => {
                writer.write_batch(&cells.map(|cell| cell == "1").collect::<Vec<_>>(), None, None)
            }
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                writer.write_batch(&cells.map(ByteArray::from).collect::<Vec<_>>(), None, None)
            }
            _ => unreachable!("no such kind is written"),
        }
        .expect("written");
        column.close().expect("closed");
        at += 1;
    }
    group.close().expect("closed");
    writer.close().expect("closed");
}

const CALENDAR: &str = "site,start,end,accelerators\nnorth,2022-07-04T03:00:00Z,2022-07-04T04:00:00Z,0\n";

#[test]
fn files_with_typed_columns_give_the_plan_that_csv_gives_and_are_verified() {
    let folder = folder(JOBS);
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("calendar.csv"), CALENDAR).expect("written");
    for (text, file) in [(JOBS, "jobs.parquet"), (SITES, "sites.parquet"), (CALENDAR, "calendar.parquet")] {
        as_parquet(text, &at(file));
    }
    let as_csv = FleetOptions { calendar: Some(at("calendar.csv")), ..options(folder.path()) };
    let typed = FleetOptions {
        jobs: at("jobs.parquet"),
        sites: at("sites.parquet"),
        calendar: Some(at("calendar.parquet")),
        ..as_csv.clone()
    };
    let (one, other) = (plan_fleet(&as_csv).expect("a plan"), plan_fleet(&typed).expect("a plan"));
    assert_eq!(one.csv(), other.csv());
    assert_eq!(one.fleet, other.fleet);
    assert!(one.plan.unplaced.len() < JOBS.lines().count() - 1, "somebody has a place");
    let (plan, certificate) = (at("plan.parquet"), at("certificate.json"));
    std::fs::write(&plan, other.parquet().expect("written")).expect("written");
    std::fs::write(&certificate, other.certificate(&typed, Some(&plan)).to_string()).expect("written");
    let verified = verify_certificate(&certificate).expect("it is a certificate");
    assert!(
        verified.holds() && verified.plan.is_some_and(|plan| plan.placed == other.plan.placed),
        "{:?}",
        verified.faults
    );
}

#[test]
fn a_bad_cell_of_parquet_is_told_with_its_row_and_can_be_left_out() {
    let folder = folder(JOBS);
    let file = folder.path().join("jobs.parquet");
    as_parquet(&JOBS.replace("06:00:00Z,2,2,700,south,north|south", "06:00:00Z,2,2,700,soth,north|south"), &file);
    let mut options = options(folder.path());
    options.jobs.clone_from(&file);
    let refused = |options: &FleetOptions| {
        let error = plan_fleet(options).expect_err("a bad row");
        let told = format!("{error}\nhelp: {}", error.help_text().unwrap_or_default());
        told.replace(&folder.path().display().to_string(), "DIR")
    };
    assert_snapshot!(refused(&options), @"
    cannot read `DIR/jobs.parquet`: row 2, column `home`: no site is called `soth`, found `soth`
    help: the nearest name is `south`
    ");
    let skipping = FleetOptions { bad_rows: BadRows::Skip, ..options.clone() };
    let planned = plan_fleet(&skipping).expect("bad rows are left out");
    assert!(planned.warnings.iter().any(|warning| warning.starts_with("1 rows were left out; the first: cannot read")));
    as_parquet("job,release,hours\na,2022-07-04T00:00:00Z,1\n", &file);
    assert_snapshot!(refused(&options), @"
    cannot read `DIR/jobs.parquet`: no column `deadline`, found `job,release,hours`
    help: give it the columns job, release, deadline, hours, accelerators, power_w, home, sites, interruptible
    ");
    std::fs::write(&file, JOBS).expect("written");
    assert!(refused(&options).contains("it is no sound Parquet"));
}

#[test]
fn the_picture_shows_what_runs_where_and_which_hours_are_scarce() {
    let folder = folder(JOBS);
    let planned = plan_fleet(&options(folder.path())).expect("a plan");
    let picture = planned.svg();
    // North holds two accelerators, and two run there in four or more of six hours; nothing runs in the south.
    for says in ["4 jobs on 2 sites", "2 without a place", ">north<", ">83 % used<", ">0 % used<", ">22.0–55.0 g/kWh<"]
    {
        assert!(picture.contains(says), "{says}: {picture}");
    }
}

#[test]
fn a_site_shows_its_jobs_one_by_one() {
    let folder = folder(JOBS);
    let planned = plan_fleet(&options(folder.path())).expect("a plan");
    let north = planned.site_svg("north").expect("it is there");
    // Three hours of two 700 W at a PUE of 1.1: one at 30 g/kWh, two at 20.
    let long =
        "long: 2 × 3 h, here 4 Jul 02:00 to 4 Jul 05:00; released 4 Jul 00:00, due 4 Jul 06:00; 108 gCO2e in all<";
    for says in ["2 jobs on north, NO: 83 % used", "<title>loose: 2 × 2 h", "gCO2e in all, home south<", long] {
        assert!(north.contains(says), "{says}: {north}");
    }
    assert!(planned.site_svg("south").expect("it is there").contains("0 jobs on south"));
    let unknown = planned.site_svg("west").expect_err("no such site");
    assert_snapshot!(format!("{unknown}\nhelp: {}", unknown.help_text().unwrap_or_default()), @"
    command line: `--svg-site`: no site is called `west`
    help: name one of north, south
    ");
}

#[test]
fn a_stop_gives_the_best_plan_so_far_with_a_bound_that_holds() {
    let folder = folder(JOBS);
    let stopped = plan_fleet_until(&options(folder.path()), &AtomicBool::new(true)).expect("a plan");
    let whole = plan_fleet(&options(folder.path())).expect("a plan");
    assert!(stopped.plan.stopped && !whole.plan.stopped);
    assert!(stopped.plan.lower_bound <= whole.plan.co2e && whole.plan.co2e <= stopped.plan.co2e);
    assert_eq!(stopped.plan.placed, 2);
    assert!(stopped.warnings.iter().any(|warning| warning.starts_with("stopped early")));
}

#[test]
fn equal_files_give_equal_bytes() {
    let folder = folder(JOBS);
    let csv = || plan_fleet(&options(folder.path())).expect("a plan").csv();
    assert_eq!(csv(), csv());
}

#[test]
fn a_gap_names_its_zone_and_hour_and_is_filled_where_that_is_asked_for() {
    let folder = folder(JOBS);
    let trace = "utc,gco2e_per_kwh\n2022-07-04T00:00:00Z,300\n2022-07-04T01:00:00Z,100\n2022-07-04T02:00:00Z,\n\
                 2022-07-04T03:00:00Z,300\n2022-07-04T04:00:00Z,100\n2022-07-04T05:00:00Z,300\n";
    std::fs::write(folder.path().join("grid/ES.csv"), trace).expect("written");
    let refused = plan_fleet(&options(folder.path())).expect_err("there is a gap");
    let told = refused.to_string();
    let told = told.split(" in `").next().expect("there is a message");
    assert_snapshot!(told, @"the lifecycle intensity of zone `ES` has a gap at 2022-07-04T02:00:00Z: 1 of 6 steps have no value");
    let filled = plan_fleet(&FleetOptions { fill: Fill::Hold, ..options(folder.path()) }).expect("a plan");
    assert_snapshot!(filled.warnings.join("\n"), @"ES: replayed from ES.csv, 1 of 6 steps filled by hold");
}

#[test]
fn a_site_under_its_weather_runs_in_its_cool_hours() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writable");
    std::fs::create_dir(folder.path().join("grid")).expect("a folder for the test");
    write(
        "jobs.csv",
        "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible\na,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,2,1,1000,one,one,0\n",
    );
    let sites = |more: &str, cell: &str| {
        write("sites.csv", &format!("site,zone,pue,accelerators{more}\none,ES,1.2,1{cell}\n"));
    };
    let rows = [30, 30, 10, 10, 30, 30].iter().zip(0..).map(|(c, hour)| format!("2022-07-04T0{hour}:00:00Z,200,{c}\n"));
    write("grid/ES.csv", &format!("utc,gco2e_per_kwh,temp_c\n{}", rows.collect::<String>()));
    let grams = || plan_fleet(&options(folder.path())).map(|planned| planned.plan.co2e.g());
    sites("", "");
    assert!((grams().expect("a plan") - 2.0 * 1.2 * 200.0).abs() < 1e-9);
    sites(",pue_curve", ",10:1.1|30:1.5");
    assert!((grams().expect("a plan") - 2.0 * 1.1 * 200.0).abs() < 1e-9, "the two cool hours");
    for bad in [",10:1.1", ",30:1.1|10:1.5", ",10:0.9|30:1.5", ",cold"] {
        sites(",pue_curve", bad);
        let error = grams().expect_err("no curve").to_string();
        assert!(error.contains("pue_curve") && error.contains("not a curve"), "{error}");
    }
}

#[test]
fn cost_follows_the_pue_of_the_hour_as_emissions_do() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writable");
    std::fs::create_dir(folder.path().join("grid")).expect("a folder for the test");
    write(
        "jobs.csv",
        "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible\na,2022-07-04T00:00:00Z,2022-07-04T02:00:00Z,2,1,1000,one,one,0\n",
    );
    let rows = (0..6).map(|hour| format!("2022-07-04T0{hour}:00:00Z,200,{}\n", 10 + 20 * (hour % 2)));
    write("grid/ES.csv", &format!("utc,gco2e_per_kwh,temp_c\n{}", rows.collect::<String>()));
    write("calendar.csv", "site,start,end,pue\none,2022-07-04T01:00:00Z,2022-07-04T02:00:00Z,1.8\n");
    let told = |more: &str, cell: &str, calendar: Option<&str>| {
        write("sites.csv", &format!("site,zone,pue,accelerators,usd_per_kwh{more}\none,ES,1.2,1,0.1{cell}\n"));
        let weights = FleetWeights { carbon_price_usd_per_t: Some(100.0), ..FleetWeights::default() };
        let calendar = calendar.map(|name| folder.path().join(name));
        let planned = plan_fleet(&FleetOptions { weights, calendar, ..options(folder.path()) }).expect("a plan");
        let tally = planned.plan.tally.expect("cost weighs");
        (planned.plan.co2e.g(), tally.cost.usd(), tally.baseline_cost.usd())
    };
    // A job of 1 kW over both hours, at 200 g and 0.1 USD a kWh of the meter.
    for (what, kwh) in [
        (told("", "", None), 1.2 + 1.2),
        (told("", "", Some("calendar.csv")), 1.2 + 1.8),
        (told(",pue_curve", ",10:1.1|30:1.5", None), 1.1 + 1.5),
    ] {
        let (grams, usd, at_once_usd) = what;
        assert!((grams - 200.0 * kwh).abs() < 1e-9, "{grams} g for {kwh} kWh");
        assert!((usd - 0.1 * kwh).abs() < 1e-12 && (at_once_usd - usd).abs() < 1e-12, "{usd} USD for {kwh} kWh");
    }
}

/// Jobs that move data, restart, run on kinds of their own and cost money.
const MORE: &str =
    "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible,accelerator,restart_minutes,data_gb,usd_per_hour
data,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,2,1,700,south,north|south,0,,,20,2
pauses,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,2,1,700,south,south,1,,30,,2
kinds,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,4,1,700,south,north|south,0,a100:1|h100:2:1200,,,2
";

fn more(folder: &TempDir) -> FleetOptions {
    let sites =
        "site,zone,pue,accelerators,accelerator,usd_per_kwh\nnorth,NO,1.1,2,h100,0.3\nsouth,ES,1.2,2,a100,0.1\n";
    std::fs::write(folder.path().join("sites.csv"), sites).expect("written");
    let weights = FleetWeights { transfer_kwh_per_gb: 0.06, ..FleetWeights::default() };
    FleetOptions { weights, ..options(folder.path()) }
}

#[test]
fn moved_data_restarts_and_machines_are_reckoned_with_and_told() {
    let folder = folder(MORE);
    let options = more(&folder);
    let planned = plan_fleet(&options).expect("a plan");
    assert_snapshot!(planned.text(true) + &planned.warnings.join("\n"), @r"
    3 jobs on 2 sites over 6 h from 2022-07-04T00:00:00Z, by lifecycle intensity
      placed       3
      unplaced     0
      CO2e         504 gCO2e
      run at once  1.51 kgCO2e at home, capacity ignored: the plan saves 66.69 %
      moving data  210 gCO2e, part of the CO2e
      restarts     1 after pauses: 42.0 gCO2e, part of the CO2e
      no plan      below 504 gCO2e, proven: within 0.00 %
      by place     −828 gCO2e against run at once
      by time      −312 gCO2e against run at once
      by no place  +0 gCO2e against run at once
      by machine   −120 gCO2e against run at once
      by moving    +210 gCO2e against run at once
      by restarts  +42.0 gCO2e against run at once
      delay        2.3 h mean of 3 jobs, 95 % wait 3 h at most, the longest 3 h
      waits        south: 2.3 h mean of 3 jobs, 95 % wait 3 h at most, the longest 3 h
    `usd_per_hour` is read and has no weight without --carbon-price
    ");
    let why = |job: &str| planned.why(job).expect("the job is there").text();
    assert_snapshot!(why("data") + &why("kinds"), @r"
    why `data`
      planned   north from 2022-07-04T03:00:00Z to 2022-07-04T05:00:00Z: 241 g (210 g of it to move its data), and room worth 0 g to others
      at once   south from 2022-07-04T00:00:00Z to 2022-07-04T02:00:00Z: 336 g, and room worth 0 g to others
      best on   north from 2022-07-04T03:00:00Z to 2022-07-04T05:00:00Z: 241 g (210 g of it to move its data), and room worth 0 g to others
      best on   south from 2022-07-04T00:00:00Z to 2022-07-04T02:00:00Z: 336 g, and room worth 0 g to others
    why `kinds`
      planned   north from 2022-07-04T03:00:00Z to 2022-07-04T05:00:00Z: 53 g, and room worth 0 g to others
      at once   south from 2022-07-04T00:00:00Z to 2022-07-04T04:00:00Z: 840 g, and room worth 0 g to others
      best on   north from 2022-07-04T03:00:00Z to 2022-07-04T05:00:00Z: 53 g, and room worth 0 g to others
      best on   south from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z: 672 g, and room worth 0 g to others
    ");
    let told = planned.json(0.0);
    let by = &told["saving_by"];
    let kg = |key: &str| by[key].as_f64().expect("a number");
    let sum: f64 =
        ["place_kg", "time_kg", "machine_kg", "transfer_kg", "restart_kg", "unplaced_kg"].map(kg).iter().sum();
    let saved = planned.plan.baseline.kg() - planned.plan.co2e.kg();
    assert!((sum - saved).abs() < 1e-12, "{sum} is not {saved}");
    assert_eq!(told.get("weighed_co2e_kg"), None, "nothing else weighs");
}

#[test]
fn cost_and_delay_weigh_where_that_is_asked_for() {
    let folder = folder(MORE);
    let mut options = more(&folder);
    options.weights.carbon_price_usd_per_t = Some(1000.0);
    options.weights.delay_penalty_g = 50.0;
    let planned = plan_fleet(&options).expect("a plan");
    assert_snapshot!(planned.text(false), @r"
    3 jobs on 2 sites over 6 h from 2022-07-04T00:00:00Z, by lifecycle intensity
      placed       3
      unplaced     0
      CO2e         791 gCO2e
      run at once  1.51 kgCO2e at home, capacity ignored: the plan saves 47.70 %
      cost         13.13 USD, 16.67 if run at once; a tonne counts 1000 USD
      waiting      0 accelerator-hours, 50 g each
      weighed      13.9 kgCO2e: what was minimised
      no plan      below 13.9 kgCO2e so weighed, proven: within 0.00 %
    ");
    assert_snapshot!(planned.why("kinds").expect("the job is there").text(), @r"
    why `kinds`
      planned   north from 2022-07-04T00:00:00Z to 2022-07-04T02:00:00Z: 119 g, 4.79 USD, and room worth 0 g to others
      at once   south from 2022-07-04T00:00:00Z to 2022-07-04T04:00:00Z: 840 g, 8.34 USD, and room worth 0 g to others
      best on   north from 2022-07-04T00:00:00Z to 2022-07-04T02:00:00Z: 119 g, 4.79 USD, and room worth 0 g to others
      best on   south from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z: 672 g, 8.34 USD, and room worth 0 g to others
    ");
    let told = planned.json(0.0);
    assert!(told["lower_bound_co2e_kg"].is_null(), "the bound is of what is weighed");
    assert!(!planned.svg().contains("No plan emits less"), "nor does the picture say so");
    let tally = planned.plan.tally.as_ref().expect("it is more than plain");
    let weighed = planned.plan.co2e.g() + tally.cost.usd() * 1000.0 + tally.waiting.hours() * 50.0;
    assert!((tally.weighed.g() - weighed).abs() < 1e-9 * weighed);
    options.weights.carbon_price_usd_per_t = Some(1e6);
    options.weights.delay_penalty_g = 0.0;
    let green = plan_fleet(&options).expect("a plan");
    assert!(green.plan.co2e < planned.plan.co2e, "who pays a million for a tonne emits less");
    let sites = "site,zone,pue,accelerators\nnorth,NO,1.1,2\nsouth,ES,1.2,2\n";
    std::fs::write(folder.path().join("sites.csv"), sites).expect("written");
    let refused = plan_fleet(&options).expect_err("no price of energy").to_string();
    assert_snapshot!(refused, @"command line: `--carbon-price`: cost weighs, and site `north` has no `usd_per_kwh`, and the trace of NO no `price_usd_per_mwh`");
    for (zone, dear) in [("NO", 100), ("ES", -20)] {
        let rows = (0..6).map(|hour| format!("2022-07-04T0{hour}:00:00Z,100,{dear}\n"));
        let text = format!("utc,gco2e_per_kwh,price_usd_per_mwh\n{}", rows.collect::<String>());
        std::fs::write(folder.path().join(format!("grid/{zone}.csv")), text).expect("written");
    }
    let traded = plan_fleet(&options).expect("a plan");
    let sum: f64 = (2.0 + 2.0) * 2.0 + 4.0 * 2.0;
    let kwh = 1.2 * (0.7 * 2.0 + 0.7 * 2.0 + 0.7 * 4.0);
    let cost = traded.plan.tally.as_ref().expect("it is more than plain").baseline_cost.usd();
    assert!((cost - (sum - kwh * 0.02)).abs() < 1e-9, "{cost}");
}

#[test]
fn a_certificate_of_a_weighed_fleet_is_verified_and_a_forged_one_is_not() {
    let folder = folder(MORE);
    let mut options = more(&folder);
    options.weights.carbon_price_usd_per_t = Some(500.0);
    options.weights.delay_penalty_g = 20.0;
    let planned = plan_fleet(&options).expect("a plan");
    let (plan, file) = (folder.path().join("plan.csv"), folder.path().join("certificate.json"));
    std::fs::write(&plan, planned.csv()).expect("written");
    let mut certificate = planned.certificate(&options, Some(&plan));
    let verified = |certificate: &serde_json::Value| {
        std::fs::write(&file, certificate.to_string()).expect("written");
        verify_certificate(&file).expect("it is a certificate")
    };
    let found = verified(&certificate);
    assert!(found.holds(), "{:?}", found.faults);
    let (proven, claimed) = (found.proven_kg, planned.plan.lower_bound.kg());
    assert!((proven - claimed).abs() <= 1e-9 * claimed, "{proven} is proven, {claimed} was printed");
    certificate["weights"]["delay_penalty_g"] = serde_json::json!(0.0);
    assert!(!verified(&certificate).holds(), "the plan weighs less than is claimed, and so does the bound");
    certificate["weights"]["delay_penalty_g"] = serde_json::json!(20.0);
    certificate["weighed_co2e_kg"] = serde_json::json!(planned.plan.weighed().kg() * 0.9);
    assert_eq!(verified(&certificate).faults.len(), 1);
}

/// One job that may run on one, two or four accelerators, changing by the hour; one that has to choose a size for all of it.
const ELASTIC: &str =
    "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible,min_accelerators,max_accelerators,speedup
grows,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,4,1,700,south,south,1,,,1:1|2:1.9|4:3.4
chooses,2022-07-04T00:00:00Z,2022-07-04T03:00:00Z,4,1,700,north,north,0,1,2,1:1|2:2
";

#[test]
fn jobs_whose_size_may_change_are_written_with_their_accelerators_and_checked() {
    let folder = folder(ELASTIC);
    std::fs::write(folder.path().join("sites.csv"), SITES.replace("1.2,2", "1.2,4")).expect("written");
    let options = options(folder.path());
    let planned = plan_fleet(&options).expect("a plan");
    let csv = String::from_utf8(planned.csv()).expect("text");
    assert_snapshot!(csv, @r"
    job,site,start,end,accelerators
    grows,south,2022-07-04T01:00:00Z,2022-07-04T02:00:00Z,4
    grows,south,2022-07-04T04:00:00Z,2022-07-04T05:00:00Z,1
    chooses,north,2022-07-04T01:00:00Z,2022-07-04T03:00:00Z,2
    ");
    assert_snapshot!(planned.why("grows").expect("the job is there").text(), @r"
    why `grows`
      planned   south from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z on 1 to 4 accelerators: 420 g, and room worth 0 g to others
      at once   south from 2022-07-04T00:00:00Z to 2022-07-04T04:00:00Z on 1 accelerator: 840 g, and room worth 0 g to others
      best on   south from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z on 1 to 4 accelerators: 420 g, and room worth 0 g to others
    ");
    let reader = SerializedFileReader::new(Bytes::from(planned.parquet().expect("written"))).expect("a Parquet file");
    let row = reader.get_row_iter(None).expect("rows").next().expect("a row").expect("a row");
    assert_eq!(row.get_string(4).expect("text"), "4");
    let (plan, file) = (folder.path().join("plan.csv"), folder.path().join("certificate.json"));
    std::fs::write(&file, planned.certificate(&options, Some(&plan)).to_string()).expect("written");
    let told = |text: &str| {
        std::fs::write(&plan, text).expect("written");
        match verify_certificate(&file) {
            Ok(verified) => format!("{:?}", verified.faults),
            Err(error) => error.to_string().rsplit(": ").next().unwrap_or_default().to_owned(),
        }
    };
    assert_eq!(told(&csv), "[]");
    let rows =
        [csv.replace(",4\n", ",3\n"), csv.replace("Z,4\n", "Z,1\n"), csv.replace("03:00:00Z,2\n", "02:00:00Z,2\n")];
    let faults: Vec<String> = rows.iter().map(|rows| told(rows)).collect();
    assert_snapshot!(faults.join("\n"), @r"
    `grows` cannot run on 3 accelerators
    `grows` does 2 h of work and needs 4
    `chooses` runs 1 h and needs 2
    ");
}

/// Two projects that like the same two hours of the north, and a job of none.
const PROJECTS: &str = "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible,project
big,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,2,2,1000,north,north,0,big
small,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,2,2,500,north,north,0,small
extra,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,1,1,500,south,south,0,small
other,2022-07-04T00:00:00Z,2022-07-04T06:00:00Z,1,1,500,south,south,0,
";

fn with_quotas(folder: &TempDir, quotas: &str) -> FleetOptions {
    let file = folder.path().join("quotas.csv");
    std::fs::write(&file, quotas).expect("written");
    let trace = (0..6).map(|hour| format!("2022-07-04T0{hour}:00:00Z,{}\n", [90, 90, 50, 50, 10, 10][hour]));
    let text = format!("utc,gco2e_per_kwh\n{}", trace.collect::<String>());
    std::fs::write(folder.path().join("grid/NO.csv"), text).expect("written");
    FleetOptions { quotas: Some(file), ..options(folder.path()) }
}

#[test]
fn a_quota_lets_its_project_have_the_clean_hours_and_says_what_more_of_it_would_save() {
    let folder = folder(PROJECTS);
    // The clean hours emit 22 g of the small job, the next 110 g; the extra job emits 60 g at least.
    let roomy = plan_fleet(&with_quotas(&folder, "project,co2e_kg\nsmall,1\n")).expect("a plan");
    let tight = plan_fleet(&with_quotas(&folder, "project,co2e_kg\nsmall,0.1\nbig,1\n")).expect("a plan");
    let none = plan_fleet(&with_quotas(&folder, "project,co2e_kg\nsmall,0.03\n")).expect("a plan");
    assert_snapshot!(roomy.text(false) + &tight.text(false) + &none.text(false), @r"
    4 jobs on 2 sites over 6 h from 2022-07-04T00:00:00Z, by lifecycle intensity
      placed       4
      unplaced     0
      CO2e         274 gCO2e
      run at once  954 gCO2e at home, capacity ignored: the plan saves 71.28 %
      quota        small: 170 gCO2e of 1.00 kgCO2e
      no plan      below 274 gCO2e, proven: within 0.00 %
      scarcest     north at 2022-07-04T04:00:00Z: one more accelerator there would save 60 g
    4 jobs on 2 sites over 6 h from 2022-07-04T00:00:00Z, by lifecycle intensity
      placed       4
      unplaced     0
      CO2e         362 gCO2e
      run at once  954 gCO2e at home, capacity ignored: the plan saves 62.05 %
      quota        small: 82.0 gCO2e of 100 gCO2e; 1 kg more would save 1.01 kgCO2e
      quota        big: 220 gCO2e of 1.00 kgCO2e
      no plan      below 344 gCO2e, proven: within 5.27 %
      scarcest     north at 2022-07-04T04:00:00Z: one more accelerator there would save 47 g
    4 jobs on 2 sites over 6 h from 2022-07-04T00:00:00Z, by lifecycle intensity
      placed       3
      unplaced     1
      CO2e         2.30 kgCO2e, penalties of unplaced jobs included
      run at once  954 gCO2e at home, capacity ignored: the plan is 141.30 % above it
      quota        small: 22.0 gCO2e of 30.0 gCO2e; 1 kg more would save 32.4 kgCO2e; 1 job has no place for it
      no plan      below 2.04 kgCO2e, proven: within 12.67 %
      1 unplaced, the quota of its project leaves no CO2e for it: extra
      scarcest     north at 2022-07-04T04:00:00Z: one more accelerator there would save 107 g
    ");
    assert_snapshot!(none.why("extra").expect("it is there").text(), @r"
    why `extra`
      unplaced  the quota of its project leaves no CO2e for it
      at once   south from 2022-07-04T00:00:00Z to 2022-07-04T01:00:00Z: 180 g, and room worth 0 g to others, and quota worth 5823 g to its project
      best on   south from 2022-07-04T01:00:00Z to 2022-07-04T02:00:00Z: 60 g, and room worth 0 g to others, and quota worth 1941 g to its project
      rather    south from 2022-07-04T01:00:00Z to 2022-07-04T02:00:00Z: 60 g, and room worth 0 g to others
                but the quota of `small` leaves it 8 g
    ");
    let why = tight.why("small").expect("it is there");
    let told = why.text();
    assert!(told.contains("rather    north from 2022-07-04T02:00:00Z to 2022-07-04T04:00:00Z: 110 g"), "{told}");
    assert!(told.ends_with("but the quota of `small` leaves it 40 g\n"), "{told}");
    assert_eq!(why.json()["quota"]["rather"]["site"], "north");
    let told = &tight.json(0.0)["quotas"];
    assert_eq!(told[0]["project"], "small");
    assert!((told[0]["used_kg"].as_f64().expect("a number") - 0.082).abs() < 1e-12, "{told}");
    assert_eq!(none.json(0.0)["quotas"][0]["unplaced"], 1);
    assert!(tight.svg().contains("Quotas: small: 82.0 gCO2e of 100 gCO2e"), "the picture says so");
    assert!(roomy.json(0.0)["unplaced_reasons"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn a_certificate_with_quotas_is_verified_and_a_forged_price_or_a_plan_over_its_quota_is_not() {
    let folder = folder(PROJECTS);
    let options = with_quotas(&folder, "project,co2e_kg\nsmall,0.1\n");
    let planned = plan_fleet(&options).expect("a plan");
    let (plan, file) = (folder.path().join("plan.csv"), folder.path().join("certificate.json"));
    std::fs::write(&plan, planned.csv()).expect("written");
    let certificate = planned.certificate(&options, Some(&plan));
    let verified = |certificate: &serde_json::Value| {
        std::fs::write(&file, certificate.to_string()).expect("written");
        verify_certificate(&file)
    };
    assert!(certificate["quota_prices"]["small"].as_f64().is_some_and(|price| price > 0.0), "{certificate}");
    let found = verified(&certificate).expect("it is a certificate");
    assert!(found.holds(), "{:?}", found.faults);
    let mut forged = certificate.clone();
    forged["quota_prices"]["small"] = serde_json::json!(0.0);
    let found = verified(&forged).expect("it is a certificate");
    assert!(found.faults.iter().any(|fault| fault.contains("is not proven")), "{:?}", found.faults);
    forged["quota_prices"]["small"] = serde_json::json!(-1.0);
    assert_snapshot!(verified(&forged).expect_err("a price below 0").to_string().rsplit_once(": ").expect("a reason").1, @"its `quota_prices` are not numbers of 0 or more, one for each project with a quota");
    // The other way about every rule of time and room is kept.
    let swapped = String::from_utf8(planned.csv()).expect("text").replace("big,", "tmp,").replace("small,", "big,");
    std::fs::write(&plan, swapped.replace("tmp,", "small,")).expect("written");
    let error = verified(&certificate).expect_err("the plan is over its quota").to_string();
    assert!(error.ends_with("`small` takes its project `small` 10 g over its quota of 0.1 kgCO2e"), "{error}");
}

#[test]
fn a_bad_quota_is_refused_and_an_idle_one_is_told() {
    let folder = folder(PROJECTS);
    let refused = |quotas: &str| {
        let error = plan_fleet(&with_quotas(&folder, quotas)).expect_err("it is no quotas file");
        let help = miette::Diagnostic::help(&error).expect("each error has its mend").to_string();
        let text = error.to_string();
        let from = text.find("quotas.csv").expect("it names the file");
        format!("{}\n  help: {help}\n", &text[from..])
    };
    let files = [
        "project,co2e_kg\nsmall,a lot\n",
        "project,co2e_kg\nsmall,-1\n",
        "project,co2e_kg\n,1\n",
        "project,co2e_kg\nsmall,1\nsmall,2\n",
        "project,co2e_kg\nsmall\n",
        "project,kg\nsmall,1\n",
        "project,co2e_kg\n",
    ];
    assert_snapshot!(files.map(refused).concat(), @r"
    quotas.csv:2: column `co2e_kg`: not an amount of CO2e, found `a lot`
      help: give what the project may emit, in kgCO2e, 0 or more
    quotas.csv:2: column `co2e_kg`: not an amount of CO2e, found `-1`
      help: give what the project may emit, in kgCO2e, 0 or more
    quotas.csv:2: column `project`: a name is wanted, found ``
      help: name the project as the jobs file does
    quotas.csv:3: column `project`: stands twice, found `small`
      help: give each project one row
    quotas.csv:2: 1 cells in a row of 2
      help: give each row 2 cells, empty ones included; quote a cell that holds a comma
    quotas.csv:1: unknown column `kg`
      help: known columns are project, co2e_kg; take this one out
    quotas.csv: no quota
      help: give it at least one row below the names of the columns
    ");
    let planned = plan_fleet(&with_quotas(&folder, "project,co2e_kg\nsmal,1\n")).expect("a plan");
    assert_eq!(planned.warnings.len(), 1);
    assert!(
        planned.warnings[0]
            .ends_with("no job is of project `smal`, so its quota holds nobody; the nearest without one is `small`"),
        "{:?}",
        planned.warnings
    );
    std::fs::write(folder.path().join("jobs.csv"), JOBS).expect("written");
    assert!(
        refused("project,co2e_kg\nsmall,1\n")
            .contains("names a project\n  help: give the jobs file a column `project`")
    );
}
