//! Every combination of machines, counts, layouts and places for one run, without a word of text.
//!
//! In: a [`Grid`] by value. Out: one [`Outcome`] a combination, in the grid's own order, so that any part of it can be
//! asked for by itself and parts that are reckoned side by side join to the same whole.

use crate::error::EstimateError;
use crate::figures::{Figures, figures};
use crate::inputs::{Given, Inputs, Layout};
use crate::lognormal::LogNormal;
use crate::power::{Load, PowerBasis};
use crate::roofline::Sharing;
use crate::site::Site;
use greenwich_core::quantity::UsdPerAcceleratorHour;
use std::ops::Range;

/// An accelerator in one number format.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What is asked of it, in any of its runs; the grid sets the rest.
    pub inputs: Inputs,
    /// Counts and layouts.
    pub runs: Vec<Run>,
}

/// How many of a machine, how they share the work, and what that says of their speed and power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Accelerators.
    pub count: u32,
    /// What is known better than predicted, with the layout where there is one.
    pub given: Given,
    /// Useful FLOPs over peak FLOPs paid for.
    pub utilisation: LogNormal<f64>,
    /// How the mean power is known.
    pub power: Option<PowerBasis>,
    /// How it follows the share of peak.
    pub load: Option<Load>,
    /// The layout as it was timed, with what of it was left open.
    pub sharing: Option<Sharing>,
    /// Gigabytes that the layout needs on each accelerator, and that each has, where it does not fit.
    pub short_of_gb: Option<[f64; 2]>,
}

/// What a place asks for a machine; its site's own price stands above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Price of an accelerator-hour, where known.
    pub price: Option<LogNormal<UsdPerAcceleratorHour>>,
}

/// Every combination of machines, their runs and places.
#[derive(Debug, Clone)]
pub struct Grid {
    machines: Vec<Machine>,
    places: Vec<Site>,
    /// By machine, then place; `None` where the place does not offer the machine.
    offers: Vec<Option<Offer>>,
    /// How many combinations come before each machine, and all of them at the end.
    before: Vec<u64>,
}

/// Where in the grid: the machine, its run and the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Place in the grid's order, from 0.
    pub index: u64,
    /// Index of the machine.
    pub machine: usize,
    /// Index of the place.
    pub place: usize,
    /// Accelerators.
    pub count: u32,
    /// How they share the work, where that was asked for or told.
    pub layout: Option<Layout>,
    /// The same as it was timed, with what was left open.
    pub sharing: Option<Sharing>,
}

/// Why a combination cannot be had.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The place does not offer the machine.
    NotOffered,
    /// The layout does not fit.
    LayoutTooLarge {
        /// Gigabytes that it needs on each accelerator.
        needs_gb: f64,
        /// Gigabytes that each has.
        has_gb: f64,
    },
    /// It cannot be run, or nothing is known of it.
    Estimate(EstimateError),
}

/// What is found at a point.
pub type Outcome = Result<Figures, Refusal>;

impl Grid {
    /// The grid of these; `offer` says what a place asks for a machine, by their indices.
    pub fn new(
        machines: Vec<Machine>,
        places: Vec<Site>,
        mut offer: impl FnMut(usize, usize) -> Option<Offer>,
    ) -> Self {
        let pairs = (0..machines.len()).flat_map(|machine| (0..places.len()).map(move |place| (machine, place)));
        let offers = pairs.map(|(machine, place)| offer(machine, place)).collect();
        let each = places.len() as u64;
        let mut before = vec![0];
        for machine in &machines {
            before.push(before[before.len() - 1] + machine.runs.len() as u64 * each);
        }
        Self { machines, places, offers, before }
    }
    /// How many combinations there are.
    pub fn len(&self) -> u64 {
        self.before[self.machines.len()]
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The machines.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }
    /// The places.
    pub fn places(&self) -> &[Site] {
        &self.places
    }

