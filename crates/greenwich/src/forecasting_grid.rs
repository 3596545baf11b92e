//! Intensities of a plan's hours that have not come yet: the trace as far as it is known, then its forecast.
//!
//! In: a folder of traces, histories that are kept, the instant that the plan is made at, and how far it must see. Out: series whose provenance
//! says "forecast", with the bands kept beside; nothing where the trace ended too long ago, so that the caller takes
//! what is typical. Each zone is foretold once.

use crate::error::Error;
use crate::forecasting::{
    Asked, Family, Foretold, History, Known, MOST_HOURS, floor, foretell, kept_history, read_history,
};
use crate::forecasting_view::inputs_json;
use crate::signals::Signals;
use greenwich_core::plan::{Placement, Request};
use greenwich_core::{IntensitySeries, Provenance, Signal, Window, ZoneId};
use greenwich_facts::Catalog;
use greenwich_report::figures::three;
use greenwich_signals::{GridSignal, Replay};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A trace that ends longer before the window is not gone on from.
const MOST_LAG_HOURS: i64 = 168;
/// The longest window that past forecasts can be judged over: their horizon.
const JUDGED_HOURS: usize = 168;
/// Zones that a warning names.
const MOST_ZONES: usize = 5;
/// Standard deviations from the median to the 95th percentile.
const TO_P95: f64 = 1.645;

/// By zone and signal; none where nothing of its past is at hand.
type Told = BTreeMap<(ZoneId, Signal), Option<Rc<Traced>>>;

/// How far ahead is seen, and from when.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Nothing in the traces stamped then or later is used; all of it where this is not given.
    pub(crate) as_of: Option<Timestamp>,
    /// What is to be seen.
    pub(crate) window: Window,
    /// Histories that were fetched and kept, for zones without a trace.
    kept: Option<Signals>,
    /// What is used besides intensity.
    inputs: Vec<Family>,
    told: RefCell<Told>,
}

/// A zone's past and what follows from it.
#[derive(Debug)]
struct Traced {
    known_until: Option<Timestamp>,
    /// The past itself, where no trace holds it.
    kept: Option<(History, String)>,
    told: Option<Foretold>,
}

/// What follows from a past: the forecast of a window as of an instant. It knows nothing but what it is given, so that
/// zones may be foretold side by side.
fn foretold(
    (as_of, window): (Option<Timestamp>, Window),
    known: Known,
    history: History,
    file: String,
) -> Result<Traced, Error> {
    let (zone, signal) = (history.zone.clone(), history.signal);
    let Some(known_until) = history.known_until(history.end()) else {
        return Ok(Traced { known_until: None, kept: None, told: None });
    };
    let lag = window.start().duration_since(known_until).as_hours();
    let reach = window.end().duration_since(known_until).as_secs();
    let hours = usize::try_from((reach + 3599).div_euclid(3600)).unwrap_or(0);
    if hours == 0 || lag > MOST_LAG_HOURS || hours > MOST_HOURS {
        return Ok(Traced { known_until: Some(known_until), kept: None, told: None });
    }
    let asked = Asked { zone, signal, at: known_until, hours };
    let mut told = foretell(&known.with(history, file), &asked)?;
    told.issued = as_of.map_or(known_until, |as_of| as_of.max(known_until));
    Ok(Traced { known_until: Some(known_until), kept: None, told: told.is_forecast.then_some(told) })
}

impl Ahead {
    pub(crate) fn new(as_of: Option<Timestamp>, window: Window, kept: Option<Signals>, inputs: Vec<Family>) -> Self {
        Self { as_of, window, kept, inputs, told: RefCell::default() }
    }

