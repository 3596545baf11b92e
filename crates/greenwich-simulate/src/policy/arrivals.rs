//! Jobs that are expected: what came in the same hours of the last week comes again.
//!
//! In: jobs as they arrive. Out: for the hours to come, jobs like those of the past, each with the hour of its arrival. Before a
//! week is seen the last whole days come again; before a day is seen nobody is expected. Nothing else is known of what comes.

use crate::now::Now;

const DAY_H: u32 = 24;
const WEEK_H: u32 = 168;

/// A job that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Hours from now until it arrives.
    pub(crate) ahead: u32,
    /// The job of the past that it is like.
    pub(crate) like: u32,
}

/// Jobs as they came.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    is_known: Vec<bool>,
    /// Hour and job, in the order of arrival.
    came: Vec<(u32, u32)>,
}

impl Arrivals {
    /// Notes who is new.
    pub(crate) fn note(&mut self, now: &Now<'_>) {
        self.is_known.resize(now.states.len(), false);
        for &job in now.waiting {
            if !std::mem::replace(&mut self.is_known[job as usize], true) {
                self.came.push((now.hour, job));
            }
        }
    }

    /// Who is expected within so many hours.
    pub(crate) fn expected(&self, hour: u32, within: u32) -> Vec<Expected> {
        let seen = hour + 1;
        let period = (seen - seen % DAY_H).min(WEEK_H);
        if period == 0 {
            return Vec::new();
        }
        let first = self.came.partition_point(|(came, _)| came + period <= hour);
        let again = |turn: u32| {
            let of = move |(came, like): &(u32, u32)| Expected { ahead: came + turn * period - hour, like: *like };
            self.came[first..].iter().map(of)
        };
        (1..=within.div_ceil(period)).flat_map(again).filter(|expected| expected.ahead <= within).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(came: &[(u32, u32)], hour: u32, within: u32) -> Vec<(u32, u32)> {
        let arrivals = Arrivals { is_known: Vec::new(), came: came.to_vec() };
        arrivals.expected(hour, within).into_iter().map(|expected| (expected.ahead, expected.like)).collect()
    }

    #[test]
    fn what_came_a_week_ago_comes_again() {
        let came = [(2, 0), (30, 1), (31, 2), (170, 3), (195, 4)];
        // At hour 197 hours 198 and 199 are those of 30 and 31; what came at 2 lies further back than a week.
        assert_eq!(told(&came, 197, 10), [(1, 1), (2, 2)]);
        assert_eq!(told(&came, 197, 160), [(1, 1), (2, 2), (141, 3)]);
    }

    #[test]
    fn before_a_week_whole_days_come_again_and_before_a_day_nobody() {
        let came = [(2, 0), (30, 1)];
        // 50 h are seen, of which the last 48 come again; hour 51 is like hour 3.
        assert_eq!(told(&came, 49, 30), [(1, 0), (29, 1)]);
        assert_eq!(told(&came[..1], 22, 9), []);
        assert_eq!(told(&came[..1], 23, 9), [(3, 0)]);
    }
}
