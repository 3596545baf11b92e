//! A run in progress with its account, the grid beside it, and where it ends.
//!
//! In: a run as seen so far, the place, what time it is. Out: [`RunNow`]. Whatever is not known is `None`.

use super::journals::{OpenRun, patience};
use super::observed::Observed;
use crate::cooling::CoolingSpec;
use crate::grid::Grid;
use crate::metered::{self, Basis};
use crate::pipeline::Greenwich;
use crate::remembered::run_entry;
use crate::settings::Settings;
use crate::site::Place;
use crate::weather::Weather;
use crate::{Error, resolve};
use greenwich_core::entry::{DeviceEnergy, RunEntry};
use greenwich_core::quantity::{AverageIntensity, Co2e, FacilityEnergy, Power};
use greenwich_core::{IntensitySeries, Provenance, Range, Signal, Window, ZoneId};
use greenwich_facts::Catalog;
use greenwich_report::json;
use greenwich_signals::{Fill, Replay};
use greenwich_store::{About, End, Entry};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// Hours of the grid that are looked ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// A run shorter than this says nothing about its end.
const SHORTEST_TO_PROJECT_S: f64 = 60.0;
/// The tag by which a run tells how many hours it takes in all, and the most that it may say.
const HOURS_TAG: &str = "hours";
const MOST_HOURS: f64 = 8760.0;
/// Series that are kept: few runs, few zones, some spans.
const SERIES_KEPT: usize = 64;

/// How a run in progress is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being metered.
    Metered,
    /// Nothing was heard of it for a while; it may be suspended.
    Silent,
    /// Its meter died: `greenwich ledger recover` closes its journal.
    Left,
    /// It has ended and is being closed.
    Ended,
}

impl State {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metered => "metered",
            Self::Silent => "silent",
            Self::Left => "left behind",
            Self::Ended => "closing",
        }
    }
}

/// One device of a run in progress.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceNow {
    /// What it drew so far, and how that is known.
    pub drawn: DeviceEnergy,
    /// Power over the last tick; `None` where it was not read.
    pub power: Option<Power>,
    /// Mean power over the time that it was read.
    pub mean: Option<Power>,
    /// Watts in the last slots of time, oldest first.
    pub recent_w: Vec<Option<f64>>,
}

/// The grid at a run's place.
#[derive(Debug, Clone, PartialEq)]
pub struct GridNow {
    /// The zone.
    pub zone: ZoneId,
    /// Mean of the hour that runs, in gCO2e/kWh.
    pub g_per_kwh: f64,
    /// What that number is.
    pub provenance: Provenance,
    /// Start and mean of the next hours, this one first; empty where they are not known.
    pub next: Vec<(Timestamp, f64)>,
    /// What those numbers are.
    pub next_provenance: Option<Provenance>,
}

/// Where a run ends, if it goes on drawing its mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Projected {
    /// When.
    pub end: Timestamp,
    /// Energy of the whole run after PUE.
    pub facility_energy: Range<FacilityEnergy>,
    /// CO2e of the whole run, location-based, by the intensities of the hours to come.
    pub co2e: Option<Range<Co2e>>,
}

/// A run in progress.
#[derive(Debug, Clone)]
pub struct RunNow {
    /// The entry that it would have if it ended now; its end is when it was last heard of.
    pub entry: RunEntry,
    /// The node.
    pub host: String,
    /// How it is doing.
    pub state: State,
    /// How long ago it was heard of.
    pub heard_s: f64,
    /// Power over the last tick of all devices that are in no other; `None` where none was read.
    pub power: Option<Power>,
    /// The devices, in the meter's order.
    pub devices: Vec<DeviceNow>,
    /// How long one of their slots is, in seconds.
    pub slot_s: f64,
    /// PUE of the place.
    pub pue: Option<f64>,
    /// Whether its energy and CO2e are accounted for; else `entry.account.warnings` say why not.
    pub accounted: bool,
    /// The grid there.
    pub grid: Option<GridNow>,
    /// Its end, where a tag `hours` tells how long it takes.
    pub projected: Option<Projected>,
}

/// Makes the account of runs in progress.
#[derive(Debug)]
pub struct Live<'a> {
    catalog: &'a Catalog,
    settings: Settings,
    place_by_hand: bool,
    accelerator: Option<String>,
    /// As the account of a finished run takes it, gaps held.
    held: Option<Replay>,
    /// For now and later: a trace that has ended says nothing.
    strict: Option<Replay>,
    known: RefCell<BTreeMap<Key, Option<IntensitySeries>>>,
    weather: RefCell<Option<(SiteKey, Option<Rc<Weather>>)>>,
}

