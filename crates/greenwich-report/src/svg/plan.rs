//! A plan on one slide: intensity by region over the window, the plan on it, the saving.
//!
//! In: a plan. Out: SVG. A bar's height is its share of the region's own highest; its colour is its place
//! on one scale for all, and the same is written as low–high beside the name.

use crate::amount::{amount, unit};
use crate::number::{change, percent, three};
use crate::sentence::sentence;
use crate::strip::{Row, Strip, attributions, sources};
use crate::svg::canvas::{Anchor, CLEAN, Canvas, Font, GREY, HATCH, HEIGHT, INK, MARGIN, RULE, WIDTH, shade};
use crate::view::PlanView;
use crate::when::{span, ticks};
use greenwich_core::Window;
use std::fmt::Write as _;

const ROWS: usize = 6;
const BUCKETS: usize = 276;
const CHART: (f64, f64) = (MARGIN, 868.0);
const PANEL: (f64, f64) = (916.0, WIDTH - MARGIN);
const CHART_FOOT: f64 = 606.0;
const LABEL: f64 = 22.0;
const MARK: f64 = 20.0;
const GAP: f64 = 8.0;
/// More pieces than this are not framed one by one.
const FRAMES: usize = 60;

/// The plan as a picture.
pub fn plan(view: &PlanView<'_>) -> String {
    let title = sentence(view.request, view.plan);
    let mut canvas = Canvas::new(&title);
    let top = canvas.headline(&title) + 4.0;
    chart(&mut canvas, view, top);
    panel(&mut canvas, view, top);
    footer(&mut canvas, view);
    canvas.finish()
}

fn across(window: Window, at: jiff::Timestamp) -> f64 {
    let share = at.duration_since(window.start()).as_secs_f64() / window.duration().as_secs_f64();
    CHART.0 + share.clamp(0.0, 1.0) * (CHART.1 - CHART.0)
}

fn chart(canvas: &mut Canvas, view: &PlanView<'_>, top: f64) {
    let strip = Strip::of(view.request, view.plan, ROWS, BUCKETS);
    let first = legend(canvas, view, &strip, top);
    // The chosen row and home's have a lane for their marks; at home one row has both.
    let lanes = 2.0;
    let rows = strip.rows.len() as f64;
    let bars = ((CHART_FOOT - first - lanes * MARK) / rows - LABEL - GAP).clamp(12.0, 300.0);
    let mut y = first;
    for row in &strip.rows {
        name(canvas, row, y + 15.0);
        y += LABEL;
        draw_row(canvas, &strip, row, y, bars);
        y += bars;
        if row.role.is_chosen() {
            mark(canvas, strip.window, &view.plan.best.segments, (y, bars), "planned", INK);
            y += MARK;
        }
        if row.role.is_home() {
            mark(canvas, strip.window, &view.plan.baseline.segments, (y, bars), "baseline", HATCH);
            y += MARK;
        }
        y += GAP;
    }
    axis(canvas, &strip, y - GAP + 2.0);
}

/// What height and colour say, and the colours' scale; gives where the rows begin.
fn legend(canvas: &mut Canvas, view: &PlanView<'_>, strip: &Strip<'_>, top: f64) -> f64 {
    let font = Font::grey(13.0);
    let says = format!("Intensity ({}). Height: share of the region's peak.", view.measure());
    canvas.text((CHART.0, top), Anchor::Start, font, &says);
    let high = format!("{} gCO2e/kWh", three(strip.top));
    let (width, from) = (100.0, CHART.1 - font.pixels(&high) * 1.1 - 106.0);
    canvas.text((from - 6.0, top), Anchor::End, font, "0");
    for step in 0..20 {
        let x = from + width * f64::from(step) / 20.0;
        canvas.rect((x, top - 11.0), (width / 20.0 + 0.3, 12.0), &shade((f64::from(step) + 0.5) / 20.0), "");
    }
    canvas.text((CHART.1, top), Anchor::End, font, &high);
    top + 14.0
}

fn name(canvas: &mut Canvas, row: &Row<'_>, y: f64) {
    let role = match (row.role.is_chosen(), row.role.is_home()) {
        (true, true) => " (planned here, home)",
        (true, false) => " (planned here)",
        (false, true) => " (home)",
        (false, false) => "",
    };
    let font = if role.is_empty() { Font::plain(14.0) } else { Font::bold(14.0) };
    let room = CHART.1 - CHART.0 - 210.0;
    canvas.label((CHART.0, y), room, Anchor::Start, font, &format!("{}, grid {}{role}", row.region, row.zone));
    let extent = match row.extent() {
        None => "not known".to_owned(),
        Some((low, high)) if three(low) == three(high) => format!("{} gCO2e/kWh", three(low)),
        Some((low, high)) => format!("{}–{} gCO2e/kWh", three(low), three(high)),
    };
    canvas.text((CHART.1, y), Anchor::End, Font::plain(14.0), &extent);
}

