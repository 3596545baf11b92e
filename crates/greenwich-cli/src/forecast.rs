//! `greenwich forecast`, `backtest`, `now` and `zones`: the grid ahead and as it is known.
//!
//! In: what was asked. Out: the answer; warnings are in it and, where it is JSON, on stderr as well. The clock and the
//! folder of histories are found here.

use crate::arguments::{
    BacktestArguments, Common, ForecastArguments, Format, NowArguments, SignalName, ZonesArguments,
};
use crate::home;
use crate::ledger::style;
use crate::terminal::{self, Answer, Failure};
use greenwich::forecasting::{Asked, Family, History, Known, foretell, history_in, kept_history, read_history};
use greenwich::forecasting_zones::{self, zone_named};
use greenwich::live::{Timestamp, ZoneId};
use greenwich::signals::{self, Signals, SystemClock};
use greenwich::{Greenwich, Replay, Signal, SignedDuration, Window, forecasting_back, forecasting_view};
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) fn forecast(asked: &ForecastArguments, common: &Common) -> Result<Answer, Failure> {
    let greenwich = Greenwich::load();
    let at = instant_or_now("--at", asked.at.as_deref())?;
    let signal = signal(asked.signal);
    let replay = folder(asked.history.as_deref().or(asked.past.signals.as_deref()))?;
    let zone = match &asked.zone {
        Some(name) => self::zone(&greenwich, replay.as_ref(), name)?,
        None => only_zone(replay.as_ref()),
    };
    if asked.past.fetch {
        fetch(&greenwich, std::slice::from_ref(&zone), signal, at, common)?;
    }
    let families = asked.inputs.families(asked.at.is_none());
    let history = past(replay.as_ref(), &zone, signal, at, &families)?;
    let known = Known::of(greenwich.catalog(), &zone, signal);
    let known = match history {
        Some((history, file)) => known.with(history, file),
        None => known,
    };
    let told = foretell(&known, &Asked { zone, signal, at, hours: asked.hours })?;
    say(&told.warnings, common);
    Ok(either(common, || forecasting_view::text(&told, style(common)), || forecasting_view::json(&told)).into())
}

pub(crate) fn backtest(asked: &BacktestArguments, common: &Common) -> Result<Answer, Failure> {
    let replay = folder(asked.history.as_deref().or(asked.signals.as_deref()))?;
    let replay = replay.expect("clap asks for --history or --signals");
    let (from, until) = (instant("--from", &asked.from)?, instant("--until", &asked.until)?);
    let origins = Window::new(from, until).map_err(|_| {
        Failure::usage(
            &format!("--until {until} is not after --from {from}"),
            "give the first origin by --from and a later instant by --until",
        )
    })?;
    let hours = asked.every.as_secs_f64() / 3600.0;
    if hours.fract() != 0.0 {
        let found = format!("--every is {hours} h, and origins are whole hours apart");
        return Err(Failure::usage(&found, "write a whole number of hours, for example --every 24h"));
    }
    let zone = match &asked.zone {
        Some(name) => zone_named(Greenwich::load().catalog(), Some(&replay), name)?,
        None => only_zone(Some(&replay)),
    };
    let (history, _) = read_history(&replay, &zone, signal(asked.signal), None, &asked.inputs.families(false))?;
    let begun = Instant::now();
    let clock = || greenwich::SignedDuration::try_from(begun.elapsed()).expect("less than an age of the world");
    let every = greenwich::SignedDuration::from_hours(hours as i64);
    let tested = forecasting_back::backtest(&history, origins, every, asked.hours, clock)?;
    say(&tested.warnings, common);
    Ok(either(common, || tested.text(style(common)), || tested.json()).into())
}

pub(crate) fn now(asked: &NowArguments, common: &Common) -> Result<Answer, Failure> {
    let greenwich = Greenwich::load();
    let at = instant_or_now("--at", asked.at.as_deref())?;
    let replay = folder(asked.past.signals.as_deref())?;
    let zone = zone(&greenwich, replay.as_ref(), &asked.zone)?;
    let signal = signal(asked.signal);
    if asked.past.fetch {
        fetch(&greenwich, std::slice::from_ref(&zone), signal, at, common)?;
    }
    let families = asked.inputs.families(asked.at.is_none());
    let history = past(replay.as_ref(), &zone, signal, at, &families)?;
    let now = forecasting_zones::now(greenwich.catalog(), history, &zone, signal, at)?;
    say(&now.told.warnings, common);
    Ok(either(common, || now.text(style(common)), || now.json()).into())
}

pub(crate) fn zones(asked: &ZonesArguments, common: &Common) -> Result<Answer, Failure> {
    let greenwich = Greenwich::load();
    let (replay, signal) = (folder(asked.signals.as_deref())?, signal(asked.signal));
    let kept = home::kept_signals().map(Signals::kept).transpose()?;
    let kept = kept.as_ref().map(|kept| (kept, floor_second(Timestamp::now())));
    let zones = forecasting_zones::zones(greenwich.catalog(), replay.as_ref(), kept, signal, &asked.beginning)?;
    if zones.is_empty() {
        return Err(Failure::usage(
            &format!("no zone begins with `{}`", asked.beginning),
            "`greenwich zones` lists them all",
        ));
    }
    let text = || forecasting_zones::zones_text(&zones, signal, style(common));
    Ok(either(common, text, || forecasting_zones::zones_json(&zones, signal)).into())
}

