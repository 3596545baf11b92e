//! Wait awhile (Wiesner et al., Middleware 2021): the cleanest start, or the cleanest hours, before the deadline.
//!
//! In: a job that waits. Out: its hours at home, chosen once, on its arrival.

use crate::now::{Hour, Now};
use crate::policy::booked::{Booking, Chooser};
use crate::search::{cheapest_hours, cheapest_window};

/// Whether jobs that may pause do.
#[derive(Debug)]
pub(crate) struct WaitAwhile {
    pub(crate) interrupts: bool,
}

impl Chooser for WaitAwhile {
    fn book(&mut self, now: &Now<'_>, _hour: &Hour, job: u32) -> Option<Booking> {
        let site = now.home_of(job)?;
        let (needs, size) = (now.needs(job, site), now.job(job).accelerators);
        let costs = now.ahead().facility_g_per_kwh(site, now.window(job) as usize);
        let pauses = self.interrupts && now.job(job).interruptible;
        let hours = if pauses {
            cheapest_hours(&costs, needs as usize)
        } else {
            cheapest_window(&costs, needs as usize).map(|(start, _)| (start..start + needs as usize).collect())
        };
        Some(match hours {
            Some(hours) => {
                Booking { site, hours: hours.into_iter().map(|hour| (now.hour + hour as u32, size)).collect() }
            }
            // Its window is too short, or longer than what is foretold: it runs as it comes.
            None => Booking::from(site, now.hour, needs, size),
        })
    }
}
