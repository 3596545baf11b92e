//! What a saving is made of: machine, place and time, as factors.
//!
//! In: a request and its plan. Out: three factors whose product is planned ÷ baseline, exactly. They
//! come from three runs between which one thing changes at a time, each begun at release and never
//! paused but the last:
//!
//! 1. baseline: home's place and machine;
//! 2. the new machine: the facility energy of the work, new ÷ old, at the one place where the request
//!    holds both machines (home before the new place); where it holds no such pair, each at its own;
//! 3. the new place: its PUE and its intensity, and moving the data there;
//! 4. the plan: waiting and pausing, with what pauses cost.

use greenwich_core::Window;
use greenwich_core::plan::{Candidate, Placement, Plan, Request};
use greenwich_core::quantity::Co2e;
use jiff::SignedDuration;

/// Planned ÷ baseline, split; below one is a saving.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breakdown {
    /// The machine: energy for the same work.
    pub machine: f64,
    /// The place: PUE, intensity from release on, transfer of the data.
    pub place: f64,
    /// Waiting and pausing at that place with that machine.
    pub time: f64,
}

impl Breakdown {
    /// Splits the plan's saving; `None` where the chosen zone's intensity from release on is not known.
    pub fn of(request: &Request, plan: &Plan) -> Option<Self> {
        let (best, baseline) = (&plan.best, &plan.baseline);
        let machine = machine(request, &best.candidate, &baseline.candidate)?;
        let begun_at_release = begun_at_release(request, best)?;
        let place = begun_at_release / (baseline.co2e * machine);
        let time = best.co2e / begun_at_release;
        [machine, place, time].iter().all(|factor| factor.is_finite()).then_some(Self { machine, place, time })
    }
    /// Planned ÷ baseline.
    pub fn whole(&self) -> f64 {
        self.machine * self.place * self.time
    }
    /// What machine, place and time save, each as a share of the baseline, in that order; their sum is
    /// the whole saving.
    pub fn shares(&self) -> [f64; 3] {
        let moved = self.machine * self.place;
        [1.0 - self.machine, self.machine * (1.0 - self.place), moved * (1.0 - self.time)]
    }
}

fn energy_kwh(candidate: &Candidate) -> f64 {
    candidate.facility_power.kw() * candidate.work.hours()
}

fn same_machine(a: &Candidate, b: &Candidate) -> bool {
    a.accelerator == b.accelerator && a.count == b.count
}

fn machine(request: &Request, new: &Candidate, old: &Candidate) -> Option<f64> {
    if same_machine(new, old) {
        return Some(1.0);
    }
    let held = |place: &Candidate, machine: &Candidate| {
        request.candidates.iter().find(|held| held.region == place.region && same_machine(held, machine))
    };
    let ratio = match (held(old, new), held(new, old)) {
        (Some(new_at_home), _) => energy_kwh(new_at_home) / energy_kwh(old),
        (None, Some(old_at_new)) => energy_kwh(new) / energy_kwh(old_at_new),
        (None, None) => energy_kwh(new) / energy_kwh(old),
    };
    (ratio.is_finite() && ratio > 0.0).then_some(ratio)
}

/// Emissions of the chosen place and machine, begun at release and not paused.
fn begun_at_release(request: &Request, best: &Placement) -> Option<Co2e> {
    let candidate = &best.candidate;
    let release = request.window.start();
    let work = SignedDuration::try_from_secs_f64(candidate.work.seconds()).ok()?;
    let run = Window::new(release, release.checked_add(work).ok()?).ok()?;
    let transfer_g = candidate.transfer.kwh() * candidate.transfer_g_per_kwh;
    Some(request.emitted(candidate, run)? + Co2e::from_g(transfer_g))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_three_factors_multiply_to_the_whole() {
        for fixture in [fixture::moved(), fixture::stayed(), fixture::other_machine()] {
            let breakdown = Breakdown::of(&fixture.request, &fixture.plan).expect("the zone is covered");
            let whole = fixture.plan.best.co2e / fixture.plan.baseline.co2e;
            assert!((breakdown.whole() - whole).abs() < 1e-12);
            assert!((breakdown.shares().iter().sum::<f64>() - fixture.plan.saving_fraction()).abs() < 1e-12);
            assert!(breakdown.time <= 1.0 + 1e-9);
        }
    }

    #[test]
    fn the_machine_is_compared_at_home_where_home_offers_it() {
        let fixture = fixture::other_machine();
        let breakdown = Breakdown::of(&fixture.request, &fixture.plan).expect("the zone is covered");
        assert!((breakdown.machine - 0.5).abs() < 1e-9, "{breakdown:?}");
    }
}