    /// Intensity over a span: the past as far as it is known, and beyond its end the forecast. `None` where there is
    /// neither a past nor a forecast.
    ///
    /// # Errors
    /// [`Error::Signal`] for a broken trace, or a gap in the known part that may not be filled; [`Error::Provider`] for
    /// a kept history that cannot be read.
    pub(crate) fn series(
        &self,
        catalog: &Catalog,
        replay: Option<&Replay>,
        zone: &ZoneId,
        signal: Signal,
        span: Window,
    ) -> Result<Option<IntensitySeries>, Error> {
        let Some(traced) = self.traced(catalog, replay, zone, signal)? else { return Ok(None) };
        let Some(known_until) = traced.known_until else { return Ok(None) };
        if let Some(replay) = replay.filter(|_| span.end() <= known_until) {
            return Ok(Some(replay.series(zone, signal, span)?));
        }
        let begins = floor(span.start());
        let known = Window::new(begins, known_until).ok();
        let past = |known: Window| match (replay, &traced.kept) {
            (Some(replay), _) => Ok::<_, Error>(replay.series(zone, signal, known)?.cells_g_per_kwh(known, HOUR)),
            (None, Some((history, _))) => {
                let hours = std::iter::successors(Some(known.start()), |at| Some(*at + HOUR));
                Ok(hours.take_while(|at| *at < known.end()).map(|at| history.at_g_per_kwh(at)).collect())
            }
            (None, None) => Ok(None),
        };
        // A hole in what is kept is not filled: something typical is then the better answer.
        let Some(mut values) = known.map_or(Ok(Some(Vec::new())), past)? else { return Ok(None) };
        let start = begins.min(known_until);
        let provenance = match (&traced.told, &traced.kept) {
            (None, Some((_, words))) if span.end() <= known_until => Provenance::Replayed { file: words.clone() },
            (Some(told), _) => {
                values.extend(told.points.iter().map(|point| point.p50_g_per_kwh));
                Provenance::Forecast { issued: told.issued, source: told.source.clone() }
            }
            (None, _) => return Ok(None),
        };
        let series = IntensitySeries::new(zone.clone(), signal, provenance, start, HOUR, values);
        Ok(series.covers(span).then_some(series))
    }

    /// The spread of the mean over some hours as the standard deviation of its logarithm: the mean of the hours' own,
    /// as if all of them erred together, which is wider than what is to be expected of many. `known` is that of an hour
    /// that was measured.
    pub(crate) fn log_sd(&self, zone: &ZoneId, signal: Signal, hours: &[Window], known: f64) -> Option<f64> {
        let held = self.told.borrow();
        let told = held.get(&(zone.clone(), signal))?.as_ref()?.told.as_ref()?;
        let first = told.points[0].start;
        let (mut sum, mut whole) = (0.0, 0.0);
        for segment in hours {
            let mut at = segment.start();
            while at < segment.end() {
                let next = (floor(at) + HOUR).min(segment.end());
                let share = next.duration_since(at).as_secs_f64();
                let lead = at.duration_since(first).as_secs().div_euclid(3600);
                let point = usize::try_from(lead).ok().and_then(|lead| told.points.get(lead));
                let sd = point.map_or(known, |point| (point.p95_g_per_kwh / point.p5_g_per_kwh).ln() / (2.0 * TO_P95));
                if sd.is_finite() {
                    sum += share * sd;
                    whole += share;
                }
                at = next;
            }
        }
        (whole > 0.0).then(|| sum / whole)
    }

    /// Foretells zones side by side, so that [`Ahead::series`] finds them told: each by itself, whatever the order. One
    /// that cannot be read is left for the question that wants it, which then tells what is wrong.
    pub(crate) fn prepare(
        &self,
        catalog: &Catalog,
        replay: Option<&Replay>,
        zones: impl Iterator<Item = ZoneId>,
        signal: Signal,
        threads: usize,
    ) {
        let mut pasts = Vec::new();
        for zone in zones.collect::<std::collections::BTreeSet<_>>() {
            let replay = replay.filter(|replay| replay.zones().contains(&zone));
            if let Ok(Some((history, words))) = self.past(replay, &zone, signal) {
                pasts.push((Known::of(catalog, &zone, signal), history, words, replay.is_none()));
            }
        }
        let share = pasts.len().div_ceil(threads.max(1)).max(1);
        let ahead = (self.as_of, self.window);
        let told = std::thread::scope(|scope| {
            let fit = |part: &[(Known, History, String, bool)]| {
                let one = |(known, history, words, is_kept): &(Known, History, String, bool)| {
                    let traced = foretold(ahead, known.clone(), history.clone(), words.clone()).ok()?;
                    let kept = is_kept.then(|| (history.clone(), words.clone()));
                    Some((history.zone.clone(), Traced { kept, ..traced }))
                };
                part.iter().filter_map(one).collect::<Vec<_>>()
            };
            let parts: Vec<_> = pasts.chunks(share).map(|part| scope.spawn(move || fit(part))).collect();
            parts.into_iter().filter_map(|part| part.join().ok()).flatten().collect::<Vec<_>>()
        });
        let mut held = self.told.borrow_mut();
        for (zone, traced) in told {
            held.insert((zone, signal), Some(Rc::new(traced)));
        }
    }