    /// Estimates the combinations of a part of the grid, one after another: places change fastest, then layouts and
    /// counts, then machines. What lies beyond the grid is left out.
    pub fn visit(&self, part: Range<u64>, mut each: impl FnMut(Point, Outcome)) {
        let mut at = part.start;
        let end = part.end.min(self.len());
        while at < end {
            let machine = self.before.partition_point(|before| *before <= at) - 1;
            let until = end.min(self.before[machine + 1]);
            self.visit_machine(machine, at..until, &mut each);
            at = until;
        }
    }

    fn visit_machine(&self, index: usize, part: Range<u64>, each: &mut impl FnMut(Point, Outcome)) {
        let machine = &self.machines[index];
        let places = self.places.len() as u64;
        let mut inputs = machine.inputs.clone();
        // Places change fastest, and none of them changes the run: its hours are reckoned once.
        let mut known: Option<(u64, Result<Figures, EstimateError>)> = None;
        for at in part {
            let local = at - self.before[index];
            let (run, place) = (machine.runs[(local / places) as usize], (local % places) as usize);
            let Run { count, given: Given { layout, .. }, sharing, .. } = run;
            let point = Point { index: at, machine: index, place, count, layout, sharing };
            let Some(offer) = self.offers[index * self.places.len() + place] else {
                each(point, Err(Refusal::NotOffered));
                continue;
            };
            if let Some([needs_gb, has_gb]) = run.short_of_gb {
                each(point, Err(Refusal::LayoutTooLarge { needs_gb, has_gb }));
                continue;
            }
            if known.as_ref().is_none_or(|(of, _)| *of != local / places) {
                let Run { count, given, utilisation, power, load, .. } = run;
                inputs.setting.count = count;
                (inputs.given, inputs.utilisation, inputs.power, inputs.load) = (given, utilisation, power, load);
                known = Some((local / places, figures(&inputs)));
            }
            let Some((_, found)) = &known else { continue };
            let site = self.site(machine, offer, place);
            each(
                point,
                found.as_ref().map(|found| found.at(&site, None)).map_err(|error| Refusal::Estimate(error.clone())),
            );
        }
    }

