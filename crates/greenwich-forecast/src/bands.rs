//! Bands that hold what they say: adaptive conformal offsets around the median.
//!
//! In: errors of forecasts as they were made, day by day, each when its hours had passed. Out: for each lead an offset
//! below and one above. Offsets are quantiles of recent errors of that lead, which is that hour of the day; the
//! quantile asked for moves by lead day and side with what the issued bands really held, so that drift, storms and a
//! model that overfits all end at the coverage promised.

use crate::prior::Prior;

/// The share of hours promised below the band, and above it.
const OUTSIDE: f64 = 0.05;
/// What the quantile asked for gains or loses by a day that was wholly wrong.
const PACE: f64 = 0.06;
const RECENT_DAYS: usize = 60;
/// Errors of neighbouring hours speak for an hour too.
const NEIGHBOURS: usize = 1;
/// Days of record after which the pooled bands have no say.
const PRIOR_DAYS: f64 = 30.0;
const DAY: usize = 24;

/// A record of errors, and the offsets that it gives.
#[derive(Debug, Clone)]
pub(crate) struct Bands {
    horizon: usize,
    /// By lead, in units of the zone's spread.
    prior: Vec<[f64; 2]>,
    /// Errors by lead, oldest first; NaN where the hour was not known.
    errors: Vec<Vec<f64>>,
    /// What is asked of the quantile below and above, by lead day.
    outside: Vec<[f64; 2]>,
    /// The offsets issued each day, oldest first, until their last hour has passed.
    issued: Vec<Vec<[f64; 2]>>,
    now: Vec<[f64; 2]>,
}

impl Bands {
    pub(crate) fn new(prior: &Prior, spread: f64, horizon: usize) -> Self {
        let prior: Vec<[f64; 2]> = (0..horizon).map(|lead| prior.band(lead).map(|band| band * spread)).collect();
        let days = horizon.div_ceil(DAY);
        Self {
            horizon,
            now: prior.clone(),
            prior,
            errors: vec![Vec::new(); horizon],
            outside: vec![[OUTSIDE; 2]; days],
            issued: Vec::new(),
        }
    }

    /// The offsets of each lead, below and above, for a forecast issued now.
    pub(crate) fn offsets(&self) -> &[[f64; 2]] {
        &self.now
    }

    /// Goes on by a day. `error(days, lead)` is the error of the forecast issued `days` ago at a lead, NaN where
    /// there was none or the hour is not known.
    pub(crate) fn next_day(&mut self, error: impl Fn(usize, usize) -> f64) {
        self.issued.push(self.now.clone());
        for day in 0..self.outside.len() {
            let leads = day * DAY..((day + 1) * DAY).min(self.horizon);
            let ago = day + 1;
            let mut misses = [0.0; 2];
            let mut known = 0.0;
            for lead in leads {
                let error = error(ago, lead);
                self.errors[lead].push(error);
                let Some(issued) = self.issued.len().checked_sub(ago).map(|at| self.issued[at][lead]) else { continue };
                if !error.is_nan() {
                    known += 1.0;
                    misses[0] += f64::from(u8::from(error < issued[0]));
                    misses[1] += f64::from(u8::from(error > issued[1]));
                }
            }
            if known > 0.0 {
                for (outside, misses) in self.outside[day].iter_mut().zip(misses) {
                    *outside = (*outside + PACE * (OUTSIDE - misses / known)).clamp(-0.1, 0.3);
                }
            }
        }
        let keep = self.outside.len() + 1;
        let old = self.issued.len().saturating_sub(keep);
        self.issued.drain(..old);
        self.now = (0..self.horizon).map(|lead| self.offset(lead)).collect();
    }

    fn offset(&self, lead: usize) -> [f64; 2] {
        let day = lead / DAY;
        let (first, past) = (day * DAY, ((day + 1) * DAY).min(self.horizon));
        let mut recent = Vec::with_capacity(RECENT_DAYS * (2 * NEIGHBOURS + 1));
        for lead in lead.saturating_sub(NEIGHBOURS).max(first)..(lead + NEIGHBOURS + 1).min(past) {
            let errors = &self.errors[lead];
            recent.extend(errors[errors.len().saturating_sub(RECENT_DAYS)..].iter().filter(|error| !error.is_nan()));
        }
        let days = recent.len() as f64 / (2 * NEIGHBOURS + 1) as f64;
        let own = (days / PRIOR_DAYS).min(1.0);
        let [low, high] = self.outside[day];
        let below = quantile(&mut recent, low);
        let above = quantile(&mut recent, 1.0 - high);
        let prior = self.prior[lead];
        [(own * below + (1.0 - own) * prior[0]).min(0.0), (own * above + (1.0 - own) * prior[1]).max(0.0)]
    }
}

/// The quantile of errors; a share beyond the ends goes on outside in proportion.
fn quantile(errors: &mut [f64], share: f64) -> f64 {
    if errors.is_empty() {
        return 0.0;
    }
    let last = errors.len() - 1;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (at, part) = (place.floor() as usize, place.fract());
    let (_, low, rest) = errors.select_nth_unstable_by(at, f64::total_cmp);
    let low = *low;
    let high = rest.iter().copied().fold(f64::INFINITY, f64::min);
    let inside = if part > 0.0 { low + part * (high - low) } else { low };
    let beyond = (share - share.clamp(0.0, 1.0)).abs();
    inside * (1.0 + 10.0 * beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(at: usize) -> f64 {
        let bits = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((bits ^ (bits >> 32)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    /// The share of hours of the last 200 of 400 days that the bands held, where errors are `size(day)` wide.
    fn held(size: impl Fn(usize) -> f64) -> f64 {
        let mut bands = Bands::new(&Prior::none(), 1.0, 48);
        let error = |day: usize, lead: usize| size(day) * noise(day * 48 + lead);
        let (mut held, mut all) = (0.0, 0.0);
        for today in 0..400 {
            if today >= 200 {
                for (lead, [low, high]) in bands.offsets().iter().enumerate() {
                    held += f64::from(u8::from((*low..=*high).contains(&error(today, lead))));
                    all += 1.0;
                }
            }
            bands.next_day(|ago, lead| (today + 1).checked_sub(ago).map_or(f64::NAN, |day| error(day, lead)));
        }
        held / all
    }

    #[test]
    fn ninety_in_a_hundred_hours_are_held_even_where_errors_grow() {
        for (name, share) in [
            ("steady", held(|_| 0.2)),
            ("three times wider at day 250", held(|day| if day < 250 { 0.1 } else { 0.3 })),
            ("ever wider", held(|day| 0.001 * (day + 1) as f64)),
        ] {
            assert!((0.87..=0.93).contains(&share), "{name}: {share}");
        }
    }

    #[test]
    fn without_a_record_the_pooled_bands_stand() {
        let bands = Bands::new(&Prior::shipped(), 0.2, 24);
        let [low, high] = bands.offsets()[3];
        assert!(low < 0.0 && high > 0.0);
        assert!((high - 0.2 * Prior::shipped().band(3)[1]).abs() < 1e-12);
    }

    #[test]
    fn quantiles_lie_between_neighbours_and_go_on_outside() {
        let mut errors = [3.0, 1.0, 2.0, 5.0, 4.0];
        assert_eq!(quantile(&mut errors, 0.5), 3.0);
        assert_eq!(quantile(&mut errors, 0.125), 1.5);
        assert_eq!(quantile(&mut errors, 1.0), 5.0);
        assert!(quantile(&mut errors, 1.05) > 5.0);
    }
}
