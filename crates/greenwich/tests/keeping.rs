//! The keeper's outlook: what is left of all jobs is planned together on the sites as they stand.

use greenwich::keeper::{Answer, Ask, Durability, Job, Outlook, Phase, Plan, Run, Segment, State};
use greenwich::keeping::Grounds;
use greenwich::pace::Pace;
use greenwich::sites_file::{self, Sites};
use greenwich::submitting::{Asked, Proposal, propose};
use greenwich::{Greenwich, SignedDuration};
use greenwich_core::reading::{Device, DeviceKind, MeterHeader, Method, Span, Tick, TickSink as _};
use greenwich_engine::{Abilities, SiteSeen};
use greenwich_store::{Ledger, RunContext};
use jiff::Timestamp;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Two days in which DE is clean from 10 to 14 h and FR from 2 to 6 h, and cleaner.
fn sites(folder: &Path) -> Sites {
    sites_with(folder, "")
}

/// The same, with more keys of the second one: FR is 30 °C warm in its clean hours, and 10 °C else.
fn sites_with(folder: &Path, west: &str) -> Sites {
    let grid = folder.join("grid");
    fs::create_dir(&grid).expect("a folder");
    for (zone, clean, grams) in [("DE", 10..14, 100), ("FR", 2..6, 50)] {
        let mut text = "utc,gco2e_per_kwh,temp_c\n".to_owned();
        for hour in 0..48 {
            let (now, warm) = if clean.contains(&(hour % 24)) { (grams, 30) } else { (400, 10) };
            _ = writeln!(text, "2026-06-{:02}T{:02}:00:00Z,{now},{warm}", 1 + hour / 24, hour % 24);
        }
        fs::write(grid.join(format!("{zone}.csv")), text).expect("written");
    }
    let site = |name: &str, zone: &str| {
        format!("[[site]]\nname = \"{name}\"\nzone = \"{zone}\"\npue = 1.0\naccelerators = 8\nbackend = \"local\"\n")
    };
    let text = format!(
        "schema = \"greenwich.sites/1\"\nsignals = \"grid\"\n{}{}",
        site("east", "DE"),
        site("west", "FR") + west
    );
    let file = folder.join("sites.toml").display().to_string();
    sites_file::parse(&file, text.as_bytes()).expect("lawful")
}

fn ask(run: &str, hours: f64) -> Ask {
    Ask {
        run: run.to_owned(),
        sites: vec!["east".to_owned(), "west".to_owned()],
        home: "east".to_owned(),
        release: at("2026-06-01T00:00:00Z"),
        deadline: at("2026-06-02T00:00:00Z"),
        left_s: hours * 3600.0,
        left_safe_s: hours * 3600.0,
        accelerators: 8,
        accelerator: None,
        power_w: 125.0,
        interruptible: false,
        is_fixed: false,
        current: Vec::new(),
    }
}

/// Plans at midnight, or at another instant.
fn plan(asks: &[Ask], seen: &[SiteSeen], pace: Pace, now: Timestamp) -> Vec<Answer> {
    let folder = tempfile::tempdir().expect("a folder");
    let (greenwich, sites) = (Greenwich::load(), sites(folder.path()));
    let mut grounds = grounds(&greenwich, &sites, folder.path(), pace);
    grounds.plan(asks, seen, now).expect("the grid is known")
}

fn grounds<'a>(greenwich: &'a Greenwich, sites: &'a Sites, folder: &Path, pace: Pace) -> Grounds<'a> {
    Grounds { greenwich, sites, pace, ledger: folder.join("ledger"), kept: None, host: "here".to_owned() }
}

fn told(answer: &Answer) -> Vec<(String, String)> {
    answer.segments.iter().map(|one| (one.site.clone(), one.start.to_string())).collect()
}

#[test]
fn jobs_share_the_clean_hours_of_sites_and_no_site_runs_more_than_it_has() {
    let midnight = at("2026-06-01T00:00:00Z");
    let alone = plan(&[ask("one", 4.0)], &[], Pace::EARNEST, midnight);
    assert_eq!(told(&alone[0]), [("west".to_owned(), "2026-06-01T02:00:00Z".to_owned())]);
    // A kilowatt for four hours at 50 g/kWh.
    assert!(alone[0].co2e_g.is_some_and(|grams| (grams - 200.0).abs() < 1e-6), "{alone:?}");
    let both = plan(&[ask("one", 4.0), ask("two", 4.0)], &[], Pace::EARNEST, midnight);
    let mut found: Vec<_> = both.iter().flat_map(told).collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("east".to_owned(), "2026-06-01T10:00:00Z".to_owned()),
            ("west".to_owned(), "2026-06-01T02:00:00Z".to_owned())
        ]
    );
}

