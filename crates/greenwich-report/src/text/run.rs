//! Runs of the ledger as text.
//!
//! In: runs. Out: one line at the end of a run; a run from that line to its warnings; and the table of a ledger.

use crate::amount::{amount, range};
use crate::export::record::method;
use crate::export::whole::{Part, Whole, named};
use crate::number::{percent, three};
use crate::text::page::Page;
use crate::text::quantities::NOT_KNOWN;
use crate::text::strip::bars;
use crate::text::table::{Align, Table};
use crate::text::wrap::clean;
use crate::text::{estimate, factors};
use crate::view::Style;
use crate::when::{lasted, span};
use greenwich_core::Range;
use greenwich_core::entry::{DeviceEnergy, HourOfRun, RunEntry};
use greenwich_core::quantity::ItEnergy;
use greenwich_core::reading::Method;
use jiff::Timestamp;

/// Columns of a strip's name and of its low–high.
const STRIP_NAME: usize = 18;
const STRIP_EXTENT: usize = 22;

/// A label of a run.
type Label = fn(&RunEntry) -> &Option<String>;

const LABELS: [(&str, Label); 3] =
    [("project", |run| &run.project), ("model", |run| &run.model), ("phase", |run| &run.phase)];

/// The line at the end of a run, without a line break: how long, energy, CO2e, shares, how known.
///
/// `▸ 2 h 14 min · 9.82 kWh (9.13–10.6) with PUE 1.20 · 1.63 kgCO2e (1.42–1.91) location-based GB · GPU 88 % …`
pub fn run_line(run: &RunEntry) -> String {
    let whole = Whole::of(std::slice::from_ref(run));
    let account = &run.account;
    let mut parts = vec![lasted(run.end.duration_since(run.start).as_secs_f64())];
    let pue = whole.pue().map_or_else(String::new, |pue| format!(" with PUE {}", three(pue)));
    parts.push(format!("{}{pue}", range(&account.facility_energy)));
    parts.push(match &account.location_based {
        Some(co2e) => {
            let zone = account.setting.zone.as_ref().map_or_else(String::new, |zone| format!(" {zone}"));
            format!("{} location-based{zone}", range(co2e))
        }
        None => "CO2e not known".to_owned(),
    });
    let shares = shares(&whole);
    if !shares.is_empty() {
        parts.push(shares);
    }
    parts.push(method(&whole));
    if let Some((held, expected)) = whole.missing_nodes() {
        parts.push(format!("{held} of {expected} nodes"));
    }
    match run.exit_status {
        Some(0) => {}
        Some(status) => parts.push(format!("exit status {status}")),
        None => parts.push("end not seen".to_owned()),
    }
    clean(&format!("▸ {}", parts.join(" · ")))
}

/// `GPU 88 % CPU 7 % rest 5 %`; nothing where no device was metered.
fn shares(whole: &Whole<'_>) -> String {
    let shares = whole.shares();
    if shares.iter().all(|(part, _)| *part == Part::Rest) {
        return String::new();
    }
    shares.iter().map(|(part, share)| format!("{} {}", part.name(), percent(*share))).collect::<Vec<_>>().join(" ")
}

/// A run as a person reads it.
pub fn run(run: &RunEntry, style: Style) -> String {
    let mut page = Page::new(style);
    page.headline(&run_line(run));
    page.blank();
    what(&mut page, run);
    devices(&mut page, run);
    hours(&mut page, run);
    page.heading("Account");
    estimate::quantities(&mut page, &run.account);
    factors::factors(&mut page, &[("run", &run.account)]);
    factors::warnings(&mut page, &run.account.warnings);
    page.finish()
}

fn what(page: &mut Page, run: &RunEntry) {
    page.named("Run", &run.run);
    if !run.command.is_empty() {
        page.named("Command", &run.command.join(" "));
    }
    page.named("When", &span(run.start, run.end));
    let labels = [("project", &run.project), ("model", &run.model), ("phase", &run.phase)];
    let mut labels: Vec<String> =
        labels.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}"))).collect();
    labels.extend(run.tags.iter().map(|(key, value)| format!("{key}={value}")));
    if !labels.is_empty() {
        page.named("Labels", &labels.join(", "));
    }
    if !run.corrects.is_empty() {
        page.named("Corrects", &run.corrects.join(", "));
    }
    if let Some(expected) = run.nodes_expected {
        page.named("Nodes", &format!("{} of {expected}", run.nodes));
    }
}

