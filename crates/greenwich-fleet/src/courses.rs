//! Several exchanges from one plan, and the best one taken further.
//!
//! In: a plan, whoever makes the tries, and how many there are to be. Out: the best plan. What one exchange ends with is a
//! matter of luck: several begin with the same plan. The best goes on: one part after another is heated and cooled again while
//! the rest stays, where there is more to be found than in a longer exchange of all.

use crate::lot::Lot;
use greenwich_core::threads::shared;

/// What a try may cost at first when a part is taken up again, against a job's mean cost; and the least share of it.
const PART_HEAT: f64 = 1.0;
const LEAST_PART_HEAT: f64 = 0.1;
/// Parts that are taken up again at a time, each from the same plan: one of them, at most, is kept.
const AT_A_TIME: usize = 2;
/// Tries between two looks at how hot it is.
const STEADY: usize = 64;

/// How many tries there are, and how bold they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Courses {
    /// Exchanges that begin with the same plan.
    pub(crate) starts: usize,
    /// How many times the heat a task's penalty is before it takes part, in every second of them.
    pub(crate) large: f64,
    /// Tries of each.
    pub(crate) tries: usize,
    /// Parts of the best plan that are taken up again.
    pub(crate) parts: usize,
    /// Tries of each.
    pub(crate) part_tries: usize,
    /// What a try may cost at first, as a share of a job's mean cost.
    pub(crate) heat: f64,
    /// And at last.
    pub(crate) cool: f64,
}

/// Tries, and how bold they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tries {
    pub(crate) count: usize,
    /// What a try may cost at first, in grams.
    pub(crate) heat: f64,
    /// And at last.
    pub(crate) cool: f64,
    /// Tasks wait until their penalty is so many times what a try may cost; 0 where all take part at once.
    pub(crate) large: f64,
}

impl Tries {
    /// What a try may cost from a round on, where it changes in that: from the first to the last it falls by equal shares.
    pub(crate) fn heat_from(&self, round: usize) -> Option<f64> {
        let share = round as f64 / self.count as f64;
        round.is_multiple_of(STEADY).then(|| self.heat * (self.cool / self.heat).powf(share))
    }
}

/// Who makes the tries.
pub(crate) trait Exchanges: Sync {
    /// A plan.
    type Board: Clone + Send + Sync;
    fn total(&self, board: &Self::Board) -> f64;
    /// Makes tries on the tasks of `part`, on all where there is none.
    fn run(&self, board: &mut Self::Board, lot: &mut Lot, tries: &Tries, part: Option<Vec<u32>>);
    /// Tasks to be taken up again while the others stay.
    fn part(&self, board: &Self::Board, lot: &mut Lot) -> Vec<u32>;
    fn is_over(&self) -> bool;
}

/// The best plan that is found. `mean` is what a job costs on the whole; each exchange has a lot of its own, so that any number
/// of threads finds the same.
pub(crate) fn best<E: Exchanges>(
    exchanges: &E,
    begin: E::Board,
    mean: f64,
    lot: &mut Lot,
    (courses, threads): (&Courses, usize),
) -> E::Board {
    if mean <= 0.0 {
        return begin;
    }
    let cool = courses.cool * mean;
    let lots: Vec<Lot> = (0..courses.starts).map(|_| lot.part()).collect();
    let ends = shared(threads, courses.starts, |at| {
        let (mut board, mut lot) = (begin.clone(), lots[at].clone());
        let large = if at % 2 == 1 { courses.large } else { 0.0 };
        let tries = Tries { count: courses.tries, heat: courses.heat * mean, cool, large };
        exchanges.run(&mut board, &mut lot, &tries, None);
        board
    });
    let by_total = |a: &E::Board, b: &E::Board| exchanges.total(a).total_cmp(&exchanges.total(b));
    let mut best = ends.into_iter().min_by(by_total).unwrap_or(begin);
    for _ in 0..courses.parts.div_ceil(AT_A_TIME) {
        if exchanges.is_over() {
            break;
        }
        let lots: Vec<Lot> = (0..AT_A_TIME).map(|_| lot.part()).collect();
        let ends = shared(threads, AT_A_TIME, |at| {
            let mut lot = lots[at].clone();
            let part = exchanges.part(&best, &mut lot);
            let heat = mean * PART_HEAT * LEAST_PART_HEAT.powf(lot.unit());
            let mut board = best.clone();
            if !part.is_empty() {
                let tries = Tries { count: courses.part_tries, heat, cool, large: 0.0 };
                exchanges.run(&mut board, &mut lot, &tries, Some(part));
            }
            board
        });
        for board in ends {
            if by_total(&board, &best).is_lt() {
                best = board;
            }
        }
    }
    best
}
