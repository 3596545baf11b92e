//! Flow tracing over histories: what each hour of a set of zones consumes.
//!
//! In: for each zone its history with generation by fuel and imports from one source, factors by value, and what zones
//! outside the set are to count for. Out: production and consumption intensity of each zone and hour, with the megawatts
//! they rest on, and which hours could not be traced and why. Hour by hour it is the linear system of [`flow`].
//!
//! A border that both sides tell counts at the mean of the two. What comes from a zone outside the set counts at the
//! intensity that the caller gives; what goes there leaves at the exporter's. An hour in which a zone's generation, or a
//! border that its history knows, is not told has no intensity, nor have those to which its power flows.
//!
//! [`flow`]: crate::flow

use crate::derive::Told;
use crate::error::FlowError;
use crate::flow::{Area, Exchange, consumption};
use crate::fuel::Fuel;
use crate::history::{Block, History, State};
use crate::mix::{Factors, MixIntensity};
use crate::quantity::Quantity;
use crate::storage::{Reservoir, production};
use greenwich_core::{Signal, Window, ZoneId};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The source's name of what is traced from what it says.
pub fn traced_source(source: &str) -> String {
    format!("{source}-traced")
}

/// Whether a source is what was traced from another.
pub fn is_traced(source: &str) -> bool {
    source.ends_with("-traced")
}

/// A zone of the set.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// Its history.
    pub history: &'a History,
    /// Who tells its generation, imports and load.
    pub source: &'a str,
}

/// The intensity, in g/kWh, at which power from a zone outside the set counts in the hour from an instant.
pub type Neighbours<'a> = dyn Fn(&ZoneId, Timestamp) -> Option<f64> + 'a;

/// An hour of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hour {
    /// Megawatts generated; none where they are not told whole.
    pub generation_mw: Option<f64>,
    /// Grams of CO2e per kilowatt-hour generated.
    pub production_g_per_kwh: Option<f64>,
    /// Megawatts that come from neighbours less those that go there.
    pub net_import_mw: Option<f64>,
    /// Megawatts consumed, as the source tells them.
    pub load_mw: Option<f64>,
    /// Grams of CO2e per kilowatt-hour consumed.
    pub g_per_kwh: Option<f64>,
}

impl Hour {
    /// Generation and imports less exports, in megawatts.
    pub fn consumption_mw(&self) -> Option<f64> {
        Some(self.generation_mw? + self.net_import_mw?)
    }
}

/// What was traced of a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// The zone.
    pub zone: ZoneId,
    /// Who told what it rests on.
    pub source: String,
    /// The start of the first hour.
    pub start: Timestamp,
    /// Hour by hour.
    pub hours: Vec<Hour>,
    /// Its neighbours outside the set.
    pub outside: BTreeSet<ZoneId>,
    /// Hours without an intensity by the zones that it is missing of, itself among them.
    pub missing: BTreeMap<ZoneId, usize>,
    /// Fuels that generate and have no factor.
    pub missing_fuels: BTreeSet<Fuel>,
    /// Fuels that were counted by the factor of another.
    pub stood_in: BTreeSet<(Fuel, Fuel)>,
    fetched_at: Timestamp,
}

impl Traced {
    /// What is kept of it: consumption intensity, marked as reckoned. `None` where no hour has one.
    pub fn block(&self, signal: Signal) -> Option<Block> {
        let cells = self.hours.iter().map(|hour| hour.g_per_kwh.map(|g| (g, State::Estimated)));
        let known = self.hours.iter().any(|hour| hour.g_per_kwh.is_some());
        let source = traced_source(&self.source);
        Block::new(Quantity::Intensity(signal), &source, self.fetched_at, self.start, HOUR, cells).filter(|_| known)
    }
}

/// What of a zone is told, hour by hour.
struct Columns<'a> {
    past: Past<'a>,
    fetched_at: Timestamp,
    mixes: Vec<MixIntensity>,
    /// Whether every fuel of an hour is told.
    is_whole: Vec<bool>,
    /// By neighbour: what comes from there, where the zone's source tells.
    imports: BTreeMap<ZoneId, Vec<Option<f64>>>,
    load: Vec<Option<f64>>,
}

