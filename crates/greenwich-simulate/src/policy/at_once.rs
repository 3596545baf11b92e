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
        let home = now.home_of(job)?;
        Some(Booking::from(home, now.hour, now.needs(job, home), now.job(job).accelerators))
    }
}

/// On the cleanest of the sites that have room now.
#[derive(Debug)]
pub(crate) struct CheapestRegion;

impl Chooser for CheapestRegion {
    fn book(&mut self, now: &Now<'_>, hour: &Hour, job: u32) -> Option<Booking> {
        let size = now.job(job).accelerators;
        let ahead = now.ahead();
        let grams = |site: u32| {
            let costs = ahead.facility_g_per_kwh(site, now.needs(job, site) as usize);
            let mean = costs.iter().sum::<f64>() / costs.len().max(1) as f64;
            mean * now.left_at(job, site) * now.power(job, site).kw()
        };
        let open = now.sites_of(job).into_iter().filter(|site| hour.free(*site) >= size);
        let (site, _) = open.map(|site| (site, grams(site))).min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Booking::from(site, now.hour, now.needs(job, site), size))
    }
}
