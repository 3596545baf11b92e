//! CarbonScaler's greedy (Hanafy et al., SIGMETRICS 2024) for elastic jobs, at home: accelerators where work per gram is best.
//!
//! In: a job that waits. Out: sizes hour by hour, made anew each hour for what is left, as its authors do when forecasts
//! change. Jobs that are not elastic go as in wait-awhile.

use crate::now::{Hour, Now};
use crate::policy::booked::{Booking, Chooser};
use crate::policy::wait_awhile::WaitAwhile;
use crate::search::greedy_sizes;

#[derive(Debug)]
pub(crate) struct CarbonScaler;

impl Chooser for CarbonScaler {
    fn book(&mut self, now: &Now<'_>, hour: &Hour, job: u32) -> Option<Booking> {
        if !now.is_elastic(job) {
            return WaitAwhile { interrupts: true }.book(now, hour, job);
        }
        let site = now.home_of(job)?;
        let curve = now.curve(job, site);
        let costs = now.ahead().facility_g_per_kwh(site, now.window(job) as usize);
        // A size for which there is no room now would only be refused.
        let first: Vec<(u32, f64)> = curve.iter().copied().filter(|(size, _)| *size <= hour.free(site)).collect();
        let sizes = greedy_sizes(&costs, &curve, now.state(job).left_h)?;
        let hours = sizes.into_iter().zip(now.hour..).map(|(size, at)| {
            let size = if at == now.hour {
                first.iter().map(|(fits, _)| *fits).filter(|fits| *fits <= size).max().unwrap_or(0)
            } else {
                size
            };
            (at, size)
        });
        Some(Booking { site, hours: hours.filter(|(_, size)| *size > 0).collect() })
    }

    fn keeps(&self, now: &Now<'_>, job: u32) -> bool {
        !now.is_elastic(job)
    }
}
