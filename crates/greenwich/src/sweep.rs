//! One run over every combination of chips, counts, precisions, layouts and places.
//!
//! In: a job, its axes, and where the rows go. Out: [`Swept`]: the least of each aim, the frontier of hours, CO2e and cost,
//! what cannot be had and why; and a file of every combination, written as it is reckoned. The answer and the file are the
//! same on any number of threads.

mod axes;
mod best;
mod columns;
mod csv_rows;
mod decimal;
mod file;
mod grid;
mod parquet_rows;
mod view;

use crate::document::Place;
use crate::error::Error;
use crate::job_file::JobSpec;
use crate::pipeline::Greenwich;
use best::{Aims, Best, aims};
use columns::Scribe;
use file::{Rows, Sink};
use greenwich_estimate::Figures;
use greenwich_estimate::sweep::{Grid, Outcome, Point, Refusal};
use grid::{MachineName, Named, PlaceName};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub use axes::{Axes, KEYS, SCHEMA};
pub use columns::{COLUMNS, QUANTITIES, names};
pub use file::Form;

/// Combinations that are reckoned at once, and rows of one group of a Parquet file.
const CHUNK: u64 = 1 << 14;
/// Points of a picture besides the frontier.
const SAMPLE: u64 = 3000;
/// Most combinations of one sweep.
const MOST: u64 = 1_000_000_000;

/// How a sweep is done.
#[derive(Debug, Clone)]
pub struct SweepOptions {
    /// Where every combination is written: `.csv` or `.parquet`.
    pub out: Option<PathBuf>,
    /// At most so many threads; as many as there are cores where not said.
    pub threads: Option<NonZeroUsize>,
}

/// What a sweep found.
#[derive(Debug)]
#[must_use]
pub struct Swept {
    job: String,
    machines: Vec<MachineName>,
    places: Vec<PlaceName>,
    /// How many values each axis has: chips, precisions, counts with their layouts, places.
    combinations: u64,
    best: Best,
    /// The least of hours, CO2e and cost.
    least: [Option<Found>; 3],
    /// Quickest first.
    frontier: Vec<Found>,
    refused: Vec<Reason>,
    axes: Vec<(&'static str, Vec<String>)>,
    out: Option<PathBuf>,
    warnings: Vec<String>,
}

/// A combination that can be run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    point: Point,
    figures: Figures,
    aims: Aims,
}

/// Why combinations cannot be had: how many, and the first of them.
#[derive(Debug, Clone, PartialEq)]
struct Reason {
    combinations: u64,
    point: Point,
    refusal: Refusal,
}

impl Swept {
    /// Whether any combination can be run.
    pub fn is_feasible(&self) -> bool {
        self.best.feasible > 0
    }
}

/// Sweeps a job over its axes.
///
/// # Errors
/// [`Error::Named`] and [`Error::Document`] for names and values that cannot be meant, [`Error::Write`] where the file
/// cannot be written; what cannot be run is no error but a row with its reason.
pub fn sweep(greenwich: &Greenwich, spec: &JobSpec, axes: &Axes, options: &SweepOptions) -> Result<Swept, Error> {
    let form = options.out.as_deref().map(Form::of).transpose()?;
    let named = grid::named(greenwich.catalog(), spec, axes)?;
    let combinations = named.grid.len();
    if combinations > MOST {
        return Err(too_many(combinations).into());
    }
    let scribe = Scribe::new(&named);
    let mut sink = match (&options.out, form) {
        (Some(path), Some(form)) => Some(Sink::open(path, form, &scribe, &spec.name)?),
        _ => None,
    };
    let mut best = Best::new(combinations.div_ceil(SAMPLE));
    let stride = combinations.div_ceil(SAMPLE);
    let form = sink.as_ref().map(Sink::form);
    let part = |from: u64| {
        let (mut own, mut rows) = (Best::new(stride), form.as_ref().map(|form| Rows::new(&scribe, form)));
        named.grid.visit(from..from + CHUNK, |point, outcome| {
            if let Some(rows) = &mut rows {
                rows.push(&point, &outcome);
            }
            own.take(&point, &outcome);
        });
        (own, rows.map(Rows::written))
    };
    let threads = options.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let mut starts = (0..combinations).step_by(CHUNK as usize).peekable();
    while starts.peek().is_some() {
        let round: Vec<u64> = starts.by_ref().take(threads).collect();
        for (own, rows) in side_by_side(&round, &part) {
            best.join(own);
            if let (Some(sink), Some(rows)) = (&mut sink, rows) {
                sink.write(rows)?;
            }
        }
    }
    if let Some(sink) = sink {
        sink.finish()?;
    }
    let found = |index: u64| {
        let (point, outcome) = at(&named.grid, index)?;
        let figures = outcome.ok()?;
        Some(Found { point, figures, aims: aims(&figures) })
    };
    let least = best.least().map(|index| index.and_then(found));
    let frontier = best.frontier().into_iter().filter_map(found).collect();
    let reasons = best.refused.values().filter_map(|refused| {
        let (point, outcome) = at(&named.grid, refused.first)?;
        Some(Reason { combinations: refused.combinations, point, refusal: outcome.err()? })
    });
    let refused = reasons.collect();
    let axes = view::axes(axes, &named);
    let Named { machines, places, warnings, .. } = named;
    let (job, out) = (spec.name.clone(), options.out.clone());
    Ok(Swept { job, machines, places, combinations, best, least, frontier, refused, axes, out, warnings })
}

/// One combination.
fn at(grid: &Grid, index: u64) -> Option<(Point, Outcome)> {
    let mut found = None;
    grid.visit(index..index + 1, |point, outcome| found = Some((point, outcome)));
    found
}

/// The parts in their order, each on a thread of its own where there is more than one.
fn side_by_side<T: Send>(starts: &[u64], part: &(impl Fn(u64) -> T + Sync)) -> Vec<T> {
    let [first, others @ ..] = starts else { return Vec::new() };
    std::thread::scope(|scope| {
        let running: Vec<_> = others.iter().map(|start| scope.spawn(move || part(*start))).collect();
        let mut parts = vec![part(*first)];
        parts.extend(running.into_iter().map(|thread| thread.join().expect("a part does not panic")));
        parts
    })
}

fn too_many(combinations: u64) -> crate::document::DocumentError {
    let place = Place { file: "command line".to_owned(), line: None, key: "--sweep".to_owned() };
    place.refuse(
        format!("{combinations} combinations"),
        format!("at most {MOST}"),
        "list fewer values, or sweep in parts: one cloud, then the next",
    )
}