    /// A zone's past by its trace, else as it is kept.
    fn past(&self, replay: Option<&Replay>, zone: &ZoneId, signal: Signal) -> Result<Option<(History, String)>, Error> {
        match (replay, &self.kept) {
            (Some(replay), _) => read_history(replay, zone, signal, self.as_of, &self.inputs).map(Some),
            (None, Some(kept)) => {
                kept_history(kept, zone, signal, self.as_of.unwrap_or(self.window.end()), &self.inputs)
            }
            (None, None) => Ok(None),
        }
    }

    fn traced(
        &self,
        catalog: &Catalog,
        replay: Option<&Replay>,
        zone: &ZoneId,
        signal: Signal,
    ) -> Result<Option<Rc<Traced>>, Error> {
        let key = (zone.clone(), signal);
        if let Some(traced) = self.told.borrow().get(&key) {
            return Ok(traced.clone());
        }
        let traced = match self.past(replay, zone, signal)? {
            Some((history, words)) => {
                let kept = replay.is_none().then(|| (history.clone(), words.clone()));
                let traced = foretold((self.as_of, self.window), Known::of(catalog, zone, signal), history, words)?;
                Some(Rc::new(Traced { kept, ..traced }))
            }
            None => None,
        };
        self.told.borrow_mut().insert(key, traced.clone());
        Ok(traced)
    }

