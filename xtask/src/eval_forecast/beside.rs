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
    scores: [Option<(Score, Share, String)>; 4],
}

const WITH: [(&str, &[Family]); 4] = [
    ("without", &[]),
    ("with price", &[Family::Price]),
    ("with archive weather", &[Family::Weather]),
    ("with both", &[Family::Price, Family::Weather]),
];

impl Beside {
    pub(super) fn of(history: &History, origins: Window, prior: &Prior, strength: Strength) -> Result<Self> {
        let mut scores = [const { None }; 4];
        for (place, (name, families)) in scores.iter_mut().zip(WITH) {
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
            *place = Some((score, share, used));
        }
        Ok(Self { zone: history.zone.to_string(), scores })
    }
}

pub(super) fn markdown(protocol: &Protocol, rows: &[Beside]) -> String {
    let mut text = format!(
        "### {}\n\nOrigins daily at 00 UTC, {} to {} (excluded), {HOURS} h ahead.\n\n",
        protocol.title,
        &protocol.from[..10],
        &protocol.until[..10]
    );
    text.push_str("| zone | |");
    text.push_str(
        &WITH.map(|(name, _)| format!(" {name}: MAPE % | day 1 | day 4 | in band | realised | used |")).join(""),
    );
    text.push_str("\n| --- | |");
    text.push_str(&" ---: |".repeat(6 * WITH.len()));
    text.push('\n');
    let cells = |score: &Option<(Score, Share, String)>| {
        score.as_ref().map_or_else(
            || " – | – | – | – | – | – |".to_owned(),
            |(score, share, used)| {
                format!(
                    " {} | {} | {} | {} | {} | {used} % |",
                    percent(score.mape),
                    percent(score.mape_by_day[0]),
                    percent(score.mape_by_day[3]),
                    percent(score.coverage90),
                    percent(share.get())
                )
            },
        )
    };
    for row in rows {
        let _ = writeln!(text, "| {} | |{}", row.zone, row.scores.iter().map(cells).collect::<String>());
    }
    text
}
