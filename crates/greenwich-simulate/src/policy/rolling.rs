//! Ours: all jobs that are known, planned together on all their sites, whenever a forecast is issued.
//!
//! In: jobs that wait, what is foretold, what sites have. Out: a plan of which the next hour is committed. Jobs that arrive
//! between two forecasts are planned into what the plan left. Where each job's own best fits beside the others' that is the
//! plan, and no plan is better; else the fleet planner shares what is scarce.

use crate::now::{Hour, Now, Run};
use crate::policy::Policy;
use crate::policy::arrivals::{Arrivals, Expected};
use crate::policy::booked::Booking;
use crate::policy::crowd::Crowd;
use crate::search::{cheapest_hours, cheapest_hours_with_restarts, cheapest_window, greedy_sizes};
use greenwich_core::quantity::AverageIntensity;
use greenwich_fleet::{Extras, Fleet, Job, Options, Site, SiteSet, Terms, plan};
use std::cmp::Ordering;

/// A job that is late is planned to end within so many hours more than it needs, and goes first when it is late by as many.
const LATE_WITHIN_H: u32 = 24;
/// What an hour of delay counts for, as a share of the intensity, where the fleet planner shares out hours.
const LATER: f64 = 1e-5;
/// Hours ahead for which jobs are expected.
const EXPECTED_H: u32 = 48;
/// Most parts of those that could run sooner which are tried to let wait.
const TRIES: usize = 24;
/// The fleet planner's effort against what it spends on a plan that is made once: here one is made every few hours.
const EFFORT: f64 = 0.002;

#[derive(Debug)]
pub(crate) struct Rolling {
    effort: f64,
    bookings: Vec<Option<Booking>>,
    arrivals: Arrivals,
}

impl Rolling {
    pub(crate) fn new(effort: f64) -> Self {
        Self { effort: effort * EFFORT, bookings: Vec::new(), arrivals: Arrivals::default() }
    }

    /// Books jobs into what others leave. When a forecast is issued room is kept for those that are expected; between two of
    /// them whoever comes may take it.
    fn book(&mut self, now: &Now<'_>, hour: &Hour, jobs: &[u32]) {
        let own: Vec<Option<Booking>> = jobs.iter().map(|job| alone(now, *job)).collect();
        let expected = if now.is_issued() { self.arrivals.expected(now.hour, EXPECTED_H) } else { Vec::new() };
        let room = self.room(now, hour, jobs);
        let mut after = room.clone();
        for booking in own.iter().flatten() {
            after.take(now, booking);
        }
        for booking in expected.iter().filter_map(|expected| alone_later(now, *expected)) {
            after.take(now, &booking);
        }
        let found = if after.is_short() { together(now, &room, jobs, &expected, self.effort) } else { own };
        for (job, booking) in jobs.iter().zip(found) {
            self.bookings[*job as usize] = booking;
        }
    }

    /// Lets jobs run sooner than they meant to where deadlines would be missed, or may well be, if they waited: as many of them as
    /// make emissions and the charge of late jobs together least.
    fn hurry(&self, now: &Now<'_>, hour: &mut Hour, open: &[u32]) {
        let crowd = Crowd::new(now, &self.arrivals.expected(now.hour, EXPECTED_H));
        let charge_g = |runs: &[Run]| now.miss_g() * crowd.late(runs);
        let planned_g = charge_g(hour.runs());
        if planned_g <= 0.0 {
            return;
        }
        let mut waits: Vec<u32> = open.iter().copied().filter(|job| !hour.has(*job)).collect();
        waits.retain(|job| self.bookings[*job as usize].is_some());
        waits.sort_by_key(|job| (now.window(*job).saturating_sub(now.needs_at_least(*job)), *job));
        // Everybody goes, as far as there is room.
        let mut all = hour.clone();
        let mut gone: Vec<(f64, Run)> = Vec::new();
        for job in waits {
            let Some(booking) = &self.bookings[job as usize] else { continue };
            let size = now.job(job).accelerators;
            let meant = Some(booking.site).filter(|site| all.free(*site) >= size);
            let site = meant.or_else(|| cleanest(now, &all, job, now.sites_of(job).into_iter()));
            if let Some(site) = site
                && all.run(now, job, site, size)
            {
                gone.push((loss_g(now, job, site, booking), Run { job, site, accelerators: size }));
            }
        }
        let with = |gone: &[(f64, Run)]| -> Vec<Run> {
            hour.runs().iter().copied().chain(gone.iter().map(|(_, run)| *run)).collect()
        };
        let cost = |gone: &[(f64, Run)]| charge_g(&with(gone)) + gone.iter().map(|(loss, _)| loss).sum::<f64>();
        // Those that lose most by it wait after all, some at a time, where that costs no deadline worth it.
        gone.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut least = cost(&gone);
        let some = gone.len().div_ceil(TRIES).max(1);
        for from in (0..gone.len()).step_by(some).rev() {
            let out: Vec<(f64, Run)> = gone.drain(from..(from + some).min(gone.len())).collect();
            let without = cost(&gone);
            if without <= least {
                least = without;
            } else {
                gone.splice(from..from, out);
            }
        }
        if least < planned_g {
            for (_, run) in gone {
                _ = hour.run(now, run.job, run.site, run.accelerators);
            }
        }
    }

