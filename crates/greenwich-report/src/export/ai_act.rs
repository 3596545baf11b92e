//! The figures of the EU AI Act that a meter can give.
//!
//! In: runs. Out: text for the technical documentation: compute and training time (point 2 (d)), energy in MWh to
//! two significant figures with its method (point 2 (e)), and what is missing. It is a part of Annex XI, no more.
//!
//! # Sources
//! Regulation (EU) 2024/1689, Annex XI, section 1, point 2 (d) and (e). The split of training time in wall-clock and
//! hardware days and the two significant figures follow the Model Documentation Form of the General-Purpose AI Code
//! of Practice (2025).

use crate::amount::range;
use crate::export::markdown::escape;
use crate::export::record::{self, SOFTWARE, explained};
use crate::export::whole::Whole;
use crate::number::three;
use greenwich_core::entry::RunEntry;
use greenwich_core::quantity::{Flops, significant};
use greenwich_core::reading::Method;
use std::fmt::Write as _;

/// Days of the form's four classes of training time, a month as a twelfth of a year.
const MONTH_D: f64 = 365.0 / 12.0;

/// The figures as Markdown.
pub fn render(entries: &[RunEntry]) -> String {
    let whole = Whole::of(entries);
    let mut missing: Vec<String> = Vec::new();
    let mut out =
        String::from("# EU AI Act, Annex XI, section 1, point 2 (d) and (e)\n\n## (d) Computational resources\n\n");
    time(&mut out, &whole);
    compute(&mut out, &mut missing, &whole);
    out.push_str("\n## (e) Energy consumption\n\n");
    energy(&mut out, &mut missing, &whole);
    out.push_str("\n## What is missing\n\n");
    missing.push(
        "runs that are not in this list: failed and preliminary ones belong to the model's training if they served it"
            .to_owned(),
    );
    for text in &missing {
        let _ = writeln!(out, "- {text}");
    }
    out.push_str("\n## Our record\n\n");
    for (name, text) in record::lines(&whole) {
        let _ = writeln!(out, "- {}", escape(&format!("{name}: {text}")));
    }
    let _ = writeln!(out, "\nFigures by {SOFTWARE}.");
    out
}

fn time(out: &mut String, whole: &Whole<'_>) {
    let wall_d = whole.wall_s() / 86_400.0;
    let class = match wall_d / MONTH_D {
        months if months < 1.0 => "less than 1 month",
        months if months < 3.0 => "1 to 3 months",
        months if months < 6.0 => "3 to 6 months",
        _ => "more than 6 months",
    };
    let hardware = if whole.has_accelerators() {
        format!("{} accelerator-days", three(whole.sum.accelerator_hours.p50.hours() / 24.0))
    } else {
        "no accelerator".to_owned()
    };
    let _ = writeln!(out, "- Training time: {class}: {} wall-clock days, {hardware}", three(wall_d));
}

fn compute(out: &mut String, missing: &mut Vec<String>, whole: &Whole<'_>) {
    if let Some(flops) = &whole.sum.training_flops {
        let spread = if flops.is_exact() { String::new() } else { format!("; range {}", range(flops)) };
        let _ = writeln!(out, "- Computation used for training: {}{spread}", flop(flops.p50));
        let _ = writeln!(
            out,
            "- Method: model FLOPs, a multiply-add counting two, recomputation not counted, from the parameters and \
             tokens of the job"
        );
    } else {
        out.push_str("- Computation used for training: not known\n");
        missing.push("computation in FLOP: the runs do not tell the model's parameters and tokens".to_owned());
    }
}

/// `2.5 × 10^19 FLOP`.
fn flop(flops: Flops) -> String {
    let text = format!("{:.1e}", flops.flops());
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{mantissa} × 10^{exponent} FLOP"),
        None => format!("{text} FLOP"),
    }
}

fn energy(out: &mut String, missing: &mut Vec<String>, whole: &Whole<'_>) {
    let mwh = |energy: greenwich_core::quantity::FacilityEnergy| significant(energy.mwh(), 2);
    let energy = &whole.sum.facility_energy;
    let Some(worst) = whole.method() else {
        out.push_str("- Energy used for training: not known\n");
        missing.push(
            "energy: no device was metered; Annex XI lets it be estimated from the computational resources used"
                .to_owned(),
        );
        return;
    };
    let spread =
        if energy.is_exact() { String::new() } else { format!(" (range {} to {})", mwh(energy.p5), mwh(energy.p95)) };
    let known = if worst <= Method::Sampled { "known" } else { "estimated" };
    let _ = writeln!(out, "- Energy used for training: {} MWh{spread}, {known}", mwh(energy.p50));
    let ways: Vec<String> = whole.known_by().iter().map(|(way, _)| explained(*way).to_owned()).collect();
    let pue = record::sourced(whole.pue(), "", &whole.factors("PUE"));
    let _ = writeln!(out, "- Method: {} ({}); times the PUE, {}", ways.join("; "), record::method(whole), escape(&pue));
    for device in whole.counted_devices().filter(|device| device.method == Method::Unknown) {
        let name = escape(&device.device);
        missing.push(format!(
            "energy of {name}, which could not be read: {} at most",
            range(&greenwich_core::Range::exact(device.energy.p95))
        ));
    }
    if let Some((held, expected)) = whole.missing_nodes() {
        missing.push(format!("energy of {} of {expected} nodes", expected - held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;

    /// Model Documentation Form: energy in MWh to two significant figures.
    #[test]
    fn energy_has_two_significant_figures() {
        let text = render(&[fixture::counted()]);
        assert!(text.contains("- Energy used for training: 0.0098 MWh (range 0.0091 to 0.011), known"), "{text}");
    }

    #[test]
    fn compute_is_written_as_a_power_of_ten() {
        assert_eq!(flop(Flops::from_flops(2.54e19)), "2.5 × 10^19 FLOP");
        assert_eq!(flop(Flops::from_flops(9.97e23)), "1.0 × 10^24 FLOP");
    }
}
