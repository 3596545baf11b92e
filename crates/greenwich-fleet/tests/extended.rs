//! What holds of every plan of an extended fleet, on fleets small enough to try everything: moved data, restarts, kinds of
//! accelerators, weights of cost and delay.
//!
//! In: fleets drawn by lot. Out: nothing; the cost is reckoned here by its own hand, from the columns' meaning alone.

use greenwich_core::ZoneId;
use greenwich_core::quantity::{AverageIntensity, Bytes, Co2e, Power, Pue, UsdPerAcceleratorHour, UsdPerKwh};
use greenwich_fleet::{
    Extras, Fleet, FleetPlan, Job, Kind, Names, Options, Project, Site, SiteSet, Terms, check_plan, plan, planned,
    prove, write_plan,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use std::collections::BTreeMap;

const OPTIONS: Options = Options { unplaced_penalty_g: 6000.0, effort: 0.2, threads: 1 };

fn site(name: &str, capacity: u32, pue: f64, grams: &[f64]) -> Site {
    Site {
        name: name.to_owned(),
        zone: ZoneId::new(name.to_owned()),
        pue: Pue::new(pue).expect("a PUE"),
        capacity: vec![capacity; grams.len()],
        intensity: grams.iter().map(|&grams| AverageIntensity::from_g_per_kwh(grams)).collect(),
        accelerator: None,
        region: None,
        usd_per_kwh: None,
        backend: None,
    }
}

/// A job of two sites, home the first, of 1,000 W an accelerator.
fn job(release: u32, deadline: u32, hours: u32, accelerators: u32, interruptible: bool) -> Job {
    Job {
        release,
        deadline,
        hours,
        accelerators,
        power: Power::from_watts(1000.0),
        home: 0,
        sites: SiteSet(0),
        interruptible,
    }
}

fn fleet(sites: Vec<Site>, jobs: Vec<(Job, Extras)>, terms: Terms) -> Fleet {
    let mut names = Names::default();
    (0..jobs.len()).for_each(|index| names.push(&format!("j{index}")));
    let (jobs, extras) = jobs.into_iter().unzip();
    Fleet {
        hours: sites[0].intensity.len() as u32,
        site_sets: vec![(0..sites.len() as u32).collect(), vec![0]],
        sites,
        jobs,
        names,
        extras,
        projects: Vec::new(),
        terms: Some(terms),
    }
}

/// Hours and watts of a job on a site; `None` where it has no kind that it can run on.
fn on_site(fleet: &Fleet, index: usize, site: usize) -> Option<(u32, f64)> {
    let (job, extras) = (&fleet.jobs[index], &fleet.extras[index]);
    let Some(has) = &fleet.sites[site].accelerator else { return Some((job.hours, job.power.watts())) };
    if extras.kinds.is_empty() {
        return Some((job.hours, job.power.watts()));
    }
    let kind = extras.kinds.iter().find(|kind| kind.name == *has)?;
    let hours = (f64::from(job.hours) / kind.speed - 1e-9).ceil().max(1.0);
    Some((hours as u32, kind.watts.unwrap_or(job.power.watts())))
}

/// What hours on a site come to in all, in grams, by the columns' meaning.
fn weighed(fleet: &Fleet, index: usize, site: usize, hours: &[u32]) -> f64 {
    let (job, extras, place) = (&fleet.jobs[index], &fleet.extras[index], &fleet.sites[site]);
    let terms = fleet.terms.as_ref().expect("they are told");
    let (_, watts) = on_site(fleet, index, site).expect("it can run there");
    let size = f64::from(job.accelerators);
    let mut sum = 0.0;
    for (at, &hour) in hours.iter().enumerate() {
        let resumes = at > 0 && hours[at - 1] + 1 != hour;
        let restart = if resumes { extras.restart_minutes.unwrap_or(0.0) / 60.0 } else { 0.0 };
        let facility_kwh = size * watts / 1e3 * (1.0 + restart) * place.pue.ratio();
        sum += facility_kwh * place.intensity[hour as usize].g_per_kwh();
        let price = terms.usd_per_kwh.get(site).map_or(0.0, |prices| prices[hour as usize].usd_per_kwh());
        let usd = facility_kwh * price + size * extras.price.map_or(0.0, UsdPerAcceleratorHour::usd_per_hour);
        sum += terms.g_per_usd * usd;
    }
    if site as u32 != job.home {
        let grid = |site: usize| fleet.sites[site].intensity[job.release as usize].g_per_kwh();
        let kwh = extras.data.map_or(0.0, Bytes::gb) * terms.transfer_kwh_per_gb;
        sum += kwh * (grid(job.home as usize) + grid(site)) / 2.0;
    }
    let end = hours.last().map_or(job.release, |last| last + 1);
    let idle = end - job.release - hours.len() as u32;
    sum + terms.delay_g * size * f64::from(idle)
}

/// What hours on a site emit, moved data and restarts included.
fn emitted(fleet: &Fleet, index: usize, site: usize, run: &[(u32, u32)]) -> f64 {
    let (job, extras, place) = (&fleet.jobs[index], &fleet.extras[index], &fleet.sites[site]);
    let (_, watts) = on_site(fleet, index, site).expect("it can run there");
    let (mut sum, mut last) = (0.0, None);
    for &(hour, size) in run {
        let resumes = last.is_some_and(|last| last + 1 != hour);
        let restart = if resumes { extras.restart_minutes.unwrap_or(0.0) / 60.0 } else { 0.0 };
        let kwh = f64::from(size) * watts / 1e3 * (1.0 + restart) * place.pue.ratio();
        sum += kwh * place.intensity[hour as usize].g_per_kwh();
        last = Some(hour);
    }
    let terms = fleet.terms.as_ref().expect("they are told");
    if site as u32 != job.home {
        let grid = |site: usize| fleet.sites[site].intensity[job.release as usize].g_per_kwh();
        let kwh = extras.data.map_or(0.0, Bytes::gb) * terms.transfer_kwh_per_gb;
        sum += kwh * (grid(job.home as usize) + grid(site)) / 2.0;
    }
    sum
}

/// The project of a job that has a quota, with what that is.
fn quota(fleet: &Fleet, index: usize) -> Option<(usize, f64)> {
    let project = fleet.extras[index].project? as usize;
    Some((project, fleet.projects[project].quota?.g()))
}

/// What a job without a place weighs: the penalty, what it costs at home at once, and the wait up to its deadline.
fn penalty(fleet: &Fleet, index: usize) -> f64 {
    let (job, terms) = (&fleet.jobs[index], fleet.terms.as_ref().expect("they are told"));
    let size = f64::from(job.accelerators);
    let (hours, watts) = on_site(fleet, index, 0).unwrap_or((job.hours, job.power.watts()));
    let at_once = job.release..(job.release + hours).min(fleet.hours);
    let usd = at_once.map(|hour| {
        let price = terms.usd_per_kwh[0][hour as usize].usd_per_kwh();
        let facility_kwh = size * watts / 1e3 * fleet.sites[0].pue.ratio();
        facility_kwh * price + size * fleet.extras[index].price.map_or(0.0, UsdPerAcceleratorHour::usd_per_hour)
    });
    let slack = job.deadline.min(fleet.hours).saturating_sub(job.release + job.hours);
    OPTIONS.unplaced_penalty_g * size * f64::from(job.hours)
        + terms.g_per_usd * usd.sum::<f64>().max(0.0)
        + terms.delay_g * size * f64::from(slack)
}

/// Holds the rules against a plan and reckons its cost anew.
fn referee(fleet: &Fleet, plan: &FleetPlan) -> Result<f64, String> {
    let mut held: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let mut used = vec![0.0; fleet.projects.len()];
    let mut total = 0.0;
    for (index, job) in fleet.jobs.iter().enumerate() {
        let parts: Vec<_> = plan.segments.iter().filter(|part| part.job as usize == index).collect();
        let Some(first) = parts.first() else {
            total += penalty(fleet, index);
            continue;
        };
        let hours: Vec<u32> = parts.iter().flat_map(|part| part.start..part.end).collect();
        let needs = on_site(fleet, index, first.site as usize).ok_or("a kind that it cannot run on")?.0;
        let checks = [
            (parts.iter().all(|part| part.site == first.site), "site"),
            (fleet.site_sets[job.sites.0 as usize].contains(&first.site), "sites"),
            (hours.len() as u32 == needs, "hours"),
            (hours.windows(2).all(|pair| pair[0] < pair[1]), "order"),
            (hours[0] >= job.release && hours[hours.len() - 1] < job.deadline, "window"),
            (job.interruptible || parts.len() == 1, "break"),
        ];
        if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
            return Err(format!("job {index}: {what}"));
        }
        for &hour in &hours {
            *held.entry((first.site, hour)).or_default() += job.accelerators;
        }
        if let Some((project, _)) = quota(fleet, index) {
            let run: Vec<(u32, u32)> = hours.iter().map(|&hour| (hour, job.accelerators)).collect();
            used[project] += emitted(fleet, index, first.site as usize, &run);
        }
        total += weighed(fleet, index, first.site as usize, &hours);
    }
    quotas_are_kept(fleet, plan, &used)?;
    match held.iter().find(|((site, hour), held)| **held > fleet.sites[*site as usize].capacity[*hour as usize]) {
        Some(over) => Err(format!("capacity: {over:?}")),
        None => Ok(total),
    }
}