    /// What is left beside those that run and those that are booked and not asked anew.
    fn room(&self, now: &Now<'_>, hour: &Hour, asked: &[u32]) -> Room {
        let mut room = Room::new(now);
        let mut is_asked = vec![false; now.states.len()];
        for job in asked {
            is_asked[*job as usize] = true;
        }
        for &job in now.waiting {
            let state = now.state(job);
            if hour.has(job) {
                let site = state.site.unwrap_or_default();
                room.take(now, &Booking::from(site, now.hour, now.needs(job, site), state.held));
            } else if let (false, Some(booking)) = (is_asked[job as usize], &self.bookings[job as usize]) {
                room.take(now, booking);
            }
        }
        room
    }

    /// Whether a job has to run now to be in time where it is booked; on every site where it is not.
    fn is_pressed(&self, now: &Now<'_>, job: u32) -> bool {
        match &self.bookings[job as usize] {
            Some(booking) => now.is_pressed(job, booking.site),
            None => now.sites_of(job).into_iter().all(|site| now.is_pressed(job, site)),
        }
    }
}

impl Policy for Rolling {
    fn fill(&mut self, now: &Now<'_>, hour: &mut Hour) {
        self.bookings.resize(now.states.len(), None);
        self.arrivals.note(now);
        let open: Vec<u32> = now.waiting.iter().copied().filter(|job| !hour.has(*job)).collect();
        let is_booked = |job: &u32| self.bookings[*job as usize].as_ref().is_some_and(|held| !held.is_over(now.hour));
        let asked: Vec<u32> = open.iter().copied().filter(|job| now.is_issued() || !is_booked(job)).collect();
        if !asked.is_empty() {
            self.book(now, hour, &asked);
        }
        // Who is late by a day goes first: nobody waits for ever.
        let overdue = |job: &&u32| now.job(**job).deadline + LATE_WITHIN_H <= now.hour;
        for &job in open.iter().filter(overdue) {
            run_now(now, hour, job);
        }
        // Then who has no time to lose, as `by_stake` has them.
        let mut pressed: Vec<u32> = open.iter().filter(|job| !overdue(job)).copied().collect();
        pressed.retain(|job| self.is_pressed(now, *job));
        pressed.sort_by(|one, other| by_stake(now, *one, *other));
        for job in pressed {
            let booked = self.bookings[job as usize].as_ref().and_then(|held| Some((held.site, held.at(now.hour)?)));
            if booked.is_none_or(|(site, size)| !hour.run(now, job, site, size)) {
                run_now(now, hour, job);
            }
        }
        for &job in open.iter().filter(|job| !overdue(job)) {
            if hour.has(job) {
                continue;
            }
            let Some(booking) = &self.bookings[job as usize] else { continue };
            if let Some(size) = booking.at(now.hour)
                && !hour.run(now, job, booking.site, size)
            {
                self.bookings[job as usize] = None;
            }
        }
        // Who has no place in the plan, or no time to lose, takes what is left.
        let mut crowded = vec![false; now.sites().len()];
        for &job in &open {
            let unplaced = self.bookings[job as usize].is_none();
            if !hour.has(job) && (unplaced || self.is_pressed(now, job)) && !run_now(now, hour, job) {
                for site in now.sites_of(job) {
                    crowded[site as usize] = true;
                }
            }
        }
        // Where some found no place no hour is left empty: who may pause does a part of its work sooner than it meant to.
        for &job in open.iter().filter(|job| now.job(**job).interruptible) {
            let Some(booking) = &self.bookings[job as usize] else { continue };
            if crowded[booking.site as usize] && !hour.has(job) {
                _ = hour.run(now, job, booking.site, now.job(job).accelerators);
            }
        }
        self.hurry(now, hour, &open);
    }
}

