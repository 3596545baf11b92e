//! What each task may still choose, as the tree closes in on the best plan.
//!
//! In: the model. Out: a [`Frame`], which says where each choice has its bit, and [`Options`] over it: starts of
//! whole tasks, hours of interruptible ones, by site; and whether a task may stay without a place.

use crate::model::{Model, Task};

/// A task on one of its sites.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) task: u32,
    pub(crate) site: u32,
    /// Its first word; of an interruptible task, `words` of allowed hours and then as many of needed ones.
    first: u32,
    pub(crate) bits: u32,
}

/// Where every choice has its bit.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) slots: Vec<Slot>,
    /// The first slot of each task, and the end.
    first_slot: Vec<u32>,
    words: usize,
}

/// What is still open.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    bits: Vec<u64>,
    /// Whether a task may stay without a place.
    pub(crate) refuse: Vec<bool>,
}

/// A way to part what is open in two.
///
/// A task is counted among those of the part that can be placed; a slot is a task on one of its sites, counted task
/// by task; hours and starts count from the task's release.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// Placed, or not.
    Place(u32),
    /// On this slot, or anywhere else.
    On(u32),
    /// Begun at or before this hour, or after it.
    Until(u32, u32),
    /// On this slot and in this hour, or not.
    In(u32, u32),
}

impl Frame {
    pub(crate) fn new(model: &Model) -> Self {
        let (mut slots, mut first_slot, mut words) = (Vec::new(), Vec::new(), 0);
        for (task, index) in model.tasks.iter().zip(0..) {
            first_slot.push(slots.len() as u32);
            let window = task.deadline - task.release;
            let bits = if task.interruptible { window } else { window - task.hours + 1 };
            for &site in model.sites_of(task) {
                slots.push(Slot { task: index, site, first: words, bits });
                words += bits.div_ceil(64) * if task.interruptible { 2 } else { 1 };
            }
        }
        first_slot.push(slots.len() as u32);
        Self { slots, first_slot, words: words as usize }
    }

    /// Everything is open.
    pub(crate) fn open(&self, model: &Model) -> Options {
        let mut all = Options { bits: vec![0; self.words], refuse: vec![true; model.tasks.len()] };
        for slot in &self.slots {
            for bit in 0..slot.bits {
                all.bits[(slot.first + bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
        all
    }

    /// Everything that is left where some tasks may not run and others have to.
    pub(crate) fn open_to(&self, model: &Model, barred: &[bool], forced: &[bool]) -> Options {
        let mut open = self.open(model);
        let named = |of: &[bool], task: usize| of.get(task) == Some(&true);
        for task in 0..model.tasks.len() {
            open.refuse[task] = !named(forced, task);
            if named(barred, task) {
                self.of(task).for_each(|slot| open.close(&self.slots[slot]));
            }
        }
        open
    }

    /// Whether a cut is about what there is.
    pub(crate) fn has(&self, cut: &Cut, model: &Model) -> bool {
        let slot = |at: u32, bit: u32| self.slots.get(at as usize).is_some_and(|slot| bit < slot.bits);
        match *cut {
            Cut::Place(task) => (task as usize) < model.tasks.len(),
            Cut::Until(task, _) => model.tasks.get(task as usize).is_some_and(|task| !task.interruptible),
            Cut::On(at) => slot(at, 0),
            Cut::In(at, bit) => slot(at, bit) && model.tasks[self.slots[at as usize].task as usize].interruptible,
        }
    }

    /// The slots of a task.
    pub(crate) fn of(&self, task: usize) -> std::ops::Range<usize> {
        self.first_slot[task] as usize..self.first_slot[task + 1] as usize
    }
}

impl Slot {
    fn words(&self) -> usize {
        self.bits.div_ceil(64) as usize
    }
}

impl Options {
    /// The words of what a slot allows.
    pub(crate) fn allowed(&self, slot: &Slot) -> &[u64] {
        &self.bits[slot.first as usize..slot.first as usize + slot.words()]
    }

    /// The words of the hours that an interruptible task needs on a slot.
    pub(crate) fn needed(&self, slot: &Slot) -> &[u64] {
        &self.bits[slot.first as usize + slot.words()..slot.first as usize + 2 * slot.words()]
    }

    /// How many bits a slot allows.
    pub(crate) fn count(&self, slot: &Slot) -> u32 {
        self.allowed(slot).iter().map(|word| word.count_ones()).sum()
    }

    /// Whether a slot allows a bit.
    pub(crate) fn has(&self, slot: &Slot, bit: u32) -> bool {
        self.bits[(slot.first + bit / 64) as usize] >> (bit % 64) & 1 == 1
    }

    /// Whether a task on a slot has to run in an hour.
    pub(crate) fn needs(&self, slot: &Slot, bit: u32) -> bool {
        self.bits[(slot.first + slot.words() as u32 + bit / 64) as usize] >> (bit % 64) & 1 == 1
    }

    /// Takes a bit away.
    pub(crate) fn forbid(&mut self, slot: &Slot, bit: u32) {
        self.bits[(slot.first + bit / 64) as usize] &= !(1 << (bit % 64));
    }

    /// Makes an hour of an interruptible task needed.
    pub(crate) fn need(&mut self, slot: &Slot, bit: u32) {
        self.bits[(slot.first + slot.words() as u32 + bit / 64) as usize] |= 1 << (bit % 64);
    }

    /// Closes a slot.
    pub(crate) fn close(&mut self, slot: &Slot) {
        let first = slot.first as usize;
        self.bits[first..first + slot.words()].fill(0);
    }

    /// Whether a slot can still hold its task.
    pub(crate) fn can_hold(&self, slot: &Slot, task: &Task) -> bool {
        if !task.interruptible {
            return self.allowed(slot).iter().any(|word| *word != 0);
        }
        let (allowed, needed) = (self.allowed(slot), self.needed(slot));
        self.count(slot) >= task.hours && allowed.iter().zip(needed).all(|(allowed, needed)| needed & !allowed == 0)
    }

    /// The half of what is open that a cut keeps: its first words, or its last. Together they hold it all.
    pub(crate) fn half(&self, frame: &Frame, cut: Cut, first: bool) -> Self {
        let mut half = self.clone();
        match cut {
            Cut::Place(task) if first => half.refuse[task as usize] = false,
            Cut::Place(task) => frame.of(task as usize).for_each(|slot| half.close(&frame.slots[slot])),
            Cut::On(at) | Cut::In(at, _) if first => {
                let task = frame.slots[at as usize].task as usize;
                half.refuse[task] = false;
                frame.of(task).filter(|slot| *slot != at as usize).for_each(|slot| half.close(&frame.slots[slot]));
                if let Cut::In(_, bit) = cut {
                    half.need(&frame.slots[at as usize], bit);
                }
            }
            Cut::On(at) => half.close(&frame.slots[at as usize]),
            Cut::In(at, bit) => {
                let slot = &frame.slots[at as usize];
                half.forbid(slot, bit);
                // An hour that is needed and may not be: nothing is left on this slot.
                if half.needs(slot, bit) {
                    half.close(slot);
                }
            }
            Cut::Until(task, last) => {
                half.refuse[task as usize] &= first;
                for slot in frame.of(task as usize) {
                    let slot = &frame.slots[slot];
                    (0..slot.bits).filter(|bit| (*bit <= last) != first).for_each(|bit| half.forbid(slot, bit));
                }
            }
        }
        half
    }
}