/// No project emits more than its quota, and the plan tells what each emits.
fn quotas_are_kept(fleet: &Fleet, plan: &FleetPlan, used: &[f64]) -> Result<(), String> {
    let with = fleet.projects.iter().filter(|project| project.quota.is_some()).count();
    if plan.quotas.len() != with {
        return Err(format!("{} quotas are told of {with}", plan.quotas.len()));
    }
    for told in &plan.quotas {
        let (used, most) = (used[told.project as usize], told.quota.g());
        if used > most + 1e-9 {
            return Err(format!("project {} emits {used} of {most}", told.project));
        } else if (told.used.g() - used).abs() > 1e-6 * (1.0 + used) {
            return Err(format!("project {} emits {used}, and {:?} is told", told.project, told.used));
        }
    }
    Ok(())
}

/// A site, hours with the accelerators held, and what that comes to.
type Way = (usize, Vec<(u32, u32)>, f64);

/// What the planner says of each job on its own, summed.
fn told_apart(fleet: &Fleet, plan: &FleetPlan) -> f64 {
    let of = |index: usize| {
        planned(fleet, plan, index as u32).map_or_else(|| penalty(fleet, index), |stay| stay.weighed.g())
    };
    (0..fleet.jobs.len()).map(of).sum()
}

/// Every way in which a job can run, the cheapest first.
fn ways(fleet: &Fleet, index: usize) -> Vec<Way> {
    let job = &fleet.jobs[index];
    let mut found = Vec::new();
    for &site in &fleet.site_sets[job.sites.0 as usize] {
        let Some((needs, _)) = on_site(fleet, index, site as usize) else { continue };
        let window: Vec<u32> = (job.release..job.deadline.min(fleet.hours)).collect();
        for chosen in (0_u32..1 << window.len()).filter(|chosen| chosen.count_ones() == needs) {
            let bits = window.iter().zip(0..).filter(|(_, bit)| chosen >> bit & 1 == 1);
            let hours: Vec<u32> = bits.map(|(hour, _)| *hour).collect();
            if job.interruptible || hours.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
                let cost = weighed(fleet, index, site as usize, &hours);
                found.push((site as usize, hours.into_iter().map(|hour| (hour, job.accelerators)).collect(), cost));
            }
        }
    }
    found.sort_by(|a: &Way, b| a.2.total_cmp(&b.2));
    found
}