/// Who goes first of two that have no time to lose. Whose deadline is lost is charged whenever it ends and leaves room to those
/// that can still be in time. Of these each hour saves most where much of the work that would be charged is done: a long
/// job that paused comes before a short one that begins. Then the larger, which finds room less easily.
fn by_stake(now: &Now<'_>, one: u32, other: u32) -> Ordering {
    let is_lost = |job: u32| now.needs_at_least(job) > now.window(job);
    let stake = |job: u32| f64::from(now.job(job).hours) / now.state(job).left_h;
    let size = |job: u32| now.job(job).accelerators;
    let lost = is_lost(one).cmp(&is_lost(other));
    lost.then(stake(other).total_cmp(&stake(one))).then(size(other).cmp(&size(one)))
}

/// Grams that a job loses by running on a site now, against what it is booked for: of one that may pause an hour, of another all.
fn loss_g(now: &Now<'_>, job: u32, site: u32, booking: &Booking) -> f64 {
    let ahead = now.ahead();
    let costs = |site: u32| {
        let kw = now.power(job, site).kw() * f64::from(now.job(job).accelerators);
        let costs = ahead.facility_g_per_kwh(site, ahead.hours());
        move |hour: u32| kw * costs.get(hour as usize).or(costs.last()).copied().unwrap_or(0.0)
    };
    let (here, there) = (costs(site), costs(booking.site));
    let meant = booking.hours.iter().filter_map(|(hour, _)| hour.checked_sub(now.hour)).map(there);
    if now.job(job).interruptible {
        return here(0) - meant.fold(0.0, f64::max);
    }
    (0..now.needs(job, site)).map(here).sum::<f64>() - meant.sum::<f64>()
}

/// Lets a job run on the cleanest of its sites that have room; `false` where none has.
fn run_now(now: &Now<'_>, hour: &mut Hour, job: u32) -> bool {
    let best = cleanest(now, hour, job, now.sites_of(job).into_iter());
    best.is_some_and(|site| hour.run(now, job, site, now.job(job).accelerators))
}

/// What a job is charged that would be done so many hours from now.
fn late_g(now: &Now<'_>, job: u32, end: u32) -> f64 {
    let asked = now.job(job);
    let is_late = end > now.window(job);
    if is_late { now.miss_g() * f64::from(asked.accelerators) * f64::from(asked.hours) } else { 0.0 }
}

/// The cleanest of some sites, over the job's hours from now on, that has room for it now.
fn cleanest(now: &Now<'_>, hour: &Hour, job: u32, sites: impl Iterator<Item = u32>) -> Option<u32> {
    let size = now.job(job).accelerators;
    let cost = |site: &u32| {
        let hours = now.ahead().facility_g_per_kwh(*site, now.needs(job, *site) as usize);
        hours.iter().sum::<f64>() * now.power(job, *site).kw() * f64::from(size)
            + late_g(now, job, now.needs(job, *site))
    };
    let open = sites.filter(|site| hour.free(*site) >= size);
    open.min_by(|a, b| cost(a).total_cmp(&cost(b)))
}

/// Accelerators that nobody has booked, by site and hour ahead; below 0 where more are booked than there are.
#[derive(Debug, Clone)]
struct Room {
    hours: usize,
    free: Vec<Vec<i64>>,
}

impl Room {
    fn new(now: &Now<'_>) -> Self {
        let sites = now.sites().len() as u32;
        let reach = (0..sites).map(|site| now.capacity(site).len()).min().unwrap_or(0);
        let hours = now.ahead().hours().min(reach);
        let free = (0..sites).map(|site| now.capacity(site)[..hours].iter().map(|room| i64::from(*room)).collect());
        Self { hours, free: free.collect() }
    }

