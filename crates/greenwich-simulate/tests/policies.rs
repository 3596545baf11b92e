//! Each policy on cases small enough to work out by hand.

mod common;

use common::{CHARGES, fleet, job, pausing, run_by, site, told, with_extras};
use greenwich_core::quantity::Bytes;
use greenwich_fleet::{Extras, Fleet, SiteSet};
use greenwich_simulate::{Charges, Method, PolicyKind, World};
use insta::assert_snapshot;

/// Twelve hours: clean at 4, 5 and 9; dirty at first.
const HOURS: [f64; 12] = [500.0, 500.0, 400.0, 300.0, 100.0, 100.0, 300.0, 400.0, 200.0, 50.0, 400.0, 500.0];

fn one_site(jobs: Vec<greenwich_fleet::Job>) -> World {
    World::new(fleet(vec![site("A", 2, &HOURS)], jobs), CHARGES)
}

#[test]
fn run_at_once_waits_for_room_and_nothing_else() {
    let world = one_site(vec![job(0, 12, 3, 2), job(1, 12, 2, 1), job(1, 12, 1, 1)]);
    assert_snapshot!(told(&world, PolicyKind::RunAtOnce), @"
    A 0 1 2
    A 3 4
    A 3
    ");
    let (outcome, _) = run_by(&world, PolicyKind::RunAtOnce, Method::Perfect);
    // 2 kW over 500, 500, 400; 1 kW over 300 and 100; 1 kW over 300.
    assert!((outcome.co2e_g - (2800.0 + 400.0 + 300.0)).abs() < 1e-9);
    assert_eq!((outcome.misses, outcome.mean_delay_h), (0, 4.0 / 3.0));
    assert_eq!(&outcome.held[..6], [2, 2, 2, 2, 1, 0]);
}

#[test]
fn a_smaller_job_passes_one_that_does_not_fit() {
    let world = one_site(vec![job(0, 12, 3, 1), job(0, 12, 1, 2), job(0, 12, 2, 1)]);
    assert_snapshot!(told(&world, PolicyKind::RunAtOnce), @"
    A 0 1 2
    A 3
    A 0 1
    ");
}

#[test]
fn cheapest_region_goes_where_it_is_clean_and_there_is_room() {
    let sites = vec![site("A", 2, &HOURS), site("B", 1, &[450.0; 12])];
    let world = World::new(fleet(sites, vec![job(0, 12, 2, 1), job(0, 12, 1, 1), job(4, 12, 1, 1)]), CHARGES);
    assert_snapshot!(told(&world, PolicyKind::CheapestRegion), @"
    B 0 1
    A 0
    A 4
    ");
}

#[test]
fn wait_awhile_takes_the_cleanest_start_or_the_cleanest_hours() {
    let world = one_site(vec![pausing(job(0, 12, 3, 1)), job(0, 12, 3, 1), pausing(job(0, 6, 6, 1))]);
    // The third cannot wait and goes on once it runs: who would have been third at hour 3 chooses anew.
    assert_snapshot!(told(&world, PolicyKind::WaitAwhile), @"
    A 3 4 5
    A 7 8 9
    A 0 1 2 3 4 5
    ");
    // The second begins at 3, so that the first finds 4 and 5 full.
    assert_snapshot!(told(&world, PolicyKind::WaitAwhileInterrupting), @"
    A 6 8 9
    A 3 4 5
    A 0 1 2 3 4 5
    ");
}

#[test]
fn lowest_window_goes_by_the_mean_length_of_its_queue() {
    // Alone, its own length is the mean; beside a job of 7 hours the mean of 5 asks for hours 5 to 9.
    let world = one_site(vec![job(0, 12, 3, 1)]);
    assert_snapshot!(told(&world, PolicyKind::LowestWindow), @"A 3 4 5");
    let world = one_site(vec![job(0, 7, 7, 1), job(0, 12, 3, 1)]);
    assert_snapshot!(told(&world, PolicyKind::LowestWindow), @"
    A 0 1 2 3 4 5 6
    A 5 6 7
    ");
}

#[test]
fn threshold_runs_in_the_cleanest_three_tenths_of_what_is_ahead() {
    // Of twelve hours ahead the three cleanest are 9, 4 and 5; from hour 6 on the cleanest one of six is 9.
    let world = one_site(vec![pausing(job(0, 12, 3, 1)), pausing(job(0, 12, 5, 1))]);
    assert_snapshot!(told(&world, PolicyKind::Threshold), @"
    A 4 5 9
    A 4 5 9 10 11
    ");
}

fn elastic(curve: &[(u32, f64)]) -> Extras {
    Extras { speedup: curve.to_vec(), ..Extras::default() }
}

#[test]
fn carbon_scaler_grows_where_work_is_cleanest() {
    let jobs = vec![pausing(job(0, 12, 3, 1))];
    let world = with_extras(fleet(vec![site("A", 2, &HOURS)], jobs), elastic(&[(1, 1.0), (2, 1.9)]));
    // 1.9 in the hour of 50 g, 1 in hour 4, and the last tenth in hour 5, which does more: then half of 9 is enough.
    assert_snapshot!(told(&world, PolicyKind::CarbonScaler), @"A 4 5 9");
    let jobs = vec![pausing(job(0, 12, 3, 1))];
    let world = with_extras(fleet(vec![site("A", 2, &HOURS)], jobs), elastic(&[(1, 1.0), (2, 2.0)]));
    assert_snapshot!(told(&world, PolicyKind::CarbonScaler), @"A 4 9×2");
    let (outcome, _) = run_by(&world, PolicyKind::CarbonScaler, Method::Perfect);
    assert!((outcome.co2e_g - 200.0).abs() < 1e-9 && (outcome.energy_kwh - 3.0).abs() < 1e-9);
}

#[test]
fn ours_shares_the_clean_hours_among_jobs_and_sites() {
    let sites = vec![site("A", 1, &HOURS), site("B", 1, &[120.0; 12])];
    let world = World::new(fleet(sites, vec![job(0, 12, 2, 1), job(0, 12, 2, 1), pausing(job(0, 12, 1, 1))]), CHARGES);
    // Two whole jobs want hours 4 and 5 of A: one of them, no matter which, goes to B, which is hardly dirtier.
    let text = told(&world, PolicyKind::Oracle);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A 4 5", "A 9", "B 0 1"]);
}

#[test]
fn restarts_take_energy_and_time() {
    let hours = [100.0, 900.0, 100.0, 900.0, 100.0, 900.0];
    let extras = Extras { restart_minutes: Some(30.0), ..Extras::default() };
    let world = with_extras(fleet(vec![site("A", 1, &hours)], vec![pausing(job(0, 6, 2, 1))]), extras);
    let (outcome, seen) = run_by(&world, PolicyKind::WaitAwhileInterrupting, Method::Perfect);
    // An hour, a restart and half an hour, a restart and the last half.
    let ran: Vec<usize> = (0..seen.len()).filter(|hour| !seen[*hour].is_empty()).collect();
    assert_eq!((ran, outcome.restarts), (vec![0, 2, 4], 2));
    assert!((outcome.co2e_g - 300.0).abs() < 1e-9 && (outcome.restart_g - 100.0).abs() < 1e-9);
    assert!((outcome.jobs[0].work_h - 2.0).abs() < 1e-9);
    // Where a restart costs more than the dirty hour, ours does not pause.
    let dear = Extras { restart_minutes: Some(600.0), ..Extras::default() };
    let world = with_extras(fleet(vec![site("A", 1, &hours)], vec![pausing(job(0, 6, 2, 1))]), dear);
    assert_eq!(run_by(&world, PolicyKind::Oracle, Method::Perfect).0.restarts, 0);
}

#[test]
fn data_is_moved_once_and_its_energy_counts() {
    let sites = vec![site("A", 1, &[400.0; 6]), site("B", 1, &[100.0; 6])];
    let moved = |gb: f64| {
        let extras = Extras { data: Some(Bytes::from_gb(gb)), ..Extras::default() };
        run_by(&with_extras(fleet(sites.clone(), vec![job(0, 6, 2, 1)]), extras), PolicyKind::Oracle, Method::Perfect).0
    };
    // 10 GB × 0.06 kWh × 100 g.
    let near = moved(10.0);
    assert_eq!((near.moved, near.jobs[0].site), (1, Some(1)));
    assert!((near.transfer_g - 60.0).abs() < 1e-9 && (near.co2e_g - 260.0).abs() < 1e-9);
    // 200 GB would emit 1,200 g: it stays.
    assert_eq!((moved(200.0).moved, moved(200.0).transfer_g), (0, 0.0));
}

#[test]
fn a_job_that_is_late_goes_on_and_is_charged() {
    let world = one_site(vec![job(0, 3, 3, 2), job(0, 4, 3, 1)]);
    for kind in PolicyKind::ALL {
        let (outcome, _) = run_by(&world, kind, Method::Perfect);
        assert_eq!((outcome.misses, outcome.unfinished), (1, 0), "{kind}");
        let charged = if outcome.jobs[0].missed { 12_000.0 } else { 6000.0 };
        assert!((outcome.miss_charge_g - charged).abs() < 1e-9, "{kind}");
    }
}

#[test]
fn what_the_replay_ends_before_is_unfinished_and_missed() {
    let world = one_site(vec![job(0, 12, 5, 2), job(0, 12, 5, 2), job(0, 12, 5, 2)]);
    let (outcome, _) = run_by(&world, PolicyKind::RunAtOnce, Method::Perfect);
    assert_eq!((outcome.misses, outcome.unfinished), (1, 1));
    assert!((outcome.jobs[2].work_h - 2.0).abs() < 1e-9);
}

#[test]
fn a_job_without_a_site_that_holds_it_never_runs() {
    let world = one_site(vec![job(0, 12, 1, 3), job(0, 12, 1, 1)]);
    for kind in PolicyKind::ALL {
        let (outcome, _) = run_by(&world, kind, Method::Perfect);
        assert_eq!((outcome.unfinished, outcome.jobs[0].work_h), (1, 0.0), "{kind}");
    }
}

#[test]
fn a_job_whose_home_is_too_small_runs_where_it_fits() {
    let sites = vec![site("A", 1, &HOURS), site("B", 4, &[300.0; 12])];
    let both = fleet(sites, vec![job(0, 12, 1, 3)]);
    let world = World::new(both.clone(), CHARGES);
    assert_snapshot!(told(&world, PolicyKind::RunAtOnce), @"B 0");
    let alone = Fleet { jobs: vec![greenwich_fleet::Job { sites: SiteSet(1), ..both.jobs[0] }], ..both };
    assert_eq!(run_by(&World::new(alone, CHARGES), PolicyKind::RunAtOnce, Method::Perfect).0.unfinished, 1);
}

#[test]
fn maintenance_stops_even_a_job_that_may_not_pause() {
    let mut shut = site("A", 1, &[100.0; 8]);
    shut.capacity[2] = 0;
    let world = World::new(fleet(vec![shut], vec![job(0, 8, 4, 1)]), Charges { restart_minutes: 60.0, ..CHARGES });
    assert_snapshot!(told(&world, PolicyKind::RunAtOnce), @"A 0 1 3 4 5");
    let (outcome, _) = run_by(&world, PolicyKind::RunAtOnce, Method::Perfect);
    assert_eq!((outcome.restarts, outcome.restart_g), (1, 100.0));
}

#[test]
fn ours_keeps_room_for_who_comes_every_day() {
    let levels: Vec<f64> = (0..120).map(|hour| if hour % 24 == 12 { 50.0 } else { 300.0 }).collect();
    // Every day at noon one comes that cannot wait; on the fourth day one that can comes at one in the morning.
    let daily = (0..5).map(|day| job(24 * day + 12, 24 * day + 13, 1, 1));
    let jobs = daily.chain([job(73, 97, 1, 1)]).collect();
    let world = World::new(fleet(vec![site("A", 1, &levels)], jobs), CHARGES);
    let late = |kind| run_by(&world, kind, Method::Perfect).0.misses;
    assert_eq!((late(PolicyKind::WaitAwhile), late(PolicyKind::Greenwich)), (1, 0));
}

#[test]
fn ours_hurries_jobs_on_where_what_waits_and_what_is_expected_would_not_fit() {
    // Dirty by day and clean by night; every hour a job of an hour comes that may wait a day: the site is full.
    let levels: Vec<f64> = (0..240).map(|hour| if hour % 24 < 12 { 500.0 } else { 100.0 }).collect();
    let hourly = |rows: std::ops::Range<u32>| rows.map(|at| job(at, at + 25, 1, 2)).collect::<Vec<_>>();
    let idle = |jobs: Vec<greenwich_fleet::Job>| {
        let world = World::new(fleet(vec![site("A", 2, &levels)], jobs), CHARGES);
        let (outcome, _) = run_by(&world, PolicyKind::Greenwich, Method::Perfect);
        (outcome.misses, outcome.held[48..96].iter().filter(|held| **held == 0).count())
    };
    let (late, empty) = idle(hourly(0..144));
    assert!(late == 0 && empty == 0, "{late} late, {empty} hours left empty at a full site");
    // Where every third hour brings one, the dirty hours stay empty.
    let (late, empty) = idle(hourly(0..144).into_iter().step_by(3).collect());
    assert!(late == 0 && empty >= 24, "{late} late, {empty} hours left empty at a site that has room");
}
