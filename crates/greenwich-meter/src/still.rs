//! Counters that stand still: virtual machines show perf events of energy that read 0 for ever.
//!
//! In: counters that were just opened. Out: which of them read 0 and went on to while they were watched. A live one
//! moves within a millisecond or two, so that the watch costs a run nothing but where there is a dead one. Its 0 J
//! would be counted, and a model that could have stood in would be kept out.

use std::thread::sleep;
use std::time::Duration;

const STEP: Duration = Duration::from_millis(1);
const STEPS: u32 = 20;

/// For each counter whether it stands still at 0, by a reader that tells whether a counter reads 0 now.
pub(crate) fn still_at_zero<T>(counters: &mut [T], mut is_zero: impl FnMut(&mut T) -> bool) -> Vec<bool> {
    let mut still: Vec<bool> = counters.iter_mut().map(&mut is_zero).collect();
    for _ in 0..STEPS {
        if !still.contains(&true) {
            break;
        }
        sleep(STEP);
        for (counter, still) in counters.iter_mut().zip(&mut still) {
            *still = *still && is_zero(counter);
        }
    }
    still
}

/// Parts what moves from what stands still.
pub(crate) fn part<T>(counters: Vec<T>, still: &[bool]) -> (Vec<T>, Vec<T>) {
    let (moving, dead): (Vec<_>, Vec<_>) = counters.into_iter().zip(still).partition(|(_, still)| !**still);
    let bare = |pairs: Vec<(T, &bool)>| pairs.into_iter().map(|(counter, _)| counter).collect();
    (bare(moving), bare(dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads 0 for so many reads, then moves.
    struct Scripted(u32);

    fn is_zero(counter: &mut Scripted) -> bool {
        let zero = counter.0 > 0;
        counter.0 = counter.0.saturating_sub(1);
        zero
    }

    #[test]
    fn what_moves_late_lives_and_what_never_moves_is_dead() {
        let mut counters = vec![Scripted(0), Scripted(STEPS), Scripted(u32::MAX)];
        let still = still_at_zero(&mut counters, is_zero);
        assert_eq!(still, [false, false, true]);
        let (moving, dead) = part(counters, &still);
        assert_eq!((moving.len(), dead.len()), (2, 1));
    }

    #[test]
    fn live_counters_are_read_once() {
        let mut reads = 0;
        assert_eq!(
            still_at_zero(&mut [(), ()], |()| {
                reads += 1;
                false
            }),
            [false, false]
        );
        assert_eq!(reads, 2);
    }
}