/// The least cost of all, by trying every way of every job.
fn optimum(fleet: &Fleet, ways_of: fn(&Fleet, usize) -> Vec<Way>) -> f64 {
    type Held = (Vec<Vec<u32>>, Vec<f64>);
    fn go(fleet: &Fleet, all: &[Vec<Way>], rest: &[f64], held: &mut Held, cost: f64, best: &mut f64) {
        let at = all.len() + 1 - rest.len();
        if cost + rest[0] >= *best {
            return;
        }
        let Some(ways) = all.get(at) else {
            *best = cost;
            return;
        };
        for (site, run, more) in ways {
            if cost + more + rest[1] >= *best {
                break;
            }
            let capacity = &fleet.sites[*site].capacity;
            let quota = quota(fleet, at);
            let grams = emitted(fleet, at, *site, run);
            // As the planner has it: to the nanogram.
            let is_kept = quota.is_none_or(|(project, most)| held.1[project] + grams <= most + 1e-9);
            if is_kept && run.iter().all(|&(hour, size)| held.0[*site][hour as usize] + size <= capacity[hour as usize])
            {
                for &(hour, size) in run {
                    held.0[*site][hour as usize] += size;
                }
                let before = held.1.clone();
                if let Some((project, _)) = quota {
                    held.1[project] += grams;
                }
                go(fleet, all, &rest[1..], held, cost + more, best);
                held.1 = before;
                for &(hour, size) in run {
                    held.0[*site][hour as usize] -= size;
                }
            }
        }
        go(fleet, all, &rest[1..], held, cost + penalty(fleet, at), best);
    }
    let all: Vec<Vec<Way>> = (0..fleet.jobs.len()).map(|index| ways_of(fleet, index)).collect();
    // What the jobs from each on cost at least.
    let mut rest = vec![0.0; all.len() + 1];
    for at in (0..all.len()).rev() {
        let least = all[at].first().map_or(f64::INFINITY, |way| way.2).min(penalty(fleet, at));
        rest[at] = rest[at + 1] + least;
    }
    let mut best = f64::INFINITY;
    let mut held = (vec![vec![0; fleet.hours as usize]; fleet.sites.len()], vec![0.0; fleet.projects.len()]);
    go(fleet, &all, &rest, &mut held, 0.0, &mut best);
    best
}

