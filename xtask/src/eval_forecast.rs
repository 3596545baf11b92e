//! Measures the forecaster: the tables of `docs/accuracy.md` on forecasts, as markdown on stdout.
//!
//! In: a folder of hourly traces. Out: per zone and day ahead the error of the median beside three yardsticks, what the
//! bands held, what a plan on the median realised of an oracle's saving, and the time a fit and a forecast took.
//! The prior that a zone is drawn to leaves that zone out, and every hour from the first origin on.

mod beside;

use crate::pool;
use anyhow::{Context, Result, bail};
use beside::Beside;
use flate2::read::MultiGzDecoder;
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_forecast::ridge::Strength;
use greenwich_forecast::{Backtest, Covariate, History, Measure, Naive, Pool, Prior, Score, Settings, backtest};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

const HOURS: usize = 96;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The job of the realised saving, and the window that it may move in.
const JOB_HOURS: usize = 8;
const WINDOW_HOURS: usize = 48;

/// A set of zones and origins.
struct Protocol {
    name: &'static str,
    title: &'static str,
    from: &'static str,
    until: &'static str,
    zones: fn(&str, bool) -> bool,
    /// Whether the same is told with covariates, in a table of its own.
    covariates: bool,
    /// Hours before are taken for unknown, as of a zone that was met then.
    known_from: Option<&'static str>,
}

/// CarbonCast's thirteen grids, as far as the folder holds them; its German, Polish and Floridan ones are not there.
const CARBONCAST: [&str; 10] = [
    "US-CAL-CISO",
    "US-MIDA-PJM",
    "US-TEX-ERCO",
    "US-NY-NYIS",
    "US-NE-ISNE",
    "US-NW-BPAT",
    "ES",
    "NL",
    "SE-SE3",
    "AU-QLD",
];

const PROTOCOLS: [Protocol; 9] = [
    Protocol {
        name: "held-out",
        title: "Fourteen zones, 2023 held out",
        from: "2023-01-01T00:00:00Z",
        until: "2023-12-28T00:00:00Z",
        zones: |_, three_years| three_years,
        covariates: false,
        known_from: None,
    },
    Protocol {
        name: "carboncast",
        title: "CarbonCast's grids, July to December 2022",
        from: "2022-07-01T00:00:00Z",
        until: "2022-12-28T00:00:00Z",
        zones: |zone, _| CARBONCAST.contains(&zone),
        covariates: false,
        known_from: None,
    },
    Protocol {
        name: "half-year",
        title: "Zones with half a year of history, July to December 2022",
        from: "2022-07-01T00:00:00Z",
        until: "2022-12-28T00:00:00Z",
        zones: |_, three_years| !three_years,
        covariates: false,
        known_from: None,
    },
    Protocol {
        name: "eight-months",
        title: "Zones with eight months of history, September to December 2022",
        from: "2022-09-01T00:00:00Z",
        until: "2022-12-28T00:00:00Z",
        zones: |_, three_years| !three_years,
        covariates: false,
        known_from: None,
    },
    Protocol {
        name: "weeks",
        title: "Zones with three to eight weeks of history, August and September 2022",
        from: "2022-08-22T00:00:00Z",
        until: "2022-09-26T00:00:00Z",
        zones: |_, _| true,
        covariates: false,
        known_from: Some("2022-08-01T00:00:00Z"),
    },
    Protocol {
        name: "months",
        title: "Zones with three to five months of history, October to December 2022",
        from: "2022-10-24T00:00:00Z",
        until: "2022-12-28T00:00:00Z",
        zones: |_, _| true,
        covariates: false,
        known_from: Some("2022-08-01T00:00:00Z"),
    },
    Protocol {
        name: "tune",
        title: "Fourteen zones, July to December 2022 (tuned on)",
        from: "2022-07-01T00:00:00Z",
        until: "2022-12-28T00:00:00Z",
        zones: |_, three_years| three_years,
        covariates: false,
        known_from: None,
    },
    Protocol {
        name: "covariates",
        title: "Fourteen zones, 2023 held out, with price and weather",
        from: "2023-01-01T00:00:00Z",
        until: "2023-12-28T00:00:00Z",
        zones: |_, three_years| three_years,
        covariates: true,
        known_from: None,
    },
    Protocol {
        name: "tune-covariates",
        title: "Fourteen zones, 2022 (tuned on), with price and weather",
        from: "2022-01-01T00:00:00Z",
        until: "2022-12-28T00:00:00Z",
        zones: |_, three_years| three_years,
        covariates: true,
        known_from: None,
    },
];