/// Every device with how it is known; one that another holds is named as such and is in no sum.
fn devices(page: &mut Page, run: &RunEntry) {
    page.heading("Devices");
    if run.devices.is_empty() {
        page.paragraph("No device was metered.");
        return;
    }
    let several = run.devices.iter().any(|device| device.host != run.devices[0].host);
    let mut header = vec![("device", Align::Left), ("is", Align::Left), ("IT energy", Align::Right)];
    header.extend([("share", Align::Right), ("method", Align::Left), ("coverage", Align::Right)]);
    if several {
        header.push(("node", Align::Left));
    }
    let mut table = Table::new(&header);
    for device in &run.devices {
        table.row(device_row(device, run.account.it_energy.p50, several));
    }
    page.table(&table);
}

fn device_row(device: &DeviceEnergy, whole: ItEnergy, several: bool) -> Vec<String> {
    let is = if device.model.is_empty() { named(device.kind) } else { &device.model };
    let energy = match device.method {
        Method::Unknown => format!("not known, {} at most", amount(device.energy.p95)),
        _ => range(&device.energy),
    };
    let share = match device.method {
        _ if device.inside_another => "inside".to_owned(),
        Method::Unknown => String::new(),
        _ if whole.joules() > 0.0 => percent(device.energy.p50 / whole),
        _ => String::new(),
    };
    let mut row = vec![device.device.clone(), is.to_owned(), energy, share];
    row.extend([device.method.to_string(), percent(device.coverage)]);
    if several {
        row.push(device.host.clone());
    }
    row
}

/// Power and intensity over the run, each on its own scale from 0; the run's times stand above.
fn hours(page: &mut Page, run: &RunEntry) {
    if run.hours.is_empty() {
        return;
    }
    let room = page.width().saturating_sub(STRIP_NAME + STRIP_EXTENT + 1).max(1);
    let count = run.hours.len().min(room);
    let wide = (room / count).clamp(1, 4);
    let per = run.hours.len().div_ceil(count);
    page.heading(&if per == 1 { "Hour by hour".to_owned() } else { format!("A bar for {per} hours") });
    let powers: Vec<Option<f64>> = groups(&run.hours, per).map(|hours| mean_watts(hours, run)).collect();
    strip(page, "mean power", &powers, wide, "W");
    let locations = groups(&run.hours, per).map(mean_g_per_kwh);
    strip(page, "grid intensity", &locations.collect::<Vec<_>>(), wide, "g/kWh");
}

/// Mean intensity by energy, where every hour has one.
fn mean_g_per_kwh(hours: &[HourOfRun]) -> Option<f64> {
    let kwh: f64 = hours.iter().map(|hour| hour.it_energy.kwh()).sum();
    let grams = hours.iter().map(|hour| Some(hour.location_based_g_per_kwh? * hour.it_energy.kwh()));
    let grams = grams.sum::<Option<f64>>()?;
    if kwh > 0.0 { Some(grams / kwh) } else { hours.first()?.location_based_g_per_kwh }
}

fn groups(hours: &[HourOfRun], per: usize) -> impl Iterator<Item = &[HourOfRun]> {
    hours.chunks(per.max(1))
}

/// IT power over the hours, their first and last cut by the run's ends.
fn mean_watts(hours: &[HourOfRun], run: &RunEntry) -> Option<f64> {
    let last = hours.last()?;
    let hour_end = Timestamp::from_second((last.start.as_second().div_euclid(3600) + 1) * 3600).ok()?;
    let hour_start = hours.first()?.start.max(run.start);
    let seconds = hour_end.min(run.end).duration_since(hour_start).as_secs_f64();
    let joules: f64 = hours.iter().map(|hour| hour.it_energy.joules()).sum();
    (seconds > 0.0).then(|| joules / seconds)
}