/// What the weather of a site is known by.
type SiteKey = (CoolingSpec, Option<ZoneId>);

/// Run, strictness, signal, start and end in seconds.
type Key = (String, bool, Signal, i64, i64);

impl<'a> Live<'a> {
    /// `place_by_hand` says that the settings' place goes over the place that a run has written into its journal;
    /// `signals` is a folder of traces.
    ///
    /// # Errors
    /// [`Error::Signal`] for a folder of traces that cannot be read.
    pub fn new(
        greenwich: &'a Greenwich,
        settings: &Settings,
        place_by_hand: bool,
        signals: Option<&Path>,
        accelerator: Option<&str>,
    ) -> Result<Self, Error> {
        let replay = |fill| signals.map(|path| Replay::open(path, fill)).transpose();
        Ok(Self {
            catalog: greenwich.catalog(),
            settings: settings.clone(),
            place_by_hand,
            accelerator: accelerator.map(str::to_owned),
            held: replay(Fill::Hold)?,
            strict: replay(Fill::Refuse)?,
            known: RefCell::default(),
            weather: RefCell::default(),
        })
    }

    /// An open run as of now.
    pub fn tell(&self, run: OpenRun<'_>, now: Timestamp) -> RunNow {
        let mut told = self.tell_own(run.observed, now);
        if run.ended {
            told.state = State::Ended;
        } else if run.left {
            told.state = State::Left;
        }
        told
    }

    /// A run of this process as of now.
    pub fn tell_own(&self, observed: &Observed, now: Timestamp) -> RunNow {
        let silence = now.duration_since(observed.heard());
        let state = if silence > patience(observed) { State::Silent } else { State::Metered };
        let settings = self.settings_of(observed);
        let (entry, accounted) = self.entry(observed, &settings);
        let devices = devices(observed, &entry);
        let outer = devices.iter().filter(|device| !device.drawn.inside_another);
        let power: Option<Power> =
            outer.filter_map(|device| device.power).fold(None, |sum, power| Some(sum.map_or(power, |sum| sum + power)));
        let grid = self.grid(observed, &settings, now);
        let projected = accounted.then(|| self.projected(observed, &entry, &settings, now)).flatten();
        RunNow {
            host: observed.header().host.clone(),
            state,
            heard_s: silence.as_secs_f64().max(0.0),
            power,
            devices,
            slot_s: observed.slot_s(),
            pue: entry.account.factors.iter().find(|factor| factor.quantity == "PUE").map(|factor| factor.value),
            accounted,
            grid,
            projected,
            entry,
        }
    }

    /// The place that a run wrote into its journal, unless another is given by hand.
    fn settings_of(&self, observed: &Observed) -> Settings {
        let place = &observed.context().place;
        if self.place_by_hand || place.is_empty() {
            return self.settings.clone();
        }
        let keys: Vec<(String, String)> = place.clone().into_iter().collect();
        Settings::of(None, |_| None, &keys).unwrap_or_else(|_| self.settings.clone())
    }