const HOURS: usize = 8;

fn small_fleets() -> impl Strategy<Value = Fleet> {
    let row = (0_u32..5, 0_u32..5, 1_u32..4, 1_u32..4, any::<bool>());
    let extras = (0.0_f64..60.0, prop::sample::select(vec![0.0, 10.0, 60.0, 200.0]), 0.0_f64..1.0, 0_usize..4);
    let trace = || prop::collection::vec(1.0_f64..900.0, HOURS);
    let prices = prop::collection::vec(prop::collection::vec(-0.05_f64..0.4, HOURS), 2);
    let weights = (
        prop::sample::select(vec![0.0, 0.06, 2.0]),
        prop::sample::select(vec![0.0, 300.0, 5000.0]),
        prop::sample::select(vec![0.0, 5.0, 100.0]),
    );
    let named = prop::collection::vec(0_usize..3, 2);
    let jobs = prop::collection::vec((row, extras), 1..6);
    (prop::collection::vec(1_u32..6, 2), trace(), trace(), prices, weights, named, jobs).prop_map(
        |(capacity, home, away, prices, weights, named, jobs)| {
            let kinds = [None, Some("a100"), Some("h100")];
            let mut sites = vec![site("home", capacity[0], 1.1, &home), site("away", capacity[1], 1.3, &away)];
            for (site, named) in sites.iter_mut().zip(named) {
                site.accelerator = kinds[named].map(str::to_owned);
            }
            let kind = |name: &str, speed: f64, watts: Option<f64>| Kind { name: name.to_owned(), speed, watts };
            let lists = [
                vec![],
                vec![kind("a100", 1.0, None), kind("h100", 2.0, Some(1500.0))],
                vec![kind("h100", 0.6, Some(700.0))],
                vec![kind("a100", 1.0, Some(400.0))],
            ];
            let jobs = jobs.into_iter().map(|((release, slack, hours, size, pauses), (gb, minutes, usd, list))| {
                let deadline = (release + hours + slack).min(HOURS as u32);
                let extras = Extras {
                    kinds: lists[list].clone(),
                    restart_minutes: Some(minutes),
                    data: Some(Bytes::from_gb(gb)),
                    price: Some(UsdPerAcceleratorHour::from_usd_per_hour(usd)),
                    ..Extras::default()
                };
                (job(release, deadline, hours, size, pauses), extras)
            });
            let prices =
                prices.into_iter().map(|hours| hours.into_iter().map(UsdPerKwh::from_usd_per_kwh).collect()).collect();
            let (transfer_kwh_per_gb, g_per_usd, delay_g) = weights;
            fleet(sites, jobs.collect(), Terms { transfer_kwh_per_gb, g_per_usd, delay_g, usd_per_kwh: prices })
        },
    )
}