impl<'a> Columns<'a> {
    fn of(past: Past<'a>, window: Window, factors: &Factors, store: Reservoir) -> (Timestamp, Self) {
        let Past { history, source } = past;
        let means = |quantity: &Quantity| history.means(quantity, source, window, HOUR, Timestamp::MAX);
        let (start, load) = means(&Quantity::Load);
        let told = Told::of(history, source, window, Some(HOUR));
        let mixes = told.as_ref().map(|told| production(&told.mixes(), 1.0, factors, store));
        let neighbours = history.held().into_iter().filter(|held| held.source == source);
        let imports = neighbours.filter_map(|held| match &held.quantity {
            Quantity::Import(zone) => Some((zone.clone(), means(&held.quantity).1)),
            _ => None,
        });
        let columns = Self {
            past,
            fetched_at: told.as_ref().map_or(start, |told| told.fetched_at),
            is_whole: (0..load.len()).map(|hour| told.as_ref().is_some_and(|told| told.is_whole(hour))).collect(),
            mixes: mixes.unwrap_or_else(|| vec![MixIntensity::default(); load.len()]),
            imports: imports.collect(),
            load,
        };
        (start, columns)
    }

    fn zone(&self) -> &ZoneId {
        &self.past.history.zone
    }

    /// Megawatts generated in an hour, where they are told whole.
    fn generation_mw(&self, hour: usize) -> Option<f64> {
        self.is_whole[hour].then_some(self.mixes[hour].generation_mw)
    }
}

