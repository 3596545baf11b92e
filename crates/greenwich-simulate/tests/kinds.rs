//! Jobs that list kinds of accelerators: each site's own speed and power, in every policy and in the bound.

mod common;

use common::{CHARGES, fleet, job, pausing, run_by, site, told, with_extras};
use greenwich_fleet::{Extras, Fleet, Job, Kind, Site, SiteSet};
use greenwich_simulate::{Charges, Method, PolicyKind, World, bound_g};
use insta::assert_snapshot;
use proptest::prelude::*;

fn kind(name: &str, speed: f64, watts: Option<f64>) -> Kind {
    Kind { name: name.to_owned(), speed, watts }
}

fn of_kind(site: Site, accelerator: &str) -> Site {
    Site { accelerator: Some(accelerator.to_owned()), ..site }
}

/// Home has slow accelerators, as the rows have them; the other site fast ones, twice as fast at 1.5 kW.
fn two_kinds(home_g: f64, other_g: f64, jobs: Vec<Job>) -> World {
    let sites = vec![of_kind(site("slow", 2, &[home_g; 16]), "old"), of_kind(site("fast", 2, &[other_g; 16]), "new")];
    let kinds = vec![kind("old", 1.0, None), kind("new", 2.0, Some(1500.0))];
    with_extras(fleet(sites, jobs), Extras { kinds, ..Extras::default() })
}

#[test]
fn a_job_runs_as_long_and_draws_as_much_as_the_kind_of_its_site_does() {
    // 4 h at 1 kW, or 2 h at 1.5 kW: 400 g at home, 330 g there, although its grid is dirtier.
    let world = two_kinds(100.0, 110.0, vec![job(0, 12, 4, 1)]);
    for (kind, hours, kwh, grams) in [
        (PolicyKind::RunAtOnce, "slow 0 1 2 3", 4.0, 400.0),
        (PolicyKind::CheapestRegion, "fast 0 1", 3.0, 330.0),
        (PolicyKind::Oracle, "fast 0 1", 3.0, 330.0),
    ] {
        assert_eq!(told(&world, kind), hours, "{kind}");
        let (outcome, _) = run_by(&world, kind, Method::Perfect);
        let (run_kwh, run_g) = (outcome.energy_kwh, outcome.co2e_g);
        assert!((run_kwh - kwh).abs() < 1e-9 && (run_g - grams).abs() < 1e-9, "{kind}: {run_kwh} {run_g}");
        assert!((outcome.jobs[0].work_h - 4.0).abs() < 1e-9, "{kind}");
    }
    // Who runs at once at home waits for nothing, whoever is faster is ahead of it.
    let delay_h = |kind| run_by(&world, kind, Method::Perfect).0.mean_delay_h;
    assert_eq!((delay_h(PolicyKind::RunAtOnce), delay_h(PolicyKind::Oracle)), (0.0, -2.0));
    let bound = bound_g(&world, 1.0).expect("no job is elastic");
    assert!((bound - 330.0).abs() < 1e-6, "{bound}");
}

#[test]
fn the_last_hour_on_a_kind_is_paid_by_its_share() {
    // 3 h of work take 1.5 h on the fast kind.
    let world = two_kinds(1000.0, 100.0, vec![job(0, 12, 3, 2)]);
    let (outcome, _) = run_by(&world, PolicyKind::Oracle, Method::Perfect);
    assert!((outcome.energy_kwh - 4.5).abs() < 1e-9 && (outcome.co2e_g - 450.0).abs() < 1e-9);
    assert_eq!((outcome.jobs[0].ended_h, outcome.held[16..19].to_vec()), (Some(1.5), vec![2, 2, 0]));
}

