//! Jobs that cannot all be placed on one site, whatever is paid.
//!
//! In: a model of one site. Out: rows Σ least hours within a stretch ≤ what the stretch holds. Let jobs of at least s
//! accelerators run k = ⌊capacity ÷ s⌋ at a time, and let one more job be too large to run beside k of them. In each
//! hour at most k of them all run, and in a stretch of L hours at most kL hours of theirs: energetic reasoning
//! (Baptiste, Le Pape and Nuijten 2001), here on jobs and not on accelerators. Prices do not see it: they let a job of
//! the whole site run at three quarters beside one of a quarter.

use crate::model::{Model, Task};
use crate::options::{Frame, Options};

/// Rows at most, so that a search is not slower than what it spares.
const MOST_ROWS: usize = 3000;

/// A stretch that is too short for all.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Tasks with the hours that each has to run in the stretch.
    pub(crate) members: Vec<(u32, u32)>,
    /// Hours that the stretch holds.
    pub(crate) limit: u32,
}

/// All rows of a site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows(pub(crate) Vec<Row>);

impl Rows {
    /// The rows of a model; none where it has several sites.
    pub(crate) fn new(model: &Model) -> Self {
        let mut found = Self::default();
        let most = model.capacity.iter().copied().max().unwrap_or(0).max(0) as u32;
        if model.sites != 1 || most == 0 {
            return found;
        }
        let mut sizes: Vec<u32> = model.tasks.iter().map(|task| task.accelerators).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for &size in sizes.iter().rev() {
            let (side, all) = (most / size, 0..model.tasks.len() as u32);
            let large: Vec<u32> = all.clone().filter(|&at| model.tasks[at as usize].accelerators >= size).collect();
            found.stretches(model, &large, None, side);
            let odd = |at: &u32| {
                let own = model.tasks[*at as usize].accelerators;
                own < size && own > most - side * size
            };
            let mut odd: Vec<u32> = all.filter(odd).collect();
            odd.sort_by_key(|&at| std::cmp::Reverse(model.tasks[at as usize].hours));
            for one in odd {
                let family: Vec<u32> = large.iter().copied().chain([one]).collect();
                found.stretches(model, &family, Some(one), side);
            }
            if found.0.len() >= MOST_ROWS {
                found.0.truncate(MOST_ROWS);
                break;
            }
        }
        found
    }

    fn stretches(&mut self, model: &Model, family: &[u32], with: Option<u32>, side: u32) {
        let task = |at: &u32| &model.tasks[*at as usize];
        let mut begins: Vec<u32> = family.iter().map(|at| task(at).release).collect();
        let mut ends: Vec<u32> = family.iter().map(|at| task(at).deadline).collect();
        for edges in [&mut begins, &mut ends] {
            edges.sort_unstable();
            edges.dedup();
        }
        let mut last: Vec<(u32, u32)> = Vec::new();
        for &begin in &begins {
            for &end in ends.iter().filter(|end| **end > begin) {
                let limit = side * (end - begin);
                let inside = family.iter().map(|&at| (at, least_inside(task(&at), begin, end)));
                let members: Vec<(u32, u32)> = inside.filter(|(_, hours)| *hours > 0).collect();
                let is_new = with.is_none_or(|one| members.last().is_some_and(|(at, _)| *at == one));
                if is_new && members.iter().map(|(_, hours)| hours).sum::<u32>() > limit && members != last {
                    last.clone_from(&members);
                    self.0.push(Row { members, limit });
                }
            }
        }
    }

    /// Members of all rows: the measure of work.
    pub(crate) fn size(&self) -> u64 {
        self.0.iter().map(|row| row.members.len() as u64).sum()
    }

    /// Closes what cannot be placed beside what has to be. Where that is too much, nothing stays open.
    pub(crate) fn tighten(&self, frame: &Frame, open: &mut Options) {
        for row in &self.0 {
            let needed = |at: &u32| !open.refuse[*at as usize];
            let held: u32 = row.members.iter().filter(|(at, _)| needed(at)).map(|(_, hours)| hours).sum();
            if held == 0 {
                continue;
            }
            for &(at, hours) in &row.members {
                let beside = if open.refuse[at as usize] { held + hours } else { held };
                if beside > row.limit {
                    frame.of(at as usize).for_each(|slot| open.close(&frame.slots[slot]));
                }
            }
        }
    }
}

/// Hours that a task has to run within a stretch, if it runs.
fn least_inside(task: &Task, begin: u32, end: u32) -> u32 {
    let overlap = |from: u32, until: u32| until.min(end).saturating_sub(from.max(begin));
    if task.interruptible {
        let window = task.deadline - task.release;
        return task.hours.saturating_sub(window - overlap(task.release, task.deadline));
    }
    // Moved along, a whole job overlaps first more and then less: least at an end.
    overlap(task.release, task.release + task.hours).min(overlap(task.deadline - task.hours, task.deadline))
}
