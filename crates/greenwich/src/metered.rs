//! The account of a metered run, and the model that stands in where nothing can be read.
//!
//! In: a ledger entry with its hourly energy, the place, grid traces. Out: the same entry with the quantities of an
//! account. Joules are the meter's; PUE, intensity, water and price are the place's, each with its spread.

use crate::factor::assumed;
use crate::grid::Grid;
use crate::job_file::SiteSpec;
use crate::machine::Machine;
use crate::node::{self, NodeSpec};
use crate::settings::Settings;
use crate::site::Place;
use crate::weather::Weather;
use greenwich_core::footprint::{Setting, Stage};
use greenwich_core::quantity::{AverageIntensity, Co2e, FacilityEnergy, Hours, ItEnergy, Power, SiteWaterIntensity};
use greenwich_core::reading::DeviceKind;
use greenwich_core::{Factor, Fit, Footprint, IntensitySeries, Provenance, Range, Signal, Window};
use greenwich_estimate::{Given, Inputs, LogNormal, Model, PowerBasis, Site};
use greenwich_facts::{Catalog, Precision};
use greenwich_meter::model::{Figures, Load, Model as LoadModel};
use greenwich_report::json;
use greenwich_signals::{Fill, Replay};
use greenwich_store::Entry;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::rc::Rc;

/// A model of CPUs and memory by load, from `assumptions.csv`; `None` where not even their number is known.
pub(crate) fn stand_in(catalog: &Catalog, proc_root: &Path, with_memory: bool) -> Option<LoadModel> {
    let threads = std::fs::read_to_string(proc_root.join("stat")).ok()?;
    let is_cpu = |line: &&str| line.starts_with("cpu") && line[3..].starts_with(|c: char| c.is_ascii_digit());
    let threads = threads.lines().filter(is_cpu).count();
    if threads == 0 {
        return None;
    }
    let cpu = |quantity: [&'static str; 3]| {
        let [low, mid, high] = quantity.map(|quantity| assumed(catalog, "cpu-thread", quantity) * threads as f64);
        Range { p5: Power::from_watts(low), p50: Power::from_watts(mid), p95: Power::from_watts(high) }
    };
    let mut figures = vec![Figures {
        id: "cpu-model".to_owned(),
        kind: DeviceKind::CpuPackage,
        model: format!("{threads} threads"),
        idle: cpu(["idle_power_low", "idle_power", "idle_power_high"]),
        full: cpu(["full_power_low", "full_power", "full_power_high"]),
        load: Load::HostCpu,
    }];
    if with_memory && let Some(gb) = memory_gb(proc_root) {
        let [low, mid, high] = ["power_per_gb_low", "power_per_gb", "power_per_gb_high"]
            .map(|quantity| Power::from_watts(assumed(catalog, "memory", quantity) * gb));
        let power = Range { p5: low, p50: mid, p95: high };
        figures.push(Figures {
            id: "dram-model".to_owned(),
            kind: DeviceKind::Dram,
            model: format!("{gb:.0} GB"),
            idle: power,
            full: power,
            load: Load::Unknown,
        });
    }
    Some(LoadModel::new(figures, proc_root))
}

fn memory_gb(proc_root: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(proc_root.join("meminfo")).ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e9)
}

/// The place and the machine that an account is made for.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Where the run ran.
    pub settings: &'a Settings,
    /// A folder of grid traces.
    pub signals: Option<&'a Path>,
    /// The accelerator by its catalog name, for embodied carbon and price.
    pub accelerator: Option<&'a str>,
}

impl Terms<'_> {
    /// Refuses a place, a machine or traces that are not known, before anything is written.
    ///
    /// # Errors
    /// [`crate::Error::Named`], [`crate::Error::Facts`], [`crate::Error::Signal`] with the nearest names.
    pub(crate) fn check(&self, catalog: &Catalog) -> Result<(), crate::Error> {
        place(catalog, &self.settings.site, None)?;
        if let Some(name) = self.accelerator {
            Machine::find(catalog, name, Precision::Bf16)?;
        }
        if let Some(folder) = self.signals {
            Replay::open(folder, Fill::Hold)?;
        }
        Ok(())
    }
}