    fn take(&mut self, now: &Now<'_>, booking: &Booking) {
        for (hour, accelerators) in &booking.hours {
            if let Some(free) =
                hour.checked_sub(now.hour).and_then(|at| self.free[booking.site as usize].get_mut(at as usize))
            {
                *free -= i64::from(*accelerators);
            }
        }
    }

    fn is_short(&self) -> bool {
        self.free.iter().flatten().any(|free| *free < 0)
    }
}

/// Hours within which a job that needs so many is planned: to its deadline, or somewhat more than it needs where that cannot
/// be kept.
fn window(now: &Now<'_>, job: u32, needs: u32, hours: usize) -> usize {
    let window = now.window(job);
    let window = if needs > window { needs + LATE_WITHIN_H } else { window };
    // Restarts to come take time that is not in the plan yet.
    let restart = if now.job(job).interruptible { now.restart_hours(job).ceil() as u32 } else { 0 };
    let window = window.saturating_sub(restart).max(needs);
    (window as usize).min(hours)
}

/// The best of a job were it alone; `None` where it has no site. What is longer than the forecast reaches begins at once.
fn alone(now: &Now<'_>, job: u32) -> Option<Booking> {
    let (state, size) = (now.state(job), now.job(job).accelerators);
    let restart = now.restart_hours(job);
    let (begun, ran) = (state.began.is_some(), state.held > 0);
    let mut best: Option<(f64, Booking)> = None;
    for site in now.sites_of(job) {
        let needs = now.needs(job, site);
        let costs = now.ahead().facility_g_per_kwh(site, window(now, job, needs, now.ahead().hours()));
        let sizes: Option<Vec<(usize, u32)>> = if !now.job(job).interruptible {
            cheapest_window(&costs, needs as usize)
                .map(|(start, _)| (start..start + needs as usize).map(|hour| (hour, size)).collect())
        } else if now.is_elastic(job) {
            greedy_sizes(&costs, &now.curve(job, site), state.left_h)
                .map(|sizes| sizes.into_iter().enumerate().filter(|(_, size)| *size > 0).collect())
        } else {
            cheapest_hours_with_restarts(&costs, needs as usize, restart, begun, ran)
                .map(|hours| hours.into_iter().map(|hour| (hour, size)).collect())
        };
        let hours = sizes.unwrap_or_else(|| (0..needs as usize).map(|hour| (hour, size)).collect());
        let last = costs.last().copied().unwrap_or(0.0);
        let cost_at = |hour: usize| costs.get(hour).copied().unwrap_or(last);
        let kw = now.power(job, site).kw();
        let run: f64 = hours.iter().map(|(hour, size)| cost_at(*hour) * f64::from(*size) * kw).sum();
        let first = hours.first().map_or(0, |(hour, _)| *hour);
        let end = hours.last().map_or(0, |(hour, _)| *hour as u32 + 1);
        let cost = run + now.transfer_kwh(job, site) * cost_at(first) + late_g(now, job, end);
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            let hours = hours.into_iter().map(|(hour, size)| (now.hour + hour as u32, size)).collect();
            best = Some((cost, Booking { site, hours }));
        }
    }
    best.map(|(_, booking)| booking)
}

/// The best of an expected job were it alone; `None` where it ends after what is foretold, or has no site.
fn alone_later(now: &Now<'_>, Expected { ahead, like }: Expected) -> Option<Booking> {
    let asked = now.job(like);
    let (size, window) = (asked.accelerators, asked.deadline - asked.release);
    let at_site = |site: u32| {
        let needs = now.hours_at(like, site) as usize;
        let costs = now.ahead().facility_g_per_kwh(site, (ahead + window) as usize);
        let costs = costs.get(ahead as usize..)?;
        let hours = if asked.interruptible {
            cheapest_hours(costs, needs)?
        } else {
            let (start, _) = cheapest_window(costs, needs)?;
            (start..start + needs).collect()
        };
        let sum = hours.iter().map(|hour| costs[*hour]).sum::<f64>() * now.power(like, site).kw();
        let hours = hours.into_iter().map(|hour| (now.hour + ahead + hour as u32, size));
        Some((sum, Booking { site, hours: hours.collect() }))
    };
    let best = now.expected_sites_of(like).filter_map(at_site).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, booking)| booking)
}

