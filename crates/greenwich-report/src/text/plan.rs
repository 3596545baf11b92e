//! A plan as text: the sentence first, then what it rests on.
//!
//! In: a plan with its footprints. Out: what to do, planned against baseline, what the saving is made
//! of, how good the plan is at most, the strip, the frontier, and what to know before acting.

use crate::amount::amount;
use crate::breakdown::Breakdown;
use crate::number::{count, factor, percent, three};
use crate::sentence::sentence;
use crate::strip::{Strip, attributions, sources};
use crate::text::page::Page;
use crate::text::quantities::{NOT_KNOWN, entries, model};
use crate::text::table::{Align, Table};
use crate::text::{estimate, factors, strip};
use crate::view::{PlanView, Style};
use crate::when::{long, short, span};
use greenwich_core::plan::{Candidate, Placement};
use greenwich_core::quantity::{Hours, Usd};

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
    let warnings = warnings(view);
    factors::warnings(&mut page, &warnings);
    page.finish()
}

/// The plan's warnings, then those of the two runs; one that only one run has says whose it is.
fn warnings(view: &PlanView<'_>) -> Vec<String> {
    let (planned, baseline) = (&view.planned.warnings, &view.baseline.warnings);
    let of = |name: &'static str, of: &'_ [String], other: &'_ [String]| -> Vec<String> {
        let said = of.iter().filter(|warning| !view.warnings.contains(warning));
        said.map(|text| if other.contains(text) { text.clone() } else { format!("{name}: {text}") }).collect()
    };
    [view.warnings.to_vec(), of("planned run", planned, baseline), of("baseline", baseline, planned)].concat()
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
    if let Some(words) = pue_words(view) {
        page.named("PUE", &words);
    }
}

