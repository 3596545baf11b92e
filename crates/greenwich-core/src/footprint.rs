//! What a run needs and emits: the quantities of an estimate and of an account.
//!
//! In: typed ranges from the estimator, the planner or the account. Out: one plain value that
//! reports print. A quantity that cannot be known is `None` with a warning, never zero.

use crate::name::{AcceleratorId, RegionId, ZoneId};
use crate::quantity::{
    AcceleratorHours, Co2e, ConsequentialCo2e, FacilityEnergy, Flops, Hours, ItEnergy, Power, Usd, Water,
};
use crate::range::Range;
use crate::sourced::{Check, Fit};
use std::fmt;

/// How much the user told us; more inputs, narrower ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Model, tokens, accelerator and count.
    T0,
    /// And the layout.
    T1,
    /// And MFU, tokens per second or hours.
    T2,
    /// And measured power.
    T3,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
        })
    }
}

/// A factor that entered a figure, as the report lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// What it is, in the field's words: `PUE`, `location-based intensity (lifecycle)`.
    pub quantity: String,
    /// Its central value in `unit`.
    pub value: f64,
    /// The unit of `value`.
    pub unit: String,
    /// Who published it: the source's title, or `job file`.
    pub source: String,
    /// The year it speaks of, where it has one.
    pub year: Option<i16>,
    /// How well it answers the question.
    pub fit: Fit,
    /// Where we read it.
    pub check: Check,
}

/// Which of the two schemas a footprint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the run: `greenwich.estimate/1`.
    Estimate,
    /// After the run: `greenwich.account/1`.
    Account,
}

/// Where and on what a run runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The accelerator, where the catalog knows it.
    pub accelerator: Option<AcceleratorId>,
    /// How many of them.
    pub count: u32,
    /// The cloud region or the user's own room.
    pub region: Option<RegionId>,
    /// The grid zone.
    pub zone: Option<ZoneId>,
}

/// The quantities of an estimate or an account.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Footprint {
    /// Before or after the run.
    pub stage: Stage,
    /// The job's name.
    pub job: String,
    /// How much was known.
    pub tier: Tier,
    /// Where and on what.
    pub setting: Setting,
    /// All parameters of the model.
    pub params_total: Option<u64>,
    /// Parameters that one token passes.
    pub params_active: Option<u64>,
    /// FLOPs of one forward pass, per token, full attention.
    pub forward_flops_per_token: Option<Flops>,
    /// Model FLOPs of the training run, recomputation not counted.
    pub training_flops: Option<Range<Flops>>,
    /// Wall-clock time times accelerators.
    pub accelerator_hours: Range<AcceleratorHours>,
    /// Wall-clock time.
    pub hours: Range<Hours>,
    /// Mean power per accelerator: its share of the whole system, before PUE.
    pub mean_power: Range<Power>,
    /// The same of the accelerator alone, without host, network and fans, where it can be told.
    pub accelerator_power: Option<Range<Power>>,
    /// The same of the system's share after PUE, where that is known.
    pub facility_power: Option<Range<Power>>,
    /// Before PUE.
    pub it_energy: Range<ItEnergy>,
    /// After PUE.
    pub facility_energy: Range<FacilityEnergy>,
    /// Scope 2 by grid average, with the lifecycle factor where one is known, else the direct one;
    /// the factor list says which.
    pub location_based: Option<Range<Co2e>>,
    /// The same by the direct (at the stack) factor, where known.
    pub location_based_direct: Option<Range<Co2e>>,
    /// Scope 2 by contracts.
    pub market_based: Option<Range<Co2e>>,
    /// What the run adds at the margin, where known; never part of an account.
    pub consequential: Option<Range<ConsequentialCo2e>>,
    /// Share of the hardware's manufacture.
    pub embodied: Option<Range<Co2e>>,
    /// On site and at the power plants.
    pub water: Option<Range<Water>>,
    /// At dated list prices.
    pub cost: Option<Range<Usd>>,
    /// Every factor that entered.
    pub factors: Vec<Factor>,
    /// What the reader must know before quoting.
    pub warnings: Vec<String>,
}

/// One phase of an account: search, preliminary, final.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// What it needed and emitted.
    pub footprint: Footprint,
    /// Its share of the account's facility energy, 0 to 1.
    pub energy_share: f64,
    /// Its share of the account's location-based CO2e, where known.
    pub co2e_share: Option<f64>,
}

/// Everything that was drawn for one model, phase by phase.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Account {
    /// The sum.
    pub total: Footprint,
    /// Its parts, in the job file's order; one part where the file names no phases.
    pub phases: Vec<Phase>,
    /// Location-based CO2e in passenger round trips San Francisco – New York, as the 2021 paper counts.
    pub passenger_flights: Option<f64>,
    /// The same in whole planes.
    pub planes: Option<f64>,
    /// Share of the yearly fleet energy that the job file gives.
    pub fleet_share: Option<f64>,
}
