//! Threshold (as in Ecovisor, ASPLOS 2023, and GAIA's suspend-resume): run while the grid is clean, else wait.
//!
//! In: a job that waits. Out: this hour, where its intensity is among the cleanest three tenths of the day ahead.

use crate::now::{Hour, Now};
use crate::policy::booked::{Booking, Chooser};

/// The share of hours that are clean enough.
const CLEAN: f64 = 0.3;
/// Hours ahead that they are a share of.
const AHEAD_H: usize = 24;

#[derive(Debug)]
pub(crate) struct Threshold;

impl Chooser for Threshold {
    fn book(&mut self, now: &Now<'_>, _hour: &Hour, job: u32) -> Option<Booking> {
        let site = now.home_of(job)?;
        let costs = now.ahead().facility_g_per_kwh(site, AHEAD_H);
        let mut sorted = costs.clone();
        sorted.sort_by(f64::total_cmp);
        let bar = sorted.get(((CLEAN * sorted.len() as f64) as usize).saturating_sub(1));
        let is_clean = costs.first().zip(bar).is_some_and(|(cost, bar)| cost <= bar);
        let hours = u32::from(is_clean || now.is_pressed(job, site));
        Some(Booking::from(site, now.hour, hours, now.job(job).accelerators))
    }

    fn keeps(&self, _now: &Now<'_>, _job: u32) -> bool {
        false
    }
}
