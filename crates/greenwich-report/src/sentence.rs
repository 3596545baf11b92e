//! The plan in one sentence, or two.
//!
//! In: a request and its plan. Out: what to do, what it emits instead of what, and what the saving is
//! made of, or that waiting is not worth it. The shares are of the baseline and add up to the saving.

use crate::amount::{amount, unit};
use crate::breakdown::Breakdown;
use crate::number::{change, count, percent, three};
use crate::when::{short, span};
use greenwich_core::plan::{Placement, Plan, Request};
use greenwich_core::quantity::Co2e;
use greenwich_core::{Provenance, Signal};
use std::fmt::Write as _;

/// A saving below this share is none: it is less than the signal knows.
const WORTH_NAMING: f64 = 0.005;
/// Waiting that saves less than this share of the same run begun at release is not worth it.
const WORTH_WAITING: f64 = 0.05;

/// Says the plan in one sentence; what the saving is made of, and whether waiting is worth it, comes after.
///
/// A part's share is of the baseline: `the place saves 88 %, waiting another 2 %` make a saving of 90 %.
/// Whether waiting is worth it is judged against the same run at the chosen place begun at release.
pub fn sentence(request: &Request, plan: &Plan) -> String {
    let saving = plan.saving_fraction();
    let late_h = plan.baseline.finish().duration_since(request.window.end()).as_secs_f64() / 3600.0;
    if saving.abs() < WORTH_NAMING && late_h <= 0.0 && stays(plan) {
        return start_now(request, plan);
    }
    let (size, name) = unit(plan.baseline.co2e);
    let instead = format!("{} {}", three(plan.baseline.co2e.g() / size), bare(name));
    let emits = emits(request, plan.best.co2e);
    let mut text = format!("Run on {}: {emits} instead of {instead} ({}).", run(&plan.best), change(saving));
    let breakdown = Breakdown::of(request, plan);
    let parts = breakdown.map(|breakdown| parts(breakdown, plan)).unwrap_or_default();
    if saving > WORTH_NAMING && !parts.is_empty() {
        text.push(' ');
        text.push_str(&capitalised(&parts.join(", ")));
        text.push('.');
    }
    if late_h > 0.0 {
        let _ = write!(text, " The baseline would finish {} h after the deadline.", three(late_h));
    }
    if let Some(waiting) = waiting(request, plan, breakdown) {
        text.push(' ');
        text.push_str(&waiting);
    }
    text
}

/// Home, from release: nothing on offer is better by a share worth naming.
fn start_now(request: &Request, plan: &Plan) -> String {
    let run = format!("Start now, here: {}, {}", run(&plan.baseline), emits(request, plan.baseline.co2e));
    if plan.best.segments == plan.baseline.segments {
        return format!("{run}. No place, machine or hour on offer is better by {} or more.", percent(WORTH_NAMING));
    }
    let saves = percent(plan.saving_fraction().max(0.0));
    format!("{run}. The best start on offer, {} UTC, saves {saves}: not worth waiting for.", short(plan.best.start()))
}

/// `1,024 a100-sxm4-80g in gcp/europe-north2 from 5 Jan 2026 00:00 to 12 Jan 07:00 UTC`.
fn run(placement: &Placement) -> String {
    let candidate = &placement.candidate;
    let pieces = match placement.segments.len() {
        1 => String::new(),
        pieces => format!(", in {pieces} pieces"),
    };
    format!(
        "{} {} in {} {}{pieces}",
        count(candidate.count),
        candidate.accelerator,
        candidate.region,
        span(placement.start(), placement.finish()),
    )
}

fn emits(request: &Request, co2e: Co2e) -> String {
    let marginal = request.series.iter().any(|series| series.signal == Signal::Marginal);
    if marginal { format!("{} (consequential)", amount(co2e)) } else { amount(co2e) }
}