/// The entry's own key for the warnings that are its account's, so that another account can take their place.
pub(crate) const ACCOUNT_WARNINGS: &str = "account_warnings";

/// Adds PUE, CO2e by both methods, water, embodied and cost to an entry; `hours` are UTC hours with their joules.
pub(crate) fn add_account(catalog: &Catalog, entry: &mut Entry, hours: &[(Timestamp, f64)], terms: &Terms<'_>) {
    let answer = account_at(catalog, entry, hours, terms).or_else(|error| {
        entry.warnings.push(format!("{NOT_USED}{error}"));
        let settings = Settings { node: terms.settings.node, ..Settings::default() };
        account_at(catalog, entry, hours, &Terms { settings: &settings, signals: None, accelerator: None })
    });
    match answer {
        Ok(Some((footprint, grid))) => {
            let Value::Object(mut account) = json::estimate(&footprint) else { return };
            // The entry's own name is its run.
            account.shift_remove("job");
            account.insert("hours_of_run".to_owned(), grid);
            let warnings = account.get("warnings").cloned().unwrap_or_default();
            account.insert(ACCOUNT_WARNINGS.to_owned(), warnings);
            account.extend(terms.settings.node.told(entry));
            account.extend(terms.settings.site.cooling.told());
            entry.add_account(account);
        }
        Ok(None) => entry.warnings.push("nothing was metered, so there is no account".to_owned()),
        Err(error) => entry.warnings.push(format!("there is no account: {error}")),
    }
}

fn account_at(
    catalog: &Catalog,
    entry: &Entry,
    hours: &[(Timestamp, f64)],
    terms: &Terms<'_>,
) -> Result<Option<(Footprint, Value)>, crate::Error> {
    let replay = terms.signals.map(|path| Replay::open(path, Fill::Hold)).transpose()?;
    let grid = Grid { catalog, replay, signal: Signal::Lifecycle, ahead: None };
    let basis = Basis {
        catalog,
        site: &terms.settings.site,
        node: terms.settings.node,
        accelerator: terms.accelerator,
        series: &|place, signal, span| grid.beside(place, signal, span),
        weather: &|place| {
            let cooling = &terms.settings.site.cooling;
            Ok(Weather::of(cooling, place.zone.as_ref(), grid.replay.as_ref(), None)?.map(Rc::new))
        },
    };
    footprint(&basis, entry, hours)
}

/// How the warning begins that a run's place, traces or accelerator are not known: its account is then one of no place.
pub(crate) const NOT_USED: &str = "what is set of the place is not used: ";

/// Where intensities over a span are from.
pub(crate) type SeriesOf<'a> = dyn Fn(&Place, Signal, Window) -> Option<IntensitySeries> + 'a;

/// Where a site's temperatures are from.
pub(crate) type WeatherOf<'a> = dyn Fn(&Place) -> Result<Option<Rc<Weather>>, crate::Error> + 'a;

/// What an account of a run is made with.
pub(crate) struct Basis<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) site: &'a SiteSpec,
    pub(crate) node: NodeSpec,
    pub(crate) accelerator: Option<&'a str>,
    pub(crate) series: &'a SeriesOf<'a>,
    pub(crate) weather: &'a WeatherOf<'a>,
}

/// The place of a run; where none is known the world, which is said.
pub(crate) fn place(catalog: &Catalog, site: &SiteSpec, year: Option<i16>) -> Result<Place, crate::Error> {
    let place = crate::resolve::home(catalog, site, year)?;
    if place.zone.is_some() || place.lifecycle.is_some() {
        return Ok(place);
    }
    let mut world = Place::new(catalog, Some(catalog.zone("WORLD", year)?), site, year);
    let unknown = assumed(catalog, "intensity-of-parent-zone", "log_sd");
    world.lifecycle = world.lifecycle.map(|mean| LogNormal::new(mean.median(), mean.sigma().hypot(unknown)));
    world.warnings.push(
        "the place is not known, so the world's mean intensity is taken: set --region or --zone, or [site] in greenwich.toml"
            .to_owned(),
    );
    Ok(world)
}

