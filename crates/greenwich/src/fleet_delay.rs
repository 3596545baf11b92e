//! Who pays for a fleet's saving in delay.
//!
//! In: a planned fleet. Out: a [`Delay`] of all its placed jobs, and one for each home: hours between the end at once and
//! the planned end; none for who ends earlier, on a faster machine.

use crate::fleet::PlannedFleet;
use serde_json::{Value, json};
use std::fmt;

/// How long some placed jobs wait.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Delay {
    /// How many they are.
    pub jobs: usize,
    /// Hours, on the whole.
    pub mean_h: f64,
    /// 95 of 100 wait no longer.
    pub p95_h: u32,
    /// Nobody waits longer.
    pub most_h: u32,
}

impl Delay {
    fn of(mut hours: Vec<u32>) -> Self {
        hours.sort_unstable();
        let jobs = hours.len();
        let sum: u64 = hours.iter().map(|&wait| u64::from(wait)).sum();
        Self {
            jobs,
            mean_h: if jobs == 0 { 0.0 } else { sum as f64 / jobs as f64 },
            p95_h: hours.get((jobs * 95).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0),
            most_h: hours.last().copied().unwrap_or(0),
        }
    }

    pub(crate) fn json(&self, home: &str) -> Value {
        json!({
            "home": home,
            "jobs": self.jobs,
            "mean_h": self.mean_h,
            "p95_h": self.p95_h,
            "most_h": self.most_h,
        })
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = if self.jobs == 1 { "job" } else { "jobs" };
        let Self { jobs: count, mean_h, p95_h, most_h } = self;
        write!(f, "{mean_h:.1} h mean of {count} {jobs}, 95 % wait {p95_h} h at most, the longest {most_h} h")
    }
}

impl PlannedFleet {
    /// How long each placed job waits: its home and its hours.
    fn waits(&self) -> impl Iterator<Item = (u32, u32)> {
        let own = self.plan.segments.chunk_by(|one, next| one.job == next.job);
        own.filter_map(|parts| {
            let last = parts.last()?;
            let job = &self.fleet.jobs[last.job as usize];
            Some((job.home, last.end.saturating_sub(job.release + job.hours)))
        })
    }

    /// How long placed jobs wait.
    pub fn delay(&self) -> Delay {
        Delay::of(self.waits().map(|(_, wait)| wait).collect())
    }

    /// The same by the jobs' home, those that wait longest first; homes without a placed job are left out.
    pub fn delay_by_home(&self) -> Vec<(&str, Delay)> {
        let mut waits = vec![Vec::new(); self.fleet.sites.len()];
        for (home, wait) in self.waits() {
            waits[home as usize].push(wait);
        }
        let homes = self.fleet.sites.iter().map(|site| site.name.as_str());
        let mut by_home: Vec<(&str, Delay)> = homes.zip(waits.into_iter().map(Delay::of)).collect();
        by_home.retain(|(_, delay)| delay.jobs > 0);
        by_home.sort_by(|(_, one), (_, other)| other.mean_h.total_cmp(&one.mean_h));
        by_home
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_five_of_a_hundred_wait_no_longer_than_said() {
        let delay = Delay::of((1..=100).rev().collect());
        assert_eq!(delay, Delay { jobs: 100, mean_h: 50.5, p95_h: 95, most_h: 100 });
        assert_eq!(Delay::of(vec![7]), Delay { jobs: 1, mean_h: 7.0, p95_h: 7, most_h: 7 });
        assert_eq!(Delay::of(Vec::new()), Delay::default());
    }
}
