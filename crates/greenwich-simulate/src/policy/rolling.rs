//! Ours: all jobs that are known, planned together on all their sites, whenever a forecast is issued.
//!
//! In: jobs that wait, what is foretold, what sites have. Out: a plan of which the next hour is committed. Jobs that arrive
//! between two forecasts are planned into what the plan left. Where each job's own best fits beside the others' that is the
//! plan, and no plan is better; else the fleet planner shares what is scarce.

use crate::now::{Hour, Now};
use crate::policy::Policy;
use crate::policy::booked::Booking;
use crate::search::{cheapest_hours, cheapest_hours_with_restarts, cheapest_window, greedy_sizes};
use greenwich_core::quantity::AverageIntensity;
use greenwich_fleet::{Extras, Fleet, Job, Options, Site, SiteSet, plan};

/// A job that is late is planned to end within so many hours more than it needs, and goes first when it is late by as many.
const LATE_WITHIN_H: u32 = 24;
/// What an hour of delay counts for, as a share of the intensity, where the fleet planner shares out hours.
const LATER: f64 = 1e-5;
const DAY_H: u32 = 24;
const WEEK_H: u32 = 168;
/// Hours ahead for which jobs are expected.
const EXPECTED_H: u32 = 48;
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

    /// Books jobs into what others leave; where they are in each other's way, all that wait are planned anew with them,
    /// and room is kept for those that are expected.
    fn book(&mut self, now: &Now<'_>, hour: &Hour, open: &[u32], asked: &[u32]) {
        let envi = |k: &str, d: f64| std::env::var(k).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
        let own: Vec<Option<Booking>> = asked.iter().map(|job| alone(now, *job)).collect();
        let mut room = self.room(now, hour, asked);
        for booking in own.iter().flatten() {
            room.take(now, booking);
        }
        // Between two forecasts the plan stands, unless who comes finds no room beside it.
        let to_come = if envi("GWX", 48.0) > 0.0 && (now.is_issued() || (room.is_short() && envi("GWS", 1.0) > 0.0)) {
            self.arrivals.expected(now.hour)
        } else {
            Vec::new()
        };
        for (ahead, job) in &to_come {
            if let Some(booking) = alone_later(now, *job, *ahead) {
                room.take(now, &booking);
            }
        }
        let all = if envi("GWALL", 1.0) > 0.0 { open } else { asked };
        let (jobs, found) = if room.is_short() {
            (all, together(now, &self.room(now, hour, all), all, &to_come, self.effort))
        } else {
            (asked, own)
        };
        for (job, booking) in jobs.iter().zip(found) {
            self.bookings[*job as usize] = booking;
        }
    }

    /// Lets jobs begin sooner than they meant to where what waits and what is expected would not fit into the hours to come.
    fn keep_room(&self, now: &Now<'_>, hour: &mut Hour, open: &[u32]) {
        let envi = |k: &str, d: f64| std::env::var(k).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
        let (theta, h) = (envi("GWT", 0.9), envi("GWH", 48.0) as u32);
        if theta <= 0.0 {
            return;
        }
        let sites = now.sites().len();
        let mut load = vec![0.0; sites];
        for &job in now.waiting {
            let site =
                now.state(job).site.or(self.bookings[job as usize].as_ref().map(|b| b.site)).or(now.home_of(job));
            if let Some(site) = site {
                load[site as usize] += now.state(job).left_h * f64::from(now.job(job).accelerators);
            }
        }
        for (_, job) in self.arrivals.expected_within(now.hour, h) {
            let site = now.state(job).site.or(now.home_of(job));
            if let Some(site) = site {
                load[site as usize] += f64::from(now.job(job).hours * now.job(job).accelerators);
            }
        }
        for site in 0..sites as u32 {
            let room: f64 = now.capacity(site).iter().take(h as usize).map(|r| f64::from(*r)).sum();
            let mut excess = load[site as usize] - theta * room;
            if excess <= 0.0 || hour.free(site) == 0 {
                continue;
            }
            let costs = now.ahead().facility_g_per_kwh(site, now.ahead().hours());
            let mut could: Vec<(f64, u32)> = open
                .iter()
                .filter(|job| !hour.has(**job))
                .filter_map(|&job| {
                    let booking = self.bookings[job as usize].as_ref()?;
                    if !now.sites_of(job).contains(&site) || booking.site != site {
                        return None;
                    }
                    if envi("GWO", 0.0) > 0.0 {
                        return Some((f64::from(now.window(job)) - f64::from(now.needs(job)), job));
                    }
                    let needs = if now.job(job).interruptible { 1 } else { now.needs(job) as usize };
                    let at = |hour: usize| costs.get(hour).or(costs.last()).copied().unwrap_or(0.0);
                    let soon: f64 = (0..needs).map(at).sum::<f64>() / needs as f64;
                    let meant: Vec<f64> = booking
                        .hours
                        .iter()
                        .filter(|(h, _)| *h >= now.hour)
                        .map(|(h, _)| at((h - now.hour) as usize))
                        .collect();
                    let meant = if now.job(job).interruptible {
                        meant.iter().copied().fold(0.0, f64::max)
                    } else {
                        meant.iter().sum::<f64>() / meant.len().max(1) as f64
                    };
                    Some((soon - meant, job))
                })
                .collect();
            could.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (_, job) in could {
                let size = now.job(job).accelerators;
                if hour.run(now, job, site, size) {
                    excess -= f64::from(size);
                    if excess <= 0.0 {
                        break;
                    }
                }
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
                room.take(now, &Booking::from(site, now.hour, now.needs(job), state.held));
            } else if let (false, Some(booking)) = (is_asked[job as usize], &self.bookings[job as usize]) {
                room.take(now, booking);
            }
        }
        room
    }
}

