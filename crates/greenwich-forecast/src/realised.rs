//! What plans on past forecasts would have got of the saving that was there.
//!
//! In: a forecaster's record: what it would have foretold on each of the last days by coefficients that had not seen
//! them. Out: for a run of so many hours in a window of so many, the share of the best start's saving over a start at
//! random. Days of which an hour is not known are left out.

use crate::levels::Levels;

/// What waiting would have gained on the days of the record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Realised {
    /// Days that were judged.
    pub days: usize,
    /// What the best starts would have saved over starts at random, as a fraction of the latter.
    pub oracle_saving: f64,
    /// The part of that saving that starts chosen by the forecasts of the day got; below nought where they lost.
    pub share: f64,
}

/// Fewer days tell too little.
const LEAST_DAYS: usize = 20;

/// Judges a record: origins with the levels that were foretold from there.
pub(crate) fn realised(levels: &Levels, record: &[(usize, Vec<f64>)], run: usize, window: usize) -> Option<Realised> {
    if run == 0 || run >= window {
        return None;
    }
    let (mut days, mut random, mut saved, mut oracle) = (0, 0.0, 0.0, 0.0);
    for (origin, ahead) in record {
        let past = origin + window;
        if ahead.len() < window || past > levels.x.len() || levels.known(*origin, past) < window {
            continue;
        }
        let means = |levels_of: &[f64]| -> Vec<f64> {
            let g: Vec<f64> = levels_of.iter().map(|level| levels.g_per_kwh(*level)).collect();
            g.windows(run).map(|hours| hours.iter().sum::<f64>() / run as f64).collect()
        };
        let (came, told) = (means(&levels.x[*origin..past]), means(&ahead[..window]));
        let least = |of: &[f64]| (0..of.len()).min_by(|a, b| of[*a].total_cmp(&of[*b])).expect("one start at least");
        let mean = came.iter().sum::<f64>() / came.len() as f64;
        days += 1;
        random += mean;
        saved += mean - came[least(&told)];
        oracle += mean - came[least(&came)];
    }
    (days >= LEAST_DAYS && oracle > 1e-6 * random).then(|| Realised {
        days,
        oracle_saving: oracle / random,
        share: saved / oracle,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::levels::LAGS;
    use greenwich_core::Signal;

    /// Days of 24 hours, the cleanest of which wanders.
    fn levels() -> Levels {
        let value = |hour: usize| if hour % 24 == hour / 24 * 7 % 20 { 100.0 } else { 200.0 };
        let values: Vec<Option<f64>> = (0..60 * 24).map(|hour| Some(value(hour))).collect();
        let start = "2022-01-03T00:00:00Z".parse().expect("a stamp");
        Levels::new(&History::hourly("FR".into(), Signal::Lifecycle, start, &values), 1_000_000).expect("known")
    }

    fn record(levels: &Levels, foretell: impl Fn(usize) -> Vec<f64>) -> Vec<(usize, Vec<f64>)> {
        (0..50)
            .map(|day| LAGS + 24 * day)
            .filter(|origin| origin + 24 <= levels.x.len())
            .map(|at| (at, foretell(at)))
            .collect()
    }

    #[test]
    fn who_knows_the_future_gets_all_and_who_knows_nothing_gets_none() {
        let levels = levels();
        let knows = record(&levels, |origin| levels.x[origin..origin + 24].to_vec());
        let all = realised(&levels, &knows, 1, 24).expect("fifty days");
        assert!((all.share - 1.0).abs() < 1e-12 && all.days == 50);
        // One hour of 24 has half: the mean is 195.83.
        assert!((all.oracle_saving - (1.0 - 100.0 / (4700.0 / 24.0))).abs() < 1e-9);
        let same = record(&levels, |_| vec![0.0; 24]);
        let nothing = realised(&levels, &same, 1, 24).expect("fifty days");
        assert!(nothing.share < 0.1, "{}", nothing.share);
    }

    #[test]
    fn too_short_a_record_or_window_tells_nothing() {
        let levels = levels();
        let knows = record(&levels, |origin| levels.x[origin..origin + 24].to_vec());
        assert_eq!(realised(&levels, &knows[..10], 1, 24), None);
        assert_eq!(realised(&levels, &knows, 24, 24), None);
        assert_eq!(realised(&levels, &knows, 1, 48), None);
    }
}