#[test]
fn of_two_hundred_small_fleets_all_but_one_at_most_are_planned_to_their_optimum() {
    // The same fleets every time: the search is no proof, and elsewhere may miss one in some thousands.
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(6), ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let mut missed = Vec::new();
    for _ in 0..200 {
        let fleet = small_fleets().new_tree(&mut runner).expect("a fleet is drawn").current();
        let (found, best) = (plan(&fleet, &OPTIONS).weighed().g(), optimum(&fleet, ways));
        if fleet.is_more_than_plain() && found > best + 1e-9 * best.abs() {
            missed.push((found, best));
        }
    }
    assert!(missed.len() <= 1, "{missed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bound_optimum_and_plan_stand_in_order_and_the_plan_keeps_the_rules(fleet in small_fleets()) {
        prop_assume!(fleet.is_more_than_plain());
        let (found, cost, _) = holds(&fleet, referee, ways)?;
        prop_assert!(near(cost, told_apart(&fleet, &found)), "job by job {}, is {cost}", told_apart(&fleet, &found));
    }

    #[test]
    fn one_job_alone_is_planned_to_its_optimum_and_the_bound_is_that(fleet in small_fleets()) {
        let mut fleet = fleet;
        fleet.sites.iter_mut().for_each(|site| site.capacity.fill(99));
        prop_assume!(fleet.is_more_than_plain());
        let found = plan(&fleet, &OPTIONS);
        let best = optimum(&fleet, ways);
        prop_assert!((found.weighed().g() - best).abs() <= 1e-9 * best.abs());
        prop_assert!(found.lower_bound.g() >= best - 1e-9 * (best.abs() + 1e3), "{:?} below {best}", found.lower_bound);
    }
}

/// Every size that a job may have, with its speed; its own is the second.
const CURVE: [(u32, f64); 3] = [(1, 1.0), (2, 1.8), (3, 2.4)];

/// What hours and sizes on a site come to in all, in grams: as `weighed`, hour by hour.
fn weighed_sizes(fleet: &Fleet, index: usize, site: usize, run: &[(u32, u32)]) -> f64 {
    let place = &fleet.sites[site];
    let minutes = fleet.extras[index].restart_minutes.unwrap_or(0.0);
    let delay_g = fleet.terms.as_ref().map_or(0.0, |terms| terms.delay_g);
    let (mut sum, mut last) = (0.0, None);
    for &(hour, size) in run {
        let resumes = last.is_some_and(|last| last + 1 != hour);
        let kwh = f64::from(size) * (1.0 + if resumes { minutes / 60.0 } else { 0.0 });
        sum += kwh * place.pue.ratio() * place.intensity[hour as usize].g_per_kwh();
        last = Some(hour);
    }
    let idle = last.map_or(0, |last| last + 1 - fleet.jobs[index].release - run.len() as u32);
    sum + delay_g * 2.0 * f64::from(idle)
}