/// `tCO2e` without what was just said.
fn bare(unit: &str) -> &str {
    unit.strip_suffix("CO2e").unwrap_or(unit)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Whether the plan is the baseline's place and machine.
fn stays(plan: &Plan) -> bool {
    let (best, home) = (&plan.best.candidate, &plan.baseline.candidate);
    best.region == home.region && best.accelerator == home.accelerator && best.count == home.count
}

fn parts(breakdown: Breakdown, plan: &Plan) -> Vec<String> {
    let [machine, place, time] = breakdown.shares();
    let there = 1.0 - breakdown.time;
    let waiting = if plan.best.segments.len() > 1 { "choosing the hours" } else { "waiting" };
    let named =
        [("the machine", machine), ("the place", place), (waiting, if there >= WORTH_WAITING { time } else { 0.0 })];
    let mut parts: Vec<String> = Vec::new();
    for (name, share) in named {
        let text = match share {
            share if share >= WORTH_NAMING && parts.iter().any(|part| part.contains("saves")) => {
                format!("{name} another {}", percent(share))
            }
            share if share >= WORTH_NAMING => format!("{name} saves {}", percent(share)),
            share if share <= -WORTH_NAMING => format!("{name} adds {}", percent(-share)),
            _ => continue,
        };
        parts.push(text);
    }
    // A small share of a dirty baseline may be a large one of what is left.
    if !stays(plan) && there >= WORTH_WAITING && time >= WORTH_NAMING {
        let last = parts.last_mut().expect("waiting was just named");
        let _ = write!(last, " ({} less than starting there at once)", percent(there));
    }
    parts
}

/// What to say of waiting where it is not worth it, or cannot be judged.
fn waiting(request: &Request, plan: &Plan, breakdown: Option<Breakdown>) -> Option<String> {
    let zone = request.series.get(plan.best.candidate.series)?;
    if matches!(zone.provenance, Provenance::Flat { .. }) {
        return Some(format!("What waiting saves cannot be seen: of {} only a yearly mean is known.", zone.zone));
    }
    if matches!(zone.provenance, Provenance::Given) {
        return Some(format!(
            "What waiting saves cannot be seen: for {} one intensity is given for all hours.",
            zone.zone
        ));
    }
    let breakdown = breakdown?;
    let there = 1.0 - breakdown.time;
    let [.., time] = breakdown.shares();
    if there >= WORTH_WAITING && time < WORTH_NAMING {
        let at_once = Co2e::from_g(plan.best.co2e.g() / breakdown.time);
        return Some(format!(
            "Waiting there saves {} of the baseline: begun there at once, in one piece, it emits {}.",
            percent(time.max(0.0)),
            amount(at_once)
        ));
    }
    if there >= WORTH_WAITING {
        return None;
    }
    let at_home = plan.time_only.as_ref().map_or(0.0, |moved| 1.0 - moved.co2e / plan.baseline.co2e);
    if at_home >= WORTH_WAITING {
        return Some(format!(
            "Waiting there is not worth it: it saves {} at most (waiting at home would save {}).",
            percent(there.max(0.0)),
            percent(at_home)
        ));
    }
    if there >= 0.01 && (plan.best.segments.len() > 1 || plan.best.start() > request.window.start()) {
        let at_once = Co2e::from_g(plan.best.co2e.g() / breakdown.time);
        return Some(format!(
            "Choosing the hours is hardly worth it: it saves {}; begun there at once, in one piece, the run emits {}.",
            percent(there),
            amount(at_once)
        ));
    }
    Some(format!("Waiting is not worth it: it saves {} at most.", percent(there.max(at_home).max(0.0))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use insta::assert_snapshot;

    fn of(fixture: &fixture::Fixture) -> String {
        sentence(&fixture.request, &fixture.plan)
    }

    #[test]
    fn a_move_names_its_parts() {
        assert_snapshot!(of(&fixture::moved()), @"Run on 1,024 a100-sxm4-80g in gcp/europe-north2 from 12 Feb 2026 10:00 to 19 Feb 17:00 UTC: 2.42 tCO2e instead of 41.2 t (−94 %). The place saves 93 %, waiting another 1.4 % (19 % less than starting there at once).");
    }

    #[test]
    fn nothing_to_save_says_start_now() {
        assert_snapshot!(of(&fixture::stayed()), @"Start now, here: 8 a100-sxm4-80g in our room from 5 Jan 2026 00:00 to 06:00 UTC, 16.6 kgCO2e. No place, machine or hour on offer is better by 0.5 % or more.");
    }

    #[test]
    fn a_machine_is_named_apart_from_the_place() {
        assert_snapshot!(of(&fixture::other_machine()), @"Run on 16 h100-sxm5-80g in aws/eu-north-1 from 3 Jun 2026 11:00 to 4 Jun 17:00 UTC: 16.3 kgCO2e instead of 467 kg (−97 %). The machine saves 50 %, the place another 46 %, waiting another 0.9 % (20 % less than starting there at once).");
    }

    #[test]
    fn pieces_are_counted() {
        assert_snapshot!(of(&fixture::paused()), @"Run on 8 a100-sxm4-80g in our room from 1 Apr 2026 10:00 to 9 Apr 14:00 UTC, in 9 pieces: 13.2 kgCO2e instead of 25.0 kg (−47 %). Choosing the hours saves 47 %.");
    }

    #[test]
    fn a_start_that_saves_next_to_nothing_is_not_worth_waiting_for() {
        let mut fixture = fixture::stayed();
        let release = fixture.request.window.start();
        let later = fixture::window("2026-01-05T08:00:00Z", "2026-01-05T14:00:00Z");
        assert!(later.start() > release);
        fixture.plan.best.segments = vec![later];
        fixture.plan.best.co2e = fixture.plan.baseline.co2e * 0.997;
        assert_snapshot!(of(&fixture), @"Start now, here: 8 a100-sxm4-80g in our room from 5 Jan 2026 00:00 to 06:00 UTC, 16.6 kgCO2e. The best start on offer, 5 Jan 08:00 UTC, saves 0.3 %: not worth waiting for.");
    }

    #[test]
    fn a_flat_signal_cannot_judge_waiting() {
        let mut fixture = fixture::moved();
        for series in &mut fixture.request.series {
            series.provenance = Provenance::Flat { year: 2024, zone: series.zone.clone() };
        }
        assert!(of(&fixture).ends_with("What waiting saves cannot be seen: of SE-SE3 only a yearly mean is known."));
    }

    #[test]
    fn a_late_baseline_is_said() {
        let mut fixture = fixture::moved();
        fixture.plan.time_only = None;
        let release = fixture.request.window.start();
        fixture.request.window =
            greenwich_core::Window::new(release, release + jiff::SignedDuration::from_hours(170)).expect("forwards");
        assert!(of(&fixture).contains("The baseline would finish 5.00 h after the deadline."));
    }

    #[test]
    fn what_is_left_of_waiting_is_said_to_be_little() {
        let mut fixture = fixture::moved();
        let series = fixture.plan.best.candidate.series;
        let old = &fixture.request.series[series];
        let steady = vec![fixture.plan.best.mean_g_per_kwh(&fixture.request.series).expect("covered"); 1104];
        fixture.request.series[series] = greenwich_core::IntensitySeries::new(
            old.zone.clone(),
            old.signal,
            old.provenance.clone(),
            old.start(),
            old.step(),
            steady,
        );
        assert_snapshot!(of(&fixture), @"Run on 1,024 a100-sxm4-80g in gcp/europe-north2 from 12 Feb 2026 10:00 to 19 Feb 17:00 UTC: 2.42 tCO2e instead of 41.2 t (−94 %). The place saves 94 %. Waiting is not worth it: it saves 0.3 % at most.");
    }

    #[test]
    fn a_marginal_signal_is_called_consequential() {
        let mut fixture = fixture::moved();
        for series in &mut fixture.request.series {
            series.signal = Signal::Marginal;
        }
        assert!(of(&fixture).contains("tCO2e (consequential) instead of"));
    }
}