/// Traces every hour of a window through a set of zones, in their order. `store` is an empty store, one for each zone.
///
/// # Errors
/// [`FlowError`] for a zone that is given twice, or a number that no grid has.
pub fn trace(
    zones: &[Past<'_>],
    window: Window,
    factors: &Factors,
    store: Reservoir,
    outside: &Neighbours<'_>,
) -> Result<Vec<Traced>, FlowError> {
    let mut start = window.start();
    let columns: Vec<Columns<'_>> = zones
        .iter()
        .map(|past| {
            let (first, columns) = Columns::of(*past, window, factors, store);
            start = first;
            columns
        })
        .collect();
    let inside: BTreeSet<&ZoneId> = columns.iter().map(Columns::zone).collect();
    let mut traced: Vec<Traced> = columns.iter().map(|columns| blank(columns, start, &inside)).collect();
    let hours = columns.first().map_or(0, |columns| columns.load.len());
    for hour in 0..hours {
        let at = start + HOUR * i32::try_from(hour).expect("fewer hours than a window of centuries has");
        let told = HourTold::of(&columns, &inside, hour, |zone| outside(zone, at));
        let consumed = consumption(&told.areas, &told.exchanges)?;
        for (zone, columns) in traced.iter_mut().zip(&columns) {
            let own = consumed.iter().find(|one| one.zone == zone.zone).expect("every zone is an area");
            let mix = &columns.mixes[hour];
            let net_import_mw = told.net_import_mw.get(&zone.zone).copied().flatten();
            let g_per_kwh = own.g_per_kwh.filter(|_| net_import_mw.is_some());
            zone.hours.push(Hour {
                generation_mw: columns.generation_mw(hour),
                production_g_per_kwh: mix.g_per_kwh,
                net_import_mw,
                load_mw: columns.load[hour],
                g_per_kwh,
            });
            if g_per_kwh.is_none() {
                let by = if own.missing.is_empty() { vec![zone.zone.clone()] } else { own.missing.clone() };
                for missing in by {
                    *zone.missing.entry(missing).or_default() += 1;
                }
            }
        }
    }
    Ok(traced)
}

fn blank(columns: &Columns<'_>, start: Timestamp, inside: &BTreeSet<&ZoneId>) -> Traced {
    Traced {
        zone: columns.zone().clone(),
        source: columns.past.source.to_owned(),
        start,
        hours: Vec::with_capacity(columns.load.len()),
        outside: columns.imports.keys().filter(|zone| !inside.contains(zone)).cloned().collect(),
        missing: BTreeMap::new(),
        missing_fuels: columns.mixes.iter().flat_map(|mix| mix.missing.iter().map(|(fuel, _)| *fuel)).collect(),
        stood_in: columns.mixes.iter().flat_map(|mix| mix.stood_in.iter().copied()).collect(),
        fetched_at: columns.fetched_at,
    }
}

/// One hour as the linear system takes it.
struct HourTold {
    areas: Vec<Area>,
    exchanges: Vec<Exchange>,
    /// None where a border of the zone is not told.
    net_import_mw: BTreeMap<ZoneId, Option<f64>>,
}

impl HourTold {
    fn of(
        columns: &[Columns<'_>],
        inside: &BTreeSet<&ZoneId>,
        hour: usize,
        outside: impl Fn(&ZoneId) -> Option<f64>,
    ) -> Self {
        let mut net: BTreeMap<ZoneId, Option<f64>> =
            columns.iter().map(|columns| (columns.zone().clone(), Some(0.0))).collect();
        let mut add = |zone: &ZoneId, mw: Option<f64>| {
            if let Some(sum) = net.get_mut(zone) {
                *sum = sum.zip(mw).map(|(sum, mw)| sum + mw);
            }
        };
        let mut exchanges = Vec::new();
        let mut sent: BTreeMap<&ZoneId, f64> = BTreeMap::new();
        for one in columns {
            for (neighbour, comes) in &one.imports {
                let other = columns.iter().find(|columns| columns.zone() == neighbour);
                let theirs = other.and_then(|other| other.imports.get(one.zone()));
                // A border inside the set is taken once: by the first of its zones, where that tells it at all.
                if theirs.is_some() && one.zone() > neighbour {
                    continue;
                }
                let back = theirs.and_then(|theirs| theirs[hour]).map(|mw| -mw);
                let mw = match (comes[hour], back) {
                    (Some(here), Some(there)) => Some(f64::midpoint(here, there)),
                    (one, other) => one.or(other),
                };
                add(one.zone(), mw);
                add(neighbour, mw.map(|mw| -mw));
                let Some(mw) = mw else { continue };
                if inside.contains(neighbour) {
                    exchanges.push(Exchange { from: neighbour.clone(), to: one.zone().clone(), mw });
                } else if mw > 0.0 {
                    exchanges.push(Exchange { from: neighbour.clone(), to: one.zone().clone(), mw });
                    *sent.entry(neighbour).or_default() += mw;
                }
            }
        }
        let own = columns.iter().map(|columns| {
            let is_told = net[columns.zone()].is_some();
            let generation_mw = columns.generation_mw(hour);
            Area {
                zone: columns.zone().clone(),
                // What is not told whole is somebody's all the same: it leaves those unknown to whom it flows.
                generation_mw: generation_mw.unwrap_or(1.0).max(f64::from(u8::from(!is_told))),
                g_per_kwh: columns.mixes[hour].g_per_kwh.filter(|_| is_told && generation_mw.is_some()),
            }
        });
        let beyond =
            sent.into_iter().map(|(zone, mw)| Area { zone: zone.clone(), generation_mw: mw, g_per_kwh: outside(zone) });
        Self { areas: own.chain(beyond).collect(), exchanges, net_import_mw: net }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_core::quantity::Fraction;
    use proptest::prelude::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).expect("an instant")
    }

    fn history(zone: &str, series: &[(&str, &[Option<f64>])]) -> History {
        let mut history = History::new(ZoneId::new(zone));
        for (key, hours) in series {
            let quantity = Quantity::of(key).expect("a quantity");
            let cells = hours.iter().map(|value| value.map(|value| (value, State::Measured)));
            history.append(Block::new(quantity, "entsoe", at(90), at(0), HOUR, cells).expect("a block"));
        }
        history
    }

    fn told(histories: &[History], hours: i64, outside: Option<f64>) -> Vec<Traced> {
        let factors = Factors::from_g_per_kwh([(Fuel::Coal, 800.0), (Fuel::Wind, 50.0), (Fuel::Gas, 400.0)]);
        let store = Reservoir::empty(Fraction::new(0.8).expect("a share"));
        let pasts: Vec<Past<'_>> = histories.iter().map(|history| Past { history, source: "entsoe" }).collect();
        let window = Window::new(at(0), at(hours)).expect("forwards");
        trace(&pasts, window, &factors, store, &|_, _| outside).expect("sound figures")
    }

    fn intensities(traced: &[Traced]) -> Vec<Vec<Option<f64>>> {
        traced.iter().map(|zone| zone.hours.iter().map(|hour| hour.g_per_kwh).collect()).collect()
    }

    /// The worked example of the concepts page, from histories: A sends 300 MW to B, B 200 MW to C.
    fn three(b_tells: bool) -> Vec<History> {
        let mut of_b: Vec<(&str, &[Option<f64>])> = vec![("generation-wind", &[Some(500.0)])];
        if b_tells {
            of_b.extend([("import-A", &[Some(300.0)][..]), ("import-C", &[Some(-200.0)])]);
        }
        vec![
            history(
                "A",
                &[("generation-coal", &[Some(1000.0)]), ("import-B", &[Some(-300.0)]), ("load", &[Some(690.0)])],
            ),
            history("B", &of_b),
            history("C", &[("generation-gas", &[Some(200.0)]), ("import-B", &[Some(200.0)])]),
        ]
    }

    #[test]
    fn the_worked_example_comes_out_of_histories_whichever_side_tells_a_border() {
        for b_tells in [true, false] {
            let traced = told(&three(b_tells), 1, None);
            assert_eq!(intensities(&traced), [[Some(800.0)], [Some(331.25)], [Some(365.625)]]);
            assert_eq!(traced[1].hours[0].consumption_mw(), Some(600.0));
            assert_eq!(traced[0].hours[0].load_mw, Some(690.0));
        }
        let block = told(&three(true), 1, None)[1].block(Signal::Lifecycle).expect("an hour");
        assert_eq!((block.source.as_str(), block.cell(0)), ("entsoe-traced", Some((331.25, State::Estimated))));
    }

    #[test]
    fn two_sides_that_differ_count_by_their_mean() {
        let mut zones = three(true);
        zones[2] = history("C", &[("generation-gas", &[Some(200.0)]), ("import-B", &[Some(240.0)])]);
        let traced = told(&zones, 1, None);
        assert_eq!(traced[2].hours[0].net_import_mw, Some(220.0));
    }

    #[test]
    fn what_comes_from_outside_counts_as_the_caller_says_and_what_goes_there_does_not() {
        let zones =
            [history("A", &[("generation-wind", &[Some(100.0); 2]), ("import-X", &[Some(100.0), Some(-40.0)])])];
        let traced = told(&zones, 2, Some(450.0));
        assert_eq!(intensities(&traced), [[Some(250.0), Some(50.0)]]);
        assert_eq!(traced[0].hours[1].consumption_mw(), Some(60.0));
        assert_eq!(traced[0].outside, BTreeSet::from([ZoneId::new("X")]));
        let unknown = told(&zones, 2, None);
        assert_eq!(intensities(&unknown), [[None, Some(50.0)]]);
        assert_eq!(unknown[0].missing, BTreeMap::from([(ZoneId::new("X"), 1)]));
    }

    #[test]
    fn an_hour_that_is_not_told_is_nobodys_and_taints_those_downstream() {
        let zones = [
            history("A", &[("generation-coal", &[Some(100.0), None, Some(100.0)]), ("import-B", &[Some(-10.0); 3])]),
            history("B", &[("generation-wind", &[Some(100.0); 3]), ("import-A", &[None, None, Some(10.0)])]),
            history("C", &[("generation-wind", &[Some(10.0); 3]), ("import-B", &[Some(1.0), Some(1.0), None])]),
        ];
        let traced = told(&zones, 3, None);
        let found = intensities(&traced);
        assert_eq!(found[0], [Some(800.0), None, Some(800.0)]);
        assert!(found[1][0].is_some() && found[1][1].is_none(), "{found:?}");
        // The border of B and C is not told in the last hour: neither knows what it uses.
        assert_eq!((found[1][2], found[2][2]), (None, None));
        assert_eq!(traced[1].missing.get(&ZoneId::new("A")), Some(&1));
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_consumed(
            mw in prop::collection::vec(1.0..1000.0f64, 4),
            flows in prop::collection::vec(-80.0..80.0f64, 6),
        ) {
            let fuels = ["generation-coal", "generation-wind", "generation-gas", "generation-coal"];
            let names = ["A", "B", "C", "D"];
            let pairs: Vec<(usize, usize)> = (0..4).flat_map(|i| (i + 1..4).map(move |j| (i, j))).collect();
            let zones: Vec<History> = (0..4).map(|zone| {
                let mut history = history(names[zone], &[(fuels[zone], &[Some(mw[zone] + 300.0)])]);
                for ((one, other), flow) in pairs.iter().zip(&flows).filter(|((one, _), _)| *one == zone) {
                    let quantity = Quantity::Import(ZoneId::new(names[*other]));
                    let cells = [Some((*flow, State::Measured))];
                    let _ = one;
                    history.append(Block::new(quantity, "entsoe", at(90), at(0), HOUR, cells).expect("a block"));
                }
                history
            }).collect();
            let traced = told(&zones, 1, None);
            let sum = |of: &dyn Fn(&Hour) -> Option<f64>| -> f64 {
                traced.iter().map(|zone| of(&zone.hours[0]).expect("all is told")).sum()
            };
            let emitted = sum(&|hour| Some(hour.generation_mw? * hour.production_g_per_kwh?));
            let consumed = sum(&|hour| Some(hour.consumption_mw()? * hour.g_per_kwh?));
            prop_assert!((emitted - consumed).abs() <= 1e-9 * emitted, "{emitted} {consumed}");
            for zone in &traced {
                let g = zone.hours[0].g_per_kwh.expect("known");
                prop_assert!((50.0 - 1e-9..=800.0 + 1e-9).contains(&g));
            }
        }
    }
}
