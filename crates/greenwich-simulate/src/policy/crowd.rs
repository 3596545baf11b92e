//! Who would be late: the hours to come as they would be filled if from the next one on nobody waited for cleaner ones.
//!
//! In: who runs in the coming hour, jobs that wait, jobs that are expected. Out: accelerator-hours of work that would be late, or so
//! nearly that it may well be. Jobs are taken up hour by hour, those first that have to begin soonest; who may move and has
//! not begun goes where most is free. Forecasts have no part in it.

use crate::now::{Now, Run};
use crate::policy::arrivals::Expected;
use greenwich_fleet::Job;
use std::cmp::Reverse;

/// Hours looked ahead.
const AHEAD_H: u32 = 96;
/// A job that would be done so many hours before its deadline is safe, whatever comes; one that would be done at it is late as
/// often as not.
const SAFE_H: f64 = 16.0;
/// Where a smaller share of a site's hours is asked for it is fewer hours in proportion: who has a site for himself is safe.
const CROWDED: f64 = 0.25;
/// Hours ahead in which what is asked for says how full a site is.
const FULL_H: u32 = 48;

/// A job that is looked ahead for.
#[derive(Debug, Clone)]
struct Coming {
    job: u32,
    /// Hours from now until it arrives.
    ahead: u32,
    /// Hours from now until its deadline; below 0 where that has passed.
    deadline: i64,
    /// Sites with the hours that it needs there.
    sites: Vec<(u32, u32)>,
    size: u32,
    /// Accelerator-hours that it is charged for when it is late.
    charged: f64,
    is_whole: bool,
    begun: bool,
}

/// Jobs that are looked ahead for, in the order in which they have to begin.
#[derive(Debug)]
pub(crate) struct Crowd {
    coming: Vec<Coming>,
    /// By site and hour ahead.
    capacity: Vec<Vec<u32>>,
    /// Hours before its deadline by which a job has to be done to be safe, by site.
    safe_h: Vec<f64>,
}

impl Crowd {
    pub(crate) fn new(now: &Now<'_>, expected: &[Expected]) -> Self {
        let known = now.waiting.iter().map(|&job| Coming {
            job,
            ahead: 0,
            deadline: i64::from(now.job(job).deadline) - i64::from(now.hour),
            sites: now.sites_of(job).into_iter().map(|site| (site, now.needs(job, site))).collect(),
            size: now.job(job).accelerators,
            charged: area(now.job(job)),
            is_whole: !now.job(job).interruptible,
            begun: now.state(job).began.is_some(),
        });
        let later = expected.iter().map(|&Expected { ahead, like }| Coming {
            job: u32::MAX,
            ahead,
            deadline: i64::from(ahead + now.job(like).deadline - now.job(like).release),
            sites: now.expected_sites_of(like).map(|site| (site, now.hours_at(like, site))).collect(),
            size: now.job(like).accelerators,
            charged: area(now.job(like)),
            is_whole: !now.job(like).interruptible,
            begun: false,
        });
        let mut coming: Vec<Coming> = known.chain(later).filter(|job| !job.sites.is_empty()).collect();
        // Whose deadline is lost has no hurry: its charge stays the same.
        coming.sort_by_key(|job| {
            let begins = job.deadline - job.needs();
            (begins < i64::from(job.ahead), begins, Reverse(job.size))
        });
        let of = |site: u32| {
            let known = now.capacity(site);
            let last = known.last().copied().unwrap_or(0);
            (0..AHEAD_H as usize).map(|hour| known.get(hour).copied().unwrap_or(last)).collect()
        };
        let capacity: Vec<Vec<u32>> = (0..now.sites().len() as u32).map(of).collect();
        let safe_h = fullness(&coming, &capacity).into_iter().map(|full| SAFE_H * (full / CROWDED).min(1.0)).collect();
        Self { coming, capacity, safe_h }
    }