/// Jobs as they came, and from them those that are expected: what came in the same hours of the last week comes again. Before
/// a week is seen it is the last whole days that do, and before a day what was seen.
#[derive(Debug, Default)]
struct Arrivals {
    is_known: Vec<bool>,
    /// Hour and job, in the order of arrival.
    came: Vec<(u32, u32)>,
}

impl Arrivals {
    fn note(&mut self, now: &Now<'_>) {
        self.is_known.resize(now.states.len(), false);
        for &job in now.waiting {
            if !std::mem::replace(&mut self.is_known[job as usize], true) {
                self.came.push((now.hour, job));
            }
        }
    }

    fn expected_within(&self, hour: u32, within: u32) -> Vec<(u32, u32)> {
        let seen = hour + 1;
        let period = if seen >= WEEK_H {
            WEEK_H
        } else if seen >= DAY_H {
            seen - seen % DAY_H
        } else {
            seen
        };
        let first = self.came.partition_point(|(came, _)| came + period <= hour);
        let again = |turn: u32| self.came[first..].iter().map(move |(came, job)| (came + turn * period - hour, *job));
        (1..=within.div_ceil(period)).flat_map(again).filter(|(ahead, _)| *ahead <= within).collect()
    }

    /// Those that come again within the next hours: how many hours ahead, and the job that each is like.
    fn expected(&self, hour: u32) -> Vec<(u32, u32)> {
        let seen = hour + 1;
        let period = if seen >= WEEK_H {
            WEEK_H
        } else if seen >= DAY_H {
            seen - seen % DAY_H
        } else {
            seen
        };
        let first = self.came.partition_point(|(came, _)| came + period <= hour);
        let again = |turn: u32| self.came[first..].iter().map(move |(came, job)| (came + turn * period - hour, *job));
        (1..=EXPECTED_H.div_ceil(period))
            .flat_map(again)
            .filter(|(ahead, _)| {
                *ahead <= EXPECTED_H
                    && f64::from(*ahead) <= std::env::var("GWX").ok().and_then(|v| v.parse().ok()).unwrap_or(48.0)
            })
            .collect()
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
            self.book(now, hour, &open, &asked);
        }
        // Who is late by a day goes first: nobody waits for ever.
        let overdue = |job: &&u32| now.job(**job).deadline + LATE_WITHIN_H <= now.hour;
        for &job in open.iter().filter(overdue) {
            run_now(now, hour, job);
        }
        for &job in open.iter().filter(|job| !overdue(job)) {
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
            if !hour.has(job) && (unplaced || now.is_pressed(job)) && !run_now(now, hour, job) {
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
        self.keep_room(now, hour, &open);
    }
}

/// Lets a job run on the cleanest of its sites that have room; `false` where none has.
fn run_now(now: &Now<'_>, hour: &mut Hour, job: u32) -> bool {
    let (needs, size) = (now.needs(job) as usize, now.job(job).accelerators);
    let cost = |site: &u32| now.ahead().facility_g_per_kwh(*site, needs).iter().sum::<f64>();
    let open = now.sites_of(job).into_iter().filter(|site| hour.free(*site) >= size);
    let best = open.min_by(|a, b| cost(a).total_cmp(&cost(b)));
    best.is_some_and(|site| hour.run(now, job, site, size))
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

/// Hours within which a job is planned: to its deadline, or somewhat more than it needs where that cannot be kept.
fn window(now: &Now<'_>, job: u32, hours: usize) -> usize {
    let (needs, window) = (now.needs(job), now.window(job));
    let window = if needs > window { needs + LATE_WITHIN_H } else { window };
    // Restarts to come take time that is not in the plan yet.
    let restart = if now.job(job).interruptible { now.restart_hours(job).ceil() as u32 } else { 0 };
    let window = window.saturating_sub(restart).max(needs);
    (window as usize).min(hours)
}

/// The best of a job were it alone; `None` where it has no site. What is longer than the forecast reaches begins at once.
fn alone(now: &Now<'_>, job: u32) -> Option<Booking> {
    let (needs, size) = (now.needs(job), now.job(job).accelerators);
    let window = window(now, job, now.ahead().hours());
    let (curve, state) = (now.curve(job), now.state(job));
    let restart = now.restart_hours(job);
    let (begun, ran) = (state.began.is_some(), state.held > 0);
    let mut best: Option<(f64, Booking)> = None;
    for site in now.sites_of(job) {
        let costs = now.ahead().facility_g_per_kwh(site, window);
        let sizes: Option<Vec<(usize, u32)>> = if !now.job(job).interruptible {
            cheapest_window(&costs, needs as usize)
                .map(|(start, _)| (start..start + needs as usize).map(|hour| (hour, size)).collect())
        } else if curve.len() > 1 {
            greedy_sizes(&costs, &curve, state.left_h)
                .map(|sizes| sizes.into_iter().enumerate().filter(|(_, size)| *size > 0).collect())
        } else {
            cheapest_hours_with_restarts(&costs, needs as usize, restart, begun, ran)
                .map(|hours| hours.into_iter().map(|hour| (hour, size)).collect())
        };
        let hours = sizes.unwrap_or_else(|| (0..needs as usize).map(|hour| (hour, size)).collect());
        let last = costs.last().copied().unwrap_or(0.0);
        let cost_at = |hour: usize| costs.get(hour).copied().unwrap_or(last);
        let kw = now.job(job).power.kw();
        let run: f64 = hours.iter().map(|(hour, size)| cost_at(*hour) * f64::from(*size) * kw).sum();
        let first = hours.first().map_or(0, |(hour, _)| *hour);
        let cost = run + now.transfer_kwh(job, site) * cost_at(first);
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            let hours = hours.into_iter().map(|(hour, size)| (now.hour + hour as u32, size)).collect();
            best = Some((cost, Booking { site, hours }));
        }
    }
    best.map(|(_, booking)| booking)
}

/// The best of an expected job were it alone; `None` where it ends after what is foretold, or has no site.
fn alone_later(now: &Now<'_>, job: u32, ahead: u32) -> Option<Booking> {
    let asked = now.job(job);
    let (needs, size, window) = (asked.hours as usize, asked.accelerators, asked.deadline - asked.release);
    let at_site = |site: u32| {
        let costs = now.ahead().facility_g_per_kwh(site, (ahead + window) as usize);
        let costs = costs.get(ahead as usize..)?;
        let hours = if asked.interruptible {
            cheapest_hours(costs, needs)?
        } else {
            let (start, _) = cheapest_window(costs, needs)?;
            (start..start + needs).collect()
        };
        let sum: f64 = hours.iter().map(|hour| costs[*hour]).sum();
        let hours = hours.into_iter().map(|hour| (now.hour + ahead + hour as u32, size));
        Some((sum, Booking { site, hours: hours.collect() }))
    };
    let best = now.expected_sites_of(job).filter_map(at_site).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, booking)| booking)
}

