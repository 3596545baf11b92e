//! Run at once: at home, or where it is cleanest of the sites that have room.
//!
//! In: a job that waits. Out: a booking from this hour on.

use crate::now::{Hour, Now};
use crate::policy::booked::{Booking, Chooser};

/// At home, as soon as there is room.
#[derive(Debug)]
pub(crate) struct AtOnce;

impl Chooser for AtOnce {
    fn book(&mut self, now: &Now<'_>, _hour: &Hour, job: u32) -> Option<Booking> {
        Some(Booking::from(now.home_of(job)?, now.hour, now.needs(job), now.job(job).accelerators))
    }
}

/// On the cleanest of the sites that have room now.
#[derive(Debug)]
pub(crate) struct CheapestRegion;

impl Chooser for CheapestRegion {
    fn book(&mut self, now: &Now<'_>, hour: &Hour, job: u32) -> Option<Booking> {
        let (needs, size) = (now.needs(job), now.job(job).accelerators);
        let ahead = now.ahead();
        let mean = |site: u32| {
            let costs = ahead.facility_g_per_kwh(site, needs as usize);
            costs.iter().sum::<f64>() / costs.len().max(1) as f64
        };
        let open = now.sites_of(job).into_iter().filter(|site| hour.free(*site) >= size);
        let (site, _) = open.map(|site| (site, mean(site))).min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Booking::from(site, now.hour, needs, size))
    }
}