/// The folder of traces: as given, else the user's folder of signals, where it is there and holds one.
pub(crate) fn folder(given: Option<&Path>) -> Result<Option<Replay>, Failure> {
    let open = |path: &Path| Replay::open(path, greenwich::Fill::Refuse);
    match given {
        Some(path) => Ok(Some(open(path).map_err(greenwich::Error::from)?)),
        None => Ok(home::kept_signals().and_then(|path: PathBuf| open(&path).ok())),
    }
}

/// A zone by its name; one of which something is kept, such as a region of Great Britain, need not be in the catalog.
pub(crate) fn zone(greenwich: &Greenwich, replay: Option<&Replay>, name: &str) -> Result<ZoneId, Failure> {
    let kept = home::kept_signals().map(|folder| folder.join(format!("{name}.history")));
    if kept.is_some_and(|file| file.is_file()) {
        return Ok(ZoneId::new(name));
    }
    Ok(zone_named(greenwich.catalog(), replay, name)?)
}

/// How far back is fetched: twelve weeks, from which a forecaster learns what weeks are like.
const FETCHED: SignedDuration = SignedDuration::from_hours(12 * 7 * 24);

/// How long an answer may be held up by asking, however many providers are slow.
const ASKING: SignedDuration = SignedDuration::from_secs(60);
/// Notes of what could not be fetched that are told one by one.
const MOST_NOTES: usize = 8;

/// Fetches what is not held of some zones' last weeks and keeps it, within a bounded time; who could not answer is told.
pub(crate) fn fetch(
    greenwich: &Greenwich,
    zones: &[ZoneId],
    signal: Signal,
    at: Timestamp,
    common: &Common,
) -> Result<(), Failure> {
    let kept = Signals::open(home::signals_folder(), home::keys_file().as_deref(), home::variable, common.offline)?;
    let kept = kept.within(ASKING);
    let Ok(window) = Window::new(floor_second(at) - FETCHED, at) else { return Ok(()) };
    let mut notes: Vec<String> = Vec::new();
    for zone in zones {
        let remembered = signals::history(&kept, greenwich.catalog(), zone, signal, window, &SystemClock)?;
        let fresh = remembered.notes.into_iter().filter(|note| !notes.contains(note)).collect::<Vec<_>>();
        notes.extend(fresh);
    }
    if !common.quiet {
        notes.iter().take(MOST_NOTES).for_each(|note| terminal::say(&format!("greenwich: {note}")));
        let more = notes.len().saturating_sub(MOST_NOTES);
        if more > 0 {
            terminal::say(&format!(
                "greenwich: and {more} more of the kind; `greenwich signals fetch ZONE` tells of one"
            ));
        }
    }
    Ok(())
}

/// The zone's past before an instant, with what may be used besides: by its trace, else as it was fetched and kept.
pub(crate) fn past(
    replay: Option<&Replay>,
    zone: &ZoneId,
    signal: Signal,
    at: Timestamp,
    families: &[Family],
) -> Result<Option<(History, String)>, Failure> {
    let traced = replay.map(|replay| history_in(replay, zone, signal, Some(at), families)).transpose()?.flatten();
    match home::kept_signals().filter(|_| traced.is_none()) {
        Some(folder) => Ok(kept_history(&Signals::kept(folder)?, zone, signal, at, families)?),
        None => Ok(traced),
    }
}

fn only_zone(replay: Option<&Replay>) -> ZoneId {
    use greenwich::GridSignal as _;
    replay.and_then(|replay| replay.zones().into_iter().next()).expect("a file of history holds one zone")
}

pub(crate) const fn signal(name: SignalName) -> Signal {
    match name {
        SignalName::Lifecycle => Signal::Lifecycle,
        SignalName::Direct => Signal::Direct,
        SignalName::Marginal => Signal::Marginal,
    }
}

pub(crate) fn instant_or_now(flag: &str, text: Option<&str>) -> Result<Timestamp, Failure> {
    text.map_or_else(|| Ok(floor_second(Timestamp::now())), |text| instant(flag, text))
}

/// The second that holds the instant: nobody plans by less.
pub(crate) fn floor_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

pub(crate) fn instant(flag: &str, text: &str) -> Result<Timestamp, Failure> {
    let held = |at: &Timestamp| (-2_208_988_800..7_258_118_400).contains(&at.as_second());
    text.parse().ok().filter(held).ok_or_else(|| {
        Failure::usage(
            &format!("{flag} `{text}` is no instant of 1900 to 2199"),
            &format!("write UTC as in {flag} 2022-06-01T00:00:00Z"),
        )
    })
}

fn either(common: &Common, text: impl FnOnce() -> String, json: impl FnOnce() -> serde_json::Value) -> String {
    if common.format == Format::Json { terminal::pretty(&json()) } else { text() }
}

/// Warnings beside JSON; in text they stand below the figures already.
fn say(warnings: &[String], common: &Common) {
    if common.format == Format::Json && !common.quiet {
        for warning in warnings {
            terminal::say(&format!("warning: {warning}"));
        }
    }
}