/// Runs `cargo xtask eval forecast [--data DIR] [--protocol NAME] [--zone ZONE] [--plain]`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let mut data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let (mut names, mut only, mut plain) = (Vec::new(), Vec::new(), false);
    let mut strength = Strength::CHOSEN;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match *word {
            "--data" => data = PathBuf::from(words.next().context("--data needs the folder with grid/")?),
            "--protocol" => names.push(*words.next().context("--protocol needs a name")?),
            "--zone" => only.push((*words.next().context("--zone needs a name")?).to_owned()),
            "--plain" => plain = true,
            "--strength" => {
                let parts: Result<Vec<f64>, _> =
                    words.next().context("--strength needs numbers")?.split(',').map(str::parse).collect();
                let [pooled, hour_of_day, calendar] = parts?[..] else {
                    bail!("write --strength POOLED,HOUR,CALENDAR")
                };
                strength = Strength { pooled, hour_of_day, calendar };
            }
            other => bail!("unknown argument `{other}`: write --data, --protocol, --zone, --plain or --strength"),
        }
    }
    if let Some(stranger) = names.iter().find(|name| PROTOCOLS.iter().all(|protocol| protocol.name != **name)) {
        bail!("unknown protocol `{stranger}`: write {}", PROTOCOLS.map(|protocol| protocol.name).join(", "));
    }
    if names.is_empty() {
        names = vec!["held-out", "covariates", "carboncast", "half-year", "eight-months", "weeks", "months"];
    }
    for protocol in PROTOCOLS.iter().filter(|protocol| names.contains(&protocol.name)) {
        print(&table(&data, protocol, &only, plain, strength)?);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are the answer")]
fn print(text: &str) {
    println!("{text}");
}

/// What is said of one zone.
struct Row {
    zone: String,
    ours: Score,
    yardsticks: [Score; 3],
    realised: Share,
    realised_naive: Share,
    rungs: String,
    fit_s: f64,
    predict_s: f64,
}

const YARDSTICKS: [Naive; 3] = [Naive::LastDay, Naive::WeekMean, Naive::Ewma];

fn table(data: &Path, protocol: &Protocol, only: &[String], plain: bool, strength: Strength) -> Result<String> {
    let from: Timestamp = protocol.from.parse().context("an origin")?;
    let until: Timestamp = protocol.until.parse().context("an origin")?;
    let pool = if plain { Pool::default() } else { pool::pool(data, from)? };
    let mut rows = Vec::new();
    let mut beside = Vec::new();
    for path in zones(data)? {
        let history = read(&path)?;
        let long = history.known_hours() > 2 * 8760;
        let name = history.zone.to_string();
        if !(protocol.zones)(&name, long) || (!only.is_empty() && !only.contains(&name)) {
            continue;
        }
        let history = match protocol.known_from {
            Some(from) => since(&history, from.parse().context("an instant")?),
            None => history,
        };
        let prior = if plain { None } else { pool.prior(Some(&history.zone)) }.unwrap_or_else(Prior::none);
        let origins = Window::new(from, until)?;
        if protocol.covariates {
            beside.push(Beside::of(&history, origins, &prior, strength)?);
            continue;
        }
        rows.push(row(&history, origins, &prior, strength)?);
        let last = &rows[rows.len() - 1];
        let days: Vec<String> = last.ours.mape_by_day.iter().map(|day| percent(*day)).collect();
        eprintln!(
            "{name:<14} {} ({}) naive {} cov {} real {} fit {:.2} s predict {:.3} ms {}",
            percent(last.ours.mape),
            days.join(" "),
            percent(last.yardsticks[0].mape),
            percent(last.ours.coverage90),
            percent(last.realised.get()),
            last.fit_s,
            1e3 * last.predict_s,
            last.rungs
        );
    }
    Ok(if protocol.covariates { beside::markdown(protocol, &beside) } else { markdown(protocol, &rows) })
}

fn row(history: &History, origins: Window, prior: &Prior, strength: Strength) -> Result<Row> {
    let began = Instant::now();
    let clock = || SignedDuration::try_from(began.elapsed()).expect("less than an age of the world");
    let settings = Settings { strength, ..Settings::validated(HOURS, prior) };
    let test = backtest(history, origins, DAY, settings, clock)?;
    let mut rungs: Vec<(&str, usize)> = Vec::new();
    for judged in &test.judged {
        let word = judged.forecast.rung.as_str();
        match rungs.iter_mut().find(|(name, _)| *name == word) {
            Some((_, count)) => *count += 1,
            None => rungs.push((word, 1)),
        }
    }
    let rungs: Vec<String> = rungs.iter().map(|(word, count)| format!("{word} {count}")).collect();
    Ok(Row {
        zone: history.zone.to_string(),
        ours: test.score(),
        yardsticks: YARDSTICKS.map(|naive| test.yardstick(history, naive)),
        realised: realised(&test, |judged, lead| judged.forecast.points[lead].p50_g_per_kwh),
        // The day before the first origin repeats itself.
        realised_naive: realised(&test, |judged, lead| {
            let back = judged.forecast.issued - DAY + SignedDuration::from_hours(lead as i64 % 24);
            history.at_g_per_kwh(back).unwrap_or(f64::MAX)
        }),
        rungs: rungs.join(", "),
        fit_s: test.slowest_fit.as_secs_f64(),
        predict_s: test.mean_predict.as_secs_f64(),
    })
}

/// What was saved over a start at random, and what could have been.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    saved: f64,
    oracle: f64,
    random: f64,
}

