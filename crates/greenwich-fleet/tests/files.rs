//! The files of the contract: what is read, what is refused and with which mend, what is written.

use greenwich_core::quantity::{AverageIntensity, UsdPerKwh};
use greenwich_fleet::{
    BadRows, FleetError, JobsRead, JobsReader, Options, Reason, Site, plan, read_calendar, read_sites, write_plan,
};
use insta::assert_snapshot;

const HEADER: &str = "job,release,deadline,hours,accelerators,power_w,home,sites,interruptible";
/// 2022-07-04T00:00:00Z in hours since 1970.
const START: i64 = 19_177 * 24;

fn sites() -> Vec<Site> {
    let text = "site,zone,pue,accelerators\r\nnorth,NO,1.1,4\r\n\"south, old\",ES,1.3,2\r\n";
    let rows = read_sites("sites.csv", text.as_bytes()).expect("the sites are well formed");
    let grams = |base: f64| (0..24).map(|hour| AverageIntensity::from_g_per_kwh(base + f64::from(hour))).collect();
    rows.into_iter().zip([30.0, 200.0]).map(|(row, base)| row.with(grams(base))).collect()
}

fn read(rows: &str, bad: BadRows) -> Result<JobsRead, FleetError> {
    let mut reader = JobsReader::new("jobs.csv", START, sites(), bad);
    reader.feed(format!("{HEADER}\n{rows}").as_bytes())?;
    reader.finish()
}

fn refused(row: &str) -> String {
    let error = read(row, BadRows::Refuse).expect_err("the row is bad");
    let help = miette::Diagnostic::help(&error).expect("each error has its mend").to_string();
    format!("{error}\n  help: {help}")
}

const GOOD: &str = "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2,1,700,north,\"north|south, old\",0\n";