/// The quantities of a run and, as JSON rows, its hours; nothing where nothing was metered.
pub(crate) fn footprint(
    basis: &Basis<'_>,
    entry: &Entry,
    hours: &[(Timestamp, f64)],
) -> Result<Option<(Footprint, Value)>, crate::Error> {
    let catalog = basis.catalog;
    let Some(known_j) = entry.it_energy_j else { return Ok(None) };
    let outer = entry.devices.iter().filter(|device| !device.inside_another);
    let least_j: f64 = outer.filter_map(crate::remembered::least_j).sum();
    // Sums of the same joules in another order differ in their last bit.
    let most_j = entry.most_it_energy_j.unwrap_or(known_j).max(known_j).max(least_j);
    let lasted_h = entry.end.duration_since(entry.start).as_secs_f64().max(1e-3) / 3600.0;
    if most_j <= 0.0 {
        return Ok(None);
    }
    let year = Some(crate::resolve::year_of(entry.start));
    let has_wall_meter = entry.devices.iter().any(|device| device.kind == "node");
    let assumed_node = if has_wall_meter { NodeSpec::default() } else { basis.node };
    let at_the_wall_j = |joules: f64| assumed_node.at_the_wall_j(joules, node::node_seconds(entry));
    let (least_j, middle_j, most_j) =
        (at_the_wall_j(least_j), at_the_wall_j(middle(entry, least_j, most_j)), at_the_wall_j(most_j));
    let mut place = place(catalog, basis.site, year)?;
    let by_hour = mean_by_hour(basis, &mut place, hours, year);

    let gpus: std::collections::BTreeSet<(&str, &str)> = entry
        .devices
        .iter()
        .filter(|device| device.kind == "gpu" && !device.inside_another)
        .map(|device| (device.host.as_str(), device.device.as_str()))
        .collect();
    let count = u32::try_from(gpus.len()).unwrap_or(1).max(1);
    let machine = basis.accelerator.map(|name| Machine::find(catalog, name, Precision::Bf16)).transpose()?;
    let mut warnings = std::mem::take(&mut place.warnings);
    let mut factors = std::mem::take(&mut place.factors);
    factors.extend(assumed_node.factors());
    let mut price = place.rent.map(LogNormal::exact);
    if let Some(machine) = &machine {
        factors.extend(
            machine
                .factors
                .iter()
                .filter(|factor| factor.quantity.contains("embodied") || factor.quantity.contains("life"))
                .cloned(),
        );
        if price.is_none()
            && place.electricity_price.is_none()
            && let Some((quote, factor)) = machine.price(catalog, place.provider())
        {
            price = Some(quote);
            factors.push(factor);
        }
    }
    let seconds = lasted_h * 3600.0 * f64::from(count);
    let power = |joules: f64| Power::from_watts((joules / seconds).max(f64::MIN_POSITIVE));
    let exact = (most_j - least_j).abs() <= 1e-9 * most_j;
    let rented = price.is_some();
    let inputs = Inputs {
        job: entry.run.clone(),
        model: Model::Unknown,
        tokens: None,
        seq_len: None,
        precision: "bf16".to_owned(),
        setting: Setting {
            accelerator: machine.as_ref().map(|machine| machine.id.clone()),
            count,
            region: place.region.clone(),
            zone: place.zone.clone(),
        },
        peak: None,
        memory: None,
        utilisation: LogNormal::exact(1.0),
        goodput: LogNormal::exact(1.0),
        goodput_of_steps: LogNormal::exact(1.0),
        power: Some(PowerBasis::Given(power(middle_j))),
        load: None,
        chip: None,
        given: Given { hours: Some(Hours::from_hours(lasted_h)), mean_power_given: exact, ..Given::default() },
        site: Site {
            pue: place.pue,
            location_based: place.lifecycle,
            location_based_direct: place.direct,
            market_based: place.market_based,
            marginal: None,
            wue: place.wue,
            source_water: place.source_water,
            embodied: machine.as_ref().and_then(|machine| machine.embodied),
            price,
            electricity_price: place.electricity_price.map(LogNormal::exact),
        },
        pause_overhead: Hours::ZERO,
        transfer: None,
        factors,
        warnings: std::mem::take(&mut warnings),
    };
    let mut footprint = greenwich_estimate::run(&inputs)
        .map_err(|source| crate::Error::Estimate { file: format!("run {}", entry.run), source })?;
    footprint.stage = Stage::Account;
    for factor in footprint.factors.iter_mut().filter(|factor| factor.quantity == "running time") {
        (factor.source, factor.fit) = ("start and end of the run".to_owned(), Fit::Exact);
    }
    let [p5, p50, p95] = [least_j, middle_j, most_j].map(ItEnergy::from_joules);
    spread_as_metered(&mut footprint, Range { p5, p50, p95 }, rented);
    footprint.warnings.retain(|warning| !warning.contains("narrow most"));
    footprint.warnings.extend(unseen(has_wall_meter, assumed_node).map(str::to_owned));
    Ok(Some((footprint, by_hour)))
}

