//! How good forecasts of a zone would have been: `greenwich backtest`.
//!
//! In: a history, the origins, how far ahead. Out: [`Tested`]: errors of the medians by day ahead beside those of the
//! last day repeated, what the bands held, how long it took; as text and as `greenwich.backtest/1`. Each forecast sees
//! only what had ended when it would have been issued.

use crate::error::Error;
use crate::forecasting::{self, Input, flatters, prior};
use greenwich_core::{Signal, Window, ZoneId};
use greenwich_forecast::{Backtest, History, Naive, Score, Settings};
use greenwich_report::Style;
use greenwich_report::figures::three;
use greenwich_report::text::sheet::{Align, Sheet, moment};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "greenwich.backtest/1";

/// What a back-test found.
#[derive(Debug, Clone)]
#[must_use]
pub struct Tested {
    /// The zone.
    pub zone: ZoneId,
    /// Which question the intensity answers.
    pub signal: Signal,
    /// From the first origin to before the end of the last.
    pub origins: Window,
    /// Hours ahead.
    pub hours: usize,
    /// Time between origins.
    pub every: SignedDuration,
    /// Forecasts that were issued.
    pub issued: usize,
    /// Of how many each model answered.
    pub models: BTreeMap<&'static str, usize>,
    /// What was at hand besides intensity, and in how many forecasts it had a say.
    pub inputs: Vec<(Input, usize)>,
    /// The score of what was foretold.
    pub score: Score,
    /// The score of the last day repeated.
    pub last_day: Score,
    /// The slowest single fit, in seconds.
    pub fit_seconds: f64,
    /// The mean time of a forecast, in seconds.
    pub predict_seconds: f64,
    /// What to know before quoting it.
    pub warnings: Vec<String>,
}

/// Tests forecasts of a history; `now` tells the time since any fixed instant and times fits and forecasts alone.
///
/// # Errors
/// [`Error::Forecast`] for a horizon beyond a week, or where no origin has an hour to be judged by.
pub fn backtest(
    history: &History,
    origins: Window,
    every: SignedDuration,
    hours: usize,
    now: impl FnMut() -> SignedDuration,
) -> Result<Tested, Error> {
    let settings = Settings::validated(hours, prior());
    let test = greenwich_forecast::backtest(history, origins, every, settings, now)?;
    let mut models = BTreeMap::new();
    for judged in &test.judged {
        *models.entry(judged.forecast.rung.as_str()).or_default() += 1;
    }
    let score = test.score();
    let inputs = inputs(history, &test);
    let mut warnings = warnings(&test, &score, origins, every);
    let weather = inputs.iter().filter(|(input, _)| input.is_used && input.basis == "as-if-foretold");
    let weather: Vec<&str> = weather.map(|(input, _)| input.name.as_str()).collect();
    if !weather.is_empty() {
        warnings.push(flatters(&weather.join(", ")));
    }
    Ok(Tested {
        zone: history.zone.clone(),
        signal: history.signal,
        origins,
        hours,
        every,
        issued: test.judged.len(),
        models,
        inputs,
        last_day: test.yardstick(history, Naive::LastDay),
        score,
        fit_seconds: test.slowest_fit.as_secs_f64(),
        predict_seconds: test.mean_predict.as_secs_f64(),
        warnings,
    })
}

/// Each covariate with the count of forecasts that it had a say in.
fn inputs(history: &History, test: &Backtest) -> Vec<(Input, usize)> {
    let says = |place: usize| test.judged.iter().filter(|one| one.forecast.covariates_used.contains(&place)).count();
    let counts: Vec<usize> = (0..history.covariates().len()).map(says).collect();
    let used: Vec<usize> = (0..counts.len()).filter(|place| counts[*place] > 0).collect();
    forecasting::inputs(history, history.end(), &used).into_iter().zip(counts).collect()
}