fn strip(page: &mut Page, name: &str, values: &[Option<f64>], wide: usize, unit: &str) {
    let known = || values.iter().flatten().copied();
    let top = known().fold(0.0, f64::max);
    let low = known().fold(f64::INFINITY, f64::min);
    let shades: Vec<Option<f64>> =
        values.iter().map(|value| value.map(|value| if top > 0.0 { value / top } else { 0.0 })).collect();
    let extent = if known().count() == 0 {
        NOT_KNOWN.to_owned()
    } else if three(low) == three(top) {
        format!("{} {unit}", three(top))
    } else {
        format!("{}–{} {unit}", three(low), three(top))
    };
    let drawn = format!("{} {extent}", bars(&shades, wide, page.style().colour));
    page.drawn(name, STRIP_NAME, &drawn);
}

/// The table of a ledger, the runs in the order given, with their sum below.
pub fn runs(runs: &[RunEntry], style: Style) -> String {
    let mut page = Page::new(style);
    if runs.is_empty() {
        page.headline("The ledger holds no run.");
        return page.finish();
    }
    // Labels share a column: three of their own would leave no room for the figures.
    let labels: Vec<_> = LABELS.iter().filter(|(_, of)| runs.iter().any(|run| of(run).is_some())).collect();
    let mut header = vec![("run", Align::Left), ("start, UTC", Align::Left), ("lasted", Align::Right)];
    let named = labels.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" · ");
    if !labels.is_empty() {
        header.push((&named, Align::Left));
    }
    header.extend([("energy", Align::Right), ("CO2e", Align::Right), ("method", Align::Left), ("exit", Align::Right)]);
    let mut table = Table::new(&header);
    for run in runs {
        let mut row = vec![
            run.run.clone(),
            run.start.strftime("%Y-%m-%d %H:%M").to_string(),
            lasted(run.end.duration_since(run.start).as_secs_f64()),
        ];
        if !labels.is_empty() {
            let words: Vec<&str> = labels.iter().map(|(_, of)| of(run).as_deref().unwrap_or("–")).collect();
            let none = words.iter().all(|word| *word == "–");
            row.push(if none { String::new() } else { words.join(" · ") });
        }
        row.push(amount(run.account.facility_energy.p50));
        row.push(run.account.location_based.map_or_else(|| NOT_KNOWN.to_owned(), |co2e| amount(co2e.p50)));
        row.push(run.method().map_or("not metered", Method::as_str).to_owned());
        row.push(run.exit_status.map_or_else(|| "?".to_owned(), |status| status.to_string()));
        table.row(row);
    }
    page.table(&table);
    page.blank();
    page.paragraph(&sum(runs));
    page.finish()
}