/// The best that the fleet planner finds for all of them in the room that is left, beside those that are expected.
fn together(now: &Now<'_>, room: &Room, jobs: &[u32], to_come: &[(u32, u32)], effort: f64) -> Vec<Option<Booking>> {
    let until = |(ahead, job): &(u32, u32)| (ahead + now.job(*job).deadline - now.job(*job).release) as usize;
    let expected = to_come.iter().map(until).max().unwrap_or(0);
    let widest = jobs.iter().map(|job| window(now, *job, room.hours)).max().unwrap_or(0).max(expected).min(room.hours);
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
    let mut fleet = Fleet { hours: widest as u32, sites: sites.collect(), ..Fleet::default() };
    let mut planned: Vec<usize> = Vec::new();
    let mut add = |job: u32, allowed: Vec<u32>, (release, deadline, hours): (u32, u32, u32)| {
        let set = fleet.site_sets.iter().position(|set| *set == allowed).unwrap_or_else(|| {
            fleet.site_sets.push(allowed.clone());
            fleet.site_sets.len() - 1
        });
        let (sites, home) = (SiteSet(set as u32), allowed[0]);
        fleet.jobs.push(Job { release, deadline, hours, sites, home, ..*now.job(job) });
        fleet.names.push("");
        fleet.extras.push(Extras { restart_minutes: Some(now.restart_hours(job) * 60.0), ..now.extras(job).clone() });
    };
    for (index, &job) in jobs.iter().enumerate() {
        let (needs, allowed) = (now.needs(job), now.sites_of(job));
        if !allowed.is_empty() && needs as usize <= widest {
            add(job, allowed, (0, window(now, job, widest) as u32, needs));
            planned.push(index);
        }
    }
    for (ahead, job) in to_come {
        let allowed: Vec<u32> = now.expected_sites_of(*job).collect();
        let (needs, deadline) = (now.job(*job).hours, (until(&(*ahead, *job)) as u32).min(widest as u32));
        if !allowed.is_empty() && ahead + needs <= deadline {
            add(*job, allowed, (*ahead, deadline, needs));
        }
    }
    let mut found: Vec<Option<Booking>> = vec![None; jobs.len()];
    let made = plan(&fleet, &Options { unplaced_penalty_g: now.miss_g(), effort });
    for part in &made.segments {
        // Who is only expected has no booking.
        let Some(&index) = planned.get(part.job as usize) else { continue };
        let size = now.job(jobs[index]).accelerators;
        let booking = found[index].get_or_insert_with(|| Booking { site: part.site, hours: Vec::new() });
        booking.hours.extend((part.start..part.end).map(|hour| (now.hour + hour, size)));
    }
    found
}
