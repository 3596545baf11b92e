//! Trees on what the core leaves over, used only where they won on the zone's own past.
//!
//! In: medians as they would have been issued, and what came. Out: a correction by hour ahead, or none. Features have no
//! level: all are departures from the last week, so that trees cannot fail where a zone's level drifts. Trees are
//! grown on the older part of the record, judged on its last two months, and grown again on all of it if they won.

use crate::blend::week_shape;
use crate::levels::{Levels, WEEK};
use crate::trees::{Row, Trees};

const FEATURES: usize = 10;
const DAY: usize = 24;
/// The last days of the record, on which trees are judged.
const JUDGED_DAYS: usize = 60;
/// Days of record before these, at least.
const LEAST_DAYS: usize = 90;
/// Trees win by at least this part of the absolute error, and in each of the two months.
const CLEARLY: f64 = 0.015;
const COUNTS: [usize; 3] = [20, 50, 100];

/// Corrections that won.
#[derive(Debug, Clone)]
pub(crate) struct Boost {
    trees: Trees,
    count: usize,
}

impl Boost {
    /// Grows trees on a record of medians by origin, oldest first, a day apart. Where they win, the medians of the days
    /// they were judged on become those that trees would have issued.
    pub(crate) fn won(levels: &Levels, record: &mut [(usize, Vec<f64>)]) -> Option<Self> {
        let judged_from = record.len().checked_sub(JUDGED_DAYS).filter(|days| *days >= LEAST_DAYS)?;
        let horizon = record[0].1.len();
        let first_judged = record[judged_from].0;
        let older = learn(levels, &record[..judged_from], first_judged, *COUNTS.last().expect("three counts"))?;
        let mut halves = [[0.0; COUNTS.len() + 1]; 2];
        for (day, (origin, ahead)) in record[judged_from..].iter().enumerate() {
            let sums = &mut halves[2 * day / JUDGED_DAYS];
            let rows = features(levels, *origin, ahead);
            for lead in (0..horizon).filter(|lead| seen(levels, origin + lead, levels.x.len())) {
                let error = levels.x[origin + lead] - ahead[lead];
                sums[0] += error.abs();
                for (sum, count) in sums[1..].iter_mut().zip(COUNTS) {
                    *sum += (error - older.value(&rows[lead], count)).abs();
                }
            }
        }
        let whole = |at: usize| halves[0][at] + halves[1][at];
        let least = (0..COUNTS.len()).min_by(|one, other| whole(one + 1).total_cmp(&whole(other + 1)))?;
        let wins_each = halves.iter().all(|sums| sums[least + 1] < sums[0]);
        if !wins_each || whole(least + 1) > whole(0) * (1.0 - CLEARLY) {
            return None;
        }
        let count = COUNTS[least];
        let trees = learn(levels, record, levels.x.len(), count)?;
        let older = Self { trees: older, count };
        for (origin, ahead) in &mut record[judged_from..] {
            older.correct(levels, *origin, ahead);
        }
        Some(Self { trees, count })
    }

    /// Corrects the medians issued at an origin.
    pub(crate) fn correct(&self, levels: &Levels, origin: usize, ahead: &mut [f64]) {
        let rows = features(levels, origin, ahead);
        for (level, row) in ahead.iter_mut().zip(rows) {
            *level += self.trees.value(&row, self.count);
        }
    }
}

fn seen(levels: &Levels, at: usize, end: usize) -> bool {
    at < end && levels.is_known(at)
}

/// Trees on the errors of medians whose hour had passed before `end`.
fn learn(levels: &Levels, record: &[(usize, Vec<f64>)], end: usize, count: usize) -> Option<Trees> {
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (origin, ahead) in record {
        for (lead, row) in features(levels, *origin, ahead).into_iter().enumerate() {
            if seen(levels, origin + lead, end) {
                rows.push(row);
                errors.push(levels.x[origin + lead] - ahead[lead]);
            }
        }
    }
    if rows.is_empty() {
        return None;
    }
    // A storm counts as a bad day and no more: errors are cut at three times their usual size.
    let usual = 3.0 * errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
    for error in &mut errors {
        *error = error.clamp(-usual, usual);
    }
    Some(Trees::grow(&rows, &errors, count))
}

/// What trees see of each hour ahead.
fn features(levels: &Levels, origin: usize, ahead: &[f64]) -> Vec<Row<FEATURES>> {
    let week = levels.week(origin);
    let shape = week_shape(levels, origin);
    let last_day = &levels.x[origin - DAY..origin];
    let mean_of_last_day = last_day.iter().sum::<f64>() / DAY as f64 - week;
    let surprise = levels.x[origin - 1] - shape[DAY - 1];
    let hour_of_week = levels.hour(origin).rem_euclid(WEEK as i64) as usize;
    let means: Vec<f64> = ahead.chunks(DAY).map(|day| day.iter().sum::<f64>() / day.len() as f64 - week).collect();
    let row = |(lead, level): (usize, &f64)| {
        let hour = lead % DAY;
        [
            lead as f64,
            ((hour_of_week + lead) % DAY) as f64,
            ((hour_of_week + lead) % WEEK / DAY) as f64,
            level - week,
            level - shape[hour],
            shape[hour] - week,
            last_day[hour] - week,
            mean_of_last_day,
            surprise,
            means[lead / DAY],
        ]
    };
    ahead.iter().enumerate().map(row).collect()
}