#[test]
fn where_cooling_follows_the_weather_each_hour_counts_by_its_own_pue() {
    let folder = tempfile::tempdir().expect("a folder");
    let greenwich = Greenwich::load();
    // Clean hours at thrice the power: 150 g for a kilowatt-hour of work, against 100 g in DE.
    let sites = sites_with(folder.path(), "pue_curve = [[10, 1.0], [30, 3.0]]\n");
    let mut grounds = grounds(&greenwich, &sites, folder.path(), Pace::EARNEST);
    let midnight = at("2026-06-01T00:00:00Z");
    let there = Ask { sites: vec!["west".to_owned()], ..ask("there", 4.0) };
    let answers = grounds.plan(&[ask("one", 4.0), there], &[], midnight).expect("the grid is known");
    assert_eq!(told(&answers[0]), [("east".to_owned(), "2026-06-01T10:00:00Z".to_owned())]);
    assert_eq!(told(&answers[1]), [("west".to_owned(), "2026-06-01T02:00:00Z".to_owned())]);
    assert!(answers[1].co2e_g.is_some_and(|grams| (grams - 600.0).abs() < 1e-6), "{answers:?}");
}

/// Four hours of a kilowatt, wherever and whenever in two days.
fn asked(only: &[&str]) -> Asked {
    let keys = [
        ("name", "one"),
        ("machine.accelerator", "h100-sxm5-80g"),
        ("machine.count", "8"),
        ("machine.hours", "4"),
        ("machine.mean_power_w", "125"),
    ];
    let keys: Vec<_> = keys.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    Asked {
        spec: greenwich::job_file::from_flags(&keys).expect("it is whole"),
        deadline: Some(at("2026-06-02T00:00:00Z")),
        command: vec!["true".to_owned()],
        resume: None,
        directory: "/".into(),
        project: None,
        owner: "ada".to_owned(),
        only: only.iter().map(|name| (*name).to_owned()).collect(),
        nodes: None,
        time_limit_s: None,
        options: Vec::new(),
        signal: None,
        accelerators: None,
        program: None,
    }
}

#[test]
fn what_is_submitted_is_planned_by_the_weather_of_every_site() {
    let (greenwich, midnight) = (Greenwich::load(), at("2026-06-01T00:00:00Z"));
    let proposed = |west: &str, only: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let sites = sites_with(folder.path(), west);
        let grounds = grounds(&greenwich, &sites, folder.path(), Pace::EARNEST);
        propose(&grounds, None, asked(only), midnight).expect("it is planned")
    };
    let told = |proposal: &Proposal| {
        (proposal.plan.site().map(str::to_owned), proposal.plan.start().map(|start| start.to_string()))
    };
    let of = |site: &str, start: &str| (Some(site.to_owned()), Some(start.to_owned()));
    assert_eq!(told(&proposed("", &[])), of("west", "2026-06-01T02:00:00Z"));
    // Clean hours at thrice the power: 150 g for a kilowatt-hour of work, against 100 g in DE.
    let curve = "pue_curve = [[10, 1.0], [30, 3.0]]\n";
    assert_eq!(told(&proposed(curve, &[])), of("east", "2026-06-01T10:00:00Z"));
    let there = proposed(curve, &["west"]);
    assert_eq!(told(&there), of("west", "2026-06-01T02:00:00Z"));
    assert!(there.plan.co2e_g.is_some_and(|grams| (grams - 600.0).abs() < 1e-6), "{:?}", there.plan);
    assert!(there.job.expected_kwh.is_some_and(|kwh| (kwh - 12.0).abs() < 1e-6), "{:?}", there.job);
    assert!((there.job.power_w - 125.0).abs() < 1e-9, "before PUE");
    let weather = there.planned.json()["site_weather"].clone();
    assert_eq!(
        (weather["elsewhere"]["west"]["known_hours"].as_u64(), weather["planned_pue"].as_f64()),
        (Some(24), Some(3.0))
    );
}

