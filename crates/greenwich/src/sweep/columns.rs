//! The columns of a sweep's file, and the cells of a row.
//!
//! In: outcomes in the grid's order. Out: cells in the order of [`COLUMNS`] and [`QUANTITIES`], in groups that change together:
//! a machine's run, its place, whether it can be had, each quantity.

use super::grid::Named;
use crate::job_file::RECOMPUTE;
use greenwich_core::quantity::{AcceleratorHours, Co2e, FacilityEnergy, Hours, ItEnergy, Power, Pue, Usd, Water};
use greenwich_core::range::Quantity;
use greenwich_core::{RegionId, Tier, ZoneId};
use greenwich_estimate::roofline::{Recompute, Sharing};
use greenwich_estimate::sweep::{Outcome, Point, Refusal};
use greenwich_estimate::{EstimateError, Layout, LogNormal};
use greenwich_store::figures::Kind;
use std::collections::HashMap;

/// Every column: its name, which ends in its unit, what it holds, and what it means. Quantities have three each, `_p5`,
/// `_p50` and `_p95`.
pub const COLUMNS: [(&str, &str); 20] = [
    ("chip", "accelerator"),
    ("precision", "number format"),
    ("count", "accelerators"),
    ("tensor", "tensor parallel size; empty without a layout"),
    ("pipeline", "pipeline parallel size; empty without a layout"),
    ("data", "data parallel size; empty without a layout"),
    ("context", "context parallel size; empty without a layout"),
    (
        "expert",
        "expert parallel size, inside the data parallel; this and the next four as asked for or as the roofline chose, empty where it timed no layout",
    ),
    ("zero", "ZeRO stage"),
    ("recompute", "`none`, `selective` or `full`: what is computed again on the way back"),
    ("micro_batch", "sequences that pass at once"),
    ("interleave", "pieces of the pipeline on each accelerator"),
    ("region", "cloud region; empty for a zone or a site of one's own"),
    ("zone", "grid zone"),
    ("datacenter", "kind of site or PUE that was asked for; empty where the place has its own"),
    ("pue", "facility over IT energy, median"),
    ("status", "`ok`, or why it cannot be: `does_not_fit`, `layout`, `no_peak`, `no_power`, `not_offered`, `refused`"),
    ("reason", "the same in words; empty where it is ok"),
    ("least_count", "fewest accelerators on which the model fits, where it does not; empty if none would do"),
    ("tier", "`T0` to `T3`: how much was known"),
];
/// The quantities, each with its boundary.
pub const QUANTITIES: [(&str, &str); 10] = [
    ("hours", "wall clock, running"),
    ("accelerator_hours", "hours × accelerators"),
    ("mean_power_w", "per accelerator, whole system, before PUE"),
    ("it_energy_kwh", "before PUE"),
    ("facility_energy_kwh", "after PUE"),
    ("location_based_co2e_kg", "Scope 2 by grid average"),
    ("market_based_co2e_kg", "Scope 2 by contracts"),
    ("embodied_co2e_kg", "share of the hardware's manufacture"),
    ("water_l", "on site and at the power plants"),
    ("cost_usd", "at dated list prices"),
];
const PERCENTILES: [&str; 3] = ["p5", "p50", "p95"];

/// Names of all columns in their order.
pub fn names() -> Vec<String> {
    let quantities = QUANTITIES.iter().flat_map(|(name, _)| PERCENTILES.map(|end| format!("{name}_{end}")));
    COLUMNS.iter().map(|(name, _)| (*name).to_owned()).chain(quantities).collect()
}

/// What each column holds.
pub(super) fn kinds() -> Vec<Kind> {
    let of = |name: &str| match name {
        "count" | "tensor" | "pipeline" | "data" | "context" | "expert" | "zero" | "micro_batch" | "interleave"
        | "least_count" => Kind::Whole,
        "reason" => Kind::Text,
        "pue" => Kind::Real,
        _ => Kind::Word,
    };
    let reals = std::iter::repeat_n(Kind::Real, QUANTITIES.len() * PERCENTILES.len());
    COLUMNS.iter().map(|(name, _)| of(name)).chain(reals).collect()
}

/// What a refusal is called in the file.
pub(super) const fn status(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotOffered => "not_offered",
        Refusal::LayoutTooLarge { .. } | Refusal::Estimate(EstimateError::DoesNotFit { .. }) => "does_not_fit",
        Refusal::Estimate(EstimateError::LayoutMismatch { .. }) => "layout",
        Refusal::Estimate(EstimateError::NoPeak { .. }) => "no_peak",
        Refusal::Estimate(EstimateError::NoPower { .. }) => "no_power",
        Refusal::Estimate(_) => "refused",
    }
}

