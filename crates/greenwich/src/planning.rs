//! Where, when and on which machine: the candidates, what the grid does there, and the plan.
//!
//! In: a resolved job with a schedule, and how to see the grid. Out: [`Planned`]: the request that the planner
//! was given, its plan, and the footprint of the planned run and of the baseline. Only the planner decides; here
//! names become candidates and the answer becomes footprints again.

mod by_weather;
mod says;

use crate::document::DocumentError;
use crate::error::Error;
use crate::factor::{assumed, intensity_spread};
use crate::forecasting::Family;
use crate::forecasting_grid::Ahead;
use crate::grid::Grid;
use crate::job_file::{MachineSpec, ScheduleSpec};
use crate::machine::Machine;
use crate::resolve::{self, Job};
use crate::signals::Signals;
use crate::site::Place;
use greenwich_core::plan::{Candidate, PauseCost, Placement, Plan, Request};
use greenwich_core::quantity::{AverageIntensity, FacilityEnergy, Hours, MarginalIntensity, Power, Pue, Usd};
use greenwich_core::{
    Check, Factor, Fit, Footprint, IntensitySeries, Provenance, PueSeries, RegionId, Signal, Window, ZoneId,
};
use greenwich_estimate::{EstimateError, Inputs, LogNormal, Transfer};
use greenwich_report::PlanView;
use greenwich_signals::{Fill, Replay};
use jiff::{SignedDuration, Timestamp};
use says::{no_intensity, say_what_is_not_checked, say_what_the_grid_is};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a plan shall see the grid.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// A folder of `<zone>.csv[.gz]`, or one such file; typical years and yearly means where it has no trace.
    pub signals: Option<PathBuf>,
    /// What to do about a gap in a trace.
    pub fill: Fill,
    /// Which intensity to plan by.
    pub signal: Signal,
    /// The plan is made at this instant: nothing in the traces stamped then or later is used. Where it is not given,
    /// the traces are taken for known as far as they go. Either way forecasts go on from there.
    pub as_of: Option<Timestamp>,
    /// The folder of histories that were fetched and kept, for zones without a trace.
    pub kept: Option<PathBuf>,
    /// Temperatures by hour of the job's own site, instead of those that the job file or the zone's trace has.
    pub weather: Option<PathBuf>,
    /// What forecasts may use besides intensity: columns of the traces, prices and loads that are kept. Rows after the
    /// issue are taken for what was published or foretold by then.
    pub inputs: Vec<Family>,
}

impl Default for PlanOptions {
    /// No traces, no gap filled, lifecycle intensity: an offline plan that an account can be held against.
    fn default() -> Self {
        Self {
            signals: None,
            fill: Fill::Refuse,
            signal: Signal::Lifecycle,
            as_of: None,
            kept: None,
            weather: None,
            inputs: Vec::new(),
        }
    }
}

/// A plan with all that a report needs.
#[derive(Debug, Clone)]
#[must_use]
pub struct Planned {
    /// The job's name.
    pub job: String,
    /// What the planner was asked.
    pub request: Request,
    /// What it answered.
    pub plan: Plan,
    /// The planned run.
    pub planned: Footprint,
    /// The run at home, from release, without a pause.
    pub baseline: Footprint,
    /// The signal that decided.
    pub signal: Signal,
    /// What to know before acting.
    pub warnings: Vec<String>,
    /// The forecasts that it was made on, as `greenwich.plan/1` has them.
    pub forecasts: Vec<Value>,
    /// What PUE and water by the hour rest on, where they follow the weather: home's, and those of other sites.
    pub site_weather: Option<Value>,
}

impl Planned {
    /// `greenwich.plan/1`.
    pub fn json(&self) -> Value {
        let mut answer = greenwich_report::json::plan(&self.view());
        answer["forecasts"] = Value::Array(self.forecasts.clone());
        if let Some(weather) = &self.site_weather {
            answer["site_weather"] = weather.clone();
            for (key, placement) in [("planned_pue", &self.plan.best), ("baseline_pue", &self.plan.baseline)] {
                answer["site_weather"][key] = self.request.pue_over(placement).map(Pue::ratio).into();
            }
        }
        answer
    }

