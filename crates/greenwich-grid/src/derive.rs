//! The intensity of a zone from the generation in its history.
//!
//! In: a history with megawatts by fuel from one source, factors by value, an empty store. Out: a block of production
//! intensity, marked as reckoned, and which fuels lacked a factor. A step in which any fuel is unknown has none.

use crate::fuel::Fuel;
use crate::history::{Block, History, Slice, State};
use crate::mix::{Factors, Mix};
use crate::quantity::Quantity;
use crate::storage::{Reservoir, production};
use greenwich_core::{Signal, Window};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What the generation of a window comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Production intensity by step; none where no step has one.
    pub block: Option<Block>,
    /// Fuels that generate and have no factor.
    pub missing: BTreeSet<Fuel>,
    /// Fuels that were counted by the factor of another.
    pub stood_in: BTreeSet<(Fuel, Fuel)>,
    /// Steps in which something was generated and that have no intensity.
    pub lacking: usize,
    /// Steps in which storage gave what nobody knows the charging of: it was left out.
    pub storage_left_out: usize,
}

/// The source's name of what is derived from what it says.
pub fn derived_source(source: &str) -> String {
    format!("{source}-production")
}

/// Production intensity of a window, from what one source says of it. `None` where it says nothing of generation.
pub fn production_intensity(
    history: &History,
    source: &str,
    signal: Signal,
    window: Window,
    factors: &Factors,
    store: Reservoir,
) -> Option<Derived> {
    let told = Told::of(history, source, window, None)?;
    let Told { start, step, fetched_at, .. } = told;
    let mixes = told.mixes();
    let found = production(&mixes, step.as_secs_f64() / 3600.0, factors, store);
    let cells: Vec<Option<(f64, State)>> =
        found.iter().map(|one| one.g_per_kwh.map(|g_per_kwh| (g_per_kwh, State::Estimated))).collect();
    let known = cells.iter().any(Option::is_some);
    let block = Block::new(Quantity::Intensity(signal), &derived_source(source), fetched_at, start, step, cells);
    Some(Derived {
        block: block.filter(|_| known),
        missing: found.iter().flat_map(|one| one.missing.iter().map(|(fuel, _)| *fuel)).collect(),
        stood_in: found.iter().flat_map(|one| one.stood_in.iter().copied()).collect(),
        lacking: (0..mixes.len()).filter(|at| found[*at].g_per_kwh.is_none() && told.is_any(*at)).count(),
        storage_left_out: found.iter().filter(|one| one.storage_left_out_mw > 0.0).count(),
    })
}

/// Megawatts by fuel as a source tells them of a window.
pub(crate) struct Told {
    /// The first step.
    pub(crate) start: Timestamp,
    pub(crate) step: SignedDuration,
    /// When the newest of them was fetched.
    pub(crate) fetched_at: Timestamp,
    columns: Vec<(Fuel, Vec<Option<f64>>)>,
}

impl Told {
    /// By steps of so long, or by the finest that is told. `None` where nothing of generation is.
    pub(crate) fn of(history: &History, source: &str, window: Window, step: Option<SignedDuration>) -> Option<Self> {
        let slices: Vec<(Fuel, Slice)> = Fuel::ALL
            .into_iter()
            .filter_map(|fuel| {
                let slice = history.slice(&Quantity::Generation(fuel), source, window, Timestamp::MAX)?;
                slice.cells().iter().any(Option::is_some).then_some((fuel, slice))
            })
            .collect();
        let finest = slices.iter().map(|(_, slice)| slice.step()).min()?;
        let step = step.unwrap_or(finest);
        let fetched_at =
            slices.iter().flat_map(|(_, slice)| slice.cells().iter().flatten()).map(|cell| cell.fetched_at).max()?;
        let mut start = Timestamp::MIN;
        let columns: Vec<(Fuel, Vec<Option<f64>>)> = slices
            .iter()
            .map(|(fuel, slice)| {
                let (first, means) = history.means(&slice.quantity, source, window, step, Timestamp::MAX);
                start = first;
                (*fuel, means)
            })
            .collect();
        Some(Self { start, step, fetched_at, columns })
    }

