//! The rungs that need no fitting, and the yardsticks that any forecast has to beat.
//!
//! In: hourly values that had ended by an hour. Out: values of the next hours. Each is in g/kWh and says nothing where
//! it has not a day (or week) to go by.

use crate::history::History;

/// A forecast without a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naive {
    /// The same hour of the last day.
    LastDay,
    /// The same hour a week before.
    LastWeek,
    /// The mean of the same hour over the last seven days.
    WeekMean,
    /// The same hour of past days, each day counting 0.7 of the day after it, over four weeks.
    Ewma,
}

/// How much of a day's weight the day before it keeps.
const KEEPS: f64 = 0.7;
const EWMA_DAYS: i64 = 28;

impl Naive {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LastDay, Self::LastWeek, Self::WeekMean, Self::Ewma];

    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LastDay => "last day",
            Self::LastWeek => "last week",
            Self::WeekMean => "week mean",
            Self::Ewma => "EWMA",
        }
    }

    /// gCO2e/kWh of the hour `lead` hours after `issue_hour`, or `None` where no past hour tells.
    pub(crate) fn ahead(self, history: &History, issue_hour: i64, lead: usize) -> Option<f64> {
        // The hour of the day asked for, on the last day that has ended.
        let last = issue_hour - 24 + lead as i64 % 24;
        let day = |back: i64| Some(history.value(last - 24 * back)).filter(|value| !value.is_nan());
        let mean = |days: i64, weight: fn(i64) -> f64| {
            let known = (0..days).filter_map(|back| Some((weight(back), day(back)?)));
            let (whole, sum) =
                known.fold((0.0, 0.0), |(whole, sum), (weight, value)| (whole + weight, sum + weight * value));
            (whole > 0.0).then(|| sum / whole)
        };
        match self {
            Self::LastDay => (0..7).find_map(day),
            Self::LastWeek => Some(history.value(issue_hour - 168 + lead as i64 % 168)).filter(|value| !value.is_nan()),
            Self::WeekMean => mean(7, |_| 1.0),
            Self::Ewma => mean(EWMA_DAYS, |back| KEEPS.powi(back as i32)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_core::Signal;

    #[test]
    fn each_yardstick_reads_the_past_that_it_names() {
        // Day d holds 100·d + hour.
        let values: Vec<Option<f64>> = (0..240).map(|hour| Some(f64::from(hour / 24 * 100 + hour % 24))).collect();
        let start = "2022-01-01T00:00:00Z".parse().expect("a stamp");
        let history = History::hourly("FR".into(), Signal::Lifecycle, start, &values);
        let now = history.end_hour();
        assert_eq!(Naive::LastDay.ahead(&history, now, 5), Some(905.0));
        assert_eq!(Naive::LastDay.ahead(&history, now, 53), Some(905.0));
        assert_eq!(Naive::LastWeek.ahead(&history, now, 29), Some(405.0));
        assert_eq!(Naive::WeekMean.ahead(&history, now, 5), Some(605.0));
        let ewma = Naive::Ewma.ahead(&history, now, 5).expect("days are known");
        assert!((600.0..900.0).contains(&ewma));
        assert_eq!(Naive::WeekMean.ahead(&history, history.start_hour(), 5), None);
    }
}
