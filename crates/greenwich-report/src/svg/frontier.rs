//! What cannot be bettered in hours, CO2e and cost, on one slide.
//!
//! In: the frontier of many ways to run a job, the best of each aim, and a sample of the rest. Out: SVG. Hours run to the
//! right and CO2e upwards, both on log axes; cost is the shade of a point and stands beside the best in figures.

use crate::amount::amount;
use crate::number::count;
use crate::svg::canvas::{Anchor, Canvas, Font, GREY, HEIGHT, INK, MARGIN, RULE, WIDTH};
use crate::waterfall::ticks;
use greenwich_core::quantity::{Co2e, FacilityEnergy, Hours, Usd};

/// A way to run the job, by its medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    /// Wall clock.
    pub hours: f64,
    /// Kilograms of CO2e, or kilowatt-hours where [`Frontier::by_energy`]; not drawn where not finite.
    pub emitted: f64,
    /// Dollars, where known.
    pub cost_usd: Option<f64>,
}

/// The best of one aim.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// What it is the best in: `Quickest, cheapest`.
    pub aim: String,
    /// Where it lies.
    pub way: Way,
    /// 5th and 95th percentile of hours and of what is emitted.
    pub ends: [[f64; 2]; 2],
    /// What it is: `1,024 h100-sxm5-80g, fp8`.
    pub machine: String,
    /// Where: `gcp/europe-north2`.
    pub place: String,
    /// Its figures with their ranges, a line each.
    pub figures: Vec<String>,
}

/// Everything that the picture shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontier<'a> {
    /// The slide's title.
    pub title: String,
    /// The best of each aim.
    pub marks: Vec<Mark>,
    /// What nothing beats in all three, quickest first.
    pub frontier: Vec<Way>,
    /// Some of the rest.
    pub sample: &'a [Way],
    /// How many ways can be run.
    pub feasible: u64,
    /// Whether the upward axis is energy, since no intensity is known.
    pub by_energy: bool,
}

const PLOT: (f64, f64) = (MARGIN + 84.0, 846.0);
const PLOT_FOOT: f64 = 596.0;
const PANEL: f64 = 898.0;
/// Cheap to dear.
const CHEAP: [f64; 3] = [253.0, 191.0, 111.0];
const DEAR: [f64; 3] = [129.0, 53.0, 124.0];
/// A cost that nobody knows.
const UNPRICED: &str = "#8c8c8c";

/// The frontier as a picture.
pub fn frontier(view: &Frontier<'_>) -> String {
    let mut canvas = Canvas::new(&view.title);
    let top = canvas.headline(&view.title) + 6.0;
    let axes = Axes::of(view, top + 22.0);
    let emitted = if view.by_energy { "facility energy" } else { "CO2e, location-based" };
    let says = format!("{emitted}, against wall-clock hours; medians, log axes");
    canvas.text((PLOT.0, top), Anchor::Start, Font::grey(14.0), &says);
    axes.draw(&mut canvas, view);
    ways(&mut canvas, view, &axes);
    panel(&mut canvas, view, top);
    footer(&mut canvas, view);
    canvas.finish()
}

/// Where a way lies on the slide.
struct Axes {
    hours: (f64, f64),
    emitted: (f64, f64),
    cost: Option<(f64, f64)>,
    top: f64,
}

impl Axes {
    fn of(view: &Frontier<'_>, top: f64) -> Self {
        let drawn = || view.frontier.iter().chain(view.sample).filter(|way| way.emitted.is_finite());
        let ends = |value: fn(&Way) -> f64, of_marks: usize| {
            let marks = view.marks.iter().filter(|mark| mark.way.emitted.is_finite());
            let marks = marks.flat_map(|mark| mark.ends[of_marks]).filter(|end| *end > 0.0);
            let all = drawn().map(value).chain(marks);
            let (low, high) =
                all.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
            let (low, high) = if low.is_finite() { (low, high) } else { (1.0, 10.0) };
            let room = (high / low).powf(0.03).max(1.1);
            (low / room, high * room)
        };
        let costs = view.frontier.iter().filter_map(|way| way.cost_usd);
        let cost = costs.fold(None, |ends: Option<(f64, f64)>, cost| {
            Some(ends.map_or((cost, cost), |(low, high)| (low.min(cost), high.max(cost))))
        });
        Self { hours: ends(|way| way.hours, 0), emitted: ends(|way| way.emitted, 1), cost, top }
    }
    fn x(&self, hours: f64) -> f64 {
        let (low, high) = self.hours;
        let share = ((hours / low).ln() / (high / low).ln()).clamp(0.0, 1.0);
        PLOT.0 + share * (PLOT.1 - PLOT.0)
    }
    fn y(&self, emitted: f64) -> f64 {
        let (low, high) = self.emitted;
        let share = ((emitted / low).ln() / (high / low).ln()).clamp(0.0, 1.0);
        PLOT_FOOT - share * (PLOT_FOOT - self.top)
    }
    fn fill(&self, way: &Way) -> String {
        let Some((cost, (low, high))) = way.cost_usd.zip(self.cost) else { return UNPRICED.to_owned() };
        shade(if high > low { (cost / low).ln() / (high / low).ln() } else { 0.0 })
    }
    fn draw(&self, canvas: &mut Canvas, view: &Frontier<'_>) {
        for tick in ticks(self.hours.0, self.hours.1, 9) {
            let x = self.x(tick);
            canvas.line((x, self.top), (x, PLOT_FOOT), GRID, 1.0);
            let says = short(&amount(Hours::from_hours(tick)));
            canvas.text((x, PLOT_FOOT + 20.0), Anchor::Middle, Font::plain(14.0), &says);
        }
        for tick in ticks(self.emitted.0, self.emitted.1, 9) {
            let y = self.y(tick);
            canvas.line((PLOT.0, y), (PLOT.1, y), GRID, 1.0);
            let says =
                if view.by_energy { amount(FacilityEnergy::from_kwh(tick)) } else { amount(Co2e::from_kg(tick)) };
            canvas.text((PLOT.0 - 10.0, y + 5.0), Anchor::End, Font::plain(14.0), &short(&says));
        }
        canvas.line((PLOT.0, PLOT_FOOT), (PLOT.1, PLOT_FOOT), INK, 1.0);
        canvas.line((PLOT.0, self.top), (PLOT.0, PLOT_FOOT), INK, 1.0);
    }
}

