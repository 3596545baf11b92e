//! What holds of every plan, on fleets small enough to try everything.

use greenwich_core::ZoneId;
use greenwich_core::quantity::{AverageIntensity, Power, Pue};
use greenwich_fleet::{Fleet, FleetPlan, Job, Names, Options, Reason, Site, SiteSet, follow, plan, prove};
use proptest::prelude::*;
use std::collections::BTreeMap;

const OPTIONS: Options = Options { unplaced_penalty_g: 2000.0, effort: 0.2, threads: 1 };

/// A fleet of sites with the same capacity all the time; each job `(release, deadline, hours, accelerators,
/// watts, sites, interruptible)`.
type Row = (u32, u32, u32, u32, f64, Vec<u32>, bool);

fn fleet(capacity: &[u32], intensity: &[Vec<f64>], rows: &[Row]) -> Fleet {
    let hours = intensity[0].len();
    let mut found = Fleet { hours: hours as u32, ..Fleet::default() };
    for (site, (&capacity, grams)) in capacity.iter().zip(intensity).enumerate() {
        found.sites.push(Site {
            name: format!("site-{site}"),
            zone: ZoneId::new(format!("Z{site}")),
            pue: Pue::new(1.1 + 0.05 * site as f64).expect("a PUE"),
            capacity: vec![capacity; hours],
            intensity: grams.iter().map(|&grams| AverageIntensity::from_g_per_kwh(grams)).collect(),
            accelerator: None,
            region: None,
            usd_per_kwh: None,
            backend: None,
        });
    }
    found.names = Names::default();
    for (index, (release, deadline, hours, accelerators, watts, sites, interruptible)) in rows.iter().enumerate() {
        let set = found.site_sets.iter().position(|set| set == sites).unwrap_or_else(|| {
            found.site_sets.push(sites.clone());
            found.site_sets.len() - 1
        });
        found.names.push(&format!("j{index}"));
        found.jobs.push(Job {
            release: *release,
            deadline: *deadline,
            hours: *hours,
            accelerators: *accelerators,
            power: Power::from_watts(*watts),
            home: sites.first().copied().unwrap_or(0),
            sites: SiteSet(set as u32),
            interruptible: *interruptible,
        });
    }
    found
}

fn grams(fleet: &Fleet, job: &Job, site: u32, hour: u32) -> f64 {
    let place = &fleet.sites[site as usize];
    let kw = f64::from(job.accelerators) * job.power.watts() / 1e3;
    kw * place.pue.ratio() * place.intensity[hour as usize].g_per_kwh()
}

fn penalty(job: &Job) -> f64 {
    OPTIONS.unplaced_penalty_g * f64::from(job.accelerators) * f64::from(job.hours)
}

/// Knows nothing of how the plan was made: holds the contract and reckons the cost anew.
fn referee(fleet: &Fleet, plan: &FleetPlan) -> Result<f64, String> {
    let mut use_: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let mut total = 0.0;
    for (index, job) in fleet.jobs.iter().enumerate() {
        let parts: Vec<_> = plan.segments.iter().filter(|part| part.job as usize == index).collect();
        if parts.is_empty() {
            total += penalty(job);
            if !plan.unplaced.iter().any(|(unplaced, _)| *unplaced as usize == index) {
                return Err(format!("job {index} is neither placed nor unplaced"));
            }
            continue;
        }
        let site = parts[0].site;
        let sets = &fleet.site_sets[job.sites.0 as usize];
        let hours: u32 = parts.iter().map(|part| part.end - part.start).sum();
        let whole = parts.windows(2).all(|pair| pair[0].end < pair[1].start);
        let checks = [
            (parts.iter().all(|part| part.site == site && sets.contains(&site)), "site"),
            (hours == job.hours, "hours"),
            (parts[0].start >= job.release && parts[parts.len() - 1].end <= job.deadline, "window"),
            (whole && (job.interruptible || parts.len() == 1), "break"),
        ];
        if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
            return Err(format!("job {index}: {what}"));
        }
        for part in parts {
            for hour in part.start..part.end {
                *use_.entry((site, hour)).or_default() += job.accelerators;
                total += grams(fleet, job, site, hour);
            }
        }
    }
    match use_.iter().find(|((site, hour), used)| **used > fleet.sites[*site as usize].capacity[*hour as usize]) {
        Some(over) => Err(format!("capacity: {over:?}")),
        None => Ok(total),
    }
}