    /// The place with what the machine's making emitted and what the place asks for it.
    fn site(&self, machine: &Machine, offer: Offer, place: usize) -> Site {
        let own = &self.places[place];
        let bills = own.price.is_some() || own.electricity_price.is_some();
        let price = if bills { own.price } else { offer.price };
        Site { embodied: machine.inputs.site.embodied, price, ..own.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use greenwich_core::footprint::Setting;
    use greenwich_core::quantity::{AverageIntensity, Bytes, FlopRate, Hours, Power, Pue};

    fn site(g_per_kwh: f64) -> Site {
        Site {
            pue: LogNormal::exact(Pue::new(1.1).expect("a PUE")),
            location_based: Some(LogNormal::new(AverageIntensity::from_g_per_kwh(g_per_kwh), 0.1)),
            location_based_direct: None,
            market_based: None,
            marginal: None,
            wue: None,
            source_water: None,
            embodied: None,
            price: None,
            electricity_price: None,
        }
    }

    fn inputs(tflops: f64) -> Inputs {
        Inputs {
            job: "sweep".to_owned(),
            model: Model::Bare { params_total: 7_000_000_000, params_active: 7_000_000_000 },
            tokens: Some(1e12),
            seq_len: None,
            precision: "bf16".to_owned(),
            setting: Setting { accelerator: None, count: 1, region: None, zone: None },
            peak: Some(FlopRate::from_tflops(tflops)),
            memory: Some(Bytes::from_gb(80.0)),
            utilisation: LogNormal::new(0.38, 0.3),
            goodput: LogNormal::new(0.85, 0.12),
            goodput_of_steps: LogNormal::new(0.95, 0.08),
            load: None,
            chip: None,
            power: Some(PowerBasis::Given(Power::from_watts(500.0))),
            given: Given::default(),
            site: site(0.0),
            pause_overhead: Hours::ZERO,
            transfer: None,
            factors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn run(count: u32, given: Given) -> Run {
        let power = Some(PowerBasis::Given(Power::from_watts(500.0)));
        let utilisation = LogNormal::new(0.38, 0.3);
        Run { count, given, utilisation, power, load: None, sharing: None, short_of_gb: None }
    }

    fn grid() -> Grid {
        let layout = Some(Layout { tensor: 2, pipeline: 2, data: 2, context: 1 });
        let (free, halves) = (Given::default(), Given { layout, ..Given::default() });
        let measured = Given { hours: Some(Hours::from_hours(1000.0)), ..free };
        let runs = |given| vec![run(1, free), run(8, given), run(8, halves), run(16, halves)];
        let machines = vec![
            Machine { inputs: inputs(312.0), runs: runs(measured) },
            Machine { inputs: inputs(989.0), runs: runs(free) },
        ];
        Grid::new(machines, vec![site(400.0), site(50.0), site(20.0)], |machine, place| {
            let price = Some(LogNormal::exact(UsdPerAcceleratorHour::from_usd_per_hour(2.0)));
            (machine != 1 || place != 2).then_some(Offer { price })
        })
    }

    #[test]
    fn a_layout_that_does_not_fit_says_how_much_it_lacks() {
        let large = Run { short_of_gb: Some([90.0, 80.0]), ..run(8, Given::default()) };
        let machine = Machine { inputs: inputs(312.0), runs: vec![large, run(8, Given::default())] };
        let grid = Grid::new(vec![machine], vec![site(400.0)], |_, _| Some(Offer { price: None }));
        let found: Vec<Outcome> = all(&grid, 1).into_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(found[0], Err(Refusal::LayoutTooLarge { needs_gb: 90.0, has_gb: 80.0 }));
        assert!(found[1].is_ok());
    }

    fn all(grid: &Grid, step: u64) -> Vec<(Point, Outcome)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < grid.len() {
            grid.visit(at..at + step, |point, outcome| found.push((point, outcome)));
            at += step;
        }
        found
    }

    #[test]
    fn parts_join_to_the_whole_in_order() {
        let grid = grid();
        let whole = all(&grid, 1000);
        assert_eq!(whole.len() as u64, grid.len());
        assert_eq!(grid.len(), 2 * 4 * 3);
        assert!(whole.iter().enumerate().all(|(index, (point, _))| point.index == index as u64));
        for step in [1, 5, 7] {
            assert_eq!(all(&grid, step), whole);
        }
    }

    #[test]
    fn what_cannot_be_is_kept_with_its_reason() {
        let reasons: Vec<String> = all(&grid(), 100)
            .into_iter()
            .filter_map(|(point, outcome)| {
                let words = match outcome.err()? {
                    Refusal::NotOffered => "not offered".to_owned(),
                    Refusal::LayoutTooLarge { .. } => "too large".to_owned(),
                    Refusal::Estimate(error) => error.to_string(),
                };
                Some(format!(
                    "{}/{}×{}: {}",
                    point.machine,
                    point.count,
                    point.place,
                    words[..words.len().min(11)].trim_end()
                ))
            })
            .collect();
        insta::assert_snapshot!(reasons.join("\n"), @r"
        0/1×0: training ne
        0/1×1: training ne
        0/1×2: training ne
        0/16×0: the layout
        0/16×1: the layout
        0/16×2: the layout
        1/1×0: training ne
        1/1×1: training ne
        1/1×2: not offered
        1/8×2: not offered
        1/8×2: not offered
        1/16×0: the layout
        1/16×1: the layout
        1/16×2: not offered
        ");
    }

    #[test]
    fn what_was_measured_holds_for_its_own_run_alone() {
        let hours = |machine: usize, with_layout: bool| {
            let found = all(&grid(), 100).into_iter().find(|(point, outcome)| {
                (point.machine, point.count, point.layout.is_some()) == (machine, 8, with_layout) && outcome.is_ok()
            });
            let figures = found.and_then(|(_, outcome)| outcome.ok());
            figures.map(|figures| (figures.hours.median().hours(), figures.hours.sigma()))
        };
        assert_eq!(hours(0, false), Some((1000.0, 0.0)));
        assert!(hours(0, true).is_some_and(|(_, sigma)| sigma > 0.2));
        assert!(hours(1, false).is_some_and(|(_, sigma)| sigma > 0.2));
    }
}
