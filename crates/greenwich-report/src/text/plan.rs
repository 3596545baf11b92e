//! A plan as text: the sentence first, then what it rests on.
//!
//! In: a plan with its footprints. Out: what to do, planned against baseline, what the saving is made
//! of, how good the plan is at most, the strip, the frontier, and what to know before acting.

use crate::amount::amount;
use crate::breakdown::Breakdown;
use crate::number::{count, factor, percent, three};
use crate::sentence::sentence;
use crate::strip::{Strip, attributions, provenances};
use crate::text::page::Page;
use crate::text::quantities::{NOT_KNOWN, entries, model};
use crate::text::table::{Align, Table};
use crate::text::{estimate, factors, strip};
use crate::view::{PlanView, Style};
use crate::when::{long, short, span};
use greenwich_core::plan::{Candidate, Placement};
use greenwich_core::quantity::Hours;

/// Rows of the frontier that text has room for.
const FRONTIER_ROWS: usize = 8;
/// Segments that are listed one by one.
const SEGMENTS: usize = 3;
/// A gap below this is rounding.
const PROVEN: f64 = 1e-6;
/// Zones that a provenance lists by name.
const ZONES: usize = 8;

/// A plan as a person reads it.
pub fn plan(view: &PlanView<'_>, style: Style) -> String {
    let mut page = Page::new(style);
    page.headline(&sentence(view.request, view.plan));
    page.blank();
    what(&mut page, view);
    page.blank();
    comparison(&mut page, view);
    page.blank();
    saving(&mut page, view);
    strip::draw(&mut page, view);
    page.blank();
    provenance(&mut page, view);
    frontier(&mut page, view);
    too_slow(&mut page, view);
    factors::factors(&mut page, &[("planned", view.planned), ("baseline", view.baseline)]);
    factors::warnings(&mut page, view.warnings.iter().chain(&view.planned.warnings).chain(&view.baseline.warnings));
    page.finish()
}

/// Where, on what, when.
fn what(page: &mut Page, view: &PlanView<'_>) {
    let (best, home) = (&view.plan.best, &view.plan.baseline);
    let place = |candidate: &Candidate| format!("{} (grid {})", candidate.region, candidate.zone);
    let moved = best.candidate.region != home.candidate.region;
    let instead = if moved { format!(", instead of {}", place(&home.candidate)) } else { ", at home".to_owned() };
    page.named("Job", view.job);
    if let Some(model) = model(view.planned) {
        page.named("Model", &format!("{model}."));
    }
    page.named("Where", &format!("{}{instead}", place(&best.candidate)));
    let machine = |candidate: &Candidate| format!("{} {}", count(candidate.count), candidate.accelerator);
    let (new, old) = (machine(&best.candidate), machine(&home.candidate));
    page.named("On", &if new == old { new } else { format!("{new}, instead of {old}") });
    page.named("When", &format!("{} – {} UTC{}", long(best.start()), long(best.finish()), running(best)));
    if best.segments.len() > 1 {
        page.named("Pieces", &pieces(best));
    }
    let window = view.request.window;
    let spare_h = window.end().duration_since(best.finish()).as_secs_f64() / 3600.0;
    let spare = if spare_h > 0.0 { format!("; {} h to spare", three(spare_h)) } else { String::new() };
    page.named("Window", &format!("{} – {} UTC{spare}", long(window.start()), long(window.end())));
    let means = [best, home].map(|placement| placement.mean_g_per_kwh(&view.request.series));
    if let [Some(new), Some(old)] = means {
        page.named(
            "Grid",
            &format!(
                "{} gCO2e/kWh over the running hours, {} in the baseline ({})",
                three(new),
                three(old),
                view.measure()
            ),
        );
    }
}

/// `, 175 h without a pause` or `, 26.0 h of 196 h in 9 pieces`.
fn running(placement: &Placement) -> String {
    let running = amount(placement.running());
    let pauses = placement.segments.len() - 1;
    if pauses == 0 {
        return format!(", {running} without a pause");
    }
    let span = Hours::from_seconds(placement.finish().duration_since(placement.start()).as_secs_f64());
    let paused = Hours::from_hours((span.hours() - placement.running().hours()).max(0.0));
    let pauses = if pauses == 1 { "1 pause".to_owned() } else { format!("{} pauses", count(pauses as u64)) };
    format!(", {running} of running, {pauses} of {} in all", amount(paused))
}

