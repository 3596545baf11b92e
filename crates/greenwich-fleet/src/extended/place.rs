//! Who of an extended fleet runs where and when, with what capacity is left.
//!
//! In: the model and choices. Out: a board. A choice is never taken where capacity lacks, nor where it emits more than its
//! quota has left: every state of the board is a plan that can be carried out.

use crate::extended::model::Model;
use crate::extended::oracle::{Choice, NONE};
use crate::quota::nanograms;
use crate::terms::emitted_g;

/// A plan that grows.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    pub(crate) free: Vec<i32>,
    pub(crate) choices: Vec<Choice>,
    /// What each task costs without prices: its choice, or its penalty while it has none.
    pub(crate) grams: Vec<f64>,
    /// What each quota has left, in nanograms.
    pub(crate) left: Vec<i128>,
}

impl Board {
    pub(crate) fn new(model: &Model) -> Self {
        Self {
            free: model.capacity.clone(),
            choices: vec![Choice::default(); model.tasks.len()],
            grams: model.tasks.iter().map(|task| task.penalty_g).collect(),
            left: model.quotas.iter().map(|quota| quota.nanograms).collect(),
        }
    }

    /// The cell of the task's site in its hour 0.
    fn first_cell(model: &Model, choice: &Choice) -> usize {
        model.slots[choice.slot as usize].site as usize * model.hours
    }

    /// Takes a choice for a task that has none.
    pub(crate) fn take(&mut self, model: &Model, index: usize, choice: Choice) {
        let from = Self::first_cell(model, &choice);
        for &(hour, accelerators) in &choice.hours {
            self.free[from + hour as usize] -= accelerators as i32;
        }
        if let Some(quota) = model.tasks[index].quota {
            self.left[quota as usize] -= model.emitted(&choice);
        }
        self.grams[index] = model.cost(index, &choice);
        self.choices[index] = choice;
    }

    /// Gives the choice of a task back.
    pub(crate) fn give_back(&mut self, model: &Model, index: usize) -> Choice {
        let choice = std::mem::take(&mut self.choices[index]);
        if choice.slot != NONE {
            let from = Self::first_cell(model, &choice);
            for &(hour, accelerators) in &choice.hours {
                self.free[from + hour as usize] += accelerators as i32;
            }
            if let Some(quota) = model.tasks[index].quota {
                self.left[quota as usize] += model.emitted(&choice);
            }
        }
        self.grams[index] = model.tasks[index].penalty_g;
        choice
    }
}

impl Model {
    /// What a choice emits, in nanograms, as its bill has it; 0 where there is no quota.
    pub(crate) fn emitted(&self, choice: &Choice) -> i128 {
        let slot = &self.slots[choice.slot as usize];
        let from = slot.site as usize * self.hours;
        let g_per_it_kwh = |hour: u32| self.g_per_it_kwh[from + hour as usize];
        let (run_g, restart_g) = emitted_g(slot.watts, slot.restart_h, &choice.hours, g_per_it_kwh);
        nanograms(run_g + restart_g + slot.fixed_g)
    }

    /// What a choice costs without prices.
    pub(crate) fn cost(&self, index: usize, choice: &Choice) -> f64 {
        let (task, slot) = (&self.tasks[index], &self.slots[choice.slot as usize]);
        let from = slot.site as usize * self.hours;
        let mut sum = slot.fixed_g;
        let mut before: Option<u32> = None;
        for &(hour, accelerators) in &choice.hours {
            let accelerators = f64::from(accelerators);
            let power = slot.watts * accelerators * self.grams_per_wh[from + hour as usize];
            let restart = if before.is_some_and(|before| before + 1 < hour) { slot.restart_h } else { 0.0 };
            sum += power * (1.0 + restart) + slot.rate_g * accelerators;
            before = Some(hour);
        }
        let idle = before.map_or(0, |last| last + 1 - task.release - choice.hours.len() as u32);
        sum + task.wait_g * f64::from(idle)
    }
}