impl Share {
    fn get(self) -> Option<f64> {
        (self.oracle > 1e-6 * self.random).then(|| self.saved / self.oracle)
    }
    fn oracle(self) -> f64 {
        self.oracle / self.random
    }
}

/// Plans one whole job in the window of each origin on what was foretold, and accounts with what came.
fn realised(test: &Backtest, foretold: impl Fn(&greenwich_forecast::Judged, usize) -> f64) -> Share {
    let mut share = Share::default();
    for judged in &test.judged {
        let actual: Option<Vec<f64>> = judged.actual_g_per_kwh[..WINDOW_HOURS].iter().copied().collect();
        let Some(actual) = actual else { continue };
        let ahead: Vec<f64> = (0..WINDOW_HOURS).map(|lead| foretold(judged, lead)).collect();
        let means = |values: &[f64]| -> Vec<f64> {
            values.windows(JOB_HOURS).map(|job| job.iter().sum::<f64>() / JOB_HOURS as f64).collect()
        };
        let (came, told) = (means(&actual), means(&ahead));
        let least = |means: &[f64]| (0..means.len()).min_by(|a, b| means[*a].total_cmp(&means[*b])).expect("41 starts");
        let random = came.iter().sum::<f64>() / came.len() as f64;
        share.random += random;
        share.saved += random - came[least(&told)];
        share.oracle += random - came[least(&came)];
    }
    share
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.2}", 100.0 * share))
}