    /// Says which zones were foretold and which could not be, and what that means for the chosen hours.
    pub(crate) fn say(&self, request: &Request, best: &Placement, signal: Signal, warnings: &mut Vec<String>) {
        let held = self.told.borrow();
        let used = |zone: &ZoneId| {
            request
                .series
                .iter()
                .any(|series| series.zone == *zone && matches!(series.provenance, Provenance::Forecast { .. }))
        };
        let told: Vec<&Foretold> = held
            .iter()
            .filter(|((zone, of), _)| *of == signal && used(zone))
            .filter_map(|(_, traced)| traced.as_ref()?.told.as_ref())
            .collect();
        if !told.is_empty() {
            let zones: Vec<String> = told.iter().map(|told| format!("{} ({})", told.zone, told.model)).collect();
            let earliest = told.iter().map(|told| told.issued).min().expect("one at least");
            warnings.push(format!(
                "planned on the median of forecasts from history, as of {} UTC: {}; the ranges hold their bands",
                earliest.strftime("%Y-%m-%d %H:%M"),
                zones.join(", ")
            ));
        }
        let typical: Vec<String> = held
            .iter()
            .filter(|((zone, of), _)| *of == signal && !used(zone))
            .filter_map(|((zone, _), traced)| Some((zone, traced.as_ref()?)))
            .filter(|(_, traced)| traced.told.is_none() && self.is_beyond(traced))
            .map(|(zone, traced)| {
                let until = traced.known_until.map(|at| at.strftime("%Y-%m-%d").to_string());
                until.map_or_else(|| format!("{zone} (nothing known)"), |until| format!("{zone} (ends {until})"))
            })
            .collect();
        if !typical.is_empty() {
            let shown = typical.iter().take(MOST_ZONES).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = typical.len().saturating_sub(MOST_ZONES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            warnings.push(format!(
                "no forecast from the history of {shown}{more}: it ends over a week before the window or sixty days before its end, or is too short; what is typical there stands in"
            ));
        }
        if let Some(chosen) = told.iter().find(|told| told.zone == best.candidate.zone) {
            warnings.extend(chosen.warnings.iter().cloned());
            warnings.push(self.likely(chosen, best));
        }
    }

    fn is_beyond(&self, traced: &Traced) -> bool {
        traced.known_until.is_none_or(|until| until < self.window.end())
    }

    /// How much of what waiting could save is likely to be realised.
    fn likely(&self, told: &Foretold, best: &Placement) -> String {
        let (run, window, realised) = self.realised(told, best);
        realised.map_or_else(
            || {
                format!(
                    "how much of the saving by waiting in {} will be realised cannot be told: a run of {run} h and past forecasts of {JUDGED_HOURS} h, or too short a history",
                    told.zone
                )
            },
            |realised| {
                format!(
                    "of what the best start of a run of {run} h within {window} h would have saved in {} over a start at random ({} %), starts by such forecasts got {} % on the last {} days; expect as much of what waiting saves here",
                    told.zone,
                    three(100.0 * realised.oracle_saving),
                    (100.0 * realised.share).round(),
                    realised.days
                )
            },
        )
    }

    fn realised(&self, told: &Foretold, best: &Placement) -> (usize, usize, Option<greenwich_forecast::Realised>) {
        let run = best.segments.iter().map(|segment| segment.hours()).sum::<f64>().ceil() as usize;
        let from = told.issued.max(self.window.start());
        let window = self.window.end().duration_since(from).as_secs_f64() / 3600.0;
        let window = (window.floor().max(0.0) as usize).min(JUDGED_HOURS);
        (run, window, told.realised(run, window))
    }

    /// The forecasts that a plan was made on, for JSON.
    pub(crate) fn json(&self, request: &Request, best: &Placement, signal: Signal) -> Vec<Value> {
        let held = self.told.borrow();
        let mut zones: Vec<&ZoneId> = request
            .series
            .iter()
            .filter(|series| matches!(series.provenance, Provenance::Forecast { .. }))
            .map(|series| &series.zone)
            .collect();
        zones.sort();
        zones.dedup();
        let of = |zone: &&ZoneId| held.get(&((*zone).clone(), signal))?.clone().filter(|traced| traced.told.is_some());
        zones
            .iter()
            .filter_map(of)
            .map(|traced| {
                let told = traced.told.as_ref().expect("filtered");
                let chosen = (told.zone == best.candidate.zone).then(|| self.realised(told, best).2).flatten();
                json!({
                    "zone": told.zone.as_str(), "issued": told.issued.to_string(), "source": told.source,
                    "model": told.model, "known_hours": told.known_hours, "inputs": inputs_json(&told.inputs),
                    "realised_share": chosen.map(|realised| realised.share),
                    "realised_days": chosen.map(|realised| realised.days),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_signals::Fill;
    use std::fmt::Write as _;

    fn at(stamp: &str) -> Timestamp {
        stamp.parse().expect("a stamp")
    }

    /// Five zones of sixty days each, one of which is broken.
    fn traces() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder for the test");
        for zone in 0..5_u32 {
            let mut text = String::from("utc,gco2e_per_kwh\n");
            for hour in 0..60 * 24 {
                let day = (std::f64::consts::TAU * (f64::from(hour) + f64::from(zone)) / 24.0).sin();
                let noise = f64::from((hour * 7919 + zone * 31) % 97) / 97.0;
                let value = 300.0 + 80.0 * day + 40.0 * noise;
                _ = writeln!(
                    text,
                    "{},{value:.2}",
                    at("2026-01-01T00:00:00Z") + HOUR * i32::try_from(hour).expect("few")
                );
            }
            if zone == 4 {
                text.push_str("nonsense\n");
            }
            std::fs::write(folder.path().join(format!("Z{zone}.csv")), text).expect("written");
        }
        folder
    }

    #[test]
    fn zones_foretold_side_by_side_are_those_foretold_one_by_one() {
        let folder = traces();
        let replay = Replay::open(folder.path(), Fill::Refuse).expect("traces");
        let catalog = Catalog::load();
        let window = Window::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z")).expect("forwards");
        let told = |threads: Option<usize>| {
            let ahead = Ahead::new(None, window, None, Vec::new());
            if let Some(threads) = threads {
                ahead.prepare(&catalog, Some(&replay), replay.zones().into_iter(), Signal::Lifecycle, threads);
            }
            let one = |zone: ZoneId| {
                let series = ahead.series(&catalog, Some(&replay), &zone, Signal::Lifecycle, window);
                series.map(|series| series.expect("a forecast")).map_err(|error| error.to_string())
            };
            replay.zones().into_iter().map(one).collect::<Vec<_>>()
        };
        let alone = told(None);
        assert!(alone[..4].iter().all(Result::is_ok) && alone[4].is_err(), "{:?}", alone[4]);
        for threads in [1, 2, 8] {
            assert_eq!(told(Some(threads)), alone, "{threads} threads");
        }
    }
}