    /// Accelerator-hours of work that would be late after these runs of the coming hour, those that may well be by a share.
    pub(crate) fn late(&self, runs: &[Run]) -> f64 {
        let mut course = Course::new(self);
        let begun =
            runs.iter().filter_map(|run| Some((self.coming.iter().position(|job| job.job == run.job)?, run.site)));
        course.run(0, begun.collect());
        for hour in 1..AHEAD_H {
            if course.undone == 0 {
                break;
            }
            let free = self.capacity.iter().map(|site| site[hour as usize]).collect();
            let chosen = course.choose(hour, free);
            course.run(hour, chosen);
        }
        // What is not done by then is late, unless its deadline lies beyond.
        let is_late = |(job, left): &(&Coming, &u32)| **left > 0 && job.deadline <= i64::from(AHEAD_H);
        let rest = self.coming.iter().zip(&course.left).filter(is_late);
        course.late + rest.map(|(job, _)| job.charged).sum::<f64>()
    }
}

/// How it would go on.
struct Course<'a> {
    coming: &'a [Coming],
    safe_h: &'a [f64],
    at: Vec<Option<u32>>,
    /// Hours that each needs yet; of one that has not begun those of the site where it needs the fewest.
    left: Vec<u32>,
    /// Whether it may not pause and has begun.
    goes_on: Vec<bool>,
    undone: usize,
    late: f64,
}

impl<'a> Course<'a> {
    fn new(Crowd { coming, safe_h, .. }: &'a Crowd) -> Self {
        Self {
            coming,
            safe_h,
            at: coming.iter().map(|job| job.sites.first().filter(|_| job.begun).map(|(site, _)| *site)).collect(),
            left: coming.iter().map(|job| job.needs() as u32).collect(),
            goes_on: vec![false; coming.len()],
            undone: coming.len(),
            late: 0.0,
        }
    }

    /// Who runs in an hour in which nobody waits for a cleaner one, and where.
    fn choose(&self, hour: u32, mut free: Vec<u32>) -> Vec<(usize, u32)> {
        let mut chosen: Vec<(usize, u32)> = Vec::new();
        let mut take = |index: usize, site: u32, free: &mut [u32]| {
            free[site as usize] = free[site as usize].saturating_sub(self.coming[index].size);
            chosen.push((index, site));
        };
        for (index, site) in self.at.iter().enumerate().filter(|(index, _)| self.goes_on[*index]) {
            take(index, site.unwrap_or_default(), &mut free);
        }
        for (index, job) in self.coming.iter().enumerate() {
            if self.goes_on[index] || self.left[index] == 0 || job.ahead > hour {
                continue;
            }
            let fits = |site: &u32| free[*site as usize] >= job.size;
            let site = match self.at[index] {
                Some(site) => Some(site).filter(fits),
                None => job.timely_sites(hour).filter(fits).max_by_key(|site| (free[*site as usize], Reverse(*site))),
            };
            if let Some(site) = site {
                take(index, site, &mut free);
            }
        }
        chosen
    }

    fn run(&mut self, hour: u32, chosen: Vec<(usize, u32)>) {
        self.goes_on.fill(false);
        for (index, site) in chosen {
            let job = &self.coming[index];
            if self.at[index].is_none() {
                self.at[index] = Some(site);
                let needs = job.sites.iter().find(|(able, _)| *able == site);
                self.left[index] = needs.map_or(1, |(_, needs)| *needs);
            }
            self.left[index] -= 1;
            self.goes_on[index] = job.is_whole && self.left[index] > 0;
            if self.left[index] == 0 {
                self.undone -= 1;
                self.late +=
                    job.charged * risk((job.deadline - i64::from(hour) - 1) as f64, self.safe_h[site as usize]);
            }
        }
    }
}

impl Coming {
    fn needs(&self) -> i64 {
        self.sites.iter().map(|(_, needs)| i64::from(*needs)).min().unwrap_or(0)
    }

    /// The sites where it would be in time if it began in an hour; all of them where it would be so nowhere.
    fn timely_sites(&self, hour: u32) -> impl Iterator<Item = u32> + '_ {
        let is_timely = move |needs: u32| i64::from(hour + needs) <= self.deadline;
        let is_lost = !self.sites.iter().any(|(_, needs)| is_timely(*needs));
        self.sites.iter().filter(move |(_, needs)| is_lost || is_timely(*needs)).map(|(site, _)| *site)
    }
}

fn area(job: &Job) -> f64 {
    f64::from(job.accelerators) * f64::from(job.hours)
}