/// The PUE of the running hours, where it follows the weather; the baseline's beside it.
fn pue_words(view: &PlanView<'_>) -> Option<String> {
    let of = |placement: &Placement| view.request.pue_over(placement).map(|pue| format!("{:.3}", pue.ratio()));
    match (of(&view.plan.best), of(&view.plan.baseline)) {
        (Some(new), Some(old)) => {
            Some(format!("{new} over the running hours, {old} in the baseline (by the outside temperature)"))
        }
        (None, Some(old)) => Some(format!("{old} in the baseline (by the outside temperature)")),
        (Some(new), None) => Some(format!("{new} over the running hours (by the outside temperature)")),
        (None, None) => None,
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
        // A name tells the scope of the factor; where the two runs differ, only what both are is said.
        let name = if new.name.starts_with(old.name.as_str()) { old.name.clone() } else { new.name.clone() };
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
    for (index, source) in sources(view.request, &shown.rows).iter().enumerate() {
        let says = format!("{}: {}", source.text, source.listed(ZONES));
        page.named(if index == 0 { "Signal" } else { "" }, &says);
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
    for index in shown(all) {
        let placement = &all[index];
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
        let more = all.len() - FRONTIER_ROWS;
        page.paragraph(&format!("{} more between them; --format json has all.", count(more as u64)));
    }
}

/// Which rows of a frontier to show: all where there is room, else the least CO2e, the least cost, the
/// earliest finish, and others evenly between.
fn shown(all: &[Placement]) -> Vec<usize> {
    if all.len() <= FRONTIER_ROWS {
        return (0..all.len()).collect();
    }
    let cost = |placement: &Placement| placement.cost.map_or(f64::INFINITY, Usd::usd);
    let cheapest = (0..all.len()).min_by(|a, b| cost(&all[*a]).total_cmp(&cost(&all[*b])));
    let earliest = (0..all.len()).min_by_key(|index| all[*index].finish());
    let mut rows: Vec<usize> = [Some(0), cheapest, earliest].into_iter().flatten().collect();
    rows.sort_unstable();
    rows.dedup();
    // The middle of the widest gap is what is missed most.
    while rows.len() < FRONTIER_ROWS {
        let ends = rows.iter().copied().zip(rows[1..].iter().copied().chain([all.len()]));
        let Some((from, to)) = ends.max_by_key(|(from, to)| to - from) else { break };
        rows.push(usize::midpoint(from, to));
        rows.sort_unstable();
    }
    rows
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
        assert_snapshot!(of(&fixture::moved()), @"
        Run on 1,024 a100-sxm4-80g in gcp/europe-north2 from 12 Feb 2026 10:00 to 19 Feb 17:00 UTC:
        2.42 tCO2e instead of 41.2 t (−94 %). The place saves 93 %, waiting another 1.4 % (19 % less than
        starting there at once).

        Job        llm-7b
        Model      6.74 billion parameters, 93.0 ZFLOP to train, 15.5 GFLOP forward a token.
        Where      gcp/europe-north2 (grid SE-SE3), instead of gcp/us-central1 (grid US-MIDW-MISO)
        On         1,024 a100-sxm4-80g
        When       Thu 12 Feb 2026 10:00 – Thu 19 Feb 2026 17:00 UTC, 175 h without a pause
        Window     Mon 5 Jan 2026 00:00 – Fri 20 Feb 2026 00:00 UTC; 7.00 h to spare
        Grid       27.7 gCO2e/kWh over the running hours, 471 in the baseline (location-based, lifecycle)

        median (90 % range)                                  planned                     baseline  change
        Hours                                        175 h (149–210)              175 h (149–210)     0 %
        Accelerator-hours                179,000 h (152,000–215,000)  179,000 h (152,000–215,000)     0 %
        Mean power                                   444 W (377–533)              444 W (377–533)     0 %
        IT energy                               79.5 MWh (67.6–95.5)         79.5 MWh (67.6–95.5)     0 %
        Facility energy                          87.5 MWh (74.4–105)          87.5 MWh (74.4–105)     0 %
        CO2e, location-based, lifecycle       2.42 tCO2e (2.06–2.90)       41.2 tCO2e (35.0–49.4)   −94 %
        CO2e, location-based, direct          1.69 tCO2e (1.44–2.03)       28.8 tCO2e (24.5–34.6)   −94 %
        CO2e, market-based                                 not known                    not known
        CO2e, consequential                                not known                    not known
        Embodied CO2e                         3.10 tCO2e (2.64–3.72)       3.10 tCO2e (2.64–3.72)     0 %
        Water                                       159 m³ (135–191)             159 m³ (135–191)     0 %
        Cost                                     323 k USD (274–387)          323 k USD (274–387)     0 %
        Basis: model, tokens, accelerator and count; speed and power are predicted (T0).

        Saving     94 % of the baseline's CO2e: machine unchanged, place ×0.0730 saves 93 %, time
                   ×0.805 saves 1.4 %; in all ×0.0588.
        Time only  staying with home and its machine, waiting alone would save 0.3 %.
        Bound      no placement of this job emits less than 2.42 tCO2e (location-based, lifecycle); the plan
                   is 0.1 % above it.

        Intensity over the window, gCO2e/kWh
        ▸ planned here, ⌂ home. ▁ 0 to █ 512 on one scale for all; a column is 18.4 h; ░▒▓█ how much of it
        the run takes; right: low–high.
        ▸ gcp/europe-north2          ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 25.8–37.2
          own scale                  ▇██▇▆▆▆▅▅▆█▇▆▅▅▅▄▄▆▇▆▅▅▅▄▃▃▅▅▅▅▅▄▂▂▃▄▄▄▄▄▃▁▁▂▃▃▃▄▄▂▁▁▂▂▂▃▄▃▁
          planned                                                                      █████████▓
        ⌂ gcp/us-central1            ████████████████████████████████████████████████████████████   456–512
          baseline                   █████████▓
          gcp/northamerica-northeas… ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 33.5–34.5
          gcp/europe-west9           ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▁▁▂▂▂▂▂▂▁▁▁▂▂▂▂▂▂▁▁▁▂▂▂▂▂▁▁▁▁▂▁▂▂▂▁▁▁▁▁▁▂▂▂▁ 53.7–80.4
          gcp/southamerica-east1     ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂   100–123
          gcp/europe-southwest1      ▄▅▅▄▄▄▄▃▃▄▄▄▄▄▄▃▃▃▄▄▄▄▄▄▃▃▃▄▄▄▄▄▃▃▃▃▄▄▄▄▄▃▃▃▃▃▃▃▄▄▃▂▃▃▃▃▃▄▃▃   127–263
          gcp/europe-west2           ▅▆▆▅▅▅▅▅▅▅▅▅▅▅▅▅▄▄▅▅▅▅▅▅▄▄▄▅▅▅▅▅▅▄▄▄▅▅▅▅▅▄▄▄▄▄▄▄▅▅▄▄▄▄▄▄▄▅▄▄   199–332
          UTC, 2026                  |5 Jan            |19 Jan           |2 Feb            |16 Feb

        Signal     typical 2022, not a forecast: US-MIDW-MISO, SE-SE3, FR, CA-QC, ES, DE, BR-CS, GB
        Data       Electricity Maps, ODbL

        Frontier of CO2e, cost and finish: each row is best in some trade of the three
        where                        on                          start        finish        CO2e       cost
        gcp/europe-north2            1,024 a100-sxm4-80g  12 Feb 10:00  19 Feb 17:00  2.42 tCO2e  323 k USD
        gcp/northamerica-northeast1  1,024 a100-sxm4-80g  10 Jan 09:00  17 Jan 16:00  2.97 tCO2e  323 k USD
        gcp/europe-west9             1,024 a100-sxm4-80g  12 Feb 10:00  19 Feb 17:00  5.26 tCO2e  323 k USD

        Too slow   1 candidate: 1,024 v100-sxm2-32g in gcp/europe-west9 needs 1,450 h, 346 h more than the
                   window holds.

        Fallbacks  PUE: fleet average of gcp; location-based intensity (lifecycle): 2022 figure for 2026;
                   embodied CO2e per accelerator: figure of a100-pcie-40g, UNVERIFIED.
        Sources    4 factors entered; --explain lists each with source and year.

        Warnings
        ! the intensity is a typical year's, not a forecast: the saving is what such a year would give
        ! market-based CO2e is not known: the catalog has no contract of this region; set
          `market_based_gco2e_per_kwh`
        ! MFU is predicted from the typical run of this accelerator: give `mfu` or `tokens_per_s` for a
          narrower range
        ");
    }

    #[test]
    fn a_job_that_stays_reads_shortly() {
        assert_snapshot!(of(&fixture::stayed()), @"
        Start now, here: 8 a100-sxm4-80g in our room from 5 Jan 2026 00:00 to 06:00 UTC, 16.6 kgCO2e. No
        place, machine or hour on offer is better by 0.5 % or more.

        Job        llm-7b
        Model      6.74 billion parameters, 93.0 ZFLOP to train, 15.5 GFLOP forward a token.
        Where      our room (grid PL), at home
        On         8 a100-sxm4-80g
        When       Mon 5 Jan 2026 00:00 – Mon 5 Jan 2026 06:00 UTC, 6.00 h without a pause
        Window     Mon 5 Jan 2026 00:00 – Wed 7 Jan 2026 00:00 UTC; 42.0 h to spare
        Grid       694 gCO2e/kWh over the running hours, 694 in the baseline (location-based, lifecycle)

        median (90 % range)                              planned                 baseline  change
        Hours                                 6.00 h (5.10–7.20)       6.00 h (5.10–7.20)     0 %
        Accelerator-hours                     48.0 h (40.8–57.6)       48.0 h (40.8–57.6)     0 %
        Mean power                               455 W (386–545)          455 W (386–545)     0 %
        IT energy                           21.8 kWh (18.5–26.2)     21.8 kWh (18.5–26.2)     0 %
        Facility energy                     24.0 kWh (20.4–28.8)     24.0 kWh (20.4–28.8)     0 %
        CO2e, location-based, lifecycle  16.6 kgCO2e (14.2–20.0)  16.6 kgCO2e (14.2–20.0)     0 %
        CO2e, location-based, direct     11.7 kgCO2e (9.91–14.0)  11.7 kgCO2e (9.91–14.0)     0 %
        CO2e, market-based                             not known                not known
        CO2e, consequential                            not known                not known
        Embodied CO2e                     3.10 tCO2e (2.64–3.72)   3.10 tCO2e (2.64–3.72)     0 %
        Water                                 43.6 L (37.1–52.4)       43.6 L (37.1–52.4)     0 %
        Cost                                 86.4 USD (73.4–104)      86.4 USD (73.4–104)     0 %
        Basis: model, tokens, accelerator and count; speed and power are predicted (T0).

        Saving     0 % of the baseline's CO2e: machine unchanged, place unchanged, time unchanged; in all
                   ×1.00.
        Bound      no placement of this job emits less than 16.6 kgCO2e (location-based, lifecycle); the
                   plan is 0.1 % above it.

        Intensity over the window, gCO2e/kWh
        ▸ planned here, ⌂ home. ▁ 0 to █ 707 on one scale for all; a column is 1.00 h; ░▒▓█ how much of it
        the run takes; right: low–high.
        ▸ our room      ████████████████████████████████████████████████   693–707
          planned       ██████
          baseline      ██████
          UTC, 2026     |5 Jan      |12:00      |6 Jan      |12:00

        Signal     typical 2022, not a forecast: PL
        Data       Electricity Maps, ODbL

        Fallbacks  PUE: fleet average of gcp; location-based intensity (lifecycle): 2022 figure for 2026;
                   embodied CO2e per accelerator: figure of a100-pcie-40g, UNVERIFIED.
        Sources    4 factors entered; --explain lists each with source and year.

        Warnings
        ! the intensity is a typical year's, not a forecast: the saving is what such a year would give
        ! market-based CO2e is not known: the catalog has no contract of this region; set
          `market_based_gco2e_per_kwh`
        ! MFU is predicted from the typical run of this accelerator: give `mfu` or `tokens_per_s` for a
          narrower range
        ");
    }

    #[test]
    fn pauses_are_summed_up_and_marked() {
        assert_snapshot!(of(&fixture::paused()), @"
        Run on 8 a100-sxm4-80g in our room from 1 Apr 2026 10:00 to 9 Apr 14:00 UTC, in 9 pieces:
        13.2 kgCO2e instead of 25.0 kg (−47 %). Choosing the hours saves 47 %.

        Job        llm-7b
        Model      6.74 billion parameters, 93.0 ZFLOP to train, 15.5 GFLOP forward a token.
        Where      our room (grid ES), at home
        On         8 a100-sxm4-80g
        When       Wed 1 Apr 2026 10:00 – Thu 9 Apr 2026 14:00 UTC, 36.0 h of running, 8 pauses of 160 h in
                   all
        Pieces     9 of 4.00 h: first 1 Apr 2026 10:00 – 14:00; last 9 Apr 2026 10:00 – 14:00; 7 between
                   (--format json has all)
        Window     Wed 1 Apr 2026 00:00 – Fri 10 Apr 2026 12:00 UTC; 22.0 h to spare
        Grid       91.6 gCO2e/kWh over the running hours, 240 in the baseline (location-based, lifecycle)

        median (90 % range)                              planned                 baseline  change
        Hours                                 36.0 h (30.6–43.2)       26.0 h (22.1–31.2)   +38 %
        Accelerator-hours                        288 h (245–346)          208 h (177–250)   +38 %
        Mean power                               455 W (386–545)          455 W (386–545)     0 %
        IT energy                              131 kWh (111–157)      94.5 kWh (80.4–113)   +38 %
        Facility energy                        144 kWh (122–173)       104 kWh (88.4–125)   +38 %
        CO2e, location-based, lifecycle  13.2 kgCO2e (11.2–15.8)  25.0 kgCO2e (21.2–30.0)   −47 %
        CO2e, location-based, direct     9.24 kgCO2e (7.85–11.1)  17.5 kgCO2e (14.9–21.0)   −47 %
        CO2e, market-based                             not known                not known
        CO2e, consequential                            not known                not known
        Embodied CO2e                     3.10 tCO2e (2.64–3.72)   3.10 tCO2e (2.64–3.72)     0 %
        Water                                    262 L (223–314)          189 L (161–227)   +38 %
        Cost                                   518 USD (441–622)        374 USD (318–449)   +38 %
        Basis: model, tokens, accelerator and count; speed and power are predicted (T0).

        Saving     47 % of the baseline's CO2e: machine unchanged, place unchanged, time ×0.528 saves 47 %;
                   in all ×0.528.
        Bound      no placement of this job emits less than 12.9 kgCO2e (location-based, lifecycle); the
                   plan is 2.0 % above it.

        Intensity over the window, gCO2e/kWh
        ▸ planned here, ⌂ home. ▁ 0 to █ 367 on one scale for all; a column is 3.12 h; ░▒▓█ how much of it
        the run takes; right: low–high.
        ▸ our room      ▇▆▅▃▃▅▇██▇▅▄▄▆███▆▄▃▄▆▇█▆▄▃▂▄▅▆▆▅▃▁▂▃▅▆▅▃▂▁▂▄▅▆▅▃▂▂▃▅▇▇▅▄▃▃▅▇█▇▆▄▃▄▆▇█▇▅▃  21.3–367
          planned          █▒     ░█░     ▒█      ▓▓     ░█░     ▒█      ▓▓     ░█▒     ▒█
          baseline      ████████▒
          UTC, 2026     |1 Apr         |3 Apr         |5 Apr          |7 Apr         |9 Apr

        Signal     typical 2022, not a forecast: ES
        Data       Electricity Maps, ODbL

        Fallbacks  PUE: fleet average of gcp; location-based intensity (lifecycle): 2022 figure for 2026;
                   embodied CO2e per accelerator: figure of a100-pcie-40g, UNVERIFIED.
        Sources    4 factors entered; --explain lists each with source and year.

        Warnings
        ! the intensity is a typical year's, not a forecast: the saving is what such a year would give
        ! market-based CO2e is not known: the catalog has no contract of this region; set
          `market_based_gco2e_per_kwh`
        ! MFU is predicted from the typical run of this accelerator: give `mfu` or `tokens_per_s` for a
          narrower range
        ");
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
    fn a_long_frontier_shows_its_ends_and_says_how_many_more_there_are() {
        let mut fixture = fixture::moved();
        let first = fixture.plan.best.clone();
        let priced = |index: u32| {
            let mut placement = first.clone();
            placement.co2e = first.co2e * (1.0 + f64::from(index) / 100.0);
            placement.cost = first.cost.map(|cost| cost * if index == 17 { 0.5 } else { 1.0 });
            placement
        };
        fixture.plan.alternatives = (0..40).map(priced).collect();
        let rows = shown(&fixture.plan.alternatives);
        assert!(rows.len() == FRONTIER_ROWS && rows[0] == 0 && rows.contains(&17), "{rows:?}");
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "{rows:?}");
        assert!(of(&fixture).contains("32 more between them; --format json has all."));
    }

    #[test]
    fn a_warning_of_one_run_says_whose_it_is() {
        let mut fixture = fixture::moved();
        fixture.baseline.warnings.push("water is not known".into());
        assert!(of(&fixture).contains("! baseline: water is not known"));
    }

    #[test]
    fn an_unverified_factor_is_named_without_explain() {
        let text = of(&fixture::moved());
        let words: Vec<_> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("embodied CO2e per accelerator: figure of a100-pcie-40g, UNVERIFIED"));
    }
}