/// Every run of an elastic job that does its work and has no hour that it could leave out.
fn elastic_ways(fleet: &Fleet, index: usize) -> Vec<Way> {
    let job = &fleet.jobs[index];
    let needed = f64::from(job.hours);
    let mut found = Vec::new();
    for site in 0..fleet.sites.len() {
        let window: Vec<u32> = (job.release..job.deadline).collect();
        for code in 0..4_usize.pow(window.len() as u32) {
            let digits = window.iter().zip(0..).map(|(hour, at)| (*hour, code / 4_usize.pow(at) % 4));
            let run: Vec<(u32, u32)> =
                digits.filter(|(_, digit)| *digit > 0).map(|(hour, digit)| (hour, CURVE[digit - 1].0)).collect();
            let speed = |size: u32| CURVE[size as usize - 1].1 / 1.8;
            let does = |run: &[(u32, u32)]| run.iter().map(|(_, size)| speed(*size)).sum::<f64>() + 1e-9 >= needed;
            let is_allowed = if job.interruptible {
                does(&run)
            } else {
                // One size, no pause, and no hour too many.
                run.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0 && pair[0].1 == pair[1].1)
                    && does(&run)
                    && !does(&run[1..])
            };
            if is_allowed {
                let cost = weighed_sizes(fleet, index, site, &run);
                found.push((site, run, cost));
            }
        }
    }
    found.sort_by(|a: &Way, b| a.2.total_cmp(&b.2));
    found
}

fn elastic_fleets() -> impl Strategy<Value = Fleet> {
    let row = (0_u32..4, 0_u32..4, 1_u32..4, any::<bool>(), prop::sample::select(vec![0.0, 20.0, 90.0]));
    let trace = || prop::collection::vec(1.0_f64..900.0, 6);
    let jobs = prop::collection::vec(row, 1..4);
    let delay = prop::sample::select(vec![0.0, 30.0]);
    (prop::collection::vec(1_u32..5, 2), trace(), trace(), delay, jobs).prop_map(
        |(capacity, home, away, delay_g, jobs)| {
            let sites = vec![site("home", capacity[0], 1.1, &home), site("away", capacity[1], 1.3, &away)];
            let jobs = jobs.into_iter().map(|(release, slack, hours, pauses, minutes)| {
                let deadline = (release + hours + slack).min(6);
                let extras = Extras { restart_minutes: Some(minutes), speedup: CURVE.to_vec(), ..Extras::default() };
                (job(release, deadline, hours, 2, pauses), extras)
            });
            fleet(
                sites,
                jobs.collect(),
                Terms { delay_g, usd_per_kwh: vec![vec![UsdPerKwh::ZERO; 6]; 2], ..Terms::default() },
            )
        },
    )
}

/// The rules of elastic jobs, and the cost reckoned anew.
fn elastic_referee(fleet: &Fleet, plan: &FleetPlan) -> Result<f64, String> {
    let mut held: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let mut used = vec![0.0; fleet.projects.len()];
    let mut total = 0.0;
    for (index, job) in fleet.jobs.iter().enumerate() {
        let own = plan.segments.iter().zip(&plan.sizes).filter(|(part, _)| part.job as usize == index);
        let run: Vec<(u32, u32)> =
            own.clone().flat_map(|(part, size)| (part.start..part.end).map(|hour| (hour, *size))).collect();
        let Some((first, size)) = own.clone().next() else {
            total += penalty(fleet, index);
            continue;
        };
        let work: f64 = run.iter().map(|(_, size)| CURVE[*size as usize - 1].1 / 1.8).sum();
        let checks = [
            (own.clone().all(|(part, _)| part.site == first.site), "site"),
            (work + 1e-9 >= f64::from(job.hours), "work"),
            (run.windows(2).all(|pair| pair[0].0 < pair[1].0), "order"),
            (run[0].0 >= job.release && run[run.len() - 1].0 < job.deadline, "window"),
            (job.interruptible || (own.clone().count() == 1 && own.clone().all(|(_, other)| other == size)), "break"),
        ];
        if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
            return Err(format!("job {index}: {what}"));
        }
        for &(hour, size) in &run {
            *held.entry((first.site, hour)).or_default() += size;
        }
        if let Some((project, _)) = quota(fleet, index) {
            used[project] += emitted(fleet, index, first.site as usize, &run);
        }
        total += weighed_sizes(fleet, index, first.site as usize, &run);
    }
    quotas_are_kept(fleet, plan, &used)?;
    match held.iter().find(|((site, hour), held)| **held > fleet.sites[*site as usize].capacity[*hour as usize]) {
        Some(over) => Err(format!("capacity: {over:?}")),
        None => Ok(total),
    }
}

