//! The keeper over an engine in memory: killed at every boundary of a step, and whatever fails.
//!
//! In: scenes of jobs, faults and kills. Out: the laws, held against what the engine saw happen.

mod stage;

use super::steps::order;
use super::{Moment, Told, other_variables};
use crate::budget::{Budget, BudgetAction};
use crate::desire::Step;
use crate::error::KeeperError;
use crate::lock::ActLock;
use crate::run::{Job, OverBudget, Phase, Run};
use greenwich_engine::{Act, Fault, Launcher, SeenState};
use jiff::SignedDuration;
use proptest::prelude::*;
pub(crate) use stage::{Fuse, at, job};
use stage::{LONG, Scene, Stage, TICK_S};
use std::time::Duration;

/// Two jobs, one of which may pause, on one accelerator a site.
fn small(pauses: bool, signal: Option<&str>) -> Scene {
    let mut elastic = job("pauses", 200.0, 800);
    elastic.interruptible = true;
    elastic.signal = signal.map(str::to_owned);
    Scene {
        jobs: vec![(job("whole", 150.0, 600), 5, 150), (elastic, 45, 200)],
        accelerators: 2,
        pauses,
        exchanges: false,
        faults: Vec::new(),
        budget: None,
    }
}

/// A second job that is held until the first has drawn less than was expected of it.
fn held() -> Scene {
    let first = Job { expected_kwh: Some(0.0025), ..job("first", 100.0, 160) };
    let second = Job { expected_kwh: Some(0.001), ..job("second", 100.0, 900) };
    let budget = Budget { project: "trial".to_owned(), co2e_kg: None, kwh: Some(0.003), action: BudgetAction::Hold };
    Scene { jobs: vec![(first, 5, 50), (second, 5, 50)], budget: Some(budget), ..small(true, None) }
}

#[test]
fn killed_at_every_boundary_of_a_step_no_job_is_lost_and_none_runs_twice() {
    for scene in [small(true, None), small(false, Some("USR1")), held(), Scene { exchanges: true, ..small(true, None) }]
    {
        let mut whole = Stage::new(scene.accelerators, LONG);
        whole.play(&scene);
        let boundaries = whole.fuse.burnt(LONG);
        assert!(boundaries > 100, "{boundaries}");
        for boundary in 1..=boundaries {
            let mut stage = Stage::new(scene.accelerators, boundary);
            stage.play(&scene);
            assert_eq!(stage.kills, 1, "at boundary {boundary}");
        }
    }
}