const GRID: &str = "#e0e0e0";

/// An amount without zeros behind the point: a tick is exact.
fn short(amount: &str) -> String {
    let (number, unit) = amount.split_once(' ').unwrap_or((amount, ""));
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number} {unit}")
}

/// The colour of a cost between the least and the most of the frontier.
fn shade(share: f64) -> String {
    let share = share.clamp(0.0, 1.0);
    let mix = |index: usize| (CHEAP[index] + (DEAR[index] - CHEAP[index]) * share).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

fn ways(canvas: &mut Canvas, view: &Frontier<'_>, axes: &Axes) {
    for way in view.sample.iter().filter(|way| way.emitted.is_finite()) {
        canvas.circle((axes.x(way.hours), axes.y(way.emitted)), 2.0, GREY, "fill-opacity=\"0.35\"");
    }
    // Of hours and CO2e alone: the lowest so far, from the quickest on.
    let mut lowest = f64::INFINITY;
    let mut last: Option<(f64, f64)> = None;
    for way in view.frontier.iter().filter(|way| way.emitted.is_finite()) {
        if way.emitted >= lowest {
            continue;
        }
        lowest = way.emitted;
        let at = (axes.x(way.hours), axes.y(way.emitted));
        if let Some(before) = last {
            canvas.line(before, (at.0, before.1), INK, 1.4);
            canvas.line((at.0, before.1), at, INK, 1.4);
        }
        last = Some(at);
    }
    let outline = format!("stroke=\"{INK}\" stroke-width=\"0.9\"");
    for way in view.frontier.iter().filter(|way| way.emitted.is_finite()) {
        canvas.circle((axes.x(way.hours), axes.y(way.emitted)), 5.5, &axes.fill(way), &outline);
    }
    for (index, mark) in view.marks.iter().enumerate().filter(|(_, mark)| mark.way.emitted.is_finite()) {
        let at = (axes.x(mark.way.hours), axes.y(mark.way.emitted));
        let [hours, emitted] = mark.ends;
        canvas.line((axes.x(hours[0]), at.1), (axes.x(hours[1]), at.1), INK, 1.0);
        canvas.line((at.0, axes.y(emitted[0])), (at.0, axes.y(emitted[1])), INK, 1.0);
        badge(canvas, at, index);
    }
}

/// The number of one of the best, on a disc.
fn badge(canvas: &mut Canvas, at: (f64, f64), index: usize) {
    canvas.circle(at, 11.0, INK, "");
    let font = Font { size: 14.0, bold: true, fill: "#ffffff" };
    canvas.text((at.0, at.1 + 5.0), Anchor::Middle, font, &(index + 1).to_string());
}

fn panel(canvas: &mut Canvas, view: &Frontier<'_>, top: f64) {
    let width = WIDTH - MARGIN - PANEL;
    canvas.line((PANEL - 26.0, top - 10.0), (PANEL - 26.0, PLOT_FOOT + 20.0), RULE, 1.0);
    let mut y = top + 8.0;
    for (index, mark) in view.marks.iter().enumerate() {
        badge(canvas, (PANEL + 11.0, y - 5.0), index);
        canvas.label((PANEL + 32.0, y), width - 32.0, Anchor::Start, Font::bold(18.0), &mark.aim);
        y += 23.0;
        y = canvas.paragraph((PANEL, y), width, Anchor::Start, Font::plain(14.0), 2, &mark.machine);
        y = canvas.paragraph((PANEL, y), width, Anchor::Start, Font::plain(14.0), 2, &mark.place);
        for line in &mark.figures {
            canvas.label((PANEL, y), width, Anchor::Start, Font::grey(14.0), line);
            y += 18.0;
        }
        y += 18.0;
    }
}

/// What the signs mean, and the scale of costs.
fn footer(canvas: &mut Canvas, view: &Frontier<'_>) {
    canvas.line((MARGIN, HEIGHT - 86.0), (WIDTH - MARGIN, HEIGHT - 86.0), RULE, 1.0);
    let grey = Font::grey(13.0);
    let y = HEIGHT - 62.0;
    let says = format!(
        "Discs: {} of {} ways, beaten by no other in hours, {} and cost; the line leaves cost out.",
        count(view.frontier.len() as u64),
        count(view.feasible),
        if view.by_energy { "energy" } else { "CO2e" }
    );
    let room = 780.0;
    let y = canvas.paragraph((MARGIN, y), room, Anchor::Start, grey, 2, &says);
    let says = "Dots: some of the others. Crosses through the numbers: the ranges that hold nine in ten.";
    canvas.paragraph((MARGIN, y), room, Anchor::Start, grey, 2, says);
    let costs = view.frontier.iter().filter_map(|way| way.cost_usd);
    let ends = costs.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), cost| (low.min(cost), high.max(cost)));
    let (from, wide) = (PANEL, 150.0);
    if ends.0 < ends.1 {
        canvas.text((from, HEIGHT - 62.0), Anchor::Start, grey, "cost");
        for step in 0..30 {
            let share = (f64::from(step) + 0.5) / 30.0;
            let x = from + 40.0 + wide * f64::from(step) / 30.0;
            canvas.rect((x, HEIGHT - 73.0), (wide / 30.0 + 0.3, 13.0), &shade(share), "");
        }
        let says = |cost: f64| amount(Usd::from_usd(cost));
        canvas.text((from + 40.0, HEIGHT - 44.0), Anchor::Start, grey, &says(ends.0));
        canvas.text((from + 40.0 + wide, HEIGHT - 44.0), Anchor::End, grey, &says(ends.1));
    }
    let name = Font { size: 12.0, bold: true, fill: GREY };
    canvas.text((WIDTH - MARGIN, HEIGHT - 44.0), Anchor::End, name, "Greenwich");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(hours: f64, emitted: f64, cost_usd: f64) -> Way {
        Way { hours, emitted, cost_usd: Some(cost_usd) }
    }

    fn mark(aim: &str, way: Way) -> Mark {
        let ends = [[way.hours * 0.5, way.hours * 2.0], [way.emitted * 0.4, way.emitted * 2.5]];
        let figures = vec!["228 h (111–470)".to_owned()];
        Mark { aim: aim.to_owned(), way, ends, machine: "64 h100".to_owned(), place: "gcp/<x>".to_owned(), figures }
    }

    fn drawn(frontier: Vec<Way>, sample: &[Way]) -> String {
        let marks = frontier.first().map(|way| mark("quickest", *way)).into_iter().collect();
        let title = "llm-7b: 3 of 40 ways".to_owned();
        super::frontier(&Frontier { title, marks, frontier, sample, feasible: 40, by_energy: false })
    }

    #[test]
    fn every_way_of_the_frontier_is_a_disc_and_the_best_have_numbers() {
        let picture =
            drawn(vec![way(10.0, 900.0, 5e4), way(40.0, 300.0, 3e4), way(90.0, 350.0, 1e4)], &[way(50.0, 800.0, 6e4)]);
        assert_eq!(picture.matches("r=\"5.50\"").count(), 3);
        assert_eq!(picture.matches("r=\"2.00\"").count(), 1);
        // On the plot and in the panel.
        assert_eq!(picture.matches(">1</text>").count(), 2);
        for says in
            ["quickest", "64 h100", "gcp/&lt;x&gt;", "228 h (111–470)", "3 of 40 ways", "10.0 k USD", "50.0 k USD"]
        {
            assert!(picture.contains(says), "{says}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_drawn_and_nothing_lies_outside() {
        let unknown = Way { hours: 5.0, emitted: f64::INFINITY, cost_usd: None };
        let picture = drawn(vec![way(10.0, 900.0, 5e4), unknown], &[]);
        assert_eq!(picture.matches("r=\"5.50\"").count(), 1);
        for (attribute, most) in [(" x=\"", WIDTH), (" y=\"", HEIGHT), (" cx=\"", WIDTH), (" cy=\"", HEIGHT)] {
            for part in picture.split(attribute).skip(1) {
                let at: f64 = part.split('"').next().and_then(|text| text.parse().ok()).expect("a number");
                assert!((0.0..=most).contains(&at), "{attribute}{at}");
            }
        }
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
    }

    #[test]
    fn a_single_way_and_none_at_all_are_drawn_too() {
        assert!(drawn(vec![way(10.0, 900.0, 5e4)], &[]).contains("r=\"5.50\""));
        assert!(!drawn(Vec::new(), &[]).contains("NaN"));
    }
}
