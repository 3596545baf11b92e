//! From what the job file says to what the rooms are asked: names become facts.
//!
//! In: a [`JobSpec`] and the catalog. Out: [`Job`]: model, machine and home by value. A name that the
//! catalog does not know is refused with the place where it stands and the nearest known ones.

use crate::document::DocumentError;
use crate::error::Error;
use crate::factor::assumed;
use crate::job_file::{JobSpec, LayoutSpec, MachineSpec, SiteSpec};
use crate::layers_file;
use crate::load;
use crate::machine::Machine;
use crate::site::Place;
use crate::speed::{Roofline, Speed};
use greenwich_core::footprint::Setting;
use greenwich_core::quantity::{Flops, Fraction, Hours, Power};
use greenwich_core::{Factor, RegionId};
use greenwich_estimate::{EstimateError, Given, Inputs, Layout, Load, LogNormal, Model, ModelCounts, PowerBasis, Site};
use greenwich_facts::{Catalog, FactsError, Precision};
use std::path::Path;

/// A job whose names are resolved.
#[derive(Debug, Clone)]
pub(crate) struct Job<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) spec: &'a JobSpec,
    pub(crate) model: Model,
    /// Tokens trained on, as they are given or as the samples come to.
    pub(crate) tokens: Option<f64>,
    pub(crate) precision: Precision,
    pub(crate) machine: Machine,
    pub(crate) home: Place,
    pub(crate) year: Option<i16>,
}

impl<'a> Job<'a> {
    /// Resolves every name of the job file but those of its schedule.
    pub(crate) fn resolve(catalog: &'a Catalog, spec: &'a JobSpec) -> Result<Self, Error> {
        let year = spec.schedule.as_ref().map(|schedule| year_of(schedule.window.start()));
        let precision = spec.model.precision.unwrap_or(Precision::Bf16);
        let model = model(catalog, spec)?;
        Ok(Self {
            catalog,
            spec,
            tokens: tokens(&model, spec)?,
            model,
            precision,
            machine: machine(catalog, &spec.machine, precision)?,
            home: home(catalog, &spec.site, year)?,
            year,
        })
    }

    /// What the estimator is asked for a machine at a place; `spec` is what is given of that machine.
    pub(crate) fn inputs(&self, spec: &MachineSpec, machine: &Machine, place: &Place) -> Inputs {
        self.inputs_by(&self.roofline(machine), spec, place)
    }

    /// The same by a roofline that is at hand.
    pub(crate) fn inputs_by(&self, roofline: &Roofline<'_>, spec: &MachineSpec, place: &Place) -> Inputs {
        let machine = roofline.machine;
        let mut factors = machine.factors.clone();
        let mut warnings = machine.warnings.clone();
        if let Some(watts) = spec.mean_power_w {
            factors.retain(|factor| !factor.quantity.starts_with("mean power") && !factor.quantity.starts_with("TDP"));
            warnings.retain(|warning| !warning.starts_with("the power of"));
            factors.push(crate::factor::given("mean power per accelerator, whole system", watts, "W"));
        }
        let mut site = Site { embodied: machine.embodied, ..place.site() };
        if site.price.is_none()
            && site.electricity_price.is_none()
            && let Some((quote, factor)) = machine.price(self.catalog, place.provider())
        {
            site.price = Some(quote);
            factors.push(factor);
        }
        factors.extend(self.samples());
        factors.extend(place.factors.iter().cloned());
        warnings.extend(place.warnings.iter().cloned());
        let speed = roofline.speed(spec.count, spec.layout);
        let pace = self.pace(spec, machine, &speed);
        if pace.is_by_peak {
            factors.extend(roofline.factors(&speed));
            warnings.extend(roofline.warnings(&speed));
        }
        Inputs {
            job: self.spec.name.clone(),
            model: self.model.clone(),
            tokens: self.tokens,
            seq_len: self.spec.model.seq_len,
            precision: self.precision.as_str().to_owned(),
            setting: Setting {
                accelerator: Some(machine.id.clone()),
                count: spec.count,
                region: place.region.clone(),
                zone: place.zone.clone(),
            },
            peak: machine.peak,
            memory: machine.memory,
            utilisation: pace.utilisation,
            goodput: goodput(self.catalog, "goodput"),
            goodput_of_steps: goodput(self.catalog, "goodput-of-steps"),
            power: pace.power,
            load: Some(pace.load),
            chip: Some(machine.chip),
            given: pace.given,
            site,
            pause_overhead: Hours::ZERO,
            transfer: None,
            factors,
            warnings,
        }
    }