#[test]
fn a_deadline_that_only_a_fast_kind_keeps_is_kept() {
    let world = two_kinds(10.0, 500.0, vec![job(0, 3, 6, 1), pausing(job(0, 4, 6, 1))]);
    let (outcome, _) = run_by(&world, PolicyKind::Greenwich, Method::Perfect);
    assert_eq!(outcome.misses, 0);
    assert_snapshot!(told(&world, PolicyKind::Greenwich), @"
    fast 0 1 2
    fast 0 1 2
    ");
}

#[test]
fn crowded_kinds_are_shared_out_by_what_each_job_takes_there() {
    // Both would go to the fast kind, which has room for one at a time.
    let world = two_kinds(100.0, 110.0, vec![job(0, 14, 4, 2), job(0, 14, 4, 2)]);
    let (outcome, _) = run_by(&world, PolicyKind::Greenwich, Method::Perfect);
    assert_eq!(outcome.misses, 0);
    assert!((outcome.co2e_g - 2.0 * 2.0 * 330.0).abs() < 1e-6, "one after the other: {}", outcome.co2e_g);
}

#[test]
fn a_site_without_a_listed_kind_is_passed_by() {
    let sites = vec![of_kind(site("A", 2, &[100.0; 8]), "other"), of_kind(site("B", 2, &[900.0; 8]), "new")];
    let kinds = vec![kind("new", 2.0, None)];
    let world = with_extras(fleet(sites, vec![job(0, 8, 4, 1)]), Extras { kinds, ..Extras::default() });
    for kind in PolicyKind::ALL {
        let (outcome, _) = run_by(&world, kind, Method::Perfect);
        assert_eq!((outcome.jobs[0].site, outcome.misses), (Some(1), 0), "{kind}");
    }
}

const HOURS: usize = 144;

/// Fleets by lot on two kinds of accelerators.
fn worlds() -> impl Strategy<Value = World> {
    let jobs = prop::collection::vec((0_u32..48, 1_u32..9, 0_u32..30, 1_u32..4, any::<[bool; 2]>()), 1..12);
    let levels = prop::collection::vec(20.0_f64..800.0, 2 * HOURS);
    let speeds = prop::collection::vec((0.3_f64..3.0, 200.0_f64..2000.0), 2);
    (jobs, levels, speeds, 3_u32..7, prop::sample::select(vec![0.0, 20.0])).prop_map(
        |(jobs, levels, speeds, capacity, restart_minutes)| {
            let named = ["one", "two"];
            let sites = named.iter().zip(levels.chunks(HOURS));
            let sites = sites.map(|(name, levels)| of_kind(site(name, capacity, levels), name)).collect();
            let kinds = named.iter().zip(speeds).map(|(name, (speed, watts))| kind(name, speed, Some(watts)));
            let extras = Extras { kinds: kinds.collect(), ..Extras::default() };
            let jobs: Vec<Job> = jobs
                .into_iter()
                .map(|(release, hours, slack, size, [pauses, moves])| Job {
                    interruptible: pauses,
                    sites: SiteSet(u32::from(!moves)),
                    ..job(release, release + hours + slack, hours, size)
                })
                .collect();
            let extras = vec![extras; jobs.len()];
            World::new(Fleet { extras, ..fleet(sites, jobs) }, Charges { restart_minutes, ..CHARGES })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whoever decides: work is done once, energy is that of the kind where it ran, and nothing lies below the bound.
    #[test]
    fn every_policy_pays_for_the_kind_it_runs_on(world in worlds()) {
        let bound = bound_g(&world, 0.02).expect("no job is elastic");
        for policy in PolicyKind::ALL {
            let (outcome, _) = run_by(&world, policy, Method::Naive);
            for (index, ran) in outcome.jobs.iter().enumerate() {
                let job = world.job(index as u32);
                prop_assert!(ran.work_h <= f64::from(job.hours) + 1e-6);
                prop_assert!(ran.ended_h.is_none() || (ran.work_h - f64::from(job.hours)).abs() < 1e-6);
                let Some(site) = ran.site else { continue };
                let machine = world.machine(index as u32, site);
                let kw = machine.power.kw() * f64::from(job.accelerators);
                let runs_kwh = kw * ran.work_h / machine.speed;
                let restarts_kwh = kw * world.restart_hours(index as u32) * f64::from(ran.restarts);
                prop_assert!(ran.energy_kwh >= runs_kwh - 1e-6, "{policy}");
                prop_assert!(ran.energy_kwh <= runs_kwh + restarts_kwh + 1e-6, "{policy}");
            }
            let whole = outcome.co2e_g + outcome.miss_charge_g;
            prop_assert!(whole >= bound * (1.0 - 1e-9), "{policy}: {whole} lies below {bound}");
        }
    }
}
