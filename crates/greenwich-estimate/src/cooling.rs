//! What a site draws and drinks as the weather changes: curves over the outside temperature.
//!
//! In: points that an operator knows of a site, temperature and humidity by value. Out: the PUE or the site water of
//! an hour. Between two points a curve is a straight line; beyond its ends it stays at the last point, and says that
//! it does. Where temperatures are from is for others to know.

/// A curve over the outside temperature: straight between points, level beyond the first and the last.
///
/// ```
/// use greenwich_estimate::cooling::Curve;
/// let pue = Curve::new(vec![(-10.0, 1.08), (20.0, 1.12), (35.0, 1.30)])?;
/// assert!((pue.at(27.5) - 1.21).abs() < 1e-12);
/// assert_eq!((pue.at(40.0), pue.is_beyond(40.0)), (1.30, true));
/// # Ok::<(), greenwich_estimate::cooling::CurveError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Temperature in °C and value, ascending in temperature; two or more.
    points: Vec<(f64, f64)>,
}

/// Why points are no curve.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CurveError {
    /// A line needs two points.
    #[error("{found} points, a curve has two or more")]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// Temperatures that do not ascend.
    #[error("{after_c} °C comes after {before_c} °C")]
    NotAscending {
        /// A point's temperature.
        before_c: f64,
        /// That of the point after it.
        after_c: f64,
    },
}

impl Curve {
    /// Makes a curve of points (temperature in °C, value), ascending in temperature.
    ///
    /// # Errors
    /// [`CurveError`] for fewer than two points and for temperatures that do not ascend.
    pub fn new(points: Vec<(f64, f64)>) -> Result<Self, CurveError> {
        if points.len() < 2 {
            return Err(CurveError::TooFew { found: points.len() });
        }
        let ascends = |pair: &&[(f64, f64)]| pair[0].0 < pair[1].0;
        match points.windows(2).find(|pair| !ascends(pair)) {
            Some(pair) => Err(CurveError::NotAscending { before_c: pair[0].0, after_c: pair[1].0 }),
            None => Ok(Self { points }),
        }
    }
    /// The points, ascending in temperature: °C and value.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
    /// The value at a temperature in °C.
    pub fn at(&self, temperature_c: f64) -> f64 {
        let above = self.points.partition_point(|(at, _)| *at <= temperature_c);
        match (above.checked_sub(1).map(|below| self.points[below]), self.points.get(above)) {
            (Some((cool, low)), Some((warm, high))) => low + (high - low) * (temperature_c - cool) / (warm - cool),
            (Some((_, last)), None) => last,
            (None, _) => self.points[0].1,
        }
    }
    /// Whether a temperature in °C lies beyond the points, so that the nearest one's value stands in.
    pub fn is_beyond(&self, temperature_c: f64) -> bool {
        temperature_c < self.points[0].0 || temperature_c > self.points[self.points.len() - 1].0
    }
}

/// The wet-bulb temperature in °C of air at sea level, from its dry-bulb temperature in °C and relative humidity in
/// per cent: what cooling towers and evaporative coolers work against. Humidity outside 5 to 99 % counts as its end.
///
/// Tw = T·atan(0.151977·(RH + 8.313659)^½) + atan(T + RH) − atan(RH − 1.676331)
///    + 0.00391838·RH^(3/2)·atan(0.023101·RH) − 4.686035
///
/// It errs by −1 to +0.65 °C between −20 and 50 °C; cold and dry air is worse.
///
/// # Sources
/// Stull, "Wet-Bulb Temperature from Relative Humidity and Air Temperature", Journal of Applied Meteorology and
/// Climatology 50 (2011) 2267, equation 1.
pub fn wet_bulb_c(temperature_c: f64, relative_humidity_pct: f64) -> f64 {
    let (t, rh) = (temperature_c, relative_humidity_pct.clamp(5.0, 99.0));
    let wet = t * (0.151_977 * (rh + 8.313_659).sqrt()).atan() + (t + rh).atan() - (rh - 1.676_331).atan()
        + 0.003_918_38 * rh.powf(1.5) * (0.023_101 * rh).atan()
        - 4.686_035;
    // Water that evaporates never warms; the fit does by some tenths near saturation.
    wet.min(t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_papers_own_example_comes_out() {
        // Stull 2011, section 4: 20 °C at 50 % has a wet bulb of 13.7 °C.
        assert!((wet_bulb_c(20.0, 50.0) - 13.7).abs() < 0.05, "{}", wet_bulb_c(20.0, 50.0));
        assert!((wet_bulb_c(35.0, 100.0) - 35.0).abs() < 0.3);
    }

    #[test]
    fn points_that_are_no_curve_are_refused() {
        assert_eq!(Curve::new(vec![(1.0, 1.1)]), Err(CurveError::TooFew { found: 1 }));
        let twice = Curve::new(vec![(1.0, 1.1), (1.0, 1.2)]);
        assert_eq!(twice, Err(CurveError::NotAscending { before_c: 1.0, after_c: 1.0 }));
        assert!(Curve::new(vec![(f64::NAN, 1.1), (1.0, 1.2)]).is_err());
    }

    proptest! {
        #[test]
        fn a_curve_stays_between_its_points(
            steps in prop::collection::vec((0.1..20.0f64, 1.0..2.0f64), 2..8),
            at in -100.0..200.0f64,
        ) {
            let mut temperature_c = -40.0;
            let points: Vec<(f64, f64)> = steps.iter().map(|(step, value)| {
                temperature_c += step;
                (temperature_c, *value)
            }).collect();
            let curve = Curve::new(points.clone()).expect("ascending");
            let value = curve.at(at);
            let least = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
            let most = points.iter().map(|point| point.1).fold(0.0, f64::max);
            prop_assert!((least - 1e-12..=most + 1e-12).contains(&value));
            for (point_c, at_point) in points {
                prop_assert!((curve.at(point_c) - at_point).abs() < 1e-12);
            }
        }

        #[test]
        fn evaporation_never_warms_and_damp_air_cools_less(t in 5.0..45.0f64, rh in 10.0..90.0f64) {
            prop_assert!(wet_bulb_c(t, rh) <= t);
            prop_assert!(wet_bulb_c(t, rh + 5.0) >= wet_bulb_c(t, rh) - 0.05);
        }
    }
}