    /// The line of the factor list for tokens that samples come to.
    fn samples(&self) -> Option<Factor> {
        let (samples, _) = self.spec.model.samples.as_ref()?;
        let tokens = self.tokens?;
        let quantity = format!("tokens trained on: {samples} samples of {:.0} tokens each", tokens / samples);
        Some(crate::factor::given(&quantity, tokens, "tokens"))
    }

    /// The roofline of this model on a machine.
    pub(crate) fn roofline<'b>(&'b self, machine: &'b Machine) -> Roofline<'b> {
        Roofline::new(self.catalog, (&self.model, &self.spec.model), machine, self.year)
    }

    /// What a machine's speed and what is given of it say together.
    pub(crate) fn pace(&self, spec: &MachineSpec, machine: &Machine, speed: &Speed) -> Pace {
        let mut given = Given {
            mfu: spec.mfu.map(|share| Fraction::new(share).expect("the reader held the range")),
            tokens_per_s: spec.tokens_per_s,
            hours: spec.hours.map(Hours::from_hours),
            total_flops: spec.total_flops.map(Flops::from_flops),
            mean_power_given: spec.mean_power_w.is_some(),
            layout: spec.layout.map(|LayoutSpec { tp, pp, dp, cp, .. }| Layout {
                tensor: tp,
                pipeline: pp,
                data: dp,
                context: cp,
            }),
            layout_mfu: None,
        };
        let is_by_peak = given.hours.is_none() && given.mfu.is_none() && given.tokens_per_s.is_none();
        let mut utilisation = LogNormal::exact(1.0);
        if is_by_peak {
            given.layout_mfu = speed.layout_mfu;
            utilisation = speed.utilisation;
        }
        let of_memory = |quantity| assumed(self.catalog, "power-of-memory", quantity);
        let full = LogNormal::new(of_memory("share"), of_memory("log_sd"));
        let given_power = spec.mean_power_w.map(|watts| PowerBasis::Given(Power::from_watts(watts)));
        Pace {
            given,
            utilisation,
            power: given_power.or(machine.power),
            load: machine.load.moving_beyond_usual(speed.traffic_beyond_usual, full),
            is_by_peak,
        }
    }

    /// An error of the estimator, with the file that its mend would change.
    pub(crate) fn refuse(&self, source: EstimateError) -> Error {
        Error::Estimate { file: self.spec.file.clone(), source }
    }
}

/// How fast a machine does the job, and at what power.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// What is known better than predicted.
    pub(crate) given: Given,
    /// Useful FLOPs over peak FLOPs paid for.
    pub(crate) utilisation: LogNormal<f64>,
    /// How the mean power is known.
    pub(crate) power: Option<PowerBasis>,
    /// How it follows the share of peak.
    pub(crate) load: Load,
    /// Whether the time is reckoned from the peak, for want of anything better.
    is_by_peak: bool,
}

/// The share of billed time in which a run steps, where MFU or the time of steps is known.
fn goodput(catalog: &Catalog, assumption: &'static str) -> LogNormal<f64> {
    LogNormal::new(assumed(catalog, assumption, "share"), assumed(catalog, assumption, "log_sd"))
}

/// The year of an instant, in UTC.
pub(crate) fn year_of(instant: jiff::Timestamp) -> i16 {
    instant.to_zoned(jiff::tz::TimeZone::UTC).year()
}

/// Looks the machine of a job or phase up.
pub(crate) fn machine(catalog: &Catalog, spec: &MachineSpec, precision: Precision) -> Result<Machine, Error> {
    Machine::find(catalog, &spec.accelerator, precision)
        .map_err(|source| Error::Named { place: spec.place.clone(), source })
}

