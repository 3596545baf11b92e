//! What a planner is asked and what it answers, for one job.
//!
//! In: a window, candidates (region × accelerator) with their running time and power, one
//! intensity series a zone, and the PUE over time of sites where it changes. Out: the best placement, the baseline, a proven lower bound and the
//! frontier. Resolving names, estimating hours and fetching signals is done before.

use crate::name::{AcceleratorId, RegionId, ZoneId};
use crate::quantity::{Co2e, FacilityEnergy, Hours, Power, Pue, Usd};
use crate::series::{IntensitySeries, PueSeries};
use crate::window::Window;
use jiff::Timestamp;

/// A place and a machine on which the job could run.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The cloud region or room.
    pub region: RegionId,
    /// Its grid zone.
    pub zone: ZoneId,
    /// The accelerator.
    pub accelerator: AcceleratorId,
    /// How many.
    pub count: u32,
    /// Index into [`Request::series`] of the zone's intensity.
    pub series: usize,
    /// Running time without pauses (the median of the estimate).
    pub work: Hours,
    /// Power at the building's meter while running: count × mean power × PUE, the usual one where it changes.
    pub facility_power: Power,
    /// Index into [`Request::pue`] of the site's PUE over time, where it changes.
    pub pue: Option<usize>,
    /// Price of the whole allocation for an hour of running, where known.
    pub usd_per_hour: Option<Usd>,
    /// Energy to move the data here before the start; zero at home.
    pub transfer: FacilityEnergy,
    /// Intensity in gCO2e/kWh that the transfer is charged with.
    pub transfer_g_per_kwh: f64,
}

/// What a pause costs: the checkpoint and the restart run at full power without getting work done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PauseCost {
    /// Time lost before the pause: work redone and state written.
    pub checkpoint: Hours,
    /// Time lost after it: at full power before work goes on.
    pub restart: Hours,
}

/// One job, and everything that could be done with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Release to deadline; the deadline is hard.
    pub window: Window,
    /// Whether the job may pause, and what a pause costs.
    pub pauses: Option<PauseCost>,
    /// Where it may run.
    pub candidates: Vec<Candidate>,
    /// Where and on what it would run if nobody planned: from release, without a pause. It need not
    /// be among the candidates.
    pub baseline: Candidate,
    /// Intensity by zone, all of one signal.
    pub series: Vec<IntensitySeries>,
    /// PUE over time of the sites where it changes.
    pub pue: Vec<PueSeries>,
}

impl Request {
    /// Energy at the building's meter of a candidate that runs all through the window; `None` where its PUE is not
    /// known.
    pub fn energy(&self, candidate: &Candidate, window: Window) -> Option<FacilityEnergy> {
        let usual = FacilityEnergy::from_kwh(candidate.facility_power.kw() * window.hours());
        match candidate.pue {
            None => Some(usual),
            Some(index) => Some(usual * self.pue.get(index)?.relative(window)?),
        }
    }
    /// The mean PUE over the hours of a placement, where its site's PUE changes; `None` where it does not.
    pub fn pue_over(&self, placement: &Placement) -> Option<Pue> {
        let pue = self.pue.get(placement.candidate.pue?)?;
        let weighted: Option<f64> =
            placement.segments.iter().map(|segment| Some(pue.mean(*segment)?.ratio() * segment.hours())).sum();
        Pue::new(weighted? / placement.running().hours()).ok()
    }
    /// Emissions of a candidate that runs all through the window, the transfer left out; `None` where its intensity or
    /// PUE is not known.
    pub fn emitted(&self, candidate: &Candidate, window: Window) -> Option<Co2e> {
        let series = self.series.get(candidate.series)?;
        let g_per_kwh = match candidate.pue {
            None => series.mean_g_per_kwh(window)?,
            Some(index) => self.pue.get(index)?.weigh_g_per_kwh(series, window)?,
        };
        Some(Co2e::from_g(candidate.facility_power.kw() * window.hours() * g_per_kwh))
    }
}

/// One way to run the job.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Placement {
    /// Where and on what.
    pub candidate: Candidate,
    /// When: ascending, apart, inside the window.
    pub segments: Vec<Window>,
    /// Energy at the building's meter over the segments, without the transfer.
    pub energy: FacilityEnergy,
    /// Emissions under the request's signal, the transfer included. With a marginal signal this is
    /// a consequence, not an account.
    pub co2e: Co2e,
    /// What the running hours cost, where a price is known.
    pub cost: Option<Usd>,
}

impl Placement {
    /// When the work begins.
    ///
    /// # Panics
    /// Never: a placement has at least one segment.
    pub fn start(&self) -> Timestamp {
        self.segments.first().expect("a placement has a segment").start()
    }
    /// When it is done.
    ///
    /// # Panics
    /// Never: a placement has at least one segment.
    pub fn finish(&self) -> Timestamp {
        self.segments.last().expect("a placement has a segment").end()
    }
    /// Time spent running, pauses left out.
    pub fn running(&self) -> Hours {
        Hours::from_hours(self.segments.iter().map(|segment| segment.hours()).sum())
    }
    /// Mean intensity over the running hours under the request's signal, in gCO2e/kWh, without the transfer.
    pub fn mean_g_per_kwh(&self, series: &[IntensitySeries]) -> Option<f64> {
        let series = &series[self.candidate.series];
        let weighted: Option<f64> =
            self.segments.iter().map(|segment| Some(series.mean_g_per_kwh(*segment)? * segment.hours())).sum();
        Some(weighted? / self.running().hours())
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Plan {
    /// The placement of least emissions.
    pub best: Placement,
    /// Home, from release, without a pause.
    pub baseline: Placement,
    /// No placement of this request emits less.
    pub lower_bound: Co2e,
    /// The frontier of emissions, cost and finish, best emissions first; it holds `best`.
    pub alternatives: Vec<Placement>,
    /// Best at home's place and machine, moved in time only, where home is a candidate that fits the window.
    pub time_only: Option<Placement>,
    /// Best of each region, ascending in emissions: what the picture shows.
    pub by_region: Vec<Placement>,
    /// Candidates that cannot finish inside the window, with the hours they need.
    pub too_slow: Vec<(Candidate, Hours)>,
}

impl Plan {
    /// 1 − planned ÷ baseline; negative only where the baseline breaks the deadline.
    pub fn saving_fraction(&self) -> f64 {
        1.0 - self.best.co2e / self.baseline.co2e
    }
    /// (planned − bound) ÷ bound; infinite where only the bound is zero.
    pub fn gap(&self) -> f64 {
        if self.best.co2e == self.lower_bound { 0.0 } else { (self.best.co2e - self.lower_bound) / self.lower_bound }
    }
}