#[test]
fn what_runs_and_what_is_down_takes_its_capacity() {
    let midnight = at("2026-06-01T00:00:00Z");
    let runs = Ask { is_fixed: true, sites: vec!["west".to_owned()], ..ask("runs", 8.0) };
    let answers = plan(&[runs, ask("one", 4.0)], &[], Pace::EARNEST, midnight);
    assert_eq!(told(&answers[1]), [("east".to_owned(), "2026-06-01T10:00:00Z".to_owned())]);
    assert!(answers[0].segments.is_empty());
    let drained = SiteSeen {
        name: "west".to_owned(),
        accelerators: Some(0),
        is_up: false,
        abilities: Abilities::default(),
        exchange: None,
    };
    let answers = plan(&[ask("one", 4.0)], &[drained], Pace::EARNEST, midnight);
    assert_eq!(told(&answers[0])[0].0, "east");
}

#[test]
fn a_stretch_whose_time_has_come_is_late_and_not_lost() {
    let segment =
        |from: &str, hours: i32| Segment { site: "west".to_owned(), start: at(from), end: at(from) + HOUR * hours };
    let of = |current: Segment, now: &str| {
        let one = Ask { current: vec![current], ..ask("one", 2.0) };
        plan(&[one], &[], Pace::EARNEST, at(now))[0].current_co2e_g.map(|grams| (grams * 1e6).round() / 1e6)
    };
    assert_eq!(of(segment("2026-06-01T02:00:00Z", 2), "2026-06-01T01:00:00Z"), Some(100.0));
    assert_eq!(of(segment("2026-06-01T02:00:00Z", 2), "2026-06-01T03:00:00Z"), Some(100.0));
    assert_eq!(of(segment("2026-06-01T23:00:00Z", 2), "2026-06-01T01:00:00Z"), None, "it ends too late");
    assert_eq!(of(segment("2026-06-01T02:00:00Z", 1), "2026-06-01T01:00:00Z"), None, "it is too short");
}

#[test]
fn where_time_is_compressed_the_same_hours_are_chosen_and_told_in_the_clocks_time() {
    let clock = at("2026-11-26T12:00:00Z");
    let pace = Pace { scale: 720.0, clock, grid: at("2026-06-01T00:00:00Z") };
    let one = Ask {
        release: clock,
        deadline: clock + SignedDuration::from_secs(120),
        left_s: 20.0,
        left_safe_s: 20.0,
        ..ask("one", 4.0)
    };
    let answers = plan(&[one], &[], pace, clock);
    assert_eq!(told(&answers[0]), [("west".to_owned(), "2026-11-26T12:00:10Z".to_owned())]);
    assert!(answers[0].co2e_g.is_some_and(|grams| (grams - 200.0 / 720.0).abs() < 1e-6), "{answers:?}");
}

#[test]
fn a_new_trace_and_a_new_hour_are_news_and_a_folder_that_is_gone_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (greenwich, sites) = (Greenwich::load(), sites(folder.path()));
    let mut grounds = grounds(&greenwich, &sites, folder.path(), Pace::EARNEST);
    let noon = at("2026-06-01T12:00:00Z");
    let first = grounds.edition(noon).expect("it is there");
    assert_eq!(grounds.edition(noon + SignedDuration::from_mins(59)), Ok(first));
    assert_ne!(grounds.edition(noon + HOUR), Ok(first));
    fs::write(folder.path().join("grid/ES.csv"), "utc,gco2e_per_kwh\n2026-06-01T00:00:00Z,1\n").expect("written");
    assert_ne!(grounds.edition(noon), Ok(first));
    fs::remove_dir_all(folder.path().join("grid")).expect("it was there");
    assert!(grounds.edition(noon).expect_err("it is gone").contains("grid"));
}