/// Looks the home up, and refuses a zone that is not the region's.
pub(crate) fn home(catalog: &Catalog, spec: &SiteSpec, year: Option<i16>) -> Result<Place, Error> {
    let named = |place: &crate::document::Place| {
        let place = place.clone();
        move |source: FactsError| Error::Named { place, source }
    };
    let zone = spec.zone.as_ref().map(|(name, place)| catalog.zone_id(name).map_err(named(place))).transpose()?;
    let published = match (&spec.region, &zone) {
        (Some((name, place)), zone) => {
            let site = catalog.region(name, year).map_err(named(place))?;
            if let (Some(zone), Some((_, zone_place))) = (zone, &spec.zone)
                && *zone != site.zone
            {
                return Err(zone_place
                    .refuse(
                        format!("`{zone}`, but `{name}` lies in `{}`", site.zone),
                        "the region's own zone",
                        "delete `zone`: the region says it",
                    )
                    .into());
            }
            Some(site)
        }
        (None, Some(zone)) => Some(catalog.zone(zone.as_str(), year)?),
        (None, None) => None,
    };
    Ok(Place::new(catalog, published, spec, year))
}

/// A cloud region of the schedule, as the catalog has it.
pub(crate) fn away(catalog: &Catalog, region: &RegionId, year: Option<i16>) -> Result<Place, Error> {
    Ok(Place::new(catalog, Some(catalog.region(region.as_str(), year)?), &SiteSpec::default(), year))
}

/// Tokens trained on; samples are passes of the model, of as many tokens as it takes in at once.
fn tokens(model: &Model, spec: &JobSpec) -> Result<Option<f64>, Error> {
    let Some((samples, place)) = &spec.model.samples else { return Ok(spec.model.tokens) };
    let asked = spec.model.seq_len.map(u64::from);
    let each = match model {
        Model::Shape(counts) => {
            let seq_len = counts.sample_tokens().or(asked).or_else(|| counts.usual_seq_len());
            seq_len.map(|seq_len| counts.tokens_per_pass(seq_len))
        }
        Model::Bare { .. } | Model::Unknown => asked.map(|tokens| tokens as f64),
    };
    let Some(each) = each else {
        let mend = "give `model.seq_len` beside it, or `model.tokens` instead";
        return Err(place.refuse("samples of a length that is not known", "samples with their length", mend).into());
    };
    Ok(Some(samples * each))
}

/// The model: a config or layer list beside the job file, a name of the catalog, or bare counts.
fn model(catalog: &Catalog, spec: &JobSpec) -> Result<Model, Error> {
    let model = &spec.model;
    if let Some(config) = &model.config {
        let folder = Path::new(&spec.file).parent().unwrap_or(Path::new(""));
        let path = folder.join(config);
        let file = path.display().to_string();
        let mend = format!("`model.config` of {} is relative to that file", spec.file);
        let bytes = load::bytes(&path, &mend)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| DocumentError::NotUtf8 {
            file: file.clone(),
            at: error.valid_up_to(),
            byte: bytes[error.valid_up_to()],
        })?;
        let counted = if layers_file::is_one(&path, text) {
            layers_file::parse(&file, &bytes)?.count()
        } else {
            ModelCounts::from_config(text)
        };
        return counted.map(Model::Shape).map_err(|source| Error::Estimate { file, source });
    }
    if let (Some(name), Some(place)) = (&model.name, &model.name_place) {
        let config = catalog.model_config(name).map_err(|source| Error::Named { place: place.clone(), source })?;
        let counts = ModelCounts::from_config(config);
        return counts.map(Model::Shape).map_err(|source| Error::Estimate { file: "models.csv".to_owned(), source });
    }
    Ok(match model.params {
        Some(params) => Model::Bare {
            params_total: params.round() as u64,
            params_active: model.active_params.unwrap_or(params).round() as u64,
        },
        None => Model::Unknown,
    })
}