/// Puts the meter's own range into every quantity that goes with energy; the estimator was told its middle.
fn spread_as_metered(footprint: &mut Footprint, metered: Range<ItEnergy>, rented: bool) {
    let spread = metered.spread();
    let wider = |co2e: Option<Range<Co2e>>| co2e.map(|co2e| co2e.widened(spread));
    footprint.it_energy = metered;
    footprint.mean_power = footprint.mean_power.widened(spread);
    footprint.facility_power = footprint.facility_power.map(|power| power.widened(spread));
    footprint.facility_energy = footprint.facility_energy.widened(spread);
    footprint.location_based = wider(footprint.location_based);
    footprint.location_based_direct = wider(footprint.location_based_direct);
    footprint.market_based = wider(footprint.market_based);
    footprint.water = footprint.water.map(|water| water.widened(spread));
    if !rented {
        footprint.cost = footprint.cost.map(|cost| cost.widened(spread));
    }
}

/// What of the node is in no figure.
fn unseen(has_wall_meter: bool, node: NodeSpec) -> Option<&'static str> {
    match (has_wall_meter, node.rest_w, node.psu_efficiency) {
        (true, ..) | (false, Some(_), Some(_)) => None,
        (false, None, None) => Some("fans, disks, network and power supplies are not metered"),
        (false, None, Some(_)) => Some("fans, disks and network are not metered: `rest_w` of [node] adds them"),
        (false, Some(_), None) => {
            Some("losses of the power supplies are not metered: `psu_efficiency` of [node] adds them")
        }
    }
}

/// The likely energy: each device's own where it is known, the middle of its bounds where it is not.
fn middle(entry: &Entry, least_j: f64, most_j: f64) -> f64 {
    let outer = entry.devices.iter().filter(|device| !device.inside_another);
    let sum: f64 = outer.filter_map(crate::remembered::likely_j).sum();
    sum.clamp(least_j, most_j)
}

