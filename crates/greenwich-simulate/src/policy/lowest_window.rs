//! GAIA's lowest window (Hanafy et al., ASPLOS 2024): the cleanest start by the mean length of jobs of its queue.
//!
//! In: a job that waits. Out: its start. The job's own length is not looked at but to keep its deadline; there are two
//! queues, of short and long jobs, and a queue's mean is that of the jobs that have arrived so far.

use crate::now::{Hour, Now};
use crate::policy::booked::{Booking, Chooser};
use crate::search::cheapest_window;

/// Jobs up to so many hours are of the short queue.
const SHORT_H: u32 = 2;

/// Sum and number of the lengths that have arrived, short and long, and up to which job they were counted.
#[derive(Debug, Default)]
pub(crate) struct LowestWindow {
    queues: [(u64, u64); 2],
    counted: Vec<bool>,
}

impl LowestWindow {
    fn count(&mut self, now: &Now<'_>) {
        self.counted.resize(now.states.len(), false);
        for &job in now.waiting {
            if !std::mem::replace(&mut self.counted[job as usize], true) {
                let hours = hours_of(now, job);
                let queue = &mut self.queues[usize::from(hours > SHORT_H)];
                *queue = (queue.0 + u64::from(hours), queue.1 + 1);
            }
        }
    }
}

/// Hours that a job takes at home.
fn hours_of(now: &Now<'_>, job: u32) -> u32 {
    now.home_of(job).map_or(now.job(job).hours, |home| now.hours_at(job, home))
}

impl Chooser for LowestWindow {
    fn book(&mut self, now: &Now<'_>, _hour: &Hour, job: u32) -> Option<Booking> {
        self.count(now);
        let (sum, count) = self.queues[usize::from(hours_of(now, job) > SHORT_H)];
        let mean = ((sum as f64 / count.max(1) as f64).round() as usize).max(1);
        let site = now.home_of(job)?;
        let (needs, size) = (now.needs(job, site), now.job(job).accelerators);
        let slack = now.window(job).saturating_sub(needs) as usize;
        let costs = now.ahead().facility_g_per_kwh(site, slack + mean);
        let start = cheapest_window(&costs, mean.min(costs.len())).map_or(0, |(start, _)| start.min(slack));
        Some(Booking::from(site, now.hour + start as u32, needs, size))
    }
}