fn draw_row(canvas: &mut Canvas, strip: &Strip<'_>, row: &Row<'_>, y: f64, height: f64) {
    let highest = row.extent().map_or(1.0, |(_, high)| high).max(f64::MIN_POSITIVE);
    for (bucket, cell) in strip.buckets.iter().zip(&row.cells) {
        let Some(g_per_kwh) = cell else { continue };
        let (from, to) = (across(strip.window, bucket.start()), across(strip.window, bucket.end()));
        let bar = height * (g_per_kwh / highest).clamp(0.02, 1.0);
        let colour = shade(strip.shade(*g_per_kwh));
        // A hair wider than the bucket: no seams between bars.
        canvas.rect((from, y + height - bar), (to - from + 0.25, bar), &colour, "shape-rendering=\"crispEdges\"");
    }
    canvas.line((CHART.0, y + height), (CHART.1, y + height), RULE, 1.0);
}

/// The hours of a run: a lane beneath the bars, and a frame around them.
fn mark(canvas: &mut Canvas, window: Window, segments: &[Window], row: (f64, f64), says: &str, fill: &str) {
    let (foot, bars) = row;
    let planned = fill == INK;
    let place = |segment: &Window| (across(window, segment.start()), across(window, segment.end()));
    for segment in segments {
        let (from, to) = place(segment);
        let width = (to - from).max(2.0);
        canvas.rect((from, foot + 3.0), (width, 11.0), fill, &format!("stroke=\"{INK}\" stroke-width=\"1\""));
        if planned && segments.len() <= FRAMES {
            let frame = format!("stroke=\"{INK}\" stroke-width=\"1.6\"");
            canvas.rect((from, foot - bars - 1.0), (width, bars + 2.0), "none", &frame);
        }
    }
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return };
    let (font, room) = (Font::bold(12.0), Font::bold(12.0).pixels(says) + 12.0);
    let (from, to) = (place(first).0, place(last).1);
    if to + room <= CHART.1 {
        canvas.text((to + 6.0, foot + 13.0), Anchor::Start, font, says);
    } else if from - room >= CHART.0 {
        canvas.text((from - 6.0, foot + 13.0), Anchor::End, font, says);
    } else {
        // A run as long as the window: the word stands on a white ground in its middle.
        let middle = f64::midpoint(from, to);
        canvas.rect((middle - room / 2.0, foot + 2.0), (room, 13.0), "#ffffff", "");
        canvas.text((middle, foot + 13.0), Anchor::Middle, font, says);
    }
}

fn axis(canvas: &mut Canvas, strip: &Strip<'_>, y: f64) {
    canvas.line((CHART.0, y), (CHART.1, y), INK, 1.0);
    let font = Font::plain(13.0);
    let year = strip.window.start().strftime("UTC, %Y").to_string();
    let room = CHART.1 - font.pixels(&year) - 12.0;
    for (instant, text) in ticks(strip.window, 8) {
        let x = across(strip.window, instant);
        canvas.line((x, y), (x, y + 5.0), INK, 1.0);
        let (anchor, end) = if x < CHART.0 + 20.0 {
            (Anchor::Start, x + font.pixels(&text))
        } else {
            (Anchor::Middle, x + font.pixels(&text) / 2.0)
        };
        if end <= room {
            canvas.text((x, y + 19.0), anchor, font, &text);
        }
    }
    canvas.text((CHART.1, y + 19.0), Anchor::End, Font::grey(13.0), &year);
}

fn panel(canvas: &mut Canvas, view: &PlanView<'_>, top: f64) {
    let plan = view.plan;
    let (x, width) = (PANEL.0, PANEL.1 - PANEL.0);
    canvas.line((x - 24.0, top - 10.0), (x - 24.0, CHART_FOOT + 20.0), RULE, 1.0);
    let mut y = top + 66.0;
    canvas.text((x - 4.0, y), Anchor::Start, Font::bold(76.0), &change(plan.saving_fraction()));
    y = canvas.paragraph(
        (x, y + 26.0),
        width,
        Anchor::Start,
        Font::grey(15.0),
        2,
        &format!("CO2e ({}) against home from release", view.measure()),
    );
    y += 12.0;
    let (size, name) = unit(plan.baseline.co2e);
    let most = plan.baseline.co2e.g().max(plan.best.co2e.g()).max(f64::MIN_POSITIVE);
    let runs = [("planned", &plan.best, CLEAN), ("baseline", &plan.baseline, HATCH)];
    for (says, placement, fill) in runs {
        canvas.text((x, y), Anchor::Start, Font::bold(16.0), says);
        let figure = format!("{} {name}", three(placement.co2e.g() / size));
        canvas.text((PANEL.1, y), Anchor::End, Font::bold(16.0), &figure);
        let bar = (width * placement.co2e.g() / most).max(2.0);
        canvas.rect((x, y + 7.0), (bar, 20.0), fill, &format!("stroke=\"{INK}\" stroke-width=\"1\""));
        y += 54.0;
    }
    y = parts(canvas, view, y + 2.0);
    let mut facts = vec![
        format!("{} of running", amount(plan.best.running())),
        format!("{} at the meter", amount(plan.best.energy)),
    ];
    if let Some(cost) = plan.best.cost {
        facts.push(amount(cost));
    }
    y = canvas.paragraph((x, y + 8.0), width, Anchor::Start, Font::plain(14.0), 2, &facts.join(" · "));
    let bound = format!("No placement of this job emits less than {}.", amount(plan.lower_bound));
    canvas.paragraph((x, y + 6.0), width, Anchor::Start, Font::plain(14.0), 2, &bound);
}