/// The pieces, or the first, how many more, and the last.
fn pieces(placement: &Placement) -> String {
    let piece = |segment: &greenwich_core::Window| {
        let span = span(segment.start(), segment.end());
        span.trim_start_matches("from ").trim_end_matches(" UTC").replace(" to ", " – ")
    };
    let segments = &placement.segments;
    if segments.len() <= SEGMENTS {
        return segments.iter().map(piece).collect::<Vec<_>>().join("; ");
    }
    let hours = |segment: &greenwich_core::Window| segment.hours();
    let shortest = segments.iter().map(hours).fold(f64::INFINITY, f64::min);
    let longest = segments.iter().map(hours).fold(0.0, f64::max);
    let long = if shortest == longest { three(longest) } else { format!("{}–{}", three(shortest), three(longest)) };
    let between = segments.len() - 2;
    format!(
        "{} of {long} h: first {}; last {}; {between} between (--format json has all)",
        segments.len(),
        piece(&segments[0]),
        piece(&segments[segments.len() - 1])
    )
}

/// Planned against baseline, the three kinds of CO2e apart.
fn comparison(page: &mut Page, view: &PlanView<'_>) {
    let header = [
        ("median (90 % range)", Align::Left),
        ("planned", Align::Right),
        ("baseline", Align::Right),
        ("change", Align::Right),
    ];
    let mut table = Table::new(&header);
    for (new, old) in entries(view.planned).into_iter().zip(entries(view.baseline)) {
        // A name tells the scope of the factor; where the two runs differ, the table must say so.
        let name = if new.name == old.name { new.name.clone() } else { format!("{} | {}", new.name, old.name) };
        if new.text.is_none() && old.text.is_none() {
            table.row(vec![name, NOT_KNOWN.into(), NOT_KNOWN.into(), String::new()]);
        } else {
            table.row(vec![name, new.shown(), old.shown(), new.change_from(&old)]);
        }
    }
    page.table(&table);
    page.paragraph(&format!("Basis: {} ({}).", estimate::told(view.planned.tier), view.planned.tier));
}

/// What the saving is made of, and how much better a plan could be at most.
fn saving(page: &mut Page, view: &PlanView<'_>) {
    let whole = view.plan.saving_fraction();
    match view.breakdown() {
        Some(parts) => page.named("Saving", &parts_of(parts, whole)),
        None => page.named(
            "Saving",
            &format!(
                "{}; its parts are not known: the signal does not cover the run begun at release.",
                percent(whole)
            ),
        ),
    }
    let (best, home) = (&view.plan.best.candidate, &view.plan.baseline.candidate);
    if let Some(time_only) = view.time_only_saving().filter(|_| !same(best, home)) {
        page.named(
            "Time only",
            &format!("staying with home and its machine, waiting alone would save {}.", percent(time_only.max(0.0))),
        );
    }
    let plan = view.plan;
    let above = if plan.gap() < PROVEN {
        "the plan emits just that: proven best".to_owned()
    } else {
        format!("the plan is {} above it", percent(plan.gap()))
    };
    let bound = amount(plan.lower_bound);
    page.named("Bound", &format!("no placement of this job emits less than {bound} ({}); {above}.", view.measure()));
}

/// `93 %: machine unchanged · place ×0.0730 saves 93 % · …`: factors multiply, shares add up.
fn parts_of(parts: Breakdown, whole: f64) -> String {
    let named = [("machine", parts.machine), ("place", parts.place), ("time", parts.time)];
    let texts = named.iter().zip(parts.shares()).map(|((name, ratio), share)| {
        if (ratio - 1.0).abs() < 0.000_5 {
            return format!("{name} unchanged");
        }
        let verb = if share < 0.0 { "adds" } else { "saves" };
        format!("{name} {} {verb} {}", factor(*ratio), percent(share.abs()))
    });
    let texts = texts.collect::<Vec<_>>().join(", ");
    format!("{} of the baseline's CO2e: {texts}; in all {}.", percent(whole), factor(parts.whole()))
}

/// What the signal is, by zone, and who is to be named for it.
fn provenance(page: &mut Page, view: &PlanView<'_>) {
    let shown = Strip::of(view.request, view.plan, ZONES, 1);
    for (index, (text, zones)) in provenances(view.request, &shown.rows).iter().enumerate() {
        let more = match zones.len() {
            all if all > ZONES => format!(" and {} more", all - ZONES),
            _ => String::new(),
        };
        let zones = zones[..zones.len().min(ZONES)].join(", ");
        page.named(if index == 0 { "Signal" } else { "" }, &format!("{text}: {zones}{more}"));
    }
    for (index, attribution) in attributions(view.request).iter().enumerate() {
        page.named(if index == 0 { "Data" } else { "" }, attribution);
    }
}

