//! How much of the last week's shape goes into the median, told by the past alone.
//!
//! In: forecasts of the core and of the shape as they would have been made, and what came. Out: a share by lead day. A
//! share that does not win clearly is nought.

use crate::levels::{Levels, WEEK};

/// Shares that are tried.
const STEP: f64 = 0.1;
const STEPS: usize = 6;
/// A share wins by at least this part of the absolute error.
const CLEARLY: f64 = 0.005;
const DAY: usize = 24;
/// Fewer days than these tell nothing.
const LEAST_DAYS: usize = 20;

/// The mean level of each hour of the day over the last week.
pub(crate) fn week_shape(levels: &Levels, origin: usize) -> [f64; DAY] {
    let mut shape = [0.0; DAY];
    for (at, level) in levels.x[origin - WEEK..origin].iter().enumerate() {
        shape[at % DAY] += level / 7.0;
    }
    shape
}

/// The share of the shape in each lead day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shares(Vec<f64>);

impl Shares {
    /// The shares that would have been best for past forecasts, each by its origin.
    pub(crate) fn of(levels: &Levels, past: &[(usize, Vec<f64>)]) -> Self {
        let horizon = past.first().map_or(0, |(_, ahead)| ahead.len());
        let best = |day: usize| {
            let mut sums = [0.0; STEPS];
            let mut days = 0;
            for (origin, ahead) in past {
                let leads = day * DAY..((day + 1) * DAY).min(horizon);
                if origin + leads.end > levels.x.len() {
                    continue;
                }
                days += 1;
                let shape = week_shape(levels, *origin);
                for lead in leads.filter(|lead| levels.is_known(origin + lead)) {
                    let (core, level) = (ahead[lead], levels.x[origin + lead]);
                    for (step, sum) in sums.iter_mut().enumerate() {
                        *sum += (core + step as f64 * STEP * (shape[lead % DAY] - core) - level).abs();
                    }
                }
            }
            let least = (0..STEPS).min_by(|one, other| sums[*one].total_cmp(&sums[*other])).unwrap_or(0);
            let wins = days >= LEAST_DAYS && sums[least] < sums[0] * (1.0 - CLEARLY);
            if wins { least as f64 * STEP } else { 0.0 }
        };
        Self((0..horizon.div_ceil(DAY)).map(best).collect())
    }

    /// Moves a core forecast towards the shape.
    pub(crate) fn apply(&self, ahead: &mut [f64], shape: &[f64; DAY]) {
        for (lead, level) in ahead.iter_mut().enumerate() {
            *level += self.0[lead / DAY] * (shape[lead % DAY] - *level);
        }
    }
}
