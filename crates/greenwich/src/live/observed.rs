//! One run's sums and its last minute, tick by tick.
//!
//! In: a header and ticks. Out: sums by device and by hour, power over the last tick, power over the last sixty
//! slots of time. Adding a tick allocates nothing but a new hour.

use greenwich_core::quantity::Power;
use greenwich_core::reading::{MeterHeader, Method, Span, Tick};
use greenwich_store::{RunContext, Tally};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// Slots of the power's history.
const SLOTS: usize = 60;
/// A slot is a second, or the period of the meter where that is longer.
const SHORTEST_SLOT_NS: u64 = 1_000_000_000;
/// Hours that are kept without growing the list: half a year.
const HOURS_HELD: usize = 4400;

/// A run as seen so far.
#[derive(Debug, Clone)]
pub struct Observed {
    header: MeterHeader,
    context: RunContext,
    tally: Tally,
    /// Start of each UTC hour in seconds since 1970, and microjoules drawn in it by devices that are in no other.
    hours: Vec<(i64, u64)>,
    heard: Timestamp,
    /// Power over the last span of each device.
    last: Vec<Option<Power>>,
    recent: Vec<[Slot; SLOTS]>,
    slot_ns: u64,
    /// The number of the newest slot since the run's start.
    newest: u64,
}

/// What one device drew in one slot of time.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    joules: f64,
    seconds: f64,
}

impl Observed {
    /// A run before its first tick.
    pub fn new(header: &MeterHeader, context: &RunContext) -> Self {
        let many = header.devices.len();
        let period_ns = u64::try_from(header.period.as_nanos()).unwrap_or(0);
        Self {
            header: header.clone(),
            context: context.clone(),
            tally: Tally::new(many),
            hours: Vec::with_capacity(HOURS_HELD),
            heard: header.started,
            last: vec![None; many],
            recent: vec![[Slot::default(); SLOTS]; many],
            slot_ns: period_ns.max(SHORTEST_SLOT_NS),
            newest: 0,
        }
    }

    /// Adds a tick.
    pub fn add(&mut self, tick: Tick<'_>) {
        self.tally.add_tick(tick);
        self.heard = tick.wall;
        let hour_s = tick.wall.as_second().div_euclid(3600) * 3600;
        let is_outer = |device: u16| self.header.devices.get(usize::from(device)).is_none_or(|d| !d.inside_another);
        let drawn = tick.spans.iter().filter(|span| is_outer(span.device)).map(|span| span.energy_uj).sum::<u64>();
        match self.hours.last_mut() {
            Some((last_s, sum)) if *last_s == hour_s => *sum += drawn,
            _ => self.hours.push((hour_s, drawn)),
        }
        self.turn(tick.at_ns.saturating_sub(1) / self.slot_ns);
        for span in tick.spans {
            self.draw(span, tick.at_ns);
        }
    }

    /// Empties the slots between the newest and a later one.
    fn turn(&mut self, newest: u64) {
        let passed = newest.saturating_sub(self.newest).min(SLOTS as u64);
        for number in newest.saturating_sub(passed) + 1..=newest {
            for slots in &mut self.recent {
                slots[(number % SLOTS as u64) as usize] = Slot::default();
            }
        }
        self.newest = self.newest.max(newest);
    }

    /// Spreads a span over the slots that it touches.
    fn draw(&mut self, span: &Span, at_ns: u64) {
        let device = usize::from(span.device);
        let (Some(last), Some(slots)) = (self.last.get_mut(device), self.recent.get_mut(device)) else { return };
        let lasted_ns = at_ns.saturating_sub(span.since_ns);
        // Of an unknown span only bounds are known: no power is shown for it.
        if span.method == Method::Unknown || lasted_ns == 0 {
            *last = None;
            return;
        }
        let (joules, seconds) = (span.energy_uj as f64 / 1e6, lasted_ns as f64 / 1e9);
        *last = Some(Power::from_watts(joules / seconds));
        let newest = at_ns.saturating_sub(1) / self.slot_ns;
        let oldest = (span.since_ns / self.slot_ns).max(newest.saturating_sub(SLOTS as u64 - 1));
        for number in oldest..=newest {
            let from_ns = span.since_ns.max(number * self.slot_ns);
            let share = (at_ns.min((number + 1) * self.slot_ns).saturating_sub(from_ns)) as f64 / lasted_ns as f64;
            let slot = &mut slots[(number % SLOTS as u64) as usize];
            slot.joules += joules * share;
            slot.seconds += seconds * share;
        }
    }

    /// What the meter said before the first tick.
    pub fn header(&self) -> &MeterHeader {
        &self.header
    }

    /// What the run is about.
    pub fn context(&self) -> &RunContext {
        &self.context
    }

    /// The sums so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Wall clock of the last tick; the run's start where there was none yet.
    pub fn heard(&self) -> Timestamp {
        self.heard
    }

    /// UTC hours with their joules.
    pub(crate) fn hours(&self) -> Vec<(Timestamp, f64)> {
        let hour = |(second, uj): &(i64, u64)| Some((Timestamp::from_second(*second).ok()?, *uj as f64 / 1e6));
        self.hours.iter().filter_map(hour).collect()
    }

    /// Power of a device over its last span; nothing where it was not read.
    pub(crate) fn power(&self, device: usize) -> Option<Power> {
        self.last.get(device).copied().flatten()
    }

    /// Watts of a device in the last slots, oldest first; a slot that was not read has none.
    pub(crate) fn recent_w(&self, device: usize) -> Vec<Option<f64>> {
        let Some(slots) = self.recent.get(device) else { return Vec::new() };
        let oldest = self.newest.saturating_sub(SLOTS as u64 - 1);
        let watts = |slot: &Slot| (slot.seconds > 0.0).then(|| slot.joules / slot.seconds);
        (oldest..=self.newest).map(|number| watts(&slots[(number % SLOTS as u64) as usize])).collect()
    }

    /// How long a slot of [`Self::recent_w`] is, in seconds.
    pub(crate) fn slot_s(&self) -> f64 {
        self.slot_ns as f64 / 1e9
    }
}

/// A window on a run that this process meters.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<Option<Observed>>>);

impl Watch {
    /// The run as seen so far; nothing before its first reading, or where another meter counts it.
    pub fn now(&self) -> Option<Observed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn begin(&self, header: &MeterHeader, context: &RunContext) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Observed::new(header, context));
    }

    pub(crate) fn add(&self, tick: Tick<'_>) {
        if let Some(observed) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            observed.add(tick);
        }
    }
}