/// Sets the place's intensities to their means over the hours, weighed by what was drawn in each, and returns the
/// hours for the entry, so that the figures can be made again under another method.
fn mean_by_hour(basis: &Basis<'_>, place: &mut Place, hours: &[(Timestamp, f64)], year: Option<i16>) -> Value {
    let spans: Vec<(Window, f64)> = hours
        .iter()
        .filter_map(|(start, joules)| {
            Window::new(*start, *start + SignedDuration::from_hours(1)).ok().map(|w| (w, *joules))
        })
        .collect();
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Value::Array(Vec::new()) };
    let whole = Window::new(first.0.start(), last.0.end()).expect("hours go forwards");
    let weather = match (basis.weather)(place) {
        Ok(weather) => weather.map(|weather| weather.over(whole, place)),
        // A metered run gets its account whatever a file of weather looks like.
        Err(error) => {
            place.warnings.push(format!("PUE and WUE are the constant ones: {error}"));
            None
        }
    };
    let pue_of = |window: &Window| weather.as_ref().and_then(|weather| weather.hour(window.start()));
    if let Some(weather) = &weather {
        let drawn: Vec<(Window, f64)> =
            spans.iter().map(|(window, joules)| (*window, joules.max(f64::MIN_POSITIVE))).collect();
        weather.set(&drawn, place);
        place.warnings.extend(weather.warnings());
    }
    let mut rows: Vec<Map<String, Value>> = spans
        .iter()
        .map(|(window, joules)| {
            let energy_kwh = FacilityEnergy::from_joules(*joules).kwh();
            let mut row = json!({"start": window.start().to_string(), "it_energy_kwh": energy_kwh});
            if let Some(hour) = pue_of(window) {
                row["pue"] = hour.pue.ratio().into();
                row["wue_l_per_kwh"] = hour.wue.map(SiteWaterIntensity::l_per_kwh).into();
                row["felt_c"] = hour.felt_c.into();
            }
            row.as_object().cloned().unwrap_or_default()
        })
        .collect();
    let market = place.market_based.map(|mean| mean.median().g_per_kwh());
    for (signal, key) in
        [(Signal::Lifecycle, "location_based_gco2e_per_kwh"), (Signal::Direct, "location_based_direct_gco2e_per_kwh")]
    {
        let Some(series) = (basis.series)(place, signal, whole) else { continue };
        let (mut weighted, mut weight) = (0.0, 0.0);
        for ((window, joules), row) in spans.iter().zip(&mut rows) {
            if let Some(mean) = series.mean_g_per_kwh(*window) {
                let drawn = joules.max(f64::MIN_POSITIVE) * pue_of(window).map_or(1.0, |hour| hour.pue.ratio());
                weighted += mean * drawn;
                weight += drawn;
                row.insert(key.to_owned(), json!(mean));
            }
        }
        if weight <= 0.0 || matches!(series.provenance, Provenance::Flat { .. } | Provenance::Given) {
            continue;
        }
        let mean = weighted / weight;
        let log_sd = match &series.provenance {
            Provenance::Typical { to_year, .. } => {
                let years = year.map_or(0, |year| i32::from(year - to_year).abs());
                let per_year = assumed(basis.catalog, "intensity-of-another-year", "log_sd_per_year");
                assumed(basis.catalog, "typical-year", "log_sd").hypot(per_year * f64::from(years).sqrt())
            }
            _ => assumed(basis.catalog, "intensity-of-the-year", "log_sd"),
        };
        let average = LogNormal::new(AverageIntensity::from_g_per_kwh(mean), log_sd);
        let quantity = if signal == Signal::Lifecycle {
            place.lifecycle = Some(average);
            "location-based intensity (lifecycle)"
        } else {
            place.direct = Some(average);
            "location-based intensity (direct)"
        };
        place.factors.retain(|factor| factor.quantity != quantity);
        place.factors.push(Factor {
            quantity: quantity.to_owned(),
            value: mean,
            unit: "gCO2e/kWh".to_owned(),
            source: format!("mean over the run's hours, {}", series.provenance),
            year: match &series.provenance {
                Provenance::Typical { to_year, .. } => Some(*to_year),
                _ => None,
            },
            fit: Fit::Exact,
            check: greenwich_core::Check::Derived,
        });
    }
    if let Some(market) = market {
        for row in &mut rows {
            row.insert("market_based_gco2e_per_kwh".to_owned(), json!(market));
        }
    }
    Value::Array(rows.into_iter().map(Value::Object).collect())
}
