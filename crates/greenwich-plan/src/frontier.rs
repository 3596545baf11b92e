//! What cannot be bettered in emissions, cost and finish at once.
//!
//! In: points. Out: those that no other dominates, thinned for reading.
//!
//! One point dominates another when it is no worse in all three; of points equal in all three the
//! one with fewer pauses, the earlier start, then the lower rank (order of names) dominates. An
//! unknown cost counts as higher than any known one: a point without a price is compared on
//! emissions and finish only, and never drives out one whose price is known. That is a total order in
//! each coordinate, so dominance is transitive.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A way to run the job, as three numbers and where to find it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) co2e_g: f64,
    /// In US dollars; infinite where unknown.
    pub(crate) cost_usd: f64,
    /// In seconds from the window's start.
    pub(crate) finish_s: i64,
    pub(crate) start_s: i64,
    pub(crate) pauses: usize,
    /// The candidate's place in the order of region, accelerator and index.
    pub(crate) rank: usize,
    pub(crate) candidate: usize,
    /// Index of its timing among those of its series and work.
    pub(crate) timing: usize,
}

impl Point {
    fn order(&self, other: &Self) -> Ordering {
        self.co2e_g
            .total_cmp(&other.co2e_g)
            .then(self.cost_usd.total_cmp(&other.cost_usd))
            .then(self.finish_s.cmp(&other.finish_s))
            .then(self.pauses.cmp(&other.pauses))
            .then(self.start_s.cmp(&other.start_s))
            .then(self.rank.cmp(&other.rank))
    }
}

/// The undominated points, ascending in emissions. O(n log n).
pub(crate) fn undominated(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_unstable_by(Point::order);
    // Of the points kept so far, all no worse in emissions: the least cost up to each finish.
    let mut least_cost: BTreeMap<i64, f64> = BTreeMap::new();
    points.retain(|point| {
        if least_cost.range(..=point.finish_s).next_back().is_some_and(|(_, cost)| *cost <= point.cost_usd) {
            return false;
        }
        while let Some((&finish_s, &cost)) = least_cost.range(point.finish_s..).next() {
            if cost < point.cost_usd {
                break;
            }
            least_cost.remove(&finish_s);
        }
        least_cost.insert(point.finish_s, point.cost_usd);
        true
    });
    points
}

/// At most `most` of the points, order kept: the first, the cheapest, the earliest to finish, and the
/// rest evenly by place.
pub(crate) fn thin(points: Vec<Point>, most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points;
    }
    let least = |order: fn(&Point, &Point) -> Ordering| {
        (0..points.len()).min_by(|a, b| order(&points[*a], &points[*b]).then(a.cmp(b))).expect("not empty")
    };
    let mut keep = vec![0, least(|a, b| a.cost_usd.total_cmp(&b.cost_usd)), least(|a, b| a.finish_s.cmp(&b.finish_s))];
    let even = most - keep.len();
    keep.extend((1..=even).map(|step| step * (points.len() - 1) / even));
    keep.sort_unstable();
    keep.dedup();
    keep.into_iter().map(|index| points[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(co2e_g: f64, cost_usd: f64, finish_s: i64) -> Point {
        Point { co2e_g, cost_usd, finish_s, start_s: 0, pauses: 0, rank: 0, candidate: 0, timing: 0 }
    }

    #[test]
    fn an_unknown_cost_never_drives_out_a_known_one() {
        let known = point(2.0, 5.0, 10);
        let unknown = point(1.0, f64::INFINITY, 9);
        assert_eq!(undominated(vec![known, unknown]), [unknown, known]);
        assert_eq!(undominated(vec![point(1.0, 5.0, 9), unknown]).len(), 1);
    }

    #[test]
    fn of_equal_points_one_is_kept() {
        let later = Point { start_s: 5, ..point(1.0, 1.0, 9) };
        let named_later = Point { rank: 1, ..point(1.0, 1.0, 9) };
        assert_eq!(undominated(vec![later, named_later, point(1.0, 1.0, 9)]), [point(1.0, 1.0, 9)]);
    }

    #[test]
    fn thinning_keeps_the_ends() {
        let many: Vec<Point> =
            (0..1000_i32).map(|i| point(f64::from(i), f64::from((i - 500).abs()), 1000 - i64::from(i))).collect();
        let thinned = thin(many.clone(), 64);
        assert!(thinned.len() <= 64 && thinned.len() > 60);
        for index in [0, 500, 999] {
            assert!(thinned.contains(&many[index]));
        }
    }

    proptest! {
        #[test]
        fn the_sweep_keeps_exactly_what_no_other_dominates(raw in prop::collection::vec((0..6u8, 0..7u8, 0..6u8, 0..2usize), 1..40)) {
            let points: Vec<Point> = raw.iter().enumerate().map(|(rank, &(a, b, c, pauses))| Point {
                pauses, rank, ..point(f64::from(a), if b == 6 { f64::INFINITY } else { f64::from(b) }, i64::from(c))
            }).collect();
            let dominated = |p: &Point| points.iter().any(|q| {
                let no_worse = q.co2e_g <= p.co2e_g && q.cost_usd <= p.cost_usd && q.finish_s <= p.finish_s;
                let same = q.co2e_g == p.co2e_g && q.cost_usd == p.cost_usd && q.finish_s == p.finish_s;
                q.rank != p.rank && no_worse && (!same || (q.pauses, q.rank) < (p.pauses, p.rank))
            });
            let mut expected: Vec<usize> = points.iter().filter(|p| !dominated(p)).map(|p| p.rank).collect();
            let mut kept: Vec<usize> = undominated(points.clone()).iter().map(|p| p.rank).collect();
            expected.sort_unstable();
            kept.sort_unstable();
            prop_assert_eq!(kept, expected);
        }
    }
}