/// Whether two candidates are one place and machine.
fn same(a: &Candidate, b: &Candidate) -> bool {
    a.region == b.region && a.accelerator == b.accelerator && a.count == b.count
}

/// What else could be chosen: less CO2e, less money or an earlier finish, none better in all three.
fn frontier(page: &mut Page, view: &PlanView<'_>) {
    let all = &view.plan.alternatives;
    if all.len() < 2 {
        return;
    }
    page.heading("Frontier of CO2e, cost and finish: each row is best in some trade of the three");
    // A narrow terminal has no room for six columns; finish and place say most of what start says.
    let starts = page.width() >= 80;
    let mut header = vec![("where", Align::Left), ("on", Align::Left), ("start", Align::Right)];
    header.extend([("finish", Align::Right), ("CO2e", Align::Right), ("cost", Align::Right)]);
    if !starts {
        header.remove(2);
    }
    let mut table = Table::new(&header);
    let mut before: Option<&Candidate> = None;
    for placement in all.iter().take(FRONTIER_ROWS) {
        let candidate = &placement.candidate;
        let again = before.is_some_and(|before| same(before, candidate));
        before = Some(candidate);
        let machine = format!("{} {}", count(candidate.count), candidate.accelerator);
        let ditto = || "″".to_owned();
        let mut row = if again { vec![ditto(), ditto()] } else { vec![candidate.region.to_string(), machine] };
        if starts {
            row.push(short(placement.start()));
        }
        row.push(short(placement.finish()));
        row.push(amount(placement.co2e));
        row.push(placement.cost.map_or_else(|| NOT_KNOWN.to_owned(), amount));
        table.row(row);
    }
    page.table(&table);
    if all.len() > FRONTIER_ROWS {
        page.paragraph(&format!("{} more; --format json has all.", count((all.len() - FRONTIER_ROWS) as u64)));
    }
}

/// Candidates that cannot finish in the window.
fn too_slow(page: &mut Page, view: &PlanView<'_>) {
    let slow = &view.plan.too_slow;
    let Some((candidate, needs)) = slow.iter().min_by(|a, b| a.1.hours().total_cmp(&b.1.hours())) else { return };
    page.blank();
    let many =
        if slow.len() == 1 { "1 candidate".to_owned() } else { format!("{} candidates", count(slow.len() as u64)) };
    let nearest = if slow.len() == 1 { "" } else { "the nearest, " };
    let over = Hours::from_hours((needs.hours() - view.request.window.hours()).max(0.0));
    page.named(
        "Too slow",
        &format!(
            "{many}: {nearest}{} {} in {} needs {}, {} more than the window holds.",
            count(candidate.count),
            candidate.accelerator,
            candidate.region,
            amount(*needs),
            amount(over)
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use insta::assert_snapshot;

    fn of(fixture: &fixture::Fixture) -> String {
        plan(&fixture.view(), Style::default())
    }

    #[test]
    fn a_move_reads_from_the_sentence_to_the_warnings() {
        assert_snapshot!(of(&fixture::moved()), @"");
    }

    #[test]
    fn a_job_that_stays_reads_shortly() {
        assert_snapshot!(of(&fixture::stayed()), @"");
    }

    #[test]
    fn pauses_are_summed_up_and_marked() {
        assert_snapshot!(of(&fixture::paused()), @"");
    }

    #[test]
    fn explain_lists_every_factor_once_and_marks_the_unverified() {
        let fixture = fixture::other_machine();
        let text = plan(&fixture.view(), Style { explain: true, ..Style::default() });
        let factors = text.split("Every factor").nth(1).expect("explained");
        for factor in &fixture.planned.factors {
            assert_eq!(factors.matches(&format!("{}:", factor.quantity)).count(), 1, "{factors}");
        }
        assert!(factors.contains("! embodied CO2e per accelerator: 164 kgCO2e"));
        assert!(factors.contains("a figure from a forum (no year); fit: figure of a100-pcie-40g; check: UNVERIFIED"));
    }

    #[test]
    fn an_unverified_factor_is_named_without_explain() {
        let text = of(&fixture::moved());
        let words: Vec<_> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("embodied CO2e per accelerator: figure of a100-pcie-40g, UNVERIFIED"));
    }
}