fn warnings(test: &Backtest, score: &Score, origins: Window, every: SignedDuration) -> Vec<String> {
    let mut warnings = Vec::new();
    let step_s = every.as_secs().max(3600);
    let asked = (origins.duration().as_secs() + step_s - 1) / step_s;
    let left_out = asked - test.judged.len() as i64;
    if left_out > 0 {
        warnings.push(format!(
            "{left_out} of {asked} origins are left out: no hour before them is known, or the history had ended"
        ));
    }
    let unknown =
        test.judged.iter().flat_map(|judged| &judged.actual_g_per_kwh).filter(|actual| actual.is_none()).count();
    if unknown > 0 {
        warnings.push(format!("{unknown} hours that were foretold are not known, and are judged by nothing"));
    }
    if score.mape.is_none() {
        warnings.push("every hour that came was 0 g/kWh, so that there is no relative error".to_owned());
    }
    warnings
}

impl Tested {
    /// `greenwich.backtest/1`; shares are fractions.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "schema": SCHEMA, "zone": self.zone.as_str(), "signal": self.signal.as_str(), "origins": self.issued,
            "from": self.origins.start().to_string(), "until": self.origins.end().to_string(),
            "every_hours": self.every.as_hours(), "hours": self.hours, "models": self.models,
            "inputs": self.inputs.iter().map(|(input, used)| json!({
                "name": input.name, "family": input.family.as_str(), "used": used, "basis": input.basis,
            })).collect::<Vec<_>>(),
            "mape": self.score.mape, "mape_by_day": self.score.mape_by_day,
            "mae_gco2e_per_kwh": self.score.mae_g_per_kwh, "coverage90": self.score.coverage90,
            "last_day_mape": self.last_day.mape, "fit_seconds": self.fit_seconds,
            "predict_seconds": self.predict_seconds, "warnings": self.warnings,
        })
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut sheet = Sheet::new(style);
        let share =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        sheet.headline(&format!(
            "{}: the median was off by {} (MAPE), {} of hours lay in the 90 % band; {} forecasts of {} h",
            self.zone,
            share(self.score.mape),
            share(self.score.coverage90),
            self.issued,
            self.hours,
        ));
        sheet.named(
            "Origins",
            &format!(
                "every {} h from {} to before {} UTC",
                self.every.as_hours(),
                moment(self.origins.start()),
                moment(self.origins.end())
            ),
        );
        let models: Vec<String> = self.models.iter().map(|(model, count)| format!("{model} {count}")).collect();
        sheet.named("Models", &models.join(", "));
        if !self.inputs.is_empty() {
            let basis = |input: &Input| if input.basis == "as-if-foretold" { ", as if foretold" } else { "" };
            let words = |(input, used): &(Input, usize)| format!("{} in {used}{}", input.name, basis(input));
            sheet.named("Inputs", &self.inputs.iter().map(words).collect::<Vec<_>>().join("; "));
        }
        let header = [("", Align::Left), ("MAPE", Align::Right), ("last day repeated", Align::Right)];
        let row = |name: String, ours: Option<f64>, theirs: Option<f64>| vec![name, share(ours), share(theirs)];
        let days = self.score.mape_by_day.iter().zip(&self.last_day.mape_by_day).enumerate();
        let mut rows: Vec<Vec<String>> =
            days.map(|(day, (ours, last))| row(format!("day {}", day + 1), *ours, *last)).collect();
        rows.push(row("all".to_owned(), self.score.mape, self.last_day.mape));
        sheet.blank();
        sheet.table(&header, rows);
        sheet.blank();
        if let Some(mae) = self.score.mae_g_per_kwh {
            sheet.named("MAE", &format!("{} gCO2e/kWh", three(mae)));
        }
        sheet.named(
            "Time",
            &format!("slowest fit {} s, a forecast {} ms", three(self.fit_seconds), three(1e3 * self.predict_seconds)),
        );
        for warning in &self.warnings {
            sheet.item("! ", warning);
        }
        sheet.finish()
    }
}