fn markdown(protocol: &Protocol, rows: &[Row]) -> String {
    let mut text = format!(
        "### {}\n\nOrigins daily at 00 UTC, {} to {} (excluded), {HOURS} h ahead.\n\n",
        protocol.title,
        &protocol.from[..10],
        &protocol.until[..10]
    );
    text.push_str("| zone | MAPE % | day 1 | day 2 | day 3 | day 4 | last day | week mean | EWMA | MAE g/kWh | in 90 % band | realised | last day's | oracle saves | fit s | predict ms |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for row in rows {
        let day = |day: usize| percent(row.ours.mape_by_day[day]);
        let [last_day, week_mean, ewma] = row.yardsticks.each_ref().map(|score| percent(score.mape));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {last_day} | {week_mean} | {ewma} | {:.1} | {} | {} | {} | {:.1} | {:.2} | {:.2} |",
            row.zone,
            percent(row.ours.mape),
            day(0),
            day(1),
            day(2),
            day(3),
            row.ours.mae_g_per_kwh.unwrap_or(f64::NAN),
            percent(row.ours.coverage90),
            percent(row.realised.get()),
            percent(row.realised_naive.get()),
            100.0 * row.realised.oracle(),
            row.fit_s,
            1e3 * row.predict_s
        );
    }
    let mean = |pick: &dyn Fn(&Row) -> Option<f64>| {
        let picked: Vec<f64> = rows.iter().filter_map(pick).collect();
        percent((!picked.is_empty()).then(|| picked.iter().sum::<f64>() / picked.len() as f64))
    };
    let varying = rows.iter().filter(|row| row.ours.mae_g_per_kwh.is_some_and(|mae| mae > 1e-6));
    let covered: Vec<f64> = varying.filter_map(|row| row.ours.coverage90).collect();
    let (least, most) =
        covered.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), share| (least.min(*share), most.max(*share)));
    let inside = covered.iter().filter(|share| (0.87..=0.93).contains(*share)).count();
    eprintln!(
        "bands: {:.2} to {:.2} %, within 87 to 93 % in {inside} of {} zones that vary",
        100.0 * least,
        100.0 * most,
        covered.len()
    );
    let yardstick = |at: usize| mean(&|row: &Row| row.yardsticks[at].mape);
    let day = |day: usize| mean(&|row: &Row| row.ours.mape_by_day[day]);
    let _ = writeln!(
        text,
        "| **mean** | {} | {} | {} | {} | {} | {} | {} | {} | | {} | {} | {} | {} | | |",
        mean(&|row: &Row| row.ours.mape),
        day(0),
        day(1),
        day(2),
        day(3),
        yardstick(0),
        yardstick(1),
        yardstick(2),
        mean(&|row: &Row| row.ours.coverage90),
        mean(&|row: &Row| row.realised.get()),
        mean(&|row: &Row| row.realised_naive.get()),
        mean(&|row: &Row| Some(row.realised.oracle()).filter(|saving| saving.is_finite()))
    );
    text
}

/// The traces of the folder, by name.
pub(crate) fn zones(data: &Path) -> Result<Vec<PathBuf>> {
    crate::profiles::traces(&data.join("grid"))
}

/// The same without its hours before an instant.
fn since(history: &History, from: Timestamp) -> History {
    let hours = std::iter::successors(Some(from), |at| Some(*at + SignedDuration::from_hours(1)));
    let values: Vec<Option<f64>> =
        hours.take_while(|at| *at < history.end()).map(|at| history.at_g_per_kwh(at)).collect();
    History::hourly(history.zone.clone(), history.signal, from, &values)
}

/// The lifecycle intensity of a trace, with what else it holds.
pub(crate) fn read(path: &Path) -> Result<History> {
    let name = path.file_name().and_then(|name| name.to_str()).context("a file name")?;
    let zone = name.trim_end_matches(".csv.gz");
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    MultiGzDecoder::new(file).read_to_string(&mut text).with_context(|| format!("{name} is no gzip"))?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let column = header.iter().position(|field| field == "gco2e_per_kwh").context("no `gco2e_per_kwh`")?;
    let more: Vec<(usize, Measure)> =
        header.iter().enumerate().filter_map(|(at, name)| Some((at, Measure::of_column(name)?))).collect();
    let (mut known, mut beside) = (Vec::new(), vec![Vec::new(); more.len()]);
    for record in reader.records() {
        let record = record?;
        let at = record[0].parse::<Timestamp>()?;
        if !record[column].is_empty() {
            known.push((at, record[column].parse::<f64>()?));
        }
        for (values, (column, _)) in beside.iter_mut().zip(&more) {
            values.extend(record[*column].parse::<f64>().ok().map(|value| (at, value)));
        }
    }
    let hour = SignedDuration::from_hours(1);
    let zone = ZoneId::new(zone);
    let covariate = |((at, measure), values): (&(usize, Measure), &Vec<(Timestamp, f64)>)| {
        Covariate::from_known(&header[*at], *measure, measure.reach(&zone), hour, values)
    };
    let covariates = more.iter().zip(&beside).map(covariate).collect();
    Ok(History::from_known(zone.clone(), Signal::Lifecycle, hour, &known).with_covariates(covariates))
}