proptest! {
    // How near the optimum a plan of such jobs comes is not proven: equal fleets each time.
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, rng_seed: RngSeed::Fixed(6), ..ProptestConfig::default() })]

    #[test]
    fn jobs_that_change_their_size_keep_the_rules_between_bound_and_optimum(fleet in elastic_fleets()) {
        let (found, cost, best) = holds(&fleet, elastic_referee, elastic_ways)?;
        prop_assert!(near(cost, told_apart(&fleet, &found)), "job by job {}, is {cost}", told_apart(&fleet, &found));
        prop_assert!(cost <= best * 1.001, "plan {cost} above optimum {best}");
    }
}

/// Small fleets, plain ones among them, whose jobs belong to two projects or to none; quotas from nothing to more than enough.
fn with_quotas(fleets: impl Strategy<Value = Fleet>) -> impl Strategy<Value = Fleet> {
    let project = prop::sample::select(vec![None, Some(0), Some(1), Some(1)]);
    let quota = prop::sample::select(vec![None, Some(0.0), Some(0.3), Some(0.6), Some(0.9), Some(1.0), Some(2.0)]);
    (fleets, prop::collection::vec(project, 5), quota.clone(), quota).prop_map(|(mut fleet, projects, one, two)| {
        for (extras, project) in fleet.extras.iter_mut().zip(projects) {
            extras.project = project;
        }
        // What each would emit if nobody counted, as far as it has a place.
        let free = plan(&fleet, &OPTIONS);
        let emits = |project: u32| {
            let own = (0..fleet.jobs.len() as u32).filter(|job| fleet.extras[*job as usize].project == Some(project));
            own.filter_map(|job| planned(&fleet, &free, job)).fold(0.0, |sum, stay| sum + stay.co2e.g())
        };
        let quotas =
            [(0, one), (1, two)].map(|(project, share)| share.map(|share| Co2e::from_g(share * emits(project))));
        fleet.projects = quotas
            .into_iter()
            .zip(["one", "two"])
            .map(|(quota, name)| Project { name: name.to_owned(), quota })
            .collect();
        fleet
    })
}