/// What the saving is made of, a line a part.
fn parts(canvas: &mut Canvas, view: &PlanView<'_>, top: f64) -> f64 {
    let Some(breakdown) = view.breakdown() else { return top };
    let shares = breakdown.shares();
    let mut y = top;
    canvas.text((PANEL.0, y), Anchor::Start, Font::bold(15.0), "Of the baseline's CO2e");
    for (name, share) in ["the machine", "the place", "the hours"].into_iter().zip(shares) {
        y += 22.0;
        canvas.text((PANEL.0, y), Anchor::Start, Font::plain(15.0), name);
        let says = match share {
            share if share.abs() < 0.000_5 => "no change".to_owned(),
            share if share < 0.0 => format!("adds {}", percent(-share)),
            share => format!("saves {}", percent(share)),
        };
        canvas.text((PANEL.1, y), Anchor::End, Font::plain(15.0), &says);
    }
    y + 20.0
}

fn footer(canvas: &mut Canvas, view: &PlanView<'_>) {
    let shown = Strip::of(view.request, view.plan, ROWS, 1);
    // Who must be named comes first: it is the one thing that may not be cut.
    let mut says = String::new();
    let data = attributions(view.request);
    if !data.is_empty() {
        let _ = write!(says, "Data: {}. ", data.join("; "));
    }
    let signals = sources(view.request, &shown.rows).into_iter().filter(|source| source.drawn > 0);
    let signals = signals.map(|source| format!("{} ({})", source.text, source.zones[..source.drawn].join(", ")));
    let _ = write!(says, "Signal: {}.", signals.collect::<Vec<_>>().join("; "));
    let window = view.request.window;
    let _ = write!(says, " Window {}.", span(window.start(), window.end()));
    canvas.foot(72.0, WIDTH - 2.0 * MARGIN - 160.0, 4, &says);
    let font = Font { size: 12.0, bold: false, fill: GREY };
    canvas.label((WIDTH - MARGIN, HEIGHT - 38.0), 150.0, Anchor::End, font, view.job);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_slide_names_every_region_drawn_with_its_unit() {
        let fixture = fixture::moved();
        let picture = plan(&fixture.view());
        let strip = Strip::of(&fixture.request, &fixture.plan, ROWS, BUCKETS);
        for row in &strip.rows {
            assert!(picture.contains(&format!("{}, grid {}", row.region, row.zone)), "{}", row.region);
        }
        let (low, high) = strip.rows[0].extent().expect("covered");
        let extent = format!("{}–{} gCO2e/kWh", three(low), three(high));
        assert!(picture.contains(&extent), "the chosen region's {extent}");
        for says in
            ["−94 %", "planned", "baseline", "typical 2022, not a forecast", "Electricity Maps, ODbL", "UTC, 2026"]
        {
            assert!(picture.contains(says), "{says}");
        }
    }

    #[test]
    fn every_piece_of_a_paused_run_is_marked() {
        let fixture = fixture::paused();
        let lanes = plan(&fixture.view()).matches("height=\"11.00\" fill=\"#1a1a1a\"").count();
        assert_eq!(lanes, fixture.plan.best.segments.len());
    }

    #[test]
    fn a_name_with_markup_stays_text() {
        let picture = plan(&fixture::odd_names().view());
        assert!(!picture.contains("<room") && !picture.contains('\x1b'));
        assert!(picture.contains("&lt;room &amp; &quot;co&quot;&gt;"));
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
    }

    #[test]
    fn nothing_is_drawn_outside_the_slide() {
        for (name, fixture) in fixture::all() {
            let picture = plan(&fixture.view());
            for (attribute, most) in [(" x=\"", WIDTH), (" y=\"", HEIGHT)] {
                for part in picture.split(attribute).skip(1) {
                    let at: f64 = part.split('"').next().and_then(|text| text.parse().ok()).expect("a number");
                    assert!((0.0..=most).contains(&at), "{name}: {attribute}{at}");
                }
            }
        }
    }
}
