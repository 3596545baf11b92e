//! `greenwich signals`: fetch, trace, list, providers.
//!
//! In: what was asked. Out: the answer; the addresses that were asked go to stderr under `-v`. The clock, the folder of
//! histories and the file of keys are found here.

use crate::arguments::{Common, FetchArguments, Format, SignalName, SignalsArguments, SignalsCommand, TraceArguments};
use crate::forecast::{instant, instant_or_now, signal};
use crate::home;
use crate::ledger::style;
use crate::terminal::{self, Answer, Failure};
use greenwich::live::{Timestamp, ZoneId};
use greenwich::signals::{Beyond, Quantity, Signals, SystemClock, Tracing, Wanted};
use greenwich::{Greenwich, SignedDuration, Window, signals_view as view};

/// Answers one of the four.
pub(crate) fn signals(asked: &SignalsArguments, common: &Common) -> Result<Answer, Failure> {
    let folder = home::signals_folder();
    let shown = folder.display().to_string();
    let signals = Signals::open(folder, home::keys_file().as_deref(), home::variable, common.offline)?;
    match &asked.act {
        SignalsCommand::Fetch(asked) => fetch(asked, &signals, common),
        SignalsCommand::Trace(asked) => trace(asked, &signals, common),
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
                "write lifecycle, direct, marginal, price-EUR, health-damage, load, generation-gas or import-FR",
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

fn trace(asked: &TraceArguments, signals: &Signals, common: &Common) -> Result<Answer, Failure> {
    let now: Timestamp = instant_or_now("--until", None)?;
    let until = asked.until.as_deref().map_or(Ok(now), |text| instant("--until", text))?;
    let week = SignedDuration::from_hours(7 * 24);
    let from = asked.from.as_deref().map_or(Ok(until - week), |text| instant("--from", text))?;
    let window = Window::new(from, until).map_err(|_| {
        Failure::usage(
            &format!("--until {until} is not after --from {from}"),
            "give the first instant by --from and a later one by --until",
        )
    })?;
    if asked.signal == SignalName::Marginal {
        let help = "write --signal lifecycle or --signal direct";
        return Err(Failure::usage("marginal intensity has no fuel factors to be traced by", help));
    }
    let mut zones: Vec<ZoneId> = asked.zones.iter().map(ZoneId::new).collect();
    zones.sort();
    if let Some([twice, ..]) = zones.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::usage(&format!("zone `{twice}` is named twice"), "name each zone once"));
    }
    let tracing = Tracing {
        zones,
        window,
        signal: signal(asked.signal),
        provider: asked.provider.clone(),
        beyond: if asked.strict { Beyond::Nothing } else { Beyond::Known },
    };
    let greenwich = Greenwich::load();
    let catalog = greenwich.catalog();
    let fetched = if asked.fetch { signals.fetch_for_tracing(catalog, &tracing, &SystemClock)? } else { Vec::new() };
    if !common.quiet {
        for note in &fetched {
            terminal::say(&format!("greenwich: {note}"));
        }
    }
    let traced = signals.trace(catalog, &tracing, asked.out.is_none())?;
    if let Some(folder) = &asked.out {
        terminal::make_folder(folder)?;
        for (name, text) in traced.csvs() {
            terminal::write_file(&folder.join(name), text)?;
        }
    }
    if common.format == Format::Json && !common.quiet {
        traced.notes.iter().for_each(|note| terminal::say(&format!("warning: {note}")));
    }
    Ok(either(common, || traced.text(style(common)), || traced.json()))
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