/// The least cost of all, by trying every choice of every job.
fn optimum(fleet: &Fleet) -> f64 {
    fn choices(fleet: &Fleet, job: &Job) -> Vec<(u32, Vec<u32>)> {
        let mut found = Vec::new();
        for &site in &fleet.site_sets[job.sites.0 as usize] {
            let window: Vec<u32> = (job.release..job.deadline.min(fleet.hours)).collect();
            for chosen in 0_u32..1 << window.len() {
                if chosen.count_ones() == job.hours {
                    let hours: Vec<u32> = window
                        .iter()
                        .enumerate()
                        .filter(|(bit, _)| chosen >> bit & 1 == 1)
                        .map(|(_, &hour)| hour)
                        .collect();
                    if job.interruptible || hours.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
                        found.push((site, hours));
                    }
                }
            }
        }
        found
    }
    fn go(fleet: &Fleet, all: &[Vec<(u32, Vec<u32>)>], at: usize, used: &mut Vec<Vec<u32>>, cost: f64, best: &mut f64) {
        if cost >= *best {
            return;
        }
        let Some(job) = fleet.jobs.get(at) else {
            *best = cost;
            return;
        };
        for (site, hours) in &all[at] {
            let row = &mut used[*site as usize];
            let capacity = &fleet.sites[*site as usize].capacity;
            if hours.iter().all(|&hour| row[hour as usize] + job.accelerators <= capacity[hour as usize]) {
                for &hour in hours {
                    row[hour as usize] += job.accelerators;
                }
                let more: f64 = hours.iter().map(|&hour| grams(fleet, job, *site, hour)).sum();
                go(fleet, all, at + 1, used, cost + more, best);
                for &hour in hours {
                    used[*site as usize][hour as usize] -= job.accelerators;
                }
            }
        }
        go(fleet, all, at + 1, used, cost + penalty(job), best);
    }
    let all: Vec<_> = fleet.jobs.iter().map(|job| choices(fleet, job)).collect();
    let mut used = vec![vec![0; fleet.hours as usize]; fleet.sites.len()];
    let mut best = f64::INFINITY;
    go(fleet, &all, 0, &mut used, 0.0, &mut best);
    best
}

