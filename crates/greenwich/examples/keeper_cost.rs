//! What a look of the keeper costs: `cargo run --release -p greenwich --example keeper_cost -- 1000`.
//!
//! In: how many jobs wait. Out: seconds by the clock and of processor time of a look that plans them all anew, of one that finds nothing new, and of one
//! without a job. The engine is a replay: what Slurm's own tools take comes on top.

use greenwich::keeping::Grounds;
use greenwich::pace::Pace;
use greenwich::{Greenwich, sites_file};
use greenwich_engine::{Replay, ReplaySite};
use greenwich_keeper::{Durability, Engine, Job, Keeper, Moment, Phase, Plan, Run, State, Timing};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Instant;

const SITES: &str = r#"
schema = "greenwich.sites/1"
[[site]]
name = "east"
zone = "DE"
accelerators = 2000
backend = "local"
[[site]]
name = "west"
zone = "FR"
accelerators = 2000
backend = "local"
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let (greenwich, sites) = (Greenwich::load(), sites_file::parse("sites.toml", SITES.as_bytes())?);
    let now = Timestamp::now();
    let up = |name: &str| ReplaySite { name: name.to_owned(), accelerators: 2000, is_up: true };
    let world = Replay::new(now, vec![up("east"), up("west")]);
    let mut engines = [Engine {
        name: "replay".to_owned(),
        launcher: Box::new(world),
        sites: vec!["east".to_owned(), "west".to_owned()],
        environment: BTreeMap::new(),
    }];
    let mut grounds = Grounds {
        greenwich: &greenwich,
        sites: &sites,
        pace: Pace::EARNEST,
        ledger: folder.path().join("ledger"),
        kept: None,
        host: "here".to_owned(),
    };
    let mut keeper = Keeper::new(State::open(folder.path(), Durability::PowerCut)?, Timing::default());
    let begun = Instant::now();
    for index in 0..count {
        let plan = Plan { segments: Vec::new(), co2e_g: None, made: now };
        let mut run = Run::new(job(index, now), plan, Phase::New);
        keeper.state.take(&run, &[("PATH".to_owned(), "/bin".repeat(40))])?;
        keeper.hand_over(&mut run, &mut engines, now)?;
    }
    let mut lines = vec![format!("{count} jobs taken and handed over in {:.3} s", begun.elapsed().as_secs_f64())];
    for what in ["plans all anew and moves them", "plans all anew", "finds nothing new"] {
        if what != "finds nothing new" {
            keeper.plan_anew();
        }
        let (begun, before) = (Instant::now(), processor_s());
        let told = keeper.look(&mut engines, &mut grounds, Moment { wall: now, steady: std::time::Duration::ZERO })?;
        let (lasted, took) = (begun.elapsed().as_secs_f64(), processor_s() - before);
        lines.push(format!("a look that {what}: {lasted:.2} s, {took:.2} s of processor time, {} steps", told.steps));
    }
    println(&lines.join("\n"));
    Ok(())
}

/// A job of 1 to 12 hours within 2 to 6 days.
fn job(index: usize, now: Timestamp) -> Job {
    let hours = 1 + index as i64 * 7 % 12;
    let home = if index.is_multiple_of(2) { "east" } else { "west" };
    Job {
        run: format!("run-{index}"),
        name: format!("job-{index}"),
        project: None,
        owner: "somebody".to_owned(),
        asked: now,
        command: vec!["true".to_owned()],
        resume: None,
        beside: Vec::new(),
        directory: "/".into(),
        accelerators: 1 + index as u32 % 4,
        accelerator: None,
        nodes: None,
        time_limit_s: None,
        options: Vec::new(),
        sites: vec!["east".to_owned(), "west".to_owned()],
        home: home.to_owned(),
        release: now,
        deadline: now + SignedDuration::from_hours(48 + index as i64 % 96),
        work_s: hours as f64 * 3600.0,
        work_safe_s: hours as f64 * 3600.0 * 1.1,
        power_w: 700.0,
        interruptible: index.is_multiple_of(3),
        checkpoint_s: 300.0,
        restart_s: 600.0,
        signal: None,
        expected_co2e_g: None,
        baseline_co2e_g: None,
        expected_kwh: None,
    }
}

/// Processor time of this process so far, in hundredths of a second.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[expect(clippy::print_stdout, reason = "a program that tells its figures")]
fn println(text: &str) {
    println!("{text}");
}
