//! Jobs that cannot all be placed on one site, whatever is paid.
//!
//! In: a model of one site. Out: rows Σ least hours within a stretch ≤ what the stretch holds. Let jobs of at least s
//! accelerators run k = ⌊capacity ÷ s⌋ at a time, and let one more job be too large to run beside k of them. In each
//! hour at most k of them all run, and in a stretch of L hours at most kL hours of theirs: energetic reasoning
//! (Baptiste, Le Pape and Nuijten 2001), here on jobs and not on accelerators. Prices do not see it: they let a job of
//! the whole site run at three quarters beside one of a quarter.

use crate::beside::Beside;
use crate::model::{Model, Task};
use crate::options::{Frame, Options};

/// Rows at most for jobs of one size and more among themselves.
const MOST_ALIKE: usize = 600;
/// And at most for one more job beside them.
const MOST_BESIDE: usize = 4;
/// Jobs whose rows are looked for together at most: beyond, the largest are.
const MOST_FAMILY: usize = 40;

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
pub(crate) struct Rows {
    pub(crate) stretches: Vec<Row>,
    /// Rows that have prices.
    pub(crate) beside: Beside,
}

impl Rows {
    /// The rows of a model; none where it has several sites.
    pub(crate) fn new(model: &Model, frame: &Frame) -> Self {
        let mut found = Self { beside: Beside::new(model, frame), ..Self::default() };
        let most = model.capacity.iter().copied().max().unwrap_or(0).max(0) as u32;
        if model.sites != 1 || most == 0 {
            return found;
        }
        let tasks = &model.tasks;
        let mut sizes: Vec<u32> = tasks.iter().map(|task| task.accelerators).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut falling: Vec<u32> = (0..tasks.len() as u32).collect();
        falling.sort_by_key(|&at| std::cmp::Reverse((tasks[at as usize].area() as u64, at)));
        for &size in sizes.iter().rev() {
            let side = most / size;
            let is_large = |at: &u32| tasks[*at as usize].accelerators >= size;
            let large: Vec<u32> = falling.iter().copied().filter(is_large).take(MOST_FAMILY).collect();
            let mut alike = stretches(model, &large, side, None);
            alike.truncate(MOST_ALIKE);
            found.stretches.extend(alike);
            let is_odd = |at: &&u32| {
                let own = tasks[**at as usize].accelerators;
                own < size && own > most - side * size
            };
            for &odd in falling.iter().filter(is_odd) {
                let (begin, end) = (tasks[odd as usize].release, tasks[odd as usize].deadline);
                let meets = |at: &u32| tasks[*at as usize].release < end && tasks[*at as usize].deadline > begin;
                let near: Vec<u32> = large.iter().copied().filter(meets).collect();
                let mut beside = stretches(model, &near, side, Some(odd));
                beside.truncate(MOST_BESIDE);
                found.stretches.extend(beside);
            }
        }
        found
    }

    /// Members of all rows: the measure of work.
    pub(crate) fn size(&self) -> u64 {
        self.stretches.iter().map(|row| row.members.len() as u64).sum()
    }

    /// Closes what cannot be placed beside what has to be. Where that is too much, nothing stays open.
    pub(crate) fn tighten(&self, frame: &Frame, open: &mut Options) {
        for row in &self.stretches {
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

/// The stretches that are too short for a family and one more beside it, the shortest against its need first.
fn stretches(model: &Model, family: &[u32], side: u32, with: Option<u32>) -> Vec<Row> {
    let task = |at: u32| &model.tasks[at as usize];
    let all = || family.iter().copied().chain(with);
    // An edge of a stretch is one of a window, or of the hours that the one more cannot do without.
    let mut begins: Vec<u32> = all().map(|at| task(at).release).collect();
    let mut ends: Vec<u32> = all().map(|at| task(at).deadline).collect();
    if let Some(one) = with.map(task) {
        begins.push(one.deadline - one.hours);
        ends.push(one.release + one.hours);
    }
    for edges in [&mut begins, &mut ends] {
        edges.sort_unstable();
        edges.dedup();
    }
    let mut found: Vec<(f64, Row)> = Vec::new();
    for &begin in &begins {
        for &end in ends.iter().filter(|end| **end > begin) {
            let limit = side * (end - begin);
            if with.is_some_and(|one| least_inside(task(one), begin, end) == 0) {
                continue;
            }
            let need: u32 = all().map(|at| least_inside(task(at), begin, end)).sum();
            if need > limit {
                let inside = all().map(|at| (at, least_inside(task(at), begin, end)));
                let members = inside.filter(|(_, hours)| *hours > 0).collect();
                found.push((f64::from(need) / f64::from(limit), Row { members, limit }));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.dedup_by(|a, b| a.1.members == b.1.members);
    found.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    fn task(hours: u32, release: u32, deadline: u32, accelerators: u32, interruptible: bool) -> Task {
        Task { job: 0, release, deadline, hours, accelerators, class: 0, set: 0, interruptible }
    }

    #[test]
    fn a_short_job_beside_three_that_fill_the_site_has_a_row() {
        // 98 accelerators hold three jobs of 32, which are there in [117, 147), and leave 2.
        let mut tasks = vec![
            task(48, 117, 165, 32, true),
            task(48, 100, 154, 32, true),
            task(30, 117, 149, 32, false),
            task(4, 119, 123, 16, false),
        ];
        tasks.extend((0..60).map(|at| task(72, 0, 160, 20 + at % 4, true)));
        let model = Model {
            sites: 1,
            hours: 168,
            grams_per_wh: vec![0.4; 168],
            capacity: vec![98; 168],
            steps: vec![1],
            profiles: vec![vec![1.0]],
            classes: vec![crate::model::Class { watts: 700.0, profile: 0, size: 0 }],
            sets: vec![vec![0]],
            tasks,
            penalty_g: 2000.0,
            refusals: Vec::new(),
            hopeless: Vec::new(),
        };
        let rows = Rows::new(&model, &Frame::new(&model));
        let together = |row: &&Row| (0..4).all(|at| row.members.iter().any(|(member, _)| *member == at));
        let row = rows.stretches.iter().find(together).expect("a row of the four");
        assert!(row.members.iter().map(|(_, hours)| hours).sum::<u32>() > row.limit);
    }
}