#[test]
fn of_three_hundred_small_fleets_with_quotas_three_in_a_hundred_at_most_miss_their_optimum() {
    // The same fleets every time. Where cost and delay weigh, the choice that a quota still allows may lie between two that
    // are looked at.
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let (mut missed, mut planned, mut tight) = (Vec::new(), 0, 0);
    for turn in 0..300 {
        let (fleet, ways) = if turn % 3 < 2 {
            let drawn = with_quotas(small_fleets()).new_tree(&mut runner).expect("a fleet is drawn");
            (drawn.current(), ways as fn(&Fleet, usize) -> Vec<Way>)
        } else {
            let drawn = with_quotas(elastic_fleets()).new_tree(&mut runner).expect("a fleet is drawn");
            (drawn.current(), elastic_ways as fn(&Fleet, usize) -> Vec<Way>)
        };
        if fleet.projects.iter().all(|project| project.quota.is_none()) {
            continue;
        }
        let made = plan(&fleet, &OPTIONS);
        let (found, best) = (made.weighed().g(), optimum(&fleet, ways));
        planned += 1;
        tight += usize::from(made.quotas.iter().any(|quota| quota.saves_g_per_g > 0.0));
        if found > best + 1e-9 * best.abs() {
            missed.push((found, best));
        }
    }
    assert!(planned > 250 && tight > 100, "{tight} of {planned} are held by a quota");
    assert!(missed.len() * 100 <= 3 * planned, "{missed:?} of {planned}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quotas_are_kept_between_bound_and_optimum(fleet in with_quotas(small_fleets())) {
        holds(&fleet, referee, ways).map(drop)?;
    }

    #[test]
    fn jobs_that_change_their_size_keep_quotas_too(fleet in with_quotas(elastic_fleets())) {
        holds(&fleet, elastic_referee, elastic_ways).map(drop)?;
    }
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// As `plan verify` has it: two ways to the same bound may round by another hair of all that they add up.
fn verifies(proven_g: f64, claimed_g: f64) -> bool {
    (proven_g - claimed_g).abs() <= 1e-9 * (claimed_g.abs() + 1e3)
}

/// Bound, optimum and plan stand in order, the plan keeps the rules, and prices and plan file say the same again. Returns
/// the plan, what it costs and the optimum, in grams.
fn holds(
    fleet: &Fleet,
    referee: fn(&Fleet, &FleetPlan) -> Result<f64, String>,
    ways: fn(&Fleet, usize) -> Vec<Way>,
) -> Result<(FleetPlan, f64, f64), TestCaseError> {
    let found = plan(fleet, &OPTIONS);
    let cost = referee(fleet, &found).map_err(TestCaseError::fail)?;
    let best = optimum(fleet, ways);
    prop_assert!(near(cost, found.weighed().g()), "said {:?}, is {cost}", found.weighed());
    prop_assert!(found.lower_bound.g() <= best, "bound {} above optimum {best}", found.lower_bound.g());
    prop_assert!(best <= cost + 1e-9 * cost.abs(), "optimum {best} above plan {cost}");
    let certificate = &found.certificate;
    let (steps, prices, quota_prices) = (&certificate.steps, &certificate.prices_g, &certificate.quota_prices);
    let proven = prove(fleet, OPTIONS.unplaced_penalty_g, steps, prices, quota_prices);
    let proven = proven.expect("the prices are those of this fleet").g();
    prop_assert!(proven <= best, "prices prove {proven} above optimum {best}");
    prop_assert!(verifies(proven, certificate.bound.g()), "{proven} is not {:?}", certificate.bound);
    let mut written = Vec::new();
    write_plan(fleet, &found, 0, &mut written);
    let checked = check_plan(fleet, 0, OPTIONS.unplaced_penalty_g, "plan.csv", &written);
    let checked = checked.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(near(checked.weighed.g(), cost) && near(checked.co2e.g(), found.co2e.g()), "{checked:?}");
    Ok((found, cost, best))
}

#[test]
fn quotas_with_room_to_spare_change_no_byte_of_a_plain_plan() {
    let trace = |step: usize| -> Vec<f64> { (0..24).map(|hour| (100 + hour * step % 170) as f64).collect() };
    let sites = vec![site("home", 5, 1.1, &trace(37)), site("away", 6, 1.3, &trace(53))];
    let jobs = (0..14).map(|at| {
        let project = Extras { project: Some(at % 2), ..Extras::default() };
        (job(at % 9, 12 + at % 11, 2 + at % 4, 1 + at % 3, at % 2 == 0), project)
    });
    let mut fleet = fleet(sites, jobs.collect(), Terms::default());
    fleet.projects = ["one", "two"].map(|name| Project { name: name.to_owned(), quota: None }).to_vec();
    let free = plan(&fleet, &OPTIONS);
    fleet.projects.iter_mut().for_each(|project| project.quota = Some(Co2e::from_kg(1000.0)));
    let slack = plan(&fleet, &OPTIONS);
    assert_eq!(
        (&free.segments, free.lower_bound, &free.prices_g),
        (&slack.segments, slack.lower_bound, &slack.prices_g)
    );
    assert_eq!(free.proof, slack.proof);
    let used = slack.quotas[0].used;
    fleet.projects[0].quota = Some(used * 0.98);
    let tight = plan(&fleet, &OPTIONS);
    assert!(tight.co2e > free.co2e && tight.quotas[0].used < used, "{:?}", tight.quotas);
}
