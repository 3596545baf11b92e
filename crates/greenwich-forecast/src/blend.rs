//! How much of what the last days looked like goes into the median, told by the past alone.
//!
//! In: forecasts of the core and of three shapes as they would have been made, and what came. Out: by lead day a shape and
//! its share. A share that does not win clearly is nought; where a zone repeats its days to the digit, the last
//! day takes all, and so does the last week where weeks repeat.

use crate::levels::{Levels, WEEK};

/// Shares are tried in tenths.
const STEPS: usize = 10;
/// A share wins by at least this part of the absolute error.
const CLEARLY: f64 = 0.005;
const DAY: usize = 24;
/// Fewer days than these tell nothing.
const LEAST_DAYS: usize = 20;

/// What the last days looked like from an origin: the mean of the week by hour, the last day, and the same hour of the
/// week before.
pub(crate) struct Shapes([[f64; WEEK]; SHAPES]);

const SHAPES: usize = 3;

impl Shapes {
    pub(crate) fn at(levels: &Levels, origin: usize) -> Self {
        let week = week_shape(levels, origin);
        Self([
            std::array::from_fn(|lead| week[lead % DAY]),
            std::array::from_fn(|lead| levels.x[origin - DAY + lead % DAY]),
            std::array::from_fn(|lead| levels.x[origin - WEEK + lead]),
        ])
    }
}

/// The mean level of each hour of the day over the last week.
pub(crate) fn week_shape(levels: &Levels, origin: usize) -> [f64; DAY] {
    let mut shape = [0.0; DAY];
    for (at, level) in levels.x[origin - WEEK..origin].iter().enumerate() {
        shape[at % DAY] += level / 7.0;
    }
    shape
}

/// Which shape, and how many tenths of it, in each lead day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shares(Vec<(usize, usize)>);

impl Shares {
    /// The shares that would have been best for past forecasts, each by its origin.
    pub(crate) fn of(levels: &Levels, past: &[(usize, Vec<f64>)], horizon: usize) -> Self {
        let shapes: Vec<Shapes> = past.iter().map(|(origin, _)| Shapes::at(levels, *origin)).collect();
        let best = |day: usize| {
            let leads = day * DAY..((day + 1) * DAY).min(horizon);
            let whole = || past.iter().zip(&shapes).filter(|((origin, _), _)| origin + leads.end <= levels.x.len());
            let error = |(shape, tenths): (usize, usize)| -> f64 {
                let share = tenths as f64 / STEPS as f64;
                let of_day = |((origin, ahead), shapes): (&(usize, Vec<f64>), &Shapes)| -> f64 {
                    let known = leads.clone().filter(|lead| levels.is_known(origin + lead));
                    known
                        .map(|lead| {
                            (mix(ahead[lead], shapes.0[shape][lead % WEEK], share) - levels.x[origin + lead]).abs()
                        })
                        .sum()
                };
                whole().map(of_day).sum()
            };
            if whole().count() < LEAST_DAYS {
                return (0, 0);
            }
            let tried = (0..SHAPES).flat_map(|shape| (1..=STEPS).map(move |tenths| (shape, tenths)));
            let errors = tried.map(|choice| (error(choice), choice));
            let (least, choice) = errors.min_by(|one, other| one.0.total_cmp(&other.0)).expect("thirty are tried");
            if least < error((0, 0)) * (1.0 - CLEARLY) { choice } else { (0, 0) }
        };
        Self((0..horizon.div_ceil(DAY)).map(best).collect())
    }

    /// Moves a core forecast towards the shapes.
    pub(crate) fn apply(&self, ahead: &mut [f64], shapes: &Shapes) {
        for (lead, level) in ahead.iter_mut().enumerate() {
            let (shape, tenths) = self.0[lead / DAY];
            *level = mix(*level, shapes.0[shape][lead % WEEK], tenths as f64 / STEPS as f64);
        }
    }
}

fn mix(core: f64, shape: f64, share: f64) -> f64 {
    (1.0 - share) * core + share * shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::levels::LAGS;
    use greenwich_core::Signal;

    #[test]
    fn the_shape_that_was_right_takes_all_and_a_core_that_was_right_keeps_all() {
        let values: Vec<Option<f64>> = (0..1200).map(|hour: i32| Some(f64::from(100 + hour % 24))).collect();
        let start = "2022-01-01T00:00:00Z".parse().expect("a stamp");
        let history = History::hourly("FR".into(), Signal::Lifecycle, start, &values);
        let levels = Levels::new(&history, history.end_hour()).expect("known hours");
        let origins = (8..45).map(|day| LAGS + 24 * day);
        let right: Vec<_> = origins.clone().map(|origin| (origin, levels.x[origin..origin + 48].to_vec())).collect();
        let wrong: Vec<_> = origins.map(|origin| (origin, vec![9.0; 48])).collect();
        let shapes = Shapes::at(&levels, LAGS + 1100);
        for (past, kept) in [(right, true), (wrong, false)] {
            let mut ahead = [5.0; 48];
            Shares::of(&levels, &past, 48).apply(&mut ahead, &shapes);
            assert_eq!(ahead[7] == 5.0, kept);
            assert!(kept || (ahead[31] - levels.x[LAGS + 1100 - 24 + 7]).abs() < 1e-9);
        }
    }
}