/// The share of each site's hours that is asked for; who may run on several asks each for a part.
fn fullness(coming: &[Coming], capacity: &[Vec<u32>]) -> Vec<f64> {
    let mut asked = vec![0.0; capacity.len()];
    for job in coming {
        for (site, needs) in &job.sites {
            let hours = (*needs).min(FULL_H.saturating_sub(job.ahead));
            asked[*site as usize] += f64::from(job.size * hours) / job.sites.len() as f64;
        }
    }
    let room = |site: &Vec<u32>| site[..FULL_H as usize].iter().map(|now| f64::from(*now)).sum::<f64>();
    asked.iter().zip(capacity).map(|(asked, site)| asked / room(site).max(1.0)).collect()
}

/// How likely a job is late that would be done so many hours before its deadline where so many are safe.
fn risk(early_h: f64, safe_h: f64) -> f64 {
    if early_h < 0.0 {
        1.0
    } else if early_h < safe_h {
        0.5 * (1.0 - early_h / safe_h).powi(2)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job of one site and one accelerator, known from now on.
    fn whole(job: u32, needs: u32, deadline: i64) -> Coming {
        let charged = f64::from(needs);
        let sites = vec![(0, needs)];
        Coming { job, ahead: 0, deadline, sites, size: 1, charged, is_whole: true, begun: false }
    }

    fn late(coming: Vec<Coming>, room: u32, runs: &[u32]) -> f64 {
        let crowd = Crowd { coming, capacity: vec![vec![room; AHEAD_H as usize]], safe_h: vec![SAFE_H] };
        let runs: Vec<Run> = runs.iter().map(|job| Run { job: *job, site: 0, accelerators: 1 }).collect();
        crowd.late(&runs)
    }

    #[test]
    fn an_hour_of_waiting_counts_where_it_costs_a_deadline() {
        let two = || vec![whole(0, 3, 3), whole(1, 2, 60)];
        // The first has to begin now; after the other it is late. Who has days to spare is safe.
        assert!((late(two(), 1, &[0]) - 3.0 * 0.5).abs() < 1e-12, "done at its deadline: late as often as not");
        assert!((late(two(), 1, &[1]) - 3.0).abs() < 1e-12 && (late(two(), 1, &[]) - 3.0).abs() < 1e-12);
        assert!(late(vec![whole(1, 2, 60)], 1, &[]) < 1e-12);
    }

    #[test]
    fn who_is_expected_counts_as_who_waits() {
        let expected = Coming { ahead: 2, ..whole(u32::MAX, 2, 4) };
        let long = whole(0, 6, 90);
        // Whoever begins six hours now stands in its way.
        assert!((late(vec![expected.clone(), long.clone()], 1, &[0]) - 2.0).abs() < 1e-12);
        assert!((late(vec![expected, long], 2, &[0]) - 2.0 * 0.5).abs() < 1e-12);
    }

    #[test]
    fn who_may_move_goes_where_he_is_in_time() {
        let crowd = |sites: Vec<(u32, u32)>| Crowd {
            coming: vec![Coming { sites, ..whole(0, 4, 20) }],
            capacity: vec![vec![9; AHEAD_H as usize], vec![1; AHEAD_H as usize]],
            safe_h: vec![SAFE_H; 2],
        };
        // The roomy site takes 30 hours and is late; on the other it is done at hour 5, with 15 h to spare.
        let share = |late: f64| late / 4.0;
        assert!((share(crowd(vec![(0, 30), (1, 4)]).late(&[])) - 0.5 / 256.0).abs() < 1e-12);
        assert!((share(crowd(vec![(0, 30)]).late(&[])) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn how_full_a_site_is_says_how_soon_its_jobs_have_to_be_done() {
        let capacity = vec![vec![1; AHEAD_H as usize], vec![4; AHEAD_H as usize]];
        let both = Coming { sites: vec![(0, 24), (1, 24)], ..whole(1, 24, 90) };
        // 24 of 48 h at the first beside half of the other job; a sixteenth at the second.
        let full = fullness(&[whole(0, 24, 90), both], &capacity);
        assert_eq!(full, [0.75, 12.0 / 192.0]);
        assert_eq!((risk(2.0, 0.0), risk(0.0, 0.0), risk(-1.0, 0.0), risk(4.0, 8.0)), (0.0, 0.0, 1.0, 0.125));
    }
}
