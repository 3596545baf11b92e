//! Jobs that are alike, counted once.
//!
//! In: the tasks of a model. Out: [`Shapes`]: windows that differ (class, release, deadline, hours, pauses),
//! and under each the groups that differ in their sites, with the accelerators that they hold together. Under
//! prices, all jobs of a group cost the same per accelerator, so one look serves them all.

use crate::model::Model;

/// A window that some jobs have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub(crate) class: u32,
    pub(crate) release: u32,
    pub(crate) deadline: u32,
    pub(crate) hours: u32,
    pub(crate) interruptible: bool,
}

/// Every so many shapes from the first: a fair share of them, since neighbours are alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) first: usize,
    pub(crate) step: usize,
}

impl Part {
    pub(crate) const ALL: Self = Self { first: 0, step: 1 };
}

/// Jobs of one shape and one set of sites.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) set: u32,
    /// Accelerators of all its jobs.
    pub(crate) accelerators: f64,
}

/// All shapes, with their groups and sites end to end.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    pub(crate) each: Vec<Shape>,
    pub(crate) groups: Vec<Group>,
    /// The sites that any group of a shape may use.
    pub(crate) sites: Vec<u32>,
    /// Ends of each shape's groups and sites.
    pub(crate) ends: Vec<(u32, u32)>,
    /// The group of each task.
    pub(crate) group_of: Vec<u32>,
}

impl Shapes {
    pub(crate) fn new(model: &Model) -> Self {
        let mut keys: Vec<(u64, u64, u32)> = Vec::with_capacity(model.tasks.len());
        for (index, task) in model.tasks.iter().enumerate() {
            let high = u64::from(task.class) << 33 | u64::from(task.release) << 1 | u64::from(task.interruptible);
            let low = u64::from(task.deadline) << 44 | u64::from(task.hours) << 24 | u64::from(task.set) & 0xFF_FFFF;
            keys.push((high, low, index as u32));
        }
        keys.sort_unstable();
        let mut found = Self { group_of: vec![0; model.tasks.len()], ..Self::default() };
        let mut member = vec![false; model.sites];
        let mut last_set = u32::MAX;
        for (_, _, index) in keys {
            let task = &model.tasks[index as usize];
            let shape = Shape {
                class: task.class,
                release: task.release,
                deadline: task.deadline,
                hours: task.hours,
                interruptible: task.interruptible,
            };
            if found.each.last() != Some(&shape) {
                found.close(&mut member);
                found.each.push(shape);
                last_set = u32::MAX;
            }
            if task.set != last_set {
                found.groups.push(Group { set: task.set, accelerators: 0.0 });
                last_set = task.set;
                for &site in &model.sets[task.set as usize] {
                    member[site as usize] = true;
                }
            }
            found.group_of[index as usize] = found.groups.len() as u32 - 1;
            let group = found.groups.last_mut().expect("a group was just made");
            group.accelerators += f64::from(task.accelerators);
        }
        found.close(&mut member);
        found
    }

    /// Ends the last shape: its sites are those that its groups named.
    fn close(&mut self, member: &mut [bool]) {
        if self.each.len() == self.ends.len() {
            return;
        }
        for (site, named) in member.iter_mut().enumerate() {
            if std::mem::take(named) {
                self.sites.push(site as u32);
            }
        }
        self.ends.push((self.groups.len() as u32, self.sites.len() as u32));
    }

    /// Each shape of a part with its groups and sites.
    pub(crate) fn iter(&self, part: Part) -> impl Iterator<Item = (&Shape, &[Group], &[u32])> {
        (part.first..self.each.len()).step_by(part.step).map(|index| {
            let (group, site) = if index == 0 { (0, 0) } else { self.ends[index - 1] };
            let (group_end, site_end) = self.ends[index];
            let groups = &self.groups[group as usize..group_end as usize];
            (&self.each[index], groups, &self.sites[site as usize..site_end as usize])
        })
    }
}
