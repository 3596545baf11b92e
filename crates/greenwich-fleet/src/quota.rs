//! Budgets of CO2e that jobs of a project share.
//!
//! In: a fleet whose projects have quotas, and who runs where and when. Out: what each quota came to. CO2e of jobs is added
//! up in whole nanograms, so that planner and checker agree to the last bit whatever the order; a job without a place adds
//! nothing.

use crate::fleet::Fleet;
use crate::plan::{FleetPlan, Reason};
use crate::tally::Run;
use greenwich_core::quantity::Co2e;

const PER_G: f64 = 1e9;
/// What rounding to nanograms may add to a quota for each of its jobs, and once for itself, in grams.
const HAIR_G: f64 = 1.0 / PER_G;

/// Whole nanograms.
pub(crate) fn nanograms(grams: f64) -> i128 {
    (grams * PER_G).round() as i128
}

/// Grams.
pub(crate) fn grams(nanograms: i128) -> f64 {
    nanograms as f64 / PER_G
}

/// What a project's quota came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaUse {
    /// The project: an index into [`Fleet::projects`].
    pub project: u32,
    /// What its placed jobs may emit.
    pub quota: Co2e,
    /// What they do emit.
    pub used: Co2e,
    /// The shadow price: what the objective would fall by for each gram more of the quota, in grams. 0 where it does not
    /// bind.
    pub saves_g_per_g: f64,
    /// Its jobs.
    pub jobs: usize,
    /// Those that it leaves without a place.
    pub unplaced: usize,
}

impl Fleet {
    /// The project of a job, where it has a quota.
    pub(crate) fn budget_of(&self, index: usize) -> Option<u32> {
        let project = self.extras.get(index)?.project?;
        self.projects.get(project as usize)?.quota.map(|_| project)
    }

    /// What a gram of a job's CO2e counts beyond itself, by prices of the projects.
    pub(crate) fn quota_price(&self, index: usize, prices: &[f64]) -> f64 {
        self.budget_of(index).and_then(|project| prices.get(project as usize)).copied().unwrap_or(0.0)
    }

    /// Whether any project has a quota.
    pub(crate) fn has_quotas(&self) -> bool {
        self.projects.iter().any(|project| project.quota.is_some())
    }

    /// Σ price × quota, as far as rounding to nanograms may stretch it; `None` for prices that are not of these quotas: below
    /// 0, not numbers, or of a project without quota.
    pub(crate) fn quotas_held(&self, prices: &[f64]) -> Option<Vec<f64>> {
        if prices.len() != if self.has_quotas() { self.projects.len() } else { 0 } {
            return None;
        }
        let mut jobs = vec![1.0; self.projects.len()];
        for index in 0..self.jobs.len() {
            if let Some(project) = self.budget_of(index) {
                jobs[project as usize] += 1.0;
            }
        }
        let held = self.projects.iter().zip(prices).zip(jobs).map(|((project, &price), jobs)| match project.quota {
            _ if !(price.is_finite() && price >= 0.0) => None,
            Some(quota) => Some(price * (quota.g() + HAIR_G * jobs)),
            None => (price == 0.0).then_some(0.0),
        });
        held.collect()
    }

    /// What jobs of each project emit, in nanograms.
    pub(crate) fn emitted_by_project(&self, runs: &[Option<Run>]) -> Vec<i128> {
        let mut used = vec![0; self.projects.len()];
        for (index, run) in runs.iter().enumerate() {
            let Some((run, project)) = run.as_ref().zip(self.budget_of(index)) else { continue };
            if let Some(way) = self.way(index, run.site) {
                used[project as usize] += nanograms(self.bill(index, run.site, &way, &run.hours).emitted_g());
            }
        }
        used
    }

    /// What the quotas came to.
    pub(crate) fn quota_uses(&self, runs: &[Option<Run>], prices: &[f64], unplaced: &[(u32, Reason)]) -> Vec<QuotaUse> {
        let used = self.emitted_by_project(runs);
        let mut jobs = vec![(0, 0); self.projects.len()];
        for index in 0..self.jobs.len() {
            if let Some(project) = self.budget_of(index) {
                jobs[project as usize].0 += 1;
            }
        }
        for (job, _) in unplaced.iter().filter(|(_, reason)| *reason == Reason::Quota) {
            if let Some(project) = self.budget_of(*job as usize) {
                jobs[project as usize].1 += 1;
            }
        }
        let of = |project: usize| {
            Some(QuotaUse {
                project: project as u32,
                quota: self.projects[project].quota?,
                used: Co2e::from_g(grams(used[project])),
                saves_g_per_g: prices.get(project).copied().unwrap_or(0.0),
                jobs: jobs[project].0,
                unplaced: jobs[project].1,
            })
        };
        (0..self.projects.len()).filter_map(of).collect()
    }
}

impl FleetPlan {
    /// What the quota of a job's project came to; `None` where it has none.
    pub fn quota_of(&self, fleet: &Fleet, job: u32) -> Option<&QuotaUse> {
        let project = fleet.budget_of(job as usize)?;
        self.quotas.iter().find(|quota| quota.project == project)
    }
}