prop_compose! {
    fn scenes()(
        jobs in prop::collection::vec((50_i64..400, 0_i64..300, 0.7_f64..1.4, any::<bool>(), 1.0_f64..6.0), 1..5),
        accelerators in 2_u32..5,
        (pauses, exchanges) in any::<(bool, bool)>(),
        faults in prop::collection::vec((0_i64..60, prop_oneof![
            Just(Fault::Silent), Just(Fault::AnswerLost), Just(Fault::Refuses), Just(Fault::RefusesWhatItDid)]), 0..8),
    ) -> Scene {
        let jobs = jobs.into_iter().enumerate().map(|(index, (work, asked, truth, interruptible, room))| {
            let deadline = asked + (work as f64 * (1.0 + room)) as i64 + 100;
            let mut job = job(&format!("run-{index}"), work as f64, deadline);
            job.interruptible = interruptible;
            job.signal = interruptible.then(|| "USR1".to_owned());
            (job, asked, (work as f64 * truth) as i64)
        });
        Scene { jobs: jobs.collect(), accelerators, pauses, exchanges, faults, budget: None }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_fails_and_whenever_it_is_killed_each_job_runs_once_and_is_accounted_once(
        scene in scenes(),
        fuses in prop::collection::vec(1_i64..150, 0..4),
    ) {
        let mut stage = Stage::new(scene.accelerators, fuses.first().copied().unwrap_or(LONG));
        stage.more = fuses.into_iter().skip(1).collect();
        stage.play(&scene);
    }
}

fn waiting_run(stage: &mut Stage, deadline_s: i64) -> Run {
    stage.submit(&job("one", 100.0, deadline_s), 0);
    stage.look(0);
    stage.keeper.state.find("one").expect("it is there")
}

#[test]
fn an_engine_that_is_down_is_told_once_and_its_jobs_start_all_the_same() {
    let mut stage = Stage::new(1, LONG);
    let run = waiting_run(&mut stage, 2000);
    stage.world.takes("one", SignedDuration::from_secs(100));
    stage.world.set_down(true);
    let lines = |told: Option<Told>| told.expect("it lives").lines.join("\n");
    assert!(lines(stage.look(20)).contains("does not answer"));
    assert_eq!(lines(stage.look(40)), "", "it is told once");
    // Nobody can ask for anything: the engine holds the begin time itself.
    let start = run.plan.start().expect("it is planned").as_second() - at(0).as_second();
    stage.world.advance(at(start + 150));
    stage.world.set_down(false);
    assert!(lines(stage.look(start + 160)).contains("replay: well again"));
    assert_eq!(stage.keeper.state.find("one").expect("kept").phase, Phase::Done);
}

#[test]
fn a_job_that_fails_is_closed_with_what_it_drew_and_not_run_again() {
    let mut stage = Stage::new(1, LONG);
    stage.world.fails("one", 3);
    waiting_run(&mut stage, 400);
    (1..40).for_each(|look| drop(stage.look(look * TICK_S)));
    let run = stage.keeper.state.find("one").expect("kept");
    assert_eq!((run.phase, run.exit_status), (Phase::Failed, Some(3)));
    assert_eq!(stage.world.history().len(), 1);
    let account = stage.keeper.state.account("one").expect("readable").expect("closed");
    assert!(account.it_energy_j.is_some_and(|joules| joules > 0.0));
}

#[test]
fn a_job_whose_site_is_drained_goes_to_another_one() {
    let mut stage = Stage::new(1, LONG);
    let run = waiting_run(&mut stage, 2000);
    let (drained, other) = if run.site() == "east" { ("east", "west") } else { ("west", "east") };
    stage.world.set_up(drained, false);
    let mut told = String::new();
    for look in 5..12 {
        told += &stage.look(look * TICK_S).expect("it lives").lines.join("\n");
    }
    assert!(told.contains(&format!("site {drained}: no node takes work")), "{told}");
    assert_eq!(stage.keeper.state.find("one").expect("kept").site(), other);
    let seen = stage.world.history();
    assert_eq!(seen.iter().filter(|seen| !seen.is_over()).map(|seen| seen.site.as_str()).collect::<Vec<_>>(), [other]);
}

#[test]
fn where_an_engine_moves_waiting_jobs_a_job_stays_the_same_one_and_else_it_is_handed_over_again() {
    for exchanges in [true, false] {
        let mut stage = Stage::new(1, LONG);
        stage.world.set_exchanges(exchanges);
        let run = waiting_run(&mut stage, 2000);
        let other = if run.site() == "east" { "west" } else { "east" };
        stage.world.set_up(run.site(), false);
        (5..12).for_each(|look| drop(stage.look(look * TICK_S)));
        let moved = stage.keeper.state.find("one").expect("kept");
        assert_eq!((moved.site(), moved.attempt), (other, if exchanges { 1 } else { 2 }));
        let steps = stage.keeper.state.steps("one").expect("readable");
        let moves = steps.iter().filter(|row| row.step == Step::Move { site: other.to_owned() }).count();
        assert_eq!((moves, stage.world.history().len()), if exchanges { (1, 1) } else { (0, 2) });
    }
}

#[test]
fn variables_of_the_old_site_that_the_new_one_has_not_are_taken_away() {
    let of = |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let all = [("east", of(&[("A", "1"), ("B", "2")])), ("west", of(&[("B", "3"), ("C", "4")]))];
    let all = all.into_iter().map(|(site, set)| (site.to_owned(), set)).collect();
    let told = other_variables(&all, "east", "west");
    let told: Vec<String> = told.into_iter().map(|(n, v)| v.map_or(n.clone(), |v| format!("{n}={v}"))).collect();
    assert_eq!(told, ["A", "B=3", "C=4"]);
}

#[test]
fn without_forecasts_plans_stay_and_it_is_told_once() {
    let mut stage = Stage::new(1, LONG);
    let before = waiting_run(&mut stage, 2000);
    stage.grid.is_gone = true;
    assert!(stage.look(20).expect("it lives").lines.join("\n").contains("no new forecasts: the provider is gone"));
    assert!(stage.look(40).expect("it lives").lines.is_empty());
    assert_eq!(stage.keeper.state.find("one").expect("kept").plan, before.plan);
}

#[test]
fn a_clock_that_is_set_is_told_and_doubles_nothing() {
    let mut stage = Stage::new(1, LONG);
    waiting_run(&mut stage, 2000);
    for wall in [3_600, -3_600, 40] {
        let moment = Moment { wall: at(wall), steady: Duration::from_secs(40) };
        let mut engines = stage.engines();
        let told = stage.keeper.look(&mut engines, &mut stage.grid, moment).expect("written");
        assert!(told.lines.iter().any(|line| line.starts_with("the clock was set by")), "{told:?}");
    }
    assert_eq!(stage.world.history().len(), 1);
    let latest = at(2000 - 120);
    assert!(stage.world.history()[0].begin.is_some_and(|begin| begin <= latest), "its deadline is kept");
}

#[test]
fn with_a_full_disk_nothing_is_done_and_nothing_is_lost() {
    let mut stage = Stage::new(1, LONG);
    let run = waiting_run(&mut stage, 2000);
    let mut two = Run::new(job("two", 100.0, 2000), run.plan.clone(), Phase::New);
    stage.keeper.state.take(&two, &[]).expect("there is room yet");
    stage.keeper.state.limit_pages(1);
    let refused = stage
        .keeper
        .state
        .take(&Run::new(job("three", 100.0, 2000), run.plan, Phase::New), &[("BIG".to_owned(), "x".repeat(100_000))]);
    let error = refused.expect_err("the disk is full");
    assert!(error.to_string().contains("cannot be written: database or disk is full"), "{error}");
    // A step that cannot be written is not taken.
    let calls = stage.world.calls();
    two.words = "x".repeat(100_000);
    let mut engines = stage.engines();
    stage.keeper.hand_over(&mut two, &mut engines, at(20)).expect_err("the disk is full");
    assert_eq!(stage.world.calls(), calls, "nothing was asked of the engine");
    assert_eq!(stage.world.history().len(), 1);
}

#[test]
fn a_job_that_takes_longer_than_planned_runs_on_and_is_not_paused() {
    let mut stage = Stage::new(1, LONG);
    let mut long = job("long", 100.0, 3000);
    long.interruptible = true;
    stage.world.takes("long", SignedDuration::from_secs(600));
    stage.submit(&long, 0);
    (0..130).for_each(|look| drop(stage.look(look * TICK_S)));
    let run = stage.keeper.state.find("long").expect("kept");
    assert_eq!(run.phase, Phase::Done, "{run:?}");
    let steps = stage.keeper.state.steps("long").expect("readable");
    let paused_when_overdue = steps.iter().filter(|row| matches!(row.step, Step::Pause { .. })).any(|row| {
        let used = stage.world.history()[0].ran[0].start;
        row.written.duration_since(used) > SignedDuration::from_secs(1500)
    });
    assert!(!paused_when_overdue);
    assert!(run.ended.is_some_and(|ended| ended < at(2600)));
}

#[test]
fn a_job_that_its_engine_lost_before_it_ran_is_handed_over_again() {
    let mut stage = Stage::new(1, LONG);
    waiting_run(&mut stage, 3000);
    stage.world.forget("one");
    (1..8).for_each(|look| drop(stage.look(look * TICK_S)));
    let run = stage.keeper.state.find("one").expect("kept");
    assert_eq!((run.attempt, run.handed.is_some_and(|handed| handed.id.is_some())), (2, true));
}

#[test]
fn a_job_of_which_nobody_can_say_whether_it_ran_is_not_run_again() {
    let mut stage = Stage::new(1, LONG);
    waiting_run(&mut stage, 3000);
    stage.world.forget("one");
    stage.grid.is_unreadable = true;
    (1..8).for_each(|look| drop(stage.look(look * TICK_S)));
    assert_eq!(stage.keeper.state.find("one").expect("kept").attempt, 1);
    stage.grid.is_unreadable = false;
    (8..12).for_each(|look| drop(stage.look(look * TICK_S)));
    assert_eq!(stage.keeper.state.find("one").expect("kept").attempt, 2);
}

#[test]
fn a_job_that_was_taken_though_its_engine_refused_it_is_found_and_not_handed_over_again() {
    let mut stage = Stage::new(1, LONG);
    stage.world.fault(Fault::RefusesWhatItDid);
    let run = waiting_run(&mut stage, 3000);
    assert_eq!((run.phase, run.attempt), (Phase::Waiting, 1), "{run:?}");
    (1..8).for_each(|look| drop(stage.look(look * TICK_S)));
    assert_eq!(stage.world.history().len(), 1);
}

#[test]
fn a_job_of_a_site_that_is_described_no_more_waits_longer_and_longer_and_fills_no_disk() {
    let mut stage = Stage::new(1, LONG);
    let north = Job { sites: vec!["north".to_owned()], home: "north".to_owned(), ..job("one", 100.0, 9000) };
    stage.submit(&north, 0);
    let mut told = 0;
    for look in 0..50 {
        let lines = stage.look(look * TICK_S).expect("it lives").lines;
        told += lines.iter().filter(|line| line.contains("no engine serves it")).count();
    }
    let run = stage.keeper.state.find("one").expect("kept");
    assert!(run.phase == Phase::New && run.words.contains("`north`"), "{run:?}");
    assert!((1..15).contains(&told), "{told} times in a thousand seconds");
    assert_eq!(stage.keeper.state.steps("one").expect("readable").len(), told + 1);
}

#[test]
fn a_job_that_started_and_was_queued_again_while_nobody_looked_stays_where_its_checkpoint_is() {
    let mut stage = Stage::new(1, LONG);
    stage.world.takes("one", SignedDuration::from_secs(100));
    let run = waiting_run(&mut stage, 3000);
    let start = run.plan.start().expect("it is planned").as_second() - at(0).as_second();
    stage.world.advance(at(start + 20));
    let seen = stage.world.history().remove(0);
    assert_eq!(seen.state, SeenState::Running);
    // Its node fails.
    stage.world.act(&seen.id, &Act::Requeue { begin: at(start + 400) }).expect("queued again");
    stage.world.forgets_stretches();
    stage.world.set_up(run.site(), false);
    (1..6).for_each(|look| drop(stage.look(start + 20 + look * TICK_S)));
    let kept = stage.keeper.state.find("one").expect("kept");
    assert_eq!((kept.site(), kept.attempt, kept.starts), (run.site(), 1, 1), "{kept:?}");
    assert_eq!(stage.world.history().len(), 1);
}

#[test]
fn a_double_is_ended_before_it_starts() {
    let mut stage = Stage::new(2, LONG);
    waiting_run(&mut stage, 3000);
    let run = stage.keeper.state.find("one").expect("kept");
    stage.world.submit(&order(&run, Vec::new(), "west", at(2000))).expect("taken");
    let told = stage.look(20).expect("it lives");
    assert!(told.lines.iter().any(|line| line.contains("was a double and is ended")), "{told:?}");
    assert_eq!(stage.world.history().iter().filter(|seen| !seen.is_over()).count(), 1);
}

#[test]
fn the_state_is_private_and_one_acts_at_a_time() {
    use std::os::unix::fs::PermissionsExt;
    let mut stage = Stage::new(1, LONG);
    waiting_run(&mut stage, 2000);
    for entry in std::fs::read_dir(stage.folder.path()).expect("a folder") {
        let file = entry.expect("readable");
        let mode = file.metadata().expect("readable").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    let held = ActLock::take(stage.folder.path(), Duration::ZERO).expect("free");
    let error = ActLock::take(stage.folder.path(), Duration::from_millis(50)).expect_err("it is held");
    assert!(matches!(error, KeeperError::Busy { .. }));
    drop(held);
    ActLock::take(stage.folder.path(), Duration::ZERO).expect("free again");
}

/// A first job that takes 50 s, 0.0014 kWh, and a second one, under a yearly budget.
fn budgeted(first_kwh: f64, limit_kwh: f64, action: BudgetAction) -> Stage {
    let mut stage = Stage::new(2, LONG);
    stage.hold_to(Budget { project: "trial".to_owned(), co2e_kg: None, kwh: Some(limit_kwh), action });
    for (run, kwh, release, deadline) in [("first", first_kwh, 0, 160), ("second", 0.001, 400, 3000)] {
        stage.world.takes(run, SignedDuration::from_secs(50));
        let asked = Job { expected_kwh: Some(kwh), release: at(release), ..job(run, 100.0, deadline) };
        stage.submit(&asked, 0);
    }
    stage
}

fn stands(stage: &Stage) -> (Phase, bool) {
    let run = stage.keeper.state.find("second").expect("kept");
    let seen = stage.world.history();
    let seen = seen.iter().find(|seen| seen.mark.run == "second").expect("it is handed over");
    (run.phase, seen.state == SeenState::Waiting { held: true })
}

fn events(stage: &Stage, run: Option<&str>, stem: &str) -> usize {
    let all = stage.keeper.state.events(run).expect("readable");
    all.iter().filter(|event| event.who == "budget" && event.words.starts_with(stem)).count()
}

#[test]
fn a_waiting_job_is_held_in_its_engine_while_its_budget_is_spoken_for_and_let_go_when_less_was_drawn() {
    let mut stage = budgeted(0.0025, 0.003, BudgetAction::Hold);
    stage.look(0);
    assert_eq!(stands(&stage), (Phase::Held, true));
    let why = stage.keeper.state.find("second").expect("kept").over_budget.expect("it is held").why;
    assert_eq!(
        why,
        "project trial has a budget of 0.003 kWh energy for 2027; 0 are drawn, 0.0025 are expected of its other runs, this one needs 0.001"
    );
    let mut second = TICK_S;
    while stands(&stage).0 != Phase::Done && second < 3000 {
        let was_held = stands(&stage).1;
        stage.look(second);
        assert!(!was_held || stands(&stage).0 != Phase::Running, "what is held does not start");
        second += TICK_S;
    }
    assert_eq!(stands(&stage).0, Phase::Done);
    assert_eq!((events(&stage, Some("second"), "held:"), events(&stage, Some("second"), "let go:")), (1, 1));
    let steps = stage.keeper.state.steps("second").expect("readable");
    let count = |wanted: &Step| steps.iter().filter(|row| row.step == *wanted).count();
    assert_eq!((count(&Step::Hold), count(&Step::Release)), (1, 1), "{steps:?}");
}

#[test]
fn a_job_that_overdraws_its_budget_runs_on_and_the_next_is_held_until_somebody_lets_it_go() {
    let mut stage = budgeted(0.0001, 0.0012, BudgetAction::Hold);
    stage.look(0);
    assert_eq!(stands(&stage), (Phase::Waiting, false), "both fit as they were planned");
    (1..30).for_each(|look| drop(stage.look(look * TICK_S)));
    assert_eq!(stage.keeper.state.find("first").expect("kept").phase, Phase::Done, "it is never stopped");
    assert_eq!(stands(&stage), (Phase::Held, true));
    assert_eq!(events(&stage, None, "project trial goes over its budget"), 1);
    // Its deadline does not let it go, and is told of once.
    (30..150).for_each(|look| drop(stage.look(look * TICK_S)));
    assert_eq!(stands(&stage), (Phase::Held, true));
    assert_eq!(events(&stage, Some("second"), "its deadline may be missed"), 1);
    let mut run = stage.keeper.state.find("second").expect("kept");
    run.let_go = Some("ada: the board said yes".to_owned());
    stage.keeper.state.save([&run]).expect("written");
    (150..160).for_each(|look| drop(stage.look(look * TICK_S)));
    assert_eq!(stands(&stage).0, Phase::Done);
}

#[test]
fn a_budget_that_only_warns_tells_of_a_job_once_and_holds_nothing() {
    let mut stage = budgeted(0.0025, 0.003, BudgetAction::Warn);
    (0..100).for_each(|look| drop(stage.look(look * TICK_S)));
    assert_eq!(stands(&stage).0, Phase::Done);
    assert_eq!(events(&stage, Some("second"), "warned:"), 1);
    assert!(stage.keeper.state.steps("second").expect("readable").iter().all(|row| row.step != Step::Hold));
}

#[test]
fn a_run_that_is_held_before_it_is_handed_over_is_handed_over_when_there_is_room() {
    let mut stage = budgeted(0.0001, 0.003, BudgetAction::Hold);
    let mut third =
        Run::new(job("third", 100.0, 3000), stage.keeper.state.find("second").expect("kept").plan, Phase::Held);
    third.over_budget = Some(OverBudget { why: "as of then".to_owned(), holds: true, is_late: false });
    stage.keeper.state.take(&third, &[]).expect("written");
    stage.look(0);
    let run = stage.keeper.state.find("third").expect("kept");
    assert_eq!(run.phase, Phase::Held, "10 kWh are too much: {run:?}");
    assert!(run.handed.is_none());
    stage.hold_to(Budget { project: "trial".to_owned(), co2e_kg: None, kwh: Some(1.0), action: BudgetAction::Hold });
    stage.look(TICK_S);
    assert!(stage.keeper.state.find("third").expect("kept").handed.is_some());
}

/// Looks until the one run has started.
fn started(stage: &mut Stage) -> i64 {
    waiting_run(stage, 600);
    let mut second = TICK_S;
    while stage.keeper.state.find("one").expect("kept").phase != Phase::Running {
        stage.look(second);
        second += TICK_S;
        assert!(second < 600, "it starts by its deadline");
    }
    second
}

#[test]
fn a_job_that_somebody_ends_in_its_engine_is_closed_and_not_run_again() {
    let mut stage = Stage::new(1, LONG);
    let second = started(&mut stage);
    stage.world.act("1", &Act::Cancel).expect("it runs");
    (0..3).for_each(|look| drop(stage.look(second + look * TICK_S)));
    let run = stage.keeper.state.find("one").expect("kept");
    assert_eq!((run.phase, run.words.as_str()), (Phase::Cancelled, "it was ended in its engine, not by Greenwich"));
    assert_eq!(stage.world.history().len(), 1);
}

#[test]
fn a_job_whose_node_fails_is_queued_again_by_its_engine_and_runs_to_its_end() {
    let mut stage = Stage::new(1, LONG);
    stage.world.takes("one", SignedDuration::from_secs(100));
    let second = started(&mut stage);
    stage.world.act("1", &Act::Requeue { begin: at(second) }).expect("it runs");
    let told: Vec<String> =
        (0..12).filter_map(|look| stage.look(second + look * TICK_S)).flat_map(|told| told.lines).collect();
    assert!(told.iter().any(|line| line.contains("its engine has queued it again")), "{told:?}");
    let run = stage.keeper.state.find("one").expect("kept");
    assert_eq!((run.phase, run.attempt, run.starts), (Phase::Done, 1, 2), "{run:?}");
    let account = stage.keeper.state.account("one").expect("readable").expect("closed");
    assert_eq!(account.entries, 2, "both starts are accounted");
}
