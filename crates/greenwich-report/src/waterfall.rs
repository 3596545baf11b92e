//! The course from base to alternative, lever by lever: what text and SVG draw.
//!
//! In: the levers between two jobs. Out: its steps, the CO2e after each, and a log axis for them. On a
//! log axis a factor has one length wherever it stands, so lengths add up as factors multiply.

use crate::number::three;
use greenwich_core::levers::{Levers, Scope2};

/// Why the split is what it is, in one line.
pub(crate) const RULE: &str = "CO2e = training FLOPs × (IT energy ÷ training FLOP) × PUE × intensity: each lever is the \
     ratio of one factor, so the four multiply to the whole and no order of taking them changes any.";

/// One lever with what it is the ratio of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) of: &'static str,
    /// Base over alternative.
    pub(crate) ratio: f64,
}

/// The levers that are known, in the order of the 4Ms.
pub(crate) fn steps(levers: &Levers) -> Vec<Step> {
    let step = |name, of, ratio| Step { name, of, ratio };
    let (machine, per_flop) = match levers.model {
        Some(_) => ("Machine", "IT energy per training FLOP"),
        None => ("Model × Machine", "IT energy"),
    };
    let model = levers.model.map(|ratio| step("Model", "training FLOPs", ratio));
    let rest = [
        step(machine, per_flop, levers.machine),
        step("Mechanization", "PUE", levers.mechanization),
        step("Map", "intensity of the electricity", levers.map),
    ];
    model.into_iter().chain(rest).collect()
}

/// `glam emits 14.0 times less CO2e than gpt-3 (location-based) and needs 2.80 times less energy.`
pub(crate) fn headline(levers: &Levers) -> String {
    let (base, alternative) = (&levers.base, &levers.alternative);
    let times = |ratio: f64| match ratio {
        ratio if (ratio - 1.0).abs() < 0.005 => "as much".to_owned(),
        ratio if ratio > 1.0 => format!("÷{}", three(ratio)),
        ratio => format!("×{}", three(1.0 / ratio)),
    };
    format!(
        "From {base} to {alternative}: CO2e {} ({}), energy {}.",
        times(levers.co2e_ratio),
        method(levers.scope2),
        times(levers.energy_ratio)
    )
}

/// The Scope 2 method as the field says it.
pub(crate) const fn method(scope2: Scope2) -> &'static str {
    match scope2 {
        Scope2::Location => "location-based",
        Scope2::Market => "market-based",
    }
}

/// What a lever does to the CO2e: `÷2.50`, `×1.30`, `as before`.
pub(crate) fn effect(ratio: f64) -> String {
    if (ratio - 1.0).abs() < 0.000_5 {
        "unchanged".to_owned()
    } else if ratio >= 1.0 {
        format!("÷{}", three(ratio))
    } else {
        format!("×{}", three(1.0 / ratio))
    }
}

/// Ticks of the axis: one, two and five times a power of ten.
pub(crate) fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let powers = || (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let grid = |digits: &[f64], every: i32| -> Vec<f64> {
        let all = powers().filter(|power| power % every == 0);
        let all = all.flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        all.filter(|tick| *tick >= low * (1.0 - 1e-9) && *tick <= high * (1.0 + 1e-9)).collect()
    };
    let grids = [grid(&[1.0, 2.0, 5.0], 1), grid(&[1.0, 3.0], 1), grid(&[1.0], 1), grid(&[1.0], 2), grid(&[1.0], 5)];
    grids.into_iter().find(|ticks| ticks.len() <= most).unwrap_or_default()
}

/// The CO2e after each step, the base being 1.
pub(crate) fn course(levers: &Levers) -> Vec<f64> {
    let mut at = 1.0;
    let after = steps(levers).into_iter().map(|step| {
        at /= step.ratio;
        at
    });
    std::iter::once(1.0).chain(after.collect::<Vec<_>>()).collect()
}

/// The ends of the axis: the course with some room, at least a factor of two.
pub(crate) fn ends(course: &[f64]) -> (f64, f64) {
    let low = course.iter().copied().fold(f64::INFINITY, f64::min);
    let high = course.iter().copied().fold(0.0, f64::max);
    let room = (high / low).powf(0.04).max(1.02);
    let (low, high) = (low / room, high * room);
    if high / low < 2.0 { (low / 1.4, high * 1.4) } else { (low, high) }
}

/// A tick without needless zeros: `0.5`, `20`, `1,000`.
pub(crate) fn plain(tick: f64) -> String {
    let text = three(tick);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_course_ends_at_the_whole() {
        let levers = fixture::levers();
        let course = course(&levers);
        assert!((course[course.len() - 1] * levers.co2e_ratio - 1.0).abs() < 1e-9, "{course:?}");
        assert!(course.len() == 5);
    }

    #[test]
    fn equal_factors_have_equal_lengths_wherever_they_stand() {
        let (low, high) = (0.01, 1.0);
        let place = |value: f64| (value / low).ln() / (high / low).ln();
        assert!((place(0.04) - place(0.02) - (place(0.8) - place(0.4))).abs() < 1e-12);
        assert_eq!(ticks(low, high, 9), [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]);
        assert_eq!(ticks(low, high, 3), [0.01, 0.1, 1.0]);
        assert_eq!((plain(5.0), plain(0.5), plain(1000.0)), ("5".into(), "0.5".into(), "1,000".into()));
    }
}
