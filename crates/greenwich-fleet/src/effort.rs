//! How much work a fleet of a given size gets.
//!
//! In: how many jobs there are, and the effort asked for. Out: numbers of passes, rounds and tries. They are
//! counts, never times: the same fleet gets the same work on every machine.

use crate::assign;
use crate::courses::Courses;
use crate::extended::prices::Rounds;

/// Jobs up to which who runs where is parted as well.
const MOST_FEW: usize = 150;
/// Jobs from which each site is searched on its own, in place of all together.
const LEAST_SPLIT: usize = 60;
/// Jobs up to which each site is searched on its own.
const MOST_SPLIT: usize = 2000;
/// Jobs up to which that takes little.
const MOST_LIGHT: usize = 500;
/// Jobs up to which exchanges pay most.
const MOST_SMALL: usize = 5000;
/// What a small fleet gets more of the rest where no tree is searched, and where the sites are large.
const MORE_WITHOUT_TREES: f64 = 1.65;
const MORE_BESIDE_TREES: f64 = 1.2;

/// Tries when a part of the plan is taken up again.
const PART_TRIES: usize = 60_000;
/// Up to so many jobs, more exchanges begin with the same plan: each is over soon.
const FEW: usize = 60;
/// Tries for each job of an extended fleet from which it pays to begin so hot that the plan at the start is forgotten.
const HOT_TRIES: f64 = 500.0;
/// What a try may cost at first where it does not pay, as a share of a job's mean cost.
const WARM: f64 = 0.1;

/// Work to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Work {
    /// Passes that find the first prices.
    pub(crate) passes: usize,
    /// Rounds that raise the bound from there.
    pub(crate) rounds: usize,
    /// Parts of the jobs, by size, after which prices follow the plan.
    pub(crate) chunks: usize,
    /// Rounds in which they do, after each part.
    pub(crate) follow: usize,
    /// Parts that the jobs answer in as prices follow.
    pub(crate) followers: usize,
    /// Weights of the prices in passes that take every job up and put it down.
    pub(crate) weights: &'static [f64],
    /// Exchanges.
    pub(crate) courses: Courses,
    /// Rounds that raise the bound of each half of the tree.
    pub(crate) tree_rounds: usize,
    /// Options that the tree may look at; 0 where there is none.
    pub(crate) looks: u64,
    /// Work of the bound site by site, where there is one.
    pub(crate) split: Option<assign::Effort>,
}

impl Work {
    pub(crate) fn new(jobs: usize, effort: f64) -> Self {
        let count = jobs as f64;
        let small = jobs <= MOST_SMALL;
        let more = if jobs <= MOST_LIGHT || !small {
            1.0
        } else if jobs <= MOST_SPLIT {
            MORE_BESIDE_TREES
        } else {
            MORE_WITHOUT_TREES
        };
        let effort = effort * more;
        let times = |amount: f64| ((amount * effort) as usize).max(1);
        let exchanges = (24e3 * count).min(6e6) * (1000.0 / count).min(1.0).powf(1.5);
        let tries = exchanges.max((150e3 + count).min(700e3).min(40e3 * count));
        // Where sites are searched one by one, a tree of all of them together adds nothing.
        let (tree, split) = if jobs < LEAST_SPLIT {
            (2e9, None)
        } else if jobs <= MOST_FEW {
            (0.0, Some((16, 5e8, 9e8)))
        } else if jobs <= MOST_LIGHT {
            (0.0, Some((6, 7e8, 7e8)))
        } else if jobs <= MOST_SPLIT {
            (0.0, Some((8, 1.2e9, 1.2e9)))
        } else {
            (0.0, None)
        };
        Self {
            passes: times(if jobs <= 300_000 { 60.0 } else { 250.0 }),
            rounds: times(if small { 1500.0 } else { 60.0 }),
            chunks: times(if jobs <= 300_000 { 100.0 } else { 250.0 }),
            follow: if jobs <= 20_000 { 6 } else { 8 },
            followers: if jobs <= 300_000 { 4 } else { 8 },
            weights: &[0.5, 0.0],
            courses: Courses::new(jobs, tries * effort),
            tree_rounds: 150,
            looks: (tree * effort) as u64,
            split: split.map(|(rounds, looks, all_looks)| assign::Effort {
                first_rounds: times(1000.0),
                rounds,
                looks: (looks * effort) as u64,
                all_looks: (all_looks * effort) as u64,
                try_looks: 4_000_000,
                half_looks: 20_000_000,
            }),
        }
    }
}

impl Courses {
    /// Shares out so many tries in all.
    fn new(jobs: usize, tries: f64) -> Self {
        let small = jobs <= MOST_SMALL;
        // Half of a small fleet's tries are for parts.
        let (starts, again) = match jobs {
            ..=FEW => (6, 0.5),
            _ if small => (2, 0.5),
            _ => (1, 0.0),
        };
        Self {
            starts,
            large: 3.0,
            tries: ((tries * (1.0 - again)) as usize / starts).max(1),
            parts: (tries * again) as usize / PART_TRIES,
            part_tries: PART_TRIES,
            heat: if small { 2.0 } else { WARM },
            cool: 0.003,
        }
    }
}

/// Numbers that an extended fleet's jobs may look at to find prices.
const PRICE_LOOKS: f64 = 3e9;
/// As prices follow the plan.
const FOLLOW_LOOKS: f64 = 3e9;
/// And in exchanges.
const EXCHANGE_LOOKS: f64 = 15e9;

/// Work on an extended fleet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExtendedWork {
    pub(crate) rounds: Rounds,
    /// Parts of the jobs, by size, after which prices follow the plan.
    pub(crate) chunks: f64,
    pub(crate) courses: Courses,
}

impl ExtendedWork {
    /// `looks` is how many numbers are looked at when each job is asked once.
    pub(crate) fn new(jobs: usize, looks: f64, effort: f64) -> Self {
        let count = jobs.max(1) as f64;
        let times = |in_all: f64, once: f64, most: f64| ((in_all / once.max(1.0)).min(most) * effort) as usize;
        let small = jobs <= 5000;
        // A try asks some five jobs; of many jobs, exchanges gain little.
        let tries = times(EXCHANGE_LOOKS, 5.0 * (looks / count + 30.0), 40e3 * count.min(150.0));
        let tries = tries as f64 * (1000.0 / count).min(1.0).powf(1.5);
        let courses = Courses::new(jobs, tries);
        Self {
            rounds: Rounds {
                passes: times(0.3 * PRICE_LOOKS, looks, 60.0).max(8),
                rounds: times(0.7 * PRICE_LOOKS, looks, if small { 2000.0 } else { 120.0 }).max(10),
            },
            chunks: (FOLLOW_LOOKS / looks.max(1.0)).clamp(10.0, 100.0),
            courses: Courses { heat: if tries < HOT_TRIES * count { WARM } else { courses.heat }, ..courses },
        }
    }
}