    /// The plan as reports read it.
    pub fn view(&self) -> PlanView<'_> {
        PlanView {
            job: &self.job,
            request: &self.request,
            plan: &self.plan,
            planned: &self.planned,
            baseline: &self.baseline,
            signal: self.signal,
            warnings: &self.warnings,
        }
    }
}

/// A machine that the job may run on, with its estimate apart from any place.
struct Offer {
    spec: MachineSpec,
    machine: Machine,
    work: LogNormal<Hours>,
    mean_power: Power,
}

/// Plans the job over the regions of its schedule.
pub(crate) fn plan(job: &Job<'_>, options: &PlanOptions) -> Result<Planned, Error> {
    let places = places(job, schedule_of(job)?)?;
    plan_over(job, &places, options)
}

fn schedule_of<'a>(job: &'a Job<'_>) -> Result<&'a ScheduleSpec, Error> {
    job.spec.schedule.as_ref().ok_or_else(|| {
        let place = crate::document::Place { file: job.spec.file.clone(), line: None, key: "schedule".to_owned() };
        let mend = "write [schedule] with release and deadline; `greenwich estimate` needs none".to_owned();
        Error::Document(DocumentError::Missing { place, mend })
    })
}

/// Plans the job over these places, home first.
pub(crate) fn plan_over(job: &Job<'_>, places: &[Place], options: &PlanOptions) -> Result<Planned, Error> {
    let schedule = schedule_of(job)?;
    let replay = options.signals.as_ref().map(|path| Replay::open(path, options.fill)).transpose()?;
    let own = machine_option(job, &job.spec.machine, job.machine.clone())?;
    let until = schedule.window.start() + SignedDuration::from_secs_f64(own.work.median().seconds().ceil() + 1.0);
    let overrun = until.max(schedule.window.end());
    let span = Window::new(schedule.window.start(), overrun).expect("the release is before both");
    // Nothing is fetched here: a plan takes what is held.
    let kept = options.kept.as_ref().map(Signals::kept).transpose()?;
    let ahead = Some(Ahead::new(options.as_of, span, kept, options.inputs.clone()));
    let grid = Grid { catalog: job.catalog, replay, signal: options.signal, ahead };
    let mut warnings = Vec::new();
    let weather = by_weather::of_places(job, places, options, &grid, span)?;

    let machines = machines(job, schedule, &own, &mut warnings)?;
    let mut pue: Vec<PueSeries> = Vec::new();
    let mut pue_of = BTreeMap::new();
    for (region, by_hour) in &weather {
        if let Some(series) = by_hour.pue_series() {
            pue_of.insert(region.clone(), pue.len());
            pue.push(series);
        }
    }
    let mut asked =
        Asked { job, schedule, grid: &grid, pue_of, series: Vec::new(), held: Vec::new(), dark: Vec::new() };
    if let Some(ahead) = &grid.ahead {
        let asked_for = |place: &&Place| {
            !place.location_given && machines.iter().chain([&own]).any(|option| asked.offers(place, option))
        };
        let zones = places.iter().filter(asked_for).filter_map(|place| place.zone.clone());
        ahead.prepare(job.catalog, grid.replay.as_ref(), zones, options.signal, threads());
    }
    let mut candidates = Vec::new();
    for place in places {
        for option in &machines {
            if asked.offers(place, option)
                && let Some(candidate) = asked.candidate(place, option, schedule.window)?
            {
                candidates.push(candidate);
            }
        }
    }
    let baseline = match asked.candidate(&job.home, &own, span) {
        Err(Error::Signal(_)) if span != schedule.window => asked.past_the_trace(&own, span, &mut warnings)?,
        other => other?,
    };
    let baseline = baseline.ok_or_else(|| no_intensity(job, options.signal))?;
    let (series, dark) = (asked.series, asked.dark);
    if !dark.is_empty() {
        warnings.push(format!(
            "left out, for want of any {} intensity: {}",
            options.signal,
            dark.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    let pauses = schedule.interruptible.then(|| PauseCost {
        checkpoint: Hours::from_seconds(schedule.checkpoint_minutes * 60.0),
        restart: Hours::from_seconds(schedule.restart_minutes * 60.0),
    });
    let request = Request { window: schedule.window, pauses, candidates, baseline, series, pue };
    let plan = greenwich_plan::plan(&request)
        .map_err(|source| Error::Plan { place: schedule.deadline_place.clone(), source: Box::new(source) })?;
    say_what_the_grid_is(&request, &mut warnings);
    let home = region_of(&job.home);
    for (region, by_hour) in &weather {
        let of = if *region == home { String::new() } else { format!("{region}: ") };
        warnings.extend(by_hour.warnings().into_iter().map(|words| format!("{of}{words}")));
    }
    let forecasts = grid.ahead.as_ref().map_or_else(Vec::new, |ahead| {
        ahead.say(&request, &plan.best, options.signal, &mut warnings);
        ahead.json(&request, &plan.best, options.signal)
    });
    say_what_is_not_checked(&plan, &machines, schedule, &mut warnings);

    let footprint = |placement: &Placement| {
        let candidate = &placement.candidate;
        let place = places.iter().chain([&job.home]).find(|place| region_of(place) == candidate.region);
        let option = machines.iter().chain([&own]).find(|option| option.machine.id == candidate.accelerator);
        let (place, option) = place.zip(option).expect("every candidate was made of a place and a machine");
        let mut place = place.clone();
        if let Some(weather) = weather.get(&candidate.region) {
            let hours: Vec<(Window, f64)> =
                placement.segments.iter().map(|segment| (*segment, segment.hours())).collect();
            weather.set(&hours, &mut place);
        }
        footprint(job, &grid, &request, placement, &place, option)
    };
    Ok(Planned {
        job: job.spec.name.clone(),
        planned: footprint(&plan.best)?,
        baseline: footprint(&plan.baseline)?,
        signal: options.signal,
        request,
        plan,
        warnings,
        forecasts,
        site_weather: by_weather::json(&home, &weather),
    })
}

/// The machine with its hours and power, or why it cannot run the job.
fn machine_option(job: &Job<'_>, spec: &MachineSpec, machine: Machine) -> Result<Offer, Error> {
    let inputs = job.inputs(spec, &machine, &job.home);
    // The whole estimate is asked for, so that whatever it refuses is refused here, and its power is the plan's.
    let estimate = greenwich_estimate::run(&inputs).map_err(|source| job.refuse(source))?;
    let work = greenwich_estimate::duration(&inputs).map_err(|source| job.refuse(source))?;
    Ok(Offer { spec: spec.clone(), machine, work, mean_power: estimate.mean_power.p50 })
}

/// The machines that the schedule allows; one that cannot run the job is left out and told.
fn machines(
    job: &Job<'_>,
    schedule: &ScheduleSpec,
    own: &Offer,
    warnings: &mut Vec<String>,
) -> Result<Vec<Offer>, Error> {
    let again = |option: &Offer| Offer {
        spec: option.spec.clone(),
        machine: option.machine.clone(),
        work: option.work,
        mean_power: option.mean_power,
    };
    let Some((names, place)) = &schedule.accelerators else { return Ok(vec![again(own)]) };
    let mut machines: Vec<Offer> = Vec::new();
    for name in names {
        let machine = Machine::find(job.catalog, name, job.precision)
            .map_err(|source| Error::Named { place: place.clone(), source })?;
        if machines.iter().any(|held| held.machine.id == machine.id) {
            continue;
        }
        if machine.id == own.machine.id {
            machines.push(again(own));
            continue;
        }
        let id = machine.id.clone();
        match machine_option(job, &job.spec.machine.replaced_by(id.as_str()), machine) {
            Ok(option) => machines.push(option),
            Err(Error::Estimate {
                source:
                    source @ (EstimateError::DoesNotFit { .. }
                    | EstimateError::NoPeak { .. }
                    | EstimateError::NoPower { .. }
                    | EstimateError::NoWork { .. }),
                ..
            }) => {
                warnings.push(format!("`{id}` is left out: {source}"));
            }
            Err(error) => return Err(error),
        }
    }
    if machines.is_empty() {
        machines.push(again(own));
    }
    Ok(machines)
}

/// Home, and the regions that the schedule allows.
fn places(job: &Job<'_>, schedule: &ScheduleSpec) -> Result<Vec<Place>, Error> {
    let mut places = vec![job.home.clone()];
    let Some((patterns, place)) = &schedule.regions else { return Ok(places) };
    let regions =
        job.catalog.regions_matching(patterns).map_err(|source| Error::Named { place: place.clone(), source })?;
    for region in regions {
        if Some(&region) != job.home.region.as_ref() {
            places.push(resolve::away(job.catalog, &region, job.year)?);
        }
    }
    Ok(places)
}

/// How many zones are foretold side by side: the answer is the same on any number.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The zones of home and of the regions allowed, each once.
pub(crate) fn zones(job: &Job<'_>) -> Result<Vec<ZoneId>, Error> {
    let places = match &job.spec.schedule {
        Some(schedule) => places(job, schedule)?,
        None => vec![job.home.clone()],
    };
    // What the job file gives is not looked up.
    let zones = places.into_iter().filter(|place| !place.location_given).filter_map(|place| place.zone);
    let mut seen = std::collections::BTreeSet::new();
    Ok(zones.filter(|zone| seen.insert(zone.clone())).collect())
}

/// The candidates asked for so far, and the series that they point at.
struct Asked<'a> {
    job: &'a Job<'a>,
    schedule: &'a ScheduleSpec,
    grid: &'a Grid<'a>,
    /// Indices of the PUE over time of places where it follows the weather.
    pue_of: BTreeMap<RegionId, usize>,
    series: Vec<IntensitySeries>,
    /// What each series stands for: its zone, whether it is the job file's own number, and its end.
    held: Vec<(Option<ZoneId>, bool, Window)>,
    /// Zones of which nothing is known.
    dark: Vec<ZoneId>,
}

impl Asked<'_> {
    /// Whether a place offers a machine: a room of one's own has its own machines only, and some
    /// accelerators are rented by one provider alone.
    fn offers(&self, place: &Place, option: &Offer) -> bool {
        match place.provider() {
            None => option.machine.id == self.job.machine.id,
            Some(provider) => {
                option.machine.accelerator.identity.sold_by.as_deref().is_none_or(|seller| seller == provider)
            }
        }
    }

    /// The index of the series of a place over a span, or `None` where its grid is not known.
    fn series(&mut self, place: &Place, span: Window) -> Result<Option<usize>, Error> {
        let key = (place.zone.clone(), place.location_given, span);
        if let Some(index) = self.held.iter().position(|held| *held == key) {
            return Ok(Some(index));
        }
        let Some(series) = self.grid.series(place, span)? else {
            if let Some(zone) = &place.zone
                && !self.dark.contains(zone)
            {
                self.dark.push(zone.clone());
            }
            return Ok(None);
        };
        self.held.push(key);
        self.series.push(series);
        Ok(Some(self.series.len() - 1))
    }

    /// The baseline of a run that is longer than the window and the trace: beyond the deadline, the trace's mean
    /// over the window stands in, and is warned of.
    fn past_the_trace(
        &mut self,
        own: &Offer,
        span: Window,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Candidate>, Error> {
        let window = self.schedule.window;
        let home = self.job.home.clone();
        let Some(known) = self.series(&home, window)? else { return Ok(None) };
        let known = &self.series[known];
        let mean = known.mean_g_per_kwh(window).unwrap_or_default();
        let mut values = known.values_g_per_kwh().to_vec();
        let step_s = known.step().as_secs();
        let steps = span.end().duration_since(known.start()).as_secs().div_euclid(step_s) + 1;
        values.resize(values.len().max(steps as usize), mean);
        let (zone, provenance) = (known.zone.clone(), known.provenance.clone());
        let longer = IntensitySeries::new(zone, known.signal, provenance, known.start(), known.step(), values);
        warnings.push(format!(
            "the baseline runs past the deadline and beyond what is known of {}: the window's mean stands in there",
            longer.zone
        ));
        self.held.push((home.zone.clone(), home.location_given, span));
        self.series.push(longer);
        self.candidate(&home, own, span)
    }

    fn candidate(&mut self, place: &Place, option: &Offer, span: Window) -> Result<Option<Candidate>, Error> {
        let Some(series) = self.series(place, span)? else { return Ok(None) };
        let count = option.spec.count;
        let facility_power = option.mean_power * place.pue.median().ratio() * f64::from(count);
        let usd_per_hour = match (place.rent, place.electricity_price) {
            (Some(rent), _) => Some(Usd::from_usd(rent.usd_per_hour() * f64::from(count))),
            (None, Some(price)) => Some(Usd::from_usd(price.usd_per_kwh() * facility_power.kw())),
            (None, None) => option
                .machine
                .price(self.job.catalog, place.provider())
                .map(|(price, _)| Usd::from_usd(price.median().usd_per_hour() * f64::from(count))),
        };
        let moves = region_of(place) != region_of(&self.job.home);
        let transfer = if moves { transfer_energy(self.job, self.schedule) } else { FacilityEnergy::ZERO };
        let transfer_g_per_kwh = if transfer == FacilityEnergy::ZERO { 0.0 } else { self.on_the_way(series)? };
        Ok(Some(Candidate {
            region: region_of(place),
            zone: self.series[series].zone.clone(),
            accelerator: option.machine.id.clone(),
            count,
            series,
            work: option.work.median(),
            facility_power,
            pue: self.pue_of.get(&region_of(place)).copied(),
            usd_per_hour,
            transfer,
            transfer_g_per_kwh,
        }))
    }

    /// Intensity that moving the data is charged with: the mean over the window of home and destination.
    fn on_the_way(&mut self, destination: usize) -> Result<f64, Error> {
        let window = self.schedule.window;
        let home = self.job.home.clone();
        let there = self.series[destination].mean_g_per_kwh(window);
        let here = self.series(&home, window)?.and_then(|index| self.series[index].mean_g_per_kwh(window));
        Ok(match (here, there) {
            (Some(here), Some(there)) => f64::midpoint(here, there),
            (one, other) => one.or(other).unwrap_or(0.0),
        })
    }
}

/// Energy to move the job's data to another region.
fn transfer_energy(job: &Job<'_>, schedule: &ScheduleSpec) -> FacilityEnergy {
    FacilityEnergy::from_kwh(schedule.data_gb * assumed(job.catalog, "data-transfer", "transfer_energy"))
}

/// What a candidate's place is called: its region, else its zone, else home.
fn region_of(place: &Place) -> RegionId {
    match (&place.region, &place.zone) {
        (Some(region), _) => region.clone(),
        (None, Some(zone)) => RegionId::new(format!("home ({zone})")),
        (None, None) => RegionId::new("home"),
    }
}

/// The footprint of a placement: the estimate at its place, with the grid's mean over its very hours.
fn footprint(
    job: &Job<'_>,
    grid: &Grid<'_>,
    request: &Request,
    placement: &Placement,
    place: &Place,
    option: &Offer,
) -> Result<Footprint, Error> {
    let candidate = &placement.candidate;
    let mut inputs = job.inputs(&option.spec, &option.machine, place);
    inputs.pause_overhead = Hours::from_seconds((placement.running().seconds() - candidate.work.seconds()).max(0.0));
    if candidate.transfer != FacilityEnergy::ZERO {
        inputs.transfer = Some(Transfer { energy: candidate.transfer, g_per_kwh: candidate.transfer_g_per_kwh });
        let quantity = "data to move there".to_owned();
        let transfer = job.catalog.lookup("assumptions", "data-transfer", "transfer_energy", &[], None);
        let transfer = transfer.expect("assumptions.csv holds the energy of data transfer");
        inputs.factors.push(Factor {
            quantity,
            value: candidate.transfer.kwh(),
            unit: "kWh".to_owned(),
            source: job.catalog.cite(&transfer.source),
            year: Some(transfer.valid_from.year()),
            fit: transfer.fit,
            check: transfer.check,
        });
    }
    let planned_by = &request.series[candidate.series];
    set_intensity(job, grid, request, &mut inputs, planned_by, placement, place);
    for signal in [Signal::Lifecycle, Signal::Direct] {
        if signal != planned_by.signal {
            let (from, to) = (placement.start(), placement.finish());
            let span = Window::new(from, to).expect("a placement runs forwards");
            if let Some(series) = grid.beside(place, signal, span).filter(|_| !place.location_given) {
                set_intensity(job, grid, request, &mut inputs, &series, placement, place);
            }
        }
    }
    let mut footprint = greenwich_estimate::run(&inputs).map_err(|source| job.refuse(source))?;
    if region_of(place) != region_of(&job.home) {
        // The job file's `[site]` speaks of home alone, so its keys mend nothing here.
        for warning in &mut footprint.warnings {
            if let Some((what, _)) = warning.split_once(": give `site.") {
                *warning = format!("{what} of {}", region_of(place));
            }
        }
    }
    Ok(footprint)
}

/// Takes the mean of a series over the placement's hours for the intensity of its kind.
fn set_intensity(
    job: &Job<'_>,
    grid: &Grid<'_>,
    request: &Request,
    inputs: &mut Inputs,
    series: &IntensitySeries,
    placement: &Placement,
    place: &Place,
) {
    let pue = placement.candidate.pue.map(|index| &request.pue[index]);
    // Each hour counts by what is drawn in it: an hour in the heat for more.
    let (mut sum, mut drawn) = (0.0, 0.0);
    for segment in &placement.segments {
        let (mean, relative) = match pue {
            None => (series.mean_g_per_kwh(*segment), Some(1.0)),
            Some(pue) => (pue.weigh_g_per_kwh(series, *segment), pue.relative(*segment)),
        };
        let (Some(mean), Some(relative)) = (mean, relative) else { return };
        sum += mean * segment.hours();
        drawn += relative * segment.hours();
    }
    let g_per_kwh = sum / drawn;
    let log_sd = match &series.provenance {
        Provenance::Given => 0.0,
        Provenance::Replayed { .. } => assumed(job.catalog, "intensity-of-the-year", "log_sd"),
        Provenance::Forecast { .. } => {
            let known = assumed(job.catalog, "intensity-of-the-year", "log_sd");
            let ahead = grid.ahead.as_ref().expect("a forecast is of what lies ahead");
            ahead.log_sd(&series.zone, series.signal, &placement.segments, known).unwrap_or(known).hypot(known)
        }
        Provenance::Typical { to_year, .. } => {
            let years = job.year.map_or(0, |year| i32::from(year - to_year).abs());
            let per_year = assumed(job.catalog, "intensity-of-another-year", "log_sd_per_year");
            assumed(job.catalog, "typical-year", "log_sd").hypot(per_year * f64::from(years).sqrt())
        }
        _ => {
            let yearly = if series.signal == Signal::Direct { &place.yearly_direct } else { &place.yearly_lifecycle };
            yearly.as_ref().map_or(0.0, |row| intensity_spread(job.catalog, row, job.year))
        }
    };
    let average = LogNormal::new(AverageIntensity::from_g_per_kwh(g_per_kwh), log_sd);
    let quantity = match series.signal {
        Signal::Lifecycle => {
            inputs.site.location_based = Some(average);
            "location-based intensity (lifecycle)"
        }
        Signal::Direct => {
            inputs.site.location_based_direct = Some(average);
            "location-based intensity (direct)"
        }
        Signal::Marginal => {
            inputs.site.marginal = Some(LogNormal::new(MarginalIntensity::from_g_per_kwh(g_per_kwh), log_sd));
            "marginal intensity"
        }
    };
    if matches!(series.provenance, Provenance::Given) {
        return;
    }
    // The yearly mean stays in the list only where it is what was taken.
    inputs.factors.retain(|factor| factor.quantity != quantity);
    let (year, check) = match &series.provenance {
        Provenance::Typical { to_year, .. } => (Some(*to_year), Check::Derived),
        Provenance::Flat { year, .. } => (Some(*year), Check::Derived),
        Provenance::Forecast { .. } => (None, Check::Derived),
        _ => (None, Check::Primary),
    };
    inputs.factors.push(Factor {
        quantity: quantity.to_owned(),
        value: g_per_kwh,
        unit: "gCO2e/kWh".to_owned(),
        source: format!("mean over the running hours, {}", series.provenance),
        year,
        fit: match (year, job.year) {
            (Some(found), Some(asked)) if found != asked => Fit::OtherYear { asked, found },
            _ => Fit::Exact,
        },
        check,
    });
}
