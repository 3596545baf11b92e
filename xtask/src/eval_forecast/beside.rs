//! The same forecasts with price and weather beside the intensity.
//!
//! In: a history with its covariates, and origins. Out: one row a zone: without, with price, with archive weather, with both.
//! Archive weather stands in for a forecast of it, and a real-time price for a day-ahead one: both flatter.

use super::{DAY, HOURS, Protocol, Share, percent, realised};
use anyhow::Result;
use greenwich_core::Window;
use greenwich_forecast::ridge::Strength;
use greenwich_forecast::{Family, History, Prior, Score, Settings, backtest};
use jiff::SignedDuration;
use std::fmt::Write as _;
use std::time::Instant;

/// One zone without covariates, with price, with weather, and with both.
pub(super) struct Beside {
    zone: String,
    told: [Option<Told>; 4],
}

struct Told {
    score: Score,
    realised: Share,
}

const WITH: [(&str, &[Family]); 4] = [
    ("without", &[]),
    ("with price", &[Family::Price]),
    ("with archive weather", &[Family::Weather]),
    ("with both", &[Family::Price, Family::Weather]),
];

impl Beside {
    pub(super) fn of(history: &History, origins: Window, prior: &Prior, strength: Strength) -> Result<Self> {
        let mut told = [const { None }; 4];
        for (place, (name, families)) in told.iter_mut().zip(WITH) {
            let left_out = Family::ALL.into_iter().filter(|family| !families.contains(family));
            let history = left_out.fold(history.clone(), History::without);
            let held = |family: &&Family| history.covariates().iter().any(|one| one.measure.family() == **family);
            if families.iter().filter(held).count() < families.len() {
                continue;
            }
            let began = Instant::now();
            let clock = || SignedDuration::try_from(began.elapsed()).expect("less than an age of the world");
            let settings = Settings { strength, ..Settings::validated(HOURS, prior) };
            let test = backtest(&history, origins, DAY, settings, clock)?;
            let used = test.judged.iter().filter(|judged| !judged.forecast.covariates_used.is_empty()).count();
            let share = realised(&test, |judged, lead| judged.forecast.points[lead].p50_g_per_kwh);
            let score = test.score();
            let days: Vec<String> = score.mape_by_day.iter().map(|day| percent(*day)).collect();
            let used = format!("{:.0}", 100.0 * used as f64 / test.judged.len() as f64);
            eprintln!(
                "{:<12} {name:<22} {} ({}) cov {} real {} used in {used} % fit {:.2} s predict {:.3} ms",
                history.zone.as_str(),
                percent(score.mape),
                days.join(" "),
                percent(score.coverage90),
                percent(share.get()),
                test.slowest_fit.as_secs_f64(),
                1e3 * test.mean_predict.as_secs_f64()
            );
            *place = Some(Told { score, realised: share });
        }
        Ok(Self { zone: history.zone.to_string(), told })
    }
}

/// A figure of a score, and its name.
type Figure = (&'static str, fn(&Told) -> Option<f64>);

const FIGURES: [Figure; 4] = [
    ("MAPE %", |told| told.score.mape),
    ("day 1", |told| told.score.mape_by_day[0]),
    ("realised", |told| told.realised.get()),
    ("in 90 % band", |told| told.score.coverage90),
];

pub(super) fn markdown(protocol: &Protocol, rows: &[Beside]) -> String {
    let mut text = format!(
        "### {}\n\nOrigins daily at 00 UTC, {} to {} (excluded), {HOURS} h ahead.\n\n| zone |",
        protocol.title,
        &protocol.from[..10],
        &protocol.until[..10]
    );
    for (figure, _) in FIGURES {
        let names = WITH.map(|(name, _)| format!(" {name} |"));
        let _ = write!(text, " {figure}:{}", names.concat());
    }
    let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(FIGURES.len() * WITH.len()));
    for row in rows {
        let of = |figure: fn(&Told) -> Option<f64>| -> Vec<String> {
            row.told.iter().map(|told| format!(" {} |", percent(told.as_ref().and_then(figure)))).collect()
        };
        let cells: Vec<String> = FIGURES.iter().flat_map(|(_, figure)| of(*figure)).collect();
        let _ = writeln!(text, "| {} |{}", row.zone, cells.concat());
    }
    let whole: Vec<&Beside> = rows.iter().filter(|row| row.told.iter().all(Option::is_some)).collect();
    let mean = |(_, figure): &Figure, with: usize| {
        let found: Vec<f64> = whole.iter().filter_map(|row| row.told[with].as_ref().and_then(figure)).collect();
        percent((!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64))
    };
    let means = FIGURES.iter().flat_map(|figure| (0..WITH.len()).map(move |with| mean(figure, with)));
    let cells: Vec<String> = means.map(|cell| format!(" {cell} |")).collect();
    let _ = writeln!(text, "| **mean of {}** |{}", whole.len(), cells.concat());
    text
}
