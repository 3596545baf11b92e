//! The four levers on one slide: a waterfall on a log axis.
//!
//! In: the levers between two jobs. Out: SVG. On a log axis a factor has one length wherever it stands,
//! so the bars from base to alternative add up as the factors multiply.

use crate::number::three;
use crate::svg::canvas::{Anchor, CLEAN, Canvas, DIRTY, Font, GREY, HEIGHT, INK, MARGIN, RULE, WIDTH};
use crate::text::wrap::least;
use crate::waterfall::{RULE as WHY, course, effect, ends, headline, method, plain, steps, ticks};
use greenwich_core::levers::Levers;

const PLOT: (f64, f64) = (MARGIN + 76.0, WIDTH - MARGIN);
const PLOT_FOOT: f64 = 520.0;
const BAR_SHARE: f64 = 0.56;
const BASE: &str = "#4d4d4d";

/// The levers as a picture.
pub fn levers(levers: &Levers) -> String {
    let title = headline(levers);
    let mut canvas = Canvas::new(&title);
    let top = canvas.headline(&title) + 8.0;
    let says = format!("Operational CO2e against {}, {}, log axis", levers.base, method(levers.scope2));
    canvas.label((MARGIN, top), WIDTH - 2.0 * MARGIN, Anchor::Start, Font::grey(16.0), &says);
    waterfall(&mut canvas, levers, top + 40.0);
    footer(&mut canvas, levers);
    canvas.finish()
}

fn waterfall(canvas: &mut Canvas, levers: &Levers, top: f64) {
    let course = course(levers);
    let (low, high) = ends(&course);
    // Room for the first bar's label above it, and a foot under the last.
    let (low, high) = (low * (low / high).powf(0.08), high * (high / low).powf(0.08));
    let y = |value: f64| PLOT_FOOT - (value / low).ln() / (high / low).ln() * (PLOT_FOOT - top);
    for tick in ticks(low, high, 9) {
        canvas.line((PLOT.0, y(tick)), (PLOT.1, y(tick)), "#e0e0e0", 1.0);
        canvas.text(
            (PLOT.0 - 10.0, y(tick) + 5.0),
            Anchor::End,
            Font::plain(14.0),
            &format!("{} %", plain(tick * 100.0)),
        );
    }
    canvas.line((PLOT.0, PLOT_FOOT), (PLOT.1, PLOT_FOOT), INK, 1.0);
    let steps = steps(levers);
    let column = (PLOT.1 - PLOT.0) / (steps.len() + 2) as f64;
    let middle = |index: usize| PLOT.0 + column * (index as f64 + 0.5);
    let bar = column * BAR_SHARE;
    let names = |canvas: &mut Canvas, index: usize, name: &str, of: &str| {
        let at = (middle(index), PLOT_FOOT + 24.0);
        // A job's name is kept whole where some size allows it.
        let sizes = [16.0, 14.0, 12.0, 11.0];
        let whole = |size: &f64| least(name) <= Font::bold(*size).fits(column - 6.0);
        let font = Font::bold(sizes.into_iter().find(whole).unwrap_or(11.0));
        let y = canvas.paragraph(at, column - 6.0, Anchor::Middle, font, 2, name);
        canvas.paragraph((at.0, y), column - 10.0, Anchor::Middle, Font::grey(13.0), 2, of);
    };
    let whole = |canvas: &mut Canvas, index: usize, name: &str, of: &str, value: f64| {
        canvas.rect((middle(index) - bar / 2.0, y(value)), (bar, PLOT_FOOT - y(value)), BASE, "");
        let says = format!("{} %", three(value * 100.0));
        canvas.text((middle(index), y(value) - 9.0), Anchor::Middle, Font::bold(20.0), &says);
        names(canvas, index, name, of);
    };
    whole(canvas, 0, &levers.base, "base", 1.0);
    for (index, step) in steps.iter().enumerate() {
        let (before, after) = (course[index], course[index + 1]);
        let (upper, lower) = (y(before.max(after)), y(before.min(after)));
        let (x, less) = (middle(index + 1), after <= before);
        // The level handed from bar to bar.
        canvas.line((middle(index) + bar / 2.0, y(before)), (x + bar / 2.0, y(before)), GREY, 1.2);
        let fill = if less { CLEAN } else { DIRTY };
        canvas.rect((x - bar / 2.0, upper), (bar, (lower - upper).max(2.0)), fill, "");
        // An arrow in the bar says the direction once more, where there is room for it.
        if lower - upper > 30.0 {
            let (tail, tip) = if less { (upper + 7.0, lower - 7.0) } else { (lower - 7.0, upper + 7.0) };
            let back = if less { -9.0 } else { 9.0 };
            canvas.line((x, tail), (x, tip), "#ffffff", 2.5);
            canvas.line((x, tip), (x - 7.0, tip + back), "#ffffff", 2.5);
            canvas.line((x, tip), (x + 7.0, tip + back), "#ffffff", 2.5);
        }
        canvas.text((x, upper - 9.0), Anchor::Middle, Font::bold(20.0), &effect(step.ratio));
        names(canvas, index + 1, step.name, step.of);
    }
    let (last, end) = (steps.len() + 1, course[course.len() - 1]);
    canvas.line((middle(last - 1) + bar / 2.0, y(end)), (middle(last) + bar / 2.0, y(end)), GREY, 1.2);
    whole(canvas, last, &levers.alternative, "alternative", end);
}

fn footer(canvas: &mut Canvas, levers: &Levers) {
    canvas.line((MARGIN, HEIGHT - 92.0), (WIDTH - MARGIN, HEIGHT - 92.0), RULE, 1.0);
    let width = WIDTH - 2.0 * MARGIN;
    let grey = Font { size: 13.0, bold: false, fill: GREY };
    let y = canvas.paragraph((MARGIN, HEIGHT - 72.0), width - 110.0, Anchor::Start, grey, 2, WHY);
    if !levers.warnings.is_empty() {
        let says = format!("Note: {}.", levers.warnings.join("; "));
        canvas.paragraph((MARGIN, y), width - 110.0, Anchor::Start, Font::bold(13.0), 2, &says);
    }
    let name = Font { size: 12.0, bold: true, fill: GREY };
    canvas.text((WIDTH - MARGIN, HEIGHT - 72.0), Anchor::End, name, "Greenwich");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_lever_has_its_bar_and_its_factor() {
        let picture = levers(&fixture::levers());
        for says in ["Model", "Machine", "Mechanization", "Map", "×1.25", "÷4.20", "÷1.11", "÷8.10", "100 %", "3.31 %"]
        {
            assert!(picture.contains(&format!(">{says}<")), "{says}");
        }
    }

    #[test]
    fn without_flops_one_bar_holds_model_and_machine_and_a_note_says_so() {
        let picture = levers(&fixture::levers_without_model());
        assert!(picture.contains("Model ×") && picture.contains(">÷3.36<"));
        assert!(picture.contains("Note: the training FLOPs"));
    }
}
