//! Policies that decide for each job by itself: the hours it is booked for, kept until they cannot be.
//!
//! In: how one job is booked. Out: a policy. Jobs that run come first, others in the order of their arrival; one that finds its hour full is
//! booked anew in the next, and one that has to run now to be in time wants to, whatever its booking says.

use crate::now::{Hour, Now};
use crate::policy::Policy;
use std::fmt;

/// The hours that a job means to run in, each with its size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Booking {
    pub(crate) site: u32,
    /// Ascending.
    pub(crate) hours: Vec<(u32, u32)>,
}

impl Booking {
    /// A run of so many hours from one on.
    pub(crate) fn from(site: u32, start: u32, hours: u32, accelerators: u32) -> Self {
        Self { site, hours: (start..start + hours).map(|hour| (hour, accelerators)).collect() }
    }
    /// The size in an hour; `None` where it pauses.
    pub(crate) fn at(&self, hour: u32) -> Option<u32> {
        self.hours.binary_search_by_key(&hour, |(hour, _)| *hour).ok().map(|at| self.hours[at].1)
    }
    /// Whether nothing is booked from an hour on.
    pub(crate) fn is_over(&self, hour: u32) -> bool {
        self.hours.last().is_none_or(|(last, _)| *last < hour)
    }
}

/// How one job is booked.
pub(crate) trait Chooser: fmt::Debug {
    /// The hours of a job from now on; `None` where it is asked again in the next hour.
    fn book(&mut self, now: &Now<'_>, hour: &Hour, job: u32) -> Option<Booking>;
    /// Whether a booking is kept until it is over or refused; else it is made anew each hour.
    fn keeps(&self, _now: &Now<'_>, _job: u32) -> bool {
        true
    }
}

/// A policy of such choices.
#[derive(Debug)]
pub(crate) struct Booked<C> {
    chooser: C,
    bookings: Vec<Option<Booking>>,
}

impl<C: Chooser> Booked<C> {
    pub(crate) fn new(chooser: C) -> Self {
        Self { chooser, bookings: Vec::new() }
    }
}

impl<C: Chooser> Policy for Booked<C> {
    fn fill(&mut self, now: &Now<'_>, hour: &mut Hour) {
        self.bookings.resize(now.states.len(), None);
        // Who runs goes on before others begin: nobody is put out of his place.
        let ran = |job: &&u32| now.state(**job).held > 0;
        let order = now.waiting.iter().filter(ran).chain(now.waiting.iter().filter(|job| !ran(job)));
        for &job in order {
            if hour.has(job) {
                continue;
            }
            let booking = &mut self.bookings[job as usize];
            if booking.as_ref().is_none_or(|held| held.is_over(now.hour)) || !self.chooser.keeps(now, job) {
                *booking = self.chooser.book(now, hour, job);
            }
            let Some(held) = booking else { continue };
            let pressed = now.is_pressed(job, held.site).then(|| now.job(job).accelerators);
            let Some(size) = held.at(now.hour).max(pressed) else { continue };
            if !hour.run(now, job, held.site, size) {
                *booking = None;
            }
        }
    }
}
