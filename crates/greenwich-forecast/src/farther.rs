//! Beyond the reach of coefficients: the mean day of what was foretold last.
//!
//! In: a forecast of a week. Out: the same with more hours, each the mean of its hour of the day over the last four
//! days foretold, in bands that widen. It knows day from night and the level of the zone, and tells no day from another.

use crate::error::ForecastError;
use crate::forecaster::{Forecast, Point};
use jiff::SignedDuration;

/// The farthest hour ahead that is spoken of: sixty days, and a week by which a history may lag. Then the season moves.
pub const FARTHEST_HOURS: usize = 67 * DAY;
const DAY: usize = 24;
/// Days whose mean goes on.
const MEAN_DAYS: usize = 4;
/// By how much of its width a band widens for each factor e that a lead is beyond the last one foretold.
const WIDENS: f64 = 0.35;

impl Forecast {
    /// The forecast with as many points; fewer than it has are cut.
    ///
    /// # Errors
    /// [`ForecastError::Horizon`] beyond [`FARTHEST_HOURS`].
    pub fn reaching(mut self, hours: usize) -> Result<Self, ForecastError> {
        if !(1..=FARTHEST_HOURS).contains(&hours) {
            return Err(ForecastError::Horizon { hours, most: FARTHEST_HOURS });
        }
        let foretold = self.points.len();
        let days = (foretold / DAY).min(MEAN_DAYS);
        for lead in foretold..hours {
            let before: Vec<Point> = if days == 0 {
                vec![self.points[foretold - 1]]
            } else {
                let ago = |day: usize| self.points[foretold - DAY * day + (lead - foretold) % DAY];
                (1..=days).map(ago).collect()
            };
            let point = mean(&before, 1.0 + WIDENS * ((lead + 1) as f64 / foretold as f64).ln());
            let start = self.points[foretold - 1].start + SignedDuration::from_hours((lead + 1 - foretold) as i64);
            self.points.push(Point { start, ..point });
        }
        self.points.truncate(hours);
        Ok(self)
    }
}

/// The mean median, and the widest band by its ratio to the median, `wider`.
fn mean(points: &[Point], wider: f64) -> Point {
    let p50 = points.iter().map(|point| point.p50_g_per_kwh).sum::<f64>() / points.len() as f64;
    let ratio = |edge: fn(&Point) -> f64| points.iter().map(move |point| edge(point) / point.p50_g_per_kwh);
    let low = ratio(|point| point.p5_g_per_kwh).fold(1.0, f64::min);
    let high = ratio(|point| point.p95_g_per_kwh).fold(1.0, f64::max);
    // Medians of nought have no ratio; such a zone is foretold as it is.
    let band = |ratio: f64| if ratio.is_finite() { p50 * ratio.powf(wider) } else { p50 };
    Point { start: points[0].start, p5_g_per_kwh: band(low), p50_g_per_kwh: p50, p95_g_per_kwh: band(high) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Forecaster, History, Prior, Settings};
    use greenwich_core::Signal;

    fn forecast(hours: usize) -> Forecast {
        let values: Vec<Option<f64>> = (0..2400_u32)
            .map(|hour| {
                Some(300.0 + 50.0 * f64::from(hour % 24 / 12) + f64::from(hour.wrapping_mul(2_654_435_761) >> 27))
            })
            .collect();
        let start = "2022-01-03T00:00:00Z".parse().expect("a stamp");
        let history = History::hourly("FR".into(), Signal::Lifecycle, start, &values);
        let prior = Prior::shipped();
        let settings = Settings::validated(hours, &prior);
        Forecaster::fit(&history, history.end(), settings).expect("known").forecast()
    }

    #[test]
    fn farther_hours_keep_the_day_and_their_bands_widen() {
        let week = forecast(168);
        let far = week.clone().reaching(336).expect("within reach");
        assert_eq!(far.points[..168], week.points);
        let width = |lead: usize| far.points[lead].p95_g_per_kwh / far.points[lead].p5_g_per_kwh;
        for lead in 168..336 {
            let [before, point] = [far.points[lead - 1], far.points[lead]];
            assert_eq!(point.start, before.start + SignedDuration::from_hours(1));
            let day = (1..5).map(|day| far.points[168 - 24 * day + (lead - 168) % 24].p50_g_per_kwh);
            assert!((point.p50_g_per_kwh - day.sum::<f64>() / 4.0).abs() < 1e-9, "{lead}");
            assert!(width(lead) > width(144 + lead % 24), "{lead}");
        }
    }

    #[test]
    fn a_short_forecast_can_be_reached_beyond_too() {
        assert_eq!(forecast(5).reaching(40).expect("within reach").points.len(), 40);
        assert_eq!(forecast(30).reaching(3).expect("within reach").points.len(), 3);
        assert!(matches!(forecast(24).reaching(1609), Err(ForecastError::Horizon { hours: 1609, most: 1608 })));
    }
}
