//! Which jobs may still run where, as who runs where is parted.
//!
//! In: the model, and cuts by place. Out: [`Where`]: the sites that are open to each job, whether it may stay without a
//! place, and what that says of each site's search and of the charges that sites make.

use crate::model::Model;
use crate::one_site::Place;
use crate::options::{Cut, Frame};

/// Which jobs may still run where, and who may stay without a place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Where {
    /// By slot, whether it is open.
    pub(crate) open: Vec<bool>,
    /// By task, whether it may stay without a place.
    pub(crate) refuse: Vec<bool>,
}

impl Where {
    pub(crate) fn all(model: &Model, frame: &Frame) -> Self {
        Self { open: vec![true; frame.slots.len()], refuse: vec![true; model.tasks.len()] }
    }

    /// The half that a cut by place keeps.
    pub(crate) fn half(&self, frame: &Frame, cut: Cut, first: bool) -> Self {
        let mut half = self.clone();
        match cut {
            Cut::Place(task) if first => half.refuse[task as usize] = false,
            Cut::Place(task) => half.open[frame.of(task as usize)].fill(false),
            Cut::On(slot) | Cut::In(slot, _) if first => {
                let task = frame.slots[slot as usize].task as usize;
                let was = half.open[slot as usize];
                half.refuse[task] = false;
                half.open[frame.of(task)].fill(false);
                half.open[slot as usize] = was;
            }
            Cut::On(slot) | Cut::In(slot, _) => half.open[slot as usize] = false,
            Cut::Until(..) => {}
        }
        half
    }

    /// Whether nothing is left to choose of where a task runs.
    pub(crate) fn is_settled(&self, frame: &Frame, task: usize) -> bool {
        match self.count(frame, task) {
            0 => true,
            1 => !self.refuse[task],
            _ => false,
        }
    }

    pub(crate) fn count(&self, frame: &Frame, task: usize) -> usize {
        self.open[frame.of(task)].iter().filter(|open| **open).count()
    }

    /// Whether a task may be charged so much per accelerator where it is refused: who may stay without a place, no
    /// more than that costs.
    pub(crate) fn may_charge(&self, model: &Model, task: usize, charge: f64) -> bool {
        charge >= 0.0 && charge.is_finite() && (!self.refuse[task] || charge <= model.refusal(task))
    }

    /// What sites charge for a task beyond what a plan pays.
    pub(crate) fn charged_twice(&self, model: &Model, frame: &Frame, task: usize, charge: f64) -> f64 {
        let sites = frame.of(task).len() as f64;
        let charge = charge * f64::from(model.tasks[task].accelerators);
        // Who may run nowhere pays its penalty, whatever sites charge.
        if self.count(frame, task) == 0 { sites * charge - model.penalty(task) } else { (sites - 1.0) * charge }
    }

    /// Which of a site's tasks may not run there, and which have to.
    pub(crate) fn at(&self, frame: &Frame, place: &Place) -> (Vec<bool>, Vec<bool>) {
        let barred = place.slots.iter().map(|&slot| !self.open[slot as usize]).collect();
        let only = |(&slot, &task): (&u32, &u32)| {
            self.open[slot as usize] && !self.refuse[task as usize] && self.count(frame, task as usize) == 1
        };
        (barred, place.slots.iter().zip(&place.tasks).map(only).collect())
    }
}