    /// The mix of each step; that of a step in which any fuel is unknown is empty.
    pub(crate) fn mixes(&self) -> Vec<Mix> {
        let count = self.columns.first().map_or(0, |(_, means)| means.len());
        let told = |at: usize| self.columns.iter().filter_map(move |(fuel, means)| Some((*fuel, means[at]?)));
        (0..count).map(|at| if self.is_whole(at) { Mix::from_mw(told(at)) } else { Mix::default() }).collect()
    }

    /// Whether every fuel is told of a step.
    pub(crate) fn is_whole(&self, at: usize) -> bool {
        self.columns.iter().all(|(_, means)| means[at].is_some())
    }

    /// Whether anything is told of a step.
    fn is_any(&self, at: usize) -> bool {
        self.columns.iter().any(|(_, means)| means[at].is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenwich_core::ZoneId;
    use greenwich_core::quantity::Fraction;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).expect("an instant")
    }

    fn history(fuels: &[(Fuel, &[Option<f64>])]) -> History {
        let mut history = History::new(ZoneId::new("DE"));
        for (fuel, hours) in fuels {
            let cells = hours.iter().map(|mw| mw.map(|mw| (mw, State::Measured)));
            let hour = SignedDuration::from_hours(1);
            let quantity = Quantity::Generation(*fuel);
            history.append(Block::new(quantity, "entsoe", at(50), at(0), hour, cells).expect("a block"));
        }
        history
    }

    fn derived(fuels: &[(Fuel, &[Option<f64>])]) -> Derived {
        let factors = Factors::from_g_per_kwh([(Fuel::Gas, 490.0), (Fuel::Wind, 10.0)]);
        let store = Reservoir::empty(Fraction::new(1.0).expect("a share"));
        let window = Window::new(at(0), at(3)).expect("forwards");
        production_intensity(&history(fuels), "entsoe", Signal::Lifecycle, window, &factors, store).expect("a mix")
    }

    #[test]
    fn an_hour_in_which_a_fuel_is_not_told_has_no_intensity() {
        let found = derived(&[
            (Fuel::Gas, &[Some(100.0), None, Some(300.0)]),
            (Fuel::Wind, &[Some(100.0), Some(100.0), Some(100.0)]),
        ]);
        let block = found.block.expect("two hours have one");
        assert_eq!((block.source.as_str(), block.fetched_at), ("entsoe-production", at(50)));
        let cells = [0, 1, 2].map(|hour| block.cell(hour));
        assert_eq!(cells, [Some((250.0, State::Estimated)), None, Some((370.0, State::Estimated))]);
        assert_eq!(found.lacking, 1);
    }

    #[test]
    fn a_fuel_without_a_factor_is_named_and_leaves_no_intensity() {
        let found =
            derived(&[(Fuel::Waste, &[Some(1.0), Some(1.0), Some(1.0)]), (Fuel::Wind, &[Some(1.0), None, None])]);
        assert_eq!((found.block, found.missing), (None, BTreeSet::from([Fuel::Waste])));
    }

    #[test]
    fn pumps_carry_their_hour_of_charging_to_that_of_giving() {
        let found = derived(&[
            (Fuel::Gas, &[Some(100.0), Some(0.0), Some(0.0)]),
            (Fuel::Wind, &[Some(0.0), Some(50.0), Some(50.0)]),
            (Fuel::PumpedHydro, &[Some(-50.0), Some(50.0), Some(20.0)]),
        ]);
        let block = found.block.expect("three hours");
        assert_eq!(block.cell(1), Some((250.0, State::Estimated)));
        // The last hour gives more than was seen going in: it is left out.
        assert_eq!((block.cell(2), found.storage_left_out), (Some((10.0, State::Estimated)), 1));
    }
}