fn small_fleets() -> impl Strategy<Value = Fleet> {
    let row =
        (0_u32..5, 0_u32..4, 1_u32..4, 1_u32..5, prop::sample::select(vec![300.0, 700.0]), 0_usize..3, any::<bool>());
    let sites = [vec![0], vec![1], vec![0, 1]];
    let intensities = prop::collection::vec(prop::collection::vec(0.0_f64..900.0, 8), 2);
    (prop::collection::vec(1_u32..7, 2), intensities, prop::collection::vec(row, 1..6)).prop_map(
        move |(capacity, intensity, rows)| {
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|(release, slack, hours, accelerators, watts, set, interruptible)| {
                    let deadline = (release + hours + slack).min(8);
                    (release, deadline, hours, accelerators, watts, sites[set].clone(), interruptible)
                })
                .collect();
            fleet(&capacity, &intensity, &rows)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bound_optimum_and_plan_stand_in_order_and_the_plan_keeps_the_contract(fleet in small_fleets()) {
        let found = plan(&fleet, &OPTIONS);
        let cost = referee(&fleet, &found).map_err(TestCaseError::fail)?;
        let best = optimum(&fleet);
        prop_assert!((cost - found.co2e.g()).abs() <= 1e-9 * cost, "said {}, is {cost}", found.co2e.g());
        prop_assert!(found.lower_bound.g() <= best, "bound {} above optimum {best}", found.lower_bound.g());
        prop_assert!(best <= cost * (1.0 + 1e-12), "optimum {best} above plan {cost}");
        prop_assert!(cost <= best * (1.0 + 1e-9), "plan {cost} above optimum {best}");
        // On fleets this small the tree is searched to its end.
        prop_assert!(found.lower_bound.g() >= best * (1.0 - 1e-6), "bound {} below {best}", found.lower_bound.g());
        let certificate = &found.certificate;
        let proven = prove(&fleet, OPTIONS.unplaced_penalty_g, &certificate.steps, &certificate.prices_g, &certificate.quota_prices);
        let proven = proven.expect("the prices are those of this fleet").g();
        prop_assert!(proven <= best, "prices prove {proven} above optimum {best}");
        prop_assert!((proven - certificate.bound.g()).abs() <= 1e-9 * best, "{proven} is not {:?}", certificate.bound);
        if let Some(proof) = &found.proof {
            let followed = follow(&fleet, OPTIONS.unplaced_penalty_g, proof).expect("the proof is of this fleet").g();
            prop_assert!((followed - found.lower_bound.g()).abs() <= 1e-12 * best, "{followed} is not {:?}", found.lower_bound);
        }
    }

    #[test]
    fn equal_fleets_give_equal_plans(fleet in small_fleets()) {
        prop_assert_eq!(plan(&fleet, &OPTIONS), plan(&fleet.clone(), &OPTIONS));
    }
}

fn flat(grams: &[f64]) -> Vec<f64> {
    grams.to_vec()
}

fn told(fleet: &Fleet) -> String {
    let found = plan(fleet, &OPTIONS);
    let parts = found.segments.iter().map(|part| format!("j{} s{} {}-{}", part.job, part.site, part.start, part.end));
    let unplaced = found.unplaced.iter().map(|(job, reason)| format!("j{job} {reason:?}"));
    parts.chain(unplaced).collect::<Vec<_>>().join(", ")
}

#[test]
fn an_interruptible_job_takes_exactly_its_hours_even_where_hours_tie() {
    let rows = [(0, 6, 3, 1, 700.0, vec![0], true)];
    let all_alike = fleet(&[1], &[flat(&[5.0; 6])], &rows);
    assert_eq!(plan(&all_alike, &OPTIONS).segments.iter().map(|part| part.end - part.start).sum::<u32>(), 3);
    let low = fleet(&[1], &[flat(&[9.0, 1.0, 9.0, 1.0, 9.0, 1.0])], &rows);
    assert_eq!(told(&low), "j0 s0 1-2, j0 s0 3-4, j0 s0 5-6");
}

#[test]
fn a_whole_job_waits_for_the_lowest_window() {
    let rows = [(0, 6, 2, 1, 700.0, vec![0], false)];
    assert_eq!(told(&fleet(&[1], &[flat(&[9.0, 1.0, 9.0, 4.0, 3.0, 9.0])], &rows)), "j0 s0 3-5");
}

#[test]
fn two_jobs_that_want_one_hour_share_it_out_by_what_it_is_worth() {
    // The thirsty one gets the low hour.
    let rows = [(0, 2, 1, 1, 300.0, vec![0], false), (0, 2, 1, 1, 700.0, vec![0], false)];
    assert_eq!(told(&fleet(&[1], &[flat(&[900.0, 100.0])], &rows)), "j0 s0 0-1, j1 s0 1-2");
}

#[test]
fn a_job_without_a_place_is_told_with_its_reason() {
    let mut crowded = fleet(
        &[2],
        &[flat(&[100.0; 4])],
        &[
            (0, 2, 3, 1, 700.0, vec![0], true),
            (0, 4, 1, 3, 700.0, vec![0], false),
            (0, 4, 1, 1, 700.0, vec![], false),
            (0, 4, 1, 1, 700.0, vec![0], false),
            (1, 2, 1, 2, 700.0, vec![0], false),
            (1, 2, 1, 2, 700.0, vec![0], false),
        ],
    );
    crowded.sites[0].accelerator = Some("a100".to_owned());
    crowded.extras = vec![greenwich_fleet::Extras::default(); 6];
    crowded.extras[3].accelerator = Some("h100".to_owned());
    let found = plan(&crowded, &OPTIONS);
    let reasons: Vec<Reason> = found.unplaced.iter().map(|(_, reason)| *reason).collect();
    let expected =
        [Reason::WindowTooShort, Reason::TooLarge, Reason::NoSite, Reason::NoSuchAccelerator, Reason::Crowded];
    assert_eq!(reasons, expected);
    assert_eq!(found.placed, 1);
}

#[test]
fn a_bound_counts_capacity_in_whole_jobs() {
    // 14 accelerators run one job of 8 at a time, not one and three quarters.
    let rows: Vec<Row> = (0..3).map(|_| (0, 2, 1, 8, 1000.0, vec![0], false)).collect();
    let found = plan(&fleet(&[14], &[flat(&[1000.0, 1000.0])], &rows), &Options { effort: 1.0, ..OPTIONS });
    assert_eq!(found.unplaced.len(), 1);
    let gap = found.gap().expect("the bound is not zero");
    assert!(gap < 1e-3, "gap {gap}");
}

#[test]
fn capacity_that_changes_by_the_hour_is_kept() {
    let rows: Vec<Row> = (0..2).map(|_| (0, 4, 2, 1, 700.0, vec![0], true)).collect();
    let mut maintained = fleet(&[2], &[flat(&[1.0, 2.0, 500.0, 600.0])], &rows);
    maintained.sites[0].capacity = vec![1, 0, 2, 1];
    let found = plan(&maintained, &OPTIONS);
    assert_eq!(referee(&maintained, &found).map(|cost| cost > 0.0), Ok(true));
    assert_eq!(found.unplaced, []);
}
