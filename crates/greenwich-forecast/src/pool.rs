//! Making the prior from many zones' histories.
//!
//! In: histories. Out: coefficients that serve any zone, and the bands that they had on those zones. The moments of each
//! zone are kept apart, so that a prior without one zone, to test it on, costs one more solving and no more.

use crate::history::History;
use crate::levels::{LAGS, Levels, WEEK};
use crate::moments::{Moments, Normal};
use crate::prior::{MOST_HOURS_AHEAD, Prior};
use crate::ridge::{Ridge, spread};
use greenwich_core::ZoneId;

/// Hours between the origins that bands are told from: every hour of the day comes up.
const STRIDE: usize = 53;

/// What one zone adds to a prior.
#[derive(Debug, Clone)]
pub struct ZoneMoments {
    /// The zone.
    pub zone: ZoneId,
    normal: Normal,
    levels: Levels,
    spread: f64,
}

impl ZoneMoments {
    /// Sums up a history; `None` where it is shorter than five weeks or does not vary.
    pub fn of(history: &History) -> Option<Self> {
        let levels = Levels::new(history, history.end_hour())?;
        let mut moments = Moments::new(MOST_HOURS_AHEAD);
        let past = (levels.x.len() + 1).saturating_sub(MOST_HOURS_AHEAD);
        moments.add(&levels, LAGS..past);
        let spread = spread(&levels, levels.x.len());
        let normal = moments.normal();
        let varies = moments.origins > 0 && normal.variance > f64::EPSILON && spread > 0.0;
        varies.then(|| Self { zone: history.zone.clone(), normal, levels, spread })
    }
}

/// The zones that a prior is made of.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// What each adds.
    pub zones: Vec<ZoneMoments>,
}

impl Pool {
    /// The prior of all zones but one; of all where `without` names none of them.
    pub fn prior(&self, without: Option<&ZoneId>) -> Option<Prior> {
        let kept = || self.zones.iter().filter(move |zone| Some(&zone.zone) != without);
        let prior = Prior::pooled(kept().map(|zone| &zone.normal))?;
        let ridge = Ridge::pooled(&prior, MOST_HOURS_AHEAD);
        let mut errors = vec![Vec::new(); MOST_HOURS_AHEAD];
        for zone in kept() {
            let levels = &zone.levels;
            for origin in (LAGS + WEEK..levels.x.len() - MOST_HOURS_AHEAD).step_by(STRIDE) {
                for (lead, level) in ridge.predict(levels, origin).into_iter().enumerate() {
                    errors[lead].push((levels.x[origin + lead] - level) / zone.spread);
                }
            }
        }
        let mut end = |share: f64| -> Vec<f64> {
            let at = |errors: &mut Vec<f64>| {
                let place = (share * errors.len() as f64) as usize;
                *errors.select_nth_unstable_by(place, f64::total_cmp).1
            };
            errors.iter_mut().map(at).collect()
        };
        Some(prior.with_bands([end(0.05), end(0.95)]))
    }
}
