//! What the plan of an extended fleet comes to, reckoned from who runs where and when.
//!
//! In: a fleet with terms, and each job's run. Out: emissions and penalties, the baseline's, and beside them a [`Tally`] of
//! what moving data, restarts, money and waiting come to.

use crate::bound::Sum;
use crate::fleet::Fleet;
use crate::plan::Placement;
use crate::terms::Terms;
use greenwich_core::quantity::{AcceleratorHours, Co2e, Usd};

/// What a plan comes to beyond the emissions of its runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Emissions of moving data; they are part of the plan's.
    pub transfer: Co2e,
    /// Emissions of restarts after pauses; they are part of the plan's.
    pub restart: Co2e,
    /// How often a job goes on after a pause.
    pub restarts: u64,
    /// What accelerators and energy cost, as far as prices are known.
    pub cost: Usd,
    /// What they cost if each job runs at home from its release.
    pub baseline_cost: Usd,
    /// Accelerator-hours in which placed jobs wait, between release and end.
    pub waiting: AcceleratorHours,
    /// What was minimised: emissions, penalties, and what cost and waiting weigh.
    pub weighed: Co2e,
    /// What placed jobs save by running on another machine: by energy, at the intensity at home at once.
    pub by_machine: Co2e,
    /// What they save by running at other hours, at home.
    pub by_time: Co2e,
    /// What they save by running elsewhere, at the planned hours; moving data and restarts are not taken off.
    pub by_place: Co2e,
}

/// Where and when a job runs: hours in order, each with the accelerators held.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) site: u32,
    pub(crate) hours: Vec<(u32, u32)>,
}

/// A plan's emissions, the baseline's, and the rest.
#[derive(Debug, Clone)]
pub(crate) struct Reckoned {
    pub(crate) co2e: Co2e,
    pub(crate) baseline: Co2e,
    pub(crate) beside: Tally,
}

/// Reckons a plan; a job without a run is charged its penalty.
pub(crate) fn reckon(fleet: &Fleet, terms: &Terms, unplaced_penalty_g: f64, runs: &[Option<Run>]) -> Reckoned {
    let (mut co2e, mut baseline, mut weighed) = (Sum::default(), Sum::default(), Sum::default());
    let [mut transfer, mut restart, mut usd, mut baseline_usd, mut waiting] = [Sum::default(); 5];
    let [mut machine, mut time, mut place] = [Sum::default(); 3];
    let mut restarts = 0;
    for (index, run) in runs.iter().enumerate() {
        let at_once = fleet.bill_at_once(index);
        baseline.add(at_once.emitted_g());
        baseline_usd.add(at_once.usd);
        let way = run.as_ref().and_then(|run| Some((run, fleet.way(index, run.site)?)));
        let Some((run, way)) = way else {
            co2e.add(fleet.penalty_g(index as u32, unplaced_penalty_g));
            weighed.add(fleet.refusal_g(index, unplaced_penalty_g, terms));
            continue;
        };
        let bill = fleet.bill(index, run.site, &way, &run.hours);
        co2e.add(bill.emitted_g());
        weighed.add(bill.weighed_g(terms));
        transfer.add(bill.transfer_g);
        restart.add(bill.restart_g);
        usd.add(bill.usd);
        waiting.add(bill.waiting_h);
        // The run's energy at home: as much of it at once, and then at the planned hours.
        let scale = if at_once.it_kwh > 0.0 { bill.it_kwh / at_once.it_kwh } else { 1.0 };
        let home = fleet.jobs[index].home;
        let kilowatts = |accelerators: u32| way.watts * f64::from(accelerators) / 1e3;
        let at_home = run.hours.iter().map(|&(hour, size)| kilowatts(size) * fleet.g_per_it_kwh(home, hour));
        let at_home: f64 = at_home.sum();
        machine.add(at_once.run_g - at_once.run_g * scale);
        time.add(at_once.run_g * scale - at_home);
        place.add(at_home - bill.run_g);
        restarts += run.hours.windows(2).filter(|pair| pair[0].0 + 1 < pair[1].0).count() as u64;
    }
    Reckoned {
        co2e: Co2e::from_g(co2e.total()),
        baseline: Co2e::from_g(baseline.total()),
        beside: Tally {
            transfer: Co2e::from_g(transfer.total()),
            restart: Co2e::from_g(restart.total()),
            restarts,
            cost: Usd::from_usd(usd.total()),
            baseline_cost: Usd::from_usd(baseline_usd.total()),
            waiting: AcceleratorHours::from_hours(waiting.total()),
            weighed: Co2e::from_g(weighed.total()),
            by_machine: Co2e::from_g(machine.total()),
            by_time: Co2e::from_g(time.total()),
            by_place: Co2e::from_g(place.total()),
        },
    }
}

/// The stretches of hours of all runs, by job and then by hour, each with the accelerators held.
pub(crate) fn segments(runs: &[Option<Run>]) -> (Vec<Placement>, Vec<u32>) {
    let (mut found, mut sizes): (Vec<Placement>, Vec<u32>) = (Vec::new(), Vec::new());
    for (run, job) in runs.iter().zip(0..) {
        let Some(run) = run else { continue };
        for &(hour, accelerators) in &run.hours {
            let is_same = sizes.last() == Some(&accelerators);
            match found.last_mut().filter(|open| is_same && open.job == job && open.end == hour) {
                Some(open) => open.end += 1,
                None => {
                    found.push(Placement { job, site: run.site, start: hour, end: hour + 1 });
                    sizes.push(accelerators);
                }
            }
        }
    }
    (found, sizes)
}
