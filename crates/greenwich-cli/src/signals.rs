//! `greenwich signals`: fetch, list, providers.
//!
//! In: what was asked. Out: the answer; the addresses that were asked go to stderr under `-v`. The clock, the folder of
//! histories and the file of keys are found here.

use crate::arguments::{Common, FetchArguments, Format, SignalsArguments, SignalsCommand};
use crate::forecast::{instant, instant_or_now, signal};
use crate::home;
use crate::ledger::style;
use crate::terminal::{self, Answer, Failure};
use greenwich::live::{Timestamp, ZoneId};
use greenwich::signals::{Quantity, Signals, SystemClock, Wanted};
use greenwich::{Greenwich, SignedDuration, Window, signals_view as view};

/// Answers one of the three.
pub(crate) fn signals(asked: &SignalsArguments, common: &Common) -> Result<Answer, Failure> {
    let folder = home::signals_folder();
    let shown = folder.display().to_string();
    let signals = Signals::open(folder, home::keys_file().as_deref(), home::variable, common.offline)?;
    match &asked.act {
        SignalsCommand::Fetch(asked) => fetch(asked, &signals, common),
        SignalsCommand::List { zone } => {
            let held = signals.held(zone.as_deref().map(ZoneId::new).as_ref())?;
            Ok(either(common, || view::held_text(&held, &shown, style(common)), || view::held_json(&held, &shown)))
        }
        SignalsCommand::Providers { zone } => {
            let zone = zone.as_deref().map(ZoneId::new);
            let offers = signals.offers(zone.as_ref(), home::variable);
            let text = || view::offers_text(&offers, zone.as_ref(), style(common));
            Ok(either(common, text, || view::offers_json(&offers, zone.as_ref())))
        }
    }
}

fn fetch(asked: &FetchArguments, signals: &Signals, common: &Common) -> Result<Answer, Failure> {
    let day = SignedDuration::from_hours(24);
    let now: Timestamp = instant_or_now("--until", None)?;
    let from = asked.from.as_deref().map_or(Ok(now - day), |text| instant("--from", text))?;
    let until = asked.until.as_deref().map_or(Ok(now + day), |text| instant("--until", text))?;
    let window = Window::new(from, until).map_err(|_| {
        Failure::usage(
            &format!("--until {until} is not after --from {from}"),
            "give the first instant by --from and a later one by --until",
        )
    })?;
    let quantity = match &asked.quantity {
        None => Quantity::Intensity(signal(asked.signal)),
        Some(name) => Quantity::of(name).ok_or_else(|| {
            Failure::usage(
                &format!("--quantity `{name}` is none that is known"),
                "write lifecycle, direct, marginal, price-EUR, load, generation-gas or import-FR",
            )
        })?,
    };
    let at = asked.at.as_deref().map(coordinates).transpose()?;
    let wanted = Wanted { zone: ZoneId::new(&asked.zone), quantity, window, at, provider: asked.provider.clone() };
    let greenwich = Greenwich::load();
    let fetched = signals.fetch(greenwich.catalog(), &wanted, &SystemClock)?;
    if common.verbose > 0 && !common.quiet {
        fetched.log.iter().for_each(|line| terminal::say(line));
    }
    if common.format == Format::Json && !common.quiet {
        fetched.notes.iter().for_each(|note| terminal::say(&format!("warning: {note}")));
    }
    Ok(either(common, || view::fetched_text(&fetched, style(common)), || view::fetched_json(&fetched)))
}

fn either(common: &Common, text: impl FnOnce() -> String, json: impl FnOnce() -> serde_json::Value) -> Answer {
    if common.format == Format::Json { terminal::pretty(&json()).into() } else { text().into() }
}

fn coordinates(text: &str) -> Result<(f64, f64), Failure> {
    let pair = text.split_once(',').and_then(|(lat, lon)| Some((lat.trim().parse().ok()?, lon.trim().parse().ok()?)));
    pair.filter(|(lat, lon): &(f64, f64)| lat.abs() <= 90.0 && lon.abs() <= 180.0).ok_or_else(|| {
        Failure::usage(
            &format!("--at `{text}` is no latitude and longitude"),
            "write degrees, north and east positive, for example --at 39.75,-104.98",
        )
    })
}