#[test]
fn a_plan_is_written_as_the_contract_has_it() {
    let rows =
        format!("{GOOD}b,2022-07-04T00:00:00+00:00,2022-07-05T00:00:00Z,2.0,2,700,\"south, old\",\"south, old\",1\n");
    let read = read(&rows, BadRows::Refuse).expect("the rows are good");
    let found = plan(&read.fleet, &Options { unplaced_penalty_g: 2000.0, effort: 0.1, threads: 1 });
    let mut out = Vec::new();
    write_plan(&read.fleet, &found, START, &mut out);
    assert_snapshot!(String::from_utf8(out).expect("text"), @r#"
    job,site,start,end
    a,north,2022-07-04T00:00:00Z,2022-07-04T02:00:00Z
    b,"south, old",2022-07-04T00:00:00Z,2022-07-04T02:00:00Z
    "#);
}

#[test]
fn a_bad_cell_is_named_with_file_line_column_and_mend() {
    let rows = [
        "a,2022-07-04T00:30:00Z,2022-07-04T12:00:00Z,2,1,700,north,north,0",
        "a,2022-07-03T23:00:00Z,2022-07-04T12:00:00Z,2,1,700,north,north,0",
        "a,2022-07-04T00:00:00Z,noon,2,1,700,north,north,0",
        "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2.5,1,700,north,north,0",
        "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2,0,700,north,north,0",
        "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2,1,NaN,north,north,0",
        "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2,1,700,nrth,north,0",
        "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2,1,700,north,\"south, old\",0",
        "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2,1,700,north,north,maybe",
        "a,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,2,1,700,north,north",
    ];
    let told: Vec<String> = rows.iter().map(|row| refused(&format!("{GOOD}{row}\n"))).collect();
    assert_snapshot!(told.join("\n"), @r"
    jobs.csv:3: column `release`: not a whole hour, found `2022-07-04T00:30:00Z`
      help: write a whole hour in UTC, for example 2022-07-04T00:00:00Z
    jobs.csv:3: column `release`: before the planned hours, found `2022-07-03T23:00:00Z`
      help: plan from an earlier --start, or leave the job out
    jobs.csv:3: column `deadline`: not an RFC 3339 instant, found `noon`
      help: write a whole hour in UTC, for example 2022-07-04T00:00:00Z
    jobs.csv:3: column `hours`: not whole hours, found `2.5`
      help: give a whole number of hours, 1 or more
    jobs.csv:3: column `accelerators`: not a count, found `0`
      help: give a whole number of accelerators, 1 or more
    jobs.csv:3: column `power_w`: not a power, found `NaN`
      help: give watts per accelerator, whole system, before PUE, for example 700
    jobs.csv:3: column `home`: no site is called `nrth`, found `nrth`
      help: the nearest name is `north`
    jobs.csv:3: column `sites`: home is not among the sites, found `south, old`
      help: add the job's home to its sites
    jobs.csv:3: column `interruptible`: neither 0 nor 1, found `maybe`
      help: give 1 for a job that may be paused, 0 for another
    jobs.csv:3: 8 cells in a row of 9
      help: give each row 9 cells, empty ones included; quote a cell that holds a comma
    ");
}

#[test]
fn a_name_that_stands_twice_and_a_file_without_jobs_are_refused() {
    assert_snapshot!(refused(&format!("{GOOD}{GOOD}")), @r"
    jobs.csv:3: `a` stands twice, first on line 2
      help: give each job a name of its own
    ");
    assert_snapshot!(refused(""), @r"
    jobs.csv: no job
      help: give it at least one row below the names of the columns
    ");
}

#[test]
fn bad_rows_are_skipped_and_counted_where_that_is_asked_for() {
    let rows = format!("x,y\n{GOOD}b,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,two,1,700,north,north,0\n");
    let read = read(&rows, BadRows::Skip).expect("bad rows are skipped");
    assert_eq!((read.fleet.jobs.len(), read.skipped), (1, 2));
    assert_snapshot!(read.first_skipped.expect("one was skipped"), @"jobs.csv:2: 2 cells in a row of 9");
}

#[test]
fn a_deadline_after_the_planned_hours_is_clipped_and_counted() {
    let row = "a,2022-07-04T00:00:00Z,2022-07-09T00:00:00Z,2,1,700,north,north,0\n";
    let read = read(row, BadRows::Refuse).expect("the row is good");
    assert_eq!((read.clipped, read.fleet.jobs[0].deadline), (1, 24));
}

#[test]
fn a_job_that_would_end_after_the_planned_hours_is_counted_among_those_without_a_place() {
    let rows = format!(
        "{GOOD}b,2022-07-04T23:00:00Z,2022-07-06T12:00:00Z,2,1,700,north,north,0\n\
         c,2022-07-09T00:00:00Z,2022-07-10T00:00:00Z,2,1,700,north,north,1\n"
    );
    let read = read(&rows, BadRows::Refuse).expect("the rows are good");
    let found = plan(&read.fleet, &Options { unplaced_penalty_g: 2000.0, effort: 0.1, threads: 1 });
    assert_eq!(found.unplaced, [(1, Reason::WindowTooShort), (2, Reason::WindowTooShort)]);
    assert!(found.lower_bound <= found.co2e, "penalties of both are in the bound and in the plan");
}

#[test]
fn a_calendar_changes_capacity_and_pue_by_the_hour() {
    let mut sites = sites();
    let text = "site,start,end,accelerators,pue\nnorth,2022-07-04T02:00:00Z,2022-07-04T04:00:00Z,0,\n\
                \"south, old\",2022-07-03T00:00:00Z,2022-07-04T01:00:00Z,,2.6\n";
    let mut prices = vec![vec![UsdPerKwh::from_usd_per_kwh(0.1); 24]; 2];
    read_calendar("calendar.csv", text.as_bytes(), START, &mut sites, &mut prices).expect("the calendar is good");
    assert_eq!(sites[0].capacity[..6], [4, 4, 0, 0, 4, 4]);
    let grams = |hour: usize| sites[1].pue.ratio() * sites[1].intensity[hour].g_per_kwh();
    assert!((grams(0) - 2.6 * 200.0).abs() < 1e-9 && (grams(1) - 1.3 * 201.0).abs() < 1e-9);
    let usd = |site: usize, hour: usize| sites[site].pue.ratio() * prices[site][hour].usd_per_kwh();
    assert!((usd(1, 0) - 2.6 * 0.1).abs() < 1e-12 && (usd(1, 1) - 1.3 * 0.1).abs() < 1e-12, "as intensity does");
    assert_eq!(prices[0], [UsdPerKwh::from_usd_per_kwh(0.1); 24], "fewer accelerators cost no more");
    let refused = |text: &str| {
        let error = read_calendar("calendar.csv", text.as_bytes(), START, &mut sites.clone(), &mut []);
        error.expect_err("the calendar is bad").to_string()
    };
    let header = "site,start,end,accelerators,pue\n";
    assert_snapshot!(refused(&format!("{header}west,2022-07-04T02:00:00Z,2022-07-04T04:00:00Z,0,\n")), @"calendar.csv:2: column `site`: no site is called `west`, found `west`");
    assert_snapshot!(refused(&format!("{header}north,2022-07-04T02:00:00Z,2022-07-04T02:00:00Z,0,\n")), @"calendar.csv:2: column `end`: not after its start, found `2022-07-04T02:00:00Z`");
    assert_snapshot!(refused(&format!("{header}north,2022-07-04T02:00:00Z,2022-07-04T04:00:00Z,,\n")), @"calendar.csv:2: column `accelerators`: neither accelerators nor a PUE, found ``");
    assert_snapshot!(refused(&format!("{header}north,2022-07-04T02:00:00Z,2022-07-04T04:00:00Z,,0.9\n")), @"calendar.csv:2: column `pue`: not a PUE, found `0.9`");
}

#[test]
fn columns_may_stand_in_any_order_and_optional_ones_are_kept() {
    let text = "sites,job,hours,release,deadline,accelerators,power_w,home,interruptible,data_gb,speedup,accelerator\n\
                north,a,1,2022-07-04T00:00:00Z,2022-07-04T12:00:00Z,1,700,north,true,12.5,1:1|2:1.9,h100\n";
    let mut reader = JobsReader::new("jobs.csv", START, sites(), BadRows::Refuse);
    for piece in text.as_bytes().chunks(7) {
        reader.feed(piece).expect("the file is good");
    }
    let read = reader.finish().expect("the file is good");
    let extras = &read.fleet.extras[0];
    assert_eq!(extras.data.map(greenwich_core::quantity::Bytes::gb), Some(12.5));
    assert_eq!(extras.speedup, [(1, 1.0), (2, 1.9)]);
    assert_eq!(extras.accelerator.as_deref(), Some("h100"));
}

#[test]
fn kinds_of_accelerators_are_read_with_speed_and_power_and_refused_with_a_mend() {
    let read = |cell: &str| {
        let mut reader = JobsReader::new("jobs.csv", START, sites(), BadRows::Refuse);
        reader.feed(format!("{HEADER},accelerator\n{},{cell}\n", GOOD.trim_end()).as_bytes())?;
        reader.finish().map(|read| read.fleet.extras[0].clone())
    };
    let extras = read("a100:1 | h100:2.2:1100|l4::300|t4").expect("the cell is good");
    let told: Vec<_> = extras.kinds.iter().map(|kind| (kind.name.as_str(), kind.speed, kind.watts)).collect();
    assert_eq!(told, [("a100", 1.0, None), ("h100", 2.2, Some(1100.0)), ("l4", 1.0, Some(300.0)), ("t4", 1.0, None)]);
    assert_eq!(extras.accelerator, None);
    for bad in ["h100:0", "h100:fast", "h100:1:-5", ":2", "h100|h100", "h100:1:700:9", "h100||t4"] {
        let error = read(bad).expect_err("no list of kinds");
        assert_eq!(
            error.to_string(),
            format!("jobs.csv:2: column `accelerator`: not `kind:speed:power_w|…`, found `{bad}`")
        );
    }
    let error = read("h100:fast").expect_err("no speed");
    let help = miette::Diagnostic::help(&error).expect("each error has its mend").to_string();
    assert_snapshot!(help, @"write kind:speed:watts, as a100:1:400|h100:2.2:700; speed is 1 and power the job's own where they are left out");
}

#[test]
fn a_header_that_lacks_or_misspells_a_column_is_refused() {
    let header = |text: &str| {
        let error = JobsReader::new("jobs.csv", START, sites(), BadRows::Refuse).feed(text.as_bytes());
        error.expect_err("the header is bad").to_string()
    };
    assert_snapshot!(header("job,release\n"), @"jobs.csv:1: no column `deadline`, found `job,release`");
    assert_snapshot!(header(&format!("{HEADER},colour\n")), @"jobs.csv:1: unknown column `colour`");
    let sites = |text: &str| read_sites("sites.csv", text.as_bytes()).expect_err("the sites are bad").to_string();
    assert_snapshot!(sites("site,zone,pue,accelerators\na,DE,0.9,4\n"), @"sites.csv:2: column `pue`: not a PUE, found `0.9`");
    assert_snapshot!(sites("site,zone,pue,accelerators\na,DE,1.1,4\na,FR,1.1,4\n"), @"sites.csv:3: `a` stands twice, first on line 2");
    assert_snapshot!(sites("site;zone;pue;accelerators\na;DE;1.1;4\n"), @"sites.csv:1: unknown column `site;zone;pue;accelerators`");
    assert_snapshot!(sites("site,zone,pue,accelerators\n"), @"sites.csv: no site");
}

#[test]
fn sizes_that_do_not_go_together_are_refused_with_a_mend() {
    let read = |cells: &str| {
        let mut reader = JobsReader::new("jobs.csv", START, sites(), BadRows::Refuse);
        let header = format!("{HEADER},min_accelerators,max_accelerators,speedup");
        reader.feed(format!("{header}\n{},{cells}\n", GOOD.trim_end()).as_bytes())?;
        reader.finish().map(|read| read.fleet.is_more_than_plain())
    };
    assert_eq!(read("1,2,1:1|2:1.9"), Ok(false), "nothing is weighed where no terms are told");
    let told: Vec<String> = ["3,2,1:1|2:1.9", ",,2:1.9|4:3", ",,1:1|0:2", ",,1:1|2:-1", "0,,1:1"]
        .map(|cells| {
            let error = read(cells).expect_err("the sizes are bad");
            let help = miette::Diagnostic::help(&error).expect("each error has its mend").to_string();
            format!("{error}\n  help: {help}")
        })
        .to_vec();
    assert_snapshot!(told.join("\n"), @r"
    jobs.csv:2: column `min_accelerators`: above `max_accelerators`, found `3`
      help: give the fewest accelerators first, then the most
    jobs.csv:2: column `speedup`: nothing of its own 1 accelerators, found `2:1.9|4:3`
      help: say how fast it is on 1 as well: other sizes are measured against it
    jobs.csv:2: column `speedup`: not `k:factor|…`, found `1:1|0:2`
      help: write it as 1:1|2:1.9|4:3.4
    jobs.csv:2: column `speedup`: not `k:factor|…`, found `1:1|2:-1`
      help: write it as 1:1|2:1.9|4:3.4
    jobs.csv:2: column `min_accelerators`: not a count, found `0`
      help: give a whole number of accelerators, or leave it empty
    ");
}
