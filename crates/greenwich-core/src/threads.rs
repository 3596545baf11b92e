//! Work shared among threads.
//!
//! In: how many threads at most, how many pieces of work, and what is done for each. Out: the results in the order of the
//! pieces, whoever did them: what comes out is the same on any number of threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does each piece of work once, on at most so many threads; results stand in the order of the pieces.
///
/// # Panics
/// Where a piece of work does.
pub fn shared<T: Send>(threads: usize, tasks: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let found: Vec<Mutex<Option<T>>> = (0..tasks).map(|_| Mutex::new(None)).collect();
    let take = || {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = found.get(task) else { return };
            let result = work(task);
            *place.lock().expect("nobody fails while he holds it") = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(tasks) {
            scope.spawn(take);
        }
        take();
    });
    let taken = |place: Mutex<Option<T>>| place.into_inner().expect("nobody failed").expect("every task was done");
    found.into_iter().map(taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_tasks_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            assert_eq!(shared(threads, 7, |task| task * task), [0, 1, 4, 9, 16, 25, 36]);
        }
        assert_eq!(shared(3, 0, |task| task), [0_usize; 0]);
    }
}