/// The best that the fleet planner finds for all of them in the room that is left, beside those that are expected.
fn together(now: &Now<'_>, room: &Room, jobs: &[u32], expected: &[Expected], effort: f64) -> Vec<Option<Booking>> {
    let until = |expected: &Expected| {
        let like = now.job(expected.like);
        (expected.ahead + like.deadline - like.release) as usize
    };
    let last = expected.iter().map(until).max().unwrap_or(0);
    let within = |job: u32, hours: usize| window(now, job, now.needs_at_least(job), hours);
    let widest = jobs.iter().map(|job| within(*job, room.hours)).max().unwrap_or(0).max(last).min(room.hours);
    let ahead = now.ahead();
    let sites = now.sites().iter().zip(0..).map(|(site, index)| {
        let intensity = ahead.g_per_kwh(index)[..widest].iter().enumerate();
        // Of hours that are as clean the earlier is better.
        let intensity = intensity.map(|(hour, now)| now * (1.0 + LATER * hour as f64));
        Site {
            capacity: room.free[index as usize][..widest]
                .iter()
                .map(|free| u32::try_from(*free).unwrap_or(0))
                .collect(),
            intensity: intensity.map(AverageIntensity::from_g_per_kwh).collect(),
            ..site.clone()
        }
    });
    // Kinds of accelerators count with their own speed and power; of what else a row may say nothing is weighed.
    let terms = Some(Terms::default());
    let mut fleet = Fleet { hours: widest as u32, sites: sites.collect(), terms, ..Fleet::default() };
    let mut planned: Vec<usize> = Vec::new();
    let mut add = |job: u32, allowed: Vec<u32>, (release, deadline, hours): (u32, u32, u32)| {
        let set = fleet.site_sets.iter().position(|set| *set == allowed).unwrap_or_else(|| {
            fleet.site_sets.push(allowed.clone());
            fleet.site_sets.len() - 1
        });
        let (sites, home) = (SiteSet(set as u32), allowed[0]);
        let (asked, extras) = (now.job(job), now.extras(job));
        // Where it has to stay its hours are those of that site.
        let (power, kinds) = match allowed[..] {
            [site] => (now.power(job, site), Vec::new()),
            _ => (asked.power, extras.kinds.clone()),
        };
        fleet.jobs.push(Job { release, deadline, hours, power, sites, home, ..*asked });
        fleet.names.push("");
        fleet.extras.push(Extras { accelerator: extras.accelerator.clone(), kinds, ..Extras::default() });
    };
    for (index, &job) in jobs.iter().enumerate() {
        let (needs, allowed) = (now.needs_at_least(job), now.sites_of(job));
        if !allowed.is_empty() && needs as usize <= widest {
            let hours = if allowed.len() == 1 { needs } else { now.job(job).hours };
            add(job, allowed, (0, within(job, widest) as u32, hours));
            planned.push(index);
        }
    }
    for later in expected {
        let allowed: Vec<u32> = now.expected_sites_of(later.like).collect();
        let deadline = until(later).min(widest) as u32;
        let needs = allowed.iter().map(|site| now.hours_at(later.like, *site)).min();
        if needs.is_some_and(|needs| later.ahead + needs <= deadline) {
            let hours = if allowed.len() == 1 { needs.unwrap_or_default() } else { now.job(later.like).hours };
            add(later.like, allowed, (later.ahead, deadline, hours));
        }
    }
    let mut found: Vec<Option<Booking>> = vec![None; jobs.len()];
    let made = plan(&fleet, &Options { unplaced_penalty_g: now.miss_g(), effort, threads: 1 });
    for part in &made.segments {
        // Who is only expected has no booking.
        let Some(&index) = planned.get(part.job as usize) else { continue };
        let size = now.job(jobs[index]).accelerators;
        let booking = found[index].get_or_insert_with(|| Booking { site: part.site, hours: Vec::new() });
        booking.hours.extend((part.start..part.end).map(|hour| (now.hour + hour, size)));
    }
    found
}