/// The same in words.
pub(super) fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotOffered => "its maker rents it in its own regions alone".to_owned(),
        Refusal::LayoutTooLarge { needs_gb, has_gb } => {
            format!("the layout needs {needs_gb:.1} GB on each accelerator, which has {has_gb:.0} GB")
        }
        Refusal::Estimate(error) => error.to_string(),
    }
}

const STATUSES: [&str; 7] = ["ok", "not_offered", "does_not_fit", "layout", "no_peak", "no_power", "refused"];
const TIERS: [Tier; 4] = [Tier::T0, Tier::T1, Tier::T2, Tier::T3];

/// One cell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    /// A place among the words of [`Scribe`].
    Word(u16),
    Text(Option<&'a str>),
    Whole(Option<u32>),
    Real(Option<f64>),
}

/// Takes rows, group of columns by group.
pub(super) trait Pen {
    /// The next group: `cells` puts them in the order of their columns. Those that are as in the row before need not be asked
    /// for again.
    fn group(&mut self, group: usize, is_as_before: bool, cells: impl FnOnce(&mut dyn FnMut(Cell<'_>)));
}

/// How many columns each group has: a machine's run, its place, whether it can be had, and each quantity.
pub(super) const GROUPS: [usize; 3 + QUANTITIES.len()] = [12, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3];
const RUN: usize = 0;
const PLACE: usize = 1;
const VERDICT: usize = 2;
const _: () = assert!(GROUPS[RUN] + GROUPS[PLACE] + GROUPS[VERDICT] == COLUMNS.len(), "every column is of a group");

/// What the row before had in each group. Places change fastest in a grid, and most of a row is not theirs.
#[derive(Debug, Default)]
pub(super) struct Before {
    run: Option<(usize, u32, Option<Layout>, Option<Sharing>)>,
    place: Option<usize>,
    verdict: Option<Verdict>,
    quantities: [Option<Spread>; QUANTITIES.len()],
}

/// The bits of a median and a standard deviation.
type Spread = [u64; 2];
/// NaNs, which no quantity has: one that is not known.
const NOT_KNOWN: Spread = [u64::MAX; 2];

/// As much of an outcome as can be told apart without words.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Found(Tier),
    NotOffered,
    Refused,
}

/// The texts that repeat, and where each part of the grid has its own among them.
#[derive(Debug)]
pub(super) struct Scribe {
    pub(super) words: Vec<String>,
    machines: Vec<[u16; 2]>,
    /// Region, zone and kind of site of each place, and its PUE.
    places: Vec<([u16; 3], f64)>,
    statuses: HashMap<&'static str, u16>,
    tiers: [u16; 4],
    recomputes: [(Recompute, u16); 3],
    nothing: u16,
}

impl Scribe {
    pub(super) fn new(named: &Named) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut known: HashMap<String, u16> = HashMap::new();
        let mut word = |text: &str| {
            *known.entry(text.to_owned()).or_insert_with(|| {
                words.push(text.to_owned());
                u16::try_from(words.len() - 1).expect("the catalog has far fewer names")
            })
        };
        let nothing = word("");
        let machines = named.machines.iter().map(|name| [word(name.chip.as_str()), word(name.precision.as_str())]);
        let machines = machines.collect();
        let pues = named.grid.places().iter().map(|site| Pue::ratio(site.pue.median()));
        let places = named.places.iter().zip(pues).map(|(name, pue)| {
            let region = word(name.region.as_ref().map_or("", RegionId::as_str));
            let zone = word(name.zone.as_ref().map_or("", ZoneId::as_str));
            ([region, zone, word(&name.datacenter)], pue)
        });
        let places = places.collect();
        let statuses = STATUSES.map(|status| (status, word(status))).into();
        let tiers = TIERS.map(|tier| word(&tier.to_string()));
        let recomputes = RECOMPUTE.map(|(name, policy)| (policy, word(name)));
        Self { words, machines, places, statuses, tiers, recomputes, nothing }
    }

    /// Writes a row.
    pub(super) fn row(&self, before: &mut Before, point: &Point, outcome: &Outcome, pen: &mut impl Pen) {
        let run = Some((point.machine, point.count, point.layout, point.sharing));
        pen.group(RUN, before.run == run, |put| self.of_run(point, put));
        let place = Some(point.place);
        pen.group(PLACE, before.place == place, |put| self.of_place(point.place, put));
        let verdict = match outcome {
            Ok(found) => Verdict::Found(found.tier),
            Err(Refusal::NotOffered) => Verdict::NotOffered,
            Err(_) => Verdict::Refused,
        };
        let is_known = verdict != Verdict::Refused && before.verdict == Some(verdict);
        pen.group(VERDICT, is_known, |put| self.of_outcome(outcome, put));
        (before.run, before.place, before.verdict) = (run, place, Some(verdict));
        let found = outcome.as_ref().ok();
        let mut quantities = Quantities { before: &mut before.quantities, next: 0, pen };
        quantities.put(found.map(|found| found.hours), Hours::hours);
        quantities.put(found.map(|found| found.accelerator_hours), AcceleratorHours::hours);
        quantities.put(found.map(|found| found.mean_power), Power::watts);
        quantities.put(found.map(|found| found.it_energy), ItEnergy::kwh);
        quantities.put(found.map(|found| found.facility_energy), FacilityEnergy::kwh);
        quantities.put(found.and_then(|found| found.location_based), Co2e::kg);
        quantities.put(found.and_then(|found| found.market_based), Co2e::kg);
        quantities.put(found.and_then(|found| found.embodied), Co2e::kg);
        quantities.put(found.and_then(|found| found.water), Water::litres);
        quantities.put(found.and_then(|found| found.cost), Usd::usd);
    }

    fn of_run(&self, point: &Point, put: &mut dyn FnMut(Cell<'_>)) {
        let [chip, precision] = self.machines[point.machine];
        put(Cell::Word(chip));
        put(Cell::Word(precision));
        put(Cell::Whole(Some(point.count)));
        let layout = point.layout;
        put(Cell::Whole(layout.map(|layout| layout.tensor)));
        put(Cell::Whole(layout.map(|layout| layout.pipeline)));
        put(Cell::Whole(layout.map(|layout| layout.data)));
        put(Cell::Whole(layout.map(|layout| layout.context)));
        let sharing = point.sharing;
        put(Cell::Whole(sharing.map(|sharing| sharing.expert)));
        put(Cell::Whole(sharing.map(|sharing| u32::from(sharing.zero))));
        let recompute = |sharing: Sharing| self.recomputes.iter().find(|(policy, _)| *policy == sharing.recompute);
        put(Cell::Word(sharing.and_then(recompute).map_or(self.nothing, |(_, word)| *word)));
        put(Cell::Whole(sharing.map(|sharing| sharing.micro_batch)));
        put(Cell::Whole(sharing.map(|sharing| sharing.interleave)));
    }

    fn of_place(&self, place: usize, put: &mut dyn FnMut(Cell<'_>)) {
        let ([region, zone, datacenter], pue) = self.places[place];
        put(Cell::Word(region));
        put(Cell::Word(zone));
        put(Cell::Word(datacenter));
        put(Cell::Real(Some(pue)));
    }

    fn of_outcome(&self, outcome: &Outcome, put: &mut dyn FnMut(Cell<'_>)) {
        match outcome {
            Ok(found) => {
                put(Cell::Word(self.statuses["ok"]));
                put(Cell::Text(None));
                put(Cell::Whole(None));
                put(Cell::Word(self.tiers[TIERS.iter().position(|tier| *tier == found.tier).unwrap_or(0)]));
            }
            Err(refusal) => {
                put(Cell::Word(self.statuses[status(refusal)]));
                put(Cell::Text(Some(&reason(refusal))));
                put(Cell::Whole(match refusal {
                    Refusal::Estimate(EstimateError::DoesNotFit { least_count, .. }) => *least_count,
                    _ => None,
                }));
                put(Cell::Word(self.nothing));
            }
        }
    }
}

/// The quantities of a row on their way to a pen.
struct Quantities<'a, P> {
    before: &'a mut [Option<Spread>; QUANTITIES.len()],
    next: usize,
    pen: &'a mut P,
}

impl<P: Pen> Quantities<'_, P> {
    /// The three percentiles of the next quantity in the unit of its columns.
    fn put<Q: Quantity>(&mut self, quantity: Option<LogNormal<Q>>, unit: impl Fn(Q) -> f64) {
        let bits = |quantity: LogNormal<Q>| [quantity.median().base().to_bits(), quantity.sigma().to_bits()];
        let now = quantity.map_or(NOT_KNOWN, bits);
        let before = self.before[self.next].replace(now);
        self.pen.group(VERDICT + 1 + self.next, before == Some(now), |put| {
            let range = quantity.map(LogNormal::range);
            put(Cell::Real(range.map(|range| unit(range.p5))));
            put(Cell::Real(range.map(|range| unit(range.p50))));
            put(Cell::Real(range.map(|range| unit(range.p95))));
        });
        self.next += 1;
    }
}