    fn entry(&self, observed: &Observed, settings: &Settings) -> (RunEntry, bool) {
        let end = End { end: observed.heard(), exit_status: None };
        let about = About { context: observed.context().clone(), end: Some(end), ..About::default() };
        let mut entry = Entry::measured(observed.header(), &about, observed.tally());
        let basis = Basis {
            catalog: self.catalog,
            site: &settings.site,
            node: settings.node,
            accelerator: self.accelerator.as_deref(),
            series: &|place, signal, span| self.series(observed, place, signal, span, false),
            weather: &|place| Ok(self.weather(settings, place)),
        };
        let accounted = match metered::footprint(&basis, &entry, &observed.hours()) {
            Ok(Some((footprint, hours))) => {
                if let Value::Object(mut account) = json::estimate(&footprint) {
                    account.insert("hours_of_run".to_owned(), hours);
                    entry.add_account(account);
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                entry.warnings.push(format!("there is no account: {error}"));
                false
            }
        };
        (run_entry(&entry), accounted)
    }

    fn grid(&self, observed: &Observed, settings: &Settings, now: Timestamp) -> Option<GridNow> {
        let hour = hour_of(now)?;
        let place = metered::place(self.catalog, &settings.site, Some(resolve::year_of(now))).ok()?;
        let this = Window::new(hour, hour + SignedDuration::from_hours(1)).ok()?;
        let ahead = Window::new(hour, hour + AHEAD).ok()?;
        let series = self.series(observed, &place, Signal::Lifecycle, this, true)?;
        let next = self.series(observed, &place, Signal::Lifecycle, ahead, true);
        let cells = next.as_ref().and_then(|next| next.cells_g_per_kwh(ahead, SignedDuration::from_hours(1)));
        let stamps = (0..).map(|number| hour + SignedDuration::from_hours(number));
        Some(GridNow {
            zone: series.zone.clone(),
            g_per_kwh: series.mean_g_per_kwh(this)?,
            provenance: series.provenance,
            next_provenance: next.filter(|_| cells.is_some()).map(|next| next.provenance),
            next: stamps.zip(cells.unwrap_or_default()).collect(),
        })
    }

    fn projected(
        &self,
        observed: &Observed,
        entry: &RunEntry,
        settings: &Settings,
        now: Timestamp,
    ) -> Option<Projected> {
        let hours: f64 = observed.context().tags.get(HOURS_TAG)?.trim().parse().ok()?;
        let so_far_s = entry.end.duration_since(entry.start).as_secs_f64();
        let whole_s = hours * 3600.0;
        if !(0.0..=MOST_HOURS).contains(&hours) || so_far_s < SHORTEST_TO_PROJECT_S || whole_s <= so_far_s {
            return None;
        }
        let end = entry.start.checked_add(SignedDuration::try_from_secs_f64(whole_s).ok()?).ok()?;
        let so_far = entry.account.facility_energy;
        let facility_energy = so_far.map(|energy| energy * (whole_s / so_far_s));
        let rest = facility_energy.p50 - so_far.p50;
        let co2e = || {
            let emitted = entry.account.location_based?;
            let place = metered::place(self.catalog, &settings.site, Some(resolve::year_of(now))).ok()?;
            let to_come = Window::new(hour_of(now)?, end).ok()?;
            let series = self.series(observed, &place, Signal::Lifecycle, to_come, true)?;
            let mean = AverageIntensity::from_g_per_kwh(series.mean_g_per_kwh(to_come)?);
            let whole = emitted.p50 + rest * mean;
            // The rest is known no better than what was emitted so far.
            (emitted.p50 > Co2e::ZERO).then(|| emitted.map(|percentile| whole * (percentile / emitted.p50)))
        };
        Some(Projected { end, facility_energy, co2e: co2e() })
    }

    /// The weather of a site, read once; none where it cannot be read.
    fn weather(&self, settings: &Settings, place: &Place) -> Option<Rc<Weather>> {
        let cooling = &settings.site.cooling;
        let key = (cooling.clone(), place.zone.clone());
        let mut known = self.weather.borrow_mut();
        if let Some((_, weather)) = known.as_ref().filter(|(held, _)| *held == key) {
            return weather.clone();
        }
        let weather = Weather::of(cooling, place.zone.as_ref(), self.held.as_ref(), None);
        let weather = weather.ok().flatten().map(Rc::new);
        *known = Some((key, weather.clone()));
        weather
    }

    /// The best series of a span; a trace is read once for each.
    fn series(
        &self,
        observed: &Observed,
        place: &Place,
        signal: Signal,
        span: Window,
        strict: bool,
    ) -> Option<IntensitySeries> {
        let header = observed.header();
        let run = format!("{} {}", header.run, header.host);
        let key = (run, strict, signal, span.start().as_second(), span.end().as_second());
        if let Some(series) = self.known.borrow().get(&key) {
            return series.clone();
        }
        let replay = if strict { self.strict.clone() } else { self.held.clone() };
        let series = Grid { catalog: self.catalog, replay, signal, ahead: None }.beside(place, signal, span);
        let mut known = self.known.borrow_mut();
        if known.len() >= SERIES_KEPT {
            known.clear();
        }
        known.insert(key, series.clone());
        series
    }
}

fn hour_of(instant: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(instant.as_second().div_euclid(3600) * 3600).ok()
}

/// The devices in the meter's order, each once.
fn devices(observed: &Observed, entry: &RunEntry) -> Vec<DeviceNow> {
    let listed = &observed.header().devices;
    let lasted_s = entry.end.duration_since(entry.start).as_secs_f64();
    let one = |(index, device): (usize, &greenwich_core::reading::Device)| {
        if listed[..index].iter().any(|before| before.id == device.id) {
            return None;
        }
        let mut drawn = entry.devices.iter().find(|drawn| drawn.device == device.id)?.clone();
        drawn.model.clone_from(&device.model);
        drawn.inside_another = device.inside_another;
        let read_s = lasted_s * drawn.coverage;
        let mean = (read_s > 0.0).then(|| Power::from_watts(drawn.energy.p50.joules() / read_s));
        Some(DeviceNow { drawn, power: observed.power(index), mean, recent_w: observed.recent_w(index) })
    };
    listed.iter().enumerate().filter_map(one).collect()
}