/// A run of a project that has started at a site.
fn started_at(site: &str) -> Run {
    let segment = Segment { site: site.to_owned(), start: at("2026-06-01T02:00:00Z"), end: at("2026-06-01T06:00:00Z") };
    let job = Job {
        run: "k1".to_owned(),
        name: "kept".to_owned(),
        project: Some("llm".to_owned()),
        owner: "ada".to_owned(),
        asked: at("2026-06-01T00:00:00Z"),
        command: vec!["train".to_owned()],
        resume: None,
        beside: Vec::new(),
        directory: "/".into(),
        accelerators: 8,
        accelerator: None,
        nodes: None,
        time_limit_s: None,
        options: Vec::new(),
        sites: vec![site.to_owned()],
        home: site.to_owned(),
        release: at("2026-06-01T00:00:00Z"),
        deadline: at("2026-06-02T00:00:00Z"),
        work_s: 4.0 * 3600.0,
        work_safe_s: 5.0 * 3600.0,
        power_w: 125.0,
        interruptible: false,
        checkpoint_s: 0.0,
        restart_s: 0.0,
        signal: None,
        expected_co2e_g: Some(600.0),
        baseline_co2e_g: None,
        expected_kwh: Some(12.0),
    };
    let plan = Plan { segments: vec![segment], co2e_g: Some(600.0), made: at("2026-06-01T00:00:00Z") };
    let mut run = Run::new(job, plan, Phase::Running);
    (run.starts, run.used_s) = (1, 2.0 * 3600.0);
    run
}

#[test]
fn what_a_meter_at_work_has_seen_counts_in_a_budget_by_the_hours_in_which_it_was_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let greenwich = Greenwich::load();
    let west = "pue_curve = [[10, 1.0], [30, 3.0]]\n[[budget]]\nproject = \"llm\"\nenergy_kwh = 10\n";
    let sites = sites_with(folder.path(), west);
    let mut grounds = grounds(&greenwich, &sites, folder.path(), Pace::EARNEST);
    let run = started_at("west");
    assert_eq!(grounds.drawn(&[&run]), Ok(vec![None]), "no meter has seen anything yet");
    let tags = [("greenwich_run".to_owned(), "k1".to_owned())].into();
    let mut journal = Ledger::at(folder.path().join("ledger")).journal(RunContext { tags, ..RunContext::default() });
    let device = Device {
        id: "GPU-0".to_owned(),
        kind: DeviceKind::Gpu,
        domain: "test".to_owned(),
        model: "Model X".to_owned(),
        method: Method::Counted,
        inside_another: false,
    };
    let start = at("2026-06-01T02:00:00Z");
    let header = MeterHeader {
        run: "m1".to_owned(),
        host: "here".to_owned(),
        boot_id: "0f0e0d0c-0000-4000-8000-000000000001".to_owned(),
        started: start,
        started_boot_ns: 0,
        period: SignedDuration::from_mins(1),
        devices: vec![device],
    };
    journal.begin(&header).expect("a folder that can be written");
    // A kilowatt for two hours.
    for minute in 1..=120_u64 {
        let (at_ns, energy_uj) = (minute * 60_000_000_000, 60_000_000_000);
        let span = Span {
            device: 0,
            since_ns: at_ns - 60_000_000_000,
            energy_uj,
            most_uj: energy_uj,
            method: Method::Counted,
        };
        let wall = start + SignedDuration::from_mins(minute as i64);
        journal.tick(Tick { at_ns, wall, spans: &[span] }).expect("a disk with space");
    }
    let drawn = grounds.drawn(&[&run]).expect("it can be read")[0].expect("it is known");
    // Thrice as much at the building's meter, of 50 g/kWh; the last minute may not be on its disk yet.
    assert!((5.95 - 1e-9..6.0 + 1e-9).contains(&drawn.kwh), "{drawn:?}");
    assert!((drawn.co2e_g - drawn.kwh * 50.0).abs() < 1e-6, "{drawn:?}");
    // Half of its work is left, of which 6 kWh were expected: 12 kWh of 10.
    let state = State::open(&folder.path().join("keeper"), Durability::ProcessEnd).expect("it opens");
    let standing = &grounds.budgets(&state, Some(&run), start).expect("readable")[0];
    assert_eq!(standing.drawn, drawn);
    assert!((standing.expected.kwh - 6.0).abs() < 1e-9, "{standing:?}");
    assert!((standing.expected.co2e_g - 300.0).abs() < 1e-6, "{standing:?}");
    assert!(standing.overdrawn().is_some_and(|words| words.contains("are drawn, 6 are expected yet")));
}
