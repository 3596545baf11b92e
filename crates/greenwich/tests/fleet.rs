//! A fleet through the roof: files in, a plan out, and what is told of it.
//!
//! In: small files that the tests write. Out: what people read, keys, and the check of the certificate.

use bytes::Bytes;
use greenwich::{BadRows, Fill, FleetOptions, Signal, plan_fleet, plan_fleet_until, verify_certificate};
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
        signals: folder.join("grid"),
        as_of: None,
        kept: None,
        inputs: Vec::new(),
        start: "2022-07-04T00:00:00Z".parse().expect("an instant"),
        hours: 6,
        fill: Fill::Refuse,
        signal: Signal::Lifecycle,
        unplaced_penalty_g: 2000.0,
        bad_rows: BadRows::Refuse,
        effort: 1.0,
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
      by place     −564 gCO2e against run at once
      by time      −92.4 gCO2e against run at once
      by no place  +21.6 kgCO2e against run at once
      delay        2.0 h mean of 2 jobs, 95 % wait 3 h at most, the longest 3 h
      waits        north: 3.0 h mean of 1 job, 95 % wait 3 h at most, the longest 3 h
      waits        south: 1.0 h mean of 1 job, 95 % wait 1 h at most, the longest 1 h
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
      planned   north from 2022-07-04T01:00:00Z to 2022-07-04T03:00:00Z: 108 g, and room worth 15 g to others
      at once   south from 2022-07-04T00:00:00Z to 2022-07-04T02:00:00Z: 672 g, and room worth 0 g to others
      best on   north from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z: 92 g, and room worth 31 g to others
      best on   south from 2022-07-04T01:00:00Z to 2022-07-04T05:00:00Z: 336 g, and room worth 0 g to others
    why `huge`
      unplaced  no allowed site has so many accelerators
      at once   north from 2022-07-04T00:00:00Z to 2022-07-04T01:00:00Z: 347 g, and room worth 0 g to others
    ");
    let unknown = planned.why("lose").expect_err("no such job");
    assert_snapshot!(unknown, @"cannot read `--why`: no job is called `lose`");
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
    // 3 h of two 700 W at 20 g/kWh and a PUE of 1.1.
    let long =
        "long: 2 × 3 h, here 4 Jul 03:00 to 4 Jul 06:00; released 4 Jul 00:00, due 4 Jul 06:00; 92.4 gCO2e in all<";
    for says in ["2 jobs on north, NO: 83 % used", "<title>loose: 2 × 2 h", "gCO2e in all, home south<", long] {
        assert!(north.contains(says), "{says}: {north}");
    }
    assert!(planned.site_svg("south").expect("it is there").contains("0 jobs on south"));
    let unknown = planned.site_svg("west").expect_err("no such site");
    assert_snapshot!(format!("{unknown}\nhelp: {}", unknown.help_text().unwrap_or_default()), @"
    cannot read `--svg-site`: no site is called `west`
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