/// `3 runs: 19.6 kWh after PUE, 3.26 kgCO2e location-based.`
fn sum(runs: &[RunEntry]) -> String {
    let whole = Whole::of(runs);
    let count = whole.runs.len();
    let unknown = whole.runs.iter().filter(|run| run.account.location_based.is_none()).count();
    let known = whole.runs.iter().filter_map(|run| run.account.location_based);
    let co2e = match (&whole.sum.location_based, unknown) {
        (Some(co2e), _) => format!("{} location-based", range(co2e)),
        (None, unknown) if unknown < count => {
            let part = known.reduce(|a, b| Range { p5: a.p5 + b.p5, p50: a.p50 + b.p50, p95: a.p95 + b.p95 });
            let part = part.as_ref().map_or_else(String::new, range);
            format!("{part} location-based without the {unknown} whose CO2e is not known")
        }
        _ => "CO2e not known".to_owned(),
    };
    let corrected = match runs.len() - count {
        0 => String::new(),
        1 => "; 1 that another corrects is left out".to_owned(),
        more => format!("; {more} that others correct are left out"),
    };
    let noun = if count == 1 { "run" } else { "runs" };
    format!("{count} {noun}: {} after PUE, {co2e}{corrected}.", range(&whole.sum.facility_energy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_run as fixture;
    use insta::assert_snapshot;

    #[test]
    fn the_line_of_a_run_has_time_energy_co2e_shares_and_method() {
        assert_snapshot!(run_line(&fixture::counted()), @"▸ 2 h 14 min · 9.82 kWh (9.13–10.6) with PUE 1.20 · 1.64 kgCO2e (1.43–1.92) location-based GB · GPU 88 % CPU 7.1 % DRAM 4.9 % · counted");
        assert_snapshot!(run_line(&fixture::estimated()), @"▸ 1 h 45 min · 675 Wh (480–900) with PUE 1.50 · CO2e not known · CPU 89 % unread 11 % · estimated 89 %, unknown 11 % · 1 of 2 nodes · exit status 137");
        let mut unmetered = fixture::counted();
        unmetered.devices.clear();
        unmetered.exit_status = None;
        assert_snapshot!(run_line(&unmetered), @"▸ 2 h 14 min · 9.82 kWh (9.13–10.6) with PUE 1.20 · 1.64 kgCO2e (1.43–1.92) location-based GB · nothing was metered · end not seen");
    }

    #[test]
    fn a_run_reads_from_its_line_to_its_account() {
        assert_snapshot!(run(&fixture::counted(), Style::default()), @"
        ▸ 2 h 14 min · 9.82 kWh (9.13–10.6) with PUE 1.20 · 1.64 kgCO2e (1.43–1.92) location-based GB · GPU
        88 % CPU 7.1 % DRAM 4.9 % · counted

        Run        20260105T091300Z-node01-7f3a
        Command    torchrun --nproc-per-node 8 train.py
        When       from 5 Jan 2026 09:13 to 11:27 UTC
        Labels     project llm-7b, model llm-7b-base, phase final, training_type=pre-training, tokens=1.2e9
        Nodes      1 of 1

        Devices
        device  is                         IT energy  share  method   coverage
        GPU-0   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        GPU-1   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        GPU-2   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        GPU-3   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        GPU-4   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        GPU-5   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        GPU-6   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        GPU-7   NVIDIA H100 80GB HBM3         900 Wh   11 %  counted     100 %
        cpu-0   Intel Xeon Platinum 8480+     290 Wh  3.5 %  counted     100 %
        cpu-1   Intel Xeon Platinum 8480+     290 Wh  3.5 %  counted     100 %
        dram-0  DRAM                          200 Wh  2.4 %  counted     100 %
        dram-1  DRAM                          200 Wh  2.4 %  counted     100 %

        Hour by hour
        mean power        ████████████ 3,660 W
        grid intensity    ████████▇▇▇▇ 150–180 g/kWh

        Account
                                             median (90 % range)  boundary
        Hours                                             2.23 h  wall clock, running
        Accelerator-hours                                 17.9 h  hours × accelerators
        Mean power                                         458 W  per accelerator, whole system, before PUE
        IT energy                                       8.18 kWh  before PUE
        Facility energy                     9.82 kWh (9.13–10.6)  after PUE, at the building's meter
        CO2e, location-based, lifecycle  1.64 kgCO2e (1.43–1.92)  Scope 2, grid average
        CO2e, location-based, direct     1.31 kgCO2e (1.14–1.54)  Scope 2, grid average, at the stack
        CO2e, market-based                   589 gCO2e (512–689)  Scope 2, by contracts
        CO2e, consequential                            not known  at the margin; never part of an account
        Embodied CO2e                        620 gCO2e (372–992)  share of the hardware's manufacture
        Water                                 17.0 L (11.9–25.5)  on site and at the power plants
        Cost                                            44.7 USD  at dated list prices

        Fallbacks  PUE: fleet average of gcp.
        Sources    5 factors entered; --explain lists each with source and year.
        ");
    }

    #[test]
    fn what_could_not_be_read_is_named_and_never_zero() {
        assert_snapshot!(run(&fixture::estimated(), Style::default()), @"
        ▸ 1 h 45 min · 675 Wh (480–900) with PUE 1.50 · CO2e not known · CPU 89 % unread 11 % · estimated
        89 %, unknown 11 % · 1 of 2 nodes · exit status 137

        Run        20260210T221500Z-desk-01c9
        Command    python finetune.py --lr 1e-4
        When       from 10 Feb 2026 22:15 to 11 Feb 00:00 UTC
        Nodes      1 of 2

        Devices
        device  is                             IT energy  share  method     coverage
        cpu-0   AMD EPYC 7742           400 Wh (320–500)   89 %  estimated      97 %
        dram-0  DRAM           not known, 100 Wh at most         unknown         0 %

        Hour by hour
        mean power        ████████ 240–270 W
        grid intensity    ········ not known

        Account
                                      median (90 % range)  boundary
        Hours                                      1.75 h  wall clock, running
        Accelerator-hours                          1.75 h  hours × accelerators
        Mean power                        257 W (183–343)  per accelerator, whole system, before PUE
        IT energy                        450 Wh (320–600)  before PUE
        Facility energy                  675 Wh (480–900)  after PUE, at the building's meter
        CO2e, location-based                    not known  Scope 2, grid average
        CO2e, location-based, direct            not known  Scope 2, grid average, at the stack
        CO2e, market-based                      not known  Scope 2, by contracts
        CO2e, consequential                     not known  at the margin; never part of an account
        Embodied CO2e                           not known  share of the hardware's manufacture
        Water                                   not known  on site and at the power plants
        Cost                                    not known  at dated list prices

        Fallbacks  PUE: assumed.
        Sources    1 factor entered; --explain lists each with source and year.

        Warnings
        ! location-based CO2e is not known: no grid zone is set; set `site.zone`
        ! dram-0 could not be read: 0 to 0.1 kWh is what it can have drawn
        ");
    }

    #[test]
    fn a_device_inside_another_is_shown_and_not_summed() {
        let mut run = fixture::counted();
        run.devices[0].inside_another = true;
        let text = super::run(&run, Style::default());
        let row = text.lines().find(|line| line.starts_with("GPU-0")).expect("its row");
        assert!(row.contains("inside") && !row.contains("11 %"), "{row}");
        assert!(text.starts_with("▸ 2 h 14 min") && text.contains("rest 11 %"), "{text}");
    }

    #[test]
    fn an_hour_that_began_before_the_run_counts_from_the_run() {
        let mut run = fixture::counted();
        let hour = run.hours[1];
        let whole = Timestamp::from_second(run.start.as_second().div_euclid(3600) * 3600).expect("an hour");
        run.hours = vec![HourOfRun { start: whole, ..hour }];
        run.end = run.start + jiff::SignedDuration::from_mins(15);
        let watts = mean_watts(&run.hours, &run).expect("a power");
        assert!((watts / (hour.it_energy.joules() / 900.0) - 1.0).abs() < 1e-9, "{watts} W");
    }

    #[test]
    fn a_run_of_weeks_fits_the_strip() {
        let mut run = fixture::counted();
        let hour = run.hours[1];
        let after = |hours: i64| hour.start + jiff::SignedDuration::from_hours(hours);
        run.hours = (0..1000).map(|at| HourOfRun { start: after(at), ..hour }).collect();
        run.end = after(1000);
        let text = super::run(&run, Style::default());
        assert!(text.contains("A bar for 17 hours"), "{text}");
    }

    #[test]
    fn a_ledger_is_a_table_with_its_sum() {
        let mut all = fixture::phases();
        all.push(fixture::estimated());
        assert_snapshot!(runs(&all, Style::default()), @"
        run                         start, UTC    lasted  project ·       energy         CO2e  method   exit
                                                          model ·
                                                          phase
        final-run                   2026-01-07       2 h  llm-7b ·      9.82 kWh  1.64 kgCO2e  counted     0
                                    09:13         14 min  llm-7b-base
                                                          · final
        search-run                  2026-01-05       2 h  llm-7b ·      7.36 kWh  1.23 kgCO2e  counted     0
                                    09:13         14 min  llm-7b-base
                                                          · search
        preliminary-run             2026-01-06       2 h  llm-7b ·      2.45 kWh    410 gCO2e  counted     0
                                    09:13         14 min  llm-7b-base
                                                          ·
                                                          preliminary
        20260210T221500Z-desk-01c9  2026-02-10       1 h                  675 Wh    not known  unknown   137
                                    22:15         45 min

        4 runs: 20.3 kWh (18.7–22.1) after PUE, 3.28 kgCO2e (2.86–3.84) location-based without the 1 whose
        CO2e is not known.
        ");
    }
}
